use std::sync::Arc;

use crate::broker::authorized_operations as operations;
use crate::broker::cluster_view::{ClusterView, VisibleBroker};
use crate::broker::{Caller, Context};
use crate::types::ErrorCode;
use crate::wire::messages::describe_cluster_response::DescribeClusterBroker;
use crate::wire::messages::{DescribeClusterRequest, DescribeClusterResponse};

/// Which endpoints a request wants to know (KIP-919).
mod endpoint_type {
    pub(super) const BROKERS: i8 = 1;
    pub(super) const CONTROLLERS: i8 = 2;
}

/// DescribeCluster (key 60).
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    caller: &Caller,
    request: DescribeClusterRequest,
) -> DescribeClusterResponse {
    if let Err((code, message)) = check(request.endpoint_type, caller.version) {
        return DescribeClusterResponse {
            error_code: code.code(),
            error_message: Some(message.into()),
            ..DescribeClusterResponse::default()
        };
    }
    let image = context.metadata();
    let view = ClusterView { image: &image, listener: &caller.listener };
    let authorized = if request.include_cluster_authorized_operations {
        operations::CLUSTER
    } else {
        operations::NOT_ASKED
    };
    DescribeClusterResponse {
        endpoint_type: endpoint_type::BROKERS,
        cluster_id: image.cluster_id.as_deref().unwrap_or_default().to_owned().into(),
        controller_id: view.controller(context.config().node_id, |node| context.spares(node)).0,
        brokers: brokers(view, request.include_fenced_brokers),
        cluster_authorized_operations: authorized,
        ..DescribeClusterResponse::default()
    }
}

/// By their ids; what is fenced is told only to who asks for it (KIP-1073).
fn brokers(view: ClusterView<'_>, include_fenced: bool) -> Vec<DescribeClusterBroker> {
    let told = |broker: VisibleBroker<'_>, is_fenced| DescribeClusterBroker {
        broker_id: broker.node.0,
        host: broker.endpoint.host.clone().into(),
        port: i32::from(broker.endpoint.port),
        rack: broker.rack.map(|rack| rack.to_owned().into()),
        is_fenced,
        ..Default::default()
    };
    let mut brokers: Vec<_> = view.brokers().map(|broker| told(broker, false)).collect();
    if include_fenced {
        brokers.extend(view.fenced_brokers().map(|broker| told(broker, true)));
        brokers.sort_by_key(|broker| broker.broker_id);
    }
    brokers
}

fn check(wanted: i8, version: i16) -> Result<(), (ErrorCode, String)> {
    let (code, message) = match wanted {
        endpoint_type::BROKERS => return Ok(()),
        endpoint_type::CONTROLLERS => (
            ErrorCode::MismatchedEndpointType,
            "this is a listener of brokers, and the request wants the endpoints of controllers".to_owned(),
        ),
        other => (
            ErrorCode::UnsupportedEndpointType,
            format!("endpoints are of type 1 (brokers) or 2 (controllers), not {other}"),
        ),
    };
    // Version 0 knows neither the field nor these errors.
    Err((if version == 0 { ErrorCode::InvalidRequest } else { code }, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::{BrokerImage, Endpoint, MetadataImage};
    use crate::types::{NodeId, Roles, TopicId, Uuid};

    #[test]
    fn fenced_brokers_are_told_to_who_asks_for_them() {
        let mut image = MetadataImage::default();
        for (node, fenced) in [(1, false), (2, true), (3, false)] {
            let endpoint = Endpoint { listener: "A".to_owned(), host: "h".to_owned(), port: 9092 };
            let broker = BrokerImage {
                incarnation: TopicId::ZERO,
                directory: Uuid::ZERO,
                epoch: 0,
                fenced,
                draining: false,
                endpoints: vec![endpoint],
                rack: None,
                roles: Roles::Both,
                features: Default::default(),
            };
            image.brokers.insert(NodeId(node), broker);
        }
        let view = ClusterView { image: &image, listener: "A" };
        let told = |include| {
            let brokers = brokers(view, include);
            brokers.iter().map(|broker| (broker.broker_id, broker.is_fenced)).collect::<Vec<_>>()
        };
        assert_eq!(told(false), [(1, false), (3, false)]);
        assert_eq!(told(true), [(1, false), (2, true), (3, false)]);
    }

    #[test]
    fn a_broker_answers_for_brokers() {
        assert_eq!(check(1, 0), Ok(()));
        let code = |wanted, version| check(wanted, version).expect_err("refused").0.code();
        assert_eq!((code(2, 1), code(9, 1), code(2, 0)), (114, 115, 42));
    }
}
