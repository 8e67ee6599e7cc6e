use std::sync::Arc;

use super::{Held, PartitionLog};
use crate::log::cleaning::Source;
use crate::log::repair::{FilesVersion, RepairDone, RepairFailed, RepairWork, Repaired};
use crate::probe::{Condition, sometimes};

impl PartitionLog {
    /// What its files hold, for a replica that repairs its own from them.
    #[must_use]
    pub fn files_version(&self) -> FilesVersion {
        FilesVersion { log: self.key.id, rewrites: self.compaction.rewrites() }
    }

    /// Whether a reader met something in its segments that cannot be read.
    #[must_use]
    pub fn is_wounded(&self) -> bool {
        self.cache.is_wounded(self.key.id)
    }

    /// Nobody else has what its segments held.
    pub fn forget_wounds(&self) {
        while self.cache.take_wounded(self.key.id).is_some() {}
    }

    /// A segment that is to be written again with what another replica holds, if one is known; with all before it, of a log
    /// that is or was compacted. Nothing is added to these from now on. The outcome goes to [`PartitionLog::repaired`] or
    /// [`PartitionLog::repair_failed`]. `None` also while something else is under way in its files.
    pub fn take_repair(&mut self) -> Option<RepairWork> {
        if self.damage.is_some() || self.is_worked_on() || self.keeps_closed() || self.has_places() {
            return None;
        }
        let wounded = loop {
            let id = self.cache.take_wounded(self.key.id)?;
            if let Some(at) = self.segments.iter().position(|held| held.segment.id == id) {
                break at;
            }
        };
        let (log_start, cleaned_to) = (self.log_start, self.cleaned_to);
        let run = &mut self.segments[..=wounded];
        let whole = self.config.compact || cleaned_to > log_start || run.iter().any(|held| !held.state.dense);
        let run = if whole { run } else { &mut run[wounded..] };
        run.iter_mut().for_each(|held| held.sealed = true);
        let sources: Vec<Source> =
            run.iter().map(|held| Source { view: held.view(), created: held.state.created }).collect();
        Some(RepairWork {
            key: self.key,
            cleaning: self.compaction.begin_rewriting(),
            cache: Arc::clone(&self.cache),
            epochs: self.epochs.clone(),
            log_start,
            sources,
            whole,
            limits: self.output_limits(),
        })
    }

    /// A repair is durable: its segments take the place of those of which something could not be read, unless some of these
    /// have left the log meanwhile. What is not used any more is removed after the next checkpoint.
    ///
    /// # Panics
    /// If no repair is under way: the work of another log.
    pub fn repaired(&mut self, done: RepairDone) -> Repaired {
        assert_eq!(done.key, self.key, "a repair is told to its own log");
        self.compaction.end_rewriting();
        let Some(from) = done.from else { return Repaired::Sound };
        let outputs = self.rewritten(done.outputs, done.cleaning);
        let ids = || self.segments.iter().map(|held| held.segment.id);
        let first = done.sources.first().and_then(|first| ids().position(|id| id == *first));
        let place = first.map(|at| at..at + done.sources.len()).filter(|place| {
            place.end <= self.segments.len() && ids().skip(place.start).take(place.len()).eq(done.sources)
        });
        let Some(place) = place.filter(|_| self.damage.is_none()) else {
            self.garbage.extend(outputs.into_iter().map(|held| held.segment));
            return Repaired::Discarded;
        };
        let old: Vec<Held> = self.segments.splice(place, outputs).collect();
        if done.whole {
            // The other replica's compactions may have left out what is in memory here.
            self.tail.release_below(old.last().expect("a repair is of a segment").state.end);
        }
        self.garbage.extend(old.into_iter().map(|held| held.segment));
        self.flush.facts_changed = true;
        self.drop_segments();
        sometimes(Condition::ClusterSegmentRepaired);
        Repaired::Replaced { from, bytes: done.bytes_from_there }
    }

    /// A repair failed: what could not be read is to be repaired later.
    ///
    /// # Panics
    /// If no repair is under way.
    pub fn repair_failed(&mut self, failed: RepairFailed) {
        assert_eq!(failed.key, self.key, "a repair is told to its own log");
        self.compaction.end_rewriting();
        if let Some(held) = self.segments.iter().find(|held| held.segment.id == failed.segment) {
            self.cache.wound(&held.segment);
        }
        self.throw_away(failed.leftover, failed.cleaning);
    }
}
