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
    let mut answers = Vec::new();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        let mut known = Vec::with_capacity(topic.partitions.len());
        for partition in &topic.partitions {
            let index = PartitionIndex(partition.partition_index);
            if image.topic(&topic.name).is_some_and(|image| image.partitions.contains_key(&index)) {
                known.push(index);
            } else {
                add(&mut answers, &topic.name, index, ErrorCode::UnknownTopicOrPartition.code());
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
            let apart = answers.is_empty();
            for topic in deleted {
                let name = topic.topic.as_str();
                if apart {
                    answers.push(OffsetDeleteResponseTopic { name: Text::from(name), ..Default::default() });
                }
                for (index, error) in topic.partitions {
                    add(&mut answers, name, index, code(error.as_ref()));
                }
            }
            OffsetDeleteResponse { topics: answers, ..OffsetDeleteResponse::default() }
        }
        Ok(Err(error)) => refused(error.error_code()),
        Err(error) => refused(error.error_code()),
    }
}

/// Answers a partition; a topic stands where it was first answered.
fn add(topics: &mut Vec<OffsetDeleteResponseTopic>, name: &str, index: PartitionIndex, error_code: i16) {
    let place = topics.iter().rposition(|topic| *topic.name == *name).unwrap_or_else(|| {
        topics.push(OffsetDeleteResponseTopic { name: Text::from(name), ..Default::default() });
        topics.len() - 1
    });
    let partition_index = index.0;
    topics[place].partitions.push(OffsetDeleteResponsePartition { partition_index, error_code });
}

fn refused(code: ErrorCode) -> OffsetDeleteResponse {
    OffsetDeleteResponse { error_code: code.code(), ..OffsetDeleteResponse::default() }
}
