//! The journal's word of a large batch that is written once, to its segment (docs/journal-format.md, "Batches that are written
//! once").
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::types::Offset;
use crate::types::limits::DISK_BLOCK_BYTES;
use crate::wire::batch::{BatchHeader, HEADER_BYTES, RecordBatch};

/// The payload before the two ends of the batch: segment, cleaning, position, header.
const FIXED_BYTES: usize = 8 + 4 + 8 + HEADER_BYTES;

/// A batch's place in a segment of its log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchPlace {
    /// The segment's base offset and the part of its name that compaction and resets give.
    pub segment: Offset,
    pub cleaning: u32,
    /// Where the batch begins in the segment's file, in bytes.
    pub position: u64,
}

impl BatchPlace {
    /// The whole blocks of a batch of `bytes` at this place, as a range of the file; empty if there is none.
    #[must_use]
    pub fn blocks(&self, bytes: usize) -> Range<u64> {
        let block = DISK_BLOCK_BYTES as u64;
        let end = (self.position + bytes as u64) / block * block;
        self.position.next_multiple_of(block).min(end)..end
    }
}

/// Whether writes to one segment, ahead of their entries, have succeeded so far.
#[derive(Clone, Debug, Default)]
pub struct Series(Arc<AtomicBool>);

impl Series {
    /// Nothing more is placed after the first write that failed.
    pub(crate) fn fail(&self) {
        self.0.store(true, Ordering::Release);
    }

    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What is known of a write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    Pending,
    /// The blocks are durable.
    Written,
    Failed,
}

/// A batch of which the entry holds the place, the header and the bytes before the first and behind the last whole block.
#[derive(Clone, Debug)]
pub struct PlacedBatch {
    place: BatchPlace,
    header: BatchHeader,
    /// The bytes before the first whole block, then those behind the last.
    ends: [Bytes; 2],
    /// The batch, if the entry was not read from a journal.
    batch: Option<RecordBatch>,
    outcome: Arc<AtomicU8>,
    series: Series,
}

impl PartialEq for PlacedBatch {
    fn eq(&self, other: &PlacedBatch) -> bool {
        (self.place, self.header, &self.ends) == (other.place, other.header, &other.ends)
    }
}

impl Eq for PlacedBatch {}

impl PlacedBatch {
    /// The word of a batch whose blocks are still to be written.
    pub(crate) fn new(batch: RecordBatch, place: BatchPlace, series: Series) -> PlacedBatch {
        let whole = place.blocks(batch.len());
        let first = usize::try_from(whole.start - place.position).expect("less than a batch");
        let last = usize::try_from(whole.end - place.position).expect("less than a batch");
        let ends = [copied(&batch, 0..first), copied(&batch, last..batch.len())];
        let header = *batch.header();
        PlacedBatch { place, header, ends, batch: Some(batch), outcome: Arc::default(), series }
    }

    #[must_use]
    pub fn place(&self) -> BatchPlace {
        self.place
    }

    #[must_use]
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// Length of the batch in bytes.
    #[must_use]
    pub fn batch_bytes(&self) -> usize {
        self.header.total_bytes().unwrap_or(0)
    }

    /// The whole blocks of the batch, as a range of the segment's file.
    #[must_use]
    pub fn blocks(&self) -> Range<u64> {
        self.place.blocks(self.batch_bytes())
    }

    /// The batch, unless the entry was read from a journal.
    pub(crate) fn batch(&self) -> Option<&RecordBatch> {
        self.batch.as_ref()
    }

    pub(crate) fn outcome(&self) -> Outcome {
        match self.outcome.load(Ordering::Acquire) {
            0 => Outcome::Pending,
            1 if !self.series.has_failed() => Outcome::Written,
            _ => Outcome::Failed,
        }
    }

    pub(crate) fn ended(&self, is_written: bool) {
        if !is_written {
            self.series.fail();
        }
        self.outcome.store(if is_written { 1 } else { 2 }, Ordering::Release);
    }

    pub(crate) fn payload_bytes(&self) -> usize {
        FIXED_BYTES + self.ends[0].len() + self.ends[1].len()
    }

    pub(crate) fn put(&self, out: &mut BytesMut) {
        out.put_i64(self.place.segment.0);
        out.put_u32(self.place.cleaning);
        out.put_u64(self.place.position);
        self.header.write(out);
        out.put_slice(&self.ends[0]);
        out.put_slice(&self.ends[1]);
    }

    pub(crate) fn parse(payload: &Bytes) -> Option<PlacedBatch> {
        let mut rest = payload.clone();
        if rest.len() < FIXED_BYTES {
            return None;
        }
        let place = BatchPlace {
            segment: Offset(rest.get_i64()),
            cleaning: rest.get_u32(),
            position: u64::from(u32::try_from(rest.get_u64()).ok()?),
        };
        let header = BatchHeader::parse(&rest).ok()?;
        rest.advance(HEADER_BYTES);
        let bytes = header.total_bytes().filter(|&bytes| bytes >= HEADER_BYTES)?;
        let whole = place.blocks(bytes);
        let first = usize::try_from(whole.start - place.position).ok()?;
        let end = place.position + bytes as u64;
        let last = usize::try_from(end - whole.end).ok()?;
        if whole.is_empty() || rest.len() != first + last {
            return None;
        }
        let ends = [rest.split_to(first), rest];
        Some(PlacedBatch {
            place,
            header,
            ends,
            batch: None,
            outcome: Arc::default(),
            series: Series::default(),
        })
    }

    /// The same, with the batch that was read from its place.
    pub(crate) fn with(self, batch: RecordBatch) -> PlacedBatch {
        PlacedBatch { batch: Some(batch), ..self }
    }

    /// The batch put together again from what stands in its blocks; `None` if that is not what was written there.
    pub(crate) fn restored(&self, blocks: &[u8]) -> Option<RecordBatch> {
        let [first, last] = &self.ends;
        let bytes = self.batch_bytes();
        if first.len() + blocks.len() + last.len() != bytes {
            return None;
        }
        let mut whole = BytesMut::with_capacity(bytes);
        whole.put_slice(first);
        whole.put_slice(blocks);
        whole.put_slice(last);
        let whole = whole.freeze();
        let header = BatchHeader::parse(&whole).ok().filter(|header| *header == self.header)?;
        let batch = RecordBatch::new(header, &whole);
        batch.check().is_ok().then_some(batch)
    }
}

/// Copies a part of a batch: a slice would hold it all.
fn copied(batch: &RecordBatch, range: Range<usize>) -> Bytes {
    let mut out = BytesMut::with_capacity(range.len());
    for piece in parts(batch, range) {
        out.put_slice(&piece);
    }
    out.freeze()
}

/// A part of a batch, in its pieces.
pub(crate) fn parts(batch: &RecordBatch, range: Range<usize>) -> impl Iterator<Item = Bytes> {
    let mut at = 0;
    batch.segments().into_iter().filter_map(move |piece| {
        let (from, to) = (range.start.max(at), range.end.min(at + piece.len()));
        let part = (from < to).then(|| piece.slice(from - at..to - at));
        at += piece.len();
        part
    })
}
