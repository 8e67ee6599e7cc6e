//! The end of a run: what the disks hold is read back and held against all that was told.
use std::collections::BTreeMap;

use ordain::io::Io;
use ordain::log::Storage;
use ordain::types::{NodeId, Offset, PartitionId};

use super::clients::origin_of;
use super::machine::{log_config, storage_options};
use super::plan::Plan;
use super::world::{Told, World};
use crate::cluster::{Cluster, NodeHandle};
use crate::scenarios::Violation;
use crate::scenarios::fleet::Fleet;
use crate::scenarios::fleet::disks::{Compacted, Held, read_log, same};

/// Ends the nodes and reads what they hold durably.
pub(super) async fn judge(cluster: &Cluster, world: &World, fleet: &Fleet) -> Result<(), Violation> {
    cluster.note(format_args!("judge"));
    let mut held: BTreeMap<(PartitionId, NodeId), Held> = BTreeMap::new();
    let nodes: Vec<(NodeId, NodeHandle)> = fleet.nodes().map(|(id, node)| (id, node.clone())).collect();
    // All have said that they hold everything durably: what only a page cache has is held against that.
    fleet.lose_what_is_not_durable(nodes.iter().map(|(id, _)| *id));
    for (id, node) in &nodes {
        let plan = world.plan.clone();
        node.start(|_| std::future::pending());
        fleet.up(*id);
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
            same(id, (first, one), (key.1, other), Compacted::No)?;
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
            Some(found) if found.value.as_ref() == Some(value) => {}
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
    for (offset, record) in &held.records {
        let value = record.value.clone().unwrap_or_default();
        let Some((producer, number)) = origin_of(&value) else {
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
