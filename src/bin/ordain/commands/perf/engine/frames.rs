use bytes::Bytes;
use ordain::client::producer::Acks;
use ordain::types::{CorrelationId, ProducerEpoch, ProducerId};
use ordain::wire::Text;
use ordain::wire::batch::NO_SEQUENCE;
use ordain::wire::frame::{decode_response, encode_request};
use ordain::wire::messages::ProduceRequest;
use ordain::wire::messages::produce_request::{PartitionProduceData, TopicProduceData};

use super::super::template::Template;
use crate::failure::Failure;

/// From this version on, messages have compact lengths and tags.
const FLEXIBLE_FROM: i16 = 9;
/// Where a request's correlation id stands: behind length, API key and version.
const CORRELATION_AT: usize = 8;

/// Produce requests with one batch of one partition, encoded once: a request differs from the next in its
/// correlation id, its partition and its batch's header.
pub struct ProduceFrames {
    version: i16,
    head: Vec<u8>,
    index_at: usize,
    tail: Bytes,
    topic: Text,
    batch_records: i32,
}

impl ProduceFrames {
    pub fn new(version: i16, topic: &str, acks: Acks, template: &Template) -> Result<ProduceFrames, Failure> {
        let topic = Text::from(topic);
        let batch = template.stamped(ProducerId::NONE, ProducerEpoch::NONE, NO_SEQUENCE);
        let batch_bytes = template.bytes();
        let request = ProduceRequest {
            acks: match acks {
                Acks::None => 0,
                Acks::Leader => 1,
                Acks::All => -1,
            },
            timeout_ms: 30_000,
            topic_data: vec![TopicProduceData {
                name: topic.clone(),
                partition_data: vec![PartitionProduceData {
                    index: 0,
                    records: Some(batch),
                    ..PartitionProduceData::default()
                }],
                ..TopicProduceData::default()
            }],
            ..ProduceRequest::default()
        };
        let client_id = Text::from_static("ordain-perf");
        let segments = encode_request(version, CorrelationId(0), Some(&client_id), &request)
            .map_err(|error| Failure::Message(format!("cannot encode a Produce request: {error}")))?;
        let whole: Vec<u8> = segments.iter().flat_map(|segment| segment.iter().copied()).collect();
        let tail_bytes = if version >= FLEXIBLE_FROM { 3 } else { 0 };
        let head_bytes = whole.len() - tail_bytes - batch_bytes;
        let length_bytes =
            if version >= FLEXIBLE_FROM { uvarint_bytes(batch_bytes + 1) } else { size_of::<i32>() };
        Ok(ProduceFrames {
            version,
            index_at: head_bytes - length_bytes - size_of::<i32>(),
            tail: Bytes::copy_from_slice(&whole[head_bytes + batch_bytes..]),
            head: whole[..head_bytes].to_vec(),
            topic,
            batch_records: template.records(),
        })
    }

    /// How many records each batch has.
    pub fn batch_records(&self) -> i32 {
        self.batch_records
    }

    /// Makes the head that of this request.
    pub fn patch(&mut self, correlation: i32, partition: i32) {
        self.head[CORRELATION_AT..CORRELATION_AT + 4].copy_from_slice(&correlation.to_be_bytes());
        self.head[self.index_at..self.index_at + 4].copy_from_slice(&partition.to_be_bytes());
    }

    /// What stands before the batch of the request that was patched last.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// What stands behind the batch of a request.
    pub fn tail(&self) -> &[u8] {
        &self.tail
    }

    /// Checks an answer: the request that is due, and no error.
    pub fn check(&self, answer: &Bytes, correlation: i32, partition: i32) -> Result<(), String> {
        if self.is_clean(answer, correlation, partition) {
            return Ok(());
        }
        let (told, decoded) = decode_response::<ProduceRequest>(self.version, answer.clone())
            .map_err(|error| format!("the answer to a Produce request cannot be read: {error}"))?;
        if told.0 != correlation {
            return Err(format!("the answer is for request {told}, due is the one for {correlation}"));
        }
        super::super::produce::refusal(&decoded)?;
        let answered = decoded.responses.iter().flat_map(|topic| &topic.partition_responses);
        match answered.map(|p| p.index).collect::<Vec<_>>()[..] {
            [index] if index == partition => Ok(()),
            ref other => Err(format!("the answer is for partitions {other:?}, asked was {partition}")),
        }
    }

    /// Whether the answer has exactly the bytes of one partition without error, up to its offset.
    fn is_clean(&self, answer: &[u8], correlation: i32, partition: i32) -> bool {
        let mut expected = [0_u8; 300];
        let name = self.topic.as_bytes();
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            expected[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        if self.version < FLEXIBLE_FROM || name.len() > 120 {
            return false;
        }
        put(&correlation.to_be_bytes());
        // No tags; one topic, by its name; one partition.
        put(&[0, 2, u8::try_from(name.len() + 1).unwrap_or(0)]);
        put(name);
        put(&[2]);
        put(&partition.to_be_bytes());
        put(&0_i16.to_be_bytes());
        answer.starts_with(&expected[..at])
    }
}

fn uvarint_bytes(value: usize) -> usize {
    let bits = (usize::BITS - value.leading_zeros()).max(1);
    bits.div_ceil(7) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use ordain::types::Timestamp;
    use ordain::wire::compression::Codec;
    use ordain::wire::frame::{RequestFrame, encode_response};
    use ordain::wire::messages::ProduceResponse;
    use ordain::wire::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};

    #[test]
    fn a_patched_frame_is_the_request_it_should_be() {
        for (version, bytes) in [(3, 100), (8, 400), (9, 100), (12, 12_000), (12, 1 << 20)] {
            let template = Template::filled(bytes, 100, Codec::None, Timestamp(1));
            let mut frames = ProduceFrames::new(version, "t", Acks::All, &template).unwrap();
            let stamped = template.stamped(ProducerId(7), ProducerEpoch(0), 30);
            frames.patch(77, 1234);
            let mut bytes = frames.head().to_vec();
            stamped.segments().iter().for_each(|segment| bytes.extend_from_slice(segment));
            bytes.extend_from_slice(frames.tail());
            let length = i32::from_be_bytes(bytes[..4].try_into().unwrap());
            assert_eq!(usize::try_from(length).unwrap(), bytes.len() - 4);
            let frame = RequestFrame::parse(Bytes::from(bytes).slice(4..)).unwrap();
            assert_eq!((frame.version, frame.correlation_id), (version, CorrelationId(77)));
            let request: ProduceRequest = frame.decode_as().unwrap();
            assert_eq!((request.acks, request.timeout_ms), (-1, 30_000));
            let data = &request.topic_data[0].partition_data[0];
            assert_eq!(data.index, 1234);
            assert_eq!(data.records.clone().unwrap().into_bytes(), stamped.into_bytes());
        }
    }

    fn answer(version: i16, correlation: i32, partition: i32, error_code: i16) -> Bytes {
        let response = ProduceResponse {
            responses: vec![TopicProduceResponse {
                name: Text::from_static("t"),
                partition_responses: vec![PartitionProduceResponse {
                    index: partition,
                    error_code,
                    ..PartitionProduceResponse::default()
                }],
                ..TopicProduceResponse::default()
            }],
            ..ProduceResponse::default()
        };
        let segments = encode_response(version, CorrelationId(correlation), &response).unwrap();
        Bytes::from(segments.concat()).slice(4..)
    }

    #[test]
    fn answers_are_checked() {
        let template = Template::single(100, Timestamp(1));
        for version in [8, 12] {
            let frames = ProduceFrames::new(version, "t", Acks::All, &template).unwrap();
            assert_eq!(frames.is_clean(&answer(version, 5, 2, 0), 5, 2), version == 12);
            assert_eq!(frames.check(&answer(version, 5, 2, 0), 5, 2), Ok(()));
            assert!(frames.check(&answer(version, 6, 2, 0), 5, 2).unwrap_err().contains("request 6"));
            assert!(frames.check(&answer(version, 5, 3, 0), 5, 2).unwrap_err().contains("[3]"));
            assert!(frames.check(&answer(version, 5, 2, 6), 5, 2).unwrap_err().contains("t-2"));
        }
    }

    #[test]
    fn lengths_of_uvarints() {
        let lengths = [(0, 1), (1, 1), (127, 1), (128, 2), (16_383, 2), (16_384, 3), (1 << 21, 4)];
        assert!(lengths.iter().all(|(value, bytes)| uvarint_bytes(*value) == *bytes));
    }
}
