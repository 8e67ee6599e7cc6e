use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use super::Cluster;
use crate::broker::Context;
use crate::io::timeout;
use crate::metadata::MetadataImage;
use crate::partition::{HandOverTerms, PartitionsClosed, Slow};
use crate::probe::{Condition, Mutant, mutant, sometimes};
use crate::types::NodeId;

/// How long one look lets the leaders here hand over; those that could not are asked again in the next.
const LOOK: Duration = Duration::from_secs(2);
/// Nor more often, if the disk is slow: a leader that hands over in vain takes no records meanwhile.
const SLOW_LOOK: Duration = Duration::from_secs(10);
/// Leaders of a shard that hand over together: clients notice each.
const AT_ONCE_MAX: usize = 500;

/// Why a node is to lead nothing, as long as others can.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Due {
    /// A person drains it, or it is about to stop.
    draining: bool,
    /// A person drains it: it hands over now. (A node that stops does so by itself.)
    told: bool,
    slow: bool,
    /// It has been slow for so long that it hands over now.
    lasts: bool,
}

impl Due {
    fn find(image: &MetadataImage, cluster: &Cluster, own: NodeId) -> Due {
        let slow = cluster.slow(own);
        Due {
            draining: image.is_draining(own),
            told: image.is_told_to_drain(own) && !mutant(Mutant::ClusterDrainKeepsLeading),
            slow: slow.is_some(),
            lasts: slow.is_some_and(|slow| slow.lasts),
        }
    }

    fn is_reluctant(self) -> bool {
        self.draining || self.slow
    }

    fn hands_over(self) -> bool {
        self.told || self.lasts
    }
}

impl Cluster {
    /// How slow a node's disk is, if it is too slow for the node to lead.
    pub(in crate::broker) fn slow(&self, node: NodeId) -> Option<Slow> {
        self.doubts.slow(node).filter(|_| !mutant(Mutant::ClusterSlowLeadsOn))
    }

    /// To whom a node hands over: to nodes that are draining, or slow, only if it stops, and there are no others.
    pub(super) fn terms(&self, image: &MetadataImage, own: NodeId) -> HandOverTerms {
        let slow = self.doubts.slow_nodes().into_iter().filter(|&node| self.slow(node).is_some());
        let mut avoid: BTreeSet<NodeId> = image.draining().chain(slow).collect();
        avoid.remove(&own);
        HandOverTerms { avoid, to_anybody: false, at_once_max: AT_ONCE_MAX }
    }
}

/// While the metadata says that this node is draining, or its disk is slow, its replicas campaign last, and what it leads is handed over, as
/// far as others can lead it; until the node stops.
pub async fn hand_over_when_due(context: Arc<Context>, cluster: Arc<Cluster>) {
    let shutdown = context.shutdown.clone();
    tokio::select! {
        biased;
        () = shutdown.begun() => {}
        // The shards are gone: so is the node.
        _gone = follow(&context, &cluster) => {}
    }
}

async fn follow(context: &Context, cluster: &Cluster) -> Result<(), PartitionsClosed> {
    let own = context.config().node_id;
    let clock = &*context.io.clock;
    let mut was = Due::default();
    let mut hands_over_at = None;
    loop {
        let mut changed = pin!(cluster.doubts.changed());
        changed.as_mut().enable();
        let due = Due::find(&context.metadata(), cluster, own);
        if due != was {
            if due.is_reluctant() != was.is_reluctant() {
                context.partitions.be_reluctant(due.is_reluctant()).await?;
            }
            say(cluster, own, was, due);
            was = due;
            hands_over_at = due.hands_over().then(|| clock.now());
        }
        if hands_over_at.is_some_and(|at| at <= clock.now()) {
            hand_over(context, cluster, due).await?;
            // It may come to lead again where nobody else can.
            hands_over_at = Some(clock.now().after(if due.told { LOOK } else { SLOW_LOOK }));
        }
        let other = async {
            tokio::select! {
                biased;
                () = changed => {}
                _image = context.image.once(|image, _| Due::find(image, cluster, own) != due) => {}
            }
        };
        match hands_over_at {
            Some(at) => drop(timeout(clock, at, other).await),
            None => other.await,
        }
    }
}

async fn hand_over(context: &Context, cluster: &Cluster, due: Due) -> Result<(), PartitionsClosed> {
    let clock = &*context.io.clock;
    let terms = cluster.terms(&context.metadata(), context.config().node_id);
    let left = context.partitions.hand_over(terms, clock, clock.now().after(LOOK)).await?;
    match left {
        0 if due.told => sometimes(Condition::ClusterDrained),
        0 => sometimes(Condition::ClusterSlowHandedOver),
        left if due.told => warn!(left, "draining: others have not taken over yet what this node leads"),
        left => warn!(left, "this node's disk is slow, and others have not taken over yet what it leads"),
    }
    Ok(())
}

fn say(cluster: &Cluster, own: NodeId, was: Due, is: Due) {
    match (was.draining, is.draining) {
        (false, true) => info!("this node is draining: others are to lead what it leads"),
        (true, false) => info!("this node is not draining any more: it may lead again"),
        (false, false) | (true, true) => {}
    }
    if is.lasts && !was.lasts {
        let longest = cluster.slow(own).map_or(Duration::ZERO, |slow| slow.longest);
        warn!(
            slowest_commit_ms = longest.as_millis(),
            "this node's disk is slow: a commit of the journal, or records' wait for room, takes too long for it to lead, so others are to lead what it leads. Look at the disk of the data directory, and at what else uses it"
        );
    } else if was.slow && !is.slow {
        info!("this node's disk is not slow any more: it may lead again");
    }
}
