//! What must hold at every moment.
use std::collections::BTreeMap;
use std::time::Duration;

use ordain::types::{NodeId, Offset, PartitionId};

use super::world::World;
use crate::cluster::Cluster;
use crate::scenarios::Violation;

/// Looks again and again; gives the first thing that is wrong.
pub(super) async fn watch(cluster: &Cluster, world: &World) -> Violation {
    let mut committed: BTreeMap<(PartitionId, NodeId), (u64, Offset)> = BTreeMap::new();
    loop {
        for ((node, run), stats) in world.stats().await {
            for one in stats {
                if one.leader {
                    world.leads(one.id, one.epoch.0, node);
                }
                let known = committed.insert((one.id, node), (run, one.high_watermark));
                if let Some((same_run, before)) = known
                    && same_run == run
                    && one.high_watermark < before
                {
                    let text = format!(
                        "on node {node} the high watermark of partition {} falls from {before} to {}",
                        one.id.index.0, one.high_watermark
                    );
                    return Violation::new("I19-committed-cut", text);
                }
            }
        }
        if let Some(wrong) = world.first_wrong() {
            return wrong;
        }
        cluster.sleep(Duration::from_millis(20)).await;
    }
}
