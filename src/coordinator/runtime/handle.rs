use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::CoordinatorError;
use super::task::{Message, Task, TaskParts};
use crate::config::{BrokerConfig, OFFSETS_TOPIC};
use crate::coordinator::group::command::{DeletedTopic, GroupCommand, GroupResponse};
use crate::coordinator::group::{GroupConfig, GroupLimits, partition_for};
use crate::io::{Io, Shutdown};
use crate::metadata::{ImageCell, TopicImage};
use crate::partition::Partitions;
use crate::types::{LeaderEpoch, NodeId, PartitionId, PartitionIndex};

/// Requests that wait for one partition's task; more wait with their senders.
const INBOX_MESSAGES_MAX: usize = 1024;
/// What a journal file holds beside one batch of records, generously.
const JOURNAL_RESERVE_BYTES: u64 = 16 << 10;

/// The coordinators of all groups whose partition of the offsets topic this node holds. Cheap to clone.
#[derive(Clone)]
pub struct GroupCoordinators {
    inner: Arc<Inner>,
}

struct Inner {
    io: Io,
    node: NodeId,
    partitions: Partitions,
    image: Arc<ImageCell>,
    config: GroupConfig,
    limits: GroupLimits,
    commit_timeout: Duration,
    shutdown: Shutdown,
    tasks: Mutex<BTreeMap<PartitionId, mpsc::Sender<Message>>>,
}

/// An answer that is on its way.
struct Pending(Result<oneshot::Receiver<Result<GroupResponse, CoordinatorError>>, CoordinatorError>);

impl Pending {
    async fn answer(self) -> Result<GroupResponse, CoordinatorError> {
        // A task drops what it has not answered only when it ends.
        self.0?.await.unwrap_or(Err(CoordinatorError::NotCoordinator))
    }
}

impl GroupCoordinators {
    /// The tasks start with the leadership of their partition ([`GroupCoordinators::keep_loaded`]), or when they are first asked, and
    /// end when `shutdown` begins or the last handle is gone.
    #[must_use]
    pub fn new(
        io: Io,
        partitions: Partitions,
        image: Arc<ImageCell>,
        config: &BrokerConfig,
        shutdown: Shutdown,
    ) -> GroupCoordinators {
        let inner = Inner {
            io,
            node: config.node_id,
            partitions,
            image,
            config: group_config(config),
            limits: group_limits(config),
            commit_timeout: config.offsets.commit_timeout,
            shutdown,
            tasks: Mutex::new(BTreeMap::new()),
        };
        GroupCoordinators { inner: Arc::new(inner) }
    }

    /// Asks the coordinator of `group_id`, and waits for its answer: for a JoinGroup that may take as long as
    /// the group's rebalance.
    ///
    /// # Errors
    /// If this node does not coordinate the group, is still loading it, or cannot write. A change may have
    /// been made all the same, as after any broken connection.
    pub async fn request(
        &self,
        group_id: &str,
        command: GroupCommand,
    ) -> Result<GroupResponse, CoordinatorError> {
        self.submit(group_id, command).await.answer().await
    }

    /// Asks several coordinators at once; the answers are in the order of the requests.
    pub async fn request_each(
        &self,
        requests: Vec<(String, GroupCommand)>,
    ) -> Vec<Result<GroupResponse, CoordinatorError>> {
        let mut pending = Vec::with_capacity(requests.len());
        for (group_id, command) in requests {
            pending.push(self.submit(&group_id, command).await);
        }
        answers(pending).await
    }

    /// Asks the coordinators of all partitions that this node leads; the answers are in the partitions' order.
    pub async fn request_all(&self, command: &GroupCommand) -> Vec<Result<GroupResponse, CoordinatorError>> {
        let mut pending = Vec::new();
        for id in self.led() {
            pending.push(self.send(id, command.clone()).await);
        }
        answers(pending).await
    }

    /// Splits groups by the partition that holds them, in the order of the partitions; `None` holds all while
    /// there is no offsets topic.
    #[must_use]
    pub fn by_partition<T>(
        &self,
        groups: Vec<T>,
        name: impl Fn(&T) -> &str,
    ) -> BTreeMap<Option<PartitionIndex>, Vec<T>> {
        let topic = self.offsets_topic();
        let mut split: BTreeMap<_, Vec<T>> = BTreeMap::new();
        for group in groups {
            let index = topic.as_ref().and_then(|topic| partition_of(topic, name(&group)));
            split.entry(index).or_default().push(group);
        }
        split
    }

    /// Forgets the offsets that were committed for topics that are no more. Returns once every coordinator
    /// will have done so before it takes the next request.
    pub async fn topics_deleted(&self, topics: Vec<DeletedTopic>) {
        if topics.is_empty() {
            return;
        }
        for id in self.led() {
            if let Some(task) = self.task(id)
                && task.send(Message::TopicsDeleted(topics.clone())).await.is_err()
            {
                tracing::warn!(partition = %id, "offsets of deleted topics stay: the coordinator has ended");
            }
        }
    }

    /// Loads the groups of each partition as soon as this node leads it, asked or not: the sessions of their members run from then on.
    /// Until the node stops.
    pub async fn keep_loaded(self) {
        let shutdown = self.inner.shutdown.clone();
        tokio::select! {
            biased;
            () = shutdown.begun() => {}
            () = self.load_what_is_led() => {}
        }
    }

    async fn load_what_is_led(&self) {
        let leaderships = self.inner.partitions.leaderships();
        let mut told: BTreeMap<PartitionId, LeaderEpoch> = BTreeMap::new();
        loop {
            let mut changed = pin!(leaderships.changed());
            changed.as_mut().enable();
            let image = self.inner.image.load();
            let led: BTreeMap<PartitionId, LeaderEpoch> = self
                .led()
                .into_iter()
                .filter_map(|id| leaderships.of(id).filter(|here| here.serving).map(|here| (id, here.epoch)))
                .collect();
            for (id, epoch) in &led {
                if told.get(id) != Some(epoch)
                    && let Some(task) = self.task(*id)
                {
                    // One that is full of requests loads for them, one that has ended is started anew by whoever asks.
                    let _loads_anyway = task.try_send(Message::Load);
                }
            }
            told = led;
            tokio::select! {
                biased;
                () = changed => {}
                _ = self.inner.image.once(|new, _| !std::ptr::eq(new, &*image)) => {}
            }
        }
    }

    async fn submit(&self, group_id: &str, command: GroupCommand) -> Pending {
        let topic = self.offsets_topic();
        let Some(topic) = topic else { return Pending(Err(CoordinatorError::NotCoordinator)) };
        match partition_of(&topic, group_id) {
            Some(index) if self.may_lead(PartitionId { topic: topic.id, index }) => {
                self.send(PartitionId { topic: topic.id, index }, command).await
            }
            Some(_) | None => Pending(Err(CoordinatorError::NotCoordinator)),
        }
    }

    async fn send(&self, id: PartitionId, command: GroupCommand) -> Pending {
        let Some(task) = self.task(id) else { return Pending(Err(CoordinatorError::NotCoordinator)) };
        let (reply, answer) = oneshot::channel();
        match task.send(Message::Request { command, reply }).await {
            Ok(()) => Pending(Ok(answer)),
            Err(_) => Pending(Err(CoordinatorError::NotCoordinator)),
        }
    }

    fn offsets_topic(&self) -> Option<Arc<TopicImage>> {
        self.inner.image.load().topic(OFFSETS_TOPIC).cloned()
    }

    /// Whether this node leads a partition, or begins to.
    fn may_lead(&self, id: PartitionId) -> bool {
        let here = self.inner.partitions.leaderships().of(id);
        here.is_some_and(|here| here.serving || here.leader == Some(self.inner.node))
    }

    /// The partitions of the offsets topic that this node leads.
    fn led(&self) -> Vec<PartitionId> {
        let Some(topic) = self.offsets_topic() else { return Vec::new() };
        let leaderships = self.inner.partitions.leaderships();
        let ids = topic.partitions.keys().map(|&index| PartitionId { topic: topic.id, index });
        ids.filter(|&id| leaderships.of(id).is_some_and(|here| here.leader == Some(self.inner.node)))
            .collect()
    }

    /// The partition's task, started if need be; `None` once the node ends.
    fn task(&self, id: PartitionId) -> Option<mpsc::Sender<Message>> {
        let inner = &self.inner;
        if inner.shutdown.has_begun() {
            return None;
        }
        let mut tasks = inner.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = tasks.get(&id).filter(|task| !task.is_closed()) {
            return Some(task.clone());
        }
        // Tasks of a topic of this name that was deleted end with their senders.
        tasks.retain(|other, task| other.topic == id.topic && !task.is_closed());
        let (sender, inbox) = mpsc::channel(INBOX_MESSAGES_MAX);
        let task = Task::new(TaskParts {
            id,
            node: inner.node,
            io: inner.io.clone(),
            partitions: inner.partitions.clone(),
            config: inner.config.clone(),
            limits: inner.limits.clone(),
            commit_timeout: inner.commit_timeout,
            shutdown: inner.shutdown.clone(),
            inbox,
        });
        drop(inner.io.spawn.spawn("group coordinator", Box::pin(task.run())));
        tasks.insert(id, sender.clone());
        Some(sender)
    }
}

async fn answers(pending: Vec<Pending>) -> Vec<Result<GroupResponse, CoordinatorError>> {
    let mut answers = Vec::with_capacity(pending.len());
    for one in pending {
        answers.push(one.answer().await);
    }
    answers
}

fn partition_of(topic: &TopicImage, group_id: &str) -> Option<PartitionIndex> {
    let count = i32::try_from(topic.partitions.len()).ok().filter(|&count| count > 0)?;
    Some(PartitionIndex(partition_for(group_id, count)))
}

/// A write is one batch, and a batch has to fit into a journal file.
pub(super) fn group_limits(config: &BrokerConfig) -> GroupLimits {
    let journal_bytes_max = config.storage.journal_file_bytes.saturating_sub(JOURNAL_RESERVE_BYTES);
    let limits = GroupLimits::default();
    let write_bytes_max = usize::try_from(journal_bytes_max)
        .map_or(limits.write_bytes_max, |max| max.min(limits.write_bytes_max));
    GroupLimits { write_bytes_max, ..limits }
}

fn group_config(config: &BrokerConfig) -> GroupConfig {
    let ms = |duration: Duration| i32::try_from(duration.as_millis()).unwrap_or(i32::MAX);
    GroupConfig {
        session_timeout_min_ms: ms(config.groups.session_timeout_min),
        session_timeout_max_ms: ms(config.groups.session_timeout_max),
        initial_rebalance_delay_ms: ms(config.groups.initial_rebalance_delay),
        group_max_size: config.groups.members_max,
        offset_metadata_max_bytes: config.offsets.metadata_bytes_max,
        offsets_retention: config.offsets.retention,
        offsets_retention_check_interval: config.offsets.retention_check_interval,
        ..GroupConfig::default()
    }
}
