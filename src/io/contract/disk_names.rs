use std::io::ErrorKind;

use bytes::Bytes;

use super::Stage;
use super::disk::{for_writing, fresh};
use crate::io::{Access, DirEntry, OpenOptions};

async fn put(stage: &Stage, path: &str, content: &'static [u8]) {
    let file = stage.client.disk.open(path, for_writing(Access::Buffered)).await.unwrap();
    file.set_len(0).await.unwrap();
    file.write_at(0, vec![Bytes::from_static(content)]).await.unwrap();
}

async fn content(stage: &Stage, path: &str) -> Bytes {
    let file = stage.client.disk.open(path, OpenOptions::default()).await.unwrap();
    file.read_at(0, 1000).await.unwrap()
}

/// Why a file cannot be opened.
async fn refusal(stage: &Stage, path: &str, options: OpenOptions) -> ErrorKind {
    match stage.client.disk.open(path, options).await {
        Ok(_) => panic!("{path:?} was opened"),
        Err(error) => error.kind(),
    }
}

pub(super) async fn open_tells_missing_and_existing(stage: &Stage) {
    let new = OpenOptions { write: true, create_new: true, ..OpenOptions::default() };
    let writing = OpenOptions { write: true, ..OpenOptions::default() };
    stage.client.disk.create_dir_all("c-open").await.unwrap();
    assert_eq!(refusal(stage, "c-open/a", OpenOptions::default()).await, ErrorKind::NotFound);
    assert_eq!(refusal(stage, "c-open/a", writing).await, ErrorKind::NotFound);
    assert_eq!(refusal(stage, "c-open/no/a", for_writing(Access::Buffered)).await, ErrorKind::NotFound);
    assert!(stage.client.disk.open("c-open/a", new).await.is_ok());
    assert_eq!(refusal(stage, "c-open/a", new).await, ErrorKind::AlreadyExists);
    assert!(stage.client.disk.open("c-open/a", writing).await.is_ok());
    assert_eq!(refusal(stage, "c-open", OpenOptions::default()).await, ErrorKind::IsADirectory);
    let reading_new = OpenOptions { create: true, ..OpenOptions::default() };
    assert_eq!(refusal(stage, "c-open/b", reading_new).await, ErrorKind::InvalidInput);
}

pub(super) async fn truncate_empties(stage: &Stage) {
    let file = fresh(stage, "c-truncate", Access::Buffered).await;
    file.write_at(0, vec![Bytes::from_static(b"old")]).await.unwrap();
    let options = OpenOptions { truncate: true, ..for_writing(Access::Buffered) };
    let again = stage.client.disk.open("c-truncate/file", options).await.unwrap();
    assert_eq!(again.size().await.unwrap(), 0);
    assert_eq!(file.size().await.unwrap(), 0);
}

pub(super) async fn rename_replaces(stage: &Stage) {
    let disk = &stage.client.disk;
    disk.create_dir_all("c-rename").await.unwrap();
    put(stage, "c-rename/target", b"old").await;
    put(stage, "c-rename/temporary", b"new").await;
    let before = disk.open("c-rename/target", OpenOptions::default()).await.unwrap();
    disk.rename("c-rename/temporary", "c-rename/target").await.unwrap();
    assert_eq!(&content(stage, "c-rename/target").await[..], b"new");
    assert_eq!(&before.read_at(0, 9).await.unwrap()[..], b"old", "the replaced file is still open");
    assert_eq!(refusal(stage, "c-rename/temporary", OpenOptions::default()).await, ErrorKind::NotFound);
    let error = disk.rename("c-rename/temporary", "c-rename/target").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(&content(stage, "c-rename/target").await[..], b"new");
}

pub(super) async fn rename_moves_between_directories(stage: &Stage) {
    let disk = &stage.client.disk;
    disk.create_dir_all("c-move/from/deep").await.unwrap();
    disk.create_dir_all("c-move/to").await.unwrap();
    put(stage, "c-move/from/deep/file", b"travels").await;
    disk.rename("c-move/from/deep/file", "c-move/to/file").await.unwrap();
    assert_eq!(&content(stage, "c-move/to/file").await[..], b"travels");
    disk.rename("c-move/to/file", "c-move/from/deep/file").await.unwrap();
    // A whole directory.
    disk.rename("c-move/from", "c-move/to/from").await.unwrap();
    assert_eq!(&content(stage, "c-move/to/from/deep/file").await[..], b"travels");
    let error = disk.rename("c-move/to/from", "c-move/no/where").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

pub(super) async fn a_removed_file_stays_readable(stage: &Stage) {
    let file = fresh(stage, "c-remove", Access::Buffered).await;
    file.write_at(0, vec![Bytes::from_static(b"still open")]).await.unwrap();
    stage.client.disk.remove("c-remove/file").await.unwrap();
    assert_eq!(&file.read_at(0, 100).await.unwrap()[..], b"still open");
    file.write_at(10, vec![Bytes::from_static(b"!")]).await.unwrap();
    assert_eq!(file.size().await.unwrap(), 11);
    assert_eq!(stage.client.disk.remove("c-remove/file").await.unwrap_err().kind(), ErrorKind::NotFound);
    // The name is free for another file.
    let other = fresh(stage, "c-remove", Access::Buffered).await;
    assert_eq!(other.size().await.unwrap(), 0);
    assert_eq!(file.size().await.unwrap(), 11);
}

pub(super) async fn list_is_sorted(stage: &Stage) {
    let disk = &stage.client.disk;
    disk.create_dir_all("c-list/directory").await.unwrap();
    for name in ["c-list/zeta", "c-list/alpha", "c-list/Beta", "c-list/directory/inner"] {
        put(stage, name, b"12345").await;
    }
    let entry = |name: &str, is_dir, size| DirEntry { name: name.to_owned(), is_dir, size };
    assert_eq!(
        disk.list("c-list").await.unwrap(),
        [
            entry("Beta", false, 5),
            entry("alpha", false, 5),
            entry("directory", true, 0),
            entry("zeta", false, 5),
        ]
    );
    assert!(disk.list("").await.unwrap().iter().any(|entry| entry.name == "c-list" && entry.is_dir));
    assert_eq!(disk.list("c-list/no").await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(disk.list("c-list/zeta").await.unwrap_err().kind(), ErrorKind::NotADirectory);
}

pub(super) async fn directories_come_and_go(stage: &Stage) {
    let disk = &stage.client.disk;
    disk.create_dir_all("c-dirs/a/b").await.unwrap();
    disk.create_dir_all("c-dirs/a/b").await.unwrap();
    disk.create_dir_all("").await.unwrap();
    put(stage, "c-dirs/a/b/file", b"x").await;
    put(stage, "c-dirs/plain", b"x").await;
    let error = disk.create_dir_all("c-dirs/plain/below").await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NotADirectory | ErrorKind::AlreadyExists), "{error:?}");
    disk.remove_dir_all("c-dirs/a").await.unwrap();
    disk.remove_dir_all("c-dirs/a").await.unwrap();
    assert_eq!(disk.list("c-dirs").await.unwrap().len(), 1);
    assert_eq!(refusal(stage, "c-dirs/a/b/file", OpenOptions::default()).await, ErrorKind::NotFound);
}

pub(super) async fn paths_stay_inside(stage: &Stage) {
    let disk = &stage.client.disk;
    for bad in ["../outside", "/absolute", "c-x/../../y", "a//b", "./a"] {
        assert_eq!(
            refusal(stage, bad, for_writing(Access::Buffered)).await,
            ErrorKind::InvalidInput,
            "{bad}"
        );
        assert_eq!(disk.create_dir_all(bad).await.unwrap_err().kind(), ErrorKind::InvalidInput, "{bad}");
        assert_eq!(disk.rename("c-a", bad).await.unwrap_err().kind(), ErrorKind::InvalidInput, "{bad}");
        assert_eq!(disk.remove(bad).await.unwrap_err().kind(), ErrorKind::InvalidInput, "{bad}");
    }
}
