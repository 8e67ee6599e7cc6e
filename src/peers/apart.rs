use std::time::Duration;

use crate::types::{NodeId, Timestamp};

/// Clocks that differ by more than this are told of: those of machines that keep them by NTP differ by milliseconds.
const APART: Duration = Duration::from_secs(1);

/// How far another node's wall clock is from this one's, at least.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Apart {
    Ahead(Duration),
    Behind(Duration),
}

impl Apart {
    /// What follows from an answer with the other clock's reading (ms since 1970), whose request took `round` until `ours` was
    /// read: the other clock was read at some time in between.
    pub(super) fn between(theirs: i64, ours: Timestamp, round: Duration) -> Option<Apart> {
        if theirs < 0 || ours.0 < 0 {
            return None;
        }
        let difference = Duration::from_millis(theirs.abs_diff(ours.0));
        if theirs > ours.0 {
            (difference > APART).then_some(Apart::Ahead(difference))
        } else {
            // Of this much, the answer's way explains a part.
            let least = difference.saturating_sub(round);
            (least > APART).then_some(Apart::Behind(least))
        }
    }

    pub(super) fn direction(self) -> &'static str {
        match self {
            Apart::Ahead(_) => "ahead of",
            Apart::Behind(_) => "behind",
        }
    }

    /// For a person.
    pub(super) fn told(self, node: NodeId) -> String {
        let (Apart::Ahead(by) | Apart::Behind(by)) = self;
        format!(
            "the clock of node {node} is {:.1} s {} this node's: set the clocks of both machines by NTP; timestamps, retention \
             and the expiry of committed offsets go by them",
            by.as_secs_f64(),
            self.direction(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(theirs: i64, ours: i64, round_ms: u64) -> Option<String> {
        let apart = Apart::between(theirs, Timestamp(ours), Duration::from_millis(round_ms))?;
        apart.told(NodeId(2)).split_once(':').map(|(what, _)| what.to_owned())
    }

    #[test]
    fn only_what_the_way_does_not_explain_is_told() {
        assert_eq!(between(100_000, 100_500, 1), None);
        assert_eq!(between(100_000, 101_000, 0), None);
        assert_eq!(between(100_000, 104_000, 3_000), None, "the answer took as long");
        let behind = "the clock of node 2 is 37.5 s behind this node's";
        assert_eq!(between(100_000, 138_000, 500).as_deref(), Some(behind));
        let ahead = "the clock of node 2 is 1.2 s ahead of this node's";
        assert_eq!(between(101_200, 100_000, 4_000).as_deref(), Some(ahead));
        assert_eq!(between(-1, 100_000, 0), None, "a node that does not say");
        assert!(between(i64::MAX, 0, 0).is_some());
    }
}
