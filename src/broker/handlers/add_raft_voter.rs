use std::sync::Arc;
use std::time::Duration;

use crate::broker::changes::change_for_node;
use crate::broker::cluster::{Cluster, active_epoch};
use crate::broker::errors::ApiError;
use crate::broker::{Caller, Context};
use crate::io::timeout;
use crate::metadata::controller::{METADATA_PARTITION, Suffrage, note_voter};
use crate::metadata::{BrokerImage, MetadataImage};
use crate::partition::{ChangeDone, ChangeRefusal, PartitionStats, ReplicaKey, VoterChange, VoterSet};
use crate::types::{ErrorCode, Instant, NodeId, Uuid};
use crate::wire::messages::{AddRaftVoterRequest, AddRaftVoterResponse};

/// The longest that a change may take, until the node has caught up and it is committed: less than a node waits for the controller's
/// answer.
pub(super) const CHANGE_MAX: Duration = Duration::from_secs(15);

/// AddRaftVoter (key 80, KIP-853): a node that follows the metadata votes on it from now on. Carried out by the active controller.
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    _caller: &Caller,
    request: AddRaftVoterRequest,
) -> AddRaftVoterResponse {
    let error = add(context, &request).await.err();
    AddRaftVoterResponse {
        error_code: error.as_ref().map_or(ErrorCode::None, |error| error.code).code(),
        error_message: error.and_then(|error| error.text()),
        ..AddRaftVoterResponse::default()
    }
}

async fn add(context: &Arc<Context>, request: &AddRaftVoterRequest) -> Result<(), ApiError> {
    let cluster = quorum_of(context, request.cluster_id.as_deref())?;
    let stats = leading(context).await?;
    let key = wanted(&context.metadata(), cluster, &stats, request)?;
    let patience = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0)).min(CHANGE_MAX);
    let deadline = context.io.clock.now().after(patience);
    let done = if request.ack_when_committed { ChangeDone::Committed } else { ChangeDone::Appended };
    let is_news = note(context, cluster, key.node, Suffrage::Votes).await?;
    let made = change_voters(context, VoterChange::Add(key), done, deadline).await;
    if let Err(refusal) = &made
        && is_news
        && refusal.code != ErrorCode::NotLeaderOrFollower
    {
        // Nothing is left of it: whoever asked may ask again, or not.
        let cancelled = context.partitions.cancel_voter(METADATA_PARTITION, key).await;
        cancelled.map_err(|_| ApiError::bare(ErrorCode::NotLeaderOrFollower))?;
        // It may have become one at the last moment.
        if !leading(context).await?.voters.contains(key) {
            note(context, cluster, key.node, Suffrage::Observes).await?;
        }
    }
    made
}

/// Whose directory is to vote, if all that the request says fits.
fn wanted(
    image: &MetadataImage,
    cluster: &Cluster,
    stats: &PartitionStats,
    request: &AddRaftVoterRequest,
) -> Result<ReplicaKey, ApiError> {
    let invalid = |text: String| Err(ApiError::new(ErrorCode::InvalidRequest, text));
    let (node, directory) = (NodeId(request.voter_id), request.voter_directory_id);
    if node.0 < 0 || directory == Uuid::ZERO {
        return invalid(format!("{node} with directory {directory} is no voter: both ids are needed"));
    }
    if !request.listeners.iter().any(|listener| *listener.name == *cluster.listener) {
        return invalid(format!("the request names no endpoint for the listener {}", cluster.listener));
    }
    if let Some(voter) = stats.voters.of_node(node) {
        let text = format!("node {node} is a voter already, with directory {}", voter.directory);
        return Err(ApiError::new(ErrorCode::DuplicateVoter, text));
    }
    if stats.voters.keys().len() >= VoterSet::MAX {
        return invalid(format!("there are {} voters, which is the most", VoterSet::MAX));
    }
    let Some(BrokerImage { directory: registered, .. }) = image.brokers.get(&node) else {
        return invalid(format!("node {node} is not registered: start it, then ask again"));
    };
    // A log that was damaged has another directory id than its node.
    let follows = stats.observers.iter().map(|(key, _)| *key).find(|key| key.node == node);
    match follows {
        Some(key) if directory == key.directory || directory == *registered => Ok(key),
        None if directory == *registered => Ok(ReplicaKey { node, directory }),
        Some(_) | None => {
            invalid(format!("node {node} is registered with directory {registered}, not {directory}"))
        }
    }
}

/// This node as one of several, if the request means its cluster.
pub(super) fn quorum_of<'a>(context: &'a Context, id: Option<&str>) -> Result<&'a Cluster, ApiError> {
    let Some(cluster) = &context.cluster else {
        let text = "this node is a cluster of its own: its one voter does not change";
        return Err(ApiError::new(ErrorCode::UnsupportedVersion, text));
    };
    match id {
        Some(id) if *id != *cluster.id => {
            let text = format!("the request is for cluster {id:?}, and this is {:?}", cluster.id);
            Err(ApiError::new(ErrorCode::InconsistentClusterId, text))
        }
        Some(_) | None => Ok(cluster),
    }
}

/// How the metadata log stands, which is led here.
pub(super) async fn leading(context: &Context) -> Result<PartitionStats, ApiError> {
    let not_here = || ApiError::bare(ErrorCode::NotLeaderOrFollower);
    active_epoch(context).ok_or_else(not_here)?;
    let stats = context.partitions.stats(Some(vec![METADATA_PARTITION])).await.map_err(|_| not_here())?;
    stats.into_iter().next().filter(|stats| stats.leader).ok_or_else(not_here)
}

/// Notes whether a node shall vote; whether that is news.
pub(super) async fn note(
    context: &Arc<Context>,
    cluster: &Cluster,
    node: NodeId,
    suffrage: Suffrage,
) -> Result<bool, ApiError> {
    let founders = cluster.founders.clone();
    change_for_node(context, move |image| note_voter(image, &founders, node, suffrage)).await
}

/// Has the metadata log change its voters, until `deadline`.
pub(super) async fn change_voters(
    context: &Context,
    change: VoterChange,
    done: ChangeDone,
    deadline: Instant,
) -> Result<(), ApiError> {
    let timed_out = |text: &str| Err(ApiError::new(ErrorCode::RequestTimedOut, text));
    let changing = context.partitions.change_voters(METADATA_PARTITION, change, done);
    let Ok(changed) = timeout(&*context.io.clock, deadline, changing).await else {
        return timed_out(
            "the voters were not changed in time: a node had not caught up, or a majority was silent",
        );
    };
    let Ok(changed) = changed else { return Err(ApiError::bare(ErrorCode::NotLeaderOrFollower)) };
    match changed {
        Ok(()) => Ok(()),
        Err(ChangeRefusal::NotLeader) => Err(ApiError::bare(ErrorCode::NotLeaderOrFollower)),
        Err(ChangeRefusal::NotServing) => timed_out("the controller has only begun, or is about to end"),
        Err(ChangeRefusal::AnotherUnderWay) => timed_out("another change of the voters is under way"),
        Err(ChangeRefusal::CannotBeAdded) => {
            Err(ApiError::new(ErrorCode::DuplicateVoter, "the node is a voter already"))
        }
        Err(ChangeRefusal::CannotBeRemoved) => {
            Err(ApiError::new(ErrorCode::VoterNotFound, "it is no voter, or the last one"))
        }
    }
}
