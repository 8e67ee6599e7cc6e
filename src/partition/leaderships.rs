use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::types::{LeaderEpoch, NodeId, Offset, PartitionId};

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

/// The metadata log can go on only from where its leader's begins, and nothing here stands for what comes before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SnapshotWanted {
    /// Who leads, and has one.
    pub from: NodeId,
    /// It has to cover the log up to here.
    pub covering: Offset,
}

/// Who leads the partitions of this node: told by their shards, for whoever acts when it changes.
#[derive(Default)]
pub struct Leaderships {
    state: Mutex<State>,
    changed: Notify,
    /// A snapshot of the metadata is wanted.
    wanted: Notify,
}

#[derive(Default)]
struct State {
    of: BTreeMap<PartitionId, Leadership>,
    /// Those that changed since they were last asked for.
    news: BTreeSet<PartitionId>,
    snapshot: Option<SnapshotWanted>,
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

    /// Whether a snapshot of the metadata is wanted.
    #[must_use]
    pub fn snapshot_wanted(&self) -> Option<SnapshotWanted> {
        self.lock().snapshot
    }

    /// Completes once a snapshot is wanted that was not asked about. For one caller.
    pub async fn snapshot_is_wanted(&self) {
        self.wanted.notified().await;
    }

    pub(super) fn want_snapshot(&self, wanted: SnapshotWanted) {
        self.lock().snapshot = Some(wanted);
        self.wanted.notify_one();
    }

    pub(super) fn snapshot_covers(&self, covered: Offset) {
        let mut state = self.lock();
        state.snapshot = state.snapshot.filter(|wanted| wanted.covering > covered);
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
