//! The whole broker under faults: one node, clients that speak its wire protocol over the simulated network,
//! and checkers over everything they saw.
//!
//! A run is drawn (`plan`, `faults`), lived through (`machine`, `clients`), healed, and judged (`judge`,
//! `checkers`). The `account` says what damage the broker may and must report. What the clients saw stands in the
//! `history`.
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use ordain::probe::{self, Mutant};

use super::{Scenario, Violation, mutant_scenario_name};
use crate::case::Case;
use crate::cluster::{Cluster, NodeHandle};
use crate::faults::set_clocks;

pub(super) mod account;
mod beside;
pub(super) mod checkers;
pub(super) mod clients;
mod faults;
pub(super) mod history;
pub(super) mod judge;
mod kept;
mod load;
pub(super) mod machine;
mod offset_map;
pub(super) mod plan;
mod shown;
mod written;

use account::Account;
pub(crate) use beside::{draw_beside, run_beside};
use clients::{Among, Ending, LoadClient, Seat, Servers};
use history::{History, Reader};
use judge::Judge;
pub use load::Load;
use machine::Machine;
use plan::{AcksPlan, Plan, Work};
pub use written::{Judged, Verdict, check_history};

/// One broker and its clients under faults after which nothing acknowledged may be lost.
pub struct Broker {
    /// A mistake to find.
    pub mutant: Option<Mutant>,
}

/// Longer than a delivery takes.
const LAST_DELIVERIES: Duration = Duration::from_secs(25);
/// Within this time after the faults have ended every client must get on.
const RECOVERY: Duration = Duration::from_secs(60);
/// So long after every client has got on, each must once more.
const ONCE_MORE_AFTER: Duration = Duration::from_secs(3);

impl Scenario for Broker {
    fn name(&self) -> &'static str {
        match self.mutant {
            None => "broker",
            Some(mutant) => mutant_scenario_name(mutant),
        }
    }

    fn about(&self) -> &'static str {
        match self.mutant {
            None => "one broker, its producers, consumers and administrators, under faults",
            Some(mutant) => mutant.about(),
        }
    }

    fn without_mistake(&self) -> Option<&'static str> {
        self.mutant.map(|_| "broker")
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
            let history = History::new(&cluster);
            history.events().tombstones_stay = plan.tombstones_stay();
            set_clocks(&cluster, &case.faults);
            let machine = Machine::start_up(&cluster, &plan, &history);
            machine.watch_replicas();
            let mut rng = cluster.rng("supervisor");
            let ended = tokio::select! {
                biased;
                result = live(&cluster, &case, &plan, &machine, &history, LAST_DELIVERIES) => result,
                violation = machine.supervise(&mut rng) => Err(violation),
            };
            ended.map_err(|violation| history.cause_of(violation))
        })
    }
}

async fn live(
    cluster: &Cluster,
    case: &Case,
    plan: &Plan,
    machine: &Machine,
    history: &History,
    last_answers: Duration,
) -> Result<(), Violation> {
    let ending = Ending::default();
    let judge = Judge::alone(cluster, plan, machine, history);
    judge.prepare().await?;
    let clients = start_clients(cluster, case, plan, (machine.account(), &Servers::one()), history, &ending)?;
    for fault in &case.faults {
        cluster.note(format_args!("planned after {} us: {:?}", fault.at_us, fault.fault));
    }
    let nodes: Vec<NodeHandle> = clients.iter().map(|client| client.seat.clone()).collect();
    let faults = faults::run(cluster, machine, &nodes, &case.faults, case.duration());
    tokio::select! {
        biased;
        wrong = history.is_wrong() => return Err(wrong),
        () = faults => {}
    }
    faults::heal(cluster, machine, &nodes);
    // The run that the last errors hit may still end by them.
    cluster.sleep(Duration::from_secs(2)).await;
    machine.disk_is_good();
    judge.restore_groups(machine).await?;
    history.healed(&who_must_be_answered(case, plan, machine.account())?);
    all_go_on(cluster, machine.account(), plan, history, &clients).await?;
    ending.begin();
    cluster.sleep(last_answers).await;
    judge.judge(|| machine.lose_power()).await?;
    machine.note_failed_syncs();
    checkers::check(&history.events(), cluster.now())?;
    let Some(time) = judge.judge_old_image(machine).await? else { return Ok(()) };
    let mut rng = cluster.rng("life after an old image");
    if rng.chance(500) {
        return Ok(());
    }
    // The world goes on from the older disk, and the clients begin anew.
    clients.iter().for_each(|client| client.seat.crash());
    history.goes_on_from(time, &BTreeSet::new());
    judge.restore_groups(machine).await?;
    ending.take_back();
    clients.iter().for_each(|client| client.seat.restart());
    cluster.sleep(rng.duration(Duration::from_secs(2), Duration::from_secs(8))).await;
    all_go_on(cluster, machine.account(), plan, history, &clients).await?;
    ending.begin();
    cluster.sleep(last_answers).await;
    judge.judge(|| machine.lose_power()).await?;
    machine.note_failed_syncs();
    checkers::check(&history.events(), cluster.now())
}

/// The clients of which the history shows by itself that they get on: producers that wait for answers, have no bound and find all
/// partitions served.
fn who_must_be_answered<'a>(
    case: &'a Case,
    plan: &Plan,
    account: &Account,
) -> Result<Vec<&'a str>, Violation> {
    let mut names = Vec::new();
    for client in case.clients.iter().filter(|client| client.operations_max.is_none()) {
        if let Work::Producer(producer) = client.work_as()?
            && producer.acks != AcksPlan::None
            && account.down(&plan.partitions_of(&producer.topic)).is_empty()
        {
            names.push(client.name.as_str());
        }
    }
    Ok(names)
}

/// Whether a reader is one of the group's members.
fn is_member(reader: Reader) -> bool {
    (history::FIRST_MEMBER..history::JUDGE).contains(&reader.reader)
}

/// A client that runs.
pub(super) struct Running {
    pub(super) seat: NodeHandle,
    ending: Ending,
    is_member: bool,
    /// Whether it gets nowhere without the groups.
    needs_groups: bool,
    /// Whether it sends what the group reads.
    feeds_group: bool,
}

/// Starts every client on a machine of its own; the names are those under which they report progress.
pub(super) fn start_clients(
    cluster: &Cluster,
    case: &Case,
    plan: &Plan,
    (account, servers): (&Account, &Servers),
    history: &History,
    ending: &Ending,
) -> Result<Vec<Running>, Violation> {
    let mut clients = Vec::new();
    for client in &case.clients {
        let work: Work = client.work_as()?;
        let is_member = matches!(work, Work::Member(_));
        let needs_groups = matches!(work, Work::Worker | Work::Admin);
        let feeds_group = matches!(&work, Work::Producer(producer) if producer.topic == plan::TOPIC);
        let node = cluster.add_node(&client.name);
        let ending = ending.with_budget(client.operations_max);
        let (name, partitions) = (client.name.clone(), plan.partitions_of(topic_of(&work)));
        let (history, account, budget) = (history.of(&client.name), account.clone(), ending.clone());
        let servers = servers.clone();
        node.start(move |io| {
            let seat = Seat {
                io,
                name: name.clone(),
                partitions: partitions.clone(),
                history: history.clone(),
                ending: budget.clone(),
                account: account.clone(),
                servers: servers.clone(),
            };
            perform(seat, work.clone())
        });
        clients.push(Running { seat: node, ending, is_member, needs_groups, feeds_group });
    }
    Ok(clients)
}

/// The topic that a client works on.
fn topic_of(work: &Work) -> &str {
    match work {
        Work::Producer(plan) => &plan.topic,
        Work::Reader { topic, .. } | Work::Near { topic, .. } => topic,
        Work::Slow { .. } => plan::SHORT,
        Work::Chaser { topic } => topic,
        Work::Trimmer => plan::COMPACTED,
        Work::Worker
        | Work::Prober { .. }
        | Work::Lister
        | Work::Member(_)
        | Work::Ids
        | Work::Hostile
        | Work::Admin
        | Work::Deleter
        | Work::Load(_)
        | Work::Waiter
        | Work::Tuner
        | Work::Onlooker
        | Work::Onlookers { .. }
        | Work::Mover { .. }
        | Work::Drainer { .. }
        | Work::Elector
        | Work::Voters
        | Work::Topics => plan::TOPIC,
    }
}

async fn perform(seat: Seat, work: Work) {
    match work {
        Work::Producer(plan) => clients::produce(seat, plan).await,
        Work::Reader { reader, .. } => clients::read_again_and_again(seat, reader).await,
        Work::Near { reader, racks, .. } => clients::read_nearby(seat, reader, racks).await,
        Work::Drainer { nodes, first } => clients::drain_in_turn(seat, first..=nodes).await,
        Work::Slow { reader } => clients::read_slowly(seat, reader).await,
        Work::Prober { reader } => clients::probe(seat, reader).await,
        Work::Lister => clients::list_offsets(seat).await,
        Work::Member(plan) => clients::consume_as_member(seat, plan).await,
        Work::Ids => clients::take_producer_ids(seat).await,
        Work::Hostile => clients::attack(seat).await,
        Work::Admin => clients::administer(seat).await,
        Work::Deleter => clients::delete_again_and_again(seat).await,
        Work::Load(work) => {
            let Seat { io, partitions, history, ending, .. } = seat;
            LoadClient::new(work, partitions, history, ending).run_outside(io).await;
        }
        Work::Topics => clients::administer_topics(seat).await,
        Work::Mover { nodes, first, replicas_most, among_living } => {
            let among = if among_living { Among::Living } else { Among::Numbers(first..=nodes) };
            clients::move_partitions(seat, among, replicas_most).await;
        }
        Work::Elector => clients::elect_preferred(seat).await,
        Work::Trimmer => clients::trim(seat).await,
        Work::Tuner => clients::tune(seat).await,
        Work::Waiter => clients::wait_for_records(seat).await,
        Work::Voters => clients::change_voters(seat).await,
        Work::Chaser { .. } => clients::chase(seat).await,
        Work::Worker => clients::work_in_group(seat).await,
        Work::Onlooker => clients::look_after_starts(seat).await,
        Work::Onlookers { nodes, first } => clients::look_after_each_start(seat, first..=nodes).await,
    }
}

/// Liveness that lasts (I16): all get on ([`all_get_on`]), and once more from some time later on. What was under way when a wait begins is
/// enough for it, and may be all that ever comes. Each client works on until it is told to end, and nothing is broken any more: what the
/// first bound is enough for, in which what the faults had held up counts as well, the same bound is enough for once more.
pub(super) async fn all_go_on(
    cluster: &Cluster,
    account: &Account,
    plan: &Plan,
    history: &History,
    clients: &[Running],
) -> Result<(), Violation> {
    all_get_on(cluster, account, plan, history, clients, (&[], RECOVERY)).await?;
    cluster.sleep(ONCE_MORE_AFTER).await;
    all_get_on(cluster, account, plan, history, clients, (&[], RECOVERY)).await
}

/// Liveness (I16): once nothing goes wrong any more, every client gets something done within a bound; of the
/// group's members one is enough, for there may be fewer partitions than members. Those who are excused by name are not asked.
pub(super) async fn all_get_on(
    cluster: &Cluster,
    account: &Account,
    plan: &Plan,
    history: &History,
    clients: &[Running],
    (excused, bound): (&[&str], Duration),
) -> Result<(), Violation> {
    let before = history.events().progress.clone();
    let got_on = |client: &&Running| {
        let name = client.seat.name();
        client.ending.is_used_up() || history.events().progress.get(name) > before.get(name)
    };
    let began = cluster.now();
    loop {
        if let Some(wrong) = history.events().wrongs.first() {
            return Err(wrong.clone());
        }
        // A group without its offsets, without a partition to read, or without anything new in them (the
        // producers of a case may be bounded, or taken away) cannot get on.
        let is_fed = clients.iter().any(|client| client.feeds_group && !client.ending.is_used_up());
        let is_excused = !is_fed
            || account.groups_are_down()
            || account.down(&plan.checked()).len() == plan.checked().len();
        let (members, others): (Vec<_>, Vec<_>) = clients.iter().partition(|client| client.is_member);
        let waits = |client: &&Running| client.needs_groups && account.groups_are_down();
        let others = others.into_iter().filter(|client| !excused.contains(&client.seat.name()));
        let stuck = others.filter(|client| !got_on(client) && !waits(client));
        let stuck: Vec<&str> = stuck.map(|client| client.seat.name()).collect();
        let group_is_stuck = !is_excused && !members.is_empty() && !members.iter().any(got_on);
        if stuck.is_empty() && !group_is_stuck {
            cluster.lasted("some clients are stuck", cluster.now().since(began));
            return Ok(());
        }
        if cluster.now().since(began) > bound {
            let group = if group_is_stuck { "the group" } else { "" };
            return Err(Violation::new(
                "I16-stuck",
                format!("{bound:?} after the faults some clients are stuck: {} {group}", stuck.join(" ")),
            ));
        }
        cluster.sleep(Duration::from_millis(500)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Simulation;
    use crate::rng::Stream;

    /// What is found where a client gets something done at these times, in milliseconds.
    fn found(times: &[u64]) -> Result<(), Violation> {
        let outcome = Simulation::new(1).run(|cluster| async move {
            let history = History::new(&cluster);
            let plan = Plan::draw(&mut Stream::new(1, "test", "plan", 0));
            for &time in times {
                let told = history.clone();
                cluster.after(Duration::from_millis(time), Box::new(move || told.progress("lister")));
            }
            let (seat, ending) = (cluster.add_node("lister"), Ending::default());
            let lister = Running { seat, ending, is_member: false, needs_groups: false, feeds_group: false };
            all_go_on(&cluster, &Account::of_several(), &plan, &history, &[lister]).await
        });
        outcome.value
    }

    #[test]
    fn who_gets_on_once_and_never_again_is_stuck() {
        assert_eq!(found(&[200, 4_500]), Ok(()));
        let never_again: [&[u64]; 3] = [&[], &[200], &[200, 300]];
        for times in never_again {
            assert_eq!(found(times).unwrap_err().checker, "I16-stuck", "{times:?}");
        }
    }
}
