//! The partitions of this node. A fixed number of shards own them: each shard is one task, and nothing else
//! touches its partitions' state. The rest of the broker reaches them through [`Partitions`].
//!
//! Invariants: requests to one partition take effect in the order they were sent; nothing is answered that
//! depends on a write before the write is durable; a reader sees nothing at or above the high watermark.
//!
//! Absent: locks, clocks (time comes with the requests that need it) and waiting on disks: long reads are
//! handed back to the reader as a [`ReadData::Stored`] that it runs itself.
mod appends;
mod compactor;
mod config;
mod deletions;
mod handle;
mod lasting;
mod leaderships;
mod maintenance;
#[allow(clippy::module_inception, reason = "the module is named after what it owns")]
mod partition;
mod refused;
mod repairs;
mod replay;
mod replication;
mod request;
mod search;
mod shard;
mod stalled;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
mod waiters;

pub use crate::peers::NodeAddress;
pub use config::log_config;
pub use handle::{Partitions, PartitionsClosed, shard_of, start_shards};
pub use leaderships::{Leadership, Leaderships, SnapshotWanted};
pub use maintenance::{Maintenance, MaintenanceError};
pub use partition::{ChangeDone, VoterChange};
pub use replication::{
    AskFailed, CallFailed, CallService, KnownNodes, LateService, METADATA_END_BYTES, NodeDoubts, PeerCall,
    PeerCalls, PeerSetup, Replication, Slow,
};
pub use request::{
    AppendError, AppendOutcome, AppendRequest, AppendTerms, Appended, Assignment, EpochCheck, EpochEnd,
    HandOverTerms, LeadershipError, Leaving, OffsetQuery, OffsetReply, PartitionError, PartitionSpec,
    PartitionStats, ReadData, ReadFrom, ReadRequest, ReadResult, Released, ReplicaOrigin, Required,
};
pub use search::{Found, ScanError};
pub use waiters::FetchWaiter;

pub use crate::log::ReadError;
pub use crate::raft::{ChangeRefusal, ReplicaKey, VoterSet};
