use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tracing::{error, info, warn};

use super::reader::LogReader;
use super::snapshotting::{Replayed, SnapshotKeeper, UnusableRecord, is_let_go, others_have, replay};
use super::{Decision, dynamic_configs};
use crate::config::{BrokerConfig, BrokerLayers, LiveConfig, MetadataConfig, Settings};
use crate::io::{Alarm, Io};
use crate::log::LogConfig;
use crate::metadata::{
    ConfigResource, ImageCell, ImageError, MetadataImage, PartitionImage, SnapshotError, SnapshotId,
    TopicImage,
};
use crate::partition::{
    AppendError, FetchWaiter, LeadershipError, PartitionError, PartitionSpec, Partitions, PartitionsClosed,
    PeerCalls, ReadFrom, ScanError, log_config,
};
use crate::probe::{Made, Mutant, StateStep, mutant, state_made};
use crate::raft::VoterSet;
use crate::types::limits::METADATA_BATCH_BYTES_MAX;
use crate::types::{Instant, LeaderEpoch, NodeId, Offset, PartitionId, PartitionIndex, TopicId};
use crate::wire::batch::{BatchError, BatchFull};
use crate::wire::{EncodeError, MetadataRecord};

/// The metadata log's only partition.
pub const METADATA_PARTITION: PartitionId =
    PartitionId { topic: TopicId::METADATA, index: PartitionIndex(0) };

/// Changes that may wait for the controller; more wait with the handlers.
const QUEUE_CHANGES_MAX: usize = 128;
/// How long after a partition was made its first leader campaigns.
const FIRST_CAMPAIGN: Duration = Duration::from_millis(30);
/// How soon the metadata log is looked at again while it does not reach what the image has.
const AHEAD_PAUSE: Duration = Duration::from_millis(20);
/// How soon the metadata log is read again after it could not be.
const CATCH_UP_PAUSE: Duration = Duration::from_secs(1);

/// Why the metadata cannot be changed or read now.
#[derive(Debug, thiserror::Error)]
pub enum ControllerUnavailable {
    #[error("the node is shutting down")]
    ShuttingDown,
    #[error("this node is not the active controller")]
    NotController,
    #[error("the metadata log does not take records: {0}")]
    Append(#[from] crate::partition::AppendError),
    #[error("a partition of this node could not be changed: {0}")]
    Partition(#[from] PartitionError),
    #[error("the metadata log cannot be read: {0}")]
    Read(#[from] crate::log::ReadError),
    #[error("the metadata log holds a batch that cannot be read: {0}")]
    Batch(#[from] BatchError),
    #[error(transparent)]
    Record(#[from] UnusableRecord),
    #[error("a metadata record cannot be written: {0}")]
    Encode(#[from] EncodeError),
    #[error("a metadata record is too large: {0}")]
    TooLarge(#[from] BatchFull),
    #[error(transparent)]
    Image(#[from] ImageError),
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

impl ControllerUnavailable {
    /// Whether another node is, or becomes, the active controller.
    fn is_of_leadership(&self) -> bool {
        matches!(
            self,
            ControllerUnavailable::NotController
                | ControllerUnavailable::Append(AppendError::Leadership(LeadershipError::NotLeader))
        )
    }
}

impl From<PartitionsClosed> for ControllerUnavailable {
    fn from(_: PartitionsClosed) -> Self {
        ControllerUnavailable::ShuttingDown
    }
}

impl From<ScanError> for ControllerUnavailable {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::Partition(error) => ControllerUnavailable::Partition(error),
            ScanError::Read(error) => ControllerUnavailable::Read(error),
            ScanError::Batch(error) => ControllerUnavailable::Batch(error),
            ScanError::Closed => ControllerUnavailable::ShuttingDown,
        }
    }
}

type Decide = Box<dyn FnOnce(&MetadataImage) -> (Vec<MetadataRecord>, Reply) + Send>;
type Reply = Box<dyn FnOnce(Result<(), Arc<ControllerUnavailable>>) + Send>;

/// Asks the controller for changes. Cheap to clone.
#[derive(Clone)]
pub struct ControllerHandle {
    queue: mpsc::Sender<Asked>,
    newest: Arc<Newest>,
}

/// What the task is asked.
enum Asked {
    Change(Decide),
    RemoveOrphans(oneshot::Sender<Result<(), ControllerUnavailable>>),
    BeginLeaving(Vec<PartitionId>, oneshot::Sender<()>),
    Left(Vec<PartitionId>, oneshot::Sender<Result<(), ControllerUnavailable>>),
}

/// The newest snapshot of the metadata on this node's disk.
#[derive(Default)]
pub(super) struct Newest(pub(super) Mutex<Option<SnapshotId>>);

impl ControllerHandle {
    /// The newest snapshot of the metadata on this node's disk, if there is one.
    #[must_use]
    pub fn newest_snapshot(&self) -> Option<SnapshotId> {
        *self.newest.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets `decide` look at the newest image, and answers with its reply once its records are committed and
    /// this node's partitions follow them. Changes are decided one after another.
    ///
    /// # Errors
    /// If the metadata log takes no records; the change may or may not have been made then.
    pub async fn change<R: Send + 'static>(
        &self,
        decide: impl FnOnce(&MetadataImage) -> Decision<R> + Send + 'static,
    ) -> Result<R, Arc<ControllerUnavailable>> {
        let (reply, answer) = oneshot::channel();
        let decide: Decide = Box::new(move |image| {
            let decision = decide(image);
            let finish: Reply = Box::new(move |result| {
                // Whoever asked may have gone.
                drop(reply.send(result.map(|()| decision.reply)));
            });
            (decision.records, finish)
        });
        let closed = || Arc::new(ControllerUnavailable::ShuttingDown);
        self.queue.send(Asked::Change(decide)).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// Removes the logs on this node's disk whose partitions are no more: once its image is as new as all that it knew
    /// before it started.
    ///
    /// # Errors
    /// If the journal failed, or the node is shutting down.
    pub async fn remove_orphans(&self) -> Result<(), ControllerUnavailable> {
        let (reply, answer) = oneshot::channel();
        let closed = || ControllerUnavailable::ShuttingDown;
        self.queue.send(Asked::RemoveOrphans(reply)).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// From now on no replicas of these partitions are made on this node, whatever the image says: those that are here are to be
    /// removed ([`Partitions::leave`]).
    ///
    /// # Errors
    /// If the node is shutting down.
    pub async fn begin_leaving(&self, ids: Vec<PartitionId>) -> Result<(), ControllerUnavailable> {
        let (reply, answer) = oneshot::channel();
        let closed = || ControllerUnavailable::ShuttingDown;
        self.queue.send(Asked::BeginLeaving(ids, reply)).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())
    }

    /// The replicas of these partitions are removed, with their files, or stay. What the image wants here by now and is not here is
    /// made anew: as another replica.
    ///
    /// # Errors
    /// If the journal failed, or the node is shutting down.
    pub async fn left(&self, ids: Vec<PartitionId>) -> Result<(), ControllerUnavailable> {
        let (reply, answer) = oneshot::channel();
        let closed = || ControllerUnavailable::ShuttingDown;
        self.queue.send(Asked::Left(ids, reply)).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

/// The node's configuration, as the controller needs it.
#[derive(Clone)]
pub struct ControllerConfig {
    /// What the node was started with, typed,
    pub start: Arc<BrokerConfig>,
    /// and every key of it;
    pub settings: Arc<Settings>,
    /// what holds now, kept up to date by the controller.
    pub live: Arc<LiveConfig>,
}

/// The task that owns the metadata log.
pub struct Controller {
    pub(super) io: Io,
    pub(super) config: ControllerConfig,
    pub(super) partitions: Partitions,
    /// Other nodes have the metadata log, too, and one of them may be the active controller.
    pub(super) clustered: bool,
    pub(super) image: Arc<MetadataImage>,
    published: Arc<ImageCell>,
    /// Behind the part of the metadata log that the image is made of.
    pub(super) reader: LogReader,
    pub(super) snapshots: SnapshotKeeper,
    /// Of a cluster: to ask others, and who votes at first.
    pub(super) quorum: Option<(PeerCalls, Vec<NodeId>)>,
    /// When a snapshot is asked for again after none came.
    pub(super) ask_again: Option<Instant>,
    /// Why none came, as it was logged last.
    pub(super) told: Option<String>,
    pub(super) newest: Arc<Newest>,
    /// The epoch of this node's for which the metadata log's replica knows who is to vote.
    pub(super) quorum_told: Option<LeaderEpoch>,
    /// The image may be older than what this node knew before it started: a partition in it may have been deleted, here, too.
    is_behind: bool,
    /// The image comes from a snapshot, and this node's log does not reach it yet.
    pub(super) is_ahead_of_log: bool,
    /// Where the log could not be read, and how often in turn.
    pub(super) unreadable: Option<(Offset, usize)>,
    /// Partitions of this node that are not on its disk, until it is no longer behind: a replica that is made anew has
    /// forgotten what it voted before the deletion.
    pub(super) postponed: BTreeSet<PartitionId>,
    /// Partitions whose replicas are being removed from this node: none is made until their files are gone.
    pub(super) leaving: BTreeSet<PartitionId>,
}

/// Who has the metadata log.
#[derive(Clone)]
pub enum Quorum {
    /// This node alone.
    Lone,
    /// These replicas vote on it, as the cluster's founding says; every other node observes it.
    Founded { voters: VoterSet, calls: PeerCalls },
}

impl Controller {
    /// Reads the metadata log into an image, makes this node's partitions follow it, publishes it, and
    /// starts taking changes. The task ends when every handle is gone.
    ///
    /// # Errors
    /// If the log cannot be read or holds what does not fit: the node cannot serve then.
    pub async fn start(
        io: Io,
        config: ControllerConfig,
        partitions: Partitions,
        published: Arc<ImageCell>,
        quorum: Quorum,
    ) -> Result<ControllerHandle, ControllerUnavailable> {
        let node = config.start.node_id;
        let (voters, calls) = match quorum {
            Quorum::Lone => (VoterSet::new([node]), None),
            Quorum::Founded { voters, calls } => (voters, Some(calls)),
        };
        let clustered = calls.is_some();
        let founders: Vec<NodeId> = voters.keys().iter().map(|key| key.node).collect();
        let spec = PartitionSpec {
            id: METADATA_PARTITION,
            topic: "__cluster_metadata".into(),
            voters,
            assignment: None,
            lone: !clustered,
            config: metadata_log_config(&config.start.metadata),
        };
        partitions.create(vec![spec]).await?;
        let Replayed { image, reader, bytes, snapshots } = replay(&io, &partitions, clustered).await?;
        let newest = Arc::new(Newest::default());
        let snapshots = SnapshotKeeper::new(snapshots, &config.start.metadata, io.clock.now(), bytes);
        let mut controller = Controller {
            io: io.clone(),
            config,
            partitions,
            clustered,
            image: Arc::new(image),
            published,
            reader,
            snapshots,
            quorum: calls.map(|calls| (calls, founders)),
            ask_again: None,
            told: None,
            newest: Arc::clone(&newest),
            quorum_told: None,
            is_behind: clustered,
            is_ahead_of_log: false,
            unreadable: None,
            postponed: BTreeSet::new(),
            leaving: BTreeSet::new(),
        };
        controller.reconfigure();
        controller.follow_from_start().await?;
        controller.follow_quorum(None).await?;
        controller.tell_snapshots().await?;
        controller.publish();
        let (queue, changes) = mpsc::channel(QUEUE_CHANGES_MAX);
        drop(io.spawn.spawn("controller", Box::pin(controller.run(changes))));
        Ok(ControllerHandle { queue, newest })
    }

    async fn run(mut self, mut changes: mpsc::Receiver<Asked>) {
        let clock = Arc::clone(&self.io.clock);
        let mut alarm = Alarm::default();
        loop {
            let more = FetchWaiter::for_progress();
            let mut pause = None;
            if self.clustered
                && let Err(failure) = self.catch_up_and_lead(&more).await
            {
                error!(%failure, "the metadata log cannot be followed; it is tried again");
                pause = Some(clock.now().after(CATCH_UP_PAUSE));
                if self.get_past(&failure).await {
                    continue;
                }
            }
            if self.is_ahead_of_log {
                // A read beyond the log's end is answered at once.
                pause = pause.or(Some(clock.now().after(AHEAD_PAUSE)));
            }
            let leaderships = Arc::clone(self.partitions.leaderships());
            let wanting = leaderships.snapshot_is_wanted();
            if self.wants_snapshot() {
                self.take_over_snapshot().await;
                continue;
            }
            // Before the next change: there may always be one.
            if self.snapshot_due().is_some_and(|at| at <= clock.now()) {
                self.take_snapshot().await;
            }
            let deadline = [pause, self.snapshot_due(), self.ask_again].into_iter().flatten().min();
            tokio::select! {
                biased;
                () = more.satisfied(), if pause.is_none() => {}
                () = wanting, if self.ask_again.is_none() => {}
                asked = changes.recv() => match asked {
                    None => return,
                    Some(Asked::Change(decide)) => self.decide(decide).await,
                    Some(Asked::RemoveOrphans(reply)) => {
                        // Whoever asked may have gone.
                        drop(reply.send(self.come_up().await));
                    }
                    Some(Asked::BeginLeaving(ids, reply)) => {
                        self.leaving.extend(ids);
                        let _whoever_asked_may_have_gone = reply.send(());
                    }
                    Some(Asked::Left(ids, reply)) => drop(reply.send(self.left(ids).await)),
                },
                () = alarm.at(&*clock, deadline) => {
                    self.ask_again = self.ask_again.filter(|&at| at > clock.now());
                }
            }
        }
    }

    /// When the next snapshot is due: none of half a change.
    fn snapshot_due(&self) -> Option<Instant> {
        self.snapshots.deadline(self.reader.end()).filter(|_| !self.reader.is_within_change())
    }

    pub(super) fn publish(&self) {
        self.show(Arc::clone(&self.image));
    }

    /// Makes an image the one that holds on this node.
    fn show(&self, image: Arc<MetadataImage>) {
        let end = self.reader.end();
        state_made(|| StateStep {
            partition: (METADATA_PARTITION.topic.0, METADATA_PARTITION.index.0),
            node: self.config.start.node_id.0,
            made: Made::Image { end: end.0, state: image.clone() },
        });
        self.published.publish(image, end);
    }

    /// The epoch in which this node is the active controller, if it is.
    pub(super) fn active_epoch(&self) -> Option<LeaderEpoch> {
        let leadership = self.partitions.leaderships().of(METADATA_PARTITION)?;
        leadership.serving.then_some(leadership.epoch)
    }

    async fn decide(&mut self, decide: Decide) {
        let epoch = if self.clustered { self.active_epoch() } else { None };
        let caught_up = if self.clustered && epoch.is_none() {
            Err(ControllerUnavailable::NotController)
        } else {
            // All of earlier epochs is committed once this one serves; of this one, only what was decided here is there.
            self.end_what_is_begun(epoch).await
        };
        if let Err(failure) = caught_up {
            // It decides nothing: its reply is lost.
            let (_, finish) = decide(&self.image);
            return finish(Err(Arc::new(failure)));
        }
        let (records, finish) = decide(&self.image);
        let finish: Reply = if mutant(Mutant::ControllerAnswersAtOnce) && self.clustered {
            finish(Ok(()));
            Box::new(drop)
        } else {
            finish
        };
        let result = self.commit(&records, epoch).await.map_err(Arc::new);
        match &result {
            Err(failure) if failure.is_of_leadership() => {
                info!(%failure, "a change of the metadata was cut off: another node becomes the active controller");
            }
            Err(failure) => error!(%failure, "a change of the metadata failed"),
            Ok(()) => {}
        }
        finish(result);
    }

    async fn commit(
        &mut self,
        records: &[MetadataRecord],
        epoch: Option<LeaderEpoch>,
    ) -> Result<(), ControllerUnavailable> {
        if records.is_empty() {
            return Ok(());
        }
        let mut next = MetadataImage::clone(&self.image);
        for record in records {
            next.apply(record)?;
        }
        let shows = mutant(Mutant::ControllerShowsAtOnce) && self.clustered;
        if shows {
            self.show(Arc::new(next.clone()));
        }
        let appended = self.append(records, epoch).await;
        if shows && appended.is_err() {
            self.publish();
        }
        let (first, end) = appended?;
        if first == self.reader.next() {
            self.reader.wrote(end);
            return self.adopt(next, records).await;
        }
        // A change of the voters came between.
        self.catch_up(None).await
    }

    /// Takes over what is committed and not in the image yet. `waiter` is told once there may be more.
    pub(super) async fn catch_up(
        &mut self,
        waiter: Option<&Arc<FetchWaiter>>,
    ) -> Result<(), ControllerUnavailable> {
        loop {
            let next = self.reader.next();
            let read = self.partitions.batches(METADATA_PARTITION, next, ReadFrom::Replica, waiter).await;
            let batches = match read {
                Ok(batches) => batches,
                // What this node's disk lacks comes from the others. (What cannot be read waits for its repair, and is told.)
                Err(ScanError::Partition(error)) if is_let_go(&error, next) => return Err(error.into()),
                Err(error @ ScanError::Partition(_)) if self.clustered && others_have(&error, next) => {
                    self.is_ahead_of_log = true;
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            };
            self.is_ahead_of_log = false;
            if batches.is_empty() {
                return Ok(());
            }
            let bytes = batches.iter().map(|batch| batch.len() as u64).sum();
            // After a failure, all behind the image is read again: what has come of a change is not copied each time.
            let again = LogReader::at(self.reader.end());
            let mut reader = std::mem::replace(&mut self.reader, again);
            let mut next = MetadataImage::clone(&self.image);
            let records = reader.read(&batches, &mut next)?;
            self.reader = reader;
            self.snapshots.grown(bytes);
            self.adopt(next, &records).await?;
        }
    }

    /// Makes the image that these records led to hold on this node.
    async fn adopt(
        &mut self,
        next: MetadataImage,
        records: &[MetadataRecord],
    ) -> Result<(), ControllerUnavailable> {
        let previous = std::mem::replace(&mut self.image, Arc::new(next));
        // Before the image that follows from it: whoever sees that one shall find these defaults.
        if records.iter().any(|record| matches!(record, MetadataRecord::Quorum(_))) {
            self.follow_quorum(None).await?;
        }
        let brokers_changed = records.iter().any(is_of_brokers);
        if brokers_changed {
            self.reconfigure();
        }
        self.follow(&previous, records).await?;
        if brokers_changed {
            self.configure_all().await?;
        }
        self.publish();
        Ok(())
    }

    /// Writes a snapshot and lets the log forget what the one before it covers. A failure leaves all as it was.
    async fn take_snapshot(&mut self) {
        let (image, end) = (Arc::clone(&self.image), self.reader.end());
        match self.snapshots.take(&self.io, &self.partitions, &image, end, self.clustered).await {
            Ok(()) => {
                info!(end = end.0, "a metadata snapshot was taken");
                if self.tell_snapshots().await.is_err() {
                    info!("the log keeps what the snapshot stands for: the node stops");
                }
            }
            Err(failure) => warn!(%failure, "no metadata snapshot; the log keeps everything until the next"),
        }
    }

    /// Makes this node's partitions what the records say.
    async fn follow(
        &mut self,
        previous: &MetadataImage,
        records: &[MetadataRecord],
    ) -> Result<(), ControllerUnavailable> {
        // A partition may have several records, and is made once.
        let mut wanted = BTreeSet::new();
        let mut assigned = BTreeSet::new();
        let mut deleted = Vec::new();
        let mut configured: BTreeSet<&str> = BTreeSet::new();
        for record in records {
            match record {
                MetadataRecord::Partition(partition) => {
                    wanted.insert(PartitionId {
                        topic: partition.topic_id,
                        index: PartitionIndex(partition.partition_id),
                    });
                }
                MetadataRecord::PartitionReassignment(change) => {
                    let id =
                        PartitionId { topic: change.topic_id, index: PartitionIndex(change.partition_id) };
                    wanted.insert(id);
                    assigned.insert(id);
                }
                MetadataRecord::RemoveTopic(removed) => {
                    if let Some(topic) = previous.topic_by_id(removed.topic_id) {
                        deleted.extend(
                            topic.partitions.keys().map(|&index| PartitionId { topic: topic.id, index }),
                        );
                    }
                }
                MetadataRecord::Config(config) if config.resource_type == ConfigResource::TOPIC => {
                    configured.insert(&config.resource_name);
                }
                MetadataRecord::Config(_)
                | MetadataRecord::Cluster(_)
                | MetadataRecord::FeatureLevel(_)
                | MetadataRecord::ProducerIds(_)
                | MetadataRecord::RegisterBroker(_)
                | MetadataRecord::BrokerChange(_)
                | MetadataRecord::RemoveBroker(_)
                | MetadataRecord::Quorum(_)
                | MetadataRecord::PartitionChange(_)
                | MetadataRecord::BeginTransaction(_)
                | MetadataRecord::EndTransaction(_)
                | MetadataRecord::AbortTransaction(_)
                | MetadataRecord::Topic(_) => {}
            }
        }
        if !deleted.is_empty() {
            for id in &deleted {
                self.postponed.remove(id);
            }
            self.partitions.delete(deleted).await?;
        }
        let created = wanted.into_iter().filter(|&id| self.shall_hold(id)).collect();
        let created = self.postpone(created).await?;
        if !created.is_empty() {
            let preferred = self.preferred_here(&created);
            self.create(&created).await?;
            self.campaign_soon(preferred);
        }
        self.assign(assigned).await?;
        for topic in configured.into_iter().filter_map(|name| self.image.topic(name)) {
            self.configure(topic).await?;
        }
        Ok(())
    }

    /// Those of new partitions that this node is to lead first, and that others have to vote on.
    fn preferred_here(&self, created: &[PartitionId]) -> Vec<PartitionId> {
        let node = self.config.start.node_id;
        let first = |id: PartitionId| {
            let PartitionImage { replicas, partition_epoch, .. } = self.image.partition(id)?;
            let is_first = replicas.len() > 1 && replicas.first() == Some(&node);
            (is_first && *partition_epoch == 0).then_some(id)
        };
        created.iter().filter_map(|&id| first(id)).collect()
    }

    /// Campaigns for new partitions once the others have made them, too, rather than wait for an election's time.
    fn campaign_soon(&self, ids: Vec<PartitionId>) {
        if ids.is_empty() {
            return;
        }
        let (clock, partitions) = (Arc::clone(&self.io.clock), self.partitions.clone());
        let campaign = async move {
            clock.sleep(FIRST_CAMPAIGN).await;
            if partitions.campaign(ids).await.is_err() {
                info!("new partitions have no leader yet: the node stops");
            }
        };
        drop(self.io.spawn.spawn("first-campaign", Box::pin(campaign)));
    }

    /// Makes what was set for brokers while they ran hold on this node.
    pub(super) fn reconfigure(&self) {
        let (broker, cluster) = dynamic_configs(&self.image, self.config.start.node_id);
        let settings = &self.config.settings;
        let layers = BrokerLayers { broker: &broker, cluster: &cluster, settings };
        match self.config.live.load().reconfigured(&layers) {
            Ok(config) => self.config.live.publish(Arc::new(config)),
            // It was right when it was set: the node has been started with other settings since.
            Err(errors) => error!(
                "what was set for brokers while they ran contradicts what this node was started with, and is not \
                 used: {errors}"
            ),
        }
    }

    /// Gives every partition of this node its topic's configuration anew.
    pub(super) async fn configure_all(&self) -> Result<(), ControllerUnavailable> {
        for topic in self.image.topics() {
            self.configure(topic).await?;
        }
        Ok(())
    }

    async fn configure(&self, topic: &TopicImage) -> Result<(), ControllerUnavailable> {
        let config = self.log_config(topic);
        for &index in topic.partitions.keys() {
            let id = PartitionId { topic: topic.id, index };
            self.partitions.configure(id, config.clone()).await?;
        }
        Ok(())
    }

    pub(super) fn log_config(&self, topic: &TopicImage) -> LogConfig {
        let config = self.config.live.load();
        log_config(&topic.config(&config.topic_defaults), &config.producers)
    }

    /// Opens every partition of this node and removes the logs of those that no longer exist.
    async fn follow_from_start(&mut self) -> Result<(), ControllerUnavailable> {
        let opened = self.follow_all().await?;
        if !self.clustered {
            self.remove_orphans().await?;
        }
        info!(topics = self.image.topic_count(), partitions = opened, "metadata loaded");
        Ok(())
    }

    /// Opens every partition of this node that is not open, as far as it may be made now; how many were asked for.
    pub(super) async fn follow_all(&mut self) -> Result<usize, ControllerUnavailable> {
        let node = self.config.start.node_id;
        let on_disk: BTreeSet<PartitionId> = self.partitions.unclaimed().await?.into_iter().collect();
        let mut ids = Vec::new();
        for topic in self.image.topics() {
            for (&index, partition) in &topic.partitions {
                let id = PartitionId { topic: topic.id, index };
                // One that is to go may be a voter still.
                if partition.replicas.contains(&node) || on_disk.contains(&id) {
                    ids.push(id);
                }
            }
        }
        let opened = self.postpone(ids).await?;
        self.create(&opened).await?;
        self.assign_all().await?;
        Ok(opened.len())
    }

    /// Those of these partitions that can be made now.
    async fn postpone(
        &mut self,
        mut ids: Vec<PartitionId>,
    ) -> Result<Vec<PartitionId>, ControllerUnavailable> {
        ids.retain(|id| !self.leaving.contains(id));
        if !self.is_behind || ids.is_empty() {
            return Ok(ids);
        }
        let on_disk: BTreeSet<PartitionId> = self.partitions.unclaimed().await?.into_iter().collect();
        let (now, later): (Vec<_>, Vec<_>) = ids.into_iter().partition(|id| on_disk.contains(id));
        self.postponed.extend(later);
        Ok(now)
    }

    /// The image is as new as what this node knew before it started.
    async fn come_up(&mut self) -> Result<(), ControllerUnavailable> {
        self.is_behind = false;
        let postponed = std::mem::take(&mut self.postponed).into_iter();
        let ids: Vec<PartitionId> = postponed.filter(|&id| self.shall_hold(id)).collect();
        self.create(&ids).await?;
        self.remove_orphans().await
    }

    /// Removes the logs of partitions that the image does not know. It must be as new as what this node had before it
    /// started. Those of partitions that others hold are taken up: their leaders say when they may go.
    async fn remove_orphans(&self) -> Result<(), ControllerUnavailable> {
        let (mut orphans, mut held) = (Vec::new(), Vec::new());
        for id in self.partitions.unclaimed().await? {
            match self.image.partition(id) {
                Some(_) => held.push(id),
                None => orphans.push(id),
            }
        }
        self.create(&held).await?;
        if !orphans.is_empty() {
            info!(count = orphans.len(), "removing the logs of partitions that were deleted");
            self.partitions.delete(orphans).await?;
        }
        Ok(())
    }
}

/// Whether a record changes what holds for brokers.
fn is_of_brokers(record: &MetadataRecord) -> bool {
    match record {
        MetadataRecord::Config(config) => config.resource_type == ConfigResource::BROKER,
        MetadataRecord::Cluster(_)
        | MetadataRecord::FeatureLevel(_)
        | MetadataRecord::Partition(_)
        | MetadataRecord::ProducerIds(_)
        | MetadataRecord::RegisterBroker(_)
        | MetadataRecord::BrokerChange(_)
        | MetadataRecord::RemoveBroker(_)
        | MetadataRecord::Quorum(_)
        | MetadataRecord::PartitionChange(_)
        | MetadataRecord::PartitionReassignment(_)
        | MetadataRecord::RemoveTopic(_)
        | MetadataRecord::BeginTransaction(_)
        | MetadataRecord::EndTransaction(_)
        | MetadataRecord::AbortTransaction(_)
        | MetadataRecord::Topic(_) => false,
    }
}

/// Nothing of the metadata log expires: its records are the cluster, until a snapshot stands for them. Segments are
/// short enough that what a snapshot stands for can go.
fn metadata_log_config(config: &MetadataConfig) -> LogConfig {
    LogConfig {
        segment_bytes: config.snapshot_bytes.clamp(1 << 20, 1 << 30),
        retention_ms: -1,
        retention_bytes: -1,
        delete: false,
        compact: false,
        max_message_bytes: 2 * METADATA_BATCH_BYTES_MAX,
        ..LogConfig::default()
    }
}
