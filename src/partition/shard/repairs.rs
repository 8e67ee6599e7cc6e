//! Segments that a reader could not read, as the shard that owns their logs deals with them.
use std::ops::Bound;

use tracing::{info, warn};

use super::Shard;
use crate::log::{RepairDone, RepairFailed, RepairWork, Repaired};
use crate::types::{NodeId, PartitionId};

impl Shard {
    /// A segment that is to be repaired, of a partition after this one, and the nodes that may have what it held. What a partition
    /// without other replicas lost nobody has.
    pub(super) fn take_repair(&mut self, after: Option<PartitionId>) -> Option<(RepairWork, Vec<NodeId>)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let behind = self.partitions.range_mut((from, Bound::Unbounded));
        let mut forgotten = Vec::new();
        let work = behind.filter(|(_, partition)| partition.log.is_wounded()).find_map(|(&id, partition)| {
            let others = partition.others();
            if others.is_empty() {
                partition.log.forget_wounds();
                forgotten.push(id);
                return None;
            }
            Some((partition.log.take_repair()?, others))
        });
        for id in forgotten {
            // The disk may read it now, and a newcomer waits for it.
            self.offer(id);
        }
        work
    }

    pub(super) fn was_repaired(&mut self, outcome: Result<RepairDone, RepairFailed>) {
        let key = match &outcome {
            Ok(done) => done.log(),
            Err(failed) => failed.log(),
        };
        let id = key.partition;
        // A log that was deleted meanwhile has no use for the outcome; its files went with it.
        let Some(partition) = self.partitions.get_mut(&id).filter(|partition| partition.log.key() == key)
        else {
            return;
        };
        let name = partition.name();
        match outcome {
            Ok(done) => match partition.log.repaired(done) {
                Repaired::Replaced { from, bytes } => {
                    self.storage.note_repaired();
                    info!(partition = %name, from = %from, bytes,
                        "what could not be read came from another node: the segment is whole again");
                    // Followers may wait for it.
                    self.offer(id);
                }
                Repaired::Sound => {
                    info!(partition = %name, "what could not be read can be read again");
                    self.offer(id);
                }
                Repaired::Discarded => {
                    info!(partition = %name, "a repair was thrown away: the log changed meanwhile");
                }
            },
            Err(failed) => {
                let text = format!("{id}: {failed}");
                partition.log.repair_failed(failed);
                if self.told_is_new(&text) {
                    warn!(partition = %name, failure = %text, "a segment is not repaired yet; it is tried again each second");
                }
            }
        }
    }
}
