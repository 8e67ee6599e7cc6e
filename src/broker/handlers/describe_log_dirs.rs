use std::collections::BTreeMap;
use std::sync::Arc;

use crate::broker::{Caller, Context};
use crate::metadata::MetadataImage;
use crate::partition::PartitionStats;
use crate::types::{ErrorCode, PartitionId, PartitionIndex};
use crate::wire::messages::describe_log_dirs_request::DescribableLogDirTopic;
use crate::wire::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use crate::wire::messages::{DescribeLogDirsRequest, DescribeLogDirsResponse};

/// DescribeLogDirs (key 35): the one data directory of this node.
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    _caller: &Caller,
    request: DescribeLogDirsRequest,
) -> DescribeLogDirsResponse {
    let image = context.metadata();
    let ids = request.topics.map(|topics| wanted(&image, &topics));
    let result = match (context.partitions.stats(ids).await, context.io.disk.space().await) {
        (Ok(stats), Ok(space)) => DescribeLogDirsResult {
            // It serves on: what was written is told all the same.
            error_code: match context.partitions.disk_fails() {
                Some(_) => ErrorCode::KafkaStorageError.code(),
                None => ErrorCode::None.code(),
            },
            topics: topics(&image, &stats),
            total_bytes: i64::try_from(space.total).unwrap_or(i64::MAX),
            // What is left may be too little for anything that is to be written, or a quota's last word.
            usable_bytes: match context.partitions.disk_full() {
                Some(_) => 0,
                None => i64::try_from(space.available).unwrap_or(i64::MAX),
            },
            ..Default::default()
        },
        (stats, space) => {
            let closed = stats.is_err();
            tracing::warn!(closed, cause = ?space.err(), "the data directory cannot be described");
            DescribeLogDirsResult { error_code: ErrorCode::KafkaStorageError.code(), ..Default::default() }
        }
    };
    let slow = context.cluster.as_ref().and_then(|cluster| cluster.slow(context.config().node_id));
    let result = DescribeLogDirsResult {
        log_dir: context.config().data_directory.clone().into(),
        slow_commit_ms: slow.map_or(0, |slow| i32::try_from(slow.longest.as_millis()).unwrap_or(i32::MAX)),
        ..result
    };
    DescribeLogDirsResponse { results: vec![result], ..DescribeLogDirsResponse::default() }
}

/// The partitions that a request names, as far as they exist.
fn wanted(image: &MetadataImage, topics: &[DescribableLogDirTopic]) -> Vec<PartitionId> {
    let mut ids: Vec<PartitionId> = topics
        .iter()
        .filter_map(|named| Some((image.topic(&named.topic)?, &named.partitions)))
        .flat_map(|(topic, partitions)| {
            partitions.iter().map(|&index| PartitionId { topic: topic.id, index: PartitionIndex(index) })
        })
        .collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// By name; what no topic owns (the metadata log) is left out.
fn topics(image: &MetadataImage, stats: &[PartitionStats]) -> Vec<DescribeLogDirsTopic> {
    let mut by_name: BTreeMap<&str, Vec<DescribeLogDirsPartition>> = BTreeMap::new();
    for one in stats {
        let Some(topic) = image.topic_by_id(one.id.topic) else { continue };
        by_name.entry(&topic.name).or_default().push(DescribeLogDirsPartition {
            partition_index: one.id.index.0,
            partition_size: i64::try_from(one.size_bytes).unwrap_or(i64::MAX),
            // How far this replica is behind what is committed.
            offset_lag: one.high_watermark.since(one.log_end).max(0),
            is_future_key: false,
            ..Default::default()
        });
    }
    by_name
        .into_iter()
        .map(|(name, partitions)| DescribeLogDirsTopic {
            name: name.to_owned().into(),
            partitions,
            ..Default::default()
        })
        .collect()
}
