use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::{info, warn};

use super::maintenance::Step;
use super::{Partitions, PartitionsClosed};
use crate::config::LiveConfig;
use crate::io::{Io, Shutdown, timeout};
use crate::log::{Compacted, CompactionDone, CompactionFailed, CompactionOptions, CompactionWork, LogKey};
use crate::metrics::{Cleaned, CleanerMetrics};

/// How many partitions are remembered as not to be cleaned.
const UNCLEANABLE_MAX: usize = 10_000;
/// The shortest rest, whatever the configuration says.
const REST_MIN: Duration = Duration::from_millis(50);

/// Compacts a node's partitions, one at a time: the dirtiest of a shard, one shard after the other. A task of
/// its own, so that no flush ever waits for a compaction.
pub(super) struct Compactor {
    io: Io,
    partitions: Partitions,
    config: Arc<LiveConfig>,
    next_shard: usize,
    metrics: CleanerMetrics,
    /// Those whose last compaction failed.
    uncleanable: BTreeSet<LogKey>,
    /// Set when files wait for a checkpoint to be removed.
    garbage_waits: Arc<AtomicBool>,
}

impl Compactor {
    pub(super) fn new(
        io: Io,
        partitions: Partitions,
        config: Arc<LiveConfig>,
        garbage_waits: Arc<AtomicBool>,
    ) -> Compactor {
        let (metrics, uncleanable) = (CleanerMetrics::new(), BTreeSet::new());
        Compactor { io, partitions, config, next_shard: 0, metrics, uncleanable, garbage_waits }
    }

    /// How long it rests when no partition needs it (`log.cleaner.backoff.ms`).
    fn backoff(&self) -> Duration {
        self.config.load().cleaner.backoff.max(REST_MIN)
    }

    /// Works until `stop` or the shards' end. A compaction under way is dropped then: its files are removed at
    /// the next start.
    pub(super) async fn run(mut self, stop: Shutdown) {
        // It is said that the task has ended however it ends.
        let _running = Running::new(self.metrics.clone());
        let mut rest = self.backoff();
        let mut looked_at = self.io.clock.now();
        loop {
            let next = self.io.clock.now().after(rest);
            if timeout(&*self.io.clock, next, stop.begun()).await.is_ok() {
                return;
            }
            let now = self.io.clock.now();
            let since = now.since(looked_at);
            looked_at = now;
            self.metrics.since_last_run(u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
            let worked = tokio::select! {
                biased;
                () = stop.begun() => return,
                worked = self.compact_one() => worked,
            };
            rest = match worked {
                Ok(true) => REST_MIN,
                Ok(false) => self.backoff(),
                Err(PartitionsClosed) => return,
            };
        }
    }

    /// False if no partition needed it.
    async fn compact_one(&mut self) -> Result<bool, PartitionsClosed> {
        for _ in 0..self.partitions.shard_count() {
            let shard = self.next_shard;
            self.next_shard = (shard + 1) % self.partitions.shard_count();
            let (reply, answer) = oneshot::channel();
            let wall = self.io.clock.wall();
            self.partitions.maintain_shard(shard, Step::TakeCompaction { wall, reply }).await?;
            if let Some(work) = answer.await.map_err(|_| PartitionsClosed)? {
                self.metrics.dirtiest(work.dirty_ratio());
                self.compact(shard, work).await?;
                return Ok(true);
            }
        }
        self.metrics.dirtiest(0.0);
        Ok(false)
    }

    async fn compact(&mut self, shard: usize, work: CompactionWork) -> Result<(), PartitionsClosed> {
        let (key, began) = (work.log(), self.io.clock.now());
        let limits = {
            let cleaner = &self.config.load().cleaner;
            CompactionOptions {
                key_buffer_bytes: cleaner.key_buffer_bytes,
                bytes_per_second_max: cleaner.bytes_per_second_max,
            }
        };
        let key_bytes_max = limits.key_buffer_bytes;
        let outcome = work.run(&self.io, limits).await;
        match &outcome {
            Ok(done) => {
                self.uncleanable.remove(&key);
                let totals = done.totals();
                self.metrics.cleaned(Cleaned {
                    seconds: self.io.clock.now().since(began).as_secs_f64(),
                    bytes_before: totals.bytes_before,
                    bytes_after: totals.bytes_after,
                    key_bytes: totals.key_bytes,
                    key_bytes_max,
                });
            }
            Err(failure) if failure.is_overtaken() => {
                info!(%failure, "compaction was overtaken by retention");
            }
            Err(failure) => {
                warn!(%failure, "the partition stays as it is");
                if self.uncleanable.len() < UNCLEANABLE_MAX {
                    self.uncleanable.insert(key);
                }
            }
        }
        self.metrics.uncleanable(self.uncleanable.len());
        let wall = self.io.clock.wall();
        self.partitions.maintain_shard(shard, Step::Compacted { wall, outcome: Box::new(outcome) }).await?;
        // What was replaced, or begun for nothing, takes room until the next checkpoint: let that come at once.
        self.garbage_waits.store(true, Ordering::Release);
        Ok(())
    }
}

/// Says that the task runs for as long as it lives.
struct Running(CleanerMetrics);

impl Running {
    fn new(metrics: CleanerMetrics) -> Running {
        metrics.set_running(1, 1);
        Running(metrics)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.set_running(0, 1);
    }
}

/// What became of a compaction.
pub(super) type Outcome = Result<CompactionDone, CompactionFailed>;

/// Which log an outcome is of.
pub(super) fn log_of(outcome: &Outcome) -> LogKey {
    match outcome {
        Ok(done) => done.log(),
        Err(failed) => failed.log(),
    }
}

/// Says in the node's log what compaction did.
pub(super) fn told_compaction(partition: &str, compacted: Compacted) {
    match compacted {
        Compacted::Replaced(totals) => info!(
            partition,
            bytes_before = totals.bytes_before,
            bytes_after = totals.bytes_after,
            records_before = totals.records_before,
            records_after = totals.records_after,
            segments_before = totals.segments_before,
            segments_after = totals.segments_after,
            "compacted"
        ),
        Compacted::Undecided => info!(partition, "compaction waits for an open transaction"),
        Compacted::Discarded => info!(partition, "a compaction was thrown away: the log changed meanwhile"),
    }
}
