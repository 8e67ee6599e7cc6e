use std::fmt;
use std::sync::Arc;

use super::Position;
use crate::types::{NodeId, Uuid};

/// A replica and its memory (KIP-853): who has forgotten anything it may have promised has another directory
/// id, and is another replica.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ReplicaKey {
    pub node: NodeId,
    pub directory: Uuid,
}

/// The replicas whose majority decides, by node. Never empty, one for each node, cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct VoterSet(Arc<[ReplicaKey]>);

impl VoterSet {
    /// The most voters of one log.
    pub const MAX: usize = 31;

    /// The set of these replicas; `None` if there are none, more than [`VoterSet::MAX`], or two of one node.
    #[must_use]
    pub fn of(keys: impl IntoIterator<Item = ReplicaKey>) -> Option<VoterSet> {
        let mut keys: Vec<ReplicaKey> = keys.into_iter().collect();
        keys.sort_unstable();
        let distinct = keys.windows(2).all(|pair| pair[0].node < pair[1].node);
        (distinct && !keys.is_empty() && keys.len() <= VoterSet::MAX).then(|| VoterSet(keys.into()))
    }

    /// The set of these nodes' replicas, whose directory ids are not known (zero). Two of one node are one.
    ///
    /// # Panics
    /// If there are none, or more than [`VoterSet::MAX`]: nothing could ever be decided.
    #[must_use]
    pub fn new(nodes: impl IntoIterator<Item = NodeId>) -> VoterSet {
        let nodes: std::collections::BTreeSet<NodeId> = nodes.into_iter().collect();
        let keys = nodes.into_iter().map(|node| ReplicaKey { node, directory: Uuid::ZERO });
        VoterSet::of(keys).expect("a voter set has members, and a bounded number of them")
    }

    #[must_use]
    pub fn keys(&self) -> &[ReplicaKey] {
        &self.0
    }

    #[must_use]
    pub fn contains(&self, key: ReplicaKey) -> bool {
        self.index_of(key).is_some()
    }

    /// The voter of this node, whatever its directory id.
    #[must_use]
    pub fn of_node(&self, node: NodeId) -> Option<ReplicaKey> {
        self.0.iter().copied().find(|key| key.node == node)
    }

    pub(super) fn index_of(&self, key: ReplicaKey) -> Option<usize> {
        self.0.iter().position(|&known| known == key)
    }

    /// How many voters are a majority.
    #[must_use]
    pub fn majority(&self) -> usize {
        self.0.len() / 2 + 1
    }

    pub(super) fn with(&self, key: ReplicaKey) -> Option<VoterSet> {
        VoterSet::of(self.0.iter().copied().chain([key]))
    }

    pub(super) fn without(&self, key: ReplicaKey) -> Option<VoterSet> {
        VoterSet::of(self.0.iter().copied().filter(|&known| known != key))
    }
}

impl fmt::Display for VoterSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (at, key) in self.0.iter().enumerate() {
            write!(f, "{}{}", if at > 0 { ", " } else { "" }, key.node)?;
        }
        f.write_str("}")
    }
}

/// The voter sets of a log from its start on: the one in force at its start, then each with the position after
/// its entry. The newest holds, committed or not.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct VoterHistory {
    sets: Vec<(Position, VoterSet)>,
}

impl VoterHistory {
    /// # Panics
    /// If there is no set, or they are out of order: the driver has read them from one log.
    pub(super) fn new(sets: Vec<(Position, VoterSet)>) -> VoterHistory {
        assert!(!sets.is_empty(), "a log has voters");
        assert!(sets.windows(2).all(|pair| pair[0].0 < pair[1].0), "voter sets in the order of their log");
        VoterHistory { sets }
    }

    pub(super) fn current(&self) -> &VoterSet {
        &self.newest().1
    }

    /// The newest set, and the position after its entry.
    pub(super) fn newest(&self) -> &(Position, VoterSet) {
        self.sets.last().expect("a log has voters")
    }

    /// Whether the replica is in a set that may be in force: the newest committed one, or any after it.
    pub(super) fn may_include(&self, key: ReplicaKey, committed: Position) -> bool {
        let newest = self.sets.partition_point(|(at, _)| *at <= committed).saturating_sub(1);
        self.sets[newest..].iter().any(|(_, voters)| voters.contains(key))
    }

    /// The set in force at the log's start.
    pub(super) fn first(&self) -> &VoterSet {
        &self.sets[0].1
    }

    pub(super) fn push(&mut self, at: Position, voters: VoterSet) {
        self.sets.push((at, voters));
    }

    pub(super) fn truncate(&mut self, to: Position) {
        let keep = self.sets.partition_point(|(at, _)| *at <= to).max(1);
        self.sets.truncate(keep);
    }

    /// Forgets the sets that were followed by another before `base`.
    pub(super) fn advance_start(&mut self, base: Position) {
        let in_force = self.sets.partition_point(|(at, _)| *at <= base).saturating_sub(1);
        self.sets.drain(..in_force);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{LeaderEpoch, Offset};

    fn at(epoch: i32, end: i64) -> Position {
        Position { epoch: LeaderEpoch(epoch), end: Offset(end) }
    }

    #[test]
    fn a_set_has_one_replica_of_a_node() {
        let key = |node, directory| ReplicaKey { node: NodeId(node), directory: Uuid([directory; 16]) };
        assert_eq!(VoterSet::of([]), None);
        assert_eq!(VoterSet::of([key(1, 0), key(1, 1)]), None);
        assert_eq!(VoterSet::of((0..32).map(|node| key(node, 0))), None);
        let set = VoterSet::of([key(2, 7), key(1, 0)]).expect("a set");
        assert!(set.contains(key(2, 7)) && !set.contains(key(2, 8)));
        assert_eq!(set.majority(), 2);
        assert_eq!(set.of_node(NodeId(2)), Some(key(2, 7)));
        assert_eq!(set.with(key(2, 8)), None, "the old one has to go first");
        assert_eq!(VoterSet::of([key(1, 0)]).and_then(|lone| lone.without(key(1, 0))), None);
    }

    #[test]
    fn a_truncated_set_gives_way_to_the_one_before() {
        let set = |n: i32| VoterSet::new((1..=n).map(NodeId));
        let mut history = VoterHistory::new(vec![(Position::ORIGIN, set(3))]);
        history.push(at(1, 5), set(4));
        history.push(at(2, 9), set(5));
        history.truncate(at(2, 8));
        assert_eq!(history.current(), &set(4));
        history.truncate(at(0, 4));
        assert_eq!(history.current(), &set(3));
        history.push(at(1, 5), set(4));
        history.advance_start(at(1, 4));
        assert_eq!(history.first(), &set(3));
        history.advance_start(at(1, 5));
        assert_eq!(history.first(), &set(4));
    }
}
