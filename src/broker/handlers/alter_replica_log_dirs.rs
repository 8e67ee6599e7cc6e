use std::collections::BTreeMap;
use std::sync::Arc;

use crate::broker::{Caller, Context};
use crate::metadata::MetadataImage;
use crate::types::{ErrorCode, PartitionId, PartitionIndex};
use crate::wire::Text;
use crate::wire::messages::alter_replica_log_dirs_response::{
    AlterReplicaLogDirPartitionResult, AlterReplicaLogDirTopicResult,
};
use crate::wire::messages::{AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse};

/// AlterReplicaLogDirs (key 34, KIP-113). A node has one data directory: a replica that is to be in it is there already, and to any
/// other path Kafka's answer for a directory that it does not have is given. Of several paths for one partition the last counts.
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    _caller: &Caller,
    request: AlterReplicaLogDirsRequest,
) -> AlterReplicaLogDirsResponse {
    let image = context.metadata();
    // Nothing is here any more while the node stops.
    let stats = context.partitions.stats(None).await.unwrap_or_default();
    let damaged: BTreeMap<PartitionId, bool> = stats.iter().map(|one| (one.id, one.damaged)).collect();
    let own = &context.config().data_directory;
    let mut results: BTreeMap<Text, BTreeMap<i32, ErrorCode>> = BTreeMap::new();
    for directory in request.dirs {
        let is_own = *directory.path == **own;
        for topic in directory.topics {
            for index in topic.partitions {
                let code = if is_own {
                    replica(&image, &damaged, &topic.name, index)
                } else {
                    ErrorCode::LogDirNotFound
                };
                results.entry(topic.name.clone()).or_default().insert(index, code);
            }
        }
    }
    let results = results.into_iter().map(|(topic_name, partitions)| AlterReplicaLogDirTopicResult {
        topic_name,
        partitions: partitions
            .into_iter()
            .map(|(partition_index, code)| AlterReplicaLogDirPartitionResult {
                partition_index,
                error_code: code.code(),
                ..AlterReplicaLogDirPartitionResult::default()
            })
            .collect(),
        ..AlterReplicaLogDirTopicResult::default()
    });
    AlterReplicaLogDirsResponse { results: results.collect(), ..AlterReplicaLogDirsResponse::default() }
}

/// How a replica stands that is to be where it is.
fn replica(
    image: &MetadataImage,
    damaged: &BTreeMap<PartitionId, bool>,
    topic: &str,
    index: i32,
) -> ErrorCode {
    let index = PartitionIndex(index);
    let Some(topic) = image.topic(topic).filter(|topic| topic.partitions.contains_key(&index)) else {
        return ErrorCode::UnknownTopicOrPartition;
    };
    match damaged.get(&PartitionId { topic: topic.id, index }) {
        Some(false) => ErrorCode::None,
        Some(true) => ErrorCode::KafkaStorageError,
        // Other nodes have it.
        None => ErrorCode::ReplicaNotAvailable,
    }
}
