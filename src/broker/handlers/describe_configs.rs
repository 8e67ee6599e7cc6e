use std::sync::Arc;

use crate::broker::config_changes::{BROKER_LOGGER, node_named};
use crate::broker::errors::ApiError;
use crate::broker::{Caller, Context};
use crate::config::{
    BrokerLayers, ConfigEntry, ConfigSource, ConfigSynonym, describe_all_brokers, describe_broker,
    describe_client_metrics, describe_group, describe_topic, validate_topic_name,
};
use crate::metadata::controller::dynamic_configs;
use crate::metadata::{ConfigResource, MetadataImage};
use crate::types::{ErrorCode, NodeId};
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
    [
        ConfigResource::TOPIC,
        ConfigResource::BROKER,
        BROKER_LOGGER,
        ConfigResource::CLIENT_METRICS,
        ConfigResource::GROUP,
    ]
    .contains(&resource_type)
}

fn invalid_request(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorCode::InvalidRequest, message)
}

fn describe(
    context: &Context,
    image: &MetadataImage,
    resource: &DescribeConfigsResource,
) -> Result<Vec<Described>, ApiError> {
    let node = context.config().node_id;
    let (broker, cluster) = dynamic_configs(image, node);
    let layers = BrokerLayers { broker: &broker, cluster: &cluster, settings: &context.settings };
    let own = |resource| image.settings(&resource).cloned().unwrap_or_default();
    let name = &*resource.resource_name;
    let entries = match resource.resource_type {
        ConfigResource::TOPIC => {
            validate_topic_name(name)
                .map_err(|error| ApiError::new(ErrorCode::InvalidTopicException, error.to_string()))?;
            let topic = image.topic(name).ok_or(ApiError::bare(ErrorCode::UnknownTopicOrPartition))?;
            describe_topic(&layers, &topic.settings)
        }
        ConfigResource::BROKER if name.is_empty() => describe_all_brokers(&layers),
        ConfigResource::BROKER => {
            check_node(name, node, " or empty string,")?;
            describe_broker(&layers)
        }
        BROKER_LOGGER if name.is_empty() => return Err(invalid_request("Broker id must not be empty")),
        BROKER_LOGGER => {
            check_node(name, node, "")?;
            let levels = context.loggers.levels().into_iter();
            return Ok(levels.map(|(name, level)| Described::Logger { name, level: level.name() }).collect());
        }
        ConfigResource::CLIENT_METRICS if name.is_empty() => {
            return Err(invalid_request("Client metrics subscription name must not be empty"));
        }
        ConfigResource::CLIENT_METRICS => {
            describe_client_metrics(&own(ConfigResource::ClientMetrics(name.to_owned())))
        }
        ConfigResource::GROUP if name.is_empty() => {
            return Err(invalid_request("Group name must not be empty"));
        }
        ConfigResource::GROUP => describe_group(&layers, &own(ConfigResource::Group(name.to_owned()))),
        other => return Err(invalid_request(format!("Unknown resource type {other}"))),
    };
    Ok(entries.into_iter().map(Described::Key).collect())
}

fn check_node(name: &str, node: NodeId, or: &str) -> Result<(), ApiError> {
    match node_named(name, "Broker")? {
        id if id == node => Ok(()),
        _ => Err(invalid_request(format!("Unexpected broker id, expected {node}{or} but received {name}"))),
    }
}

/// One line of an answer.
enum Described {
    Key(ConfigEntry),
    Logger { name: String, level: &'static str },
}

impl Described {
    fn name(&self) -> &str {
        match self {
            Described::Key(entry) => entry.name,
            Described::Logger { name, .. } => name,
        }
    }

    fn answer(self, shown: Shown) -> DescribeConfigsResourceResult {
        match self {
            Described::Key(entry) => config(entry, shown),
            Described::Logger { name, level } => DescribeConfigsResourceResult {
                name: name.into(),
                value: Some(Text::from_static(level)),
                config_source: ConfigSource::BrokerLogger.wire_code(),
                ..Default::default()
            },
        }
    }
}

fn result(
    resource: DescribeConfigsResource,
    described: Result<Vec<Described>, ApiError>,
    shown: Shown,
) -> DescribeConfigsResult {
    let DescribeConfigsResource { resource_type, resource_name, configuration_keys, .. } = resource;
    let (error, entries) = match described {
        Ok(entries) => (None, entries),
        Err(error) => (Some(error), Vec::new()),
    };
    // No keys and an empty list both mean all.
    let keys = configuration_keys.unwrap_or_default();
    let asked = |entry: &Described| keys.is_empty() || keys.iter().any(|key| &**key == entry.name());
    DescribeConfigsResult {
        error_code: error.as_ref().map_or(ErrorCode::None, |error| error.code).code(),
        error_message: error.and_then(|error| error.text()),
        resource_type,
        resource_name,
        configs: entries.into_iter().filter(asked).map(|entry| entry.answer(shown)).collect(),
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
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::{DynamicConfig, Inputs, Settings};

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
    fn only_the_keys_asked_for_are_told() {
        let entries = || {
            let keys = layers(|layers| describe_topic(layers, &BTreeMap::new()));
            Ok(keys.into_iter().map(Described::Key).collect())
        };
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
