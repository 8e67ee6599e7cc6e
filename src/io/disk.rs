use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;

use super::{AlignedBuffer, BoxFuture};

/// A node's storage below its data directory. Paths are relative to it, with `/` between the parts, without
/// `..`; an empty path is the directory itself.
///
/// What survives a loss of power: a file's bytes once [`File::sync`] (or a durable write) covering them has
/// returned without an error; a name (created, renamed, removed) once [`Disk::sync_dir`] of its directory
/// has. Everything else may be lost, kept in part or kept out of order. After a sync has failed, what was
/// written since the last good one is in an unknown state **for ever**: a later sync that succeeds proves
/// nothing about it.
///
/// An operation begins with the first poll of its future and then goes its way: dropping the future does not
/// take it back, it only hides whether and when it took effect. Operations that are under way together may take
/// effect in any order.
pub trait Disk: Send + Sync + 'static {
    /// Opens a file. `NotFound` without [`OpenOptions::create`]; `AlreadyExists` with `create_new`.
    fn open(&self, path: &str, options: OpenOptions) -> BoxFuture<io::Result<Arc<dyn File>>>;

    /// Gives a file another name, replacing one that is there, atomically.
    fn rename(&self, from: &str, to: &str) -> BoxFuture<io::Result<()>>;

    /// Removes a file's name. Whoever holds it open goes on reading.
    fn remove(&self, path: &str) -> BoxFuture<io::Result<()>>;

    /// Creates a directory and those above it; succeeds if it exists.
    fn create_dir_all(&self, path: &str) -> BoxFuture<io::Result<()>>;

    /// Removes a directory with everything in it; succeeds if there is none.
    fn remove_dir_all(&self, path: &str) -> BoxFuture<io::Result<()>>;

    /// What a directory holds, sorted by name.
    fn list(&self, path: &str) -> BoxFuture<io::Result<Vec<DirEntry>>>;

    /// Makes the names in a directory durable.
    fn sync_dir(&self, path: &str) -> BoxFuture<io::Result<()>>;

    /// Makes the bytes of all these files durable, in one go where the platform can.
    fn sync_files(&self, files: Vec<Arc<dyn File>>) -> BoxFuture<io::Result<()>>;

    /// Opens files and writes to each of them, one after the other, until one fails: as [`Disk::open`] and [`File::write_at`] do, in fewer
    /// steps where the twin can.
    fn write_files(&self, writes: Vec<FileWrite>) -> Pin<Box<dyn Future<Output = FilesWritten> + Send + '_>> {
        Box::pin(write_in_turn(self, writes))
    }

    /// How much room there is.
    fn space(&self) -> BoxFuture<io::Result<DiskSpace>>;
}

/// What is to be written to one file of [`Access::Buffered`].
#[derive(Clone, Debug)]
pub struct FileWrite {
    pub path: String,
    pub options: OpenOptions,
    /// What follows one another, and at which offset.
    pub runs: Vec<(u64, Vec<Bytes>)>,
}

/// What became of it.
#[derive(Default)]
pub struct FilesWritten {
    /// The files whose bytes are written, in their order.
    pub files: Vec<Arc<dyn File>>,
    /// The path of the first that could not be opened or written, and why; those behind it were left alone.
    pub failed: Option<(String, io::Error)>,
}

/// For the twins: each step by itself.
pub async fn write_in_turn<D: Disk + ?Sized>(disk: &D, writes: Vec<FileWrite>) -> FilesWritten {
    let mut written = FilesWritten::default();
    for FileWrite { path, options, runs } in writes {
        let writing = async {
            let file = disk.open(&path, options).await?;
            for (offset, pieces) in runs {
                file.write_at(offset, pieces).await?;
            }
            Ok(file)
        };
        let result = writing.await;
        if !written.take(path, result) {
            break;
        }
    }
    written
}

impl FilesWritten {
    /// What became of the next one; whether it was written, and another may follow.
    pub fn take(&mut self, path: String, result: io::Result<Arc<dyn File>>) -> bool {
        match result {
            Ok(file) => self.files.push(file),
            Err(error) => self.failed = Some((path, error)),
        }
        self.failed.is_none()
    }
}

/// How a file is to be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct OpenOptions {
    /// Also for writing; without it, reading only.
    pub write: bool,
    /// Create it if it is missing.
    pub create: bool,
    /// Fail if it exists. Implies `create`.
    pub create_new: bool,
    /// Cut it to nothing.
    pub truncate: bool,
    pub access: Access,
}

/// Whether transfers pass the operating system's page cache.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Access {
    /// Through the page cache, at any offset and length.
    #[default]
    Buffered,
    /// Past the page cache where the file system can, through it where it cannot. In either case
    /// [`File::write_aligned_at`] is the only way to write, and reads are in whole blocks.
    Direct,
}

/// One entry of a directory.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct DirEntry {
    pub name: String,
    pub is_dir: bool,
    /// In bytes; 0 for a directory.
    pub size: u64,
}

/// The room on the device that holds the data directory, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DiskSpace {
    pub total: u64,
    pub available: u64,
}

/// An open file. Dropping the last handle closes it. All offsets and lengths are in bytes.
pub trait File: Send + Sync + 'static {
    /// The file's present length.
    fn size(&self) -> BoxFuture<io::Result<u64>>;

    /// Reads `length` bytes at `offset`; fewer only where the file ends.
    fn read_at(&self, offset: u64, length: usize) -> BoxFuture<io::Result<Bytes>>;

    /// Writes all segments one after another at `offset`, extending the file as needed. Not durable before
    /// a sync. For files of [`Access::Buffered`].
    fn write_at(&self, offset: u64, segments: Vec<Bytes>) -> BoxFuture<io::Result<()>>;

    /// Writes the buffer's first `length` bytes at `offset`, both multiples of
    /// [`crate::types::limits::DISK_BLOCK_BYTES`], and hands the buffer back. With `durable`, the bytes
    /// have reached stable storage when the future completes. For files of [`Access::Direct`].
    fn write_aligned_at(
        &self,
        offset: u64,
        buffer: AlignedBuffer,
        length: usize,
        durable: Durability,
    ) -> BoxFuture<(io::Result<()>, AlignedBuffer)>;

    /// Makes everything written so far durable.
    fn sync(&self) -> BoxFuture<io::Result<()>>;

    /// Cuts or extends (with zeros) the file. Durable after a sync.
    fn set_len(&self, length: u64) -> BoxFuture<io::Result<()>>;
}

/// Whether a write returns before or after its bytes are on stable storage.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Durability {
    /// Needs a sync to be durable.
    Later,
    /// Durable on return.
    Now,
}

/// Drives all futures side by side; the outcomes in their order.
pub async fn join_all<T>(futures: Vec<Pin<Box<dyn Future<Output = T> + Send + '_>>>) -> Vec<T> {
    let mut waiting: Vec<_> = futures.into_iter().map(Some).collect();
    let mut outcomes: Vec<Option<T>> = waiting.iter().map(|_| None).collect();
    poll_fn(|context| {
        let mut pending = false;
        for (slot, outcome) in waiting.iter_mut().zip(&mut outcomes) {
            let Some(future) = slot else { continue };
            match future.as_mut().poll(context) {
                Poll::Ready(done) => {
                    *outcome = Some(done);
                    *slot = None;
                }
                Poll::Pending => pending = true,
            }
        }
        if pending { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    outcomes.into_iter().map(|outcome| outcome.expect("all have come to their end")).collect()
}

/// For the twins: syncs all files side by side, and each of them even if another fails.
///
/// # Errors
/// That of the first file, in their order, whose sync failed.
pub async fn sync_each(files: &[Arc<dyn File>]) -> io::Result<()> {
    let mut syncs: Vec<BoxFuture<io::Result<()>>> = Vec::with_capacity(files.len());
    syncs.extend(files.iter().map(|file| file.sync()));
    join_all(syncs).await.into_iter().collect()
}
