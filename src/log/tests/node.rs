use std::collections::BTreeMap;

use bytes::{BufMut, Bytes, BytesMut};

use crate::log::testing::{TestDisk, TestRandom, TestRuntime, test_io};
use crate::log::*;
use crate::types::{
    LeaderEpoch, NodeId, Offset, PartitionId, PartitionIndex, ProducerEpoch, ProducerId, Timestamp, TopicId,
};
use crate::wire::batch::{BatchHeader, HEADER_BYTES, RecordBatch, crc32c};

pub(super) fn partition(index: i32) -> PartitionId {
    PartitionId { topic: TopicId([3; 16]), index: PartitionIndex(index) }
}

/// A batch of `records` records whose payload is `padding` bytes of noise: the log does not look inside.
pub(super) fn batch(base: i64, records: i32, epoch: i32, time: i64, padding: usize) -> RecordBatch {
    let mut header = BatchHeader {
        base_offset: Offset(base),
        batch_length: (HEADER_BYTES - 12 + padding) as i32,
        partition_leader_epoch: LeaderEpoch(epoch),
        magic: 2,
        crc: 0,
        attributes: crate::wire::batch::Attributes(0),
        last_offset_delta: records - 1,
        base_timestamp: Timestamp(time),
        max_timestamp: Timestamp(time),
        producer_id: ProducerId::NONE,
        producer_epoch: ProducerEpoch::NONE,
        base_sequence: -1,
        record_count: records,
    };
    let mut bytes = BytesMut::new();
    header.write(&mut bytes);
    bytes.put_bytes((base % 251) as u8, padding);
    header.crc = crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&header.crc.to_be_bytes());
    RecordBatch::new(header, &bytes.freeze())
}

pub(super) fn small_options() -> StorageOptions {
    StorageOptions {
        journal_file_bytes: 64 << 10,
        journal_files: 4,
        journal_fill_bytes: 16 << 10,
        tail_budget_bytes: 8 << 10,
        fd_cache_files: 4,
        ..StorageOptions::default()
    }
}

pub(super) fn small_config() -> LogConfig {
    LogConfig { segment_bytes: 1024, index_interval_bytes: 200, ..LogConfig::default() }
}

/// A journal and segments in which batches of two disk blocks and more are written once.
pub(super) fn large_options() -> StorageOptions {
    StorageOptions {
        journal_file_bytes: 512 << 10,
        tail_budget_bytes: 128 << 10,
        place_bytes_min: 8 << 10,
        ..small_options()
    }
}

pub(super) fn large_config() -> LogConfig {
    LogConfig { segment_bytes: 256 << 10, index_interval_bytes: 4_000, ..LogConfig::default() }
}

/// One run of a node: its runtime, its storage, its logs by partition index.
pub(super) struct Node {
    pub(super) runtime: TestRuntime,
    pub(super) storage: Storage,
    pub(super) logs: BTreeMap<i32, PartitionLog>,
    pub(super) report: RecoveryReport,
    config: LogConfig,
}

impl Node {
    pub(super) fn open_with(disk: &TestDisk, options: StorageOptions) -> Result<Node, StorageError> {
        Node::open_as(NodeId(1), disk, options)
    }

    pub(super) fn open_as(
        id: NodeId,
        disk: &TestDisk,
        options: StorageOptions,
    ) -> Result<Node, StorageError> {
        Node::open_configured(id, disk, options, small_config())
    }

    fn open_configured(
        id: NodeId,
        disk: &TestDisk,
        options: StorageOptions,
        config: LogConfig,
    ) -> Result<Node, StorageError> {
        let runtime = TestRuntime::new();
        let io = test_io(&runtime, disk, 42);
        let (storage, logs, report) = runtime.block_on(Storage::open(io, id, options, |_| config.clone()))?;
        let logs = logs.into_iter().map(|log| (log.key().partition.index.0, log)).collect();
        Ok(Node { runtime, storage, logs, report, config })
    }

    /// A node that writes large batches once: [`large_options`].
    pub(super) fn open_large(disk: &TestDisk) -> Result<Node, StorageError> {
        Node::open_configured(NodeId(1), disk, large_options(), large_config())
    }

    pub(super) fn open(disk: &TestDisk) -> Node {
        Node::open_with(disk, small_options()).unwrap()
    }

    pub(super) fn create(&mut self, index: i32) -> Result<(), StorageError> {
        let config = self.config.clone();
        let log = self.runtime.block_on(self.storage.create_log(partition(index), Offset::ZERO, config))?;
        self.logs.insert(index, log);
        Ok(())
    }

    pub(super) fn log(&mut self, index: i32) -> &mut PartitionLog {
        self.logs.get_mut(&index).unwrap()
    }

    pub(super) fn position(&self) -> Position {
        self.storage.journal().durable_position()
    }

    /// Makes entries durable, tells the log.
    pub(super) fn commit(&mut self, index: i32, entries: Vec<Entry>) -> Result<(), JournalFailed> {
        let number = entries.last().map(|entry| entry.number);
        self.runtime.block_on(self.storage.journal().append(entries))?;
        if let Some(number) = number {
            self.log(index).durable(number);
        }
        Ok(())
    }

    /// Appends and commits one batch of three records.
    pub(super) fn append(&mut self, index: i32, padding: usize) -> Result<(), JournalFailed> {
        let position = self.position();
        let log = self.log(index);
        let base = log.log_end().0;
        let epoch = log.epochs().last().map_or(0, |last| last.epoch.0);
        let entry = log.append(batch(base, 3, epoch, 1_000 + base, padding), position).unwrap();
        self.commit(index, vec![entry])?;
        let log = self.log(index);
        log.set_high_watermark(log.log_end());
        Ok(())
    }

    /// Where the first batch begins that may hold a record of that time or later.
    pub(super) fn find(&self, index: i32, time: i64) -> Option<i64> {
        let log = &self.logs[&index];
        let found = match log.find_timestamp(Timestamp(time), Offset::ZERO, log.log_end()).unwrap() {
            TimestampRead::None => None,
            TimestampRead::Memory(batch) => Some(batch),
            TimestampRead::Stored(stored) => self.runtime.block_on(stored.run()).unwrap(),
        };
        found.map(|batch| batch.header().base_offset.0)
    }

    /// Flushes what wants it. Gives the failures.
    pub(super) fn flush(&mut self) -> Vec<String> {
        let now = self.runtime.clock().wall();
        let works: Vec<FlushWork> = self.logs.values_mut().filter_map(|log| log.take_flush(now)).collect();
        let mut failures = Vec::new();
        for outcome in self.runtime.block_on(self.storage.flush(works)) {
            match outcome {
                Ok(done) => self.log(done.log().partition.index.0).flushed(&done),
                Err(failed) => {
                    failures.push(failed.to_string());
                    self.log(failed.log_key().partition.index.0).flush_failed(failed);
                }
            }
        }
        failures
    }

    pub(super) fn checkpoint(&mut self) -> Result<(), StorageError> {
        let mut round = self.storage.begin_checkpoint();
        self.flush();
        for log in self.logs.values() {
            round.require(log.needs_from());
        }
        self.runtime.block_on(self.storage.checkpoint(round))
    }

    pub(super) fn read(&self, index: i32, offset: i64, max_bytes: usize) -> Result<Bytes, ReadError> {
        let log = &self.logs[&index];
        let request =
            ReadRequest { offset: Offset(offset), max_bytes, up_to: log.log_end(), min_one_batch: true };
        let pieces = match log.read(request)? {
            Read::Memory(pieces) => pieces,
            Read::Stored(stored) => self.runtime.block_on(stored.run())?,
        };
        Ok(pieces.concat().into())
    }

    /// All bytes from the log's start on, read piece by piece.
    pub(super) fn contents(&self, index: i32) -> Result<Vec<u8>, ReadError> {
        let log = &self.logs[&index];
        let mut all = Vec::new();
        let mut offset = log.log_start();
        while offset < log.log_end() {
            let read = self.read(index, offset.0, 500)?;
            if read.is_empty() {
                // The log ends with a gap.
                break;
            }
            let mut rest = &read[..];
            while !rest.is_empty() {
                let header = BatchHeader::parse(rest).unwrap();
                assert!(header.next_offset() > offset, "a read begins with the batch that holds the offset");
                offset = header.next_offset();
                rest = &rest[header.total_bytes().unwrap()..];
            }
            all.extend_from_slice(&read);
        }
        Ok(all)
    }

    /// Ends the run without a loss of power.
    pub(super) fn stop(self, disk: &TestDisk) -> TestDisk {
        self.runtime.kill();
        disk.restart()
    }
}

/// The bytes of batches of three records from offset 0 on.
pub(super) fn expected(batches: i64, padding: usize) -> Vec<u8> {
    (0..batches).flat_map(|i| batch(3 * i, 3, 0, 1_000 + 3 * i, padding).to_bytes().to_vec()).collect()
}

/// Where the segments of a log begin that lasts 10 ms at least and 30 ms at most, in batches 3 ms apart.
fn bases_with_jitter(seed: u64, jitter_ms: i64) -> Vec<i64> {
    let disk = TestDisk::new();
    let mut node = Node::open(&disk);
    node.create(0).unwrap();
    let config =
        LogConfig { segment_bytes: 1 << 20, segment_ms: 30, segment_jitter_ms: jitter_ms, ..small_config() };
    node.log(0).set_config(config);
    node.log(0).set_roll_seed(seed);
    for _ in 0..60 {
        node.append(0, 50).unwrap();
    }
    assert!(node.flush().is_empty());
    assert_eq!(node.contents(0).unwrap(), expected(60, 50));
    node.log(0).segment_states().iter().map(|segment| segment.base.0).collect()
}

#[test]
fn segments_end_early_by_a_jitter() {
    // Batches are 3 ms and 3 offsets apart: the first that is more than 30 ms younger than its segment begins a new one.
    let without: Vec<i64> = (0..180).step_by(33).collect();
    assert_eq!(bases_with_jitter(1, 0), without);
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..20 {
        let bases = bases_with_jitter(seed, 20);
        let lengths: Vec<i64> = bases.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(lengths.iter().all(|length| (11..=33).contains(length)), "seed {seed}: {bases:?}");
        assert_eq!(bases_with_jitter(seed, 20), bases, "drawn by the seed alone");
        seen.extend(lengths);
    }
    assert!(seen.len() > 4, "lengths from 10 to 30 ms: {seen:?}");
    assert!(bases_with_jitter(3, i64::MAX).len() <= 60, "a jitter above the age itself still leaves 1 ms");
}

#[test]
fn what_was_appended_is_read_before_and_after_a_flush_and_a_restart() {
    let disk = TestDisk::new();
    let mut node = Node::open(&disk);
    assert!(node.report.is_new);
    node.create(0).unwrap();
    for _ in 0..40 {
        node.append(0, 100).unwrap();
    }
    let all = expected(40, 100);
    assert_eq!(node.contents(0).unwrap(), all);
    node.checkpoint().unwrap();
    assert_eq!(node.log(0).segment_count(), 7, "six batches of 161 bytes fit 1,024");
    node.log(0).release_tail();
    assert_eq!(node.contents(0).unwrap(), all, "from segments");
    node.log(0).assert_invariants();
    assert_eq!(node.log(0).needs_from(), None);
    for _ in 0..5 {
        node.append(0, 100).unwrap();
    }
    let disk = node.stop(&disk);
    let mut node = Node::open(&disk);
    assert!(!node.report.is_new);
    assert_eq!(node.report.journal.entries, 5, "only what came after the checkpoint is replayed");
    assert_eq!(node.contents(0).unwrap(), expected(45, 100));
    node.log(0).assert_invariants();
    // A read inside a batch gives that batch from its start.
    let read = node.read(0, 4, 1).unwrap();
    assert_eq!(BatchHeader::parse(&read).unwrap().base_offset, Offset(3));
    assert!(matches!(node.read(0, 200, 1), Err(ReadError::OutOfRange { .. })));
}

#[test]
fn a_batch_that_does_not_fit_is_not_skipped_for_one_that_does() {
    let disk = TestDisk::new();
    let mut node = Node::open(&disk);
    node.create(0).unwrap();
    // Each of the large ones fills a segment, the small ones share the next.
    for padding in [900, 900, 10, 10] {
        node.append(0, padding).unwrap();
    }
    node.checkpoint().unwrap();
    node.log(0).release_tail();
    assert_eq!(node.log(0).segment_count(), 3);
    for max_bytes in [0, 100, 500] {
        let up_to = Offset(12);
        let request = ReadRequest { offset: Offset(1), max_bytes, up_to, min_one_batch: false };
        let Ok(Read::Stored(read)) = node.logs[&0].read(request) else { panic!("it is in a segment") };
        assert!(node.runtime.block_on(read.run()).unwrap().is_empty(), "{max_bytes}");
        let request = ReadRequest { offset: Offset(6), ..request };
        let Ok(Read::Stored(read)) = node.logs[&0].read(request) else { panic!("it is in a segment") };
        assert_eq!(node.runtime.block_on(read.run()).unwrap().is_empty(), max_bytes == 0);
    }
}

#[test]
fn a_checkpoint_that_frees_nothing_of_a_full_journal_comes_to_its_end() {
    let disk = TestDisk::new();
    let mut node = Node::open(&disk);
    node.create(0).unwrap();
    while node.storage.journal().statistics().commits < 64 {
        node.append(0, 100).unwrap();
    }
    let statistics = node.storage.journal().statistics();
    assert_eq!((statistics.files_live, statistics.files_total), (4, 4), "full to the last block");
    let position = node.position();
    let base = node.log(0).log_end().0;
    let entry = node.log(0).append(batch(base, 3, 0, 0, 100), position).unwrap();
    let waiting = node.storage.journal().append(vec![entry]);
    // Nothing was flushed: everything in the journal is needed.
    let mut round = node.storage.begin_checkpoint();
    round.require(node.log(0).needs_from());
    node.runtime.block_on(node.storage.checkpoint(round)).unwrap();
    assert_eq!(node.storage.journal().statistics().full_waits, 1);
    node.checkpoint().unwrap();
    node.runtime.block_on(waiting).unwrap();
}

#[test]
fn times_are_found_in_segments_and_in_memory() {
    let disk = TestDisk::new();
    let mut node = Node::open(&disk);
    node.create(0).unwrap();
    for i in 0..40 {
        node.append(0, 100).unwrap();
        if i == 29 {
            node.flush();
            node.log(0).release_tail();
        }
    }
    // Batch i begins at offset 3i and has the time 1,000 + 3i.
    for i in 0..40 {
        assert_eq!(node.find(0, 1_000 + 3 * i), Some(3 * i));
        assert_eq!(node.find(0, 998 + 3 * i), Some(3 * i), "between two");
    }
    assert_eq!(node.find(0, 1_118), None);
    let log = node.log(0);
    let known = |time| Some(MaxTimestamp { claimed: Timestamp(time), sure: Some(Timestamp(time)) });
    assert_eq!(log.max_timestamp(log.log_end()), known(1_117));
    assert_eq!(log.max_timestamp(Offset(90)), known(1_087));
}

#[test]
fn retention_takes_whole_segments_and_their_files_after_the_checkpoint() {
    let disk = TestDisk::new();
    let mut node = Node::open(&disk);
    node.create(0).unwrap();
    for _ in 0..40 {
        node.append(0, 100).unwrap();
    }
    node.checkpoint().unwrap();
    let files = |disk: &TestDisk| disk.paths().iter().filter(|path| path.ends_with(".log")).count();
    assert_eq!(files(&disk), 7);
    let mut config = small_config();
    config.retention_bytes = 3_000;
    config.retention_ms = -1;
    node.log(0).set_config(config.clone());
    let start = node.log(0).retention_start(Timestamp(0)).unwrap();
    assert_eq!(start, Offset(54), "6,440 bytes less three segments of 966 leaves more than 3,000");
    let position = node.position();
    let entry = node.log(0).advance_log_start(start, position).unwrap().unwrap();
    node.commit(0, vec![entry]).unwrap();
    assert_eq!(files(&disk), 7, "a checkpoint still names them");
    node.checkpoint().unwrap();
    assert_eq!(files(&disk), 4);
    assert_eq!(node.contents(0).unwrap(), expected(40, 100)[18 * 161..]);
    // All of it expires, the active segment too.
    config.retention_ms = 10;
    node.log(0).set_config(config);
    assert_eq!(node.log(0).retention_start(Timestamp(1_100)), Some(Offset(90)));
    assert_eq!(node.log(0).retention_start(Timestamp(2_000)), Some(Offset(120)));
    let disk = node.stop(&disk);
    let node = Node::open(&disk);
    assert_eq!(node.logs[&0].log_start(), Offset(54));
}

#[test]
fn a_truncation_goes_back_to_the_high_watermark_and_no_further() {
    let disk = TestDisk::new();
    let mut node = Node::open(&disk);
    node.create(0).unwrap();
    for _ in 0..4 {
        node.append(0, 50).unwrap();
    }
    // Two batches that are not committed, then an epoch.
    for _ in 0..2 {
        let position = node.position();
        let base = node.log(0).log_end().0;
        let entry = node.log(0).append(batch(base, 3, 1, 7, 50), position).unwrap();
        node.commit(0, vec![entry]).unwrap();
    }
    node.checkpoint().unwrap();
    assert!(node.log(0).needs_from().is_some(), "the uncommitted ones are only in the journal");
    let position = node.position();
    assert!(matches!(
        node.log(0).truncate_to(Offset(11), LeaderEpoch(0), position),
        Err(LogError::BelowHighWatermark { .. })
    ));
    let entry = node.log(0).truncate_to(Offset(16), LeaderEpoch(1), position).unwrap();
    assert_eq!(node.log(0).log_end(), Offset(15), "a batch goes as a whole");
    node.commit(0, vec![entry]).unwrap();
    let disk = node.stop(&disk);
    let mut node = Node::open(&disk);
    assert_eq!(node.log(0).log_end(), Offset(15));
    assert_eq!(node.log(0).high_watermark(), Offset(12));
    let position = node.position();
    let entry = node.log(0).truncate_to(Offset(12), LeaderEpoch(0), position).unwrap();
    node.commit(0, vec![entry]).unwrap();
    assert_eq!(node.log(0).epochs().last().map(|last| last.epoch), Some(LeaderEpoch(0)));
    assert_eq!(node.contents(0).unwrap(), expected(4, 50));
    node.log(0).assert_invariants();
}

/// The power failed after the log's start had moved into a batch that no checkpoint knew as committed. The log came back
/// committed up to there, and a truncation to that place took the whole batch: the log then ended before its start.
#[test]
fn a_batch_that_the_log_begins_in_comes_back_as_committed_to_its_end() {
    let disk = TestDisk::new();
    let mut node = Node::open(&disk);
    node.create(0).unwrap();
    node.append(0, 50).unwrap();
    let position = node.position();
    let moved = node.log(0).advance_log_start(Offset(1), position).unwrap().unwrap();
    let not_committed = node.log(0).append(batch(3, 3, 0, 7, 50), position).unwrap();
    node.commit(0, vec![moved, not_committed]).unwrap();
    let mut node = Node::open(&disk.lose_power(&mut TestRandom(1)));
    assert_eq!((node.log(0).log_start(), node.log(0).high_watermark()), (Offset(1), Offset(3)));
    let position = node.position();
    let refused = node.log(0).truncate_to(Offset(2), LeaderEpoch(0), position);
    let below = LogError::BelowHighWatermark { to: Offset(0), high_watermark: Offset(3) };
    assert_eq!(refused, Err(below));
    let entry = node.log(0).truncate_to(Offset(4), LeaderEpoch(0), position).unwrap();
    node.commit(0, vec![entry]).unwrap();
    assert_eq!(node.log(0).log_end(), Offset(3), "what was not committed goes, as a whole");
    node.log(0).assert_invariants();
    assert_eq!(node.contents(0).unwrap(), expected(1, 50));
}

#[test]
fn a_truncation_that_would_take_the_batch_of_the_high_watermark_with_it_is_refused() {
    let disk = TestDisk::new();
    let mut node = Node::open(&disk);
    node.create(0).unwrap();
    let position = node.position();
    let entry = node.log(0).append(batch(0, 3, 0, 7, 50), position).unwrap();
    node.commit(0, vec![entry]).unwrap();
    node.log(0).set_high_watermark(Offset(1));
    for to in [1, 2] {
        let refused = node.log(0).truncate_to(Offset(to), LeaderEpoch(0), position);
        let below = LogError::BelowHighWatermark { to: Offset(0), high_watermark: Offset(1) };
        assert_eq!(refused, Err(below));
    }
    assert_eq!(node.log(0).log_end(), Offset(3));
    node.log(0).assert_invariants();
}

#[test]
fn a_log_that_is_made_again_has_nothing_of_the_old_one() {
    let disk = TestDisk::new();
    let mut node = Node::open(&disk);
    node.create(0).unwrap();
    for _ in 0..20 {
        node.append(0, 100).unwrap();
    }
    node.checkpoint().unwrap();
    let log = node.logs.remove(&0).unwrap();
    let again = node.create(0);
    assert!(matches!(again, Err(StorageError::LogExists { .. })));
    node.runtime.block_on(node.storage.delete_log(log)).unwrap();
    assert!(!disk.paths().iter().any(|path| path.starts_with("logs/")), "{:?}", disk.paths());
    node.create(0).unwrap();
    node.append(0, 10).unwrap();
    let disk = node.stop(&disk);
    let node = Node::open(&disk);
    assert_eq!(node.contents(0).unwrap(), expected(1, 10));
}
