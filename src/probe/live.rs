//! The switch and the counters of a simulation.
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Condition, Malformed, Mutant, ReplicaStep, StateStep};

static ARMED: OnceLock<Mutant> = OnceLock::new();
static REACHED: [AtomicU64; Condition::ALL.len()] = [const { AtomicU64::new(0) }; Condition::ALL.len()];

/// Whether a build can make mistakes at all.
pub const IS_BUILT_IN: bool = true;

/// From now on this process makes this mistake.
///
/// # Panics
/// If another one is armed already: one process runs one seed with one mistake.
pub fn arm(mutant: Mutant) {
    let armed = *ARMED.get_or_init(|| mutant);
    assert_eq!(armed, mutant, "a process makes one mistake");
}

/// The mistake that this process makes, if any.
#[must_use]
pub fn armed() -> Option<Mutant> {
    ARMED.get().copied()
}

/// Whether this mistake is to be made.
#[inline]
#[must_use]
pub fn mutant(mutant: Mutant) -> bool {
    armed() == Some(mutant)
}

/// Notes that this process has come to this condition.
#[inline]
pub fn sometimes(condition: Condition) {
    REACHED[condition as usize].fetch_add(1, Ordering::Relaxed);
}

/// Who looks at each step of each replica.
type Watcher = Box<dyn Fn(ReplicaStep) + Send + Sync>;

static WATCHER: OnceLock<Watcher> = OnceLock::new();

/// From now on each step of each replica of this process is shown.
///
/// # Panics
/// If somebody looks already: one process runs one seed.
pub fn watch_replicas(watcher: impl Fn(ReplicaStep) + Send + Sync + 'static) {
    assert!(WATCHER.set(Box::new(watcher)).is_ok(), "one looks at the replicas of a process");
}

/// A replica has made a step.
#[inline]
pub fn replica_stepped(step: impl FnOnce() -> ReplicaStep) {
    if let Some(watcher) = WATCHER.get() {
        watcher(step());
    }
}

/// Who looks at what nodes make of logs.
type StateWatcher = Box<dyn Fn(StateStep) + Send + Sync>;

static STATE_WATCHER: OnceLock<StateWatcher> = OnceLock::new();

/// From now on what the nodes of this process make of logs is shown.
///
/// # Panics
/// If somebody looks already: one process runs one seed.
pub fn watch_states(watcher: impl Fn(StateStep) + Send + Sync + 'static) {
    assert!(STATE_WATCHER.set(Box::new(watcher)).is_ok(), "one looks at the states of a process");
}

/// A node has made something of a log.
#[inline]
pub fn state_made(step: impl FnOnce() -> StateStep) {
    if let Some(watcher) = STATE_WATCHER.get() {
        watcher(step());
    }
}

/// Who looks at what nodes find malformed.
type MalformedWatcher = Box<dyn Fn(Malformed) + Send + Sync>;

static MALFORMED_WATCHER: OnceLock<MalformedWatcher> = OnceLock::new();

/// From now on it is shown what the nodes of this process find malformed.
///
/// # Panics
/// If somebody looks already: one process runs one seed.
pub fn watch_malformed(watcher: impl Fn(Malformed) + Send + Sync + 'static) {
    assert!(MALFORMED_WATCHER.set(Box::new(watcher)).is_ok(), "one looks at what a process finds malformed");
}

/// A node has found something malformed.
#[inline]
pub fn found_malformed(found: impl FnOnce() -> Malformed) {
    if let Some(watcher) = MALFORMED_WATCHER.get() {
        watcher(found());
    }
}

/// How often this process has come to each condition that it has come to.
#[must_use]
pub fn reached() -> Vec<(Condition, u64)> {
    let counted = Condition::ALL.iter().map(|&condition| (condition, count(condition)));
    counted.filter(|(_, count)| *count > 0).collect()
}

fn count(condition: Condition) -> u64 {
    REACHED[condition as usize].load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Other tests of this process come to conditions, too, but to none of this test's alone.
    #[test]
    fn what_was_reached_is_counted() {
        let condition = Condition::ALL[0];
        let before = count(condition);
        sometimes(condition);
        sometimes(condition);
        assert!(count(condition) >= before + 2);
        assert!(reached().iter().any(|(reached, count)| *reached == condition && *count >= before + 2));
    }

    #[test]
    fn no_test_arms_a_mistake_in_this_process() {
        assert_eq!(armed(), None);
        assert!(Mutant::ALL.iter().all(|&one| !mutant(one)));
    }

    #[test]
    fn names_are_distinct_and_found_again() {
        for (at, &one) in Mutant::ALL.iter().enumerate() {
            assert_eq!(Mutant::named(one.name()), Some(one));
            assert!(Mutant::ALL[..at].iter().all(|other| other.name() != one.name()), "{}", one.name());
            assert!(!one.about().is_empty());
        }
        for (at, &one) in Condition::ALL.iter().enumerate() {
            assert_eq!(one as usize, at, "the counters are found by place");
            assert_eq!(Condition::named(one.name()), Some(one));
            assert!(Condition::ALL[..at].iter().all(|other| other.name() != one.name()), "{}", one.name());
        }
        assert_eq!(Mutant::named("none"), None);
    }
}
