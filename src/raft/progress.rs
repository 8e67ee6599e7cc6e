use super::{Position, ReplicaKey, VoterSet};
use crate::types::Offset;

/// What the leader knows of one voter.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct VoterProgress {
    pub(super) key: ReplicaKey,
    /// Up to where it holds the leader's log durably.
    pub(super) durable: Position,
    pub(super) log_start: Offset,
    /// It has fetched in this epoch, so it knows who leads.
    pub(super) fetched: bool,
}

/// What the leader knows of the voters, in their order.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Progress {
    voters: Vec<VoterProgress>,
}

impl Progress {
    /// Nobody is known to hold anything.
    pub(super) fn unknown(voters: &VoterSet) -> Progress {
        let mut progress = Progress { voters: Vec::new() };
        progress.follow(voters);
        progress
    }

    /// Takes over another voter set; what is known of those who stay is kept.
    pub(super) fn follow(&mut self, voters: &VoterSet) {
        let known = std::mem::take(&mut self.voters);
        let unknown =
            |key| VoterProgress { key, durable: Position::ORIGIN, log_start: Offset::ZERO, fetched: false };
        let of = |key: ReplicaKey| known.iter().find(|voter| voter.key == key).copied();
        self.voters = voters.keys().iter().map(|&key| of(key).unwrap_or(unknown(key))).collect();
    }

    pub(super) fn voters(&self) -> &[VoterProgress] {
        &self.voters
    }

    pub(super) fn of(&self, key: ReplicaKey) -> Option<&VoterProgress> {
        self.voters.iter().find(|voter| voter.key == key)
    }

    pub(super) fn of_mut(&mut self, key: ReplicaKey) -> Option<&mut VoterProgress> {
        self.voters.iter_mut().find(|voter| voter.key == key)
    }

    /// `key` holds everything up to `position` durably. What is older than known, or comes from no voter, changes
    /// nothing.
    pub(super) fn record(&mut self, key: ReplicaKey, position: Position) {
        if let Some(known) = self.of_mut(key) {
            known.durable = known.durable.max(position);
        }
    }

    /// As [`Progress::record`], and for the voter after it, too: a planted mistake.
    pub(super) fn record_twice(&mut self, key: ReplicaKey, position: Position) {
        self.record(key, position);
        let next =
            self.voters.iter().position(|voter| voter.key == key).map(|at| (at + 1) % self.voters.len());
        if let Some(next) = next {
            self.record(self.voters[next].key, position);
        }
    }

    /// The greatest position that `count` of the voters hold. Compares each with each: they are few, and nothing is
    /// allocated or sorted.
    pub(super) fn held_by(&self, count: usize) -> Position {
        let held = |position: Position| self.voters.iter().filter(|voter| voter.durable >= position).count();
        let enough =
            self.voters.iter().map(|voter| voter.durable).filter(|&position| held(position) >= count);
        enough.max().unwrap_or(Position::ORIGIN)
    }

    /// The greatest log start that `count` of the voters have; the leader's own, if it is one, is `leader_start`.
    pub(super) fn log_start_of(&self, count: usize, leader: ReplicaKey, leader_start: Offset) -> Offset {
        let start = |voter: &VoterProgress| if voter.key == leader { leader_start } else { voter.log_start };
        let at = |least: Offset| self.voters.iter().filter(|voter| start(voter) >= least).count();
        let enough = self.voters.iter().map(start).filter(|&start| at(start) >= count);
        enough.max().unwrap_or(Offset::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{LeaderEpoch, NodeId, Uuid};
    use proptest::prelude::*;

    fn position(epoch: i32, end: i64) -> Position {
        Position { epoch: LeaderEpoch(epoch), end: Offset(end) }
    }

    fn key(node: i32) -> ReplicaKey {
        ReplicaKey { node: NodeId(node), directory: Uuid::ZERO }
    }

    #[test]
    fn a_majority_of_three_is_the_second_best() {
        let voters = VoterSet::new([NodeId(1), NodeId(2), NodeId(3)]);
        let mut progress = Progress::unknown(&voters);
        progress.record(key(1), position(2, 10));
        assert_eq!(progress.held_by(2), Position::ORIGIN);
        progress.record(key(3), position(1, 90));
        assert_eq!(progress.held_by(2), position(1, 90), "an older epoch's end counts less");
        progress.record(key(2), position(2, 7));
        assert_eq!(progress.held_by(2), position(2, 7));
    }

    #[test]
    fn strangers_and_stale_news_do_not_count() {
        let voters = VoterSet::new([NodeId(1)]);
        let mut progress = Progress::unknown(&voters);
        progress.record(key(9), position(5, 5));
        progress.record(key(1), position(2, 8));
        progress.record(key(1), position(2, 3));
        assert_eq!(progress.held_by(1), position(2, 8));
    }

    #[test]
    fn who_stays_a_voter_keeps_its_position() {
        let mut progress = Progress::unknown(&VoterSet::new([NodeId(1), NodeId(2)]));
        progress.record(key(2), position(1, 4));
        progress.follow(&VoterSet::new([NodeId(2), NodeId(3)]));
        assert_eq!(progress.of(key(2)).map(|voter| voter.durable), Some(position(1, 4)));
        assert_eq!(progress.of(key(3)).map(|voter| voter.durable), Some(Position::ORIGIN));
        assert_eq!(progress.of(key(1)), None);
    }

    proptest! {
        /// The same as sorting.
        #[test]
        fn the_majority_is_the_middle_of_the_sorted(ends in proptest::collection::vec((0..4i32, 0..6i64), 1..=7)) {
            let voters = VoterSet::new((0..ends.len()).map(|node| NodeId(node as i32)));
            let mut progress = Progress::unknown(&voters);
            let mut sorted = Vec::new();
            for (node, &(epoch, end)) in ends.iter().enumerate() {
                progress.record(key(node as i32), position(epoch, end));
                sorted.push(position(epoch, end));
            }
            sorted.sort_unstable_by(|a, b| b.cmp(a));
            prop_assert_eq!(progress.held_by(voters.majority()), sorted[voters.majority() - 1]);
        }
    }
}
