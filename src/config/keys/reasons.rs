//! Why a key is taken without effect, or refused. Each refusal names the way out.
use crate::config::key::Handling::{self, Accepted, Refused};

pub(super) const CLUSTER: Handling = Accepted("nodes do not use it among themselves yet");
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
