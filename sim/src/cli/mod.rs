//! `cargo sim`: runs seeds, replays one, shrinks one, lists what can be simulated. One file for each command;
//! here is what they share: which case is meant, and how they end.
//!
//! Nothing here is simulated: it reads the clock, starts processes and writes files. A program with scenarios of
//! its own has the same commands: its `main` is [`main`] with its scenarios, or that of a [`Program`].
#![allow(clippy::disallowed_methods, reason = "the commands stand outside of every simulation")]
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::case::Case;
use crate::scenarios::Scenario;
use crate::schedules::Schedule;
use clap::{Args, Parser, Subcommand};
use ordain::probe::{self, Mutant};
use serde::Serialize;

mod check_history;
mod conditions;
mod failure;
mod junit;
mod list;
mod mutants;
mod process;
mod program;
mod replay;
mod run;
mod schedules;
mod seed;
mod shrink;
mod speed;

pub use program::Program;
use program::{default_scenario, program, scenario, scenario_of_speed};

#[derive(Parser)]
#[command(version, about = "Runs a program inside its deterministic simulator")]
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
    /// Look for every planted mistake, and say after how many seeds it was found
    Mutants(mutants::Options),
    /// Measure how much simulated time one core gets through
    Speed(speed::Options),
    /// Hold histories that clients have written down, of any brokers, against the checkers
    CheckHistory(check_history::Options),
    /// List the scenarios
    List,
    /// Run one seed or case in this process and report on it in a line of JSON (what `run` starts)
    #[command(hide = true)]
    Seed(seed::Options),
}

/// The whole `main` of a program with these scenarios: that of a [`Program`] which says no more.
///
/// # Panics
/// If there is no scenario.
#[must_use]
pub fn main(program: &'static str, scenarios: Vec<&'static dyn Scenario>) -> ExitCode {
    Program::new(program, scenarios).main()
}

/// The exit status of a run that found something broken.
const FOUND: u8 = 1;
/// The exit status of a wrong command line, or of a file that cannot be read or written.
const USAGE: u8 = 2;
/// The exit status of a seed that took too long.
const TIMED_OUT: u8 = 3;
/// The exit status of a command that was interrupted, as shells have it: 128 and the signal's number.
const INTERRUPTED: u8 = 130;
/// How long one seed may take, in seconds of real time.
const TIMEOUT_SECONDS: u64 = 120;

/// Which case is meant.
#[derive(Args, Clone, Default)]
struct Chosen {
    /// The seed that draws the case; with --case the seed of the run, in the place of the case's own
    #[arg(required_unless_present = "case", value_parser = seed_of)]
    seed: Option<u64>,
    /// A file that holds the case: a failure's case.json, or a kept schedule
    #[arg(long, value_name = "FILE")]
    case: Option<PathBuf>,
    /// Run it in this scenario; default: the case's own, or the first of the list
    #[arg(long)]
    scenario: Option<String>,
    /// Make this planted mistake, beyond that of the scenario
    #[arg(long, value_parser = mutants::mutant_of)]
    mutant: Option<Mutant>,
}

impl Chosen {
    fn seed(seed: u64, scenario: &str) -> Chosen {
        Chosen { seed: Some(seed), case: None, scenario: Some(scenario.to_owned()), mutant: None }
    }

    fn case(path: &Path) -> Chosen {
        Chosen { case: Some(path.to_owned()), ..Chosen::default() }
    }

    /// The case, and what runs it.
    ///
    /// # Errors
    /// For people.
    fn load(&self) -> Result<(Case, &'static dyn Scenario), String> {
        let Some(path) = &self.case else {
            let scenario = scenario(self.scenario.as_deref().unwrap_or(default_scenario()))?;
            return Ok((scenario.draw(self.seed.unwrap_or(0)), scenario));
        };
        let told = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read {told}: {error}"))?;
        let told = |error| format!("{told}: {error}");
        let mut case = if Schedule::is_one(&text) {
            Schedule::from_json(&text).map_err(told)?.case
        } else {
            Case::from_json(&text).map_err(told)?
        };
        if let Some(scenario) = &self.scenario {
            case.scenario.clone_from(scenario);
        }
        case.seed = self.seed.unwrap_or(case.seed);
        let scenario = scenario(&case.scenario)?;
        Ok((case, scenario))
    }

    /// Lets this process make the mistake that is meant.
    fn arm(&self) {
        if let Some(mutant) = self.mutant {
            probe::arm(mutant);
        }
    }

    /// As it stands on a command line.
    fn arguments(&self) -> Vec<String> {
        let mut words = Vec::new();
        words.extend(self.seed.map(|seed| seed.to_string()));
        if let Some(path) = &self.case {
            words.extend(["--case".to_owned(), path.display().to_string()]);
        }
        let goes_without_saying = |name: &&String| self.case.is_none() && *name == default_scenario();
        if let Some(scenario) = self.scenario.as_ref().filter(|name| !goes_without_saying(name)) {
            words.extend(["--scenario".to_owned(), scenario.clone()]);
        }
        words.extend(self.mutant.into_iter().flat_map(|one| ["--mutant".to_owned(), one.name().to_owned()]));
        words
    }

    /// The command that shows it.
    fn replay_line(&self) -> String {
        format!("{} replay {}", program(), self.arguments().join(" "))
    }

    /// The same for a run in which that checker found something: one that took too long is to be given up again.
    fn replay_line_of(&self, checker: &str, timeout_seconds: u64) -> String {
        let line = self.replay_line();
        if checker == process::TIMEOUT { format!("{line} --timeout {timeout_seconds}") } else { line }
    }
}

/// Prints, and minds a closed pipe no more than necessary.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
        std::process::exit(i32::from(USAGE));
    }
}

/// Prints a line, likewise.
macro_rules! say {
    ($($text:tt)*) => {
        $crate::cli::print(&(format!($($text)*) + "\n"))
    };
}
use say;

/// Prints something as a line of JSON, likewise.
fn print_json(value: &impl Serialize) {
    print(&(serde_json::to_string(value).expect("plain data") + "\n"));
}

/// A seed as it stands on a command line.
fn seed_of(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("a seed is a whole number from 0 to {}", u64::MAX))
}

/// How many of something as it stands on a command line.
fn count_of(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if count > 0 => Ok(count),
        Ok(_) | Err(_) => Err("a count is a whole number from 1 on".to_owned()),
    }
}

/// Says why the command line is of no use.
fn refuse(why: &str) -> ExitCode {
    eprintln!("{why}");
    ExitCode::from(USAGE)
}

/// How many processes run at once if nobody says so.
fn jobs(asked: Option<usize>) -> usize {
    asked.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}
