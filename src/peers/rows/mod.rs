//! The core's messages as rows of frames, and back. What a peer sends is checked here for what a value of its type can
//! be; what it means is the core's to judge. Fields that do not belong to a row's kind are ignored.
mod fetch;
mod message;
mod reply;
#[cfg(test)]
mod tests;

pub use fetch::{FetchRow, read_fetch_rows, read_forgotten, write_fetch_rows, write_forgotten};
pub use message::{MessageRow, read_message_rows, write_message_rows};
pub use reply::{Answer, ReplyRow, read_reply_rows, write_reply_rows};

use crate::raft::{Position, ReplicaKey};
use crate::types::{LeaderEpoch, NodeId, Offset, PartitionId, PartitionIndex, TopicId, Uuid};

/// The most rows that a frame may have.
pub const ROWS_MAX: usize = 16_384;

/// What a row takes on the wire at most, besides records, epoch starts and producer state, in bytes.
pub(super) const ROW_BYTES: usize = 192;

/// A row that no node with a sound head sends.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    #[error("{field} of {partition} is {value}")]
    OutOfRange { partition: PartitionId, field: &'static str, value: i64 },
    #[error("{field} of {partition} is out of order, or in it twice, at {value}")]
    OutOfOrder { partition: PartitionId, field: &'static str, value: i64 },
    #[error("{field} of {partition} has {value} elements")]
    Count { partition: PartitionId, field: &'static str, value: usize },
    #[error("{field} of {partition} is missing")]
    Missing { partition: PartitionId, field: &'static str },
    #[error("a partition with the index {index}")]
    Partition { index: i32 },
    #[error("{count} rows; {max} are allowed", max = ROWS_MAX)]
    TooManyRows { count: usize },
}

/// A row's partition, for the errors of its fields.
#[derive(Clone, Copy)]
struct Row(PartitionId);

impl Row {
    fn of(topic: TopicId, index: i32) -> Result<Row, RowError> {
        if index < 0 {
            return Err(RowError::Partition { index });
        }
        Ok(Row(PartitionId { topic, index: PartitionIndex(index) }))
    }

    fn out_of_range(self, field: &'static str, value: impl Into<i64>) -> RowError {
        RowError::OutOfRange { partition: self.0, field, value: value.into() }
    }

    /// An epoch that is led, or was.
    fn epoch(self, field: &'static str, value: i32) -> Result<LeaderEpoch, RowError> {
        if value < 0 { Err(self.out_of_range(field, value)) } else { Ok(LeaderEpoch(value)) }
    }

    /// The epoch of a replica that may know of none yet.
    fn epoch_or_none(self, field: &'static str, value: i32) -> Result<LeaderEpoch, RowError> {
        if value < -1 { Err(self.out_of_range(field, value)) } else { Ok(LeaderEpoch(value)) }
    }

    fn offset(self, field: &'static str, value: i64) -> Result<Offset, RowError> {
        if value < 0 { Err(self.out_of_range(field, value)) } else { Ok(Offset(value)) }
    }

    fn position(self, field: &'static str, epoch: i32, end: i64) -> Result<Position, RowError> {
        Ok(Position { epoch: self.epoch_or_none(field, epoch)?, end: self.offset(field, end)? })
    }

    fn node(self, field: &'static str, value: i32) -> Result<NodeId, RowError> {
        if value < 0 { Err(self.out_of_range(field, value)) } else { Ok(NodeId(value)) }
    }

    fn node_or_none(self, field: &'static str, value: i32) -> Result<Option<NodeId>, RowError> {
        if value == -1 { Ok(None) } else { self.node(field, value).map(Some) }
    }

    fn key(self, field: &'static str, node: i32, directory: Uuid) -> Result<ReplicaKey, RowError> {
        Ok(ReplicaKey { node: self.node(field, node)?, directory })
    }
}

/// What stands for "no node" on the wire.
const NO_NODE: i32 = -1;

fn bounded(count: usize) -> Result<(), RowError> {
    if count > ROWS_MAX { Err(RowError::TooManyRows { count }) } else { Ok(()) }
}
