use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};

use super::entry::{Entry, EntryBody};
use super::files::{FileSet, FillError};
use super::format::{COMMIT_OVERHEAD_BYTES, Position, ROW_BYTES};
use super::placed::PlacedBatch;
use super::placer::Placer;
use super::times::CommitTimes;
use crate::io::{Disk, Spawn};
use crate::log::shortage::Shortage;
use crate::log::tail::TailBudget;
use crate::types::limits::DISK_BLOCK_BYTES;
use crate::types::{Instant, NodeId};

/// How much more than others the changes may write that may free room, in bytes.
const SPARE_BYTES: u64 = 4 << 20;

/// A commit takes no further entries beyond this length (one large entry alone may exceed it), in bytes.
const COMMIT_BYTES_MAX: u64 = 4 << 20;
/// Nor beyond this share of a file: a small journal holds several commits, too.
const COMMITS_PER_FILE: u64 = 8;
/// That share is never less, in bytes.
const SHARE_BYTES_MIN: u64 = 2 * DISK_BLOCK_BYTES as u64;

/// Why the journal takes nothing more. It never recovers within the life of the process.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum JournalFailed {
    #[error("writing failed at offset {offset} of {file}: {reason}; nothing more is acknowledged")]
    Write { file: String, offset: u64, reason: String },
    #[error(
        "making the names in {directory} durable failed: {reason}; which files the journal has is unknown from now on, nothing more is acknowledged"
    )]
    Names { directory: String, reason: String },
    #[error(
        "an entry of {bytes} bytes does not fit a journal file, which takes {max}: raise the file length"
    )]
    EntryTooLarge { bytes: u64, max: u64 },
    #[error(
        "node {node} was told that all before commit {told} was durable here, and the journal ended before commit {next} when this process started: this data directory is an older state of itself, or its disk lost what it had said was durable. What was promised since is lost, so nothing more is acknowledged, and no vote is given. Move the directory away and start the node again with an empty one: it gets everything from the other nodes"
    )]
    Forgot { node: NodeId, told: u64, next: u64 },
    #[error("the journal has been closed")]
    Closed,
}

/// Counters since the start, for metrics.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct JournalStatistics {
    pub commits: u64,
    pub entries: u64,
    /// Bytes written, headers and padding included.
    pub bytes: u64,
    pub vouches: u64,
    /// How often a commit had to wait for a checkpoint to free a file.
    pub full_waits: u64,
    /// Bytes that wait for a commit, now.
    pub queued_bytes: u64,
    pub files_live: u64,
    pub files_total: u64,
    /// Bytes that a start would replay if it came now, and how many there may be.
    pub replay_bytes: u64,
    pub replay_bytes_max: u64,
    /// Whether appends wait for a checkpoint, or for room on the disk, now.
    pub is_waiting: bool,
}

impl JournalStatistics {
    /// Whether a checkpoint should be written: half of what the journal may hold is waiting for one.
    #[must_use]
    pub fn is_pressed(&self) -> bool {
        is_half(self.files_live, self.files_total)
            || is_half(self.replay_bytes, self.replay_bytes_max)
            || self.is_waiting
    }
}

fn is_half(part: u64, of: u64) -> bool {
    part.saturating_mul(2) > of
}

#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) commits: AtomicU64,
    pub(crate) entries: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) vouches: AtomicU64,
    pub(crate) full_waits: AtomicU64,
}

/// What the committer's task and the handles share.
pub(crate) struct Shared {
    pub(crate) failed: OnceLock<JournalFailed>,
    pub(crate) queued_bytes: AtomicUsize,
    pub(crate) room: Notify,
    pub(crate) durable: Mutex<Position>,
    /// Where it ended when it was opened.
    pub(crate) found: Position,
    pub(crate) files: FileSet,
    pub(crate) counters: Counters,
    pub(crate) times: CommitTimes,
    pub(crate) queue_bytes_max: usize,
    pub(crate) entry_bytes_max: u64,
    pub(crate) replay_bytes_max: u64,
    pub(crate) shortage: Shortage,
    /// Told when the journal has failed for a reason that its task does not know of.
    pub(crate) poisoned: Notify,
    /// Told when the write of a batch that is written once has ended.
    pub(crate) placed: Notify,
    pub(crate) budget: Arc<TailBudget>,
}

impl Shared {
    /// How many bytes a start would read that came now: the journal's, and the batches that it only names.
    fn replay_bytes(&self) -> u64 {
        let durable = *self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        self.files.replay_bytes(durable).saturating_add(self.budget.placed() as u64)
    }

    /// How many bytes a commit of several entries has at most.
    pub(crate) fn commit_bytes_max(&self) -> u64 {
        COMMIT_BYTES_MAX.min((self.entry_bytes_max / COMMITS_PER_FILE).max(SHARE_BYTES_MIN))
    }

    /// Fails the journal for ever: its task, and everybody who waits, hears of it.
    pub(crate) fn poison(&self, failed: JournalFailed) {
        // The first reason counts.
        if self.failed.set(failed.clone()).is_ok() {
            tracing::error!(%failed, "the journal is poisoned");
        }
        self.poisoned.notify_one();
        self.files.changed.notify_waiters();
        self.files.unfilled.notify_one();
        self.room.notify_waiters();
    }

    /// What an error while files are made or filled means for the journal.
    pub(crate) fn judge(&self, error: FillError) -> io::Error {
        match error {
            FillError::Passing { source, .. } => source,
            FillError::Fatal { path, offset, source } => {
                let reason = source.to_string();
                self.poison(if path == super::DIRECTORY {
                    JournalFailed::Names { directory: path, reason }
                } else {
                    JournalFailed::Write { file: path, offset, reason }
                });
                source
            }
        }
    }
}

pub(crate) enum Request {
    Append(Append),
    /// Vouch for the last commit now.
    Vouch(oneshot::Sender<Result<(), JournalFailed>>),
    /// Write what is queued, vouch and end.
    Close(oneshot::Sender<Result<(), JournalFailed>>),
}

pub(crate) struct Append {
    pub(crate) entries: Vec<Entry>,
    pub(crate) bytes: usize,
    pub(crate) done: oneshot::Sender<Result<(), JournalFailed>>,
}

/// Access to the node's journal. Cheap to clone.
#[derive(Clone)]
pub struct JournalHandle {
    sender: mpsc::UnboundedSender<Request>,
    shared: Arc<Shared>,
    disk: Arc<dyn Disk>,
    placer: Arc<Placer>,
}

impl JournalHandle {
    pub(crate) fn new(
        sender: mpsc::UnboundedSender<Request>,
        shared: Arc<Shared>,
        disk: Arc<dyn Disk>,
        spawn: Arc<dyn Spawn>,
    ) -> JournalHandle {
        let placer = Arc::new(Placer::new(Arc::clone(&disk), spawn));
        JournalHandle { sender, shared, disk, placer }
    }

    /// Queues entries for the next commit, in the order of calls, without waiting. The ticket completes when
    /// all of them are durable; with no entries, when everything queued before is.
    ///
    /// Callers that produce without end wait for [`JournalHandle::room`] between their turns: that bounds
    /// the queue.
    pub fn append(&self, entries: Vec<Entry>) -> CommitTicket {
        for entry in &entries {
            self.announce(entry);
        }
        self.append_announced(entries)
    }

    /// Counts an entry as queued that [`JournalHandle::append_announced`] brings soon: whoever gathers entries before
    /// it queues them, and whoever else does at the same time, sees in [`JournalHandle::has_room`] what is coming.
    pub fn announce(&self, entry: &Entry) {
        self.shared.queued_bytes.fetch_add(queued_bytes(entry), Ordering::AcqRel);
    }

    /// As [`JournalHandle::append`], for entries that were all announced.
    pub fn append_announced(&self, entries: Vec<Entry>) -> CommitTicket {
        let bytes = entries.iter().map(queued_bytes).sum();
        let refused = |reason| {
            self.shared.queued_bytes.fetch_sub(bytes, Ordering::AcqRel);
            CommitTicket::failed(reason)
        };
        if let Some(failed) = self.shared.failed.get() {
            return refused(failed.clone());
        }
        let max = self.shared.entry_bytes_max;
        if let Some(large) = entries.iter().map(Entry::held_bytes).find(|&bytes| bytes as u64 > max) {
            return refused(JournalFailed::EntryTooLarge { bytes: large as u64, max });
        }
        for entry in &entries {
            if let EntryBody::Placed(placed) = &entry.body {
                self.placer.begin(entry.log, PlacedBatch::clone(placed), Arc::clone(&self.shared));
            }
        }
        let (done, receiver) = oneshot::channel();
        if self.sender.send(Request::Append(Append { entries, bytes, done })).is_err() {
            return refused(self.reason());
        }
        CommitTicket { receiver: Ok(receiver), shared: Some(Arc::clone(&self.shared)) }
    }

    /// Completes when all that was queued before is durable.
    pub fn barrier(&self) -> CommitTicket {
        self.append(Vec::new())
    }

    /// Waits until the queue has room. Returns at once when the journal has failed: appending tells.
    pub async fn room(&self) {
        loop {
            let mut changed = pin!(self.shared.room.notified());
            changed.as_mut().enable();
            if self.has_room() {
                return;
            }
            changed.await;
        }
    }

    /// Whether [`JournalHandle::room`] would return at once.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.fits(0)
    }

    /// Whether there is room for what may free some: a little more than others may use.
    #[must_use]
    pub fn has_spare(&self) -> bool {
        self.fits(SPARE_BYTES)
    }

    fn fits(&self, beyond_bytes: u64) -> bool {
        // What is queued is always written, however much a start would replay then: until it is, nothing of it can be
        // freed.
        let replay_bytes_max = self.shared.replay_bytes_max.saturating_add(beyond_bytes);
        let fits = self.shared.queued_bytes.load(Ordering::Acquire) < self.shared.queue_bytes_max
            && self.shared.replay_bytes() < replay_bytes_max;
        fits || self.shared.failed.get().is_some()
    }

    /// Whether there is room, a file beside those in use and a quarter of what a start may replay: entries that can be taken back
    /// until somebody else has them, too, leave that to the votes and epochs that it takes to get there, and to batches that are
    /// written anew.
    #[must_use]
    pub fn has_reserve(&self) -> bool {
        let replayed = self.shared.replay_bytes();
        let reserve = self.shared.replay_bytes_max / 4;
        let fits = replayed < self.shared.replay_bytes_max.saturating_sub(reserve);
        self.has_room() && self.has_free_file() && (fits || self.shared.failed.get().is_some())
    }

    /// Whether there is a file beside those in use. True when the journal has failed: appending tells.
    #[must_use]
    pub fn has_free_file(&self) -> bool {
        let (live, total) = self.shared.files.usage();
        live < total || self.shared.failed.get().is_some()
    }

    /// Waits until there is. Returns at once when the journal has failed.
    pub async fn reserve(&self) {
        loop {
            let mut changed = pin!(self.shared.room.notified());
            changed.as_mut().enable();
            if self.has_reserve() {
                return;
            }
            changed.await;
        }
    }

    /// Whether the journal stays pressed ([`JournalStatistics::is_pressed`]) as long as entries from this place on are needed.
    #[must_use]
    pub fn is_pressed_from(&self, place: Position) -> bool {
        let (files, bytes) = self.shared.files.held(place, self.durable_position());
        is_half(files as u64, self.shared.files.usage().1 as u64)
            || is_half(bytes, self.shared.replay_bytes_max)
    }

    /// How many bytes may be written anew so that former entries can be let go: half of the room that there is.
    #[must_use]
    pub fn carry_bytes_max(&self) -> u64 {
        let end = self.durable_position();
        let queued = self.shared.queued_bytes.load(Ordering::Acquire) as u64;
        let replayable = self.shared.replay_bytes_max.saturating_sub(self.shared.replay_bytes());
        self.shared.files.free_bytes(end).min(replayable).saturating_sub(queued) / 2
    }

    /// Where the journal ended when it was opened: all before that this directory had left.
    #[must_use]
    pub fn found_position(&self) -> Position {
        self.shared.found
    }

    /// The place behind the last durable commit.
    #[must_use]
    pub fn durable_position(&self) -> Position {
        *self.shared.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which of the node's writes the disk has no room for.
    pub(crate) fn shortage(&self) -> &Shortage {
        &self.shared.shortage
    }

    /// Fails the journal for ever, for a reason that others have found: everybody who waits, and everybody who comes, hears of it.
    pub fn give_up(&self, failed: JournalFailed) {
        self.shared.poison(failed);
    }

    /// Why the journal has failed, if it has.
    #[must_use]
    pub fn failure(&self) -> Option<JournalFailed> {
        self.shared.failed.get().cloned()
    }

    /// Completes when the journal has failed, with the reason.
    pub async fn failed(&self) -> JournalFailed {
        loop {
            let mut changed = pin!(self.shared.room.notified());
            changed.as_mut().enable();
            if let Some(failed) = self.failure() {
                return failed;
            }
            changed.await;
        }
    }

    /// The largest payload that one entry may have, in bytes.
    #[must_use]
    pub fn entry_bytes_max(&self) -> u64 {
        self.shared.entry_bytes_max
    }

    /// How many bytes a commit of several entries has at most.
    #[must_use]
    pub fn commit_bytes_max(&self) -> u64 {
        self.shared.commit_bytes_max()
    }

    /// The longest that a commit took which ended since this was last asked, or that the one under way has taken so far, its wait for a
    /// file or a checkpoint included. While appends have to wait for room, in the journal or in memory, it is under way since the last one ended.
    #[must_use]
    pub fn longest_commit(&self, now: Instant) -> Duration {
        // Batches that no segment takes are held in memory, and more are not taken.
        let has_room = || self.has_reserve() && !self.shared.budget.is_exceeded();
        self.shared.times.take_longest(now, has_room)
    }

    /// Appends wait for room, and none of them was taken up for so long: that counts as a commit ([`JournalHandle::longest_commit`]).
    pub fn note_held(&self, waited: Duration) {
        self.shared.times.held(waited);
    }

    #[must_use]
    pub fn statistics(&self) -> JournalStatistics {
        let counters = &self.shared.counters;
        let (live, total) = self.shared.files.usage();
        JournalStatistics {
            commits: counters.commits.load(Ordering::Relaxed),
            entries: counters.entries.load(Ordering::Relaxed),
            bytes: counters.bytes.load(Ordering::Relaxed),
            vouches: counters.vouches.load(Ordering::Relaxed),
            full_waits: counters.full_waits.load(Ordering::Relaxed),
            queued_bytes: self.shared.queued_bytes.load(Ordering::Relaxed) as u64,
            files_live: live as u64,
            files_total: total as u64,
            replay_bytes: self.shared.replay_bytes(),
            replay_bytes_max: self.shared.replay_bytes_max,
            is_waiting: self.shared.files.waiting.load(Ordering::Relaxed),
        }
    }

    /// Has the vouch file written for the last commit as soon as the journal's task gets to it, which may be only
    /// after the next checkpoint has freed a file.
    ///
    /// # Errors
    /// If the journal has failed.
    pub(crate) fn vouch_soon(&self) -> Result<(), JournalFailed> {
        let (done, _nobody_waits) = oneshot::channel();
        self.sender.send(Request::Vouch(done)).map_err(|_| self.reason())
    }

    /// Writes the vouch file for the last commit.
    ///
    /// # Errors
    /// If the journal has failed.
    pub async fn vouch(&self) -> Result<(), JournalFailed> {
        let (done, receiver) = oneshot::channel();
        self.sender.send(Request::Vouch(done)).map_err(|_| self.reason())?;
        receiver.await.unwrap_or_else(|_| Err(self.reason()))
    }

    /// Makes durable what is queued, vouches for it and ends the journal's task.
    ///
    /// # Errors
    /// If the journal has failed.
    pub async fn close(&self) -> Result<(), JournalFailed> {
        let (done, receiver) = oneshot::channel();
        self.sender.send(Request::Close(done)).map_err(|_| self.reason())?;
        let answer = receiver.await.unwrap_or_else(|_| Err(self.reason()));
        // Nothing is filled any more once this has returned.
        drop(self.shared.files.changing.lock().await);
        answer
    }

    /// Notes that the next start replays from `replay_from` on, and frees the files before it. Returns how many.
    ///
    /// # Errors
    /// If they cannot be renamed: try again later. If their names cannot be made durable, the journal has failed.
    pub(crate) async fn trim(&self, replay_from: Position) -> io::Result<usize> {
        let recycled = self.shared.files.recycle(&*self.disk, replay_from).await;
        self.shared.room.notify_waiters();
        recycled.map_err(|error| self.shared.judge(error))
    }

    fn reason(&self) -> JournalFailed {
        self.failure().unwrap_or(JournalFailed::Closed)
    }
}

/// What an entry counts in the queue.
fn queued_bytes(entry: &Entry) -> usize {
    entry.held_bytes() + ROW_BYTES
}

/// The largest payload for files of `file_bytes`.
pub(crate) fn entry_bytes_max(file_bytes: u64) -> u64 {
    file_bytes.saturating_sub(COMMIT_OVERHEAD_BYTES)
}

/// Completes when the entries of one append are durable, or can no longer become so.
#[derive(Debug)]
pub struct CommitTicket {
    receiver: Result<oneshot::Receiver<Result<(), JournalFailed>>, JournalFailed>,
    shared: Option<Arc<Shared>>,
}

impl CommitTicket {
    fn failed(reason: JournalFailed) -> CommitTicket {
        CommitTicket { receiver: Err(reason), shared: None }
    }
}

impl Future for CommitTicket {
    type Output = Result<(), JournalFailed>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let receiver = match &mut self.receiver {
            Ok(receiver) => receiver,
            Err(reason) => return Poll::Ready(Err(reason.clone())),
        };
        let Poll::Ready(answer) = Pin::new(receiver).poll(context) else { return Poll::Pending };
        Poll::Ready(answer.unwrap_or_else(|_| {
            // The task ended without an answer.
            let failed = self.shared.as_ref().and_then(|shared| shared.failed.get().cloned());
            Err(failed.unwrap_or(JournalFailed::Closed))
        }))
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("failed", &self.failed.get()).finish_non_exhaustive()
    }
}
