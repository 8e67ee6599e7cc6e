use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::rng::Stream;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::junit::{self, Failure, TestCase};
use super::process::{self, Folder, Found, NOT_DETERMINISTIC, Report, TIMEOUT};
use super::{
    Chosen, FOUND, INTERRUPTED, TIMEOUT_SECONDS, count_of, default_scenario, jobs, print_json, refuse, say,
    scenario, seed_of,
};
use super::{conditions, failure};

#[derive(Args)]
pub(super) struct Options {
    /// How many seeds
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0, value_parser = seed_of)]
    start: u64,
    /// What is run; default: the first of the list
    #[arg(long)]
    scenario: Option<String>,
    /// How many processes at once; default: one per core
    #[arg(long, value_parser = count_of)]
    jobs: Option<usize>,
    /// Run this share of the seeds twice, in two processes, and compare the whole traces: at equal distances, one at least
    #[arg(long, value_name = "PERCENT", default_value = "5%", value_parser = percent)]
    check_determinism: u32,
    /// How long one seed may take, in seconds of real time
    #[arg(long, default_value_t = TIMEOUT_SECONDS, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
    /// Print JSON: one line for each seed, and one for the sweep
    #[arg(long)]
    json: bool,
    /// Fail, however few the seeds, if one of the scenario's conditions is reached by none
    #[arg(long)]
    require_conditions: bool,
    /// Write the result as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Where the folders of failures are written
    #[arg(long, value_name = "FOLDER", default_value = "target/sim/failures")]
    failures: PathBuf,
    /// For so many failures a folder is written
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    folders: usize,
}

impl Options {
    fn scenario(&self) -> &str {
        self.scenario.as_deref().unwrap_or(default_scenario())
    }
}

fn percent(text: &str) -> Result<u32, String> {
    match text.trim_end_matches('%').parse::<u32>() {
        Ok(percent) if percent <= 100 => Ok(percent),
        Ok(_) | Err(_) => Err("a share is a whole number from 0% to 100%".to_owned()),
    }
}

/// One seed's line under `--json`.
#[derive(Serialize)]
struct SeedLine<'a> {
    seed: u64,
    seconds: f64,
    /// Whether a second process ran the same.
    compared: bool,
    #[serde(flatten)]
    report: &'a Report,
    #[serde(skip_serializing_if = "Option::is_none")]
    replay: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    folder: Option<&'a Path>,
}

/// The last line under `--json`.
#[derive(Serialize)]
struct SweepLine<'a> {
    scenario: &'a str,
    seeds: u64,
    passed: u64,
    failed: &'a [u64],
    compared: u64,
    events: u64,
    faults: u64,
    simulated_seconds: f64,
    real_seconds: f64,
    conditions: Vec<&'a str>,
    conditions_missing: Vec<&'static str>,
    /// Not all seeds have run that were to.
    interrupted: bool,
}

/// One seed that has run.
struct Ran {
    seed: u64,
    seconds: f64,
    compared: bool,
    report: Report,
    folder: Option<PathBuf>,
    /// It failed, and so many had failed before that no folder was written.
    is_beyond_folders: bool,
}

impl Ran {
    /// The command that shows it, if it failed.
    fn replay_line(&self, options: &Options) -> Option<String> {
        let found = self.report.violation.as_ref()?;
        let chosen = Chosen::seed(self.seed, options.scenario());
        Some(chosen.replay_line_of(&found.checker, options.timeout))
    }
}

/// What is known of a sweep so far.
#[derive(Default)]
struct Tally {
    ran: Vec<Ran>,
    folders: usize,
}

impl Tally {
    fn sum(&self, number: impl Fn(&Report) -> u64) -> u64 {
        self.ran.iter().map(|ran| number(&ran.report)).sum()
    }

    fn simulated(&self) -> Duration {
        Duration::from_nanos(self.sum(|report| report.simulated_ns))
    }

    fn failed(&self) -> Vec<u64> {
        let mut failed: Vec<u64> =
            self.ran.iter().filter(|ran| ran.report.violation.is_some()).map(|ran| ran.seed).collect();
        failed.sort_unstable();
        failed
    }

    fn conditions(&self) -> Vec<&str> {
        process::reached(self.ran.iter().map(|ran| &ran.report)).into_iter().collect()
    }

    /// For the progress bar.
    fn progress(&self, real: Duration) -> String {
        let failed = match self.failed().len() {
            0 => String::new(),
            failed => format!(", {failed} FAILED"),
        };
        format!(
            "{:.1} seeds/s, {:.2} simulated hours, {} faults, {} conditions{failed}",
            self.ran.len() as f64 / real.as_secs_f64().max(0.001),
            self.simulated().as_secs_f64() / 3600.0,
            self.sum(|report| report.faults),
            self.conditions().len(),
        )
    }
}

/// Runs all seeds; fails if one does.
pub(super) fn run(options: &Options) -> ExitCode {
    if let Err(why) = scenario(options.scenario()) {
        return refuse(&why);
    }
    // Before the sweep, so that none is in vain.
    if let Some(path) = &options.junit
        && let Err(error) = junit::write(path, "")
    {
        return refuse(&format!("cannot write {}: {error}", path.display()));
    }
    let interrupted = match process::interrupted() {
        Ok(interrupted) => interrupted,
        Err(error) => return refuse(&format!("cannot wait for an interrupt: {error}")),
    };
    let bar = ProgressBar::new(options.seeds);
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len}, {eta} left: {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let (next, began) = (AtomicU64::new(0), Instant::now());
    let compared = Compared::of(options.check_determinism, options.start, options.seeds);
    let sweep = Sweep { options, bar: &bar, compared, interrupted: &interrupted, tally: Mutex::default() };
    std::thread::scope(|scope| {
        for _ in 0..jobs(options.jobs) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= options.seeds || sweep.is_interrupted() {
                        break;
                    }
                    if let Some(ran) = sweep.one(index) {
                        sweep.tell(ran, began.elapsed());
                    }
                }
            });
        }
    });
    bar.finish_and_clear();
    let mut tally = sweep.tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    tally.ran.sort_by_key(|ran| ran.seed);
    let is_interrupted = interrupted.load(Ordering::Relaxed);
    let concluded = conclude(options, &tally, began.elapsed(), is_interrupted);
    if is_interrupted { ExitCode::from(INTERRUPTED) } else { concluded }
}

/// Which seeds of a sweep a second process runs, too: by their places, so that a short sweep has its share as well.
struct Compared {
    percent: u64,
    /// The first of them.
    first: u64,
}

impl Compared {
    /// The first place is drawn, so that sweeps from other seeds compare others.
    fn of(percent: u32, start: u64, seeds: u64) -> Compared {
        let percent = u64::from(percent);
        let period = 100_u64.div_ceil(percent.max(1)).min(seeds.max(1));
        let first = Stream::new(start, "runner", "check determinism", 0).between(0, period - 1);
        Compared { percent, first }
    }

    fn has(&self, index: u64) -> bool {
        (index % 100 + 100 - self.first) * self.percent % 100 < self.percent
    }
}

struct Sweep<'a> {
    options: &'a Options,
    bar: &'a ProgressBar,
    compared: Compared,
    interrupted: &'a AtomicBool,
    tally: Mutex<Tally>,
}

impl Sweep<'_> {
    /// Runs the seed at that place; nothing is known of one that was interrupted.
    fn one(&self, index: u64) -> Option<Ran> {
        let (options, began) = (self.options, Instant::now());
        let seed = options.start.wrapping_add(index);
        let chosen = Chosen::seed(seed, options.scenario());
        let mut report = process::run(&chosen, options.timeout, None);
        if report.hash.is_empty() && self.is_interrupted() {
            return None;
        }
        let (mut folder, mut compared) = (None, false);
        if self.compared.has(index) && !report.hash.is_empty() {
            let second = process::run(&chosen, options.timeout, None);
            compared = !self.is_interrupted() || !second.hash.is_empty();
            if compared && second.hash != report.hash {
                let at = self.folder(seed).unwrap_or_else(|| options.failures.join("comparison"));
                let text = compare(&chosen, options, &at, [&report.hash, &second.hash]);
                report.violation = Some(not_deterministic(report.violation.take(), text));
                folder = Some(at);
            }
        }
        let mut is_beyond_folders = false;
        if let Some(found) = report.violation.clone()
            && folder.is_none()
        {
            match self.folder(seed) {
                Some(at) => folder = self.show(&chosen, &at, &mut report, &found),
                None => is_beyond_folders = true,
            }
        }
        let seconds = began.elapsed().as_secs_f64();
        Some(Ran { seed, seconds, compared, report, folder, is_beyond_folders })
    }

    /// Writes a failure's folder. Where its run is not the one that failed, that is the failure by then.
    fn show(&self, chosen: &Chosen, at: &Path, report: &mut Report, found: &Found) -> Option<PathBuf> {
        let options = self.options;
        let replay = chosen.replay_line_of(&found.checker, options.timeout);
        let again = match process::show(chosen, options.timeout, at, found, &replay) {
            Ok(again) => again,
            Err(error) => {
                self.complain(at, &error);
                return None;
            }
        };
        if is_another_run(report, &again) && !self.is_interrupted() {
            let text = compare(chosen, options, at, [&report.hash, &again.hash]);
            let text = format!(
                "{}: {}; run again for its folder it was another run: {text}",
                found.checker, found.text
            );
            let written = failure::write_violation(at, Some((NOT_DETERMINISTIC, &text)), &replay);
            if let Err(error) = written {
                self.complain(at, &error);
            }
            report.violation = Some(Found { checker: NOT_DETERMINISTIC.to_owned(), text });
        }
        Some(at.to_owned())
    }

    fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// Where a failure's folder goes, as long as there are not too many.
    fn folder(&self, seed: u64) -> Option<PathBuf> {
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        if tally.folders >= self.options.folders {
            return None;
        }
        tally.folders += 1;
        Some(self.options.failures.join(format!("{}-{seed}", self.options.scenario())))
    }

    fn complain(&self, folder: &Path, error: &io::Error) {
        self.bar.suspend(|| eprintln!("cannot write the folder {}: {error}", folder.display()));
    }

    fn tell(&self, ran: Ran, real: Duration) {
        let replay = ran.replay_line(self.options);
        if self.options.json {
            let line = SeedLine {
                seed: ran.seed,
                seconds: ran.seconds,
                compared: ran.compared,
                report: &ran.report,
                replay: replay.as_deref(),
                folder: ran.folder.as_deref(),
            };
            print_json(&line);
        } else if let Some(found) = &ran.report.violation {
            let folder = match &ran.folder {
                Some(folder) => Some(format!("\n  open {}", process::to_open(folder).display())),
                None => ran
                    .is_beyond_folders
                    .then(|| format!("\n  no folder: --folders {} are written", self.options.folders)),
            };
            let text = format!(
                "seed {} failed: {}: {}\n  {}{}",
                ran.seed,
                found.checker,
                found.text,
                replay.unwrap_or_default(),
                folder.unwrap_or_default()
            );
            self.bar.suspend(|| say!("{text}"));
        }
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.ran.push(ran);
        self.bar.set_message(tally.progress(real));
        self.bar.inc(1);
    }
}

/// Two runs of a seed were not the same. What the first one found stays what was found.
fn not_deterministic(first: Option<Found>, text: String) -> Found {
    match first {
        Some(Found { checker, text: found }) => {
            Found { checker, text: format!("{found}\nand a second process ran another run: {text}") }
        }
        None => Found { checker: NOT_DETERMINISTIC.to_owned(), text },
    }
}

/// Whether a seed's second run was not the same as the first, which failed. One that takes longer than it may, in real time,
/// is none to compare.
fn is_another_run(first: &Report, again: &Report) -> bool {
    let took_too_long =
        |report: &Report| report.violation.as_ref().is_some_and(|found| found.checker == TIMEOUT);
    first.hash != again.hash && !took_too_long(first) && !took_too_long(again)
}

/// Two runs had different hashes: runs twice more with the whole traces, and says where they part.
fn compare(chosen: &Chosen, options: &Options, folder: &Path, hashes: [&str; 2]) -> String {
    let replay = chosen.replay_line();
    let mut traces = Vec::new();
    for name in ["first", "second"] {
        let path = folder.join(name);
        process::run(chosen, options.timeout, Some(&Folder { path: &path, replay: &replay }));
        traces.push(fs::read_to_string(path.join("trace.txt")).unwrap_or_default());
    }
    let said = format!("the trace's hash was {}, then {}", hashes[0], hashes[1]);
    let (first, second) = (traces[0].lines(), traces[1].lines());
    match first.zip(second).enumerate().find(|(_, (one, other))| one != other) {
        Some((line, (one, other))) => {
            let line = line + 1;
            format!("{said}; in {}, line {line}:\n  {one}\n  {other}", folder.display())
        }
        None => {
            format!("{said}; two more runs, with their whole traces in {}, are the same", folder.display())
        }
    }
}

/// Says how the sweep went, in all forms that are asked for.
fn conclude(options: &Options, tally: &Tally, real: Duration, interrupted: bool) -> ExitCode {
    let failed = tally.failed();
    let compared = u64::try_from(tally.ran.iter().filter(|ran| ran.compared).count()).unwrap_or(0);
    let ran = u64::try_from(tally.ran.len()).unwrap_or(0);
    let passed = ran - u64::try_from(failed.len()).unwrap_or(0);
    if options.json {
        print_json(&SweepLine {
            scenario: options.scenario(),
            seeds: ran,
            passed,
            failed: &failed,
            compared,
            events: tally.sum(|report| report.events),
            faults: tally.sum(|report| report.faults),
            simulated_seconds: tally.simulated().as_secs_f64(),
            real_seconds: real.as_secs_f64(),
            conditions: tally.conditions(),
            conditions_missing: conditions::missing(options.scenario(), &tally.conditions())
                .iter()
                .map(|one| one.name())
                .collect(),
            interrupted,
        });
    } else {
        say!(
            "{}: {passed} of {ran} seeds passed in {:.1} s: {}; {compared} compared in a second process",
            options.scenario(),
            real.as_secs_f64(),
            tally.progress(real),
        );
        if ran < options.seeds {
            say!("interrupted: {} seeds have not run", options.seeds - ran);
        }
    }
    let lacking = lacking_conditions(options, tally, interrupted);
    if let Some(path) = &options.junit {
        let document = junit::document(options.scenario(), &test_cases(options, tally, lacking.clone()));
        if let Err(error) = junit::write(path, &document) {
            return refuse(&format!("cannot write {}: {error}", path.display()));
        }
    }
    let lacks_conditions = lacking.is_some_and(|lacking| lacking.is_some());
    let Some(first) = tally.ran.iter().find_map(|ran| ran.replay_line(options)) else {
        return if lacks_conditions { ExitCode::from(FOUND) } else { ExitCode::SUCCESS };
    };
    if !options.json {
        say!("{} failed; the first: {first}", failed.len());
    }
    ExitCode::from(FOUND)
}

/// Says which conditions of the scenario no seed came to. `None` where a sweep is not held to them; else what makes it
/// fail, if something does.
fn lacking_conditions(options: &Options, tally: &Tally, interrupted: bool) -> Option<Option<String>> {
    // One that was interrupted need not have come to all of them.
    let counts = !interrupted && (options.require_conditions || options.seeds >= conditions::SEEDS_MIN);
    let missing = conditions::missing(options.scenario(), &tally.conditions());
    let seeds = match u64::try_from(tally.ran.len()).unwrap_or(0) {
        ran if interrupted => format!("{ran} of {} seeds", options.seeds),
        _ => format!("{} seeds", options.seeds),
    };
    let complaint = conditions::complaint(options.scenario(), &missing, &seeds, counts);
    if let Some(complaint) = &complaint {
        eprintln!("{complaint}");
    }
    (counts && !conditions::of(options.scenario()).is_empty()).then_some(complaint)
}

fn test_cases(options: &Options, tally: &Tally, lacking: Option<Option<String>>) -> Vec<TestCase> {
    let failure = |ran: &Ran| {
        let found = ran.report.violation.as_ref()?;
        let (checker, text) = (found.checker.clone(), found.text.clone());
        Some(Failure { checker, text, replay: ran.replay_line(options) })
    };
    let case = |ran: &Ran| TestCase {
        name: format!("seed {}", ran.seed),
        seconds: ran.seconds,
        failure: failure(ran),
    };
    let conditions = lacking.map(|lacking| TestCase {
        name: "conditions".to_owned(),
        seconds: 0.0,
        failure: lacking.map(|text| Failure { checker: "conditions".to_owned(), text, replay: None }),
    });
    tally.ran.iter().map(case).chain(conditions).collect()
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

    #[test]
    fn a_share_of_the_seeds_is_compared_wherever_a_sweep_begins() {
        let compared = |percent, start, seeds| {
            let compared = Compared::of(percent, start, seeds);
            (0..seeds).filter(|index| compared.has(*index)).collect::<Vec<_>>()
        };
        for start in [0, 1, 60, 5000, u64::MAX] {
            assert_eq!(compared(5, start, 60).len(), 3, "from {start}");
            assert_eq!(compared(100, start, 7).len(), 7);
            assert_eq!(compared(37, start, 1000).len(), 370);
            assert_eq!(compared(0, start, 1000), Vec::<u64>::new());
            assert_eq!((compared(1, start, 2).len(), compared(5, start, 1)), (1, vec![0]));
        }
        assert!(
            (0..20).map(|start| compared(5, start, 20)[0]).collect::<std::collections::BTreeSet<_>>().len()
                > 5
        );
    }

    #[test]
    fn what_the_first_run_found_stays_what_was_found() {
        let found = |checker: &str| Found { checker: checker.to_owned(), text: "a".to_owned() };
        assert_eq!(not_deterministic(None, "b".to_owned()).checker, NOT_DETERMINISTIC);
        let both = not_deterministic(Some(found("I1-lost-record")), "b".to_owned());
        assert_eq!(both.checker, "I1-lost-record");
        assert!(both.text.starts_with("a\n") && both.text.ends_with(": b"), "{}", both.text);
    }

    #[test]
    fn the_line_that_replays_what_took_too_long_gives_it_up_again() {
        let chosen = Chosen::seed(7, "cluster");
        assert_eq!(chosen.replay_line_of("I16-stuck", 60), "cargo sim replay 7 --scenario cluster");
        assert_eq!(chosen.replay_line_of(TIMEOUT, 60), "cargo sim replay 7 --scenario cluster --timeout 60");
    }

    #[test]
    fn a_run_for_the_folder_that_is_another_one_is_told() {
        let found = |checker: &str| Some(Found { checker: checker.to_owned(), text: String::new() });
        let report = |hash: &str, violation| Report { hash: hash.to_owned(), violation, ..Report::default() };
        let first = report("a", found("I1-lost-record"));
        assert!(!is_another_run(&first, &first));
        assert!(is_another_run(&first, &report("b", found("I1-lost-record"))));
        assert!(
            is_another_run(&first, &report("b", None))
                && is_another_run(&first, &report("", found("process-died")))
        );
        assert!(!is_another_run(&first, &report("", found(TIMEOUT))), "the machine was busy");
        assert!(!is_another_run(&report("", found(TIMEOUT)), &report("b", None)), "it ended this time");
    }
}
