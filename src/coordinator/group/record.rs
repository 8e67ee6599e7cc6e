//! The records a shard writes to `__consumer_offsets`, as values; `codec` turns them into Kafka's bytes.
use bytes::Bytes;

use super::names::{GroupId, InstanceId, MemberId, ProtocolName, ProtocolType, TopicName};
use crate::types::{LeaderEpoch, Offset, PartitionIndex, Timestamp, TopicId};

/// One record: a key with its newest value, or with `None`, a tombstone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GroupRecord {
    OffsetCommit { key: OffsetKey, value: Option<CommittedOffset> },
    GroupMetadata { group: GroupId, value: Option<GroupMetadata> },
}

/// What a committed offset belongs to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct OffsetKey {
    pub group: GroupId,
    pub topic: TopicName,
    pub partition: PartitionIndex,
}

/// How far a group has come in one partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommittedOffset {
    pub offset: Offset,
    /// The leader epoch of the last consumed record (KIP-320); `NONE` if the client told none.
    pub leader_epoch: LeaderEpoch,
    /// The client's note.
    pub metadata: String,
    pub commit_timestamp: Timestamp,
    /// Set only by clients of old that ask for a retention of their own. A value that has it is written in
    /// version 1, which knows neither leader epoch nor topic id: then they are `NONE` and `ZERO`.
    pub expire_timestamp: Option<Timestamp>,
    /// The topic's identity at the time of the commit; `ZERO` where the client does not tell it.
    pub topic_id: TopicId,
}

/// A group as of its last completed rebalance, or since it became empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupMetadata {
    /// Empty for a group that nobody has joined yet.
    pub protocol_type: ProtocolType,
    pub generation: i32,
    pub protocol: Option<ProtocolName>,
    pub leader: Option<MemberId>,
    /// When the group entered its present state; `None` in records of old.
    pub current_state_timestamp: Option<Timestamp>,
    pub members: Vec<MemberMetadata>,
}

/// A member as of the last completed rebalance.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemberMetadata {
    pub member_id: MemberId,
    pub group_instance_id: Option<InstanceId>,
    pub client_id: String,
    pub client_host: String,
    /// −1 in records of old: then the session timeout counts.
    pub rebalance_timeout_ms: i32,
    pub session_timeout_ms: i32,
    /// What the member said about itself under the chosen protocol.
    pub subscription: Bytes,
    pub assignment: Bytes,
}
