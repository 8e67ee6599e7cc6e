//! `ordain`: the broker (`serve`) and the tools around it, which work against any Kafka broker.
//!
//! Owns the command line, the terminal and the process: signals, exit codes, descriptors. Errors go to standard error,
//! with `--json` as one document `{"error": {"message", "code"}}` there. Exit codes: 0 done, 1 failed, 2 wrong arguments, 130 interrupted, 141 the reader of the output went away.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "the binary is the runtime's side")]
mod admin;
mod cli;
mod commands;
mod connect;
mod failure;
mod group_figures;
mod meta_properties;
mod node;
mod output;
mod parse;
mod progress;
mod signals;
mod watch;

use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches};

use crate::output::Format;

fn main() -> ExitCode {
    let matches = cli::Arguments::command().get_matches();
    let arguments = cli::Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match commands::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(format_of(&matches)),
    }
}

/// What was asked for: `--json` belongs to the innermost command, and most have it.
fn format_of(matches: &ArgMatches) -> Format {
    let mut at = matches;
    while let Some((_, inner)) = at.subcommand() {
        at = inner;
    }
    Format::from_flag(matches!(at.try_get_one::<bool>("json"), Ok(Some(true))))
}
