use bytes::Bytes;

use super::error::BatchError;
use super::header::BatchHeader;
use super::owned::RecordBatch;
use super::source::{RecordBytes, RecordFault, SliceSource};
use crate::types::{Offset, Timestamp};
use crate::wire::compression::decompress;

/// One record, its contents slices of the (decompressed) batch. [`BatchHeader::record_offset`] and
/// [`BatchHeader::record_timestamp`] make its deltas absolute.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    pub timestamp_delta: i64,
    pub offset_delta: i32,
    pub key: Option<Bytes>,
    pub value: Option<Bytes>,
    /// In the order they were written, with their repetitions.
    pub headers: Vec<RecordHeader>,
}

/// A record's header: a key, by convention UTF-8, and an optional value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordHeader {
    pub key: Bytes,
    pub value: Option<Bytes>,
}

/// The records of one batch, front to back. Ends after the first error.
#[derive(Clone, Debug)]
pub struct Records {
    header: BatchHeader,
    plain: Bytes,
    /// How many bytes of `plain` have been read.
    taken: usize,
    /// How many records have been read.
    index: i32,
    last_delta: i32,
    ended: bool,
}

impl RecordBatch {
    /// The batch's records, decompressed to at most `decompressed_bytes_max` bytes. A batch that compaction
    /// emptied has none.
    ///
    /// # Errors
    /// [`BatchError::UnknownCodec`] and [`BatchError::Compression`]; structure is checked record by record.
    pub fn records(&self, decompressed_bytes_max: usize) -> Result<Records, BatchError> {
        let header = *self.header();
        // An emptied batch keeps no compressed payload, whatever its codec.
        let plain = if header.record_count == 0 {
            self.payload()
        } else {
            decompress(self.codec()?, &self.payload(), decompressed_bytes_max)?
        };
        Ok(Records { header, plain, taken: 0, index: 0, last_delta: -1, ended: false })
    }
}

impl Records {
    /// The absolute offset of one of these records.
    #[must_use]
    pub fn offset_of(&self, record: &Record) -> Offset {
        self.header.record_offset(record.offset_delta)
    }

    /// The absolute timestamp of one of these records.
    #[must_use]
    pub fn timestamp_of(&self, record: &Record) -> Timestamp {
        self.header.record_timestamp(record.timestamp_delta)
    }

    fn read_record(&mut self) -> Result<Record, RecordFault> {
        let mut source = SliceSource::new(&self.plain[self.taken..]);
        let mut bytes = RecordBytes::open(&mut source)?;
        let _attributes = bytes.byte()?;
        let timestamp_delta = bytes.varlong()?;
        let offset_delta = bytes.varint()?;
        if offset_delta <= self.last_delta || offset_delta > self.header.last_offset_delta {
            return Err(RecordFault::OffsetOrder {
                found: offset_delta,
                above: self.last_delta,
                last: self.header.last_offset_delta,
            });
        }
        let key = self.field(&mut bytes)?;
        let value = self.field(&mut bytes)?;
        let mut headers = Vec::new();
        for _ in 0..bytes.header_count()? {
            let length = bytes.header_key_length()?;
            let key = self.plain.slice_ref(bytes.take(length)?);
            headers.push(RecordHeader { key, value: self.field(&mut bytes)? });
        }
        bytes.close()?;
        self.taken = self.plain.len() - source.remaining();
        self.last_delta = offset_delta;
        Ok(Record { timestamp_delta, offset_delta, key, value, headers })
    }

    /// A nullable key or value.
    fn field(&self, bytes: &mut RecordBytes<'_, SliceSource<'_>>) -> Result<Option<Bytes>, RecordFault> {
        let Some(length) = bytes.field_length()? else { return Ok(None) };
        Ok(Some(self.plain.slice_ref(bytes.take(length)?)))
    }
}

impl Iterator for Records {
    type Item = Result<Record, BatchError>;

    fn next(&mut self) -> Option<Result<Record, BatchError>> {
        if self.ended {
            return None;
        }
        let record_count = self.header.record_count;
        if self.index >= record_count {
            self.ended = true;
            let left_over = self.taken < self.plain.len();
            return left_over.then_some(Err(BatchError::RecordsLeftOver { record_count }));
        }
        let index = self.index;
        self.index += 1;
        let record = self.read_record().map_err(|fault| BatchError::Record { index, fault });
        self.ended = record.is_err();
        Some(record)
    }
}
