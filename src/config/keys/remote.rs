//! The configuration keys of tiered storage: facts about Kafka 4.3 and Ordain.
use super::reasons::{TIERED, X_TIERED};
use crate::config::key::key_table;

key_table! {
    pub(super) const KEYS;

    "log.local.retention.bytes": Long = Some("-2"), AtLeast(-2), Medium, ClusterWide, TIERED,
        "Size of tiered segments that also stay on the local disk; -2 follows the retention size.";
    "log.local.retention.ms": Long = Some("-2"), AtLeast(-2), Medium, ClusterWide, TIERED,
        "How long tiered segments also stay on the local disk; -2 follows the retention time.";
    "remote.fetch.max.wait.ms": Int = Some("500"), AtLeast(1), Medium, ClusterWide, TIERED,
        "How long a fetch waits for tiered storage.";
    "remote.list.offsets.request.timeout.ms": Long = Some("30000"), AtLeast(1), Medium, ClusterWide, TIERED,
        "How long a look-up of offsets waits for tiered storage.";
    "remote.log.index.file.cache.total.size.bytes": Long = Some("1073741824"),
        AtLeast(1), Low, ClusterWide, TIERED,
        "Disk space for indexes fetched from tiered storage.";
    "remote.log.index.file.cache.ttl.ms": Long = Some("900000"), AtLeast(-1), Low, Internal, TIERED,
        "How long an unused index from tiered storage is kept.";
    "remote.log.manager.copier.thread.pool.size": Int = Some("10"), AtLeast(1), Medium, ClusterWide, TIERED,
        "Threads that copy segments to tiered storage.";
    "remote.log.manager.copy.max.bytes.per.second": Long = Some("9223372036854775807"),
        AtLeast(1), Medium, ClusterWide, TIERED,
        "Most bytes per second copied to tiered storage.";
    "remote.log.manager.copy.quota.window.num": Int = Some("11"), AtLeast(1), Medium, ReadOnly, TIERED,
        "Windows over which the copy rate is measured.";
    "remote.log.manager.copy.quota.window.size.seconds": Int = Some("1"),
        AtLeast(1), Medium, ReadOnly, TIERED,
        "Length of a window over which the copy rate is measured.";
    "remote.log.manager.expiration.thread.pool.size": Int = Some("10"),
        AtLeast(1), Medium, ClusterWide, TIERED,
        "Threads that remove expired segments from tiered storage.";
    "remote.log.manager.fetch.max.bytes.per.second": Long = Some("9223372036854775807"),
        AtLeast(1), Medium, ClusterWide, TIERED,
        "Most bytes per second read from tiered storage.";
    "remote.log.manager.fetch.quota.window.num": Int = Some("11"), AtLeast(1), Medium, ReadOnly, TIERED,
        "Windows over which the read rate is measured.";
    "remote.log.manager.fetch.quota.window.size.seconds": Int = Some("1"),
        AtLeast(1), Medium, ReadOnly, TIERED,
        "Length of a window over which the read rate is measured.";
    "remote.log.manager.follower.thread.pool.size": Int = Some("2"), AtLeast(1), Medium, ClusterWide, TIERED,
        "Threads that keep followers informed about tiered storage.";
    "remote.log.manager.task.interval.ms": Long = Some("30000"), AtLeast(1), Low, ReadOnly, TIERED,
        "How often each partition is checked for segments to tier.";
    "remote.log.manager.task.retry.backoff.max.ms": Long = Some("30000"), AtLeast(1), Low, Internal, TIERED,
        "Longest pause after failed tiered-storage tasks.";
    "remote.log.manager.task.retry.backoff.ms": Long = Some("500"), AtLeast(1), Low, Internal, TIERED,
        "First pause after a failed tiered-storage task.";
    "remote.log.manager.task.retry.jitter": Double = Some("0.2"),
        BetweenReal(0.0, 0.5), Low, Internal, TIERED,
        "Random share of the pause after a failed tiered-storage task.";
    "remote.log.manager.thread.pool.size": Int = Some("2"), AtLeast(1), Medium, ReadOnly, TIERED,
        "Threads for tiered storage's scheduled work.";
    "remote.log.metadata.custom.metadata.max.bytes": Int = Some("128"), AtLeast(0), Low, ReadOnly, TIERED,
        "Most bytes a storage plug-in may attach to a segment.";
    "remote.log.metadata.manager.class.name": Text =
        Some("org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager"),
        NonEmpty, Medium, ReadOnly, TIERED,
        "The class of the tiered metadata plug-in.";
    "remote.log.metadata.manager.class.path": Text = None, Any, Medium, ReadOnly, TIERED,
        "Where the classes of the tiered metadata plug-in lie.";
    "remote.log.metadata.manager.impl.prefix": Text = Some("rlmm.config."),
        NonEmpty, Medium, ReadOnly, TIERED,
        "Prefix of the keys that are handed to the tiered metadata plug-in.";
    "remote.log.metadata.manager.listener.name": Text = None, NonEmpty, Medium, ReadOnly, TIERED,
        "The listener that the tiered metadata plug-in connects to.";
    "remote.log.reader.max.pending.tasks": Int = Some("100"), AtLeast(1), Medium, ReadOnly, TIERED,
        "Most reads waiting for tiered storage.";
    "remote.log.reader.threads": Int = Some("10"), AtLeast(1), Medium, ClusterWide, TIERED,
        "Threads that read from tiered storage.";
    "remote.log.storage.manager.class.name": Text = None, NonEmpty, Medium, ReadOnly, TIERED,
        "The class of the storage plug-in.";
    "remote.log.storage.manager.class.path": Text = None, Any, Medium, ReadOnly, TIERED,
        "Where the classes of the storage plug-in lie.";
    "remote.log.storage.manager.impl.prefix": Text = Some("rsm.config."), NonEmpty, Medium, ReadOnly, TIERED,
        "Prefix of the keys that are handed to the storage plug-in.";
    "remote.log.storage.system.enable": Boolean = Some("false"), Any, Medium, ReadOnly, X_TIERED,
        "Whether old segments may move to tiered storage.";
}
