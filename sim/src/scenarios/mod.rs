//! What is simulated: each scenario builds a cluster, lets things go wrong, and says whether what must hold
//! held.
use std::future::Future;
use std::pin::Pin;

use crate::case::{Case, CaseError};
use crate::cluster::{Cluster, Outcome, Simulation};
use crate::trace::TraceMode;

mod broker;
mod storage_and_net;

pub use broker::{Broker, Load, Mutant};
pub use storage_and_net::StorageAndNet;

/// Why a run failed: what was found to be broken, for people.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Violation(pub String);

impl From<CaseError> for Violation {
    fn from(error: CaseError) -> Violation {
        Violation(error.to_string())
    }
}

/// Something to simulate.
pub trait Scenario: Sync {
    fn name(&self) -> &'static str;

    /// In one line.
    fn about(&self) -> &'static str;

    /// The case of this seed. All that a case can hold is drawn here; a run draws only what happens within it.
    fn draw(&self, seed: u64) -> Case;

    /// Runs a case to its end.
    fn run<'a>(
        &'a self,
        cluster: Cluster,
        case: Case,
    ) -> Pin<Box<dyn Future<Output = Result<(), Violation>> + 'a>>;
}

/// All scenarios; the first is the default.
#[must_use]
pub fn all() -> Vec<&'static dyn Scenario> {
    let mut all: Vec<&'static dyn Scenario> = vec![
        &Broker { mutant: None },
        &StorageAndNet { sync_before_answer: true },
        &Load::Full,
        &Load::Inside,
        &Load::Idle,
    ];
    all.extend(MUTANTS.iter().map(|broker| broker as &dyn Scenario));
    all
}

/// The broker with one mistake each.
static MUTANTS: [Broker; 5] = {
    let [a, b, c, d, e] = Mutant::ALL;
    [
        Broker { mutant: Some(a) },
        Broker { mutant: Some(b) },
        Broker { mutant: Some(c) },
        Broker { mutant: Some(d) },
        Broker { mutant: Some(e) },
    ]
};

/// The scenario of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static dyn Scenario> {
    all().into_iter().find(|scenario| scenario.name() == name)
}

/// Runs the case that a scenario draws from a seed.
pub fn run(scenario: &dyn Scenario, seed: u64, mode: TraceMode) -> Outcome<Result<(), Violation>> {
    run_case(scenario, scenario.draw(seed), mode)
}

/// Runs a case of a scenario. A panic of a node's task fails the run even if the scenario itself is content.
pub fn run_case(scenario: &dyn Scenario, case: Case, mode: TraceMode) -> Outcome<Result<(), Violation>> {
    let simulation = Simulation::new(case.seed).trace(mode).net(case.net.clone());
    let mut outcome = simulation.run(|cluster| scenario.run(cluster, case));
    if outcome.value.is_ok()
        && let Some(panic) = outcome.panics.first()
    {
        let text = format!("task {} of {} panicked: {}", panic.task, panic.node, panic.message);
        outcome.value = Err(Violation(text));
    }
    outcome
}
