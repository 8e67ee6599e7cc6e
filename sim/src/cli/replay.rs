use std::path::PathBuf;
use std::process::ExitCode;

use crate::{TraceMode, logs, scenarios};
use clap::Args;

use super::process::TIMEOUT;
use super::seed::watch;
use super::{Chosen, FOUND, failure, print, refuse};

#[derive(Args)]
pub(super) struct Options {
    #[command(flatten)]
    chosen: Chosen,
    /// Leave out what the nodes' own programs log
    #[arg(long)]
    no_logs: bool,
    /// Write the folder of the run, as `run` does of a failure; the trace stands there and is not printed
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
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
    let replay = options.chosen.replay_line();
    let shown = options.folder.clone().map(|folder| (folder, case.clone(), replay.clone()));
    if let Some(seconds) = options.timeout {
        let again = options.chosen.replay_line_of(TIMEOUT, seconds);
        watch(seconds, shown.clone().map(|(folder, case, _)| (folder, case, again)));
    }
    let mode = if options.folder.is_some() { TraceMode::Keep } else { TraceMode::Print };
    let outcome = scenarios::run_case(scenario, case, mode);
    if let Err(violation) = &outcome.value {
        eprintln!("{violation}");
    }
    if let Some((folder, case, replay)) = shown {
        if let Err(error) = failure::write(&folder, &case, &outcome, &replay) {
            return refuse(&format!("cannot write the folder {}: {error}", folder.display()));
        }
        print(&format!("open {}\n", folder.join("report.html").display()));
    }
    print(&format!("{}\n", outcome.hash));
    // The world is not taken apart: the process ends with it.
    if outcome.value.is_err() { ExitCode::from(FOUND) } else { ExitCode::SUCCESS }
}
