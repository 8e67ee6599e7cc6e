//! Sends a consumer to a replica in its own rack (KIP-392), as `RackAwareReplicaSelector` does.
use super::{Limits, resolve};
use crate::broker::Context;
use crate::broker::cluster_view::{ClusterView, VisibleBroker};
use crate::broker::fetch_sessions::{FetchKey, FetchWant};
use crate::metadata::PartitionImage;
use crate::partition::PartitionStats;
use crate::types::{LeaderEpoch, NodeId, Offset, PartitionId};

/// Where a consumer is sent, and what it is told of the partition.
pub(super) struct Nearby {
    pub(super) node: NodeId,
    pub(super) high_watermark: Offset,
    pub(super) log_start: Offset,
}

/// Which of the wanted partitions, by their places, are better read elsewhere: those that this node leads and the client's rack has a
/// replica of, in sync and with what is asked for, while this node is in another rack.
pub(super) async fn find(
    context: &Context,
    wants: &[(FetchKey, FetchWant)],
    limits: &Limits,
) -> Vec<(usize, Nearby)> {
    let Some(rack) = limits.rack.as_deref().filter(|_| context.config().fetch.rack_aware) else {
        return Vec::new();
    };
    let image = context.metadata();
    let own = context.config().node_id;
    let view = ClusterView { image: &image, listener: &limits.listener };
    let in_rack: Vec<NodeId> = view
        .brokers()
        .filter(|broker: &VisibleBroker<'_>| broker.rack == Some(rack))
        .map(|broker| broker.node)
        .collect();
    if in_rack.is_empty() || in_rack.contains(&own) {
        return Vec::new();
    }
    let candidates: Vec<(usize, PartitionId, Vec<NodeId>)> = wants
        .iter()
        .enumerate()
        .filter_map(|(at, (key, _))| {
            let id = resolve(&image, key).ok()?;
            let near = in_sync_of(image.partition(id)?, &in_rack);
            (!near.is_empty()).then_some((at, id, near))
        })
        .collect();
    if candidates.is_empty() {
        return Vec::new();
    }
    // A node that shuts down sends nobody anywhere.
    let stats = context.partitions.stats(Some(candidates.iter().map(|(_, id, _)| *id).collect())).await;
    let Ok(stats) = stats else { return Vec::new() };
    let choose = |(at, id, near): (usize, PartitionId, Vec<NodeId>)| {
        // They come in the order of their ids.
        let stats = &stats[stats.binary_search_by_key(&id, |stats| stats.id).ok()?];
        Some((at, select(stats, &near, wants[at].1)?))
    };
    candidates.into_iter().filter_map(choose).collect()
}

fn in_sync_of(partition: &PartitionImage, in_rack: &[NodeId]) -> Vec<NodeId> {
    let is_in_sync = |node: &&NodeId| partition.isr.contains(node) && partition.replicas.contains(node);
    in_rack.iter().filter(is_in_sync).copied().collect()
}

/// Of the replicas nearby that are heard and hold what is asked for, the one that holds most.
fn select(stats: &PartitionStats, near: &[NodeId], want: FetchWant) -> Option<Nearby> {
    let is_current = want.current_epoch == LeaderEpoch::NONE || want.current_epoch == stats.epoch;
    // What is wrong with the request is told by the read.
    if !stats.serving || !is_current || want.offset < stats.log_start {
        return None;
    }
    let holding = stats.acknowledged.iter().filter(|(node, end)| near.contains(node) && *end >= want.offset);
    let (node, _) = holding.max_by_key(|&&(node, end)| (end, node))?;
    let (high_watermark, log_start) = (stats.high_watermark, stats.log_start);
    Some(Nearby { node: *node, high_watermark, log_start })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(offset: i64, epoch: i32) -> FetchWant {
        FetchWant {
            offset: Offset(offset),
            max_bytes: 1,
            log_start: Offset::NONE,
            current_epoch: LeaderEpoch(epoch),
            last_fetched_epoch: LeaderEpoch::NONE,
        }
    }

    #[test]
    fn the_replica_that_holds_most_is_chosen() {
        let seen = PartitionStats::led(&[(1, 100), (2, 80), (3, 90)]);
        let chosen = |near: &[i32], want| {
            let near: Vec<NodeId> = near.iter().map(|&node| NodeId(node)).collect();
            select(&seen, &near, want).map(|nearby| nearby.node)
        };
        assert_eq!(chosen(&[2, 3], want(50, -1)), Some(NodeId(3)));
        assert_eq!(chosen(&[2], want(80, 4)), Some(NodeId(2)), "at its end there is more to come");
        assert_eq!(chosen(&[2], want(81, 4)), None, "it does not hold that yet");
        assert_eq!(chosen(&[2], want(9, -1)), None, "the read tells that this is gone");
        assert_eq!(chosen(&[2], want(50, 3)), None, "and that the epoch is over");
        let starting = PartitionStats { serving: false, ..PartitionStats::led(&[(2, 100)]) };
        assert!(select(&starting, &[NodeId(2)], want(50, -1)).is_none());
    }
}
