use std::sync::Arc;

use super::{Cluster, Settled, Violation, first_key};
use crate::raft::{Event, Message, Mistake, Standing};
use crate::types::NodeId;

/// What may happen to a cluster.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Action {
    /// The packet at this place in the network arrives; it may come again.
    Deliver(usize),
    /// A replica's next deadline comes.
    Timer(NodeId),
    /// So many of a node's writes become durable.
    Sync(NodeId, usize),
    /// A node loses power; so many of its unsynced writes are kept. It starts again.
    Crash(NodeId, usize),
    /// A node loses its disk.
    Wipe(NodeId),
    /// A node does not hear another.
    Silent(NodeId, NodeId),
    Heard(NodeId, NodeId),
    /// A node's session with another begins anew, or does not fetch from it any more.
    Anew(NodeId, NodeId),
    Unfollowed(NodeId, NodeId),
    /// A follower does not hear its leader, and campaigns.
    Suspect(NodeId),
    /// A replica campaigns as if it were told to succeed the leader, whoever that is: no pre-vote.
    Usurp(NodeId),
    /// A leader hears nobody.
    Isolate(NodeId),
    /// A follower fetches again.
    Refetch(NodeId),
    /// The leader of the newest epoch takes a record, or what else is asked of it.
    Append(NodeId),
    MoveStart(NodeId),
    Transfer(NodeId, NodeId),
    /// From now on a fetch is answered with so many records at most.
    Serve(usize),
    Add(NodeId, NodeId),
    Remove(NodeId, NodeId),
}

impl Cluster {
    /// Lets an action happen; one that makes no sense now does nothing.
    ///
    /// # Errors
    /// If something does not hold afterwards.
    pub fn act(&mut self, action: Action) -> Result<(), Violation> {
        match action {
            Action::Deliver(at) => match self.network.get(at).cloned() {
                Some(packet) => self.deliver(&packet),
                None => Ok(()),
            },
            Action::Timer(node) => match self.node(node).replica.deadline() {
                Some((_, timer)) => self.step(node, Event::Timer(timer), &[]),
                None => Ok(()),
            },
            Action::Sync(node, count) => self.sync(node, count),
            Action::Crash(node, kept) => self.crash(node, kept),
            Action::Wipe(node) => self.wipe(node),
            Action::Silent(node, other) => self.step(node, Event::NodeSilent { node: other }, &[]),
            Action::Heard(node, other) => self.step(node, Event::NodeHeard { node: other }, &[]),
            Action::Anew(node, other) => self.step(node, Event::SessionAnew { node: other }, &[]),
            Action::Unfollowed(node, other) => self.step(node, Event::Unfollowed { node: other }, &[]),
            Action::Suspect(node) => self.suspect(node),
            Action::Usurp(node) => self.usurp(node),
            Action::Serve(records) => {
                self.serve_max = records;
                Ok(())
            }
            Action::Isolate(node) => {
                let others: Vec<NodeId> = self.others(node);
                others.into_iter().try_for_each(|other| self.act(Action::Silent(node, other)))
            }
            Action::Refetch(node) => self.refetch(node),
            Action::Append(node) if self.takes_records(node) => self.append(node),
            Action::MoveStart(node) if self.takes_records(node) => self.move_start(node),
            Action::Append(_) | Action::MoveStart(_) => Ok(()),
            Action::Transfer(node, to) => self.step(node, Event::TransferLeadership { to: Some(to) }, &[]),
            Action::Add(node, other) => {
                let key = self.node(other).key;
                self.step(node, Event::AddVoter { key }, &[])
            }
            Action::Remove(node, other) => {
                let key = self.node(node).replica.voters().of_node(other).unwrap_or(first_key(other.0));
                self.step(node, Event::RemoveVoter { key }, &[])
            }
        }
    }

    pub(in crate::raft) fn others(&self, node: NodeId) -> Vec<NodeId> {
        self.nodes.iter().map(|other| other.id()).filter(|&other| other != node).collect()
    }

    /// Whether a client's record would be taken: once it serves, so that its log start may move, too.
    fn takes_records(&self, node: NodeId) -> bool {
        self.node(node).replica.standing() == Standing::Serving
    }

    fn suspect(&mut self, node: NodeId) -> Result<(), Violation> {
        let Some(leader) = self.node(node).replica.leader().filter(|&leader| leader != node) else {
            return Ok(());
        };
        self.act(Action::Silent(node, leader))?;
        self.act(Action::Timer(node))
    }

    fn usurp(&mut self, node: NodeId) -> Result<(), Violation> {
        let replica = &self.node(node).replica;
        let (epoch, successor) = (replica.epoch(), Some(replica.key()));
        let from = replica.leader().unwrap_or(node);
        let message = Message::EndEpoch { epoch, successor };
        self.step(node, Event::Received { from, message }, &[])
    }

    fn refetch(&mut self, node: NodeId) -> Result<(), Violation> {
        let replica = &self.node(node).replica;
        if let Some(leader) = replica.leader().filter(|&leader| leader != node) {
            let effect = crate::raft::Effect::Fetch { from: leader };
            self.carry_out(Cluster::place(node), effect, &[])?;
        }
        Ok(())
    }

    /// What a schedule's next three bytes mean for this cluster.
    fn decode(&self, [kind, a, b]: [u8; 3]) -> Action {
        let count = u8::try_from(self.nodes.len()).expect("a small cluster");
        let node = |byte: u8| NodeId(i32::from(byte % count) + 1);
        let leader = self.leader().unwrap_or(node(a));
        match kind % 64 {
            // The newest packets are the likeliest to matter.
            0..=25 => {
                let back = usize::from(a) % 8 * (usize::from(b) % 8) / 4;
                Action::Deliver(self.network.len().saturating_sub(1 + back))
            }
            26..=29 => Action::Deliver(usize::from(a) % self.network.len().max(1)),
            30..=39 => Action::Sync(node(a), usize::from(b) % 4 + 1),
            40..=44 => Action::Append(leader),
            45..=47 => Action::Refetch(node(a)),
            48..=49 => Action::Timer(node(a)),
            50 => Action::Suspect(node(a)),
            51 => Action::Usurp(node(a)),
            52..=54 => Action::Crash(node(a), usize::from(b) % 4),
            55 => Action::Silent(node(a), node(b)),
            56..=57 if b < 160 => Action::Heard(node(a), node(b)),
            56 => Action::Anew(leader, node(b)),
            57 => Action::Unfollowed(leader, node(b)),
            58 => Action::Transfer(leader, node(b)),
            59 => Action::Add(leader, node(b)),
            60 => Action::Remove(leader, node(b)),
            61 => Action::MoveStart(leader),
            62 if a < 64 => Action::Isolate(leader),
            62 if a < 128 => Action::Usurp(node(b)),
            62 => Action::Serve(usize::from(b) % 3 + 1),
            63 if a < 32 => Action::Wipe(node(b)),
            _ => Action::Sync(node(a), usize::MAX),
        }
    }
}

/// Runs the schedule that these bytes are, three bytes an action, on a cluster of four nodes of which three (or as many as
/// `voters` says) vote; then heals it, and lets it come to rest.
///
/// # Errors
/// If something did not hold, with the actions up to there.
pub fn run_bytes(bytes: &[u8], voters: i32, mistake: Option<Mistake>) -> Result<Settled, String> {
    let mut cluster = Cluster::new(4, voters, mistake);
    let mut done = Vec::new();
    for chunk in bytes.chunks_exact(3) {
        let action = cluster.decode([chunk[0], chunk[1], chunk[2]]);
        let packet = match action {
            Action::Deliver(at) => cluster.network.get(at).map(Arc::clone),
            _ => None,
        };
        // One replica wiped at a time, and not the last that remembers: more is for a person to mend.
        if let Action::Wipe(node) = action
            && !cluster.can_lose(node)
        {
            continue;
        }
        done.push(packet.map_or_else(|| format!("{action:?}"), |packet| packet.to_string()));
        cluster.act(action).map_err(|violation| format!("{violation}, after\n{}", done.join("\n")))?;
    }
    cluster.settle().map_err(|violation| format!("{violation}, after\n{}", done.join("\n")))
}
