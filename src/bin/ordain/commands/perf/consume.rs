use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ordain::client::consumer::{Consumer, ConsumerOptions, Isolation, OffsetReset};
use ordain::client::{AutoCreate, Client, TopicPartition};
use ordain::types::Offset;
use ordain::wire::batch::BatchCheck;
use serde_json::json;

use super::figures::{Cpu, Figures, Latencies};
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
    #[arg(long, value_parser = parse::count)]
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
    #[arg(long)]
    decode: bool,
}

struct Done {
    records: u64,
    bytes: u64,
    polls: u64,
    last: Option<Instant>,
}

pub fn run(connect: &Connect, arguments: &Arguments, format: Format) -> Result<(), Failure> {
    if arguments.connections == 0 {
        return Err(Failure::Usage("--connections is at least 1".to_owned()));
    }
    let start = connect::run_interruptible(async {
        let client = connect.client()?;
        let topic = &arguments.topic;
        let known = client.partitions(topic, AutoCreate::No).await.map_err(|error| unknown(topic, error))?;
        let all: Vec<_> =
            known.iter().map(|p| TopicPartition { topic: topic.clone(), partition: p.index }).collect();
        positions(&client, &all, arguments.from).await
    })?;
    let tails = arguments.from == Start::End;
    let until_end = !tails && arguments.records.is_none() && arguments.duration.is_none();
    let within =
        arguments.duration.or((tails && arguments.records.is_none()).then_some(Duration::from_secs(10)));
    let shared = Arc::new(Progress::default());
    let bar = progress::bar(arguments.records, "records");
    let connections = arguments.connections.min(start.len().max(1));
    let cpu_before = Cpu::now();
    let began = Instant::now();
    let found = workers::run(connections, &shared, within, &bar, |index| {
        let mine = start.iter().enumerate().filter(|(i, _)| i % connections == index);
        let mine: BTreeMap<_, _> = mine.map(|(_, (at, offset))| (at.clone(), Some(*offset))).collect();
        read(connect, arguments, mine, Arc::clone(&shared), until_end)
    })?;
    let last = found.iter().filter_map(|done| done.last).max();
    Figures {
        what: "consume",
        topic: arguments.topic.clone(),
        records: found.iter().map(|done| done.records).sum(),
        bytes: found.iter().map(|done| done.bytes).sum(),
        requests: found.iter().map(|done| done.polls).sum(),
        errors: 0,
        first_error: None,
        took: last.map_or_else(|| began.elapsed(), |last| last.duration_since(began)),
        cpu_before,
        latencies: Latencies::new(),
        latency_of: "",
        settings: json!({
            "connections": connections, "partitions": start.len(), "fetch_size": arguments.fetch_size,
            "partition_fetch_size": arguments.partition_fetch_size, "check": arguments.check,
            "decode": arguments.decode, "tail": tails,
        }),
    }
    .report(format)
}

/// One connection's share of the partitions.
async fn read(
    connect: &Connect,
    arguments: &Arguments,
    partitions: BTreeMap<TopicPartition, Option<Offset>>,
    shared: Arc<Progress>,
    until_end: bool,
) -> Result<Done, Failure> {
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
    let mut done = Done { records: 0, bytes: 0, polls: 0, last: None };
    while !shared.must_stop() {
        let fetched = consumer.poll(POLL).await?;
        if fetched.is_empty() {
            if until_end && consumer.is_at_end() {
                break;
            }
            continue;
        }
        done.polls += 1;
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
