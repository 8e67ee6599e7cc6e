use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use ordain_sim::{rng::Stream, scenarios};

use super::{DEFAULT_SCENARIO, FOUND, USAGE};

#[derive(Args)]
pub(super) struct Options {
    /// How many seeds
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    start: u64,
    #[arg(long, default_value = DEFAULT_SCENARIO)]
    scenario: String,
    /// How many processes at once; default: one per core
    #[arg(long)]
    jobs: Option<usize>,
    /// Run this share of the seeds twice, in two processes, and compare the traces' hashes
    #[arg(long, value_name = "PERCENT", default_value = "0%", value_parser = percent)]
    check_determinism: u32,
    /// How long one seed may take, in seconds of real time
    #[arg(long, default_value_t = 120)]
    timeout: u64,
}

fn percent(text: &str) -> Result<u32, String> {
    match text.trim_end_matches('%').parse::<u32>() {
        Ok(percent) if percent <= 100 => Ok(percent),
        Ok(_) | Err(_) => Err("a share is a whole number from 0% to 100%".to_owned()),
    }
}

/// What is known of a sweep so far.
#[derive(Default)]
struct Tally {
    failed: Vec<u64>,
    passed: u64,
    compared: u64,
    events: u64,
    simulated: Duration,
}

/// One process's report.
struct Report {
    hash: String,
    events: u64,
    simulated: Duration,
}

/// Runs all seeds; fails if one does.
pub(super) fn run(options: &Options) -> ExitCode {
    if scenarios::find(&options.scenario).is_none() {
        eprintln!("there is no scenario {:?}; `cargo sim list` shows what there is", options.scenario);
        return ExitCode::from(USAGE);
    }
    let jobs = options.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let bar = ProgressBar::new(options.seeds);
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} seeds, {eta} left {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let (next, tally) = (AtomicU64::new(0), Mutex::new(Tally::default()));
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= options.seeds {
                        break;
                    }
                    one(options, options.start.wrapping_add(index), &bar, &tally);
                    bar.inc(1);
                }
            });
        }
    });
    bar.finish_and_clear();
    let tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!(
        "{}: {} of {} seeds passed in {:.1} s; {} events in {:.0} simulated seconds; {} compared in a second process",
        options.scenario,
        tally.passed,
        options.seeds,
        began.elapsed().as_secs_f64(),
        tally.events,
        tally.simulated.as_secs_f64(),
        tally.compared
    );
    if tally.failed.is_empty() {
        return ExitCode::SUCCESS;
    }
    let mut failed = tally.failed;
    failed.sort_unstable();
    println!("{} failed; the first: {}", failed.len(), replay_line(options, failed[0]));
    ExitCode::from(FOUND)
}

/// The command that shows a seed again.
fn replay_line(options: &Options, seed: u64) -> String {
    if options.scenario == DEFAULT_SCENARIO {
        format!("cargo sim replay {seed}")
    } else {
        format!("cargo sim replay {seed} --scenario {}", options.scenario)
    }
}

fn one(options: &Options, seed: u64, bar: &ProgressBar, tally: &Mutex<Tally>) {
    let compare = Stream::new(seed, "runner", "check determinism", 0).chance(options.check_determinism * 10);
    let mut result = run_process(options, seed);
    if compare && let Ok(first) = &result {
        result = run_process(options, seed).and_then(|second| {
            if first.hash == second.hash {
                Ok(second)
            } else {
                Err(format!("not deterministic: the trace's hash was {}, then {}", first.hash, second.hash))
            }
        });
    }
    let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    match result {
        Ok(report) => {
            tally.passed += 1;
            tally.compared += u64::from(compare);
            tally.events += report.events;
            tally.simulated += report.simulated;
        }
        Err(text) => {
            tally.failed.push(seed);
            bar.set_message(format!("({} failed)", tally.failed.len()));
            bar.suspend(|| println!("seed {seed} failed: {text}\n  {}", replay_line(options, seed)));
        }
    }
}

/// How much of a failed process's last words is shown.
const LAST_WORDS_LINES: usize = 12;

fn run_process(options: &Options, seed: u64) -> Result<Report, String> {
    let program = std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    let output = Command::new(program)
        .args(["seed", &seed.to_string(), "--scenario", &options.scenario])
        .args(["--timeout", &options.timeout.to_string()])
        .env("RUST_BACKTRACE", "0")
        .output()
        .map_err(|error| format!("cannot start a process: {error}"))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = words.lines().collect();
        let last = lines[lines.len().saturating_sub(LAST_WORDS_LINES)..].join("\n  ");
        return Err(if last.is_empty() { output.status.to_string() } else { last });
    }
    let text = String::from_utf8_lossy(&output.stdout);
    parse_report(&text).ok_or_else(|| format!("no report in {text:?}"))
}

fn parse_report(text: &str) -> Option<Report> {
    let mut words = text.lines().last()?.split(' ');
    let hash = words.next()?.to_owned();
    let events = words.next()?.parse().ok()?;
    let simulated = Duration::from_nanos(words.next()?.parse().ok()?);
    Some(Report { hash, events, simulated })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_percents() {
        assert_eq!(percent("10%"), Ok(10));
        assert_eq!(percent("100"), Ok(100));
        assert!(percent("101%").is_err() && percent("many").is_err());
    }
}
