use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::{info, warn};

use super::maintenance::Step;
use super::{Partitions, PartitionsClosed};
use crate::config::LiveConfig;
use crate::io::{Io, Shutdown, timeout};
use crate::log::{Compacted, CompactionDone, CompactionFailed, CompactionOptions, CompactionWork, LogKey};

/// The shortest rest, whatever the configuration says.
const REST_MIN: Duration = Duration::from_millis(50);

/// Compacts a node's partitions, one at a time: the dirtiest of a shard, one shard after the other. A task of
/// its own, so that no flush ever waits for a compaction.
pub(super) struct Compactor {
    io: Io,
    partitions: Partitions,
    config: Arc<LiveConfig>,
    next_shard: usize,
}

impl Compactor {
    pub(super) fn new(io: Io, partitions: Partitions, config: Arc<LiveConfig>) -> Compactor {
        Compactor { io, partitions, config, next_shard: 0 }
    }

    /// How long it rests when no partition needs it (`log.cleaner.backoff.ms`).
    fn backoff(&self) -> Duration {
        self.config.load().cleaner.backoff.max(REST_MIN)
    }

    /// Works until `stop` or the shards' end. A compaction under way is dropped then: its files are removed at
    /// the next start.
    pub(super) async fn run(mut self, stop: Shutdown) {
        let mut rest = self.backoff();
        loop {
            let next = self.io.clock.now().after(rest);
            if timeout(&*self.io.clock, next, stop.begun()).await.is_ok() {
                return;
            }
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
                self.compact(shard, work).await?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn compact(&self, shard: usize, work: CompactionWork) -> Result<(), PartitionsClosed> {
        let limits = {
            let cleaner = &self.config.load().cleaner;
            CompactionOptions {
                key_buffer_bytes: cleaner.key_buffer_bytes,
                bytes_per_second_max: cleaner.bytes_per_second_max,
            }
        };
        let outcome = work.run(&self.io, limits).await;
        if let Err(failure) = &outcome {
            match failure.is_overtaken() {
                true => info!(%failure, "compaction was overtaken by retention"),
                false => warn!(%failure, "the partition stays as it is"),
            }
        }
        let wall = self.io.clock.wall();
        self.partitions.maintain_shard(shard, Step::Compacted { wall, outcome: Box::new(outcome) }).await
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
pub(super) fn told_compaction(log: LogKey, compacted: Compacted) {
    let partition = log.partition;
    match compacted {
        Compacted::Replaced(totals) => info!(
            %partition,
            bytes_before = totals.bytes_before,
            bytes_after = totals.bytes_after,
            records_before = totals.records_before,
            records_after = totals.records_after,
            segments_before = totals.segments_before,
            segments_after = totals.segments_after,
            "compacted"
        ),
        Compacted::Undecided => info!(%partition, "compaction waits for an open transaction"),
        Compacted::Discarded => info!(%partition, "a compaction was thrown away: the log changed meanwhile"),
    }
}
