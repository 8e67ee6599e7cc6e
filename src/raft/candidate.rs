use super::ballots::{Ballots, Count};
use super::core::Core;
use super::prospective::{Pause, ask_all, back_off, round};
use super::{Ballot, Decision, Effect, Mistake, Timer, VoteReply};
use crate::types::{Instant, LeaderEpoch};

/// Asks for votes in an epoch of its own, once its own vote is durable.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Candidate {
    ballots: Ballots,
    until: (Instant, Timer),
}

impl Candidate {
    /// Enters the next epoch and votes for itself in it. `None` if there is no epoch left.
    pub(super) fn new(core: &mut Core, now: Instant, effects: &mut Vec<Effect>) -> Option<Candidate> {
        let epoch = LeaderEpoch(core.epoch.0.checked_add(1)?);
        core.enter(epoch);
        core.vote_for(core.key, effects);
        if core.mistaken(Mistake::AskBeforeDurable) {
            ask_all(core, Ballot::Vote, effects);
        }
        Some(Candidate { ballots: Ballots::new(core.voters()), until: round(core, now) })
    }

    /// Its own vote is durable, and with it its log up to the end that it names: now the others may be asked.
    pub(super) fn vote_is_durable(&mut self, core: &Core, effects: &mut Vec<Effect>) -> Count {
        let count = self.ballots.count(core.key, Decision::Granted);
        if count == Count::Open {
            ask_all(core, Ballot::Vote, effects);
        }
        count
    }

    /// The round has taken too long. A candidate whom nobody has refused goes on in its epoch: what it waits for, its own vote on a slow
    /// disk, the others' or a lost message, another epoch would only begin anew. False: it campaigns again.
    pub(super) fn goes_on(&mut self, core: &mut Core, now: Instant, effects: &mut Vec<Effect>) -> bool {
        if self.until.1 != Timer::Round || self.ballots.is_refused() {
            return false;
        }
        self.until = round(core, now);
        if core.vote_durable {
            ask_all(core, Ballot::Vote, effects);
        }
        true
    }

    pub(super) fn count(
        &mut self,
        core: &mut Core,
        now: Instant,
        reply: &VoteReply,
        effects: &mut Vec<Effect>,
    ) -> Count {
        if reply.ballot != Ballot::Vote || reply.asked != core.epoch {
            return Count::Open;
        }
        if core.mistaken(Mistake::CountVoteTwice) && reply.decision == Decision::Granted {
            self.ballots.count_again();
        }
        let count = self.ballots.count(reply.voter, reply.decision);
        back_off(core, now, count, &mut self.until, Pause::InTurn, effects);
        // Without its own vote on disk it could vote for another in this epoch after a restart.
        if count == Count::Won && !core.vote_durable { Count::Open } else { count }
    }

    pub(super) fn deadline(&self) -> (Instant, Timer) {
        self.until
    }
}
