//! Whether this node's disk is too slow for it to lead.
use std::time::Duration;

use crate::types::Instant;

/// A commit of the journal that takes so long is slow: a vote takes no less, and others campaign meanwhile ([`crate::raft::Timing::election`]).
const SLOW: Duration = Duration::from_millis(500);
/// What is slow for so long is no hiccup: it is time that others lead.
const LASTING: Duration = Duration::from_secs(2);
/// Without a slow commit for so long, all is well again.
const CALM: Duration = Duration::from_secs(10);

/// How slow a node's journal is, if it is too slow for the node to lead.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slow {
    /// The longest of the slow commits.
    pub longest: Duration,
    /// It has been so for a while: what the node leads, others are to lead.
    pub lasts: bool,
}

/// What is known of the commits of late.
#[derive(Default)]
pub(super) struct Slowness {
    /// When the first slow one of a row of them began, when the last was seen, and the longest of them.
    row: Option<(Instant, Instant, Duration)>,
}

impl Slowness {
    /// Takes the longest that a commit took since the last look; tells what to think of it.
    pub(super) fn look(&mut self, now: Instant, longest: Duration) -> Option<Slow> {
        self.row = self.row.filter(|(_, last, _)| now < last.after(CALM));
        if longest >= SLOW {
            let took = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX);
            let (began, _, before) = self.row.unwrap_or((Instant(now.0.saturating_sub(took)), now, longest));
            self.row = Some((began, now, before.max(longest)));
        }
        self.row.map(|(began, last, longest)| Slow { longest, lasts: last >= began.after(LASTING) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant(millis * 1_000_000)
    }

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_hiccup_is_told_and_handed_over_for_only_if_it_lasts() {
        let mut slowness = Slowness::default();
        assert_eq!(slowness.look(at(1_000), ms(499)), None);
        assert_eq!(slowness.look(at(5_000), ms(500)), Some(Slow { longest: ms(500), lasts: false }));
        assert_eq!(slowness.look(at(6_000), ms(3)), Some(Slow { longest: ms(500), lasts: false }));
        assert_eq!(slowness.look(at(15_000), ms(3)), None, "ten seconds without another one");
        assert_eq!(slowness.look(at(16_000), ms(1_500)), Some(Slow { longest: ms(1_500), lasts: false }));
        assert_eq!(slowness.look(at(16_500), ms(2_000)), Some(Slow { longest: ms(2_000), lasts: true }));
        assert_eq!(slowness.look(at(26_499), ms(0)), Some(Slow { longest: ms(2_000), lasts: true }));
        assert_eq!(slowness.look(at(26_500), ms(0)), None);
    }

    #[test]
    fn slow_ones_in_a_row_last_though_each_is_short() {
        let mut slowness = Slowness::default();
        assert_eq!(slowness.look(at(1_000), ms(600)), Some(Slow { longest: ms(600), lasts: false }));
        assert_eq!(slowness.look(at(2_400), ms(700)), Some(Slow { longest: ms(700), lasts: true }));
    }
}
