use std::future::ready;
use std::io;
use std::time::Duration;

use bytes::Bytes;

use super::node::{Node, expected, small_config, small_options};
use crate::log::read_ahead::Place;
use crate::log::segment::SegmentId;
use crate::log::testing::TestDisk;
use crate::log::*;
use crate::types::Offset;

/// A node whose log `0` lies in one segment of `batches` batches of 161 bytes, with three offsets each.
fn one_segment(batches: usize, read_ahead_bytes: usize) -> (TestDisk, Node) {
    let disk = TestDisk::new();
    let mut node = Node::open_with(&disk, StorageOptions { read_ahead_bytes, ..small_options() }).unwrap();
    fill(&mut node, 0, batches, 1 << 20);
    (disk, node)
}

fn fill(node: &mut Node, index: i32, batches: usize, segment_bytes: u64) {
    node.create(index).unwrap();
    node.log(index).set_config(LogConfig { segment_bytes, ..small_config() });
    for batch in 1..=batches {
        node.append(index, 100).unwrap();
        if batch % 20 == 0 {
            node.checkpoint().unwrap();
        }
    }
    node.checkpoint().unwrap();
    node.log(index).release_tail();
}

/// Reads `bytes` at most, and says where the next read begins.
fn read(node: &Node, index: i32, offset: i64, bytes: usize) -> (Bytes, i64) {
    let read = node.read(index, offset, bytes).unwrap();
    let next = offset + 3 * (read.len() / 161) as i64;
    (read, next)
}

fn held(node: &Node) -> usize {
    node.storage.file_cache().read_ahead_bytes()
}

fn place(node: &Node, position: u64) -> Place {
    let segment = SegmentId { log: node.logs[&0].key().id, number: 1 };
    Place { segment, position }
}

#[test]
fn who_goes_on_is_read_ahead_of() {
    let (_disk, node) = one_segment(300, 1 << 20);
    let (_, next) = read(&node, 0, 0, 8_000);
    assert_eq!(held(&node), 0, "one read says nothing of the next");
    let (_, next) = read(&node, 0, next, 8_000);
    // 8,000 bytes, what begins the batch behind them, and no more than that.
    assert_eq!(held(&node), 8_000 + (16 << 10));
    let (_, elsewhere) = read(&node, 0, 600, 8_000);
    assert_eq!(held(&node), 8_000 + (16 << 10), "it waits for who asks for the offset that comes next");
    assert_ne!(elsewhere, next);
    let all = node.contents(0).unwrap();
    assert_eq!(all, expected(300, 100));
}

/// The same through segments, each of which ends in the middle of a read.
#[test]
fn segments_are_read_ahead_over_their_ends() {
    let disk = TestDisk::new();
    let mut node = Node::open(&disk);
    fill(&mut node, 0, 40, 1_000);
    assert_eq!(node.log(0).segment_count(), 7);
    let (_, next) = read(&node, 0, 0, 700);
    let (read_to_end, next) = read(&node, 0, next, 700);
    assert_eq!((read_to_end.len(), next), (2 * 161, 18));
    assert_eq!(held(&node), 6 * 161, "the next segment as a whole");
    let (mut all, mut next) = (Vec::new(), next);
    while next < 120 {
        let (more, after) = read(&node, 0, next, 700);
        all.extend_from_slice(&more);
        next = after;
    }
    assert_eq!(all, expected(40, 100)[6 * 161..]);
    assert_eq!(held(&node), 0, "nothing follows");
}

#[test]
fn what_is_read_ahead_is_bounded() {
    let disk = TestDisk::new();
    let options = StorageOptions { read_ahead_bytes: 50_000, ..small_options() };
    let mut node = Node::open_with(&disk, options).unwrap();
    for index in 0..6 {
        fill(&mut node, index, 200, 1 << 20);
    }
    let (_, next) = read(&node, 0, 0, 4_000);
    for index in 0..6 {
        read(&node, index, 0, 4_000);
        read(&node, index, next, 4_000);
        assert!(held(&node) <= 50_000, "{} bytes are held", held(&node));
    }
    assert_eq!(held(&node), 2 * (4_000 + (16 << 10)), "two of them fit, the others read when they are asked");
    for index in 0..6 {
        assert_eq!(node.contents(index).unwrap(), expected(200, 100));
    }
    let (_disk, node) = one_segment(200, 0);
    assert_eq!(node.contents(0).unwrap(), expected(200, 100));
    assert_eq!(held(&node), 0);
}

#[test]
fn what_was_read_of_a_segment_goes_with_it() {
    let disk = TestDisk::new();
    let mut node = Node::open(&disk);
    fill(&mut node, 0, 40, 1_000);
    let (_, next) = read(&node, 0, 0, 200);
    let (_, next) = read(&node, 0, next, 200);
    assert!(held(&node) > 0);
    let position = node.position();
    let log = node.log(0);
    let moved = log.advance_log_start(Offset(60), position).unwrap().unwrap();
    node.commit(0, vec![moved]).unwrap();
    node.checkpoint().unwrap();
    assert_eq!(held(&node), 0);
    assert!(matches!(node.read(0, next, 200), Err(ReadError::OutOfRange { .. })));
    assert_eq!(node.contents(0).unwrap()[..], expected(40, 100)[20 * 161..]);
}

#[test]
fn what_nobody_comes_for_is_let_go() {
    let (_disk, node) = one_segment(300, 1 << 20);
    let (_, next) = read(&node, 0, 0, 8_000);
    read(&node, 0, next, 8_000);
    let cache = node.storage.file_cache();
    let now = node.runtime.clock().now();
    cache.expire_read_ahead(now);
    cache.expire_read_ahead(now.after(Duration::from_millis(1_900)));
    assert!(held(&node) > 0);
    cache.expire_read_ahead(now.after(Duration::from_secs(2)));
    assert_eq!(held(&node), 0);
    assert_eq!(node.contents(0).unwrap(), expected(300, 100));
}

/// Whatever became of what was read ahead: the reader gets what the file holds.
#[test]
fn a_read_ahead_that_fails_is_as_if_there_had_been_none() {
    let (_disk, node) = one_segment(20, 1 << 20);
    let all = expected(20, 100);
    let mut damaged = all[161 * 4..].to_vec();
    damaged[100] ^= 1;
    let later = all[161 * 5..].to_vec();
    let readings: [io::Result<Bytes>; 5] = [
        Err(io::Error::other("planted")),
        Ok(Bytes::new()),
        Ok(Bytes::from(damaged)),
        Ok(Bytes::from(later)),
        Ok(Bytes::from(all[161 * 4..161 * 6 + 100].to_vec())),
    ];
    for reading in readings {
        let told = format!("{:?}", reading.as_ref().map(Bytes::len));
        let ahead = node.storage.file_cache().ahead();
        ahead.leave_reading(Offset(12), place(&node, 4 * 161), 1_000, || Box::pin(ready(reading)));
        assert_eq!(node.read(0, 12, 600).unwrap(), all[4 * 161..7 * 161], "after {told}");
    }
    // Damage further on ends the answer before it, as it does on the disk; the next read asks the disk.
    let mut damaged = all[161 * 4..].to_vec();
    damaged[300] ^= 1;
    let ahead = node.storage.file_cache().ahead();
    let reading = Ok(Bytes::from(damaged));
    ahead.leave_reading(Offset(12), place(&node, 4 * 161), 1_000, || Box::pin(ready(reading)));
    assert_eq!(node.read(0, 12, 600).unwrap(), all[4 * 161..5 * 161]);
    assert_eq!(node.read(0, 15, 400).unwrap(), all[5 * 161..7 * 161]);
    // A place that is none.
    for position in [0, 100, 3 * 161, 5 * 161, 1 << 40] {
        node.storage.file_cache().ahead().leave(Offset(12), place(&node, position));
        assert_eq!(node.read(0, 12, 600).unwrap(), all[4 * 161..7 * 161], "from {position}");
    }
}
