//! What a shard says to the session of a follower that asks for what is not here: it is told nowhere else, and asks no second time.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use tokio::sync::oneshot;

use super::PeerStep;
use crate::partition::shard_of;
use crate::partition::testing::TestNode;
use crate::peers::{Answer, Direction, FetchRow, ReplyRow};
use crate::raft::{Fetch, Position, ReplicaKey};
use crate::types::{LeaderEpoch, NodeId, Offset, PartitionId, PartitionIndex, TopicId, Uuid};

const FOLLOWER: NodeId = NodeId(2);
const ROOM: usize = 1 << 20;

/// Sends a step to the shard of a partition.
fn send(node: &TestNode, id: PartitionId, step: PeerStep) {
    let (shards, _) = node.partitions.peer_side();
    let shard = &shards[shard_of(id, shards.len())];
    node.runtime.block_on(shard.send(step)).expect("the shard runs");
}

fn fetch(node: &TestNode, id: PartitionId, epoch: LeaderEpoch) {
    let replica = ReplicaKey { node: FOLLOWER, directory: Uuid([7; 16]) };
    let (log_end, durable) = (Position::ORIGIN, Position::ORIGIN);
    let fetch = Fetch { epoch, replica, log_end, durable, log_start: Offset::ZERO };
    let rows = vec![FetchRow { partition: id, fetch }];
    send(node, id, PeerStep::Fetches { peer: FOLLOWER, seen: 0, rows, forgotten: Vec::new() });
}

/// The rows of the next reply, and whether somebody was told before that there are some.
fn next_reply(node: &TestNode, id: PartitionId, number: i64) -> (Vec<ReplyRow>, bool) {
    let (reply, told) = oneshot::channel();
    let (_, post) = node.partitions.peer_side();
    send(node, id, PeerStep::TakeReplies { peer: FOLLOWER, number, bytes: ROOM, reply });
    let (rows, more) = node.runtime.block_on(told).unwrap();
    assert!(!more);
    let is_due =
        post.with(|boxes| std::mem::take(&mut boxes.replies).iter().any(|(node, _)| *node == FOLLOWER));
    (rows, is_due)
}

fn not_here(id: PartitionId, epoch: LeaderEpoch) -> ReplyRow {
    ReplyRow::of(id, Answer::NotLeader { epoch, leader: None })
}

#[test]
fn who_fetches_what_is_not_here_or_not_here_any_more_is_told_so_on_its_session() {
    let node = TestNode::new();
    let id = PartitionId { topic: TopicId([9; 16]), index: PartitionIndex(0) };
    send(&node, id, PeerStep::Up { peer: FOLLOWER, direction: Direction::Accepted });
    fetch(&node, id, LeaderEpoch(4));
    assert_eq!(next_reply(&node, id, 1), (vec![not_here(id, LeaderEpoch(4))], true));
    assert_eq!(next_reply(&node, id, 2), (Vec::new(), false), "once");
    node.open(id);
    fetch(&node, id, LeaderEpoch(0));
    let (rows, is_due) = next_reply(&node, id, 3);
    assert!(is_due && matches!(&rows[..], [ReplyRow { answer: Answer::Reply(_), .. }]), "{rows:?}");
    node.runtime.block_on(node.partitions.delete(vec![id])).unwrap();
    assert_eq!(next_reply(&node, id, 4), (vec![not_here(id, LeaderEpoch(0))], true));
}
