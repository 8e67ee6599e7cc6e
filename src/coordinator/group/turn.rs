//! One step of one group: what it may touch beside the group itself.
use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use super::classic::{ClassicGroup, Member};
use super::command::{GroupError, GroupResponse, JoinResult};
use super::config::{GroupConfig, GroupLimits};
use super::durable::Durable;
use super::names::{GroupId, MemberId};
use super::record::{GroupMetadata, GroupRecord};
use super::timers::{Timer, Timers};
use super::{GroupEffect, GroupStats};
use crate::coordinator::decision::{After, Effect, Now, RequestToken, WriteId, Writes};
use crate::probe::{Mutant, mutant};
use crate::types::Instant;

/// See the module. The methods on it are the moves of the protocol, a file for each API.
pub(super) struct Turn<'a> {
    pub now: Now,
    pub config: &'a GroupConfig,
    pub limits: &'a GroupLimits,
    pub timers: &'a mut Timers,
    pub durable: &'a mut Durable,
    pub writes: &'a mut Writes,
    pub assignment_writes: &'a mut BTreeMap<WriteId, GroupId>,
    pub stats: &'a mut GroupStats,
    pub effects: &'a mut Vec<GroupEffect>,
}

impl Turn<'_> {
    pub fn reply(&mut self, token: RequestToken, response: GroupResponse) {
        self.effects.push(Effect::Reply { token, response, after: After::Now });
    }

    /// Answers with what may rest on writes that are not committed yet.
    pub fn reply_after_all(&mut self, token: RequestToken, response: GroupResponse) {
        self.effects.push(Effect::Reply { token, response, after: self.writes.barrier() });
    }

    /// Whether the group's record fits into one write.
    pub fn fits(&self, id: &GroupId, metadata: &GroupMetadata) -> bool {
        metadata.encoded_bytes_max(id) <= self.limits.write_bytes_max
    }

    /// Writes the group's record.
    pub fn write_group(&mut self, id: &GroupId, metadata: GroupMetadata) -> WriteId {
        assert!(
            metadata.members.is_empty() || metadata.protocol.is_some(),
            "group {id:?} is written with members but without a protocol"
        );
        let record = |metadata| GroupRecord::GroupMetadata { group: id.clone(), value: Some(metadata) };
        self.durable.apply(&record(metadata.clone()));
        let mut written = metadata;
        if mutant(Mutant::GenerationNotPersisted) {
            written.generation -= 1;
        }
        let write = self.writes.issue();
        self.effects.push(Effect::Records { write, records: vec![record(written)] });
        write
    }

    /// Answers a JoinGroup that was parked, if there was one.
    pub fn complete_join(&mut self, parked: Option<RequestToken>, result: JoinResult) {
        if let Some(token) = parked {
            self.reply(token, GroupResponse::Join(result));
        }
    }

    /// Answers both parked requests of a member that is no longer one: it must join anew.
    pub fn dismiss(&mut self, mut member: Member) {
        let unknown = GroupError::UnknownMemberId;
        let result = JoinResult::refused(MemberId::default(), unknown.clone());
        self.complete_join(member.awaiting_join.take(), result);
        if let Some(token) = member.awaiting_sync.take() {
            self.reply(token, GroupResponse::Sync(Err(unknown)));
        }
    }

    /// Takes a member out of the group, answers what it has parked and stops its session.
    pub fn remove_member(&mut self, group: &mut ClassicGroup, id: &MemberId) {
        if let Some(member) = group.remove(id) {
            self.dismiss(member);
        }
        self.cancel_session(&group.id, id);
    }

    /// Answers all parked requests of a group with `error`.
    pub fn fail_parked(&mut self, group: &mut ClassicGroup, error: &GroupError) {
        group.awaiting_join = 0;
        for (id, member) in &mut group.members {
            let result = JoinResult::refused(id.clone(), error.clone());
            self.complete_join(member.awaiting_join.take(), result);
            if let Some(token) = member.awaiting_sync.take() {
                self.reply(token, GroupResponse::Sync(Err(error.clone())));
            }
        }
    }

    /// The time `ms` from now; a negative time is none at all.
    pub fn in_ms(&self, ms: i32) -> Instant {
        self.now.instant.after(Duration::from_millis(u64::try_from(ms).unwrap_or(0)))
    }

    /// Starts a session, or starts it over.
    pub fn schedule_session(&mut self, group: &GroupId, member: &MemberId, timeout_ms: i32) {
        let at = self.in_ms(timeout_ms);
        self.timers.schedule(Timer::Session { group: group.clone(), member: member.clone() }, at);
    }

    pub fn cancel_session(&mut self, group: &GroupId, member: &MemberId) {
        self.timers.cancel(&Timer::Session { group: group.clone(), member: member.clone() });
    }

    /// The assignments as they are, for a record that changes none of them.
    pub fn present_assignments(group: &ClassicGroup) -> BTreeMap<MemberId, Bytes> {
        group.members.iter().map(|(id, member)| (id.clone(), member.assignment.clone())).collect()
    }
}
