use std::sync::Arc;

use crate::broker::changes::change_for_node;
use crate::broker::cluster::{Cluster, active_epoch};
use crate::broker::{Context, features};
use crate::metadata::Endpoint;
use crate::metadata::controller::{Decision, NewBroker, bootstrap, register_broker};
use crate::types::{ErrorCode, NodeId, Uuid};
use crate::wire::messages::{BrokerRegistrationRequest, BrokerRegistrationResponse};

/// BrokerRegistration (key 62), from nodes alone: a broker begins, and is fenced until it says that it lives.
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    cluster: &Cluster,
    from: NodeId,
    request: BrokerRegistrationRequest,
) -> BrokerRegistrationResponse {
    let (error_code, broker_epoch) = match register(context, cluster, from, request).await {
        Ok(epoch) => (ErrorCode::None.code(), epoch),
        Err(code) => (code.code(), -1),
    };
    BrokerRegistrationResponse { error_code, broker_epoch, ..BrokerRegistrationResponse::default() }
}

async fn register(
    context: &Arc<Context>,
    cluster: &Cluster,
    from: NodeId,
    request: BrokerRegistrationRequest,
) -> Result<i64, ErrorCode> {
    if NodeId(request.broker_id) != from {
        return Err(ErrorCode::InvalidRequest);
    }
    if *request.cluster_id != *cluster.id {
        return Err(ErrorCode::InconsistentClusterId);
    }
    let Some(epoch) = active_epoch(context) else { return Err(ErrorCode::NotController) };
    let broker = NewBroker {
        node: from,
        incarnation: request.incarnation_id.into(),
        directory: request.log_dirs.first().copied().unwrap_or(Uuid::ZERO),
        endpoints: request
            .listeners
            .iter()
            .map(|listener| Endpoint {
                listener: listener.name.to_string(),
                host: listener.host.to_string(),
                port: listener.port,
            })
            .collect(),
        rack: request.rack.as_ref().map(ToString::to_string),
        fenced: true,
    };
    let lives = cluster.liveness().lives(epoch, from, context.io.clock.now(), cluster.session_timeout);
    let id = cluster.id.clone();
    let registered = change_for_node(context, move |image| {
        if let Some(known) = image.brokers.get(&broker.node)
            && known.directory != broker.directory
            && !known.fenced
            && lives
        {
            return Decision::reply(Err(ErrorCode::DuplicateBrokerRegistration));
        }
        let mut decision = register_broker(image, &broker);
        let mut records = bootstrap(image, &id, features());
        records.append(&mut decision.records);
        Decision { records, reply: Ok(decision.reply) }
    })
    .await;
    match registered {
        Ok(reply) => reply,
        Err(error) => Err(error.code),
    }
}
