use super::ballots::{Ballots, Count};
use super::core::Core;
use super::{Ballot, Decision, Effect, Message, Timer, Vote, VoteReply};
use crate::types::{Instant, NodeId};

/// Asks whether it would be elected (KIP-996). Its epoch stays, so nobody is disturbed if it would not.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Prospective {
    ballots: Ballots,
    until: (Instant, Timer),
    /// Whom it followed in this epoch: if that one is heard again, all is well.
    leader: Option<NodeId>,
}

impl Prospective {
    pub(super) fn new(core: &mut Core, leader: Option<NodeId>, now: Instant) -> Prospective {
        let ballots = Ballots::new(core.voters());
        Prospective { ballots, until: round(core, now), leader }
    }

    /// Begins: its own vote first, then the others'.
    pub(super) fn ask(&mut self, core: &Core, effects: &mut Vec<Effect>) -> Count {
        let count = self.ballots.count(core.key, Decision::Granted);
        if count == Count::Open {
            ask_all(core, Ballot::PreVote, effects);
        }
        count
    }

    pub(super) fn count(
        &mut self,
        core: &mut Core,
        now: Instant,
        reply: &VoteReply,
        effects: &mut Vec<Effect>,
    ) -> Count {
        if reply.ballot != Ballot::PreVote || reply.asked != core.epoch {
            return Count::Open;
        }
        let count = self.ballots.count(reply.voter, reply.decision);
        back_off(core, now, count, &mut self.until, Pause::Random, effects);
        count
    }

    pub(super) fn deadline(&self) -> (Instant, Timer) {
        self.until
    }

    pub(super) fn leader(&self) -> Option<NodeId> {
        self.leader
    }
}

/// When a round of votes that begins now is over.
pub(super) fn round(core: &mut Core, now: Instant) -> (Instant, Timer) {
    let length = core.timing.round;
    (core.jitter.within(now.after(length), length), Timer::Round)
}

/// Asks all other voters for a vote in the present epoch.
pub(super) fn ask_all(core: &Core, ballot: Ballot, effects: &mut Vec<Effect>) {
    for voter in core.others() {
        let vote = Vote { epoch: core.epoch, ballot, candidate: core.key, voter, log_end: core.log.end() };
        effects.push(Effect::Send { to: voter.node, message: Message::Vote(vote) });
    }
}

/// How long a lost round is waited after.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Pause {
    /// Whoever refused hears a leader, or is ahead.
    Random,
    /// Two asked at once: their turns come one after the other.
    InTurn,
}

impl Pause {
    fn of(self, core: &mut Core, now: Instant) -> Instant {
        match self {
            Pause::Random => core.jitter.within(now, core.timing.backoff),
            Pause::InTurn => {
                let turn = now.after(core.timing.election_turn * core.turns_before(now));
                core.jitter.within(turn, core.timing.election_after_silence)
            }
        }
    }
}

/// A lost round ends early, after a pause.
pub(super) fn back_off(
    core: &mut Core,
    now: Instant,
    count: Count,
    until: &mut (Instant, Timer),
    after: Pause,
    effects: &mut Vec<Effect>,
) {
    match count {
        Count::Open | Count::Won => return,
        Count::Lost => {}
        Count::Hopeless { lost } => {
            if until.1 == Timer::Round {
                effects.push(Effect::Stalled { lost, voters: core.voters().keys().len() });
            }
        }
    }
    if until.1 == Timer::Round {
        *until = (after.of(core, now), Timer::Backoff);
    }
}
