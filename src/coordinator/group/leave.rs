//! LeaveGroup: members go, one or many, by themselves or removed by an administrator.
use super::classic::{ClassicGroup, Phase};
use super::command::{GroupError, GroupResponse, LeaveGroup, LeavingMember, LeftMember};
use super::turn::Turn;
use super::{GroupEffect, GroupShard};
use crate::coordinator::decision::{Now, RequestToken};

impl GroupShard {
    pub(super) fn leave(
        &mut self,
        now: Now,
        token: RequestToken,
        command: LeaveGroup,
        effects: &mut Vec<GroupEffect>,
    ) {
        let outcome = if command.group_id.is_empty() {
            Err(GroupError::InvalidGroupId)
        } else {
            let left = self
                .on_group(now, &command.group_id, effects, |turn, group| turn.leave(group, &command.members));
            // Nobody is a member of a group that is not there.
            Ok(left.unwrap_or_else(|| {
                command.members.iter().map(|m| m.left(Some(GroupError::UnknownMemberId))).collect()
            }))
        };
        self.reply_after_all(token, GroupResponse::Leave(outcome), effects);
    }
}

impl Turn<'_> {
    fn leave(&mut self, group: &mut ClassicGroup, members: &[LeavingMember]) -> Vec<LeftMember> {
        let left: Vec<LeftMember> =
            members.iter().map(|member| member.left(self.leave_one(group, member).err())).collect();
        if left.iter().any(|member| member.error.is_none()) {
            match group.phase {
                Phase::Stable | Phase::Completing { .. } => {
                    let reason = members.iter().find_map(|member| member.reason.as_deref());
                    self.rebalance_or_complete(group, "members leave", reason);
                }
                Phase::Preparing { .. } => self.maybe_complete_join(group),
                Phase::Empty => {}
            }
        }
        left
    }

    fn leave_one(&mut self, group: &mut ClassicGroup, leaving: &LeavingMember) -> Result<(), GroupError> {
        let instance = leaving.group_instance_id.as_ref();
        let id = if leaving.member_id.is_empty() {
            let id = instance.and_then(|instance| group.static_members.get(instance));
            id.ok_or(GroupError::UnknownMemberId)?.clone()
        } else {
            if !group.pending_join.contains(&leaving.member_id) {
                group.validate_member(&leaving.member_id, instance)?;
            }
            leaving.member_id.clone()
        };
        self.remove_member(group, &id);
        Ok(())
    }
}

impl LeavingMember {
    fn left(&self, error: Option<GroupError>) -> LeftMember {
        LeftMember {
            member_id: self.member_id.clone(),
            group_instance_id: self.group_instance_id.clone(),
            error,
        }
    }
}
