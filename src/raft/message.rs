use std::fmt;

use super::{Position, ReplicaKey, VoterSet};
use crate::types::{EpochStart, LeaderEpoch, NodeId, Offset};

/// What replicas of one log tell each other; docs/replication.md has the table. Who sends it is told beside.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Message {
    Vote(Vote),
    VoteReply(VoteReply),
    /// The sender leads `epoch` (KIP-595, BeginQuorumEpoch).
    BeginEpoch {
        epoch: LeaderEpoch,
    },
    /// The sender leads `epoch` no longer, or soon not; `successor` shall campaign now (KIP-595, EndQuorumEpoch).
    EndEpoch {
        epoch: LeaderEpoch,
        successor: Option<ReplicaKey>,
    },
    Fetch(Fetch),
    FetchReply(FetchReply),
    /// The sender does not lead, or not the epoch that it was told or asked of; who does, if it knows.
    NotLeader {
        epoch: LeaderEpoch,
        leader: Option<NodeId>,
    },
}

impl Message {
    /// The sender's epoch.
    #[must_use]
    pub fn epoch(&self) -> LeaderEpoch {
        match self {
            Message::Vote(vote) => vote.epoch,
            Message::VoteReply(reply) => reply.epoch,
            Message::BeginEpoch { epoch }
            | Message::EndEpoch { epoch, .. }
            | Message::NotLeader { epoch, .. } => *epoch,
            Message::Fetch(fetch) => fetch.epoch,
            Message::FetchReply(reply) => reply.epoch,
        }
    }
}

#[cfg(test)]
impl Message {
    pub(super) fn is_about_votes(&self) -> bool {
        matches!(self, Message::Vote(_) | Message::VoteReply(_))
    }
}

/// What a vote is asked for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Ballot {
    /// Would you vote for me? Promises nothing (KIP-996).
    PreVote,
    Vote,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Vote {
    /// The epoch to be led; for a pre-vote the candidate's present one.
    pub epoch: LeaderEpoch,
    pub ballot: Ballot,
    pub candidate: ReplicaKey,
    /// Who is asked: whoever has taken this one's place is not.
    pub voter: ReplicaKey,
    pub log_end: Position,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct VoteReply {
    pub epoch: LeaderEpoch,
    pub ballot: Ballot,
    /// The epoch that was asked for.
    pub asked: LeaderEpoch,
    /// Who was asked.
    pub voter: ReplicaKey,
    pub decision: Decision,
    /// The leader of `epoch`, if the voter knows it.
    pub leader: Option<NodeId>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Decision {
    Granted,
    Refused(Refusal),
}

/// Why a vote was not given.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Refusal {
    /// The voter is at a later epoch.
    OldEpoch,
    /// It voted for another in this epoch.
    VotedForAnother,
    /// It leads, or follows a leader: of this epoch, or, for a pre-vote, one that it hears.
    HasLeader,
    /// Its log reaches further than the candidate's.
    LogBehind,
    /// The replica that was asked has lost its memory, and another is in its place.
    AnotherReplica,
}

/// What a follower holds: the state of its fetch. One that comes later takes the place of one that waits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Fetch {
    pub epoch: LeaderEpoch,
    pub replica: ReplicaKey,
    /// Where the next entries shall follow.
    pub log_end: Position,
    /// Up to where it holds its log durably: the acknowledgement.
    pub durable: Position,
    /// From where on it holds it, durably.
    pub log_start: Offset,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FetchReply {
    pub epoch: LeaderEpoch,
    /// The log end of the fetch that this answers.
    pub asked: Position,
    pub high_watermark: Position,
    pub log_start: Offset,
    pub outcome: FetchOutcome,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FetchOutcome {
    /// Entries follow, or none.
    Entries(Slice),
    /// The leader's largest epoch that is not above the follower's, and where it ends in the leader's log.
    Diverging(Position),
    /// The log begins after what the follower holds: at this position, with these voters.
    Reset { to: Position, voters: VoterSet },
}

/// Some entries of a log, without the records.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Slice {
    /// The log's position after them.
    pub last: Position,
    /// The epochs that begin among them.
    pub epoch_starts: Vec<EpochStart>,
    /// The voter sets among them, with the offset each takes: read from the batches by whoever received them.
    pub voters: Vec<(Offset, VoterSet)>,
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::Vote(Vote { epoch, ballot: Ballot::PreVote, log_end, .. }) => {
                write!(f, "Would you vote for me? I am at epoch {epoch}, my log ends at {log_end}.")
            }
            Message::Vote(Vote { epoch, ballot: Ballot::Vote, log_end, .. }) => {
                write!(f, "Vote for me in epoch {epoch}; my log ends at {log_end}.")
            }
            Message::VoteReply(reply) => write!(f, "{reply}"),
            Message::BeginEpoch { epoch } => write!(f, "I lead epoch {epoch}."),
            Message::EndEpoch { epoch, successor: Some(successor) } => {
                write!(f, "I end epoch {epoch}; node {} shall succeed me.", successor.node)
            }
            Message::EndEpoch { epoch, successor: None } => write!(f, "I end epoch {epoch}."),
            Message::Fetch(fetch) => {
                let Fetch { epoch, log_end, durable, .. } = fetch;
                write!(f, "In epoch {epoch}: what follows {log_end}? I hold {durable} durably.")
            }
            Message::FetchReply(reply) => write!(f, "{reply}"),
            Message::NotLeader { epoch, leader: Some(leader) } => {
                write!(f, "Node {leader} leads epoch {epoch}.")
            }
            Message::NotLeader { epoch, leader: None } => {
                write!(f, "I am at epoch {epoch}, do not lead it, and do not know who does.")
            }
        }
    }
}

impl fmt::Display for VoteReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.ballot, self.decision) {
            (Ballot::PreVote, Decision::Granted) => f.write_str("I would."),
            (Ballot::Vote, Decision::Granted) => write!(f, "You have my vote in epoch {}.", self.asked),
            (_, Decision::Refused(refusal)) => match refusal {
                Refusal::OldEpoch => write!(f, "No: I am at epoch {}.", self.epoch),
                Refusal::VotedForAnother => f.write_str("No: I voted for another."),
                Refusal::HasLeader => f.write_str("No: I have a leader."),
                Refusal::LogBehind => f.write_str("No: my log reaches further."),
                Refusal::AnotherReplica => {
                    f.write_str("No: I am not the replica you ask; I have lost its memory.")
                }
            },
        }
    }
}

impl fmt::Display for FetchReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FetchReply { asked, high_watermark, .. } = self;
        match &self.outcome {
            FetchOutcome::Entries(slice) if slice.last == *asked => {
                write!(f, "Nothing follows {asked}; committed is {high_watermark}.")
            }
            FetchOutcome::Entries(slice) => {
                write!(
                    f,
                    "Here is what follows {asked}, up to {}; committed is {high_watermark}.",
                    slice.last
                )
            }
            FetchOutcome::Diverging(position) => {
                write!(f, "Your log is not mine: at most {position} of it is.")
            }
            FetchOutcome::Reset { to, .. } => write!(f, "My log begins at {to}: begin there."),
        }
    }
}
