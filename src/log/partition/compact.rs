//! Which segments are compacted and when, and what the log makes of the outcome.
use std::sync::Arc;

use super::flush::SEGMENT_BYTES_MAX;
use super::{Held, PartitionLog};
use crate::log::cleaning::{
    Compacted, CompactionDone, CompactionFailed, CompactionWork, OutputLimits, Source,
};
use crate::log::segment::{SegmentId, SegmentState};
use crate::probe::{Condition, sometimes};
use crate::types::{Offset, Timestamp};

/// How long a log whose compaction failed is left alone, in milliseconds.
const RETRY_MS: u64 = 60_000;

#[derive(Default)]
pub(super) struct CompactionState {
    /// A work was taken and its outcome is not known.
    under_way: bool,
    /// The last number for file names that was given out: no two works of a log share one, nor a work and what is
    /// flushed after a reset.
    pub(super) last_cleaning: u32,
    /// The last pass ended before the dirty part did: the next need not wait for the ratio.
    unfinished: bool,
    failed_at: Option<Timestamp>,
    /// The last segment of a work that an undecided transaction held back.
    held_back_at: Option<SegmentId>,
}

impl CompactionState {
    /// Segments are to be written anew, whoever does it: nobody else may meanwhile. Gives the number for the files' names.
    pub(super) fn begin_rewriting(&mut self) -> u32 {
        assert!(!std::mem::replace(&mut self.under_way, true), "one at a time");
        self.last_cleaning += 1;
        self.last_cleaning
    }

    pub(super) fn end_rewriting(&mut self) {
        assert!(std::mem::take(&mut self.under_way), "it was begun");
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.under_way
    }

    /// Another number before, during and after each rewriting.
    pub(super) fn rewrites(&self) -> u32 {
        (2 * self.last_cleaning).saturating_sub(u32::from(self.under_way))
    }

    /// The log holds nothing any more: a work under way has nothing to replace. Gives the number for the names of
    /// what is written from now on.
    pub(super) fn begin_anew(&mut self) -> u32 {
        self.last_cleaning += 1;
        (self.unfinished, self.failed_at, self.held_back_at) = (false, None, None);
        self.last_cleaning
    }
}

impl PartitionLog {
    /// How much of what could be compacted now is dirty, from above 0 to 1. `None` if nothing is due: the topic
    /// is not compacted, the ratio is not reached and no record is older than `max.compaction.lag.ms`, or a
    /// compaction is under way or failed lately. `now` is the wall clock.
    #[must_use]
    pub fn wants_compaction(&self, now: Timestamp) -> Option<f64> {
        let state = &self.compaction;
        let failed_lately = state.failed_at.is_some_and(|at| now.0.abs_diff(at.0) < RETRY_MS);
        if !self.config.compact
            || self.damage.is_some()
            || self.keeps_closed()
            || state.under_way
            || failed_lately
        {
            return None;
        }
        let cleanable = self.cleanable(now);
        let last = cleanable.last()?;
        if state.held_back_at == Some(last.segment.id) {
            return None;
        }
        let first_dirty = self.first_dirty();
        let clean = cleanable.partition_point(|held| held.state.end <= first_dirty);
        let bytes = |held: &[Held]| held.iter().map(|held| held.state.bytes).sum::<u64>();
        let (clean_bytes, dirty_bytes) = (bytes(&cleanable[..clean]), bytes(&cleanable[clean..]));
        if dirty_bytes == 0 {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "a ratio needs no last digit")]
        let ratio = dirty_bytes as f64 / (clean_bytes + dirty_bytes) as f64;
        let is_due = state.unfinished
            || ratio > self.config.min_cleanable_dirty_ratio
            || self.is_overdue(&cleanable[clean].state, now);
        is_due.then_some(ratio)
    }

    /// The segments that may be compacted: from the first on, without the active one, as far as
    /// `min.compaction.lag.ms` allows. They are never written again, also not by a flush under way.
    fn cleanable(&self, now: Timestamp) -> &[Held] {
        let sealed = self.segments.len().saturating_sub(1);
        let (first_dirty, lag_ms) = (self.first_dirty(), self.config.min_compaction_lag_ms);
        let count = self.segments[..sealed].partition_point(|held| held.state.end <= first_dirty);
        let rested = self.segments[count..sealed].iter().take_while(|held| {
            let age_ms = now.0.saturating_sub(held.state.newest().0);
            held.state.end <= self.high_watermark && (lag_ms <= 0 || age_ms >= lag_ms)
        });
        &self.segments[..count + rested.count()]
    }

    fn first_dirty(&self) -> Offset {
        self.cleaned_to.max(self.durable.log_start)
    }

    fn is_overdue(&self, first_dirty: &SegmentState, now: Timestamp) -> bool {
        let oldest = first_dirty.first_timestamp;
        let oldest = if oldest.0 >= 0 { oldest } else { first_dirty.created };
        now.0.saturating_sub(oldest.0) > self.config.max_compaction_lag_ms
    }

    /// The compaction that is due, if one is. Its outcome goes to [`PartitionLog::compacted`] or
    /// [`PartitionLog::compaction_failed`]. `now` is the wall clock.
    pub fn take_compaction(&mut self, now: Timestamp) -> Option<CompactionWork> {
        let dirty_ratio = self.wants_compaction(now)?;
        let cleaning = self.compaction.begin_rewriting();
        self.compaction.failed_at = None;
        let sources = self.cleanable(now).iter();
        let sources = sources.map(|held| Source { view: held.view(), created: held.state.created }).collect();
        // The state as of the segments: a write that is still in memory might not be all that is left of its
        // producer. Those that have expired keep nothing.
        let mut last_written = self.flushed_producers.last_written();
        last_written.retain(|&id, _| self.producers.get(id).is_some());
        Some(CompactionWork {
            key: self.key,
            cleaning,
            cache: Arc::clone(&self.cache),
            epochs: self.epochs.clone(),
            sources,
            first_dirty: self.first_dirty(),
            last_written,
            delete_retention_ms: self.config.delete_retention_ms,
            limits: self.output_limits(),
            now,
            dirty_ratio,
        })
    }

    /// A compaction is durable: its segments take the place of those it read, unless some of these have left the
    /// log meanwhile. What is not used any more is removed after the next checkpoint.
    ///
    /// # Panics
    /// If no compaction is under way: the work of another log.
    pub fn compacted(&mut self, done: CompactionDone) -> Compacted {
        assert_eq!(done.key, self.key, "a compaction is told to its own log");
        self.compaction.end_rewriting();
        let replaced = done.sources.len();
        if replaced == 0 {
            self.compaction.unfinished = false;
            self.compaction.held_back_at = done.last_source;
            return Compacted::Undecided;
        }
        let outputs = self.rewritten(done.outputs, done.cleaning);
        let present = self.segments.iter().map(|held| held.segment.id).take(replaced);
        let is_current = self.segments.len() > replaced && present.eq(done.sources.iter().copied());
        if !is_current || self.damage.is_some() {
            self.garbage.extend(outputs.into_iter().map(|held| held.segment));
            sometimes(Condition::CompactionDiscarded);
            return Compacted::Discarded;
        }
        let old: Vec<Held> = self.segments.splice(..replaced, outputs).collect();
        // Memory would give what the compaction has left out.
        self.tail.release_below(old.last().expect("some were replaced").state.end);
        self.garbage.extend(old.into_iter().map(|held| held.segment));
        self.cleaned_to = self.cleaned_to.max(done.cleaned_to);
        self.compaction.unfinished = done.unfinished;
        sometimes(Condition::CompactionReplaced);
        self.compaction.held_back_at = None;
        self.flush.facts_changed = true;
        self.drop_segments();
        Compacted::Replaced(done.totals)
    }

    /// A compaction failed: it is tried again after a while. `now` is the wall clock.
    ///
    /// # Panics
    /// If no compaction is under way.
    pub fn compaction_failed(&mut self, failed: CompactionFailed, now: Timestamp) {
        assert_eq!(failed.key, self.key, "a compaction is told to its own log");
        self.compaction.end_rewriting();
        if !failed.is_overtaken() {
            self.compaction.failed_at = Some(now);
        }
        self.throw_away(failed.leftover, failed.cleaning);
    }

    /// Segments that were written beside the present ones, under the number of the work that did.
    pub(super) fn rewritten(&mut self, outputs: Vec<SegmentState>, cleaning: u32) -> Vec<Held> {
        let held = |state: SegmentState| {
            assert_eq!(state.cleaning, cleaning, "a work writes under its own number");
            Held { segment: self.new_segment(state.base, cleaning), state, sealed: true }
        };
        outputs.into_iter().map(held).collect()
    }

    /// The files of segments that a work under this number had begun go after the next checkpoint.
    pub(super) fn throw_away(&mut self, begun: Vec<Offset>, cleaning: u32) {
        for base in begun {
            let segment = self.new_segment(base, cleaning);
            self.garbage.push(segment);
        }
    }

    /// How long the segments may get that are written anew.
    pub(super) fn output_limits(&self) -> OutputLimits {
        OutputLimits {
            segment_bytes: self.config.segment_bytes.min(SEGMENT_BYTES_MAX),
            segment_index_bytes: self.config.segment_index_bytes,
            index_interval_bytes: self.config.index_interval_bytes,
        }
    }
}
