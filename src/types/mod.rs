//! The vocabulary: newtypes for identifiers, offsets, epochs and times, and the limits.
//! Owns no behaviour beyond arithmetic and text forms.
mod epoch;
mod epoch_history;
mod error_code;
mod ids;
pub mod limits;
mod names;
mod offset;
mod roles;
mod time;

pub use epoch::{LeaderEpoch, ProducerEpoch};
pub use epoch_history::{EpochHistory, EpochStart};
pub use error_code::ErrorCode;
pub use ids::{CorrelationId, NodeId, PartitionId, PartitionIndex, ProducerId, TopicId, Uuid};
pub use names::first_names;
pub use offset::Offset;
pub use roles::Roles;
pub use time::{Instant, Timestamp};
