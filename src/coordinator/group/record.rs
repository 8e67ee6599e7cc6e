//! The records a shard writes to `__consumer_offsets`, as values; `codec` turns them into Kafka's bytes.
use bytes::Bytes;

use super::names::{GroupId, InstanceId, MemberId, ProtocolName, ProtocolType, TopicName};
use crate::types::{LeaderEpoch, Offset, PartitionIndex, Timestamp, TopicId};
use crate::wire::Text;

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
    pub metadata: Text,
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

impl GroupRecord {
    /// An upper bound of the bytes that key and value take in the log, without the batch around them.
    #[must_use]
    pub fn encoded_bytes_max(&self) -> usize {
        match self {
            GroupRecord::OffsetCommit { key, value } => {
                let names = key.group.as_str().len() + key.topic.as_str().len();
                names + value.as_ref().map_or(0, |value| value.metadata.len()) + FIXED_BYTES_MAX
            }
            GroupRecord::GroupMetadata { group, value } => {
                let tombstone = group.as_str().len() + FIXED_BYTES_MAX;
                value.as_ref().map_or(tombstone, |value| value.encoded_bytes_max(group))
            }
        }
    }
}

/// More than all fields of fixed size and all lengths of one record, or of one member in it, take.
const FIXED_BYTES_MAX: usize = 80;

impl GroupMetadata {
    /// Bytes of its members' assignments.
    pub(super) fn assignment_bytes(&self) -> usize {
        self.members.iter().map(|member| member.assignment.len()).sum()
    }

    /// [`GroupRecord::encoded_bytes_max`] of this group's record.
    pub(super) fn encoded_bytes_max(&self, id: &GroupId) -> usize {
        let protocol = self.protocol.as_ref().map_or(0, |name| name.as_str().len());
        let leader = self.leader.as_ref().map_or(0, |id| id.as_str().len());
        let members: usize = self.members.iter().map(MemberMetadata::bytes_max).sum();
        let names = id.as_str().len() + self.protocol_type.as_str().len() + protocol + leader;
        names + members + FIXED_BYTES_MAX
    }
}

impl MemberMetadata {
    fn bytes_max(&self) -> usize {
        let instance = self.group_instance_id.as_ref().map_or(0, |id| id.as_str().len());
        let names = self.member_id.as_str().len() + instance + self.client_id.len() + self.client_host.len();
        names + self.subscription.len() + self.assignment.len() + FIXED_BYTES_MAX
    }
}
