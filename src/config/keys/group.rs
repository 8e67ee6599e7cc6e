//! The configuration keys that a group may have for itself: facts about Kafka 4.3. Where the broker has the
//! same key with `group.` before it, that one's value is the default in force.
use super::reasons::{NEWGROUPS, SHARE, STREAMS};
use crate::config::key::key_table;

key_table! {
    pub(super) const KEYS;

    "consumer.assignment.interval.ms": Int = Some("1000"), AtLeast(0), Medium, ClusterWide, NEWGROUPS,
        "Least time between two assignments of the group.";
    "consumer.heartbeat.interval.ms": Int = Some("5000"), AtLeast(1), Medium, ClusterWide, NEWGROUPS,
        "How often the members of the group send heartbeats.";
    "consumer.session.timeout.ms": Int = Some("45000"), AtLeast(1), Medium, ClusterWide, NEWGROUPS,
        "How long a silent member of the group is kept.";
    "share.assignment.interval.ms": Int = Some("1000"), AtLeast(0), Medium, ClusterWide, SHARE,
        "Least time between two assignments of the share group.";
    "share.auto.offset.reset": Text = Some("latest"), OffsetReset, Medium, ClusterWide, SHARE,
        "Where a share group starts without offsets: earliest, latest or by_duration:<ISO 8601 duration>.";
    "share.delivery.count.limit": Int = Some("5"), AtLeast(2), Medium, ClusterWide, SHARE,
        "How often a record is delivered to the share group before it is given up.";
    "share.heartbeat.interval.ms": Int = Some("5000"), AtLeast(1), Medium, ClusterWide, SHARE,
        "How often the members of the share group send heartbeats.";
    "share.isolation.level": Text = Some("read_uncommitted"),
        OneOf(&["read_committed", "read_uncommitted"]), Medium, ClusterWide, SHARE,
        "Whether a share group sees open transactions.";
    "share.partition.max.record.locks": Int = Some("2000"), AtLeast(100), Medium, ClusterWide, SHARE,
        "Most records of one partition that the share group holds at once.";
    "share.record.lock.duration.ms": Int = Some("30000"), AtLeast(1000), Medium, ClusterWide, SHARE,
        "How long a member of the share group holds a delivered record.";
    "share.renew.acknowledge.enable": Boolean = Some("true"), Any, Medium, ClusterWide, SHARE,
        "Whether members may prolong their record locks.";
    "share.session.timeout.ms": Int = Some("45000"), AtLeast(1), Medium, ClusterWide, SHARE,
        "How long a silent member of the share group is kept.";
    "streams.assignment.interval.ms": Int = Some("1000"), AtLeast(0), Medium, ClusterWide, STREAMS,
        "Least time between two assignments of the streams group.";
    "streams.heartbeat.interval.ms": Int = Some("5000"), AtLeast(1), Medium, ClusterWide, STREAMS,
        "How often the members of the streams group send heartbeats.";
    "streams.initial.rebalance.delay.ms": Int = Some("3000"), AtLeast(0), Medium, ClusterWide, STREAMS,
        "How long the streams group waits for more members before its first assignment.";
    "streams.num.standby.replicas": Int = Some("0"), AtLeast(0), Medium, ClusterWide, STREAMS,
        "Standby copies of each task of the streams group.";
    "streams.session.timeout.ms": Int = Some("45000"), AtLeast(1), Medium, ClusterWide, STREAMS,
        "How long a silent member of the streams group is kept.";
}
