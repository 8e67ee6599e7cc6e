use std::sync::Arc;

use bytes::Bytes;

use crate::broker::errors::AsErrorCode;
use crate::broker::group_requests::{ask, instance_id, member_id};
use crate::broker::{Caller, Context};
use crate::coordinator::group::command::{GroupCommand, GroupResponse, SyncGroup};
use crate::coordinator::group::{GroupId, ProtocolName, ProtocolType};
use crate::types::ErrorCode;
use crate::wire::Text;
use crate::wire::messages::{SyncGroupRequest, SyncGroupResponse};

/// The version from which a member has to say what it believes the group's protocol to be (KIP-559).
const PROTOCOL_FROM: i16 = 5;

/// SyncGroup (key 14). The answer comes with the leader's assignment.
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    caller: &Caller,
    request: SyncGroupRequest,
) -> SyncGroupResponse {
    if caller.version >= PROTOCOL_FROM && (request.protocol_type.is_none() || request.protocol_name.is_none())
    {
        return refused(ErrorCode::InconsistentGroupProtocol);
    }
    // Of their own: the group keeps them, and not the frame that they came in.
    let assignments = request.assignments.into_iter();
    let command = GroupCommand::Sync(SyncGroup {
        group_id: GroupId::from(&*request.group_id),
        generation_id: request.generation_id,
        member_id: member_id(&request.member_id),
        group_instance_id: instance_id(request.group_instance_id.as_ref()),
        protocol_type: request.protocol_type.map(|kind| ProtocolType::from(&*kind)),
        protocol_name: request.protocol_name.map(|name| ProtocolName::from(&*name)),
        assignments: assignments
            .map(|one| (member_id(&one.member_id), Bytes::copy_from_slice(&one.assignment)))
            .collect(),
    });
    let result = ask(context, &request.group_id, command, |response| match response {
        GroupResponse::Sync(result) => Some(result),
        _ => None,
    })
    .await;
    match result {
        Ok(Ok(synced)) => SyncGroupResponse {
            protocol_type: synced.protocol_type.map(|kind| Text::from(kind.as_str())),
            protocol_name: synced.protocol_name.map(|name| Text::from(name.as_str())),
            assignment: synced.assignment,
            ..SyncGroupResponse::default()
        },
        Ok(Err(error)) => refused(error.error_code()),
        Err(error) => refused(error.error_code()),
    }
}

fn refused(code: ErrorCode) -> SyncGroupResponse {
    SyncGroupResponse { error_code: code.code(), ..SyncGroupResponse::default() }
}
