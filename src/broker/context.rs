use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::cluster::Cluster;
use super::fetch_sessions::FetchSessions;
use super::loggers::Loggers;
use super::memory::ByteBudget;
use super::not_served::{NotServed, Unserved};
use super::producer_ids::ProducerIds;
use crate::config::{BrokerConfig, LiveConfig, Settings};
use crate::coordinator::GroupCoordinators;
use crate::io::{Io, RngStream, Shutdown};
use crate::metadata::controller::ControllerHandle;
use crate::metadata::{ImageCell, MetadataImage};
use crate::metrics::{RequestMetrics, TopicMetrics};
use crate::partition::Partitions;
use crate::types::{NodeId, Offset, TopicId};
use crate::wire::{ApiKey, Text};

/// The handles that handlers work with. Shared by all connections of a node.
pub struct Context {
    pub io: Io,
    live: Arc<LiveConfig>,
    /// Every key as it was set at the start.
    pub settings: Arc<Settings>,
    pub image: Arc<ImageCell>,
    pub partitions: Partitions,
    pub controller: ControllerHandle,
    pub groups: GroupCoordinators,
    /// The other nodes, if this one is one of several.
    pub cluster: Option<Arc<Cluster>>,
    pub loggers: Loggers,
    pub producer_ids: ProducerIds,
    pub shutdown: Shutdown,
    pub(super) request_metrics: RequestMetrics,
    pub topic_metrics: TopicMetrics,
    pub(super) fetch_sessions: Mutex<FetchSessions>,
    not_served: NotServed,
    /// For records on their way to consumers.
    pub fetch_memory: ByteBudget,
    random: Mutex<Box<dyn RngStream>>,
}

/// What a node is made of, for [`Context::new`].
pub struct Parts {
    pub io: Io,
    /// The configuration that holds, which the controller keeps up to date.
    pub live: Arc<LiveConfig>,
    /// Every key as it was set at the start.
    pub settings: Arc<Settings>,
    pub image: Arc<ImageCell>,
    pub partitions: Partitions,
    pub controller: ControllerHandle,
    pub groups: GroupCoordinators,
    pub cluster: Option<Arc<Cluster>>,
    pub loggers: Loggers,
    pub shutdown: Shutdown,
}

impl Context {
    /// Whether this node is one of several, and that one's disk is too slow for it to lead.
    #[must_use]
    pub fn has_slow_disk(&self, node: NodeId) -> bool {
        self.cluster.as_ref().is_some_and(|cluster| cluster.slow(node).is_some())
    }

    /// Whether a node is to be asked nothing that another one can answer: its disk is too slow for it to lead, or it is in doubt.
    pub(in crate::broker) fn spares(&self, node: NodeId) -> bool {
        let in_doubt = self.cluster.as_ref().is_some_and(|cluster| cluster.doubts.since(node).is_some());
        in_doubt || self.has_slow_disk(node)
    }

    #[must_use]
    pub fn new(parts: Parts) -> Context {
        let Parts { io, live, settings, image, partitions, controller, groups, cluster, loggers, shutdown } =
            parts;
        let config = live.load();
        let producer_ids = ProducerIds::default();
        let random = Mutex::new(io.rng.stream("broker"));
        let served = ApiKey::ALL.iter().filter(|api| api.served().is_some());
        let request_metrics = RequestMetrics::new(served.map(|api| (api.key(), api.name())));
        let fetch_memory = ByteBudget::new(config.fetch.memory_bytes);
        let fetch_sessions = Mutex::new(FetchSessions::new(config.fetch.sessions_max));
        Context {
            io,
            live,
            settings,
            image,
            partitions,
            controller,
            groups,
            cluster,
            loggers,
            producer_ids,
            shutdown,
            request_metrics,
            topic_metrics: TopicMetrics::default(),
            fetch_sessions,
            not_served: NotServed::default(),
            fetch_memory,
            random,
        }
    }

    /// Tells the operator what a client asked for in vain.
    pub(super) fn tell_not_served(&self, client: SocketAddr, client_id: Option<&Text>, what: Unserved) {
        self.not_served.tell(self.io.clock.now(), client, client_id, what);
    }

    /// The metadata as of now, for the whole of a request.
    #[must_use]
    pub fn metadata(&self) -> Arc<MetadataImage> {
        self.image.load()
    }

    /// Up to where of the metadata log [`Context::metadata`] is made, at least.
    #[must_use]
    pub fn metadata_end(&self) -> Offset {
        self.image.end()
    }

    /// The configuration as of now. Take it after [`Context::metadata`]: what the image says was set for
    /// brokers is in it then.
    #[must_use]
    pub fn config(&self) -> Arc<BrokerConfig> {
        self.live.load()
    }

    /// The same, for whoever has to look again and again.
    #[must_use]
    pub fn live(&self) -> &Arc<LiveConfig> {
        &self.live
    }

    /// 16 random bytes.
    #[must_use]
    pub fn random16(&self) -> [u8; 16] {
        self.random().bytes16()
    }

    fn random(&self) -> MutexGuard<'_, Box<dyn RngStream>> {
        self.random.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A fresh topic id: random, but never one of the reserved small ones.
    #[must_use]
    pub fn fresh_topic_id(&self) -> TopicId {
        let mut bytes = self.random().identity();
        // A version 4 UUID, as Kafka draws them.
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        TopicId(bytes)
    }
}
