use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::file::RealFile;
use super::pool::Lanes;
use super::probe::{self, Transfer};
use super::{Options, bulk, path, sys};
use crate::io::{
    Access, BoxFuture, DirEntry, Disk, DiskSpace, File, FileWrite, FilesWritten, OpenOptions, sync_each,
    write_in_turn,
};

/// Above this many files, one sync of the whole file system beats a sync of each.
const SYNCS_EACH_MAX: usize = 64;

/// The files below the data directory.
pub(super) struct RealDisk {
    root: Arc<Root>,
    lanes: Lanes,
}

struct Root {
    path: PathBuf,
    transfer: Transfer,
    whole: Option<Mutex<WholeSync>>,
}

/// The sync of the whole file system. The system reports a failed write-back once per descriptor, so there
/// is one descriptor, opened before any write. Once it has told of a failure, which may concern any file, it would not tell another that
/// waits to be synced: from then on each file is asked, whose own descriptor tells of it.
struct WholeSync {
    directory: std::fs::File,
    has_failed: bool,
}

/// What a sync of the whole file system says of the files that are to be synced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Whole {
    Synced,
    /// One has failed before: each of the files is to be synced.
    Unsure,
}

impl WholeSync {
    fn sync(&mut self) -> io::Result<Whole> {
        if self.has_failed {
            return Ok(Whole::Unsure);
        }
        match sys::sync_file_system(&self.directory) {
            Ok(()) => Ok(Whole::Synced),
            Err(error) => {
                tracing::warn!(%error, "a sync of the file system failed: from now on each file is synced by itself");
                self.has_failed = true;
                Err(error)
            }
        }
    }
}

impl RealDisk {
    /// Creates the data directory if it is missing, finds out what its file system can do, and starts the
    /// I/O threads.
    pub(super) fn open(options: Options) -> io::Result<RealDisk> {
        let root = options.data_dir;
        std::fs::create_dir_all(&root).map_err(|error| path::at(&root, error))?;
        let path = std::fs::canonicalize(&root).map_err(|error| path::at(&root, error))?;
        let whole = if sys::syncfs_reports_errors() {
            let directory = std::fs::File::open(&path).map_err(|error| path::at(&path, error))?;
            Some(Mutex::new(WholeSync { directory, has_failed: false }))
        } else {
            None
        };
        let transfer = probe::probe(&path, options.direct_io)?;
        let root = Arc::new(Root { path, transfer, whole });
        Ok(RealDisk { root, lanes: Lanes::start(options.io_threads)? })
    }

    fn run<T: Send + 'static>(
        &self,
        path: &str,
        job: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> BoxFuture<io::Result<T>> {
        match path::below(&self.root.path, path) {
            Ok(full) => self.lanes.common.run_io(move || job(&full).map_err(|error| path::at(&full, error))),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }
}

fn open_file(path: &Path, options: OpenOptions, transfer: Transfer) -> io::Result<std::fs::File> {
    let direct = options.access == Access::Direct && transfer.direct;
    let file = std::fs::OpenOptions::new()
        .read(true)
        .write(options.write)
        .create(options.create)
        .create_new(options.create_new)
        .truncate(options.truncate)
        .custom_flags(if direct { libc::O_DIRECT } else { 0 })
        .open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(file)
}

fn write_file(
    root: &Root,
    (path, options): (&str, OpenOptions),
    runs: Vec<(u64, Vec<Bytes>)>,
    lanes: &Lanes,
) -> io::Result<Arc<dyn File>> {
    let full = path::below(&root.path, path)?;
    let writing = || {
        let file = open_file(&full, options, root.transfer)?;
        for (offset, pieces) in runs {
            sys::write_segments(&file, offset, pieces)?;
        }
        Ok(file)
    };
    let file = writing().map_err(|error| path::at(&full, error))?;
    Ok(Arc::new(RealFile::new(file, full, options.access, root.transfer, lanes.clone())))
}

fn list_dir(path: &Path) -> io::Result<Vec<DirEntry>> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|name| {
            io::Error::new(io::ErrorKind::InvalidData, format!("the name {name:?} is not UTF-8"))
        })?;
        let metadata = match std::fs::metadata(entry.path()) {
            Ok(metadata) => metadata,
            // Removed between the listing and the question.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let is_dir = metadata.is_dir();
        entries.push(DirEntry { name, is_dir, size: if is_dir { 0 } else { metadata.len() } });
    }
    entries.sort();
    Ok(entries)
}

impl Disk for RealDisk {
    fn open(&self, path: &str, options: OpenOptions) -> BoxFuture<io::Result<Arc<dyn File>>> {
        let transfer = self.root.transfer;
        let lanes = self.lanes.clone();
        self.run(path, move |full| {
            let file = open_file(full, options, transfer)?;
            let file = RealFile::new(file, full.to_path_buf(), options.access, transfer, lanes);
            Ok(Arc::new(file) as Arc<dyn File>)
        })
    }

    fn rename(&self, from: &str, to: &str) -> BoxFuture<io::Result<()>> {
        match path::below(&self.root.path, to) {
            Ok(to) => self.run(from, move |from| std::fs::rename(from, to)),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }

    fn remove(&self, path: &str) -> BoxFuture<io::Result<()>> {
        self.run(path, |full| std::fs::remove_file(full))
    }

    fn create_dir_all(&self, path: &str) -> BoxFuture<io::Result<()>> {
        self.run(path, |full| std::fs::create_dir_all(full))
    }

    fn remove_dir_all(&self, path: &str) -> BoxFuture<io::Result<()>> {
        self.run(path, |full| match std::fs::remove_dir_all(full) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        })
    }

    fn list(&self, path: &str) -> BoxFuture<io::Result<Vec<DirEntry>>> {
        self.run(path, list_dir)
    }

    fn sync_dir(&self, path: &str) -> BoxFuture<io::Result<()>> {
        self.run(path, |full| std::fs::File::open(full)?.sync_all())
    }

    fn sync_files(&self, files: Vec<Arc<dyn File>>) -> BoxFuture<io::Result<()>> {
        if files.len() > SYNCS_EACH_MAX && self.root.whole.is_some() {
            let root = self.root.clone();
            let whole = self.run("", move |_| {
                let whole = root.whole.as_ref().expect("asked just before");
                whole.lock().unwrap_or_else(PoisonError::into_inner).sync()
            });
            return Box::pin(async move {
                match whole.await? {
                    Whole::Synced => Ok(()),
                    Whole::Unsure => sync_each(&files).await,
                }
            });
        }
        Box::pin(async move { sync_each(&files).await })
    }

    fn write_files(&self, writes: Vec<FileWrite>) -> Pin<Box<dyn Future<Output = FilesWritten> + Send + '_>> {
        let pieces = writes.iter().flat_map(|write| &write.runs).flat_map(|(_, pieces)| pieces);
        let is_large = pieces.map(Bytes::len).sum::<usize>() >= bulk::BYTES_MIN;
        if is_large || writes.iter().any(|write| write.options.access == Access::Direct) {
            return Box::pin(write_in_turn(self, writes));
        }
        // What is small goes to the page cache: to hand it to a thread costs more than to write it.
        let (root, lanes) = (Arc::clone(&self.root), self.lanes.clone());
        let first = writes.first().map(|write| write.path.clone()).unwrap_or_default();
        let job = move || {
            let mut written = FilesWritten::default();
            for FileWrite { path, options, runs } in writes {
                let result = write_file(&root, (&path, options), runs, &lanes);
                if !written.take(path, result) {
                    break;
                }
            }
            written
        };
        let done = self.lanes.common.run(job);
        Box::pin(async move {
            done.await
                .unwrap_or_else(|lost| FilesWritten { files: Vec::new(), failed: Some((first, lost.into())) })
        })
    }

    fn space(&self) -> BoxFuture<io::Result<DiskSpace>> {
        self.run("", sys::space)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A descriptor that takes no sync stands for a file system that failed.
    #[tokio::test]
    async fn after_a_failed_sync_of_the_file_system_each_file_is_synced() {
        let path = std::env::temp_dir().join(format!("ordain-whole-sync-{}", std::process::id()));
        let mut disk = RealDisk::open(Options::new(&path)).unwrap();
        let unable = std::fs::OpenOptions::new().read(true).custom_flags(libc::O_PATH).open(&path).unwrap();
        let whole = WholeSync { directory: unable, has_failed: false };
        Arc::get_mut(&mut disk.root).expect("nobody else has it").whole = Some(Mutex::new(whole));
        let options = OpenOptions { write: true, create: true, ..OpenOptions::default() };
        let mut files = Vec::new();
        for number in 0..=SYNCS_EACH_MAX {
            files.push(disk.open(&number.to_string(), options).await.unwrap());
        }
        let failed = disk.sync_files(files.clone()).await;
        let after = disk.sync_files(files.clone()).await;
        let few = disk.sync_files(files.split_off(SYNCS_EACH_MAX)).await;
        std::fs::remove_dir_all(&path).unwrap();
        failed.unwrap_err();
        after.unwrap();
        few.unwrap();
    }
}
