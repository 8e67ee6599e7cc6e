//! What is simulated: each scenario builds a cluster, lets things go wrong, and says whether what must hold
//! held.
use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;

use ordain::probe::Mutant;

use crate::case::{Case, CaseError};
use crate::cluster::{Cluster, Crashed, Outcome, Simulation};
use crate::schedules::Expectation;
use crate::trace::TraceMode;

pub(crate) mod broker;
mod cluster;
mod fleet;
mod replicas;
mod storage_and_net;

pub use broker::{Broker, Judged, Load, Verdict, check_history};
pub use cluster::{DirectedNodes, Nodes};
pub use replicas::{Directed, Replicas};
pub use storage_and_net::StorageAndNet;

/// Why a run failed: who found what to be broken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{checker}: {text}")]
pub struct Violation {
    /// Which checker it was: the same for every seed that fails in this way, and in every version. In lower
    /// case with hyphens, begun by the invariant's number if it has one (`I1-lost-record`).
    pub checker: &'static str,
    /// What it found, for people.
    pub text: String,
}

impl Violation {
    /// A task of a node panicked.
    pub const PANIC: &'static str = "panic";
    /// The scenario panicked, or all tasks of the world wait for ever.
    pub const CRASH: &'static str = "crash";
    /// The case is not one that its scenario can run.
    pub const CASE: &'static str = "case";

    pub fn new(checker: &'static str, text: impl Into<String>) -> Violation {
        Violation { checker, text: text.into() }
    }

    /// Makes a checker's finding a violation: `check(…).map_err(Violation::by("I1-lost-record"))`.
    pub fn by(checker: &'static str) -> impl FnOnce(String) -> Violation {
        move |text| Violation { checker, text }
    }
}

impl From<CaseError> for Violation {
    fn from(error: CaseError) -> Violation {
        Violation::new(Violation::CASE, error.to_string())
    }
}

/// Something to simulate.
pub trait Scenario: Sync {
    fn name(&self) -> &'static str;

    /// In one line.
    fn about(&self) -> &'static str;

    /// If this one has a mistake on purpose: the scenario without it, which runs the same cases.
    fn without_mistake(&self) -> Option<&'static str> {
        None
    }

    /// What must come of its cases, with and without planted mistakes: `cargo sim schedules` sees to it. Nothing, where only a
    /// search of seeds can tell.
    fn expects(&self) -> Vec<Expectation> {
        Vec::new()
    }

    /// The case of this seed. All that a case can hold is drawn here; a run draws only what happens within it.
    fn draw(&self, seed: u64) -> Case;

    /// Runs a case to its end.
    fn run<'a>(
        &'a self,
        cluster: Cluster,
        case: Case,
    ) -> Pin<Box<dyn Future<Output = Result<(), Violation>> + 'a>>;
}

/// All scenarios of `cargo sim`; the first is the default.
#[must_use]
pub fn all() -> Vec<&'static dyn Scenario> {
    let mut all: Vec<&'static dyn Scenario> = vec![
        &Broker { mutant: None },
        &Replicas { mutant: None },
        &Nodes { mutant: None },
        &StorageAndNet { sync_before_answer: true },
        &Load::Full,
        &Load::Inside,
        &Load::Idle,
    ];
    all.extend(Directed::all().iter().map(|one| one as &dyn Scenario));
    all.extend(DirectedNodes::all().iter().map(|one| one as &dyn Scenario));
    all.extend(mutants().iter().map(|one| &**one as &dyn Scenario));
    all.extend(mutants_in_clusters().iter().map(|one| one as &dyn Scenario));
    all.push(&StorageAndNet { sync_before_answer: false });
    all
}

/// The broker, replicas, or whole nodes, with one mistake each.
fn mutants() -> &'static [Box<dyn Scenario + Send>] {
    static MUTANTS: OnceLock<Vec<Box<dyn Scenario + Send>>> = OnceLock::new();
    MUTANTS.get_or_init(|| {
        let scenario = |&mutant: &Mutant| -> Box<dyn Scenario + Send> {
            if mutant.name().starts_with("replica-") {
                Box::new(Replicas { mutant: Some(mutant) })
            } else if is_of_clusters(mutant) {
                Box::new(Nodes { mutant: Some(mutant) })
            } else {
                Box::new(Broker { mutant: Some(mutant) })
            }
        };
        Mutant::ALL.iter().map(scenario).collect()
    })
}

/// Whether whole nodes are what a mistake wants: no smaller scenario has it.
fn is_of_clusters(mutant: Mutant) -> bool {
    ["cluster-", "reassign-"].iter().any(|prefix| mutant.name().starts_with(prefix))
}

/// Whole nodes with one of the mistakes that have a smaller scenario of their own: what finds them there has to here, too.
fn mutants_in_clusters() -> &'static [Nodes] {
    static MUTANTS: OnceLock<Vec<Nodes>> = OnceLock::new();
    MUTANTS.get_or_init(|| {
        let smaller = Mutant::ALL.iter().copied().filter(|&mutant| !is_of_clusters(mutant));
        smaller.map(|mutant| Nodes { mutant: Some(mutant) }).collect()
    })
}

/// What the scenario of whole nodes with that mistake is called.
pub(crate) fn name_in_clusters(mutant: Mutant) -> &'static str {
    static NAMES: OnceLock<Vec<String>> = OnceLock::new();
    if is_of_clusters(mutant) {
        return mutant_scenario_name(mutant);
    }
    let name = |one: &Mutant| format!("{}-mutant-{}", Nodes::NAME, one.name());
    &NAMES.get_or_init(|| Mutant::ALL.iter().map(name).collect())[mutant as usize]
}

/// The scenarios' names live as long as the process, as their list does.
pub(crate) fn mutant_scenario_name(mutant: Mutant) -> &'static str {
    static NAMES: OnceLock<Vec<String>> = OnceLock::new();
    let names =
        NAMES.get_or_init(|| Mutant::ALL.iter().map(|one| format!("mutant-{}", one.name())).collect());
    &names[mutant as usize]
}

/// The scenario of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static dyn Scenario> {
    all().into_iter().find(|scenario| scenario.name() == name)
}

/// Runs the case that a scenario draws from a seed.
pub fn run(scenario: &dyn Scenario, seed: u64, mode: TraceMode) -> Outcome<Result<(), Violation>> {
    run_case(scenario, scenario.draw(seed), mode)
}

/// Who finds that something does not go on.
const STALLS: [&str; 7] = [
    "I12-away-counts",
    "I16-not-readable",
    "I16-stuck",
    "I17-deposed",
    "I24-stuck",
    "I27-not-elected",
    "does-not-start",
];

/// With what stands in the way, where it is that something does not go on.
fn explained(violation: Violation, cluster: &Cluster) -> Violation {
    let Violation { checker, text } = violation;
    let text =
        if STALLS.contains(&checker) { format!("{text} ({})", cluster.standing_faults()) } else { text };
    Violation { checker, text }
}

/// Runs a case of a scenario. A panic fails the run: of a node's task, even if the scenario itself is content,
/// of the scenario, or of the world, in which every task may wait for ever.
pub fn run_case(scenario: &dyn Scenario, case: Case, mode: TraceMode) -> Outcome<Result<(), Violation>> {
    let simulation = Simulation::new(case.seed).trace(mode).net(case.net.clone());
    let outcome = simulation.try_run(|cluster| async move {
        let result = scenario.run(cluster.clone(), case).await;
        let result = result.map_err(|violation| explained(violation, &cluster));
        if let Err(violation) = &result {
            cluster.note(format_args!("FOUND: {violation}"));
        }
        result
    });
    let panic = outcome.panics.first().cloned();
    outcome.map(|value| match (value, panic) {
        (Ok(Err(violation)), _) => Err(violation),
        (Err(Crashed(message)), _) => Err(Violation::new(Violation::CRASH, message)),
        (Ok(Ok(())), Some(panic)) => {
            let text = format!("task {} of {} panicked: {}", panic.task, panic.node, panic.message);
            Err(Violation::new(Violation::PANIC, text))
        }
        (Ok(Ok(())), None) => Ok(()),
    })
}
