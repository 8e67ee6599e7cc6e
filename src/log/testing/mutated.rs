//! Recovery over files that were tampered with: the entry point of the fuzz target `journal_recovery`.
use std::sync::OnceLock;

use bytes::{BufMut, Bytes, BytesMut};

use super::{TestDisk, TestRuntime, test_io};
use crate::log::{
    EntryBody, LogConfig, PartitionLog, Read, ReadRequest, Storage, StorageOptions, UnattributedDamage,
};
use crate::types::{LeaderEpoch, NodeId, Offset, PartitionId, PartitionIndex, Timestamp, TopicId};
use crate::wire::batch::{BatchBuilder, BatchOptions, NewRecord, RecordBatch};

const NODE: NodeId = NodeId(1);
const LOGS: i32 = 3;
/// The log of which each third batch is large, and written once.
const LARGE: i32 = 2;
const BATCHES: i64 = 12;

fn partition(index: i32) -> PartitionId {
    PartitionId { topic: TopicId([9; 16]), index: PartitionIndex(index) }
}

fn options() -> StorageOptions {
    StorageOptions {
        journal_file_bytes: 64 << 10,
        journal_files: 3,
        place_bytes_min: 8 << 10,
        ..StorageOptions::default()
    }
}

fn config(partition: PartitionId) -> LogConfig {
    let segment_bytes = if partition.index.0 == LARGE { 128 << 10 } else { 512 };
    LogConfig { segment_bytes, index_interval_bytes: 100, ..LogConfig::default() }
}

/// The batch of one record that stands at `offset` of log `index`.
fn batch(index: i32, offset: i64) -> RecordBatch {
    let mut builder = BatchBuilder::new(BatchOptions::plain(16 << 10));
    let length = if index == LARGE && offset % 3 == 0 { 9_000 } else { 60 };
    let value = Bytes::from(format!("log {index} offset {offset} {}", "x".repeat(length)));
    let record =
        NewRecord { timestamp: Timestamp(1_000 + offset), key: None, value: Some(&value[..]), headers: &[] };
    builder.append(record).expect("a small record fits");
    builder.build().into_batch().placed_at(Offset(offset), LeaderEpoch(0))
}

/// A node's disk with three logs, half in segments, half in the journal.
fn image() -> &'static Image {
    static IMAGE: OnceLock<Image> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let disk = TestDisk::new();
        let runtime = TestRuntime::new();
        let io = test_io(&runtime, &disk, 5);
        runtime.block_on(async {
            let opened = Storage::open(io, NODE, options(), config).await;
            let (storage, _, _) = opened.expect("a new node opens");
            let mut logs = Vec::new();
            for index in 0..LOGS {
                let created =
                    storage.create_log(partition(index), Offset::ZERO, config(partition(index))).await;
                logs.push(created.expect("the log is new"));
            }
            for offset in 0..BATCHES {
                for log in &mut logs {
                    write_one(&storage, log, offset).await;
                }
                if offset == 0 || offset == BATCHES / 2 {
                    checkpoint(&storage, &mut logs).await;
                }
            }
            storage.close().await.expect("the journal is sound");
        });
        let files =
            disk.paths().into_iter().map(|path| (path.clone(), disk.bytes(&path).unwrap_or_default()));
        Image { files: files.collect() }
    })
}

struct Image {
    files: Vec<(String, Vec<u8>)>,
}

async fn write_one(storage: &Storage, log: &mut PartitionLog, offset: i64) {
    let position = storage.journal().durable_position();
    let index = log.key().partition.index.0;
    let entry = log.append_placing(batch(index, offset), position, Timestamp(0)).expect("it follows the end");
    let is_placed = matches!(entry.body, EntryBody::Placed(_));
    assert_eq!(is_placed, index == LARGE && offset > 0 && offset % 3 == 0, "log {index} offset {offset}");
    let number = entry.number;
    storage.journal().append(vec![entry]).await.expect("the journal is sound");
    log.durable(number);
    log.set_high_watermark(log.log_end());
}

async fn checkpoint(storage: &Storage, logs: &mut [PartitionLog]) {
    let mut round = storage.begin_checkpoint();
    for log in logs.iter_mut() {
        let works = log.take_flush(Timestamp(0)).into_iter().collect();
        for outcome in storage.flush(works).await {
            log.flushed(&outcome.expect("the disk is sound"));
        }
        round.require(log.needs_from());
    }
    storage.checkpoint(round).await.expect("the disk is sound");
}

/// Changes files as `data` says, opens the node and reads all it serves. Eight bytes are one change: which
/// file, what to do, where, and with what.
///
/// # Panics
/// The findings: if a batch is served that was never written there; or if one change alone takes something away without a word. No
/// commit is like a torn one then: the last of the journal is vouched for.
pub fn open(data: &[u8]) {
    let disk = TestDisk::new();
    for (path, bytes) in &image().files {
        disk.set_bytes(path, bytes.clone());
    }
    let policy = if data.first().is_some_and(|byte| byte % 2 == 0) {
        UnattributedDamage::Refuse
    } else {
        UnattributedDamage::DamageAllLogs
    };
    for change in data.chunks_exact(8) {
        mutate(&disk, change);
    }
    let is_one_change = data.chunks_exact(8).len() <= 1;
    let runtime = TestRuntime::new();
    let io = test_io(&runtime, &disk, 6);
    let options = StorageOptions { unattributed_damage: policy, ..options() };
    runtime.block_on(async {
        let Ok((storage, logs, _)) = Storage::open(io, NODE, options, config).await else { return };
        if is_one_change {
            assert_eq!(logs.len(), LOGS as usize, "all logs are there");
        }
        for log in &logs {
            let is_whole = read_all(log).await;
            if is_one_change && log.damage().is_none() {
                assert!(is_whole, "{}: what is not damaged is whole", log.key().partition);
            }
        }
        drop(storage);
    });
    runtime.kill();
}

fn mutate(disk: &TestDisk, change: &[u8]) {
    let files = &image().files;
    let (path, _) = &files[usize::from(change[0]) % files.len()];
    let Some(mut bytes) = disk.bytes(path) else { return };
    let place = usize::from(u16::from_be_bytes([change[2], change[3]]));
    match change[1] % 6 {
        0 | 1 if !bytes.is_empty() => {
            let length = bytes.len();
            bytes[place % length] ^= change[4] | 1;
        }
        2 => bytes.truncate(place.min(bytes.len())),
        3 => {
            let mut longer = BytesMut::from(&bytes[..]);
            longer.put_bytes(change[4], place % 10_000);
            bytes = longer.to_vec();
        }
        4 => {
            // A misdirected block: another's contents in its place.
            let blocks = bytes.len() / 4096;
            if blocks > 1 {
                let (from, to) = (usize::from(change[4]) % blocks, place % blocks);
                let block = bytes[from * 4096..(from + 1) * 4096].to_vec();
                bytes[to * 4096..(to + 1) * 4096].copy_from_slice(&block);
            }
        }
        5 if change[5].is_multiple_of(4) => return disk.delete_file(path),
        _ => {
            let start = place.min(bytes.len());
            let end = (start + usize::from(change[5])).min(bytes.len());
            bytes[start..end].fill(change[6]);
        }
    }
    disk.set_bytes(path, bytes);
}

/// Whether all is there that was written, but for what readers are told that it cannot be read.
async fn read_all(log: &PartitionLog) -> bool {
    log.assert_invariants();
    let mut offset = log.log_start();
    while offset < log.log_end() {
        let request = ReadRequest { offset, max_bytes: 300, up_to: log.log_end(), min_one_batch: true };
        let pieces = match log.read(request) {
            Ok(Read::Memory(pieces)) => pieces,
            Ok(Read::Stored(stored)) => match stored.run().await {
                Ok(pieces) => pieces,
                Err(_) => return log.log_end() == Offset(BATCHES),
            },
            Err(_) => return log.log_end() == Offset(BATCHES),
        };
        let bytes = Bytes::from(pieces.concat());
        let index = log.key().partition.index.0;
        let mut at = 0;
        while at < bytes.len() {
            let written = batch(index, offset.0).to_bytes();
            assert!(bytes[at..].starts_with(&written), "log {index} serves something else at {offset}");
            at += written.len();
            offset = offset.plus(1);
        }
        if bytes.is_empty() {
            return false;
        }
    }
    log.log_start() == Offset::ZERO && log.log_end() == Offset(BATCHES)
}
