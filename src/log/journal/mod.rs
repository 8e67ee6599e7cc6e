//! The node's journal: every durable fact, in aligned group commits over preallocated, recycled files.
//!
//! Owns the files below `journal/` and their format (`docs/journal-format.md`). Does not know what entries
//! mean. Invariants: commit *n*+1 is written only after *n* is durable; a failed write poisons the journal
//! for the life of the process; a file is written only once its name is durable.
mod committer;
mod creation;
mod entry;
mod files;
mod fill;
mod format;
mod handle;
mod placed;
mod placer;
mod reading;
mod recovery;
#[cfg(test)]
mod tests;
mod times;
mod vouch;

pub use entry::{Entry, EntryBody, EntryNumber, LogId, LogKey, LostEntry};
pub use format::{CommitNumber, FileSequence, Incarnation, Position};
pub use handle::{CommitTicket, JournalFailed, JournalHandle, JournalStatistics};
pub use placed::{BatchPlace, PlacedBatch, Series};
pub use recovery::{CommitDamage, JournalError, JournalReport, TornTail};

pub(crate) use creation::{Before, before, begin, name};
pub(crate) use format::COMMIT_OVERHEAD_BYTES;
pub(crate) use placed::parts;
pub(crate) use recovery::{JournalReader, Origin, Step};

/// The journal's directory, relative to the data directory.
pub(crate) const DIRECTORY: &str = "journal";
