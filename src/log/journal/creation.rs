//! Making an empty journal, as a part of making a node's storage: see "A new node" in `docs/segment-format.md`.
use std::io;
use std::sync::Arc;

use super::DIRECTORY;
use super::files::{self, Shape};
use super::format::{CommitHeader, FileSequence, HeaderFound};
use super::recovery::{JournalError, io_error, list};
use super::vouch::{self, PATH as VOUCH_PATH};
use crate::io::{Disk, File};
use crate::log::config::StorageOptions;
use crate::types::limits::DISK_BLOCK_BYTES;

/// What stands in the journal's place where there is no checkpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Before {
    Nothing,
    /// A directory without a commit in it: making it was cut short.
    Unused,
    /// A journal that was written to.
    Written,
}

/// What stands in the journal's place: a file that begins with a commit is one of a journal that was written to.
pub(crate) async fn before(disk: &dyn Disk) -> Result<Before, JournalError> {
    match disk.list(DIRECTORY).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Before::Nothing),
        Err(error) => return Err(io_error("listing", DIRECTORY)(error)),
        Ok(_) => {}
    }
    for (sequence, _) in list(disk, &mut Vec::new()).await? {
        let path = sequence.path();
        let file = disk.open(&path, files::open_options()).await.map_err(io_error("opening", &path))?;
        let block = file.read_at(0, DISK_BLOCK_BYTES).await.map_err(io_error("reading", &path))?;
        if !matches!(CommitHeader::parse(&block), HeaderFound::None) {
            return Ok(Before::Written);
        }
    }
    Ok(Before::Unused)
}

/// Writes what an empty journal has: the beginning of its first file, under a name that does not count yet, and
/// the vouch file. They are to be synced before [`name`]. Removes what an earlier attempt left.
pub(crate) async fn begin(
    disk: &dyn Disk,
    options: &StorageOptions,
    before: Before,
) -> Result<Vec<Arc<dyn File>>, JournalError> {
    if before != Before::Nothing {
        disk.remove_dir_all(DIRECTORY).await.map_err(io_error("removing", DIRECTORY))?;
        // The removal is durable before anything of the same name is made.
        disk.sync_dir("").await.map_err(io_error("syncing", "the data directory"))?;
    }
    disk.create_dir_all(DIRECTORY).await.map_err(io_error("creating", DIRECTORY))?;
    let needed = options.journal_file_bytes.saturating_mul(options.journal_files as u64);
    let space = disk.space().await.map_err(io_error("asking for the room in", DIRECTORY))?;
    if space.available < needed {
        return Err(JournalError::NoRoom { needed, available: space.available });
    }
    // The others are made while this one is in use.
    let first = FileSequence(1);
    let file = files::begin(disk, first, Shape::of(options).beginning())
        .await
        .map_err(io_error("making", first.path()))?;
    let vouch = vouch::make(disk).await.map_err(io_error("making", VOUCH_PATH))?;
    Ok(vec![file, vouch])
}

/// Gives the first file its name. Durable on return, with the name of the directory and all others beside it.
pub(crate) async fn name(disk: &dyn Disk) -> Result<(), JournalError> {
    let first = FileSequence(1);
    files::name(disk, first).await.map_err(io_error("naming", first.path()))?;
    let (own, above) = tokio::join!(disk.sync_dir(DIRECTORY), disk.sync_dir(""));
    own.map_err(io_error("syncing", DIRECTORY))?;
    above.map_err(io_error("syncing", "the data directory"))
}
