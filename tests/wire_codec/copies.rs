//! What a decode leaves where it lies.
use bytes::Bytes;
use ordain::types::{CorrelationId, TopicId};
use ordain::wire::messages::{ProduceRequest, produce_request};
use ordain::wire::{Records, RequestFrame, encode_request};

use crate::allocation::reserved;

const RECORD_BYTES: usize = 1 << 20;

#[test]
fn a_produce_is_decoded_without_a_copy_of_its_records() {
    let partition = produce_request::PartitionProduceData {
        records: Some(Bytes::from(vec![0x5a; RECORD_BYTES]).into()),
        ..Default::default()
    };
    let topic = produce_request::TopicProduceData {
        topic_id: TopicId([7; 16]),
        partition_data: vec![partition],
        ..Default::default()
    };
    let request = ProduceRequest { acks: -1, topic_data: vec![topic], ..Default::default() };
    let frame = encode_request(13, CorrelationId(1), None, &request).unwrap();
    let frame = Records::from(frame).into_bytes().slice(4..);
    let (decoded, in_all, _) =
        reserved(|| RequestFrame::parse(frame.clone()).unwrap().decode_as::<ProduceRequest>().unwrap());
    assert!(in_all < 1024, "{in_all} bytes were reserved for a request of one partition");
    let records = decoded.topic_data[0].partition_data[0].records.clone().unwrap().into_bytes();
    assert_eq!(records.len(), RECORD_BYTES);
    let frame_at = frame.as_ptr() as usize;
    let at = records.as_ptr() as usize;
    assert!(at >= frame_at && at + records.len() <= frame_at + frame.len(), "they lie in the frame");
}
