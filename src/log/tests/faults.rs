use super::node::{Node, expected, small_options};
use crate::log::testing::{TestDisk, TestFault, TestRandom, mutated};
use crate::log::*;
use crate::types::Offset;
use crate::wire::batch::BatchHeader;

/// Two logs with 40 batches each, in segments by a checkpoint, and five more in the journal.
fn two_logs() -> TestDisk {
    let disk = TestDisk::new();
    let mut node = Node::open(&disk);
    for index in 0..2 {
        node.create(index).unwrap();
        for _ in 0..40 {
            node.append(index, 100).unwrap();
        }
        node.checkpoint().unwrap();
    }
    for index in 0..2 {
        for _ in 0..5 {
            node.append(index, 100).unwrap();
        }
    }
    node.stop(&disk)
}

fn segment(disk: &TestDisk, index: i32, number: usize, suffix: &str) -> String {
    let directory = format!("logs/{}/", super::node::partition(index));
    let mut files = disk.paths();
    files.retain(|path| path.starts_with(&directory) && path.ends_with(suffix));
    files[number].clone()
}

#[test]
fn a_full_disk_fails_the_flush_and_loses_nothing() {
    let disk = TestDisk::new();
    let mut node = Node::open(&disk);
    node.create(0).unwrap();
    for _ in 0..10 {
        node.append(0, 100).unwrap();
    }
    disk.set_capacity(Some(0));
    let failures = node.flush();
    assert!(failures[0].contains("the disk is full"), "{failures:?}");
    assert!(matches!(node.checkpoint(), Err(StorageError::Checkpoint(_))));
    node.append(0, 100).unwrap();
    assert_eq!(node.contents(0).unwrap(), expected(11, 100));
    disk.set_capacity(None);
    node.checkpoint().unwrap();
    assert_eq!(node.logs[&0].needs_from(), None);
    let disk = disk.lose_power(&mut TestRandom(1));
    assert_eq!(Node::open(&disk).contents(0).unwrap(), expected(11, 100));
}

#[test]
fn after_a_failed_sync_the_batches_go_to_another_file() {
    for seed in 0..20 {
        let disk = TestDisk::new();
        let mut node = Node::open(&disk);
        node.create(0).unwrap();
        for i in 0..12 {
            node.append(0, 100).unwrap();
            if i == 2 {
                node.checkpoint().unwrap();
            }
            if i == 3 {
                disk.inject(TestFault::FailSync("00000000000000000000.log".to_owned()));
                assert!(node.flush()[0].contains("syncing"));
            }
        }
        node.checkpoint().unwrap();
        assert!(
            disk.paths().iter().any(|path| path.ends_with("00000000000000000009.log")),
            "{:?}",
            disk.paths()
        );
        let disk = disk.lose_power(&mut TestRandom(seed));
        assert_eq!(Node::open(&disk).contents(0).unwrap(), expected(12, 100));
    }
}

/// A removal's sync of `logs/` fails while a flush makes a log's directory: the flush's own sync of it proves nothing.
#[test]
fn names_that_another_may_have_lost_are_made_anew() {
    for seed in 0..8 {
        let disk = TestDisk::new();
        let mut node = Node::open(&disk);
        node.create(0).unwrap();
        node.append(0, 100).unwrap();
        let now = node.runtime.clock().wall();
        let work = node.log(0).take_flush(now).expect("a batch is to be flushed");
        disk.inject(TestFault::FailSyncDir("logs".to_owned()));
        let storage = node.storage.clone();
        let (mut outcomes, removed) = node.runtime.block_on(async {
            tokio::join!(storage.flush(vec![work]), storage.remove_left_files(super::node::partition(7)))
        });
        assert!(removed.is_err(), "its sync is the one that fails");
        let Err(failed) = outcomes.remove(0) else { panic!("the names are not durable") };
        assert!(failed.to_string().contains("another sync"), "{failed}");
        node.log(0).flush_failed(failed);
        node.checkpoint().unwrap();
        let disk = disk.lose_power(&mut TestRandom(seed));
        assert_eq!(Node::open(&disk).contents(0).unwrap(), expected(1, 100));
    }
}

/// Whatever of the flush comes before the deletion, and whatever after it.
#[test]
fn a_log_that_is_deleted_while_it_is_flushed_leaves_no_file_and_harms_no_other() {
    for delay in 0..40 {
        let disk = TestDisk::new();
        let mut node = Node::open(&disk);
        for index in 0..2 {
            node.create(index).unwrap();
            node.append(index, 100).unwrap();
        }
        let now = node.runtime.clock().wall();
        let works: Vec<FlushWork> = node.logs.values_mut().filter_map(|log| log.take_flush(now)).collect();
        let (storage, log) = (node.storage.clone(), node.logs.remove(&0).unwrap());
        let deletion = async {
            for _ in 0..delay {
                crate::io::Disk::list(&disk, "logs").await.unwrap();
            }
            storage.delete_log(log).await
        };
        let (mut outcomes, deleted) =
            node.runtime.block_on(async { tokio::join!(storage.flush(works), deletion) });
        deleted.unwrap();
        let Some(Ok(other)) = outcomes.pop() else {
            panic!("after {delay} turns: the other log's flush failed")
        };
        node.log(1).flushed(&other);
        let left = format!("logs/{}/", super::node::partition(0));
        assert!(!disk.paths().iter().any(|path| path.starts_with(&left)), "after {delay} turns");
        node.create(0).unwrap();
        node.append(0, 100).unwrap();
        node.checkpoint().unwrap();
        let disk = disk.lose_power(&mut TestRandom(delay));
        let node = Node::open(&disk);
        for index in 0..2 {
            assert_eq!(node.contents(index).unwrap(), expected(1, 100), "after {delay} turns");
        }
    }
}

#[test]
fn a_damaged_batch_is_found_and_not_served() {
    let disk = two_logs();
    let path = segment(&disk, 0, 1, ".log");
    disk.corrupt(&path, 100);
    let node = Node::open(&disk);
    assert!(node.report.damaged.is_empty(), "segments are not read at the start");
    let error = node.contents(0).unwrap_err();
    let ReadError::Corrupt { file, position, .. } = error else { panic!("{error}") };
    assert_eq!((file, position), (path, 0));
    assert_eq!(node.contents(1).unwrap(), expected(45, 100), "the other log serves");
    assert!(!node.read(0, 0, 1 << 20).unwrap().is_empty(), "what is before it is served");
}

/// Whatever byte of a batch is destroyed: its offsets give an error, all others their records.
#[test]
fn what_lies_behind_a_damaged_batch_is_served() {
    let whole = two_logs();
    let path = segment(&whole, 0, 0, ".log");
    let index = segment(&whole, 0, 0, ".index");
    let length = 61 + 100;
    for byte in (0..61).chain([70, 160]) {
        for with_index in [true, false] {
            let disk = whole.restart();
            if !with_index {
                disk.delete_file(&index);
            }
            // The second of six batches with three records each.
            disk.corrupt(&path, length + byte);
            let node = Node::open(&disk);
            for offset in 0..45 {
                let read = node.read(0, offset, 1);
                if (3..6).contains(&offset) {
                    let error = read.unwrap_err();
                    assert!(
                        matches!(error, ReadError::Corrupt { .. }),
                        "byte {byte} offset {offset}: {error}"
                    );
                } else {
                    let batch = BatchHeader::parse(&read.unwrap()).unwrap();
                    assert_eq!(batch.base_offset, Offset(offset / 3 * 3), "byte {byte} offset {offset}");
                }
            }
        }
    }
}

/// A write that missed its place: later batches, whole, where earlier ones were.
#[test]
fn what_lies_behind_a_misdirected_write_is_served() {
    let disk = two_logs();
    let (path, index) = (segment(&disk, 0, 0, ".log"), segment(&disk, 0, 0, ".index"));
    disk.delete_file(&index);
    let mut bytes = disk.bytes(&path).unwrap();
    let length = 61 + 100;
    // The last of six batches lies across the second and the third; its own place is empty.
    let last = bytes[5 * length..6 * length].to_vec();
    bytes[length + 30..][..length].copy_from_slice(&last);
    bytes[5 * length..6 * length].fill(0);
    disk.set_bytes(&path, bytes);
    let node = Node::open(&disk);
    for offset in 0..45 {
        let read = node.read(0, offset, 1);
        match offset {
            3..9 | 15..18 => assert!(read.is_err(), "offset {offset}"),
            _ => {
                let batch = BatchHeader::parse(&read.unwrap()).unwrap();
                assert_eq!(batch.base_offset, Offset(offset / 3 * 3), "offset {offset}");
            }
        }
    }
}

/// Two batches that missed their place lie amid earlier ones: what comes behind their own place is found though the walk
/// over the misplaced ones ends just where it begins.
#[test]
fn what_lies_behind_a_run_of_misdirected_batches_is_served() {
    let whole = two_logs();
    let (path, index) = (segment(&whole, 0, 0, ".log"), segment(&whole, 0, 0, ".index"));
    let mut bytes = whole.bytes(&path).unwrap();
    let length = 61 + 100;
    let run = bytes[3 * length..5 * length].to_vec();
    bytes[length + 30..][..run.len()].copy_from_slice(&run);
    bytes[3 * length + 30..5 * length].fill(0);
    for with_index in [true, false] {
        let disk = whole.restart();
        disk.set_bytes(&path, bytes.clone());
        if !with_index {
            disk.delete_file(&index);
        }
        let node = Node::open(&disk);
        for offset in (0..45).filter(|offset| !(9..15).contains(offset)) {
            let read = node.read(0, offset, 1);
            if (3..9).contains(&offset) {
                assert!(read.is_err(), "offset {offset}, index {with_index}");
            } else {
                let read =
                    read.unwrap_or_else(|error| panic!("offset {offset}, index {with_index}: {error}"));
                let batch = BatchHeader::parse(&read).unwrap();
                assert_eq!(batch.base_offset, Offset(offset / 3 * 3), "offset {offset}");
            }
        }
    }
}

/// A batch inside a record of a damaged batch is not taken for one of the log's.
#[test]
fn what_only_looks_like_a_batch_is_not_served() {
    let disk = two_logs();
    let path = segment(&disk, 0, 0, ".log");
    let mut bytes = disk.bytes(&path).unwrap();
    let forged = super::node::batch(4, 1, 0, 1, 10).to_bytes();
    // Inside the second batch, whose offsets are 3 to 5.
    bytes[161 + 61..][..forged.len()].copy_from_slice(&forged);
    disk.set_bytes(&path, bytes);
    let node = Node::open(&disk);
    for offset in 3..6 {
        assert!(matches!(node.read(0, offset, 1), Err(ReadError::Corrupt { .. })), "offset {offset}");
    }
    assert!(node.read(0, 6, 1).is_ok());
}

#[test]
fn an_index_is_a_hint() {
    let disk = two_logs();
    let path = segment(&disk, 0, 0, ".index");
    assert!(disk.bytes(&path).unwrap().len() > 8);
    for offset in [1, 3, 6, 7] {
        let mut bytes = disk.bytes(&path).unwrap();
        bytes[offset] ^= 0x41;
        let changed = disk.restart();
        changed.set_bytes(&path, bytes);
        assert_eq!(Node::open(&changed).contents(0).unwrap(), expected(45, 100), "byte {offset}");
    }
    let without = disk.restart();
    without.delete_file(&path);
    let node = Node::open(&without);
    assert_eq!(node.report.indexes_short, [path]);
    assert_eq!(node.contents(0).unwrap(), expected(45, 100));
}

/// Has the indexes made again that are known to be bad; says of how many segments.
fn reindex(node: &mut Node, disk: &TestDisk, index: i32) -> usize {
    let mut count = 0;
    while let Some(work) = node.log(index).take_reindex() {
        let done = node.runtime.block_on(work.run(disk)).unwrap();
        node.log(index).reindexed(&done);
        count += 1;
    }
    count
}

#[test]
fn indexes_that_are_lost_or_wrong_are_made_again_from_their_segment() {
    let disk = two_logs();
    let paths = [segment(&disk, 0, 0, ".index"), segment(&disk, 0, 0, ".timeindex")];
    let whole = paths.each_ref().map(|path| disk.bytes(path).unwrap());
    let is_whole =
        |disk: &TestDisk| paths.each_ref().map(|path| disk.bytes(path).unwrap_or_default()) == whole;
    // Missing, and short.
    let lost = disk.restart();
    lost.delete_file(&paths[0]);
    lost.set_bytes(&paths[1], whole[1][..12].to_vec());
    let mut node = Node::open(&lost);
    assert!(node.storage.file_cache().has_suspects());
    assert_eq!(reindex(&mut node, &lost, 0), 1, "both of one segment at once");
    assert!(is_whole(&lost));
    // It stays so, with and without the next checkpoint.
    let again = lost.restart();
    let node = Node::open(&again);
    assert!(node.report.indexes_short.is_empty(), "{:?}", node.report.indexes_short);
    // A row that leads astray is found by the read that follows it.
    let astray = disk.restart();
    let mut bytes = whole[0].clone();
    bytes[7] ^= 0x41;
    astray.set_bytes(&paths[0], bytes);
    let mut node = Node::open(&astray);
    assert!(!node.storage.file_cache().has_suspects());
    node.log(0).release_tail();
    // Backwards, so that each read looks at the index.
    for offset in (0..40).rev().map(|batch| 3 * batch) {
        let read = node.read(0, offset, 1).unwrap();
        assert_eq!(BatchHeader::parse(&read).unwrap().base_offset, Offset(offset));
    }
    assert_eq!(node.contents(0).unwrap(), expected(45, 100));
    assert_eq!(reindex(&mut node, &astray, 0), 1);
    assert!(is_whole(&astray));
    assert_eq!(node.contents(0).unwrap(), expected(45, 100));
}

/// Broker seed 298: a bit of a time index flipped, and a search by time began behind what it was for.
#[test]
fn a_bit_that_flips_in_an_index_leads_no_search_by_time_astray() {
    let disk = two_logs();
    for suffix in [".timeindex", ".index"] {
        let path = segment(&disk, 0, 0, suffix);
        let whole = disk.bytes(&path).unwrap();
        let mut made_again = 0;
        for bit in 0..8 * whole.len() {
            let astray = disk.restart();
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            astray.set_bytes(&path, bytes);
            let mut node = Node::open(&astray);
            node.log(0).release_tail();
            for batch in 0..40 {
                assert_eq!(node.find(0, 1_000 + 3 * batch), Some(3 * batch), "{path}: bit {bit}");
            }
            made_again += reindex(&mut node, &astray, 0);
        }
        assert!(made_again > 0, "{path}");
    }
}

#[test]
fn a_crash_while_indexes_are_made_again_loses_nothing() {
    for at in 1..12 {
        let disk = two_logs();
        disk.delete_file(&segment(&disk, 0, 0, ".index"));
        let mut node = Node::open(&disk);
        disk.inject(TestFault::CrashAt(at));
        let work = node.log(0).take_reindex().expect("an index is missing");
        if let Ok(done) = node.runtime.block_on(work.run(&disk)) {
            node.log(0).reindexed(&done);
            let _crashed = node.checkpoint();
        }
        let disk = disk.lose_power(&mut TestRandom(at));
        disk.heal();
        let mut node = Node::open(&disk);
        assert!(node.report.damaged.is_empty(), "crash {at}: {:?}", node.report.damaged);
        assert_eq!(node.contents(0).unwrap(), expected(45, 100), "crash {at}");
        reindex(&mut node, &disk, 0);
        assert_eq!(node.contents(0).unwrap(), expected(45, 100), "crash {at}");
    }
}

#[test]
fn a_missing_or_short_segment_takes_down_its_log_alone_and_for_good() {
    for shorten in [false, true] {
        let disk = two_logs();
        let path = segment(&disk, 0, 2, ".log");
        if shorten {
            let mut bytes = disk.bytes(&path).unwrap();
            bytes.pop();
            disk.set_bytes(&path, bytes);
        } else {
            disk.delete_file(&path);
        }
        let mut node = Node::open(&disk);
        assert_eq!(node.report.damaged.len(), 1);
        assert_eq!(node.report.damaged[0].partition, super::node::partition(0));
        assert!(matches!(node.contents(0), Err(ReadError::Damaged(_))));
        let position = node.position();
        let refused = node.log(0).start_epoch(crate::types::LeaderEpoch(9), position);
        assert!(matches!(refused, Err(LogError::Damaged(_))));
        assert_eq!(node.contents(1).unwrap(), expected(45, 100));
        node.checkpoint().unwrap();
        let disk = node.stop(&disk);
        let mut node = Node::open(&disk);
        assert_eq!(node.report.damaged.len(), 1, "remembered");
        // Repair: away with it, and made again.
        let log = node.logs.remove(&0).unwrap();
        node.runtime.block_on(node.storage.delete_log(log)).unwrap();
        node.create(0).unwrap();
        node.append(0, 100).unwrap();
        assert_eq!(node.contents(0).unwrap(), expected(1, 100));
    }
}

/// A log with a batch that is not committed keeps the journal, and with it entries of another one that are in segments.
#[test]
fn damage_in_the_journal_costs_nothing_that_is_in_segments() {
    for covered in [true, false] {
        let disk = TestDisk::new();
        let mut node = Node::open(&disk);
        node.create(0).unwrap();
        node.create(1).unwrap();
        node.checkpoint().unwrap();
        let position = node.position();
        let waiting = node.log(0).append(super::node::batch(0, 3, 0, 1_000, 100), position).unwrap();
        node.commit(0, vec![waiting]).unwrap();
        let hit = node.position();
        for _ in 0..5 {
            node.append(1, 100).unwrap();
        }
        if covered {
            node.checkpoint().unwrap();
        }
        // So that something follows in the journal.
        node.append(1, 100).unwrap();
        let disk = node.stop(&disk);
        disk.corrupt(&hit.file.path(), usize::try_from(hit.offset).unwrap() + 90);
        let node = Node::open(&disk);
        assert_eq!(node.report.journal.attributed.len(), 1, "it is told in any case");
        let damaged: Vec<_> = node.report.damaged.iter().map(|damage| damage.partition).collect();
        assert_eq!(damaged, if covered { Vec::new() } else { vec![super::node::partition(1)] });
        if covered {
            assert_eq!(node.contents(1).unwrap(), expected(6, 100));
        }
    }
}

#[test]
fn damage_in_the_journal_takes_down_the_log_that_it_concerns() {
    let disk = two_logs();
    // The last commit but one, of log 1: found by its payload.
    let path = "journal/00000000000000000006.journal";
    let file = disk.paths().into_iter().filter(|p| p.ends_with(".journal")).find(|p| {
        let bytes = disk.bytes(p).unwrap();
        bytes.chunks(4096).any(|block| block.starts_with(b"ORDNJRNL"))
    });
    assert!(file.is_some(), "{path}");
    let node = Node::open(&disk);
    let end = node.position();
    let disk = node.stop(&disk);
    let block = usize::try_from(end.offset).unwrap() - 2 * 4096;
    disk.corrupt(&end.file.path(), block + 90);
    let mut node = Node::open(&disk);
    assert_eq!(node.report.damaged.len(), 1, "{:?}", node.report);
    assert_eq!(node.report.damaged[0].partition, super::node::partition(1));
    assert_eq!(node.contents(0).unwrap(), expected(45, 100));
    assert!(node.logs[&1].needs_from().is_some(), "the journal stays until a checkpoint knows");
    node.checkpoint().unwrap();
    assert_eq!(
        node.logs[&1].needs_from(),
        None,
        "and no longer: its readable entries would fill it for ever"
    );
    let disk = node.stop(&disk);
    assert_eq!(Node::open(&disk).report.damaged.len(), 1);
}

#[test]
fn one_copy_of_the_checkpoint_is_enough_and_none_is_too_few() {
    for path in ["checkpoint", "checkpoint.copy"] {
        let disk = two_logs();
        disk.corrupt(path, 60);
        let mut node = Node::open(&disk);
        assert!(node.report.checkpoint_copy.as_ref().unwrap().contains(path));
        assert_eq!(node.contents(0).unwrap(), expected(45, 100));
        node.checkpoint().unwrap();
        let disk = node.stop(&disk);
        assert_eq!(Node::open(&disk).report.checkpoint_copy, None, "both are written again");
    }
    let disk = two_logs();
    disk.corrupt("checkpoint", 60);
    disk.corrupt("checkpoint.copy", 60);
    assert!(matches!(Node::open_with(&disk, small_options()), Err(StorageError::Checkpoint(_))));
    disk.delete_file("checkpoint");
    disk.delete_file("checkpoint.copy");
    let error = Node::open_with(&disk, small_options()).map(|_| ()).unwrap_err();
    assert!(matches!(error, StorageError::CheckpointLost { .. }), "{error}");
}

/// The copies differ (a crash came between the two), one cannot be read at one start and can be at the next: neither start
/// takes the files for what the other's checkpoint says of them.
#[test]
fn a_checkpoint_that_cannot_be_read_for_a_while_does_not_come_back() {
    for (first_unread, second_unread) in [
        (Some("checkpoint"), None),
        (None, Some("checkpoint")),
        (Some("checkpoint.copy"), Some("checkpoint")),
        (Some("checkpoint"), Some("checkpoint.copy")),
    ] {
        for full in [false, true] {
            let disk = TestDisk::new();
            let mut node = Node::open(&disk);
            node.create(0).unwrap();
            for _ in 0..20 {
                node.append(0, 100).unwrap();
            }
            node.checkpoint().unwrap();
            let older = disk.bytes("checkpoint.copy").unwrap();
            for _ in 0..8 {
                node.append(0, 100).unwrap();
            }
            node.checkpoint().unwrap();
            let mut disk = node.stop(&disk);
            disk.set_bytes("checkpoint.copy", older);
            for unread in [first_unread, second_unread, None] {
                if let Some(path) = unread {
                    disk.inject(TestFault::FailReadsOf(path.to_owned()));
                }
                disk.set_capacity(full.then_some(0));
                let when = format!("{first_unread:?} {second_unread:?} {unread:?} {full}");
                // Without room for another copy the one that must not be used is gone.
                let copies = disk.paths().iter().filter(|path| path.starts_with("checkpoint")).count();
                if copies == 1 && unread.is_some() {
                    assert!(full, "{when}");
                    assert!(Node::open_with(&disk, small_options()).is_err(), "{when}");
                    disk.heal();
                    continue;
                }
                // The process ends before it has written anything else.
                let node = Node::open(&disk);
                assert!(node.report.damaged.is_empty(), "{when}: {:?}", node.report);
                assert_eq!(node.contents(0).unwrap(), expected(28, 100), "{when}");
                disk = node.stop(&disk);
                disk.heal();
            }
        }
    }
}

#[test]
fn a_commit_that_only_the_page_cache_holds_is_written_again_before_anything_follows_it() {
    let disk = TestDisk::new();
    let mut node = Node::open(&disk);
    node.create(0).unwrap();
    node.append(0, 100).unwrap();
    disk.inject(TestFault::FailSync("journal/".to_owned()));
    assert!(node.append(0, 100).is_err());
    let disk = node.stop(&disk);
    disk.heal();
    // The process has ended, the machine runs on.
    let mut node = Node::open(&disk);
    let kept = node.log(0).log_end().0;
    node.append(0, 100).unwrap();
    node.runtime.kill();
    let disk = disk.lose_power(&mut TestRandom(3));
    let mut node = Node::open(&disk);
    assert_eq!(node.log(0).log_end().0, kept + 3, "{:?}", node.report);
    assert!(node.report.damaged.is_empty());
}

/// A process dies within a commit's write, and the next one finds the commit in the page cache.
#[test]
fn what_a_start_found_in_the_page_cache_is_durable() {
    #[cfg(all(feature = "simulation", debug_assertions))]
    super::model::mistakes::make_what_is_asked();
    let mut found_more = 0;
    for changes in 1..=8 {
        let disk = TestDisk::new();
        let mut node = Node::open(&disk);
        node.create(0).unwrap();
        node.append(0, 100).unwrap();
        disk.inject(TestFault::CrashAt(changes));
        let is_acknowledged = node.append(0, 100).is_ok();
        let disk = node.stop(&disk);
        disk.heal();
        let mut node = Node::open(&disk);
        let found = node.log(0).log_end();
        node.runtime.kill();
        found_more += u32::from(!is_acknowledged && found == Offset(6));
        for seed in 0..8 {
            let disk = disk.lose_power(&mut TestRandom(seed));
            let mut node = Node::open(&disk);
            assert_eq!(node.log(0).log_end(), found, "{changes} changes, seed {seed}: {:?}", node.report);
        }
    }
    assert!(found_more > 0, "no commit was in the page cache alone");
}

/// The log's start moves beyond what is known of the active segment while a flush is adding to it: what the flush writes
/// is behind the start.
#[test]
fn a_segment_that_a_flush_is_adding_to_is_not_dropped() {
    for succeeds in [true, false] {
        let disk = TestDisk::new();
        let mut node = Node::open(&disk);
        node.create(0).unwrap();
        node.append(0, 100).unwrap();
        node.append(0, 100).unwrap();
        node.checkpoint().unwrap();
        node.append(0, 100).unwrap();
        node.append(0, 100).unwrap();
        let now = node.runtime.clock().wall();
        let work = node.log(0).take_flush(now).expect("two batches are to be flushed");
        let position = node.position();
        let entry = node.log(0).advance_log_start(Offset(6), position).unwrap().unwrap();
        node.commit(0, vec![entry]).unwrap();
        if !succeeds {
            disk.set_capacity(Some(0));
        }
        match node.runtime.block_on(node.storage.flush(vec![work])).remove(0) {
            Ok(done) => node.log(0).flushed(&done),
            Err(failed) => node.log(0).flush_failed(failed),
        }
        disk.set_capacity(None);
        node.checkpoint().unwrap();
        node.log(0).release_tail();
        node.log(0).assert_invariants();
        assert_eq!(node.contents(0).unwrap(), expected(4, 100)[2 * 161..], "the flush succeeds: {succeeds}");
        let disk = node.stop(&disk);
        let mut node = Node::open(&disk);
        assert!(node.report.damaged.is_empty(), "{:?}", node.report);
        node.log(0).release_tail();
        assert_eq!(node.contents(0).unwrap(), expected(4, 100)[2 * 161..], "the flush succeeds: {succeeds}");
    }
}

#[test]
fn a_read_that_meets_a_removed_segment_says_so() {
    let disk = TestDisk::new();
    let mut node = Node::open(&disk);
    node.create(0).unwrap();
    for _ in 0..40 {
        node.append(0, 100).unwrap();
    }
    node.checkpoint().unwrap();
    node.log(0).release_tail();
    let request = ReadRequest { offset: Offset(0), max_bytes: 1, up_to: Offset(120), min_one_batch: true };
    let Ok(Read::Stored(read)) = node.logs[&0].read(request) else { panic!("it is in a segment") };
    let position = node.position();
    let entry = node.log(0).advance_log_start(Offset(60), position).unwrap().unwrap();
    node.commit(0, vec![entry]).unwrap();
    node.checkpoint().unwrap();
    assert!(matches!(node.runtime.block_on(read.run()), Err(ReadError::Gone)));
    assert!(matches!(node.logs[&0].read(request), Err(ReadError::OutOfRange { .. })));
}

/// Records were deleted whose batches cannot be replayed any more: the log's start comes without what lies before it.
#[test]
fn a_log_that_lost_its_records_does_not_begin_beyond_its_end() {
    let disk = TestDisk::new();
    let mut node = Node::open(&disk);
    node.create(0).unwrap();
    let lost = node.position();
    node.append(0, 100).unwrap();
    node.append(0, 100).unwrap();
    let position = node.position();
    let entry = node.log(0).advance_log_start(Offset(5), position).unwrap().unwrap();
    node.commit(0, vec![entry]).unwrap();
    let disk = node.stop(&disk);
    disk.corrupt(&lost.file.path(), usize::try_from(lost.offset).unwrap() + 80 + 70);
    for _ in 0..2 {
        let mut node = Node::open(&disk);
        assert_eq!(node.report.damaged.len(), 1);
        node.log(0).assert_invariants();
        assert!(matches!(node.read(0, 5, 1), Err(ReadError::Damaged(_))));
        node.checkpoint().unwrap();
    }
}

#[test]
fn mutated_files_are_refused_or_read_right() {
    let mut random = TestRandom(7);
    for _ in 0..300 {
        let bytes: Vec<u8> =
            (0..9).flat_map(|_| crate::io::RngStream::next_u64(&mut random).to_be_bytes()).collect();
        mutated::open(&bytes);
    }
}

/// Each file in each way, at many places: nothing goes without a word.
#[test]
fn one_change_takes_nothing_away_unseen() {
    let mut random = TestRandom(8);
    for number in 0..2000_u64 {
        let [_, _, high, low, value, length, fill, _] =
            crate::io::RngStream::next_u64(&mut random).to_be_bytes();
        let (file, way) = (number / 6 % 256, number % 6);
        mutated::open(&[file as u8, way as u8, high, low, value, length, fill, 0]);
    }
}
