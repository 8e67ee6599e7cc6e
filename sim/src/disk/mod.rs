//! Disks: each node has one, which outlives its process, and which loses what was never synced when the power
//! goes.
//!
//! Two pictures of everything are kept: the **live** one (what the running machine reads: the page cache and
//! the directory cache) and the **durable** one (what is on the medium), with the list of changes between
//! them. A sync moves changes over; a loss of power applies a seeded choice of the rest, sector by sector and
//! name by name, and makes the result live. How much of it survives is drawn, too: alike for all, or for each file and for
//! the names ([`Survival`]).
//!
//! Every operation has two moments between its start and its end: when it takes effect on the live picture,
//! and when it is done (for a durable write or a sync: durable). If the process ends between them, the effect
//! stays and nobody is told; if it ends before, nothing happens.
//!
//! A file that rot, a bad sector or a misdirected write has hit is kept twice from then on: as it is, and as it
//! would be without ([`DiskControl::damaged`]). Both live through the same writes, syncs and losses of power, so
//! that at any time it is known which bytes a fault has destroyed and none has rewritten.
mod control;
mod file;
mod ops;
mod state;
mod tree;

pub use control::{DiskControl, DiskImage};
pub use file::Damage;
pub(crate) use ops::SimDisk;
pub(crate) use state::DiskState;
pub use state::{DiskOptions, FaultyOp, PowerLoss, Range, Survival};

/// What the disk writes whole or not at all, in bytes.
pub const SECTOR_BYTES: usize = 512;
