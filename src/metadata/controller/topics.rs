use std::collections::{BTreeMap, BTreeSet};

use super::{ControllerError, Decision};
use crate::config::{
    BrokerConfig, OFFSETS_TOPIC, TopicConfig, TopicDefaults, TopicsConfig, has_collision_characters,
    topic_names_collide, validate_topic_name,
};
use crate::metadata::{MetadataImage, TopicImage};
use crate::raft::VoterSet;
use crate::types::limits::PARTITIONS_MAX;
use crate::types::{NodeId, PartitionIndex, TopicId, Uuid};
use crate::wire::MetadataRecord;
use crate::wire::messages::{ConfigRecord, PartitionRecord, RemoveTopicRecord, TopicRecord};

/// A topic to be created.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewTopic {
    pub name: String,
    /// −1 stands for the default (`num.partitions`), or for as many as are assigned.
    pub partitions: i32,
    /// −1 stands for the default (`default.replication.factor`), or for what is assigned.
    pub replication_factor: i16,
    /// Where each partition's replicas go; empty lets the controller choose.
    pub assignments: Vec<(PartitionIndex, Vec<NodeId>)>,
    pub configs: Vec<(String, Option<String>)>,
}

/// What applies where a request leaves it open.
#[derive(Clone, Copy, Debug)]
pub struct TopicRules<'a> {
    pub topics: &'a TopicsConfig,
    pub configs: &'a TopicDefaults,
}

impl<'a> TopicRules<'a> {
    /// A node's own rules.
    #[must_use]
    pub fn of(config: &'a BrokerConfig) -> TopicRules<'a> {
        TopicRules { topics: &config.topics, configs: &config.topic_defaults }
    }
}

/// Partitions that one request may create, as in Kafka.
const PARTITIONS_AT_ONCE_MAX: usize = 10_000;

/// The metadata log's own name, under which no topic can be created.
const METADATA_TOPIC: &str = "__cluster_metadata";

/// A topic as it was (or, validating only, would be) created.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreatedTopic {
    pub id: TopicId,
    pub partitions: i32,
    pub replication_factor: i16,
    pub configs: BTreeMap<String, String>,
}

/// How a request names a topic.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum TopicSelector {
    Name(String),
    Id(TopicId),
}

/// A topic that was deleted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeletedTopic {
    pub name: String,
    pub id: TopicId,
}

/// A topic that shall have more partitions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewPartitions {
    pub name: String,
    /// The total wanted.
    pub count: i32,
    /// Replicas of the new ones, in order; empty lets the controller choose.
    pub assignments: Option<Vec<Vec<NodeId>>>,
}

/// Decides on new topics, each for itself. `ids` gives each its identity, in order; one is used per topic
/// whether it is created or not, so that the answer does not depend on its neighbours.
///
/// # Panics
/// If there are fewer ids than topics.
pub fn create_topics(
    image: &MetadataImage,
    topics: &[NewTopic],
    ids: &[TopicId],
    rules: TopicRules<'_>,
) -> Decision<Vec<Result<CreatedTopic, ControllerError>>> {
    assert!(ids.len() >= topics.len(), "every topic needs an id");
    let at_once = topics.iter().fold(0_usize, |total, topic| total.saturating_add(wanted(topic, rules)));
    if at_once > PARTITIONS_AT_ONCE_MAX {
        let error = ControllerError::TooManyAtOnce { wanted: at_once, limit: PARTITIONS_AT_ONCE_MAX };
        return Decision::reply(topics.iter().map(|_| Err(error.clone())).collect());
    }
    let repeated = repeated(topics.iter().map(|topic| topic.name.as_str()));
    let mut decision = Decision::reply(Vec::with_capacity(topics.len()));
    let mut partitions_total = image.partition_count();
    for (topic, &id) in topics.iter().zip(ids) {
        let result = if repeated.contains(topic.name.as_str()) {
            Err(ControllerError::NamedTwice(topic.name.clone()))
        } else {
            create_topic(image, topic, id, rules, partitions_total)
        };
        decision.reply.push(result.map(|(created, records)| {
            partitions_total += usize::try_from(created.partitions).unwrap_or(0);
            decision.records.extend(records);
            created
        }));
    }
    decision
}

/// How many partitions the request asks for; 0 where it asks for nonsense, which is refused on its own.
fn wanted(topic: &NewTopic, rules: TopicRules<'_>) -> usize {
    match topic.partitions {
        _ if !topic.assignments.is_empty() => topic.assignments.len(),
        -1 => usize::try_from(rules.topics.partitions).unwrap_or(0),
        count => usize::try_from(count).unwrap_or(0),
    }
}

fn create_topic(
    image: &MetadataImage,
    topic: &NewTopic,
    id: TopicId,
    rules: TopicRules<'_>,
    partitions_before: usize,
) -> Result<(CreatedTopic, Vec<MetadataRecord>), ControllerError> {
    if topic.name == METADATA_TOPIC {
        return Err(ControllerError::InvalidRequest(format!(
            "{METADATA_TOPIC} is the metadata log's name, and no topic can have it; choose another"
        )));
    }
    validate_topic_name(&topic.name).map_err(|error| ControllerError::InvalidTopic(error.to_string()))?;
    check_name_free(image, &topic.name)?;
    let configs = checked_configs(&topic.configs, rules.configs)?;
    let replicas = if topic.assignments.is_empty() {
        place_new_topic(image, topic, id, rules.topics)?
    } else {
        check_assignments(image, topic)?
    };
    let wanted = partitions_before + replicas.len();
    if wanted > PARTITIONS_MAX {
        return Err(ControllerError::TooManyPartitions { wanted, limit: PARTITIONS_MAX });
    }
    let created = CreatedTopic {
        id,
        partitions: i32::try_from(replicas.len()).expect("bounded by PARTITIONS_MAX"),
        replication_factor: replicas.first().map_or(0, |first| {
            i16::try_from(first.len()).expect("replicas are distinct brokers, bounded by the request")
        }),
        configs,
    };
    let mut records = vec![MetadataRecord::Topic(TopicRecord {
        name: topic.name.clone().into(),
        topic_id: id,
        ..TopicRecord::default()
    })];
    records.extend(created.configs.iter().map(|(name, value)| {
        MetadataRecord::Config(ConfigRecord {
            resource_type: crate::metadata::ConfigResource::TOPIC,
            resource_name: topic.name.clone().into(),
            name: name.clone().into(),
            value: Some(value.clone().into()),
            ..ConfigRecord::default()
        })
    }));
    records
        .extend((0..).zip(replicas).map(|(index, replicas)| partition_record(image, id, index, &replicas)));
    Ok((created, records))
}

fn partition_record(
    image: &MetadataImage,
    topic: TopicId,
    index: i32,
    replicas: &[NodeId],
) -> MetadataRecord {
    let directory = |node| image.brokers.get(node).map_or(Uuid::ZERO, |broker| broker.directory);
    let can_lead = replicas.iter().find(|node| image.can_lead(**node));
    let first_ready = can_lead.or_else(|| replicas.iter().find(|node| image.is_up(**node)));
    MetadataRecord::Partition(PartitionRecord {
        topic_id: topic,
        partition_id: index,
        replicas: replicas.iter().map(|node| node.0).collect(),
        directories: replicas.iter().map(directory).collect(),
        leader: first_ready.or(replicas.first()).map_or(-1, |node| node.0),
        leader_epoch: 0,
        partition_epoch: 0,
        ..PartitionRecord::default()
    })
}

fn check_name_free(image: &MetadataImage, name: &str) -> Result<(), ControllerError> {
    if image.topic(name).is_some() {
        return Err(ControllerError::TopicExists(name.to_owned()));
    }
    if has_collision_characters(name) {
        let collision = image.topics().find(|topic| topic_names_collide(&topic.name, name));
        if let Some(existing) = collision {
            return Err(ControllerError::NameCollision {
                name: name.to_owned(),
                existing: existing.name.to_string(),
            });
        }
    }
    Ok(())
}

fn checked_configs(
    configs: &[(String, Option<String>)],
    defaults: &TopicDefaults,
) -> Result<BTreeMap<String, String>, ControllerError> {
    let nulls: Vec<&str> =
        configs.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| name.as_str()).collect();
    if !nulls.is_empty() {
        return Err(ControllerError::InvalidConfig(format!(
            "Null value not supported for topic configs: {}",
            nulls.join(",")
        )));
    }
    let checked = configs.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?))).collect();
    check_settings(&checked, defaults)?;
    Ok(checked)
}

/// Checks all that a topic sets, each key and what contradicts each other.
pub(super) fn check_settings(
    settings: &BTreeMap<String, String>,
    defaults: &TopicDefaults,
) -> Result<(), ControllerError> {
    match TopicConfig::resolve(defaults, settings) {
        Ok(_) => Ok(()),
        Err(errors) => {
            let first = errors.first().expect("a refusal has a reason");
            Err(ControllerError::InvalidConfig(first.to_string()))
        }
    }
}

fn place_new_topic(
    image: &MetadataImage,
    topic: &NewTopic,
    id: TopicId,
    defaults: &TopicsConfig,
) -> Result<Vec<Vec<NodeId>>, ControllerError> {
    let factor = match topic.replication_factor {
        -1 => defaults.replication_factor,
        factor if factor > 0 => factor,
        factor => {
            return Err(ControllerError::InvalidReplicationFactor(format!(
                "a topic cannot have replication factor {factor}; ask for 1 or more, or −1 for the default"
            )));
        }
    };
    let count = match topic.partitions {
        -1 => defaults.partitions,
        count if count > 0 => count,
        count => {
            return Err(ControllerError::InvalidPartitions(format!(
                "a topic cannot have {count} partitions; ask for 1 or more, or −1 for the default"
            )));
        }
    };
    let count = usize::try_from(count).unwrap_or(0);
    if count > PARTITIONS_MAX {
        return Err(ControllerError::TooManyPartitions { wanted: count, limit: PARTITIONS_MAX });
    }
    place(image, start_of(id), 0..count, factor)
}

/// Where a topic's placement begins: drawn with its id.
fn start_of(id: TopicId) -> usize {
    usize::from(u16::from_be_bytes([id.0[0], id.0[1]]))
}

/// Spreads partitions over the racks, then over the brokers in each (Kafka's striped placement), from `first` on. Who is preferred, the
/// first replica, is one that is there and does not drain, if there is any. For the others a rack without a replica comes first; within
/// that, brokers that are about to stop get replicas only if there are not enough others, and those that are fenced only if there are not
/// enough of these.
fn place(
    image: &MetadataImage,
    first: usize,
    partitions: std::ops::Range<usize>,
    factor: i16,
) -> Result<Vec<Vec<NodeId>>, ControllerError> {
    let factor = usize::try_from(factor).unwrap_or(0);
    if factor > VoterSet::MAX {
        return Err(ControllerError::InvalidReplicationFactor(format!(
            "replication factor {factor} cannot be met: a partition has {} replicas at most",
            VoterSet::MAX
        )));
    }
    if factor == 0 || factor > image.brokers.len() {
        return Err(ControllerError::InvalidReplicationFactor(format!(
            "replication factor {factor} cannot be met: {} broker(s) are registered",
            image.brokers.len()
        )));
    }
    let all = striped(image, image.brokers.keys().copied());
    let (up, away): (Vec<NodeId>, Vec<NodeId>) = all.iter().partition(|&&node| image.is_up(node));
    if up.is_empty() {
        return Err(ControllerError::InvalidReplicationFactor(format!(
            "no replica can be placed: of {} registered broker(s) none is up",
            all.len()
        )));
    }
    let (ready, draining): (Vec<NodeId>, Vec<NodeId>) = up.iter().partition(|&&node| image.can_lead(node));
    // Where all that are there drain, they are all that there is.
    let classes = [ready, draining, away];
    let replicas_of = |partition: usize| {
        let from = first.wrapping_add(partition);
        let candidates: Vec<NodeId> = classes.iter().flat_map(|class| turned(class, from)).collect();
        choose(image, &candidates, factor)
    };
    Ok(partitions.map(replicas_of).collect())
}

/// All of them, from another one on.
fn turned(nodes: &[NodeId], from: usize) -> impl Iterator<Item = NodeId> {
    let (before, behind) = nodes.split_at(if nodes.is_empty() { 0 } else { from % nodes.len() });
    behind.iter().chain(before).copied()
}

fn rack(image: &MetadataImage, node: NodeId) -> Option<&str> {
    image.brokers.get(&node).and_then(|broker| broker.rack.as_deref())
}

/// One broker of each rack, then the next of each, and so on.
fn striped(image: &MetadataImage, brokers: impl Iterator<Item = NodeId>) -> Vec<NodeId> {
    let mut by_rack: BTreeMap<Option<&str>, Vec<NodeId>> = BTreeMap::new();
    for node in brokers {
        by_rack.entry(rack(image, node)).or_default().push(node);
    }
    let most = by_rack.values().map(Vec::len).max().unwrap_or(0);
    (0..most).flat_map(|at| by_rack.values().filter_map(move |nodes| nodes.get(at).copied())).collect()
}

/// `factor` of the candidates: each the first of a rack that has no replica yet, else the first that is left. For its rack alone no more
/// that are away are taken than a partition is led without (Kafka takes all): a majority that is away would have it wait for them, while
/// others are there.
fn choose(image: &MetadataImage, candidates: &[NodeId], factor: usize) -> Vec<NodeId> {
    let away_max = (factor - 1) / 2;
    let mut chosen: Vec<NodeId> = Vec::with_capacity(factor);
    while chosen.len() < factor {
        let left = || candidates.iter().copied().filter(|node| !chosen.contains(node));
        let away = chosen.iter().filter(|node| !image.is_up(**node)).count();
        let may_be_away = away < away_max || !left().any(|node| image.is_up(node));
        let has_new_rack = |node: NodeId| chosen.iter().all(|other| rack(image, *other) != rack(image, node));
        let of_new_rack = left().find(|node| has_new_rack(*node) && (may_be_away || image.is_up(*node)));
        let Some(node) = of_new_rack.or_else(|| left().next()) else { break };
        chosen.push(node);
    }
    chosen
}

fn check_assignments(image: &MetadataImage, topic: &NewTopic) -> Result<Vec<Vec<NodeId>>, ControllerError> {
    if topic.replication_factor != -1 || topic.partitions != -1 {
        return Err(ControllerError::InvalidRequest(
            "with replicas assigned by hand, the number of partitions and the replication factor must be −1"
                .to_owned(),
        ));
    }
    let mut sorted = topic.assignments.clone();
    sorted.sort_by_key(|(index, _)| *index);
    for (expected, (index, replicas)) in (0..).zip(&sorted) {
        if index.0 != expected {
            return Err(ControllerError::InvalidAssignment(format!(
                "partitions are assigned as 0, 1, 2, …; {expected} is missing or given twice"
            )));
        }
        check_replicas(image, index.0, replicas)?;
        if replicas.len() != sorted[0].1.len() {
            return Err(ControllerError::InvalidAssignment(format!(
                "partition {} has {} replicas, partition 0 has {}; they must be as many",
                index,
                replicas.len(),
                sorted[0].1.len()
            )));
        }
    }
    Ok(sorted.into_iter().map(|(_, replicas)| replicas).collect())
}

fn check_replicas(image: &MetadataImage, index: i32, replicas: &[NodeId]) -> Result<(), ControllerError> {
    if replicas.is_empty() {
        return Err(ControllerError::InvalidAssignment(format!(
            "partition {index} is assigned to no broker"
        )));
    }
    if replicas.len() > VoterSet::MAX {
        return Err(ControllerError::InvalidAssignment(format!(
            "partition {index} is assigned to {} brokers; it has {} replicas at most",
            replicas.len(),
            VoterSet::MAX
        )));
    }
    let distinct: BTreeSet<NodeId> = replicas.iter().copied().collect();
    let twice = replicas.iter().enumerate().find(|(place, node)| replicas[..*place].contains(node));
    if let Some((_, node)) = twice {
        return Err(ControllerError::InvalidAssignment(format!(
            "partition {index} is assigned to broker {node} more than once"
        )));
    }
    if let Some(unknown) = distinct.iter().find(|node| !image.brokers.contains_key(node)) {
        return Err(ControllerError::InvalidAssignment(format!(
            "partition {index} is assigned to broker {unknown}, which is not registered"
        )));
    }
    if !distinct.iter().any(|node| image.is_up(*node)) {
        let all: Vec<String> = distinct.iter().map(ToString::to_string).collect();
        return Err(ControllerError::InvalidAssignment(format!(
            "partition {index} is assigned to {} alone, of which none is up: name one that is",
            all.join(", ")
        )));
    }
    Ok(())
}

/// Decides on deletions, each for itself. A topic that is named twice, in whatever way, stays.
pub fn delete_topics(
    image: &MetadataImage,
    topics: &[TopicSelector],
    deletion_enabled: bool,
) -> Decision<Vec<Result<DeletedTopic, ControllerError>>> {
    let found: Vec<_> = topics.iter().map(|selector| find(image, selector)).collect();
    let repeated = repeated(found.iter().filter_map(|topic| topic.as_ref().ok()).map(|topic| topic.id));
    let mut decision = Decision::reply(Vec::with_capacity(topics.len()));
    for topic in found {
        let result = topic.and_then(|topic| {
            if !deletion_enabled {
                return Err(ControllerError::DeletionDisabled);
            }
            if repeated.contains(&topic.id) {
                return Err(ControllerError::NamedTwice(topic.name.to_string()));
            }
            decision.records.push(MetadataRecord::RemoveTopic(RemoveTopicRecord {
                topic_id: topic.id,
                ..RemoveTopicRecord::default()
            }));
            Ok(DeletedTopic { name: topic.name.to_string(), id: topic.id })
        });
        decision.reply.push(result);
    }
    decision
}

fn find<'a>(image: &'a MetadataImage, selector: &TopicSelector) -> Result<&'a TopicImage, ControllerError> {
    match selector {
        TopicSelector::Name(name) => {
            image.topic(name).map(|topic| &**topic).ok_or_else(|| ControllerError::UnknownTopic(name.clone()))
        }
        TopicSelector::Id(id) => {
            image.topic_by_id(*id).map(|topic| &**topic).ok_or(ControllerError::UnknownTopicId(*id))
        }
    }
}

/// Decides on added partitions, each topic for itself.
pub fn create_partitions(
    image: &MetadataImage,
    requests: &[NewPartitions],
) -> Decision<Vec<Result<(), ControllerError>>> {
    let added = |request: &NewPartitions| {
        let present = image.topic(&request.name).map_or(0, |topic| topic.partitions.len());
        usize::try_from(request.count).unwrap_or(0).saturating_sub(present)
    };
    let at_once = requests.iter().fold(0_usize, |total, request| total.saturating_add(added(request)));
    if at_once > PARTITIONS_AT_ONCE_MAX {
        let error = ControllerError::TooManyAtOnce { wanted: at_once, limit: PARTITIONS_AT_ONCE_MAX };
        return Decision::reply(requests.iter().map(|_| Err(error.clone())).collect());
    }
    let repeated = repeated(requests.iter().map(|request| request.name.as_str()));
    let mut decision = Decision::reply(Vec::with_capacity(requests.len()));
    for request in requests {
        let result = if repeated.contains(request.name.as_str()) {
            Err(ControllerError::NamedTwice(request.name.clone()))
        } else {
            add_partitions(image, request)
        };
        decision.reply.push(result.map(|records| decision.records.extend(records)));
    }
    decision
}

fn add_partitions(
    image: &MetadataImage,
    request: &NewPartitions,
) -> Result<Vec<MetadataRecord>, ControllerError> {
    let topic = find(image, &TopicSelector::Name(request.name.clone()))?;
    let present = topic.partitions.len();
    let wanted = usize::try_from(request.count).unwrap_or(0);
    if wanted == present {
        return Err(ControllerError::InvalidPartitions(format!("Topic already has {present} partition(s).")));
    }
    if wanted < present {
        return Err(ControllerError::InvalidPartitions(format!(
            "The topic {} currently has {present} partition(s); {} would not be an increase.",
            request.name, request.count
        )));
    }
    if request.name == OFFSETS_TOPIC {
        // A group's partition is its name's hash modulo their number.
        return Err(ControllerError::InvalidPartitions(format!(
            "{OFFSETS_TOPIC} has {present} partition(s), and stays with them: with another number groups would belong to \
             partitions that do not hold their offsets; delete it, with all offsets, to have it created anew with another \
             offsets.topic.num.partitions"
        )));
    }
    let added = wanted - present;
    if let Some(assigned) = &request.assignments
        && assigned.len() != added
    {
        return Err(ControllerError::InvalidAssignment(format!(
            "Attempted to add {added} additional partition(s), but only {} assignment(s) were specified.",
            assigned.len()
        )));
    }
    let total = image.partition_count() + added;
    if total > PARTITIONS_MAX {
        return Err(ControllerError::TooManyPartitions { wanted: total, limit: PARTITIONS_MAX });
    }
    // While it is reassigned, what it shall have in the end counts.
    let factor = topic.partitions.values().next().map_or(1, |first| first.target().len());
    let replicas = match &request.assignments {
        None => {
            let factor = i16::try_from(factor).unwrap_or(i16::MAX);
            place(image, start_of(topic.id), present..wanted, factor)?
        }
        Some(assigned) => {
            for (index, replicas) in (present..).zip(assigned) {
                let index = i32::try_from(index).expect("bounded by PARTITIONS_MAX");
                check_replicas(image, index, replicas)?;
                if replicas.len() != factor {
                    return Err(ControllerError::InvalidAssignment(format!(
                        "topic {:?} has replication factor {factor}, an added partition is assigned {}",
                        request.name,
                        replicas.len()
                    )));
                }
            }
            assigned.clone()
        }
    };
    let first = i32::try_from(present).expect("bounded by PARTITIONS_MAX");
    Ok((first..)
        .zip(&replicas)
        .map(|(index, replicas)| partition_record(image, topic.id, index, replicas))
        .collect())
}

/// What occurs more than once.
fn repeated<T: Ord + Copy>(items: impl Iterator<Item = T>) -> BTreeSet<T> {
    let mut seen = BTreeSet::new();
    items.filter(|item| !seen.insert(*item)).collect()
}

#[cfg(test)]
mod tests;
