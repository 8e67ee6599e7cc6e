use super::{EpochCheck, PartitionError, Partitions, PartitionsClosed};
use crate::log::{ReadError, TimestampRead};
use crate::types::limits::BATCH_DECOMPRESSED_BYTES_MAX;
use crate::types::{LeaderEpoch, Offset, PartitionId, Timestamp};
use crate::wire::batch::{BatchError, RecordBatch};

/// A record that was found by its time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found {
    pub offset: Offset,
    pub timestamp: Timestamp,
    pub epoch: LeaderEpoch,
}

/// Why a search by time, or the replay of a log, has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    #[error(transparent)]
    Partition(#[from] PartitionError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Batch(#[from] BatchError),
    #[error("the node is shutting down")]
    Closed,
}

impl From<PartitionsClosed> for ScanError {
    fn from(_: PartitionsClosed) -> ScanError {
        ScanError::Closed
    }
}

impl Partitions {
    /// The first committed record of a partition whose time is `timestamp` or later.
    ///
    /// # Errors
    /// If the partition does not answer, or what it holds cannot be read.
    pub async fn first_at_or_after(
        &self,
        id: PartitionId,
        check: EpochCheck,
        timestamp: Timestamp,
    ) -> Result<Option<Found>, ScanError> {
        let mut from = Offset::ZERO;
        loop {
            let (read, counts_from) = self.find_timestamp(id, check, timestamp, from).await??;
            let batch = match read {
                TimestampRead::None => return Ok(None),
                TimestampRead::Memory(batch) => batch,
                TimestampRead::Stored(read) => match read.run().await {
                    Ok(Some(batch)) => batch,
                    Ok(None) => return Ok(None),
                    // Retention was faster: look again at what is left.
                    Err(ReadError::Gone) => continue,
                    Err(error) => return Err(error.into()),
                },
            };
            if let Some(found) = first_in(&batch, timestamp, counts_from)? {
                return Ok(Some(found));
            }
            from = batch.header().next_offset();
        }
    }
}

fn first_in(batch: &RecordBatch, timestamp: Timestamp, from: Offset) -> Result<Option<Found>, BatchError> {
    let epoch = batch.header().partition_leader_epoch;
    let mut records = batch.records(BATCH_DECOMPRESSED_BYTES_MAX)?;
    while let Some(record) = records.next() {
        let record = record?;
        let time = records.timestamp_of(&record);
        let offset = records.offset_of(&record);
        if time >= timestamp && offset >= from {
            return Ok(Some(Found { offset, timestamp: time, epoch }));
        }
    }
    Ok(None)
}
