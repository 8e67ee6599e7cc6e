//! The broker under a steady, drawn load instead of a drawn life: the scenarios by which the simulator's speed
//! is measured. Faults, history and checkers are those of the scenario `broker`; the limits are those of a
//! small machine, because with segments of 1 KiB a thousand requests a second measure little but renames.
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use super::clients::{self, Ending};
use super::history::History;
use super::machine::Machine;
use super::plan::{Plan, index};
use super::{checkers, faults, judge};
use crate::cluster::{Cluster, NodeHandle};
use crate::net::NetOptions;
use crate::rng::Stream;
use crate::scenarios::{Scenario, Violation};

/// How much the clients ask of the broker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Load {
    /// About 1,000 requests in a simulated second.
    Full,
    /// A few requests in a simulated second.
    Idle,
}

/// The load as it was drawn.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct LoadPlan {
    /// Each sends bursts of Produce requests over a connection of its own.
    pub(super) writers: Vec<Pace>,
    /// Each fetches all partitions, again and again.
    pub(super) readers: Vec<Pace>,
    /// Each asks for metadata and offsets, and commits some.
    pub(super) askers: Vec<Pace>,
    pub(super) value_bytes: u64,
}

/// How often a client begins, and how much it does then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Pace {
    /// The mean time from one burst's intended start to the next.
    pub(super) every: Duration,
    /// The mean number of requests in a burst.
    pub(super) burst: u64,
}

/// For how long the load runs, faults included.
const UNDER_LOAD: Duration = Duration::from_secs(60);
/// Longer than a client waits for an answer.
const LAST_ANSWERS: Duration = Duration::from_secs(6);

impl LoadPlan {
    fn draw(load: Load, rng: &mut Stream) -> LoadPlan {
        // By kind: how many clients, and how many requests in a second all of them together send.
        let (writers, readers, askers) = match load {
            Load::Full => ((rng.between(4, 8), 750), (rng.between(2, 3), 330), (1, 90)),
            Load::Idle => ((1, 1), (1, 2), (1, 1)),
        };
        let paces = |(clients, requests): (u64, u64), burst: u64| -> Vec<Pace> {
            let every = Duration::from_secs(1).mul_f64((clients * burst) as f64 / requests as f64);
            (0..clients).map(|_| Pace { every, burst }).collect()
        };
        let burst = if load == Load::Full { 5 } else { 1 };
        LoadPlan {
            writers: paces(writers, burst),
            readers: paces(readers, 1),
            askers: paces(askers, 1),
            value_bytes: [20, 100, 500][index(rng, 3)],
        }
    }
}

impl Scenario for Load {
    fn name(&self) -> &'static str {
        match self {
            Load::Full => "load",
            Load::Idle => "idle",
        }
    }

    fn about(&self) -> &'static str {
        match self {
            Load::Full => "the broker under 1,000 requests in a second: what `speed` measures",
            Load::Idle => "the broker with little to do: what `speed` measures",
        }
    }

    fn net(&self, _rng: &mut Stream) -> NetOptions {
        NetOptions::default()
    }

    fn run<'a>(&'a self, cluster: Cluster) -> Pin<Box<dyn Future<Output = Result<(), Violation>> + 'a>> {
        Box::pin(async move {
            let mut rng = cluster.rng("plan");
            let mut plan = Plan::draw(&mut rng);
            plan.journal_file_bytes = 1 << 20;
            plan.journal_files = 3;
            plan.tail_memory_bytes = 4 << 20;
            plan.segment_bytes = 1 << 20;
            plan.index_interval_bytes = 4096;
            plan.chaos = UNDER_LOAD;
            let load = LoadPlan::draw(*self, &mut rng);
            cluster.note(format_args!("{plan:?} {load:?}"));
            let machine = Machine::start_up(&cluster, &plan, None);
            let mut rng = cluster.rng("supervisor");
            tokio::select! {
                biased;
                result = live(&cluster, &plan, &load, &machine) => result,
                violation = machine.supervise(&mut rng) => Err(violation),
            }
        })
    }
}

async fn live(cluster: &Cluster, plan: &Plan, load: &LoadPlan, machine: &Machine) -> Result<(), Violation> {
    let (history, ending) = (History::new(cluster), Ending::default());
    let judge = cluster.add_node("judge");
    judge::prepare(cluster, plan, &judge, &history).await?;
    let clients = start_clients(cluster, plan, load, &history, &ending);
    let schedule = faults::draw(plan, clients.len(), &mut cluster.rng("faults"));
    for (time, action) in &schedule {
        cluster.note(format_args!("planned after {} us: {action:?}", time.as_micros()));
    }
    let began = cluster.now();
    faults::run(cluster, machine, &clients, &schedule).await;
    cluster.sleep(UNDER_LOAD.saturating_sub(cluster.now().since(began))).await;
    faults::heal(cluster, machine, &clients);
    cluster.sleep(Duration::from_secs(2)).await;
    machine.disk_is_good();
    super::all_get_on(cluster, &history, &clients).await?;
    ending.begin();
    cluster.sleep(LAST_ANSWERS).await;
    judge::last_looks(cluster, plan, machine, &judge, &history).await?;
    checkers::check(&history.events()).map_err(Violation)
}

fn start_clients(
    cluster: &Cluster,
    plan: &Plan,
    load: &LoadPlan,
    history: &History,
    ending: &Ending,
) -> Vec<NodeHandle> {
    let kinds = [
        (clients::Kind::Writer, &load.writers),
        (clients::Kind::Reader, &load.readers),
        (clients::Kind::Asker, &load.askers),
    ];
    let mut nodes = Vec::new();
    for (kind, paces) in kinds {
        for (number, pace) in (0..).zip(paces) {
            let node = cluster.add_node(&kind.client_name(number));
            let client = clients::LoadClient {
                kind,
                number,
                pace: *pace,
                value_bytes: load.value_bytes,
                partitions: plan.checked(),
                cluster: cluster.clone(),
                history: history.clone(),
                ending: ending.clone(),
            };
            node.start(move |io| client.clone().run(io));
            nodes.push(node);
        }
    }
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drawn_load_is_a_thousand_requests_and_more() {
        for seed in 0..20 {
            let load = LoadPlan::draw(Load::Full, &mut Stream::new(seed, "test", "load", 0));
            let paces = load.writers.iter().chain(&load.readers).chain(&load.askers);
            let rate: f64 = paces.map(|pace| pace.burst as f64 / pace.every.as_secs_f64()).sum();
            assert!((1_150.0..1_190.0).contains(&rate), "{rate}");
        }
    }
}
