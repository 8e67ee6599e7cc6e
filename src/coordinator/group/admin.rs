//! ListGroups, DescribeGroups, DeleteGroups: what administrators see and do.
use super::GroupShard;
use super::classic::{ClassicGroup, Phase};
use super::command::{
    DeleteGroups, DeletedGroup, DescribeGroups, DescribedGroup, DescribedMember, GroupError, GroupState,
    ListGroups, ListedGroup,
};
use super::names::GroupId;
use super::record::{GroupRecord, OffsetKey};
use crate::coordinator::decision::Decision;

impl GroupShard {
    /// The groups in the states that are asked for, in the order of their ids.
    pub(super) fn list_groups(&self, command: &ListGroups) -> Vec<ListedGroup> {
        let is_listed = |group: &&ClassicGroup| {
            command.states.as_ref().is_none_or(|states| states.contains(&group.state()))
        };
        let listed = |group: &ClassicGroup| ListedGroup {
            group_id: group.id.clone(),
            protocol_type: group.protocol_type.clone().unwrap_or_default(),
            state: group.state(),
        };
        self.groups.values().filter(is_listed).map(listed).collect()
    }

    /// The groups with their members, in the order asked for.
    pub(super) fn describe_groups(&self, command: &DescribeGroups) -> Vec<DescribedGroup> {
        let describe = |id: &GroupId| match self.groups.get(id) {
            Some(group) => group.describe(),
            None => unknown_group(id, command),
        };
        command.groups.iter().map(describe).collect()
    }

    /// Tombstones for the groups, and before each for its offsets.
    pub(super) fn decide_delete_groups(
        &self,
        command: &DeleteGroups,
    ) -> Decision<GroupRecord, Vec<DeletedGroup>> {
        let mut records = Vec::new();
        let mut response = Vec::with_capacity(command.groups.len());
        for id in &command.groups {
            let error = match self.groups.get(id) {
                None => Some(GroupError::GroupIdNotFound),
                Some(group) if !group.is_empty() => Some(GroupError::NonEmptyGroup),
                Some(_) => None,
            };
            if error.is_none() {
                let offsets = self.durable.offsets_of(id).into_iter().flat_map(|offsets| offsets.iter());
                records.extend(offsets.map(|(topic, partition, _)| {
                    OffsetKey { group: id.clone(), topic: topic.clone(), partition }.tombstone()
                }));
                records.push(GroupRecord::GroupMetadata { group: id.clone(), value: None });
            }
            response.push(DeletedGroup { group_id: id.clone(), error });
        }
        Decision { records, response }
    }
}

fn unknown_group(id: &GroupId, command: &DescribeGroups) -> DescribedGroup {
    let is_error = command.knows_group_id_not_found;
    DescribedGroup {
        group_id: id.clone(),
        error: is_error.then_some(GroupError::GroupIdNotFound),
        error_message: is_error.then(|| format!("Group {id} not found.")),
        state: GroupState::Dead,
        protocol_type: Default::default(),
        protocol_data: Default::default(),
        members: Vec::new(),
    }
}

impl ClassicGroup {
    fn describe(&self) -> DescribedGroup {
        // What members say about themselves depends on the protocol, which only a stable group has for sure.
        let protocol = self.protocol_name.as_ref().filter(|_| self.phase == Phase::Stable);
        let member = |(id, member): (&super::MemberId, &super::classic::Member)| DescribedMember {
            member_id: id.clone(),
            group_instance_id: member.group_instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            metadata: member.metadata(protocol),
            assignment: member.assignment.clone(),
        };
        DescribedGroup {
            group_id: self.id.clone(),
            error: None,
            error_message: None,
            state: self.state(),
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            protocol_data: protocol.cloned().unwrap_or_default(),
            members: self.members.iter().map(member).collect(),
        }
    }
}
