use std::sync::Arc;
use std::time::Duration;

use ordain::client::producer::Acks;
use ordain::client::{Client, Lane};
use ordain::wire::messages::FetchRequest;
use serde_json::json;

use super::engine::{self, Ends, FetchSpec, Outcome, Pace, ProduceSpec, Spec};
use super::figures::Figures;
use super::produce::Topic;
use super::template::{self, Template};
use super::workers::{self, Progress};
use crate::commands::positions::positions;
use crate::connect::{self, Connect};
use crate::failure::Failure;
use crate::output::Format;
use crate::parse::{self, Start};
use crate::progress;

/// With a time in them, records are at least this long, in bytes.
const RECORD_BYTES_MIN: usize = 32;

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
    #[arg(long, default_value = "100", value_parser = template::record_size, value_name = "SIZE")]
    record_size: usize,
    /// 1: the leader has it; all: every in-sync replica has it.
    #[arg(long, default_value = "all", value_parser = ["1", "all"])]
    acks: String,
    /// How many connections take turns.
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// Read the topic as well: tells how long records take from when each was due until a consumer has them.
    #[arg(long)]
    end_to_end: bool,
    /// How many consumers read the topic, each all of it, with --end-to-end.
    #[arg(long, default_value_t = 1, requires = "end_to_end")]
    consumers: usize,
    /// Send at once to the first address of --bootstrap, without asking for topics and leaders: for a sink that
    /// takes nothing but produce requests.
    #[arg(long, conflicts_with = "end_to_end")]
    unasked: bool,
}

pub fn run(connect: &Connect, arguments: &Arguments, format: Format) -> Result<(), Failure> {
    if arguments.rate == 0 || arguments.connections == 0 || arguments.consumers == 0 {
        return Err(Failure::Usage("--rate, --connections and --consumers are at least 1".to_owned()));
    }
    if arguments.end_to_end && arguments.record_size < RECORD_BYTES_MIN {
        return Err(Failure::Usage(format!(
            "--record-size {}: with --end-to-end a record carries a time; give at least {RECORD_BYTES_MIN}",
            arguments.record_size
        )));
    }
    let spec = connect::run_interruptible(spec(connect, arguments))?;
    let shared = Arc::new(Progress::default());
    let bar = progress::bar(None, "records");
    let found = workers::run(1, &shared, None, &bar, |thread| {
        let (spec, shared) = (&spec, Arc::clone(&shared));
        async move { engine::run(spec, thread, 1, &shared) }
    })?;
    let all = Outcome::merged(found);
    let began = shared.began();
    Figures {
        what: "latency",
        topic: arguments.topic.topic.clone(),
        records: all.records,
        bytes: all.bytes,
        requests: all.requests,
        errors: all.errors,
        first_error: all.first_error,
        took: began.at.elapsed().saturating_sub(arguments.warm_up),
        cpu_before: began.cpu,
        latencies: all.latencies,
        latency_of: "latency from when each was due",
        more: vec![
            ("end_to_end", "until a consumer had it", all.end_to_end),
            ("lateness", "of which until this program sent it", all.lateness),
        ],
        settings: json!({
            "rate": arguments.rate, "record_size": arguments.record_size, "acks": arguments.acks,
            "partitions": arguments.topic.partitions, "connections": arguments.connections,
            "end_to_end": arguments.end_to_end, "consumers": arguments.consumers, "warm_up_seconds": arguments.warm_up.as_secs_f64(),
        }),
    }
    .report(format)
}

async fn spec(connect: &Connect, arguments: &Arguments) -> Result<Spec, Failure> {
    let client = connect.client()?;
    let topic = &arguments.topic;
    let routes = topic.routes(connect, &client, arguments.unasked).await?;
    let rate = arguments.rate as f64;
    let fetch =
        if arguments.end_to_end { Some(tails(&client, topic, arguments.consumers).await?) } else { None };
    let produce = ProduceSpec {
        topic: topic.topic.clone(),
        acks: if arguments.acks == "1" { Acks::Leader } else { Acks::All },
        template: Template::single(arguments.record_size, client.io().clock.wall()),
        rest: None,
        pace: Pace::Open {
            rate,
            count: ((arguments.duration + arguments.warm_up).as_secs_f64() * rate).ceil() as u64,
            warm_up: (arguments.warm_up.as_secs_f64() * rate) as u64,
            marked: arguments.end_to_end,
        },
        connections: arguments.connections,
        producers: Vec::new(),
        routes,
    };
    Ok(Spec { produce: Some(produce), fetch, answer_within: connect.answer_within() })
}

/// Consumers that each wait at the ends of all partitions.
async fn tails(client: &Client, topic: &Topic, consumers: usize) -> Result<FetchSpec, Failure> {
    let partitions = topic.ensure(client).await?;
    let ends = positions(client, &partitions, Start::End).await?;
    let routes = engine::routes::<FetchRequest>(client, Lane::Fetch, &partitions).await?;
    Ok(FetchSpec {
        topic: topic.topic.clone(),
        connections: consumers * routes.len(),
        readers: consumers,
        routes,
        start: ends.into_iter().map(|(at, offset)| (at.partition.0, offset.0)).collect(),
        bytes_max: 50 << 20,
        partition_bytes_max: 1 << 20,
        check: false,
        ends: Ends::Wait,
        records_max: None,
    })
}
