use std::io;
use std::sync::Arc;

use bytes::Bytes;

use super::file_cache::FileCache;
use super::indexes::{self, OffsetRow};
use super::read_ahead::{Place, Resumed};
use super::segment::FileKind;
use super::walker::{SegmentView, WALK_BYTES_MAX, WALK_BYTES_MIN, Walker};
use crate::probe::{Condition, Mutant, mutant, sometimes};
use crate::types::EpochHistory;
use crate::types::{Offset, Timestamp};
use crate::wire::batch::{BatchHeader, RecordBatch};

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

impl ReadError {
    /// Whether bytes could not be read, or are not what was written.
    pub(crate) fn is_damage(&self) -> bool {
        matches!(self, ReadError::Corrupt { .. } | ReadError::Io { .. })
    }
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

/// Where a walk for an offset begins.
enum Begin {
    /// Where the read before stopped, with what was read from there on.
    Resumed { position: u64, chunk: Bytes },
    /// Where the index says.
    Index,
    /// At the segment's start: nothing can lead astray.
    Start,
}

/// What led a walk to its first batch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LedBy {
    ReadBefore,
    Index,
    Nothing,
}

/// What one segment gives.
#[derive(Default)]
struct Given {
    pieces: Vec<Bytes>,
    bytes: usize,
    /// Where the last batch ends: the offset after it, and its place in the segment.
    end: Option<(Offset, u64)>,
}

impl StoredRead {
    /// Whole batches from the one that holds the offset on, each checked; from one segment at a time. Empty
    /// if the first is longer than `max_bytes` and `min_one_batch` was not asked for.
    ///
    /// # Errors
    /// [`ReadError::Corrupt`] if the bytes are damaged, [`ReadError::Gone`] if they were removed meanwhile.
    pub async fn run(self) -> Result<Vec<Bytes>, ReadError> {
        let first = self.segments.first();
        let resumed = first.and_then(|view| self.cache.ahead().resume(view.segment.id.log, self.offset));
        let mut resumed = resumed.filter(|resumed| {
            first.is_some_and(|view| {
                view.segment.id == resumed.place.segment && resumed.place.position < view.bytes
            })
        });
        let goes_on = resumed.is_some();
        for (index, view) in self.segments.iter().enumerate() {
            let read = match resumed.take() {
                Some(resumed) => self.read_on(view, resumed).await,
                None => self.read_anew(view).await,
            };
            match &read {
                Err(ReadError::Gone) => sometimes(Condition::SegmentGoneUnderReader),
                Err(error) if error.is_damage() => self.cache.wound(&view.segment),
                _ => {}
            }
            if let Some(given) = read? {
                self.leave(index, &given, goes_on);
                return Ok(given.pieces);
            }
        }
        Ok(Vec::new())
    }

    /// Goes on where a read stopped. If that leads nowhere, it is a read as any other.
    async fn read_on(&self, view: &SegmentView, resumed: Resumed) -> Result<Option<Given>, ReadError> {
        let position = resumed.place.position;
        let chunk = match resumed.reading {
            None => Bytes::new(),
            Some(reading) => match reading.await {
                Ok(chunk) => {
                    sometimes(Condition::ReadAheadServed);
                    chunk
                }
                // Nobody had asked for it: whether it can be read, the read of who asks tells.
                Err(_) => {
                    sometimes(Condition::ReadAheadFailed);
                    Bytes::new()
                }
            },
        };
        match self.read_segment(view, Begin::Resumed { position, chunk }).await {
            Err(ReadError::Corrupt { .. } | ReadError::Io { .. }) => self.read_anew(view).await,
            other => other,
        }
    }

    async fn read_anew(&self, view: &SegmentView) -> Result<Option<Given>, ReadError> {
        match self.read_segment(view, Begin::Index).await {
            // The index may have led astray: it is a hint.
            Err(error @ (ReadError::Corrupt { .. } | ReadError::Io { .. })) => {
                sometimes(Condition::IndexIgnored);
                let read = self.read_segment(view, Begin::Start).await?;
                if matches!(error, ReadError::Corrupt { .. }) {
                    self.cache.suspect(&view.segment);
                }
                Ok(read)
            }
            other => other,
        }
    }

    /// Remembers where this read stopped, and begins to read what follows if it went on itself.
    fn leave(&self, index: usize, given: &Given, goes_on: bool) {
        let Some((offset, position)) = given.end.filter(|&(offset, _)| offset < self.up_to) else { return };
        let (view, position) = match self.segments.get(index..) {
            Some([view, ..]) if position < view.bytes => (view, position),
            Some([_, next, ..]) => (next, 0),
            _ => return,
        };
        let place = Place { segment: view.segment.id, position };
        if !goes_on {
            return self.cache.ahead().leave(offset, place);
        }
        let rest = usize::try_from(view.bytes - position).unwrap_or(usize::MAX);
        let bytes = walk_bytes(self.max_bytes.max(given.bytes)).min(rest);
        let read = || self.cache.read_ahead(&view.segment, position, bytes);
        self.cache.ahead().leave_reading(offset, place, bytes, read);
    }

    /// `None` if the segment holds no batch at or beyond the offset; an empty answer if it does, but the batch
    /// may not be given: no later one may be given in its place.
    async fn read_segment(&self, view: &SegmentView, begin: Begin) -> Result<Option<Given>, ReadError> {
        let (mut walker, led_by) = self.walk(view, begin).await?;
        let mut read = Vec::new();
        let mut given = Given::default();
        let mut first = true;
        loop {
            let bytes = given.bytes;
            // What will not be given is not read, unless nothing is: then it is looked at whether it is sound.
            let is_wanted = |header: &BatchHeader| bytes == 0 || self.may_follow(header, bytes);
            let batch = match walker.next_if(is_wanted).await {
                Ok(Some(batch)) => batch,
                Ok(None) => break,
                // What was read before it is good.
                Err(ReadError::Corrupt { .. } | ReadError::Io { .. }) if !read.is_empty() => break,
                // What has led there may be wrong, and this no batch at all: the segment's start tells.
                Err(error) if first && led_by != LedBy::Nothing => return Err(error),
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
            if first && led_by == LedBy::Index && header.base_offset > self.offset {
                // A row that leads beyond the offset is wrong.
                self.cache.suspect(&view.segment);
                return Box::pin(self.read_segment(view, Begin::Start)).await;
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
            if read.is_empty() && !self.may_be_first(header, batch.len()) {
                return Ok(Some(given));
            }
            given.bytes += batch.len();
            extend(&mut read, &walker, batch.len());
            given.end = Some((header.next_offset(), walker.place().2));
        }
        given.pieces = read.iter().map(Run::piece).collect();
        Ok((!read.is_empty()).then_some(given))
    }

    /// Begins a walk, and says what led it to its first batch.
    async fn walk<'a>(
        &'a self,
        view: &'a SegmentView,
        begin: Begin,
    ) -> Result<(Walker<'a>, LedBy), ReadError> {
        let chunk_bytes = walk_bytes(self.max_bytes);
        let start = match begin {
            Begin::Resumed { position, chunk } => {
                let place = (position, self.offset);
                let walker = Walker::resumed(&self.cache, &self.epochs, view, place, chunk, chunk_bytes);
                return Ok((walker, LedBy::ReadBefore));
            }
            Begin::Index => start_for_offset(&self.cache, view, self.offset).await?,
            Begin::Start => None,
        };
        let walker = Walker::new(&self.cache, &self.epochs, view, start, chunk_bytes);
        Ok((walker, if start.is_some() { LedBy::Index } else { LedBy::Nothing }))
    }

    fn may_be_first(&self, header: &BatchHeader, bytes: usize) -> bool {
        header.next_offset() <= self.up_to && (self.at_least_one || bytes <= self.max_bytes)
    }

    /// Whether a batch may be given behind so many bytes of others.
    fn may_follow(&self, header: &BatchHeader, bytes: usize) -> bool {
        let fits = header.total_bytes().is_some_and(|more| bytes + more <= self.max_bytes);
        header.next_offset() <= self.up_to && fits
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
            let found = self.search_segment(view).await;
            if found.as_ref().is_err_and(ReadError::is_damage) {
                self.cache.wound(&view.segment);
            }
            if let Some(found) = found? {
                return Ok(Some(found));
            }
        }
        Ok(self.tail)
    }

    async fn search_segment(&self, view: &SegmentView) -> Result<Option<RecordBatch>, ReadError> {
        match self.search_by_index(view).await {
            Ok(ByIndex::Lies) | Err(ReadError::Corrupt { .. }) => {
                let found = self.search(view, None).await?;
                self.cache.suspect(&view.segment);
                Ok(found)
            }
            Ok(ByIndex::Found(found)) => Ok(found),
            Err(other) => Err(other),
        }
    }

    /// Searches from where the indexes lead, and sees that what they say is so: nothing else tells of a bit that flipped in them.
    async fn search_by_index(&self, view: &SegmentView) -> Result<ByIndex, ReadError> {
        let rows = self.cache.index(&view.segment, FileKind::TimeIndex, view.time_index_bytes).await;
        // Without the index the walk is longer, no more.
        let rows = rows.unwrap_or_default();
        if (rows.len() as u64) < view.time_index_bytes {
            self.cache.suspect(&view.segment);
        }
        let row = indexes::row_for_timestamp(&rows, view.segment.base, self.timestamp);
        // One before the offset to search from leads nowhere.
        let row = row.filter(|row| row.last_offset >= self.from);
        let offset = row.map_or(view.segment.base.max(self.from), |row| row.last_offset);
        let start = start_for_offset(&self.cache, view, offset).await?;
        if start.is_none() && row.is_none() {
            return Ok(ByIndex::Found(self.search(view, None).await?));
        }
        let mut walker = Walker::new(&self.cache, &self.epochs, view, start, WALK_BYTES_MIN);
        let leads_there =
            |batch: &RecordBatch| start.is_none_or(|start| batch.header().last_offset() == start.last_offset);
        let Some(mut batch) = walker.next().await?.filter(leads_there) else { return Ok(ByIndex::Lies) };
        if let Some(row) = row {
            // As far as the entry's own batch.
            while batch.header().last_offset() < row.last_offset {
                let Some(next) = walker.next().await? else { return Ok(ByIndex::Lies) };
                batch = next;
            }
            let header = batch.header();
            if (header.last_offset(), header.max_timestamp) != (row.last_offset, row.timestamp) {
                return Ok(ByIndex::Lies);
            }
        }
        Ok(ByIndex::Found(self.first_from(walker, Some(batch)).await?))
    }

    async fn search(
        &self,
        view: &SegmentView,
        start: Option<OffsetRow>,
    ) -> Result<Option<RecordBatch>, ReadError> {
        let mut walker = Walker::new(&self.cache, &self.epochs, view, start, WALK_BYTES_MIN);
        let first = walker.next().await?;
        self.first_from(walker, first).await
    }

    /// The first batch from `next` on that may hold what is searched.
    async fn first_from(
        &self,
        mut walker: Walker<'_>,
        mut next: Option<RecordBatch>,
    ) -> Result<Option<RecordBatch>, ReadError> {
        while let Some(batch) = next {
            let header = batch.header();
            if header.base_offset >= self.up_to {
                break;
            }
            if header.next_offset() > self.from && header.max_timestamp >= self.timestamp {
                return Ok(Some(batch));
            }
            next = walker.next().await?;
        }
        Ok(None)
    }
}

/// What a search by the indexes came to.
enum ByIndex {
    Found(Option<RecordBatch>),
    /// What they say is not so.
    Lies,
}

/// How much to read at a time in order to give so many bytes: what begins the batch behind them is at hand then.
fn walk_bytes(bytes: usize) -> usize {
    bytes.saturating_add(WALK_BYTES_MIN).min(WALK_BYTES_MAX)
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
