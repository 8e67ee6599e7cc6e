//! What clients write and read, and what they are told of it.
use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;
use ordain::client::admin::OffsetSpec;
use ordain::client::consumer::{Consumer, ConsumerOptions};
use ordain::client::producer::{Idempotence, Producer, ProducerOptions, ProducerRecord};
use ordain::client::{AutoCreate, Client, ClientError, TopicPartition};
use ordain::types::{Offset, PartitionIndex};

use super::{MOMENT, Stage};
use crate::scenarios::Violation;

/// The partition of a topic, and where each of its records stands that was acknowledged.
pub(super) struct Told {
    topic: &'static str,
    acknowledged: BTreeMap<Offset, u32>,
    /// The number of the next record.
    next: u32,
}

/// All that a partition gives to readers.
pub(super) type Read = BTreeMap<Offset, Bytes>;

impl Told {
    pub(super) fn of(topic: &'static str) -> Told {
        Told { topic, acknowledged: BTreeMap::new(), next: 0 }
    }

    /// What is written from now on, by itself.
    pub(super) fn for_later(&self) -> Told {
        Told { next: self.next, ..Told::of(self.topic) }
    }

    pub(super) fn count(&self) -> usize {
        self.acknowledged.len()
    }

    /// The value of the record that was written last.
    pub(super) fn last(&self) -> Vec<u8> {
        value_of(self.topic, self.next.saturating_sub(1))
    }

    /// Writes so many records, and waits until they are acknowledged.
    pub(super) async fn write(&mut self, stage: &Stage, records: u32) -> Result<(), Violation> {
        let (topic, numbers) = (self.topic, self.next..self.next + records);
        self.next = numbers.end;
        let told = stage.ask("writing", move |client| write(client, topic, numbers)).await?;
        self.acknowledged.extend(told);
        Ok(())
    }

    /// Reads the partition from its beginning to its end.
    pub(super) async fn read(&self, stage: &Stage) -> Result<Read, Violation> {
        let topic = self.topic;
        stage.ask("reading", move |client| read(client, topic)).await
    }

    /// The records that were acknowledged and are not at their places, with those.
    pub(super) fn missing(&self, read: &Read) -> Vec<(Offset, u32)> {
        self.looked_up(read, false)
    }

    /// Those that are at their places.
    pub(super) fn there(&self, read: &Read) -> Vec<(Offset, u32)> {
        self.looked_up(read, true)
    }

    /// The records that were acknowledged, and are at their places or not.
    fn looked_up(&self, read: &Read, are_there: bool) -> Vec<(Offset, u32)> {
        let is_there = |offset: Offset, number: u32| {
            let wanted = value_of(self.topic, number);
            read.get(&offset).is_some_and(|value| value[..] == wanted[..])
        };
        let all = self.acknowledged.iter().map(|(&offset, &number)| (offset, number));
        all.filter(|&(offset, number)| is_there(offset, number) == are_there).collect()
    }

    /// All that was acknowledged is there.
    pub(super) async fn is_whole(&self, stage: &Stage) -> Result<(), Violation> {
        let read = self.read(stage).await?;
        match self.missing(&read).first() {
            None => Ok(()),
            Some((offset, number)) => {
                let (topic, found) = (self.topic, read.get(offset));
                let text = format!("record {number} of {topic} was acknowledged at {offset}, not {found:?}");
                Err(Violation::new("I1-lost-record", text))
            }
        }
    }
}

/// To be found in files, too: no two records have the same.
fn value_of(topic: &str, number: u32) -> Vec<u8> {
    format!("{topic}-{number:08}").into_bytes()
}

/// A record of the topic's only partition.
pub(super) fn record<'a>(topic: &'a str, value: &'a [u8]) -> ProducerRecord<'a> {
    let partition = Some(PartitionIndex(0));
    ProducerRecord { topic, partition, timestamp: None, key: None, value: Some(value), headers: &[] }
}

/// As a producer writes that asks nobody for an id: who gives them may be lost. What it sends again may stand there twice.
pub(super) fn plain_options() -> ProducerOptions {
    ProducerOptions {
        idempotence: Idempotence::Off,
        auto_create: AutoCreate::No,
        ..ProducerOptions::default()
    }
}

/// Writes these records; says where each stands.
async fn write(
    client: Client,
    topic: &'static str,
    numbers: Range<u32>,
) -> Result<Vec<(Offset, u32)>, ClientError> {
    let producer = Producer::start(&client, plain_options());
    let mut waiting = Vec::new();
    for number in numbers {
        let value = value_of(topic, number);
        waiting.push((number, producer.send(record(topic, &value)).await?));
    }
    let mut told = Vec::new();
    for (number, delivery) in waiting {
        told.push((delivery.wait().await?.offset, number));
    }
    Ok(told)
}

async fn read(client: Client, topic: &'static str) -> Result<Read, ClientError> {
    let at = TopicPartition::new(topic, 0);
    let ends = client.list_offsets_at(std::slice::from_ref(&at), OffsetSpec::Latest).await?;
    let end = ends.get(&at).map_or(Offset::ZERO, |listed| listed.offset);
    let from = BTreeMap::from([(at.clone(), Some(Offset::ZERO))]);
    let mut consumer = Consumer::assign(&client, ConsumerOptions::default(), from);
    let mut records = BTreeMap::new();
    while consumer.positions().get(&at).is_none_or(|next| *next < end) {
        for fetched in consumer.poll(MOMENT).await? {
            for record in fetched.records()? {
                records.insert(record.offset, record.value.unwrap_or_default());
            }
        }
    }
    Ok(records)
}
