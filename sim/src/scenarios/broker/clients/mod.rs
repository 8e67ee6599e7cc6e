//! The clients, each on a machine of its own, and what they share.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ordain::client::{BrokerAddress, Client, ClientOptions};
use ordain::io::{Elapsed, Io, timeout};

use super::history::History;
use super::plan::{BROKER, PORT};

mod admin;
mod load;
mod member;
mod producer;
mod reader;

pub(super) use admin::{administer, create_checked_topic};
pub(super) use load::{Kind, LoadClient};
pub(super) use member::consume_as_member;
pub(super) use producer::produce;
pub(super) use reader::{got, read_again_and_again};

/// When the clients come to their end.
#[derive(Clone, Default)]
pub(super) struct Ending(Arc<AtomicBool>);

impl Ending {
    pub(super) fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
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
        history.wrong(format!("{what} took more than {PATIENCE:?}, its own deadlines notwithstanding"));
    }
    result
}
