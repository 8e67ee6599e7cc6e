use std::time::Duration;

use crate::coordinator::group::Durable;
use crate::coordinator::group::codec::{self, DecodedRecord};
use crate::io::Io;
use crate::partition::{
    EpochCheck, LeadershipError, OffsetQuery, OffsetReply, PartitionError, Partitions, PartitionsClosed,
    ReadError, ScanError,
};
use crate::probe::{Mutant, mutant};
use crate::types::{LeaderEpoch, Offset, PartitionId};
use crate::wire::DecodeError;
use crate::wire::batch::{BatchError, RecordBatch};

/// What a batch may decompress to; those written here are not compressed.
const DECOMPRESSED_BYTES_MAX: usize = 64 << 20;
/// How soon a partition is asked again whose leader does not know yet what is committed.
const STARTING_RETRY: Duration = Duration::from_millis(20);

/// Why a partition's groups cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    #[error(transparent)]
    Partition(#[from] PartitionError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("a batch cannot be read: {0}")]
    Batch(#[from] BatchError),
    #[error("the record at offset {offset} cannot be read: {source}")]
    Record { offset: Offset, source: DecodeError },
    #[error("the record at offset {0} has no key")]
    NoKey(Offset),
    #[error("the node is shutting down")]
    Closed,
}

impl From<PartitionsClosed> for LoadError {
    fn from(_: PartitionsClosed) -> LoadError {
        LoadError::Closed
    }
}

impl From<ScanError> for LoadError {
    fn from(error: ScanError) -> LoadError {
        match error {
            ScanError::Partition(error) => LoadError::Partition(error),
            ScanError::Read(error) => LoadError::Read(error),
            ScanError::Batch(error) => LoadError::Batch(error),
            ScanError::Closed => LoadError::Closed,
        }
    }
}

/// What a load went through.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct LoadStats {
    pub(super) records: u64,
    /// Records of kinds of groups that are not served.
    pub(super) foreign: u64,
}

/// What a partition holds, and the epoch in which this node leads it.
pub(super) struct Loaded {
    pub(super) epoch: LeaderEpoch,
    pub(super) durable: Durable,
    pub(super) stats: LoadStats,
}

/// Replays a partition from its start to its high watermark. Waits while the partition's leader does not know
/// yet what is committed.
///
/// # Errors
/// If this node does not lead the partition, or what it holds cannot be read.
pub(super) async fn load(io: &Io, partitions: &Partitions, id: PartitionId) -> Result<Loaded, LoadError> {
    let leaderships = partitions.leaderships();
    let led = || leaderships.of(id).filter(|here| here.serving).map(|here| here.epoch);
    loop {
        let before = led();
        match replay(partitions, id).await {
            // Nobody else has written meanwhile.
            Ok((durable, stats)) => match led() {
                Some(epoch) if before == Some(epoch) => {
                    let durable =
                        if mutant(Mutant::CoordinatorBeginsEmpty) { Durable::default() } else { durable };
                    return Ok(Loaded { epoch, durable, stats });
                }
                Some(_) | None => {}
            },
            Err(LoadError::Partition(PartitionError::Leadership(LeadershipError::Starting))) => {
                io.clock.sleep(STARTING_RETRY).await;
            }
            // A segment was removed while it was read: compaction was faster. What is left says the same.
            Err(LoadError::Read(ReadError::Gone)) => {}
            Err(LoadError::Read(error)) => {
                tracing::error!(partition = %id, %error, "the log of a partition of groups cannot be read");
                partitions.report_damage(id, error).await?;
                return Err(PartitionError::from(LeadershipError::Storage).into());
            }
            Err(error) => return Err(error),
        }
    }
}

async fn replay(partitions: &Partitions, id: PartitionId) -> Result<(Durable, LoadStats), LoadError> {
    let mut durable = Durable::default();
    let mut stats = LoadStats::default();
    let mut offset = start_of(partitions, id).await?;
    loop {
        let batches = partitions.batches_from(id, offset).await?;
        let Some(last) = batches.last() else { return Ok((durable, stats)) };
        offset = last.header().next_offset();
        for batch in batches {
            if !batch.header().attributes.is_control() {
                apply(&batch, &mut durable, &mut stats)?;
            }
        }
    }
}

async fn start_of(partitions: &Partitions, id: PartitionId) -> Result<Offset, LoadError> {
    let query = (id, EpochCheck(LeaderEpoch::NONE), OffsetQuery::Earliest);
    let mut replies = partitions.offsets(vec![query]).await?;
    match replies.pop().expect("one query has one reply")? {
        OffsetReply::At { offset, .. } => Ok(offset),
        OffsetReply::None | OffsetReply::FirstAtOrAfter(_) | OffsetReply::Newest(_) => Ok(Offset::ZERO),
    }
}

fn apply(batch: &RecordBatch, durable: &mut Durable, stats: &mut LoadStats) -> Result<(), LoadError> {
    let records = batch.records(DECOMPRESSED_BYTES_MAX)?;
    let header = *batch.header();
    for record in records {
        let record = record?;
        let offset = header.record_offset(record.offset_delta);
        let key = record.key.ok_or(LoadError::NoKey(offset))?;
        stats.records += 1;
        match codec::decode(key, record.value) {
            Ok(DecodedRecord::Ours(record)) => durable.apply(&record),
            Ok(DecodedRecord::Foreign { .. }) => stats.foreign += 1,
            Err(source) => return Err(LoadError::Record { offset, source }),
        }
    }
    Ok(())
}
