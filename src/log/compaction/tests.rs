use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::log::producers::{LastWritten, ProducerLimits, Producers};
use crate::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp};
use crate::wire::batch::*;
use crate::wire::compression::Codec;

const BOUND_BYTES: usize = 1 << 20;
const RETENTION_MS: i64 = 1000;
const NOW: Timestamp = Timestamp(1_000_000);
const LIMITS: ProducerLimits = ProducerLimits { producers_max: 100, expiration_ms: i64::MAX };

/// One batch of a made-up log: each record's key (0 for none) and whether it has a value.
#[derive(Clone, Debug)]
struct Made {
    /// 0 for none.
    producer: i64,
    transactional: bool,
    codec: Codec,
    records: Vec<(u8, bool)>,
    /// How the producer's transaction ends after the batch, if it does.
    ends: Option<TransactionResult>,
}

#[derive(Default)]
struct Log {
    batches: Vec<RecordBatch>,
    aborted: Vec<AbortedTransaction>,
    end: i64,
    sequences: BTreeMap<i64, i32>,
}

impl Log {
    fn of(made: &[Made]) -> Log {
        let mut log = Log::default();
        let mut open: BTreeMap<i64, Offset> = BTreeMap::new();
        for made in made {
            log.append(made);
            if made.transactional && made.producer > 0 {
                open.entry(made.producer)
                    .or_insert(log.batches.last().expect("appended").header().base_offset);
                if let Some(result) = made.ends {
                    log.end_transaction(made.producer, result, &mut open);
                }
            }
        }
        // Only what is decided is cleaned.
        for producer in open.keys().copied().collect::<Vec<_>>() {
            log.end_transaction(producer, TransactionResult::Commit, &mut open);
        }
        log
    }

    fn append(&mut self, made: &Made) {
        let sequence = self.sequences.entry(made.producer).or_default();
        let producer = match made.producer {
            0 => ProducerStamp::NONE,
            id => ProducerStamp { id: ProducerId(id), epoch: ProducerEpoch(0), base_sequence: *sequence },
        };
        *sequence += made.records.len() as i32;
        let kind = match made.transactional && made.producer > 0 {
            true => BatchKind::Transactional,
            false => BatchKind::Data,
        };
        let options = BatchOptions { codec: made.codec, producer, kind, bytes_max: BOUND_BYTES };
        let mut builder = BatchBuilder::new(options);
        for (at, &(key, has_value)) in made.records.iter().enumerate() {
            let (key, value) = ([key], format!("{}+{at}", self.end));
            let record = NewRecord {
                timestamp: Timestamp(5000 + self.end + at as i64),
                key: (key[0] > 0).then_some(&key[..]),
                value: has_value.then_some(value.as_bytes()),
                headers: &[],
            };
            builder.append(record).expect("small");
        }
        self.place(builder.build().into_batch());
    }

    fn end_transaction(&mut self, id: i64, result: TransactionResult, open: &mut BTreeMap<i64, Offset>) {
        let Some(first_offset) = open.remove(&id) else { return };
        if result == TransactionResult::Abort {
            let (producer_id, last_offset) = (ProducerId(id), Offset(self.end));
            self.aborted.push(AbortedTransaction { first_offset, producer_id, last_offset });
        }
        let marker = EndMarker { result, coordinator_epoch: 0 };
        self.place(marker.batch(ProducerId(id), ProducerEpoch(0), Timestamp(self.end)).into_batch());
    }

    fn place(&mut self, batch: RecordBatch) {
        let batch = batch.placed_at(Offset(self.end), LeaderEpoch(1));
        self.end = batch.header().next_offset().0;
        self.batches.push(batch);
    }

    fn producers(&self) -> Producers {
        let mut producers = Producers::new(LIMITS, Offset::ZERO);
        for batch in &self.batches {
            producers.replay(batch).expect("readable");
        }
        producers
    }

    /// One round over the whole log; gives how far the map reached.
    fn clean(&mut self, now: Timestamp, map_bytes: usize) -> Offset {
        let mut map = OffsetMap::new(map_bytes, 99);
        let mut builder = MapBuilder {
            map: &mut map,
            transactions: CleanedTransactions::new(self.aborted.iter().copied()),
            first_dirty_offset: Offset::ZERO,
            decompressed_bytes_max: BOUND_BYTES,
        };
        for batch in &self.batches {
            if builder.add(batch).expect("readable") == MapProgress::Full {
                break;
            }
        }
        let last_written: BTreeMap<ProducerId, LastWritten> = self.producers().last_written();
        let rules = CleanRules {
            map: &map,
            last_written: &last_written,
            now,
            delete_retention_ms: RETENTION_MS,
            round_end: Offset(self.end),
            decompressed_bytes_max: BOUND_BYTES,
        };
        let mut cleaner = Cleaner::new(rules, CleanedTransactions::new(self.aborted.iter().copied()));
        let mut cleaned = Vec::new();
        for batch in &self.batches {
            let result = cleaner.clean(batch).expect("readable");
            let kept = result.batch.as_ref().map_or(0, |batch| batch.header().record_count);
            assert_eq!((result.records_read, result.records_kept), (batch.header().record_count, kept));
            if let Some(new) = result.batch {
                check_rewritten(batch, &new);
                cleaned.push(new);
            }
        }
        self.aborted = cleaner.transactions().take_still_aborted();
        self.aborted.sort();
        self.batches = cleaned;
        map.end_offset()
    }

    /// What a committed reader sees: offset, key, value, timestamp of data, in order.
    fn visible(&self) -> Vec<(Offset, Option<Bytes>, Option<Bytes>, Timestamp)> {
        let mut transactions = CleanedTransactions::new(self.aborted.iter().copied());
        let mut seen = Vec::new();
        for batch in &self.batches {
            if batch.header().attributes.is_control() {
                transactions.pass_control(batch).expect("readable");
            } else if !transactions.pass_data(batch.header()) {
                let records = batch.records(BOUND_BYTES).expect("opens");
                for record in records.clone() {
                    let record = record.expect("well-formed");
                    let (offset, timestamp) = (records.offset_of(&record), records.timestamp_of(&record));
                    seen.push((offset, record.key, record.value, timestamp));
                }
            }
        }
        seen
    }
}

/// Position, producer and codec are what they were, and the batch is sound.
fn check_rewritten(old: &RecordBatch, new: &RecordBatch) {
    assert_eq!(new.check(), Ok(()));
    let (old, new) = (old.header(), new.header());
    assert_eq!((new.base_offset, new.last_offset()), (old.base_offset, old.last_offset()));
    assert_eq!((new.producer_id, new.producer_epoch), (old.producer_id, old.producer_epoch));
    assert_eq!((new.base_sequence, new.last_sequence()), (old.base_sequence, old.last_sequence()));
    assert_eq!(new.partition_leader_epoch, old.partition_leader_epoch);
    assert_eq!(new.attributes.is_transactional(), old.attributes.is_transactional());
    assert_eq!(new.attributes.is_control(), old.attributes.is_control());
    if new.record_count > 0 {
        assert_eq!(new.attributes.codec(), old.attributes.codec());
    }
}

fn data(records: &[(u8, bool)]) -> Made {
    let records = records.to_vec();
    Made { producer: 0, transactional: false, codec: Codec::None, records, ends: None }
}

fn offsets(log: &Log) -> Vec<i64> {
    log.visible().iter().map(|record| record.0.0).collect()
}

#[test]
fn the_last_of_each_key_stays_where_it_was() {
    let mut log = Log::of(&[data(&[(1, true), (2, true), (1, true)]), data(&[(3, true), (2, true)])]);
    log.clean(NOW, BOUND_BYTES);
    assert_eq!(offsets(&log), [2, 3, 4]);
    let before = log.batches.clone();
    log.clean(NOW, BOUND_BYTES);
    assert_eq!(log.batches, before, "a second round changes nothing");
}

#[test]
fn an_untouched_batch_is_passed_on_as_it_is() {
    let mut log = Log::of(&[data(&[(1, true), (2, true)])]);
    let before = log.batches[0].clone();
    log.clean(NOW, BOUND_BYTES);
    assert_eq!(log.batches[0].body().as_ptr(), before.body().as_ptr());
}

#[test]
fn tombstones_wait_for_their_horizon() {
    let mut log = Log::of(&[data(&[(1, true), (2, true)]), data(&[(1, false)]), data(&[(3, true)])]);
    log.clean(NOW, BOUND_BYTES);
    assert_eq!(offsets(&log), [1, 2, 3], "the tombstone stays, the value before it goes");
    let horizon = Some(NOW.plus_ms(RETENTION_MS));
    assert_eq!(log.batches[1].header().delete_horizon(), horizon);
    let (_, _, value, timestamp) = log.visible()[1].clone();
    assert_eq!((value, timestamp), (None, Timestamp(5002)), "the horizon takes nothing from the timestamp");
    log.clean(NOW.plus_ms(RETENTION_MS - 1), BOUND_BYTES);
    assert_eq!(offsets(&log), [1, 2, 3]);
    assert_eq!(log.batches[1].header().delete_horizon(), horizon, "it is set once");
    log.clean(NOW.plus_ms(RETENTION_MS), BOUND_BYTES);
    assert_eq!(offsets(&log), [1, 3]);
}

#[test]
fn the_logs_end_stays_though_its_records_go() {
    let mut log = Log::of(&[data(&[(1, true)]), data(&[(1, false)])]);
    log.clean(NOW, BOUND_BYTES);
    log.clean(NOW.plus_ms(RETENTION_MS), BOUND_BYTES);
    assert_eq!(offsets(&log), [0i64; 0]);
    let last = log.batches.last().expect("the last batch stays").header();
    assert_eq!((last.record_count, last.next_offset()), (0, Offset(2)));
}

#[test]
fn a_producers_last_batch_stays_for_its_sequence() {
    let by = |records: &[(u8, bool)]| Made { producer: 4, ..data(records) };
    let mut log = Log::of(&[by(&[(1, true)]), by(&[(1, true), (1, true)]), data(&[(1, true)])]);
    let before = log.producers();
    log.clean(NOW, BOUND_BYTES);
    assert_eq!(offsets(&log), [3]);
    assert_eq!(log.batches.len(), 2);
    assert_eq!(log.batches[0].header().record_count, 0);
    let (before, after) = (before.get(ProducerId(4)), log.producers());
    let last =
        |entry: Option<&crate::log::producers::ProducerEntry>| entry.map(|entry| entry.last_sequence());
    assert_eq!(last(after.get(ProducerId(4))), last(before));
    assert_eq!(last(before), Some(2));
}

#[test]
fn aborted_records_replace_nothing_and_their_marker_follows_them() {
    let transaction = |records: &[(u8, bool)], result| Made {
        producer: 4,
        transactional: true,
        ends: Some(result),
        ..data(records)
    };
    let mut log = Log::of(&[
        data(&[(1, true)]),
        transaction(&[(1, true)], TransactionResult::Abort),
        transaction(&[(2, true)], TransactionResult::Commit),
        data(&[(3, true)]),
    ]);
    assert_eq!(log.batches.len(), 6);
    log.clean(NOW, BOUND_BYTES);
    assert_eq!(offsets(&log), [0, 3, 5], "offset 1 was aborted, 2 and 4 are markers");
    // The abort marker has lost its data; from the next round on it waits out its horizon.
    assert_eq!(log.batches.iter().map(|b| b.header().base_offset.0).collect::<Vec<_>>(), [0, 2, 3, 4, 5]);
    assert_eq!(
        log.aborted,
        [AbortedTransaction { first_offset: Offset(1), producer_id: ProducerId(4), last_offset: Offset(2) }]
    );
    log.clean(NOW, BOUND_BYTES);
    assert_eq!(log.batches[1].header().delete_horizon(), Some(NOW.plus_ms(RETENTION_MS)));
    log.clean(NOW.plus_ms(RETENTION_MS), BOUND_BYTES);
    assert_eq!(log.batches.iter().map(|b| b.header().base_offset.0).collect::<Vec<_>>(), [0, 3, 4, 5]);
    assert_eq!((log.aborted.len(), offsets(&log)), (0, vec![0, 3, 5]));
}

#[test]
fn a_full_map_judges_only_what_it_knows() {
    let mut log = Log::of(&[data(&[(1, true)]), data(&[(2, true)]), data(&[(1, true), (3, true)])]);
    // Room for two keys of one byte: the third batch does not fit.
    let reached = log.clean(NOW, 2 * 41);
    assert_eq!(reached, Offset(2));
    // Key 1 was noted at offset 2 before the map was full; offset 2 stays, so 0 may go.
    assert_eq!(offsets(&log), [1, 2, 3]);
}

#[test]
fn keyless_records_go() {
    let mut log = Log::of(&[data(&[(0, true), (1, true), (0, true)])]);
    log.clean(NOW, BOUND_BYTES);
    assert_eq!(offsets(&log), [1]);
}

fn made() -> impl Strategy<Value = Made> {
    let records = proptest::collection::vec((0u8..7, proptest::bool::weighted(0.7)), 1..6);
    let ends = proptest::option::of(any::<bool>());
    (0i64..3, any::<bool>(), 0usize..5, records, ends).prop_map(
        |(producer, transactional, codec, records, ends)| {
            let ends = ends.map(|abort| match abort {
                true => TransactionResult::Abort,
                false => TransactionResult::Commit,
            });
            Made { producer, transactional, codec: Codec::ALL[codec], records, ends }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::log::testing::cases(96)))]

    /// Over several rounds, with maps of any size: a committed reader who builds a table of keys sees the
    /// same table, reads move forward only, and no producer loses its sequence.
    #[test]
    fn the_table_of_keys_never_changes(
        made in proptest::collection::vec(made(), 1..25),
        rounds in proptest::collection::vec((0usize..600, 0i64..3000), 1..4),
    ) {
        let mut log = Log::of(&made);
        let original: BTreeMap<Offset, _> =
            log.visible().into_iter().map(|record| (record.0, record)).collect();
        let table = |log: &Log| -> BTreeMap<Bytes, (Offset, Bytes, Timestamp)> {
            let mut table = BTreeMap::new();
            for (offset, key, value, timestamp) in log.visible() {
                let Some(key) = key else { continue };
                match value {
                    Some(value) => table.insert(key, (offset, value, timestamp)),
                    None => table.remove(&key),
                };
            }
            table
        };
        let due = table(&log);
        let producers = log.producers();
        let end = log.end;
        let mut now = NOW;
        for (map_bytes, later_ms) in rounds {
            let reached = log.clean(now, map_bytes);
            prop_assert_eq!(&table(&log), &due);
            let seen = log.visible();
            prop_assert!(seen.windows(2).all(|pair| pair[0].0 < pair[1].0), "offsets rise");
            for record in &seen {
                prop_assert_eq!(original.get(&record.0), Some(record), "a record is what it was");
            }
            let mut below: Vec<&Bytes> =
                seen.iter().filter(|record| record.0 < reached).filter_map(|record| record.1.as_ref()).collect();
            let all = below.len();
            below.sort();
            below.dedup();
            prop_assert_eq!(below.len(), all, "one record a key where the map reached");
            let last = log.batches.last().expect("the last batch stays").header();
            prop_assert_eq!(last.next_offset(), Offset(end));
            let after = log.producers();
            for (id, entry) in producers.iter() {
                let now = after.get(id).map(|entry| (entry.epoch(), entry.last_sequence()));
                prop_assert_eq!(now, Some((entry.epoch(), entry.last_sequence())), "producer {}", id);
            }
            now = now.plus_ms(later_ms);
        }
    }
}
