//! A snapshot of the metadata from another node, for a log that can go on only behind it: see `docs/metadata-snapshot.md`.
use std::time::Duration;

use bytes::Bytes;

use crate::io::Clock;
use crate::metadata::{Loaded, SnapshotError, SnapshotId, Snapshots};
use crate::partition::{AskFailed, PeerCalls, SnapshotWanted};
use crate::probe::{Mutant, mutant};
use crate::types::limits::METADATA_SNAPSHOT_BYTES_MAX;
use crate::types::{LeaderEpoch, NodeId, Offset};
use crate::wire::Text;
use crate::wire::messages::fetch_snapshot_request::{PartitionSnapshot, SnapshotId as WireId, TopicSnapshot};
use crate::wire::messages::{FetchSnapshotRequest, fetch_snapshot_response};

/// The version in which nodes ask each other.
const VERSION: i16 = 1;
/// The metadata log as requests name it.
const METADATA_TOPIC: &str = "__cluster_metadata";
/// How long one piece may take.
const PIECE_PATIENCE: Duration = Duration::from_secs(5);
/// Why no snapshot came.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    #[error("node {node} did not answer: {source}")]
    Unanswered { node: NodeId, source: AskFailed },
    #[error("node {node} refuses, with error code {code}")]
    Refused { node: NodeId, code: i16 },
    #[error("node {node} sends what was not asked for: {what}")]
    Wrong { node: NodeId, what: String },
    #[error("the snapshot of node {node} covers offsets up to {end}, and {wanted} are wanted")]
    TooOld { node: NodeId, end: Offset, wanted: Offset },
    #[error(
        "the snapshot of node {node} has {bytes} bytes; this release takes {METADATA_SNAPSHOT_BYTES_MAX}"
    )]
    TooLarge { node: NodeId, bytes: i64 },
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

/// A piece of a snapshot.
struct Piece {
    id: SnapshotId,
    size: u64,
    bytes: Bytes,
}

/// Gets the newest snapshot of a node piece by piece, and makes it durable here.
///
/// # Errors
/// If it does not come whole, is none, or cannot be kept: nothing has changed then.
pub(super) async fn receive(
    clock: &dyn Clock,
    calls: &PeerCalls,
    snapshots: &mut Snapshots,
    wanted: SnapshotWanted,
    piece_bytes: u32,
) -> Result<Loaded, TransferError> {
    let node = wanted.from;
    let first = ask(clock, calls, node, None, 0, piece_bytes).await?;
    let Piece { id, size, .. } = first;
    if id.end < wanted.covering {
        return Err(TransferError::TooOld { node, end: id.end, wanted: wanted.covering });
    }
    let mut receiving = snapshots.begin_receiving().await?;
    let mut piece = first;
    loop {
        if (piece.id, piece.size) != (id, size) {
            let what = format!("a piece of {:?} with {} bytes", piece.id, piece.size);
            return Err(TransferError::Wrong { node, what });
        }
        let length = piece.bytes.len() as u64;
        let after = receiving.written() + length;
        if after > size || (piece.bytes.is_empty() && after < size) {
            let what = format!("a piece up to byte {after} of {size}");
            return Err(TransferError::Wrong { node, what });
        }
        receiving.write(piece.bytes).await?;
        let is_whole =
            after == size || (mutant(Mutant::SnapshotWholeEarly) && after + u64::from(piece_bytes) > size);
        if is_whole {
            return Ok(snapshots.finish_receiving(receiving, id).await?);
        }
        let next = if mutant(Mutant::SnapshotPieceAgain) { length } else { after };
        piece = ask(clock, calls, node, Some(id), next, piece_bytes).await?;
    }
}

/// Asks for the bytes at a position; of the newest snapshot, unless one is named.
async fn ask(
    clock: &dyn Clock,
    calls: &PeerCalls,
    node: NodeId,
    id: Option<SnapshotId>,
    position: u64,
    piece_bytes: u32,
) -> Result<Piece, TransferError> {
    let named = id.unwrap_or(SnapshotId { end: Offset(-1), epoch: LeaderEpoch(-1) });
    let partition = PartitionSnapshot {
        snapshot_id: WireId { end_offset: named.end.0, epoch: named.epoch.0, ..WireId::default() },
        position: i64::try_from(position).unwrap_or(i64::MAX),
        ..PartitionSnapshot::default()
    };
    let request = FetchSnapshotRequest {
        max_bytes: i32::try_from(piece_bytes).unwrap_or(i32::MAX),
        topics: vec![TopicSnapshot {
            name: Text::from_static(METADATA_TOPIC),
            partitions: vec![partition],
            ..TopicSnapshot::default()
        }],
        ..FetchSnapshotRequest::default()
    };
    let deadline = clock.now().after(PIECE_PATIENCE);
    let asked = calls.ask(clock, (node, deadline), VERSION, &request).await;
    let response = asked.map_err(|source| TransferError::Unanswered { node, source })?;
    let told = response.topics.into_iter().next().and_then(|topic| topic.partitions.into_iter().next());
    let Some(told) = told else {
        return Err(TransferError::Refused { node, code: response.error_code });
    };
    piece_of(node, position, piece_bytes, told)
}

/// What an answer holds, if it is one to what was asked.
fn piece_of(
    node: NodeId,
    position: u64,
    piece_bytes: u32,
    told: fetch_snapshot_response::PartitionSnapshot,
) -> Result<Piece, TransferError> {
    if told.error_code != 0 {
        return Err(TransferError::Refused { node, code: told.error_code });
    }
    let wrong = |what: String| TransferError::Wrong { node, what };
    let size = u64::try_from(told.size).map_err(|_| wrong(format!("a size of {}", told.size)))?;
    if size > METADATA_SNAPSHOT_BYTES_MAX {
        return Err(TransferError::TooLarge { node, bytes: told.size });
    }
    if u64::try_from(told.position).ok() != Some(position) {
        return Err(wrong(format!("the bytes at {} instead of those at {position}", told.position)));
    }
    let bytes = told.unaligned_records.into_bytes();
    if bytes.len() > piece_bytes as usize {
        return Err(wrong(format!("{} bytes instead of {piece_bytes}", bytes.len())));
    }
    let told = told.snapshot_id;
    if told.end_offset < 0 || told.epoch < 0 {
        return Err(wrong(format!("a snapshot that ends at {}, epoch {}", told.end_offset, told.epoch)));
    }
    let id = SnapshotId { end: Offset(told.end_offset), epoch: LeaderEpoch(told.epoch) };
    Ok(Piece { id, size, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Records;
    use crate::wire::messages::fetch_snapshot_response::{PartitionSnapshot, SnapshotId as ToldId};

    const NODE: NodeId = NodeId(2);

    fn told(end: i64, size: i64, position: i64, bytes: &'static [u8]) -> PartitionSnapshot {
        PartitionSnapshot {
            snapshot_id: ToldId { end_offset: end, epoch: 3, ..ToldId::default() },
            size,
            position,
            unaligned_records: Records::from(Bytes::from_static(bytes)),
            ..PartitionSnapshot::default()
        }
    }

    #[test]
    fn only_what_was_asked_for_is_taken() {
        let piece = piece_of(NODE, 4, 8, told(9, 100, 4, b"bytes")).expect("a piece");
        assert_eq!((piece.id.end, piece.size, &piece.bytes[..]), (Offset(9), 100, &b"bytes"[..]));
        let most = i64::try_from(METADATA_SNAPSHOT_BYTES_MAX).expect("it fits");
        let wrong = [
            (told(9, -1, 4, b"bytes"), "a size of -1"),
            (told(9, most + 1, 4, b"bytes"), "this release takes"),
            (told(9, 100, 5, b"bytes"), "at 5 instead of those at 4"),
            (told(9, 100, 4, b"many bytes"), "10 bytes instead of 8"),
            (told(-1, 100, 4, b"bytes"), "ends at -1"),
        ];
        for (told, text) in wrong {
            let Err(error) = piece_of(NODE, 4, 8, told) else { panic!("taken: {text}") };
            assert!(error.to_string().contains(text), "{error}");
        }
        let refused = PartitionSnapshot { error_code: 98, ..told(9, 100, 4, b"") };
        assert!(matches!(piece_of(NODE, 4, 8, refused), Err(TransferError::Refused { code: 98, .. })));
    }
}
