use std::collections::BTreeMap;
use std::sync::Arc;

use super::output::{Output, OutputLimits};
use super::pace::Pace;
use super::{CompactionDone, CompactionFailed, CompactionFailure, CompactionOptions, CompactionTotals};
use crate::io::Io;
use crate::log::compaction::{
    AbortedTransaction, CleanRules, CleanedTransactions, Cleaner, MapBuilder, MapProgress, OffsetMap,
};
use crate::log::file_cache::FileCache;
use crate::log::journal::LogKey;
use crate::log::producers::LastWritten;
use crate::log::segment::FileKind;
use crate::log::walker::{SegmentView, Walker};
use crate::types::EpochHistory;
use crate::types::limits::BATCH_DECOMPRESSED_BYTES_MAX;
use crate::types::{Offset, ProducerId, Timestamp};
use crate::wire::batch::{BatchError, EndMarker, RecordBatch, TransactionResult};

/// How much is read at a time, in bytes.
const READ_BYTES: usize = 1 << 20;
/// A segment to be cleaned.
pub(in crate::log) struct Source {
    pub(in crate::log) view: SegmentView,
    pub(in crate::log) created: Timestamp,
}

/// What one log wants compacted. Made by [`crate::log::PartitionLog::take_compaction`].
#[must_use = "a compaction that was taken must be run and its outcome told to the log"]
pub struct CompactionWork {
    pub(in crate::log) key: LogKey,
    /// Part of the names of the files that are written; no others of the log have it.
    pub(in crate::log) cleaning: u32,
    pub(in crate::log) cache: Arc<FileCache>,
    pub(in crate::log) epochs: EpochHistory,
    /// From the log's first segment on, in order, with something to clean in the last.
    pub(in crate::log) sources: Vec<Source>,
    pub(in crate::log) first_dirty: Offset,
    pub(in crate::log) last_written: BTreeMap<ProducerId, LastWritten>,
    pub(in crate::log) delete_retention_ms: i64,
    pub(in crate::log) limits: OutputLimits,
    pub(in crate::log) now: Timestamp,
    pub(in crate::log) dirty_ratio: f64,
}

/// What was written, before it is durable.
struct Cleaning {
    sources: usize,
    cleaned_to: Offset,
    unfinished: bool,
    records_before: u64,
    records_after: u64,
}

impl CompactionWork {
    /// Which log it is about.
    #[must_use]
    pub fn log(&self) -> LogKey {
        self.key
    }

    /// How much of what it looks at is dirty, from above 0 to 1.
    #[must_use]
    pub fn dirty_ratio(&self) -> f64 {
        self.dirty_ratio
    }

    /// Writes the cleaned segments, durably, beside the present ones. Dropping the future leaves files that
    /// nothing names; the next start removes them.
    ///
    /// # Errors
    /// [`CompactionFailed`] if something cannot be read, or written. Nothing of the log has changed then.
    pub async fn run(self, io: &Io, options: CompactionOptions) -> Result<CompactionDone, CompactionFailed> {
        let mut output =
            Output::new(&*io.disk, self.cache.names(), self.key.partition, self.cleaning, self.limits);
        match self.clean(io, options, &mut output).await {
            Ok(done) => Ok(done),
            Err(reason) => Err(CompactionFailed {
                key: self.key,
                reason,
                cleaning: self.cleaning,
                leftover: output.into_begun(),
            }),
        }
    }

    async fn clean(
        &self,
        io: &Io,
        options: CompactionOptions,
        output: &mut Output<'_>,
    ) -> Result<CompactionDone, CompactionFailure> {
        let mut pace = Pace::new(Arc::clone(&io.clock), options.bytes_per_second_max);
        let (decided, aborted) = self.transactions(&mut pace).await?;
        let mut done = CompactionDone {
            key: self.key,
            cleaning: self.cleaning,
            sources: Vec::new(),
            last_source: self.sources.last().map(|source| source.view.segment.id),
            outputs: Vec::new(),
            cleaned_to: self.first_dirty,
            unfinished: false,
            totals: CompactionTotals::default(),
        };
        let sources = &self.sources[..decided];
        if sources.last().is_none_or(|last| last.view.end <= self.first_dirty) {
            return Ok(done);
        }
        let seed = io.rng.stream("compaction").next_u64();
        let bytes_max =
            usize::try_from(options.key_buffer_bytes.min(u64::from(u32::MAX))).unwrap_or(usize::MAX);
        let mut map = OffsetMap::new(bytes_max, seed);
        let unfinished = self.read_keys(sources, &aborted, &mut map, &mut pace).await?;
        if map.end_offset() <= self.first_dirty {
            let (base_offset, key_buffer_bytes) = (self.first_dirty, bytes_max);
            return Err(CompactionFailure::KeysBeyondMemory { base_offset, key_buffer_bytes });
        }
        let reached = sources.partition_point(|source| source.view.segment.base < map.end_offset());
        let cleaning = Cleaning {
            sources: reached,
            cleaned_to: map.end_offset(),
            unfinished,
            records_before: 0,
            records_after: 0,
        };
        let cleaning = self.rewrite(cleaning, aborted, &map, output, &mut pace).await?;
        done.outputs = output.finish().await?;
        let sources = &self.sources[..cleaning.sources];
        done.sources = sources.iter().map(|source| source.view.segment.id).collect();
        done.cleaned_to = cleaning.cleaned_to;
        done.unfinished = cleaning.unfinished;
        done.totals = CompactionTotals {
            segments_before: sources.len(),
            segments_after: done.outputs.len(),
            bytes_before: sources.iter().map(|source| source.view.bytes).sum(),
            bytes_after: done.outputs.iter().map(|segment| segment.bytes).sum(),
            records_before: cleaning.records_before,
            records_after: cleaning.records_after,
            key_bytes: map.bytes() as u64,
        };
        Ok(done)
    }

    /// Which transactions were aborted, and how many of the sources, from the first on, hold only transactions
    /// that are decided in them.
    async fn transactions(
        &self,
        pace: &mut Pace,
    ) -> Result<(usize, Vec<AbortedTransaction>), CompactionFailure> {
        let mut open: BTreeMap<ProducerId, Offset> = BTreeMap::new();
        let mut aborted = Vec::new();
        let mut decided = 0;
        for (at, source) in self.sources.iter().enumerate() {
            let mut walker = self.walker(source);
            while let Some(batch) = walker.next_or_wound().await? {
                pace.spend(batch.len()).await;
                let header = batch.header();
                let producer_id = header.producer_id;
                if !header.attributes.is_control() {
                    if header.attributes.is_transactional() {
                        open.entry(producer_id).or_insert(header.base_offset);
                    }
                } else if header.record_count > 0 {
                    let marker = EndMarker::of_batch(&batch).map_err(unreadable(source, &batch))?;
                    if let Some(marker) = marker
                        && let Some(first_offset) = open.remove(&producer_id)
                        && marker.result == TransactionResult::Abort
                    {
                        let last_offset = header.last_offset();
                        aborted.push(AbortedTransaction { first_offset, producer_id, last_offset });
                    }
                }
            }
            if open.is_empty() {
                decided = at + 1;
            }
        }
        Ok((decided, aborted))
    }

    /// Fills the map from the dirty part; says whether it was full before the end.
    async fn read_keys(
        &self,
        sources: &[Source],
        aborted: &[AbortedTransaction],
        map: &mut OffsetMap,
        pace: &mut Pace,
    ) -> Result<bool, CompactionFailure> {
        let dirty = sources.partition_point(|source| source.view.end <= self.first_dirty);
        let first = sources.get(dirty).map_or(self.first_dirty, |source| source.view.segment.base);
        let reaching = aborted.iter().copied().filter(|transaction| transaction.last_offset >= first);
        let mut builder = MapBuilder {
            map,
            transactions: CleanedTransactions::new(reaching),
            first_dirty_offset: self.first_dirty,
            decompressed_bytes_max: BATCH_DECOMPRESSED_BYTES_MAX,
        };
        for source in &sources[dirty..] {
            let mut walker = self.walker(source);
            while let Some(batch) = walker.next_or_wound().await? {
                pace.spend(batch.len()).await;
                match builder.add(&batch).map_err(unreadable(source, &batch))? {
                    MapProgress::Taken => {}
                    MapProgress::Full => return Ok(true),
                }
            }
            builder.map.covers(source.view.end);
        }
        Ok(false)
    }

    async fn rewrite(
        &self,
        mut cleaning: Cleaning,
        aborted: Vec<AbortedTransaction>,
        map: &OffsetMap,
        output: &mut Output<'_>,
        pace: &mut Pace,
    ) -> Result<Cleaning, CompactionFailure> {
        let sources = &self.sources[..cleaning.sources];
        let rules = CleanRules {
            map,
            last_written: &self.last_written,
            now: self.now,
            delete_retention_ms: self.delete_retention_ms,
            round_end: sources.last().map_or(self.first_dirty, |last| last.view.end),
            decompressed_bytes_max: BATCH_DECOMPRESSED_BYTES_MAX,
        };
        let mut cleaner = Cleaner::new(rules, CleanedTransactions::new(aborted));
        for source in sources {
            let mut walker = self.walker(source);
            while let Some(batch) = walker.next_or_wound().await? {
                let cleaned = cleaner.clean(&batch).map_err(unreadable(source, &batch))?;
                cleaning.records_before += u64::from(cleaned.records_read.unsigned_abs());
                cleaning.records_after += u64::from(cleaned.records_kept.unsigned_abs());
                let written = cleaned.batch.as_ref().map_or(0, RecordBatch::len);
                if let Some(batch) = cleaned.batch {
                    output.add(&batch, source.created).await?;
                }
                pace.spend(batch.len() + written).await;
            }
        }
        Ok(cleaning)
    }

    fn walker<'a>(&'a self, source: &'a Source) -> Walker<'a> {
        Walker::new(&self.cache, &self.epochs, &source.view, None, READ_BYTES)
    }
}

fn unreadable(source: &Source, batch: &RecordBatch) -> impl FnOnce(BatchError) -> CompactionFailure {
    let (file, base_offset) = (source.view.segment.path(FileKind::Log), batch.header().base_offset);
    move |source| CompactionFailure::Batch { file, base_offset, source }
}
