use std::sync::Arc;
use std::time::Duration;

use crate::broker::changes::change_for_node;
use crate::broker::cluster::{Cluster, active_epoch};
use crate::broker::voters::leading;
use crate::broker::{Context, features};
use crate::metadata::controller::{
    Decision, NewBroker, bootstrap, quorum_nodes, register_broker, unknown_level,
};
use crate::metadata::{Endpoint, MetadataImage};
use crate::partition::ReplicaKey;
use crate::probe::{Condition, Mutant, mutant, sometimes};
use crate::types::{ErrorCode, Instant, NodeId, Roles, Uuid};
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

/// Whether a directory has been the only one that claims to be its node, to this one, for as long as a broker may be silent until it is
/// fenced. A broker that lives dials every node, so one with another directory does not. That does not begin anew with each controller, as
/// the silence of heartbeats does: where controllers change more often than that, nobody would ever be fenced.
fn is_alone(alone: Option<(Uuid, Instant)>, directory: Uuid, now: Instant, session: Duration) -> bool {
    let long_enough = |since: Instant| since.after(session) <= now || mutant(Mutant::ClusterAloneAtOnce);
    alone.is_some_and(|(speaks, since)| speaks == directory && long_enough(since))
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
    let broker = told_by(from, &request)?;
    if !context.config().roles.is_broker() && from != context.config().node_id {
        sometimes(Condition::ClusterLedByController);
    }
    // Who is a controller, too, may vote or not.
    let voters: Vec<ReplicaKey> = match broker.roles.is_controller() {
        true => Vec::new(),
        false => leading(context).await.map_err(|_| ErrorCode::NotController)?.voters.keys().to_vec(),
    };
    let now = context.io.clock.now();
    let silent_since = cluster.doubts.since(from);
    let lives = cluster.liveness().lives(epoch, (from, silent_since), now, cluster.session_timeout)
        && !is_alone(cluster.claims.alone(from), broker.directory, now, cluster.session_timeout);
    let (id, founders) = (cluster.id.clone(), cluster.founders.clone());
    let registered = change_for_node(context, move |image| {
        if let Some(known) = image.registered(broker.node)
            && known.directory != broker.directory
            && !known.fenced
            && lives
        {
            return Decision::reply(Err(ErrorCode::DuplicateBrokerRegistration));
        }
        if keeps_from_roles(image, &founders, &voters, &broker) {
            return Decision::reply(Err(ErrorCode::InvalidRegistration));
        }
        if let Some((name, level)) = unknown_level(image, &broker) {
            tracing::warn!(node = %broker.node, feature = %name, level,
                "a node is not taken: its release does not know the finalised level; upgrade it");
            return Decision::reply(Err(ErrorCode::UnsupportedVersion));
        }
        let mut decision = register_broker(image, &broker);
        let mut records = bootstrap(image, &id, features(false));
        records.append(&mut decision.records);
        Decision { records, reply: Ok(decision.reply) }
    })
    .await;
    match registered {
        Ok(reply) => reply,
        Err(error) => Err(error.code),
    }
}

/// The broker as it describes itself.
fn told_by(node: NodeId, request: &BrokerRegistrationRequest) -> Result<NewBroker, ErrorCode> {
    let roles = Roles::from_code(request.roles).ok_or(ErrorCode::InvalidRegistration)?;
    Ok(NewBroker {
        node,
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
        roles,
        fenced: true,
        features: request
            .features
            .iter()
            .map(|one| (one.name.to_string(), (one.min_supported_version, one.max_supported_version)))
            .collect(),
    })
}

/// Whether a node has to give up what it holds before it can do without one of its roles: replicas, or its vote on the metadata. That may
/// be what is noted of it alone, or what is not any more, where a change of the `voters` was cut off.
fn keeps_from_roles(
    image: &MetadataImage,
    founders: &[NodeId],
    voters: &[ReplicaKey],
    broker: &NewBroker,
) -> bool {
    let holds = || {
        let mut partitions = image.topics().flat_map(|topic| topic.partitions.values());
        partitions.any(|partition| partition.replicas.contains(&broker.node))
    };
    let votes = || {
        let is_voter = voters.iter().any(|voter| voter.node == broker.node);
        is_voter || quorum_nodes(image, founders).contains(&broker.node)
    };
    (!broker.roles.is_broker() && holds()) || (!broker.roles.is_controller() && votes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::FeatureRanges;
    use crate::types::TopicId;

    #[test]
    fn who_votes_is_no_broker_alone_whatever_is_noted() {
        let founders = [1, 2, 3].map(NodeId);
        let voters = [1, 2, 4].map(|node| ReplicaKey { node: NodeId(node), directory: Uuid::ZERO });
        let keeps = |node, roles| {
            let broker = NewBroker {
                node: NodeId(node),
                incarnation: TopicId::ZERO,
                directory: Uuid::ZERO,
                endpoints: Vec::new(),
                rack: None,
                roles,
                fenced: true,
                features: FeatureRanges::new(),
            };
            keeps_from_roles(&MetadataImage::default(), &founders, &voters, &broker)
        };
        assert!(keeps(3, Roles::Broker), "it is to vote");
        assert!(keeps(4, Roles::Broker), "it is not to, and does");
        assert!(!keeps(5, Roles::Broker));
        assert!(!keeps(3, Roles::Both) && !keeps(4, Roles::Both));
    }

    #[test]
    fn a_directory_counts_as_the_only_one_after_a_session_without_another() {
        const SESSION: Duration = Duration::from_millis(100);
        let at = |ms: u64| Instant(ms * 1_000_000);
        let (lost, found) = (Uuid([1; 16]), Uuid([2; 16]));
        assert!(!is_alone(None, found, at(1_000), SESSION), "it has not connected here");
        assert!(!is_alone(Some((found, at(0))), found, at(99), SESSION), "the other one may be about to");
        assert!(is_alone(Some((found, at(0))), found, at(100), SESSION));
        assert!(!is_alone(Some((lost, at(0))), found, at(1_000), SESSION), "the other one speaks");
    }
}
