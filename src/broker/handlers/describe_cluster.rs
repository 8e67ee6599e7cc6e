use std::sync::Arc;

use crate::broker::authorized_operations as operations;
use crate::broker::cluster_view::ClusterView;
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
    // A broker that has left its registration is gone: there are no fenced ones to include.
    let brokers = view
        .brokers()
        .map(|broker| DescribeClusterBroker {
            broker_id: broker.node.0,
            host: broker.endpoint.host.clone().into(),
            port: i32::from(broker.endpoint.port),
            rack: broker.rack.map(|rack| rack.to_owned().into()),
            is_fenced: false,
            ..Default::default()
        })
        .collect();
    let authorized = if request.include_cluster_authorized_operations {
        operations::CLUSTER
    } else {
        operations::NOT_ASKED
    };
    DescribeClusterResponse {
        endpoint_type: endpoint_type::BROKERS,
        cluster_id: image.cluster_id.as_deref().unwrap_or_default().to_owned().into(),
        controller_id: view.controller(context.config().node_id).0,
        brokers,
        cluster_authorized_operations: authorized,
        ..DescribeClusterResponse::default()
    }
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

    #[test]
    fn a_broker_answers_for_brokers() {
        assert_eq!(check(1, 0), Ok(()));
        let code = |wanted, version| check(wanted, version).expect_err("refused").0.code();
        assert_eq!((code(2, 1), code(9, 1), code(2, 0)), (114, 115, 42));
    }
}
