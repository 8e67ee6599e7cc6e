use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::case::Case;
use crate::scenarios::Scenario;
use crate::schedules::{Expectation, RUNS_MAX, Schedule};
use clap::Args;

use super::mutants::mutant_of;
use super::process;
use super::{Chosen, FOUND, TIMEOUT_SECONDS, count_of, jobs, print, refuse};

#[derive(Args)]
pub(super) struct Options {
    /// Where the schedules are kept
    #[arg(default_value = "sim/schedules")]
    folder: PathBuf,
    /// Only those whose names have this in them
    #[arg(long, value_name = "PART")]
    only: Option<String>,
    /// How many processes at once; default: one per core
    #[arg(long, value_parser = count_of)]
    jobs: Option<usize>,
    /// How long one run may take, in seconds of real time
    #[arg(long, default_value_t = TIMEOUT_SECONDS, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
}

/// With this many seeds nothing may be found where nothing is to be found.
const SOUND_RUNS: u64 = 2;

/// One expectation of one schedule.
struct Job {
    name: String,
    case: Case,
    expected: Expectation,
}

/// Runs all kept schedules, and all scenarios that say what comes of them; fails if something else comes of one than is expected.
pub(super) fn run(scenarios: &[&'static dyn Scenario], options: &Options) -> ExitCode {
    let mut work = match load(&options.folder) {
        Ok(work) if work.is_empty() => {
            return refuse(&format!("there are no schedules in {}", options.folder.display()));
        }
        Ok(work) => work,
        Err(why) => return refuse(&why),
    };
    for scenario in scenarios {
        let job = |expected| Job { name: scenario.name().to_owned(), case: scenario.draw(0), expected };
        work.extend(scenario.expects().into_iter().map(job));
    }
    work.retain(|job| options.only.as_ref().is_none_or(|part| job.name.contains(part)));
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..jobs(options.jobs) {
            scope.spawn(|| {
                while let Some(job) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let told = match one(job, options.timeout) {
                        Ok(told) => told,
                        Err(why) => {
                            wrong.lock().unwrap_or_else(PoisonError::into_inner).push(job.name.clone());
                            format!("WRONG: {why}")
                        }
                    };
                    let mutant = job.expected.mutant.as_ref();
                    let with = mutant.map_or(String::new(), |mutant| format!(" with {mutant}"));
                    print(&format!("{} in {}{with}: {told}\n", job.name, job.expected.scenario));
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap_or_else(PoisonError::into_inner);
    if wrong.is_empty() {
        print(&format!("{} expectations of kept schedules hold\n", work.len()));
        return ExitCode::SUCCESS;
    }
    print(&format!("{} of {} expectations of kept schedules do not hold\n", wrong.len(), work.len()));
    ExitCode::from(FOUND)
}

fn load(folder: &Path) -> Result<Vec<Job>, String> {
    let cannot = |error: std::io::Error| format!("cannot read {}: {error}", folder.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(cannot)? {
        paths.push(entry.map_err(cannot)?.path());
    }
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    let mut work = Vec::new();
    for path in paths {
        let wrong = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
        let text = fs::read_to_string(&path).map_err(|error| wrong(&error))?;
        let schedule = Schedule::from_json(&text).map_err(|error| wrong(&error))?;
        if schedule.expect.is_empty() {
            return Err(wrong(&"it says nothing of what is expected"));
        }
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let job = |expected| Job { name: name.clone(), case: schedule.case.clone(), expected };
        work.extend(schedule.expect.iter().cloned().map(job));
    }
    Ok(work)
}

/// What came of it, if that is what is expected.
fn one(job: &Job, timeout: u64) -> Result<String, String> {
    let Some(checker) = &job.expected.found_by else {
        for run in 0..SOUND_RUNS {
            if let Some((found, text)) = found(job, run, timeout)? {
                return Err(format!("nothing was to be found, and {found} says: {text}"));
            }
        }
        return Ok("nothing is found".to_owned());
    };
    let mut others = Vec::new();
    for run in 0..RUNS_MAX {
        match found(job, run, timeout)? {
            Some((found, _)) if found == *checker => {
                return Ok(format!("{checker} finds it, run {} of {RUNS_MAX}", run + 1));
            }
            Some((found, _)) => others.push(found),
            None => {}
        }
    }
    Err(format!("{checker} was to find it in one of {RUNS_MAX} runs, but found were only {others:?}"))
}

/// What is found in that run of the schedule, and by whom.
fn found(job: &Job, run: u64, timeout: u64) -> Result<Option<(String, String)>, String> {
    let scenario = job.expected.scenario.clone();
    let case = Case { scenario, seed: job.case.seed.wrapping_add(run), ..job.case.clone() };
    let mutant = job.expected.mutant.as_deref().unwrap_or("sound");
    let name =
        format!("ordain-sim-{}-{}-{}-{mutant}-{run}.json", std::process::id(), job.name, case.scenario);
    let file = std::env::temp_dir().join(name);
    fs::write(&file, case.to_json()).map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    let mutant = match job.expected.mutant.as_deref().map(mutant_of) {
        Some(Err(why)) => return Err(why),
        Some(Ok(mutant)) => Some(mutant),
        None => None,
    };
    let report = process::run(&Chosen { mutant, ..Chosen::case(&file) }, timeout, None);
    // Left behind it only takes up room.
    drop(fs::remove_file(&file));
    Ok(report.violation.map(|found| (found.checker, found.text)))
}
