use std::sync::Arc;

use crate::broker::{Caller, Context};
use crate::types::ErrorCode;
use crate::wire::ApiKey;
use crate::wire::messages::api_versions_response::{ApiVersion, FinalizedFeatureKey, SupportedFeatureKey};
use crate::wire::messages::{ApiVersionsRequest, ApiVersionsResponse};

/// A feature that this release can finalise.
pub(crate) struct Feature {
    pub(crate) name: &'static str,
    pub(crate) least: i16,
    /// A new cluster gets this level.
    pub(crate) most: i16,
    /// A node that is alone does not have it.
    of_several: bool,
}

/// Those of a cluster, or of a node that is alone.
pub(crate) fn features(alone: bool) -> impl Iterator<Item = &'static Feature> {
    FEATURES.iter().filter(move |feature| !(alone && feature.of_several))
}

/// All. A feature is here only if all it promises works: clients switch on it.
const FEATURES: &[Feature] = &[
    // What tools derive "the version" from: Kafka 4.3, and the oldest level that a Kafka 4 accepts (3.3-IV3).
    Feature { name: "metadata.version", least: 7, most: 30, of_several: false },
    // Voters of the metadata are added and removed (KIP-853), in every cluster of several nodes.
    Feature { name: "kraft.version", least: 1, most: 1, of_several: true },
];

/// ApiVersions (key 18).
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    caller: &Caller,
    request: ApiVersionsRequest,
) -> ApiVersionsResponse {
    if caller.version >= 3
        && !(is_valid(&request.client_software_name) && is_valid(&request.client_software_version))
    {
        return ApiVersionsResponse {
            error_code: ErrorCode::InvalidRequest.code(),
            ..ApiVersionsResponse::default()
        };
    }
    let image = context.metadata();
    let api_keys = ApiKey::ALL
        .iter()
        .filter_map(|api| {
            let range = api.advertised()?;
            Some(ApiVersion {
                api_key: api.key(),
                min_version: range.min,
                max_version: range.max,
                ..Default::default()
            })
        })
        .collect();
    let supported_features = features(context.cluster.is_none())
        .map(|feature| SupportedFeatureKey {
            name: feature.name.into(),
            min_version: feature.least,
            max_version: feature.most,
            ..Default::default()
        })
        .collect();
    let finalized_features = image
        .features
        .iter()
        .map(|(name, &level)| FinalizedFeatureKey {
            name: name.clone().into(),
            max_version_level: level,
            min_version_level: level,
            ..Default::default()
        })
        .collect();
    ApiVersionsResponse {
        api_keys,
        supported_features,
        // Clients take in the features of a greater epoch alone.
        finalized_features_epoch: context.metadata_end().0,
        finalized_features,
        ..ApiVersionsResponse::default()
    }
}

/// Kafka's rule for client software names and versions (KIP-511): letters, digits, dots and dashes, with a
/// letter or digit at both ends.
fn is_valid(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    text.chars().all(inner)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
}
