use bytes::{BufMut, Bytes, BytesMut};

use super::header::{BatchHeader, HEADER_BYTES, UNCOVERED_BYTES};
use crate::types::{LeaderEpoch, Offset};

/// One whole record batch with its parsed header, in two pieces so that a leader can assign offsets without
/// copying the payload: the `head` (the 21 bytes outside the CRC) is the broker's own, the `body` (all that
/// the CRC covers) is usually a slice of the request that brought it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordBatch {
    header: BatchHeader,
    head: Bytes,
    body: Bytes,
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
        RecordBatch { header, head: bytes.slice(..UNCOVERED_BYTES), body: bytes.slice(UNCOVERED_BYTES..) }
    }

    /// The same batch at another place in the log. The payload is shared, not copied; the CRC stays valid.
    #[must_use]
    pub fn placed_at(self, base_offset: Offset, leader_epoch: LeaderEpoch) -> RecordBatch {
        let header = BatchHeader { base_offset, partition_leader_epoch: leader_epoch, ..self.header };
        let mut whole = BytesMut::with_capacity(HEADER_BYTES);
        header.write(&mut whole);
        whole.truncate(UNCOVERED_BYTES);
        RecordBatch { header, head: whole.freeze(), body: self.body }
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

    /// The batch as one piece, copied.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let mut whole = BytesMut::with_capacity(self.len());
        whole.put_slice(&self.head);
        whole.put_slice(&self.body);
        whole.freeze()
    }
}
