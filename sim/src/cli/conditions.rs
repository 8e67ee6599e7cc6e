//! The rare states that a sweep must have come to: one that no seed reaches is a part of the program that is not
//! tested, whatever the checkers say.
use std::collections::BTreeSet;

use ordain::probe::{self, Condition};

/// The scenarios that are held to conditions.
const BROKER: &str = "broker";
const REPLICAS: &str = "replicas";
const CLUSTER: &str = "cluster";

/// From so many seeds on every condition must have been reached.
pub(super) const SEEDS_MIN: u64 = 1000;

/// The names of those that this process has reached.
pub(super) fn reached() -> Vec<String> {
    probe::reached().into_iter().map(|(condition, _)| condition.name().to_owned()).collect()
}

/// Those that a scenario is held to: what only replicas do, or nodes that form a cluster, is looked for where there are some.
pub(super) fn of(scenario: &str) -> Vec<Condition> {
    let whose = |one: &Condition| match one.name() {
        name if name.starts_with("replica-") => REPLICAS,
        name if name.starts_with("cluster-") => CLUSTER,
        _ => BROKER,
    };
    match scenario {
        BROKER | REPLICAS | CLUSTER => {
            Condition::ALL.iter().copied().filter(|one| whose(one) == scenario).collect()
        }
        _ => Vec::new(),
    }
}

/// Those of a scenario that are not among the names.
pub(super) fn missing(scenario: &str, reached: &[&str]) -> Vec<Condition> {
    let reached: BTreeSet<&str> = reached.iter().copied().collect();
    of(scenario).into_iter().filter(|condition| !reached.contains(condition.name())).collect()
}

/// Says what was not reached, for people; nothing if everything was.
pub(super) fn complaint(scenario: &str, missing: &[Condition], seeds: &str, counts: bool) -> Option<String> {
    if missing.is_empty() {
        return None;
    }
    let list: Vec<String> =
        missing.iter().map(|one| format!("  {:<34} {}", one.name(), one.about())).collect();
    let counts = if counts { "" } else { ", which fails a larger sweep" };
    Some(format!(
        "{} of {} conditions were not reached in {seeds}{counts}:\n{}",
        missing.len(),
        of(scenario).len(),
        list.join("\n")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_reached_is_named() {
        for scenario in [BROKER, REPLICAS, CLUSTER] {
            let all: Vec<&str> = of(scenario).iter().map(|one| one.name()).collect();
            assert_eq!(missing(scenario, &all), []);
            assert_eq!(complaint(scenario, &[], "1000 seeds", true), None);
            let lost = missing(scenario, &all[1..]);
            assert_eq!(lost, [of(scenario)[0]]);
            let told = complaint(scenario, &lost, "1000 seeds", true).unwrap();
            assert!(told.contains(all[0]) && told.contains("1000 seeds:"), "{told}");
            assert!(complaint(scenario, &lost, "10 seeds", false).unwrap().contains("larger sweep"));
            assert_eq!(missing(scenario, &[]).len(), all.len());
        }
        assert_eq!(
            [BROKER, REPLICAS, CLUSTER].map(|name| of(name).len()).iter().sum::<usize>(),
            Condition::ALL.len()
        );
        assert_eq!(of("idle"), []);
    }
}
