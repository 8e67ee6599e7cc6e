//! The transport between nodes: one connection each way, one fetch session on each, messages in batches, heartbeats that
//! echo clocks. `docs/peers.md` specifies it.
//!
//! ```text
//!  dialler's node                                             acceptor's node
//!  Replica ─Effect::Fetch─▶ Wants ─rows─▶ Asker ══PeerFetch══▶ Answerer ─rows─▶ News, Replica
//!  Replica ◀──────────────────────rows─── Asker ◀═PeerFetchReply═ Answerer ◀─rows─ News ◀─ServeFetch, appends─ Replica
//!  Replica ─Effect::Send──▶ Outbox ══════════════PeerMessages═════════════▶ Replica
//! ```
//!
//! Owns who the nodes say they are ([`Greeting`], [`Admissions`]), what has to be told to whom ([`Wants`], [`News`],
//! [`Outbox`]) and the numbers, clocks and heartbeats of a connection ([`Asker`], [`Answerer`]): pure state machines.
//! `Wants` and `News` are for the partitions of one owner; a connection's request or reply may join the rows of several.
//!
//! Invariants: a row is made when it is sent, and sent once for each connection; a partition without a change is in no
//! frame and costs nothing; a contact is dated by what this node sent, never by when something came; whatever a peer
//! names is bounded before it is kept.
//!
//! Absent: records, replicas, which partitions there are, and authentication.
mod address;
mod admissions;
mod answerer;
mod apart;
mod asker;
mod flow;
pub mod forming;
mod frame;
mod hello;
mod introduction;
mod link;
mod listener;
mod news;
mod outbox;
mod pace;
mod rotation;
mod rows;
mod session;
#[cfg(test)]
mod tests;
mod transport;
mod wants;

pub use address::NodeAddress;
pub use admissions::{Admissions, Ticket};
pub use answerer::{Answerer, Asked};
pub use asker::{Asker, PeerTiming, Replied};
pub use frame::{FRAME_BYTES_LEAST, LinkError, Moved};
pub use hello::{Greeting, HelloError, Identity, Refusal, RefusedHello, commit_to_wire};
pub use introduction::{
    CLUSTER_BYTES_MAX, FOUNDERS_MAX, Founding, Held, Introduction, Introductions, SERVER_BYTES_MAX,
    SERVERS_MAX, introduce,
};
pub use link::{Direction, LinkEvent, LinkId};
pub use news::{Budget, News, Room, Serving};
pub use outbox::Outbox;
pub use rows::{
    Answer, FetchRow, MessageRow, ROWS_MAX, ReplyRow, RowError, read_message_rows, write_message_rows,
};
pub use session::SessionError;
pub use transport::{Dialling, PeerOptions, PeerStats, PeerTransport, Presence, Whereabouts};
pub use wants::{Wanted, Wants};

use crate::types::{PartitionId, PartitionIndex, TopicId};
use session::{NO_CLOCK, clock_echoed, clock_from_wire, clock_to_wire};

/// The metadata log, as rows name it.
pub const METADATA: PartitionId = PartitionId { topic: TopicId::METADATA, index: PartitionIndex(0) };

fn is_metadata(partition: PartitionId) -> bool {
    partition == METADATA
}
