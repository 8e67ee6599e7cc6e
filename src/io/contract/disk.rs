use std::future::poll_fn;
use std::io::ErrorKind;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;

use super::{Stage, pattern};
use crate::io::{Access, AlignedBuffer, Durability, File, FileWrite, OpenOptions};
use crate::types::limits::DISK_BLOCK_BYTES;

const BLOCK: usize = DISK_BLOCK_BYTES;

/// For reading and writing, created if missing.
pub(super) fn for_writing(access: Access) -> OpenOptions {
    OpenOptions { write: true, create: true, access, ..OpenOptions::default() }
}

/// A fresh file in a directory of the test's own.
pub(super) async fn fresh(stage: &Stage, directory: &str, access: Access) -> Arc<dyn File> {
    let disk = &stage.client.disk;
    disk.create_dir_all(directory).await.unwrap();
    disk.open(&format!("{directory}/file"), for_writing(access)).await.unwrap()
}

pub(super) async fn reads_what_was_written(stage: &Stage) {
    let file = fresh(stage, "c-read-after-write", Access::Buffered).await;
    let bytes = Bytes::from(pattern(100_000, 4));
    file.write_at(0, vec![bytes.clone()]).await.unwrap();
    assert_eq!(file.read_at(0, bytes.len()).await.unwrap(), bytes);
    file.write_at(777, vec![Bytes::from_static(b"overwritten")]).await.unwrap();
    assert_eq!(&file.read_at(776, 13).await.unwrap()[1..12], b"overwritten");
    assert_eq!(file.read_at(776, 13).await.unwrap()[0], bytes[776]);
    assert_eq!(file.read_at(788, 1).await.unwrap()[0], bytes[788]);
    assert_eq!(file.size().await.unwrap(), 100_000);
    // A second handle sees the same bytes.
    let again = stage.client.disk.open("c-read-after-write/file", OpenOptions::default()).await.unwrap();
    assert_eq!(&again.read_at(777, 11).await.unwrap()[..], b"overwritten");
}

pub(super) async fn short_reads_only_at_the_end(stage: &Stage) {
    let file = fresh(stage, "c-short-read", Access::Buffered).await;
    assert_eq!(file.read_at(0, 10).await.unwrap().len(), 0, "an empty file");
    file.write_at(0, vec![Bytes::from(vec![1; 10_000])]).await.unwrap();
    assert_eq!(file.read_at(9_000, 5_000).await.unwrap().len(), 1_000);
    assert_eq!(file.read_at(10_000, 5_000).await.unwrap().len(), 0);
    assert_eq!(file.read_at(1 << 40, 1).await.unwrap().len(), 0);
    assert_eq!(file.read_at(0, 0).await.unwrap().len(), 0);
}

pub(super) async fn vectored_writes_are_one_run(stage: &Stage) {
    let file = fresh(stage, "c-vectored", Access::Buffered).await;
    let bytes = Bytes::from(pattern(300_000, 5));
    // More segments than one system call takes, with empty ones among them.
    let mut segments = Vec::new();
    let mut rest = bytes.clone();
    while !rest.is_empty() {
        segments.push(rest.split_to(rest.len().min(1 + segments.len() % 200)));
        segments.push(Bytes::new());
    }
    assert!(segments.len() > 2048);
    file.write_at(13, segments).await.unwrap();
    assert_eq!(file.read_at(13, bytes.len() + 1).await.unwrap(), bytes);
    assert_eq!(&file.read_at(0, 13).await.unwrap()[..], [0; 13]);
    file.write_at(1 << 30, vec![Bytes::new()]).await.unwrap();
    assert_eq!(file.size().await.unwrap(), 300_013, "an empty write changes nothing");
}

pub(super) async fn writes_beyond_the_end_fill_with_zeros(stage: &Stage) {
    let file = fresh(stage, "c-beyond", Access::Buffered).await;
    file.write_at(9_000, vec![Bytes::from_static(b"x")]).await.unwrap();
    assert_eq!(file.size().await.unwrap(), 9_001);
    let bytes = file.read_at(0, 10_000).await.unwrap();
    assert!(bytes[..9_000].iter().all(|byte| *byte == 0) && bytes[9_000] == b'x');
}

pub(super) async fn set_len_cuts_and_extends(stage: &Stage) {
    let file = fresh(stage, "c-set-len", Access::Buffered).await;
    file.write_at(0, vec![Bytes::from(vec![7; 5_000])]).await.unwrap();
    file.set_len(1_000).await.unwrap();
    assert_eq!(file.size().await.unwrap(), 1_000);
    file.set_len(3_000).await.unwrap();
    let bytes = file.read_at(0, 9_999).await.unwrap();
    assert_eq!(bytes.len(), 3_000);
    assert!(bytes[..1_000].iter().all(|byte| *byte == 7));
    assert!(bytes[1_000..].iter().all(|byte| *byte == 0), "bytes that were cut came back");
}

pub(super) async fn aligned_writes(stage: &Stage) {
    let file = fresh(stage, "c-aligned", Access::Direct).await;
    let bytes = pattern(3 * BLOCK, 6);
    let mut buffer = AlignedBuffer::zeroed(3 * BLOCK);
    buffer.copy_from_slice(&bytes);
    let (result, mut buffer) = file.write_aligned_at(0, buffer, 3 * BLOCK, Durability::Now).await;
    result.unwrap();
    assert!(buffer[..] == bytes[..], "the buffer comes back as it was");
    assert_eq!(&file.read_at(0, 3 * BLOCK).await.unwrap()[..], bytes);
    buffer.fill(9);
    // Only a part of the buffer, over the middle block.
    let (result, buffer) = file.write_aligned_at(BLOCK as u64, buffer, BLOCK, Durability::Later).await;
    result.unwrap();
    file.sync().await.unwrap();
    let read = file.read_at(BLOCK as u64, 2 * BLOCK).await.unwrap();
    assert!(read[..BLOCK].iter().all(|byte| *byte == 9));
    assert_eq!(read[BLOCK..], bytes[2 * BLOCK..]);
    // Beyond the end, and back to back with the page cache's view.
    let (result, _) = file.write_aligned_at(7 * BLOCK as u64, buffer, BLOCK, Durability::Now).await;
    result.unwrap();
    assert_eq!(file.size().await.unwrap(), 8 * BLOCK as u64);
    assert_eq!(file.read_at(7 * BLOCK as u64, 4 * BLOCK).await.unwrap().len(), BLOCK);
    let cached = stage.client.disk.open("c-aligned/file", OpenOptions::default()).await.unwrap();
    assert_eq!(&cached.read_at(5, 100).await.unwrap()[..], &bytes[5..105]);
}

pub(super) async fn access_and_alignment_are_checked(stage: &Stage) {
    let direct = fresh(stage, "c-access-direct", Access::Direct).await;
    let buffered = fresh(stage, "c-access-buffered", Access::Buffered).await;
    let refused = |result: std::io::Result<()>, what: &str| match result {
        Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidInput, "{what}"),
        Ok(()) => panic!("{what} was allowed"),
    };
    refused(direct.write_at(0, vec![Bytes::from_static(b"x")]).await, "a plain write of a direct file");
    let block = AlignedBuffer::zeroed(BLOCK);
    let (result, block) = buffered.write_aligned_at(0, block, BLOCK, Durability::Now).await;
    refused(result, "an aligned write of a buffered file");
    let (result, block) = direct.write_aligned_at(512, block, BLOCK, Durability::Now).await;
    refused(result, "an odd offset");
    let (result, _) = direct.write_aligned_at(0, block, BLOCK - 1, Durability::Now).await;
    refused(result, "an odd length");
    refused(direct.read_at(1, BLOCK).await.map(drop), "a direct read at an odd offset");
    refused(direct.read_at(0, 100).await.map(drop), "a direct read of an odd length");
    assert_eq!(direct.size().await.unwrap(), 0);
}

pub(super) async fn read_only_files_refuse_writes(stage: &Stage) {
    fresh(stage, "c-read-only", Access::Buffered).await;
    let file = stage.client.disk.open("c-read-only/file", OpenOptions::default()).await.unwrap();
    assert!(file.write_at(0, vec![Bytes::from_static(b"x")]).await.is_err());
    assert!(file.set_len(5).await.is_err());
    assert_eq!(file.size().await.unwrap(), 0);
}

pub(super) async fn syncs_succeed(stage: &Stage) {
    let file = fresh(stage, "c-sync", Access::Buffered).await;
    file.sync().await.unwrap();
    file.write_at(0, vec![Bytes::from_static(b"durable")]).await.unwrap();
    file.sync().await.unwrap();
    stage.client.disk.sync_dir("c-sync").await.unwrap();
    stage.client.disk.sync_dir("").await.unwrap();
    let error = stage.client.disk.sync_dir("c-no-such-directory").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

pub(super) async fn many_files_sync_at_once(stage: &Stage) {
    let disk = &stage.client.disk;
    disk.create_dir_all("c-many").await.unwrap();
    disk.sync_files(Vec::new()).await.unwrap();
    for count in [3, 100] {
        let mut files = Vec::new();
        for index in 0..count {
            let file = disk.open(&format!("c-many/{index}"), for_writing(Access::Buffered)).await.unwrap();
            file.write_at(0, vec![Bytes::from(pattern(100, index))]).await.unwrap();
            files.push(file);
        }
        disk.sync_files(files).await.unwrap();
    }
    assert_eq!(disk.list("c-many").await.unwrap().len(), 100);
}

pub(super) async fn files_are_written_in_turn(stage: &Stage) {
    let disk = &stage.client.disk;
    disk.create_dir_all("c-in-turn").await.unwrap();
    let create = OpenOptions { write: true, create: true, ..OpenOptions::default() };
    let write = |name: &str, options, runs: &[(u64, &'static [u8])]| FileWrite {
        path: format!("c-in-turn/{name}"),
        options,
        runs: runs.iter().map(|&(at, bytes)| (at, vec![Bytes::from_static(bytes), Bytes::new()])).collect(),
    };
    for large in [&[7; 10][..], &[7; 600_000]] {
        let written = disk
            .write_files(vec![
                write(
                    "a",
                    OpenOptions { truncate: true, ..create },
                    &[(0, b"first"), (7, b"second"), (20, large)],
                ),
                write("b", create, &[]),
            ])
            .await;
        assert!(written.failed.is_none());
        let [a, b] = &written.files[..] else { panic!("two files are written") };
        assert_eq!(a.read_at(0, 20).await.unwrap(), &b"first\0\0second\0\0\0\0\0\0\0"[..]);
        assert_eq!(a.read_at(20, 1 << 20).await.unwrap(), large);
        assert_eq!(b.size().await.unwrap(), 0);
    }
    let there = OpenOptions { create: false, ..create };
    let writes = [("a", &b"FIRST"[..]), ("missing", b"x"), ("b", b"x")];
    let written =
        disk.write_files(writes.map(|(name, bytes)| write(name, there, &[(0, bytes)])).into()).await;
    let (path, error) = written.failed.unwrap();
    assert_eq!((path.as_str(), error.kind()), ("c-in-turn/missing", ErrorKind::NotFound));
    assert_eq!(written.files.len(), 1);
    assert_eq!(written.files[0].read_at(0, 7).await.unwrap(), &b"FIRST\0\0"[..]);
    let b = disk.open("c-in-turn/b", OpenOptions::default()).await.unwrap();
    assert_eq!(b.size().await.unwrap(), 0, "what comes behind a failure is left alone");
}

pub(super) async fn a_dropped_future_leaves_the_file_usable(stage: &Stage) {
    let file = fresh(stage, "c-dropped", Access::Buffered).await;
    for round in 0..10_u8 {
        let mut write = file.write_at(0, vec![Bytes::from(vec![round; 1000])]);
        poll_fn(|context| {
            // Handed in, perhaps done: not waited for.
            let _ = write.as_mut().poll(context);
            Poll::Ready(())
        })
        .await;
    }
    // Whatever became of them, a size and a later write are consistent.
    assert!(matches!(file.size().await.unwrap(), 0 | 1000));
    file.sync().await.unwrap();
}

pub(super) async fn space_is_told(stage: &Stage) {
    let space = stage.client.disk.space().await.unwrap();
    assert!(space.total > 0 && space.available <= space.total, "{space:?}");
}
