//! Segments of which something cannot be read come to be whole again with what another replica holds, or stay as they are.
use bytes::Bytes;

use super::node::{Node, batch, expected, partition};
use crate::log::testing::{TestDisk, TestFault, TestRandom};
use crate::log::*;
use crate::types::{NodeId, Offset, Timestamp};
use crate::wire::batch::RecordBatch;

const BATCHES: i64 = 40;
const PADDING: usize = 100;

/// Another replica with the same records, or with some of them.
struct Other {
    batches: Vec<RecordBatch>,
    /// What it says of its files, from one piece to the next.
    rewrites: fn(Offset) -> u32,
}

impl Other {
    fn same() -> Other {
        let batches = (0..BATCHES).map(|i| batch(3 * i, 3, 0, 1_000 + 3 * i, PADDING)).collect();
        Other { batches, rewrites: |_| 0 }
    }
}

impl RepairSource for Other {
    async fn read(&self, wanted: RepairRead) -> Result<RepairPiece, String> {
        let wanted_of_it = self.batches.iter().filter(|batch| {
            batch.header().last_offset() >= wanted.offset && batch.header().base_offset < wanted.up_to
        });
        // In pieces of two batches.
        let bytes: Vec<u8> = wanted_of_it.take(2).flat_map(|batch| batch.to_bytes().to_vec()).collect();
        let version = FilesVersion { log: LogId(9), rewrites: (self.rewrites)(wanted.offset) };
        Ok(RepairPiece { batches: Bytes::from(bytes), from: NodeId(2), version })
    }
}

/// A log whose batches are all in segments, and nowhere else.
fn stored() -> TestDisk {
    let disk = TestDisk::new();
    let mut node = Node::open(&disk);
    node.create(0).unwrap();
    for _ in 0..BATCHES {
        node.append(0, PADDING).unwrap();
    }
    node.checkpoint().unwrap();
    node.stop(&disk)
}

fn segments(disk: &TestDisk) -> Vec<String> {
    let directory = format!("logs/{}/", partition(0));
    let mut files = disk.paths();
    files.retain(|path| path.starts_with(&directory) && path.ends_with(".log"));
    files
}

/// Reads everything, so that what cannot be read is met.
fn meet(node: &mut Node) -> Result<Vec<u8>, ReadError> {
    node.log(0).release_tail();
    node.contents(0)
}

fn repair(node: &mut Node, disk: &TestDisk, other: &Other) -> Result<Repaired, String> {
    let work = node.log(0).take_repair().expect("something could not be read");
    match node.runtime.block_on(work.run(disk, other)) {
        Ok(done) => Ok(node.log(0).repaired(done)),
        Err(failed) => {
            let text = failed.to_string();
            node.log(0).repair_failed(failed);
            Err(text)
        }
    }
}

#[test]
fn what_cannot_be_read_comes_from_another_replica_whatever_bytes_were_hit() {
    let whole = stored();
    let paths = segments(&whole);
    assert!(paths.len() > 4, "{paths:?}");
    for path in [&paths[0], &paths[2], paths.last().unwrap()] {
        for at in (0..whole.bytes(path).unwrap().len()).step_by(7) {
            let disk = whole.restart();
            disk.corrupt(path, at);
            let mut node = Node::open(&disk);
            if meet(&mut node).is_ok() {
                // It hit an offset or an epoch that the log does not hold against anything.
                continue;
            }
            let outcome = repair(&mut node, &disk, &Other::same()).unwrap();
            assert!(
                matches!(outcome, Repaired::Replaced { from: NodeId(2), bytes } if bytes > 0),
                "{outcome:?}"
            );
            assert_eq!(node.contents(0).unwrap(), expected(BATCHES, PADDING), "{path} at {at}");
            // The log goes on, and nothing but the repaired segment is left.
            node.append(0, PADDING).unwrap();
            node.checkpoint().unwrap();
            assert!(disk.bytes(path).is_none(), "{path} is garbage");
            let mut node = Node::open(&node.stop(&disk));
            assert!(node.report.damaged.is_empty(), "{:?}", node.report.damaged);
            assert_eq!(meet(&mut node).unwrap(), expected(BATCHES + 1, PADDING), "{path} at {at}");
        }
    }
}

#[test]
fn a_crash_in_a_repair_leaves_the_log_as_it_was_or_whole() {
    let whole = stored();
    let path = segments(&whole)[1].clone();
    let mut repaired = 0;
    for at in 1..20 {
        let disk = whole.restart();
        disk.corrupt(&path, 100);
        let mut node = Node::open(&disk);
        meet(&mut node).unwrap_err();
        disk.inject(TestFault::CrashAt(at));
        if repair(&mut node, &disk, &Other::same()).is_ok() {
            let _crashed = node.checkpoint();
        }
        let disk = disk.lose_power(&mut TestRandom(at));
        disk.heal();
        let mut node = Node::open(&disk);
        assert!(node.report.damaged.is_empty(), "crash {at}: {:?}", node.report.damaged);
        match meet(&mut node) {
            Ok(contents) => {
                assert_eq!(contents, expected(BATCHES, PADDING), "crash {at}");
                repaired += 1;
            }
            Err(_) => {
                repair(&mut node, &disk, &Other::same()).unwrap();
                assert_eq!(node.contents(0).unwrap(), expected(BATCHES, PADDING), "crash {at}");
            }
        }
    }
    assert!((1..19).contains(&repaired), "{repaired} of 19 were repaired before the crash");
}

#[test]
fn an_error_that_passes_costs_nothing() {
    let disk = stored();
    let mut node = Node::open(&disk);
    let path = segments(&disk)[1].clone();
    disk.inject(TestFault::FailReadsOf(path));
    meet(&mut node).unwrap_err();
    disk.heal();
    assert_eq!(repair(&mut node, &disk, &Other::same()), Ok(Repaired::Sound));
    assert_eq!(node.contents(0).unwrap(), expected(BATCHES, PADDING));
    assert!(!node.log(0).is_wounded());
}

/// What another replica has in the place of what it should have.
type Change = fn(Vec<RecordBatch>) -> Vec<RecordBatch>;

#[test]
fn what_does_not_fit_the_log_is_not_taken() {
    let whole = stored();
    let path = segments(&whole)[1].clone();
    let wrong: [(&str, Change); 3] = [
        ("holds nothing", |_| Vec::new()),
        ("in the place of the one with", |all| all.into_iter().step_by(2).collect()),
        ("in the place of the one with", |_| (0..30).map(|i| batch(4 * i, 4, 0, 1_000, PADDING)).collect()),
    ];
    for (text, change) in wrong {
        let disk = whole.restart();
        disk.corrupt(&path, 100);
        let mut node = Node::open(&disk);
        meet(&mut node).unwrap_err();
        let other = Other { batches: change(Other::same().batches), ..Other::same() };
        let refused = repair(&mut node, &disk, &other).unwrap_err();
        assert!(refused.contains(text), "{refused}");
        assert!(node.log(0).is_wounded(), "it is tried again");
        meet(&mut node).unwrap_err();
        repair(&mut node, &disk, &Other::same()).unwrap();
        assert_eq!(node.contents(0).unwrap(), expected(BATCHES, PADDING));
        // What the refused one had begun goes with the rest.
        node.checkpoint().unwrap();
        assert_eq!(segments(&disk).len(), segments(&whole).len());
    }
}

/// What a compaction has left is each replica's own: a tombstone that is gone there must not leave here what it deleted.
#[test]
fn a_compacted_log_takes_all_before_from_one_state_of_one_replica() {
    let whole = stored();
    let path = segments(&whole)[2].clone();
    let compacted = |disk: &TestDisk| {
        let mut node = Node::open(disk);
        let config = LogConfig { compact: true, ..node.log(0).config().clone() };
        node.log(0).set_config(config);
        meet(&mut node).unwrap_err();
        node
    };
    let every_other = || Other::same().batches.into_iter().step_by(2).collect::<Vec<_>>();
    let disk = whole.restart();
    disk.corrupt(&path, 100);
    let mut node = compacted(&disk);
    let moved = Other { batches: every_other(), rewrites: |offset| u32::from(offset > Offset(20)) };
    assert!(repair(&mut node, &disk, &moved).unwrap_err().contains("compacted meanwhile"));
    let other = Other { batches: every_other(), ..Other::same() };
    assert!(matches!(repair(&mut node, &disk, &other), Ok(Repaired::Replaced { .. })));
    let end = node.contents(0).unwrap();
    let bases: Vec<i64> =
        crate::wire::batch::BatchIterator::new(end.into(), crate::wire::batch::BatchCheck::Verify)
            .map(|batch| batch.unwrap().header().base_offset.0)
            .collect();
    let first_kept =
        bases.windows(2).position(|two| two[1] - two[0] == 3).expect("later segments stay as they are");
    assert!(first_kept > 2, "{bases:?}");
    assert!(bases[..=first_kept].iter().all(|base| base % 6 == 0), "{bases:?}");
    assert!(bases[first_kept..].windows(2).all(|two| two[1] - two[0] == 3), "{bases:?}");
}

/// Memory holds more than the other replica's compaction has left.
#[test]
fn what_another_replica_no_longer_has_is_not_read_from_memory() {
    let disk = TestDisk::new();
    let mut node = Node::open(&disk);
    node.create(0).unwrap();
    for _ in 0..BATCHES {
        node.append(0, PADDING).unwrap();
    }
    node.checkpoint().unwrap();
    let config = LogConfig { compact: true, ..node.log(0).config().clone() };
    node.log(0).set_config(config);
    let first_end = node.log(0).segment_states()[0].end;
    disk.corrupt(&segments(&disk)[0], 100);
    // A search by time reads files, be what they hold in memory or not.
    let end = node.log(0).log_end();
    let Ok(TimestampRead::Stored(search)) = node.log(0).find_timestamp(Timestamp(0), Offset::ZERO, end)
    else {
        panic!("it is in segments")
    };
    node.runtime.block_on(search.run()).unwrap_err();
    assert_eq!(node.contents(0).unwrap(), expected(BATCHES, PADDING), "from memory");
    let other = Other { batches: Other::same().batches.into_iter().step_by(2).collect(), ..Other::same() };
    assert!(matches!(repair(&mut node, &disk, &other), Ok(Repaired::Replaced { .. })));
    let contents = node.contents(0).unwrap();
    let replaced = other.batches.iter().filter(|batch| batch.header().base_offset < first_end);
    let replaced: Vec<u8> = replaced.flat_map(|batch| batch.to_bytes().to_vec()).collect();
    assert!(contents.starts_with(&replaced), "what the other has");
    let kept = (0..BATCHES).map(|i| batch(3 * i, 3, 0, 1_000 + 3 * i, PADDING));
    let kept: Vec<u8> = kept
        .filter(|batch| batch.header().base_offset >= first_end)
        .flat_map(|b| b.to_bytes().to_vec())
        .collect();
    assert_eq!(contents[replaced.len()..], kept, "and what was not replaced");
}
