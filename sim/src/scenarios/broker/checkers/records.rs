//! Records: an offset has one value for ever, nothing is invented, nothing acknowledged is lost.
use std::collections::BTreeMap;
use std::ops::Range;

use ordain::client::TopicPartition;
use ordain::types::Offset;

use crate::scenarios::broker::history::{Events, Fate, JUDGE, Read, RecordId, Sent};
use crate::scenarios::broker::offset_map::OffsetMap;
use crate::scenarios::broker::plan::{Cleanup, cleanup};
use crate::time::SimTime;

/// What was ever read at each offset.
pub(super) type Values = BTreeMap<TopicPartition, OffsetMap<RecordId>>;

/// All reads of an offset agree (I2), across restarts; what they agree on.
pub(super) fn one_value_per_offset(events: &Events) -> Result<Values, String> {
    values_of(events.reads.iter())
}

/// As [`one_value_per_offset`], of some reads.
fn values_of<'a>(reads: impl Iterator<Item = &'a Read>) -> Result<Values, String> {
    let mut values = Values::new();
    for read in reads {
        if !values.contains_key(&read.at) {
            values.insert(read.at.clone(), OffsetMap::default());
        }
        let known = values.get_mut(&read.at).expect("it was put there");
        for (offset, value) in &read.records {
            let Some(value) = value else {
                return Err(format!("{} {offset} at {}: a value that nobody wrote", read.at, read.time));
            };
            if let Some(other) = known.insert(*offset, *value).filter(|other| other != value) {
                return Err(format!("{} {offset} was {other}, and at {} it is {value}", read.at, read.time));
            }
        }
    }
    Ok(values)
}

/// Each value was sent, and to that partition.
pub(super) fn only_what_was_sent(events: &Events, values: &Values) -> Result<(), String> {
    for (at, values) in values {
        for (offset, id) in values.iter() {
            match events.sent.get(id) {
                Some(sent) if sent.at == *at => {}
                Some(sent) => return Err(format!("{at} {offset} is {id}, which was sent to {}", sent.at)),
                None => return Err(format!("{at} {offset} is {id}, which was never sent")),
            }
        }
    }
    Ok(())
}

/// No partition begins later than deletion was asked for (I13).
pub(super) fn begins_where_deleted(
    events: &Events,
    at: &TopicPartition,
    start: Offset,
) -> Result<(), String> {
    let deleted = events.deleted.get(at).copied().unwrap_or_default();
    if start <= deleted || cleanup(&at.topic) == Cleanup::Retain {
        return Ok(());
    }
    Err(format!("{at} begins at {start}, but was to be deleted before {deleted}"))
}

/// No partition begins earlier than where it was said to have been deleted to before that was asked (I13). A deletion is answered once a
/// majority of the voters has it durably, and each leader takes the starts of a majority before it serves (docs/replication.md, Log start):
/// whoever leads, and whatever disks a partition can do without, it is never undone.
pub(super) fn begins_behind_deletions(
    events: &Events,
    at: &TopicPartition,
    (start, asked): (Offset, SimTime),
) -> Result<(), String> {
    let done = events.deletions_done.iter().filter(|(told, of, _)| *told <= asked && of == at);
    match done.max_by_key(|(.., before)| *before) {
        Some((told, _, before)) if *before > start => {
            Err(format!("{at} begins at {start}, and was deleted before {before}, as was said at {told}"))
        }
        Some(_) | None => Ok(()),
    }
}

/// As they were found at the end.
pub(super) fn deletions_stay(events: &Events, now: SimTime) -> Result<(), String> {
    let mut extents = events.extents.iter();
    extents.try_for_each(|(at, extent)| begins_behind_deletions(events, at, (extent.start, now)))
}

/// As they were found at the end.
pub(super) fn nothing_is_deleted_unasked(events: &Events) -> Result<(), String> {
    events.extents.iter().try_for_each(|(at, extent)| begins_where_deleted(events, at, extent.start))
}

/// What the judge read. It reads all that a partition's extent holds, offset by offset (I8), but for what the broker said that it cannot.
fn last_look(events: &Events) -> impl Iterator<Item = &Read> {
    events.reads.iter().filter(|read| read.reader.reader == JUDGE)
}

/// Each acknowledged record is there (I1), at the offset that was told (I10), unless it was to be deleted, or the
/// disk destroyed its only copy and the broker says so. And no partition has holes. Nobody else's reads make up for what the last look
/// misses.
pub(super) fn nothing_acknowledged_is_lost(events: &Events) -> Result<(), String> {
    let values = values_of(last_look(events))?;
    for (at, extent) in &events.extents {
        let known = values.get(at);
        let reads = last_look(events).filter(|read| read.at == *at);
        let controls: Vec<Range<Offset>> = reads.flat_map(|read| read.controls.iter().cloned()).collect();
        let is_there = |offset: &Offset| {
            known.is_some_and(|known| known.contains_key(offset))
                || controls.iter().any(|control| control.contains(offset))
        };
        let mut offsets = (extent.start.0..extent.end.0).map(Offset);
        let missing = offsets.find(|offset| !is_there(offset) && !is_unreadable(events, at, *offset));
        if let Some(offset) = missing.filter(|_| cleanup(&at.topic) != Cleanup::Compact) {
            return Err(format!(
                "{at} goes from {} to {}, but {offset} is missing",
                extent.start, extent.end
            ));
        }
    }
    events.sent.iter().try_for_each(|(id, sent)| one_is_there(events, &values, *id, sent))
}

fn is_unreadable(events: &Events, at: &TopicPartition, offset: Offset) -> bool {
    events.unreadable.get(at).is_some_and(|lost| lost.iter().any(|lost| lost.contains(&offset)))
}

fn one_is_there(events: &Events, values: &Values, id: RecordId, sent: &Sent) -> Result<(), String> {
    let Fate::Acknowledged(told) = sent.fate else { return Ok(()) };
    if events.down.contains(&sent.at) {
        return Ok(());
    }
    let Some(extent) = events.extents.get(&sent.at) else {
        return Err(format!("nothing is known of {} at the end", sent.at));
    };
    let known = values.get(&sent.at);
    let at = |offset: Offset| known.and_then(|known| known.get(&offset)).copied();
    let found = match told {
        Some(offset) if offset < extent.start || is_unreadable(events, &sent.at, offset) => true,
        Some(offset) if offset >= extent.end => {
            return Err(format!(
                "{id} was acknowledged at {} {offset}, which ends at {}",
                sent.at, extent.end
            ));
        }
        // Compaction may have taken it; whether it might is another checker's.
        Some(offset) if cleanup(&sent.at.topic) == Cleanup::Compact => at(offset).is_none_or(|at| at == id),
        Some(offset) => at(offset) == Some(id),
        // Where it lies was not told; if records are gone, it may have been one of them.
        None => {
            extent.start > Offset(0)
                || events.unreadable.contains_key(&sent.at)
                || cleanup(&sent.at.topic) == Cleanup::Compact
                || known.is_some_and(|known| known.values().any(|value| *value == id))
        }
    };
    if found {
        return Ok(());
    }
    let instead = told.and_then(at);
    Err(format!("{id} was acknowledged in {} at {told:?}, where now is {instead:?}", sent.at))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{at, by_judge, events, id, read};
    use super::*;
    use crate::scenarios::broker::history::Extent;

    fn lost(events: &Events) -> Result<(), String> {
        nothing_acknowledged_is_lost(&by_judge(events.clone()))
    }

    #[test]
    fn an_offset_with_two_values_is_found() {
        let mut events = events(&[0, 1], &[1, 2]);
        events.reads.push(read(2, 1, &[2]));
        assert!(one_value_per_offset(&events).is_ok());
        events.reads.push(read(2, 1, &[1]));
        assert!(one_value_per_offset(&events).unwrap_err().contains("1 was 1/1/2"));
    }

    #[test]
    fn invented_and_strayed_records_are_found() {
        let only = |events: &Events| only_what_was_sent(events, &one_value_per_offset(events)?);
        let mut history = events(&[0], &[1]);
        assert_eq!(only(&history), Ok(()));
        history.sent.get_mut(&id(1)).unwrap().at.topic = "other".to_owned();
        assert!(only(&history).unwrap_err().contains("sent to other-0"));
        assert!(only(&events(&[0], &[1, 2])).unwrap_err().contains("never sent"));
        history.reads[0].records[0].1 = None;
        assert!(only(&history).unwrap_err().contains("nobody wrote"));
    }

    #[test]
    fn a_lost_record_is_found() {
        assert_eq!(lost(&events(&[0, 1], &[1, 2])), Ok(()));
        assert!(lost(&events(&[0, 1], &[1])).unwrap_err().contains("ends at 1"));
        assert!(lost(&events(&[0, 1], &[2, 1])).unwrap_err().contains("where now is"));
        let mut untold = events(&[0, 1], &[1]);
        untold.sent.get_mut(&id(2)).unwrap().fate = Fate::Acknowledged(None);
        assert!(lost(&untold).is_err());
    }

    #[test]
    fn what_somebody_read_before_the_last_look_is_lost_all_the_same() {
        let mut history = by_judge(events(&[0, 1], &[1]));
        history.extents.insert(at(), Extent { start: Offset(0), end: Offset(2) });
        history.reads.push(read(1, 0, &[1, 2]));
        assert!(nothing_acknowledged_is_lost(&history).unwrap_err().contains("1 is missing"));
        let mut other = read(2, 1, &[]);
        other.controls = vec![Offset(1)..Offset(2)];
        history.reads.push(other.clone());
        assert!(nothing_acknowledged_is_lost(&history).unwrap_err().contains("1 is missing"));
        other.reader.reader = JUDGE;
        history.reads.push(other);
        assert!(nothing_acknowledged_is_lost(&history).unwrap_err().contains("where now is None"));
    }

    #[test]
    fn deleted_records_may_be_gone_and_others_not() {
        let mut events = events(&[0, 1], &[1, 2]);
        events.reads = vec![read(1, 1, &[2])];
        events.extents.insert(at(), Extent { start: Offset(1), end: Offset(2) });
        assert!(nothing_is_deleted_unasked(&events).unwrap_err().contains("begins at 1"));
        events.deleted.insert(at(), Offset(1));
        assert_eq!(nothing_is_deleted_unasked(&events), Ok(()));
        assert_eq!(lost(&events), Ok(()));
        events.reads.clear();
        assert!(lost(&events).unwrap_err().contains("1 is missing"));
    }

    #[test]
    fn what_was_said_to_be_deleted_stays_so() {
        let mut events = events(&[], &[1, 2, 3]);
        assert_eq!(deletions_stay(&events, SimTime(9)), Ok(()));
        events.deletions_done = vec![(SimTime(4), at(), Offset(2)), (SimTime(5), at(), Offset(1))];
        assert!(deletions_stay(&events, SimTime(9)).unwrap_err().contains("was deleted before 2"));
        assert_eq!(deletions_stay(&events, SimTime(3)), Ok(()), "nobody had said so");
        events.extents.insert(at(), Extent { start: Offset(2), end: Offset(3) });
        assert_eq!(deletions_stay(&events, SimTime(9)), Ok(()));
        events.deletions_done.push((SimTime(6), TopicPartition::new("events", 1), Offset(3)));
        assert_eq!(deletions_stay(&events, SimTime(9)), Ok(()), "of another partition");
    }

    #[test]
    fn what_is_destroyed_is_excused_and_nothing_else() {
        let mut events = events(&[0, 1], &[1, 2]);
        events.reads = vec![read(1, 1, &[2])];
        assert!(lost(&events).unwrap_err().contains("0 is missing"));
        events.unreadable.insert(at(), vec![Offset(0)..Offset(1)]);
        assert_eq!(lost(&events), Ok(()));
        events.reads.clear();
        assert!(lost(&events).unwrap_err().contains("1 is missing"));
        events.extents.clear();
        assert!(lost(&events).unwrap_err().contains("nothing is known"));
        events.down.insert(at());
        assert_eq!(lost(&events), Ok(()));
    }
}
