use super::node::{Node, batch, partition, small_config, small_options};
use crate::log::testing::TestDisk;
use crate::log::*;
use crate::types::Offset;

/// Ten thousand partitions on one node: idle ones cost no file, open files are bounded by the cache.
#[test]
fn ten_thousand_partitions_with_few_open_files() {
    const PARTITIONS: i32 = 10_000;
    const WRITTEN: i32 = 500;
    let options = StorageOptions {
        journal_file_bytes: 4 << 20,
        fd_cache_files: 16,
        tail_budget_bytes: 64 << 10,
        ..small_options()
    };
    let disk = TestDisk::new();
    let mut node = Node::open_with(&disk, options.clone()).unwrap();
    let storage = node.storage.clone();
    let logs = node.runtime.block_on(async {
        let mut logs = Vec::new();
        for index in 0..PARTITIONS {
            logs.push(storage.create_log(partition(index), Offset::ZERO, small_config()).await.unwrap());
            if storage.journal().statistics().files_live > 2 {
                storage.checkpoint(storage.begin_checkpoint()).await.unwrap();
            }
        }
        logs
    });
    node.logs = logs.into_iter().map(|log| (log.key().partition.index.0, log)).collect();
    assert!(!disk.paths().iter().any(|path| path.starts_with("logs/")), "an idle log has no file");
    // One commit for all of them.
    let position = node.position();
    let mut entries = Vec::new();
    for index in (0..PARTITIONS).step_by((PARTITIONS / WRITTEN) as usize) {
        entries.push(node.log(index).append(batch(0, 3, 0, 1_000, 100), position).unwrap());
    }
    let commits = storage.journal().statistics().commits;
    node.runtime.block_on(storage.journal().append(entries.clone())).unwrap();
    assert_eq!(storage.journal().statistics().commits, commits + 1);
    for entry in &entries {
        let log = node.log(entry.log.partition.index.0);
        log.durable(entry.number);
        log.set_high_watermark(Offset(3));
    }
    disk.take_open_files_max();
    node.checkpoint().unwrap();
    let open = disk.take_open_files_max();
    assert!(open < 150, "{open} files were open at once");
    for index in (0..PARTITIONS).step_by((PARTITIONS / WRITTEN) as usize) {
        node.log(index).release_tail();
        assert_eq!(node.contents(index).unwrap(), batch(0, 3, 0, 1_000, 100).to_bytes());
    }
    assert!(storage.file_cache().open_files() <= 16);
    let open = disk.take_open_files_max();
    assert!(open <= 16 + 8, "{open} files were open at once");
    let disk = node.stop(&disk);
    let node = Node::open_with(&disk, options).unwrap();
    assert_eq!(node.logs.len(), PARTITIONS as usize);
    assert_eq!(node.report.journal.entries, 0);
    let open = disk.take_open_files_max();
    assert!(open <= 16, "{open} files were open at once at the start");
}
