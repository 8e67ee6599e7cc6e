use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ordain::client::producer::Acks;
use ordain::types::{ProducerEpoch, ProducerId};
use ordain::wire::batch::{HEADER_BYTES, NO_SEQUENCE, sequence_plus};

use super::super::template::Template;
use super::super::workers::Progress;
use super::connection::Connection;
use super::frames::ProduceFrames;
use super::outcome::Outcome;
use super::poller::Poller;
use super::route::Route;
use crate::failure::Failure;

/// What producing connections do.
#[derive(Clone)]
pub struct ProduceSpec {
    pub topic: String,
    pub acks: Acks,
    pub template: Template,
    /// The last batch, if its records do not fill one.
    pub rest: Option<Template>,
    pub pace: Pace,
    pub connections: usize,
    /// Of each connection; none for batches without producer ids.
    pub producers: Vec<(ProducerId, ProducerEpoch)>,
    /// Who leads which partitions; connections are spread over them.
    pub routes: Vec<Route>,
}

#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// The next request goes out when an answer has made room for it.
    Closed { in_flight: usize, records_max: Option<u64> },
    /// Requests go out when they are due, whatever the answers do.
    Open { rate: f64, count: u64, warm_up: u64, marked: bool },
}

/// One producing connection.
pub struct Producing {
    connection: Connection,
    frames: ProduceFrames,
    rest_frames: Option<ProduceFrames>,
    plain_header: [u8; HEADER_BYTES],
    producer: Option<(ProducerId, ProducerEpoch)>,
    /// The partitions in turn, each with the sequence that comes next.
    partitions: Vec<(i32, i32)>,
    turn: usize,
    next_correlation: i32,
    pending: VecDeque<Pending>,
}

struct Pending {
    correlation: i32,
    partition: i32,
    records: u64,
    bytes: u64,
    /// When it was sent, or was due.
    since: Instant,
    measured: bool,
}

/// One request that is due.
pub struct Due {
    pub at: Instant,
    pub measured: bool,
    /// What the record carries to a consumer.
    pub mark: Option<u64>,
}

impl Producing {
    /// The connection with this number among all.
    pub fn open(
        spec: &ProduceSpec,
        number: usize,
        poller: &Poller,
        token: usize,
    ) -> Result<Producing, Failure> {
        let route = &spec.routes[number % spec.routes.len()];
        let connection = Connection::open(route, poller, token).map_err(|error| {
            Failure::Message(format!("cannot connect to {} (connection {number}): {error}", route.address))
        })?;
        let frames = |template| ProduceFrames::new(route.version, &spec.topic, spec.acks, template);
        Ok(Producing {
            connection,
            frames: frames(&spec.template)?,
            rest_frames: spec.rest.as_ref().map(frames).transpose()?,
            plain_header: spec.template.header(ProducerId::NONE, ProducerEpoch::NONE, NO_SEQUENCE),
            producer: spec.producers.get(number).copied(),
            partitions: route.partitions.iter().map(|partition| (*partition, 0)).collect(),
            // Connections do not all begin with the same partition.
            turn: number / spec.routes.len(),
            next_correlation: 0,
            pending: VecDeque::new(),
        })
    }

    pub fn in_flight(&self) -> usize {
        self.pending.len()
    }

    /// Sends as many requests as the window has room for.
    pub fn fill(&mut self, spec: &ProduceSpec, window: usize, records_max: Option<u64>, shared: &Progress) {
        let records = u64::try_from(spec.template.records()).unwrap_or(0);
        while self.pending.len() < window && !shared.must_stop() {
            let batch = match (shared.take_up_to(records, records_max), &spec.rest) {
                (0, _) => return,
                (taken, Some(rest)) if taken < records => rest,
                (_, _) => &spec.template,
            };
            self.push(batch, &Due { at: Instant::now(), measured: true, mark: None });
        }
    }

    /// Puts one request in line, with the batch of the measurement or the rest of its records.
    pub fn push(&mut self, template: &Template, due: &Due) {
        let (records, whole) = (template.records(), self.frames.batch_records());
        let (frames, plain_header) = match &mut self.rest_frames {
            Some(rest) if records != whole => {
                (rest, template.header(ProducerId::NONE, ProducerEpoch::NONE, NO_SEQUENCE))
            }
            Some(_) | None => (&mut self.frames, self.plain_header),
        };
        let at = self.turn % self.partitions.len();
        self.turn = at + 1;
        let (partition, sequence) = &mut self.partitions[at];
        let correlation = self.next_correlation;
        self.next_correlation = correlation.checked_add(1).unwrap_or(0);
        frames.patch(correlation, *partition);
        let marked = due.mark.and_then(|mark| template.marked(mark));
        let (header, payload) = match (marked, self.producer) {
            (Some((header, payload)), _) => (header, payload),
            (None, None) => (plain_header, template.payload().clone()),
            (None, Some((id, epoch))) => {
                let header = template.header(id, epoch, *sequence);
                *sequence = sequence_plus(*sequence, records);
                (header, template.payload().clone())
            }
        };
        self.connection.push(&[frames.head(), &header], &payload, frames.tail());
        self.pending.push_back(Pending {
            correlation,
            partition: *partition,
            records: u64::try_from(records).unwrap_or(0),
            bytes: template.bytes() as u64,
            since: due.at,
            measured: due.measured,
        });
    }

    pub fn flush(&mut self) -> Result<(), String> {
        self.connection.flush()
    }

    /// Takes in what has been answered.
    pub fn receive(&mut self, outcome: &mut Outcome) -> Result<(), String> {
        let Producing { connection, frames, pending, .. } = self;
        connection.receive(|answer: Bytes| {
            let Some(due) = pending.pop_front() else {
                return Err("the broker answered what was not asked".to_owned());
            };
            frames.check(&answer, due.correlation, due.partition)?;
            if due.measured {
                let now = Instant::now();
                outcome.requests += 1;
                outcome.records += due.records;
                outcome.bytes += due.bytes;
                outcome.latencies.record(now.duration_since(due.since));
                outcome.last = Some(now);
            }
            Ok(())
        })
    }

    /// An error if the oldest request has waited longer than this.
    pub fn check_age(&self, now: Instant, within: Duration) -> Result<(), String> {
        match self.pending.front().filter(|oldest| now.saturating_duration_since(oldest.since) > within) {
            None => Ok(()),
            Some(oldest) => {
                let waiting = self.pending.len();
                Err(format!(
                    "partition {} did not answer within {within:?}; {waiting} requests wait; give a longer --timeout",
                    oldest.partition
                ))
            }
        }
    }
}
