use super::{EpochCheck, PartitionError, Partitions, PartitionsClosed};
use crate::log::{MaxTimestamp, ReadError, TimestampRead};
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
        self.first_from(id, check, timestamp, Offset::ZERO).await
    }

    /// The first committed record of a partition that has the greatest time of all.
    ///
    /// # Errors
    /// As [`Partitions::first_at_or_after`].
    pub async fn newest(
        &self,
        id: PartitionId,
        check: EpochCheck,
        claim: MaxTimestamp,
    ) -> Result<Option<Found>, ScanError> {
        let claimed = self.first_at_or_after(id, check, claim.claimed).await?;
        if claimed.is_some() {
            return Ok(claimed);
        }
        // The record is deleted, though not all of its segment.
        let mut best = match claim.sure {
            Some(timestamp) => self.first_at_or_after(id, check, timestamp).await?,
            None => None,
        };
        let mut from = Offset::ZERO;
        loop {
            let above = best.as_ref().map_or(Timestamp(0), |best| best.timestamp.plus_ms(1));
            match self.first_from(id, check, above, from).await? {
                Some(newer) => {
                    from = newer.offset.plus(1);
                    best = Some(newer);
                }
                None => return Ok(best),
            }
        }
    }

    async fn first_from(
        &self,
        id: PartitionId,
        check: EpochCheck,
        timestamp: Timestamp,
        mut from: Offset,
    ) -> Result<Option<Found>, ScanError> {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::testing::TestNode;
    use super::super::{AppendRequest, AppendTerms, OffsetQuery, OffsetReply};
    use super::*;
    use crate::types::{PartitionIndex, TopicId};
    use crate::wire::batch::{BatchBuilder, BatchOptions, NewRecord};

    const ID: PartitionId = PartitionId { topic: TopicId([9; 16]), index: PartitionIndex(0) };
    const ANY: EpochCheck = EpochCheck(LeaderEpoch::NONE);

    /// Appends a batch of one record with this time.
    async fn append(node: &TestNode, time: i64) {
        let mut builder = BatchBuilder::new(BatchOptions::plain(1024));
        let value = Some(&b"v"[..]);
        builder.append(NewRecord { timestamp: Timestamp(time), key: None, value, headers: &[] }).unwrap();
        let append = AppendRequest { id: ID, batch: builder.build(), replicas_min: 0 };
        node.partitions.append_one(append, AppendTerms::COMMITTED).await.unwrap().unwrap();
    }

    async fn newest(node: &TestNode) -> Option<(i64, i64)> {
        let query = (ID, ANY, OffsetQuery::MaxTimestamp);
        match node.partitions.offsets(vec![query]).await.unwrap().remove(0).unwrap() {
            OffsetReply::None => None,
            OffsetReply::Newest(claim) => {
                let found = node.partitions.newest(ID, ANY, claim).await.unwrap();
                found.map(|found| (found.offset.0, found.timestamp.0))
            }
            other => panic!("{other:?}"),
        }
    }

    /// The clocks of producers go backwards, and the log begins in the middle of a segment, or of what is in memory.
    #[test]
    fn the_newest_record_is_one_that_is_there() {
        for flushed in [false, true] {
            let node = TestNode::new();
            node.open(ID);
            let _maintenance = flushed.then(|| node.maintain(&[]));
            node.runtime.block_on(async {
                assert_eq!(newest(&node).await, None);
                for time in [500, 9_000, 600, 800, 700] {
                    append(&node, time).await;
                }
                assert_eq!(newest(&node).await, Some((1, 9_000)));
            });
            node.runtime.block_on(async {
                node.io.clock.sleep(Duration::from_secs(100)).await;
                assert_eq!(node.io.disk.list(&format!("logs/{ID}")).await.is_ok(), flushed);
                for (start, found) in [(2, Some((3, 800))), (4, Some((4, 700))), (5, None)] {
                    let deleted = node.partitions.delete_records(vec![(ID, Some(Offset(start)))]).await;
                    deleted.unwrap().remove(0).unwrap();
                    assert_eq!(newest(&node).await, found, "from {start} on, flushed: {flushed}");
                }
            });
        }
    }
}
