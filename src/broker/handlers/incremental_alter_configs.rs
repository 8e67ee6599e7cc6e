use std::sync::Arc;

use bytes::Bytes;

use crate::broker::changes::Mode;
use crate::broker::config_changes::{AskedKey, AskedResource, BROKER_LOGGER, Style, alter, is_refused_here};
use crate::broker::{Caller, Context};
use crate::types::ErrorCode;
use crate::wire::RequestFrame;
use crate::wire::messages::incremental_alter_configs_request::AlterConfigsResource;
use crate::wire::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use crate::wire::messages::{IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse};

/// Whether a request is for this node, whoever the active controller is: it is about the levels of loggers alone, which are the broker's own
/// affair, or about settings of this broker that it refuses.
pub(in crate::broker) fn is_answered_here(context: &Context, frame: &Bytes) -> bool {
    let request: Option<IncrementalAlterConfigsRequest> =
        RequestFrame::parse(frame.clone()).ok().and_then(|frame| frame.decode_as().ok());
    let Some(request) = request else { return false };
    let asked = asked(request.resources);
    asked.iter().all(|one| one.resource_type == BROKER_LOGGER)
        || is_refused_here(context, &asked, Style::Incremental)
}

/// IncrementalAlterConfigs (key 44): what a request does not name keeps its value (KIP-339).
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    caller: &Caller,
    request: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let asked = asked(request.resources);
    let results =
        alter(context, &asked, Style::Incremental, Mode::of(request.validate_only), caller.via).await;
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

fn asked(resources: Vec<AlterConfigsResource>) -> Vec<AskedResource> {
    resources
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
        .collect()
}
