use super::leader::Leader;
use super::replica::Role;
use super::{Fetch, FetchReply, Mistake, Position, Replica, ReplicaKey, Standing, Timer, VoterSet};
use crate::types::{EpochStart, Instant, LeaderEpoch, NodeId, Offset};

/// What a leader knows of a voter on another node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Heard {
    pub node: NodeId,
    /// It fetches. One that is heard may have failed, or lost its memory.
    pub follows: bool,
    /// Up to where it holds the log durably.
    pub durable: Offset,
    /// That is the whole log, epoch starts included.
    pub holds_all: bool,
}

/// What a replica tells whoever asks.
impl Replica {
    /// When it wants [`super::Event::Timer`] with this name next; none while it follows or leads undisturbed.
    #[must_use]
    pub fn deadline(&self) -> Option<(Instant, Timer)> {
        match &self.role {
            Role::Unattached(unattached) => Some(unattached.deadline(&self.core)),
            Role::Follower(follower) => follower.deadline(&self.core),
            Role::Prospective(prospective) => Some(prospective.deadline()),
            Role::Candidate(candidate) => Some(candidate.deadline()),
            Role::Leader(leader) => leader.deadline(),
            Role::Failed => None,
        }
    }

    pub(super) fn deadline_of(&self, timer: Timer) -> Option<Instant> {
        let both = match &self.role {
            Role::Leader(leader) => leader.deadlines(),
            _ => [self.deadline(), None],
        };
        both.into_iter().flatten().find(|(_, named)| *named == timer).map(|(at, _)| at)
    }

    /// What it holds and wants: the fetch to be sent after [`super::Effect::Fetch`].
    #[must_use]
    pub fn fetch(&self) -> Fetch {
        self.core.fetch()
    }

    fn as_leader(&self) -> Option<&Leader> {
        match &self.role {
            Role::Leader(leader) => Some(leader),
            Role::Unattached(_)
            | Role::Follower(_)
            | Role::Prospective(_)
            | Role::Candidate(_)
            | Role::Failed => None,
        }
    }

    /// The answer to a fetch, with the entries between `after` and the offset `up_to` (the end of a batch, or the log's
    /// end); `None` if it does not lead, or its log does not hold `after`.
    #[must_use]
    pub fn entries_reply(&self, after: Position, up_to: Offset) -> Option<FetchReply> {
        let leader = self.as_leader()?;
        let holds = self.core.log.contains(after);
        if !holds && self.core.mistaken(Mistake::FetchIgnoresEpoch) {
            let here = self.core.log.position_at(after.end);
            return Some(FetchReply { asked: after, ..leader.entries_reply(&self.core, here, up_to) });
        }
        holds.then(|| leader.entries_reply(&self.core, after, up_to))
    }

    /// Up to where a majority of the voters has moved its log start, durably; of a leader.
    #[must_use]
    pub fn majority_log_start(&self) -> Option<Offset> {
        let (leader, own) = (self.as_leader()?, self.core.log.start_durable());
        Some(leader.progress.log_start_of(self.core.voters().majority(), self.core.key, own))
    }

    /// A leader's replica that becomes a voter once it has caught up.
    #[must_use]
    pub fn joining(&self) -> Option<ReplicaKey> {
        self.as_leader()?.joining
    }

    /// A leader's view of the voters on other nodes that it hears.
    #[must_use]
    pub fn heard(&self) -> Vec<Heard> {
        let Some(leader) = self.as_leader() else { return Vec::new() };
        let core = &self.core;
        let is_heard = |key: ReplicaKey| key.node != core.key.node && !core.is_unproven(key.node);
        let heard = leader.progress.voters().iter().filter(|voter| is_heard(voter.key));
        let heard = heard.map(|voter| Heard {
            node: voter.key.node,
            follows: leader.is_followed_by(core, voter.key),
            durable: voter.durable.end,
            holds_all: voter.durable == core.log.end(),
        });
        heard.collect()
    }

    /// A leader's view of its voters: those that follow it, and itself.
    #[must_use]
    pub fn followers(&self) -> Vec<NodeId> {
        let Some(leader) = self.as_leader() else { return Vec::new() };
        let follows = |key: &ReplicaKey| *key == self.core.key || leader.is_followed_by(&self.core, *key);
        self.core.voters().keys().iter().copied().filter(follows).map(|key| key.node).collect()
    }

    /// Whether a leader's other voters could go on without this one: else its removal is refused.
    #[must_use]
    pub fn is_dispensable(&self, key: ReplicaKey) -> bool {
        let rest = self.core.voters().without(key);
        self.as_leader().zip(rest).is_some_and(|(leader, rest)| leader.has_most_of(&self.core, &rest))
    }

    /// A leader's view of its voters: up to where each holds the log durably. Nothing if it does not lead.
    #[must_use]
    pub fn acknowledged(&self) -> Vec<(NodeId, Offset)> {
        self.as_leader().map_or_else(Vec::new, |leader| leader.acknowledged().collect())
    }

    /// Up to where so many of its voters hold a leader's log durably, as far as they have said; `None` if it does not lead.
    #[must_use]
    pub fn held_by(&self, count: usize) -> Option<Offset> {
        Some(self.as_leader()?.progress.held_by(count).end)
    }

    #[must_use]
    pub fn key(&self) -> ReplicaKey {
        self.core.key
    }

    #[must_use]
    pub fn epoch(&self) -> LeaderEpoch {
        self.core.epoch
    }

    #[must_use]
    pub fn high_watermark(&self) -> Offset {
        self.core.log.high_watermark().end
    }

    /// The position up to which it knows the log to be committed.
    #[must_use]
    pub fn committed(&self) -> Position {
        self.core.log.high_watermark()
    }

    #[must_use]
    pub fn log_start(&self) -> Offset {
        self.core.log.start()
    }

    #[must_use]
    pub fn log_end(&self) -> Position {
        self.core.log.end()
    }

    #[must_use]
    pub fn durable(&self) -> Position {
        self.core.log.durable()
    }

    #[must_use]
    pub fn epochs(&self) -> &[EpochStart] {
        self.core.log.epochs().entries()
    }

    #[must_use]
    pub fn voters(&self) -> &VoterSet {
        self.core.voters()
    }

    /// The voter set that held where its log starts.
    #[must_use]
    pub fn first_voters(&self) -> &VoterSet {
        self.core.log.voters().first()
    }

    /// Whether the newest voter set of its log is committed, as far as it knows.
    #[must_use]
    pub fn voters_are_committed(&self) -> bool {
        self.core.log.voters().newest().0 <= self.core.log.high_watermark()
    }

    /// The node that leads this epoch, as far as it knows.
    #[must_use]
    pub fn leader(&self) -> Option<NodeId> {
        match &self.role {
            Role::Leader(_) => Some(self.core.key.node),
            Role::Follower(follower) => Some(follower.leader()),
            Role::Unattached(_) | Role::Prospective(_) | Role::Candidate(_) | Role::Failed => None,
        }
    }

    /// Whether it was told that a node is silent, and not yet that it is heard.
    #[must_use]
    pub fn takes_for_silent(&self, node: NodeId) -> bool {
        self.core.is_silent(node)
    }

    /// Whether it waits to hear who leads, and has not begun to ask for votes.
    #[must_use]
    pub fn awaits_a_leader(&self) -> bool {
        match &self.role {
            Role::Unattached(_) => true,
            Role::Follower(_)
            | Role::Prospective(_)
            | Role::Candidate(_)
            | Role::Leader(_)
            | Role::Failed => false,
        }
    }

    /// Whether it follows a leader whose node is heard.
    #[must_use]
    pub fn follows(&self) -> bool {
        match &self.role {
            Role::Follower(follower) => follower.hears_its_leader(),
            Role::Unattached(_)
            | Role::Prospective(_)
            | Role::Candidate(_)
            | Role::Leader(_)
            | Role::Failed => false,
        }
    }

    #[must_use]
    pub fn standing(&self) -> Standing {
        match &self.role {
            Role::Leader(leader) if leader.transfer.is_some() => Standing::HandingOver,
            Role::Leader(leader) if leader.is_serving() => Standing::Serving,
            Role::Leader(_) if self.core.mistaken(Mistake::ServeBeforeStart) => Standing::Serving,
            Role::Leader(_) => Standing::Starting,
            Role::Unattached(_) | Role::Follower(_) | Role::Prospective(_) | Role::Candidate(_) => {
                Standing::NotLeader
            }
            Role::Failed => Standing::Failed,
        }
    }

    /// The role's name, for people.
    #[must_use]
    pub fn role_name(&self) -> &'static str {
        match &self.role {
            Role::Unattached(_) => "unattached",
            Role::Follower(_) => "follower",
            Role::Prospective(_) => "prospective",
            Role::Candidate(_) => "candidate",
            Role::Leader(_) => "leader",
            Role::Failed => "failed",
        }
    }

    /// Plants a mistake.
    #[cfg(any(test, feature = "testing", all(feature = "simulation", debug_assertions)))]
    pub fn plant(&mut self, mistake: super::Mistake) {
        self.core.mistake = Some(mistake);
    }
}
