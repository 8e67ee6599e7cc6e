use std::collections::BTreeSet;
use std::sync::Arc;

use crate::broker::errors::AsErrorCode;
use crate::broker::once_each::once_each;
use crate::broker::{Caller, Context};
use crate::partition::{
    EpochCheck, Found, LeadershipError, OffsetQuery, OffsetReply, PartitionError, ScanError,
};
use crate::types::{ErrorCode, LeaderEpoch, Offset, PartitionId, PartitionIndex, Timestamp};
use crate::wire::Text;
use crate::wire::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use crate::wire::messages::{ListOffsetsRequest, ListOffsetsResponse};

/// What a request's timestamp may stand for instead of a time (KIP-734, KIP-405, KIP-1005).
mod special {
    pub(super) const LATEST: i64 = -1;
    pub(super) const EARLIEST: i64 = -2;
    pub(super) const MAX_TIMESTAMP: i64 = -3;
    pub(super) const EARLIEST_LOCAL: i64 = -4;
    pub(super) const LATEST_TIERED: i64 = -5;
    pub(super) const EARLIEST_PENDING_UPLOAD: i64 = -6;
}

/// What one partition is asked.
enum Asked {
    Query(OffsetQuery),
    /// Offsets of a remote tier, of which there is none.
    NoTier,
    /// Not in this version of the request.
    Unsupported,
}

/// ListOffsets (key 2).
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    caller: &Caller,
    request: ListOffsetsRequest,
) -> ListOffsetsResponse {
    let image = context.metadata();
    let repeated = repeated(&request);
    let mut queries = Vec::new();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in once_each(request.topics, |topic| &topic.name, |topic| &mut topic.partitions) {
        let image = image.topic(&topic.name);
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        let mut refused = BTreeSet::new();
        for partition in topic.partitions {
            let index = partition.partition_index;
            if repeated.contains(&(topic.name.clone(), index)) && !refused.insert(index) {
                // Named twice, answered once.
                continue;
            }
            let answer = match (image, asked(partition.timestamp, caller.version)) {
                _ if repeated.contains(&(topic.name.clone(), index)) => Err(ErrorCode::InvalidRequest),
                (_, Asked::Unsupported) => Err(ErrorCode::UnsupportedVersion),
                (None, _) => Err(ErrorCode::UnknownTopicOrPartition),
                (Some(topic), _) if !topic.partitions.contains_key(&PartitionIndex(index)) => {
                    Err(ErrorCode::UnknownTopicOrPartition)
                }
                (Some(topic), asked) => {
                    let id = PartitionId { topic: topic.id, index: PartitionIndex(index) };
                    let check = EpochCheck(LeaderEpoch(partition.current_leader_epoch));
                    // Of a tier that there is none of, only who leads, and in which epoch, can be wrong.
                    let query = if let Asked::Query(query) = asked { Some(query) } else { None };
                    let of_tier = query.is_none();
                    queries.push((id, check, query.unwrap_or(OffsetQuery::Earliest)));
                    Ok((id, check, of_tier))
                }
            };
            partitions.push((index, answer));
        }
        topics.push((topic.name, partitions));
    }
    let mut replies = match context.partitions.offsets(queries).await {
        Ok(replies) => replies.into_iter(),
        Err(_) => Vec::new().into_iter(),
    };
    let mut response = ListOffsetsResponse::default();
    for (name, asked) in topics {
        let mut partitions = Vec::with_capacity(asked.len());
        for (index, answer) in asked {
            partitions.push(match answer {
                Err(code) => failed(index, code),
                Ok((id, check, of_tier)) => match replies.next() {
                    Some(Ok(_)) if of_tier => found(index, Offset::NONE, Timestamp::NONE, LeaderEpoch::NONE),
                    Some(reply) => resolve(context, caller, id, check, reply).await,
                    None => failed(index, ErrorCode::NotLeaderOrFollower),
                },
            });
        }
        response.topics.push(ListOffsetsTopicResponse { name, partitions, ..Default::default() });
    }
    response
}

fn asked(timestamp: i64, version: i16) -> Asked {
    match timestamp {
        special::LATEST => Asked::Query(OffsetQuery::Latest),
        special::EARLIEST => Asked::Query(OffsetQuery::Earliest),
        special::MAX_TIMESTAMP if version >= 7 => Asked::Query(OffsetQuery::MaxTimestamp),
        special::EARLIEST_LOCAL if version >= 8 => Asked::Query(OffsetQuery::Earliest),
        special::LATEST_TIERED if version >= 9 => Asked::NoTier,
        special::EARLIEST_PENDING_UPLOAD if version >= 11 => Asked::NoTier,
        negative if negative < 0 => Asked::Unsupported,
        time => Asked::Query(OffsetQuery::AtOrAfter(Timestamp(time))),
    }
}

/// The partitions that a request names more than once.
fn repeated(request: &ListOffsetsRequest) -> BTreeSet<(Text, i32)> {
    let mut seen = BTreeSet::new();
    let mut repeated = BTreeSet::new();
    for topic in &request.topics {
        for partition in &topic.partitions {
            let key = (topic.name.clone(), partition.partition_index);
            if !seen.insert(key.clone()) {
                repeated.insert(key);
            }
        }
    }
    repeated
}

async fn resolve(
    context: &Context,
    caller: &Caller,
    id: PartitionId,
    check: EpochCheck,
    reply: Result<OffsetReply, PartitionError>,
) -> ListOffsetsPartitionResponse {
    let index = id.index.0;
    match reply {
        Ok(OffsetReply::None) => found(index, Offset::NONE, Timestamp::NONE, LeaderEpoch::NONE),
        Ok(OffsetReply::At { offset, timestamp, epoch }) => found(index, offset, timestamp, epoch),
        Ok(OffsetReply::FirstAtOrAfter(timestamp)) => {
            let hit = context.partitions.first_at_or_after(id, check, timestamp).await;
            searched(context, id, hit).await
        }
        Ok(OffsetReply::Newest(claim)) => {
            let hit = context.partitions.newest(id, check, claim).await;
            searched(context, id, hit).await
        }
        // Clients before version 5 do not know OFFSET_NOT_AVAILABLE (KIP-207).
        Err(PartitionError::Leadership(LeadershipError::Starting)) if caller.version < 5 => {
            failed(index, ErrorCode::LeaderNotAvailable)
        }
        Err(error) => failed(index, error.error_code()),
    }
}

async fn searched(
    context: &Context,
    id: PartitionId,
    hit: Result<Option<Found>, ScanError>,
) -> ListOffsetsPartitionResponse {
    let index = id.index.0;
    match hit {
        Ok(Some(hit)) => found(index, hit.offset, hit.timestamp, hit.epoch),
        Ok(None) => found(index, Offset::NONE, Timestamp::NONE, LeaderEpoch::NONE),
        Err(ScanError::Partition(error)) => failed(index, error.error_code()),
        Err(ScanError::Read(error)) => {
            // A node that shuts down needs no report.
            let _closed = context.partitions.report_damage(id, error).await;
            failed(index, ErrorCode::KafkaStorageError)
        }
        Err(ScanError::Batch(error)) => {
            tracing::error!(partition = %id, %error, "a stored batch cannot be read");
            failed(index, ErrorCode::KafkaStorageError)
        }
        Err(ScanError::Closed) => failed(index, ErrorCode::NotLeaderOrFollower),
    }
}

fn found(
    index: i32,
    offset: Offset,
    timestamp: Timestamp,
    epoch: LeaderEpoch,
) -> ListOffsetsPartitionResponse {
    ListOffsetsPartitionResponse {
        partition_index: index,
        error_code: ErrorCode::None.code(),
        timestamp: timestamp.0,
        offset: offset.0,
        leader_epoch: epoch.0,
        ..Default::default()
    }
}

fn failed(index: i32, code: ErrorCode) -> ListOffsetsPartitionResponse {
    ListOffsetsPartitionResponse {
        error_code: code.code(),
        ..found(index, Offset::NONE, Timestamp::NONE, LeaderEpoch::NONE)
    }
}
