use super::Position;
use crate::types::{LeaderEpoch, NodeId};

/// What happened to a replica.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// The replica shall try to become leader. For a lone voter that is certain to succeed.
    Campaign,
    /// The vote of [`super::Effect::PersistVote`] for this epoch is durable.
    VoteDurable { epoch: LeaderEpoch },
    /// Another voter gave its vote in this epoch.
    VoteGranted { from: NodeId, epoch: LeaderEpoch },
    /// The log took records; its end is now `log_end.end`. Not durable yet.
    Appended { log_end: Position },
    /// This node holds its log durably up to here.
    Durable { position: Position },
    /// Another voter holds its log durably up to here.
    Fetched { from: NodeId, position: Position },
    /// Somebody is at a higher epoch.
    EpochSeen { epoch: LeaderEpoch },
    /// This node's storage failed: it may hold less than it said it would.
    StorageFailed,
}
