use std::ops::Range;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::Context;
use super::cluster::{ANSWER_PATIENCE, Cluster, NoController, ask};
use crate::metadata::controller::{ControllerError, ControllerUnavailable, Decision, allocate_producer_ids};
use crate::types::{ErrorCode, ProducerId};
use crate::wire::messages::{AllocateProducerIdsRequest, AllocateProducerIdsResponse};

/// The version in which nodes of this release ask for ids.
const VERSION: i16 = 0;

/// Gives out producer ids from blocks that the metadata log has reserved for this node: an id is given out
/// once in the life of the cluster, whatever crashes.
#[derive(Default)]
pub struct ProducerIds {
    block: Mutex<Range<i64>>,
}

/// No producer id can be given out now.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoProducerId {
    #[error(transparent)]
    Unavailable(#[from] Arc<ControllerUnavailable>),
    #[error(transparent)]
    Refused(#[from] ControllerError),
    #[error(transparent)]
    NoController(#[from] NoController),
    #[error("the active controller gives no producer ids: {0}")]
    Code(ErrorCode),
}

impl ProducerIds {
    /// The next id.
    ///
    /// # Errors
    /// If a new block is needed and the metadata log does not take its record.
    pub(super) async fn next(&self, context: &Arc<Context>) -> Result<ProducerId, NoProducerId> {
        let mut block = self.block.lock().await;
        if block.is_empty() {
            *block = match &context.cluster {
                Some(cluster) => asked(context, cluster).await?,
                None => reserved(context).await?,
            };
        }
        let id = block.next().expect("a new block is not empty");
        Ok(ProducerId(id))
    }
}

async fn reserved(context: &Context) -> Result<Range<i64>, NoProducerId> {
    let node = context.config().node_id;
    let changed = context.controller.change(move |image| match allocate_producer_ids(image, node) {
        Ok(decision) => Decision { records: decision.records, reply: Ok(decision.reply) },
        Err(refusal) => Decision::reply(Err(refusal)),
    });
    Ok(changed.await??)
}

async fn asked(context: &Arc<Context>, cluster: &Cluster) -> Result<Range<i64>, NoProducerId> {
    let broker_id = context.config().node_id.0;
    let request =
        AllocateProducerIdsRequest { broker_id, broker_epoch: -1, ..AllocateProducerIdsRequest::default() };
    let deadline = context.io.clock.now().after(ANSWER_PATIENCE);
    let answer = ask(context, cluster, VERSION, &request, deadline).await?;
    let AllocateProducerIdsResponse { error_code, producer_id_start, producer_id_len, .. } = answer;
    match ErrorCode::from_code(error_code) {
        Some(ErrorCode::None) if producer_id_start >= 0 && producer_id_len > 0 => {
            Ok(producer_id_start..producer_id_start.saturating_add(producer_id_len.into()))
        }
        Some(ErrorCode::None) | None => Err(NoProducerId::Code(ErrorCode::UnknownServerError)),
        Some(code) => Err(NoProducerId::Code(code)),
    }
}
