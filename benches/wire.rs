//! What the codec costs where it matters: large requests in, large responses out.
use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use ordain::types::{CorrelationId, TopicId};
use ordain::wire::messages::{
    FetchResponse, MetadataResponse, ProduceRequest, fetch_response, metadata_response, produce_request,
};
use ordain::wire::{Records, RequestFrame, encode_request, encode_response};

/// A Produce of 1 MiB in one partition: the frame without its length.
fn produce_frame() -> Bytes {
    let partition = produce_request::PartitionProduceData {
        records: Some(Bytes::from(vec![0x5a; 1 << 20]).into()),
        ..Default::default()
    };
    let topic = produce_request::TopicProduceData {
        topic_id: TopicId([7; 16]),
        partition_data: vec![partition],
        ..Default::default()
    };
    let request =
        ProduceRequest { acks: -1, timeout_ms: 30_000, topic_data: vec![topic], ..Default::default() };
    let client = "bench".into();
    let frame = encode_request(13, CorrelationId(1), Some(&client), &request).expect("it is well formed");
    Records::from(frame).into_bytes().slice(4..)
}

/// Ten topics of a hundred partitions, three replicas each.
fn metadata() -> MetadataResponse {
    let partition = |index| metadata_response::MetadataResponsePartition {
        partition_index: index,
        leader_id: index % 3,
        leader_epoch: 5,
        replica_nodes: vec![0, 1, 2],
        isr_nodes: vec![0, 1, 2],
        ..Default::default()
    };
    let topic = |n: u8| metadata_response::MetadataResponseTopic {
        name: Some(format!("topic-{n}").into()),
        topic_id: TopicId([n; 16]),
        partitions: (0..100).map(partition).collect(),
        ..Default::default()
    };
    MetadataResponse { topics: (0..10).map(topic).collect(), ..Default::default() }
}

/// A hundred partitions with 64 KiB each.
fn fetch() -> FetchResponse {
    let records = Bytes::from(vec![0x5a; 64 << 10]);
    let partition = |index| fetch_response::PartitionData {
        partition_index: index,
        high_watermark: 1000,
        records: Some(records.clone().into()),
        ..Default::default()
    };
    let topic = fetch_response::FetchableTopicResponse {
        partitions: (0..100).map(partition).collect(),
        ..Default::default()
    };
    FetchResponse { responses: vec![topic], ..Default::default() }
}

fn benches(c: &mut Criterion) {
    let frame = produce_frame();
    c.bench_function("decode Produce 13 with 1 MiB of records", |b| {
        b.iter(|| {
            let request = RequestFrame::parse(black_box(frame.clone())).expect("it is well formed");
            black_box(request.decode_as::<ProduceRequest>().expect("it is well formed"))
        });
    });
    let metadata = metadata();
    c.bench_function("encode Metadata 13 of 1,000 partitions", |b| {
        b.iter(|| encode_response(13, CorrelationId(1), black_box(&metadata)).expect("it is well formed"));
    });
    let fetch = fetch();
    c.bench_function("encode Fetch 17 of 100 partitions with 64 KiB each", |b| {
        b.iter(|| encode_response(17, CorrelationId(1), black_box(&fetch)).expect("it is well formed"));
    });
}

criterion_group!(wire, benches);
criterion_main!(wire);
