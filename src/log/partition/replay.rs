//! How a log comes back: the checkpoint's state, then what the journal holds beyond it, then a look at its files.
use std::sync::Arc;

use super::{Held, LogError, PartitionLog, producer_limits};
use crate::log::config::LogConfig;
use crate::log::facts::Facts;
use crate::log::file_cache::FileCache;
use crate::log::journal::{BatchPlace, Entry, EntryBody, EntryNumber, LostEntry, Position};
use crate::log::producers::Producers;
use crate::log::segment::FileKind;
use crate::log::state::{LogState, Vote};
use crate::log::tail::TailBudget;
use crate::log::voters::{self, VoterSets};
use crate::probe::{Condition, Mutant, mutant, sometimes};
use crate::raft;
use crate::types::{EpochHistory, Offset};
use crate::wire::batch::{BatchHeader, RecordBatch};

/// A batch that a replay could not read from its place, and with it all that comes behind it.
pub(super) struct Lost {
    base: Offset,
    what: String,
}

impl PartitionLog {
    /// The log as the checkpoint has it; what the journal holds beyond is replayed into it.
    pub(crate) fn restore(
        state: LogState,
        config: Arc<LogConfig>,
        cache: Arc<FileCache>,
        budget: Arc<TailBudget>,
    ) -> PartitionLog {
        let mut log = PartitionLog::new(state.log, state.log_start, config, cache, budget);
        if state.damaged {
            log.mark_damaged("the checkpoint says so".to_owned());
            let damage = log.damage.as_mut().expect("it was just marked");
            damage.renewed_at = state.renewed.then_some(state.number);
        }
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
        log.flushed_producers = log.producers.clone();
        log.number = state.number;
        log.log_end = state.end;
        log.flushed_end = state.end;
        // What lies beyond may be missing: see `finish_replay`.
        log.high_watermark = state.end;
        log.remembered_watermark = state.high_watermark;
        log.recorded_end = Some(state.log_end);
        log.batches_from = state.batches_from;
        log.cleaned_to = state.cleaned_to;
        log.vote = state.vote;
        log.directory = state.directory;
        log.epochs = state.epochs;
        log.voters = state.voters;
        log.has_directory = !state.segments.is_empty();
        // Files of higher numbers that a crash left are removed before any is given out.
        log.compaction.last_cleaning =
            state.segments.iter().map(|segment| segment.cleaning).max().unwrap_or(0);
        for segment in state.segments {
            let shared = log.new_segment(segment.base, segment.cleaning);
            shared.mark_named();
            log.segments.push(Held { segment: shared, state: segment, sealed: false });
        }
        log
    }

    /// Takes in an entry that recovery read from the journal.
    ///
    /// # Errors
    /// If it contradicts the state: the log is damaged.
    pub(crate) fn replay(&mut self, entry: Entry, journal: Position) -> Result<(), LogError> {
        let known = entry.number <= self.number;
        if !known {
            self.reach_recorded_end();
        }
        if self.passes_over(&entry.body) {
            if !known {
                self.pass(entry.number, journal);
            }
            return Ok(());
        }
        let (body, place) = match entry.body {
            EntryBody::Placed(placed) if entry.number >= self.batches_from => {
                let batch = placed.batch().ok_or(LogError::Unread)?.clone();
                (EntryBody::Batch(batch), Some(placed.place()))
            }
            body => (body, None),
        };
        match body {
            // It is in a segment, or is not wanted, or comes again.
            EntryBody::Batch(_) | EntryBody::BatchAgain(_) if entry.number < self.batches_from => {}
            EntryBody::BatchAgain(batch) => self.replay_again(batch, entry.number, known, journal)?,
            EntryBody::Batch(batch) => self.replay_batch(batch, place, entry.number, known, journal)?,
            EntryBody::Truncated { log_end, last_epoch } => {
                self.cut(log_end)?;
                if !known {
                    self.epochs.truncate(log_end, last_epoch);
                    self.voters.truncate(log_end, last_epoch);
                }
            }
            EntryBody::LogReset { to, voters, producers } if !known => {
                self.replay_reset(to, voters, &producers)?;
            }
            // What was replayed up to here is of the log before it.
            EntryBody::LogReset { .. } => self.forget_tail(),
            EntryBody::EpochStart { epoch, start_offset } if !known => {
                self.skip_to(start_offset);
                self.epochs.assign(epoch, start_offset);
            }
            EntryBody::ReplicaDirectory { directory } if !known => {
                self.directory = Some(directory);
                if let Some(damage) = &mut self.damage {
                    damage.renewed_at = Some(entry.number);
                }
            }
            EntryBody::Vote { epoch, candidate } if !known => self.vote = Some(Vote { epoch, candidate }),
            EntryBody::LogStartMoved { log_start } if !known => {
                self.move_start(log_start);
                self.commit_start();
            }
            EntryBody::EpochStart { .. }
            | EntryBody::Vote { .. }
            | EntryBody::ReplicaDirectory { .. }
            | EntryBody::LogStartMoved { .. }
            | EntryBody::LogCreated { .. }
            | EntryBody::Placed(_)
            | EntryBody::LogDeleted => {}
        }
        if !known {
            self.pass(entry.number, journal);
        }
        Ok(())
    }

    /// An entry with this number stands in the journal, and is not followed. No later one may have its number: once a checkpoint has
    /// that, a start would take the first of the two for what the checkpoint does not know.
    pub(crate) fn count(&mut self, number: EntryNumber) {
        if !mutant(Mutant::ClusterNumbersAgain) {
            self.number = self.number.max(number);
        }
    }

    fn pass(&mut self, number: EntryNumber, journal: Position) {
        self.number = number;
        self.flush.note(journal);
        self.flush.facts_changed = true;
    }

    /// The batch of an entry that only names it cannot be read, from `base` on. The log is damaged, unless what is replayed behind it takes
    /// that back, or drops it.
    pub(crate) fn note_lost(&mut self, base: Offset, what: String) {
        if self.lost.is_none() {
            self.lost = Some(Box::new(Lost { base, what }));
        }
    }

    /// Whether an entry says something of what the log holds behind a batch that is lost.
    fn passes_over(&mut self, body: &EntryBody) -> bool {
        let Some(lost) = &self.lost else { return false };
        match body {
            EntryBody::Truncated { log_end, .. } if *log_end <= lost.base => self.lost = None,
            EntryBody::LogReset { .. } => self.lost = None,
            EntryBody::Batch(_)
            | EntryBody::BatchAgain(_)
            | EntryBody::Placed(_)
            | EntryBody::EpochStart { .. }
            | EntryBody::Truncated { .. } => return true,
            EntryBody::Vote { .. }
            | EntryBody::ReplicaDirectory { .. }
            | EntryBody::LogStartMoved { .. }
            | EntryBody::LogCreated { .. }
            | EntryBody::LogDeleted => {}
        }
        false
    }

    /// Takes in a batch, which stands at `place` if its entry only names it. It may be newer than the segments although the checkpoint knows
    /// of it.
    fn replay_batch(
        &mut self,
        batch: RecordBatch,
        place: Option<BatchPlace>,
        number: EntryNumber,
        known: bool,
        journal: Position,
    ) -> Result<(), LogError> {
        let (epoch, base) = (batch.header().partition_leader_epoch, batch.header().base_offset);
        if base < self.log_end && !self.begins_with(batch.header()) {
            return match known {
                true => Ok(()),
                false => Err(LogError::OutOfOrder { base, log_end: self.log_end }),
            };
        }
        let (voters, bytes) = (voters::read(&batch)?, batch.len());
        self.take_in(batch, number, journal)?;
        if let Some(place) = place {
            self.replay_place(place, bytes);
        }
        // The checkpoint's epochs and voters already tell what became of a batch that it knows.
        if !known {
            self.epochs.assign(epoch, base);
            if let Some(voters) = voters {
                self.voters.push(raft::Position { epoch, end: self.log_end }, voters);
            }
        }
        Ok(())
    }

    /// Whether a batch with this entry is wanted from the journal.
    pub(crate) fn wants_batch(&self, number: EntryNumber) -> bool {
        number >= self.batches_from && self.damage.is_none() && self.lost.is_none()
    }

    /// Whether the log lacks nothing without an entry of the journal that is lost: the checkpoint and the segments say all that it
    /// said. By its number, for what stood in it nobody can tell (docs/journal-format.md, "Corruption").
    pub(crate) fn has(&self, lost: LostEntry) -> bool {
        lost.number <= self.number && (lost.is_fact() || lost.number < self.batches_from)
    }

    /// What the checkpoint knows of has been replayed: the log ends where it says, be there a record or not.
    fn reach_recorded_end(&mut self) {
        if let Some(log_end) = self.recorded_end.take()
            && self.damage.is_none()
        {
            self.skip_to(log_end);
        }
    }

    /// The start was moved, so what lies before it was committed, and that as whole batches: the one in which the log
    /// begins now, too.
    fn commit_start(&mut self) {
        let start = self.log_start;
        let first = self.tail.from(start).next().map(|batch| batch.header());
        let within = first.filter(|header| header.base_offset < start);
        let committed = within.map_or(start, BatchHeader::next_offset);
        self.high_watermark = self.high_watermark.max(committed.min(self.log_end));
    }

    /// Drops what is not in segments.
    fn forget_tail(&mut self) {
        self.tail.clear();
        self.forget_places();
        self.log_end = self.flushed_end;
        self.producers = self.flushed_producers.clone();
    }

    /// All that the journal holds has been replayed.
    pub(crate) fn finish_replay(&mut self) {
        if let Some(lost) = self.lost.take() {
            self.note_damage(lost.what);
        }
        self.reach_recorded_end();
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
            log_end: self.log_end,
            vote: self.vote,
            directory: self.directory,
            epochs: self.epochs.clone(),
            voters: self.voters.clone(),
        };
        self.drop_segments();
    }

    /// The state of a log of which nothing but its creation is known.
    pub(crate) fn initial_state(&self) -> LogState {
        let start = self.created_start;
        LogState {
            log: self.key,
            number: EntryNumber(1),
            batches_from: EntryNumber(1),
            damaged: false,
            renewed: false,
            log_start: start,
            end: start,
            log_end: start,
            high_watermark: start,
            cleaned_to: start,
            vote: None,
            directory: None,
            epochs: EpochHistory::default(),
            voters: VoterSets::default(),
            segments: Vec::new(),
            producers: Producers::new(producer_limits(&self.config), start).snapshot(),
        }
    }

    /// The log's directory exists.
    pub(crate) fn found_directory(&mut self) {
        self.has_directory = true;
    }

    /// Compares the segments with the sizes of the files that were found.
    pub(crate) fn check_segments(&mut self, size_of: impl Fn(&str) -> Option<u64>) {
        if self.damage.is_some() {
            // Nothing of it is served, and a directory id that was renewed for it stays good.
            return;
        }
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
}
