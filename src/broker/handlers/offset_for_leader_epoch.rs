use std::sync::Arc;

use crate::broker::errors::AsErrorCode;
use crate::broker::{Caller, Context};
use crate::partition::{EpochCheck, EpochEnd, PartitionError};
use crate::types::{ErrorCode, LeaderEpoch, PartitionId, PartitionIndex};
use crate::wire::messages::offset_for_leader_epoch_response::{EpochEndOffset, OffsetForLeaderTopicResult};
use crate::wire::messages::{OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse};

/// OffsetForLeaderEpoch (key 23): where an epoch ends (KIP-101, KIP-320).
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    _caller: &Caller,
    request: OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let image = context.metadata();
    let mut queries = Vec::new();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let image = image.topic(&topic.topic);
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for partition in topic.partitions {
            let index = PartitionIndex(partition.partition);
            let known = image.filter(|image| image.partitions.contains_key(&index));
            if let Some(image) = known {
                let id = PartitionId { topic: image.id, index };
                let check = EpochCheck(LeaderEpoch(partition.current_leader_epoch));
                queries.push((id, check, LeaderEpoch(partition.leader_epoch)));
            }
            partitions.push((index, known.is_some()));
        }
        topics.push((topic.topic, partitions));
    }
    let mut ends = match context.partitions.epoch_ends(queries).await {
        Ok(ends) => ends.into_iter(),
        Err(_) => Vec::new().into_iter(),
    };
    let mut response = OffsetForLeaderEpochResponse::default();
    for (topic, asked) in topics {
        let partitions = asked
            .into_iter()
            .map(|(index, known)| {
                if !known {
                    return answer(index, Err(ErrorCode::UnknownTopicOrPartition));
                }
                let end = ends.next().unwrap_or(Err(PartitionError::ShuttingDown));
                answer(index, end.map_err(|error| error.error_code()))
            })
            .collect();
        response.topics.push(OffsetForLeaderTopicResult { topic, partitions, ..Default::default() });
    }
    response
}

fn answer(index: PartitionIndex, end: Result<EpochEnd, ErrorCode>) -> EpochEndOffset {
    let (error, epoch, end_offset) = match end {
        Ok(end) => (ErrorCode::None, end.epoch.0, end.end.0),
        Err(code) => (code, -1, -1),
    };
    EpochEndOffset {
        error_code: error.code(),
        partition: index.0,
        leader_epoch: epoch,
        end_offset,
        ..Default::default()
    }
}
