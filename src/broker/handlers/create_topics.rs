use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::broker::changes::{Mode, change};
use crate::broker::errors::ApiError;
use crate::broker::{Caller, Context};
use crate::config::{BrokerLayers, ConfigEntry, describe_topic};
use crate::metadata::controller::{CreatedTopic, NewTopic, TopicRules, create_topics, dynamic_configs};
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
    let (broker, cluster) = dynamic_configs(&context.metadata(), context.config().node_id);
    let layers = BrokerLayers { broker: &broker, cluster: &cluster, settings: &context.settings };
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
                Ok(created) => succeeded(&layers, caller, name, created),
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

fn succeeded(
    layers: &BrokerLayers<'_>,
    caller: &Caller,
    name: Text,
    created: CreatedTopic,
) -> CreatableTopicResult {
    // Older versions have no room for the settings.
    let configs = if caller.version >= 5 { effective_configs(layers, &created.configs) } else { Vec::new() };
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
fn effective_configs(
    layers: &BrokerLayers<'_>,
    own: &BTreeMap<String, String>,
) -> Vec<CreatableTopicConfigs> {
    let config = |entry: ConfigEntry| CreatableTopicConfigs {
        name: Text::from_static(entry.name),
        value: entry.value.map(Into::into),
        read_only: entry.read_only,
        config_source: entry.source.wire_code(),
        is_sensitive: entry.sensitive,
        ..Default::default()
    };
    describe_topic(layers, own).into_iter().map(config).collect()
}

fn failed(name: Text, error: &ApiError) -> CreatableTopicResult {
    CreatableTopicResult {
        name,
        error_code: error.code.code(),
        error_message: error.text(),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ConfigSource, DynamicConfig, Inputs, Scope, Settings};

    #[test]
    fn what_was_set_for_brokers_while_they_ran_is_in_force_for_new_topics() {
        let settings = Settings::load(&Inputs::default()).expect("right");
        let set = |value: &str| BTreeMap::from([("log.retention.ms".to_owned(), value.to_owned())]);
        let none = DynamicConfig::default();
        let (broker, _) = DynamicConfig::parse(&set("6"), Scope::OneBroker);
        let (cluster, _) = DynamicConfig::parse(&set("5"), Scope::AllBrokers);
        let told = |broker: &DynamicConfig, own: &[(&str, &str)]| {
            let layers = BrokerLayers { broker, cluster: &cluster, settings: &settings };
            let own = own.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            let configs = effective_configs(&layers, &own);
            let config = configs.into_iter().find(|config| &*config.name == "retention.ms").expect("listed");
            (config.value.as_deref().map(str::to_owned), config.config_source)
        };
        let expected = |value: &str, source: ConfigSource| (Some(value.to_owned()), source.wire_code());
        assert_eq!(told(&none, &[]), expected("5", ConfigSource::DynamicDefaultBroker));
        assert_eq!(told(&broker, &[]), expected("6", ConfigSource::DynamicBroker));
        assert_eq!(told(&broker, &[("retention.ms", "7")]), expected("7", ConfigSource::Topic));
    }
}
