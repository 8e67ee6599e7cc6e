//! The clients of a steady load: each keeps a schedule of its own, whatever the answers take (what was missed
//! is caught up, within bounds), and pipelines the requests of a burst over one connection.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ordain::client::admin::OffsetSpec;
use ordain::client::{AutoCreate, Broker, Client, ClientError, Expects, InFlight, TopicPartition};
use ordain::io::{Io, RngStream};
use ordain::types::{Offset, ProducerEpoch, ProducerId};
use ordain::wire::batch::{
    BatchBuilder, BatchCheck, BatchIterator, BatchKind, BatchOptions, NewRecord, ProducerStamp,
};
use ordain::wire::compression::Codec;
use ordain::wire::messages::fetch_request::{FetchPartition, FetchTopic};
use ordain::wire::messages::fetch_response::PartitionData;
use ordain::wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use ordain::wire::messages::{FetchRequest, InitProducerIdRequest, ProduceRequest};
use ordain::wire::{Records, Text};

use super::{Ending, client};
use crate::cluster::Cluster;
use crate::scenarios::broker::history::{Commit, Fate, History, Mode, Read, Reader, RecordId};
use crate::scenarios::broker::load::Pace;
use crate::scenarios::broker::plan::{GROUP, TOPIC};

/// What a client of the load does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::scenarios::broker) enum Kind {
    Writer,
    Reader,
    Asker,
}

impl Kind {
    pub(in crate::scenarios::broker) fn client_name(self, number: u32) -> String {
        match self {
            Kind::Writer => format!("writer-{number}"),
            Kind::Reader => format!("reader-{number}"),
            Kind::Asker => format!("asker-{number}"),
        }
    }
}

/// One client of the load.
#[derive(Clone)]
pub(in crate::scenarios::broker) struct LoadClient {
    pub(in crate::scenarios::broker) kind: Kind,
    pub(in crate::scenarios::broker) number: u32,
    pub(in crate::scenarios::broker) pace: Pace,
    pub(in crate::scenarios::broker) value_bytes: u64,
    pub(in crate::scenarios::broker) partitions: Vec<TopicPartition>,
    pub(in crate::scenarios::broker) cluster: Cluster,
    pub(in crate::scenarios::broker) history: History,
    pub(in crate::scenarios::broker) ending: Ending,
}

/// How far behind its schedule a client may fall, and still catch up.
const BEHIND_MAX: Duration = Duration::from_secs(10);
/// How long a client waits after something failed.
const BACKOFF: Duration = Duration::from_millis(100);
/// What a fetch brings at most from one partition, in bytes.
const FETCH_BYTES_MAX: i32 = 16 << 10;
/// How long a fetch waits for something to come, in milliseconds.
const FETCH_WAIT_MS: i32 = 5;

impl LoadClient {
    pub(in crate::scenarios::broker) async fn run(self, io: Io) {
        let mut schedule = Schedule::new(&io, self.pace);
        let mut session = 0;
        while !self.ending.has_begun() {
            session += 1;
            let client = client(&io, &self.kind.client_name(self.number), Duration::ZERO);
            let result = match self.kind {
                Kind::Writer => self.write(&client, session, &mut schedule).await,
                Kind::Reader => self.read(&client, session, &mut schedule).await,
                Kind::Asker => self.ask(&client, &mut schedule).await,
            };
            if let Err(error) = result {
                self.history.note(format_args!("{}: {error}", self.kind.client_name(self.number)));
            }
            io.clock.sleep(BACKOFF).await;
        }
    }

    /// So many requests were answered.
    fn answered(&self, requests: u64) {
        self.cluster.count_requests(requests);
    }

    /// Sends bursts of batches until something fails. Every other writer is idempotent.
    async fn write(
        &self,
        client: &Client,
        session: u32,
        schedule: &mut Schedule,
    ) -> Result<(), ClientError> {
        let broker = client.any_broker().await?;
        let mut stamp = ProducerStamp::NONE;
        let mode = if self.number.is_multiple_of(2) { Mode::Idempotent } else { Mode::Plain };
        if mode == Mode::Idempotent {
            let request = InitProducerIdRequest {
                transaction_timeout_ms: i32::MAX,
                producer_id: -1,
                producer_epoch: -1,
                ..InitProducerIdRequest::default()
            };
            let answer = broker.call(&request).await?;
            stamp.id = ProducerId(answer.producer_id);
            stamp.epoch = ProducerEpoch(answer.producer_epoch);
            self.answered(1);
            if answer.error_code != 0 {
                return Ok(());
            }
        }
        let mut writer = Writer { load: self, broker, mode, stamp, session, number: 0, sequences: BTreeMap::new() };
        while !self.ending.has_begun() {
            let requests = schedule.next().await;
            if !writer.burst(requests, schedule).await? {
                return Ok(());
            }
            self.history.progress(&self.kind.client_name(self.number));
        }
        Ok(())
    }

    /// Fetches until something fails.
    async fn read(
        &self,
        client: &Client,
        session: u32,
        schedule: &mut Schedule,
    ) -> Result<(), ClientError> {
        let broker = client.any_broker().await?;
        let starts = client.list_offsets_at(&self.partitions, OffsetSpec::Earliest).await?;
        self.answered(1);
        let mut positions: Vec<Offset> = self.partitions.iter().map(|at| starts[at].offset).collect();
        let who = Reader { reader: self.number, session };
        while !self.ending.has_begun() {
            schedule.next().await;
            let answer = broker.call(&self.fetch_request(&positions)).await?;
            self.answered(1);
            let told = answer.responses.into_iter().flat_map(|topic| topic.partitions);
            for data in told {
                let Some(index) = self.partitions.iter().position(|at| at.partition.0 == data.partition_index)
                else {
                    continue;
                };
                if data.error_code != 0 {
                    return Ok(());
                }
                positions[index] = self.fetched(who, &self.partitions[index], positions[index], data);
            }
            self.history.progress(&self.kind.client_name(self.number));
        }
        Ok(())
    }

    fn fetch_request(&self, positions: &[Offset]) -> FetchRequest {
        let partition = |(at, next): (&TopicPartition, &Offset)| FetchPartition {
            partition: at.partition.0,
            current_leader_epoch: -1,
            fetch_offset: next.0,
            last_fetched_epoch: -1,
            log_start_offset: -1,
            partition_max_bytes: FETCH_BYTES_MAX,
            ..FetchPartition::default()
        };
        FetchRequest {
            replica_id: -1,
            max_wait_ms: FETCH_WAIT_MS,
            min_bytes: 1,
            max_bytes: i32::MAX,
            session_epoch: -1,
            topics: vec![FetchTopic {
                topic: Text::from_static(TOPIC),
                partitions: self.partitions.iter().zip(positions).map(partition).collect(),
                ..FetchTopic::default()
            }],
            ..FetchRequest::default()
        }
    }

    /// Takes in what came of a partition; where it goes on.
    fn fetched(&self, who: Reader, at: &TopicPartition, from: Offset, data: PartitionData) -> Offset {
        let bytes = data.records.unwrap_or_default().into_bytes();
        let mut next = from;
        let mut records = Vec::new();
        for batch in BatchIterator::new(bytes, BatchCheck::Verify) {
            let batch = match batch {
                Ok(batch) => batch,
                Err(error) => {
                    self.history.wrong(format!("what was read of {at} is broken: {error}"));
                    return next;
                }
            };
            next = next.max(batch.header().next_offset());
            let Ok(found) = batch.records(1 << 20) else {
                self.history.wrong(format!("a batch of {at} cannot be taken apart"));
                return next;
            };
            for record in found.flatten() {
                let offset = batch.header().record_offset(record.offset_delta);
                if offset >= from {
                    records.push((offset, record.value.and_then(|value| RecordId::of(&value))));
                }
            }
        }
        if next > from {
            self.history.read(Read {
                reader: who,
                time: self.history.now(),
                at: at.clone(),
                from,
                next,
                high_watermark: Offset(data.high_watermark),
                log_start: Offset(data.log_start_offset),
                records,
            });
        }
        next
    }

    /// Asks this and that until something fails.
    async fn ask(&self, client: &Client, schedule: &mut Schedule) -> Result<(), ClientError> {
        let topics = [TOPIC.to_owned()];
        while !self.ending.has_begun() {
            schedule.next().await;
            match schedule.rng.below(20) {
                0 => super::admin::look_at_committed(client, &self.partitions, &self.history).await?,
                1 => self.commit(client).await?,
                2..=9 => drop(client.describe(Some(&topics), AutoCreate::No).await?),
                _ => drop(client.list_offsets_at(&self.partitions, OffsetSpec::Latest).await?),
            }
            self.answered(1);
            self.history.progress(&self.kind.client_name(self.number));
        }
        Ok(())
    }

    /// Commits where the partitions end: offsets that only grow.
    async fn commit(&self, client: &Client) -> Result<(), ClientError> {
        let ends = client.list_offsets_at(&self.partitions, OffsetSpec::Latest).await?;
        self.answered(1);
        let offsets: BTreeMap<_, _> = ends.iter().map(|(at, listed)| (at.clone(), listed.offset)).collect();
        let began = self.history.now();
        let result = client.set_group_offsets(GROUP, &offsets).await;
        let fate = super::member::commit_fate(result.as_ref().err());
        for (at, offset) in offsets {
            self.history.commit(Commit { at, offset, fate, began, ended: self.history.now() });
        }
        result
    }
}

/// One producer's life.
struct Writer<'a> {
    load: &'a LoadClient,
    broker: Arc<Broker>,
    mode: Mode,
    stamp: ProducerStamp,
    session: u32,
    number: u32,
    /// The next sequence by partition.
    sequences: BTreeMap<usize, i32>,
}

impl Writer<'_> {
    /// Sends a burst and waits for its answers; false if this producer should not go on.
    async fn burst(&mut self, requests: u64, schedule: &mut Schedule) -> Result<bool, ClientError> {
        let mut waiting: Vec<(RecordId, InFlight<ProduceRequest>)> = Vec::new();
        let mut failed = None;
        for _ in 0..requests {
            let (id, request) = self.next_request(&mut *schedule.rng);
            match self.broker.begin(&request, Expects::Answer).await {
                Ok(in_flight) => waiting.push((id, in_flight)),
                Err(error) => {
                    self.load.history.fate(id, Fate::Unknown);
                    failed = Some(error);
                    break;
                }
            }
        }
        let mut good = true;
        for (id, in_flight) in waiting {
            let fate = match in_flight.wait().await {
                Ok(answer) => {
                    self.load.answered(1);
                    let told = answer.iter().flat_map(|answer| &answer.responses);
                    match told.flat_map(|topic| &topic.partition_responses).next() {
                        Some(told) if told.error_code == 0 => {
                            Fate::Acknowledged(Some(Offset(told.base_offset)))
                        }
                        Some(_) | None => Fate::Unknown,
                    }
                }
                Err(error) => {
                    failed = Some(error);
                    Fate::Unknown
                }
            };
            good &= fate != Fate::Unknown;
            self.load.history.fate(id, fate);
        }
        match failed {
            Some(error) => Err(error),
            None => Ok(good),
        }
    }

    fn next_request(&mut self, rng: &mut dyn RngStream) -> (RecordId, ProduceRequest) {
        let load = self.load;
        self.number += 1;
        let id = RecordId { producer: load.number, session: self.session, number: self.number };
        let index = usize::try_from(rng.below(load.partitions.len() as u64)).unwrap_or(0);
        let at = &load.partitions[index];
        load.history.sending(id, at, self.mode);
        let value = id.value(usize::try_from(rng.below(load.value_bytes)).unwrap_or(0));
        let mut producer = self.stamp;
        if self.mode == Mode::Idempotent {
            let sequence = self.sequences.entry(index).or_default();
            producer.base_sequence = *sequence;
            *sequence += 1;
        }
        let options =
            BatchOptions { codec: Codec::None, producer, kind: BatchKind::Data, bytes_max: 64 << 10 };
        let mut batch = BatchBuilder::new(options);
        let timestamp = ordain::types::Timestamp(crate::clock::WALL_START_MS);
        let record = NewRecord { timestamp, key: None, value: Some(&value), headers: &[] };
        batch.append(record).expect("a small record fits");
        let records: Records = batch.build().into_batch().segments().to_vec().into();
        let partition =
            PartitionProduceData { index: at.partition.0, records: Some(records), ..Default::default() };
        let request = ProduceRequest {
            acks: -1,
            timeout_ms: 4000,
            topic_data: vec![TopicProduceData {
                name: Text::from_static(TOPIC),
                partition_data: vec![partition],
                ..TopicProduceData::default()
            }],
            ..ProduceRequest::default()
        };
        (id, request)
    }
}

/// When a client begins its next burst.
struct Schedule {
    io: Io,
    rng: Box<dyn RngStream>,
    pace: Pace,
    due: ordain::types::Instant,
}

impl Schedule {
    fn new(io: &Io, pace: Pace) -> Schedule {
        Schedule { io: io.clone(), rng: io.rng.stream("workload"), pace, due: io.clock.now() }
    }

    /// Waits for the next burst's intended time; how many requests it has.
    async fn next(&mut self) -> u64 {
        let nanos = u64::try_from(self.pace.every.as_nanos()).unwrap_or(u64::MAX);
        let gap = Duration::from_nanos(self.rng.below(2 * nanos));
        let now = self.io.clock.now();
        self.due = self.due.after(gap);
        if now.since(self.due) > BEHIND_MAX {
            self.due = ordain::types::Instant(now.0 - u64::try_from(BEHIND_MAX.as_nanos()).unwrap_or(0));
        }
        if self.due > now {
            self.io.clock.sleep_until(self.due).await;
        }
        1 + self.rng.below(2 * self.pace.burst - 1)
    }
}
