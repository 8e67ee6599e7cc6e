//! A disk becomes what it was some time ago, while everything else goes on: its node cannot know, and the others do.
use std::time::Duration;

use super::world::World;
use super::{Life, RECOVERY};
use crate::cluster::NodeHandle;
use crate::scenarios::Violation;
use crate::scenarios::broker::{Running, all_get_on};

/// In how many runs.
const PER_MILLE: u32 = 250;
/// What is durable is told to others within this time.
const TOLD: Duration = Duration::from_millis(400);
/// Within this time a node that has forgotten must know, and end.
const REFUSED: Duration = Duration::from_secs(20);

impl Life<'_> {
    /// In some runs the disk of a node is put back. It must promise nothing more; its operator gives it another disk, and it gets
    /// everything anew.
    ///
    /// # Errors
    /// If it goes on as if nothing had happened (I15), or anybody does not get on afterwards (I16).
    pub(super) async fn put_one_back(&self, clients: &[Running]) -> Result<(), Violation> {
        let Life { raft, cluster, plan, history, account, fleet, world, malformed, .. } = self;
        let mut rng = cluster.rng("put back");
        let nodes: Vec<_> = plan.node_ids().collect();
        let drawn = *rng.pick(&nodes);
        // A disk that was lost is all that may be, or one of two.
        let node = self.lossy.nodes().first().copied().unwrap_or(drawn);
        if !rng.chance(PER_MILLE) {
            return Ok(());
        }
        let handle = fleet.node(node);
        let (image, before) = match world.next_commit(node) {
            Some(before) if handle.is_running() => (handle.disk().image(), before),
            _ => return Ok(()),
        };
        cluster.sleep(rng.duration(Duration::from_millis(100), Duration::from_secs(6))).await;
        let told = world.next_commit(node);
        cluster.sleep(TOLD).await;
        if told.is_none() || !handle.is_running() {
            return Ok(());
        }
        cluster.note(format_args!("the disk of node {node} is put back: commit {told:?} becomes {before}"));
        fleet.down(node, |node: &NodeHandle| {
            let _lost = node.power_fail();
        });
        handle.disk().restore(&image);
        malformed.doubt(node);
        world.put_back(node);
        raft.is_put_back(node);
        fleet.up(node);
        if told.is_some_and(|told| told > before) {
            let began = cluster.now();
            while world.is_put_back(node) {
                if cluster.now().since(began) > REFUSED {
                    let text = format!("node {node} goes on though it forgot what it had told");
                    return Err(Violation::new("I15-forgot-goes-on", text));
                }
                cluster.sleep(Duration::from_millis(100)).await;
            }
        }
        self.comes_to(World::unled, "some partitions have no leader once a disk was put back").await?;
        all_get_on(cluster, account, &plan.broker, history, clients, (&[], RECOVERY)).await
    }
}
