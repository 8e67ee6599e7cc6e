use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use crate::broker::Context;
use crate::io::timeout;
use crate::metadata::MetadataImage;
use crate::partition::HandOverTerms;
use crate::probe::{Condition, Mutant, mutant, sometimes};
use crate::types::NodeId;

/// How long one look lets the leaders here hand over; those that could not are asked again in the next.
const LOOK: Duration = Duration::from_secs(2);
/// Leaders of a shard that hand over together: clients notice each.
const AT_ONCE_MAX: usize = 500;

/// To whom a node hands over: to nodes that are draining only if it stops, and there are no others.
pub(in crate::broker) fn terms(image: &MetadataImage, own: NodeId) -> HandOverTerms {
    let avoid: BTreeSet<NodeId> = image.draining().filter(|&node| node != own).collect();
    HandOverTerms { avoid, to_anybody: false, at_once_max: AT_ONCE_MAX }
}

/// While the metadata says that this node is draining, its replicas campaign last, and what it leads is handed over, as far as others
/// can lead it; until the node stops.
pub async fn drain_when_told(context: Arc<Context>) {
    let shutdown = context.shutdown.clone();
    tokio::select! {
        biased;
        () = shutdown.begun() => {}
        () = follow(&context) => {}
    }
}

async fn follow(context: &Context) {
    let own = context.config().node_id;
    let clock = &*context.io.clock;
    let mut was_draining = false;
    loop {
        let image = context.metadata();
        let is_draining = image.is_draining(own);
        if is_draining != was_draining {
            if context.partitions.be_reluctant(is_draining).await.is_err() {
                return;
            }
            was_draining = is_draining;
            if is_draining {
                info!("this node is draining: others are to lead what it leads");
            } else {
                info!("this node is not draining any more: it may lead again");
            }
        }
        if !is_draining {
            context.image.once(|image, _| image.is_draining(own)).await;
            continue;
        }
        if mutant(Mutant::ClusterDrainKeepsLeading) {
            context.image.once(|new, _| !new.is_draining(own)).await;
            continue;
        }
        if !image.is_told_to_drain(own) {
            // A node that stops does the rest by itself.
            context.image.once(|new, _| !new.is_draining(own) || new.is_told_to_drain(own)).await;
            continue;
        }
        let deadline = clock.now().after(LOOK);
        match context.partitions.hand_over(terms(&image, own), clock, deadline).await {
            Ok(0) => sometimes(Condition::ClusterDrained),
            Ok(left) => warn!(left, "draining: others have not taken over yet what this node leads"),
            Err(_) => return,
        }
        // It may come to lead again where nobody else can.
        let same = context.image.once(|new, _| !new.is_draining(own));
        let _whichever_came_first = timeout(clock, clock.now().after(LOOK), same).await;
    }
}
