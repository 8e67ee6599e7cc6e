//! The configuration keys of identity, controllers and replication: facts about Kafka 4.3 and Ordain.
use super::reasons::{
    AUTOCOMMIT, BETWEEN, CALLS, CAUGHTUP, DIALS, EARLY, ELECTIONS, HANDOVER, JOURNAL, MAJORITY, METADATA,
    NOPERFLOG, ONEDIR_OK, POOLS, REGISTERS, SESSIONS, TIERED, UNSTABLE, WAITERS,
};
use crate::config::key::key_table;

key_table! {
    pub(super) const KEYS;

    "auto.leader.rebalance.enable": Boolean = Some("true"), Any, High, ReadOnly, Used,
        "Whether leadership goes back to preferred replicas by itself.";
    "background.threads": Int = Some("10"), AtLeast(1), High, ClusterWide, POOLS,
        "Threads for background work.";
    "broker.heartbeat.interval.ms": Int = Some("2000"), Any, Medium, ReadOnly, Used,
        "How often a broker tells the controller that it lives.";
    "broker.id": Int = Some("-1"), Any, High, ReadOnly, Used,
        "The older name of node.id; both must agree where both are set.";
    "broker.rack": Text = None, Any, Medium, ReadOnly, Used,
        "Where the broker stands; told to clients that prefer near replicas.";
    "broker.session.timeout.ms": Int = Some("9000"), Any, Medium, ReadOnly, Used,
        "How long a broker counts as alive without a heartbeat.";
    "controlled.shutdown.enable": Boolean = Some("true"), Any, Medium, ReadOnly, HANDOVER,
        "Whether a stopping node hands its leaderships over first.";
    "controller.listener.names": List = None, List(&[], Empty::Forbidden), High, ReadOnly, Used,
        "Names of the listeners that are no client's; nodes connect to the first one.";
    "controller.performance.always.log.threshold.ms": Long = Some("2000"),
        AtLeast(0), Medium, Internal, NOPERFLOG,
        "Duration from which a controller event is always logged.";
    "controller.performance.sample.period.ms": Long = Some("60000"), AtLeast(100), Medium, Internal, NOPERFLOG,
        "How often the controller writes a line about its slowest events.";
    "controller.quorum.append.linger.ms": Int = Some("25"), AtLeast(0), Medium, ReadOnly, AUTOCOMMIT,
        "How long the leader gathers metadata writes before it syncs them.";
    "controller.quorum.auto.join.enable": Boolean = Some("false"), Any, Low, ReadOnly, Used,
        "Whether a node that observes the metadata asks to vote on it once it has caught up.";
    "controller.quorum.bootstrap.servers": List = Some(""), List(&[], Empty::Allowed), High, ReadOnly, Used,
        "Addresses of the nodes that found the cluster; a node alone needs none.";
    "controller.quorum.election.backoff.max.ms": Int = Some("1000"), AtLeast(0), High, ReadOnly, ELECTIONS,
        "Longest pause between two elections that found no winner.";
    "controller.quorum.election.timeout.ms": Int = Some("1000"), AtLeast(0), High, ReadOnly, ELECTIONS,
        "How long a candidate waits for votes before it tries again.";
    "controller.quorum.fetch.max.bytes": Int = Some("1048576"), AtLeast(1), Low, ReadOnly, SESSIONS,
        "Most bytes of the metadata log in one answer.";
    "controller.quorum.fetch.snapshot.max.bytes": Int = Some("1048576"), AtLeast(1), Low, ReadOnly, Used,
        "Most bytes of a metadata snapshot in one answer.";
    "controller.quorum.fetch.timeout.ms": Int = Some("2000"), AtLeast(0), High, ReadOnly, ELECTIONS,
        "How long a follower stays with a leader that does not answer.";
    "controller.quorum.request.timeout.ms": Int = Some("2000"), AtLeast(0), Medium, ReadOnly, CALLS,
        "How long a controller waits for another one's answer.";
    "controller.quorum.retry.backoff.ms": Int = Some("20"), AtLeast(0), Low, ReadOnly, CALLS,
        "Pause before a request to a controller is tried again.";
    "controller.quorum.voters": List = Some(""), List(&[], Empty::Allowed), High, ReadOnly, Used,
        "The nodes that found the cluster, as id@host:port.";
    "controller.socket.timeout.ms": Int = Some("30000"), Any, Medium, ReadOnly, SESSIONS,
        "How long controller and broker wait on each other's socket.";
    "default.replication.factor": Int = Some("1"), Between(1, 32_767), Medium, ReadOnly, Used,
        "Replicas of a topic that is created without a number of its own.";
    "delete.records.purgatory.purge.interval.requests": Int = Some("1"), Any, Medium, ReadOnly, WAITERS,
        "How many finished waiting record deletions are gathered before they are cleared.";
    "early.start.listeners": List = None, List(&[], Empty::Allowed), High, ReadOnly, EARLY,
        "Listeners that open before authorization data has been read.";
    "fetch.purgatory.purge.interval.requests": Int = Some("1000"), Any, Medium, ReadOnly, WAITERS,
        "How many finished waiting fetches are gathered before they are cleared.";
    "follower.fetch.last.tiered.offset.enable": Boolean = Some("false"), Any, Medium, ClusterWide, TIERED,
        "Whether a new follower starts at the end of what lies in tiered storage.";
    "initial.broker.registration.timeout.ms": Int = Some("60000"), Any, Medium, ReadOnly, REGISTERS,
        "How long a starting broker tries to register with the controller.";
    "inter.broker.listener.name": Text = None, Any, Medium, ReadOnly, BETWEEN,
        "The listener that nodes use among themselves.";
    "internal.metadata.delete.delay.millis": Long = Some("60000"), Any, Low, Internal, METADATA,
        "How long deleted metadata files stay on disk, for tests.";
    "internal.metadata.log.segment.bytes": Int = None, Any, Low, Internal, METADATA,
        "Segment size of the metadata log, for tests.";
    "internal.metadata.max.batch.size.in.bytes": Int = Some("8388608"), AtLeast(1), Low, Internal, Used,
        "Largest batch of metadata records, for tests; never over 1 MiB here.";
    "leader.imbalance.check.interval.seconds": Long = Some("300"), AtLeast(1), High, ReadOnly, Used,
        "How often the spread of leaders is checked.";
    "metadata.log.dir": Text = None, Any, High, ReadOnly, METADATA,
        "A directory of its own for the metadata log.";
    "metadata.log.max.record.bytes.between.snapshots": Long = Some("20971520"),
        AtLeast(1), High, ReadOnly, Used,
        "Metadata bytes after which a snapshot is taken.";
    "metadata.log.max.snapshot.interval.ms": Long = Some("3600000"), AtLeast(0), High, ReadOnly, Used,
        "Longest time between two metadata snapshots while metadata changes; 0 goes by size alone.";
    "metadata.log.segment.bytes": Int = Some("1073741824"), AtLeast(8_388_608), High, ReadOnly, METADATA,
        "Size at which the metadata log starts a new segment.";
    "metadata.log.segment.ms": Long = Some("604800000"), Any, High, ReadOnly, METADATA,
        "Age at which the metadata log starts a new segment.";
    "metadata.max.idle.interval.ms": Int = Some("500"), AtLeast(0), Low, ReadOnly, METADATA,
        "How often an idle controller writes an empty metadata record.";
    "metadata.max.retention.bytes": Long = Some("104857600"), Any, High, ReadOnly, METADATA,
        "Size of metadata log and snapshots over which old ones go.";
    "metadata.max.retention.ms": Long = Some("604800000"), Any, High, ReadOnly, METADATA,
        "How long metadata log and snapshots are kept.";
    "node.id": Int = Some("1"), AtLeast(0), High, ReadOnly, Used,
        "The node's number, unique in its cluster and never changed.";
    "num.io.threads": Int = Some("8"), AtLeast(1), High, ClusterWide, POOLS,
        "Threads that serve requests, disk work included.";
    "num.replica.alter.log.dirs.threads": Int = None, Any, High, ReadOnly, ONEDIR_OK,
        "Threads that move replicas between data directories.";
    "num.replica.fetchers": Int = Some("1"), AtLeast(1), High, ClusterWide, POOLS,
        "Fetching threads per leader node.";
    "process.roles": List = Some("broker,controller"),
        List(&["broker", "controller"], Empty::Forbidden), High, ReadOnly, Used,
        "What the node does: broker, controller, or both.";
    "producer.purgatory.purge.interval.requests": Int = Some("1000"), Any, Medium, ReadOnly, WAITERS,
        "How many finished waiting produces are gathered before they are cleared.";
    "replica.fetch.backoff.ms": Int = Some("1000"), AtLeast(0), Medium, ReadOnly, SESSIONS,
        "Pause of a follower after an error.";
    "replica.fetch.max.bytes": Int = Some("1048576"), AtLeast(0), Medium, ReadOnly, SESSIONS,
        "Bytes per partition that a follower asks for.";
    "replica.fetch.min.bytes": Int = Some("1"), Any, High, ReadOnly, SESSIONS,
        "Bytes that a follower's fetch waits for.";
    "replica.fetch.response.max.bytes": Int = Some("10485760"), AtLeast(0), Medium, ReadOnly, SESSIONS,
        "Bytes a follower expects in one answer at most.";
    "replica.fetch.wait.max.ms": Int = Some("500"), Any, High, ReadOnly, SESSIONS,
        "How long a follower's fetch may wait for data.";
    "replica.high.watermark.checkpoint.interval.ms": Long = Some("5000"), Any, High, ReadOnly, JOURNAL,
        "How often high watermarks are written down.";
    "replica.lag.time.max.ms": Long = Some("30000"), Any, High, ReadOnly, CAUGHTUP,
        "How long a follower may lag before it no longer counts as in sync.";
    "replica.selector.class": Text = None,
        OneOf(&["", "org.apache.kafka.common.replica.LeaderSelector", "org.apache.kafka.common.replica.RackAwareReplicaSelector"]),
        Medium, ReadOnly, Used,
        "Which replica a consumer that names its rack is sent to: the leader, or one in that rack.";
    "replica.socket.receive.buffer.bytes": Int = Some("65536"), Any, High, ReadOnly, SESSIONS,
        "Receive buffer of a follower's connection.";
    "replica.socket.timeout.ms": Int = Some("30000"), Any, High, ReadOnly, SESSIONS,
        "How long a follower waits on its leader's socket.";
    "request.timeout.ms": Int = Some("30000"), Any, High, ReadOnly, CALLS,
        "How long the node waits for another node's answer.";
    "server.max.startup.time.ms": Long = Some("9223372036854775807"), AtLeast(0), Medium, Internal, REGISTERS,
        "How long a start may take.";
    "socket.connection.setup.timeout.max.ms": Long = Some("30000"), Any, Medium, ReadOnly, DIALS,
        "The bound that the growing wait for a connection to another node stays under.";
    "socket.connection.setup.timeout.ms": Long = Some("10000"), Any, Medium, ReadOnly, DIALS,
        "How long the node waits for a connection to another node.";
    "unclean.leader.election.enable": Boolean = Some("false"), Any, High, ClusterWide, MAJORITY,
        "Whether a replica that lacks acknowledged records may become leader.";
    "unclean.leader.election.interval.ms": Long = Some("300000"), AtLeast(1), Medium, Internal, MAJORITY,
        "How often the controller looks for partitions that need an unclean election.";
    "unstable.api.versions.enable": Boolean = Some("false"), Any, High, Internal, UNSTABLE,
        "Whether versions of the protocol that are not final are offered.";
    "unstable.feature.versions.enable": Boolean = Some("false"), Any, High, Internal, UNSTABLE,
        "Whether feature levels that are not final are offered.";
}
