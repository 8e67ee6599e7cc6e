use std::collections::BTreeMap;
use std::time::Instant;

use bytes::{Buf, Bytes};
use ordain::types::{CorrelationId, ErrorCode};
use ordain::wire::Text;
use ordain::wire::batch::{HEADER_BYTES, LENGTH_PREFIX_BYTES, UNCOVERED_BYTES, crc32c};
use ordain::wire::frame::{decode_response, encode_request};
use ordain::wire::messages::FetchRequest;
use ordain::wire::messages::fetch_request::{FetchPartition, FetchTopic};
use ordain::wire::messages::fetch_response::PartitionData;

use super::connection::Connection;
use super::poller::Poller;
use super::route::Route;
use crate::failure::Failure;

/// How long the broker may wait for something to give.
const WAIT_MS_MAX: i32 = 500;
/// Where a batch's header holds the last record's place and the number of records.
const LAST_OFFSET_DELTA_AT: usize = 23;
const RECORD_COUNT_AT: usize = 57;

/// What fetching connections do.
#[derive(Clone)]
pub struct FetchSpec {
    pub topic: String,
    pub connections: usize,
    /// How many of the connections read each partition.
    pub readers: usize,
    pub routes: Vec<Route>,
    /// Where each partition is read from.
    pub start: BTreeMap<i32, i64>,
    pub bytes_max: i32,
    pub partition_bytes_max: i32,
    /// Checks each batch's CRC.
    pub check: bool,
    pub ends: Ends,
    pub records_max: Option<u64>,
}

/// What happens at a partition's end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ends {
    /// The connection ends when it has all of its partitions to their ends.
    Stop,
    /// It waits for what comes.
    Wait,
    /// It reads the partition again.
    Repeat,
}

/// One fetching connection: one request at a time, for all of its partitions.
pub struct Fetching {
    connection: Connection,
    version: i16,
    next_correlation: i32,
    positions: BTreeMap<i32, Position>,
    sent: Option<Instant>,
}

struct Position {
    start: i64,
    next: i64,
    high_watermark: Option<i64>,
}

impl Fetching {
    /// The connection with this number among all; `None` if there is no partition left for it.
    pub fn open(
        spec: &FetchSpec,
        number: usize,
        poller: &Poller,
        token: usize,
    ) -> Result<Option<Fetching>, Failure> {
        let route = &spec.routes[number % spec.routes.len()];
        let shares = (spec.connections.div_ceil(spec.routes.len()) / spec.readers.max(1)).max(1);
        let turn = number / spec.routes.len() % shares;
        let mine = route.partitions.iter().enumerate().filter(|(i, _)| i % shares == turn);
        let positions: BTreeMap<_, _> = mine
            .filter_map(|(_, partition)| {
                let start = *spec.start.get(partition)?;
                Some((*partition, Position { start, next: start, high_watermark: None }))
            })
            .collect();
        if positions.is_empty() {
            return Ok(None);
        }
        let connection = Connection::open(route, poller, token).map_err(|error| {
            Failure::Message(format!("cannot connect to {} (connection {number}): {error}", route.address))
        })?;
        Ok(Some(Fetching { connection, version: route.version, next_correlation: 0, positions, sent: None }))
    }

    pub fn is_done(&self, spec: &FetchSpec) -> bool {
        let at_end = |p: &Position| p.high_watermark.is_some_and(|end| p.next >= end);
        spec.ends == Ends::Stop && self.sent.is_none() && self.positions.values().all(at_end)
    }

    /// Asks, unless it has asked already or is done.
    pub fn ask(&mut self, spec: &FetchSpec) -> Result<(), String> {
        if self.sent.is_some() || self.is_done(spec) {
            return Ok(());
        }
        let partition = |(partition, position): (&i32, &Position)| FetchPartition {
            partition: *partition,
            current_leader_epoch: -1,
            fetch_offset: position.next,
            last_fetched_epoch: -1,
            log_start_offset: -1,
            partition_max_bytes: spec.partition_bytes_max,
            ..FetchPartition::default()
        };
        let request = FetchRequest {
            max_wait_ms: WAIT_MS_MAX,
            min_bytes: 1,
            max_bytes: spec.bytes_max,
            topics: vec![FetchTopic {
                topic: Text::from(spec.topic.as_str()),
                partitions: self.positions.iter().map(partition).collect(),
                ..FetchTopic::default()
            }],
            ..FetchRequest::default()
        };
        let correlation = self.next_correlation;
        self.next_correlation = correlation.checked_add(1).unwrap_or(0);
        let client_id = Text::from_static("ordain-perf");
        let frame = encode_request(self.version, CorrelationId(correlation), Some(&client_id), &request)
            .map_err(|error| format!("cannot encode a Fetch request: {error}"))?;
        frame.iter().for_each(|segment| self.connection.push(&[segment], &Bytes::new(), &[]));
        self.sent = Some(Instant::now());
        self.flush()
    }

    pub fn flush(&mut self) -> Result<(), String> {
        self.connection.flush()
    }

    /// Takes in what has come.
    pub fn receive(&mut self, spec: &FetchSpec, taker: &mut impl Taker) -> Result<(), String> {
        let Fetching { connection, version, positions, sent, next_correlation } = self;
        connection.receive(|answer: Bytes| {
            let (correlation, answer) = decode_response::<FetchRequest>(*version, answer)
                .map_err(|error| format!("the answer to a Fetch request cannot be read: {error}"))?;
            let Some(since) = sent.take().filter(|_| correlation.0 == *next_correlation - 1) else {
                return Err(format!("the broker answered request {correlation}, which does not wait"));
            };
            if answer.error_code != 0 {
                return Err(format!("the fetch failed: {}", told(answer.error_code)));
            }
            let mut records = 0;
            for data in answer.responses.into_iter().flat_map(|topic| topic.partitions) {
                let Some(position) = positions.get_mut(&data.partition_index) else {
                    return Err(format!("partition {} was not asked for", data.partition_index));
                };
                records += position.take(spec, data, taker)?;
            }
            if records > 0 {
                taker.answered(since, records);
            }
            Ok(())
        })
    }
}

/// A code's name, and what is to be done where that is known.
fn told(code: i16) -> String {
    match ErrorCode::from_code(code) {
        None => format!("error {code}, unknown to this program"),
        Some(ErrorCode::KafkaStorageError) => format!(
            "{}: its leader cannot read it (the broker's log names the file)",
            ErrorCode::KafkaStorageError.name()
        ),
        Some(known) => known.name().to_owned(),
    }
}

/// What is made of what was fetched.
pub trait Taker {
    fn batch(&mut self, batch: &Bytes, records: u64);
    /// An answer with so many records, to a request that was sent then.
    fn answered(&mut self, sent: Instant, records: u64);
}

impl Position {
    fn take(&mut self, spec: &FetchSpec, data: PartitionData, taker: &mut impl Taker) -> Result<u64, String> {
        if data.error_code != 0 {
            return Err(format!(
                "{}-{} at offset {}: {}",
                spec.topic,
                data.partition_index,
                self.next,
                told(data.error_code)
            ));
        }
        self.high_watermark = Some(data.high_watermark);
        let mut bytes = data.records.map(ordain::wire::Records::into_bytes).unwrap_or_default();
        let mut records = 0;
        while let Some(batch) = whole_batch(&mut bytes) {
            let number = |at: usize| i32::from_be_bytes(batch[at..at + 4].try_into().expect("four bytes"));
            let base = i64::from_be_bytes(batch[..8].try_into().expect("eight bytes"));
            if spec.check && number(UNCOVERED_BYTES - 4).cast_unsigned() != crc32c(&batch[UNCOVERED_BYTES..])
            {
                let at = format!("{}-{}", spec.topic, data.partition_index);
                return Err(format!("{at}: the CRC of the batch at offset {base} does not hold"));
            }
            let count = u64::try_from(number(RECORD_COUNT_AT)).unwrap_or(0);
            records += count;
            taker.batch(&batch, count);
            self.next = base + i64::from(number(LAST_OFFSET_DELTA_AT)) + 1;
        }
        if spec.ends == Ends::Repeat && self.high_watermark.is_some_and(|end| self.next >= end) {
            self.next = self.start;
        }
        Ok(records)
    }
}

/// The next whole batch; what is cut off at the end is asked for again.
fn whole_batch(bytes: &mut Bytes) -> Option<Bytes> {
    let length = bytes.get(8..LENGTH_PREFIX_BYTES)?;
    let length = i32::from_be_bytes(length.try_into().ok()?);
    let length = usize::try_from(length).ok()?.checked_add(LENGTH_PREFIX_BYTES)?;
    if length < HEADER_BYTES || length > bytes.len() {
        bytes.clear();
        return None;
    }
    let batch = bytes.slice(..length);
    bytes.advance(length);
    Some(batch)
}

#[cfg(test)]
mod tests {
    use super::super::super::template::Template;
    use super::*;
    use ordain::types::{ProducerEpoch, ProducerId, Timestamp};

    #[test]
    fn batches_are_taken_one_by_one_and_a_cut_one_is_left() {
        let template = Template::single(50, Timestamp(1));
        let batch = template.stamped(ProducerId::NONE, ProducerEpoch::NONE, -1).into_bytes();
        let mut bytes = Bytes::from([&batch[..], &batch[..], &batch[..70]].concat());
        assert_eq!(whole_batch(&mut bytes).as_ref(), Some(&batch));
        assert_eq!(whole_batch(&mut bytes).as_ref(), Some(&batch));
        assert_eq!(whole_batch(&mut bytes), None);
        assert_eq!(
            whole_batch(&mut Bytes::from_static(&[0; 100])),
            None,
            "no batch is shorter than its header"
        );
    }
}
