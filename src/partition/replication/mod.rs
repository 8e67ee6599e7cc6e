//! What joins the partitions of this node to those of others: the hub owns the connections and their sessions, the shards
//! own what is told in them. `docs/replication.md` and `docs/peers.md` specify both.
//!
//! ```text
//!  shard: Wants, News of each node ──Post: "there is something for node 2", messages──▶ hub: Asker, Answerer, Outbox
//!  shard ◀──PeerStep: rows and messages that came, "give me rows for node 2", silence────── hub ◀═frames═▶ peers
//! ```
//!
//! Invariants: a shard never waits for the hub; the hub waits for a shard's turn alone; rows are made when the connection can
//! take them; nothing is kept for a node that is away but the state of replicas and a bounded number of messages.
mod calls;
mod hub;
mod post;
mod silence;
mod slowness;
mod steps;
#[cfg(test)]
mod tests;
mod turns;

pub use calls::{AskFailed, CallFailed, CallService, LateService, METADATA_END_BYTES, PeerCall, PeerCalls};
pub use hub::{KnownNodes, PeerSetup, Replication};
pub(super) use post::{Letters, Post};
pub use silence::NodeDoubts;
pub use slowness::Slow;
pub(super) use steps::{PeerStep, read_beside};
