//! The commands, one file each, over the scenarios that a program has: `cargo sim` over those of the broker, a
//! program of somebody else's over its own.
#![allow(clippy::disallowed_methods, reason = "the runner stands outside of every simulation")]
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::case::Case;
use crate::scenarios::{self, Scenario};
use crate::schedules::Schedule;

mod failure;
mod junit;
mod list;
mod process;
mod replay;
mod run;
mod seed;
mod shrink;
mod speed;

#[derive(Parser)]
#[command(version)]
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
    /// Measure how fast the simulator runs a scenario
    Speed(speed::Options),
    /// List the scenarios
    List,
    /// Run one seed or case in this process and report on it in a line of JSON (what `run` starts)
    #[command(hide = true)]
    Seed(seed::Options),
}

/// The whole of a program's `main`: `run`, `replay`, `shrink`, `speed` and `list` over these scenarios. `program`
/// is how people start it, for the lines that show a failure again (`cargo run --example orders --`). The first
/// scenario is the default, and the one in which a kept schedule must find nothing.
///
/// # Panics
/// If there is no scenario, or if it is called twice in one process.
#[must_use]
pub fn main(program: &'static str, scenarios: Vec<&'static dyn Scenario>) -> ExitCode {
    assert!(!scenarios.is_empty(), "a program without a scenario simulates nothing");
    scenarios::register(program, scenarios);
    let command = Arguments::command().bin_name(program).name(program);
    let matches = command.about("Runs scenarios inside Ordain's deterministic simulator").get_matches();
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match arguments.command {
        Command::Run(options) => run::run(&options),
        Command::Replay(options) => replay::run(&options),
        Command::Shrink(options) => shrink::run(&options),
        Command::Speed(options) => speed::run(&options),
        Command::List => list::run(),
        Command::Seed(options) => seed::run(&options),
    }
}

/// The scenario that is meant if none is named.
pub(crate) fn default_scenario() -> &'static str {
    scenarios::all().first().map_or("", |scenario| scenario.name())
}

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
            let scenario = scenario(self.scenario.as_deref().unwrap_or(default_scenario()))?;
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
        if let Some(scenario) = self.scenario.as_ref().filter(|name| *name != default_scenario()) {
            words.extend(["--scenario".to_owned(), scenario.clone()]);
        }
        words
    }

    /// The command that shows it.
    pub(crate) fn replay_line(&self) -> String {
        format!("{} replay {}", scenarios::program(), self.arguments().join(" "))
    }
}

/// The scenario of that name.
///
/// # Errors
/// For people, if there is none.
pub(crate) fn scenario(name: &str) -> Result<&'static dyn Scenario, String> {
    scenarios::find(name).ok_or_else(|| {
        let program = scenarios::program();
        format!("there is no scenario {name:?}; `{program} list` shows what there is")
    })
}

/// Prints, and minds a closed pipe no more than necessary.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
        std::process::exit(i32::from(FOUND));
    }
}

/// Says why the command line is of no use.
fn refuse(why: &str) -> ExitCode {
    eprintln!("{why}");
    ExitCode::from(USAGE)
}

/// How many processes run at once if nobody says so.
fn jobs(asked: Option<usize>) -> usize {
    asked.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)).max(1)
}
