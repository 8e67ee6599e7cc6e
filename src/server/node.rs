//! A broker node, put together from its parts.
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tracing::{info, warn};

use super::listener::turning_away;
use super::members::{Members, remembered};
use super::{
    Answer, ConnectionLimits, ConnectionQuota, ListenerStats, MemoryShare, RequestMemory, ServerContext,
    Service, Session, serve,
};
use crate::broker::{
    Cluster, Context, InFlight, Loggers, Outcome, Parts, Peer, balance_leaders, dispatch, feature_ranges,
    features, fence_silent, follow_reassignments, forget_deleted_topics, hand_over_when_due, join_quorum,
    keep_membership, register,
};
use crate::config::{BrokerConfig, Listener, LiveConfig, Settings};
use crate::coordinator::GroupCoordinators;
use crate::io::{self, Io, RngStream, Shutdown, timeout};
use crate::log::{
    JournalFailed, LogConfig, LogDamage, PartitionLog, RecoveryReport, Storage, StorageError, StorageOptions,
};
use crate::metadata::controller::{
    Controller, ControllerConfig, ControllerHandle, ControllerUnavailable, Decision, NewBroker, Quorum,
    bootstrap, register_broker,
};
use crate::metadata::{Endpoint, ImageCell};
use crate::partition::{Maintenance, MaintenanceError, Partitions, start_shards};
use crate::peers::forming::{self, FoundingError};
use crate::types::{NodeId, TopicId, Uuid};
use crate::wire::ApiKey;

/// A frame that has begun, or a reply, must make it across within this time.
const TRANSFER_PATIENCE: Duration = Duration::from_secs(60);
/// Replies that wait in one connection; beyond it the connection is not read.
const PIPELINED_MAX: usize = 128;
/// What stands for "never" where a deadline is needed.
const NEVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Why a node that has started cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum NodeFailed {
    #[error(transparent)]
    Journal(#[from] JournalFailed),
    #[error("a task that owns partitions has ended, which must not be")]
    Shard,
    #[error("the task that exchanges with other nodes has ended, which must not be")]
    Replication,
}

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(
        "listener {name}: {address} is taken by another program: stop that one, or set listeners to another port (--set listeners={name}://HOST:PORT, or listeners in the configuration file)"
    )]
    PortTaken { name: String, address: String },
    #[error("listener {name}: cannot listen on {address}: {cause}; {}", listen_help(cause.kind()))]
    Listen { name: String, address: String, cause: std::io::Error },
    #[error("listener {name}: {address} is not an address: {cause}")]
    Address { name: String, address: String, cause: String },
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error("the cluster's metadata cannot be used: {0}")]
    Metadata(#[from] ControllerUnavailable),
    #[error(
        "the cluster's metadata is damaged: in {directory}, {what}. Without it nothing can be served. Nothing was given up: restore the files of that directory, or the whole data directory, from a copy of the disk, or give up what this node holds by starting it with an empty data directory"
    )]
    MetadataDamaged { directory: String, what: String },
    #[error("the cluster's metadata cannot be written: {0}")]
    Register(Arc<ControllerUnavailable>),
    #[error(transparent)]
    Founding(#[from] FoundingError),
    #[error("the journal failed before this node had joined its cluster: {0}")]
    Journal(JournalFailed),
    #[error(
        "the data directory {directory} belongs to a member of cluster {cluster}, and the configuration names no other nodes: set controller.quorum.bootstrap.servers and controller.listener.names again, or use an empty data directory"
    )]
    MemberAlone { directory: String, cluster: String },
    #[error(
        "the data directory {directory} holds a cluster of one node, and the configuration names others: start it without controller.quorum.bootstrap.servers and controller.quorum.voters, or join them with an empty data directory"
    )]
    LoneMember { directory: String },
}

/// What to do about a socket that cannot be had.
fn listen_help(kind: std::io::ErrorKind) -> &'static str {
    match kind {
        std::io::ErrorKind::AddrNotAvailable => {
            "this machine has no such address: listen on one that it has, or on all with an empty host, and name in \
             advertised.listeners what clients connect to"
        }
        std::io::ErrorKind::PermissionDenied => {
            "ports below 1024 are the superuser's: set listeners to a higher one"
        }
        _ => {
            "set listeners to another address (--set listeners=NAME://HOST:PORT, or listeners in the configuration file)"
        }
    }
}

/// A running node.
pub struct Node {
    io: Io,
    config: Arc<BrokerConfig>,
    context: Arc<Context>,
    storage: Storage,
    maintenance: Maintenance,
    shutdown: Shutdown,
    listeners: Vec<BoundListener>,
    memory: RequestMemory,
    quota: Arc<ConnectionQuota>,
    report: RecoveryReport,
    /// The other nodes, if this one is one of several.
    members: Option<Members>,
    between_nodes: Option<SocketAddr>,
}

/// What a start has taken hold of.
struct Opened {
    sockets: Vec<(Listener, Box<dyn io::Listener>)>,
    between_nodes: Option<(Listener, Box<dyn io::Listener>)>,
    incarnation: Uuid,
    random: Box<dyn RngStream>,
    storage: Storage,
    logs: Vec<PartitionLog>,
    report: RecoveryReport,
}

/// A listener that takes connections.
pub struct BoundListener {
    pub name: String,
    pub address: SocketAddr,
    pub stats: Arc<ListenerStats>,
}

impl Node {
    /// Recovers what the data directory holds, joins the cluster's metadata, and takes connections.
    ///
    /// # Errors
    /// If a port is taken, the storage is damaged beyond what can be served, or the metadata cannot be read.
    pub async fn start(
        io: Io,
        config: Arc<BrokerConfig>,
        settings: Arc<Settings>,
    ) -> Result<Node, StartError> {
        Node::start_with(io, config, settings, Loggers::detached()).await
    }

    /// As [`Node::start`], for a process whose log levels clients may change.
    ///
    /// # Errors
    /// As [`Node::start`].
    pub async fn start_with(
        io: Io,
        config: Arc<BrokerConfig>,
        settings: Arc<Settings>,
        loggers: Loggers,
    ) -> Result<Node, StartError> {
        let live = Arc::new(LiveConfig::new(Arc::clone(&config)));
        let sockets = bind(&io, &config.listeners).await?;
        let mut random = io.rng.stream("identity");
        let incarnation = Uuid(random.identity());
        let between_nodes = match &config.quorum {
            Some(quorum) => bind(&io, std::slice::from_ref(&quorum.listener)).await?.pop(),
            None => None,
        };
        let (storage, logs, report) = open_storage(&io, &config).await?;
        let journal = storage.journal().clone();
        let opened = Opened { sockets, between_nodes, incarnation, random, storage, logs, report };
        // Boxed: it is most of a start.
        let joining = Box::pin(Node::join(io, config, settings, (live, loggers), opened));
        tokio::select! {
            biased;
            // What needs the journal would wait for ever.
            failed = journal.failed() => Err(StartError::Journal(failed)),
            node = joining => node,
        }
    }

    /// The rest of a start, once the storage is open. As one of several it takes until the others are there.
    async fn join(
        io: Io,
        config: Arc<BrokerConfig>,
        settings: Arc<Settings>,
        (live, loggers): (Arc<LiveConfig>, Loggers),
        opened: Opened,
    ) -> Result<Node, StartError> {
        let Opened { mut sockets, between_nodes, incarnation, mut random, storage, logs, report } = opened;
        let shards = config.storage.shards.unwrap_or(1);
        let remembered = remembered(&io, &config, &logs).await;
        let partitions = start_shards(&io, config.node_id, &storage, logs, shards);
        // Before anything asks the shards: what was replayed may fill the memory that requests wait for.
        let maintenance = Maintenance::start(&io, partitions.clone(), storage.clone(), Arc::clone(&live));
        let own = (storage.directory_id(), incarnation);
        let between_nodes_address = between_nodes.as_ref().map(|(_, socket)| socket.local_addr());
        let members = match between_nodes {
            Some((_, socket)) => {
                let joining = Members::join_if(&io, &config, &partitions, own, (socket, remembered));
                turning_away(&mut sockets, joining).await?
            }
            None => None,
        };
        members.iter().for_each(|members| maintenance.repair_from(members.calls()));
        let image = Arc::new(ImageCell::default());
        let of_controller = of_controller(&config, &settings, &live);
        let controller = start_controller(&io, of_controller, &partitions, &image, members.as_ref()).await?;
        let broker = new_broker(&config, own, &sockets, between_nodes_address);
        if members.is_none() {
            let cluster_id = TopicId(random.identity()).to_string();
            register_alone(&controller, cluster_id, broker.clone()).await.map_err(StartError::Register)?;
        }
        let shutdown = Shutdown::new();
        let groups = start_groups(&io, &config, (&partitions, &image), &shutdown);
        let context = Arc::new(Context::new(Parts {
            io: io.clone(),
            live: Arc::clone(&live),
            settings,
            image,
            partitions,
            controller,
            groups,
            cluster: members.as_ref().map(|members| Arc::new(members.cluster())),
            loggers,
            shutdown: shutdown.clone(),
        }));
        let memory = request_memory(&config);
        let quota = ConnectionQuota::new(live, &io);
        if let (Some(members), Some(cluster)) = (&members, &context.cluster) {
            members.serve(&context);
            let joining = join_cluster(&context, cluster, broker);
            turning_away(&mut sockets, joining).await.map_err(StartError::Metadata)?;
        }
        let mut node = Node {
            members,
            between_nodes: between_nodes_address,
            io,
            config,
            context,
            storage,
            maintenance,
            shutdown,
            listeners: Vec::new(),
            memory,
            quota,
            report,
        };
        node.listeners =
            sockets.into_iter().map(|(listener, socket)| node.listen(listener, socket)).collect();
        Ok(node)
    }

    fn listen(&self, listener: Listener, socket: Box<dyn io::Listener>) -> BoundListener {
        let stats = Arc::new(ListenerStats::default());
        let address = socket.local_addr();
        let context = ServerContext {
            io: self.io.clone(),
            service: Arc::new(BrokerService {
                context: Arc::clone(&self.context),
                listener: Arc::from(listener.name.as_str()),
            }),
            limits: connection_limits(&self.config),
            memory: self.memory.clone(),
            reply_memory: self.context.fetch_memory.clone(),
            quota: Arc::clone(&self.quota),
            shutdown: self.shutdown.clone(),
        };
        drop(self.io.spawn.spawn("listener", Box::pin(serve(context, socket, Arc::clone(&stats)))));
        BoundListener { name: listener.name, address, stats }
    }

    /// The listeners, with the ports that were bound.
    #[must_use]
    pub fn listeners(&self) -> &[BoundListener] {
        &self.listeners
    }

    /// Where other nodes reach this one, if it is one of several.
    #[must_use]
    pub fn between_nodes(&self) -> Option<SocketAddr> {
        self.between_nodes
    }

    /// What recovery found.
    #[must_use]
    pub fn recovery(&self) -> &RecoveryReport {
        &self.report
    }

    /// The handles that handlers use, for metrics and tests.
    #[must_use]
    pub fn context(&self) -> &Arc<Context> {
        &self.context
    }

    #[must_use]
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// The id of the cluster that this node belongs to, or is.
    #[must_use]
    pub fn cluster_id(&self) -> Option<String> {
        let of_several = self.context.cluster.as_ref().map(|cluster| cluster.id.clone());
        of_several.or_else(|| self.context.metadata().cluster_id.as_deref().map(str::to_owned))
    }

    /// The memory that requests under way share.
    #[must_use]
    pub fn request_memory(&self) -> &RequestMemory {
        &self.memory
    }

    /// Free bytes of the request memory.
    #[must_use]
    pub fn request_memory_available_bytes(&self) -> usize {
        self.memory.available_bytes()
    }

    /// Completes when the journal has failed, or what owns partitions has ended: nothing more is acknowledged, and only a restart,
    /// which reads the disk again, can help.
    pub async fn failed(&self) -> NodeFailed {
        tokio::select! {
            biased;
            failed = self.storage.journal().failed() => NodeFailed::Journal(failed),
            () = self.context.partitions.ended() => NodeFailed::Shard,
            () = replication_ended(self.members.as_ref()) => NodeFailed::Replication,
        }
    }

    /// Stops: no new connections, what is in flight is answered, memory goes to the segments, the checkpoint
    /// is written, the journal is closed. One log line a step.
    pub async fn shutdown(self) {
        if let Some(members) = self.members {
            // While clients are still served: they find the new leaders at once.
            members.leave(&self.context).await;
        }
        info!("stopping: no new connections are taken");
        self.shutdown.begin();
        let deadline = self.io.clock.now().after(self.config.shutdown_timeout);
        for listener in &self.listeners {
            let open = listener.stats.open();
            if timeout(&*self.io.clock, deadline, listener.stats.drained()).await.is_err() {
                warn!(listener = %listener.name, open = listener.stats.open(),
                    "stopping: some connections are still busy and are cut off");
            } else {
                info!(listener = %listener.name, open, "stopping: connections have been answered and closed");
            }
        }
        match self.maintenance.stop().await {
            Ok(()) if self.storage.journal().failure().is_some() => {
                info!("stopping: what was acknowledged is in the segments, the checkpoint is written");
            }
            Ok(()) => info!("stopping: everything is in the segments, the checkpoint is written"),
            Err(error @ MaintenanceError::Unwritten(_)) => warn!(
                %error,
                "stopping: the checkpoint is written, not everything is in the segments; the next start replays the journal"
            ),
            Err(error) => warn!(%error, "stopping: no final checkpoint; the next start replays the journal"),
        }
        match self.storage.close().await {
            Ok(()) => info!("stopped"),
            Err(error) => warn!(%error, "stopped; the journal had failed"),
        }
    }
}

async fn bind(io: &Io, listeners: &[Listener]) -> Result<Vec<(Listener, Box<dyn io::Listener>)>, StartError> {
    let mut sockets = Vec::with_capacity(listeners.len());
    for listener in listeners {
        let name = || listener.name.clone();
        let address = format!("{}:{}", listener.bind_host(), listener.port);
        let ip: IpAddr = resolve_host(listener.bind_host()).map_err(|cause| StartError::Address {
            name: name(),
            address: address.clone(),
            cause,
        })?;
        let socket = io.net.listen(SocketAddr::new(ip, listener.port)).await.map_err(|cause| {
            if cause.kind() == std::io::ErrorKind::AddrInUse {
                StartError::PortTaken { name: name(), address: address.clone() }
            } else {
                StartError::Listen { name: name(), address: address.clone(), cause }
            }
        })?;
        sockets.push((listener.clone(), socket));
    }
    Ok(sockets)
}

/// The address to bind for a listener's host.
fn resolve_host(host: &str) -> Result<IpAddr, String> {
    if host == "localhost" {
        return Ok(IpAddr::from([127, 0, 0, 1]));
    }
    host.parse().map_err(|_| {
        "a listener binds to an IP address, to localhost, or with an empty host to all addresses; \
         names belong in advertised.listeners"
            .to_owned()
    })
}

fn of_controller(
    start: &Arc<BrokerConfig>,
    settings: &Arc<Settings>,
    live: &Arc<LiveConfig>,
) -> ControllerConfig {
    ControllerConfig { start: Arc::clone(start), settings: Arc::clone(settings), live: Arc::clone(live) }
}

async fn start_controller(
    io: &Io,
    config: ControllerConfig,
    partitions: &Partitions,
    image: &Arc<ImageCell>,
    members: Option<&Members>,
) -> Result<ControllerHandle, ControllerUnavailable> {
    let quorum = members.map_or(Quorum::Lone, Members::quorum);
    Controller::start(io.clone(), config, partitions.clone(), Arc::clone(image), quorum).await
}

fn start_groups(
    io: &Io,
    config: &BrokerConfig,
    (partitions, image): (&Partitions, &Arc<ImageCell>),
    shutdown: &Shutdown,
) -> GroupCoordinators {
    let (partitions, image) = (partitions.clone(), Arc::clone(image));
    let groups = GroupCoordinators::new(io.clone(), partitions, image, config, shutdown.clone());
    drop(io.spawn.spawn("group loading", Box::pin(groups.clone().keep_loaded())));
    groups
}

fn request_memory(config: &BrokerConfig) -> RequestMemory {
    RequestMemory::new(usize::try_from(config.network.queued_request_bytes_max).unwrap_or(usize::MAX))
}

/// Recovers what the data directory holds, and makes sure that the node can be started with it.
pub(super) async fn open_storage(
    io: &Io,
    config: &BrokerConfig,
) -> Result<(Storage, Vec<PartitionLog>, RecoveryReport), StartError> {
    let opened = open_directory(io, config, config.node_id).await?;
    let (_, logs, report) = &opened;
    let of_metadata = |damage: &&LogDamage| damage.partition.topic == TopicId::METADATA;
    if let Some(damage) = report.damaged.iter().find(of_metadata)
        && config.quorum.is_none()
    {
        let (directory, what) = (format!("logs/{}", damage.partition), damage.what.clone());
        return Err(StartError::MetadataDamaged { directory, what });
    }
    let has_metadata = logs.iter().any(|log| log.key().partition.topic == TopicId::METADATA);
    check_founding(io, config, has_metadata).await?;
    Ok(opened)
}

/// Opens a node's data directory as it is.
pub(super) async fn open_directory(
    io: &Io,
    config: &BrokerConfig,
    node: NodeId,
) -> Result<(Storage, Vec<PartitionLog>, RecoveryReport), StorageError> {
    let defaults = Arc::new(LogConfig::default());
    let options = storage_options(config, io);
    Storage::open(io.clone(), node, options, move |_| Arc::clone(&defaults)).await
}

/// What this node says of itself.
fn new_broker(
    config: &BrokerConfig,
    (directory, incarnation): (Uuid, Uuid),
    sockets: &[(Listener, Box<dyn io::Listener>)],
    between_nodes: Option<SocketAddr>,
) -> NewBroker {
    let bound_port = |advertised: &Listener| {
        let socket = sockets.iter().find(|(listener, _)| listener.name == advertised.name);
        socket.map_or(advertised.port, |(_, socket)| socket.local_addr().port())
    };
    let endpoint = |advertised: &Listener, bound: u16| Endpoint {
        listener: advertised.name.clone(),
        host: advertised.host.clone(),
        port: if advertised.port == 0 { bound } else { advertised.port },
    };
    let mut endpoints: Vec<Endpoint> =
        config.advertised_listeners.iter().map(|one| endpoint(one, bound_port(one))).collect();
    if let (Some(quorum), Some(bound)) = (&config.quorum, between_nodes) {
        endpoints.push(endpoint(&quorum.advertised, bound.port()));
    }
    NewBroker {
        node: config.node_id,
        incarnation: TopicId(incarnation.0),
        directory,
        endpoints,
        rack: config.rack.clone(),
        roles: config.roles,
        fenced: config.quorum.is_some(),
        features: feature_ranges(),
    }
}

/// A directory of a node that was alone, and one of a member of a cluster, are not used as the other: what it holds would
/// contradict what others hold.
async fn check_founding(io: &Io, config: &BrokerConfig, has_metadata: bool) -> Result<(), StartError> {
    let held = forming::load(&*io.disk).await?;
    match (held, &config.quorum) {
        (Some(held), None) => Err(StartError::MemberAlone {
            directory: config.data_directory.clone(),
            cluster: held.founding.cluster.to_string(),
        }),
        (None, Some(_)) if has_metadata => {
            Err(StartError::LoneMember { directory: config.data_directory.clone() })
        }
        (Some(_) | None, Some(_)) | (None, None) => Ok(()),
    }
}

/// Never, where there are no other nodes.
async fn replication_ended(members: Option<&Members>) {
    match members {
        Some(members) => members.replication_ended().await,
        None => std::future::pending().await,
    }
}

/// Makes sure that the cluster of one has an id, and this broker its entry.
async fn register_alone(
    controller: &ControllerHandle,
    cluster_id: String,
    broker: NewBroker,
) -> Result<(), Arc<ControllerUnavailable>> {
    controller
        .change(move |image| {
            let mut records = bootstrap(image, &cluster_id, features(true));
            records.extend(register_broker(image, &broker).records);
            Decision { records, reply: () }
        })
        .await
}

/// Registers with the cluster, however long that takes, and goes on doing what a member does.
async fn join_cluster(
    context: &Arc<Context>,
    cluster: &Arc<Cluster>,
    broker: NewBroker,
) -> Result<(), ControllerUnavailable> {
    let spawn = |name, task| drop(context.io.spawn.spawn(name, task));
    // A slow disk makes all that follows long, and what this node leads may be needed for it.
    spawn("hand-over", Box::pin(hand_over_when_due(Arc::clone(context), Arc::clone(cluster))));
    let member = register(context, cluster, broker).await;
    // The image has this registration, and so all that this node knew when it stopped.
    context.controller.remove_orphans().await?;
    // Shards that are gone need not know: the node is ending.
    let _gone = context.partitions.follow_targets().await;
    spawn("membership", Box::pin(keep_membership(Arc::clone(context), Arc::clone(cluster), member)));
    spawn("fencing", Box::pin(fence_silent(Arc::clone(context), Arc::clone(cluster))));
    spawn("balance", Box::pin(balance_leaders(Arc::clone(context), Arc::clone(cluster))));
    spawn("reassignments", Box::pin(follow_reassignments(Arc::clone(context), Arc::clone(cluster))));
    spawn("quorum", Box::pin(join_quorum(Arc::clone(context), Arc::clone(cluster))));
    spawn("deleted-topics", Box::pin(forget_deleted_topics(Arc::clone(context))));
    Ok(())
}

fn storage_options(config: &BrokerConfig, io: &Io) -> StorageOptions {
    let defaults = StorageOptions::default();
    // Where few descriptors are left for connections, there are few for segments.
    let files = io.net.connections_max().map_or(usize::MAX, |connections| connections / 2);
    StorageOptions {
        fd_cache_files: defaults.fd_cache_files.min(files.max(1)),
        journal_file_bytes: config.storage.journal_file_bytes,
        journal_files: config.storage.journal_files,
        journal_replay_bytes: config.storage.tail_memory_bytes,
        place_bytes_min: config.storage.large_batch_bytes,
        tail_budget_bytes: usize::try_from(config.storage.tail_memory_bytes).unwrap_or(usize::MAX),
        ..defaults
    }
}

fn connection_limits(config: &BrokerConfig) -> ConnectionLimits {
    ConnectionLimits {
        frame_bytes_max: config.network.request_bytes_max,
        idle: config.network.connection_idle_max.unwrap_or(NEVER),
        transfer: TRANSFER_PATIENCE,
        pipelined_max: PIPELINED_MAX,
    }
}

/// Hands a connection's frames to the broker.
struct BrokerService {
    context: Arc<Context>,
    listener: Arc<str>,
}

struct BrokerSession {
    context: Arc<Context>,
    peer: Peer,
}

impl Service for BrokerService {
    fn session(&self, peer: SocketAddr) -> Box<dyn Session> {
        let peer =
            Peer { address: peer, listener: Arc::clone(&self.listener), produces: InFlight::default() };
        Box::new(BrokerSession { context: Arc::clone(&self.context), peer })
    }
}

/// Whether a request's answer waits for what other clients do.
fn waits_for_members(frame: &Bytes) -> bool {
    let key = frame.get(..2).and_then(|key| key.try_into().ok()).map(i16::from_be_bytes);
    key.is_some_and(|key| [ApiKey::JoinGroup.key(), ApiKey::SyncGroup.key()].contains(&key))
}

impl Session for BrokerSession {
    fn call<'a>(
        &'a mut self,
        frame: Bytes,
        memory: &'a mut MemoryShare,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        if waits_for_members(&frame) {
            // It may wait for minutes; what the group keeps of it, its coordinator counts.
            memory.release();
        }
        Box::pin(async move {
            match dispatch(&self.context, &self.peer, frame).await {
                Outcome::Now(frame) => Answer::Now(frame),
                Outcome::Later(receiver) => Answer::Later(receiver),
                Outcome::Nothing => Answer::Nothing,
                Outcome::Close(reason) => Answer::Close(reason),
                Outcome::CloseTold(reason) => Answer::CloseTold(reason),
            }
        })
    }
}
