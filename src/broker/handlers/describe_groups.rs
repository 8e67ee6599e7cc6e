use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::broker::authorized_operations::{GROUP, NOT_ASKED};
use crate::broker::errors::AsErrorCode;
use crate::broker::group_requests::code;
use crate::broker::repeats::Repeats;
use crate::broker::{Caller, Context};
use crate::coordinator::group::GroupId;
use crate::coordinator::group::command::{self, GroupCommand, GroupResponse};
use crate::types::ErrorCode;
use crate::types::limits::REPEATED_BYTES_MAX;
use crate::wire::Text;
use crate::wire::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use crate::wire::messages::{DescribeGroupsRequest, DescribeGroupsResponse};

/// The version from which an unknown group is an error.
const GROUP_ID_NOT_FOUND_FROM: i16 = 6;

/// DescribeGroups (key 15). The groups stand in the order in which they are asked for, each as often as it is named.
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    caller: &Caller,
    request: DescribeGroupsRequest,
) -> DescribeGroupsResponse {
    let authorized = if request.include_authorized_operations { GROUP } else { NOT_ASKED };
    let distinct: BTreeSet<Text> = request.groups.iter().cloned().collect();
    let distinct: Vec<Text> = distinct.into_iter().collect();
    let split = context.groups.by_partition(distinct, |group| group);
    let mut asked = Vec::with_capacity(split.len());
    let mut requests = Vec::with_capacity(split.len());
    for groups in split.into_values() {
        let command = GroupCommand::DescribeGroups(command::DescribeGroups {
            groups: groups.iter().map(|group| GroupId::from(&**group)).collect(),
            knows_group_id_not_found: caller.version >= GROUP_ID_NOT_FOUND_FROM,
        });
        requests.push((groups[0].to_string(), command));
        asked.push(groups);
    }
    let mut by_name = BTreeMap::new();
    for (groups, result) in asked.into_iter().zip(context.groups.request_each(requests).await) {
        match result {
            Ok(GroupResponse::DescribeGroups(described)) => {
                let described = described.into_iter().map(|group| describe(group, authorized));
                by_name.extend(described.map(|group| (group.group_id.clone(), group)));
            }
            Ok(other) => unreachable!("a DescribeGroups is answered with {other:?}"),
            Err(error) => {
                let refused = groups.into_iter().map(|group| refused(group, error.error_code()));
                by_name.extend(refused.map(|group| (group.group_id.clone(), group)));
            }
        }
    }
    let groups = in_order(&request.groups, &by_name, Repeats::new(REPEATED_BYTES_MAX));
    DescribeGroupsResponse { groups, ..DescribeGroupsResponse::default() }
}

fn in_order(
    asked: &[Text],
    by_name: &BTreeMap<Text, DescribedGroup>,
    mut repeats: Repeats,
) -> Vec<DescribedGroup> {
    // What each group that has been told takes.
    let mut told: BTreeMap<&Text, usize> = BTreeMap::new();
    let mut groups = Vec::with_capacity(asked.len());
    for name in asked {
        let Some(group) = by_name.get(name) else { continue };
        match told.get(name) {
            None => {
                told.insert(name, members_bytes(group));
                groups.push(group.clone());
            }
            Some(&bytes) if repeats.admits(bytes) => groups.push(group.clone()),
            Some(_) => {
                let error_message = Some(repeats.refusal());
                let refused = refused(name.clone(), ErrorCode::InvalidRequest);
                groups.push(DescribedGroup { error_message, ..refused });
            }
        }
    }
    groups
}

/// What a group's members take in an answer; the rest is no more than its name, which the request has, too.
fn members_bytes(group: &DescribedGroup) -> usize {
    let bytes = |member: &DescribedGroupMember| {
        let names = member.member_id.len() + member.client_id.len() + member.client_host.len();
        let instance = member.group_instance_id.as_ref().map_or(0, |id| id.len());
        let said = member.member_metadata.len() + member.member_assignment.len();
        size_of::<DescribedGroupMember>() + names + instance + said
    };
    group.members.iter().map(bytes).sum()
}

fn describe(group: command::DescribedGroup, authorized: i32) -> DescribedGroup {
    DescribedGroup {
        error_code: code(group.error.as_ref()),
        error_message: group.error_message.map(Text::from),
        group_id: Text::from(group.group_id.as_str()),
        group_state: Text::from(group.state.name()),
        protocol_type: Text::from(group.protocol_type.as_str()),
        protocol_data: Text::from(group.protocol_data.as_str()),
        members: group.members.into_iter().map(member).collect(),
        authorized_operations: if group.error.is_none() { authorized } else { NOT_ASKED },
        ..DescribedGroup::default()
    }
}

fn member(member: command::DescribedMember) -> DescribedGroupMember {
    DescribedGroupMember {
        member_id: Text::from(member.member_id.as_str()),
        group_instance_id: member.group_instance_id.map(|id| Text::from(id.as_str())),
        client_id: Text::from(member.client_id),
        client_host: Text::from(member.client_host),
        member_metadata: member.metadata,
        member_assignment: member.assignment,
        ..DescribedGroupMember::default()
    }
}

fn refused(group_id: Text, code: ErrorCode) -> DescribedGroup {
    DescribedGroup { group_id, error_code: code.code(), ..DescribedGroup::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str, members: usize) -> (Text, DescribedGroup) {
        let member = DescribedGroupMember { member_id: "m".into(), ..DescribedGroupMember::default() };
        let members = vec![member; members];
        (name.into(), DescribedGroup { group_id: name.into(), members, ..DescribedGroup::default() })
    }

    #[test]
    fn groups_stand_as_often_as_they_are_named_until_that_is_too_much() {
        let by_name = BTreeMap::from([group("big", 2), group("empty", 0), group("other", 2)]);
        let room = Repeats::new(members_bytes(&by_name["big"]));
        let asked: Vec<Text> =
            ["big", "empty", "big", "big", "other", "empty", "none"].map(Text::from).to_vec();
        let groups = in_order(&asked, &by_name, room);
        let told: Vec<_> = groups.iter().map(|g| (&*g.group_id, g.members.len(), g.error_code)).collect();
        let refused = ErrorCode::InvalidRequest.code();
        assert_eq!(
            told,
            [
                ("big", 2, 0),
                ("empty", 0, 0),
                ("big", 2, 0),
                ("big", 0, refused),
                ("other", 2, 0),
                ("empty", 0, 0)
            ]
        );
        assert!(groups[3].error_message.is_some());
    }
}
