//! A small cluster in memory, for the tests of the core and its fuzz target.
//!
//! Owns replicas of one log, their disks and the network between them. A disk makes writes durable in order; a loss of
//! power keeps any prefix of those that were not synced. The network keeps what was sent: each packet can be delivered at
//! any time, any number of times, or never. After each step `check` holds what must hold; what does not
//! is a [`Violation`].
//!
//! Absent: sessions, and real time; a timer fires when a schedule says so.
mod check;
mod disk;
mod node;
mod schedule;
mod search;
mod settle;

use std::sync::Arc;

use super::{Effect, Event, FetchOutcome, Message, Mistake, ReplicaKey, Standing, VoterSet};
use crate::types::{Instant, NodeId, Offset, Uuid};
pub use check::{History, Violation};
pub use disk::{Entry, Stored, Write};
pub use node::Node;
pub use schedule::{Action, run_bytes};
pub use search::{Bounds, Found, Search, search};
pub use settle::Settled;

/// Packets that a network keeps; older ones are lost.
const PACKETS_MAX: usize = 64;

/// What one replica sent another.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Packet {
    pub from: NodeId,
    pub to: NodeId,
    pub message: Message,
    /// The entries beside a reply to a fetch.
    pub entries: Vec<Entry>,
}

impl std::fmt::Display for Packet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} → {}: {}", self.from, self.to, self.message)
    }
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Cluster {
    /// By node id, from 1.
    pub nodes: Vec<Arc<Node>>,
    pub network: Vec<Arc<Packet>>,
    pub history: History,
    pub(super) next_value: u32,
    pub(super) next_directory: u8,
    /// What was said aloud since the last look.
    pub(in crate::raft) said: Vec<(NodeId, String)>,
    /// Packets are kept in one order whatever the order in which they were sent: for a search.
    pub(super) canonical: bool,
    pub(super) now: Instant,
    /// Records in an answer to a fetch, at most.
    pub serve_max: usize,
    mistake: Option<Mistake>,
}

/// The replica of a node that has never lost anything.
#[must_use]
pub fn first_key(node: i32) -> ReplicaKey {
    ReplicaKey { node: NodeId(node), directory: Uuid([0; 16]) }
}

impl Cluster {
    /// `nodes` nodes, of which the first `voters` vote.
    ///
    /// # Panics
    /// If there are no voters.
    #[must_use]
    pub fn new(nodes: i32, voters: i32, mistake: Option<Mistake>) -> Cluster {
        let set = VoterSet::new((1..=voters).map(NodeId));
        let node = |node| Arc::new(Node::new(first_key(node), Stored::empty(set.clone()), mistake));
        Cluster {
            nodes: (1..=nodes).map(node).collect(),
            network: Vec::new(),
            history: History::default(),
            next_value: 1,
            next_directory: 1,
            said: Vec::new(),
            canonical: false,
            now: Instant(0),
            serve_max: usize::MAX,
            mistake,
        }
    }

    #[must_use]
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[Cluster::place(id)]
    }

    pub(super) fn place(id: NodeId) -> usize {
        usize::try_from(id.0 - 1).expect("nodes are numbered from 1")
    }

    /// Those that may be led by one that serves, the newest first.
    #[must_use]
    pub fn leader(&self) -> Option<NodeId> {
        let leads = |node: &&Arc<Node>| {
            matches!(node.replica.standing(), Standing::Serving | Standing::Starting | Standing::HandingOver)
        };
        let newest = self.nodes.iter().filter(leads).max_by_key(|node| node.replica.epoch());
        newest.map(|node| node.key.node)
    }

    /// Plants a mistake in every replica.
    pub fn plant(&mut self, mistake: Option<Mistake>) {
        self.mistake = mistake;
        for node in &mut self.nodes {
            if let Some(mistake) = mistake {
                Arc::make_mut(node).replica.plant(mistake);
            }
        }
    }

    /// Gives a replica an event and carries out what it wants.
    ///
    /// # Errors
    /// If something does not hold afterwards.
    pub fn step(&mut self, id: NodeId, event: Event, beside: &[Entry]) -> Result<(), Violation> {
        let at = Cluster::place(id);
        let node = Arc::make_mut(&mut self.nodes[at]);
        let before = node.replica.committed();
        let mut effects = Vec::new();
        node.replica.step(self.now, event, &mut effects);
        let mut changed = false;
        for effect in effects {
            changed |= self.carry_out(at, effect, beside)?;
        }
        check::after_step(self, at, before, changed)
    }

    /// Carries out one effect; true if the log changed.
    fn carry_out(&mut self, at: usize, effect: Effect, beside: &[Entry]) -> Result<bool, Violation> {
        let node = Arc::make_mut(&mut self.nodes[at]);
        let from = node.key.node;
        match effect {
            Effect::PersistVote { epoch, candidate } => node.write(Write::Vote { epoch, candidate }),
            Effect::AppendEpochStart { epoch, start } => {
                node.write(Write::Append(vec![Entry::EpochStart { epoch, start }]));
            }
            Effect::AppendEntries { previous, last } => {
                let follows = |entry: &&Entry| entry.position() > previous && entry.position() <= last;
                let entries: Vec<Entry> = beside.iter().filter(follows).cloned().collect();
                node.write(Write::Append(entries));
            }
            Effect::AppendVoters { epoch, at, voters } => {
                node.write(Write::Append(vec![Entry::Voters { epoch, offset: at, voters }]));
            }
            Effect::Truncate { to } => node.write(Write::Truncate(to)),
            Effect::Reset { to, voters } => node.write(Write::Reset { to, voters }),
            Effect::MoveLogStart { to } => node.write(Write::MoveStart(to)),
            Effect::Send { to, message } => {
                self.send(Packet { from, to, message, entries: Vec::new() });
                return Ok(false);
            }
            Effect::Fetch { from: to } => {
                let message = Message::Fetch(node.replica.fetch());
                self.send(Packet { from, to, message, entries: Vec::new() });
                return Ok(false);
            }
            Effect::ServeFetch { to, after } => {
                let rest = node.memory.after(after);
                let mut records = rest.iter().filter(|entry| !matches!(entry, Entry::EpochStart { .. }));
                let beyond = records.nth(self.serve_max);
                let end = node.memory.end().end;
                let up_to = beyond.map_or(end, |record| Offset(record.position().end.0 - 1));
                // A mistake may have made it serve a log that is no prefix of its own.
                if let Some(reply) = node.replica.entries_reply(after, up_to) {
                    let entries = rest.to_vec();
                    self.send(Packet { from, to, message: Message::FetchReply(reply), entries });
                }
                return Ok(false);
            }
            Effect::Halted { reason } => {
                return Err(Violation::new(format!("node {from} halted: {reason:?}")));
            }
            Effect::Malformed { from: sender } => {
                return Err(Violation::new(format!("node {from} got what cannot be from node {sender}")));
            }
            Effect::AdvanceHighWatermark { .. }
            | Effect::BecameLeader { .. }
            | Effect::Resigned { .. }
            | Effect::LeaderChanged { .. }
            | Effect::VoterForgot { .. }
            | Effect::VotersChanged { .. }
            | Effect::VoterChangeRefused { .. }
            | Effect::TransferFailed
            | Effect::Stalled { .. } => {
                self.said.push((from, news(&effect)));
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn send(&mut self, mut packet: Packet) {
        // Whoever decodes the batches finds the voter sets in them.
        if let Message::FetchReply(reply) = &mut packet.message
            && let FetchOutcome::Entries(slice) = &mut reply.outcome
        {
            packet.entries.retain(|entry| entry.position() <= slice.last);
            for entry in &packet.entries {
                if let Entry::Voters { offset, voters, .. } = entry {
                    slice.voters.push((*offset, voters.clone()));
                }
            }
        }
        let packet = Arc::new(packet);
        if self.canonical {
            if let Err(place) = self.network.binary_search(&packet) {
                self.network.insert(place, packet);
            }
            return;
        }
        self.network.retain(|known| *known != packet);
        if self.network.len() == PACKETS_MAX {
            self.network.remove(0);
        }
        self.network.push(packet);
    }

    /// Delivers a packet; it stays in the network.
    ///
    /// # Errors
    /// If something does not hold afterwards.
    pub fn deliver(&mut self, packet: &Packet) -> Result<(), Violation> {
        let event = Event::Received { from: packet.from, message: packet.message.clone() };
        self.step(packet.to, event, &packet.entries)
    }

    /// Makes the first `count` writes of a node durable, and tells its replica.
    ///
    /// # Errors
    /// If something does not hold afterwards.
    pub fn sync(&mut self, id: NodeId, count: usize) -> Result<(), Violation> {
        let mistake = self.mistake;
        let completions = Arc::make_mut(&mut self.nodes[Cluster::place(id)]).sync(count, mistake);
        for completion in completions {
            self.step(id, completion, &[])?;
        }
        Ok(())
    }

    /// The node loses power with `kept` of its unsynced writes on disk, and starts again.
    ///
    /// # Errors
    /// If something does not hold afterwards.
    pub fn crash(&mut self, id: NodeId, kept: usize) -> Result<(), Violation> {
        let (at, mistake) = (Cluster::place(id), self.mistake);
        let node = Arc::make_mut(&mut self.nodes[at]);
        node.crash(kept, mistake, self.now);
        let before = node.replica.committed();
        check::after_step(self, at, before, true)
    }

    /// The node loses its disk, and starts again with an empty one, as another replica.
    ///
    /// # Errors
    /// If something does not hold afterwards.
    pub fn wipe(&mut self, id: NodeId) -> Result<(), Violation> {
        let (at, mistake) = (Cluster::place(id), self.mistake);
        let directory = Uuid([self.next_directory; 16]);
        self.next_directory += 1;
        let node = Arc::make_mut(&mut self.nodes[at]);
        node.wipe(directory, mistake, self.now);
        let before = node.replica.committed();
        check::after_step(self, at, before, true)
    }

    /// The leader takes a record from a client.
    ///
    /// # Errors
    /// If something does not hold afterwards.
    pub fn append(&mut self, id: NodeId) -> Result<(), Violation> {
        let value = self.next_value;
        self.next_value += 1;
        let node = Arc::make_mut(&mut self.nodes[Cluster::place(id)]);
        let (epoch, offset) = (node.replica.epoch(), node.memory.end().end);
        let record = Entry::Record { epoch, offset, value };
        let log_end = record.position();
        node.write(Write::Append(vec![record]));
        self.step(id, Event::Appended { log_end }, &[])
    }

    /// The leader's retention moves its log's start to its high watermark.
    ///
    /// # Errors
    /// If something does not hold afterwards.
    pub fn move_start(&mut self, id: NodeId) -> Result<(), Violation> {
        let node = Arc::make_mut(&mut self.nodes[Cluster::place(id)]);
        let to = node.replica.high_watermark();
        if to > node.replica.log_start() {
            node.write(Write::MoveStart(to));
            self.step(id, Event::LogStartMoved { log_start: to }, &[])?;
        }
        Ok(())
    }
}

/// What a replica tells its driver, in words.
fn news(effect: &Effect) -> String {
    match effect {
        Effect::AdvanceHighWatermark { offset } => format!("has everything before offset {offset} committed"),
        Effect::BecameLeader { epoch } => format!("leads epoch {epoch}"),
        Effect::Resigned { epoch } => format!("leads epoch {epoch} no longer"),
        Effect::LeaderChanged { epoch, leader: Some(leader) } => {
            format!("follows node {leader} in epoch {epoch}")
        }
        Effect::LeaderChanged { epoch, leader: None } => format!("knows no leader of epoch {epoch}"),
        Effect::VoterForgot { lost, .. } => format!("finds that voter {} has lost its memory", lost.node),
        Effect::VotersChanged { voters } => format!("has the voters {voters} committed"),
        Effect::VoterChangeRefused { reason } => format!("refuses the change of voters: {reason:?}"),
        Effect::TransferFailed => "could not hand over".to_owned(),
        Effect::Stalled { lost, voters } => {
            format!("is STALLED: {lost} of {voters} voters have lost their memory")
        }
        other => format!("{other:?}"),
    }
}
