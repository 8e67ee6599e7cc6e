//! An application beside the broker: its mistake is found, and without it nothing is.
#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(clippy::disallowed_methods, reason = "kept schedules are files, outside of every simulation")]
use std::path::Path;

use ordain_sim::TraceMode;
use ordain_sim::case::Case;
use ordain_sim::scenarios::{self, Scenario, Violation};
use ordain_sim::schedules::{Expectation, RUNS_MAX, Schedule};

#[path = "../examples/orders/service.rs"]
mod service;

use service::Commit;

fn run(scenario: &dyn Scenario, seed: u64) -> Result<(), Violation> {
    scenarios::run(scenario, seed, TraceMode::Hash).value
}

/// Seeds that are tried; some of them let the service die between a commit and its shipments.
const SEEDS: std::ops::Range<u64> = 8..14;

#[test]
fn orders_that_are_committed_too_early_are_found_lost() {
    let hasty = service::scenario("orders-hasty", Commit::WithThePoll);
    let found: Vec<Violation> = SEEDS.filter_map(|seed| run(&hasty, seed).err()).collect();
    assert!(!found.is_empty(), "none of the seeds {SEEDS:?} finds it");
    for violation in found {
        assert!(violation.text.contains("nobody ships it"), "{violation}");
    }
}

#[test]
fn orders_that_are_committed_after_shipping_are_all_shipped() {
    let right = service::scenario("orders", Commit::AfterShipping);
    for seed in SEEDS {
        assert_eq!(run(&right, seed), Ok(()), "seed {seed}");
    }
}

#[test]
fn what_an_application_observes_stands_in_the_history() {
    let right = service::scenario("orders", Commit::AfterShipping);
    let outcome = scenarios::run(&right, 8, TraceMode::Keep);
    let history = ordain_sim::history::to_json_lines(&outcome.operations);
    let first: serde_json::Value = serde_json::from_str(history.lines().next().unwrap()).unwrap();
    assert_eq!([&first["client"], &first["f"], &first["value"]], ["customer", "observe", "ordered 1"]);
}

/// Whether that checker finds something in one of the schedule's runs, or, where nobody is named, nobody does in the first two.
fn comes_of(expected: &Expectation, case: &Case) -> bool {
    let scenario = match expected.scenario.as_str() {
        "orders" => service::scenario("orders", Commit::AfterShipping),
        _ => service::scenario("orders-hasty", Commit::WithThePoll),
    };
    assert_eq!(scenario.name(), expected.scenario);
    let found = |run: u64| {
        let seed = case.seed + run;
        let case = Case { scenario: expected.scenario.clone(), seed, ..case.clone() };
        scenarios::run_case(&scenario, case, TraceMode::Hash).value.err().map(|found| found.checker)
    };
    match &expected.found_by {
        Some(checker) => (0..RUNS_MAX).any(|run| found(run) == Some(checker.as_str())),
        None => (0..2).all(|run| found(run).is_none()),
    }
}

#[test]
fn the_kept_schedules_of_an_application_do_what_is_expected_of_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/orders/schedules");
    let mut expectations = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let schedule = Schedule::from_json(&std::fs::read_to_string(&path).unwrap()).unwrap();
        for expected in &schedule.expect {
            assert!(comes_of(expected, &schedule.case), "{}: {expected:?}", path.display());
            expectations += 1;
        }
    }
    assert!(expectations >= 2, "a mistake is found, and without it nothing is");
}

#[test]
fn the_case_of_an_application_can_be_kept() {
    let right = service::scenario("orders", Commit::AfterShipping);
    let case = right.draw(3);
    assert_eq!(Case::from_json(&case.to_json()).unwrap(), case);
    assert_eq!(case.clients.len(), 1, "the service is no client: it is never taken away");
}
