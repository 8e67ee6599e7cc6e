use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::leaderships::Leaderships;
use super::maintenance::Step;
use super::partition::{AskedChange, ChangeDone, VoterChange};
use super::replication::{PeerStep, Post};
use super::request::{
    AppendOutcome, AppendRequest, AppendTerms, Assignment, HandOverTerms, Leaving, OnAppended, Released,
    Request,
};
use super::shard::{PostOffice, Shard};
use super::{
    EpochCheck, EpochEnd, FetchWaiter, LeadershipError, OffsetQuery, OffsetReply, PartitionError,
    PartitionSpec, PartitionStats, ReadRequest, ReadResult,
};
use crate::io::{Clock, Io, timeout};
use crate::log::producers::ProducerEntry;
use crate::log::{
    DiskFails, DiskFull, JournalHandle, LogConfig, PartitionLog, ReadError, Storage, StorageError,
    TimestampRead,
};
use crate::raft::{ChangeRefusal, ReplicaKey};
use crate::types::{Instant, LeaderEpoch, NodeId, Offset, PartitionId, ProducerId, Timestamp};

/// The shards are gone: the node is shutting down.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the node is shutting down")]
pub struct PartitionsClosed;

/// Which of `shards` owns a partition: fixed for the life of the process.
#[must_use]
pub fn shard_of(id: PartitionId, shards: usize) -> usize {
    usize::try_from(spread(id) % shards as u64).expect("below the number of shards")
}

/// A number that spreads partitions over anything, the same on all nodes.
pub(super) fn spread(id: PartitionId) -> u64 {
    // FNV-1a over the topic, so that the first partitions of many topics spread; the index on top, so that
    // the partitions of one topic spread evenly.
    let hash = id.topic.0.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash.wrapping_add(u64::from(id.index.0.unsigned_abs()))
}

/// Requests that wait in a shard's inbox; more wait with their senders.
const INBOX_REQUESTS_MAX: usize = 1024;
/// Steps of maintenance that wait; there is one maintenance task, which mostly waits for the answer.
const STEPS_MAX: usize = 8;
/// Steps of the hub that wait; it waits for the answers to most of them.
const PEER_STEPS_MAX: usize = 64;

/// How soon a leader is asked again to hand over.
const HAND_OVER_AGAIN: Duration = Duration::from_millis(100);

/// Starts the shards of a node over the logs that recovery found. They end when the last clone of the handle
/// is gone.
#[must_use]
pub fn start_shards(
    io: &Io,
    node: NodeId,
    storage: &Storage,
    logs: Vec<PartitionLog>,
    shards: usize,
) -> Partitions {
    assert!(shards > 0, "a node has at least one shard");
    let unclaimed = Arc::new(AtomicUsize::new(logs.len()));
    let mut of_shard: Vec<Vec<PartitionLog>> = (0..shards).map(|_| Vec::new()).collect();
    for log in logs {
        of_shard[shard_of(log.key().partition, shards)].push(log);
    }
    let mut senders = Vec::with_capacity(shards);
    let post = Arc::new(Post::default());
    let leaderships = Arc::new(Leaderships::default());
    for (shard, logs) in of_shard.into_iter().enumerate() {
        let (requests, inbox) = mpsc::channel(INBOX_REQUESTS_MAX);
        let (steps, maintenance) = mpsc::channel(STEPS_MAX);
        let (peers, peer_steps) = mpsc::channel(PEER_STEPS_MAX);
        let post_office = PostOffice { shard, post: Arc::clone(&post), steps: peers.downgrade() };
        let told = Arc::clone(&leaderships);
        let found = (logs, Arc::clone(&unclaimed));
        let shard = Shard::new(io.clone(), node, storage.clone(), found, (post_office, told));
        drop(io.spawn.spawn("shard", Box::pin(shard.run(inbox, maintenance, peer_steps))));
        senders.push(ShardSender { requests, steps, peers });
    }
    Partitions { shards: senders.into(), post, leaderships, storage: storage.clone() }
}

/// All partitions of this node, behind their shards. Cheap to clone.
#[derive(Clone)]
pub struct Partitions {
    shards: Arc<[ShardSender]>,
    /// What the shards have for other nodes.
    post: Arc<Post>,
    leaderships: Arc<Leaderships>,
    storage: Storage,
}

/// The ways into a shard: requests wait while memory is short, maintenance and other nodes do not.
struct ShardSender {
    requests: mpsc::Sender<Request>,
    steps: mpsc::Sender<Step>,
    peers: mpsc::Sender<PeerStep>,
}

/// Collects the outcomes of one append that went to several shards.
struct Gather {
    outcomes: Vec<Option<AppendOutcome>>,
    missing: usize,
    done: Option<OnAppended>,
}

impl Partitions {
    /// Of very many partitions no more are made in one turn of the shards: what they have for the journal is held in memory until then.
    pub const CREATED_AT_ONCE: usize = 500;

    /// Who leads the partitions of this node.
    #[must_use]
    pub fn leaderships(&self) -> &Arc<Leaderships> {
        &self.leaderships
    }

    /// Until when a leader that was asked now, and answered, cannot have been followed by another one without knowing: who is silent was
    /// looked for, and is not looked for again before then. The past while nobody looks.
    #[must_use]
    pub fn silence_known_until(&self) -> Instant {
        self.post.looked_until()
    }

    /// The journal that makes durable what they promise.
    pub(super) fn journal(&self) -> &JournalHandle {
        self.storage.journal()
    }

    /// Completes when a shard has ended: it never does while a handle is there, unless something in it went wrong that must not.
    pub async fn ended(&self) {
        let all = self.shards.iter().map(|shard| Box::pin(shard.requests.closed()));
        let mut all: Vec<_> = all.collect();
        std::future::poll_fn(|context| {
            let has_ended = all.iter_mut().any(|one| one.as_mut().poll(context).is_ready());
            if has_ended { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
    }

    /// Why what is to be written finds no room on the disk, if it finds none.
    #[must_use]
    pub fn disk_full(&self) -> Option<DiskFull> {
        self.storage.disk_full()
    }

    /// What the disk fails to take though it has room, if anything.
    #[must_use]
    pub fn disk_fails(&self) -> Option<DiskFails> {
        self.storage.disk_fails()
    }

    fn shard(&self, id: PartitionId) -> usize {
        shard_of(id, self.shards.len())
    }

    async fn send(&self, shard: usize, request: Request) -> Result<(), PartitionsClosed> {
        self.shards[shard].requests.send(request).await.map_err(|_| PartitionsClosed)
    }

    async fn ask<R>(
        &self,
        shard: usize,
        make: impl FnOnce(oneshot::Sender<R>) -> Request,
    ) -> Result<R, PartitionsClosed> {
        let (reply, answer) = oneshot::channel();
        self.send(shard, make(reply)).await?;
        answer.await.map_err(|_| PartitionsClosed)
    }

    /// Splits items by the shard of their partition, remembering their places.
    fn split<T>(&self, items: Vec<T>, id: impl Fn(&T) -> PartitionId) -> Vec<(Vec<usize>, Vec<T>)> {
        let mut split: Vec<(Vec<usize>, Vec<T>)> = self.shards.iter().map(|_| Default::default()).collect();
        for (place, item) in items.into_iter().enumerate() {
            let (places, of_shard) = &mut split[self.shard(id(&item))];
            places.push(place);
            of_shard.push(item);
        }
        split
    }

    /// Asks every shard that is concerned, one after another, and puts the answers in the items' order.
    async fn ask_each<T, R>(
        &self,
        items: Vec<T>,
        id: impl Fn(&T) -> PartitionId,
        make: impl Fn(Vec<T>, oneshot::Sender<Vec<R>>) -> Request,
    ) -> Result<Vec<R>, PartitionsClosed> {
        let mut answers: Vec<Option<R>> = items.iter().map(|_| None).collect();
        for (shard, (places, of_shard)) in self.split(items, id).into_iter().enumerate() {
            if places.is_empty() {
                continue;
            }
            let results = self.ask(shard, |reply| make(of_shard, reply)).await?;
            assert_eq!(results.len(), places.len(), "a shard answers every item");
            for (place, result) in places.into_iter().zip(results) {
                answers[place] = Some(result);
            }
        }
        Ok(answers.into_iter().map(|answer| answer.expect("every shard answered")).collect())
    }

    /// Appends batches; their order of sending is the order of their effect. `done` is called once all of
    /// them are answered, in the order of `appends`.
    ///
    /// # Errors
    /// If the node is shutting down; `done` may then never be called.
    pub async fn append(
        &self,
        appends: Vec<AppendRequest>,
        terms: AppendTerms,
        done: OnAppended,
    ) -> Result<(), PartitionsClosed> {
        let first_shard = appends.first().map_or(0, |first| self.shard(first.id));
        if appends.iter().all(|append| self.shard(append.id) == first_shard) {
            return self.send(first_shard, Request::Append { appends, terms, done }).await;
        }
        let total = appends.len();
        let gather = Gather { outcomes: vec![None; total], missing: total, done: Some(done) };
        let gather = Arc::new(Mutex::new(gather));
        for (shard, (places, of_shard)) in self.split(appends, |append| append.id).into_iter().enumerate() {
            if places.is_empty() {
                continue;
            }
            let gather = Arc::clone(&gather);
            let part: OnAppended = Box::new(move |outcomes| collect(&gather, &places, outcomes));
            self.send(shard, Request::Append { appends: of_shard, terms, done: part }).await?;
        }
        Ok(())
    }

    /// Appends one batch and waits for its outcome, for as long as that takes.
    ///
    /// # Errors
    /// If the node is shutting down.
    pub async fn append_one(
        &self,
        append: AppendRequest,
        terms: AppendTerms,
    ) -> Result<AppendOutcome, PartitionsClosed> {
        let (reply, answer) = oneshot::channel();
        let done: OnAppended = Box::new(move |mut outcomes| {
            let outcome = outcomes.pop().expect("one append has one outcome");
            // Whoever asked may have gone.
            drop(reply.send(outcome));
        });
        self.append(vec![append], terms, done).await?;
        answer.await.map_err(|_| PartitionsClosed)
    }

    /// Reads from partitions, in order, until `max_bytes` are filled. With `whole_batch`, the first partition
    /// that has something returns at least one batch, however large. If all of them together have too little,
    /// `waiter` is left with them; ask it, then read again.
    ///
    /// # Errors
    /// If the node is shutting down.
    pub async fn read(
        &self,
        reads: Vec<ReadRequest>,
        max_bytes: usize,
        whole_batch: bool,
        waiter: Option<&Arc<FetchWaiter>>,
    ) -> Result<Vec<ReadResult>, PartitionsClosed> {
        let mut answers: Vec<Option<ReadResult>> = reads.iter().map(|_| None).collect();
        let mut left = max_bytes;
        let mut whole_batch = whole_batch;
        for (shard, (places, of_shard)) in self.split(reads, |read| read.id).into_iter().enumerate() {
            if places.is_empty() {
                continue;
            }
            let waiter = waiter.cloned();
            let results = self
                .ask(shard, |reply| Request::Read {
                    reads: of_shard,
                    max_bytes: left,
                    whole_batch,
                    waiter,
                    reply,
                })
                .await?;
            for (place, result) in places.into_iter().zip(results) {
                let bytes = result.data.as_ref().map_or(0, super::ReadData::expected_bytes);
                left = left.saturating_sub(bytes);
                whole_batch &= bytes == 0;
                answers[place] = Some(result);
            }
        }
        Ok(answers.into_iter().map(|answer| answer.expect("every shard answered")).collect())
    }

    /// Answers ListOffsets queries, in order.
    ///
    /// # Errors
    /// If the node is shutting down.
    pub async fn offsets(
        &self,
        queries: Vec<(PartitionId, EpochCheck, OffsetQuery)>,
    ) -> Result<Vec<Result<OffsetReply, PartitionError>>, PartitionsClosed> {
        self.ask_each(queries, |query| query.0, |queries, reply| Request::Offsets { queries, reply }).await
    }

    /// Where epochs end (KIP-101), in order.
    ///
    /// # Errors
    /// If the node is shutting down.
    pub async fn epoch_ends(
        &self,
        queries: Vec<(PartitionId, EpochCheck, LeaderEpoch)>,
    ) -> Result<Vec<Result<EpochEnd, PartitionError>>, PartitionsClosed> {
        self.ask_each(queries, |query| query.0, |queries, reply| Request::EpochEnds { queries, reply }).await
    }

    /// Moves logs' starts up to the offsets (`None`: the high watermark); answers the new starts once they
    /// are durable.
    ///
    /// # Errors
    /// If the node is shutting down.
    pub async fn delete_records(
        &self,
        deletions: Vec<(PartitionId, Option<Offset>)>,
    ) -> Result<Vec<Result<Offset, PartitionError>>, PartitionsClosed> {
        self.ask_each(deletions, |one| one.0, |deletions, reply| Request::DeleteRecords { deletions, reply })
            .await
    }

    /// Creates partitions and waits until they serve. One that exists keeps its log.
    ///
    /// # Errors
    /// If the journal failed or the node is shutting down.
    pub async fn create(&self, specs: Vec<PartitionSpec>) -> Result<(), PartitionError> {
        let mut specs = specs.into_iter().peekable();
        while specs.peek().is_some() {
            let some = specs.by_ref().take(Partitions::CREATED_AT_ONCE).collect();
            self.change(some, |spec| spec.id, |specs, reply| Request::Create { specs, reply }).await?;
        }
        Ok(())
    }

    /// Deletes partitions with all they hold, durably.
    ///
    /// # Errors
    /// If the journal failed or the node is shutting down.
    pub async fn delete(&self, ids: Vec<PartitionId>) -> Result<(), PartitionError> {
        self.change(ids, |id| *id, |ids, reply| Request::Delete { ids, reply }).await
    }

    async fn change<T>(
        &self,
        items: Vec<T>,
        id: impl Fn(&T) -> PartitionId,
        make: impl Fn(Vec<T>, oneshot::Sender<Result<(), PartitionError>>) -> Request,
    ) -> Result<(), PartitionError> {
        let mut answers = Vec::new();
        for (shard, (places, of_shard)) in self.split(items, id).into_iter().enumerate() {
            if places.is_empty() {
                continue;
            }
            let (reply, answer) = oneshot::channel();
            let sent = self.send(shard, make(of_shard, reply)).await;
            sent.map_err(|PartitionsClosed| PartitionError::ShuttingDown)?;
            answers.push(answer);
        }
        for answer in answers {
            answer.await.map_err(|_| PartitionError::ShuttingDown)??;
        }
        Ok(())
    }

    /// Gives a partition another configuration.
    ///
    /// # Errors
    /// If the node is shutting down.
    pub async fn configure(&self, id: PartitionId, config: LogConfig) -> Result<(), PartitionsClosed> {
        self.send(self.shard(id), Request::Configure { id, config }).await
    }

    /// Says which nodes shall hold a partition of this node from now on.
    ///
    /// # Errors
    /// If the node is shutting down.
    pub async fn assign(&self, id: PartitionId, assignment: Assignment) -> Result<(), PartitionsClosed> {
        self.send(self.shard(id), Request::Assign { id, assignment }).await
    }

    /// Lets replicas of other nodes go that are no voters, and will not become any, of partitions that are led here: answers
    /// of each, in order, whether it may go or is to stay; nothing of those of which neither is sure.
    ///
    /// # Errors
    /// If the node is shutting down.
    pub async fn release(&self, leaving: Vec<Leaving>) -> Result<Vec<Option<Released>>, PartitionsClosed> {
        self.ask_each(leaving, |one| one.id, |leaving, reply| Request::Release { leaving, reply }).await
    }

    /// Deletes a partition of this node, durably and with its files, which its leader of `epoch` lets go; but not if the replica
    /// has heard of a later epoch, or if something is under way in its files. Until this has ended, and if it fails, no
    /// partition of that id may be made.
    ///
    /// # Errors
    /// If the journal failed, files cannot be removed, or the node is shutting down.
    pub async fn leave(&self, id: PartitionId, epoch: LeaderEpoch) -> Result<(), PartitionError> {
        let left = self.ask(self.shard(id), |reply| Request::Leave { id, epoch, reply }).await;
        left.map_err(|PartitionsClosed| PartitionError::ShuttingDown)?
    }

    /// Removes the files of a partition that [`Partitions::leave`] has deleted and could not remove.
    ///
    /// # Errors
    /// If they cannot be removed still.
    pub async fn finish_leaving(&self, id: PartitionId) -> Result<(), StorageError> {
        self.storage.remove_left_files(id).await
    }

    /// How partitions stand, in the order of their ids; `None` asks for all. Those that are not here are left out.
    ///
    /// # Errors
    /// If the node is shutting down.
    pub async fn stats(
        &self,
        ids: Option<Vec<PartitionId>>,
    ) -> Result<Vec<PartitionStats>, PartitionsClosed> {
        let mut all = Vec::new();
        for shard in 0..self.shards.len() {
            let ids = ids
                .as_ref()
                .map(|ids| ids.iter().copied().filter(|&id| self.shard(id) == shard).collect::<Vec<_>>());
            if ids.as_ref().is_some_and(Vec::is_empty) {
                continue;
            }
            all.extend(self.ask(shard, |reply| Request::Stats { ids, reply }).await?);
        }
        all.sort_by_key(|stats| stats.id);
        Ok(all)
    }

    /// The producers that a partition remembers.
    ///
    /// # Errors
    /// If the node is shutting down.
    pub async fn producers(
        &self,
        id: PartitionId,
    ) -> Result<Result<Vec<(ProducerId, ProducerEntry)>, LeadershipError>, PartitionsClosed> {
        self.ask(self.shard(id), |reply| Request::Producers { id, reply }).await
    }

    /// The logs on disk that belong to no partition that was created.
    ///
    /// # Errors
    /// If the node is shutting down.
    pub async fn unclaimed(&self) -> Result<Vec<PartitionId>, PartitionsClosed> {
        let mut all = Vec::new();
        for shard in 0..self.shards.len() {
            all.extend(self.ask(shard, |reply| Request::Unclaimed { reply }).await?);
        }
        Ok(all)
    }

    pub(super) async fn find_timestamp(
        &self,
        id: PartitionId,
        check: EpochCheck,
        timestamp: Timestamp,
        from: Offset,
    ) -> Result<Result<(TimestampRead, Offset), PartitionError>, PartitionsClosed> {
        self.ask(self.shard(id), |reply| Request::FindTimestamp { id, check, timestamp, from, reply }).await
    }

    /// Reports that a stored read found damage, so that the partition's owner knows.
    ///
    /// # Errors
    /// If the node is shutting down.
    pub async fn report_damage(&self, id: PartitionId, error: ReadError) -> Result<(), PartitionsClosed> {
        self.send(self.shard(id), Request::Damaged { id, error }).await
    }

    /// Lets this node campaign for partitions that nobody leads.
    ///
    /// # Errors
    /// If the node is shutting down.
    pub async fn campaign(&self, ids: Vec<PartitionId>) -> Result<(), PartitionsClosed> {
        for (shard, (_, ids)) in self.split(ids, |id| *id).into_iter().enumerate() {
            if !ids.is_empty() {
                self.send(shard, Request::Campaign { ids }).await?;
            }
        }
        Ok(())
    }

    /// Lets the leader of a partition, if that is here, hand over to the voter on another node: as soon as that has caught up, if it
    /// does soon.
    ///
    /// # Errors
    /// If the node is shutting down.
    pub async fn transfer(&self, id: PartitionId, to: NodeId) -> Result<(), PartitionsClosed> {
        self.send(self.shard(id), Request::Transfer { id, to }).await
    }

    /// Lets the leader of a partition, which has to be here, change its voters; completes as `done` says.
    ///
    /// # Errors
    /// Why it was not begun, or not carried through: another leader may have made it then.
    pub async fn change_voters(
        &self,
        id: PartitionId,
        change: VoterChange,
        done: ChangeDone,
    ) -> Result<Result<(), ChangeRefusal>, PartitionsClosed> {
        let ask = |reply| Request::ChangeVoters { id, asked: AskedChange { change, done, reply } };
        self.ask(self.shard(id), ask).await
    }

    /// Gives up the addition of a voter that has not been made.
    ///
    /// # Errors
    /// If the node is shutting down.
    pub async fn cancel_voter(&self, id: PartitionId, key: ReplicaKey) -> Result<(), PartitionsClosed> {
        self.send(self.shard(id), Request::CancelChange { id, key }).await
    }

    /// Says whose replicas are to vote on the metadata: a leader here brings one back that has lost its memory, once it was told
    /// so `as_of` its own epoch, that is, by an image that has all that earlier ones committed.
    ///
    /// # Errors
    /// If the node is shutting down.
    pub async fn set_nodes(
        &self,
        id: PartitionId,
        nodes: Vec<NodeId>,
        as_of: Option<LeaderEpoch>,
    ) -> Result<(), PartitionsClosed> {
        self.send(self.shard(id), Request::SetNodes { id, nodes, as_of }).await
    }

    /// Says that a durable snapshot stands for the metadata log up to `covered`, and another one, or what is as good, up to `limit`:
    /// its start may move there, and does if this node leads it.
    ///
    /// # Errors
    /// If the node is shutting down.
    pub async fn snapshot_covers(
        &self,
        id: PartitionId,
        covered: Offset,
        limit: Offset,
    ) -> Result<(), PartitionsClosed> {
        self.send(self.shard(id), Request::Covered { id, covered, limit }).await
    }

    /// Whether the replicas of this node campaign last from now on, those that it gets included.
    ///
    /// # Errors
    /// If the node is shutting down.
    pub async fn be_reluctant(&self, reluctant: bool) -> Result<(), PartitionsClosed> {
        for shard in 0..self.shards.len() {
            self.send(shard, Request::Reluctant(reluctant)).await?;
        }
        Ok(())
    }

    /// Changes of voters go on from now on: what this node knows of who shall hold its partitions is no older than its start, so that it
    /// undoes no reassignment that has ended.
    ///
    /// # Errors
    /// If the node is shutting down.
    pub async fn follow_targets(&self) -> Result<(), PartitionsClosed> {
        for shard in 0..self.shards.len() {
            self.send(shard, Request::FollowTargets).await?;
        }
        Ok(())
    }

    /// Lets other nodes lead what this one leads, as far as one of them that may has caught up; waits for that until `deadline`. Answers how
    /// many partitions are led here still that another one could lead.
    ///
    /// # Errors
    /// If the node is shutting down.
    pub async fn hand_over(
        &self,
        terms: HandOverTerms,
        clock: &dyn Clock,
        deadline: Instant,
    ) -> Result<usize, PartitionsClosed> {
        let terms = Arc::new(terms);
        loop {
            let mut changed = std::pin::pin!(self.leaderships.changed());
            changed.as_mut().enable();
            let mut led = 0;
            for shard in 0..self.shards.len() {
                led +=
                    self.ask(shard, |reply| Request::HandOver { terms: Arc::clone(&terms), reply }).await?;
            }
            let now = clock.now();
            if led == 0 || now >= deadline {
                return Ok(led);
            }
            let again = now.after(HAND_OVER_AGAIN).min(deadline);
            let _whichever_came_first = timeout(clock, again, changed).await;
        }
    }

    /// Leads nothing any more that another node could lead, whether one does or not: the last thing before the connections to the
    /// others are closed, since from then on nobody tells this node of another leader. Answers how many partitions it led.
    ///
    /// # Errors
    /// If the node is shutting down.
    pub async fn resign(&self) -> Result<usize, PartitionsClosed> {
        let mut led = 0;
        for shard in 0..self.shards.len() {
            led += self.ask(shard, |reply| Request::Resign { reply }).await?;
        }
        Ok(led)
    }

    /// For the maintenance task: hands every shard a step.
    pub(super) async fn maintain(&self, step: impl Fn(usize) -> Step) -> Result<(), PartitionsClosed> {
        for shard in 0..self.shards.len() {
            self.maintain_shard(shard, step(shard)).await?;
        }
        Ok(())
    }

    /// For the maintenance task: hands one shard a step. It is taken before the requests that wait.
    pub(super) async fn maintain_shard(&self, shard: usize, step: Step) -> Result<(), PartitionsClosed> {
        self.shards[shard].steps.send(step).await.map_err(|_| PartitionsClosed)
    }

    /// The ways of the hub into the shards, in their order, and what the shards have for it.
    pub(super) fn peer_side(&self) -> (Vec<mpsc::Sender<PeerStep>>, Arc<Post>) {
        (self.shards.iter().map(|shard| shard.peers.clone()).collect(), Arc::clone(&self.post))
    }

    pub(super) fn shard_count(&self) -> usize {
        self.shards.len()
    }
}

fn collect(gather: &Mutex<Gather>, places: &[usize], outcomes: Vec<AppendOutcome>) {
    let mut state = gather.lock().unwrap_or_else(PoisonError::into_inner);
    state.missing -= outcomes.len();
    for (&place, outcome) in places.iter().zip(outcomes) {
        state.outcomes[place] = Some(outcome);
    }
    if state.missing > 0 {
        return;
    }
    let outcomes = std::mem::take(&mut state.outcomes);
    let done = state.done.take().expect("the last outcome comes once");
    drop(state);
    done(outcomes.into_iter().map(|outcome| outcome.expect("none is missing")).collect());
}
