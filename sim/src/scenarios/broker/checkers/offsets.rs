//! I10: every returned offset is real: never 0 or −1 by accident, never a step back (seen broken in Bufstream and
//! Redpanda #6301). Kafka's ListOffsets: the first record at or after a time, KIP-734's maximum.
use std::collections::BTreeMap;

use ordain::client::TopicPartition;
use ordain::types::Offset;

use crate::scenarios::broker::history::{Events, Fate, Listed, Spec};
use crate::scenarios::broker::offset_map::OffsetMap;
use crate::time::SimTime;

/// Ends and starts never step back; an end lies beyond all that was acknowledged before it was asked for.
pub(super) fn listed_offsets_are_real(events: &Events) -> Result<(), String> {
    let acknowledged = acknowledged(events);
    let asks_for_times = |listed: &Listed| matches!(listed.spec, Spec::At(_) | Spec::MaxTimestamp);
    let times = if events.listed.iter().any(asks_for_times) { times(events) } else { BTreeMap::new() };
    for listed in &events.listed {
        let what =
            |wrong: String| Err(format!("{} {:?} at {}: {wrong}", listed.at, listed.spec, listed.ended));
        let known = acknowledged.get(&listed.at).map_or(&[][..], Vec::as_slice);
        let before = known.iter().take_while(|known| known.time <= listed.began).map(|known| known.offset);
        match (listed.spec, listed.offset) {
            (Spec::Latest, Some(end)) => {
                if let Some(last) = highest_before(known, listed.began).filter(|last| *last >= end) {
                    return what(format!("told {end}, and {last} had been acknowledged"));
                }
            }
            (Spec::Earliest, Some(_)) => {}
            (Spec::Earliest | Spec::Latest, None) => return what("told no offset".to_owned()),
            (Spec::At(time), told) => {
                if let Err(wrong) = first_at_or_after(events, listed, &times, before, time, told) {
                    return what(wrong);
                }
            }
            (Spec::MaxTimestamp, told) => {
                let empty = OffsetMap::default();
                let times = times.get(&listed.at).unwrap_or(&empty);
                if let Some(offset) = told
                    && times.get(&offset).is_some_and(|time| *time != listed.timestamp)
                {
                    return what(format!(
                        "told {offset} with time {}, it has {}",
                        listed.timestamp,
                        time_of(times, offset)
                    ));
                }
                let newest =
                    before.filter(|o| counts(events, listed, *o)).filter_map(|o| times.get(&o)).max();
                if let Some(newest) = newest.filter(|newest| told.is_none() || **newest > listed.timestamp) {
                    return what(format!("told {told:?} with time {}, there was {newest}", listed.timestamp));
                }
            }
        }
    }
    never_a_step_back(events, Spec::Latest)?;
    if events.several_nodes {
        return Ok(());
    }
    never_a_step_back(events, Spec::Earliest)
}

/// Whether an answer must heed the record: nothing took it away until the end, and no deletion had been asked for behind which the
/// answer lies. A leader moves its log's start at once; if the power fails before that is durable, the record is there again.
fn counts(events: &Events, listed: &Listed, offset: Offset) -> bool {
    let Listed { at, offset: told, ended, .. } = listed;
    let stays = events.extents.get(at).is_some_and(|extent| offset >= extent.start && offset < extent.end);
    let was_gone = |(asked, of, before): &(SimTime, TopicPartition, Offset)| {
        asked <= ended && of == at && offset < *before && told.is_none_or(|told| *before <= told)
    };
    stays && !events.deletions.iter().any(was_gone)
}

fn first_at_or_after(
    events: &Events,
    listed: &Listed,
    times: &BTreeMap<TopicPartition, OffsetMap<i64>>,
    before: impl Iterator<Item = Offset>,
    time: i64,
    told: Option<Offset>,
) -> Result<(), String> {
    let Some(times) = times.get(&listed.at) else { return Ok(()) };
    if let Some((offset, found)) = told.and_then(|offset| Some((offset, *times.get(&offset)?)))
        && found < time
    {
        return Err(format!("told {offset}, whose time is {found}"));
    }
    let earlier = before
        .filter(|offset| told.is_none_or(|told| *offset < told) && counts(events, listed, *offset))
        .find(|offset| times.get(offset).is_some_and(|found| *found >= time));
    match earlier {
        Some(offset) => Err(format!("told {told:?}, and {offset} has the time {}", time_of(times, offset))),
        None => Ok(()),
    }
}

/// Of two questions, the later begun after the earlier's answer, the later has no lower answer.
fn never_a_step_back(events: &Events, spec: Spec) -> Result<(), String> {
    let mut by_partition: BTreeMap<&TopicPartition, Vec<&Listed>> = BTreeMap::new();
    for listed in events.listed.iter().filter(|listed| listed.spec == spec) {
        by_partition.entry(&listed.at).or_default().push(listed);
    }
    for (at, mut answers) in by_partition {
        answers.sort_by_key(|listed| listed.ended);
        let mut by_begin = answers.clone();
        by_begin.sort_by_key(|listed| listed.began);
        let (mut next, mut highest) = (0, None);
        for listed in by_begin {
            while answers.get(next).is_some_and(|earlier| earlier.ended <= listed.began) {
                highest = highest.max(answers[next].offset);
                next += 1;
            }
            if listed.offset < highest {
                return Err(format!(
                    "{at} {spec:?} was {highest:?}, and at {} {:?}",
                    listed.ended, listed.offset
                ));
            }
        }
    }
    Ok(())
}

/// An offset that a producer was told, and when.
struct Told {
    offset: Offset,
    time: SimTime,
    /// The highest that was told until then.
    highest: Offset,
}

/// The offsets that producers were told, by when they were.
fn acknowledged(events: &Events) -> BTreeMap<&TopicPartition, Vec<Told>> {
    let mut found: BTreeMap<&TopicPartition, Vec<Told>> = BTreeMap::new();
    for sent in events.sent.values() {
        if let Fate::Acknowledged(Some(offset)) = sent.fate {
            found.entry(&sent.at).or_default().push(Told { offset, time: sent.ended, highest: offset });
        }
    }
    for told in found.values_mut() {
        told.sort_by_key(|told| told.time);
        let mut highest = Offset(i64::MIN);
        for one in told {
            highest = highest.max(one.offset);
            one.highest = highest;
        }
    }
    found
}

/// The highest of these that was told at that time or earlier.
fn highest_before(told: &[Told], time: SimTime) -> Option<Offset> {
    let before = told.partition_point(|told| told.time <= time);
    told[..before].last().map(|told| told.highest)
}

fn time_of(times: &OffsetMap<i64>, offset: Offset) -> i64 {
    times.get(&offset).copied().expect("it was found there")
}

/// The time of each record that was ever read.
fn times(events: &Events) -> BTreeMap<TopicPartition, OffsetMap<i64>> {
    let mut times: BTreeMap<TopicPartition, OffsetMap<i64>> = BTreeMap::new();
    for read in &events.reads {
        if !times.contains_key(&read.at) {
            times.insert(read.at.clone(), OffsetMap::default());
        }
        let known = times.get_mut(&read.at).expect("it was put there");
        for ((offset, _), time) in read.records.iter().zip(&read.times) {
            known.insert(*offset, *time);
        }
    }
    times
}

#[cfg(test)]
mod tests {
    use super::super::testing::{at, events};
    use super::*;

    fn listed(spec: Spec, offset: Option<i64>, timestamp: i64, began: u64) -> Listed {
        let (began, ended) = (SimTime(began), SimTime(began + 1));
        Listed { at: at(), spec, offset: offset.map(Offset), timestamp, began, ended }
    }

    /// Three records with the times 10, 30 and 20.
    fn check(all: Vec<Listed>) -> Result<(), String> {
        let mut events = events(&[0, 1, 2], &[1, 2, 3]);
        events.reads[0].times = vec![10, 30, 20];
        events.listed = all;
        listed_offsets_are_real(&events)
    }

    #[test]
    fn ends_that_lie_are_found() {
        assert_eq!(
            check(vec![listed(Spec::Latest, Some(3), -1, 5), listed(Spec::Earliest, Some(0), -1, 5)]),
            Ok(())
        );
        assert!(
            check(vec![listed(Spec::Latest, Some(2), -1, 5)]).unwrap_err().contains("had been acknowledged")
        );
        assert!(check(vec![listed(Spec::Latest, None, -1, 5)]).unwrap_err().contains("no offset"));
        let back = vec![listed(Spec::Earliest, Some(2), -1, 5), listed(Spec::Earliest, Some(1), -1, 9)];
        assert!(check(back).unwrap_err().contains("was Some"));
        let at_once = vec![listed(Spec::Earliest, Some(2), -1, 5), listed(Spec::Earliest, Some(1), -1, 5)];
        assert_eq!(check(at_once), Ok(()));
    }

    #[test]
    fn a_deletion_that_came_to_nothing_may_have_held_for_a_while() {
        let check = |asked, before, (spec, told, timestamp)| {
            let mut events = events(&[0, 1, 2], &[1, 2, 3]);
            events.reads[0].times = vec![10, 30, 20];
            events.deletions = vec![(SimTime(asked), at(), Offset(before))];
            events.listed = vec![listed(spec, told, timestamp, 5)];
            listed_offsets_are_real(&events)
        };
        assert_eq!(check(4, 1, (Spec::At(5), Some(1), 30)), Ok(()));
        assert_eq!(check(4, 3, (Spec::At(5), None, -1)), Ok(()));
        assert_eq!(check(4, 2, (Spec::MaxTimestamp, Some(2), 20)), Ok(()));
        assert!(check(7, 1, (Spec::At(5), Some(1), 30)).is_err(), "asked for later");
        assert!(check(4, 1, (Spec::At(5), Some(2), 20)).is_err(), "what is behind it stays");
        assert!(check(4, 2, (Spec::At(5), Some(1), 30)).is_err(), "what was told would be gone, too");
    }

    #[test]
    fn wrong_answers_to_times_are_found() {
        let by_time = |time, offset| check(vec![listed(Spec::At(time), offset, time, 5)]);
        assert_eq!(by_time(5, Some(0)), Ok(()));
        assert_eq!(by_time(11, Some(1)), Ok(()));
        assert_eq!(by_time(31, None), Ok(()));
        assert!(by_time(11, Some(2)).unwrap_err().contains("1 has the time 30"), "a later one");
        assert!(by_time(11, Some(0)).unwrap_err().contains("whose time is 10"));
        assert!(by_time(11, None).is_err(), "none though there is one");
        assert_eq!(check(vec![listed(Spec::MaxTimestamp, Some(1), 30, 5)]), Ok(()));
        assert!(
            check(vec![listed(Spec::MaxTimestamp, Some(2), 20, 5)]).unwrap_err().contains("there was 30")
        );
        assert!(check(vec![listed(Spec::MaxTimestamp, Some(2), 30, 5)]).unwrap_err().contains("it has 20"));
        assert!(check(vec![listed(Spec::MaxTimestamp, None, -1, 5)]).is_err());
    }
}
