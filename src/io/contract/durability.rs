//! What is durable outlives the process, and where the twin can show it (the simulator's loses its power) the machine: bytes
//! by a sync, a durable write, or one sync of many files; names by a sync of their directory.
use std::io::ErrorKind;

use bytes::Bytes;

use super::disk::{for_writing, fresh};
use super::{Stage, pattern};
use crate::io::{Access, AlignedBuffer, Durability, Io, OpenOptions};
use crate::types::limits::DISK_BLOCK_BYTES;

const BLOCK: usize = DISK_BLOCK_BYTES;

/// A file's whole content, as it is found by its name, past the page cache where that works.
async fn found(io: &Io, path: &str) -> Vec<u8> {
    let options = OpenOptions { access: Access::Direct, ..OpenOptions::default() };
    let file = io.disk.open(path, options).await.unwrap();
    let size = usize::try_from(file.size().await.unwrap()).unwrap();
    let bytes = file.read_at(0, size.next_multiple_of(BLOCK)).await.unwrap();
    assert_eq!(bytes.len(), size, "{path}");
    let cached = io.disk.open(path, OpenOptions::default()).await.unwrap();
    assert_eq!(cached.read_at(0, size).await.unwrap(), bytes, "{path}: by the page cache and past it");
    bytes.to_vec()
}

pub(super) async fn synced_bytes_stay(stage: &Stage) {
    let file = fresh(stage, "c-durable-sync", Access::Buffered).await;
    let bytes = pattern(3 * BLOCK + 77, 21);
    file.write_at(0, vec![Bytes::from(bytes.clone())]).await.unwrap();
    file.sync().await.unwrap();
    file.set_len(2 * BLOCK as u64 + 5).await.unwrap();
    file.sync().await.unwrap();
    for directory in ["c-durable-sync", ""] {
        stage.client.disk.sync_dir(directory).await.unwrap();
    }
    let io = (stage.reborn)();
    assert!(found(&io, "c-durable-sync/file").await == bytes[..2 * BLOCK + 5]);
}

pub(super) async fn a_durable_write_stays(stage: &Stage) {
    let file = fresh(stage, "c-durable-write", Access::Direct).await;
    let (mut buffer, bytes) = (AlignedBuffer::zeroed(4 * BLOCK), pattern(4 * BLOCK, 22));
    // As a journal does it: zeros that are synced, then one durable write after another.
    let (result, returned) = file.write_aligned_at(0, buffer, 4 * BLOCK, Durability::Later).await;
    result.unwrap();
    file.sync().await.unwrap();
    for directory in ["c-durable-write", ""] {
        stage.client.disk.sync_dir(directory).await.unwrap();
    }
    buffer = returned;
    for block in 0..3 {
        buffer[..BLOCK].copy_from_slice(&bytes[block * BLOCK..][..BLOCK]);
        let at = (block * BLOCK) as u64;
        let (result, returned) = file.write_aligned_at(at, buffer, BLOCK, Durability::Now).await;
        result.unwrap();
        buffer = returned;
    }
    let io = (stage.reborn)();
    let read = found(&io, "c-durable-write/file").await;
    assert!(read[..3 * BLOCK] == bytes[..3 * BLOCK]);
    assert!(read[3 * BLOCK..] == [0; BLOCK]);
}

pub(super) async fn files_synced_at_once_stay(stage: &Stage) {
    let disk = &stage.client.disk;
    disk.create_dir_all("c-durable-many").await.unwrap();
    let mut files = Vec::new();
    for index in 0..40 {
        let path = format!("c-durable-many/{index:02}");
        let file = disk.open(&path, for_writing(Access::Buffered)).await.unwrap();
        file.write_at(0, vec![Bytes::from(pattern(500, index))]).await.unwrap();
        files.push(file);
    }
    disk.sync_files(files).await.unwrap();
    for directory in ["c-durable-many", ""] {
        disk.sync_dir(directory).await.unwrap();
    }
    let io = (stage.reborn)();
    assert_eq!(io.disk.list("c-durable-many").await.unwrap().len(), 40);
    for index in 0..40 {
        assert!(found(&io, &format!("c-durable-many/{index:02}")).await == pattern(500, index));
    }
}

pub(super) async fn synced_names_stay(stage: &Stage) {
    let disk = &stage.client.disk;
    disk.create_dir_all("c-durable-names/inner").await.unwrap();
    for (name, seed) in [("old", 31), ("kept", 32), ("gone", 33)] {
        let path = format!("c-durable-names/{name}");
        let file = disk.open(&path, for_writing(Access::Buffered)).await.unwrap();
        file.write_at(0, vec![Bytes::from(pattern(100, seed))]).await.unwrap();
        file.sync().await.unwrap();
    }
    for directory in ["c-durable-names", ""] {
        disk.sync_dir(directory).await.unwrap();
    }
    // A new content under an old name; a name in another directory; one that goes.
    let next = disk.open("c-durable-names/next", for_writing(Access::Buffered)).await.unwrap();
    next.write_at(0, vec![Bytes::from(pattern(200, 34))]).await.unwrap();
    next.sync().await.unwrap();
    disk.rename("c-durable-names/next", "c-durable-names/old").await.unwrap();
    disk.rename("c-durable-names/kept", "c-durable-names/inner/kept").await.unwrap();
    disk.remove("c-durable-names/gone").await.unwrap();
    for directory in ["c-durable-names/inner", "c-durable-names"] {
        disk.sync_dir(directory).await.unwrap();
    }
    let io = (stage.reborn)();
    assert!(found(&io, "c-durable-names/old").await == pattern(200, 34));
    assert!(found(&io, "c-durable-names/inner/kept").await == pattern(100, 32));
    for name in ["next", "kept", "gone"] {
        let path = format!("c-durable-names/{name}");
        match io.disk.open(&path, OpenOptions::default()).await {
            Ok(_) => panic!("{path} is there again"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound, "{path}"),
        }
    }
}
