//! Administration: topics, configurations, offsets, groups, log directories, leaders, brokers, the metadata quorum. Each file adds its operations to
//! [`Client`](super::Client).
mod brokers;
mod configs;
mod elections;
pub(super) mod groups;
mod log_dirs;
mod offsets;
mod quorum;
mod reassignments;
pub(super) mod topics;

pub use configs::{ConfigChange, ConfigEntry, ConfigResource, ConfigSource, ConfigSynonym};
pub use elections::preferred_election;
pub use groups::{CommittedOffset, GroupDescription, GroupListing, GroupMember};
pub use log_dirs::{LogDir, LogDirPartition};
pub use offsets::{ListedOffset, OffsetSpec};
pub use quorum::{Quorum, QuorumEndpoint, QuorumVoter};
pub use reassignments::{OngoingReassignment, Target};
pub use topics::{CreatedTopic, NewTopic, Validate};
