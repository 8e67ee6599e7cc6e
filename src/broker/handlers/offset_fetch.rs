use std::sync::Arc;

use crate::broker::errors::AsErrorCode;
use crate::broker::{Caller, Context};
use crate::coordinator::CoordinatorError;
use crate::coordinator::group::command::{
    FetchTopic, FetchedGroup, FetchedOffset, GroupCommand, GroupResponse, OffsetFetch,
};
use crate::coordinator::group::{GroupId, TopicName};
use crate::metadata::MetadataImage;
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
    for group in &groups {
        let (topics, unknown_topics) = known_topics(&image, caller.version, group);
        unknown.push(unknown_topics);
        let group_id = GroupId::from(&*group.group_id);
        let command = GroupCommand::FetchOffsets(OffsetFetch { group_id, topics, require_stable });
        requests.push((group.group_id.to_string(), command));
    }
    let results = context.groups.request_each(requests).await;
    let mut answers = Vec::with_capacity(groups.len());
    for ((group, unknown), result) in groups.iter().zip(unknown).zip(results) {
        answers.push(match result {
            Ok(GroupResponse::FetchOffsets(fetched)) => {
                let mut topics = fetched_topics(&image, caller, fetched);
                topics.extend(unknown);
                OffsetFetchResponseGroup { group_id: group.group_id.clone(), topics, ..Default::default() }
            }
            Ok(other) => unreachable!("an OffsetFetch is answered with {other:?}"),
            Err(error) => refused(caller, group, error_code(&error)),
        });
    }
    response(caller, answers)
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

/// Names a group's topics, each with its id; those whose id is unknown are answered. Of a name alone the id is the one
/// that it stands for now: what was committed for an earlier topic of that name is not this one's.
fn known_topics(
    image: &MetadataImage,
    version: i16,
    group: &Asked,
) -> (Option<Vec<FetchTopic>>, Vec<OffsetFetchResponseTopics>) {
    let Some(topics) = &group.topics else { return (None, Vec::new()) };
    let mut known = Vec::with_capacity(topics.len());
    let mut unknown = Vec::new();
    for topic in topics {
        let (name, topic_id) = if version < TOPIC_IDS_FROM {
            let id = image.topic(&topic.name).map_or(TopicId::ZERO, |known| known.id);
            (TopicName::from(&*topic.name), id)
        } else if let Some(known) = image.topic_by_id(topic.topic_id) {
            (TopicName::from(&*known.name), known.id)
        } else {
            unknown.push(failed_topic(topic, ErrorCode::UnknownTopicId));
            continue;
        };
        known.push(FetchTopic {
            topic: name,
            topic_id,
            partitions: topic.partition_indexes.iter().map(|&index| PartitionIndex(index)).collect(),
        });
    }
    (Some(known), unknown)
}

fn fetched_topics(
    image: &MetadataImage,
    caller: &Caller,
    fetched: FetchedGroup,
) -> Vec<OffsetFetchResponseTopics> {
    let mut topics = Vec::with_capacity(fetched.topics.len());
    for topic in fetched.topics {
        let mut topic_id = topic.topic_id;
        if caller.version >= TOPIC_IDS_FROM && topic_id == TopicId::ZERO {
            // Without an id there is no way to tell the client of the topic.
            let Some(known) = image.topic(topic.topic.as_str()) else { continue };
            topic_id = known.id;
        }
        topics.push(OffsetFetchResponseTopics {
            name: Text::from(topic.topic.as_str()),
            topic_id,
            partitions: topic.partitions.into_iter().map(fetched_partition).collect(),
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
        metadata: Some(Text::from(fetched.metadata)),
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
    let failed = |&partition_index: &i32| OffsetFetchResponsePartitions {
        partition_index,
        committed_offset: Offset::NONE.0,
        committed_leader_epoch: LeaderEpoch::NONE.0,
        error_code: code.code(),
        ..OffsetFetchResponsePartitions::default()
    };
    OffsetFetchResponseTopics {
        name: topic.name.clone(),
        topic_id: topic.topic_id,
        partitions: topic.partition_indexes.iter().map(failed).collect(),
        ..OffsetFetchResponseTopics::default()
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
    use crate::wire::MetadataRecord;
    use crate::wire::messages::TopicRecord;

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
        let (known, unknown) = known_topics(&image(), version, &group);
        let known = known.expect("topics were named");
        assert_eq!(known.len() + unknown.len(), topics.len());
        known.into_iter().map(|topic| (topic.topic.to_string(), topic.topic_id)).collect()
    }

    #[test]
    fn a_topic_that_is_only_named_is_asked_for_by_the_id_that_the_name_stands_for() {
        let named = [("orders", TopicId::ZERO), ("gone", TopicId::ZERO)];
        let expected = [("orders".to_owned(), TOPIC), ("gone".to_owned(), TopicId::ZERO)];
        for version in 0..TOPIC_IDS_FROM {
            assert_eq!(asked_of(version, &named), expected, "version {version}");
        }
        let by_id = [("", TOPIC), ("", TopicId([6; 16]))];
        assert_eq!(asked_of(TOPIC_IDS_FROM, &by_id), [("orders".to_owned(), TOPIC)]);
    }
}
