use std::sync::Arc;

use super::describe_acls::NO_AUTHORIZER;
use crate::broker::{Caller, Context};
use crate::types::ErrorCode;
use crate::wire::messages::create_acls_response::AclCreationResult;
use crate::wire::messages::{CreateAclsRequest, CreateAclsResponse};

/// CreateAcls (key 30), as a broker without an authorizer.
pub(in crate::broker) async fn handle(
    _context: &Arc<Context>,
    _caller: &Caller,
    request: CreateAclsRequest,
) -> CreateAclsResponse {
    let refused = || AclCreationResult {
        error_code: ErrorCode::SecurityDisabled.code(),
        error_message: Some(NO_AUTHORIZER.into()),
        ..Default::default()
    };
    let results = request.creations.iter().map(|_| refused()).collect();
    CreateAclsResponse { results, ..CreateAclsResponse::default() }
}
