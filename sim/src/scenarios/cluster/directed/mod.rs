//! Directed scenarios of whole nodes: each goes step by step to the state in which a planted mistake shows, as those of `replicas`
//! do. What is drawn from the seed is what the nodes are like, and everything between the steps.
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ordain::probe::Mutant;
use ordain::types::NodeId;

use super::machine;
use super::plan::Plan;
use super::world::World;
use crate::case::Case;
use crate::cluster::{Cluster, NodeHandle};
use crate::net::NetOptions;
use crate::rng::Stream;
use crate::scenarios::broker::account::Account;
use crate::scenarios::broker::history::History;
use crate::scenarios::fleet::RaftWatch;
use crate::scenarios::{Scenario, Violation};
use crate::schedules::Expectation;

mod joins;
mod last_one;
mod let_go;
mod lost_majority;
mod many_elections;
mod needed;
mod read_only;
mod seen;
mod slow_disk;
mod slow_links;
mod stage;
mod stood_still;
mod taken_out;
mod two_processes;

use stage::Stage;

/// What a script does, on a stage.
type Play = for<'a> fn(&'a Stage) -> Pin<Box<dyn Future<Output = Result<(), Violation>> + 'a>>;

/// One directed scenario.
struct Script {
    /// As `cargo sim list` shows it.
    name: &'static str,
    about: &'static str,
    nodes: i32,
    /// The last so many of them have never run when the script begins.
    late: usize,
    /// How many bytes of a connection are on their way at most.
    window: usize,
    /// The planted mistakes with which it must fail, and who finds that.
    finds: &'static [(Mutant, &'static str)],
    play: Play,
}

impl Script {
    /// How many nodes run from the beginning on.
    fn present(&self) -> usize {
        usize::try_from(self.nodes).unwrap_or_default().saturating_sub(self.late)
    }
}

/// Whole nodes that a script leads.
pub struct DirectedNodes(&'static Script);

impl DirectedNodes {
    /// Each script.
    pub(in crate::scenarios) fn all() -> &'static [DirectedNodes] {
        static ALL: [DirectedNodes; 15] = [
            DirectedNodes(&two_processes::SCRIPT),
            DirectedNodes(&let_go::SCRIPT),
            DirectedNodes(&seen::SCRIPT),
            DirectedNodes(&many_elections::SCRIPT),
            DirectedNodes(&stood_still::SCRIPT),
            DirectedNodes(&taken_out::SCRIPT),
            DirectedNodes(&slow_links::WRITE),
            DirectedNodes(&slow_links::REPAIR),
            DirectedNodes(&joins::SCRIPT),
            DirectedNodes(&read_only::SCRIPT),
            DirectedNodes(&lost_majority::HALTS),
            DirectedNodes(&lost_majority::RECOVERED),
            DirectedNodes(&needed::SCRIPT),
            DirectedNodes(&last_one::SCRIPT),
            DirectedNodes(&slow_disk::SCRIPT),
        ];
        &ALL
    }
}

impl Scenario for DirectedNodes {
    fn name(&self) -> &'static str {
        self.0.name
    }

    fn about(&self) -> &'static str {
        self.0.about
    }

    fn expects(&self) -> Vec<Expectation> {
        let expectation = |mutant: Option<Mutant>, checker: Option<&str>| Expectation {
            mutant: mutant.map(|mutant| mutant.name().to_owned()),
            found_by: checker.map(str::to_owned),
            ..Expectation::of(self.0.name)
        };
        let found = self.0.finds.iter().map(|&(mutant, checker)| expectation(Some(mutant), Some(checker)));
        std::iter::once(expectation(None, None)).chain(found).collect()
    }

    fn draw(&self, seed: u64) -> Case {
        let plan = Plan::of_script(self.0.nodes, &mut Stream::new(seed, "scenario", "plan", 0));
        let world = serde_json::to_value(&plan).expect("a plan is plain data");
        let net = NetOptions { window: self.0.window, ..NetOptions::default() };
        Case { net, world, ..Case::new(self.name(), seed) }
    }

    fn run<'a>(
        &'a self,
        cluster: Cluster,
        case: Case,
    ) -> Pin<Box<dyn Future<Output = Result<(), Violation>> + 'a>> {
        Box::pin(async move {
            let plan: Plan = case.world_as()?;
            cluster.note(format_args!("{}: {}", self.0.name, self.0.about));
            cluster.note(format_args!("{plan:?}"));
            let world = Arc::new(World::default());
            let fleet = machine::start_up(
                &cluster,
                &plan,
                &world,
                (&Account::of_several(), &History::new(&cluster)),
                &[],
            );
            let present = self.0.present();
            let late: Vec<NodeId> = plan.node_ids().skip(present).collect();
            // Nothing of it has run.
            late.iter().for_each(|&node| fleet.down(node, NodeHandle::crash));
            let raft = RaftWatch::begin(&cluster, &fleet);
            let mut rng = cluster.rng("supervisor");
            let stage = Stage::new(cluster, plan, world, (fleet, raft.clone()));
            tokio::select! {
                biased;
                wrong = raft.is_wrong() => Err(wrong),
                wrong = stage.fleet().supervise(&mut rng) => Err(wrong),
                wrong = stage.watch() => Err(wrong),
                result = perform(self.0, &stage, &late) => result,
            }
        })
    }
}

async fn perform(script: &Script, stage: &Stage, late: &[NodeId]) -> Result<(), Violation> {
    match late {
        [] => stage.settled().await?,
        late => stage.led_without(late).await?,
    }
    (script.play)(stage).await?;
    stage.settled().await
}

/// The window of connections that are as fast as others.
const WIDE: usize = 64 << 10;
/// Long enough for a question and its answer.
const MOMENT: Duration = Duration::from_millis(300);
