//! The replication core, sans I/O: one [`Replica`] per partition and one for the metadata log.
//!
//! Owns the epoch, the vote, the role, the positions and the high watermark of one replica; what it wants done comes
//! out as [`Effect`]s, in order, and what was done comes back as [`Event`]s. It reads no clock and touches no disk; the
//! records are its driver's. `docs/replication.md` has the protocol, every message, and why it is safe.
//!
//! ```text
//!  start ─▶ Unattached ─election─▶ Prospective ─pre-votes─▶ Candidate ─votes─▶ Leader(starting ─▶ serving)
//!            ▲  ▲  │                │  ▲   ▲                  │  ▲               │
//!            │  │  └─leader known─┐ │  │   └── round over ────┘  │               │
//!            │  │                 ▼ ▼  │ leader silent           │ successor     │
//!            │  └── leader gone ─ Follower ──────────────────────┘               │
//!            └── a higher epoch, from any role; no majority heard ───────────────┘
//!  Failed: the storage failed, or the log contradicts what is committed. For good.
//! ```
//!
//! Invariants: a vote is durable before it counts or is told; an epoch has one leader; the high watermark never falls
//! and never passes what a majority of the voters holds durably; it moves only through an entry of the leader's own
//! epoch, for which the zero-width epoch start counts (Raft §5.4.2, without spending an offset); nothing below it is
//! cut. A role is a type: its fields exist only while it lasts.
//!
//! Absent: records, sockets, sessions between nodes, and who decides which replicas a partition has.
mod ballots;
mod candidate;
mod change;
#[cfg(any(test, feature = "testing"))]
pub mod cluster;
mod contacts;
mod core;
mod effect;
mod event;
mod follower;
mod leader;
mod log_state;
mod message;
mod mistake;
mod position;
mod progress;
mod prospective;
mod replica;
#[cfg(test)]
mod tests;
mod timing;
mod transfer;
mod unattached;
mod view;
mod voters;
mod voting;

pub use contacts::Contacts;
pub use core::Recovered;
pub use effect::{ChangeRefusal, Effect, HaltReason};
pub use event::Event;
pub use message::{
    Ballot, Decision, Fetch, FetchOutcome, FetchReply, Message, Refusal, Slice, Vote, VoteReply,
};
pub use mistake::Mistake;
pub use position::Position;
pub use replica::{Replica, Standing};
pub use timing::{Timer, Timing};
pub use view::Heard;
pub use voters::{ReplicaKey, VoterSet};
