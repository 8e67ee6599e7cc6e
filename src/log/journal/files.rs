use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::DIRECTORY;
use super::format::FileSequence;
use crate::io::{Access, AlignedBuffer, Disk, Durability, File, OpenOptions};
use crate::probe::{Condition, sometimes};

/// How much one write zeroes while a file is made, in bytes.
const ZERO_FILL_BYTES: u64 = 1 << 20;

/// A journal file, open for direct transfers.
#[derive(Clone)]
pub(crate) struct JournalFile {
    pub(crate) sequence: FileSequence,
    pub(crate) length: u64,
    pub(crate) file: Arc<dyn File>,
}

pub(crate) fn open_options() -> OpenOptions {
    OpenOptions { write: true, access: Access::Direct, ..OpenOptions::default() }
}

/// Makes a zero-filled, synced file under its final name. The name is durable after a sync of the
/// directory.
pub(crate) async fn make(disk: &dyn Disk, sequence: FileSequence, length: u64) -> io::Result<JournalFile> {
    let path = sequence.path();
    let temporary = format!("{path}.tmp");
    let options = OpenOptions { create: true, truncate: true, ..open_options() };
    let file = disk.open(&temporary, options).await?;
    let mut buffer =
        AlignedBuffer::zeroed(usize::try_from(ZERO_FILL_BYTES.min(length)).unwrap_or(usize::MAX));
    let mut offset = 0;
    while offset < length {
        let piece = (length - offset).min(buffer.len() as u64);
        let piece_bytes = usize::try_from(piece).expect("a piece is at most the buffer");
        let (result, back) = file.write_aligned_at(offset, buffer, piece_bytes, Durability::Later).await;
        result?;
        buffer = back;
        offset += piece;
    }
    file.sync().await?;
    disk.rename(&temporary, &path).await?;
    Ok(JournalFile { sequence, length, file })
}

/// The files in use and those ready for use.
pub(crate) struct FileSet {
    inner: Mutex<Inner>,
    pub(crate) spare_added: Notify,
    /// Length of files that are made from now on.
    file_bytes: u64,
}

struct Inner {
    /// Oldest first; the last is written to.
    live: VecDeque<JournalFile>,
    spare: VecDeque<JournalFile>,
    /// Renamed for further use, but the names are not durable yet.
    renewed: Vec<JournalFile>,
    /// The highest number that any file has.
    highest: FileSequence,
}

impl FileSet {
    pub(crate) fn new(live: Vec<JournalFile>, spare: Vec<JournalFile>, file_bytes: u64) -> FileSet {
        let highest = spare.last().or(live.last()).expect("a journal has at least one live file").sequence;
        FileSet {
            inner: Mutex::new(Inner { live: live.into(), spare: spare.into(), renewed: Vec::new(), highest }),
            spare_added: Notify::new(),
            file_bytes,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing panics while it holds this lock half-way through a change.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file that is written to.
    pub(crate) fn active(&self) -> JournalFile {
        self.lock().live.back().expect("a journal has at least one live file").clone()
    }

    /// Makes the next spare file the active one; `None` if there is no spare.
    pub(crate) fn advance(&self) -> Option<JournalFile> {
        let mut inner = self.lock();
        let next = inner.spare.pop_front()?;
        let active = inner.live.back().expect("a journal has at least one live file");
        assert_eq!(next.sequence, active.sequence.next(), "journal files are used in order");
        inner.live.push_back(next.clone());
        Some(next)
    }

    /// How many files are in use, and how many there are.
    pub(crate) fn usage(&self) -> (usize, usize) {
        let inner = self.lock();
        (inner.live.len(), inner.live.len() + inner.renewed.len() + inner.spare.len())
    }

    /// Turns the live files before `keep_from` into spare ones. Called by one task at a time. After an error
    /// the next call goes on where this one ended.
    pub(crate) async fn recycle(&self, disk: &dyn Disk, keep_from: FileSequence) -> io::Result<usize> {
        loop {
            let (oldest, sequence) = {
                let inner = self.lock();
                let oldest = inner.live.front().filter(|file| file.sequence < keep_from).cloned();
                assert!(
                    oldest.is_none() || inner.live.len() > 1,
                    "the active journal file is never recycled"
                );
                (oldest, inner.highest.next())
            };
            let Some(oldest) = oldest else { break };
            let file = self.renew(disk, oldest, sequence).await?;
            let mut inner = self.lock();
            inner.live.pop_front();
            inner.highest = sequence;
            inner.renewed.push(file);
        }
        if self.lock().renewed.is_empty() {
            return Ok(0);
        }
        disk.sync_dir(DIRECTORY).await?;
        let count = {
            let mut inner = self.lock();
            let renewed = std::mem::take(&mut inner.renewed);
            let count = renewed.len();
            inner.spare.extend(renewed);
            count
        };
        self.spare_added.notify_waiters();
        Ok(count)
    }

    /// Gives a file that is no longer needed its next number; another file if its length is not wanted.
    async fn renew(
        &self,
        disk: &dyn Disk,
        file: JournalFile,
        sequence: FileSequence,
    ) -> io::Result<JournalFile> {
        if file.length == self.file_bytes {
            disk.rename(&file.sequence.path(), &sequence.path()).await?;
            sometimes(Condition::JournalFileRecycled);
            return Ok(JournalFile { sequence, ..file });
        }
        let made = make(disk, sequence, self.file_bytes).await?;
        disk.remove(&file.sequence.path()).await?;
        Ok(made)
    }
}
