use std::sync::Arc;

use crate::broker::cluster::await_leaders;
use crate::broker::cluster_view::leader_of;
use crate::broker::internal_topics::ensure_offsets_topic;
use crate::broker::not_served::Unserved;
use crate::broker::{Caller, Context};
use crate::config::OFFSETS_TOPIC;
use crate::coordinator::group::partition_for;
use crate::types::{ErrorCode, PartitionId, PartitionIndex};
use crate::wire::Text;
use crate::wire::messages::find_coordinator_response::Coordinator;
use crate::wire::messages::{FindCoordinatorRequest, FindCoordinatorResponse};

/// What a key names, by its type on the wire.
mod key_type {
    pub(super) const GROUP: i8 = 0;
    pub(super) const TRANSACTION: i8 = 1;
    pub(super) const SHARE: i8 = 2;
}

/// The version from which a request names several keys (KIP-699).
const BATCHED_FROM: i16 = 4;

/// FindCoordinator (key 10), of groups. The first one creates the topic in which groups are kept.
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    caller: &Caller,
    request: FindCoordinatorRequest,
) -> FindCoordinatorResponse {
    let unserved = match request.key_type {
        key_type::TRANSACTION => Some(Unserved::TransactionCoordinator),
        key_type::SHARE => Some(Unserved::ShareCoordinator),
        _ => None,
    };
    if let Some(what) = unserved {
        context.tell_not_served(caller.peer, caller.client_id.as_ref(), what);
    }
    let prepared = prepare(context, request.key_type).await;
    if prepared.is_ok() {
        await_leaders(context, || coordinators(context, &request)).await;
    }
    let find = |key: Text| match &prepared {
        Ok(()) => find(context, caller, key),
        Err((code, message)) => not_found(key, *code, message.clone()),
    };
    if caller.version >= BATCHED_FROM {
        let coordinators = request.coordinator_keys.into_iter().map(find).collect();
        return FindCoordinatorResponse { coordinators, ..FindCoordinatorResponse::default() };
    }
    let coordinator = find(request.key);
    let message = match ErrorCode::from_code(coordinator.error_code) {
        // The name of the code is what old versions put where newer ones have no message.
        Some(code) if coordinator.error_message.is_none() => Some(Text::from(code.name())),
        _ => coordinator.error_message,
    };
    FindCoordinatorResponse {
        error_code: coordinator.error_code,
        error_message: message,
        node_id: coordinator.node_id,
        host: coordinator.host,
        port: coordinator.port,
        ..FindCoordinatorResponse::default()
    }
}

/// The partitions whose leaders coordinate what is asked for.
fn coordinators(context: &Context, request: &FindCoordinatorRequest) -> Vec<PartitionId> {
    let image = context.metadata();
    let Some(topic) = image.topic(OFFSETS_TOPIC) else { return Vec::new() };
    let count = i32::try_from(topic.partitions.len()).unwrap_or(0);
    if count == 0 {
        return Vec::new();
    }
    let keys = request.coordinator_keys.iter().chain([&request.key]);
    let index = |key: &Text| PartitionIndex(partition_for(key, count));
    keys.map(|key| PartitionId { topic: topic.id, index: index(key) }).collect()
}

/// Whether coordinators of this type are served; makes sure that their topic is there.
async fn prepare(context: &Arc<Context>, kind: i8) -> Result<(), (ErrorCode, Option<Text>)> {
    let refused = |message: &str| Err((ErrorCode::InvalidRequest, Some(Text::from(message))));
    match kind {
        key_type::GROUP => ensure_offsets_topic(context).await.map_err(|error| (error.code, error.text())),
        // Codes that clients do not retry: to look again would not help.
        key_type::TRANSACTION => refused("transactions are not served by this release"),
        key_type::SHARE => refused("share groups are not served by this release"),
        unknown => refused(&format!("{unknown} is no type of coordinator")),
    }
}

fn find(context: &Context, caller: &Caller, key: Text) -> Coordinator {
    let image = context.metadata();
    let endpoint = image.topic(OFFSETS_TOPIC).and_then(|topic| {
        let count = i32::try_from(topic.partitions.len()).ok().filter(|&count| count > 0)?;
        let index = PartitionIndex(partition_for(&key, count));
        let (leader, _) = leader_of(context, &image, PartitionId { topic: topic.id, index })?;
        let endpoints = &image.brokers.get(&leader).filter(|broker| !broker.fenced)?.endpoints;
        let endpoint = endpoints.iter().find(|endpoint| endpoint.listener == *caller.listener)?;
        Some((leader, endpoint))
    });
    match endpoint {
        Some((leader, endpoint)) => Coordinator {
            key,
            node_id: leader.0,
            host: Text::from(endpoint.host.as_str()),
            port: i32::from(endpoint.port),
            error_code: ErrorCode::None.code(),
            error_message: None,
            ..Coordinator::default()
        },
        None => not_found(key, ErrorCode::CoordinatorNotAvailable, None),
    }
}

fn not_found(key: Text, code: ErrorCode, message: Option<Text>) -> Coordinator {
    Coordinator {
        key,
        node_id: -1,
        host: Text::new(),
        port: -1,
        error_code: code.code(),
        error_message: message,
        ..Coordinator::default()
    }
}
