//! A classic group as its leader sees it: members, who of them waits, the phase of the rebalance.
//!
//! ```text
//!             first member joins                all joined, or time is up
//!   Empty ───────────────────────▶ PreparingRebalance ──────────▶ CompletingRebalance
//!     ▲                              ▲        │   ▲                    │        │
//!     │        no members are left   │        │   └── a member joins ──┘        │ the leader's assignment
//!     └──────────────────────────────┼────────┘       or goes                   │ is committed
//!                                    └────────────────────────── Stable ◀───────┘
//! ```
//!
//! Owns no timers and writes no records: `rebalance` and its siblings drive it. Soft state: after a change of
//! leadership it is built anew from the group's last record.
use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::command::{GroupError, GroupState, JoinGroup, Joined, JoinedMember, Protocol};
use super::names::{GroupId, InstanceId, MemberId, ProtocolName, ProtocolType, TopicName};
use super::protocols::ProtocolCounts;
use super::record::{GroupMetadata, MemberMetadata};
use super::subscription::subscribed_topics;
use crate::coordinator::decision::{RequestToken, WriteId};
use crate::probe::{Condition, sometimes};
use crate::types::Timestamp;

/// The protocol type whose subscriptions a coordinator can read.
pub(super) const CONSUMER_PROTOCOL_TYPE: &str = "consumer";

/// One member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Member {
    pub group_instance_id: Option<InstanceId>,
    pub client_id: String,
    pub client_host: String,
    pub rebalance_timeout_ms: i32,
    pub session_timeout_ms: i32,
    pub protocols: Vec<Protocol>,
    pub assignment: Bytes,
    /// It has never been answered a JoinGroup, so it cannot send heartbeats yet.
    pub is_new: bool,
    pub awaiting_join: Option<RequestToken>,
    pub awaiting_sync: Option<RequestToken>,
}

impl Member {
    /// Whether silence is excused: the member waits for us. Not for a new one, which may be gone for good.
    pub fn has_satisfied_heartbeat(&self) -> bool {
        !self.is_new && (self.awaiting_join.is_some() || self.awaiting_sync.is_some())
    }

    /// How much it says about itself, its id included, in bytes.
    pub fn said_bytes(&self, id: &MemberId) -> usize {
        let instance = self.group_instance_id.as_ref().map_or(0, |id| id.as_str().len());
        let names = id.as_str().len() + instance + self.client_id.len() + self.client_host.len();
        names + said_bytes(&self.protocols)
    }

    /// What it says about itself under `name`; empty if it does not support it.
    pub fn metadata(&self, name: Option<&ProtocolName>) -> Bytes {
        let protocol = self.protocols.iter().find(|protocol| Some(&protocol.name) == name);
        protocol.map(|protocol| protocol.metadata.clone()).unwrap_or_default()
    }
}

/// What protocols take, in bytes.
pub(super) fn said_bytes(protocols: &[Protocol]) -> usize {
    protocols
        .iter()
        .map(|protocol| protocol.name.as_str().len() + protocol.metadata.len() + size_of::<Protocol>())
        .sum()
}

/// The phase of a group. What a phase alone needs, it holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    Empty,
    /// Members join. `initial` while an empty group waits for more of them.
    Preparing {
        initial: Option<InitialDelay>,
    },
    /// The leader assigns. `pending` while its assignment is being written.
    Completing {
        pending: Option<PendingAssignment>,
    },
    Stable,
}

/// The initial rebalance's timer: what it was set to, and by how much it may still be extended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct InitialDelay {
    pub delay_ms: i32,
    pub remaining_ms: i32,
    /// Somebody came since it was set.
    pub new_member_added: bool,
}

/// An assignment on its way to the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct PendingAssignment {
    pub write: WriteId,
    pub assignments: BTreeMap<MemberId, Bytes>,
}

/// See the module.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ClassicGroup {
    pub id: GroupId,
    pub phase: Phase,
    pub generation_id: i32,
    pub protocol_type: Option<ProtocolType>,
    pub protocol_name: Option<ProtocolName>,
    pub leader: Option<MemberId>,
    /// When the phase began; `None` where the record of old does not tell.
    pub since: Option<Timestamp>,
    pub members: BTreeMap<MemberId, Member>,
    /// What they all say about themselves, with the ids in `pending_join`, the group's name and its protocol type, in
    /// bytes.
    pub said_bytes: usize,
    /// What protocols they support.
    pub protocols: ProtocolCounts,
    /// How many of them have a JoinGroup parked: to count them at each that comes would take a joining group's size squared.
    pub awaiting_join: usize,
    pub static_members: BTreeMap<InstanceId, MemberId>,
    /// Given an id, expected back with it. Each has a session timer.
    pub pending_join: BTreeSet<MemberId>,
    /// Answered a JoinGroup of this generation, not yet heard in a SyncGroup.
    pub pending_sync: BTreeSet<MemberId>,
    /// What the members of the last generation subscribe to; `None` if it is not known.
    pub subscribed_topics: Option<BTreeSet<TopicName>>,
}

impl ClassicGroup {
    /// A group that nobody has joined.
    pub fn new(id: GroupId, since: Option<Timestamp>) -> ClassicGroup {
        let said_bytes = id.as_str().len();
        ClassicGroup {
            id,
            phase: Phase::Empty,
            generation_id: 0,
            protocol_type: None,
            protocol_name: None,
            leader: None,
            since,
            members: BTreeMap::new(),
            said_bytes,
            protocols: ProtocolCounts::default(),
            awaiting_join: 0,
            static_members: BTreeMap::new(),
            pending_join: BTreeSet::new(),
            pending_sync: BTreeSet::new(),
            subscribed_topics: None,
        }
    }

    /// The group that a record tells of: empty or stable. A record that contradicts itself is mended: a
    /// second member under one instance id is dropped, a leader that is no member is replaced.
    pub fn from_record(id: GroupId, record: &GroupMetadata) -> ClassicGroup {
        let mut group = ClassicGroup::new(id, record.current_state_timestamp);
        group.generation_id = record.generation;
        group.protocol_type = Some(record.protocol_type.clone()).filter(|name| !name.is_empty());
        group.said_bytes += group.protocol_type_bytes();
        for member in &record.members {
            let instance = &member.group_instance_id;
            if instance.as_ref().is_some_and(|id| group.static_members.contains_key(id))
                || group.members.contains_key(&member.member_id)
            {
                continue;
            }
            if let Some(instance) = instance {
                group.static_members.insert(instance.clone(), member.member_id.clone());
            }
            let said = Member::from_record(member, record);
            group.said_bytes += said.said_bytes(&member.member_id);
            group.protocols.add(&said.protocols);
            group.members.insert(member.member_id.clone(), said);
        }
        if !group.members.is_empty() {
            group.phase = Phase::Stable;
            group.protocol_type.get_or_insert_with(ProtocolType::default);
            group.protocol_name = Some(record.protocol.clone().unwrap_or_default());
            let leader = record.leader.clone().filter(|leader| group.members.contains_key(leader));
            group.leader = leader.or_else(|| group.members.keys().next().cloned());
        }
        group.subscribed_topics = group.compute_subscribed_topics();
        group
    }

    /// The group's record with these assignments; a member without one has none.
    pub fn to_record(&self, assignments: &BTreeMap<MemberId, Bytes>) -> GroupMetadata {
        let member = |(id, member): (&MemberId, &Member)| MemberMetadata {
            member_id: id.clone(),
            group_instance_id: member.group_instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            session_timeout_ms: member.session_timeout_ms,
            subscription: member.metadata(self.protocol_name.as_ref()),
            assignment: assignments.get(id).cloned().unwrap_or_default(),
        };
        GroupMetadata {
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            generation: self.generation_id,
            protocol: self.protocol_name.clone(),
            leader: self.leader.clone(),
            current_state_timestamp: self.since,
            members: self.members.iter().map(member).collect(),
        }
    }

    pub fn state(&self) -> GroupState {
        match self.phase {
            Phase::Empty => GroupState::Empty,
            Phase::Preparing { .. } => GroupState::PreparingRebalance,
            Phase::Completing { .. } => GroupState::CompletingRebalance,
            Phase::Stable => GroupState::Stable,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.phase == Phase::Empty
    }

    pub fn is_leader(&self, member: &MemberId) -> bool {
        self.leader.as_ref() == Some(member)
    }

    /// Members, those with only an id included.
    pub fn population(&self) -> usize {
        self.members.len() + self.pending_join.len()
    }

    /// The member that this command lets join again, if there is one: by its id, or under its instance id.
    pub fn present(&self, command: &JoinGroup) -> Option<&Member> {
        let id = if command.member_id.is_empty() {
            self.static_members.get(command.group_instance_id.as_ref()?)?
        } else {
            &command.member_id
        };
        self.members.get(id)
    }

    pub fn protocol_type_bytes(&self) -> usize {
        self.protocol_type.as_ref().map_or(0, |name| name.as_str().len())
    }

    pub fn uses_consumer_protocol(&self) -> bool {
        self.protocol_type.as_ref().is_some_and(|name| name.as_str() == CONSUMER_PROTOCOL_TYPE)
    }

    /// Moves to `phase` at `now`.
    ///
    /// # Panics
    /// If the picture in the module's header has no such arrow.
    pub fn transition(&mut self, phase: Phase, now: Timestamp) {
        let allowed = match phase {
            Phase::Empty | Phase::Completing { .. } => matches!(self.phase, Phase::Preparing { .. }),
            Phase::Preparing { .. } => !matches!(self.phase, Phase::Preparing { .. }),
            Phase::Stable => matches!(self.phase, Phase::Completing { .. }),
        };
        assert!(allowed, "group {:?} moves from {:?} to {:?}", self.id, self.phase, phase);
        self.phase = phase;
        self.since = Some(now);
    }

    /// Takes in a member; the first one makes its protocol type the group's and becomes the leader.
    pub fn add(&mut self, id: MemberId, protocol_type: &ProtocolType, member: Member) {
        assert!(!self.members.contains_key(&id), "{id:?} is a member of {:?} already", self.id);
        if let Some(instance) = &member.group_instance_id {
            let previous = self.static_members.insert(instance.clone(), id.clone());
            assert_eq!(previous, None, "instance {instance:?} of group {:?} was taken", self.id);
        }
        if self.members.is_empty() {
            self.said_bytes -= self.protocol_type_bytes();
            self.protocol_type = Some(protocol_type.clone());
            self.said_bytes += self.protocol_type_bytes();
        }
        if self.leader.is_none() {
            self.leader = Some(id.clone());
        }
        self.forget_id(&id);
        self.said_bytes += member.said_bytes(&id);
        self.protocols.add(&member.protocols);
        self.awaiting_join += usize::from(member.awaiting_join.is_some());
        self.members.insert(id, member);
    }

    /// Takes out a member, or one that only has its id; a leader is followed by the first that is left.
    /// Returns the member for its parked requests to be answered.
    pub fn remove(&mut self, id: &MemberId) -> Option<Member> {
        let removed = self.members.remove(id);
        if let Some(member) = &removed {
            self.said_bytes -= member.said_bytes(id);
            self.protocols.remove(&member.protocols);
            self.awaiting_join -= usize::from(member.awaiting_join.is_some());
            if let Some(instance) = &member.group_instance_id {
                self.static_members.remove(instance);
            }
        }
        if self.is_leader(id) {
            self.leader = self.members.keys().next().cloned();
        }
        self.forget_id(id);
        self.pending_sync.remove(id);
        removed
    }

    /// Expects a member back with an id that it is given.
    pub fn give_id(&mut self, id: MemberId) {
        let bytes = id.as_str().len();
        if self.pending_join.insert(id) {
            self.said_bytes += bytes;
        }
    }

    fn forget_id(&mut self, id: &MemberId) {
        if self.pending_join.remove(id) {
            self.said_bytes -= id.as_str().len();
        }
    }

    /// Gives a static member a new id, under which it keeps everything but its parked requests; the member
    /// as it was is returned for these.
    pub fn replace_static(&mut self, instance: &InstanceId, old: &MemberId, new: &MemberId) -> Member {
        let member = self.members.remove(old).expect("a static member's id is a member's");
        self.said_bytes -= member.said_bytes(old);
        self.said_bytes += member.said_bytes(new);
        self.awaiting_join -= usize::from(member.awaiting_join.is_some());
        let replacement =
            Member { is_new: false, awaiting_join: None, awaiting_sync: None, ..member.clone() };
        self.members.insert(new.clone(), replacement);
        if self.is_leader(old) {
            self.leader = Some(new.clone());
        }
        if self.pending_sync.remove(old) {
            self.pending_sync.insert(new.clone());
        }
        self.static_members.insert(instance.clone(), new.clone());
        member
    }

    /// Lets a member's JoinGroup wait, and gives the one that waited before.
    ///
    /// # Panics
    /// If it is no member.
    pub fn park_join(&mut self, id: &MemberId, token: RequestToken) -> Option<RequestToken> {
        let member = self.members.get_mut(id).expect("only members park a request");
        let before = member.awaiting_join.replace(token);
        self.awaiting_join += usize::from(before.is_none());
        before
    }

    /// Takes out the JoinGroup that a member has parked, if it has.
    pub fn take_join(&mut self, id: &MemberId) -> Option<RequestToken> {
        let parked = self.members.get_mut(id)?.awaiting_join.take();
        self.awaiting_join -= usize::from(parked.is_some());
        parked
    }

    /// Takes what a member says about itself now.
    ///
    /// # Panics
    /// If it is no member.
    pub fn renew(&mut self, id: &MemberId, command: &JoinGroup) {
        let member = self.members.get_mut(id).expect("only members say something anew");
        if member.protocols != command.protocols {
            self.said_bytes -= said_bytes(&member.protocols);
            self.said_bytes += said_bytes(&command.protocols);
            self.protocols.remove(&member.protocols);
            self.protocols.add(&command.protocols);
            member.protocols = command.protocols.clone();
        }
        member.rebalance_timeout_ms = command.rebalance_timeout_ms;
        member.session_timeout_ms = command.session_timeout_ms;
    }

    /// Checks that the ids name a member.
    ///
    /// # Errors
    /// `UnknownMemberId`, or `FencedInstanceId` if the instance id is another member's by now.
    pub fn validate_member(&self, id: &MemberId, instance: Option<&InstanceId>) -> Result<(), GroupError> {
        if let Some(instance) = instance {
            match self.static_members.get(instance) {
                None => return Err(GroupError::UnknownMemberId),
                Some(current) if current != id => return Err(GroupError::FencedInstanceId),
                Some(_) => {}
            }
        }
        if self.members.contains_key(id) { Ok(()) } else { Err(GroupError::UnknownMemberId) }
    }

    /// Checks that the generation is the present one.
    ///
    /// # Errors
    /// `IllegalGeneration` if not.
    pub fn validate_generation(&self, got: i32) -> Result<(), GroupError> {
        let current = self.generation_id;
        if got > current {
            sometimes(Condition::RebalanceMetRestart);
        }
        if got == current { Ok(()) } else { Err(GroupError::IllegalGeneration { got, current }) }
    }

    /// Whether a member with these protocols can be in the group.
    pub fn supports_protocols(&self, protocol_type: &ProtocolType, protocols: &[Protocol]) -> bool {
        if self.is_empty() {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        self.protocol_type.as_ref() == Some(protocol_type)
            && protocols.iter().any(|protocol| self.is_supported_by_all(&protocol.name))
    }

    fn is_supported_by_all(&self, name: &ProtocolName) -> bool {
        self.protocols.supporters(name) == self.members.len()
    }

    /// The protocol that most members like best among those that all support; of equals the first by name.
    ///
    /// # Panics
    /// If there are no members: they were let in only with a protocol in common.
    pub fn select_protocol(&self) -> ProtocolName {
        let mut votes: BTreeMap<&ProtocolName, usize> = BTreeMap::new();
        for member in self.members.values() {
            let vote = member.protocols.iter().find(|protocol| self.is_supported_by_all(&protocol.name));
            let vote = vote.expect("all members have a protocol in common");
            *votes.entry(&vote.name).or_default() += 1;
        }
        let best = votes.values().max().copied();
        let chosen = votes.into_iter().find(|(_, count)| Some(*count) == best);
        chosen.expect("a group that chooses a protocol has members").0.clone()
    }

    pub fn has_all_members_joined(&self) -> bool {
        self.pending_join.is_empty() && self.awaiting_join == self.members.len()
    }

    /// The longest time any member asks for a rebalance.
    pub fn rebalance_timeout_ms(&self) -> i32 {
        self.members.values().map(|member| member.rebalance_timeout_ms).fold(0, i32::max)
    }

    /// Makes a member that has joined the leader, if the leader has not. False if nobody has joined.
    pub fn elect_joined_leader(&mut self) -> bool {
        let has_joined = |id: &MemberId| self.members.get(id).is_some_and(|m| m.awaiting_join.is_some());
        if self.leader.as_ref().is_some_and(has_joined) {
            return true;
        }
        let joined = self.members.iter().find(|(_, member)| member.awaiting_join.is_some());
        match joined.map(|(id, _)| id.clone()) {
            Some(id) => {
                self.leader = Some(id);
                true
            }
            None => false,
        }
    }

    /// What a member is answered that joins, or has joined, the present generation.
    pub fn joined(&self, id: &MemberId) -> Joined {
        let member = |(id, member): (&MemberId, &Member)| JoinedMember {
            member_id: id.clone(),
            group_instance_id: member.group_instance_id.clone(),
            metadata: member.metadata(self.protocol_name.as_ref()),
        };
        Joined {
            generation_id: self.generation_id,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            leader: self.leader.clone().unwrap_or_default(),
            skip_assignment: false,
            members: if self.is_leader(id) { self.members.iter().map(member).collect() } else { Vec::new() },
        }
    }

    pub fn is_subscribed_to(&self, topic: &TopicName) -> bool {
        match &self.subscribed_topics {
            Some(topics) => topics.contains(topic),
            // Nobody knows: a consumer group might be.
            None => self.uses_consumer_protocol(),
        }
    }

    /// The topics that the members subscribe to under the chosen protocol; `None` for a group that runs no
    /// consumers, and where a subscription cannot be read.
    pub fn compute_subscribed_topics(&self) -> Option<BTreeSet<TopicName>> {
        if !self.uses_consumer_protocol() {
            return None;
        }
        if self.members.is_empty() {
            return Some(BTreeSet::new());
        }
        let name = self.protocol_name.as_ref()?;
        let mut all = BTreeSet::new();
        for member in self.members.values() {
            match subscribed_topics(&member.metadata(Some(name))) {
                Ok(topics) => all.extend(topics),
                Err(error) => {
                    tracing::warn!(group = %self.id, protocol = %name, %error, "unreadable subscription");
                    return None;
                }
            }
        }
        Some(all)
    }
}

impl Member {
    fn from_record(member: &MemberMetadata, group: &GroupMetadata) -> Member {
        let rebalance_timeout_ms = match member.rebalance_timeout_ms {
            -1 => member.session_timeout_ms,
            told => told,
        };
        let name = group.protocol.clone().unwrap_or_default();
        Member {
            group_instance_id: member.group_instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            rebalance_timeout_ms,
            session_timeout_ms: member.session_timeout_ms,
            protocols: vec![Protocol { name, metadata: member.subscription.clone() }],
            assignment: member.assignment.clone(),
            is_new: false,
            awaiting_join: None,
            awaiting_sync: None,
        }
    }
}
