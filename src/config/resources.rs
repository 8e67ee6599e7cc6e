//! The configuration of what is neither a broker nor a topic: groups, and subscriptions to clients' metrics.
use std::collections::BTreeMap;

use crate::config::alter::AlterConfigError;
use crate::config::key::Key;
use crate::config::keys::{broker_key, client_metrics_keys, group_key, group_keys};
use crate::config::layers::BrokerLayers;
use crate::config::nearest::nearest;
use crate::config::value::Value;

/// Checks all that a group sets: each key, the bounds that the broker sets, and what contradicts each other.
///
/// # Errors
/// The first mistake, in Kafka's words.
pub fn check_group(
    own: &BTreeMap<String, String>,
    layers: &BrokerLayers<'_>,
) -> Result<(), AlterConfigError> {
    for (name, text) in own {
        let Some(key) = group_key(name) else {
            let nearest = nearest(name, group_keys().map(|key| key.name));
            return Err(AlterConfigError::UnknownGroupKey { name: name.clone(), nearest });
        };
        key.parse(text)?;
    }
    let number = |name: &str| match group_value(name, own, layers) {
        Some(Value::Int(number)) => Some(number),
        Some(_) | None => None,
    };
    for key in group_keys() {
        let Some(value) = number(key.name) else { continue };
        let bounds = Bounds::of(key.name);
        if let Some((least, bound)) = bounds.least.and_then(|bound| Some((int(bound, layers)?, bound)))
            && value < least
        {
            return Err(AlterConfigError::GroupBelow { key: key.name, bound: bound.name });
        }
        if let Some((most, bound)) = bounds.most.and_then(|bound| Some((int(bound, layers)?, bound)))
            && value > most
        {
            return Err(AlterConfigError::GroupAbove { key: key.name, bound: bound.name });
        }
    }
    for (session, heartbeat) in [
        ("consumer.session.timeout.ms", "consumer.heartbeat.interval.ms"),
        ("share.session.timeout.ms", "share.heartbeat.interval.ms"),
        ("streams.session.timeout.ms", "streams.heartbeat.interval.ms"),
    ] {
        if number(session) <= number(heartbeat) {
            return Err(AlterConfigError::GroupSession { session, heartbeat });
        }
    }
    Ok(())
}

/// The value in force for a group.
pub(super) fn group_value(
    name: &str,
    own: &BTreeMap<String, String>,
    layers: &BrokerLayers<'_>,
) -> Option<Value> {
    let key = group_key(name)?;
    let own = own.get(name).and_then(|text| key.parse(text).ok());
    let of_broker = || broker_key(&format!("group.{name}")).and_then(|broker| layers.value(broker.name));
    let default = || key.default.map(|text| key.parse(text).expect("defaults pass their own key"));
    own.or_else(of_broker).or_else(default)
}

/// The broker keys that bound a group's value.
struct Bounds {
    least: Option<&'static Key>,
    most: Option<&'static Key>,
}

impl Bounds {
    fn of(group_key: &str) -> Bounds {
        let Some((kind, rest)) = group_key.split_once('.') else { return Bounds { least: None, most: None } };
        let rest = rest.strip_prefix("num.").unwrap_or(rest);
        let bound = |which: &str| broker_key(&format!("group.{kind}.{which}.{rest}"));
        Bounds { least: bound("min"), most: bound("max") }
    }
}

fn int(key: &'static Key, layers: &BrokerLayers<'_>) -> Option<i32> {
    match layers.value(key.name) {
        Some(Value::Int(number)) => Some(number),
        Some(_) | None => None,
    }
}

/// What of a client can be matched.
const MATCHED: [&str; 6] = [
    "client_instance_id",
    "client_id",
    "client_software_name",
    "client_software_version",
    "client_source_address",
    "client_source_port",
];

/// Checks all that a subscription to clients' metrics sets.
///
/// # Errors
/// The first mistake, in Kafka's words.
pub fn check_client_metrics(own: &BTreeMap<String, String>) -> Result<(), AlterConfigError> {
    let keys = || client_metrics_keys().iter();
    for (name, text) in own {
        let Some(key) = keys().find(|key| key.name == *name) else {
            let nearest = nearest(name, keys().map(|key| key.name));
            return Err(AlterConfigError::UnknownClientMetricsKey { name: name.clone(), nearest });
        };
        match (key.name, key.parse(text)?) {
            ("interval.ms", Value::Int(interval_ms)) if !(100..=3_600_000).contains(&interval_ms) => {
                return Err(AlterConfigError::PushInterval { interval_ms });
            }
            ("match", Value::List(pairs)) => {
                let is_pair = |pair: &String| {
                    let parts: Vec<&str> = pair.split('=').collect();
                    matches!(parts[..], [name, _] if MATCHED.contains(&name.trim()))
                };
                if let Some(pair) = pairs.iter().find(|pair| !is_pair(pair)) {
                    return Err(AlterConfigError::ClientMatch { pair: pair.clone() });
                }
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::layers::DynamicConfig;
    use crate::config::settings::{ConfigFile, Inputs, Settings};

    fn group(text: &str, own: &[(&str, &str)]) -> Result<(), String> {
        let file = Some(ConfigFile { name: "f", text });
        let settings = Settings::load(&Inputs { file, ..Inputs::default() }).expect("right");
        let none = DynamicConfig::default();
        let layers = BrokerLayers { broker: &none, cluster: &none, settings: &settings };
        check_group(&owned(own), &layers).map_err(|error| error.to_string())
    }

    fn owned(own: &[(&str, &str)]) -> BTreeMap<String, String> {
        own.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_defaults_are_right() {
        assert_eq!(group("", &[]), Ok(()));
    }

    #[test]
    fn the_brokers_bounds_hold() {
        let told = |own: &[(&str, &str)]| group("", own).expect_err("refused");
        assert_eq!(
            told(&[("consumer.session.timeout.ms", "44999")]),
            "consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms"
        );
        assert_eq!(
            told(&[("streams.num.standby.replicas", "3")]),
            "streams.num.standby.replicas must be less than or equal to group.streams.max.standby.replicas"
        );
        assert_eq!(
            told(&[("consumer.session.timeout", "1")]).split(';').next(),
            Some("Unknown group config name: consumer.session.timeout")
        );
        let wide = "group.consumer.max.heartbeat.interval.ms=60000";
        assert_eq!(
            group(wide, &[("consumer.heartbeat.interval.ms", "45000")]).expect_err("refused"),
            "consumer.session.timeout.ms must be greater than consumer.heartbeat.interval.ms"
        );
        assert_eq!(group("", &[("share.auto.offset.reset", "by_duration:PT1H")]), Ok(()));
        assert!(told(&[("share.auto.offset.reset", "middle")]).contains("must be either 'earliest'"));
    }

    #[test]
    fn a_subscription_is_checked() {
        let told =
            |own: &[(&str, &str)]| check_client_metrics(&owned(own)).map_err(|error| error.to_string());
        assert_eq!(told(&[("interval.ms", "100"), ("match", "client_id=a.*,client_source_port=1")]), Ok(()));
        assert_eq!(
            told(&[("interval.ms", "99")]),
            Err("Invalid value 99 for interval.ms, interval must be between 100 and 3600000 (1 hour)".into())
        );
        assert_eq!(told(&[("match", "x=y")]), Err("Illegal client matching pattern: x=y".into()));
        assert_eq!(told(&[("nothing", "1")]), Err("Unknown client metrics configuration: nothing".into()));
    }
}
