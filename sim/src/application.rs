//! Somebody else's application beside a simulated broker: in one seeded world, under the same faults, with the
//! same replay and shrinking. See `examples/orders`.
//!
//! An application is made of *processes*, which the faults kill, cut off from power and start again, and of
//! *clients* that drive it from machines of their own, whose network alone suffers. Both are async functions:
//! given an [`Io`], if they are written against Ordain's seam, or a client of the broker. What they say they
//! have seen ([`Host::observe`]), and what the broker holds in the end, is what a check judges.
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ordain::client::{BrokerAddress, Client, ClientOptions};
use ordain::io::{BoxFuture, Io};
use serde_json::json;

use crate::case::{Case, ClientCase};
use crate::cluster::Cluster;
use crate::history::Completion;
use crate::rng::Stream;
use crate::scenarios::broker::{draw_beside, run_beside};
use crate::scenarios::{Scenario, Violation};
use crate::time::SimTime;
use crate::world::lock;

/// What a process or a client runs, now and after each restart.
pub(crate) type Program = Arc<dyn Fn(Host) -> BoxFuture<()> + Send + Sync>;
/// What must hold in the end.
pub(crate) type Check = Arc<dyn Fn(Host, Vec<Observation>) -> BoxFuture<Result<(), String>> + Send + Sync>;

/// A scenario: an application, a broker with its topics, and what must hold in the end.
///
/// ```no_run
/// use ordain_sim::Application;
///
/// fn main() -> std::process::ExitCode {
///     let shop = Application::new("shop", "orders become shipments")
///         .topic("orders", 1)
///         .client("customer", |host| async move { drop(host.client("customer")) })
///         .process("fulfilment", |host| async move { host.observe("I run") })
///         .check(|_host, seen| async move {
///             if seen.is_empty() { Err("nobody runs".to_owned()) } else { Ok(()) }
///         });
///     ordain_sim::cli::main("cargo run --", vec![shop.leak()])
/// }
/// ```
pub struct Application {
    pub(crate) name: &'static str,
    about: &'static str,
    pub(crate) topics: Vec<(String, i32)>,
    pub(crate) processes: Vec<(String, Program)>,
    pub(crate) clients: Vec<(String, Program)>,
    pub(crate) check: Check,
    pub(crate) lasts: (Duration, Duration),
    pub(crate) settles: Duration,
    without_mistake: Option<&'static str>,
}

/// Something that a process or a client has seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Observation {
    pub time: SimTime,
    /// Who: the name of its machine.
    pub node: String,
    pub what: String,
}

/// The name under which the broker is reached.
pub const BROKER: &str = "broker";
/// Its port.
pub const PORT: u16 = 9092;

impl Application {
    /// A scenario of this name; it does nothing yet and demands nothing.
    #[must_use]
    pub fn new(name: &'static str, about: &'static str) -> Application {
        Application {
            name,
            about,
            topics: Vec::new(),
            processes: Vec::new(),
            clients: Vec::new(),
            check: Arc::new(|_, _| Box::pin(async { Ok(()) })),
            lasts: (Duration::from_secs(5), Duration::from_secs(20)),
            settles: Duration::from_secs(60),
            without_mistake: None,
        }
    }

    /// A topic that is there before anything else begins, and keeps its records for ever.
    #[must_use]
    pub fn topic(mut self, name: &str, partitions: i32) -> Application {
        self.topics.push((name.to_owned(), partitions));
        self
    }

    /// A process on a machine of its own: killed, without power, cut off, paused and started again by the faults. Its
    /// files are on the machine's disk and suffer with it: what was not synced may go with the power; reads, writes,
    /// syncs and changes of names may fail; it may be full, slow, or stand still.
    #[must_use]
    pub fn process<F>(
        mut self,
        name: &str,
        program: impl Fn(Host) -> F + Send + Sync + 'static,
    ) -> Application
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.processes.push((name.to_owned(), Arc::new(move |host| Box::pin(program(host)))));
        self
    }

    /// A client on a machine of its own: it lives as long as the run, and only its network and its clock
    /// suffer. The shrinker may take it away, or let it do less: see [`Host::goes_on`].
    #[must_use]
    pub fn client<F>(mut self, name: &str, program: impl Fn(Host) -> F + Send + Sync + 'static) -> Application
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.clients.push((name.to_owned(), Arc::new(move |host| Box::pin(program(host)))));
        self
    }

    /// What must hold once nothing goes wrong any more: asked again and again until it does, at most for the
    /// time of [`Application::settles_within`], and once more after a last loss of the broker's power.
    #[must_use]
    pub fn check<F>(
        mut self,
        check: impl Fn(Host, Vec<Observation>) -> F + Send + Sync + 'static,
    ) -> Application
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.check = Arc::new(move |host, seen| Box::pin(check(host, seen)));
        self
    }

    /// For how long things go wrong: a drawn time between these; 5 to 20 s if nothing is said.
    #[must_use]
    pub fn lasts(mut self, least: Duration, most: Duration) -> Application {
        self.lasts = (least, most);
        self
    }

    /// How long after the last fault the check may still fail; 60 s if nothing is said.
    #[must_use]
    pub fn settles_within(mut self, settles: Duration) -> Application {
        self.settles = settles;
        self
    }

    /// It has a mistake on purpose; without it, it is the scenario of this name, in which the same cases must find
    /// nothing.
    #[must_use]
    pub fn mistaken_form_of(mut self, name: &'static str) -> Application {
        self.without_mistake = Some(name);
        self
    }

    /// For [`crate::cli::main`]: scenarios live as long as their process.
    #[must_use]
    pub fn leak(self) -> &'static dyn Scenario {
        Box::leak(Box::new(self))
    }
}

impl Scenario for Application {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> &'static str {
        self.about
    }

    fn without_mistake(&self) -> Option<&'static str> {
        self.without_mistake
    }

    fn draw(&self, seed: u64) -> Case {
        let mut rng = Stream::new(seed, "scenario", "application", 0);
        let processes: Vec<&str> = self.processes.iter().map(|(name, _)| name.as_str()).collect();
        let clients = self.clients.iter().map(|(name, _)| ClientCase::new(name.clone(), &())).collect();
        let duration = rng.duration(self.lasts.0, self.lasts.1);
        draw_beside(Case { clients, ..Case::new(self.name, seed) }, &processes, duration)
    }

    fn run<'a>(
        &'a self,
        cluster: Cluster,
        case: Case,
    ) -> Pin<Box<dyn Future<Output = Result<(), Violation>> + 'a>> {
        Box::pin(run_beside(self, cluster, case))
    }
}

/// The machine that a process or a client runs on, as it sees it.
#[derive(Clone)]
pub struct Host {
    pub(crate) io: Io,
    pub(crate) name: String,
    pub(crate) cluster: Cluster,
    pub(crate) observations: Arc<Mutex<Vec<Observation>>>,
    pub(crate) is_over: Arc<dyn Fn() -> bool + Send + Sync>,
    pub(crate) count: Arc<dyn Fn() + Send + Sync>,
}

impl Host {
    /// Clock, network, disk, randomness and tasks of this machine.
    #[must_use]
    pub fn io(&self) -> &Io {
        &self.io
    }

    /// Where the broker is reached.
    #[must_use]
    pub fn broker(&self) -> BrokerAddress {
        BrokerAddress { host: BROKER.to_owned(), port: PORT }
    }

    /// A client of the broker with short deadlines, so that a run sees how it goes on after them.
    #[must_use]
    pub fn client(&self, client_id: &str) -> Client {
        let mut options = ClientOptions::new(vec![self.broker()]);
        options.client_id = client_id.to_owned();
        options.connect_timeout = Duration::from_secs(2);
        options.request_timeout = Duration::from_secs(4);
        options.retry_timeout = Duration::from_secs(8);
        Client::new((&self.io).into(), options)
    }

    /// Says what was seen, for the check, the trace and the history, in which it is an operation `observe` that takes no time.
    pub fn observe(&self, what: impl fmt::Display) {
        let what = what.to_string();
        self.cluster.note(format_args!("{} saw {what}", self.name));
        let now = self.cluster.now();
        let operation =
            self.cluster.begin_operation((&self.name, Some(&self.name)), "observe", now, || json!(what));
        self.cluster.end_operation(operation, Completion::Ok, || json!(what));
        lock(&self.observations).push(Observation { time: now, node: self.name.clone(), what });
    }

    /// For a client, before each thing it does: whether to do it. It counts what the shrinker takes away.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        if (self.is_over)() {
            return false;
        }
        (self.count)();
        true
    }
}
