use std::sync::Arc;

use crate::broker::{Caller, Context};
use crate::types::ErrorCode;
use crate::wire::messages::{DescribeAclsRequest, DescribeAclsResponse};

/// What all calls about access rules answer: nobody checks rights, so there are no rules.
pub(super) const NO_AUTHORIZER: &str =
    "no authorizer is configured on this broker: there are no access rules";

/// DescribeAcls (key 29), as a broker without an authorizer.
pub(in crate::broker) async fn handle(
    _context: &Arc<Context>,
    _caller: &Caller,
    _request: DescribeAclsRequest,
) -> DescribeAclsResponse {
    DescribeAclsResponse {
        error_code: ErrorCode::SecurityDisabled.code(),
        error_message: Some(NO_AUTHORIZER.into()),
        ..DescribeAclsResponse::default()
    }
}
