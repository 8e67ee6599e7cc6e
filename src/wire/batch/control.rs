//! The control records that end transactions (KIP-98): one record whose key is version and type, whose value
//! is version and coordinator epoch, all big-endian.
use bytes::Buf;

use super::builder::{BatchBuilder, BatchKind, BatchOptions, NewRecord, ProducerStamp};
use super::error::BatchError;
use super::header::{HEADER_BYTES, NO_SEQUENCE};
use super::owned::RecordBatch;
use super::source::RecordFault;
use super::validate::ValidatedBatch;
use crate::types::{ProducerEpoch, ProducerId, Timestamp};
use crate::wire::compression::Codec;

/// A marker is a few bytes; more are no marker.
const MARKER_BYTES_MAX: usize = 1024;

/// How a transaction ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum TransactionResult {
    Abort,
    Commit,
}

/// The end of a transaction, as the log tells it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EndMarker {
    pub result: TransactionResult,
    /// The epoch of the coordinator that wrote it.
    pub coordinator_epoch: i32,
}

impl EndMarker {
    /// The marker in a control batch; `None` if compaction has emptied the batch, or it holds a control
    /// record of another type (a leader change, a snapshot's header or footer).
    ///
    /// # Errors
    /// The [`BatchError`] of a record that cannot be read or is too short for a marker.
    pub fn of_batch(batch: &RecordBatch) -> Result<Option<EndMarker>, BatchError> {
        let Some(record) = batch.records(MARKER_BYTES_MAX)?.next().transpose()? else { return Ok(None) };
        let truncated = BatchError::Record { index: 0, fault: RecordFault::Truncated };
        let Some(mut key) = record.key.filter(|key| key.len() >= 4) else { return Err(truncated) };
        let _version = key.get_i16();
        let result = match key.get_i16() {
            0 => TransactionResult::Abort,
            1 => TransactionResult::Commit,
            _ => return Ok(None),
        };
        let Some(mut value) = record.value.filter(|value| value.len() >= 6) else { return Err(truncated) };
        let _version = value.get_i16();
        Ok(Some(EndMarker { result, coordinator_epoch: value.get_i32() }))
    }

    /// The batch that writes this marker for a producer.
    #[must_use]
    pub fn batch(self, id: ProducerId, epoch: ProducerEpoch, timestamp: Timestamp) -> ValidatedBatch {
        let result: i16 = match self.result {
            TransactionResult::Abort => 0,
            TransactionResult::Commit => 1,
        };
        let key = [[0, 0], result.to_be_bytes()].concat();
        let value = [&[0, 0][..], &self.coordinator_epoch.to_be_bytes()].concat();
        let mut builder = BatchBuilder::new(BatchOptions {
            codec: Codec::None,
            producer: ProducerStamp { id, epoch, base_sequence: NO_SEQUENCE },
            kind: BatchKind::TransactionMarker,
            bytes_max: HEADER_BYTES + MARKER_BYTES_MAX,
        });
        let record = NewRecord { timestamp, key: Some(&key), value: Some(&value), headers: &[] };
        builder.append(record).expect("a marker takes fewer than 32 bytes");
        builder.build()
    }
}
