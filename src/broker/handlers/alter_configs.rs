use std::sync::Arc;

use bytes::Bytes;

use crate::broker::changes::Mode;
use crate::broker::config_changes::{AskedKey, AskedResource, SET, Style, alter, is_refused_here};
use crate::broker::{Caller, Context};
use crate::types::ErrorCode;
use crate::wire::RequestFrame;
use crate::wire::messages::alter_configs_request::AlterConfigsResource;
use crate::wire::messages::alter_configs_response::AlterConfigsResourceResponse;
use crate::wire::messages::{AlterConfigsRequest, AlterConfigsResponse};

/// Whether a request is for this node, whoever the active controller is: it is about settings of this broker that it refuses.
pub(in crate::broker) fn is_answered_here(context: &Context, frame: &Bytes) -> bool {
    let request: Option<AlterConfigsRequest> =
        RequestFrame::parse(frame.clone()).ok().and_then(|frame| frame.decode_as().ok());
    request.is_some_and(|request| is_refused_here(context, &asked(request.resources), Style::Replace))
}

/// AlterConfigs (key 33): what a request does not name loses its value. Kept for old clients.
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    caller: &Caller,
    request: AlterConfigsRequest,
) -> AlterConfigsResponse {
    let asked = asked(request.resources);
    let results = alter(context, &asked, Style::Replace, Mode::of(request.validate_only), caller.via).await;
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
    AlterConfigsResponse { responses, ..AlterConfigsResponse::default() }
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
                .map(|key| AskedKey { name: key.name, operation: SET, value: key.value })
                .collect(),
        })
        .collect()
}
