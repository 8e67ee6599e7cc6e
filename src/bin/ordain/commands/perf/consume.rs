use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ordain::client::consumer::{Consumer, ConsumerOptions, Isolation, OffsetReset};
use ordain::client::{AutoCreate, Client, Lane, TopicPartition};
use ordain::types::Offset;
use ordain::wire::batch::BatchCheck;
use ordain::wire::messages::FetchRequest;
use serde_json::json;

use super::engine::{self, Ends, FetchSpec, Outcome, Route, Spec};
use super::figures::Figures;
use super::workers::{self, Progress};
use crate::commands::positions::positions;
use crate::commands::topic::unknown;
use crate::connect::{self, Connect};
use crate::failure::Failure;
use crate::output::Format;
use crate::parse::{self, Start};
use crate::progress;

/// How long one poll waits at most.
const POLL: Duration = Duration::from_millis(100);

#[derive(clap::Args, Clone, Debug)]
pub struct Arguments {
    #[arg(long, default_value = "ordain-perf")]
    topic: String,
    /// Where to begin: beginning, end (to tail what comes), an offset, -N, -1h, a date.
    #[arg(long, default_value = "beginning", value_parser = parse::start, allow_hyphen_values = true, value_name = "WHERE")]
    from: Start,
    /// End after so many records.
    #[arg(long, value_parser = parse::count_from_one)]
    records: Option<u64>,
    /// End after this time. Without it and without --records, a run from the beginning ends at the end, and one
    /// from the end after 10s.
    #[arg(long, value_parser = parse::duration, value_name = "TIME")]
    duration: Option<Duration>,
    /// How many connections; the partitions are spread over them.
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// The most that one answer brings.
    #[arg(long, default_value = "50M", value_parser = parse::size, value_name = "SIZE")]
    fetch_size: usize,
    /// The most that one answer brings of one partition.
    #[arg(long, default_value = "4M", value_parser = parse::size, value_name = "SIZE")]
    partition_fetch_size: usize,
    /// Check each batch's CRC.
    #[arg(long)]
    check: bool,
    /// Decompress and read each record.
    #[arg(long, requires = "consumer")]
    decode: bool,
    /// At the end of a partition, read it again from where this began, until --duration or --records is reached.
    #[arg(long, conflicts_with = "consumer")]
    repeat: bool,
    /// Read through this program's consumer, as an application would, rather than with bare fetches of which
    /// only the batches' headers are read.
    #[arg(long)]
    consumer: bool,
}

pub fn run(connect: &Connect, arguments: &Arguments, format: Format) -> Result<(), Failure> {
    if arguments.connections == 0 {
        return Err(Failure::Usage("--connections is at least 1".to_owned()));
    }
    let (start, routes) = connect::run_interruptible(async {
        let client = connect.client()?;
        let topic = &arguments.topic;
        let known = client.partitions(topic, AutoCreate::No).await.map_err(|error| unknown(topic, error))?;
        let all: Vec<_> =
            known.iter().map(|p| TopicPartition { topic: topic.clone(), partition: p.index }).collect();
        let start = positions(&client, &all, arguments.from).await?;
        let routes = engine::routes::<FetchRequest>(&client, Lane::Fetch, &all).await?;
        Ok((start, routes))
    })?;
    let tails = arguments.from == Start::End;
    let endless = tails || arguments.repeat;
    let until_end = !endless && arguments.records.is_none() && arguments.duration.is_none();
    let within =
        arguments.duration.or((endless && arguments.records.is_none()).then_some(Duration::from_secs(10)));
    let shared = Arc::new(Progress::default());
    let bar = progress::bar(arguments.records, "records");
    let connections = arguments.connections.min(start.len().max(1));
    let threads = if arguments.consumer { connections } else { 1 };
    let ends = match (arguments.repeat, until_end) {
        (true, _) => Ends::Repeat,
        (false, true) => Ends::Stop,
        (false, false) => Ends::Wait,
    };
    let spec = spec(connect, arguments, &start, routes, connections, ends);
    let found = workers::run(threads, &shared, within, &bar, |index| {
        let mine = start.iter().enumerate().filter(move |(i, _)| i % connections == index);
        let (shared, spec) = (Arc::clone(&shared), &spec);
        async move {
            if !arguments.consumer {
                return engine::run(spec, index, threads, &shared);
            }
            let mine: BTreeMap<_, _> = mine.map(|(_, (at, offset))| (at.clone(), Some(*offset))).collect();
            shared.begin(threads);
            read(connect, arguments, mine, shared, until_end).await
        }
    })?;
    let all = Outcome::merged(found);
    let began = shared.began();
    Figures {
        what: "consume",
        topic: arguments.topic.clone(),
        records: all.records,
        bytes: all.bytes,
        requests: all.requests,
        errors: all.errors,
        first_error: all.first_error,
        took: all.last.map_or_else(|| began.at.elapsed(), |last| last.duration_since(began.at)),
        cpu_before: began.cpu,
        latencies: all.latencies,
        latency_of: "fetch latency",
        more: Vec::new(),
        settings: json!({
            "connections": connections, "partitions": start.len(), "fetch_size": arguments.fetch_size,
            "partition_fetch_size": arguments.partition_fetch_size, "check": arguments.check,
            "decode": arguments.decode, "tail": tails, "repeat": arguments.repeat, "consumer": arguments.consumer,
        }),
    }
    .report(format)
}

fn spec(
    connect: &Connect,
    arguments: &Arguments,
    start: &BTreeMap<TopicPartition, Offset>,
    routes: Vec<Route>,
    connections: usize,
    ends: Ends,
) -> Spec {
    let bytes = |bytes: usize| i32::try_from(bytes).unwrap_or(i32::MAX);
    let fetch = FetchSpec {
        topic: arguments.topic.clone(),
        connections,
        readers: 1,
        routes,
        start: start.iter().map(|(at, offset)| (at.partition.0, offset.0)).collect(),
        bytes_max: bytes(arguments.fetch_size),
        partition_bytes_max: bytes(arguments.partition_fetch_size),
        check: arguments.check,
        ends,
        records_max: arguments.records,
    };
    Spec { produce: None, fetch: Some(fetch), answer_within: connect.answer_within() }
}

/// One connection's share of the partitions.
async fn read(
    connect: &Connect,
    arguments: &Arguments,
    partitions: BTreeMap<TopicPartition, Option<Offset>>,
    shared: Arc<Progress>,
    until_end: bool,
) -> Result<Outcome, Failure> {
    let client: Client = connect.client()?;
    let options = ConsumerOptions {
        fetch_bytes_max: arguments.fetch_size,
        partition_bytes_max: arguments.partition_fetch_size,
        isolation: Isolation::ReadUncommitted,
        offset_reset: OffsetReset::Earliest,
        check: if arguments.check { BatchCheck::Verify } else { BatchCheck::Trust },
        ..ConsumerOptions::default()
    };
    let mut consumer = Consumer::assign(&client, options, partitions);
    let mut done = Outcome::new();
    while !shared.must_stop() {
        let fetched = consumer.poll(POLL).await?;
        if fetched.is_empty() {
            if until_end && consumer.is_at_end() {
                break;
            }
            continue;
        }
        done.requests += 1;
        for batch in &fetched {
            let records = if arguments.decode { batch.records()?.len() as u64 } else { batch.record_count() };
            done.records += records;
            done.bytes += batch.bytes as u64;
            if !shared.take(records, arguments.records) {
                shared.stop();
            }
        }
        done.last = Some(Instant::now());
        if until_end && consumer.is_at_end() {
            break;
        }
    }
    Ok(done)
}
