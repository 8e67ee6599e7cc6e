use std::sync::Arc;

use super::PartitionLog;
use crate::log::reindex::{ReindexDone, ReindexWork};
use crate::types::Offset;

impl PartitionLog {
    /// A start found that an index of the segment at `base` is shorter than it should be.
    pub(crate) fn suspect_indexes(&self, base: Offset) {
        if let Some(held) = self.segments.iter().find(|held| held.state.base == base) {
            self.cache.suspect(&held.segment);
        }
    }

    /// A segment whose indexes are to be made again, if one is known. Nothing is added to it from now on. The outcome
    /// goes to [`PartitionLog::reindexed`]; a failure needs none.
    pub fn take_reindex(&mut self) -> Option<ReindexWork> {
        // A flush under way may be adding to the active segment.
        if self.damage.is_some() || self.flush.is_under_way() {
            return None;
        }
        // What waits in memory has its place in the active one's file: that cannot end before.
        let active = self.segments.last().filter(|_| self.has_places()).map(|held| Arc::clone(&held.segment));
        let (mut waits, mut found) = (false, None);
        while let Some(id) = self.cache.take_suspect(self.key.id) {
            let is_active = active.as_ref().is_some_and(|active| active.id == id);
            waits |= is_active;
            found = self.segments.iter().position(|held| held.segment.id == id).filter(|_| !is_active);
            if found.is_some() {
                break;
            }
        }
        active.iter().filter(|_| waits).for_each(|active| self.cache.suspect(active));
        let at_work = Arc::new(());
        let held = &mut self.segments[found?];
        held.sealed = true;
        self.reindexing = Arc::downgrade(&at_work);
        Some(ReindexWork {
            _at_work: at_work,
            key: self.key,
            cache: Arc::clone(&self.cache),
            epochs: self.epochs.clone(),
            view: held.view(),
            index_interval_bytes: self.config.index_interval_bytes,
        })
    }

    /// Whether its files are being written, read for a compaction, or made again outside of its owner.
    #[must_use]
    pub fn is_worked_on(&self) -> bool {
        self.flush.is_under_way() || self.compaction.is_under_way() || self.reindexing.strong_count() > 0
    }

    /// Indexes were made again. They may have other lengths, if `index.interval.bytes` has changed meanwhile.
    pub fn reindexed(&mut self, done: &ReindexDone) {
        assert_eq!(done.key, self.key, "indexes are told to their own log");
        if let Some(held) = self.segments.iter_mut().find(|held| held.segment.id == done.segment) {
            held.state.offset_index_bytes = done.offset_index_bytes;
            held.state.time_index_bytes = done.time_index_bytes;
            self.flush.facts_changed = true;
        }
    }
}
