//! The end of a run: what the disks hold is read back and compared, and held against what the nodes made of it.
use std::collections::BTreeMap;

use ordain::io::Io;
use ordain::log::{LogConfig, Storage, StorageOptions};
use ordain::metadata::controller::METADATA_PARTITION;
use ordain::types::{NodeId, PartitionId};

use super::plan::Plan;
use super::replayed;
use super::world::{World, partitions, targets};
use crate::cluster::{Cluster, NodeHandle};
use crate::scenarios::Violation;
use crate::scenarios::broker::plan::{Cleanup, OFFSETS_TOPIC, cleanup};
use crate::scenarios::fleet::disks::{Compacted, Held, read_log, same};
use crate::scenarios::fleet::{Fleet, StateWatch};

/// Ends the nodes and reads what they hold durably.
pub(super) async fn judge(
    cluster: &Cluster,
    plan: &Plan,
    world: &World,
    (fleet, states): (&Fleet, &StateWatch),
) -> Result<(), Violation> {
    cluster.note(format_args!("judge"));
    let unreadable = |text: String| Violation::new("unreadable", text);
    let image = world.image().ok_or_else(|| unreadable("no node runs".to_owned()))?;
    let mut held: BTreeMap<(PartitionId, NodeId), Held> = BTreeMap::new();
    // What is left on the disk of one that was taken away is nobody's any more.
    let is_there = |(id, _): &(NodeId, &NodeHandle)| plan.node_ids().any(|one| one == *id);
    let all = fleet.nodes().filter(is_there);
    let nodes: Vec<(NodeId, NodeHandle)> = all.map(|(id, node)| (id, node.clone())).collect();
    // All have said that they hold everything durably: what only a page cache has is held against that. At one moment: those that are left
    // would fence the others.
    fleet.lose_what_is_not_durable(nodes.iter().map(|(id, _)| *id));
    for weak in fleet.weak_disks() {
        // What nobody has come across yet, as in what a follower holds that nobody reads, is nobody's mistake.
        weak.atlas.spare_segments(fleet.node(weak.node));
        weak.atlas.spare_unvouched(fleet.node(weak.node));
    }
    for (id, node) in nodes {
        let options = plan.storage_options();
        node.start(|_| std::future::pending());
        fleet.up(id);
        let logs = node.run(move |io| read_back(io, id, options)).await;
        let logs = logs.ok_or_else(|| unreadable(format!("node {id} died")))?;
        let logs = logs.map_err(|error| unreadable(format!("node {id}: {error}")))?;
        held.extend(logs.into_iter().map(|(partition, log)| ((partition, id), log)));
    }
    let targets = targets(&image);
    for (id, name, count) in partitions(&image, plan) {
        let replicas: Vec<(NodeId, &Held)> = held
            .range((id, NodeId(i32::MIN))..=(id, NodeId(i32::MAX)))
            .map(|(key, held)| (key.1, held))
            .collect();
        if replicas.len() < count {
            let on: Vec<String> = replicas.iter().map(|(node, _)| format!("{node}")).collect();
            let text =
                format!("of the {count} replicas of {name} only those on nodes {} are there", on.join(", "));
            return Err(Violation::new("I1-lost-log", text));
        }
        if let Some(target) = targets.get(&id)
            && *target != replicas.iter().map(|(node, _)| *node).collect()
        {
            let on: Vec<String> = replicas.iter().map(|(node, _)| format!("{node}")).collect();
            let text = format!("{name} shall be on {target:?}, and is on the disks of {}", on.join(", "));
            return Err(Violation::new("I13-left-over", text));
        }
        let topic = image.topic_by_id(id.topic).map_or("", |topic| &topic.name);
        let compacted = match (id == METADATA_PARTITION, cleanup(topic)) {
            (false, Cleanup::Compact) => Compacted::Maybe,
            (false, _) if topic == OFFSETS_TOPIC => Compacted::Maybe,
            (true | false, _) => Compacted::No,
        };
        // Each with each: two may hold what a third one between them let go.
        for (at, &one) in replicas.iter().enumerate() {
            replicas[at + 1..].iter().try_for_each(|&other| same(id, one, other, compacted))?;
        }
    }
    replayed::is_what_was_shown(states, fleet, &image, &held)
}

async fn read_back(
    io: Io,
    node: NodeId,
    options: StorageOptions,
) -> Result<Vec<(PartitionId, Held)>, String> {
    let (_storage, logs, _) = Storage::open(io, node, options, |_| LogConfig::default())
        .await
        .map_err(|error| error.to_string())?;
    let mut all = Vec::new();
    for log in logs {
        all.push((log.key().partition, read_log(&log).await?));
    }
    Ok(all)
}
