//! JoinGroup: who may join, under which id, and whether that makes the group rebalance (KIP-345, 394, 814).
use super::classic::{ClassicGroup, Member, Phase, said_bytes};
use super::command::{GroupError, GroupResponse, JoinGroup, JoinResult, Joined};
use super::names::{InstanceId, MemberId};
use super::record::GroupMetadata;
use super::turn::Turn;
use super::{GroupEffect, GroupShard, reply_now};
use crate::coordinator::decision::{Now, RequestToken};
use crate::probe::{Condition, sometimes};
use crate::types::limits::STRING_BYTES_MAX;

impl GroupShard {
    /// Answers a JoinGroup, or parks it until the rebalance is complete.
    pub(super) fn join(
        &mut self,
        now: Now,
        token: RequestToken,
        command: JoinGroup,
        effects: &mut Vec<GroupEffect>,
    ) {
        if let Err(error) = self.admit_join(&command) {
            let result = JoinResult::refused(command.member_id, error);
            reply_now(effects, token, GroupResponse::Join(result));
            return;
        }
        let id = command.group_id.clone();
        let is_new_group = self.take_up_group(&id, now);
        self.on_group(now, &id, effects, |turn, group| {
            turn.join(group, token, command);
            if is_new_group {
                // So that the group is known to whoever leads next.
                let metadata = GroupMetadata {
                    protocol_type: Default::default(),
                    generation: 0,
                    protocol: None,
                    leader: None,
                    current_state_timestamp: group.since,
                    members: Vec::new(),
                };
                turn.write_group(&group.id, metadata);
            }
        });
    }

    /// What can be refused without a look into the group.
    fn admit_join(&self, command: &JoinGroup) -> Result<(), GroupError> {
        if command.group_id.is_empty() || command.group_id.as_str().len() > STRING_BYTES_MAX {
            return Err(GroupError::InvalidGroupId);
        }
        if member_id_prefix(command).len() > MEMBER_ID_PREFIX_BYTES_MAX {
            return Err(GroupError::NameTooLong { max: MEMBER_ID_PREFIX_BYTES_MAX });
        }
        let (min_ms, max_ms) = (self.config.session_timeout_min_ms, self.config.session_timeout_max_ms);
        let got_ms = command.session_timeout_ms;
        if got_ms < min_ms || got_ms > max_ms {
            return Err(GroupError::InvalidSessionTimeout { got_ms, min_ms, max_ms });
        }
        let group = self.groups.get(&command.group_id);
        if said_bytes(&command.protocols) > self.limits.write_bytes_max {
            return Err(GroupError::GroupTooLarge { max: self.limits.write_bytes_max });
        }
        if group.is_none() && !command.member_id.is_empty() {
            return Err(GroupError::UnknownMemberId);
        }
        if group.is_none() && self.groups.len() >= self.limits.groups_max {
            return Err(GroupError::TooManyGroups { max: self.limits.groups_max });
        }
        let said = Said::by(group, command);
        let max = self.limits.members_bytes_max;
        if said.after > said.before && self.said_bytes - said.before + said.after > max {
            return Err(GroupError::MembersTooLarge { max });
        }
        let is_present = group.is_some_and(|group| group.present(command).is_some());
        let adds = command.member_id.is_empty() && !is_present;
        if adds && self.population >= self.limits.members_max {
            return Err(GroupError::TooManyMembers { max: self.limits.members_max });
        }
        Ok(())
    }
}

/// What is added to a member's name to make its id.
const MEMBER_ID_SUFFIX_BYTES: usize = "-00000000-0000-4000-8000-000000000000".len();

/// So long that the member id made of it is still a string of the protocol.
const MEMBER_ID_PREFIX_BYTES_MAX: usize = STRING_BYTES_MAX - MEMBER_ID_SUFFIX_BYTES;

/// How much would be said by a member that joins, in bytes, and how much is said by now of what that takes the place of.
struct Said {
    before: usize,
    after: usize,
}

impl Said {
    /// Who would only be given its id is counted as the member it is to become.
    fn by(group: Option<&ClassicGroup>, command: &JoinGroup) -> Said {
        let mut said = Said { before: 0, after: said_bytes(&command.protocols) };
        if group.is_none() {
            said.after += command.group_id.as_str().len();
        }
        if group.is_none_or(|group| group.members.is_empty()) {
            // The group takes its protocol type from the first member.
            said.before += group.map_or(0, ClassicGroup::protocol_type_bytes);
            said.after += command.protocol_type.as_str().len();
        }
        if let Some(member) = group.and_then(|group| group.present(command)) {
            // It keeps its names.
            said.before += said_bytes(&member.protocols);
        } else {
            let instance = command.group_instance_id.as_ref().map_or(0, |id| id.as_str().len());
            said.after += instance + command.client_id.len() + command.client_host.len();
            if command.member_id.is_empty() {
                said.after += member_id_prefix(command).len() + MEMBER_ID_SUFFIX_BYTES;
            }
        }
        said
    }
}

fn member_id_prefix(command: &JoinGroup) -> &str {
    command.group_instance_id.as_ref().map_or(command.client_id.as_str(), InstanceId::as_str)
}

impl Turn<'_> {
    fn join(&mut self, group: &mut ClassicGroup, token: RequestToken, command: JoinGroup) {
        let member_id = command.member_id.clone();
        if !self.accepts(group, &member_id) {
            self.remove_member(group, &member_id);
            self.refuse_join(token, MemberId::default(), GroupError::GroupMaxSizeReached);
        } else if !group.supports_protocols(&command.protocol_type, &command.protocols) {
            self.refuse_join(token, member_id, GroupError::InconsistentGroupProtocol);
        } else if member_id.is_empty() {
            self.join_new(group, token, command);
        } else if group.pending_join.contains(&member_id) {
            if command.group_instance_id.is_some() {
                self.refuse_join(token, member_id, GroupError::PendingMemberWithInstanceId);
            } else {
                self.add_member(group, member_id, token, command);
            }
        } else if let Err(error) = group.validate_member(&member_id, command.group_instance_id.as_ref()) {
            self.refuse_join(token, member_id, error);
        } else {
            self.rejoin(group, token, command);
        }
    }

    /// Whether `group.max.size` lets this member join. While members join, those that wait are counted, not
    /// all: so the last of too many are turned away, also when the limit was lowered.
    fn accepts(&self, group: &ClassicGroup, member_id: &MemberId) -> bool {
        let max = self.config.group_max_size;
        let member = group.members.get(member_id);
        match group.phase {
            Phase::Empty => true,
            Phase::Preparing { .. } => {
                member.is_some_and(|member| member.awaiting_join.is_some()) || group.awaiting_join < max
            }
            Phase::Completing { .. } | Phase::Stable => member.is_some() || group.members.len() < max,
        }
    }

    fn join_new(&mut self, group: &mut ClassicGroup, token: RequestToken, command: JoinGroup) {
        let instance = command.group_instance_id.clone();
        let fresh = MemberId::fresh(member_id_prefix(&command), command.random);
        if group.members.contains_key(&fresh) || group.pending_join.contains(&fresh) {
            // Random bytes that were drawn before. The client tries again with none of them.
            self.refuse_join(token, MemberId::default(), GroupError::UnknownMemberId);
            return;
        }
        let existing = instance.as_ref().and_then(|instance| group.static_members.get(instance)).cloned();
        match (instance, existing) {
            (Some(instance), Some(old)) => {
                self.rejoin_static(group, token, command, &instance, &old, &fresh);
            }
            (Some(_), None) => self.add_member(group, fresh, token, command),
            (None, _) if command.requires_known_member_id => {
                group.give_id(fresh.clone());
                self.schedule_session(&group.id, &fresh, command.session_timeout_ms);
                self.refuse_join(token, fresh, GroupError::MemberIdRequired);
            }
            (None, _) => self.add_member(group, fresh, token, command),
        }
    }

    fn add_member(
        &mut self,
        group: &mut ClassicGroup,
        id: MemberId,
        token: RequestToken,
        command: JoinGroup,
    ) {
        let member = Member {
            group_instance_id: command.group_instance_id,
            client_id: command.client_id,
            client_host: command.client_host,
            rebalance_timeout_ms: command.rebalance_timeout_ms,
            session_timeout_ms: command.session_timeout_ms,
            protocols: command.protocols,
            assignment: Default::default(),
            is_new: true,
            awaiting_join: Some(token),
            awaiting_sync: None,
        };
        if let Phase::Preparing { initial: Some(delay) } = &mut group.phase {
            delay.new_member_added = true;
        }
        group.add(id.clone(), &command.protocol_type, member);
        // It does not know its id yet, so it cannot send heartbeats; and a connection that is gone is not
        // noticed while its request is parked. So that dead ones do not pile up, all of them expire.
        self.schedule_session(&group.id, &id, self.config.new_member_join_timeout_ms);
        self.rebalance_or_complete(group, "a member joins", command.reason.as_deref());
    }

    /// A known member joins again.
    fn rejoin(&mut self, group: &mut ClassicGroup, token: RequestToken, command: JoinGroup) {
        let id = command.member_id.clone();
        let member = group.members.get(&id).expect("the member was validated");
        let is_unchanged = member.protocols == command.protocols;
        let why = match group.phase {
            Phase::Preparing { .. } => "a member joins during a rebalance",
            Phase::Completing { .. } if is_unchanged => {
                // Probably the answer was lost: it is given again.
                return self.answer_joined(group, token, id);
            }
            Phase::Stable if group.is_leader(&id) => "the leader joins again",
            Phase::Stable if is_unchanged => return self.answer_joined(group, token, id),
            Phase::Completing { .. } | Phase::Stable => "a member changes its metadata",
            Phase::Empty => {
                return self.refuse_join(token, id, GroupError::UnknownMemberId);
            }
        };
        self.update_member(group, &id, token, &command);
        self.rebalance_or_complete(group, why, command.reason.as_deref());
    }

    /// A static member comes back under a new id, and fences whoever still uses the old one.
    fn rejoin_static(
        &mut self,
        group: &mut ClassicGroup,
        token: RequestToken,
        command: JoinGroup,
        instance: &InstanceId,
        old: &MemberId,
        new: &MemberId,
    ) {
        sometimes(Condition::StaticMemberReplaced);
        let old_leader = group.leader.clone();
        let mut fenced = group.replace_static(instance, old, new);
        let error = GroupError::FencedInstanceId;
        self.complete_join(fenced.awaiting_join.take(), JoinResult::refused(old.clone(), error.clone()));
        if let Some(token) = fenced.awaiting_sync.take() {
            self.reply(token, GroupResponse::Sync(Err(error)));
        }
        self.cancel_session(&group.id, old);
        let why = "a static member comes back";
        match group.phase {
            Phase::Stable => {
                self.take_over(group, new, &command);
                let keeps_protocol = group.protocol_name.as_ref() == Some(&group.select_protocol());
                let record = group.to_record(&Turn::present_assignments(group));
                if !keeps_protocol || !self.fits(&group.id, &record) {
                    self.park(group, new, token);
                    self.rebalance_or_complete(group, why, command.reason.as_deref());
                } else {
                    self.write_group(&group.id, record);
                    self.answer_static(group, token, &command, old_leader, new);
                }
            }
            // The leader may be assigning to the old id, so the assignment would miss the new one.
            Phase::Completing { .. } | Phase::Preparing { .. } => {
                self.take_over(group, new, &command);
                self.park(group, new, token);
                self.rebalance_or_complete(group, why, command.reason.as_deref());
            }
            Phase::Empty => unreachable!("an empty group has no member {old:?} to replace"),
        }
    }

    /// The generation stays: nothing changed but an id. The answer waits until that is committed.
    fn answer_static(
        &mut self,
        group: &ClassicGroup,
        token: RequestToken,
        command: &JoinGroup,
        old_leader: Option<MemberId>,
        new: &MemberId,
    ) {
        let joined = if command.supports_skipping_assignment {
            Joined { skip_assignment: group.is_leader(new), ..group.joined(new) }
        } else {
            // Told that another leads, even if it leads itself, it will not assign: a stable group would
            // not spread the assignment.
            Joined { leader: old_leader.unwrap_or_default(), members: Vec::new(), ..group.joined(new) }
        };
        let result = JoinResult { member_id: new.clone(), outcome: Ok(joined) };
        self.reply_after_all(token, GroupResponse::Join(result));
    }

    /// Renews what a member says about itself, and parks its request.
    fn update_member(
        &mut self,
        group: &mut ClassicGroup,
        id: &MemberId,
        token: RequestToken,
        command: &JoinGroup,
    ) {
        group.renew(id, command);
        self.park(group, id, token);
    }

    /// Renews a static member that was just given a new id, and starts its session.
    fn take_over(&mut self, group: &mut ClassicGroup, new: &MemberId, command: &JoinGroup) {
        let session_timeout_ms = group.members[new].session_timeout_ms;
        group.renew(new, command);
        self.schedule_session(&group.id, new, session_timeout_ms);
    }

    /// Parks a JoinGroup. One that was parked before belongs to a connection that gave up on it.
    fn park(&mut self, group: &mut ClassicGroup, id: &MemberId, token: RequestToken) {
        let before = group.park_join(id, token);
        self.complete_join(before, JoinResult::refused(id.clone(), GroupError::RebalanceInProgress));
    }

    fn answer_joined(&mut self, group: &ClassicGroup, token: RequestToken, id: MemberId) {
        let outcome = Ok(group.joined(&id));
        self.reply(token, GroupResponse::Join(JoinResult { member_id: id, outcome }));
    }

    fn refuse_join(&mut self, token: RequestToken, member_id: MemberId, error: GroupError) {
        self.reply(token, GroupResponse::Join(JoinResult::refused(member_id, error)));
    }
}
