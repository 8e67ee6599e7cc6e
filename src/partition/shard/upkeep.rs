//! What the maintenance tasks ask of a shard.
use std::time::Duration;

use tracing::{info, warn};

use super::super::compactor::{Outcome, log_of, told_compaction};
use super::super::maintenance::{Step, told_retention};
use super::Shard;
use crate::log::{CompactionWork, FlushDone, FlushFailed, PartitionLog, Position};
use crate::partition::request::{AppendError, Request};
use crate::probe::{Condition, Mutant, mutant, sometimes};
use crate::types::{PartitionId, Timestamp, TopicId};

/// Appends that wait for room for so long are starved.
const STARVED: Duration = Duration::from_secs(2);

impl Shard {
    pub(super) fn maintain(&mut self, step: Step) {
        match step {
            Step::TakeFlushes { wall, reply } => {
                let logs = self.partitions.values_mut().map(|partition| &mut partition.log);
                let works = logs.chain(self.dormant.values_mut()).filter_map(|log| log.take_flush(wall));
                // A maintenance task that is gone leaves its flushes under way: the node is ending.
                drop(reply.send(works.collect()));
            }
            Step::Flushed { outcomes, reply } => {
                for outcome in outcomes {
                    self.flushed(outcome);
                }
                let _gone = reply.send(self.needs_from());
                self.carry_over();
            }
            Step::Retain { wall } => self.retain(wall),
            Step::ExpireProducers { wall } => {
                for partition in self.partitions.values_mut() {
                    partition.log.expire_producers(wall);
                }
            }
            Step::TakeCompaction { wall, reply } => {
                // A task that is gone leaves its compaction under way: the node is ending.
                drop(reply.send(self.take_compaction(wall)));
            }
            Step::Compacted { wall, outcome } => self.compacted(wall, *outcome),
            Step::TakeReindex { reply } => {
                let logs = self.partitions.values_mut().map(|partition| &mut partition.log);
                // A maintenance task that is gone leaves the indexes as they are: the node is ending.
                drop(reply.send(logs.filter_map(PartitionLog::take_reindex).next()));
            }
            Step::Reindexed(done) => {
                let key = done.log();
                if let Some(partition) = self.partitions.get_mut(&key.partition)
                    && partition.log.key() == key
                {
                    partition.log.reindexed(&done);
                }
            }
            Step::TakeRepair { after, reply } => {
                // A maintenance task that is gone leaves its repair under way: the node is ending.
                drop(reply.send(self.take_repair(after)));
            }
            Step::Repaired(outcome) => self.was_repaired(*outcome),
            Step::ReleaseTails => {
                for partition in self.partitions.values_mut() {
                    partition.log.release_tail();
                }
            }
        }
    }

    fn flushed(&mut self, outcome: Result<FlushDone, FlushFailed>) {
        let key = match &outcome {
            Ok(done) => done.log(),
            Err(failed) => failed.log_key(),
        };
        // A log that was deleted meanwhile has no use for the outcome, nor has one that was made of its partition since.
        if self.log_of(key.partition).is_none_or(|log| log.key() != key) {
            sometimes(Condition::FlushOfDeletedLog);
            return;
        }
        self.tell_flush(key.partition, outcome.as_ref().err());
        let log = self.log_of(key.partition).expect("it was just there");
        match outcome {
            Ok(done) => log.flushed(&done),
            Err(failed) => log.flush_failed(failed),
        }
    }

    /// Whether the journal's last file is kept back: for the votes that it takes until other nodes hold what this one does,
    /// or, while the disk takes nothing, for the changes that may free it.
    pub(super) fn is_careful(&self) -> bool {
        !self.peers.is_empty() || !self.unflushed.is_empty()
    }

    /// Whether entries may go to the journal.
    pub(super) fn has_room(&self) -> bool {
        if self.is_careful() { self.journal.has_reserve() } else { self.journal.has_room() }
    }

    /// Whether entries may go to the journal that partitions come and go by. Votes of a cluster keep what is theirs.
    pub(super) fn has_spare(&self) -> bool {
        self.journal.has_spare() && (self.peers.is_empty() || self.journal.has_free_file())
    }

    /// Whether a request need not wait behind appends: a change of the cluster's metadata, for the deletion of a topic may
    /// be all that frees a full disk.
    pub(super) fn may_pass(&self, request: &Request) -> bool {
        let of_metadata = |request: &Request| match request {
            Request::Append { appends, .. } => appends.len() == 1 && appends[0].id.topic == TopicId::METADATA,
            _ => false,
        };
        of_metadata(request) && self.has_spare() && !self.held_appends.iter().any(of_metadata)
    }

    /// Appends for which there is no room wait for the disk, as if a commit took so long, if none is taken up for [`STARVED`]: be it that
    /// what other nodes send to be followed takes all that it frees. Under full load all wait a while.
    pub(super) fn tell_held(&mut self) {
        if !self.holds_appends() || mutant(Mutant::ClusterStarvedLeadsOn) {
            self.held_from = None;
            return;
        }
        let now = self.io.clock.now();
        let from = *self.held_from.get_or_insert(now);
        let waited = now.since(from);
        if waited >= STARVED {
            self.journal.note_held(waited);
        }
    }

    /// Answers an append that was not made in its time.
    pub(super) fn refuse_late(&mut self, request: Request) {
        if let Request::Append { appends, done, .. } = request {
            let (late, now) = (self.late(), self.io.clock.now());
            for append in &appends {
                if let Some(partition) = self.partitions.get_mut(&append.id) {
                    partition.note_refused(append.batch.header(), &late, now);
                }
            }
            done(appends.iter().map(|_| Err(self.late())).collect());
        }
    }

    /// What is told of appends that were not done in their time.
    pub(super) fn late(&self) -> AppendError {
        self.storage.disk_full().map_or(AppendError::TimedOut, AppendError::DiskFull)
    }

    /// Says that records cannot leave memory, once until they can again: it is tried every second. Of a full disk the node
    /// tells itself, for all partitions.
    fn tell_flush(&mut self, id: PartitionId, failure: Option<&FlushFailed>) {
        let name = self.partitions.get(&id).map_or_else(|| id.to_string(), |partition| partition.name());
        match failure {
            Some(failure) => {
                let told = self.unflushed.entry(id).or_insert(false);
                if !failure.is_disk_full() && !std::mem::replace(told, true) {
                    warn!(partition = %name, %failure, "records stay in memory and in the journal");
                }
            }
            None if self.unflushed.remove(&id) == Some(true) => {
                info!(partition = %name, "records go to their segments again");
            }
            None => {}
        }
    }

    /// The compaction of the dirtiest log, if one is due.
    fn take_compaction(&mut self, wall: Timestamp) -> Option<CompactionWork> {
        let logs = self.partitions.values_mut().map(|partition| &mut partition.log);
        let due = logs.filter_map(|log| Some((log.wants_compaction(wall)?, log)));
        let (_, log) = due.max_by(|a, b| a.0.total_cmp(&b.0))?;
        log.take_compaction(wall)
    }

    fn compacted(&mut self, wall: Timestamp, outcome: Outcome) {
        let key = log_of(&outcome);
        // A log that was deleted meanwhile has no use for the outcome; its files went with it.
        let partition =
            self.partitions.get_mut(&key.partition).filter(|partition| partition.log.key() == key);
        match (partition, outcome) {
            (Some(partition), Ok(done)) => {
                let name = partition.name();
                told_compaction(&name, partition.log.compacted(done));
            }
            (Some(partition), Err(failed)) => partition.log.compaction_failed(failed, wall),
            (None, _) => {}
        }
    }

    /// The oldest place in the journal that some log here still needs.
    fn needs_from(&self) -> Option<Position> {
        let logs = self.partitions.values().map(|partition| &partition.log).chain(self.dormant.values());
        logs.filter_map(PartitionLog::needs_from).reduce(Position::earlier)
    }

    /// Writes to the journal anew what is not committed and keeps it pressed.
    fn carry_over(&mut self) {
        if mutant(Mutant::ReplicaCarriesNothing) {
            return;
        }
        let journal = self.journal.clone();
        let mut left = usize::try_from(journal.carry_bytes_max()).unwrap_or(usize::MAX);
        // Also of logs that nobody has claimed yet: who claims them may be known only once the metadata's log goes on, for which
        // there has to be room.
        let without_unclaimed = mutant(Mutant::ClusterCarriesNoUnclaimed);
        let dormant = self.dormant.values_mut().filter(|_| !without_unclaimed);
        let logs = self.partitions.values_mut().map(|partition| &mut partition.log).chain(dormant);
        let mut carried = Vec::new();
        for log in logs {
            let Some((from, bytes)) = log.holds_journal_from() else { continue };
            if journal.is_pressed_from(from) && bytes <= left {
                left -= bytes;
                carried.extend(log.carry_over(journal.durable_position()));
            }
        }
        for entry in carried {
            self.gather(entry);
        }
    }

    fn retain(&mut self, wall: Timestamp) {
        let ids: Vec<PartitionId> = self.partitions.keys().copied().collect();
        for id in ids {
            let mut out = self.outbox();
            if let Some(partition) = self.partitions.get_mut(&id)
                && partition.standing().is_ok()
                && let Some(start) = partition.log.retention_start(wall)
                && partition.delete_records(Some(start), None, &mut out).is_ok()
            {
                sometimes(Condition::RetentionMovedStart);
                told_retention(&partition.name(), start);
            }
            self.take(id, out);
        }
    }
}
