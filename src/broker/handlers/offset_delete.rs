use std::collections::BTreeMap;
use std::sync::Arc;

use crate::broker::errors::AsErrorCode;
use crate::broker::group_requests::{ask, code};
use crate::broker::{Caller, Context};
use crate::coordinator::group::command::{GroupCommand, GroupResponse, OffsetDelete};
use crate::coordinator::group::{GroupId, TopicName};
use crate::types::{ErrorCode, PartitionIndex};
use crate::wire::Text;
use crate::wire::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use crate::wire::messages::{OffsetDeleteRequest, OffsetDeleteResponse};

/// OffsetDelete (key 47).
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    _caller: &Caller,
    request: OffsetDeleteRequest,
) -> OffsetDeleteResponse {
    let image = context.metadata();
    let mut answers = Answers::default();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        let mut known = Vec::with_capacity(topic.partitions.len());
        for partition in &topic.partitions {
            let index = PartitionIndex(partition.partition_index);
            if image.topic(&topic.name).is_some_and(|image| image.partitions.contains_key(&index)) {
                known.push(index);
            } else {
                answers.add(&topic.name, index, ErrorCode::UnknownTopicOrPartition.code());
            }
        }
        if !known.is_empty() {
            topics.push((TopicName::from(&*topic.name), known));
        }
    }
    // Asked in any case: the group's own error goes before those of its topics.
    let group_id = GroupId::from(&*request.group_id);
    let command = GroupCommand::DeleteOffsets(OffsetDelete { group_id, topics });
    let result = ask(context, &request.group_id, command, |response| match response {
        GroupResponse::DeleteOffsets(result) => Some(result),
        _ => None,
    })
    .await;
    match result {
        Ok(Ok(deleted)) => {
            // As in Kafka: only where nothing was refused before do topics that are named again stay apart.
            let apart = answers.topics.is_empty();
            for topic in deleted {
                let name = Text::from(topic.topic.as_str());
                if apart {
                    answers.push(name.clone());
                }
                for (index, error) in topic.partitions {
                    answers.add(&name, index, code(error.as_ref()));
                }
            }
            OffsetDeleteResponse { topics: answers.topics, ..OffsetDeleteResponse::default() }
        }
        Ok(Err(error)) => refused(error.error_code()),
        Err(error) => refused(error.error_code()),
    }
}

/// The topics of the response as they grow.
#[derive(Default)]
struct Answers {
    topics: Vec<OffsetDeleteResponseTopic>,
    /// Where each topic stands; of one that stands apart, where it stands last.
    places: BTreeMap<Text, usize>,
}

impl Answers {
    /// Answers a topic behind the others, though it may stand among them.
    fn push(&mut self, name: Text) -> usize {
        let place = self.topics.len();
        self.places.insert(name.clone(), place);
        self.topics.push(OffsetDeleteResponseTopic { name, ..Default::default() });
        place
    }

    /// Answers a partition; a topic stands where it was first answered.
    fn add(&mut self, name: &Text, index: PartitionIndex, error_code: i16) {
        let place = match self.places.get(name) {
            Some(&place) => place,
            None => self.push(name.clone()),
        };
        let partition_index = index.0;
        self.topics[place].partitions.push(OffsetDeleteResponsePartition { partition_index, error_code });
    }
}

fn refused(code: ErrorCode) -> OffsetDeleteResponse {
    OffsetDeleteResponse { error_code: code.code(), ..OffsetDeleteResponse::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_joins_where_its_topic_stands_last() {
        let mut answers = Answers::default();
        answers.add(&"a".into(), PartitionIndex(0), 3);
        answers.add(&"b".into(), PartitionIndex(0), 3);
        answers.add(&"a".into(), PartitionIndex(1), 3);
        answers.push("a".into());
        answers.add(&"a".into(), PartitionIndex(2), 3);
        let indexes = |topic: &OffsetDeleteResponseTopic| -> Vec<i32> {
            topic.partitions.iter().map(|partition| partition.partition_index).collect()
        };
        let found: Vec<_> = answers.topics.iter().map(|topic| (&*topic.name, indexes(topic))).collect();
        assert_eq!(found, [("a", vec![0, 1]), ("b", vec![0]), ("a", vec![2])]);
    }
}
