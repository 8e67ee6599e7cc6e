//! A whole node on real sockets and files, driven by wire bytes.
#![cfg(feature = "runtime")]
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test of the real twins")]
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use ordain::config::{Inputs, load};
use ordain::io::{Connection, Io, read_exact, real, write_all_vectored};
use ordain::metadata::controller::{NewTopic, TopicRules, create_topics};
use ordain::server::Node;
use ordain::types::{CorrelationId, Timestamp, TopicId};
use ordain::wire::batch::{BatchBuilder, BatchCheck, BatchIterator, BatchOptions, NewRecord};
use ordain::wire::messages::fetch_request::{FetchPartition, FetchTopic};
use ordain::wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use ordain::wire::messages::{FetchRequest, FetchResponse, ProduceRequest, ProduceResponse};
use ordain::wire::{ApiRequest, Records, decode_response, encode_request};

const TOPIC: TopicId = TopicId([9; 16]);

async fn start(directory: &Path) -> (Io, Node) {
    let io = real::io(real::Options::new(directory)).expect("the directory can be used");
    let overrides = [
        "listeners=PLAINTEXT://127.0.0.1:0".to_owned(),
        "ordain.journal.file.bytes=1048576".to_owned(),
        "ordain.journal.files=4".to_owned(),
    ];
    let inputs = Inputs { file: None, environment: &[], overrides: &overrides };
    let loaded = load(&inputs, None).expect("the configuration is right");
    let node = Node::start(io.clone(), Arc::new(loaded.broker), Arc::new(loaded.settings)).await;
    (io, node.expect("the node starts"))
}

async fn connect(io: &Io, node: &Node) -> Connection {
    let port = node.listeners()[0].address.port();
    io.net.connect("127.0.0.1", port).await.expect("the node listens")
}

async fn ask<R: ApiRequest>(connection: &mut Connection, version: i16, request: &R) -> R::Response {
    let mut frame = encode_request(version, CorrelationId(7), None, request).expect("it can be encoded");
    write_all_vectored(&mut *connection.write, &mut frame).await.expect("it can be sent");
    let mut buffer = BytesMut::new();
    read_exact(&mut *connection.read, &mut buffer, 4).await.expect("an answer comes");
    let length = i32::from_be_bytes(buffer[..4].try_into().unwrap()) as usize;
    read_exact(&mut *connection.read, &mut buffer, 4 + length).await.expect("a whole answer comes");
    let (id, response) = decode_response::<R>(version, buffer.freeze().slice(4..)).expect("it can be read");
    assert_eq!(id, CorrelationId(7));
    response
}

fn batch(values: &[&str]) -> Bytes {
    let mut builder = BatchBuilder::new(BatchOptions::plain(1 << 20));
    for value in values {
        let record =
            NewRecord { timestamp: Timestamp(1000), key: None, value: Some(value.as_bytes()), headers: &[] };
        builder.append(record).unwrap();
    }
    builder.build().into_batch().to_bytes()
}

async fn produce(connection: &mut Connection, partition: i32, records: Bytes) -> ProduceResponse {
    let data = PartitionProduceData {
        index: partition,
        records: Some(Records::from(records)),
        ..Default::default()
    };
    let topic = TopicProduceData { topic_id: TOPIC, partition_data: vec![data], ..Default::default() };
    let request =
        ProduceRequest { acks: -1, timeout_ms: 1000, topic_data: vec![topic], ..Default::default() };
    ask(connection, 13, &request).await
}

async fn fetch(connection: &mut Connection, partition: i32, offset: i64, wait_ms: i32) -> FetchResponse {
    let partition = FetchPartition {
        partition,
        fetch_offset: offset,
        partition_max_bytes: 1 << 20,
        ..Default::default()
    };
    let topic = FetchTopic { topic_id: TOPIC, partitions: vec![partition], ..Default::default() };
    let request = FetchRequest {
        max_wait_ms: wait_ms,
        min_bytes: 1,
        max_bytes: 1 << 20,
        topics: vec![topic],
        ..Default::default()
    };
    ask(connection, 17, &request).await
}

fn values(response: &FetchResponse) -> Vec<String> {
    let data = &response.responses[0].partitions[0];
    assert_eq!(data.error_code, 0);
    let bytes = data.records.clone().unwrap().into_bytes();
    let mut values = Vec::new();
    for batch in BatchIterator::new(bytes, BatchCheck::Verify) {
        for record in batch.unwrap().records(1 << 20).unwrap() {
            values.push(String::from_utf8(record.unwrap().value.unwrap().to_vec()).unwrap());
        }
    }
    values
}

async fn create_topic(node: &Node, partitions: i32) {
    let topic = NewTopic {
        name: "orders".to_owned(),
        partitions,
        replication_factor: 1,
        assignments: Vec::new(),
        configs: Vec::new(),
    };
    let config = node.context().config();
    let created = node
        .context()
        .controller
        .change(move |image| create_topics(image, &[topic], &[TOPIC], TopicRules::of(&config)));
    created.await.expect("the metadata log takes it")[0].as_ref().expect("the topic is right");
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(test);
    runtime.shutdown_timeout(Duration::from_secs(5));
}

#[test]
fn what_is_acknowledged_is_read_back_and_survives_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    run(async {
        let (io, node) = start(directory.path()).await;
        create_topic(&node, 3).await;
        let mut connection = connect(&io, &node).await;
        for (partition, expected) in [(0, 0), (1, 0), (0, 2)] {
            let response = produce(&mut connection, partition, batch(&["a", "b"])).await;
            let answer = &response.responses[0].partition_responses[0];
            assert_eq!((answer.error_code, answer.base_offset), (0, expected));
        }
        assert_eq!(values(&fetch(&mut connection, 0, 1, 0).await), ["a", "b", "a", "b"]);
        assert_eq!(values(&fetch(&mut connection, 0, 4, 10).await), [""; 0]);
        drop(connection);
        node.shutdown().await;
    });
    run(async {
        let (io, node) = start(directory.path()).await;
        assert!(node.recovery().damaged.is_empty());
        let mut connection = connect(&io, &node).await;
        assert_eq!(values(&fetch(&mut connection, 0, 0, 0).await), ["a", "b", "a", "b"]);
        assert_eq!(values(&fetch(&mut connection, 1, 0, 0).await), ["a", "b"]);
        let response = produce(&mut connection, 0, batch(&["c"])).await;
        assert_eq!(response.responses[0].partition_responses[0].base_offset, 4);
        drop(connection);
        node.shutdown().await;
    });
}

#[test]
fn a_fetch_that_waits_is_woken_by_a_produce() {
    let directory = tempfile::tempdir().unwrap();
    run(async {
        let (io, node) = start(directory.path()).await;
        create_topic(&node, 1).await;
        let mut consumer = connect(&io, &node).await;
        let mut producer = connect(&io, &node).await;
        let (fetched, produced) = tokio::join!(fetch(&mut consumer, 0, 0, 30_000), async {
            produce(&mut producer, 0, batch(&["late"])).await
        });
        assert_eq!(produced.responses[0].partition_responses[0].error_code, 0);
        assert_eq!(values(&fetched), ["late"]);
        drop((consumer, producer));
        node.shutdown().await;
    });
}
