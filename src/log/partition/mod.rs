//! One partition's log: a plain value that a shard owns. No locks, no waiting, no I/O.
//!
//! ```text
//!   segments (files)          tail (memory)
//! ┌─────────┬────────┐┌───────────────┬───────────────┐
//! │  sealed │ active ││ flushed, kept │   unflushed   │──▶ append
//! └─────────┴────────┘└───────────────┴───────────────┘
//! log start      …      tail start     flushed end     log end
//!                                      flushed end ≤ high watermark ≤ log end
//! ```
//!
//! Invariants: only batches that are committed (below the high watermark) and durable in the journal are
//! flushed, so a truncation never touches a file, and a checkpoint says nothing that could still be lost; each change yields exactly one journal entry, numbered without gaps, which the owner hands to the
//! journal in the order of the calls; at most one flush is under way, and beside it
//! at most one compaction, of segments that no flush adds to.
mod compact;
mod flush;
mod read;
mod reindex;
mod retention;

use std::sync::Arc;

pub use read::{Read, ReadRequest, TimestampRead};

use super::config::LogConfig;
use super::facts::{Facts, Pending};
use super::file_cache::FileCache;
use super::journal::{Entry, EntryBody, EntryNumber, LogKey, Position};
use super::producers::{ProducerLimits, Producers};
use super::segment::{FileKind, Segment, SegmentId, SegmentState};
use super::state::{LogState, Vote};
use super::tail::{Tail, TailBudget};
use super::walker::SegmentView;
use crate::probe::{Condition, Mutant, mutant, sometimes};
use crate::types::EpochHistory;
use crate::types::{LeaderEpoch, Offset, Timestamp};
use crate::wire::batch::{BatchError, RecordBatch};

/// How many producers a partition remembers at most.
const PRODUCERS_MAX: usize = 100_000;

fn producer_limits(config: &LogConfig) -> ProducerLimits {
    ProducerLimits { producers_max: PRODUCERS_MAX, expiration_ms: config.producer_id_expiration_ms }
}

/// Why a log refuses a change.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LogError {
    #[error("the log is damaged ({0}): it takes and serves nothing until it is repaired")]
    Damaged(String),
    #[error("a batch at {base} does not follow the log's end at {log_end}")]
    OutOfOrder { base: Offset, log_end: Offset },
    #[error("cutting back to {to} would take back committed records: the high watermark is {high_watermark}")]
    BelowHighWatermark { to: Offset, high_watermark: Offset },
    #[error("the log cannot begin at {to}: only offsets up to the high watermark {high_watermark} may go")]
    StartAboveHighWatermark { to: Offset, high_watermark: Offset },
    #[error("a batch of epoch {epoch} cannot follow epoch {last}")]
    StaleEpoch { epoch: LeaderEpoch, last: LeaderEpoch },
    #[error("epoch {epoch} is not above the last one, {last}")]
    EpochNotAbove { epoch: LeaderEpoch, last: LeaderEpoch },
    #[error("a control batch cannot be read: {0}")]
    Control(#[from] BatchError),
}

/// A segment and what counts of it.
struct Held {
    segment: Arc<Segment>,
    state: SegmentState,
    /// Nothing is added to it any more.
    sealed: bool,
}

impl Held {
    fn view(&self) -> SegmentView {
        SegmentView {
            segment: Arc::clone(&self.segment),
            end: self.state.end,
            bytes: self.state.bytes,
            offset_index_bytes: self.state.offset_index_bytes,
            time_index_bytes: self.state.time_index_bytes,
            dense: self.state.dense,
        }
    }
}

/// One partition's log.
pub struct PartitionLog {
    key: LogKey,
    config: LogConfig,
    cache: Arc<FileCache>,
    /// Number of the last entry.
    number: EntryNumber,
    /// What is known to be durable, and what is on its way.
    durable: Facts,
    pending: Pending,
    damage: Option<String>,
    log_start: Offset,
    log_end: Offset,
    high_watermark: Offset,
    /// What the checkpoint said of it.
    remembered_watermark: Offset,
    flushed_end: Offset,
    cleaned_to: Offset,
    vote: Option<Vote>,
    epochs: EpochHistory,
    segments: Vec<Held>,
    tail: Tail,
    producers: Producers,
    /// The producers as of `flushed_end`: what a truncation goes back to.
    flushed_producers: Producers,
    /// Segments that left the log and whose files a checkpoint may still name.
    garbage: Vec<Arc<Segment>>,
    flush: flush::FlushState,
    compaction: compact::CompactionState,
    has_directory: bool,
    next_segment_id: u64,
}

impl PartitionLog {
    /// A new, empty log; its first entry ([`PartitionLog::creation`]) is to be journaled.
    pub(crate) fn new(
        key: LogKey,
        log_start: Offset,
        config: LogConfig,
        cache: Arc<FileCache>,
        budget: Arc<TailBudget>,
    ) -> PartitionLog {
        let producers = Producers::new(producer_limits(&config), log_start);
        PartitionLog {
            key,
            config,
            cache,
            number: EntryNumber(1),
            durable: Facts { number: EntryNumber(1), log_start, vote: None, epochs: EpochHistory::default() },
            pending: Pending::default(),
            damage: None,
            log_start,
            log_end: log_start,
            high_watermark: log_start,
            remembered_watermark: log_start,
            flushed_end: log_start,
            cleaned_to: log_start,
            vote: None,
            epochs: EpochHistory::default(),
            segments: Vec::new(),
            tail: Tail::new(budget),
            flushed_producers: producers.clone(),
            producers,
            garbage: Vec::new(),
            flush: flush::FlushState::default(),
            compaction: compact::CompactionState::default(),
            has_directory: false,
            next_segment_id: 1,
        }
    }

    /// The log as the checkpoint has it; what the journal holds beyond is replayed into it.
    pub(crate) fn restore(
        state: LogState,
        config: LogConfig,
        cache: Arc<FileCache>,
        budget: Arc<TailBudget>,
    ) -> PartitionLog {
        let mut log = PartitionLog::new(state.log, state.log_start, config, cache, budget);
        match Producers::restore(producer_limits(&log.config), &state.producers) {
            Ok(producers) if producers.end_offset() == state.end => {
                if !producers.is_empty() {
                    sometimes(Condition::ProducerSnapshotLoaded);
                }
                log.producers = producers;
            }
            Ok(producers) => {
                log.mark_damaged(format!("its producer snapshot is of offset {}", producers.end_offset()));
            }
            Err(error) => log.mark_damaged(format!("its producer snapshot cannot be read: {error}")),
        }
        if state.damaged {
            log.mark_damaged("the checkpoint says so".to_owned());
        }
        log.flushed_producers = log.producers.clone();
        log.number = state.number;
        log.log_end = state.end;
        log.flushed_end = state.end;
        // What lies beyond may be missing: see `finish_replay`.
        log.high_watermark = state.end;
        log.remembered_watermark = state.high_watermark;
        log.cleaned_to = state.cleaned_to;
        log.vote = state.vote;
        log.epochs = state.epochs;
        log.has_directory = !state.segments.is_empty();
        // Files of higher numbers that a crash left are removed before any is given out.
        log.compaction.last_cleaning =
            state.segments.iter().map(|segment| segment.cleaning).max().unwrap_or(0);
        for segment in state.segments {
            let shared = log.new_segment(segment.base, segment.cleaning);
            log.segments.push(Held { segment: shared, state: segment, sealed: false });
        }
        log
    }

    fn new_segment(&mut self, base: Offset, cleaning: u32) -> Arc<Segment> {
        let id = SegmentId { log: self.key.id, number: self.next_segment_id };
        self.next_segment_id += 1;
        Arc::new(Segment::new(id, self.key.partition, base, cleaning))
    }

    #[must_use]
    pub fn key(&self) -> LogKey {
        self.key
    }

    #[must_use]
    pub fn config(&self) -> &LogConfig {
        &self.config
    }

    /// Takes on changed limits.
    pub fn set_config(&mut self, config: LogConfig) {
        let limits = producer_limits(&config);
        self.producers.set_limits(limits);
        self.flushed_producers.set_limits(limits);
        self.config = config;
    }

    /// The first offset that may be read.
    #[must_use]
    pub fn log_start(&self) -> Offset {
        self.log_start
    }

    /// The offset that the next record gets.
    #[must_use]
    pub fn log_end(&self) -> Offset {
        self.log_end
    }

    /// Up to where the log is known to be committed.
    #[must_use]
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// Number of the last entry that was given out.
    #[must_use]
    pub fn number(&self) -> EntryNumber {
        self.number
    }

    #[must_use]
    pub fn vote(&self) -> Option<Vote> {
        self.vote
    }

    #[must_use]
    pub fn epochs(&self) -> &EpochHistory {
        &self.epochs
    }

    #[must_use]
    pub fn producers(&self) -> &Producers {
        &self.producers
    }

    /// What was lost, if the log is damaged.
    #[must_use]
    pub fn damage(&self) -> Option<&str> {
        self.damage.as_deref()
    }

    /// Stops serving: something that was acknowledged cannot be read. The next checkpoint remembers it.
    pub fn mark_damaged(&mut self, what: String) {
        tracing::error!(partition = %self.key.partition, %what, "log damaged");
        self.damage.get_or_insert(what);
        self.flush.facts_changed = true;
        // The journal is kept as it is until a checkpoint knows of the damage.
        self.flush.note(Position::START);
    }

    fn check_sound(&self) -> Result<(), LogError> {
        match &self.damage {
            Some(damage) => Err(LogError::Damaged(damage.clone())),
            None => Ok(()),
        }
    }

    /// The batch, placed at the log's end, becomes part of the log in memory; the entry makes it durable.
    /// `journal` is [`super::JournalHandle::durable_position`] at any time before the entry is queued.
    ///
    /// # Errors
    /// If the batch does not follow the log's end (it may leave a gap: a compacted leader's log has some), its
    /// epoch is below the last one, or the log is damaged. Nothing has changed then.
    pub fn append(&mut self, batch: RecordBatch, journal: Position) -> Result<Entry, LogError> {
        self.check_sound()?;
        let epoch = batch.header().partition_leader_epoch;
        if let Some(last) = self.epochs.last()
            && epoch < last.epoch
        {
            return Err(LogError::StaleEpoch { epoch, last: last.epoch });
        }
        self.take_in(batch.clone(), self.number.next(), journal)?;
        self.epochs.assign(batch.header().partition_leader_epoch, batch.header().base_offset);
        Ok(self.entry(EntryBody::Batch(batch), journal))
    }

    fn take_in(
        &mut self,
        batch: RecordBatch,
        number: EntryNumber,
        journal: Position,
    ) -> Result<(), LogError> {
        let header = *batch.header();
        if header.base_offset < self.log_end || header.last_offset() < header.base_offset {
            return Err(LogError::OutOfOrder { base: header.base_offset, log_end: self.log_end });
        }
        self.producers.replay(&batch)?;
        self.log_end = header.next_offset();
        self.tail.push(batch, number, journal);
        Ok(())
    }

    /// A leader epoch begins at the log's end.
    ///
    /// # Errors
    /// If it is not above the last one, or the log is damaged.
    pub fn start_epoch(&mut self, epoch: LeaderEpoch, journal: Position) -> Result<Entry, LogError> {
        self.check_sound()?;
        if let Some(last) = self.epochs.last()
            && epoch <= last.epoch
        {
            return Err(LogError::EpochNotAbove { epoch, last: last.epoch });
        }
        self.epochs.assign(epoch, self.log_end);
        Ok(self.entry(EntryBody::EpochStart { epoch, start_offset: self.log_end }, journal))
    }

    /// The node has seen an epoch, and votes for the candidate if there is one. Also for a damaged log.
    #[must_use = "the entry is to be journaled"]
    pub fn record_vote(&mut self, vote: Vote, journal: Position) -> Entry {
        self.vote = Some(vote);
        let Vote { epoch, candidate } = vote;
        self.entry(EntryBody::Vote { epoch, candidate }, journal)
    }

    /// Notes how far the log is committed. Only what is below is flushed, and may be deleted.
    ///
    /// # Panics
    /// If it lies beyond the log's end. A lower value than the present one changes nothing.
    pub fn set_high_watermark(&mut self, high_watermark: Offset) {
        assert!(high_watermark <= self.log_end, "{high_watermark} is beyond the end, {}", self.log_end);
        self.high_watermark = self.high_watermark.max(high_watermark);
    }

    /// Takes back the records from `log_end` on and the epochs above `last_epoch`.
    ///
    /// # Errors
    /// If that concerns committed records, or the log is damaged.
    pub fn truncate_to(
        &mut self,
        log_end: Offset,
        last_epoch: LeaderEpoch,
        journal: Position,
    ) -> Result<Entry, LogError> {
        self.check_sound()?;
        if log_end < self.high_watermark {
            return Err(LogError::BelowHighWatermark { to: log_end, high_watermark: self.high_watermark });
        }
        self.cut(log_end)?;
        self.epochs.truncate(self.log_end, last_epoch);
        // The end where it came to lie: a batch is taken back as a whole.
        Ok(self.entry(EntryBody::Truncated { log_end: self.log_end, last_epoch }, journal))
    }

    /// Cuts the tail; a batch that reaches over `log_end` goes as a whole.
    fn cut(&mut self, log_end: Offset) -> Result<(), LogError> {
        if log_end >= self.log_end {
            return Ok(());
        }
        let mut end = log_end.max(self.flushed_end);
        if let Some(batch) = self.tail.from(log_end).next() {
            end = end.min(batch.header().base_offset).max(self.flushed_end);
        }
        self.tail.truncate(end);
        self.log_end = end;
        self.producers = self.flushed_producers.clone();
        for batch in self.tail.unflushed() {
            self.producers.replay(&batch.batch)?;
        }
        Ok(())
    }

    /// Records below `log_start` are no longer part of the log (DeleteRecords, retention). `None` if they
    /// already are not.
    ///
    /// # Errors
    /// If it lies above the high watermark, or the log is damaged.
    pub fn advance_log_start(
        &mut self,
        log_start: Offset,
        journal: Position,
    ) -> Result<Option<Entry>, LogError> {
        self.check_sound()?;
        if log_start <= self.log_start {
            return Ok(None);
        }
        if log_start > self.high_watermark {
            return Err(LogError::StartAboveHighWatermark {
                to: log_start,
                high_watermark: self.high_watermark,
            });
        }
        self.move_start(log_start);
        if mutant(Mutant::LogStartNotPersisted) {
            return Ok(None);
        }
        Ok(Some(self.entry(EntryBody::LogStartMoved { log_start }, journal)))
    }

    fn move_start(&mut self, log_start: Offset) {
        self.log_start = self.log_start.max(log_start);
        // Only what is committed goes; when replaying, the high watermark is not known otherwise.
        self.high_watermark = self.high_watermark.max(self.log_start.min(self.log_end));
        self.epochs.advance_start(self.log_start);
    }

    /// The log's end in the journal. Drop the log once the entry is durable.
    #[must_use = "the entry is to be journaled"]
    pub(crate) fn deletion(&mut self) -> Entry {
        // Nothing of the log is needed once this is durable.
        self.entry(EntryBody::LogDeleted, Position::START)
    }

    /// The log's first entry.
    #[must_use = "the entry is to be journaled"]
    pub(crate) fn creation(&self) -> Entry {
        let body = EntryBody::LogCreated { log_start: self.log_start };
        Entry { log: self.key, number: EntryNumber(1), body }
    }

    fn entry(&mut self, body: EntryBody, journal: Position) -> Entry {
        self.number = self.number.next();
        self.flush.note(journal);
        self.pending.push(self.number, journal, &body);
        Entry { log: self.key, number: self.number, body }
    }

    /// Takes in an entry that recovery read from the journal.
    ///
    /// # Errors
    /// If it contradicts the state: the log is damaged.
    pub(crate) fn replay(&mut self, entry: Entry, journal: Position) -> Result<(), LogError> {
        let known = entry.number <= self.number;
        match entry.body {
            // A batch may be newer than the segments although the checkpoint knows of it.
            EntryBody::Batch(batch) => {
                if batch.header().base_offset >= self.log_end {
                    let (epoch, base) = (batch.header().partition_leader_epoch, batch.header().base_offset);
                    self.take_in(batch, entry.number, journal)?;
                    // The checkpoint's epochs already tell what became of a batch that it knows.
                    if !known {
                        self.epochs.assign(epoch, base);
                    }
                } else if !known {
                    let base = batch.header().base_offset;
                    return Err(LogError::OutOfOrder { base, log_end: self.log_end });
                }
            }
            EntryBody::Truncated { log_end, last_epoch } => {
                self.cut(log_end)?;
                if !known {
                    self.epochs.truncate(log_end, last_epoch);
                }
            }
            EntryBody::EpochStart { epoch, start_offset } if !known => {
                self.epochs.assign(epoch, start_offset)
            }
            EntryBody::Vote { epoch, candidate } if !known => self.vote = Some(Vote { epoch, candidate }),
            EntryBody::LogStartMoved { log_start } if !known => self.move_start(log_start),
            EntryBody::EpochStart { .. }
            | EntryBody::Vote { .. }
            | EntryBody::LogStartMoved { .. }
            | EntryBody::LogCreated { .. }
            | EntryBody::LogDeleted => {}
        }
        if !known {
            self.number = entry.number;
            self.flush.note(journal);
            self.flush.facts_changed = true;
        }
        Ok(())
    }

    /// All that the journal holds has been replayed.
    pub(crate) fn finish_replay(&mut self) {
        if mutant(Mutant::TruncateToWatermark) {
            self.cut(self.remembered_watermark).expect("what was replayed is replayed again");
        }
        if mutant(Mutant::ForgetProducersAtRestart) {
            self.producers = Producers::new(producer_limits(&self.config), self.log_end);
        }
        if self.damage.is_some() {
            // The records before it may be what is lost: the log does not begin beyond what there is of it.
            self.log_start = self.log_start.min(self.log_end);
        }
        let remembered = self.remembered_watermark.min(self.log_end);
        self.high_watermark = self.high_watermark.max(remembered).max(self.log_start);
        self.durable = Facts {
            number: self.number,
            log_start: self.log_start,
            vote: self.vote,
            epochs: self.epochs.clone(),
        };
        self.drop_segments();
    }

    /// Entries up to `number` are durable in the journal: they may be flushed and stand in a checkpoint.
    ///
    /// # Panics
    /// If no such entry was given out.
    pub fn durable(&mut self, number: EntryNumber) {
        assert!(number <= self.number, "entry {number} was given out, the last is {}", self.number);
        self.flush.facts_changed |= self.pending.settle(number, &mut self.durable);
        self.drop_segments();
    }

    /// Number of the last entry that is known to be durable.
    #[must_use]
    pub fn durable_number(&self) -> EntryNumber {
        self.durable.number
    }

    /// The state of a log of which nothing but its creation is known.
    pub(crate) fn initial_state(&self) -> LogState {
        let start = self.flushed_producers.end_offset();
        LogState {
            log: self.key,
            number: EntryNumber(1),
            damaged: false,
            log_start: start,
            end: start,
            high_watermark: start,
            cleaned_to: start,
            vote: None,
            epochs: EpochHistory::default(),
            segments: Vec::new(),
            producers: Producers::new(producer_limits(&self.config), start).snapshot(),
        }
    }

    pub(crate) fn segment_states(&self) -> Vec<SegmentState> {
        self.segments.iter().map(|held| held.state).collect()
    }

    /// The log's directory exists.
    pub(crate) fn found_directory(&mut self) {
        self.has_directory = true;
    }

    /// Compares the segments with the sizes of the files that were found.
    pub(crate) fn check_segments(&mut self, size_of: impl Fn(&str) -> Option<u64>) {
        let mut missing = None;
        for held in &self.segments {
            let name = held.segment.file_name(FileKind::Log);
            match size_of(&name) {
                Some(size) if size >= held.state.bytes => {}
                Some(size) => {
                    missing = Some(format!("{name} has {size} bytes of {}", held.state.bytes));
                }
                None => missing = Some(format!("{name} is missing")),
            }
        }
        if let Some(what) = missing {
            self.mark_damaged(what);
        }
    }

    /// Takes all segments out of a log that is being deleted.
    pub(crate) fn take_segments(&mut self) -> Vec<Arc<Segment>> {
        let held = self.segments.drain(..).map(|held| held.segment);
        self.garbage.drain(..).chain(held).collect()
    }

    /// Bytes of the log: segments and what is not in them yet.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        let stored: u64 = self.segments.iter().map(|held| held.state.bytes).sum();
        stored + self.tail.unflushed_bytes() as u64
    }

    /// How many segments there are, the one in memory included.
    #[must_use]
    pub fn segment_count(&self) -> usize {
        self.segments.len().max(1)
    }

    /// Drops flushed batches from memory: for a log that nobody reads, or a node short of memory.
    pub fn release_tail(&mut self) {
        self.tail.release();
    }

    /// Forgets producers that have been idle too long.
    pub fn expire_producers(&mut self, now: Timestamp) -> usize {
        self.producers.expire(now)
    }

    /// Checks the invariants of the module header.
    ///
    /// # Panics
    /// If one does not hold.
    pub fn assert_invariants(&self) {
        assert!(
            self.flushed_end <= self.high_watermark || self.damage.is_some(),
            "only committed is flushed"
        );
        assert!(self.high_watermark <= self.log_end, "the high watermark lies in the log");
        assert!(self.log_start <= self.high_watermark, "the log starts below its high watermark");
        let mut end = Offset(i64::MIN);
        for held in &self.segments {
            assert!(held.state.base >= end && held.state.end >= held.state.base, "segments are in order");
            end = held.state.end;
        }
        assert!(end <= self.flushed_end, "segments end at the flushed end");
        assert_eq!(self.producers.end_offset(), self.log_end, "producers are of the log's end");
        assert_eq!(self.flushed_producers.end_offset(), self.flushed_end, "and of the flushed end");
    }
}
