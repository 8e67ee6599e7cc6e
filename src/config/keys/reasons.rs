//! Why a key is taken without effect, or refused. Each refusal names the way out.
use crate::config::key::Handling::{self, Accepted, Refused};

pub(super) const HANDOVER: Handling =
    Accepted("a node that stops always hands over what it leads first, for at most 10 s");
pub(super) const NOPERFLOG: Handling = Accepted("the controller writes no lines about slow events");
pub(super) const AUTOCOMMIT: Handling =
    Accepted("the metadata are written through the journal's group commit, which waits for nothing");
pub(super) const ELECTIONS: Handling = Accepted(
    "the metadata and all partitions elect by the same times, which are fixed: a node is silent after 500 ms",
);
pub(super) const SESSIONS: Handling = Accepted(
    "nodes replicate all partitions, the metadata too, over one connection to each other, whose sizes and times are fixed",
);
pub(super) const CALLS: Handling = Accepted(
    "what a node asks another one waits for a controller for 20 s at most, and is sent again meanwhile",
);
pub(super) const EARLY: Handling =
    Accepted("nodes listen for each other from the start, whatever a listener is called");
pub(super) const REGISTERS: Handling =
    Accepted("a node goes on trying to start and to register, and says what stands against it");
pub(super) const BETWEEN: Handling =
    Accepted("nodes replicate on the first listener of controller.listener.names");
pub(super) const CAUGHTUP: Handling = Accepted(
    "a replica is in sync if it is heard and holds what its leader held one heartbeat (broker.heartbeat.interval.ms) ago",
);
pub(super) const DIALS: Handling =
    Accepted("a connection to another node has 5 s until it is ready, and is tried again after 50 ms to 1 s");
pub(super) const DURABLE: Handling =
    Accepted("every acknowledged batch is already on stable storage; there is no later flush");
pub(super) const GROUPCOMMIT: Handling =
    Accepted("coordinators write through the journal's group commit, which sizes its batches itself");
pub(super) const SOCKETS: Handling = Accepted("the operating system sizes its buffers and queues itself");
pub(super) const UNLINK: Handling =
    Accepted("a file that is deleted stays readable for whoever has it open, without a delay");
pub(super) const JOURNAL: Handling = Accepted("the journal keeps this, without files of its own to tune");
pub(super) const MAJORITY: Handling =
    Accepted("a record is acknowledged by a majority of its replicas, and only such a majority can elect");
pub(super) const METADATA: Handling =
    Accepted("metadata lies in the node's journal; snapshots bound its log");
pub(super) const METRICS: Handling = Accepted("metrics are served over HTTP on ordain.admin.listener");
pub(super) const NEWGROUPS: Handling = Accepted("takes effect with the consumer group protocol of KIP-848");
pub(super) const NOAUTH: Handling = Accepted("takes effect with authentication");
pub(super) const ONEDIR_OK: Handling = Accepted("a node has one data directory");
pub(super) const POOLS: Handling = Accepted("a node runs shards instead of thread pools; see ordain.shards");
pub(super) const PUSHED: Handling =
    Accepted("takes effect when the broker takes metrics from clients (KIP-714)");
pub(super) const QUOTAS: Handling = Accepted("takes effect with quotas");
pub(super) const SHARE: Handling = Accepted("takes effect with share groups");
pub(super) const STREAMS: Handling = Accepted("takes effect with streams groups");
pub(super) const TIERED: Handling = Accepted("has no effect while tiered storage is off");
pub(super) const TOKENS: Handling = Accepted("takes effect with delegation tokens");
pub(super) const TXN: Handling = Accepted("takes effect with transactions");
pub(super) const WAITERS: Handling = Accepted("waiting requests leave no remains that would need clearing");

pub(super) const JAVA: Handling = Refused(
    "Ordain cannot load Java classes, and what this one decides would silently not be decided; remove the key",
);
pub(super) const ONEDIR: Handling =
    Refused("a node has one data directory, which cannot be cordoned; remove the key");
pub(super) const UNSTABLE: Handling = Refused("Ordain serves final versions only; remove the key");
pub(super) const X_ACL: Handling = Refused(
    "authorization is not supported yet, and every client may do everything; remove the key and keep the \
     listeners on loopback or behind a network that you trust",
);
pub(super) const X_SASL: Handling = Refused(
    "SASL is not supported yet, and clients would connect without proving who they are; remove the key and \
     keep the listeners on loopback or behind a network that you trust",
);
pub(super) const X_TIERED: Handling =
    Refused("tiered storage is not supported; leave it off, and segments stay on the local disk");
pub(super) const X_TLS: Handling = Refused(
    "TLS is not supported yet, and connections would not be encrypted; remove the key and end TLS in a proxy \
     in front of a loopback listener",
);
pub(super) const X_TOKENS: Handling =
    Refused("delegation tokens are not supported, and none would be checked; remove the key");
