//! What a shard is asked, and what it answers: the APIs of classic groups without their wire versions.
//!
//! Where an API's version changes the meaning, the command says so in a field of its own; the rest of a
//! version (which fields exist) is the handler's.
use std::collections::BTreeSet;
use std::ops::Deref;

use bytes::Bytes;

use super::names::{GroupId, InstanceId, MemberId, ProtocolName, ProtocolType, TopicName};
use crate::types::{LeaderEpoch, Offset, PartitionIndex, TopicId};
use crate::wire::Text;

/// Why a shard refuses. The broker maps each to one Kafka error code.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum GroupError {
    #[error("the group id is empty, or longer than 32767 bytes")]
    InvalidGroupId,
    #[error("the session timeout of {got_ms} ms is outside {min_ms} to {max_ms} ms")]
    InvalidSessionTimeout { got_ms: i32, min_ms: i32, max_ms: i32 },
    #[error("the group has no such member")]
    UnknownMemberId,
    #[error("join again with the member id given here")]
    MemberIdRequired,
    #[error("another member has taken over this group instance id")]
    FencedInstanceId,
    #[error("the generation is {current}, not {got}")]
    IllegalGeneration { got: i32, current: i32 },
    #[error("the group is rebalancing: join again")]
    RebalanceInProgress,
    #[error("no protocol of this member is supported by all members of the group")]
    InconsistentGroupProtocol,
    /// Final for the client: only for `group.max.size`.
    #[error("the group has reached its largest size")]
    GroupMaxSizeReached,
    #[error("no such group")]
    GroupIdNotFound,
    #[error("the group still has members")]
    NonEmptyGroup,
    #[error("the group is subscribed to the topic")]
    GroupSubscribedToTopic,
    #[error("the offset's metadata is longer than {max}")]
    OffsetMetadataTooLarge { max: usize },
    /// Kafka: INVALID_REQUEST.
    #[error("the client id or group instance id is longer than {max} bytes")]
    NameTooLong { max: usize },
    /// Kafka: INVALID_TOPIC_EXCEPTION.
    #[error("the topic name is longer than {max} bytes")]
    TopicNameTooLong { max: usize },
    /// Kafka: INVALID_COMMIT_OFFSET_SIZE.
    #[error("the commit takes more than {max} bytes in the log")]
    CommitTooLarge { max: usize },
    /// Kafka: UNKNOWN_SERVER_ERROR, where it takes more than one write.
    #[error("the offsets to delete take more than {max} bytes in the log: name fewer at once")]
    DeletionTooLarge { max: usize },
    /// Kafka: UNKNOWN_SERVER_ERROR.
    #[error("the group's members and assignments take more than {max} bytes in the log")]
    GroupTooLarge { max: usize },
    /// Not in Kafka; COORDINATOR_NOT_AVAILABLE as for too many groups.
    #[error("the members and group names of this coordinator already take {max} bytes")]
    MembersTooLarge { max: usize },
    /// Not in Kafka; COORDINATOR_NOT_AVAILABLE, with which Kafka answers an assignment that it cannot write now: the
    /// members look for the coordinator, and join again after a pause.
    #[error("the assignments of this coordinator's groups already take {max} bytes")]
    AssignmentsTooLarge { max: usize },
    /// Kafka: UNKNOWN_SERVER_ERROR.
    #[error("a member that was just given its id cannot have a group instance id")]
    PendingMemberWithInstanceId,
    /// Not in Kafka, which has no bound; COORDINATOR_NOT_AVAILABLE serves, as clients retry it.
    #[error("this coordinator already holds {max} groups")]
    TooManyGroups { max: usize },
    /// Not in Kafka; COORDINATOR_NOT_AVAILABLE as above.
    #[error("this coordinator already holds {max} members, or ids that wait for them")]
    TooManyMembers { max: usize },
    /// Not in Kafka; COORDINATOR_NOT_AVAILABLE as above.
    #[error("this coordinator already holds {max} committed offsets")]
    TooManyOffsets { max: usize },
    /// Not in Kafka; COORDINATOR_NOT_AVAILABLE as above.
    #[error("the metadata of this coordinator's committed offsets already takes {max} bytes")]
    OffsetNotesTooLarge { max: usize },
    /// This node has ceased to lead the partition.
    #[error("this node no longer coordinates the group")]
    NotCoordinator,
}

/// A request to one shard. Requests that name several groups are split by shard beforehand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GroupCommand {
    Join(JoinGroup),
    Sync(SyncGroup),
    Heartbeat(Heartbeat),
    Leave(LeaveGroup),
    CommitOffsets(OffsetCommit),
    FetchOffsets(OffsetFetch),
    DeleteOffsets(OffsetDelete),
    ListGroups(ListGroups),
    DescribeGroups(DescribeGroups),
    DeleteGroups(DeleteGroups),
}

/// The answer to the command of the same name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GroupResponse {
    Join(JoinResult),
    Sync(Result<Synced, GroupError>),
    Heartbeat(Result<(), GroupError>),
    Leave(Result<Vec<LeftMember>, GroupError>),
    CommitOffsets(Result<Vec<CommittedTopic>, GroupError>),
    FetchOffsets(FetchedGroup),
    DeleteOffsets(Result<Vec<DeletedOffsets>, GroupError>),
    ListGroups(Vec<ListedGroup>),
    DescribeGroups(Vec<DescribedGroup>),
    DeleteGroups(Vec<DeletedGroup>),
}

/// JoinGroup.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JoinGroup {
    pub group_id: GroupId,
    /// Empty on the first attempt.
    pub member_id: MemberId,
    pub group_instance_id: Option<InstanceId>,
    pub client_id: String,
    /// The client's address as Kafka shows it: a slash and the IP.
    pub client_host: String,
    pub session_timeout_ms: i32,
    /// In version 0 the session timeout.
    pub rebalance_timeout_ms: i32,
    pub protocol_type: ProtocolType,
    /// In the member's order of preference.
    pub protocols: Vec<Protocol>,
    /// From version 4 on: a dynamic member must join under an id that it was given (KIP-394).
    pub requires_known_member_id: bool,
    /// From version 9 on: a static leader that comes back may be told not to assign (KIP-814).
    pub supports_skipping_assignment: bool,
    pub reason: Option<String>,
    /// 16 random bytes, for the id of a new member.
    pub random: [u8; 16],
}

/// One protocol that a member supports, and what it says about itself under it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Protocol {
    pub name: ProtocolName,
    pub metadata: Bytes,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JoinResult {
    /// The member's id; empty where Kafka answers with an empty one.
    pub member_id: MemberId,
    pub outcome: Result<Joined, GroupError>,
}

/// A member of a generation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Joined {
    pub generation_id: i32,
    pub protocol_type: Option<ProtocolType>,
    pub protocol_name: Option<ProtocolName>,
    /// Empty if there is none.
    pub leader: MemberId,
    pub skip_assignment: bool,
    /// All members, for the leader; empty for the others.
    pub members: Vec<JoinedMember>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JoinedMember {
    pub member_id: MemberId,
    pub group_instance_id: Option<InstanceId>,
    pub metadata: Bytes,
}

/// SyncGroup.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SyncGroup {
    pub group_id: GroupId,
    pub generation_id: i32,
    pub member_id: MemberId,
    pub group_instance_id: Option<InstanceId>,
    /// From version 5 on; checked if told.
    pub protocol_type: Option<ProtocolType>,
    /// From version 5 on; checked if told.
    pub protocol_name: Option<ProtocolName>,
    /// The leader's; empty from the others.
    pub assignments: Vec<(MemberId, Bytes)>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Synced {
    pub protocol_type: Option<ProtocolType>,
    pub protocol_name: Option<ProtocolName>,
    pub assignment: Bytes,
}

/// Heartbeat.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Heartbeat {
    pub group_id: GroupId,
    pub generation_id: i32,
    pub member_id: MemberId,
    pub group_instance_id: Option<InstanceId>,
}

/// LeaveGroup; versions 0 to 2 name exactly one member, and answer with its error alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeaveGroup {
    pub group_id: GroupId,
    pub members: Vec<LeavingMember>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeavingMember {
    /// Empty where an administrator removes a static member by its instance id.
    pub member_id: MemberId,
    pub group_instance_id: Option<InstanceId>,
    pub reason: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeftMember {
    pub member_id: MemberId,
    pub group_instance_id: Option<InstanceId>,
    pub error: Option<GroupError>,
}

/// OffsetCommit. The handler has checked the topics already.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OffsetCommit {
    pub group_id: GroupId,
    /// Negative for a client that manages no membership.
    pub generation_id: i32,
    pub member_id: MemberId,
    pub group_instance_id: Option<InstanceId>,
    /// Versions 2 to 4 may ask for a retention of their own; `None` for the broker's (−1 on the wire).
    pub retention_time_ms: Option<i64>,
    /// From version 9 on an unknown group is GROUP_ID_NOT_FOUND, before that ILLEGAL_GENERATION.
    pub knows_group_id_not_found: bool,
    pub topics: Vec<CommitTopic>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommitTopic {
    pub topic: TopicName,
    /// Kept with the offsets, unless they have a retention of their own.
    pub topic_id: TopicId,
    pub partitions: Vec<CommitPartition>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommitPartition {
    pub partition: PartitionIndex,
    pub offset: Offset,
    pub leader_epoch: LeaderEpoch,
    pub metadata: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommittedTopic {
    pub topic: TopicName,
    pub topic_id: TopicId,
    pub partitions: Vec<(PartitionIndex, Option<GroupError>)>,
}

/// OffsetFetch for one group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OffsetFetch {
    pub group_id: GroupId,
    /// `None` for all topics with committed offsets.
    pub topics: Option<Vec<FetchTopic>>,
    /// Wait for offsets of open transactions (KIP-447). No transaction commits offsets yet, and every answer
    /// waits for the writes before it anyway, so it changes nothing.
    pub require_stable: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FetchTopic {
    pub topic: TopicName,
    /// `ZERO` below version 10; otherwise offsets of another topic by this name are not shown.
    pub topic_id: TopicId,
    pub partitions: Vec<PartitionIndex>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FetchedGroup {
    pub group_id: GroupId,
    pub topics: Vec<FetchedTopic>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FetchedTopic {
    pub topic: TopicName,
    pub topic_id: TopicId,
    pub partitions: Vec<FetchedOffset>,
}

/// A partition's committed offset; `Offset::NONE`, no epoch and empty metadata where there is none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FetchedOffset {
    pub partition: PartitionIndex,
    pub offset: Offset,
    pub leader_epoch: LeaderEpoch,
    /// Shared with the state, however often it is asked for.
    pub metadata: Text,
    /// The topic that it was committed for; `ZERO` where that is not known.
    pub topic_id: TopicId,
}

/// OffsetDelete.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OffsetDelete {
    pub group_id: GroupId,
    pub topics: Vec<(TopicName, Vec<PartitionIndex>)>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeletedOffsets {
    pub topic: TopicName,
    pub partitions: Vec<(PartitionIndex, Option<GroupError>)>,
}

/// ListGroups. By default all of them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ListGroups {
    /// Only groups in one of these states; `None` for any.
    pub states: Option<BTreeSet<GroupState>>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListedGroup {
    pub group_id: GroupId,
    /// Empty for a group that only stores offsets.
    pub protocol_type: ProtocolType,
    pub state: GroupState,
}

/// The type that ListGroups shows for every group here.
pub const GROUP_TYPE: &str = "classic";

/// DescribeGroups.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DescribeGroups {
    pub groups: Vec<GroupId>,
    /// From version 6 on an unknown group is an error, before that a dead group.
    pub knows_group_id_not_found: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DescribedGroup {
    pub group_id: GroupId,
    pub error: Option<GroupError>,
    pub error_message: Option<String>,
    pub state: GroupState,
    pub protocol_type: ProtocolType,
    /// The chosen protocol of a stable group, else empty.
    pub protocol_data: ProtocolName,
    pub members: Vec<DescribedMember>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DescribedMember {
    pub member_id: MemberId,
    pub group_instance_id: Option<InstanceId>,
    pub client_id: String,
    pub client_host: String,
    /// Empty unless the group is stable.
    pub metadata: Bytes,
    pub assignment: Bytes,
}

/// DeleteGroups.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeleteGroups {
    pub groups: Vec<GroupId>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeletedGroup {
    pub group_id: GroupId,
    pub error: Option<GroupError>,
}

/// A topic that is gone, with all its partitions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeletedTopic {
    pub name: TopicName,
    pub id: TopicId,
}

/// A group's state as the APIs name it. `Dead` is only ever shown: a dead group is one that is not there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum GroupState {
    Empty,
    PreparingRebalance,
    CompletingRebalance,
    Stable,
    Dead,
}

impl ListGroups {
    /// What filters by the names of states and of types let through, in any case. An empty filter lets everything through; an unknown
    /// word matches nothing.
    #[must_use]
    pub fn filtered<W: Deref<Target = str>>(states: &[W], types: &[W]) -> ListGroups {
        let is_listed_type =
            types.is_empty() || types.iter().any(|word| word.eq_ignore_ascii_case(GROUP_TYPE));
        if !is_listed_type {
            return ListGroups { states: Some(BTreeSet::new()) };
        }
        let named = || states.iter().filter_map(|word| GroupState::named(word.trim())).collect();
        ListGroups { states: (!states.is_empty()).then(named) }
    }
}

impl GroupState {
    const ALL: [GroupState; 5] = [
        GroupState::Empty,
        GroupState::PreparingRebalance,
        GroupState::CompletingRebalance,
        GroupState::Stable,
        GroupState::Dead,
    ];

    /// The state of this name, in any case.
    fn named(word: &str) -> Option<GroupState> {
        GroupState::ALL.into_iter().find(|state| state.name().eq_ignore_ascii_case(word))
    }

    /// Kafka's name for the state.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            GroupState::Empty => "Empty",
            GroupState::PreparingRebalance => "PreparingRebalance",
            GroupState::CompletingRebalance => "CompletingRebalance",
            GroupState::Stable => "Stable",
            GroupState::Dead => "Dead",
        }
    }
}

impl JoinResult {
    pub(super) fn refused(member_id: MemberId, error: GroupError) -> JoinResult {
        JoinResult { member_id, outcome: Err(error) }
    }
}
