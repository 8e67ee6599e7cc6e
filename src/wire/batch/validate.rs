//! Validation of what producers send: from the bytes of a partition's `records` field to a batch that may
//! be appended. The rules are those of Kafka 4.3 for Produce version 3 and up; where Kafka silently repairs
//! (bytes after the batch, offset deltas out of order) the batch is refused instead.
use bytes::Bytes;

use super::crc::crc32c;
use super::error::{BatchError, RecordRefusal, RefusedRecords};
use super::frame::FrameMemory;
use super::header::{BatchHeader, HEADER_BYTES, LENGTH_PREFIX_BYTES, MAGIC};
use super::owned::RecordBatch;
use super::source::{ByteSource, RecordFault, RecordShape, SliceSource, StreamSource};
use crate::probe::{Mutant, mutant};
use crate::types::{Offset, ProducerEpoch, Timestamp};
use crate::wire::compression::{Codec, Decompressor};

/// The first version of Produce whose clients know zstd (KIP-110).
const ZSTD_PRODUCE_VERSION: i16 = 7;

/// What a topic and a request ask of the batches they bring.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProduceRules {
    /// Version of the Produce request, 3 or higher.
    pub produce_version: i16,
    /// `max.message.bytes`: the largest batch, as sent.
    pub batch_bytes_max: usize,
    /// What the records of one batch may decompress to, in bytes.
    pub decompressed_bytes_max: usize,
    /// Whether the topic is compacted and so needs keys.
    pub keys: KeyRule,
    /// `message.timestamp.type` and its limits.
    pub timestamps: TimestampRule,
}

/// Whether records may come without a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyRule {
    Optional,
    /// The topic is compacted.
    Required,
}

/// Whose clock a topic's records carry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimestampRule {
    CreateTime(TimestampLimits),
    LogAppendTime,
}

/// How far from the broker's clock a producer's timestamp may lie: `message.timestamp.before.max.ms` and
/// `message.timestamp.after.max.ms`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimestampLimits {
    pub before_max_ms: i64,
    pub after_max_ms: i64,
}

impl TimestampLimits {
    pub const NONE: TimestampLimits = TimestampLimits { before_max_ms: i64::MAX, after_max_ms: i64::MAX };

    fn refuses(self, timestamp: Timestamp, now: Timestamp) -> Option<RecordRefusal> {
        let (earliest, latest) =
            (now.0.saturating_sub(self.before_max_ms), now.0.saturating_add(self.after_max_ms));
        (timestamp.0 < earliest || timestamp.0 > latest).then_some(RecordRefusal::Timestamp {
            timestamp,
            earliest: Timestamp(earliest),
            latest: Timestamp(latest),
        })
    }
}

/// A batch that may be appended: a producer's that has passed [`validate_produced`], or one that this node
/// has built itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ValidatedBatch {
    batch: RecordBatch,
}

impl ValidatedBatch {
    /// The proof for a batch that this node built.
    pub(super) fn built(batch: RecordBatch) -> ValidatedBatch {
        ValidatedBatch { batch }
    }

    #[must_use]
    pub fn batch(&self) -> &RecordBatch {
        &self.batch
    }

    #[must_use]
    pub fn header(&self) -> &BatchHeader {
        self.batch.header()
    }

    /// The batch, with the frame that its payload keeps in memory: [`RecordBatch::sharing`].
    #[must_use]
    pub fn sharing(self, records: &Bytes, frame: &FrameMemory) -> ValidatedBatch {
        ValidatedBatch { batch: self.batch.sharing(records, frame) }
    }

    #[must_use]
    pub fn into_batch(self) -> RecordBatch {
        self.batch
    }
}

/// Validates the one batch in `records`. The payload is shared with the result; it is copied only if the
/// topic's timestamp type, or a wrong maximum timestamp, makes the header and with it the CRC change.
///
/// # Errors
/// The [`BatchError`] that names the first rule broken, rules of single records last.
pub fn validate_produced(
    records: &Bytes,
    rules: &ProduceRules,
    now: Timestamp,
) -> Result<ValidatedBatch, BatchError> {
    let batch = only_batch(records, rules)?;
    let codec = check_header(&batch, rules)?;
    let max_timestamp = match codec {
        Codec::None => {
            let payload = batch.payload();
            check_records(&batch, &mut SliceSource::new(&payload), rules, now)?
        }
        Codec::Gzip | Codec::Snappy | Codec::Lz4 | Codec::Zstd => {
            let payload = batch.payload();
            let stream = Decompressor::new(codec, &payload, rules.decompressed_bytes_max)?;
            check_records(&batch, &mut StreamSource::new(stream), rules, now)?
        }
    };
    Ok(ValidatedBatch { batch: with_topic_time(batch, max_timestamp, rules.timestamps, now) })
}

/// Cuts the batch out of `records`: there has to be one, whole, of format 2, not too large, and no more.
fn only_batch(records: &Bytes, rules: &ProduceRules) -> Result<RecordBatch, BatchError> {
    let available_bytes = records.len();
    if available_bytes == 0 {
        return Err(BatchError::Missing);
    }
    let header = parse_header(records)?;
    let batch_bytes = batch_bytes(&header)?;
    if header.magic != MAGIC {
        return Err(BatchError::Magic { magic: header.magic });
    }
    if batch_bytes > rules.batch_bytes_max {
        return Err(BatchError::TooLarge { batch_bytes, max_bytes: rules.batch_bytes_max });
    }
    if available_bytes < batch_bytes {
        return Err(BatchError::Truncated { needed_bytes: batch_bytes, available_bytes });
    }
    if available_bytes > batch_bytes {
        return Err(BatchError::TrailingBytes { extra_bytes: available_bytes - batch_bytes });
    }
    Ok(RecordBatch::new(header, records))
}

/// The header at the start of `bytes`. Older formats keep their magic in the same place and are shorter, so
/// the magic is looked at first.
pub(super) fn parse_header(bytes: &[u8]) -> Result<BatchHeader, BatchError> {
    const MAGIC_AT: usize = 16;
    if let Some(&magic) = bytes.get(MAGIC_AT)
        && magic as i8 != MAGIC
    {
        return Err(BatchError::Magic { magic: magic as i8 });
    }
    BatchHeader::parse(bytes).map_err(|short| BatchError::Truncated {
        needed_bytes: HEADER_BYTES,
        available_bytes: short.available,
    })
}

/// The length of the whole batch, if it is one that a batch can have.
pub(super) fn batch_bytes(header: &BatchHeader) -> Result<usize, BatchError> {
    let batch_length = header.batch_length;
    match header.total_bytes() {
        Some(bytes) if bytes >= HEADER_BYTES => Ok(bytes),
        _ => Err(BatchError::Length { batch_length }),
    }
}

fn check_header(batch: &RecordBatch, rules: &ProduceRules) -> Result<Codec, BatchError> {
    let header = batch.header();
    let codec = batch.codec()?;
    if codec == Codec::Zstd && rules.produce_version < ZSTD_PRODUCE_VERSION {
        return Err(BatchError::CodecTooNew { codec, produce_version: rules.produce_version });
    }
    if header.base_offset != Offset::ZERO {
        return Err(BatchError::BaseOffset { base_offset: header.base_offset });
    }
    let computed = crc32c(batch.body());
    if computed != header.crc {
        return Err(BatchError::Crc { stored: header.crc, computed });
    }
    let (record_count, last_offset_delta) = (header.record_count, header.last_offset_delta);
    if record_count <= 0 {
        return Err(BatchError::RecordCount { record_count });
    }
    if last_offset_delta != record_count - 1 {
        return Err(BatchError::OffsetRange { record_count, last_offset_delta });
    }
    if header.attributes.is_control() {
        return Err(BatchError::Control);
    }
    let (producer_id, producer_epoch) = (header.producer_id, header.producer_epoch);
    if header.has_producer_id() {
        if header.base_sequence < 0 {
            return Err(BatchError::Sequence { producer_id, base_sequence: header.base_sequence });
        }
        if producer_epoch <= ProducerEpoch::NONE {
            return Err(BatchError::Epoch { producer_id, producer_epoch });
        }
    } else if header.attributes.is_transactional() {
        return Err(BatchError::TransactionalWithoutProducer);
    }
    Ok(codec)
}

/// Reads every record's shape; gives the largest timestamp the records carry (−1 if none).
fn check_records(
    batch: &RecordBatch,
    source: &mut impl ByteSource,
    rules: &ProduceRules,
    now: Timestamp,
) -> Result<Timestamp, BatchError> {
    let header = batch.header();
    let mut refused = RefusedRecords::none();
    let mut max_timestamp = Timestamp::NONE;
    for index in 0..header.record_count {
        let at = |fault| BatchError::Record { index, fault };
        let record = RecordShape::read(source).map_err(at)?;
        if record.offset_delta != index {
            return Err(at(RecordFault::OffsetDelta { expected: index, found: record.offset_delta }));
        }
        // The producer's own time even where it claims log append time: a create-time topic drops the claim.
        let timestamp = Timestamp(header.base_timestamp.0.wrapping_add(record.timestamp_delta));
        max_timestamp = max_timestamp.max(timestamp);
        if let Some(cause) = refusal(header, rules, record.has_key, timestamp, now) {
            refused.add(index, cause);
        }
    }
    let at_end = source.at_end().map_err(|fault| BatchError::Record { index: header.record_count, fault })?;
    if !at_end && !mutant(Mutant::TakeLeftOverRecords) {
        return Err(BatchError::RecordsLeftOver { record_count: header.record_count });
    }
    if refused.refused > 0 {
        return Err(BatchError::RecordsRefused(refused));
    }
    Ok(max_timestamp)
}

/// The rule of the topic that one record breaks, if any.
fn refusal(
    header: &BatchHeader,
    rules: &ProduceRules,
    has_key: bool,
    timestamp: Timestamp,
    now: Timestamp,
) -> Option<RecordRefusal> {
    if rules.keys == KeyRule::Required && !has_key {
        return Some(RecordRefusal::NoKey);
    }
    match rules.timestamps {
        TimestampRule::CreateTime(limits) if timestamp != Timestamp::NONE => limits.refuses(timestamp, now),
        TimestampRule::CreateTime(_) | TimestampRule::LogAppendTime => {
            header.attributes.is_log_append_time().then_some(RecordRefusal::LogAppendTime)
        }
    }
}

/// The batch with the timestamp type of its topic and the maximum that its records really have.
fn with_topic_time(
    batch: RecordBatch,
    records_max: Timestamp,
    rule: TimestampRule,
    now: Timestamp,
) -> RecordBatch {
    let old = *batch.header();
    let (attributes, max_timestamp) = match rule {
        TimestampRule::CreateTime(_) => (old.attributes.with_create_time(), records_max),
        TimestampRule::LogAppendTime => (old.attributes.with_log_append_time(), now),
    };
    if attributes == old.attributes && max_timestamp == old.max_timestamp {
        return batch;
    }
    let batch_bytes = batch.len();
    let changed = RecordBatch::assemble(BatchHeader { attributes, max_timestamp, ..old }, &batch.payload());
    assert_eq!(changed.len(), batch_bytes, "times are rewritten in place");
    assert!(changed.len() > LENGTH_PREFIX_BYTES, "a batch outlasts its length prefix");
    changed
}
