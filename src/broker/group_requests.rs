//! What the handlers of groups share: asking a coordinator, and reading the names of a request.
use std::sync::Arc;

use super::errors::AsErrorCode;
use super::{Caller, Context};
use crate::coordinator::CoordinatorError;
use crate::coordinator::group::command::{GroupCommand, GroupError, GroupResponse};
use crate::coordinator::group::{InstanceId, MemberId};
use crate::types::ErrorCode;
use crate::wire::Text;

/// Asks the coordinator of a group; `expect` takes the response that belongs to the command.
pub(super) async fn ask<T>(
    context: &Arc<Context>,
    group_id: &str,
    command: GroupCommand,
    expect: impl FnOnce(GroupResponse) -> Option<T>,
) -> Result<T, CoordinatorError> {
    let response = context.groups.request(group_id, command).await?;
    Ok(expect(response).expect("a coordinator answers each command with its own response"))
}

/// The code of an error, and NONE without one.
pub(super) fn code(error: Option<&GroupError>) -> i16 {
    error.map_or(ErrorCode::None, AsErrorCode::error_code).code()
}

pub(super) fn member_id(text: &Text) -> MemberId {
    MemberId::from(&**text)
}

pub(super) fn instance_id(text: Option<&Text>) -> Option<InstanceId> {
    text.map(|text| InstanceId::from(&**text))
}

/// The client's own name; empty if it tells none.
pub(super) fn client_id(caller: &Caller) -> String {
    caller.client_id.as_ref().map(ToString::to_string).unwrap_or_default()
}

/// The client's address as Kafka shows it: a slash and the IP.
pub(super) fn client_host(caller: &Caller) -> String {
    format!("/{}", caller.peer.ip())
}
