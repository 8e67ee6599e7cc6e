use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::Slow;
use crate::types::{Instant, NodeId};

/// Which of the other nodes are in doubt: silent, or without a connection that there was; when each was heard last; and whose disks are
/// too slow to lead, this node's among them. Cheap to clone.
#[derive(Clone, Default)]
pub struct NodeDoubts {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Since when each of them is.
    since: Mutex<BTreeMap<NodeId, Instant>>,
    /// When each was known last to live.
    heard: Mutex<BTreeMap<NodeId, Instant>>,
    slow: Mutex<BTreeMap<NodeId, Slow>>,
    changed: Notify,
}

impl NodeDoubts {
    /// Since when a node is in doubt, if it is.
    #[must_use]
    pub fn since(&self, node: NodeId) -> Option<Instant> {
        self.shared.since.lock().unwrap_or_else(PoisonError::into_inner).get(&node).copied()
    }

    /// The last instant at which a node was known to live: while it follows, what it is asked and answers stands for a fetch of all
    /// that it replicates. `None`: not since this process began.
    #[must_use]
    pub fn heard(&self, node: NodeId) -> Option<Instant> {
        self.shared.heard.lock().unwrap_or_else(PoisonError::into_inner).get(&node).copied()
    }

    pub(super) fn note_heard(&self, node: NodeId, at: Instant) {
        let mut heard = self.shared.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let known = heard.entry(node).or_insert(at);
        *known = (*known).max(at);
    }

    /// How slow a node's disk is, if it is too slow for the node to lead.
    #[must_use]
    pub fn slow(&self, node: NodeId) -> Option<Slow> {
        self.slows().get(&node).copied()
    }

    /// The nodes whose disks are too slow for them to lead.
    #[must_use]
    pub fn slow_nodes(&self) -> BTreeSet<NodeId> {
        self.slows().keys().copied().collect()
    }

    fn slows(&self) -> MutexGuard<'_, BTreeMap<NodeId, Slow>> {
        self.shared.slow.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note_slow(&self, node: NodeId, slow: Option<Slow>) {
        let mut slows = self.slows();
        let before = match slow {
            Some(slow) => slows.insert(node, slow),
            None => slows.remove(&node),
        };
        drop(slows);
        if before.map(|before| before.lasts) != slow.map(|slow| slow.lasts) {
            self.shared.changed.notify_waiters();
        }
    }

    /// Whether any node is.
    #[must_use]
    pub fn are_none(&self) -> bool {
        self.shared.since.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Completes with the next change after this was called.
    pub fn changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.shared.changed.notified()
    }

    /// A connection ended, or the node is silent.
    pub(super) fn doubt(&self, node: NodeId, now: Instant) {
        self.shared.since.lock().unwrap_or_else(PoisonError::into_inner).entry(node).or_insert(now);
        self.shared.changed.notify_waiters();
    }

    /// The node is heard, or nobody cares any more.
    pub(super) fn trust(&self, node: NodeId) {
        self.shared.since.lock().unwrap_or_else(PoisonError::into_inner).remove(&node);
        self.shared.changed.notify_waiters();
    }
}
