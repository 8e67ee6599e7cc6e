//! The configuration keys of sockets, connections, requests and fetches: facts about Kafka 4.3 and Ordain.
use super::reasons::{NOAUTH, POOLS, SOCKETS};
use crate::config::key::key_table;
use crate::types::limits::FRAME_BYTES_MAX_DEFAULT_TEXT;

key_table! {
    pub(super) const KEYS;

    "advertised.listeners": List = None, List(&[], Empty::Forbidden), High, ReadOnly, Used,
        "Addresses handed to clients to connect to; taken from listeners where it is not set.";
    "connection.failed.authentication.delay.ms": Int = Some("100"), AtLeast(0), Low, ReadOnly, NOAUTH,
        "How long a connection that failed to authenticate is held before it is closed.";
    "connections.max.idle.ms": Long = Some("600000"), Any, Medium, ReadOnly, Used,
        "How long a silent connection is kept open.";
    "fetch.max.bytes": Int = Some("57671680"), AtLeast(1024), Medium, ReadOnly, Used,
        "Most record bytes one fetch response carries.";
    "listener.security.protocol.map": Text =
        Some("SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT"),
        Any, Low, PerBroker, Used,
        "Which security protocol each listener name speaks, as NAME:PROTOCOL pairs.";
    "listeners": List = Some("PLAINTEXT://127.0.0.1:9092"),
        List(&[], Empty::Forbidden), High, PerBroker, Used,
        "Addresses the broker accepts clients on, as NAME://host:port; without host on all interfaces.";
    "max.connection.creation.rate": Int = Some("2147483647"), AtLeast(1), Medium, ClusterWide, Used,
        "Most new connections per second.";
    "max.connections": Int = Some("2147483647"), AtLeast(1), Medium, ClusterWide, Used,
        "Most connections the broker holds at once.";
    "max.connections.per.ip": Int = Some("2147483647"), AtLeast(0), Medium, ClusterWide, Used,
        "Most connections from one address; 0 allows only the addresses named in the overrides.";
    "max.connections.per.ip.overrides": Text = Some(""), Any, Medium, ClusterWide, Used,
        "Connection limits for single addresses, as address:limit pairs.";
    "max.incremental.fetch.session.cache.slots": Int = Some("1000"), AtLeast(0), Medium, ReadOnly, Used,
        "How many incremental fetch sessions are remembered.";
    "max.request.partition.size.limit": Int = Some("2000"), AtLeast(1), Medium, ReadOnly, Used,
        "Most partitions one DescribeTopicPartitions answer lists.";
    "num.network.threads": Int = Some("3"), AtLeast(1), High, ClusterWide, POOLS,
        "Threads that move bytes between sockets and requests.";
    "queued.max.request.bytes": Long = Some("-1"), Any, Medium, ReadOnly, Used,
        "Most bytes of requests held in memory at once over all connections; -1 takes Ordain's own bound.";
    "queued.max.requests": Int = Some("500"), AtLeast(1), High, ReadOnly, POOLS,
        "Most requests waiting for a request thread.";
    "socket.listen.backlog.size": Int = Some("50"), AtLeast(1), Medium, ReadOnly, SOCKETS,
        "How many connections may wait to be accepted.";
    "socket.receive.buffer.bytes": Int = Some("102400"), Any, High, ReadOnly, SOCKETS,
        "Size of a connection's receive buffer in the operating system; -1 leaves the system's own.";
    "socket.request.max.bytes": Int = Some(FRAME_BYTES_MAX_DEFAULT_TEXT), AtLeast(1), High, ReadOnly, Used,
        "Largest request frame that is read; a client that announces more is disconnected.";
    "socket.send.buffer.bytes": Int = Some("102400"), Any, High, ReadOnly, SOCKETS,
        "Size of a connection's send buffer in the operating system; -1 leaves the system's own.";
}
