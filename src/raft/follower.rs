use super::core::Core;
use super::{Effect, FetchOutcome, FetchReply, HaltReason, Mistake, Position, Slice, Timer, VoterSet};
use crate::types::{Instant, NodeId};

/// Fetches from the leader of its epoch, appends what comes and cuts off what diverged. An observer is one that is
/// no voter.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Follower {
    leader: NodeId,
    /// Since the leader's node is silent: until when to wait for it.
    until: Option<Instant>,
}

impl Follower {
    pub(super) fn new(core: &mut Core, leader: NodeId, now: Instant, effects: &mut Vec<Effect>) -> Follower {
        let high_watermark = core.log.high_watermark();
        if core.mistaken(Mistake::TruncateToWatermark) && core.log.end() > high_watermark {
            core.log.truncate(high_watermark);
            effects.push(Effect::Truncate { to: high_watermark });
        }
        let mut follower = Follower { leader, until: None };
        if core.is_silent(leader) {
            follower.leader_is_silent(core, now);
        }
        effects.push(Effect::Fetch { from: leader });
        follower
    }

    pub(super) fn leader(&self) -> NodeId {
        self.leader
    }

    pub(super) fn hears_its_leader(&self) -> bool {
        self.until.is_none()
    }

    pub(super) fn leader_is_silent(&mut self, core: &mut Core, now: Instant) {
        let turn = now.after(core.timing.election_turn * core.turns_before(now));
        let wait = core.timing.election_after_silence;
        self.until.get_or_insert(core.jitter.within(turn, wait));
    }

    /// Another voter asks for votes in the place of the silent leader and may have this one's: it is waited for.
    pub(super) fn give_way(&mut self, core: &mut Core, now: Instant) {
        if let Some(until) = &mut self.until {
            let turn = core.timing.election_turn;
            *until = (*until).max(core.jitter.within(now.after(turn), turn));
        }
    }

    /// Whoever asks for votes in the place of the silent leader cannot have this one's, and lacks what this replica holds.
    pub(super) fn hurry(&mut self, core: &mut Core, now: Instant) {
        if let Some(until) = &mut self.until
            && !core.leaves_campaigns(now)
        {
            *until = (*until).min(now);
        }
    }

    /// The leader's node is back; its answers may have been lost.
    pub(super) fn leader_is_heard(&mut self, effects: &mut Vec<Effect>) {
        self.until = None;
        effects.push(Effect::Fetch { from: self.leader });
    }

    pub(super) fn deadline(&self, core: &Core) -> Option<(Instant, Timer)> {
        let timer = if core.is_eligible() { Timer::Election } else { Timer::Discover };
        self.until.map(|until| (until, timer))
    }

    /// Takes the leader's answer to a fetch. An error is the reason to stop for good.
    pub(super) fn take_reply(
        &mut self,
        core: &mut Core,
        reply: &FetchReply,
        effects: &mut Vec<Effect>,
    ) -> Result<(), HaltReason> {
        core.note_committed(reply.high_watermark);
        if reply.asked != core.log.end() && !core.mistaken(Mistake::TakeStaleReply) {
            self.take_stale(core, reply, effects);
            return Ok(());
        }
        match &reply.outcome {
            FetchOutcome::Entries(slice) => self.append(core, reply, slice, effects),
            FetchOutcome::Diverging(diverging) => self.truncate(core, *diverging, effects)?,
            FetchOutcome::Reset { to, voters } => self.reset(core, *to, voters, effects)?,
        }
        Ok(())
    }

    /// Entries that do not follow this log are no use: they were sent twice, perhaps, or before it was cut. What is told with them of the
    /// commit and of the log's start counts if this log has it. The leader, which finds the log end that it expects, tells it no second time.
    fn take_stale(&mut self, core: &mut Core, reply: &FetchReply, effects: &mut Vec<Effect>) {
        let committed = reply.high_watermark;
        if matches!(reply.outcome, FetchOutcome::Entries(_)) && core.log.contains(committed) {
            core.log.want_start(reply.log_start);
            core.commit(committed, effects);
        }
    }

    fn append(&mut self, core: &mut Core, reply: &FetchReply, slice: &Slice, effects: &mut Vec<Effect>) {
        let previous = core.log.end();
        if !core.log.takes(slice, reply.epoch) {
            effects.push(Effect::Malformed { from: self.leader });
            return;
        }
        if slice.last > previous {
            core.log.append(slice);
            effects.push(Effect::AppendEntries { previous, last: slice.last });
        }
        let beyond = core.mistaken(Mistake::WatermarkBeyondEnd);
        // Both are prefixes of the leader's log, so the lesser is one of this log, too.
        let committed = if beyond { reply.high_watermark } else { reply.high_watermark.min(core.log.end()) };
        if committed > core.log.high_watermark() && !beyond && !core.log.contains(committed) {
            effects.push(Effect::Malformed { from: self.leader });
            return;
        }
        core.log.want_start(reply.log_start);
        core.commit(committed, effects);
        if slice.last > previous {
            effects.push(Effect::Fetch { from: self.leader });
        }
    }

    fn truncate(
        &mut self,
        core: &mut Core,
        diverging: Position,
        effects: &mut Vec<Effect>,
    ) -> Result<(), HaltReason> {
        let high_watermark = core.log.high_watermark();
        let Some(mut common) = core.log.common_with(diverging).filter(|&common| common < core.log.end())
        else {
            effects.push(Effect::Malformed { from: self.leader });
            return Ok(());
        };
        if core.mistaken(Mistake::CutTooMuch) {
            common = core.log.position_at(crate::types::Offset(common.end.0 - 1));
        } else if common < high_watermark {
            return Err(HaltReason::CommittedEntriesDiverge { high_watermark, common });
        }
        core.log.truncate(common);
        effects.push(Effect::Truncate { to: common });
        effects.push(Effect::Fetch { from: self.leader });
        Ok(())
    }

    fn reset(
        &mut self,
        core: &mut Core,
        to: Position,
        voters: &VoterSet,
        effects: &mut Vec<Effect>,
    ) -> Result<(), HaltReason> {
        let high_watermark = core.log.high_watermark();
        if to < high_watermark {
            return Err(HaltReason::CommittedEntriesDiverge { high_watermark, common: to });
        }
        // No leader has an epoch above its own, or knows less to be committed where a later epoch has begun.
        if to.epoch > core.epoch || to.end < high_watermark.end {
            effects.push(Effect::Malformed { from: self.leader });
            return Ok(());
        }
        core.log.reset(to, voters.clone());
        effects.push(Effect::Reset { to, voters: voters.clone() });
        if to.end > high_watermark.end {
            effects.push(Effect::AdvanceHighWatermark { offset: to.end });
        }
        effects.push(Effect::Fetch { from: self.leader });
        Ok(())
    }
}
