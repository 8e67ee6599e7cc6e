//! The broker under a steady, drawn load instead of a drawn life: the scenarios by which the simulator's speed
//! is measured. History and checkers are those of the scenario `broker`, but for what is held against each step of the replicas.
//! Faults are its milder ones: no rot, no bad sectors, no misdirected writes, no older image of the disk; no client ends or loses
//! its power; nobody is a member of a group, and nobody looks in after each start. The limits are those of a
//! small machine, because with segments of 1 KiB a thousand requests a second measure little but renames.
//!
//! `Inside` is the same broker driven below its codec: the clients stand in its process and hand typed requests
//! to its partitions, so that neither frames nor connections cost anything.
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clients::{Ending, Guest, LoadClient};
use super::history::History;
use super::judge::Judge;
use super::machine::Machine;
use super::plan::{self, BROKER, Plan, Work, index};
use super::{RECOVERY, checkers, faults, live};
use crate::case::{Case, ClientCase};
use crate::cluster::Cluster;
use crate::faults::set_clocks;
use crate::rng::Stream;
use crate::scenarios::{Scenario, Violation};

/// How much is asked of the broker, and by whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Load {
    /// About 1,000 requests in a simulated second, over connections.
    Full,
    /// As many, from inside of the process.
    Inside,
    /// A few requests in a simulated second, over connections.
    Idle,
}

/// What a client of the load does.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::scenarios) struct LoadWork {
    pub(super) role: Role,
    /// Its number among those of its role.
    pub(super) number: u32,
    /// The mean time from one burst's intended start to the next.
    #[serde(rename = "every_us", with = "crate::case::micros")]
    pub(super) every: Duration,
    /// The mean number of requests in a burst.
    pub(super) burst: u64,
    pub(super) value_bytes: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Role {
    /// Sends bursts of Produce requests, one record each.
    Writer,
    /// Fetches all partitions, again and again.
    Reader,
    /// Asks for metadata and offsets, and commits some.
    Asker,
}

impl LoadWork {
    /// Every other writer.
    pub(super) fn is_idempotent(&self) -> bool {
        self.number.is_multiple_of(2)
    }

    pub(super) fn name(&self) -> String {
        match self.role {
            Role::Writer => format!("writer-{}", self.number),
            Role::Reader => format!("reader-{}", self.number),
            Role::Asker => format!("asker-{}", self.number),
        }
    }
}

/// For how long the load runs, faults included.
const UNDER_LOAD: Duration = Duration::from_secs(60);
/// Longer than a client of the load waits for an answer.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

impl Load {
    fn draw_clients(self, rng: &mut Stream) -> Vec<LoadWork> {
        // By role: how many clients, and how many requests in a second all of them together send.
        let (writers, readers, askers, burst) = match self {
            Load::Full => ((rng.between(4, 8), 800), (rng.between(2, 3), 350), (1, 100), 5),
            // Clients that stand in the broker's process are away with it, and catch nothing up.
            Load::Inside => ((rng.between(4, 8), 1_050), (rng.between(2, 3), 470), (1, 100), 5),
            Load::Idle => ((1, 1), (1, 2), (1, 1), 1),
        };
        let value_bytes = [20, 100, 500][index(rng, 3)];
        let mut all = Vec::new();
        for (role, (clients, rate), burst) in
            [(Role::Writer, writers, burst), (Role::Reader, readers, 1), (Role::Asker, askers, 1)]
        {
            let every = Duration::from_micros(1_000_000 * clients * burst / rate);
            let numbers = 0..u32::try_from(clients).unwrap_or(1);
            all.extend(numbers.map(|number| LoadWork { role, number, every, burst, value_bytes }));
        }
        all
    }
}

impl Scenario for Load {
    fn name(&self) -> &'static str {
        match self {
            Load::Full => "load",
            Load::Inside => "load-inside",
            Load::Idle => "idle",
        }
    }

    fn about(&self) -> &'static str {
        match self {
            Load::Full => "the broker under 1,000 requests in a second and milder faults, for `speed`",
            Load::Inside => "as many requests below the codec, the same faults, for `speed`",
            Load::Idle => "the broker with little to do, the same faults, for `speed`",
        }
    }

    fn draw(&self, seed: u64) -> Case {
        let stream = |name| Stream::new(seed, "scenario", name, 0);
        let mut rng = stream("plan");
        let plan = Plan {
            journal_file_bytes: 1 << 20,
            journal_files: 3,
            tail_memory_bytes: 4 << 20,
            segment_bytes: 1 << 20,
            index_interval_bytes: 4096,
            ..Plan::draw_mild(&mut rng)
        };
        let works = self.draw_clients(&mut rng);
        let names: Vec<String> = works.iter().map(LoadWork::name).collect();
        let mut faults = plan::draw_offsets(&names, &mut stream("clock offsets"));
        faults.extend(plan::draw_mild_schedule(
            &plan,
            UNDER_LOAD,
            &names,
            |node| node != BROKER,
            &mut stream("faults"),
        ));
        Case {
            world: serde_json::to_value(&plan).expect("a plan is plain data"),
            clients: works.into_iter().map(|work| ClientCase::new(work.name(), &Work::Load(work))).collect(),
            duration_us: u64::try_from(UNDER_LOAD.as_micros()).unwrap_or(u64::MAX),
            faults,
            ..Case::new(self.name(), seed)
        }
    }

    fn run<'a>(
        &'a self,
        cluster: Cluster,
        case: Case,
    ) -> Pin<Box<dyn Future<Output = Result<(), Violation>> + 'a>> {
        Box::pin(async move {
            let plan: Plan = case.world_as()?;
            cluster.note(format_args!("{plan:?}"));
            let history = History::new(&cluster);
            set_clocks(&cluster, &case.faults);
            let machine = Machine::start_up(&cluster, &plan, &history);
            let mut rng = cluster.rng("supervisor");
            let living = async {
                match self {
                    Load::Full | Load::Idle => {
                        live(&cluster, &case, &plan, &machine, &history, LAST_ANSWERS).await
                    }
                    Load::Inside => live_inside(&cluster, &case, &plan, &machine, &history).await,
                }
            };
            tokio::select! {
                biased;
                result = living => result,
                violation = machine.supervise(&mut rng) => Err(violation),
            }
        })
    }
}

/// As [`live`], with the clients inside of the broker's process: they end and begin with it.
async fn live_inside(
    cluster: &Cluster,
    case: &Case,
    plan: &Plan,
    machine: &Machine,
    history: &History,
) -> Result<(), Violation> {
    let ending = Ending::default();
    let mut guests = Vec::new();
    for client in &case.clients {
        if let Work::Load(work) = client.work_as()? {
            let (partitions, history, ending) = (plan.checked(), history.of(&client.name), ending.clone());
            guests.push(Guest::new(LoadClient::new(work, partitions, history, ending)));
        }
    }
    machine.invite(Arc::from(guests));
    let judge = Judge::alone(cluster, plan, machine, history);
    judge.prepare().await?;
    for fault in &case.faults {
        cluster.note(format_args!("planned after {} us: {:?}", fault.at_us, fault.fault));
    }
    faults::run(cluster, machine, &[], &case.faults, case.duration()).await;
    faults::heal(cluster, machine, &[]);
    cluster.sleep(Duration::from_secs(2)).await;
    machine.disk_is_good();
    let before = history.events().progress.clone();
    let began = cluster.now();
    let is_stuck =
        |client: &&ClientCase| history.events().progress.get(&client.name) <= before.get(&client.name);
    while let Some(stuck) = case.clients.iter().find(is_stuck) {
        if cluster.now().since(began) > RECOVERY {
            let text = format!("{RECOVERY:?} after the faults {} is stuck", stuck.name);
            return Err(Violation::new("I16-stuck", text));
        }
        cluster.sleep(Duration::from_millis(500)).await;
    }
    ending.begin();
    cluster.sleep(LAST_ANSWERS).await;
    judge.judge(|| machine.lose_power()).await?;
    machine.note_failed_syncs();
    checkers::check(&history.events(), cluster.now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drawn_load_is_a_thousand_requests_and_more() {
        for seed in 0..20 {
            let works = Load::Full.draw_clients(&mut Stream::new(seed, "test", "load", 0));
            let rate: f64 = works.iter().map(|work| work.burst as f64 / work.every.as_secs_f64()).sum();
            assert!((1_245.0..1_255.0).contains(&rate), "{rate}");
            let case = Load::Full.draw(seed);
            assert_eq!(Case::from_json(&case.to_json()).unwrap(), case);
        }
    }
}
