use std::time::Duration;

use crate::io::Clock;
use crate::partition::{EpochCheck, OffsetQuery, PartitionError, Partitions};
use crate::probe::{Mutant, mutant};
use crate::types::{Instant, LeaderEpoch, PartitionId};

/// The partition is asked again at least so often: less than the silence after which a node that has become a voter meanwhile may elect another leader.
const ASKED_AGAIN: Duration = Duration::from_millis(250);

/// Until when a coordinator knows that its node leads the partition, whatever happens elsewhere.
///
/// A process that has stood still finds requests that waited for it, and another node may coordinate the groups by now: what it holds
/// in memory is what they were. The partition's shard answers nobody before it knows who is silent, so it is asked.
pub(super) struct Lease {
    id: PartitionId,
    epoch: LeaderEpoch,
    until: Instant,
}

impl Lease {
    /// Nothing is known yet.
    pub(super) fn new(id: PartitionId, epoch: LeaderEpoch) -> Lease {
        Lease { id, epoch, until: Instant(0) }
    }

    /// Whether this node leads the partition in the epoch.
    pub(super) async fn holds(&mut self, clock: &dyn Clock, partitions: &Partitions) -> bool {
        let now = clock.now();
        let unaware = mutant(Mutant::CoordinatorWakesUnaware) || mutant(Mutant::CoordinatorServesOn);
        if now < self.until || unaware {
            return true;
        }
        let until = partitions.silence_known_until().min(now.after(ASKED_AGAIN));
        let asked = (self.id, EpochCheck(self.epoch), OffsetQuery::Latest);
        let Ok(mut answers) = partitions.offsets(vec![asked]).await else { return false };
        let answer = answers.pop().expect("one query has one answer");
        let leads = !matches!(answer, Err(PartitionError::Leadership(_)));
        if leads {
            self.until = until;
        }
        leads
    }
}
