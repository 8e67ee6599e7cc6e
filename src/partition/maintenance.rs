//! What keeps storage in bounds while nobody asks: batches move from memory to segments, checkpoints free the
//! journal, retention moves log starts, silent producers are forgotten.
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::{info, warn};

use super::compactor::{Compactor, Outcome};
use super::lasting::{Lasting, Tell};
use super::repairs::Elsewhere;
use super::{Partitions, PartitionsClosed, PeerCalls};
use crate::config::LiveConfig;
use crate::io::{Io, Shutdown, TaskHandle, timeout};
use crate::log::{
    CompactionWork, FlushDone, FlushFailed, FlushWork, Position, ReindexDone, ReindexWork, RepairDone,
    RepairFailed, RepairWork, Storage, StorageError,
};
use crate::probe::{Mutant, mutant};
use crate::types::{Instant, NodeId, PartitionId, Timestamp};

/// How often the task looks whether there is something to do.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// How long a record waits at most for its segment where nothing presses.
const FLUSH_INTERVAL: Duration = Duration::from_secs(60);
/// How long there is at least between two rounds that only a log which waits for its next segment asks for.
const WISH_INTERVAL: Duration = Duration::from_millis(200);
/// How long a failed round is not tried again.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// How long there is between two segments whose indexes are made again: a segment may be read for nothing.
const REINDEX_INTERVAL: Duration = Duration::from_secs(1);
/// How long there is between two repairs: those of another replica may fail for a while.
const REPAIR_INTERVAL: Duration = Duration::from_secs(1);

/// A step of maintenance in a shard.
pub(super) enum Step {
    /// Hand out what is to be written to segments.
    TakeFlushes { wall: Timestamp, reply: oneshot::Sender<Vec<FlushWork>> },
    /// What became of it; answers what the shard's logs still need of the journal.
    Flushed { outcomes: Vec<Result<FlushDone, FlushFailed>>, reply: oneshot::Sender<Option<Position>> },
    /// Move log starts as retention says.
    Retain { wall: Timestamp },
    /// Forget silent producers.
    ExpireProducers { wall: Timestamp },
    /// Hand out what is to be compacted of the dirtiest log, if any is due.
    TakeCompaction { wall: Timestamp, reply: oneshot::Sender<Option<CompactionWork>> },
    /// What became of it.
    Compacted { wall: Timestamp, outcome: Box<Outcome> },
    /// Hand out a segment whose indexes are to be made again, if one is known.
    TakeReindex { reply: oneshot::Sender<Option<ReindexWork>> },
    /// The indexes are there.
    Reindexed(ReindexDone),
    /// Hand out a segment that is to be repaired with what other nodes hold, and those nodes, if one is known, of a partition that
    /// comes after this one.
    TakeRepair { after: Option<PartitionId>, reply: oneshot::Sender<Option<(RepairWork, Vec<NodeId>)>> },
    /// What became of it.
    Repaired(Box<Result<RepairDone, RepairFailed>>),
    /// Let go of memory that is only a cache.
    ReleaseTails,
}

/// The running tasks.
pub struct Maintenance {
    stop: Shutdown,
    task: TaskHandle,
    compactor: Option<TaskHandle>,
    calls: Arc<OnceLock<PeerCalls>>,
    outcome: oneshot::Receiver<Result<(), MaintenanceError>>,
}

/// Why a round of maintenance came to nothing. Nothing is lost by it.
#[derive(Debug, thiserror::Error)]
pub enum MaintenanceError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error("the shards are gone")]
    Closed,
    #[error("the task ended early")]
    Ended,
    /// The checkpoint is written, but the disk did not take what some logs had for their segments.
    #[error("{0}")]
    Unwritten(String),
}

impl From<PartitionsClosed> for MaintenanceError {
    fn from(_: PartitionsClosed) -> Self {
        MaintenanceError::Closed
    }
}

impl Maintenance {
    /// Starts the tasks.
    #[must_use]
    pub fn start(io: &Io, partitions: Partitions, storage: Storage, config: Arc<LiveConfig>) -> Maintenance {
        let stop = Shutdown::new();
        let (sender, outcome) = oneshot::channel();
        let cleaner = config.load().cleaner.clone();
        let expiration_interval = config.load().producers.id_expiration_check_interval;
        let data_directory = config.load().data_directory.clone();
        let garbage_waits = Arc::new(AtomicBool::new(false));
        let compactor = cleaner.compaction_enabled.then(|| {
            let waits = Arc::clone(&garbage_waits);
            let compactor = Compactor::new(io.clone(), partitions.clone(), config, waits);
            io.spawn.spawn("compactor", Box::pin(compactor.run(stop.clone())))
        });
        let now = io.clock.now();
        let calls: Arc<OnceLock<PeerCalls>> = Arc::default();
        let keeper = Keeper {
            calls: Arc::clone(&calls),
            repair_at: now,
            repaired_last: (0, None),
            repairing: Arc::default(),
            io: io.clone(),
            partitions,
            storage,
            retention_interval: cleaner.retention_check_interval,
            expiration_interval,
            flushed_at: now,
            retained_at: now,
            expired_at: now,
            retry_at: now,
            owes: false,
            reindex_at: now,
            reindexing: Arc::default(),
            garbage_waits,
            data_directory,
            full: Lasting::default(),
            failing: Lasting::default(),
        };
        let stopped = stop.clone();
        let task = io.spawn.spawn(
            "maintenance",
            Box::pin(async move {
                // Whoever stops the node without asking needs no outcome.
                drop(sender.send(keeper.run(stopped).await));
            }),
        );
        Maintenance { stop, task, compactor, calls, outcome }
    }

    /// From now on what cannot be read is asked of other nodes.
    pub fn repair_from(&self, calls: PeerCalls) {
        // The first ones stay: a node has one way to others.
        drop(self.calls.set(calls));
    }

    /// Makes a last round, so that the next start has little to replay, and ends the tasks.
    ///
    /// # Errors
    /// If the last checkpoint could not be written, or not all that goes to segments.
    pub async fn stop(self) -> Result<(), MaintenanceError> {
        self.stop.begin();
        if let Some(compactor) = self.compactor
            && let Err(error) = compactor.join().await
        {
            warn!(%error, "the compaction task failed");
        }
        let outcome = self.outcome.await.unwrap_or(Err(MaintenanceError::Ended));
        match self.task.join().await {
            Ok(()) => outcome,
            Err(error) => {
                warn!(%error, "the maintenance task failed");
                Err(MaintenanceError::Ended)
            }
        }
    }
}

struct Keeper {
    io: Io,
    partitions: Partitions,
    storage: Storage,
    /// How often retention is looked at (`log.retention.check.interval.ms`).
    retention_interval: Duration,
    /// How often silent producers are looked for (`producer.id.expiration.check.interval.ms`).
    expiration_interval: Duration,
    flushed_at: Instant,
    retained_at: Instant,
    expired_at: Instant,
    retry_at: Instant,
    /// Whether the last round left something unwritten: the next one comes without a need.
    owes: bool,
    /// The way to other nodes, once there is one.
    calls: Arc<OnceLock<PeerCalls>>,
    repair_at: Instant,
    /// The shard and the partition that were repaired last: the others come first, since one of which others have nothing any more is
    /// tried again and again.
    repaired_last: (usize, Option<PartitionId>),
    /// Whether a segment is being repaired.
    repairing: Arc<AtomicBool>,
    reindex_at: Instant,
    /// Whether the indexes of a segment are being made.
    reindexing: Arc<AtomicBool>,
    /// Whether a compaction has left files that can go after a checkpoint.
    garbage_waits: Arc<AtomicBool>,
    data_directory: String,
    /// The disk is full.
    full: Lasting,
    /// Rounds come to nothing, for another reason.
    failing: Lasting,
}

impl Keeper {
    async fn run(mut self, stop: Shutdown) -> Result<(), MaintenanceError> {
        loop {
            let next = self.io.clock.now().after(LOOK_INTERVAL);
            if timeout(&*self.io.clock, next, stop.begun()).await.is_ok() {
                self.round().await?;
                return self.unwritten().map_or(Ok(()), |why| Err(MaintenanceError::Unwritten(why)));
            }
            if let Err(error) = self.look().await {
                match error {
                    MaintenanceError::Closed | MaintenanceError::Ended => return Err(error),
                    MaintenanceError::Storage(_) | MaintenanceError::Unwritten(_) => {
                        self.tell_round(Err(&error));
                        self.retry_at = self.io.clock.now().after(RETRY_INTERVAL);
                    }
                }
            }
        }
    }

    /// What the last round left unwritten, if anything.
    fn unwritten(&self) -> Option<String> {
        let (full, fails) = (self.storage.disk_full(), self.storage.disk_fails());
        let full = full.map(|full| format!("the disk is full ({})", full.path));
        let why = full.or_else(|| fails.map(|fails| format!("the disk fails ({})", fails.reason)));
        why.filter(|_| self.owes)
    }

    async fn look(&mut self) -> Result<(), MaintenanceError> {
        let now = self.io.clock.now();
        self.tell_room(now);
        self.storage.file_cache().expire_read_ahead(now);
        if now < self.retry_at {
            return Ok(());
        }
        if now.since(self.retained_at) >= self.retention_interval {
            self.retained_at = now;
            let wall = self.io.clock.wall();
            self.partitions.maintain(|_| Step::Retain { wall }).await?;
        }
        if now.since(self.expired_at) >= self.expiration_interval {
            self.expired_at = now;
            let wall = self.io.clock.wall();
            self.partitions.maintain(|_| Step::ExpireProducers { wall }).await?;
        }
        // What is made again first is sealed against a repair for as long as that takes, and is met again in what cannot be read: it
        // would keep a repair from its turn for ever.
        let repairs_last = mutant(Mutant::ClusterRepairsLast);
        if !repairs_last {
            self.repair_when_due(now).await?;
        }
        if self.storage.file_cache().has_suspects() && now >= self.reindex_at {
            self.reindex_at = now.after(REINDEX_INTERVAL);
            self.reindex().await?;
        }
        if repairs_last {
            self.repair_when_due(now).await?;
        }
        let journal = self.storage.journal().statistics();
        let pressed = self.owes
            || self.garbage_waits.swap(false, Ordering::AcqRel)
            || journal.is_pressed()
            || self.storage.tail_budget().used() * 2 > self.storage.tail_budget().limit()
            || (now.since(self.flushed_at) >= WISH_INTERVAL && self.storage.tail_budget().take_wish());
        if pressed || now.since(self.flushed_at) >= FLUSH_INTERVAL {
            self.flushed_at = now;
            self.round().await?;
            self.tell_round(Ok(()));
        }
        Ok(())
    }

    /// Says when the disk becomes full, now and then that it still is, and when it is no more.
    fn tell_room(&mut self, now: Instant) {
        let directory = &self.data_directory;
        let Some(reason) = self.storage.disk_full() else {
            if let Tell::Over { after_s } = self.full.gone(now) {
                info!(directory, after_s, "the disk has room again: everything goes on");
            }
            return;
        };
        let what = "Producers wait when memory or the journal is full, consumers read on; \
                    deleting records or topics frees their files";
        match self.full.there(now) {
            Tell::Begun => warn!(directory, "{reason}. {what}"),
            Tell::Lasts { for_s } => warn!(directory, for_s, "still: {reason}. {what}"),
            Tell::Nothing | Tell::Over { .. } => {}
        }
    }

    /// Says that rounds come to nothing. What a full disk is the reason of is told as that.
    fn tell_round(&mut self, outcome: Result<(), &MaintenanceError>) {
        let now = self.io.clock.now();
        match outcome {
            Err(_) if self.storage.disk_full().is_some() => {}
            Err(error) => match self.failing.there(now) {
                Tell::Begun => warn!(%error, "maintenance failed; it is tried again each second"),
                Tell::Lasts { for_s } => warn!(%error, for_s, "maintenance still fails"),
                Tell::Nothing | Tell::Over { .. } => {}
            },
            Ok(()) => {
                if let Tell::Over { after_s } = self.failing.gone(now) {
                    info!(after_s, "maintenance succeeds again");
                }
            }
        }
    }

    /// Begins to make the indexes of one segment again, beside everything else.
    async fn reindex(&self) -> Result<(), MaintenanceError> {
        if self.reindexing.load(Ordering::Acquire) {
            return Ok(());
        }
        let shards = (0..self.partitions.shard_count()).map(|shard| (shard, ()));
        if let Some((shard, work)) =
            self.first_of_shards(shards, |(), reply| Step::TakeReindex { reply }).await?
        {
            let under_way = UnderWay::begin(&self.reindexing);
            let (disk, partitions) = (Arc::clone(&self.io.disk), self.partitions.clone());
            let remade = async move {
                // However the task ends, the next one may begin.
                let _under_way = under_way;
                let path = work.path();
                match work.run(&*disk).await {
                    Ok(done) => {
                        info!(%path, "the segment's indexes were made again");
                        // A shard that is gone needs no index.
                        let _gone = partitions.maintain_shard(shard, Step::Reindexed(done)).await;
                    }
                    Err(failure) => warn!(%path, %failure, "the segment's indexes cannot be made again"),
                }
            };
            drop(self.io.spawn.spawn("reindex", Box::pin(remade)));
        }
        Ok(())
    }

    /// What the first of these shards that has something of the kind hands out; with each, what it is asked with.
    async fn first_of_shards<A, W>(
        &self,
        shards: impl Iterator<Item = (usize, A)>,
        step: impl Fn(A, oneshot::Sender<Option<W>>) -> Step,
    ) -> Result<Option<(usize, W)>, MaintenanceError> {
        for (shard, asked) in shards {
            let (reply, answer) = oneshot::channel();
            self.partitions.maintain_shard(shard, step(asked, reply)).await?;
            if let Some(work) = answer.await.map_err(|_| MaintenanceError::Closed)? {
                return Ok(Some((shard, work)));
            }
        }
        Ok(None)
    }

    /// The repairs of all shards' partitions in turn.
    async fn next_repair(&self) -> Result<Option<(usize, (RepairWork, Vec<NodeId>))>, MaintenanceError> {
        let shards = self.partitions.shard_count();
        let (last, partition) = self.repaired_last;
        let in_turn = (0..=shards).map(|turn| ((last + turn) % shards, partition.filter(|_| turn == 0)));
        self.first_of_shards(in_turn, |after, reply| Step::TakeRepair { after, reply }).await
    }

    async fn repair_when_due(&mut self, now: Instant) -> Result<(), MaintenanceError> {
        if self.storage.file_cache().has_wounds() && now >= self.repair_at {
            self.repair_at = now.after(REPAIR_INTERVAL);
            if !mutant(Mutant::ClusterRepairsNothing) {
                self.repair().await?;
            }
        }
        Ok(())
    }

    /// Begins to repair one segment with what other nodes hold, beside everything else.
    async fn repair(&mut self) -> Result<(), MaintenanceError> {
        let Some(calls) = self.calls.get().cloned() else { return Ok(()) };
        if self.repairing.load(Ordering::Acquire) {
            return Ok(());
        }
        if let Some((shard, (work, others))) = self.next_repair().await? {
            let under_way = UnderWay::begin(&self.repairing);
            let (disk, partitions) = (Arc::clone(&self.io.disk), self.partitions.clone());
            let garbage_waits = Arc::clone(&self.garbage_waits);
            let id = work.log().partition;
            self.repaired_last = (shard, Some(id));
            let elsewhere = Elsewhere::new(Arc::clone(&self.io.clock), calls, id, others);
            let repaired = async move {
                // However the task ends, the next one may begin.
                let _under_way = under_way;
                let outcome = Box::new(work.run(&*disk, &elsewhere).await);
                // A shard that is gone needs no repair.
                let _gone = partitions.maintain_shard(shard, Step::Repaired(outcome)).await;
                garbage_waits.store(true, Ordering::Release);
            };
            drop(self.io.spawn.spawn("repair", Box::pin(repaired)));
        }
        Ok(())
    }

    /// Moves everything committed to segments and writes a checkpoint.
    async fn round(&mut self) -> Result<(), MaintenanceError> {
        self.owes = true;
        let mut failed = false;
        let mut round = self.storage.begin_checkpoint();
        let wall = self.io.clock.wall();
        for shard in 0..self.partitions.shard_count() {
            let (reply, answer) = oneshot::channel();
            self.partitions.maintain_shard(shard, Step::TakeFlushes { wall, reply }).await?;
            let works = answer.await.map_err(|_| MaintenanceError::Closed)?;
            let outcomes = self.storage.flush(works).await;
            if outcomes.iter().any(Result::is_err) {
                self.retry_at = self.io.clock.now().after(RETRY_INTERVAL);
                failed = true;
            }
            let (reply, answer) = oneshot::channel();
            self.partitions.maintain_shard(shard, Step::Flushed { outcomes, reply }).await?;
            round.require(answer.await.map_err(|_| MaintenanceError::Closed)?);
        }
        self.storage.checkpoint(round).await?;
        self.owes = failed;
        if self.storage.tail_budget().used() * 2 > self.storage.tail_budget().limit() {
            self.partitions.maintain(|_| Step::ReleaseTails).await?;
        }
        Ok(())
    }
}

/// Holds a flag set for as long as it lives: it falls even if the task that holds it panics or is ended.
struct UnderWay(Arc<AtomicBool>);

impl UnderWay {
    fn begin(flag: &Arc<AtomicBool>) -> UnderWay {
        flag.store(true, Ordering::Release);
        UnderWay(Arc::clone(flag))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Says in the node's log what retention removed.
pub(super) fn told_retention(partition: &str, start: crate::types::Offset) {
    info!(partition, log_start = %start, "retention moved the log's start");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::testing::TestRuntime;

    #[test]
    fn a_task_that_ends_before_its_time_lets_the_next_begin() {
        let (runtime, flag) = (TestRuntime::new(), Arc::new(AtomicBool::new(false)));
        let under_way = UnderWay::begin(&flag);
        let task = async move {
            let _under_way = under_way;
            std::future::pending::<()>().await;
        };
        drop(crate::io::Spawn::spawn(&runtime, "reindex", Box::pin(task)));
        assert!(flag.load(Ordering::Acquire));
        runtime.kill();
        assert!(!flag.load(Ordering::Acquire));
        let panicked = std::panic::catch_unwind(|| {
            let _under_way = UnderWay::begin(&flag);
            panic!("as a bug would");
        });
        assert!(panicked.is_err() && !flag.load(Ordering::Acquire));
    }
}
