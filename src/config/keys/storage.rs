//! The configuration keys of topics' defaults, segments, retention and compaction: facts about Kafka 4.3 and Ordain.
use super::reasons::{DURABLE, JAVA, JOURNAL, ONEDIR, ONEDIR_OK, POOLS, UNLINK};
use crate::config::key::key_table;

key_table! {
    pub(super) const KEYS;

    "alter.config.policy.class.name": Class = None, Any, Low, ReadOnly, JAVA,
        "A class that may veto changes of configuration.";
    "auto.create.topics.enable": Boolean = Some("true"), Any, High, ReadOnly, Used,
        "Whether asking for an unknown topic creates it.";
    "compression.gzip.level": Int = Some("-1"), BetweenOr(1, 9, -1), Medium, ClusterWide, Used,
        "Effort of gzip where the broker compresses; -1 is the codec's default.";
    "compression.lz4.level": Int = Some("9"), Between(1, 17), Medium, ClusterWide, Used,
        "Effort of LZ4 where the broker compresses; 9 is the fast compressor, as in Kafka.";
    "compression.type": Text = Some("producer"),
        OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]), High, ClusterWide, Used,
        "The codec records are stored in; producer keeps what the client sent.";
    "compression.zstd.level": Int = Some("3"), Between(-131_072, 22), Medium, ClusterWide, Used,
        "Effort of Zstandard where the broker compresses.";
    "cordoned.log.dirs": List = Some(""), List(&[], Empty::Allowed), Medium, PerBroker, ONEDIR,
        "Data directories that take no new partitions.";
    "create.topic.policy.class.name": Class = None, Any, Low, ReadOnly, JAVA,
        "A class that may veto the creation of topics.";
    "delete.topic.enable": Boolean = Some("true"), Any, High, ReadOnly, Used,
        "Whether topics may be deleted.";
    "log.cleaner.backoff.ms": Long = Some("15000"), AtLeast(0), Medium, ClusterWide, Used,
        "How long compaction rests when nothing needs it.";
    "log.cleaner.dedupe.buffer.size": Long = Some("134217728"), AtLeast(1), Medium, ClusterWide, Used,
        "Memory for the keys seen during one compaction pass.";
    "log.cleaner.delete.retention.ms": Long = Some("86400000"), AtLeast(0), Medium, ClusterWide, Used,
        "How long the tombstones of compacted topics are kept.";
    "log.cleaner.enable": Boolean = Some("true"), Any, Medium, ReadOnly, Used,
        "Whether compaction runs at all.";
    "log.cleaner.io.buffer.load.factor": Double = Some("0.9"), Any, Medium, ClusterWide, POOLS,
        "How full the key buffer of a compaction pass may get.";
    "log.cleaner.io.buffer.size": Int = Some("524288"), AtLeast(0), Medium, ClusterWide, POOLS,
        "Memory for compaction's reads and writes.";
    "log.cleaner.io.max.bytes.per.second": Double = Some("1.7976931348623157E308"),
        AtLeast(1), Medium, ClusterWide, Used,
        "Most bytes per second that compaction reads and writes.";
    "log.cleaner.max.compaction.lag.ms": Long = Some("9223372036854775807"),
        AtLeast(1), Medium, ClusterWide, Used,
        "Age after which a record is due for compaction.";
    "log.cleaner.min.cleanable.ratio": Double = Some("0.5"), Between(0, 1), Medium, ClusterWide, Used,
        "Share of a partition that has to be uncompacted before compaction takes it up.";
    "log.cleaner.min.compaction.lag.ms": Long = Some("0"), AtLeast(0), Medium, ClusterWide, Used,
        "Age that a record reaches before compaction may remove it.";
    "log.cleaner.threads": Int = Some("1"), AtLeast(0), Medium, ClusterWide, POOLS,
        "Threads that compact partitions.";
    "log.cleanup.policy": List = Some("delete"),
        List(&["compact", "delete"], Empty::Allowed), Medium, ClusterWide, Used,
        "What happens to old records: delete, compact, both, or neither.";
    "log.dir": List = Some("./ordain-data"), List(&[], Empty::Forbidden), High, ReadOnly, Used,
        "The data directory, used where log.dirs is not set.";
    "log.dir.failure.timeout.ms": Long = Some("30000"), AtLeast(1), Low, ReadOnly, ONEDIR_OK,
        "How long the controller may stay unaware of a failed data directory before the broker stops.";
    "log.dirs": List = None, List(&[], Empty::Forbidden), High, ReadOnly, Used,
        "The data directory; Ordain keeps everything in one.";
    "log.flush.interval.messages": Long = Some("9223372036854775807"), AtLeast(1), High, ClusterWide, DURABLE,
        "Records between two forced syncs of a partition.";
    "log.flush.interval.ms": Long = None, Any, High, ClusterWide, DURABLE,
        "Longest time a record stays without a forced sync.";
    "log.flush.offset.checkpoint.interval.ms": Int = Some("60000"), AtLeast(0), High, ReadOnly, JOURNAL,
        "How often the recovery point is written down.";
    "log.flush.scheduler.interval.ms": Long = Some("9223372036854775807"), Any, High, ReadOnly, DURABLE,
        "How often partitions are checked for a due sync.";
    "log.flush.start.offset.checkpoint.interval.ms": Int = Some("60000"), AtLeast(0), High, ReadOnly, JOURNAL,
        "How often the log start offsets are written down.";
    "log.index.interval.bytes": Int = Some("4096"), AtLeast(0), Medium, ClusterWide, Used,
        "Record bytes between two entries of a segment's offset index.";
    "log.index.size.max.bytes": Int = Some("10485760"), AtLeast(4), Medium, ClusterWide, Used,
        "Largest offset index of a segment.";
    "log.initial.task.delay.ms": Long = Some("30000"), AtLeast(0), Low, Internal, JOURNAL,
        "How long after the start the log's periodic work begins.";
    "log.message.timestamp.after.max.ms": Long = Some("3600000"), AtLeast(0), Medium, ClusterWide, Used,
        "How far a record's time may lie after the broker's clock.";
    "log.message.timestamp.before.max.ms": Long = Some("9223372036854775807"),
        AtLeast(0), Medium, ClusterWide, Used,
        "How far a record's time may lie before the broker's clock.";
    "log.message.timestamp.type": Text = Some("CreateTime"),
        OneOf(&["CreateTime", "LogAppendTime"]), Medium, ClusterWide, Used,
        "Whether records keep the producer's time or get the broker's.";
    "log.preallocate": Boolean = Some("false"), Any, Medium, ClusterWide, JOURNAL,
        "Whether segment files take their full size at once.";
    "log.retention.bytes": Long = Some("-1"), Any, High, ClusterWide, Used,
        "Size over which a partition drops its oldest segments; -1 sets no bound.";
    "log.retention.check.interval.ms": Long = Some("300000"), AtLeast(1), Medium, ReadOnly, Used,
        "How often segments are checked against the retention rules.";
    "log.retention.hours": Int = Some("168"), UnlimitedOrPositive, High, ReadOnly, Used,
        "How long records are kept, in hours.";
    "log.retention.minutes": Int = None, UnlimitedOrPositive, High, ReadOnly, Used,
        "How long records are kept, in minutes; before log.retention.hours.";
    "log.retention.ms": Long = None, UnlimitedOrPositive, High, ClusterWide, Used,
        "How long records are kept; -1 keeps them for ever; before the minutes and hours.";
    "log.roll.hours": Int = Some("168"), AtLeast(1), High, ReadOnly, Used,
        "Age in hours at which a partition starts a new segment.";
    "log.roll.jitter.hours": Int = Some("0"), AtLeast(0), High, ReadOnly, Used,
        "Largest random time in hours taken off the age at which segments roll.";
    "log.roll.jitter.ms": Long = None, AtLeast(0), High, ClusterWide, Used,
        "Largest random time taken off the age at which segments roll; before log.roll.jitter.hours.";
    "log.roll.ms": Long = None, AtLeast(1), High, ClusterWide, Used,
        "Age at which a partition starts a new segment; before log.roll.hours.";
    "log.segment.bytes": Int = Some("1073741824"), AtLeast(1_048_576), High, ClusterWide, Used,
        "Size at which a partition starts a new segment.";
    "log.segment.delete.delay.ms": Long = Some("60000"), AtLeast(0), High, ClusterWide, UNLINK,
        "How long the files of a deleted segment stay on disk.";
    "message.max.bytes": Int = Some("1048588"), AtLeast(0), High, ClusterWide, Used,
        "Largest record batch that is accepted, as it lies on the wire.";
    "min.insync.replicas": Int = Some("1"), AtLeast(1), High, ClusterWide, Used,
        "Replicas that have to hold a record before acks=all is answered.";
    "num.partitions": Int = Some("1"), AtLeast(1), Medium, ReadOnly, Used,
        "Partitions of a topic that is created without a number of its own.";
    "num.recovery.threads.per.data.dir": Int = Some("2"), AtLeast(1), High, ClusterWide, POOLS,
        "Threads that recover and close the partitions of a data directory.";
}
