//! One file per command.
pub mod cluster;
mod cluster_config;
mod cluster_health;
mod cluster_recover;
mod cluster_unregister;
mod cluster_voters;
pub mod completions;
pub mod config;
pub mod consume;
pub mod dev;
pub mod group;
pub mod perf;
mod positions;
pub mod produce;
mod reassign;
pub mod serve;
pub mod topic;

use crate::cli::{Arguments, Command};
use crate::failure::Failure;

/// Runs the command to its end.
pub fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.command {
        Command::Serve(arguments) => serve::run(arguments),
        Command::Dev(arguments) => dev::run(arguments),
        Command::Config(arguments) => config::run(&arguments),
        Command::Topic(arguments) => topic::run(arguments),
        Command::Produce(arguments) => produce::run(arguments),
        Command::Consume(arguments) => consume::run(arguments),
        Command::Group(arguments) => group::run(arguments),
        Command::Cluster(arguments) => cluster::run(arguments),
        Command::Perf(arguments) => perf::run(arguments),
        Command::Completions(arguments) => completions::run(&arguments),
    }
}
