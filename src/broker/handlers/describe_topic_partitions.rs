use std::collections::BTreeSet;
use std::sync::Arc;

use crate::broker::authorized_operations as operations;
use crate::broker::cluster_view::{ClusterView, Standings, numbers};
use crate::broker::{Caller, Context};
use crate::config::{is_internal_topic, validate_topic_name};
use crate::metadata::{MetadataImage, PartitionImage, TopicImage};
use crate::types::{ErrorCode, PartitionId, PartitionIndex};
use crate::wire::Text;
use crate::wire::messages::describe_topic_partitions_response::{
    Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use crate::wire::messages::{DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse};

/// DescribeTopicPartitions (key 75, KIP-966): topics in the order of their names, a bounded number of
/// partitions at a time.
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    caller: &Caller,
    request: DescribeTopicPartitionsRequest,
) -> DescribeTopicPartitionsResponse {
    let image = context.metadata();
    if let Some(refusal) = refuse(&request) {
        return refusal;
    }
    let limit = usize::try_from(request.response_partition_limit).unwrap_or(0);
    let limit = limit.min(context.config().fetch.described_partitions_max).max(1);
    let Page { topics, next } = page(&image, &request, limit);
    let ids = topics
        .iter()
        .filter_map(|described| Some((described.topic?, described)))
        .flat_map(|(topic, described)| {
            described.partitions.iter().map(|(index, _)| PartitionId { topic: topic.id, index: *index })
        })
        .collect();
    let standings = Standings::of(context, Some(ids)).await;
    let view = ClusterView { image: &image, listener: &caller.listener };
    let topics = topics.into_iter().map(|described| match described.topic {
        Some(topic) => DescribeTopicPartitionsResponseTopic {
            error_code: ErrorCode::None.code(),
            topic_id: topic.id,
            partitions: described
                .partitions
                .iter()
                .map(|&(index, partition)| describe(view, topic, index, partition, &standings))
                .collect(),
            ..named(&described.name)
        },
        None => {
            let code = match validate_topic_name(&described.name) {
                Ok(()) => ErrorCode::UnknownTopicOrPartition,
                Err(_) => ErrorCode::InvalidTopicException,
            };
            DescribeTopicPartitionsResponseTopic { error_code: code.code(), ..named(&described.name) }
        }
    });
    DescribeTopicPartitionsResponse {
        topics: topics.collect(),
        next_cursor: next,
        ..DescribeTopicPartitionsResponse::default()
    }
}

fn named(name: &str) -> DescribeTopicPartitionsResponseTopic {
    DescribeTopicPartitionsResponseTopic {
        name: Some(name.to_owned().into()),
        is_internal: is_internal_topic(name),
        topic_authorized_operations: operations::TOPIC,
        ..Default::default()
    }
}

/// A cursor has to stand at a partition of a topic that is asked for. The answer has no error of its own, so
/// every topic gets it, as in Kafka.
fn refuse(request: &DescribeTopicPartitionsRequest) -> Option<DescribeTopicPartitionsResponse> {
    let cursor = request.cursor.as_ref()?;
    let named = |topic: &crate::wire::messages::describe_topic_partitions_request::TopicRequest| {
        topic.name == cursor.topic_name
    };
    let inside = request.topics.is_empty() || request.topics.iter().any(named);
    if inside && cursor.partition_index >= 0 {
        return None;
    }
    let topics = request
        .topics
        .iter()
        .map(|topic| DescribeTopicPartitionsResponseTopic {
            error_code: ErrorCode::InvalidRequest.code(),
            name: Some(topic.name.clone()),
            ..Default::default()
        })
        .collect();
    Some(DescribeTopicPartitionsResponse { topics, ..DescribeTopicPartitionsResponse::default() })
}

/// What one answer holds.
struct Page<'a> {
    topics: Vec<Described<'a>>,
    /// Where the next one goes on.
    next: Option<Cursor>,
}

struct Described<'a> {
    name: Text,
    /// `None` if there is none of this name.
    topic: Option<&'a TopicImage>,
    partitions: Vec<(PartitionIndex, &'a PartitionImage)>,
}

fn page<'a>(image: &'a MetadataImage, request: &DescribeTopicPartitionsRequest, limit: usize) -> Page<'a> {
    let all = request.topics.is_empty();
    let names: BTreeSet<Text> = if all {
        image.topics().map(|topic| topic.name.to_string().into()).collect()
    } else {
        request.topics.iter().map(|topic| topic.name.clone()).collect()
    };
    let cursor = request.cursor.as_ref();
    let start = cursor.map_or("", |cursor| &cursor.topic_name);
    let mut left = limit;
    let mut topics = Vec::new();
    for name in names.into_iter().filter(|name| &**name >= start) {
        let at = |index: PartitionIndex| Cursor {
            topic_name: name.clone(),
            partition_index: index.0,
            ..Default::default()
        };
        if left == 0 {
            let next = Some(at(PartitionIndex(0)));
            return Page { topics, next };
        }
        let Some(topic) = image.topic(&name) else {
            topics.push(Described { name, topic: None, partitions: Vec::new() });
            continue;
        };
        let first =
            cursor.filter(|cursor| cursor.topic_name == name).map_or(0, |cursor| cursor.partition_index);
        let mut rest = topic.partitions.range(PartitionIndex(first)..).map(|(&index, one)| (index, &**one));
        let partitions: Vec<_> = rest.by_ref().take(left).collect();
        left -= partitions.len();
        let next = rest.next().map(|(index, _)| at(index));
        topics.push(Described { name: name.clone(), topic: Some(topic), partitions });
        if next.is_some() {
            return Page { topics, next };
        }
    }
    Page { topics, next: None }
}

fn describe(
    view: ClusterView<'_>,
    topic: &TopicImage,
    index: PartitionIndex,
    partition: &PartitionImage,
    standings: &Standings,
) -> DescribeTopicPartitionsResponsePartition {
    let seen = view.partition(PartitionId { topic: topic.id, index }, partition, standings);
    DescribeTopicPartitionsResponsePartition {
        partition_index: index.0,
        leader_id: seen.leader.map_or(-1, |node| node.0),
        leader_epoch: seen.leader_epoch.0,
        replica_nodes: numbers(&seen.replicas),
        isr_nodes: numbers(&seen.isr),
        // A majority elects whoever has everything; there is no list of those who may.
        eligible_leader_replicas: Some(Vec::new()),
        last_known_elr: Some(Vec::new()),
        offline_replicas: numbers(&seen.offline),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::TopicId;
    use crate::wire::MetadataRecord;
    use crate::wire::messages::describe_topic_partitions_request::{Cursor as Start, TopicRequest};
    use crate::wire::messages::{PartitionRecord, TopicRecord};

    fn image(topics: &[(&str, i32)]) -> MetadataImage {
        let mut image = MetadataImage::default();
        for (number, &(name, partitions)) in (1..).zip(topics) {
            let topic_id = TopicId([number; 16]);
            let topic = TopicRecord { name: name.into(), topic_id, ..Default::default() };
            image.apply(&MetadataRecord::Topic(topic)).expect("fits");
            for partition_id in 0..partitions {
                let partition = PartitionRecord { topic_id, partition_id, ..Default::default() };
                image.apply(&MetadataRecord::Partition(partition)).expect("fits");
            }
        }
        image
    }

    fn request(names: &[&str], cursor: Option<(&str, i32)>) -> DescribeTopicPartitionsRequest {
        let topic = |name: &&str| TopicRequest { name: (*name).into(), ..Default::default() };
        DescribeTopicPartitionsRequest {
            topics: names.iter().map(topic).collect(),
            cursor: cursor.map(|(name, partition_index)| Start {
                topic_name: name.into(),
                partition_index,
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    /// Topics with how many partitions a page has of each, and where the next page begins.
    type Contents = (Vec<(String, usize)>, Option<(String, i32)>);

    fn contents(page: &Page<'_>) -> Contents {
        let topics = page.topics.iter().map(|one| (one.name.to_string(), one.partitions.len())).collect();
        (topics, page.next.as_ref().map(|next| (next.topic_name.to_string(), next.partition_index)))
    }

    #[test]
    fn pages_follow_one_another_to_the_end() {
        let image = image(&[("b", 2), ("a", 3), ("c", 1)]);
        let named = |name: &str, count| (name.to_owned(), count);
        let at = |name: &str, index| Some((name.to_owned(), index));
        let first = page(&image, &request(&[], None), 2);
        assert_eq!(contents(&first), (vec![named("a", 2)], at("a", 2)));
        let second = page(&image, &request(&[], Some(("a", 2))), 2);
        assert_eq!(contents(&second), (vec![named("a", 1), named("b", 1)], at("b", 1)));
        let third = page(&image, &request(&[], Some(("b", 1))), 2);
        assert_eq!(contents(&third), (vec![named("b", 1), named("c", 1)], None));
        let full = page(&image, &request(&[], None), 3);
        assert_eq!(contents(&full), (vec![named("a", 3)], at("b", 0)));
    }

    #[test]
    fn unknown_topics_are_told_only_if_named() {
        let image = image(&[("a", 1)]);
        let asked = page(&image, &request(&["nowhere", "a"], None), 5);
        assert_eq!(asked.topics.len(), 2);
        assert!(asked.topics[1].topic.is_none());
        let gone = page(&image, &request(&[], Some(("a0", 4))), 5);
        assert_eq!(contents(&gone), (vec![], None));
    }

    #[test]
    fn a_cursor_has_to_be_inside() {
        assert!(refuse(&request(&["a"], Some(("b", 0)))).is_some());
        assert!(refuse(&request(&[], Some(("b", -1)))).is_some());
        assert!(refuse(&request(&["b"], Some(("b", 0)))).is_none());
    }
}
