use std::sync::Arc;

use crate::broker::errors::AsErrorCode;
use crate::broker::not_served::Unserved;
use crate::broker::producer_ids::NoProducerId;
use crate::broker::{Caller, Context};
use crate::types::ErrorCode;
use crate::wire::messages::{InitProducerIdRequest, InitProducerIdResponse};

/// InitProducerId (key 22), for idempotent producers: a fresh id at epoch 0.
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    caller: &Caller,
    request: InitProducerIdRequest,
) -> InitProducerIdResponse {
    if (request.producer_id == -1) != (request.producer_epoch == -1) {
        // An id is renewed with its epoch, or not at all.
        return refused(ErrorCode::InvalidRequest);
    }
    match request.transactional_id {
        None => {}
        Some(id) if id.is_empty() => return refused(ErrorCode::InvalidRequest),
        // Transactions are not served: an error that clients do not retry.
        Some(_) => {
            let client_id = caller.client_id.as_ref();
            context.tell_not_served(caller.peer, client_id, Unserved::TransactionalProducer);
            return refused(ErrorCode::UnsupportedVersion);
        }
    }
    match context.producer_ids.next(context).await {
        Ok(id) => InitProducerIdResponse {
            producer_id: id.0,
            producer_epoch: 0,
            ..InitProducerIdResponse::default()
        },
        Err(NoProducerId::Refused(error)) => refused(error.error_code()),
        Err(
            error @ (NoProducerId::Unavailable(_) | NoProducerId::NoController(_) | NoProducerId::Code(_)),
        ) => {
            tracing::warn!(%error, "no producer id can be given out");
            refused(ErrorCode::CoordinatorLoadInProgress)
        }
    }
}

fn refused(code: ErrorCode) -> InitProducerIdResponse {
    InitProducerIdResponse {
        error_code: code.code(),
        producer_id: -1,
        producer_epoch: -1,
        ..InitProducerIdResponse::default()
    }
}
