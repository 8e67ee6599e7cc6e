//! The files of metadata snapshots: written whole or not at all, the two newest kept.
//! `docs/metadata-snapshot.md` has the crash cases.
use std::io;
use std::sync::Arc;

use bytes::Bytes;

use super::MetadataImage;
use super::snapshot::{self, SnapshotId, SnapshotInvalid};
use crate::io::{Disk, File, OpenOptions};
use crate::probe::{Mutant, mutant};
use crate::types::{Offset, Timestamp};
use crate::wire::EncodeError;

/// Their directory, relative to the data directory.
const DIRECTORY: &str = "metadata";
/// What another node sends, until it is whole.
const INCOMING: &str = "metadata/incoming.checkpoint.tmp";
/// How many are kept: if one is damaged, the log still has all behind the other.
const KEPT: usize = 2;

/// Why a snapshot cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    #[error("metadata snapshots: {action} {path} failed: {source}")]
    Io { action: &'static str, path: String, source: io::Error },
    #[error("the metadata snapshot {path} cannot be used: {source}; start the newer release that wrote it")]
    Unusable { path: String, source: SnapshotInvalid },
    #[error(
        "the metadata log begins at offset {log_start} and no snapshot of what came before can be read ({damaged}): restore the directory metadata from a copy of the disk, or give up what this node holds by starting it with an empty data directory"
    )]
    Lost { log_start: i64, damaged: String },
    #[error(
        "the metadata snapshot {path} covers offsets up to {end} and the metadata log ends at {log_end}: records that were committed are lost; restore the data directory from a copy, or start with an empty one"
    )]
    BeyondLog { path: String, end: i64, log_end: i64 },
    #[error(
        "a snapshot of the metadata does not make the same metadata again: it is not written; this is a bug"
    )]
    NotFaithful,
    #[error("what another node sent is no snapshot of the metadata: {0}")]
    Received(String),
    #[error("a snapshot of the metadata cannot be written: {0}")]
    Encode(#[from] EncodeError),
}

fn failed(action: &'static str, path: &str) -> impl FnOnce(io::Error) -> SnapshotError {
    let path = path.to_owned();
    move |source| SnapshotError::Io { action, path, source }
}

fn path_of(id: SnapshotId) -> String {
    format!("{DIRECTORY}/{}", id.file_name())
}

/// Some bytes of a snapshot that is on this node's disk, and how long the whole is. None if it is there no longer.
///
/// # Errors
/// If it cannot be read.
pub async fn read_piece(
    disk: &dyn Disk,
    id: SnapshotId,
    position: u64,
    bytes_max: usize,
) -> io::Result<Option<(Bytes, u64)>> {
    let file = match disk.open(&path_of(id), OpenOptions::default()).await {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let size = file.size().await?;
    let bytes = if position < size { file.read_at(position, bytes_max).await? } else { Bytes::new() };
    Ok(Some((bytes, size)))
}

/// A snapshot that another node sends, as far as it is written.
pub struct Receiving {
    file: Arc<dyn File>,
    written: u64,
}

impl Receiving {
    /// How many bytes have come.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Writes what follows.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), SnapshotError> {
        let length = bytes.len() as u64;
        self.file.write_at(self.written, vec![bytes]).await.map_err(failed("writing", INCOMING))?;
        self.written += length;
        Ok(())
    }
}

/// The newest snapshot that can be read.
#[derive(Debug)]
pub struct Loaded {
    pub id: SnapshotId,
    pub image: MetadataImage,
}

/// A node's snapshots.
pub struct Snapshots {
    disk: Arc<dyn Disk>,
    /// Those whose name and bytes are durable, oldest first.
    durable: Vec<SnapshotId>,
    /// What was found damaged at the start.
    damaged: Vec<String>,
}

impl Snapshots {
    /// Reads the newest snapshot that is whole, and removes what a crash left of others.
    ///
    /// # Errors
    /// If the directory cannot be read, or a whole snapshot is of a newer release.
    pub async fn open(disk: Arc<dyn Disk>) -> Result<(Snapshots, Option<Loaded>), SnapshotError> {
        disk.create_dir_all(DIRECTORY).await.map_err(failed("creating", DIRECTORY))?;
        disk.sync_dir("").await.map_err(failed("syncing", "the data directory"))?;
        let mut found = Vec::new();
        for entry in disk.list(DIRECTORY).await.map_err(failed("listing", DIRECTORY))? {
            let path = format!("{DIRECTORY}/{}", entry.name);
            if let Some(id) = SnapshotId::parse(&entry.name) {
                found.push((id, entry.size));
            } else if entry.name.ends_with(".checkpoint.tmp") {
                disk.remove(&path).await.map_err(failed("removing", &path))?;
            } else {
                tracing::warn!(%path, "a file that is none of ours is left alone");
            }
        }
        // After a crash of the process alone the last rename may not be durable.
        disk.sync_dir(DIRECTORY).await.map_err(failed("syncing", DIRECTORY))?;
        found.sort_unstable();
        let mut snapshots = Snapshots { disk, durable: Vec::new(), damaged: Vec::new() };
        let mut loaded = None;
        for &(id, size) in found.iter().rev() {
            // What the log need not hold follows from those that are known to be whole.
            if snapshots.durable.len() == KEPT {
                break;
            }
            match snapshots.read(id, size).await? {
                Ok(image) => {
                    snapshots.durable.insert(0, id);
                    loaded.get_or_insert(Loaded { id, image });
                }
                Err(what) => {
                    let path = path_of(id);
                    tracing::error!(%path, %what, "a metadata snapshot is damaged; an older one and the log take its place");
                    snapshots.damaged.push(format!("{path}: {what}"));
                }
            }
        }
        Ok((snapshots, loaded))
    }

    /// The image, or what is wrong with the file.
    async fn read(&self, id: SnapshotId, size: u64) -> Result<Result<MetadataImage, String>, SnapshotError> {
        let path = path_of(id);
        let length = usize::try_from(size).unwrap_or(usize::MAX);
        let bytes = match self.disk.open(&path, OpenOptions::default()).await {
            Ok(file) => file.read_at(0, length).await,
            Err(error) => Err(error),
        };
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(error) => return Ok(Err(format!("it cannot be read: {error}"))),
        };
        match snapshot::decode(&bytes, id) {
            Ok(image) => Ok(Ok(image)),
            Err(invalid) if invalid.is_damage() => Ok(Err(invalid.to_string())),
            Err(source) => Err(SnapshotError::Unusable { path, source }),
        }
    }

    /// What was found damaged, for a message.
    #[must_use]
    pub fn damage(&self) -> String {
        if self.damaged.is_empty() { "there is none".to_owned() } else { self.damaged.join("; ") }
    }

    /// Writes a snapshot, durably, if it is not there already. Answers what the log need not hold any more: all below
    /// the end of the one before it, if there is one.
    ///
    /// # Errors
    /// If it cannot be written: the former ones count.
    pub async fn write(
        &mut self,
        image: &MetadataImage,
        id: SnapshotId,
        taken: Timestamp,
    ) -> Result<Option<SnapshotId>, SnapshotError> {
        if self.newest() == Some(id) {
            // Written twice it would pass for two.
            return Ok(self.spare());
        }
        let bytes = snapshot::encode(image, id, taken)?;
        // The log will not have these records any more.
        if !snapshot::decode(&bytes, id).is_ok_and(|again| again == *image) {
            return Err(SnapshotError::NotFaithful);
        }
        let path = path_of(id);
        let temporary = format!("{path}.tmp");
        let options = OpenOptions { write: true, create: true, truncate: true, ..OpenOptions::default() };
        let file = self.disk.open(&temporary, options).await.map_err(failed("creating", &temporary))?;
        file.write_at(0, vec![bytes]).await.map_err(failed("writing", &temporary))?;
        file.sync().await.map_err(failed("syncing", &temporary))?;
        self.disk.rename(&temporary, &path).await.map_err(failed("renaming", &temporary))?;
        self.disk.sync_dir(DIRECTORY).await.map_err(failed("syncing", DIRECTORY))?;
        self.durable.push(id);
        Ok(self.spare())
    }

    /// The newest one that is durable.
    #[must_use]
    pub fn newest(&self) -> Option<SnapshotId> {
        self.durable.last().copied()
    }

    /// Up to where another one than the newest stands for the log: the log need not hold what is before.
    #[must_use]
    pub fn spare_end(&self) -> Offset {
        self.spare().map_or(Offset::ZERO, |spare| spare.end)
    }

    /// The one before the newest.
    fn spare(&self) -> Option<SnapshotId> {
        self.durable.len().checked_sub(KEPT).map(|before| self.durable[before])
    }

    /// Begins to take a snapshot that another node sends. What was left of an earlier one is overwritten.
    ///
    /// # Errors
    /// If the file cannot be made.
    pub async fn begin_receiving(&self) -> Result<Receiving, SnapshotError> {
        let options = OpenOptions { write: true, create: true, truncate: true, ..OpenOptions::default() };
        let file = self.disk.open(INCOMING, options).await.map_err(failed("creating", INCOMING))?;
        Ok(Receiving { file, written: 0 })
    }

    /// Makes what has come one of this node's snapshots, durably, if it is one, and a newer one than there is.
    ///
    /// # Errors
    /// If it is not whole, or cannot be kept: the former ones count.
    pub async fn finish_receiving(
        &mut self,
        receiving: Receiving,
        id: SnapshotId,
    ) -> Result<Loaded, SnapshotError> {
        let Receiving { file, written } = receiving;
        if self.newest().is_some_and(|newest| newest >= id) {
            return Err(SnapshotError::Received(format!("{} is no news here", id.file_name())));
        }
        let length = usize::try_from(written).unwrap_or(usize::MAX);
        let bytes = file.read_at(0, length).await.map_err(failed("reading", INCOMING))?;
        let image =
            snapshot::decode(&bytes, id).map_err(|wrong| SnapshotError::Received(wrong.to_string()))?;
        drop(bytes);
        if !mutant(Mutant::SnapshotReceivedNotSynced) {
            file.sync().await.map_err(failed("syncing", INCOMING))?;
        }
        self.disk.rename(INCOMING, &path_of(id)).await.map_err(failed("renaming", INCOMING))?;
        self.disk.sync_dir(DIRECTORY).await.map_err(failed("syncing", DIRECTORY))?;
        self.durable.push(id);
        Ok(Loaded { id, image })
    }

    /// Removes all but the newest ones. To be called once the log's start has moved.
    ///
    /// # Errors
    /// If they cannot be removed: they go with the next ones.
    pub async fn remove_old(&mut self) -> Result<(), SnapshotError> {
        let surplus = self.durable.len().saturating_sub(KEPT);
        self.durable.drain(..surplus);
        for entry in self.disk.list(DIRECTORY).await.map_err(failed("listing", DIRECTORY))? {
            let Some(id) = SnapshotId::parse(&entry.name) else { continue };
            let newest = self.durable.last().is_some_and(|newest| id < *newest);
            if self.durable.len() == KEPT && newest && !self.durable.contains(&id) {
                let path = path_of(id);
                self.disk.remove(&path).await.map_err(failed("removing", &path))?;
            }
        }
        Ok(())
    }
}
