mod heartbeats;
mod lossy;

use crate::raft::{Fetch, Position, ReplicaKey};
use crate::types::{LeaderEpoch, NodeId, Offset, PartitionId, PartitionIndex, TopicId, Uuid};

/// A partition of the one topic of these tests.
pub(super) fn partition(index: i32) -> PartitionId {
    PartitionId { topic: TopicId([7; 16]), index: PartitionIndex(index) }
}

pub(super) fn at(epoch: i32, end: i64) -> Position {
    Position { epoch: LeaderEpoch(epoch), end: Offset(end) }
}

/// Of node 2 in `epoch`, whose log ends at `end`.
pub(super) fn fetch(epoch: i32, end: i64) -> Fetch {
    Fetch {
        epoch: LeaderEpoch(epoch),
        replica: ReplicaKey { node: NodeId(2), directory: Uuid([2; 16]) },
        log_end: at(epoch, end),
        durable: at(epoch, end),
        log_start: Offset::ZERO,
    }
}
