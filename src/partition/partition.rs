mod assignment;
mod effects;
mod incoming;
mod membership;
#[cfg(all(feature = "simulation", debug_assertions))]
mod mistakes;
mod serving;

use std::collections::VecDeque;

pub(super) use assignment::Release;
pub(super) use incoming::Incoming;
pub(super) use membership::AskedChange;
pub use membership::{ChangeDone, VoterChange};
pub(super) use serving::{Awaited, Entries, Successor, is_reset};

use super::handle::spread;
use super::leaderships::Leadership;
use super::refused::Refused;
use super::request::{AppendError, Appended, Assignment, LeadershipError, PartitionSpec, Required};
use super::waiters::Waiters;
use super::{
    EpochCheck, EpochEnd, FetchWaiter, OffsetQuery, OffsetReply, PartitionError, PartitionStats, ReadData,
    ReadFrom, ReadRequest, ReadResult,
};
use crate::log::producers::{Decision, ProducerEntry, ProducerError};
use crate::log::{
    self, Entry, JournalHandle, LogConfig, LogError, PartitionLog, Read, ReadError, TimestampRead,
};
use crate::probe::{Condition, Mutant, mutant, sometimes};
use crate::raft::{
    Event, Fetch, Message, Position, Recovered, Replica, ReplicaKey, Standing, Timer, Timing, VoterSet,
};
use crate::types::{
    EpochHistory, Instant, LeaderEpoch, NodeId, Offset, ProducerId, Timestamp, TopicId, Uuid,
};
use crate::wire::batch::{BatchHeader, ValidatedBatch};
use std::sync::Arc;
use tracing::{error, warn};

/// One partition as its shard owns it: the replica decides, the log keeps, and requests wait here.
pub(super) struct Partition {
    pub(super) log: PartitionLog,
    topic: Arc<str>,
    replica: Replica,
    /// What the shard tells once this partition serves, or never will.
    pub(super) gates: Vec<u64>,
    /// What clients wait for. Made when it is first used, and kept: most partitions are idle, and there may be very many of them.
    waiting: Option<Box<Waiting>>,
    durable_end: Offset,
    /// Up to where its leader has told that the log is committed: perhaps more than this replica holds.
    leader_high_watermark: Offset,
    /// The nodes that shall hold it.
    nodes: Vec<NodeId>,
    /// Those that shall be its voters, in the end alone; `None`: whoever is.
    target: Option<Vec<NodeId>>,
    /// Whom those that fetch here were last told to turn to, and in which epoch.
    turned_to: Option<(LeaderEpoch, Option<NodeId>)>,
    /// Of the metadata: the epoch whose leader they were told to.
    nodes_as_of: Option<LeaderEpoch>,
    /// `None` until there is something to be kept, and then for as long as it lives: most partitions keep their voters.
    membership: Option<Box<membership::Membership>>,
    /// The node that is asked for entries.
    asks: Option<NodeId>,
    /// What was last told of its leadership.
    told: Option<Leadership>,
    /// When the shard wakes it, if it is known to the shard's timers.
    pub(super) wakes: Option<Instant>,
    /// Its log is damaged, and is emptied once a leader gives what it lost.
    awaits_repair: bool,
}

/// What is not done of what clients have sent to a partition.
#[derive(Default)]
struct Waiting {
    /// Appends that wait for this node's disk (`acks=1`) and for the commit (`acks=all`), by offset.
    leader: VecDeque<WaitingAppend>,
    commit: VecDeque<WaitingAppend>,
    /// Those that wait until more replicas than a majority hold them, with how many: as many as there are in the end.
    replicas: VecDeque<(usize, WaitingAppend)>,
    /// Batches that no reader may see yet: where each ends, and its bytes.
    uncommitted: VecDeque<(Offset, u64)>,
    /// Appends that came while it hands over: they are answered once it is known who leads.
    parked: VecDeque<Parked>,
    /// What was refused for the moment.
    refused: Refused,
    /// Deletions of records that wait until a majority has moved its log's start there.
    starts: Vec<(Offset, Place)>,
    fetches: Waiters,
}

/// An append that came while the leader of this epoch handed over.
struct Parked {
    epoch: LeaderEpoch,
    batch: ValidatedBatch,
    required: Required,
    /// Later it is not made: whoever asked may be asking again.
    deadline: Option<Instant>,
    place: Place,
}

/// An append that is answered once the log is durable, or committed, up to `end`.
pub(super) struct WaitingAppend {
    pub(super) end: Offset,
    pub(super) answer: Appended,
    pub(super) place: Place,
}

/// A slot in an append request that the shard keeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub(super) request: u64,
    pub(super) slot: usize,
}

/// What the shard has to do after a step of a partition.
pub(super) struct Outbox {
    now: Instant,
    wall: Timestamp,
    /// A place in the journal that comes before all of `entries`.
    journal: log::Position,
    /// The largest batch that the journal takes, in bytes.
    batch_bytes_max: usize,
    /// What came beside the reply that the replica is stepped with.
    incoming: Incoming,
    /// For the journal, in order.
    pub(super) entries: Vec<Entry>,
    /// What to tell the replica once these entries are durable, in order.
    pub(super) once_durable: Vec<Event>,
    /// Appends that are answered.
    pub(super) answered: Vec<(Place, Result<Appended, AppendError>)>,
    /// Deletions of records that are answered.
    pub(super) starts: Vec<(Place, Result<Offset, PartitionError>)>,
    /// For other nodes' replicas, in order; fetches and entries go by themselves.
    pub(super) sends: Vec<(NodeId, Message)>,
    /// The state of its fetch at this node has changed.
    pub(super) fetch_from: Option<NodeId>,
    /// It asks this node no longer.
    pub(super) forget: Option<NodeId>,
    /// There may be something new for its followers.
    pub(super) news: bool,
    /// More is committed, or the leader hands over no longer: the voters, which are not who they shall be, may be changed now.
    pub(super) may_change_voters: bool,
    /// Who sent what no sound node sends, and what that is.
    pub(super) malformed: Option<(NodeId, String)>,
    /// No leader can be elected, since too many of the others have lost what they held: its name, and how many have.
    pub(super) stalled: Option<String>,
}

impl Outbox {
    pub(super) fn new(journal: &JournalHandle, now: Instant, wall: Timestamp) -> Outbox {
        let batch_bytes_max = usize::try_from(journal.entry_bytes_max()).unwrap_or(usize::MAX);
        let journal = journal.durable_position();
        Outbox {
            now,
            wall,
            journal,
            batch_bytes_max,
            incoming: Incoming::default(),
            entries: Vec::new(),
            once_durable: Vec::new(),
            answered: Vec::new(),
            starts: Vec::new(),
            sends: Vec::new(),
            fetch_from: None,
            forget: None,
            news: false,
            may_change_voters: false,
            malformed: None,
            stalled: None,
        }
    }
}

/// What a partition is made of.
pub(super) struct Made {
    pub(super) node: NodeId,
    /// Of the data directory.
    pub(super) directory: Uuid,
    /// Feeds the replica's random delays, and how early its log's segments end.
    pub(super) seed: u64,
    pub(super) spec: PartitionSpec,
    pub(super) log: PartitionLog,
    /// Its node's start found the log.
    pub(super) found: bool,
}

impl Partition {
    /// `renewed` is drawn for a replica that has lost what it may have promised.
    pub(super) fn new(made: Made, renewed: impl FnOnce() -> Uuid, out: &mut Outbox) -> Partition {
        let Made { node, directory, seed, spec, mut log, found } = made;
        log.set_roll_seed(seed);
        let founding: Vec<NodeId> = spec.voters.keys().iter().map(|key| key.node).collect();
        let (nodes, target) = match spec.assignment {
            Some(Assignment { replicas, target, origin: _ }) => (replicas, Some(target)),
            None => (founding.clone(), None),
        };
        let founders = founders(&spec.voters, ReplicaKey { node, directory });
        let lone_by_image = mutant(Mutant::ClusterLoneByImage) && founding == [node] && nodes == [node];
        let awaits_repair = log.damage().is_some() && !(spec.lone || lone_by_image);
        if awaits_repair && log.needs_new_directory() && !mutant(Mutant::ReplicaDamagedVotes) {
            // From here on it is another replica, which has promised nothing.
            out.entries.push(log.renew_directory(renewed(), out.journal));
        }
        let mut key = log.replica_key(node, directory);
        if mutant(Mutant::ReplicaAmnesiacVotes) {
            key = founders.of_node(node).unwrap_or(key);
        }
        let recovered = if awaits_repair { nothing(founders) } else { recovered(&log, founders) };
        let durable_end = recovered.log_end;
        // The lower half: a remainder of it is even enough.
        let first_turn = spread(spec.id) as u32;
        let replica = Replica::new(key, recovered, &Timing::USUAL, seed, out.now);
        let mut replica = replica.with_first_turn(first_turn);
        if found && !mutant(Mutant::ClusterForgetsWhomItUpheld) {
            replica = replica.with_earlier_life(out.now);
        }
        #[cfg(all(feature = "simulation", debug_assertions))]
        mistakes::plant(&mut replica);
        replica.step(out.now, Event::MayKnow { nodes: nodes.clone() }, &mut Vec::new());
        if log.key().partition.topic == TopicId::METADATA {
            // Until it is told which snapshot stands for its beginning.
            let limit = Event::StartLimit { offset: log.log_start() };
            replica.step(out.now, limit, &mut Vec::new());
        }
        Partition {
            replica,
            log,
            topic: spec.topic,
            gates: Vec::new(),
            waiting: None,
            durable_end,
            leader_high_watermark: Offset::ZERO,
            nodes,
            target,
            turned_to: None,
            nodes_as_of: None,
            membership: None,
            asks: None,
            told: None,
            wakes: None,
            awaits_repair,
        }
    }

    /// When it wants to be woken, and why.
    pub(super) fn deadline(&self) -> Option<(Instant, Timer)> {
        self.replica.deadline()
    }

    /// How it stands to its leadership, if that was not told yet.
    pub(super) fn new_leadership(&mut self) -> Option<Leadership> {
        let (epoch, leader) = (self.replica.epoch(), self.replica.leader());
        let leadership = Leadership { epoch, leader, serving: self.standing().is_ok() };
        let is_new = self.told != Some(leadership);
        self.told = Some(leadership);
        is_new.then_some(leadership)
    }

    /// Whether what was decided under an epoch still holds.
    pub(super) fn check_decided(&self, epoch: Option<LeaderEpoch>) -> Result<(), LeadershipError> {
        match epoch {
            Some(epoch) if epoch != self.replica.epoch() => Err(LeadershipError::NotLeader),
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn epoch(&self) -> LeaderEpoch {
        self.replica.epoch()
    }

    /// As people know it.
    pub(super) fn name(&self) -> String {
        format!("{}-{}", self.topic, self.log.key().partition.index.0)
    }

    /// Takes a batch into the log; it is answered through `out` at once (a refusal) or once it is durable. The deadline is that of one
    /// which waits until it is known who leads.
    pub(super) fn append(
        &mut self,
        batch: ValidatedBatch,
        (required, deadline): (Required, Option<Instant>),
        place: Place,
        out: &mut Outbox,
    ) {
        if self.has_parked() || self.replica.standing() == Standing::HandingOver {
            sometimes(Condition::ClusterAppendParked);
            let parked = Parked { epoch: self.replica.epoch(), batch, required, deadline, place };
            self.waiting.get_or_insert_default().parked.push_back(parked);
            return;
        }
        let header = *batch.header();
        match self.accept(batch, out) {
            Err(error) => self.refuse_for(error, &header, place, out),
            Ok((end, answer)) => {
                let append = WaitingAppend { end, answer, place };
                let waiting = self.waiting.get_or_insert_default();
                match required {
                    Required::Leader => insert_by_end(&mut waiting.leader, append),
                    Required::Committed => insert_by_end(&mut waiting.commit, append),
                    Required::Replicas(count)
                        if count <= self.replica.voters().majority()
                            || mutant(Mutant::ReplicaIgnoresTheLeast) =>
                    {
                        insert_by_end(&mut waiting.commit, append);
                    }
                    Required::Replicas(count) => waiting.replicas.push_back((count, append)),
                }
                // A duplicate of something committed needs no further event to be answered.
                answer_up_to(&mut waiting.leader, self.durable_end, out);
                answer_up_to(&mut waiting.commit, self.replica.high_watermark(), out);
                self.answer_replicated(out);
            }
        }
    }

    /// A batch was refused, and nothing of it is in the log.
    pub(super) fn note_refused(&mut self, header: &BatchHeader, error: &AppendError, now: Instant) {
        self.waiting.get_or_insert_default().refused.note(header, error, now);
    }

    /// Answers what is committed and held durably by as many replicas as was asked for. A set of voters that has become smaller has no
    /// more of them.
    pub(super) fn answer_replicated(&mut self, out: &mut Outbox) {
        let Some(waiting) = self.waiting.as_deref_mut().filter(|waiting| !waiting.replicas.is_empty()) else {
            return;
        };
        let (committed, voters) = (self.replica.high_watermark(), self.replica.voters().keys().len());
        let held =
            |count: usize| self.replica.held_by(count.min(voters)).unwrap_or(Offset::ZERO).min(committed);
        for (count, append) in std::mem::take(&mut waiting.replicas) {
            if append.end <= held(count) {
                out.answered.push((append.place, Ok(append.answer)));
            } else {
                sometimes(Condition::ClusterAwaitedReplicas);
                waiting.replicas.push_back((count, append));
            }
        }
    }

    /// Answers what came while it handed over, once the outcome is known: whoever asked is told whom to ask instead.
    pub(super) fn unpark(&mut self, out: &mut Outbox) {
        let goes_on = match self.replica.standing() {
            Standing::HandingOver => return,
            Standing::NotLeader if self.replica.awaits_a_leader() => return,
            Standing::Serving | Standing::Starting => true,
            Standing::NotLeader | Standing::Failed => false,
        };
        for Parked { epoch, batch, required, deadline, place } in self.take_parked() {
            if deadline.is_some_and(|deadline| deadline <= out.now) {
                self.refuse_for(AppendError::TimedOut, batch.header(), place, out);
            } else if goes_on && epoch == self.replica.epoch() {
                self.append(batch, (required, deadline), place, out);
            } else {
                // What was decided under an epoch does not go into another.
                self.refuse(batch.header(), place, out);
            }
        }
    }

    /// Whether appends wait for who leads.
    pub(super) fn has_parked(&self) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| !waiting.parked.is_empty())
    }

    fn take_parked(&mut self) -> VecDeque<Parked> {
        self.waiting.as_mut().map(|waiting| std::mem::take(&mut waiting.parked)).unwrap_or_default()
    }

    /// This log goes away: nobody waits for who leads it.
    pub(super) fn refuse_parked(&mut self, out: &mut Outbox) {
        for Parked { batch, place, .. } in self.take_parked() {
            self.refuse(batch.header(), place, out);
        }
    }

    fn refuse(&mut self, header: &BatchHeader, place: Place, out: &mut Outbox) {
        let failed = self.replica.standing() == Standing::Failed;
        let error = if failed { LeadershipError::Storage } else { LeadershipError::NotLeader };
        self.refuse_for(error.into(), header, place, out);
    }

    fn refuse_for(&mut self, error: AppendError, header: &BatchHeader, place: Place, out: &mut Outbox) {
        self.note_refused(header, &error, out.now);
        out.answered.push((place, Err(error)));
    }

    fn accept(&mut self, batch: ValidatedBatch, out: &mut Outbox) -> Result<(Offset, Appended), AppendError> {
        match self.standing() {
            Ok(()) | Err(LeadershipError::Starting) => {}
            Err(error) => return Err(error.into()),
        }
        let header = *batch.header();
        let log_append_time =
            if header.attributes.is_log_append_time() { header.max_timestamp } else { Timestamp::NONE };
        let log_start = self.log.log_start();
        let decision = self.decide(&header, out.now)?;
        if let Decision::Duplicate(original) = decision {
            // As Kafka answers: with the original's own time, whatever the topic's timestamp type.
            let log_append_time = original.timestamp;
            self.probe_duplicate(original.last_offset);
            let answer = Appended { base_offset: original.base_offset(), log_append_time, log_start };
            let at_once = mutant(Mutant::AcknowledgeDuplicateAtOnce);
            let end = if at_once { Offset::ZERO } else { original.last_offset.plus(1) };
            return Ok((end, answer));
        }
        let base_offset = self.log.log_end();
        if base_offset.0.checked_add(i64::from(header.last_offset_delta) + 1).is_none() {
            return Err(AppendError::OffsetsExhausted);
        }
        let epoch = self.replica.epoch();
        let bytes = batch.batch().len();
        if bytes > out.batch_bytes_max {
            // Never given to the journal: it would fail for everybody.
            return Err(AppendError::TooLarge { bytes, limit: out.batch_bytes_max });
        }
        let waiting = self.waiting.get_or_insert_default();
        waiting.refused.taken(header.producer_id);
        let batch = batch.into_batch().placed_at(base_offset, epoch);
        // What nobody can take back may go to its segment at once.
        let entry = match self.replica.voters().majority() {
            1 => self.log.append_placing(batch, out.journal, out.wall)?,
            _ => self.log.append(batch, out.journal)?,
        };
        out.entries.push(entry);
        let position = Position { epoch, end: self.log.log_end() };
        waiting.uncommitted.push_back((position.end, bytes as u64));
        self.replica.step(out.now, Event::Appended { log_end: position }, &mut Vec::new());
        out.once_durable.push(Event::Durable { position });
        out.news = true;
        Ok((position.end, Appended { base_offset, log_append_time, log_start }))
    }

    /// What is to be done with a batch, going by its producer.
    fn decide(&self, header: &BatchHeader, now: Instant) -> Result<Decision, AppendError> {
        let producers = self.log.producers();
        let (decision, known) = (producers.check(header), producers.get(header.producer_id));
        let follows = match decision {
            Ok(Decision::Append) => known.is_some(),
            Ok(Decision::Duplicate(_)) => true,
            Err(ProducerError::OutOfOrder { .. } | ProducerError::NewEpoch { .. }) => false,
            Err(_) => true,
        };
        if !follows
            && let Some(waiting) = &self.waiting
            && let Some(error) = waiting.refused.before(header, known, now)
        {
            return Err(error);
        }
        decision.map_err(|error| AppendError::Producer { error, log_start: self.log.log_start() })
    }

    fn probe_duplicate(&self, original: Offset) {
        sometimes(Condition::DuplicateRecognised);
        // Each start of the node begins an epoch.
        if self.log.epochs().last().is_some_and(|epoch| original < epoch.start) {
            sometimes(Condition::DuplicateRecognisedAfterRecovery);
        }
        if original >= self.durable_end {
            sometimes(Condition::DuplicateBeforeDurable);
        }
    }

    /// What is known of the partition's producers; a follower tells what it knows, too.
    pub(super) fn producers(&self) -> Result<Vec<(ProducerId, ProducerEntry)>, LeadershipError> {
        match self.standing() {
            Ok(()) | Err(LeadershipError::NotLeader) => {}
            Err(error) => return Err(error),
        }
        Ok(self.log.producers().iter().map(|(id, entry)| (id, entry.clone())).collect())
    }

    /// Whether this replica answers clients.
    pub(super) fn standing(&self) -> Result<(), LeadershipError> {
        if self.log.damage().is_some() {
            return Err(LeadershipError::Storage);
        }
        match self.replica.standing() {
            Standing::Serving => Ok(()),
            Standing::Starting => Err(LeadershipError::Starting),
            Standing::NotLeader | Standing::HandingOver => Err(LeadershipError::NotLeader),
            Standing::Failed => Err(LeadershipError::Storage),
        }
    }

    fn check(&self, EpochCheck(given): EpochCheck) -> Result<(), LeadershipError> {
        let current = self.replica.epoch();
        if given != LeaderEpoch::NONE && given < current {
            return Err(LeadershipError::Fenced { given, current });
        }
        if given != LeaderEpoch::NONE && given > current {
            return Err(LeadershipError::Ahead { given, current });
        }
        self.standing()
    }

    /// Whether this replica may answer a read.
    fn check_read(&self, request: &ReadRequest) -> Result<(), LeadershipError> {
        match request.from {
            ReadFrom::Leader => self.check(request.epoch),
            ReadFrom::Nearby => match self.check(request.epoch) {
                Err(LeadershipError::NotLeader) if self.replica.follows() => Ok(()),
                other => other,
            },
            // What a replica knows to be committed stays so, whoever leads.
            ReadFrom::Replica if self.log.damage().is_none() => Ok(()),
            ReadFrom::Replica => Err(LeadershipError::Storage),
        }
    }

    pub(super) fn read(&mut self, request: &ReadRequest, max_bytes: usize, whole_batch: bool) -> ReadResult {
        let uncommitted = mutant(Mutant::ReadUncommitted);
        let high_watermark = if uncommitted { self.log.log_end() } else { self.replica.high_watermark() };
        let log_start = self.log.log_start();
        let files = Some(self.log.files_version());
        let failed =
            |error| ReadResult { high_watermark, log_start, data: Err(error), diverging: None, files };
        if let Err(error) = self.check_read(request) {
            return failed(error.into());
        }
        let out_of_range = || PartitionError::OutOfRange {
            asked: request.offset,
            start: log_start,
            end: self.log.log_end(),
        };
        // An epoch that there never was here ends nowhere: only a reader of another log has seen it.
        let last_epoch = self.log.epochs().last().map_or(LeaderEpoch::NONE, |last| last.epoch);
        // As in Kafka, what lies before the log's start is out of range whether the logs have diverged or not.
        if request.last_fetched_epoch > last_epoch || request.offset < log_start {
            return failed(out_of_range());
        }
        if let Some(diverging) = self.divergence(request) {
            let data = Ok(ReadData::Memory(Vec::new()));
            return ReadResult { high_watermark, log_start, data, diverging: Some(diverging), files };
        }
        let follows = request.from == ReadFrom::Nearby && !self.leads();
        if follows && request.offset > self.log.log_end() && request.offset <= self.leader_high_watermark {
            return failed(PartitionError::NotYet { asked: request.offset, end: self.log.log_end() });
        }
        if request.offset > self.log.log_end() {
            return failed(out_of_range());
        }
        if follows && request.offset < high_watermark {
            sometimes(Condition::ClusterFollowerServed);
        }
        let beyond = follows && mutant(Mutant::ClusterFollowerServesUncommitted);
        let plan = log::ReadRequest {
            offset: request.offset,
            max_bytes,
            up_to: if beyond { self.log.log_end() } else { high_watermark },
            min_one_batch: whole_batch,
        };
        let data = match self.log.read(plan) {
            Ok(Read::Memory(batches)) => Ok(ReadData::Memory(batches)),
            Ok(Read::Stored(plan)) => Ok(ReadData::Stored { plan, max_bytes }),
            Err(ReadError::OutOfRange { .. }) => Err(out_of_range()),
            Err(
                ReadError::Damaged(_) | ReadError::Corrupt { .. } | ReadError::Io { .. } | ReadError::Gone,
            ) => Err(LeadershipError::Storage.into()),
        };
        ReadResult { high_watermark, log_start, data, diverging: None, files }
    }

    /// Whether the reader's log left this one before its fetch offset (KIP-595).
    fn divergence(&self, request: &ReadRequest) -> Option<EpochEnd> {
        if request.last_fetched_epoch == LeaderEpoch::NONE {
            return None;
        }
        let ended = self.end_of_epoch(request.last_fetched_epoch)?;
        let has_diverged = ended.epoch < request.last_fetched_epoch || ended.end < request.offset;
        has_diverged.then_some(ended)
    }

    /// Where an epoch ended here; one before all that the log knows of, as in Kafka, where the first of them begins.
    fn end_of_epoch(&self, epoch: LeaderEpoch) -> Option<EpochEnd> {
        let epochs = self.log.epochs();
        match epochs.end_of(epoch, self.log.log_end()) {
            Some((epoch, end)) => Some(EpochEnd { epoch, end }),
            None => epochs.entries().first().map(|first| EpochEnd { epoch, end: first.start }),
        }
    }

    pub(super) fn wait_for_more(&mut self, waiter: Arc<FetchWaiter>) {
        self.waiting.get_or_insert_default().fetches.add(waiter);
    }

    pub(super) fn offset(
        &self,
        check: EpochCheck,
        query: OffsetQuery,
    ) -> Result<OffsetReply, PartitionError> {
        self.check(check)?;
        let high_watermark = self.replica.high_watermark();
        let plain = |offset, epoch| OffsetReply::At { offset, timestamp: Timestamp::NONE, epoch };
        Ok(match query {
            OffsetQuery::Earliest => {
                let start = self.log.log_start();
                plain(start, self.log.epochs().epoch_at(start).unwrap_or(LeaderEpoch::NONE))
            }
            OffsetQuery::Latest => plain(high_watermark, self.replica.epoch()),
            OffsetQuery::MaxTimestamp => match self.log.max_timestamp(high_watermark) {
                Some(newest) if mutant(Mutant::ClusterNewestIsDeleted) => {
                    OffsetReply::FirstAtOrAfter(newest.claimed)
                }
                Some(newest) => OffsetReply::Newest(newest),
                None => OffsetReply::None,
            },
            OffsetQuery::AtOrAfter(timestamp) => OffsetReply::FirstAtOrAfter(timestamp),
        })
    }

    /// The first committed batch from `from` on that may hold a record at or after `timestamp`, and from where
    /// its records count: the log may begin inside the batch.
    pub(super) fn find_timestamp(
        &self,
        check: EpochCheck,
        timestamp: Timestamp,
        from: Offset,
    ) -> Result<(TimestampRead, Offset), PartitionError> {
        self.check(check)?;
        let from = from.max(self.log.log_start());
        match self.log.find_timestamp(timestamp, from, self.replica.high_watermark()) {
            Ok(found) => Ok((found, from)),
            Err(_) => Err(LeadershipError::Storage.into()),
        }
    }

    pub(super) fn epoch_end(
        &self,
        check: EpochCheck,
        epoch: LeaderEpoch,
    ) -> Result<EpochEnd, PartitionError> {
        self.check(check)?;
        // An epoch that has not been is unknown, not the present one.
        let known = Some(epoch).filter(|&epoch| epoch <= self.replica.epoch() && epoch != LeaderEpoch::NONE);
        let end = known.and_then(|epoch| self.end_of_epoch(epoch));
        Ok(end.unwrap_or(EpochEnd { epoch: LeaderEpoch::NONE, end: Offset::NONE }))
    }

    /// Moves the log's start up to `offset` (the high watermark if none). `place` is answered with where it is then,
    /// once a majority of the replicas has moved theirs, too.
    ///
    /// # Errors
    /// If it may not: `place` is not answered then.
    pub(super) fn delete_records(
        &mut self,
        offset: Option<Offset>,
        place: Option<Place>,
        out: &mut Outbox,
    ) -> Result<(), PartitionError> {
        self.standing()?;
        let high_watermark = self.replica.high_watermark();
        let asked = offset.unwrap_or(high_watermark);
        if asked > high_watermark || asked < Offset::ZERO {
            let start = self.log.log_start();
            return Err(PartitionError::OutOfRange { asked, start, end: high_watermark });
        }
        match self.log.advance_log_start(asked, out.journal) {
            Ok(entry) => out.entries.extend(entry),
            Err(error) => {
                return Err(match error {
                    LogError::Damaged(_) => LeadershipError::Storage.into(),
                    other => PartitionError::Log(other),
                });
            }
        }
        let log_start = self.log.log_start();
        self.replica.step(out.now, Event::LogStartMoved { log_start }, &mut Vec::new());
        out.once_durable.push(Event::LogStartDurable { log_start });
        out.news = true;
        if !self.is_alone() && place.is_some() {
            sometimes(Condition::ReplicaStartsWaited);
        }
        if let Some(place) = place {
            self.waiting.get_or_insert_default().starts.push((log_start, place));
        }
        Ok(())
    }

    pub(super) fn configure(&mut self, config: Arc<LogConfig>) {
        self.log.set_config(config);
    }

    pub(super) fn stats(&self) -> PartitionStats {
        PartitionStats {
            id: self.log.key().partition,
            epoch: self.replica.epoch(),
            leader: self.leads(),
            serving: self.standing().is_ok(),
            leader_node: self.replica.leader(),
            role: self.replica.role_name(),
            voters: self.replica.voters().clone(),
            voters_committed: self.replica.voters_are_committed(),
            key: self.replica.key(),
            damaged: self.log.damage().is_some(),
            wounded: self.log.is_wounded(),
            log_start: self.log.log_start(),
            durable_start: self.replica.fetch().log_start,
            high_watermark: self.replica.high_watermark(),
            log_end: self.log.log_end(),
            durable_end: self.replica.durable().end,
            acknowledged: self.replica.acknowledged(),
            followers: self.replica.followers(),
            observers: self.observers(),
            size_bytes: self.log.size_bytes(),
            segments: self.log.segment_count(),
        }
    }
}

/// The voters that a topic's record names. One whose directory is not known yet is this node's own, if it is of this node.
fn founders(voters: &VoterSet, own: ReplicaKey) -> VoterSet {
    let known = |key: &ReplicaKey| {
        if key.node == own.node && key.directory == Uuid::ZERO { own } else { *key }
    };
    VoterSet::of(voters.keys().iter().map(known)).expect("as many of as many nodes as before")
}

/// What the log says of itself. The founders come before its first voter set, unless that is the one at its start.
fn recovered(log: &PartitionLog, founders: VoterSet) -> Recovered {
    let vote = log.vote().filter(|_| !mutant(Mutant::ReplicaForgetVote));
    // A damaged log may contradict itself; it is never led.
    let log_start = log.log_start().min(log.log_end());
    let known = log.voters();
    let first =
        known.first().is_none_or(|(at, _)| at.end > log_start).then_some((Position::ORIGIN, founders));
    let mut voters = Vec::with_capacity(known.len() + 1);
    voters.extend(first.into_iter().chain(known.iter().cloned()));
    Recovered {
        epoch: vote.map_or(LeaderEpoch::NONE, |vote| vote.epoch),
        vote: vote.and_then(|vote| vote.candidate),
        epochs: log.epochs().clone(),
        log_start,
        log_end: log.log_end(),
        high_watermark: log.high_watermark().clamp(log_start, log.log_end()),
        voters,
    }
}

/// A replica that holds nothing.
fn nothing(founders: VoterSet) -> Recovered {
    Recovered {
        epoch: LeaderEpoch::NONE,
        vote: None,
        epochs: EpochHistory::default(),
        log_start: Offset::ZERO,
        log_end: Offset::ZERO,
        high_watermark: Offset::ZERO,
        voters: vec![(Position::ORIGIN, founders)],
    }
}

/// Keeps the queue ordered: a duplicate may wait for less than what came before it.
fn insert_by_end(queue: &mut VecDeque<WaitingAppend>, waiting: WaitingAppend) {
    let at = queue.partition_point(|other| other.end <= waiting.end);
    queue.insert(at, waiting);
}

fn answer_up_to(queue: &mut VecDeque<WaitingAppend>, end: Offset, out: &mut Outbox) {
    while queue.front().is_some_and(|first| first.end <= end) {
        if let Some(first) = queue.pop_front() {
            out.answered.push((first.place, Ok(first.answer)));
        }
    }
}

impl From<LogError> for AppendError {
    fn from(error: LogError) -> AppendError {
        match error {
            LogError::Damaged(_) => LeadershipError::Storage.into(),
            LogError::OutOfOrder { .. }
            | LogError::BelowHighWatermark { .. }
            | LogError::CutInside { .. }
            | LogError::StartAboveHighWatermark { .. }
            | LogError::EpochNotAbove { .. }
            | LogError::StaleEpoch { .. }
            | LogError::Voters(_)
            | LogError::ProducerState(_)
            | LogError::ProducerStateElsewhere { .. }
            | LogError::Control(_)
            | LogError::Unread => AppendError::Log(error),
        }
    }
}
