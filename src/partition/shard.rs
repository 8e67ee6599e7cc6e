mod handing_over;
mod peer;
mod reads;
mod repairs;
mod replicas;
mod silence;
mod turn;
mod upkeep;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use handing_over::Behind;
use peer::Peer;
pub(super) use replicas::PostOffice;
use replicas::{Held, is_untouched};
use turn::{InFlight, OnceDurable, Turn, next_commit};

use tokio::sync::{mpsc, oneshot};
use tracing::{error, warn};

use super::appends::Appends;
use super::deletions::Deletions;
use super::leaderships::Leaderships;
use super::maintenance::Step;
use super::partition::{Made, Outbox, Partition, Place};
use super::replication::{Letters, PeerStep};
use super::request::{AppendRequest, AppendTerms, ReplicaOrigin, Request, Required};
use super::stalled::Stalled;
use super::{
    FetchWaiter, LeadershipError, PartitionError, PartitionSpec, PartitionStats, ReadRequest, ReadResult,
};
use crate::io::{Alarm, Io, RngStream};
use crate::log::{JournalHandle, LogConfig, PartitionLog, ReadError, SharedConfigs, Storage};
use crate::probe::{Condition, Mutant, mutant, sometimes};
use crate::raft::{self, Event, ReplicaKey};
use crate::types::{Instant, LeaderEpoch, NodeId, Offset, PartitionId, Uuid};

/// Different damages that are reported, each once.
const TOLD_DAMAGE_MAX: usize = 1000;

/// Requests that are held back while memory or the journal is short of room; beyond it every request waits in the
/// inbox.
const HELD_REQUESTS_MAX: usize = 16_384;

/// Requests taken from the inbox before the journal is given what they led to.
const TURN_REQUESTS_MAX: usize = 512;

/// The owner of some partitions. One task: see [`Shard::run`].
pub(super) struct Shard {
    io: Io,
    node: NodeId,
    storage: Storage,
    journal: JournalHandle,
    /// Boxed: the nodes of the map are half empty after a topic's partitions came in order.
    partitions: BTreeMap<PartitionId, Box<Partition>>,
    /// Logs that recovery found and nobody has claimed yet.
    dormant: BTreeMap<PartitionId, PartitionLog>,
    /// How many these are, of all shards.
    unclaimed: Arc<AtomicUsize>,
    /// The limits of its logs.
    configs: SharedConfigs,
    appends: Appends,
    deletions: Deletions,
    gates: BTreeMap<u64, Gate>,
    next_gate: u64,
    random: Box<dyn RngStream>,
    /// When partitions want to be woken.
    timers: BTreeSet<(Instant, PartitionId)>,
    /// The other nodes with which partitions here have to do.
    peers: BTreeMap<NodeId, Peer>,
    /// Those that may not hear this one,
    unproven: BTreeSet<NodeId>,
    /// and those of them that are not heard, either.
    silent: BTreeSet<NodeId>,
    /// This node is to lead nothing, as long as others can.
    reluctant: bool,
    behind: Behind,
    /// Who shall hold partitions is known as of this node's start, at least: before, a reassignment that has ended could be undone.
    knows_targets: bool,
    /// All that this node knows of.
    known: Vec<NodeId>,
    /// Leaders' answers that wait for memory or for room in the journal, in the order in which they came; the leaders' windows
    /// bound them.
    held_rows: VecDeque<(NodeId, Held)>,
    /// Where the log of a partition will end once the rows that are held are taken: they follow one another.
    held_chains: BTreeMap<PartitionId, raft::Position>,
    post_office: PostOffice,
    leaderships: Arc<Leaderships>,
    letters: Letters,
    turn: Turn,
    in_flight: VecDeque<InFlight>,
    /// Appends that wait for memory or for room in the journal, in the order in which they came.
    held_appends: VecDeque<Request>,
    /// Since when appends are held, or since one of them was taken up last.
    held_from: Option<Instant>,
    /// The append that is made in part: the journal had no room for the rest of it. It goes before the held ones.
    begun_append: Option<Rest>,
    /// Other requests that write, while they wait for room in the journal, in the order in which they came.
    held_changes: VecDeque<Request>,
    /// Damage that has been reported, so that a reader that comes again does not fill the node's log.
    told_damage: BTreeSet<String>,
    stalled: Stalled,
    /// Partitions whose last flush failed, and whether that was told of each.
    unflushed: BTreeMap<PartitionId, bool>,
    failed: bool,
}

/// What of an append request is still to be made, with the places of its outcomes.
struct Rest {
    request: u64,
    required: Required,
    deadline: Option<Instant>,
    epoch: Option<LeaderEpoch>,
    appends: std::iter::Enumerate<std::vec::IntoIter<AppendRequest>>,
}

/// Something to say once several things are done.
struct Gate {
    missing: usize,
    reply: oneshot::Sender<Result<(), PartitionError>>,
}

impl Shard {
    pub(super) fn new(
        io: Io,
        node: NodeId,
        storage: Storage,
        (recovered, unclaimed): (Vec<PartitionLog>, Arc<AtomicUsize>),
        (post_office, leaderships): (PostOffice, Arc<Leaderships>),
    ) -> Shard {
        let journal = storage.journal().clone();
        Shard {
            random: io.rng.stream("replicas"),
            io,
            node,
            storage,
            journal,
            partitions: BTreeMap::new(),
            dormant: recovered.into_iter().map(|log| (log.key().partition, log)).collect(),
            unclaimed,
            configs: SharedConfigs::default(),
            appends: Appends::default(),
            deletions: Deletions::default(),
            gates: BTreeMap::new(),
            next_gate: 0,
            timers: BTreeSet::new(),
            peers: BTreeMap::new(),
            unproven: BTreeSet::new(),
            silent: BTreeSet::new(),
            reluctant: false,
            behind: Behind::default(),
            knows_targets: false,
            known: Vec::new(),
            held_rows: VecDeque::new(),
            held_chains: BTreeMap::new(),
            post_office,
            leaderships,
            letters: Letters::default(),
            turn: Turn::default(),
            in_flight: VecDeque::new(),
            held_appends: VecDeque::new(),
            held_from: None,
            begun_append: None,
            held_changes: VecDeque::new(),
            told_damage: BTreeSet::new(),
            stalled: Stalled::default(),
            unflushed: BTreeMap::new(),
            failed: false,
        }
    }

    /// Serves until every sender of requests is gone and everything begun is durable.
    ///
    /// A turn takes what waits in the inbox, steps it all, and gives the journal everything it led to at
    /// once, or, if that is much, in parts, so that what is written first is answered first; while that is being
    /// written, the next turn gathers. While the memory of unflushed batches is
    /// full, appends are held back, in order, and everything else goes on; while the journal's queue is full, so
    /// is everything else that writes. If too much is held, requests wait in the inbox and maintenance goes on.
    pub(super) async fn run(
        mut self,
        mut inbox: mpsc::Receiver<Request>,
        mut steps: mpsc::Receiver<Step>,
        mut peer_steps: mpsc::Receiver<PeerStep>,
    ) {
        let mut requests = Vec::with_capacity(TURN_REQUESTS_MAX);
        let mut open = true;
        let clock = Arc::clone(&self.io.clock);
        let mut alarm = Alarm::default();
        while open || !self.in_flight.is_empty() {
            let takes_requests =
                open && self.held_appends.len() + self.held_changes.len() < HELD_REQUESTS_MAX;
            let journal = self.journal.clone();
            let (next_alarm, careful) = (self.next_alarm(), self.is_careful());
            tokio::select! {
                biased;
                result = next_commit(&mut self.in_flight), if !self.in_flight.is_empty() => {
                    let done = self.in_flight.pop_front().expect("it was awaited");
                    self.committed(result, &done.last, done.once_durable);
                }
                () = alarm.at(&*clock, next_alarm), if open => self.expire(),
                Some(step) = steps.recv(), if open => self.maintain(step),
                Some(step) = peer_steps.recv(), if open => {
                    self.peer_step(step);
                    for _ in 1..TURN_REQUESTS_MAX {
                        self.end_full_turn();
                        let Ok(step) = peer_steps.try_recv() else { break };
                        self.peer_step(step);
                    }
                }
                () = room_in(&journal, careful), if open && self.waits_for_the_journal() => {}
                count = inbox.recv_many(&mut requests, TURN_REQUESTS_MAX), if takes_requests => {
                    open = count > 0;
                    self.hear_of_silence(&mut peer_steps).await;
                    let now = clock.now();
                    for request in requests.drain(..) {
                        self.admit(request, now);
                        self.end_full_turn();
                    }
                }
                // No maintenance any more, and no room for requests: the node is ending.
                else => break,
            }
            self.release_held();
            self.tell_held();
            self.end_turn();
        }
    }

    /// Takes a request, or holds it back if there is no room for what it writes. An append whose time is up
    /// already is not made: whoever asked may be asking again.
    fn admit(&mut self, request: Request, now: Instant) {
        match request {
            Request::Append { terms, .. } if terms.deadline.is_some_and(|deadline| deadline <= now) => {
                self.refuse_late(request);
            }
            Request::Append { terms, .. }
                if (self.holds_appends() || self.is_short_of_memory() || !self.has_room())
                    && !self.may_pass(&request) =>
            {
                if self.is_short_of_memory() {
                    sometimes(Condition::AppendHeldForMemory);
                }
                self.appends.mind(terms.deadline);
                self.held_appends.push_back(request);
            }
            Request::Create { .. }
            | Request::Delete { .. }
            | Request::Leave { .. }
            | Request::DeleteRecords { .. }
                if !self.held_changes.is_empty() || !self.has_spare() =>
            {
                self.held_changes.push_back(request);
            }
            other => self.handle(other),
        }
    }

    fn holds_appends(&self) -> bool {
        self.begun_append.is_some() || !self.held_appends.is_empty()
    }

    fn next_alarm(&self) -> Option<Instant> {
        let timer = self.timers.first().map(|&(at, _)| at);
        [self.appends.earliest(), timer].into_iter().flatten().min()
    }

    fn outbox(&self) -> Outbox {
        Outbox::new(&self.journal, self.io.clock.now(), self.io.clock.wall())
    }

    /// Whether something is held that only the journal's room is missing for.
    fn waits_for_the_journal(&self) -> bool {
        !self.held_rows.is_empty() || !self.held_changes.is_empty() || self.appends_wait_for_the_journal()
    }

    fn appends_wait_for_the_journal(&self) -> bool {
        self.begun_append.is_some() || (self.holds_appends() && !self.is_short_of_memory())
    }

    /// Answers the appends whose time is up, and wakes partitions.
    fn expire(&mut self) {
        let now = self.io.clock.now();
        self.fire_timers(now);
        if self.appends.earliest().is_none_or(|earliest| earliest > now) {
            return;
        }
        let late = self.late();
        self.appends.expire(now, &late);
        for request in std::mem::take(&mut self.held_appends) {
            self.admit(request, now);
        }
    }

    /// Takes up what was held, as far as there is room: what other nodes send to be followed and what clients ask for in turn, for either
    /// alone could fill all that comes free.
    fn release_held(&mut self) {
        loop {
            let row = self.release_row();
            let request = self.release_request();
            if !row && !request {
                return;
            }
        }
    }

    /// Whether a request was taken up.
    fn release_request(&mut self) -> bool {
        let changes_go = !self.held_changes.is_empty() && self.has_spare();
        let something_goes = changes_go || (self.holds_appends() && self.has_room());
        if !something_goes {
            return false;
        }
        if self.has_room()
            && let Some(rest) = self.begun_append.take()
        {
            self.held_from = None;
            self.append(rest);
            return true;
        }
        let appends_go = self.has_room() && !self.is_short_of_memory();
        let next = self.held_changes.pop_front();
        let held = &mut self.held_appends;
        let mut next_append =
            || if mutant(Mutant::ReleaseHeldBackwards) { held.pop_back() } else { held.pop_front() };
        let Some(request) = next.or_else(|| appends_go.then(&mut next_append).flatten()) else {
            return false;
        };
        if matches!(request, Request::Append { .. }) {
            self.held_from = None;
        }
        self.handle(request);
        true
    }

    fn is_short_of_memory(&self) -> bool {
        // Logs that nobody has claimed yet cannot be flushed, in whichever shard they are: to wait for memory would be to wait for ever.
        self.storage.tail_budget().is_exceeded() && self.unclaimed.load(Ordering::Acquire) == 0
    }

    /// The log of a partition, whether anybody has claimed it or not.
    fn log_of(&mut self, id: PartitionId) -> Option<&mut PartitionLog> {
        match self.partitions.get_mut(&id) {
            Some(partition) => Some(&mut partition.log),
            None => self.dormant.get_mut(&id),
        }
    }

    /// Takes the log that recovery found of a partition.
    fn claim(&mut self, id: PartitionId) -> Option<PartitionLog> {
        let log = self.dormant.remove(&id)?;
        self.unclaimed.fetch_sub(1, Ordering::AcqRel);
        Some(log)
    }

    /// The journal failed: nothing here is promised any more.
    fn fail(&mut self, failure: &crate::log::JournalFailed) {
        if self.failed {
            return;
        }
        self.failed = true;
        error!(%failure, "the journal failed: every partition of this shard steps down");
        let ids: Vec<PartitionId> = self.partitions.keys().copied().collect();
        for id in ids {
            self.step(id, Event::StorageFailed);
        }
        let gates: Vec<u64> = self.gates.keys().copied().collect();
        for gate in gates {
            self.open(gate);
        }
    }

    /// Removes the files of deleted logs, on the side. A log of the same partition is made only by who was told that they are gone.
    fn remove(&self, logs: Vec<PartitionLog>, then: Option<oneshot::Sender<Result<(), PartitionError>>>) {
        if self.failed {
            // Whoever waits finds its sender gone.
            return;
        }
        let storage = self.storage.clone();
        let removal = async move {
            let mut result = Ok(());
            for log in logs {
                let id = log.key().partition;
                if let Err(error) = storage.finish_deletion(log).await {
                    warn!(partition = %id, %error, "files of a deleted partition stay until the next start, or a flush that is under way");
                    result = Err(LeadershipError::Storage.into());
                }
            }
            if let Some(then) = then {
                // Whoever asked may have gone.
                drop(then.send(result));
            }
        };
        drop(self.io.spawn.spawn("partition-removal", Box::pin(removal)));
    }

    fn step(&mut self, id: PartitionId, event: Event) {
        let mut out = self.outbox();
        let Some(partition) = self.partitions.get_mut(&id) else { return };
        partition.step(event, &mut out);
        let gates = match partition.standing() {
            Err(LeadershipError::Starting | LeadershipError::NotLeader) => Vec::new(),
            Ok(())
            | Err(
                LeadershipError::Storage
                | LeadershipError::Unknown
                | LeadershipError::Fenced { .. }
                | LeadershipError::Ahead { .. },
            ) => std::mem::take(&mut partition.gates),
        };
        self.take(id, out);
        for gate in gates {
            self.open(gate);
        }
    }

    /// Carries out what a partition wants: journal entries into the turn, answers to their requests.
    fn take(&mut self, id: PartitionId, mut out: Outbox) {
        // Who is told that others lead is told who.
        self.tell_leadership(id);
        std::mem::take(&mut out.entries).into_iter().for_each(|entry| self.gather(entry));
        let once_durable = std::mem::take(&mut out.once_durable).into_iter();
        self.turn.once_durable.extend(once_durable.map(|event| OnceDurable::Step(id, event)));
        for (place, outcome) in std::mem::take(&mut out.answered) {
            self.appends.answer(place, outcome);
        }
        for (place, start) in std::mem::take(&mut out.starts) {
            self.deletions.answer(place, start);
        }
        self.post(id, out);
    }

    /// Tells those who act on it, if who leads has changed.
    fn tell_leadership(&mut self, id: PartitionId) {
        if let Some(partition) = self.partitions.get_mut(&id)
            && let Some(leadership) = partition.new_leadership()
        {
            self.leaderships.tell(id, leadership);
        }
    }

    fn open(&mut self, gate: u64) {
        let Some(state) = self.gates.get_mut(&gate) else { return };
        state.missing -= 1;
        if self.failed || state.missing == 0 {
            let state = self.gates.remove(&gate).expect("it was just there");
            let result = if self.failed { Err(PartitionError::Journal) } else { Ok(()) };
            // Whoever asked may have gone.
            drop(state.reply.send(result));
        }
    }

    fn new_gate(
        &mut self,
        missing: usize,
        reply: oneshot::Sender<Result<(), PartitionError>>,
    ) -> Option<u64> {
        if self.failed || missing == 0 {
            let result = if self.failed { Err(PartitionError::Journal) } else { Ok(()) };
            drop(reply.send(result));
            return None;
        }
        let gate = self.next_gate;
        self.next_gate += 1;
        self.gates.insert(gate, Gate { missing, reply });
        Some(gate)
    }

    fn handle(&mut self, request: Request) {
        // A receiver that is gone needs no answer: every reply below may be dropped.
        match request {
            Request::Create { specs, reply } => self.create(specs, reply),
            Request::Configure { id, config } => self.configure(id, &config),
            Request::Delete { ids, reply } => self.delete(&ids, reply),
            Request::Assign { id, assignment } => self.assign(id, assignment),
            Request::Release { leaving, reply } => {
                drop(reply.send(leaving.iter().map(|one| self.release(one)).collect()));
            }
            Request::Leave { id, epoch, reply } => self.leave(id, epoch, reply),
            Request::Append { appends, terms, done } => {
                let request = self.appends.begin(appends.len(), terms.deadline, done);
                let appends = appends.into_iter().enumerate();
                let AppendTerms { required, deadline, epoch } = terms;
                self.append(Rest { request, required, deadline, epoch, appends });
            }
            Request::Read { reads, max_bytes, whole_batch, waiter, reply } => {
                drop(reply.send(self.read(&reads, max_bytes, whole_batch, waiter.as_ref())));
            }
            Request::Offsets { queries, reply } => {
                let answer = |(id, check, query)| self.leader(id)?.offset(check, query);
                drop(reply.send(queries.into_iter().map(answer).collect()));
            }
            Request::EpochEnds { queries, reply } => {
                let answer = |(id, check, epoch)| self.leader(id)?.epoch_end(check, epoch);
                drop(reply.send(queries.into_iter().map(answer).collect()));
            }
            Request::DeleteRecords { deletions, reply } => self.delete_records(deletions, reply),
            Request::Stats { ids, reply } => drop(reply.send(self.stats(ids))),
            Request::Producers { id, reply } => {
                let partition = self.partitions.get(&id).ok_or(LeadershipError::Unknown);
                drop(reply.send(partition.and_then(|partition| partition.producers())));
            }
            Request::FindTimestamp { id, check, timestamp, from, reply } => {
                let answer =
                    self.leader(id).and_then(|partition| partition.find_timestamp(check, timestamp, from));
                drop(reply.send(answer));
            }
            Request::Unclaimed { reply } => drop(reply.send(self.dormant.keys().copied().collect())),
            Request::Damaged { id, error } => self.tell_damage(id, &error),
            Request::Campaign { ids } => self.campaign(&ids),
            Request::Transfer { id, to } => self.step(id, Event::TransferLeadership { to: Some(to) }),
            Request::ChangeVoters { id, asked } => {
                let mut out = self.outbox();
                match self.partitions.get_mut(&id) {
                    Some(partition) => partition.change_voters(asked, &mut out),
                    None => {
                        let _gone = asked.reply.send(Err(raft::ChangeRefusal::NotLeader));
                    }
                }
                self.take(id, out);
            }
            Request::CancelChange { id, key } => self.cancel_change(id, key),
            Request::SetNodes { id, nodes, as_of } => {
                let partition = self.partitions.get_mut(&id);
                if partition.is_some_and(|partition| partition.set_nodes(nodes, as_of)) {
                    self.step(id, Event::CancelVoterChange);
                }
                self.replace_voters(id);
            }
            Request::Covered { id, covered, limit } => self.is_covered(id, covered, limit),
            Request::HandOver { terms, reply } => drop(reply.send(self.hand_over(&terms))),
            Request::Resign { reply } => drop(reply.send(self.resign())),
            Request::Reluctant(reluctant) => self.be_reluctant(reluctant),
            Request::FollowTargets => self.follow_targets(),
        }
    }

    fn configure(&mut self, id: PartitionId, config: &LogConfig) {
        if let Some(partition) = self.partitions.get_mut(&id) {
            partition.configure(self.configs.share(config));
        }
    }

    fn cancel_change(&mut self, id: PartitionId, key: ReplicaKey) {
        let mut out = self.outbox();
        if let Some(partition) = self.partitions.get_mut(&id) {
            partition.cancel_change(key, &mut out);
        }
        self.take(id, out);
    }

    /// Whether this was not told before.
    fn told_is_new(&mut self, what: &str) -> bool {
        self.told_damage.len() < TOLD_DAMAGE_MAX && self.told_damage.insert(what.to_owned())
    }

    /// Says, once for each damage, that a reader met it.
    fn tell_damage(&mut self, id: PartitionId, error: &ReadError) {
        let is_new = self.told_is_new(&format!("{id}: {error}"));
        if let Some(partition) = self.partitions.get(&id).filter(|_| is_new) {
            self.storage.note_unreadable();
            let name = partition.name();
            error!(partition = %name, directory = %id, %error,
                "stored records cannot be read: they are not served");
        }
    }

    /// Appends what a request brings, as far as the journal has room: with what is queued behind it, it must come to
    /// its end before any of it can be freed.
    fn append(&mut self, mut rest: Rest) {
        while let Some((slot, append)) = rest.appends.next() {
            let place = Place { request: rest.request, slot };
            let mut out = self.outbox();
            match self.partitions.get_mut(&append.id) {
                Some(partition) => match partition.check_decided(rest.epoch) {
                    Ok(()) => {
                        let required = rest.required.with_replicas(append.replicas_min);
                        partition.append(append.batch, (required, rest.deadline), place, &mut out);
                    }
                    Err(error) => out.answered.push((place, Err(error.into()))),
                },
                None => out.answered.push((place, Err(LeadershipError::Unknown.into()))),
            }
            self.take(append.id, out);
            self.end_full_turn();
            if rest.appends.len() > 0 && !self.has_room() {
                assert!(self.begun_append.is_none(), "appends that come later are held");
                self.begun_append = Some(rest);
                return;
            }
        }
    }

    fn leader(&self, id: PartitionId) -> Result<&Partition, PartitionError> {
        self.partitions.get(&id).map(Box::as_ref).ok_or_else(|| LeadershipError::Unknown.into())
    }

    fn create(&mut self, specs: Vec<PartitionSpec>, reply: oneshot::Sender<Result<(), PartitionError>>) {
        let mut named = BTreeSet::new();
        let is_fresh =
            |spec: &PartitionSpec| !self.partitions.contains_key(&spec.id) && named.insert(spec.id);
        let fresh: Vec<PartitionSpec> = specs.into_iter().filter(is_fresh).collect();
        let Some(gate) = self.new_gate(fresh.len(), reply) else { return };
        for spec in fresh {
            let config = self.configs.share(&spec.config);
            let (mut log, found) = match self.claim(spec.id) {
                Some(mut log) => {
                    log.set_config(config);
                    (log, true)
                }
                None => {
                    let (log, created) = self.storage.new_log(spec.id, Offset::ZERO, config);
                    self.gather(created);
                    (log, false)
                }
            };
            let origin = spec.assignment.as_ref().map(|assignment| assignment.origin);
            if origin == Some(ReplicaOrigin::Newcomer) && is_untouched(&log) {
                // Whatever replica this node had of it before, this is another one.
                let directory = Uuid(self.random.identity());
                let renewed = log.renew_directory(directory, self.journal.durable_position());
                self.gather(renewed);
            }
            let (id, directory, damaged) = (spec.id, self.storage.directory_id(), log.damage().is_some());
            let mut out = self.outbox();
            let (node, seed) = (self.node, self.random.next_u64());
            let made = Made { node, directory, seed, spec, log, found };
            let random = &mut self.random;
            let partition = Partition::new(made, || Uuid(random.identity()), &mut out);
            let (alone, name) = (partition.is_alone(), partition.name());
            self.partitions.insert(id, Box::new(partition));
            let writes = !out.entries.is_empty() || !self.turn.entries.is_empty();
            self.take(id, out);
            if damaged {
                warn!(partition = %name, directory = %id, "the partition's log is damaged: it is not served");
            }
            self.introduce(id);
            if alone && !damaged {
                let partition = self.partitions.get_mut(&id).expect("it was just made");
                partition.gates.push(gate);
                self.step(id, Event::Campaign);
                continue;
            }
            if writes {
                self.turn.once_durable.push(OnceDurable::Gate(gate));
            } else {
                self.open(gate);
            }
        }
    }

    fn delete(&mut self, ids: &[PartitionId], reply: oneshot::Sender<Result<(), PartitionError>>) {
        let deleted: Vec<PartitionLog> = ids.iter().filter_map(|&id| self.take_log(id)).collect();
        if deleted.is_empty() {
            let _answered = self.new_gate(0, reply);
            return;
        }
        self.turn.once_durable.push(OnceDurable::Remove(deleted, None));
        if let Some(gate) = self.new_gate(1, reply) {
            self.turn.once_durable.push(OnceDurable::Gate(gate));
        }
    }

    /// The log of a partition, which ends.
    fn take_log(&mut self, id: PartitionId) -> Option<PartitionLog> {
        self.unflushed.remove(&id);
        let mut log = match self.partitions.remove(&id) {
            Some(mut partition) => {
                let mut out = self.outbox();
                partition.step(Event::Resign, &mut out);
                partition.refuse_parked(&mut out);
                let gates = std::mem::take(&mut partition.gates);
                self.take(id, out);
                self.forget_partition(id, partition.wakes);
                self.leaderships.forget(id);
                for gate in gates {
                    self.open(gate);
                }
                partition.log
            }
            None => self.claim(id)?,
        };
        let ended = self.storage.begin_deletion(&mut log);
        self.gather(ended);
        Some(log)
    }

    fn read(
        &mut self,
        reads: &[ReadRequest],
        max_bytes: usize,
        mut whole_batch: bool,
        waiter: Option<&Arc<FetchWaiter>>,
    ) -> Vec<ReadResult> {
        let mut left = max_bytes;
        let mut results = Vec::with_capacity(reads.len());
        for read in reads {
            let result = match self.partitions.get_mut(&read.id) {
                Some(partition) => {
                    let result = partition.read(read, left.min(read.max_bytes), whole_batch);
                    if let Some(waiter) = waiter {
                        partition.wait_for_more(Arc::clone(waiter));
                    }
                    result
                }
                None => ReadResult {
                    high_watermark: Offset::NONE,
                    log_start: Offset::NONE,
                    data: Err(LeadershipError::Unknown.into()),
                    diverging: None,
                    files: None,
                },
            };
            match &result.data {
                Ok(data) => {
                    let bytes = data.expected_bytes();
                    left = left.saturating_sub(bytes);
                    whole_batch &= bytes == 0;
                    if let Some(waiter) = waiter {
                        waiter.gained(bytes as u64);
                    }
                }
                Err(_) => {
                    if let Some(waiter) = waiter {
                        waiter.satisfy();
                    }
                }
            }
            if result.diverging.is_some()
                && let Some(waiter) = waiter
            {
                waiter.satisfy();
            }
            results.push(result);
        }
        results
    }

    fn delete_records(
        &mut self,
        deletions: Vec<(PartitionId, Option<Offset>)>,
        reply: oneshot::Sender<Vec<Result<Offset, PartitionError>>>,
    ) {
        let Some(request) = self.deletions.begin(deletions.len(), reply) else { return };
        for (slot, (id, offset)) in deletions.into_iter().enumerate() {
            let place = Place { request, slot };
            let mut out = self.outbox();
            let begun = match self.partitions.get_mut(&id) {
                Some(partition) => partition.delete_records(offset, Some(place), &mut out),
                None => Err(LeadershipError::Unknown.into()),
            };
            if let Err(error) = begun {
                out.starts.push((place, Err(error)));
            }
            self.take(id, out);
        }
    }

    fn stats(&self, ids: Option<Vec<PartitionId>>) -> Vec<PartitionStats> {
        let stats = |partition: &Partition| {
            let mut stats = partition.stats();
            // What a silent node held counts for nothing that is told.
            stats.acknowledged.retain(|(node, _)| !self.unproven.contains(node));
            stats.observers.retain(|(key, _)| !self.unproven.contains(&key.node));
            stats
        };
        match ids {
            Some(ids) => ids.iter().filter_map(|id| self.partitions.get(id)).map(|one| stats(one)).collect(),
            None => self.partitions.values().map(|one| stats(one)).collect(),
        }
    }
}

/// Completes once the journal has the room that [`Shard::has_room`] asks for.
async fn room_in(journal: &JournalHandle, careful: bool) {
    if careful {
        journal.reserve().await;
    } else {
        journal.room().await;
    }
}
