use std::sync::Arc;

use crate::broker::Context;
use crate::metadata::{SnapshotId, read_piece};
use crate::types::limits::METADATA_SNAPSHOT_PIECE_BYTES_MAX;
use crate::types::{ErrorCode, LeaderEpoch, NodeId, Offset};
use crate::wire::Records;
use crate::wire::messages::fetch_snapshot_request::{PartitionSnapshot as Asked, SnapshotId as AskedId};
use crate::wire::messages::fetch_snapshot_response::{
    PartitionSnapshot, SnapshotId as WireId, TopicSnapshot,
};
use crate::wire::messages::{FetchSnapshotRequest, FetchSnapshotResponse};

/// FetchSnapshot (key 59, KIP-630), from nodes alone: some bytes of a snapshot of the metadata that is on this node's disk; of its
/// newest one, if the id is −1, −1. The file travels as it is, and whoever gets it checks its checksum.
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    _from: NodeId,
    request: FetchSnapshotRequest,
) -> FetchSnapshotResponse {
    let bytes_max = usize::try_from(request.max_bytes).unwrap_or(0).min(METADATA_SNAPSHOT_PIECE_BYTES_MAX);
    // One log has snapshots, and of one request one piece is answered.
    let Some(topic) = request.topics.into_iter().next() else { return FetchSnapshotResponse::default() };
    let Some(asked) = topic.partitions.into_iter().next() else { return FetchSnapshotResponse::default() };
    let index = asked.partition;
    let told = match piece(context, asked, bytes_max).await {
        Ok(told) => told,
        Err(code) => PartitionSnapshot { error_code: code.code(), ..PartitionSnapshot::default() },
    };
    let partitions = vec![PartitionSnapshot { index, ..told }];
    let topics = vec![TopicSnapshot { name: topic.name, partitions, ..TopicSnapshot::default() }];
    FetchSnapshotResponse { topics, ..FetchSnapshotResponse::default() }
}

async fn piece(context: &Context, asked: Asked, bytes_max: usize) -> Result<PartitionSnapshot, ErrorCode> {
    let AskedId { end_offset, epoch, .. } = asked.snapshot_id;
    let named = SnapshotId { end: Offset(end_offset), epoch: LeaderEpoch(epoch) };
    let newest = || context.controller.newest_snapshot();
    let id = if end_offset < 0 { newest() } else { Some(named) }.ok_or(ErrorCode::SnapshotNotFound)?;
    let position = u64::try_from(asked.position).map_err(|_| ErrorCode::PositionOutOfRange)?;
    let read = read_piece(&*context.io.disk, id, position, bytes_max).await.map_err(|error| {
        tracing::warn!(%error, "a snapshot of the metadata cannot be read for another node");
        ErrorCode::KafkaStorageError
    })?;
    let (bytes, size) = read.ok_or(ErrorCode::SnapshotNotFound)?;
    if position > size {
        return Err(ErrorCode::PositionOutOfRange);
    }
    Ok(PartitionSnapshot {
        snapshot_id: WireId { end_offset: id.end.0, epoch: id.epoch.0, ..WireId::default() },
        size: i64::try_from(size).map_err(|_| ErrorCode::KafkaStorageError)?,
        position: asked.position,
        unaligned_records: Records::from(bytes),
        ..PartitionSnapshot::default()
    })
}
