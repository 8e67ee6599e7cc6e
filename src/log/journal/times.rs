use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::types::Instant;

/// How long commits take.
#[derive(Default)]
pub(crate) struct CommitTimes {
    /// When the one under way began, in nanoseconds and 1; 0: none is.
    began: AtomicU64,
    /// When the last one ended; 0: none has.
    ended: AtomicU64,
    /// The longest that ended since somebody asked, in nanoseconds.
    longest: AtomicU64,
}

impl CommitTimes {
    pub(crate) fn begin(&self, now: Instant) {
        self.began.store(now.0.saturating_add(1), Ordering::Relaxed);
    }

    pub(crate) fn end(&self, now: Instant) {
        let began = self.began.swap(0, Ordering::Relaxed).saturating_sub(1);
        self.ended.store(now.0, Ordering::Relaxed);
        self.longest.fetch_max(now.0.saturating_sub(began), Ordering::Relaxed);
    }

    /// What is to be appended has waited for room for so long, and waits still.
    pub(crate) fn held(&self, waited: Duration) {
        let nanos = u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX);
        self.longest.fetch_max(nanos, Ordering::Relaxed);
    }

    /// With what passed since the last one, if there is no room for another.
    pub(crate) fn take_longest(&self, now: Instant, has_room: impl FnOnce() -> bool) -> Duration {
        let (began, ended) = (self.began.load(Ordering::Relaxed), self.ended.load(Ordering::Relaxed));
        let under_way = match (began, ended) {
            (0, 0) => 0,
            (0, ended) => {
                if has_room() {
                    0
                } else {
                    now.0.saturating_sub(ended)
                }
            }
            (began, _) => now.0.saturating_sub(began - 1),
        };
        Duration::from_nanos(self.longest.swap(0, Ordering::Relaxed).max(under_way))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_is_told_once_and_what_is_under_way_again_and_again() {
        let times = CommitTimes::default();
        let ask = |now, has_room| times.take_longest(Instant(now), || has_room).as_nanos();
        assert_eq!(ask(7, false), 0, "none has begun");
        times.begin(Instant(10));
        assert_eq!((ask(15, true), ask(30, true)), (5, 20));
        times.end(Instant(40));
        times.begin(Instant(40));
        times.end(Instant(41));
        assert_eq!((ask(50, true), ask(60, true)), (30, 0));
        assert_eq!((ask(70, false), ask(90, false)), (29, 49), "since the last one, without room");
        assert_eq!(ask(91, true), 0);
        times.held(Duration::from_nanos(12));
        times.held(Duration::from_nanos(11));
        assert_eq!((ask(92, true), ask(93, true)), (12, 0), "what has waited counts as a commit");
    }
}
