//! Compaction against a model of keyed writes, with crashes anywhere.
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::node::{Node, partition, small_config, small_options};
use crate::io::{Io, RngStream};
use crate::log::testing::{TestDisk, TestFault, TestRandom, test_io};
use crate::log::*;
use crate::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp};
use crate::wire::batch::*;
use crate::wire::compression::Codec;

const BOUND_BYTES: usize = 1 << 20;
const TRANSACTIONAL: ProducerId = ProducerId(5);

fn compacting() -> LogConfig {
    LogConfig {
        compact: true,
        delete: false,
        min_cleanable_dirty_ratio: 0.0,
        delete_retention_ms: 0,
        index_interval_bytes: 100,
        segment_bytes: 700,
        ..small_config()
    }
}

/// One record of a batch: its key and whether it has a value.
type Made = (u8, bool);

fn data(base: i64, made: &[Made], producer: ProducerStamp, kind: BatchKind, codec: Codec) -> RecordBatch {
    let mut builder = BatchBuilder::new(BatchOptions { codec, producer, kind, bytes_max: BOUND_BYTES });
    for (at, &(key, has_value)) in made.iter().enumerate() {
        let value = format!("value {}", base + at as i64);
        let record = NewRecord {
            timestamp: Timestamp(1_000 + base),
            key: Some(&[key]),
            value: has_value.then_some(value.as_bytes()),
            headers: &[],
        };
        builder.append(record).unwrap();
    }
    builder.build().into_batch().placed_at(Offset(base), LeaderEpoch(0))
}

fn marker(base: i64, result: TransactionResult) -> RecordBatch {
    let marker = EndMarker { result, coordinator_epoch: 0 };
    let batch = marker.batch(TRANSACTIONAL, ProducerEpoch(0), Timestamp(1_000 + base)).into_batch();
    batch.placed_at(Offset(base), LeaderEpoch(0))
}

type Seen = (Offset, Option<Vec<u8>>, Option<Vec<u8>>, Timestamp);

/// What a reader of committed data sees from `start` on; of a transaction that is open nothing.
fn visible(batches: &[RecordBatch], start: Offset) -> Vec<Seen> {
    let mut seen = Vec::new();
    let mut open: BTreeMap<ProducerId, Vec<Seen>> = BTreeMap::new();
    for batch in batches {
        let header = batch.header();
        if header.attributes.is_control() {
            let held = open.remove(&header.producer_id).unwrap_or_default();
            if EndMarker::of_batch(batch).unwrap().is_some_and(|m| m.result == TransactionResult::Commit) {
                seen.extend(held);
            }
            continue;
        }
        let records = batch.records(BOUND_BYTES).unwrap();
        for record in records.clone() {
            let record = record.unwrap();
            let (offset, time) = (records.offset_of(&record), records.timestamp_of(&record));
            let bytes = |bytes: Option<bytes::Bytes>| bytes.map(|bytes| bytes.to_vec());
            let one = (offset, bytes(record.key), bytes(record.value), time);
            if offset < start {
            } else if header.attributes.is_transactional() {
                open.entry(header.producer_id).or_default().push(one);
            } else {
                seen.push(one);
            }
        }
    }
    seen.sort();
    seen
}

/// The last value of each key.
fn table(seen: &[Seen]) -> BTreeMap<Vec<u8>, (Offset, Vec<u8>)> {
    let mut table = BTreeMap::new();
    for (offset, key, value, _) in seen {
        let key = key.clone().unwrap();
        match value {
            Some(value) => table.insert(key, (*offset, value.clone())),
            None => table.remove(&key),
        };
    }
    table
}

fn batches(node: &Node) -> Result<Vec<RecordBatch>, ReadError> {
    let contents = node.contents(0)?;
    Ok(BatchIterator::new(contents.into(), BatchCheck::Verify).map(Result::unwrap).collect())
}

struct Run {
    disk: TestDisk,
    node: Option<Node>,
    random: TestRandom,
    /// All that was appended and not lost.
    written: Vec<RecordBatch>,
    acknowledged: i64,
    log_start: i64,
    sequence: i32,
    in_transaction: bool,
    taken: Option<CompactionWork>,
    done: Option<CompactionDone>,
    key_buffer_bytes: u64,
    compactions: usize,
}

impl Run {
    fn new(seed: u64, key_buffer_bytes: u64) -> Run {
        Run {
            disk: TestDisk::new(),
            node: None,
            random: TestRandom(seed),
            written: Vec::new(),
            acknowledged: 0,
            log_start: 0,
            sequence: 0,
            in_transaction: false,
            taken: None,
            done: None,
            key_buffer_bytes,
            compactions: 0,
        }
    }

    fn node(&mut self) -> &mut Node {
        self.node.as_mut().unwrap()
    }

    fn io(&mut self) -> Io {
        let (disk, seed) = (self.disk.clone(), self.random.next_u64());
        test_io(&self.node().runtime, &disk, seed)
    }

    fn open(&mut self) {
        let mut node = match Node::open_with(&self.disk, small_options()) {
            Ok(node) => node,
            Err(error) => {
                assert!(self.disk.has_crashed(), "refused without a crash: {error}");
                return self.crash();
            }
        };
        assert!(node.report.damaged.is_empty(), "{:?}", node.report.damaged);
        let Some(log) = node.logs.get_mut(&0) else {
            assert!(self.written.is_empty(), "the log is gone");
            if node.create(0).is_ok() {
                node.log(0).set_config(compacting());
                self.node = Some(node);
            } else {
                node.runtime.kill();
                self.crash();
            }
            return;
        };
        log.set_config(compacting());
        let end = log.log_end();
        assert!(end.0 >= self.acknowledged, "acknowledged up to {}, found {end}", self.acknowledged);
        assert!(log.log_start().0 >= self.log_start);
        self.log_start = log.log_start().0;
        log.set_high_watermark(end);
        self.acknowledged = end.0;
        self.written.retain(|batch| batch.header().base_offset < end);
        let last = self.written.iter().rev().find(|batch| batch.header().producer_id == TRANSACTIONAL);
        self.in_transaction = last.is_some_and(|batch| !batch.header().attributes.is_control());
        self.sequence = self
            .written
            .iter()
            .filter(|batch| {
                let header = batch.header();
                header.producer_id == TRANSACTIONAL && !header.attributes.is_control()
            })
            .map(|batch| batch.header().record_count)
            .sum();
        self.node = Some(node);
        self.check();
    }

    fn crash(&mut self) {
        (self.taken, self.done) = (None, None);
        if let Some(node) = self.node.take() {
            node.runtime.kill();
        }
        self.disk = match self.random.below(3) {
            0 => self.disk.restart(),
            _ => self.disk.lose_power(&mut self.random),
        };
        self.disk.heal();
    }

    fn append(&mut self, batch: RecordBatch) {
        self.written.push(batch.clone());
        let node = self.node();
        let position = node.position();
        let entry = node.log(0).append(batch, position).unwrap();
        if node.commit(0, vec![entry]).is_ok() {
            let end = node.log(0).log_end();
            node.log(0).set_high_watermark(end);
            self.acknowledged = end.0;
        }
    }

    fn write(&mut self, made: &[Made], amount: u8) {
        let base = self.node().log(0).log_end().0;
        let codec = Codec::ALL[usize::from(amount) % Codec::ALL.len()];
        if amount.is_multiple_of(4) {
            let producer =
                ProducerStamp { id: TRANSACTIONAL, epoch: ProducerEpoch(0), base_sequence: self.sequence };
            self.sequence += made.len() as i32;
            self.in_transaction = true;
            self.append(data(base, made, producer, BatchKind::Transactional, codec));
        } else {
            self.append(data(base, made, ProducerStamp::NONE, BatchKind::Data, codec));
        }
    }

    fn end_transaction(&mut self, amount: u8) {
        if self.in_transaction {
            self.in_transaction = false;
            let result =
                if amount.is_multiple_of(2) { TransactionResult::Abort } else { TransactionResult::Commit };
            let base = self.node().log(0).log_end().0;
            self.append(marker(base, result));
        }
    }

    fn take(&mut self) {
        if self.taken.is_none() && self.done.is_none() {
            let now = self.node().runtime.clock().wall();
            self.taken = self.node().log(0).take_compaction(now);
        }
    }

    fn run_taken(&mut self) {
        let Some(work) = self.taken.take() else { return };
        let io = self.io();
        let options =
            CompactionOptions { key_buffer_bytes: self.key_buffer_bytes, bytes_per_second_max: f64::MAX };
        let node = self.node.as_mut().unwrap();
        match node.runtime.block_on(work.run(&io, options)) {
            Ok(done) => self.done = Some(done),
            Err(failed) => {
                let expected = self.disk.has_crashed()
                    || failed.is_overtaken()
                    || matches!(failed.reason, CompactionFailure::KeysBeyondMemory { .. });
                assert!(expected, "{failed}");
                // Some time ago, so that it is tried again.
                node.log(0).compaction_failed(failed, Timestamp(0));
            }
        }
    }

    fn tell(&mut self) {
        let Some(done) = self.done.take() else { return };
        match self.node().log(0).compacted(done) {
            Compacted::Replaced(totals) => {
                assert!(totals.records_after <= totals.records_before);
                self.compactions += 1;
            }
            Compacted::Undecided | Compacted::Discarded => {}
        }
    }

    fn compact(&mut self) {
        self.take();
        self.run_taken();
        self.tell();
    }

    fn move_start(&mut self, amount: u8) {
        let node = self.node.as_mut().unwrap();
        let span = self.acknowledged - self.log_start;
        let start = self.log_start + span * i64::from(amount) / 1000;
        let position = node.position();
        if let Some(entry) = node.log(0).advance_log_start(Offset(start), position).unwrap() {
            // It counts at once for readers of this life; if it is lost with a crash, `open` finds out.
            if node.commit(0, vec![entry]).is_ok() {
                self.log_start = start;
            }
        }
    }

    fn step(&mut self, op: u8, made: &[Made], amount: u8) {
        match op {
            0..=9 => self.write(made, amount),
            10 | 11 => self.end_transaction(amount),
            12 | 13 => {
                self.node().flush();
            }
            14 => {
                let _crash_is_seen_by_the_caller = self.node().checkpoint();
            }
            15 => self.take(),
            16 => self.run_taken(),
            17 => self.tell(),
            18 => self.compact(),
            19 => self.node().log(0).release_tail(),
            20 => self.move_start(amount),
            _ => self.check(),
        }
    }

    /// The last value of each key is there, records are what and where they were, and each offset leads to its
    /// batch.
    ///
    /// The power may go while it looks, because the journal recycles its files meanwhile: then a read fails, and the
    /// caller sees the crash.
    fn check(&mut self) {
        if let Err(error) = self.look() {
            assert!(self.disk.has_crashed(), "a read failed without a crash: {error}");
        }
    }

    /// With what is in memory, and from the files alone.
    fn look(&mut self) -> Result<(), ReadError> {
        self.look_at_all()?;
        self.node().log(0).release_tail();
        self.look_at_all()
    }

    fn look_at_all(&mut self) -> Result<(), ReadError> {
        let node = self.node.as_mut().unwrap();
        node.log(0).assert_invariants();
        let start = node.log(0).log_start();
        let found = batches(node)?;
        let (seen, original) = (visible(&found, start), visible(&self.written, start));
        let known: BTreeSet<&Seen> = original.iter().collect();
        assert!(seen.iter().all(|record| known.contains(record)), "a record is what it was");
        assert_eq!(table(&seen), table(&original));
        let end = node.log(0).log_end();
        let last = self.written.iter().rev().find(|batch| batch.header().producer_id == TRANSACTIONAL);
        if let Some(last) = last.map(RecordBatch::header)
            && last.next_offset() > start
            && !last.attributes.is_control()
        {
            let kept = found.iter().any(|batch| batch.header().last_offset() == last.last_offset());
            assert!(kept, "a producer's last batch stays");
        }
        for offset in start.0..end.0 {
            let read = node.read(0, offset, 1)?;
            let due = found.iter().find(|batch| batch.header().next_offset().0 > offset).unwrap();
            assert_eq!(read, due.to_bytes(), "at {offset}");
        }
        Ok(())
    }

    /// After a checkpoint exactly the named files are there.
    fn check_files(&mut self) {
        let node = self.node.as_mut().unwrap();
        node.checkpoint().unwrap();
        let directory = format!("logs/{}", partition(0));
        let mut named: Vec<String> = Vec::new();
        for segment in node.log(0).segment_states() {
            for suffix in ["index", "log", "timeindex"] {
                named.push(match segment.cleaning {
                    0 => format!("{directory}/{:020}.{suffix}", segment.base.0),
                    n => format!("{directory}/{:020}.{n}.{suffix}", segment.base.0),
                });
            }
        }
        named.sort();
        let mut there: Vec<String> =
            self.disk.paths().into_iter().filter(|path| path.starts_with("logs/")).collect();
        there.sort();
        assert_eq!(there, named);
    }

    fn recover(&mut self, crash_within: Option<u64>) {
        let mut attempts = 0;
        while self.node.is_none() {
            attempts += 1;
            assert!(attempts < 10, "without faults the node opens");
            if let Some(within) = crash_within.filter(|_| attempts < 4) {
                self.disk.inject(TestFault::CrashAt(1 + self.random.below(within)));
            }
            self.open();
        }
        let statistics = self.node().storage.journal().statistics();
        if statistics.files_live + 1 >= statistics.files_total {
            // A full journal would wait for ever: nobody else checkpoints here. A crash shows below.
            let _crash_is_seen_by_the_caller = self.node().checkpoint();
            if self.disk.has_crashed() {
                self.crash();
                self.recover(crash_within);
            }
        }
    }

    fn finish(&mut self) {
        self.crash();
        self.open();
        self.end_transaction(1);
        self.node().flush();
        self.compact();
        self.check();
        self.check_files();
    }
}

fn steps() -> impl Strategy<Value = Vec<(u8, Vec<Made>, u8)>> {
    let made = prop::collection::vec((0..6_u8, prop::bool::weighted(0.8)), 1..5);
    prop::collection::vec((0..23_u8, made, any::<u8>()), 1..150)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::log::testing::cases(64)))]

    #[test]
    fn whatever_happens_the_last_value_of_each_key_stays(
        seed in any::<u64>(),
        crash_within in prop_oneof![Just(40_u64), Just(150), Just(100_000)],
        key_buffer_bytes in prop_oneof![Just(1_u64 << 20), Just(4 * 41)],
        steps in steps(),
    ) {
        let mut run = Run::new(seed, key_buffer_bytes);
        for (op, made, amount) in &steps {
            run.recover(Some(crash_within));
            run.step(*op, made, *amount);
            if run.disk.has_crashed() {
                run.crash();
            }
        }
        run.finish();
    }
}

/// Writes 60 batches over five keys, some deleted, in one life.
fn filled() -> Run {
    let mut run = Run::new(1, 1 << 20);
    run.recover(None);
    for i in 0..60_u8 {
        run.write(&[(i % 5, i % 7 != 0), (i % 3, true)], 1);
        if i % 10 == 9 {
            run.node().flush();
        }
    }
    run
}

#[test]
fn crashes_at_every_change_of_one_history() {
    let mut crashed = 0;
    for at in 1..400 {
        let mut run = filled();
        run.disk.inject(TestFault::CrashAt(at));
        run.compact();
        if !run.disk.has_crashed() {
            run.check();
            run.write(&[(1, true)], 1);
        }
        if !run.disk.has_crashed() {
            let _crash_is_seen_below = run.node().checkpoint();
        }
        if !run.disk.has_crashed() {
            run.compact();
            let _crash_is_seen_below = run.node().checkpoint();
        }
        let has_crashed = run.disk.has_crashed();
        crashed += usize::from(has_crashed);
        run.finish();
        if !has_crashed {
            break;
        }
    }
    assert!((10..398).contains(&crashed), "{crashed}: each change was the last once");
}

#[test]
fn a_compacted_log_is_smaller_and_rests_until_it_is_dirty_again() {
    let mut run = filled();
    let before = run.node().log(0).size_bytes();
    run.compact();
    assert_eq!(run.compactions, 1);
    run.check();
    let after = run.node().log(0).size_bytes();
    assert!(after * 3 < before, "{before} bytes became {after}");
    let now = run.node().runtime.clock().wall();
    assert_eq!(run.node().log(0).wants_compaction(now), None, "nothing is dirty");
    run.check_files();
    let states = run.node().log(0).segment_states();
    assert_eq!(
        states.iter().filter(|state| state.cleaning == 1).count(),
        1,
        "neighbours became one: {states:?}"
    );
    let disk = run.node.take().unwrap().stop(&run.disk);
    run.disk = disk;
    run.open();
    assert_eq!(run.node().log(0).segment_states(), states);
    assert_eq!(run.node().log(0).wants_compaction(now), None, "the checkpoint knows how far it was cleaned");
}

/// All of it lies in memory, too, and nothing asks for that room.
#[test]
fn what_a_compaction_left_out_is_not_read_from_memory() {
    let mut run = filled();
    let offsets = |run: &mut Run| {
        let found = batches(run.node()).unwrap();
        visible(&found, Offset::ZERO).iter().map(|seen| seen.0).collect::<Vec<_>>()
    };
    let before = offsets(&mut run);
    let flushed_end = run.node().log(0).segment_states().last().unwrap().end;
    let versions = |run: &mut Run| run.node().log(0).files_version();
    let mut seen_versions = vec![versions(&mut run)];
    run.take();
    seen_versions.push(versions(&mut run));
    run.run_taken();
    assert_eq!((offsets(&mut run), versions(&mut run)), (before.clone(), seen_versions[1]));
    run.tell();
    seen_versions.push(versions(&mut run));
    assert_eq!(run.compactions, 1);
    let after = offsets(&mut run);
    assert!(after.len() * 3 < before.len(), "{} records became {}", before.len(), after.len());
    let active = run.node().log(0).segment_states().last().unwrap().base;
    assert!(active < flushed_end);
    let held = |offsets: &[Offset]| offsets.iter().filter(|offset| **offset >= active).count();
    assert_eq!(held(&after), held(&before), "what was not compacted is as it was");
    run.node().log(0).release_tail();
    assert_eq!(offsets(&mut run), after, "the files hold the same");
    seen_versions.dedup();
    assert_eq!(seen_versions.len(), 3, "who repairs from these files sees each change: {seen_versions:?}");
}

/// What a record of a batch says, where, and when.
type Said = (Offset, Timestamp, Option<bytes::Bytes>, Option<bytes::Bytes>, Vec<RecordHeader>);

fn said(batch: &RecordBatch) -> Vec<Said> {
    let records = batch.records(BOUND_BYTES).unwrap();
    let one = |record: Result<Record, BatchError>| {
        let record = record.unwrap();
        let (offset, time) = (records.offset_of(&record), records.timestamp_of(&record));
        (offset, time, record.key, record.value, record.headers)
    };
    records.clone().map(one).collect()
}

/// The first record of a batch goes, by whose time the others tell theirs.
#[test]
fn records_that_stay_keep_their_headers_and_times() {
    #[cfg(all(feature = "simulation", debug_assertions))]
    super::model::mistakes::make_what_is_asked();
    let mut run = Run::new(1, 1 << 20);
    run.recover(None);
    let mut builder = BatchBuilder::new(BatchOptions::plain(BOUND_BYTES));
    for (key, time) in [(1_u8, 5_000), (4, 1_000), (5, 9_000)] {
        let header = |value| RecordHeader { key: bytes::Bytes::from_static(b"a"), value };
        let headers = [header(Some(bytes::Bytes::from(vec![key]))), header(None)];
        let (key, timestamp) = ([key], Timestamp(time));
        let record = NewRecord { timestamp, key: Some(&key), value: Some(b"value"), headers: &headers };
        builder.append(record).unwrap();
    }
    let batch = builder.build().into_batch().placed_at(Offset::ZERO, LeaderEpoch(0));
    run.append(batch.clone());
    for _ in 0..20 {
        run.write(&[(1, true), (2, true)], 1);
    }
    run.node().flush();
    run.compact();
    assert_eq!(run.compactions, 1);
    run.node().log(0).release_tail();
    let cleaned = batches(run.node()).unwrap().remove(0);
    assert_eq!(cleaned.header().base_offset, Offset::ZERO);
    assert_eq!(said(&cleaned), said(&batch)[1..], "the first was replaced");
    run.check();
}

#[test]
fn a_tombstone_goes_with_the_second_compaction() {
    let mut run = Run::new(1, 1 << 20);
    run.recover(None);
    let fill = |run: &mut Run| {
        for _ in 0..20 {
            run.write(&[(2, true), (3, true)], 1);
        }
        run.node().flush();
    };
    let deleted = |run: &mut Run| {
        let found = batches(run.node()).unwrap();
        visible(&found, Offset::ZERO).iter().filter(|seen| seen.1 == Some(vec![1])).count()
    };
    run.write(&[(1, true)], 1);
    run.write(&[(1, false)], 1);
    fill(&mut run);
    run.compact();
    run.node().log(0).release_tail();
    assert_eq!(deleted(&mut run), 1, "the tombstone stays until its horizon");
    fill(&mut run);
    run.compact();
    assert_eq!(run.compactions, 2);
    run.node().log(0).release_tail();
    assert_eq!(deleted(&mut run), 0);
    run.check();
}

#[test]
fn lags_and_the_ratio_say_when() {
    let mut run = filled();
    let node = run.node();
    let wants = |node: &mut Node, config: LogConfig, now: i64| {
        node.log(0).set_config(config);
        node.log(0).wants_compaction(Timestamp(now))
    };
    // Records have times from 1,000 to 1,118.
    assert_eq!(wants(node, compacting(), 1_200), Some(1.0));
    assert_eq!(wants(node, LogConfig { compact: false, ..compacting() }, 1_200), None);
    let ripe = LogConfig { min_compaction_lag_ms: 10_000, ..compacting() };
    assert_eq!(wants(node, ripe.clone(), 10_500), None, "nothing is old enough");
    assert!(wants(node, ripe, 12_000).is_some());
    let lazy = LogConfig { min_cleanable_dirty_ratio: 1.0, ..compacting() };
    assert_eq!(wants(node, lazy.clone(), 1_200), None);
    let overdue = LogConfig { max_compaction_lag_ms: 300, ..lazy };
    assert_eq!(wants(node, overdue.clone(), 1_300), None);
    assert_eq!(wants(node, overdue, 1_301), Some(1.0));
    node.log(0).set_config(compacting());
    let work = node.log(0).take_compaction(Timestamp(1_200));
    assert!(work.is_some());
    assert!(node.log(0).take_compaction(Timestamp(1_200)).is_none(), "one at a time");
}

#[test]
fn a_damaged_segment_is_left_alone() {
    let mut run = filled();
    run.check_files();
    let before = run.node().log(0).segment_states();
    run.disk.inject(TestFault::FailReads(format!("{:020}.log", before[1].base.0)));
    run.take();
    let io = run.io();
    let options = CompactionOptions { key_buffer_bytes: 1 << 20, bytes_per_second_max: f64::MAX };
    let work = run.taken.take().unwrap();
    let node = run.node.as_mut().unwrap();
    let Err(failed) = node.runtime.block_on(work.run(&io, options)) else { panic!("it cannot be read") };
    assert!(matches!(failed.reason, CompactionFailure::Read(ReadError::Io { .. })), "{failed}");
    let now = node.runtime.clock().wall();
    node.log(0).compaction_failed(failed, now);
    assert_eq!(node.log(0).segment_states(), before);
    assert_eq!(node.log(0).wants_compaction(now), None, "not at once again");
    assert!(node.log(0).wants_compaction(Timestamp(now.0 + 60_000)).is_some());
    run.disk.heal();
    run.check();
}

#[test]
fn a_compaction_that_fails_while_writing_leaves_no_file() {
    let mut run = filled();
    run.check_files();
    run.disk.inject(TestFault::FailWrites(".1.log".to_owned()));
    run.take();
    let io = run.io();
    let options = CompactionOptions { key_buffer_bytes: 1 << 20, bytes_per_second_max: f64::MAX };
    let work = run.taken.take().unwrap();
    let node = run.node.as_mut().unwrap();
    let Err(failed) = node.runtime.block_on(work.run(&io, options)) else { panic!("it cannot be written") };
    node.log(0).compaction_failed(failed, Timestamp(0));
    run.disk.heal();
    run.check_files();
    run.compact();
    assert_eq!(run.compactions, 1);
    run.check();
    run.check_files();
}

#[test]
fn retention_during_a_compaction_wins() {
    let mut run = filled();
    run.check_files();
    run.take();
    run.run_taken();
    let start = run.node().log(0).segment_states()[1].end;
    let node = run.node();
    let position = node.position();
    let entry = node.log(0).advance_log_start(start, position).unwrap().unwrap();
    node.commit(0, vec![entry]).unwrap();
    let segments = node.log(0).segment_states();
    let done = run.done.take().unwrap();
    assert_eq!(run.node().log(0).compacted(done), Compacted::Discarded);
    assert_eq!(run.node().log(0).segment_states(), segments);
    run.check();
    run.check_files();
    run.compact();
    assert_eq!(run.compactions, 1);
    run.check();
    run.check_files();
}

#[test]
fn keys_that_do_not_fit_take_several_passes() {
    let mut run = filled();
    // Room for two keys of one byte.
    run.key_buffer_bytes = 2 * 41;
    let mut passes = 0;
    loop {
        let before = run.compactions;
        run.compact();
        run.check();
        if run.compactions == before {
            break;
        }
        passes += 1;
        assert!(passes < 200, "each pass moves on");
    }
    assert!(passes > 1, "{passes}");
}
