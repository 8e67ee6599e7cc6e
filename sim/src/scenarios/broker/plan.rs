//! What one run is like, drawn from its seed: tiny limits, and about half of the families of faults.
use std::collections::BTreeMap;
use std::time::Duration;

use ordain::client::TopicPartition;
use serde::{Deserialize, Serialize};

use super::faults::{self, Family};
use super::history::Mode;
use super::load::LoadWork;
use crate::case::{Case, ClientCase};
use crate::net::NetOptions;
use crate::rng::Stream;

/// The topic whose records are checked.
pub(super) const TOPIC: &str = "events";
/// The group that reads it.
pub(super) const GROUP: &str = "readers";
/// The broker's name in the network.
pub(super) const BROKER: &str = "broker";
pub(super) const PORT: u16 = 9092;

/// What the broker and its topic are like.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plan {
    pub(super) journal_file_bytes: u64,
    pub(super) journal_files: u64,
    pub(super) shards: u64,
    pub(super) tail_memory_bytes: u64,
    pub(super) segment_bytes: u64,
    pub(super) index_interval_bytes: u64,
    pub(super) partitions: u64,
    /// The kinds of faults that were drawn from.
    pub(super) families: Vec<Family>,
}

/// What a client does.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(super) enum Work {
    /// Sends records. An operation is a record.
    Producer(ProducerPlan),
    /// Reads everything from the beginning, again and again. An operation is one pass.
    Reader { reader: u32 },
    /// Consumes as a member of the group. An operation is a poll.
    Member { member: u32 },
    /// Creates, deletes, looks. Each is an operation.
    Admin,
    /// Keeps to a schedule of requests. An operation is a request.
    Load(LoadWork),
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProducerPlan {
    /// Its number; records are known by it.
    pub(super) producer: u32,
    pub(super) mode: Mode,
    pub(super) batch_bytes: usize,
    pub(super) value_bytes: u64,
    /// Records between two waits.
    pub(super) burst: u64,
    #[serde(rename = "pause_us", with = "crate::case::micros")]
    pub(super) pause: Duration,
}

/// Draws a whole case.
pub(super) fn draw(scenario: &str, seed: u64) -> Case {
    let stream = |name| Stream::new(seed, "scenario", name, 0);
    let mut rng = stream("plan");
    let plan = Plan::draw(&mut rng);
    let clients = draw_clients(&mut rng);
    let duration = rng.duration(Duration::from_secs(3), Duration::from_secs(25));
    let names: Vec<String> = clients.iter().map(|client| client.name.clone()).collect();
    Case {
        net: draw_net(&mut stream("net options")),
        world: serde_json::to_value(&plan).expect("a plan is plain data"),
        clients,
        duration_us: u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
        faults: faults::draw(&plan.families, duration, &names, &mut stream("faults")),
        ..Case::new(scenario, seed)
    }
}

fn draw_net(rng: &mut Stream) -> NetOptions {
    let loss_per_mille = u32::try_from(rng.between(0, 1) * rng.between(0, 30)).unwrap_or(0);
    let window = usize::try_from(rng.between(1 << 10, 64 << 10)).unwrap_or(1 << 16);
    NetOptions { loss_per_mille, window, ..NetOptions::default() }
}

fn draw_clients(rng: &mut Stream) -> Vec<ClientCase> {
    let mut clients = Vec::new();
    let count = |rng: &mut Stream, most: u64| 0..u32::try_from(rng.between(1, most)).unwrap_or(1);
    for producer in count(rng, 4) {
        let work = Work::Producer(ProducerPlan::draw(producer, rng));
        clients.push(ClientCase::new(format!("producer-{producer}"), &work));
    }
    for reader in count(rng, 2) {
        clients.push(ClientCase::new(format!("reader-{reader}"), &Work::Reader { reader }));
    }
    for member in count(rng, 2) {
        clients.push(ClientCase::new(format!("member-{member}"), &Work::Member { member }));
    }
    clients.push(ClientCase::new("admin".to_owned(), &Work::Admin));
    clients
}

impl Plan {
    pub(super) fn draw(rng: &mut Stream) -> Plan {
        let pick = |rng: &mut Stream, values: &[u64]| values[index(rng, values.len())];
        Plan {
            journal_file_bytes: pick(rng, &[64 << 10, 128 << 10, 256 << 10, 1 << 20]),
            journal_files: rng.between(2, 4),
            shards: rng.between(1, 3),
            tail_memory_bytes: pick(rng, &[1 << 20, 1 << 20, 4 << 20]),
            segment_bytes: pick(rng, &[1 << 10, 4 << 10, 16 << 10, 256 << 10]),
            index_interval_bytes: pick(rng, &[0, 128, 4096]),
            partitions: rng.between(1, 4),
            families: Family::ALL.into_iter().filter(|_| rng.chance(500)).collect(),
        }
    }

    /// The broker's configuration, as `key=value`.
    pub(super) fn overrides(&self) -> Vec<String> {
        [
            "listeners=PLAINTEXT://0.0.0.0:9092".to_owned(),
            format!("advertised.listeners=PLAINTEXT://{BROKER}:{PORT}"),
            "ordain.insecure=true".to_owned(),
            format!("ordain.journal.file.bytes={}", self.journal_file_bytes),
            format!("ordain.journal.files={}", self.journal_files),
            format!("ordain.shards={}", self.shards),
            format!("ordain.tail.memory.bytes={}", self.tail_memory_bytes),
            "offsets.topic.num.partitions=2".to_owned(),
            "group.initial.rebalance.delay.ms=100".to_owned(),
            "group.min.session.timeout.ms=1000".to_owned(),
        ]
        .into()
    }

    /// The checked topic's configuration.
    pub(super) fn topic_configs(&self) -> BTreeMap<String, String> {
        // A clock that jumps must not make records old.
        BTreeMap::from([
            ("internal.segment.bytes".to_owned(), self.segment_bytes.to_string()),
            ("index.interval.bytes".to_owned(), self.index_interval_bytes.to_string()),
            ("retention.ms".to_owned(), "-1".to_owned()),
            ("message.timestamp.after.max.ms".to_owned(), i64::MAX.to_string()),
        ])
    }

    /// The checked partitions.
    pub(super) fn checked(&self) -> Vec<TopicPartition> {
        let count = i32::try_from(self.partitions).unwrap_or(1);
        (0..count).map(|index| TopicPartition::new(TOPIC, index)).collect()
    }
}

impl ProducerPlan {
    fn draw(producer: u32, rng: &mut Stream) -> ProducerPlan {
        ProducerPlan {
            producer,
            mode: if rng.chance(650) { Mode::Idempotent } else { Mode::Plain },
            batch_bytes: [200, 1000, 8000][index(rng, 3)],
            value_bytes: [20, 100, 1500][index(rng, 3)],
            burst: rng.between(1, 40),
            pause: rng.duration(Duration::from_millis(1), Duration::from_millis(150)),
        }
    }
}

/// A place in a list of that length.
pub(super) fn index(rng: &mut Stream, length: usize) -> usize {
    let last = u64::try_from(length).unwrap_or(u64::MAX).saturating_sub(1);
    usize::try_from(rng.between(0, last)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_can_be_kept() {
        for seed in 0..50 {
            let case = draw("broker", seed);
            let read = Case::from_json(&case.to_json()).unwrap();
            assert_eq!(read, case);
            assert!(read.world_as::<Plan>().unwrap().partitions > 0);
            assert!(read.clients.iter().all(|client| client.work_as::<Work>().is_ok()));
        }
    }
}
