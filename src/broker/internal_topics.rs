//! The topics that the broker keeps for itself.

use super::Context;
use super::changes::{Mode, change};
use super::errors::{ApiError, AsErrorCode};
use crate::config::OffsetsConfig;
use crate::metadata::MetadataImage;
use crate::metadata::controller::{ControllerError, NewTopic, TopicRules, create_topics};
use crate::types::ErrorCode;

/// Where committed offsets and groups are kept.
pub(super) const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// How long the creation may take before the client is told to try again.
const CREATION_TIMEOUT_MS: i32 = 30_000;

/// The offsets topic as it is created: Kafka's settings, with as many replicas as there are brokers for.
pub(super) fn offsets_topic(image: &MetadataImage, config: &OffsetsConfig) -> NewTopic {
    let brokers = i16::try_from(image.brokers.len()).unwrap_or(i16::MAX);
    let setting = |name: &str, value: String| (name.to_owned(), Some(value));
    NewTopic {
        name: OFFSETS_TOPIC.to_owned(),
        partitions: config.topic_partitions,
        replication_factor: config.topic_replication_factor.min(brokers),
        assignments: Vec::new(),
        configs: vec![
            setting("cleanup.policy", "compact".to_owned()),
            setting("compression.type", "producer".to_owned()),
            setting("segment.bytes", config.topic_segment_bytes.to_string()),
        ],
    }
}

/// Creates the offsets topic unless it is there. On success the image that [`Context::metadata`] gives has
/// it, and its partitions serve.
///
/// # Errors
/// If the metadata cannot be changed now; the client may try again.
pub(super) async fn ensure_offsets_topic(context: &Context) -> Result<(), ApiError> {
    if context.metadata().topic(OFFSETS_TOPIC).is_some() {
        return Ok(());
    }
    let config = context.config();
    let id = context.fresh_topic_id();
    let mut results = change(context, Mode::Make, CREATION_TIMEOUT_MS, move |image| {
        let topic = offsets_topic(image, &config.offsets);
        create_topics(image, &[topic], &[id], TopicRules::of(&config))
    })
    .await?;
    match results.pop().expect("one topic has one result") {
        Ok(_) | Err(ControllerError::TopicExists(_)) => Ok(()),
        Err(error) => {
            tracing::error!(%error, topic = OFFSETS_TOPIC, "the topic cannot be created");
            Err(ApiError::new(retriable(&error), error.to_string()))
        }
    }
}

/// Clients that wait for a coordinator go on trying with this code; those of the topic itself get its own.
fn retriable(error: &ControllerError) -> ErrorCode {
    match error.error_code() {
        ErrorCode::InvalidReplicationFactor => ErrorCode::CoordinatorNotAvailable,
        other => other,
    }
}
