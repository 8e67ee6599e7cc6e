use super::core::Core;
use super::log_state::Relation;
use super::progress::{Progress, VoterProgress};
use super::transfer::Transfer;
use super::{
    Effect, Fetch, FetchOutcome, FetchReply, Message, Mistake, Position, ReplicaKey, Timer, VoterSet,
};
use crate::types::{Instant, NodeId, Offset};

/// Appends, counts what the voters hold, and commits.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Leader {
    /// The position of its epoch's start.
    start: Position,
    /// The start is committed: the high watermark covers what its predecessors acknowledged.
    serving: bool,
    pub(super) progress: Progress,
    /// Becomes a voter once it has caught up.
    pub(super) joining: Option<ReplicaKey>,
    /// Boxed: it is rare.
    pub(super) transfer: Option<Box<Transfer>>,
    announce_at: Option<Instant>,
    /// Nodes that are to hold the log, do not vote, and have not fetched since they were named, or connected anew.
    unheard: Vec<NodeId>,
    /// Replicas in the place of voters that have been reported.
    strangers: Vec<ReplicaKey>,
}

/// Whether it goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Goes {
    On,
    /// It resigns; `Effect::Resigned` is still to come.
    Out,
}

impl Leader {
    /// Up to where each voter holds the log durably, as far as it has said.
    pub(super) fn acknowledged(&self) -> impl Iterator<Item = (NodeId, Offset)> + '_ {
        self.progress.voters().iter().map(|voter| (voter.key.node, voter.durable.end))
    }

    /// Starts its epoch at the log's end.
    pub(super) fn new(core: &mut Core, now: Instant, effects: &mut Vec<Effect>) -> Leader {
        let epoch = core.epoch;
        core.log.start_epoch(epoch);
        let start = core.log.end();
        effects.push(Effect::AppendEpochStart { epoch, start: start.end });
        effects.push(Effect::BecameLeader { epoch });
        let mut leader = Leader {
            start,
            serving: false,
            progress: Progress::unknown(core.voters()),
            joining: None,
            transfer: None,
            announce_at: None,
            unheard: Vec::new(),
            strangers: Vec::new(),
        };
        leader.note_unheard(core, core.acquaintances());
        leader.announce(core, now, effects);
        leader
    }

    pub(super) fn is_serving(&self) -> bool {
        self.serving
    }

    pub(super) fn deadline(&self) -> Option<(Instant, Timer)> {
        self.deadlines().into_iter().flatten().min()
    }

    pub(super) fn deadlines(&self) -> [Option<(Instant, Timer)>; 2] {
        let announce = self.announce_at.map(|at| (at, Timer::Announce));
        let transfer = self.transfer.as_ref().map(|transfer| (transfer.until(), Timer::Transfer));
        [announce, transfer]
    }

    /// Tells the voters, and those that are to be, that have not fetched who leads.
    pub(super) fn announce(&mut self, core: &Core, now: Instant, effects: &mut Vec<Effect>) {
        let mut told = false;
        for voter in self.progress.voters() {
            if voter.key != core.key && !voter.fetched && !core.is_silent(voter.key.node) {
                let message = Message::BeginEpoch { epoch: core.epoch };
                effects.push(Effect::Send { to: voter.key.node, message });
                told = true;
            }
        }
        for &to in self.unheard.iter().filter(|&&node| !core.is_silent(node)) {
            effects.push(Effect::Send { to, message: Message::BeginEpoch { epoch: core.epoch } });
            told = true;
        }
        self.announce_at = told.then(|| now.after(core.timing.announce));
    }

    /// Nodes that are to hold the log, and do not vote, are told who leads until they fetch. One that never was a voter asks around by
    /// itself; one that was, and has not heard that it is none any more, asks those alone who voted with it, and they may be gone. True
    /// if there is anybody to be told.
    fn note_unheard(&mut self, core: &Core, nodes: &[NodeId]) -> bool {
        if core.mistaken(Mistake::TellVotersAlone) {
            return false;
        }
        let is_to_follow =
            |node: &NodeId| core.voters().of_node(*node).is_none() && core.acquaintances().contains(node);
        self.unheard.retain(is_to_follow);
        for node in nodes.iter().copied().filter(is_to_follow) {
            if !self.unheard.contains(&node) {
                self.unheard.push(node);
            }
        }
        nodes.iter().any(is_to_follow)
    }

    /// These nodes are to hold the log, or are connected anew.
    pub(super) fn may_be_unheard(
        &mut self,
        core: &Core,
        now: Instant,
        nodes: &[NodeId],
        effects: &mut Vec<Effect>,
    ) {
        if self.note_unheard(core, nodes) {
            self.announce(core, now, effects);
        }
    }

    /// A node's replica may have started anew, and know no leader, or another: it is told, until it fetches.
    pub(super) fn may_follow_no_more(
        &mut self,
        core: &Core,
        now: Instant,
        node: NodeId,
        effects: &mut Vec<Effect>,
    ) {
        if self.note_unfollowed(node) || self.note_unheard(core, &[node]) {
            self.announce(core, now, effects);
        }
    }

    /// A node's replica does not follow any more. If this one leads on all the same, it is told.
    pub(super) fn is_unfollowed(
        &mut self,
        core: &Core,
        now: Instant,
        node: NodeId,
        effects: &mut Vec<Effect>,
    ) -> Goes {
        let is_voter = self.note_unfollowed(node);
        let goes = self.check_quorum(core);
        if is_voter && goes == Goes::On {
            self.announce(core, now, effects);
        }
        goes
    }

    /// Whether the node has a voter.
    fn note_unfollowed(&mut self, node: NodeId) -> bool {
        let key = self.progress.voters().iter().find(|voter| voter.key.node == node).map(|voter| voter.key);
        let voter = key.and_then(|key| self.progress.of_mut(key));
        voter.map(|voter| voter.fetched = false).is_some()
    }

    /// Check-quorum: goes on while a majority of the voters is within hearing (Raft §6.2). Once it serves, those alone
    /// count that follow it: a node may be heard whose replica has started anew and votes for another.
    pub(super) fn check_quorum(&self, core: &Core) -> Goes {
        if core.mistaken(Mistake::LeadUnheard) || core.mistaken(Mistake::ShrinkToHeard) {
            return Goes::On;
        }
        let all = !self.serving || core.mistaken(Mistake::CountHeard);
        let upholds = |voter: &&VoterProgress| {
            voter.key == core.key || (!core.is_unproven(voter.key.node) && (all || voter.fetched))
        };
        let count = self.progress.voters().iter().filter(upholds).count();
        if count >= core.voters().majority() { Goes::On } else { Goes::Out }
    }

    /// Whether a voter's replica fetches from this leader, and is heard. What one has acknowledged does not tell: it may have failed since, or
    /// another may be in its place.
    pub(super) fn is_followed_by(&self, core: &Core, key: ReplicaKey) -> bool {
        let has_fetched = self.progress.of(key).is_some_and(|voter| voter.fetched);
        has_fetched && !core.is_unproven(key.node) && !self.is_lost(key)
    }

    /// This node holds its log durably up to here.
    pub(super) fn durable(&mut self, core: &mut Core, effects: &mut Vec<Effect>) -> Goes {
        self.progress.record(core.key, core.log.durable());
        self.commit(core, effects)
    }

    /// Answers a fetch of its own epoch.
    pub(super) fn take_fetch(
        &mut self,
        core: &mut Core,
        now: Instant,
        from: NodeId,
        fetch: &Fetch,
        effects: &mut Vec<Effect>,
    ) -> Goes {
        self.look_for_strangers(core, fetch, effects);
        self.unheard.retain(|&node| node != from);
        if let Some(voter) = self.progress.of_mut(fetch.replica) {
            voter.fetched = true;
            voter.log_start = voter.log_start.max(fetch.log_start);
        }
        let mut relation = core.log.relation(fetch.log_end);
        if core.mistaken(Mistake::FetchIgnoresEpoch) && fetch.log_end.end <= core.log.end().end {
            relation = Relation::Prefix;
        }
        let outcome = match relation {
            Relation::Prefix => return self.follower_holds(core, now, from, fetch, effects),
            Relation::Diverging(position) => FetchOutcome::Diverging(position),
            Relation::BeforeStart => {
                FetchOutcome::Reset { to: core.log.base(), voters: core.log.voters().first().clone() }
            }
        };
        let reply = fetch_reply(core, fetch.log_end, outcome);
        effects.push(Effect::Send { to: from, message: Message::FetchReply(reply) });
        Goes::On
    }

    /// The follower's log is a prefix of this one: what it holds durably counts.
    fn follower_holds(
        &mut self,
        core: &mut Core,
        now: Instant,
        from: NodeId,
        fetch: &Fetch,
        effects: &mut Vec<Effect>,
    ) -> Goes {
        let mut held = fetch.durable.min(fetch.log_end);
        if core.mistaken(Mistake::CountUndurable) {
            held = fetch.log_end;
        }
        if held > core.log.base() && !core.log.contains(held) && !core.mistaken(Mistake::FetchIgnoresEpoch) {
            effects.push(Effect::Malformed { from });
            return Goes::On;
        }
        if core.mistaken(Mistake::CountFollowerTwice) {
            self.progress.record_twice(fetch.replica, held);
        } else {
            self.progress.record(fetch.replica, held);
        }
        if self.progress.of(fetch.replica).is_some() {
            core.log.want_start(fetch.log_start);
        }
        let mut goes = self.commit(core, effects);
        if goes == Goes::On && self.joining == Some(fetch.replica) {
            goes = self.admit(core, now, fetch.replica, held, effects);
        }
        if goes == Goes::On {
            self.drive_transfer(core, effects);
            effects.push(Effect::ServeFetch { to: from, after: fetch.log_end });
        }
        goes
    }

    /// A voter's node fetches as another replica: the voter has lost its memory.
    fn look_for_strangers(&mut self, core: &Core, fetch: &Fetch, effects: &mut Vec<Effect>) {
        let found = fetch.replica;
        if core.voters().contains(found) {
            // Whoever was seen in its place before is gone, or came to vote and has left since.
            self.strangers.retain(|known| known.node != found.node);
            return;
        }
        let lost = core.voters().of_node(found.node).filter(|&voter| voter != found);
        if let Some(lost) = lost
            && !self.strangers.contains(&found)
        {
            self.strangers.retain(|known| known.node != found.node);
            self.strangers.push(found);
            effects.push(Effect::VoterForgot { lost, found });
        }
    }

    /// Whether another replica has fetched in the place of this voter.
    pub(super) fn is_lost(&self, voter: ReplicaKey) -> bool {
        self.strangers.iter().any(|found| found.node == voter.node && *found != voter)
    }

    /// Commits what a majority holds durably, if it ends with an entry of this epoch (Raft §5.4.2).
    pub(super) fn commit(&mut self, core: &mut Core, effects: &mut Vec<Effect>) -> Goes {
        let mut count = core.voters().majority();
        if core.mistaken(Mistake::MedianWatermark) {
            count = core.voters().keys().len().div_ceil(2);
        }
        let mut held = self.progress.held_by(count);
        if core.mistaken(Mistake::ShrinkToHeard) {
            let counts = |voter: &&VoterProgress| voter.key == core.key || !core.is_unproven(voter.key.node);
            let all = self.progress.voters().iter().filter(counts).map(|voter| voter.durable);
            held = all.min().unwrap_or(held);
        }
        if held.epoch != core.epoch && !core.mistaken(Mistake::CommitOldEpoch) {
            return Goes::On;
        }
        assert!(
            held >= self.start || core.mistaken(Mistake::CommitOldEpoch),
            "an entry of this epoch lies at or after its start: {held}"
        );
        let before = core.log.high_watermark();
        let newly_serving = !self.serving && held >= self.start;
        self.serving |= newly_serving;
        core.commit(held, effects);
        if newly_serving && held.end <= before.end {
            effects.push(Effect::AdvanceHighWatermark { offset: core.log.high_watermark().end });
        }
        match self.voters_committed(core, before, effects) {
            // Some of those who hold its start may follow it no more.
            Goes::On if newly_serving => self.check_quorum(core),
            goes => goes,
        }
    }

    /// Tells of a committed voter set; a leader that is not in it leads no longer (KIP-853).
    fn voters_committed(&mut self, core: &Core, before: Position, effects: &mut Vec<Effect>) -> Goes {
        let (at, voters) = core.log.voters().newest();
        if *at > core.log.high_watermark() {
            return Goes::On;
        }
        if *at > before {
            effects.push(Effect::VotersChanged { voters: voters.clone() });
        }
        if voters.contains(core.key) {
            return Goes::On;
        }
        let successor = self.best_successor(core);
        for voter in core.others() {
            let message = Message::EndEpoch { epoch: core.epoch, successor };
            effects.push(Effect::Send { to: voter.node, message });
        }
        Goes::Out
    }

    /// The leader's records moved the log's end.
    pub(super) fn appended(&mut self, core: &mut Core, log_end: Position) {
        core.log.extend(log_end);
    }

    /// Appends a voter set: it holds at once. `admitted` is new in it, follows this leader, and holds its log up to there.
    pub(super) fn append_voters(
        &mut self,
        core: &mut Core,
        now: Instant,
        voters: VoterSet,
        admitted: Option<(ReplicaKey, Position)>,
        effects: &mut Vec<Effect>,
    ) -> Goes {
        let at = core.log.end().end;
        let before: Vec<NodeId> = core.voters().keys().iter().map(|key| key.node).collect();
        core.log.append_voters(voters.clone());
        self.progress.follow(&voters);
        // Who votes no more, and is to hold the log on, may not hear of it.
        self.note_unheard(core, &before);
        if let Some((key, held)) = admitted
            && let Some(voter) = self.progress.of_mut(key)
        {
            voter.fetched = true;
            voter.durable = held;
        }
        effects.push(Effect::AppendVoters { epoch: core.epoch, at, voters });
        self.announce(core, now, effects);
        match self.check_quorum(core) {
            Goes::On => self.commit(core, effects),
            Goes::Out => Goes::Out,
        }
    }

    pub(super) fn entries_reply(&self, core: &Core, after: Position, up_to: Offset) -> FetchReply {
        fetch_reply(core, after, FetchOutcome::Entries(core.log.slice(after, up_to)))
    }
}

fn fetch_reply(core: &Core, asked: Position, outcome: FetchOutcome) -> FetchReply {
    FetchReply {
        epoch: core.epoch,
        asked,
        high_watermark: core.log.high_watermark(),
        log_start: core.log.start(),
        outcome,
    }
}
