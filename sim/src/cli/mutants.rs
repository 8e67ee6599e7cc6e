use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Args;
use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;
use indicatif::{ProgressBar, ProgressStyle};
use ordain::probe::{self, Mutant};
use serde::Serialize;

use super::process::{self, Found};
use super::{Chosen, FOUND, TIMEOUT_SECONDS, count_of, jobs, print, refuse};

#[derive(Args)]
pub(super) struct Options {
    /// Only these mistakes; default: all
    #[arg(value_parser = mutant_of)]
    mutants: Vec<Mutant>,
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
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = KNOWN,
        conflicts_with_all = ["starts", "start", "seeds", "keep"])]
    known: Option<PathBuf>,
    /// Keep in that file the first seed that found each
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = KNOWN)]
    keep: Option<PathBuf>,
    /// Print JSON: one line for each mistake
    #[arg(long)]
    json: bool,
}

pub(super) fn mutant_of(name: &str) -> Result<Mutant, String> {
    Mutant::named(name).ok_or_else(|| {
        let names: Vec<&str> = Mutant::ALL.iter().map(|one| one.name()).collect();
        format!("there is no such mistake; there are {}", names.join(", "))
    })
}

/// Where the seeds that found the mistakes once are kept: names and numbers.
const KNOWN: &str = "sim/mutants.json";
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
    /// Of the seeds that it took, those that gave up counted as the bound; half-way between the middle two.
    seeds_median: f64,
    seeds_most: u64,
    real_seconds: f64,
    /// Which checkers found it, and how often.
    checkers: BTreeMap<String, usize>,
}

/// Looks for every mistake, and fails if one is not found from some place.
pub(super) fn run(options: &Options) -> ExitCode {
    if !probe::IS_BUILT_IN {
        return refuse("this build has no mistakes in it (no debug assertions): use `cargo sim mutants`");
    }
    let mutants = if options.mutants.is_empty() { Mutant::ALL } else { &options.mutants };
    let places = |&mutant: &Mutant| {
        (0..options.starts)
            .map(move |place| (mutant, options.start.wrapping_add(place.wrapping_mul(options.seeds))))
    };
    let work: Vec<(Mutant, u64)> = match &options.known {
        None => mutants.iter().flat_map(places).collect(),
        Some(path) => match known(path, mutants) {
            Ok(work) => work,
            Err(why) => return refuse(&why),
        },
    };
    let seeds = if options.known.is_some() { KNOWN_SEEDS } else { options.seeds };
    let bar = ProgressBar::new(u64::try_from(work.len()).unwrap_or(u64::MAX));
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len}, {eta} left: {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let (next, hunts) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..jobs(options.jobs) {
            scope.spawn(|| {
                while let Some(&(mutant, start)) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                    bar.set_message(mutant.name());
                    let hunt = hunt(seeds, options.timeout, mutant, start);
                    hunts.lock().unwrap_or_else(PoisonError::into_inner).push(hunt);
                    bar.inc(1);
                }
            });
        }
    });
    bar.finish_and_clear();
    let hunts = hunts.into_inner().unwrap_or_else(PoisonError::into_inner);
    let lines: Vec<Line> = mutants.iter().map(|&one| line(seeds, one, &hunts)).collect();
    tell(options, &lines);
    if let Some(path) = &options.keep
        && let Err(why) = keep(path, &hunts)
    {
        return refuse(&why);
    }
    let missed: Vec<&str> =
        lines.iter().filter(|line| line.found < line.starts).map(|line| line.mutant).collect();
    if missed.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!("not found within {seeds} seeds from every place: {}", missed.join(", "));
    ExitCode::from(FOUND)
}

/// Where to begin, by the kept file.
fn known(path: &Path, mutants: &[Mutant]) -> Result<Vec<(Mutant, u64)>, String> {
    let wrong = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
    let text = fs::read_to_string(path).map_err(|error| wrong(&error))?;
    let seeds: BTreeMap<String, u64> = serde_json::from_str(&text).map_err(|error| wrong(&error))?;
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

fn hunt(seeds: u64, timeout: u64, mutant: Mutant, start: u64) -> Hunt {
    let began = Instant::now();
    let scenario = format!("mutant-{}", mutant.name());
    for ran in 1..=seeds {
        let chosen = Chosen::seed(start.wrapping_add(ran - 1), &scenario);
        let report = process::run(&chosen, timeout, None);
        // A seed that fails without the mistake proves nothing about it.
        if report.violation.is_some() && passes_without(&chosen, timeout) {
            return Hunt { mutant, start, seeds: Some(ran), real: began.elapsed(), found: report.violation };
        }
    }
    Hunt { mutant, start, seeds: None, real: began.elapsed(), found: None }
}

/// Whether the same seed is good when no mistake is made.
fn passes_without(chosen: &Chosen, timeout: u64) -> bool {
    let Ok((_, scenario)) = chosen.load() else { return false };
    let Some(sound) = scenario.without_mistake() else { return false };
    let chosen = Chosen { scenario: Some(sound.to_owned()), ..chosen.clone() };
    process::run(&chosen, timeout, None).violation.is_none()
}

fn line(seeds: u64, mutant: Mutant, hunts: &[Hunt]) -> Line {
    let hunts: Vec<&Hunt> = hunts.iter().filter(|hunt| hunt.mutant == mutant).collect();
    let mut ran: Vec<u64> = hunts.iter().map(|hunt| hunt.seeds.unwrap_or(seeds)).collect();
    ran.sort_unstable();
    let mut checkers = BTreeMap::new();
    for found in hunts.iter().filter_map(|hunt| hunt.found.as_ref()) {
        *checkers.entry(found.checker.clone()).or_default() += 1;
    }
    Line {
        mutant: mutant.name(),
        about: mutant.about(),
        found: hunts.iter().filter(|hunt| hunt.seeds.is_some()).count(),
        starts: hunts.len(),
        seeds_median: median(&ran),
        seeds_most: ran.last().copied().unwrap_or(0),
        real_seconds: hunts.iter().map(|hunt| hunt.real.as_secs_f64()).sum(),
        checkers,
    }
}

/// Of sorted numbers.
fn median(sorted: &[u64]) -> f64 {
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => sorted[middle] as f64,
        _ => (sorted[middle - 1] + sorted[middle]) as f64 / 2.0,
    }
}

fn tell(options: &Options, lines: &[Line]) {
    if options.json {
        for line in lines {
            print(&(serde_json::to_string(line).expect("plain data") + "\n"));
        }
        return;
    }
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN);
    table.set_header(["mistake", "found", "median", "most", "seconds", "by"]);
    for line in lines {
        let checkers: Vec<&str> = line.checkers.keys().map(String::as_str).collect();
        table.add_row([
            line.mutant.to_owned(),
            format!("{}/{}", line.found, line.starts),
            line.seeds_median.to_string(),
            line.seeds_most.to_string(),
            format!("{:.1}", line.real_seconds),
            checkers.join(", "),
        ]);
    }
    print(&format!("{table}\n"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!([median(&[3]), median(&[1, 2, 9]), median(&[1, 2, 4, 9])], [3.0, 2.0, 3.0]);
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
        let line = line(200, Mutant::ALL[0], &[hunt(Some(4)), hunt(None), hunt(Some(7))]);
        assert_eq!((line.found, line.starts), (2, 3));
        assert_eq!((line.seeds_median, line.seeds_most), (7.0, 200));
        assert_eq!(line.checkers, BTreeMap::from([("I1".to_owned(), 2)]));
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
