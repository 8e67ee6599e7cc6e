use std::collections::BTreeMap;
use std::sync::Arc;

use crate::broker::config_changes::resource_type::{BROKER_LOGGER, CLIENT_METRICS};
use crate::broker::config_changes::this_node;
use crate::broker::errors::ApiError;
use crate::broker::{Caller, Context};
use crate::config::{
    BrokerLayers, ConfigEntry, ConfigSource, ConfigSynonym, DynamicConfig, Kind, Scope, describe_all_brokers,
    describe_broker, describe_topic, validate_topic_name,
};
use crate::metadata::{ConfigResource, MetadataImage};
use crate::types::ErrorCode;
use crate::wire::Text;
use crate::wire::messages::describe_configs_request::DescribeConfigsResource;
use crate::wire::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use crate::wire::messages::{DescribeConfigsRequest, DescribeConfigsResponse};

/// DescribeConfigs (key 32).
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    _caller: &Caller,
    request: DescribeConfigsRequest,
) -> DescribeConfigsResponse {
    // A type that nobody knows spoils the whole request, as in Kafka.
    let unknown = request.resources.iter().map(|resource| resource.resource_type).find(|one| !is_known(*one));
    let image = context.metadata();
    let shown = Shown { synonyms: request.include_synonyms, documentation: request.include_documentation };
    let results = request.resources.into_iter().map(|resource| {
        let described = match unknown {
            Some(other) => Err(invalid_request(format!("Unknown resource type {other}"))),
            None => describe(context, &image, &resource),
        };
        result(resource, described, shown)
    });
    DescribeConfigsResponse { results: results.collect(), ..DescribeConfigsResponse::default() }
}

/// What of an entry was asked for.
#[derive(Clone, Copy)]
struct Shown {
    synonyms: bool,
    documentation: bool,
}

fn is_known(resource_type: i8) -> bool {
    [ConfigResource::TOPIC, ConfigResource::BROKER, ConfigResource::GROUP, BROKER_LOGGER, CLIENT_METRICS]
        .contains(&resource_type)
}

fn invalid_request(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorCode::InvalidRequest, message)
}

fn describe(
    context: &Context,
    image: &MetadataImage,
    resource: &DescribeConfigsResource,
) -> Result<Vec<ConfigEntry>, ApiError> {
    let none = BTreeMap::new();
    let dynamic = |resource, scope| DynamicConfig::parse(image.settings(&resource).unwrap_or(&none), scope).0;
    let broker = dynamic(ConfigResource::Broker(Some(context.config.node_id)), Scope::OneBroker);
    let cluster = dynamic(ConfigResource::Broker(None), Scope::AllBrokers);
    let layers = BrokerLayers { broker: &broker, cluster: &cluster, settings: &context.settings };
    let (name, node) = (&*resource.resource_name, context.config.node_id);
    match resource.resource_type {
        ConfigResource::TOPIC => {
            validate_topic_name(name)
                .map_err(|error| ApiError::new(ErrorCode::InvalidTopicException, error.to_string()))?;
            let topic = image.topic(name).ok_or(ApiError::bare(ErrorCode::UnknownTopicOrPartition))?;
            Ok(describe_topic(&layers, &topic.settings))
        }
        ConfigResource::BROKER if name.is_empty() => Ok(describe_all_brokers(&layers)),
        ConfigResource::BROKER => this_node(name, node).map(|_| describe_broker(&layers)),
        ConfigResource::GROUP if name.is_empty() => Err(invalid_request("a group has to be named")),
        ConfigResource::GROUP => Ok(describe_group(&layers)),
        // What is logged is decided at the start: there are no loggers whose level could be told or changed.
        BROKER_LOGGER => this_node(name, node).map(|_| Vec::new()),
        CLIENT_METRICS if name.is_empty() => Err(invalid_request("a subscription has to be named")),
        // No subscription can be made, so none has settings.
        _ => Ok(Vec::new()),
    }
}

/// The settings that a group of the newer protocols may have and the broker gives a default for, in the order
/// of names. A broker's key is the group's with `group.` before it.
const GROUP_KEYS: [&str; 14] = [
    "consumer.assignment.interval.ms",
    "consumer.heartbeat.interval.ms",
    "consumer.session.timeout.ms",
    "share.assignment.interval.ms",
    "share.delivery.count.limit",
    "share.heartbeat.interval.ms",
    "share.partition.max.record.locks",
    "share.record.lock.duration.ms",
    "share.session.timeout.ms",
    "streams.assignment.interval.ms",
    "streams.heartbeat.interval.ms",
    "streams.initial.rebalance.delay.ms",
    "streams.num.standby.replicas",
    "streams.session.timeout.ms",
];

/// Those that no key of the broker stands behind.
const GROUP_KEYS_ALONE: [(&str, Kind, &str, &str); 3] = [
    ("share.auto.offset.reset", Kind::Text, "latest", "Where a share group starts without offsets."),
    (
        "share.isolation.level",
        Kind::Text,
        "read_uncommitted",
        "Whether a share group sees open transactions.",
    ),
    (
        "share.renew.acknowledge.enable",
        Kind::Boolean,
        "true",
        "Whether members may prolong their record locks.",
    ),
];

/// What a group has: nothing of its own, because it cannot be given anything.
fn describe_group(layers: &BrokerLayers<'_>) -> Vec<ConfigEntry> {
    let mut entries = Vec::with_capacity(GROUP_KEYS.len() + GROUP_KEYS_ALONE.len());
    for entry in describe_broker(layers) {
        let group_key = entry.name.strip_prefix("group.").filter(|name| GROUP_KEYS.contains(name));
        if let Some(name) = group_key {
            entries.push(ConfigEntry { name, read_only: false, ..entry });
        }
    }
    entries.extend(GROUP_KEYS_ALONE.map(|(name, kind, default, documentation)| {
        let value = Some(default.to_owned());
        let synonym = ConfigSynonym { name, value: value.clone(), source: ConfigSource::Default };
        ConfigEntry {
            name,
            value,
            source: ConfigSource::Default,
            read_only: false,
            sensitive: false,
            synonyms: vec![synonym],
            kind,
            documentation,
        }
    }));
    entries.sort_by_key(|entry| entry.name);
    entries
}

fn result(
    resource: DescribeConfigsResource,
    described: Result<Vec<ConfigEntry>, ApiError>,
    shown: Shown,
) -> DescribeConfigsResult {
    let DescribeConfigsResource { resource_type, resource_name, configuration_keys, .. } = resource;
    let (error, entries) = match described {
        Ok(entries) => (None, entries),
        Err(error) => (Some(error), Vec::new()),
    };
    // No keys and an empty list both mean all.
    let keys = configuration_keys.unwrap_or_default();
    let asked = |entry: &ConfigEntry| keys.is_empty() || keys.iter().any(|key| *key == entry.name);
    DescribeConfigsResult {
        error_code: error.as_ref().map_or(ErrorCode::None, |error| error.code).code(),
        error_message: error.and_then(|error| error.text()),
        resource_type,
        resource_name,
        configs: entries.into_iter().filter(asked).map(|entry| config(entry, shown)).collect(),
        ..Default::default()
    }
}

fn config(entry: ConfigEntry, shown: Shown) -> DescribeConfigsResourceResult {
    let synonym = |synonym: ConfigSynonym| DescribeConfigsSynonym {
        name: Text::from_static(synonym.name),
        value: synonym.value.map(Into::into),
        source: synonym.source.wire_code(),
        ..Default::default()
    };
    DescribeConfigsResourceResult {
        name: Text::from_static(entry.name),
        value: entry.value.map(Into::into),
        read_only: entry.read_only,
        config_source: entry.source.wire_code(),
        is_sensitive: entry.sensitive,
        synonyms: if shown.synonyms { entry.synonyms.into_iter().map(synonym).collect() } else { Vec::new() },
        config_type: entry.kind.wire_code(),
        documentation: shown.documentation.then(|| Text::from_static(entry.documentation)),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Inputs, Settings};

    fn layers<T>(look: impl FnOnce(&BrokerLayers<'_>) -> T) -> T {
        let (none, settings) = (DynamicConfig::default(), Settings::load(&Inputs::default()).expect("right"));
        look(&BrokerLayers { broker: &none, cluster: &none, settings: &settings })
    }

    fn resource(keys: Option<&[&str]>) -> DescribeConfigsResource {
        DescribeConfigsResource {
            resource_type: ConfigResource::TOPIC,
            resource_name: "t".into(),
            configuration_keys: keys.map(|keys| keys.iter().map(|key| (*key).into()).collect()),
            ..Default::default()
        }
    }

    const BARE: Shown = Shown { synonyms: false, documentation: false };

    #[test]
    fn a_group_has_every_key_that_the_broker_gives_a_default_for() {
        let entries = layers(describe_group);
        assert_eq!(entries.len(), GROUP_KEYS.len() + GROUP_KEYS_ALONE.len());
        assert!(entries.is_sorted_by(|a, b| a.name < b.name));
        let timeout =
            entries.iter().find(|entry| entry.name == "consumer.session.timeout.ms").expect("listed");
        assert_eq!(timeout.value.as_deref(), Some("45000"));
        assert_eq!(timeout.synonyms[0].name, "group.consumer.session.timeout.ms");
    }

    #[test]
    fn only_the_keys_asked_for_are_told() {
        let entries = || Ok(layers(|layers| describe_topic(layers, &BTreeMap::new())));
        let named = result(resource(Some(&["cleanup.policy", "no.such.config"])), entries(), BARE);
        assert_eq!(named.configs.len(), 1);
        assert_eq!((named.configs[0].config_type, named.configs[0].documentation.clone()), (7, None));
        assert!(named.configs[0].synonyms.is_empty());
        for all in [None, Some(&[][..])] {
            assert_eq!(result(resource(all), entries(), BARE).configs.len(), 33);
        }
        let full = Shown { synonyms: true, documentation: true };
        let told = result(resource(Some(&["cleanup.policy"])), entries(), full);
        assert_eq!(told.configs[0].synonyms[0].name, "log.cleanup.policy");
        assert!(told.configs[0].documentation.is_some());
    }

    #[test]
    fn an_error_comes_without_settings() {
        let error = Err(ApiError::bare(ErrorCode::UnknownTopicOrPartition));
        let told = result(resource(None), error, BARE);
        assert_eq!((told.error_code, told.error_message, told.configs), (3, None, vec![]));
    }
}
