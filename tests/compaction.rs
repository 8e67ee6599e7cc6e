//! A compacted topic on a whole node with real files: it shrinks, and keeps the last value of each key.
#![cfg(all(feature = "runtime", unix))]
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test of the real twins")]
mod common;

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use common::eventually_async;
use common::over_io::{IoClient, create_topic, run, start};
use ordain::types::{Timestamp, TopicId};
use ordain::wire::Records;
use ordain::wire::batch::{BatchBuilder, BatchCheck, BatchIterator, BatchOptions, NewRecord};
use ordain::wire::messages::fetch_request::{FetchPartition, FetchTopic};
use ordain::wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use ordain::wire::messages::{FetchRequest, ProduceRequest};

const TOPIC: TopicId = TopicId([7; 16]);

const SETTINGS: [&str; 1] = ["log.cleaner.backoff.ms=50"];
const CONFIGS: [(&str, &str); 4] = [
    ("cleanup.policy", "compact"),
    ("internal.segment.bytes", "2000"),
    ("min.cleanable.dirty.ratio", "0.01"),
    ("delete.retention.ms", "0"),
];

async fn write(connection: &mut IoClient, key: &str, value: Option<&str>) {
    let mut builder = BatchBuilder::new(BatchOptions::plain(1 << 20));
    let (key, value) = (Some(key.as_bytes()), value.map(str::as_bytes));
    builder.append(NewRecord { timestamp: Timestamp(1000), key, value, headers: &[] }).unwrap();
    let records = Some(Records::from(builder.build().into_batch().to_bytes()));
    let data = PartitionProduceData { index: 0, records, ..Default::default() };
    let topic = TopicProduceData { topic_id: TOPIC, partition_data: vec![data], ..Default::default() };
    let request =
        ProduceRequest { acks: -1, timeout_ms: 1000, topic_data: vec![topic], ..Default::default() };
    let response = connection.ask(13, &request).await;
    assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
}

/// All records from the first on, as a consumer meets them.
async fn read_all(connection: &mut IoClient) -> Vec<(i64, String, Option<String>)> {
    let text = |bytes: Bytes| String::from_utf8(bytes.to_vec()).unwrap();
    let mut records = Vec::new();
    let mut offset = 0;
    loop {
        let partition = FetchPartition {
            partition: 0,
            fetch_offset: offset,
            partition_max_bytes: 1 << 20,
            ..Default::default()
        };
        let topic = FetchTopic { topic_id: TOPIC, partitions: vec![partition], ..Default::default() };
        let request =
            FetchRequest { min_bytes: 1, max_bytes: 1 << 20, topics: vec![topic], ..Default::default() };
        let response = connection.ask(17, &request).await;
        let data = &response.responses[0].partitions[0];
        assert_eq!(data.error_code, 0);
        if offset >= data.high_watermark {
            return records;
        }
        let before = offset;
        for batch in BatchIterator::new(data.records.clone().unwrap().into_bytes(), BatchCheck::Verify) {
            let batch = batch.unwrap();
            offset = batch.header().next_offset().0;
            let read = batch.records(1 << 20).unwrap();
            for record in read.clone() {
                let record = record.unwrap();
                let at = read.offset_of(&record).0;
                records.push((at, text(record.key.unwrap()), record.value.map(text)));
            }
        }
        assert!(offset > before, "a fetch at {before} moves on");
    }
}

fn log_bytes(directory: &Path) -> u64 {
    let logs = directory.join("logs").join(format!("{TOPIC}-0"));
    let files = std::fs::read_dir(logs).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "log"));
    files.map(|path| std::fs::metadata(path).unwrap().len()).sum()
}

/// One life that writes 200 records over five keys.
async fn live(directory: &Path, round: u32, table: &mut BTreeMap<String, String>) {
    let (io, node) = start(directory, &SETTINGS).await;
    if round == 0 {
        create_topic(&node, "table", TOPIC, 1, &CONFIGS).await;
    }
    let mut connection = IoClient::connect(&io, &node).await;
    if round == 0 {
        write(&mut connection, "gone", Some("for a while")).await;
        write(&mut connection, "gone", None).await;
    }
    for i in 0..200 {
        let (key, value) = (format!("key {}", i % 5), format!("value {round}/{i}"));
        write(&mut connection, &key, Some(&value)).await;
        table.insert(key, value);
    }
    drop(connection);
    node.shutdown().await;
}

type Kept = Vec<(i64, String, Option<String>)>;

/// One life in which only compaction works, until it has come so far; the last values are there, before and after.
async fn rest(directory: &Path, table: &BTreeMap<String, String>, is_done: impl Fn(&Kept) -> bool) -> Kept {
    let (io, node) = start(directory, &SETTINGS).await;
    assert!(node.recovery().damaged.is_empty());
    let mut connection = IoClient::connect(&io, &node).await;
    // It may have shrunk before anybody looks: each life before has written 200 records.
    let records = eventually_async("it shrinks", async || {
        // Who reads while tombstones go may have seen what was deleted and miss that it was: nothing keeps these for a reader here.
        let has_gone =
            |records: &Kept| records.iter().all(|(_, key, value)| key != "gone" || value.is_none());
        let shrunk = |records: &Kept| records.len() < 200 && has_gone(records) && is_done(records);
        Some(read_all(&mut connection).await).filter(shrunk)
    })
    .await;
    let last: BTreeMap<String, String> =
        records.iter().filter_map(|(_, key, value)| Some((key.clone(), value.clone()?))).collect();
    assert_eq!(&last, table);
    assert!(records.windows(2).all(|pair| pair[0].0 < pair[1].0), "offsets rise");
    drop(connection);
    node.shutdown().await;
    records
}

#[test]
fn a_compacted_topic_shrinks_and_keeps_the_last_values_across_restarts() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let mut table = BTreeMap::new();
    run(live(path, 0, &mut table));
    let written = log_bytes(path);
    let mut records = Vec::new();
    run(async { records = rest(path, &table, |_| true).await });
    assert!(log_bytes(path) * 3 < written, "{written} bytes became {}", log_bytes(path));
    assert_eq!(records.iter().filter(|record| record.1 == "gone").count(), 1, "the tombstone");
    assert_eq!(records.last().map(|record| record.0), Some(201), "offsets stay");
    run(live(path, 1, &mut table));
    let tombstone_is_gone = |records: &Kept| records.iter().all(|record| record.1 != "gone");
    run(async { records = rest(path, &table, tombstone_is_gone).await });
    assert_eq!(records.last().map(|record| record.0), Some(401));
    assert!(log_bytes(path) * 3 < written);
}
