use bytes::{Buf, BufMut};

use crate::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp};

/// Length of a batch's header in bytes: everything before the first record.
pub const HEADER_BYTES: usize = 61;
/// Length of what lies before the bytes that the CRC covers. Base offset, length, leader epoch and magic
/// are here, so a leader assigns offsets without touching the payload.
pub const UNCOVERED_BYTES: usize = 21;
/// Base offset and length: what `batch_length` does not count.
pub const LENGTH_PREFIX_BYTES: usize = 12;

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

    /// The length of the whole batch in bytes, header included; `None` if the length field is negative.
    #[must_use]
    pub fn total_bytes(&self) -> Option<usize> {
        usize::try_from(self.batch_length).ok().map(|length| length + LENGTH_PREFIX_BYTES)
    }
}
