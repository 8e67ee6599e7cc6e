use crate::config::{ProducersConfig, TopicConfig};
use crate::log::LogConfig;

/// What a topic's configuration, and the node's about producers, mean for its logs.
#[must_use]
pub fn log_config(topic: &TopicConfig, producers: &ProducersConfig) -> LogConfig {
    let bytes = |value: i32| u64::try_from(value).unwrap_or(0);
    LogConfig {
        segment_bytes: bytes(topic.segment_bytes),
        segment_ms: topic.segment_ms,
        segment_jitter_ms: topic.segment_jitter_ms,
        segment_index_bytes: bytes(topic.segment_index_bytes),
        index_interval_bytes: bytes(topic.index_interval_bytes),
        retention_ms: topic.retention_ms.unwrap_or(-1),
        retention_bytes: topic.retention_bytes.unwrap_or(-1),
        max_message_bytes: usize::try_from(topic.max_message_bytes).unwrap_or(0),
        delete: topic.cleanup.delete,
        compact: topic.cleanup.compact,
        min_cleanable_dirty_ratio: topic.min_cleanable_dirty_ratio,
        min_compaction_lag_ms: topic.min_compaction_lag_ms,
        max_compaction_lag_ms: topic.max_compaction_lag_ms,
        delete_retention_ms: topic.delete_retention_ms,
        producer_id_expiration_ms: i64::try_from(producers.id_expiration.as_millis()).unwrap_or(i64::MAX),
    }
}
