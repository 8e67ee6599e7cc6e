use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ordain::client::admin::{NewTopic, Validate};
use ordain::client::producer::{Acks, Idempotence, NAMES_UNTIL, Producer, ProducerRecord};
use ordain::client::{AutoCreate, Broker, Client, ClientError, Expects, Lane, TopicPartition};
use ordain::types::{ErrorCode, ProducerEpoch, ProducerId};
use ordain::wire::Text;
use ordain::wire::batch::{NO_SEQUENCE, sequence_plus};
use ordain::wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use ordain::wire::messages::{InitProducerIdRequest, ProduceRequest, ProduceResponse};
use serde_json::json;
use tokio::sync::{Semaphore, mpsc};

use super::figures::{Cpu, Figures, Latencies};
use super::template::{Template, Values};
use super::workers::{self, Progress};
use crate::commands::produce::Batching;
use crate::connect::{self, Connect};
use crate::failure::Failure;
use crate::output::Format;
use crate::{parse, progress};

/// What a record takes in a batch beside its value, in bytes, about.
const RECORD_OVERHEAD_BYTES: usize = 8;
const DURATION_DEFAULT: Duration = Duration::from_secs(10);

#[derive(clap::Args, Clone, Debug)]
pub struct Arguments {
    #[command(flatten)]
    pub topic: Topic,
    /// A record's value, in bytes.
    #[arg(long, default_value = "1k", value_parser = parse::size, value_name = "SIZE")]
    record_size: usize,
    /// End after so many records.
    #[arg(long, value_parser = parse::count)]
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
}

impl Topic {
    /// Makes the topic if it is missing; gives its partitions.
    pub async fn ensure(&self, client: &Client) -> Result<Vec<TopicPartition>, Failure> {
        let new = NewTopic {
            name: self.topic.clone(),
            partitions: Some(self.partitions),
            replication_factor: self.replication_factor,
            configs: BTreeMap::new(),
        };
        let known = match client.partitions(&self.topic, AutoCreate::No).await {
            Err(ClientError::UnknownTopic { .. }) => {
                match client.create_topic(&new, Validate::Apply).await {
                    Ok(_) => {}
                    Err(error) if error.code() == Some(ErrorCode::TopicAlreadyExists) => {}
                    Err(error) => return Err(error.into()),
                }
                wait_for_topic(client, &self.topic).await?
            }
            known => known?,
        };
        Ok(known.iter().map(|p| TopicPartition { topic: self.topic.clone(), partition: p.index }).collect())
    }
}

/// A topic that has just been made is not known everywhere at once.
async fn wait_for_topic(
    client: &Client,
    topic: &str,
) -> Result<Vec<ordain::client::PartitionMetadata>, ClientError> {
    for _ in 0..100 {
        match client.partitions(topic, AutoCreate::No).await {
            Err(ClientError::UnknownTopic { .. }) => tokio::time::sleep(Duration::from_millis(50)).await,
            Ok(known) if known.iter().any(|p| p.leader.is_none()) => {
                client.invalidate();
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            known => return known,
        }
    }
    client.partitions(topic, AutoCreate::No).await
}

/// What one connection has done.
struct Done {
    records: u64,
    bytes: u64,
    requests: u64,
    errors: u64,
    first_error: Option<String>,
    latencies: Latencies,
    last: Option<Instant>,
}

impl Done {
    fn new() -> Done {
        Done {
            records: 0,
            bytes: 0,
            requests: 0,
            errors: 0,
            first_error: None,
            latencies: Latencies::new(),
            last: None,
        }
    }

    fn answered(&mut self, sent: Instant, records: u64, bytes: usize, result: Result<(), String>) {
        let now = Instant::now();
        self.requests += 1;
        match result {
            Ok(()) => {
                self.records += records;
                self.bytes += bytes as u64;
                self.latencies.record(now.duration_since(sent));
                self.last = Some(now);
            }
            Err(error) => {
                self.errors += 1;
                self.first_error.get_or_insert(error);
            }
        }
    }

    fn merge(&mut self, other: Done) {
        self.records += other.records;
        self.bytes += other.bytes;
        self.requests += other.requests;
        self.errors += other.errors;
        self.first_error = self.first_error.take().or(other.first_error);
        self.latencies.merge(&other.latencies);
        self.last = self.last.max(other.last);
    }
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
    let partitions = connect::run_interruptible(async { arguments.topic.ensure(&connect.client()?).await })?;
    let within = arguments.duration.or(arguments.records.is_none().then_some(DURATION_DEFAULT));
    let shared = Arc::new(Progress::default());
    let bar = progress::bar(arguments.records, "records");
    let threads = arguments.threads.min(arguments.connections);
    let cpu_before = Cpu::now();
    let began = Instant::now();
    let found = workers::run(threads, &shared, within, &bar, |thread| {
        let mine = (0..arguments.connections).filter(move |index| index % threads == thread);
        connections(connect, arguments, partitions.clone(), Arc::clone(&shared), mine.collect())
    })?;
    let mut all = Done::new();
    found.into_iter().for_each(|done| all.merge(done));
    let took = all.last.map_or_else(|| began.elapsed(), |last| last.duration_since(began));
    Figures {
        what: "produce",
        topic: arguments.topic.topic.clone(),
        records: all.records,
        bytes: all.bytes,
        requests: all.requests,
        errors: all.errors,
        first_error: all.first_error,
        took,
        cpu_before,
        latencies: all.latencies,
        latency_of: if arguments.pre_encoded { "request latency" } else { "record latency" },
        settings: json!({
            "record_size": arguments.record_size, "batch_size": arguments.batching.batch_size,
            "acks": format!("{:?}", arguments.batching.acks).to_lowercase(),
            "idempotent": idempotence == Idempotence::On,
            "compression": arguments.batching.compression.name(), "connections": arguments.connections,
            "in_flight": arguments.in_flight, "threads": threads, "partitions": partitions.len(),
            "pre_encoded": arguments.pre_encoded, "linger_ms": arguments.batching.linger.as_secs_f64() * 1e3,
        }),
    }
    .report(format)
}

/// The connections of one thread.
async fn connections(
    connect: &Connect,
    arguments: &Arguments,
    partitions: Vec<TopicPartition>,
    shared: Arc<Progress>,
    indexes: Vec<usize>,
) -> Result<Done, Failure> {
    let mut tasks = tokio::task::JoinSet::new();
    for index in indexes {
        let client = connect.client()?;
        let (arguments, partitions, shared) = (arguments.clone(), partitions.clone(), Arc::clone(&shared));
        tasks.spawn(async move {
            if arguments.pre_encoded {
                pre_encoded(&client, &arguments, &partitions, &shared, index).await
            } else {
                through_producer(&client, &arguments, &shared).await
            }
        });
    }
    let mut all = Done::new();
    while let Some(joined) = tasks.join_next().await {
        match joined {
            Ok(done) => all.merge(done?),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }
    Ok(all)
}

/// One partition as one connection writes to it.
pub struct Target {
    pub broker: Arc<Broker>,
    pub topic: Text,
    pub index: i32,
    pub next_sequence: i32,
}

async fn pre_encoded(
    client: &Client,
    arguments: &Arguments,
    partitions: &[TopicPartition],
    shared: &Progress,
    index: usize,
) -> Result<Done, Failure> {
    let batching = &arguments.batching;
    let per_batch = (batching.batch_size / (arguments.record_size + RECORD_OVERHEAD_BYTES)).max(1);
    let template =
        Template::new(per_batch, arguments.record_size, batching.compression, client.io().clock.wall());
    let (id, epoch) = match batching.idempotence()? {
        Idempotence::On => producer_id(client).await?,
        Idempotence::Off => (ProducerId::NONE, ProducerEpoch::NONE),
    };
    let mut targets = Vec::new();
    for at in partitions {
        let broker = client.node(client.leader(at).await?, Lane::Produce).await?;
        let topic = Text::from(at.topic.as_str());
        targets.push(Target { broker, topic, index: at.partition.0, next_sequence: 0 });
    }
    let done = Arc::new(Mutex::new(Done::new()));
    let window = Arc::new(Semaphore::new(arguments.in_flight));
    let expects = if batching.acks == Acks::None { Expects::Nothing } else { Expects::Answer };
    let records = u64::try_from(template.records()).unwrap_or(0);
    let bytes = template.bytes();
    let mut turn = index;
    while !shared.must_stop() && shared.take(records, arguments.records) {
        let permit = Arc::clone(&window).acquire_owned().await.expect("the window is never closed");
        let count = targets.len();
        let target = &mut targets[turn % count];
        turn += 1;
        let sequence = if id == ProducerId::NONE { NO_SEQUENCE } else { target.next_sequence };
        target.next_sequence = sequence_plus(target.next_sequence, template.records());
        let request = request(target, batching.acks, template.stamped(id, epoch, sequence));
        let sent = Instant::now();
        let version = target.broker.version_up_to::<ProduceRequest>(NAMES_UNTIL)?;
        let in_flight = target.broker.begin(version, &request, expects).await?;
        let counted = Arc::clone(&done);
        tokio::spawn(async move {
            let result = match in_flight.wait().await {
                Ok(None) => Ok(()),
                Ok(Some(answer)) => refusal(&answer),
                Err(error) => Err(error.to_string()),
            };
            counted.lock().unwrap_or_else(PoisonError::into_inner).answered(sent, records, bytes, result);
            drop(permit);
        });
        if done.lock().unwrap_or_else(PoisonError::into_inner).errors > 0 {
            // One error tells enough; what follows would only be more of it.
            shared.stop();
        }
    }
    let window_all = u32::try_from(arguments.in_flight).unwrap_or(u32::MAX);
    drop(window.acquire_many(window_all).await);
    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(std::mem::replace(&mut *done, Done::new()))
}

pub fn request(target: &Target, acks: Acks, records: ordain::wire::Records) -> ProduceRequest {
    ProduceRequest {
        acks: match acks {
            Acks::None => 0,
            Acks::Leader => 1,
            Acks::All => -1,
        },
        timeout_ms: 30_000,
        topic_data: vec![TopicProduceData {
            name: target.topic.clone(),
            partition_data: vec![PartitionProduceData {
                index: target.index,
                records: Some(records),
                ..PartitionProduceData::default()
            }],
            ..TopicProduceData::default()
        }],
        ..ProduceRequest::default()
    }
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

async fn through_producer(
    client: &Client,
    arguments: &Arguments,
    shared: &Progress,
) -> Result<Done, Failure> {
    let mut options = arguments.batching.options()?;
    options.in_flight = arguments.in_flight.min(5);
    let producer = Producer::start(client, options);
    let values = Values::new(arguments.record_size);
    let (delivered, mut deliveries) = mpsc::channel(DELIVERIES_MAX);
    let record_size = arguments.record_size;
    let collect = tokio::spawn(async move {
        let mut done = Done::new();
        while let Some((sent, delivery)) = deliveries.recv().await {
            let delivery: ordain::client::producer::Delivery = delivery;
            let result = delivery.wait().await.map(drop).map_err(|error| error.to_string());
            done.answered(sent, 1, record_size, result);
        }
        done
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
        Ok(done) => Ok(done),
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}
