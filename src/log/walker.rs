use std::io;
use std::sync::Arc;

use bytes::Bytes;

use super::file_cache::FileCache;
use super::indexes::OffsetRow;
use super::resync;
use super::segment::{FileKind, Segment};
use super::stored_read::ReadError;
use crate::types::EpochHistory;
use crate::types::Offset;
use crate::wire::batch::{BatchHeader, HEADER_BYTES, RecordBatch};

/// How much a walk reads at a time, in bytes, unless one batch is longer.
pub(crate) const WALK_BYTES_MIN: usize = 16 << 10;
/// And how much at most, with the same exception.
pub(crate) const WALK_BYTES_MAX: usize = 4 << 20;

/// The part of a segment that counts at the time of a read: files only grow behind it.
#[derive(Clone, Debug)]
pub(crate) struct SegmentView {
    pub(crate) segment: Arc<Segment>,
    pub(crate) end: Offset,
    pub(crate) bytes: u64,
    pub(crate) offset_index_bytes: u64,
    pub(crate) time_index_bytes: u64,
    /// Whether there are no gaps between its batches.
    pub(crate) dense: bool,
}

/// Goes through a segment batch by batch, checking each.
pub(crate) struct Walker<'a> {
    cache: &'a FileCache,
    epochs: &'a EpochHistory,
    view: &'a SegmentView,
    /// Where the next batch begins.
    position: u64,
    /// No batch may begin below it.
    next_offset: Offset,
    /// What the index says of the first batch.
    first_ends: Option<Offset>,
    /// Damage was passed over: what came since may be a write that missed its place, so that the batch expected next may
    /// stand further on.
    has_skipped: bool,
    chunk: Bytes,
    chunk_at: u64,
    chunk_bytes: usize,
}

impl<'a> Walker<'a> {
    pub(crate) fn new(
        cache: &'a FileCache,
        epochs: &'a EpochHistory,
        view: &'a SegmentView,
        start: Option<OffsetRow>,
        chunk_bytes: usize,
    ) -> Walker<'a> {
        Walker {
            cache,
            epochs,
            view,
            position: start.map_or(0, |row| row.position),
            next_offset: view.segment.base,
            first_ends: start.map(|row| row.last_offset),
            has_skipped: false,
            chunk: Bytes::new(),
            chunk_at: 0,
            chunk_bytes: chunk_bytes.clamp(WALK_BYTES_MIN, WALK_BYTES_MAX),
        }
    }

    /// Goes on where another walk stopped, behind a batch that it had checked; `chunk` is what was read of the segment
    /// from there on, if anything was.
    pub(crate) fn resumed(
        cache: &'a FileCache,
        epochs: &'a EpochHistory,
        view: &'a SegmentView,
        (position, next_offset): (u64, Offset),
        chunk: Bytes,
        chunk_bytes: usize,
    ) -> Walker<'a> {
        let walker = Walker::new(cache, epochs, view, None, chunk_bytes);
        Walker { position, next_offset, chunk, chunk_at: position, ..walker }
    }

    /// The next batch, whole and with a right checksum; `None` at the segment's end.
    pub(crate) async fn next(&mut self) -> Result<Option<RecordBatch>, ReadError> {
        self.next_if(|_| true).await
    }

    /// The same; a segment that cannot be read is remembered as one to be repaired.
    pub(crate) async fn next_or_wound(&mut self) -> Result<Option<RecordBatch>, ReadError> {
        let next = self.next().await;
        if next.as_ref().is_err_and(ReadError::is_damage) {
            self.cache.wound(&self.view.segment);
        }
        next
    }

    /// The next one, if its header is wanted: what is not is not read, and the walk stays before it. `None` in either case.
    pub(crate) async fn next_if(
        &mut self,
        is_wanted: impl FnOnce(&BatchHeader) -> bool,
    ) -> Result<Option<RecordBatch>, ReadError> {
        if self.position >= self.view.bytes {
            return Ok(None);
        }
        let head = self.bytes(HEADER_BYTES).await?;
        let header = BatchHeader::parse(&head).map_err(|_| self.corrupt("it ends inside a batch header"))?;
        let rest = self.view.bytes - self.position;
        let length = header
            .total_bytes()
            .filter(|&bytes| bytes >= HEADER_BYTES && bytes as u64 <= rest)
            .ok_or_else(|| self.corrupt("a batch's length leads beyond the segment"))?;
        if !self.is_in_order(&header) {
            return Err(self.corrupt("a batch's offsets or epoch do not fit their place"));
        }
        if !is_wanted(&header) {
            return Ok(None);
        }
        let bytes = self.bytes(length).await?;
        if bytes.len() < length {
            return Err(self.corrupt("the file is shorter than it was"));
        }
        let batch = RecordBatch::new(header, &bytes);
        batch.check().map_err(|error| self.corrupt(error.to_string()))?;
        self.position += length as u64;
        self.next_offset = header.next_offset();
        self.first_ends = None;
        Ok(Some(batch))
    }

    /// Goes on behind a batch that cannot be read: to the next that is whole, leads to another or to the segment's
    /// end, and does not begin above `wanted`. False if there is none; the walk is over then.
    pub(crate) async fn skip_damage(&mut self, wanted: Offset) -> Result<bool, ReadError> {
        // Where the walk came here batch by batch, this was the place of the next one, and it is lost.
        let least = if self.has_skipped { self.next_offset } else { self.next_offset.plus(1) };
        let searching = resync::next_batch(self, self.view, self.position, least, wanted);
        let Some(found) = searching.await? else { return Ok(false) };
        self.has_skipped = true;
        self.position = found.position;
        self.next_offset = found.base_offset;
        self.first_ends = None;
        Ok(true)
    }

    /// The epoch that the log's history gives a batch at this offset.
    pub(super) fn epoch_fits(&self, header: &BatchHeader) -> bool {
        let epoch = self.epochs.epoch_at(header.base_offset);
        epoch.is_none_or(|epoch| epoch == header.partition_leader_epoch)
    }

    /// Base offset and epoch are covered by no checksum: they are held against what else is known of them.
    fn is_in_order(&self, header: &BatchHeader) -> bool {
        let within = header.base_offset >= self.next_offset
            && header.last_offset() >= header.base_offset
            && header.next_offset() <= self.view.end;
        let follows = match self.first_ends {
            Some(last_offset) => header.last_offset() == last_offset,
            None => !self.view.dense || header.base_offset == self.next_offset,
        };
        within && follows && self.epoch_fits(header)
    }

    /// The bytes in memory, where they begin in the file, and where the next batch begins.
    pub(crate) fn place(&self) -> (&Bytes, u64, u64) {
        (&self.chunk, self.chunk_at, self.position)
    }

    /// `length` bytes from the position on, fewer where the segment ends.
    async fn bytes(&mut self, length: usize) -> Result<Bytes, ReadError> {
        let held = (self.chunk_at + self.chunk.len() as u64).saturating_sub(self.position);
        let rest = usize::try_from(self.view.bytes - self.position).unwrap_or(usize::MAX);
        let length = length.min(rest);
        if self.position < self.chunk_at || held < length as u64 {
            let wanted = length.max(self.chunk_bytes).min(rest);
            let path = || self.view.segment.path(FileKind::Log);
            let mut result = self.read_file(self.position, wanted).await;
            if result.is_err() && wanted > length {
                // What cannot be read may lie behind what is wanted.
                result = self.read_file(self.position, length).await;
            }
            self.chunk = result.map_err(|source| {
                if self.view.segment.is_removed() {
                    return ReadError::Gone;
                }
                ReadError::Io { file: path(), position: self.position, source }
            })?;
            self.chunk_at = self.position;
        }
        let from = usize::try_from(self.position - self.chunk_at).expect("the position lies in the chunk");
        Ok(self.chunk.slice(from..self.chunk.len().min(from + length)))
    }

    /// Bytes of the file, none of which need be good.
    pub(super) async fn read_file(&self, position: u64, length: usize) -> io::Result<Bytes> {
        let file = self.cache.file(&self.view.segment, FileKind::Log).await?;
        file.read_at(position, length).await
    }

    /// Whether what is wanted may lie behind the damage at which the walk stands.
    pub(crate) fn may_lie_behind(&self, wanted: Offset) -> bool {
        wanted > self.next_offset || (self.has_skipped && wanted == self.next_offset)
    }

    fn corrupt(&self, what: impl Into<String>) -> ReadError {
        ReadError::Corrupt {
            file: self.view.segment.path(FileKind::Log),
            position: self.position,
            what: what.into(),
        }
    }
}
