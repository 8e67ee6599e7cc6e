use std::collections::BTreeMap;
use std::sync::Arc;

use crate::broker::authorized_operations::{GROUP, NOT_ASKED};
use crate::broker::errors::AsErrorCode;
use crate::broker::group_requests::code;
use crate::broker::{Caller, Context};
use crate::coordinator::group::GroupId;
use crate::coordinator::group::command::{self, GroupCommand, GroupResponse};
use crate::types::ErrorCode;
use crate::wire::Text;
use crate::wire::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use crate::wire::messages::{DescribeGroupsRequest, DescribeGroupsResponse};

/// The version from which an unknown group is an error.
const GROUP_ID_NOT_FOUND_FROM: i16 = 6;

/// DescribeGroups (key 15). The groups stand in the order in which they are asked for.
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    caller: &Caller,
    request: DescribeGroupsRequest,
) -> DescribeGroupsResponse {
    let authorized = if request.include_authorized_operations { GROUP } else { NOT_ASKED };
    let split = context.groups.by_partition(request.groups.clone(), |group| group);
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
    let groups = request.groups.iter().filter_map(|group| by_name.get(group).cloned()).collect();
    DescribeGroupsResponse { groups, ..DescribeGroupsResponse::default() }
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
