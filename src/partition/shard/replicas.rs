use std::collections::{BTreeSet, VecDeque};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tracing::error;

use super::super::partition::{Entries, Incoming, Outbox, Partition, Release, is_reset};
use super::super::replication::{PeerStep, read_beside};
use super::super::request::{Assignment, Leaving, PartitionError, Released};
use super::peer::Peer;
use super::reads::{Reads, Taken};
use super::{OnceDurable, Shard};
use crate::log::{PartitionLog, ReadError};
use crate::partition::leaderships::SnapshotWanted;
use crate::peers::{Answer, Budget, Direction, FetchRow, News, ReplyRow, Serving, Wanted};
use crate::probe::{Condition, Mutant, mutant, sometimes};
use crate::raft::{Event, Fetch, FetchOutcome, FetchReply, Message, Position, Slice};
use crate::types::{Instant, LeaderEpoch, NodeId, Offset, PartitionId, PartitionIndex, TopicId};

/// What of a leader's answers waits for room.
pub(super) enum Held {
    Row(Box<ReplyRow>),
    /// Of a row that was taken in part.
    Part(PartitionId, Box<(FetchReply, Incoming)>),
}

impl Held {
    /// What is committed, and where the leader's log begins, is told by a later answer.
    fn tell(&mut self, later: &FetchReply) {
        let reply = match self {
            Held::Row(row) => match &mut row.answer {
                Answer::Reply(reply) => reply,
                Answer::NotLeader { .. } => return,
            },
            Held::Part(_, part) => &mut part.0,
        };
        if reply.epoch == later.epoch {
            (reply.high_watermark, reply.log_start) = (later.high_watermark, later.log_start);
        }
    }

    fn partition(&self) -> PartitionId {
        match self {
            Held::Row(row) => row.partition,
            Held::Part(id, _) => *id,
        }
    }
}

impl Shard {
    /// Takes a step of the hub.
    pub(super) fn peer_step(&mut self, step: PeerStep) {
        match step {
            PeerStep::Up { peer, direction: Direction::Dialled } => {
                // Its window begins anew: what came before is asked for again.
                self.drop_held_from(peer);
                let state = self.peers.entry(peer).or_default();
                state.wants.restart();
                if !state.wants.is_empty() {
                    self.letters.fetches.insert(peer);
                }
                self.step_those_who_know(peer, &Event::ConnectedAnew { node: peer });
            }
            PeerStep::Up { peer, direction: Direction::Accepted } => {
                let state = self.peers.entry(peer).or_default();
                (state.news, state.reads) = (Some(News::new(Budget::default())), Reads::default());
                self.partitions.values_mut().for_each(|partition| partition.connected_anew(peer));
                self.step_those_who_know(peer, &Event::SessionAnew { node: peer });
            }
            PeerStep::Down { peer } => {
                if let Some(state) = self.peers.get_mut(&peer) {
                    (state.news, state.reads) = (None, Reads::default());
                }
            }
            PeerStep::Contact(event) => self.contact(&event),
            PeerStep::Known { nodes } => self.nodes_are_known(nodes),
            PeerStep::Fetches { peer, seen, rows, forgotten } => {
                rows.into_iter().for_each(|row| self.take_fetch(peer, seen, row));
                forgotten.into_iter().for_each(|id| self.is_forgotten(peer, id));
            }
            PeerStep::Replies { peer, rows } => {
                for row in rows {
                    // Epochs without records are what the reserve is for.
                    let is_small = row.records.is_empty() && !self.held_chains.contains_key(&row.partition);
                    // Appends that wait for room have their turn, too.
                    let is_free = self.held_rows.is_empty() && !self.appends_wait_for_the_journal();
                    if is_small || (is_free && self.has_room()) {
                        self.take_reply(peer, row);
                    } else {
                        self.hold_row(peer, row);
                    }
                }
            }
            PeerStep::Messages { peer, rows } => {
                for row in rows {
                    self.step(row.partition, Event::Received { from: peer, message: row.message });
                }
            }
            // A hub that is gone needs no answer.
            PeerStep::TakeFetches { peer, reply } => drop(reply.send(self.fetches_for(peer))),
            PeerStep::TakeReplies { peer, number, bytes, reply } => {
                drop(reply.send(self.replies_for(peer, number, bytes)));
            }
            PeerStep::Read { peer, partition, after, outcome } => {
                self.was_read(peer, partition, after, outcome);
            }
        }
    }

    /// Holds entries back until the journal has room. What the answer says is committed counts at once: what waits for that can
    /// leave the journal then. Whatever is not entries needs next to no room, and is taken.
    fn hold_row(&mut self, peer: NodeId, row: ReplyRow) {
        let id = row.partition;
        let (Answer::Reply(reply), Some(partition)) = (&row.answer, self.partitions.get(&id)) else {
            return self.take_reply(peer, row);
        };
        if reply.epoch < partition.epoch() {
            // An earlier leader's comes late. It says nothing of what is held.
            return self.take_reply(peer, row);
        }
        let FetchOutcome::Entries(slice) = &reply.outcome else {
            // The log becomes another one: what is held does not follow it.
            self.drop_held(id);
            return self.take_reply(peer, row);
        };
        let log_end = partition.log_end();
        if self.held_chains.get(&id).copied().unwrap_or(log_end) != reply.asked {
            // What is held comes again, from where the log ends: what is told here of the commit may not be told again for it.
            self.drop_held(id);
            if log_end != reply.asked {
                return self.take_reply(peer, row);
            }
        }
        sometimes(Condition::ReplicaRowsHeld);
        // The log's end is a prefix of what the answer follows, and so one of the leader's log.
        let nothing = Slice { last: log_end, epoch_starts: Vec::new(), voters: Vec::new() };
        let outcome = FetchOutcome::Entries(nothing);
        let told = FetchReply { asked: log_end, outcome, ..reply.clone() };
        if slice.last > reply.asked {
            self.held_chains.insert(id, slice.last);
            self.held_rows.push_back((peer, Held::Row(Box::new(row))));
        } else if let Some((_, held)) =
            self.held_rows.iter_mut().rev().find(|(_, held)| held.partition() == id)
        {
            // It counts for what is held, too.
            held.tell(&told);
        }
        self.step(id, Event::Received { from: peer, message: Message::FetchReply(told) });
    }

    /// Lets go of what is held of a partition.
    fn drop_held(&mut self, id: PartitionId) {
        if self.held_chains.remove(&id).is_some() {
            self.held_rows.retain(|(_, held)| held.partition() != id);
        }
    }

    /// Lets go of what is held of the partitions of which that node sent something.
    fn drop_held_from(&mut self, peer: NodeId) {
        let of_peer = self.held_rows.iter().filter(|(from, _)| *from == peer);
        let ids: BTreeSet<PartitionId> = of_peer.map(|(_, held)| held.partition()).collect();
        ids.into_iter().for_each(|id| self.drop_held(id));
    }

    /// Takes up what was held back first, if there is room; whether it did.
    pub(super) fn release_row(&mut self) -> bool {
        if !self.has_room() {
            return false;
        }
        let Some((peer, held)) = self.held_rows.pop_front() else { return false };
        let id = held.partition();
        match held {
            Held::Row(row) => self.take_reply(peer, *row),
            Held::Part(id, part) => self.take_part(peer, id, *part),
        }
        // What it said of its log while rows were held is not the last word.
        self.want(peer, id);
        if !self.held_rows.iter().any(|(_, held)| held.partition() == id) {
            self.held_chains.remove(&id);
        }
        true
    }

    /// A node is silent, or heard again.
    fn contact(&mut self, event: &Event) {
        let node = match event {
            Event::NodeUnproven { node } => {
                self.unproven.insert(*node);
                *node
            }
            Event::NodeSilent { node } => {
                self.unproven.insert(*node);
                self.silent.insert(*node);
                *node
            }
            Event::NodeHeard { node } => {
                self.unproven.remove(node);
                self.silent.remove(node);
                *node
            }
            other => panic!("no contact: {other:?}"),
        };
        for id in self.step_those_who_know(node, event) {
            // What waited for it may go on.
            if self.partitions.get(&id).is_some_and(|partition| partition.has_other_voters()) {
                self.replace_voters(id);
            }
        }
    }

    /// Nodes that were unknown until now are dialled, and count as heard until they are not.
    fn nodes_are_known(&mut self, nodes: Vec<NodeId>) {
        let before = std::mem::replace(&mut self.known, nodes);
        let is_new = |node: &NodeId| self.known.contains(node) && !before.contains(node);
        for node in self.unproven.iter().copied().filter(is_new).collect::<Vec<_>>() {
            self.contact(&Event::NodeHeard { node });
        }
        self.tell_known();
    }

    /// A leader of whom nobody has said where it is cannot be followed: as if it were silent, others are asked who leads.
    fn follows(&mut self, id: PartitionId, leader: NodeId) {
        // The most of them are known: nothing else is looked at.
        if self.known.contains(&leader) || mutant(Mutant::ClusterFollowsTheUnknown) {
            let is_silent = self.silent.contains(&leader);
            if self.partitions.get(&id).is_some_and(|one| one.misjudges_strange_leader(leader, is_silent)) {
                self.tell_contact(id, leader);
            }
            return;
        }
        let is_leader = self.partitions.get(&id).is_some_and(|one| one.is_led_by(leader));
        if is_leader && !self.silent.contains(&leader) {
            self.contact(&Event::NodeSilent { node: leader });
        }
    }

    /// What is to be known of a node that is not simply heard.
    fn standing_of(&self, node: NodeId) -> Option<Event> {
        match (self.silent.contains(&node), self.unproven.contains(&node)) {
            (true, _) => Some(Event::NodeSilent { node }),
            (false, true) => Some(Event::NodeUnproven { node }),
            (false, false) => None,
        }
    }

    /// Tells a partition whether a node is heard of which it did not have to know before.
    fn tell_contact(&mut self, id: PartitionId, node: NodeId) {
        let event = self.standing_of(node).unwrap_or(Event::NodeHeard { node });
        self.step(id, event);
    }

    /// Steps the partitions that have a node's replicas, and returns them.
    fn step_those_who_know(&mut self, node: NodeId, event: &Event) -> Vec<PartitionId> {
        let concerned = self.partitions.iter().filter(|(_, partition)| partition.knows_of(node));
        let ids: Vec<PartitionId> = concerned.map(|(&id, _)| id).collect();
        for &id in &ids {
            self.step(id, event.clone());
        }
        ids
    }

    /// What a partition of others has to know at its beginning.
    pub(super) fn introduce(&mut self, id: PartitionId) {
        if self.reluctant {
            self.step(id, Event::Reluctant(true));
        }
        for node in self.unproven.clone() {
            if self.partitions.get(&id).is_some_and(|partition| partition.knows_of(node))
                && let Some(event) = self.standing_of(node)
            {
                self.step(id, event);
            }
        }
        if id.topic == TopicId::METADATA {
            self.tell_known();
        }
        self.set_timer(id);
    }

    /// An observer of the metadata that knows no leader may ask any node.
    fn tell_known(&mut self) {
        let id = PartitionId { topic: TopicId::METADATA, index: PartitionIndex(0) };
        let nodes = self.known.clone();
        self.step(id, Event::MayKnow { nodes });
    }

    /// A replica at another node says what it holds.
    fn take_fetch(&mut self, peer: NodeId, seen: i64, row: FetchRow) {
        let FetchRow { partition: id, fetch } = row;
        if !self.partitions.contains_key(&id) {
            return self.is_absent(peer, id, fetch.epoch);
        }
        if let Some(news) = self.peers.get_mut(&peer).and_then(|state| state.news.as_mut()) {
            news.fetched(id, &fetch, seen);
        }
        self.step(id, Event::Received { from: peer, message: Message::Fetch(fetch) });
        if let Some(partition) = self.partitions.get_mut(&id) {
            partition.note_candidate(fetch);
            partition.note_observer(fetch);
        }
        self.replace_voters(id);
    }

    /// Says to a node that this one has no replica of what it fetched in that epoch.
    fn is_absent(&mut self, peer: NodeId, id: PartitionId, epoch: LeaderEpoch) {
        let state = self.peers.get_mut(&peer).filter(|_| !mutant(Mutant::ClusterSaysAbsentAside));
        if let Some(state) = state
            && let Some(news) = &mut state.news
        {
            news.absent(id, epoch);
            self.letters.replies.insert(peer);
            self.letters.malformed.extend(state.overrun().map(|what| (peer, what)));
        } else {
            self.letters.messages.push((peer, id, Message::NotLeader { epoch, leader: None }));
        }
    }

    /// Goes on with a change of voters that is due.
    pub(super) fn replace_voters(&mut self, id: PartitionId) {
        let Shard { partitions, unproven, knows_targets, .. } = self;
        let knows = *knows_targets || mutant(Mutant::ReassignFollowsOldTargets);
        let may = |partition: &Partition| knows || !partition.has_target();
        let partition = partitions.get_mut(&id).filter(|partition| may(partition));
        let due = partition.map(|one| one.voter_change(unproven)).unwrap_or_default();
        for event in due {
            if id.topic == TopicId::METADATA {
                sometimes(Condition::ClusterVoterReplaced);
            }
            self.step(id, event);
        }
    }

    /// Others shall hold a partition.
    pub(super) fn assign(&mut self, id: PartitionId, assignment: Assignment) {
        let Some(partition) = self.partitions.get_mut(&id) else { return };
        let (may_know, new) = partition.assign(assignment);
        self.step(id, may_know);
        for node in new {
            self.tell_contact(id, node);
        }
        // Whoever is joining may not be wanted any more.
        self.step(id, Event::CancelVoterChange);
        self.replace_voters(id);
    }

    /// Whether a replica of another node may go; nothing, if that is not sure.
    pub(super) fn release(&mut self, leaving: &Leaving) -> Option<Released> {
        match self.partitions.get_mut(&leaving.id)?.release(leaving) {
            Release::In(epoch) => {
                self.step(leaving.id, Event::CancelVoterChange);
                self.replace_voters(leaving.id);
                Some(Released::In(epoch))
            }
            Release::Stays => Some(Released::Stays),
            Release::NotYet => None,
            Release::Behind => {
                let message = Message::NotLeader { epoch: leaving.epoch, leader: None };
                self.step(leaving.id, Event::Received { from: leaving.replica.node, message });
                None
            }
        }
    }

    /// The leader of `epoch` lets a replica of this node go. One that cannot go yet stays, and its node asks again.
    pub(super) fn leave(
        &mut self,
        id: PartitionId,
        epoch: LeaderEpoch,
        reply: oneshot::Sender<Result<(), PartitionError>>,
    ) {
        // Whoever works on its files would meet those of the log that may come after it.
        let may_go = |partition: &Partition| partition.epoch() <= epoch && !partition.log.is_worked_on();
        let log = match self.partitions.get(&id) {
            Some(partition) if may_go(partition) => self.take_log(id),
            Some(_) | None => None,
        };
        match log {
            Some(log) => {
                sometimes(Condition::ReassignReplicaDeleted);
                self.turn.once_durable.push(OnceDurable::Remove(vec![log], Some(reply)));
            }
            // Whoever asked may have gone.
            None => drop(reply.send(Ok(()))),
        }
    }

    /// A replica at another node asks here no longer: it learns from a leader that it should.
    fn is_forgotten(&mut self, peer: NodeId, id: PartitionId) {
        if self.peers.get_mut(&peer).is_some_and(|state| state.stop_following(id)) {
            self.letters.replies.insert(peer);
        }
        self.step(id, Event::Unfollowed { node: peer });
    }

    /// A leader's answer.
    fn take_reply(&mut self, peer: NodeId, row: ReplyRow) {
        let ReplyRow { partition: id, answer, records, producer_state, frame } = row;
        let batch_bytes_max = self.journal.entry_bytes_max();
        let Some(partition) = self.partitions.get_mut(&id) else {
            if let Some(state) = self.peers.get_mut(&peer) {
                state.wants.forget(id);
                self.letters.fetches.insert(peer);
            }
            return;
        };
        let mut reply = match answer {
            Answer::Reply(reply) => reply,
            answer @ Answer::NotLeader { .. } => {
                self.step(id, Event::Received { from: peer, message: answer.into() });
                return;
            }
        };
        if partition.log_end() != reply.asked {
            // Who leads counts all the same.
            self.step(id, Event::Received { from: peer, message: Message::FetchReply(reply) });
            self.want(peer, id);
            return;
        }
        if id.topic == TopicId::METADATA && !is_reset(&reply.outcome) {
            // Another leader, perhaps, has what the one before had let go of.
            self.leaderships.snapshot_covers(Offset(i64::MAX));
        }
        if let FetchOutcome::Reset { to, .. } = &reply.outcome
            && !partition.may_begin_at(to.end)
        {
            // What its log is to begin behind has to be on this node's disk first, and it asks again then. Who leads counts at once.
            let follows = partition.follows(peer, reply.epoch);
            self.leaderships.want_snapshot(SnapshotWanted { from: peer, covering: to.end });
            if !follows {
                let message = Message::BeginEpoch { epoch: reply.epoch };
                self.step(id, Event::Received { from: peer, message });
            }
            return;
        }
        let empty_at = partition.log.empty_at();
        let incoming = match Incoming::read(&mut reply, records, producer_state, &frame, empty_at) {
            Ok(incoming) => incoming,
            Err(error) => {
                self.letters.malformed.push((peer, format!("entries of {}: {error}", partition.name())));
                return;
            }
        };
        if incoming.largest_batch_bytes() as u64 > batch_bytes_max {
            error!(partition = %partition.name(), bytes = incoming.largest_batch_bytes(), limit = batch_bytes_max,
                "the replica stops: a batch of its leader does not fit this node's journal, whose files are too small");
            self.step(id, Event::StorageFailed);
            return;
        }
        // No more than what the journal surely takes: of more, none could be freed before all of it is written.
        let part_bytes = usize::try_from(batch_bytes_max / 8).unwrap_or(usize::MAX);
        let mut parts: VecDeque<_> = incoming.in_parts(reply, part_bytes).into();
        while let Some(part) = parts.pop_front() {
            self.take_part(peer, id, part);
            if !self.has_room() {
                break;
            }
        }
        if let Some((FetchReply { outcome: FetchOutcome::Entries(slice), .. }, _)) = parts.back() {
            // More of it may be held, which follows this.
            self.held_chains.entry(id).and_modify(|end| *end = slice.last.max(*end)).or_insert(slice.last);
        }
        while let Some(part) = parts.pop_back() {
            self.held_rows.push_front((peer, Held::Part(id, Box::new(part))));
        }
    }

    /// A snapshot of the metadata is on this node's disk: its log may begin later.
    pub(super) fn is_covered(&mut self, id: PartitionId, covered: Offset, limit: Offset) {
        let mut out = self.outbox();
        let Some(partition) = self.partitions.get_mut(&id) else { return };
        partition.is_covered(covered, limit, &mut out);
        self.take(id, out);
        self.leaderships.snapshot_covers(covered);
        let leader = self.leaderships.of(id).and_then(|leadership| leadership.leader);
        if let Some(leader) = leader {
            self.want(leader, id);
        }
    }

    fn take_part(&mut self, peer: NodeId, id: PartitionId, (reply, incoming): (FetchReply, Incoming)) {
        let mut out = self.outbox();
        if let Some(partition) = self.partitions.get_mut(&id)
            && partition.log_end() == reply.asked
        {
            partition.take_reply(peer, reply, incoming, &mut out);
        }
        self.take(id, out);
    }

    /// Marks a partition as changed for the node that it asks, if it is that one.
    fn want(&mut self, peer: NodeId, id: PartitionId) {
        if self.partitions.get(&id).is_some_and(|partition| partition.asks(peer)) {
            self.peers.entry(peer).or_default().wants.changed(id);
            self.letters.fetches.insert(peer);
        }
    }

    fn fetches_for(&mut self, peer: NodeId) -> (Wanted, bool) {
        let Shard { peers, partitions, held_chains, .. } = self;
        let Some(state) = peers.get_mut(&peer) else { return (Wanted::default(), false) };
        let wanted = state.wants.take(|id| {
            let fetch = partitions.get(&id).filter(|partition| partition.asks(peer))?.fetch();
            // What is held is not to be sent again.
            let log_end = held_chains.get(&id).copied().unwrap_or(fetch.log_end);
            Some(Fetch { log_end, ..fetch })
        });
        (wanted, !state.wants.is_empty())
    }

    fn replies_for(&mut self, peer: NodeId, number: i64, bytes: usize) -> (Vec<ReplyRow>, bool) {
        let (mut unreadable, mut not_here) = (Vec::new(), Vec::new());
        let Shard { peers, partitions, io, post_office, .. } = self;
        let Some(Peer { news: Some(news), reads, .. }) = peers.get_mut(&peer) else {
            return (Vec::new(), false);
        };
        let rows = news.take(number, bytes, |id, after, room| {
            let Some(partition) = partitions.get(&id) else { return Serving::NotHere };
            let entries = match reads.take(id, after, room) {
                Some(Taken::NotYet) => Entries::Ready(Serving::NotYet),
                Some(Taken::NoRoom) => Entries::Ready(partition.no_room(after)),
                Some(Taken::Pieces(pieces)) => Entries::Ready(partition.entries(after, pieces)),
                None => partition.entries_after(after, room),
            };
            match entries {
                Entries::Ready(serving) => {
                    if matches!(serving, Serving::NotHere) {
                        not_here.push(id);
                    }
                    serving
                }
                Entries::Stored(plan) => {
                    sometimes(Condition::ReplicaReadSegments);
                    if reads.begin(id, after) {
                        read_beside(io, &post_office.steps, (peer, id, after), plan);
                    }
                    Serving::NotYet
                }
                Entries::Unreadable(error) => {
                    unreadable.push((id, error));
                    Serving::NotHere
                }
            }
        });
        // Where there is something to send, whoever sends asks again.
        let woken = reads.wake(news);
        if woken && rows.is_empty() {
            self.letters.replies.insert(peer);
        }
        let unserved: Vec<_> =
            not_here.into_iter().filter_map(|id| Some((id, news.take_unserved(id)?))).collect();
        let more = !news.is_empty();
        for (id, error) in unreadable {
            self.tell_damage(id, &error);
        }
        for (id, fetch) in unserved {
            // Its log's start has moved since it was asked for: the follower has to begin there.
            let partition = self.partitions.get(&id);
            if partition.is_some_and(|one| one.leads() && one.begins_at_or_after(fetch.log_end)) {
                self.take_fetch(peer, i64::MAX, FetchRow { partition: id, fetch });
            }
        }
        (rows, more)
    }

    /// What was read for a follower waits for its turn.
    fn was_read(
        &mut self,
        peer: NodeId,
        id: PartitionId,
        after: Position,
        outcome: Result<Vec<Bytes>, ReadError>,
    ) {
        let Some(Peer { news: Some(news), reads, .. }) = self.peers.get_mut(&peer) else { return };
        let told = match outcome {
            // The follower stands somewhere else by now.
            _ if !reads.is_under_way(id, after) => None,
            Ok(pieces) if !pieces.is_empty() => {
                reads.there(id, after, pieces);
                news.changed(id);
                None
            }
            // The log has it elsewhere by now.
            Ok(_) | Err(ReadError::Gone) => {
                reads.gone(id);
                news.changed(id);
                None
            }
            Err(error) => {
                reads.gone(id);
                Some(error)
            }
        };
        reads.wake(news);
        if !news.is_empty() {
            self.letters.replies.insert(peer);
        }
        if let Some(error) = told {
            self.tell_damage(id, &error);
        }
    }

    /// What a step of a partition means for other nodes.
    pub(super) fn post(&mut self, id: PartitionId, out: Outbox) {
        for (to, message) in out.sends {
            self.send(id, to, message);
        }
        if let Some(node) = out.forget {
            self.drop_held(id);
            self.peers.entry(node).or_default().wants.forget(id);
            self.letters.fetches.insert(node);
        }
        let turn = self.partitions.get_mut(&id).and_then(|partition| partition.turn());
        if let Some(node) = out.fetch_from {
            self.peers.entry(node).or_default().wants.changed(id);
            self.letters.fetches.insert(node);
        }
        if let Some(leader) = turn {
            self.tell_who_leads(id, leader);
        }
        if out.news {
            self.offer(id);
        }
        self.letters.malformed.extend(out.malformed);
        if let Some(stalled) = out.stalled {
            self.stalled.tell(self.io.clock.now(), stalled);
        }
        self.set_timer(id);
        if out.may_change_voters {
            self.replace_voters(id);
        }
        if let Some(node) = out.fetch_from {
            self.follows(id, node);
        }
    }

    /// There may be something to send to those that follow a partition here.
    pub(super) fn offer(&mut self, id: PartitionId) {
        for (&node, state) in &mut self.peers {
            if let Some(news) = &mut state.news {
                news.changed(id);
                if !news.is_empty() {
                    self.letters.replies.insert(node);
                }
            }
        }
    }

    /// Answers those that still fetch a partition here, though this node does not lead it, but `leader`, if somebody does: a new
    /// leader knows of voters, not of those that follow without a vote, and what a leader that goes says to voters may be lost.
    /// Where the former one goes on running they would wait for it for ever.
    fn tell_who_leads(&mut self, id: PartitionId, leader: Option<NodeId>) {
        let Some(partition) = self.partitions.get(&id) else { return };
        let (own, epoch) = (self.node, partition.epoch());
        for (&peer, state) in &mut self.peers {
            let news = state.news.as_mut().filter(|_| Some(peer) != leader);
            if news.is_some_and(|news| news.redirect(id, own, (epoch, leader))) {
                self.letters.replies.insert(peer);
            }
        }
    }

    fn send(&mut self, id: PartitionId, to: NodeId, message: Message) {
        let news = self.peers.get_mut(&to).and_then(|state| state.news.as_mut());
        let answered = match (&message, news) {
            (Message::FetchReply(reply), Some(news)) => {
                let state = match self.partitions.get(&id).filter(|_| is_reset(&reply.outcome)) {
                    Some(partition) => partition.producers_before_start(),
                    None => Bytes::new(),
                };
                news.answer(id, Answer::Reply(reply.clone()), state)
            }
            (&Message::NotLeader { epoch, leader }, Some(news)) if mutant(Mutant::ClusterTellsWhoKnows) => {
                news.answer(id, Answer::NotLeader { epoch, leader }, Bytes::new())
            }
            (&Message::NotLeader { epoch, leader }, Some(news)) => {
                news.redirect(id, self.node, (epoch, leader))
            }
            _ => false,
        };
        if answered {
            self.letters.replies.insert(to);
        } else if !matches!(message, Message::FetchReply(_)) {
            // An answer to a fetch is lost only with the session that asks again.
            self.letters.messages.push((to, id, message));
        }
    }

    /// Sets the time at which a partition wants to be woken. One that is alone and damaged waits for nothing: it may not campaign.
    pub(super) fn set_timer(&mut self, id: PartitionId) {
        let Some(partition) = self.partitions.get_mut(&id) else { return };
        let stands =
            partition.is_alone() && (partition.log.damage().is_some() || mutant(Mutant::ClusterAloneWaits));
        let wanted = if stands { None } else { partition.deadline().map(|(at, _)| at) };
        if partition.wakes != wanted {
            if let Some(at) = partition.wakes {
                self.timers.remove(&(at, id));
            }
            self.timers.extend(wanted.map(|at| (at, id)));
            partition.wakes = wanted;
        }
    }

    /// Wakes the partitions whose time has come.
    pub(super) fn fire_timers(&mut self, now: Instant) {
        while let Some(&(at, id)) = self.timers.first()
            && at <= now
        {
            self.timers.pop_first();
            let due = self.partitions.get_mut(&id).and_then(|partition| {
                partition.wakes = None;
                partition.deadline()
            });
            match due {
                Some((due, timer)) if due <= now => self.step(id, Event::Timer(timer)),
                _ => self.set_timer(id),
            }
        }
    }

    /// Campaigns for those of the partitions that nobody leads.
    pub(super) fn campaign(&mut self, ids: &[PartitionId]) {
        for &id in ids {
            if self.partitions.get(&id).is_some_and(|partition| partition.has_no_leader()) {
                self.step(id, Event::Campaign);
            }
        }
    }

    /// Whether the replicas here campaign last from now on.
    pub(super) fn be_reluctant(&mut self, reluctant: bool) {
        self.reluctant = reluctant;
        let ids: Vec<PartitionId> = self.partitions.keys().copied().collect();
        for id in ids {
            self.step(id, Event::Reluctant(reluctant));
        }
    }

    /// Goes on with changes of voters from now on.
    pub(super) fn follow_targets(&mut self) {
        self.knows_targets = true;
        let others = self.partitions.iter().filter(|(_, partition)| partition.has_other_voters());
        for id in others.map(|(&id, _)| id).collect::<Vec<_>>() {
            self.replace_voters(id);
        }
    }

    /// A partition is gone from here.
    pub(super) fn forget_partition(&mut self, id: PartitionId, wakes: Option<Instant>) {
        if let Some(at) = wakes {
            self.timers.remove(&(at, id));
        }
        for (&node, state) in &mut self.peers {
            state.wants.forget(id);
            if !state.wants.is_empty() {
                self.letters.fetches.insert(node);
            }
            if state.has_lost(id) {
                self.letters.replies.insert(node);
            }
            self.letters.malformed.extend(state.overrun().map(|what| (node, what)));
        }
        self.drop_held(id);
    }
}

/// Whether a log was made, and nothing else: not even an id of its own.
pub(super) fn is_untouched(log: &PartitionLog) -> bool {
    let is_empty = log.log_end() == Offset::ZERO && log.epochs().last().is_none();
    is_empty && log.vote().is_none() && log.directory().is_none() && log.damage().is_none()
}

/// Where the hub and a shard meet.
pub(in crate::partition) struct PostOffice {
    /// Which of the shards it is.
    pub(in crate::partition) shard: usize,
    pub(in crate::partition) post: std::sync::Arc<super::super::replication::Post>,
    /// Its own way in, for what it lets be done beside it. It does not keep the shard alive.
    pub(in crate::partition) steps: mpsc::WeakSender<PeerStep>,
}
