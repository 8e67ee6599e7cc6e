use std::sync::Arc;

use bytes::Bytes;

use crate::broker::errors::AsErrorCode;
use crate::broker::group_requests::{ask, client_host, client_id, instance_id, member_id};
use crate::broker::{Caller, Context};
use crate::coordinator::group::command::{
    GroupCommand, GroupResponse, JoinGroup, JoinResult, Joined, Protocol,
};
use crate::coordinator::group::{GroupId, ProtocolName, ProtocolType};
use crate::types::ErrorCode;
use crate::wire::Text;
use crate::wire::messages::join_group_response::JoinGroupResponseMember;
use crate::wire::messages::{JoinGroupRequest, JoinGroupResponse};

/// The version from which a new member must come back with the id that it was given (KIP-394).
const KNOWN_MEMBER_ID_FROM: i16 = 4;
/// The version from which a response without a protocol has null instead of an empty name.
const NULL_PROTOCOL_FROM: i16 = 7;
/// The version from which a leader may be told not to assign (KIP-814).
const SKIP_ASSIGNMENT_FROM: i16 = 9;

/// JoinGroup (key 11). The answer comes when the group's rebalance ends.
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    caller: &Caller,
    request: JoinGroupRequest,
) -> JoinGroupResponse {
    let group_id = request.group_id.clone();
    let command = GroupCommand::Join(command(context, caller, request));
    let result = ask(context, &group_id, command, |response| match response {
        GroupResponse::Join(result) => Some(result),
        _ => None,
    })
    .await;
    match result {
        Ok(JoinResult { member_id, outcome: Ok(joined) }) => answer(caller, member_id.as_str(), joined),
        Ok(JoinResult { member_id, outcome: Err(error) }) => {
            refused(caller, member_id.as_str(), error.error_code())
        }
        Err(error) => refused(caller, "", error.error_code()),
    }
}

fn command(context: &Context, caller: &Caller, request: JoinGroupRequest) -> JoinGroup {
    // Version 0 has one timeout for both.
    let rebalance_timeout_ms =
        if caller.version == 0 { request.session_timeout_ms } else { request.rebalance_timeout_ms };
    let protocols = request.protocols.into_iter();
    JoinGroup {
        group_id: GroupId::from(&*request.group_id),
        member_id: member_id(&request.member_id),
        group_instance_id: instance_id(request.group_instance_id.as_ref()),
        client_id: client_id(caller),
        client_host: client_host(caller),
        session_timeout_ms: request.session_timeout_ms,
        rebalance_timeout_ms,
        protocol_type: ProtocolType::from(&*request.protocol_type),
        protocols: protocols
            .map(|protocol| Protocol {
                name: ProtocolName::from(&*protocol.name),
                // Of its own: the group keeps it, and not the frame that it came in.
                metadata: Bytes::copy_from_slice(&protocol.metadata),
            })
            .collect(),
        requires_known_member_id: caller.version >= KNOWN_MEMBER_ID_FROM,
        supports_skipping_assignment: caller.version >= SKIP_ASSIGNMENT_FROM,
        reason: request.reason.as_ref().map(ToString::to_string),
        random: context.random16(),
    }
}

fn answer(caller: &Caller, member_id: &str, joined: Joined) -> JoinGroupResponse {
    let members = joined.members.into_iter();
    JoinGroupResponse {
        generation_id: joined.generation_id,
        protocol_type: joined.protocol_type.map(|kind| Text::from(kind.as_str())),
        protocol_name: protocol_name(caller, joined.protocol_name.as_ref().map(ProtocolName::as_str)),
        leader: Text::from(joined.leader.as_str()),
        skip_assignment: joined.skip_assignment,
        member_id: Text::from(member_id),
        members: members
            .map(|member| JoinGroupResponseMember {
                member_id: Text::from(member.member_id.as_str()),
                group_instance_id: member.group_instance_id.map(|id| Text::from(id.as_str())),
                metadata: member.metadata,
                ..JoinGroupResponseMember::default()
            })
            .collect(),
        ..JoinGroupResponse::default()
    }
}

fn refused(caller: &Caller, member_id: &str, code: ErrorCode) -> JoinGroupResponse {
    JoinGroupResponse {
        error_code: code.code(),
        generation_id: -1,
        protocol_name: protocol_name(caller, None),
        member_id: Text::from(member_id),
        ..JoinGroupResponse::default()
    }
}

fn protocol_name(caller: &Caller, name: Option<&str>) -> Option<Text> {
    let name = name.unwrap_or_default();
    (caller.version < NULL_PROTOCOL_FROM || !name.is_empty()).then(|| Text::from(name))
}
