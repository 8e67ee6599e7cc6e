use std::sync::Arc;
use std::time::{Duration, Instant};

use ordain::client::admin::{NewTopic, OffsetSpec, Validate};
use ordain::client::producer::{Acks, Idempotence, Producer, ProducerRecord};
use ordain::client::{AutoCreate, Client, ClientError, Lane, PartitionMetadata, TopicPartition};
use ordain::types::{ErrorCode, ProducerEpoch, ProducerId};
use ordain::wire::messages::{InitProducerIdRequest, ProduceRequest, ProduceResponse};
use serde_json::json;
use tokio::sync::mpsc;

use super::engine::{self, Outcome, Pace, ProduceSpec, Route, Spec};
use super::figures::Figures;
use super::template::{self, Template, Values};
use super::workers::{self, Progress};
use crate::commands::produce::Batching;
use crate::connect::{self, Connect};
use crate::failure::Failure;
use crate::output::Format;
use crate::{parse, progress};

/// How many partitions one request makes: Kafka refuses operations of 10,000 records and more.
const PARTITIONS_AT_ONCE_MAX: i32 = 5_000;
const DURATION_DEFAULT: Duration = Duration::from_secs(10);

#[derive(clap::Args, Clone, Debug)]
pub struct Arguments {
    #[command(flatten)]
    pub topic: Topic,
    /// A record's value, in bytes.
    #[arg(long, default_value = "1k", value_parser = template::record_size, value_name = "SIZE")]
    record_size: usize,
    /// End after so many records.
    #[arg(long, value_parser = parse::count_from_one)]
    records: Option<u64>,
    /// End after this time (10s unless --records is given).
    #[arg(long, value_parser = parse::duration, value_name = "TIME")]
    duration: Option<Duration>,
    #[command(flatten)]
    batching: Batching,
    /// How many connections, spread over --threads.
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// How many requests are under way on each connection.
    #[arg(long, default_value_t = 5)]
    in_flight: usize,
    /// How many threads of this program work.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Build each batch once and send it again with only its header patched, to measure the broker rather than
    /// this program.
    #[arg(long, default_value_t = true, num_args = 0..=1, default_missing_value = "true",
          action = clap::ArgAction::Set, value_name = "BOOL")]
    pre_encoded: bool,
    /// Send at once to the first address of --bootstrap, in Produce version 12, without asking for topics and
    /// leaders: for a sink that takes nothing but produce requests.
    #[arg(long)]
    unasked: bool,
}

/// The topic of a measurement, made if it is missing.
#[derive(clap::Args, Clone, Debug)]
pub struct Topic {
    #[arg(long, default_value = "ordain-perf")]
    pub topic: String,
    /// How many partitions it gets if it is made.
    #[arg(long, default_value_t = 1)]
    pub partitions: i32,
    /// How many replicas it gets if it is made.
    #[arg(long)]
    pub replication_factor: Option<i16>,
    /// A configuration of the topic if it is made, as key=value.
    #[arg(long = "topic-config", value_parser = parse::assignment, value_name = "KEY=VALUE")]
    pub configs: Vec<(String, String)>,
}

impl Topic {
    /// Makes the topic if it is missing; gives its partitions.
    pub async fn ensure(&self, client: &Client) -> Result<Vec<TopicPartition>, Failure> {
        let new = NewTopic {
            name: self.topic.clone(),
            partitions: Some(self.partitions.min(PARTITIONS_AT_ONCE_MAX)),
            replication_factor: self.replication_factor,
            configs: self.configs.iter().cloned().collect(),
        };
        let mut made = false;
        let known = match client.partitions(&self.topic, AutoCreate::No).await {
            Err(ClientError::UnknownTopic { .. }) => {
                made = true;
                match client.create_topic(&new, Validate::Apply).await {
                    Ok(_) => {}
                    Err(error) if error.code() == Some(ErrorCode::TopicAlreadyExists) => {}
                    Err(error) => return Err(error.into()),
                }
                self.grown(client).await?
            }
            known => known?,
        };
        let partition = |p: &PartitionMetadata| TopicPartition::new(self.topic.clone(), p.index.0);
        let partitions: Vec<_> = known.iter().map(partition).collect();
        if made {
            // Metadata may name a leader before that leader knows: each is asked until it answers.
            client.list_offsets_at(&partitions, OffsetSpec::Earliest).await?;
        }
        Ok(partitions)
    }

    /// The partitions of a topic that has just been made, raised step by step to as many as were asked for.
    async fn grown(&self, client: &Client) -> Result<Vec<PartitionMetadata>, ClientError> {
        let mut count = self.partitions.min(PARTITIONS_AT_ONCE_MAX);
        loop {
            let known = wait_for_topic(client, &self.topic, usize::try_from(count).unwrap_or(0)).await?;
            if count >= self.partitions {
                return Ok(known);
            }
            count = self.partitions.min(count + PARTITIONS_AT_ONCE_MAX);
            client.create_partitions(&self.topic, count, Validate::Apply).await?;
        }
    }

    /// Makes the topic if it is missing; gives who leads its partitions, or the first address if nobody is to be
    /// asked.
    pub async fn routes(
        &self,
        connect: &Connect,
        client: &Client,
        unasked: bool,
    ) -> Result<Vec<Route>, Failure> {
        if unasked {
            return Ok(vec![Route::unasked(connect, self.partitions)?]);
        }
        let partitions = self.ensure(client).await?;
        engine::routes::<ProduceRequest>(client, Lane::Produce, &partitions).await
    }
}

/// A topic that has just been made, or has grown to `count` partitions, is not known everywhere at once.
async fn wait_for_topic(
    client: &Client,
    topic: &str,
    count: usize,
) -> Result<Vec<PartitionMetadata>, ClientError> {
    for _ in 0..100 {
        match client.partitions(topic, AutoCreate::No).await {
            Err(ClientError::UnknownTopic { .. }) => tokio::time::sleep(Duration::from_millis(50)).await,
            Ok(known) if known.len() < count || known.iter().any(|p| p.leader.is_none()) => {
                client.invalidate();
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            known => return known,
        }
    }
    client.partitions(topic, AutoCreate::No).await
}

pub fn run(connect: &Connect, arguments: &Arguments, format: Format) -> Result<(), Failure> {
    let idempotence = arguments.batching.idempotence()?;
    if arguments.connections == 0 || arguments.in_flight == 0 || arguments.threads == 0 {
        return Err(Failure::Usage("--connections, --in-flight and --threads are at least 1".to_owned()));
    }
    if idempotence == Idempotence::On && arguments.in_flight > 5 && arguments.pre_encoded {
        return Err(Failure::Usage(format!(
            "--in-flight {}: brokers remember five batches of an idempotent producer; give --idempotent false",
            arguments.in_flight
        )));
    }
    let within = arguments.duration.or(arguments.records.is_none().then_some(DURATION_DEFAULT));
    let shared = Arc::new(Progress::default());
    // Without acknowledgements, what has been written counts, and the producer knows.
    let pre_encoded = arguments.pre_encoded && arguments.batching.acks != Acks::None;
    let spec = connect::run_interruptible(async {
        if !pre_encoded {
            arguments.topic.ensure(&connect.client()?).await?;
            return Ok(None);
        }
        spec(connect, arguments, idempotence).await.map(Some)
    })?;
    let bar = progress::bar(arguments.records, "records");
    let threads = arguments.threads.min(arguments.connections);
    let found = workers::run(threads, &shared, within, &bar, |thread| {
        let (shared, spec) = (Arc::clone(&shared), spec.as_ref());
        async move {
            match spec {
                Some(spec) => engine::run(spec, thread, threads, &shared),
                None => {
                    let mine = (0..arguments.connections).filter(|index| index % threads == thread);
                    shared.begin(threads);
                    through_producers(connect, arguments, shared, mine.count()).await
                }
            }
        }
    })?;
    let all = Outcome::merged(found);
    let began = shared.began();
    let took = all.last.map_or_else(|| began.at.elapsed(), |last| last.duration_since(began.at));
    let batch_records =
        spec.as_ref().and_then(|s| s.produce.as_ref()).map(|produce| produce.template.records());
    Figures {
        what: "produce",
        topic: arguments.topic.topic.clone(),
        records: all.records,
        bytes: all.bytes,
        requests: all.requests,
        errors: all.errors,
        first_error: all.first_error,
        took,
        cpu_before: began.cpu,
        latencies: all.latencies,
        latency_of: if pre_encoded { "request latency" } else { "record latency" },
        more: Vec::new(),
        settings: json!({
            "record_size": arguments.record_size, "batch_size": arguments.batching.batch_size,
            "batch_records": batch_records,
            "acks": format!("{:?}", arguments.batching.acks).to_lowercase(),
            "idempotent": idempotence == Idempotence::On,
            "compression": arguments.batching.compression.name(), "connections": arguments.connections,
            "in_flight": arguments.in_flight, "threads": threads, "partitions": arguments.topic.partitions,
            "pre_encoded": pre_encoded, "linger_ms": arguments.batching.linger.as_secs_f64() * 1e3,
        }),
    }
    .report(format)
}

/// What the engine is to do: the topic is made if it is missing, and each connection gets its producer id.
async fn spec(connect: &Connect, arguments: &Arguments, idempotence: Idempotence) -> Result<Spec, Failure> {
    let client = connect.client()?;
    let batching = &arguments.batching;
    let timestamp = client.io().clock.wall();
    let template =
        Template::filled(batching.batch_size, arguments.record_size, batching.compression, timestamp);
    let rest =
        arguments.records.map_or(0, |records| records % u64::try_from(template.records()).unwrap_or(1));
    let rest = usize::try_from(rest).ok().filter(|rest| *rest > 0).map(|rest| template.cut_to(rest));
    let routes = arguments.topic.routes(connect, &client, arguments.unasked).await?;
    let mut producers = Vec::new();
    if idempotence == Idempotence::On && !arguments.unasked {
        for _ in 0..arguments.connections {
            producers.push(producer_id(&client).await?);
        }
    }
    let pace = Pace::Closed { in_flight: arguments.in_flight, records_max: arguments.records };
    let produce = ProduceSpec {
        topic: arguments.topic.topic.clone(),
        acks: batching.acks,
        template,
        rest,
        pace,
        connections: arguments.connections,
        producers,
        routes,
    };
    Ok(Spec { produce: Some(produce), fetch: None, answer_within: connect.answer_within() })
}

/// The first error in an answer.
pub fn refusal(answer: &ProduceResponse) -> Result<(), String> {
    let refused = answer.responses.iter().flat_map(|topic| {
        topic.partition_responses.iter().filter(|p| p.error_code != 0).map(|p| (topic.name.clone(), p))
    });
    match refused.into_iter().next() {
        None => Ok(()),
        Some((topic, p)) => {
            let name = ErrorCode::from_code(p.error_code)
                .map_or_else(|| p.error_code.to_string(), |c| c.to_string());
            Err(format!("{topic}-{}: {name} {}", p.index, p.error_message.as_deref().unwrap_or("")))
        }
    }
}

pub async fn producer_id(client: &Client) -> Result<(ProducerId, ProducerEpoch), ClientError> {
    let request = InitProducerIdRequest {
        transactional_id: None,
        transaction_timeout_ms: i32::MAX,
        producer_id: -1,
        producer_epoch: -1,
        ..InitProducerIdRequest::default()
    };
    let mut retry = client.retry();
    loop {
        let broker = client.any_broker().await?;
        let answer = broker.call(&request).await?;
        if answer.error_code == 0 {
            return Ok((ProducerId(answer.producer_id), ProducerEpoch(answer.producer_epoch)));
        }
        let code = ErrorCode::from_code(answer.error_code).unwrap_or(ErrorCode::UnknownServerError);
        retry
            .pause(ClientError::Refused {
                address: broker.address().clone(),
                api: ordain::wire::ApiKey::InitProducerId,
                code,
                subject: "a producer id".to_owned(),
                message: None,
            })
            .await?;
    }
}

/// How many records may wait for their delivery to be looked at.
const DELIVERIES_MAX: usize = 65_536;

/// The producers of one thread, each on connections of its own.
async fn through_producers(
    connect: &Connect,
    arguments: &Arguments,
    shared: Arc<Progress>,
    count: usize,
) -> Result<Outcome, Failure> {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..count {
        let client = connect.client()?;
        let (arguments, shared) = (arguments.clone(), Arc::clone(&shared));
        tasks.spawn(async move { through_producer(&client, &arguments, &shared).await });
    }
    let mut all = Outcome::new();
    while let Some(joined) = tasks.join_next().await {
        match joined {
            Ok(outcome) => all.merge(outcome?),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }
    Ok(all)
}

async fn through_producer(
    client: &Client,
    arguments: &Arguments,
    shared: &Progress,
) -> Result<Outcome, Failure> {
    let mut options = arguments.batching.options()?;
    options.in_flight = arguments.in_flight.min(5);
    let producer = Producer::start(client, options);
    let values = Values::new(arguments.record_size);
    let (delivered, mut deliveries) = mpsc::channel(DELIVERIES_MAX);
    let record_size = arguments.record_size;
    let collect = tokio::spawn(async move {
        let mut outcome = Outcome::new();
        while let Some((sent, delivery)) = deliveries.recv().await {
            let delivery: ordain::client::producer::Delivery = delivery;
            match delivery.wait().await {
                Ok(_) => {
                    let now = Instant::now();
                    outcome.requests += 1;
                    outcome.records += 1;
                    outcome.bytes += record_size as u64;
                    outcome.latencies.record(now.duration_since(sent));
                    outcome.last = Some(now);
                }
                Err(error) => outcome.failed(error.to_string()),
            }
        }
        outcome
    });
    let mut number = 0;
    while !shared.must_stop() && shared.take(1, arguments.records) {
        let record = ProducerRecord {
            topic: &arguments.topic.topic,
            partition: None,
            timestamp: None,
            key: None,
            value: Some(values.value(number)),
            headers: &[],
        };
        number += 1;
        let sent = Instant::now();
        let delivery = producer.send(record).await?;
        if delivered.send((sent, delivery)).await.is_err() {
            break;
        }
    }
    producer.close().await?;
    drop(delivered);
    match collect.await {
        Ok(outcome) => Ok(outcome),
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}
