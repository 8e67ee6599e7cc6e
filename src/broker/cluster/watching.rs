use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use super::{Cluster, Liveness, active_epoch};
use crate::broker::Context;
use crate::broker::changes::change_for_node;
use crate::coordinator::group::command::DeletedTopic;
use crate::metadata::controller::{BrokerState, METADATA_PARTITION, change_broker};
use crate::probe::{Mutant, mutant};
use crate::types::NodeId;

/// Looks for silent brokers so many times within the time after which they count as such.
const LOOKS: u32 = 4;

/// Fences brokers that are silent, while this node is the active controller; until the node stops.
pub async fn fence_silent(context: Arc<Context>, cluster: Arc<Cluster>) {
    let clock = Arc::clone(&context.io.clock);
    let every = (cluster.session_timeout / LOOKS).max(Duration::from_millis(1));
    let shutdown = context.shutdown.clone();
    let watching = async {
        loop {
            clock.sleep(every).await;
            for node in silent(&context, &cluster) {
                fence(&context, node).await;
            }
            look_who_has_caught_up(&context, &cluster).await;
        }
    };
    tokio::select! {
        biased;
        () = shutdown.begun() => {}
        () = watching => {}
    }
}

/// For DescribeQuorum, which tells of a replica that is behind when it last was not.
async fn look_who_has_caught_up(context: &Context, cluster: &Cluster) {
    if active_epoch(context).is_none() {
        return;
    }
    // A node that shuts down has nothing to tell.
    let stats = context.partitions.stats(Some(vec![METADATA_PARTITION])).await.unwrap_or_default();
    if let Some(stats) = stats.first().filter(|stats| stats.serving) {
        cluster.caught_up().look(stats, context.io.clock.wall());
    }
}

fn silent(context: &Context, cluster: &Cluster) -> Vec<NodeId> {
    let Some(epoch) = active_epoch(context) else { return Vec::new() };
    if mutant(Mutant::ClusterFencesNobody) {
        return Vec::new();
    }
    let (image, now) = (context.metadata(), context.io.clock.now());
    let mut liveness = cluster.liveness();
    let registered = image.registrations().filter(|(_, broker)| !broker.fenced);
    let nodes = registered.map(|(node, _)| node);
    let lives = |liveness: &mut Liveness, node| {
        liveness.lives(epoch, (node, cluster.doubts.since(node)), now, cluster.session_timeout)
    };
    nodes.filter(|&node| !lives(&mut liveness, node)).collect()
}

async fn fence(context: &Arc<Context>, node: NodeId) {
    let fenced = change_for_node(context, move |image| {
        let known = image.registered(node);
        let epoch = known.map_or(-1, |known| known.epoch);
        let draining = known.is_some_and(|known| known.draining);
        change_broker(image, node, epoch, BrokerState { fenced: true, draining })
    })
    .await;
    match fenced {
        Ok(Ok(())) => info!(%node, "a broker is silent: it is fenced until it is heard again"),
        Ok(Err(error)) => warn!(%node, %error, "a silent broker is not fenced"),
        Err(error) => warn!(%node, code = %error.code, "a silent broker is not fenced"),
    }
}

/// Lets the groups coordinated here forget the offsets of topics that were deleted, through whichever node; until the node stops.
pub async fn forget_deleted_topics(context: Arc<Context>) {
    let shutdown = context.shutdown.clone();
    let watching = async {
        let mut known = context.metadata();
        loop {
            let image = context.image.once(|image, _| !std::ptr::eq(image, &*known)).await;
            let gone = known.topics().filter(|topic| image.topic_by_id(topic.id).is_none());
            let gone = gone.map(|topic| DeletedTopic { name: (&*topic.name).into(), id: topic.id }).collect();
            context.groups.topics_deleted(gone).await;
            known = image;
        }
    };
    tokio::select! {
        biased;
        () = shutdown.begun() => {}
        () = watching => {}
    }
}
