//! The runtime of the group coordinators: it loads shards from the log, feeds them requests and time, and
//! carries out what they decide.
//!
//! One task owns one partition of `__consumer_offsets`; it starts when this node begins to lead the partition, or is first asked for it,
//! and ends with the node or with the topic. Its states:
//!
//! ```text
//!          leads, or a request        loaded
//!   Idle ───────────────────▶ Loading ───────▶ Leading
//!    ▲                           │ not leader,     │ a write failed
//!    │                           ▼ unreadable      ▼
//!    └──────────────────────── (answered)  ◀── Draining: until every write has its outcome; a second later
//!                                              it loads again if this node leads still
//! ```
//!
//! Invariants:
//! - a shard in memory is the replay of the log up to its last write; after a failed write it is dropped, and
//!   loaded anew only once no write of its own is under way any more;
//! - writes are pipelined, one batch each, in the order of their numbers; an answer that rests on a write is
//!   parked until the write is committed;
//! - nobody is answered from what another node may have changed: before a request is taken this node knows that it leads the partition
//!   (`lease.rs`);
//! - every request is answered: by the shard, or with an error when its wait ends;
//! - everything that waits is bounded: the inbox, the writes under way, the requests during a load.
//!
//! What a load cannot read it does not guess: a record that is damaged makes the partition's groups
//! unavailable; a record of another kind of group is skipped and counted.
mod error;
mod handle;
mod in_flight;
mod leading;
mod lease;
mod load;
mod task;
#[cfg(test)]
mod tests;
mod write;

pub use error::CoordinatorError;
pub use handle::GroupCoordinators;
