use std::collections::BTreeMap;
use std::sync::Arc;

use crate::broker::errors::AsErrorCode;
use crate::broker::group_requests::{ask, code, instance_id, member_id};
use crate::broker::{Caller, Context};
use crate::coordinator::group::command::{
    CommitPartition, CommitTopic, CommittedTopic, GroupCommand, GroupResponse, OffsetCommit,
};
use crate::coordinator::group::{GroupId, TopicName};
use crate::metadata::MetadataImage;
use crate::types::{ErrorCode, LeaderEpoch, Offset, PartitionIndex, TopicId};
use crate::wire::Text;
use crate::wire::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use crate::wire::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use crate::wire::messages::{OffsetCommitRequest, OffsetCommitResponse};

/// The version from which topics are named by their ids alone (KIP-848).
const TOPIC_IDS_FROM: i16 = 10;
/// The version from which an unknown group is told as such.
const GROUP_ID_NOT_FOUND_FROM: i16 = 9;

/// OffsetCommit (key 8).
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    caller: &Caller,
    request: OffsetCommitRequest,
) -> OffsetCommitResponse {
    let mut answers = Answers::new(caller.version >= TOPIC_IDS_FROM);
    let image = context.metadata();
    let topics: Vec<CommitTopic> =
        request.topics.iter().filter_map(|topic| known_part(&image, topic, &mut answers)).collect();
    if topics.is_empty() {
        return answers.response();
    }
    let command = GroupCommand::CommitOffsets(OffsetCommit {
        group_id: GroupId::from(&*request.group_id),
        generation_id: request.generation_id_or_member_epoch,
        member_id: member_id(&request.member_id),
        group_instance_id: instance_id(request.group_instance_id.as_ref()),
        retention_time_ms: (request.retention_time_ms != -1).then_some(request.retention_time_ms),
        knows_group_id_not_found: caller.version >= GROUP_ID_NOT_FOUND_FROM,
        topics,
    });
    let result = ask(context, &request.group_id, command, |response| match response {
        GroupResponse::CommitOffsets(result) => Some(result),
        _ => None,
    })
    .await;
    match result {
        Ok(Ok(committed)) => answers.committed(committed),
        Ok(Err(error)) => answers.refused(&image, &request.topics, error.error_code()),
        Err(error) => answers.refused(&image, &request.topics, error.error_code()),
    }
    answers.response()
}

/// What of a topic there is to commit to; the rest is answered.
fn known_part(
    image: &MetadataImage,
    topic: &OffsetCommitRequestTopic,
    answers: &mut Answers,
) -> Option<CommitTopic> {
    let known = if answers.by_id { image.topic_by_id(topic.topic_id) } else { image.topic(&topic.name) };
    let Some(known) = known else {
        let code = if answers.by_id { ErrorCode::UnknownTopicId } else { ErrorCode::UnknownTopicOrPartition };
        answers.place(&topic.name, topic.topic_id);
        for partition in &topic.partitions {
            answers.add(&topic.name, topic.topic_id, partition.partition_index, code.code());
        }
        return None;
    };
    let mut partitions = Vec::with_capacity(topic.partitions.len());
    for partition in &topic.partitions {
        let index = PartitionIndex(partition.partition_index);
        if known.partitions.contains_key(&index) {
            partitions.push(commit_partition(partition));
        } else {
            answers.add(&topic.name, topic.topic_id, index.0, ErrorCode::UnknownTopicOrPartition.code());
        }
    }
    let topic = TopicName::from(&*known.name);
    (!partitions.is_empty()).then_some(CommitTopic { topic, topic_id: known.id, partitions })
}

fn commit_partition(partition: &OffsetCommitRequestPartition) -> CommitPartition {
    CommitPartition {
        partition: PartitionIndex(partition.partition_index),
        offset: Offset(partition.committed_offset),
        leader_epoch: LeaderEpoch(partition.committed_leader_epoch),
        metadata: partition.committed_metadata.as_ref().map(ToString::to_string),
    }
}

/// The response as it grows: a topic stands where it was first answered. Only where nothing was refused before do topics that are named
/// again stay apart, as in Kafka.
struct Answers {
    by_id: bool,
    topics: Vec<OffsetCommitResponseTopic>,
    /// Where each topic stands; of one that stands apart, where it stands last.
    places: BTreeMap<TopicKey, usize>,
}

/// What tells topics apart.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum TopicKey {
    Name(Text),
    Id(TopicId),
}

impl Answers {
    fn new(by_id: bool) -> Answers {
        Answers { by_id, topics: Vec::new(), places: BTreeMap::new() }
    }

    fn key(&self, name: &Text, topic_id: TopicId) -> TopicKey {
        if self.by_id { TopicKey::Id(topic_id) } else { TopicKey::Name(name.clone()) }
    }

    /// Answers a topic behind the others, though it may stand among them.
    fn push(&mut self, name: Text, topic_id: TopicId) -> usize {
        let place = self.topics.len();
        self.places.insert(self.key(&name, topic_id), place);
        self.topics.push(OffsetCommitResponseTopic { name, topic_id, ..Default::default() });
        place
    }

    /// Where a topic stands.
    fn place(&mut self, name: &Text, topic_id: TopicId) -> usize {
        match self.places.get(&self.key(name, topic_id)) {
            Some(&place) => place,
            None => self.push(name.clone(), topic_id),
        }
    }

    fn add(&mut self, name: &Text, topic_id: TopicId, partition_index: i32, error_code: i16) {
        let place = self.place(name, topic_id);
        let partition = OffsetCommitResponsePartition { partition_index, error_code, ..Default::default() };
        self.topics[place].partitions.push(partition);
    }

    fn committed(&mut self, topics: Vec<CommittedTopic>) {
        let apart = self.topics.is_empty();
        for topic in topics {
            let name = Text::from(topic.topic.as_str());
            if apart {
                self.push(name.clone(), topic.topic_id);
            }
            for (partition, error) in &topic.partitions {
                self.add(&name, topic.topic_id, partition.0, code(error.as_ref()));
            }
        }
    }

    /// Nothing of what there was to commit to was committed.
    fn refused(&mut self, image: &MetadataImage, topics: &[OffsetCommitRequestTopic], error: ErrorCode) {
        let apart = self.topics.is_empty();
        for topic in topics {
            let known = if self.by_id { image.topic_by_id(topic.topic_id) } else { image.topic(&topic.name) };
            let Some(known) = known else { continue };
            let name = Text::from(&*known.name);
            if apart && !topic.partitions.is_empty() {
                self.push(name.clone(), known.id);
            }
            for partition in &topic.partitions {
                if known.partitions.contains_key(&PartitionIndex(partition.partition_index)) {
                    self.add(&name, known.id, partition.partition_index, error.code());
                }
            }
        }
    }

    fn response(self) -> OffsetCommitResponse {
        OffsetCommitResponse { topics: self.topics, ..OffsetCommitResponse::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The topics of a response by the first letter of their names or byte of their ids, with their partitions.
    fn shape(answers: &Answers) -> Vec<(u8, Vec<i32>)> {
        let letter =
            |topic: &OffsetCommitResponseTopic| topic.name.bytes().next().unwrap_or(topic.topic_id.0[0]);
        let indexes = |topic: &OffsetCommitResponseTopic| {
            topic.partitions.iter().map(|partition| partition.partition_index).collect()
        };
        answers.topics.iter().map(|topic| (letter(topic), indexes(topic))).collect()
    }

    fn committed(name: &str, index: i32) -> CommittedTopic {
        let partitions = vec![(PartitionIndex(index), None)];
        CommittedTopic { topic: TopicName::from(name), topic_id: TopicId::ZERO, partitions }
    }

    #[test]
    fn a_topic_that_is_named_again_joins_its_first_mention_where_something_was_refused() {
        let mut answers = Answers::new(false);
        answers.add(&"a".into(), TopicId::ZERO, 0, 3);
        answers.add(&"b".into(), TopicId::ZERO, 0, 3);
        answers.add(&"a".into(), TopicId::ZERO, 1, 3);
        answers.committed(vec![committed("b", 1), committed("c", 0), committed("c", 1)]);
        assert_eq!(shape(&answers), [(b'a', vec![0, 1]), (b'b', vec![0, 1]), (b'c', vec![0, 1])]);
    }

    #[test]
    fn a_topic_that_is_named_again_stays_apart_where_nothing_was_refused() {
        let mut answers = Answers::new(false);
        answers.committed(vec![committed("a", 0), committed("b", 0), committed("a", 1)]);
        assert_eq!(shape(&answers), [(b'a', vec![0]), (b'b', vec![0]), (b'a', vec![1])]);
    }

    #[test]
    fn ids_tell_topics_apart_where_they_are_named_by_ids() {
        let mut answers = Answers::new(true);
        for (id, index) in [(1, 0), (2, 0), (1, 1)] {
            answers.add(&Text::new(), TopicId([id; 16]), index, 100);
        }
        assert_eq!(shape(&answers), [(1, vec![0, 1]), (2, vec![0])]);
    }
}
