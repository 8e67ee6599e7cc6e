//! What a shard says to the session of a follower that asks for what is not here: it is told nowhere else, and asks no second time.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use std::time::Duration;

use tokio::sync::oneshot;

use super::PeerStep;
use crate::log::LogConfig;
use crate::partition::testing::TestNode;
use crate::partition::{Leadership, PartitionSpec, shard_of};
use crate::peers::{Answer, Direction, FetchRow, MessageRow, ReplyRow};
use crate::raft::{Ballot, Decision, Fetch, Message, Position, ReplicaKey, VoteReply, VoterSet};
use crate::types::{LeaderEpoch, NodeId, Offset, PartitionId, PartitionIndex, TopicId, Uuid};

const FOLLOWER: NodeId = NodeId(2);
const ID: PartitionId = PartitionId { topic: TopicId([9; 16]), index: PartitionIndex(0) };
/// More than an election takes.
const LONG: Duration = Duration::from_secs(10);
const FOLLOWERS: ReplicaKey = ReplicaKey { node: FOLLOWER, directory: Uuid([7; 16]) };
const ROOM: usize = 1 << 20;

/// Sends a step to the shard of a partition.
fn send(node: &TestNode, id: PartitionId, step: PeerStep) {
    let (shards, _) = node.partitions.peer_side();
    let shard = &shards[shard_of(id, shards.len())];
    node.runtime.block_on(shard.send(step)).expect("the shard runs");
}

fn fetch(node: &TestNode, id: PartitionId, epoch: LeaderEpoch) {
    holds(node, id, epoch, Position::ORIGIN);
}

/// The follower fetches, and holds the log durably up to here.
fn holds(node: &TestNode, id: PartitionId, epoch: LeaderEpoch, end: Position) {
    let fetch = Fetch { epoch, replica: FOLLOWERS, log_end: end, durable: end, log_start: Offset::ZERO };
    let rows = vec![FetchRow { partition: id, fetch }];
    send(node, id, PeerStep::Fetches { peer: FOLLOWER, seen: 0, rows, forgotten: Vec::new() });
}

fn message(node: &TestNode, message: Message) {
    let rows = vec![MessageRow { partition: ID, message }];
    send(node, ID, PeerStep::Messages { peer: FOLLOWER, rows });
}

fn leadership(node: &TestNode) -> Leadership {
    node.partitions.leaderships().of(ID).expect("it is here")
}

/// Lets simulated time pass.
fn wait(node: &TestNode, time: Duration) {
    let clock = std::sync::Arc::clone(&node.io.clock);
    node.runtime.block_on(clock.sleep(time));
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
    let id = ID;
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

#[test]
fn a_replica_that_is_alone_and_hears_of_a_later_epoch_leads_again() {
    let node = TestNode::new();
    node.open(ID);
    send(&node, ID, PeerStep::Up { peer: FOLLOWER, direction: Direction::Accepted });
    assert_eq!(leadership(&node).leader, Some(TestNode::ID));
    message(&node, Message::NotLeader { epoch: LeaderEpoch(7), leader: None });
    wait(&node, LONG);
    let Leadership { epoch, leader, serving } = leadership(&node);
    assert!(
        epoch > LeaderEpoch(7) && leader == Some(TestNode::ID) && serving,
        "{epoch} {leader:?} {serving}"
    );
}

#[test]
fn one_that_resigns_serves_nothing_that_others_could_lead() {
    let node = TestNode::new();
    let own = ReplicaKey { node: TestNode::ID, directory: Uuid::ZERO };
    let spec = PartitionSpec {
        id: ID,
        topic: "t".into(),
        voters: VoterSet::of([own, FOLLOWERS]).expect("two nodes"),
        assignment: None,
        lone: false,
        config: LogConfig::default(),
    };
    node.runtime.block_on(node.partitions.create(vec![spec])).expect("it is made");
    let alone = PartitionId { index: PartitionIndex(1), ..ID };
    node.open(alone);
    send(&node, ID, PeerStep::Up { peer: FOLLOWER, direction: Direction::Accepted });
    let granted = |ballot, epoch| {
        let (asked, voter, decision) = (epoch, FOLLOWERS, Decision::Granted);
        Message::VoteReply(VoteReply { epoch, ballot, asked, voter, decision, leader: None })
    };
    wait(&node, LONG);
    message(&node, granted(Ballot::PreVote, LeaderEpoch(-1)));
    wait(&node, Duration::from_millis(10));
    message(&node, granted(Ballot::Vote, LeaderEpoch(0)));
    wait(&node, Duration::from_millis(10));
    let epoch = leadership(&node).epoch;
    holds(&node, ID, epoch, Position { epoch, end: Offset::ZERO });
    wait(&node, Duration::from_millis(10));
    assert_eq!(leadership(&node), Leadership { epoch, leader: Some(TestNode::ID), serving: true });
    assert_eq!(node.runtime.block_on(node.partitions.resign()), Ok(1), "the other one is alone");
    let after = leadership(&node);
    assert!(after.leader.is_none() && !after.serving, "{after:?}");
    assert!(node.partitions.leaderships().of(alone).is_some_and(|one| one.serving));
}
