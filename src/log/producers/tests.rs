use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::types::LeaderEpoch;
use crate::wire::batch::{Attributes, MAGIC, TransactionResult, sequence_plus};

const LIMITS: ProducerLimits = ProducerLimits { producers_max: 100, expiration_ms: 1000 };

/// A batch of `records` records of a producer, at `base`.
#[derive(Clone, Copy, Debug)]
struct Sent {
    id: i64,
    epoch: i16,
    sequence: i32,
    records: i32,
}

impl Sent {
    fn at(self, base: i64) -> BatchHeader {
        BatchHeader {
            base_offset: Offset(base),
            batch_length: 49,
            partition_leader_epoch: LeaderEpoch(0),
            magic: MAGIC,
            crc: 0,
            attributes: Attributes::default(),
            last_offset_delta: self.records - 1,
            base_timestamp: Timestamp(base),
            max_timestamp: Timestamp(base),
            producer_id: ProducerId(self.id),
            producer_epoch: ProducerEpoch(self.epoch),
            base_sequence: self.sequence,
            record_count: self.records,
        }
    }
}

fn sent(id: i64, epoch: i16, sequence: i32, records: i32) -> Sent {
    Sent { id, epoch, sequence, records }
}

/// Checks and applies; the base offset is the state's end.
fn append(producers: &mut Producers, batch: Sent) -> Result<Decision, ProducerError> {
    let header = batch.at(producers.end_offset().0);
    let decision = producers.check(&header)?;
    if decision == Decision::Append {
        producers.apply(&header);
        producers.assert_invariants();
    }
    Ok(decision)
}

fn appended(producers: &mut Producers, batch: Sent) {
    assert_eq!(append(producers, batch), Ok(Decision::Append), "{batch:?}");
}

fn empty() -> Producers {
    Producers::new(LIMITS, Offset::ZERO)
}

#[test]
fn a_repetition_is_answered_with_the_original() {
    let mut producers = empty();
    for batch in 0..6 {
        appended(&mut producers, sent(1, 0, batch * 10, 10));
    }
    for batch in 1..6 {
        let again = append(&mut producers, sent(1, 0, batch * 10, 10));
        let Ok(Decision::Duplicate(original)) = again else { panic!("{again:?}") };
        assert_eq!(original.base_offset(), Offset(i64::from(batch) * 10));
        assert_eq!(original.last_offset, Offset(i64::from(batch) * 10 + 9));
        assert_eq!(original.timestamp, Timestamp(i64::from(batch) * 10));
    }
    // The sixth last is forgotten, and a part of a batch is no repetition.
    for batch in [sent(1, 0, 0, 10), sent(1, 0, 50, 9), sent(1, 0, 45, 10)] {
        let error = ProducerError::OutOfOrder { producer_id: ProducerId(1), last: 59, found: batch.sequence };
        assert_eq!(append(&mut producers, batch), Err(error));
    }
    assert_eq!(producers.end_offset(), Offset(60));
}

#[test]
fn gaps_are_refused_and_an_unknown_producer_begins_anywhere() {
    let mut producers = empty();
    appended(&mut producers, sent(1, 0, 77, 3));
    let error = ProducerError::OutOfOrder { producer_id: ProducerId(1), last: 79, found: 81 };
    assert_eq!(append(&mut producers, sent(1, 0, 81, 1)), Err(error));
    appended(&mut producers, sent(1, 0, 80, 1));
}

#[test]
fn sequences_wrap_after_the_greatest() {
    let mut producers = empty();
    appended(&mut producers, sent(1, 0, i32::MAX - 1, 2));
    let error = ProducerError::OutOfOrder { producer_id: ProducerId(1), last: i32::MAX, found: 1 };
    assert_eq!(append(&mut producers, sent(1, 0, 1, 1)), Err(error));
    appended(&mut producers, sent(1, 0, 0, 5));
    // A batch may wrap in its middle.
    let mut producers = empty();
    appended(&mut producers, sent(1, 0, i32::MAX - 1, 4));
    let again = append(&mut producers, sent(1, 0, i32::MAX - 1, 4));
    let Ok(Decision::Duplicate(original)) = again else { panic!("{again:?}") };
    assert_eq!((original.first_sequence(), original.last_sequence), (i32::MAX - 1, 1));
    appended(&mut producers, sent(1, 0, 2, 1));
}

#[test]
fn epochs_fence_and_begin_anew() {
    let mut producers = empty();
    appended(&mut producers, sent(1, 4, 0, 3));
    let (producer_id, current) = (ProducerId(1), ProducerEpoch(4));
    let fenced = ProducerError::FencedEpoch { producer_id, epoch: ProducerEpoch(3), current };
    assert_eq!(append(&mut producers, sent(1, 3, 3, 1)), Err(fenced));
    let new = ProducerError::NewEpoch { producer_id, epoch: ProducerEpoch(5), found: 3 };
    assert_eq!(append(&mut producers, sent(1, 5, 3, 1)), Err(new));
    appended(&mut producers, sent(1, 5, 0, 3));
    // The old epoch's batch is fenced, not taken for a repetition.
    let fenced = ProducerError::FencedEpoch { producer_id, epoch: current, current: ProducerEpoch(5) };
    assert_eq!(append(&mut producers, sent(1, 4, 0, 3)), Err(fenced));
}

#[test]
fn a_replica_takes_what_its_leader_took() {
    let mut producers = empty();
    producers.apply(&sent(1, 4, 0, 3).at(0));
    producers.apply(&sent(1, 3, 9, 1).at(3));
    producers.apply(&sent(-1, -1, -1, 5).at(10));
    producers.assert_invariants();
    assert_eq!(producers.end_offset(), Offset(15));
    let entry = producers.get(ProducerId(1)).expect("known");
    assert_eq!((entry.epoch(), entry.last_sequence()), (ProducerEpoch(3), 9));
    assert_eq!(producers.get(ProducerId::NONE), None);
}

#[test]
fn idle_producers_expire() {
    let mut producers = empty();
    appended(&mut producers, sent(1, 0, 0, 1));
    appended(&mut producers, sent(2, 0, 0, 500));
    appended(&mut producers, sent(3, 0, 0, 1));
    // Timestamps are the base offsets: 0, 1 and 501.
    assert_eq!(producers.expire(Timestamp(999)), 0);
    assert_eq!(producers.expire(Timestamp(1001)), 2);
    producers.assert_invariants();
    assert_eq!(producers.iter().map(|(id, _)| id).collect::<Vec<_>>(), [ProducerId(3)]);
}

#[test]
fn the_least_recent_writer_is_evicted() {
    let mut producers = Producers::new(ProducerLimits { producers_max: 3, ..LIMITS }, Offset::ZERO);
    for id in [1, 2, 3] {
        appended(&mut producers, sent(id, 0, 0, 1));
    }
    appended(&mut producers, sent(1, 0, 1, 1));
    appended(&mut producers, sent(4, 0, 0, 1));
    let ids: Vec<i64> = producers.iter().map(|(id, _)| id.0).collect();
    assert_eq!(ids, [1, 3, 4]);
}

fn marker(id: i64, epoch: i16, coordinator_epoch: i32, base: i64) -> RecordBatch {
    let marker = EndMarker { result: TransactionResult::Abort, coordinator_epoch };
    let batch = marker.batch(ProducerId(id), ProducerEpoch(epoch), Timestamp(base)).into_batch();
    batch.placed_at(Offset(base), LeaderEpoch(0))
}

fn transactional(mut header: BatchHeader) -> BatchHeader {
    header.attributes = header.attributes.with_transactional();
    header
}

#[test]
fn a_marker_ends_the_transaction_and_keeps_the_sequence() {
    let mut producers = Producers::new(ProducerLimits { producers_max: 1, ..LIMITS }, Offset::ZERO);
    let first = transactional(sent(7, 0, 0, 2).at(0));
    assert_eq!(producers.check(&first), Ok(Decision::Append));
    producers.apply(&first);
    producers.apply(&transactional(sent(7, 0, 2, 2).at(2)));
    producers.assert_invariants();
    assert_eq!(producers.expire(Timestamp(i64::MAX)), 0, "an open transaction does not expire");
    let outside = ProducerError::OutsideTransaction { producer_id: ProducerId(7), first_offset: Offset(0) };
    assert_eq!(producers.check(&sent(7, 0, 4, 1).at(4)), Err(outside));
    let many = ProducerError::TooMany { producer_id: ProducerId(8), producers: 1 };
    assert_eq!(producers.check(&sent(8, 0, 0, 1).at(4)), Err(many));

    let restored = Producers::restore(LIMITS, &producers.snapshot()).expect("reads back");
    assert_eq!(restored.get(ProducerId(7)), producers.get(ProducerId(7)));

    let ended = producers.replay(&marker(7, 0, 3, 4)).expect("readable").expect("a transaction was open");
    assert_eq!((ended.first_offset, ended.last_offset), (Offset(0), Offset(4)));
    assert_eq!(ended.marker, EndMarker { result: TransactionResult::Abort, coordinator_epoch: 3 });
    producers.assert_invariants();
    let entry = producers.get(ProducerId(7)).expect("known");
    assert_eq!((entry.last_sequence(), entry.coordinator_epoch()), (3, 3));
    assert_eq!(entry.transaction_first_offset(), None);
    // A marker of the next epoch, as version 2 of transactions writes it, begins the sequences anew.
    assert_eq!(producers.replay(&marker(7, 1, 3, 5)).expect("readable"), None);
    assert_eq!(producers.get(ProducerId(7)).expect("known").last_sequence(), -1);
    appended(&mut producers, sent(7, 1, 0, 1));
}

#[test]
fn the_snapshot_is_the_documents_to_the_byte() {
    let mut producers = Producers::new(LIMITS, Offset(0x100));
    producers.apply(&sent(5, 2, 3, 4).at(0x100));
    let bytes = producers.snapshot();
    let expected: &[u8] = &[
        0, 1, // version
        0, 0, 0, 0, 0, 0, 1, 4, // end offset
        0, 0, 0, 1, // producers
        0, 0, 0, 0, 0, 0, 0, 5, // id
        0, 2, // epoch
        0, 0, 0, 0, 0, 0, 1, 0, // last timestamp
        0, 0, 0, 0, 0, 0, 1, 3, // last write
        255, 255, 255, 255, // coordinator epoch
        255, 255, 255, 255, 255, 255, 255, 255, // transaction
        1,   // batches
        0, 0, 0, 6, // last sequence
        0, 0, 0, 0, 0, 0, 1, 3, // last offset
        0, 0, 0, 3, // offset delta
        0, 0, 0, 0, 0, 0, 1, 0, // timestamp
    ];
    assert_eq!(&bytes[4..], expected);
    assert_eq!(Producers::restore(LIMITS, &bytes), Ok(producers));
}

/// The bytes with a right CRC, so that a change reaches what lies behind it.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let crc = crate::wire::batch::crc32c(&bytes[4..]);
    bytes[..4].copy_from_slice(&crc.to_be_bytes());
    bytes
}

#[test]
fn a_damaged_snapshot_is_refused() {
    let mut producers = empty();
    appended(&mut producers, sent(5, 2, 3, 4));
    appended(&mut producers, sent(6, 0, 0, 1));
    let good = producers.snapshot().to_vec();
    for at in 0..good.len() {
        let mut flipped = good.clone();
        flipped[at] ^= 4;
        let error = Producers::restore(LIMITS, &flipped).expect_err("flipped");
        assert!(matches!(error, SnapshotError::Crc { .. }), "{at}: {error}");
        assert!(Producers::restore(LIMITS, &good[..at]).is_err(), "cut at {at}");
        if at >= 4 {
            let cut = sealed(good[..at].to_vec());
            let error = Producers::restore(LIMITS, &cut).expect_err("cut");
            assert!(matches!(error, SnapshotError::Truncated { .. }), "{at}: {error}");
        }
    }
    let mut version = good.clone();
    version[5] = 2;
    let error = Producers::restore(LIMITS, &sealed(version));
    assert_eq!(error, Err(SnapshotError::Version { version: 2 }));
    let longer = sealed([&good[..], &[0]].concat());
    assert_eq!(Producers::restore(LIMITS, &longer), Err(SnapshotError::TrailingBytes { extra_bytes: 1 }));
    let mut order = good;
    order[25] = 9; // the first id, beyond the second
    let error = Producers::restore(LIMITS, &sealed(order));
    assert_eq!(error, Err(SnapshotError::Field { field: "producer id", value: 6 }));
}

/// The naive model: everything a producer ever wrote, in order.
#[derive(Default)]
struct Model {
    written: BTreeMap<i64, Vec<(i16, i32, i32, i64)>>,
    end: i64,
}

#[derive(PartialEq, Eq, Debug)]
enum Answer {
    Appended,
    Duplicate(i64),
    Fenced,
    Refused,
}

impl Model {
    fn append(&mut self, batch: Sent) -> Answer {
        let all = self.written.entry(batch.id).or_default();
        if let Some(&(epoch, first, records, _)) = all.last() {
            let of_epoch = all.iter().rev().take_while(|b| b.0 == epoch);
            for &(_, first, records, base) in of_epoch.take(5) {
                if (batch.epoch, batch.sequence, batch.records) == (epoch, first, records) {
                    return Answer::Duplicate(base);
                }
            }
            if batch.epoch < epoch {
                return Answer::Fenced;
            }
            let due = if batch.epoch == epoch { sequence_plus(first, records) } else { 0 };
            if batch.sequence != due {
                return Answer::Refused;
            }
        }
        all.push((batch.epoch, batch.sequence, batch.records, self.end));
        self.end += i64::from(batch.records);
        Answer::Appended
    }
}

fn batches() -> impl Strategy<Value = Vec<Sent>> {
    // Near the wrap, with few ids and epochs, so that repetitions and successors are common.
    let sequence = prop_oneof![0..6i32, Just(i32::MAX - 1), Just(i32::MAX)];
    let batch = (1..4i64, 0..3i16, sequence, 1..3i32);
    let batch = batch.prop_map(|(id, epoch, sequence, records)| sent(id, epoch, sequence, records));
    proptest::collection::vec(batch, 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::log::testing::cases(200)))]

    #[test]
    fn decisions_are_the_models(batches in batches(), restart in 0usize..120) {
        let mut model = Model::default();
        let mut producers = empty();
        for (i, batch) in batches.into_iter().enumerate() {
            if i == restart {
                producers = Producers::restore(LIMITS, &producers.snapshot()).expect("reads back");
            }
            let answer = match append(&mut producers, batch) {
                Ok(Decision::Append) => Answer::Appended,
                Ok(Decision::Duplicate(original)) => Answer::Duplicate(original.base_offset().0),
                Err(ProducerError::FencedEpoch { .. }) => Answer::Fenced,
                Err(_) => Answer::Refused,
            };
            prop_assert_eq!(model.append(batch), answer);
            prop_assert_eq!(producers.end_offset().0, model.end);
        }
        let snapshot = producers.snapshot();
        prop_assert_eq!(Producers::restore(LIMITS, &snapshot), Ok(producers));
    }

    #[test]
    fn snapshot_and_replay_give_the_whole_state(batches in batches(), cut in 0usize..120) {
        let mut whole = empty();
        let mut log = Vec::new();
        for batch in batches {
            let header = batch.at(whole.end_offset().0);
            if whole.check(&header) == Ok(Decision::Append) {
                whole.apply(&header);
                log.push(header);
            }
        }
        let cut = cut.min(log.len());
        let mut before = empty();
        log[..cut].iter().for_each(|header| before.apply(header));
        let mut after = Producers::restore(LIMITS, &before.snapshot()).expect("reads back");
        log[cut..].iter().for_each(|header| after.apply(header));
        prop_assert_eq!(after, whole);
    }

    /// A follower that is reset to the leader's log start: what the leader still knows of the state there, and all
    /// batches from there on, the first perhaps from its middle.
    #[test]
    fn the_state_before_the_start_and_the_log_from_there_give_the_whole_state(
        batches in batches(),
        kinds in proptest::collection::vec((any::<u8>(), 0..3_i32), 120),
        cut in 0usize..120,
        inside in 0..3_i64,
    ) {
        let mut whole = empty();
        let mut log: Vec<RecordBatch> = Vec::new();
        for (batch, (kind, coordinator_epoch)) in batches.into_iter().zip(kinds) {
            let base = whole.end_offset().0;
            let entry = if kind % 4 == 0 {
                marker(batch.id, batch.epoch, coordinator_epoch, base)
            } else {
                let header = batch.at(base);
                let header = if kind % 2 == 0 { transactional(header) } else { header };
                if batch.id < 0 || whole.check(&header) != Ok(Decision::Append) {
                    continue;
                }
                RecordBatch::new(header, &Bytes::from_static(&[0; 61]))
            };
            whole.replay(&entry).expect("markers are whole");
            log.push(entry);
        }
        let cut = cut.min(log.len());
        let next = log.get(cut).map_or(whole.end_offset(), |batch| batch.header().base_offset);
        let last = log.get(cut).map_or(next, |batch| batch.header().last_offset());
        let start = next.plus(inside).min(last);
        let snapshot = whole.before(start).snapshot();
        let mut after = Producers::restore(LIMITS, &snapshot).expect("it is a snapshot");
        after.assert_invariants();
        prop_assert_eq!(after.end_offset(), start);
        for batch in &log[cut..] {
            after.replay(batch).expect("markers are whole");
        }
        prop_assert_eq!(after, whole);
    }

    #[test]
    fn foreign_snapshots_never_panic(
        changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 0..8),
        seal in any::<bool>(),
    ) {
        let mut producers = empty();
        appended(&mut producers, sent(5, 2, 3, 4));
        appended(&mut producers, sent(6, 0, 0, 1));
        let mut bytes = producers.snapshot().to_vec();
        for (at, byte) in changes {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        if seal {
            bytes = sealed(bytes);
        }
        if let Ok(read) = Producers::restore(LIMITS, &bytes) {
            read.assert_invariants();
            prop_assert_eq!(read.snapshot(), Bytes::from(bytes), "what is accepted is canonical");
        }
    }
}
