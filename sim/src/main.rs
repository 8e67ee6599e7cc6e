//! `cargo sim`: runs seeds, replays one, shrinks one, lists what can be simulated.
#![allow(clippy::disallowed_methods, reason = "the runner stands outside of every simulation")]
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod commands;
mod failure;
mod junit;
mod process;

use commands::{list, replay, run, schedules, seed, shrink};

#[derive(Parser)]
#[command(name = "cargo sim", version, about = "Runs Ordain inside its deterministic simulator")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a range of seeds, one process each
    Run(run::Options),
    /// Run one seed or case, print its trace and, as the last line, the trace's hash
    Replay(replay::Options),
    /// Make the case of a failure as small as it can be, and keep it as a schedule
    Shrink(shrink::Options),
    /// Run the schedules that are kept, and see that of each comes what is expected
    Schedules(schedules::Options),
    /// List the scenarios
    List,
    /// Run one seed or case in this process and report on it in a line of JSON (what `run` starts)
    #[command(hide = true)]
    Seed(seed::Options),
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Run(options) => run::run(&options),
        Command::Replay(options) => replay::run(&options),
        Command::Shrink(options) => shrink::run(&options),
        Command::Schedules(options) => schedules::run(&options),
        Command::List => list::run(),
        Command::Seed(options) => seed::run(&options),
    }
}
