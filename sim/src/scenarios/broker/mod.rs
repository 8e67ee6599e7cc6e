//! The whole broker under faults: one node, clients that speak its wire protocol over the simulated network,
//! and checkers over everything they saw.
//!
//! A run is drawn (`plan`, `faults`), lived through (`machine`, `clients`), healed, and judged (`judge`,
//! `checkers`). What the clients saw stands in the `history`. `mutants` shows that the checkers bite.
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use super::{Scenario, Violation};
use crate::case::Case;
use crate::cluster::{Cluster, NodeHandle};

mod beside;
mod checkers;
mod clients;
mod faults;
mod history;
mod judge;
mod load;
mod machine;
mod mutants;
mod plan;

pub(crate) use beside::{draw_beside, run_beside};
use clients::{Ending, LoadClient};
use history::History;
pub use load::Load;
use machine::Machine;
pub use mutants::Mutant;
use plan::{Plan, Work};

/// One broker and its clients under faults after which nothing acknowledged may be lost.
pub struct Broker {
    /// A mistake to find.
    pub mutant: Option<Mutant>,
}

/// Longer than a delivery takes.
const LAST_DELIVERIES: Duration = Duration::from_secs(25);
/// Within this time after the faults have ended every client must get on.
const RECOVERY: Duration = Duration::from_secs(60);

impl Scenario for Broker {
    fn name(&self) -> &'static str {
        match self.mutant {
            None => "broker",
            Some(mutant) => mutant.scenario(),
        }
    }

    fn about(&self) -> &'static str {
        match self.mutant {
            None => "one broker, its producers, consumers and administrators, under faults",
            Some(_) => "the same with a mistake on purpose: seeds must fail",
        }
    }

    fn draw(&self, seed: u64) -> Case {
        plan::draw(self.name(), seed)
    }

    fn run<'a>(
        &'a self,
        cluster: Cluster,
        case: Case,
    ) -> Pin<Box<dyn Future<Output = Result<(), Violation>> + 'a>> {
        Box::pin(async move {
            let plan: Plan = case.world_as()?;
            cluster.note(format_args!("{plan:?}"));
            let machine = Machine::start_up(&cluster, &plan, self.mutant);
            let mut rng = cluster.rng("supervisor");
            tokio::select! {
                biased;
                result = live(&cluster, &case, &plan, &machine, LAST_DELIVERIES) => result,
                violation = machine.supervise(&mut rng) => Err(violation),
            }
        })
    }
}

async fn live(
    cluster: &Cluster,
    case: &Case,
    plan: &Plan,
    machine: &Machine,
    last_answers: Duration,
) -> Result<(), Violation> {
    let (history, ending) = (History::new(cluster), Ending::default());
    let judge = cluster.add_node("judge");
    judge::prepare(cluster, plan, &judge, &history).await?;
    let clients = start_clients(cluster, case, plan, &history, &ending)?;
    for fault in &case.faults {
        cluster.note(format_args!("planned after {} us: {:?}", fault.at_us, fault.fault));
    }
    let nodes: Vec<NodeHandle> = clients.iter().map(|client| client.node.clone()).collect();
    faults::run(cluster, machine, &nodes, &case.faults, case.duration()).await;
    faults::heal(cluster, machine, &nodes);
    // The run that the last errors hit may still end by them.
    cluster.sleep(Duration::from_secs(2)).await;
    machine.disk_is_good();
    all_get_on(cluster, &history, &clients).await?;
    ending.begin();
    cluster.sleep(last_answers).await;
    judge::judge(cluster, plan, machine, &judge, &history).await?;
    checkers::check(&history.events())
}

/// A client that runs.
struct Running {
    node: NodeHandle,
    ending: Ending,
    is_member: bool,
}

/// Starts every client on a machine of its own; the names are those under which they report progress.
fn start_clients(
    cluster: &Cluster,
    case: &Case,
    plan: &Plan,
    history: &History,
    ending: &Ending,
) -> Result<Vec<Running>, Violation> {
    let mut clients = Vec::new();
    for client in &case.clients {
        let work: Work = client.work_as()?;
        let is_member = matches!(work, Work::Member { .. });
        let node = cluster.add_node(&client.name);
        let ending = ending.with_budget(client.operations_max);
        let (partitions, history, budget) = (plan.checked(), history.clone(), ending.clone());
        node.start(move |io| {
            let (work, partitions) = (work.clone(), partitions.clone());
            let (history, ending) = (history.clone(), budget.clone());
            async move {
                match work {
                    Work::Producer(producer) => {
                        clients::produce(io, producer, partitions, history, ending).await;
                    }
                    Work::Reader { reader } => {
                        clients::read_again_and_again(io, reader, partitions, history, ending).await;
                    }
                    Work::Member { member } => {
                        clients::consume_as_member(io, member, history, ending).await;
                    }
                    Work::Load(work) => {
                        LoadClient { work, partitions, history, ending }.run_outside(io).await;
                    }
                    Work::Admin => clients::administer(io, partitions, history, ending).await,
                }
            }
        });
        clients.push(Running { node, ending, is_member });
    }
    Ok(clients)
}

/// Liveness (I16): once nothing goes wrong any more, every client gets something done within a bound; of the
/// group's members one is enough, for there may be fewer partitions than members.
async fn all_get_on(cluster: &Cluster, history: &History, clients: &[Running]) -> Result<(), Violation> {
    let before = history.events().progress.clone();
    let got_on = |client: &&Running| {
        let name = client.node.name();
        client.ending.is_used_up() || history.events().progress.get(name) > before.get(name)
    };
    let began = cluster.now();
    loop {
        let (members, others): (Vec<_>, Vec<_>) = clients.iter().partition(|client| client.is_member);
        let stuck: Vec<&str> =
            others.into_iter().filter(|client| !got_on(client)).map(|client| client.node.name()).collect();
        let group_is_stuck = !members.is_empty() && !members.iter().any(got_on);
        if stuck.is_empty() && !group_is_stuck {
            return Ok(());
        }
        if cluster.now().since(began) > RECOVERY {
            let group = if group_is_stuck { "the group" } else { "" };
            let stuck = stuck.join(" ");
            return Err(Violation::new(
                "I16-stuck",
                format!("{RECOVERY:?} after the faults some clients are stuck: {stuck} {group}"),
            ));
        }
        cluster.sleep(Duration::from_millis(500)).await;
    }
}
