//! The rare states that a sweep must have come to: one that no seed reaches is a part of the program that is not
//! tested, whatever the checkers say.
use std::collections::BTreeSet;

use ordain::probe::{self, Condition};

/// From so many seeds on every condition must have been reached.
pub(super) const SEEDS_MIN: u64 = 1000;

/// The names of those that this process has reached.
pub(super) fn reached() -> Vec<String> {
    probe::reached().into_iter().map(|(condition, _)| condition.name().to_owned()).collect()
}

/// Those that are not among the names.
pub(super) fn missing(reached: &[&str]) -> Vec<Condition> {
    let reached: BTreeSet<&str> = reached.iter().copied().collect();
    Condition::ALL.iter().copied().filter(|condition| !reached.contains(condition.name())).collect()
}

/// Says what was not reached, for people; nothing if everything was.
pub(super) fn complaint(missing: &[Condition], seeds: u64) -> Option<String> {
    if missing.is_empty() {
        return None;
    }
    let list: Vec<String> =
        missing.iter().map(|one| format!("  {:<34} {}", one.name(), one.about())).collect();
    let counts = if seeds >= SEEDS_MIN { "" } else { ", which fails a larger sweep" };
    Some(format!(
        "{} of {} conditions were not reached in {seeds} seeds{counts}:\n{}",
        missing.len(),
        Condition::ALL.len(),
        list.join("\n")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_reached_is_named() {
        let all: Vec<&str> = Condition::ALL.iter().map(|one| one.name()).collect();
        assert_eq!(missing(&all), []);
        assert_eq!(complaint(&[], SEEDS_MIN), None);
        let lost = missing(&all[1..]);
        assert_eq!(lost, [Condition::ALL[0]]);
        let told = complaint(&lost, SEEDS_MIN).unwrap();
        assert!(told.contains(all[0]) && told.contains("1000 seeds:"), "{told}");
        assert!(complaint(&lost, 10).unwrap().contains("larger sweep"));
        assert_eq!(missing(&[]).len(), Condition::ALL.len());
    }
}
