//! The journal's task: gathers what waits, writes it as one commit, tells the waiters.
//!
//! ```text
//! gathering ──swap──▶ writing ──durable──▶ waiters told
//!     ▲                  │ meanwhile appends gather in the other buffer
//!     └──────────────────┘ failed: everything fails, for ever
//! ```
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::entry::{Entry, EntryBody};
use super::files::JournalFile;
use super::format::{CommitBuilder, Incarnation, Place, Position};
use super::handle::{Append, JournalFailed, Request, Shared};
use super::placed::Outcome;
use super::vouch::{PATH as VOUCH_PATH, VouchFile};
use crate::io::{BoxFuture, Clock, Durability};
use crate::probe::{Condition, Mutant, mutant, sometimes};
use crate::types::limits::DISK_BLOCK_BYTES;

/// What a commit's buffer holds before it grows, in bytes.
const COMMIT_BUFFER_BYTES: usize = 256 << 10;

type Waiter = oneshot::Sender<Result<(), JournalFailed>>;
type Vouching = BoxFuture<(VouchFile, io::Result<()>)>;

/// A commit being gathered, with those who wait for it.
struct Gathering {
    builder: CommitBuilder,
    waiters: Vec<Waiter>,
    /// What this commit takes out of the queue's count.
    queued_bytes: usize,
}

impl Gathering {
    fn new(capacity: usize) -> Gathering {
        Gathering { builder: CommitBuilder::new(capacity), waiters: Vec::new(), queued_bytes: 0 }
    }
}

/// An append of which some entries are not in a commit yet.
struct Rest {
    entries: std::vec::IntoIter<Entry>,
    held: Option<Entry>,
    /// Whether a part of it is in a commit.
    begun: bool,
    bytes: usize,
    done: Waiter,
}

/// The end of a vouching that is under way; there is none after it.
async fn ended(vouching: &mut Option<Vouching>) -> (VouchFile, io::Result<()>) {
    let ended = vouching.as_mut().expect("a vouching is under way").await;
    *vouching = None;
    ended
}

pub(crate) struct Committer {
    shared: Arc<Shared>,
    receiver: mpsc::UnboundedReceiver<Request>,
    clock: Arc<dyn Clock>,
    incarnation: Incarnation,
    position: Position,
    active: JournalFile,
    /// Away only while it is being written.
    vouch: Option<VouchFile>,
    /// What of `unvouched_bytes` the vouching under way covers, and the vouching: commits go on beside it.
    vouching: Option<Vouching>,
    vouching_bytes: u64,
    vouch_idle: Duration,
    /// Whether the last commit is neither vouched for nor being vouched for.
    vouch_due: bool,
    /// Bytes of commits since the last one that is durably vouched for.
    unvouched_bytes: u64,
    vouch_bytes: u64,
    gathering: Gathering,
    writing: Gathering,
    backlog: VecDeque<Rest>,
    vouch_waiters: Vec<Waiter>,
    closing: Option<Waiter>,
    /// Whether anybody may still send.
    open: bool,
}

/// What the committer begins with.
pub(crate) struct Start {
    pub(crate) incarnation: Incarnation,
    pub(crate) position: Position,
    pub(crate) vouch: VouchFile,
    pub(crate) vouch_idle: Duration,
    pub(crate) vouch_bytes: u64,
}

impl Committer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        receiver: mpsc::UnboundedReceiver<Request>,
        clock: Arc<dyn Clock>,
        start: Start,
    ) -> Committer {
        let active = shared.files.active();
        assert_eq!(active.sequence, start.position.file, "the journal goes on in its last file");
        let capacity = COMMIT_BUFFER_BYTES.min(usize::try_from(active.length).unwrap_or(usize::MAX));
        Committer {
            shared,
            receiver,
            clock,
            incarnation: start.incarnation,
            position: start.position,
            active,
            vouch: Some(start.vouch),
            vouching: None,
            vouching_bytes: 0,
            vouch_idle: start.vouch_idle,
            // What was found may not be vouched for.
            vouch_due: start.position.next > super::CommitNumber(1),
            unvouched_bytes: if start.position.next > super::CommitNumber(1) { start.vouch_bytes } else { 0 },
            vouch_bytes: start.vouch_bytes,
            gathering: Gathering::new(capacity),
            writing: Gathering::new(capacity),
            backlog: VecDeque::new(),
            vouch_waiters: Vec::new(),
            closing: None,
            open: true,
        }
    }

    /// Runs until the journal is closed, fails, or nobody can append any more.
    pub(crate) async fn run(mut self) {
        match self.serve().await {
            Ok(()) => drop(self.shared.failed.set(JournalFailed::Closed)),
            Err(failed) => self.fail(&failed),
        }
        // Nobody fills files for a journal that takes nothing more.
        self.shared.files.unfilled.notify_one();
        self.shared.files.hurry.notify_one();
    }

    async fn serve(&mut self) -> Result<(), JournalFailed> {
        loop {
            self.check_failed()?;
            self.take_queued();
            if !self.gathering.builder.is_empty() {
                std::mem::swap(&mut self.gathering, &mut self.writing);
                self.commit().await?;
                continue;
            }
            // Barriers: all before them is durable.
            release(&mut self.gathering, &self.shared, &Ok(()));
            if !self.backlog.is_empty() {
                self.wait_for_blocks().await?;
                continue;
            }
            if !self.vouch_waiters.is_empty() || self.closing.is_some() {
                self.vouch_now().await?;
                for waiter in self.vouch_waiters.drain(..) {
                    let _ = waiter.send(Ok(()));
                }
                if let Some(closing) = self.closing.take() {
                    let _ = self.shared.failed.set(JournalFailed::Closed);
                    let _ = closing.send(Ok(()));
                    self.fail(&JournalFailed::Closed);
                    return Ok(());
                }
                continue;
            }
            if !self.open {
                return self.vouch_now().await;
            }
            self.wait().await?;
        }
    }

    /// Whether somebody else has found that the journal has failed.
    fn check_failed(&self) -> Result<(), JournalFailed> {
        self.shared.failed.get().map_or(Ok(()), |failed| Err(failed.clone()))
    }

    /// Waits for the next request; vouches when none comes for a while.
    async fn wait(&mut self) -> Result<(), JournalFailed> {
        let shared = Arc::clone(&self.shared);
        let may_vouch = self.vouch_due && self.vouching.is_none();
        tokio::select! {
            biased;
            () = shared.poisoned.notified() => {}
            request = self.receiver.recv() => self.take(request),
            vouched = ended(&mut self.vouching), if self.vouching.is_some() => self.vouched(vouched)?,
            () = self.clock.sleep(self.vouch_idle), if may_vouch => self.begin_vouching(),
        }
        Ok(())
    }

    /// Waits for the blocks of a batch that is written once: its entry is next.
    async fn wait_for_blocks(&mut self) -> Result<(), JournalFailed> {
        let shared = Arc::clone(&self.shared);
        tokio::select! {
            biased;
            () = shared.poisoned.notified() => {}
            () = shared.placed.notified() => {}
            vouched = ended(&mut self.vouching), if self.vouching.is_some() => self.vouched(vouched)?,
        }
        Ok(())
    }

    /// Takes everything that waits, as far as it fits the next commit.
    fn take_queued(&mut self) {
        self.stage_backlog();
        while self.backlog.is_empty() && self.closing.is_none() {
            match self.receiver.try_recv() {
                Ok(request) => self.take(Some(request)),
                Err(_) => break,
            }
        }
    }

    fn take(&mut self, request: Option<Request>) {
        match request {
            None => self.open = false,
            Some(Request::Append(Append { entries, bytes, done })) => {
                self.backlog.push_back(Rest {
                    entries: entries.into_iter(),
                    held: None,
                    begun: false,
                    bytes,
                    done,
                });
                self.stage_backlog();
            }
            Some(Request::Vouch(done)) => self.vouch_waiters.push(done),
            Some(Request::Close(done)) => self.closing = Some(done),
        }
    }

    /// Moves entries of the backlog into the commit being gathered until it is full.
    fn stage_backlog(&mut self) {
        let commit_bytes_max = self.shared.commit_bytes_max();
        while let Some(rest) = self.backlog.front_mut() {
            while let Some(mut entry) = rest.held.take().or_else(|| rest.entries.next()) {
                if !settle(&mut entry) {
                    rest.held = Some(entry);
                    return;
                }
                let length = self.gathering.builder.length_with(entry.payload_bytes());
                if length > commit_bytes_max && !self.gathering.builder.is_empty() {
                    if rest.begun {
                        sometimes(Condition::AppendSplitOverCommits);
                    }
                    if rest.begun && mutant(Mutant::AcknowledgeHalfAppend) {
                        let (nobody, _) = oneshot::channel();
                        self.gathering.waiters.push(std::mem::replace(&mut rest.done, nobody));
                    }
                    rest.held = Some(entry);
                    return;
                }
                self.gathering.builder.push(&entry);
                rest.begun = true;
            }
            let rest = self.backlog.pop_front().expect("the front was just looked at");
            self.gathering.queued_bytes += rest.bytes;
            self.gathering.waiters.push(rest.done);
        }
    }

    /// Writes the commit in `writing`, gathering the next one meanwhile.
    async fn commit(&mut self) -> Result<(), JournalFailed> {
        self.shared.times.begin(self.clock.now());
        // What a start has to search behind the end that it finds is bounded by this.
        if self.unvouched_bytes >= self.vouch_bytes {
            self.finish_vouching().await?;
        }
        if self.unvouched_bytes >= self.vouch_bytes {
            self.vouch_now().await?;
        }
        self.make_place().await?;
        // Well before that, the last commit is vouched for beside this one, which then waits for nothing.
        if self.unvouched_bytes >= self.vouch_bytes / 2 && self.vouching.is_none() {
            self.begin_vouching();
        }
        let place = Place { incarnation: self.incarnation, position: self.position };
        let entries = self.writing.builder.entries();
        let (length, crc) = self.writing.builder.seal(&place);
        let buffer = self.writing.builder.take_buffer();
        let offset = self.position.offset;
        let acknowledges_early = mutant(Mutant::AcknowledgeBeforeSync);
        let durable = if acknowledges_early { Durability::Later } else { Durability::Now };
        let mut write = self.active.file.write_aligned_at(offset, buffer, length, durable);
        let mut stages = !self.backlog.is_empty();
        let shared = Arc::clone(&self.shared);
        let (result, buffer) = loop {
            let accepts = self.open && self.closing.is_none() && self.backlog.is_empty();
            tokio::select! {
                biased;
                done = &mut write => break done,
                // The disk has its work by now: what waits already is copied while it writes, not before the next write.
                () = std::future::ready(()), if std::mem::take(&mut stages) => self.stage_backlog(),
                () = shared.placed.notified(), if !self.backlog.is_empty() => self.stage_backlog(),
                vouched = ended(&mut self.vouching), if self.vouching.is_some() => self.vouched(vouched)?,
                request = self.receiver.recv(), if accepts => self.take(request),
            }
        };
        drop(write);
        self.writing.builder.restore(buffer);
        if result.is_err() && self.writing.waiters.len() > 1 {
            sometimes(Condition::SyncFailedInGroupCommit);
        }
        let result = match result {
            Err(_) if mutant(Mutant::IgnoreFailedSync) => Ok(()),
            Err(_) if mutant(Mutant::RetryFailedSync) => self.active.file.sync().await,
            result => result,
        };
        result.map_err(|error| self.write_failed(self.active.sequence.path(), offset, &error))?;

        let overlaps = mutant(Mutant::OverwriteCommitTail) && length > DISK_BLOCK_BYTES;
        let length = if overlaps { length - DISK_BLOCK_BYTES } else { length };
        self.position = Position {
            file: self.position.file,
            offset: offset + length as u64,
            next: super::CommitNumber(self.position.next.0 + 1),
            previous_crc: crc,
        };
        *self.shared.durable.lock().unwrap_or_else(PoisonError::into_inner) = self.position;
        self.vouch_due = true;
        self.unvouched_bytes += length as u64;
        let counters = &self.shared.counters;
        counters.commits.fetch_add(1, Ordering::Relaxed);
        counters.entries.fetch_add(u64::from(entries), Ordering::Relaxed);
        counters.bytes.fetch_add(length as u64, Ordering::Relaxed);
        release(&mut self.writing, &self.shared, &Ok(()));
        self.shared.times.end(self.clock.now());
        Ok(())
    }

    /// Sees to it that the commit has a place: a file that it fits in, blocks that have been written before.
    async fn make_place(&mut self) -> Result<(), JournalFailed> {
        let length = self.writing.builder.length();
        let shared = Arc::clone(&self.shared);
        let mut waited = false;
        let waited = &mut waited;
        if self.position.offset + length > self.active.length {
            let next = self.wait_for(waited, |_| shared.files.advance()).await?;
            assert!(length <= next.length, "a commit of {length} bytes fits an empty journal file");
            self.position.file = next.sequence;
            self.position.offset = 0;
            self.active = next;
        }
        self.wait_for(waited, |committer| {
            let end = committer.position.offset + length;
            (committer.active.filled() >= end).then_some(())
        })
        .await
    }

    /// Waits until the files have changed such that `ready` gives something.
    async fn wait_for<T>(
        &mut self,
        waited: &mut bool,
        mut ready: impl FnMut(&Committer) -> Option<T>,
    ) -> Result<T, JournalFailed> {
        let files = &self.shared.files;
        loop {
            let mut changed = std::pin::pin!(files.changed.notified());
            changed.as_mut().enable();
            self.check_failed()?;
            if let Some(found) = ready(self) {
                files.waiting.store(false, Ordering::Relaxed);
                return Ok(found);
            }
            // Each time: one wait may follow another, and without this nobody makes the checkpoint.
            files.waiting.store(true, Ordering::Relaxed);
            files.hurry.notify_one();
            if !std::mem::replace(waited, true) && files.is_complete() {
                sometimes(Condition::JournalFull);
                self.shared.counters.full_waits.fetch_add(1, Ordering::Relaxed);
                tracing::info!("the journal is full: appends wait for a checkpoint");
            }
            changed.await;
        }
    }

    /// Sees to it that the last durable commit is vouched for.
    async fn vouch_now(&mut self) -> Result<(), JournalFailed> {
        self.finish_vouching().await?;
        if self.vouch_due {
            self.begin_vouching();
            self.finish_vouching().await?;
        }
        Ok(())
    }

    /// Begins to vouch for the last durable commit.
    fn begin_vouching(&mut self) {
        let last = super::CommitNumber(self.position.next.0 - 1);
        let crc = self.position.previous_crc;
        let mut vouch = self.vouch.take().expect("one vouching ends before the next begins");
        self.vouch_due = false;
        self.vouching_bytes = self.unvouched_bytes;
        self.vouching = Some(Box::pin(async move {
            let result = vouch.write(last, crc).await;
            (vouch, result)
        }));
    }

    /// Waits for the vouching that is under way, if one is.
    async fn finish_vouching(&mut self) -> Result<(), JournalFailed> {
        if self.vouching.is_none() {
            return Ok(());
        }
        let vouched = ended(&mut self.vouching).await;
        self.vouched(vouched)
    }

    fn vouched(&mut self, (vouch, result): (VouchFile, io::Result<()>)) -> Result<(), JournalFailed> {
        self.vouch = Some(vouch);
        result.map_err(|error| self.write_failed(VOUCH_PATH.to_owned(), 0, &error))?;
        self.unvouched_bytes -= std::mem::take(&mut self.vouching_bytes);
        self.shared.counters.vouches.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn write_failed(&self, file: String, offset: u64, error: &io::Error) -> JournalFailed {
        JournalFailed::Write { file, offset, reason: error.to_string() }
    }

    /// Poisons the journal: everybody who waits, and everybody who comes, hears of it.
    fn fail(&mut self, failed: &JournalFailed) {
        if self.shared.failed.set(failed.clone()).is_ok() {
            tracing::error!(%failed, "the journal is poisoned");
        }
        let answer = Err(failed.clone());
        release(&mut self.writing, &self.shared, &answer);
        release(&mut self.gathering, &self.shared, &answer);
        self.receiver.close();
        while let Ok(request) = self.receiver.try_recv() {
            self.take(Some(request));
        }
        release(&mut self.gathering, &self.shared, &answer);
        for rest in self.backlog.drain(..) {
            let _ = rest.done.send(answer.clone());
        }
        for waiter in self.vouch_waiters.drain(..).chain(self.closing.take()) {
            let _ = waiter.send(answer.clone());
        }
        self.shared.room.notify_waiters();
    }
}

/// Makes of an entry what may go into a commit; false if that is not known yet. A batch that is written once is named only when its
/// blocks are durable, so that its entry proves that they were. If they cannot be written, the entry holds the whole batch.
fn settle(entry: &mut Entry) -> bool {
    let EntryBody::Placed(placed) = &entry.body else { return true };
    match placed.outcome() {
        Outcome::Written => true,
        Outcome::Pending => mutant(Mutant::NamePlacedBeforeWritten),
        Outcome::Failed if mutant(Mutant::NamePlacedAfterFailure) => true,
        Outcome::Failed => {
            let batch = placed.batch().expect("the entry was not read from a journal").clone();
            entry.body = EntryBody::Batch(batch);
            true
        }
    }
}

/// Answers those who wait for a commit, and takes it out of the queue's count.
fn release(commit: &mut Gathering, shared: &Shared, answer: &Result<(), JournalFailed>) {
    shared.queued_bytes.fetch_sub(commit.queued_bytes, Ordering::AcqRel);
    commit.queued_bytes = 0;
    for waiter in commit.waiters.drain(..) {
        // A waiter that has gone away needs no answer.
        let _ = waiter.send(answer.clone());
    }
    shared.room.notify_waiters();
}

const _: () = assert!(COMMIT_BUFFER_BYTES.is_multiple_of(DISK_BLOCK_BYTES));
