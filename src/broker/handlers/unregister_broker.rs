use std::sync::Arc;

use crate::broker::changes::change_for_node;
use crate::broker::errors::ApiError;
use crate::broker::{Caller, Context};
use crate::metadata::controller::unregister_broker;
use crate::types::{ErrorCode, NodeId};
use crate::wire::messages::{UnregisterBrokerRequest, UnregisterBrokerResponse};

/// UnregisterBroker (key 64): the cluster forgets a broker that does not come back. One that lives registers again.
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    _caller: &Caller,
    request: UnregisterBrokerRequest,
) -> UnregisterBrokerResponse {
    let node = NodeId(request.broker_id);
    if context.cluster.is_none() && node == context.config().node_id {
        let text = format!("node {node} is alone, and is this one: without it nothing is served");
        return respond(Some(ApiError::new(ErrorCode::InvalidRequest, text)));
    }
    let unregistered = match change_for_node(context, move |image| unregister_broker(image, node)).await {
        Ok(reply) => reply.map_err(ApiError::from),
        Err(error) => Err(error),
    };
    respond(unregistered.err())
}

fn respond(error: Option<ApiError>) -> UnregisterBrokerResponse {
    UnregisterBrokerResponse {
        error_code: error.as_ref().map_or(ErrorCode::None, |error| error.code).code(),
        error_message: error.and_then(|error| error.text()),
        ..UnregisterBrokerResponse::default()
    }
}
