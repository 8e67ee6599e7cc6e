//! This node as one of several: how it reaches the active controller, what it tells it of itself, and, while it is the active
//! controller, which of the others it hears.
//!
//! What nodes ask the controller are requests of Kafka's protocol (`BrokerRegistration`, `BrokerHeartbeat`, `AlterPartition`,
//! `AllocateProducerIds`, and those of clients that change metadata), carried by the connections between nodes: see
//! `docs/cluster.md`.
mod asking;
mod awaiting;
mod balance;
mod caught_up;
mod draining;
mod joining;
mod liveness;
mod lost_replicas;
mod membership;
mod reassigning;
mod report;
mod watching;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use balance::balance_leaders;
pub(in crate::broker) use balance::{BEHIND, HAND_OVERS_MAX, hindrance};
pub use draining::hand_over_when_due;
pub use joining::join_quorum;
pub use membership::{Member, keep_membership, register};
pub use reassigning::follow_reassignments;
pub use watching::{fence_silent, forget_deleted_topics};

pub(super) use asking::{ANSWER_PATIENCE, NoController, answer_with_end, ask, ask_node, forward};
pub(super) use awaiting::await_leaders;
use caught_up::CaughtUp;
pub(super) use liveness::Liveness;

use super::Context;
use crate::config::QuorumConfig;
use crate::io::{Shutdown, timeout};
use crate::metadata::controller::{METADATA_PARTITION, quorum_nodes};
use crate::partition::{HandOverTerms, NodeDoubts, PeerCalls};
use crate::types::{Instant, LeaderEpoch, NodeId, Uuid};

/// What this node has seen of processes that connect to it and say which node they are.
pub trait Claims: Send + Sync {
    /// The directory of the process that speaks here for a node, or did last, and since when nothing else has claimed to be that node;
    /// `None` if it has not connected since this node began.
    fn alone(&self, node: NodeId) -> Option<(Uuid, Instant)>;

    /// The host and port at which a node listens for nodes, as it said when it connected here; `None` if it has not since this node began.
    fn address(&self, node: NodeId) -> Option<(String, u16)>;
}

/// What a node of several knows and uses beside what every node has.
pub struct Cluster {
    /// Who claims to be which node.
    pub claims: Box<dyn Claims>,
    /// The id that its founders gave it.
    pub id: String,
    /// The nodes that voted on the metadata first.
    pub founders: Vec<NodeId>,
    /// The name of the listener for nodes.
    pub listener: String,
    /// Requests to other nodes.
    pub calls: PeerCalls,
    /// How long a broker may be silent until it is fenced.
    pub session_timeout: Duration,
    /// How often a broker says that it lives.
    pub heartbeat_interval: Duration,
    /// How often leaders that are not the preferred ones hand over; `None`: not by themselves.
    pub balance_interval: Option<Duration>,
    /// Which nodes may not be there.
    pub doubts: NodeDoubts,
    /// Whether this node asks to vote on the metadata once it has caught up.
    pub joins_quorum: bool,
    /// This node is about to stop: the controller is told.
    draining: Shutdown,
    liveness: Mutex<Liveness>,
    caught_up: Mutex<CaughtUp>,
}

impl Cluster {
    #[must_use]
    pub fn new(
        id: String,
        founders: Vec<NodeId>,
        (calls, doubts): (PeerCalls, NodeDoubts),
        claims: Box<dyn Claims>,
        quorum: &QuorumConfig,
    ) -> Cluster {
        Cluster {
            claims,
            id,
            founders,
            listener: quorum.listener.name.clone(),
            joins_quorum: quorum.joins_quorum,
            calls,
            doubts,
            session_timeout: quorum.session_timeout,
            heartbeat_interval: quorum.heartbeat_interval,
            balance_interval: quorum.balance_interval,
            draining: Shutdown::new(),
            liveness: Mutex::default(),
            caught_up: Mutex::default(),
        }
    }

    /// To whom a node that stops hands over what it leads.
    #[must_use]
    pub fn hand_over_terms(&self, context: &Context) -> HandOverTerms {
        let terms = self.terms(&context.metadata(), context.config().node_id);
        HandOverTerms { to_anybody: true, at_once_max: usize::MAX, ..terms }
    }

    /// Tells the controller that this node is about to stop, so that it gets nothing new; waits until this node's image shows it, at
    /// most until `deadline`.
    pub async fn drain(&self, context: &Context, deadline: Instant) {
        self.draining.begin();
        let own = context.config().node_id;
        let shown = context.image.once(|image, _| image.registered(own).is_some_and(|one| one.draining));
        if timeout(&*context.io.clock, deadline, shown).await.is_err() {
            if self.may_decide(context) {
                tracing::warn!("stopping: the cluster does not know yet that this node stops");
            } else {
                tracing::info!("stopping: too few controllers are there to be told");
            }
        }
    }

    /// Whether a majority of those that vote on the metadata may be there, as far as this node knows.
    fn may_decide(&self, context: &Context) -> bool {
        let (own, voters) = (context.config().node_id, quorum_nodes(&context.metadata(), &self.founders));
        let there = voters.iter().filter(|&&node| node == own || self.doubts.since(node).is_none()).count();
        there > voters.len() / 2
    }

    pub(super) fn caught_up(&self) -> MutexGuard<'_, CaughtUp> {
        self.caught_up.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn liveness(&self) -> MutexGuard<'_, Liveness> {
        self.liveness.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The epoch in which this node is the active controller, if it is.
pub(super) fn active_epoch(context: &Context) -> Option<LeaderEpoch> {
    let leadership = context.partitions.leaderships().of(METADATA_PARTITION)?;
    leadership.serving.then_some(leadership.epoch)
}
