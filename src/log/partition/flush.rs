//! From the tail to segments: what to write is planned here, written elsewhere, and taken note of here.
use std::sync::Arc;

use super::carry::CarriedOver;
use super::placing::Ahead;
use super::{Held, PartitionLog};
use crate::log::flush::{FileAppend, FlushDone, FlushFailed, FlushFailure, FlushWork};
use crate::log::indexes::OFFSET_ROW_BYTES;
use crate::log::journal::{EntryNumber, Position};
use crate::log::producers::Producers;
use crate::log::segment::SegmentState;
use crate::log::state::LogState;
use crate::log::tail::TailBatch;
use crate::probe::{Condition, Mutant, mutant, sometimes};
use crate::types::{Offset, Timestamp};
use crate::wire::batch::BatchHeader;

/// The largest segment whatever the configuration says: positions in an index have 32 bits.
pub(super) const SEGMENT_BYTES_MAX: u64 = i32::MAX as u64;

#[derive(Default)]
pub(super) struct FlushState {
    /// A work was taken and its outcome is not known.
    under_way: Option<Box<UnderWay>>,
    /// Something besides batches has changed since the last taken state.
    pub(super) facts_changed: bool,
    /// No entry that came after the last taken state stands in the journal before this place.
    dirty_from: Option<Position>,
    /// The last attempt found the disk full.
    found_disk_full: bool,
    /// A sync has failed since the last attempt that succeeded in writing.
    names_unsure: bool,
    /// The last reset that is not known to be durable. Until it is, what the checkpoint says is the log before it.
    reset_pending: Option<EntryNumber>,
    /// The log was reset since the flush under way was taken: that one writes what is gone.
    overtaken: bool,
    /// Batches whose entries were written anew.
    pub(super) carried: Option<Box<CarriedOver>>,
}

/// A flush that is under way.
struct UnderWay {
    /// The producers as of where it ends.
    producers: Producers,
    /// As [`FlushState::dirty_from`], of what it takes.
    dirty_from: Option<Position>,
    /// The active segment as it is once the flush is done; `None` if that begins another, or there is none.
    active: Option<Box<Ahead>>,
}

impl FlushState {
    pub(super) fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    /// Where the active segment ends once the flush under way is done; if none is, it ends where it is `flushed`. `None` if the flush
    /// begins another segment.
    pub(super) fn active_after(&self, flushed: Ahead) -> Option<Ahead> {
        match &self.under_way {
            Some(work) => work.active.as_deref().copied(),
            None => Some(flushed),
        }
    }

    /// What the flush under way adds to is gone.
    pub(super) fn forget_active(&mut self) {
        if let Some(work) = &mut self.under_way {
            work.active = None;
        }
    }

    /// The log was reset, by this entry.
    pub(super) fn overtake(&mut self, reset: EntryNumber) {
        self.reset_pending = Some(reset);
        self.overtaken = self.is_under_way();
        self.facts_changed = true;
    }

    /// Entries up to `number` are durable.
    pub(super) fn reset_is_durable(&mut self, number: EntryNumber) {
        self.reset_pending = self.reset_pending.filter(|&reset| reset > number);
    }

    /// An entry is about to go to the journal, behind this place.
    pub(super) fn note(&mut self, journal: Position) {
        self.dirty_from = earliest(self.dirty_from, Some(journal));
    }
}

fn earliest(a: Option<Position>, b: Option<Position>) -> Option<Position> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.earlier(b)),
        (a, b) => a.or(b),
    }
}

/// Makes of neighbouring numbers numbers that are far apart (the finaliser of SplitMix64, Steele et al. 2014).
fn spread(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

impl PartitionLog {
    /// Whether [`PartitionLog::take_flush`] would give work.
    #[must_use]
    pub fn wants_flush(&self) -> bool {
        self.flush.under_way.is_none()
            && self.flush.reset_pending.is_none()
            && (self.flush.facts_changed
                || !self.garbage.is_empty()
                || self.flushable_end() > self.flushed_end)
    }

    /// Up to where batches may be flushed: the last whole one below the high watermark.
    fn flushable_end(&self) -> Offset {
        if self.damage.is_some() {
            return self.flushed_end;
        }
        let committed = |batch: &&TailBatch| batch.header().next_offset() <= self.high_watermark;
        self.end_of(self.durable_tail().take_while(committed))
    }

    /// The batches in no segment yet that are durable, up to the first that is not.
    fn durable_tail(&self) -> impl Iterator<Item = &TailBatch> {
        self.tail.unflushed().take_while(|batch| batch.number <= self.durable.number)
    }

    /// Where the log ends with the last of the tail's first batches.
    fn end_of<'a>(&self, first: impl Iterator<Item = &'a TailBatch>) -> Offset {
        first.last().map_or(self.flushed_end, |batch| batch.header().next_offset())
    }

    /// The high watermark as a start may rely on it: no further than what is durable. Behind that a start may find what a truncation has
    /// taken back that was not durable, either: other records at the same offsets, which nobody has committed.
    fn lasting_watermark(&self) -> Offset {
        if self.damage.is_some() || mutant(Mutant::ClusterRemembersAnyWatermark) {
            return self.high_watermark;
        }
        self.high_watermark.min(self.end_of(self.durable_tail()))
    }

    /// What is to be written: committed batches that are in no segment yet, and the log's state. `None` if
    /// there is nothing, or a flush is under way. The outcome goes to [`PartitionLog::flushed`] or
    /// [`PartitionLog::flush_failed`]. `now` is the wall clock.
    pub fn take_flush(&mut self, now: Timestamp) -> Option<FlushWork> {
        if !self.wants_flush() {
            return None;
        }
        if self.damage.is_some() {
            // What of it is in memory alone is never flushed, and read by nobody: it would hold the journal, and
            // with that all other logs, for ever.
            self.tail.flushed_to(self.log_end);
        }
        let end = self.flushable_end();
        self.check_placed();
        let mut producers = self.flushed_producers.clone();
        let mut plan = Vec::new();
        if end > self.flushed_end {
            plan = self.plan(end, now, &mut producers);
        }
        let active = self.active_after_plan(&plan, end).map(Box::new);
        let mut segments: Vec<SegmentState> = self.segments.iter().map(|held| held.state).collect();
        for append in &plan {
            match segments.iter_mut().find(|segment| segment.base == append.after.base) {
                Some(segment) => *segment = append.after,
                None => segments.push(append.after),
            }
        }
        let state = Arc::new(LogState {
            log: self.key,
            number: self.durable.number,
            batches_from: self.batches_needed_from(end),
            damaged: self.damage.is_some(),
            renewed: self
                .damage
                .as_ref()
                .is_some_and(|damage| damage.renewed_at.is_some_and(|number| number <= self.durable.number)),
            log_start: self.durable.log_start,
            end,
            log_end: self.durable.log_end,
            high_watermark: self.lasting_watermark(),
            cleaned_to: self.cleaned_to,
            vote: self.durable.vote,
            directory: self.durable.directory,
            epochs: self.durable.epochs.clone(),
            voters: self.durable.voters.clone(),
            segments,
            producers: producers.snapshot(),
        });
        let dirty_from = std::mem::replace(&mut self.flush.dirty_from, self.pending.first_position());
        self.flush.under_way = Some(Box::new(UnderWay { producers, dirty_from, active }));
        self.flush.facts_changed = false;
        let garbage = std::mem::take(&mut self.garbage);
        let new_directory = !self.has_directory;
        let names_unsure = self.flush.names_unsure;
        Some(FlushWork { state, appends: plan, garbage, new_directory, names_unsure })
    }

    /// Spreads the batches up to `end` over the active segment and new ones.
    fn plan(&mut self, end: Offset, now: Timestamp, producers: &mut Producers) -> Vec<FileAppend> {
        let mut plan: Vec<FileAppend> = Vec::new();
        let interval = self.config.index_interval_bytes;
        // The tail is lent out of the log while new segments get their names from it.
        let batches: Vec<_> = self
            .tail
            .unflushed()
            .take_while(|batch| batch.header().next_offset() <= end)
            .map(|batch| (batch.batch.clone(), batch.stays, batch.placed))
            .collect();
        if let Some(active) = self.open_segment() {
            plan.push(FileAppend::new(std::sync::Arc::clone(&active.segment), active.state));
        }
        for (batch, stays, placed) in &batches {
            let header = batch.header();
            producers.replay(batch).expect("the batch was replayed into the producers when it was appended");
            // What stands behind it has its place.
            if header.next_offset() <= self.durable.log_start && !stays {
                continue;
            }
            let bytes = batch.len() as u64;
            if plan.last().is_none_or(|active| !stays && self.rolls(&active.after, header, bytes, now)) {
                let segment = self.new_segment(header.base_offset, self.file_number);
                let state = SegmentState::begin(header.base_offset, self.file_number, now);
                plan.push(FileAppend::new(segment, state));
            }
            let active = plan.last_mut().expect("a segment was begun if there was none");
            let position = active.after.bytes;
            active.after.add(header, bytes, interval, &mut active.rows);
            if *placed {
                active.write_ends(position, batch);
            } else {
                active.write_whole(position, batch);
            }
        }
        plan.retain(|append| append.after.bytes > append.before.bytes);
        plan
    }

    /// Where the active segment ends once the plan is done, if that begins no other.
    fn active_after_plan(&mut self, plan: &[FileAppend], upto: Offset) -> Option<Ahead> {
        let active = self.open_segment().and_then(|active| {
            let segment = active.segment.id;
            match plan {
                [] => Some(Ahead { segment, state: active.state, upto }),
                [one] if one.segment.id == segment => Some(Ahead { segment, state: one.after, upto }),
                _ => None,
            }
        });
        if active.is_none() {
            self.places_end();
        }
        active
    }

    /// Whether a batch begins a new segment (Kafka's rules).
    pub(super) fn rolls(
        &self,
        active: &SegmentState,
        header: &BatchHeader,
        bytes: u64,
        now: Timestamp,
    ) -> bool {
        if active.bytes == 0 {
            return false;
        }
        let bytes_max = self.config.segment_bytes.min(SEGMENT_BYTES_MAX);
        let waited_ms = if active.first_timestamp.0 >= 0 && header.max_timestamp.0 >= 0 {
            header.max_timestamp.0.saturating_sub(active.first_timestamp.0)
        } else {
            now.0.saturating_sub(active.created.0)
        };
        let index_full =
            active.offset_index_bytes + OFFSET_ROW_BYTES as u64 > self.config.segment_index_bytes;
        // Only a segment that has ended can be compacted in time.
        let segment_ms = match self.config.compact {
            true => self.config.segment_ms.min(self.config.max_compaction_lag_ms),
            false => self.config.segment_ms,
        };
        if active.bytes + bytes > bytes_max {
            sometimes(Condition::SegmentRolledBySize);
        }
        active.bytes + bytes > bytes_max
            || waited_ms > segment_ms - self.roll_jitter_ms(active, segment_ms)
            || (index_full && active.offset_index_bytes > 0)
            || header.last_offset().since(active.base) > i64::from(i32::MAX)
    }

    /// By how much this segment ends early (`segment.jitter.ms`), so that those of many partitions that began together do
    /// not end together. The same for a segment as long as the process lives; less than `segment_ms`.
    fn roll_jitter_ms(&self, active: &SegmentState, segment_ms: i64) -> i64 {
        let most = self.config.segment_jitter_ms.min(segment_ms);
        if most <= 0 {
            return 0;
        }
        let drawn = spread(self.roll_seed ^ active.base.0.unsigned_abs());
        i64::try_from(drawn % most.unsigned_abs()).expect("less than an i64")
    }

    /// A flush is durable: what it wrote may leave memory.
    ///
    /// # Panics
    /// If no flush is under way: the work of another log.
    pub fn flushed(&mut self, done: &FlushDone) {
        assert_eq!(done.state.log, self.key, "a flush is told to its own log");
        let taken = self.flush.under_way.take().expect("a flush was taken from this log");
        self.has_directory |= !done.segments.is_empty();
        self.flush.names_unsure &= done.segments.is_empty();
        if std::mem::take(&mut self.flush.found_disk_full) {
            sometimes(Condition::DiskFullThenFlushed);
        }
        if std::mem::take(&mut self.flush.overtaken) {
            // What it began is garbage with the rest of the log that was.
            for (segment, _) in &done.segments {
                if !self.garbage.iter().any(|other| other.id == segment.id) {
                    self.garbage.push(std::sync::Arc::clone(segment));
                }
            }
            return;
        }
        for (segment, state) in &done.segments {
            match self.segments.iter_mut().find(|held| held.segment.id == segment.id) {
                Some(held) => held.state = *state,
                // A segment that has left the log meanwhile is garbage already.
                None if self.garbage.iter().any(|other| other.id == segment.id) => {}
                None => self.segments.push(Held {
                    segment: std::sync::Arc::clone(segment),
                    state: *state,
                    sealed: false,
                }),
            }
        }
        self.settle_closed();
        let last = self.segments.len().saturating_sub(1);
        for held in &mut self.segments[..last] {
            held.sealed = true;
        }
        self.flushed_end = done.state.end;
        self.flushed_producers = taken.producers;
        self.tail.flushed_to(self.flushed_end);
        self.rely_on_carried(done.state.number);
        self.drop_segments();
    }

    /// A flush failed: its batches stay in memory and in the journal, and are tried again with the next.
    ///
    /// # Panics
    /// If no flush is under way.
    pub fn flush_failed(&mut self, failed: FlushFailed) {
        assert_eq!(failed.log_key(), self.key, "a flush is told to its own log");
        let taken = self.flush.under_way.take().expect("a flush was taken from this log");
        self.flush.overtaken = false;
        self.settle_closed();
        if self.has_places() {
            // What comes behind them may have been placed by what this flush was to write in front of them.
            self.close_active();
        }
        self.garbage.extend(failed.garbage);
        self.flush.facts_changed = true;
        self.flush.dirty_from = earliest(taken.dirty_from, self.flush.dirty_from);
        match failed.reason {
            FlushFailure::Sync { .. } => {
                self.flush.names_unsure = true;
                // What was added to the active segment is in an unknown state for ever. Its bytes up to the
                // last good sync count; the rest goes to a new one.
                if let Some(active) = self.segments.last_mut() {
                    sometimes(Condition::SegmentSealedByFailedSync);
                    active.sealed = true;
                }
            }
            FlushFailure::DiskFull { .. } => self.flush.found_disk_full = true,
            FlushFailure::Write { .. } => {}
        }
    }

    /// Before which place the journal holds nothing that this log would need to be recovered, given what has
    /// been flushed; `None` if it needs nothing. For [`crate::log::CheckpointRound::require`].
    #[must_use]
    pub fn needs_from(&self) -> Option<Position> {
        let taken = self.flush.under_way.as_ref().and_then(|work| work.dirty_from);
        let entries = earliest(self.flush.dirty_from, taken);
        earliest(entries, self.tail.unflushed().next().map(|batch| batch.journal))
    }

    /// Takes segments that end below the log's durable start out of the log. Not the one that a flush under way may be
    /// adding to: it ends further on than is known yet.
    pub(super) fn drop_segments(&mut self) {
        let log_start = self.durable.log_start;
        let grows = (self.flush.is_under_way() || self.has_places())
            && self.segments.last().is_some_and(|held| !held.sealed)
            && !mutant(Mutant::DropSegmentUnderFlush);
        let known = self.droppable().min(self.segments.len() - usize::from(grows));
        let known = &self.segments[..known];
        let gone = known.partition_point(|held| held.state.end <= log_start);
        if gone > 0 {
            sometimes(Condition::SegmentsDropped);
        }
        self.garbage.extend(self.segments.drain(..gone).map(|held| held.segment));
    }
}
