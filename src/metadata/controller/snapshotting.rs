//! The metadata log from its newest snapshot on, and when the next snapshot is due.
use std::time::Duration;

use super::{ControllerUnavailable, METADATA_PARTITION};
use crate::config::MetadataConfig;
use crate::io::Io;
use crate::metadata::{ImageError, MetadataImage, SnapshotError, SnapshotId, Snapshots};
use crate::partition::{PartitionError, Partitions, ReadError, ReadFrom, ScanError};
use crate::types::{Instant, LeaderEpoch, Offset};
use crate::wire::batch::{BatchError, Record, RecordBatch};
use crate::wire::{DecodeError, MetadataRecord};

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
        apply(&batches, &mut image)?;
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
}

/// Applies some batches of the metadata log to an image; gives their records.
///
/// # Errors
/// Names the first that cannot be used. The image has those before it.
pub(super) fn apply(
    batches: &[RecordBatch],
    image: &mut MetadataImage,
) -> Result<Vec<MetadataRecord>, UnusableRecord> {
    let mut applied = Vec::new();
    for batch in batches.iter().filter(|batch| !batch.header().attributes.is_control()) {
        let mut offset = batch.header().base_offset;
        let mut apply_next = |record: Result<Record, BatchError>, offset: &mut Offset| {
            let record = record?;
            *offset = Offset(batch.header().base_offset.0 + i64::from(record.offset_delta));
            if let Some(value) = record.value {
                let record = MetadataRecord::decode(value)?;
                image.apply(&record)?;
                applied.push(record);
            }
            Ok(())
        };
        let all = batch.records(DECOMPRESSED_BYTES_MAX).map_err(UnusableCause::from);
        all.and_then(|mut records| records.try_for_each(|record| apply_next(record, &mut offset)))
            .map_err(|cause| UnusableRecord { offset, cause })?;
    }
    Ok(applied)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::batch::{BatchBuilder, BatchOptions, NewRecord};

    /// The first batch of the metadata log, with these values.
    fn batch(values: &[&[u8]]) -> RecordBatch {
        let mut builder = BatchBuilder::new(BatchOptions::plain(10_000));
        for value in values {
            let record = NewRecord {
                timestamp: crate::types::Timestamp(0),
                key: None,
                value: Some(value),
                headers: &[],
            };
            builder.append(record).expect("there is room");
        }
        builder.build().into_batch()
    }

    #[test]
    fn a_record_that_cannot_be_used_is_named_by_its_offset() {
        let topic = MetadataRecord::from(crate::wire::messages::TopicRecord {
            name: "a".into(),
            topic_id: crate::types::TopicId([1; 16]),
            ..Default::default()
        });
        let topic = topic.encode().expect("a topic is written");
        let mut image = MetadataImage::default();
        let error = apply(&[batch(&[&topic, b"\x01\x7f\x00nonsense"])], &mut image).expect_err("nonsense");
        assert_eq!(error.offset, Offset(1), "{error}");
        assert!(matches!(error.cause, UnusableCause::Decode(_)), "{error}");
        assert!(error.to_string().contains("logs/AAAAAAAAAAAAAAAAAAAAAQ-0"), "{error}");
        assert_eq!(image.topic_count(), 1, "the one before it");

        let error = apply(&[batch(&[&topic])], &mut image).expect_err("a second topic of that name");
        assert!(error.offset == Offset::ZERO && matches!(error.cause, UnusableCause::Image(_)), "{error}");
    }
}
