//! Compaction of a log's files: reads sealed segments, writes cleaned ones beside them.
//!
//! Owns the work between [`super::PartitionLog::take_compaction`] and [`super::PartitionLog::compacted`]; which
//! records stay is decided by [`super::compaction`], which segments take part and what becomes of the log by the
//! log itself.
//! Invariants: no existing file is changed; what is written has names that nothing else has, and counts for
//! nothing before a checkpoint names it; a source that cannot be read, or holds something that cannot be read,
//! ends the work and leaves the log as it was.
mod output;
mod pace;
mod work;

use std::io;

pub(super) use output::{Output, OutputLimits};
pub use work::CompactionWork;
pub(super) use work::Source;

use super::journal::LogKey;
use super::segment::{SegmentId, SegmentState};
use super::stored_read::ReadError;
use crate::types::Offset;
use crate::wire::batch::BatchError;

/// What bounds a compaction.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CompactionOptions {
    /// Memory for the keys of one pass, in bytes; at most 4 GiB of it is used.
    pub key_buffer_bytes: u64,
    /// Bytes that are read and written per second.
    pub bytes_per_second_max: f64,
}

/// A compaction is durable, and waits for the log to take it over.
#[must_use = "tell the log"]
pub struct CompactionDone {
    pub(super) key: LogKey,
    pub(super) cleaning: u32,
    /// What was replaced: a run of the log's segments from the first one on. Empty if a transaction that is not
    /// decided held everything back.
    pub(super) sources: Vec<SegmentId>,
    /// The last segment that was looked at.
    pub(super) last_source: Option<SegmentId>,
    pub(super) outputs: Vec<SegmentState>,
    pub(super) cleaned_to: Offset,
    /// The keys did not fit: there is more to clean.
    pub(super) unfinished: bool,
    pub(super) totals: CompactionTotals,
}

/// What a compaction did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CompactionTotals {
    pub segments_before: usize,
    pub segments_after: usize,
    pub bytes_before: u64,
    pub bytes_after: u64,
    pub records_before: u64,
    pub records_after: u64,
    /// Memory that the keys took.
    pub key_bytes: u64,
}

/// What a log made of a compaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compacted {
    /// The cleaned segments are the log's now.
    Replaced(CompactionTotals),
    /// Nothing was replaced: a transaction that is not decided begins in the first segment that could be.
    Undecided,
    /// The log's segments changed meanwhile (its start moved): the work is thrown away.
    Discarded,
}

/// A compaction failed. The log is as it was.
#[derive(Debug, thiserror::Error)]
#[error("compacting log {} failed: {reason}", .key.partition)]
#[must_use = "tell the log"]
pub struct CompactionFailed {
    pub key: LogKey,
    #[source]
    pub reason: CompactionFailure,
    pub(super) cleaning: u32,
    /// The bases of segments that were begun.
    pub(super) leftover: Vec<Offset>,
}

/// Why a compaction failed.
#[derive(Debug, thiserror::Error)]
pub enum CompactionFailure {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("the batch at {base_offset} in {file} cannot be cleaned: {source}")]
    Batch { file: String, base_offset: Offset, source: BatchError },
    #[error(
        "the keys of the batch at {base_offset} do not fit in {key_buffer_bytes} bytes: raise log.cleaner.dedupe.buffer.size"
    )]
    KeysBeyondMemory { base_offset: Offset, key_buffer_bytes: usize },
    #[error(transparent)]
    Write(#[from] WriteFailed),
}

/// What is written beside the present segments cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{action} {path}: {source}")]
pub struct WriteFailed {
    pub action: &'static str,
    pub path: String,
    pub source: io::Error,
}

impl CompactionDone {
    /// What it did; all zero if it was held back.
    #[must_use]
    pub fn totals(&self) -> CompactionTotals {
        self.totals
    }

    /// Which log it is about.
    #[must_use]
    pub fn log(&self) -> LogKey {
        self.key
    }
}

impl CompactionFailed {
    /// Which log it is about.
    #[must_use]
    pub fn log(&self) -> LogKey {
        self.key
    }

    /// Whether it only came too late: what it read was removed meanwhile.
    #[must_use]
    pub fn is_overtaken(&self) -> bool {
        matches!(self.reason, CompactionFailure::Read(ReadError::Gone))
    }
}
