use std::collections::BTreeMap;

use super::topics::check_settings;
use super::{ControllerError, Decision};
use crate::config::{
    AlterConfigError, AlterOperation, Scope, TopicDefaults, apply_incremental, topic_key,
    validate_broker_config, validate_topic_config, validate_topic_name,
};
use crate::metadata::{ConfigResource, MetadataImage};
use crate::types::limits::STRING_BYTES_MAX;
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

/// Decides on changed configurations, each resource for itself and as a whole. A resource is named once.
pub fn alter_configs(
    image: &MetadataImage,
    changes: &[ConfigChange],
    defaults: &TopicDefaults,
) -> Decision<Vec<Result<(), ControllerError>>> {
    let mut decision = Decision::reply(Vec::with_capacity(changes.len()));
    for change in changes {
        let result = match &change.resource {
            ConfigResource::Topic(name) => alter_topic(image, name, &change.changes, defaults),
            ConfigResource::Broker(node) => {
                let scope = if node.is_some() { Scope::OneBroker } else { Scope::AllBrokers };
                refuse_broker(&change.changes, scope).map(|()| Vec::new())
            }
            ConfigResource::Group(_) => refuse_group(&change.changes).map(|()| Vec::new()),
        };
        decision.reply.push(result.map(|records| decision.records.extend(records)));
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
    let nothing = BTreeMap::new();
    let current = image.settings(&resource).unwrap_or(&nothing);
    let next = match changes {
        ConfigChanges::Replace(configs) => configs.clone(),
        ConfigChanges::Incremental(operations) => apply(current, operations)?,
    };
    if let Some((key, value)) = next.iter().find(|(_, value)| value.len() > STRING_BYTES_MAX) {
        return Err(ControllerError::InvalidConfig(format!(
            "the value of {key} has {} bytes; the limit is {STRING_BYTES_MAX}",
            value.len()
        )));
    }
    check_settings(&next, defaults)?;
    if image.topic(name).is_none() {
        return Err(ControllerError::UnknownTopic(name.to_owned()));
    }
    Ok(difference(&resource, current, &next))
}

/// What the operations make of a topic's values.
fn apply(
    current: &BTreeMap<String, String>,
    operations: &[(String, ConfigOp)],
) -> Result<BTreeMap<String, String>, ControllerError> {
    let mut next = current.clone();
    for (name, operation) in operations {
        let (operation, value) = match operation {
            // A key that is not set, or that no topic has, is as good as deleted.
            ConfigOp::Delete => {
                next.remove(name);
                continue;
            }
            ConfigOp::Set(value) => (AlterOperation::Set, value),
            ConfigOp::Append(value) => (AlterOperation::Append, value),
            ConfigOp::Subtract(value) => (AlterOperation::Subtract, value),
        };
        let changed = match topic_key(name) {
            Some(key) => {
                apply_incremental(key, current.get(name).map(String::as_str), operation, Some(value))
            }
            // Says that there is no such key.
            None => validate_topic_config(name, value).map(|(_, value)| Some(value.to_string())),
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

/// No key of a broker takes effect while it runs, so none may be set; there is nothing to delete either, and
/// deleting it is no error.
fn refuse_broker(changes: &ConfigChanges, scope: Scope) -> Result<(), ControllerError> {
    let first_set = match changes {
        ConfigChanges::Replace(configs) => configs.iter().next(),
        ConfigChanges::Incremental(operations) => {
            operations.iter().find_map(|(name, operation)| match operation {
                ConfigOp::Delete => None,
                ConfigOp::Set(value) | ConfigOp::Append(value) | ConfigOp::Subtract(value) => {
                    Some((name, value))
                }
            })
        }
    };
    let Some((name, value)) = first_set else { return Ok(()) };
    match validate_broker_config(name, value, scope) {
        Ok((key, _)) => Err(ControllerError::InvalidConfig(format!(
            "{} cannot be changed while the broker runs: set it where the broker is started, and restart",
            key.name
        ))),
        Err(error @ (AlterConfigError::ReadOnly { .. } | AlterConfigError::PerBroker { .. })) => {
            Err(ControllerError::InvalidRequest(error.to_string()))
        }
        Err(error) => Err(ControllerError::InvalidConfig(error.to_string())),
    }
}

fn refuse_group(changes: &ConfigChanges) -> Result<(), ControllerError> {
    let first_set = match changes {
        ConfigChanges::Replace(configs) => configs.keys().next(),
        ConfigChanges::Incremental(operations) => {
            operations.iter().find(|(_, operation)| *operation != ConfigOp::Delete).map(|(name, _)| name)
        }
    };
    match first_set {
        None => Ok(()),
        Some(name) => Err(ControllerError::InvalidConfig(format!(
            "{name} would have no effect: groups have settings of their own only in the newer group protocols, \
             which are not served"
        ))),
    }
}

#[cfg(test)]
mod tests;
