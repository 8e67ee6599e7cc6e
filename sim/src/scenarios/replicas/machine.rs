//! The nodes' machines: their processes, and the supervisor that starts them again.
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ordain::config::{Inputs, LiveConfig, load};
use ordain::io::Io;
use ordain::log::{LogConfig, Storage, StorageOptions};
use ordain::partition::{
    LateService, Maintenance, NodeAddress, PartitionSpec, PeerSetup, Replication, start_shards,
};
use ordain::peers::{FRAME_BYTES_LEAST, Identity, PeerOptions, PeerTiming, Presence};
use ordain::types::{NodeId, Uuid};
use ordain::wire::Text;
use tokio::sync::mpsc;

use super::machine_name;
use super::plan::Plan;
use super::world::World;
use crate::cluster::{Cluster, NodeHandle};
use crate::rng::Stream;
use crate::scenarios::Violation;
use crate::world::lock;

const PORT: u16 = 9090;
/// Exits that wait for the supervisor.
const EXITS_MAX: usize = 1024;

pub(super) struct Machines {
    cluster: Cluster,
    world: Arc<World>,
    nodes: BTreeMap<NodeId, NodeHandle>,
    exits: tokio::sync::Mutex<mpsc::Receiver<Exit>>,
    /// The receiver outlives the programs.
    _sender: mpsc::Sender<Exit>,
    runs: Runs,
    paused: Arc<Mutex<Vec<NodeId>>>,
    /// From now on no power fails that was to fail at some operation.
    calm: Arc<AtomicBool>,
}

/// The number of each node's present run.
type Runs = Arc<Mutex<BTreeMap<NodeId, u64>>>;

struct Exit {
    node: NodeId,
    run: u64,
    why: String,
}

impl Machines {
    pub(super) fn start_up(cluster: &Cluster, world: &Arc<World>) -> Machines {
        let (sender, exits) = mpsc::channel(EXITS_MAX);
        let runs = Runs::default();
        let mut nodes = BTreeMap::new();
        for id in world.plan.node_ids() {
            nodes.insert(id, cluster.add_node(&machine_name(id)));
        }
        for (&id, node) in &nodes {
            let (world, sender, runs, notes) =
                (Arc::clone(world), sender.clone(), Arc::clone(&runs), cluster.clone());
            node.start(move |io| {
                run(io, id, Arc::clone(&world), Arc::clone(&runs), sender.clone(), notes.clone())
            });
        }
        Machines {
            cluster: cluster.clone(),
            world: Arc::clone(world),
            nodes,
            exits: tokio::sync::Mutex::new(exits),
            _sender: sender,
            runs,
            paused: Arc::default(),
            calm: Arc::default(),
        }
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = (NodeId, &NodeHandle)> {
        self.nodes.iter().map(|(&id, node)| (id, node))
    }

    pub(super) fn named(&self, name: &str) -> Option<(NodeId, &NodeHandle)> {
        self.nodes().find(|(_, node)| node.name() == name)
    }

    /// It is gone from one moment to the next.
    pub(super) fn down(&self, id: NodeId, kill: impl FnOnce(&NodeHandle)) {
        let Some(node) = self.nodes.get(&id) else { return };
        if node.is_running() {
            lock(&self.paused).retain(|&paused| paused != id);
            kill(node);
            self.world.leave(id);
        }
    }

    /// What a loss of power does, for later; nothing from [`Machines::calm`] on.
    pub(super) fn power_failure(&self, id: NodeId) -> Box<dyn FnOnce() + Send> {
        let (node, world) = (self.nodes.get(&id).cloned(), Arc::clone(&self.world));
        let (paused, calm) = (Arc::clone(&self.paused), Arc::clone(&self.calm));
        Box::new(move || {
            if let Some(node) = node
                && node.is_running()
                && !calm.load(Ordering::Relaxed)
            {
                lock(&paused).retain(|&one| one != id);
                let _lost = node.power_fail();
                world.leave(id);
            }
        })
    }

    /// The faults are over.
    pub(super) fn calm(&self) {
        self.calm.store(true, Ordering::Relaxed);
    }

    pub(super) fn up(&self, id: NodeId) {
        if let Some(node) = self.nodes.get(&id)
            && !node.is_running()
        {
            node.restart();
        }
    }

    pub(super) fn pause(&self, id: NodeId) {
        if let Some(node) = self.nodes.get(&id)
            && node.is_running()
            && !lock(&self.paused).contains(&id)
        {
            lock(&self.paused).push(id);
            node.pause();
        }
    }

    pub(super) fn resume(&self, id: NodeId) {
        let mut paused = lock(&self.paused);
        if paused.contains(&id)
            && let Some(node) = self.nodes.get(&id)
        {
            paused.retain(|&one| one != id);
            node.resume();
        }
    }

    /// Starts processes again that have ended by themselves.
    pub(super) async fn supervise(&self, rng: &mut Stream) -> Violation {
        loop {
            let exit = self.exits.lock().await.recv().await.expect("there is a sender here");
            let is_present = lock(&self.runs).get(&exit.node) == Some(&exit.run);
            if !is_present || !self.nodes.get(&exit.node).is_some_and(NodeHandle::is_running) {
                continue;
            }
            self.cluster.note(format_args!("node {} has ended: {}", exit.node, exit.why));
            self.down(exit.node, NodeHandle::crash);
            let pause = rng.duration(Duration::from_millis(1), Duration::from_millis(1000));
            self.cluster.sleep(pause).await;
            self.up(exit.node);
        }
    }
}

async fn run(io: Io, id: NodeId, world: Arc<World>, runs: Runs, exits: mpsc::Sender<Exit>, cluster: Cluster) {
    let run = {
        let mut runs = lock(&runs);
        let run = runs.entry(id).or_default();
        *run += 1;
        *run
    };
    let why = live(io, id, &world, &cluster).await;
    world.leave(id);
    // The supervisor is gone only when the simulation is.
    drop(exits.send(Exit { node: id, run, why }).await);
}

pub(super) fn storage_options(plan: &Plan) -> StorageOptions {
    StorageOptions {
        journal_file_bytes: plan.journal_file_bytes,
        journal_files: 3,
        tail_budget_bytes: plan.tail_bytes,
        ..StorageOptions::default()
    }
}

pub(super) fn log_config(plan: &Plan) -> LogConfig {
    LogConfig { segment_bytes: plan.segment_bytes, ..LogConfig::default() }
}

async fn live(io: Io, id: NodeId, world: &World, cluster: &Cluster) -> String {
    let plan = &world.plan;
    let config = log_config(plan);
    let opened = Storage::open(io.clone(), id, storage_options(plan), move |_| config.clone()).await;
    let (storage, logs, report) = match opened {
        Ok(opened) => opened,
        Err(error) => return error.to_string(),
    };
    cluster.note(format_args!("node {id} runs: {report:?}"));
    let directory = storage.directory_id();
    let voters = loop {
        match world.voters(id, directory) {
            Some(voters) => break voters,
            None => io.clock.sleep(Duration::from_millis(20)).await,
        }
    };
    let partitions = start_shards(&io, id, &storage, logs, plan.shards);
    let overrides = ["listeners=PLAINTEXT://127.0.0.1:0".to_owned(), format!("node.id={id}")];
    let inputs = Inputs { file: None, environment: &[], overrides: &overrides };
    let live =
        Arc::new(LiveConfig::new(Arc::new(load(&inputs, None).expect("the configuration is right").broker)));
    let _maintenance = Maintenance::start(&io, partitions.clone(), storage.clone(), live);
    let listener = match io.net.listen(SocketAddr::from(([0, 0, 0, 0], PORT))).await {
        Ok(listener) => listener,
        Err(error) => return format!("the port cannot be bound: {error}"),
    };
    let identity = Identity {
        cluster: Some(Text::from_static("replicas")),
        node: id,
        directory,
        incarnation: Uuid(io.rng.stream("incarnation").bytes16()),
        frame_bytes_max: FRAME_BYTES_LEAST,
    };
    let address = |node: NodeId| (node, NodeAddress { host: machine_name(node), port: PORT });
    let others = plan.node_ids().filter(|&node| node != id).map(address).collect();
    let setup = PeerSetup {
        node: id,
        options: peer_options(),
        presence: Presence { identity: Arc::new(move || Some(identity.clone())), introductions: None },
        service: Arc::new(LateService::default()),
    };
    let replication = Replication::start(&io, &partitions, setup, listener, others);
    let specs = plan.partition_ids().map(|id| PartitionSpec {
        id,
        topic: "replicated".into(),
        voters: voters.clone(),
        config: log_config(plan),
    });
    if let Err(error) = partitions.create(specs.collect()).await {
        return format!("the partitions cannot be created: {error}");
    }
    world.join(id, partitions);
    let failed = storage.journal().failed().await;
    world.leave(id);
    replication.stop().await;
    failed.to_string()
}

fn peer_options() -> PeerOptions {
    let (heartbeat, silence) = (Duration::from_millis(100), Duration::from_millis(500));
    PeerOptions {
        timing: PeerTiming::new(heartbeat, silence).expect("five heartbeats"),
        handshake: Duration::from_secs(2),
        transfer: Duration::from_secs(5),
        frame_bytes_max: FRAME_BYTES_LEAST,
        backoff_least: Duration::from_millis(50),
        backoff_most: Duration::from_secs(1),
        nodes_max: 10,
    }
}
