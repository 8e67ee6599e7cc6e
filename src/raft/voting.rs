use super::core::Core;
use super::{Ballot, Decision, Effect, Message, Mistake, Refusal, Vote, VoteReply};
use crate::types::NodeId;

/// What the voter's role says about leaders.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Allegiance {
    /// The leader of this epoch, if it is known.
    pub(super) leader: Option<NodeId>,
    /// The voter leads, or hears that leader, or may have heard one before its node's start.
    pub(super) hears_it: bool,
}

/// What becomes of a request for a vote.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    Now(Decision),
    /// A new vote: it is told once it is durable.
    OnceDurable,
}

/// Decides on a vote whose epoch has been adopted if it was above this replica's.
pub(super) fn decide(
    core: &mut Core,
    allegiance: Allegiance,
    from: NodeId,
    vote: &Vote,
    effects: &mut Vec<Effect>,
) -> Answer {
    let refused = |refusal| Answer::Now(Decision::Refused(refusal));
    if vote.voter != core.key {
        return refused(Refusal::AnotherReplica);
    }
    if vote.epoch < core.epoch {
        return refused(Refusal::OldEpoch);
    }
    match vote.ballot {
        Ballot::PreVote if allegiance.hears_it => refused(Refusal::HasLeader),
        Ballot::PreVote if is_behind(core, vote) => refused(Refusal::LogBehind),
        Ballot::PreVote => Answer::Now(Decision::Granted),
        Ballot::Vote if core.vote == Some(vote.candidate) && core.vote_durable => {
            Answer::Now(Decision::Granted)
        }
        Ballot::Vote if core.vote == Some(vote.candidate) => {
            core.vote_asked_by = Some(from);
            Answer::OnceDurable
        }
        Ballot::Vote if core.vote.is_some() && !core.mistaken(Mistake::VoteTwice) => {
            refused(Refusal::VotedForAnother)
        }
        Ballot::Vote if allegiance.leader.is_some() && !core.mistaken(Mistake::VoteTwice) => {
            refused(Refusal::HasLeader)
        }
        Ballot::Vote if is_behind(core, vote) => refused(Refusal::LogBehind),
        Ballot::Vote => {
            core.vote_for(vote.candidate, effects);
            if core.mistaken(Mistake::GrantBeforeDurable) {
                return Answer::Now(Decision::Granted);
            }
            core.vote_asked_by = Some(from);
            Answer::OnceDurable
        }
    }
}

/// Whether the candidate's log ends before this one (Raft §5.4.1).
fn is_behind(core: &Core, vote: &Vote) -> bool {
    if core.mistaken(Mistake::VoteWithoutLook) {
        return false;
    }
    if core.mistaken(Mistake::VoteByOffset) {
        return vote.log_end.end < core.log.end().end;
    }
    vote.log_end < core.log.end()
}

pub(super) fn reply(core: &Core, allegiance: Allegiance, vote: &Vote, decision: Decision) -> Message {
    let leader = allegiance.leader.filter(|_| allegiance.hears_it);
    Message::VoteReply(VoteReply {
        epoch: core.epoch,
        ballot: vote.ballot,
        asked: vote.epoch,
        // Who was asked, even if another is in its place now.
        voter: vote.voter,
        decision,
        leader,
    })
}

/// What the voter tells once its vote is durable.
pub(super) fn granted(core: &Core) -> Message {
    Message::VoteReply(VoteReply {
        epoch: core.epoch,
        ballot: Ballot::Vote,
        asked: core.epoch,
        voter: core.key,
        decision: Decision::Granted,
        leader: None,
    })
}
