//! Polls as fetches: where a poll began, and which offsets hold no record, is told by the history as a whole.
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use ordain::client::TopicPartition;
use ordain::types::Offset;

use super::form::{self, Records};
use crate::history::{Completion, Operation};
use crate::scenarios::broker::history::{Events, Extent, JUDGE, LAST_LOOK, Read, Reader};
use crate::scenarios::broker::plan::{Cleanup, cleanup};
use crate::time::SimTime;

/// What is known of offsets, and where readers stand.
#[derive(Default)]
pub(super) struct Reads {
    /// Where anybody was ever acknowledged or read a record.
    known: BTreeMap<TopicPartition, BTreeSet<Offset>>,
    /// The highest ends that the last look was told.
    ends: BTreeMap<TopicPartition, Offset>,
    positions: BTreeMap<(Reader, TopicPartition), Offset>,
    /// When each session was given its partitions, of those that say so.
    assigned: BTreeMap<Reader, SimTime>,
}

impl Reads {
    /// What an operation tells of the whole history.
    ///
    /// # Errors
    /// For a value that has not the form of its function.
    pub(super) fn learn(&mut self, operation: &Operation) -> Result<(), form::Wrong> {
        let Some((_, Completion::Ok, value)) = &operation.ended else { return Ok(()) };
        match operation.function.as_ref() {
            "send" => {
                for ((at, _), told) in form::sends(&operation.value)?.into_iter().zip(form::told(value)?) {
                    self.known.entry(at).or_default().extend(told.offset);
                }
            }
            "poll" => {
                for (at, records) in form::polled(value)? {
                    self.known.entry(at).or_default().extend(records.iter().map(|(offset, _)| *offset));
                }
            }
            "list-offsets" if operation.client == LAST_LOOK => {
                for (at, offset) in form::offsets_or_none(value)? {
                    let end = self.ends.entry(at).or_default();
                    *end = (*end).max(offset.unwrap_or_default());
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A client was given partitions: where the group stands, it asks from now on.
    pub(super) fn assigned(&mut self, reader: Reader, time: SimTime) {
        self.assigned.insert(reader, time);
    }

    /// Whether this session began with partitions that it was given.
    pub(super) fn is_told_assignments(&self, reader: Reader) -> bool {
        self.assigned.contains_key(&reader)
    }

    /// What a poll brought of a partition, as a fetch; nothing if it brought nothing. And when the session was given its
    /// partitions, if this is the first that it reads of this one.
    pub(super) fn read(
        &mut self,
        events: &Events,
        reader: Reader,
        time: SimTime,
        (at, records): (TopicPartition, Records),
    ) -> Option<(Read, Option<SimTime>)> {
        let first = records.first()?.0;
        let next = records.iter().map(|(offset, _)| offset.plus(1)).max()?;
        let position = self.positions.insert((reader, at.clone()), next);
        let since = self.assigned.get(&reader).copied().filter(|_| position.is_none());
        let cleanup = cleanup(&at.topic);
        let from = match (position, cleanup) {
            (Some(position), _) if position > first => first,
            (Some(position), Cleanup::Compact) => position,
            (position, Cleanup::Delete | Cleanup::Retain) => {
                self.behind_last(&at, first).max(position.unwrap_or_default())
            }
            (None, Cleanup::Compact) => first,
        };
        let deleted = events.deleted.get(&at).copied().unwrap_or_default();
        let log_start = match cleanup {
            Cleanup::Retain => first,
            Cleanup::Delete | Cleanup::Compact => first.min(deleted),
        };
        Some((self.fetch((reader, time), at, (from..next, log_start), records), since))
    }

    /// That the last look found nothing where nobody ever was acknowledged or read anything.
    pub(super) fn last_look_passes_gaps(&self, at: &TopicPartition, extent: Extent) -> Read {
        let judge = Reader { reader: JUDGE, session: 0 };
        let range = (extent.start..extent.end, extent.start);
        self.fetch((judge, SimTime(0)), at.clone(), range, Vec::new())
    }

    fn fetch(
        &self,
        (reader, time): (Reader, SimTime),
        at: TopicPartition,
        (range, log_start): (Range<Offset>, Offset),
        records: Records,
    ) -> Read {
        let controls = self.without_record(&at, range.clone());
        Read {
            reader,
            time,
            at,
            from: range.start,
            next: range.end,
            high_watermark: range.end,
            log_start,
            // No high watermark is written down.
            led: None,
            times: Vec::new(),
            carried: Vec::new(),
            records,
            controls,
            first_batch: None,
            batches: Vec::new(),
            bytes: 0,
        }
    }

    /// An offset without what lies before it and holds no record.
    pub(super) fn without_gap(&self, at: &TopicPartition, offset: Offset) -> Offset {
        // Nothing is known of what lies behind the end.
        let is_inside = self.ends.get(at).is_some_and(|end| offset <= *end);
        if is_inside { self.behind_last(at, offset) } else { offset }
    }

    /// The offset behind the last record before an offset.
    fn behind_last(&self, at: &TopicPartition, offset: Offset) -> Offset {
        let before = self.known.get(at).and_then(|known| known.range(..offset).next_back());
        before.map_or(Offset(0), |before| before.plus(1))
    }

    /// The offsets in a range at which there is no record.
    fn without_record(&self, at: &TopicPartition, range: Range<Offset>) -> Vec<Range<Offset>> {
        let (mut gaps, mut place) = (Vec::new(), range.start);
        let known = self.known.get(at).into_iter().flat_map(|known| known.range(range.clone()));
        for record in known.copied().chain([range.end]) {
            if place < record {
                gaps.push(place..record);
            }
            place = record.plus(1);
        }
        gaps
    }
}
