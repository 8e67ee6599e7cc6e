use bytes::Bytes;

use super::{NO_NODE, Row, RowError, bounded};
use crate::raft::{FetchOutcome, FetchReply, Message, Position, ReplicaKey, Slice, VoterSet};
use crate::types::{EpochStart, LeaderEpoch, NodeId, PartitionId};
use crate::wire::Records;
use crate::wire::batch::FrameMemory;
use crate::wire::messages::peer_fetch_reply::{self, EpochStartRow, PeerPosition, VoterRow};

/// What is told to one that fetches.
#[derive(Clone, PartialEq, Debug)]
pub struct ReplyRow {
    pub partition: PartitionId,
    pub answer: Answer,
    /// The batches among the entries, as they are on disk.
    pub records: Records,
    /// With a reset: the producer state at the position where the log begins.
    pub producer_state: Bytes,
    /// What the records are a slice of, in a reply that was received.
    pub frame: FrameMemory,
}

impl ReplyRow {
    /// An answer that nothing else goes with.
    #[must_use]
    pub fn of(partition: PartitionId, answer: Answer) -> ReplyRow {
        let (records, producer_state, frame) = Default::default();
        ReplyRow { partition, answer, records, producer_state, frame }
    }
}

/// The answers to fetches among the core's messages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Without the voter sets among its entries: they are batches, and read from there by the follower.
    Reply(FetchReply),
    /// [`Message::NotLeader`].
    NotLeader { epoch: LeaderEpoch, leader: Option<NodeId> },
}

impl From<Answer> for Message {
    fn from(answer: Answer) -> Message {
        match answer {
            Answer::Reply(reply) => Message::FetchReply(reply),
            Answer::NotLeader { epoch, leader } => Message::NotLeader { epoch, leader },
        }
    }
}

const ENTRIES: i8 = 0;
const DIVERGING: i8 = 1;
const RESET: i8 = 2;
const NOT_LEADER: i8 = 3;

#[must_use]
pub fn write_reply_rows(rows: Vec<ReplyRow>) -> Vec<peer_fetch_reply::FetchReplyRow> {
    rows.into_iter().map(write_reply_row).collect()
}

fn write_reply_row(row: ReplyRow) -> peer_fetch_reply::FetchReplyRow {
    let position = |position: Position| PeerPosition {
        epoch: position.epoch.0,
        end: position.end.0,
        ..PeerPosition::default()
    };
    let ReplyRow { partition, answer, records, producer_state, frame: _ } = row;
    let mut wire = peer_fetch_reply::FetchReplyRow {
        topic_id: partition.topic,
        partition_index: partition.index.0,
        ..peer_fetch_reply::FetchReplyRow::default()
    };
    let reply = match answer {
        Answer::NotLeader { epoch, leader } => {
            wire.outcome = NOT_LEADER;
            wire.epoch = epoch.0;
            wire.leader = leader.map_or(NO_NODE, |node| node.0);
            return wire;
        }
        Answer::Reply(reply) => reply,
    };
    wire.epoch = reply.epoch.0;
    wire.asked = position(reply.asked);
    wire.high_watermark = position(reply.high_watermark);
    wire.log_start = reply.log_start.0;
    match reply.outcome {
        FetchOutcome::Entries(slice) => {
            let start = |start: &EpochStart| EpochStartRow {
                epoch: start.epoch.0,
                start: start.start.0,
                ..EpochStartRow::default()
            };
            wire.outcome = ENTRIES;
            wire.position = position(slice.last);
            wire.epoch_starts = slice.epoch_starts.iter().map(start).collect();
            wire.records = records;
        }
        FetchOutcome::Diverging(common) => {
            wire.outcome = DIVERGING;
            wire.position = position(common);
        }
        FetchOutcome::Reset { to, voters } => {
            let voter = |key: &ReplicaKey| VoterRow {
                node_id: key.node.0,
                directory_id: key.directory,
                ..VoterRow::default()
            };
            wire.outcome = RESET;
            wire.position = position(to);
            wire.voters = voters.keys().iter().map(voter).collect();
            wire.producer_state = producer_state;
        }
    }
    wire
}

/// The rows of a reply.
///
/// # Errors
/// A value out of its range or order, or more than [`super::ROWS_MAX`] rows.
pub fn read_reply_rows(rows: Vec<peer_fetch_reply::FetchReplyRow>) -> Result<Vec<ReplyRow>, RowError> {
    bounded(rows.len())?;
    // Beside these a reply has but the rows themselves, which are short.
    let frame_bytes = rows.iter().map(|row| row.records.len() + row.producer_state.len()).sum();
    let frame = FrameMemory::of(frame_bytes);
    rows.into_iter().map(|row| read_reply_row(row, &frame)).collect()
}

fn read_reply_row(wire: peer_fetch_reply::FetchReplyRow, frame: &FrameMemory) -> Result<ReplyRow, RowError> {
    let row = Row::of(wire.topic_id, wire.partition_index)?;
    let position = |field, position: &PeerPosition| row.position(field, position.epoch, position.end);
    let (mut records, mut producer_state) = (Records::default(), Bytes::new());
    let outcome = match wire.outcome {
        ENTRIES => {
            records = wire.records;
            FetchOutcome::Entries(Slice {
                last: position("Position", &wire.position)?,
                epoch_starts: read_epoch_starts(row, &wire.epoch_starts)?,
                voters: Vec::new(),
            })
        }
        DIVERGING => FetchOutcome::Diverging(position("Position", &wire.position)?),
        RESET => {
            producer_state = wire.producer_state;
            let to = position("Position", &wire.position)?;
            FetchOutcome::Reset { to, voters: read_voters(row, &wire.voters)? }
        }
        NOT_LEADER => {
            let epoch = row.epoch_or_none("Epoch", wire.epoch)?;
            let leader = row.node_or_none("Leader", wire.leader)?;
            let answer = Answer::NotLeader { epoch, leader };
            return Ok(ReplyRow::of(row.0, answer));
        }
        other => return Err(row.out_of_range("Outcome", other)),
    };
    let reply = FetchReply {
        epoch: row.epoch_or_none("Epoch", wire.epoch)?,
        asked: position("Asked", &wire.asked)?,
        high_watermark: position("HighWatermark", &wire.high_watermark)?,
        log_start: row.offset("LogStart", wire.log_start)?,
        outcome,
    };
    let (partition, answer, frame) = (row.0, Answer::Reply(reply), frame.clone());
    Ok(ReplyRow { partition, answer, records, producer_state, frame })
}

/// Epochs rise; their starts do not fall.
fn read_epoch_starts(row: Row, wire: &[EpochStartRow]) -> Result<Vec<EpochStart>, RowError> {
    let mut starts: Vec<EpochStart> = Vec::with_capacity(wire.len());
    for start in wire {
        let next = EpochStart {
            epoch: row.epoch("EpochStarts", start.epoch)?,
            start: row.offset("EpochStarts", start.start)?,
        };
        if starts.last().is_some_and(|last| next.epoch <= last.epoch || next.start < last.start) {
            let value = start.epoch.into();
            return Err(RowError::OutOfOrder { partition: row.0, field: "EpochStarts", value });
        }
        starts.push(next);
    }
    Ok(starts)
}

/// Nodes ascend; there is one at least, and [`VoterSet::MAX`] at most.
fn read_voters(row: Row, wire: &[VoterRow]) -> Result<VoterSet, RowError> {
    if wire.is_empty() || wire.len() > VoterSet::MAX {
        return Err(RowError::Count { partition: row.0, field: "Voters", value: wire.len() });
    }
    let mut keys: Vec<ReplicaKey> = Vec::with_capacity(wire.len());
    for voter in wire {
        let key = row.key("Voters", voter.node_id, voter.directory_id)?;
        if keys.last().is_some_and(|last| key.node <= last.node) {
            let value = voter.node_id.into();
            return Err(RowError::OutOfOrder { partition: row.0, field: "Voters", value });
        }
        keys.push(key);
    }
    VoterSet::of(keys).ok_or(RowError::Count { partition: row.0, field: "Voters", value: wire.len() })
}
