//! What must hold of replicas at every moment: an epoch has one leader, none leads that has lost what it held, and what a run of a node
//! knows to be committed stays so.
use std::collections::BTreeMap;

use ordain::raft::ReplicaKey;
use ordain::types::{NodeId, Offset, PartitionId};

use super::Stats;
use crate::scenarios::Violation;

/// What was seen of all replicas so far.
#[derive(Default)]
pub(in crate::scenarios) struct Watch {
    /// Who led an epoch.
    leaders: BTreeMap<(PartitionId, i32), NodeId>,
    /// The run of the node, the replica, and its high watermark.
    committed: BTreeMap<(PartitionId, NodeId), (u64, ReplicaKey, Offset)>,
}

impl Watch {
    /// Looks at all replicas.
    ///
    /// # Errors
    /// What contradicts what was seen before.
    pub(in crate::scenarios) fn look(&mut self, stats: Stats) -> Result<(), Violation> {
        for ((node, run), stats) in stats {
            for one in stats {
                if one.leader {
                    let known = *self.leaders.entry((one.id, one.epoch.0)).or_insert(node);
                    if known != node {
                        let text = format!("nodes {known} and {node} lead epoch {} of {}", one.epoch, one.id);
                        return Err(Violation::new("two-leaders", text));
                    }
                }
                if one.leader && one.damaged {
                    let text = format!("node {node} leads {}, and its log of it is damaged", one.id);
                    return Err(Violation::new("I14-damaged-leads", text));
                }
                // A replica that is made anew begins with nothing.
                let known = self.committed.insert((one.id, node), (run, one.key, one.high_watermark));
                if let Some((same_run, same_key, before)) = known
                    && (same_run, same_key) == (run, one.key)
                    && one.high_watermark < before
                {
                    let text = format!(
                        "on node {node} the high watermark of {} falls from {before} to {}",
                        one.id, one.high_watermark
                    );
                    return Err(Violation::new("I19-committed-cut", text));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ordain::partition::PartitionStats;
    use ordain::raft::{ReplicaKey, VoterSet};
    use ordain::types::{LeaderEpoch, PartitionIndex, TopicId, Uuid};

    use super::*;

    fn seen(node: i32, run: u64, epoch: i32, leader: bool, high_watermark: i64) -> Stats {
        let one = PartitionStats {
            id: PartitionId { topic: TopicId([5; 16]), index: PartitionIndex(0) },
            epoch: LeaderEpoch(epoch),
            leader,
            serving: leader,
            leader_node: None,
            role: "any",
            voters: VoterSet::new([NodeId(1), NodeId(2)]),
            voters_committed: true,
            key: ReplicaKey { node: NodeId(node), directory: Uuid::ZERO },
            damaged: false,
            wounded: false,
            log_start: Offset(0),
            durable_start: Offset(0),
            high_watermark: Offset(high_watermark),
            log_end: Offset(high_watermark),
            durable_end: Offset(high_watermark),
            acknowledged: Vec::new(),
            followers: Vec::new(),
            observers: Vec::new(),
            size_bytes: 0,
            segments: 0,
        };
        Stats::from([((NodeId(node), run), vec![one])])
    }

    #[test]
    fn a_damaged_replica_may_not_lead() {
        let damaged = |leader: bool| {
            let mut stats = seen(1, 1, 1, leader, 5);
            stats.values_mut().flatten().for_each(|one| one.damaged = true);
            stats
        };
        assert_eq!(Watch::default().look(damaged(false)), Ok(()));
        let wrong = Watch::default().look(damaged(true)).unwrap_err();
        assert_eq!(wrong.checker, "I14-damaged-leads");
    }

    #[test]
    fn two_leaders_and_a_high_watermark_that_falls_are_found() {
        let mut watch = Watch::default();
        assert_eq!(watch.look(seen(1, 1, 1, true, 5)), Ok(()));
        assert_eq!(watch.look(seen(2, 1, 1, false, 3)), Ok(()));
        assert_eq!(watch.look(seen(1, 2, 1, false, 2)), Ok(()), "another run");
        assert_eq!(watch.look(seen(2, 1, 2, true, 3)), Ok(()));
        let wrong = watch.look(seen(2, 1, 2, true, 2)).unwrap_err();
        assert!(wrong.text.contains("falls from 3 to 2"), "{wrong}");
        let wrong = watch.look(seen(1, 2, 2, true, 5)).unwrap_err();
        assert!(wrong.text.contains("nodes 2 and 1 lead epoch 2"), "{wrong}");
    }
}
