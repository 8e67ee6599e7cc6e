//! Configuration: every key of Kafka 4.3 and of Ordain as a table, the sources that values come from, and
//! typed results for the broker and for topics. A leaf of the import graph and pure: the caller reads files
//! and the environment.
mod environment;
mod error;
mod key;
mod keys;
mod nearest;
pub mod properties;
mod settings;
mod value;

pub use error::{ConfigError, ConfigErrors, ConfigWarning, ListenerError};
pub use key::{Check, Empty, Handling, Importance, Key, Kind, Update};
pub use keys::{Scale, Synonym, broker_key, broker_keys, is_listed, topic_key, topic_keys, topic_synonyms};
pub use settings::{ConfigFile, Inputs, Listed, Setting, Settings, Source};
pub use value::{InvalidValue, Problem, Value};
