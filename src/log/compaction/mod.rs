//! Compaction of a partition's batches, pure: which records stay, and what the batches around them become.
//!
//! Owns the map from keys to their latest offsets and the rules of Kafka's cleaner (with KIP-534's delete
//! horizon); owns no file: who drives it reads the batches in order and writes what comes back.
//! Invariants: the last value of each key stays; offsets, and so positions, never change; a record is dropped
//! only for a later one of the very same key (keys are compared whole, never by hash), for a tombstone past
//! its retention, because its transaction was aborted, or because it has no key.
//!
//! A round: [`OffsetMap`] is filled by a [`MapBuilder`] from the dirty batches, in order, until they end or it
//! is full; then every batch from the log's start up to [`OffsetMap::end_offset`] goes through a [`Cleaner`].
//! Only batches below the last stable offset take part, so every transaction in them is decided.
mod cleaner;
mod offset_map;
#[cfg(test)]
mod tests;
mod transactions;

pub use cleaner::{CleanRules, Cleaned, Cleaner, MapBuilder, MapProgress};
pub use offset_map::{MapFull, OffsetMap};
pub use transactions::{AbortedTransaction, CleanedTransactions};
