use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::types::{Instant, NodeId};

/// Which of the other nodes are in doubt: silent, or without a connection that there was; and when each was heard last. Cheap to clone.
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
