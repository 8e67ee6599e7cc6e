//! Several nodes, each on a machine of its own: their processes, what goes wrong among them, and what must hold of their
//! replicas whatever runs above these.
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ordain::io::{Io, Shutdown};
use ordain::probe::{Condition, sometimes};
use ordain::types::NodeId;
use tokio::sync::mpsc;

use super::Violation;
use crate::cluster::{Cluster, NodeHandle};
use crate::disk::PowerLoss;
use crate::fault_atlas::FaultAtlas;
use crate::rng::Stream;
use crate::world::lock;

pub(super) mod disks;
pub(super) mod faults;
pub(super) mod links;
mod malformed;
pub(super) mod moments;
mod promises;
mod raft;
mod settled;
mod states;
mod watch;

pub(super) use malformed::MalformedWatch;
pub(super) use raft::{RaftWatch, Run as ReplicaRun, only_show};
pub(super) use settled::{Replicas, Stats, unlike};
pub(super) use states::{StateWatch, where_unlike};
pub(super) use watch::Watch;

/// Exits that wait for the supervisor.
const EXITS_MAX: usize = 1024;

/// The machines of the nodes, and the supervisor that starts their processes again.
pub(super) struct Fleet {
    cluster: Cluster,
    nodes: BTreeMap<NodeId, NodeHandle>,
    exits: tokio::sync::Mutex<mpsc::Receiver<Exit>>,
    /// The receiver outlives the programs.
    _sender: mpsc::Sender<Exit>,
    runs: Arc<Mutex<BTreeMap<NodeId, Run>>>,
    paused: Arc<Mutex<Vec<NodeId>>>,
    gone: Gone,
    /// From now on no power fails that was to fail at some operation.
    calm: Arc<AtomicBool>,
    /// How often each was put down.
    downs: Mutex<BTreeMap<NodeId, u64>>,
    /// Those that are down for good.
    retired: Mutex<BTreeSet<NodeId>>,
    weak: Vec<WeakDisk>,
    /// Those whose disk has lost what it held, or a part of it.
    has_lost: Mutex<BTreeSet<NodeId>>,
}

/// A disk that may lose what it holds bit by bit.
#[derive(Clone)]
pub(super) struct WeakDisk {
    pub(super) node: NodeId,
    /// What it has lost.
    pub(super) atlas: FaultAtlas,
}

/// Told when a node's process is no more.
pub(super) type Gone = Arc<dyn Fn(NodeId) + Send + Sync>;

/// How a process has ended by itself, or that it should not have come so far.
pub(super) type Ended = Result<End, Violation>;

/// What follows when a process has ended by itself, and why it has.
pub(super) enum End {
    /// It is started again.
    Over(String),
    /// Its disk cannot be used any more: it is started again with an empty one.
    DiskLost(String),
}

/// A node's present run.
#[derive(Default)]
struct Run {
    number: u64,
    /// Asks it to stop.
    stop: Option<Shutdown>,
}

struct Exit {
    node: NodeId,
    run: u64,
    ended: Ended,
}

/// The name of a node's machine.
pub(super) fn machine_name(node: NodeId) -> String {
    format!("n{}", node.0)
}

impl Fleet {
    /// Starts `program` on a machine for each of the nodes, and again after each end of it.
    pub(super) fn start_up<F>(
        cluster: &Cluster,
        ids: impl Iterator<Item = NodeId>,
        gone: Gone,
        program: impl Fn(NodeHandle, Io, NodeId, Shutdown) -> F + Send + Sync + 'static,
    ) -> Fleet
    where
        F: Future<Output = Ended> + Send + 'static,
    {
        let (sender, exits) = mpsc::channel(EXITS_MAX);
        let runs: Arc<Mutex<BTreeMap<NodeId, Run>>> = Arc::default();
        let nodes: BTreeMap<NodeId, NodeHandle> =
            ids.map(|id| (id, cluster.add_node(&machine_name(id)))).collect();
        let program = Arc::new(program);
        for (&id, node) in &nodes {
            let (program, sender, runs, gone) =
                (Arc::clone(&program), sender.clone(), Arc::clone(&runs), Arc::clone(&gone));
            let handle = node.clone();
            node.start(move |io| {
                let stop = Shutdown::new();
                let run = {
                    let mut runs = lock(&runs);
                    let run = runs.entry(id).or_default();
                    run.number += 1;
                    run.stop = Some(stop.clone());
                    run.number
                };
                let (running, sender, gone) =
                    (program(handle.clone(), io, id, stop), sender.clone(), Arc::clone(&gone));
                async move {
                    let ended = running.await;
                    gone(id);
                    // The supervisor is gone only when the simulation is.
                    drop(sender.send(Exit { node: id, run, ended }).await);
                }
            });
        }
        Fleet {
            cluster: cluster.clone(),
            nodes,
            exits: tokio::sync::Mutex::new(exits),
            _sender: sender,
            runs,
            paused: Arc::default(),
            gone,
            calm: Arc::default(),
            downs: Mutex::default(),
            retired: Mutex::default(),
            weak: Vec::new(),
            has_lost: Mutex::default(),
        }
    }

    /// With nodes whose disks are weak.
    pub(super) fn with_weak_disks(self, weak: Vec<WeakDisk>) -> Fleet {
        Fleet { weak, ..self }
    }

    pub(super) fn weak_disks(&self) -> &[WeakDisk] {
        &self.weak
    }

    /// The disk of a node, if it is weak.
    pub(super) fn weak_disk(&self, id: NodeId) -> Option<&WeakDisk> {
        self.weak.iter().find(|weak| weak.node == id)
    }

    /// A node has got an empty disk.
    fn wipe(&self, id: NodeId) {
        self.node(id).disk().wipe();
        self.note_loss(id);
    }

    /// A disk has lost what it held, or a part of it.
    fn note_loss(&self, id: NodeId) {
        let mut has_lost = lock(&self.has_lost);
        has_lost.insert(id);
        if has_lost.len() >= 2 {
            sometimes(Condition::ClusterTwoDisksLost);
        }
    }

    /// Looks at what is destroyed on weak disks.
    fn note_damage(&self) {
        let nodes = self.weak.iter().map(|weak| weak.node);
        nodes.filter(|&id| !self.node(id).disk().damaged().is_empty()).for_each(|id| self.note_loss(id));
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = (NodeId, &NodeHandle)> {
        self.nodes.iter().map(|(&id, node)| (id, node))
    }

    /// # Panics
    /// If there is no such node.
    pub(super) fn node(&self, id: NodeId) -> &NodeHandle {
        &self.nodes[&id]
    }

    pub(super) fn named(&self, name: &str) -> Option<(NodeId, &NodeHandle)> {
        self.nodes().find(|(_, node)| node.name() == name)
    }

    /// It is gone from one moment to the next.
    pub(super) fn down(&self, id: NodeId, kill: impl FnOnce(&NodeHandle)) {
        let Some(node) = self.nodes.get(&id) else { return };
        *lock(&self.downs).entry(id).or_default() += 1;
        if node.is_running() {
            lock(&self.paused).retain(|&paused| paused != id);
            kill(node);
            (self.gone)(id);
        }
    }

    /// What a loss of power does, for later; nothing from [`Fleet::calm`] on.
    fn power_failure(&self, id: NodeId, loss: Option<PowerLoss>) -> Box<dyn FnOnce() + Send> {
        self.ends_later(id, move |node| node.fail_power(loss))
    }

    /// What a death of the process alone does, likewise.
    fn death(&self, id: NodeId) -> Box<dyn FnOnce() + Send> {
        self.ends_later(id, NodeHandle::crash)
    }

    fn ends_later(
        &self,
        id: NodeId,
        kill: impl FnOnce(&NodeHandle) + Send + 'static,
    ) -> Box<dyn FnOnce() + Send> {
        let (node, gone) = (self.nodes.get(&id).cloned(), Arc::clone(&self.gone));
        let (paused, calm) = (Arc::clone(&self.paused), Arc::clone(&self.calm));
        Box::new(move || {
            if let Some(node) = node
                && node.is_running()
                && !calm.load(Ordering::Relaxed)
            {
                lock(&paused).retain(|&one| one != id);
                kill(&node);
                gone(id);
            }
        })
    }

    /// The faults are over.
    fn calm(&self) {
        self.calm.store(true, Ordering::Relaxed);
    }

    /// Asks the process to stop, if it runs.
    pub(super) fn stop(&self, id: NodeId) {
        if let Some(stop) = lock(&self.runs).get(&id).and_then(|run| run.stop.as_ref()) {
            stop.begin();
        }
    }

    /// Nothing starts it any more once it is down.
    pub(super) fn retire(&self, id: NodeId) {
        lock(&self.retired).insert(id);
    }

    pub(super) fn is_retired(&self, id: NodeId) -> bool {
        lock(&self.retired).contains(&id)
    }

    /// It is started, if it is down and may run.
    pub(super) fn up(&self, id: NodeId) {
        if let Some(node) = self.nodes.get(&id)
            && !node.is_running()
            && !self.is_retired(id)
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

    /// All lose their power, and come back.
    pub(super) fn lose_power(&self) {
        let ids: Vec<NodeId> = self.nodes.keys().copied().collect();
        for &id in &ids {
            self.down(id, |node| {
                let _lost = node.power_fail();
            });
        }
        ids.into_iter().for_each(|id| self.up(id));
    }

    /// These lose their power at one moment, and with it all that is not durable. They stay down.
    pub(super) fn lose_what_is_not_durable(&self, ids: impl IntoIterator<Item = NodeId>) {
        for id in ids {
            self.down(id, |node| node.power_fail_with(PowerLoss { kept_per_mille: 0 }));
        }
    }

    /// Starts processes again that have ended by themselves.
    pub(super) async fn supervise(&self, rng: &mut Stream) -> Violation {
        loop {
            let exit = self.exits.lock().await.recv().await.expect("there is a sender here");
            let is_present = lock(&self.runs).get(&exit.node).is_some_and(|run| run.number == exit.run);
            if !is_present || !self.nodes.get(&exit.node).is_some_and(NodeHandle::is_running) {
                continue;
            }
            let (why, is_disk_lost) = match exit.ended {
                Ok(End::Over(why)) => (why, false),
                Ok(End::DiskLost(why)) => (why, true),
                Err(wrong) => return wrong,
            };
            self.cluster.note(format_args!("node {} has ended: {why}", exit.node));
            self.down(exit.node, NodeHandle::crash);
            if is_disk_lost {
                self.cluster.note(format_args!("node {} gets another disk", exit.node));
                self.wipe(exit.node);
            }
            let pause = rng.duration(Duration::from_millis(1), Duration::from_millis(1000));
            let downs = || lock(&self.downs).get(&exit.node).copied();
            let before = downs();
            self.cluster.sleep(pause).await;
            // Who was put down meanwhile stays so.
            if downs() == before {
                self.up(exit.node);
            }
        }
    }
}
