use std::sync::Arc;
use std::time::Duration;

use super::address::BrokerAddress;
use crate::io::{Clock, Io, Net, Rng, Spawn};

/// What of the world a client needs: everything but disks.
#[derive(Clone)]
pub struct ClientIo {
    pub clock: Arc<dyn Clock>,
    pub net: Arc<dyn Net>,
    pub rng: Arc<dyn Rng>,
    pub spawn: Arc<dyn Spawn>,
}

impl From<&Io> for ClientIo {
    fn from(io: &Io) -> ClientIo {
        ClientIo {
            clock: Arc::clone(&io.clock),
            net: Arc::clone(&io.net),
            rng: Arc::clone(&io.rng),
            spawn: Arc::clone(&io.spawn),
        }
    }
}

/// How a client behaves on all its connections.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Where to ask first, one of these by chance, then the others; the cluster names its own brokers then.
    pub bootstrap: Vec<BrokerAddress>,
    pub client_id: String,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long one request may take, apart from what the request itself asks the broker to wait.
    pub request_timeout: Duration,
    /// How long an operation is tried again after errors that pass.
    pub retry_timeout: Duration,
    pub retry_backoff: Duration,
    pub retry_backoff_max: Duration,
    /// The largest answer that is accepted, in bytes.
    pub response_bytes_max: usize,
    /// How old cached metadata may be.
    pub metadata_age_max: Duration,
}

impl ClientOptions {
    #[must_use]
    pub fn new(bootstrap: Vec<BrokerAddress>) -> ClientOptions {
        ClientOptions {
            bootstrap,
            client_id: "ordain".to_owned(),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            retry_timeout: Duration::from_secs(60),
            retry_backoff: Duration::from_millis(50),
            retry_backoff_max: Duration::from_secs(1),
            response_bytes_max: 256 << 20,
            metadata_age_max: Duration::from_secs(300),
        }
    }
}
