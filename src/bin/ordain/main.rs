//! `ordain`: the broker (`serve`) and the tools around it, which work against any Kafka broker.
//!
//! Owns the command line, the terminal and the process: signals, exit codes, descriptors. Exit codes: 0 done,
//! 1 failed, 2 wrong arguments, 130 interrupted, 141 the reader of the output went away.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "the binary is the runtime's side")]
mod admin;
mod cli;
mod commands;
mod connect;
mod failure;
mod group_figures;
mod node;
mod output;
mod parse;
mod progress;
mod watch;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    match commands::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
