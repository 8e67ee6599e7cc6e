//! The broker's machine: the process, and the supervisor that starts it again.
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ordain::config::{Inputs, LoadedConfig, load};
use ordain::io::{Io, Shutdown};
use ordain::probe;
use ordain::server::Node;
use tokio::sync::mpsc;

use super::account::Account;
use super::clients::Guest;
use super::history::History;
use super::plan::{BROKER, Plan};
use super::shown::Shown;
use crate::cluster::{Cluster, NodeHandle};
use crate::disk::{DiskImage, PowerLoss};
use crate::faults::Family;
use crate::rng::Stream;
use crate::scenarios::Violation;
use crate::scenarios::fleet::{RaftWatch, ReplicaRun};
use crate::time::SimTime;
use crate::world::lock;

/// The broker's machine.
pub(super) struct Machine {
    cluster: Cluster,
    node: NodeHandle,
    shared: Arc<Shared>,
    exits: tokio::sync::Mutex<mpsc::Receiver<Exit>>,
    paused: Arc<AtomicBool>,
    /// From now on no power fails that was to fail at some operation.
    calm: Arc<AtomicBool>,
    account: Account,
    history: History,
    /// An image of the disk, and when it was taken.
    image: Mutex<Option<(SimTime, DiskImage)>>,
    raft: RaftWatch,
}

/// What the process and its supervisor share.
struct Shared {
    node: NodeHandle,
    config: LoadedConfig,
    exits: mpsc::Sender<Exit>,
    /// The number of the present run of the process.
    run: AtomicU64,
    /// Asks the present run to stop.
    stop: Mutex<Shutdown>,
    /// Whether the disk gives errors, now or earlier in this run.
    disk_errors: AtomicBool,
    account: Account,
    /// How long a process goes on whose journal has failed.
    death: Mutex<Stream>,
    /// Whether it stops as `ordain serve` does.
    stops: Mutex<Stream>,
    /// Who begins with each run of the process, inside of it.
    guests: Mutex<Arc<[Guest]>>,
    shown: Shown,
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

/// Of so many of a thousand failed journals the process stops as `ordain serve` does: it hands over what it leads, and writes what
/// it has in memory, and a checkpoint, to a disk that may work again.
pub(in crate::scenarios) const STOPS_PER_MILLE: u32 = 500;
/// Otherwise it ends within this time.
const DEATH_MAX: Duration = Duration::from_millis(300);
/// Exits that wait for the supervisor: one for each run of the process.
const EXITS_MAX: usize = 1024;

impl Machine {
    pub(super) fn start_up(cluster: &Cluster, plan: &Plan, history: &History) -> Machine {
        let overrides = plan.overrides();
        let inputs = Inputs { file: None, environment: &[], overrides: &overrides };
        let config = load(&inputs, None).expect("the configuration is right");
        let node = cluster.add_node(BROKER);
        history.watch(&node);
        let (sender, exits) = mpsc::channel(EXITS_MAX);
        let disk_errors = AtomicBool::new(plan.families.iter().any(|family: &Family| family.is_of_disk()));
        let account = Account::new(std::slice::from_ref(&node));
        let shared = Arc::new(Shared {
            node: node.clone(),
            account: account.clone(),
            config,
            exits: sender,
            run: AtomicU64::new(0),
            stop: Mutex::new(Shutdown::new()),
            disk_errors,
            death: Mutex::new(cluster.rng("death")),
            stops: Mutex::new(cluster.rng("stops")),
            guests: Mutex::new(Arc::new([])),
            shown: Shown::default(),
        });
        let program = Arc::clone(&shared);
        let notes = cluster.clone();
        node.start(move |io| run(io, Arc::clone(&program), notes.clone()));
        let exits = tokio::sync::Mutex::new(exits);
        Machine {
            cluster: cluster.clone(),
            node,
            shared,
            exits,
            paused: Arc::default(),
            calm: Arc::default(),
            account,
            history: history.clone(),
            image: Mutex::default(),
            raft: RaftWatch::default(),
        }
    }

    /// Holds each step of each replica against what must hold of it, from now on.
    pub(super) fn watch_replicas(&self) {
        let (node, raft, history) = (self.node.clone(), self.raft.clone(), self.history.clone());
        let (cluster, shared) = (self.cluster.clone(), Arc::clone(&self.shared));
        probe::watch_replicas(move |step| {
            shared.shown.step(&cluster, node.name(), &step);
            let run = ReplicaRun(node.run_number());
            if let Err(Violation { checker, text }) = raft.look(run, step) {
                history.wrong(checker, text);
            }
        });
    }

    pub(super) fn account(&self) -> &Account {
        &self.account
    }

    pub(super) fn history(&self) -> &History {
        &self.history
    }

    pub(super) fn node(&self) -> &NodeHandle {
        &self.node
    }

    /// From the next run of the process on (the first one, if it has not begun) these are inside of it.
    pub(super) fn invite(&self, guests: Arc<[Guest]>) {
        *lock(&self.shared.guests) = guests;
    }

    pub(super) fn power_fail(&self) {
        self.power_loss(None)();
    }

    /// What a loss of power does, for later; nothing from [`Machine::calm`] on.
    pub(super) fn power_failure(&self, loss: Option<PowerLoss>) -> Box<dyn FnOnce() + Send> {
        self.unless_calm(self.power_loss(loss))
    }

    /// The same of this machine or another one of the run.
    pub(super) fn power_failure_of(
        &self,
        node: &NodeHandle,
        loss: Option<PowerLoss>,
    ) -> Box<dyn FnOnce() + Send> {
        if node.index() == self.node.index() {
            return self.power_failure(loss);
        }
        let node = node.clone();
        self.unless_calm(move || {
            if node.is_running() {
                node.fail_power(loss);
            }
        })
    }

    fn unless_calm(&self, job: impl FnOnce() + Send + 'static) -> Box<dyn FnOnce() + Send> {
        let calm = Arc::clone(&self.calm);
        Box::new(move || {
            if !calm.load(Ordering::Relaxed) {
                job();
            }
        })
    }

    /// The faults are over.
    pub(super) fn calm(&self) {
        self.calm.store(true, Ordering::Relaxed);
    }

    fn power_loss(&self, loss: Option<PowerLoss>) -> Box<dyn FnOnce() + Send> {
        let (node, paused, history) = (self.node.clone(), Arc::clone(&self.paused), self.history.clone());
        Box::new(move || {
            if node.is_running() {
                paused.store(false, Ordering::Relaxed);
                node.fail_power(loss);
                history.run_ended(node.name());
            }
        })
    }

    /// For a moment.
    pub(super) fn lose_power(&self) {
        self.power_fail();
        self.start();
    }

    pub(super) fn crash(&self) {
        self.kill()();
    }

    /// What a crash of the process does, for later; nothing from [`Machine::calm`] on.
    pub(super) fn death(&self) -> Box<dyn FnOnce() + Send> {
        self.unless_calm(self.kill())
    }

    fn kill(&self) -> Box<dyn FnOnce() + Send> {
        let (node, paused, history) = (self.node.clone(), Arc::clone(&self.paused), self.history.clone());
        Box::new(move || {
            if node.is_running() {
                paused.store(false, Ordering::Relaxed);
                node.crash();
                history.run_ended(node.name());
            }
        })
    }

    /// Takes the failed syncs so far into the history, as those of a process that still runs.
    pub(super) fn note_failed_syncs(&self) {
        self.history.take_failed_syncs();
    }

    pub(super) fn take_image(&self) {
        *lock(&self.image) = Some((self.cluster.now(), self.node.disk().image()));
    }

    /// Puts the image in the place of the disk, if one was taken, and starts the machine from it. Gives the time
    /// when it was taken.
    pub(super) fn start_from_image(&self) -> Option<SimTime> {
        let (time, image) = lock(&self.image).take()?;
        self.power_fail();
        self.node.disk().restore(&image);
        self.account.is_older(&self.node);
        self.raft.is_older();
        self.start();
        Some(time)
    }

    pub(super) fn stop(&self) {
        self.account.stopping(&self.node);
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
                Why::NotStarted(why) if self.restores(&why) => why,
                Why::NotStarted(why) if self.shared.disk_errors.load(Ordering::Relaxed) => why,
                Why::NotStarted(why) => {
                    return Violation::new("does-not-start", format!("the broker does not start: {why}"));
                }
                Why::Wrong(why) => return Violation::new("I14-damage-report-wrong", why),
            };
            self.cluster.note(format_args!("the broker has ended: {why}"));
            self.crash();
            let pause = rng.duration(Duration::from_millis(1), Duration::from_millis(1000));
            self.cluster.sleep(pause).await;
            self.start();
        }
    }
}

impl Machine {
    /// The node refuses to start for what a fault has destroyed, and says so: whoever runs it restores the files
    /// that it names. False if it has no such reason.
    fn restores(&self, why: &str) -> bool {
        let Some(paths) = self.account.atlas().explains_refusal(&self.node, why) else { return false };
        self.cluster.note(format_args!("a start was refused, rightly: {why}"));
        for path in paths {
            drop(self.node.disk().repair(&path));
        }
        true
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
    let config = &shared.config;
    let before = shared.account.before(&shared.node, cluster.now());
    let node =
        Node::start(io.clone(), Arc::new(config.broker.clone()), Arc::new(config.settings.clone())).await;
    let node = match node {
        Ok(node) => node,
        Err(error) => return Why::NotStarted(error.to_string()),
    };
    cluster.note(format_args!("the broker runs: {:?}", node.recovery()));
    shared.shown.runs(node.context());
    if let Err(wrong) = shared.account.judge_report(&shared.node, &before, node.recovery()) {
        return Why::Wrong(wrong);
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
        Some(failed) => {
            // It does not end at once, and may say nothing wrong meanwhile.
            let dying = lock(&shared.death).duration(Duration::ZERO, DEATH_MAX);
            let stops = lock(&shared.stops).chance(STOPS_PER_MILLE);
            if stops {
                shared.account.stopping(&shared.node);
                node.shutdown().await;
            } else {
                cluster.sleep(dying).await;
            }
            Why::JournalFailed(failed.to_string())
        }
        None => {
            node.shutdown().await;
            Why::Stopped
        }
    }
}
