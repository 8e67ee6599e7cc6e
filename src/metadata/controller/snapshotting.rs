//! The metadata log from its newest snapshot on, and when the next snapshot is due.
use std::time::Duration;

use super::{ControllerUnavailable, METADATA_PARTITION};
use crate::config::MetadataConfig;
use crate::io::Io;
use crate::metadata::{MetadataImage, SnapshotError, SnapshotId, Snapshots};
use crate::partition::{PartitionError, Partitions, ReadError, ReadFrom, ScanError};
use crate::types::{Instant, LeaderEpoch, Offset};
use crate::wire::MetadataRecord;
use crate::wire::batch::RecordBatch;

/// What a metadata batch may decompress to; they are written uncompressed.
const DECOMPRESSED_BYTES_MAX: usize = 16 << 20;
/// How long a snapshot that failed is not tried again.
const RETRY_INTERVAL: Duration = Duration::from_secs(60);

/// What the metadata log and its snapshots add up to.
pub(super) struct Replayed {
    pub(super) image: MetadataImage,
    pub(super) end: Offset,
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
    let mut end = id.map_or(Offset::ZERO, |id| id.end);
    let mut image = loaded.map(|loaded| loaded.image).unwrap_or_default();
    let mut bytes = 0;
    loop {
        let batches = partitions.batches(METADATA_PARTITION, end, ReadFrom::Replica, None).await;
        let batches = match batches {
            // In a cluster others have what this node's disk had not taken yet when it was cut off.
            Err(ScanError::Partition(PartitionError::OutOfRange { end: log_end, .. }))
                if clustered && log_end < end =>
            {
                Vec::new()
            }
            batches => batches.map_err(|error| explain(error, id, &snapshots))?,
        };
        let Some(last) = batches.last() else { return Ok(Replayed { image, end, bytes, snapshots }) };
        end = last.header().next_offset();
        bytes += batches.iter().map(|batch| batch.len() as u64).sum::<u64>();
        for record in records_in(&batches)? {
            image.apply(&record)?;
        }
    }
}

/// The records of some batches of the metadata log.
pub(super) fn records_in(batches: &[RecordBatch]) -> Result<Vec<MetadataRecord>, ControllerUnavailable> {
    let mut records = Vec::new();
    for batch in batches.iter().filter(|batch| !batch.header().attributes.is_control()) {
        for record in batch.records(DECOMPRESSED_BYTES_MAX)? {
            if let Some(value) = record?.value {
                records.push(MetadataRecord::decode(value)?);
            }
        }
    }
    Ok(records)
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
}

impl SnapshotKeeper {
    pub(super) fn new(
        snapshots: Snapshots,
        config: &MetadataConfig,
        now: Instant,
        bytes: u64,
    ) -> SnapshotKeeper {
        let (bytes_max, interval) = (config.snapshot_bytes, config.snapshot_interval);
        SnapshotKeeper { snapshots, bytes_max, interval, bytes, since: now, now, retry_at: now }
    }

    /// The log has grown.
    pub(super) fn grown(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    /// When the next one is due; `None` while the log does not grow.
    pub(super) fn deadline(&self) -> Option<Instant> {
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
        // A failure below is tried again, but not at once.
        self.retry_at = self.now.after(RETRY_INTERVAL);
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
