use std::collections::BTreeMap;

use super::options::{ConsumerOptions, Isolation};
use super::records::{Fetched, unreadable, visible_batches};
use crate::client::broker::Broker;
use crate::client::cluster::{Client, Lane};
use crate::client::error::ClientError;
use crate::client::metadata::TopicPartition;
use crate::types::{NodeId, Offset};
use crate::wire::messages::FetchRequest;
use crate::wire::messages::fetch_request::{FetchPartition, FetchTopic};
use crate::wire::messages::fetch_response::PartitionData;
use crate::wire::{ApiKey, Text};

/// The answer to one fetch: what each partition gave, or the error of the whole.
pub(super) struct Answer {
    pub(super) node: NodeId,
    pub(super) asked: BTreeMap<TopicPartition, Offset>,
    pub(super) result: Result<BTreeMap<TopicPartition, Result<Fetched, ClientError>>, ClientError>,
}

/// Fetches these partitions from the node that leads them.
pub(super) async fn fetch(
    client: &Client,
    options: &ConsumerOptions,
    node: NodeId,
    asked: BTreeMap<TopicPartition, Offset>,
) -> Answer {
    let result = exchange(client, options, node, &asked).await;
    Answer { node, asked, result }
}

async fn exchange(
    client: &Client,
    options: &ConsumerOptions,
    node: NodeId,
    asked: &BTreeMap<TopicPartition, Offset>,
) -> Result<BTreeMap<TopicPartition, Result<Fetched, ClientError>>, ClientError> {
    let broker = client.node(node, Lane::Fetch).await?;
    let version = broker.version::<FetchRequest>()?;
    let request = request(options, version, asked);
    let within = client.options().request_timeout + options.fetch_wait_max;
    let answer = broker.call_within(version, &request, within).await?;
    let (api, code) = (ApiKey::Fetch, answer.error_code);
    ClientError::check(broker.address(), api, code, format!("fetch from node {node}"), None)?;
    let mut found = BTreeMap::new();
    for topic in answer.responses {
        for partition in topic.partitions {
            let at = TopicPartition::new(topic.topic.to_string(), partition.partition_index);
            // What was not asked for is not taken.
            if let Some(&from) = asked.get(&at) {
                let fetched = read(&broker, options, &at, from, partition);
                found.insert(at, fetched);
            }
        }
    }
    Ok(found)
}

fn request(
    options: &ConsumerOptions,
    version: i16,
    asked: &BTreeMap<TopicPartition, Offset>,
) -> FetchRequest {
    let bytes = |bytes: usize| i32::try_from(bytes).unwrap_or(i32::MAX);
    let mut topics: Vec<FetchTopic> = Vec::new();
    for (at, offset) in asked {
        let partition = FetchPartition {
            partition: at.partition.0,
            current_leader_epoch: -1,
            fetch_offset: offset.0,
            last_fetched_epoch: -1,
            log_start_offset: -1,
            partition_max_bytes: bytes(options.partition_bytes_max),
            ..FetchPartition::default()
        };
        match topics.last_mut().filter(|topic| *topic.topic == *at.topic) {
            Some(topic) => topic.partitions.push(partition),
            None => topics.push(FetchTopic {
                topic: Text::from(at.topic.as_str()),
                partitions: vec![partition],
                ..FetchTopic::default()
            }),
        }
    }
    FetchRequest {
        replica_id: -1,
        max_wait_ms: i32::try_from(options.fetch_wait_max.as_millis()).unwrap_or(i32::MAX),
        min_bytes: bytes(options.fetch_bytes_min),
        max_bytes: bytes(options.fetch_bytes_max),
        isolation_level: match options.isolation {
            Isolation::ReadUncommitted => 0,
            Isolation::ReadCommitted => 1,
        },
        // No session: each request names all it wants (KIP-227).
        session_id: 0,
        session_epoch: if version >= 7 { -1 } else { FetchRequest::default().session_epoch },
        topics,
        ..FetchRequest::default()
    }
}

fn read(
    broker: &Broker,
    options: &ConsumerOptions,
    at: &TopicPartition,
    from: Offset,
    told: PartitionData,
) -> Result<Fetched, ClientError> {
    ClientError::check(broker.address(), ApiKey::Fetch, told.error_code, at.to_string(), None)?;
    let records = told.records.unwrap_or_default().into_bytes();
    let bytes = records.len();
    let aborted = told.aborted_transactions.unwrap_or_default();
    let (batches, next) = visible_batches(records, from, options.check, options.isolation, &aborted)
        .map_err(|source| unreadable(broker.address(), at, source))?;
    Ok(Fetched {
        at: at.clone(),
        from,
        next,
        high_watermark: Offset(told.high_watermark),
        log_start: Offset(told.log_start_offset),
        batches,
        bytes,
        address: broker.address().clone(),
        decompressed_bytes_max: options.decompressed_bytes_max,
    })
}
