//! Mistakes on purpose, which the checkers must find: the broker's view of its disk is made to do what a
//! careless author would have written.
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use ordain::io::{AlignedBuffer, BoxFuture, DirEntry, Disk, DiskSpace, Durability, File, Io, OpenOptions};

/// A mistake.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Mutant {
    /// The journal's writes are acknowledged before they are durable.
    AcknowledgeBeforeSync,
    /// A failed sync or durable write is ignored.
    IgnoreFailedSync,
    /// Segments are not synced before the checkpoint names them.
    SegmentsNotSynced,
    /// The names in directories are never made durable.
    NamesNotSynced,
    /// Some writes of a segment end up a byte too far.
    SegmentOffByOne,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Mutant; 5] = [
        Mutant::AcknowledgeBeforeSync,
        Mutant::IgnoreFailedSync,
        Mutant::SegmentsNotSynced,
        Mutant::NamesNotSynced,
        Mutant::SegmentOffByOne,
    ];

    /// The name of the scenario in which it is made.
    pub(super) fn scenario(self) -> &'static str {
        match self {
            Mutant::AcknowledgeBeforeSync => "mutant-acknowledge-before-sync",
            Mutant::IgnoreFailedSync => "mutant-ignore-failed-sync",
            Mutant::SegmentsNotSynced => "mutant-segments-not-synced",
            Mutant::NamesNotSynced => "mutant-names-not-synced",
            Mutant::SegmentOffByOne => "mutant-segment-off-by-one",
        }
    }

    /// The same world, but for the mistake.
    pub(super) fn infect(self, io: &Io) -> Io {
        Io { disk: Arc::new(BadDisk { disk: Arc::clone(&io.disk), mutant: self }), ..io.clone() }
    }
}

struct BadDisk {
    disk: Arc<dyn Disk>,
    mutant: Mutant,
}

struct BadFile {
    file: Arc<dyn File>,
    mutant: Mutant,
    path: String,
}

impl BadFile {
    fn skips_sync(&self) -> bool {
        match self.mutant {
            Mutant::AcknowledgeBeforeSync => self.path.starts_with("journal/"),
            Mutant::SegmentsNotSynced => self.path.starts_with("logs/"),
            Mutant::IgnoreFailedSync | Mutant::NamesNotSynced | Mutant::SegmentOffByOne => false,
        }
    }
}

impl Disk for BadDisk {
    fn open(&self, path: &str, options: OpenOptions) -> BoxFuture<io::Result<Arc<dyn File>>> {
        let (opening, mutant, path) = (self.disk.open(path, options), self.mutant, path.to_owned());
        Box::pin(async move {
            let file = opening.await?;
            Ok(Arc::new(BadFile { file, mutant, path }) as Arc<dyn File>)
        })
    }

    fn rename(&self, from: &str, to: &str) -> BoxFuture<io::Result<()>> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &str) -> BoxFuture<io::Result<()>> {
        self.disk.remove(path)
    }

    fn create_dir_all(&self, path: &str) -> BoxFuture<io::Result<()>> {
        self.disk.create_dir_all(path)
    }

    fn remove_dir_all(&self, path: &str) -> BoxFuture<io::Result<()>> {
        self.disk.remove_dir_all(path)
    }

    fn list(&self, path: &str) -> BoxFuture<io::Result<Vec<DirEntry>>> {
        self.disk.list(path)
    }

    fn sync_dir(&self, path: &str) -> BoxFuture<io::Result<()>> {
        if self.mutant == Mutant::NamesNotSynced {
            return Box::pin(async { Ok(()) });
        }
        self.disk.sync_dir(path)
    }

    fn sync_files(&self, files: Vec<Arc<dyn File>>) -> BoxFuture<io::Result<()>> {
        Box::pin(async move { ordain::io::sync_each(&files).await })
    }

    fn space(&self) -> BoxFuture<io::Result<DiskSpace>> {
        self.disk.space()
    }
}

impl File for BadFile {
    fn size(&self) -> BoxFuture<io::Result<u64>> {
        self.file.size()
    }

    fn read_at(&self, offset: u64, length: usize) -> BoxFuture<io::Result<Bytes>> {
        self.file.read_at(offset, length)
    }

    fn write_at(&self, offset: u64, segments: Vec<Bytes>) -> BoxFuture<io::Result<()>> {
        let is_far = self.mutant == Mutant::SegmentOffByOne && self.path.ends_with(".log") && offset % 7 == 3;
        self.file.write_at(offset + u64::from(is_far), segments)
    }

    fn write_aligned_at(
        &self,
        offset: u64,
        buffer: AlignedBuffer,
        length: usize,
        durable: Durability,
    ) -> BoxFuture<(io::Result<()>, AlignedBuffer)> {
        let durable = if self.skips_sync() { Durability::Later } else { durable };
        let writing = self.file.write_aligned_at(offset, buffer, length, durable);
        if self.mutant != Mutant::IgnoreFailedSync {
            return writing;
        }
        Box::pin(async move {
            let (_, buffer) = writing.await;
            (Ok(()), buffer)
        })
    }

    fn sync(&self) -> BoxFuture<io::Result<()>> {
        if self.skips_sync() {
            return Box::pin(async { Ok(()) });
        }
        let syncing = self.file.sync();
        if self.mutant != Mutant::IgnoreFailedSync {
            return syncing;
        }
        Box::pin(async move {
            drop(syncing.await);
            Ok(())
        })
    }

    fn set_len(&self, length: u64) -> BoxFuture<io::Result<()>> {
        self.file.set_len(length)
    }
}
