use bytes::Bytes;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::raft::{
    Ballot, Decision, Fetch, FetchOutcome, FetchReply, Message, Refusal, Slice, Vote, VoteReply, VoterSet,
};
use crate::types::EpochStart;
use crate::wire::messages::{
    PeerFetch, PeerFetchReply, PeerMessages, peer_fetch, peer_fetch_reply, peer_messages,
};
use crate::wire::{PeerFrame, Records};

const FROM: NodeId = NodeId(2);

fn partitions() -> impl Strategy<Value = PartitionId> {
    (any::<[u8; 16]>(), 0..i32::MAX)
        .prop_map(|(topic, index)| PartitionId { topic: TopicId(topic), index: PartitionIndex(index) })
}

fn epochs() -> impl Strategy<Value = LeaderEpoch> {
    (-1..i32::MAX).prop_map(LeaderEpoch)
}

fn led_epochs() -> impl Strategy<Value = LeaderEpoch> {
    (0..i32::MAX).prop_map(LeaderEpoch)
}

fn offsets() -> impl Strategy<Value = Offset> {
    (0..i64::MAX).prop_map(Offset)
}

fn positions() -> impl Strategy<Value = Position> {
    (epochs(), offsets()).prop_map(|(epoch, end)| Position { epoch, end })
}

fn nodes() -> impl Strategy<Value = NodeId> {
    (0..i32::MAX).prop_map(NodeId)
}

fn keys() -> impl Strategy<Value = ReplicaKey> {
    (nodes(), any::<[u8; 16]>()).prop_map(|(node, directory)| ReplicaKey { node, directory: Uuid(directory) })
}

fn own_keys() -> impl Strategy<Value = ReplicaKey> {
    any::<[u8; 16]>().prop_map(|directory| ReplicaKey { node: FROM, directory: Uuid(directory) })
}

fn voter_sets() -> impl Strategy<Value = VoterSet> {
    btree_map(0..i32::MAX, any::<[u8; 16]>(), 1..=VoterSet::MAX).prop_map(|voters| {
        let key = |(node, directory)| ReplicaKey { node: NodeId(node), directory: Uuid(directory) };
        VoterSet::of(voters.into_iter().map(key)).expect("a set")
    })
}

fn fetch_rows() -> impl Strategy<Value = FetchRow> {
    (partitions(), epochs(), own_keys(), positions(), positions(), offsets()).prop_map(
        |(partition, epoch, replica, log_end, durable, log_start)| FetchRow {
            partition,
            fetch: Fetch { epoch, replica, log_end, durable, log_start },
        },
    )
}

fn epoch_starts() -> impl Strategy<Value = Vec<EpochStart>> {
    (btree_set(0..i32::MAX, 0..6), vec(0..i64::MAX, 6)).prop_map(|(epochs, mut starts)| {
        starts.sort_unstable();
        let start = |(epoch, start)| EpochStart { epoch: LeaderEpoch(epoch), start: Offset(start) };
        epochs.into_iter().zip(starts).map(start).collect()
    })
}

fn outcomes() -> impl Strategy<Value = FetchOutcome> {
    prop_oneof![
        (positions(), epoch_starts()).prop_map(|(last, epoch_starts)| FetchOutcome::Entries(Slice {
            last,
            epoch_starts,
            voters: vec![]
        })),
        positions().prop_map(FetchOutcome::Diverging),
        (positions(), voter_sets()).prop_map(|(to, voters)| FetchOutcome::Reset { to, voters }),
    ]
}

fn reply_rows() -> impl Strategy<Value = ReplyRow> {
    let head = (partitions(), epochs(), positions(), positions(), offsets(), outcomes());
    (head, vec(any::<u8>(), 0..50)).prop_map(|(head, bytes)| {
        let (partition, epoch, asked, high_watermark, log_start, outcome) = head;
        let bytes = Bytes::from(bytes);
        let (records, producer_state) = match &outcome {
            FetchOutcome::Entries(_) => (Records::from(bytes), Bytes::new()),
            FetchOutcome::Reset { .. } => (Records::default(), bytes),
            FetchOutcome::Diverging(_) => Default::default(),
        };
        let reply = FetchReply { epoch, asked, high_watermark, log_start, outcome };
        ReplyRow { records, producer_state, ..ReplyRow::of(partition, Answer::Reply(reply)) }
    })
}

fn not_leader_rows() -> impl Strategy<Value = ReplyRow> {
    (partitions(), epochs(), option::of(nodes()))
        .prop_map(|(partition, epoch, leader)| ReplyRow::of(partition, Answer::NotLeader { epoch, leader }))
}

fn decisions() -> impl Strategy<Value = Decision> {
    let refusals = [
        Refusal::OldEpoch,
        Refusal::VotedForAnother,
        Refusal::HasLeader,
        Refusal::LogBehind,
        Refusal::AnotherReplica,
    ];
    prop_oneof![Just(Decision::Granted), (0..5usize).prop_map(move |at| Decision::Refused(refusals[at]))]
}

fn messages() -> impl Strategy<Value = Message> {
    let ballots = || prop_oneof![Just(Ballot::PreVote), Just(Ballot::Vote)];
    prop_oneof![
        (ballots(), led_epochs(), own_keys(), keys(), positions()).prop_map(
            |(ballot, epoch, candidate, voter, log_end)| Message::Vote(Vote {
                epoch,
                ballot,
                candidate,
                voter,
                log_end
            })
        ),
        (ballots(), epochs(), epochs(), keys(), decisions(), option::of(nodes())).prop_map(
            |(ballot, epoch, asked, voter, decision, leader)| Message::VoteReply(VoteReply {
                epoch,
                ballot,
                asked,
                voter,
                decision,
                leader
            })
        ),
        led_epochs().prop_map(|epoch| Message::BeginEpoch { epoch }),
        (epochs(), option::of(nodes())).prop_map(|(epoch, leader)| Message::NotLeader { epoch, leader }),
        (led_epochs(), option::of(keys()))
            .prop_map(|(epoch, successor)| Message::EndEpoch { epoch, successor }),
    ]
}

/// Through the bytes of a frame.
fn sent(frame: PeerFrame) -> PeerFrame {
    let bytes = Records::from(frame.encode(0).expect("it can be encoded")).into_bytes();
    PeerFrame::decode(bytes.slice(4..), 0).expect("it can be decoded")
}

proptest! {
    #[test]
    fn fetches_come_as_they_went(rows in vec(fetch_rows(), 0..5), forgotten in vec(partitions(), 0..3)) {
        let frame = PeerFetch {
            rows: write_fetch_rows(&rows),
            forgotten: write_forgotten(&forgotten),
            ..PeerFetch::default()
        };
        let PeerFrame::Fetch(frame) = sent(PeerFrame::Fetch(frame)) else { panic!("another frame") };
        prop_assert_eq!(read_fetch_rows(FROM, &frame.rows), Ok(rows));
        prop_assert_eq!(read_forgotten(&frame.forgotten), Ok(forgotten));
    }

    #[test]
    fn replies_come_as_they_went(rows in vec(prop_oneof![4 => reply_rows(), 1 => not_leader_rows()], 0..5)) {
        let frame = PeerFetchReply { rows: write_reply_rows(rows.clone()), ..PeerFetchReply::default() };
        let PeerFrame::FetchReply(frame) = sent(PeerFrame::FetchReply(frame)) else { panic!("another frame") };
        prop_assert_eq!(read_reply_rows(frame.rows), Ok(rows));
    }

    #[test]
    fn messages_come_as_they_went(rows in vec((partitions(), messages()), 0..5)) {
        let row = |(partition, message)| MessageRow { partition, message };
        let rows: Vec<MessageRow> = rows.into_iter().map(row).collect();
        let frame = PeerMessages { rows: write_message_rows(FROM, &rows), ..PeerMessages::default() };
        let PeerFrame::Messages(frame) = sent(PeerFrame::Messages(frame)) else { panic!("another frame") };
        prop_assert_eq!(read_message_rows(FROM, &frame.rows), Ok(rows));
    }
}

/// What is wrong with the one row, after `spoil`.
fn fetch_error(spoil: impl FnOnce(&mut peer_fetch::FetchRow)) -> String {
    let mut row = peer_fetch::FetchRow { topic_id: TopicId::METADATA, ..Default::default() };
    assert!(read_fetch_rows(FROM, std::slice::from_ref(&row)).is_ok());
    spoil(&mut row);
    read_fetch_rows(FROM, &[row]).expect_err("it is refused").to_string()
}

#[test]
fn a_fetch_out_of_range_is_refused() {
    const M: &str = "AAAAAAAAAAAAAAAAAAAAAQ-0";
    assert_eq!(fetch_error(|row| row.partition_index = -1), "a partition with the index -1");
    assert_eq!(fetch_error(|row| row.epoch = -2), format!("Epoch of {M} is -2"));
    assert_eq!(fetch_error(|row| row.log_end.epoch = -2), format!("LogEnd of {M} is -2"));
    assert_eq!(fetch_error(|row| row.log_end.end = -1), format!("LogEnd of {M} is -1"));
    assert_eq!(fetch_error(|row| row.durable.end = i64::MIN), format!("Durable of {M} is {}", i64::MIN));
    assert_eq!(fetch_error(|row| row.log_start = -1), format!("LogStart of {M} is -1"));
    let many = vec![peer_fetch::FetchRow::default(); ROWS_MAX + 1];
    assert_eq!(read_fetch_rows(FROM, &many), Err(RowError::TooManyRows { count: ROWS_MAX + 1 }));
}

fn reply_error(spoil: impl FnOnce(&mut peer_fetch_reply::FetchReplyRow)) -> String {
    let voter = |node_id| peer_fetch_reply::VoterRow { node_id, ..Default::default() };
    let start = |epoch, start| peer_fetch_reply::EpochStartRow { epoch, start, ..Default::default() };
    let mut row = peer_fetch_reply::FetchReplyRow {
        topic_id: TopicId::METADATA,
        voters: vec![voter(1), voter(2)],
        epoch_starts: vec![start(1, 5), start(3, 5)],
        ..Default::default()
    };
    for outcome in 0..4 {
        row.outcome = outcome;
        assert!(read_reply_rows(vec![row.clone()]).is_ok());
    }
    row.outcome = 0;
    spoil(&mut row);
    read_reply_rows(vec![row]).expect_err("it is refused").to_string()
}

#[test]
fn a_reply_out_of_range_or_order_is_refused() {
    const M: &str = "AAAAAAAAAAAAAAAAAAAAAQ-0";
    let out_of_order =
        |field: &str, value| format!("{field} of {M} is out of order, or in it twice, at {value}");
    assert_eq!(reply_error(|row| row.outcome = 4), format!("Outcome of {M} is 4"));
    assert_eq!(reply_error(|row| row.asked.end = -1), format!("Asked of {M} is -1"));
    assert_eq!(reply_error(|row| row.high_watermark.end = -7), format!("HighWatermark of {M} is -7"));
    assert_eq!(reply_error(|row| row.position.epoch = -2), format!("Position of {M} is -2"));
    assert_eq!(reply_error(|row| row.epoch_starts[0].epoch = -1), format!("EpochStarts of {M} is -1"));
    assert_eq!(reply_error(|row| row.epoch_starts[1].epoch = 1), out_of_order("EpochStarts", 1));
    assert_eq!(reply_error(|row| row.epoch_starts[1].start = 4), out_of_order("EpochStarts", 3));
    let reset = |spoil: fn(&mut Vec<peer_fetch_reply::VoterRow>)| {
        reply_error(|row| {
            row.outcome = 2;
            spoil(&mut row.voters);
        })
    };
    assert_eq!(reset(|voters| voters[1].node_id = 1), out_of_order("Voters", 1));
    assert_eq!(reset(|voters| voters.reverse()), out_of_order("Voters", 1));
    assert_eq!(reset(|voters| voters[0].node_id = -1), format!("Voters of {M} is -1"));
    assert_eq!(reset(Vec::clear), format!("Voters of {M} has 0 elements"));
    let crowd = reset(|voters| *voters = vec![voters[0].clone(); VoterSet::MAX + 1]);
    assert_eq!(crowd, format!("Voters of {M} has 32 elements"));
    let leader = reply_error(|row| (row.outcome, row.leader) = (3, -2));
    assert_eq!(leader, format!("Leader of {M} is -2"));
}

fn message_error(kind: i8, spoil: impl FnOnce(&mut peer_messages::MessageRow)) -> String {
    let mut row = peer_messages::MessageRow {
        topic_id: TopicId::METADATA,
        kind,
        voter: Some(Default::default()),
        successor: Some(Default::default()),
        ..Default::default()
    };
    assert!(read_message_rows(FROM, std::slice::from_ref(&row)).is_ok());
    spoil(&mut row);
    read_message_rows(FROM, &[row]).expect_err("it is refused").to_string()
}

#[test]
fn a_message_out_of_range_is_refused() {
    const M: &str = "AAAAAAAAAAAAAAAAAAAAAQ-0";
    assert_eq!(message_error(0, |row| row.kind = 7), format!("Kind of {M} is 7"));
    assert_eq!(message_error(0, |row| row.kind = -1), format!("Kind of {M} is -1"));
    assert_eq!(message_error(0, |row| row.epoch = -2), format!("Epoch of {M} is -2"));
    for kind in [1, 4, 5] {
        assert_eq!(message_error(kind, |row| row.epoch = -1), format!("Epoch of {M} is -1"));
    }
    for kind in 0..4 {
        assert_eq!(message_error(kind, |row| row.voter = None), format!("Voter of {M} is missing"));
        let of_vote = |row: &mut peer_messages::MessageRow| row.voter.as_mut().expect("a vote").node_id = -1;
        assert_eq!(message_error(kind, of_vote), format!("Voter of {M} is -1"));
    }
    let vote = |kind, spoil: fn(&mut peer_messages::VoteRow)| {
        message_error(kind, |row| spoil(row.voter.as_mut().expect("a vote")))
    };
    assert_eq!(vote(1, |vote| vote.log_end = -1), format!("LogEnd of {M} is -1"));
    assert_eq!(vote(2, |vote| vote.decision = 6), format!("Decision of {M} is 6"));
    assert_eq!(vote(3, |vote| vote.leader = -2), format!("Leader of {M} is -2"));
    assert_eq!(vote(3, |vote| vote.asked = -2), format!("Asked of {M} is -2"));
    assert_eq!(message_error(6, |row| row.leader = -2), format!("Leader of {M} is -2"));
    let successor = message_error(5, |row| row.successor.as_mut().expect("one").node_id = -1);
    assert_eq!(successor, format!("Successor of {M} is -1"));
}
