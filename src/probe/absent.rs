//! The switch and the counters of a build that has none.
use super::{Condition, Malformed, Mutant, ReplicaStep, StateStep};

/// Whether this mistake is to be made: never.
#[inline(always)]
#[must_use]
pub const fn mutant(_mutant: Mutant) -> bool {
    false
}

/// Notes nothing.
#[inline(always)]
pub const fn sometimes(_condition: Condition) {}

/// Shows nothing.
#[inline(always)]
pub fn replica_stepped(_step: impl FnOnce() -> ReplicaStep) {}

/// Shows nothing.
#[inline(always)]
pub fn state_made(_step: impl FnOnce() -> StateStep) {}

/// Shows nothing.
#[inline(always)]
pub fn found_malformed(_found: impl FnOnce() -> Malformed) {}

/// Whether a build can make mistakes at all.
#[cfg(feature = "simulation")]
pub const IS_BUILT_IN: bool = false;

/// # Panics
/// Always: whoever arms a mutant has looked at [`IS_BUILT_IN`] before.
#[cfg(feature = "simulation")]
pub fn arm(mutant: Mutant) {
    panic!("{} cannot be armed: this build has no debug assertions", mutant.name());
}

/// Nothing is shown in this build.
#[cfg(feature = "simulation")]
pub fn watch_replicas(_watcher: impl Fn(ReplicaStep) + Send + Sync + 'static) {}

/// Nothing is shown in this build.
#[cfg(feature = "simulation")]
pub fn watch_states(_watcher: impl Fn(StateStep) + Send + Sync + 'static) {}

/// Nothing is shown in this build.
#[cfg(feature = "simulation")]
pub fn watch_malformed(_watcher: impl Fn(Malformed) + Send + Sync + 'static) {}

/// The mistake that this process makes: none.
#[cfg(feature = "simulation")]
#[must_use]
pub fn armed() -> Option<Mutant> {
    None
}

/// The conditions that were noted: none.
#[cfg(feature = "simulation")]
#[must_use]
pub fn reached() -> Vec<(Condition, u64)> {
    Vec::new()
}
