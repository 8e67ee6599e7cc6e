//! What an operator sets about classic groups, under Kafka's names, and the bounds of a shard.
use std::time::Duration;

/// Configuration of classic groups. The defaults are Kafka 4.3's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupConfig {
    /// `group.min.session.timeout.ms`
    pub session_timeout_min_ms: i32,
    /// `group.max.session.timeout.ms`
    pub session_timeout_max_ms: i32,
    /// `group.initial.rebalance.delay.ms`: how long an empty group waits for more members.
    pub initial_rebalance_delay_ms: i32,
    /// `group.max.size`: members of one group.
    pub group_max_size: usize,
    /// How long a member without an id may wait in its first JoinGroup (Kafka: fixed at 5 minutes).
    pub new_member_join_timeout_ms: i32,
    /// `offset.metadata.max.bytes`, compared, as in Kafka, with UTF-16 code units.
    pub offset_metadata_max_bytes: usize,
    /// `offsets.retention.minutes`
    pub offsets_retention: Duration,
    /// `offsets.retention.check.interval.ms`
    pub offsets_retention_check_interval: Duration,
}

impl Default for GroupConfig {
    fn default() -> Self {
        GroupConfig {
            session_timeout_min_ms: 6_000,
            session_timeout_max_ms: 1_800_000,
            initial_rebalance_delay_ms: 3_000,
            group_max_size: i32::MAX as usize,
            new_member_join_timeout_ms: 300_000,
            offset_metadata_max_bytes: 4_096,
            offsets_retention: Duration::from_secs(7 * 24 * 60 * 60),
            offsets_retention_check_interval: Duration::from_secs(600),
        }
    }
}

/// How much one shard (one partition of `__consumer_offsets`) may hold. What exceeds a bound is refused with
/// an answer; what was loaded from the log is kept whatever its size.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupLimits {
    pub groups_max: usize,
    /// Members of all groups, those included that were only just given their id.
    pub members_max: usize,
    /// Bytes of what all members say about themselves (names and the metadata of their protocols), of the ids that wait
    /// for their members, and of the groups' names. One member may say as much as fits one write.
    pub members_bytes_max: usize,
    /// Bytes of the assignments of all groups, as of their last records. One group's fits one write.
    pub assignments_bytes_max: usize,
    pub offsets_max: usize,
    /// Bytes of the notes (metadata) that clients leave with their offsets.
    pub offset_notes_bytes_max: usize,
    /// Bytes of the tombstones that one OffsetDelete leads to: they are written in one go, while nobody else is served.
    pub deletion_bytes_max: usize,
    /// Records of one write, where a change may be cut into several (expiry, deletion).
    pub records_per_write_max: usize,
    /// Bytes of one write. A group or commit that would need more is refused, so that no client can make a
    /// write fail; it must not exceed what the log takes as one batch (less 4 KiB for the batch around it).
    pub write_bytes_max: usize,
}

impl Default for GroupLimits {
    fn default() -> Self {
        GroupLimits {
            groups_max: 100_000,
            members_max: 200_000,
            members_bytes_max: 64 << 20,
            assignments_bytes_max: 64 << 20,
            offsets_max: 4_000_000,
            offset_notes_bytes_max: 256 << 20,
            deletion_bytes_max: 16 << 20,
            records_per_write_max: 2_000,
            write_bytes_max: 1_000_000,
        }
    }
}
