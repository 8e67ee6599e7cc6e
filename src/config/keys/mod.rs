//! Every configuration key of a broker and of a topic that Kafka 4.3 knows, and Ordain's own.
//!
//! The bounds are those of Kafka's key definitions, and those that it enforces later, at the start.
//!
//! Invariants (held by the tests): names are unique and sorted within a table, and every default passes its own key's type
//! and check. Defaults are Kafka's, except where Ordain starts safely without a configuration: `listeners`
//! (loopback), `log.dir`, `node.id`, `process.roles` and `controller.listener.names`, of which Kafka gives
//! the last three none.
mod client_metrics;
mod cluster;
mod group;
mod groups;
mod network;
mod ordain;
mod reasons;
mod remote;
mod removed;
mod security;
mod storage;
mod synonyms;
mod telemetry;
mod topic;
mod transactions;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::config::key::{Key, Update};

pub use removed::removed_key;
pub use synonyms::{Scale, Synonym, broker_synonyms, topic_synonyms};

const BROKER_TABLES: &[&[Key]] = &[
    cluster::KEYS,
    groups::KEYS,
    network::KEYS,
    ordain::KEYS,
    remote::KEYS,
    security::KEYS,
    storage::KEYS,
    telemetry::KEYS,
    transactions::KEYS,
];

/// Every key of a broker, in the order of names, internal ones included.
pub fn broker_keys() -> impl Iterator<Item = &'static Key> {
    broker_index().values().copied()
}

/// The key of a broker with this name.
#[must_use]
pub fn broker_key(name: &str) -> Option<&'static Key> {
    broker_index().get(name).copied()
}

/// Every key of a topic, in the order of names, internal ones included.
pub fn topic_keys() -> impl Iterator<Item = &'static Key> {
    topic::KEYS.iter()
}

/// The key of a topic with this name.
#[must_use]
pub fn topic_key(name: &str) -> Option<&'static Key> {
    topic::KEYS.binary_search_by(|key| key.name.cmp(name)).ok().map(|at| &topic::KEYS[at])
}

/// Every key that a group may have for itself, in the order of names.
pub fn group_keys() -> impl Iterator<Item = &'static Key> {
    group::KEYS.iter()
}

/// The key of a group with this name.
#[must_use]
pub fn group_key(name: &str) -> Option<&'static Key> {
    group::KEYS.binary_search_by(|key| key.name.cmp(name)).ok().map(|at| &group::KEYS[at])
}

/// Every key of a subscription to clients' metrics, in the order of names.
#[must_use]
pub fn client_metrics_keys() -> &'static [Key] {
    client_metrics::KEYS
}

/// Whether `DescribeConfigs` lists the key.
#[must_use]
pub fn is_listed(key: &Key) -> bool {
    key.update != Update::Internal
}

fn broker_index() -> &'static BTreeMap<&'static str, &'static Key> {
    static INDEX: OnceLock<BTreeMap<&'static str, &'static Key>> = OnceLock::new();
    INDEX.get_or_init(|| {
        BROKER_TABLES.iter().flat_map(|table| table.iter()).map(|key| (key.name, key)).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::key::Handling;

    #[test]
    fn tables_are_sorted_and_names_unique() {
        let mut rows = 0;
        for table in BROKER_TABLES.iter().chain([&topic::KEYS, &group::KEYS, &client_metrics::KEYS]) {
            assert!(table.is_sorted_by(|a, b| a.name < b.name), "table of {}", table[0].name);
        }
        for table in BROKER_TABLES {
            rows += table.len();
        }
        assert_eq!(broker_keys().count(), rows, "a broker key stands in two tables");
    }

    #[test]
    fn the_tables_cover_kafka_4_3() {
        let own = broker_keys().filter(|key| key.name.starts_with("ordain.")).count();
        // 363 of Kafka's ConfigDef and dynamic quotas, and the authorizer's two.
        assert_eq!(broker_keys().count() - own, 365);
        assert_eq!(topic_keys().count(), 34);
        assert_eq!(topic_keys().filter(|key| is_listed(key)).count(), 33);
    }

    #[test]
    fn defaults_pass_their_own_key() {
        for key in broker_keys().chain(topic_keys()).chain(group_keys()).chain(client_metrics_keys()) {
            if let Some(default) = key.default {
                let value = key.parse(default).unwrap_or_else(|error| panic!("{error}"));
                assert_eq!(value.to_string(), default, "the default of {} is canonical", key.name);
            }
        }
    }

    #[test]
    fn documentation_is_one_sentence() {
        for key in broker_keys().chain(topic_keys()).chain(group_keys()).chain(client_metrics_keys()) {
            let text = key.documentation;
            assert!(text.ends_with('.') && text.len() > 10 && text.len() < 140, "{}: {text}", key.name);
            match key.handling {
                Handling::Used => {}
                Handling::Accepted(reason) | Handling::Refused(reason) => assert!(reason.len() > 10),
            }
        }
    }

    #[test]
    fn synonyms_exist_and_share_the_default() {
        for topic in topic_keys() {
            for synonym in topic_synonyms(topic.name) {
                let broker = broker_key(synonym.key).unwrap_or_else(|| panic!("{} exists", synonym.key));
                if synonym.scale == Scale::Same && broker.default.is_some() {
                    assert_eq!(broker.default, topic.default, "{} and {}", topic.name, broker.name);
                    assert_eq!(broker.kind, topic.kind, "{} and {}", topic.name, broker.name);
                }
            }
        }
    }

    #[test]
    fn what_guards_access_is_refused_never_ignored() {
        for key in broker_keys() {
            let guards =
                ["ssl.", "sasl.", "authorizer.", "super.users"].iter().any(|p| key.name.starts_with(p));
            if guards {
                assert!(matches!(key.handling, Handling::Refused(_)), "{}", key.name);
            }
        }
    }
}
