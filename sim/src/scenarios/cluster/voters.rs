//! What must hold of partitions' voters while replicas come and go: there are enough of them, and each that runs has its replica.
use std::collections::{BTreeMap, BTreeSet};

use ordain::metadata::MetadataImage;
use ordain::metadata::controller::METADATA_PARTITION;
use ordain::partition::PartitionStats;
use ordain::types::{LeaderEpoch, NodeId, PartitionId};

use super::world::Settled;
use crate::scenarios::Violation;
use crate::scenarios::broker::plan::is_worked_on;
use crate::scenarios::fleet::Stats;

/// A replica on one run of a node.
type Place = (PartitionId, NodeId, u64);

/// What was seen of all voters so far.
pub(super) struct Voters {
    /// Of the replicas that a partition shall have some may be lost, and their voters taken out for those in their place to come.
    least: usize,
    /// Replicas that have been there.
    seen: BTreeSet<Place>,
    /// Those that were not there any more at the last look although they vote, by the leader's epoch.
    missing: BTreeMap<Place, LeaderEpoch>,
}

impl Voters {
    /// Of partitions that shall have so many replicas, of which so many may be lost at once.
    pub(super) fn of(replicas: i16, lost_most: usize) -> Voters {
        let least = usize::from(replicas.unsigned_abs()).saturating_sub(lost_most);
        Voters { least, seen: BTreeSet::new(), missing: BTreeMap::new() }
    }

    /// Looks at all replicas, or, if this is not the `whole`, at those of some nodes.
    ///
    /// # Errors
    /// What may not be.
    pub(super) fn look(
        &mut self,
        image: &MetadataImage,
        settled: &Settled,
        stats: &Stats,
        whole: bool,
    ) -> Result<(), Violation> {
        only_controllers_vote(image, stats)?;
        let missing = std::mem::take(&mut self.missing);
        for (&(node, run), stats) in stats {
            self.seen.extend(stats.iter().map(|one| (one.id, node, run)));
        }
        for (id, leader) in leaders(stats) {
            // A topic that is deleted goes when each node hears of it.
            let Some(topic) = image.topic_by_id(id.topic).filter(|topic| topic.partition(id.index).is_some())
            else {
                continue;
            };
            if !leader.voters_committed {
                continue;
            }
            let voters = leader.voters.keys();
            // Who means harm may make one with any number of replicas.
            if voters.len() < self.least && is_worked_on(&topic.name) {
                let text = format!("{id} has the voters {} in epoch {}", leader.voters, leader.epoch);
                return Err(Violation::new("I1-few-voters", text));
            }
            // Whoever leads by now may be among those that were not asked.
            for (&(node, run), held) in stats.iter().filter(|_| whole) {
                let place = (id, node, run);
                let votes = voters.iter().any(|key| key.node == node);
                let was_here = self.seen.contains(&place);
                if !votes || !was_here || held.iter().any(|one| one.id == id) {
                    continue;
                }
                // It may be the first to know that the topic is deleted, and not show that yet.
                let has_topic = settled.get(&(node, run)).is_some_and(|own| own.partition(id).is_some());
                // The leader was asked at another moment than the node: it may have let it go in between.
                if has_topic && missing.get(&place) == Some(&leader.epoch) {
                    let text = format!(
                        "node {node} has removed its replica of {id}, which votes in epoch {}",
                        leader.epoch
                    );
                    return Err(Violation::new("I13-voter-removed", text));
                }
                self.missing.insert(place, leader.epoch);
            }
        }
        Ok(())
    }
}

/// A node that is no controller never votes on the metadata.
fn only_controllers_vote(image: &MetadataImage, stats: &Stats) -> Result<(), Violation> {
    let of_metadata = stats.values().flatten().filter(|one| one.id == METADATA_PARTITION);
    for key in of_metadata.flat_map(|one| one.voters.keys()) {
        if image.registered(key.node).is_some_and(|known| !known.roles.is_controller()) {
            let text = format!("node {} is no controller, and votes on the metadata", key.node);
            return Err(Violation::new("I25-broker-votes", text));
        }
    }
    Ok(())
}

/// Those who lead, and know of no later epoch than anybody does.
fn leaders(stats: &Stats) -> BTreeMap<PartitionId, &PartitionStats> {
    let mut newest: BTreeMap<PartitionId, LeaderEpoch> = BTreeMap::new();
    for one in stats.values().flatten() {
        let known = newest.entry(one.id).or_insert(one.epoch);
        *known = (*known).max(one.epoch);
    }
    let leads = |one: &&PartitionStats| one.leader && one.serving && newest.get(&one.id) == Some(&one.epoch);
    stats.values().flatten().filter(leads).map(|one| (one.id, one)).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ordain::raft::{ReplicaKey, VoterSet};
    use ordain::types::{Offset, PartitionIndex, TopicId, Uuid};
    use ordain::wire::messages::{PartitionRecord, TopicRecord};

    use super::*;

    const TOPIC: TopicId = TopicId([5; 16]);

    fn image(name: &str) -> MetadataImage {
        let mut image = MetadataImage::default();
        let topic = TopicRecord { name: name.into(), topic_id: TOPIC, ..TopicRecord::default() };
        let partition =
            PartitionRecord { topic_id: TOPIC, replicas: vec![1, 2, 3], ..PartitionRecord::default() };
        image.apply(&topic.into()).unwrap();
        image.apply(&partition.into()).unwrap();
        image
    }

    fn replica(node: i32, leads: bool, voters: &[i32]) -> PartitionStats {
        PartitionStats {
            id: PartitionId { topic: TOPIC, index: PartitionIndex(0) },
            epoch: LeaderEpoch(4),
            leader: leads,
            serving: leads,
            leader_node: None,
            role: "any",
            voters: VoterSet::new(voters.iter().map(|&node| NodeId(node))),
            voters_committed: true,
            key: ReplicaKey { node: NodeId(node), directory: Uuid::ZERO },
            damaged: false,
            wounded: false,
            log_start: Offset(0),
            durable_start: Offset(0),
            high_watermark: Offset(0),
            log_end: Offset(0),
            durable_end: Offset(0),
            acknowledged: Vec::new(),
            followers: Vec::new(),
            observers: Vec::new(),
            size_bytes: 0,
            segments: 0,
        }
    }

    #[test]
    fn a_voter_that_removes_its_replica_and_a_lone_voter_are_found() {
        let made_by_others = image("hostile");
        let (image, mut voters) = (image("events"), Voters::of(3, 1));
        let with = |held: Vec<PartitionStats>| {
            Stats::from([((NodeId(1), 1), vec![replica(1, true, &[1, 2])]), ((NodeId(2), 1), held)])
        };
        let settled = Settled::from([((NodeId(2), 1), Arc::new(image.clone()))]);
        let mut look = |settled: &Settled, held| voters.look(&image, settled, &with(held), true);
        assert_eq!(look(&settled, Vec::new()), Ok(()), "it has not made it yet");
        assert_eq!(look(&settled, vec![replica(2, false, &[1, 2])]), Ok(()));
        assert_eq!(look(&settled, Vec::new()), Ok(()), "it may have been let go meanwhile");
        assert_eq!(look(&Settled::new(), Vec::new()), Ok(()), "it may know that the topic is deleted");
        let deleted = Settled::from([((NodeId(2), 1), Arc::default())]);
        assert_eq!(look(&deleted, Vec::new()), Ok(()), "it does");
        assert_eq!(voters.look(&image, &settled, &with(Vec::new()), false), Ok(()), "not all were asked");
        let mut look = |held| voters.look(&image, &settled, &with(held), true);
        assert_eq!(look(Vec::new()), Ok(()), "it may have been let go since the look before that");
        assert_eq!(look(Vec::new()).unwrap_err().checker, "I13-voter-removed");
        let lone = Stats::from([((NodeId(1), 1), vec![replica(1, true, &[1])])]);
        assert_eq!(voters.look(&image, &settled, &lone, true).unwrap_err().checker, "I1-few-voters");
        assert_eq!(
            voters.look(&MetadataImage::default(), &settled, &lone, true),
            Ok(()),
            "its topic is gone"
        );
        assert_eq!(
            voters.look(&made_by_others, &settled, &lone, true),
            Ok(()),
            "it may be made with one replica"
        );
        let three = Stats::from([((NodeId(1), 1), vec![replica(1, true, &[1, 2, 3])])]);
        assert_eq!(Voters::of(3, 1).look(&image, &settled, &three, true), Ok(()));
        let wrong = Voters::of(5, 1).look(&image, &settled, &three, true).unwrap_err();
        assert_eq!(wrong.checker, "I1-few-voters", "five are wanted");
        assert_eq!(Voters::of(5, 2).look(&image, &settled, &three, true), Ok(()), "two are lost");
    }
}
