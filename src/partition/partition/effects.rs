use super::{
    AppendError, Event, Incoming, LeadershipError, LogError, Outbox, Partition, Position, Standing, Timer,
    Waiting, answer_up_to, error, log, warn,
};
use crate::log::Vote;
use crate::probe::{Condition, Mutant, ReplicaStep, mutant, replica_stepped, sometimes};
use crate::raft::{self, Ballot, Decision, Effect, FetchReply, Message, VoteReply, VoterSet};
use crate::types::{LeaderEpoch, NodeId, Offset};
use bytes::Bytes;

impl Partition {
    /// Gives the replica an event and carries out what it wants.
    pub(in crate::partition) fn step(&mut self, event: Event, out: &mut Outbox) {
        if let Event::Durable { position } = event {
            self.durable_end = self.durable_end.max(position.end.min(self.log.log_end()));
        }
        let before = (self.replica.high_watermark(), self.replica.log_start());
        let sent = out.sends.len();
        let mut effects = Vec::new();
        self.replica.step(out.now, event, &mut effects);
        for effect in effects {
            self.carry_out(effect, out);
        }
        replica_stepped(|| self.stepped(&out.sends[sent..]));
        out.incoming = Incoming::default();
        out.news |= before != (self.replica.high_watermark(), self.replica.log_start());
        self.note_asked(out);
        self.answer_starts(out);
        if let Some(waiting) = &mut self.waiting {
            answer_up_to(&mut waiting.leader, self.durable_end, out);
        }
        self.answer_replicated(out);
        if self.has_parked() {
            self.unpark(out);
        }
    }

    /// How it stands after a step that has sent these messages.
    fn stepped(&self, sent: &[(NodeId, Message)]) -> ReplicaStep {
        let at = |position: Position| (position.epoch.0, position.end.0);
        let (id, key) = (self.log.key().partition, self.replica.key());
        ReplicaStep {
            partition: (id.topic.0, id.index.0),
            node: key.node.0,
            directory: key.directory.0,
            epoch: self.replica.epoch().0,
            role: self.replica.role_name(),
            leads: self.leads(),
            log_start: self.replica.log_start().0,
            log_end: at(self.replica.log_end()),
            durable: at(self.replica.durable()),
            committed: at(self.replica.committed()),
            epochs: self.replica.epochs().iter().map(|one| (one.epoch.0, one.start.0)).collect(),
            voters: self.replica.voters().keys().iter().map(|key| (key.node.0, key.directory.0)).collect(),
            votes: sent.iter().filter_map(|(to, message)| vote_told(*to, message)).collect(),
            damaged: self.log.damage().is_some(),
        }
    }

    /// Takes a leader's answer to a fetch, with what came beside it.
    pub(in crate::partition) fn take_reply(
        &mut self,
        from: NodeId,
        reply: FetchReply,
        incoming: Incoming,
        out: &mut Outbox,
    ) {
        out.incoming = incoming;
        if reply.epoch >= self.replica.epoch() {
            self.leader_high_watermark = reply.high_watermark.end;
        }
        self.step(Event::Received { from, message: Message::FetchReply(reply) }, out);
    }

    /// Whom it asks now, if anybody: a node that it asks no longer is told so.
    fn note_asked(&mut self, out: &mut Outbox) {
        let own = self.replica.key().node;
        let asks = match self.replica.leader() {
            Some(leader) if leader == own => None,
            Some(leader) => Some(leader),
            // An observer without a leader asks around.
            None if matches!(self.replica.deadline(), Some((_, Timer::Discover))) => {
                out.fetch_from.or(self.asks)
            }
            None => None,
        };
        if self.asks != asks {
            out.forget = self.asks;
            self.asks = asks;
        }
        out.fetch_from = out.fetch_from.filter(|&from| asks == Some(from));
    }

    /// Whether it asks this node for entries.
    pub(in crate::partition) fn asks(&self, node: NodeId) -> bool {
        self.asks == Some(node)
    }

    /// Whether it follows that leader in that epoch.
    pub(in crate::partition) fn follows(&self, leader: NodeId, epoch: LeaderEpoch) -> bool {
        self.replica.epoch() == epoch && self.replica.leader() == Some(leader)
    }

    fn answer_starts(&mut self, out: &mut Outbox) {
        let Some(waiting) = self.waiting.as_deref_mut().filter(|waiting| !waiting.starts.is_empty()) else {
            return;
        };
        let majority = self.replica.majority_log_start();
        let at_once = majority.map(|_| self.log.log_start());
        if let Some(start) = if mutant(Mutant::ReplicaStartAtOnce) { at_once } else { majority } {
            waiting.starts.retain(|&(asked, place)| {
                if asked <= start {
                    out.starts.push((place, Ok(asked)));
                }
                asked > start
            });
        }
    }

    fn carry_out(&mut self, effect: Effect, out: &mut Outbox) {
        match effect {
            Effect::PersistVote { epoch, candidate } => {
                let vote = Vote { epoch, candidate: Some(candidate) };
                out.entries.push(self.log.record_vote(vote, out.journal));
                out.once_durable.push(Event::VoteDurable { epoch });
            }
            Effect::AppendEpochStart { epoch, start } => {
                assert_eq!(start, self.log.log_end(), "an epoch starts where the log ends");
                // A damaged log is never led: it is no voter, or the shard does not let it campaign.
                let entry = self.log.start_epoch(epoch, out.journal).expect("a new epoch of a sound log");
                out.entries.push(entry);
                out.once_durable.push(Event::Durable { position: Position { epoch, end: start } });
            }
            Effect::AppendEntries { previous, last } => self.append_entries(previous, last, out),
            Effect::AppendVoters { epoch, at, voters } => {
                self.append_voters(epoch, at, &voters, out);
                self.voters_appended(&voters);
            }
            Effect::Truncate { to } => self.truncate(to, out),
            Effect::Reset { to, voters } => self.reset(to, voters, out),
            Effect::MoveLogStart { to } => self.move_log_start(to, out),
            Effect::AdvanceHighWatermark { offset } => {
                out.may_change_voters |= self.has_other_voters();
                self.committed(offset, out);
            }
            Effect::BecameLeader { .. } | Effect::LeaderChanged { .. } => {}
            Effect::Resigned { epoch: _ } => {
                if let Some(membership) = &mut self.membership {
                    membership.released.clear();
                }
                self.fail_waiting(out);
            }
            Effect::Send { to, message } => out.sends.push((to, message)),
            Effect::Fetch { from } => out.fetch_from = Some(from),
            Effect::ServeFetch { .. } => out.news = true,
            Effect::VoterForgot { lost, found } => {
                warn!(partition = %self.name(), node = %found.node, lost = %lost.directory, found = %found.directory,
                    "a replica has lost what it held: it is replaced by the one in its place");
            }
            Effect::VotersChanged { voters } => {
                tracing::info!(partition = %self.name(), %voters, "the partition's voters have changed");
                self.voters_committed(&voters);
            }
            Effect::VoterChangeRefused { reason } => self.change_was_refused(reason),
            // While it was handing over, no voters were changed.
            Effect::TransferFailed => out.may_change_voters |= self.has_other_voters(),
            Effect::Stalled { lost, voters } => {
                out.stalled = Some(format!("{} ({lost} of {voters})", self.name()));
            }
            Effect::Halted { reason } => {
                error!(partition = %self.name(), ?reason, "the replica stops: its log contradicts the others'");
                self.fail_waiting(out);
            }
            Effect::Malformed { from } => {
                out.malformed =
                    Some((from, format!("entries of {} that cannot follow its log", self.name())));
            }
        }
    }

    fn append_entries(&mut self, previous: Position, last: Position, out: &mut Outbox) {
        if std::mem::take(&mut self.awaits_repair) {
            // What is damaged goes now that there is something in its place.
            let voters = self.replica.first_voters().clone();
            match self.log.reset(Position::ORIGIN, voters, Bytes::new(), out.journal) {
                Ok(entry) => out.entries.push(entry),
                Err(error) => return self.cannot_follow(&error, out),
            }
        }
        let Incoming { batches, epoch_starts, .. } = std::mem::take(&mut out.incoming);
        let mut starts = epoch_starts.into_iter().peekable();
        for batch in batches {
            let header = *batch.header();
            let bytes = batch.len() as u64;
            while let Some(start) = starts.next_if(|start| start.start <= header.base_offset) {
                if mutant(Mutant::ReplicaEpochStartsLost) {
                    continue;
                }
                match self.log.start_epoch_at(start.epoch, start.start, out.journal) {
                    Ok(entry) => out.entries.push(entry),
                    Err(error) => return self.cannot_follow(&error, out),
                }
            }
            match self.log.append(batch, out.journal) {
                Ok(entry) => out.entries.push(entry),
                Err(error) => return self.cannot_follow(&error, out),
            }
            self.waiting.get_or_insert_default().uncommitted.push_back((header.next_offset(), bytes));
        }
        for start in starts {
            match self.log.start_epoch_at(start.epoch, start.start, out.journal) {
                Ok(entry) => out.entries.push(entry),
                Err(error) => return self.cannot_follow(&error, out),
            }
        }
        assert_eq!(self.log.log_end(), last.end, "entries from {previous} on");
        out.once_durable.push(Event::Durable { position: last });
        if mutant(Mutant::ReplicaAcknowledgeBeforeSync) {
            self.replica.step(out.now, Event::Durable { position: last }, &mut Vec::new());
        }
    }

    /// Its log takes nothing more of what its leader has: it stops, and says so.
    fn cannot_follow(&mut self, reason: &LogError, out: &mut Outbox) {
        error!(partition = %self.name(), %reason, "the replica stops: it cannot take what its leader sent");
        self.replica.step(out.now, Event::StorageFailed, &mut Vec::new());
        self.fail_waiting(out);
    }

    fn append_voters(&mut self, epoch: LeaderEpoch, at: Offset, voters: &VoterSet, out: &mut Outbox) {
        let batch = log::voters::batch(voters, at, epoch, out.wall);
        let bytes = batch.len() as u64;
        let entry = self.log.append(batch, out.journal).expect("a leader's log takes its voters");
        out.entries.push(entry);
        let position = Position { epoch, end: self.log.log_end() };
        self.waiting.get_or_insert_default().uncommitted.push_back((position.end, bytes));
        out.once_durable.push(Event::Durable { position });
        out.news = true;
    }

    fn truncate(&mut self, to: Position, out: &mut Outbox) {
        sometimes(Condition::ReplicaTruncated);
        self.warn_of_recovery(to.end);
        let end = self.log.end_of_cut(to.end);
        if end != to.end {
            return self.cannot_follow(&LogError::CutInside { to: to.end, end }, out);
        }
        match self.log.truncate_to(to.end, to.epoch, out.journal) {
            Ok(entry) => out.entries.push(entry),
            Err(error) => return self.cannot_follow(&error, out),
        }
        assert_eq!(self.log.log_end(), to.end, "epochs end with batches");
        self.durable_end = self.durable_end.min(to.end);
        if let Some(waiting) = &mut self.waiting {
            while waiting.uncommitted.back().is_some_and(|&(end, _)| end > to.end) {
                waiting.uncommitted.pop_back();
            }
        }
        out.once_durable.push(Event::Durable { position: to });
    }

    /// A log that a recovery of the cluster has gone on without is cut: what it held was said to be lost.
    fn warn_of_recovery(&self, to: Offset) {
        let (epoch, end) = (self.replica.epoch(), self.log.log_end());
        let last = self.log.epochs().last().map_or(LeaderEpoch::NONE, |last| last.epoch);
        if to < end && last.is_before_recovery(epoch) {
            warn!(partition = %self.name(), from = %to, up_to = %end, epoch = %last, recovered_in = %epoch,
                "records are cut off that this node held from before a recovery of the cluster (ordain cluster recover): the recovered log \
                 does not have them. A node that was named as lost then must not be started with its old data directory");
        }
    }

    fn reset(&mut self, to: Position, voters: VoterSet, out: &mut Outbox) {
        let bytes = log::PartitionLog::reset_bytes(&voters, &out.incoming.producer_state);
        if bytes > out.batch_bytes_max {
            error!(partition = %self.name(), bytes, limit = out.batch_bytes_max,
                "the replica stops: what it is to begin with does not fit this node's journal, whose files are too small");
            self.replica.step(out.now, Event::StorageFailed, &mut Vec::new());
            return self.fail_waiting(out);
        }
        self.awaits_repair = false;
        sometimes(Condition::ReplicaReset);
        let producers = std::mem::take(&mut out.incoming.producer_state);
        match self.log.reset(to, voters, producers, out.journal) {
            Ok(entry) => out.entries.push(entry),
            Err(error) => return self.cannot_follow(&error, out),
        }
        if let Some(waiting) = &mut self.waiting {
            waiting.uncommitted.clear();
        }
        self.durable_end = self.durable_end.min(to.end);
        out.once_durable.push(Event::Durable { position: to });
        if !mutant(Mutant::ClusterResetStartUntold) {
            out.once_durable.push(Event::LogStartDurable { log_start: to.end });
        }
    }

    fn move_log_start(&mut self, to: Offset, out: &mut Outbox) {
        match self.log.advance_log_start(to, out.journal) {
            Ok(entry) => out.entries.extend(entry),
            Err(error) => return self.cannot_follow(&error, out),
        }
        out.once_durable.push(Event::LogStartDurable { log_start: to });
    }

    fn committed(&mut self, high_watermark: Offset, out: &mut Outbox) {
        if self.awaits_repair {
            // Nothing of its log counts; of nothing, all is committed.
            return;
        }
        self.log.set_high_watermark(high_watermark);
        let Some(waiting) = &mut self.waiting else { return };
        answer_up_to(&mut waiting.commit, high_watermark, out);
        let mut gained = 0;
        while let Some(&(end, bytes)) = waiting.uncommitted.front() {
            if end > high_watermark {
                break;
            }
            gained += bytes;
            waiting.uncommitted.pop_front();
        }
        waiting.fetches.gained(gained);
        waiting.fetches.progressed();
    }

    fn fail_waiting(&mut self, out: &mut Outbox) {
        if let Some(waiting) = &mut self.waiting {
            waiting.fail(self.replica.standing(), out);
        }
        self.change_lost_its_leader();
        if let Some(waiting) = &mut self.waiting {
            waiting.fetches.satisfy_all();
        }
    }
}

/// The epoch and the candidate's node, if a message says for whom its sender votes.
fn vote_told(to: NodeId, message: &Message) -> Option<(i32, i32)> {
    match message {
        Message::Vote(raft::Vote { epoch, ballot: Ballot::Vote, candidate, .. }) => {
            Some((epoch.0, candidate.node.0))
        }
        Message::VoteReply(VoteReply {
            ballot: Ballot::Vote, asked, decision: Decision::Granted, ..
        }) => Some((asked.0, to.0)),
        Message::Vote(_)
        | Message::VoteReply(_)
        | Message::BeginEpoch { .. }
        | Message::EndEpoch { .. }
        | Message::Fetch(_)
        | Message::FetchReply(_)
        | Message::NotLeader { .. } => None,
    }
}

impl Waiting {
    /// The replica, which stands so now, leads no more: what waits fails, but for fetches.
    fn fail(&mut self, standing: Standing, out: &mut Outbox) {
        let failed = standing == Standing::Failed;
        if !failed && !self.commit.is_empty() {
            sometimes(Condition::ReplicaResigned);
        }
        let error = if failed { AppendError::Journal } else { LeadershipError::NotLeader.into() };
        let replicated = self.replicas.drain(..).map(|(_, append)| append);
        let appends = self.leader.drain(..).chain(self.commit.drain(..)).chain(replicated);
        for append in appends {
            out.answered.push((append.place, Err(error.clone())));
        }
        for (_, place) in self.starts.drain(..) {
            let error =
                if failed { super::PartitionError::Journal } else { LeadershipError::NotLeader.into() };
            out.starts.push((place, Err(error)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::{Refusal, ReplicaKey};
    use crate::types::Uuid;

    #[test]
    fn for_whom_a_replica_votes_is_told_by_what_it_asks_and_by_what_it_grants() {
        let key = |node| ReplicaKey { node: NodeId(node), directory: Uuid::ZERO };
        let epoch = LeaderEpoch(5);
        let asks = |ballot| {
            let (candidate, voter, log_end) = (key(1), key(2), Position::ORIGIN);
            Message::Vote(raft::Vote { epoch, ballot, candidate, voter, log_end })
        };
        let answers = |ballot, decision| {
            let (asked, voter, leader) = (epoch, key(1), None);
            Message::VoteReply(VoteReply { epoch, ballot, asked, voter, decision, leader })
        };
        let told = |message: Message| vote_told(NodeId(2), &message);
        assert_eq!(told(asks(Ballot::Vote)), Some((5, 1)), "for itself");
        assert_eq!(told(answers(Ballot::Vote, Decision::Granted)), Some((5, 2)));
        assert_eq!(told(asks(Ballot::PreVote)), None);
        assert_eq!(told(answers(Ballot::PreVote, Decision::Granted)), None);
        assert_eq!(told(answers(Ballot::Vote, Decision::Refused(Refusal::LogBehind))), None);
        assert_eq!(told(Message::BeginEpoch { epoch }), None);
    }
}
