//! Links between nodes that take seconds for what others take in a millisecond: what is written comes to all replicas, and a segment that
//! one node cannot read any more is made whole from another one.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ordain::client::consumer::{Consumer, ConsumerOptions};
use ordain::client::producer::{Producer, ProducerOptions, ProducerRecord};
use ordain::client::{Client, ClientError, TopicPartition};
use ordain::probe::Mutant;
use ordain::types::{NodeId, Offset, PartitionId, PartitionIndex};

use super::{Script, Stage};
use crate::scenarios::Violation;

pub(super) const WRITE: Script = Script {
    name: "directed-writes-over-slow-links",
    about: "what is written is replicated over links that take seconds for what waits to be sent",
    nodes: 3,
    late: 0,
    window: NARROW,
    finds: &[
        (Mutant::ClusterWholeFramesCount, "I16-stuck"),
        (Mutant::ClusterSendsAllAtOnce, "elections-in-vain"),
    ],
    play: |stage| Box::pin(writes(stage)),
};

pub(super) const REPAIR: Script = Script {
    name: "directed-repair-over-slow-links",
    about: "a segment is repaired over links that are too slow for all of it at once",
    nodes: 3,
    late: 0,
    window: NARROW,
    finds: &[(Mutant::ClusterRepairsAllAtOnce, "I16-stuck")],
    play: |stage| Box::pin(repairs(stage)),
};

/// Nodes send 30 KB in a second, so that the records of a partition take eight of them; half of that where a segment is repaired.
const NARROW: usize = 3_000;
const LATE: Duration = Duration::from_millis(50);
const TOPIC: &str = "written";
const PARTITIONS: i32 = 4;
/// Until the nodes know what the links bring.
const FIRST_RECORDS: usize = 60;
/// What a batch here and there costs that is late.
const ELECTIONS_MAX: i32 = 5;
const RECORDS: usize = 250;
const VALUE: [u8; 1_000] = [b'v'; 1_000];
const BATCH_BYTES: usize = 4_000;
/// All are in one segment.
const SEGMENT_BYTES: &str = "1048576";
/// A bit in one of the first batches.
const BIT: u64 = 8_000 * 8;

async fn writes(stage: &Stage) -> Result<(), Violation> {
    stage.create_topic(TOPIC, PARTITIONS).await?;
    stage.settled().await?;
    slow_down(stage, LATE);
    stage.ask("writing first", |client| write(client, PARTITIONS, FIRST_RECORDS)).await?;
    let before = elections(stage).await;
    // One node may come to lead all partitions, and what it sends to each other one passes the same link.
    for half in ["writing the first half", "writing the second half"] {
        stage.ask(half, |client| write(client, PARTITIONS, RECORDS / 2)).await?;
    }
    stage.settled().await?;
    let held = elections(stage).await - before;
    stage.note(&format!("{held} elections were held"));
    if held > ELECTIONS_MAX {
        let text = format!("{held} elections were held of {PARTITIONS} partitions, and all nodes lived");
        return Err(Violation::new("elections-in-vain", text));
    }
    Ok(())
}

/// How many were held of all partitions.
async fn elections(stage: &Stage) -> i32 {
    let stats = stage.stats().await;
    let mut epochs = BTreeMap::<PartitionId, i32>::new();
    for one in stats.values().flatten() {
        let epoch = epochs.entry(one.id).or_default();
        *epoch = one.epoch.0.max(*epoch);
    }
    epochs.values().sum()
}

/// All that nodes send each other takes longer by so much, in each direction.
fn slow_down(stage: &Stage, by: Duration) {
    stage.nodes().into_iter().for_each(|node| stage.slow(node, by));
}

async fn repairs(stage: &Stage) -> Result<(), Violation> {
    let configs = BTreeMap::from([("segment.bytes".to_owned(), SEGMENT_BYTES.to_owned())]);
    stage.create_topic_with(TOPIC, 1, configs).await?;
    stage.settled().await?;
    stage.ask("writing", |client| write(client, 1, RECORDS)).await?;
    let (id, replicas) = stage.first_of(TOPIC)?;
    let preferred = replicas.first().copied();
    let node = preferred.ok_or_else(|| Violation::new("directed", "the topic has no replicas"))?;
    start_anew(stage, node).await?;
    spoil(stage, node, id)?;
    let at = [TopicPartition::new(TOPIC, 0)];
    let electing = move |client: Client| async move {
        // Who came back may be elected anyway, and meanwhile nobody can hand over.
        while client.elect_preferred(&at).await?.into_values().any(|elected| elected.is_err()) {
            client.io().clock.sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    };
    stage.ask("an election", electing).await?;
    slow_down(stage, 2 * LATE);
    stage.ask("reading", read).await
}

/// That many into each partition.
async fn write(client: Client, partitions: i32, records: usize) -> Result<(), ClientError> {
    let producer =
        Producer::start(&client, ProducerOptions { batch_bytes: BATCH_BYTES, ..ProducerOptions::default() });
    let mut deliveries = Vec::new();
    let places = (0..records).flat_map(|_| (0..partitions).map(PartitionIndex));
    for partition in places {
        let record = ProducerRecord {
            topic: TOPIC,
            partition: Some(partition),
            timestamp: None,
            key: None,
            value: Some(&VALUE),
            headers: &[],
        };
        deliveries.push(producer.send(record).await?);
    }
    for delivery in deliveries {
        delivery.wait().await?;
    }
    producer.close().await
}

/// Everything up to the last record.
async fn read(client: Client) -> Result<(), ClientError> {
    let from = BTreeMap::from([(TopicPartition::new(TOPIC, 0), Some(Offset::ZERO))]);
    let mut consumer = Consumer::assign(&client, ConsumerOptions::default(), from);
    while consumer.positions().values().any(|next| next.0 < RECORDS as i64) {
        consumer.poll(Duration::from_secs(1)).await?;
    }
    consumer.close().await
}

/// The node stops, so that files hold all that it has, and starts with nothing of it in memory.
async fn start_anew(stage: &Stage, node: NodeId) -> Result<(), Violation> {
    let before = stage.context(node);
    stage.fleet().stop(node);
    let another = async || {
        let now = stage.context(node)?;
        before.as_ref().is_none_or(|before| !Arc::ptr_eq(before, &now)).then_some(())
    };
    stage.until("the node runs again", another).await?;
    stage.settled().await
}

/// One bit of what the node's files hold of the partition flips.
fn spoil(stage: &Stage, node: NodeId, id: PartitionId) -> Result<(), Violation> {
    let disk = stage.machine(node).disk();
    let directory = format!("logs/{id}/");
    let files = disk.files().into_iter().map(|(path, _)| path);
    let mut segments = files.filter(|path| path.starts_with(&directory) && path.ends_with(".log"));
    let path = segments.next().ok_or_else(|| Violation::new("directed", "there is no segment"))?;
    match disk.flip_bit(&path, BIT) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Violation::new("directed", format!("{path} ends before bit {BIT}"))),
        Err(error) => Err(Violation::new("directed", error.to_string())),
    }
}
