//! The end of a run: what the disks hold is read back and held against all that was told.
use std::collections::BTreeMap;

use bytes::Bytes;
use ordain::io::Io;
use ordain::log::{PartitionLog, Read, ReadRequest, Storage};
use ordain::types::{NodeId, Offset, PartitionId};

use super::clients::{origin_of, records_of};
use super::machine::{Machines, log_config, storage_options};
use super::plan::Plan;
use super::world::{Told, World};
use crate::cluster::{Cluster, NodeHandle};
use crate::scenarios::Violation;

/// A log as a disk holds it.
struct Held {
    start: Offset,
    end: Offset,
    bytes: Vec<u8>,
    records: BTreeMap<Offset, Bytes>,
}

/// Stops the nodes and reads what they hold.
pub(super) async fn judge(cluster: &Cluster, world: &World, machines: &Machines) -> Result<(), Violation> {
    cluster.note(format_args!("judge"));
    let mut held: BTreeMap<(PartitionId, NodeId), Held> = BTreeMap::new();
    let nodes: Vec<(NodeId, NodeHandle)> = machines.nodes().map(|(id, node)| (id, node.clone())).collect();
    for (id, node) in &nodes {
        machines.down(*id, NodeHandle::crash);
        let plan = world.plan.clone();
        node.start(|_| std::future::pending());
        machines.up(*id);
        let id = *id;
        let logs = node.run(move |io| read_back(io, id, plan)).await;
        let logs = logs.ok_or_else(|| Violation::new("unreadable", format!("node {id} died")))?;
        let logs = logs.map_err(|error| Violation::new("unreadable", format!("node {id}: {error}")))?;
        held.extend(logs.into_iter().map(|(partition, log)| ((partition, id), log)));
    }
    for id in world.plan.partition_ids() {
        let told = world.told_of(id);
        let mut replicas = held.range((id, NodeId(i32::MIN))..=(id, NodeId(i32::MAX)));
        let (first, one) = replicas.next().map(|(key, held)| (key.1, held)).ok_or_else(|| {
            Violation::new("I1-lost-log", format!("nobody has a log of partition {}", id.index.0))
        })?;
        for (key, other) in replicas {
            same(id, (first, one), (key.1, other))?;
        }
        check(id, one, &told)?;
    }
    Ok(())
}

async fn read_back(io: Io, node: NodeId, plan: Plan) -> Result<Vec<(PartitionId, Held)>, String> {
    let config = log_config(&plan);
    let (_storage, logs, _) = Storage::open(io, node, storage_options(&plan), move |_| config.clone())
        .await
        .map_err(|error| error.to_string())?;
    let mut all = Vec::new();
    for log in logs {
        all.push((log.key().partition, read_log(&log).await?));
    }
    Ok(all)
}

async fn read_log(log: &PartitionLog) -> Result<Held, String> {
    let mut held =
        Held { start: log.log_start(), end: log.log_end(), bytes: Vec::new(), records: BTreeMap::new() };
    let mut at = held.start;
    while at < held.end {
        let request = ReadRequest { offset: at, max_bytes: 1 << 20, up_to: held.end, min_one_batch: true };
        let pieces = match log.read(request).map_err(|error| error.to_string())? {
            Read::Memory(pieces) => pieces,
            Read::Stored(plan) => plan.run().await.map_err(|error| error.to_string())?,
        };
        pieces.iter().for_each(|piece| held.bytes.extend_from_slice(piece));
        let (records, next) = records_of(pieces);
        held.records.extend(records);
        at = next.ok_or_else(|| format!("nothing can be read at {at} of {}", log.key().partition))?;
    }
    Ok(held)
}

/// Two replicas hold the same records, from where the later of them begins (I2).
fn same(id: PartitionId, one: (NodeId, &Held), other: (NodeId, &Held)) -> Result<(), Violation> {
    let ((a, one), (b, other)) = (one, other);
    let start = one.start.max(other.start);
    let of = |held: &Held| -> Vec<(Offset, Bytes)> {
        held.records.range(start..).map(|(offset, value)| (*offset, value.clone())).collect()
    };
    let differ = of(one) != of(other) || one.end != other.end;
    if differ {
        let text = format!(
            "partition {}: nodes {a} and {b} hold different records from {start} on, up to {} and {}",
            id.index.0, one.end, other.end
        );
        return Err(Violation::new("I2-replicas-differ", text));
    }
    if one.start == other.start && one.bytes != other.bytes {
        let text = format!("partition {}: the bytes of nodes {a} and {b} differ", id.index.0);
        return Err(Violation::new("I2-replicas-differ", text));
    }
    Ok(())
}

/// All that was acknowledged and not deleted is there, once, and as it was told (I1, I2, I3, I13).
fn check(id: PartitionId, held: &Held, told: &Told) -> Result<(), Violation> {
    let index = id.index.0;
    if held.start > told.may_start || held.start < told.must_start {
        let text = format!(
            "partition {index} begins at {}; deleted is up to {}, asked for {}",
            held.start, told.must_start, told.may_start
        );
        return Err(Violation::new("I13-log-start", text));
    }
    for (offset, value) in told.records.range(held.start..) {
        match held.records.get(offset) {
            Some(found) if found == value => {}
            Some(found) => {
                let text = format!("at {offset} of partition {index} is {found:?}, told was {value:?}");
                return Err(Violation::new("I2-two-records", text));
            }
            None => {
                let text = format!("the record at {offset} of partition {index}, {value:?}, is lost");
                return Err(Violation::new("I1-lost-record", text));
            }
        }
    }
    let mut places: BTreeMap<(i64, u64), Offset> = BTreeMap::new();
    let mut last: BTreeMap<i64, u64> = BTreeMap::new();
    for (offset, value) in &held.records {
        let Some((producer, number)) = origin_of(value) else {
            let text = format!("at {offset} of partition {index} is {value:?}, which nobody sent");
            return Err(Violation::new("I2-invented-record", text));
        };
        if let Some(before) = places.insert((producer, number), *offset) {
            let text = format!(
                "record {number} of producer {producer} is at {before} and at {offset} of partition {index}"
            );
            return Err(Violation::new("I3-duplicate", text));
        }
        if let Some(before) = last.insert(producer, number)
            && number != before + 1
        {
            let text = format!("producer {producer}: {number} follows {before} in partition {index}");
            return Err(Violation::new("I3-gap", text));
        }
    }
    for (producer, acknowledged) in &told.acknowledged {
        for (number, offset) in acknowledged.iter().filter(|(_, offset)| *offset >= held.start) {
            if places.get(&(*producer, *number)) != Some(offset) {
                let text = format!(
                    "record {number} of producer {producer}, acknowledged at {offset} of partition {index}, is lost"
                );
                return Err(Violation::new("I1-lost-record", text));
            }
        }
    }
    Ok(())
}
