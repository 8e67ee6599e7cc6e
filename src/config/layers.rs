//! A broker's configuration while it runs: what it was started with, and what clients have changed since.
use std::collections::BTreeMap;

use crate::config::alter::{AlterConfigError, Scope, validate_broker_config};
use crate::config::keys::{Scale, broker_key, topic_keys, topic_synonyms};
use crate::config::settings::Settings;
use crate::config::value::Value;

/// Values that were set while running, checked.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct DynamicConfig {
    values: BTreeMap<&'static str, Value>,
}

impl DynamicConfig {
    /// Takes values as the metadata log holds them. What is wrong is told and left out, so that a key which
    /// another release had taken does not keep a broker from starting.
    #[must_use]
    pub fn parse(texts: &BTreeMap<String, String>, scope: Scope) -> (DynamicConfig, Vec<AlterConfigError>) {
        let mut values = BTreeMap::new();
        let mut errors = Vec::new();
        for (name, text) in texts {
            match validate_broker_config(name, text, scope) {
                Ok((key, value)) => {
                    values.insert(key.name, value);
                }
                Err(error) => errors.push(error),
            }
        }
        (DynamicConfig { values }, errors)
    }

    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.values.iter().map(|(name, value)| (*name, value))
    }
}

/// The layers of one broker's configuration, the strongest first.
#[derive(Clone, Copy, Debug)]
pub struct BrokerLayers<'a> {
    /// Set for this broker.
    pub broker: &'a DynamicConfig,
    /// Set for all brokers.
    pub cluster: &'a DynamicConfig,
    /// What the broker was started with.
    pub settings: &'a Settings,
}

impl BrokerLayers<'_> {
    /// The value in force; `None` for null.
    ///
    /// # Panics
    /// If the broker has no such key.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<Value> {
        let dynamic = self.broker.get(name).or_else(|| self.cluster.get(name));
        dynamic.cloned().or_else(|| self.settings.value(name))
    }
}

/// The value of every topic key where a topic sets nothing itself.
#[derive(Clone, PartialEq, Debug)]
pub struct TopicDefaults {
    /// How often they have changed since the node's start.
    generation: u64,
    values: BTreeMap<&'static str, Option<Value>>,
}

impl TopicDefaults {
    /// Takes each key from the first of its broker synonyms that is set, else its own default.
    #[must_use]
    pub fn new(layers: &BrokerLayers<'_>) -> TopicDefaults {
        let values = topic_keys().map(|key| {
            let from_broker = topic_synonyms(key.name).iter().find_map(|synonym| {
                debug_assert!(broker_key(synonym.key).is_some(), "{} exists", synonym.key);
                layers.value(synonym.key).map(|value| scaled(value, synonym.scale))
            });
            let own = || key.default.map(|text| key.parse(text).expect("defaults pass their own key"));
            (key.name, from_broker.or_else(own).map(|value| unlimited(key.name, value)))
        });
        TopicDefaults { generation: 0, values: values.collect() }
    }

    /// The defaults that follow on those of `generation`.
    #[must_use]
    pub(super) fn after(self, generation: u64) -> TopicDefaults {
        TopicDefaults { generation: generation + 1, ..self }
    }

    /// Tells one node's defaults from those that held before, for whoever keeps what was derived from them.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// # Panics
    /// If topics have no such key.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.values.get(name).unwrap_or_else(|| panic!("{name} is no topic key")).as_ref()
    }
}

fn scaled(value: Value, scale: Scale) -> Value {
    match (scale, value) {
        (Scale::Same, value) => value,
        (Scale::Minutes | Scale::Hours, Value::Int(count)) => Value::Long(i64::from(count) * scale.factor()),
        (Scale::Minutes | Scale::Hours, other) => panic!("{other:?} is counted in minutes or hours"),
    }
}

/// Any negative retention time means for ever, and −1 says so.
fn unlimited(name: &str, value: Value) -> Value {
    match value {
        Value::Long(ms) if name == "retention.ms" && ms < 0 => Value::Long(-1),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::{ConfigFile, Inputs};

    fn defaults(text: &str, dynamic: &[(&str, &str)]) -> TopicDefaults {
        let file = Some(ConfigFile { name: "f", text });
        let settings = Settings::load(&Inputs { file, ..Inputs::default() }).expect("right");
        let texts = dynamic.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let (cluster, errors) = DynamicConfig::parse(&texts, Scope::AllBrokers);
        assert_eq!(errors, []);
        TopicDefaults::new(&BrokerLayers {
            broker: &DynamicConfig::default(),
            cluster: &cluster,
            settings: &settings,
        })
    }

    fn long(defaults: &TopicDefaults, name: &str) -> String {
        defaults.value(name).expect("not null").to_string()
    }

    #[test]
    fn without_settings_topics_have_kafkas_defaults() {
        let found = defaults("", &[]);
        for key in topic_keys() {
            let value = found.value(key.name).map(ToString::to_string);
            assert_eq!(value.as_deref(), key.default, "{}", key.name);
        }
    }

    #[test]
    fn the_first_synonym_wins() {
        assert_eq!(long(&defaults("log.retention.hours=2", &[]), "retention.ms"), "7200000");
        let both = "log.retention.hours=2\nlog.retention.minutes=3";
        assert_eq!(long(&defaults(both, &[]), "retention.ms"), "180000");
        let all = "log.retention.hours=2\nlog.retention.minutes=3\nlog.retention.ms=4";
        assert_eq!(long(&defaults(all, &[]), "retention.ms"), "4");
        assert_eq!(long(&defaults(all, &[("log.retention.ms", "5")]), "retention.ms"), "5");
        assert_eq!(long(&defaults("log.retention.hours=-1", &[]), "retention.ms"), "-1");
        assert_eq!(long(&defaults("log.roll.hours=1", &[]), "segment.ms"), "3600000");
        assert_eq!(long(&defaults("log.flush.scheduler.interval.ms=9", &[]), "flush.ms"), "9");
        assert_eq!(long(&defaults("message.max.bytes=100", &[]), "max.message.bytes"), "100");
    }

    #[test]
    fn a_wrong_dynamic_value_is_told_and_left_out() {
        let texts = [("log.retention.ms", "0"), ("node.id", "3"), ("num.io.threads", "9")];
        let texts = texts.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let (config, errors) = DynamicConfig::parse(&texts, Scope::AllBrokers);
        assert_eq!(config.get("num.io.threads"), Some(&Value::Int(9)));
        assert_eq!(config.get("log.retention.ms"), None);
        let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "Invalid value 0 for configuration log.retention.ms: must be unlimited (-1), or at least 1",
                "Cannot update these configs dynamically: [node.id]",
            ]
        );
    }
}
