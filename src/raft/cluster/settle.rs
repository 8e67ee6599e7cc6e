use super::{Cluster, Violation};
use crate::raft::replica::Role;
use crate::raft::{Event, Replica, ReplicaKey, Standing, Timer};
use crate::types::NodeId;

/// How a cluster came to rest once nothing went wrong any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Settled {
    /// One leader serves, all replicas hold and have committed the same log, and the leader knows that its voters let go durably of what it
    /// has deleted.
    Agreed,
    /// Of some voter set that may be in force a majority has lost its memory: no election may succeed, and none did wrong.
    Stalled,
}

/// Rounds after which a cluster that does not agree counts as stuck. A round delivers everything, or lets the next
/// deadline come.
const ROUNDS_MAX: usize = 2_000;

impl Cluster {
    /// Whether a node may lose its memory and the others still elect: of each voter set in any log a majority remembers.
    pub(super) fn can_lose(&self, lost: NodeId) -> bool {
        self.can_elect(&|key: &ReplicaKey| key.node != lost && self.node(key.node).key == *key)
    }

    fn can_elect(&self, remembers: &dyn Fn(&ReplicaKey) -> bool) -> bool {
        self.nodes.iter().all(|node| {
            let stored = [node.memory.recovered(), node.durable.recovered()];
            stored.iter().flat_map(|recovered| &recovered.voters).all(|(_, voters)| {
                voters.keys().iter().filter(|key| remembers(key)).count() >= voters.majority()
            })
        })
    }

    /// Heals everything and lets the cluster come to rest: what was under way is lost, and all connections begin anew; packets arrive in
    /// order, once each; deadlines come in turn; what is written is synced. Voters that have lost their memory are replaced. Who
    /// hands over is not left waiting meanwhile.
    ///
    /// # Errors
    /// If something does not hold on the way, or the cluster does not come to agree though it could.
    pub fn settle(&mut self) -> Result<Settled, Violation> {
        let can_elect = self.can_elect(&|key| self.node(key.node).key == *key);
        self.network.clear();
        for node in self.all() {
            for other in self.others(node) {
                self.step(node, Event::NodeHeard { node: other }, &[])?;
                self.step(node, Event::SessionAnew { node: other }, &[])?;
                self.step(node, Event::ConnectedAnew { node: other }, &[])?;
            }
        }
        for _ in 0..ROUNDS_MAX {
            if self.agrees() {
                return Ok(Settled::Agreed);
            }
            self.round(can_elect)?;
        }
        if can_elect {
            Err(Violation::new(format!("no progress: {}", self.picture())))
        } else {
            Ok(Settled::Stalled)
        }
    }

    pub(in crate::raft) fn all(&self) -> Vec<NodeId> {
        self.nodes.iter().map(|node| node.id()).collect()
    }

    fn round(&mut self, can_elect: bool) -> Result<(), Violation> {
        for node in self.all() {
            self.sync(node, usize::MAX)?;
        }
        if !self.network.is_empty() {
            for packet in std::mem::take(&mut self.network) {
                self.deliver(&packet)?;
                self.sync(packet.to, usize::MAX)?;
            }
            return Ok(());
        }
        if self.replace_the_forgetful()? {
            return Ok(());
        }
        // A leader's heartbeat: those who follow a leader of an older epoch learn of the newer.
        for node in self.all() {
            self.act(super::Action::Refetch(node))?;
        }
        let next =
            self.all().into_iter().filter_map(|id| Some((self.node(id).replica.deadline()?, id))).min();
        if let Some(((at, timer), node)) = next {
            self.now = self.now.max(at);
            if timer == Timer::Transfer && can_elect {
                self.successor_is_lost(node)?;
            }
            self.step(node, Event::Timer(timer), &[])?;
        }
        Ok(())
    }

    /// A leader's time to hand over is up though everything arrives: the successor is none any more.
    fn successor_is_lost(&self, leader: NodeId) -> Result<(), Violation> {
        let Role::Leader(role) = &self.node(leader).replica.role else { return Ok(()) };
        let transfer = role.transfer.as_deref();
        let Some(to) = transfer.map(crate::raft::transfer::Transfer::to) else { return Ok(()) };
        if role.progress.of(to).is_none() || self.node(to.node).key != to {
            return Ok(());
        }
        Err(Violation::new(format!("node {leader} waits for {to:?} to take over until its time is up")))
    }

    /// What a controller does about voters that have lost their memory; true if it did something.
    fn replace_the_forgetful(&mut self) -> Result<bool, Violation> {
        let serves = |id: &NodeId| self.node(*id).replica.standing() == Standing::Serving;
        let Some(leader) = self.leader().filter(serves) else { return Ok(false) };
        let voters = self.node(leader).replica.voters().clone();
        let lost = voters.keys().iter().copied().find(|key| self.node(key.node).key != *key);
        if let Some(key) = lost {
            self.step(leader, Event::CancelVoterChange, &[])?;
            self.step(leader, Event::RemoveVoter { key }, &[])?;
            return Ok(!self.node(leader).queue.is_empty());
        }
        Ok(false)
    }

    fn agrees(&self) -> bool {
        let Some(leader) = self.leader() else { return false };
        let leader = &self.node(leader).replica;
        let serves = leader.standing() == Standing::Serving && leader.committed() == leader.log_end();
        let remembers = leader.voters().keys().iter().all(|key| self.node(key.node).key == *key);
        serves
            && remembers
            && starts_are_known(leader)
            && self.nodes.iter().all(|node| {
                let replica = &node.replica;
                node.queue.is_empty()
                    && replica.epoch() == leader.epoch()
                    && replica.log_end() == leader.log_end()
                    && replica.committed() == leader.committed()
                    && replica.leader() == leader.leader()
            })
    }

    /// One line for each node.
    #[must_use]
    pub fn picture(&self) -> String {
        let mut picture = String::new();
        for node in &self.nodes {
            let replica = &node.replica;
            picture += &format!(
                "\nnode {} {} epoch {} leader {:?} log {}..{} durable {} committed {} voters {} deadline {:?}",
                node.id(),
                replica.role_name(),
                replica.epoch(),
                replica.leader(),
                replica.log_start(),
                replica.log_end(),
                replica.durable(),
                replica.committed(),
                replica.voters(),
                replica.deadline(),
            );
        }
        picture
    }
}

/// Whether a leader knows that it, and each of its voters, lets go durably of what lies before its log's start: deletions are answered then.
fn starts_are_known(leader: &Replica) -> bool {
    let Role::Leader(role) = &leader.role else { return false };
    let start = leader.log_start();
    let is_known = |key: &ReplicaKey| {
        let told = role.progress.of(*key).map(|voter| voter.log_start);
        *key == leader.key() || told >= Some(start)
    };
    leader.fetch().log_start == start && leader.voters().keys().iter().all(is_known)
}
