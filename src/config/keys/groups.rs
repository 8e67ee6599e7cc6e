//! The configuration keys of consumer, share and streams groups: facts about Kafka 4.3 and Ordain.
use super::reasons::{GROUPCOMMIT, NEWGROUPS, POOLS, SHARE, STREAMS, WAITERS};
use crate::config::key::key_table;

key_table! {
    pub(super) const KEYS;

    "group.consumer.assignment.interval.ms": Int = Some("1000"), AtLeast(0), Medium, ClusterWide, NEWGROUPS,
        "Least time between two assignments of a consumer group.";
    "group.consumer.assignors": List = Some("uniform,range"),
        List(&[], Empty::Forbidden), Medium, ReadOnly, NEWGROUPS,
        "Assignors for consumer groups; the first is the default.";
    "group.consumer.heartbeat.interval.ms": Int = Some("5000"), AtLeast(1), Medium, ReadOnly, NEWGROUPS,
        "How often the members of a consumer group send heartbeats.";
    "group.consumer.max.assignment.interval.ms": Int = Some("15000"), AtLeast(0), Medium, ReadOnly, NEWGROUPS,
        "Greatest assignment interval a consumer group may be given.";
    "group.consumer.max.heartbeat.interval.ms": Int = Some("15000"), AtLeast(1), Medium, ReadOnly, NEWGROUPS,
        "Greatest heartbeat interval a consumer group may be given.";
    "group.consumer.max.session.timeout.ms": Int = Some("60000"), AtLeast(1), Medium, ReadOnly, NEWGROUPS,
        "Greatest session timeout a consumer group may be given.";
    "group.consumer.max.size": Int = Some("2147483647"), AtLeast(1), Medium, ReadOnly, NEWGROUPS,
        "Most members of one consumer group.";
    "group.consumer.migration.policy": Text = Some("bidirectional"),
        OneOfIgnoreCase(&["DISABLED", "DOWNGRADE", "UPGRADE", "BIDIRECTIONAL"]), Medium, ReadOnly, NEWGROUPS,
        "Whether groups may change between the classic and the consumer protocol while members are in them.";
    "group.consumer.min.assignment.interval.ms": Int = Some("0"), AtLeast(0), Medium, ReadOnly, NEWGROUPS,
        "Least assignment interval a consumer group may be given.";
    "group.consumer.min.heartbeat.interval.ms": Int = Some("5000"), AtLeast(1), Medium, ReadOnly, NEWGROUPS,
        "Least heartbeat interval a consumer group may be given.";
    "group.consumer.min.session.timeout.ms": Int = Some("45000"), AtLeast(1), Medium, ReadOnly, NEWGROUPS,
        "Least session timeout a consumer group may be given.";
    "group.consumer.regex.refresh.interval.ms": Int = Some("600000"),
        AtLeast(10_000), Medium, Internal, NEWGROUPS,
        "How often subscriptions by pattern are matched against the topics again.";
    "group.consumer.session.timeout.ms": Int = Some("45000"), AtLeast(1), Medium, ReadOnly, NEWGROUPS,
        "How long a silent member of a consumer group is kept.";
    "group.coordinator.append.linger.ms": Int = Some("-1"), AtLeast(-1), Medium, ReadOnly, GROUPCOMMIT,
        "How long the coordinator gathers writes; -1 adapts by itself.";
    "group.coordinator.background.threads": Int = Some("2"), AtLeast(1), High, ReadOnly, POOLS,
        "Threads for the group coordinators' background work.";
    "group.coordinator.cached.buffer.max.bytes": Int = Some("1048588"),
        AtLeast(524_288), Medium, ClusterWide, GROUPCOMMIT,
        "Largest write buffer the coordinator keeps for reuse.";
    "group.coordinator.rebalance.protocols": List = Some("classic,consumer,streams"),
        List(&["classic", "consumer", "share", "streams"], Empty::Forbidden), Medium, ReadOnly, NEWGROUPS,
        "Which kinds of groups the coordinator serves.";
    "group.coordinator.threads": Int = Some("4"), AtLeast(1), High, ReadOnly, POOLS,
        "Threads that run group coordinators.";
    "group.initial.rebalance.delay.ms": Int = Some("3000"), AtLeast(0), Medium, ReadOnly, Used,
        "How long a new classic group waits for more members before its first assignment.";
    "group.max.session.timeout.ms": Int = Some("1800000"), AtLeast(0), Medium, ReadOnly, Used,
        "Longest session timeout that a member of a classic group may ask for.";
    "group.max.size": Int = Some("2147483647"), AtLeast(1), Medium, ReadOnly, Used,
        "Most members of one classic group.";
    "group.min.session.timeout.ms": Int = Some("6000"), AtLeast(0), Medium, ReadOnly, Used,
        "Shortest session timeout that a member of a classic group may ask for.";
    "group.share.assignment.interval.ms": Int = Some("1000"), AtLeast(0), Medium, ClusterWide, SHARE,
        "Least time between two assignments of a share group.";
    "group.share.assignors": List = Some("simple"), List(&[], Empty::Forbidden), Medium, ReadOnly, SHARE,
        "The assignor for share groups; exactly one.";
    "group.share.delivery.count.limit": Int = Some("5"), Between(2, 10), Medium, ReadOnly, SHARE,
        "How often a record is delivered to a share group before it is given up.";
    "group.share.heartbeat.interval.ms": Int = Some("5000"), AtLeast(1), Medium, ReadOnly, SHARE,
        "How often the members of a share group send heartbeats.";
    "group.share.initialize.retry.interval.ms": Int = Some("30000"), AtLeast(1), Low, Internal, SHARE,
        "Pause before a share group's partition is initialised again.";
    "group.share.max.assignment.interval.ms": Int = Some("15000"), AtLeast(0), Medium, ReadOnly, SHARE,
        "Greatest assignment interval a share group may be given.";
    "group.share.max.delivery.count.limit": Int = Some("10"), Between(5, 25), Medium, ReadOnly, SHARE,
        "Greatest delivery limit a share group may be given.";
    "group.share.max.heartbeat.interval.ms": Int = Some("15000"), AtLeast(1), Medium, ReadOnly, SHARE,
        "Greatest heartbeat interval a share group may be given.";
    "group.share.max.partition.max.record.locks": Int = Some("4000"),
        Between(2000, 10_000), Medium, ReadOnly, SHARE,
        "Greatest lock count per partition a share group may be given.";
    "group.share.max.record.lock.duration.ms": Int = Some("60000"),
        Between(30_000, 3_600_000), Medium, ReadOnly, SHARE,
        "Greatest lock time a share group may be given.";
    "group.share.max.session.timeout.ms": Int = Some("60000"), AtLeast(1), Medium, ReadOnly, SHARE,
        "Greatest session timeout a share group may be given.";
    "group.share.max.share.sessions": Int = Some("2000"), AtLeast(1), Medium, ReadOnly, SHARE,
        "Most share sessions of a broker.";
    "group.share.max.size": Int = Some("200"), Between(1, 1000), Medium, ReadOnly, SHARE,
        "Most members of one share group.";
    "group.share.min.assignment.interval.ms": Int = Some("0"), AtLeast(0), Medium, ReadOnly, SHARE,
        "Least assignment interval a share group may be given.";
    "group.share.min.delivery.count.limit": Int = Some("2"), Between(2, 5), Medium, ReadOnly, SHARE,
        "Least delivery limit a share group may be given.";
    "group.share.min.heartbeat.interval.ms": Int = Some("5000"), AtLeast(1), Medium, ReadOnly, SHARE,
        "Least heartbeat interval a share group may be given.";
    "group.share.min.partition.max.record.locks": Int = Some("100"),
        Between(100, 2000), Medium, ReadOnly, SHARE,
        "Least lock count per partition a share group may be given.";
    "group.share.min.record.lock.duration.ms": Int = Some("15000"),
        Between(1000, 30_000), Medium, ReadOnly, SHARE,
        "Least lock time a share group may be given.";
    "group.share.min.session.timeout.ms": Int = Some("45000"), AtLeast(1), Medium, ReadOnly, SHARE,
        "Least session timeout a share group may be given.";
    "group.share.partition.max.record.locks": Int = Some("2000"),
        Between(100, 10_000), Medium, ReadOnly, SHARE,
        "Most records of one partition that a share group holds at once.";
    "group.share.persister.class.name": Text =
        Some("org.apache.kafka.server.share.persister.DefaultStatePersister"),
        Any, Medium, Internal, SHARE,
        "The class that keeps the state of share groups.";
    "group.share.record.lock.duration.ms": Int = Some("30000"),
        Between(1000, 3_600_000), Medium, ReadOnly, SHARE,
        "How long a member of a share group holds a delivered record.";
    "group.share.session.timeout.ms": Int = Some("45000"), AtLeast(1), Medium, ReadOnly, SHARE,
        "How long a silent member of a share group is kept.";
    "group.streams.assignment.interval.ms": Int = Some("1000"), AtLeast(0), Medium, ClusterWide, STREAMS,
        "Least time between two assignments of a streams group.";
    "group.streams.heartbeat.interval.ms": Int = Some("5000"), AtLeast(1), Medium, ReadOnly, STREAMS,
        "How often the members of a streams group send heartbeats.";
    "group.streams.initial.rebalance.delay.ms": Int = Some("3000"), AtLeast(0), Medium, ReadOnly, STREAMS,
        "How long a new streams group waits for more members before its first assignment.";
    "group.streams.max.assignment.interval.ms": Int = Some("15000"), AtLeast(0), Medium, ReadOnly, STREAMS,
        "Greatest assignment interval a streams group may be given.";
    "group.streams.max.heartbeat.interval.ms": Int = Some("15000"), AtLeast(1), Medium, ReadOnly, STREAMS,
        "Greatest heartbeat interval a streams group may be given.";
    "group.streams.max.session.timeout.ms": Int = Some("60000"), AtLeast(1), Medium, ReadOnly, STREAMS,
        "Greatest session timeout a streams group may be given.";
    "group.streams.max.size": Int = Some("2147483647"), AtLeast(1), Medium, ReadOnly, STREAMS,
        "Most members of one streams group.";
    "group.streams.max.standby.replicas": Int = Some("2"), AtLeast(0), Medium, ReadOnly, STREAMS,
        "Most standby copies a streams group may be given.";
    "group.streams.min.assignment.interval.ms": Int = Some("0"), AtLeast(0), Medium, ReadOnly, STREAMS,
        "Least assignment interval a streams group may be given.";
    "group.streams.min.heartbeat.interval.ms": Int = Some("5000"), AtLeast(1), Medium, ReadOnly, STREAMS,
        "Least heartbeat interval a streams group may be given.";
    "group.streams.min.session.timeout.ms": Int = Some("45000"), AtLeast(1), Medium, ReadOnly, STREAMS,
        "Least session timeout a streams group may be given.";
    "group.streams.num.standby.replicas": Int = Some("0"), AtLeast(0), Medium, ReadOnly, STREAMS,
        "Standby copies of each task of a streams group.";
    "group.streams.session.timeout.ms": Int = Some("45000"), AtLeast(1), Medium, ReadOnly, STREAMS,
        "How long a silent member of a streams group is kept.";
    "offset.metadata.max.bytes": Int = Some("4096"), AtLeast(0), High, ReadOnly, Used,
        "Longest note that a client may attach to a committed offset.";
    "offsets.commit.timeout.ms": Int = Some("5000"), AtLeast(1), High, ReadOnly, Used,
        "How long an offset commit may take until it is refused.";
    "offsets.load.buffer.size": Int = Some("5242880"), AtLeast(1), High, ReadOnly, GROUPCOMMIT,
        "Bytes read at once while offsets are loaded into memory.";
    "offsets.retention.check.interval.ms": Long = Some("600000"), AtLeast(1), High, ReadOnly, Used,
        "How often expired offsets are looked for.";
    "offsets.retention.minutes": Int = Some("10080"), AtLeast(1), High, ReadOnly, Used,
        "How long the offsets of an empty group are kept, in minutes.";
    "offsets.topic.compression.codec": Int = Some("0"), Any, High, ReadOnly, GROUPCOMMIT,
        "Number of the codec that offsets are stored in; 0 is none.";
    "offsets.topic.num.partitions": Int = Some("50"), AtLeast(1), High, ReadOnly, Used,
        "Partitions of the topic that holds offsets and groups; not to be changed later.";
    "offsets.topic.replication.factor": Short = Some("3"), AtLeast(1), High, ReadOnly, Used,
        "Replicas of the topic that holds offsets and groups; fewer where there are fewer nodes.";
    "offsets.topic.segment.bytes": Int = Some("104857600"), AtLeast(1), High, ReadOnly, Used,
        "Segment size of the topic that holds offsets and groups.";
    "share.coordinator.append.linger.ms": Int = Some("-1"), AtLeast(-1), Medium, ReadOnly, SHARE,
        "How long the share coordinator gathers writes; -1 adapts by itself.";
    "share.coordinator.cached.buffer.max.bytes": Int = Some("1048588"),
        AtLeast(524_288), Medium, ClusterWide, SHARE,
        "Largest write buffer the share coordinator keeps for reuse.";
    "share.coordinator.cold.partition.snapshot.interval.ms": Int = Some("300000"),
        AtLeast(1), Low, Internal, SHARE,
        "How often partitions at rest get a snapshot of their share-group state.";
    "share.coordinator.load.buffer.size": Int = Some("5242880"), AtLeast(1), High, ReadOnly, SHARE,
        "Bytes read at once while share-group state is loaded into memory.";
    "share.coordinator.snapshot.update.records.per.snapshot": Int = Some("500"),
        Between(0, 500), Medium, ReadOnly, SHARE,
        "Updates of share-group state between two snapshots.";
    "share.coordinator.state.topic.compression.codec": Int = Some("0"), Any, High, ReadOnly, SHARE,
        "Number of the codec that share-group state is stored in; 0 is none.";
    "share.coordinator.state.topic.min.isr": Short = Some("2"), AtLeast(1), High, ReadOnly, SHARE,
        "Replicas that have to hold a record of share-group state.";
    "share.coordinator.state.topic.num.partitions": Int = Some("50"), AtLeast(1), High, ReadOnly, SHARE,
        "Partitions of the topic that holds the state of share groups.";
    "share.coordinator.state.topic.prune.interval.ms": Int = Some("300000"), AtLeast(1), Low, Internal, SHARE,
        "How often share-group state that is no longer needed is removed.";
    "share.coordinator.state.topic.replication.factor": Short = Some("3"), AtLeast(1), High, ReadOnly, SHARE,
        "Replicas of the topic that holds the state of share groups.";
    "share.coordinator.state.topic.segment.bytes": Int = Some("104857600"), AtLeast(1), High, ReadOnly, SHARE,
        "Segment size of the topic that holds the state of share groups.";
    "share.coordinator.threads": Int = Some("1"), AtLeast(1), Medium, ReadOnly, POOLS,
        "Threads that run share coordinators.";
    "share.coordinator.write.timeout.ms": Int = Some("5000"), AtLeast(1), High, ReadOnly, SHARE,
        "How long a write of share-group state may take.";
    "share.fetch.purgatory.purge.interval.requests": Int = Some("1000"), Any, Medium, ReadOnly, WAITERS,
        "How many finished waiting share fetches are gathered before they are cleared.";
}
