//! The configuration keys of topics. `synonyms` beside this file tells which broker keys give their defaults.
use super::reasons::{DURABLE, JOURNAL, MAJORITY, QUOTAS, TIERED, UNLINK, X_TIERED};
use crate::config::key::key_table;

key_table! {
    pub(super) const KEYS;

    "cleanup.policy": List = Some("delete"),
        List(&["compact", "delete"], Empty::Allowed), Medium, ClusterWide, Used,
        "What happens to old records: delete, compact, both, or neither.";
    "compression.gzip.level": Int = Some("-1"), BetweenOr(1, 9, -1), Medium, ClusterWide, Used,
        "Effort of gzip where the broker compresses; -1 is the codec's default.";
    "compression.lz4.level": Int = Some("9"), Between(1, 17), Medium, ClusterWide, Used,
        "Effort of LZ4 where the broker compresses; 9 is the fast compressor, as in Kafka.";
    "compression.type": Text = Some("producer"),
        OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]), Medium, ClusterWide, Used,
        "The codec records are stored in; producer keeps what the client sent.";
    "compression.zstd.level": Int = Some("3"), Between(-131_072, 22), Medium, ClusterWide, Used,
        "Effort of Zstandard where the broker compresses.";
    "delete.retention.ms": Long = Some("86400000"), AtLeast(0), Medium, ClusterWide, Used,
        "How long the tombstones of a compacted topic are kept.";
    "file.delete.delay.ms": Long = Some("60000"), AtLeast(0), Medium, ClusterWide, UNLINK,
        "How long the files of a deleted segment stay on disk.";
    "flush.messages": Long = Some("9223372036854775807"), AtLeast(1), Medium, ClusterWide, DURABLE,
        "Records between two forced syncs.";
    "flush.ms": Long = Some("9223372036854775807"), AtLeast(0), Medium, ClusterWide, DURABLE,
        "Longest time a record stays without a forced sync.";
    "follower.replication.throttled.replicas": List = Some(""),
        ThrottledReplicas, Medium, ClusterWide, QUOTAS,
        "Replicas that are throttled as followers, as partition:broker pairs or *.";
    "index.interval.bytes": Int = Some("4096"), AtLeast(0), Medium, ClusterWide, Used,
        "Record bytes between two entries of a segment's offset index.";
    "internal.segment.bytes": Int = None, AtLeast(1), Medium, Internal, Used,
        "Size at which a partition starts a new segment, without the public key's lower bound; for tests.";
    "leader.replication.throttled.replicas": List = Some(""), ThrottledReplicas, Medium, ClusterWide, QUOTAS,
        "Replicas that are throttled as leaders, as partition:broker pairs or *.";
    "local.retention.bytes": Long = Some("-2"), AtLeast(-2), Medium, ClusterWide, TIERED,
        "Size of tiered segments that also stay on the local disk; -2 follows retention.bytes.";
    "local.retention.ms": Long = Some("-2"), AtLeast(-2), Medium, ClusterWide, TIERED,
        "How long tiered segments also stay on the local disk; -2 follows retention.ms.";
    "max.compaction.lag.ms": Long = Some("9223372036854775807"), AtLeast(1), Medium, ClusterWide, Used,
        "Age after which a record is due for compaction.";
    "max.message.bytes": Int = Some("1048588"), AtLeast(0), Medium, ClusterWide, Used,
        "Largest record batch that is accepted, as it lies on the wire.";
    "message.timestamp.after.max.ms": Long = Some("3600000"), AtLeast(0), Medium, ClusterWide, Used,
        "How far a record's time may lie after the broker's clock.";
    "message.timestamp.before.max.ms": Long = Some("9223372036854775807"),
        AtLeast(0), Medium, ClusterWide, Used,
        "How far a record's time may lie before the broker's clock.";
    "message.timestamp.type": Text = Some("CreateTime"),
        OneOf(&["CreateTime", "LogAppendTime"]), Medium, ClusterWide, Used,
        "Whether records keep the producer's time or get the broker's.";
    "min.cleanable.dirty.ratio": Double = Some("0.5"), Between(0, 1), Medium, ClusterWide, Used,
        "Share of a partition that has to be uncompacted before compaction takes it up.";
    "min.compaction.lag.ms": Long = Some("0"), AtLeast(0), Medium, ClusterWide, Used,
        "Age that a record reaches before compaction may remove it.";
    "min.insync.replicas": Int = Some("1"), AtLeast(1), Medium, ClusterWide, Used,
        "Replicas that have to hold a record before acks=all is answered.";
    "preallocate": Boolean = Some("false"), Any, Medium, ClusterWide, JOURNAL,
        "Whether segment files take their full size at once.";
    "remote.log.copy.disable": Boolean = Some("false"), Any, Medium, ClusterWide, TIERED,
        "Whether tiered data becomes read-only.";
    "remote.log.delete.on.disable": Boolean = Some("false"), Any, Medium, ClusterWide, TIERED,
        "Whether tiered data is deleted when tiered storage is switched off.";
    "remote.storage.enable": Boolean = Some("false"), Any, Medium, ClusterWide, X_TIERED,
        "Whether old segments move to tiered storage.";
    "retention.bytes": Long = Some("-1"), Any, Medium, ClusterWide, Used,
        "Size over which a partition drops its oldest segments; -1 sets no bound.";
    "retention.ms": Long = Some("604800000"), AtLeast(-1), Medium, ClusterWide, Used,
        "How long records are kept; -1 keeps them for ever.";
    "segment.bytes": Int = Some("1073741824"), AtLeast(1_048_576), Medium, ClusterWide, Used,
        "Size at which a partition starts a new segment.";
    "segment.index.bytes": Int = Some("10485760"), AtLeast(4), Medium, ClusterWide, Used,
        "Largest offset index of a segment.";
    "segment.jitter.ms": Long = Some("0"), AtLeast(0), Medium, ClusterWide, Used,
        "Largest random time taken off the age at which segments roll.";
    "segment.ms": Long = Some("604800000"), AtLeast(1), Medium, ClusterWide, Used,
        "Age at which a partition starts a new segment.";
    "unclean.leader.election.enable": Boolean = Some("false"), Any, Medium, ClusterWide, MAJORITY,
        "Whether a replica that lacks acknowledged records may become leader.";
}
