//! Journal-first storage: what a node keeps, and how it is kept.
//!
//! Owns the journal (every durable fact of the node, group-committed), the partition logs (memory tail,
//! segments, indexes, epoch history), the checkpoint and recovery. `docs/journal-format.md` and
//! `docs/segment-format.md` specify the bytes and the crash cases.
//!
//! A [`PartitionLog`] is a plain value owned by a shard: no lock and no waiting in it. What takes time is
//! handed out as work that owns what it needs ([`StoredRead`], [`FlushWork`]) and comes back as a value.
//!
//! Invariants:
//! - Bytes below a size that was once handed to readers or to the checkpoint are never written again.
//! - A file is removed only after a checkpoint that does not name it.
//! - Nothing is cut from a log except by [`PartitionLog::truncate_to`], moved out of it except by
//!   [`PartitionLog::advance_log_start`].
//!
//! Absent: offsets are assigned, and records validated, by the owner above, who also carries the replication; Kafka
//! error codes.
mod checkpoint;
mod checksum;
mod cleaning;
pub mod compaction;
mod config;
mod facts;
mod file_cache;
mod flush;
mod indexes;
mod journal;
mod names;
mod partition;
mod places;
pub mod producers;
mod read_ahead;
mod recovery;
mod reindex;
mod repair;
mod resync;
mod segment;
mod shortage;
mod state;
mod storage;
mod stored_read;
mod tail;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
pub mod voters;
mod walker;

pub use crate::types::{EpochHistory, EpochStart};
pub use checkpoint::CheckpointError;
pub use cleaning::{
    Compacted, CompactionDone, CompactionFailed, CompactionFailure, CompactionOptions, CompactionTotals,
    CompactionWork, WriteFailed,
};
pub use config::{LogConfig, OptionsInvalid, SharedConfigs, StorageOptions, UnattributedDamage};
pub use file_cache::{CacheBounds, FileCache};
pub use flush::{FlushDone, FlushFailed, FlushFailure, FlushWork};
pub use journal::{
    CommitDamage, CommitNumber, CommitTicket, Entry, EntryBody, EntryNumber, FileSequence, Incarnation,
    JournalError, JournalFailed, JournalHandle, JournalReport, JournalStatistics, LogId, LogKey, Position,
    TornTail,
};
pub use partition::{LogError, MaxTimestamp, PartitionLog, Read, ReadRequest, TimestampRead};
pub use recovery::{LogDamage, RecoveryReport};
pub use reindex::{ReindexDone, ReindexFailed, ReindexWork};
pub use repair::{
    FilesVersion, RepairDone, RepairFailed, RepairFailure, RepairPiece, RepairRead, RepairSource, RepairWork,
    Repaired,
};
pub use segment::SegmentState;
pub use shortage::{DiskFails, DiskFull};
pub use state::{LogState, Vote};
pub use storage::{CheckpointRound, Storage, StorageError};
pub use stored_read::{ReadError, StoredRead, StoredTimestampRead};
pub use tail::TailBudget;
