use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::broker::cluster_view::{ClusterView, leader_of};
use crate::broker::dispatch::{Outcome, respond};
use crate::broker::errors::AsErrorCode;
use crate::broker::in_flight::InFlightGuard;
use crate::broker::{Caller, Context};
use crate::config::{TimestampRule as TopicTimestamps, TopicCompression, TopicConfig, is_internal_topic};
use crate::io::Spawn;
use crate::metadata::{MetadataImage, PartitionImage, TopicImage};
use crate::metrics::TopicTraffic;
use crate::partition::{AppendError, AppendOutcome, AppendRequest, AppendTerms, Required};
use crate::types::limits::BATCH_DECOMPRESSED_BYTES_MAX;
use crate::types::{CorrelationId, ErrorCode, Instant, PartitionId, PartitionIndex, Timestamp, TopicId};
use crate::wire::batch::{
    BatchError, BatchHeader, FrameMemory, KeyRule, MAGIC, ProduceRules, TimestampLimits, TimestampRule,
    ValidatedBatch, validate_produced,
};
use crate::wire::compression::Compression;
use crate::wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use crate::wire::messages::produce_response::{
    BatchIndexAndErrorMessage, LeaderIdAndEpoch, NodeEndpoint, PartitionProduceResponse, TopicProduceResponse,
};
use crate::wire::messages::{ProduceRequest, ProduceResponse};
use crate::wire::{ApiKey, Records, RequestFrame, Text};

/// Produce (key 0). The batches are checked here and handed to their partitions in order; the reply follows
/// once they are durable, and the connection's next request need not wait for it.
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    caller: &Caller,
    frame: RequestFrame,
    request_bytes: usize,
    in_flight: InFlightGuard,
) -> Outcome {
    let began = context.io.clock.now();
    let correlation_id = frame.correlation_id;
    let request: ProduceRequest = match frame.decode_as() {
        Ok(request) => request,
        Err(error) => return Outcome::Close(error.to_string()),
    };
    let (acks, request_timeout_ms) = (request.acks, request.timeout_ms);
    let wall = context.io.clock.wall();
    let (mut plan, appends) = if is_of_nobodys_transaction(&request) {
        (refuse_whole(context, caller, request), Vec::new())
    } else {
        plan(context, caller, request, &FrameMemory::of(request_bytes), wall)
    };
    tell_log_starts(context, &mut plan).await;
    let terms = AppendTerms {
        required: if acks == -1 { Required::Committed } else { Required::Leader },
        deadline: deadline(began, acks, request_timeout_ms),
        epoch: None,
    };
    let (reply, answer) = oneshot::channel();
    let caller = caller.clone();
    let of_closure = Arc::clone(context);
    let finish = move |outcomes: Vec<AppendOutcome>| {
        let response = respond_to(plan, outcomes, &caller, &of_closure);
        let response_bytes = send(&response, acks, &caller, correlation_id, reply);
        drop(in_flight);
        let took = of_closure.io.clock.now().since(began);
        of_closure.request_metrics.answered(ApiKey::Produce.key(), took, request_bytes, response_bytes);
        for partition in response.responses.iter().flat_map(|topic| &topic.partition_responses) {
            let code = ErrorCode::from_code(partition.error_code).unwrap_or(ErrorCode::UnknownServerError);
            of_closure.request_metrics.error(ApiKey::Produce.key(), code);
        }
    };
    if appends.is_empty() {
        finish(Vec::new());
    } else if context.partitions.append(appends, terms, Box::new(finish)).await.is_err() {
        return Outcome::Close("the node is shutting down".to_owned());
    }
    Outcome::Later(answer)
}

/// When a produce is answered at the latest. In Kafka the time bounds the wait for replicas alone, never the
/// write itself: a client that gives none waits for the disk however long that takes, and with `acks=0` there
/// is nothing to answer.
fn deadline(began: Instant, acks: i16, timeout_ms: i32) -> Option<Instant> {
    let patience = u64::try_from(timeout_ms).ok().filter(|ms| *ms > 0 && acks != 0)?;
    Some(began.after(Duration::from_millis(patience)))
}

/// The response to be, with a place for each append.
struct Plan {
    topics: Vec<PlannedTopic>,
}

struct PlannedTopic {
    name: Text,
    /// As the request has it.
    id: TopicId,
    /// `None` if there is no such topic.
    known_id: Option<TopicId>,
    partitions: Vec<Planned>,
}

enum Planned {
    /// Answered already; as in Kafka, a refusal for what single records hold tells where the log begins.
    Refused { response: Box<PartitionProduceResponse>, log_start_of: Option<PartitionId>, bytes: u64 },
    /// Answered by the next outcome.
    Appended { index: i32, records: u64, bytes: u64 },
}

fn plan(
    context: &Context,
    caller: &Caller,
    request: ProduceRequest,
    frame: &FrameMemory,
    wall: Timestamp,
) -> (Plan, Vec<AppendRequest>) {
    let image = context.metadata();
    let config = context.config();
    let mut appends = Vec::new();
    let mut topics = Vec::with_capacity(request.topic_data.len());
    let transactional = request.transactional_id.is_some();
    for data in request.topic_data {
        let topic = known(&image, caller, &data);
        let mut partitions = Vec::with_capacity(data.partition_data.len());
        for partition in data.partition_data {
            let index = partition.index;
            let records = partition.records.map(Records::into_bytes).unwrap_or_default();
            let bytes = records.len() as u64;
            let checked = check_transaction(transactional)
                .and_then(|()| topic.map_err(Refusal::from))
                .and_then(|topic| {
                    let config = topic.config(&config.topic_defaults);
                    let partition = check(topic, index, request.acks, &records)?;
                    let id = PartitionId { topic: topic.id, index: PartitionIndex(index) };
                    // More than there are cannot be asked for: as in Kafka the topic's replicas are the most.
                    let replicas_min = usize::try_from(config.min_insync_replicas).unwrap_or(0);
                    let replicas_min = replicas_min.min(partition.replicas.len());
                    // Who asks the wrong node is told so, and by whom it is led, not what is wrong with the partition.
                    let is_short = request.acks == -1 && partition.isr.len() < replicas_min;
                    if is_short && leads_here(context, &image, id) {
                        return Err(too_few_in_sync(partition, replicas_min));
                    }
                    let batch = validate_produced(&records, &rules(caller, &config), wall)?;
                    let is_transactional = batch.header().attributes.is_transactional();
                    assert!(!is_transactional, "what has such a batch was refused as a whole");
                    let batch = recompress(batch, &config, &*context.io.spawn)?.sharing(&records, frame);
                    Ok(AppendRequest { id, batch, replicas_min })
                });
            partitions.push(match checked {
                Ok(append) => {
                    let records = u64::try_from(append.batch.header().record_count).unwrap_or(0);
                    appends.push(append);
                    Planned::Appended { index, records, bytes }
                }
                Err(refusal) => {
                    let id =
                        |topic: &TopicImage| PartitionId { topic: topic.id, index: PartitionIndex(index) };
                    let log_start_of = topic.ok().filter(|_| refusal.concerns_records).map(|topic| id(topic));
                    Planned::Refused { response: Box::new(refusal.response(index)), log_start_of, bytes }
                }
            });
        }
        let known_id = topic.ok().map(|topic| topic.id);
        topics.push(PlannedTopic { name: data.name, id: data.topic_id, known_id, partitions });
    }
    (Plan { topics }, appends)
}

/// Whether it has a transactional batch and no transactional id: whose transaction that is cannot be checked. Kafka, too,
/// looks at the first batch of each partition, before anything else.
fn is_of_nobodys_transaction(request: &ProduceRequest) -> bool {
    let mut partitions = request.topic_data.iter().flat_map(|topic| &topic.partition_data);
    request.transactional_id.is_none()
        && partitions.any(|partition| partition.records.as_ref().is_some_and(begins_transactional))
}

/// What is no batch, or not a whole one, is refused for that, by itself.
fn begins_transactional(records: &Records) -> bool {
    let bytes = records.clone().into_bytes();
    BatchHeader::parse(&bytes).is_ok_and(|header| {
        let is_whole = header.total_bytes().is_some_and(|needed| needed <= bytes.len());
        header.magic == MAGIC && is_whole && header.attributes.is_transactional()
    })
}

/// Refuses every partition of such a request.
fn refuse_whole(context: &Context, caller: &Caller, request: ProduceRequest) -> Plan {
    let image = context.metadata();
    let refused = |partition: PartitionProduceData| {
        let refusal = Refusal::new(
            ErrorCode::TransactionalIdAuthorizationFailed,
            "a transactional batch needs a request with a transactional id",
        );
        let bytes = partition.records.map_or(0, |records| records.into_bytes().len() as u64);
        Planned::Refused { response: Box::new(refusal.response(partition.index)), log_start_of: None, bytes }
    };
    let topics = request.topic_data.into_iter().map(|data| PlannedTopic {
        known_id: known(&image, caller, &data).ok().map(|topic| topic.id),
        partitions: data.partition_data.into_iter().map(refused).collect(),
        name: data.name,
        id: data.topic_id,
    });
    Plan { topics: topics.collect() }
}

/// The topic that is meant: by name up to version 12, by id from 13.
fn known<'a>(
    image: &'a MetadataImage,
    caller: &Caller,
    data: &TopicProduceData,
) -> Result<&'a Arc<TopicImage>, ErrorCode> {
    if caller.version >= 13 {
        image.topic_by_id(data.topic_id).ok_or(ErrorCode::UnknownTopicId)
    } else {
        image.topic(&data.name).ok_or(ErrorCode::UnknownTopicOrPartition)
    }
}

/// Why a partition's batch is refused before it reaches its partition.
struct Refusal {
    code: ErrorCode,
    message: Option<String>,
    records: Vec<(i32, String)>,
    concerns_records: bool,
}

/// Fills in the log starts that refusals tell.
async fn tell_log_starts(context: &Context, plan: &mut Plan) {
    let mut wanted = Vec::new();
    for topic in &plan.topics {
        for planned in &topic.partitions {
            if let Planned::Refused { log_start_of: Some(id), .. } = planned {
                wanted.push(*id);
            }
        }
    }
    if wanted.is_empty() {
        return;
    }
    // A node that shuts down tells none.
    let stats = context.partitions.stats(Some(wanted)).await.unwrap_or_default();
    for topic in &mut plan.topics {
        for planned in &mut topic.partitions {
            if let Planned::Refused { response, log_start_of: Some(id), .. } = planned
                && let Some(stats) = stats.iter().find(|stats| stats.id == *id)
            {
                response.log_start_offset = stats.log_start.0;
            }
        }
    }
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Refusal {
        Refusal { code, message: None, records: Vec::new(), concerns_records: false }
    }
}

impl From<BatchError> for Refusal {
    fn from(error: BatchError) -> Refusal {
        let records = match &error {
            BatchError::RecordsRefused(refused) => {
                refused.errors.iter().map(|record| (record.index, record.cause.to_string())).collect()
            }
            _ => Vec::new(),
        };
        let code = error.error_code();
        let concerns_request = matches!(
            error,
            BatchError::Missing
                | BatchError::Magic { .. }
                | BatchError::Truncated { .. }
                | BatchError::TrailingBytes { .. }
        );
        let concerns_records = !concerns_request
            && matches!(
                code,
                ErrorCode::InvalidRecord | ErrorCode::InvalidTimestamp | ErrorCode::InvalidProducerEpoch
            );
        Refusal { code, message: Some(error.to_string()), records, concerns_records }
    }
}

impl Refusal {
    fn new(code: ErrorCode, message: impl Into<String>) -> Refusal {
        Refusal { code, message: Some(message.into()), records: Vec::new(), concerns_records: false }
    }

    fn response(self, index: i32) -> PartitionProduceResponse {
        PartitionProduceResponse {
            index,
            error_code: self.code.code(),
            base_offset: -1,
            log_append_time_ms: -1,
            log_start_offset: -1,
            record_errors: self
                .records
                .into_iter()
                .map(|(batch_index, message)| BatchIndexAndErrorMessage {
                    batch_index,
                    batch_index_error_message: Some(message.into()),
                    ..Default::default()
                })
                .collect(),
            error_message: self.message.map(Into::into),
            ..Default::default()
        }
    }
}

/// Whether this node leads a partition, as far as it knows.
fn leads_here(context: &Context, image: &MetadataImage, id: PartitionId) -> bool {
    leader_of(context, image, id).is_some_and(|(leader, _)| leader == context.config().node_id)
}

fn check_transaction(transactional: bool) -> Result<(), Refusal> {
    if transactional {
        return Err(Refusal::new(ErrorCode::InvalidTxnState, "transactions are not served by this release"));
    }
    Ok(())
}

fn check_acks(acks: i16) -> Result<(), Refusal> {
    if !matches!(acks, -1..=1) {
        return Err(Refusal::new(
            ErrorCode::InvalidRequiredAcks,
            format!("acks is {acks}; it must be 0, 1 or -1 (all)"),
        ));
    }
    Ok(())
}

/// The partition that is written to, if this release writes to it so.
fn check<'a>(
    topic: &'a TopicImage,
    index: i32,
    acks: i16,
    records: &Bytes,
) -> Result<&'a PartitionImage, Refusal> {
    let index = PartitionIndex(index);
    let partition = topic.partition(index).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    if records.is_empty() {
        return Err(BatchError::Missing.into());
    }
    check_acks(acks)?;
    if is_internal_topic(&topic.name) {
        return Err(Refusal::new(
            ErrorCode::InvalidTopicException,
            format!("{} is written by the broker alone", topic.name),
        ));
    }
    Ok(partition)
}

fn too_few_in_sync(partition: &PartitionImage, min_insync: usize) -> Refusal {
    let (caught_up, all) = (partition.isr.len(), partition.replicas.len());
    let text = format!(
        "{caught_up} of the partition's {all} replica(s) have caught up, min.insync.replicas is {min_insync}"
    );
    Refusal::new(ErrorCode::NotEnoughReplicas, text)
}

fn rules(caller: &Caller, config: &TopicConfig) -> ProduceRules {
    ProduceRules {
        produce_version: caller.version,
        batch_bytes_max: usize::try_from(config.max_message_bytes).unwrap_or(0),
        decompressed_bytes_max: BATCH_DECOMPRESSED_BYTES_MAX,
        keys: if config.cleanup.compact { KeyRule::Required } else { KeyRule::Optional },
        timestamps: match config.timestamp {
            TopicTimestamps::LogAppendTime => TimestampRule::LogAppendTime,
            TopicTimestamps::CreateTime => TimestampRule::CreateTime(TimestampLimits {
                before_max_ms: config.timestamp_before_max_ms,
                after_max_ms: config.timestamp_after_max_ms,
            }),
        },
    }
}

/// Gives the batch the topic's own compression, where it has one (`compression.type`).
fn recompress(
    batch: ValidatedBatch,
    config: &TopicConfig,
    spawn: &dyn Spawn,
) -> Result<ValidatedBatch, Refusal> {
    let compression = match config.compression {
        TopicCompression::Producer => return Ok(batch),
        TopicCompression::Uncompressed => Compression::None,
        TopicCompression::Gzip { level } => Compression::Gzip { level },
        TopicCompression::Snappy => Compression::Snappy,
        TopicCompression::Lz4 { level } => Compression::Lz4 { level },
        TopicCompression::Zstd { level } => Compression::Zstd { level },
    };
    let batch = recompressed(batch, compression, spawn)?;
    // What is stored must keep the topic's maximum, too.
    let (batch_bytes, max_bytes) =
        (batch.batch().len(), usize::try_from(config.max_message_bytes).unwrap_or(0));
    if batch_bytes > max_bytes {
        return Err(BatchError::TooLarge { batch_bytes, max_bytes }.into());
    }
    Ok(batch)
}

/// What is longer is compressed while other tasks run on: at a high level a megabyte takes a second.
const COMPRESS_BESIDE_BYTES: usize = 4 << 10;

fn recompressed(
    batch: ValidatedBatch,
    compression: Compression,
    spawn: &dyn Spawn,
) -> Result<ValidatedBatch, BatchError> {
    let is_long = batch.batch().len() > COMPRESS_BESIDE_BYTES;
    if !is_long || batch.batch().codec()? == compression.codec() {
        return batch.recompressed(compression, BATCH_DECOMPRESSED_BYTES_MAX);
    }
    let (mut batch, mut result) = (Some(batch), None);
    spawn.busy(&mut || {
        let batch = batch.take().expect("it is run once");
        result = Some(batch.recompressed(compression, BATCH_DECOMPRESSED_BYTES_MAX));
    });
    result.expect("it was run")
}

/// The response, in the order of the request.
fn respond_to(
    plan: Plan,
    outcomes: Vec<AppendOutcome>,
    caller: &Caller,
    context: &Context,
) -> ProduceResponse {
    let mut leaders = Leaders::new(context, caller);
    let mut outcomes = outcomes.into_iter();
    let mut responses = Vec::with_capacity(plan.topics.len());
    for topic in plan.topics {
        let mut partition_responses = Vec::with_capacity(topic.partitions.len());
        let mut traffic = TopicTraffic::default();
        for planned in topic.partitions {
            let (response, records, bytes) = match planned {
                Planned::Refused { response, bytes, .. } => (*response, 0, bytes),
                Planned::Appended { index, records, bytes } => {
                    let outcome = outcomes.next().expect("every append has an outcome");
                    let mut response = outcome_response(index, outcome, caller);
                    leaders.tell(&topic.name, topic.id, &mut response);
                    (response, records, bytes)
                }
            };
            if response.error_code == ErrorCode::None.code() {
                traffic.appended(records, bytes);
            } else {
                traffic.rejected(bytes);
            }
            partition_responses.push(response);
        }
        if partition_responses.is_empty() {
            // As in Kafka, a topic of which there is nothing to tell is left out.
            continue;
        }
        context.topic_metrics.count(topic.known_id, &traffic);
        responses.push(TopicProduceResponse {
            name: topic.name,
            topic_id: topic.id,
            partition_responses,
            ..Default::default()
        });
    }
    ProduceResponse { responses, node_endpoints: leaders.endpoints, ..ProduceResponse::default() }
}

/// Tells clients who leads what this node does not (KIP-951).
struct Leaders<'a> {
    context: &'a Context,
    caller: &'a Caller,
    endpoints: Vec<NodeEndpoint>,
}

impl<'a> Leaders<'a> {
    /// The version from which a response has room for them.
    const FROM_VERSION: i16 = 10;

    fn new(context: &'a Context, caller: &'a Caller) -> Leaders<'a> {
        Leaders { context, caller, endpoints: Vec::new() }
    }

    fn tell(&mut self, name: &str, id: TopicId, response: &mut PartitionProduceResponse) {
        let moved = response.error_code == ErrorCode::NotLeaderOrFollower.code();
        if !moved || self.caller.version < Self::FROM_VERSION {
            return;
        }
        let image = self.context.metadata();
        let topic = if id == TopicId::ZERO { image.topic(name) } else { image.topic_by_id(id) };
        let Some(topic) = topic else { return };
        let id = PartitionId { topic: topic.id, index: PartitionIndex(response.index) };
        let view = ClusterView { image: &image, listener: &self.caller.listener };
        let Some((leader, epoch)) = leader_of(self.context, &image, id) else { return };
        if leader == self.context.config().node_id {
            // It is handing over: nobody knows yet who follows.
            return;
        }
        let Some(broker) = view.brokers().find(|broker| broker.node == leader) else { return };
        response.current_leader =
            LeaderIdAndEpoch { leader_id: leader.0, leader_epoch: epoch.0, ..LeaderIdAndEpoch::default() };
        if self.endpoints.iter().all(|endpoint| endpoint.node_id != leader.0) {
            self.endpoints.push(NodeEndpoint {
                node_id: leader.0,
                host: broker.endpoint.host.as_str().into(),
                port: broker.endpoint.port.into(),
                rack: broker.rack.map(Into::into),
                ..NodeEndpoint::default()
            });
        }
    }
}

/// Hands the response to the connection; says how many bytes it has on the wire.
fn send(
    response: &ProduceResponse,
    acks: i16,
    caller: &Caller,
    correlation_id: CorrelationId,
    reply: oneshot::Sender<Vec<Bytes>>,
) -> usize {
    if acks == 0 {
        // There is no reply. An error closes the connection, which is all that such a client can be told.
        let mut partitions = response.responses.iter().flat_map(|topic| &topic.partition_responses);
        if partitions.all(|partition| partition.error_code == ErrorCode::None.code()) {
            drop(reply.send(Vec::new()));
        }
        return 0;
    }
    match respond(caller, correlation_id, response) {
        Outcome::Now(frame) => {
            let bytes = frame.iter().map(Bytes::len).sum();
            // The connection may have gone.
            drop(reply.send(frame));
            bytes
        }
        // Dropping the sender closes the connection; the cause has been logged.
        Outcome::Later(_) | Outcome::Nothing | Outcome::Close(_) | Outcome::CloseTold(_) => 0,
    }
}

fn outcome_response(index: i32, outcome: AppendOutcome, caller: &Caller) -> PartitionProduceResponse {
    match outcome {
        Ok(appended) => PartitionProduceResponse {
            index,
            base_offset: appended.base_offset.0,
            log_append_time_ms: appended.log_append_time.0,
            log_start_offset: appended.log_start.0,
            ..Default::default()
        },
        Err(error) => {
            tracing::debug!(peer = %caller.peer, partition = index, %error, "an append failed");
            let mut response = Refusal::new(error.error_code(), error.to_string()).response(index);
            if let AppendError::Producer { log_start, .. } = error {
                response.log_start_offset = log_start.0;
            }
            response
        }
    }
}
