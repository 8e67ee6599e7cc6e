//! What AlterConfigs and IncrementalAlterConfigs have in common: checks of the request, and one decision
//! for all resources that pass them.
use std::collections::BTreeSet;
use std::sync::Arc;

use super::Context;
use super::changes::{Mode, change};
use super::errors::ApiError;
use super::loggers::{LoggerError, Loggers};
use crate::metadata::controller::{ConfigChange, ConfigChanges, ConfigOp, ConfigRules, alter_configs};
use crate::metadata::{ConfigResource, MetadataImage};
use crate::types::{ErrorCode, NodeId};
use crate::wire::Text;

/// Kafka's resource type for the levels of what a broker logs: these are no part of the metadata.
pub(super) const BROKER_LOGGER: i8 = 8;

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

/// Whether this node refuses some of what a request asks of its own settings, whoever the active controller is: that one does not know what
/// this node was started with. What else the request names is not done then.
pub(super) fn is_refused_here(context: &Context, asked: &[AskedResource], style: Style) -> bool {
    let node = context.config().node_id;
    let mut seen = BTreeSet::new();
    let of_brokers = asked.iter().filter(|one| one.resource_type == ConfigResource::BROKER);
    let each = of_brokers.filter(|one| seen.insert(&one.name));
    let mut changes = each.filter_map(|one| check(one, style, node).ok());
    changes.any(|change| check_own(context, &change).is_err())
}

/// Changes configurations; the results are in the order of the resources.
pub(super) async fn alter(
    context: &Context,
    asked: &[AskedResource],
    style: Style,
    mode: Mode,
    via: Option<NodeId>,
) -> Vec<Result<(), ApiError>> {
    let mut seen = BTreeSet::new();
    let repeated: BTreeSet<(i8, &Text)> =
        asked.iter().map(|one| (one.resource_type, &one.name)).filter(|one| !seen.insert(*one)).collect();
    let node = via.unwrap_or(context.config().node_id);
    let mut changes = Vec::new();
    let mut results = Vec::with_capacity(asked.len());
    for one in asked {
        let checked = if repeated.contains(&(one.resource_type, &one.name)) {
            Err(invalid_request("Each resource must appear at most once."))
        } else if one.resource_type == BROKER_LOGGER && via.is_some() {
            Err(invalid_request(
                "Send changes of BROKER_LOGGER in a request of their own, to the broker itself",
            ))
        } else if one.resource_type == BROKER_LOGGER && style == Style::Incremental {
            alter_loggers(&context.loggers, one, mode, node).map(|()| None)
        } else {
            check(one, style, node).and_then(|change| {
                // What another node sends has been looked at there.
                if via.is_none() {
                    check_own(context, &change)?;
                }
                Ok(Some(change))
            })
        };
        results.push(checked.map(|change| {
            let waits = change.is_some();
            changes.extend(change);
            waits
        }));
    }
    let mut decided = Ok(Vec::new().into_iter());
    if !changes.is_empty() {
        let (live, settings) = (Arc::clone(context.live()), Arc::clone(&context.settings));
        let decision = change(context, mode, TIMEOUT_MS, move |image| {
            alter_configs(image, &changes, ConfigRules { config: &live.load(), settings: &settings })
        });
        decided = decision.await.map(Vec::into_iter);
    }
    let answer = |checked: Result<bool, ApiError>| match (checked?, &mut decided) {
        (false, _) => Ok(()),
        (true, Ok(decisions)) => {
            decisions.next().expect("every change has a decision").map_err(ApiError::from)
        }
        (true, Err(error)) => Err(error.clone()),
    };
    results.into_iter().map(answer).collect()
}

/// Sets levels of what this broker logs (KIP-412), at once and until it ends.
fn alter_loggers(loggers: &Loggers, asked: &AskedResource, mode: Mode, node: NodeId) -> Result<(), ApiError> {
    check_keys(asked, Style::Incremental)?;
    match node_named(&asked.name, "Node")? {
        id if id != node => {
            return Err(invalid_request(format!("Unexpected node id. Expected {node}, but received {id}")));
        }
        _ => {}
    }
    let mut changes = Vec::with_capacity(asked.keys.len());
    for key in &asked.keys {
        let level = match key.operation {
            SET => Some(key.value.as_deref().unwrap_or_default()),
            DELETE => None,
            APPEND | SUBTRACT => {
                let operation = if key.operation == APPEND { "APPEND" } else { "SUBTRACT" };
                return Err(invalid_request(format!(
                    "{operation} operation is not allowed for the BROKER_LOGGER resource"
                )));
            }
            other => return Err(invalid_request(format!("Unknown operations type {other}"))),
        };
        changes.push((&*key.name, level));
    }
    let changes = loggers.check(&changes).map_err(|error| {
        let code = match error {
            LoggerError::Root => ErrorCode::InvalidRequest,
            LoggerError::Unknown(_) | LoggerError::NoLevel { .. } => ErrorCode::InvalidConfig,
        };
        ApiError::new(code, error.to_string())
    })?;
    match mode {
        Mode::Make => loggers.set(&changes),
        Mode::Validate => {}
    }
    Ok(())
}

fn invalid_request(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorCode::InvalidRequest, message)
}

/// Whether each key stands once, and has a value where it needs one.
fn check_keys(asked: &AskedResource, style: Style) -> Result<(), ApiError> {
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
    Ok(())
}

fn check(asked: &AskedResource, style: Style, node: NodeId) -> Result<ConfigChange, ApiError> {
    check_keys(asked, style)?;
    let resource = resource(asked, node)?;
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

/// Whether a change suits what this node was started with and what is set for it, if it is one of brokers.
fn check_own(context: &Context, change: &ConfigChange) -> Result<(), ApiError> {
    let (image, config) = (context.metadata(), context.config());
    check_against(&image, change, ConfigRules { config: &config, settings: &context.settings })
}

fn check_against(
    image: &MetadataImage,
    change: &ConfigChange,
    rules: ConfigRules<'_>,
) -> Result<(), ApiError> {
    match change.resource {
        ConfigResource::Broker(_) => {
            let decision = alter_configs(image, std::slice::from_ref(change), rules);
            decision.reply.into_iter().collect::<Result<(), _>>().map_err(ApiError::from)
        }
        ConfigResource::Topic(_) | ConfigResource::ClientMetrics(_) | ConfigResource::Group(_) => Ok(()),
    }
}

fn resource(asked: &AskedResource, node: NodeId) -> Result<ConfigResource, ApiError> {
    let name = asked.name.to_string();
    match asked.resource_type {
        ConfigResource::TOPIC => Ok(ConfigResource::Topic(name)),
        ConfigResource::BROKER if name.is_empty() => Ok(ConfigResource::Broker(None)),
        ConfigResource::BROKER => match node_named(&name, "Node")? {
            // Clients send such requests to the broker itself.
            id if id != node => {
                Err(invalid_request(format!("Unexpected broker id, expected {node}, but received {name}")))
            }
            id => Ok(ConfigResource::Broker(Some(id))),
        },
        ConfigResource::GROUP => Ok(ConfigResource::Group(name)),
        ConfigResource::CLIENT_METRICS => Ok(ConfigResource::ClientMetrics(name)),
        other => Err(invalid_request(format!("Unknown resource type {other}"))),
    }
}

/// The node that a resource's name stands for; `what` is Kafka's word for it.
///
/// # Errors
/// If it is no number.
pub(super) fn node_named(name: &str, what: &str) -> Result<NodeId, ApiError> {
    let number = name.parse().map(NodeId);
    number.map_err(|_| invalid_request(format!("{what} id must be an integer, but it is: {name}")))
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
                ConfigResource::Topic(_) | ConfigResource::ClientMetrics(_) | ConfigResource::Group(_) => {
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
    use crate::config::{ConfigFile, Inputs, LoadedConfig, load};
    use crate::wire::messages::ConfigRecord;

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
        use ErrorCode::{InvalidRequest, UnknownServerError};
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
        assert_eq!(code(&asked(4, "2", &[]), Style::Incremental).0, InvalidRequest);
        assert_eq!(code(&asked(4, "seven", &[]), Style::Incremental).0, InvalidRequest);
        let operation = [("retention.ms", 9, Some("1"))];
        assert_eq!(code(&asked(2, "t", &operation), Style::Incremental), (UnknownServerError, None));
        assert_eq!(code(&asked(4, "1", &operation), Style::Incremental).0, InvalidRequest);
    }

    fn started_with(text: &str) -> LoadedConfig {
        let file = Some(ConfigFile { name: "f", text });
        load(&Inputs { file, ..Inputs::default() }, None).expect("right")
    }

    #[test]
    fn a_node_refuses_what_does_not_suit_its_own_start_whoever_decides() {
        let here = started_with("node.id=1\nlog.cleaner.min.compaction.lag.ms=4");
        let controller = started_with("node.id=2");
        let told = |loaded: &LoadedConfig, name: &str, style: Style, value: &str| {
            let asked = asked(4, name, &[("log.cleaner.max.compaction.lag.ms", SET, Some(value))]);
            let change = check(&asked, style, NODE).expect("taken");
            let rules = ConfigRules { config: &loaded.broker, settings: &loaded.settings };
            check_against(&MetadataImage::default(), &change, rules).map_err(|error| error.code)
        };
        let refused = Err(ErrorCode::InvalidRequest);
        for style in [Style::Incremental, Style::Replace] {
            assert_eq!(told(&controller, "1", style, "3"), Ok(()), "it is not its own");
            assert_eq!(told(&here, "1", style, "3"), refused);
            assert_eq!(told(&here, "", style, "3"), refused, "it holds here, too");
            assert_eq!((told(&here, "1", style, "5"), told(&here, "", style, "5")), (Ok(()), Ok(())));
        }
    }

    #[test]
    fn what_contradicted_itself_before_stands_against_nothing_else() {
        let here = started_with("node.id=1\nlog.cleaner.min.compaction.lag.ms=4");
        let rules = || ConfigRules { config: &here.broker, settings: &here.settings };
        let mut image = MetadataImage::default();
        let default = ConfigRecord {
            resource_type: ConfigResource::BROKER,
            name: "log.cleaner.max.compaction.lag.ms".into(),
            value: Some("3".into()),
            ..ConfigRecord::default()
        };
        // Decided where it holds.
        image.apply(&default.into()).expect("it fits");
        let told = |key: &str, value: &str| {
            let change = check(&asked(4, "1", &[(key, SET, Some(value))]), Style::Incremental, NODE);
            let refused = check_against(&image, &change.expect("taken"), rules());
            refused.map_err(|error| error.message)
        };
        assert_eq!(told("ordain.broker.drain", "true"), Ok(()));
        assert_eq!(told("log.cleaner.max.compaction.lag.ms", "5"), Ok(()), "the way out");
        let another = told("log.cleaner.max.compaction.lag.ms", "2").expect_err("another contradiction");
        assert!(another.expect("it says why").contains("compaction.lag"));
    }

    #[test]
    fn what_is_not_of_brokers_is_for_the_controller_alone() {
        let loaded = started_with("");
        let rules = ConfigRules { config: &loaded.broker, settings: &loaded.settings };
        let change = check(&asked(2, "nowhere", &[]), Style::Incremental, NODE).expect("taken");
        let image = MetadataImage::default();
        assert!(alter_configs(&image, std::slice::from_ref(&change), rules).reply[0].is_err());
        assert_eq!(check_against(&image, &change, rules), Ok(()));
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
