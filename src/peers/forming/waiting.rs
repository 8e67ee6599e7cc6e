use super::founder::{LASTS, LOG_EVERY};
use crate::peers::pace::Throttle;
use crate::types::Instant;

/// How loudly something is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Loudness {
    Info,
    Warning,
}

/// Since when a node belongs to no cluster, and what was told of that.
#[derive(Debug)]
pub(super) struct Waiting {
    since: Option<Instant>,
    log: Throttle,
}

impl Waiting {
    pub(super) fn new() -> Waiting {
        Waiting { since: None, log: Throttle::new(LOG_EVERY) }
    }

    /// It waits for this reason, which is to be told no less loudly than that. Gives how it is to be told, if it is: a sentence that has
    /// become a warning is another one.
    pub(super) fn told(&mut self, now: Instant, what: &str, least: Loudness) -> Option<Loudness> {
        let lasts = self.since.get_or_insert(now).after(LASTS) <= now;
        let loudness = if lasts { Loudness::Warning } else { least };
        self.log.permit(now, &format!("{loudness:?}: {what}")).map(|_held_back| loudness)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant(seconds * 1_000_000_000)
    }

    #[test]
    fn a_wait_is_a_warning_once_it_has_lasted() {
        let mut waiting = Waiting::new();
        let mut told = |seconds| waiting.told(at(seconds), "no answer", Loudness::Info);
        assert_eq!(told(5), Some(Loudness::Info));
        assert_eq!((told(6), told(34)), (None, None));
        assert_eq!(told(35), Some(Loudness::Warning), "not a minute after it was told first");
        assert_eq!((told(36), told(94)), (None, None));
        assert_eq!(told(95), Some(Loudness::Warning));
    }

    #[test]
    fn a_contradiction_is_a_warning_at_once() {
        let mut waiting = Waiting::new();
        assert_eq!(waiting.told(at(0), "no answer", Loudness::Info), Some(Loudness::Info));
        assert_eq!(waiting.told(at(2), "one id", Loudness::Warning), Some(Loudness::Warning));
        assert_eq!(waiting.told(at(3), "one id", Loudness::Warning), None);
        assert_eq!(waiting.told(at(33), "one id", Loudness::Warning), None, "it was one before");
        assert_eq!(waiting.told(at(62), "one id", Loudness::Warning), Some(Loudness::Warning));
    }
}
