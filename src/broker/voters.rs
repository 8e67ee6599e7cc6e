//! What adding and removing a voter of the metadata have in common (KIP-853).
use std::sync::Arc;
use std::time::Duration;

use super::Context;
use super::changes::change_for_node;
use super::cluster::{Cluster, active_epoch};
use super::errors::ApiError;
use crate::io::timeout;
use crate::metadata::controller::{METADATA_PARTITION, Suffrage, note_voter};
use crate::partition::{ChangeDone, ChangeRefusal, PartitionStats, VoterChange};
use crate::types::{ErrorCode, Instant, NodeId};

/// The longest that a change may take, until the node has caught up and it is committed: less than a node waits for the controller's
/// answer.
pub(super) const CHANGE_MAX: Duration = Duration::from_secs(15);

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
        Err(ChangeRefusal::TooFewFollow) => Err(too_few_follow()),
        Err(ChangeRefusal::CannotBeAdded) => {
            Err(ApiError::new(ErrorCode::DuplicateVoter, "the node is a voter already"))
        }
        Err(ChangeRefusal::CannotBeRemoved) => {
            Err(ApiError::new(ErrorCode::VoterNotFound, "it is no voter, or the last one"))
        }
    }
}

/// Why a voter is not removed without whom the others could do nothing.
pub(super) fn too_few_follow() -> ApiError {
    let text = "of the voters that would be left too few are there: nothing could be changed any more. Bring back those that are not, or \
                remove one of them instead";
    ApiError::new(ErrorCode::RequestTimedOut, text)
}
