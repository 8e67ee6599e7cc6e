use std::sync::Arc;

use crate::broker::errors::AsErrorCode;
use crate::broker::group_requests::{ask, code, instance_id, member_id};
use crate::broker::{Caller, Context};
use crate::coordinator::group::GroupId;
use crate::coordinator::group::command::{
    GroupCommand, GroupResponse, LeaveGroup, LeavingMember, LeftMember,
};
use crate::types::ErrorCode;
use crate::wire::Text;
use crate::wire::messages::leave_group_response::MemberResponse;
use crate::wire::messages::{LeaveGroupRequest, LeaveGroupResponse};

/// The version from which a request may name several members (KIP-345).
const MEMBERS_FROM: i16 = 3;

/// LeaveGroup (key 13).
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    caller: &Caller,
    request: LeaveGroupRequest,
) -> LeaveGroupResponse {
    let group_id = request.group_id.clone();
    let command = GroupCommand::Leave(LeaveGroup {
        group_id: GroupId::from(&*group_id),
        members: members(caller, request),
    });
    let result = ask(context, &group_id, command, |response| match response {
        GroupResponse::Leave(result) => Some(result),
        _ => None,
    })
    .await;
    match result {
        Ok(Ok(left)) if caller.version >= MEMBERS_FROM => LeaveGroupResponse {
            members: left.into_iter().map(member_response).collect(),
            ..LeaveGroupResponse::default()
        },
        Ok(Ok(left)) => {
            let error_code = code(left.first().and_then(|member| member.error.as_ref()));
            LeaveGroupResponse { error_code, ..LeaveGroupResponse::default() }
        }
        Ok(Err(error)) => refused(error.error_code()),
        Err(error) => refused(error.error_code()),
    }
}

fn members(caller: &Caller, request: LeaveGroupRequest) -> Vec<LeavingMember> {
    if caller.version < MEMBERS_FROM {
        let member_id = member_id(&request.member_id);
        return vec![LeavingMember { member_id, group_instance_id: None, reason: None }];
    }
    let members = request.members.iter();
    members
        .map(|member| LeavingMember {
            member_id: member_id(&member.member_id),
            group_instance_id: instance_id(member.group_instance_id.as_ref()),
            reason: member.reason.as_ref().map(ToString::to_string),
        })
        .collect()
}

fn member_response(left: LeftMember) -> MemberResponse {
    MemberResponse {
        error_code: code(left.error.as_ref()),
        member_id: Text::from(left.member_id.as_str()),
        group_instance_id: left.group_instance_id.map(|id| Text::from(id.as_str())),
        ..MemberResponse::default()
    }
}

fn refused(code: ErrorCode) -> LeaveGroupResponse {
    LeaveGroupResponse { error_code: code.code(), ..LeaveGroupResponse::default() }
}
