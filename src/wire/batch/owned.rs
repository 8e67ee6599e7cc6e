use bytes::{BufMut, Bytes, BytesMut};

use super::crc::crc32c;
use super::error::BatchError;
use super::frame::FrameMemory;
use super::header::{BatchHeader, HEADER_BYTES, LENGTH_PREFIX_BYTES, MAGIC, UNCOVERED_BYTES};
use crate::types::{LeaderEpoch, Offset};
use crate::wire::compression::Codec;

/// Where the CRC stands in a batch, in bytes from its start.
const CRC_AT: usize = UNCOVERED_BYTES - 4;

/// One whole record batch with its parsed header, in two pieces so that a leader can assign offsets without
/// copying the payload: the `head` (the 21 bytes outside the CRC) is the broker's own, the `body` (all that
/// the CRC covers) is usually a slice of the request that brought it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordBatch {
    header: BatchHeader,
    head: Bytes,
    body: Bytes,
    /// What the body is a slice of, if that is known.
    frame: FrameMemory,
}

impl RecordBatch {
    /// Takes a batch whose bounds have been checked: `bytes` is exactly the batch that `header` describes.
    ///
    /// # Panics
    /// If the length of `bytes` is not the header's: whoever cut it out has checked.
    #[must_use]
    pub fn new(header: BatchHeader, bytes: &Bytes) -> RecordBatch {
        assert_eq!(header.total_bytes(), Some(bytes.len()), "a batch is exactly as long as its header says");
        assert!(bytes.len() >= HEADER_BYTES, "a batch holds at least its header");
        let (head, body) = (bytes.slice(..UNCOVERED_BYTES), bytes.slice(UNCOVERED_BYTES..));
        RecordBatch { header, head, body, frame: FrameMemory::default() }
    }

    /// The batch, with the frame that its payload keeps in memory. `records` is the part of the frame it was read from: a
    /// batch that was written anew meanwhile keeps none of it.
    #[must_use]
    pub fn sharing(self, records: &Bytes, frame: &FrameMemory) -> RecordBatch {
        let is_slice = records.as_ptr_range().contains(&self.body.as_ptr());
        RecordBatch { frame: if is_slice { frame.clone() } else { FrameMemory::default() }, ..self }
    }

    /// Makes the batch that `header` describes around `payload`, its records as they are stored (compressed
    /// if the attributes say so). Length, magic and CRC are filled in.
    ///
    /// # Panics
    /// If the batch would pass 2 GiB: builders are bounded far below.
    #[must_use]
    pub(super) fn assemble(header: BatchHeader, payload: &[u8]) -> RecordBatch {
        let total_bytes = HEADER_BYTES + payload.len();
        let batch_length =
            i32::try_from(total_bytes - LENGTH_PREFIX_BYTES).expect("a batch is bounded below 2 GiB");
        let mut header = BatchHeader { batch_length, magic: MAGIC, crc: 0, ..header };
        let mut whole = BytesMut::with_capacity(total_bytes);
        header.write(&mut whole);
        whole.put_slice(payload);
        header.crc = crc32c(&whole[UNCOVERED_BYTES..]);
        whole[CRC_AT..UNCOVERED_BYTES].copy_from_slice(&header.crc.to_be_bytes());
        RecordBatch::new(header, &whole.freeze())
    }

    /// Checks what every stored batch keeps: the format, the CRC, an assigned codec and counts that can be.
    ///
    /// # Errors
    /// The [`BatchError`] that names the first of these that does not hold.
    pub fn check(&self) -> Result<(), BatchError> {
        let header = &self.header;
        if header.magic != MAGIC {
            return Err(BatchError::Magic { magic: header.magic });
        }
        let computed = crc32c(&self.body);
        if computed != header.crc {
            return Err(BatchError::Crc { stored: header.crc, computed });
        }
        self.codec()?;
        let (record_count, last_offset_delta) = (header.record_count, header.last_offset_delta);
        if record_count < 0 {
            return Err(BatchError::RecordCount { record_count });
        }
        // Compaction keeps the range of offsets and takes records out of it.
        if last_offset_delta < 0 || i64::from(record_count) > i64::from(last_offset_delta) + 1 {
            return Err(BatchError::OffsetRange { record_count, last_offset_delta });
        }
        Ok(())
    }

    /// How the records are compressed.
    ///
    /// # Errors
    /// [`BatchError::UnknownCodec`] for a number without a codec.
    pub fn codec(&self) -> Result<Codec, BatchError> {
        let number = self.header.attributes.codec();
        Codec::from_number(number).ok_or(BatchError::UnknownCodec { number })
    }

    /// The records as they are stored: compressed if the attributes say so.
    #[must_use]
    pub fn payload(&self) -> Bytes {
        self.body.slice(HEADER_BYTES - UNCOVERED_BYTES..)
    }

    /// The same batch at another place in the log. The payload is shared, not copied; the CRC stays valid.
    #[must_use]
    pub fn placed_at(self, base_offset: Offset, leader_epoch: LeaderEpoch) -> RecordBatch {
        let header = BatchHeader { base_offset, partition_leader_epoch: leader_epoch, ..self.header };
        let mut whole = BytesMut::with_capacity(HEADER_BYTES);
        header.write(&mut whole);
        whole.truncate(UNCOVERED_BYTES);
        RecordBatch { header, head: whole.freeze(), ..self }
    }

    #[must_use]
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The batch's length in bytes, header included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.head.len() + self.body.len()
    }

    /// Never: a batch holds at least its header.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The two pieces, in order; joined they are the batch's bytes.
    #[must_use]
    pub fn segments(&self) -> [Bytes; 2] {
        [self.head.clone(), self.body.clone()]
    }

    /// What the CRC covers: from the attributes on.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// What the payload keeps in memory.
    #[must_use]
    pub fn frame(&self) -> &FrameMemory {
        &self.frame
    }

    /// The batch as one piece, copied.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let mut whole = BytesMut::with_capacity(self.len());
        whole.put_slice(&self.head);
        whole.put_slice(&self.body);
        whole.freeze()
    }
}
