use std::collections::BTreeSet;
use std::sync::Arc;

use crate::broker::errors::ApiError;
use crate::broker::voters::{CHANGE_MAX, change_voters, leading, note, quorum_of, too_few_follow};
use crate::broker::{Caller, Context};
use crate::metadata::controller::{Suffrage, quorum_nodes};
use crate::partition::{ChangeDone, PartitionStats, ReplicaKey, VoterChange};
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
    let removal = removal(&stats, &quorum_nodes(&context.metadata(), &cluster.founders), key)?;
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
    // Where the node has no vote this changes nothing, and is refused while somebody is adding it.
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
    let shall_vote = |stats: &PartitionStats| match removal {
        // The log says nothing else, be it committed or not.
        Removal::Vote => stats.voters.contains(key),
        // Somebody may be adding it.
        Removal::Word => true,
    };
    if stats.as_ref().is_some_and(shall_vote) {
        note(context, cluster, key.node, Suffrage::Votes).await?;
    }
    Err(failed.answer(change, stats.as_ref()))
}

/// What is taken from a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Removal {
    /// Its vote.
    Vote,
    /// The word that it shall vote: it does not, for its addition was cut off before the log had it, and may never be made.
    Word,
}

/// What there is to be taken from a replica, by the log, and by those that are `noted` to vote.
fn removal(stats: &PartitionStats, noted: &BTreeSet<NodeId>, key: ReplicaKey) -> Result<Removal, ApiError> {
    let node = key.node;
    let not_found = |text: String| Err(ApiError::new(ErrorCode::VoterNotFound, text));
    match stats.voters.of_node(node) {
        Some(voter) if voter != key => {
            not_found(format!("node {node} votes with directory {}", voter.directory))
        }
        Some(_) if stats.voters.keys().len() == 1 => {
            not_found(format!("node {node} is the only voter, and without one nothing could be changed"))
        }
        Some(_) => Ok(Removal::Vote),
        None if noted.contains(&node) => Ok(Removal::Word),
        None => not_found(format!("node {node} is no voter")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partition::VoterSet;

    fn key(node: i32, directory: u8) -> ReplicaKey {
        ReplicaKey { node: NodeId(node), directory: Uuid([directory; 16]) }
    }

    #[test]
    fn who_is_to_vote_and_does_not_is_to_no_longer() {
        // Voters 1 to 3; the addition of node 4 was cut off, and of the removal of node 3 the second half is missing.
        let stats = PartitionStats::led(&[]);
        let noted: BTreeSet<NodeId> = [1, 2, 4].map(NodeId).into();
        let found = |node, directory| {
            removal(&stats, &noted, key(node, directory)).map_err(|error| {
                assert_eq!(error.code, ErrorCode::VoterNotFound);
                error.message.expect("a sentence")
            })
        };
        assert_eq!(found(2, 0), Ok(Removal::Vote));
        assert_eq!(found(3, 0), Ok(Removal::Vote), "it votes");
        assert_eq!(found(4, 9), Ok(Removal::Word), "whatever its directory: no other one is known");
        assert_eq!(found(5, 9), Err("node 5 is no voter".to_owned()));
        let other = format!("node 2 votes with directory {}", Uuid::ZERO);
        assert_eq!(found(2, 9), Err(other), "it is not the one that is meant");
    }

    #[test]
    fn the_only_voter_stays_and_nobody_else_has_to() {
        let stats = PartitionStats { voters: VoterSet::new([NodeId(1)]), ..PartitionStats::led(&[]) };
        let noted: BTreeSet<NodeId> = [1, 4].map(NodeId).into();
        let alone = removal(&stats, &noted, key(1, 0)).expect_err("it is the only one");
        let text = "node 1 is the only voter, and without one nothing could be changed";
        assert_eq!(alone, ApiError::new(ErrorCode::VoterNotFound, text));
        assert_eq!(removal(&stats, &noted, key(4, 9)), Ok(Removal::Word));
    }
}
