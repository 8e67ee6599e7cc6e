use std::sync::Arc;

use crate::broker::errors::AsErrorCode;
use crate::broker::{Caller, Context};
use crate::coordinator::CoordinatorError;
use crate::coordinator::group::command::{self, GROUP_TYPE, GroupCommand, GroupResponse};
use crate::wire::Text;
use crate::wire::messages::list_groups_response::ListedGroup;
use crate::wire::messages::{ListGroupsRequest, ListGroupsResponse};

/// ListGroups (key 16): the groups that this node coordinates, by name.
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    _caller: &Caller,
    request: ListGroupsRequest,
) -> ListGroupsResponse {
    let listing = command::ListGroups::filtered(&request.states_filter, &request.types_filter);
    let command = GroupCommand::ListGroups(listing);
    let mut groups = Vec::new();
    for result in context.groups.request_all(&command).await {
        match result {
            Ok(GroupResponse::ListGroups(listed)) => groups.extend(listed.into_iter().map(listed_group)),
            Ok(other) => unreachable!("a ListGroups is answered with {other:?}"),
            // What this node does not coordinate is listed by another.
            Err(CoordinatorError::NotCoordinator) => {}
            Err(error) => {
                let error_code = error.error_code().code();
                return ListGroupsResponse { error_code, ..ListGroupsResponse::default() };
            }
        }
    }
    groups.sort_by(|a, b| a.group_id.cmp(&b.group_id));
    ListGroupsResponse { groups, ..ListGroupsResponse::default() }
}

fn listed_group(group: command::ListedGroup) -> ListedGroup {
    ListedGroup {
        group_id: Text::from(group.group_id.as_str()),
        protocol_type: Text::from(group.protocol_type.as_str()),
        group_state: Text::from(group.state.name()),
        group_type: Text::from(GROUP_TYPE),
        ..ListedGroup::default()
    }
}
