//! The deadlines of a shard: at most one per timer, ordered by time.
use std::collections::{BTreeMap, BTreeSet};

use super::names::{GroupId, MemberId};
use crate::types::Instant;

/// What may expire.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Timer {
    /// A member (or one that only has its id yet) has not been heard of for its session timeout.
    Session { group: GroupId, member: MemberId },
    /// The time for joining is over, or the initial delay is.
    Join { group: GroupId },
    /// The time in which members must sync is over.
    Sync { group: GroupId },
    /// Offsets and groups are due for a look at their age.
    Expiration,
}

/// Invariant: both maps hold the same pairs.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers {
    deadlines: BTreeMap<Timer, Instant>,
    queue: BTreeSet<(Instant, Timer)>,
}

impl Timers {
    /// Sets the timer's deadline, in place of the one it may have had.
    pub fn schedule(&mut self, timer: Timer, at: Instant) {
        self.cancel(&timer);
        self.queue.insert((at, timer.clone()));
        self.deadlines.insert(timer, at);
    }

    pub fn cancel(&mut self, timer: &Timer) {
        if let Some(at) = self.deadlines.remove(timer) {
            let removed = self.queue.remove(&(at, timer.clone()));
            assert!(removed, "{timer:?} had a deadline but was not in the queue");
        }
    }

    /// The earliest deadline.
    pub fn next(&self) -> Option<(Instant, Timer)> {
        self.queue.first().cloned()
    }

    /// Takes the timer off if it is due at `now`; false if it is not, or has been cancelled or moved.
    pub fn take_due(&mut self, timer: &Timer, now: Instant) -> bool {
        let due = self.deadlines.get(timer).is_some_and(|&at| at <= now);
        if due {
            self.cancel(timer);
        }
        due
    }

    pub fn is_scheduled(&self, timer: &Timer) -> bool {
        self.deadlines.contains_key(timer)
    }

    /// Every timer that is set, for the invariants.
    pub fn all(&self) -> impl Iterator<Item = &Timer> {
        self.deadlines.keys()
    }

    pub fn assert_consistent(&self) {
        assert_eq!(self.deadlines.len(), self.queue.len(), "a timer has one deadline");
        for (timer, &at) in &self.deadlines {
            assert!(self.queue.contains(&(at, timer.clone())), "{timer:?} at {at:?} is not queued");
        }
    }
}
