//! Configuration: every key of Kafka 4.3 and of Ordain as a table, the sources that values come from, and
//! typed results for the broker and for topics. A leaf of the import graph and pure: the caller reads files
//! and the environment.
//!
//! ```text
//! keys ──► value ──► settings ──► broker          (at the start: load; its parts in listeners and quorum)
//!                        └──► layers ──► topic    (while running: TopicConfig::resolve)
//!                               ├──► reconfigure  (what clients change while the node runs: LiveConfig)
//!                               └──► describe     (DescribeConfigs)     alter (AlterConfigs)
//! ```
mod alter;
mod broker;
mod describe;
mod environment;
mod error;
mod hint;
mod key;
mod keys;
mod layers;
mod listeners;
mod nearest;
pub mod properties;
mod quorum;
mod reconfigure;
mod resources;
mod settings;
mod topic;
mod topic_name;
mod value;

pub use alter::{
    AlterConfigError, AlterOperation, Scope, apply_incremental, validate_broker_config, validate_topic_config,
};
pub use broker::{
    BrokerConfig, CleanerConfig, DirectIo, FetchConfig, GroupsConfig, LoadedConfig, MetadataConfig,
    NetworkConfig, OffsetsConfig, ProducersConfig, StorageConfig, TopicsConfig, load,
};
pub use describe::{
    ConfigEntry, ConfigSource, ConfigSynonym, describe_all_brokers, describe_broker, describe_client_metrics,
    describe_group, describe_topic,
};
pub use error::{
    Audience, ClosedListener, ConfigError, ConfigErrors, ConfigWarning, ListenerError, QuorumError,
};
pub use hint::number_hint;
pub use key::{Check, Empty, Handling, Importance, Key, Kind, Update};
pub use keys::{
    Scale, Synonym, broker_key, broker_keys, client_metrics_keys, group_key, group_keys, is_listed,
    topic_key, topic_keys, topic_synonyms,
};
pub use layers::{BrokerLayers, DynamicConfig, TopicDefaults};
pub use listeners::Listener;
pub use quorum::{QuorumConfig, QuorumServer};
pub use reconfigure::{LiveConfig, check_thread_pools};
pub use resources::{check_client_metrics, check_group};
pub use settings::{ConfigFile, Inputs, Listed, Setting, Settings, Source};
pub use topic::{CleanupPolicy, TimestampRule, TopicCompression, TopicConfig};
pub use topic_name::{
    INTERNAL_TOPICS, OFFSETS_TOPIC, TopicNameError, has_collision_characters, is_internal_topic,
    topic_names_collide, validate_topic_name,
};
pub use value::{InvalidValue, Problem, Value};
