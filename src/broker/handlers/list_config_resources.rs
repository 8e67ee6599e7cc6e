use std::sync::Arc;

use crate::broker::cluster_view::ClusterView;
use crate::broker::config_changes::BROKER_LOGGER;
use crate::broker::{Caller, Context};
use crate::metadata::ConfigResource;
use crate::types::ErrorCode;
use crate::wire::messages::list_config_resources_response::ConfigResource as Listed;
use crate::wire::messages::{ListConfigResourcesRequest, ListConfigResourcesResponse};

/// What can be listed since version 1 (KIP-1142); version 0 knows the clients' metrics only.
const TYPES: [i8; 5] = [
    ConfigResource::TOPIC,
    ConfigResource::BROKER,
    BROKER_LOGGER,
    ConfigResource::CLIENT_METRICS,
    ConfigResource::GROUP,
];

/// ListConfigResources (key 74).
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    caller: &Caller,
    request: ListConfigResourcesRequest,
) -> ListConfigResourcesResponse {
    let Some(types) = types(&request.resource_types, caller.version) else {
        return ListConfigResourcesResponse {
            error_code: ErrorCode::UnsupportedVersion.code(),
            ..ListConfigResourcesResponse::default()
        };
    };
    let image = context.metadata();
    let view = ClusterView { image: &image, listener: &caller.listener };
    let mut config_resources = Vec::new();
    let mut list = |resource_type: i8, name: String| {
        config_resources.push(Listed { resource_name: name.into(), resource_type, ..Default::default() });
    };
    // Groups and subscriptions exist here by what was set for them.
    for resource in image.configured() {
        let (resource_type, name) = resource.to_wire();
        if resource_type != ConfigResource::BROKER && types.contains(&resource_type) {
            list(resource_type, name);
        }
    }
    for of_brokers in [BROKER_LOGGER, ConfigResource::BROKER] {
        if types.contains(&of_brokers) {
            view.brokers().for_each(|broker| list(of_brokers, broker.node.to_string()));
        }
    }
    if types.contains(&ConfigResource::TOPIC) {
        image.topics().for_each(|topic| list(ConfigResource::TOPIC, topic.name.to_string()));
    }
    ListConfigResourcesResponse { config_resources, ..ListConfigResourcesResponse::default() }
}

/// The types to list; `None` if one of them cannot be.
fn types(asked: &[i8], version: i16) -> Option<Vec<i8>> {
    let known: &[i8] = if version == 0 { &[ConfigResource::CLIENT_METRICS] } else { &TYPES };
    if asked.is_empty() {
        return Some(known.to_vec());
    }
    asked.iter().all(|one| known.contains(one)).then(|| asked.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_type_means_all_of_the_version() {
        assert_eq!(types(&[], 0), Some(vec![ConfigResource::CLIENT_METRICS]));
        assert_eq!(types(&[], 1), Some(TYPES.to_vec()));
        assert_eq!(types(&[4], 1), Some(vec![4]));
        assert_eq!(types(&[4, 77], 1), None);
    }
}
