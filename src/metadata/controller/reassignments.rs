//! Which nodes shall hold a partition. The metadata log says it; that the partition's voters come to it is their leader's work:
//! `docs/cluster.md`, Reassignment.
use std::collections::{BTreeMap, BTreeSet};

use super::{ControllerError, Decision};
use crate::metadata::{MetadataImage, PartitionImage};
use crate::probe::{Condition, sometimes};
use crate::raft::VoterSet;
use crate::types::limits::{CHANGES_AT_ONCE_MAX, TOPIC_NAME_BYTES_MAX};
use crate::types::{NodeId, PartitionId, PartitionIndex};
use crate::wire::Text;

/// A partition that shall be held by other nodes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reassignment {
    /// Shared by all that name it.
    pub topic: Text,
    pub index: i32,
    /// The nodes, the preferred first; `None` takes back the reassignment that is under way.
    pub target: Option<Vec<NodeId>>,
}

/// Whether a reassignment may change how many replicas there are (KIP-860).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    AnyReplicationFactor,
    SameReplicationFactor,
}

/// Decides on reassignments, each for itself and after those before it, up to so many that change something: as in Kafka, the others are
/// refused.
pub fn reassign(
    image: &MetadataImage,
    wanted: &[Reassignment],
    scope: Scope,
) -> Decision<Vec<Result<(), ControllerError>>> {
    let mut decision = Decision::reply(Vec::with_capacity(wanted.len()));
    let mut changed: BTreeMap<PartitionId, PartitionImage> = BTreeMap::new();
    for one in wanted {
        let result = find(image, one).and_then(|(id, known)| {
            let present = changed.get(&id).unwrap_or(known);
            let next = match &one.target {
                None => {
                    let next = taken_back(present)?;
                    sometimes(Condition::ReassignTakenBack);
                    next
                }
                Some(target) => retargeted(image, present, target, scope)?,
            };
            if (&next.replicas, &next.adding, &next.removing)
                != (&present.replicas, &present.adding, &present.removing)
            {
                if decision.records.len() == CHANGES_AT_ONCE_MAX {
                    return Err(ControllerError::TooManyChanges { limit: CHANGES_AT_ONCE_MAX });
                }
                let next = next.changed();
                decision.records.push(next.reassignment(id.topic, id.index).into());
                changed.insert(id, next);
            }
            Ok(())
        });
        decision.reply.push(result);
    }
    decision
}

fn find<'a>(
    image: &'a MetadataImage,
    wanted: &Reassignment,
) -> Result<(PartitionId, &'a PartitionImage), ControllerError> {
    let Reassignment { topic, index, .. } = wanted;
    let of_topic = image.topic(topic).ok_or_else(|| {
        // Each partition is told, so a name that is longer than any topic's is cut.
        let end = topic.floor_char_boundary(TOPIC_NAME_BYTES_MAX);
        ControllerError::NoTopicToReassign(topic[..end].to_owned())
    })?;
    let partition = of_topic.partition(PartitionIndex(*index));
    let partition = partition
        .ok_or_else(|| ControllerError::NoPartitionToReassign { topic: topic.to_string(), index: *index })?;
    Ok((PartitionId { topic: of_topic.id, index: PartitionIndex(*index) }, partition))
}

/// Those that were to come do not; those that were to go stay.
fn taken_back(present: &PartitionImage) -> Result<PartitionImage, ControllerError> {
    if !present.is_reassigning() {
        return Err(ControllerError::NoReassignment);
    }
    let stays = |node: &NodeId| !present.adding.contains(node);
    let replicas: Vec<NodeId> = present.replicas.iter().copied().filter(stays).collect();
    if replicas.is_empty() {
        return Err(ControllerError::InvalidAssignment(
            "Invalid replica assignment: addingReplicas contains all replicas.".to_owned(),
        ));
    }
    Ok(PartitionImage { replicas, adding: Vec::new(), removing: Vec::new(), ..present.clone() })
}

/// All that hold it now or shall hold it are its replicas until the voters have come to the target.
fn retargeted(
    image: &MetadataImage,
    present: &PartitionImage,
    target: &[NodeId],
    scope: Scope,
) -> Result<PartitionImage, ControllerError> {
    check_manual(image, target)?;
    let before = present.target().len();
    if scope == Scope::SameReplicationFactor && before != target.len() {
        let (from, to) = (before, target.len());
        return Err(ControllerError::InvalidReplicationFactor(format!(
            "The replication factor is changed from {from} to {to}"
        )));
    }
    let sorted = |nodes: BTreeSet<NodeId>| nodes.into_iter().collect::<Vec<NodeId>>();
    let (has, wants): (BTreeSet<NodeId>, BTreeSet<NodeId>) =
        (present.replicas.iter().copied().collect(), target.iter().copied().collect());
    let mut adding = sorted(wants.difference(&has).copied().collect());
    let removing = sorted(has.difference(&wants).copied().collect());
    if adding.is_empty() {
        // Those that still come do so with this one, too.
        adding = present.adding.iter().copied().filter(|node| wants.contains(node)).collect();
    }
    let replicas: Vec<NodeId> = target.iter().chain(&removing).copied().collect();
    if replicas.len() > VoterSet::MAX {
        return Err(ControllerError::InvalidAssignment(format!(
            "the partition would have {} replicas while it is reassigned; {} are the most: do it in steps",
            replicas.len(),
            VoterSet::MAX
        )));
    }
    Ok(PartitionImage { replicas, adding, removing, ..present.clone() })
}

/// Whether these can be a partition's replicas: several different brokers that are registered.
pub(super) fn check_manual(image: &MetadataImage, replicas: &[NodeId]) -> Result<(), ControllerError> {
    let refused = |why: String| {
        Err(ControllerError::InvalidAssignment(format!("The manual partition assignment includes {why}")))
    };
    if replicas.is_empty() {
        return refused("an empty replica list.".to_owned());
    }
    let mut sorted = replicas.to_vec();
    sorted.sort_unstable();
    let mut before = None;
    for node in sorted {
        if !image.brokers.contains_key(&node) {
            return refused(format!("broker {node}, but no such broker is registered."));
        }
        if before == Some(node) {
            return refused(format!("the broker {node} more than once."));
        }
        before = Some(node);
    }
    Ok(())
}

/// The voters that a partition has, all of them committed, as its leader tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReportedVoters {
    pub id: PartitionId,
    /// That of the target which they have come to.
    pub partition_epoch: i32,
    pub voters: Vec<NodeId>,
}

/// Ends the reassignments whose target the voters have come to. What is told of an earlier target, or of other voters, changes nothing.
pub fn note_voters(
    image: &MetadataImage,
    node: NodeId,
    broker_epoch: i64,
    told: &[ReportedVoters],
) -> Decision<Result<(), ControllerError>> {
    let Some(known) = image.brokers.get(&node) else {
        return Decision::reply(Err(ControllerError::UnknownBroker(node)));
    };
    if known.epoch != broker_epoch {
        let (epoch, known) = (broker_epoch, known.epoch);
        return Decision::reply(Err(ControllerError::StaleBroker { node, epoch, known }));
    }
    let mut decision = Decision::reply(Ok(()));
    let mut ended = BTreeSet::new();
    for ReportedVoters { id, partition_epoch, voters } in told {
        let Some(present) = image.partition(*id) else { continue };
        let target = present.target();
        let same = target.iter().collect::<BTreeSet<_>>() == voters.iter().collect::<BTreeSet<_>>();
        if !present.is_reassigning()
            || *partition_epoch != present.partition_epoch
            || !same
            || !ended.insert(*id)
        {
            continue;
        }
        let next =
            PartitionImage { replicas: target, adding: Vec::new(), removing: Vec::new(), ..present.clone() }
                .changed();
        decision.records.push(next.reassignment(id.topic, id.index).into());
    }
    decision
}

/// The reassignments that are under way, by topic and index, each once; of all, or of those that are asked for by name.
#[must_use]
pub fn under_way<'a>(
    image: &'a MetadataImage,
    asked: Option<&[(String, Vec<i32>)]>,
) -> BTreeMap<&'a str, Vec<(PartitionIndex, &'a PartitionImage)>> {
    let is_under_way = |id: &PartitionId| image.partition(*id).is_some_and(PartitionImage::is_reassigning);
    // Many may be asked for that are not, and one again and again.
    let ids: BTreeSet<PartitionId> = match asked {
        None => image.reassigning().collect(),
        Some(asked) => asked
            .iter()
            .filter_map(|(name, indexes)| Some((image.topic(name)?.id, indexes)))
            .flat_map(|(topic, indexes)| {
                indexes.iter().map(move |&index| PartitionId { topic, index: PartitionIndex(index) })
            })
            .filter(is_under_way)
            .collect(),
    };
    let mut found: BTreeMap<&str, Vec<(PartitionIndex, &PartitionImage)>> = BTreeMap::new();
    for id in ids {
        let Some(topic) = image.topic_by_id(id.topic) else { continue };
        let Some(partition) = topic.partition(id.index) else { continue };
        found.entry(&topic.name).or_default().push((id.index, partition));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::BrokerImage;
    use crate::types::{TopicId, Uuid};
    use crate::wire::messages::{PartitionRecord, TopicRecord};

    const TOPIC: TopicId = TopicId([3; 16]);
    const ID: PartitionId = PartitionId { topic: TOPIC, index: PartitionIndex(0) };

    fn nodes(nodes: &[i32]) -> Vec<NodeId> {
        nodes.iter().map(|&node| NodeId(node)).collect()
    }

    /// Six brokers, and "t" with one partition on 1, 2 and 3.
    fn image() -> MetadataImage {
        let mut image = MetadataImage::default();
        for node in 1..=6 {
            let broker = BrokerImage {
                incarnation: TopicId::ZERO,
                directory: Uuid::ZERO,
                epoch: 7,
                fenced: false,
                draining: false,
                endpoints: Vec::new(),
                rack: None,
                roles: crate::types::Roles::Both,
                features: Default::default(),
            };
            image.brokers.insert(NodeId(node), broker);
        }
        let topic = TopicRecord { name: "t".into(), topic_id: TOPIC, ..TopicRecord::default() };
        let partition = PartitionRecord {
            topic_id: TOPIC,
            replicas: vec![1, 2, 3],
            leader: 1,
            ..PartitionRecord::default()
        };
        image.apply(&topic.into()).expect("a topic");
        image.apply(&partition.into()).expect("a partition");
        image
    }

    fn to(target: &[i32]) -> Reassignment {
        Reassignment { topic: "t".into(), index: 0, target: Some(nodes(target)) }
    }

    fn cancel() -> Reassignment {
        Reassignment { topic: "t".into(), index: 0, target: None }
    }

    fn applied<R>(image: &MetadataImage, decision: &Decision<R>) -> MetadataImage {
        let mut next = image.clone();
        for record in &decision.records {
            next.apply(record).expect("a decision fits its image");
        }
        next
    }

    fn after(image: &MetadataImage, wanted: Reassignment) -> MetadataImage {
        let decision = reassign(image, &[wanted], Scope::AnyReplicationFactor);
        assert_eq!(decision.reply, [Ok(())]);
        applied(image, &decision)
    }

    fn refusal(image: &MetadataImage, wanted: Reassignment, scope: Scope) -> ControllerError {
        let mut decision = reassign(image, &[wanted], scope);
        assert!(decision.records.is_empty(), "what is refused leaves nothing");
        decision.reply.remove(0).expect_err("refused")
    }

    /// Replicas, those that come, those that go, and the partition epoch.
    fn seen(image: &MetadataImage) -> (Vec<i32>, Vec<i32>, Vec<i32>, i32) {
        let numbers = |nodes: &[NodeId]| nodes.iter().map(|node| node.0).collect();
        let one = image.partition(ID).expect("the partition");
        assert_eq!(image.reassigning().any(|id| id == ID), one.is_reassigning());
        (numbers(&one.replicas), numbers(&one.adding), numbers(&one.removing), one.partition_epoch)
    }

    fn told(image: &MetadataImage, partition_epoch: i32, voters: &[i32]) -> MetadataImage {
        let told = ReportedVoters { id: ID, partition_epoch, voters: nodes(voters) };
        let decision = note_voters(image, NodeId(1), 7, &[told]);
        assert_eq!(decision.reply, Ok(()));
        applied(image, &decision)
    }

    #[test]
    fn replicas_are_the_union_until_the_voters_are_the_target() {
        let image = after(&image(), to(&[4, 2, 5]));
        assert_eq!(seen(&image), (vec![4, 2, 5, 1, 3], vec![4, 5], vec![1, 3], 1));
        let listed = under_way(&image, None);
        assert_eq!(listed["t"].iter().map(|(index, _)| index.0).collect::<Vec<_>>(), [0]);
        for (epoch, voters) in [(0, &[2, 4, 5][..]), (1, &[2, 4]), (1, &[1, 2, 4, 5]), (2, &[2, 4, 5])] {
            assert_eq!(seen(&told(&image, epoch, voters)), seen(&image), "{epoch}: {voters:?}");
        }
        let image = told(&image, 1, &[2, 4, 5]);
        assert_eq!(seen(&image), (vec![4, 2, 5], vec![], vec![], 2));
        let one = image.partition(ID).expect("the partition");
        assert_eq!(one.isr, nodes(&[2]), "who does not hold it is not in sync");
        assert_eq!(one.founders.iter().map(|key| key.node.0).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!([1, 2, 3, 4].map(|node| one.has_founder(NodeId(node))), [false, true, false, false]);
        let back = after(&image, to(&[1, 2, 5]));
        assert!(
            !back.partition(ID).expect("the partition").has_founder(NodeId(1)),
            "it comes back as another"
        );
        assert!(under_way(&image, None).is_empty());
        assert_eq!(seen(&told(&image, 2, &[2, 4, 5])).3, 2, "it has ended");
    }

    #[test]
    fn a_stale_broker_ends_nothing() {
        let image = after(&image(), to(&[4, 2, 3]));
        let told = ReportedVoters { id: ID, partition_epoch: 1, voters: nodes(&[2, 3, 4]) };
        let stale = note_voters(&image, NodeId(1), 6, std::slice::from_ref(&told));
        assert_eq!(
            (stale.records.len(), stale.reply),
            (0, Err(ControllerError::StaleBroker { node: NodeId(1), epoch: 6, known: 7 }))
        );
        assert!(note_voters(&image, NodeId(9), 7, &[told]).reply.is_err());
    }

    #[test]
    fn what_is_taken_back_ends_at_once_and_once() {
        let image = after(&image(), to(&[4, 5, 3]));
        let image = after(&image, cancel());
        assert_eq!(seen(&image), (vec![3, 1, 2], vec![], vec![], 2));
        assert_eq!(refusal(&image, cancel(), Scope::AnyReplicationFactor), ControllerError::NoReassignment);
    }

    #[test]
    fn another_target_takes_the_place_of_the_one_before() {
        let image = after(&image(), to(&[4, 2, 3]));
        let other = after(&image, to(&[5, 2, 3]));
        assert_eq!(seen(&other), (vec![5, 2, 3, 1, 4], vec![5], vec![1, 4], 2));
        let back = after(&image, to(&[1, 2, 3]));
        assert_eq!(seen(&back), (vec![1, 2, 3, 4], vec![], vec![4], 2));
        assert_eq!(seen(&told(&back, 2, &[1, 2, 3])), (vec![1, 2, 3], vec![], vec![], 3));
        for again in [
            reassign(&back, &[to(&[1, 2, 3])], Scope::AnyReplicationFactor),
            reassign(&image, &[to(&[4, 2, 3])], Scope::SameReplicationFactor),
        ] {
            assert_eq!((again.records.len(), again.reply), (0, vec![Ok(())]), "the same once more");
        }
        let all = after(&image, to(&[4, 2, 3, 1]));
        assert_eq!(seen(&all), (vec![4, 2, 3, 1], vec![4], vec![], 2), "nobody goes any more");
    }

    #[test]
    fn an_order_alone_changes_at_once_and_nothing_changes_nothing() {
        let image = after(&image(), to(&[3, 1, 2]));
        assert_eq!(seen(&image), (vec![3, 1, 2], vec![], vec![], 1));
        assert!(reassign(&image, &[to(&[3, 1, 2])], Scope::SameReplicationFactor).records.is_empty());
    }

    #[test]
    fn refusals_are_of_kafkas_kinds_and_words() {
        use Scope::{AnyReplicationFactor as Any, SameReplicationFactor as Same};
        let image = image();
        let told = |target: &[i32]| refusal(&image, to(target), Any).to_string();
        assert_eq!(told(&[]), "The manual partition assignment includes an empty replica list.");
        assert_eq!(told(&[1, 2, 1]), "The manual partition assignment includes the broker 1 more than once.");
        assert_eq!(
            told(&[1, 2, 9]),
            "The manual partition assignment includes broker 9, but no such broker is registered."
        );
        assert_eq!(
            refusal(&image, to(&[1, 2]), Same).to_string(),
            "The replication factor is changed from 3 to 2"
        );
        let moving = after(&image, to(&[4, 2, 3]));
        assert_eq!(reassign(&moving, &[to(&[5, 6, 1])], Same).reply, [Ok(())], "the target has three");
        let nowhere = |name: &str| Reassignment { topic: name.into(), ..to(&[1]) };
        assert_eq!(refusal(&image, nowhere("u"), Any).to_string(), "Unable to find a topic named u.");
        let long = refusal(&image, nowhere(&"ü".repeat(20_000)), Any).to_string();
        assert_eq!(long, format!("Unable to find a topic named {}.", "ü".repeat(124)));
        let index = Reassignment { index: 4, ..to(&[1]) };
        assert_eq!(refusal(&image, index, Any).to_string(), "Unable to find partition t:4.");
    }

    #[test]
    fn a_partition_that_is_named_twice_is_changed_twice() {
        let twice = reassign(&image(), &[to(&[4, 2, 3]), cancel()], Scope::AnyReplicationFactor);
        assert_eq!(twice.reply, [Ok(()), Ok(())]);
        assert_eq!(seen(&applied(&image(), &twice)), (vec![2, 3, 1], vec![], vec![], 2));
    }

    #[test]
    fn only_so_many_are_changed_at_once() {
        let turns = [to(&[2, 1, 3]), to(&[1, 2, 3])];
        let wanted: Vec<Reassignment> =
            turns.iter().cycle().take(CHANGES_AT_ONCE_MAX + turns.len()).cloned().collect();
        let decision = reassign(&image(), &wanted, Scope::SameReplicationFactor);
        assert_eq!(decision.records.len(), CHANGES_AT_ONCE_MAX);
        let (done, beyond) = decision.reply.split_at(CHANGES_AT_ONCE_MAX);
        assert!(done.iter().all(Result::is_ok));
        // To where it is already is no change.
        let refused = Err(ControllerError::TooManyChanges { limit: CHANGES_AT_ONCE_MAX });
        assert_eq!(beyond, [refused, Ok(())]);
    }

    #[test]
    fn what_is_asked_for_again_and_again_is_told_once() {
        let image = after(&image(), to(&[4, 2, 3]));
        let asked = |name: &str, indexes: &[i32]| (name.to_owned(), indexes.to_vec());
        let told = |asked: &[(String, Vec<i32>)]| {
            let mut places = Vec::new();
            for (name, each) in under_way(&image, Some(asked)) {
                places.extend(each.iter().map(|(index, _)| format!("{name}-{}", index.0)));
            }
            places
        };
        assert_eq!(told(&[asked("t", &[0, 0, 9, 0]), asked("u", &[0]), asked("t", &[0])]), ["t-0"]);
        assert!(told(&[asked("t", &[9, 9])]).is_empty() && told(&[]).is_empty());
    }

    #[test]
    fn a_deleted_topic_is_reassigned_no_longer() {
        let mut image = after(&image(), to(&[4, 2, 3]));
        let gone = crate::wire::messages::RemoveTopicRecord { topic_id: TOPIC, ..Default::default() };
        image.apply(&gone.into()).expect("it is there");
        assert_eq!(image.reassigning().count(), 0);
    }
}
