use std::sync::Arc;

use crate::broker::Context;
use crate::broker::changes::change_for_node;
use crate::broker::cluster::{Cluster, active_epoch};
use crate::metadata::controller::{BrokerState, change_broker};
use crate::types::{ErrorCode, NodeId};
use crate::wire::messages::{BrokerHeartbeatRequest, BrokerHeartbeatResponse};

/// BrokerHeartbeat (key 63), from nodes alone: a broker that is fenced lives, and knows the cluster as it was when it registered.
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    cluster: &Cluster,
    from: NodeId,
    request: BrokerHeartbeatRequest,
) -> BrokerHeartbeatResponse {
    match beat(context, cluster, from, &request).await {
        Ok(state) => BrokerHeartbeatResponse {
            is_caught_up: !state.fenced,
            is_fenced: state.fenced,
            should_shut_down: false,
            ..BrokerHeartbeatResponse::default()
        },
        Err(code) => {
            BrokerHeartbeatResponse { error_code: code.code(), ..BrokerHeartbeatResponse::default() }
        }
    }
}

async fn beat(
    context: &Arc<Context>,
    cluster: &Cluster,
    from: NodeId,
    request: &BrokerHeartbeatRequest,
) -> Result<BrokerState, ErrorCode> {
    if NodeId(request.broker_id) != from {
        return Err(ErrorCode::InvalidRequest);
    }
    let Some(epoch) = active_epoch(context) else { return Err(ErrorCode::NotController) };
    let image = context.metadata();
    let known = image.registered(from).ok_or(ErrorCode::BrokerIdNotRegistered)?;
    if known.epoch != request.broker_epoch {
        return Err(ErrorCode::StaleBrokerEpoch);
    }
    cluster.liveness().heard(epoch, from, context.io.clock.now());
    let wanted = BrokerState { fenced: request.want_fence, draining: request.want_shut_down };
    let now = BrokerState { fenced: known.fenced, draining: known.draining };
    if now == wanted {
        return Ok(now);
    }
    let (node, epoch) = (from, known.epoch);
    let changed = change_for_node(context, move |image| change_broker(image, node, epoch, wanted)).await;
    match changed {
        Ok(Ok(())) => Ok(wanted),
        Ok(Err(error)) => Err(crate::broker::errors::AsErrorCode::error_code(&error)),
        Err(error) => Err(error.code),
    }
}
