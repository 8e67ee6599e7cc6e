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
//! at most one compaction, of segments that no flush adds to; a log that is reset has nothing of what it was, and no
//! checkpoint says so before that is durable.
mod carry;
mod compact;
mod flush;
mod placing;
mod read;
mod reindex;
mod repair;
mod replay;
mod reset;
mod retention;

use std::sync::{Arc, Weak};

pub use read::{MaxTimestamp, Read, ReadRequest, TimestampRead};

use super::config::LogConfig;
use super::facts::{Beside, Facts, Pending};
use super::file_cache::FileCache;
use super::journal::{Entry, EntryBody, EntryNumber, LogKey, Position};
use super::producers::{ProducerLimits, Producers, SnapshotError};
use super::segment::{Segment, SegmentId, SegmentState};
use super::state::Vote;
use super::tail::{Tail, TailBudget};
use super::voters::{self, VoterSets, VotersInvalid};
use super::walker::SegmentView;
use crate::probe::{Mutant, mutant};
use crate::raft::{self, ReplicaKey, VoterSet};
use crate::types::EpochHistory;
use crate::types::limits::PRODUCERS_MAX;
use crate::types::{LeaderEpoch, NodeId, Offset, Timestamp, Uuid};
use crate::wire::batch::{BatchError, BatchHeader, RecordBatch};

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
    #[error("cutting back to {to} would end at {end}: epochs begin and end with batches")]
    CutInside { to: Offset, end: Offset },
    #[error("the log cannot begin at {to}: only offsets up to the high watermark {high_watermark} may go")]
    StartAboveHighWatermark { to: Offset, high_watermark: Offset },
    #[error("a batch of epoch {epoch} cannot follow epoch {last}")]
    StaleEpoch { epoch: LeaderEpoch, last: LeaderEpoch },
    #[error("epoch {epoch} is not above the last one, {last}")]
    EpochNotAbove { epoch: LeaderEpoch, last: LeaderEpoch },
    #[error("a batch that stands in its segment was not read from there")]
    Unread,
    #[error("a control batch cannot be read: {0}")]
    Control(#[from] BatchError),
    #[error("a control batch names no voter set: {0}")]
    Voters(#[from] VotersInvalid),
    #[error("the producer state that the log is to begin with cannot be used: {0}")]
    ProducerState(#[from] SnapshotError),
    #[error("the log is to begin at {to} with a producer state of offset {found}")]
    ProducerStateElsewhere { to: Offset, found: Offset },
}

/// What was lost.
#[derive(Debug)]
struct Damage {
    what: String,
    /// The entry that gave the log another directory id since: what was promised before, another replica did.
    renewed_at: Option<EntryNumber>,
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
    config: Arc<LogConfig>,
    cache: Arc<FileCache>,
    /// Number of the last entry.
    number: EntryNumber,
    /// What is known to be durable, and what is on its way.
    durable: Facts,
    pending: Pending,
    damage: Option<Box<Damage>>,
    /// What a replay has lost, unless it comes to where that was taken back.
    lost: Option<Box<replay::Lost>>,
    /// Where the log began when it was made.
    created_start: Offset,
    log_start: Offset,
    log_end: Offset,
    high_watermark: Offset,
    /// What the checkpoint said of it.
    remembered_watermark: Offset,
    /// Where the checkpoint says that the log ended, until that has been replayed.
    recorded_end: Option<Offset>,
    /// The first entry whose batch the checkpoint lacks: those of batches before it are not replayed.
    batches_from: EntryNumber,
    flushed_end: Offset,
    cleaned_to: Offset,
    vote: Option<Vote>,
    directory: Option<Uuid>,
    epochs: EpochHistory,
    voters: VoterSets,
    segments: Vec<Held>,
    /// Part of the names of segments that are begun: another one after each reset, so that what is garbage since
    /// has other names than what is written anew.
    file_number: u32,
    tail: Tail,
    producers: Producers,
    /// The producers as of `flushed_end`: what a truncation goes back to.
    flushed_producers: Producers,
    /// Segments that left the log and whose files a checkpoint may still name.
    garbage: Vec<Arc<Segment>>,
    flush: flush::FlushState,
    /// `None` until a batch is placed, or was: most logs have none.
    placing: Option<Box<placing::Placing>>,
    compaction: compact::CompactionState,
    /// Held by who makes indexes again.
    reindexing: Weak<()>,
    has_directory: bool,
    next_segment_id: u64,
    /// What [`LogConfig::segment_jitter_ms`] is drawn with.
    roll_seed: u64,
}

impl PartitionLog {
    /// A new, empty log; its first entry ([`PartitionLog::creation`]) is to be journaled.
    pub(crate) fn new(
        key: LogKey,
        log_start: Offset,
        config: Arc<LogConfig>,
        cache: Arc<FileCache>,
        budget: Arc<TailBudget>,
    ) -> PartitionLog {
        let producers = Producers::new(producer_limits(&config), log_start);
        PartitionLog {
            key,
            config,
            cache,
            number: EntryNumber(1),
            durable: Facts {
                number: EntryNumber(1),
                log_start,
                log_end: log_start,
                vote: None,
                directory: None,
                epochs: EpochHistory::default(),
                voters: VoterSets::default(),
            },
            pending: Pending::default(),
            damage: None,
            lost: None,
            created_start: log_start,
            log_start,
            log_end: log_start,
            high_watermark: log_start,
            remembered_watermark: log_start,
            recorded_end: None,
            batches_from: EntryNumber(0),
            flushed_end: log_start,
            cleaned_to: log_start,
            vote: None,
            directory: None,
            epochs: EpochHistory::default(),
            voters: VoterSets::default(),
            segments: Vec::new(),
            file_number: 0,
            tail: Tail::new(budget),
            flushed_producers: producers.clone(),
            producers,
            garbage: Vec::new(),
            flush: flush::FlushState::default(),
            placing: None,
            compaction: compact::CompactionState::default(),
            reindexing: Weak::new(),
            has_directory: false,
            next_segment_id: 1,
            roll_seed: 0,
        }
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
    pub fn set_config(&mut self, config: impl Into<Arc<LogConfig>>) {
        let config: Arc<LogConfig> = config.into();
        let limits = producer_limits(&config);
        self.producers.set_limits(limits);
        self.flushed_producers.set_limits(limits);
        self.config = config;
    }

    /// Takes a random number that draws how early each segment ends: see [`LogConfig::segment_jitter_ms`].
    pub fn set_roll_seed(&mut self, seed: u64) {
        self.roll_seed = seed;
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

    /// Where the log begins and ends, as long as it holds no batch: its first one may begin before that, for a log that was reset begins
    /// wherever its leader's start was moved to.
    #[must_use]
    pub fn empty_at(&self) -> Option<Offset> {
        (self.holds_nothing() && self.log_start == self.log_end).then_some(self.log_end)
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

    /// The replica that this log is of `node`, whose data directory has the id `directory`.
    #[must_use]
    pub fn replica_key(&self, node: NodeId, directory: Uuid) -> ReplicaKey {
        ReplicaKey { node, directory: self.directory.unwrap_or(directory) }
    }

    /// The directory id of this log's replica, if it is not the data directory's: see
    /// [`PartitionLog::renew_directory`].
    #[must_use]
    pub fn directory(&self) -> Option<Uuid> {
        self.directory
    }

    /// The voter sets of the log, each with the position after its entry. The first is the one in force at the log's
    /// start, unless it lies behind it: then, and if there is none, that is the one of the log's founder.
    #[must_use]
    pub fn voters(&self) -> &[(raft::Position, VoterSet)] {
        self.voters.entries()
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
        self.damage.as_ref().map(|damage| damage.what.as_str())
    }

    /// Whether the log lost something and has no directory id of its own since: it may have promised what it does not
    /// know of, so [`PartitionLog::renew_directory`] comes before anything is answered.
    #[must_use]
    pub fn needs_new_directory(&self) -> bool {
        self.damage.as_ref().is_some_and(|damage| damage.renewed_at.is_none())
    }

    /// Stops serving: something that was acknowledged cannot be read. The next checkpoint remembers it.
    pub fn mark_damaged(&mut self, what: String) {
        tracing::error!(partition = %self.key.partition, %what, "log damaged");
        self.note_damage(what);
    }

    /// The same, of which nobody is told yet: the log may turn out to have been deleted.
    pub(crate) fn note_damage(&mut self, what: String) {
        let damage = self.damage.get_or_insert_with(|| Box::new(Damage { what, renewed_at: None }));
        damage.renewed_at = None;
        self.flush.facts_changed = true;
        // The journal is kept as it is until a checkpoint knows of the damage.
        self.flush.note(Position::START);
    }

    fn check_sound(&self) -> Result<(), LogError> {
        match &self.damage {
            Some(damage) => Err(LogError::Damaged(damage.what.clone())),
            None => Ok(()),
        }
    }

    /// The batch, placed at the log's end, becomes part of the log in memory; the entry makes it durable.
    /// `journal` is [`super::JournalHandle::durable_position`] at any time before the entry is queued.
    ///
    /// # Errors
    /// If the batch does not follow the log's end (it may leave a gap: a compacted leader's log has some; and the first
    /// one may begin before the log does), its
    /// epoch is below the last one, it is a control batch that cannot be read, or the log is damaged. Nothing has
    /// changed then.
    pub fn append(&mut self, batch: RecordBatch, journal: Position) -> Result<Entry, LogError> {
        self.check_sound()?;
        let epoch = batch.header().partition_leader_epoch;
        if let Some(last) = self.epochs.last()
            && epoch < last.epoch
        {
            return Err(LogError::StaleEpoch { epoch, last: last.epoch });
        }
        let voters = voters::read(&batch)?;
        self.take_in(batch.clone(), self.number.next(), journal)?;
        self.epochs.assign(epoch, batch.header().base_offset);
        if let Some(voters) = &voters {
            self.voters.push(raft::Position { epoch, end: self.log_end }, voters.clone());
        }
        Ok(self.entry_with(EntryBody::Batch(batch), Beside { voters, dropped: None }, journal))
    }

    fn take_in(
        &mut self,
        batch: RecordBatch,
        number: EntryNumber,
        journal: Position,
    ) -> Result<(), LogError> {
        let header = *batch.header();
        let follows = header.base_offset >= self.log_end || self.begins_with(&header);
        if !follows || header.last_offset() < header.base_offset {
            return Err(LogError::OutOfOrder { base: header.base_offset, log_end: self.log_end });
        }
        self.producers.replay(&batch)?;
        self.log_end = header.next_offset();
        self.tail.push(batch, number, journal);
        Ok(())
    }

    /// Whether the log may begin inside this batch, as a log that holds nothing yet.
    fn begins_with(&self, header: &BatchHeader) -> bool {
        self.holds_nothing() && header.base_offset < self.log_end && header.next_offset() > self.log_end
    }

    fn holds_nothing(&self) -> bool {
        self.segments.is_empty() && self.tail.start().is_none()
    }

    /// A leader epoch begins at the log's end.
    ///
    /// # Errors
    /// If it is not above the last one, or the log is damaged.
    pub fn start_epoch(&mut self, epoch: LeaderEpoch, journal: Position) -> Result<Entry, LogError> {
        self.start_epoch_at(epoch, self.log_end, journal)
    }

    /// A leader epoch begins at `start`, at the log's end or beyond: a compacted leader's log may have a gap before
    /// it. The log ends there then.
    ///
    /// # Errors
    /// If it lies before the log's end, the epoch is not above the last one, or the log is damaged. Nothing has
    /// changed then.
    pub fn start_epoch_at(
        &mut self,
        epoch: LeaderEpoch,
        start: Offset,
        journal: Position,
    ) -> Result<Entry, LogError> {
        self.check_sound()?;
        if start < self.log_end {
            return Err(LogError::OutOfOrder { base: start, log_end: self.log_end });
        }
        if let Some(last) = self.epochs.last()
            && epoch <= last.epoch
        {
            return Err(LogError::EpochNotAbove { epoch, last: last.epoch });
        }
        self.skip_to(start);
        self.epochs.assign(epoch, start);
        Ok(self.entry(EntryBody::EpochStart { epoch, start_offset: start }, journal))
    }

    /// The log goes on at `log_end`, if that lies beyond its end.
    fn skip_to(&mut self, log_end: Offset) {
        self.log_end = self.log_end.max(log_end);
        self.producers.skip_to(log_end);
    }

    /// The node has seen an epoch, and votes for the candidate if there is one. Also for a damaged log.
    #[must_use = "the entry is to be journaled"]
    pub fn record_vote(&mut self, vote: Vote, journal: Position) -> Entry {
        self.vote = Some(vote);
        let Vote { epoch, candidate } = vote;
        self.entry(EntryBody::Vote { epoch, candidate }, journal)
    }

    /// The log's replica is another one from here on, that has promised nothing: for a log that lost something
    /// (docs/replication.md, "Damaged replicas"). Also for a damaged log, which may be reset after it.
    ///
    /// # Panics
    /// If the id is zero: in a checkpoint that stands for the data directory's (docs/segment-format.md), so the log
    /// would come back as the replica that it was.
    #[must_use = "the entry is to be journaled"]
    pub fn renew_directory(&mut self, directory: Uuid, journal: Position) -> Entry {
        assert_ne!(directory, Uuid::ZERO, "a checkpoint cannot keep this directory id: draw another");
        self.directory = Some(directory);
        let entry = self.entry(EntryBody::ReplicaDirectory { directory }, journal);
        if let Some(damage) = &mut self.damage {
            damage.renewed_at = Some(entry.number);
        }
        entry
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
        let to = self.end_of_cut(log_end).min(log_end);
        if to < self.high_watermark {
            return Err(LogError::BelowHighWatermark { to, high_watermark: self.high_watermark });
        }
        // Until the truncation is durable a start gives back what it drops: the journal keeps that.
        let first = self.tail.unflushed().find(|batch| batch.header().next_offset() > to);
        let (dropped, journal) = match first {
            Some(first) => (Some(first.number), first.journal.earlier(journal)),
            None => (None, journal),
        };
        self.cut(log_end)?;
        self.epochs.truncate(self.log_end, last_epoch);
        self.voters.truncate(self.log_end, last_epoch);
        // The end where it came to lie: a batch is taken back as a whole.
        let body = EntryBody::Truncated { log_end: self.log_end, last_epoch };
        Ok(self.entry_with(body, Beside { voters: None, dropped }, journal))
    }

    /// Where the log ends once it is cut back to `log_end`: a batch that reaches over that goes as a whole, and what is
    /// flushed stays.
    #[must_use]
    pub fn end_of_cut(&self, log_end: Offset) -> Offset {
        if log_end >= self.log_end {
            return self.log_end;
        }
        let over = self.tail.from(log_end).next().map_or(log_end, |batch| batch.header().base_offset);
        log_end.min(over).max(self.flushed_end)
    }

    /// Cuts the tail.
    fn cut(&mut self, log_end: Offset) -> Result<(), LogError> {
        let end = self.end_of_cut(log_end);
        if end == self.log_end {
            return Ok(());
        }
        if self.tail.from(end).any(|batch| batch.stays) {
            self.close_active();
        }
        self.tail.truncate(end);
        self.log_end = end;
        self.producers = self.flushed_producers.clone();
        for batch in self.tail.unflushed() {
            self.producers.replay(&batch.batch)?;
        }
        self.producers.skip_to(end);
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
        self.epochs.advance_start(self.log_start);
        self.voters.advance_start(self.log_start);
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
        self.entry_with(body, Beside::default(), journal)
    }

    fn entry_with(&mut self, body: EntryBody, beside: Beside, journal: Position) -> Entry {
        self.number = self.number.next();
        self.flush.note(journal);
        self.pending.push(self.number, journal, &body, beside);
        Entry { log: self.key, number: self.number, body }
    }

    /// Entries up to `number` are durable in the journal: they may be flushed and stand in a checkpoint.
    ///
    /// # Panics
    /// If no such entry was given out.
    pub fn durable(&mut self, number: EntryNumber) {
        assert!(number <= self.number, "entry {number} was given out, the last is {}", self.number);
        self.flush.facts_changed |= self.pending.settle(number, &mut self.durable);
        self.flush.reset_is_durable(number);
        self.drop_segments();
    }

    /// Number of the last entry that is known to be durable.
    #[must_use]
    pub fn durable_number(&self) -> EntryNumber {
        self.durable.number
    }

    pub(crate) fn segment_states(&self) -> Vec<SegmentState> {
        self.segments.iter().map(|held| held.state).collect()
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
        if self.damage.is_none() {
            let last = self.epochs.last().map_or(self.log_start, |last| last.start);
            assert!(last <= self.log_end, "the last epoch begins in the log");
            let last = self.voters().last().map_or(self.log_start, |(at, _)| at.end);
            assert!(last <= self.log_end, "the last voter set is in the log");
        }
        assert_eq!(self.producers.end_offset(), self.log_end, "producers are of the log's end");
        assert_eq!(self.flushed_producers.end_offset(), self.flushed_end, "and of the flushed end");
    }
}
