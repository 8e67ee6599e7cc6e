use super::ballots::Count;
use super::candidate::Candidate;
use super::core::Core;
use super::follower::Follower;
use super::leader::{Goes, Leader};
use super::prospective::Prospective;
use super::unattached::Unattached;
use super::voting::{self, Allegiance, Answer};
use super::{
    Ballot, ChangeRefusal, Decision, Effect, Event, Fetch, FetchReply, HaltReason, Message, Mistake,
    Position, Recovered, Refusal, ReplicaKey, Timer, Timing, Vote, VoteReply,
};
use crate::types::{Instant, LeaderEpoch, NodeId};

/// One replica of one log. See the module for the picture.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Replica {
    pub(super) core: Core,
    pub(super) role: Role,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Role {
    Unattached(Unattached),
    Follower(Follower),
    Prospective(Prospective),
    Candidate(Candidate),
    Leader(Leader),
    /// The storage failed, or the log contradicts what is committed: nothing is promised or decided until the node
    /// starts again.
    Failed,
}

/// How a replica stands towards clients.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It leads, and its epoch's start is committed: reads and writes are served.
    Serving,
    /// It leads, but may not say yet what is committed (`OFFSET_NOT_AVAILABLE`).
    Starting,
    /// It leads and is handing over: it takes no records.
    HandingOver,
    /// It does not lead.
    NotLeader,
    /// It has stopped for good.
    Failed,
}

impl Replica {
    /// A replica as its node's start found it. `seed` feeds the random delays.
    #[must_use]
    pub fn new(
        key: ReplicaKey,
        recovered: Recovered,
        timing: &'static Timing,
        seed: u64,
        now: Instant,
    ) -> Replica {
        let mut core = Core::new(key, recovered, timing, seed);
        let role = Role::Unattached(Unattached::new(&mut core, now));
        Replica { core, role }
    }

    /// The same, with another voter whose turn comes first among those that are heard: the one at this place modulo their number. To be
    /// the same at all replicas of a partition, and different for partitions, so that what a node led goes to all the others.
    #[must_use]
    pub fn with_first_turn(mut self, first_turn: u32) -> Replica {
        self.core.first_turn = first_turn;
        self
    }

    /// The same, whose log its node's start found: what it followed before that is forgotten, and may count on it still. So for a
    /// while it grants no pre-vote and asks for none, unless it is told of a leader (etcd's check-quorum with leases; Raft's
    /// dissertation, §4.2.3 and §6.4).
    #[must_use]
    pub fn with_earlier_life(mut self, now: Instant) -> Replica {
        // Whoever is alone has no other to follow.
        if self.core.others().next().is_some() {
            self.core.upholds_until = now.after(self.core.timing.upholding);
        }
        self
    }

    /// Takes one event and appends what is to be done to `effects`.
    pub fn step(&mut self, now: Instant, event: Event, effects: &mut Vec<Effect>) {
        if matches!(self.role, Role::Failed) {
            // Nothing is promised: whoever takes this replica for its leader learns that it is none, each time that it asks.
            if let Event::Received { from, message: Message::Fetch(_) } = event {
                self.redirect(from, effects);
            }
            return;
        }
        let (leader, epoch, high_watermark) =
            (self.leader(), self.core.epoch, self.core.log.high_watermark());
        self.take(now, event, effects);
        let known = self.leader();
        if known != leader && known != Some(self.core.key.node) && !matches!(self.role, Role::Failed) {
            effects.push(Effect::LeaderChanged { epoch: self.core.epoch, leader: known });
        }
        self.core.log.assert_invariants();
        if let Role::Leader(leader) = &self.role {
            leader.assert_invariants(&self.core);
        }
        assert!(self.core.epoch >= epoch, "the epoch never falls");
        assert!(self.core.log.high_watermark() >= high_watermark, "the high watermark never falls");
    }

    fn take(&mut self, now: Instant, event: Event, effects: &mut Vec<Effect>) {
        match event {
            Event::Received { from, message } => self.receive(now, from, message, effects),
            Event::Timer(timer) => self.expire(now, timer, effects),
            Event::NodeUnproven { node } => self.node_is_unproven(now, node, effects),
            Event::NodeSilent { node } => self.node_is_silent(now, node, effects),
            Event::NodeHeard { node } => self.node_is_heard(now, node, effects),
            Event::SessionAnew { node } => self.session_is_anew(now, node, effects),
            Event::ConnectedAnew { node } => self.is_connected_anew(node, effects),
            Event::Unfollowed { node } => self.is_unfollowed(now, node, effects),
            Event::VoteDurable { epoch } => self.vote_is_durable(now, epoch, effects),
            Event::Durable { position } => self.log_is_durable(now, position, effects),
            Event::LogStartDurable { log_start } => {
                if self.core.log.note_start_durable(log_start)
                    && let Role::Follower(follower) = &self.role
                {
                    effects.push(Effect::Fetch { from: follower.leader() });
                }
            }
            Event::Appended { log_end } => match &mut self.role {
                Role::Leader(leader) => leader.appended(&mut self.core, log_end),
                _ => panic!("records are appended by a leader alone: {log_end}"),
            },
            Event::LogStartMoved { log_start } => {
                self.core.log.want_start(log_start);
                self.core.log.move_start(log_start);
            }
            Event::Campaign if self.core.may_uphold(now) => {}
            Event::Campaign => self.campaign(now, effects),
            Event::TransferLeadership { to } => match &mut self.role {
                Role::Leader(leader) => leader.begin_transfer(&self.core, now, to, effects),
                _ => effects.push(Effect::TransferFailed),
            },
            Event::AddVoter { key } => match &mut self.role {
                Role::Leader(leader) => leader.add_voter(&self.core, key, effects),
                _ => effects.push(Effect::VoterChangeRefused { reason: ChangeRefusal::NotLeader }),
            },
            Event::RemoveVoter { key } => match &mut self.role {
                Role::Leader(leader) => {
                    let goes = leader.remove_voter(&mut self.core, now, key, effects);
                    self.goes(now, goes, effects);
                }
                _ => effects.push(Effect::VoterChangeRefused { reason: ChangeRefusal::NotLeader }),
            },
            Event::CancelVoterChange => {
                if let Role::Leader(leader) = &mut self.role {
                    leader.joining = None;
                }
            }
            Event::MayKnow { nodes } => self.may_know(now, nodes, effects),
            Event::StartLimit { offset } => {
                self.core.log.limit_start(offset);
                self.core.follow_start(effects);
            }
            Event::Electable(electable) => {
                self.core.electable = electable;
                let campaigns =
                    matches!(self.role, Role::Leader(_) | Role::Prospective(_) | Role::Candidate(_));
                if !electable && campaigns {
                    self.unattach(now, effects);
                }
            }
            Event::Reluctant(reluctant) => self.core.be_reluctant(reluctant),
            Event::Resign => self.unattach(now, effects),
            Event::StorageFailed => self.become_role(Role::Failed, effects),
        }
    }

    /// These nodes may know who leads; a leader tells those that are new.
    fn may_know(&mut self, now: Instant, nodes: Vec<NodeId>, effects: &mut Vec<Effect>) {
        let new = self.core.note_acquaintances(nodes);
        if let Role::Leader(leader) = &mut self.role {
            leader.may_be_unheard(&self.core, now, &new, effects);
        }
    }

    fn receive(&mut self, now: Instant, from: NodeId, message: Message, effects: &mut Vec<Effect>) {
        let epoch = message.epoch();
        if epoch > self.core.epoch {
            // Who waits for an election waits no longer for each epoch that is heard of: else one that raises epochs, and comes to
            // nothing, would keep the others from campaigning.
            if !matches!(self.role, Role::Unattached(_)) {
                self.unattach(now, effects);
            }
            self.core.enter(epoch);
        }
        match message {
            Message::Vote(vote) => self.take_vote(now, from, &vote, effects),
            Message::VoteReply(reply) => self.take_vote_reply(now, &reply, effects),
            Message::BeginEpoch { epoch } => {
                if epoch == self.core.epoch {
                    self.is_told_who_leads(now, from, effects);
                } else {
                    // A leader that nobody follows any more, and that is perhaps no voter any more, learns it here.
                    self.redirect(from, effects);
                }
            }
            Message::EndEpoch { epoch, successor } => {
                if epoch == self.core.epoch {
                    self.take_end_epoch(now, from, successor, effects);
                }
            }
            Message::Fetch(fetch) => self.take_fetch(now, from, &fetch, effects),
            Message::FetchReply(reply) => {
                if reply.epoch == self.core.epoch {
                    self.take_fetch_reply(now, from, &reply, effects);
                }
            }
            Message::NotLeader { epoch, leader } => {
                if epoch == self.core.epoch {
                    self.take_redirection(now, from, leader, effects);
                }
            }
        }
    }

    fn allegiance(&self, now: Instant) -> Allegiance {
        match &self.role {
            Role::Leader(_) => Allegiance { leader: Some(self.core.key.node), hears_it: true },
            Role::Follower(follower) => {
                Allegiance { leader: Some(follower.leader()), hears_it: follower.hears_its_leader() }
            }
            Role::Prospective(prospective) => Allegiance { leader: prospective.leader(), hears_it: false },
            Role::Unattached(_) => Allegiance { leader: None, hears_it: self.core.may_uphold(now) },
            Role::Candidate(_) | Role::Failed => Allegiance { leader: None, hears_it: false },
        }
    }

    fn take_vote(&mut self, now: Instant, from: NodeId, vote: &Vote, effects: &mut Vec<Effect>) {
        if matches!(&self.role, Role::Follower(follower) if follower.leader() == from)
            && (vote.ballot == Ballot::PreVote || self.core.mistaken(Mistake::LateVoteUnfollows))
            && vote.epoch == self.core.epoch
            && vote.candidate.node == from
            && !self.core.mistaken(Mistake::WaitForTheResigned)
        {
            // Who led this epoch would lead another: it leads no more, whatever was lost that said so. That it asks for votes of this
            // one is older news than that it was elected.
            self.unattach(now, effects);
        }
        let (allegiance, voted) = (self.allegiance(now), self.core.vote);
        let answer = voting::decide(&mut self.core, allegiance, from, vote, effects);
        if vote.ballot == Ballot::PreVote {
            self.after_pre_vote(now, (from, vote), answer);
        }
        if self.core.vote != voted {
            // It gave its vote: it waits for the outcome before it campaigns itself.
            self.unattach(now, effects);
        }
        if let Answer::Now(decision) = answer {
            let message = voting::reply(&self.core, allegiance, vote, decision);
            effects.push(Effect::Send { to: from, message });
        }
    }

    /// Keeps two voters from campaigning at once: of the two, the one that can win goes first.
    fn after_pre_vote(&mut self, now: Instant, (from, vote): (NodeId, &Vote), answer: Answer) {
        match (answer, &mut self.role) {
            (Answer::Now(Decision::Refused(Refusal::HasLeader)), Role::Follower(_)) => {
                self.core.pre_vote_refused = Some(Box::new((from, *vote)));
            }
            (Answer::Now(Decision::Refused(Refusal::HasLeader)), Role::Unattached(unattached)) => {
                unattached.wait_no_longer_than(self.core.upholds_until);
                self.core.pre_vote_refused = Some(Box::new((from, *vote)));
            }
            (Answer::Now(Decision::Granted), Role::Follower(follower)) => {
                follower.give_way(&mut self.core, now);
            }
            (Answer::Now(Decision::Refused(Refusal::LogBehind)), Role::Follower(follower)) => {
                follower.hurry(&mut self.core, now);
            }
            (Answer::Now(Decision::Refused(Refusal::LogBehind)), Role::Unattached(unattached)) => {
                unattached.hurry(&mut self.core, now);
            }
            (
                Answer::Now(_) | Answer::OnceDurable,
                Role::Unattached(_)
                | Role::Follower(_)
                | Role::Prospective(_)
                | Role::Candidate(_)
                | Role::Leader(_)
                | Role::Failed,
            ) => {}
        }
    }

    fn vote_is_durable(&mut self, now: Instant, epoch: LeaderEpoch, effects: &mut Vec<Effect>) {
        if epoch != self.core.epoch || self.core.vote_durable {
            return;
        }
        self.core.vote_durable = true;
        if let Some(to) = self.core.vote_asked_by.take() {
            effects.push(Effect::Send { to, message: voting::granted(&self.core) });
        }
        if let Role::Candidate(candidate) = &mut self.role {
            let count = candidate.vote_is_durable(&self.core, effects);
            self.counted_votes(now, count, effects);
        }
    }

    fn take_vote_reply(&mut self, now: Instant, reply: &VoteReply, effects: &mut Vec<Effect>) {
        if reply.epoch < self.core.epoch {
            return;
        }
        // What this replica does not hear, others may for a moment longer: it goes on asking.
        let known =
            matches!(&self.role, Role::Prospective(prospective) if prospective.leader() == reply.leader);
        if let Some(leader) = reply.leader
            && leader != self.core.key.node
            && !(known && self.core.is_silent(leader))
            && matches!(self.role, Role::Unattached(_) | Role::Prospective(_) | Role::Candidate(_))
        {
            self.follow(now, leader, effects);
            return;
        }
        match &mut self.role {
            Role::Prospective(prospective) => {
                let count = prospective.count(&mut self.core, now, reply, effects);
                self.counted_pre_votes(now, count, effects);
            }
            Role::Candidate(candidate) => {
                let count = candidate.count(&mut self.core, now, reply, effects);
                self.counted_votes(now, count, effects);
            }
            Role::Unattached(_) | Role::Follower(_) | Role::Leader(_) | Role::Failed => {}
        }
    }

    /// A leader that does not know whether this replica follows it tells that it leads.
    fn is_told_who_leads(&mut self, now: Instant, leader: NodeId, effects: &mut Vec<Effect>) {
        if matches!(&self.role, Role::Follower(follower) if follower.leader() == leader) {
            effects.push(Effect::Fetch { from: leader });
        } else {
            self.follow(now, leader, effects);
        }
    }

    /// `leader` leads this epoch.
    fn follow(&mut self, now: Instant, leader: NodeId, effects: &mut Vec<Effect>) {
        let known = match &self.role {
            Role::Follower(follower) => Some(follower.leader()),
            Role::Leader(_) => Some(self.core.key.node),
            Role::Unattached(_) | Role::Prospective(_) | Role::Candidate(_) | Role::Failed => None,
        };
        match known {
            Some(known) if known == leader => {}
            Some(known) => {
                let epoch = self.core.epoch;
                self.halt(HaltReason::TwoLeaders { epoch, known, other: leader }, effects);
            }
            // What this node sent comes back: it leads no longer.
            None if leader == self.core.key.node => {}
            None => {
                // From here on it knows whom it follows.
                self.core.upholds_until = now;
                // Who was refused before that asks again, should this leader fall silent.
                self.core.pre_vote_refused = None;
                let follower = Follower::new(&mut self.core, leader, now, effects);
                self.become_role(Role::Follower(follower), effects);
            }
        }
    }

    fn take_end_epoch(
        &mut self,
        now: Instant,
        from: NodeId,
        successor: Option<ReplicaKey>,
        effects: &mut Vec<Effect>,
    ) {
        match &self.role {
            Role::Follower(follower) if follower.leader() == from => {}
            Role::Unattached(_) | Role::Prospective(_) => {}
            Role::Follower(_) | Role::Candidate(_) | Role::Leader(_) | Role::Failed => return,
        }
        if successor == Some(self.core.key) && self.core.is_eligible() {
            self.become_candidate(now, effects);
        } else {
            self.unattach(now, effects);
        }
    }

    fn take_fetch(&mut self, now: Instant, from: NodeId, fetch: &Fetch, effects: &mut Vec<Effect>) {
        match &mut self.role {
            Role::Leader(leader) if fetch.epoch == self.core.epoch => {
                let goes = leader.take_fetch(&mut self.core, now, from, fetch, effects);
                self.goes(now, goes, effects);
            }
            _ => self.redirect(from, effects),
        }
    }

    /// Says who leads.
    fn redirect(&self, to: NodeId, effects: &mut Vec<Effect>) {
        let message = Message::NotLeader { epoch: self.core.epoch, leader: self.leader() };
        effects.push(Effect::Send { to, message });
    }

    fn take_fetch_reply(
        &mut self,
        now: Instant,
        from: NodeId,
        reply: &FetchReply,
        effects: &mut Vec<Effect>,
    ) {
        self.follow(now, from, effects);
        if let Role::Follower(follower) = &mut self.role
            && let Err(reason) = follower.take_reply(&mut self.core, reply, effects)
        {
            self.halt(reason, effects);
        }
    }

    /// Whoever was asked with a fetch does not lead, and may know who does.
    fn take_redirection(
        &mut self,
        now: Instant,
        from: NodeId,
        leader: Option<NodeId>,
        effects: &mut Vec<Effect>,
    ) {
        match &self.role {
            // The leader that this replica followed leads no longer; an answer to an earlier epoch's fetch is none.
            Role::Follower(follower) if follower.leader() == from && leader != Some(from) => {
                self.unattach(now, effects);
            }
            Role::Unattached(_) => {}
            Role::Follower(_)
            | Role::Prospective(_)
            | Role::Candidate(_)
            | Role::Leader(_)
            | Role::Failed => {
                return;
            }
        }
        // It may be the one that was asked: in an epoch that the fetch did not know.
        if let Some(leader) = leader {
            self.follow(now, leader, effects);
        }
    }

    fn expire(&mut self, now: Instant, timer: Timer, effects: &mut Vec<Effect>) {
        if self.deadline_of(timer).is_none() {
            return;
        }
        match (&mut self.role, timer) {
            // Where the disk is slow its vote may be all that another candidate waits for, whose epoch a campaign would end.
            (Role::Unattached(unattached), Timer::Election)
                if self.core.is_voting() && !self.core.mistaken(Mistake::CampaignWhileVoting) =>
            {
                unattached.wait(&mut self.core, now);
            }
            (Role::Unattached(unattached), Timer::Election) if self.core.may_uphold(now) => {
                unattached.wait_until(self.core.upholds_until);
            }
            (Role::Unattached(unattached), Timer::Election) => match self.core.take_refused_pre_vote() {
                Some((from, vote)) => {
                    unattached.wait(&mut self.core, now);
                    self.take_vote(now, from, &vote, effects);
                }
                None => self.campaign(now, effects),
            },
            (Role::Follower(_), Timer::Election) => self.campaign(now, effects),
            (Role::Unattached(unattached), Timer::Discover) => {
                unattached.discover(&mut self.core, now, effects);
            }
            // An observer whose leader is silent looks for another.
            (Role::Follower(_), Timer::Discover) => self.unattach(now, effects),
            (Role::Candidate(candidate), Timer::Round | Timer::Backoff) => {
                if !candidate.goes_on(&mut self.core, now, effects) {
                    self.campaign(now, effects);
                }
            }
            (Role::Prospective(_), Timer::Round | Timer::Backoff) => self.campaign(now, effects),
            (Role::Leader(leader), Timer::Announce) => leader.announce(&self.core, now, effects),
            (Role::Leader(leader), Timer::Transfer) => leader.give_up_transfer(effects),
            (
                Role::Unattached(_)
                | Role::Follower(_)
                | Role::Prospective(_)
                | Role::Candidate(_)
                | Role::Leader(_)
                | Role::Failed,
                Timer::Election
                | Timer::Discover
                | Timer::Round
                | Timer::Backoff
                | Timer::Announce
                | Timer::Transfer,
            ) => {}
        }
    }

    fn node_is_unproven(&mut self, now: Instant, node: NodeId, effects: &mut Vec<Effect>) {
        self.core.note_unproven(node);
        if let Role::Leader(leader) = &mut self.role {
            // Whoever is away holds no other change up; the driver asks again when it is back.
            leader.joining = leader.joining.filter(|key| key.node != node);
            leader.successor_may_be_silent(&self.core, node, effects);
            let goes = leader.check_quorum(&self.core);
            self.goes(now, goes, effects);
        }
    }

    fn node_is_silent(&mut self, now: Instant, node: NodeId, effects: &mut Vec<Effect>) {
        self.core.note_silent(node);
        match &mut self.role {
            Role::Follower(follower) if follower.leader() == node => {
                follower.leader_is_silent(&mut self.core, now);
                // Whoever noticed first has been asking.
                if let Some((from, vote)) = self.core.take_refused_pre_vote() {
                    self.take_vote(now, from, &vote, effects);
                }
            }
            Role::Leader(_) => self.node_is_unproven(now, node, effects),
            Role::Unattached(_)
            | Role::Follower(_)
            | Role::Prospective(_)
            | Role::Candidate(_)
            | Role::Failed => {}
        }
    }

    fn node_is_heard(&mut self, now: Instant, node: NodeId, effects: &mut Vec<Effect>) {
        self.core.note_heard(node);
        match &mut self.role {
            Role::Follower(follower) if follower.leader() == node => follower.leader_is_heard(effects),
            Role::Leader(leader) => leader.may_follow_no_more(&self.core, now, node, effects),
            Role::Prospective(prospective) if prospective.leader() == Some(node) => {
                self.follow(now, node, effects);
            }
            Role::Unattached(_)
            | Role::Follower(_)
            | Role::Prospective(_)
            | Role::Candidate(_)
            | Role::Failed => {}
        }
    }

    fn is_connected_anew(&mut self, node: NodeId, effects: &mut Vec<Effect>) {
        // Votes and announcements are sent again by their timers.
        if let Role::Leader(leader) = &mut self.role {
            leader.successor_may_not_know(&self.core, node, effects);
        }
    }

    fn session_is_anew(&mut self, now: Instant, node: NodeId, effects: &mut Vec<Effect>) {
        let Role::Leader(leader) = &mut self.role else { return };
        leader.successor_may_not_know(&self.core, node, effects);
        if !self.core.mistaken(Mistake::CountHeard) {
            leader.may_follow_no_more(&self.core, now, node, effects);
        }
    }

    fn is_unfollowed(&mut self, now: Instant, node: NodeId, effects: &mut Vec<Effect>) {
        if let Role::Leader(leader) = &mut self.role {
            let goes = leader.is_unfollowed(&self.core, now, node, effects);
            self.goes(now, goes, effects);
        }
    }

    fn log_is_durable(&mut self, now: Instant, position: Position, effects: &mut Vec<Effect>) {
        if !self.core.log.note_durable(position) {
            return;
        }
        match &mut self.role {
            Role::Leader(leader) => {
                let goes = leader.durable(&mut self.core, effects);
                self.goes(now, goes, effects);
            }
            Role::Follower(follower) => effects.push(Effect::Fetch { from: follower.leader() }),
            Role::Unattached(_) | Role::Prospective(_) | Role::Candidate(_) | Role::Failed => {}
        }
    }

    /// Asks for votes, if this replica may become leader.
    fn campaign(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let leader = match &self.role {
            Role::Leader(_) | Role::Failed => return,
            Role::Follower(follower) => Some(follower.leader()),
            Role::Prospective(prospective) => prospective.leader(),
            Role::Unattached(_) | Role::Candidate(_) => None,
        };
        if !self.core.is_eligible() {
            self.unattach(now, effects);
            return;
        }
        let mut prospective = Prospective::new(&mut self.core, leader, now);
        let count = prospective.ask(&self.core, effects);
        self.become_role(Role::Prospective(prospective), effects);
        self.counted_pre_votes(now, count, effects);
    }

    fn counted_pre_votes(&mut self, now: Instant, count: Count, effects: &mut Vec<Effect>) {
        match count {
            Count::Won => self.become_candidate(now, effects),
            Count::Open | Count::Lost | Count::Hopeless { .. } => {}
        }
    }

    fn become_candidate(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        match Candidate::new(&mut self.core, now, effects) {
            Some(candidate) => self.become_role(Role::Candidate(candidate), effects),
            None => self.halt(HaltReason::EpochsExhausted, effects),
        }
    }

    fn counted_votes(&mut self, now: Instant, count: Count, effects: &mut Vec<Effect>) {
        match count {
            Count::Won => {
                let leader = Leader::new(&mut self.core, now, effects);
                self.role = Role::Leader(leader);
                self.quorum_of_new_leader(now, effects);
            }
            Count::Open | Count::Lost | Count::Hopeless { .. } => {}
        }
    }

    /// Some who voted may be silent by now.
    fn quorum_of_new_leader(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if let Role::Leader(leader) = &self.role {
            let goes = leader.check_quorum(&self.core);
            self.goes(now, goes, effects);
        }
    }

    fn goes(&mut self, now: Instant, goes: Goes, effects: &mut Vec<Effect>) {
        match goes {
            Goes::On => {}
            Goes::Out => self.unattach(now, effects),
        }
    }

    fn unattach(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let unattached = Unattached::new(&mut self.core, now);
        self.become_role(Role::Unattached(unattached), effects);
    }

    fn halt(&mut self, reason: HaltReason, effects: &mut Vec<Effect>) {
        effects.push(Effect::Halted { reason });
        self.become_role(Role::Failed, effects);
    }

    /// Leaves the present role for another one that does not lead.
    fn become_role(&mut self, role: Role, effects: &mut Vec<Effect>) {
        if let Role::Leader(_) = self.role {
            effects.push(Effect::Resigned { epoch: self.core.epoch });
        }
        self.role = role;
    }
}
