use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::broker::errors::AsErrorCode;
use crate::broker::once_each::once_each;
use crate::broker::{Caller, Context};
use crate::config::is_internal_topic;
use crate::io::timeout;
use crate::metadata::MetadataImage;
use crate::types::{ErrorCode, Offset, PartitionId, PartitionIndex};
use crate::wire::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsTopicResult,
};
use crate::wire::messages::{DeleteRecordsRequest, DeleteRecordsResponse};

/// Stands for the high watermark in a request.
const HIGH_WATERMARK: i64 = -1;
/// How long a request waits that gives no time.
const PATIENCE_DEFAULT: Duration = Duration::from_secs(30);
/// Stands for no low watermark in an answer.
const NO_WATERMARK: i64 = -1;

/// DeleteRecords (key 21): moves logs' starts up. Answered once the new starts are durable.
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    _caller: &Caller,
    request: DeleteRecordsRequest,
) -> DeleteRecordsResponse {
    let image = context.metadata();
    let mut deletions = Vec::new();
    let mut planned = Vec::with_capacity(request.topics.len());
    for topic in once_each(request.topics, |topic| &topic.name, |topic| &mut topic.partitions) {
        // What is said last of a partition counts.
        let asked: BTreeMap<i32, i64> =
            topic.partitions.iter().map(|asked| (asked.partition_index, asked.offset)).collect();
        let mut partitions = Vec::with_capacity(asked.len());
        for (index, offset) in asked {
            let index = PartitionIndex(index);
            let check = check(context, &image, &topic.name, index, offset);
            partitions.push((index, check.map(|deletion| deletions.push(deletion))));
        }
        planned.push((topic.name, partitions));
    }
    // In Kafka the time bounds the wait for followers alone: who gives none has the records deleted all the same.
    let patience = u64::try_from(request.timeout_ms).ok().filter(|ms| *ms > 0);
    let deadline = context.io.clock.now().after(patience.map_or(PATIENCE_DEFAULT, Duration::from_millis));
    let count = deletions.len();
    let deletion = context.partitions.delete_records(deletions);
    let results: Vec<Result<Offset, ErrorCode>> = match timeout(&*context.io.clock, deadline, deletion).await
    {
        Ok(Ok(results)) => {
            results.into_iter().map(|result| result.map_err(|error| error.error_code())).collect()
        }
        Ok(Err(_closed)) => vec![Err(ErrorCode::NotLeaderOrFollower); count],
        Err(_elapsed) => vec![Err(ErrorCode::RequestTimedOut); count],
    };
    let mut results = results.into_iter();
    let mut topics = Vec::with_capacity(planned.len());
    for (name, partitions) in planned {
        let partitions = partitions.into_iter().map(|(index, check)| {
            let result = check.and_then(|()| results.next().expect("every deletion has a result"));
            DeleteRecordsPartitionResult {
                partition_index: index.0,
                low_watermark: result.map_or(NO_WATERMARK, |offset| offset.0),
                error_code: result.err().unwrap_or(ErrorCode::None).code(),
                ..Default::default()
            }
        });
        topics.push(DeleteRecordsTopicResult {
            partitions: partitions.collect(),
            name,
            ..Default::default()
        });
    }
    DeleteRecordsResponse { topics, ..DeleteRecordsResponse::default() }
}

/// What is asked of a partition; no offset stands for the high watermark.
fn check(
    context: &Context,
    image: &MetadataImage,
    topic: &str,
    index: PartitionIndex,
    offset: i64,
) -> Result<(PartitionId, Option<Offset>), ErrorCode> {
    let topic = image.topic(topic).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    if !topic.partitions.contains_key(&index) {
        return Err(ErrorCode::UnknownTopicOrPartition);
    }
    if is_internal_topic(&topic.name) {
        return Err(ErrorCode::InvalidTopicException);
    }
    let cleanup = topic.config(&context.config().topic_defaults).cleanup;
    if cleanup.compact && !cleanup.delete {
        return Err(ErrorCode::PolicyViolation);
    }
    let id = PartitionId { topic: topic.id, index };
    match offset {
        HIGH_WATERMARK => Ok((id, None)),
        negative if negative < 0 => Err(ErrorCode::OffsetOutOfRange),
        offset => Ok((id, Some(Offset(offset)))),
    }
}
