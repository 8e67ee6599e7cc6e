//! A whole node on real sockets and files, driven by wire bytes.
#![cfg(all(feature = "runtime", unix))]
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test of the real twins")]
mod common;

use bytes::Bytes;
use common::over_io::{IoClient, create_topic, run, start};
use common::{batch, batch_with};
use ordain::types::{ErrorCode, TopicId};
use ordain::wire::Records;
use ordain::wire::batch::{BatchCheck, BatchIterator, BatchKind, BatchOptions};
use ordain::wire::messages::fetch_request::{FetchPartition, FetchTopic};
use ordain::wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use ordain::wire::messages::{FetchRequest, FetchResponse, ProduceRequest, ProduceResponse};

const TOPIC: TopicId = TopicId([9; 16]);

async fn produce(connection: &mut IoClient, partition: i32, records: Bytes) -> ProduceResponse {
    produce_to(connection, TOPIC, partition, records).await
}

async fn produce_to(
    connection: &mut IoClient,
    topic_id: TopicId,
    partition: i32,
    records: Bytes,
) -> ProduceResponse {
    let data = PartitionProduceData {
        index: partition,
        records: Some(Records::from(records)),
        ..Default::default()
    };
    let topic = TopicProduceData { topic_id, partition_data: vec![data], ..Default::default() };
    let request =
        ProduceRequest { acks: -1, timeout_ms: 1000, topic_data: vec![topic], ..Default::default() };
    connection.ask(13, &request).await
}

async fn fetch(connection: &mut IoClient, partition: i32, offset: i64, wait_ms: i32) -> FetchResponse {
    fetch_from(connection, TOPIC, partition, offset, wait_ms).await
}

async fn fetch_from(
    connection: &mut IoClient,
    topic_id: TopicId,
    partition: i32,
    offset: i64,
    wait_ms: i32,
) -> FetchResponse {
    let partition = FetchPartition {
        partition,
        fetch_offset: offset,
        partition_max_bytes: 1 << 20,
        ..Default::default()
    };
    let topic = FetchTopic { topic_id, partitions: vec![partition], ..Default::default() };
    let request = FetchRequest {
        max_wait_ms: wait_ms,
        min_bytes: 1,
        max_bytes: 1 << 20,
        topics: vec![topic],
        ..Default::default()
    };
    connection.ask(17, &request).await
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

#[test]
fn what_is_acknowledged_is_read_back_and_survives_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    run(async {
        let (io, node) = start(directory.path(), &[]).await;
        create_topic(&node, "orders", TOPIC, 3, &[]).await;
        let mut connection = IoClient::connect(&io, &node).await;
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
        let (io, node) = start(directory.path(), &[]).await;
        assert!(node.recovery().damaged.is_empty());
        let mut connection = IoClient::connect(&io, &node).await;
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
        let (io, node) = start(directory.path(), &[]).await;
        create_topic(&node, "orders", TOPIC, 1, &[]).await;
        let mut consumer = IoClient::connect(&io, &node).await;
        let mut producer = IoClient::connect(&io, &node).await;
        let (fetched, produced) = tokio::join!(fetch(&mut consumer, 0, 0, 30_000), async {
            produce(&mut producer, 0, batch(&["late"])).await
        });
        assert_eq!(produced.responses[0].partition_responses[0].error_code, 0);
        assert_eq!(values(&fetched), ["late"]);
        drop((consumer, producer));
        node.shutdown().await;
    });
}

/// As in Kafka the whole request is refused, before anything else is looked at.
#[test]
fn a_transactional_batch_without_a_transactional_id_refuses_the_whole_request() {
    let directory = tempfile::tempdir().unwrap();
    let data = |index, records: Bytes| PartitionProduceData {
        index,
        records: Some(Records::from(records)),
        ..Default::default()
    };
    let of = |topic_id, partition_data| TopicProduceData { topic_id, partition_data, ..Default::default() };
    let answers = |response: ProduceResponse| {
        let topics = response.responses.into_iter();
        let partitions = topics.flat_map(|topic| topic.partition_responses);
        partitions.map(|one| (one.index, one.error_code, one.base_offset)).collect::<Vec<_>>()
    };
    let transactional =
        batch_with(BatchOptions { kind: BatchKind::Transactional, ..BatchOptions::plain(1 << 20) }, &["a"]);
    run(async {
        let (io, node) = start(directory.path(), &[]).await;
        create_topic(&node, "orders", TOPIC, 2, &[]).await;
        let mut connection = IoClient::connect(&io, &node).await;
        let topic_data = vec![
            of(TOPIC, vec![data(0, batch(&["a"])), data(1, transactional.clone()), data(7, Bytes::new())]),
            of(TopicId([3; 16]), vec![data(0, batch(&["a"]))]),
        ];
        let request = ProduceRequest { acks: -1, timeout_ms: 1000, topic_data, ..Default::default() };
        let refused = answers(connection.ask(13, &request).await);
        let forbidden = ErrorCode::TransactionalIdAuthorizationFailed.code();
        assert_eq!(refused, [0, 1, 7, 0].map(|index| (index, forbidden, -1)));
        assert_eq!(values(&fetch(&mut connection, 0, 0, 0).await), [""; 0], "nothing is appended");
        // What is no whole batch is refused by itself.
        let cut = transactional.slice(..transactional.len() - 1);
        let topic_data = vec![of(TOPIC, vec![data(0, batch(&["a"])), data(1, cut)])];
        let request = ProduceRequest { acks: -1, timeout_ms: 1000, topic_data, ..Default::default() };
        let taken = answers(connection.ask(13, &request).await);
        assert_eq!(taken[0], (0, 0, 0));
        assert_eq!(taken[1].1, ErrorCode::InvalidRecord.code());
        drop(connection);
        node.shutdown().await;
    });
}

#[test]
fn a_topic_has_its_own_compression_level_and_its_own_counters() {
    let directory = tempfile::tempdir().unwrap();
    let levels = [("gzip", "1", "9"), ("lz4", "1", "12"), ("zstd", "-50", "19")];
    let text: Vec<String> = (0..2_000).map(|i| format!("record {} of {}", i % 17, i * i % 991)).collect();
    let records = batch(&text.iter().map(String::as_str).collect::<Vec<_>>());
    run(async {
        let (io, node) = start(directory.path(), &[]).await;
        let mut connection = IoClient::connect(&io, &node).await;
        for (number, (codec, little, much)) in (0u8..).zip(levels) {
            let mut stored = Vec::new();
            for (id, level) in [(TopicId([10 + number; 16]), little), (TopicId([20 + number; 16]), much)] {
                let key = format!("compression.{codec}.level");
                let configs = [("compression.type", codec), (key.as_str(), level)];
                create_topic(&node, &format!("{codec}{level}"), id, 1, &configs).await;
                let response = produce_to(&mut connection, id, 0, records.clone()).await;
                assert_eq!(response.responses[0].partition_responses[0].error_code, 0, "{codec} {level}");
                let fetched = fetch_from(&mut connection, id, 0, 0, 1_000).await;
                assert_eq!(values(&fetched), text, "{codec} {level}");
                stored.push(fetched.responses[0].partitions[0].records.clone().unwrap().into_bytes().len());
            }
            assert!(stored[1] < stored[0] && stored[0] < records.len(), "{codec}: {stored:?}");
        }
        let image = node.context().metadata();
        let text = node.context().topic_metrics.render(|id| Some(&*image.topic_by_id(id)?.name));
        let series = "kafka_server_brokertopicmetrics_messagesin_total";
        for line in [format!("{series} 12000"), format!("{series}{{topic=\"zstd-50\"}} 2000")] {
            assert!(text.lines().any(|one| one == line), "{line} is missing in:\n{text}");
        }
        assert_eq!(text.matches("bytesout_total{").count(), 6, "{text}");
        drop(connection);
        node.shutdown().await;
    });
}
