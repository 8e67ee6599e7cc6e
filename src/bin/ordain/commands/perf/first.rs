use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ordain::client::producer::Acks;
use ordain::client::{BrokerAddress, Client, Lane};
use ordain::types::Timestamp;
use ordain::wire::messages::ProduceRequest;
use serde_json::json;

use super::engine::{self, Outcome, Pace, ProduceSpec, Spec};
use super::produce::Topic;
use super::template::{self, Template};
use super::workers::Progress;
use crate::connect::{self, Connect};
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::parse;

/// How often a broker that does not answer is tried.
const EVERY: Duration = Duration::from_millis(1);

#[derive(clap::Args, Clone, Debug)]
pub struct Arguments {
    #[command(flatten)]
    topic: Topic,
    /// A record's value, in bytes.
    #[arg(long, default_value = "100", value_parser = template::record_size, value_name = "SIZE")]
    record_size: usize,
    /// Give up after this time.
    #[arg(long, default_value = "60s", value_parser = parse::duration, value_name = "TIME")]
    within: Duration,
}

pub fn run(connect: &Connect, arguments: &Arguments, format: Format) -> Result<(), Failure> {
    let began = wall();
    let (at, tries) = connect::run_interruptible(async {
        tokio::time::timeout(arguments.within, first(connect, arguments)).await.map_err(|_| {
            Failure::Message(format!(
                "no record was acknowledged by {} within {:?}; look at the broker's log",
                connect.bootstrap, arguments.within
            ))
        })?
    })?;
    let waited = at.saturating_sub(began);
    match format {
        Format::Json => output::json(&json!({
            "what": "first", "topic": arguments.topic.topic, "tries": tries,
            "began_unix_ns": u64::try_from(began.as_nanos()).unwrap_or(u64::MAX),
            "acknowledged_unix_ns": u64::try_from(at.as_nanos()).unwrap_or(u64::MAX),
            "waited_ms": waited.as_secs_f64() * 1e3,
        })),
        Format::Human => output::line(format_args!(
            "the first record was acknowledged after {:.1} ms (try {tries})",
            waited.as_secs_f64() * 1e3
        )),
    }
}

/// When the first record was acknowledged, and in which try.
async fn first(connect: &Connect, arguments: &Arguments) -> Result<(Duration, u64), Failure> {
    let addresses = ordain::client::parse_addresses(&connect.bootstrap)
        .map_err(|error| Failure::Usage(format!("--bootstrap: {error}")))?;
    let mut tries = 0;
    loop {
        tries += 1;
        // The client waits longer between its tries than a fast start takes: it is asked once somebody listens.
        if listens(&addresses).await && acknowledged(connect, arguments).await? {
            return Ok((wall(), tries));
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn listens(addresses: &[BrokerAddress]) -> bool {
    for address in addresses {
        if tokio::net::TcpStream::connect((address.host.as_str(), address.port)).await.is_ok() {
            return true;
        }
    }
    false
}

/// Whether one record has been acknowledged; what passes while a broker starts counts as no.
async fn acknowledged(connect: &Connect, arguments: &Arguments) -> Result<bool, Failure> {
    let client: Client = connect.client()?;
    let topic = &arguments.topic;
    let routed = async {
        let partitions = topic.ensure(&client).await?;
        engine::routes::<ProduceRequest>(&client, Lane::Produce, &partitions[..1]).await
    };
    let routes = match routed.await {
        Ok(routes) => routes,
        Err(Failure::Client(error)) if error.is_retriable() => return Ok(false),
        Err(failure) => return Err(failure),
    };
    let template =
        Template::single(arguments.record_size, Timestamp(i64::try_from(wall().as_millis()).unwrap_or(0)));
    let pace = Pace::Closed { in_flight: 1, records_max: Some(1) };
    let produce = ProduceSpec {
        topic: topic.topic.clone(),
        acks: Acks::All,
        template,
        rest: None,
        pace,
        connections: 1,
        producers: Vec::new(),
        routes,
    };
    let spec = Spec { produce: Some(produce), fetch: None, answer_within: connect.answer_within() };
    let outcome: Outcome = engine::run(&spec, 0, 1, &Progress::default())?;
    Ok(outcome.records == 1)
}

fn wall() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
