//! Fetches: contiguous and monotone (I8); what was readable once stays readable.
use std::collections::BTreeMap;

use ordain::client::TopicPartition;
use ordain::types::Offset;

use crate::scenarios::broker::history::{Events, Read, Reader};
use crate::scenarios::broker::plan::{Cleanup, cleanup};

/// Where the readers of one partition stand.
#[derive(Default)]
pub(super) struct Positions(BTreeMap<Reader, Offset>);

impl Positions {
    /// A fetch brings every record from its position to the next; the next one of the same session goes on there, except
    /// where the records were deleted meanwhile: then at the log's start, which may lie before that on another node.
    ///
    /// # Errors
    /// If it does not.
    pub(super) fn read(&mut self, events: &Events, read: &Read) -> Result<(), String> {
        let what = |wrong: &str| {
            Err(format!(
                "a fetch of {} from {} to {} at {} {wrong}",
                read.at, read.from, read.next, read.time
            ))
        };
        let offsets = || read.records.iter().map(|(offset, _)| *offset);
        let is_whole = match cleanup(&read.at.topic) {
            // Compaction leaves gaps.
            Cleanup::Compact => {
                offsets().is_sorted_by(|a, b| a < b) && offsets().all(|o| o >= read.from && o < read.next)
            }
            Cleanup::Delete | Cleanup::Retain => {
                let is_control =
                    |offset: &Offset| read.controls.iter().any(|control| control.contains(offset));
                (read.from.0..read.next.0).map(Offset).filter(|offset| !is_control(offset)).eq(offsets())
            }
        };
        if !is_whole {
            let offsets: Vec<i64> = read.records.iter().map(|(offset, _)| offset.0).collect();
            return what(&format!("brought {offsets:?}"));
        }
        if read.next > read.high_watermark {
            return what(&format!("went beyond the high watermark {}", read.high_watermark));
        }
        if let Some(position) = self.0.insert(read.reader, read.next) {
            let skips = read.from > beyond_damage(events, &read.at, position)
                && read.from > read.log_start
                && !was_to_be_deleted(events, &read.at, read.from)
                && !is_beyond_gap(events, &read.at, position, read.from);
            // Its position was deleted, and it asked for the first offset: of a new leader that has not heard of the deletion yet.
            let looked_anew = read.from == read.log_start && was_to_be_deleted(events, &read.at, position);
            if (read.from < position && !looked_anew) || skips {
                return what(&format!("followed one that ended at {position}"));
            }
        }
        Ok(())
    }
}

/// What holds at each fetch, for a whole history.
#[cfg(test)]
fn polls_are_contiguous(events: &Events) -> Result<(), String> {
    let mut positions: BTreeMap<&TopicPartition, Positions> = BTreeMap::new();
    events.reads.iter().try_for_each(|read| positions.entry(&read.at).or_default().read(events, read))
}

/// Whether a log may have begun there for a moment, though the leader that came next begins earlier.
fn was_to_be_deleted(events: &Events, at: &TopicPartition, from: Offset) -> bool {
    let asked = events.deleted.get(at).is_some_and(|before| from <= *before);
    events.several_nodes && (asked || cleanup(&at.topic) == Cleanup::Retain)
}

/// Where a reader may go on that stands at a position: further on, if the broker said that it cannot read there.
pub(super) fn beyond_damage(events: &Events, at: &TopicPartition, mut position: Offset) -> Offset {
    let lost = || events.unreadable.get(at).into_iter().flatten();
    while let Some(range) = lost().find(|range| range.contains(&position)) {
        position = range.end;
    }
    position
}

/// Whether a reader that stood at a position may have gone on at `from`, because between them lie only what compaction left
/// nothing of, and what the broker said that it cannot read. If compaction did leave something there, it is missing
/// among what was read, and that is another checker's.
fn is_beyond_gap(events: &Events, at: &TopicPartition, position: Offset, from: Offset) -> bool {
    let mut lost = events.unreadable.get(at).into_iter().flatten();
    cleanup(&at.topic) == Cleanup::Compact && lost.any(|range| range.start >= position && range.end == from)
}

/// A fetch from inside a batch brings that batch (Nisshi; Redpanda #17966): the first one that comes holds the
/// offset.
pub(super) fn begins_with_its_batch(read: &Read) -> Result<(), String> {
    let Some((first, last)) = read.first_batch else { return Ok(()) };
    // A consumer is not shown the control batch that may hold it.
    let mut from = read.from;
    while let Some(control) = read.controls.iter().find(|control| control.contains(&from)) {
        from = control.end;
    }
    // Compaction may have taken the batch.
    let holds = last >= from && (first <= from || cleanup(&read.at.topic) == Cleanup::Compact);
    if holds {
        return Ok(());
    }
    Err(format!(
        "a fetch of {} from {} at {} brought the batch {first} to {last} first",
        read.at, read.from, read.time
    ))
}

/// No partition ends before a high watermark that a client was told.
pub(super) fn high_watermarks_stay(events: &Events) -> Result<(), String> {
    for read in &events.reads {
        let end = events.extents.get(&read.at).map(|extent| extent.end);
        if end.is_some_and(|end| end < read.high_watermark) {
            return Err(format!(
                "{} had the high watermark {} at {}, and in the end {end:?}",
                read.at, read.high_watermark, read.time
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{at, events, read};
    use super::*;

    #[test]
    fn damage_behind_a_gap_of_compaction_is_passed_and_nothing_else() {
        let compacted = TopicPartition::new(crate::scenarios::broker::plan::COMPACTED, 0);
        let mut history = events(&[], &[1, 2]);
        history.reads.push(read(1, 9, &[3]));
        for read in &mut history.reads {
            read.at = compacted.clone();
        }
        assert!(polls_are_contiguous(&history).unwrap_err().contains("ended at 2"));
        let mut destroyed = |range: std::ops::Range<i64>| {
            history.unreadable.insert(compacted.clone(), vec![Offset(range.start)..Offset(range.end)]);
            polls_are_contiguous(&history)
        };
        assert_eq!(destroyed(4..9), Ok(()));
        assert!(destroyed(4..8).is_err(), "and one more");
        assert_eq!(destroyed(2..9), Ok(()));
    }

    #[test]
    fn gaps_and_steps_back_are_found() {
        let mut history = events(&[], &[1, 2]);
        history.reads.push(read(1, 2, &[3]));
        assert_eq!(polls_are_contiguous(&history), Ok(()));
        history.reads.push(read(2, 0, &[1]));
        assert_eq!(polls_are_contiguous(&history), Ok(()), "another session");
        let mut back = history.clone();
        back.reads.push(read(1, 2, &[3]));
        assert!(polls_are_contiguous(&back).unwrap_err().contains("ended at 3"));
        let mut skipped = history.clone();
        skipped.reads.push(read(1, 4, &[5]));
        assert!(polls_are_contiguous(&skipped).is_err());
        skipped.reads.last_mut().unwrap().log_start = Offset(4);
        assert_eq!(polls_are_contiguous(&skipped), Ok(()), "deleted meanwhile");
        skipped.reads.last_mut().unwrap().log_start = Offset(0);
        skipped.several_nodes = true;
        skipped.deleted.insert(at(), Offset(3));
        assert!(polls_are_contiguous(&skipped).is_err(), "deletion was asked for up to 3");
        skipped.deleted.insert(at(), Offset(4));
        assert_eq!(polls_are_contiguous(&skipped), Ok(()), "a leader had begun there");
        skipped.several_nodes = false;
        assert!(polls_are_contiguous(&skipped).is_err(), "it is alone");
        skipped.unreadable.insert(at(), vec![Offset(3)..Offset(4)]);
        assert_eq!(polls_are_contiguous(&skipped), Ok(()), "destroyed");
        skipped.unreadable.insert(at(), vec![Offset(2)..Offset(3)]);
        assert!(polls_are_contiguous(&skipped).is_err(), "what is destroyed lies before");
        history.reads[0].records.remove(0);
        assert!(polls_are_contiguous(&history).unwrap_err().contains("brought [1]"));
    }

    #[test]
    fn no_record_stands_where_a_control_batch_does() {
        let mut history = events(&[], &[1, 2]);
        history.reads[0].next = Offset(3);
        history.reads[0].high_watermark = Offset(3);
        assert!(polls_are_contiguous(&history).is_err());
        history.reads[0].controls = vec![Offset(2)..Offset(3)];
        assert_eq!(polls_are_contiguous(&history), Ok(()));
        history.reads[0].controls = vec![Offset(1)..Offset(2)];
        assert!(polls_are_contiguous(&history).is_err(), "it lies elsewhere");
    }

    #[test]
    fn a_fetch_that_begins_elsewhere_is_found() {
        let mut history = events(&[], &[1, 2, 3, 4]);
        let mut check = |from: i64, first: i64, last: i64| {
            history.reads[0].from = Offset(from);
            history.reads[0].first_batch = Some((Offset(first), Offset(last)));
            begins_with_its_batch(&history.reads[0])
        };
        assert_eq!(check(1, 0, 3), Ok(()), "inside");
        assert_eq!(check(0, 0, 3), Ok(()));
        assert!(check(1, 2, 3).unwrap_err().contains("brought the batch 2 to 3"), "the one after it");
        assert!(check(2, 0, 1).is_err(), "the one before it");
        history.reads[0].controls = vec![Offset(1)..Offset(2)];
        let mut check = |from: i64, first: i64| {
            history.reads[0].from = Offset(from);
            history.reads[0].first_batch = Some((Offset(first), Offset(first)));
            begins_with_its_batch(&history.reads[0])
        };
        assert_eq!(check(1, 2), Ok(()), "a control batch held it");
        assert!(check(1, 3).is_err());
    }

    #[test]
    fn a_high_watermark_that_goes_back_is_found() {
        let mut history = events(&[], &[1, 2]);
        assert_eq!(high_watermarks_stay(&history), Ok(()));
        history.extents.get_mut(&at()).unwrap().end = Offset(1);
        assert!(high_watermarks_stay(&history).is_err());
        history.reads[0].high_watermark = Offset(1);
        assert!(polls_are_contiguous(&history).unwrap_err().contains("beyond"));
    }
}
