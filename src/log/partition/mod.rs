//! One partition's log: a plain value that a shard owns. No locks, no waiting, no I/O.
//!
//! ```text
//!   segments (files)          tail (memory)
//! ┌─────────┬────────┐┌───────────────┬───────────────┐
//! │  sealed │ active ││ flushed, kept │   unflushed   │──▶ append
//! └─────────┴────────┘└───────────────┴───────────────┘
//! log start      …      tail start     flushed end     log end
//!                                      flushed end ≤ high watermark ≤ log end
//! ```
//!
//! Invariants: only committed batches (below the high watermark) are flushed, so a truncation never touches a
//! file; each change yields exactly one journal entry, numbered without gaps, which the owner hands to the
//! journal in the order of the calls; at most one flush is under way.
mod config_checks;
mod flush;
mod read;
mod retention;

use std::sync::Arc;

pub use read::{Read, ReadRequest, TimestampRead};

use super::compaction_marks::CleanerMarks;
use super::config::LogConfig;
use super::epochs::EpochHistory;
use super::file_cache::FileCache;
use super::journal::{Entry, EntryBody, EntryNumber, LogKey, Position};
use super::producers::{ProducerLimits, Producers};
use super::segment::{Segment, SegmentState};
use super::state::{LogState, Vote};
use super::tail::{Tail, TailBudget};
use crate::types::{LeaderEpoch, NodeId, Offset, Timestamp};
use crate::wire::batch::{BatchError, RecordBatch};
