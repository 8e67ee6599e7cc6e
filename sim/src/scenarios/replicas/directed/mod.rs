//! Directed scenarios: each goes step by step through what led to a bug that others had, and must come out without it. A step is
//! said in terms of what the replicas are (who leads, who holds what), not of times; what is drawn from the seed is everything
//! between. The world is that of `replicas`.
//!
//! Each script names the planted mistakes that bring its bug back, and the checker that must find each.
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ordain::probe::Mutant;

use super::machine;
use super::plan::Plan;
use super::world::World;
use crate::case::Case;
use crate::cluster::Cluster;
use crate::scenarios::fleet::only_show;
use crate::scenarios::{Scenario, Violation};
use crate::schedules::Expectation;

mod amnesiac_voter;
mod bit_flips;
mod change_before_start;
mod counted_twice;
mod deferred_fsync;
mod deletion_undone;
mod double_failover;
mod epoch_without_records;
mod fast_failover;
mod forgotten_producers;
mod fourth_voter;
mod isolated_leader;
mod leader_before_its_start;
mod leaders_own_disk;
mod least_replicas;
mod lost_vote;
mod old_epoch;
mod one_os_crash;
mod reset_inside_a_batch;
mod reset_streams;
mod stage;
mod stale_candidate;
mod two_candidates;
mod uncommitted_read;
mod voters_and_partitions;
mod zombie_leader;

use stage::Stage;

/// What a script does, on a stage.
type Play = for<'a> fn(&'a Stage) -> Pin<Box<dyn Future<Output = Result<(), Violation>> + 'a>>;

/// One directed scenario.
pub(super) struct Script {
    /// As `cargo sim list` shows it: `directed-` and the bug.
    name: &'static str,
    about: &'static str,
    nodes: i32,
    /// The first so many vote at first.
    founders: i32,
    /// The planted mistakes with which it must fail, and who finds that.
    finds: &'static [(Mutant, &'static str)],
    play: Play,
}

const SCRIPTS: &[&Script] = &[
    &isolated_leader::SCRIPT,
    &double_failover::SCRIPT,
    &fast_failover::SCRIPT,
    &leader_before_its_start::SCRIPT,
    &voters_and_partitions::SCRIPT,
    &bit_flips::SCRIPT,
    &one_os_crash::SCRIPT,
    &deferred_fsync::SCRIPT,
    &zombie_leader::SCRIPT,
    &amnesiac_voter::SCRIPT,
    &lost_vote::FORGOTTEN,
    &lost_vote::NOT_WRITTEN,
    &two_candidates::SCRIPT,
    &counted_twice::SCRIPT,
    &stale_candidate::SCRIPT,
    &old_epoch::SCRIPT,
    &fourth_voter::SCRIPT,
    &change_before_start::SCRIPT,
    &deletion_undone::SCRIPT,
    &forgotten_producers::SCRIPT,
    &reset_inside_a_batch::SCRIPT,
    &epoch_without_records::SCRIPT,
    &leaders_own_disk::SCRIPT,
    &least_replicas::SCRIPT,
    &reset_streams::SCRIPT,
    &uncommitted_read::SCRIPT,
];

/// A script, or all of them: the seeds go through them in turn.
pub struct Directed(Option<&'static Script>);

impl Directed {
    /// All scripts at once, and each by itself.
    pub(in crate::scenarios) fn all() -> &'static [Directed] {
        const COUNT: usize = SCRIPTS.len() + 1;
        const ALL: [Directed; COUNT] = {
            let mut all = [const { Directed(None) }; COUNT];
            let mut at = 0;
            while at < SCRIPTS.len() {
                all[at + 1] = Directed(Some(SCRIPTS[at]));
                at += 1;
            }
            all
        };
        static SCENARIOS: [Directed; COUNT] = ALL;
        &SCENARIOS
    }

    fn script(&self, seed: u64) -> &'static Script {
        let count = SCRIPTS.len() as u64;
        self.0.unwrap_or_else(|| SCRIPTS[usize::try_from(seed % count).expect("less than their number")])
    }
}

impl Scenario for Directed {
    fn name(&self) -> &'static str {
        self.0.map_or("directed", |script| script.name)
    }

    fn about(&self) -> &'static str {
        self.0.map_or("all directed scenarios in turn", |script| script.about)
    }

    fn expects(&self) -> Vec<Expectation> {
        let Some(script) = self.0 else { return Vec::new() };
        let sound = Expectation::of(script.name);
        let found = |(mutant, checker): &(Mutant, &str)| Expectation {
            mutant: Some(mutant.name().to_owned()),
            found_by: Some((*checker).to_owned()),
            ..Expectation::of(script.name)
        };
        std::iter::once(sound).chain(script.finds.iter().map(found)).collect()
    }

    fn draw(&self, seed: u64) -> Case {
        let script = self.script(seed);
        let plan = Plan {
            nodes: script.nodes,
            founders: script.founders,
            partitions: 1,
            shards: 1,
            journal_file_bytes: 1 << 20,
            segment_bytes: 64 << 10,
            tail_bytes: 1 << 20,
        };
        let world = serde_json::to_value(&plan).expect("a plan is plain data");
        Case { world, ..Case::new(self.name(), seed) }
    }

    fn run<'a>(
        &'a self,
        cluster: Cluster,
        case: Case,
    ) -> Pin<Box<dyn Future<Output = Result<(), Violation>> + 'a>> {
        Box::pin(async move {
            let script = self.script(case.seed);
            cluster.note(format_args!("{}: {}", script.name, script.about));
            let world = Arc::new(World::new(case.world_as()?));
            let fleet = machine::start_up(&cluster, &world);
            super::name_partitions(&cluster);
            only_show(&cluster);
            let mut rng = cluster.rng("supervisor");
            let stage = Stage::new(cluster, world, fleet);
            tokio::select! {
                biased;
                wrong = stage.watch() => Err(wrong),
                wrong = stage.fleet().supervise(&mut rng) => Err(wrong),
                result = perform(script, &stage) => result,
            }?;
            stage.judge().await
        })
    }
}

async fn perform(script: &Script, stage: &Stage) -> Result<(), Violation> {
    stage.leader(&stage.founders()).await?;
    stage.settled().await?;
    (script.play)(stage).await?;
    stage.finish().await
}

/// What is quick takes less; long enough for what must not happen to happen.
const MOMENT: Duration = Duration::from_millis(300);
/// Longer than a node counts as heard that is not, and an election after that.
const SILENCE: Duration = Duration::from_secs(3);
