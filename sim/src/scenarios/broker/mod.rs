//! The whole broker under faults: one node, clients that speak its wire protocol over the simulated network,
//! and checkers over everything they saw.
//!
//! A run is drawn (`plan`, `faults`), lived through (`machine`, `clients`), healed, and judged (`judge`,
//! `checkers`). What the clients saw stands in the `history`. `mutants` shows that the checkers bite.
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use super::{Scenario, Violation};
use crate::cluster::{Cluster, NodeHandle};
use crate::net::NetOptions;
use crate::rng::Stream;

mod checkers;
mod clients;
mod faults;
mod history;
mod judge;
mod load;
mod machine;
mod mutants;
mod plan;

use clients::Ending;
use history::History;
use machine::Machine;
pub use load::Load;
pub use mutants::Mutant;
use plan::Plan;

/// One broker and its clients under faults after which nothing acknowledged may be lost.
pub struct Broker {
    /// A mistake to find.
    pub mutant: Option<Mutant>,
}

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

    fn net(&self, rng: &mut Stream) -> NetOptions {
        let loss_per_mille = u32::try_from(rng.between(0, 1) * rng.between(0, 30)).unwrap_or(0);
        let window = usize::try_from(rng.between(1 << 10, 64 << 10)).unwrap_or(1 << 16);
        NetOptions { loss_per_mille, window, ..NetOptions::default() }
    }

    fn run<'a>(&'a self, cluster: Cluster) -> Pin<Box<dyn Future<Output = Result<(), Violation>> + 'a>> {
        Box::pin(async move {
            let plan = Plan::draw(&mut cluster.rng("plan"));
            cluster.note(format_args!("{plan:?}"));
            let machine = Machine::start_up(&cluster, &plan, self.mutant);
            let mut rng = cluster.rng("supervisor");
            tokio::select! {
                biased;
                result = live(&cluster, &plan, &machine) => result,
                violation = machine.supervise(&mut rng) => Err(violation),
            }
        })
    }
}

async fn live(cluster: &Cluster, plan: &Plan, machine: &Machine) -> Result<(), Violation> {
    let (history, ending) = (History::new(cluster), Ending::default());
    let judge = cluster.add_node("judge");
    judge::prepare(cluster, plan, &judge, &history).await?;
    let clients = start_clients(cluster, plan, &history, &ending);
    let schedule = faults::draw(plan, clients.len(), &mut cluster.rng("faults"));
    for (time, action) in &schedule {
        cluster.note(format_args!("planned after {} us: {action:?}", time.as_micros()));
    }
    faults::run(cluster, machine, &clients, &schedule).await;
    faults::heal(cluster, machine, &clients);
    // The run that the last errors hit may still end by them.
    cluster.sleep(Duration::from_secs(2)).await;
    machine.disk_is_good();
    all_get_on(cluster, &history, &clients).await?;
    ending.begin();
    judge::judge(cluster, plan, machine, &judge, &history).await?;
    checkers::check(&history.events()).map_err(Violation)
}

/// Starts every client on a machine of its own; the names are those under which they report progress.
fn start_clients(cluster: &Cluster, plan: &Plan, history: &History, ending: &Ending) -> Vec<NodeHandle> {
    let mut nodes = Vec::new();
    for (number, producer) in (0..).zip(&plan.producers) {
        let node = cluster.add_node(&format!("producer-{number}"));
        let (producer, partitions) = (producer.clone(), plan.checked());
        let (history, ending) = (history.clone(), ending.clone());
        node.start(move |io| {
            let (producer, partitions) = (producer.clone(), partitions.clone());
            clients::produce(io, number, producer, partitions, history.clone(), ending.clone())
        });
        nodes.push(node);
    }
    for number in 0..plan.readers {
        let node = cluster.add_node(&format!("reader-{number}"));
        let (partitions, history, ending) = (plan.checked(), history.clone(), ending.clone());
        node.start(move |io| {
            clients::read_again_and_again(io, number, partitions.clone(), history.clone(), ending.clone())
        });
        nodes.push(node);
    }
    for number in 0..plan.members {
        let node = cluster.add_node(&format!("member-{number}"));
        let (history, ending) = (history.clone(), ending.clone());
        node.start(move |io| clients::consume_as_member(io, number, history.clone(), ending.clone()));
        nodes.push(node);
    }
    let node = cluster.add_node("admin");
    let (partitions, history, ending) = (plan.checked(), history.clone(), ending.clone());
    node.start(move |io| clients::administer(io, partitions.clone(), history.clone(), ending.clone()));
    nodes.push(node);
    nodes
}

/// Liveness (I16): once nothing goes wrong any more, every client gets something done within a bound; of the
/// group's members one is enough, for there may be fewer partitions than members.
async fn all_get_on(cluster: &Cluster, history: &History, clients: &[NodeHandle]) -> Result<(), Violation> {
    let before = history.events().progress.clone();
    let got_on = |name: &str| history.events().progress.get(name) > before.get(name);
    let began = cluster.now();
    loop {
        let (members, others): (Vec<_>, Vec<_>) =
            clients.iter().map(NodeHandle::name).partition(|name| name.starts_with("member-"));
        let stuck: Vec<&str> = others.into_iter().filter(|name| !got_on(name)).collect();
        let group_is_stuck = !members.is_empty() && !members.iter().any(|name| got_on(name));
        if stuck.is_empty() && !group_is_stuck {
            return Ok(());
        }
        if cluster.now().since(began) > RECOVERY {
            let group = if group_is_stuck { "the group" } else { "" };
            return Err(Violation(format!(
                "{RECOVERY:?} after the faults some clients are stuck: {} {group}",
                stuck.join(" ")
            )));
        }
        cluster.sleep(Duration::from_millis(500)).await;
    }
}
