//! What this node holds of partitions, by the image: `docs/cluster.md`, Reassignment.
use std::sync::Arc;

use tracing::info;

use super::ControllerUnavailable;
use super::task::Controller;
use crate::metadata::PartitionImage;
use crate::partition::{Assignment, PartitionSpec, Partitions, ReplicaOrigin};
use crate::probe::{Mutant, mutant};
use crate::raft::{ReplicaKey, VoterSet};
use crate::types::{NodeId, PartitionId, Uuid};

impl Controller {
    /// Whether this node shall hold a replica of a partition.
    pub(super) fn shall_hold(&self, id: PartitionId) -> bool {
        let node = self.config.start.node_id;
        self.image.partition(id).is_some_and(|partition| partition.replicas.contains(&node))
    }

    /// Makes this node's replicas of partitions, whether it shall hold them or not. What is said of each is said once its turn has come:
    /// of very many it would take much memory.
    pub(super) async fn create(&self, ids: &[PartitionId]) -> Result<(), ControllerUnavailable> {
        for some in ids.chunks(Partitions::CREATED_AT_ONCE) {
            let specs: Vec<PartitionSpec> = some.iter().filter_map(|&id| self.spec(id)).collect();
            self.partitions.create(specs).await?;
        }
        Ok(())
    }

    /// What a node that has a replica of a partition holds, if there is such a partition.
    fn spec(&self, id: PartitionId) -> Option<PartitionSpec> {
        let topic = self.image.topic_by_id(id.topic)?;
        let partition = topic.partition(id.index)?;
        let mut assignment = assignment(partition, self.config.start.node_id);
        let mut founders = partition.founders.clone();
        if mutant(Mutant::ReassignFoundsAnew) {
            let key = |&node: &NodeId| {
                let directory = self.image.brokers.get(&node).map_or(Uuid::ZERO, |broker| broker.directory);
                ReplicaKey { node, directory }
            };
            founders = assignment.target.iter().map(key).collect();
            assignment.origin = ReplicaOrigin::Founder;
        }
        let voters =
            VoterSet::of(founders).expect("the controller gives each partition replicas on distinct nodes");
        let (topic, config) = (Arc::clone(&topic.name), self.log_config(topic));
        let lone = !self.clustered;
        Some(PartitionSpec { id, topic, voters, assignment: Some(assignment), lone, config })
    }

    /// Tells replicas of this node who shall hold their partitions. It is of no interest where there is none; one that is to hold its
    /// partition no longer stays until the leader lets it go.
    pub(super) async fn assign(
        &self,
        ids: impl IntoIterator<Item = PartitionId>,
    ) -> Result<(), ControllerUnavailable> {
        for id in ids {
            if let Some(partition) = self.image.partition(id) {
                self.partitions.assign(id, assignment(partition, self.config.start.node_id)).await?;
            }
        }
        Ok(())
    }

    /// The same for all whose replicas have ever changed.
    pub(super) async fn assign_all(&self) -> Result<(), ControllerUnavailable> {
        let has_changed =
            |id: &PartitionId| self.image.partition(*id).is_some_and(|one| one.partition_epoch > 0);
        let changed: Vec<PartitionId> =
            self.partitions.leaderships().ids().into_iter().filter(has_changed).collect();
        self.assign(changed).await
    }

    /// Replicas that their leaders let go, and that are gone.
    pub(super) async fn left(&mut self, ids: Vec<PartitionId>) -> Result<(), ControllerUnavailable> {
        let mut again = Vec::new();
        for id in ids {
            self.leaving.remove(&id);
            let Some(topic) = self.image.topic_by_id(id.topic) else { continue };
            let is_gone = self.partitions.leaderships().of(id).is_none();
            if is_gone {
                info!(partition = %format_args!("{}-{}", topic.name, id.index), "reassigned: this node's replica is removed");
            }
            if is_gone && self.shall_hold(id) {
                again.push(id);
            }
        }
        self.create(&again).await
    }
}

/// Who shall hold a partition, as this node is to know it.
fn assignment(partition: &PartitionImage, node: NodeId) -> Assignment {
    let is_founder = partition.has_founder(node);
    Assignment {
        replicas: partition.replicas.clone(),
        target: partition.target(),
        origin: if is_founder { ReplicaOrigin::Founder } else { ReplicaOrigin::Newcomer },
    }
}
