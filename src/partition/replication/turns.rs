use std::collections::{BTreeMap, BTreeSet};

use crate::types::NodeId;

/// Shards that have something for other nodes. Of those that have something for one each has its turn, however much another one has.
#[derive(Default)]
pub(super) struct ShardTurns {
    waiting: BTreeSet<(NodeId, usize)>,
    /// Whose turn it was.
    last: BTreeMap<NodeId, usize>,
}

impl ShardTurns {
    pub(super) fn append(&mut self, more: &mut BTreeSet<(NodeId, usize)>) {
        self.waiting.append(more);
    }

    /// Whose turn it is, if any shard has something for that node.
    pub(super) fn next(&mut self, node: NodeId) -> Option<usize> {
        let behind = self.last.get(&node).map_or(0, |last| last.saturating_add(1));
        let of_node = |from: usize| self.waiting.range((node, from)..=(node, usize::MAX)).next();
        let &(_, shard) = of_node(behind).or_else(|| of_node(0))?;
        self.last.insert(node, shard);
        Some(shard)
    }

    /// It has nothing more for that node now.
    pub(super) fn is_done(&mut self, node: NodeId, shard: usize) {
        self.waiting.remove(&(node, shard));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shard_that_has_something_has_its_turn() {
        let (mut turns, node) = (ShardTurns::default(), NodeId(2));
        assert_eq!(turns.next(node), None);
        turns.append(&mut BTreeSet::from([(node, 0), (node, 1), (node, 3), (NodeId(1), 2)]));
        let mut seen = || turns.next(node).expect("three wait");
        assert_eq!([seen(), seen(), seen(), seen(), seen()], [0, 1, 3, 0, 1]);
        turns.is_done(node, 3);
        assert_eq!(turns.next(node), Some(0), "the third has nothing more");
        turns.is_done(node, 0);
        turns.is_done(node, 1);
        assert_eq!(turns.next(node), None);
        assert_eq!(turns.next(NodeId(1)), Some(2));
    }
}
