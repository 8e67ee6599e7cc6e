use std::collections::BTreeMap;

use crate::partition::{PartitionStats, ReplicaKey};
use crate::types::{LeaderEpoch, Offset, Timestamp};

/// When each replica of the metadata was last seen to hold all that is committed, by the active controller's looks. It begins anew with
/// each epoch.
#[derive(Default, Debug)]
pub(in crate::broker) struct CaughtUp {
    epoch: Option<LeaderEpoch>,
    at: BTreeMap<ReplicaKey, Timestamp>,
}

impl CaughtUp {
    /// Notes who holds all that is committed now.
    pub(super) fn look(&mut self, stats: &PartitionStats, now: Timestamp) {
        if self.epoch != Some(stats.epoch) {
            *self = CaughtUp { epoch: Some(stats.epoch), at: BTreeMap::new() };
        }
        let voters =
            stats.voters.keys().iter().filter_map(|key| Some((*key, stats.acknowledged_by(key.node)?)));
        let all = voters.chain(stats.observers.iter().copied());
        let caught_up = all.filter(|(_, end)| *end >= stats.high_watermark && *end > Offset::ZERO);
        self.at.extend(caught_up.map(|(key, _)| (key, now)));
    }

    /// When the replica was last seen so, in this epoch.
    pub(in crate::broker) fn last(&self, epoch: LeaderEpoch, key: ReplicaKey) -> Option<Timestamp> {
        self.at.get(&key).copied().filter(|_| self.epoch == Some(epoch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_falls_behind_keeps_the_time_at_which_it_had_all() {
        let mut kept = CaughtUp::default();
        let (first, second) =
            (PartitionStats::led(&[(1, 100), (2, 100)]), PartitionStats::led(&[(1, 120), (2, 100)]));
        let second = PartitionStats { high_watermark: Offset(120), ..second };
        kept.look(&PartitionStats { high_watermark: Offset(100), ..first }, Timestamp(7));
        kept.look(&second, Timestamp(9));
        let keys = second.voters.keys();
        let last = |at: usize| kept.last(second.epoch, keys[at]);
        assert_eq!((last(0), last(1)), (Some(Timestamp(9)), Some(Timestamp(7))));
        assert_eq!(kept.last(LeaderEpoch(second.epoch.0 + 1), keys[0]), None, "of another epoch");
    }
}
