use std::time::Duration;

use ordain::client::producer::{Acks, Delivery, Idempotence, Producer, ProducerOptions, ProducerRecord};
use ordain::client::{AutoCreate, TopicPartition};
use ordain::io::Io;
use ordain::types::Offset;

use super::{Ending, bounded, client};
use crate::scenarios::broker::history::{Fate, History, Mode, RecordId};
use crate::scenarios::broker::plan::ProducerPlan;

/// Failures in a row after which a producer is replaced by a new one.
const FAILURES_MAX: u32 = 3;

/// Sends records, waits for their fate, and so on.
pub(in crate::scenarios::broker) async fn produce(
    io: Io,
    plan: ProducerPlan,
    partitions: Vec<TopicPartition>,
    history: History,
    ending: Ending,
) {
    let producer = plan.producer;
    let name = format!("producer-{producer}");
    let mut session = 0;
    while !ending.has_begun() {
        session += 1;
        let run =
            Session { io: &io, producer, session, plan: &plan, partitions: &partitions, history: &history };
        run.run(&name, &ending).await;
    }
}

struct Session<'a> {
    io: &'a Io,
    producer: u32,
    session: u32,
    plan: &'a ProducerPlan,
    partitions: &'a [TopicPartition],
    history: &'a History,
}

impl Session<'_> {
    async fn run(&self, name: &str, ending: &Ending) {
        let client = client(self.io, name, Duration::from_secs(8));
        let idempotent = self.plan.mode == Mode::Idempotent;
        let options = ProducerOptions {
            acks: Acks::All,
            idempotence: if idempotent { Idempotence::On } else { Idempotence::Off },
            batch_bytes: self.plan.batch_bytes,
            linger: Duration::from_millis(2),
            in_flight: if idempotent { 5 } else { 1 },
            delivery_timeout: Duration::from_secs(15),
            auto_create: AutoCreate::No,
            ..ProducerOptions::default()
        };
        let sender = Producer::start(&client, options);
        let mut rng = self.io.rng.stream("workload");
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
                let id = RecordId { producer: self.producer, session: self.session, number };
                let index = usize::try_from(rng.below(self.partitions.len() as u64)).unwrap_or(0);
                let bytes = usize::try_from(rng.below(self.plan.value_bytes)).unwrap_or(0);
                match self.send(&sender, id, &self.partitions[index], bytes).await {
                    Some(delivery) => waiting.push((id, delivery)),
                    None => failed = true,
                }
            }
            for (id, delivery) in waiting {
                failed |= !self.wait(id, &delivery, name).await;
            }
            failures = if failed { failures + 1 } else { 0 };
            self.io.clock.sleep(self.plan.pause.mul_f64(0.5 + rng.below(1000) as f64 / 1000.0)).await;
        }
    }

    async fn send(
        &self,
        sender: &Producer,
        id: RecordId,
        at: &TopicPartition,
        bytes: usize,
    ) -> Option<Delivery> {
        let value = id.value(bytes);
        self.history.sending(id, at, self.plan.mode);
        let record = ProducerRecord {
            topic: &at.topic,
            partition: Some(at.partition),
            timestamp: None,
            key: None,
            value: Some(&value),
            headers: &[],
        };
        match bounded(self.io, self.history, "taking a record in", sender.send(record)).await {
            Ok(Ok(delivery)) => Some(delivery),
            Ok(Err(error)) => {
                self.history.note(format_args!("send {id}: {error}"));
                self.history.fate(id, Fate::Unknown);
                None
            }
            Err(_) => None,
        }
    }

    /// Whether the record was acknowledged.
    async fn wait(&self, id: RecordId, delivery: &Delivery, name: &str) -> bool {
        match bounded(self.io, self.history, "a delivery", delivery.wait()).await {
            Ok(Ok(delivered)) => {
                let offset = (delivered.offset != Offset::NONE).then_some(delivered.offset);
                self.history.fate(id, Fate::Acknowledged(offset));
                self.history.progress(name);
                true
            }
            Ok(Err(error)) => {
                self.history.note(format_args!("delivery {id}: {error}"));
                self.history.fate(id, Fate::Unknown);
                false
            }
            Err(_) => false,
        }
    }
}
