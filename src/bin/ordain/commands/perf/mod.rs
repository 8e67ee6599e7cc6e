//! Measuring a broker. What is measured of the machine is this process's own share: its CPU time is told, so
//! that a slow client is not taken for a slow broker.
mod consume;
mod engine;
mod figures;
mod first;
mod latency;
mod produce;
mod template;
mod workers;

use clap::Subcommand;

use crate::connect::Connect;
use crate::failure::Failure;
use crate::output::Format;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    connect: Connect,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// How many records and bytes a second a topic takes.
    Produce(produce::Arguments),
    /// How many records and bytes a second a topic gives.
    Consume(consume::Arguments),
    /// How long records take to be acknowledged at a fixed rate, each timed from when it was due.
    Latency(latency::Arguments),
    /// When a broker that may not even run yet acknowledges its first record.
    First(first::Arguments),
}

pub fn run(arguments: Arguments) -> Result<(), Failure> {
    let format = Format::from_flag(arguments.connect.json);
    match arguments.action {
        Action::Produce(action) => produce::run(&arguments.connect, &action, format),
        Action::Consume(action) => consume::run(&arguments.connect, &action, format),
        Action::Latency(action) => latency::run(&arguments.connect, &action, format),
        Action::First(action) => first::run(&arguments.connect, &action, format),
    }
}
