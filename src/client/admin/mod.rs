//! Administration: topics, configurations, offsets, groups, log directories. Each file adds its operations to
//! [`Client`](super::Client).
mod configs;
pub(super) mod groups;
mod log_dirs;
mod offsets;
pub(super) mod topics;

pub use configs::{ConfigChange, ConfigEntry, ConfigResource, ConfigSource, ConfigSynonym};
pub use groups::{CommittedOffset, GroupDescription, GroupListing, GroupMember};
pub use log_dirs::{LogDir, LogDirPartition};
pub use offsets::{ListedOffset, OffsetSpec};
pub use topics::{CreatedTopic, NewTopic, Validate};
