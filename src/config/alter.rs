//! Changing configuration while running: which keys can change, and what an incremental change makes of a
//! value (KIP-226, KIP-339). Pure: the caller holds the current values.
use crate::config::key::{Handling, Key, Kind, Update};
use crate::config::keys::{broker_key, broker_keys, topic_key, topic_keys};
use crate::config::nearest::nearest;
use crate::config::value::{InvalidValue, Value};

/// Why a change is refused.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum AlterConfigError {
    #[error("Unknown topic config name: {name}{}", hint(.nearest))]
    UnknownTopicKey { name: String, nearest: Option<&'static str> },
    #[error("Unknown broker config name: {name}{}", hint(.nearest))]
    UnknownBrokerKey { name: String, nearest: Option<&'static str> },
    #[error(transparent)]
    Value(#[from] InvalidValue),
    #[error("{key} is refused: {reason}")]
    Refused { key: &'static str, reason: &'static str },
    #[error("Unknown group config name: {name}{}", hint(.nearest))]
    UnknownGroupKey { name: String, nearest: Option<&'static str> },
    #[error("Unknown client metrics configuration: {name}{}", hint(.nearest))]
    UnknownClientMetricsKey { name: String, nearest: Option<&'static str> },
    /// The way out is to set it where the broker is started.
    #[error("Cannot update these configs dynamically: [{key}]")]
    ReadOnly { key: &'static str },
    #[error("Cannot update these configs at default cluster level, broker id must be specified: [{key}]")]
    PerBroker { key: &'static str },
    #[error(
        "These security configs can be dynamically updated only per-listener using the listener prefix: [{key}]"
    )]
    Security { key: &'static str },
    #[error(
        "{key} cannot be changed while the broker runs yet: set it where the broker is started, and restart"
    )]
    NotYet { key: &'static str },
    #[error("{key} must be greater than or equal to {bound}")]
    GroupBelow { key: &'static str, bound: &'static str },
    #[error("{key} must be less than or equal to {bound}")]
    GroupAbove { key: &'static str, bound: &'static str },
    #[error("{session} must be greater than {heartbeat}")]
    GroupSession { session: &'static str, heartbeat: &'static str },
    #[error("Invalid value {interval_ms} for interval.ms, interval must be between 100 and 3600000 (1 hour)")]
    PushInterval { interval_ms: i32 },
    #[error("Illegal client matching pattern: {pair}")]
    ClientMatch { pair: String },
    #[error("conflict topic config setting min.compaction.lag.ms ({least}) > max.compaction.lag.ms ({most})")]
    CompactionLag { least: i64, most: i64 },
    #[error("Can't {operation} to key {key} because its type is not LIST.")]
    NotAList { operation: &'static str, key: &'static str },
    #[error("Null value not supported for {key}")]
    Null { key: &'static str },
}

fn hint(nearest: &Option<&'static str>) -> String {
    nearest.map_or_else(String::new, |key| format!("; did you mean {key}?"))
}

/// Whom a broker's configuration is changed for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    OneBroker,
    AllBrokers,
}

/// What an incremental change does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AlterOperation {
    Set,
    Delete,
    Append,
    Subtract,
}

impl AlterOperation {
    /// The operation that a request names by its number; `None` for a number without one.
    #[must_use]
    pub fn from_wire_code(code: i8) -> Option<AlterOperation> {
        match code {
            0 => Some(AlterOperation::Set),
            1 => Some(AlterOperation::Delete),
            2 => Some(AlterOperation::Append),
            3 => Some(AlterOperation::Subtract),
            _ => None,
        }
    }
}

/// Checks one topic key and its value.
///
/// # Errors
/// If the key is unknown, the value not one of the key's, or its effect would be dangerous to leave out.
pub fn validate_topic_config(name: &str, text: &str) -> Result<(&'static Key, Value), AlterConfigError> {
    let Some(key) = topic_key(name) else {
        let nearest = nearest(name, topic_keys().map(|key| key.name));
        return Err(AlterConfigError::UnknownTopicKey { name: name.to_owned(), nearest });
    };
    checked(key, text)
}

/// Checks one broker key that is to change while the broker runs, and its value.
///
/// # Errors
/// As [`validate_topic_config`], and if the key cannot change, or not for all brokers at once.
pub fn validate_broker_config(
    name: &str,
    text: &str,
    scope: Scope,
) -> Result<(&'static Key, Value), AlterConfigError> {
    let Some(key) = broker_key(name) else {
        let nearest = nearest(name, broker_keys().map(|key| key.name));
        return Err(AlterConfigError::UnknownBrokerKey { name: name.to_owned(), nearest });
    };
    let key_name = key.name;
    match (key.update, scope) {
        (Update::ReadOnly | Update::Internal, _) => Err(AlterConfigError::ReadOnly { key: key_name }),
        _ if KEY_MATERIAL.contains(&key_name) => Err(AlterConfigError::Security { key: key_name }),
        (Update::PerBroker, Scope::AllBrokers) => Err(AlterConfigError::PerBroker { key: key_name }),
        _ if NOT_YET.contains(&key_name) => Err(AlterConfigError::NotYet { key: key_name }),
        (Update::PerBroker | Update::ClusterWide, _) => checked(key, text),
    }
}

/// What Kafka lets clients change for one listener, never for all of a broker.
const KEY_MATERIAL: [&str; 10] = [
    "ssl.key.password",
    "ssl.keystore.certificate.chain",
    "ssl.keystore.key",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.keystore.type",
    "ssl.truststore.certificates",
    "ssl.truststore.location",
    "ssl.truststore.password",
    "ssl.truststore.type",
];

/// What Kafka lets clients change, and this release does not: it opens its listeners at the start.
const NOT_YET: [&str; 2] = ["listener.security.protocol.map", "listeners"];

fn checked(key: &'static Key, text: &str) -> Result<(&'static Key, Value), AlterConfigError> {
    let value = key.parse(text)?;
    match key.handling {
        Handling::Refused(reason) if key.default != Some(value.to_string().as_str()) => {
            Err(AlterConfigError::Refused { key: key.name, reason })
        }
        Handling::Used | Handling::Accepted(_) | Handling::Refused(_) => Ok((key, value)),
    }
}

/// What a key's own value becomes: `None` removes it, so that the default holds again. `current` is the value
/// set on the same resource; where there is none, lists are taken from the key's default. The result still
/// has to pass [`validate_topic_config`] or [`validate_broker_config`].
///
/// # Errors
/// If a list's operation meets a key that is no list, or a value is missing.
pub fn apply_incremental(
    key: &'static Key,
    current: Option<&str>,
    operation: AlterOperation,
    value: Option<&str>,
) -> Result<Option<String>, AlterConfigError> {
    let name = match operation {
        AlterOperation::Delete => return Ok(None),
        AlterOperation::Set => {
            return value.map(|v| Some(v.to_owned())).ok_or(AlterConfigError::Null { key: key.name });
        }
        AlterOperation::Append => "APPEND",
        AlterOperation::Subtract => "SUBTRACT",
    };
    let value = value.ok_or(AlterConfigError::Null { key: key.name })?;
    if key.kind != Kind::List {
        return Err(AlterConfigError::NotAList { operation: name, key: key.name });
    }
    let parts = |text: &'_ str| -> Vec<String> {
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    };
    let mut list = parts(current.or(key.default).unwrap_or(""));
    if operation == AlterOperation::Append && value.split(',').any(|part| part.trim().is_empty()) {
        // The result's check refuses it by its name.
        list.push(String::new());
    }
    for part in parts(value) {
        let at = list.iter().position(|element| *element == part);
        match (operation, at) {
            (AlterOperation::Append, None) => list.push(part),
            (AlterOperation::Subtract, Some(at)) => {
                list.remove(at);
            }
            (AlterOperation::Append | AlterOperation::Subtract, _) => {}
            (AlterOperation::Set | AlterOperation::Delete, _) => unreachable!("answered above"),
        }
    }
    Ok(Some(list.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(name: &str) -> &'static Key {
        topic_key(name).expect("a key")
    }

    #[test]
    fn unknown_and_refused_topic_keys() {
        let told = |name, value| validate_topic_config(name, value).expect_err("wrong").to_string();
        assert_eq!(
            told("retention.m", "1"),
            "Unknown topic config name: retention.m; did you mean retention.ms?"
        );
        assert_eq!(told("colour", "1"), "Unknown topic config name: colour");
        assert!(
            told("remote.storage.enable", "true").starts_with("remote.storage.enable is refused: tiered")
        );
        assert!(validate_topic_config("remote.storage.enable", "false").is_ok());
        assert!(validate_topic_config("unclean.leader.election.enable", "true").is_ok(), "without effect");
    }

    #[test]
    fn broker_keys_change_where_kafka_lets_them() {
        let change = |name, value, scope| validate_broker_config(name, value, scope).map(|_| ());
        assert_eq!(change("log.retention.ms", "5", Scope::AllBrokers), Ok(()));
        assert_eq!(
            change("node.id", "5", Scope::OneBroker),
            Err(AlterConfigError::ReadOnly { key: "node.id" })
        );
        assert_eq!(
            change("listeners", "PLAINTEXT://localhost:1", Scope::AllBrokers),
            Err(AlterConfigError::PerBroker { key: "listeners" })
        );
        assert_eq!(
            change("ssl.keystore.password", "x", Scope::OneBroker),
            Err(AlterConfigError::Security { key: "ssl.keystore.password" })
        );
        assert_eq!(
            change("listeners", "PLAINTEXT://localhost:1", Scope::OneBroker),
            Err(AlterConfigError::NotYet { key: "listeners" })
        );
        assert!(matches!(
            change("log.retention.mss", "x", Scope::OneBroker),
            Err(AlterConfigError::UnknownBrokerKey { nearest: Some("log.retention.ms"), .. })
        ));
    }

    #[test]
    fn lists_grow_and_shrink() {
        use AlterOperation::{Append, Delete, Set, Subtract};
        let policy = topic("cleanup.policy");
        let apply = |current, operation, value| {
            apply_incremental(policy, current, operation, value).expect("a list").expect("a value")
        };
        assert_eq!(apply(None, Append, Some("compact")), "delete,compact", "the default is where it starts");
        assert_eq!(apply(Some("compact"), Append, Some("compact")), "compact");
        assert_eq!(apply(Some("compact"), Append, Some("delete,compact")), "compact,delete");
        for nothing in ["", "delete,", ",compact"] {
            let told =
                validate_topic_config("cleanup.policy", &apply(Some("compact"), Append, Some(nothing)));
            assert_eq!(
                told.expect_err("nothing cannot be appended").to_string(),
                "Configuration 'cleanup.policy' values must not be empty."
            );
        }
        assert_eq!(apply(Some("compact,delete"), Subtract, Some("compact")), "delete");
        assert_eq!(apply(Some("compact"), Subtract, Some("delete")), "compact");
        assert_eq!(apply(Some("compact"), Subtract, Some("compact")), "");
        assert_eq!(apply(Some("compact"), Set, Some("delete")), "delete");
        assert_eq!(apply_incremental(policy, Some("compact"), Delete, None), Ok(None));
        assert_eq!(
            apply_incremental(topic("retention.ms"), None, Append, Some("1"))
                .expect_err("a number")
                .to_string(),
            "Can't APPEND to key retention.ms because its type is not LIST."
        );
        assert_eq!(
            apply_incremental(policy, None, Set, None),
            Err(AlterConfigError::Null { key: "cleanup.policy" })
        );
        for (code, operation) in [(0, Set), (1, Delete), (2, Append), (3, Subtract)] {
            assert_eq!(AlterOperation::from_wire_code(code), Some(operation));
        }
        assert_eq!(AlterOperation::from_wire_code(4), None);
    }
}
