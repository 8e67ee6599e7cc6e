//! Sessions: what keeps a member in its group, and what becomes of one that is not heard of.
use super::classic::{ClassicGroup, Phase};
use super::command::{GroupError, Heartbeat};
use super::names::MemberId;
use super::turn::Turn;
use crate::probe::{Condition, sometimes};

impl Turn<'_> {
    /// Takes a Heartbeat.
    ///
    /// # Errors
    /// What to answer: `RebalanceInProgress` keeps the session alive, everything else does not.
    pub fn heartbeat(&mut self, group: &mut ClassicGroup, command: &Heartbeat) -> Result<(), GroupError> {
        group.validate_member(&command.member_id, command.group_instance_id.as_ref())?;
        group.validate_generation(command.generation_id)?;
        match group.phase {
            Phase::Empty => Err(GroupError::UnknownMemberId),
            Phase::Preparing { .. } => {
                self.renew_session(group, &command.member_id);
                Err(GroupError::RebalanceInProgress)
            }
            Phase::Completing { .. } | Phase::Stable => {
                self.renew_session(group, &command.member_id);
                Ok(())
            }
        }
    }

    /// Starts a member's session over, for what it itself asked for.
    pub fn renew_session(&mut self, group: &ClassicGroup, id: &MemberId) {
        if let Some(member) = group.members.get(id) {
            self.schedule_session(&group.id, id, member.session_timeout_ms);
        }
    }

    /// On loading: everybody gets a whole session to find the new coordinator.
    pub fn start_sessions(&mut self, group: &mut ClassicGroup) {
        if !group.members.is_empty() {
            sometimes(Condition::GroupLoadedWithMembers);
        }
        for (id, member) in &group.members {
            self.schedule_session(&group.id, id, member.session_timeout_ms);
        }
        if group.members.len() > self.config.group_max_size {
            // The limit was lowered. The rebalance lets members commit before the last of them are turned away.
            self.prepare_rebalance(group, "the loaded group is over its largest size", None);
        }
    }

    /// A member has not been heard of. One that waits for us is excused, unless it has never been answered:
    /// then its client may be long gone.
    pub fn session_expired(&mut self, group: &mut ClassicGroup, id: &MemberId) {
        if group.pending_join.contains(id) {
            group.remove(id);
            self.maybe_complete_joined(group);
            return;
        }
        let Some(member) = group.members.get(id) else { return };
        if member.has_satisfied_heartbeat() {
            return;
        }
        tracing::info!(group = %group.id, member = %id, "the member's session has expired");
        sometimes(Condition::MemberExpired);
        self.stats.session_expirations += 1;
        self.remove_member(group, id);
        match group.phase {
            Phase::Stable | Phase::Completing { .. } => {
                self.rebalance_or_complete(group, "a member's session expired", None);
            }
            Phase::Preparing { .. } => self.maybe_complete_joined(group),
            Phase::Empty => unreachable!("an empty group has no member {id:?} to expire"),
        }
    }

    /// After a loss: even an initial rebalance ends at once when nobody is left to wait for.
    fn maybe_complete_joined(&mut self, group: &mut ClassicGroup) {
        if matches!(group.phase, Phase::Preparing { .. }) && group.has_all_members_joined() {
            self.complete_join_phase(group);
        }
    }
}
