//! The library's node as `serve` and the admin listener see it.
use std::sync::Arc;

use ordain::broker::Context;
use ordain::config::LoadedConfig;
use ordain::io::{BoxFuture, Io};
use ordain::metrics::{BrokerFigures, ClusterFigures, PartitionFigures};
use ordain::server::Node;

use crate::admin::{FiguresProbe, Probes, Readiness};
use crate::failure::Failure;

/// Starts a node and says in the log what recovery found.
pub async fn start(io: Io, config: LoadedConfig) -> Result<Node, Failure> {
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let node = Node::start(io, Arc::new(config.broker), Arc::new(config.settings))
        .await
        .map_err(|error| Failure::Message(error.to_string()))?;
    report(&node);
    Ok(node)
}

fn report(node: &Node) {
    let report = node.recovery();
    if let Some(what) = &report.checkpoint_copy {
        tracing::warn!("one of the two copies of the checkpoint was not usable ({what}); the other was");
    }
    for damage in &report.damaged {
        tracing::error!(partition = %damage.partition, "damaged, and not served: {}", damage.what);
    }
    if report.files_cut > 0 {
        tracing::info!(files = report.files_cut, "segment files cut back to the checkpoint");
    }
    for name in &report.removed {
        tracing::info!("removed {name}, which nothing names");
    }
    for name in &report.indexes_short {
        tracing::warn!("the index {name} is shorter than it should be: look-ups there are slower");
    }
    for name in &report.ignored {
        tracing::warn!("{name} in the data directory is not Ordain's; left alone");
    }
}

/// The clients' addresses that are open.
pub fn listening(node: &Node) -> Vec<String> {
    node.listeners().iter().map(|listener| listener.address.to_string()).collect()
}

/// What the admin listener asks.
pub fn probes(node: &Node) -> Probes {
    let journal = node.storage().journal().clone();
    let readiness = Arc::new(move || match journal.failure() {
        None => Readiness::Ready,
        Some(failure) => Readiness::NotReady(failure.to_string()),
    });
    let context = Arc::clone(node.context());
    let figures: FiguresProbe = Arc::new(move || {
        let context = Arc::clone(&context);
        let render: BoxFuture<String> = Box::pin(async move { figures(&context).await.render() });
        render
    });
    Probes { readiness, figures }
}

async fn figures(context: &Context) -> ClusterFigures {
    let image = context.metadata();
    // A node that is stopping has no figures of partitions.
    let stats = context.partitions.stats(None).await.unwrap_or_default();
    let node = context.config.node_id;
    let partitions = stats
        .iter()
        .filter_map(|stats| {
            let topic = image.topic_by_id(stats.id.topic)?;
            let partition = topic.partitions.get(&stats.id.index)?;
            Some(PartitionFigures {
                topic: topic.name.to_string(),
                index: stats.id.index,
                leader: Some(partition.leader),
                is_leader: stats.leader,
                leader_is_preferred: partition.replicas.first() == Some(&partition.leader),
                replica_count: partition.replicas.len(),
                in_sync_count: usize::from(!stats.damaged),
                log_start_offset: stats.log_start,
                high_watermark: stats.high_watermark,
                size_bytes: stats.size_bytes,
            })
        })
        .collect();
    let brokers = image
        .brokers
        .iter()
        .filter_map(|(&id, broker)| {
            let endpoint = broker.endpoints.first()?;
            Some(BrokerFigures { id, address: format!("{}:{}", endpoint.host, endpoint.port) })
        })
        .collect();
    ClusterFigures {
        brokers,
        is_active_controller: image.brokers.contains_key(&node),
        topic_count: image.topic_count(),
        partition_count: image.partition_count(),
        offline_partition_count: stats.iter().filter(|stats| stats.damaged).count(),
        partitions,
        groups: Vec::new(),
    }
}
