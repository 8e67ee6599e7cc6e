use std::process::ExitCode;

use crate::{TraceMode, logs, scenarios};
use clap::Args;

use super::seed::watch;
use super::{Chosen, FOUND, print, refuse};

#[derive(Args)]
pub(super) struct Options {
    #[command(flatten)]
    chosen: Chosen,
    /// Leave out what the nodes' own programs log
    #[arg(long)]
    no_logs: bool,
    /// Give up after this many seconds of real time
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: Option<u64>,
}

/// Prints the trace as it comes, what was found on the standard error, and the hash as the last line.
pub(super) fn run(options: &Options) -> ExitCode {
    let (case, scenario) = match options.chosen.arm().and_then(|()| options.chosen.load()) {
        Ok(loaded) => loaded,
        Err(why) => return refuse(&why),
    };
    if !options.no_logs {
        logs::install().expect("this process has no other subscriber");
    }
    if let Some(seconds) = options.timeout {
        watch(seconds, None);
    }
    let outcome = scenarios::run_case(scenario, case, TraceMode::Print);
    if let Err(violation) = &outcome.value {
        eprintln!("{violation}");
    }
    print(&format!("{}\n", outcome.hash));
    // The world is not taken apart: the process ends with it.
    if outcome.value.is_err() { ExitCode::from(FOUND) } else { ExitCode::SUCCESS }
}
