use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::case::Case;
use crate::scenarios::{Nodes, mutant_scenario_name, name_in_clusters};
use crate::schedules::{Expectation, Schedule};
use crate::shrink::{self, Oracle, Shrunk, Size};
use clap::Args;
use serde::Serialize;

use super::process::{self, Found};
use super::{
    Chosen, INTERRUPTED, TIMEOUT_SECONDS, count_of, jobs, print_json, program, refuse, say, scenario,
};

#[derive(Args)]
pub(super) struct Options {
    #[command(flatten)]
    chosen: Chosen,
    /// The name of the schedule; default: the checker and the seed
    #[arg(long)]
    name: Option<String>,
    /// Where the schedule is kept
    #[arg(long, value_name = "FOLDER")]
    schedules: PathBuf,
    /// Take the place of a schedule of that name that is kept already
    #[arg(long)]
    replace: bool,
    /// What it shows, in one sentence for people
    #[arg(long, default_value = "")]
    about: String,
    /// How many processes at once; default: one per core
    #[arg(long, value_parser = count_of)]
    jobs: Option<usize>,
    /// After so many runs the smallest case so far is kept
    #[arg(long, value_name = "COUNT", default_value_t = 2000)]
    runs: usize,
    /// After so many seconds of real time, too
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    seconds: u64,
    /// How long one run may take, in seconds of real time
    #[arg(long, default_value_t = TIMEOUT_SECONDS, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
    /// Print JSON: one line for each smaller case, and one for what is kept
    #[arg(long)]
    json: bool,
}

/// A smaller case, under `--json`.
#[derive(Serialize)]
struct StepLine<'a> {
    /// What was taken away.
    step: &'a str,
    /// How many runs there have been.
    runs: usize,
    seed: u64,
    #[serde(flatten)]
    size: Size,
}

/// What is kept; the last line under `--json`.
#[derive(Serialize)]
struct Kept {
    violation: Found,
    before: Size,
    after: Size,
    seed: u64,
    runs: usize,
    seconds: f64,
    /// Nothing more can go.
    finished: bool,
    interrupted: bool,
    schedule: PathBuf,
    replay: String,
    /// In words, which bound came before it was finished.
    #[serde(skip)]
    unfinished: String,
}

/// Makes a failure's case as small as it can be, and keeps it.
pub(super) fn run(options: &Options) -> ExitCode {
    if let Some(mutant) = options.chosen.mutant {
        // A schedule says by its scenario which mistake it is of.
        let name = mutant.name();
        let is_of_clusters = options.chosen.scenario.as_deref() == Some(Nodes::NAME);
        let of_it = if is_of_clusters { name_in_clusters(mutant) } else { mutant_scenario_name(mutant) };
        let way = match scenario(of_it) {
            Ok(_) => format!("use --scenario {of_it}"),
            Err(_) => "a schedule says by its scenario alone which mistake it is of".to_owned(),
        };
        return refuse(&format!("--mutant {name} is not for shrink: {way}"));
    }
    let (case, _) = match options.chosen.load() {
        Ok(loaded) => loaded,
        Err(why) => return refuse(&why),
    };
    if let Some(name) = &options.name
        && let Err(why) = place(options, name)
    {
        return refuse(&why);
    }
    let interrupted = match process::interrupted() {
        Ok(interrupted) => interrupted,
        Err(error) => return refuse(&format!("cannot wait for an interrupt: {error}")),
    };
    let folder = std::env::temp_dir().join(format!("ordain-sim-shrink-{}", std::process::id()));
    if let Err(error) = fs::create_dir_all(&folder) {
        return refuse(&format!("cannot create the folder {}: {error}", folder.display()));
    }
    let result = shrink_in(options, &case, &folder, &interrupted);
    // What is left there is of no use to anybody.
    drop(fs::remove_dir_all(&folder));
    match result {
        Ok(kept) => {
            if options.json {
                print_json(&kept);
            } else {
                say!("{}", kept.in_words());
            }
            if kept.interrupted { ExitCode::from(INTERRUPTED) } else { ExitCode::SUCCESS }
        }
        // An interrupt ends the processes, too: what they say then is nothing.
        Err(_) if interrupted.load(Ordering::Relaxed) => {
            eprintln!("interrupted before it was known what there is to shrink: nothing is kept");
            ExitCode::from(INTERRUPTED)
        }
        Err(why) => refuse(&why),
    }
}

impl Kept {
    fn in_words(&self) -> String {
        format!(
            "  after:  {} ({} runs in {:.1} s){}\n  kept as {}\n  {}",
            self.after,
            self.runs,
            self.seconds,
            self.unfinished,
            self.schedule.display(),
            self.replay
        )
    }
}

fn shrink_in(
    options: &Options,
    case: &Case,
    folder: &Path,
    interrupted: &AtomicBool,
) -> Result<Kept, String> {
    let Some(found) = try_case(case, &folder.join("first.json"), options.timeout)? else {
        return Err("nothing is found in this case: there is nothing to shrink".to_owned());
    };
    if !passes_without(case, &folder.join("first-without.json"), options.timeout)? {
        return Err(format!("without the mistake of {} this case fails, too: shrink that", case.scenario));
    }
    if interrupted.load(Ordering::Relaxed) {
        return Err("interrupted".to_owned());
    }
    let of_itself = || format!("{}-{}-{}", case.scenario, found.checker, case.seed);
    let path = place(options, &options.name.clone().unwrap_or_else(of_itself))?;
    if !options.json {
        say!("{}: {}\n  before: {}", found.checker, found.text, Size::of(case));
    }
    let (checker, began) = (found.checker.as_str(), Instant::now());
    let mut processes = Processes { options, folder, checker, began, interrupted, runs: 0, trouble: None };
    let Shrunk { case: small, is_finished } = shrink::shrink(case.clone(), &mut processes);
    let (runs, took) = (processes.runs, processes.began.elapsed());
    let unfinished = if is_finished { String::new() } else { processes.unfinished() };
    if let Some(trouble) = processes.trouble {
        return Err(trouble);
    }
    let schedule = Schedule {
        about: about(options, case, &found),
        expect: expectations(&small, &found.checker, folder, options)?,
        case: small,
    };
    fs::write(&path, schedule.to_json())
        .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    Ok(Kept {
        violation: found,
        before: Size::of(case),
        after: Size::of(&schedule.case),
        seed: schedule.case.seed,
        runs,
        seconds: took.as_secs_f64(),
        finished: is_finished,
        interrupted: !is_finished && interrupted.load(Ordering::Relaxed),
        replay: format!("{} replay --case {}", program(), path.display()),
        schedule: path,
        unfinished,
    })
}

/// Where the schedule of that name is kept, before anything is run for it.
///
/// # Errors
/// For people: of a name that is none of a file, of a folder that cannot be made, of a schedule that is there already.
fn place(options: &Options, name: &str) -> Result<PathBuf, String> {
    if name.is_empty() || name.contains(['/', '\\']) || name.contains("..") {
        return Err(format!("{name:?} is no name of a schedule: no `/`, `\\` or `..`, please"));
    }
    let folder = &options.schedules;
    fs::create_dir_all(folder)
        .map_err(|error| format!("cannot create the folder {}: {error}", folder.display()))?;
    let path = folder.join(format!("{name}.json"));
    if path.exists() && !options.replace {
        let path = path.display();
        return Err(format!(
            "there is a schedule {path}: give another --name, or --replace to write over it"
        ));
    }
    Ok(path)
}

fn about(options: &Options, case: &Case, found: &Found) -> String {
    if options.about.is_empty() {
        return format!("{} of seed {}: {}: {}", case.scenario, case.seed, found.checker, found.text);
    }
    options.about.clone()
}

/// A mistake on purpose is found in its scenario, and without it nothing is. Any other mistake is found now, and
/// must not be any more once it is put right: so the schedule says that nothing is found.
fn expectations(
    case: &Case,
    checker: &str,
    folder: &Path,
    options: &Options,
) -> Result<Vec<Expectation>, String> {
    let Some(without) = scenario(&case.scenario)?.without_mistake() else {
        return Ok(vec![Expectation::of(&case.scenario)]);
    };
    let right = Expectation::of(without);
    let wrong = Expectation { found_by: Some(checker.to_owned()), ..Expectation::of(&case.scenario) };
    let without = Case { scenario: right.scenario.clone(), ..case.clone() };
    match try_case(&without, &folder.join("without.json"), options.timeout)? {
        None => Ok(vec![wrong, right]),
        Some(found) => {
            eprintln!("  in {}, too: {}: {}", right.scenario, found.checker, found.text);
            Ok(vec![wrong])
        }
    }
}

/// What is found in a case.
fn try_case(case: &Case, file: &Path, timeout: u64) -> Result<Option<Found>, String> {
    fs::write(file, case.to_json()).map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    Ok(process::run(&Chosen::case(file), timeout, None).violation)
}

/// Whether nothing is found when the scenario's mistake is not made; true of a scenario without one.
fn passes_without(case: &Case, file: &Path, timeout: u64) -> Result<bool, String> {
    let Some(without) = scenario(&case.scenario)?.without_mistake() else { return Ok(true) };
    let case = Case { scenario: without.to_owned(), ..case.clone() };
    Ok(try_case(&case, file, timeout)?.is_none())
}

/// Runs candidates in processes of their own, several at once.
struct Processes<'a> {
    options: &'a Options,
    folder: &'a Path,
    /// Only what it finds is the same failure.
    checker: &'a str,
    began: Instant,
    interrupted: &'a AtomicBool,
    runs: usize,
    trouble: Option<String>,
}

impl Oracle for Processes<'_> {
    fn first_failing(&mut self, candidates: &[Case]) -> Option<usize> {
        let jobs = jobs(self.options.jobs);
        // In the candidates' order, so that what is found does not depend on how many run at once.
        for (batch, cases) in candidates.chunks(jobs).enumerate() {
            if self.is_tired() {
                return None;
            }
            self.runs += cases.len();
            match self.which_fail(cases) {
                // An interrupt ends the processes, too: what they say then is nothing.
                Ok(_) if self.interrupted.load(Ordering::Relaxed) => return None,
                Ok(fail) => {
                    if let Some(place) = fail.iter().position(|fails| *fails) {
                        return Some(batch * jobs + place);
                    }
                }
                Err(trouble) => self.trouble = Some(trouble),
            }
        }
        None
    }

    fn is_tired(&self) -> bool {
        let limit = Duration::from_secs(self.options.seconds);
        let is_interrupted = self.interrupted.load(Ordering::Relaxed);
        let is_over = self.runs >= self.options.runs || self.began.elapsed() >= limit;
        self.trouble.is_some() || is_interrupted || is_over
    }

    fn smaller(&mut self, step: &str, case: &Case) {
        let (runs, seed, size) = (self.runs, case.seed, Size::of(case));
        if self.options.json {
            print_json(&StepLine { step, runs, seed, size });
        } else {
            say!("  {runs:>4} runs, less {step:<10} {size}, seed {seed}");
        }
    }
}

impl Processes<'_> {
    /// Which bound came before nothing more could go.
    fn unfinished(&self) -> String {
        let (runs, seconds) = (self.options.runs, self.options.seconds);
        let bound = if self.interrupted.load(Ordering::Relaxed) {
            "interrupted".to_owned()
        } else if self.runs >= runs {
            format!("--runs {runs} are made")
        } else {
            format!("--seconds {seconds} have passed")
        };
        format!("\n  not finished: {bound}, and more may go; shrink this one with --case to go on")
    }

    fn which_fail(&self, cases: &[Case]) -> Result<Vec<bool>, String> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let one = |case: &Case| {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let file = self.folder.join(format!("{number}.json"));
            let same =
                try_case(case, &file, self.options.timeout)?.is_some_and(|f| f.checker == self.checker);
            // A case that fails without the mistake, too, shows something else.
            let fails = same && passes_without(case, &file, self.options.timeout)?;
            // Kept files would only take up room.
            drop(fs::remove_file(&file));
            Ok(fails)
        };
        std::thread::scope(|scope| {
            let running: Vec<_> = cases.iter().map(|case| scope.spawn(|| one(case))).collect();
            running.into_iter().map(|thread| thread.join().expect("it does not panic")).collect()
        })
    }
}
