use super::{Message, Position, ReplicaKey, Timer};
use crate::types::{LeaderEpoch, NodeId, Offset};

/// What happened to a replica.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// Another replica of this log said something. Batches that travel beside it are with the driver.
    Received { from: NodeId, message: Message },
    /// A deadline that [`super::Replica::deadline`] announced has come.
    Timer(Timer),
    /// For the time that counts as failure nothing has proved that another node hears this one: it may take this one for silent by now. It
    /// may be heard still (see [`super::Contacts`]).
    NodeUnproven { node: NodeId },
    /// Nothing has come from another node for that time, either.
    NodeSilent { node: NodeId },
    /// A node has proved again that it hears this one.
    NodeHeard { node: NodeId },
    /// A node's session with this one begins anew: it may not be the process that it was.
    SessionAnew { node: NodeId },
    /// This node's own connection to another one begins anew: what was sent on the one before may be lost.
    ConnectedAnew { node: NodeId },
    /// A node's session does not fetch this log from here any more.
    Unfollowed { node: NodeId },
    /// The vote of [`super::Effect::PersistVote`] for this epoch is durable.
    VoteDurable { epoch: LeaderEpoch },
    /// This node holds its log durably up to here.
    Durable { position: Position },
    /// The start that [`super::Effect::MoveLogStart`] asked for, or that was told by `LogStartMoved`, is durable.
    LogStartDurable { log_start: Offset },
    /// The leader's log took records; its end is now `log_end`. Not durable yet.
    Appended { log_end: Position },
    /// The leader's log begins here now, by retention or DeleteRecords.
    LogStartMoved { log_start: Offset },
    /// The replica shall try to become leader now. For a lone voter that is certain to succeed.
    Campaign,
    /// The leader shall hand over to this voter, or to the best one.
    TransferLeadership { to: Option<NodeId> },
    /// The leader shall make this replica a voter once it has caught up.
    AddVoter { key: ReplicaKey },
    /// The leader shall take this voter out of the set.
    RemoveVoter { key: ReplicaKey },
    /// The leader shall give up a voter's addition that has not happened yet.
    CancelVoterChange,
    /// These nodes may know who leads: an observer without a leader asks them, too.
    MayKnow { nodes: Vec<NodeId> },
    /// The log's start may not move beyond this offset: what is before it is kept elsewhere on this node, too.
    StartLimit { offset: Offset },
    /// Whether this replica can serve as leader: not while it misses records that it once held.
    Electable(bool),
    /// Whether this replica shall campaign last: its node is to lead nothing, as long as others can.
    Reluctant(bool),
    /// The leader shall lead no longer: its log is going away, or its node.
    Resign,
    /// This node's storage failed: it may hold less than it said it would.
    StorageFailed,
}
