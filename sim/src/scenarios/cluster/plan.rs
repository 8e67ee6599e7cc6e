//! What a run is made of, drawn from its seed.
use std::fmt;
use std::time::Duration;

use ordain::log::StorageOptions;
use ordain::types::{NodeId, Roles};
use serde::{Deserialize, Serialize};

use super::{late, lossy};
use crate::case::{Case, ClientCase};
use crate::faults::{Fault, TimedFault, draw_clock_offsets, draw_weak_disk};
use crate::net::NetOptions;
use crate::rng::Stream;
use crate::scenarios::broker::clients::Servers;
use crate::scenarios::broker::history::NEAR_READER;
use crate::scenarios::broker::plan::{
    AcksPlan, BETWEEN_NODES, COMPACTED, KEYS, MemberPlan, PORT, Plan as BrokerPlan, ProducerPlan, SHORT,
    TOPIC, Work,
};
use crate::scenarios::fleet::{faults, links, machine_name, moments};

/// How many runs have a weak disk.
const WEAK_PER_MILLE: u32 = 500;

/// The nodes, and what they hold.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plan {
    pub(super) nodes: i32,
    /// After so many bytes of the metadata log a snapshot is taken.
    pub(super) snapshot_bytes: u64,
    /// Metadata records of so many bytes at most are in one batch: a larger change takes several.
    #[serde(default = "large_batches")]
    pub(super) metadata_batch_bytes: u32,
    /// How many replicas an acknowledged record is on at least, where that is more than a majority.
    #[serde(default)]
    pub(super) replicas_min: Option<u16>,
    /// What a node asks another one for at once of a snapshot, in bytes.
    #[serde(default = "whole_snapshots")]
    pub(super) snapshot_piece_bytes: u32,
    /// The first so many found the cluster; the others observe its metadata until they are asked to vote. 0: all.
    #[serde(default)]
    pub(super) founders: i32,
    /// Observers ask to vote by themselves.
    #[serde(default)]
    pub(super) joins_quorum: bool,
    /// So many of the first are controllers alone; then those that are no founders are brokers alone.
    #[serde(default)]
    pub(super) apart: i32,
    /// How often leadership goes back to preferred replicas by itself, in seconds; 0: as seldom as by default.
    #[serde(default)]
    pub(super) balances_s: u32,
    /// How many replicas each partition has.
    #[serde(default = "three")]
    replication_factor: i16,
    /// What each of them is like, and the topics.
    pub(super) broker: BrokerPlan,
    /// The node that joins late, beside all those: the faults of a case say it ([`Plan::with_late`]).
    #[serde(skip)]
    pub(super) late: Option<NodeId>,
}

/// As derived, but for a late node that there is not: traces without one say what they said before there were any.
impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan {
            nodes,
            snapshot_bytes,
            metadata_batch_bytes,
            replicas_min,
            snapshot_piece_bytes,
            founders,
            joins_quorum,
            apart,
            balances_s,
            replication_factor,
            broker,
            late,
        } = self;
        let mut told = f.debug_struct("Plan");
        told.field("nodes", nodes)
            .field("snapshot_bytes", snapshot_bytes)
            .field("metadata_batch_bytes", metadata_batch_bytes)
            .field("replicas_min", replicas_min)
            .field("snapshot_piece_bytes", snapshot_piece_bytes)
            .field("founders", founders)
            .field("joins_quorum", joins_quorum)
            .field("apart", apart)
            .field("balances_s", balances_s)
            .field("replication_factor", replication_factor)
            .field("broker", broker);
        if late.is_some() {
            told.field("late", late);
        }
        told.finish()
    }
}

fn three() -> i16 {
    3
}

fn large_batches() -> u32 {
    1 << 20
}

fn whole_snapshots() -> u32 {
    1 << 20
}

/// Draws a whole case.
pub(super) fn draw(scenario: &str, seed: u64) -> Case {
    let stream = |name| Stream::new(seed, "scenario", name, 0);
    let plan =
        Plan::draw(&mut stream("plan")).with_roles(&mut stream("roles")).with_balance(&mut stream("balance"));
    let plan = plan.with_replicas(&mut stream("replicas"));
    let mut clients = draw_clients(&plan, &mut stream("clients"));
    let duration = stream("duration").duration(Duration::from_secs(5), Duration::from_secs(40));
    let nodes = plan.machine_names();
    let names: Vec<String> = clients.iter().map(|client| client.name.clone()).collect();
    // Of the three replicas that a partition has at most one may be lost; of five another one (below).
    let mut faults = faults::draw(&mut stream("faults"), &nodes, 1, duration);
    faults.extend(faults::draw_beside(&mut stream("faults of clients"), &nodes, &names, duration));
    let lost = faults.iter().find_map(|timed| match &timed.fault {
        Fault::Wipe { node } => Some(node.clone()),
        _ => None,
    });
    let (weak, chaser) = draw_weak(&mut stream("weak disk"), &nodes, lost, duration);
    faults.extend(weak);
    clients.extend(chaser);
    if lossy::most(&plan, &clients) > 1 {
        let second = lossy::draw_second(&mut stream("second disk"), &nodes, &faults, duration);
        faults.extend(second);
    }
    faults.extend(faults::draw_rings(&mut stream("rings"), &nodes, duration));
    faults.extend(links::draw_splits(&mut stream("two groups"), &nodes, duration));
    faults.extend(links::draw_deaf_and_mute(&mut stream("who hears whom"), &nodes, duration));
    faults.extend(faults::draw_beside_journal(&mut stream("beside the journal"), &nodes, duration));
    faults.extend(moments::draw_moments(&mut stream("moments"), &nodes, duration));
    add_electors(&mut clients, &plan, &mut stream("electors"));
    add_tuner_and_waiter(&mut clients, &mut stream("tuner"), &mut stream("waiter"));
    add_onlooker(&mut clients, &plan, &mut stream("onlooker"));
    add_deleter(&mut clients, &mut stream("deleter"));
    faults.sort_by_key(|timed| timed.at_us);
    let machines: Vec<String> = nodes.iter().chain(&names).cloned().collect();
    faults.splice(0..0, draw_clock_offsets(&machines, &mut stream("clock offsets")));
    let net = &mut stream("net options");
    let loss_per_mille = u32::try_from(net.between(0, 1) * net.between(0, 30)).unwrap_or(0);
    let window = usize::try_from(net.between(2 << 10, 64 << 10)).unwrap_or(1 << 16);
    let mut case = Case {
        net: NetOptions { loss_per_mille, window, ..NetOptions::default() },
        world: serde_json::to_value(&plan).expect("a plan is plain data"),
        clients,
        duration_us: u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
        faults,
        ..Case::new(scenario, seed)
    };
    late::add(&mut case, &plan, &mut stream("one more node"));
    case
}

/// In some runs somebody has preferred leaders elected, and whoever moves partitions changes how many replicas they have. Beside
/// [`draw_clients`], which so draws the same as ever.
fn add_electors(clients: &mut Vec<ClientCase>, plan: &Plan, rng: &mut Stream) {
    let (elects, changes_factor) = (rng.chance(350), rng.chance(500));
    if let Some(mover) = clients.iter_mut().find(|client| client.name == "mover")
        && changes_factor
        && plan.nodes - plan.apart > i32::from(plan.replicas())
    {
        let (nodes, first) = (plan.nodes, plan.apart + 1);
        let work = Work::Mover { nodes, first, replicas_most: plan.replicas() + 1, among_living: false };
        *mover = ClientCase::new(mover.name.clone(), &work);
    }
    if elects {
        clients.push(ClientCase::new("elector".to_owned(), &Work::Elector));
    }
}

/// In some runs somebody configures brokers and the topic that everybody works on, and somebody waits for records. Both are drawn after
/// the faults, which so are as ever.
fn add_tuner_and_waiter(clients: &mut Vec<ClientCase>, tuner: &mut Stream, waiter: &mut Stream) {
    if tuner.chance(350) {
        clients.push(ClientCase::new("tuner".to_owned(), &Work::Tuner));
    }
    if waiter.chance(300) {
        clients.push(ClientCase::new("waiter".to_owned(), &Work::Waiter));
    }
}

/// In some runs somebody looks at what each node knows after each of its starts. Drawn after the faults, too.
fn add_onlooker(clients: &mut Vec<ClientCase>, plan: &Plan, rng: &mut Stream) {
    if rng.chance(300) {
        let work = Work::Onlookers { nodes: plan.nodes, first: plan.apart + 1 };
        clients.push(ClientCase::new("onlooker".to_owned(), &work));
    }
}

/// In some runs somebody deletes records again and again. Drawn after the faults, too.
fn add_deleter(clients: &mut Vec<ClientCase>, rng: &mut Stream) {
    if rng.chance(300) {
        clients.push(ClientCase::new("deleter".to_owned(), &Work::Deleter));
    }
}

/// In some runs one node's disk is weak: the one that is lost, if one is, so that of the three replicas of a partition two are
/// sound. Somebody then asks for the oldest records, and what errors there are.
fn draw_weak(
    rng: &mut Stream,
    nodes: &[String],
    lost: Option<String>,
    duration: Duration,
) -> (Vec<TimedFault>, Option<ClientCase>) {
    let drawn = rng.pick(nodes).clone();
    let (is_weak, is_chased) = (rng.chance(WEAK_PER_MILLE), rng.chance(500));
    if !is_weak {
        return (Vec::new(), None);
    }
    let faults = draw_weak_disk(&lost.unwrap_or(drawn), duration, rng);
    let work = Work::Chaser { topic: TOPIC.to_owned() };
    (faults, is_chased.then(|| ClientCase::new("chaser".to_owned(), &work)))
}

/// All that is acknowledged is acknowledged by a majority: `acks=1` promises nothing beyond its leader.
fn draw_producer(producer: u32, topic: &str, rng: &mut Stream) -> ProducerPlan {
    let drawn = ProducerPlan::draw(producer, rng);
    ProducerPlan {
        topic: topic.to_owned(),
        acks: AcksPlan::All,
        burst: drawn.burst.min(12),
        pause: drawn.pause.max(Duration::from_millis(20)),
        ..drawn
    }
}

fn draw_clients(plan: &Plan, rng: &mut Stream) -> Vec<ClientCase> {
    let mut clients = Vec::new();
    let mut add = |name: String, work: &Work| clients.push(ClientCase::new(name, work));
    let count = |rng: &mut Stream, most: u64| 0..u32::try_from(rng.between(1, most)).unwrap_or(1);
    for producer in count(rng, 3) {
        add(format!("producer-{producer}"), &Work::Producer(draw_producer(producer, TOPIC, rng)));
    }
    for reader in count(rng, 2) {
        add(format!("reader-{reader}"), &Work::Reader { reader, topic: TOPIC.to_owned() });
    }
    for member in count(rng, 3) {
        let (is_static, commits_automatically) = (rng.chance(400), rng.chance(500));
        let plan = MemberPlan { member, is_static, commits_automatically };
        add(format!("member-{member}"), &Work::Member(plan));
    }
    add("admin".to_owned(), &Work::Admin);
    if rng.chance(400) {
        let producer = draw_producer(50, COMPACTED, rng);
        let keyed = ProducerPlan { keys: Some(KEYS), tombstones_per_mille: 250, ..producer };
        add("producer-50".to_owned(), &Work::Producer(keyed));
        add("reader-50".to_owned(), &Work::Reader { reader: 50, topic: COMPACTED.to_owned() });
        if plan.broker.compacted_deletes {
            add("trimmer".to_owned(), &Work::Trimmer);
        }
    }
    if rng.chance(400) {
        add("producer-60".to_owned(), &Work::Producer(draw_producer(60, SHORT, rng)));
        add("slow-reader".to_owned(), &Work::Slow { reader: 60 });
    }
    if rng.chance(500) {
        for worker in 0..rng.between(2, 3) {
            add(format!("worker-{worker}"), &Work::Worker);
        }
    }
    if plan.nodes > 3 && !plan.joins_quorum && rng.chance(800) {
        add("voters".to_owned(), &Work::Voters);
    }
    let optional = [
        ("topics", Work::Topics, 700),
        (
            "mover",
            Work::Mover { nodes: plan.nodes, first: plan.apart + 1, replicas_most: 0, among_living: false },
            if plan.nodes > 3 { 800 } else { 200 },
        ),
        ("ids", Work::Ids, 500),
        ("lister", Work::Lister, 500),
        ("prober", Work::Prober { reader: 70 }, 300),
        ("hostile", Work::Hostile, 200),
        (
            "near-reader",
            Work::Near { reader: NEAR_READER, topic: TOPIC.to_owned(), racks: plan.nodes.unsigned_abs() },
            600,
        ),
        ("drainer", Work::Drainer { nodes: plan.nodes, first: plan.apart + 1 }, 400),
    ];
    for (name, work, per_mille) in optional {
        if rng.chance(per_mille) {
            add(name.to_owned(), &work);
        }
    }
    clients
}

/// Some clusters are larger. From a copy, and some way into it: the rest of the plan is as it would be.
fn many_nodes(rng: &Stream) -> Option<i32> {
    let mut own = rng.aside(7);
    own.chance(60).then(|| *own.pick(&[6, 7]))
}

impl Plan {
    fn draw(rng: &mut Stream) -> Plan {
        let nodes = *rng.pick(&[3, 3, 3, 4, 4, 5]);
        let nodes = many_nodes(rng).unwrap_or(nodes);
        let founders = if rng.chance(500) { 3 } else { nodes };
        let joins_quorum = rng.chance(200);
        let snapshot_bytes = *rng.pick(&[1_000, 3_000, 30_000, 20 << 20]);
        let snapshot_piece_bytes = *rng.pick(&[300, 4 << 10, 1 << 20]);
        let drawn = BrokerPlan::draw(rng);
        // A partition without a majority holds the journal from its oldest uncommitted record on (docs/replication.md, "A
        // limit"): there is room for all that clients write meanwhile.
        let broker = BrokerPlan {
            journal_file_bytes: *rng.pick(&[1 << 20, 2 << 20]),
            journal_files: 4,
            shards: drawn.shards.min(2),
            tail_memory_bytes: drawn.tail_memory_bytes.max(256 << 10),
            partitions: drawn.partitions.min(3),
            delete_retention_ms: BrokerPlan::FOR_EVER_MS,
            families: Vec::new(),
            ..drawn
        };
        let replicas_min = rng.chance(150).then_some(3);
        // What is tiny for the one is so for the other.
        let metadata_batch_bytes = if snapshot_bytes == 3_000 { 150 } else { large_batches() };
        Plan {
            nodes,
            snapshot_bytes,
            metadata_batch_bytes,
            replicas_min,
            snapshot_piece_bytes,
            founders,
            joins_quorum,
            apart: 0,
            balances_s: 0,
            replication_factor: three(),
            broker,
            late: None,
        }
    }

    /// Of so many nodes, all of which found the cluster, with so many replicas of each partition.
    #[cfg(test)]
    pub(super) fn of_founders(nodes: i32, replicas: i16) -> Plan {
        let drawn = Plan::of_script(nodes, &mut Stream::new(1, "test", "plan", 0));
        Plan { founders: nodes, replication_factor: replicas, ..drawn }
    }

    /// As a script wants them: nothing is added to what it asks for.
    pub(super) fn of_script(nodes: i32, rng: &mut Stream) -> Plan {
        let drawn = Plan::draw(rng);
        Plan { nodes, founders: 3, joins_quorum: false, replicas_min: None, ..drawn }
    }

    /// Of some clusters that have more nodes than a partition has replicas, and than founders, the rest are controllers alone.
    fn with_roles(self, rng: &mut Stream) -> Plan {
        let may = self.nodes > 3 && self.founders == 3 && !self.joins_quorum;
        let apart = if may && rng.chance(500) { self.nodes - 3 } else { 0 };
        Plan { apart, ..self }
    }

    /// In some clusters leadership goes back to where it is preferred while faults last.
    fn with_balance(self, rng: &mut Stream) -> Plan {
        let balances_s = if rng.chance(300) { *rng.pick(&[1, 2, 5]) } else { 0 };
        Plan { balances_s, ..self }
    }

    /// In some clusters that are large enough two nodes may be missing at once: each partition has five replicas, and five nodes found them.
    fn with_replicas(self, rng: &mut Stream) -> Plan {
        let may = self.founders == self.nodes && !self.joins_quorum && self.replicas_min.is_none();
        let replication_factor = if may && self.nodes >= 5 && rng.chance(800) { 5 } else { three() };
        Plan { replication_factor, ..self }
    }

    fn roles(&self, node: NodeId) -> Roles {
        match node.0 {
            id if id <= self.apart => Roles::Controller,
            id if self.apart > 0 && id > self.founders => Roles::Broker,
            _ => Roles::Both,
        }
    }

    /// The nodes that serve clients.
    pub(super) fn brokers(&self) -> impl Iterator<Item = NodeId> {
        self.node_ids().filter(|&node| self.roles(node).is_broker())
    }

    /// Where clients find them: they were told of none that was not there at first.
    pub(super) fn servers(&self) -> Servers {
        let names = self.brokers().filter(|&node| Some(node) != self.late).map(machine_name).collect();
        Servers::several(names, self.node_ids().collect(), self.replicas())
    }

    /// All of them, the one that joins late as the last.
    pub(super) fn node_ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (1..=self.nodes).map(NodeId).chain(self.late)
    }

    pub(super) fn machine_names(&self) -> Vec<String> {
        self.node_ids().map(machine_name).collect()
    }

    /// How many replicas each partition has.
    pub(super) fn replicas(&self) -> i16 {
        self.replication_factor
    }

    /// Those that found the cluster.
    pub(super) fn founders(&self) -> impl Iterator<Item = NodeId> + use<> {
        let count = if self.founders == 0 { self.nodes } else { self.founders };
        (1..=count).map(NodeId)
    }

    /// A node's configuration on a machine of that name, as `key=value`.
    pub(super) fn overrides(&self, node: NodeId, name: &str) -> Vec<String> {
        // A node that comes later names two of three: whoever leads the metadata may be another.
        let count = self.founders().count() as i32;
        let is_named = |founder: &NodeId| node.0 <= count || count < 3 || founder.0 != node.0 % count + 1;
        let founders = self.founders().filter(is_named);
        let founders: Vec<String> =
            founders.map(|node| format!("{}:{BETWEEN_NODES}", machine_name(node))).collect();
        let for_clients = |host: &str| {
            let is_broker = self.roles(node).is_broker();
            if is_broker { format!("PLAINTEXT://{host}:{PORT},") } else { String::new() }
        };
        let is_of_one =
            |entry: &String| entry.starts_with("listeners=") || entry.starts_with("advertised.listeners=");
        let mut all: Vec<String> =
            self.broker.overrides().into_iter().filter(|entry| !is_of_one(entry)).collect();
        all.extend([
            format!("node.id={node}"),
            format!("broker.rack=r{node}"),
            "replica.selector.class=org.apache.kafka.common.replica.RackAwareReplicaSelector".to_owned(),
            format!("process.roles={}", self.roles(node)),
            format!("listeners={}CONTROLLER://0.0.0.0:{BETWEEN_NODES}", for_clients("0.0.0.0")),
            format!("advertised.listeners={}CONTROLLER://{name}:{BETWEEN_NODES}", for_clients(name)),
            "controller.listener.names=CONTROLLER".to_owned(),
            format!("controller.quorum.bootstrap.servers={}", founders.join(",")),
            format!("default.replication.factor={}", self.replicas()),
            format!("offsets.topic.replication.factor={}", self.replicas()),
            format!("metadata.log.max.record.bytes.between.snapshots={}", self.snapshot_bytes),
            format!("controller.quorum.fetch.snapshot.max.bytes={}", self.snapshot_piece_bytes),
            format!("internal.metadata.max.batch.size.in.bytes={}", self.metadata_batch_bytes),
            format!("controller.quorum.auto.join.enable={}", self.joins_quorum),
        ]);
        if self.balances_s > 0 {
            all.push(format!("leader.imbalance.check.interval.seconds={}", self.balances_s));
        }
        all.extend(self.replicas_min.map(|count| format!("min.insync.replicas={count}")));
        all
    }

    /// As a node makes them of its configuration.
    pub(super) fn storage_options(&self) -> StorageOptions {
        let BrokerPlan { journal_file_bytes, journal_files, tail_memory_bytes, .. } = self.broker;
        StorageOptions {
            journal_file_bytes,
            journal_files: usize::try_from(journal_files).unwrap_or(usize::MAX),
            journal_replay_bytes: tail_memory_bytes,
            tail_budget_bytes: usize::try_from(tail_memory_bytes).unwrap_or(usize::MAX),
            ..StorageOptions::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::lossy::LossyDisks;
    use super::*;

    #[test]
    fn in_some_runs_somebody_looks_after_each_start_or_deletes_again_and_again() {
        for name in ["onlooker", "deleter"] {
            let is_there = |seed: &u64| draw("cluster", *seed).clients.iter().any(|one| one.name == name);
            let count = (0..200).filter(is_there).count();
            assert!((40..80).contains(&count), "{name}: {count}");
        }
    }

    #[test]
    fn what_is_drawn_can_be_kept_and_loses_no_more_disks_than_may_be_lost() {
        let mut with_two = 0;
        for seed in 0..120 {
            let case = draw("cluster", seed);
            let read = Case::from_json(&case.to_json()).unwrap();
            assert_eq!(read, case);
            let plan = read.world_as::<Plan>().unwrap();
            assert!(plan.nodes >= 3);
            assert!(read.clients.iter().all(|client| client.work_as::<Work>().is_ok()));
            let lossy = LossyDisks::of(&case, &plan).unwrap();
            assert!(lossy.nodes().len() < 2 || plan.replicas() == 5, "seed {seed}: {lossy:?}");
            with_two += u32::from(lossy.nodes().len() == 2);
        }
        assert!(with_two > 0, "some lose two");
    }
}
