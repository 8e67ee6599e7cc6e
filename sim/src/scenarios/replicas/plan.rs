//! What a run is made of, drawn from its seed.
use std::time::Duration;

use ordain::types::{NodeId, PartitionId, PartitionIndex, TopicId};
use serde::{Deserialize, Serialize};

use crate::case::{Case, ClientCase};
use crate::faults::draw_clock_offsets;
use crate::net::NetOptions;
use crate::rng::Stream;
use crate::scenarios::fleet::{faults, machine_name, moments};

/// The nodes, and what they hold.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plan {
    pub(super) nodes: i32,
    /// The first so many are the first voters; 0: all.
    #[serde(default)]
    pub(super) founders: i32,
    pub(super) partitions: i32,
    pub(super) shards: usize,
    pub(super) journal_file_bytes: u64,
    pub(super) segment_bytes: u64,
    /// All tails of a node together.
    pub(super) tail_bytes: usize,
}

/// How many runs have batches of several records: a log's start may come to lie inside one.
const LARGE_PER_MILLE: u32 = 300;
/// Of a batch.
const RECORDS_MAX: u64 = 8;

/// What a client does.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Work {
    /// Appends to one partition, each batch until it is acknowledged.
    Produce {
        producer: i64,
        partition: i32,
        /// Of a batch; 0: one.
        #[serde(default)]
        records: u64,
        value_bytes: usize,
        pause_us: u64,
    },
    /// Reads a partition from its start to its end, again and again.
    Read { partition: i32 },
    /// Moves the start of a partition's log.
    Delete { partition: i32, pause_us: u64 },
}

impl Plan {
    pub(super) fn founders(&self) -> i32 {
        if self.founders == 0 { self.nodes } else { self.founders }
    }

    pub(super) fn node_ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (1..=self.nodes).map(NodeId)
    }

    pub(super) fn partition_ids(&self) -> impl Iterator<Item = PartitionId> + use<> {
        (0..self.partitions).map(partition)
    }
}

pub(super) const fn partition(index: i32) -> PartitionId {
    PartitionId { topic: TopicId([5; 16]), index: PartitionIndex(index) }
}

pub(super) fn draw(scenario: &str, seed: u64) -> Case {
    let rng = &mut Stream::new(seed, "scenario", "plan", 0);
    let nodes = if rng.chance(700) { 3 } else { 5 };
    let partitions = i32::try_from(rng.between(1, 4)).unwrap_or(1);
    let plan = Plan {
        nodes,
        founders: 0,
        partitions,
        shards: usize::try_from(rng.between(1, 2)).unwrap_or(1),
        journal_file_bytes: *rng.pick(&[512 << 10, 1 << 20]),
        segment_bytes: *rng.pick(&[1 << 10, 8 << 10, 64 << 10]),
        tail_bytes: *rng.pick(&[32 << 10, 1 << 20]),
    };
    let batches = &mut Stream::new(seed, "scenario", "batches", 0);
    let has_large = batches.chance(LARGE_PER_MILLE);
    let mut clients = Vec::new();
    for producer in 0..rng.between(1, 4) {
        let work = Work::Produce {
            producer: i64::try_from(producer).unwrap_or(0) + 1,
            partition: i32::try_from(rng.between(0, 9)).unwrap_or(0) % partitions,
            records: if has_large { batches.between(1, RECORDS_MAX) } else { 1 },
            value_bytes: *rng.pick(&[16, 200, 3000]),
            pause_us: rng.between(1_000, 200_000),
        };
        clients.push(ClientCase::new(format!("producer-{producer}"), &work));
    }
    for partition in 0..partitions {
        if rng.chance(500) {
            clients.push(ClientCase::new(format!("reader-{partition}"), &Work::Read { partition }));
        }
        if rng.chance(300) {
            let work = Work::Delete { partition, pause_us: rng.between(500_000, 3_000_000) };
            clients.push(ClientCase::new(format!("deleter-{partition}"), &work));
        }
    }
    let loss_per_mille = u32::try_from(rng.between(0, 1) * rng.between(0, 30)).unwrap_or(0);
    let window = usize::try_from(rng.between(512, 65_536)).unwrap_or(65_536);
    let net = NetOptions { loss_per_mille, window, ..NetOptions::default() };
    let duration = rng.duration(Duration::from_secs(10), Duration::from_secs(60));
    let names: Vec<String> = plan.node_ids().map(machine_name).collect();
    let wipes = (names.len() - 1) / 2;
    let mut faults = faults::draw(&mut Stream::new(seed, "scenario", "faults", 0), &names, wipes, duration);
    faults.extend(moments::draw_moments(&mut Stream::new(seed, "scenario", "moments", 0), &names, duration));
    faults.sort_by_key(|timed| timed.at_us);
    faults.splice(0..0, draw_clock_offsets(&names, &mut Stream::new(seed, "scenario", "clock offsets", 0)));
    let world = serde_json::to_value(&plan).expect("a plan is plain data");
    let duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    Case { net, world, clients, duration_us, faults, ..Case::new(scenario, seed) }
}
