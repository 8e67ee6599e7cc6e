//! The clients, each on a machine of its own, and what they share.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ordain::client::{BrokerAddress, Client, ClientOptions, TopicPartition};
use ordain::io::{Elapsed, Io, timeout};
use ordain::types::NodeId;

use super::account::Account;
use super::history::History;
use super::plan::{BROKER, PORT};
use crate::scenarios::fleet::StateWatch;
use crate::time::SimTime;
use crate::world::lock;

mod admin;
mod chaser;
mod deleter;
mod drainer;
mod elector;
mod guest;
mod hostile;
mod ids;
mod lister;
mod load;
mod member;
mod mover;
mod onlooker;
mod prober;
mod producer;
mod reader;
mod slow;
mod topics;
mod trimmer;
mod tuner;
mod voters;
mod waiter;
mod worker;

pub(in crate::scenarios) use admin::{administer, create_topics};
pub(in crate::scenarios) use chaser::chase;
pub(in crate::scenarios) use deleter::delete_again_and_again;
pub(in crate::scenarios) use drainer::{drain_in_turn, set_draining};
pub(in crate::scenarios) use elector::{elect_by, elect_preferred};
pub(in crate::scenarios) use guest::Guest;
pub(in crate::scenarios) use hostile::attack;
pub(in crate::scenarios) use ids::take_producer_ids;
pub(in crate::scenarios) use lister::list_offsets;
pub(in crate::scenarios) use load::LoadClient;
pub(in crate::scenarios) use member::consume_as_member;
pub(in crate::scenarios) use mover::{Among, move_partitions};
pub(in crate::scenarios) use onlooker::{look_after_each_start, look_after_starts};
pub(in crate::scenarios) use prober::probe;
pub(in crate::scenarios) use producer::produce;
pub(in crate::scenarios) use reader::{get_past_damage, got, read_again_and_again, read_nearby};
pub(in crate::scenarios) use slow::read_slowly;
pub(in crate::scenarios) use topics::{administer_topics, look, see};
pub(in crate::scenarios) use trimmer::trim;
pub(in crate::scenarios) use tuner::tune;
pub(in crate::scenarios) use voters::change_voters;
pub(in crate::scenarios) use waiter::wait_for_records;
pub(in crate::scenarios) use worker::work_in_group;

/// What every client has: its machine, its name, what it works on, and where it tells what it saw.
#[derive(Clone)]
pub(in crate::scenarios) struct Seat {
    pub(in crate::scenarios) io: Io,
    pub(in crate::scenarios) name: String,
    pub(in crate::scenarios) partitions: Vec<TopicPartition>,
    pub(in crate::scenarios) history: History,
    pub(in crate::scenarios) ending: Ending,
    pub(in crate::scenarios) account: Account,
    pub(in crate::scenarios) servers: Servers,
}

/// Whom clients ask first, and how many replicas they want of a topic.
#[derive(Clone)]
pub(in crate::scenarios) struct Servers {
    names: Arc<[String]>,
    /// All nodes, if there are several; some may be no brokers.
    nodes: Arc<[NodeId]>,
    changes: Arc<Mutex<Changes>>,
    pub(in crate::scenarios) replicas: i16,
    /// Who knows up to where each node's metadata go.
    states: Option<StateWatch>,
}

/// What somebody else does to nodes, as far as clients that change the cluster have to know.
#[derive(Default)]
struct Changes {
    /// Whom he takes away.
    leaving: BTreeSet<NodeId>,
    /// Whom he lets vote on the metadata in its place, and when he asked for that last.
    let_vote: BTreeMap<NodeId, SimTime>,
}

/// Whether an answer tells of how things are, or may tell of how they were.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::scenarios) enum Told {
    Now,
    /// Of this time, or of a later one.
    Since(SimTime),
    Late,
}

impl Servers {
    /// The broker that is alone.
    pub(in crate::scenarios) fn one() -> Servers {
        let names = Arc::new([BROKER.to_owned()]);
        Servers { names, nodes: Arc::new([]), changes: Arc::default(), replicas: 1, states: None }
    }

    /// Those brokers among these nodes.
    pub(in crate::scenarios) fn several(names: Vec<String>, nodes: Vec<NodeId>, replicas: i16) -> Servers {
        Servers { names: names.into(), nodes: nodes.into(), changes: Arc::default(), replicas, states: None }
    }

    /// Somebody takes a node away: from now on nobody gives it anything.
    pub(in crate::scenarios) fn leaves(&self, node: NodeId) {
        lock(&self.changes).leaving.insert(node);
    }

    fn is_leaving(&self, node: NodeId) -> bool {
        lock(&self.changes).leaving.contains(&node)
    }

    /// Somebody lets a node vote, whoever took its vote before.
    pub(in crate::scenarios) fn lets_vote(&self, node: NodeId, now: SimTime) {
        lock(&self.changes).let_vote.insert(node, now);
    }

    /// When somebody let it vote, unless its vote was taken since.
    fn let_vote_at(&self, node: NodeId) -> Option<SimTime> {
        lock(&self.changes).let_vote.get(&node).copied()
    }

    /// Its vote was taken after that was done that somebody asked for.
    fn is_not_let_vote(&self, node: NodeId) {
        lock(&self.changes).let_vote.remove(&node);
    }

    /// The same, of which somebody sees up to where their metadata go.
    pub(in crate::scenarios) fn seen_by(self, states: &StateWatch) -> Servers {
        Servers { states: Some(states.clone()), ..self }
    }

    /// What is asked of one of several nodes may be answered from what that one knows of the others' metadata; no less than each of them
    /// knows now.
    fn metadata(&self) -> Told {
        match &self.states {
            Some(states) => Told::Since(states.known_by_all()),
            None if self.names.len() > 1 => Told::Late,
            None => Told::Now,
        }
    }

    /// What that node will say of metadata, if it runs and has any.
    fn metadata_of(&self, node: NodeId) -> Option<Told> {
        self.states.as_ref()?.known_by(node).map(Told::Since)
    }

    /// A client that gives up early enough for a run to see how it goes on after.
    pub(in crate::scenarios) fn client(&self, io: &Io, name: &str, retry_timeout: Duration) -> Client {
        let address = |host: &String| BrokerAddress { host: host.clone(), port: PORT };
        let mut options = ClientOptions::new(self.names.iter().map(address).collect());
        options.client_id = name.to_owned();
        options.connect_timeout = Duration::from_secs(2);
        options.request_timeout = Duration::from_secs(4);
        options.retry_timeout = retry_timeout;
        options.metadata_age_max = Duration::from_secs(30);
        Client::new(io.into(), options)
    }
}

impl Seat {
    fn client(&self, retry_timeout: Duration) -> Client {
        self.servers.client(&self.io, &self.name, retry_timeout)
    }

    /// The partitions that the broker has not reported as damaged.
    fn sound(&self) -> Vec<TopicPartition> {
        let down = self.account.down(&self.partitions);
        self.partitions.iter().filter(|at| !down.contains(at)).cloned().collect()
    }

    /// Like [`Seat::sound`]; where there is none, there is nothing to do but wait, and that is told.
    async fn work(&self) -> Option<Vec<TopicPartition>> {
        let sound = self.sound();
        if !sound.is_empty() {
            return Some(sound);
        }
        self.history.progress(&self.name);
        self.io.clock.sleep(Duration::from_millis(500)).await;
        None
    }
}

/// When the clients come to their end: all together, or one that has done its number of operations.
#[derive(Clone, Default)]
pub(in crate::scenarios) struct Ending {
    all: Arc<AtomicBool>,
    /// The operations that are left to one client, if it has a bound.
    budget: Option<Arc<AtomicU64>>,
}

impl Ending {
    pub(in crate::scenarios) fn begin(&self) {
        self.all.store(true, Ordering::Relaxed);
    }

    /// They go on after all.
    pub(in crate::scenarios) fn take_back(&self) {
        self.all.store(false, Ordering::Relaxed);
    }

    /// The same end for one client that may do so many operations.
    pub(in crate::scenarios) fn with_budget(&self, operations_max: Option<u64>) -> Ending {
        Ending {
            all: Arc::clone(&self.all),
            budget: operations_max.map(|operations| Arc::new(AtomicU64::new(operations))),
        }
    }

    /// Whether to begin nothing more.
    pub(in crate::scenarios) fn has_begun(&self) -> bool {
        self.all.load(Ordering::Relaxed) || self.is_used_up()
    }

    pub(in crate::scenarios) fn is_used_up(&self) -> bool {
        self.budget.as_ref().is_some_and(|budget| budget.load(Ordering::Relaxed) == 0)
    }

    /// One operation is begun.
    pub(in crate::scenarios) fn count_operation(&self) {
        if let Some(budget) = &self.budget {
            budget.store(budget.load(Ordering::Relaxed).saturating_sub(1), Ordering::Relaxed);
        }
    }
}

/// The last version of Fetch that names topics; those after it give their ids.
pub(in crate::scenarios) const FETCH_NAMES_UNTIL: i16 = 12;
/// How long a single fetch is waited for.
pub(in crate::scenarios) const FETCH_TIMEOUT: Duration = Duration::from_secs(4);

/// Longer than anything a client does may take by its own deadlines.
const PATIENCE: Duration = Duration::from_secs(90);

/// Waits for what a client library bounds itself; what takes longer than all its deadlines is wrong.
pub(in crate::scenarios) async fn bounded<F: Future>(
    io: &Io,
    history: &History,
    what: &str,
    future: F,
) -> Result<F::Output, Elapsed> {
    let result = timeout(&*io.clock, io.clock.now().after(PATIENCE), future).await;
    if result.is_err() {
        history.wrong(
            "I16-stuck",
            format!("{what} took more than {PATIENCE:?}, its own deadlines notwithstanding"),
        );
    }
    result
}
