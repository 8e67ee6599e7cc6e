use std::pin::Pin;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::cluster::{ANSWER_PATIENCE, NoController, active_epoch, answer_with_end, forward};
use super::handlers::*;
use super::in_flight::InFlight;
use super::not_served::Unserved;
use super::{Caller, Context};
use crate::partition::{CallFailed, PeerCall};
use crate::types::{CorrelationId, ErrorCode, NodeId};
use crate::wire::messages::ApiVersionsResponse;
use crate::wire::{ApiKey, EncodeError, FrameError, RequestFrame, Text, encode_response};

/// A response as the segments of its frame, length prefix included.
pub type Frame = Vec<Bytes>;

/// What a request led to.
pub enum Outcome {
    /// The reply.
    Now(Frame),
    /// The reply will come; the next request may begin before it.
    Later(oneshot::Receiver<Frame>),
    /// The protocol foresees no reply.
    Nothing,
    /// The peer broke the protocol: the connection has to be closed.
    Close(String),
    /// So, too, and the operator has been told.
    CloseTold(String),
}

/// A connection's constant side of a [`Caller`].
pub struct Peer {
    pub address: std::net::SocketAddr,
    pub listener: std::sync::Arc<str>,
    /// The connection's produces that have begun and are not answered.
    pub produces: InFlight,
}

/// Handles one request frame (without its length prefix).
pub async fn dispatch(context: &std::sync::Arc<Context>, peer: &Peer, frame: Bytes) -> Outcome {
    let (request_bytes, whole) = (frame.len(), frame.clone());
    let frame = match RequestFrame::parse(frame) {
        Ok(frame) => frame,
        Err(error) => return unreadable(&error),
    };
    let (api, version) = (frame.api, frame.version);
    match api.served() {
        Some(served) if served.contains(version) => {}
        Some(_) | None if api == ApiKey::ApiVersions => {
            return unsupported_api_versions(frame.correlation_id);
        }
        Some(served) => {
            return Outcome::Close(format!("{api} version {version} is not served; {served} are"));
        }
        None => {
            context.tell_not_served(peer.address, frame.client_id.as_ref(), Unserved::Api(api));
            return Outcome::CloseTold(format!("{api} is not served by this release"));
        }
    }
    let caller = Caller {
        version,
        client_id: frame.client_id.clone(),
        peer: peer.address,
        listener: std::sync::Arc::clone(&peer.listener),
        via: None,
    };
    let began = context.io.clock.now();
    if api == ApiKey::Produce {
        let begun = peer.produces.begin();
        return produce::handle(context, &caller, frame, request_bytes, begun).await;
    }
    // Produces overlap with each other alone: whatever comes after them on the connection sees their effect.
    peer.produces.finished().await;
    let outcome = match forwarded(context, &caller, &frame, whole).await {
        Some(outcome) => outcome,
        None => route(context, &caller, frame).await,
    };
    if let Outcome::Now(frame) = &outcome {
        let response_bytes = frame.iter().map(Bytes::len).sum();
        let took = context.io.clock.now().since(began);
        context.request_metrics.answered(api.key(), took, request_bytes, response_bytes);
    }
    outcome
}

/// Whether only the active controller can answer: what changes the metadata.
fn is_for_controller(api: ApiKey) -> bool {
    matches!(
        api,
        ApiKey::CreateTopics
            | ApiKey::DeleteTopics
            | ApiKey::CreatePartitions
            | ApiKey::AlterConfigs
            | ApiKey::IncrementalAlterConfigs
            | ApiKey::DescribeQuorum
            | ApiKey::AlterPartitionReassignments
            | ApiKey::ListPartitionReassignments
            | ApiKey::AddRaftVoter
            | ApiKey::RemoveRaftVoter
            | ApiKey::UnregisterBroker
            | ApiKey::UpdateFeatures
    )
}

/// What the active controller answers, if the request is for it and it is another node.
async fn forwarded(
    context: &std::sync::Arc<Context>,
    caller: &Caller,
    frame: &RequestFrame,
    whole: Bytes,
) -> Option<Outcome> {
    let cluster = context.cluster.as_ref().filter(|_| is_for_controller(frame.api))?;
    if frame.api == ApiKey::AlterConfigs && alter_configs::is_answered_here(context, &whole) {
        return None;
    }
    if frame.api == ApiKey::IncrementalAlterConfigs
        && incremental_alter_configs::is_answered_here(context, &whole)
    {
        return None;
    }
    let call = PeerCall { listener: Text::from(&*caller.listener), client: caller.peer, request: whole };
    let deadline = context.io.clock.now().after(ANSWER_PATIENCE);
    match forward(context, cluster, call, deadline).await {
        Ok(Some(answer)) => Some(Outcome::Now(vec![answer])),
        Ok(None) => None,
        // As the controller does with its own clients. It may have done what was asked: that this node is none would not be true.
        Err(error @ (NoController::Closes(_) | NoController::Failed(CallFailed::ResponseTooLarge(_)))) => {
            Some(Outcome::Close(error.to_string()))
        }
        Err(error) => {
            tracing::warn!(api = %frame.api, %error, "a request for the active controller is refused");
            // This node says, in the way of the API, that it is none.
            None
        }
    }
}

/// Handles a request frame (without its length prefix) that another node sends, as the active controller. Answers with up to where
/// this node has applied the metadata log (8 bytes), then the response's frame; without any bytes, where a client's connection would
/// be closed. `None`: this node is not the active controller, or does not take the request. An election, and whether a replica may
/// go, is for the node that leads, a snapshot and records for whoever has them.
#[must_use]
pub fn dispatch_from_node(
    context: &std::sync::Arc<Context>,
    from: NodeId,
    call: PeerCall,
) -> Pin<Box<dyn Future<Output = Option<Bytes>> + Send + '_>> {
    // Boxed: what it leads to may ask the controller in its turn.
    Box::pin(answer_node(context, from, call))
}

async fn answer_node(context: &std::sync::Arc<Context>, from: NodeId, call: PeerCall) -> Option<Bytes> {
    let cluster = context.cluster.as_ref()?;
    let frame = RequestFrame::parse(call.request).ok()?;
    let is_own_affair = matches!(
        frame.api,
        ApiKey::ElectLeaders | ApiKey::LeavePartitions | ApiKey::FetchSnapshot | ApiKey::ReadRecords
    );
    if !is_own_affair {
        active_epoch(context)?;
    }
    let caller = Caller {
        version: frame.version,
        client_id: frame.client_id.clone(),
        peer: call.client,
        listener: std::sync::Arc::from(&*call.listener),
        via: Some(from),
    };
    let correlation_id = frame.correlation_id;
    macro_rules! node_answer {
        ($handler:path $(, $argument:expr)*) => {
            match frame.decode_as() {
                Ok(request) => {
                    respond(&caller, correlation_id, &$handler(context $(, $argument)*, from, request).await)
                }
                Err(error) => Outcome::Close(error.to_string()),
            }
        };
    }
    let outcome = match frame.api {
        ApiKey::BrokerRegistration => node_answer!(broker_registration::handle, cluster),
        ApiKey::BrokerHeartbeat => node_answer!(broker_heartbeat::handle, cluster),
        ApiKey::AlterPartition => node_answer!(alter_partition::handle),
        ApiKey::ReportVoters => node_answer!(report_voters::handle),
        ApiKey::LeavePartitions => node_answer!(leave_partitions::handle),
        ApiKey::ReadRecords => node_answer!(read_records::handle),
        ApiKey::AllocateProducerIds => node_answer!(allocate_producer_ids::handle),
        ApiKey::FetchSnapshot => node_answer!(fetch_snapshot::handle),
        ApiKey::ElectLeaders => route(context, &caller, frame).await,
        api if is_for_controller(api)
            && api.served().is_some_and(|served| served.contains(frame.version)) =>
        {
            route(context, &caller, frame).await
        }
        api => {
            // The next controller may be of a release that knows it.
            let version = frame.version;
            tracing::warn!(node = %from, %api, version, "another node's request is not served here");
            return None;
        }
    };
    match outcome {
        Outcome::Now(frame) => Some(answer_with_end(context, &frame)),
        Outcome::Close(reason) | Outcome::CloseTold(reason) => {
            tracing::warn!(node = %from, %reason, "another node's request is not answered");
            Some(Bytes::new())
        }
        Outcome::Later(_) | Outcome::Nothing => None,
    }
}

macro_rules! answer {
    ($context:expr, $caller:expr, $frame:expr, $handler:path) => {{
        let correlation_id = $frame.correlation_id;
        match $frame.decode_as() {
            Ok(request) => respond($caller, correlation_id, &$handler($context, $caller, request).await),
            Err(error) => Outcome::Close(error.to_string()),
        }
    }};
}

async fn answer_fetch(context: &std::sync::Arc<Context>, caller: &Caller, frame: RequestFrame) -> Outcome {
    let correlation_id = frame.correlation_id;
    let request = match frame.decode_as() {
        Ok(request) => request,
        Err(error) => return Outcome::Close(error.to_string()),
    };
    let (response, memory) = fetch::handle(context, caller, request).await;
    let mut outcome = respond(caller, correlation_id, &response);
    if let Outcome::Now(frame) = &mut outcome {
        fetch::hold(frame, memory);
    }
    outcome
}

async fn route(context: &std::sync::Arc<Context>, caller: &Caller, frame: RequestFrame) -> Outcome {
    match frame.api {
        ApiKey::Fetch => answer_fetch(context, caller, frame).await,
        ApiKey::ListOffsets => answer!(context, caller, frame, list_offsets::handle),
        ApiKey::Metadata => answer!(context, caller, frame, metadata::handle),
        ApiKey::ApiVersions => answer!(context, caller, frame, api_versions::handle),
        ApiKey::InitProducerId => answer!(context, caller, frame, init_producer_id::handle),
        ApiKey::OffsetForLeaderEpoch => answer!(context, caller, frame, offset_for_leader_epoch::handle),
        ApiKey::CreateTopics => answer!(context, caller, frame, create_topics::handle),
        ApiKey::DeleteTopics => answer!(context, caller, frame, delete_topics::handle),
        ApiKey::CreatePartitions => answer!(context, caller, frame, create_partitions::handle),
        ApiKey::DeleteRecords => answer!(context, caller, frame, delete_records::handle),
        ApiKey::DescribeConfigs => answer!(context, caller, frame, describe_configs::handle),
        ApiKey::AlterConfigs => answer!(context, caller, frame, alter_configs::handle),
        ApiKey::IncrementalAlterConfigs => answer!(context, caller, frame, incremental_alter_configs::handle),
        ApiKey::ListConfigResources => answer!(context, caller, frame, list_config_resources::handle),
        ApiKey::ElectLeaders => answer!(context, caller, frame, elect_leaders::handle),
        ApiKey::AlterPartitionReassignments => {
            answer!(context, caller, frame, alter_partition_reassignments::handle)
        }
        ApiKey::ListPartitionReassignments => {
            answer!(context, caller, frame, list_partition_reassignments::handle)
        }
        ApiKey::AddRaftVoter => answer!(context, caller, frame, add_raft_voter::handle),
        ApiKey::RemoveRaftVoter => answer!(context, caller, frame, remove_raft_voter::handle),
        ApiKey::UnregisterBroker => answer!(context, caller, frame, unregister_broker::handle),
        ApiKey::UpdateFeatures => answer!(context, caller, frame, update_features::handle),
        ApiKey::AlterReplicaLogDirs => answer!(context, caller, frame, alter_replica_log_dirs::handle),
        ApiKey::DescribeQuorum => answer!(context, caller, frame, describe_quorum::handle),
        ApiKey::DescribeCluster => answer!(context, caller, frame, describe_cluster::handle),
        ApiKey::DescribeTopicPartitions => answer!(context, caller, frame, describe_topic_partitions::handle),
        ApiKey::DescribeLogDirs => answer!(context, caller, frame, describe_log_dirs::handle),
        ApiKey::DescribeProducers => answer!(context, caller, frame, describe_producers::handle),
        ApiKey::DescribeClientQuotas => answer!(context, caller, frame, describe_client_quotas::handle),
        ApiKey::DescribeAcls => answer!(context, caller, frame, describe_acls::handle),
        ApiKey::CreateAcls => answer!(context, caller, frame, create_acls::handle),
        ApiKey::DeleteAcls => answer!(context, caller, frame, delete_acls::handle),
        ApiKey::FindCoordinator => answer!(context, caller, frame, find_coordinator::handle),
        ApiKey::JoinGroup => answer!(context, caller, frame, join_group::handle),
        ApiKey::SyncGroup => answer!(context, caller, frame, sync_group::handle),
        ApiKey::Heartbeat => answer!(context, caller, frame, heartbeat::handle),
        ApiKey::LeaveGroup => answer!(context, caller, frame, leave_group::handle),
        ApiKey::OffsetCommit => answer!(context, caller, frame, offset_commit::handle),
        ApiKey::OffsetFetch => answer!(context, caller, frame, offset_fetch::handle),
        ApiKey::OffsetDelete => answer!(context, caller, frame, offset_delete::handle),
        ApiKey::ListGroups => answer!(context, caller, frame, list_groups::handle),
        ApiKey::DescribeGroups => answer!(context, caller, frame, describe_groups::handle),
        ApiKey::DeleteGroups => answer!(context, caller, frame, delete_groups::handle),
        // Produce is taken before; the table of `wire::api` serves none of the others: a row without a handler is found by a test.
        api => Outcome::Close(format!("{api} is not served by this release")),
    }
}

/// The frame of a response.
pub(super) fn respond<R: crate::wire::ApiResponse>(
    caller: &Caller,
    correlation_id: CorrelationId,
    response: &R,
) -> Outcome {
    match encode_response(caller.version, correlation_id, response) {
        Ok(frame) => Outcome::Now(frame),
        Err(error) => unencodable::<R>(caller, &error),
    }
}

fn unencodable<R: crate::wire::ApiResponse>(caller: &Caller, error: &EncodeError) -> Outcome {
    tracing::error!(api = %R::API, version = caller.version, %error, "a response cannot be encoded");
    Outcome::Close(format!(
        "the response to {} version {} cannot be encoded: {error}",
        R::API,
        caller.version
    ))
}

fn unreadable(error: &FrameError) -> Outcome {
    match error {
        FrameError::UnknownVersion { api: ApiKey::ApiVersions, correlation_id, .. } => {
            unsupported_api_versions(*correlation_id)
        }
        FrameError::UnknownVersion { .. } | FrameError::UnknownApi { .. } | FrameError::Malformed(_) => {
            Outcome::Close(error.to_string())
        }
    }
}

/// A client that is newer than this release is told, in the oldest version, which versions of ApiVersions it
/// may use (KIP-511).
fn unsupported_api_versions(correlation_id: CorrelationId) -> Outcome {
    let range = ApiKey::ApiVersions.advertised();
    let api_keys = range
        .map(|range| crate::wire::messages::api_versions_response::ApiVersion {
            api_key: ApiKey::ApiVersions.key(),
            min_version: range.min,
            max_version: range.max,
            ..Default::default()
        })
        .into_iter()
        .collect();
    let error_code = ErrorCode::UnsupportedVersion.code();
    let response = ApiVersionsResponse { error_code, api_keys, ..ApiVersionsResponse::default() };
    match encode_response(0, correlation_id, &response) {
        Ok(frame) => Outcome::Now(frame),
        Err(error) => Outcome::Close(error.to_string()),
    }
}
