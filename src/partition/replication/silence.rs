use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::types::NodeId;

/// Which of the other nodes are silent. Cheap to clone.
#[derive(Clone, Default)]
pub struct SilentNodes {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    nodes: Mutex<BTreeSet<NodeId>>,
    changed: Notify,
}

impl SilentNodes {
    /// Those of now.
    #[must_use]
    pub fn now(&self) -> BTreeSet<NodeId> {
        self.shared.nodes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Completes once they have changed since it was asked last. For one task.
    pub async fn changed(&self) {
        self.shared.changed.notified().await;
    }

    pub(super) fn set(&self, node: NodeId, silent: bool) {
        let mut nodes = self.shared.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        let has_changed = if silent { nodes.insert(node) } else { nodes.remove(&node) };
        drop(nodes);
        if has_changed {
            self.shared.changed.notify_one();
        }
    }
}
