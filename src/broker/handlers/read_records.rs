use std::sync::Arc;

use super::fetch::run_stored_if_there;
use crate::broker::Context;
use crate::broker::errors::AsErrorCode;
use crate::partition::{EpochCheck, ReadData, ReadFrom, ReadRequest};
use crate::types::{ErrorCode, LeaderEpoch, NodeId, Offset, PartitionId, PartitionIndex};
use crate::wire::Records;
use crate::wire::messages::{ReadRecordsRequest, ReadRecordsResponse};

/// How many bytes are answered at most, but for a single larger batch.
const BYTES_MAX: usize = 4 << 20;

/// ReadRecords (key 20012), from nodes alone, to any that has a replica: record batches as they are on its disk, for one that can
/// read its own no more. Nothing is answered before all up to the asked end is known here to be committed: then no batch means
/// that there is none.
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    _from: NodeId,
    request: ReadRecordsRequest,
) -> ReadRecordsResponse {
    match read(context, &request).await {
        Ok(response) => response,
        Err(code) => ReadRecordsResponse { error_code: code.code(), ..ReadRecordsResponse::default() },
    }
}

async fn read(context: &Context, request: &ReadRecordsRequest) -> Result<ReadRecordsResponse, ErrorCode> {
    let id = PartitionId { topic: request.topic_id, index: PartitionIndex(request.partition_index) };
    let max_bytes = usize::try_from(request.max_bytes).unwrap_or(0).min(BYTES_MAX);
    let read = ReadRequest {
        id,
        offset: Offset(request.offset),
        max_bytes,
        epoch: EpochCheck(LeaderEpoch::NONE),
        last_fetched_epoch: LeaderEpoch::NONE,
        from: ReadFrom::Replica,
    };
    let results = context.partitions.read(vec![read], max_bytes, true, None).await;
    let result = results.ok().and_then(|mut results| results.pop()).ok_or(ErrorCode::BrokerNotAvailable)?;
    let data = result.data.map_err(|error| error.error_code())?;
    if result.high_watermark < Offset(request.end_offset) {
        return Err(ErrorCode::OffsetNotAvailable);
    }
    let files = result.files.ok_or(ErrorCode::NotLeaderOrFollower)?;
    let pieces = match data {
        ReadData::Memory(pieces) => pieces,
        ReadData::Stored { plan, .. } => {
            run_stored_if_there(context, id, plan).await?.ok_or(ErrorCode::OffsetNotAvailable)?
        }
    };
    Ok(ReadRecordsResponse {
        log_id: i64::try_from(files.log.0).map_err(|_| ErrorCode::UnknownServerError)?,
        rewrites: i32::try_from(files.rewrites).map_err(|_| ErrorCode::UnknownServerError)?,
        records: Records::from(pieces),
        ..ReadRecordsResponse::default()
    })
}
