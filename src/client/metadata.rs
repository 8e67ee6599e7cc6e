use std::collections::BTreeMap;
use std::fmt;

use super::address::BrokerAddress;
use crate::types::{ErrorCode, LeaderEpoch, NodeId, PartitionIndex, TopicId};
use crate::wire::messages::MetadataResponse;
use crate::wire::messages::metadata_response::{MetadataResponsePartition, MetadataResponseTopic};

/// A partition by its topic's name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TopicPartition {
    pub topic: String,
    pub partition: PartitionIndex,
}

impl TopicPartition {
    #[must_use]
    pub fn new(topic: impl Into<String>, partition: i32) -> TopicPartition {
        TopicPartition { topic: topic.into(), partition: PartitionIndex(partition) }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// What a broker said of the cluster.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct ClusterMetadata {
    pub cluster_id: Option<String>,
    pub controller: Option<NodeId>,
    pub brokers: BTreeMap<NodeId, BrokerNode>,
    pub topics: BTreeMap<String, TopicMetadata>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BrokerNode {
    pub id: NodeId,
    pub address: BrokerAddress,
    pub rack: Option<String>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct TopicMetadata {
    pub name: String,
    pub id: TopicId,
    pub is_internal: bool,
    /// Why the broker told nothing else of it.
    pub error: Option<ErrorCode>,
    /// In the order of their indexes.
    pub partitions: Vec<PartitionMetadata>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct PartitionMetadata {
    pub index: PartitionIndex,
    pub leader: Option<NodeId>,
    pub leader_epoch: LeaderEpoch,
    pub replicas: Vec<NodeId>,
    pub in_sync: Vec<NodeId>,
    pub offline: Vec<NodeId>,
}

impl ClusterMetadata {
    pub(super) fn read(answer: &MetadataResponse) -> ClusterMetadata {
        let brokers = answer.brokers.iter().map(|broker| {
            // A port outside 16 bits leads nowhere, like port 0.
            let address = BrokerAddress {
                host: broker.host.to_string(),
                port: u16::try_from(broker.port).unwrap_or(0),
            };
            let id = NodeId(broker.node_id);
            (id, BrokerNode { id, address, rack: broker.rack.as_ref().map(ToString::to_string) })
        });
        let topics = answer.topics.iter().map(|topic| {
            let topic = TopicMetadata::read(topic);
            (topic.name.clone(), topic)
        });
        ClusterMetadata {
            cluster_id: answer.cluster_id.as_ref().map(ToString::to_string),
            controller: node(answer.controller_id),
            brokers: brokers.collect(),
            topics: topics.collect(),
        }
    }

    /// The partition, if the topic and it are known.
    #[must_use]
    pub fn partition(&self, at: &TopicPartition) -> Option<&PartitionMetadata> {
        self.topics.get(&at.topic)?.partition(at.partition)
    }
}

impl TopicMetadata {
    /// One of the partitions, if there is such a one.
    #[must_use]
    pub fn partition(&self, index: PartitionIndex) -> Option<&PartitionMetadata> {
        let at = self.partitions.binary_search_by_key(&index, |p| p.index).ok()?;
        self.partitions.get(at)
    }

    fn read(topic: &MetadataResponseTopic) -> TopicMetadata {
        let error = (topic.error_code != ErrorCode::None.code())
            .then(|| ErrorCode::from_code(topic.error_code).unwrap_or(ErrorCode::UnknownServerError));
        let mut partitions: Vec<_> = topic.partitions.iter().map(PartitionMetadata::read).collect();
        partitions.sort_by_key(|p| p.index);
        TopicMetadata {
            name: topic.name.as_ref().map(ToString::to_string).unwrap_or_default(),
            id: topic.topic_id,
            is_internal: topic.is_internal,
            error,
            partitions,
        }
    }
}

impl PartitionMetadata {
    fn read(partition: &MetadataResponsePartition) -> PartitionMetadata {
        let nodes = |ids: &[i32]| ids.iter().copied().map(NodeId).collect();
        PartitionMetadata {
            index: PartitionIndex(partition.partition_index),
            leader: node(partition.leader_id),
            leader_epoch: LeaderEpoch(partition.leader_epoch),
            replicas: nodes(&partition.replica_nodes),
            in_sync: nodes(&partition.isr_nodes),
            offline: nodes(&partition.offline_replicas),
        }
    }
}

fn node(id: i32) -> Option<NodeId> {
    (id >= 0).then_some(NodeId(id))
}
