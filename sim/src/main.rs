//! `cargo sim`: runs seeds, replays one, lists what can be simulated.
#![allow(clippy::disallowed_methods, reason = "the runner stands outside of every simulation")]
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use ordain_sim::{TraceMode, scenarios};

mod speed;
mod sweep;

#[derive(Parser)]
#[command(name = "cargo sim", version, about = "Runs Ordain inside its deterministic simulator")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a range of seeds, one process each
    Run(sweep::Options),
    /// Run one seed, print its trace and, as the last line, the trace's hash
    Replay {
        seed: u64,
        #[arg(long, default_value = DEFAULT_SCENARIO)]
        scenario: String,
    },
    /// Measure how fast the simulator runs a scenario
    Speed(speed::Options),
    /// List the scenarios
    List,
    /// Run one seed in this process and report on it in a line (what `run` starts)
    #[command(hide = true)]
    Seed {
        seed: u64,
        #[arg(long, default_value = DEFAULT_SCENARIO)]
        scenario: String,
        /// Give up after this many seconds
        #[arg(long, default_value_t = 120)]
        timeout: u64,
    },
}

const DEFAULT_SCENARIO: &str = "broker";
/// The exit status of a run that found something broken.
const FOUND: u8 = 1;
/// The exit status of a wrong command line.
const USAGE: u8 = 2;
/// The exit status of a seed that took too long.
const TIMED_OUT: i32 = 3;

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Run(options) => sweep::run(&options),
        Command::Replay { seed, scenario } => one_seed(seed, &scenario, TraceMode::Print),
        Command::Seed { seed, scenario, timeout } => {
            watch(seed, timeout);
            one_seed(seed, &scenario, TraceMode::Hash)
        }
        Command::Speed(options) => speed::run(&options),
        Command::List => {
            let mut text = String::new();
            for scenario in scenarios::all() {
                text.push_str(&format!("{:<32} {}\n", scenario.name(), scenario.about()));
            }
            print(&text);
            ExitCode::SUCCESS
        }
    }
}

/// Prints, and minds a closed pipe no more than necessary.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
        std::process::exit(i32::from(FOUND));
    }
}

/// Ends the process if the simulation runs for ever.
fn watch(seed: u64, seconds: u64) {
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(seconds));
        eprintln!("seed {seed} did not end within {seconds} s");
        std::process::exit(TIMED_OUT);
    });
}

fn one_seed(seed: u64, name: &str, mode: TraceMode) -> ExitCode {
    let Some(scenario) = scenarios::find(name) else {
        eprintln!("there is no scenario {name:?}; `cargo sim list` shows what there is");
        return ExitCode::from(USAGE);
    };
    let outcome = scenarios::run(scenario, seed, mode);
    let failed = match &outcome.value {
        Ok(()) => false,
        Err(violation) => {
            eprintln!("{violation}");
            true
        }
    };
    match mode {
        TraceMode::Print => print(&format!("{}\n", outcome.hash)),
        TraceMode::Hash | TraceMode::Keep => {
            print(&format!("{} {} {}\n", outcome.hash, outcome.events, outcome.time.0));
        }
    }
    // The world is not taken apart: the process ends with it.
    if failed { ExitCode::from(FOUND) } else { ExitCode::SUCCESS }
}
