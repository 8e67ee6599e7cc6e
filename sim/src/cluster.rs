use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use madsim::runtime::{Handle, Runtime};
use ordain::io::{BoxFuture, Io};
use ordain::probe::ReplicaStep;

use crate::clock::{ClockControl, SimClock};
use crate::disk::{DiskControl, DiskOptions, DiskState, PowerLoss, SimDisk, Survival};
use crate::history::{Completion, Operation, OperationId};
use crate::net::{self, NetControl, NetOptions, NetState, SimNet};
use crate::rng::Stream;
use crate::spawn::SimSpawn;
use crate::standing_faults::StandingFaults;
use crate::standings::{ReplicaLife, Standings};
use crate::time::SimTime;
use crate::timers::{Action, WorldSleep, drive};
use crate::trace::{Part, Trace, TraceHash, TraceMode};
use crate::world::{Node, NodeIndex, World, lock};

/// What a node runs: called again after each restart.
pub(crate) type Program = Arc<dyn Fn(Io) -> BoxFuture<()> + Send + Sync>;

/// One simulated world, not yet running.
pub struct Simulation {
    seed: u64,
    mode: TraceMode,
    net: NetOptions,
    time_limit: Duration,
}

/// How a simulation ended.
#[derive(Debug)]
pub struct Outcome<T> {
    pub value: T,
    pub hash: TraceHash,
    pub events: u64,
    /// The requests that clients told to be answered ([`Cluster::count_requests`]).
    pub requests: u64,
    /// What went wrong because the world made it go wrong: crashes, pauses, failed and damaging disk operations, cut and
    /// lost connections, clocks that went astray. Repairs do not count, nor what was planned and did not happen.
    pub faults: u64,
    /// How long each thing lasted that had to pass within a bound ([`Cluster::lasted`]).
    pub lasted: BTreeMap<&'static str, Duration>,
    /// Under [`TraceMode::Keep`].
    pub lines: Vec<String>,
    /// The tasks that panicked on nodes, in order.
    pub panics: Vec<TaskPanic>,
    /// When it ended.
    pub time: SimTime,
    /// What the clients did, under [`TraceMode::Keep`].
    pub operations: Vec<Operation>,
    /// How the replicas stood, under [`TraceMode::Keep`], where the scenario has replicas.
    pub standings: Vec<ReplicaLife>,
}

impl<T> Outcome<T> {
    /// The same with another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Outcome<U> {
        Outcome {
            value: change(self.value),
            hash: self.hash,
            events: self.events,
            requests: self.requests,
            faults: self.faults,
            lasted: self.lasted,
            lines: self.lines,
            panics: self.panics,
            time: self.time,
            operations: self.operations,
            standings: self.standings,
        }
    }
}

/// The scenario itself, or the world, panicked.
#[derive(Debug)]
pub struct Crashed(pub String);

/// A task of a node panicked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TaskPanic {
    pub node: String,
    pub task: String,
    pub message: String,
}

impl Simulation {
    /// A world that follows from this seed.
    #[must_use]
    pub fn new(seed: u64) -> Simulation {
        Simulation {
            seed,
            mode: TraceMode::default(),
            net: NetOptions::default(),
            time_limit: Duration::from_secs(24 * 3600),
        }
    }

    #[must_use]
    pub fn trace(mut self, mode: TraceMode) -> Simulation {
        self.mode = mode;
        self
    }

    #[must_use]
    pub fn net(mut self, options: NetOptions) -> Simulation {
        self.net = options;
        self
    }

    /// How much simulated time may pass.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Simulation {
        self.time_limit = limit;
        self
    }

    /// Runs `scenario` to its end. It stands outside of all nodes, and sees the world's own time.
    ///
    /// # Panics
    /// If the scenario panics, if every task waits for ever, or beyond the time limit.
    pub fn run<F: Future>(self, scenario: impl FnOnce(Cluster) -> F) -> Outcome<F::Output> {
        self.try_run(scenario).map(|value| match value {
            Ok(value) => value,
            Err(Crashed(message)) => panic!("{message}"),
        })
    }

    /// What the run under way has come to so far. For whoever gives up on it, in another thread: the run may have got
    /// further meanwhile, and may hold what this waits for.
    #[must_use]
    pub fn so_far() -> Option<Outcome<()>> {
        let world = lock(&RUNNING).clone()?;
        Some(world_outcome(&world, (), lock(&world.operations).clone()))
    }

    /// Like [`Simulation::run`], but where that panics, this tells how, and what had happened until then.
    pub fn try_run<F: Future>(
        self,
        scenario: impl FnOnce(Cluster) -> F,
    ) -> Outcome<Result<F::Output, Crashed>> {
        let trace = Arc::new(Trace::new(self.mode));
        let kept: Mutex<Option<Arc<World>>> = Mutex::default();
        let running = std::panic::AssertUnwindSafe(|| {
            let mut runtime = Runtime::with_seed_and_config(self.seed, madsim::Config::default());
            runtime.set_time_limit(self.time_limit.saturating_mul(1000));
            runtime.block_on(async {
                let net = NetState::new(self.net, Stream::new(self.seed, "world", "net", 0));
                let time = madsim::time::TimeHandle::current();
                let world = Arc::new(World::new(self.seed, time, trace.clone(), net));
                *lock(&kept) = Some(world.clone());
                *lock(&RUNNING) = Some(world.clone());
                drop(madsim::task::spawn(drive(world.clone())));
                world.event("world", format_args!("seed {}", self.seed));
                let value = scenario(Cluster { world: world.clone() }).await;
                world.event("world", format_args!("end"));
                value
            })
        });
        let value = std::panic::catch_unwind(running).map_err(|panic| Crashed(message_of(&*panic)));
        *lock(&RUNNING) = None;
        match lock(&kept).take() {
            Some(world) => {
                let operations = std::mem::take(&mut *lock(&world.operations));
                world_outcome(&world, value, operations)
            }
            None => Outcome {
                value,
                hash: trace.hash(),
                events: trace.events(),
                requests: 0,
                faults: 0,
                lasted: BTreeMap::new(),
                lines: trace.lines(),
                panics: Vec::new(),
                time: SimTime::default(),
                operations: Vec::new(),
                standings: Vec::new(),
            },
        }
    }
}

/// The place of a line of what a client did.
pub(crate) const HISTORY: &str = "history";

/// The world of the run under way; one after another in a process.
static RUNNING: Mutex<Option<Arc<World>>> = Mutex::new(None);

fn world_outcome<T>(world: &World, value: T, operations: Vec<Operation>) -> Outcome<T> {
    Outcome {
        value,
        hash: world.trace.hash(),
        events: world.trace.events(),
        requests: world.requests.load(Ordering::Relaxed),
        faults: world.faults_so_far(),
        lasted: lock(&world.lasted).clone(),
        lines: world.trace.lines(),
        panics: lock(&world.panics).clone(),
        time: world.now(),
        operations,
        standings: lock(&world.standings).lives(),
    }
}

/// What a panic says.
fn message_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a text").to_owned()
}

/// The running world, as a scenario sees it.
#[derive(Clone)]
pub struct Cluster {
    world: Arc<World>,
}

impl Cluster {
    /// A machine with power, an empty disk and nothing to run. Other nodes reach it by its name.
    #[must_use]
    pub fn add_node(&self, name: &str) -> NodeHandle {
        self.add_node_with(name, DiskOptions::default())
    }

    /// Like [`Cluster::add_node`], with another disk.
    #[must_use]
    pub fn add_node_with(&self, name: &str, disk: DiskOptions) -> NodeHandle {
        let executor = Handle::current().create_node().name(name).build().id();
        let seed = self.world.seed;
        let node = self.world.add_node(|index| {
            let disk = DiskState::new(disk, Stream::new(seed, name, "disk", 0));
            Node::new(seed, index, name, executor, disk)
        });
        lock(&self.world.net).add_host(node.index, name);
        self.world.event(name, format_args!("node added"));
        let node = NodeHandle { world: self.world.clone(), node };
        let offset = lock(&self.world.clock_offsets).remove(name);
        if let Some(ms) = offset {
            node.clock().jump(ms);
        }
        node
    }

    /// The wall clock of the machine that comes to have this name is so much ahead from its beginning, in milliseconds.
    pub fn offset_clock(&self, name: &str, ms: i64) {
        lock(&self.world.clock_offsets).insert(name.to_owned(), ms);
    }

    /// The node of that number.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn node(&self, index: NodeIndex) -> NodeHandle {
        NodeHandle { world: self.world.clone(), node: self.world.node(index) }
    }

    /// The node of that name, if there is one.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<NodeHandle> {
        self.world.named(name).map(|node| NodeHandle { world: self.world.clone(), node })
    }

    #[must_use]
    pub fn seed(&self) -> u64 {
        self.world.seed
    }

    #[must_use]
    pub fn now(&self) -> SimTime {
        self.world.now()
    }

    /// Lets so much of the world's time pass.
    pub fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send + use<> {
        WorldSleep::new(self.world.clone(), duration)
    }

    /// Waits for `future`, but only so long; `None` then.
    pub async fn within<F: Future>(&self, duration: Duration, future: F) -> Option<F::Output> {
        let mut future = std::pin::pin!(future);
        let mut sleep = std::pin::pin!(self.sleep(duration));
        poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Some(output));
            }
            sleep.as_mut().poll(context).map(|()| None)
        })
        .await
    }

    /// Runs a job after a duration, outside of all nodes.
    pub(crate) fn after(&self, duration: Duration, job: Box<dyn FnOnce() + Send>) {
        self.world.timers.at(self.now().after(duration), Action::Run(Box::new(|_| job())));
    }

    /// A random stream of the scenario's own.
    #[must_use]
    pub fn rng(&self, name: &'static str) -> Stream {
        self.world.streams.create(name)
    }

    /// Adds a line of the scenario's own to the trace.
    pub fn note(&self, what: std::fmt::Arguments<'_>) {
        self.world.event("scenario", what);
    }

    /// Adds a line of what a client did to the trace; of those of a kept history there is an [`Operation`], too.
    pub(crate) fn did(&self, what: std::fmt::Arguments<'_>) {
        self.world.event(HISTORY, what);
    }

    /// As [`Cluster::did`], for what happens often: `parts` must say all that the line says.
    pub(crate) fn did_often(&self, parts: &[Part<'_>], line: std::fmt::Arguments<'_>) {
        self.world.frequent_event(HISTORY, parts, line);
    }

    /// Whether somebody will read what the clients did.
    #[must_use]
    pub fn history_is_kept(&self) -> bool {
        self.world.trace.is_read()
    }

    /// The replica on that machine has made a step: for the report, if there will be one. The trace is the same in any case.
    pub(crate) fn replica_stepped(&self, machine: &str, step: &ReplicaStep) {
        if self.world.trace.is_kept() {
            lock(&self.world.standings).step(self.now(), machine, step);
        }
    }

    /// What is known beside the replicas' steps, for the same: asked for only if there will be a report.
    pub(crate) fn tell_standings(&self, tell: impl FnOnce(&mut Standings)) {
        if self.world.trace.is_kept() {
            tell(&mut lock(&self.world.standings));
        }
    }

    /// So many more requests of clients were answered.
    pub fn count_requests(&self, requests: u64) {
        self.world.requests.fetch_add(requests, Ordering::Relaxed);
    }

    /// What had to pass has, after so long; of what is waited for more than once the longest counts. No part of the trace.
    pub fn lasted(&self, what: &'static str, time: Duration) {
        let mut lasted = lock(&self.world.lasted);
        let longest = lasted.entry(what).or_default();
        *longest = (*longest).max(time);
    }

    /// A client begins something, on the machine of that name if that is told; `value` is asked for only if the history is kept.
    pub fn begin_operation(
        &self,
        (client, machine): (&str, Option<&str>),
        function: &'static str,
        began: SimTime,
        value: impl FnOnce() -> serde_json::Value,
    ) -> OperationId {
        if !self.world.trace.is_read() {
            return OperationId::NONE;
        }
        let mut operations = lock(&self.world.operations);
        operations.push(Operation::new(client, function, began, value()).on(machine));
        OperationId::of(operations.len() - 1)
    }

    /// It has ended.
    pub fn end_operation(
        &self,
        id: OperationId,
        completion: Completion,
        value: impl FnOnce() -> serde_json::Value,
    ) {
        if let Some(operation) = id.get(&mut lock(&self.world.operations)) {
            operation.end(self.now(), completion, value());
        }
    }

    /// What can go wrong with the network.
    #[must_use]
    pub fn net(&self) -> NetControl {
        NetControl { world: self.world.clone() }
    }

    /// Of all machines, in the order in which they came.
    pub(crate) fn node_names(&self) -> Vec<String> {
        self.world.all_nodes().iter().map(|node| node.name.clone()).collect()
    }

    /// What is wrong at this moment, for who looks at a failure.
    pub(crate) fn standing_faults(&self) -> StandingFaults {
        StandingFaults::look(&self.world)
    }

    /// The tasks that panicked on nodes so far.
    #[must_use]
    pub fn panics(&self) -> Vec<TaskPanic> {
        lock(&self.world.panics).clone()
    }
}

/// A node, seen from outside.
#[derive(Clone)]
pub struct NodeHandle {
    world: Arc<World>,
    node: Arc<Node>,
}

impl NodeHandle {
    #[must_use]
    pub fn index(&self) -> NodeIndex {
        self.node.index
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.node.name
    }

    #[must_use]
    pub fn ip(&self) -> std::net::IpAddr {
        self.node.ip()
    }

    #[must_use]
    pub fn is_running(&self) -> bool {
        self.node.is_running()
    }

    /// The number of the process's present run, or of its last one.
    pub(crate) fn run_number(&self) -> u64 {
        self.node.incarnation().0
    }

    fn event(&self, what: std::fmt::Arguments<'_>) {
        self.world.event(&self.node.name, what);
    }

    /// The node's access to the world, for its present run. After a crash everything begun through it waits
    /// for ever.
    ///
    /// # Panics
    /// If the node is down.
    #[must_use]
    pub fn io(&self) -> Io {
        assert!(self.node.is_running(), "{} is down", self.node.name);
        let executor = Handle::current().get_node(self.node.executor).expect("the node was created");
        let (world, node) = (&self.world, &self.node);
        Io {
            clock: Arc::new(SimClock::new(world.clone(), node.clone(), node.incarnation())),
            net: Arc::new(SimNet::new(world.clone(), node.clone())),
            disk: Arc::new(SimDisk::new(world.clone(), node.clone())),
            rng: Arc::new(NodeRng(node.clone())),
            spawn: Arc::new(SimSpawn::new(world.clone(), node.clone(), executor)),
        }
    }

    /// Gives the node what it runs, now (if it is up) and after each restart.
    pub fn start<F>(&self, program: impl Fn(Io) -> F + Send + Sync + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let program: Program = Arc::new(move |io| Box::pin(program(io)));
        *lock(&self.node.program) = Some(program);
        if self.node.is_running() {
            self.run_program();
        }
    }

    fn run_program(&self) {
        let Some(program) = lock(&self.node.program).clone() else { return };
        let io = self.io();
        let spawn = io.spawn.clone();
        // The call itself happens on the node, too: it may panic.
        let main = Box::pin(async move { program(io).await });
        drop(spawn.spawn("main", main));
        self.event(format_args!("started"));
    }

    /// Runs a future on the node and waits for it; `None` if the node dies or the future panics first.
    pub async fn run<T, F>(&self, job: impl FnOnce(Io) -> F) -> Option<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let io = self.io();
        let future = job(io.clone());
        let result = Arc::new(Mutex::new(None));
        let slot = result.clone();
        let task = io.spawn.spawn(
            "job",
            Box::pin(async move {
                let value = future.await;
                *lock(&slot) = Some(value);
            }),
        );
        // How it ended is in the slot: a panic is in the list of panics as well.
        let ended = task.join().await;
        let value = lock(&result).take();
        if ended.is_err() { None } else { value }
    }

    /// The process is killed, and its kernel runs on: what was written is there after a restart, synced or not,
    /// and its streams are closed.
    ///
    /// # Panics
    /// If the node is down.
    pub fn crash(&self) {
        self.event(format_args!("crash"));
        self.world.count_fault();
        self.kill();
        lock(&self.node.disk).crash();
        net::node_crashed(&self.world, &self.node);
    }

    /// Runs `job` before the poll of one of the node's tasks that comes after `skip` others: between any two awaits of its code, also
    /// where no simulated time passes. It takes the place of an earlier one that has not come about.
    pub fn when_polled(&self, skip: u32, job: Box<dyn FnOnce() + Send>) {
        self.event(format_args!("trap at a poll after {skip}"));
        self.node.trap_poll(skip, job);
    }

    /// The machine loses its power: what was not synced may be gone, and its peers hear nothing. Says what
    /// was lost.
    ///
    /// # Panics
    /// If the node is down.
    pub fn power_fail(&self) -> Survival {
        self.kill();
        let survival = lock(&self.node.disk).power_fail();
        self.after_power_loss(survival);
        survival
    }

    /// Like [`NodeHandle::power_fail`], with a loss of the caller's choice.
    ///
    /// # Panics
    /// If the node is down.
    pub fn power_fail_with(&self, loss: PowerLoss) {
        self.kill();
        lock(&self.node.disk).power_fail_with(loss);
        self.after_power_loss(Survival::Alike(loss));
    }

    /// One or the other: with a loss of the caller's choice if there is one.
    ///
    /// # Panics
    /// If the node is down.
    pub fn fail_power(&self, loss: Option<PowerLoss>) {
        match loss {
            Some(loss) => self.power_fail_with(loss),
            None => drop(self.power_fail()),
        }
    }

    fn after_power_loss(&self, survival: Survival) {
        self.event(format_args!("power failure, {survival}"));
        self.world.count_fault();
        net::node_lost_power(&self.world, &self.node);
    }

    fn kill(&self) {
        assert!(self.node.is_running(), "{} is down already", self.node.name);
        // First the fence: destructors of the dying tasks run later, and must have no effect.
        self.node.set_dead();
        let executor = Handle::current();
        // A paused task would be dropped under the executor's lock.
        executor.resume(self.node.executor);
        executor.kill(self.node.executor);
    }

    /// Starts the process again (and the machine, if it had lost its power).
    ///
    /// # Panics
    /// If the node runs.
    pub fn restart(&self) {
        self.come_back("restart");
        self.run_program();
    }

    /// Starts the machine, and nothing on it: for who works on its disk while its program does not run.
    ///
    /// # Panics
    /// If the node runs.
    pub fn restart_idle(&self) {
        self.come_back("restart, idle");
    }

    fn come_back(&self, how: &str) {
        assert!(!self.node.is_running(), "{} runs already", self.node.name);
        self.event(format_args!("{how}"));
        Handle::current().restart(self.node.executor);
        self.node.set_alive_again();
        net::node_powered_on(&self.world, &self.node);
    }

    /// The process stands still (its kernel does not) until [`NodeHandle::resume`].
    pub fn pause(&self) {
        self.event(format_args!("pause"));
        self.world.count_fault();
        self.node.set_paused(true);
        Handle::current().pause(self.node.executor);
    }

    pub fn resume(&self) {
        self.event(format_args!("resume"));
        self.node.set_paused(false);
        Handle::current().resume(self.node.executor);
    }

    /// What can go wrong with its disk.
    #[must_use]
    pub fn disk(&self) -> DiskControl {
        DiskControl { world: self.world.clone(), node: self.node.clone() }
    }

    /// What can go wrong with its clocks.
    #[must_use]
    pub fn clock(&self) -> ClockControl {
        ClockControl { world: self.world.clone(), node: self.node.clone() }
    }
}

/// A node's random streams.
struct NodeRng(Arc<Node>);

impl ordain::io::Rng for NodeRng {
    fn stream(&self, name: &'static str) -> Box<dyn ordain::io::RngStream> {
        Box::new(self.0.streams.create(name))
    }
}
