//! What only a simulated disk can be made to do.
#![allow(clippy::unwrap_used, reason = "a test")]
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ordain::io::{Access, AlignedBuffer, Disk, Durability, File, OpenOptions};
use ordain::types::limits::DISK_BLOCK_BYTES;
use ordain_sim::disk::{DiskOptions, FaultyOp, PowerLoss, SECTOR_BYTES};
use ordain_sim::{Cluster, NodeHandle, Simulation};

const LOST: PowerLoss = PowerLoss { kept_per_mille: 0 };
const KEPT: PowerLoss = PowerLoss { kept_per_mille: 1000 };

fn options(access: Access) -> OpenOptions {
    OpenOptions { write: true, create: true, access, ..OpenOptions::default() }
}

async fn open(node: &NodeHandle, path: &str) -> Arc<dyn File> {
    node.io().disk.open(path, options(Access::Buffered)).await.unwrap()
}

async fn put(node: &NodeHandle, path: &str, offset: u64, byte: u8, length: usize) -> Arc<dyn File> {
    let file = open(node, path).await;
    file.write_at(offset, vec![Bytes::from(vec![byte; length])]).await.unwrap();
    file
}

fn run<F: Future<Output = ()>>(seed: u64, scenario: impl FnOnce(Cluster, NodeHandle) -> F) {
    Simulation::new(seed).run(|cluster| {
        let node = cluster.add_node("node");
        scenario(cluster, node)
    });
}

#[test]
fn a_power_failure_loses_the_unsynced_and_keeps_the_synced() {
    for (seed, loss) in [(1, LOST), (2, KEPT), (3, PowerLoss { kept_per_mille: 500 })] {
        run(seed, |_, node| async move {
            let file = put(&node, "file", 0, 1, 5000).await;
            file.sync().await.unwrap();
            node.io().disk.sync_dir("").await.unwrap();
            file.write_at(2000, vec![Bytes::from(vec![2; 6000])]).await.unwrap();
            node.power_fail_with(loss);
            node.restart();
            let read = open(&node, "file").await.read_at(0, 10_000).await.unwrap();
            assert!(read[..2000].iter().all(|byte| *byte == 1), "what was synced is there");
            assert!(read[2000..].iter().all(|byte| matches!(byte, 0..=2)));
            if loss == LOST {
                assert_eq!(read[..], [1; 5000]);
            } else if loss == KEPT {
                assert_eq!((read.len(), read[7999]), (8000, 2));
            }
        });
    }
}

#[test]
fn unsynced_writes_are_torn_at_sectors_and_reordered() {
    let (mut torn, mut reordered) = (false, false);
    for seed in 0..40 {
        let (mut seen_torn, mut seen_reordered) = (false, false);
        run(seed, |_, node| async {
            let node = node;
            let file = put(&node, "file", 0, 1, 8 * SECTOR_BYTES).await;
            file.sync().await.unwrap();
            node.io().disk.sync_dir("").await.unwrap();
            file.write_at(0, vec![Bytes::from(vec![2; 4 * SECTOR_BYTES])]).await.unwrap();
            file.write_at(4 * SECTOR_BYTES as u64, vec![Bytes::from(vec![3; 4 * SECTOR_BYTES])])
                .await
                .unwrap();
            node.power_fail();
            let bytes = node.disk().peek("file").unwrap();
            let sectors: Vec<u8> = bytes
                .chunks(SECTOR_BYTES)
                .map(|sector| {
                    assert!(sector.iter().all(|byte| *byte == sector[0]), "a sector is whole");
                    sector[0]
                })
                .collect();
            let of = |range: std::ops::Range<usize>, byte| {
                sectors[range].iter().filter(|sector| **sector == byte).count()
            };
            let (first, second) = (of(0..4, 2), of(4..8, 3));
            seen_torn = (1..4).contains(&first);
            seen_reordered = first < 4 && second > 0;
        });
        torn |= seen_torn;
        reordered |= seen_reordered;
    }
    assert!(torn && reordered, "torn: {torn}, reordered: {reordered}");
}

#[test]
fn one_file_may_be_wholly_new_and_another_wholly_old_or_nothing_but_a_name() {
    const BYTES: usize = 8 * SECTOR_BYTES;
    let (mut apart, mut nameless, mut empty) = (0, 0, 0);
    for seed in 0..300 {
        let mut found = [false; 3];
        run(seed, |_, node| async {
            let node = node;
            let mut files = Vec::new();
            for name in ["a", "b"] {
                let file = put(&node, name, 0, 1, BYTES).await;
                file.sync().await.unwrap();
                files.push(file);
            }
            node.io().disk.sync_dir("").await.unwrap();
            for file in &files {
                file.write_at(0, vec![Bytes::from(vec![2; BYTES])]).await.unwrap();
            }
            files.push(put(&node, "new", 0, 2, BYTES).await);
            node.power_fail();
            let content = |name: &str| node.disk().peek(name).ok();
            let (is_old, is_new) = (Some(vec![1; BYTES]), Some(vec![2; BYTES]));
            let (a, b) = (content("a"), content("b"));
            let are_apart = (a == is_old && b == is_new) || (a == is_new && b == is_old);
            let new = content("new");
            found = [are_apart, are_apart && new.is_none(), new.is_some_and(|bytes| bytes.is_empty())];
        });
        apart += u32::from(found[0]);
        nameless += u32::from(found[1]);
        empty += u32::from(found[2]);
    }
    assert!(apart > 0 && nameless > 0 && empty > 0, "{apart} apart, {nameless} nameless, {empty} empty");
}

#[test]
fn a_durable_write_is_durable_alone() {
    run(4, |_, node| async move {
        let disk = node.io().disk;
        let file = disk.open("file", options(Access::Direct)).await.unwrap();
        disk.sync_dir("").await.unwrap();
        let block = |byte| {
            let mut buffer = AlignedBuffer::zeroed(DISK_BLOCK_BYTES);
            buffer.fill(byte);
            buffer
        };
        let at = |index: u64| index * DISK_BLOCK_BYTES as u64;
        file.write_aligned_at(at(0), block(1), DISK_BLOCK_BYTES, Durability::Later).await.0.unwrap();
        file.write_aligned_at(at(1), block(2), DISK_BLOCK_BYTES, Durability::Now).await.0.unwrap();
        node.power_fail_with(LOST);
        let bytes = node.disk().peek("file").unwrap();
        assert!(bytes[..DISK_BLOCK_BYTES].iter().all(|byte| *byte == 0), "never synced");
        assert!(bytes[DISK_BLOCK_BYTES..].iter().all(|byte| *byte == 2));
        assert_eq!(bytes.len(), 2 * DISK_BLOCK_BYTES);
    });
}

#[test]
fn a_crash_of_the_process_keeps_the_page_cache() {
    run(5, |_, node| async move {
        put(&node, "directory-less", 0, 7, 100).await;
        node.crash();
        node.restart();
        let read = open(&node, "directory-less").await.read_at(0, 100).await.unwrap();
        assert_eq!(read[..], [7; 100]);
    });
}

#[test]
fn names_without_a_directory_sync_are_lost() {
    run(6, |_, node| async move {
        let disk = node.io().disk;
        disk.create_dir_all("d").await.unwrap();
        disk.sync_dir("").await.unwrap();
        put(&node, "d/target", 0, 1, 10).await.sync().await.unwrap();
        disk.sync_dir("d").await.unwrap();
        put(&node, "d/temporary", 0, 2, 10).await.sync().await.unwrap();
        disk.rename("d/temporary", "d/target").await.unwrap();
        put(&node, "d/new", 0, 3, 10).await.sync().await.unwrap();
        node.power_fail_with(LOST);
        assert_eq!(node.disk().peek("d/target").unwrap(), [1; 10], "the rename is lost");
        assert_eq!(node.disk().peek("d/new").unwrap_err().kind(), ErrorKind::NotFound);
        node.restart();
        // The same again, with the sync.
        let disk = node.io().disk;
        put(&node, "d/temporary", 0, 2, 10).await.sync().await.unwrap();
        disk.rename("d/temporary", "d/target").await.unwrap();
        disk.sync_dir("d").await.unwrap();
        node.power_fail_with(LOST);
        assert_eq!(node.disk().peek("d/target").unwrap(), [2; 10]);
        assert!(node.disk().peek("d/temporary").is_err());
    });
}

#[test]
fn a_lost_rename_is_lost_whole() {
    let mut outcomes = [0; 2];
    for seed in 0..30 {
        let mut kept = false;
        run(seed, |_, node| async {
            let node = node;
            let disk = node.io().disk;
            put(&node, "target", 0, 1, 10).await.sync().await.unwrap();
            put(&node, "temporary", 0, 2, 10).await.sync().await.unwrap();
            disk.sync_dir("").await.unwrap();
            disk.rename("temporary", "target").await.unwrap();
            node.power_fail();
            let target = node.disk().peek("target").unwrap();
            let temporary = node.disk().peek("temporary").ok();
            kept = target == [2; 10];
            assert_eq!((target[0], temporary.is_some()), if kept { (2, false) } else { (1, true) });
        });
        outcomes[usize::from(kept)] += 1;
    }
    assert!(outcomes.iter().all(|count| *count > 0), "{outcomes:?}");
}

#[test]
fn after_a_failed_sync_a_good_one_proves_nothing() {
    let mut lost = false;
    for seed in 0..10 {
        let mut seen_lost = false;
        run(seed, |_, node| async {
            let node = node;
            let file = put(&node, "file", 0, 1, 4096).await;
            file.sync().await.unwrap();
            node.io().disk.sync_dir("").await.unwrap();
            file.write_at(0, vec![Bytes::from(vec![2; 4096])]).await.unwrap();
            node.disk().fail(FaultyOp::Sync, "file", 1);
            assert!(file.sync().await.is_err());
            file.sync().await.unwrap();
            node.power_fail_with(KEPT);
            seen_lost = node.disk().peek("file").unwrap().contains(&1);
        });
        lost |= seen_lost;
    }
    assert!(lost, "the second sync always brought the bytes to the medium");
}

#[test]
fn after_a_failed_sync_of_a_directory_a_good_one_proves_nothing() {
    let mut outcomes = [0; 2];
    for seed in 0..20 {
        let mut kept = false;
        run(seed, |_, node| async {
            let node = node;
            let disk = node.io().disk;
            put(&node, "target", 0, 1, 10).await.sync().await.unwrap();
            disk.sync_dir("").await.unwrap();
            put(&node, "temporary", 0, 2, 10).await.sync().await.unwrap();
            disk.sync_dir("").await.unwrap();
            disk.rename("temporary", "target").await.unwrap();
            node.disk().fail(FaultyOp::Names, "", 1);
            assert!(disk.sync_dir("").await.is_err());
            assert_eq!(node.disk().peek("target").unwrap(), [2; 10], "the machine sees it");
            disk.sync_dir("").await.unwrap();
            let has_lost = node.disk().has_lost_names();
            node.power_fail_with(KEPT);
            kept = node.disk().peek("target").unwrap() == [2; 10];
            assert_eq!((node.disk().peek("temporary").is_ok(), has_lost), (!kept, !kept));
            // What is changed after that is durable again.
            node.restart();
            let disk = node.io().disk;
            put(&node, "next", 0, 3, 10).await.sync().await.unwrap();
            disk.rename("next", "target").await.unwrap();
            disk.sync_dir("").await.unwrap();
            node.power_fail_with(LOST);
            assert_eq!(node.disk().peek("target").unwrap(), [3; 10]);
        });
        outcomes[usize::from(kept)] += 1;
    }
    assert!(outcomes.iter().all(|count| *count > 0), "{outcomes:?}");
}

#[test]
fn a_failed_sync_is_told_by_the_name_that_the_file_has_by_then() {
    run(9, |_, node| async move {
        let file = put(&node, "file.tmp", 0, 1, 4096).await;
        node.io().disk.rename("file.tmp", "file").await.unwrap();
        node.disk().fail(FaultyOp::Sync, "file", 1);
        assert!(file.sync().await.is_err());
        let failed: Vec<String> = node.disk().take_failed_syncs().into_iter().map(|(_, path)| path).collect();
        assert_eq!(failed, ["file"]);
    });
}

#[test]
fn errors_rot_and_misdirection() {
    run(8, |_, node| async move {
        let file = put(&node, "file", 0, 0, 4096).await;
        node.disk().fail(FaultyOp::Read, "fi", 1);
        assert!(file.read_at(0, 1).await.is_err());
        assert!(file.read_at(0, 1).await.is_ok());
        node.disk().fail(FaultyOp::Write, "other", 1);
        assert!(file.write_at(0, vec![Bytes::from_static(b"x")]).await.is_ok());
        node.disk().bad_sector("file", 1).unwrap();
        assert!(file.read_at(0, 512).await.is_ok());
        assert!(file.read_at(0, 513).await.is_err());
        file.write_at(512, vec![Bytes::from(vec![1; 512])]).await.unwrap();
        assert!(file.read_at(0, 4096).await.is_ok(), "a write heals the sector");
        assert!(node.disk().flip_bit("file", 8 * 100 + 3).unwrap());
        assert_eq!(file.read_at(100, 1).await.unwrap()[0], 8);
        assert!(!node.disk().flip_bit("file", 8 * 4096).unwrap());
        node.disk().misdirect_next_write("file", -2).unwrap();
        file.write_at(3072, vec![Bytes::from_static(b"stray")]).await.unwrap();
        assert_eq!(&file.read_at(2048, 5).await.unwrap()[..], b"stray");
        assert_eq!(&file.read_at(3072, 5).await.unwrap()[..], [0; 5]);
    });
}

#[test]
fn a_full_disk_refuses_growth_and_recovers() {
    Simulation::new(9).run(|cluster| async move {
        let options = DiskOptions { capacity: 10_000, ..DiskOptions::default() };
        let node = cluster.add_node_with("node", options);
        let file = put(&node, "file", 0, 1, 9000).await;
        let full = file.write_at(9000, vec![Bytes::from(vec![1; 2000])]).await;
        assert_eq!(full.unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(file.set_len(20_000).await.unwrap_err().kind(), ErrorKind::StorageFull);
        file.write_at(0, vec![Bytes::from(vec![2; 9000])]).await.unwrap();
        assert_eq!(node.io().disk.space().await.unwrap().available, 1000);
        drop(file);
        node.io().disk.remove("file").await.unwrap();
        put(&node, "other", 0, 1, 10_000).await;
    });
}

#[test]
fn a_dead_run_has_no_effect() {
    run(10, |cluster, node| async move {
        let old_disk: Arc<dyn Disk> = node.io().disk;
        let file = put(&node, "file", 0, 1, 100).await;
        file.sync().await.unwrap();
        node.crash();
        node.restart();
        let late = file.write_at(0, vec![Bytes::from(vec![9; 100])]);
        assert!(cluster.within(Duration::from_secs(5), late).await.is_none(), "it waits for ever");
        let remove = old_disk.remove("file");
        assert!(cluster.within(Duration::from_secs(5), remove).await.is_none());
        assert_eq!(node.disk().peek("file").unwrap(), [1; 100]);
    });
}

#[test]
fn a_write_that_was_under_way_at_the_crash_is_there_or_not() {
    let mut outcomes = [0; 2];
    for seed in 0..40 {
        let mut done = false;
        run(seed, |cluster, node| async {
            let (cluster, node) = (cluster, node);
            put(&node, "file", 0, 1, 100).await;
            node.start(|io| async move {
                let file = io.disk.open("file", options(Access::Buffered)).await.unwrap();
                loop {
                    file.write_at(0, vec![Bytes::from(vec![2; 100])]).await.unwrap();
                }
            });
            cluster.sleep(Duration::from_micros(60)).await;
            node.crash();
            let first = node.disk().peek("file").unwrap();
            cluster.sleep(Duration::from_secs(1)).await;
            let bytes = node.disk().peek("file").unwrap();
            assert_eq!(bytes, first, "nothing happens after the crash");
            assert!(bytes == [1; 100] || bytes == [2; 100]);
            done = bytes[0] == 2;
        });
        outcomes[usize::from(done)] += 1;
    }
    assert!(outcomes.iter().all(|count| *count > 0), "{outcomes:?}");
}

#[test]
fn images_wipes_and_slowness() {
    run(12, |cluster, node| async move {
        put(&node, "file", 0, 1, 10).await.sync().await.unwrap();
        node.io().disk.sync_dir("").await.unwrap();
        let image = node.disk().image();
        put(&node, "file", 0, 2, 10).await.sync().await.unwrap();
        node.crash();
        node.disk().restore(&image);
        node.restart();
        assert_eq!(open(&node, "file").await.read_at(0, 10).await.unwrap()[..], [1; 10]);
        node.crash();
        node.disk().wipe();
        node.restart();
        assert!(node.io().disk.list("").await.unwrap().is_empty());
        node.disk().stall(Duration::from_secs(3));
        let before = cluster.now();
        assert!(node.io().disk.list("").await.unwrap().is_empty());
        assert!(cluster.now().since(before) >= Duration::from_secs(3));
    });
}

#[test]
fn a_disk_knows_what_faults_have_destroyed_and_what_was_written_since() {
    run(3, |_, node| async move {
        let file = put(&node, "d", 0, 1, 2048).await;
        file.sync().await.unwrap();
        node.io().disk.sync_dir("").await.unwrap();
        assert!(node.disk().damaged().is_empty());
        assert!(node.disk().flip_bit("d", 8 * 100).unwrap());
        node.disk().bad_sector("d", 3).unwrap();
        let (path, damage) = node.disk().damaged().remove(0);
        assert_eq!((path.as_str(), &damage.ranges[..]), ("d", &[100..101, 1536..2048][..]));
        assert_eq!((damage.ideal[100], damage.live[100]), (1, 0));
        // Rewritten: whole again. Lost with the power: as damaged as before.
        file.write_at(0, vec![Bytes::from(vec![2; 512])]).await.unwrap();
        assert_eq!(node.disk().damaged()[0].1.ranges, std::slice::from_ref(&(1536..2048)));
        node.power_fail_with(LOST);
        node.restart();
        assert_eq!(node.disk().damaged()[0].1.ranges[0], 100..101);
        assert!(node.disk().repair("d").unwrap());
        assert!(node.disk().damaged().is_empty());
        assert_eq!(node.disk().peek("d").unwrap(), [1; 2048]);
    });
}

#[test]
fn a_misdirected_write_destroys_two_places() {
    run(4, |_, node| async move {
        let file = put(&node, "d", 0, 1, 4096).await;
        node.disk().misdirect_next_write("d", 2).unwrap();
        file.write_at(10, vec![Bytes::from(vec![9; 4])]).await.unwrap();
        let damage = node.disk().damaged().remove(0).1;
        assert_eq!(damage.ranges, [10..14, 1034..1038]);
        file.write_at(1000, vec![Bytes::from(vec![7; 100])]).await.unwrap();
        assert_eq!(
            node.disk().damaged()[0].1.ranges,
            std::slice::from_ref(&(10..14)),
            "the one was written again"
        );
        file.sync().await.unwrap();
        file.write_at(10, vec![Bytes::from(vec![9; 4])]).await.unwrap();
        assert!(node.disk().damaged().is_empty());
    });
}

#[test]
fn faults_count_when_they_happen() {
    let faults = |happens: bool| {
        let outcome = Simulation::new(4).run(async move |cluster: Cluster| {
            let node = cluster.add_node("node");
            let file = put(&node, "d", 0, 1, 4096).await;
            node.disk().misdirect_next_write("d", 2).unwrap();
            node.disk().flip_bit("d", if happens { 8 } else { 8 * 4096 }).unwrap();
            node.disk().set_capacity(4096);
            if happens {
                file.write_at(10, vec![Bytes::from(vec![9; 4])]).await.unwrap();
                file.write_at(4096, vec![Bytes::from(vec![9; 4])]).await.unwrap_err();
            }
        });
        outcome.faults
    };
    assert_eq!((faults(false), faults(true)), (0, 3));
}

#[test]
fn a_write_that_fails_may_have_come_some_way() {
    let found = Arc::new(std::sync::Mutex::new(Vec::new()));
    for seed in 0..40 {
        let found = Arc::clone(&found);
        run(seed, |_, node| async move {
            let file = put(&node, "d", 0, 1, 4 * SECTOR_BYTES).await;
            node.disk().fail(FaultyOp::Write, "d", 1);
            let longer = vec![Bytes::from(vec![2; 8 * SECTOR_BYTES])];
            file.write_at(0, longer).await.unwrap_err();
            let content = node.disk().peek("d").unwrap();
            assert_eq!(content.len(), 4 * SECTOR_BYTES, "it has not grown");
            let sectors: Vec<u8> = content.chunks(SECTOR_BYTES).map(|sector| sector[0]).collect();
            assert!(content.chunks(SECTOR_BYTES).all(|one| one.iter().all(|byte| *byte == one[0])));
            found.lock().unwrap().push(sectors.contains(&2));
        });
    }
    let found = found.lock().unwrap();
    assert!(found.contains(&true) && found.contains(&false), "{found:?}");
}

#[test]
fn a_write_without_room_may_have_come_as_far_as_there_was_some() {
    let found = Arc::new(std::sync::Mutex::new(std::collections::BTreeSet::new()));
    for seed in 0..40 {
        let found = Arc::clone(&found);
        run(seed, |_, node| async move {
            let file = put(&node, "d", 0, 1, SECTOR_BYTES).await;
            node.disk().set_capacity(3 * SECTOR_BYTES as u64 + 10);
            let longer = vec![Bytes::from(vec![2; 8 * SECTOR_BYTES])];
            file.write_at(SECTOR_BYTES as u64, longer).await.unwrap_err();
            found.lock().unwrap().insert(node.disk().peek("d").unwrap().len() / SECTOR_BYTES);
        });
    }
    assert_eq!(*found.lock().unwrap(), [1, 3].into());
}

#[test]
fn a_trap_springs_at_the_operation_it_waits_for() {
    run(5, |_, node| async move {
        node.io().disk.create_dir_all("dir").await.unwrap();
        node.io().disk.sync_dir("").await.unwrap();
        let file = put(&node, "dir/file", 0, 1, 100).await;
        file.sync().await.unwrap();
        node.io().disk.sync_dir("dir").await.unwrap();
        let victim = node.clone();
        let fail = Box::new(move || victim.power_fail_with(LOST));
        node.disk().when_next(FaultyOp::Write, "dir/", 1, fail);
        file.write_at(0, vec![Bytes::from(vec![2; 100])]).await.unwrap();
        assert!(node.is_running(), "the first is let through");
        let second = file.clone();
        let job = node.run(move |_| async move { second.write_at(0, vec![Bytes::from(vec![3; 100])]).await });
        assert!(job.await.is_none(), "the process died in it");
        assert!(!node.is_running());
        assert_eq!(node.disk().peek("dir/file").unwrap(), [1; 100]);
    });
}

#[test]
fn some_operations_can_be_made_to_take_long() {
    run(34, |cluster, node| async move {
        let (held, other) = (put(&node, "held", 0, 1, 100).await, put(&node, "other", 0, 1, 100).await);
        let long = Duration::from_secs(2);
        node.disk().slow(10);
        node.disk().hold(FaultyOp::Read, "held", (1, 2), long);
        let read = async |file: &Arc<dyn File>| {
            let began = cluster.now();
            file.read_at(0, 100).await.unwrap();
            cluster.now().since(began)
        };
        assert!(read(&held).await < long, "every second one");
        assert!(read(&other).await < long, "of another path");
        let took = read(&held).await;
        assert!(took >= long && took < 2 * long, "{took:?}: whatever else is slow");
        assert!(read(&held).await < long && read(&held).await < long, "only one");
    });
}

#[test]
fn renames_and_removals_are_told_from_other_names() {
    run(35, |_, node| async move {
        drop(put(&node, "a", 0, 1, 100).await);
        let fail = || -> Box<dyn FnOnce() + Send> {
            let victim = node.clone();
            Box::new(move || victim.power_fail_with(KEPT))
        };
        node.disk().when_next(FaultyOp::Remove, "a", 0, fail());
        node.disk().fail(FaultyOp::Rename, "a", 1);
        let disk = node.io().disk;
        drop(disk.open("a", options(Access::Buffered)).await.unwrap());
        assert!(disk.rename("a", "b").await.is_err());
        assert!(node.disk().last_error().is_some());
        assert!(node.is_running() && disk.rename("a", "b").await.is_ok(), "once");
        drop(disk.rename("b", "a").await);
        let job = node.run(move |io| async move { io.disk.remove("a").await });
        assert!(job.await.is_none() && !node.is_running(), "the power failed in it");
    });
}

#[test]
fn a_read_only_disk_gives_what_it_holds_and_takes_nothing() {
    run(8, |_, node| async move {
        let file = put(&node, "file", 0, 1, 512).await;
        file.sync().await.unwrap();
        let late = put(&node, "late", 0, 2, 512).await;
        node.disk().read_only(true);
        let disk = node.io().disk;
        let kind = |result: std::io::Result<()>| result.unwrap_err().kind();
        assert_eq!(
            kind(file.write_at(0, vec![Bytes::from_static(b"x")]).await),
            ErrorKind::ReadOnlyFilesystem
        );
        assert_eq!(kind(file.set_len(0).await), ErrorKind::ReadOnlyFilesystem);
        assert_eq!(
            kind(late.sync().await),
            ErrorKind::ReadOnlyFilesystem,
            "it was not durable, and is not now"
        );
        assert_eq!(kind(disk.rename("file", "other").await), ErrorKind::ReadOnlyFilesystem);
        assert_eq!(kind(disk.remove("file").await), ErrorKind::ReadOnlyFilesystem);
        assert_eq!(kind(disk.create_dir_all("new").await), ErrorKind::ReadOnlyFilesystem);
        assert_eq!(
            kind(disk.open("file", options(Access::Buffered)).await.map(drop)),
            ErrorKind::ReadOnlyFilesystem
        );
        let reading = disk.open("file", OpenOptions::default()).await.unwrap();
        assert_eq!(reading.read_at(0, 512).await.unwrap()[..], [1; 512]);
        assert_eq!(disk.list("").await.unwrap().len(), 2);
        disk.create_dir_all("").await.unwrap();
        node.disk().read_only(false);
        file.write_at(0, vec![Bytes::from_static(b"x")]).await.unwrap();
        file.sync().await.unwrap();
    });
}
