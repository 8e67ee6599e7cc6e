//! SyncGroup: the leader's assignment is written, then every member is told its own.
use std::collections::BTreeMap;

use bytes::Bytes;

use super::classic::{ClassicGroup, PendingAssignment, Phase};
use super::command::{GroupError, GroupResponse, SyncGroup, Synced};
use super::names::{GroupId, MemberId};
use super::record::GroupMetadata;
use super::timers::Timer;
use super::turn::Turn;
use crate::coordinator::decision::{RequestToken, WriteId};

impl Turn<'_> {
    /// Answers a SyncGroup, or parks it until the assignment is committed.
    ///
    /// # Errors
    /// What to answer instead; the token is the caller's then.
    pub fn sync(
        &mut self,
        group: &mut ClassicGroup,
        token: RequestToken,
        command: SyncGroup,
    ) -> Result<(), GroupError> {
        group.validate_member(&command.member_id, command.group_instance_id.as_ref())?;
        group.validate_generation(command.generation_id)?;
        if differ(command.protocol_type.as_ref(), group.protocol_type.as_ref())
            || differ(command.protocol_name.as_ref(), group.protocol_name.as_ref())
        {
            return Err(GroupError::InconsistentGroupProtocol);
        }
        match group.phase {
            Phase::Empty => Err(GroupError::UnknownMemberId),
            Phase::Preparing { .. } => Err(GroupError::RebalanceInProgress),
            Phase::Completing { .. } => {
                self.park_sync(group, token, &command.member_id);
                self.synced(group, &command.member_id);
                if group.is_leader(&command.member_id) {
                    self.write_assignments(group, command.assignments);
                }
                Ok(())
            }
            Phase::Stable => {
                self.synced(group, &command.member_id);
                let response = synced(group, &command.member_id);
                self.reply(token, GroupResponse::Sync(Ok(response)));
                Ok(())
            }
        }
    }

    /// The write of an assignment is committed. If no rebalance and no other assignment came between, the
    /// group is stable and everybody is told.
    pub fn assignment_committed(&mut self, group: &mut ClassicGroup, write: WriteId) {
        let pending = match &mut group.phase {
            Phase::Completing { pending } if pending.as_ref().is_some_and(|p| p.write == write) => {
                pending.take()
            }
            Phase::Completing { .. } | Phase::Empty | Phase::Preparing { .. } | Phase::Stable => None,
        };
        let Some(mut pending) = pending else { return };
        for (id, member) in &mut group.members {
            member.assignment = pending.assignments.remove(id).unwrap_or_default();
        }
        self.answer_syncs(group, None);
        group.transition(Phase::Stable, self.now.wall);
        self.stats.completed_rebalances += 1;
    }

    /// The Sync timer: members that were told their generation and have not synced are out.
    pub fn sync_time_is_over(&mut self, group: &mut ClassicGroup) {
        match group.phase {
            Phase::Completing { .. } | Phase::Stable => {}
            Phase::Empty | Phase::Preparing { .. } => return,
        }
        let silent = std::mem::take(&mut group.pending_sync);
        if silent.is_empty() {
            return;
        }
        for id in &silent {
            self.remove_member(group, id);
        }
        self.prepare_rebalance(group, "members did not sync in time", None);
    }

    /// Answers every parked SyncGroup with the member's assignment, or with `error`. Sessions start over:
    /// one that ran out while its member waited for us was let pass, and has no deadline any more.
    pub fn answer_syncs(&mut self, group: &mut ClassicGroup, error: Option<&GroupError>) {
        let parked: Vec<MemberId> = group
            .members
            .iter()
            .filter(|(_, member)| member.awaiting_sync.is_some())
            .map(|(id, _)| id.clone())
            .collect();
        for id in parked {
            let response = match error {
                Some(error) => Err(error.clone()),
                None => Ok(synced(group, &id)),
            };
            let member = group.members.get_mut(&id).expect("the id was just listed");
            let token = member.awaiting_sync.take().expect("only those that wait were listed");
            let session_timeout_ms = member.session_timeout_ms;
            self.reply(token, GroupResponse::Sync(response));
            self.schedule_session(&group.id, &id, session_timeout_ms);
        }
    }

    fn park_sync(&mut self, group: &mut ClassicGroup, token: RequestToken, id: &MemberId) {
        let member = group.members.get_mut(id).expect("the member was validated");
        if let Some(earlier) = member.awaiting_sync.replace(token) {
            // Its client gave up on it and asks again.
            self.reply(earlier, GroupResponse::Sync(Err(GroupError::RebalanceInProgress)));
        }
    }

    /// Takes note that a member has synced; once all have, nobody is waited for.
    fn synced(&mut self, group: &mut ClassicGroup, id: &MemberId) {
        group.pending_sync.remove(id);
        if group.pending_sync.is_empty() {
            self.timers.cancel(&Timer::Sync { group: group.id.clone() });
        }
    }

    fn write_assignments(&mut self, group: &mut ClassicGroup, assignments: Vec<(MemberId, Bytes)>) {
        let mut assignments: BTreeMap<MemberId, Bytes> = assignments.into_iter().collect();
        assignments.retain(|id, _| group.members.contains_key(id));
        let missing = group.members.len() - assignments.len();
        if missing > 0 {
            tracing::warn!(group = %group.id, missing, "the leader's assignment leaves members out");
        }
        let metadata = group.to_record(&assignments);
        if let Err(error) = self.room_for_assignments(&group.id, &metadata) {
            tracing::warn!(group = %group.id, %error, "an assignment is refused");
            self.answer_syncs(group, Some(&error));
            self.prepare_rebalance(group, "the assignment was refused", None);
            return;
        }
        let write = self.write_group(&group.id, metadata);
        self.assignment_writes.insert(write, group.id.clone());
        group.phase = Phase::Completing { pending: Some(PendingAssignment { write, assignments }) };
    }

    /// Whether the group's new record fits one write, and the shard.
    fn room_for_assignments(&self, id: &GroupId, metadata: &GroupMetadata) -> Result<(), GroupError> {
        if !self.fits(id, metadata) {
            return Err(GroupError::GroupTooLarge { max: self.limits.write_bytes_max });
        }
        let max = self.limits.assignments_bytes_max;
        let before = self.durable.metadata(id).map_or(0, GroupMetadata::assignment_bytes);
        let after = metadata.assignment_bytes();
        if after > before && self.durable.assignment_bytes() - before + after > max {
            return Err(GroupError::AssignmentsTooLarge { max });
        }
        Ok(())
    }
}

fn synced(group: &ClassicGroup, id: &MemberId) -> Synced {
    let member = group.members.get(id).expect("only members sync");
    Synced {
        protocol_type: group.protocol_type.clone(),
        protocol_name: group.protocol_name.clone(),
        assignment: member.assignment.clone(),
    }
}

/// Whether both are told and are not the same.
fn differ<T: PartialEq>(told: Option<&T>, known: Option<&T>) -> bool {
    told.is_some() && known.is_some() && told != known
}
