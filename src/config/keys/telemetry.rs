//! The configuration keys of metrics and quotas: facts about Kafka 4.3 and Ordain.
use super::reasons::{JAVA, METRICS, QUOTAS};
use crate::config::key::key_table;

key_table! {
    pub(super) const KEYS;

    "alter.log.dirs.replication.quota.window.num": Int = Some("11"), AtLeast(1), Low, ReadOnly, QUOTAS,
        "Windows over which moves between data directories are measured.";
    "alter.log.dirs.replication.quota.window.size.seconds": Int = Some("1"),
        AtLeast(1), Low, ReadOnly, QUOTAS,
        "Length of a window for moves between data directories.";
    "client.quota.callback.class": Class = None, Any, Low, ReadOnly, JAVA,
        "A class that computes the quotas of clients.";
    "controller.quota.window.num": Int = Some("11"), AtLeast(1), Low, ReadOnly, QUOTAS,
        "Windows over which quotas on topic changes are measured.";
    "controller.quota.window.size.seconds": Int = Some("1"), AtLeast(1), Low, ReadOnly, QUOTAS,
        "Length of a window of the quotas on topic changes.";
    "follower.replication.throttled.rate": Long = Some("9223372036854775807"),
        AtLeast(0), Medium, ClusterWide, QUOTAS,
        "Bytes per second that throttled followers fetch.";
    "kafka.metrics.polling.interval.secs": Int = Some("10"), AtLeast(1), Low, ReadOnly, METRICS,
        "How often the reporters of server metrics are polled.";
    "kafka.metrics.reporters": List = Some(""), List(&[], Empty::Allowed), Low, ReadOnly, METRICS,
        "Classes that are told of the server's metrics.";
    "leader.replication.throttled.rate": Long = Some("9223372036854775807"),
        AtLeast(0), Medium, ClusterWide, QUOTAS,
        "Bytes per second that leaders send to throttled replicas.";
    "metric.reporters": List = Some("org.apache.kafka.common.metrics.JmxReporter"),
        List(&[], Empty::Allowed), Low, ClusterWide, METRICS,
        "Classes that are told of the client library's metrics.";
    "metrics.num.samples": Int = Some("2"), AtLeast(1), Low, ReadOnly, METRICS,
        "Samples that a metric is computed over.";
    "metrics.recording.level": Text = Some("INFO"), Any, Low, ReadOnly, METRICS,
        "How detailed metrics are.";
    "metrics.sample.window.ms": Long = Some("30000"), AtLeast(1), Low, ReadOnly, METRICS,
        "Length of a sample that a metric is computed over.";
    "quota.window.num": Int = Some("11"), AtLeast(1), Low, ReadOnly, QUOTAS,
        "Windows over which client quotas are measured.";
    "quota.window.size.seconds": Int = Some("1"), AtLeast(1), Low, ReadOnly, QUOTAS,
        "Length of a window of the client quotas.";
    "replica.alter.log.dirs.io.max.bytes.per.second": Long = Some("9223372036854775807"),
        AtLeast(0), Medium, ClusterWide, QUOTAS,
        "Bytes per second for moves between data directories.";
    "replication.quota.window.num": Int = Some("11"), AtLeast(1), Low, ReadOnly, QUOTAS,
        "Windows over which replication quotas are measured.";
    "replication.quota.window.size.seconds": Int = Some("1"), AtLeast(1), Low, ReadOnly, QUOTAS,
        "Length of a window of the replication quotas.";
    "telemetry.max.bytes": Int = Some("1048576"), AtLeast(1), Low, ReadOnly, METRICS,
        "Largest metrics push that a client may send.";
}
