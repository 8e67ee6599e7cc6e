//! What storage costs in CPU, over a disk in memory: a journal append from call to durable, a look-up in an index by itself, a
//! read of a segment that begins with one, and a turn of the shard's loop from request to reply.
//!
//! `cargo bench --features testing --bench storage`
#![allow(clippy::disallowed_methods, reason = "a measurement takes the real time")]
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ordain::log::testing::{OffsetIndex, TestDisk, TestRuntime, test_io};
use ordain::log::{LogConfig, PartitionLog, Read, ReadRequest, Storage, StorageOptions};
use ordain::partition::testing::TestNode;
use ordain::partition::{AppendRequest, AppendTerms};
use ordain::types::{LeaderEpoch, NodeId, Offset, PartitionId, PartitionIndex, Timestamp, TopicId};
use ordain::wire::batch::{BatchBuilder, BatchOptions, NewRecord, ValidatedBatch};

const PARTITION: PartitionId = PartitionId { topic: TopicId([7; 16]), index: PartitionIndex(0) };
/// Appends to one node before it is thrown away: fewer than fill its journal.
const APPENDS_PER_NODE: u64 = 500;

fn batch(bytes: usize) -> ValidatedBatch {
    let value = vec![0x5a; bytes];
    let mut builder = BatchBuilder::new(BatchOptions::plain(bytes + 1024));
    let record = NewRecord { timestamp: Timestamp(1), key: None, value: Some(&value), headers: &[] };
    builder.append(record).expect("it fits");
    builder.build()
}

struct Node {
    runtime: TestRuntime,
    storage: Storage,
    log: PartitionLog,
    batch: ValidatedBatch,
}

impl Node {
    /// What is appended again and again is built once.
    fn new(bytes: usize) -> Node {
        let (runtime, disk) = (TestRuntime::new(), TestDisk::new());
        let io = test_io(&runtime, &disk, 1);
        let options =
            StorageOptions { journal_file_bytes: 4 << 20, journal_files: 4, ..StorageOptions::default() };
        let config = LogConfig::default();
        let (storage, log) = runtime.block_on(async {
            let opened = Storage::open(io, NodeId(1), options, |_| LogConfig::default()).await;
            let (storage, _, _) = opened.expect("an empty disk opens");
            let log = storage.create_log(PARTITION, Offset::ZERO, config).await.expect("it is new");
            (storage, log)
        });
        Node { runtime, storage, log, batch: batch(bytes) }
    }

    fn append(&mut self) {
        let position = self.storage.journal().durable_position();
        let placed = self.batch.clone().into_batch().placed_at(self.log.log_end(), LeaderEpoch(0));
        let entry = self.log.append(placed, position).expect("it follows the end");
        let number = entry.number;
        self.runtime.block_on(self.storage.journal().append(vec![entry])).expect("it is durable");
        self.log.durable(number);
        self.log.set_high_watermark(self.log.log_end());
    }
}

/// Times `step` over fresh values of `make`, each of which is used for a bounded number of steps.
fn timed<T>(iterations: u64, mut make: impl FnMut() -> T, mut step: impl FnMut(&mut T)) -> Duration {
    let mut spent = Duration::ZERO;
    let mut left = iterations;
    while left > 0 {
        let count = left.min(APPENDS_PER_NODE);
        let mut value = make();
        let begun = Instant::now();
        (0..count).for_each(|_| step(&mut value));
        spent += begun.elapsed();
        left -= count;
    }
    spent
}

fn journal(c: &mut Criterion) {
    let mut group = c.benchmark_group("journal append");
    for bytes in [100, 16 << 10] {
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(format!("{bytes} bytes"), |b| {
            b.iter_custom(|iterations| timed(iterations, || Node::new(bytes), Node::append));
        });
    }
    group.finish();
}

fn index(c: &mut Criterion) {
    // As many rows as a segment of 1 GiB has.
    const ROWS: u32 = (1 << 30) / 4096;
    let rows = OffsetIndex::of((0..ROWS).map(|row| (row * 4 + 3, row * 4096)));
    let mut offset = 0;
    c.bench_function("look up an offset in an index of a segment of 1 GiB", |b| {
        b.iter(|| {
            offset = (offset + 7_877) % i64::from(ROWS * 4);
            black_box(rows.position_for(Offset(offset)))
        });
    });
    let mut node = Node::new(1024);
    for _ in 0..2000 {
        node.append();
    }
    let work = node.log.take_flush(Timestamp(1)).expect("there is something to flush");
    let outcome = node.runtime.block_on(node.storage.flush(vec![work])).remove(0);
    node.log.flushed(&outcome.expect("it is flushed"));
    node.log.release_tail();
    let mut offset = 0;
    c.bench_function("look up an offset of 2,000 batches and read 1 KiB there", |b| {
        b.iter(|| {
            offset = (offset + 787) % 2000;
            let request = ReadRequest {
                offset: Offset(offset),
                max_bytes: 1024,
                up_to: node.log.high_watermark(),
                min_one_batch: true,
            };
            let read = node.log.read(request).expect("it is in the log");
            let Read::Stored(stored) = read else { panic!("the tail was released") };
            black_box(node.runtime.block_on(stored.run()).expect("it is whole"))
        });
    });
}

fn shard(c: &mut Criterion) {
    let mut group = c.benchmark_group("shard loop, append to reply");
    for bytes in [100, 16 << 10] {
        let batch = batch(bytes);
        let made = || {
            let node = TestNode::new();
            node.open(PARTITION);
            node
        };
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(format!("{bytes} bytes"), |b| {
            b.iter_custom(|iterations| {
                timed(iterations, made, |node| {
                    let append = AppendRequest { id: PARTITION, batch: batch.clone(), replicas_min: 0 };
                    let appended = node.partitions.append_one(append, AppendTerms::COMMITTED);
                    let outcome = node.runtime.block_on(appended).expect("the shard lives");
                    black_box(outcome.expect("it is appended"));
                })
            });
        });
    }
    group.finish();
}

criterion_group!(storage, journal, index, shard);
criterion_main!(storage);
