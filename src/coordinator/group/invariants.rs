//! What holds of a shard between any two events.
use std::collections::BTreeSet;

use super::GroupShard;
use super::classic::{ClassicGroup, Phase};
use super::protocols::ProtocolCounts;
use super::record::GroupMetadata;
use super::timers::Timer;
use crate::coordinator::decision::RequestToken;

impl GroupShard {
    /// Checks everything that must hold between two events. For tests and simulation: it looks at the whole
    /// shard.
    ///
    /// # Panics
    /// If something does not hold.
    pub fn invariants(&self) {
        self.timers.assert_consistent();
        let durable: Vec<_> = self.durable.groups().map(|(id, _)| id).collect();
        assert_eq!(durable, self.groups.keys().collect::<Vec<_>>(), "the same groups are durable and live");
        for (id, _) in self.durable.offsets() {
            assert!(self.groups.contains_key(id), "group {id:?} has offsets but is not there");
        }
        assert!(self.timers.is_scheduled(&Timer::Expiration), "offsets always get old some time");
        let mut tokens = BTreeSet::new();
        for group in self.groups.values() {
            group.assert_well_formed();
            self.assert_deadlines(group);
            self.assert_durable(group);
            for token in group.parked() {
                assert!(tokens.insert(token), "{token:?} is parked twice");
            }
        }
        let population: usize = self.groups.values().map(ClassicGroup::population).sum();
        assert_eq!(population, self.population, "members are counted");
        let said: usize = self.groups.values().map(ClassicGroup::count_said).sum();
        assert_eq!(said, self.said_bytes, "what members say is counted");
        let records = self.durable.groups().filter_map(|(_, metadata)| metadata);
        let assigned: usize = records.map(GroupMetadata::assignment_bytes).sum();
        assert_eq!(assigned, self.durable.assignment_bytes(), "assignments are counted");
        let offsets = self.durable.offsets().flat_map(|(_, offsets)| offsets.iter());
        let notes: usize = offsets.map(|(_, _, offset)| offset.metadata.len()).sum();
        assert_eq!(notes, self.durable.offset_note_bytes(), "notes of offsets are counted");
        self.assert_no_stray_timer();
    }

    /// The requests that are parked, for tests.
    #[must_use]
    pub fn parked(&self) -> BTreeSet<RequestToken> {
        self.groups.values().flat_map(ClassicGroup::parked).collect()
    }

    /// Whatever a time can expire has a deadline.
    fn assert_deadlines(&self, group: &ClassicGroup) {
        let id = || group.id.clone();
        for member_id in group.members.keys().chain(&group.pending_join) {
            let timer = Timer::Session { group: id(), member: member_id.clone() };
            let waits_for_us = group.members.get(member_id).is_some_and(|m| m.has_satisfied_heartbeat());
            assert!(
                waits_for_us || self.timers.is_scheduled(&timer),
                "{member_id:?} of {:?} could stay for ever",
                group.id
            );
        }
        let joins = matches!(group.phase, Phase::Preparing { .. });
        assert_eq!(
            self.timers.is_scheduled(&Timer::Join { group: id() }),
            joins,
            "group {:?} in {:?}",
            group.id,
            group.phase
        );
        assert_eq!(
            self.timers.is_scheduled(&Timer::Sync { group: id() }),
            !group.pending_sync.is_empty(),
            "group {:?} waits for {:?}",
            group.id,
            group.pending_sync
        );
    }

    /// The last record of a stable or empty group tells what the group is.
    fn assert_durable(&self, group: &ClassicGroup) {
        let Some(record) = self.durable.metadata(&group.id) else {
            assert!(group.phase != Phase::Stable, "group {:?} is stable without a record", group.id);
            return;
        };
        match group.phase {
            Phase::Stable => {
                assert_eq!(record.generation, group.generation_id, "group {:?}", group.id);
                assert_eq!(record.leader, group.leader, "group {:?}", group.id);
                let told: Vec<_> = record.members.iter().map(|m| (&m.member_id, &m.assignment)).collect();
                let live: Vec<_> = group.members.iter().map(|(id, m)| (id, &m.assignment)).collect();
                assert_eq!(told, live, "assignments of group {:?}", group.id);
            }
            Phase::Empty => {
                assert!(record.members.is_empty(), "group {:?} is empty, its record not", group.id);
                assert_eq!(record.generation, group.generation_id, "group {:?}", group.id);
            }
            Phase::Preparing { .. } | Phase::Completing { .. } => {
                assert!(record.generation <= group.generation_id, "group {:?} went back", group.id);
            }
        }
    }

    /// No timer outlives what it is for.
    fn assert_no_stray_timer(&self) {
        for timer in self.timers.all() {
            let (group, member) = match timer {
                Timer::Session { group, member } => (group, Some(member)),
                Timer::Join { group } | Timer::Sync { group } => (group, None),
                Timer::Expiration => continue,
            };
            let group = self.groups.get(group);
            let is_there = group.is_some_and(|group| {
                member.is_none_or(|id| group.members.contains_key(id) || group.pending_join.contains(id))
            });
            assert!(is_there, "{timer:?} is for nobody");
        }
    }
}

impl ClassicGroup {
    fn parked(&self) -> impl Iterator<Item = RequestToken> {
        self.members.values().flat_map(|member| member.awaiting_join.into_iter().chain(member.awaiting_sync))
    }

    fn count_said(&self) -> usize {
        let members: usize = self.members.iter().map(|(id, member)| member.said_bytes(id)).sum();
        let pending: usize = self.pending_join.iter().map(|id| id.as_str().len()).sum();
        members + pending + self.id.as_str().len() + self.protocol_type_bytes()
    }

    fn assert_well_formed(&self) {
        let id = &self.id;
        assert_eq!(self.count_said(), self.said_bytes, "what is said in {id:?} is counted");
        match &self.leader {
            Some(leader) => {
                assert!(self.members.contains_key(leader), "{leader:?} leads {id:?} from outside")
            }
            None => assert!(self.members.is_empty(), "group {id:?} has members but no leader"),
        }
        let statics: Vec<_> =
            self.members.iter().filter_map(|(id, m)| Some((m.group_instance_id.as_ref()?, id))).collect();
        assert_eq!(statics.len(), self.static_members.len(), "static members of {id:?}");
        for (instance, member) in statics {
            assert_eq!(self.static_members.get(instance), Some(member), "instance {instance:?} of {id:?}");
        }
        let mut protocols = ProtocolCounts::default();
        self.members.values().for_each(|member| protocols.add(&member.protocols));
        assert_eq!(protocols, self.protocols, "protocols of {id:?} are the members'");
        let awaiting_join = self.members.values().filter(|member| member.awaiting_join.is_some()).count();
        assert_eq!(awaiting_join, self.awaiting_join, "who waits to join {id:?} is counted");
        assert!(self.pending_join.iter().all(|m| !self.members.contains_key(m)), "pending in {id:?}");
        assert!(self.pending_sync.iter().all(|m| self.members.contains_key(m)), "pending sync in {id:?}");
        for (member_id, member) in &self.members {
            let joins = matches!(self.phase, Phase::Preparing { .. });
            assert!(member.awaiting_join.is_none() || joins, "{member_id:?} waits to join {:?}", self.phase);
            let syncs = matches!(self.phase, Phase::Completing { .. });
            assert!(member.awaiting_sync.is_none() || syncs, "{member_id:?} waits to sync {:?}", self.phase);
            assert!(!member.is_new || joins, "{member_id:?} was never answered in {:?}", self.phase);
        }
        match self.phase {
            Phase::Empty => {
                assert!(self.members.is_empty(), "group {id:?} is empty but has members");
                assert!(self.protocol_name.is_none(), "group {id:?} is empty but has a protocol");
            }
            Phase::Preparing { .. } => assert!(self.pending_sync.is_empty(), "{id:?} syncs while it joins"),
            Phase::Completing { .. } | Phase::Stable => {
                assert!(!self.members.is_empty(), "group {id:?} has no members in {:?}", self.phase);
                assert!(self.protocol_name.is_some(), "group {id:?} has no protocol in {:?}", self.phase);
            }
        }
    }
}
