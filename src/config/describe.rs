//! What `DescribeConfigs` answers: every key of a topic or a broker with its value, where the value is from,
//! and the values that it stands over (KIP-133, KIP-226, KIP-569).
use std::collections::BTreeMap;

use crate::config::key::{Key, Kind, Update};
use crate::config::keys::{
    broker_key, broker_keys, broker_synonyms, client_metrics_keys, group_keys, is_listed, topic_keys,
    topic_synonyms,
};
use crate::config::layers::{BrokerLayers, TopicDefaults};
use crate::config::resources::group_value;

/// Where a value is from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConfigSource {
    Topic,
    DynamicBroker,
    DynamicDefaultBroker,
    StaticBroker,
    Default,
    BrokerLogger,
    ClientMetrics,
    Group,
}

impl ConfigSource {
    /// The number that an answer carries.
    #[must_use]
    pub fn wire_code(self) -> i8 {
        match self {
            ConfigSource::Topic => 1,
            ConfigSource::DynamicBroker => 2,
            ConfigSource::DynamicDefaultBroker => 3,
            ConfigSource::StaticBroker => 4,
            ConfigSource::Default => 5,
            ConfigSource::BrokerLogger => 6,
            ConfigSource::ClientMetrics => 7,
            ConfigSource::Group => 8,
        }
    }
}

/// One key of an answer.
#[derive(Clone, PartialEq, Debug)]
pub struct ConfigEntry {
    pub name: &'static str,
    /// `None` for null, and for what must not be shown.
    pub value: Option<String>,
    pub source: ConfigSource,
    pub read_only: bool,
    pub sensitive: bool,
    /// What the value is chosen from, the strongest first.
    pub synonyms: Vec<ConfigSynonym>,
    pub kind: Kind,
    pub documentation: &'static str,
}

/// A value that is or would be in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigSynonym {
    pub name: &'static str,
    pub value: Option<String>,
    pub source: ConfigSource,
}

/// Every key of a topic, in the order of names. `overrides` are the topic's own values, which have been
/// checked when they were set; a key that topics do not have is left out.
#[must_use]
pub fn describe_topic(layers: &BrokerLayers<'_>, overrides: &BTreeMap<String, String>) -> Vec<ConfigEntry> {
    let defaults = TopicDefaults::new(layers);
    let listed = topic_keys().filter(|key| is_listed(key));
    listed.map(|key| topic_entry(key, layers, &defaults, overrides.get(key.name))).collect()
}

fn topic_entry(
    key: &'static Key,
    layers: &BrokerLayers<'_>,
    defaults: &TopicDefaults,
    own: Option<&String>,
) -> ConfigEntry {
    let mut synonyms = match topic_synonyms(key.name).first() {
        Some(first) => broker_key(first.key).map_or_else(Vec::new, |broker| standing(broker, layers)),
        None => Vec::new(),
    };
    let value = match own {
        Some(text) => Some(key.parse(text).map_or_else(|_| text.clone(), |value| value.to_string())),
        None => defaults.value(key.name).map(ToString::to_string),
    };
    if own.is_some() {
        let own = ConfigSynonym { name: key.name, value: value.clone(), source: ConfigSource::Topic };
        synonyms.insert(0, own);
    }
    entry(key, value, synonyms)
}

/// Every key of one broker, in the order of names.
#[must_use]
pub fn describe_broker(layers: &BrokerLayers<'_>) -> Vec<ConfigEntry> {
    let is_set = |key: &Key| layers.broker.get(key.name).or(layers.cluster.get(key.name)).is_some();
    broker_keys()
        .filter(|key| is_listed(key) && (!THROTTLES.contains(&key.name) || is_set(key)))
        .map(|key| entry(key, layers.value(key.name).map(|value| value.to_string()), standing(key, layers)))
        .collect()
}

/// Keys that Kafka tells of a broker only once they are set: its start does not know them.
const THROTTLES: [&str; 3] = [
    "follower.replication.throttled.rate",
    "leader.replication.throttled.rate",
    "replica.alter.log.dirs.io.max.bytes.per.second",
];

/// The keys that are set for all brokers: what the broker without a name has.
#[must_use]
pub fn describe_all_brokers(layers: &BrokerLayers<'_>) -> Vec<ConfigEntry> {
    broker_keys()
        .filter_map(|key| {
            let value = layers.cluster.get(key.name)?.to_string();
            let mut synonyms = standing(key, layers);
            synonyms.retain(|synonym| synonym.source == ConfigSource::DynamicDefaultBroker);
            Some(entry(key, Some(value), synonyms))
        })
        .collect()
}

/// Every key of a group, in the order of names; `own` is what was set for it.
#[must_use]
pub fn describe_group(layers: &BrokerLayers<'_>, own: &BTreeMap<String, String>) -> Vec<ConfigEntry> {
    group_keys()
        .map(|key| {
            let mut synonyms = match broker_key(&format!("group.{}", key.name)) {
                Some(broker) => standing(broker, layers),
                None => vec![default_of(key)],
            };
            let value = group_value(key.name, own, layers).map(|value| value.to_string());
            if own.contains_key(key.name) {
                let own = ConfigSynonym { name: key.name, value: value.clone(), source: ConfigSource::Group };
                synonyms.insert(0, own);
            }
            entry(key, value, synonyms)
        })
        .collect()
}

/// Every key of a subscription to clients' metrics, in the order of names; `own` is what was set for it.
#[must_use]
pub fn describe_client_metrics(own: &BTreeMap<String, String>) -> Vec<ConfigEntry> {
    client_metrics_keys()
        .iter()
        .map(|key| match own.get(key.name) {
            Some(text) => {
                let value = Some(text.clone());
                let source = ConfigSource::ClientMetrics;
                entry(key, value.clone(), vec![ConfigSynonym { name: key.name, value, source }])
            }
            None => entry(key, key.default.map(str::to_owned), Vec::new()),
        })
        .collect()
}

fn default_of(key: &'static Key) -> ConfigSynonym {
    let value = key.default.map(str::to_owned);
    ConfigSynonym { name: key.name, value, source: ConfigSource::Default }
}

fn entry(key: &'static Key, value: Option<String>, synonyms: Vec<ConfigSynonym>) -> ConfigEntry {
    ConfigEntry {
        name: key.name,
        value: value.filter(|_| !key.is_sensitive()),
        source: synonyms.first().map_or(ConfigSource::Default, |synonym| synonym.source),
        read_only: matches!(key.update, Update::ReadOnly | Update::Internal),
        sensitive: key.is_sensitive(),
        synonyms,
        kind: key.kind,
        documentation: key.documentation,
    }
}

/// The values that stand behind a broker key, by layers and within each by synonyms. Those before the first
/// one of the key's own name are left out, as Kafka does: `log.retention.hours` does not show up under
/// `log.retention.ms` unless that is set too.
fn standing(key: &'static Key, layers: &BrokerLayers<'_>) -> Vec<ConfigSynonym> {
    let names: Vec<&'static str> = match broker_synonyms(key.name) {
        Some(synonyms) => synonyms.iter().map(|synonym| synonym.key).collect(),
        None => vec![key.name],
    };
    let mut found = Vec::new();
    let mut add = |name, value: Option<String>, source| {
        if let Some(text) = value {
            let value = Some(text).filter(|_| !key.is_sensitive());
            found.push(ConfigSynonym { name, value, source });
        }
    };
    for name in &names {
        add(name, layers.broker.get(name).map(ToString::to_string), ConfigSource::DynamicBroker);
    }
    for name in &names {
        add(name, layers.cluster.get(name).map(ToString::to_string), ConfigSource::DynamicDefaultBroker);
    }
    for name in &names {
        let set = layers.settings.explicit(name).map(|setting| setting.value.to_string());
        add(name, set, ConfigSource::StaticBroker);
    }
    for name in &names {
        let default = broker_key(name).and_then(|key| key.default).map(str::to_owned);
        add(name, default, ConfigSource::Default);
    }
    found.into_iter().skip_while(|synonym| synonym.name != key.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::alter::Scope;
    use crate::config::layers::DynamicConfig;
    use crate::config::settings::{ConfigFile, Inputs, Settings};

    struct Broker {
        own: DynamicConfig,
        cluster: DynamicConfig,
        settings: Settings,
    }

    impl Broker {
        fn new(text: &str, own: &[(&str, &str)], cluster: &[(&str, &str)]) -> Broker {
            let file = Some(ConfigFile { name: "f", text });
            let texts = |list: &[(&str, &str)]| {
                list.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>()
            };
            Broker {
                own: DynamicConfig::parse(&texts(own), Scope::OneBroker).0,
                cluster: DynamicConfig::parse(&texts(cluster), Scope::AllBrokers).0,
                settings: Settings::load(&Inputs { file, ..Inputs::default() }).expect("right"),
            }
        }

        fn layers(&self) -> BrokerLayers<'_> {
            BrokerLayers { broker: &self.own, cluster: &self.cluster, settings: &self.settings }
        }
    }

    fn find(entries: &[ConfigEntry], name: &str) -> ConfigEntry {
        entries.iter().find(|entry| entry.name == name).expect("listed").clone()
    }

    fn synonym(name: &'static str, value: &str, source: ConfigSource) -> ConfigSynonym {
        ConfigSynonym { name, value: Some(value.to_owned()), source }
    }

    #[test]
    fn a_topics_value_stands_over_all_layers() {
        let cluster = [("message.max.bytes", "300")];
        let broker = Broker::new("message.max.bytes=200", &[], &cluster);
        let own = [("max.message.bytes".to_owned(), "400".to_owned())].into();
        let found = find(&describe_topic(&broker.layers(), &own), "max.message.bytes");
        assert_eq!(found.value.as_deref(), Some("400"));
        assert_eq!(found.source, ConfigSource::Topic);
        assert_eq!(
            found.synonyms,
            [
                synonym("max.message.bytes", "400", ConfigSource::Topic),
                synonym("message.max.bytes", "300", ConfigSource::DynamicDefaultBroker),
                synonym("message.max.bytes", "200", ConfigSource::StaticBroker),
                synonym("message.max.bytes", "1048588", ConfigSource::Default),
            ]
        );
        let inherited = find(&describe_topic(&broker.layers(), &BTreeMap::new()), "max.message.bytes");
        assert_eq!(inherited.value.as_deref(), Some("300"));
        assert_eq!(inherited.source, ConfigSource::DynamicDefaultBroker);
        assert!(!inherited.read_only);
        assert_eq!(inherited.kind.wire_code(), 3);
    }

    #[test]
    fn every_key_of_a_topic_is_described() {
        let broker = Broker::new("", &[], &[]);
        let entries = describe_topic(&broker.layers(), &BTreeMap::new());
        assert_eq!(entries.len(), 33);
        for entry in &entries {
            assert_eq!(entry.source, ConfigSource::Default, "{}", entry.name);
            assert!(entry.value.is_some() && !entry.documentation.is_empty(), "{}", entry.name);
        }
        // As Kafka answers it: the hours give the value, and do not show up.
        let retention = find(&entries, "retention.ms");
        assert_eq!((retention.value.as_deref(), retention.synonyms), (Some("604800000"), vec![]));
    }

    #[test]
    fn a_brokers_keys_tell_their_layers() {
        let broker = Broker::new("log.retention.hours=2\nnode.id=3", &[("log.retention.ms", "9")], &[]);
        let entries = describe_broker(&broker.layers());
        assert_eq!(entries.len(), 351, "340 of Kafka, and Ordain's own");
        let retention = find(&entries, "log.retention.ms");
        assert_eq!(retention.value.as_deref(), Some("9"));
        assert_eq!(
            retention.synonyms,
            [
                synonym("log.retention.ms", "9", ConfigSource::DynamicBroker),
                synonym("log.retention.hours", "2", ConfigSource::StaticBroker),
                synonym("log.retention.hours", "168", ConfigSource::Default),
            ]
        );
        let node = find(&entries, "node.id");
        assert_eq!(
            (node.value.as_deref(), node.source, node.read_only),
            (Some("3"), ConfigSource::StaticBroker, true)
        );
        let password = find(&entries, "ssl.keystore.password");
        assert_eq!((password.value, password.sensitive), (None, true));
        assert!(entries.iter().all(|entry| entry.name != "log.initial.task.delay.ms"), "internal");
    }

    #[test]
    fn the_broker_without_a_name_has_what_is_set_for_all() {
        let broker = Broker::new("", &[("log.retention.ms", "9")], &[("log.retention.ms", "8")]);
        let entries = describe_all_brokers(&broker.layers());
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].value.as_deref(), Some("8"));
        assert_eq!(
            entries[0].synonyms,
            [synonym("log.retention.ms", "8", ConfigSource::DynamicDefaultBroker)]
        );
    }
}
