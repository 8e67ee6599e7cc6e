//! The clients, each on a machine of its own, and what they share.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ordain::client::{BrokerAddress, Client, ClientOptions, TopicPartition};
use ordain::io::{Elapsed, Io, timeout};

use super::account::Account;
use super::history::History;
use super::plan::{BROKER, PORT};

mod admin;
mod chaser;
mod guest;
mod hostile;
mod ids;
mod lister;
mod load;
mod member;
mod prober;
mod producer;
mod reader;
mod slow;
mod topics;
mod trimmer;
mod waiter;
mod worker;

pub(super) use admin::{administer, create_topics};
pub(super) use chaser::chase;
pub(super) use guest::Guest;
pub(super) use hostile::attack;
pub(super) use ids::take_producer_ids;
pub(super) use lister::list_offsets;
pub(super) use load::LoadClient;
pub(super) use member::consume_as_member;
pub(super) use prober::probe;
pub(super) use producer::produce;
pub(super) use reader::{get_past_damage, got, read_again_and_again};
pub(super) use slow::read_slowly;
pub(super) use topics::{administer_topics, look, see};
pub(super) use trimmer::trim;
pub(super) use waiter::wait_for_records;
pub(super) use worker::work_in_group;

/// What every client has: its machine, its name, what it works on, and where it tells what it saw.
#[derive(Clone)]
pub(super) struct Seat {
    pub(super) io: Io,
    pub(super) name: String,
    pub(super) partitions: Vec<TopicPartition>,
    pub(super) history: History,
    pub(super) ending: Ending,
    pub(super) account: Account,
}

impl Seat {
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
pub(super) struct Ending {
    all: Arc<AtomicBool>,
    /// The operations that are left to one client, if it has a bound.
    budget: Option<Arc<AtomicU64>>,
}

impl Ending {
    pub(super) fn begin(&self) {
        self.all.store(true, Ordering::Relaxed);
    }

    /// The same end for one client that may do so many operations.
    pub(super) fn with_budget(&self, operations_max: Option<u64>) -> Ending {
        Ending {
            all: Arc::clone(&self.all),
            budget: operations_max.map(|operations| Arc::new(AtomicU64::new(operations))),
        }
    }

    /// Whether to begin nothing more.
    pub(super) fn has_begun(&self) -> bool {
        self.all.load(Ordering::Relaxed) || self.is_used_up()
    }

    pub(super) fn is_used_up(&self) -> bool {
        self.budget.as_ref().is_some_and(|budget| budget.load(Ordering::Relaxed) == 0)
    }

    /// One operation is begun.
    pub(super) fn count_operation(&self) {
        if let Some(budget) = &self.budget {
            budget.store(budget.load(Ordering::Relaxed).saturating_sub(1), Ordering::Relaxed);
        }
    }
}

/// A client that gives up early enough for a run to see how it goes on after.
pub(super) fn client(io: &Io, name: &str, retry_timeout: Duration) -> Client {
    let mut options = ClientOptions::new(vec![BrokerAddress { host: BROKER.to_owned(), port: PORT }]);
    options.client_id = name.to_owned();
    options.connect_timeout = Duration::from_secs(2);
    options.request_timeout = Duration::from_secs(4);
    options.retry_timeout = retry_timeout;
    options.metadata_age_max = Duration::from_secs(30);
    Client::new(io.into(), options)
}

/// The last version of Fetch that names topics; those after it give their ids.
pub(super) const FETCH_NAMES_UNTIL: i16 = 12;
/// How long a single fetch is waited for.
pub(super) const FETCH_TIMEOUT: Duration = Duration::from_secs(4);

/// Longer than anything a client does may take by its own deadlines.
const PATIENCE: Duration = Duration::from_secs(90);

/// Waits for what a client library bounds itself; what takes longer than all its deadlines is wrong.
pub(super) async fn bounded<F: Future>(
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
