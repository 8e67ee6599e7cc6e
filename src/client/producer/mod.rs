//! A producer: records gather in batches per partition, batches travel several at a time, errors that pass are
//! met by sending again.
//!
//! Owns sequence numbers and the order of batches. The records wait in `accumulator`, which senders and the
//! one sending task share behind a lock that is never held over an await; the task (`sender`) routes, sends
//! and judges the answers. Invariants:
//! - What may wait is bounded in bytes; beyond it, `send` waits.
//! - An idempotent producer's batches carry consecutive sequences in the order they were sealed; after an error
//!   that passes they are sent again in that order, once everything under way to that partition has returned.
//! - Every record's delivery is answered exactly once.
mod accumulator;
mod delivery;
mod options;
mod sender;

use std::sync::Arc;

use tokio::sync::{Notify, Semaphore, oneshot};

use accumulator::Accumulator;
pub use delivery::{Delivered, Delivery};
pub use options::{Acks, Idempotence, ProducerOptions};
pub use sender::NAMES_UNTIL;

use super::cluster::Client;
use super::error::ClientError;
use super::metadata::TopicPartition;
use super::partitioner::partition_for_key;
use crate::types::{PartitionIndex, Timestamp};
use crate::wire::batch::{HEADER_BYTES, NewRecord, RecordHeader};

/// A record to send.
#[derive(Clone, Copy, Debug)]
pub struct ProducerRecord<'a> {
    pub topic: &'a str,
    /// `None`: the key decides, and without a key the fullest batch goes on being filled.
    pub partition: Option<PartitionIndex>,
    /// `None`: now.
    pub timestamp: Option<Timestamp>,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: &'a [RecordHeader],
}

/// Sends records. Cheap to share by reference; dropped without [`Producer::close`] it forgets what waits.
pub struct Producer {
    client: Client,
    shared: Arc<Shared>,
    /// Behind a lock only so that a producer can be shared.
    task: std::sync::Mutex<crate::io::TaskHandle>,
}

/// What the producer and its sending task share.
struct Shared {
    options: ProducerOptions,
    accumulator: std::sync::Mutex<Accumulator>,
    /// Something to send, or a wish to finish.
    wake: Notify,
    /// Bytes that may still be taken in.
    memory: Arc<Semaphore>,
}

impl Shared {
    fn accumulator(&self) -> std::sync::MutexGuard<'_, Accumulator> {
        self.accumulator.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// What a record takes beside its key and value, in bytes: its own fields and its share of bookkeeping.
const RECORD_OVERHEAD_BYTES: usize = 32;

impl Producer {
    /// Starts the sending task. An idempotent producer gets its id with the first batch.
    #[must_use]
    pub fn start(client: &Client, options: ProducerOptions) -> Producer {
        let shared = Arc::new(Shared {
            accumulator: std::sync::Mutex::new(Accumulator::new(&options)),
            wake: Notify::new(),
            memory: Arc::new(Semaphore::new(options.memory_bytes.min(Semaphore::MAX_PERMITS))),
            options,
        });
        let sender = sender::run(client.clone(), Arc::clone(&shared));
        let task = client.io().spawn.spawn("client-producer", Box::pin(sender));
        Producer { client: client.clone(), shared, task: std::sync::Mutex::new(task) }
    }

    /// Takes a record in; waits while too much is under way. The delivery tells what became of it.
    ///
    /// # Errors
    /// [`ClientError::RecordTooLarge`], an unknown topic or partition, or a producer that has failed for good.
    pub async fn send(&self, record: ProducerRecord<'_>) -> Result<Delivery, ClientError> {
        let at = self.place(&record).await?;
        let headers: usize = record
            .headers
            .iter()
            .map(|h| h.key.len() + h.value.as_ref().map_or(0, bytes::Bytes::len) + 10)
            .sum();
        let bytes = RECORD_OVERHEAD_BYTES
            + record.key.map_or(0, <[u8]>::len)
            + record.value.map_or(0, <[u8]>::len)
            + headers;
        let options = &self.shared.options;
        if bytes + HEADER_BYTES > options.request_bytes_max.min(options.memory_bytes) {
            return Err(ClientError::RecordTooLarge { bytes, bytes_max: options.request_bytes_max });
        }
        let clock = &self.client.io().clock;
        let permits = u32::try_from(bytes).unwrap_or(u32::MAX);
        let memory = match Arc::clone(&self.shared.memory).try_acquire_many_owned(permits) {
            Ok(memory) => memory,
            Err(_) => {
                // What gathers must leave before there is room.
                self.shared.wake.notify_one();
                let waiting = Arc::clone(&self.shared.memory).acquire_many_owned(permits);
                waiting.await.map_err(|_| ClientError::Closed { what: "producer" })?
            }
        };
        let new = NewRecord {
            timestamp: record.timestamp.unwrap_or_else(|| clock.wall()),
            key: record.key,
            value: record.value,
            headers: record.headers,
        };
        let now = clock.now();
        let added = self.shared.accumulator().add(&at, &new, memory, now)?;
        if added.wake {
            self.shared.wake.notify_one();
        }
        Ok(added.delivery)
    }

    /// The partition a record goes to.
    async fn place(&self, record: &ProducerRecord<'_>) -> Result<TopicPartition, ClientError> {
        let partitions = self.client.partitions(record.topic, self.shared.options.auto_create).await?;
        let count = partitions.len();
        let topic = record.topic.to_owned();
        let index = match (record.partition, record.key) {
            (Some(partition), _) => {
                if !partitions.iter().any(|p| p.index == partition) {
                    return Err(ClientError::UnknownPartition { topic, partition: partition.0 });
                }
                return Ok(TopicPartition { topic, partition });
            }
            (None, _) if count == 0 => return Err(ClientError::UnknownTopic { topic }),
            (None, Some(key)) => partition_for_key(key, count),
            (None, None) => {
                let sticky = self.shared.accumulator().sticky(record.topic);
                match sticky {
                    Some(partition) => return Ok(TopicPartition { topic, partition }),
                    None => {
                        let index = self.client.random_below(count as u64) as usize;
                        let partition = partitions[index].index;
                        self.shared.accumulator().set_sticky(record.topic, partition);
                        return Ok(TopicPartition { topic, partition });
                    }
                }
            }
        };
        Ok(TopicPartition { topic, partition: partitions[index].index })
    }

    /// Sends what has gathered without waiting for more, and returns when all of it has been answered.
    /// Single records' errors stand in their deliveries.
    ///
    /// # Errors
    /// [`ClientError::Closed`] if the sending task has ended.
    pub async fn flush(&self) -> Result<(), ClientError> {
        let (done, waiting) = oneshot::channel();
        self.shared.accumulator().flush(done);
        self.shared.wake.notify_one();
        waiting.await.map_err(|_| ClientError::Closed { what: "producer" })
    }

    /// Flushes and ends.
    ///
    /// # Errors
    /// As [`Producer::flush`].
    pub async fn close(self) -> Result<(), ClientError> {
        self.flush().await
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.task.lock().unwrap_or_else(std::sync::PoisonError::into_inner).abort();
        self.shared.accumulator().fail_all(&ClientError::Closed { what: "producer" });
    }
}
