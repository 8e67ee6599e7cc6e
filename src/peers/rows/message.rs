use super::{NO_NODE, Row, RowError, bounded};
use crate::raft::{Ballot, Decision, Message, Refusal, ReplicaKey, Vote, VoteReply};
use crate::types::{NodeId, PartitionId};
use crate::wire::messages::peer_messages::{self, SuccessorRow, VoteRow};

/// What one replica tells another besides fetches and their replies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MessageRow {
    pub partition: PartitionId,
    pub message: Message,
}

const PRE_VOTE: i8 = 0;
const VOTE: i8 = 1;
const PRE_VOTE_REPLY: i8 = 2;
const VOTE_REPLY: i8 = 3;
const BEGIN_EPOCH: i8 = 4;
const END_EPOCH: i8 = 5;
const NOT_LEADER: i8 = 6;

/// The rows of what node `from` sends.
///
/// # Panics
/// If there is a fetch or a reply to one among them, which travel in sessions, or a candidate of another node.
#[must_use]
pub fn write_message_rows(from: NodeId, rows: &[MessageRow]) -> Vec<peer_messages::MessageRow> {
    rows.iter().map(|row| write_message_row(from, row)).collect()
}

fn write_message_row(from: NodeId, row: &MessageRow) -> peer_messages::MessageRow {
    let mut wire = peer_messages::MessageRow {
        topic_id: row.partition.topic,
        partition_index: row.partition.index.0,
        epoch: row.message.epoch().0,
        ..peer_messages::MessageRow::default()
    };
    match &row.message {
        Message::Vote(vote) => {
            assert_eq!(vote.candidate.node, from, "a candidate asks for itself: {vote:?}");
            wire.kind = match vote.ballot {
                Ballot::PreVote => PRE_VOTE,
                Ballot::Vote => VOTE,
            };
            wire.voter = Some(VoteRow {
                node_id: vote.voter.node.0,
                directory_id: vote.voter.directory,
                candidate_directory_id: vote.candidate.directory,
                log_end_epoch: vote.log_end.epoch.0,
                log_end: vote.log_end.end.0,
                ..VoteRow::default()
            });
        }
        Message::VoteReply(reply) => {
            wire.kind = match reply.ballot {
                Ballot::PreVote => PRE_VOTE_REPLY,
                Ballot::Vote => VOTE_REPLY,
            };
            wire.voter = Some(VoteRow {
                node_id: reply.voter.node.0,
                directory_id: reply.voter.directory,
                asked: reply.asked.0,
                decision: write_decision(reply.decision),
                leader: reply.leader.map_or(NO_NODE, |node| node.0),
                ..VoteRow::default()
            });
        }
        Message::BeginEpoch { .. } => wire.kind = BEGIN_EPOCH,
        Message::EndEpoch { successor, .. } => {
            wire.kind = END_EPOCH;
            wire.successor = successor.map(|key| SuccessorRow {
                node_id: key.node.0,
                directory_id: key.directory,
                ..SuccessorRow::default()
            });
        }
        Message::NotLeader { leader, .. } => {
            wire.kind = NOT_LEADER;
            wire.leader = leader.map_or(NO_NODE, |node| node.0);
        }
        Message::Fetch(_) | Message::FetchReply(_) => {
            panic!("fetches and their replies travel in sessions: {row:?}")
        }
    }
    wire
}

/// The rows of what node `from` sent.
///
/// # Errors
/// A value out of its range, or more than [`super::ROWS_MAX`] rows.
pub fn read_message_rows(
    from: NodeId,
    rows: &[peer_messages::MessageRow],
) -> Result<Vec<MessageRow>, RowError> {
    bounded(rows.len())?;
    rows.iter().map(|row| read_message_row(from, row)).collect()
}

fn read_message_row(from: NodeId, wire: &peer_messages::MessageRow) -> Result<MessageRow, RowError> {
    let row = Row::of(wire.topic_id, wire.partition_index)?;
    let missing = RowError::Missing { partition: row.0, field: "Voter" };
    let voter = wire.voter.as_ref().ok_or(missing);
    let message = match wire.kind {
        PRE_VOTE => read_vote(row, from, Ballot::PreVote, wire.epoch, voter?)?,
        VOTE => read_vote(row, from, Ballot::Vote, wire.epoch, voter?)?,
        PRE_VOTE_REPLY => read_vote_reply(row, Ballot::PreVote, wire.epoch, voter?)?,
        VOTE_REPLY => read_vote_reply(row, Ballot::Vote, wire.epoch, voter?)?,
        BEGIN_EPOCH => Message::BeginEpoch { epoch: row.epoch("Epoch", wire.epoch)? },
        END_EPOCH => {
            let successor = match &wire.successor {
                Some(successor) => Some(row.key("Successor", successor.node_id, successor.directory_id)?),
                None => None,
            };
            Message::EndEpoch { epoch: row.epoch("Epoch", wire.epoch)?, successor }
        }
        NOT_LEADER => Message::NotLeader {
            epoch: row.epoch_or_none("Epoch", wire.epoch)?,
            leader: row.node_or_none("Leader", wire.leader)?,
        },
        other => return Err(row.out_of_range("Kind", other)),
    };
    Ok(MessageRow { partition: row.0, message })
}

fn read_vote(
    row: Row,
    from: NodeId,
    ballot: Ballot,
    epoch: i32,
    wire: &VoteRow,
) -> Result<Message, RowError> {
    // A vote is in an epoch; a pre-vote may come before the first.
    let epoch = match ballot {
        Ballot::PreVote => row.epoch_or_none("Epoch", epoch)?,
        Ballot::Vote => row.epoch("Epoch", epoch)?,
    };
    Ok(Message::Vote(Vote {
        epoch,
        ballot,
        candidate: ReplicaKey { node: from, directory: wire.candidate_directory_id },
        voter: row.key("Voter", wire.node_id, wire.directory_id)?,
        log_end: row.position("LogEnd", wire.log_end_epoch, wire.log_end)?,
    }))
}

fn read_vote_reply(row: Row, ballot: Ballot, epoch: i32, wire: &VoteRow) -> Result<Message, RowError> {
    Ok(Message::VoteReply(VoteReply {
        epoch: row.epoch_or_none("Epoch", epoch)?,
        ballot,
        asked: row.epoch_or_none("Asked", wire.asked)?,
        voter: row.key("Voter", wire.node_id, wire.directory_id)?,
        decision: read_decision(row, wire.decision)?,
        leader: row.node_or_none("Leader", wire.leader)?,
    }))
}

fn write_decision(decision: Decision) -> i8 {
    match decision {
        Decision::Granted => 0,
        Decision::Refused(Refusal::OldEpoch) => 1,
        Decision::Refused(Refusal::VotedForAnother) => 2,
        Decision::Refused(Refusal::HasLeader) => 3,
        Decision::Refused(Refusal::LogBehind) => 4,
        Decision::Refused(Refusal::AnotherReplica) => 5,
    }
}

fn read_decision(row: Row, value: i8) -> Result<Decision, RowError> {
    Ok(match value {
        0 => Decision::Granted,
        1 => Decision::Refused(Refusal::OldEpoch),
        2 => Decision::Refused(Refusal::VotedForAnother),
        3 => Decision::Refused(Refusal::HasLeader),
        4 => Decision::Refused(Refusal::LogBehind),
        5 => Decision::Refused(Refusal::AnotherReplica),
        other => return Err(row.out_of_range("Decision", other)),
    })
}
