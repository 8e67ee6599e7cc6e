use std::collections::BTreeMap;

use super::topics::{Validate, incomplete};
use crate::client::broker::Broker;
use crate::client::cluster::{Client, Lane};
use crate::client::error::ClientError;
use crate::types::{ErrorCode, NodeId};
use crate::wire::messages::describe_configs_request::DescribeConfigsResource;
use crate::wire::messages::describe_configs_response::DescribeConfigsResourceResult;
use crate::wire::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use crate::wire::messages::{DescribeConfigsRequest, IncrementalAlterConfigsRequest};
use crate::wire::{ApiKey, Text};

/// The protocol's number for topics.
const TOPIC: i8 = 2;
/// How many topics one request names at most.
const TOPICS_MAX: usize = 500;

/// What has a configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConfigResource {
    Topic(String),
    Broker(NodeId),
    /// What is set for all brokers together.
    BrokerDefault,
}

impl ConfigResource {
    fn kind(&self) -> i8 {
        match self {
            ConfigResource::Topic(_) => TOPIC,
            ConfigResource::Broker(_) | ConfigResource::BrokerDefault => 4,
        }
    }

    fn name(&self) -> Text {
        match self {
            ConfigResource::Topic(name) => Text::from(name.as_str()),
            ConfigResource::Broker(id) => Text::from(id.to_string()),
            ConfigResource::BrokerDefault => Text::default(),
        }
    }

    fn subject(&self) -> String {
        match self {
            ConfigResource::Topic(name) => format!("topic {name}"),
            ConfigResource::Broker(id) => format!("broker {id}"),
            ConfigResource::BrokerDefault => "all brokers".to_owned(),
        }
    }
}

/// One key of a resource.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigEntry {
    pub name: String,
    /// `None` for null, and where it is sensitive.
    pub value: Option<String>,
    pub source: ConfigSource,
    pub is_read_only: bool,
    pub is_sensitive: bool,
    pub synonyms: Vec<ConfigSynonym>,
    pub documentation: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigSynonym {
    pub name: String,
    pub value: Option<String>,
    pub source: ConfigSource,
}

/// Who has set a value (KIP-226).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConfigSource {
    Topic,
    DynamicBroker,
    DynamicBrokerDefault,
    StaticBroker,
    Default,
    /// Another number, as this client does not know it.
    Other(i8),
}

impl ConfigSource {
    fn from_number(number: i8) -> ConfigSource {
        match number {
            1 => ConfigSource::Topic,
            2 => ConfigSource::DynamicBroker,
            3 => ConfigSource::DynamicBrokerDefault,
            4 => ConfigSource::StaticBroker,
            5 => ConfigSource::Default,
            other => ConfigSource::Other(other),
        }
    }
}

impl std::fmt::Display for ConfigSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ConfigSource::Topic => f.write_str("topic"),
            ConfigSource::DynamicBroker => f.write_str("broker"),
            ConfigSource::DynamicBrokerDefault => f.write_str("cluster"),
            ConfigSource::StaticBroker => f.write_str("broker file"),
            ConfigSource::Default => f.write_str("default"),
            ConfigSource::Other(number) => write!(f, "source {number}"),
        }
    }
}

/// A change of one key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConfigChange {
    Set {
        name: String,
        value: String,
    },
    /// Back to what holds without it.
    Delete {
        name: String,
    },
    /// Adds to a list.
    Append {
        name: String,
        value: String,
    },
    /// Takes from a list.
    Subtract {
        name: String,
        value: String,
    },
}

impl ConfigChange {
    fn to_wire(&self) -> AlterableConfig {
        let (name, operation, value) = match self {
            ConfigChange::Set { name, value } => (name, 0, Some(value)),
            ConfigChange::Delete { name } => (name, 1, None),
            ConfigChange::Append { name, value } => (name, 2, Some(value)),
            ConfigChange::Subtract { name, value } => (name, 3, Some(value)),
        };
        AlterableConfig {
            name: Text::from(name.as_str()),
            config_operation: operation,
            value: value.map(|value| Text::from(value.as_str())),
            ..AlterableConfig::default()
        }
    }
}

impl Client {
    /// Every key of a resource, in the order the broker tells them.
    ///
    /// # Errors
    /// An unknown resource, or what went wrong on the way.
    pub async fn describe_configs(&self, resource: &ConfigResource) -> Result<Vec<ConfigEntry>, ClientError> {
        let mut retry = self.retry();
        loop {
            let attempt = async {
                let broker = self.broker_of(resource).await?;
                self.describe_configs_at(&broker, resource).await
            };
            match attempt.await {
                Ok(entries) => return Ok(entries),
                // A topic that does not exist stays so.
                Err(error) if error.code().is_some() => return Err(error),
                Err(error) => retry.pause(error).await?,
            }
        }
    }

    /// Every key of a resource, as one broker has them.
    ///
    /// # Errors
    /// An unknown resource, or what went wrong on the way.
    pub async fn describe_configs_at(
        &self,
        broker: &Broker,
        resource: &ConfigResource,
    ) -> Result<Vec<ConfigEntry>, ClientError> {
        let version = broker.version::<DescribeConfigsRequest>()?;
        let request = DescribeConfigsRequest {
            resources: vec![DescribeConfigsResource {
                resource_type: resource.kind(),
                resource_name: resource.name(),
                configuration_keys: None,
                ..DescribeConfigsResource::default()
            }],
            include_synonyms: true,
            include_documentation: version >= 3,
            ..DescribeConfigsRequest::default()
        };
        let answer = broker.call_within(version, &request, self.options().request_timeout).await?;
        let subject = resource.subject();
        let Some(result) = answer.results.first() else {
            return Err(incomplete(broker, ApiKey::DescribeConfigs, subject));
        };
        let message = result.error_message.as_deref();
        ClientError::check(broker.address(), ApiKey::DescribeConfigs, result.error_code, subject, message)?;
        Ok(result.configs.iter().map(entry).collect())
    }

    /// One key of many topics; those that do not exist (any more), or do not have it, are left out.
    ///
    /// # Errors
    /// What a broker said of one of the others, or what went wrong on the way, after retries.
    pub async fn topics_config(
        &self,
        topics: &[String],
        key: &str,
    ) -> Result<BTreeMap<String, String>, ClientError> {
        let mut values = BTreeMap::new();
        for topics in topics.chunks(TOPICS_MAX) {
            let mut retry = self.retry();
            loop {
                match self.topics_config_once(topics, key, &mut values).await {
                    Ok(()) => break,
                    Err(error) => retry.pause(error).await?,
                }
            }
        }
        Ok(values)
    }

    async fn topics_config_once(
        &self,
        topics: &[String],
        key: &str,
        values: &mut BTreeMap<String, String>,
    ) -> Result<(), ClientError> {
        let resources = topics.iter().map(|topic| DescribeConfigsResource {
            resource_type: TOPIC,
            resource_name: Text::from(topic.as_str()),
            configuration_keys: Some(vec![Text::from(key)]),
            ..DescribeConfigsResource::default()
        });
        let request =
            DescribeConfigsRequest { resources: resources.collect(), ..DescribeConfigsRequest::default() };
        let broker = self.controller().await?;
        let answer = broker.call(&request).await?;
        for result in &answer.results {
            let topic = result.resource_name.to_string();
            if ErrorCode::from_code(result.error_code) == Some(ErrorCode::UnknownTopicOrPartition) {
                continue;
            }
            let (api, message) = (ApiKey::DescribeConfigs, result.error_message.as_deref());
            let subject = format!("topic {topic}");
            ClientError::check(broker.address(), api, result.error_code, subject, message)?;
            let told = result.configs.iter().find(|config| *config.name == *key);
            if let Some(value) = told.and_then(|config| config.value.as_ref()) {
                values.insert(topic, value.to_string());
            }
        }
        Ok(())
    }

    /// Changes single keys of a resource and leaves the others.
    ///
    /// # Errors
    /// `INVALID_CONFIG` and others of the broker's; then nothing has changed.
    pub async fn alter_configs(
        &self,
        resource: &ConfigResource,
        changes: &[ConfigChange],
        validate: Validate,
    ) -> Result<(), ClientError> {
        let request = IncrementalAlterConfigsRequest {
            resources: vec![AlterConfigsResource {
                resource_type: resource.kind(),
                resource_name: resource.name(),
                configs: changes.iter().map(ConfigChange::to_wire).collect(),
                ..AlterConfigsResource::default()
            }],
            validate_only: validate == Validate::Only,
            ..IncrementalAlterConfigsRequest::default()
        };
        let broker = self.broker_of(resource).await?;
        let answer = broker.call(&request).await?;
        let subject = resource.subject();
        let Some(result) = answer.responses.first() else {
            return Err(incomplete(&broker, ApiKey::IncrementalAlterConfigs, subject));
        };
        let (api, message) = (ApiKey::IncrementalAlterConfigs, result.error_message.as_deref());
        ClientError::check(broker.address(), api, result.error_code, subject, message)
    }

    /// A broker is asked about itself, everything else is the controller's.
    async fn broker_of(&self, resource: &ConfigResource) -> Result<std::sync::Arc<Broker>, ClientError> {
        match resource {
            ConfigResource::Topic(_) | ConfigResource::BrokerDefault => self.controller().await,
            ConfigResource::Broker(id) => self.node(*id, Lane::Admin).await,
        }
    }
}

fn entry(told: &DescribeConfigsResourceResult) -> ConfigEntry {
    let text = |text: &Option<Text>| text.as_ref().map(ToString::to_string);
    let synonyms = told.synonyms.iter().map(|synonym| ConfigSynonym {
        name: synonym.name.to_string(),
        value: text(&synonym.value),
        source: ConfigSource::from_number(synonym.source),
    });
    ConfigEntry {
        name: told.name.to_string(),
        value: text(&told.value),
        source: ConfigSource::from_number(told.config_source),
        is_read_only: told.read_only,
        is_sensitive: told.is_sensitive,
        synonyms: synonyms.collect(),
        documentation: text(&told.documentation),
    }
}
