use bytes::{BufMut, Bytes};

use super::header::{Attributes, BatchHeader, HEADER_BYTES, MAGIC, NO_SEQUENCE};
use super::owned::RecordBatch;
use super::record::{Record, RecordHeader};
use super::validate::ValidatedBatch;
use super::varint;
use crate::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp};
use crate::wire::compression::{Codec, compress};

/// What a batch is to be, apart from its records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchOptions {
    pub codec: Codec,
    pub producer: ProducerStamp,
    pub kind: BatchKind,
    /// How large the batch may become before compression, header included, in bytes.
    pub bytes_max: usize,
}

impl BatchOptions {
    /// An uncompressed batch without a producer id.
    #[must_use]
    pub fn plain(bytes_max: usize) -> BatchOptions {
        BatchOptions { codec: Codec::None, producer: ProducerStamp::NONE, kind: BatchKind::Data, bytes_max }
    }
}

/// Who wrote a batch, for idempotence (KIP-98).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProducerStamp {
    pub id: ProducerId,
    pub epoch: ProducerEpoch,
    pub base_sequence: i32,
}

impl ProducerStamp {
    pub const NONE: ProducerStamp =
        ProducerStamp { id: ProducerId::NONE, epoch: ProducerEpoch::NONE, base_sequence: NO_SEQUENCE };
}

/// What a batch's records are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BatchKind {
    Data,
    /// Data that belongs to its producer's open transaction.
    Transactional,
    /// Markers of the broker's own, outside transactions.
    Control,
    /// The marker that ends a transaction.
    TransactionMarker,
}

impl BatchKind {
    fn attributes(self) -> Attributes {
        let none = Attributes::default();
        match self {
            BatchKind::Data => none,
            BatchKind::Transactional => none.with_transactional(),
            BatchKind::Control => none.with_control(),
            BatchKind::TransactionMarker => none.with_transactional().with_control(),
        }
    }
}

/// A record to append.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NewRecord<'a> {
    pub timestamp: Timestamp,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: &'a [RecordHeader],
}

/// The record does not fit the batch: it would grow beyond its bound, before compression.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the batch would take {needed_bytes} bytes before compression, its bound is {bytes_max}")]
pub struct BatchFull {
    pub needed_bytes: usize,
    pub bytes_max: usize,
}

/// Builds one batch: for the client of this project, and for what coordinators write.
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    options: BatchOptions,
    payload: RecordsWriter,
    base_timestamp: Option<Timestamp>,
    max_timestamp: Timestamp,
}

impl BatchBuilder {
    /// # Panics
    /// If the bound is below a header's length or beyond the 2 GiB that a batch's length field can tell.
    #[must_use]
    pub fn new(options: BatchOptions) -> BatchBuilder {
        assert!(options.bytes_max >= HEADER_BYTES, "a batch of {} bytes has no header", options.bytes_max);
        assert!(options.bytes_max <= i32::MAX as usize, "a batch's length is a 32-bit number");
        BatchBuilder {
            options,
            payload: RecordsWriter::default(),
            base_timestamp: None,
            max_timestamp: Timestamp::NONE,
        }
    }

    /// Appends a record; gives its offset's delta, counted from 0.
    ///
    /// # Errors
    /// [`BatchFull`] if the batch would pass its bound; it stays as it was.
    pub fn append(&mut self, record: NewRecord<'_>) -> Result<i32, BatchFull> {
        let base = self.base_timestamp.unwrap_or(record.timestamp);
        let fields = RecordFields {
            timestamp_delta: record.timestamp.0.wrapping_sub(base.0),
            offset_delta: self.payload.count,
            key: record.key,
            value: record.value,
            headers: record.headers,
        };
        let needed_bytes = self.plain_bytes() + fields.encoded_bytes();
        if needed_bytes > self.options.bytes_max {
            return Err(BatchFull { needed_bytes, bytes_max: self.options.bytes_max });
        }
        self.payload.put(&fields);
        self.base_timestamp = Some(base);
        self.max_timestamp = self.max_timestamp.max(record.timestamp);
        Ok(fields.offset_delta)
    }

    /// The same batch in the name of this producer: sequences are given out when a batch leaves, not when it
    /// begins.
    #[must_use]
    pub fn stamped(mut self, producer: ProducerStamp) -> BatchBuilder {
        self.options.producer = producer;
        self
    }

    /// How many records the batch holds.
    #[must_use]
    pub fn record_count(&self) -> i32 {
        self.payload.count
    }

    /// The batch's length before compression, in bytes.
    #[must_use]
    pub fn plain_bytes(&self) -> usize {
        HEADER_BYTES + self.payload.bytes.len()
    }

    /// Compresses and seals the batch: base offset 0, no leader epoch.
    ///
    /// # Panics
    /// If nothing was appended: only compaction makes empty batches.
    #[must_use]
    pub fn build(self) -> ValidatedBatch {
        assert!(self.payload.count > 0, "a new batch holds a record");
        let BatchOptions { codec, producer, kind, .. } = self.options;
        let header = BatchHeader {
            base_offset: Offset::ZERO,
            batch_length: 0,
            partition_leader_epoch: LeaderEpoch::NONE,
            magic: MAGIC,
            crc: 0,
            attributes: kind.attributes().with_codec(codec.number()),
            last_offset_delta: self.payload.count - 1,
            base_timestamp: self.base_timestamp.unwrap_or(Timestamp::NONE),
            max_timestamp: self.max_timestamp,
            producer_id: producer.id,
            producer_epoch: producer.epoch,
            base_sequence: producer.base_sequence,
            record_count: self.payload.count,
        };
        ValidatedBatch::built(RecordBatch::assemble(header, &self.payload.packed(codec)))
    }
}

/// Records being encoded one after the other.
#[derive(Clone, Default, Debug)]
pub(super) struct RecordsWriter {
    bytes: Vec<u8>,
    count: i32,
}

impl RecordsWriter {
    pub(super) fn put(&mut self, record: &RecordFields<'_>) {
        record.write(&mut self.bytes);
        self.count += 1;
    }

    pub(super) fn count(&self) -> i32 {
        self.count
    }

    /// The records as a batch stores them.
    pub(super) fn packed(self, codec: Codec) -> Bytes {
        match codec {
            Codec::None => Bytes::from(self.bytes),
            Codec::Gzip | Codec::Snappy | Codec::Lz4 | Codec::Zstd => {
                Bytes::from(compress(codec, &self.bytes))
            }
        }
    }
}

/// One record's fields, as they are encoded.
#[derive(Clone, Copy)]
pub(super) struct RecordFields<'a> {
    pub(super) timestamp_delta: i64,
    pub(super) offset_delta: i32,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    pub(super) headers: &'a [RecordHeader],
}

impl<'a> RecordFields<'a> {
    pub(super) fn of(record: &'a Record) -> RecordFields<'a> {
        RecordFields {
            timestamp_delta: record.timestamp_delta,
            offset_delta: record.offset_delta,
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: &record.headers,
        }
    }

    fn encoded_bytes(&self) -> usize {
        let body = self.body_bytes();
        varint::len(body as i64) + body
    }

    fn body_bytes(&self) -> usize {
        let headers: usize = self
            .headers
            .iter()
            .map(|header| field_bytes(Some(&header.key)) + field_bytes(header.value.as_deref()))
            .sum();
        1 + varint::len(self.timestamp_delta)
            + varint::len(i64::from(self.offset_delta))
            + field_bytes(self.key)
            + field_bytes(self.value)
            + varint::len(self.headers.len() as i64)
            + headers
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.reserve(self.encoded_bytes());
        varint::put(out, self.body_bytes() as i64);
        out.put_u8(0);
        varint::put(out, self.timestamp_delta);
        varint::put(out, i64::from(self.offset_delta));
        put_field(out, self.key);
        put_field(out, self.value);
        varint::put(out, self.headers.len() as i64);
        for header in self.headers {
            put_field(out, Some(&header.key));
            put_field(out, header.value.as_deref());
        }
    }
}

fn field_bytes(field: Option<&[u8]>) -> usize {
    match field {
        None => varint::len(-1),
        Some(bytes) => varint::len(bytes.len() as i64) + bytes.len(),
    }
}

fn put_field(out: &mut Vec<u8>, field: Option<&[u8]>) {
    match field {
        None => varint::put(out, -1),
        Some(bytes) => {
            varint::put(out, bytes.len() as i64);
            out.put_slice(bytes);
        }
    }
}
