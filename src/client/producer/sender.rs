use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Shared;
use super::accumulator::Batch;
use super::delivery::BatchDelivered;
use super::options::Acks;
use crate::client::broker::{Broker, Expects, InFlight};
use crate::client::cluster::{AutoCreate, Client, Lane};
use crate::client::error::ClientError;
use crate::client::metadata::TopicPartition;
use crate::io::timeout;
use crate::types::{ErrorCode, Instant, NodeId, Offset, ProducerEpoch, ProducerId, Timestamp, TopicId};
use crate::wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use crate::wire::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use crate::wire::messages::{InitProducerIdRequest, ProduceRequest};
use crate::wire::{ApiKey, Records, Text};

/// How many requests to one broker are under way at once.
const REQUESTS_PER_NODE_MAX: usize = 5;

/// The requests under way by node.
type UnderWay = Arc<Mutex<BTreeMap<NodeId, usize>>>;

/// The sending task: seals, routes and sends until it is aborted.
pub(super) async fn run(client: Client, shared: Arc<Shared>) {
    let under_way: UnderWay = Arc::default();
    let clock = Arc::clone(&client.io().clock);
    loop {
        // Before looking: what happens meanwhile must wake.
        let mut woken = std::pin::pin!(shared.wake.notified());
        woken.as_mut().enable();
        let now = clock.now();
        if let Err(error) = turn(&client, &shared, &under_way, now).await {
            tracing::debug!(%error, "the producer cannot send now");
            if !error.is_retriable() {
                shared.accumulator().fail_all(&error);
            } else {
                shared.accumulator().held_by(&error.to_string());
                clock.sleep(client.options().retry_backoff).await;
            }
            shared.accumulator().answer_flushes();
            if !error.is_retriable() {
                // Nothing is taken in any more; what flushes is answered at once.
                woken.await;
            }
            continue;
        }
        let deadline = shared.accumulator().deadline(now);
        match deadline {
            Some(deadline) => drop(timeout(&*clock, deadline, woken).await),
            None => woken.await,
        }
    }
}

/// Sends everything that can leave now.
async fn turn(
    client: &Client,
    shared: &Arc<Shared>,
    under_way: &UnderWay,
    now: Instant,
) -> Result<(), ClientError> {
    let memory_short = shared.memory.available_permits() < shared.options.batch_bytes;
    let (ready, needs_id) = {
        let mut accumulator = shared.accumulator();
        accumulator.seal_due(now, memory_short);
        let mut last: Option<(TopicPartition, String)> = None;
        for batch in accumulator.expired(now) {
            // What held the first batch of a partition held those behind it.
            let before = last.take().filter(|(at, _)| *at == batch.at).map(|(_, reason)| reason);
            let reason = batch.last_error.clone().or(before);
            let reason = reason.unwrap_or_else(|| "it could not be sent".to_owned());
            let (subject, after) = (batch.at.to_string(), shared.options.delivery_timeout);
            last = Some((batch.at.clone(), reason.clone()));
            accumulator.failed(batch, ClientError::Expired { subject, after, last: reason });
        }
        accumulator.answer_flushes();
        (accumulator.ready(now), accumulator.needs_producer_id())
    };
    if ready.is_empty() {
        return Ok(());
    }
    if needs_id {
        let (id, epoch) = init_producer_id(client).await?;
        shared.accumulator().set_producer(id, epoch);
    }
    let by_node = route(client, shared, ready).await;
    for (node, partitions) in by_node {
        send_to(client, shared, under_way, node, partitions).await;
    }
    Ok(())
}

async fn init_producer_id(client: &Client) -> Result<(ProducerId, ProducerEpoch), ClientError> {
    let broker = client.any_broker().await?;
    let request = InitProducerIdRequest {
        transactional_id: None,
        transaction_timeout_ms: i32::MAX,
        producer_id: -1,
        producer_epoch: -1,
        ..InitProducerIdRequest::default()
    };
    let answered = broker.call(&request).await.and_then(|answer| {
        let (api, code) = (ApiKey::InitProducerId, answer.error_code);
        ClientError::check(broker.address(), api, code, "a producer id", None)?;
        Ok((ProducerId(answer.producer_id), ProducerEpoch(answer.producer_epoch)))
    });
    if answered.is_err() {
        // It may be cut off from the others, who give these out.
        client.ask_another();
    }
    answered
}

/// The partitions by leader; those without one wait.
async fn route(
    client: &Client,
    shared: &Shared,
    ready: Vec<TopicPartition>,
) -> BTreeMap<NodeId, Vec<TopicPartition>> {
    let mut unknown: Vec<String> =
        ready.iter().filter(|at| client.cached_leader(at).is_none()).map(|at| at.topic.clone()).collect();
    unknown.dedup();
    if !unknown.is_empty()
        && let Err(error) = client.describe(Some(&unknown), AutoCreate::No).await
    {
        tracing::debug!(%error, "the producer cannot learn who leads");
    }
    let mut by_node: BTreeMap<NodeId, Vec<TopicPartition>> = BTreeMap::new();
    for at in ready {
        match client.cached_leader(&at) {
            Some(node) => by_node.entry(node).or_default().push(at),
            None => {
                let until = client.io().clock.now().after(client.options().retry_backoff);
                shared.accumulator().delay(&at, until, "it has no leader");
            }
        }
    }
    by_node
}

/// Fills requests to one node, as many as may be under way, puts them in line in order, and leaves waiting for
/// each answer to a task.
async fn send_to(
    client: &Client,
    shared: &Arc<Shared>,
    under_way: &UnderWay,
    node: NodeId,
    partitions: Vec<TopicPartition>,
) {
    let mut partitions = partitions.into_iter().peekable();
    while partitions.peek().is_some() {
        {
            let mut counts = under_way.lock().unwrap_or_else(PoisonError::into_inner);
            let count = counts.entry(node).or_default();
            if *count >= REQUESTS_PER_NODE_MAX {
                return;
            }
            *count += 1;
        }
        let mut batches = Vec::new();
        let mut bytes = 0;
        while bytes < shared.options.request_bytes_max
            && let Some(at) = partitions.next()
        {
            let batch = shared.accumulator().take(&at);
            bytes += batch.as_ref().map_or(0, Batch::plain_bytes);
            batches.extend(batch);
        }
        let begun = begin(client, shared, node, &mut batches).await;
        let (task_client, task_shared, under_way) =
            (client.clone(), Arc::clone(shared), Arc::clone(under_way));
        // The task is not kept: it ends by itself within the request's deadline.
        drop(client.io().spawn.spawn(
            "client-produce",
            Box::pin(async move {
                settle(&task_client, &task_shared, begun, batches).await;
                if let Some(count) = under_way.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&node) {
                    *count -= 1;
                }
                task_shared.accumulator().answer_flushes();
                task_shared.wake.notify_one();
            }),
        ));
    }
}

/// A request under way, and how it names the topics of its batches.
struct UnderWayRequest {
    broker: Arc<Broker>,
    in_flight: InFlight<ProduceRequest>,
    ids: Option<TopicIds>,
}

/// The topics' ids, where the request gives those instead of names.
type TopicIds = BTreeMap<String, TopicId>;

type Begun = Result<UnderWayRequest, ClientError>;

/// The last version of Produce that names topics; those after it give their ids.
pub const NAMES_UNTIL: i16 = 12;

async fn begin(client: &Client, shared: &Shared, node: NodeId, batches: &mut [Batch]) -> Begun {
    // Before anything can fail: a batch gets its sequence by being sealed in the order of sending.
    let encoded: Vec<Records> = batches.iter_mut().map(|batch| batch.encode().into()).collect();
    let expects = if shared.options.acks == Acks::None { Expects::Nothing } else { Expects::Answer };
    let broker = client.node(node, Lane::Produce).await?;
    let mut version = broker.version::<ProduceRequest>()?;
    let id = |batch: &Batch| Some((batch.at.topic.clone(), client.cached_topic_id(&batch.at.topic)?));
    let ids: Option<TopicIds> = match version > NAMES_UNTIL {
        true => batches.iter().map(id).collect(),
        false => None,
    };
    if ids.is_none() {
        version = broker.version_up_to::<ProduceRequest>(NAMES_UNTIL)?;
    }
    let request = build(client, shared, batches, encoded, ids.as_ref());
    let in_flight = broker.begin(version, &request, expects).await?;
    Ok(UnderWayRequest { broker, in_flight, ids })
}

/// Waits for the answer and judges each batch by it.
async fn settle(client: &Client, shared: &Shared, begun: Begun, batches: Vec<Batch>) {
    let answered = match begun {
        Ok(UnderWayRequest { broker, in_flight, ids }) => {
            in_flight.wait().await.map(|answer| (broker, ids, answer))
        }
        Err(error) => Err(error),
    };
    for batch in batches {
        let result = match &answered {
            Err(error) => Err(error.clone()),
            Ok((_, _, None)) => Ok(BatchDelivered { base_offset: Offset::NONE, append_time: None }),
            Ok((broker, ids, Some(answer))) => {
                let is_meant = |topic: &&TopicProduceResponse| match ids {
                    Some(ids) => ids.get(&batch.at.topic) == Some(&topic.topic_id),
                    None => *topic.name == *batch.at.topic,
                };
                let mut told = answer.responses.iter().filter(is_meant);
                let told = told.find_map(|topic| {
                    topic.partition_responses.iter().find(|p| p.index == batch.at.partition.0)
                });
                match told {
                    Some(told) => read(broker, &batch.at, told),
                    None => Err(ClientError::Incomplete {
                        address: broker.address().clone(),
                        api: ApiKey::Produce,
                        missing: batch.at.to_string(),
                    }),
                }
            }
        };
        judge(client, shared, batch, result);
    }
}

/// How long the broker may take: none of these batches is worth anything after its delivery's time.
fn patience_ms(client: &Client, shared: &Shared, batches: &[Batch]) -> i32 {
    let now = client.io().clock.now();
    let ends = batches.iter().map(|batch| batch.sealed_at.after(shared.options.delivery_timeout));
    let left = ends.map(|end| end.since(now).as_millis()).min().unwrap_or(u128::MAX);
    i32::try_from(left.max(1)).map_or(client.timeout_ms(), |left| left.min(client.timeout_ms()))
}

fn build(
    client: &Client,
    shared: &Shared,
    batches: &[Batch],
    encoded: Vec<Records>,
    ids: Option<&TopicIds>,
) -> ProduceRequest {
    let mut topics: Vec<(&str, TopicProduceData)> = Vec::new();
    for (batch, records) in batches.iter().zip(encoded) {
        let partition = PartitionProduceData {
            index: batch.at.partition.0,
            records: Some(records),
            ..PartitionProduceData::default()
        };
        let name = batch.at.topic.as_str();
        match topics.last_mut().filter(|(topic, _)| *topic == name) {
            Some((_, topic)) => topic.partition_data.push(partition),
            None => {
                let id = ids.and_then(|ids| ids.get(name)).copied();
                let data = TopicProduceData {
                    name: if id.is_some() { Text::new() } else { Text::from(name) },
                    topic_id: id.unwrap_or(TopicId::ZERO),
                    partition_data: vec![partition],
                    ..TopicProduceData::default()
                };
                topics.push((name, data));
            }
        }
    }
    ProduceRequest {
        acks: shared.options.acks.to_wire(),
        timeout_ms: patience_ms(client, shared, batches),
        topic_data: topics.into_iter().map(|(_, data)| data).collect(),
        ..ProduceRequest::default()
    }
}

fn read(
    broker: &Broker,
    at: &TopicPartition,
    told: &PartitionProduceResponse,
) -> Result<BatchDelivered, ClientError> {
    let records = told.record_errors.iter().filter_map(|error| error.batch_index_error_message.as_deref());
    let message = told.error_message.as_deref().or_else(|| records.into_iter().next());
    ClientError::check(broker.address(), ApiKey::Produce, told.error_code, at.to_string(), message)?;
    let append_time = (told.log_append_time_ms >= 0).then_some(Timestamp(told.log_append_time_ms));
    Ok(BatchDelivered { base_offset: Offset(told.base_offset), append_time })
}

/// Answers a batch, or puts it back in line.
fn judge(client: &Client, shared: &Shared, mut batch: Batch, result: Result<BatchDelivered, ClientError>) {
    let mut accumulator = shared.accumulator();
    let error = match result {
        Ok(delivered) => {
            accumulator.finished(&batch);
            return batch.finish(Ok(delivered));
        }
        Err(error) => error,
    };
    let code = error.code();
    if code == Some(ErrorCode::DuplicateSequenceNumber) {
        // It was written before; where, the broker does not remember.
        accumulator.finished(&batch);
        return batch.finish(Ok(BatchDelivered { base_offset: Offset::NONE, append_time: None }));
    }
    let out_of_order = code == Some(ErrorCode::OutOfOrderSequenceNumber) && !accumulator.is_first(&batch);
    // The first time was no retry.
    let may_again = batch.attempts <= shared.options.retries_max;
    if may_again && (error.is_retriable() || out_of_order) {
        if error.is_stale_metadata() {
            client.doubt();
        }
        let backoff: Duration = client.options().retry_backoff;
        let backoff = (backoff * (1 << batch.attempts.min(5))).min(client.options().retry_backoff_max);
        let until: Instant = client.io().clock.now().after(backoff);
        batch.last_error = Some(error.to_string());
        accumulator.give_back(batch, until);
    } else {
        accumulator.finished(&batch);
        accumulator.failed(batch, error);
    }
}
