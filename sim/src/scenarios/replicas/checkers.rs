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
    let mut looks = 0;
    loop {
        looks += 1;
        for (node, stats) in world.stats().await {
            for one in stats {
                if one.leader {
                    world.leads(one.id, one.epoch.0, node);
                }
                let known = committed.insert((one.id, node), (looks, one.high_watermark));
                // A node that was looked at a moment ago has not started anew since.
                if let Some((look, before)) = known
                    && look + 1 == looks
                    && one.high_watermark < before
                    && one.log_end < before
                {
                    let text = format!(
                        "on node {node} partition {} ends at {} below what was committed there, {before}",
                        one.id.index.0, one.log_end
                    );
                    return Violation::new("I20-committed-cut", text);
                }
            }
        }
        if let Some(wrong) = world.first_wrong() {
            return wrong;
        }
        cluster.sleep(Duration::from_millis(20)).await;
    }
}
