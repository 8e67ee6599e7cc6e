use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::broker::errors::AsErrorCode;
use crate::broker::repeats::Repeats;
use crate::broker::{Caller, Context};
use crate::coordinator::CoordinatorError;
use crate::coordinator::group::command::{
    FetchTopic, FetchedGroup, FetchedOffset, GroupCommand, GroupResponse, OffsetFetch,
};
use crate::coordinator::group::{GroupId, TopicName};
use crate::metadata::MetadataImage;
use crate::types::limits::{OFFSETS_PER_FETCH_MAX, REPEATED_BYTES_MAX};
use crate::types::{ErrorCode, LeaderEpoch, Offset, PartitionIndex, TopicId};
use crate::wire::Text;
use crate::wire::messages::offset_fetch_request::OffsetFetchRequestTopics;
use crate::wire::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use crate::wire::messages::{OffsetFetchRequest, OffsetFetchResponse};

/// The version from which a response has an error of its own, instead of one in each partition.
const TOP_LEVEL_ERROR_FROM: i16 = 2;
/// The version from which a request names several groups (KIP-709).
const GROUPS_FROM: i16 = 8;
/// The version from which topics are named by their ids alone (KIP-848).
const TOPIC_IDS_FROM: i16 = 10;

/// One group of a request, whatever its version.
struct Asked {
    group_id: Text,
    /// `None` for all that were committed to.
    topics: Option<Vec<OffsetFetchRequestTopics>>,
}

/// OffsetFetch (key 9).
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    caller: &Caller,
    request: OffsetFetchRequest,
) -> OffsetFetchResponse {
    let image = context.metadata();
    let require_stable = request.require_stable;
    let groups = asked(caller, request);
    let mut requests = Vec::with_capacity(groups.len());
    let mut unknown = Vec::with_capacity(groups.len());
    let again = whole_again(&groups);
    let fits = fitting(&groups, OFFSETS_PER_FETCH_MAX);
    for ((group, again), fits) in groups.iter().zip(&again).zip(&fits) {
        if again.is_some() || !fits {
            continue;
        }
        let (topics, unknown_topics) = known_topics(&image, caller, group);
        unknown.push(unknown_topics);
        let group_id = GroupId::from(&*group.group_id);
        let command = GroupCommand::FetchOffsets(OffsetFetch { group_id, topics, require_stable });
        requests.push((group.group_id.to_string(), command));
    }
    let results = context.groups.request_each(requests).await;
    let mut results = unknown.into_iter().zip(results);
    let mut told = Told::new(REPEATED_BYTES_MAX);
    let mut answers: Vec<OffsetFetchResponseGroup> = Vec::with_capacity(groups.len());
    for ((group, again), fits) in groups.iter().zip(again).zip(fits) {
        if !fits {
            // Where an error has its place in each partition, nothing is told: it would take as much as is refused.
            let unnamed = Asked { group_id: group.group_id.clone(), topics: None };
            answers.push(refused(caller, &unnamed, ErrorCode::InvalidRequest));
            continue;
        }
        if let Some(place) = again {
            let first = &answers[place];
            let is_admitted = told.admits_group(place, first);
            let refusal = || refused(caller, group, ErrorCode::InvalidRequest);
            let answer = if is_admitted { first.clone() } else { refusal() };
            answers.push(answer);
            continue;
        }
        let (unknown, result) = results.next().expect("every other group was asked for");
        answers.push(match result {
            Ok(GroupResponse::FetchOffsets(fetched)) => {
                let mut topics = fetched_topics(&image, caller, fetched, &mut told);
                topics.extend(unknown);
                OffsetFetchResponseGroup { group_id: group.group_id.clone(), topics, ..Default::default() }
            }
            Ok(other) => unreachable!("an OffsetFetch is answered with {other:?}"),
            Err(error) => refused(caller, group, error_code(&error)),
        });
    }
    response(caller, answers)
}

/// For each group, if all of it is asked for once more, the place where that was first.
fn whole_again(groups: &[Asked]) -> Vec<Option<usize>> {
    let mut first: BTreeMap<&Text, usize> = BTreeMap::new();
    let mut again = Vec::with_capacity(groups.len());
    for (at, group) in groups.iter().enumerate() {
        let is_whole = group.topics.is_none();
        let place = if is_whole { *first.entry(&group.group_id).or_insert(at) } else { at };
        again.push((place != at).then_some(place));
    }
    again
}

/// For each group, whether it may name as many partitions as it does: `max` are for all groups, in their order.
fn fitting(groups: &[Asked], max: usize) -> Vec<bool> {
    let mut left = max;
    let fits = |group: &Asked| {
        let named = group.topics.iter().flatten().map(|topic| topic.partition_indexes.len()).sum();
        let rest = left.checked_sub(named);
        left = rest.unwrap_or(left);
        rest.is_some()
    };
    groups.iter().map(fits).collect()
}

/// What a response tells already, to bound what it tells again.
struct Told {
    /// Offsets that have a note: a request of a few bytes for one can lead to 32 KiB.
    noted: BTreeSet<(GroupId, TopicName, PartitionIndex)>,
    /// What the groups at these places take that are asked for as a whole once more.
    whole: BTreeMap<usize, usize>,
    repeats: Repeats,
}

impl Told {
    /// With so many bytes at most of what is told again.
    fn new(repeated_bytes_max: usize) -> Told {
        let repeats = Repeats::new(repeated_bytes_max);
        Told { noted: BTreeSet::new(), whole: BTreeMap::new(), repeats }
    }

    /// Whether this offset may be told, perhaps again.
    fn admits(&mut self, group: &GroupId, topic: &TopicName, fetched: &FetchedOffset) -> bool {
        let note = fetched.metadata.len();
        note == 0
            || self.noted.insert((group.clone(), topic.clone(), fetched.partition))
            || self.repeats.admits(note)
    }

    /// Whether the group that was told at a place may be told again.
    fn admits_group(&mut self, place: usize, group: &OffsetFetchResponseGroup) -> bool {
        let bytes = *self.whole.entry(place).or_insert_with(|| topics_bytes(&group.topics));
        self.repeats.admits(bytes)
    }
}

fn topics_bytes(topics: &[OffsetFetchResponseTopics]) -> usize {
    let note =
        |partition: &OffsetFetchResponsePartitions| partition.metadata.as_ref().map_or(0, |text| text.len());
    let bytes = |topic: &OffsetFetchResponseTopics| {
        let partitions = size_of_val(topic.partitions.as_slice());
        let notes: usize = topic.partitions.iter().map(note).sum();
        topic.name.len() + partitions + notes
    };
    size_of_val(topics) + topics.iter().map(bytes).sum::<usize>()
}

fn asked(caller: &Caller, request: OffsetFetchRequest) -> Vec<Asked> {
    if caller.version >= GROUPS_FROM {
        let groups = request.groups.into_iter();
        return groups.map(|group| Asked { group_id: group.group_id, topics: group.topics }).collect();
    }
    let topics = request.topics.map(|topics| {
        let topics = topics.into_iter();
        topics
            .map(|topic| OffsetFetchRequestTopics {
                name: topic.name,
                partition_indexes: topic.partition_indexes,
                ..OffsetFetchRequestTopics::default()
            })
            .collect()
    });
    vec![Asked { group_id: request.group_id, topics }]
}

/// Names a group's topics; those whose id is unknown are answered.
fn known_topics(
    image: &MetadataImage,
    caller: &Caller,
    group: &Asked,
) -> (Option<Vec<FetchTopic>>, Vec<OffsetFetchResponseTopics>) {
    let Some(topics) = &group.topics else { return (None, Vec::new()) };
    let mut known = Vec::with_capacity(topics.len());
    let mut unknown = Vec::new();
    for topic in topics {
        let name = match image.topic_by_id(topic.topic_id) {
            _ if caller.version < TOPIC_IDS_FROM => TopicName::from(&*topic.name),
            Some(image) => TopicName::from(&*image.name),
            None => {
                unknown.push(failed_topic(topic, ErrorCode::UnknownTopicId));
                continue;
            }
        };
        known.push(FetchTopic {
            topic: name,
            topic_id: topic.topic_id,
            partitions: topic.partition_indexes.iter().map(|&index| PartitionIndex(index)).collect(),
        });
    }
    (Some(known), unknown)
}

fn fetched_topics(
    image: &MetadataImage,
    caller: &Caller,
    fetched: FetchedGroup,
    told: &mut Told,
) -> Vec<OffsetFetchResponseTopics> {
    let group = fetched.group_id;
    let mut topics = Vec::with_capacity(fetched.topics.len());
    for mut topic in fetched.topics {
        let mut topic_id = topic.topic_id;
        if caller.version >= TOPIC_IDS_FROM && topic_id == TopicId::ZERO {
            // Without an id there is no way to tell the client of the topic.
            let Some(known) = image.topic(topic.topic.as_str()) else { continue };
            topic_id = known.id;
            // Offsets of another topic of this name, which was deleted since, are none of this topic.
            topic.partitions.retain(|fetched| [TopicId::ZERO, known.id].contains(&fetched.topic_id));
            if topic.partitions.is_empty() {
                continue;
            }
        }
        let partition = |fetched: FetchedOffset| {
            if told.admits(&group, &topic.topic, &fetched) {
                fetched_partition(fetched)
            } else {
                failed_partition(fetched.partition.0, ErrorCode::InvalidRequest)
            }
        };
        topics.push(OffsetFetchResponseTopics {
            name: Text::from(topic.topic.as_str()),
            topic_id,
            partitions: topic.partitions.into_iter().map(partition).collect(),
            ..OffsetFetchResponseTopics::default()
        });
    }
    topics
}

fn fetched_partition(fetched: FetchedOffset) -> OffsetFetchResponsePartitions {
    OffsetFetchResponsePartitions {
        partition_index: fetched.partition.0,
        committed_offset: fetched.offset.0,
        committed_leader_epoch: fetched.leader_epoch.0,
        metadata: Some(fetched.metadata),
        ..OffsetFetchResponsePartitions::default()
    }
}

fn refused(caller: &Caller, group: &Asked, code: ErrorCode) -> OffsetFetchResponseGroup {
    let group_id = group.group_id.clone();
    if caller.version >= TOP_LEVEL_ERROR_FROM {
        return OffsetFetchResponseGroup { group_id, error_code: code.code(), ..Default::default() };
    }
    let topics = group.topics.iter().flatten().map(|topic| failed_topic(topic, code)).collect();
    OffsetFetchResponseGroup { group_id, topics, ..Default::default() }
}

fn failed_topic(topic: &OffsetFetchRequestTopics, code: ErrorCode) -> OffsetFetchResponseTopics {
    let failed = |&index: &i32| failed_partition(index, code);
    OffsetFetchResponseTopics {
        name: topic.name.clone(),
        topic_id: topic.topic_id,
        partitions: topic.partition_indexes.iter().map(failed).collect(),
        ..OffsetFetchResponseTopics::default()
    }
}

fn failed_partition(partition_index: i32, code: ErrorCode) -> OffsetFetchResponsePartitions {
    OffsetFetchResponsePartitions {
        partition_index,
        committed_offset: Offset::NONE.0,
        committed_leader_epoch: LeaderEpoch::NONE.0,
        error_code: code.code(),
        ..OffsetFetchResponsePartitions::default()
    }
}

/// Consumers of old do not look for another coordinator on COORDINATOR_NOT_AVAILABLE in this response.
fn error_code(error: &CoordinatorError) -> ErrorCode {
    match error.error_code() {
        ErrorCode::CoordinatorNotAvailable => ErrorCode::NotCoordinator,
        code => code,
    }
}

fn response(caller: &Caller, mut groups: Vec<OffsetFetchResponseGroup>) -> OffsetFetchResponse {
    if caller.version >= GROUPS_FROM {
        return OffsetFetchResponse { groups, ..OffsetFetchResponse::default() };
    }
    let group = groups.pop().expect("a request of old versions names one group");
    let topics = group.topics.into_iter();
    OffsetFetchResponse {
        error_code: group.error_code,
        topics: topics
            .map(|topic| OffsetFetchResponseTopic {
                name: topic.name,
                partitions: topic.partitions.into_iter().map(old_partition).collect(),
                ..OffsetFetchResponseTopic::default()
            })
            .collect(),
        ..OffsetFetchResponse::default()
    }
}

fn old_partition(partition: OffsetFetchResponsePartitions) -> OffsetFetchResponsePartition {
    OffsetFetchResponsePartition {
        partition_index: partition.partition_index,
        committed_offset: partition.committed_offset,
        committed_leader_epoch: partition.committed_leader_epoch,
        metadata: partition.metadata,
        error_code: partition.error_code,
        ..OffsetFetchResponsePartition::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coordinator::group::command::FetchedTopic;
    use crate::wire::MetadataRecord;
    use crate::wire::messages::TopicRecord;

    fn caller() -> Caller {
        Caller {
            version: GROUPS_FROM,
            client_id: None,
            peer: std::net::SocketAddr::from(([127, 0, 0, 1], 1)),
            listener: "".into(),
            via: None,
        }
    }

    /// The answer to a request that names these partitions of `orders`, all of which have a note of four bytes.
    fn fetched(group: &str, indexes: &[i32], told: &mut Told) -> Vec<OffsetFetchResponsePartitions> {
        let offset = |&index: &i32| FetchedOffset {
            partition: PartitionIndex(index),
            offset: Offset(7),
            leader_epoch: LeaderEpoch::NONE,
            metadata: "note".into(),
            topic_id: TopicId::ZERO,
        };
        let topic = FetchedTopic {
            topic: "orders".into(),
            topic_id: TopicId::ZERO,
            partitions: indexes.iter().map(offset).collect(),
        };
        let fetched = FetchedGroup { group_id: group.into(), topics: vec![topic] };
        fetched_topics(&MetadataImage::default(), &caller(), fetched, told).remove(0).partitions
    }

    fn codes(partitions: &[OffsetFetchResponsePartitions]) -> Vec<i16> {
        partitions.iter().map(|partition| partition.error_code).collect()
    }

    #[test]
    fn an_offset_is_told_as_often_as_it_is_named_until_its_notes_are_too_much() {
        let mut told = Told::new(10);
        let refused = ErrorCode::InvalidRequest.code();
        let partitions = fetched("g", &[0, 1, 0, 1, 0, 2], &mut told);
        assert_eq!(codes(&partitions), [0, 0, 0, 0, refused, 0]);
        assert_eq!((partitions[4].committed_offset, partitions[5].committed_offset), (-1, 7));
        // Another group's are others; this one's were told.
        assert_eq!(codes(&fetched("h", &[0, 1], &mut told)), [0, 0]);
        assert_eq!(codes(&fetched("g", &[2, 3], &mut told)), [refused, 0]);
    }

    #[test]
    fn a_group_is_told_as_a_whole_as_often_as_it_is_named_until_that_is_too_much() {
        let asked = |group: &str, topics| Asked { group_id: group.into(), topics };
        let groups = [
            asked("g", None),
            asked("g", Some(Vec::new())),
            asked("h", None),
            asked("g", None),
            asked("h", None),
        ];
        assert_eq!(whole_again(&groups), [None, None, None, Some(0), Some(2)]);
        let partitions = vec![OffsetFetchResponsePartitions::default(); 3];
        let topics = vec![OffsetFetchResponseTopics { partitions, ..Default::default() }];
        let group = OffsetFetchResponseGroup { topics, ..Default::default() };
        let mut told = Told::new(2 * topics_bytes(&group.topics));
        let admitted: Vec<_> = (0..3).map(|_| told.admits_group(0, &group)).collect();
        assert_eq!(admitted, [true, true, false]);
        assert!(told.admits_group(1, &OffsetFetchResponseGroup::default()), "nothing to tell");
    }

    #[test]
    fn groups_that_name_more_partitions_than_are_left_are_refused_as_a_whole() {
        let naming = |counts: &[usize]| {
            let topic = |&count: &usize| OffsetFetchRequestTopics {
                partition_indexes: vec![0; count],
                ..OffsetFetchRequestTopics::default()
            };
            Asked { group_id: "g".into(), topics: Some(counts.iter().map(topic).collect()) }
        };
        let whole = Asked { group_id: "g".into(), topics: None };
        let groups = [naming(&[1, 1]), naming(&[1, 1]), whole, naming(&[1]), naming(&[0]), naming(&[1])];
        assert_eq!(fitting(&groups, 3), [true, false, true, true, true, false]);
    }

    const TOPIC: TopicId = TopicId([5; 16]);

    fn image() -> MetadataImage {
        let mut image = MetadataImage::default();
        let topic = TopicRecord { name: "orders".into(), topic_id: TOPIC, ..TopicRecord::default() };
        image.apply(&MetadataRecord::Topic(topic)).expect("it fits");
        image
    }

    /// What a coordinator is asked of these topics, by name and id.
    fn asked_of(version: i16, topics: &[(&str, TopicId)]) -> Vec<(String, TopicId)> {
        let topic = |&(name, topic_id): &(&str, TopicId)| OffsetFetchRequestTopics {
            name: name.into(),
            topic_id,
            partition_indexes: vec![0],
            ..OffsetFetchRequestTopics::default()
        };
        let group = Asked { group_id: "g".into(), topics: Some(topics.iter().map(topic).collect()) };
        let (known, unknown) = known_topics(&image(), &Caller { version, ..caller() }, &group);
        let known = known.expect("topics were named");
        assert_eq!(known.len() + unknown.len(), topics.len());
        known.into_iter().map(|topic| (topic.topic.to_string(), topic.topic_id)).collect()
    }

    #[test]
    fn a_topic_is_asked_for_by_its_name_or_by_the_name_that_its_id_stands_for() {
        let named = [("orders", TopicId::ZERO), ("gone", TopicId::ZERO)];
        let expected = [("orders".to_owned(), TopicId::ZERO), ("gone".to_owned(), TopicId::ZERO)];
        for version in 0..TOPIC_IDS_FROM {
            assert_eq!(asked_of(version, &named), expected, "version {version}");
        }
        let by_id = [("", TOPIC), ("", TopicId([6; 16]))];
        assert_eq!(asked_of(TOPIC_IDS_FROM, &by_id), [("orders".to_owned(), TOPIC)]);
    }

    /// The partitions that are told of topic `orders` where all offsets of a group are asked for, which was committed to by these ids.
    fn told_of_all(version: i16, ids: &[TopicId]) -> Vec<(TopicId, Vec<i32>)> {
        let offset = |(index, &topic_id): (i32, &TopicId)| FetchedOffset {
            partition: PartitionIndex(index),
            offset: Offset(7),
            leader_epoch: LeaderEpoch::NONE,
            metadata: "".into(),
            topic_id,
        };
        let topic = FetchedTopic {
            topic: "orders".into(),
            topic_id: TopicId::ZERO,
            partitions: (0..).zip(ids).map(offset).collect(),
        };
        let fetched = FetchedGroup { group_id: "g".into(), topics: vec![topic] };
        let told =
            fetched_topics(&image(), &Caller { version, ..caller() }, fetched, &mut Told::new(usize::MAX));
        let indexes = |topic: OffsetFetchResponseTopics| {
            (topic.topic_id, topic.partitions.iter().map(|partition| partition.partition_index).collect())
        };
        told.into_iter().map(indexes).collect()
    }

    #[test]
    fn by_ids_no_offset_of_a_topic_is_told_that_was_deleted_since() {
        let before = TopicId([4; 16]);
        let ids = [before, TOPIC, TopicId::ZERO];
        assert_eq!(told_of_all(TOPIC_IDS_FROM, &ids), [(TOPIC, vec![1, 2])]);
        assert_eq!(told_of_all(TOPIC_IDS_FROM, &[before]), []);
        assert_eq!(told_of_all(TOPIC_IDS_FROM - 1, &ids), [(TopicId::ZERO, vec![0, 1, 2])]);
    }
}
