//! Replicated partitions under faults: three or five nodes, each with its storage, its shards and the exchange with the
//! others, and clients that append, read and delete at whoever leads. The voters are given, as the metadata log will give
//! them; there is no broker above.
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ordain::probe::{self, Mutant};

use super::fleet::{Fleet, MalformedWatch, RaftWatch, Watch, faults};
use super::{Scenario, Violation, mutant_scenario_name};
use crate::case::Case;
use crate::cluster::{Cluster, NodeHandle};
use crate::faults::set_clocks;

mod checkers;
mod clients;
mod directed;
mod judge;
mod machine;
mod plan;
mod world;

pub use directed::Directed;
use plan::{Plan, Work};
use world::World;

/// Nodes that replicate, and their clients, under faults after which nothing that was acknowledged may be lost.
pub struct Replicas {
    /// A mistake to find.
    pub mutant: Option<Mutant>,
}

/// Within this time after the faults have ended everything must get on.
const RECOVERY: Duration = Duration::from_secs(60);

impl Scenario for Replicas {
    fn name(&self) -> &'static str {
        self.mutant.map_or("replicas", mutant_scenario_name)
    }

    fn about(&self) -> &'static str {
        match self.mutant {
            None => "replicated partitions on three or five nodes, under faults (no broker)",
            Some(mutant) => mutant.about(),
        }
    }

    fn without_mistake(&self) -> Option<&'static str> {
        self.mutant.map(|_| "replicas")
    }

    fn draw(&self, seed: u64) -> Case {
        plan::draw(self.name(), seed)
    }

    fn run<'a>(
        &'a self,
        cluster: Cluster,
        case: Case,
    ) -> Pin<Box<dyn Future<Output = Result<(), Violation>> + 'a>> {
        if let Some(mutant) = self.mutant {
            probe::arm(mutant);
        }
        Box::pin(async move {
            let plan: Plan = case.world_as()?;
            cluster.note(format_args!("{plan:?}"));
            set_clocks(&cluster, &case.faults);
            let world = Arc::new(World::new(plan.clone()));
            let fleet = machine::start_up(&cluster, &world);
            name_partitions(&cluster);
            let raft = RaftWatch::begin(&cluster, &fleet).with_promises(&fleet);
            let malformed = MalformedWatch::begin(&cluster, fleet.nodes().map(|(id, _)| id));
            let mut rng = cluster.rng("supervisor");
            tokio::select! {
                biased;
                wrong = raft.is_wrong() => Err(wrong),
                wrong = malformed.is_wrong() => Err(wrong),
                result = live(&cluster, &case, &world, &fleet) => result,
                violation = fleet.supervise(&mut rng) => Err(violation),
            }
        })
    }
}

/// For who looks at a failure.
fn name_partitions(cluster: &Cluster) {
    let topic = plan::partition(0).topic;
    cluster.tell_standings(|standings| standings.name(topic.0, "partition"));
}

async fn live(cluster: &Cluster, case: &Case, world: &Arc<World>, fleet: &Fleet) -> Result<(), Violation> {
    all_led(cluster, world, "at the beginning").await?;
    let clients = start_clients(cluster, case, world)?;
    for fault in &case.faults {
        cluster.note(format_args!("planned after {} us: {:?}", fault.at_us, fault.fault));
    }
    let mut watch = Watch::default();
    let nodes: Vec<NodeHandle> = clients.iter().map(|client| client.node.clone()).collect();
    tokio::select! {
        biased;
        wrong = checkers::watch(cluster, world, &mut watch) => return Err(wrong),
        () = faults::run(cluster, fleet, &nodes, &case.faults, case.duration()) => {}
    }
    cluster.note(format_args!("heal"));
    faults::heal(cluster, fleet, &nodes, &[]);
    tokio::select! {
        biased;
        wrong = checkers::watch(cluster, world, &mut watch) => return Err(wrong),
        result = get_on(cluster, world, &clients) => result?,
    }
    judge::judge(cluster, world, fleet).await
}

struct Running {
    node: NodeHandle,
    name: String,
}

fn start_clients(cluster: &Cluster, case: &Case, world: &Arc<World>) -> Result<Vec<Running>, Violation> {
    let mut clients = Vec::new();
    for client in &case.clients {
        let work: Work = client.work_as()?;
        let node = cluster.add_node(&client.name);
        let (world, name, budget) = (Arc::clone(world), client.name.clone(), client.operations_max);
        node.start(move |io| clients::perform(io, Arc::clone(&world), name.clone(), work.clone(), budget));
        clients.push(Running { node, name: client.name.clone() });
    }
    Ok(clients)
}

/// Waits until each partition has a leader that serves.
async fn all_led(cluster: &Cluster, world: &World, when: &str) -> Result<(), Violation> {
    let began = cluster.now();
    loop {
        let missing = world.without_leader().await;
        if missing.is_empty() {
            return Ok(());
        }
        if cluster.now().since(began) > RECOVERY {
            let text = format!("{RECOVERY:?} {when} nobody leads {missing:?}");
            return Err(Violation::new("I16-stuck", text));
        }
        cluster.sleep(Duration::from_millis(100)).await;
    }
}

/// Liveness (I16): once nothing goes wrong any more every client gets something done, and then all replicas come to hold
/// the same.
async fn get_on(cluster: &Cluster, world: &World, clients: &[Running]) -> Result<(), Violation> {
    let before = world.progress();
    let began = cluster.now();
    loop {
        let now = world.progress();
        let stuck = |client: &&Running| now.get(&client.name) <= before.get(&client.name);
        let stuck: Vec<&str> = clients.iter().filter(stuck).map(|client| client.name.as_str()).collect();
        let stuck: Vec<&str> = stuck.into_iter().filter(|name| !world.is_done(name)).collect();
        if stuck.is_empty() {
            break;
        }
        if cluster.now().since(began) > RECOVERY {
            let open = world.not_settled().await.join("; ");
            let stuck = stuck.join(" ");
            let text = format!("{RECOVERY:?} after the faults some clients are stuck: {stuck} ({open})");
            return Err(Violation::new("I16-stuck", text));
        }
        cluster.sleep(Duration::from_millis(200)).await;
    }
    world.stop_clients();
    let began = cluster.now();
    loop {
        // What is under way comes to its end.
        let busy: Vec<&str> =
            clients.iter().map(|client| client.name.as_str()).filter(|name| !world.is_done(name)).collect();
        if busy.is_empty() {
            break;
        }
        if cluster.now().since(began) > RECOVERY {
            let text = format!("{RECOVERY:?} after they were to stop some clients go on: {}", busy.join(" "));
            return Err(Violation::new("I16-stuck", text));
        }
        cluster.sleep(Duration::from_millis(200)).await;
    }
    let began = cluster.now();
    loop {
        let open = world.not_settled().await;
        if open.is_empty() {
            return Ok(());
        }
        if cluster.now().since(began) > RECOVERY {
            let text = format!("{RECOVERY:?} after the last client the replicas differ: {}", open.join("; "));
            return Err(Violation::new("I16-stuck", text));
        }
        cluster.sleep(Duration::from_millis(200)).await;
    }
}
