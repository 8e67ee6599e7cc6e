use std::collections::BTreeMap;

use super::VoterSet;
use crate::types::{LeaderEpoch, NodeId, Offset};

/// How far a log reaches: compared by the epoch of its last entry, then by its end. The zero-width epoch
/// start raises the epoch without moving the end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Position {
    pub epoch: LeaderEpoch,
    pub end: Offset,
}

/// What the leader knows of each voter's durable log.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    durable: BTreeMap<NodeId, Position>,
}

impl Progress {
    /// Nobody is known to hold anything.
    pub(super) fn unknown(voters: &VoterSet) -> Progress {
        let nothing = Position { epoch: LeaderEpoch::NONE, end: Offset::ZERO };
        Progress { durable: voters.iter().map(|voter| (voter, nothing)).collect() }
    }

    /// `node` holds everything up to `position` durably. What is older than known, or comes from no voter,
    /// changes nothing.
    pub(super) fn record(&mut self, node: NodeId, position: Position) {
        if let Some(known) = self.durable.get_mut(&node) {
            *known = (*known).max(position);
        }
    }

    /// The greatest position that a majority of the voters holds.
    pub(super) fn majority_position(&self, voters: &VoterSet) -> Position {
        let mut positions: Vec<Position> = self.durable.values().copied().collect();
        positions.sort_unstable_by(|a, b| b.cmp(a));
        positions[voters.majority() - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(epoch: i32, end: i64) -> Position {
        Position { epoch: LeaderEpoch(epoch), end: Offset(end) }
    }

    #[test]
    fn a_majority_of_three_is_the_second_best() {
        let voters = VoterSet::new([NodeId(1), NodeId(2), NodeId(3)]);
        let mut progress = Progress::unknown(&voters);
        progress.record(NodeId(1), position(2, 10));
        assert_eq!(progress.majority_position(&voters), position(-1, 0));
        progress.record(NodeId(3), position(1, 90));
        assert_eq!(progress.majority_position(&voters), position(1, 90), "an older epoch's end counts less");
        progress.record(NodeId(2), position(2, 7));
        assert_eq!(progress.majority_position(&voters), position(2, 7));
    }

    #[test]
    fn strangers_and_stale_news_do_not_count() {
        let voters = VoterSet::new([NodeId(1)]);
        let mut progress = Progress::unknown(&voters);
        progress.record(NodeId(9), position(5, 5));
        progress.record(NodeId(1), position(2, 8));
        progress.record(NodeId(1), position(2, 3));
        assert_eq!(progress.majority_position(&voters), position(2, 8));
    }
}
