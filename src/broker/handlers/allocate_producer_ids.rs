use std::sync::Arc;

use crate::broker::Context;
use crate::broker::changes::change_for_node;
use crate::broker::errors::AsErrorCode;
use crate::metadata::controller::{Decision, allocate_producer_ids};
use crate::types::{ErrorCode, NodeId};
use crate::wire::messages::{AllocateProducerIdsRequest, AllocateProducerIdsResponse};

/// AllocateProducerIds (key 67), from nodes alone: the next block of producer ids.
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    from: NodeId,
    request: AllocateProducerIdsRequest,
) -> AllocateProducerIdsResponse {
    let refused = |code: ErrorCode| AllocateProducerIdsResponse {
        error_code: code.code(),
        ..AllocateProducerIdsResponse::default()
    };
    if NodeId(request.broker_id) != from {
        return refused(ErrorCode::InvalidRequest);
    }
    let allocated = change_for_node(context, move |image| match allocate_producer_ids(image, from) {
        Ok(decision) => Decision { records: decision.records, reply: Ok(decision.reply) },
        Err(refusal) => Decision::reply(Err(refusal)),
    })
    .await;
    match allocated {
        Ok(Ok(block)) => AllocateProducerIdsResponse {
            producer_id_start: block.start,
            producer_id_len: i32::try_from(block.end - block.start).unwrap_or(i32::MAX),
            ..AllocateProducerIdsResponse::default()
        },
        Ok(Err(refusal)) => refused(refusal.error_code()),
        Err(error) => refused(error.code),
    }
}
