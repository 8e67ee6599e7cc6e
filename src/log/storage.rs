//! A node's storage as one thing: opening it, making and removing logs, flushing, checkpoints.
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::checkpoint::{self, Checkpoint, CheckpointError, Owner};
use super::config::{LogConfig, OptionsInvalid, StorageOptions};
use super::file_cache::{CacheBounds, FileCache};
use super::flush::{FlushDone, FlushFailed, FlushFailure, FlushWork, flush_all};
use super::journal::{
    self, Entry, Incarnation, JournalError, JournalFailed, JournalHandle, JournalReader, LogId, LogKey,
    Origin, Position,
};
use super::partition::PartitionLog;
use super::recovery::{Parts, RecoveryReport, recover};
use super::segment::{LOGS, Segment, log_directory};
use super::shortage::{DiskFails, DiskFull, Writer, is_full};
use super::state::LogState;
use super::tail::TailBudget;
use crate::io::Io;
use crate::probe::{Mutant, mutant};
use crate::types::{NodeId, Offset, PartitionId, Uuid};

/// Why the storage cannot be opened, or a change of it fails.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    #[error(transparent)]
    Options(#[from] OptionsInvalid),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    JournalFailed(#[from] JournalFailed),
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error(
        "there is no checkpoint although {found}: it was lost, and without it nothing tells what the files hold; restore checkpoint or checkpoint.copy, or wipe the data directory"
    )]
    CheckpointLost { found: String },
    #[error(
        "the data directory is that of node {owner} (its directory id is {directory}), and this is node {node}: set node.id={owner}, or give this node a data directory of its own"
    )]
    OtherNode { owner: NodeId, directory: Uuid, node: NodeId },
    #[error("partition {partition} has a log already")]
    LogExists { partition: PartitionId },
    #[error("storage: {action} {path} failed: {source}")]
    Io { action: &'static str, path: String, source: io::Error },
}

/// What the node knows of all its logs, as the next checkpoint will say it.
struct Known {
    logs: BTreeMap<LogId, Arc<LogState>>,
    next_log_id: u64,
    generation: u64,
    position: Position,
    /// Whether anything differs from the checkpoint on disk.
    changed: bool,
    garbage: Vec<Arc<Segment>>,
    /// Segments that the next checkpoint may be the first to name.
    unnamed: Vec<Arc<Segment>>,
    /// Logs whose end is on its way to the journal: no checkpoint names them any more, or one could outlive
    /// the journal's word of it.
    deleting: BTreeSet<LogId>,
}

/// A node's storage. Cheap to clone.
#[derive(Clone)]
pub struct Storage {
    inner: Arc<Inner>,
}

struct Inner {
    io: Io,
    incarnation: Incarnation,
    owner: Owner,
    journal: JournalHandle,
    cache: Arc<FileCache>,
    budget: Arc<TailBudget>,
    known: Mutex<Known>,
    /// One checkpoint at a time.
    checkpointing: tokio::sync::Mutex<()>,
    /// Places that readers found damaged since the node began.
    unreadable: AtomicU64,
    repaired: AtomicU64,
}

/// A checkpoint in the making: begin it, *then* ask every log for [`PartitionLog::needs_from`].
#[must_use = "a round does nothing until it is given to Storage::checkpoint"]
#[derive(Clone, Copy, Debug)]
pub struct CheckpointRound {
    keep_from: Position,
}

impl CheckpointRound {
    /// Takes account of what a log, or a shard's logs together, still need of the journal.
    pub fn require(&mut self, position: Option<Position>) {
        if let Some(position) = position
            && !mutant(Mutant::CheckpointForgetsTails)
        {
            self.keep_from = self.keep_from.earlier(position);
        }
    }
}

impl Storage {
    /// Opens the storage of `node`, making it if there is none, and brings back its logs: the checkpoint's state
    /// and what the journal holds beyond it. `config_of` gives a log's limits (they may be set again later).
    ///
    /// # Errors
    /// If it is another node's, the options are wrong, something cannot be read, or damage was found that cannot be laid to single
    /// logs: nothing was changed then that would lose anything.
    pub async fn open<C: Into<Arc<LogConfig>>>(
        io: Io,
        node: NodeId,
        options: StorageOptions,
        config_of: impl Fn(PartitionId) -> C + Send + Sync,
    ) -> Result<(Storage, Vec<PartitionLog>, RecoveryReport), StorageError> {
        options.check()?;
        let disk = Arc::clone(&io.disk);
        let (mut checkpoint, is_new, copy, outdated) = match checkpoint::read(&*disk).await? {
            checkpoint::Found::Checkpoint { checkpoint, other, outdated } => {
                checkpoint::settle(&*disk).await?;
                (checkpoint, false, other, outdated)
            }
            checkpoint::Found::Nothing => {
                (create(&io, node, &options).await?, true, None, checkpoint::Outdated::default())
            }
        };
        let owner = own(&io, node, &mut checkpoint).await?;
        let bounds = CacheBounds {
            files_max: options.fd_cache_files,
            index_bytes_max: options.index_cache_bytes,
            ahead_bytes_max: options.read_ahead_bytes,
        };
        let cache = FileCache::new(Arc::clone(&disk), bounds);
        let budget = TailBudget::new(options.tail_budget_bytes, options.place_bytes_min);
        let incarnation = checkpoint.incarnation;
        let mut known = Known {
            logs: checkpoint.logs.iter().map(|state| (state.log.id, Arc::clone(state))).collect(),
            next_log_id: checkpoint.next_log_id,
            generation: checkpoint.generation,
            position: checkpoint.position,
            changed: copy.is_some(),
            garbage: Vec::new(),
            unnamed: Vec::new(),
            deleting: BTreeSet::new(),
        };
        let origin = if is_new { Origin::Made } else { Origin::Found };
        let reader =
            JournalReader::open(Arc::clone(&disk), incarnation, checkpoint.position, origin, &options)
                .await?;
        let config_of = |partition: PartitionId| -> Arc<LogConfig> { config_of(partition).into() };
        let parts = Parts { disk: &disk, cache: &cache, budget: &budget, config_of: &config_of };
        let mut recovered = recover(&parts, checkpoint, &outdated, reader).await?;
        known.logs.retain(|id, _| recovered.logs.contains_key(id));
        for (&id, log) in &recovered.logs {
            known.logs.entry(id).or_insert_with(|| Arc::new(log.initial_state()));
        }
        known.next_log_id = recovered.next_log_id;
        let (journal, journal_report) = recovered.reader.finish(&io, &options, Arc::clone(&budget)).await?;
        recovered.report.is_new = is_new;
        recovered.report.checkpoint_copy = copy;
        recovered.report.journal = journal_report;
        let known = Mutex::new(known);
        let checkpointing = tokio::sync::Mutex::new(());
        let (unreadable, repaired) = (AtomicU64::new(0), AtomicU64::new(0));
        let inner = Inner {
            io,
            incarnation,
            owner,
            journal,
            cache,
            budget,
            known,
            checkpointing,
            unreadable,
            repaired,
        };
        let logs = recovered.logs.into_values().collect();
        Ok((Storage { inner: Arc::new(inner) }, logs, recovered.report))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.inner.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The id that was drawn for the data directory when it was made: with the node's, the key of each replica whose
    /// log has none of its own ([`PartitionLog::directory`]).
    #[must_use]
    pub fn directory_id(&self) -> Uuid {
        self.inner.owner.directory
    }

    /// The node's journal.
    #[must_use]
    pub fn journal(&self) -> &JournalHandle {
        &self.inner.journal
    }

    /// How much memory the tails of all logs take.
    #[must_use]
    pub fn tail_budget(&self) -> &TailBudget {
        &self.inner.budget
    }

    /// The segment files that readers have open.
    #[must_use]
    pub fn file_cache(&self) -> &FileCache {
        &self.inner.cache
    }

    /// Makes a log, empty, that begins at `log_start`. Durable on return.
    ///
    /// # Errors
    /// If the partition has a log already, or the journal has failed.
    pub async fn create_log(
        &self,
        partition: PartitionId,
        log_start: Offset,
        config: impl Into<Arc<LogConfig>>,
    ) -> Result<PartitionLog, StorageError> {
        if self.known().logs.values().any(|state| state.log.partition == partition) {
            return Err(StorageError::LogExists { partition });
        }
        let (log, creation) = self.new_log(partition, log_start, config);
        match self.inner.journal.append(vec![creation]).await {
            Ok(()) => Ok(log),
            Err(failed) => {
                self.known().logs.remove(&log.key().id);
                Err(failed.into())
            }
        }
    }

    /// As [`Storage::create_log`], for an owner that journals the entry with others: the log exists once the
    /// entry is durable. The partition must have no log.
    #[must_use = "the entry is to be journaled"]
    pub fn new_log(
        &self,
        partition: PartitionId,
        log_start: Offset,
        config: impl Into<Arc<LogConfig>>,
    ) -> (PartitionLog, Entry) {
        let mut known = self.known();
        let id = LogId(known.next_log_id);
        known.next_log_id += 1;
        let key = LogKey { id, partition };
        let (cache, budget) = (Arc::clone(&self.inner.cache), Arc::clone(&self.inner.budget));
        let log = PartitionLog::new(key, log_start, config.into(), cache, budget);
        // From here on each checkpoint names the log, so that none forgets its creation.
        known.logs.insert(id, Arc::new(log.initial_state()));
        known.changed = true;
        let creation = log.creation();
        (log, creation)
    }

    /// Removes a log with all its files. Only when this has returned may a log of the same partition be made.
    ///
    /// # Errors
    /// If the journal has failed, or its files cannot be removed (they go at the next start then).
    pub async fn delete_log(&self, mut log: PartitionLog) -> Result<(), StorageError> {
        self.inner.journal.append(vec![self.begin_deletion(&mut log)]).await?;
        self.finish_deletion(log).await
    }

    /// The entry that ends a log, for an owner that journals it with others; once it is durable, the log goes
    /// to [`Storage::finish_deletion`]. A checkpoint may make the deletion durable before the entry is.
    #[must_use = "the entry is to be journaled"]
    pub fn begin_deletion(&self, log: &mut PartitionLog) -> Entry {
        let mut known = self.known();
        known.deleting.insert(log.key().id);
        known.changed = true;
        drop(known);
        log.deletion()
    }

    /// Removes the files of a log whose deletion is durable.
    ///
    /// # Errors
    /// If they cannot be removed: they go at the next start then, or with [`Storage::remove_left_files`].
    pub async fn finish_deletion(&self, mut log: PartitionLog) -> Result<(), StorageError> {
        let key = log.key();
        // One that is being written removes segments of this log by their names, which the next one may use.
        let _no_checkpoint = self.inner.checkpointing.lock().await;
        {
            let mut known = self.known();
            known.logs.remove(&key.id);
            known.deleting.remove(&key.id);
            known.changed = true;
            known.garbage.retain(|segment| segment.id.log != key.id);
            known.unnamed.retain(|segment| segment.id.log != key.id);
            self.inner.journal.shortage().passed(Writer::Log(key));
        }
        for segment in log.take_segments() {
            self.inner.cache.forget(&segment);
        }
        self.remove_left_files(key.partition).await
    }

    /// Removes what is left of the files of a partition whose log is deleted: the second half of [`Storage::finish_deletion`], where that
    /// failed, or what a flush made anew that was under way then. No log of that partition may have files.
    ///
    /// # Errors
    /// If they cannot be removed.
    pub async fn remove_left_files(&self, partition: PartitionId) -> Result<(), StorageError> {
        let directory = log_directory(partition);
        let (disk, names) = (&*self.inner.io.disk, self.inner.cache.names());
        let since = names.now();
        let mut removed = disk.remove_dir_all(&directory).await;
        if removed.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::DirectoryNotEmpty) {
            // A flush that is under way has made a file meanwhile.
            removed = disk.remove_dir_all(&directory).await;
        }
        let removed = match removed {
            Ok(()) => names.sync(disk, LOGS, since).await,
            Err(error) => Err(error),
        };
        removed.map_err(|source| StorageError::Io { action: "removing", path: directory, source })
    }

    /// Writes the work of any number of logs to their segments, durably. The outcomes, in the order of the
    /// works, are to be told to the logs. One call at a time.
    pub async fn flush(&self, works: Vec<FlushWork>) -> Vec<Result<FlushDone, FlushFailed>> {
        let sizes: Vec<u64> = works.iter().map(FlushWork::bytes).collect();
        let outcomes = flush_all(&*self.inner.io.disk, self.inner.cache.names(), works).await;
        for partition in self.note_flushed(&outcomes, &sizes) {
            if let Err(error) = self.remove_left_files(partition).await {
                tracing::warn!(%error, "files of a deleted partition stay until the next start");
            }
        }
        outcomes
    }

    /// Takes note of flushes that have ended. Gives the partitions whose logs were deleted meanwhile: what these flushes made after the
    /// removal of the files is still there.
    fn note_flushed(&self, outcomes: &[Result<FlushDone, FlushFailed>], sizes: &[u64]) -> Vec<PartitionId> {
        let mut known = self.known();
        for (outcome, &bytes) in outcomes.iter().zip(sizes) {
            self.note_room(&known, outcome, bytes);
        }
        for done in outcomes.iter().flatten() {
            // A log that was deleted meanwhile stays deleted.
            if let Some(state) = known.logs.get_mut(&done.state.log.id) {
                *state = Arc::clone(&done.state);
                known.garbage.extend(done.garbage.iter().cloned());
                let segments = done.segments.iter().map(|(segment, _)| segment);
                known.unnamed.extend(segments.filter(|segment| !segment.is_named()).cloned());
                known.changed = true;
            }
        }
        let made = |outcome: &Result<FlushDone, FlushFailed>| match outcome {
            Ok(done) => (!done.segments.is_empty()).then_some(done.state.log),
            Err(failed) => Some(failed.key),
        };
        // A log that was made of the partition since has no file before the next flush.
        let is_in_use = |partition: PartitionId| {
            let mut states = known.logs.values();
            states.any(|state| state.log.partition == partition && !state.segments.is_empty())
        };
        let deleted = outcomes.iter().filter_map(made).filter(|key| !known.logs.contains_key(&key.id));
        deleted.map(|key| key.partition).filter(|&partition| !is_in_use(partition)).collect()
    }

    /// Why what is to be written finds no room on the disk, if it finds none.
    #[must_use]
    pub fn disk_full(&self) -> Option<DiskFull> {
        self.inner.journal.shortage().now()
    }

    /// What of segments and checkpoint the disk fails to take, if anything: its last attempt ended with an error, and not for lack
    /// of room. A journal that failed is told by [`Storage::journal`].
    #[must_use]
    pub fn disk_fails(&self) -> Option<DiskFails> {
        self.inner.journal.shortage().failing()
    }

    /// A segment is whole again with what another node holds.
    pub fn note_repaired(&self) {
        self.inner.repaired.fetch_add(1, Ordering::Relaxed);
    }

    /// How many segments were made whole again with what other nodes hold.
    #[must_use]
    pub fn repaired_segments(&self) -> u64 {
        self.inner.repaired.load(Ordering::Relaxed)
    }

    /// A reader found damage where none was known.
    pub fn note_unreadable(&self) {
        self.inner.unreadable.fetch_add(1, Ordering::Relaxed);
    }

    /// How many places with stored records could not be read, of those that somebody wanted to read since the node began.
    #[must_use]
    pub fn unreadable_places(&self) -> u64 {
        self.inner.unreadable.load(Ordering::Relaxed)
    }

    fn note_room(&self, known: &Known, outcome: &Result<FlushDone, FlushFailed>, bytes: u64) {
        let shortage = self.inner.journal.shortage();
        match outcome {
            // A log that was deleted meanwhile wants nothing any more.
            Err(FlushFailed { key, reason: FlushFailure::DiskFull { path }, .. })
                if known.logs.contains_key(&key.id) =>
            {
                shortage.refused(Writer::Log(*key), path.clone(), bytes);
            }
            Err(FlushFailed { key, reason, .. }) if known.logs.contains_key(&key.id) => {
                shortage.failed(Writer::Log(*key), reason.to_string());
            }
            Err(FlushFailed { key, .. }) => shortage.passed(Writer::Log(*key)),
            Ok(done) => shortage.passed(Writer::Log(done.state.log)),
        }
    }

    /// Begins a checkpoint. What is appended from now on is kept by the journal whatever the logs say.
    pub fn begin_checkpoint(&self) -> CheckpointRound {
        CheckpointRound { keep_from: self.inner.journal.durable_position() }
    }

    /// Writes the checkpoint, then frees what of the journal no log needs, and removes files that are no
    /// longer named. Every log's [`PartitionLog::needs_from`] must have been taken into the round after it
    /// was begun.
    ///
    /// # Errors
    /// If it cannot be written: the former one counts, nothing was freed; try again later.
    pub async fn checkpoint(&self, round: CheckpointRound) -> Result<(), StorageError> {
        let result = self.write_checkpoint(round).await;
        let shortage = self.inner.journal.shortage();
        match &result {
            Err(
                StorageError::Checkpoint(CheckpointError::Io { path, source, .. })
                | StorageError::Io { path, source, .. },
            ) if is_full(source) => shortage.refused(Writer::Checkpoint, path.clone(), 0),
            Err(error) => shortage.failed(Writer::Checkpoint, error.to_string()),
            Ok(()) => shortage.passed(Writer::Checkpoint),
        }
        result
    }

    async fn write_checkpoint(&self, round: CheckpointRound) -> Result<(), StorageError> {
        let _one_at_a_time = self.inner.checkpointing.lock().await;
        let (checkpoint, garbage, unnamed) = {
            let mut known = self.known();
            let forward = round.keep_from.next > known.position.next;
            if !known.changed && !forward {
                return Ok(());
            }
            if forward {
                known.position = round.keep_from;
            }
            known.generation += 1;
            known.changed = false;
            let checkpoint = Checkpoint {
                generation: known.generation,
                incarnation: self.inner.incarnation,
                position: known.position,
                next_log_id: known.next_log_id,
                owner: Some(self.inner.owner),
                logs: known
                    .logs
                    .values()
                    .filter(|state| !known.deleting.contains(&state.log.id))
                    .cloned()
                    .collect(),
            };
            (checkpoint, std::mem::take(&mut known.garbage), std::mem::take(&mut known.unnamed))
        };
        let disk = &*self.inner.io.disk;
        if mutant(Mutant::TrimBeforeCheckpoint) {
            // Whatever comes of it comes of it again below.
            drop(self.inner.journal.trim(checkpoint.position).await);
        }
        if mutant(Mutant::RemoveSegmentBeforeCheckpoint) {
            for segment in &garbage {
                self.remove_segment(segment).await;
            }
        }
        if let Err(error) = checkpoint.write(disk).await {
            let mut known = self.known();
            known.changed = true;
            known.garbage.extend(garbage);
            known.unnamed.extend(unnamed);
            return Err(error.into());
        }
        for segment in unnamed {
            segment.mark_named();
        }
        if let Err(source) = self.inner.journal.trim(checkpoint.position).await {
            // Another round is to try again, though it may have nothing else to do.
            let mut known = self.known();
            known.changed = true;
            known.garbage.extend(garbage);
            let path = journal::DIRECTORY.to_owned();
            return Err(StorageError::Io { action: "recycling files of", path, source });
        }
        // Not waited for: if nothing was freed, the journal's task may wait for the next checkpoint itself.
        self.inner.journal.vouch_soon()?;
        for segment in garbage {
            self.remove_segment(&segment).await;
        }
        Ok(())
    }

    /// Ends the journal in good order: what is queued is durable, and vouched for.
    ///
    /// # Errors
    /// If the journal has failed.
    pub async fn close(&self) -> Result<(), StorageError> {
        Ok(self.inner.journal.close().await?)
    }

    async fn remove_segment(&self, segment: &Segment) {
        if !mutant(Mutant::RemoveSegmentUnderReader) {
            self.inner.cache.forget(segment);
        }
        segment.remove_files(&*self.inner.io.disk).await;
    }
}

fn new_owner(io: &Io, node: NodeId) -> Owner {
    Owner { node, directory: Uuid(io.rng.stream("directory id").identity()) }
}

/// Whose directory it is. One that was made before directories had owners becomes this node's, durably: nobody hears of
/// an id that could still be lost.
async fn own(io: &Io, node: NodeId, checkpoint: &mut Checkpoint) -> Result<Owner, StorageError> {
    match checkpoint.owner {
        Some(owner) if owner.node == node => Ok(owner),
        Some(Owner { node: owner, directory }) => Err(StorageError::OtherNode { owner, directory, node }),
        None => {
            let owner = new_owner(io, node);
            checkpoint.owner = Some(owner);
            checkpoint.generation += 1;
            checkpoint.write(&*io.disk).await?;
            Ok(owner)
        }
    }
}

/// Makes a new node's storage: everything that the checkpoint speaks of, then the checkpoint. What is independent
/// is written and synced side by side.
async fn create(io: &Io, node: NodeId, options: &StorageOptions) -> Result<Checkpoint, StorageError> {
    let disk = &*io.disk;
    let before = journal::before(disk).await?;
    if before == journal::Before::Written {
        return Err(StorageError::CheckpointLost { found: "the journal holds commits".to_owned() });
    }
    match disk.list(LOGS).await {
        Ok(entries) if !entries.is_empty() => {
            let found = format!("there are logs ({LOGS}/{})", entries[0].name);
            return Err(StorageError::CheckpointLost { found });
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(source) => {
            return Err(StorageError::Io { action: "listing", path: LOGS.to_owned(), source });
        }
    }
    let checkpoint = Checkpoint {
        generation: 1,
        incarnation: Incarnation(io.rng.stream("journal incarnation").bytes16()),
        position: Position::START,
        next_log_id: 1,
        owner: Some(new_owner(io, node)),
        logs: Vec::new(),
    };
    let failed = |action| move |source| StorageError::Io { action, path: LOGS.to_owned(), source };
    let (logs, journal, copies) = tokio::join!(
        disk.create_dir_all(LOGS),
        journal::begin(disk, options, before),
        checkpoint.begin_first(disk),
    );
    logs.map_err(failed("creating"))?;
    let mut files = journal?;
    files.extend(copies?);
    disk.sync_files(files).await.map_err(failed("syncing the files beside"))?;
    // The names in the data directory become durable with the journal's.
    journal::name(disk).await?;
    checkpoint::name_first(disk).await?;
    Ok(checkpoint)
}
