use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use tokio::sync::Notify;

use crate::config::{TopicConfig, TopicDefaults};
use crate::raft::ReplicaKey;
use crate::types::{
    LeaderEpoch, NodeId, Offset, PartitionId, PartitionIndex, ProducerId, Roles, TopicId, Uuid,
};
use crate::wire::MetadataRecord;
use crate::wire::messages::{
    PartitionChangeRecord, PartitionReassignmentRecord, PartitionRecord, RegisterBrokerRecord,
};

/// The broker's key with which a person drains it.
pub const DRAIN_KEY: &str = "ordain.broker.drain";

/// Everything the cluster knows of itself at one point of the metadata log. Cloning copies pointers; a topic,
/// and each partition, is shared between the images it did not change in.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MetadataImage {
    pub cluster_id: Option<Arc<str>>,
    /// The nodes that serve clients and hold partitions.
    pub brokers: BTreeMap<NodeId, BrokerImage>,
    /// The nodes that are controllers only: none of the above.
    pub controllers: BTreeMap<NodeId, BrokerImage>,
    pub features: BTreeMap<String, i16>,
    /// How many broker epochs were given out, from 0 on: none is given twice, also if its broker was unregistered.
    pub broker_epochs: i64,
    /// The nodes that shall vote on the metadata; `None`: its founders.
    pub quorum: Option<BTreeSet<NodeId>>,
    /// The first producer id that no broker has been given.
    pub next_producer_id: ProducerIdCounter,
    topics: BTreeMap<Arc<str>, Arc<TopicImage>>,
    names: BTreeMap<TopicId, Arc<str>>,
    configs: BTreeMap<ConfigResource, BTreeMap<String, String>>,
    /// Partitions whose replicas come or go.
    reassigning: BTreeSet<PartitionId>,
}

/// The next producer id to give out; starts at 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProducerIdCounter(pub ProducerId);

impl Default for ProducerIdCounter {
    fn default() -> Self {
        ProducerIdCounter(ProducerId(0))
    }
}

/// A registered node: a broker, a controller, or both.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BrokerImage {
    pub incarnation: TopicId,
    /// Of its data directory, if it told.
    pub directory: Uuid,
    /// Counts its registrations.
    pub epoch: i64,
    /// It is no client's address, and gets no new replicas.
    pub fenced: bool,
    /// It is about to stop.
    pub draining: bool,
    pub endpoints: Vec<Endpoint>,
    pub rack: Option<String>,
    pub roles: Roles,
    /// The levels of features that its release knows, least and most.
    pub features: FeatureRanges,
}

/// Levels of features by their names, least and most; of what is not named, level 0 alone.
pub type FeatureRanges = BTreeMap<String, (i16, i16)>;

/// Where a broker is reached through one of its listeners.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    pub listener: String,
    pub host: String,
    pub port: u16,
}

/// A topic and its partitions, by index.
#[derive(Clone)]
pub struct TopicImage {
    pub id: TopicId,
    pub name: Arc<str>,
    pub partitions: BTreeMap<PartitionIndex, Arc<PartitionImage>>,
    /// What was set for this topic, without defaults.
    pub settings: BTreeMap<String, String>,
    /// The settings with the node's defaults, computed when first asked for.
    effective: OnceLock<Effective>,
}

/// A topic's configuration, and the generation of the defaults that it was made with.
#[derive(Clone, Debug)]
struct Effective {
    generation: u64,
    config: Arc<TopicConfig>,
}

impl PartialEq for TopicImage {
    fn eq(&self, other: &TopicImage) -> bool {
        (self.id, &self.name) == (other.id, &other.name)
            && self.partitions == other.partitions
            && self.settings == other.settings
    }
}

impl Eq for TopicImage {}

/// What makes two of them the same.
impl fmt::Debug for TopicImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TopicImage { id, name, partitions, settings, effective: _ } = self;
        let mut shown = f.debug_struct("TopicImage");
        shown.field("id", id).field("name", name).field("partitions", partitions).field("settings", settings);
        shown.finish_non_exhaustive()
    }
}

impl TopicImage {
    #[must_use]
    pub fn partition(&self, index: PartitionIndex) -> Option<&PartitionImage> {
        self.partitions.get(&index).map(|partition| &**partition)
    }

    /// The topic's configuration under a node's defaults. It is remembered, for the defaults of the first that
    /// asks: the same node's later ones come with an image of their own.
    ///
    /// A setting that this release does not take (it was checked when it was made, by another release) is left
    /// out, and logged.
    pub fn config(&self, defaults: &TopicDefaults) -> Arc<TopicConfig> {
        let generation = defaults.generation();
        let effective =
            self.effective.get_or_init(|| Effective { generation, config: Arc::new(self.resolve(defaults)) });
        if effective.generation == generation {
            Arc::clone(&effective.config)
        } else {
            // Only while one follows on the other: whoever asked holds the older image.
            Arc::new(self.resolve(defaults))
        }
    }

    fn resolve(&self, defaults: &TopicDefaults) -> TopicConfig {
        let (config, problems) = TopicConfig::resolve_stored(defaults, &self.settings);
        if !problems.is_empty() {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            tracing::error!(topic = %self.name, ?problems, "some of the topic's settings are not usable: left out");
        }
        config
    }
}

/// Where a partition's replicas are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartitionImage {
    /// Those that shall hold it, the preferred first; then those that go.
    pub replicas: Vec<NodeId>,
    /// Of the replicas, those that come with a reassignment,
    pub adding: Vec<NodeId>,
    /// and those that go.
    pub removing: Vec<NodeId>,
    /// Those of the first voters' nodes that were no replicas at some time: one that comes back is another replica.
    pub departed: Vec<NodeId>,
    /// Its first voters, whoever holds it now. The directory is zero where it was not told.
    pub founders: Vec<ReplicaKey>,
    /// Those that have caught up, as the leader told last.
    pub isr: Vec<NodeId>,
    /// While nobody leads it: the nodes that say that their replicas have lost what they held.
    pub lost: Vec<NodeId>,
    /// Who leads it, as far as that was told: nothing is decided by it. `None`: the node that did says that it does no longer.
    pub leader: Option<NodeId>,
    pub leader_epoch: LeaderEpoch,
    /// Counts the changes of the replicas.
    pub partition_epoch: i32,
}

fn leader_from_record(node: i32) -> Option<NodeId> {
    (node >= 0).then_some(NodeId(node))
}

impl PartitionImage {
    /// Whether replicas come or go.
    #[must_use]
    pub fn is_reassigning(&self) -> bool {
        !self.adding.is_empty() || !self.removing.is_empty()
    }

    /// The record that says where its replicas are.
    #[must_use]
    pub fn reassignment(&self, topic_id: TopicId, index: PartitionIndex) -> PartitionReassignmentRecord {
        let numbers = |nodes: &[NodeId]| nodes.iter().map(|node| node.0).collect();
        PartitionReassignmentRecord {
            topic_id,
            partition_id: index.0,
            partition_epoch: self.partition_epoch,
            replicas: numbers(&self.replicas),
            adding: numbers(&self.adding),
            removing: numbers(&self.removing),
            departed: numbers(&self.departed),
            ..PartitionReassignmentRecord::default()
        }
    }

    /// Whether a node that makes its replica now makes the first one that it ever had: the voter that the partition was founded
    /// with.
    #[must_use]
    pub fn has_founder(&self, node: NodeId) -> bool {
        self.founders.iter().any(|key| key.node == node) && !self.departed.contains(&node)
    }

    /// The record that says who leads it and who has caught up.
    #[must_use]
    pub fn change(&self, id: PartitionId) -> PartitionChangeRecord {
        let numbers = |nodes: &[NodeId]| nodes.iter().map(|node| node.0).collect();
        PartitionChangeRecord {
            topic_id: id.topic,
            partition_id: id.index.0,
            leader: self.leader_in_record(),
            leader_epoch: self.leader_epoch.0,
            isr: numbers(&self.isr),
            lost: numbers(&self.lost),
            ..PartitionChangeRecord::default()
        }
    }

    /// The leader as records have it.
    #[must_use]
    pub fn leader_in_record(&self) -> i32 {
        self.leader.map_or(-1, |node| node.0)
    }

    /// The same after its replicas have changed.
    #[must_use]
    pub fn changed(mut self) -> PartitionImage {
        self.partition_epoch += 1;
        let PartitionImage { founders, replicas, departed, .. } = &mut self;
        let gone = founders.iter().map(|key| key.node).filter(|node| !replicas.contains(node));
        for node in gone {
            if !departed.contains(&node) {
                departed.push(node);
            }
        }
        departed.sort_unstable();
        self
    }

    /// Those that shall hold it in the end, the preferred first.
    #[must_use]
    pub fn target(&self) -> Vec<NodeId> {
        self.replicas.iter().copied().filter(|node| !self.removing.contains(node)).collect()
    }
}

/// What a configuration belongs to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ConfigResource {
    Topic(String),
    /// One broker, or with `None` the default of all.
    Broker(Option<NodeId>),
    /// A subscription to clients' metrics (KIP-714), by its name.
    ClientMetrics(String),
    Group(String),
}

/// A record that does not fit the image: the log was damaged, or written by something newer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ImageError {
    #[error("the metadata log adds a partition to topic id {0}, which no record before created")]
    PartitionOfUnknownTopic(TopicId),
    #[error("the metadata log changes partition {1} of topic id {0}, which no record before created")]
    ChangeOfUnknownPartition(TopicId, PartitionIndex),
    #[error("the metadata log changes broker {0}, which no record before registered")]
    ChangeOfUnknownBroker(NodeId),
    #[error("node {0} is registered with roles that this release does not know: {1}")]
    UnknownRoles(NodeId, i8),
    #[error("the metadata log removes topic id {0}, which no record before created")]
    RemovalOfUnknownTopic(TopicId),
    #[error("the metadata log creates topic {0:?} twice")]
    TopicTwice(String),
    #[error("the metadata log configures topic {0:?}, which no record before created")]
    ConfigOfUnknownTopic(String),
    #[error("the metadata log configures a resource of type {0}, which this release does not know")]
    UnknownResourceType(i8),
    #[error("the metadata log names broker {0:?} in a configuration; a broker's name is a number")]
    BadBrokerName(String),
    #[error("a record that begins or ends a change of several batches stands where whole changes are")]
    MarkerOfChange,
}

impl MetadataImage {
    #[must_use]
    pub fn topic(&self, name: &str) -> Option<&Arc<TopicImage>> {
        self.topics.get(name)
    }

    #[must_use]
    pub fn topic_by_id(&self, id: TopicId) -> Option<&Arc<TopicImage>> {
        self.topics.get(self.names.get(&id)?)
    }

    /// All topics, by name.
    pub fn topics(&self) -> impl Iterator<Item = &Arc<TopicImage>> {
        self.topics.values()
    }

    #[must_use]
    pub fn topic_count(&self) -> usize {
        self.topics.len()
    }

    #[must_use]
    pub fn partition_count(&self) -> usize {
        self.topics.values().map(|topic| topic.partitions.len()).sum()
    }

    #[must_use]
    pub fn partition(&self, id: PartitionId) -> Option<&PartitionImage> {
        self.topic_by_id(id.topic)?.partition(id.index)
    }

    /// The partitions whose replicas come or go.
    pub fn reassigning(&self) -> impl Iterator<Item = PartitionId> + '_ {
        self.reassigning.iter().copied()
    }

    /// What was set for a resource, without defaults; `None` if nothing was, or if there is no such topic.
    #[must_use]
    pub fn settings(&self, resource: &ConfigResource) -> Option<&BTreeMap<String, String>> {
        match resource {
            ConfigResource::Topic(name) => self.topic(name).map(|topic| &topic.settings),
            ConfigResource::Broker(_) | ConfigResource::ClientMetrics(_) | ConfigResource::Group(_) => {
                self.configs.get(resource)
            }
        }
    }

    /// The brokers, subscriptions and groups that have something set.
    pub fn configured(&self) -> impl Iterator<Item = &ConfigResource> {
        self.configs.keys()
    }

    /// Whether a broker is to lead nothing and to get nothing new: it is about to stop, or a person says so ([`DRAIN_KEY`]).
    #[must_use]
    pub fn is_draining(&self, node: NodeId) -> bool {
        self.registered(node).is_some_and(|broker| broker.draining) || self.is_told_to_drain(node)
    }

    /// Whether a broker can lead and be given something new: it is heard, and not draining.
    #[must_use]
    pub fn can_lead(&self, node: NodeId) -> bool {
        self.is_up(node) && !self.is_draining(node)
    }

    /// Whether a broker is there: it is heard, be it draining.
    #[must_use]
    pub fn is_up(&self, node: NodeId) -> bool {
        self.brokers.get(&node).is_some_and(|broker| !broker.fenced)
    }

    /// Whether a person says that it is to drain.
    #[must_use]
    pub fn is_told_to_drain(&self, node: NodeId) -> bool {
        let settings = self.configs.get(&ConfigResource::Broker(Some(node)));
        settings.and_then(|settings| settings.get(DRAIN_KEY)).is_some_and(|value| value == "true")
    }

    /// The nodes that are draining.
    pub fn draining(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.registrations().map(|(node, _)| node).filter(|&node| self.is_draining(node))
    }

    /// What is known of a node, whatever its roles; `None` if it is not registered.
    #[must_use]
    pub fn registered(&self, node: NodeId) -> Option<&BrokerImage> {
        self.brokers.get(&node).or_else(|| self.controllers.get(&node))
    }

    /// All registered nodes, whatever their roles: the brokers first.
    pub fn registrations(&self) -> impl Iterator<Item = (NodeId, &BrokerImage)> {
        self.brokers.iter().chain(&self.controllers).map(|(&node, known)| (node, known))
    }

    fn registered_mut(&mut self, node: NodeId) -> Option<&mut BrokerImage> {
        self.brokers.get_mut(&node).or_else(|| self.controllers.get_mut(&node))
    }

    /// Adds one record.
    ///
    /// # Errors
    /// If the record does not fit what came before it.
    pub fn apply(&mut self, record: &MetadataRecord) -> Result<(), ImageError> {
        match record {
            MetadataRecord::Cluster(cluster) => {
                self.cluster_id = Some(Arc::from(cluster.cluster_id.as_ref()));
            }
            MetadataRecord::FeatureLevel(feature) => {
                self.features.insert(feature.name.to_string(), feature.level);
            }
            MetadataRecord::ProducerIds(block) => {
                self.next_producer_id = ProducerIdCounter(ProducerId(block.next_producer_id));
                self.broker_epochs = self.broker_epochs.max(block.broker_epochs);
            }
            MetadataRecord::RegisterBroker(broker) => self.add_broker(broker)?,
            MetadataRecord::Topic(topic) => self.add_topic(&topic.name, topic.topic_id)?,
            MetadataRecord::Partition(partition) => self.add_partition(partition)?,
            MetadataRecord::BrokerChange(change) => {
                let id = NodeId(change.broker_id);
                let broker = self.registered_mut(id).ok_or(ImageError::ChangeOfUnknownBroker(id))?;
                if broker.epoch == change.broker_epoch {
                    (broker.fenced, broker.draining) = (change.fenced, change.draining);
                }
            }
            MetadataRecord::RemoveBroker(removed) => {
                let id = NodeId(removed.broker_id);
                let broker = self.brokers.remove(&id).or_else(|| self.controllers.remove(&id));
                broker.ok_or(ImageError::ChangeOfUnknownBroker(id))?;
            }
            MetadataRecord::Quorum(quorum) => {
                self.quorum = Some(quorum.nodes.iter().map(|&node| NodeId(node)).collect());
            }
            MetadataRecord::PartitionChange(change) => {
                let id = change.topic_id;
                let topic = self.names.get(&id).and_then(|name| self.topics.get_mut(name));
                let topic = topic.ok_or(ImageError::PartitionOfUnknownTopic(id))?;
                let index = PartitionIndex(change.partition_id);
                let partition = Arc::make_mut(topic).partitions.get_mut(&index);
                let partition = partition.ok_or(ImageError::ChangeOfUnknownPartition(id, index))?;
                let partition = Arc::make_mut(partition);
                let nodes = |nodes: &[i32]| nodes.iter().map(|&node| NodeId(node)).collect();
                partition.leader = leader_from_record(change.leader);
                partition.leader_epoch = LeaderEpoch(change.leader_epoch);
                partition.isr = nodes(&change.isr);
                partition.lost = nodes(&change.lost);
            }
            MetadataRecord::PartitionReassignment(reassignment) => self.reassign(reassignment)?,
            MetadataRecord::RemoveTopic(topic) => {
                let name = self
                    .names
                    .remove(&topic.topic_id)
                    .ok_or(ImageError::RemovalOfUnknownTopic(topic.topic_id))?;
                self.topics.remove(&name);
                self.reassigning.retain(|id| id.topic != topic.topic_id);
            }
            MetadataRecord::Config(config) => {
                let resource = ConfigResource::from_wire(config.resource_type, &config.resource_name)?;
                self.set_config(resource, &config.name, config.value.as_deref())?;
            }
            MetadataRecord::BeginTransaction(_)
            | MetadataRecord::EndTransaction(_)
            | MetadataRecord::AbortTransaction(_) => return Err(ImageError::MarkerOfChange),
        }
        Ok(())
    }

    fn add_broker(&mut self, broker: &RegisterBrokerRecord) -> Result<(), ImageError> {
        let id = NodeId(broker.broker_id);
        let roles = Roles::from_code(broker.roles).ok_or(ImageError::UnknownRoles(id, broker.roles))?;
        let mut endpoints = Vec::with_capacity(broker.endpoints.len());
        for endpoint in &broker.endpoints {
            endpoints.push(Endpoint {
                listener: endpoint.name.to_string(),
                host: endpoint.host.to_string(),
                port: endpoint.port,
            });
        }
        let (same, other) = if roles.is_broker() {
            (&mut self.brokers, &mut self.controllers)
        } else {
            (&mut self.controllers, &mut self.brokers)
        };
        other.remove(&id);
        self.broker_epochs = self.broker_epochs.max(broker.broker_epoch.saturating_add(1));
        same.insert(
            id,
            BrokerImage {
                incarnation: broker.incarnation_id.into(),
                directory: broker.directory_id,
                epoch: broker.broker_epoch,
                fenced: broker.fenced,
                draining: false,
                endpoints,
                rack: broker.rack.as_ref().map(ToString::to_string),
                roles,
                features: broker
                    .features
                    .iter()
                    .map(|feature| (feature.name.to_string(), (feature.least, feature.most)))
                    .collect(),
            },
        );
        Ok(())
    }

    fn add_partition(&mut self, partition: &PartitionRecord) -> Result<(), ImageError> {
        let id = partition.topic_id;
        let topic = self
            .names
            .get(&id)
            .and_then(|name| self.topics.get_mut(name))
            .ok_or(ImageError::PartitionOfUnknownTopic(id))?;
        let nodes = |nodes: &[i32]| nodes.iter().map(|&node| NodeId(node)).collect();
        let isr = partition.isr.as_deref().unwrap_or(&partition.replicas);
        let directories = partition.directories.iter().copied().chain(std::iter::repeat(Uuid::ZERO));
        let founders = partition.replicas.iter().zip(directories);
        let founders = founders.map(|(&node, directory)| ReplicaKey { node: NodeId(node), directory });
        let made = PartitionImage {
            replicas: nodes(&partition.replicas),
            adding: Vec::new(),
            removing: Vec::new(),
            departed: Vec::new(),
            founders: founders.collect(),
            isr: nodes(isr),
            lost: Vec::new(),
            leader: leader_from_record(partition.leader),
            leader_epoch: LeaderEpoch(partition.leader_epoch),
            partition_epoch: partition.partition_epoch,
        };
        let index = PartitionIndex(partition.partition_id);
        Arc::make_mut(topic).partitions.insert(index, Arc::new(made));
        Ok(())
    }

    fn reassign(&mut self, change: &PartitionReassignmentRecord) -> Result<(), ImageError> {
        let id = PartitionId { topic: change.topic_id, index: PartitionIndex(change.partition_id) };
        let topic = self.names.get(&id.topic).and_then(|name| self.topics.get_mut(name));
        let topic = topic.ok_or(ImageError::PartitionOfUnknownTopic(id.topic))?;
        let partition = Arc::make_mut(topic).partitions.get_mut(&id.index);
        let partition = partition.ok_or(ImageError::ChangeOfUnknownPartition(id.topic, id.index))?;
        let partition = Arc::make_mut(partition);
        let nodes = |nodes: &[i32]| nodes.iter().map(|&node| NodeId(node)).collect();
        partition.replicas = nodes(&change.replicas);
        partition.adding = nodes(&change.adding);
        partition.removing = nodes(&change.removing);
        partition.departed = nodes(&change.departed);
        partition.partition_epoch = change.partition_epoch;
        let PartitionImage { replicas, isr, lost, .. } = partition;
        isr.retain(|node| replicas.contains(node));
        lost.retain(|node| replicas.contains(node));
        if partition.is_reassigning() {
            self.reassigning.insert(id);
        } else {
            self.reassigning.remove(&id);
        }
        Ok(())
    }

    fn add_topic(&mut self, name: &str, id: TopicId) -> Result<(), ImageError> {
        if self.topics.contains_key(name) {
            return Err(ImageError::TopicTwice(name.to_owned()));
        }
        let name: Arc<str> = Arc::from(name);
        self.names.insert(id, Arc::clone(&name));
        let topic = TopicImage {
            id,
            name: Arc::clone(&name),
            partitions: BTreeMap::new(),
            settings: BTreeMap::new(),
            effective: OnceLock::new(),
        };
        self.topics.insert(name, Arc::new(topic));
        Ok(())
    }

    fn set_config(
        &mut self,
        resource: ConfigResource,
        name: &str,
        value: Option<&str>,
    ) -> Result<(), ImageError> {
        if let ConfigResource::Topic(topic) = &resource {
            let image = self
                .topics
                .get_mut(&**topic)
                .ok_or_else(|| ImageError::ConfigOfUnknownTopic(topic.clone()))?;
            let image = Arc::make_mut(image);
            image.effective = OnceLock::new();
            set(&mut image.settings, name, value);
            return Ok(());
        }
        let settings = self.configs.entry(resource.clone()).or_default();
        set(settings, name, value);
        if settings.is_empty() {
            self.configs.remove(&resource);
        }
        if let ConfigResource::Broker(_) = resource {
            // What topics take from their node may be another value now.
            for topic in self.topics.values_mut() {
                Arc::make_mut(topic).effective = OnceLock::new();
            }
        }
        Ok(())
    }
}

fn set(settings: &mut BTreeMap<String, String>, name: &str, value: Option<&str>) {
    match value {
        Some(value) => settings.insert(name.to_owned(), value.to_owned()),
        None => settings.remove(name),
    };
}

impl ConfigResource {
    /// Kafka's number for topics in configuration requests and records.
    pub const TOPIC: i8 = 2;
    pub const BROKER: i8 = 4;
    pub const CLIENT_METRICS: i8 = 16;
    pub const GROUP: i8 = 32;

    /// From the protocol's resource type and name.
    ///
    /// # Errors
    /// For other types, and for a broker whose name is not a number.
    pub fn from_wire(resource_type: i8, name: &str) -> Result<ConfigResource, ImageError> {
        match resource_type {
            Self::TOPIC => Ok(ConfigResource::Topic(name.to_owned())),
            Self::BROKER if name.is_empty() => Ok(ConfigResource::Broker(None)),
            Self::BROKER => match name.parse() {
                Ok(node) => Ok(ConfigResource::Broker(Some(NodeId(node)))),
                Err(_) => Err(ImageError::BadBrokerName(name.to_owned())),
            },
            Self::CLIENT_METRICS => Ok(ConfigResource::ClientMetrics(name.to_owned())),
            Self::GROUP => Ok(ConfigResource::Group(name.to_owned())),
            other => Err(ImageError::UnknownResourceType(other)),
        }
    }

    /// The protocol's resource type and name.
    #[must_use]
    pub fn to_wire(&self) -> (i8, String) {
        match self {
            ConfigResource::Topic(name) => (Self::TOPIC, name.clone()),
            ConfigResource::Broker(None) => (Self::BROKER, String::new()),
            ConfigResource::Broker(Some(node)) => (Self::BROKER, node.to_string()),
            ConfigResource::ClientMetrics(name) => (Self::CLIENT_METRICS, name.clone()),
            ConfigResource::Group(name) => (Self::GROUP, name.clone()),
        }
    }
}

/// The current image, for any number of readers. Whoever needs a consistent view takes one image and keeps
/// it for the request.
#[derive(Default)]
pub struct ImageCell {
    current: RwLock<Arc<MetadataImage>>,
    /// Up to where of the metadata log the current image is made.
    end: AtomicI64,
    published: Notify,
}

impl ImageCell {
    #[must_use]
    pub fn load(&self) -> Arc<MetadataImage> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes `image` the current one, made of the metadata log up to `end`. Only the metadata log's owner calls it.
    pub fn publish(&self, image: Arc<MetadataImage>, end: Offset) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = image;
        self.end.store(end.0, Ordering::Release);
        self.published.notify_waiters();
    }

    /// Up to where of the metadata log the current image is made, at least.
    #[must_use]
    pub fn end(&self) -> Offset {
        Offset(self.end.load(Ordering::Acquire))
    }

    /// Completes once the image fulfils a condition, and gives it.
    pub async fn once(&self, fulfils: impl Fn(&MetadataImage, Offset) -> bool) -> Arc<MetadataImage> {
        loop {
            let mut published = std::pin::pin!(self.published.notified());
            published.as_mut().enable();
            let end = self.end();
            let image = self.load();
            if fulfils(&image, end) {
                return image;
            }
            published.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registration(roles: i8, epoch: i64) -> MetadataRecord {
        RegisterBrokerRecord { broker_id: 2, broker_epoch: epoch, roles, ..RegisterBrokerRecord::default() }
            .into()
    }

    #[test]
    fn a_node_is_a_broker_or_a_controller_alone_as_it_registered_last() {
        let (mut image, node) = (MetadataImage::default(), NodeId(2));
        for (epoch, roles) in
            [Roles::Both, Roles::Controller, Roles::Broker, Roles::Controller].into_iter().enumerate()
        {
            let epoch = i64::try_from(epoch).expect("a few");
            image.apply(&registration(roles.code(), epoch)).expect("it fits");
            assert_eq!(image.brokers.contains_key(&node), roles.is_broker(), "{roles}");
            assert_eq!(image.controllers.contains_key(&node), !roles.is_broker(), "{roles}");
            let known = image.registered(node).expect("it is registered");
            assert_eq!((known.roles, known.epoch), (roles, epoch));
            assert_eq!(image.registrations().count(), 1);
        }
        assert_eq!(image.apply(&registration(0, 9)), Err(ImageError::UnknownRoles(node, 0)));
        let removal = crate::wire::messages::RemoveBrokerRecord { broker_id: 2, ..Default::default() };
        image.apply(&removal.into()).expect("it is registered");
        assert_eq!(image.registrations().count(), 0);
        assert_eq!(image.broker_epochs, 4, "those of an unregistered broker are not given to another one");
    }
}
