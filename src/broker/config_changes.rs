//! What AlterConfigs and IncrementalAlterConfigs have in common: checks of the request, and one decision
//! for all resources that pass them.
use std::collections::BTreeSet;
use std::sync::Arc;

use super::Context;
use super::changes::{Mode, change};
use super::errors::ApiError;
use crate::metadata::ConfigResource;
use crate::metadata::controller::{ConfigChange, ConfigChanges, ConfigOp, alter_configs};
use crate::types::{ErrorCode, NodeId};
use crate::wire::Text;

/// Kafka's resource types that have no [`ConfigResource`].
pub(super) mod resource_type {
    pub(in crate::broker) const BROKER_LOGGER: i8 = 8;
    pub(in crate::broker) const CLIENT_METRICS: i8 = 16;
}

/// These requests carry no timeout; Kafka gives none either. The bound is for a metadata log that hangs.
const TIMEOUT_MS: i32 = 60_000;

/// Whether the keys that a request does not name keep their values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Style {
    Incremental,
    Replace,
}

/// One resource of a request.
pub(super) struct AskedResource {
    pub(super) resource_type: i8,
    pub(super) name: Text,
    pub(super) keys: Vec<AskedKey>,
}

pub(super) struct AskedKey {
    pub(super) name: Text,
    /// The operation's number; a replacing request has only [`SET`].
    pub(super) operation: i8,
    pub(super) value: Option<Text>,
}

/// The number of the operation that gives a key its value.
pub(super) const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

/// Changes configurations; the results are in the order of the resources.
pub(super) async fn alter(
    context: &Context,
    asked: &[AskedResource],
    style: Style,
    mode: Mode,
) -> Vec<Result<(), ApiError>> {
    let mut seen = BTreeSet::new();
    let repeated: BTreeSet<(i8, &Text)> =
        asked.iter().map(|one| (one.resource_type, &one.name)).filter(|one| !seen.insert(*one)).collect();
    let mut changes = Vec::new();
    let mut results = Vec::with_capacity(asked.len());
    for one in asked {
        let checked = if repeated.contains(&(one.resource_type, &one.name)) {
            Err(invalid_request("Each resource must appear at most once."))
        } else {
            check(one, style, context.config.node_id)
        };
        results.push(checked.map(|change| changes.push(change)));
    }
    if changes.is_empty() {
        return results;
    }
    let config = Arc::clone(&context.config);
    let decided = change(context, mode, TIMEOUT_MS, move |image| {
        alter_configs(image, &changes, &config.topic_defaults)
    })
    .await;
    let mut decided = decided.map(Vec::into_iter);
    for result in results.iter_mut().filter(|result| result.is_ok()) {
        *result = match &mut decided {
            Ok(decisions) => decisions.next().expect("every change has a decision").map_err(ApiError::from),
            Err(error) => Err(error.clone()),
        };
    }
    results
}

fn invalid_request(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorCode::InvalidRequest, message)
}

fn check(asked: &AskedResource, style: Style, node: NodeId) -> Result<ConfigChange, ApiError> {
    let mut names = BTreeSet::new();
    if !asked.keys.iter().all(|key| names.insert(&key.name)) {
        return Err(invalid_request("Error due to duplicate config keys"));
    }
    let nulls: Vec<&str> = asked
        .keys
        .iter()
        .filter(|key| key.value.is_none() && (style == Style::Replace || key.operation != DELETE))
        .map(|key| &*key.name)
        .collect();
    if !nulls.is_empty() {
        return Err(invalid_request(format!("Null value not supported for : {}", nulls.join(", "))));
    }
    let resource = resource(asked, style, node)?;
    let changes = match style {
        Style::Replace => ConfigChanges::Replace(
            asked
                .keys
                .iter()
                .filter_map(|key| Some((key.name.to_string(), key.value.as_ref()?.to_string())))
                .collect(),
        ),
        Style::Incremental => ConfigChanges::Incremental(
            asked.keys.iter().map(|key| operation(key, &resource)).collect::<Result<_, _>>()?,
        ),
    };
    Ok(ConfigChange { resource, changes })
}

fn resource(asked: &AskedResource, style: Style, node: NodeId) -> Result<ConfigResource, ApiError> {
    let name = &*asked.name;
    match asked.resource_type {
        ConfigResource::TOPIC => Ok(ConfigResource::Topic(name.to_owned())),
        ConfigResource::BROKER if name.is_empty() => Ok(ConfigResource::Broker(None)),
        ConfigResource::BROKER => this_node(name, node).map(|node| ConfigResource::Broker(Some(node))),
        ConfigResource::GROUP if name.is_empty() => {
            Err(invalid_request("a group has to be named: there is no configuration of all groups"))
        }
        ConfigResource::GROUP => Ok(ConfigResource::Group(name.to_owned())),
        resource_type::BROKER_LOGGER if style == Style::Incremental => {
            this_node(name, node)?;
            Err(ApiError::new(
                ErrorCode::InvalidConfig,
                "this broker has no loggers that can be changed while it runs; what it logs is set at its start",
            ))
        }
        resource_type::CLIENT_METRICS => Err(ApiError::new(
            ErrorCode::InvalidConfig,
            "subscriptions to clients' metrics are not served by this release",
        )),
        other => Err(invalid_request(format!("Unknown resource type {other}"))),
    }
}

/// Reads a broker's name, which has to be this broker's: clients send such requests to the broker itself.
///
/// # Errors
/// If it is no number, or another broker's.
pub(super) fn this_node(name: &str, node: NodeId) -> Result<NodeId, ApiError> {
    match name.parse::<i32>() {
        Err(_) => Err(invalid_request(format!("a broker's name is its id, a number, but not {name:?}"))),
        Ok(id) if id != node.0 => Err(invalid_request(format!(
            "this is broker {node}, and the request is about broker {id}; ask that one"
        ))),
        Ok(_) => Ok(node),
    }
}

fn operation(key: &AskedKey, resource: &ConfigResource) -> Result<(String, ConfigOp), ApiError> {
    let value = || key.value.as_ref().map(ToString::to_string).unwrap_or_default();
    let operation = match key.operation {
        SET => ConfigOp::Set(value()),
        DELETE => ConfigOp::Delete,
        APPEND => ConfigOp::Append(value()),
        SUBTRACT => ConfigOp::Subtract(value()),
        other => {
            // Kafka checks the operation of brokers' keys only, and stumbles over others'.
            return Err(match resource {
                ConfigResource::Broker(_) => invalid_request(format!("Unknown operations type {other}")),
                ConfigResource::Topic(_) | ConfigResource::Group(_) => {
                    ApiError::bare(ErrorCode::UnknownServerError)
                }
            });
        }
    };
    Ok((key.name.to_string(), operation))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: NodeId = NodeId(1);

    fn asked(resource_type: i8, name: &str, keys: &[(&str, i8, Option<&str>)]) -> AskedResource {
        let keys = keys.iter().map(|&(name, operation, value)| AskedKey {
            name: name.into(),
            operation,
            value: value.map(Into::into),
        });
        AskedResource { resource_type, name: name.into(), keys: keys.collect() }
    }

    fn code(asked: &AskedResource, style: Style) -> (ErrorCode, Option<String>) {
        let error = check(asked, style, NODE).expect_err("refused");
        (error.code, error.message)
    }

    #[test]
    fn what_kafka_refuses_before_it_looks_at_the_keys() {
        use ErrorCode::{InvalidConfig, InvalidRequest, UnknownServerError};
        let twice = asked(2, "t", &[("retention.ms", SET, Some("1")), ("retention.ms", SET, Some("2"))]);
        assert_eq!(
            code(&twice, Style::Incremental),
            (InvalidRequest, Some("Error due to duplicate config keys".to_owned()))
        );
        let null = asked(2, "t", &[("retention.ms", SET, None)]);
        assert_eq!(
            code(&null, Style::Incremental),
            (InvalidRequest, Some("Null value not supported for : retention.ms".to_owned()))
        );
        let unknown = asked(77, "x", &[]);
        assert_eq!(
            code(&unknown, Style::Replace),
            (InvalidRequest, Some("Unknown resource type 77".to_owned()))
        );
        assert_eq!(code(&asked(8, "1", &[]), Style::Replace).0, InvalidRequest);
        assert_eq!(code(&asked(8, "1", &[]), Style::Incremental).0, InvalidConfig);
        assert_eq!(code(&asked(4, "2", &[]), Style::Incremental).0, InvalidRequest);
        assert_eq!(code(&asked(4, "seven", &[]), Style::Incremental).0, InvalidRequest);
        let operation = [("retention.ms", 9, Some("1"))];
        assert_eq!(code(&asked(2, "t", &operation), Style::Incremental), (UnknownServerError, None));
        assert_eq!(code(&asked(4, "1", &operation), Style::Incremental).0, InvalidRequest);
    }

    #[test]
    fn a_deletion_needs_no_value() {
        let deletion = asked(2, "t", &[("retention.ms", DELETE, None)]);
        let change = check(&deletion, Style::Incremental, NODE).expect("taken");
        assert_eq!(change.resource, ConfigResource::Topic("t".to_owned()));
        assert_eq!(
            change.changes,
            ConfigChanges::Incremental(vec![("retention.ms".to_owned(), ConfigOp::Delete)])
        );
        assert_eq!(code(&deletion, Style::Replace).0, ErrorCode::InvalidRequest);
    }
}
