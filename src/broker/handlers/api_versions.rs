use std::sync::Arc;

use crate::broker::{Caller, Context};
use crate::types::ErrorCode;
use crate::wire::ApiKey;
use crate::wire::messages::api_versions_response::{ApiVersion, FinalizedFeatureKey, SupportedFeatureKey};
use crate::wire::messages::{ApiVersionsRequest, ApiVersionsResponse};

/// The features that this release can finalise, with the level a new cluster gets. A feature is here only if
/// all it promises works: clients switch on it.
pub(crate) const FEATURES: &[(&str, i16)] = &[("metadata.version", METADATA_VERSION)];

/// `metadata.version` of Kafka 4.3: what tools derive "the version" from.
const METADATA_VERSION: i16 = 30;
/// The oldest level a Kafka 4 accepts (3.3-IV3).
pub(super) const METADATA_VERSION_MIN: i16 = 7;

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
    let supported_features = FEATURES
        .iter()
        .map(|&(name, max_version)| SupportedFeatureKey {
            name: name.into(),
            min_version: METADATA_VERSION_MIN,
            max_version,
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
