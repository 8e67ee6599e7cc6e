//! The clients of a steady load: each keeps a schedule of its own, whatever the answers take (what was missed
//! is caught up, within bounds), and pipelines the requests of a burst over one connection.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ordain::client::admin::OffsetSpec;
use ordain::client::{AutoCreate, Broker, Client, ClientError, Expects, InFlight, TopicPartition};
use ordain::io::{Io, RngStream};
use ordain::types::{Instant, Offset, ProducerEpoch, ProducerId, Timestamp};
use ordain::wire::batch::{
    BatchBuilder, BatchCheck, BatchIterator, BatchKind, BatchOptions, NewRecord, ProducerStamp,
    ValidatedBatch,
};
use ordain::wire::compression::Codec;
use ordain::wire::messages::fetch_request::{FetchPartition, FetchTopic};
use ordain::wire::messages::fetch_response::PartitionData;
use ordain::wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use ordain::wire::messages::{FetchRequest, InitProducerIdRequest, ProduceRequest};
use ordain::wire::{Records, Text};

use super::{Ending, FETCH_NAMES_UNTIL, FETCH_TIMEOUT, Servers};
use crate::scenarios::broker::history::{Committer, Content, Fate, History, Mode, Read, Reader, RecordId};
use crate::scenarios::broker::load::{LoadWork, Role};
use crate::scenarios::broker::plan::{GROUP, TOPIC};

/// One client of the load.
#[derive(Clone)]
pub(in crate::scenarios) struct LoadClient {
    pub(super) work: LoadWork,
    /// Under which it tells that it gets on.
    name: Arc<str>,
    pub(super) partitions: Arc<[TopicPartition]>,
    pub(super) history: History,
    pub(super) ending: Ending,
}

/// How far behind its schedule a client may fall, and still catch up.
const BEHIND_MAX: Duration = Duration::from_secs(10);
/// How long a client waits after something failed.
const BACKOFF: Duration = Duration::from_millis(100);
/// What a fetch brings at most from one partition, in bytes.
const FETCH_BYTES_MAX: i32 = 16 << 10;
/// What the records of a batch may take, in bytes.
const RECORDS_BYTES_MAX: usize = 1 << 20;
/// The last version of Produce that names topics; those after it give their ids.
const PRODUCE_NAMES_UNTIL: i16 = 12;
/// How long a fetch waits for something to come, in milliseconds.
const FETCH_WAIT_MS: i32 = 5;

impl LoadClient {
    pub(in crate::scenarios) fn new(
        work: LoadWork,
        partitions: Vec<TopicPartition>,
        history: History,
        ending: Ending,
    ) -> LoadClient {
        LoadClient { name: work.name().into(), work, partitions: partitions.into(), history, ending }
    }

    /// Over connections, from a machine of its own.
    pub(in crate::scenarios) async fn run_outside(self, io: Io) {
        let mut schedule = Schedule::new(&io, &self.work);
        let name = Arc::clone(&self.name);
        let mut session = 0;
        let mut positions = None;
        while !self.ending.has_begun() {
            session += 1;
            let client = Servers::one().client(&io, &name, Duration::ZERO);
            let result = match self.work.role {
                Role::Writer => self.write(&client, session, &mut schedule).await,
                Role::Reader => self.read(&client, session, &mut positions, &mut schedule).await,
                Role::Asker => self.ask(&client, &mut schedule).await,
            };
            if let Err(error) = result {
                self.history.note(format_args!("{name}: {error}"));
            }
            io.clock.sleep(BACKOFF).await;
        }
    }

    /// A request was answered.
    pub(super) fn answered(&self) {
        self.history.count_request();
        self.ending.count_operation();
    }

    /// Something was done.
    pub(super) fn got_on(&self) {
        self.history.progress(&self.name);
    }

    /// Sends bursts of batches until something fails. Every other writer is idempotent.
    async fn write(&self, client: &Client, session: u32, schedule: &mut Schedule) -> Result<(), ClientError> {
        let broker = client.any_broker().await?;
        let mut stamp = ProducerStamp::NONE;
        if self.work.is_idempotent() {
            let request = InitProducerIdRequest {
                transactional_id: None,
                transaction_timeout_ms: i32::MAX,
                producer_id: -1,
                producer_epoch: -1,
                ..InitProducerIdRequest::default()
            };
            let answer = broker.call(&request).await?;
            stamp.id = ProducerId(answer.producer_id);
            stamp.epoch = ProducerEpoch(answer.producer_epoch);
            self.answered();
            if answer.error_code != 0 {
                return Ok(());
            }
        }
        let mut writer = Writer { broker, records: RecordSource::new(self, session, stamp) };
        while !self.ending.has_begun() {
            let requests = schedule.next().await;
            if !writer.burst(self, requests, schedule).await? {
                return Ok(());
            }
            self.got_on();
        }
        Ok(())
    }

    /// Fetches until something fails, from where it stands on; from the beginning if it stands nowhere.
    async fn read(
        &self,
        client: &Client,
        session: u32,
        stand: &mut Option<Vec<Offset>>,
        schedule: &mut Schedule,
    ) -> Result<(), ClientError> {
        let broker = client.any_broker().await?;
        if stand.is_none() {
            let starts = client.list_offsets_at(&self.partitions, OffsetSpec::Earliest).await?;
            self.answered();
            *stand = Some(self.partitions.iter().map(|at| starts[at].offset).collect());
        }
        let positions = stand.get_or_insert_default();
        let version = broker.version_up_to::<FetchRequest>(FETCH_NAMES_UNTIL)?;
        let who = Reader { reader: self.work.number, session };
        while !self.ending.has_begun() {
            schedule.next().await;
            let request = self.fetch_request(positions);
            let answer = broker.call_within(version, &request, FETCH_TIMEOUT).await?;
            self.answered();
            let told = answer.responses.into_iter().flat_map(|topic| topic.partitions);
            for data in told {
                let Some(index) =
                    self.partitions.iter().position(|at| at.partition.0 == data.partition_index)
                else {
                    continue;
                };
                if data.error_code != 0 {
                    // Wherever it stood: what is there is read from the beginning.
                    *stand = None;
                    return Ok(());
                }
                positions[index] = self.fetched(who, &self.partitions[index], positions[index], data);
            }
            self.got_on();
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
        let seen = Seen {
            high_watermark: Offset(data.high_watermark),
            log_start: Offset(data.log_start_offset),
            bytes: data.records.unwrap_or_default().into_bytes(),
        };
        self.saw(who, at, from, seen)
    }

    /// Writes what was read into the history; where it goes on.
    pub(super) fn saw(&self, who: Reader, at: &TopicPartition, from: Offset, seen: Seen) -> Offset {
        let mut next = from;
        let (mut records, mut times, mut first_batch) = (Vec::new(), Vec::new(), None);
        let bytes = seen.bytes.len() as u64;
        for batch in BatchIterator::new(seen.bytes, BatchCheck::Verify) {
            let found = batch.and_then(|batch| {
                next = next.max(batch.header().next_offset());
                let header = *batch.header();
                first_batch.get_or_insert((header.base_offset, header.last_offset()));
                for record in batch.records(RECORDS_BYTES_MAX)? {
                    let record = record?;
                    let offset = header.record_offset(record.offset_delta);
                    if offset >= from {
                        times.push(header.record_timestamp(record.timestamp_delta).0);
                        records.push((offset, record.value.and_then(|value| RecordId::of(&value))));
                    }
                }
                Ok(())
            });
            if let Err(error) = found {
                self.history.wrong("I14-unreadable", format!("what was read of {at} is broken: {error}"));
                return next;
            }
        }
        if next > from {
            self.history.read(Read {
                reader: who,
                time: self.history.now(),
                at: at.clone(),
                from,
                next,
                high_watermark: seen.high_watermark,
                log_start: seen.log_start,
                // Of each session's fetches the later is held against the earlier.
                led: None,
                records,
                // Of one broker that is alone: it has none.
                controls: Vec::new(),
                times,
                // Not looked at: how long a load takes is measured.
                carried: Vec::new(),
                first_batch,
                batches: Vec::new(),
                bytes,
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
            self.answered();
            self.got_on();
        }
        Ok(())
    }

    /// Commits where the partitions end: offsets that only grow.
    async fn commit(&self, client: &Client) -> Result<(), ClientError> {
        let ends = client.list_offsets_at(&self.partitions, OffsetSpec::Latest).await?;
        self.answered();
        let offsets: BTreeMap<_, _> = ends.iter().map(|(at, listed)| (at.clone(), listed.offset)).collect();
        let places = self.history.committing(&self.name, Committer::Administrator, &offsets);
        let result = client.set_group_offsets(GROUP, &offsets).await;
        self.history.committed_as(places, super::member::commit_fate(result.as_ref().err()));
        result
    }
}

/// What was read of a partition.
pub(super) struct Seen {
    pub(super) high_watermark: Offset,
    pub(super) log_start: Offset,
    pub(super) bytes: Bytes,
}

/// A producer over a connection.
struct Writer<'a> {
    broker: Arc<Broker>,
    records: RecordSource<'a>,
}

impl Writer<'_> {
    async fn begin(&self, request: &ProduceRequest) -> Result<InFlight<ProduceRequest>, ClientError> {
        let version = self.broker.version_up_to::<ProduceRequest>(PRODUCE_NAMES_UNTIL)?;
        self.broker.begin(version, request, Expects::Answer).await
    }

    /// Sends a burst and waits for its answers; false if this producer should not go on.
    async fn burst(
        &mut self,
        load: &LoadClient,
        requests: u64,
        schedule: &mut Schedule,
    ) -> Result<bool, ClientError> {
        let mut waiting: Vec<(RecordId, InFlight<ProduceRequest>)> = Vec::new();
        let mut failed = None;
        for _ in 0..requests {
            let (id, at, batch) = self.records.next(&mut *schedule.rng);
            match self.begin(&produce_request(&at, batch)).await {
                Ok(in_flight) => waiting.push((id, in_flight)),
                Err(error) => {
                    load.history.fate(id, Fate::Unknown);
                    failed = Some(error);
                    break;
                }
            }
        }
        let mut good = true;
        for (id, in_flight) in waiting {
            let fate = match in_flight.wait().await {
                Ok(answer) => {
                    load.answered();
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
            load.history.fate(id, fate);
        }
        match failed {
            Some(error) => Err(error),
            None => Ok(good),
        }
    }
}

fn produce_request(at: &TopicPartition, batch: ValidatedBatch) -> ProduceRequest {
    let records: Records = batch.into_batch().segments().to_vec().into();
    let partition =
        PartitionProduceData { index: at.partition.0, records: Some(records), ..Default::default() };
    ProduceRequest {
        acks: -1,
        timeout_ms: 4000,
        topic_data: vec![TopicProduceData {
            name: Text::from_static(TOPIC),
            partition_data: vec![partition],
            ..TopicProduceData::default()
        }],
        ..ProduceRequest::default()
    }
}

/// The records of one producer's life, each a batch of its own.
pub(super) struct RecordSource<'a> {
    load: &'a LoadClient,
    stamp: ProducerStamp,
    session: u32,
    number: u32,
    /// The next sequence by place of the partition.
    sequences: Vec<i32>,
}

impl<'a> RecordSource<'a> {
    /// With a producer id in the stamp, the records carry sequences.
    pub(super) fn new(load: &'a LoadClient, session: u32, stamp: ProducerStamp) -> RecordSource<'a> {
        RecordSource { load, stamp, session, number: 0, sequences: vec![0; load.partitions.len()] }
    }

    /// The next record, on its way to some partition.
    pub(super) fn next(&mut self, rng: &mut dyn RngStream) -> (RecordId, TopicPartition, ValidatedBatch) {
        let load = self.load;
        self.number += 1;
        let id = RecordId { producer: load.work.number, session: self.session, number: self.number };
        let index = usize::try_from(rng.below(load.partitions.len() as u64)).unwrap_or(0);
        let at = load.partitions[index].clone();
        let mut producer = self.stamp;
        let mut mode = Mode::Plain;
        if producer.id != ProducerId::NONE {
            mode = Mode::Idempotent;
            producer.base_sequence = self.sequences[index];
            self.sequences[index] += 1;
        }
        load.history.sending(id, &at, mode, (None, Content::Value));
        let value = id.value(usize::try_from(rng.below(load.work.value_bytes)).unwrap_or(0));
        let options =
            BatchOptions { codec: Codec::None, producer, kind: BatchKind::Data, bytes_max: 64 << 10 };
        let mut batch = BatchBuilder::new(options);
        let timestamp = Timestamp(crate::clock::WALL_START_MS);
        let record = NewRecord { timestamp, key: None, value: Some(&value), headers: &[] };
        batch.append(record).expect("a small record fits");
        (id, at, batch.build())
    }
}

/// When a client begins its next burst.
pub(super) struct Schedule {
    io: Io,
    pub(super) rng: Box<dyn RngStream>,
    every: Duration,
    burst: u64,
    due: Instant,
}

impl Schedule {
    pub(super) fn new(io: &Io, work: &LoadWork) -> Schedule {
        let rng = io.rng.stream("workload");
        Schedule { io: io.clone(), rng, every: work.every, burst: work.burst, due: io.clock.now() }
    }

    /// Waits for the next burst's intended time; how many requests it has.
    pub(super) async fn next(&mut self) -> u64 {
        let nanos = u64::try_from(self.every.as_nanos()).unwrap_or(u64::MAX);
        let gap = Duration::from_nanos(self.rng.below(2 * nanos));
        let now = self.io.clock.now();
        self.due = self.due.after(gap);
        if now.since(self.due) > BEHIND_MAX {
            self.due = Instant(now.0 - u64::try_from(BEHIND_MAX.as_nanos()).unwrap_or(0));
        }
        if self.due > now {
            self.io.clock.sleep_until(self.due).await;
        }
        1 + self.rng.below(2 * self.burst - 1)
    }
}
