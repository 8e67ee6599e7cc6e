//! What holds for one topic: its own values over the broker's defaults, typed.
use std::collections::BTreeMap;

use crate::config::alter::{AlterConfigError, validate_topic_config};
use crate::config::layers::TopicDefaults;
use crate::config::value::Value;

/// The effective configuration of a topic. Times are milliseconds, sizes bytes.
#[derive(Clone, PartialEq, Debug)]
pub struct TopicConfig {
    pub cleanup: CleanupPolicy,
    pub compression: TopicCompression,
    /// `None` keeps records for ever.
    pub retention_ms: Option<i64>,
    /// Per partition; `None` sets no bound.
    pub retention_bytes: Option<i64>,
    /// At least 1; under a megabyte only through the internal key that tests use.
    pub segment_bytes: i32,
    pub segment_ms: i64,
    pub segment_jitter_ms: i64,
    pub segment_index_bytes: i32,
    pub index_interval_bytes: i32,
    /// Largest record batch.
    pub max_message_bytes: i32,
    pub timestamp: TimestampRule,
    /// How far before the clock a producer's time may lie.
    pub timestamp_before_max_ms: i64,
    /// How far after the clock a producer's time may lie.
    pub timestamp_after_max_ms: i64,
    /// Between 0 and 1.
    pub min_cleanable_dirty_ratio: f64,
    /// Never greater than the greatest.
    pub min_compaction_lag_ms: i64,
    pub max_compaction_lag_ms: i64,
    /// How long tombstones stay.
    pub delete_retention_ms: i64,
    pub file_delete_delay_ms: i64,
    /// As asked for; a majority acknowledges whatever it says.
    pub min_insync_replicas: i32,
}

/// What happens to old records; neither keeps all (KIP-1161).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CleanupPolicy {
    pub compact: bool,
    pub delete: bool,
}

/// The codec that records are stored in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TopicCompression {
    /// As they came.
    Producer,
    Uncompressed,
    Gzip {
        level: i32,
    },
    Snappy,
    Lz4 {
        level: i32,
    },
    Zstd {
        level: i32,
    },
}

/// Whose clock a record's time is from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimestampRule {
    /// The producer's.
    CreateTime,
    /// The broker's.
    LogAppendTime,
}

impl TopicConfig {
    /// The topic's own values, in text form, over the defaults.
    ///
    /// # Errors
    /// Every key that topics do not have, every value that its key does not take, and values that contradict
    /// each other.
    pub fn resolve(
        defaults: &TopicDefaults,
        overrides: &BTreeMap<String, String>,
    ) -> Result<TopicConfig, Vec<AlterConfigError>> {
        let (config, errors) = TopicConfig::resolve_stored(defaults, overrides);
        if errors.is_empty() { Ok(config) } else { Err(errors) }
    }

    /// As [`TopicConfig::resolve`], for values that were stored earlier, over defaults that may have changed
    /// since. Nothing of it may keep a topic from being served: what cannot be used is told and left out, and
    /// of contradictory lags the longer one holds.
    #[must_use]
    pub fn resolve_stored(
        defaults: &TopicDefaults,
        overrides: &BTreeMap<String, String>,
    ) -> (TopicConfig, Vec<AlterConfigError>) {
        let mut own = BTreeMap::new();
        let mut errors = Vec::new();
        for (name, text) in overrides {
            match validate_topic_config(name, text) {
                Ok((key, value)) => {
                    own.insert(key.name, value);
                }
                Err(error) => errors.push(error),
            }
        }
        let mut config = Effective { own: &own, defaults }.config();
        if let Some(error) = config.contradiction() {
            config.max_compaction_lag_ms = config.min_compaction_lag_ms;
            errors.push(error);
        }
        (config, errors)
    }

    fn contradiction(&self) -> Option<AlterConfigError> {
        let (least, most) = (self.min_compaction_lag_ms, self.max_compaction_lag_ms);
        (least > most).then_some(AlterConfigError::CompactionLag { least, most })
    }
}

struct Effective<'a> {
    own: &'a BTreeMap<&'static str, Value>,
    defaults: &'a TopicDefaults,
}

impl Effective<'_> {
    fn config(&self) -> TopicConfig {
        TopicConfig {
            cleanup: self.cleanup(),
            compression: self.compression(),
            retention_ms: Some(self.long("retention.ms")).filter(|ms| *ms >= 0),
            retention_bytes: Some(self.long("retention.bytes")).filter(|bytes| *bytes >= 0),
            segment_bytes: match self.get("internal.segment.bytes") {
                Some(_) => self.int("internal.segment.bytes"),
                None => self.int("segment.bytes"),
            },
            segment_ms: self.long("segment.ms"),
            segment_jitter_ms: self.long("segment.jitter.ms"),
            segment_index_bytes: self.int("segment.index.bytes"),
            index_interval_bytes: self.int("index.interval.bytes"),
            max_message_bytes: self.int("max.message.bytes"),
            timestamp: match self.text("message.timestamp.type") {
                "CreateTime" => TimestampRule::CreateTime,
                "LogAppendTime" => TimestampRule::LogAppendTime,
                other => panic!("{other} has passed the check of message.timestamp.type"),
            },
            timestamp_before_max_ms: self.long("message.timestamp.before.max.ms"),
            timestamp_after_max_ms: self.long("message.timestamp.after.max.ms"),
            min_cleanable_dirty_ratio: self.double("min.cleanable.dirty.ratio"),
            min_compaction_lag_ms: self.long("min.compaction.lag.ms"),
            max_compaction_lag_ms: self.long("max.compaction.lag.ms"),
            delete_retention_ms: self.long("delete.retention.ms"),
            file_delete_delay_ms: self.long("file.delete.delay.ms"),
            min_insync_replicas: self.int("min.insync.replicas"),
        }
    }

    fn cleanup(&self) -> CleanupPolicy {
        match self.get("cleanup.policy") {
            Some(Value::List(policies)) => {
                let has = |name: &str| policies.iter().any(|policy| policy == name);
                CleanupPolicy { compact: has("compact"), delete: has("delete") }
            }
            other => panic!("cleanup.policy is a list, and is {other:?}"),
        }
    }

    fn compression(&self) -> TopicCompression {
        match self.text("compression.type") {
            "producer" => TopicCompression::Producer,
            "uncompressed" => TopicCompression::Uncompressed,
            "gzip" => TopicCompression::Gzip { level: self.int("compression.gzip.level") },
            "snappy" => TopicCompression::Snappy,
            "lz4" => TopicCompression::Lz4 { level: self.int("compression.lz4.level") },
            "zstd" => TopicCompression::Zstd { level: self.int("compression.zstd.level") },
            other => panic!("{other} has passed the check of compression.type"),
        }
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.own.get(name).or_else(|| self.defaults.value(name))
    }

    fn int(&self, name: &str) -> i32 {
        match self.get(name) {
            Some(Value::Int(number)) => *number,
            other => panic!("{name} is an int, and is {other:?}"),
        }
    }

    fn long(&self, name: &str) -> i64 {
        match self.get(name) {
            Some(Value::Long(number)) => *number,
            other => panic!("{name} is a long, and is {other:?}"),
        }
    }

    fn double(&self, name: &str) -> f64 {
        match self.get(name) {
            Some(Value::Double(number)) => *number,
            other => panic!("{name} is a double, and is {other:?}"),
        }
    }

    fn text(&self, name: &str) -> &str {
        match self.get(name) {
            Some(Value::Text(text)) => text,
            other => panic!("{name} is a string, and is {other:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::layers::{BrokerLayers, DynamicConfig};
    use crate::config::settings::{ConfigFile, Inputs, Settings};
    use proptest::prelude::*;

    fn defaults(text: &str) -> TopicDefaults {
        let file = Some(ConfigFile { name: "f", text });
        let settings = Settings::load(&Inputs { file, ..Inputs::default() }).expect("right");
        let none = DynamicConfig::default();
        TopicDefaults::new(&BrokerLayers { broker: &none, cluster: &none, settings: &settings })
    }

    fn resolve(overrides: &[(&str, &str)]) -> Result<TopicConfig, Vec<String>> {
        let overrides = overrides.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        TopicConfig::resolve(&defaults(""), &overrides)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn without_overrides_kafkas_defaults_hold() {
        let config = resolve(&[]).expect("right");
        assert_eq!(config.cleanup, CleanupPolicy { compact: false, delete: true });
        assert_eq!(config.compression, TopicCompression::Producer);
        assert_eq!(config.retention_ms, Some(604_800_000));
        assert_eq!(config.retention_bytes, None);
        assert_eq!(config.segment_bytes, 1 << 30);
        assert_eq!(config.max_message_bytes, 1_048_588);
        assert_eq!(config.timestamp, TimestampRule::CreateTime);
        assert_eq!(config.timestamp_after_max_ms, 3_600_000);
        assert_eq!(config.timestamp_before_max_ms, i64::MAX);
    }

    #[test]
    fn a_topics_own_values_win_over_the_brokers() {
        let broker = defaults("log.retention.hours=1\ncompression.type=zstd\ncompression.zstd.level=7");
        let own = [("retention.ms".to_owned(), "-1".to_owned())].into();
        let config = TopicConfig::resolve(&broker, &own).expect("right");
        assert_eq!(config.retention_ms, None);
        assert_eq!(config.compression, TopicCompression::Zstd { level: 7 });
        let config = TopicConfig::resolve(&broker, &BTreeMap::new()).expect("right");
        assert_eq!(config.retention_ms, Some(3_600_000));
    }

    #[test]
    fn cleanup_may_be_both_or_none() {
        let policy = |text| resolve(&[("cleanup.policy", text)]).expect("right").cleanup;
        assert_eq!(policy("compact,delete"), CleanupPolicy { compact: true, delete: true });
        assert_eq!(policy(""), CleanupPolicy { compact: false, delete: false });
    }

    #[test]
    fn tests_may_ask_for_tiny_segments() {
        assert_eq!(resolve(&[("internal.segment.bytes", "1024")]).expect("right").segment_bytes, 1024);
        assert!(resolve(&[("segment.bytes", "1024")]).is_err());
    }

    #[test]
    fn all_mistakes_are_told() {
        assert_eq!(
            resolve(&[("max.message.bytes", "-1"), ("nothing", "1")]).expect_err("wrong"),
            [
                "Invalid value -1 for configuration max.message.bytes: Value must be at least 0",
                "Unknown topic config name: nothing",
            ]
        );
        assert_eq!(
            resolve(&[("min.compaction.lag.ms", "5"), ("max.compaction.lag.ms", "4")]).expect_err("wrong"),
            ["conflict topic config setting min.compaction.lag.ms (5) > max.compaction.lag.ms (4)"]
        );
    }

    #[test]
    fn bounds_are_kafkas() {
        let ok = |name: &str, value: &str| resolve(&[(name, value)]).is_ok();
        for (name, value) in [
            ("segment.bytes", "1048576"),
            ("segment.ms", "1"),
            ("segment.jitter.ms", "0"),
            ("segment.index.bytes", "4"),
            ("flush.messages", "1"),
            ("flush.ms", "0"),
            ("retention.ms", "-1"),
            ("retention.ms", "0"),
            ("retention.bytes", "-1"),
            ("min.insync.replicas", "1"),
            ("max.compaction.lag.ms", "1"),
            ("min.cleanable.dirty.ratio", "0"),
            ("compression.gzip.level", "9"),
            ("compression.zstd.level", "-131072"),
            ("local.retention.ms", "-2"),
            ("message.timestamp.type", "LogAppendTime"),
        ] {
            assert!(ok(name, value), "{name}={value}");
        }
        for (name, value) in [
            ("segment.ms", "0"),
            ("segment.index.bytes", "3"),
            ("flush.messages", "0"),
            ("flush.ms", "-1"),
            ("min.insync.replicas", "0"),
            ("max.compaction.lag.ms", "0"),
            ("min.cleanable.dirty.ratio", "-0.1"),
            ("compression.gzip.level", "10"),
            ("compression.lz4.level", "18"),
            ("compression.zstd.level", "23"),
            ("local.retention.ms", "-3"),
            ("message.timestamp.type", "createtime"),
            ("compression.type", "none"),
        ] {
            assert!(!ok(name, value), "{name}={value}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_override_panics(text in "\\PC{0,12}|-?[0-9]{1,12}|delete|compact|gzip|lz4|zstd") {
            let defaults = defaults("");
            for key in crate::config::topic_keys() {
                let own = [(key.name.to_owned(), text.clone())].into();
                if let Ok(config) = TopicConfig::resolve(&defaults, &own) {
                    prop_assert!(config.segment_bytes > 0 && config.max_message_bytes >= 0);
                }
            }
        }
    }
}
