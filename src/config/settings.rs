//! What the user has set, from which source, checked against the key tables. Precedence, from weak to
//! strong: default, file, environment, `--set`.
//!
//! Invariant: every value in [`Settings`] has passed its key; every key in it is known and not refused.
use std::collections::BTreeMap;
use std::fmt;

use crate::config::error::{ConfigError, ConfigErrors, ConfigWarning};
use crate::config::key::{Handling, Key};
use crate::config::keys::{broker_key, broker_keys, removed_key};
use crate::config::layers::DynamicConfig;
use crate::config::nearest::nearest;
use crate::config::value::Value;
use crate::config::{environment, properties};

/// Where configuration comes from. The caller reads the file and the environment.
#[derive(Clone, Copy, Default, Debug)]
pub struct Inputs<'a> {
    pub file: Option<ConfigFile<'a>>,
    /// Name and value of every environment variable.
    pub environment: &'a [(String, String)],
    /// The arguments of `--set`, each `key=value`.
    pub overrides: &'a [String],
}

/// A `.properties` file.
#[derive(Clone, Copy, Debug)]
pub struct ConfigFile<'a> {
    /// As the user named it, for messages.
    pub name: &'a str,
    pub text: &'a str,
}

/// Who has given a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    Default,
    File {
        name: String,
        line: usize,
    },
    Environment {
        variable: String,
    },
    /// `--set`.
    CommandLine,
    /// A client, while the node ran.
    Dynamic,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::File { name, line } => write!(f, "{name} line {line}"),
            Source::Environment { variable } => write!(f, "environment variable {variable}"),
            Source::CommandLine => f.write_str("--set"),
            Source::Dynamic => f.write_str("changed while running"),
        }
    }
}

/// A value that the user has set.
#[derive(Clone, PartialEq, Debug)]
pub struct Setting {
    pub value: Value,
    pub source: Source,
}

/// The configuration of a node as it was started.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Settings {
    set: BTreeMap<&'static str, Setting>,
}

/// One line of `ordain config`.
#[derive(Clone, PartialEq, Debug)]
pub struct Listed {
    pub name: &'static str,
    /// `None` where nothing is set and there is no default; `[hidden]` for a secret.
    pub value: Option<String>,
    pub source: Source,
    pub documentation: &'static str,
    /// Why the key has no effect, or is refused; `None` where it is used.
    pub remark: Option<&'static str>,
}

impl Settings {
    /// Reads and checks everything that the user has set.
    ///
    /// # Errors
    /// Every mistake there is, not only the first: unknown, dropped and refused keys, values that their keys
    /// do not take, lines and arguments that cannot be read.
    pub fn load(inputs: &Inputs<'_>) -> Result<Settings, ConfigErrors> {
        let (settings, errors) = Settings::read(inputs);
        ConfigErrors::unless_none(errors).map(|()| settings)
    }

    /// What is right of what the user has set, and every mistake.
    pub(super) fn read(inputs: &Inputs<'_>) -> (Settings, Vec<ConfigError>) {
        let mut errors = Vec::new();
        let mut settings = Settings::default();
        for (name, value, source) in gather(inputs, &mut errors) {
            match accept(&name, &value, &source) {
                Ok((key, value)) => {
                    settings.set.insert(key.name, Setting { value, source });
                }
                Err(error) => errors.push(error),
            }
        }
        (settings, errors)
    }

    /// These settings under what was set while the node ran, strongest last.
    #[must_use]
    pub(super) fn under(&self, layers: [&DynamicConfig; 2]) -> Settings {
        let mut settings = self.clone();
        for (name, value) in layers.into_iter().flat_map(DynamicConfig::iter) {
            settings.set.insert(name, Setting { value: value.clone(), source: Source::Dynamic });
        }
        settings
    }

    /// What the user has set for the key; `None` where the default holds.
    #[must_use]
    pub fn explicit(&self, name: &str) -> Option<&Setting> {
        self.set.get(name)
    }

    /// The value in force, the default if nothing is set; `None` for null.
    ///
    /// # Panics
    /// If the broker has no such key.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<Value> {
        if let Some(setting) = self.set.get(name) {
            return Some(setting.value.clone());
        }
        let key = broker_key(name).unwrap_or_else(|| panic!("{name} is no broker key"));
        key.default.map(|text| key.parse(text).expect("defaults pass their own key"))
    }

    /// Who has given the value in force.
    #[must_use]
    pub fn source(&self, name: &str) -> Source {
        self.set.get(name).map_or(Source::Default, |setting| setting.source.clone())
    }

    /// What was set to another value than its default, and has no effect.
    pub(super) fn without_effect(&self) -> impl Iterator<Item = ConfigWarning> {
        self.set.iter().filter_map(|(&name, setting)| {
            let key = broker_key(name).expect("settings hold known keys only");
            match key.handling {
                Handling::Accepted(reason) if key.default != Some(setting.value.to_string().as_str()) => {
                    Some(ConfigWarning::NoEffect { key: name, reason, origin: setting.source.clone() })
                }
                Handling::Used | Handling::Accepted(_) | Handling::Refused(_) => None,
            }
        })
    }

    /// Every key with its value, source and meaning, in the order of names.
    #[must_use]
    pub fn listing(&self) -> Vec<Listed> {
        broker_keys()
            .map(|key| Listed {
                name: key.name,
                value: self.value(key.name).map(|value| key.shown(&value.to_string()).to_owned()),
                source: self.source(key.name),
                documentation: key.documentation,
                remark: match key.handling {
                    Handling::Used => None,
                    Handling::Accepted(reason) | Handling::Refused(reason) => Some(reason),
                },
            })
            .collect()
    }
}

/// All entries from all sources, weak before strong.
fn gather(inputs: &Inputs<'_>, errors: &mut Vec<ConfigError>) -> Vec<(String, String, Source)> {
    let mut entries = Vec::new();
    if let Some(file) = inputs.file {
        let (found, wrong) = properties::parse(file.text);
        errors
            .extend(wrong.into_iter().map(|error| ConfigError::Syntax { file: file.name.to_owned(), error }));
        for entry in found {
            let source = Source::File { name: file.name.to_owned(), line: entry.line };
            entries.push((entry.key, entry.value, source));
        }
    }
    // Sorted, so that the same environment gives the same messages in the same order.
    let variables: BTreeMap<&String, &String> = inputs.environment.iter().map(|(n, v)| (n, v)).collect();
    for (variable, value) in variables {
        if let Some(key) = environment::key_of(variable) {
            entries.push((key, value.clone(), Source::Environment { variable: variable.clone() }));
        }
    }
    for text in inputs.overrides {
        match text.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() => {
                entries.push((key.trim().to_owned(), value.to_owned(), Source::CommandLine));
            }
            Some(_) | None => errors.push(ConfigError::NoAssignment { text: text.clone() }),
        }
    }
    entries
}

fn accept(name: &str, text: &str, source: &Source) -> Result<(&'static Key, Value), ConfigError> {
    let Some(key) = broker_key(name) else {
        return Err(unknown(name, source));
    };
    let value = key.parse(text).map_err(|invalid| ConfigError::Value { invalid, origin: source.clone() })?;
    match key.handling {
        Handling::Refused(reason) if key.default != Some(value.to_string().as_str()) => {
            Err(ConfigError::Refused { key: key.name, reason, origin: source.clone() })
        }
        Handling::Used | Handling::Accepted(_) | Handling::Refused(_) => Ok((key, value)),
    }
}

fn unknown(name: &str, source: &Source) -> ConfigError {
    let (key, origin) = (name.to_owned(), source.clone());
    if let Some(advice) = removed_key(name) {
        return ConfigError::Removed { key, advice, origin };
    }
    if name.starts_with("listener.name.") {
        return ConfigError::PerListener { key, origin };
    }
    if ["rsm.config.", "rlmm.config.", "config.providers."].iter().any(|prefix| name.starts_with(prefix)) {
        return ConfigError::PlugIn { key, origin };
    }
    let nearest = nearest(name, broker_keys().map(|key| key.name));
    ConfigError::Unknown { key, nearest, origin }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(text: &str) -> Inputs<'_> {
        Inputs { file: Some(ConfigFile { name: "server.properties", text }), ..Inputs::default() }
    }

    fn messages(inputs: &Inputs<'_>) -> Vec<String> {
        let errors = Settings::load(inputs).expect_err("a wrong configuration");
        errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_stronger_source_wins() {
        let environment = [("KAFKA_NUM_PARTITIONS".to_owned(), "2".to_owned())];
        let overrides = ["num.partitions=3".to_owned()];
        let mut inputs = file("num.partitions=1\nnum.partitions=9\nnode.id=5");
        let value = |inputs: &Inputs<'_>| {
            let settings = Settings::load(inputs).expect("right");
            (
                settings.value("num.partitions").expect("a default").to_string(),
                settings.source("num.partitions"),
            )
        };
        assert_eq!(value(&Inputs::default()), ("1".into(), Source::Default));
        assert_eq!(
            value(&inputs),
            ("9".into(), Source::File { name: "server.properties".into(), line: 2 }),
            "the last line wins, as in Java"
        );
        inputs.environment = &environment;
        assert_eq!(
            value(&inputs),
            ("2".into(), Source::Environment { variable: "KAFKA_NUM_PARTITIONS".into() })
        );
        inputs.overrides = &overrides;
        assert_eq!(value(&inputs), ("3".into(), Source::CommandLine));
    }

    #[test]
    fn all_mistakes_are_told_at_once_with_their_sources() {
        let environment = [("KAFKA_NUM_PARTITION".to_owned(), "2".to_owned())];
        let overrides = ["broken".to_owned(), "log.retention.ms=soon".to_owned()];
        let mut inputs =
            file("nonsense.key=1\nzookeeper.connect=z:2181\nssl.keystore.password=secret\nbad=\\u1");
        inputs.environment = &environment;
        inputs.overrides = &overrides;
        let told = messages(&inputs);
        assert_eq!(told.len(), 7, "{told:#?}");
        assert_eq!(told[0], "server.properties line 4: \\u has to be followed by four hexadecimal digits");
        assert_eq!(told[1], "--set broken: expected key=value");
        assert_eq!(
            told[2],
            "server.properties line 1: nonsense.key is no configuration key; `ordain config` lists them all"
        );
        assert_eq!(
            told[3],
            "server.properties line 2: zookeeper.connect was dropped by Kafka 4: there is no ZooKeeper; remove it"
        );
        assert!(
            told[4].starts_with("server.properties line 3: ssl.keystore.password is refused: TLS is not")
        );
        assert!(!told[4].contains("secret"));
        assert_eq!(
            told[5],
            "environment variable KAFKA_NUM_PARTITION: num.partition is no configuration key; \
             did you mean num.partitions?"
        );
        assert_eq!(
            told[6],
            "--set: Invalid value soon for configuration log.retention.ms: Not a number of type LONG; log.retention.ms is a \
             number of milliseconds in digits alone, for example log.retention.ms=604800000 for seven days"
        );
    }

    #[test]
    fn a_refused_key_may_be_set_to_its_default() {
        let settings =
            Settings::load(&file("security.inter.broker.protocol=PLAINTEXT\nssl.client.auth=none"));
        assert!(settings.is_ok());
        assert_eq!(messages(&file("sasl.enabled.mechanisms=PLAIN")).len(), 1);
        assert_eq!(messages(&file("super.users=User:admin")).len(), 1);
        let per_listener = messages(&file("listener.name.external.ssl.keystore.location=/k"));
        assert!(per_listener[0].contains("per-listener"), "{per_listener:?}");
    }

    #[test]
    fn the_listing_names_every_key_and_hides_secrets() {
        let settings = Settings::load(&file("broker.rack=r1\nnum.io.threads=4")).expect("right");
        let listing = settings.listing();
        assert_eq!(listing.len(), broker_keys().count());
        let line = |name: &str| listing.iter().find(|l| l.name == name).expect("listed").clone();
        assert_eq!(line("broker.rack").value.as_deref(), Some("r1"));
        assert_eq!(line("broker.rack").remark, None);
        assert!(line("num.io.threads").remark.is_some_and(|remark| remark.contains("ordain.shards")));
        assert_eq!(line("metadata.log.dir").value, None);
        assert_eq!(line("node.id").source, Source::Default);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_input_panics(text in "\\PC{0,40}(\n[a-z.]{1,20}=\\PC{0,20}){0,4}", name in "[A-Z_]{0,20}") {
            let environment = [(format!("KAFKA_{name}"), text.clone())];
            let overrides = [text.clone()];
            let inputs = Inputs { environment: &environment, overrides: &overrides, ..file(&text) };
            if let Err(errors) = Settings::load(&inputs) {
                prop_assert!(errors.iter().all(|error| !error.to_string().is_empty()));
            }
        }
    }
}
