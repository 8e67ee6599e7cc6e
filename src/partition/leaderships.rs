use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::types::{LeaderEpoch, NodeId, PartitionId};

/// How a replica of this node stands to its leadership.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Leadership {
    /// The newest epoch that the replica knows.
    pub epoch: LeaderEpoch,
    /// Who leads it, as far as the replica knows.
    pub leader: Option<NodeId>,
    /// This replica leads, and answers clients.
    pub serving: bool,
}

/// Who leads the partitions of this node: told by their shards, for whoever acts when it changes.
#[derive(Default)]
pub struct Leaderships {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    of: BTreeMap<PartitionId, Leadership>,
    /// Those that changed since they were last asked for.
    news: BTreeSet<PartitionId>,
}

impl Leaderships {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the replica of a partition stands, if this node has one.
    #[must_use]
    pub fn of(&self, id: PartitionId) -> Option<Leadership> {
        self.lock().of.get(&id).copied()
    }

    /// The partitions whose leadership has changed since the last call. For one caller.
    #[must_use]
    pub fn take_news(&self) -> BTreeSet<PartitionId> {
        std::mem::take(&mut self.lock().news)
    }

    /// Completes with the next change after this was called: look at [`Leaderships::of`] once it has been made, and
    /// before it is awaited.
    pub fn changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed.notified()
    }

    pub(super) fn tell(&self, id: PartitionId, leadership: Leadership) {
        {
            let mut state = self.lock();
            state.of.insert(id, leadership);
            state.news.insert(id);
        }
        self.changed.notify_waiters();
    }

    pub(super) fn forget(&self, id: PartitionId) {
        {
            let mut state = self.lock();
            state.of.remove(&id);
            state.news.insert(id);
        }
        self.changed.notify_waiters();
    }
}
