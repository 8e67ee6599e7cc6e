use std::sync::Arc;

use tracing::info;

use super::Cluster;
use crate::broker::Context;
use crate::metadata::MetadataImage;
use crate::metadata::controller::METADATA_PARTITION;
use crate::partition::PartitionStats;
use crate::types::NodeId;

/// Leaders that hand over at once, in one look; the others do in the next ones.
pub(in crate::broker) const HAND_OVERS_MAX: usize = 500;

/// Lets this node hand over what it leads and others are preferred for, once they have caught up (`auto.leader.rebalance.enable`);
/// until the node stops.
pub async fn balance_leaders(context: Arc<Context>, cluster: Arc<Cluster>) {
    let Some(interval) = cluster.balance_interval else { return };
    let clock = Arc::clone(&context.io.clock);
    let shutdown = context.shutdown.clone();
    let balancing = async {
        loop {
            clock.sleep(interval).await;
            balance(&context).await;
        }
    };
    tokio::select! {
        biased;
        () = shutdown.begun() => {}
        () = balancing => {}
    }
}

async fn balance(context: &Context) {
    // A node that shuts down hands over everything.
    let Ok(stats) = context.partitions.stats(None).await else { return };
    let image = context.metadata();
    let due: Vec<_> = stats
        .iter()
        .filter_map(|stats| Some((stats.id, successor(context, &image, stats)?)))
        .take(HAND_OVERS_MAX)
        .collect();
    if due.is_empty() {
        return;
    }
    info!(partitions = due.len(), "handing over to the preferred replicas");
    for (id, to) in due {
        if context.partitions.transfer(id, to).await.is_err() {
            return;
        }
    }
}

/// Who is to lead a partition in this node's place.
fn successor(context: &Context, image: &MetadataImage, stats: &PartitionStats) -> Option<NodeId> {
    if !stats.serving || stats.id == METADATA_PARTITION {
        return None;
    }
    let preferred = *image.partition(stats.id)?.replicas.first()?;
    let is_other = preferred != context.config().node_id;
    (is_other && hindrance(context, image, stats, preferred).is_none()).then_some(preferred)
}

/// A replica that others do without holds less than is committed now; while records come, that passes from one moment to the next.
pub(in crate::broker) const BEHIND: &str = "it has not caught up";

/// Why a node is not to take over a partition that this one leads; `None` if it can at once: while leadership is handed over nobody
/// serves.
pub(in crate::broker) fn hindrance(
    context: &Context,
    image: &MetadataImage,
    stats: &PartitionStats,
    node: NodeId,
) -> Option<&'static str> {
    if stats.voters.of_node(node).is_none() {
        return Some("it does not vote for the partition");
    }
    // A node with a new data directory replicates long before it is registered, which waits until the one that it replaces
    // counts as silent: until then it takes no clients. The voter does not tell: a log that came by a reassignment, or that was
    // damaged, has a directory id of its own.
    let registered = image.brokers.get(&node).map(|broker| broker.directory);
    let present = context.cluster.as_ref().and_then(|cluster| cluster.claims.alone(node));
    if registered.is_none() || registered != present.map(|(directory, _)| directory) {
        return Some("it is not registered with its present disk");
    }
    if image.is_draining(node) {
        return Some("it is draining: it is to lead nothing");
    }
    if !image.can_lead(node) {
        return Some("it is away");
    }
    if context.has_slow_disk(node) {
        return Some("its disk is too slow for it to lead");
    }
    match stats.acknowledged_by(node) {
        None => Some("it is silent"),
        Some(end) if end < stats.high_watermark => Some(BEHIND),
        Some(_) => None,
    }
}
