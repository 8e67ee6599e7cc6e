use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ordain::client::producer::{Acks, NAMES_UNTIL};
use ordain::client::{Client, Expects, Lane};
use ordain::types::{ProducerEpoch, ProducerId};
use ordain::wire::Text;
use ordain::wire::batch::NO_SEQUENCE;
use ordain::wire::compression::Codec;
use ordain::wire::messages::ProduceRequest;
use serde_json::json;
use tokio::sync::Semaphore;

use super::figures::{Cpu, Figures, Latencies};
use super::pacer;
use super::produce::{Target, Topic, refusal, request};
use super::template::Template;
use crate::connect::{self, Connect};
use crate::failure::Failure;
use crate::output::Format;
use crate::{parse, progress};

/// How many requests may be under way; a broker that is further behind is past being measured.
const IN_FLIGHT_MAX: usize = 10_000;

#[derive(clap::Args, Clone, Debug)]
pub struct Arguments {
    #[command(flatten)]
    topic: Topic,
    /// How many records a second, whatever the answers do.
    #[arg(long, default_value = "1000", value_parser = parse::count)]
    rate: u64,
    /// How long.
    #[arg(long, default_value = "10s", value_parser = parse::duration, value_name = "TIME")]
    duration: Duration,
    /// Not measured, at the beginning.
    #[arg(long, default_value = "1s", value_parser = parse::duration, value_name = "TIME")]
    warm_up: Duration,
    /// A record's value, in bytes.
    #[arg(long, default_value = "100", value_parser = parse::size, value_name = "SIZE")]
    record_size: usize,
    /// 1: the leader has it; all: every in-sync replica has it.
    #[arg(long, default_value = "all", value_parser = ["1", "all"])]
    acks: String,
}

#[derive(Default)]
struct Done {
    records: u64,
    errors: u64,
    first_error: Option<String>,
    latencies: Option<Latencies>,
}

pub fn run(connect: &Connect, arguments: &Arguments, format: Format) -> Result<(), Failure> {
    if arguments.rate == 0 {
        return Err(Failure::Usage("--rate is at least 1".to_owned()));
    }
    connect::run_interruptible(async {
        let client = connect.client()?;
        let figures = measure(&client, arguments).await?;
        figures.report(format)
    })
}

async fn measure(client: &Client, arguments: &Arguments) -> Result<Figures, Failure> {
    let partitions = arguments.topic.ensure(client).await?;
    let mut targets = Vec::new();
    for at in &partitions {
        let broker = client.node(client.leader(at).await?, Lane::Produce).await?;
        let topic = Text::from(at.topic.as_str());
        targets.push(Target { broker, topic, index: at.partition.0, next_sequence: 0 });
    }
    let acks = if arguments.acks == "1" { Acks::Leader } else { Acks::All };
    let template = Template::new(1, arguments.record_size, Codec::None, client.io().clock.wall());
    let count =
        ((arguments.duration + arguments.warm_up).as_secs_f64() * arguments.rate as f64).ceil() as u64;
    let warm_up = (arguments.warm_up.as_secs_f64() * arguments.rate as f64) as u64;
    let done = Arc::new(Mutex::new(Done { latencies: Some(Latencies::new()), ..Done::default() }));
    let window = Arc::new(Semaphore::new(IN_FLIGHT_MAX));
    let bar = progress::bar(Some(count), "records");
    let cpu_before = Cpu::now();
    let began = Instant::now();
    let mut dues = pacer::start(arguments.rate as f64, count);
    let mut number = 0;
    while let Some(due) = dues.recv().await {
        let permit = Arc::clone(&window).acquire_owned().await.expect("the window is never closed");
        let target = &targets[usize::try_from(number).unwrap_or(0) % targets.len()];
        let records = template.stamped(ProducerId::NONE, ProducerEpoch::NONE, NO_SEQUENCE);
        let version = target.broker.version_up_to::<ProduceRequest>(NAMES_UNTIL)?;
        let in_flight =
            target.broker.begin(version, &request(target, acks, records), Expects::Answer).await?;
        let done = Arc::clone(&done);
        let measured = number >= warm_up;
        tokio::spawn(async move {
            let result = match in_flight.wait().await {
                Ok(None) => Ok(()),
                Ok(Some(answer)) => refusal(&answer),
                Err(error) => Err(error.to_string()),
            };
            let latency = due.elapsed();
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            match (result, measured) {
                (Ok(()), true) => {
                    done.records += 1;
                    if let Some(latencies) = &mut done.latencies {
                        latencies.record(latency);
                    }
                }
                (Ok(()), false) => {}
                (Err(error), _) => {
                    done.errors += 1;
                    done.first_error.get_or_insert(error);
                }
            }
            drop(permit);
        });
        number += 1;
        bar.set_position(number);
    }
    drop(window.acquire_many(u32::try_from(IN_FLIGHT_MAX).unwrap_or(u32::MAX)).await);
    bar.finish_and_clear();
    let done = std::mem::take(&mut *done.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(Figures {
        what: "latency",
        topic: arguments.topic.topic.clone(),
        records: done.records,
        bytes: done.records * template.bytes() as u64,
        requests: number,
        errors: done.errors,
        first_error: done.first_error,
        took: began.elapsed().saturating_sub(arguments.warm_up),
        cpu_before,
        latencies: done.latencies.unwrap_or_else(Latencies::new),
        latency_of: "latency from when each was due",
        settings: json!({
            "rate": arguments.rate, "record_size": arguments.record_size, "acks": arguments.acks,
            "partitions": partitions.len(), "warm_up_seconds": arguments.warm_up.as_secs_f64(),
        }),
    })
}
