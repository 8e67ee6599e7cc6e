use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::address::BrokerAddress;
use super::broker::Broker;
use super::error::ClientError;
use super::metadata::{ClusterMetadata, PartitionMetadata, TopicPartition};
use super::options::{ClientIo, ClientOptions};
use super::retry::Retry;
use super::turn::Turn;
use crate::io::RngStream;
use crate::types::{ErrorCode, Instant, LeaderEpoch, NodeId, TopicId};
use crate::wire::messages::metadata_request::MetadataRequestTopic;
use crate::wire::messages::{FindCoordinatorRequest, MetadataRequest};
use crate::wire::{ApiKey, Text};

/// A cluster as one client sees it: its brokers, connections to them, and who leads what. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

/// What a connection is for. A broker answers one connection's requests in order, so those that wait there
/// (fetches, joins) get connections of their own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Lane {
    Admin,
    Produce,
    Fetch,
    Group,
}

/// Whether asking for a topic may create it (`auto.create.topics.enable` has the last word).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AutoCreate {
    Yes,
    No,
}

/// A connection that may be absent or dead; who holds the lock opens it.
type Slot = Arc<tokio::sync::Mutex<Option<Arc<Broker>>>>;

struct Shared {
    io: ClientIo,
    options: ClientOptions,
    reached: AtomicBool,
    rng: Mutex<Box<dyn RngStream>>,
    slots: Mutex<BTreeMap<(BrokerAddress, Lane), Slot>>,
    cache: Mutex<Cache>,
    /// Who is asked what any broker can tell.
    turn: Turn,
}

#[derive(Default)]
struct Cache {
    metadata: ClusterMetadata,
    /// When each topic was last told of.
    topics: BTreeMap<String, Instant>,
    coordinators: BTreeMap<String, NodeId>,
}

impl Client {
    /// A client that has not connected to anything yet.
    #[must_use]
    pub fn new(io: ClientIo, options: ClientOptions) -> Client {
        let rng = Mutex::new(io.rng.stream("client"));
        // Not all clients begin with the first address, nor does each next one of whoever gives up and begins again.
        let first = io.rng.stream("client-first").below(options.bootstrap.len().max(1) as u64) as usize;
        Client {
            shared: Arc::new(Shared {
                io,
                options,
                reached: AtomicBool::new(false),
                rng,
                slots: Mutex::default(),
                cache: Mutex::default(),
                turn: Turn::beginning_with(first),
            }),
        }
    }

    #[must_use]
    pub fn io(&self) -> &ClientIo {
        &self.shared.io
    }

    #[must_use]
    pub fn options(&self) -> &ClientOptions {
        &self.shared.options
    }

    /// Attempts at one operation, for `retry_timeout` in all.
    #[must_use]
    pub fn retry(&self) -> Retry {
        Retry::new(self.clone(), self.options().retry_timeout)
    }

    /// Whether any broker has ever been connected to.
    #[must_use]
    pub fn was_reached(&self) -> bool {
        self.shared.reached.load(Ordering::Relaxed)
    }

    pub(super) fn random_below(&self, bound: u64) -> u64 {
        self.shared.rng.lock().unwrap_or_else(PoisonError::into_inner).below(bound)
    }

    /// Forgets who leads and who coordinates.
    pub fn invalidate(&self) {
        let mut cache = self.cache();
        cache.topics.clear();
        cache.coordinators.clear();
    }

    /// What a broker said was of no use, or it said nothing: forgets who leads and who coordinates, and another broker is asked next. One
    /// that is cut off from the others goes on telling what it knew, and takes requests as ever.
    pub fn doubt(&self) {
        self.invalidate();
        self.ask_another();
    }

    /// Of those that any can be asked, another one is next.
    pub(super) fn ask_another(&self) {
        self.shared.turn.pass();
    }

    /// A connection to this address for this purpose, opened if there is none.
    ///
    /// # Errors
    /// As [`Broker::connect`].
    pub async fn connection(&self, address: &BrokerAddress, lane: Lane) -> Result<Arc<Broker>, ClientError> {
        let slot = {
            let mut slots = self.shared.slots.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(slots.entry((address.clone(), lane)).or_default())
        };
        let mut slot = slot.lock().await;
        if let Some(broker) = slot.as_ref().filter(|broker| broker.is_open()) {
            return Ok(Arc::clone(broker));
        }
        let broker = Arc::new(Broker::connect(self.io(), address, self.options()).await?);
        self.shared.reached.store(true, Ordering::Relaxed);
        *slot = Some(Arc::clone(&broker));
        Ok(broker)
    }

    /// A connection to any broker: one to start from, or one that the cluster has named; always the same while its answers are of use.
    ///
    /// # Errors
    /// [`ClientError::Connect`] where there is one address only, else [`ClientError::NoBroker`].
    pub async fn any_broker(&self) -> Result<Arc<Broker>, ClientError> {
        let mut addresses = self.options().bootstrap.clone();
        for node in self.cache().metadata.brokers.values() {
            if !addresses.contains(&node.address) {
                addresses.push(node.address.clone());
            }
        }
        let looked = self.shared.turn.look();
        let first = looked.of(addresses.len());
        addresses.rotate_left(first);
        let mut last = None;
        for (behind, address) in addresses.iter().enumerate() {
            match self.connection(address, Lane::Admin).await {
                Ok(broker) => {
                    self.shared.turn.asked(looked, behind);
                    return Ok(broker);
                }
                Err(error) => last = Some(error),
            }
        }
        match last {
            Some(error) if addresses.len() == 1 => Err(error),
            Some(last) => Err(ClientError::NoBroker { addresses, last: Box::new(last) }),
            None => Err(ClientError::Closed { what: "client without bootstrap addresses" }),
        }
    }

    /// A connection to this node.
    ///
    /// # Errors
    /// [`ClientError::UnknownNode`], or as [`Broker::connect`].
    pub async fn node(&self, id: NodeId, lane: Lane) -> Result<Arc<Broker>, ClientError> {
        let known = self.cache().metadata.brokers.get(&id).map(|node| node.address.clone());
        let address = match known {
            Some(address) => Some(address),
            None => {
                self.describe(Some(&[]), AutoCreate::No).await?.brokers.get(&id).map(|n| n.address.clone())
            }
        };
        let address = address.ok_or(ClientError::UnknownNode { node: id.0 })?;
        self.connection(&address, lane).await
    }

    /// A connection to whoever takes changes of topics and configurations.
    ///
    /// # Errors
    /// As [`Client::node`].
    pub async fn controller(&self) -> Result<Arc<Broker>, ClientError> {
        let metadata = self.describe(Some(&[]), AutoCreate::No).await?;
        match metadata.controller.filter(|id| metadata.brokers.contains_key(id)) {
            Some(id) => self.node(id, Lane::Admin).await,
            None => self.any_broker().await,
        }
    }

    /// A connection to the coordinator of this group.
    ///
    /// # Errors
    /// What the broker said of the group, or as [`Client::node`].
    pub async fn coordinator(&self, group: &str) -> Result<Arc<Broker>, ClientError> {
        let known = self.cache().coordinators.get(group).copied();
        if let Some(id) = known {
            return self.node(id, Lane::Group).await;
        }
        let broker = self.any_broker().await?;
        let version = broker.version::<FindCoordinatorRequest>()?;
        let mut request = FindCoordinatorRequest::default();
        if version >= 4 {
            request.coordinator_keys = vec![Text::from(group)];
        } else {
            request.key = Text::from(group);
        }
        let answer = broker.call_within(version, &request, self.options().request_timeout).await?;
        let (code, message, id, host, port) = match answer.coordinators.first() {
            Some(c) => (c.error_code, &c.error_message, c.node_id, &c.host, c.port),
            None if version < 4 => {
                (answer.error_code, &answer.error_message, answer.node_id, &answer.host, answer.port)
            }
            None => {
                return Err(ClientError::Incomplete {
                    address: broker.address().clone(),
                    api: ApiKey::FindCoordinator,
                    missing: format!("the coordinator of {group}"),
                });
            }
        };
        let subject = format!("group {group}");
        let found =
            ClientError::check(broker.address(), ApiKey::FindCoordinator, code, subject, message.as_deref());
        if found.is_err() {
            self.ask_another();
        }
        found?;
        let address = BrokerAddress { host: host.to_string(), port: u16::try_from(port).unwrap_or(0) };
        self.cache().coordinators.insert(group.to_owned(), NodeId(id));
        self.connection(&address, Lane::Group).await
    }

    /// Asks a broker about these topics (`None`: all; an empty list: brokers only) and remembers what it said.
    ///
    /// # Errors
    /// A lost connection or a deadline; errors of single topics stand in the answer.
    pub async fn describe(
        &self,
        topics: Option<&[String]>,
        create: AutoCreate,
    ) -> Result<ClusterMetadata, ClientError> {
        let broker = self.any_broker().await?;
        let described = self.described_by(&broker, topics, create).await;
        if described.is_err() {
            // It may have been stopped while its connections stay.
            self.ask_another();
        }
        let metadata = described?;
        self.remember(&metadata);
        if metadata.topics.values().any(|topic| topic.partitions.iter().any(|one| one.leader.is_none())) {
            // The next one may know who leads.
            self.ask_another();
        }
        Ok(metadata)
    }

    /// What one broker says of the cluster, whatever others do; it is not kept. `None` asks for all topics.
    ///
    /// # Errors
    /// What went wrong on the way, and what the broker refuses as a whole.
    pub async fn described_by(
        &self,
        broker: &Broker,
        topics: Option<&[String]>,
        create: AutoCreate,
    ) -> Result<ClusterMetadata, ClientError> {
        let version = broker.version::<MetadataRequest>()?;
        let named = topics.map(|topics| {
            let name = |topic: &String| MetadataRequestTopic {
                name: Some(Text::from(topic.as_str())),
                ..MetadataRequestTopic::default()
            };
            topics.iter().map(name).collect::<Vec<_>>()
        });
        let request = MetadataRequest {
            // Version 0 knows no null: there, an empty list asks for all.
            topics: if version == 0 { Some(named.unwrap_or_default()) } else { named },
            allow_auto_topic_creation: create == AutoCreate::Yes,
            ..MetadataRequest::default()
        };
        let answer = broker.call_within(version, &request, self.options().request_timeout).await?;
        let code = answer.error_code;
        ClientError::check(broker.address(), ApiKey::Metadata, code, "metadata of the cluster", None)?;
        Ok(ClusterMetadata::read(&answer))
    }

    fn remember(&self, told: &ClusterMetadata) {
        let now = self.io().clock.now();
        let mut cache = self.cache();
        cache.metadata.cluster_id.clone_from(&told.cluster_id);
        cache.metadata.controller = told.controller;
        cache.metadata.brokers.clone_from(&told.brokers);
        for (name, topic) in &told.topics {
            if topic.error.is_some() {
                cache.metadata.topics.remove(name);
                cache.topics.remove(name);
            } else {
                cache.metadata.topics.insert(name.clone(), topic.clone());
                cache.topics.insert(name.clone(), now);
            }
        }
    }

    /// What is known of a topic's partitions, asked for if it is not known or old; tried again while the
    /// topic is being created.
    ///
    /// # Errors
    /// [`ClientError::UnknownTopic`], or what the broker said of it.
    pub async fn partitions(
        &self,
        topic: &str,
        create: AutoCreate,
    ) -> Result<Vec<PartitionMetadata>, ClientError> {
        let mut retry = self.retry();
        loop {
            if let Some(known) = self.fresh(topic) {
                return Ok(known);
            }
            let error = match self.describe(Some(&[topic.to_owned()]), create).await {
                Ok(metadata) => match metadata.topics.get(topic).and_then(|topic| topic.error) {
                    None if metadata.topics.contains_key(topic) => continue,
                    None => return Err(ClientError::UnknownTopic { topic: topic.to_owned() }),
                    Some(ErrorCode::UnknownTopicOrPartition) if create == AutoCreate::No => {
                        return Err(ClientError::UnknownTopic { topic: topic.to_owned() });
                    }
                    Some(code) => ClientError::Refused {
                        address: self.options().bootstrap[0].clone(),
                        api: ApiKey::Metadata,
                        code,
                        subject: format!("topic {topic}"),
                        message: None,
                    },
                },
                Err(error) => error,
            };
            retry.pause(error).await?;
        }
    }

    fn fresh(&self, topic: &str) -> Option<Vec<PartitionMetadata>> {
        let cache = self.cache();
        let told = *cache.topics.get(topic)?;
        let is_fresh = self.io().clock.now().since(told) < self.options().metadata_age_max;
        cache.metadata.topics.get(topic).filter(|_| is_fresh).map(|topic| topic.partitions.clone())
    }

    /// The node that leads this partition, if that is known and not old.
    #[must_use]
    pub fn cached_leader(&self, at: &TopicPartition) -> Option<NodeId> {
        let cache = self.cache();
        let told = *cache.topics.get(&at.topic)?;
        let is_fresh = self.io().clock.now().since(told) < self.options().metadata_age_max;
        cache.metadata.partition(at).filter(|_| is_fresh)?.leader
    }

    /// In which epoch the partition's leader leads, as far as is known; [`LeaderEpoch::NONE`] if it is not.
    #[must_use]
    pub fn cached_epoch(&self, at: &TopicPartition) -> LeaderEpoch {
        self.cache().metadata.partition(at).map_or(LeaderEpoch::NONE, |partition| partition.leader_epoch)
    }

    /// The id of a topic, if it is known, and the cluster gives ids.
    #[must_use]
    pub fn cached_topic_id(&self, topic: &str) -> Option<TopicId> {
        self.cache().metadata.topics.get(topic).map(|topic| topic.id).filter(|id| *id != TopicId::ZERO)
    }

    /// The node that leads this partition.
    ///
    /// # Errors
    /// [`ClientError::UnknownTopic`], [`ClientError::UnknownPartition`] or [`ClientError::NoLeader`].
    pub async fn leader(&self, at: &TopicPartition) -> Result<NodeId, ClientError> {
        // Without copying what is known of all of the topic's partitions: many ask for each of thousands.
        if let Some(leader) = self.cached_leader(at) {
            return Ok(leader);
        }
        let partitions = self.partitions(&at.topic, AutoCreate::No).await?;
        let (topic, partition) = (at.topic.clone(), at.partition.0);
        match partitions.iter().find(|p| p.index == at.partition) {
            None => Err(ClientError::UnknownPartition { topic, partition }),
            Some(found) => found.leader.ok_or(ClientError::NoLeader { topic, partition }),
        }
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.shared.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
