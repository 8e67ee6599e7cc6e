use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use crate::case::Case;
use crate::scenarios::Violation;
use crate::{Simulation, TraceMode, logs, scenarios};
use clap::Args;

use super::process::{Report, TIMEOUT};
use super::{Chosen, FOUND, TIMED_OUT, TIMEOUT_SECONDS, failure, print_json, refuse};

/// How long it may take to show a run that was given up.
const SHOW_WITHIN: Duration = Duration::from_secs(20);

#[derive(Args)]
pub(super) struct Options {
    #[command(flatten)]
    chosen: Chosen,
    /// Give up after this many seconds
    #[arg(long, default_value_t = TIMEOUT_SECONDS, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
    /// Keep the whole trace, and write a folder that shows the run
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// What the folder calls the run, and how it is run again
    #[arg(long, requires = "folder", default_value = "")]
    replay: String,
}

/// Runs one case, and reports on it in one line of JSON.
pub(super) fn run(options: &Options) -> ExitCode {
    options.chosen.arm();
    let (case, scenario) = match options.chosen.load() {
        Ok(loaded) => loaded,
        Err(why) => return refuse(&why),
    };
    let show = options.folder.clone().map(|folder| (folder, case.clone(), options.replay.clone()));
    watch(options.timeout, show, Told::InWords);
    let mode = if options.folder.is_some() { TraceMode::Keep } else { TraceMode::Hash };
    if options.folder.is_some() {
        logs::install().expect("this process has no other subscriber");
    }
    let outcome = scenarios::run_case(scenario, case.clone(), mode);
    let report = Report::of(&outcome);
    if let Some(folder) = &options.folder
        && let Err(error) = failure::write(folder, &case, &outcome, &options.replay)
    {
        return refuse(&format!("cannot write the folder {}: {error}", folder.display()));
    }
    print_json(&report);
    // The world is not taken apart: the process ends with it.
    if report.violation.is_some() { ExitCode::from(FOUND) } else { ExitCode::SUCCESS }
}

/// In which form it is told that a run was given up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    InWords,
    /// And in a line of JSON.
    AsReport,
}

/// Ends the process if the simulation runs for ever; a folder shows what it has come to.
pub(super) fn watch(seconds: u64, show: Option<(PathBuf, Case, String)>, told: Told) {
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(seconds));
        let text = format!("did not end within {seconds} s");
        eprintln!("{text}");
        if told == Told::AsReport {
            print_json(&Report::dead(TIMEOUT, text.clone()));
        }
        // What is looked at may be held by the simulation for ever: then the folder is what `run` makes of it.
        std::thread::spawn(|| {
            std::thread::sleep(SHOW_WITHIN);
            std::process::exit(i32::from(TIMED_OUT));
        });
        if let (Some((folder, case, replay)), Some(so_far)) = (show, Simulation::so_far()) {
            let outcome = so_far.map(|()| Err(Violation::new(TIMEOUT, text)));
            if let Err(error) = failure::write(&folder, &case, &outcome, &replay) {
                eprintln!("cannot write the folder {}: {error}", folder.display());
            }
        }
        std::process::exit(i32::from(TIMED_OUT));
    });
}
