use crate::types::{LeaderEpoch, NodeId, Offset};

/// What a replica wants done, in this order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Make durable that this node is at `epoch` and voted for `candidate`; then
    /// [`super::Event::VoteDurable`].
    PersistVote { epoch: LeaderEpoch, candidate: NodeId },
    /// Ask the other voters for their votes.
    RequestVotes { epoch: LeaderEpoch },
    /// Append the zero-width start of `epoch` at `start` to the log; then [`super::Event::Durable`] with a
    /// position of this epoch.
    AppendEpochStart { epoch: LeaderEpoch, start: Offset },
    /// This replica now leads `epoch`, and takes records. It serves reads once the start is committed.
    BecameLeader { epoch: LeaderEpoch },
    /// Everything before `offset` is committed.
    AdvanceHighWatermark { offset: Offset },
    /// This replica leads no longer: fail what waits.
    Resigned { epoch: LeaderEpoch },
}
