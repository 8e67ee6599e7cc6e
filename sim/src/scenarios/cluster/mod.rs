//! Whole nodes that form a cluster, each on a machine of its own, under faults; clients that speak the wire protocol to all
//! of them, and the checkers of scenario `broker` over everything that they saw.
//!
//! A run is drawn (`plan`, `late`, `fleet::faults`), lived through (`machine`, the clients of `broker`, `taken_away`), healed, and
//! judged: by its clients' history, by what is seen of the replicas meanwhile (`world`), and by the disks at the end (`judge`).
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ordain::client::{Client, TopicPartition};
use ordain::probe::{self, Mutant};
use ordain::types::{NodeId, PartitionId};

use super::broker::account::Account;
use super::broker::checkers;
use super::broker::clients::{Ending, Servers, set_draining};
use super::broker::history::History;
use super::broker::judge::Judge;
use super::broker::{Running, all_go_on, start_clients};
use super::fleet::{Fleet, MalformedWatch, RaftWatch, StateWatch, Watch, faults, machine_name};
use super::{Scenario, Violation, name_in_clusters};
use crate::case::Case;
use crate::cluster::{Cluster, NodeHandle};
use crate::faults::set_clocks;
use crate::time::SimTime;

mod directed;
mod elections;
mod judge;
mod late;
mod left;
mod lossy;
mod machine;
mod plan;
mod put_back;
mod registrations;
mod replayed;
mod snapshots;
mod taken_away;
mod voters;
mod world;

pub use directed::DirectedNodes;
use left::Left;
use lossy::LossyDisks;
use plan::Plan;
use registrations::Registrations;
use taken_away::Removal;
use voters::Voters;
use world::{World, show};

/// Nodes that form a cluster, and their clients, under faults after which nothing that was acknowledged may be lost.
pub struct Nodes {
    /// A mistake to find.
    pub mutant: Option<Mutant>,
}

/// Longer than a delivery takes.
const LAST_DELIVERIES: Duration = Duration::from_secs(25);
/// Longer than the session of any member, also where the first load of its group fails, and what it met is repaired before the second
/// or the third.
const MEMBERS_GO: Duration = Duration::from_secs(8);
/// Within this time after the faults have ended all partitions must be led, and in the end be the same everywhere.
const RECOVERY: Duration = Duration::from_secs(60);
/// What failed for a moment is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(200);
/// How many runs have a node that is away for long at the end.
const AWAY_PER_MILLE: u32 = 150;
/// How often all replicas are looked at.
const LOOK: Duration = Duration::from_millis(50);
/// Who does not answer within this time then is passed over: it stands still, or has ended.
const ANSWERS: Duration = Duration::from_millis(10);

impl Nodes {
    /// The scenario without a mistake.
    pub(crate) const NAME: &'static str = "cluster";
}

impl Scenario for Nodes {
    fn name(&self) -> &'static str {
        self.mutant.map_or(Self::NAME, name_in_clusters)
    }

    fn about(&self) -> &'static str {
        match self.mutant {
            None => "three to seven whole nodes that form a cluster, and their clients, under faults",
            Some(mutant) => mutant.about(),
        }
    }

    fn without_mistake(&self) -> Option<&'static str> {
        self.mutant.map(|_| Self::NAME)
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
            let plan = case.world_as::<Plan>()?.with_late(&case.faults)?;
            cluster.note(format_args!("{plan:?}"));
            let history = History::new(&cluster);
            history.events().tombstones_stay = plan.broker.tombstones_stay();
            history.events().several_nodes = true;
            set_clocks(&cluster, &case.faults);
            let world = Arc::new(World::default());
            let lossy = LossyDisks::of(&case, &plan)?;
            let account = Account::of_several();
            let fleet = machine::start_up(&cluster, &plan, &world, (&account, &history), lossy.weak());
            // Nothing of it has run.
            plan.late.into_iter().for_each(|late| fleet.down(late, NodeHandle::crash));
            let machines: Vec<NodeHandle> = fleet.nodes().map(|(_, node)| node.clone()).collect();
            let raft = RaftWatch::begin(&cluster, &fleet).with_promises(&fleet);
            let nodes = plan.node_ids().collect();
            history.knows_who_led(has_led_beside(raft.clone(), Arc::clone(&world), nodes));
            let states = StateWatch::begin(&cluster, &fleet);
            let sound = fleet.nodes().map(|(id, _)| id).filter(|id| !lossy.weak().contains(id));
            let malformed = MalformedWatch::begin(&cluster, sound);
            let life = Life {
                raft: &raft,
                states: &states,
                malformed: &malformed,
                cluster: &cluster,
                case: &case,
                plan: &plan,
                history: &history,
                world: &world,
                fleet: &fleet,
                lossy: &lossy,
                account: &account.with(&machines),
                servers: plan.servers().seen_by(&states),
            };
            let mut rng = cluster.rng("supervisor");
            tokio::select! {
                biased;
                wrong = raft.is_wrong() => Err(wrong),
                wrong = states.is_wrong() => Err(wrong),
                wrong = malformed.is_wrong() => Err(wrong),
                result = life.live() => result,
                violation = fleet.supervise(&mut rng) => Err(violation),
            }
        })
    }
}

/// Tells whether the node on a machine has led a partition since some time although another one had taken its place; of a topic that no
/// node knows now, it may have.
fn has_led_beside(
    raft: RaftWatch,
    world: Arc<World>,
    nodes: Vec<NodeId>,
) -> impl Fn(&TopicPartition, &str, SimTime) -> bool + Send + Sync + 'static {
    move |at, machine, since| {
        let Some(&node) = nodes.iter().find(|node| machine_name(**node) == machine) else { return false };
        let topic = world.image().and_then(|image| Some(image.topic(&at.topic)?.id));
        topic.is_none_or(|topic| raft.has_led_beside(PartitionId { topic, index: at.partition }, node, since))
    }
}

/// One run.
struct Life<'a> {
    cluster: &'a Cluster,
    case: &'a Case,
    plan: &'a Plan,
    history: &'a History,
    world: &'a World,
    fleet: &'a Fleet,
    lossy: &'a LossyDisks,
    raft: &'a RaftWatch,
    states: &'a StateWatch,
    malformed: &'a MalformedWatch,
    account: &'a Account,
    servers: Servers,
}

impl Life<'_> {
    async fn live(&self) -> Result<(), Violation> {
        let Life { cluster, case, plan, history, account, .. } = self;
        let judge = Judge {
            cluster,
            plan: &plan.broker,
            account,
            servers: self.servers.clone(),
            history,
            node: cluster.add_node("judge"),
        };
        judge.prepare().await?;
        let ending = Ending::default();
        let clients = start_clients(cluster, case, &plan.broker, (account, &self.servers), history, &ending)?;
        for fault in &case.faults {
            cluster.note(format_args!("planned after {} us: {:?}", fault.at_us, fault.fault));
        }
        let mut watch = Watch::default();
        let remaining = tokio::select! {
            biased;
            wrong = self.watch(&mut watch) => return Err(wrong),
            result = self.go_through(&judge, &clients, &ending) => result?,
        };
        judge::judge(cluster, &remaining, self.world, (self.fleet, self.states)).await
    }

    /// The same with another plan.
    fn with_plan<'b>(&'b self, plan: &'b Plan) -> Life<'b> {
        Life { plan, servers: self.servers.clone(), ..*self }
    }

    /// From the first fault to the last look of a client. Gives the plan of the nodes that are left: one may be gone for good by then.
    async fn go_through(
        &self,
        judge: &Judge<'_>,
        clients: &[Running],
        ending: &Ending,
    ) -> Result<Plan, Violation> {
        let Life { cluster, case, plan, fleet, .. } = self;
        let nodes: Vec<NodeHandle> = clients.iter().map(|client| client.seat.clone()).collect();
        let removal = Removal::planned(self);
        let remaining = if removal.is_some() { plan.without_late() } else { (*plan).clone() };
        let rest = self.with_plan(&remaining);
        let faulty = faults::run(cluster, fleet, &nodes, &case.faults, case.duration());
        let is_settled = match &removal {
            Some(removal) => removal.go_on_amid(faulty).await,
            None => {
                faulty.await;
                true
            }
        };
        // While a node is on its way out no other one may be missing for long.
        if is_settled {
            rest.do_without_broken(judge, clients, &nodes).await?;
        }
        cluster.note(format_args!("heal"));
        faults::heal(cluster, fleet, &nodes, &[]);
        if let Some(removal) = &removal {
            removal.come_to_an_end().await?;
        }
        Box::pin(rest.settle(judge, clients, ending)).await?;
        if let Some(removal) = &removal {
            removal.is_forgotten().await?;
        }
        Ok(remaining)
    }

    /// From when everything is whole on.
    async fn settle(&self, judge: &Judge<'_>, clients: &[Running], ending: &Ending) -> Result<(), Violation> {
        let Life { cluster, plan, history, account, fleet, .. } = self;
        self.comes_to(World::unled, "some partitions have no leader").await?;
        all_go_on(cluster, account, &plan.broker, history, clients).await?;
        self.all_take_writes(judge, &Left::new()).await?;
        self.put_one_back(clients).await?;
        ending.begin();
        cluster.sleep(LAST_DELIVERIES).await;
        self.drain_one(judge).await?;
        self.comes_to(World::unlike, "the replicas differ").await?;
        self.elect_all(judge).await?;
        // Leaders have moved since the members came to their end: sessions began anew with each load.
        cluster.sleep(MEMBERS_GO).await;
        judge.judge(|| fleet.lose_power()).await?;
        history.take_failed_syncs();
        checkers::check(&history.events(), cluster.now())?;
        // Last: what is asked before and after a loss of power is not held against what expires meanwhile.
        self.do_without_one().await?;
        self.comes_to(World::unlike, "the replicas differ").await
    }

    /// In some runs a node is away for longer than its session: it is fenced, and in sync with nothing; then it is back.
    async fn do_without_one(&self) -> Result<(), Violation> {
        let nodes: Vec<NodeId> = self.plan.node_ids().collect();
        let mut rng = self.cluster.rng("away");
        if !rng.chance(AWAY_PER_MILLE) {
            return Ok(());
        }
        let away = *rng.pick(&nodes);
        // One may have found at its last start that its disk was lost, and miss replicas still: one more would be too many.
        self.comes_to(World::unlike, "the replicas differ before a node is away").await?;
        self.fleet.down(away, |node| {
            let _lost = node.power_fail();
        });
        let counted = async |world: &World, _: &Plan| world.counts(away);
        self.comes_to_be("I12-away-counts", counted, "a node that is away counts").await?;
        self.fleet.up(away);
        self.comes_to(World::unlike, "the replicas differ once a node is back").await
    }

    /// A node that a person drains leads nothing soon, and everything has a leader still; then it may lead again.
    async fn drain_one(&self, judge: &Judge<'_>) -> Result<(), Violation> {
        let nodes: Vec<NodeId> = self.plan.brokers().collect();
        let mut rng = self.cluster.rng("drained");
        let drained = *rng.pick(&nodes);
        for node in nodes {
            // A client that drained one may have come to its end before it undid that.
            self.set_draining(judge, node, node == drained).await?;
        }
        self.comes_to(async |world, plan| world.led_by(drained, plan).await, "a drained node leads").await?;
        self.comes_to(World::unled, "some partitions have no leader while a node is drained").await?;
        self.elect_beside(judge, drained).await?;
        self.set_draining(judge, drained, false).await
    }

    async fn set_draining(&self, judge: &Judge<'_>, node: NodeId, drains: bool) -> Result<(), Violation> {
        let asking = move |client: Client| async move {
            loop {
                match set_draining(&client, node, drains).await {
                    Err(error) if error.is_retriable() => client.io().clock.sleep(ASK_AGAIN).await,
                    other => return other,
                }
            }
        };
        judge.ask("draining a node", asking).await
    }

    /// Looks at all replicas again and again; gives the first thing that is wrong.
    async fn watch(&self, watch: &mut Watch) -> Violation {
        let mut voters = Voters::of(self.plan.replicas(), self.lossy.count());
        let mut registrations = Registrations::default();
        let mut elections = 0;
        loop {
            let image = self.world.image();
            let asked = self.cluster.now();
            let (stats, whole) = self.world.stats_within(self.cluster, ANSWERS).await;
            show(self.cluster, image.as_deref(), asked, &stats);
            if let Some(text) = self.world.uncovered(&stats, self.lossy.weak()) {
                return Violation::new("I13-metadata-uncovered", text);
            }
            if let Some(image) = image {
                let looked = voters.look(&image, &self.world.settled(&stats), &stats, whole);
                let held = looked
                    .and_then(|()| registrations.look(&image))
                    .and_then(|()| self.elections_were_held(&image, &mut elections));
                if let Err(wrong) = held {
                    return wrong;
                }
            }
            if let Err(wrong) = watch.look(stats) {
                return wrong;
            }
            tokio::select! {
                biased;
                wrong = self.history.is_wrong() => return wrong,
                () = self.cluster.sleep(LOOK) => {}
            }
        }
    }

    /// Waits until nothing is open any more (I16).
    async fn comes_to(
        &self,
        open: impl AsyncFn(&World, &Plan) -> Vec<String>,
        what: &'static str,
    ) -> Result<(), Violation> {
        self.comes_to_be("I16-stuck", open, what).await
    }

    async fn comes_to_be(
        &self,
        checker: &'static str,
        open: impl AsyncFn(&World, &Plan) -> Vec<String>,
        what: &'static str,
    ) -> Result<(), Violation> {
        let began = self.cluster.now();
        self.comes_to_be_within(checker, open, what, RECOVERY).await?;
        self.cluster.lasted(what, self.cluster.now().since(began));
        Ok(())
    }

    async fn comes_to_be_within(
        &self,
        checker: &'static str,
        open: impl AsyncFn(&World, &Plan) -> Vec<String>,
        what: &str,
        bound: Duration,
    ) -> Result<(), Violation> {
        let began = self.cluster.now();
        loop {
            let open = open(self.world, self.plan).await;
            if open.is_empty() {
                return Ok(());
            }
            if self.cluster.now().since(began) > bound {
                let text = format!("{bound:?} later {what}: {}", open.join("; "));
                return Err(Violation::new(checker, text));
            }
            self.cluster.sleep(Duration::from_millis(200)).await;
        }
    }
}
