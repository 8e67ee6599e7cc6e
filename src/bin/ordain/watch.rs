//! What the admin listener knows of the node: whether it is ready, and its figures.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ordain::broker::{Context, leader_there};
use ordain::io::BoxFuture;
use ordain::log::Storage;
use ordain::metadata::controller::METADATA_PARTITION;
use ordain::metrics::{
    BrokerFigures, ClusterFigures, JournalFigures, ListenerFigures, NodeFigures, PartitionFigures,
};
use ordain::partition::PartitionStats;
use ordain::server::{ListenerStats, Node, RequestMemory};
use ordain::types::{NodeId, PartitionId};

use crate::admin::{Probes, Readiness};
use crate::group_figures;

/// How long the shards may take to tell of their partitions.
const STATS_WITHIN: Duration = Duration::from_secs(2);

/// Cheap to clone; all clones see the same node.
#[derive(Clone)]
pub struct Watch(Arc<Mutex<State>>);

enum State {
    Starting,
    Running(Arc<Running>),
    Stopping(String),
}

struct Running {
    node_id: NodeId,
    context: Arc<Context>,
    storage: Storage,
    listeners: Vec<(String, Arc<ListenerStats>)>,
    memory: RequestMemory,
    memory_bytes: u64,
}

impl Watch {
    pub fn new() -> Watch {
        Watch(Arc::new(Mutex::new(State::Starting)))
    }

    pub fn running(&self, node: &Node) {
        let context = Arc::clone(node.context());
        let listeners = node.listeners().iter().map(|l| (l.name.clone(), Arc::clone(&l.stats)));
        let running = Running {
            node_id: context.config().node_id,
            memory_bytes: context.config().network.queued_request_bytes_max,
            context,
            storage: node.storage().clone(),
            listeners: listeners.collect(),
            memory: node.request_memory().clone(),
        };
        self.set(State::Running(Arc::new(running)));
    }

    /// The node takes no more clients, for this reason.
    pub fn stopping(&self, reason: String) {
        self.set(State::Stopping(reason));
    }

    fn set(&self, state: State) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    fn readiness(&self) -> Readiness {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Starting => Readiness::NotReady("the node is starting".to_owned()),
            State::Running(running) => running.readiness(),
            State::Stopping(reason) => Readiness::NotReady(reason.clone()),
        }
    }

    fn node(&self) -> Option<Arc<Running>> {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Running(running) => Some(Arc::clone(running)),
            State::Starting | State::Stopping(_) => None,
        }
    }

    pub fn probes(&self) -> Probes {
        let (for_readiness, for_figures) = (self.clone(), self.clone());
        Probes {
            readiness: Arc::new(move || for_readiness.readiness()),
            figures: Arc::new(move || {
                let node = for_figures.node();
                let figures: BoxFuture<String> = Box::pin(async move {
                    match node {
                        Some(node) => node.figures().await,
                        None => String::new(),
                    }
                });
                figures
            }),
        }
    }
}

impl Running {
    fn readiness(&self) -> Readiness {
        if let Some(failed) = self.storage.journal().failure() {
            return Readiness::NotReady(failed.to_string());
        }
        if let Some(full) = self.storage.disk_full() {
            return Readiness::NotReady(full.to_string());
        }
        match self.storage.disk_fails() {
            Some(fails) => Readiness::NotReady(fails.to_string()),
            None => Readiness::Ready,
        }
    }

    async fn figures(&self) -> String {
        // A node that shuts down has no partitions to tell of, and one whose shards are busy must not keep the
        // scrape waiting for the rest.
        let asked = tokio::time::timeout(STATS_WITHIN, self.context.partitions.stats(None));
        let stats = asked.await.ok().and_then(Result::ok).unwrap_or_default();
        let by_id: BTreeMap<PartitionId, &PartitionStats> = stats.iter().map(|s| (s.id, s)).collect();
        let mut cluster = self.cluster(&by_id);
        let groups = tokio::time::timeout(STATS_WITHIN, group_figures::collect(&self.context, &by_id));
        cluster.groups = groups.await.unwrap_or_default();
        let mut text = cluster.render();
        text.push_str(&self.node().render());
        let image = self.context.metadata();
        text.push_str(&self.context.topic_metrics.render(|id| Some(&*image.topic_by_id(id)?.name)));
        text
    }

    fn node(&self) -> NodeFigures {
        let journal = self.storage.journal().statistics();
        let listeners = self.listeners.iter().map(|(name, stats)| ListenerFigures {
            listener: name.clone(),
            open: stats.open(),
            accepted: stats.accepted(),
            refused: stats.refused(),
        });
        let available = self.memory.available_bytes() as u64;
        let (fetch, tail) = (&self.context.fetch_memory, self.storage.tail_budget());
        NodeFigures {
            listeners: listeners.collect(),
            request_memory_available_bytes: available,
            request_memory_used_bytes: self.memory_bytes.saturating_sub(available),
            fetch_memory_available_bytes: fetch.available_bytes() as u64,
            fetch_memory_used_bytes: fetch.total_bytes().saturating_sub(fetch.available_bytes()) as u64,
            tail_memory_used_bytes: tail.used() as u64,
            tail_memory_available_bytes: tail.limit().saturating_sub(tail.used()) as u64,
            journal: JournalFigures {
                commits: journal.commits,
                entries: journal.entries,
                bytes: journal.bytes,
                full_waits: journal.full_waits,
                queued_bytes: journal.queued_bytes,
                files_live: journal.files_live,
                files_total: journal.files_total,
                has_failed: self.storage.journal().failure().is_some(),
            },
            disk_is_full: self.storage.disk_full().is_some(),
            disk_fails: self.storage.disk_fails().is_some(),
            disk_is_slow: self.context.has_slow_disk(self.context.config().node_id),
            unreadable_places: self.storage.unreadable_places(),
            repaired_segments: self.storage.repaired_segments(),
        }
    }

    fn cluster(&self, stats: &BTreeMap<PartitionId, &PartitionStats>) -> ClusterFigures {
        let image = self.context.metadata();
        let brokers = image.brokers.iter().map(|(id, broker)| BrokerFigures {
            id: *id,
            address: broker.endpoints.first().map_or_else(String::new, |e| format!("{}:{}", e.host, e.port)),
        });
        let mut figures = ClusterFigures {
            brokers: brokers.collect(),
            is_active_controller: stats.get(&METADATA_PARTITION).is_some_and(|metadata| metadata.serving),
            topic_count: image.topic_count(),
            partition_count: image.partition_count(),
            ..ClusterFigures::default()
        };
        for topic in image.topics() {
            for (index, partition) in &topic.partitions {
                let stats = stats.get(&PartitionId { topic: topic.id, index: *index }).copied();
                let leader = leader_there(&image, partition, self.node_id, stats);
                figures.offline_partition_count += usize::from(leader.is_none());
                let Some(stats) = stats else { continue };
                figures.partitions.push(PartitionFigures {
                    topic: topic.name.to_string(),
                    index: *index,
                    leader,
                    is_leader: leader == Some(self.node_id),
                    leader_is_preferred: leader.is_some() && partition.replicas.first() == leader.as_ref(),
                    replica_count: partition.replicas.len(),
                    in_sync_count: partition.isr.len(),
                    log_start_offset: stats.log_start,
                    high_watermark: stats.high_watermark,
                    log_end: stats.log_end,
                    size_bytes: stats.size_bytes,
                });
            }
        }
        figures
    }
}
