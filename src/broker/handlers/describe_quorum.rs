use std::sync::Arc;

use crate::broker::{Caller, Context};
use crate::metadata::MetadataImage;
use crate::metadata::controller::METADATA_PARTITION;
use crate::partition::{PartitionStats, ReplicaKey};
use crate::types::{ErrorCode, LeaderEpoch, NodeId, Offset};
use crate::wire::Text;
use crate::wire::messages::describe_quorum_response::{
    Listener, Node, PartitionData, ReplicaState, TopicData,
};
use crate::wire::messages::{DescribeQuorumRequest, DescribeQuorumResponse};

/// The metadata log as tools name it.
const METADATA_TOPIC: &str = "__cluster_metadata";

/// DescribeQuorum (key 55, KIP-595), answered by the active controller: who votes on the metadata log, and how far each holds it.
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    caller: &Caller,
    request: DescribeQuorumRequest,
) -> DescribeQuorumResponse {
    if !asks_for_the_metadata(&request) {
        return refuse_all(caller, request);
    }
    let stats = context.partitions.stats(Some(vec![METADATA_PARTITION])).await;
    let stats = stats.ok().and_then(|mut stats| stats.pop());
    let stats = stats.filter(|stats| stats.leader);
    let data = match &stats {
        Some(stats) => {
            described(stats, |node| heard_ms(context, node), |key| caught_up_ms(context, stats.epoch, key))
        }
        None => PartitionData {
            error_code: ErrorCode::NotLeaderOrFollower.code(),
            leader_id: -1,
            leader_epoch: -1,
            ..PartitionData::default()
        },
    };
    let topic_name = Text::from(METADATA_TOPIC);
    let topics = vec![TopicData { topic_name, partitions: vec![data], ..TopicData::default() }];
    let nodes = if caller.version >= 2 {
        let cluster = context.cluster.as_ref();
        let listener = cluster.map(|cluster| cluster.listener.as_str());
        let voters = stats.as_ref().map(|stats| stats.voters.keys()).unwrap_or_default();
        reached_at(&context.metadata(), voters, listener, |node| cluster?.claims.address(node))
    } else {
        Vec::new()
    };
    DescribeQuorumResponse { topics, nodes, ..DescribeQuorumResponse::default() }
}

/// Where nodes reach each other, as for Kafka's controllers: those that are registered, and voters that are not, of which nothing is known
/// but what they `said` when they connected.
fn reached_at(
    image: &MetadataImage,
    voters: &[ReplicaKey],
    listener: Option<&str>,
    said: impl Fn(NodeId) -> Option<(String, u16)>,
) -> Vec<Node> {
    let at = |name: &str, host: &str, port: u16| Listener {
        name: Text::from(name),
        host: Text::from(host),
        port,
        ..Listener::default()
    };
    let registered = image.registrations().map(|(node, broker)| Node {
        node_id: node.0,
        listeners: broker
            .endpoints
            .iter()
            .filter(|endpoint| listener.is_none_or(|name| name == endpoint.listener))
            .map(|endpoint| at(&endpoint.listener, &endpoint.host, endpoint.port))
            .collect(),
        ..Node::default()
    });
    let others = voters.iter().map(|key| key.node).filter(|node| image.registered(*node).is_none());
    let others = others.map(|node| Node {
        node_id: node.0,
        listeners: said(node)
            .zip(listener)
            .map(|((host, port), name)| at(name, &host, port))
            .into_iter()
            .collect(),
        ..Node::default()
    });
    registered.chain(others).collect()
}

/// Whether it is a question about the metadata's partition, and about nothing else.
fn asks_for_the_metadata(request: &DescribeQuorumRequest) -> bool {
    let [topic] = request.topics.as_slice() else { return false };
    let [partition] = topic.partitions.as_slice() else { return false };
    *topic.topic_name == *METADATA_TOPIC && partition.partition_index == 0
}

/// As Kafka, which answers nothing of a request that names something else, too.
fn refuse_all(caller: &Caller, request: DescribeQuorumRequest) -> DescribeQuorumResponse {
    let message = (caller.version >= 2)
        .then(|| Text::from("what can be described is partition 0 of __cluster_metadata, asked for alone"));
    let topics = request.topics.into_iter().map(|topic| {
        let refused = topic.partitions.iter().map(|asked| PartitionData {
            partition_index: asked.partition_index,
            error_code: ErrorCode::UnknownTopicOrPartition.code(),
            error_message: message.clone(),
            ..PartitionData::default()
        });
        TopicData { partitions: refused.collect(), topic_name: topic.topic_name, ..TopicData::default() }
    });
    DescribeQuorumResponse { topics: topics.collect(), ..DescribeQuorumResponse::default() }
}

/// When a node was heard last, by the wall clock of this one, in milliseconds: now for this node itself, −1 for one that was not heard
/// since this process began (KIP-836).
fn heard_ms(context: &Context, node: NodeId) -> i64 {
    let clock = &*context.io.clock;
    if node == context.config().node_id {
        return clock.wall().0;
    }
    let heard = context.cluster.as_ref().and_then(|cluster| cluster.doubts.heard(node));
    heard.map_or(-1, |at| {
        clock.wall().0 - i64::try_from(clock.now().since(at).as_millis()).unwrap_or(i64::MAX)
    })
}

/// When a replica that is behind was last seen to hold all that was committed, by the wall clock of this node, in milliseconds: −1 for one
/// that was not in this epoch.
fn caught_up_ms(context: &Context, epoch: LeaderEpoch, key: ReplicaKey) -> i64 {
    let last = context.cluster.as_ref().and_then(|cluster| cluster.caught_up().last(epoch, key));
    last.map_or(-1, |at| at.0)
}

fn described(
    stats: &PartitionStats,
    heard_ms: impl Fn(NodeId) -> i64,
    was_caught_up_ms: impl Fn(ReplicaKey) -> i64,
) -> PartitionData {
    let leader = stats.leader_node;
    let caught_up_ms = |key: ReplicaKey, end: Option<Offset>| {
        let has_all = end.is_some_and(|end| end >= stats.high_watermark);
        if has_all { heard_ms(key.node) } else { was_caught_up_ms(key) }
    };
    let voters = stats.voters.keys().iter().map(|key| {
        // Its own log is more than what it holds durably.
        let end =
            if leader == Some(key.node) { Some(stats.log_end) } else { stats.acknowledged_by(key.node) };
        ReplicaState {
            replica_id: key.node.0,
            replica_directory_id: key.directory,
            log_end_offset: end.map_or(-1, |end| end.0),
            last_fetch_timestamp: heard_ms(key.node),
            last_caught_up_timestamp: caught_up_ms(*key, end),
            ..ReplicaState::default()
        }
    });
    let observers = stats.observers.iter().map(|(key, end)| ReplicaState {
        replica_id: key.node.0,
        replica_directory_id: key.directory,
        log_end_offset: end.0,
        last_fetch_timestamp: heard_ms(key.node),
        last_caught_up_timestamp: caught_up_ms(*key, Some(*end)),
        ..ReplicaState::default()
    });
    PartitionData {
        leader_id: leader.map_or(-1, |node| node.0),
        leader_epoch: stats.epoch.0,
        high_watermark: stats.high_watermark.0,
        current_voters: voters.collect(),
        observers: observers.collect(),
        ..PartitionData::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::{BrokerImage, Endpoint};
    use crate::types::{Roles, TopicId, Uuid};

    fn registered(host: &str) -> BrokerImage {
        let at =
            |listener: &str, port| Endpoint { listener: listener.to_owned(), host: host.to_owned(), port };
        BrokerImage {
            incarnation: TopicId::ZERO,
            directory: Uuid::ZERO,
            epoch: 0,
            fenced: false,
            draining: false,
            endpoints: vec![at("CLIENTS", 9092), at("NODES", 9093)],
            rack: None,
            roles: Roles::Both,
            features: Default::default(),
        }
    }

    #[test]
    fn voters_that_are_not_registered_are_told_of_with_what_they_said() {
        let mut image = MetadataImage::default();
        image.brokers.insert(NodeId(1), registered("one"));
        image.brokers.insert(NodeId(2), registered("two"));
        let voters = [1, 3, 4].map(|node| ReplicaKey { node: NodeId(node), directory: Uuid::ZERO });
        let said = |node: NodeId| (node == NodeId(3)).then(|| ("three".to_owned(), 9_999));
        let told: Vec<_> = reached_at(&image, &voters, Some("NODES"), said)
            .into_iter()
            .map(|node| {
                let listeners = node.listeners.iter();
                let listeners: Vec<_> =
                    listeners.map(|at| format!("{}://{}:{}", at.name, at.host, at.port)).collect();
                (node.node_id, listeners.join(","))
            })
            .collect();
        let wanted = [(1, "NODES://one:9093"), (2, "NODES://two:9093"), (3, "NODES://three:9999"), (4, "")];
        assert_eq!(told, wanted.map(|(node, at)| (node, at.to_owned())));
    }
}
