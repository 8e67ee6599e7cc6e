use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use madsim::time::TimeHandle;

use crate::clock::ClockState;
use crate::cluster::{Program, TaskPanic};
use crate::disk::DiskState;
use crate::history::Operation;
use crate::net::NetState;
use crate::rng::Streams;
use crate::standings::Standings;
use crate::time::SimTime;
use crate::timers::Timers;
use crate::trace::{Part, Trace};

/// The executor's clock runs slower by this much: its finest timer, 1 ms, is 1 µs here.
const DILATION: u32 = 1000;

/// A node's number, from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NodeIndex(pub u32);

/// Everything that the twins of one simulation share.
pub(crate) struct World {
    pub(crate) seed: u64,
    time: TimeHandle,
    pub(crate) timers: Timers,
    pub(crate) trace: Arc<Trace>,
    pub(crate) operations: Mutex<Vec<Operation>>,
    pub(crate) standings: Mutex<Standings>,
    pub(crate) net: Mutex<NetState>,
    nodes: Mutex<BTreeMap<NodeIndex, Arc<Node>>>,
    pub(crate) panics: Mutex<Vec<TaskPanic>>,
    pub(crate) streams: Streams,
    spawned: AtomicU64,
    /// By how many milliseconds the wall clocks of machines that are still to come are ahead.
    pub(crate) clock_offsets: Mutex<BTreeMap<String, i64>>,
    /// The clients' requests that were answered.
    pub(crate) requests: AtomicU64,
    /// How long what had to pass lasted, at most.
    pub(crate) lasted: Mutex<BTreeMap<&'static str, Duration>>,
    /// What has gone wrong on the world's order, without what disks count themselves.
    faults: AtomicU64,
}

/// A machine and what survives on it when its process ends.
pub(crate) struct Node {
    pub(crate) index: NodeIndex,
    pub(crate) name: String,
    pub(crate) executor: madsim::task::NodeId,
    incarnation: AtomicU64,
    alive: AtomicBool,
    /// Its process stands still.
    paused: AtomicBool,
    pub(crate) clock: Mutex<ClockState>,
    pub(crate) disk: Mutex<DiskState>,
    pub(crate) streams: Streams,
    pub(crate) program: Mutex<Option<Program>>,
    /// After how many polls of its tasks something happens to it, and what; 0: nothing.
    polls_left: AtomicU32,
    at_poll: Mutex<Option<PollTrap>>,
}

type PollTrap = Box<dyn FnOnce() + Send>;

/// One run of a node's process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Incarnation(pub(crate) u64);

impl World {
    pub(crate) fn new(seed: u64, time: TimeHandle, trace: Arc<Trace>, net: NetState) -> World {
        World {
            seed,
            time,
            timers: Timers::default(),
            trace,
            operations: Mutex::default(),
            standings: Mutex::default(),
            net: Mutex::new(net),
            nodes: Mutex::default(),
            panics: Mutex::default(),
            streams: Streams::new(seed, "world"),
            spawned: AtomicU64::new(0),
            clock_offsets: Mutex::default(),
            requests: AtomicU64::new(0),
            lasted: Mutex::default(),
            faults: AtomicU64::new(0),
        }
    }

    pub(crate) fn now(&self) -> SimTime {
        // Asked at every step: without a division of 128 bits.
        let elapsed = self.time.elapsed();
        let (seconds, nanos) = (elapsed.as_secs(), u64::from(elapsed.subsec_nanos()));
        let dilation = u64::from(DILATION);
        SimTime(seconds.saturating_mul(1_000_000_000 / dilation).saturating_add(nanos / dilation))
    }

    pub(crate) fn count_fault(&self) {
        self.faults.fetch_add(1, Ordering::Relaxed);
    }

    /// How much has gone wrong so far ([`crate::Outcome::faults`]).
    pub(crate) fn faults_so_far(&self) -> u64 {
        let of_disks: u64 = lock(&self.nodes).values().map(|node| lock(&node.disk).fired).sum();
        self.faults.load(Ordering::Relaxed) + of_disks
    }

    /// A future that the executor completes after this much simulated time. Leaks a timer at every poll:
    /// only for the driver.
    pub(crate) fn executor_sleep(&self, duration: Duration) -> madsim::time::Sleep {
        self.time.sleep(duration.saturating_mul(DILATION))
    }

    /// The executor remembers every task until it is asked how many there are.
    pub(crate) fn prune_tasks(&self) {
        const EVERY: u64 = 4096;
        if self.spawned.fetch_add(1, Ordering::Relaxed) % EVERY == EVERY - 1 {
            madsim::runtime::Handle::current().metrics().num_tasks();
        }
    }

    pub(crate) fn event(&self, place: &str, what: fmt::Arguments<'_>) {
        self.trace.event(self.now(), place, what);
    }

    /// [`Trace::frequent`], now.
    pub(crate) fn frequent_event(&self, place: &str, parts: &[Part<'_>], line: fmt::Arguments<'_>) {
        self.trace.frequent(self.now(), place, parts, line);
    }

    pub(crate) fn add_node(&self, make: impl FnOnce(NodeIndex) -> Node) -> Arc<Node> {
        let mut nodes = lock(&self.nodes);
        let index = NodeIndex(u32::try_from(nodes.len()).expect("far fewer nodes"));
        let node = Arc::new(make(index));
        nodes.insert(index, node.clone());
        node
    }

    pub(crate) fn node(&self, index: NodeIndex) -> Arc<Node> {
        lock(&self.nodes).get(&index).expect("a node is never taken away").clone()
    }

    /// In the order in which they were added.
    pub(crate) fn all_nodes(&self) -> Vec<Arc<Node>> {
        lock(&self.nodes).values().cloned().collect()
    }

    pub(crate) fn named(&self, name: &str) -> Option<Arc<Node>> {
        lock(&self.nodes).values().find(|node| node.name == name).cloned()
    }
}

impl Node {
    pub(crate) fn new(
        seed: u64,
        index: NodeIndex,
        name: &str,
        executor: madsim::task::NodeId,
        disk: DiskState,
    ) -> Node {
        Node {
            index,
            name: name.to_owned(),
            executor,
            incarnation: AtomicU64::new(1),
            alive: AtomicBool::new(true),
            paused: AtomicBool::new(false),
            clock: Mutex::default(),
            disk: Mutex::new(disk),
            streams: Streams::new(seed, name),
            program: Mutex::default(),
            polls_left: AtomicU32::new(0),
            at_poll: Mutex::default(),
        }
    }

    /// Lets something happen before the poll of one of its tasks that comes after `skip` others, in the place of what was to happen
    /// before.
    pub(crate) fn trap_poll(&self, skip: u32, job: PollTrap) {
        *lock(&self.at_poll) = Some(job);
        self.polls_left.store(skip.saturating_add(1), Ordering::Relaxed);
    }

    /// One of its tasks is about to be polled: what is to happen before.
    pub(crate) fn polls(&self) -> Option<PollTrap> {
        match self.polls_left.load(Ordering::Relaxed) {
            0 => return None,
            left => self.polls_left.store(left - 1, Ordering::Relaxed),
        }
        if self.polls_left.load(Ordering::Relaxed) == 0 { lock(&self.at_poll).take() } else { None }
    }

    /// Whether that run of the process is still going on: only then may it have an effect.
    pub(crate) fn is_alive(&self, incarnation: Incarnation) -> bool {
        self.is_running() && self.incarnation() == incarnation
    }

    pub(crate) fn is_running(&self) -> bool {
        self.alive.load(Ordering::Relaxed)
    }

    pub(crate) fn incarnation(&self) -> Incarnation {
        Incarnation(self.incarnation.load(Ordering::Relaxed))
    }

    pub(crate) fn set_dead(&self) {
        self.set_paused(false);
        self.alive.store(false, Ordering::Relaxed);
    }

    pub(crate) fn set_alive_again(&self) {
        self.incarnation.fetch_add(1, Ordering::Relaxed);
        self.alive.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }

    pub(crate) fn set_paused(&self, paused: bool) {
        self.paused.store(paused, Ordering::Relaxed);
    }

    /// 10.0.0.1 for the first node, and so on.
    pub(crate) fn ip(&self) -> IpAddr {
        ip_of(self.index)
    }
}

pub(crate) fn ip_of(index: NodeIndex) -> IpAddr {
    let [_, high, middle, low] = (index.0 + 1).to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(10, high, middle, low))
}

/// Locks what only this one thread uses. A panic of a task under a lock leaves the value as it was: the run is
/// about to fail anyway, and must still tell its trace.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
