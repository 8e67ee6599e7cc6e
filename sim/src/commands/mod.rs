//! The commands, one file each, and what they share: which case is meant, and how they end.
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use ordain_sim::case::Case;
use ordain_sim::scenarios::{self, Scenario};
use ordain_sim::schedules::Schedule;

pub(crate) mod list;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) mod schedules;
pub(crate) mod seed;
pub(crate) mod shrink;

pub(crate) const DEFAULT_SCENARIO: &str = "broker";
/// The exit status of a run that found something broken.
pub(crate) const FOUND: u8 = 1;
/// The exit status of a wrong command line, or of a file that cannot be read or written.
pub(crate) const USAGE: u8 = 2;
/// The exit status of a seed that took too long.
pub(crate) const TIMED_OUT: u8 = 3;
/// How long one seed may take, in seconds of real time.
pub(crate) const TIMEOUT_SECONDS: u64 = 120;

/// Which case is meant.
#[derive(Args, Clone, Default)]
pub(crate) struct Chosen {
    /// The seed that draws the case
    #[arg(required_unless_present = "case", conflicts_with = "case")]
    seed: Option<u64>,
    /// A file that holds the case: a failure's case.json, or a schedule of sim/schedules/
    #[arg(long, value_name = "FILE")]
    case: Option<PathBuf>,
    /// Run it in this scenario; default: the case's own, or that of the broker
    #[arg(long)]
    scenario: Option<String>,
}

impl Chosen {
    pub(crate) fn seed(seed: u64, scenario: &str) -> Chosen {
        Chosen { seed: Some(seed), case: None, scenario: Some(scenario.to_owned()) }
    }

    pub(crate) fn case(path: &Path) -> Chosen {
        Chosen { case: Some(path.to_owned()), ..Chosen::default() }
    }

    /// The case, and what runs it.
    ///
    /// # Errors
    /// For people.
    pub(crate) fn load(&self) -> Result<(Case, &'static dyn Scenario), String> {
        let Some(path) = &self.case else {
            let scenario = scenario(self.scenario.as_deref().unwrap_or(DEFAULT_SCENARIO))?;
            return Ok((scenario.draw(self.seed.unwrap_or(0)), scenario));
        };
        let told = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read {told}: {error}"))?;
        let mut case = match Schedule::from_json(&text) {
            Ok(schedule) => schedule.case,
            Err(_) => Case::from_json(&text).map_err(|error| format!("{told}: {error}"))?,
        };
        if let Some(scenario) = &self.scenario {
            case.scenario.clone_from(scenario);
        }
        let scenario = scenario(&case.scenario)?;
        Ok((case, scenario))
    }

    /// As it stands on a command line.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut words = Vec::new();
        words.extend(self.seed.map(|seed| seed.to_string()));
        if let Some(path) = &self.case {
            words.extend(["--case".to_owned(), path.display().to_string()]);
        }
        let goes_without_saying = |name: &&String| self.case.is_none() && *name == DEFAULT_SCENARIO;
        if let Some(scenario) = self.scenario.as_ref().filter(|name| !goes_without_saying(name)) {
            words.extend(["--scenario".to_owned(), scenario.clone()]);
        }
        words
    }

    /// The command that shows it.
    pub(crate) fn replay_line(&self) -> String {
        format!("cargo sim replay {}", self.arguments().join(" "))
    }
}

/// The scenario of that name.
///
/// # Errors
/// For people, if there is none.
pub(crate) fn scenario(name: &str) -> Result<&'static dyn Scenario, String> {
    scenarios::find(name)
        .ok_or_else(|| format!("there is no scenario {name:?}; `cargo sim list` shows what there is"))
}

/// Prints, and minds a closed pipe no more than necessary.
pub(crate) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
        std::process::exit(i32::from(FOUND));
    }
}

/// Says why the command line is of no use.
pub(crate) fn refuse(why: &str) -> ExitCode {
    eprintln!("{why}");
    ExitCode::from(USAGE)
}

/// How many processes run at once if nobody says so.
pub(crate) fn jobs(asked: Option<usize>) -> usize {
    asked.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)).max(1)
}
