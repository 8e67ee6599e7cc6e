use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::peers::Outbox;
use crate::raft::Message;
use crate::types::{Instant, NodeId, PartitionId};

/// What the shards have for the hub. Bounded by the nodes and by the outboxes, whatever happens: a shard leaves its letters
/// here and goes on.
#[derive(Default)]
pub(in crate::partition) struct Post {
    boxes: Mutex<Boxes>,
    wake: Notify,
    /// Until when it holds what the shards were told of silent nodes, in nanoseconds; 0 while nobody looks for silence.
    looked_until: AtomicU64,
}

/// What waits.
#[derive(Default)]
pub(in crate::partition) struct Boxes {
    /// Shards that have something for the requests to a node.
    pub(super) fetches: BTreeSet<(NodeId, usize)>,
    /// Shards that may have something for the replies to a node.
    pub(super) replies: BTreeSet<(NodeId, usize)>,
    pub(super) messages: BTreeMap<NodeId, Outbox>,
    /// Nodes that sent what no sound node sends, and what that was.
    pub(super) malformed: BTreeMap<NodeId, String>,
}

/// What one turn of a shard has for the hub.
#[derive(Default)]
pub(in crate::partition) struct Letters {
    pub(in crate::partition) fetches: BTreeSet<NodeId>,
    pub(in crate::partition) replies: BTreeSet<NodeId>,
    pub(in crate::partition) messages: Vec<(NodeId, PartitionId, Message)>,
    pub(in crate::partition) malformed: Vec<(NodeId, String)>,
}

impl Letters {
    fn is_empty(&self) -> bool {
        self.fetches.is_empty()
            && self.replies.is_empty()
            && self.messages.is_empty()
            && self.malformed.is_empty()
    }
}

impl Post {
    fn boxes(&self) -> MutexGuard<'_, Boxes> {
        self.boxes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves what a shard has.
    pub(in crate::partition) fn leave(&self, shard: usize, letters: Letters) {
        if letters.is_empty() {
            return;
        }
        let mut boxes = self.boxes();
        boxes.fetches.extend(letters.fetches.into_iter().map(|node| (node, shard)));
        boxes.replies.extend(letters.replies.into_iter().map(|node| (node, shard)));
        for (node, partition, message) in letters.messages {
            let outbox = boxes.messages.entry(node).or_insert_with(|| Outbox::new(Outbox::ROWS_MAX_DEFAULT));
            outbox.push(partition, message);
        }
        boxes.malformed.extend(letters.malformed);
        drop(boxes);
        self.wake.notify_one();
    }

    /// The shards have been told who is silent; nobody else is before this instant.
    pub(super) fn vouch(&self, until: Option<Instant>) {
        self.looked_until.store(until.map_or(u64::MAX, |until| until.0), Ordering::Release);
    }

    /// Nobody looks for silent nodes any more.
    pub(super) fn retire(&self) {
        self.looked_until.store(0, Ordering::Release);
    }

    /// Whether nodes may have fallen silent of which the shards were not told: this process has stood still, perhaps.
    pub(in crate::partition) fn is_overdue(&self, now: Instant) -> bool {
        let until = self.looked_until.load(Ordering::Acquire);
        until != 0 && until <= now.0
    }

    /// Until when it holds what the shards were told, or are being told, of silent nodes; the past while nobody looks for silence.
    pub(in crate::partition) fn looked_until(&self) -> Instant {
        Instant(self.looked_until.load(Ordering::Acquire))
    }

    /// Completes when something was left since it was asked last. For the hub alone.
    pub(super) async fn arrived(&self) {
        self.wake.notified().await;
    }

    /// Works on what waits.
    pub(super) fn with<R>(&self, work: impl FnOnce(&mut Boxes) -> R) -> R {
        work(&mut self.boxes())
    }
}
