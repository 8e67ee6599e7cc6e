//! A node as one of several: it finds or founds its cluster, replicates with the others, and registers its broker.
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tracing::info;

use super::StartError;
use crate::broker::{Claims, Cluster, Context, dispatch_from_node};
use crate::config::{BrokerConfig, QuorumConfig};
use crate::io::{Io, Listener, Shutdown};
use crate::log::PartitionLog;
use crate::metadata::MetadataImage;
use crate::metadata::controller::{METADATA_PARTITION, OnDisk, Quorum, image_on_disk};
use crate::partition::{
    CallService, HandOverTerms, LateService, NodeAddress, Partitions, PartitionsClosed, PeerCall, PeerCalls,
    PeerSetup, Replication,
};
use crate::peers::forming::{Acquaintance, Founder, Member, Server};
use crate::peers::{FRAME_BYTES_LEAST, Founding, Identity, PeerOptions, PeerTiming, Presence, Whereabouts};
use crate::probe::{Mutant, mutant};
use crate::types::{Instant, NodeId, Uuid};

/// How often a node says that it is there, and how long it may be silent until its followers elect another leader.
const HEARTBEAT: Duration = Duration::from_millis(100);
const SILENCE: Duration = Duration::from_millis(500);
/// How often a node looks whether it can reach the metadata's leader, once it could.
const LEADER_LOOK: Duration = Duration::from_secs(1);
/// From connect to the answered hello.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// For one frame to pass.
const TRANSFER: Duration = Duration::from_secs(30);
const BACKOFF_LEAST: Duration = Duration::from_millis(50);
const BACKOFF_MOST: Duration = Duration::from_secs(1);
/// How many other nodes there may be.
const NODES_MAX: usize = 1000;
/// What a frame between nodes holds beside the largest request, in bytes.
const FRAME_EXTRA_BYTES: usize = 1 << 20;
/// How long a node that stops waits until the cluster knows that.
const DRAIN_PATIENCE: Duration = Duration::from_secs(2);
/// How long the leaders of a node that stops may take to hand over.
const HAND_OVER_PATIENCE: Duration = Duration::from_secs(10);
/// How long clients that write to a node which has handed over all are served still, and told who leads instead. The node that they ask
/// then may hear of that a moment later; a client that was told of the former leader, and finds its connection closed, may wait for a second.
const CLIENTS_MOVE: Duration = Duration::from_millis(250);
/// How often it is said how many are left.
const HAND_OVER_TOLD: Duration = Duration::from_secs(1);

/// The other nodes of the cluster that this node belongs to.
pub(super) struct Members {
    io: Io,
    own: NodeId,
    config: QuorumConfig,
    replication: Arc<Replication>,
    founder: Founder,
    service: LateService,
    founding: Founding,
    /// Where nodes answered at the addresses that are configured.
    answered: Arc<Mutex<BTreeMap<NodeId, NodeAddress>>>,
    whereabouts: Whereabouts,
    stop: Shutdown,
}

/// What a node needs to be one of several.
struct Joining<'a> {
    io: &'a Io,
    config: &'a BrokerConfig,
    quorum: &'a QuorumConfig,
    partitions: &'a Partitions,
    /// Of the data directory.
    directory: Uuid,
    /// Drawn at this start of the process.
    incarnation: Uuid,
    socket: Box<dyn Listener>,
    /// Where the metadata on the disk say that nodes are.
    remembered: BTreeMap<NodeId, NodeAddress>,
}

impl Claims for Whereabouts {
    fn alone(&self, node: NodeId) -> Option<(Uuid, Instant)> {
        Whereabouts::alone(self, node)
    }

    fn address(&self, node: NodeId) -> Option<(String, u16)> {
        self.met().remove(&node).map(|NodeAddress { host, port }| (host, port))
    }
}

impl Members {
    /// Joins the cluster that the configuration leads to, if it names one.
    ///
    /// # Errors
    /// As [`Members::join`].
    pub(super) async fn join_if(
        io: &Io,
        config: &BrokerConfig,
        partitions: &Partitions,
        (directory, incarnation): (Uuid, Uuid),
        (socket, remembered): (Box<dyn Listener>, BTreeMap<NodeId, NodeAddress>),
    ) -> Result<Option<Members>, StartError> {
        let Some(quorum) = &config.quorum else { return Ok(None) };
        let joining = Joining { io, config, quorum, partitions, directory, incarnation, socket, remembered };
        Members::join(joining).await.map(Some)
    }

    /// Opens the listener for nodes, and waits until this node belongs to a cluster.
    ///
    /// # Errors
    /// If what the data directory holds of the cluster cannot be read, or be kept.
    async fn join(joining: Joining<'_>) -> Result<Members, StartError> {
        let Joining { io, config, quorum, partitions, directory, incarnation, socket, remembered } = joining;
        let own = config.node_id;
        let servers = quorum.servers.iter().map(|server| Server {
            address: NodeAddress { host: server.host.clone(), port: server.port },
            node: server.node,
        });
        let member = Member { node: own, directory, incarnation, roles: config.roles };
        let founder = Founder::open(io, member, servers.collect()).await?;
        let cluster: Arc<OnceLock<_>> = Arc::default();
        let known = Arc::clone(&cluster);
        let options = peer_options(config);
        let identity = move || {
            known.get().map(|cluster: &crate::wire::Text| Identity {
                cluster: Some(cluster.clone()),
                node: own,
                directory,
                incarnation,
                frame_bytes_max: options.frame_bytes_max,
            })
        };
        let port =
            if quorum.advertised.port == 0 { socket.local_addr().port() } else { quorum.advertised.port };
        let whereabouts = Whereabouts::at(NodeAddress { host: quorum.advertised.host.clone(), port });
        for (node, address) in remembered.into_iter().filter(|(node, _)| *node != own) {
            whereabouts.meet(node, address, NODES_MAX);
        }
        let service = LateService::default();
        let setup = PeerSetup {
            node: own,
            options,
            presence: Presence {
                identity: Arc::new(identity),
                introductions: Some(Arc::new(founder.clone())),
                for_clients: for_clients(config),
                whereabouts: whereabouts.clone(),
            },
            service: Arc::new(service.clone()),
        };
        let replication = Replication::start(io, partitions, setup, socket, BTreeMap::new());
        let joined = founder.form().await?;
        info!(cluster = %joined.founding.cluster, voters = %joined.founding.voters, "this node belongs to a cluster");
        cluster.get_or_init(|| joined.founding.cluster.clone());
        replication.set_nodes(joined.addresses.clone());
        Ok(Members {
            io: io.clone(),
            own,
            config: quorum.clone(),
            replication: Arc::new(replication),
            founder,
            service,
            founding: joined.founding,
            answered: Arc::new(Mutex::new(joined.addresses)),
            whereabouts,
            stop: Shutdown::new(),
        })
    }

    /// Who votes on the metadata.
    pub(super) fn quorum(&self) -> Quorum {
        Quorum::Founded { voters: self.founding.voters.clone(), calls: self.replication.calls() }
    }

    /// Completes when nothing is exchanged with other nodes any more.
    pub(super) async fn replication_ended(&self) {
        self.replication.ended().await;
    }

    /// The way to other nodes.
    pub(super) fn calls(&self) -> PeerCalls {
        self.replication.calls()
    }

    /// What handlers use of it.
    pub(super) fn cluster(&self) -> Cluster {
        let id = self.founding.cluster.to_string();
        let founders = self.founding.voters.keys().iter().map(|key| key.node).collect();
        let claims = Box::new(self.whereabouts.clone());
        Cluster::new(
            id,
            founders,
            (self.replication.calls(), self.replication.doubts()),
            claims,
            &self.config,
        )
    }

    /// Answers what other nodes ask, and stays connected to whoever the metadata says is there.
    pub(super) fn serve(&self, context: &Arc<Context>) {
        self.service.set(Arc::new(NodeService { context: Arc::clone(context) }));
        let (founder, answered) = (self.founder.clone(), Arc::clone(&self.answered));
        let following = follow_addresses(
            Arc::clone(context),
            (self.own, self.config.listener.name.clone()),
            Arc::clone(&self.replication),
            (Arc::clone(&answered), self.whereabouts.clone()),
        );
        let known = Known {
            context: Arc::clone(context),
            own: (self.own, self.whereabouts.clone()),
            listener: self.config.listener.name.clone(),
            answered,
        };
        let told = known.clone();
        founder
            .tell_leader(Box::new(move || told.leader().filter(|_| !mutant(Mutant::ClusterTellsNoLeader))));
        let clock = Arc::clone(&self.io.clock);
        let learning = async move {
            loop {
                founder.keep_introducing(known.clone()).await;
                // Who leads later may be new, too: before this node follows, it is in nobody's metadata, and has none of its own.
                while known.knows_leader() || mutant(Mutant::ClusterLearnsOnce) {
                    clock.sleep(LEADER_LOOK).await;
                }
            }
        };
        let stop = self.stop.clone();
        let both = async move {
            tokio::select! {
                biased;
                () = stop.begun() => {}
                () = async { tokio::join!(following, learning).0 } => {}
            }
        };
        drop(self.io.spawn.spawn("members", Box::pin(both)));
    }

    /// Lets others lead what this node leads, as far as they can, and closes the connections to them.
    pub(super) async fn leave(self, context: &Context) {
        let mut terms =
            HandOverTerms { to_anybody: true, at_once_max: usize::MAX, ..HandOverTerms::default() };
        if let Some(cluster) = &context.cluster {
            cluster.drain(context, self.io.clock.now().after(DRAIN_PATIENCE)).await;
            terms = cluster.hand_over_terms(context);
        }
        match self.hand_over(context, terms).await {
            Ok((led, 0)) => {
                info!("stopping: other nodes lead what this one led");
                if led > 0 {
                    self.io.clock.sleep(CLIENTS_MOVE).await;
                }
            }
            Ok((_, left)) => {
                tracing::warn!(left, "stopping: nobody has taken over the rest of what this node leads")
            }
            Err(error) => tracing::warn!(%error, "stopping: nothing was handed over"),
        }
        self.stop.begin();
        // The others elect leaders as soon as the connections are closed: this one must not answer reads beside them.
        if let Err(error) = context.partitions.resign().await {
            tracing::warn!(%error, "stopping: this node may still take itself for a leader");
        }
        self.replication.stop().await;
    }

    /// Waits until others lead what they can, and says every now and then how much is left. Gives how much it was, and how much is left.
    async fn hand_over(
        &self,
        context: &Context,
        terms: HandOverTerms,
    ) -> Result<(usize, usize), PartitionsClosed> {
        let (clock, leaderships) = (&*self.io.clock, context.partitions.leaderships());
        let leads =
            leaderships.ids().into_iter().filter(|&id| leaderships.of(id).is_some_and(|one| one.serving));
        let led = leads.count();
        info!(leads = led, "stopping: handing over what this node leads");
        let deadline = clock.now().after(HAND_OVER_PATIENCE);
        loop {
            let until = clock.now().after(HAND_OVER_TOLD).min(deadline);
            let left = context.partitions.hand_over(terms.clone(), clock, until).await?;
            if left == 0 || clock.now() >= deadline {
                return Ok((led, left));
            }
            info!(left, "stopping: others have still to take over what this node leads");
        }
    }
}

/// What a node knows of where others are, beside its metadata.
#[derive(Clone)]
struct Known {
    context: Arc<Context>,
    own: (NodeId, Whereabouts),
    listener: String,
    answered: Arc<Mutex<BTreeMap<NodeId, NodeAddress>>>,
}

impl Known {
    /// Who leads the metadata, and where that node listens for others; `None` if one or the other is not known.
    fn leader(&self) -> Option<(NodeId, NodeAddress)> {
        let leader = self.context.partitions.leaderships().of(METADATA_PARTITION)?.leader?;
        let (own, whereabouts) = &self.own;
        if leader == *own {
            return Some((leader, whereabouts.own.clone()?));
        }
        let image = self.context.metadata();
        let at = lock(&self.answered).get(&leader).cloned();
        let at = at.or_else(|| registered_at(&image, leader, &self.listener));
        Some((leader, at.or_else(|| whereabouts.met().remove(&leader))?))
    }
}

impl Acquaintance for Known {
    fn answered(&mut self, node: NodeId, address: &NodeAddress) {
        lock(&self.answered).insert(node, address.clone());
    }

    fn leader_is_at(&mut self, node: NodeId, address: &NodeAddress) {
        self.own.1.meet(node, address.clone(), NODES_MAX);
    }

    fn knows_leader(&self) -> bool {
        self.leader().is_some()
    }

    fn knows_node(&self, server: &Server) -> bool {
        let image = self.context.metadata();
        let is_registered = image.registrations().any(|(node, registered)| {
            let at = registered_at(&image, node, &self.listener);
            // The metadata may know a node that is away by another name of its machine than the configuration does.
            let may_be =
                || server.node == Some(node) || at.as_ref().is_some_and(|at| at.may_be(&server.address));
            at.as_ref() == Some(&server.address) || (registered.fenced && may_be())
        });
        is_registered || self.own.1.met().values().any(|at| *at == server.address)
    }
}

/// Where nodes were by the metadata on the disk, committed or not. A majority that has lost a node of the configuration may have
/// to elect before anybody knows what is committed, and among them two that know each other from there alone.
pub(super) async fn remembered(
    io: &Io,
    config: &BrokerConfig,
    logs: &[PartitionLog],
) -> BTreeMap<NodeId, NodeAddress> {
    let Some(quorum) = &config.quorum else { return BTreeMap::new() };
    let log = logs.iter().find(|log| log.key().partition == METADATA_PARTITION);
    if log.is_none() || mutant(Mutant::ClusterForgetsAddresses) {
        return BTreeMap::new();
    }
    let OnDisk { image, unreadable, .. } = image_on_disk(io, log).await;
    if let Some(error) = unreadable {
        // The start goes on: what is wrong with them is for whoever needs them to say. Where nodes were before is a hint, too.
        tracing::warn!(%error, "the metadata on the disk do not tell all that they held of where other nodes are");
    }
    let at = |node| registered_at(&image, node, &quorum.listener.name);
    image.registrations().filter_map(|(node, _)| Some((node, at(node)?))).collect()
}

fn registered_at(image: &MetadataImage, node: NodeId, listener: &str) -> Option<NodeAddress> {
    let broker = image.registered(node)?;
    let endpoint = broker.endpoints.iter().find(|endpoint| endpoint.listener == listener)?;
    Some(NodeAddress { host: endpoint.host.clone(), port: endpoint.port })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn peer_options(config: &BrokerConfig) -> PeerOptions {
    PeerOptions {
        timing: PeerTiming::new(HEARTBEAT, SILENCE).expect("the silence is several heartbeats"),
        handshake: HANDSHAKE,
        transfer: TRANSFER,
        frame_bytes_max: config
            .network
            .request_bytes_max
            .saturating_add(FRAME_EXTRA_BYTES)
            .clamp(FRAME_BYTES_LEAST, i32::MAX as usize),
        backoff_least: BACKOFF_LEAST,
        backoff_most: BACKOFF_MOST,
        nodes_max: NODES_MAX,
    }
}

/// Where clients find this node, as far as the configuration says that.
fn for_clients(config: &BrokerConfig) -> Option<NodeAddress> {
    let first = config.advertised_listeners.iter().find(|listener| listener.port != 0)?;
    Some(NodeAddress { host: first.host.clone(), port: first.port })
}

/// Tells the exchange with other nodes where they are: as they answered at the configured addresses, else as they registered,
/// else as they said when they connected (a node whose disk was replaced may know of the metadata's leader in no other way), else
/// as the metadata on the disk had it at the start.
async fn follow_addresses(
    context: Arc<Context>,
    (own, listener): (NodeId, String),
    replication: Arc<Replication>,
    (answered, whereabouts): (Arc<Mutex<BTreeMap<NodeId, NodeAddress>>>, Whereabouts),
) {
    /// Addresses that are learned otherwise are taken up within this time.
    const LOOK_AGAIN: Duration = Duration::from_secs(1);
    let clock = Arc::clone(&context.io.clock);
    let mut told = BTreeMap::new();
    let mut seen: Option<Arc<MetadataImage>> = None;
    loop {
        let image = context.metadata();
        let mut nodes: BTreeMap<NodeId, NodeAddress> = image
            .registrations()
            .filter_map(|(node, _)| Some((node, registered_at(&image, node, &listener)?)))
            .collect();
        for (node, address) in whereabouts.met() {
            nodes.entry(node).or_insert(address);
        }
        nodes.extend(lock(&answered).iter().map(|(&node, address)| (node, address.clone())));
        nodes.remove(&own);
        if nodes != told {
            replication.set_nodes(nodes.clone());
            told = nodes;
        }
        let again = clock.now().after(LOOK_AGAIN);
        let is_same = |new: &MetadataImage| seen.as_ref().is_some_and(|seen| std::ptr::eq(new, &**seen));
        let changed = context.image.once(|new, _| !is_same(new));
        let _whichever_came_first = crate::io::timeout(&*clock, again, changed).await;
        seen = Some(image);
    }
}

/// Answers other nodes through the broker.
struct NodeService {
    context: Arc<Context>,
}

impl CallService for NodeService {
    fn call(&self, from: NodeId, call: PeerCall) -> Pin<Box<dyn Future<Output = Option<Bytes>> + Send>> {
        let context = Arc::clone(&self.context);
        Box::pin(async move { dispatch_from_node(&context, from, call).await })
    }
}
