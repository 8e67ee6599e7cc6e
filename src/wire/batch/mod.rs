//! Record batches, magic 2: the header, validation, records, and the builder.
//!
//! Owns every byte of a batch. Invariants: a [`RecordBatch`] is exactly as long as its header says; a
//! [`ValidatedBatch`] has passed every rule for produced batches, or was built here; no input panics, and
//! nothing is reserved on an input's word.
mod builder;
mod control;
mod crc;
mod error;
mod frame;
mod header;
mod iter;
mod owned;
mod record;
mod rewrite;
mod source;
#[cfg(test)]
mod tests;
mod validate;
mod varint;

pub use builder::{BatchBuilder, BatchFull, BatchKind, BatchOptions, NewRecord, ProducerStamp};
pub use control::{EndMarker, TransactionResult};
pub use crc::crc32c;
pub use error::{BatchError, RecordError, RecordRefusal, RefusedRecords};
pub use frame::{FrameMemory, SHARED_BYTES_MIN};
pub use header::{
    Attributes, BatchHeader, HEADER_BYTES, HeaderTruncated, LENGTH_PREFIX_BYTES, MAGIC, NO_SEQUENCE,
    UNCOVERED_BYTES, sequence_plus,
};
pub use iter::{BatchCheck, BatchIterator};
pub use owned::RecordBatch;
pub use record::{Record, RecordHeader, Records};
pub use source::RecordFault;
pub use validate::{
    KeyRule, ProduceRules, TimestampLimits, TimestampRule, ValidatedBatch, validate_produced,
};
