//! Clients of the load inside of the broker's process: what they want goes to the partitions as typed requests,
//! below frames, connections and handlers. They end with the process, and begin again with its next run.
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use ordain::broker::Context;
use ordain::io::Io;
use ordain::partition::{
    AppendOutcome, AppendRequest, AppendTerms, EpochCheck, OffsetQuery, OffsetReply, ReadData, ReadFrom,
    ReadRequest,
};
use ordain::types::{LeaderEpoch, Offset, PartitionId, ProducerEpoch, ProducerId, TopicId};
use ordain::wire::batch::ProducerStamp;
use tokio::sync::Notify;

use super::load::{LoadClient, RecordSource, Schedule, Seen};
use crate::scenarios::broker::history::{Fate, Reader};
use crate::scenarios::broker::load::Role;
use crate::scenarios::broker::plan::TOPIC;
use crate::world::lock;

/// A client of the load as a guest of the process.
#[derive(Clone)]
pub(in crate::scenarios) struct Guest {
    load: LoadClient,
    /// How often it began: each time it is another producer or reader.
    sessions: Arc<AtomicU32>,
    /// Where it goes on to read, by partition; nothing before it has read.
    positions: Arc<Mutex<Vec<Offset>>>,
}

/// Producer ids that nobody was given by the broker.
const FIRST_PRODUCER_ID: i64 = 1 << 40;
/// How long a guest waits after something failed.
const BACKOFF: Duration = Duration::from_millis(50);
/// What a read brings at most, in bytes.
const READ_BYTES_MAX: usize = 16 << 10;

/// A burst of appends whose outcomes are not all there.
#[derive(Default)]
struct Burst {
    missing: AtomicUsize,
    failed: AtomicBool,
    over: Notify,
}

impl Guest {
    pub(in crate::scenarios) fn new(load: LoadClient) -> Guest {
        Guest { load, sessions: Arc::default(), positions: Arc::default() }
    }

    /// Until the load or the process ends.
    pub(in crate::scenarios) async fn stay(self, io: Io, context: Arc<Context>) {
        let topic = loop {
            if let Some(topic) = context.metadata().topic(TOPIC) {
                break topic.id;
            }
            io.clock.sleep(BACKOFF).await;
        };
        let mut schedule = Schedule::new(&io, &self.load.work);
        while !self.load.ending.has_begun() {
            let session = self.sessions.fetch_add(1, Ordering::Relaxed) + 1;
            match self.load.work.role {
                Role::Writer => self.write(&context, topic, session, &mut schedule).await,
                Role::Reader => self.read(&context, topic, session, &mut schedule).await,
                Role::Asker => self.ask(&context, topic, &mut schedule).await,
            }
            io.clock.sleep(BACKOFF).await;
        }
    }

    fn ids(&self, topic: TopicId) -> Vec<PartitionId> {
        self.load.partitions.iter().map(|at| PartitionId { topic, index: at.partition }).collect()
    }

    async fn write(&self, context: &Context, topic: TopicId, session: u32, schedule: &mut Schedule) {
        let mut stamp = ProducerStamp::NONE;
        if self.load.work.is_idempotent() {
            let number = i64::from(self.load.work.number) << 20 | i64::from(session);
            stamp.id = ProducerId(FIRST_PRODUCER_ID + number);
            stamp.epoch = ProducerEpoch(0);
        }
        let mut records = RecordSource::new(&self.load, session, stamp);
        while !self.load.ending.has_begun() {
            let requests = schedule.next().await;
            let burst = Arc::new(Burst::default());
            burst.missing.store(usize::try_from(requests).unwrap_or(1), Ordering::Relaxed);
            for _ in 0..requests {
                let (id, at, batch) = records.next(&mut *schedule.rng);
                let append =
                    AppendRequest { id: PartitionId { topic, index: at.partition }, batch, replicas_min: 0 };
                let (load, burst) = (self.load.clone(), Arc::clone(&burst));
                let done = Box::new(move |outcomes: Vec<AppendOutcome>| {
                    let fate = match outcomes.into_iter().next() {
                        Some(Ok(appended)) => Fate::Acknowledged(Some(appended.base_offset)),
                        Some(Err(_)) | None => {
                            burst.failed.store(true, Ordering::Relaxed);
                            Fate::Unknown
                        }
                    };
                    load.history.fate(id, fate);
                    load.answered();
                    if burst.missing.fetch_sub(1, Ordering::Relaxed) == 1 {
                        burst.over.notify_one();
                    }
                });
                let terms = AppendTerms::COMMITTED;
                if context.partitions.append(vec![append], terms, done).await.is_err() {
                    return;
                }
            }
            burst.over.notified().await;
            if burst.failed.load(Ordering::Relaxed) {
                return;
            }
            self.load.got_on();
        }
    }

    async fn read(&self, context: &Context, topic: TopicId, session: u32, schedule: &mut Schedule) {
        let ids = self.ids(topic);
        let who = Reader { reader: self.load.work.number, session };
        let mut positions = lock(&self.positions).clone();
        if positions.is_empty() {
            let Some(starts) = self.offsets(context, &ids, OffsetQuery::Earliest).await else { return };
            positions = starts;
        }
        while !self.load.ending.has_begun() {
            schedule.next().await;
            let wants = ids.iter().zip(&positions).map(|(id, offset)| ReadRequest {
                id: *id,
                offset: *offset,
                max_bytes: READ_BYTES_MAX,
                epoch: EpochCheck(LeaderEpoch::NONE),
                last_fetched_epoch: LeaderEpoch::NONE,
                from: ReadFrom::Leader,
            });
            let Ok(results) = context.partitions.read(wants.collect(), usize::MAX, true, None).await else {
                return;
            };
            self.load.answered();
            for (index, result) in results.into_iter().enumerate() {
                let pieces = match result.data {
                    Ok(ReadData::Memory(pieces)) => pieces,
                    Ok(ReadData::Stored { plan, .. }) => match plan.run().await {
                        Ok(pieces) => pieces,
                        Err(_) => return lock(&self.positions).clear(),
                    },
                    // Wherever it stood: what is there is read from the beginning.
                    Err(_) => return lock(&self.positions).clear(),
                };
                let bytes = joined(pieces);
                let seen = Seen { high_watermark: result.high_watermark, log_start: result.log_start, bytes };
                positions[index] = self.load.saw(who, &self.load.partitions[index], positions[index], seen);
            }
            lock(&self.positions).clone_from(&positions);
            self.load.got_on();
        }
    }

    async fn offsets(
        &self,
        context: &Context,
        ids: &[PartitionId],
        query: OffsetQuery,
    ) -> Option<Vec<Offset>> {
        let queries = ids.iter().map(|id| (*id, EpochCheck(LeaderEpoch::NONE), query)).collect();
        let replies = context.partitions.offsets(queries).await.ok()?;
        self.load.answered();
        replies
            .into_iter()
            .map(|reply| match reply {
                Ok(OffsetReply::At { offset, .. }) => Some(offset),
                Ok(OffsetReply::None | OffsetReply::FirstAtOrAfter(_) | OffsetReply::Newest(_)) | Err(_) => {
                    None
                }
            })
            .collect()
    }

    async fn ask(&self, context: &Context, topic: TopicId, schedule: &mut Schedule) {
        let ids = self.ids(topic);
        while !self.load.ending.has_begun() {
            schedule.next().await;
            if self.offsets(context, &ids, OffsetQuery::Latest).await.is_none() {
                return;
            }
            self.load.got_on();
        }
    }
}

/// What was read, in one piece, as it often came.
fn joined(pieces: Vec<Bytes>) -> Bytes {
    match <[Bytes; 1]>::try_from(pieces) {
        Ok([piece]) => piece,
        Err(pieces) => pieces.concat().into(),
    }
}
