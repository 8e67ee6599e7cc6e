use std::sync::Arc;

use crate::broker::errors::AsErrorCode;
use crate::broker::group_requests::{ask, instance_id, member_id};
use crate::broker::{Caller, Context};
use crate::coordinator::CoordinatorError;
use crate::coordinator::group::GroupId;
use crate::coordinator::group::command::{GroupCommand, GroupResponse, Heartbeat};
use crate::types::ErrorCode;
use crate::wire::messages::{HeartbeatRequest, HeartbeatResponse};

/// Heartbeat (key 12).
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    _caller: &Caller,
    request: HeartbeatRequest,
) -> HeartbeatResponse {
    let command = GroupCommand::Heartbeat(Heartbeat {
        group_id: GroupId::from(&*request.group_id),
        generation_id: request.generation_id,
        member_id: member_id(&request.member_id),
        group_instance_id: instance_id(request.group_instance_id.as_ref()),
    });
    let result = ask(context, &request.group_id, command, |response| match response {
        GroupResponse::Heartbeat(result) => Some(result),
        _ => None,
    })
    .await;
    let code = match result {
        // A member gets a new session with the load, so it need not worry, as in Kafka.
        Ok(Ok(())) | Err(CoordinatorError::Loading) => ErrorCode::None,
        Ok(Err(error)) => error.error_code(),
        Err(error) => error.error_code(),
    };
    HeartbeatResponse { error_code: code.code(), ..HeartbeatResponse::default() }
}
