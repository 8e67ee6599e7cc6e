use std::collections::BTreeMap;
use std::sync::Arc;

use crate::broker::errors::{ApiError, AsErrorCode};
use crate::broker::repeats::Repeats;
use crate::broker::{Caller, Context};
use crate::config::validate_topic_name;
use crate::log::producers::ProducerEntry;
use crate::metadata::{MetadataImage, TopicImage};
use crate::types::limits::REPEATED_BYTES_MAX;
use crate::types::{ErrorCode, Offset, PartitionId, PartitionIndex, ProducerId};
use crate::wire::Text;
use crate::wire::messages::describe_producers_response::{PartitionResponse, ProducerState, TopicResponse};
use crate::wire::messages::{DescribeProducersRequest, DescribeProducersResponse};

/// DescribeProducers (key 61, KIP-664).
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    _caller: &Caller,
    request: DescribeProducersRequest,
) -> DescribeProducersResponse {
    let image = context.metadata();
    let mut answers = Answers::new(REPEATED_BYTES_MAX);
    for asked in request.topics {
        let topic = find(&image, &asked.name);
        answers.begin(asked.name);
        let topic = match topic {
            Ok(topic) => topic,
            Err(error) => {
                answers.refuse(&asked.partition_indexes, &error);
                continue;
            }
        };
        for index in asked.partition_indexes {
            let id = PartitionId { topic: topic.id, index: PartitionIndex(index) };
            if !topic.partitions.contains_key(&id.index) {
                answers.push(refused(index, ErrorCode::UnknownTopicOrPartition, None));
            } else if !answers.tell_again(id) {
                let producers = producers(context, id).await;
                answers.tell(id, producers);
            }
        }
    }
    DescribeProducersResponse { topics: answers.topics, ..DescribeProducersResponse::default() }
}

/// The response as it grows. A partition that is named again is told as it was before.
struct Answers {
    topics: Vec<TopicResponse>,
    /// Where each partition that there is was told first: the place of its topic, and its own.
    places: BTreeMap<PartitionId, (usize, usize)>,
    repeats: Repeats,
}

impl Answers {
    /// With so many bytes at most of what is told again.
    fn new(repeated_bytes_max: usize) -> Answers {
        Answers { topics: Vec::new(), places: BTreeMap::new(), repeats: Repeats::new(repeated_bytes_max) }
    }

    /// The partitions that come now are this topic's.
    fn begin(&mut self, name: Text) {
        self.topics.push(TopicResponse { name, ..Default::default() });
    }

    fn push(&mut self, partition: PartitionResponse) {
        let topic = self.topics.last_mut().expect("its topic has begun");
        topic.partitions.push(partition);
    }

    fn tell(&mut self, id: PartitionId, producers: Result<Vec<(ProducerId, ProducerEntry)>, ApiError>) {
        let partition_index = id.index.0;
        let topic = self.topics.len() - 1;
        self.places.insert(id, (topic, self.topics[topic].partitions.len()));
        let producers = match producers {
            Ok(producers) => producers,
            Err(error) => return self.push(refused(partition_index, error.code, error.text())),
        };
        let active_producers = producers.into_iter().map(state).collect();
        self.push(PartitionResponse { partition_index, active_producers, ..Default::default() });
    }

    /// Whether the partition has been told before, and so is now.
    fn tell_again(&mut self, id: PartitionId) -> bool {
        let Some(&(topic, place)) = self.places.get(&id) else { return false };
        let first = &self.topics[topic].partitions[place];
        let partition = if self.repeats.admits(size_of_val(first.active_producers.as_slice())) {
            first.clone()
        } else {
            refused(id.index.0, ErrorCode::InvalidRequest, Some(self.repeats.refusal()))
        };
        self.push(partition);
        true
    }

    /// What is wrong with the topic, in words for as many of its partitions as may be.
    fn refuse(&mut self, indexes: &[i32], error: &ApiError) {
        let words = error.text();
        let bytes = words.as_ref().map_or(0, |words| words.len());
        for &index in indexes {
            let is_told = self.repeats.admits(bytes);
            self.push(refused(index, error.code, words.clone().filter(|_| is_told)));
        }
    }
}

fn refused(partition_index: i32, code: ErrorCode, error_message: Option<Text>) -> PartitionResponse {
    PartitionResponse { partition_index, error_code: code.code(), error_message, ..Default::default() }
}

fn find<'a>(image: &'a MetadataImage, name: &str) -> Result<&'a Arc<TopicImage>, ApiError> {
    validate_topic_name(name)
        .map_err(|error| ApiError::new(ErrorCode::InvalidTopicException, error.to_string()))?;
    image.topic(name).ok_or_else(|| {
        ApiError::new(ErrorCode::UnknownTopicOrPartition, format!("there is no topic {name:?}"))
    })
}

/// The partition's producers; errors of a single partition come without words, as in Kafka.
async fn producers(context: &Context, id: PartitionId) -> Result<Vec<(ProducerId, ProducerEntry)>, ApiError> {
    match context.partitions.producers(id).await {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::TopicId;

    fn id(index: i32) -> PartitionId {
        PartitionId { topic: TopicId([7; 16]), index: PartitionIndex(index) }
    }

    #[test]
    fn a_partition_is_told_as_often_as_it_is_named_until_that_is_too_much() {
        let mut answers = Answers::new(2 * size_of::<ProducerState>());
        answers.begin("orders".into());
        assert!(!answers.tell_again(id(0)), "not told yet");
        answers.tell(id(0), Ok(Vec::new()));
        assert!(answers.tell_again(id(0)), "nobody is asked again");
        // As `tell` does with two producers.
        answers.places.insert(id(1), (0, 2));
        let active_producers = vec![ProducerState::default(); 2];
        answers.push(PartitionResponse { partition_index: 1, active_producers, ..Default::default() });
        answers.begin("orders".into());
        assert!(answers.tell_again(id(1)) && answers.tell_again(id(1)));
        let [first, again] = &answers.topics[..] else { panic!("two topics") };
        assert_eq!(again.partitions[0], first.partitions[2]);
        let refused = &again.partitions[1];
        assert_eq!((refused.partition_index, refused.active_producers.len()), (1, 0));
        assert_eq!(refused.error_code, ErrorCode::InvalidRequest.code());
        assert!(refused.error_message.is_some());
    }

    #[test]
    fn what_is_wrong_with_a_topic_is_told_in_words_until_that_is_too_much() {
        let mut answers = Answers::new(9);
        answers.begin("orders".into());
        let error = ApiError::new(ErrorCode::UnknownTopicOrPartition, "gone");
        answers.refuse(&[0, 1, 2], &error);
        let partitions = &answers.topics[0].partitions;
        assert!(partitions.iter().all(|partition| partition.error_code == error.code.code()));
        let words: Vec<_> = partitions.iter().map(|partition| partition.error_message.is_some()).collect();
        assert_eq!(words, [true, true, false]);
    }
}
