use std::sync::Arc;

use super::api_versions::features;
use crate::broker::changes::{Mode, change};
use crate::broker::errors::ApiError;
use crate::broker::{Caller, Context};
use crate::metadata::controller::{
    FeatureChange, FeatureUpdate, SupportedFeature, quorum_nodes, update_features,
};
use crate::types::ErrorCode;
use crate::wire::messages::update_features_request::FeatureUpdateKey;
use crate::wire::messages::update_features_response::UpdatableFeatureResult;
use crate::wire::messages::{UpdateFeaturesRequest, UpdateFeaturesResponse};

/// UpdateFeatures (key 57, KIP-584, KIP-778): changes the finalised levels of all features that are named, or of none.
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    caller: &Caller,
    request: UpdateFeaturesRequest,
) -> UpdateFeaturesResponse {
    let updates: Vec<FeatureUpdate> =
        request.feature_updates.iter().map(|update| read(caller.version, update)).collect();
    let supported: Vec<SupportedFeature> = features(context.cluster.is_none())
        .map(|one| SupportedFeature { name: one.name, least: one.least, most: one.most })
        .collect();
    let mode = Mode::of(request.validate_only);
    let founders = context.cluster.as_ref().map_or_else(Vec::new, |cluster| cluster.founders.clone());
    let decide =
        move |image: &_| update_features(image, &quorum_nodes(image, &founders), &supported, &updates);
    let changed = change(context, mode, request.timeout_ms, decide).await;
    let error = match changed {
        Ok(Ok(())) => None,
        Ok(Err(refused)) => Some(ApiError::from(refused)),
        Err(error) => Some(error),
    };
    // Where all have come off well, each is told so, too, in the versions that have a place for it.
    let results = match &error {
        None if caller.version <= 1 => request
            .feature_updates
            .into_iter()
            .map(|update| UpdatableFeatureResult {
                feature: update.feature,
                // The name of the code, as in Kafka.
                error_message: Some(ErrorCode::None.name().into()),
                ..UpdatableFeatureResult::default()
            })
            .collect(),
        Some(_) | None => Vec::new(),
    };
    UpdateFeaturesResponse {
        error_code: error.as_ref().map_or(ErrorCode::None, |error| error.code).code(),
        error_message: error.and_then(|error| {
            let text = error.message.unwrap_or_else(|| error.code.to_string());
            ApiError::new(error.code, format!("no feature was updated, because of one of them: {text}"))
                .text()
        }),
        results,
        ..UpdateFeaturesResponse::default()
    }
}

fn read(version: i16, update: &FeatureUpdateKey) -> FeatureUpdate {
    let change = match (version, update.upgrade_type) {
        (0, _) if update.allow_downgrade => FeatureChange::SafeDowngrade,
        (0, _) | (_, 1) => FeatureChange::Upgrade,
        (_, 2) => FeatureChange::SafeDowngrade,
        (_, 3) => FeatureChange::UnsafeDowngrade,
        (_, _) => FeatureChange::Unknown,
    };
    FeatureUpdate { name: update.feature.to_string(), level: update.max_version_level, change }
}
