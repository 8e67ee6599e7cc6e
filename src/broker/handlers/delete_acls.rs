use std::sync::Arc;

use super::describe_acls::NO_AUTHORIZER;
use crate::broker::{Caller, Context};
use crate::types::ErrorCode;
use crate::wire::messages::delete_acls_response::DeleteAclsFilterResult;
use crate::wire::messages::{DeleteAclsRequest, DeleteAclsResponse};

/// DeleteAcls (key 31), as a broker without an authorizer.
pub(in crate::broker) async fn handle(
    _context: &Arc<Context>,
    _caller: &Caller,
    request: DeleteAclsRequest,
) -> DeleteAclsResponse {
    let refused = || DeleteAclsFilterResult {
        error_code: ErrorCode::SecurityDisabled.code(),
        error_message: Some(NO_AUTHORIZER.into()),
        ..Default::default()
    };
    let filter_results = request.filters.iter().map(|_| refused()).collect();
    DeleteAclsResponse { filter_results, ..DeleteAclsResponse::default() }
}
