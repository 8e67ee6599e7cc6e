//! What replication adds to a log: voter sets, gaps, resets, and directory ids.
use bytes::Bytes;

use super::node::{Node, batch, expected, small_config, small_options};
use crate::log::testing::{TestDisk, TestFault, TestRandom};
use crate::log::*;
use crate::raft::{Position, ReplicaKey, VoterSet};
use crate::types::{LeaderEpoch, NodeId, Offset, Timestamp, Uuid};

fn at(epoch: i32, end: i64) -> Position {
    Position { epoch: LeaderEpoch(epoch), end: Offset(end) }
}

fn set(directory: u8) -> VoterSet {
    let key = |node| ReplicaKey { node: NodeId(node), directory: Uuid([directory; 16]) };
    VoterSet::of([key(1), key(2), key(3)]).unwrap()
}

/// A node with one log of `batches` batches of three records.
fn node_with(disk: &TestDisk, batches: usize) -> Node {
    let mut node = Node::open(disk);
    node.create(0).unwrap();
    for _ in 0..batches {
        node.append(0, 100).unwrap();
    }
    node
}

fn reset(node: &mut Node, to: Position, voters: VoterSet) -> Entry {
    let position = node.position();
    node.log(0).reset(to, voters, Bytes::new(), position).unwrap()
}

fn take_flush(node: &mut Node) -> FlushWork {
    let now = node.runtime.clock().wall();
    node.log(0).take_flush(now).expect("there is something to flush")
}

fn run_flush(node: &mut Node, work: FlushWork) -> FlushDone {
    node.runtime.block_on(node.storage.flush(vec![work])).remove(0).unwrap()
}

/// One batch of an epoch at the log's end, committed.
fn append_in(node: &mut Node, epoch: i32) {
    let (position, base) = (node.position(), node.log(0).log_end().0);
    let entry = node.log(0).append(batch(base, 3, epoch, 1_000 + base, 100), position).unwrap();
    node.commit(0, vec![entry]).unwrap();
    let log = node.log(0);
    log.set_high_watermark(log.log_end());
}

fn append_voters(node: &mut Node, directory: u8) {
    let (position, base) = (node.position(), node.logs[&0].log_end());
    let set = voters::batch(&set(directory), base, LeaderEpoch(0), Timestamp(1_000));
    let entry = node.log(0).append(set, position).unwrap();
    node.commit(0, vec![entry]).unwrap();
}

const COMPACTION: CompactionOptions =
    CompactionOptions { key_buffer_bytes: 1 << 20, bytes_per_second_max: f64::INFINITY };

fn compacting() -> LogConfig {
    LogConfig {
        compact: true,
        delete: false,
        min_cleanable_dirty_ratio: 0.0,
        delete_retention_ms: 0,
        ..small_config()
    }
}

fn log_files(disk: &TestDisk) -> Vec<String> {
    let names = disk.paths().into_iter().filter(|path| path.ends_with(".log"));
    names.map(|path| path.rsplit('/').next().unwrap().to_owned()).collect()
}

/// A log that was reset to (4, 200) and has one batch since.
fn assert_reset_log(node: &Node) {
    let log = &node.logs[&0];
    log.assert_invariants();
    assert_eq!((log.log_start(), log.log_end()), (Offset(200), Offset(203)));
    assert_eq!(log.voters(), [(at(4, 200), set(8))]);
    assert_eq!(log.epochs().last().map(|last| last.epoch), Some(LeaderEpoch(4)));
    assert_eq!(node.contents(0).unwrap(), batch(200, 3, 4, 1_200, 100).to_bytes());
}

#[test]
fn a_reset_log_has_nothing_of_what_it_was() {
    let disk = TestDisk::new();
    let mut node = node_with(&disk, 20);
    node.checkpoint().unwrap();
    node.append(0, 100).unwrap();
    let entry = reset(&mut node, at(4, 200), set(8));
    assert!(
        node.log(0).take_flush(Timestamp(0)).is_none(),
        "until it is durable the checkpoint has the old log"
    );
    node.commit(0, vec![entry]).unwrap();
    append_in(&mut node, 4);
    assert_reset_log(&node);
    assert_eq!(log_files(&disk).len(), 4, "a checkpoint still names the old segments");
    node.checkpoint().unwrap();
    assert_eq!(log_files(&disk), ["00000000000000000200.1.log"]);
    assert_reset_log(&node);
    assert_eq!(node.log(0).needs_from(), None);
    let mut node = Node::open(&node.stop(&disk));
    assert_eq!(node.report.journal.entries, 0);
    assert_reset_log(&node);
    append_in(&mut node, 4);
}

/// Records that were never committed stand on the disk until the truncation that takes them back is durable.
#[test]
fn a_checkpoint_does_not_say_committed_of_what_others_hold_at_these_offsets() {
    let disk = TestDisk::new();
    let mut node = node_with(&disk, 4);
    let committed = node.logs[&0].high_watermark();
    let append = |node: &mut Node, epoch| {
        let (position, base) = (node.position(), node.logs[&0].log_end().0);
        node.log(0).append(batch(base, 3, epoch, 1_000 + base, 100), position).unwrap()
    };
    let uncommitted = append(&mut node, 0);
    node.commit(0, vec![uncommitted]).unwrap();
    let position = node.position();
    let _truncated = node.log(0).truncate_to(committed, LeaderEpoch(0), position).unwrap();
    let _begun = node.log(0).start_epoch(LeaderEpoch(2), position).unwrap();
    let _others = append(&mut node, 2);
    let end = node.logs[&0].log_end();
    node.log(0).set_high_watermark(end);
    node.checkpoint().unwrap();
    let node = Node::open(&node.stop(&disk));
    assert_eq!((node.logs[&0].log_end(), node.logs[&0].high_watermark()), (end, committed));
}

/// When the power is lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Loss {
    BeforeTheResetIsDurable,
    BeforeTheCheckpoint,
    AfterTheCheckpoint,
}

/// A flush may have been taken, run or told when the reset comes: nothing of it comes back.
#[test]
fn a_flush_under_way_brings_nothing_back() {
    for loss in [Loss::BeforeTheResetIsDurable, Loss::BeforeTheCheckpoint, Loss::AfterTheCheckpoint] {
        for (run_before, told_before_durable, checkpoint_between) in [
            (false, false, false),
            (false, true, false),
            (false, false, true),
            (true, false, true),
            (true, true, true),
            (true, true, false),
        ] {
            for seed in 0..6 {
                flush_beside_reset(
                    loss,
                    Beside { run_before, told_before_durable, checkpoint_between },
                    seed,
                );
            }
        }
    }
}

/// What happens when, beside the reset.
struct Beside {
    run_before: bool,
    told_before_durable: bool,
    checkpoint_between: bool,
}

fn flush_beside_reset(loss: Loss, beside: Beside, seed: u64) {
    let Beside { run_before, told_before_durable, checkpoint_between } = beside;
    let disk = TestDisk::new();
    let mut node = node_with(&disk, 8);
    node.checkpoint().unwrap();
    for _ in 0..8 {
        node.append(0, 100).unwrap();
    }
    let mut work = Some(take_flush(&mut node));
    let before = work.take_if(|_| run_before).map(|work| run_flush(&mut node, work));
    let entry = reset(&mut node, at(4, 200), set(8));
    let mut done = before.or_else(|| work.map(|work| run_flush(&mut node, work)));
    if told_before_durable {
        node.log(0).flushed(&done.take().unwrap());
    }
    if checkpoint_between {
        node.checkpoint().unwrap();
    }
    if loss == Loss::BeforeTheResetIsDurable {
        let old = Node::open(&disk.lose_power(&mut TestRandom(seed)));
        assert!(old.report.damaged.is_empty());
        assert_eq!(old.contents(0).unwrap(), expected(16, 100));
        return;
    }
    node.commit(0, vec![entry]).unwrap();
    append_in(&mut node, 4);
    if let Some(done) = done {
        node.log(0).flushed(&done);
    }
    assert_reset_log(&node);
    if loss == Loss::AfterTheCheckpoint {
        node.checkpoint().unwrap();
        assert_reset_log(&node);
        assert_eq!(log_files(&disk), ["00000000000000000200.1.log"]);
    }
    let disk = disk.lose_power(&mut TestRandom(seed));
    assert_reset_log(&Node::open(&disk));
    let is_flushed = loss == Loss::AfterTheCheckpoint;
    assert_eq!(log_files(&disk).len(), usize::from(is_flushed), "{:?}", log_files(&disk));
}

#[test]
fn a_flush_that_fails_beside_a_reset_is_not_tried_again() {
    let disk = TestDisk::new();
    let mut node = node_with(&disk, 8);
    let work = take_flush(&mut node);
    disk.inject(TestFault::FailSync("00000000000000000000.log".to_owned()));
    let failed = node.runtime.block_on(node.storage.flush(vec![work])).remove(0).map(|_| ()).unwrap_err();
    let entry = reset(&mut node, at(4, 200), set(8));
    node.commit(0, vec![entry]).unwrap();
    node.log(0).flush_failed(failed);
    append_in(&mut node, 4);
    node.checkpoint().unwrap();
    assert_reset_log(&node);
    assert_reset_log(&Node::open(&node.stop(&disk)));
}

/// The new log may begin where a segment of the old one did: its files have another name.
#[test]
fn a_reset_to_where_a_segment_began_keeps_its_own_files() {
    let disk = TestDisk::new();
    let mut node = node_with(&disk, 8);
    node.checkpoint().unwrap();
    assert_eq!(log_files(&disk), ["00000000000000000000.log", "00000000000000000018.log"]);
    let mut position = node.position();
    node.log(0).mark_damaged("as a test would have it".to_owned());
    let renewed = node.log(0).renew_directory(Uuid([5; 16]), position);
    let mut entries = vec![renewed, reset(&mut node, at(4, 18), set(8))];
    // Twice, the second time before the first is durable.
    entries.push(reset(&mut node, at(5, 18), set(9)));
    node.commit(0, entries).unwrap();
    append_in(&mut node, 5);
    // Garbage is known to the storage, and the new segment is begun, before the checkpoint comes.
    let works: Vec<FlushWork> = vec![take_flush(&mut node)];
    for outcome in node.runtime.block_on(node.storage.flush(works)) {
        node.log(0).flushed(&outcome.unwrap());
    }
    assert_eq!(log_files(&disk).len(), 3);
    node.checkpoint().unwrap();
    assert_eq!(log_files(&disk), ["00000000000000000018.2.log"]);
    node.log(0).release_tail();
    let only = batch(18, 3, 5, 1_018, 100).to_bytes();
    assert_eq!(node.contents(0).unwrap(), only);
    let disk = node.stop(&disk);
    let mut node = Node::open(&disk);
    assert_eq!(node.contents(0).unwrap(), only);
    assert_eq!(node.logs[&0].directory(), Some(Uuid([5; 16])));
    // The same again, after a restart.
    position = node.position();
    assert!(matches!(
        node.log(0).reset(at(6, 18), set(9), Bytes::new(), position),
        Err(LogError::BelowHighWatermark { .. })
    ));
    let entry = reset(&mut node, at(6, 21), set(9));
    node.commit(0, vec![entry]).unwrap();
    append_in(&mut node, 6);
    node.checkpoint().unwrap();
    assert_eq!(log_files(&disk), ["00000000000000000021.3.log"]);
}

#[test]
fn a_crash_gives_the_log_before_the_reset_or_the_one_after_it() {
    let (mut before, mut after) = (0, 0);
    for crash_at in 1..60 {
        let disk = TestDisk::new();
        let mut node = node_with(&disk, 8);
        node.checkpoint().unwrap();
        node.append(0, 100).unwrap();
        disk.inject(TestFault::CrashAt(crash_at));
        let entry = reset(&mut node, at(4, 200), set(8));
        let _ = node.checkpoint();
        let is_durable = node.commit(0, vec![entry]).is_ok();
        let _ = node.checkpoint();
        let _ = node.checkpoint();
        node.runtime.kill();
        let disk = disk.lose_power(&mut TestRandom(crash_at));
        disk.heal();
        let node = Node::open(&disk);
        assert!(node.report.damaged.is_empty(), "{:?}", node.report.damaged);
        let log = &node.logs[&0];
        log.assert_invariants();
        if log.log_start() == Offset(200) {
            after += 1;
            assert_eq!(log.log_end(), Offset(200));
            assert_eq!(log.voters(), [(at(4, 200), set(8))]);
        } else {
            before += 1;
            assert!(!is_durable, "crash {crash_at}");
            assert_eq!(node.contents(0).unwrap(), expected(9, 100));
            assert_eq!(log.voters(), []);
        }
    }
    assert!(before > 0 && after > 0, "{before} before, {after} after");
}

#[test]
fn a_compaction_under_way_brings_nothing_back() {
    for is_readable in [false, true] {
        let disk = TestDisk::new();
        let mut node = node_with(&disk, if is_readable { 0 } else { 20 });
        if is_readable {
            (0..12).for_each(|directory| append_voters(&mut node, directory));
            let log = node.log(0);
            log.set_high_watermark(log.log_end());
        }
        node.checkpoint().unwrap();
        node.log(0).set_config(compacting());
        let work = node.log(0).take_compaction(Timestamp(0)).expect("all is dirty");
        let entry = reset(&mut node, at(4, 200), set(8));
        let io = crate::log::testing::test_io(&node.runtime, &disk, 42);
        let outcome = node.runtime.block_on(work.run(&io, COMPACTION));
        node.commit(0, vec![entry]).unwrap();
        match outcome {
            Ok(done) => {
                assert!(is_readable);
                assert!(log_files(&disk).iter().any(|name| name.contains(".1.")), "{:?}", log_files(&disk));
                assert!(matches!(node.log(0).compacted(done), Compacted::Discarded));
            }
            Err(failed) => {
                assert!(!is_readable, "{failed}");
                node.log(0).compaction_failed(failed, Timestamp(0));
            }
        }
        append_in(&mut node, 4);
        node.checkpoint().unwrap();
        assert_reset_log(&node);
        assert_eq!(log_files(&disk), ["00000000000000000200.2.log"]);
        assert_reset_log(&Node::open(&disk.lose_power(&mut TestRandom(2))));
    }
}

/// As its owner does it after a start.
fn repair(node: &mut Node) {
    assert!(node.logs[&0].needs_new_directory());
    let position = node.position();
    assert!(matches!(
        node.log(0).reset(at(4, 200), set(8), Bytes::new(), position),
        Err(LogError::Damaged(_))
    ));
    let renewed = node.log(0).renew_directory(Uuid([7; 16]), position);
    assert!(!node.logs[&0].needs_new_directory());
    assert!(matches!(node.read(0, 0, 1), Err(ReadError::Damaged(_))));
    let entries = vec![renewed, reset(node, at(4, 200), set(8))];
    node.commit(0, entries).unwrap();
    append_in(node, 4);
    assert_reset_log(node);
}

#[test]
fn a_damaged_log_is_sound_after_a_new_directory_and_a_reset() {
    for with_checkpoint in [false, true] {
        let disk = TestDisk::new();
        let mut node = node_with(&disk, 20);
        node.checkpoint().unwrap();
        let mut disk = node.stop(&disk);
        let lost = disk.paths().into_iter().find(|path| path.ends_with(".log")).unwrap();
        disk.delete_file(&lost);
        let mut node = Node::open(&disk);
        assert_eq!(node.report.damaged.len(), 1);
        if with_checkpoint {
            node.checkpoint().unwrap();
            disk = node.stop(&disk);
            node = Node::open(&disk);
            assert!(node.logs[&0].needs_new_directory(), "the checkpoint remembers");
        }
        repair(&mut node);
        for _ in 0..2 {
            disk = disk.lose_power(&mut TestRandom(3));
            node = Node::open(&disk);
            assert!(node.report.damaged.is_empty(), "{:?}", node.report.damaged);
            assert_eq!(node.logs[&0].directory(), Some(Uuid([7; 16])));
            assert_reset_log(&node);
        }
    }
}

#[test]
fn a_renewed_directory_outlasts_starts_of_a_log_that_is_still_damaged() {
    let disk = TestDisk::new();
    let mut node = node_with(&disk, 20);
    node.checkpoint().unwrap();
    let mut disk = node.stop(&disk);
    let lost = disk.paths().into_iter().find(|path| path.ends_with(".log")).unwrap();
    disk.delete_file(&lost);
    let mut node = Node::open(&disk);
    let position = node.position();
    let renewed = node.log(0).renew_directory(Uuid([7; 16]), position);
    // A state that is taken before the renewal is durable does not say so.
    node.checkpoint().unwrap();
    drop(renewed);
    disk = disk.lose_power(&mut TestRandom(1));
    let mut node = Node::open(&disk);
    assert!(node.logs[&0].needs_new_directory());
    assert_eq!(node.logs[&0].directory(), None);
    let position = node.position();
    let renewed = node.log(0).renew_directory(Uuid([7; 16]), position);
    node.commit(0, vec![renewed]).unwrap();
    node.checkpoint().unwrap();
    for _ in 0..2 {
        disk = node.stop(&disk);
        node = Node::open(&disk);
        assert_eq!(node.report.damaged.len(), 1);
        assert!(!node.logs[&0].needs_new_directory());
        assert_eq!(node.logs[&0].directory(), Some(Uuid([7; 16])));
        node.checkpoint().unwrap();
    }
}

/// Of the ids that a log can have, zero alone was kept by the journal and forgotten by the next checkpoint: the log came
/// back as the replica that had promised what is lost.
#[test]
#[should_panic(expected = "a checkpoint cannot keep this directory id")]
fn a_directory_id_that_a_checkpoint_would_forget_is_not_taken() {
    let disk = TestDisk::new();
    let mut node = node_with(&disk, 4);
    let position = node.position();
    let renewed = node.log(0).renew_directory(Uuid::ZERO, position);
    node.commit(0, vec![renewed]).unwrap();
    node.checkpoint().unwrap();
    let node = Node::open(&node.stop(&disk));
    assert_eq!(node.logs[&0].directory(), Some(Uuid::ZERO), "what was taken is kept");
}

/// Destroys the payload of the commit that ends at `end`, which is one block long.
fn destroy_before(disk: &TestDisk, end: crate::log::Position) {
    let block = usize::try_from(end.offset).unwrap() - 4096;
    disk.corrupt(&end.file.path(), block + 85);
}

#[test]
fn a_reset_behind_a_lost_entry_heals_only_with_a_new_directory_between() {
    // What the journal holds: an entry that will be lost, then a renewal perhaps, then a reset and a batch.
    for renewed in [false, true] {
        let disk = TestDisk::new();
        let mut node = node_with(&disk, 4);
        let vote = Vote { epoch: LeaderEpoch(3), candidate: None };
        let position = node.position();
        let entry = node.log(0).record_vote(vote, position);
        node.commit(0, vec![entry]).unwrap();
        let lost = node.position();
        if renewed {
            let entry = node.log(0).renew_directory(Uuid([7; 16]), position);
            node.commit(0, vec![entry]).unwrap();
        }
        let entry = reset(&mut node, at(4, 200), set(8));
        node.commit(0, vec![entry]).unwrap();
        append_in(&mut node, 4);
        let disk = node.stop(&disk);
        destroy_before(&disk, lost);
        let mut node = Node::open(&disk);
        assert_eq!(node.report.journal.attributed.len(), 1);
        if renewed {
            assert!(node.report.damaged.is_empty());
            assert_reset_log(&node);
        } else {
            assert_eq!(node.report.damaged.len(), 1, "the vote is lost, and the directory id is the old one");
            repair(&mut node);
        }
    }
}

#[test]
fn what_is_lost_behind_a_reset_in_one_commit_damages_the_log() {
    let disk = TestDisk::new();
    let mut node = node_with(&disk, 4);
    let position = node.position();
    let mut entries = vec![node.log(0).renew_directory(Uuid([7; 16]), position)];
    entries.push(reset(&mut node, at(4, 200), set(8)));
    let last = batch(200, 3, 4, 1_200, 100);
    entries.push(node.log(0).append(last, position).unwrap());
    let payloads: usize = entries[..2].iter().map(Entry::payload_bytes).sum();
    node.commit(0, entries).unwrap();
    append_in(&mut node, 4);
    let end = node.position();
    let disk = node.stop(&disk);
    let block = usize::try_from(end.offset).unwrap() - 2 * 4096;
    disk.corrupt(&end.file.path(), block + 80 + payloads + 70);
    let node = Node::open(&disk);
    assert_eq!(node.report.damaged.len(), 1, "{:?}", node.report);
    assert!(node.logs[&0].needs_new_directory());
}

#[test]
fn a_damaged_log_follows_no_epochs_whose_truncation_it_skips() {
    let disk = TestDisk::new();
    let mut node = node_with(&disk, 1);
    let lost = node.position();
    let log = node.log(0);
    let mut entries = vec![log.start_epoch_at(LeaderEpoch(3), Offset(50), lost).unwrap()];
    entries.push(log.truncate_to(Offset(3), LeaderEpoch(0), lost).unwrap());
    entries.push(log.start_epoch(LeaderEpoch(4), lost).unwrap());
    node.commit(0, entries).unwrap();
    let disk = node.stop(&disk);
    destroy_before(&disk, lost);
    assert_eq!(Node::open(&disk).report.damaged.len(), 1);
}

#[test]
fn an_old_log_before_a_reset_that_the_checkpoint_knows_is_not_replayed() {
    let disk = TestDisk::new();
    let mut node = node_with(&disk, 4);
    node.create(1).unwrap();
    // Log 1 holds the journal: its batch is not committed.
    let position = node.position();
    let entry = node.log(1).append(batch(0, 3, 0, 1_000, 10), position).unwrap();
    node.commit(1, vec![entry]).unwrap();
    // The old log goes far beyond where the new one begins.
    let position = node.position();
    let far = node.log(0).append(batch(900, 3, 0, 1_000, 10), position).unwrap();
    node.commit(0, vec![far]).unwrap();
    let entry = reset(&mut node, at(4, 200), set(8));
    node.commit(0, vec![entry]).unwrap();
    append_in(&mut node, 4);
    node.checkpoint().unwrap();
    // And one more, that only the journal holds.
    let position = node.position();
    let entry = node.log(0).append(batch(203, 3, 4, 1_203, 10), position).unwrap();
    node.commit(0, vec![entry]).unwrap();
    node.flush();
    let mut disk = node.stop(&disk);
    for _ in 0..2 {
        let mut node = Node::open(&disk);
        assert!(node.report.journal.entries >= 5, "{:?}", node.report.journal);
        assert!(node.report.damaged.is_empty(), "{:?}", node.report.damaged);
        assert_eq!((node.logs[&0].log_start(), node.logs[&0].log_end()), (Offset(200), Offset(206)));
        node.logs[&0].assert_invariants();
        node.checkpoint().unwrap();
        disk = node.stop(&disk);
    }
}

#[test]
fn a_log_may_begin_inside_its_first_batch() {
    let mut disk = TestDisk::new();
    let mut node = node_with(&disk, 4);
    let entry = reset(&mut node, at(4, 200), set(8));
    node.commit(0, vec![entry]).unwrap();
    let position = node.position();
    let first = batch(198, 5, 4, 1_198, 10);
    assert_eq!(node.logs[&0].empty_at(), Some(Offset(200)));
    assert!(matches!(
        node.log(0).append(batch(195, 5, 4, 0, 10), position),
        Err(LogError::OutOfOrder { .. })
    ));
    let entry = node.log(0).append(first.clone(), position).unwrap();
    node.commit(0, vec![entry]).unwrap();
    assert_eq!(node.logs[&0].empty_at(), None);
    // Uncommitted, it may be taken back.
    let entry = node.log(0).truncate_to(Offset(200), LeaderEpoch(4), position).unwrap();
    assert_eq!((node.logs[&0].log_end(), node.logs[&0].empty_at()), (Offset(200), Some(Offset(200))));
    let again = node.log(0).append(first.clone(), position).unwrap();
    node.commit(0, vec![entry, again]).unwrap();
    for index in 0..3 {
        node.logs[&0].assert_invariants();
        assert_eq!(node.logs[&0].log_end(), Offset(203));
        assert_eq!(node.contents(0).unwrap(), first.to_bytes());
        let log = node.log(0);
        if index == 1 {
            log.set_high_watermark(log.log_end());
        }
        node.checkpoint().unwrap();
        disk = node.stop(&disk);
        node = Node::open(&disk);
    }
    assert_eq!(node.report.journal.entries, 0, "it is in a segment");
}

#[test]
fn the_end_of_a_log_behind_a_gap_outlasts_the_journal() {
    let mut disk = TestDisk::new();
    let mut node = node_with(&disk, 4);
    let position = node.position();
    let entry = node.log(0).start_epoch_at(LeaderEpoch(2), Offset(40), position).unwrap();
    assert!(matches!(
        node.log(0).start_epoch_at(LeaderEpoch(3), Offset(39), position),
        Err(LogError::OutOfOrder { .. })
    ));
    node.commit(0, vec![entry]).unwrap();
    // A checkpoint alone tells of it.
    node.checkpoint().unwrap();
    assert_eq!(node.logs[&0].needs_from(), None);
    disk = node.stop(&disk);
    node = Node::open(&disk);
    assert_eq!(node.report.journal.entries, 0);
    assert_eq!(node.logs[&0].log_end(), Offset(40));
    assert_eq!(node.logs[&0].high_watermark(), Offset(12));
    // And of one that was cut back to, inside the gap.
    let position = node.position();
    let entry = node.log(0).truncate_to(Offset(30), LeaderEpoch(0), position).unwrap();
    node.commit(0, vec![entry]).unwrap();
    for _ in 0..2 {
        node.checkpoint().unwrap();
        disk = node.stop(&disk);
        node = Node::open(&disk);
        let log = &node.logs[&0];
        assert_eq!((log.log_end(), log.epochs().last().unwrap().epoch), (Offset(30), LeaderEpoch(0)));
        log.assert_invariants();
    }
    append_in(&mut node, 3);
    assert_eq!(
        node.contents(0).unwrap(),
        [expected(4, 100), batch(30, 3, 3, 1_030, 100).to_bytes().to_vec()].concat()
    );
}

#[test]
fn voter_sets_come_and_go_with_their_batches() {
    let mut disk = TestDisk::new();
    let mut node = node_with(&disk, 2);
    append_voters(&mut node, 1);
    append_voters(&mut node, 2);
    node.append(0, 10).unwrap();
    append_voters(&mut node, 3);
    let all = [(at(0, 7), set(1)), (at(0, 8), set(2)), (at(0, 12), set(3))];
    assert_eq!(node.logs[&0].voters(), all);
    node.checkpoint().unwrap();
    disk = node.stop(&disk);
    node = Node::open(&disk);
    assert_eq!(node.logs[&0].voters(), all, "from the checkpoint, the last batch in the journal alone");
    let position = node.position();
    let entry = node.log(0).truncate_to(Offset(11), LeaderEpoch(0), position).unwrap();
    node.commit(0, vec![entry]).unwrap();
    assert_eq!(node.logs[&0].voters(), &all[..2]);
    let entry = node.log(0).advance_log_start(Offset(9), position).unwrap().unwrap();
    node.commit(0, vec![entry]).unwrap();
    assert_eq!(node.logs[&0].voters(), &all[1..2], "the one in force at the start stays");
    for _ in 0..2 {
        disk = node.stop(&disk);
        node = Node::open(&disk);
        assert_eq!(node.logs[&0].voters(), &all[1..2]);
        node.checkpoint().unwrap();
    }
    // One that cannot be read is refused before anything has changed.
    let broken = voters::batch(&set(4), Offset(11), LeaderEpoch(0), Timestamp(0));
    let mut bytes = broken.to_bytes().to_vec();
    // The last byte of the key: its type. The second but one of the value.
    let length = bytes.len();
    bytes[length - 3] = 9;
    let broken = crate::wire::batch::RecordBatch::new(*broken.header(), &bytes.into());
    let position = node.position();
    assert!(matches!(node.log(0).append(broken, position), Err(LogError::Voters(_))));
    assert_eq!(node.logs[&0].log_end(), Offset(11));
}

#[test]
fn a_compaction_keeps_every_voter_set() {
    let disk = TestDisk::new();
    let mut node = node_with(&disk, 0);
    (0..12).for_each(|directory| append_voters(&mut node, directory));
    let log = node.log(0);
    log.set_high_watermark(log.log_end());
    log.set_config(compacting());
    let all = node.contents(0).unwrap();
    node.checkpoint().unwrap();
    let io = crate::log::testing::test_io(&node.runtime, &disk, 42);
    let work = node.log(0).take_compaction(Timestamp(1 << 40)).expect("all is dirty");
    let done = node.runtime.block_on(work.run(&io, COMPACTION)).unwrap();
    assert!(matches!(node.log(0).compacted(done), Compacted::Replaced(_)));
    node.checkpoint().unwrap();
    node.log(0).release_tail();
    assert_eq!(node.contents(0).unwrap(), all);
}

#[test]
fn a_reset_brings_the_producers_before_it_and_refuses_other_bytes() {
    use crate::types::{ProducerEpoch, ProducerId};
    use crate::wire::batch::{BatchBuilder, BatchOptions, NewRecord, ProducerStamp};
    let disk = TestDisk::new();
    let mut node = node_with(&disk, 2);
    for (id, base) in [(5, 6), (6, 7)] {
        let producer = ProducerStamp { id: ProducerId(id), epoch: ProducerEpoch(0), base_sequence: 0 };
        let mut builder = BatchBuilder::new(BatchOptions { producer, ..BatchOptions::plain(1000) });
        let record = NewRecord { timestamp: Timestamp(0), key: None, value: None, headers: &[] };
        builder.append(record).unwrap();
        let batch = builder.build().into_batch().placed_at(Offset(base), LeaderEpoch(0));
        let position = node.position();
        let entry = node.log(0).append(batch, position).unwrap();
        node.commit(0, vec![entry]).unwrap();
    }
    let log = node.log(0);
    log.set_high_watermark(log.log_end());
    let position = node.position();
    let entry = node.log(0).advance_log_start(Offset(7), position).unwrap().unwrap();
    node.commit(0, vec![entry]).unwrap();
    let before = node.logs[&0].producers_before_start();
    let mut other = Node::open(&TestDisk::new());
    other.create(0).unwrap();
    let position = other.position();
    let refused = other.log(0).reset(at(0, 8), set(1), before.clone(), position);
    let elsewhere = LogError::ProducerStateElsewhere { to: Offset(8), found: Offset(7) };
    assert_eq!(refused, Err(elsewhere));
    let refused = other.log(0).reset(at(0, 7), set(1), before.slice(1..), position);
    assert!(matches!(refused, Err(LogError::ProducerState(_))));
    let entry = other.log(0).reset(at(0, 7), set(1), before.clone(), position).unwrap();
    assert_eq!(entry.payload_bytes(), PartitionLog::reset_bytes(&set(1), &before));
    other.commit(0, vec![entry]).unwrap();
    let ids = |node: &Node| node.logs[&0].producers().iter().map(|(id, _)| id.0).collect::<Vec<_>>();
    assert_eq!(ids(&other), [5], "the other one's batch lies behind the start");
    other.checkpoint().unwrap();
    assert_eq!(ids(&other), [5]);
}

#[test]
fn a_data_directory_has_one_owner_and_one_id() {
    let disk = TestDisk::new();
    let node = Node::open(&disk);
    let id = node.storage.directory_id();
    assert_ne!(id, Uuid::ZERO);
    let disk = node.stop(&disk);
    assert_eq!(Node::open(&disk).storage.directory_id(), id);
    let error = Node::open_as(NodeId(4), &disk, small_options()).map(|_| ()).unwrap_err();
    let StorageError::OtherNode { owner, directory, node } = error else { panic!("{error}") };
    assert_eq!((owner, directory, node), (NodeId(1), id, NodeId(4)));
    let text = StorageError::OtherNode { owner, directory, node }.to_string();
    assert!(text.contains("node 1") && text.contains("node 4") && text.contains("node.id=1"), "{text}");
}

/// Both copies of a checkpoint without logs, as version 1 has them.
fn as_version_1(disk: &TestDisk) {
    let bytes = disk.bytes("checkpoint").unwrap();
    let mut old = bytes[..84].to_vec();
    old.extend_from_slice(&bytes[104..]);
    assert_eq!(old.len(), 88, "a checkpoint without logs");
    old[8..12].copy_from_slice(&1_u32.to_be_bytes());
    old[16..24].copy_from_slice(&88_u64.to_be_bytes());
    let crc = crate::wire::batch::crc32c(&old[16..]);
    old[12..16].copy_from_slice(&crc.to_be_bytes());
    disk.set_bytes("checkpoint", old.clone());
    disk.set_bytes("checkpoint.copy", old);
}

#[test]
fn a_checkpoint_of_version_1_is_taken_over_durably() {
    for crash_at in 1..40 {
        let disk = TestDisk::new();
        let node = node_with(&disk, 4);
        let disk = node.stop(&disk);
        as_version_1(&disk);
        disk.inject(TestFault::CrashAt(crash_at));
        let told =
            Node::open_as(NodeId(3), &disk, small_options()).ok().map(|node| node.storage.directory_id());
        let disk = disk.lose_power(&mut TestRandom(crash_at));
        disk.heal();
        let node = Node::open_as(NodeId(3), &disk, small_options()).unwrap();
        assert!(told.is_none_or(|told| told == node.storage.directory_id()));
        assert_eq!(node.contents(0).unwrap(), expected(4, 100));
        let disk = node.stop(&disk);
        assert!(matches!(
            Node::open_as(NodeId(1), &disk, small_options()).map(|_| ()),
            Err(StorageError::OtherNode { .. })
        ));
    }
}

#[test]
fn a_truncation_that_is_not_durable_mixes_no_former_entries_with_new_ones() {
    let disk = TestDisk::new();
    let mut node = Node::open(&disk);
    node.create(0).unwrap();
    for base in 0..3 {
        let position = node.position();
        let entry = node.log(0).append(batch(base, 1, 0, 1_000, 40), position).unwrap();
        node.commit(0, vec![entry]).unwrap();
    }
    node.log(0).set_high_watermark(Offset(1));
    let position = node.position();
    let again = node.log(0).carry_over(position);
    node.commit(0, again).unwrap();
    let position = node.position();
    let lost = node.log(0).truncate_to(Offset(2), LeaderEpoch(0), position).unwrap();
    node.checkpoint().unwrap();
    drop(lost);
    let disk = node.stop(&disk);
    let node = Node::open(&disk);
    let all: Vec<u8> = (0..3).flat_map(|base| batch(base, 1, 0, 1_000, 40).to_bytes().to_vec()).collect();
    assert_eq!(
        node.contents(0).unwrap(),
        all,
        "the first from its segment, the others from their new entries"
    );
}
