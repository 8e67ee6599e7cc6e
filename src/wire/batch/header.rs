use bytes::{Buf, BufMut};

use crate::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp};

/// Length of a batch's header in bytes: everything before the first record.
pub const HEADER_BYTES: usize = 61;
/// Length of what lies before the bytes that the CRC covers. Base offset, length, leader epoch and magic
/// are here, so a leader assigns offsets without touching the payload.
pub const UNCOVERED_BYTES: usize = 21;
/// Base offset and length: what `batch_length` does not count.
pub const LENGTH_PREFIX_BYTES: usize = 12;

/// The only record format that is kept or served (Kafka's v2).
pub const MAGIC: i8 = 2;
/// The sequence of a batch whose producer is not idempotent.
pub const NO_SEQUENCE: i32 = -1;

/// The sequence `records` after `sequence`: they run from 0 to `i32::MAX` and round again (KIP-98).
#[must_use]
pub fn sequence_plus(sequence: i32, records: i32) -> i32 {
    const SEQUENCES: i64 = i32::MAX as i64 + 1;
    let sum = (i64::from(sequence) + i64::from(records)).rem_euclid(SEQUENCES);
    i32::try_from(sum).expect("a remainder by 2^31 fits")
}

/// The header of a record batch, magic 2 (Kafka's message format of KIP-98), 61 bytes, big-endian.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchHeader {
    pub base_offset: Offset,
    /// Bytes that follow the length field: the whole batch less [`LENGTH_PREFIX_BYTES`].
    pub batch_length: i32,
    pub partition_leader_epoch: LeaderEpoch,
    pub magic: i8,
    /// CRC-32C of everything after this field.
    pub crc: u32,
    pub attributes: Attributes,
    pub last_offset_delta: i32,
    pub base_timestamp: Timestamp,
    pub max_timestamp: Timestamp,
    pub producer_id: ProducerId,
    pub producer_epoch: ProducerEpoch,
    pub base_sequence: i32,
    pub record_count: i32,
}

/// A batch's attribute bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Attributes(pub i16);

impl Attributes {
    const CODEC_MASK: i16 = 0x07;
    const LOG_APPEND_TIME: i16 = 0x08;
    const TRANSACTIONAL: i16 = 0x10;
    const CONTROL: i16 = 0x20;
    const DELETE_HORIZON: i16 = 0x40;

    /// The number of the compression codec: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd, 5–7 unassigned.
    #[must_use]
    pub fn codec(self) -> u8 {
        (self.0 & Self::CODEC_MASK) as u8
    }
    /// Whether `max_timestamp` is the broker's time of append, valid for every record.
    #[must_use]
    pub fn is_log_append_time(self) -> bool {
        self.0 & Self::LOG_APPEND_TIME != 0
    }
    #[must_use]
    pub fn is_transactional(self) -> bool {
        self.0 & Self::TRANSACTIONAL != 0
    }
    #[must_use]
    pub fn is_control(self) -> bool {
        self.0 & Self::CONTROL != 0
    }
    /// Whether `base_timestamp` is the time from which compaction may drop tombstones (KIP-534).
    #[must_use]
    pub fn has_delete_horizon(self) -> bool {
        self.0 & Self::DELETE_HORIZON != 0
    }
    #[must_use]
    pub fn with_log_append_time(self) -> Attributes {
        Attributes(self.0 | Self::LOG_APPEND_TIME)
    }
    /// The same bits with the records' own timestamps in force.
    #[must_use]
    pub fn with_create_time(self) -> Attributes {
        Attributes(self.0 & !Self::LOG_APPEND_TIME)
    }
    /// The same bits with another compression codec's number, 0 to 7.
    ///
    /// # Panics
    /// If the number does not fit the three bits it has.
    #[must_use]
    pub fn with_codec(self, number: u8) -> Attributes {
        assert!(i16::from(number) <= Self::CODEC_MASK, "a codec's number has three bits, {number} has more");
        Attributes((self.0 & !Self::CODEC_MASK) | i16::from(number))
    }
    #[must_use]
    pub fn with_transactional(self) -> Attributes {
        Attributes(self.0 | Self::TRANSACTIONAL)
    }
    #[must_use]
    pub fn with_control(self) -> Attributes {
        Attributes(self.0 | Self::CONTROL)
    }
    #[must_use]
    pub fn without_delete_horizon(self) -> Attributes {
        Attributes(self.0 & !Self::DELETE_HORIZON)
    }
    #[must_use]
    pub fn with_delete_horizon(self) -> Attributes {
        Attributes(self.0 | Self::DELETE_HORIZON)
    }
}

/// Too few bytes for a batch header.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a record batch header takes {HEADER_BYTES} bytes, only {available} are there")]
pub struct HeaderTruncated {
    pub available: usize,
}

impl BatchHeader {
    /// Reads the header at the start of `bytes`. Nothing is validated beyond there being enough bytes.
    ///
    /// # Errors
    /// [`HeaderTruncated`] if there are fewer than [`HEADER_BYTES`].
    pub fn parse(bytes: &[u8]) -> Result<BatchHeader, HeaderTruncated> {
        if bytes.len() < HEADER_BYTES {
            return Err(HeaderTruncated { available: bytes.len() });
        }
        let mut b = bytes;
        Ok(BatchHeader {
            base_offset: Offset(b.get_i64()),
            batch_length: b.get_i32(),
            partition_leader_epoch: LeaderEpoch(b.get_i32()),
            magic: b.get_i8(),
            crc: b.get_u32(),
            attributes: Attributes(b.get_i16()),
            last_offset_delta: b.get_i32(),
            base_timestamp: Timestamp(b.get_i64()),
            max_timestamp: Timestamp(b.get_i64()),
            producer_id: ProducerId(b.get_i64()),
            producer_epoch: ProducerEpoch(b.get_i16()),
            base_sequence: b.get_i32(),
            record_count: b.get_i32(),
        })
    }

    /// Writes the header in its 61 bytes.
    pub fn write(&self, out: &mut impl BufMut) {
        out.put_i64(self.base_offset.0);
        out.put_i32(self.batch_length);
        out.put_i32(self.partition_leader_epoch.0);
        out.put_i8(self.magic);
        out.put_u32(self.crc);
        out.put_i16(self.attributes.0);
        out.put_i32(self.last_offset_delta);
        out.put_i64(self.base_timestamp.0);
        out.put_i64(self.max_timestamp.0);
        out.put_i64(self.producer_id.0);
        out.put_i16(self.producer_epoch.0);
        out.put_i32(self.base_sequence);
        out.put_i32(self.record_count);
    }

    /// The offset of the batch's last record (or where it stood before compaction).
    #[must_use]
    pub fn last_offset(&self) -> Offset {
        Offset(self.base_offset.0.saturating_add(i64::from(self.last_offset_delta)))
    }

    /// The offset after the batch.
    #[must_use]
    pub fn next_offset(&self) -> Offset {
        Offset(self.last_offset().0.saturating_add(1))
    }

    /// Whether an idempotent or transactional producer wrote the batch.
    #[must_use]
    pub fn has_producer_id(&self) -> bool {
        self.producer_id > ProducerId::NONE
    }

    /// The sequence number of the batch's last record; −1 where the batch carries none. Sequences count
    /// records and return to 0 after `i32::MAX`.
    #[must_use]
    pub fn last_sequence(&self) -> i32 {
        if self.base_sequence == NO_SEQUENCE {
            return NO_SEQUENCE;
        }
        sequence_plus(self.base_sequence, self.last_offset_delta)
    }

    /// From when on compaction may drop the batch's tombstones, if that has been decided (KIP-534).
    #[must_use]
    pub fn delete_horizon(&self) -> Option<Timestamp> {
        self.attributes.has_delete_horizon().then_some(self.base_timestamp)
    }

    /// The timestamp of the record with this delta: the broker's if the batch has log append time.
    #[must_use]
    pub fn record_timestamp(&self, timestamp_delta: i64) -> Timestamp {
        if self.attributes.is_log_append_time() {
            self.max_timestamp
        } else {
            // Deltas are taken modulo 2^64, as in Kafka's own clients.
            Timestamp(self.base_timestamp.0.wrapping_add(timestamp_delta))
        }
    }

    /// The offset of the record with this delta.
    #[must_use]
    pub fn record_offset(&self, offset_delta: i32) -> Offset {
        Offset(self.base_offset.0.saturating_add(i64::from(offset_delta)))
    }

    /// The length of the whole batch in bytes, header included; `None` if the length field is negative.
    #[must_use]
    pub fn total_bytes(&self) -> Option<usize> {
        usize::try_from(self.batch_length).ok().map(|length| length + LENGTH_PREFIX_BYTES)
    }
}
