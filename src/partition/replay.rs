use std::sync::Arc;

use super::{EpochCheck, FetchWaiter, Partitions, ReadData, ReadFrom, ReadRequest, ScanError};
use crate::types::{LeaderEpoch, Offset, PartitionId};
use crate::wire::batch::{BatchCheck, BatchIterator, RecordBatch};

/// Bytes of a log read at once.
const READ_BYTES: usize = 1 << 20;

impl Partitions {
    /// The next committed batches of a partition from `offset` on, each checked; none at the high watermark.
    /// For whoever rebuilds state from a log: go on at the last batch's next offset.
    ///
    /// # Errors
    /// If the partition does not answer, or what it holds cannot be read.
    pub async fn batches_from(&self, id: PartitionId, offset: Offset) -> Result<Vec<RecordBatch>, ScanError> {
        self.batches(id, offset, ReadFrom::Leader, None).await
    }

    /// As [`Partitions::batches_from`], of whatever replica of it this node has. If there are none, `waiter` is told once there
    /// may be.
    ///
    /// # Errors
    /// As there.
    pub async fn batches(
        &self,
        id: PartitionId,
        offset: Offset,
        from: ReadFrom,
        waiter: Option<&Arc<FetchWaiter>>,
    ) -> Result<Vec<RecordBatch>, ScanError> {
        let read = ReadRequest {
            id,
            offset,
            max_bytes: READ_BYTES,
            epoch: EpochCheck(LeaderEpoch::NONE),
            last_fetched_epoch: LeaderEpoch::NONE,
            from,
        };
        let mut results = self.read(vec![read], READ_BYTES, true, waiter).await?;
        let result = results.pop().expect("one read has one result");
        let mut pieces = match result.data? {
            ReadData::Memory(pieces) => pieces,
            ReadData::Stored { plan, .. } => plan.run().await?,
        };
        let bytes = match pieces.len() {
            1 => pieces.remove(0),
            _ => pieces.concat().into(),
        };
        Ok(BatchIterator::new(bytes, BatchCheck::Verify).collect::<Result<_, _>>()?)
    }
}
