use std::sync::Arc;

use crate::broker::{Caller, Context};
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
    let image = context.metadata();
    let data = match &stats {
        Some(stats) if stats.leader => {
            described(stats, |node| heard_ms(context, node), |key| caught_up_ms(context, stats.epoch, key))
        }
        Some(_) | None => PartitionData {
            error_code: ErrorCode::NotLeaderOrFollower.code(),
            leader_id: -1,
            leader_epoch: -1,
            ..PartitionData::default()
        },
    };
    let topic_name = Text::from(METADATA_TOPIC);
    let topics = vec![TopicData { topic_name, partitions: vec![data], ..TopicData::default() }];
    // Where nodes reach each other, as for Kafka's controllers.
    let listener = context.cluster.as_ref().map(|cluster| &cluster.listener);
    let nodes = image.registrations().map(|(node, broker)| Node {
        node_id: node.0,
        listeners: broker
            .endpoints
            .iter()
            .filter(|endpoint| listener.is_none_or(|name| *name == endpoint.listener))
            .map(|endpoint| Listener {
                name: Text::from(endpoint.listener.as_str()),
                host: Text::from(endpoint.host.as_str()),
                port: endpoint.port,
                ..Listener::default()
            })
            .collect(),
        ..Node::default()
    });
    let nodes = if caller.version >= 2 { nodes.collect() } else { Vec::new() };
    DescribeQuorumResponse { topics, nodes, ..DescribeQuorumResponse::default() }
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
