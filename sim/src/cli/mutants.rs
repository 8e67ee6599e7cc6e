use std::collections::BTreeMap;
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
use super::{Chosen, FOUND, TIMEOUT_SECONDS, jobs, print, refuse};

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
    #[arg(long)]
    jobs: Option<usize>,
    /// How long one seed may take, in seconds of real time
    #[arg(long, default_value_t = TIMEOUT_SECONDS)]
    timeout: u64,
    /// Print JSON: one line for each mistake
    #[arg(long)]
    json: bool,
}

fn mutant_of(name: &str) -> Result<Mutant, String> {
    Mutant::named(name).ok_or_else(|| {
        let names: Vec<&str> = Mutant::ALL.iter().map(|one| one.name()).collect();
        format!("there is no such mistake; there are {}", names.join(", "))
    })
}

/// The search for a mistake from one place.
struct Hunt {
    mutant: Mutant,
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
    let work: Vec<(Mutant, u64)> = mutants.iter().flat_map(places).collect();
    let bar = ProgressBar::new(u64::try_from(work.len()).unwrap_or(u64::MAX));
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len}, {eta} left: {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let (next, hunts) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..jobs(options.jobs) {
            scope.spawn(|| {
                while let Some(&(mutant, start)) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                    bar.set_message(mutant.name());
                    let hunt = hunt(options, mutant, start);
                    hunts.lock().unwrap_or_else(PoisonError::into_inner).push(hunt);
                    bar.inc(1);
                }
            });
        }
    });
    bar.finish_and_clear();
    let hunts = hunts.into_inner().unwrap_or_else(PoisonError::into_inner);
    let lines: Vec<Line> = mutants.iter().map(|&one| line(options, one, &hunts)).collect();
    tell(options, &lines);
    let missed: Vec<&str> =
        lines.iter().filter(|line| line.found < line.starts).map(|line| line.mutant).collect();
    if missed.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!("not found within {} seeds from every place: {}", options.seeds, missed.join(", "));
    ExitCode::from(FOUND)
}

fn hunt(options: &Options, mutant: Mutant, start: u64) -> Hunt {
    let began = Instant::now();
    let scenario = format!("mutant-{}", mutant.name());
    for ran in 1..=options.seeds {
        let chosen = Chosen::seed(start.wrapping_add(ran - 1), &scenario);
        let report = process::run(&chosen, options.timeout, None);
        if report.violation.is_some() {
            return Hunt { mutant, seeds: Some(ran), real: began.elapsed(), found: report.violation };
        }
    }
    Hunt { mutant, seeds: None, real: began.elapsed(), found: None }
}

fn line(options: &Options, mutant: Mutant, hunts: &[Hunt]) -> Line {
    let hunts: Vec<&Hunt> = hunts.iter().filter(|hunt| hunt.mutant == mutant).collect();
    let mut ran: Vec<u64> = hunts.iter().map(|hunt| hunt.seeds.unwrap_or(options.seeds)).collect();
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
            seeds,
            real: Duration::from_secs(1),
            found: seeds.map(|_| Found { checker: "I1".to_owned(), text: String::new() }),
        };
        let options = Options {
            mutants: Vec::new(),
            starts: 3,
            start: 0,
            seeds: 200,
            jobs: None,
            timeout: 1,
            json: false,
        };
        let line = line(&options, Mutant::ALL[0], &[hunt(Some(4)), hunt(None), hunt(Some(7))]);
        assert_eq!((line.found, line.starts), (2, 3));
        assert_eq!((line.seeds_median, line.seeds_most), (7.0, 200));
        assert_eq!(line.checkers, BTreeMap::from([("I1".to_owned(), 2)]));
    }

    #[test]
    fn names_are_known() {
        assert_eq!(mutant_of(Mutant::ALL[0].name()), Ok(Mutant::ALL[0]));
        assert!(mutant_of("perfect").unwrap_err().contains("acknowledge-before-sync"));
    }
}
