use super::{Message, Position, ReplicaKey, VoterSet};
use crate::types::{LeaderEpoch, NodeId, Offset};

/// What a replica wants done, in this order. What goes to disk becomes durable in this order, too.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Make durable that this node voted for `candidate` in `epoch`; then [`super::Event::VoteDurable`].
    PersistVote {
        epoch: LeaderEpoch,
        candidate: ReplicaKey,
    },
    /// Append the zero-width start of `epoch` at `start` to the log; then [`super::Event::Durable`] with a
    /// position of this epoch.
    AppendEpochStart {
        epoch: LeaderEpoch,
        start: Offset,
    },
    /// Append what came with the reply: the epoch starts and batches between these positions; then
    /// [`super::Event::Durable`] with `last`.
    AppendEntries {
        previous: Position,
        last: Position,
    },
    /// Append the voter set as a control batch at offset `at`; then [`super::Event::Durable`].
    AppendVoters {
        epoch: LeaderEpoch,
        at: Offset,
        voters: VoterSet,
    },
    /// Cut the log back to this position; then [`super::Event::Durable`] with it.
    Truncate {
        to: Position,
    },
    /// Drop the whole log and begin anew here, with the producer state that came with the reply; then
    /// [`super::Event::Durable`].
    Reset {
        to: Position,
        voters: VoterSet,
    },
    /// Let the log begin here; then [`super::Event::LogStartDurable`].
    MoveLogStart {
        to: Offset,
    },
    /// Everything before `offset` is committed.
    AdvanceHighWatermark {
        offset: Offset,
    },
    /// This replica now leads `epoch`, and takes records. It serves reads once the start is committed.
    BecameLeader {
        epoch: LeaderEpoch,
    },
    /// This replica leads no longer: fail what waits.
    Resigned {
        epoch: LeaderEpoch,
    },
    /// Who leads `epoch`, as far as this replica knows: another one, or nobody.
    LeaderChanged {
        epoch: LeaderEpoch,
        leader: Option<NodeId>,
    },
    Send {
        to: NodeId,
        message: Message,
    },
    /// What [`super::Replica::fetch`] says is new for this node, or was never told to it.
    Fetch {
        from: NodeId,
    },
    /// A follower wants what follows `after`: answer with [`super::Replica::entries_reply`], now or when there is
    /// something new.
    ServeFetch {
        to: NodeId,
        after: Position,
    },
    /// A voter's node has another replica than the one in the voter set: that one is lost. It is to be removed, and
    /// `found` added.
    VoterForgot {
        lost: ReplicaKey,
        found: ReplicaKey,
    },
    /// The voter set that was asked for is committed.
    VotersChanged {
        voters: VoterSet,
    },
    /// A voter change was not begun.
    VoterChangeRefused {
        reason: ChangeRefusal,
    },
    /// Leadership was not handed over, or not in time: this replica goes on leading if it still does.
    TransferFailed,
    /// No election can succeed: of `voters`, `lost` have lost their memory. A person has to decide.
    Stalled {
        lost: usize,
        voters: usize,
    },
    /// The log contradicts what others committed, or the protocol was broken: this replica does nothing more.
    Halted {
        reason: HaltReason,
    },
    /// A peer sent what no correct replica sends; it was ignored.
    Malformed {
        from: NodeId,
    },
}

/// Why a voter change was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChangeRefusal {
    NotLeader,
    /// The leader's epoch start is not committed yet.
    NotServing,
    /// The last change is not committed yet, or one is waiting for its replica to catch up.
    AnotherUnderWay,
    /// It is a voter already, its node has one, or there are too many.
    CannotBeAdded,
    /// It is no voter, or the last one.
    CannotBeRemoved,
    /// Of the voters that would be left too few follow the leader.
    TooFewFollow,
}

/// Why a replica stopped for good.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HaltReason {
    /// The leader's log lacks what this replica knows to be committed.
    CommittedEntriesDiverge { high_watermark: Position, common: Position },
    /// Two nodes claim to lead one epoch.
    TwoLeaders { epoch: LeaderEpoch, known: NodeId, other: NodeId },
    /// No epoch is left to campaign in.
    EpochsExhausted,
}
