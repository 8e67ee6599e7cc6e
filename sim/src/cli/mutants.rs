use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use ordain::probe::Mutant;
use serde::Serialize;

use crate::scenarios::{Nodes, mutant_scenario_name, name_in_clusters};

use super::junit::{self, Failure, TestCase};
use super::process::{self, Found};
use super::{Chosen, FOUND, INTERRUPTED, TIMEOUT_SECONDS, count_of, jobs, print, program, refuse};

#[derive(Args)]
pub(super) struct Options {
    /// These mistakes; default: those that seeds are known to find, as sim/mutants.json (or of a scenario sim/mutants-SCENARIO.json) says
    #[arg(value_parser = mutant_of)]
    mutants: Vec<Mutant>,
    /// Plant them in this scenario; default: in each one's own, which its name chooses
    #[arg(long, value_parser = [Nodes::NAME])]
    scenario: Option<String>,
    /// All mistakes, also those that no seed is known to find: not to find these is no failure
    #[arg(long, conflicts_with_all = ["mutants", "known"])]
    all: bool,
    /// From how many places each is looked for: the median is over them
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    starts: u64,
    /// The first place: a seed. The others follow as far apart as `--seeds` says
    #[arg(long, default_value_t = 0)]
    start: u64,
    /// After how many seeds without finding anything a place is given up
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// How many processes at once; default: one per core
    #[arg(long, value_parser = count_of)]
    jobs: Option<usize>,
    /// How long one seed may take, in seconds of real time
    #[arg(long, default_value_t = TIMEOUT_SECONDS, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
    /// Begin each search at a seed that has found it once, as that file says, and give it up after 16
    #[arg(long, value_name = "FILE", num_args = 0..=1,
        conflicts_with_all = ["starts", "start", "seeds", "keep"])]
    known: Option<Option<PathBuf>>,
    /// Keep in that file the first seed that found each
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    keep: Option<Option<PathBuf>>,
    /// Print JSON: one line for each mistake
    #[arg(long)]
    json: bool,
    /// Write the result as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

impl Options {
    /// The scenario in which a mistake is planted.
    fn scenario_of(&self, mutant: Mutant) -> &'static str {
        if self.scenario.is_some() { name_in_clusters(mutant) } else { mutant_scenario_name(mutant) }
    }

    /// Where the seeds are kept that found the mistakes once, if nobody says where.
    fn kept(&self) -> PathBuf {
        match &self.scenario {
            Some(scenario) => PathBuf::from(format!("sim/mutants-{scenario}.json")),
            None => PathBuf::from("sim/mutants.json"),
        }
    }

    /// The file that is meant by `--known` or `--keep`.
    fn file(&self, named: &Option<PathBuf>) -> PathBuf {
        named.clone().unwrap_or_else(|| self.kept())
    }
}

pub(super) fn mutant_of(name: &str) -> Result<Mutant, String> {
    Mutant::named(name).ok_or_else(|| {
        let names: Vec<&str> = Mutant::ALL.iter().map(|one| one.name()).collect();
        format!("there is no such mistake; there are {}", names.join(", "))
    })
}

/// After a change of the code a seed means another run; so many from it on are tried.
const KNOWN_SEEDS: u64 = 16;

/// The search for a mistake from one place.
struct Hunt {
    mutant: Mutant,
    start: u64,
    /// Seeds that it took; `None` if the bound came first.
    seeds: Option<u64>,
    real: Duration,
    found: Option<Found>,
}

/// What is known of one mistake after all places.
#[derive(Serialize)]
struct Line {
    mutant: &'static str,
    about: &'static str,
    /// From how many of the places it was found.
    found: usize,
    starts: usize,
    /// A place at which so many seeds did not find it was given up.
    seeds_bound: u64,
    /// Of the seeds that it took, half-way between the middle two; nothing if that is beyond the bound.
    seeds_median: Option<f64>,
    seeds_most: Option<u64>,
    /// The seed that found it first, from each place from which it was found.
    seeds_found: Vec<u64>,
    real_seconds: f64,
    /// Which checkers found it, and how often.
    checkers: BTreeMap<String, usize>,
    /// No seed is known to find it: something else does, or nothing.
    is_hole: bool,
}

impl Line {
    /// It should have been found from every place, and was not.
    fn is_missed(&self) -> bool {
        self.found < self.starts && !self.is_hole
    }
}

/// What is looked for, and how.
struct Search<'a> {
    options: &'a Options,
    mutants: Vec<Mutant>,
    /// Those of them that no seed is known to find.
    holes: Vec<Mutant>,
    /// Each place of each mistake.
    work: Vec<(Mutant, u64)>,
    seeds: u64,
    interrupted: &'a AtomicBool,
    bar: ProgressBar,
}

/// Looks for mistakes, and fails if one is not found from some place.
pub(super) fn run(options: &Options) -> ExitCode {
    let interrupted = match process::interrupted() {
        Ok(interrupted) => interrupted,
        Err(error) => return refuse(&format!("cannot wait for an interrupt: {error}")),
    };
    let search = match Search::of(options, &interrupted) {
        Ok(search) => search,
        Err(why) => return refuse(&why),
    };
    // Before anything runs, so that nothing does in vain.
    if let Err(why) = write_junit(options, "") {
        return refuse(&why);
    }
    let (hunts, lines) = search.run();
    let cases: Vec<TestCase> =
        lines.iter().map(|line| test_case(line, options.scenario.as_deref())).collect();
    if let Err(why) = write_junit(options, &junit::document("mutants", &cases)) {
        return refuse(&why);
    }
    if let Some(path) = &options.keep
        && let Err(why) = keep(&options.file(path), &hunts)
    {
        return refuse(&why);
    }
    if interrupted.load(Ordering::Relaxed) {
        let left = search.mutants.len() - lines.len();
        eprintln!("interrupted: {left} mistakes have not been looked for from every place");
        return ExitCode::from(INTERRUPTED);
    }
    let missed: Vec<&str> = lines.iter().filter(|line| line.is_missed()).map(|line| line.mutant).collect();
    if missed.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!("not found within {} seeds from every place: {}", search.seeds, missed.join(", "));
    ExitCode::from(FOUND)
}

impl<'a> Search<'a> {
    fn of(options: &'a Options, interrupted: &'a AtomicBool) -> Result<Search<'a>, String> {
        let known_by_seeds = || seeds_of(&options.file(options.known.as_ref().unwrap_or(&None)));
        let (mut mutants, mut holes) = (options.mutants.clone(), Vec::new());
        if mutants.is_empty() {
            let known = known_by_seeds()?;
            let has_seed = |one: &Mutant| known.contains_key(one.name());
            let all = Mutant::ALL.iter().copied();
            if options.all {
                mutants = all.clone().collect();
                holes = all.filter(|one| !has_seed(one)).collect();
            } else {
                mutants = all.filter(has_seed).collect();
            }
        }
        let places = |&mutant: &Mutant| {
            (0..options.starts)
                .map(move |place| (mutant, options.start.wrapping_add(place.wrapping_mul(options.seeds))))
        };
        let work: Vec<(Mutant, u64)> = match &options.known {
            None => mutants.iter().flat_map(places).collect(),
            Some(path) => known(&options.file(path), &mutants)?,
        };
        let seeds = if options.known.is_some() { KNOWN_SEEDS } else { options.seeds };
        let bar = ProgressBar::new(u64::try_from(work.len()).unwrap_or(u64::MAX));
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len}, {eta} left: {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Ok(Search { options, mutants, holes, work, seeds, interrupted, bar })
    }

    /// All hunts that came to their end, and a line for each mistake that was looked for from every place.
    fn run(&self) -> (Vec<Hunt>, Vec<Line>) {
        let (next, hunts) = (AtomicUsize::new(0), Mutex::new((Vec::new(), Vec::new())));
        if !self.options.json {
            self.bar.suspend(|| print(&heading()));
        }
        std::thread::scope(|scope| {
            for _ in 0..jobs(self.options.jobs) {
                scope.spawn(|| {
                    while let Some(&(mutant, start)) = self.work.get(next.fetch_add(1, Ordering::Relaxed)) {
                        self.bar.set_message(mutant.name());
                        let Some(hunt) = self.hunt(mutant, start) else { break };
                        let mut guard = hunts.lock().unwrap_or_else(PoisonError::into_inner);
                        let (hunts, lines) = &mut *guard;
                        hunts.push(hunt);
                        lines.extend(self.told(mutant, hunts));
                        self.bar.inc(1);
                    }
                });
            }
        });
        self.bar.finish_and_clear();
        hunts.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Prints a mistake's line, if it has been looked for from every place.
    fn told(&self, mutant: Mutant, hunts: &[Hunt]) -> Option<Line> {
        let places = self.work.iter().filter(|(one, _)| *one == mutant).count();
        let of_it = hunts.iter().filter(|hunt| hunt.mutant == mutant);
        if of_it.count() < places {
            return None;
        }
        let line = line(self.seeds, mutant, hunts, self.holes.contains(&mutant));
        let text = if self.options.json {
            serde_json::to_string(&line).expect("plain data") + "\n"
        } else {
            row(&line)
        };
        self.bar.suspend(|| print(&text));
        Some(line)
    }

    /// Looks for a mistake from one place; nothing comes of it if that is interrupted.
    fn hunt(&self, mutant: Mutant, start: u64) -> Option<Hunt> {
        let (began, timeout) = (Instant::now(), self.options.timeout);
        let scenario = self.options.scenario_of(mutant);
        for ran in 1..=self.seeds {
            let chosen = Chosen::seed(start.wrapping_add(ran - 1), scenario);
            let report = process::run(&chosen, timeout, None);
            // A seed that fails without the mistake proves nothing about it.
            let is_found = report.violation.is_some() && passes_without(&chosen, timeout);
            // An interrupt ends the processes, too.
            if self.interrupted.load(Ordering::Relaxed) {
                return None;
            }
            if is_found {
                let (seeds, found) = (Some(ran), report.violation);
                return Some(Hunt { mutant, start, seeds, real: began.elapsed(), found });
            }
        }
        Some(Hunt { mutant, start, seeds: None, real: began.elapsed(), found: None })
    }
}

/// The seeds that have found each, by the kept file.
fn seeds_of(path: &Path) -> Result<BTreeMap<String, u64>, String> {
    let wrong = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
    let text = fs::read_to_string(path).map_err(|error| wrong(&error))?;
    serde_json::from_str(&text).map_err(|error| wrong(&error))
}

/// Where to begin, by the kept file.
fn known(path: &Path, mutants: &[Mutant]) -> Result<Vec<(Mutant, u64)>, String> {
    let wrong = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
    let seeds = seeds_of(path)?;
    let seed = |&mutant: &Mutant| {
        let seed = seeds.get(mutant.name()).copied();
        seed.map(|seed| (mutant, seed)).ok_or_else(|| wrong(&format!("it has no seed for {}", mutant.name())))
    };
    mutants.iter().map(seed).collect()
}

/// Adds the first seed that found each of them to the kept file.
fn keep(path: &Path, hunts: &[Hunt]) -> Result<(), String> {
    let wrong = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
    let mut seeds: BTreeMap<String, u64> = match fs::read_to_string(path) {
        Ok(text) => serde_json::from_str(&text).map_err(|error| wrong(&error))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
        Err(error) => return Err(wrong(&error)),
    };
    let mut found: BTreeMap<&str, u64> = BTreeMap::new();
    for hunt in hunts {
        if let Some(ran) = hunt.seeds {
            let seed = hunt.start.wrapping_add(ran - 1);
            let known = found.entry(hunt.mutant.name()).or_insert(seed);
            *known = seed.min(*known);
        }
    }
    seeds.extend(found.into_iter().map(|(name, seed)| (name.to_owned(), seed)));
    let text = serde_json::to_string_pretty(&seeds).expect("plain data") + "\n";
    fs::write(path, text).map_err(|error| wrong(&error))
}

/// Whether the same seed is good when no mistake is made.
fn passes_without(chosen: &Chosen, timeout: u64) -> bool {
    let Ok((_, scenario)) = chosen.load() else { return false };
    let Some(sound) = scenario.without_mistake() else { return false };
    let chosen = Chosen { scenario: Some(sound.to_owned()), ..chosen.clone() };
    process::run(&chosen, timeout, None).violation.is_none()
}

fn write_junit(options: &Options, document: &str) -> Result<(), String> {
    let Some(path) = &options.junit else { return Ok(()) };
    junit::write(path, document).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

fn test_case(line: &Line, scenario: Option<&str>) -> TestCase {
    let planted = scenario.map_or_else(String::new, |scenario| format!(" --scenario {scenario}"));
    let failure = line.is_missed().then(|| Failure {
        checker: "not-found".to_owned(),
        text: format!(
            "{}: found from {} of {} places, within {} seeds from each",
            line.about, line.found, line.starts, line.seeds_bound
        ),
        replay: Some(format!("{} mutants{planted} {}", program(), line.mutant)),
    });
    TestCase { name: line.mutant.to_owned(), seconds: line.real_seconds, failure }
}

fn line(seeds: u64, mutant: Mutant, hunts: &[Hunt], is_hole: bool) -> Line {
    let mut hunts: Vec<&Hunt> = hunts.iter().filter(|hunt| hunt.mutant == mutant).collect();
    hunts.sort_by_key(|hunt| hunt.start);
    // One that was given up took longer than all others.
    let mut ran: Vec<Option<u64>> = hunts.iter().map(|hunt| hunt.seeds).collect();
    ran.sort_by_key(|ran| (ran.is_none(), *ran));
    let mut checkers = BTreeMap::new();
    for found in hunts.iter().filter_map(|hunt| hunt.found.as_ref()) {
        *checkers.entry(found.checker.clone()).or_default() += 1;
    }
    Line {
        mutant: mutant.name(),
        about: mutant.about(),
        found: hunts.iter().filter(|hunt| hunt.seeds.is_some()).count(),
        starts: hunts.len(),
        seeds_bound: seeds,
        seeds_median: median(&ran),
        seeds_most: ran.last().copied().flatten(),
        seeds_found: hunts.iter().filter_map(|hunt| Some(hunt.start.wrapping_add(hunt.seeds? - 1))).collect(),
        real_seconds: hunts.iter().map(|hunt| hunt.real.as_secs_f64()).sum(),
        checkers,
        is_hole,
    }
}

/// Of sorted numbers, of which those that are not known are the greatest.
fn median(sorted: &[Option<u64>]) -> Option<f64> {
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(sorted[middle]? as f64),
        _ => Some((sorted[middle - 1]? + sorted[middle]?) as f64 / 2.0),
    }
}

/// A row of the table, which is printed row by row: the columns are as wide as what they may hold.
fn columns(cells: [&str; 7]) -> String {
    let name = Mutant::ALL.iter().map(|one| one.name().len()).max().unwrap_or(0);
    let [mistake, found, median, most, seed, seconds, by] = cells;
    format!("| {mistake:<name$} | {found:>6} | {median:>8} | {most:>8} | {seed:>6} | {seconds:>7} | {by} |\n")
}

fn heading() -> String {
    let names = columns(["mistake", "found", "median", "most", "seed", "seconds", "by"]);
    let rule = names.trim_end().chars().map(|letter| if letter == '|' { '|' } else { '-' });
    format!("{names}{}\n", rule.collect::<String>())
}

fn row(line: &Line) -> String {
    let over = || format!("over {}", line.seeds_bound);
    let mut by: Vec<&str> = line.checkers.keys().map(String::as_str).collect();
    if line.is_hole {
        by.push("(no seed is known to find it)");
    }
    columns([
        line.mutant,
        &format!("{}/{}", line.found, line.starts),
        &line.seeds_median.map_or_else(over, |median| median.to_string()),
        &line.seeds_most.map_or_else(over, |most| most.to_string()),
        &line.seeds_found.first().map_or_else(String::new, u64::to_string),
        &format!("{:.1}", line.real_seconds),
        &by.join(", "),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let median = |sorted: &[u64], given_up: usize| {
            let known = sorted.iter().copied().map(Some);
            median(&known.chain(std::iter::repeat_n(None, given_up)).collect::<Vec<_>>())
        };
        assert_eq!(
            [median(&[3], 0), median(&[1, 2, 9], 0), median(&[1, 2, 4, 9], 0), median(&[1, 2], 1)],
            [3.0, 2.0, 3.0, 2.0].map(Some)
        );
        assert_eq!([median(&[], 1), median(&[1, 2], 2), median(&[], 0)], [None; 3]);
    }

    #[test]
    fn a_mistake_that_is_missed_once_is_not_found_everywhere() {
        let hunt = |seeds: Option<u64>| Hunt {
            mutant: Mutant::ALL[0],
            start: 0,
            seeds,
            real: Duration::from_secs(1),
            found: seeds.map(|_| Found { checker: "I1".to_owned(), text: String::new() }),
        };
        let line = line(200, Mutant::ALL[0], &[hunt(Some(4)), hunt(None), hunt(Some(7))], false);
        assert_eq!((line.found, line.starts), (2, 3));
        assert_eq!((line.seeds_median, line.seeds_most), (Some(7.0), None));
        assert_eq!(line.seeds_found, [3, 6]);
        let row = row(&line);
        assert!(row.contains("|    2/3 |        7 | over 200 |      3 |"), "{row}");
        let bars = |text: &str| text.match_indices('|').map(|(at, _)| at).take(7).collect::<Vec<_>>();
        assert!(heading().lines().all(|head| bars(head) == bars(&row)), "{}{row}", heading());
        assert_eq!(line.checkers, BTreeMap::from([("I1".to_owned(), 2)]));
        let failure = test_case(&line, Some(Nodes::NAME)).failure.unwrap();
        assert!(failure.text.contains("found from 2 of 3 places"), "{}", failure.text);
        let replay = failure.replay.unwrap();
        assert!(replay.contains(" mutants --scenario cluster acknowledge-before-sync"), "{replay}");
        assert!(
            test_case(&Line { is_hole: true, ..line }, None).failure.is_none(),
            "no seed is known to find it"
        );
    }

    #[test]
    fn each_mistake_has_a_scenario_of_its_own_and_one_of_whole_nodes() {
        for &mutant in Mutant::ALL {
            let [own, whole] = [mutant_scenario_name(mutant), name_in_clusters(mutant)];
            let find = |name| crate::scenarios::find(name).unwrap_or_else(|| panic!("there is {name}"));
            assert!(find(own).without_mistake().is_some(), "{own}");
            assert_eq!(find(whole).without_mistake(), Some(Nodes::NAME), "{whole}");
        }
    }

    #[test]
    fn names_are_known() {
        assert_eq!(mutant_of(Mutant::ALL[0].name()), Ok(Mutant::ALL[0]));
        assert!(mutant_of("perfect").unwrap_err().contains("acknowledge-before-sync"));
    }

    #[test]
    fn seeds_are_kept_and_found_again() {
        let path = std::env::temp_dir().join(format!("ordain-sim-mutants-{}.json", std::process::id()));
        let [one, other] = [Mutant::ALL[0], Mutant::ALL[1]];
        let hunt = |mutant, start, seeds| Hunt { mutant, start, seeds, real: Duration::ZERO, found: None };
        let hunts = [hunt(one, 100, Some(5)), hunt(one, 0, Some(9)), hunt(other, 7, None)];
        keep(&path, &hunts).unwrap();
        assert_eq!(known(&path, &[one]), Ok(vec![(one, 8)]));
        assert!(known(&path, &[one, other]).unwrap_err().contains(other.name()));
        fs::remove_file(&path).unwrap();
        assert!(known(&path, &[one]).is_err(), "without the file nothing is known");
    }
}
