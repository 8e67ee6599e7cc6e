//! Finding the next batch behind damage in a segment, so that the rest is served.
//!
//! A batch's place follows from the one before; where that one is destroyed, its place is searched for. Bytes that
//! look like a batch may stand inside a record, put there by a client. So a find counts only if it is whole (CRC),
//! lies behind what was lost, fits the log's epochs, and leads, with offsets that follow, to another batch that is
//! whole or exactly to the segment's end. A write that missed its place leaves whole batches of later offsets amid
//! what it destroyed: a find above the wanted offset is passed over, and where those batches end the search goes on, also
//! for the very next offset.
use bytes::Bytes;

use super::stored_read::ReadError;
use super::walker::{SegmentView, Walker};
use crate::types::Offset;
use crate::wire::batch::{BatchHeader, HEADER_BYTES, LENGTH_PREFIX_BYTES, MAGIC, RecordBatch};

/// How far is searched, in bytes: somebody may ask for a destroyed offset again and again.
const SEARCH_BYTES_MAX: u64 = 16 << 20;
/// How much is searched at a time, in bytes.
const SCAN_BYTES: usize = 64 << 10;
/// Devices lose this much at a time, in bytes.
const SECTOR_BYTES: u64 = 512;
/// Where the magic stands in a batch.
const MAGIC_AT: usize = LENGTH_PREFIX_BYTES + 4;

/// A batch that was found.
pub(super) struct Found {
    pub(super) position: u64,
    pub(super) base_offset: Offset,
}

/// The first batch that begins behind `damaged`, not below `least` and not above the offset that is wanted.
pub(super) async fn next_batch(
    walker: &Walker<'_>,
    view: &SegmentView,
    damaged: u64,
    least: Offset,
    wanted: Offset,
) -> Result<Option<Found>, ReadError> {
    let scan = Scan { walker, view, least };
    let mut at = damaged + 1;
    let end = view.bytes.min(damaged.saturating_add(SEARCH_BYTES_MAX));
    while at + HEADER_BYTES as u64 <= end {
        if view.segment.is_removed() {
            return Err(ReadError::Gone);
        }
        let Some(window) = scan.readable(at).await else {
            at = (at / SECTOR_BYTES + 1) * SECTOR_BYTES;
            continue;
        };
        // Each place at which a whole header lies in the window.
        let places = window.len().saturating_sub(HEADER_BYTES - 1);
        match (0..places).find(|&place| scan.is_plausible(&window[place..], at + place as u64)) {
            Some(place) => {
                let position = at + place as u64;
                if let Some(base_offset) = scan.leads_on(position).await
                    && base_offset <= wanted
                {
                    return Ok(Some(Found { position, base_offset }));
                }
                at = position + 1;
            }
            None => at += places.max(1) as u64,
        }
    }
    Ok(None)
}

struct Scan<'a> {
    walker: &'a Walker<'a>,
    view: &'a SegmentView,
    /// What is found does not begin below it.
    least: Offset,
}

impl Scan<'_> {
    /// Bytes from a place on, at least to the end of its sector; `None` if that cannot be read.
    async fn readable(&self, at: u64) -> Option<Bytes> {
        let rest = usize::try_from(self.view.bytes - at).unwrap_or(usize::MAX);
        let sector = usize::try_from(SECTOR_BYTES - at % SECTOR_BYTES).unwrap_or(1);
        // A header that begins in this sector ends in the next.
        for length in [SCAN_BYTES, sector + HEADER_BYTES, sector] {
            if let Ok(bytes) = self.walker.read_file(at, length.min(rest)).await
                && !bytes.is_empty()
            {
                return Some(bytes);
            }
        }
        None
    }

    fn is_plausible(&self, bytes: &[u8], at: u64) -> bool {
        if i8::from_be_bytes([bytes[MAGIC_AT]]) != MAGIC {
            return false;
        }
        let Ok(header) = BatchHeader::parse(bytes) else { return false };
        let room = self.view.bytes - at;
        header.base_offset >= self.least
            && header.last_offset() >= header.base_offset
            && header.next_offset() <= self.view.end
            && header.total_bytes().is_some_and(|bytes| bytes >= HEADER_BYTES && bytes as u64 <= room)
            && self.walker.epoch_fits(&header)
    }

    /// The base offset of the batch at a place, if it is whole and leads to another or to the end.
    async fn leads_on(&self, position: u64) -> Option<Offset> {
        let first = self.whole(position).await?;
        let end = position + first.total_bytes()? as u64;
        if end == self.view.bytes {
            let ends = !self.view.dense || first.next_offset() == self.view.end;
            return ends.then_some(first.base_offset);
        }
        let second = self.whole(end).await?;
        let follows = if self.view.dense {
            second.base_offset == first.next_offset()
        } else {
            second.base_offset >= first.next_offset()
        };
        follows.then_some(first.base_offset)
    }

    /// The header of the batch at a place, if its checksum is right.
    async fn whole(&self, position: u64) -> Option<BatchHeader> {
        let head = self.walker.read_file(position, HEADER_BYTES).await.ok()?;
        if head.len() < HEADER_BYTES || !self.is_plausible(&head, position) {
            return None;
        }
        let header = BatchHeader::parse(&head).ok()?;
        let length = header.total_bytes()?;
        let bytes = self.walker.read_file(position, length).await.ok()?;
        (bytes.len() == length && RecordBatch::new(header, &bytes).check().is_ok()).then_some(header)
    }
}
