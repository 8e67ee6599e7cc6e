use std::io;
use std::sync::Arc;

use bytes::Bytes;

use super::file_cache::FileCache;
use super::indexes::{self, OffsetRow};
use super::segment::FileKind;
use super::walker::{SegmentView, WALK_BYTES_MIN, Walker};
use crate::probe::{Condition, Mutant, mutant, sometimes};
use crate::types::EpochHistory;
use crate::types::{Offset, Timestamp};
use crate::wire::batch::RecordBatch;

/// Why a read gives nothing.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("offset {offset} is outside of the log, which holds {log_start} to {log_end}")]
    OutOfRange { offset: Offset, log_start: Offset, log_end: Offset },
    #[error("the log is damaged: {0}")]
    Damaged(String),
    #[error("{file} is damaged at position {position}: {what}; it is not served")]
    Corrupt { file: String, position: u64, what: String },
    #[error("reading {file} at position {position} failed: {source}")]
    Io { file: String, position: u64, source: io::Error },
    /// The segment was removed meanwhile: ask the log again.
    #[error("the segment was removed while it was read")]
    Gone,
}

/// A read of segments, to be run outside of the shard. It sees what the log held when it was planned.
pub struct StoredRead {
    pub(super) cache: Arc<FileCache>,
    pub(super) epochs: EpochHistory,
    /// In order, without segments that end at or below `offset`.
    pub(super) segments: Vec<SegmentView>,
    pub(super) offset: Offset,
    pub(super) max_bytes: usize,
    pub(super) up_to: Offset,
    pub(super) at_least_one: bool,
}

impl StoredRead {
    /// Whole batches from the one that holds the offset on, each checked; from one segment at a time. Empty
    /// if the first is longer than `max_bytes` and `min_one_batch` was not asked for.
    ///
    /// # Errors
    /// [`ReadError::Corrupt`] if the bytes are damaged, [`ReadError::Gone`] if they were removed meanwhile.
    pub async fn run(self) -> Result<Vec<Bytes>, ReadError> {
        for view in &self.segments {
            let read = match self.read_segment(view, true).await {
                // The index may have led astray: it is a hint.
                Err(error @ (ReadError::Corrupt { .. } | ReadError::Io { .. })) => {
                    sometimes(Condition::IndexIgnored);
                    let read = self.read_segment(view, false).await?;
                    if matches!(error, ReadError::Corrupt { .. }) {
                        self.cache.suspect(&view.segment);
                    }
                    read
                }
                Err(ReadError::Gone) => {
                    sometimes(Condition::SegmentGoneUnderReader);
                    return Err(ReadError::Gone);
                }
                other => other?,
            };
            if let Some(read) = read {
                return Ok(read);
            }
        }
        Ok(Vec::new())
    }

    /// `None` if the segment holds no batch at or beyond the offset; an empty answer if it does, but the batch
    /// may not be given: no later one may be given in its place.
    async fn read_segment(
        &self,
        view: &SegmentView,
        use_index: bool,
    ) -> Result<Option<Vec<Bytes>>, ReadError> {
        let start = if use_index { start_for_offset(&self.cache, view, self.offset).await? } else { None };
        let mut walker = Walker::new(
            &self.cache,
            &self.epochs,
            view,
            start,
            self.max_bytes.saturating_add(WALK_BYTES_MIN),
        );
        let mut read = Vec::new();
        let mut bytes = 0;
        let mut first = true;
        loop {
            let batch = match walker.next().await {
                Ok(Some(batch)) => batch,
                Ok(None) => break,
                // What was read before it is good.
                Err(ReadError::Corrupt { .. } | ReadError::Io { .. }) if !read.is_empty() => break,
                // What the index has led to may be damaged, or no batch at all: the segment's start tells.
                Err(error) if first && start.is_some() => return Err(error),
                Err(error @ (ReadError::Corrupt { .. } | ReadError::Io { .. }))
                    if walker.may_lie_behind(self.offset) =>
                {
                    // What is asked for may lie behind it, but nothing later is given in its place.
                    if walker.skip_damage(self.offset).await? {
                        continue;
                    }
                    return Err(error);
                }
                Err(error) => return Err(error),
            };
            let header = batch.header();
            if first && start.is_some() && header.base_offset > self.offset {
                // A row that leads beyond the offset is wrong.
                self.cache.suspect(&view.segment);
                return Box::pin(self.read_segment(view, false)).await;
            }
            first = false;
            if header.next_offset() <= self.offset {
                continue;
            }
            if header.base_offset < self.offset {
                sometimes(Condition::FetchInsideBatchInSegment);
                if mutant(Mutant::BatchAfterOffset) {
                    continue;
                }
            }
            let fits = bytes + batch.len() <= self.max_bytes || (self.at_least_one && read.is_empty());
            if header.next_offset() > self.up_to || !fits {
                return Ok(Some(read.iter().map(Run::piece).collect()));
            }
            bytes += batch.len();
            extend(&mut read, &walker, batch.len());
        }
        Ok((!read.is_empty()).then(|| read.iter().map(Run::piece).collect()))
    }
}

/// A search of segments for a time, to be run outside of the shard.
pub struct StoredTimestampRead {
    pub(super) cache: Arc<FileCache>,
    pub(super) epochs: EpochHistory,
    pub(super) segments: Vec<SegmentView>,
    pub(super) timestamp: Timestamp,
    pub(super) from: Offset,
    pub(super) up_to: Offset,
    /// The answer if no segment has one.
    pub(super) tail: Option<RecordBatch>,
}

impl StoredTimestampRead {
    /// The first batch that may hold a record at or after the time: the caller looks inside, and asks again
    /// from the batch's end if there is none.
    ///
    /// # Errors
    /// As [`StoredRead::run`].
    pub async fn run(self) -> Result<Option<RecordBatch>, ReadError> {
        for view in &self.segments {
            let found = match self.search(view, true).await {
                Err(ReadError::Corrupt { .. }) => {
                    let found = self.search(view, false).await?;
                    self.cache.suspect(&view.segment);
                    found
                }
                other => other?,
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(self.tail)
    }

    async fn search(&self, view: &SegmentView, use_index: bool) -> Result<Option<RecordBatch>, ReadError> {
        let mut start = None;
        if use_index {
            let rows = self.cache.index(&view.segment, FileKind::TimeIndex, view.time_index_bytes).await;
            // Without the index the walk is longer, no more.
            let rows = rows.unwrap_or_default();
            if (rows.len() as u64) < view.time_index_bytes {
                self.cache.suspect(&view.segment);
            }
            let offset = indexes::offset_for_timestamp(&rows, view.segment.base, self.timestamp);
            start = start_for_offset(&self.cache, view, offset.max(self.from)).await?;
        }
        let mut walker = Walker::new(&self.cache, &self.epochs, view, start, WALK_BYTES_MIN);
        while let Some(batch) = walker.next().await? {
            let header = batch.header();
            if header.base_offset >= self.up_to {
                break;
            }
            if header.next_offset() > self.from && header.max_timestamp >= self.timestamp {
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }
}

/// Where to begin walking for an offset. An index that cannot be read costs a walk from the start.
async fn start_for_offset(
    cache: &FileCache,
    view: &SegmentView,
    offset: Offset,
) -> Result<Option<OffsetRow>, ReadError> {
    let rows = match cache.index(&view.segment, FileKind::OffsetIndex, view.offset_index_bytes).await {
        Ok(rows) => rows,
        Err(_) if view.segment.is_removed() => return Err(ReadError::Gone),
        Err(_) => Bytes::new(),
    };
    if (rows.len() as u64) < view.offset_index_bytes {
        cache.suspect(&view.segment);
    }
    let row = indexes::row_for_offset(&rows, view.segment.base, offset);
    Ok(row.filter(|row| row.position < view.bytes))
}

/// Bytes of a segment that lie side by side in one chunk: many batches, one piece.
struct Run {
    chunk: Bytes,
    chunk_at: u64,
    from: u64,
    to: u64,
}

impl Run {
    fn piece(&self) -> Bytes {
        let at = |position: u64| usize::try_from(position - self.chunk_at).expect("a run lies in its chunk");
        self.chunk.slice(at(self.from)..at(self.to))
    }
}

/// Adds the walker's last batch, of `length` bytes, to the runs.
fn extend(runs: &mut Vec<Run>, walker: &Walker<'_>, length: usize) {
    let (chunk, chunk_at, to) = walker.place();
    let from = to - length as u64;
    match runs.last_mut() {
        Some(run) if run.chunk_at == chunk_at && run.to == from => run.to = to,
        Some(_) | None => runs.push(Run { chunk: chunk.clone(), chunk_at, from, to }),
    }
}
