use super::source::RecordFault;
use crate::types::{Offset, ProducerEpoch, ProducerId, Timestamp};
use crate::wire::compression::{Codec, CompressionError};

/// Why a batch was refused. Every variant is the fault of whoever wrote or delivered the bytes; which Kafka
/// error code answers it is the broker's to say.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BatchError {
    #[error("there is no record batch")]
    Missing,
    #[error("a record batch is cut short: it takes {needed_bytes} bytes, only {available_bytes} are there")]
    Truncated { needed_bytes: usize, available_bytes: usize },
    #[error("a record batch states the length {batch_length}, too short for its own header")]
    Length { batch_length: i32 },
    #[error("{extra_bytes} bytes follow the one record batch that a partition may bring")]
    TrailingBytes { extra_bytes: usize },
    #[error("the record format is {magic}, only 2 is supported")]
    Magic { magic: i8 },
    #[error("the record batch takes {batch_bytes} bytes, max.message.bytes allows {max_bytes}")]
    TooLarge { batch_bytes: usize, max_bytes: usize },
    #[error("the record batch is corrupt: its CRC is {stored:#010x}, its bytes give {computed:#010x}")]
    Crc { stored: u32, computed: u32 },
    #[error("a produced batch begins at offset 0, this one at {base_offset}")]
    BaseOffset { base_offset: Offset },
    #[error("compression codec {number} is not known")]
    UnknownCodec { number: u8 },
    #[error("{codec} needs Produce version 7 or higher, the request has {produce_version}")]
    CodecTooNew { codec: Codec, produce_version: i16 },
    #[error("the record batch states {record_count} records")]
    RecordCount { record_count: i32 },
    #[error("the record batch has {record_count} records and the last offset delta {last_offset_delta}")]
    OffsetRange { record_count: i32, last_offset_delta: i32 },
    #[error("clients do not write control records")]
    Control,
    #[error("producer {producer_id} sent the sequence {base_sequence}")]
    Sequence { producer_id: ProducerId, base_sequence: i32 },
    #[error("producer {producer_id} sent the epoch {producer_epoch}")]
    Epoch { producer_id: ProducerId, producer_epoch: ProducerEpoch },
    #[error("a transactional batch has no producer id")]
    TransactionalWithoutProducer,
    #[error("record {index} is malformed: {fault}")]
    Record { index: i32, fault: RecordFault },
    #[error("more bytes follow the last of {record_count} records")]
    RecordsLeftOver { record_count: i32 },
    #[error(transparent)]
    Compression(#[from] CompressionError),
    #[error("{} of the batch's records were refused, the first because {}", .0.refused, .0.first_cause())]
    RecordsRefused(RefusedRecords),
}

/// The records of a batch that break a rule of the topic (KIP-467); the whole batch is refused with them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefusedRecords {
    /// How many records were refused.
    pub refused: u32,
    /// The first of them, at most [`RefusedRecords::LISTED_MAX`], by index.
    pub errors: Vec<RecordError>,
    /// Whether any was refused for its timestamp, which decides the error of the whole batch.
    pub any_timestamp: bool,
}

impl RefusedRecords {
    /// How many refused records are listed one by one.
    pub const LISTED_MAX: usize = 1000;

    pub(super) fn none() -> RefusedRecords {
        RefusedRecords { refused: 0, errors: Vec::new(), any_timestamp: false }
    }

    pub(super) fn add(&mut self, index: i32, cause: RecordRefusal) {
        self.refused += 1;
        self.any_timestamp |= cause.is_timestamp();
        if self.errors.len() < Self::LISTED_MAX {
            self.errors.push(RecordError { index, cause });
        }
    }

    fn first_cause(&self) -> String {
        self.errors.first().map_or_else(String::new, |error| error.cause.to_string())
    }
}

/// One refused record: its place in the batch, from 0, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordError {
    pub index: i32,
    pub cause: RecordRefusal,
}

/// Why a well-formed record may not enter a topic.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RecordRefusal {
    #[error("a compacted topic takes no record without a key")]
    NoKey,
    #[error("timestamp {timestamp} is not within [{earliest}, {latest}]")]
    Timestamp { timestamp: Timestamp, earliest: Timestamp, latest: Timestamp },
    #[error("a producer may not set the timestamp type to log append time")]
    LogAppendTime,
}

impl RecordRefusal {
    fn is_timestamp(&self) -> bool {
        match self {
            RecordRefusal::NoKey => false,
            RecordRefusal::Timestamp { .. } | RecordRefusal::LogAppendTime => true,
        }
    }
}
