//! Large batches that are written once: which one goes to its segment before its entry goes to the journal, and where
//! (docs/segment-format.md, "Batches that are written once").
use std::collections::BTreeMap;

use super::{Held, PartitionLog};
use crate::log::journal::{BatchPlace, EntryBody, PlacedBatch, Position, Series};
use crate::log::segment::{FileKind, IndexRows, SegmentId, SegmentState, file_name};
use crate::log::{Entry, LogError};
use crate::probe::{Condition, Mutant, mutant, sometimes};
use crate::types::{Offset, Timestamp};
use crate::wire::batch::RecordBatch;

/// A segment holds at least so many batches of this size: with fewer, most of them would begin one.
const BATCHES_PER_SEGMENT: u64 = 8;

/// The state that a segment is to have, up to an offset.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ahead {
    pub(super) segment: SegmentId,
    pub(super) state: SegmentState,
    pub(super) upto: Offset,
}

#[derive(Default)]
pub(super) struct Placing {
    /// Where the active segment ends behind the last batch that was placed in it.
    ahead: Option<Ahead>,
    /// Nothing more goes to this segment.
    closed: Option<SegmentId>,
    series: Series,
    /// Closed segments in which the journal names batches that are in no segment yet, and up to which offset.
    kept: Vec<(SegmentId, Offset)>,
    /// Where the blocks end that the journal names in a segment's file, by base offset and cleaning: found at the start.
    referenced: BTreeMap<(Offset, u32), u64>,
}

impl PartitionLog {
    /// Nothing is in memory any more that was placed. What the journal names of the former ones may still be asked for by a start.
    pub(super) fn forget_places(&mut self) {
        self.flush.forget_active();
        if let Some(placing) = self.placing.as_deref_mut() {
            let referenced = std::mem::take(&mut placing.referenced);
            *placing = Placing { referenced, ..Placing::default() };
        }
    }

    /// As [`PartitionLog::append`], for a log whose batches nobody can take back: it has one voter. A large batch may be written
    /// to its segment alone; its entry then only names it. `now` is the wall clock.
    ///
    /// # Errors
    /// As [`PartitionLog::append`].
    pub fn append_placing(
        &mut self,
        batch: RecordBatch,
        journal: Position,
        now: Timestamp,
    ) -> Result<Entry, LogError> {
        let mut entry = self.append(batch, journal)?;
        if let EntryBody::Batch(batch) = &entry.body
            && let Some(place) = self.place_last(now)
        {
            let series = self.placing.get_or_insert_default().series.clone();
            let placed = PlacedBatch::new(batch.clone(), place, series);
            entry.body = EntryBody::Placed(Box::new(placed));
            self.tail.place_last();
            sometimes(Condition::BatchPlaced);
        }
        Ok(entry)
    }

    /// The place of the batch that was appended last, if it can have one before it is committed.
    fn place_last(&mut self, now: Timestamp) -> Option<BatchPlace> {
        let last = self.tail.last()?;
        let bytes = last.batch.len();
        let fits = bytes as u64 * BATCHES_PER_SEGMENT <= self.config.segment_bytes;
        if bytes < self.tail.budget().place_bytes_min() || !fits || self.config.compact {
            return None;
        }
        self.check_placed();
        let place = self.next_place(now);
        if place.is_none() {
            // The next segment is begun by a flush, and a checkpoint has to name it.
            self.tail.budget().want_round();
        }
        place
    }

    fn next_place(&mut self, now: Timestamp) -> Option<BatchPlace> {
        let active = self.open_segment().filter(|held| held.state.bytes > 0)?;
        let id = active.segment.id;
        if !active.segment.is_named() && !mutant(Mutant::PlaceInUnnamedSegment) {
            return None;
        }
        let flushed = Ahead { segment: id, state: active.state, upto: self.flushed_end };
        let flushed = self.flush.active_after(flushed)?;
        // What is flushed may have left memory.
        let known = self.ahead().filter(|ahead| ahead.segment == id && ahead.upto >= flushed.upto);
        let from = known.unwrap_or(flushed);
        let (ahead, position) =
            self.follow(from, |state, batch| self.rolls(state, batch.header(), batch.len() as u64, now))?;
        self.placing.get_or_insert_default().ahead = Some(ahead);
        Some(BatchPlace { segment: ahead.state.base, cleaning: ahead.state.cleaning, position })
    }

    /// Where the active segment ends behind the last batch that was placed in it.
    fn ahead(&self) -> Option<Ahead> {
        self.placing.as_ref()?.ahead
    }

    /// The state of a segment behind all batches that come, and where the last of them begins; `None` if one of them begins another
    /// segment.
    fn follow(
        &self,
        from: Ahead,
        begins: impl Fn(&SegmentState, &RecordBatch) -> bool,
    ) -> Option<(Ahead, u64)> {
        let Ahead { segment, mut state, upto } = from;
        let mut rows = IndexRows::default();
        let mut position = None;
        for batch in self.tail.from(upto) {
            if begins(&state, &batch.batch) {
                return None;
            }
            position = Some(state.bytes);
            let bytes = batch.batch.len() as u64;
            state.add(batch.header(), bytes, self.config.index_interval_bytes, &mut rows);
        }
        Some((Ahead { segment, state, upto: self.log_end }, position?))
    }

    /// If blocks could not be written, nothing more goes to their segment.
    pub(super) fn check_placed(&mut self) {
        let has_failed = self.placing.as_ref().is_some_and(|placing| placing.series.has_failed());
        if has_failed && !mutant(Mutant::FlushIgnoresFailedPlaces) {
            self.close_active();
        }
    }

    /// Ends the active segment where it is flushed, or will be by the flush under way. What was placed behind is written as a whole, to the
    /// next one; no place in this one is written again, for the journal may name what stands there.
    pub(super) fn close_active(&mut self) {
        if let Some(placing) = &mut self.placing {
            placing.series = Series::default();
        }
        self.places_end();
        self.tail.unplace();
        let names = self.tail.names_any();
        let Some(active) = self.segments.last().map(|held| held.segment.id) else { return };
        if names {
            self.keep(active);
        }
        sometimes(Condition::SegmentClosedBehindPlaces);
        if self.flush.is_under_way() {
            self.placing.get_or_insert_default().closed = Some(active);
        } else if let Some(held) = self.segments.last_mut() {
            held.sealed = true;
        }
    }

    /// A segment stays until all that the log holds now is flushed: the journal names it for some of that.
    fn keep(&mut self, segment: SegmentId) {
        let upto = self.log_end;
        let kept = &mut self.placing.get_or_insert_default().kept;
        match kept.iter_mut().find(|(other, _)| *other == segment) {
            Some((_, until)) => *until = upto.max(*until),
            None => kept.push((segment, upto)),
        }
    }

    /// The segment that takes batches, if one does.
    pub(super) fn open_segment(&self) -> Option<&Held> {
        let closed = self.placing.as_ref().and_then(|placing| placing.closed);
        self.segments.last().filter(|held| !held.sealed && closed != Some(held.segment.id))
    }

    /// Whether blocks of a batch that is in no segment yet stand in the active one.
    pub(super) fn has_places(&self) -> bool {
        self.tail.unflushed().next().is_some_and(|batch| batch.stays)
    }

    /// How many of the first segments may leave the log: a start that comes before the next checkpoint may read batches in the others, though all that
    /// they hold by the last one is below the log's start.
    pub(super) fn droppable(&mut self) -> usize {
        let Some(placing) = self.placing.as_deref_mut().filter(|placing| !placing.kept.is_empty()) else {
            return self.segments.len();
        };
        placing.kept.retain(|(_, upto)| *upto > self.flushed_end);
        let is_kept = |id: SegmentId| placing.kept.iter().any(|(other, _)| *other == id);
        self.segments.iter().take_while(|held| !is_kept(held.segment.id)).count()
    }

    /// Whether closed segments are kept as they are for what the journal names in them.
    pub(super) fn keeps_closed(&self) -> bool {
        let mut kept = self.placing.iter().flat_map(|placing| &placing.kept);
        kept.any(|(_, upto)| *upto > self.flushed_end)
    }

    /// A flush has ended: a segment that was closed meanwhile is sealed.
    pub(super) fn settle_closed(&mut self) {
        if let Some(closed) = self.placing.as_mut().and_then(|placing| placing.closed.take())
            && let Some(held) = self.segments.iter_mut().find(|held| held.segment.id == closed)
        {
            held.sealed = true;
        }
    }

    /// What comes next is placed behind what is flushed.
    pub(super) fn places_end(&mut self) {
        if let Some(placing) = &mut self.placing {
            placing.ahead = None;
        }
    }

    /// A batch that the journal names was taken in, from its segment.
    pub(super) fn replay_place(&mut self, place: BatchPlace, bytes: usize) {
        self.tail.name_last();
        let referenced = &mut self.placing.get_or_insert_default().referenced;
        let end = referenced.entry((place.segment, place.cleaning)).or_default();
        *end = place.blocks(bytes).end.max(*end);
        let active = self.open_segment();
        let follows = active.and_then(|active| {
            let start = Ahead { segment: active.segment.id, state: active.state, upto: self.flushed_end };
            let from = self.ahead().unwrap_or(start);
            let (ahead, position) = self.follow(from, |_, _| false)?;
            let found = BatchPlace { segment: active.state.base, cleaning: active.state.cleaning, position };
            (found == place).then_some(ahead)
        });
        match follows {
            Some(ahead) => {
                self.placing.get_or_insert_default().ahead = Some(ahead);
                self.tail.place_last();
            }
            // Records that were deleted before it may be missing in front of it, or it was placed in a segment that ended there: perhaps
            // not in the last one.
            None => {
                let is_named =
                    |held: &&Held| (held.state.base, held.state.cleaning) == (place.segment, place.cleaning);
                let named = self.segments.iter().find(is_named).map(|held| held.segment.id);
                if let Some(named) = named.filter(|_| !mutant(Mutant::KeepLastClosedSegment)) {
                    self.keep(named);
                }
                self.close_active();
            }
        }
    }

    /// Up to where the journal names blocks in the file of a segment, found at the start: they are kept while it does.
    pub(crate) fn referenced_bytes(&self, base: Offset, cleaning: u32) -> u64 {
        if mutant(Mutant::CutPlacesAtStart) {
            return 0;
        }
        let referenced = self.placing.as_ref().and_then(|placing| placing.referenced.get(&(base, cleaning)));
        referenced.copied().unwrap_or(0)
    }

    /// Whether the journal names blocks in this file, found at the start.
    pub(crate) fn references_file(&self, name: &str) -> bool {
        let named = |(base, cleaning): &(Offset, u32)| file_name(*base, *cleaning, FileKind::Log) == name;
        self.placing.iter().flat_map(|placing| placing.referenced.keys()).any(named)
    }
}
