use std::sync::Arc;
use std::time::Duration;

use crate::broker::cluster::Cluster;
use crate::broker::errors::ApiError;
use crate::broker::voters::{CHANGE_MAX, change_voters, leading, note, quorum_of};
use crate::broker::{Caller, Context};
use crate::metadata::controller::{METADATA_PARTITION, Suffrage};
use crate::metadata::{BrokerImage, MetadataImage};
use crate::partition::{ChangeDone, PartitionStats, ReplicaKey, VoterChange, VoterSet};
use crate::probe::{Mutant, mutant};
use crate::types::{ErrorCode, NodeId, Uuid};
use crate::wire::messages::{AddRaftVoterRequest, AddRaftVoterResponse};

/// AddRaftVoter (key 80, KIP-853): a node that follows the metadata votes on it from now on. Carried out by the active controller.
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    _caller: &Caller,
    request: AddRaftVoterRequest,
) -> AddRaftVoterResponse {
    let (error_code, error_message) = ApiError::told(add(context, &request).await);
    AddRaftVoterResponse { error_code, error_message, ..AddRaftVoterResponse::default() }
}

async fn add(context: &Arc<Context>, request: &AddRaftVoterRequest) -> Result<(), ApiError> {
    let cluster = quorum_of(context, request.cluster_id.as_deref())?;
    let stats = leading(context).await?;
    let key = wanted(&context.metadata(), cluster, &stats, request)?;
    let patience = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0)).min(CHANGE_MAX);
    let deadline = context.io.clock.now().after(patience);
    let done = if request.ack_when_committed { ChangeDone::Committed } else { ChangeDone::Appended };
    let is_news = note(context, cluster, key.node, Suffrage::Votes).await?;
    let change = VoterChange::Add(key);
    let Err(failed) = change_voters(context, change, done, deadline).await else { return Ok(()) };
    if !is_news || failed.is_led_elsewhere() {
        return Err(failed.answer(change, None));
    }
    // Nothing is left of it: whoever asked may ask again, or not.
    let cancelled = context.partitions.cancel_voter(METADATA_PARTITION, key).await;
    cancelled.map_err(|_| ApiError::bare(ErrorCode::NotLeaderOrFollower))?;
    let stats = leading(context).await?;
    // It may have become one at the last moment.
    if !stats.voters.contains(key) {
        note(context, cluster, key.node, Suffrage::Observes).await?;
    }
    Err(failed.answer(change, Some(&stats)))
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
        return invalid(format!(
            "the request names no endpoint of node {node} for the listener {}, by which the nodes of this cluster reach each other: \
             name it, or use ordain cluster add-voter {node}",
            cluster.listener
        ));
    }
    if let Some(voter) = stats.voters.of_node(node) {
        let text = format!("node {node} is a voter already, with directory {}", voter.directory);
        return Err(ApiError::new(ErrorCode::DuplicateVoter, text));
    }
    if stats.voters.keys().len() >= VoterSet::MAX {
        return invalid(format!("there are {} voters, which is the most", VoterSet::MAX));
    }
    let Some(BrokerImage { directory: registered, roles, .. }) = image.registered(node) else {
        return invalid(format!("node {node} is not registered: start it, then ask again"));
    };
    if !roles.is_controller() && !mutant(Mutant::ClusterBrokerVotes) {
        return invalid(format!(
            "node {node} is no controller (its process.roles is {roles}): start it with process.roles=broker,controller, then \
             ask again"
        ));
    }
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
