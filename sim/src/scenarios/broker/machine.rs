//! The broker's machine: the process, and the supervisor that starts it again.
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ordain::config::{Inputs, LoadedConfig, load};
use ordain::io::{Io, Shutdown};
use ordain::server::Node;
use tokio::sync::mpsc;

use super::clients::Guest;
use super::faults::Family;
use super::mutants::Mutant;
use super::plan::{BROKER, Plan};
use crate::cluster::{Cluster, NodeHandle};
use crate::rng::Stream;
use crate::scenarios::Violation;
use crate::world::lock;

/// The broker's machine.
pub(super) struct Machine {
    cluster: Cluster,
    node: NodeHandle,
    shared: Arc<Shared>,
    exits: tokio::sync::Mutex<mpsc::Receiver<Exit>>,
    paused: AtomicBool,
}

/// What the process and its supervisor share.
struct Shared {
    config: LoadedConfig,
    mutant: Option<Mutant>,
    exits: mpsc::Sender<Exit>,
    /// The number of the present run of the process.
    run: AtomicU64,
    /// Asks the present run to stop.
    stop: Mutex<Shutdown>,
    /// Whether the disk gives errors, now or earlier in this run.
    disk_errors: AtomicBool,
    /// Who begins with each run of the process, inside of it.
    guests: Mutex<Arc<[Guest]>>,
}

/// A run of the process that has ended, and why.
struct Exit {
    run: u64,
    why: Why,
}

enum Why {
    /// The node could not start.
    NotStarted(String),
    JournalFailed(String),
    Stopped,
    /// It should not have come so far.
    Wrong(String),
}

/// Exits that wait for the supervisor: one for each run of the process.
const EXITS_MAX: usize = 1024;

impl Machine {
    pub(super) fn start_up(cluster: &Cluster, plan: &Plan, mutant: Option<Mutant>) -> Machine {
        let overrides = plan.overrides();
        let inputs = Inputs { file: None, environment: &[], overrides: &overrides };
        let config = load(&inputs, None).expect("the configuration is right");
        let node = cluster.add_node(BROKER);
        let (sender, exits) = mpsc::channel(EXITS_MAX);
        let disk_errors = AtomicBool::new(plan.families.iter().any(|family: &Family| family.is_of_disk()));
        let shared = Arc::new(Shared {
            config,
            mutant,
            exits: sender,
            run: AtomicU64::new(0),
            stop: Mutex::new(Shutdown::new()),
            disk_errors,
            guests: Mutex::new(Arc::new([])),
        });
        let program = Arc::clone(&shared);
        let notes = cluster.clone();
        node.start(move |io| run(io, Arc::clone(&program), notes.clone()));
        let exits = tokio::sync::Mutex::new(exits);
        Machine { cluster: cluster.clone(), node, shared, exits, paused: AtomicBool::new(false) }
    }

    pub(super) fn node(&self) -> &NodeHandle {
        &self.node
    }

    /// From the next run of the process on (the first one, if it has not begun) these are inside of it.
    pub(super) fn invite(&self, guests: Arc<[Guest]>) {
        *lock(&self.shared.guests) = guests;
    }

    pub(super) fn power_fail(&self) {
        if self.node.is_running() {
            self.paused.store(false, Ordering::Relaxed);
            self.node.power_fail();
        }
    }

    pub(super) fn crash(&self) {
        if self.node.is_running() {
            self.paused.store(false, Ordering::Relaxed);
            self.node.crash();
        }
    }

    pub(super) fn stop(&self) {
        lock(&self.shared.stop).begin();
    }

    pub(super) fn start(&self) {
        if !self.node.is_running() {
            self.node.restart();
        }
    }

    pub(super) fn pause(&self) {
        if self.node.is_running() && !self.paused.swap(true, Ordering::Relaxed) {
            self.node.pause();
        }
    }

    pub(super) fn resume(&self) {
        if self.paused.swap(false, Ordering::Relaxed) {
            self.node.resume();
        }
    }

    /// From now on the disk gives no errors: the next start must succeed.
    pub(super) fn disk_is_good(&self) {
        self.shared.disk_errors.store(false, Ordering::Relaxed);
    }

    /// Starts the process again whenever it has ended by itself.
    pub(super) async fn supervise(&self, rng: &mut Stream) -> Violation {
        loop {
            let exit = self.exits.lock().await.recv().await.expect("this machine holds a sender itself");
            if exit.run != self.shared.run.load(Ordering::Relaxed) || !self.node.is_running() {
                continue;
            }
            let why = match exit.why {
                Why::Stopped => "stopped".to_owned(),
                Why::JournalFailed(why) => why,
                Why::NotStarted(why) if self.shared.disk_errors.load(Ordering::Relaxed) => why,
                Why::NotStarted(why) => {
                    return Violation::new("does-not-start", format!("the broker does not start: {why}"));
                }
                Why::Wrong(why) => return Violation::new("false-damage", why),
            };
            self.cluster.note(format_args!("the broker has ended: {why}"));
            self.crash();
            let pause = rng.duration(Duration::from_millis(1), Duration::from_millis(1000));
            self.cluster.sleep(pause).await;
            self.start();
        }
    }
}

/// One run of the process.
async fn run(io: Io, shared: Arc<Shared>, cluster: Cluster) {
    let run = shared.run.fetch_add(1, Ordering::Relaxed) + 1;
    let stop = Shutdown::new();
    *lock(&shared.stop) = stop.clone();
    let why = live(io, &shared, &cluster, &stop).await;
    // The supervisor is gone only when the simulation is.
    drop(shared.exits.send(Exit { run, why }).await);
}

async fn live(io: Io, shared: &Shared, cluster: &Cluster, stop: &Shutdown) -> Why {
    let io = shared.mutant.map_or_else(|| io.clone(), |mutant| mutant.infect(&io));
    let config = &shared.config;
    let node =
        Node::start(io.clone(), Arc::new(config.broker.clone()), Arc::new(config.settings.clone())).await;
    let node = match node {
        Ok(node) => node,
        Err(error) => return Why::NotStarted(error.to_string()),
    };
    cluster.note(format_args!("the broker runs: {:?}", node.recovery()));
    if !node.recovery().damaged.is_empty() {
        return Why::Wrong(format!("nothing was damaged, but recovery says {:?}", node.recovery().damaged));
    }
    for guest in lock(&shared.guests).iter() {
        let staying = guest.clone().stay(io.clone(), Arc::clone(node.context()));
        drop(io.spawn.spawn("guest", Box::pin(staying)));
    }
    let journal = node.storage().journal().clone();
    let failed = tokio::select! {
        biased;
        failed = journal.failed() => Some(failed),
        () = stop.begun() => None,
    };
    match failed {
        Some(failed) => Why::JournalFailed(failed.to_string()),
        None => {
            node.shutdown().await;
            Why::Stopped
        }
    }
}
