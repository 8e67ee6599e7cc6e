//! Large batches that are written once.
use super::node::{Node, batch, large_options};
use crate::log::testing::{TestDisk, TestFault, TestRandom};
use crate::log::*;
use crate::types::Offset;

const LARGE: usize = 12_000;

/// Makes an entry for a batch of `padding` bytes.
fn entry(node: &mut Node, padding: usize) -> Entry {
    let (position, now) = (node.position(), node.runtime.clock().wall());
    let log = node.log(0);
    let base = log.log_end().0;
    log.append_placing(batch(base, 3, 0, 1_000 + base, padding), position, now).unwrap()
}

/// Appends and commits a batch. Whether it was placed.
fn append(node: &mut Node, padding: usize) -> bool {
    let entry = entry(node, padding);
    let is_placed = matches!(entry.body, EntryBody::Placed(_));
    node.commit(0, vec![entry]).unwrap();
    let log = node.log(0);
    log.set_high_watermark(log.log_end());
    is_placed
}

fn expected(paddings: &[usize]) -> Vec<u8> {
    let batches = paddings.iter().enumerate();
    let of = |(i, &padding): (usize, &usize)| {
        batch(3 * i as i64, 3, 0, 1_000 + 3 * i as i64, padding).to_bytes().to_vec()
    };
    batches.flat_map(of).collect()
}

/// A log with a segment that a checkpoint names.
fn begun(disk: &TestDisk) -> Node {
    let mut node = Node::open_large(disk).unwrap();
    node.create(0).unwrap();
    assert!(!append(&mut node, LARGE), "there is no segment yet");
    assert!(node.storage.tail_budget().take_wish(), "a round would make one");
    node.checkpoint().unwrap();
    node
}

fn written(disk: &TestDisk) -> usize {
    let name = format!("logs/{}/00000000000000000000.log", super::node::partition(0));
    disk.bytes(&name).unwrap().len()
}

#[test]
fn the_journal_names_a_large_batch_and_its_segment_has_it() {
    let disk = TestDisk::new();
    let mut node = begun(&disk);
    let before = node.storage.journal().statistics().bytes;
    let paddings = [LARGE, LARGE, 300, LARGE, 40, 50, LARGE];
    for &padding in &paddings[1..] {
        assert_eq!(append(&mut node, padding), padding == LARGE);
    }
    let bytes = node.storage.journal().statistics().bytes - before;
    assert!(bytes <= 6 * 3 * 4096, "{bytes} bytes of journal: two ends of each, no blocks");
    assert_eq!(node.storage.tail_budget().placed(), 3 * (LARGE + 61));
    assert_eq!(node.storage.journal().statistics().replay_bytes, bytes + 3 * (LARGE as u64 + 61));
    assert_eq!(node.contents(0).unwrap(), expected(&paddings), "from memory");
    for crash in 0..3 {
        let disk = match crash {
            0 => disk.restart(),
            seed => disk.lose_power(&mut TestRandom(seed)),
        };
        let mut again = Node::open_large(&disk).unwrap();
        assert_eq!(again.contents(0).unwrap(), expected(&paddings), "read from where it was placed");
        assert_eq!(again.storage.tail_budget().placed(), 3 * (LARGE + 61));
        assert!(append(&mut again, LARGE), "it goes on behind");
        again.checkpoint().unwrap();
        assert_eq!(again.storage.tail_budget().placed(), 0);
        again.log(0).release_tail();
        let all = expected(&[&paddings[..], &[LARGE]].concat());
        assert_eq!(again.contents(0).unwrap(), all, "and from its segment");
        assert_eq!(again.log(0).segment_count(), 1);
        let disk = disk.lose_power(&mut TestRandom(9));
        assert_eq!(Node::open_large(&disk).unwrap().contents(0).unwrap(), all);
    }
}

#[test]
fn small_batches_few_to_a_segment_and_compacted_logs_are_not_placed() {
    let disk = TestDisk::new();
    let mut node = begun(&disk);
    assert!(!append(&mut node, 8_000), "below the least size");
    assert!(!append(&mut node, 40_000), "a segment of 256 KiB holds six of them");
    assert!(append(&mut node, LARGE));
    let config = LogConfig { compact: true, ..node.log(0).config().clone() };
    node.log(0).set_config(config);
    assert!(!append(&mut node, LARGE));
}

/// Nothing is placed in a segment before a checkpoint names it, and a batch that begins one is journaled.
#[test]
fn the_next_segment_takes_batches_once_it_is_named() {
    let disk = TestDisk::new();
    let mut node = begun(&disk);
    let mut paddings = vec![LARGE];
    while append(&mut node, LARGE) {
        paddings.push(LARGE);
    }
    paddings.push(LARGE);
    assert_eq!(paddings.len(), 22, "21 batches of 12,061 bytes fill 256 KiB");
    assert!(node.storage.tail_budget().take_wish());
    assert_eq!(node.flush(), [""; 0]);
    assert_eq!(node.log(0).segment_count(), 2);
    assert!(!append(&mut node, LARGE), "flushed, but not named");
    node.checkpoint().unwrap();
    assert!(append(&mut node, LARGE));
    paddings.extend([LARGE, LARGE]);
    assert_eq!(node.contents(0).unwrap(), expected(&paddings));
    let disk = disk.lose_power(&mut TestRandom(3));
    assert_eq!(Node::open_large(&disk).unwrap().contents(0).unwrap(), expected(&paddings));
}

#[test]
fn a_batch_for_which_there_is_no_room_goes_to_the_journal_and_its_place_is_not_used_again() {
    let disk = TestDisk::new();
    let mut node = begun(&disk);
    assert!(append(&mut node, LARGE));
    let refused = TestFault::RefuseWrites("000.log".to_owned());
    disk.inject(refused.clone());
    let bytes = node.storage.journal().statistics().bytes;
    assert!(append(&mut node, LARGE), "it is to be placed when it is appended");
    assert!(node.storage.journal().statistics().bytes - bytes > LARGE as u64, "and is journaled as a whole");
    disk.forgive(&refused);
    assert!(!append(&mut node, LARGE), "the segment has ended");
    node.checkpoint().unwrap();
    assert_eq!(node.log(0).segment_states()[0].bytes, LARGE as u64 + 61, "in front of all that was placed");
    assert!(append(&mut node, LARGE), "in the next one");
    let all = expected(&[LARGE; 5]);
    node.log(0).release_tail();
    assert_eq!(node.contents(0).unwrap(), all);
    let disk = disk.lose_power(&mut TestRandom(4));
    assert_eq!(Node::open_large(&disk).unwrap().contents(0).unwrap(), all);
}

#[test]
fn a_write_that_fails_otherwise_ends_the_journal() {
    let disk = TestDisk::new();
    let mut node = begun(&disk);
    disk.inject(TestFault::FailWrites("000.log".to_owned()));
    let entry = entry(&mut node, LARGE);
    let failed = node.commit(0, vec![entry]).unwrap_err().to_string();
    assert!(failed.contains("00000000000000000000.log") && failed.contains("nothing more"), "{failed}");
    let disk = node.stop(&disk);
    disk.heal();
    assert_eq!(Node::open_large(&disk).unwrap().contents(0).unwrap(), expected(&[LARGE]));
}

/// Whatever byte is destroyed: the log is damaged, and says which offsets are lost.
#[test]
fn a_placed_batch_that_rotted_is_damage_of_its_log() {
    let disk = TestDisk::new();
    let mut node = begun(&disk);
    assert!(append(&mut node, LARGE));
    let disk = node.stop(&disk);
    let path = format!("logs/{}/00000000000000000000.log", super::node::partition(0));
    for at in [12_288, 16_000, 20_479] {
        let disk = disk.restart();
        disk.corrupt(&path, at);
        let node = Node::open_large(&disk).unwrap();
        let what = &node.report.damaged[0].what;
        assert!(what.contains("offsets 3 to 5 are lost") && what.contains("other bytes"), "{what}");
    }
    let gone = disk.restart();
    gone.delete_file(&path);
    let node = Node::open_large(&gone).unwrap();
    assert!(node.report.damaged[0].what.contains("offsets 3 to 5"), "{:?}", node.report.damaged);
}

/// A start keeps what the journal names, as often as it is asked for, until a checkpoint knows of it.
#[test]
fn places_outlive_starts_without_a_checkpoint() {
    let mut disk = TestDisk::new();
    let mut node = begun(&disk);
    assert!(append(&mut node, LARGE) && append(&mut node, LARGE));
    let length = written(&disk);
    for seed in 0..4 {
        disk = disk.lose_power(&mut TestRandom(seed));
        let node = Node::open_large(&disk).unwrap();
        assert_eq!(node.contents(0).unwrap(), expected(&[LARGE; 3]));
        assert_eq!(written(&disk), length);
    }
}

/// The segment that the journal names was closed, and another begun, before the start: it stays until no start asks for it.
#[test]
fn a_start_keeps_the_closed_segment_that_the_journal_names() {
    #[cfg(all(feature = "simulation", debug_assertions))]
    super::model::mistakes::make_what_is_asked();
    let disk = TestDisk::new();
    let mut node = begun(&disk);
    assert!(append(&mut node, LARGE));
    let uncommitted = entry(&mut node, LARGE);
    assert!(matches!(uncommitted.body, EntryBody::Placed(_)));
    node.commit(0, vec![uncommitted]).unwrap();
    disk.inject(TestFault::FailSync("000.log".to_owned()));
    assert!(node.flush()[0].contains("syncing"));
    node.checkpoint().unwrap();
    assert_eq!(node.log(0).segment_count(), 2, "the second batch is in a segment of its own");
    let disk = node.stop(&disk);
    let mut again = Node::open_large(&disk).unwrap();
    let position = again.position();
    let moved = again.log(0).advance_log_start(Offset(3), position).unwrap().unwrap();
    again.commit(0, vec![moved]).unwrap();
    again.checkpoint().unwrap();
    let disk = disk.lose_power(&mut TestRandom(6));
    let mut again = Node::open_large(&disk).unwrap();
    assert!(again.report.damaged.is_empty(), "{:?}", again.report.damaged);
    assert_eq!(again.contents(0).unwrap(), expected(&[LARGE; 3])[LARGE + 61..]);
    let log = again.log(0);
    log.set_high_watermark(log.log_end());
    again.checkpoint().unwrap();
    assert_eq!(again.log(0).segment_count(), 2, "nothing is placed in the first one any more, and it goes");
}

/// What is cut off behind the places is not taken for them.
#[test]
fn a_truncation_ends_the_segment_in_front_of_what_was_placed() {
    let disk = TestDisk::new();
    let mut node = begun(&disk);
    let placed = entry(&mut node, LARGE);
    node.commit(0, vec![placed]).unwrap();
    let position = node.position();
    let cut = node.log(0).truncate_to(Offset(3), crate::types::LeaderEpoch(0), position).unwrap();
    node.commit(0, vec![cut]).unwrap();
    assert!(!append(&mut node, LARGE + 5), "another one with the same offsets");
    let contents = node.contents(0).unwrap();
    for seed in 0..3 {
        let disk = disk.lose_power(&mut TestRandom(seed));
        let mut again = Node::open_large(&disk).unwrap();
        assert_eq!(again.contents(0).unwrap(), contents);
        again.checkpoint().unwrap();
        again.log(0).release_tail();
        assert_eq!(again.contents(0).unwrap(), contents);
        let disk = disk.lose_power(&mut TestRandom(seed));
        assert_eq!(Node::open_large(&disk).unwrap().contents(0).unwrap(), contents);
    }
}

#[test]
fn the_least_size_is_two_blocks() {
    let options = StorageOptions { place_bytes_min: 8_191, ..large_options() };
    assert_eq!(
        options.check().unwrap_err().to_string(),
        "storage option place_bytes_min is 8191, it must be at least 8192"
    );
}

/// Broker seed 310: an index of the active segment could not be read, the segment ended for its sake, and what waited in memory, with its
/// blocks there, went to the next one without them.
#[test]
fn an_index_is_not_made_again_while_batches_have_places_in_its_segment() {
    let disk = TestDisk::new();
    let mut node = begun(&disk);
    let paddings = [LARGE, 300, LARGE, 40];
    for &padding in &paddings[1..] {
        assert_eq!(append(&mut node, padding), padding == LARGE);
    }
    node.log(0).suspect_indexes(Offset(0));
    assert!(node.log(0).take_reindex().is_none(), "the segment would end");
    node.checkpoint().unwrap();
    let work = node.log(0).take_reindex().expect("nothing waits any more, and it is not forgotten");
    let done = node.runtime.block_on(work.run(&disk)).unwrap();
    node.log(0).reindexed(&done);
    node.log(0).release_tail();
    assert_eq!(node.contents(0).unwrap(), expected(&paddings));
    // The next one begins another segment.
    append(&mut node, 50);
    node.checkpoint().unwrap();
    assert_eq!(node.log(0).segment_count(), 2);
    node.log(0).release_tail();
    assert_eq!(node.contents(0).unwrap(), expected(&[&paddings[..], &[50]].concat()));
}
