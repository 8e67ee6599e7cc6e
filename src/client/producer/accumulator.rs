use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::delivery::{BatchDelivered, Delivery, Outcome};
use super::options::{Idempotence, ProducerOptions};
use crate::client::error::ClientError;
use crate::client::metadata::TopicPartition;
use crate::types::{Instant, PartitionIndex, ProducerEpoch, ProducerId};
use crate::wire::batch::{
    BatchBuilder, BatchKind, BatchOptions, HEADER_BYTES, NO_SEQUENCE, NewRecord, ProducerStamp, sequence_plus,
};
use crate::wire::compression::Codec;

/// What gathers, waits and is under way, by partition.
pub(super) struct Accumulator {
    partitions: BTreeMap<TopicPartition, Queue>,
    sticky: BTreeMap<String, PartitionIndex>,
    codec: Codec,
    batch_bytes: usize,
    record_bytes_max: usize,
    linger: Duration,
    delivery_timeout: Duration,
    in_flight_max: usize,
    idempotence: Idempotence,
    producer: Option<(ProducerId, ProducerEpoch)>,
    flushes: Vec<oneshot::Sender<()>>,
    /// Why the producer takes nothing more.
    failed: Option<ClientError>,
}

/// One partition's batches, oldest first: those under way, those sealed, the one that fills.
#[derive(Default)]
struct Queue {
    in_flight: usize,
    /// Whose sequences this partition counts; `None` before the first batch and after one was lost.
    producer: Option<(ProducerId, ProducerEpoch)>,
    /// A batch came back with an error that passes: nothing leaves until all have come back.
    draining: bool,
    /// Not before this, after an error.
    not_before: Option<Instant>,
    sealed: VecDeque<Batch>,
    open: Option<Open>,
    next_sequence: i32,
    /// How many batches have left for the first time, and the numbers among them of those that are not settled.
    left: u64,
    unsettled: BTreeSet<u64>,
}

struct Open {
    builder: BatchBuilder,
    outcome: Arc<Outcome>,
    memory: OwnedSemaphorePermit,
    since: Instant,
}

/// A batch whose records are complete.
pub(super) struct Batch {
    pub(super) at: TopicPartition,
    contents: Contents,
    records: i32,
    plain_bytes: usize,
    outcome: Arc<Outcome>,
    _memory: OwnedSemaphorePermit,
    pub(super) sealed_at: Instant,
    pub(super) attempts: u32,
    /// Given when it first leaves; stays through all attempts.
    stamp: Option<ProducerStamp>,
    /// Its number among those of its partition that have left; given with the stamp.
    number: u64,
    pub(super) last_error: Option<String>,
}

/// Encoded when it first leaves; sent again as it was.
enum Contents {
    Records(Box<BatchBuilder>),
    Encoded(Vec<Bytes>),
}

impl Batch {
    /// Its length before compression, in bytes.
    pub(super) fn plain_bytes(&self) -> usize {
        self.plain_bytes
    }

    /// The bytes to send.
    pub(super) fn encode(&mut self) -> Vec<Bytes> {
        let stamp = self.stamp.expect("a batch that leaves has been stamped");
        let contents = std::mem::replace(&mut self.contents, Contents::Encoded(Vec::new()));
        let bytes = match contents {
            Contents::Encoded(bytes) => bytes,
            Contents::Records(builder) => builder.stamped(stamp).build().into_batch().segments().to_vec(),
        };
        self.contents = Contents::Encoded(bytes.clone());
        bytes
    }

    pub(super) fn sequence(&self) -> Option<i32> {
        self.stamp.map(|stamp| stamp.base_sequence).filter(|sequence| *sequence != NO_SEQUENCE)
    }

    pub(super) fn finish(self, result: Result<BatchDelivered, ClientError>) {
        self.outcome.set(result);
    }
}

pub(super) struct Added {
    pub(super) delivery: Delivery,
    /// Whether the sending task has something new to do or to wait for.
    pub(super) wake: bool,
}

impl Accumulator {
    pub(super) fn new(options: &ProducerOptions) -> Accumulator {
        Accumulator {
            partitions: BTreeMap::new(),
            sticky: BTreeMap::new(),
            codec: options.codec,
            batch_bytes: options.batch_bytes.max(HEADER_BYTES + 1),
            record_bytes_max: options.request_bytes_max,
            linger: options.linger,
            delivery_timeout: options.delivery_timeout,
            in_flight_max: options.in_flight.max(1),
            idempotence: options.idempotence,
            producer: None,
            flushes: Vec::new(),
            failed: None,
        }
    }

    pub(super) fn sticky(&self, topic: &str) -> Option<PartitionIndex> {
        self.sticky.get(topic).copied()
    }

    pub(super) fn set_sticky(&mut self, topic: &str, partition: PartitionIndex) {
        self.sticky.insert(topic.to_owned(), partition);
    }

    /// Puts a record into its partition's open batch, sealing that one first if it is full.
    pub(super) fn add(
        &mut self,
        at: &TopicPartition,
        record: &NewRecord<'_>,
        memory: OwnedSemaphorePermit,
        now: Instant,
    ) -> Result<Added, ClientError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        if !self.partitions.contains_key(at) {
            self.partitions.insert(at.clone(), Queue::default());
        }
        let queue = self.partitions.get_mut(at).expect("it has just been made sure of");
        let mut sealed = false;
        if let Some(open) = &mut queue.open {
            if let Ok(delta) = open.builder.append(*record) {
                open.memory.merge(memory);
                let full = open.builder.plain_bytes() >= self.batch_bytes;
                let delivery = Delivery::new(&open.outcome, delta);
                if full {
                    queue.seal(at, now);
                    self.sticky.remove(&at.topic);
                }
                return Ok(Added { delivery, wake: full });
            }
            queue.seal(at, now);
            self.sticky.remove(&at.topic);
            sealed = true;
        }
        let options = |bytes_max| BatchOptions {
            codec: self.codec,
            producer: ProducerStamp::NONE,
            kind: BatchKind::Data,
            bytes_max,
        };
        let mut builder = BatchBuilder::new(options(self.batch_bytes));
        let delta = match builder.append(*record) {
            Ok(delta) => delta,
            // One record larger than a usual batch has one of its own.
            Err(_) => {
                builder = BatchBuilder::new(options(self.record_bytes_max));
                builder.append(*record).map_err(|full| ClientError::RecordTooLarge {
                    bytes: full.needed_bytes,
                    bytes_max: full.bytes_max,
                })?
            }
        };
        let full = builder.plain_bytes() >= self.batch_bytes;
        let outcome = Outcome::new(at.clone());
        let delivery = Delivery::new(&outcome, delta);
        queue.open = Some(Open { builder, outcome, memory, since: now });
        if full {
            queue.seal(at, now);
        }
        // A new batch starts to linger: the task has a new deadline.
        Ok(Added { delivery, wake: sealed || full || queue.in_flight == 0 })
    }

    pub(super) fn flush(&mut self, done: oneshot::Sender<()>) {
        self.flushes.push(done);
    }

    /// Seals what has lingered long enough, or everything if somebody flushes or memory is short.
    pub(super) fn seal_due(&mut self, now: Instant, all: bool) {
        let all = all || !self.flushes.is_empty();
        for (at, queue) in &mut self.partitions {
            let due = queue.open.as_ref().is_some_and(|open| all || open.since.after(self.linger) <= now);
            if due {
                queue.seal(at, now);
                self.sticky.remove(&at.topic);
            }
        }
    }

    /// The partitions that could send a batch now.
    pub(super) fn ready(&self, now: Instant) -> Vec<TopicPartition> {
        let ready = |queue: &Queue| {
            let free =
                if queue.draining { queue.in_flight == 0 } else { queue.in_flight < self.in_flight_max };
            // After a loss, the old sequences have to be settled before new ones begin.
            let settled =
                queue.in_flight == 0 || queue.producer.is_some() || self.idempotence == Idempotence::Off;
            let next = queue.sealed.front();
            // A broker knows a producer's last batches again, so many: one that may have to be sent once more stays
            // among them. What an old leader has not answered does not hold the place of requests to a new one.
            let known = |first: &u64| queue.left - first < self.in_flight_max as u64;
            let fits = |batch: &Batch| {
                let is_known = batch.stamp.is_some() || queue.unsettled.first().is_none_or(known);
                is_known || self.idempotence == Idempotence::Off
            };
            free && settled && next.is_some_and(fits) && queue.not_before.is_none_or(|time| time <= now)
        };
        self.partitions.iter().filter(|(_, queue)| ready(queue)).map(|(at, _)| at.clone()).collect()
    }

    /// Takes the oldest batch of a partition out to be sent.
    pub(super) fn take(&mut self, at: &TopicPartition) -> Option<Batch> {
        let queue = self.partitions.get_mut(at)?;
        let mut batch = queue.sealed.pop_front()?;
        if batch.stamp.is_none() {
            batch.number = queue.left;
            queue.unsettled.insert(batch.number);
            queue.left += 1;
            batch.stamp = Some(match self.idempotence {
                Idempotence::Off => ProducerStamp::NONE,
                Idempotence::On => {
                    let current = || self.producer.expect("a producer id is asked for before a batch leaves");
                    let (id, epoch) = *queue.producer.get_or_insert_with(current);
                    let base_sequence = queue.next_sequence;
                    queue.next_sequence = sequence_plus(base_sequence, batch.records);
                    ProducerStamp { id, epoch, base_sequence }
                }
            });
        }
        queue.in_flight += 1;
        batch.attempts += 1;
        Some(batch)
    }

    /// A batch came back answered for good.
    pub(super) fn finished(&mut self, batch: &Batch) {
        let queue = self.partitions.get_mut(&batch.at).expect("a batch belongs to a partition");
        queue.in_flight -= 1;
        queue.unsettled.remove(&batch.number);
        if queue.in_flight == 0 {
            queue.draining = false;
            queue.not_before = None;
        }
    }

    /// A batch came back with an error that passes: it goes to its place in the line.
    pub(super) fn give_back(&mut self, batch: Batch, not_before: Instant) {
        let queue = self.partitions.get_mut(&batch.at).expect("a batch belongs to a partition");
        queue.in_flight -= 1;
        if let Some(error) = &self.failed {
            return batch.finish(Err(error.clone()));
        }
        queue.draining = true;
        queue.not_before = Some(queue.not_before.map_or(not_before, |time| time.max(not_before)));
        let place = queue.sealed.iter().position(|other| match (other.sequence(), batch.sequence()) {
            (Some(other), Some(own)) => other.wrapping_sub(own) > 0,
            // Unstamped ones have never left: they are younger.
            (None, _) => true,
            (Some(_), None) => other.sealed_at > batch.sealed_at,
        });
        queue.sealed.insert(place.unwrap_or(queue.sealed.len()), batch);
    }

    /// A batch that is not under way is lost for good. An idempotent producer's sequences have a gap then: the
    /// partition goes on under a new producer id, and what follows under the old one fails by the broker's own
    /// judgement, so that nothing is written out of order or twice.
    pub(super) fn failed(&mut self, batch: Batch, error: ClientError) {
        let queue = self.partitions.get_mut(&batch.at).expect("a batch belongs to a partition");
        if batch.stamp.is_some() {
            queue.unsettled.remove(&batch.number);
        }
        if let Some(stamp) = batch.stamp.filter(|stamp| stamp.base_sequence != NO_SEQUENCE) {
            if queue.producer == Some((stamp.id, stamp.epoch)) {
                queue.producer = None;
                queue.next_sequence = 0;
            }
            if self.producer == Some((stamp.id, stamp.epoch)) {
                self.producer = None;
            }
        }
        batch.finish(Err(error));
    }

    /// Nothing leaves for a partition before `until`.
    pub(super) fn delay(&mut self, at: &TopicPartition, until: Instant, reason: &str) {
        if let Some(queue) = self.partitions.get_mut(at) {
            queue.not_before = Some(until);
            if let Some(batch) = queue.sealed.front_mut() {
                batch.last_error = Some(reason.to_owned());
            }
        }
    }

    /// Why nothing can leave now, for what expires meanwhile.
    pub(super) fn held_by(&mut self, reason: &str) {
        for batch in self.partitions.values_mut().filter_map(|queue| queue.sealed.front_mut()) {
            batch.last_error = Some(reason.to_owned());
        }
    }

    /// Whether an older batch than this one is yet to be written.
    pub(super) fn is_first(&self, batch: &Batch) -> bool {
        let queue = &self.partitions[&batch.at];
        queue.in_flight == 1
            && !queue.sealed.front().is_some_and(|front| {
                front.sequence().zip(batch.sequence()).is_some_and(|(front, own)| own.wrapping_sub(front) > 0)
            })
    }

    pub(super) fn needs_producer_id(&self) -> bool {
        self.idempotence == Idempotence::On && self.producer.is_none()
    }

    pub(super) fn set_producer(&mut self, id: ProducerId, epoch: ProducerEpoch) {
        self.producer = Some((id, epoch));
    }

    /// When the task has something to do next, besides answers and wake-ups.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        let lingering =
            self.partitions.values().filter_map(|queue| Some(queue.open.as_ref()?.since.after(self.linger)));
        let waiting = self.partitions.values().filter(|q| !q.sealed.is_empty() && q.in_flight == 0);
        let paused = waiting.filter_map(|queue| queue.not_before).filter(|&until| until > now);
        lingering.chain(paused).min()
    }

    /// Takes out the batches that have waited too long to be sent.
    pub(super) fn expired(&mut self, now: Instant) -> Vec<Batch> {
        let mut expired = Vec::new();
        for queue in self.partitions.values_mut().filter(|queue| queue.in_flight == 0) {
            while queue.sealed.front().is_some_and(|b| b.sealed_at.after(self.delivery_timeout) <= now) {
                expired.extend(queue.sealed.pop_front());
            }
        }
        expired
    }

    /// Answers those who flush if nothing waits or is under way.
    pub(super) fn answer_flushes(&mut self) {
        let idle = |queue: &Queue| queue.in_flight == 0 && queue.sealed.is_empty() && queue.open.is_none();
        if !self.flushes.is_empty() && self.partitions.values().all(idle) {
            for done in self.flushes.drain(..) {
                // Who flushed may have gone.
                let _ = done.send(());
            }
        }
    }

    /// The producer cannot go on: everything that waits fails, and so does what comes.
    pub(super) fn fail_all(&mut self, error: &ClientError) {
        self.failed = Some(error.clone());
        for (at, queue) in &mut self.partitions {
            queue.seal(at, Instant::default());
            for batch in queue.sealed.drain(..) {
                batch.finish(Err(error.clone()));
            }
        }
    }
}

impl Queue {
    fn seal(&mut self, at: &TopicPartition, now: Instant) {
        if let Some(open) = self.open.take() {
            self.sealed.push_back(Batch {
                at: at.clone(),
                records: open.builder.record_count(),
                plain_bytes: open.builder.plain_bytes(),
                contents: Contents::Records(Box::new(open.builder)),
                outcome: open.outcome,
                _memory: open.memory,
                sealed_at: now,
                attempts: 0,
                stamp: None,
                number: 0,
                last_error: None,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use super::*;
    use crate::types::Timestamp;

    fn add(accumulator: &mut Accumulator, at: &TopicPartition, now: Instant) {
        let permit = Arc::new(Semaphore::new(1)).try_acquire_owned().expect("there is one");
        let record = NewRecord { timestamp: Timestamp(0), key: None, value: Some(b"v"), headers: &[] };
        assert!(accumulator.add(at, &record, permit, now).is_ok());
        accumulator.seal_due(now, true);
    }

    /// Cluster seed 1325: three batches had no answer from a node that was gone, and three more had theirs from the next
    /// leader, which by then knew the first as no repetition any more.
    #[test]
    fn a_batch_that_may_leave_again_stays_among_those_that_a_broker_knows() {
        for (idempotence, leaves) in [(Idempotence::On, 0), (Idempotence::Off, 1)] {
            let mut accumulator =
                Accumulator::new(&ProducerOptions { idempotence, ..ProducerOptions::default() });
            accumulator.set_producer(ProducerId(1), ProducerEpoch(0));
            let (at, now) = (TopicPartition::new("t".to_owned(), 0), Instant(5));
            (0..7).for_each(|_| add(&mut accumulator, &at, now));
            let mut sent: VecDeque<Batch> =
                (0..5).map(|_| accumulator.take(&at).expect("seven wait")).collect();
            assert!(accumulator.ready(now).is_empty(), "five are under way");
            let fourth = sent.remove(3).expect("five were sent");
            accumulator.finished(&fourth);
            assert_eq!(accumulator.ready(now).len(), leaves, "{idempotence:?}");
            let first = sent.pop_front().expect("four are under way");
            accumulator.give_back(first, now);
            while let Some(batch) = sent.pop_front() {
                accumulator.finished(&batch);
            }
            let first = accumulator.take(&at).expect("it came back");
            assert_eq!(first.sequence(), (idempotence == Idempotence::On).then_some(0), "it leaves first");
            assert_eq!(accumulator.ready(now).len(), leaves, "{idempotence:?}: it is the fifth from the end");
            accumulator.finished(&first);
            assert_eq!(accumulator.ready(now), [at], "{idempotence:?}");
        }
    }

    #[test]
    fn what_could_leave_and_waits_for_an_answer_is_no_deadline() {
        let mut accumulator =
            Accumulator::new(&ProducerOptions { linger: Duration::ZERO, ..ProducerOptions::default() });
        let (at, memory) = (TopicPartition::new("t".to_owned(), 0), Arc::new(Semaphore::new(1)));
        let record = NewRecord { timestamp: Timestamp(0), key: None, value: Some(b"v"), headers: &[] };
        let permit = memory.try_acquire_owned().expect("there is one");
        assert!(accumulator.add(&at, &record, permit, Instant(5)).is_ok());
        assert_eq!(accumulator.deadline(Instant(4)), Some(Instant(5)), "it lingers");
        accumulator.seal_due(Instant(5), false);
        accumulator.delay(&at, Instant(20), "it has no leader");
        assert_eq!(accumulator.deadline(Instant(10)), Some(Instant(20)), "it waits");
        assert!(accumulator.ready(Instant(10)).is_empty());
        // As many requests are under way as may be: the next answer wakes the task, and nothing does before.
        assert_eq!(accumulator.ready(Instant(20)), [at]);
        assert_eq!(accumulator.deadline(Instant(20)), None);
    }
}
