use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::broker::changes::{Mode, change};
use crate::broker::errors::ApiError;
use crate::broker::{Caller, Context};
use crate::config::{BrokerLayers, ConfigEntry, DynamicConfig, describe_topic};
use crate::metadata::controller::{CreatedTopic, NewTopic, TopicRules, create_topics};
use crate::types::{ErrorCode, NodeId, PartitionIndex, TopicId};
use crate::wire::Text;
use crate::wire::messages::create_topics_request::CreatableTopic;
use crate::wire::messages::create_topics_response::{CreatableTopicConfigs, CreatableTopicResult};
use crate::wire::messages::{CreateTopicsRequest, CreateTopicsResponse};

/// CreateTopics (key 19).
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    caller: &Caller,
    request: CreateTopicsRequest,
) -> CreateTopicsResponse {
    let names: Vec<Text> = request.topics.iter().map(|topic| topic.name.clone()).collect();
    let topics: Vec<NewTopic> = request.topics.into_iter().map(new_topic).collect();
    let ids: Vec<TopicId> = topics.iter().map(|_| context.fresh_topic_id()).collect();
    let config = context.config();
    let decided = change(context, Mode::of(request.validate_only), request.timeout_ms, move |image| {
        create_topics(image, &topics, &ids, TopicRules::of(&config))
    })
    .await;
    // A name that stands twice is answered once, with its error.
    let mut answered = BTreeSet::new();
    let mut topics = Vec::with_capacity(names.len());
    let mut results = decided.map(Vec::into_iter);
    for name in names {
        let result = match &mut results {
            Ok(results) => results.next().expect("every topic has a result").map_err(ApiError::from),
            Err(error) => Err(error.clone()),
        };
        if answered.insert(name.clone()) {
            topics.push(match result {
                Ok(created) => succeeded(context, caller, name, created),
                Err(error) => failed(name, &error),
            });
        }
    }
    CreateTopicsResponse { topics, ..CreateTopicsResponse::default() }
}

fn new_topic(topic: CreatableTopic) -> NewTopic {
    NewTopic {
        name: topic.name.to_string(),
        partitions: topic.num_partitions,
        replication_factor: topic.replication_factor,
        assignments: topic
            .assignments
            .into_iter()
            .map(|assignment| {
                let replicas = assignment.broker_ids.into_iter().map(NodeId).collect();
                (PartitionIndex(assignment.partition_index), replicas)
            })
            .collect(),
        configs: topic
            .configs
            .into_iter()
            .map(|config| (config.name.to_string(), config.value.as_ref().map(ToString::to_string)))
            .collect(),
    }
}

fn succeeded(context: &Context, caller: &Caller, name: Text, created: CreatedTopic) -> CreatableTopicResult {
    // Older versions have no room for the settings.
    let configs = if caller.version >= 5 { effective_configs(context, &created.configs) } else { Vec::new() };
    CreatableTopicResult {
        name,
        topic_id: created.id,
        error_code: ErrorCode::None.code(),
        error_message: None,
        num_partitions: created.partitions,
        replication_factor: created.replication_factor,
        configs: Some(configs),
        ..Default::default()
    }
}

/// The settings in force, with where each comes from (KIP-525).
fn effective_configs(context: &Context, own: &BTreeMap<String, String>) -> Vec<CreatableTopicConfigs> {
    let none = DynamicConfig::default();
    let layers = BrokerLayers { broker: &none, cluster: &none, settings: &context.settings };
    let config = |entry: ConfigEntry| CreatableTopicConfigs {
        name: Text::from_static(entry.name),
        value: entry.value.map(Into::into),
        read_only: entry.read_only,
        config_source: entry.source.wire_code(),
        is_sensitive: entry.sensitive,
        ..Default::default()
    };
    describe_topic(&layers, own).into_iter().map(config).collect()
}

fn failed(name: Text, error: &ApiError) -> CreatableTopicResult {
    CreatableTopicResult {
        name,
        error_code: error.code.code(),
        error_message: error.text(),
        ..Default::default()
    }
}
