//! The topics that the broker keeps for itself.

use std::sync::Arc;

use super::Context;
use super::changes::{Mode, change};
use super::cluster::{ANSWER_PATIENCE, Cluster, ask};
use super::errors::ApiError;
use crate::config::{OFFSETS_TOPIC, OffsetsConfig};
use crate::metadata::MetadataImage;
use crate::metadata::controller::{NewTopic, TopicRules, create_topics};
use crate::types::{ErrorCode, TopicId};
use crate::wire::messages::CreateTopicsRequest;
use crate::wire::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};

/// How long the creation may take before the client is told to try again.
const CREATION_TIMEOUT_MS: i32 = 30_000;
/// The version in which nodes of this release create topics.
const CREATE_TOPICS_VERSION: i16 = 7;

/// The offsets topic as it is created: Kafka's settings. A node that is alone makes as many replicas as there are brokers for.
pub(super) fn offsets_topic(image: &MetadataImage, config: &OffsetsConfig, lone: bool) -> NewTopic {
    let brokers = i16::try_from(image.brokers.len()).unwrap_or(i16::MAX);
    let most = if lone { brokers } else { i16::MAX };
    let setting = |name: &str, value: String| (name.to_owned(), Some(value));
    NewTopic {
        name: OFFSETS_TOPIC.to_owned(),
        partitions: config.topic_partitions,
        replication_factor: config.topic_replication_factor.min(most),
        assignments: Vec::new(),
        configs: vec![
            setting("cleanup.policy", "compact".to_owned()),
            setting("compression.type", "producer".to_owned()),
            setting("segment.bytes", config.topic_segment_bytes.to_string()),
        ],
    }
}

/// Creates the offsets topic unless it is there. On success the image that [`Context::metadata`] gives has
/// it.
///
/// # Errors
/// If the metadata cannot be changed now; the client may try again.
pub(super) async fn ensure_offsets_topic(context: &Arc<Context>) -> Result<(), ApiError> {
    let image = context.metadata();
    if image.topic(OFFSETS_TOPIC).is_some() {
        return Ok(());
    }
    let topic = offsets_topic(&image, &context.config().offsets, context.cluster.is_none());
    let mut results = create(context, vec![topic]).await?;
    match results.pop().expect("one topic has one result") {
        Ok(()) => Ok(()),
        Err(error) if error.code == ErrorCode::TopicAlreadyExists => Ok(()),
        Err(error) => {
            tracing::error!(code = %error.code, message = error.message, topic = OFFSETS_TOPIC, "the topic cannot be created");
            Err(ApiError { code: retriable(error.code), ..error })
        }
    }
}

/// Creates topics on the node's own behalf, wherever the active controller is; the results are in the topics' order.
///
/// # Errors
/// If there is no decision.
pub(super) async fn create(
    context: &Arc<Context>,
    topics: Vec<NewTopic>,
) -> Result<Vec<Result<(), ApiError>>, ApiError> {
    match &context.cluster {
        None => create_here(context, topics).await,
        Some(cluster) => create_there(context, cluster, topics).await,
    }
}

async fn create_here(
    context: &Context,
    topics: Vec<NewTopic>,
) -> Result<Vec<Result<(), ApiError>>, ApiError> {
    let config = context.config();
    let ids: Vec<TopicId> = topics.iter().map(|_| context.fresh_topic_id()).collect();
    let results = change(context, Mode::Make, CREATION_TIMEOUT_MS, move |image| {
        create_topics(image, &topics, &ids, TopicRules::of(&config))
    })
    .await?;
    Ok(results.into_iter().map(|result| result.map(|_| ()).map_err(ApiError::from)).collect())
}

async fn create_there(
    context: &Arc<Context>,
    cluster: &Cluster,
    topics: Vec<NewTopic>,
) -> Result<Vec<Result<(), ApiError>>, ApiError> {
    let names: Vec<String> = topics.iter().map(|topic| topic.name.clone()).collect();
    let request = CreateTopicsRequest {
        topics: topics.into_iter().map(creatable).collect(),
        timeout_ms: CREATION_TIMEOUT_MS,
        ..CreateTopicsRequest::default()
    };
    let deadline = context.io.clock.now().after(ANSWER_PATIENCE);
    let response = ask(context, cluster, CREATE_TOPICS_VERSION, &request, deadline).await;
    let response =
        response.map_err(|error| ApiError::new(ErrorCode::LeaderNotAvailable, error.to_string()))?;
    let of = |name: &String| {
        let result = response.topics.iter().find(|result| *result.name == **name);
        let Some(result) = result else { return Err(ApiError::bare(ErrorCode::UnknownServerError)) };
        ApiError::answered(result.error_code, result.error_message.as_ref())
    };
    Ok(names.iter().map(of).collect())
}

fn creatable(topic: NewTopic) -> CreatableTopic {
    let config = |(name, value): (String, Option<String>)| CreatableTopicConfig {
        name: name.into(),
        value: value.map(Into::into),
        ..CreatableTopicConfig::default()
    };
    CreatableTopic {
        name: topic.name.into(),
        num_partitions: topic.partitions,
        replication_factor: topic.replication_factor,
        configs: topic.configs.into_iter().map(config).collect(),
        ..CreatableTopic::default()
    }
}

/// Clients that wait for a coordinator go on trying with this code; those of the topic itself get its own.
fn retriable(code: ErrorCode) -> ErrorCode {
    match code {
        ErrorCode::InvalidReplicationFactor | ErrorCode::LeaderNotAvailable | ErrorCode::NotController => {
            ErrorCode::CoordinatorNotAvailable
        }
        other => other,
    }
}
