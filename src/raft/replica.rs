use std::collections::BTreeSet;

use super::progress::Progress;
use super::{Effect, Event, Position, VoterSet};
use crate::types::{LeaderEpoch, NodeId, Offset};

/// What a replica knew durably when its node started.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Recovered {
    /// The last epoch it took part in; none for a new log.
    pub epoch: LeaderEpoch,
    /// Where its log ends.
    pub log_end: Position,
    /// What it knows to be committed.
    pub high_watermark: Offset,
}

/// One replica of one log. See the module for the picture.
#[derive(Debug)]
pub struct Replica {
    node: NodeId,
    voters: VoterSet,
    epoch: LeaderEpoch,
    log_end: Position,
    high_watermark: Offset,
    role: Role,
}

#[derive(Debug)]
enum Role {
    Resigned,
    Candidate {
        votes: BTreeSet<NodeId>,
    },
    Leader {
        start: Offset,
        start_committed: bool,
        progress: Progress,
    },
    /// The storage failed: nothing is promised or decided until the node starts again.
    Failed,
}

/// How a replica stands towards clients.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It leads, and its epoch's start is committed: reads and writes are served.
    Serving,
    /// It leads, but may not say yet what is committed (`OFFSET_NOT_AVAILABLE`).
    Starting,
    /// It does not lead.
    NotLeader,
    /// Its storage failed.
    Failed,
}

impl Replica {
    #[must_use]
    pub fn new(node: NodeId, voters: VoterSet, recovered: Recovered) -> Replica {
        assert!(recovered.high_watermark <= recovered.log_end.end, "what is committed is in the log");
        Replica {
            node,
            voters,
            epoch: recovered.epoch,
            log_end: recovered.log_end,
            high_watermark: recovered.high_watermark,
            role: Role::Resigned,
        }
    }

    #[must_use]
    pub fn epoch(&self) -> LeaderEpoch {
        self.epoch
    }

    #[must_use]
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    #[must_use]
    pub fn log_end(&self) -> Offset {
        self.log_end.end
    }

    #[must_use]
    pub fn standing(&self) -> Standing {
        match &self.role {
            Role::Leader { start_committed: true, .. } => Standing::Serving,
            Role::Leader { start_committed: false, .. } => Standing::Starting,
            Role::Resigned | Role::Candidate { .. } => Standing::NotLeader,
            Role::Failed => Standing::Failed,
        }
    }

    /// Takes one event and appends what is to be done to `effects`.
    pub fn step(&mut self, event: Event, effects: &mut Vec<Effect>) {
        let high_watermark = self.high_watermark;
        match event {
            Event::Campaign => self.campaign(effects),
            Event::VoteDurable { epoch } => self.count_vote(self.node, epoch, effects),
            Event::VoteGranted { from, epoch } => self.count_vote(from, epoch, effects),
            Event::Appended { log_end } => {
                assert!(log_end > self.log_end, "an append moves the log's end: {log_end:?}");
                self.log_end = log_end;
            }
            Event::Durable { position } => self.progress(self.node, position, effects),
            Event::Fetched { from, position } => self.progress(from, position, effects),
            Event::EpochSeen { epoch } => {
                if epoch > self.epoch {
                    self.resign(Role::Resigned, effects);
                    self.epoch = epoch;
                }
            }
            Event::StorageFailed => self.resign(Role::Failed, effects),
        }
        assert!(self.high_watermark >= high_watermark, "the high watermark never falls");
        assert!(self.high_watermark <= self.log_end.end, "what is committed is in the log");
    }

    fn campaign(&mut self, effects: &mut Vec<Effect>) {
        match self.role {
            Role::Resigned | Role::Candidate { .. } => {}
            Role::Leader { .. } | Role::Failed => return,
        }
        if !self.voters.contains(self.node) {
            return;
        }
        self.epoch = LeaderEpoch(self.epoch.0 + 1);
        self.role = Role::Candidate { votes: BTreeSet::new() };
        effects.push(Effect::PersistVote { epoch: self.epoch, candidate: self.node });
        if self.voters.majority() > 1 {
            effects.push(Effect::RequestVotes { epoch: self.epoch });
        }
    }

    fn count_vote(&mut self, voter: NodeId, epoch: LeaderEpoch, effects: &mut Vec<Effect>) {
        if epoch != self.epoch {
            return;
        }
        let Role::Candidate { votes } = &mut self.role else { return };
        votes.insert(voter);
        // The own vote must be durable before the epoch may be led: without it, a restart could vote twice.
        if !votes.contains(&self.node) || !self.voters.is_majority(votes) {
            return;
        }
        let start = self.log_end.end;
        self.log_end = Position { epoch, end: start };
        self.role = Role::Leader { start, start_committed: false, progress: Progress::unknown(&self.voters) };
        effects.push(Effect::AppendEpochStart { epoch, start });
        effects.push(Effect::BecameLeader { epoch });
    }

    fn progress(&mut self, node: NodeId, position: Position, effects: &mut Vec<Effect>) {
        let Role::Leader { start, start_committed, progress } = &mut self.role else { return };
        progress.record(node, position.min(self.log_end));
        let majority = progress.majority_position(&self.voters);
        if majority.epoch != self.epoch {
            return;
        }
        assert!(majority.end >= *start, "an entry of this epoch lies at or after its start");
        let newly_serving = !*start_committed;
        *start_committed = true;
        if majority.end > self.high_watermark || newly_serving {
            self.high_watermark = self.high_watermark.max(majority.end);
            effects.push(Effect::AdvanceHighWatermark { offset: self.high_watermark });
        }
    }

    fn resign(&mut self, next: Role, effects: &mut Vec<Effect>) {
        let led = matches!(self.role, Role::Leader { .. });
        self.role = next;
        if led {
            effects.push(Effect::Resigned { epoch: self.epoch });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recovered(epoch: i32, end: i64, high_watermark: i64) -> Recovered {
        Recovered {
            epoch: LeaderEpoch(epoch),
            log_end: Position { epoch: LeaderEpoch(epoch), end: Offset(end) },
            high_watermark: Offset(high_watermark),
        }
    }

    fn step(replica: &mut Replica, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        replica.step(event, &mut effects);
        effects
    }

    fn at(epoch: i32, end: i64) -> Position {
        Position { epoch: LeaderEpoch(epoch), end: Offset(end) }
    }

    #[test]
    fn a_lone_voter_leads_once_its_vote_is_durable_and_serves_once_its_start_is() {
        let me = NodeId(1);
        let mut replica = Replica::new(me, VoterSet::new([me]), recovered(4, 10, 7));
        let epoch = LeaderEpoch(5);
        assert_eq!(step(&mut replica, Event::Campaign), [Effect::PersistVote { epoch, candidate: me }]);
        assert_eq!(replica.standing(), Standing::NotLeader);
        assert_eq!(
            step(&mut replica, Event::VoteDurable { epoch }),
            [Effect::AppendEpochStart { epoch, start: Offset(10) }, Effect::BecameLeader { epoch }]
        );
        assert_eq!(replica.standing(), Standing::Starting);
        assert_eq!(replica.high_watermark(), Offset(7), "nothing is known to be committed yet");
        assert_eq!(
            step(&mut replica, Event::Durable { position: at(5, 10) }),
            [Effect::AdvanceHighWatermark { offset: Offset(10) }]
        );
        assert_eq!(replica.standing(), Standing::Serving);
    }

    #[test]
    fn records_are_committed_when_durable_not_when_appended() {
        let me = NodeId(1);
        let mut replica = Replica::new(me, VoterSet::new([me]), recovered(-1, 0, 0));
        step(&mut replica, Event::Campaign);
        step(&mut replica, Event::VoteDurable { epoch: LeaderEpoch(0) });
        step(&mut replica, Event::Durable { position: at(0, 0) });
        assert_eq!(step(&mut replica, Event::Appended { log_end: at(0, 3) }), []);
        assert_eq!(replica.high_watermark(), Offset(0));
        assert_eq!(
            step(&mut replica, Event::Durable { position: at(0, 3) }),
            [Effect::AdvanceHighWatermark { offset: Offset(3) }]
        );
        assert_eq!(step(&mut replica, Event::Durable { position: at(0, 3) }), [], "said once");
    }

    #[test]
    fn three_voters_need_two_votes_and_two_copies() {
        let me = NodeId(1);
        let voters = VoterSet::new([me, NodeId(2), NodeId(3)]);
        let mut replica = Replica::new(me, voters, recovered(0, 5, 5));
        let epoch = LeaderEpoch(1);
        step(&mut replica, Event::Campaign);
        assert_eq!(step(&mut replica, Event::VoteGranted { from: NodeId(2), epoch }), [], "own vote first");
        assert_eq!(step(&mut replica, Event::VoteDurable { epoch }).len(), 2);
        assert_eq!(step(&mut replica, Event::Durable { position: at(1, 5) }), []);
        assert_eq!(step(&mut replica, Event::Fetched { from: NodeId(3), position: at(0, 5) }), []);
        assert_eq!(replica.standing(), Standing::Starting, "an entry of its own epoch must be on a majority");
        assert_eq!(
            step(&mut replica, Event::Fetched { from: NodeId(3), position: at(1, 5) }),
            [Effect::AdvanceHighWatermark { offset: Offset(5) }]
        );
    }

    #[test]
    fn a_failed_storage_ends_everything() {
        let me = NodeId(1);
        let mut replica = Replica::new(me, VoterSet::new([me]), recovered(-1, 0, 0));
        step(&mut replica, Event::Campaign);
        step(&mut replica, Event::VoteDurable { epoch: LeaderEpoch(0) });
        assert_eq!(step(&mut replica, Event::StorageFailed), [Effect::Resigned { epoch: LeaderEpoch(0) }]);
        assert_eq!(step(&mut replica, Event::Durable { position: at(0, 0) }), []);
        assert_eq!(step(&mut replica, Event::Campaign), []);
        assert_eq!(replica.standing(), Standing::Failed);
    }

    #[test]
    fn a_higher_epoch_deposes() {
        let me = NodeId(1);
        let mut replica = Replica::new(me, VoterSet::new([me]), recovered(-1, 0, 0));
        step(&mut replica, Event::Campaign);
        step(&mut replica, Event::VoteDurable { epoch: LeaderEpoch(0) });
        let seen = Event::EpochSeen { epoch: LeaderEpoch(7) };
        assert_eq!(step(&mut replica, seen), [Effect::Resigned { epoch: LeaderEpoch(0) }]);
        assert_eq!(replica.epoch(), LeaderEpoch(7));
    }
}
