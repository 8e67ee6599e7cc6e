//! The replication core, sans I/O: one [`Replica`] per partition and one for the metadata log.
//!
//! Owns the epoch, the vote, the role and the high watermark of one replica; what it wants done comes out as
//! [`Effect`]s, in order, and what was done comes back as [`Event`]s. It reads no clock and touches no disk.
//!
//! ```text
//!            campaign                    majority of votes              epoch start committed
//! Resigned ──────────▶ Candidate(vote) ────────────────────▶ Leader(starting) ───────────▶ Leader(serving)
//!     ▲                       │                                    │                             │
//!     └───────────────────────┴────────── a higher epoch, or the storage failed ─────────────────┘
//! ```
//!
//! Invariants: a vote is durable before it counts; an epoch has one leader; the high watermark never falls
//! and never passes what a majority of the voters holds durably; it moves only through an entry of the
//! leader's own epoch, for which the zero-width epoch start counts (Raft §5.4.2, without spending an offset).
//!
//! Absent so far: the exchange with other voters. A set of several voters is represented and counted
//! correctly, but nothing sends or receives votes and fetches yet.
mod effect;
mod event;
mod progress;
mod replica;
mod voters;

pub use effect::Effect;
pub use event::Event;
pub use progress::Position;
pub use replica::{Recovered, Replica, Standing};
pub use voters::VoterSet;
