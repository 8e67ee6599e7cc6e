//! Who votes on the metadata log, as its leader is asked to change it; and what this node holds of it beside the log.
use std::collections::BTreeMap;

use tokio::sync::oneshot;

use super::{Outbox, Partition, Standing};
use crate::probe::{Condition, Mutant, mutant, sometimes};
use crate::raft::{ChangeRefusal, Event, Fetch, Message, ReplicaKey, VoterSet};
use crate::types::{LeaderEpoch, NodeId, Offset, TopicId};

/// A change of a log's voters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VoterChange {
    Add(ReplicaKey),
    Remove(ReplicaKey),
}

impl VoterChange {
    /// Whether a set is as the change wants it.
    #[must_use]
    pub fn is_made_in(self, voters: &VoterSet) -> bool {
        match self {
            VoterChange::Add(key) => voters.contains(key),
            VoterChange::Remove(key) => !voters.contains(key),
        }
    }
}

/// When a change of voters is answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChangeDone {
    /// Once the new set is in the leader's log.
    Appended,
    Committed,
}

/// A change that was asked for.
pub(in crate::partition) struct AskedChange {
    pub(in crate::partition) change: VoterChange,
    pub(in crate::partition) done: ChangeDone,
    pub(in crate::partition) reply: oneshot::Sender<Result<(), ChangeRefusal>>,
}

/// What a partition keeps of changes of its voters.
#[derive(Default)]
pub(super) struct Membership {
    /// What replicas hold that are to become voters: one for each node.
    pub(super) candidates: Vec<Fetch>,
    /// Replicas that were let go by this leader: what they still have sent counts for nothing.
    pub(super) released: Vec<ReplicaKey>,
    /// What was asked for.
    asked: Option<AskedChange>,
    /// What the replica has refused in this step.
    refused: Option<ChangeRefusal>,
    /// Those that follow here and do not vote: what each said last.
    observers: BTreeMap<NodeId, Fetch>,
    /// Up to where a snapshot of this node's stands for the log.
    covered: Offset,
}

impl Partition {
    pub(super) fn is_metadata(&self) -> bool {
        self.log.key().partition.topic == TopicId::METADATA
    }

    /// These nodes' replicas are to vote: one that has lost its memory is replaced. Whether a replica is joining that nobody wants any
    /// more: it was to take the place of one that was lost, and its node has been taken out since.
    pub(in crate::partition) fn set_nodes(&mut self, nodes: Vec<NodeId>, as_of: Option<LeaderEpoch>) -> bool {
        self.nodes_as_of = as_of.or(self.nodes_as_of);
        if let Some(membership) = &mut self.membership {
            membership.candidates.retain(|candidate| nodes.contains(&candidate.replica.node));
        }
        self.nodes = nodes;
        self.look_at_observers();
        let is_asked_for = |key| self.asked().is_some_and(|asked| asked.change == VoterChange::Add(key));
        let is_told = !mutant(Mutant::ClusterReplacementOutlivesRemoval);
        let joining = self.replica.joining().filter(|_| self.target.is_none() && is_told);
        joining.is_some_and(|key| !self.nodes.contains(&key.node) && !is_asked_for(key))
    }

    fn asked(&self) -> Option<&AskedChange> {
        self.membership.as_ref()?.asked.as_ref()
    }

    /// Who follows without a vote may have come before it was known that it shall have one, and says nothing more while all is quiet.
    pub(super) fn look_at_observers(&mut self) {
        let observers = self.membership.as_ref().map(|membership| membership.observers.clone());
        for fetch in observers.unwrap_or_default().into_values() {
            self.note_candidate(fetch);
        }
    }

    /// Notes who follows without a vote.
    pub(in crate::partition) fn note_observer(&mut self, fetch: Fetch) {
        let node = fetch.replica.node;
        if self.leads() && !self.replica.voters().contains(fetch.replica) {
            self.membership.get_or_insert_default().observers.insert(node, fetch);
        } else {
            self.forget_observer(node);
        }
    }

    /// What a node's replica said without a vote is not known any more.
    pub(super) fn forget_observer(&mut self, node: NodeId) {
        if let Some(membership) = &mut self.membership {
            membership.observers.remove(&node);
        }
    }

    /// Those that follow this leader without a vote, and where the log of each ends.
    pub(super) fn observers(&self) -> Vec<(ReplicaKey, Offset)> {
        let Some(membership) = self.membership.as_ref().filter(|_| self.leads()) else { return Vec::new() };
        let of_epoch = membership.observers.values().filter(|one| one.epoch == self.replica.epoch());
        let observers = of_epoch.filter(|one| !self.replica.voters().contains(one.replica));
        observers.map(|one| (one.replica, one.log_end.end)).collect()
    }

    /// Begins a change of the voters, or refuses it.
    pub(in crate::partition) fn change_voters(&mut self, asked: AskedChange, out: &mut Outbox) {
        if let Some(membership) = &mut self.membership
            && membership.asked.as_ref().is_some_and(|before| before.reply.is_closed())
        {
            membership.asked = None;
        }
        let refusal = match self.replica.standing() {
            _ if self.asked().is_some() => Some(ChangeRefusal::AnotherUnderWay),
            Standing::Serving => None,
            Standing::Starting if mutant(Mutant::ReplicaChangeBeforeStart) => None,
            Standing::Starting | Standing::HandingOver => Some(ChangeRefusal::NotServing),
            Standing::NotLeader | Standing::Failed => Some(ChangeRefusal::NotLeader),
        };
        if let Some(refusal) = refusal {
            let _whoever_asked_may_have_gone = asked.reply.send(Err(refusal));
            return;
        }
        let change = asked.change;
        // Nobody has asked for whom the leader is adding by itself, and it may never come: it gives way, and joins afterwards.
        if self.replica.joining().is_some_and(|key| change != VoterChange::Add(key)) {
            self.step(Event::CancelVoterChange, out);
        }
        let membership = self.membership.get_or_insert_default();
        membership.asked = Some(asked);
        membership.refused = None;
        match change {
            VoterChange::Add(key) => {
                // The leader may be adding it already, in the place of one that was lost.
                if self.replica.joining() != Some(key) {
                    self.step(Event::AddVoter { key }, out);
                }
                let membership = self.membership.get_or_insert_default();
                let held = membership.observers.get(&key.node).copied();
                let held = held.filter(|fetch| fetch.replica == key && fetch.epoch == self.replica.epoch());
                if membership.refused.is_none()
                    && let Some(fetch) = held
                {
                    // It may hold everything already, and say nothing more.
                    self.step(Event::Received { from: key.node, message: Message::Fetch(fetch) }, out);
                }
            }
            VoterChange::Remove(key) => self.step(Event::RemoveVoter { key }, out),
        }
        let made = change.is_made_in(self.replica.voters());
        match self.membership.get_or_insert_default().refused.take() {
            None => {}
            // The set with it is on its way already.
            Some(ChangeRefusal::AnotherUnderWay) if made => {}
            Some(ChangeRefusal::CannotBeAdded | ChangeRefusal::CannotBeRemoved) if made => {
                self.answer_change(Ok(()));
            }
            Some(refusal) => self.answer_change(Err(refusal)),
        }
    }

    /// Gives up an addition that has not been made.
    pub(in crate::partition) fn cancel_change(&mut self, key: ReplicaKey, out: &mut Outbox) {
        if self.replica.joining() == Some(key) {
            self.step(Event::CancelVoterChange, out);
        }
        let is_that = |asked: &AskedChange| asked.change == VoterChange::Add(key);
        if self.asked().is_some_and(is_that) {
            self.answer_change(Err(ChangeRefusal::CannotBeAdded));
        }
    }

    pub(super) fn change_was_refused(&mut self, reason: ChangeRefusal) {
        self.membership.get_or_insert_default().refused = Some(reason);
    }

    /// A voter set was appended by this leader.
    pub(super) fn voters_appended(&mut self, voters: &VoterSet) {
        let at_once =
            |asked: &AskedChange| asked.done == ChangeDone::Appended && asked.change.is_made_in(voters);
        if self.asked().is_some_and(at_once) {
            self.answer_change(Ok(()));
        }
    }

    /// A voter set of this leader is committed.
    pub(super) fn voters_committed(&mut self, voters: &VoterSet) {
        let made = |asked: &AskedChange| asked.change.is_made_in(voters);
        if self.asked().is_some_and(made) {
            sometimes(Condition::ClusterVotersChanged);
            self.answer_change(Ok(()));
        }
    }

    pub(super) fn change_lost_its_leader(&mut self) {
        self.answer_change(Err(ChangeRefusal::NotLeader));
        if let Some(membership) = &mut self.membership {
            membership.observers.clear();
        }
    }

    fn answer_change(&mut self, answer: Result<(), ChangeRefusal>) {
        if let Some(asked) = self.membership.as_mut().and_then(|membership| membership.asked.take()) {
            let _whoever_asked_may_have_gone = asked.reply.send(answer);
        }
    }

    /// Whether its log may begin there: for the metadata only once a snapshot stands for what comes before.
    pub(in crate::partition) fn may_begin_at(&self, start: Offset) -> bool {
        let covered = self.membership.as_ref().map_or(Offset::ZERO, |membership| membership.covered);
        !self.is_metadata() || start <= covered || mutant(Mutant::ClusterResetWithoutSnapshot)
    }

    /// A snapshot stands for the log up to `covered`, and its start may move up to `limit`.
    pub(in crate::partition) fn is_covered(&mut self, covered: Offset, limit: Offset, out: &mut Outbox) {
        let membership = self.membership.get_or_insert_default();
        membership.covered = membership.covered.max(covered);
        self.step(Event::StartLimit { offset: limit }, out);
        if self.standing().is_ok() && limit > self.log.log_start() {
            // What is refused is no more than that the log keeps what it need not keep.
            if let Err(error) = self.delete_records(Some(limit), None, out) {
                tracing::warn!(partition = %self.name(), %error, "the log keeps what a snapshot stands for");
            }
        }
    }
}
