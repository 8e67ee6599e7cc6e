//! `cargo sim speed`: how much simulated time one core gets through, by the processor's time and not the
//! clock's, so that other work on the machine counts little.
use std::process::{Command, ExitCode};

use crate::{TraceMode, scenarios};
use clap::Args;
use serde::{Deserialize, Serialize};

use super::process::ENVIRONMENT;
use super::{FOUND, USAGE, refuse, say, scenario, scenario_of_speed};

#[derive(Args)]
pub(super) struct Options {
    /// How many seeds, one process each, one after the other
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    start: u64,
    /// What is measured; default: `load` if there is such a scenario, or else the first of the list
    #[arg(long)]
    scenario: Option<String>,
    /// Give the figures as one line of JSON per seed
    #[arg(long)]
    json: bool,
    /// Run one seed in this process and report on it (what `speed` starts)
    #[arg(long, hide = true)]
    one: bool,
}

/// What one seed took.
#[derive(Serialize, Deserialize)]
struct Figures {
    seed: u64,
    simulated_seconds: f64,
    cpu_seconds: f64,
    /// Of clients, answered; nothing of a scenario that does not count them.
    requests: Option<u64>,
    events: u64,
    passed: bool,
}

impl Figures {
    /// Simulated hours in an hour of one core.
    fn hours_per_core_hour(&self) -> f64 {
        self.simulated_seconds / self.cpu_seconds
    }

    /// For people.
    fn requests_told(&self) -> String {
        match self.requests {
            Some(requests) => {
                format!("{:>6.0} requests per simulated second", requests as f64 / self.simulated_seconds)
            }
            None => "requests not counted".to_owned(),
        }
    }
}

/// Runs the seeds and prints what they took; fails if one cannot be measured or finds something broken.
pub(super) fn run(options: &Options) -> ExitCode {
    let name = options.scenario.as_deref().unwrap_or(scenario_of_speed());
    if let Err(why) = scenario(name) {
        return refuse(&why);
    }
    if options.one {
        return one(options.start, name);
    }
    let mut all = Vec::new();
    for seed in options.start..options.start.saturating_add(options.seeds) {
        match in_a_process(seed, name) {
            Ok(figures) => {
                if options.json {
                    say!("{}", serde_json::to_string(&figures).unwrap_or_default());
                } else {
                    say!("{}", line(&figures));
                }
                all.push(figures);
            }
            Err(error) => {
                eprintln!("seed {seed} cannot be measured: {error}");
                return ExitCode::from(FOUND);
            }
        }
    }
    if !options.json {
        summary(name, &all);
    }
    if all.iter().all(|figures| figures.passed) { ExitCode::SUCCESS } else { ExitCode::from(FOUND) }
}

fn line(figures: &Figures) -> String {
    format!(
        "seed {:>4}: {:>6.1} simulated s in {:>6.3} CPU-s: {:>6.0} simulated hours per core-hour, {}, {} events{}",
        figures.seed,
        figures.simulated_seconds,
        figures.cpu_seconds,
        figures.hours_per_core_hour(),
        figures.requests_told(),
        figures.events,
        if figures.passed { "" } else { ", FAILED" }
    )
}

fn summary(scenario: &str, all: &[Figures]) {
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    };
    let hours = median(all.iter().map(Figures::hours_per_core_hour).collect()).unwrap_or_default();
    let requests = all.iter().filter_map(|one| Some(one.requests? as f64 / one.simulated_seconds));
    let requests = match median(requests.collect()) {
        Some(requests) => format!("at {requests:.0} requests per simulated second"),
        None => "(this scenario does not count its clients' requests)".to_owned(),
    };
    say!(
        "{scenario}: median of {} seeds: {hours:.0} simulated hours per core-hour {requests} ({:.3} CPU-s for 60 \
         simulated s)",
        all.len(),
        60.0 / hours,
    );
}

fn one(seed: u64, name: &str) -> ExitCode {
    let scenario = match scenario(name) {
        Ok(scenario) => scenario,
        Err(why) => return refuse(&why),
    };
    let outcome = scenarios::run(scenario, seed, TraceMode::Hash);
    let cpu_seconds = match cpu_seconds() {
        Ok(seconds) => seconds,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(USAGE);
        }
    };
    let figures = Figures {
        seed,
        simulated_seconds: outcome.time.0 as f64 / 1e9,
        cpu_seconds,
        requests: (outcome.requests > 0).then_some(outcome.requests),
        events: outcome.events,
        passed: outcome.value.is_ok(),
    };
    say!("{}", serde_json::to_string(&figures).unwrap_or_default());
    ExitCode::SUCCESS
}

/// What the thread that simulates has used of the processor since the process began, in user and kernel mode.
fn cpu_seconds() -> Result<f64, String> {
    const FILE: &str = "/proc/thread-self/schedstat";
    let text = std::fs::read_to_string(FILE).map_err(|error| format!("{FILE} cannot be read: {error}"))?;
    let nanos: Option<u64> = text.split(' ').next().and_then(|word| word.parse().ok());
    nanos.map(|nanos| nanos as f64 / 1e9).ok_or_else(|| format!("{FILE} says {text:?}, not a number first"))
}

fn in_a_process(seed: u64, scenario: &str) -> Result<Figures, String> {
    let program = std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    let output = Command::new(program)
        .args(["speed", "--one", "--start", &seed.to_string(), "--scenario", scenario])
        .envs(ENVIRONMENT)
        .output()
        .map_err(|error| format!("cannot start a process: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_default();
    serde_json::from_str(last)
        .map_err(|_| format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr)))
}
