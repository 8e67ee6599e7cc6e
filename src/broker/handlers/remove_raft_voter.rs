use std::sync::Arc;

use crate::broker::errors::ApiError;
use crate::broker::voters::{CHANGE_MAX, change_voters, leading, note, quorum_of, too_few_follow};
use crate::broker::{Caller, Context};
use crate::metadata::controller::Suffrage;
use crate::partition::{ChangeDone, ReplicaKey, VoterChange};
use crate::probe::{Mutant, mutant};
use crate::types::{ErrorCode, NodeId, Uuid};
use crate::wire::messages::{RemoveRaftVoterRequest, RemoveRaftVoterResponse};

/// RemoveRaftVoter (key 81, KIP-853): a node votes on the metadata no longer, and goes on following it. Carried out by the active
/// controller, be it that node itself.
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    _caller: &Caller,
    request: RemoveRaftVoterRequest,
) -> RemoveRaftVoterResponse {
    let (error_code, error_message) = ApiError::told(remove(context, &request).await);
    RemoveRaftVoterResponse { error_code, error_message, ..RemoveRaftVoterResponse::default() }
}

async fn remove(context: &Arc<Context>, request: &RemoveRaftVoterRequest) -> Result<(), ApiError> {
    let cluster = quorum_of(context, request.cluster_id.as_deref())?;
    let stats = leading(context).await?;
    let key = ReplicaKey { node: NodeId(request.voter_id), directory: request.voter_directory_id };
    if key.node.0 < 0 || key.directory == Uuid::ZERO {
        let text = format!("{} with directory {} is no voter: both ids are needed", key.node, key.directory);
        return Err(ApiError::new(ErrorCode::InvalidRequest, text));
    }
    if !stats.voters.contains(key) {
        let text = match stats.voters.of_node(key.node) {
            Some(voter) => format!("node {} votes with directory {}", key.node, voter.directory),
            None => format!("node {} is no voter", key.node),
        };
        return Err(ApiError::new(ErrorCode::VoterNotFound, text));
    }
    if stats.voters.keys().len() == 1 {
        let text = format!("node {} is the only voter, and without one nothing could be changed", key.node);
        return Err(ApiError::new(ErrorCode::VoterNotFound, text));
    }
    // It is refused below as well; but then the record that the node is to vote no longer is in the log already, and has to be taken back.
    let rest = stats.voters.keys().iter().filter(|&&voter| voter != key);
    let (of, following) =
        (rest.clone().count(), rest.filter(|voter| stats.followers.contains(&voter.node)).count());
    if following < of / 2 + 1 && !mutant(Mutant::ClusterRemovesTheNeeded) {
        return Err(too_few_follow());
    }
    let is_news = note(context, cluster, key.node, Suffrage::Observes).await?;
    let deadline = context.io.clock.now().after(CHANGE_MAX);
    let remove = |change| change_voters(context, change, ChangeDone::Committed, deadline);
    let mut change = VoterChange::Remove(key);
    let mut made = remove(change).await;
    // If its disk had been lost, the replica in its place may have become a voter before it was noted that the node shall have none.
    // A leader that has removed itself leads no longer.
    let looks_again =
        key.node != context.config().node_id && !mutant(Mutant::ClusterReplacementOutlivesRemoval);
    while made.is_ok() && looks_again {
        match leading(context).await?.voters.of_node(key.node) {
            Some(other) => {
                change = VoterChange::Remove(other);
                made = remove(change).await;
            }
            None => break,
        }
    }
    let Err(failed) = made else { return Ok(()) };
    let stats = if is_news { leading(context).await.ok() } else { None };
    // The log says nothing else, be it committed or not.
    if stats.as_ref().is_some_and(|stats| stats.voters.contains(key)) {
        note(context, cluster, key.node, Suffrage::Votes).await?;
    }
    Err(failed.answer(change, stats.as_ref()))
}
