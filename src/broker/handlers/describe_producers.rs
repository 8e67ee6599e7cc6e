use std::sync::Arc;

use crate::broker::errors::{ApiError, AsErrorCode};
use crate::broker::{Caller, Context};
use crate::config::validate_topic_name;
use crate::log::producers::ProducerEntry;
use crate::metadata::{MetadataImage, TopicImage};
use crate::types::{ErrorCode, Offset, PartitionId, PartitionIndex, ProducerId};
use crate::wire::messages::describe_producers_response::{PartitionResponse, ProducerState, TopicResponse};
use crate::wire::messages::{DescribeProducersRequest, DescribeProducersResponse};

/// DescribeProducers (key 61, KIP-664).
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    _caller: &Caller,
    request: DescribeProducersRequest,
) -> DescribeProducersResponse {
    let image = context.metadata();
    let mut topics = Vec::with_capacity(request.topics.len());
    for asked in request.topics {
        let topic = find(&image, &asked.name);
        let mut partitions = Vec::with_capacity(asked.partition_indexes.len());
        for index in asked.partition_indexes {
            let producers = match &topic {
                Ok(topic) => producers(context, topic, PartitionIndex(index)).await,
                Err(error) => Err(error.clone()),
            };
            partitions.push(match producers {
                Ok(producers) => PartitionResponse {
                    partition_index: index,
                    active_producers: producers.into_iter().map(state).collect(),
                    ..Default::default()
                },
                Err(error) => PartitionResponse {
                    partition_index: index,
                    error_code: error.code.code(),
                    error_message: error.text(),
                    ..Default::default()
                },
            });
        }
        topics.push(TopicResponse { name: asked.name, partitions, ..Default::default() });
    }
    DescribeProducersResponse { topics, ..DescribeProducersResponse::default() }
}

fn find<'a>(image: &'a MetadataImage, name: &str) -> Result<&'a Arc<TopicImage>, ApiError> {
    validate_topic_name(name)
        .map_err(|error| ApiError::new(ErrorCode::InvalidTopicException, error.to_string()))?;
    image.topic(name).ok_or_else(|| {
        ApiError::new(ErrorCode::UnknownTopicOrPartition, format!("there is no topic {name:?}"))
    })
}

/// The partition's producers; errors of a single partition come without words, as in Kafka.
async fn producers(
    context: &Context,
    topic: &TopicImage,
    index: PartitionIndex,
) -> Result<Vec<(ProducerId, ProducerEntry)>, ApiError> {
    if !topic.partitions.contains_key(&index) {
        return Err(ApiError::bare(ErrorCode::UnknownTopicOrPartition));
    }
    match context.partitions.producers(PartitionId { topic: topic.id, index }).await {
        Ok(Ok(producers)) => Ok(producers),
        Ok(Err(error)) => Err(ApiError::bare(error.error_code())),
        Err(_closed) => Err(ApiError::bare(ErrorCode::NotLeaderOrFollower)),
    }
}

fn state((id, producer): (ProducerId, ProducerEntry)) -> ProducerState {
    ProducerState {
        producer_id: id.0,
        producer_epoch: i32::from(producer.epoch().0),
        last_sequence: producer.last_sequence(),
        last_timestamp: producer.last_timestamp().0,
        coordinator_epoch: producer.coordinator_epoch(),
        current_txn_start_offset: producer.transaction_first_offset().unwrap_or(Offset::NONE).0,
        ..Default::default()
    }
}
