//! The metadata log from its newest snapshot on, and when the next snapshot is due.
use std::time::Duration;

use super::reader::LogReader;
use super::{ControllerUnavailable, METADATA_PARTITION};
use crate::config::MetadataConfig;
use crate::io::Io;
use crate::metadata::{ImageError, MetadataImage, SnapshotError, SnapshotId, Snapshots};
use crate::partition::{LeadershipError, PartitionError, Partitions, ReadError, ReadFrom, ScanError};
use crate::probe::{Condition, Mutant, mutant, sometimes};
use crate::types::{Instant, LeaderEpoch, Offset};
use crate::wire::DecodeError;
use crate::wire::batch::BatchError;

/// How long a snapshot that failed is not tried again.
const RETRY_INTERVAL: Duration = Duration::from_secs(60);

/// What the metadata log and its snapshots add up to.
pub(super) struct Replayed {
    pub(super) image: MetadataImage,
    /// Behind what was read.
    pub(super) reader: LogReader,
    /// Bytes of the log that no snapshot covers.
    pub(super) bytes: u64,
    pub(super) snapshots: Snapshots,
}

/// Reads the newest snapshot that is whole, and the log behind it.
pub(super) async fn replay(
    io: &Io,
    partitions: &Partitions,
    clustered: bool,
) -> Result<Replayed, ControllerUnavailable> {
    let (snapshots, loaded) = Snapshots::open(io.disk.clone()).await?;
    let id = loaded.as_ref().map(|loaded| loaded.id);
    let mut reader = LogReader::at(id.map_or(Offset::ZERO, |id| id.end));
    let mut image = loaded.map(|loaded| loaded.image).unwrap_or_default();
    let mut bytes = 0;
    loop {
        let batches = partitions.batches(METADATA_PARTITION, reader.next(), ReadFrom::Replica, None).await;
        let batches = match batches {
            Err(error) if clustered && others_have(&error, reader.next()) => {
                sometimes(Condition::ClusterMetadataMissing);
                Vec::new()
            }
            batches => batches.map_err(|error| explain(error, id, &snapshots))?,
        };
        if batches.is_empty() {
            return Ok(Replayed { image, reader, bytes, snapshots });
        }
        bytes += batches.iter().map(|batch| batch.len() as u64).sum::<u64>();
        reader.read(&batches, &mut image)?;
    }
}

/// Whether what a node of a cluster lacks from an offset of the metadata log on comes from the others: its disk had not taken it
/// yet when it was cut off, its log is damaged until its leader resets it, or a segment is until it is repaired.
pub(super) fn others_have(error: &ScanError, next: Offset) -> bool {
    match error {
        ScanError::Partition(PartitionError::OutOfRange { end, .. }) if *end < next => true,
        ScanError::Partition(error) if is_let_go(error, next) => !mutant(Mutant::ClusterNeedsItsMetadata),
        ScanError::Partition(PartitionError::Leadership(LeadershipError::Storage)) => {
            !mutant(Mutant::ClusterNeedsItsMetadata)
        }
        ScanError::Read(error) => is_of_disk(error) && !mutant(Mutant::ClusterNeedsItsMetadata),
        ScanError::Partition(_) | ScanError::Batch(_) | ScanError::Closed => false,
    }
}

/// Whether the log begins behind where it is to be read: the snapshots that stood for what comes before are lost.
pub(super) fn is_let_go(error: &PartitionError, next: Offset) -> bool {
    matches!(error, PartitionError::OutOfRange { start, .. } if next < *start)
}

/// Whether this node's disk does not give back what it was given.
pub(super) fn is_of_disk(error: &ReadError) -> bool {
    match error {
        ReadError::Damaged(_) | ReadError::Corrupt { .. } | ReadError::Io { .. } => true,
        ReadError::OutOfRange { .. } | ReadError::Gone => false,
    }
}

/// A committed record of the metadata log that cannot be used. What is on the disk is not damaged: its checksum was right.
#[derive(Debug, thiserror::Error)]
#[error(
    "the metadata log, {DIRECTORY}/{METADATA_PARTITION} in the data directory, holds at offset {offset} what this release cannot use: {cause}. Nothing was given up: start the release that wrote it"
)]
pub struct UnusableRecord {
    pub offset: Offset,
    pub cause: UnusableCause,
}

/// Where logs lie in the data directory.
const DIRECTORY: &str = "logs";

#[derive(Debug, thiserror::Error)]
pub enum UnusableCause {
    #[error("a batch that cannot be read ({0})")]
    Batch(#[from] BatchError),
    #[error("a record that cannot be read ({0})")]
    Decode(#[from] DecodeError),
    #[error("a record that does not fit what came before it ({0})")]
    Image(#[from] ImageError),
    #[error("the beginning of a change within the one that began at offset {0}")]
    Begun(Offset),
    #[error("the end of a change that did not begin")]
    NotBegun,
}

/// Tells a log that does not reach what the snapshots cover from one that cannot be read.
fn explain(error: ScanError, id: Option<SnapshotId>, snapshots: &Snapshots) -> ControllerUnavailable {
    let (start, end) = match &error {
        ScanError::Partition(PartitionError::OutOfRange { start, end, .. }) => (*start, *end),
        ScanError::Read(ReadError::OutOfRange { log_start, log_end, .. }) => (*log_start, *log_end),
        ScanError::Partition(_) | ScanError::Read(_) | ScanError::Batch(_) | ScanError::Closed => {
            return error.into();
        }
    };
    let lost = match id {
        Some(id) if id.end > end => {
            SnapshotError::BeyondLog { path: id.file_name(), end: id.end.0, log_end: end.0 }
        }
        Some(_) | None => SnapshotError::Lost { log_start: start.0, damaged: snapshots.damage() },
    };
    lost.into()
}

/// Knows when a snapshot is due, and takes it.
pub(super) struct SnapshotKeeper {
    snapshots: Snapshots,
    bytes_max: u64,
    interval: Option<Duration>,
    /// Bytes of the log since the last one.
    bytes: u64,
    /// When the first of these bytes came.
    since: Instant,
    now: Instant,
    retry_at: Instant,
    /// Up to where the last one goes that was begun, whatever became of it.
    begun: Option<Offset>,
}

impl SnapshotKeeper {
    pub(super) fn new(
        snapshots: Snapshots,
        config: &MetadataConfig,
        now: Instant,
        bytes: u64,
    ) -> SnapshotKeeper {
        let (bytes_max, interval) = (config.snapshot_bytes, config.snapshot_interval);
        let (since, retry_at) = (now, now);
        SnapshotKeeper { snapshots, bytes_max, interval, bytes, since, now, retry_at, begun: None }
    }

    /// The log has grown.
    pub(super) fn grown(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    /// When the next one is due, of the image that the log makes up to `end`; `None` while that does not grow: one that failed is tried
    /// again under another name.
    pub(super) fn deadline(&self, end: Offset) -> Option<Instant> {
        if self.begun == Some(end) {
            return None;
        }
        let by_size = (self.bytes >= self.bytes_max).then_some(self.now);
        let by_time = self.interval.filter(|_| self.bytes > 0).map(|interval| self.since.after(interval));
        Some(by_size.or(by_time)?.max(self.retry_at))
    }

    /// Writes the snapshot of an image that the log makes up to `end`, and moves the log's start.
    pub(super) async fn take(
        &mut self,
        io: &Io,
        partitions: &Partitions,
        image: &MetadataImage,
        end: Offset,
        clustered: bool,
    ) -> Result<(), ControllerUnavailable> {
        self.now = io.clock.now();
        // A failure below is tried again, but not at once, and not under this name.
        self.retry_at = self.now.after(RETRY_INTERVAL);
        self.begun = Some(end);
        let id = SnapshotId { end, epoch: epoch_of_last(partitions, end).await? };
        let older = self.snapshots.write(image, id, io.clock.wall()).await?;
        if let Some(older) = older {
            // In a cluster the shard moves the start, as far as the leader's has moved.
            let forgotten = if clustered { Vec::new() } else { vec![(METADATA_PARTITION, Some(older.end))] };
            let moved = partitions.delete_records(forgotten).await?;
            moved.into_iter().collect::<Result<Vec<_>, _>>()?;
            self.snapshots.remove_old().await?;
        }
        (self.bytes, self.since, self.retry_at) = (0, self.now, self.now);
        Ok(())
    }
}

impl SnapshotKeeper {
    /// The files.
    pub(super) fn files(&mut self) -> &mut Snapshots {
        &mut self.snapshots
    }

    /// One came from another node.
    pub(super) fn received(&mut self, now: Instant) {
        (self.bytes, self.since, self.now) = (0, now, now);
    }
}

/// The epoch of the record before `end`.
async fn epoch_of_last(partitions: &Partitions, end: Offset) -> Result<LeaderEpoch, ControllerUnavailable> {
    let batches = partitions.batches(METADATA_PARTITION, Offset(end.0 - 1), ReadFrom::Replica, None).await?;
    Ok(batches.last().map_or(LeaderEpoch(0), |batch| batch.header().partition_leader_epoch))
}
