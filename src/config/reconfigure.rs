//! What a node's configuration becomes while it runs: the typed values of the start with those sections read
//! anew that hold keys which clients may change (KIP-226).
use std::sync::{Arc, PoisonError, RwLock};

use crate::config::broker::{BrokerConfig, Reader};
use crate::config::error::{ConfigError, ConfigErrors};
use crate::config::keys::broker_key;
use crate::config::layers::{BrokerLayers, TopicDefaults};
use crate::config::value::Value;

/// The keys that stand for the sizes of Kafka's thread pools. They have no effect here, and are held to
/// Kafka's rule all the same, so that a script finds the same answers.
const THREAD_POOLS: [&str; 6] = [
    "background.threads",
    "log.cleaner.threads",
    "num.io.threads",
    "num.network.threads",
    "num.recovery.threads.per.data.dir",
    "num.replica.fetchers",
];

impl BrokerConfig {
    /// The configuration under what clients have set since the start. Keys that cannot change keep the values
    /// of `self`; that of the layers' settings must be the same.
    ///
    /// # Errors
    /// What contradicts each other, now that the layers lie over the settings.
    pub fn reconfigured(&self, layers: &BrokerLayers<'_>) -> Result<BrokerConfig, ConfigErrors> {
        let settings = layers.settings.under([layers.cluster, layers.broker]);
        let mut errors = Vec::new();
        let mut reader = Reader { settings: &settings, errors: &mut errors };
        reader.check_lags();
        let config = BrokerConfig {
            network: reader.network(),
            topic_defaults: TopicDefaults::new(layers).after(self.topic_defaults.generation()),
            producers: reader.producers(),
            cleaner: reader.cleaner(),
            ..self.clone()
        };
        ConfigErrors::unless_none(errors).map(|()| config)
    }
}

/// Whether every thread pool grows to twice its size at most, and shrinks to half of it at least.
///
/// # Errors
/// The first one that does not.
pub fn check_thread_pools(before: &BrokerLayers<'_>, after: &BrokerLayers<'_>) -> Result<(), ConfigError> {
    for key in THREAD_POOLS {
        let number = |layers: &BrokerLayers<'_>| match layers.value(key) {
            Some(Value::Int(number)) => i64::from(number),
            other => panic!("{key} is an int with a default, and is {other:?}"),
        };
        let (from, to) = (number(before), number(after));
        let key = broker_key(key).expect("the table has it").name;
        if to > 2 * from {
            return Err(ConfigError::PoolGrows { key, from, to });
        }
        if to < 1 || to < from / 2 {
            return Err(ConfigError::PoolShrinks { key, from, to });
        }
    }
    Ok(())
}

/// The configuration that holds, for any number of readers. Whoever needs a consistent view takes one and
/// keeps it for the request, after it has taken the metadata's image.
#[derive(Debug)]
pub struct LiveConfig {
    current: RwLock<Arc<BrokerConfig>>,
}

impl LiveConfig {
    #[must_use]
    pub fn new(config: Arc<BrokerConfig>) -> LiveConfig {
        LiveConfig { current: RwLock::new(config) }
    }

    #[must_use]
    pub fn load(&self) -> Arc<BrokerConfig> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes `config` the one that holds. Only the metadata log's owner calls it.
    pub fn publish(&self, config: Arc<BrokerConfig>) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = config;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::alter::Scope;
    use crate::config::broker::load;
    use crate::config::layers::DynamicConfig;
    use crate::config::settings::{ConfigFile, Inputs};

    fn dynamic(texts: &[(&str, &str)], scope: Scope) -> DynamicConfig {
        let texts = texts.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let (config, errors) = DynamicConfig::parse(&texts, scope);
        assert_eq!(errors, []);
        config
    }

    fn reconfigured(
        text: &str,
        cluster: &[(&str, &str)],
        broker: &[(&str, &str)],
    ) -> Result<BrokerConfig, Vec<String>> {
        let file = Some(ConfigFile { name: "f", text });
        let loaded = load(&Inputs { file, ..Inputs::default() }, None).expect("right");
        let (cluster, broker) = (dynamic(cluster, Scope::AllBrokers), dynamic(broker, Scope::OneBroker));
        let layers = BrokerLayers { broker: &broker, cluster: &cluster, settings: &loaded.settings };
        let config = loaded.broker.reconfigured(&layers);
        config.map_err(|errors| errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_brokers_own_value_stands_over_the_clusters_and_both_over_the_start() {
        let start = "max.connections=9\nlog.retention.hours=1\nlog.cleaner.backoff.ms=7";
        let cluster = [("max.connections", "8"), ("log.retention.ms", "5")];
        let config = reconfigured(start, &cluster, &[("log.retention.ms", "6")]).expect("right");
        assert_eq!(config.network.connections_max, 8);
        assert_eq!(config.topic_defaults.value("retention.ms"), Some(&Value::Long(6)));
        assert_eq!(config.cleaner.backoff.as_millis(), 7);
        assert_eq!(config.topic_defaults.generation(), 1);
    }

    #[test]
    fn what_contradicts_each_other_is_refused() {
        let nobody = reconfigured("", &[("max.connections.per.ip", "0")], &[]).expect_err("refused");
        assert!(nobody[0].contains("lets nobody in"), "{nobody:?}");
        let lags = [("log.cleaner.max.compaction.lag.ms", "3")];
        let told = reconfigured("log.cleaner.min.compaction.lag.ms=4", &lags, &[]).expect_err("refused");
        assert!(told[0].contains("must not be greater"), "{told:?}");
    }

    #[test]
    fn a_thread_pool_changes_by_a_factor_of_two_at_most() {
        let loaded = load(&Inputs::default(), None).expect("right");
        let none = DynamicConfig::default();
        let before = BrokerLayers { broker: &none, cluster: &none, settings: &loaded.settings };
        let check = |count: &str| {
            let cluster = dynamic(&[("num.io.threads", count)], Scope::AllBrokers);
            check_thread_pools(&before, &BrokerLayers { cluster: &cluster, ..before })
        };
        assert_eq!((check("16"), check("4")), (Ok(()), Ok(())));
        let grown = check("17").expect_err("refused").to_string();
        assert!(grown.ends_with("greater than double the current value 8"), "{grown}");
        assert!(check("3").expect_err("refused").to_string().ends_with("half the current value 8"));
        let cleaners = dynamic(&[("log.cleaner.threads", "0")], Scope::AllBrokers);
        let none_left = check_thread_pools(&before, &BrokerLayers { cluster: &cleaners, ..before });
        assert!(none_left.is_err(), "a pool of none does nothing");
    }
}
