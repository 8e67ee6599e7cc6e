use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::{TraceMode, logs, scenarios};
use clap::Args;
use serde::Serialize;

use super::process::{Report, TIMEOUT};
use super::seed::{Told, watch};
use super::{Chosen, FOUND, failure, print, print_json, refuse};

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
    /// Print JSON: one line of how the run went, in the place of its trace
    #[arg(long)]
    json: bool,
}

/// The line under `--json`: as `run` prints it of a seed, as far as it is known of a case.
#[derive(Serialize)]
struct Line<'a> {
    seed: u64,
    scenario: &'a str,
    #[serde(flatten)]
    report: Report,
    #[serde(skip_serializing_if = "Option::is_none")]
    folder: Option<&'a Path>,
}

/// Prints the trace as it comes, what was found on the standard error, and the hash as the last line; or a line of JSON.
pub(super) fn run(options: &Options) -> ExitCode {
    options.chosen.arm();
    let (case, scenario) = match options.chosen.load() {
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
        let told = if options.json { Told::AsReport } else { Told::InWords };
        watch(seconds, shown.clone().map(|(folder, case, _)| (folder, case, again)), told);
    }
    let mode = match (&options.folder, options.json) {
        (Some(_), _) => TraceMode::Keep,
        (None, true) => TraceMode::Hash,
        (None, false) => TraceMode::Print,
    };
    let seed = case.seed;
    let outcome = scenarios::run_case(scenario, case, mode);
    if let Err(violation) = &outcome.value {
        eprintln!("{violation}");
    }
    if let Some((folder, case, replay)) = shown {
        if let Err(error) = failure::write(&folder, &case, &outcome, &replay) {
            return refuse(&format!("cannot write the folder {}: {error}", folder.display()));
        }
        if !options.json {
            print(&format!("open {}\n", folder.join("report.html").display()));
        }
    }
    if options.json {
        let (scenario, folder) = (scenario.name(), options.folder.as_deref());
        print_json(&Line { seed, scenario, report: Report::of(&outcome), folder });
    } else {
        print(&format!("{}\n", outcome.hash));
    }
    // The world is not taken apart: the process ends with it.
    if outcome.value.is_err() { ExitCode::from(FOUND) } else { ExitCode::SUCCESS }
}
