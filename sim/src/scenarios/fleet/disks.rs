//! What logs hold on a disk, read back without the node.
use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use ordain::log::{PartitionLog, Read, ReadRequest};
use ordain::types::{NodeId, Offset, PartitionId, Timestamp};
use ordain::wire::batch::{BatchCheck, BatchError, BatchIterator, RecordBatch};

use crate::scenarios::Violation;

/// A log as a disk holds it.
pub(in crate::scenarios) struct Held {
    pub(in crate::scenarios) start: Offset,
    pub(in crate::scenarios) end: Offset,
    /// In the order of their offsets, control batches included. The first may begin before `start`.
    pub(in crate::scenarios) batches: Vec<RecordBatch>,
    /// What stands at each offset, without control batches.
    pub(in crate::scenarios) records: BTreeMap<Offset, Record>,
}

/// A record, but for where it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::scenarios) struct Record {
    pub(in crate::scenarios) key: Option<Bytes>,
    pub(in crate::scenarios) value: Option<Bytes>,
    pub(in crate::scenarios) headers: Vec<(Bytes, Option<Bytes>)>,
    pub(in crate::scenarios) timestamp: Timestamp,
}

/// What a decompressed batch may take here.
const BATCH_BYTES_MAX: usize = 4 << 20;

/// Reads all that a log holds.
///
/// # Errors
/// What cannot be read, and why.
pub(in crate::scenarios) async fn read_log(log: &PartitionLog) -> Result<Held, String> {
    let mut held =
        Held { start: log.log_start(), end: log.log_end(), batches: Vec::new(), records: BTreeMap::new() };
    let whose = log.key().partition;
    let mut at = held.start;
    while at < held.end {
        let request = ReadRequest { offset: at, max_bytes: 1 << 20, up_to: held.end, min_one_batch: true };
        let pieces = match log.read(request).map_err(|error| error.to_string())? {
            Read::Memory(pieces) => pieces,
            Read::Stored(plan) => plan.run().await.map_err(|error| error.to_string())?,
        };
        let bytes: Bytes = pieces.concat().into();
        let mut next = None;
        for batch in BatchIterator::new(bytes, BatchCheck::Verify) {
            let batch = batch.map_err(|error| format!("a batch of {whose} behind {at}: {error}"))?;
            next = Some(batch.header().next_offset());
            held.take(batch).map_err(|error| format!("a batch of {whose} behind {at}: {error}"))?;
        }
        // Compaction may have taken all there was up to the end.
        let Some(next) = next else { break };
        at = next;
    }
    Ok(held)
}

/// Whether compaction may have taken records, or put batches together, on each replica for itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::scenarios) enum Compacted {
    No,
    Maybe,
}

/// Two replicas hold the same from where the later of them begins: records, and, but for compaction, batches, with all that stands in
/// them (I2).
///
/// # Errors
/// Where they differ.
pub(in crate::scenarios) fn same(
    id: PartitionId,
    one: (NodeId, &Held),
    other: (NodeId, &Held),
    compacted: Compacted,
) -> Result<(), Violation> {
    let ((a, one), (b, other)) = (one, other);
    let differ = |what: String| Err(Violation::new("I2-replicas-differ", format!("{id}: {what}")));
    if one.end != other.end {
        return differ(format!("on node {a} it ends at {}, on node {b} at {}", one.end, other.end));
    }
    let start = one.start.max(other.start);
    for (offset, record) in one.records.range(start..) {
        match other.records.get(offset) {
            Some(found) if found == record => {}
            None if compacted == Compacted::Maybe => {}
            found => {
                return differ(format!("at {offset} node {a} holds {record:?}, and node {b} {found:?}"));
            }
        }
    }
    let mut more = other.records.range(start..).filter(|(offset, _)| !one.records.contains_key(offset));
    match more.next() {
        Some((offset, record)) if compacted == Compacted::No => {
            return differ(format!("at {offset} node {b} holds {record:?}, and node {a} nothing"));
        }
        Some(_) | None => {}
    }
    if compacted == Compacted::No
        && let Some((ours, theirs)) = one.first_unlike(other, start)
    {
        let text = |batch: Option<&RecordBatch>| batch.map_or("nothing".to_owned(), |one| format!("{one:?}"));
        let (ours, theirs) = (text(ours), text(theirs));
        return differ(format!(
            "the batches of nodes {a} and {b} differ, and the records in them do not: {ours}, and {theirs}"
        ));
    }
    let (ours, theirs) = (one.newest(start), other.newest(start));
    let keys: BTreeSet<&Bytes> = ours.keys().chain(theirs.keys()).copied().collect();
    for key in keys {
        let (ours, theirs) = (ours.get(key).copied(), theirs.get(key).copied());
        // Of a key that was deleted nothing has to be left.
        let is_deleted = |record: Option<(Offset, bool)>| record.is_none_or(|(_, is_tombstone)| is_tombstone);
        if ours != theirs && !(is_deleted(ours) && is_deleted(theirs)) {
            return differ(format!(
                "the newest record of key {key:?} (offset, is a tombstone) is {ours:?} on node {a}, and {theirs:?} on node {b}"
            ));
        }
    }
    Ok(())
}

impl Held {
    /// Takes the next batch in, and what stands in it.
    fn take(&mut self, batch: RecordBatch) -> Result<(), BatchError> {
        if !batch.header().attributes.is_control() {
            let mut inside = batch.records(BATCH_BYTES_MAX)?;
            while let Some(record) = inside.next() {
                let record = record?;
                let (offset, timestamp) = (inside.offset_of(&record), inside.timestamp_of(&record));
                let headers = record.headers.into_iter().map(|header| (header.key, header.value)).collect();
                let record = Record { key: record.key, value: record.value, headers, timestamp };
                self.records.insert(offset, record);
            }
        }
        self.batches.push(batch);
        Ok(())
    }

    /// The first two batches from an offset on, with what holds it, that are not the same.
    fn first_unlike<'a>(
        &'a self,
        other: &'a Held,
        from: Offset,
    ) -> Option<(Option<&'a RecordBatch>, Option<&'a RecordBatch>)> {
        let behind = |batch: &&RecordBatch| batch.header().next_offset() > from;
        let (mut ours, mut theirs) =
            (self.batches.iter().filter(behind), other.batches.iter().filter(behind));
        loop {
            match (ours.next(), theirs.next()) {
                (None, None) => return None,
                (one, other) if one == other => {}
                unlike => return Some(unlike),
            }
        }
    }

    /// The newest record of each key from an offset on, and whether it is a tombstone: compaction keeps it.
    fn newest(&self, from: Offset) -> BTreeMap<&Bytes, (Offset, bool)> {
        let keyed = self.records.range(from..);
        keyed.filter_map(|(&at, one)| Some((one.key.as_ref()?, (at, one.value.is_none())))).collect()
    }
}

#[cfg(test)]
mod tests {
    use ordain::types::{LeaderEpoch, PartitionIndex, ProducerId, TopicId};
    use ordain::wire::batch::{
        BatchBuilder, BatchKind, BatchOptions, NewRecord, ProducerStamp, RecordHeader,
    };

    use super::*;

    fn held(start: i64, records: &[(i64, &'static str)]) -> Held {
        let record = |value: &'static str| Record {
            key: None,
            value: Some(Bytes::from(value)),
            headers: Vec::new(),
            timestamp: Timestamp(0),
        };
        Held {
            start: Offset(start),
            end: Offset(3),
            batches: Vec::new(),
            records: records.iter().map(|(offset, value)| (Offset(*offset), record(value))).collect(),
        }
    }

    #[test]
    fn replicas_that_differ_are_found() {
        let id = PartitionId { topic: TopicId([5; 16]), index: PartitionIndex(0) };
        let check = |one: &Held, other: &Held, compacted| {
            same(id, (NodeId(1), one), (NodeId(2), other), compacted).map_err(|wrong| wrong.text)
        };
        let all = held(0, &[(0, "a"), (1, "b"), (2, "c")]);
        let other = held(0, &[(0, "a"), (1, "x"), (2, "c")]);
        let less = held(0, &[(0, "a"), (2, "c")]);
        let later = held(2, &[(2, "c")]);
        assert_eq!(check(&all, &all, Compacted::No), Ok(()));
        assert_eq!(check(&all, &later, Compacted::No), Ok(()), "it begins later");
        for compacted in [Compacted::No, Compacted::Maybe] {
            assert!(check(&all, &other, compacted).unwrap_err().contains("at 1 node 1"), "{compacted:?}");
        }
        assert!(check(&all, &less, Compacted::No).unwrap_err().contains("None"));
        assert!(check(&less, &all, Compacted::No).unwrap_err().contains("node 1 nothing"));
        assert_eq!(check(&all, &less, Compacted::Maybe), Ok(()));
        assert_eq!(check(&less, &all, Compacted::Maybe), Ok(()));
        let keyed = |records: &[(i64, Option<&'static str>)]| {
            let keyed = |value: Option<&'static str>| Record {
                key: Some(Bytes::from("k")),
                value: value.map(Bytes::from),
                headers: Vec::new(),
                timestamp: Timestamp(0),
            };
            let records = records.iter().map(|(offset, value)| (Offset(*offset), keyed(*value))).collect();
            Held { records, ..held(0, &[]) }
        };
        let (value, old) = (keyed(&[(0, Some("a")), (2, Some("b"))]), keyed(&[(0, Some("a"))]));
        assert_eq!(check(&value, &keyed(&[(2, Some("b"))]), Compacted::Maybe), Ok(()));
        assert!(check(&value, &old, Compacted::Maybe).unwrap_err().contains("newest record"));
        let (deleted, gone) = (keyed(&[(0, Some("a")), (2, None)]), keyed(&[]));
        assert_eq!(check(&deleted, &gone, Compacted::Maybe), Ok(()));
        assert!(check(&deleted, &old, Compacted::Maybe).unwrap_err().contains("newest record"));
        let mut short = held(0, &[(0, "a"), (1, "b")]);
        short.end = Offset(2);
        assert!(check(&all, &short, Compacted::No).unwrap_err().contains("ends at 3"));
    }

    #[test]
    fn what_each_replica_keeps_of_a_batch_carries_the_same() {
        let id = PartitionId { topic: TopicId([5; 16]), index: PartitionIndex(0) };
        let mut batch = BatchBuilder::new(BatchOptions::plain(1 << 10));
        for (key, timestamp) in [("a", 7), ("b", 3), ("a", 9)] {
            let (key, timestamp) = (Some(key.as_bytes()), Timestamp(timestamp));
            let headers = [RecordHeader { key: Bytes::from("h"), value: None }];
            let record = NewRecord { timestamp, key, value: Some(b"v"), headers: &headers };
            batch.append(record).unwrap();
        }
        let whole = batch.build().into_batch().placed_at(Offset(0), LeaderEpoch(1));
        let records: Vec<_> = whole.records(BATCH_BYTES_MAX).unwrap().map(Result::unwrap).collect();
        let cleaned = |horizon| whole.retaining(&records[1..], horizon).unwrap();
        let of = |batch: &RecordBatch| {
            let mut one = held(0, &[]);
            one.take(batch.clone()).unwrap();
            one
        };
        let check = |one: &Held, other: &Held| {
            same(id, (NodeId(1), one), (NodeId(2), other), Compacted::Maybe).map_err(|wrong| wrong.text)
        };
        let once = of(&cleaned(None));
        for other in [whole.clone(), cleaned(None), cleaned(Some(Timestamp(1_000)))] {
            assert_eq!(check(&once, &of(&other)), Ok(()));
        }
        let spoils: [fn(&mut Record); 2] =
            [|record| record.timestamp = Timestamp(8), |record| record.headers.clear()];
        for spoil in spoils {
            let mut other = of(&whole);
            spoil(other.records.get_mut(&Offset(2)).unwrap());
            assert!(check(&once, &other).unwrap_err().contains("at 2 node 1"));
        }
    }

    #[test]
    fn batches_that_differ_are_found_where_one_log_begins_later() {
        let id = PartitionId { topic: TopicId([5; 16]), index: PartitionIndex(0) };
        let check = |one: &Held, other: &Held, compacted| {
            same(id, (NodeId(1), one), (NodeId(2), other), compacted).map_err(|wrong| wrong.text)
        };
        let logs =
            |start: i64, batches: &[RecordBatch]| Held { batches: batches.to_vec(), ..held(start, &[]) };
        let of = |kind: BatchKind, producer: ProducerStamp, timestamp: i64| {
            let options = BatchOptions { producer, kind, ..BatchOptions::plain(1 << 10) };
            let mut batch = BatchBuilder::new(options);
            let record =
                NewRecord { timestamp: Timestamp(timestamp), key: None, value: Some(b"a"), headers: &[] };
            batch.append(record).unwrap();
            batch.build().into_batch()
        };
        let at = |batch: RecordBatch, offset: i64| batch.placed_at(Offset(offset), LeaderEpoch(1));
        let plain = |offset: i64| at(of(BatchKind::Data, ProducerStamp::NONE, 7), offset);
        let all = [plain(0), plain(1), plain(2)];
        let stamp = ProducerStamp { id: ProducerId(4), ..ProducerStamp::NONE };
        let others = [
            of(BatchKind::Control, ProducerStamp::NONE, 7).placed_at(Offset(2), LeaderEpoch(1)),
            at(of(BatchKind::Data, ProducerStamp::NONE, 8), 2),
            at(of(BatchKind::Data, stamp, 7), 2),
            plain(2).placed_at(Offset(2), LeaderEpoch(2)),
        ];
        for other in others {
            for (start, compacted) in [(0, Compacted::No), (1, Compacted::No), (1, Compacted::Maybe)] {
                let later = logs(start, &[plain(0), plain(1), other.clone()][usize::from(start > 0)..]);
                let found =
                    check(&logs(0, &all), &later, compacted).is_err_and(|text| text.contains("batches"));
                assert_eq!(found, compacted == Compacted::No, "{other:?} from {start} on");
            }
        }
        assert_eq!(check(&logs(0, &all), &logs(1, &all[1..]), Compacted::No), Ok(()));
        assert_eq!(check(&logs(3, &[]), &logs(0, &all), Compacted::No), Ok(()));
        assert!(check(&logs(0, &all), &logs(1, &all[1..2]), Compacted::No).unwrap_err().contains("nothing"));
        let before = [at(of(BatchKind::Data, ProducerStamp::NONE, 8), 0), plain(1), plain(2)];
        assert_eq!(check(&logs(0, &before), &logs(1, &all), Compacted::No), Ok(()), "before the later start");
    }
}
