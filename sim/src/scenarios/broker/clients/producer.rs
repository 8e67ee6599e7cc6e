use std::time::Duration;

use ordain::client::producer::{Acks, Delivery, Idempotence, Producer, ProducerOptions, ProducerRecord};
use ordain::client::{AutoCreate, ClientError, TopicPartition};
use ordain::types::Offset;
use ordain::wire::compression::Codec;

use super::{Seat, bounded};
use crate::scenarios::broker::history::{Carried, Content, Fate, Mode, RecordId, Stands};
use crate::scenarios::broker::plan::{AcksPlan, ProducerPlan};

/// Failures in a row after which a producer is replaced by a new one.
const FAILURES_MAX: u32 = 3;

/// Sends records, waits for their fate, and so on.
pub(in crate::scenarios) async fn produce(seat: Seat, plan: ProducerPlan) {
    while !seat.ending.has_begun() {
        let Some(partitions) = seat.work().await else { continue };
        let session = seat.history.next_session(&seat.name);
        seat.history.producing(plan.producer, session, plan.mode);
        let run = Session { seat: &seat, session, plan: &plan, partitions: &partitions };
        run.run().await;
    }
}

struct Session<'a> {
    seat: &'a Seat,
    session: u32,
    plan: &'a ProducerPlan,
    partitions: &'a [TopicPartition],
}

impl Session<'_> {
    fn options(&self) -> ProducerOptions {
        let idempotent = self.plan.mode == Mode::Idempotent;
        ProducerOptions {
            acks: match self.plan.acks {
                AcksPlan::None => Acks::None,
                AcksPlan::Leader => Acks::Leader,
                AcksPlan::All => Acks::All,
            },
            idempotence: if idempotent { Idempotence::On } else { Idempotence::Off },
            codec: Codec::ALL[usize::from(self.plan.codec) % Codec::ALL.len()],
            batch_bytes: self.plan.batch_bytes,
            linger: Duration::from_millis(2),
            in_flight: if idempotent || self.plan.is_pipelined { 5 } else { 1 },
            retries_max: if self.plan.is_pipelined { 0 } else { u32::MAX },
            delivery_timeout: Duration::from_secs(15),
            auto_create: AutoCreate::No,
            ..ProducerOptions::default()
        }
    }

    async fn run(&self) {
        let Seat { io, ending, .. } = self.seat;
        let client = self.seat.client(Duration::from_secs(8));
        let options = self.options();
        let sender = Producer::start(&client, options);
        let mut rng = io.rng.stream("workload");
        let (mut number, mut failures) = (0, 0);
        while failures < FAILURES_MAX && !ending.has_begun() {
            let mut waiting: Vec<(RecordId, Delivery)> = Vec::new();
            let mut failed = false;
            for _ in 0..=rng.below(self.plan.burst) {
                if ending.has_begun() {
                    break;
                }
                ending.count_operation();
                number += 1;
                let id = RecordId { producer: self.plan.producer, session: self.session, number };
                let index = usize::try_from(rng.below(self.partitions.len() as u64)).unwrap_or(0);
                let bytes = usize::try_from(rng.below(self.plan.value_bytes)).unwrap_or(0);
                // Some of the records with keys say that their key is gone.
                let is_last_word =
                    self.plan.keys.is_some() && rng.below(1000) < self.plan.tombstones_per_mille;
                let content = if is_last_word { Content::Tombstone } else { Content::Value };
                match self.send(&sender, id, &self.partitions[index], (content, bytes)).await {
                    Some(delivery) => waiting.push((id, delivery)),
                    None => failed = true,
                }
            }
            for (id, delivery) in waiting {
                failed |= !self.wait(id, &delivery).await;
            }
            failures = if failed { failures + 1 } else { 0 };
            io.clock.sleep(self.plan.pause.mul_f64(0.5 + rng.below(1000) as f64 / 1000.0)).await;
        }
    }

    async fn send(
        &self,
        sender: &Producer,
        id: RecordId,
        at: &TopicPartition,
        (content, bytes): (Content, usize),
    ) -> Option<Delivery> {
        let value = (content == Content::Value).then(|| id.value(bytes));
        let (headers, timestamp) = (id.headers(content), id.time(self.seat.io.clock.wall()));
        // Each key lies in the one partition of its topic.
        let key = self.plan.keys.map(|keys| key(id, keys));
        let key_bytes = key.map(|key| key.to_string().into_bytes());
        let history = &self.seat.history;
        history.sending(id, at, self.plan.mode, (key, content));
        let carried = Carried::of(key_bytes.as_deref(), value.as_deref(), &headers);
        history.sends_with(id, Stands { carried, time: timestamp.0 });
        let record = ProducerRecord {
            topic: &at.topic,
            partition: Some(at.partition),
            timestamp: Some(timestamp),
            key: key_bytes.as_deref(),
            value: value.as_deref(),
            headers: &headers,
        };
        match bounded(&self.seat.io, history, "taking a record in", sender.send(record)).await {
            Ok(Ok(delivery)) => Some(delivery),
            Ok(Err(error)) => {
                history.note(format_args!("send {id}: {error}"));
                history.fate(id, Fate::Unknown);
                None
            }
            Err(_) => None,
        }
    }

    /// Whether the record was acknowledged.
    async fn wait(&self, id: RecordId, delivery: &Delivery) -> bool {
        let history = &self.seat.history;
        match bounded(&self.seat.io, history, "a delivery", delivery.wait()).await {
            Ok(Ok(delivered)) => {
                let offset = (delivered.offset != Offset::NONE).then_some(delivered.offset);
                let fate = match self.plan.acks {
                    // It has been sent, and nobody said more.
                    AcksPlan::None => Fate::Unknown,
                    AcksPlan::Leader | AcksPlan::All => Fate::Acknowledged(offset),
                };
                history.fate(id, fate);
                history.progress(&self.seat.name);
                true
            }
            Ok(Err(error)) => {
                history.note(format_args!("delivery {id}: {error}"));
                if let Some(code) = error.code() {
                    history.refused(id, code, refused_by(&error));
                }
                history.fate(id, Fate::Unknown);
                false
            }
            Err(_) => false,
        }
    }
}

/// The name of the node that refused.
fn refused_by(error: &ClientError) -> Option<&str> {
    let ClientError::Refused { address, .. } = error else { return None };
    Some(&address.host)
}

/// Records of one key follow each other, of a key that is used for ever or of one that is used for a while.
fn key(id: RecordId, keys: u32) -> u32 {
    match id.number % 2 {
        0 => id.number / 2 % keys,
        _ => keys + ((id.session << 16) | (id.number / 16 % (1 << 16))),
    }
}
