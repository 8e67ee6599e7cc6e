use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::partition::AskedChange;
use super::waiters::FetchWaiter;
use crate::log::producers::{ProducerEntry, ProducerError};
use crate::log::{
    DiskFull, FilesVersion, LogConfig, LogError, MaxTimestamp, ReadError, StoredRead, TimestampRead,
};
use crate::raft::{ReplicaKey, VoterSet};
use crate::types::{Instant, LeaderEpoch, NodeId, Offset, PartitionId, ProducerId, Timestamp};
use crate::wire::batch::ValidatedBatch;

/// A partition that this node shall hold.
#[derive(Clone, Debug)]
pub struct PartitionSpec {
    pub id: PartitionId,
    /// The topic's name, for whoever reads the node's log.
    pub topic: Arc<str>,
    /// Its first voters.
    pub voters: VoterSet,
    /// Who shall hold it; `None`: its first voters.
    pub assignment: Option<Assignment>,
    /// The node is its cluster's only one: what its log has lost nobody else has, and nobody can elect another leader. Else no
    /// log that has lost something may vote: who held it, by what this node knows, need not be who holds it.
    pub lone: bool,
    pub config: LogConfig,
}

/// Which nodes shall hold a partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Assignment {
    /// All of its replicas.
    pub replicas: Vec<NodeId>,
    /// Those of them that shall be its voters, in the end alone.
    pub target: Vec<NodeId>,
    /// Of the replica that this node makes, if it has none.
    pub origin: ReplicaOrigin,
}

/// Who a replica is that has just been made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReplicaOrigin {
    /// The one of the first voter set.
    Founder,
    /// It may follow one of the same data directory, and has forgotten what that one promised: it gets an id of its own.
    Newcomer,
}

/// A replica that is to go, as it asks its leader.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Leaving {
    pub id: PartitionId,
    pub replica: ReplicaKey,
    /// It has heard of no later one.
    pub epoch: LeaderEpoch,
}

/// What a serving leader knows for sure of a replica of another node that asks whether it may go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Released {
    /// It may, in this epoch, in which this leader will make it no voter any more.
    In(LeaderEpoch),
    /// It is wanted, and has not been let go in this leader's epoch.
    Stays,
}

/// When an append is answered. Both wait for stable storage.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Required {
    /// Once this node holds it durably (`acks=1`).
    Leader,
    /// Once it is committed: on a majority (`acks=all`).
    Committed,
    /// Once it is committed, and so many replicas hold it durably (`acks=all` with `min.insync.replicas`).
    Replicas(usize),
}

impl Required {
    /// The same, with so many replicas at least where it is about more than this node.
    #[must_use]
    pub fn with_replicas(self, least: usize) -> Required {
        match self {
            Required::Leader => Required::Leader,
            Required::Committed => Required::Replicas(least),
            Required::Replicas(count) => Required::Replicas(count.max(least)),
        }
    }
}

/// How an append is answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AppendTerms {
    pub required: Required,
    /// When it is answered all the same: what is not done then may be done later. `None` waits for as long as
    /// the disk takes.
    pub deadline: Option<Instant>,
    /// The epoch under which it was decided: it is refused under another one. `None`: under any.
    pub epoch: Option<LeaderEpoch>,
}

impl AppendTerms {
    /// Once it is committed, whenever that is.
    pub const COMMITTED: AppendTerms =
        AppendTerms { required: Required::Committed, deadline: None, epoch: None };

    /// The same, under this epoch alone.
    #[must_use]
    pub fn committed_under(epoch: LeaderEpoch) -> AppendTerms {
        AppendTerms { epoch: Some(epoch), ..AppendTerms::COMMITTED }
    }
}

/// One batch for one partition.
pub struct AppendRequest {
    pub id: PartitionId,
    pub batch: ValidatedBatch,
    /// How many replicas have to hold it durably before it counts as committed to whoever asked, if that is more than a majority.
    pub replicas_min: usize,
}

/// What an append led to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Appended {
    pub base_offset: Offset,
    /// The time the broker gave all records, with `message.timestamp.type=LogAppendTime`; else none.
    pub log_append_time: Timestamp,
    pub log_start: Offset,
}

pub type AppendOutcome = Result<Appended, AppendError>;

/// This node does not (or may not) speak for a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LeadershipError {
    #[error("this node has no such partition")]
    Unknown,
    #[error("this node does not lead the partition")]
    NotLeader,
    #[error("the partition's new leader does not know yet what is committed")]
    Starting,
    #[error("the request's leader epoch {given} is older than {current}")]
    Fenced { given: LeaderEpoch, current: LeaderEpoch },
    #[error("the request's leader epoch {given} is newer than {current}")]
    Ahead { given: LeaderEpoch, current: LeaderEpoch },
    #[error("the partition's storage failed or is damaged")]
    Storage,
}

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AppendError {
    #[error(transparent)]
    Leadership(#[from] LeadershipError),
    #[error("{error}")]
    Producer { error: ProducerError, log_start: Offset },
    /// What the producer sent before it was refused, for this reason, and has not come again.
    #[error(
        "the producer's batch before it, of sequence {sequence}, has to come first, and was refused: {refusal}"
    )]
    Behind { sequence: i32, refusal: Box<AppendError> },
    #[error("the journal failed: what was appended may or may not be kept")]
    Journal,
    #[error("the request's time was up before the append was durable; it may still be made")]
    TimedOut,
    #[error("the request's time was up before the append was durable, it may still be made: {0}")]
    DiskFull(DiskFull),
    #[error(transparent)]
    Log(LogError),
    #[error("the batch of {bytes} bytes does not fit the journal, which takes {limit}")]
    TooLarge { bytes: usize, limit: usize },
    #[error("the log is at its end: offsets are used up")]
    OffsetsExhausted,
}

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PartitionError {
    #[error(transparent)]
    Leadership(#[from] LeadershipError),
    #[error("this replica does not hold the offset {asked} yet: it ends at {end}")]
    NotYet { asked: Offset, end: Offset },
    #[error("the offset {asked} is outside the log, {start} to {end}")]
    OutOfRange { asked: Offset, start: Offset, end: Offset },
    #[error("the journal failed")]
    Journal,
    #[error(transparent)]
    Log(LogError),
    #[error("the node is shutting down")]
    ShuttingDown,
}

/// The epoch that a client believes a partition to be in; none checks nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EpochCheck(pub LeaderEpoch);

/// What a fetch wants of one partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadRequest {
    pub id: PartitionId,
    pub offset: Offset,
    pub max_bytes: usize,
    pub epoch: EpochCheck,
    /// The epoch of the record before `offset`, to notice a divergence (KIP-595); none checks nothing.
    pub last_fetched_epoch: LeaderEpoch,
    /// Who may answer.
    pub from: ReadFrom,
}

/// Which replicas may answer a read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReadFrom {
    /// The leader alone.
    Leader,
    /// Any that is sound, up to what it knows to be committed.
    Replica,
    /// The leader, or one that follows the leader of the client's epoch and hears it (KIP-392).
    Nearby,
}

/// What a partition answered. The offsets are valid where there is no error.
pub struct ReadResult {
    pub high_watermark: Offset,
    pub log_start: Offset,
    pub data: Result<ReadData, PartitionError>,
    /// Set where the client's log has diverged: where its last epoch ended here.
    pub diverging: Option<EpochEnd>,
    /// What the replica's files hold; `None` if there is none here.
    pub files: Option<FilesVersion>,
}

/// Record batches, or the plan of reading them.
pub enum ReadData {
    Memory(Vec<Bytes>),
    /// To be run by whoever asked; its result is checked against the disk's lies.
    Stored {
        plan: StoredRead,
        max_bytes: usize,
    },
}

impl ReadData {
    /// How many bytes there are, or, not read yet, at most should be.
    #[must_use]
    pub fn expected_bytes(&self) -> usize {
        match self {
            ReadData::Memory(pieces) => pieces.iter().map(Bytes::len).sum(),
            ReadData::Stored { max_bytes, .. } => (*max_bytes).max(1),
        }
    }
}

/// The end of an epoch in a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EpochEnd {
    pub epoch: LeaderEpoch,
    pub end: Offset,
}

/// What ListOffsets asks of a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OffsetQuery {
    Earliest,
    Latest,
    MaxTimestamp,
    AtOrAfter(Timestamp),
}

/// Where a query led.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OffsetReply {
    /// There is no such offset.
    None,
    At {
        offset: Offset,
        timestamp: Timestamp,
        epoch: LeaderEpoch,
    },
    /// Needs a look into batches: [`super::Partitions::first_at_or_after`] with this time.
    FirstAtOrAfter(Timestamp),
    /// Needs a look into batches: [`super::Partitions::newest`] with this.
    Newest(MaxTimestamp),
}

/// How a partition stands, for descriptions and metrics.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartitionStats {
    pub id: PartitionId,
    pub epoch: LeaderEpoch,
    /// Whether this replica leads, or begins to.
    pub leader: bool,
    /// Whether it leads, and answers clients.
    pub serving: bool,
    /// The node that leads, as far as this replica knows.
    pub leader_node: Option<NodeId>,
    /// What the replica is, for people.
    pub role: &'static str,
    pub voters: VoterSet,
    /// Whether this replica knows that these are committed.
    pub voters_committed: bool,
    /// The replica and its memory.
    pub key: ReplicaKey,
    pub damaged: bool,
    /// Somebody met what cannot be read in its segments, and that is not repaired yet.
    pub wounded: bool,
    pub log_start: Offset,
    /// Up to where this node has let go of the log durably.
    pub durable_start: Offset,
    pub high_watermark: Offset,
    pub log_end: Offset,
    /// Up to where this node holds the log durably.
    pub durable_end: Offset,
    /// A leader's view of those of its voters that are heard: up to where each holds the log durably.
    pub acknowledged: Vec<(NodeId, Offset)>,
    /// A leader's view of its voters: those that follow it, and itself.
    pub followers: Vec<NodeId>,
    /// Of the metadata's leader: those that follow it without a vote and are heard, and where the log of each ends.
    pub observers: Vec<(ReplicaKey, Offset)>,
    pub size_bytes: u64,
    pub segments: usize,
}

impl PartitionStats {
    /// Whether this replica has lost what it held: it is damaged, or the voter that was in its place is not it.
    #[must_use]
    pub fn has_lost(&self) -> bool {
        self.damaged || self.voters.of_node(self.key.node).is_some_and(|voter| voter != self.key)
    }

    /// Up to where a voter that this leader hears holds the log durably.
    #[must_use]
    pub fn acknowledged_by(&self, node: NodeId) -> Option<Offset> {
        self.acknowledged.iter().find(|(voter, _)| *voter == node).map(|(_, end)| *end)
    }
}

#[cfg(test)]
impl PartitionStats {
    /// A partition that node 1 leads in epoch 4 for nodes 1 to 3, committed up to 80, with what each of them holds.
    pub(crate) fn led(acknowledged: &[(i32, i64)]) -> PartitionStats {
        PartitionStats {
            id: PartitionId { topic: crate::types::TopicId([7; 16]), index: crate::types::PartitionIndex(0) },
            epoch: LeaderEpoch(4),
            leader: true,
            serving: true,
            leader_node: Some(NodeId(1)),
            role: "leader",
            voters: VoterSet::new([1, 2, 3].map(NodeId)),
            voters_committed: true,
            key: ReplicaKey { node: NodeId(1), directory: crate::types::Uuid::ZERO },
            damaged: false,
            wounded: false,
            log_start: Offset(10),
            durable_start: Offset(10),
            high_watermark: Offset(80),
            log_end: Offset(100),
            durable_end: Offset(100),
            acknowledged: acknowledged.iter().map(|&(node, end)| (NodeId(node), Offset(end))).collect(),
            followers: Vec::new(),
            observers: Vec::new(),
            size_bytes: 0,
            segments: 1,
        }
    }
}

pub(super) type OnAppended = Box<dyn FnOnce(Vec<AppendOutcome>) + Send>;

/// To whom this node hands over what it leads.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct HandOverTerms {
    /// Nodes that are to lead nothing, either.
    pub avoid: BTreeSet<NodeId>,
    /// If there are no others, one of them has to do.
    pub to_anybody: bool,
    /// At most so many partitions of a shard at once; more when it is asked again.
    pub at_once_max: usize,
}

/// What a shard is asked.
pub(super) enum Request {
    Create {
        specs: Vec<PartitionSpec>,
        reply: oneshot::Sender<Result<(), PartitionError>>,
    },
    Configure {
        id: PartitionId,
        config: LogConfig,
    },
    Assign {
        id: PartitionId,
        assignment: Assignment,
    },
    /// Replicas of other nodes that are to go: answered with the epoch in which they may, of each that may.
    Release {
        leaving: Vec<Leaving>,
        reply: oneshot::Sender<Vec<Option<Released>>>,
    },
    /// The leader of this epoch lets the replica here go. One that has heard of a later epoch stays.
    Leave {
        id: PartitionId,
        epoch: LeaderEpoch,
        reply: oneshot::Sender<Result<(), PartitionError>>,
    },
    Delete {
        ids: Vec<PartitionId>,
        reply: oneshot::Sender<Result<(), PartitionError>>,
    },
    Append {
        appends: Vec<AppendRequest>,
        terms: AppendTerms,
        done: OnAppended,
    },
    FindTimestamp {
        id: PartitionId,
        check: EpochCheck,
        timestamp: Timestamp,
        from: Offset,
        reply: oneshot::Sender<Result<(TimestampRead, Offset), PartitionError>>,
    },
    /// Which logs recovery found that nobody has claimed.
    Unclaimed {
        reply: oneshot::Sender<Vec<PartitionId>>,
    },
    Read {
        reads: Vec<ReadRequest>,
        max_bytes: usize,
        whole_batch: bool,
        waiter: Option<Arc<FetchWaiter>>,
        reply: oneshot::Sender<Vec<ReadResult>>,
    },
    Offsets {
        queries: Vec<(PartitionId, EpochCheck, OffsetQuery)>,
        reply: oneshot::Sender<Vec<Result<OffsetReply, PartitionError>>>,
    },
    EpochEnds {
        queries: Vec<(PartitionId, EpochCheck, LeaderEpoch)>,
        reply: oneshot::Sender<Vec<Result<EpochEnd, PartitionError>>>,
    },
    DeleteRecords {
        deletions: Vec<(PartitionId, Option<Offset>)>,
        reply: oneshot::Sender<Vec<Result<Offset, PartitionError>>>,
    },
    Stats {
        ids: Option<Vec<PartitionId>>,
        reply: oneshot::Sender<Vec<PartitionStats>>,
    },
    Producers {
        id: PartitionId,
        reply: oneshot::Sender<Result<Vec<(ProducerId, ProducerEntry)>, LeadershipError>>,
    },
    Damaged {
        id: PartitionId,
        error: ReadError,
    },
    /// These are to be led from here if nobody leads them.
    Campaign {
        ids: Vec<PartitionId>,
    },
    /// Another voter is to lead what is led here.
    Transfer {
        id: PartitionId,
        to: NodeId,
    },
    /// The voters of what is led here are to change.
    ChangeVoters {
        id: PartitionId,
        asked: AskedChange,
    },
    /// An addition that has not been made is given up.
    CancelChange {
        id: PartitionId,
        key: ReplicaKey,
    },
    /// These nodes' replicas are to vote; with an epoch: as all that earlier epochs committed has it.
    SetNodes {
        id: PartitionId,
        nodes: Vec<NodeId>,
        as_of: Option<LeaderEpoch>,
    },
    /// A snapshot stands for the log up to `covered`, another one up to `limit`: its start may move there.
    Covered {
        id: PartitionId,
        covered: Offset,
        limit: Offset,
    },
    /// Others are to lead what is led here; answered with how much is, of what others could lead.
    HandOver {
        terms: Arc<HandOverTerms>,
        reply: oneshot::Sender<usize>,
    },
    /// What other nodes could lead is not led here any more, whether others lead it or not; answered with how much it was.
    Resign {
        reply: oneshot::Sender<usize>,
    },
    /// Whether the replicas here campaign last from now on.
    Reluctant(bool),
    /// What is said of who shall hold partitions is no older than this node's start.
    FollowTargets,
}
