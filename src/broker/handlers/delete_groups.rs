use std::collections::BTreeMap;
use std::sync::Arc;

use crate::broker::errors::AsErrorCode;
use crate::broker::group_requests::code;
use crate::broker::{Caller, Context};
use crate::coordinator::group::GroupId;
use crate::coordinator::group::command::{self, GroupCommand, GroupResponse};
use crate::wire::Text;
use crate::wire::messages::delete_groups_response::DeletableGroupResult;
use crate::wire::messages::{DeleteGroupsRequest, DeleteGroupsResponse};

/// DeleteGroups (key 42). A group named twice is answered once.
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    _caller: &Caller,
    request: DeleteGroupsRequest,
) -> DeleteGroupsResponse {
    // Each group's error, once there is an answer.
    let mut errors: BTreeMap<Text, Option<i16>> = BTreeMap::new();
    let mut names: Vec<Text> = Vec::with_capacity(request.groups_names.len());
    for name in request.groups_names {
        if errors.insert(name.clone(), None).is_none() {
            names.push(name);
        }
    }
    let split = context.groups.by_partition(names.clone(), |group| group);
    let mut asked = Vec::with_capacity(split.len());
    let mut requests = Vec::with_capacity(split.len());
    for groups in split.into_values() {
        let ids = groups.iter().map(|group| GroupId::from(&**group)).collect();
        let command = GroupCommand::DeleteGroups(command::DeleteGroups { groups: ids });
        requests.push((groups[0].to_string(), command));
        asked.push(groups);
    }
    for (groups, result) in asked.into_iter().zip(context.groups.request_each(requests).await) {
        match result {
            Ok(GroupResponse::DeleteGroups(deleted)) => {
                for group in deleted {
                    errors.insert(Text::from(group.group_id.as_str()), Some(code(group.error.as_ref())));
                }
            }
            Ok(other) => unreachable!("a DeleteGroups is answered with {other:?}"),
            Err(error) => {
                let error = error.error_code().code();
                errors.extend(groups.into_iter().map(|group| (group, Some(error))));
            }
        }
    }
    let result = |group_id: Text| {
        let error_code = errors[&group_id].expect("every group was asked for");
        DeletableGroupResult { group_id, error_code, ..DeletableGroupResult::default() }
    };
    DeleteGroupsResponse { results: names.into_iter().map(result).collect(), ..Default::default() }
}
