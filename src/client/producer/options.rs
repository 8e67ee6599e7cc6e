use std::time::Duration;

use crate::client::cluster::AutoCreate;
use crate::wire::compression::Codec;

/// When a batch counts as delivered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Acks {
    /// When it has been written to the connection.
    None,
    /// When the leader has it.
    Leader,
    /// When all in-sync replicas have it.
    All,
}

impl Acks {
    pub(super) fn to_wire(self) -> i16 {
        match self {
            Acks::None => 0,
            Acks::Leader => 1,
            Acks::All => -1,
        }
    }
}

/// Whether batches carry a producer id and sequences, so that sending again writes nothing twice. It needs
/// [`Acks::All`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Idempotence {
    On,
    Off,
}

/// How a producer gathers and sends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProducerOptions {
    pub acks: Acks,
    pub idempotence: Idempotence,
    pub codec: Codec,
    /// When a batch is full, in bytes before compression.
    pub batch_bytes: usize,
    /// How long a batch waits to fill up.
    pub linger: Duration,
    /// The largest request, in bytes; a single record may take a batch up to this size.
    pub request_bytes_max: usize,
    /// How many batches of one partition are under way at once. Only an idempotent producer keeps their order
    /// through errors; brokers remember five, so that it goes no further than so many from the oldest without an answer.
    pub in_flight: usize,
    /// What may wait or be under way, in bytes.
    pub memory_bytes: usize,
    /// How often a batch is sent again after an error that may pass. Without sequences, what is sent again may come behind
    /// what was sent after it.
    pub retries_max: u32,
    /// How long a batch is tried, from its sealing.
    pub delivery_timeout: Duration,
    pub auto_create: AutoCreate,
}

impl Default for ProducerOptions {
    fn default() -> ProducerOptions {
        ProducerOptions {
            acks: Acks::All,
            idempotence: Idempotence::On,
            codec: Codec::None,
            batch_bytes: 64 << 10,
            linger: Duration::from_millis(5),
            request_bytes_max: 1 << 20,
            in_flight: 5,
            memory_bytes: 64 << 20,
            retries_max: u32::MAX,
            delivery_timeout: Duration::from_secs(120),
            auto_create: AutoCreate::Yes,
        }
    }
}
