//! What one run is like, drawn from its seed: tiny limits, and about half of the families of faults.
use std::collections::BTreeMap;
use std::time::Duration;

use ordain::client::TopicPartition;
use serde::{Deserialize, Serialize};

use super::history::{Mode, PROBER, SLOW_READER};
use super::load::LoadWork;
use crate::case::{Case, ClientCase};
use crate::disk::FaultyOp;
use crate::faults::{Family, Fault, TimedFault, draw_clock_offsets, draw_families, draw_schedule};
use crate::net::NetOptions;
use crate::rng::Stream;

/// The topic most clients work on.
pub(in crate::scenarios) const TOPIC: &str = "events";
/// A topic that is compacted.
pub(in crate::scenarios) const COMPACTED: &str = "compacted";
/// A topic that keeps little.
pub(in crate::scenarios) const SHORT: &str = "short";
/// What it keeps, in bytes.
pub(in crate::scenarios) const RETENTION_BYTES: u64 = 20_000;
/// How the names begin of topics that are made and deleted all the while.
pub(in crate::scenarios) const SIDE: &str = "side-";
/// What is configured for all brokers, where the history names topics: no topic can be called so.
pub(in crate::scenarios) const BROKER_DEFAULTS: &str = "all brokers";
/// Where the broker keeps groups.
pub(in crate::scenarios) const OFFSETS_TOPIC: &str = "__consumer_offsets";
/// In how many partitions.
pub(in crate::scenarios) const OFFSETS_PARTITIONS: i32 = 2;
/// How many keys a compacted topic has from one producer.
pub(in crate::scenarios) const KEYS: u32 = 8;
/// The group that has only members.
pub(in crate::scenarios) const WORKERS: &str = "workers";
/// In so many of a thousand runs producers write all that the journal takes.
const HEAVY_PER_MILLE: u32 = 120;
/// In so many old records are read from a slow disk while retention takes them away.
const CHASED_PER_MILLE: u32 = 125;
/// In so many of those whose syncs fail, several commits of the journal fail for which much waits.
const GATHERED_PER_MILLE: u32 = 300;
/// The group that reads it.
pub(in crate::scenarios) const GROUP: &str = "readers";
/// The broker's name in the network.
pub(in crate::scenarios) const BROKER: &str = "broker";
pub(in crate::scenarios) const PORT: u16 = 9092;
/// Where several nodes listen for each other.
pub(in crate::scenarios) const BETWEEN_NODES: u16 = 9093;

/// Whether a topic is one of those that clients work on who mean no harm.
pub(in crate::scenarios) fn is_worked_on(topic: &str) -> bool {
    [TOPIC, COMPACTED, SHORT, OFFSETS_TOPIC].contains(&topic) || topic.starts_with(SIDE)
}

/// What takes a topic's records away, beside requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::scenarios) enum Cleanup {
    Delete,
    Compact,
    Retain,
}

pub(in crate::scenarios) fn cleanup(topic: &str) -> Cleanup {
    match topic {
        COMPACTED => Cleanup::Compact,
        SHORT => Cleanup::Retain,
        _ => Cleanup::Delete,
    }
}

/// What the broker and its topic are like.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::scenarios) struct Plan {
    pub(in crate::scenarios) journal_file_bytes: u64,
    pub(in crate::scenarios) journal_files: u64,
    pub(in crate::scenarios) shards: u64,
    pub(in crate::scenarios) tail_memory_bytes: u64,
    /// From how many bytes on batches are written once; the broker's default if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::scenarios) large_batch_bytes: Option<u64>,
    pub(in crate::scenarios) segment_bytes: u64,
    pub(in crate::scenarios) index_interval_bytes: u64,
    pub(in crate::scenarios) partitions: u64,
    /// Whether records of the compacted topic may be deleted, too.
    pub(in crate::scenarios) compacted_deletes: bool,
    /// How long its tombstones stay once they were seen by a compaction, in milliseconds.
    pub(in crate::scenarios) delete_retention_ms: u64,
    /// The kinds of faults that were drawn from.
    pub(in crate::scenarios) families: Vec<Family>,
}

fn first_node() -> i32 {
    1
}

/// What a client does.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(in crate::scenarios) enum Work {
    /// Sends records. An operation is a record.
    Producer(ProducerPlan),
    /// Reads a topic from the beginning, again and again. An operation is one pass.
    Reader { reader: u32, topic: String },
    /// The same from a rack, which is one of so many: from replicas there. An operation is one pass.
    Near { reader: u32, topic: String, racks: u32 },
    /// Drains nodes, up to this number, in turn. Each change is an operation.
    Drainer {
        nodes: i32,
        /// The nodes with lower numbers are no brokers.
        #[serde(default = "first_node")]
        first: i32,
    },
    /// Reads the topic that keeps little, slowly. An operation is a poll.
    Slow { reader: u32 },
    /// Fetches from inside batches. An operation is a fetch.
    Prober { reader: u32 },
    /// Asks for offsets. Each is an operation.
    Lister,
    /// Consumes as a member of the group. An operation is a poll.
    Member(MemberPlan),
    /// Takes producer ids. Each is an operation.
    Ids,
    /// Sends what no client should. Each frame is an operation.
    Hostile,
    /// Deletes records, looks at what is committed. Each is an operation.
    Admin,
    /// Deletes a few records again and again, and asks where partitions begin. Each time is an operation.
    Deleter,
    /// Deletes records of the topic that is compacted. Each is an operation.
    Trimmer,
    /// Fetches what is oldest in a topic, which may leave it at that moment. An operation is a fetch.
    Chaser { topic: String },
    /// Joins a group in which nobody reads anything. An operation is a generation.
    Worker,
    /// Creates, changes, deletes topics and looks at them. Each is an operation.
    Topics,
    /// Moves partitions among nodes. An operation is a reassignment, or one that is taken back.
    Mover {
        nodes: i32,
        /// The nodes with lower numbers hold no partitions.
        #[serde(default = "first_node")]
        first: i32,
        /// A partition may come to have so many replicas, if that is more than it began with.
        #[serde(default)]
        replicas_most: i16,
        /// Whatever the numbers say, among those that are brokers and live: one may have joined late.
        #[serde(default)]
        among_living: bool,
    },
    /// Has preferred leaders elected. Each request is an operation.
    Elector,
    /// Fetches from the ends, and waits there. An operation is a fetch.
    Waiter,
    /// Configures the topic that everybody works on, and all brokers. Each change and each look is an operation.
    Tuner,
    /// Looks at topics, configurations and groups after each start of the broker. A look at all is an operation.
    Onlooker,
    /// The same of several nodes, up to this number, each after each start of its own. A look at what one has is an operation.
    Onlookers {
        nodes: i32,
        /// The nodes with lower numbers are no brokers.
        #[serde(default = "first_node")]
        first: i32,
    },
    /// Adds and removes voters of the metadata. Each is an operation.
    Voters,
    /// Keeps to a schedule of requests. An operation is a request.
    Load(LoadWork),
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::scenarios) struct MemberPlan {
    pub(in crate::scenarios) member: u32,
    /// Keeps its place when it goes and comes (KIP-345).
    pub(in crate::scenarios) is_static: bool,
    /// Commits now and then what earlier polls brought, and not each poll at once.
    pub(in crate::scenarios) commits_automatically: bool,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::scenarios) struct ProducerPlan {
    /// Its number; records are known by it.
    pub(in crate::scenarios) producer: u32,
    pub(in crate::scenarios) topic: String,
    pub(in crate::scenarios) mode: Mode,
    pub(in crate::scenarios) acks: AcksPlan,
    /// By its number in the batch format.
    pub(in crate::scenarios) codec: u8,
    /// How many keys its records carry.
    pub(in crate::scenarios) keys: Option<u32>,
    /// Of the records with keys, how many say that the key is gone.
    pub(in crate::scenarios) tombstones_per_mille: u64,
    pub(in crate::scenarios) batch_bytes: usize,
    pub(in crate::scenarios) value_bytes: u64,
    /// Without sequences: several batches under way, none of which is sent again, so that their order must be kept.
    #[serde(default)]
    pub(in crate::scenarios) is_pipelined: bool,
    /// Records between two waits.
    pub(in crate::scenarios) burst: u64,
    #[serde(rename = "pause_us", with = "crate::case::micros")]
    pub(in crate::scenarios) pause: Duration,
}

/// When a producer takes a batch for delivered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::scenarios) enum AcksPlan {
    None,
    Leader,
    All,
}

/// Draws a whole case.
pub(in crate::scenarios) fn draw(scenario: &str, seed: u64) -> Case {
    let stream = |name| Stream::new(seed, "scenario", name, 0);
    let mut rng = stream("plan");
    let mut plan = Plan::draw(&mut rng);
    let mut clients = draw_clients(&plan, &mut rng);
    let is_heavy = rng.chance(HEAVY_PER_MILLE);
    if is_heavy {
        make_heavy(&mut plan, &mut clients, &mut rng);
    }
    let mut chased = Some(stream("chased")).filter(|rng| !is_heavy && rng.clone().chance(CHASED_PER_MILLE));
    if let Some(rng) = &mut chased {
        make_chased(&mut plan, &mut clients, rng);
    }
    if stream("waiter").chance(300) {
        clients.push(ClientCase::new("waiter".to_owned(), &Work::Waiter));
    }
    if stream("tuner").chance(350) {
        clients.push(ClientCase::new("tuner".to_owned(), &Work::Tuner));
    }
    let duration = rng.duration(Duration::from_secs(3), Duration::from_secs(25));
    let names: Vec<String> = clients.iter().map(|client| client.name.clone()).collect();
    let mut faults = draw_offsets(&names, &mut stream("clock offsets"));
    faults.extend(draw_schedule(
        &plan.families,
        duration,
        &[BROKER.to_owned()],
        &names,
        &mut stream("faults"),
    ));
    let mut gathered = stream("gathered");
    if let Some(rng) = &mut chased {
        faults.extend(draw_held_reads(duration, rng));
    } else if plan.families.contains(&Family::FailedSync) && gathered.chance(GATHERED_PER_MILLE) {
        faults.extend(draw_failing_commits(duration, &names, &mut gathered));
    }
    faults.sort_by_key(|fault| fault.at_us);
    // Nothing goes wrong with it alone.
    clients.push(ClientCase::new("onlooker".to_owned(), &Work::Onlooker));
    Case {
        net: draw_net(&mut stream("net options")),
        world: serde_json::to_value(&plan).expect("a plan is plain data"),
        clients,
        duration_us: u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
        faults,
        ..Case::new(scenario, seed)
    }
}

/// Clocks that are wrong from the start: the broker's, or those of the machines beside it.
pub(in crate::scenarios) fn draw_offsets(machines: &[String], rng: &mut Stream) -> Vec<TimedFault> {
    let all: Vec<String> = std::iter::once(BROKER.to_owned()).chain(machines.iter().cloned()).collect();
    draw_clock_offsets(&all, rng)
}

/// Faults that neither destroy what was kept nor end what runs on these machines: for clients and checks that know
/// of no damage and of no death.
pub(in crate::scenarios) fn draw_mild_schedule(
    plan: &Plan,
    duration: Duration,
    machines: &[String],
    spared: impl Fn(&str) -> bool,
    rng: &mut Stream,
) -> Vec<TimedFault> {
    let is_mild = |fault: &Fault| match fault {
        Fault::Crash { node } | Fault::PowerFail { node } | Fault::Start { node } => !spared(node),
        _ => true,
    };
    let mut faults = draw_schedule(&plan.families, duration, &[BROKER.to_owned()], machines, rng);
    faults.retain(|timed| is_mild(&timed.fault));
    faults
}

pub(super) fn draw_net(rng: &mut Stream) -> NetOptions {
    let loss_per_mille = u32::try_from(rng.between(0, 1) * rng.between(0, 30)).unwrap_or(0);
    let window = usize::try_from(rng.between(1 << 10, 64 << 10)).unwrap_or(1 << 16);
    NetOptions { loss_per_mille, window, ..NetOptions::default() }
}

fn draw_clients(plan: &Plan, rng: &mut Stream) -> Vec<ClientCase> {
    let mut clients = Vec::new();
    let count = |rng: &mut Stream, most: u64| 0..u32::try_from(rng.between(1, most)).unwrap_or(1);
    for producer in count(rng, 3) {
        let work = Work::Producer(ProducerPlan::draw(producer, rng));
        clients.push(ClientCase::new(format!("producer-{producer}"), &work));
    }
    for reader in count(rng, 2) {
        let work = Work::Reader { reader, topic: TOPIC.to_owned() };
        clients.push(ClientCase::new(format!("reader-{reader}"), &work));
    }
    for member in count(rng, 3) {
        let (is_static, commits_automatically) = (rng.chance(400), rng.chance(500));
        let work = Work::Member(MemberPlan { member, is_static, commits_automatically });
        clients.push(ClientCase::new(format!("member-{member}"), &work));
    }
    clients.push(ClientCase::new("admin".to_owned(), &Work::Admin));
    draw_others(plan, rng, &mut clients);
    clients
}

/// Those that only some runs have.
fn draw_others(plan: &Plan, rng: &mut Stream, clients: &mut Vec<ClientCase>) {
    let mut add = |name: &str, work: &Work| clients.push(ClientCase::new(name.to_owned(), work));
    if rng.chance(500) {
        let producer = ProducerPlan::draw(50, rng);
        let keyed = ProducerPlan {
            topic: COMPACTED.to_owned(),
            keys: Some(KEYS),
            tombstones_per_mille: 250,
            ..producer
        };
        add("producer-50", &Work::Producer(keyed));
        add("reader-50", &Work::Reader { reader: 50, topic: COMPACTED.to_owned() });
        for chaser in 50..53 {
            add(&format!("chaser-{chaser}"), &Work::Chaser { topic: COMPACTED.to_owned() });
        }
        if plan.compacted_deletes {
            add("trimmer", &Work::Trimmer);
        }
    }
    if rng.chance(500) {
        let plan = ProducerPlan::draw(60, rng);
        add("producer-60", &Work::Producer(ProducerPlan { topic: SHORT.to_owned(), ..plan }));
        if rng.chance(500) {
            add("slow-reader", &Work::Slow { reader: SLOW_READER });
        }
        for chaser in 60..63 {
            add(&format!("chaser-{chaser}"), &Work::Chaser { topic: SHORT.to_owned() });
        }
    }
    if rng.chance(500) {
        for worker in 0..rng.between(2, 4) {
            add(&format!("worker-{worker}"), &Work::Worker);
        }
    }
    let optional = [
        ("prober", Work::Prober { reader: PROBER }),
        ("lister", Work::Lister),
        ("ids", Work::Ids),
        ("hostile", Work::Hostile),
        ("topics", Work::Topics),
    ];
    for (name, work) in optional {
        if rng.chance(500) {
            add(name, &work);
        }
    }
}

/// Large batches to several partitions at once: what is appended together takes several commits, and memory runs
/// short where nothing leaves it for a while.
fn make_heavy(plan: &mut Plan, clients: &mut [ClientCase], rng: &mut Stream) {
    plan.journal_file_bytes = *rng.pick(&[64 << 10, 64 << 10, 1 << 20, 1 << 20]);
    if plan.journal_file_bytes == 1 << 20 {
        // Segments that take many of them, which are written once.
        (plan.segment_bytes, plan.large_batch_bytes) = (256 << 10, Some(8 << 10));
    }
    plan.journal_files = plan.journal_files.max(3);
    plan.tail_memory_bytes = plan.tail_memory_bytes.min(1 << 20);
    plan.partitions = plan.partitions.max(3);
    for client in clients {
        if let Ok(Work::Producer(mut producer)) = client.work_as()
            && producer.topic == TOPIC
        {
            (producer.batch_bytes, producer.value_bytes, producer.codec) = (30_000, 8_000, 0);
            producer.burst = producer.burst.max(20);
            producer.pause = producer.pause.max(Duration::from_millis(50));
            *client = ClientCase::new(client.name.clone(), &Work::Producer(producer));
        }
    }
}

/// What is read is in no memory any more, and leaves the log meanwhile: small segments of little, much that is written to
/// them, and readers that go behind. No error of the disk excuses what they are told.
fn make_chased(plan: &mut Plan, clients: &mut Vec<ClientCase>, rng: &mut Stream) {
    (plan.journal_file_bytes, plan.tail_memory_bytes) = (64 << 10, 64 << 10);
    (plan.segment_bytes, plan.index_interval_bytes) = (1 << 10, 0);
    plan.families.retain(|family| {
        !family.destroys() && !family.is_of_disk() && !matches!(family, Family::OldImage | Family::Stall)
    });
    let producer = ProducerPlan {
        topic: SHORT.to_owned(),
        mode: Mode::Idempotent,
        acks: AcksPlan::All,
        codec: 0,
        batch_bytes: 200,
        value_bytes: rng.between(40, 120),
        is_pipelined: false,
        burst: rng.between(20, 40),
        pause: rng.duration(Duration::from_millis(5), Duration::from_millis(20)),
        ..ProducerPlan::draw(60, rng)
    };
    let chaser = Work::Chaser { topic: SHORT.to_owned() };
    let mut all = vec![("producer-60".to_owned(), Work::Producer(producer))];
    all.push(("slow-reader".to_owned(), Work::Slow { reader: SLOW_READER }));
    all.extend((60..63).map(|number| (format!("chaser-{number}"), chaser.clone())));
    for (name, work) in all {
        clients.retain(|client| client.name != name);
        clients.push(ClientCase::new(name, &work));
    }
}

/// Again and again the files of logs take seconds to be read.
fn draw_held_reads(duration: Duration, rng: &mut Stream) -> Vec<TimedFault> {
    let mut faults = Vec::new();
    let mut add = |at: Duration, fault| {
        faults.push(TimedFault { at_us: u64::try_from(at.as_micros()).unwrap_or(u64::MAX), fault });
    };
    let node = || BROKER.to_owned();
    let mut time = rng.duration(Duration::from_millis(500), Duration::from_secs(2));
    while time < duration {
        let hold = Fault::Hold {
            node: node(),
            op: FaultyOp::Read,
            prefix: "logs/".to_owned(),
            times: 40,
            every: 1,
            for_us: rng.between(700_000, 2_500_000),
        };
        add(time, hold);
        time += rng.duration(Duration::from_secs(2), Duration::from_secs(3));
        add(time.min(duration), Fault::ClearDisk { node: node() });
        time += rng.duration(Duration::from_millis(50), Duration::from_millis(500));
    }
    faults
}

/// A write of the journal takes long, so that what comes meanwhile is one commit, and that one fails. Some of the connections are
/// reset before: what is on its way to the disk is sent again.
fn draw_failing_commits(duration: Duration, clients: &[String], rng: &mut Stream) -> Vec<TimedFault> {
    let mut faults = Vec::new();
    let mut add = |at: Duration, fault| {
        let at_us = u64::try_from(at.min(duration).as_micros()).unwrap_or(u64::MAX);
        faults.push(TimedFault { at_us, fault });
    };
    let (node, prefix) = (|| BROKER.to_owned(), || "journal/".to_owned());
    let mut time = rng.duration(Duration::from_millis(500), Duration::from_secs(2));
    while time < duration {
        let takes = rng.duration(Duration::from_millis(50), Duration::from_millis(500));
        let for_us = u64::try_from(takes.as_micros()).unwrap_or(u64::MAX);
        let (op, times, every) = (FaultyOp::Write, 2, 1);
        add(time, Fault::Hold { node: node(), op, prefix: prefix(), times, every, for_us });
        for client in clients.iter().filter(|name| name.starts_with("producer-")) {
            if rng.chance(500) {
                add(time + takes * 3 / 2, Fault::Reset { a: node(), b: client.clone() });
            }
        }
        let fails = rng.chance(800);
        if fails {
            let op = FaultyOp::Sync;
            add(time + takes, Fault::Disk { node: node(), op, prefix: prefix(), times: 1 });
        }
        add(time + takes * 3, Fault::ClearDisk { node: node() });
        time += takes * 3 + rng.duration(Duration::from_millis(500), Duration::from_secs(3));
    }
    faults
}

impl Plan {
    /// Longer than any clock here jumps, in milliseconds: a hundred years.
    pub(in crate::scenarios) const FOR_EVER_MS: u64 = 100 * 365 * 86_400_000;

    pub(in crate::scenarios) fn draw(rng: &mut Stream) -> Plan {
        let pick = |rng: &mut Stream, values: &[u64]| values[index(rng, values.len())];
        Plan {
            journal_file_bytes: pick(rng, &[64 << 10, 128 << 10, 256 << 10, 1 << 20]),
            journal_files: rng.between(2, 4),
            shards: rng.between(1, 3),
            tail_memory_bytes: pick(rng, &[64 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20]),
            large_batch_bytes: None,
            segment_bytes: pick(rng, &[1 << 10, 4 << 10, 16 << 10, 256 << 10]),
            index_interval_bytes: pick(rng, &[0, 128, 4096]),
            partitions: rng.between(1, 4),
            compacted_deletes: rng.chance(500),
            delete_retention_ms: pick(rng, &[Plan::FOR_EVER_MS, Plan::FOR_EVER_MS, 2_000, 8_000]),
            families: draw_families(rng),
        }
    }

    /// Without the families that destroy what was kept, or bring back what is older.
    pub(in crate::scenarios) fn draw_mild(rng: &mut Stream) -> Plan {
        let mut plan = Plan::draw(rng);
        plan.families.retain(|family| !family.destroys() && *family != Family::OldImage);
        plan
    }

    /// How long a tombstone stays at least after it was written, if the run's clocks go right.
    pub(in crate::scenarios) fn tombstones_stay(&self) -> Option<Duration> {
        let is_honest = !self.families.iter().any(|f| matches!(f, Family::ClockJump | Family::ClockDrift));
        (is_honest || self.delete_retention_ms == Plan::FOR_EVER_MS)
            .then(|| Duration::from_millis(self.delete_retention_ms))
    }

    /// The broker's configuration, as `key=value`.
    pub(in crate::scenarios) fn overrides(&self) -> Vec<String> {
        let large = self.large_batch_bytes.map(|bytes| format!("ordain.large.batch.bytes={bytes}"));
        let all = [
            "listeners=PLAINTEXT://0.0.0.0:9092".to_owned(),
            format!("advertised.listeners=PLAINTEXT://{BROKER}:{PORT}"),
            "ordain.insecure=true".to_owned(),
            format!("ordain.journal.file.bytes={}", self.journal_file_bytes),
            format!("ordain.journal.files={}", self.journal_files),
            format!("ordain.shards={}", self.shards),
            format!("ordain.tail.memory.bytes={}", self.tail_memory_bytes),
            format!("offsets.topic.num.partitions={OFFSETS_PARTITIONS}"),
            "group.initial.rebalance.delay.ms=100".to_owned(),
            "group.min.session.timeout.ms=1000".to_owned(),
            "log.cleaner.backoff.ms=300".to_owned(),
            "log.retention.check.interval.ms=500".to_owned(),
            // A clock that jumps by days must not make producers old.
            format!("producer.id.expiration.ms={}", i32::MAX),
        ];
        all.into_iter().chain(large).collect()
    }

    /// What a topic is created with.
    pub(in crate::scenarios) fn topic_configs(&self, topic: &str) -> BTreeMap<String, String> {
        let segment_bytes = match cleanup(topic) {
            Cleanup::Delete => self.segment_bytes,
            // Small enough for something to be done.
            Cleanup::Compact | Cleanup::Retain => self.segment_bytes.min(4 << 10),
        };
        // A clock that jumps must not make records old.
        let mut configs = BTreeMap::from([
            ("internal.segment.bytes".to_owned(), segment_bytes.to_string()),
            ("index.interval.bytes".to_owned(), self.index_interval_bytes.to_string()),
            ("retention.ms".to_owned(), "-1".to_owned()),
            ("message.timestamp.after.max.ms".to_owned(), i64::MAX.to_string()),
        ]);
        let more: &[(&str, String)] = match cleanup(topic) {
            Cleanup::Delete => &[],
            Cleanup::Compact => &[
                (
                    "cleanup.policy",
                    if self.compacted_deletes { "compact,delete" } else { "compact" }.to_owned(),
                ),
                ("min.cleanable.dirty.ratio", "0.01".to_owned()),
                ("delete.retention.ms", self.delete_retention_ms.to_string()),
            ],
            Cleanup::Retain => &[("retention.bytes", RETENTION_BYTES.to_string())],
        };
        configs.extend(more.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
        configs
    }

    /// The topics that are there from the beginning to the end.
    pub(in crate::scenarios) const TOPICS: [&'static str; 3] = [TOPIC, COMPACTED, SHORT];

    /// A topic's partitions.
    pub(in crate::scenarios) fn partitions_of(&self, topic: &str) -> Vec<TopicPartition> {
        let count = if topic == TOPIC { i32::try_from(self.partitions).unwrap_or(1) } else { 1 };
        (0..count).map(|index| TopicPartition::new(topic, index)).collect()
    }

    /// The partitions of [`TOPIC`].
    pub(in crate::scenarios) fn checked(&self) -> Vec<TopicPartition> {
        self.partitions_of(TOPIC)
    }

    /// All partitions of the topics that stay.
    pub(in crate::scenarios) fn all_partitions(&self) -> Vec<TopicPartition> {
        Plan::TOPICS.into_iter().flat_map(|topic| self.partitions_of(topic)).collect()
    }
}

impl ProducerPlan {
    pub(in crate::scenarios) fn draw(producer: u32, rng: &mut Stream) -> ProducerPlan {
        let mode = if rng.chance(650) { Mode::Idempotent } else { Mode::Plain };
        let acks = match mode {
            Mode::Idempotent => AcksPlan::All,
            Mode::Plain => [AcksPlan::None, AcksPlan::Leader, AcksPlan::All][index(rng, 3)],
        };
        ProducerPlan {
            producer,
            topic: TOPIC.to_owned(),
            mode,
            acks,
            codec: [0, 0, 1, 2, 3, 4][index(rng, 6)],
            keys: None,
            tombstones_per_mille: 0,
            batch_bytes: [200, 1000, 8000][index(rng, 3)],
            value_bytes: [20, 100, 1500][index(rng, 3)],
            is_pipelined: mode == Mode::Plain && rng.chance(500),
            burst: rng.between(1, 40),
            pause: rng.duration(Duration::from_millis(1), Duration::from_millis(150)),
        }
    }
}

/// A place in a list of that length.
pub(in crate::scenarios) fn index(rng: &mut Stream, length: usize) -> usize {
    let last = u64::try_from(length).unwrap_or(u64::MAX).saturating_sub(1);
    usize::try_from(rng.between(0, last)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_runs_chase_segments_that_go_and_their_disks_give_no_errors() {
        let is_held = |timed: &TimedFault| {
            matches!(&timed.fault, Fault::Hold { op: FaultyOp::Read, times: 40, every: 1, .. })
        };
        let cases: Vec<Case> = (0..200).map(|seed| draw("broker", seed)).collect();
        let chased =
            cases.iter().filter(|case| case.faults.iter().filter(|fault| is_held(fault)).count() > 1);
        let chased: Vec<&Case> = chased.filter(|case| case.world["segment_bytes"] == 1024).collect();
        assert!((10..45).contains(&chased.len()), "{}", chased.len());
        for case in cases.iter() {
            assert!(case.faults.is_sorted_by_key(|fault| fault.at_us));
        }
    }

    #[test]
    fn what_is_drawn_can_be_kept() {
        for seed in 0..50 {
            let case = draw("broker", seed);
            let read = Case::from_json(&case.to_json()).unwrap();
            assert_eq!(read, case);
            assert!(read.world_as::<Plan>().unwrap().partitions > 0);
            assert!(read.clients.iter().all(|client| client.work_as::<Work>().is_ok()));
        }
    }
}
