use super::{Stored, Write};
use crate::raft::{Event, Mistake, Replica, ReplicaKey, Timing};
use crate::types::{Instant, NodeId, Uuid};

/// A node: one replica, its disk, and the writes on their way there.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Node {
    pub key: ReplicaKey,
    /// Counts its starts: nothing in memory outlives one.
    pub life: u32,
    pub replica: Replica,
    pub durable: Stored,
    pub memory: Stored,
    pub queue: Vec<Write>,
}

impl Node {
    pub(super) fn new(key: ReplicaKey, durable: Stored, mistake: Option<Mistake>) -> Node {
        let replica = start(key, &durable, mistake, Instant(0));
        let memory = durable.clone();
        Node { key, life: 0, replica, durable, memory, queue: Vec::new() }
    }

    pub(super) fn id(&self) -> NodeId {
        self.key.node
    }

    pub(super) fn write(&mut self, write: Write) {
        self.memory.apply(&write);
        self.queue.push(write);
    }

    pub(super) fn sync(&mut self, count: usize, mistake: Option<Mistake>) -> Vec<Event> {
        let count = count.min(self.queue.len());
        let mut completions = Vec::with_capacity(count);
        for write in self.queue.drain(..count) {
            completions.extend(write.completions(self.durable.end(), mistake));
            self.durable.apply(&write);
        }
        completions
    }

    pub(super) fn crash(&mut self, kept: usize, mistake: Option<Mistake>, now: Instant) {
        for write in self.queue.drain(..).take(kept) {
            self.durable.apply(&write);
        }
        if mistake == Some(Mistake::ForgetVote) {
            self.durable.vote = None;
        }
        self.memory = self.durable.clone();
        self.replica = start(self.key, &self.durable, mistake, now);
        self.life += 1;
    }

    pub(super) fn wipe(&mut self, directory: Uuid, mistake: Option<Mistake>, now: Instant) {
        if mistake != Some(Mistake::AmnesiacVotes) {
            self.key.directory = directory;
        }
        self.queue.clear();
        self.durable = Stored::empty(self.durable.base_voters.clone());
        self.crash(0, mistake, now);
    }
}

fn start(key: ReplicaKey, disk: &Stored, mistake: Option<Mistake>, now: Instant) -> Replica {
    let mut replica = Replica::new(key, disk.recovered(), &Timing::USUAL, key.node.0 as u64, now);
    if let Some(mistake) = mistake {
        replica.plant(mistake);
    }
    replica
}
