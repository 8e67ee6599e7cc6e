use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::DIRECTORY;
use super::format::{FileSequence, Position};
use crate::io::{Access, AlignedBuffer, Disk, Durability, File, OpenOptions};
use crate::log::config::StorageOptions;
use crate::log::shortage::is_full;
use crate::probe::{Condition, sometimes};
use crate::types::limits::DISK_BLOCK_BYTES;

/// How much one write zeroes while a file is filled, in bytes.
const ZERO_WRITE_BYTES: u64 = 1 << 20;

/// How much of a new journal is there when it takes its first commit, in bytes.
const BEGINNING_BYTES: u64 = 256 << 10;

/// A journal file, open for direct transfers.
#[derive(Clone)]
pub(crate) struct JournalFile {
    pub(crate) sequence: FileSequence,
    /// How long it is, or becomes when it has been filled.
    pub(crate) length: u64,
    pub(crate) file: Arc<dyn File>,
    /// Up to where all blocks have been written once, durably: only there may a commit stand.
    filled: Arc<AtomicU64>,
}

impl JournalFile {
    pub(crate) fn new(sequence: FileSequence, length: u64, file: Arc<dyn File>, filled: u64) -> JournalFile {
        assert!(filled <= length, "a file of {length} bytes is not filled to {filled}");
        JournalFile { sequence, length, file, filled: Arc::new(AtomicU64::new(filled)) }
    }

    pub(crate) fn filled(&self) -> u64 {
        self.filled.load(Ordering::Acquire)
    }
}

pub(crate) fn open_options() -> OpenOptions {
    OpenOptions { write: true, access: Access::Direct, ..OpenOptions::default() }
}

/// Why a file could not be made or filled.
#[derive(Debug)]
pub(crate) enum FillError {
    /// It may be tried again.
    Passing { path: String, source: io::Error },
    /// What the device holds of a file that is in use, or of its name, is unknown for ever.
    Fatal { path: String, offset: u64, source: io::Error },
}

/// How files are made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// How long they become.
    pub(crate) file_bytes: u64,
    /// How much of one is filled at a time.
    pub(crate) fill_bytes: u64,
    /// How many there are to be.
    pub(crate) files: usize,
}

impl Shape {
    pub(crate) fn of(options: &StorageOptions) -> Shape {
        Shape {
            file_bytes: options.journal_file_bytes,
            fill_bytes: options.journal_fill_bytes,
            files: options.journal_files,
        }
    }

    /// The first piece of a new file.
    fn first_piece(&self) -> u64 {
        self.fill_bytes.min(self.file_bytes)
    }

    /// The first piece of a new journal's first file: what the first commits need, since a start waits for it.
    pub(super) fn beginning(&self) -> u64 {
        self.first_piece().min(BEGINNING_BYTES)
    }
}

/// Makes a file under its final name with its first piece filled and synced. The name is durable after a sync of
/// the directory.
async fn make(disk: &dyn Disk, sequence: FileSequence, shape: Shape) -> io::Result<JournalFile> {
    let filled = shape.first_piece();
    let file = begin(disk, sequence, filled).await?;
    file.sync().await?;
    name(disk, sequence).await?;
    Ok(JournalFile::new(sequence, shape.file_bytes, file, filled))
}

/// Begins a file under a name that does not count, with its first `filled` bytes of zeros: they need a sync, then
/// [`name`] makes it count.
pub(super) async fn begin(disk: &dyn Disk, sequence: FileSequence, filled: u64) -> io::Result<Arc<dyn File>> {
    let options = OpenOptions { create: true, truncate: true, ..open_options() };
    let file = disk.open(&temporary(sequence), options).await?;
    zero(&*file, 0, filled).await?;
    Ok(file)
}

/// Gives a file that was begun its name; durable after a sync of the directory.
pub(super) async fn name(disk: &dyn Disk, sequence: FileSequence) -> io::Result<()> {
    disk.rename(&temporary(sequence), &sequence.path()).await
}

fn temporary(sequence: FileSequence) -> String {
    format!("{}.tmp", sequence.path())
}

/// Writes zeros; they need a sync.
async fn zero(file: &dyn File, from: u64, to: u64) -> io::Result<()> {
    let buffer_bytes = ZERO_WRITE_BYTES.min(to - from);
    let mut buffer = AlignedBuffer::zeroed(usize::try_from(buffer_bytes).unwrap_or(usize::MAX));
    let mut offset = from;
    while offset < to {
        let piece = (to - offset).min(buffer.len() as u64);
        let piece_bytes = usize::try_from(piece).expect("a piece is at most the buffer");
        let (result, back) = file.write_aligned_at(offset, buffer, piece_bytes, Durability::Later).await;
        result?;
        buffer = back;
        offset += piece;
    }
    Ok(())
}

/// The files in use and those ready for use.
pub(crate) struct FileSet {
    inner: Mutex<Inner>,
    /// Told when a spare file was added, or more of one filled, or the journal may be replayed from further on.
    pub(crate) changed: Notify,
    /// Told when there is something to fill.
    pub(crate) unfilled: Notify,
    /// Told when a commit waits for what is to be filled.
    pub(crate) hurry: Notify,
    /// Held while files are made, filled or renamed: one at a time.
    pub(crate) changing: tokio::sync::Mutex<()>,
    shape: Shape,
    /// Whether the journal's task waits for room.
    pub(crate) waiting: AtomicBool,
}

struct Inner {
    /// Oldest first; the last is written to.
    live: VecDeque<JournalFile>,
    spare: VecDeque<JournalFile>,
    /// Renamed for further use, but the names are not durable yet.
    renewed: Vec<JournalFile>,
    /// The highest number that any file has.
    highest: FileSequence,
    /// Where the next start would begin to replay.
    replay_from: Position,
}

/// What is to be filled next.
enum Gap {
    Rest(JournalFile),
    Missing(FileSequence),
}

impl FileSet {
    pub(crate) fn new(
        live: Vec<JournalFile>,
        spare: Vec<JournalFile>,
        shape: Shape,
        replay_from: Position,
    ) -> FileSet {
        let highest = spare.last().or(live.last()).expect("a journal has at least one live file").sequence;
        // A start that finds them all in use needs one more, to write what lets it free them.
        let shape = Shape { files: shape.files.max(live.len() + 1), ..shape };
        FileSet {
            inner: Mutex::new(Inner {
                live: live.into(),
                spare: spare.into(),
                renewed: Vec::new(),
                highest,
                replay_from,
            }),
            changed: Notify::new(),
            unfilled: Notify::new(),
            hurry: Notify::new(),
            changing: tokio::sync::Mutex::new(()),
            shape,
            waiting: AtomicBool::new(false),
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

    /// How many files are in use, and how many there are or will be.
    pub(crate) fn usage(&self) -> (usize, usize) {
        let inner = self.lock();
        let all = inner.live.len() + inner.renewed.len() + inner.spare.len();
        (inner.live.len(), all.max(self.shape.files))
    }

    /// What is still to be filled until all files are there, in bytes.
    pub(crate) fn unfilled_bytes(&self) -> u64 {
        let inner = self.lock();
        let files = inner.live.back().into_iter().chain(&inner.spare);
        let rest: u64 = files.map(|file| file.length.saturating_sub(file.filled())).sum();
        let all = inner.live.len() + inner.renewed.len() + inner.spare.len();
        rest + self.shape.files.saturating_sub(all) as u64 * self.shape.file_bytes
    }

    /// Whether all files are there and filled.
    pub(crate) fn is_complete(&self) -> bool {
        self.gap().is_none()
    }

    /// Bytes that the next start would replay if it came now, with the journal's end at `end`.
    pub(crate) fn replay_bytes(&self, end: Position) -> u64 {
        let from = self.lock().replay_from;
        self.held(from, end).1
    }

    /// How many live files there are from one place to another, and what they hold between the two, in bytes.
    pub(crate) fn held(&self, from: Position, end: Position) -> (usize, u64) {
        let inner = self.lock();
        let of = |file: &JournalFile| {
            let begins = if file.sequence == from.file { from.offset } else { 0 };
            let ends = if file.sequence == end.file { end.offset } else { file.length };
            ends.saturating_sub(begins)
        };
        let held = inner.live.iter().filter(|file| file.sequence >= from.file).map(of);
        held.fold((0, 0), |(files, bytes), more| (files + 1, bytes + more))
    }

    /// What can still be written from `end` on before a checkpoint has to free a file, in bytes.
    pub(crate) fn free_bytes(&self, end: Position) -> u64 {
        let inner = self.lock();
        let active = inner.live.iter().find(|file| file.sequence == end.file);
        let rest = active.map_or(0, |file| file.length.saturating_sub(end.offset));
        rest + inner.spare.iter().map(|file| file.length).sum::<u64>()
    }

    /// Turns the live files that lie before the replay position into spare ones. After an error the next call goes
    /// on where this one ended.
    ///
    /// # Errors
    /// [`FillError::Fatal`] if the names could not be made durable: nobody knows them any more. It passes if no sync was tried.
    pub(crate) async fn recycle(&self, disk: &dyn Disk, replay_from: Position) -> Result<usize, FillError> {
        let _one_at_a_time = self.changing.lock().await;
        self.lock().replay_from = replay_from;
        self.changed.notify_waiters();
        loop {
            let (oldest, sequence) = {
                let inner = self.lock();
                let oldest = inner.live.front().filter(|file| file.sequence < replay_from.file).cloned();
                assert!(
                    oldest.is_none() || inner.live.len() > 1,
                    "the active journal file is never recycled"
                );
                (oldest, inner.highest.next())
            };
            let Some(oldest) = oldest else { break };
            let renewed = self.renew(disk, oldest, sequence).await?;
            let mut inner = self.lock();
            inner.live.pop_front();
            if let Some(file) = renewed {
                inner.highest = sequence;
                inner.renewed.push(file);
            }
        }
        self.unfilled.notify_one();
        if self.lock().renewed.is_empty() {
            return Ok(0);
        }
        self.sync_names(disk).await?;
        let count = {
            let mut inner = self.lock();
            let renewed = std::mem::take(&mut inner.renewed);
            let count = renewed.len();
            inner.spare.extend(renewed);
            count
        };
        self.changed.notify_waiters();
        Ok(count)
    }

    async fn sync_names(&self, disk: &dyn Disk) -> Result<(), FillError> {
        let path = DIRECTORY.to_owned();
        disk.sync_dir(DIRECTORY).await.map_err(|source| match crate::io::lacks_descriptors(&source) {
            // The directory could not be opened: nothing has lost the names, and the next sync covers them.
            true => FillError::Passing { path, source },
            false => FillError::Fatal { path, offset: 0, source },
        })
    }

    /// Gives a file that is no longer needed its next number; removes it if it is longer than is wanted now.
    async fn renew(
        &self,
        disk: &dyn Disk,
        file: JournalFile,
        sequence: FileSequence,
    ) -> Result<Option<JournalFile>, FillError> {
        let path = file.sequence.path();
        let passing = |source| FillError::Passing { path: path.clone(), source };
        if file.length > self.shape.file_bytes {
            disk.remove(&path).await.map_err(passing)?;
            return Ok(None);
        }
        disk.rename(&path, &sequence.path()).await.map_err(passing)?;
        sometimes(Condition::JournalFileRecycled);
        Ok(Some(JournalFile { sequence, length: self.shape.file_bytes, ..file }))
    }

    /// Fills the next piece of what is not filled, or makes the next file. False if everything is there.
    pub(crate) async fn fill(&self, disk: &dyn Disk) -> Result<bool, FillError> {
        match self.gap() {
            None => Ok(false),
            Some(Gap::Rest(file)) => {
                let from = file.filled();
                let to = file.length.min(from + self.shape.fill_bytes);
                let path = file.sequence.path();
                zero(&*file.file, from, to).await.map_err(|source| unless_full(&path, from, source))?;
                // Commits are written to this file meanwhile: a failure may be theirs, and is told once.
                let fatal = |source| FillError::Fatal { path: path.clone(), offset: from, source };
                file.file.sync().await.map_err(fatal)?;
                file.filled.store(to, Ordering::Release);
                self.changed.notify_waiters();
                Ok(true)
            }
            Some(Gap::Missing(sequence)) => {
                let path = sequence.path();
                let made = make(disk, sequence, self.shape).await;
                let made = made.map_err(|source| unless_full(&path, 0, source))?;
                self.sync_names(disk).await?;
                let mut inner = self.lock();
                inner.highest = sequence;
                inner.spare.push_back(made);
                drop(inner);
                self.changed.notify_waiters();
                Ok(true)
            }
        }
    }

    /// Files that are used sooner come first.
    fn gap(&self) -> Option<Gap> {
        let inner = self.lock();
        let unfilled = |file: &&JournalFile| file.filled() < file.length;
        if let Some(file) = inner.live.back().into_iter().chain(&inner.spare).find(unfilled) {
            return Some(Gap::Rest(file.clone()));
        }
        // What was renamed and has no durable name yet holds numbers before the next.
        let all = inner.live.len() + inner.renewed.len() + inner.spare.len();
        (inner.renewed.is_empty() && all < self.shape.files).then(|| Gap::Missing(inner.highest.next()))
    }
}

/// A lack passes: of space, of descriptors. A disk that fails otherwise is not trusted with what is acknowledged next.
fn unless_full(path: &str, offset: u64, source: io::Error) -> FillError {
    let path = path.to_owned();
    if is_full(&source) || crate::io::lacks_descriptors(&source) {
        FillError::Passing { path, source }
    } else {
        FillError::Fatal { path, offset, source }
    }
}

/// From where on a file of `length` bytes that is to become longer is filled again: its last piece may not have
/// been synced. Nothing before `used` is touched.
pub(crate) fn filled_after_restart(length: u64, used: u64, shape: Shape) -> u64 {
    if length >= shape.file_bytes {
        return length;
    }
    let block = DISK_BLOCK_BYTES as u64;
    (length.saturating_sub(shape.fill_bytes) / block * block).max(used)
}
