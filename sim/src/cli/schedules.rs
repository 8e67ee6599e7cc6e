use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::case::Case;
use crate::scenarios::Scenario;
use crate::schedules::{Expectation, RUNS_MAX, Schedule};
use clap::Args;
use ordain::probe::{Condition, Mutant};
use serde::Serialize;

use super::junit::{self, Failure, TestCase};
use super::mutants::mutant_of;
use super::process::{self, Found, Report};
use super::{Chosen, FOUND, TIMEOUT_SECONDS, count_of, jobs, print_json, program, refuse, say, scenario};

#[derive(Args)]
pub(super) struct Options {
    /// Where the schedules are kept
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
    /// Print JSON: one line for each expectation, and one for all
    #[arg(long)]
    json: bool,
    /// Write the result as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Where the folders of expectations that do not hold are written
    #[arg(long, value_name = "FOLDER", default_value = "target/sim/failures")]
    failures: PathBuf,
    /// For so many of them a whole folder is written, for the others their case alone
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    folders: usize,
}

/// With this many seeds nothing may be found where nothing is to be found.
const SOUND_RUNS: u64 = 2;

/// One expectation of one schedule.
struct Job {
    name: String,
    /// Where it is kept; a scenario that says itself what is expected has no file.
    file: Option<PathBuf>,
    case: Case,
    expected: Expectation,
    mutant: Option<Mutant>,
}

/// What came of one, and its line under `--json`.
#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    scenario: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    mutant: Option<&'a str>,
    /// Who is to find something; nobody if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    found_by: Option<&'a str>,
    holds: bool,
    /// In words.
    told: String,
    /// The seed of the run that decided it.
    seed: u64,
    runs: u64,
    seconds: f64,
    /// What that run found.
    #[serde(skip_serializing_if = "Option::is_none")]
    violation: Option<Found>,
    /// Only where it does not hold: the command that shows that run, and the folder that keeps it.
    #[serde(skip_serializing_if = "Option::is_none")]
    replay: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    folder: Option<PathBuf>,
}

/// The last line under `--json`.
#[derive(Serialize)]
struct Total {
    expectations: usize,
    hold: usize,
    real_seconds: f64,
}

/// Which run decided whether an expectation holds, and how.
struct Decided {
    holds: bool,
    told: String,
    /// Of the schedule's runs, from 0.
    run: u64,
    runs: u64,
    found: Option<Found>,
}

/// Runs all kept schedules, and all scenarios that say what comes of them; fails if something else comes of one than is expected.
pub(super) fn run(scenarios: &[&'static dyn Scenario], options: &Options) -> ExitCode {
    let work = match all(scenarios, options) {
        Ok(work) => work,
        Err(why) => return refuse(&why),
    };
    // Before anything runs, so that nothing does in vain.
    if let Some(path) = &options.junit
        && let Err(error) = junit::write(path, "")
    {
        return refuse(&format!("cannot write {}: {error}", path.display()));
    }
    let (began, next, wrong) = (Instant::now(), AtomicUsize::new(0), AtomicUsize::new(0));
    let lines = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs(options.jobs) {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = work.get(place) else { break };
                    let line = match one(job, options, &wrong) {
                        Ok(line) => line,
                        Err(why) => {
                            eprintln!("{why}");
                            std::process::exit(i32::from(super::USAGE));
                        }
                    };
                    tell(options, &line);
                    lines.lock().unwrap_or_else(PoisonError::into_inner).push((place, line));
                }
            });
        }
    });
    let mut lines = lines.into_inner().unwrap_or_else(PoisonError::into_inner);
    lines.sort_by_key(|(place, _)| *place);
    conclude(options, lines.into_iter().map(|(_, line)| line).collect(), began.elapsed())
}

/// Everything that is expected and asked for.
fn all(scenarios: &[&'static dyn Scenario], options: &Options) -> Result<Vec<Job>, String> {
    let mut work = load(&options.folder)?;
    if work.is_empty() {
        let (folder, program) = (options.folder.display(), program());
        return Err(format!("there are no schedules in {folder}: `{program} shrink` keeps one of a failure"));
    }
    for one in scenarios {
        for expected in one.expects() {
            let (name, case) = (one.name().to_owned(), one.draw(0));
            let mutant = mutant_in(&expected).map_err(|why| format!("{name}: {why}"))?;
            work.push(Job { name, file: None, case, expected, mutant });
        }
    }
    if let Some(part) = &options.only {
        work.retain(|job| job.name.contains(part));
        if work.is_empty() {
            return Err(format!(
                "no schedule in {} and no scenario with expectations has {part:?} in its name",
                options.folder.display()
            ));
        }
    }
    Ok(work)
}

fn mutant_in(expected: &Expectation) -> Result<Option<Mutant>, String> {
    expected.mutant.as_deref().map(mutant_of).transpose()
}

fn check_condition(expected: &Expectation) -> Result<(), String> {
    match &expected.reaches {
        Some(name) if Condition::named(name).is_none() => {
            Err(format!("there is no condition {name:?}: docs/conditions.md lists them"))
        }
        Some(_) | None => Ok(()),
    }
}

fn load(folder: &Path) -> Result<Vec<Job>, String> {
    let cannot = |error: io::Error| format!("cannot read {}: {error}", folder.display());
    let mut paths = Vec::new();
    let entries = match fs::read_dir(folder) {
        // Nothing was ever kept.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(cannot)?,
    };
    for entry in entries {
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
        for expected in &schedule.expect {
            scenario(&expected.scenario).map_err(|why| wrong(&of_another_program(&why)))?;
            let mutant = mutant_in(expected).map_err(|why| wrong(&why))?;
            check_condition(expected).map_err(|why| wrong(&why))?;
            let (name, file, case) = (name.clone(), Some(path.clone()), schedule.case.clone());
            work.push(Job { name, file, case, expected: expected.clone(), mutant });
        }
    }
    Ok(work)
}

/// What to do about a schedule whose scenario does not exist: the scenario has another name by now, or the schedule is another
/// program's.
fn of_another_program(why: &str) -> String {
    format!(
        "{why}. If the schedule is another program's, move it to that one's folder, or keep this program's in a folder of their \
         own: `{program} shrink --schedules FOLDER`, `{program} schedules FOLDER`",
        program = program()
    )
}

/// Runs one; of what does not hold the run that shows it is kept.
fn one<'a>(job: &'a Job, options: &Options, wrong: &AtomicUsize) -> Result<Line<'a>, String> {
    let began = Instant::now();
    let decided = decide(job, options.timeout)?;
    let mut line = Line {
        name: &job.name,
        scenario: &job.expected.scenario,
        mutant: job.expected.mutant.as_deref(),
        found_by: job.expected.found_by.as_deref(),
        holds: decided.holds,
        told: decided.told,
        seed: job.case.seed.wrapping_add(decided.run),
        runs: decided.runs,
        seconds: 0.0,
        violation: decided.found,
        replay: None,
        folder: None,
    };
    if !line.holds {
        let is_whole = wrong.fetch_add(1, Ordering::Relaxed) < options.folders;
        let (folder, replay) = keep(job, options, &line, is_whole)?;
        (line.folder, line.replay) = (Some(folder), Some(replay));
    }
    line.seconds = began.elapsed().as_secs_f64();
    Ok(line)
}

/// What came of it.
fn decide(job: &Job, timeout: u64) -> Result<Decided, String> {
    let Some(checker) = &job.expected.found_by else { return decide_sound(job, timeout) };
    let (mut others, mut first) = (Vec::new(), None);
    for run in 0..RUNS_MAX {
        match run_once(job, run, timeout)?.violation {
            Some(found) if found.checker == *checker => {
                let told = format!("{checker} finds it, run {} of {RUNS_MAX}", run + 1);
                return Ok(Decided { holds: true, told, run, runs: run + 1, found: Some(found) });
            }
            Some(found) => {
                others.push(found.checker.clone());
                first.get_or_insert((run, found));
            }
            None => {}
        }
    }
    let told = format!("{checker} was to find it in one of {RUNS_MAX} runs, but found were only {others:?}");
    // What else was found is what there is to be looked at.
    let (run, found) = first.map_or((0, None), |(run, found)| (run, Some(found)));
    Ok(Decided { holds: false, told, run, runs: RUNS_MAX, found })
}

/// What came of one in which nothing is to be found, and perhaps something to be reached.
fn decide_sound(job: &Job, timeout: u64) -> Result<Decided, String> {
    let reaches = job.expected.reaches.as_deref();
    let mut reached = reaches.is_none();
    let mut runs = 0;
    while runs < SOUND_RUNS || (!reached && runs < RUNS_MAX) {
        let report = run_once(job, runs, timeout)?;
        if let Some(found) = report.violation {
            let told = format!("nothing was to be found, and {} says: {}", found.checker, found.text);
            return Ok(Decided { holds: false, told, run: runs, runs: runs + 1, found: Some(found) });
        }
        reached |= report.conditions.iter().any(|condition| Some(condition.as_str()) == reaches);
        runs += 1;
    }
    let told = match reaches {
        None => "nothing is found".to_owned(),
        Some(condition) if reached => format!("nothing is found, {condition} is reached"),
        Some(condition) => format!(
            "nothing is found, and {condition} is reached in none of {RUNS_MAX} runs: the schedule does not come any more to what it is about"
        ),
    };
    Ok(Decided { holds: reached, told, run: 0, runs, found: None })
}

/// The case of that run of the schedule.
fn case_of(job: &Job, seed: u64) -> Case {
    Case { scenario: job.expected.scenario.clone(), seed, ..job.case.clone() }
}

/// That run of the schedule.
fn run_once(job: &Job, run: u64, timeout: u64) -> Result<Report, String> {
    let case = case_of(job, job.case.seed.wrapping_add(run));
    let mutant = job.expected.mutant.as_deref().unwrap_or("sound");
    let name =
        format!("ordain-sim-{}-{}-{}-{mutant}-{run}.json", std::process::id(), job.name, case.scenario);
    let file = std::env::temp_dir().join(name);
    fs::write(&file, case.to_json()).map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    let report = process::run(&Chosen { mutant: job.mutant, ..Chosen::case(&file) }, timeout, None);
    // Left behind it only takes up room.
    drop(fs::remove_file(&file));
    Ok(report)
}

/// Writes the folder of a run that decided that something does not hold; the folder, and the command that shows the run.
fn keep(job: &Job, options: &Options, line: &Line<'_>, is_whole: bool) -> Result<(PathBuf, String), String> {
    let of_mutant = line.mutant.map_or(String::new(), |mutant| format!("-{mutant}"));
    let of_scenario = if job.name == line.scenario { String::new() } else { format!("-{}", line.scenario) };
    let folder =
        options.failures.join(format!("schedule-{}{of_scenario}{of_mutant}-{}", job.name, line.seed));
    let file = folder.join("case.json");
    let cannot = |error: io::Error| format!("cannot write the folder {}: {error}", folder.display());
    fs::create_dir_all(&folder).map_err(cannot)?;
    fs::write(&file, case_of(job, line.seed).to_json()).map_err(cannot)?;
    let of_folder = Chosen { mutant: job.mutant, ..Chosen::case(&file) };
    // The schedule itself says it shorter; the folder may be gone by then.
    let chosen = match &job.file {
        Some(path) => Chosen {
            seed: (line.seed != job.case.seed).then_some(line.seed),
            scenario: (line.scenario != job.case.scenario).then(|| line.scenario.to_owned()),
            mutant: job.mutant,
            case: Some(path.clone()),
        },
        None => of_folder.clone(),
    };
    let checker = line.violation.as_ref().map_or("", |found| &found.checker);
    let replay = chosen.replay_line_of(checker, options.timeout);
    if is_whole {
        let nothing = Found { checker: "nothing".to_owned(), text: line.told.clone() };
        let found = line.violation.as_ref().unwrap_or(&nothing);
        process::show(&of_folder, options.timeout, &folder, found, &replay).map_err(cannot)?;
    }
    Ok((folder, replay))
}

fn tell(options: &Options, line: &Line<'_>) {
    if options.json {
        print_json(line);
        return;
    }
    let with = line.mutant.map_or(String::new(), |mutant| format!(" with {mutant}"));
    let wrong = if line.holds { "" } else { "WRONG: " };
    let shown = match (&line.replay, &line.folder) {
        (Some(replay), Some(folder)) => {
            let what = process::to_open(folder);
            let verb = if what == *folder { "kept in" } else { "open" };
            format!("\n  {replay}\n  {verb} {}", what.display())
        }
        _ => String::new(),
    };
    say!("{} in {}{with}: {wrong}{}{shown}", line.name, line.scenario, line.told);
}

/// Says how all went, in all forms that are asked for.
fn conclude(options: &Options, lines: Vec<Line<'_>>, real: Duration) -> ExitCode {
    let (count, hold) = (lines.len(), lines.iter().filter(|line| line.holds).count());
    if let Some(path) = &options.junit {
        let cases: Vec<TestCase> = lines.into_iter().map(test_case).collect();
        if let Err(error) = junit::write(path, &junit::document("schedules", &cases)) {
            return refuse(&format!("cannot write {}: {error}", path.display()));
        }
    }
    if options.json {
        let total = Total { expectations: count, hold, real_seconds: real.as_secs_f64() };
        print_json(&total);
    } else if hold == count {
        say!("{count} expectations of kept schedules hold");
    } else {
        say!("{} of {count} expectations of kept schedules do not hold", count - hold);
    }
    if hold == count { ExitCode::SUCCESS } else { ExitCode::from(FOUND) }
}

fn test_case(line: Line<'_>) -> TestCase {
    let with = line.mutant.map_or(String::new(), |mutant| format!(" with {mutant}"));
    let failure = (!line.holds).then(|| Failure {
        checker: line.violation.map_or_else(|| "not-found".to_owned(), |found| found.checker),
        text: line.told,
        replay: line.replay,
    });
    TestCase { name: format!("{} in {}{with}", line.name, line.scenario), seconds: line.seconds, failure }
}
