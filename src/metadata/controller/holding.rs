//! What this node holds of partitions, by the image: `docs/cluster.md`, Reassignment.
use std::sync::Arc;

use tracing::info;

use super::ControllerUnavailable;
use super::task::Controller;
use crate::metadata::{PartitionImage, TopicImage};
use crate::partition::{Assignment, PartitionSpec, ReplicaOrigin};
use crate::probe::{Mutant, mutant};
use crate::raft::{ReplicaKey, VoterSet};
use crate::types::{NodeId, PartitionId, Uuid};

impl Controller {
    /// What this node shall hold of a partition, if it is one of its replicas.
    pub(super) fn spec(&self, topic: &TopicImage, id: PartitionId, node: NodeId) -> Option<PartitionSpec> {
        let partition = topic.partition(id.index)?;
        partition.replicas.contains(&node).then(|| self.spec_of(topic, id, partition))
    }

    /// What a node that has a replica of a partition holds, whether it shall or not.
    pub(super) fn spec_of(
        &self,
        topic: &TopicImage,
        id: PartitionId,
        partition: &PartitionImage,
    ) -> PartitionSpec {
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
        PartitionSpec { id, topic, voters, assignment: Some(assignment), config }
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
        let node = self.config.start.node_id;
        let mut again = Vec::new();
        for id in ids {
            self.leaving.remove(&id);
            let Some(topic) = self.image.topic_by_id(id.topic) else { continue };
            if self.partitions.leaderships().of(id).is_none() {
                info!(partition = %format_args!("{}-{}", topic.name, id.index), "reassigned: this node's replica is removed");
                again.extend(self.spec(topic, id, node));
            }
        }
        if !again.is_empty() {
            self.partitions.create(again).await?;
        }
        Ok(())
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
