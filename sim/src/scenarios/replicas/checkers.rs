//! What must hold at every moment.
use std::time::Duration;

use super::world::World;
use crate::cluster::Cluster;
use crate::scenarios::Violation;
use crate::scenarios::fleet::Watch;

/// Looks again and again; gives the first thing that is wrong.
pub(super) async fn watch(cluster: &Cluster, world: &World, watch: &mut Watch) -> Violation {
    loop {
        if let Err(wrong) = watch.look(world.stats().await) {
            return wrong;
        }
        if let Some(wrong) = world.first_wrong() {
            return wrong;
        }
        cluster.sleep(Duration::from_millis(20)).await;
    }
}
