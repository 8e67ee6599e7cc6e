//! What clients try with a partition that has lost its majority: nothing of it may come to anything.
use std::time::Duration;

use ordain::client::admin::{NewTopic, OffsetSpec, Validate};
use ordain::client::consumer::{Consumer, ConsumerOptions};
use ordain::client::producer::{NAMES_UNTIL, Producer, ProducerOptions};
use ordain::client::{Broker, Client, ClientError, Lane, TopicPartition};
use ordain::types::{ErrorCode, NodeId, Offset};
use ordain::wire::batch::{BatchBuilder, BatchOptions, NewRecord};
use ordain::wire::messages::fetch_request::{FetchPartition, FetchTopic};
use ordain::wire::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use ordain::wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use ordain::wire::messages::{FetchRequest, ListOffsetsRequest, ProduceRequest};
use ordain::wire::{Records, Text};

use super::HALTED;
use super::told::{plain_options, record};
use crate::scenarios::broker::clients::{FETCH_NAMES_UNTIL, FETCH_TIMEOUT};

/// How long a client tries.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);
/// Stands for the error code of an answer that says nothing of the partition.
const NOTHING: i16 = i16::MIN;
/// What is in a record that nobody may take.
const NEVER: &[u8] = b"never";
/// The offset that stands for the end, in a question.
const LATEST: i64 = -1;

/// A producer, one who asks for the end, and a consumer; what one of them was given, if anything.
pub(super) async fn of_clients(client: Client) -> Result<Option<String>, ClientError> {
    let tried = [written(&client).await, listed(&client).await, fetched(&client).await];
    Ok(tried.into_iter().find_map(|one| one.ok().flatten()))
}

async fn written(client: &Client) -> Result<Option<String>, ClientError> {
    let options = ProducerOptions { delivery_timeout: PATIENCE, ..plain_options() };
    let producer = Producer::start(client, options);
    let delivery = producer.send(record(HALTED, NEVER)).await?;
    let delivered = delivery.wait().await?;
    Ok(Some(format!("a record is acknowledged at {}", delivered.offset)))
}

async fn listed(client: &Client) -> Result<Option<String>, ClientError> {
    let at = [TopicPartition::new(HALTED, 0)];
    let ends = client.list_offsets_at(&at, OffsetSpec::Latest).await?;
    let end = ends.into_values().next();
    Ok(end.map(|end| format!("its end is told to be {}", end.offset)))
}

async fn fetched(client: &Client) -> Result<Option<String>, ClientError> {
    let from = [(TopicPartition::new(HALTED, 0), Some(Offset::ZERO))].into();
    let mut consumer = Consumer::assign(client, ConsumerOptions::default(), from);
    let fetched = consumer.poll(PATIENCE).await?;
    Ok(fetched.first().map(|fetched| format!("records from {} on are given", fetched.from)))
}

/// Somebody who creates a topic, where the metadata have no majority.
pub(super) async fn of_an_administrator(client: Client) -> Result<Option<String>, ClientError> {
    let new = NewTopic { name: "never".to_owned(), partitions: Some(1), ..NewTopic::default() };
    client.create_topic(&new, Validate::Apply).await?;
    Ok(Some("a topic is created".to_owned()))
}

/// Who takes this node for the leader, whatever others say; what the node granted, if anything.
pub(super) async fn at_node(client: Client, node: NodeId) -> Result<Option<String>, ClientError> {
    let broker = client.node(node, Lane::Admin).await?;
    let codes = [
        ("takes a record", produce(&client, &broker).await),
        ("tells where it ends", list(&broker).await),
        ("gives records", fetch(&broker, node).await),
    ];
    let is_granted = |code: &Result<i16, ClientError>| code.as_ref().ok() == Some(&ErrorCode::None.code());
    let granted = codes.iter().find(|(_, code)| is_granted(code));
    Ok(granted.map(|(what, _)| format!("node {node} {what}")))
}

async fn produce(client: &Client, broker: &Broker) -> Result<i16, ClientError> {
    let mut batch = BatchBuilder::new(BatchOptions::plain(64 << 10));
    let timestamp = client.io().clock.wall();
    let new = NewRecord { timestamp, key: None, value: Some(NEVER), headers: &[] };
    batch.append(new).expect("a small record fits");
    let records: Records = batch.build().into_batch().segments().to_vec().into();
    let partition = PartitionProduceData { records: Some(records), ..PartitionProduceData::default() };
    let topic = TopicProduceData {
        name: Text::from(HALTED),
        partition_data: vec![partition],
        ..TopicProduceData::default()
    };
    let request =
        ProduceRequest { acks: -1, timeout_ms: 2_000, topic_data: vec![topic], ..ProduceRequest::default() };
    let version = broker.version_up_to::<ProduceRequest>(NAMES_UNTIL)?;
    let answer = broker.call_within(version, &request, FETCH_TIMEOUT).await?;
    let told = answer.responses.first().and_then(|topic| topic.partition_responses.first());
    Ok(told.map_or(NOTHING, |told| told.error_code))
}

async fn list(broker: &Broker) -> Result<i16, ClientError> {
    let partition = ListOffsetsPartition { timestamp: LATEST, ..ListOffsetsPartition::default() };
    let topic = ListOffsetsTopic {
        name: Text::from(HALTED),
        partitions: vec![partition],
        ..ListOffsetsTopic::default()
    };
    let request = ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..ListOffsetsRequest::default() };
    let version = broker.version::<ListOffsetsRequest>()?;
    let answer = broker.call_within(version, &request, FETCH_TIMEOUT).await?;
    let told = answer.topics.first().and_then(|topic| topic.partitions.first());
    Ok(told.map_or(NOTHING, |told| told.error_code))
}

/// As a consumer in the node's own rack, which a follower may serve.
async fn fetch(broker: &Broker, node: NodeId) -> Result<i16, ClientError> {
    let partition = FetchPartition { partition_max_bytes: 1 << 20, ..FetchPartition::default() };
    let topic =
        FetchTopic { topic: Text::from(HALTED), partitions: vec![partition], ..FetchTopic::default() };
    let request = FetchRequest {
        replica_id: -1,
        max_bytes: 1 << 20,
        session_epoch: -1,
        topics: vec![topic],
        rack_id: Text::from(format!("r{node}").as_str()),
        ..FetchRequest::default()
    };
    let version = broker.version_up_to::<FetchRequest>(FETCH_NAMES_UNTIL)?;
    let answer = broker.call_within(version, &request, FETCH_TIMEOUT).await?;
    let told = answer.responses.first().and_then(|topic| topic.partitions.first());
    Ok(match (answer.error_code, told) {
        (0, told) => told.map_or(NOTHING, |told| told.error_code),
        (code, _) => code,
    })
}
