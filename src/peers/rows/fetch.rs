use super::{Row, RowError, bounded};
use crate::raft::{Fetch, Position, ReplicaKey};
use crate::types::{NodeId, PartitionId};
use crate::wire::messages::peer_fetch::{self, ForgottenRow, PeerPosition};

/// What one replica of a node holds and wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FetchRow {
    pub partition: PartitionId,
    pub fetch: Fetch,
}

/// The rows of a request. The replicas' node is not in them: it is who dialled.
#[must_use]
pub fn write_fetch_rows(rows: &[FetchRow]) -> Vec<peer_fetch::FetchRow> {
    let position = |position: Position| PeerPosition {
        epoch: position.epoch.0,
        end: position.end.0,
        ..PeerPosition::default()
    };
    rows.iter()
        .map(|row| peer_fetch::FetchRow {
            topic_id: row.partition.topic,
            partition_index: row.partition.index.0,
            epoch: row.fetch.epoch.0,
            directory_id: row.fetch.replica.directory,
            log_end: position(row.fetch.log_end),
            durable: position(row.fetch.durable),
            log_start: row.fetch.log_start.0,
            ..peer_fetch::FetchRow::default()
        })
        .collect()
}

/// The rows of a request from node `from`.
///
/// # Errors
/// A value out of its range, or more than [`super::ROWS_MAX`] rows.
pub fn read_fetch_rows(from: NodeId, rows: &[peer_fetch::FetchRow]) -> Result<Vec<FetchRow>, RowError> {
    bounded(rows.len())?;
    rows.iter().map(|row| read_fetch_row(from, row)).collect()
}

fn read_fetch_row(from: NodeId, wire: &peer_fetch::FetchRow) -> Result<FetchRow, RowError> {
    let row = Row::of(wire.topic_id, wire.partition_index)?;
    let position = |field, position: &PeerPosition| row.position(field, position.epoch, position.end);
    let fetch = Fetch {
        epoch: row.epoch_or_none("Epoch", wire.epoch)?,
        replica: ReplicaKey { node: from, directory: wire.directory_id },
        log_end: position("LogEnd", &wire.log_end)?,
        durable: position("Durable", &wire.durable)?,
        log_start: row.offset("LogStart", wire.log_start)?,
    };
    Ok(FetchRow { partition: row.0, fetch })
}

#[must_use]
pub fn write_forgotten(partitions: &[PartitionId]) -> Vec<ForgottenRow> {
    let row = |partition: &PartitionId| ForgottenRow {
        topic_id: partition.topic,
        partition_index: partition.index.0,
        ..ForgottenRow::default()
    };
    partitions.iter().map(row).collect()
}

/// # Errors
/// As [`read_fetch_rows`].
pub fn read_forgotten(rows: &[ForgottenRow]) -> Result<Vec<PartitionId>, RowError> {
    bounded(rows.len())?;
    rows.iter().map(|row| Ok(Row::of(row.topic_id, row.partition_index)?.0)).collect()
}
