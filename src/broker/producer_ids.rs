use std::ops::Range;
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::metadata::controller::{
    ControllerError, ControllerHandle, ControllerUnavailable, Decision, allocate_producer_ids,
};
use crate::types::{NodeId, ProducerId};

/// Gives out producer ids from blocks that the metadata log has reserved for this node: an id is given out
/// once in the life of the cluster, whatever crashes.
pub struct ProducerIds {
    controller: ControllerHandle,
    node: NodeId,
    block: Mutex<Range<i64>>,
}

/// No producer id can be given out now.
#[derive(Debug, thiserror::Error)]
pub enum NoProducerId {
    #[error(transparent)]
    Unavailable(#[from] Arc<ControllerUnavailable>),
    #[error(transparent)]
    Refused(#[from] ControllerError),
}

impl ProducerIds {
    pub(super) fn new(controller: ControllerHandle, node: NodeId) -> ProducerIds {
        ProducerIds { controller, node, block: Mutex::new(0..0) }
    }

    /// The next id.
    ///
    /// # Errors
    /// If a new block is needed and the metadata log does not take its record.
    pub async fn next(&self) -> Result<ProducerId, NoProducerId> {
        let mut block = self.block.lock().await;
        if block.is_empty() {
            let node = self.node;
            *block = self
                .controller
                .change(move |image| match allocate_producer_ids(image, node) {
                    Ok(decision) => Decision { records: decision.records, reply: Ok(decision.reply) },
                    Err(refusal) => Decision::reply(Err(refusal)),
                })
                .await??;
        }
        let id = block.next().expect("a new block is not empty");
        Ok(ProducerId(id))
    }
}
