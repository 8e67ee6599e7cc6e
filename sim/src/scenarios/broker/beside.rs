//! A run of somebody else's application beside the broker.
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ordain::client::admin::{NewTopic, Validate};
use ordain::types::ErrorCode;

use super::clients::Ending;
use super::faults;
use super::history::History;
use super::machine::Machine;
use super::plan::{self, Plan, TOPIC, index};
use crate::application::{Application, Host, Observation, Program};
use crate::case::Case;
use crate::cluster::{Cluster, NodeHandle};
use crate::disk::FaultyOp;
use crate::faults::{Fault, ROOM, TimedFault, micros, set_clocks};
use crate::rng::Stream;
use crate::scenarios::Violation;
use crate::world::lock;

/// How long making the topics, and the last look, may take; nothing is broken then.
const PATIENCE: Duration = Duration::from_secs(60);
/// The checker's name in a violation.
const CHECKER: &str = "application";

/// Completes a case: what the broker is like, and what goes wrong with it and with the application.
pub(crate) fn draw_beside(case: Case, processes: &[&str], duration: Duration) -> Case {
    let stream = |name| Stream::new(case.seed, "scenario", name, 0);
    let plan = Plan::draw_mild(&mut stream("plan"));
    let mut machines: Vec<String> = processes.iter().map(|name| (*name).to_owned()).collect();
    machines.extend(case.clients.iter().map(|client| client.name.clone()));
    let is_client = |node: &str| case.clients.iter().any(|client| client.name == node);
    let mut faults = plan::draw_mild_schedule(&plan, duration, &machines, is_client, &mut stream("faults"));
    faults.extend(draw_deaths(processes, duration, &mut stream("deaths")));
    faults.extend(draw_troubles(processes, duration, &mut stream("troubles")));
    faults.extend(draw_traps(processes, duration, &mut stream("traps")));
    faults.extend(draw_links(&machines, duration, &mut stream("links")));
    faults.extend(plan::draw_offsets(&machines, &mut stream("clock offsets")));
    faults.sort_by_key(|fault| fault.at_us);
    Case {
        net: plan::draw_net(&mut stream("net options")),
        world: serde_json::to_value(&plan).expect("a plan is plain data"),
        duration_us: micros(duration),
        faults,
        ..case
    }
}

/// The application's processes are killed, or lose their power, and start again. In one run of four they live.
fn draw_deaths(processes: &[&str], duration: Duration, rng: &mut Stream) -> Vec<TimedFault> {
    let mut faults = Vec::new();
    if processes.is_empty() || rng.chance(250) {
        return faults;
    }
    let between = rng.duration(Duration::from_millis(200), Duration::from_secs(6));
    let mut time = rng.duration(Duration::ZERO, between);
    while time < duration {
        let node = processes[index(rng, processes.len())].to_owned();
        let death = if rng.chance(500) {
            Fault::Crash { node: node.clone() }
        } else {
            Fault::PowerFail { node: node.clone() }
        };
        let back = (time + rng.duration(Duration::from_millis(1), Duration::from_secs(2))).min(duration);
        faults.push(TimedFault { at_us: micros(time), fault: death });
        faults.push(TimedFault { at_us: micros(back), fault: Fault::Start { node } });
        time += rng.duration(Duration::from_millis(1), between * 2);
    }
    faults
}

/// In half of the runs the power of the application's machines fails inside an operation of their disks, between two awaits of their
/// code, or such that names of files are lost.
fn draw_traps(processes: &[&str], duration: Duration, rng: &mut Stream) -> Vec<TimedFault> {
    let mut faults = Vec::new();
    if processes.is_empty() || rng.chance(500) {
        return faults;
    }
    for _ in 0..rng.between(1, 5) {
        let node = processes[index(rng, processes.len())].to_owned();
        let (at, prefix) = (rng.duration(Duration::ZERO, duration), String::new());
        let op = *rng.pick(&[FaultyOp::Write, FaultyOp::Sync, FaultyOp::Names]);
        let skip = u32::try_from(rng.between(0, 12)).unwrap_or(0);
        let fault = match rng.between(0, 2) {
            0 => Fault::PowerFailAt { node: node.clone(), op, prefix, skip },
            1 => Fault::PowerFailAtPoll { node: node.clone(), skip: skip * 30 },
            _ => Fault::LoseNames { node: node.clone(), op: FaultyOp::Names, prefix, skip },
        };
        let back = (at + rng.duration(Duration::from_millis(1), Duration::from_secs(4))).min(duration);
        faults.push(TimedFault { at_us: micros(at), fault });
        faults.push(TimedFault { at_us: micros(back), fault: Fault::Start { node } });
    }
    faults
}

/// In half of the runs what is between the machines beside the broker fails, too.
fn draw_links(machines: &[String], duration: Duration, rng: &mut Stream) -> Vec<TimedFault> {
    let mut faults = Vec::new();
    if machines.len() < 2 || rng.chance(500) {
        return faults;
    }
    for _ in 0..rng.between(1, 8) {
        let first = index(rng, machines.len());
        let second = (first + 1 + index(rng, machines.len() - 1)) % machines.len();
        let (a, b) = (machines[first].clone(), machines[second].clone());
        let at = rng.duration(Duration::ZERO, duration);
        let over = (at + rng.duration(Duration::from_millis(1), Duration::from_secs(4))).min(duration);
        let (begins, ends) = match rng.between(0, 2) {
            0 => (Fault::Reset { a, b }, None),
            1 => (Fault::Cut { from: a.clone(), to: b.clone() }, Some(Fault::Mend { a, b })),
            _ => {
                let by_us = rng.between(1_000, 300_000);
                let begins = Fault::Latency { a: a.clone(), b: b.clone(), by_us };
                (begins, Some(Fault::Latency { a, b, by_us: 0 }))
            }
        };
        faults.push(TimedFault { at_us: micros(at), fault: begins });
        faults.extend(ends.map(|fault| TimedFault { at_us: micros(over), fault }));
    }
    faults
}

/// What goes wrong with the machines of the application's processes while they live: pauses, and their disks. About half of
/// it in each run.
fn draw_troubles(processes: &[&str], duration: Duration, rng: &mut Stream) -> Vec<TimedFault> {
    let kinds: Vec<Trouble> = Trouble::ALL.into_iter().filter(|_| rng.chance(500)).collect();
    let mut faults = Vec::new();
    if processes.is_empty() || kinds.is_empty() {
        return faults;
    }
    let between = rng.duration(Duration::from_millis(200), Duration::from_secs(6));
    let mut time = rng.duration(Duration::ZERO, between);
    while time < duration {
        let node = processes[index(rng, processes.len())].to_owned();
        let over = (time + rng.duration(Duration::from_millis(1), Duration::from_secs(3))).min(duration);
        let (begins, ends) = rng.pick(&kinds).draw(&node, rng);
        faults.push(TimedFault { at_us: micros(time), fault: begins });
        faults.extend(ends.map(|fault| TimedFault { at_us: micros(over), fault }));
        time += rng.duration(Duration::from_millis(1), between * 2);
    }
    faults
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Trouble {
    Pause,
    FailedSync,
    ReadErrors,
    WriteErrors,
    NameErrors,
    Full,
    Slow,
    SlowReads,
    Stall,
}

impl Trouble {
    const ALL: [Trouble; 9] = [
        Trouble::Pause,
        Trouble::FailedSync,
        Trouble::ReadErrors,
        Trouble::WriteErrors,
        Trouble::NameErrors,
        Trouble::Full,
        Trouble::Slow,
        Trouble::SlowReads,
        Trouble::Stall,
    ];

    /// What begins, and what ends it.
    fn draw(self, node: &str, rng: &mut Stream) -> (Fault, Option<Fault>) {
        let node = || node.to_owned();
        let mut errors = |op| {
            let times = u32::try_from(rng.between(1, 3)).unwrap_or(1);
            let begins = Fault::Disk { node: node(), op, prefix: String::new(), times };
            (begins, Some(Fault::ClearDisk { node: node() }))
        };
        match self {
            Trouble::Pause => (Fault::Pause { node: node() }, Some(Fault::Resume { node: node() })),
            Trouble::FailedSync => errors(FaultyOp::Sync),
            Trouble::ReadErrors => errors(FaultyOp::Read),
            Trouble::WriteErrors => errors(FaultyOp::Write),
            Trouble::NameErrors => errors(FaultyOp::Names),
            Trouble::Full => (
                Fault::Capacity { node: node(), bytes: 0 },
                Some(Fault::Capacity { node: node(), bytes: ROOM }),
            ),
            Trouble::Slow => {
                let times = u32::try_from(rng.between(5, 200)).unwrap_or(5);
                (Fault::Slow { node: node(), times }, Some(Fault::Slow { node: node(), times: 1 }))
            }
            Trouble::SlowReads => {
                let begins = Fault::Hold {
                    node: node(),
                    op: FaultyOp::Read,
                    prefix: String::new(),
                    times: 4,
                    every: 2,
                    for_us: rng.between(10_000, 2_000_000),
                };
                (begins, Some(Fault::ClearDisk { node: node() }))
            }
            Trouble::Stall => (Fault::Stall { node: node(), for_us: rng.between(1_000, 3_000_000) }, None),
        }
    }
}

/// Runs an application's case to its end.
pub(crate) async fn run_beside(
    application: &Application,
    cluster: Cluster,
    case: Case,
) -> Result<(), Violation> {
    let plan: Plan = case.world_as()?;
    cluster.note(format_args!("{plan:?}"));
    set_clocks(&cluster, &case.faults);
    let machine = Machine::start_up(&cluster, &plan, &History::new(&cluster));
    let mut rng = cluster.rng("supervisor");
    let world = Beside { application, cluster, machine: &machine, observations: Arc::default() };
    tokio::select! {
        biased;
        result = world.live(&case, &plan) => result,
        violation = machine.supervise(&mut rng) => Err(violation),
    }
}

struct Beside<'a> {
    application: &'a Application,
    cluster: Cluster,
    machine: &'a Machine,
    observations: Arc<Mutex<Vec<Observation>>>,
}

impl Beside<'_> {
    async fn live(&self, case: &Case, plan: &Plan) -> Result<(), Violation> {
        let judge = self.cluster.add_node("judge");
        self.create_topics(plan, &judge).await?;
        let ending = Ending::default();
        let mut nodes = Vec::new();
        for (name, program) in &self.application.processes {
            nodes.push(self.start(name, program, &ending));
        }
        for client in &case.clients {
            let program = self.application.clients.iter().find(|(name, _)| *name == client.name);
            if let Some((name, program)) = program {
                nodes.push(self.start(name, program, &ending.with_budget(client.operations_max)));
            }
        }
        for fault in &case.faults {
            self.cluster.note(format_args!("planned after {} us: {:?}", fault.at_us, fault.fault));
        }
        faults::run(&self.cluster, self.machine, &nodes, &case.faults, case.duration()).await;
        faults::heal(&self.cluster, self.machine, &nodes);
        self.heal_between(&nodes);
        self.cluster.sleep(Duration::from_secs(2)).await;
        self.machine.disk_is_good();
        ending.begin();
        self.settle(&judge).await?;
        self.machine.power_fail();
        self.machine.start();
        self.settle(&judge).await
    }

    /// A shrunk schedule may have lost what ends a latency.
    fn heal_between(&self, nodes: &[NodeHandle]) {
        for from in nodes {
            for to in nodes.iter().filter(|to| to.index() != from.index()) {
                self.cluster.net().slow(from.index(), to.index(), Duration::ZERO);
            }
        }
    }

    fn host(&self, node: &NodeHandle, io: ordain::io::Io, ending: &Ending) -> Host {
        let (asked, counted) = (ending.clone(), ending.clone());
        Host {
            io,
            name: node.name().to_owned(),
            cluster: self.cluster.clone(),
            observations: Arc::clone(&self.observations),
            is_over: Arc::new(move || asked.has_begun()),
            count: Arc::new(move || counted.count_operation()),
        }
    }

    fn start(&self, name: &str, program: &Program, ending: &Ending) -> NodeHandle {
        let node = self.cluster.add_node(name);
        let host = self.host(&node, node.io(), ending);
        let program = Arc::clone(program);
        node.start(move |io| program(Host { io, ..host.clone() }));
        node
    }

    async fn create_topics(&self, plan: &Plan, judge: &NodeHandle) -> Result<(), Violation> {
        let topics = self.application.topics.clone();
        // A clock that jumps must not make records old.
        let configs = plan.topic_configs(TOPIC);
        let host = self.host(judge, judge.io(), &Ending::default());
        let creating = judge.run(|io| async move {
            let client = host.client("creator");
            for (name, partitions) in topics {
                let topic = NewTopic {
                    name,
                    partitions: Some(partitions),
                    replication_factor: Some(1),
                    configs: configs.clone(),
                };
                loop {
                    match client.create_topic(&topic, Validate::Apply).await {
                        Ok(_) => break,
                        Err(error) if error.code() == Some(ErrorCode::TopicAlreadyExists) => break,
                        Err(_) => io.clock.sleep(Duration::from_millis(300)).await,
                    }
                }
            }
        });
        match self.cluster.within(PATIENCE, creating).await.flatten() {
            Some(()) => Ok(()),
            None => Err(Violation::new(CHECKER, format!("no topics within {PATIENCE:?}"))),
        }
    }

    /// Asks the check until it is content, or its time is over.
    async fn settle(&self, judge: &NodeHandle) -> Result<(), Violation> {
        let began = self.cluster.now();
        loop {
            let seen = lock(&self.observations).clone();
            let host = self.host(judge, judge.io(), &Ending::default());
            let check = Arc::clone(&self.application.check);
            let checking = judge.run(move |_| check(host, seen));
            let found = match self.cluster.within(PATIENCE, checking).await {
                Some(Some(Ok(()))) => return Ok(()),
                Some(Some(Err(found))) => found,
                Some(None) => return Err(Violation::new(CHECKER, "the check panicked")),
                None => format!("the check took more than {PATIENCE:?}"),
            };
            if self.cluster.now().since(began) >= self.application.settles {
                return Err(Violation::new(CHECKER, found));
            }
            self.cluster.note(format_args!("not yet: {found}"));
            self.cluster.sleep(Duration::from_secs(3)).await;
        }
    }
}
