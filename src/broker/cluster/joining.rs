use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use super::{ANSWER_PATIENCE, Cluster, NoController, ask};
use crate::broker::Context;
use crate::broker::errors::ApiError;
use crate::metadata::controller::METADATA_PARTITION;
use crate::types::{ErrorCode, Uuid};
use crate::wire::messages::AddRaftVoterRequest;
use crate::wire::messages::add_raft_voter_request::Listener;

/// The version in which nodes of this release ask.
const VERSION: i16 = 1;
/// How soon it is looked at again whether this node votes.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// How long the controller waits for this node to catch up: it has, or nearly.
const CATCH_UP_MS: i32 = 5_000;

/// Asks to vote on the metadata while this node does not and has caught up (`controller.quorum.auto.join.enable`, KIP-853); until the
/// node stops.
pub async fn join_quorum(context: Arc<Context>, cluster: Arc<Cluster>) {
    if !cluster.joins_quorum {
        return;
    }
    let shutdown = context.shutdown.clone();
    let joining = async {
        loop {
            if let Some(directory) = observes_as(&context).await {
                match ask_to_vote(&context, &cluster, directory).await {
                    Ok(Ok(())) => info!("this node votes on the metadata from now on"),
                    Ok(Err(refused)) => {
                        warn!(code = %refused.code, message = ?refused.message, "this node does not vote on the metadata yet");
                    }
                    Err(failure) => warn!(%failure, "this node does not vote on the metadata yet"),
                }
            }
            context.io.clock.sleep(LOOK_AGAIN).await;
        }
    };
    tokio::select! {
        biased;
        () = shutdown.begun() => {}
        () = joining => {}
    }
}

/// With which directory this node is registered, if it does not vote and knows all that it was told to be committed. The leader
/// replaces one in whose place another directory of this node votes.
async fn observes_as(context: &Context) -> Option<Uuid> {
    let node = context.config().node_id;
    let stats = context.partitions.stats(Some(vec![METADATA_PARTITION])).await.ok()?.pop()?;
    let directory = context.metadata().registered(node)?.directory;
    let has_caught_up = stats.leader_node.is_some() && context.image.end() >= stats.high_watermark;
    (stats.voters.of_node(node).is_none() && has_caught_up && !stats.damaged).then_some(directory)
}

async fn ask_to_vote(
    context: &Arc<Context>,
    cluster: &Cluster,
    voter_directory_id: Uuid,
) -> Result<Result<(), ApiError>, NoController> {
    let voter_id = context.config().node_id;
    let image = context.metadata();
    let endpoints = image.registered(voter_id).map(|broker| broker.endpoints.as_slice()).unwrap_or_default();
    let listeners = endpoints.iter().filter(|endpoint| endpoint.listener == cluster.listener);
    let request = AddRaftVoterRequest {
        cluster_id: Some(cluster.id.clone().into()),
        timeout_ms: CATCH_UP_MS,
        voter_id: voter_id.0,
        voter_directory_id,
        listeners: listeners
            .map(|endpoint| Listener {
                name: endpoint.listener.clone().into(),
                host: endpoint.host.clone().into(),
                port: endpoint.port,
                ..Listener::default()
            })
            .collect(),
        ack_when_committed: true,
        ..AddRaftVoterRequest::default()
    };
    let deadline = context.io.clock.now().after(ANSWER_PATIENCE);
    let answer = ask(context, cluster, VERSION, &request, deadline).await?;
    match ErrorCode::from_code(answer.error_code) {
        Some(ErrorCode::DuplicateVoter) => Ok(Ok(())),
        Some(_) | None => Ok(ApiError::answered(answer.error_code, answer.error_message.as_ref())),
    }
}
