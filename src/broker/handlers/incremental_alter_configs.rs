use std::sync::Arc;

use crate::broker::changes::Mode;
use crate::broker::config_changes::{AskedKey, AskedResource, Style, alter};
use crate::broker::{Caller, Context};
use crate::types::ErrorCode;
use crate::wire::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use crate::wire::messages::{IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse};

/// IncrementalAlterConfigs (key 44): what a request does not name keeps its value (KIP-339).
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    _caller: &Caller,
    request: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let asked: Vec<AskedResource> = request
        .resources
        .into_iter()
        .map(|resource| AskedResource {
            resource_type: resource.resource_type,
            name: resource.resource_name,
            keys: resource
                .configs
                .into_iter()
                .map(|key| AskedKey { name: key.name, operation: key.config_operation, value: key.value })
                .collect(),
        })
        .collect();
    let results = alter(context, &asked, Style::Incremental, Mode::of(request.validate_only)).await;
    let responses = asked
        .into_iter()
        .zip(results)
        .map(|(asked, result)| {
            let error = result.err();
            AlterConfigsResourceResponse {
                error_code: error.as_ref().map_or(ErrorCode::None, |error| error.code).code(),
                error_message: error.and_then(|error| error.text()),
                resource_type: asked.resource_type,
                resource_name: asked.name,
                ..Default::default()
            }
        })
        .collect();
    IncrementalAlterConfigsResponse { responses, ..IncrementalAlterConfigsResponse::default() }
}
