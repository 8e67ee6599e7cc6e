//! What a shard says to the session of a follower that asks for what is not here: it is told nowhere else, and asks no second time. And
//! what it takes of a leader.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use std::time::Duration;

use tokio::sync::oneshot;

use super::PeerStep;
use crate::log::LogConfig;
use crate::partition::testing::TestNode;
use crate::partition::{Leadership, PartitionSpec, shard_of};
use crate::peers::{Answer, Direction, FetchRow, MessageRow, ReplyRow};
use crate::raft::{
    Ballot, Decision, Fetch, FetchOutcome, FetchReply, Message, Position, ReplicaKey, Slice, VoteReply,
    VoterSet,
};
use crate::types::{LeaderEpoch, NodeId, Offset, PartitionId, PartitionIndex, Timestamp, TopicId, Uuid};
use crate::wire::batch::{BatchBuilder, BatchOptions, NewRecord};

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

/// Makes the partition with a voter on each of the two nodes, which nobody leads.
fn open_for_both(node: &TestNode) -> VoterSet {
    let own = ReplicaKey { node: TestNode::ID, directory: Uuid::ZERO };
    let voters = VoterSet::of([own, FOLLOWERS]).expect("two nodes");
    let spec = PartitionSpec {
        id: ID,
        topic: "t".into(),
        voters: voters.clone(),
        assignment: None,
        lone: false,
        config: LogConfig::default(),
    };
    node.runtime.block_on(node.partitions.create(vec![spec])).expect("it is made");
    voters
}

#[test]
fn one_that_resigns_serves_nothing_that_others_could_lead() {
    let node = TestNode::new();
    open_for_both(&node);
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

/// In the first epoch.
fn at(end: i64) -> Position {
    Position { epoch: LeaderEpoch(0), end: Offset(end) }
}

/// The other node, which leads an epoch, answers what was asked, with 20 records from `base` on if these are entries; its log begins at 0 and
/// is committed up to 50. Gives where the log ends then, and whether what came was malformed.
fn answers(
    node: &TestNode,
    (epoch, asked): (i32, Position),
    outcome: FetchOutcome,
    base: i64,
) -> (i64, bool) {
    let mut batch = BatchBuilder::new(BatchOptions::plain(10_000));
    for _ in 0..20 {
        let record = NewRecord { timestamp: Timestamp(1), key: None, value: Some(b"value"), headers: &[] };
        batch.append(record).expect("it fits");
    }
    let batch = batch.build().into_batch().placed_at(Offset(base), LeaderEpoch(0));
    let has_entries = matches!(outcome, FetchOutcome::Entries(_));
    let reply = FetchReply {
        epoch: LeaderEpoch(epoch),
        asked,
        high_watermark: at(50),
        log_start: Offset::ZERO,
        outcome,
    };
    let mut row = ReplyRow::of(ID, Answer::Reply(reply));
    if has_entries {
        row.records = batch.to_bytes().into();
    }
    send(node, ID, PeerStep::Replies { peer: FOLLOWER, rows: vec![row] });
    wait(node, Duration::from_millis(10));
    let stats = node.runtime.block_on(node.partitions.stats(Some(vec![ID]))).unwrap().remove(0);
    let (_, post) = node.partitions.peer_side();
    (stats.log_end.0, post.with(|boxes| boxes.malformed.remove(&FOLLOWER).is_some()))
}

#[test]
fn a_log_that_begins_inside_a_batch_takes_it_from_a_leader_whose_log_begins_earlier() {
    let node = TestNode::new();
    let voters = open_for_both(&node);
    send(&node, ID, PeerStep::Known { nodes: vec![TestNode::ID, FOLLOWER] });
    send(&node, ID, PeerStep::Up { peer: FOLLOWER, direction: Direction::Dialled });
    message(&node, Message::BeginEpoch { epoch: LeaderEpoch(0) });
    let reset = FetchOutcome::Reset { to: at(50), voters };
    assert_eq!(answers(&node, (0, Position::ORIGIN), reset, 0), (50, false));
    // It has lost its power before the start was durable, and leads again with all that it had.
    message(&node, Message::BeginEpoch { epoch: LeaderEpoch(1) });
    let up_to =
        |end| FetchOutcome::Entries(Slice { last: at(end), epoch_starts: Vec::new(), voters: Vec::new() });
    assert_eq!(answers(&node, (1, at(50)), up_to(60), 40), (60, false));
    assert_eq!(answers(&node, (1, at(60)), up_to(70), 50), (60, true), "it holds something by now");
    assert_eq!(answers(&node, (1, at(60)), up_to(80), 60), (80, false));
}
