use std::collections::BTreeMap;

use super::topics::check_settings;
use super::{ControllerError, Decision};
use crate::config::{
    AlterConfigError, AlterOperation, BrokerConfig, BrokerLayers, ConfigError, DynamicConfig, Key, Kind,
    Scope, Settings, TopicDefaults, apply_incremental, broker_key, check_client_metrics, check_group,
    check_thread_pools, client_metrics_keys, group_key, topic_key, validate_broker_config,
    validate_topic_name,
};
use crate::metadata::{ConfigResource, MetadataImage};
use crate::types::NodeId;
use crate::types::limits::{CHANGES_AT_ONCE_MAX, STRING_BYTES_MAX};
use crate::wire::MetadataRecord;
use crate::wire::messages::ConfigRecord;

/// What happens to one key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConfigOp {
    Set(String),
    /// The default holds again.
    Delete,
    /// Adds elements to a list.
    Append(String),
    /// Takes elements out of a list.
    Subtract(String),
}

/// What happens to a resource's keys; each is named once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConfigChanges {
    /// The keys that are not named keep their values (KIP-339).
    Incremental(Vec<(String, ConfigOp)>),
    /// The keys that are not named lose their values.
    Replace(BTreeMap<String, String>),
}

/// A resource whose configuration is to change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigChange {
    pub resource: ConfigResource,
    pub changes: ConfigChanges,
}

/// What a change is held against: the configuration of the node that decides.
#[derive(Clone, Copy, Debug)]
pub struct ConfigRules<'a> {
    /// What holds now.
    pub config: &'a BrokerConfig,
    /// What the node was started with.
    pub settings: &'a Settings,
}

/// Decides on changed configurations, each resource for itself and as a whole. A resource is named once. Of a request that changes too much
/// nothing is done, as in Kafka.
pub fn alter_configs(
    image: &MetadataImage,
    changes: &[ConfigChange],
    rules: ConfigRules<'_>,
) -> Decision<Vec<Result<(), ControllerError>>> {
    let count = changes.len();
    let mut decision = Decision::reply(Vec::with_capacity(count));
    for ConfigChange { resource, changes } in changes {
        let result = match resource {
            ConfigResource::Topic(name) => alter_topic(image, name, changes, &rules.config.topic_defaults),
            ConfigResource::Broker(node) => alter_broker(image, *node, changes, rules),
            ConfigResource::ClientMetrics(name) => alter_client_metrics(image, name, changes),
            ConfigResource::Group(name) => alter_group(image, name, changes, rules),
        };
        decision.reply.push(result.map(|records| decision.records.extend(records)));
        if decision.records.len() > CHANGES_AT_ONCE_MAX {
            let error = ControllerError::TooManyChanges { limit: CHANGES_AT_ONCE_MAX };
            return Decision::reply(vec![Err(error); count]);
        }
    }
    decision
}

fn alter_topic(
    image: &MetadataImage,
    name: &str,
    changes: &ConfigChanges,
    defaults: &TopicDefaults,
) -> Result<Vec<MetadataRecord>, ControllerError> {
    if name.is_empty() {
        return Err(ControllerError::InvalidRequest(
            "a topic has to be named: there is no configuration of all topics; set the broker's defaults"
                .to_owned(),
        ));
    }
    validate_topic_name(name).map_err(|error| ControllerError::InvalidTopic(error.to_string()))?;
    let resource = ConfigResource::Topic(name.to_owned());
    let current = current(image, &resource);
    let next = next(&current, changes, topic_key)?;
    check_settings(&next, defaults)?;
    if image.topic(name).is_none() {
        return Err(ControllerError::UnknownTopic(name.to_owned()));
    }
    Ok(difference(&resource, &current, &next))
}

fn alter_broker(
    image: &MetadataImage,
    node: Option<NodeId>,
    changes: &ConfigChanges,
    rules: ConfigRules<'_>,
) -> Result<Vec<MetadataRecord>, ControllerError> {
    let resource = ConfigResource::Broker(node);
    let scope = if node.is_some() { Scope::OneBroker } else { Scope::AllBrokers };
    let current = current(image, &resource);
    check_lists(changes)?;
    let next = next(&current, changes, broker_key)?;
    let invalid = |error: &dyn std::fmt::Display| ControllerError::InvalidRequest(error.to_string());
    for (name, value) in &next {
        // What another release has stored is none of this request's mistakes.
        if current.get(name) != Some(value) {
            validate_broker_config(name, value, scope).map_err(|error| invalid(&error))?;
        }
    }
    let this = rules.config.node_id;
    let (mut broker, mut cluster) = dynamic_configs(image, this);
    let before =
        BrokerLayers { broker: &broker.clone(), cluster: &cluster.clone(), settings: rules.settings };
    let changed = DynamicConfig::parse(&next, scope).0;
    match node {
        None => cluster = changed,
        Some(node) if node == this => broker = changed,
        // Another broker's own values stand over what this one knows: it has looked at them before it sent this on.
        Some(_) => return Ok(difference(&resource, &current, &next)),
    }
    let after = BrokerLayers { broker: &broker, cluster: &cluster, settings: rules.settings };
    check_thread_pools(&before, &after).map_err(|error| invalid(&error))?;
    if let Err(errors) = rules.config.reconfigured(&after)
        // What contradicted itself before is none of this request's mistakes: it can be changed further, and a broker can be drained.
        && rules.config.reconfigured(&before).err().as_ref() != Some(&errors)
    {
        return Err(match errors.iter().next().expect("a refusal has a reason") {
            // That it was changed while running is what the client knows best.
            ConfigError::Value { invalid: value, .. } => invalid(value),
            first => invalid(first),
        });
    }
    Ok(difference(&resource, &current, &next))
}

/// Whether only lists are appended to and taken from; Kafka has other words for brokers than for topics.
fn check_lists(changes: &ConfigChanges) -> Result<(), ControllerError> {
    let ConfigChanges::Incremental(operations) = changes else { return Ok(()) };
    for (name, operation) in operations {
        let verb = match operation {
            ConfigOp::Append(_) => "append",
            ConfigOp::Subtract(_) => "subtract",
            ConfigOp::Set(_) | ConfigOp::Delete => continue,
        };
        if broker_key(name).is_some_and(|key| key.kind != Kind::List) {
            return Err(ControllerError::InvalidConfig(format!(
                "Config value {verb} is not allowed for config key: {name}"
            )));
        }
    }
    Ok(())
}

/// What was set for a broker and for all of them while they ran; what cannot be used is left out.
#[must_use]
pub fn dynamic_configs(image: &MetadataImage, node: NodeId) -> (DynamicConfig, DynamicConfig) {
    let of = |resource, scope| {
        let (config, errors) = DynamicConfig::parse(&current(image, &resource), scope);
        for error in errors {
            tracing::warn!(%error, "a value in the metadata log is not used");
        }
        config
    };
    (
        of(ConfigResource::Broker(Some(node)), Scope::OneBroker),
        of(ConfigResource::Broker(None), Scope::AllBrokers),
    )
}

fn alter_group(
    image: &MetadataImage,
    name: &str,
    changes: &ConfigChanges,
    rules: ConfigRules<'_>,
) -> Result<Vec<MetadataRecord>, ControllerError> {
    if name.is_empty() {
        return Err(ControllerError::InvalidRequest("Default group resources are not allowed.".to_owned()));
    }
    let resource = ConfigResource::Group(name.to_owned());
    let current = current(image, &resource);
    let next = next(&current, changes, group_key)?;
    let (broker, cluster) = dynamic_configs(image, rules.config.node_id);
    let layers = BrokerLayers { broker: &broker, cluster: &cluster, settings: rules.settings };
    check_group(&next, &layers).map_err(|error| ControllerError::InvalidConfig(error.to_string()))?;
    Ok(difference(&resource, &current, &next))
}

fn alter_client_metrics(
    image: &MetadataImage,
    name: &str,
    changes: &ConfigChanges,
) -> Result<Vec<MetadataRecord>, ControllerError> {
    if name.is_empty() {
        return Err(ControllerError::InvalidRequest("Subscription name can't be empty".to_owned()));
    }
    let resource = ConfigResource::ClientMetrics(name.to_owned());
    let current = current(image, &resource);
    let key = |name: &str| client_metrics_keys().iter().find(|key| key.name == name);
    let next = next(&current, changes, key)?;
    check_client_metrics(&next).map_err(|error| match error {
        AlterConfigError::ClientMatch { .. } => ControllerError::InvalidConfig(error.to_string()),
        error => ControllerError::InvalidRequest(error.to_string()),
    })?;
    Ok(difference(&resource, &current, &next))
}

fn current(image: &MetadataImage, resource: &ConfigResource) -> BTreeMap<String, String> {
    image.settings(resource).cloned().unwrap_or_default()
}

/// What the changes make of a resource's values; the values are checked for their length alone.
fn next(
    current: &BTreeMap<String, String>,
    changes: &ConfigChanges,
    key: impl Fn(&str) -> Option<&'static Key>,
) -> Result<BTreeMap<String, String>, ControllerError> {
    let next = match changes {
        ConfigChanges::Replace(configs) => configs.clone(),
        ConfigChanges::Incremental(operations) => apply(current, operations, key)?,
    };
    match next.iter().find(|(_, value)| value.len() > STRING_BYTES_MAX) {
        Some((key, value)) => Err(ControllerError::InvalidConfig(format!(
            "the value of {key} has {} bytes; the limit is {STRING_BYTES_MAX}",
            value.len()
        ))),
        None => Ok(next),
    }
}

/// What the operations make of a resource's values. A key that nobody knows is left for the checks that
/// follow.
fn apply(
    current: &BTreeMap<String, String>,
    operations: &[(String, ConfigOp)],
    key: impl Fn(&str) -> Option<&'static Key>,
) -> Result<BTreeMap<String, String>, ControllerError> {
    let mut next = current.clone();
    for (name, operation) in operations {
        let (operation, value) = match operation {
            // A key that is not set, or that nobody knows, is as good as deleted.
            ConfigOp::Delete => {
                next.remove(name);
                continue;
            }
            ConfigOp::Set(value) => (AlterOperation::Set, value),
            ConfigOp::Append(value) => (AlterOperation::Append, value),
            ConfigOp::Subtract(value) => (AlterOperation::Subtract, value),
        };
        let changed = match key(name) {
            Some(key) => {
                apply_incremental(key, current.get(name).map(String::as_str), operation, Some(value))
            }
            None => Ok(Some(value.clone())),
        };
        match changed.map_err(|error| ControllerError::InvalidConfig(error.to_string()))? {
            Some(value) => next.insert(name.clone(), value),
            None => next.remove(name),
        };
    }
    Ok(next)
}

/// The records that lead from one set of values to another.
fn difference(
    resource: &ConfigResource,
    current: &BTreeMap<String, String>,
    next: &BTreeMap<String, String>,
) -> Vec<MetadataRecord> {
    let (resource_type, resource_name) = resource.to_wire();
    let record = |name: &String, value: Option<&String>| {
        MetadataRecord::Config(ConfigRecord {
            resource_type,
            resource_name: resource_name.clone().into(),
            name: name.clone().into(),
            value: value.map(|value| value.clone().into()),
            ..ConfigRecord::default()
        })
    };
    let set = next.iter().filter(|(name, value)| current.get(*name) != Some(*value));
    let removed = current.keys().filter(|name| !next.contains_key(*name));
    set.map(|(name, value)| record(name, Some(value))).chain(removed.map(|name| record(name, None))).collect()
}

#[cfg(test)]
mod tests;
