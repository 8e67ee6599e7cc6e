//! An application beside the broker: its mistake is found, and without it nothing is.
use ordain_sim::TraceMode;
use ordain_sim::scenarios::{self, Scenario, Violation};

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
fn the_case_of_an_application_can_be_kept() {
    let right = service::scenario("orders", Commit::AfterShipping);
    let case = right.draw(3);
    assert_eq!(ordain_sim::case::Case::from_json(&case.to_json()).unwrap(), case);
    assert_eq!(case.clients.len(), 1, "the service is no client: it is never taken away");
}
