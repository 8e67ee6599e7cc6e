use std::collections::{BTreeMap, BTreeSet};
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
/// other path Kafka's answer for a directory that it does not have is given.
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
    let mut named: BTreeSet<(Text, i32)> = BTreeSet::new();
    for directory in request.dirs {
        let is_own = *directory.path == **own;
        for topic in directory.topics {
            for index in topic.partitions {
                let is_new = named.insert((topic.name.clone(), index));
                let code = match (is_new, is_own) {
                    // It cannot be in two places.
                    (false, _) => ErrorCode::InvalidRequest,
                    (true, false) => ErrorCode::KafkaStorageError,
                    (true, true) => replica(&image, &damaged, &topic.name, index),
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
    let id = image.topic(topic).map(|topic| PartitionId { topic: topic.id, index: PartitionIndex(index) });
    match id.and_then(|id| damaged.get(&id)) {
        Some(false) => ErrorCode::None,
        Some(true) => ErrorCode::KafkaStorageError,
        None => ErrorCode::ReplicaNotAvailable,
    }
}
