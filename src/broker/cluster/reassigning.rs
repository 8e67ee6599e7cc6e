use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tracing::{debug, warn};

use super::{ANSWER_PATIENCE, Cluster, ask, ask_node};
use crate::broker::Context;
use crate::broker::cluster_view::leader_of;
use crate::broker::errors::ApiError;
use crate::io::timeout;
use crate::metadata::MetadataImage;
use crate::metadata::controller::METADATA_PARTITION;
use crate::partition::PartitionStats;
use crate::probe::{Mutant, mutant};
use crate::types::{LeaderEpoch, NodeId, PartitionId, PartitionIndex};
use crate::wire::messages::leave_partitions_request::LeavingReplica;
use crate::wire::messages::report_voters_request::ReassignedPartition;
use crate::wire::messages::{LeavePartitionsRequest, ReportVotersRequest};

/// The version in which nodes of this release talk to each other.
const VERSION: i16 = 0;
/// How often it is looked again while something is open.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// Partitions in one request; more take several.
const PARTITIONS_MAX: usize = 1_000;

/// Does this node's part of reassignments that is not the shards': tells the controller which partitions that are led here have come
/// to their target, and removes replicas that are here for nothing any more, when their leaders let them go; until the node stops.
pub async fn follow_reassignments(context: Arc<Context>, cluster: Arc<Cluster>) {
    let shutdown = context.shutdown.clone();
    tokio::select! {
        biased;
        () = shutdown.begun() => {}
        () = follow(&context, &cluster) => {}
    }
}

async fn follow(context: &Arc<Context>, cluster: &Cluster) {
    let clock = Arc::clone(&context.io.clock);
    let mut unresolved = BTreeSet::new();
    loop {
        // Before the image: what is asked for later is not newer than what this says.
        let end = context.image.end();
        let image = context.metadata();
        let told = report(context, cluster, &image).await;
        let left = leave(context, &image, end.0, &mut unresolved).await;
        let mut changed = pin!(context.image.once(|now, _| !std::ptr::eq(now, &*image)));
        match (told, left) {
            (Open::Nothing, Open::Nothing) => drop(changed.await),
            (Open::Something, _) | (_, Open::Something) => {
                let again = clock.now().after(LOOK_AGAIN);
                let _whichever_came_first = timeout(&*clock, again, changed.as_mut()).await;
            }
        }
    }
}

/// Whether something is to be looked at again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Nothing,
    Something,
}

/// Tells the controller of the partitions led here whose voters are those that they shall be.
async fn report(context: &Arc<Context>, cluster: &Cluster, image: &MetadataImage) -> Open {
    let all: Vec<PartitionId> = image.reassigning().collect();
    if all.is_empty() {
        return Open::Nothing;
    }
    let own = context.config().node_id;
    let leaderships = context.partitions.leaderships();
    let led = all.into_iter().filter(|&id| leaderships.of(id).is_some_and(|here| here.serving));
    let Ok(stats) = context.partitions.stats(Some(led.collect())).await else { return Open::Nothing };
    let mut rows: Vec<ReassignedPartition> =
        stats.iter().filter_map(|stats| has_come(image, stats)).collect();
    let Some(broker_epoch) = image.registered(own).map(|broker| broker.epoch) else {
        return Open::Something;
    };
    while !rows.is_empty() {
        let rest = rows.split_off(rows.len().min(PARTITIONS_MAX));
        let request = ReportVotersRequest {
            broker_id: own.0,
            broker_epoch,
            partitions: rows,
            ..ReportVotersRequest::default()
        };
        let deadline = context.io.clock.now().after(ANSWER_PATIENCE);
        let answered = ask(context, cluster, VERSION, &request, deadline).await;
        match answered.map(|answer| ApiError::answered(answer.error_code, None)) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                debug!(code = %error.code, "the controller does not take what voters there are")
            }
            Err(error) => warn!(%error, "the cluster is not told that a reassignment has come to its end"),
        }
        rows = rest;
    }
    Open::Something
}

/// What there is to tell of a partition, if its voters are those that it shall have.
fn has_come(image: &MetadataImage, stats: &PartitionStats) -> Option<ReassignedPartition> {
    let partition = image.partition(stats.id)?;
    let voters: BTreeSet<NodeId> = stats.voters.keys().iter().map(|key| key.node).collect();
    let is_target = partition.target().into_iter().collect::<BTreeSet<_>>() == voters;
    (stats.serving && stats.voters_committed && is_target).then(|| ReassignedPartition {
        topic_id: stats.id.topic,
        partition_index: stats.id.index.0,
        partition_epoch: partition.partition_epoch,
        voters: voters.iter().map(|node| node.0).collect(),
        ..ReassignedPartition::default()
    })
}

/// Asks the leaders of partitions that this node is to hold no longer whether its replicas may go, and removes those that may. Of the
/// `unresolved` a leader may have let the replica go without this node knowing: it will make that one no voter any more. So they are asked
/// about even if they are to stay by now, until they vote, or go and are made anew.
async fn leave(
    context: &Arc<Context>,
    image: &MetadataImage,
    end: i64,
    unresolved: &mut BTreeSet<PartitionId>,
) -> Open {
    let own = context.config().node_id;
    let is_over = |id: &PartitionId| {
        *id != METADATA_PARTITION
            && image.partition(*id).is_some_and(|partition| !partition.replicas.contains(&own))
    };
    let here: BTreeSet<PartitionId> = context.partitions.leaderships().ids().into_iter().collect();
    unresolved.retain(|id| here.contains(id));
    let asked = here.into_iter().filter(|id| is_over(id) || unresolved.contains(id)).collect::<Vec<_>>();
    if asked.is_empty() {
        return Open::Nothing;
    }
    if mutant(Mutant::ReassignLeavesAtOnce) {
        let over = asked.into_iter().filter(is_over);
        let released = over.map(|id| (id, LeaderEpoch(i32::MAX))).collect();
        remove(context, released).await;
        return Open::Something;
    }
    let Ok(stats) = context.partitions.stats(Some(asked)).await else { return Open::Nothing };
    let mut rows_of: BTreeMap<NodeId, Vec<LeavingReplica>> = BTreeMap::new();
    for stats in stats {
        if !is_over(&stats.id) && stats.voters.contains(stats.key) {
            unresolved.remove(&stats.id);
            continue;
        }
        let known = leader_of(context, image, stats.id).map(|(leader, _)| leader);
        // A replica that knows none may not have heard of those that hold it now.
        let hint = || image.partition(stats.id).map(|partition| partition.leader);
        let Some(leader) = known.or_else(hint).filter(|&leader| leader != own) else { continue };
        rows_of.entry(leader).or_default().push(LeavingReplica {
            topic_id: stats.id.topic,
            partition_index: stats.id.index.0,
            directory_id: stats.key.directory,
            leader_epoch: stats.epoch.0,
            ..LeavingReplica::default()
        });
    }
    for (leader, mut rows) in rows_of {
        while !rows.is_empty() {
            let rest = rows.split_off(rows.len().min(PARTITIONS_MAX));
            unresolved.extend(ask_to_leave(context, leader, rows, end).await);
            rows = rest;
        }
    }
    Open::Something
}

/// Gives those that the leader has let go, or may have.
async fn ask_to_leave(
    context: &Arc<Context>,
    leader: NodeId,
    partitions: Vec<LeavingReplica>,
    end: i64,
) -> Vec<PartitionId> {
    let id_of = |topic, index| PartitionId { topic, index: PartitionIndex(index) };
    let asked: Vec<_> = partitions.iter().map(|row| id_of(row.topic_id, row.partition_index)).collect();
    let request =
        LeavePartitionsRequest { metadata_offset: end, partitions, ..LeavePartitionsRequest::default() };
    let deadline = context.io.clock.now().after(ANSWER_PATIENCE);
    let answer = match ask_node(context, leader, VERSION, &request, deadline).await {
        Ok(answer) => answer,
        Err(error) => {
            debug!(%leader, %error, "a leader is not asked whether a replica may go");
            return asked;
        }
    };
    let released: Vec<_> = answer
        .partitions
        .iter()
        .map(|row| (id_of(row.topic_id, row.partition_index), LeaderEpoch(row.leader_epoch)))
        // A leader tells of what it was not asked.
        .filter(|(id, _)| asked.contains(id))
        .collect();
    let ids = released.iter().map(|(id, _)| *id).collect();
    if !released.is_empty() {
        remove(context, released).await;
    }
    ids
}

/// Removes replicas that leaders let go.
async fn remove(context: &Context, released: Vec<(PartitionId, LeaderEpoch)>) {
    let ids = released.iter().map(|(id, _)| *id).collect();
    let mut removed = Vec::new();
    if context.controller.begin_leaving(ids).await.is_err() {
        return;
    }
    for (id, epoch) in released {
        match context.partitions.leave(id, epoch).await {
            Ok(()) => removed.push(id),
            // Until the next start no other one is made in its place.
            Err(error) => warn!(partition = %id, %error, "a replica that may go is not removed"),
        }
    }
    if let Err(error) = context.controller.left(removed).await {
        warn!(%error, "replicas that were removed are not made anew where they shall be");
    }
}
