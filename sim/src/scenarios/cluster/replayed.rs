//! State = replay (I11), when all is over: what the disks hold makes what the nodes had in memory while they ran.
//!
//! Metadata: each snapshot is what was shown where it ends, and the log, from where it begins in one of them, makes what was shown behind
//! that, at each place where somebody's image ended. Groups: each replica's log, compacted or not, makes what coordinators handed to it.
use std::collections::BTreeMap;
use std::slice;

use bytes::Bytes;
use ordain::coordinator::group::Durable;
use ordain::coordinator::group::codec::{self, DecodedRecord};
use ordain::metadata::controller::{LogReader, METADATA_PARTITION};
use ordain::metadata::{MetadataImage, decode_snapshot};
use ordain::types::{NodeId, Offset, PartitionId};

use super::snapshots;
use crate::scenarios::Violation;
use crate::scenarios::broker::plan::OFFSETS_TOPIC;
use crate::scenarios::fleet::disks::Held;
use crate::scenarios::fleet::{Fleet, StateWatch};

/// Holds what was read back from all disks against what was shown.
///
/// # Errors
/// What is not the same.
pub(super) fn is_what_was_shown(
    states: &StateWatch,
    fleet: &Fleet,
    image: &MetadataImage,
    held: &BTreeMap<(PartitionId, NodeId), Held>,
) -> Result<(), Violation> {
    let snapshots = all_snapshots(states, fleet)?;
    let logs = held.iter().filter(|((id, _), _)| *id == METADATA_PARTITION);
    let logs: Vec<(NodeId, &Held)> = logs.map(|((_, node), log)| (*node, log)).collect();
    // They are the same from where the latest begins, as was seen before, and end at one place: what goes on from a snapshot in the latest
    // does so in the others, too.
    if let Some(&(node, log)) = logs.iter().min_by_key(|(_, log)| log.start) {
        let are_all_weak = logs.iter().all(|(node, _)| fleet.weak_disk(*node).is_some());
        metadata(states, node, log, (snapshots, are_all_weak))?;
    }
    let name = |id: &PartitionId| image.topic_by_id(id.topic).map_or("", |topic| &topic.name);
    for ((id, node), log) in held.iter().filter(|((id, _), _)| name(id) == OFFSETS_TOPIC) {
        let what = format!("the log of {id} on the disk of node {node}");
        let found = groups(log).map_err(|why| wrong("I11-groups-not-replayed", &what, why))?;
        states.may_hold(&what, *id, &found)?;
    }
    Ok(())
}

fn wrong(checker: &'static str, what: &str, why: String) -> Violation {
    Violation::new(checker, format!("{what}: {why}"))
}

/// The snapshots on all disks by where they end; each makes what was shown there.
fn all_snapshots(states: &StateWatch, fleet: &Fleet) -> Result<BTreeMap<Offset, MetadataImage>, Violation> {
    let mut all = BTreeMap::new();
    for (node, machine) in fleet.nodes() {
        let disk = machine.disk();
        let is_weak = fleet.weak_disk(node).is_some();
        for (path, id) in snapshots::named(machine) {
            let what = format!("{path} on the disk of node {node}");
            let bytes = match disk.peek(&path) {
                Ok(bytes) => bytes,
                Err(_) if is_weak => continue,
                Err(error) => return Err(wrong("I11-metadata-not-replayed", &what, error.to_string())),
            };
            match decode_snapshot(&Bytes::from(bytes), id) {
                Ok(image) => {
                    states.is_shown(&what, id.end, &image)?;
                    all.insert(id.end, image);
                }
                // A weak disk has destroyed it, and the others have what it stands for. Nothing else may: it has its name only when all of
                // it is durable.
                Err(invalid) if invalid.is_damage() && is_weak => {}
                Err(invalid) => return Err(wrong("I11-metadata-not-replayed", &what, invalid.to_string())),
            }
        }
    }
    Ok(all)
}

/// The metadata log makes what was shown, from where it begins in a snapshot, or with nothing. There is no such snapshot only where all disks
/// that hold the log are weak.
fn metadata(
    states: &StateWatch,
    node: NodeId,
    log: &Held,
    (snapshots, are_all_weak): (BTreeMap<Offset, MetadataImage>, bool),
) -> Result<(), Violation> {
    let whole = (log.start == Offset::ZERO).then(|| (Offset::ZERO, MetadataImage::default()));
    let within = |end: &Offset| (log.start..=log.end).contains(end);
    let base = whole.or_else(|| snapshots.into_iter().find(|(end, _)| within(end)));
    let what = format!("the log on the disk of node {node}");
    let not_replayed = |why: String| wrong("I11-metadata-not-replayed", &what, why);
    let Some((from, mut image)) = base else {
        if are_all_weak {
            return Ok(());
        }
        let (start, end) = (log.start, log.end);
        return Err(not_replayed(format!(
            "it begins at {start} and ends at {end}, and no snapshot on any disk ends within it"
        )));
    };
    let mut shown = states.shown_between(from, log.end);
    let mut reader = LogReader::at(from);
    for batch in log.batches.iter().filter(|batch| batch.header().base_offset >= from) {
        let read = reader.read(slice::from_ref(batch), &mut image);
        read.map_err(|error| not_replayed(error.to_string()))?;
        let end = reader.end();
        // What several nodes have shown alike is not made again at each place, for time's sake, though the second may have had it from the
        // first one's snapshot: what is wrong there is wrong in what follows, too, up to the end.
        if shown.remove(&end) == Some(false) || end == log.end {
            states.is_shown(&what, end, &image)?;
        }
    }
    match shown.keys().next() {
        None => Ok(()),
        Some(end) => {
            Err(not_replayed(format!("a node has shown what goes up to {end}, where no change ends")))
        }
    }
}

/// What a log makes of groups and offsets, as a coordinator that loads it has them.
fn groups(log: &Held) -> Result<Durable, String> {
    let mut found = Durable::default();
    for (offset, record) in log.records.range(log.start..) {
        let key = record.key.clone().ok_or_else(|| format!("the record at {offset} has no key"))?;
        match codec::decode(key, record.value.clone()) {
            Ok(DecodedRecord::Ours(record)) => found.apply(&record),
            Ok(DecodedRecord::Foreign { .. }) => {}
            Err(error) => return Err(format!("the record at {offset} cannot be read: {error}")),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ordain::coordinator::group::{GroupId, GroupMetadata, GroupRecord, ProtocolType};
    use ordain::probe::{Made, StateStep};
    use ordain::types::{LeaderEpoch, Timestamp, TopicId};
    use ordain::wire::MetadataRecord;
    use ordain::wire::batch::{BatchBuilder, BatchOptions, NewRecord, RecordBatch};
    use ordain::wire::messages::{BeginTransactionRecord, EndTransactionRecord, TopicRecord};

    use super::*;
    use crate::scenarios::fleet::disks::Record;
    use crate::time::SimTime;

    fn topic(number: u8) -> MetadataRecord {
        let (name, topic_id) = (format!("topic-{number}").into(), TopicId([number; 16]));
        TopicRecord { name, topic_id, ..TopicRecord::default() }.into()
    }

    /// A log that begins at an offset with these batches.
    fn log(start: i64, all: &[&[MetadataRecord]]) -> Held {
        let mut end = start;
        let mut batches: Vec<RecordBatch> = Vec::new();
        for records in all {
            let mut builder = BatchBuilder::new(BatchOptions::plain(10_000));
            for record in *records {
                let value = record.encode().expect("it is written");
                let record =
                    NewRecord { timestamp: Timestamp(0), key: None, value: Some(&value), headers: &[] };
                builder.append(record).expect("there is room");
            }
            batches.push(builder.build().into_batch().placed_at(Offset(end), LeaderEpoch(1)));
            end += i64::try_from(records.len()).expect("a few");
        }
        Held { start: Offset(start), end: Offset(end), batches, records: BTreeMap::new() }
    }

    fn image(topics: &[u8]) -> MetadataImage {
        let mut image = MetadataImage::default();
        topics.iter().for_each(|&number| image.apply(&topic(number)).expect("it fits"));
        image
    }

    /// What one node has shown: up to where, with these topics.
    fn shown(all: &[(i64, &[u8])]) -> StateWatch {
        let states = StateWatch::default();
        for (end, topics) in all {
            let made = Made::Image { end: *end, state: Arc::new(image(topics)) };
            let partition = (METADATA_PARTITION.topic.0, METADATA_PARTITION.index.0);
            let step = StateStep { partition, node: 1, made };
            states.look(SimTime(1), step).expect("nobody has shown another");
        }
        states
    }

    fn check(states: &StateWatch, log: &Held, snapshots: &[(i64, &[u8])]) -> Result<(), String> {
        let snapshots = snapshots.iter().map(|(end, topics)| (Offset(*end), image(topics))).collect();
        metadata(states, NodeId(2), log, (snapshots, false)).map_err(|wrong| wrong.text)
    }

    #[test]
    fn what_the_log_makes_was_shown_at_each_place() {
        let log_of_three = log(0, &[&[topic(1)], &[topic(2)], &[topic(3)]]);
        let right: &[(i64, &[u8])] = &[(0, &[]), (1, &[1]), (2, &[1, 2]), (3, &[1, 2, 3])];
        assert_eq!(check(&shown(right), &log_of_three, &[]), Ok(()));
        assert_eq!(check(&shown(&right[..3]), &log_of_three, &[]), Ok(()), "nobody came to the last");
        let others: [&[(i64, &[u8])]; 2] = [&[(2, &[1, 3])], &[(3, &[1, 2])]];
        for other in others {
            let found = check(&shown(other), &log_of_three, &[]).unwrap_err();
            assert!(found.contains("the log on the disk of node 2 makes"), "{found}");
        }
        let two_at_once = log(0, &[&[topic(1), topic(2)], &[topic(3)]]);
        let found = check(&shown(right), &two_at_once, &[]).unwrap_err();
        assert!(found.contains("up to 1, where no change ends"), "{found}");
    }

    #[test]
    fn a_change_that_is_under_way_is_not_shown() {
        let (begin, end) = (BeginTransactionRecord::default().into(), EndTransactionRecord::default().into());
        let log = log(0, &[&[topic(1), begin, topic(2)], &[topic(3), end]]);
        assert_eq!(check(&shown(&[(1, &[1]), (5, &[1, 2, 3])]), &log, &[]), Ok(()));
        assert!(check(&shown(&[(3, &[1, 2])]), &log, &[]).unwrap_err().contains("no change ends"));
    }

    #[test]
    fn a_log_that_begins_later_goes_on_from_a_snapshot() {
        let log = log(1, &[&[topic(2)], &[topic(3)]]);
        let right = shown(&[(1, &[1]), (2, &[1, 2]), (3, &[1, 2, 3])]);
        assert_eq!(check(&right, &log, &[(0, &[]), (2, &[1, 2])]), Ok(()));
        assert!(check(&right, &log, &[(2, &[1])]).unwrap_err().contains("up to 3"), "it says less");
        let too_old: [&[(i64, &[u8])]; 2] = [&[], &[(0, &[])]];
        for snapshots in too_old {
            let found = check(&right, &log, snapshots).unwrap_err();
            assert!(found.contains("it begins at 1 and ends at 3, and no snapshot"), "{found}");
        }
        let on_weak_disks = metadata(&right, NodeId(2), &log, (BTreeMap::new(), true));
        assert!(on_weak_disks.is_ok(), "they have destroyed what there was to begin with");
    }

    #[test]
    fn groups_are_read_as_a_coordinator_loads_them() {
        let metadata = |generation| GroupMetadata {
            protocol_type: ProtocolType::from("consumer"),
            generation,
            protocol: None,
            leader: None,
            current_state_timestamp: None,
            members: Vec::new(),
        };
        let records = [Some(metadata(1)), Some(metadata(2)), None]
            .map(|value| GroupRecord::GroupMetadata { group: GroupId::from("g"), value });
        let held = |from: usize, to: usize| {
            let stored = |(offset, record): (i64, &GroupRecord)| {
                let encoded = codec::encode(record).expect("it is written");
                let (key, value) = (Some(encoded.key), encoded.value);
                let record = Record { key, value, headers: Vec::new(), timestamp: Timestamp(0) };
                (Offset(offset), record)
            };
            let records = (0..).zip(&records[..to]).map(stored).collect();
            let start = Offset(i64::try_from(from).expect("a few"));
            Held { start, end: Offset(3), batches: Vec::new(), records }
        };
        let found = |from, to| groups(&held(from, to)).expect("it is readable");
        assert_eq!(found(0, 2).metadata(&GroupId::from("g")), Some(&metadata(2)));
        assert_eq!(found(0, 3).group_count(), 0);
        assert_eq!(found(2, 2).group_count(), 0, "what comes before the start is deleted");
        let mut torn = held(0, 2);
        torn.records.get_mut(&Offset(1)).expect("it is there").key = None;
        assert!(groups(&torn).unwrap_err().contains("the record at 1"));
    }
}
