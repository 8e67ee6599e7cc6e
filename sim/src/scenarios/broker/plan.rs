//! What one run is like, drawn from its seed: tiny limits, and about half of the families of faults.
use std::collections::BTreeMap;
use std::time::Duration;

use ordain::client::TopicPartition;

use super::faults::Family;
use super::history::Mode;
use crate::rng::Stream;

/// The topic whose records are checked.
pub(super) const TOPIC: &str = "events";
/// The group that reads it.
pub(super) const GROUP: &str = "readers";
/// The broker's name in the network.
pub(super) const BROKER: &str = "broker";
pub(super) const PORT: u16 = 9092;

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Plan {
    pub(super) journal_file_bytes: u64,
    pub(super) journal_files: u64,
    pub(super) shards: u64,
    pub(super) tail_memory_bytes: u64,
    pub(super) segment_bytes: u64,
    pub(super) index_interval_bytes: u64,
    pub(super) partitions: u64,
    pub(super) producers: Vec<ProducerPlan>,
    pub(super) readers: u32,
    pub(super) members: u32,
    /// For how long things go wrong.
    pub(super) chaos: Duration,
    pub(super) families: Vec<Family>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ProducerPlan {
    pub(super) mode: Mode,
    pub(super) batch_bytes: usize,
    pub(super) value_bytes: u64,
    /// Records between two waits.
    pub(super) burst: u64,
    pub(super) pause: Duration,
}

impl Plan {
    pub(super) fn draw(rng: &mut Stream) -> Plan {
        let pick = |rng: &mut Stream, values: &[u64]| values[index(rng, values.len())];
        let journal_file_bytes = pick(rng, &[64 << 10, 128 << 10, 256 << 10, 1 << 20]);
        let producers = (0..rng.between(1, 4)).map(|_| ProducerPlan::draw(rng)).collect();
        Plan {
            journal_file_bytes,
            journal_files: rng.between(2, 4),
            shards: rng.between(1, 3),
            tail_memory_bytes: pick(rng, &[1 << 20, 1 << 20, 4 << 20]),
            segment_bytes: pick(rng, &[1 << 10, 4 << 10, 16 << 10, 256 << 10]),
            index_interval_bytes: pick(rng, &[0, 128, 4096]),
            partitions: rng.between(1, 4),
            producers,
            readers: u32::try_from(rng.between(1, 2)).unwrap_or(1),
            members: u32::try_from(rng.between(1, 2)).unwrap_or(1),
            chaos: rng.duration(Duration::from_secs(3), Duration::from_secs(25)),
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
    fn draw(rng: &mut Stream) -> ProducerPlan {
        ProducerPlan {
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
