//! Clients beside the nodes: what they ask reaches a node at once, or not at all.
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ordain::io::{Io, timeout};
use ordain::partition::{
    AppendError, AppendRequest, AppendTerms, Appended, EpochCheck, Partitions, ReadData, ReadFrom,
    ReadRequest,
};
use ordain::types::{LeaderEpoch, NodeId, Offset, PartitionId, ProducerEpoch, ProducerId, Timestamp};
use ordain::wire::batch::{
    BatchBuilder, BatchCheck, BatchError, BatchIterator, BatchOptions, NewRecord, ProducerStamp,
    ValidatedBatch,
};

use super::plan::{Work, partition};
use super::world::World;
use crate::scenarios::Violation;

/// What takes longer is asked again.
const PATIENCE: Duration = Duration::from_secs(3);
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(50);

/// What a producer appends.
struct Batches {
    /// Of each.
    records: u64,
    value_bytes: usize,
    pause: Duration,
}

struct Seat {
    io: Io,
    world: Arc<World>,
    name: String,
    /// How much it shall do, if not all the time.
    budget: Option<u64>,
}

pub(super) async fn perform(io: Io, world: Arc<World>, name: String, work: Work, budget: Option<u64>) {
    let seat = Seat { io, world, name, budget };
    match work {
        Work::Produce { producer, partition: index, records, value_bytes, pause_us } => {
            let pause = Duration::from_micros(pause_us);
            let batches = Batches { records: records.max(1), value_bytes, pause };
            seat.produce(producer, partition(index), batches).await;
        }
        Work::Read { partition: index } => seat.read(partition(index)).await,
        Work::Delete { partition: index, pause_us } => {
            seat.delete(partition(index), Duration::from_micros(pause_us)).await;
        }
    }
    seat.world.done(&seat.name);
}

impl Seat {
    fn goes_on(&self, done: u64) -> bool {
        !self.world.stops() && self.budget.is_none_or(|budget| done < budget)
    }

    /// Within the client's patience.
    async fn soon<T>(&self, job: impl Future<Output = T>) -> Option<T> {
        timeout(&*self.io.clock, self.io.clock.now().after(PATIENCE), job).await.ok()
    }

    /// The partitions of the node that leads this one, as far as it can be told; of several the newest.
    async fn leader(&self, id: PartitionId) -> Option<(NodeId, Partitions)> {
        let mut best = None;
        for node in self.world.plan.node_ids() {
            let Some(partitions) = self.world.partitions_of(node) else { continue };
            let Some(Ok(stats)) = self.soon(partitions.stats(Some(vec![id]))).await else { continue };
            if let Some(one) = stats.first().filter(|one| one.leader)
                && best.as_ref().is_none_or(|(epoch, _)| *epoch < one.epoch)
            {
                best = Some((one.epoch, (node, partitions)));
            }
        }
        best.map(|(_, leader)| leader)
    }

    async fn produce(&self, producer: i64, id: PartitionId, batches: Batches) {
        let Batches { records, value_bytes, pause } = batches;
        let mut done = 0;
        while self.goes_on(done) {
            let first = done + 1;
            done += records;
            let values: Vec<Bytes> =
                (first..=done).map(|number| value_of(producer, number, value_bytes)).collect();
            loop {
                if let Some(Ok(appended)) = self.append(producer, first, id, &values).await {
                    for ((number, at), value) in (first..).zip(appended.base_offset.0..).zip(&values) {
                        self.world.acknowledged(id, producer, number, Offset(at), value);
                    }
                    self.world.got_on(&self.name);
                    break;
                }
                self.io.clock.sleep(PAUSE).await;
            }
            self.io.clock.sleep(pause).await;
        }
    }

    async fn append(
        &self,
        producer: i64,
        first: u64,
        id: PartitionId,
        values: &[Bytes],
    ) -> Option<Result<Appended, AppendError>> {
        let (_, partitions) = self.leader(id).await?;
        let append = AppendRequest { id, batch: batch(producer, first, values), replicas_min: 0 };
        self.soon(partitions.append_one(append, AppendTerms::COMMITTED)).await?.ok()
    }

    async fn read(&self, id: PartitionId) {
        let mut passes = 0;
        while self.goes_on(passes) {
            if self.pass(id).await.is_some() {
                self.world.got_on(&self.name);
                passes += 1;
            }
            self.io.clock.sleep(Duration::from_millis(300)).await;
        }
    }

    /// Reads what is committed, from the log's start on.
    async fn pass(&self, id: PartitionId) -> Option<()> {
        let (_, partitions) = self.leader(id).await?;
        let mut at = self.soon(partitions.stats(Some(vec![id]))).await?.ok()?.first()?.log_start;
        loop {
            let read = ReadRequest {
                id,
                offset: at,
                max_bytes: 64 << 10,
                epoch: EpochCheck(LeaderEpoch::NONE),
                last_fetched_epoch: LeaderEpoch::NONE,
                from: ReadFrom::Leader,
            };
            let result = self.soon(partitions.read(vec![read], 64 << 10, true, None)).await?.ok()?.pop()?;
            let pieces = match result.data.ok()? {
                ReadData::Memory(pieces) => pieces,
                ReadData::Stored { plan, .. } => self.soon(plan.run()).await?.ok()?,
            };
            let Fetched { records, next } = match records_of(pieces) {
                Ok(read) => read,
                Err(wrong) => {
                    self.world.found(wrong);
                    return None;
                }
            };
            self.world.read(id, &records);
            match next {
                Some(next) => at = next,
                None => return Some(()),
            }
        }
    }

    async fn delete(&self, id: PartitionId, pause: Duration) {
        let mut rng = self.io.rng.stream("deletions");
        let mut done = 0;
        while self.goes_on(done) {
            if self.delete_once(id, &mut *rng).await.is_some() {
                self.world.got_on(&self.name);
                done += 1;
            }
            self.io.clock.sleep(pause).await;
        }
    }

    async fn delete_once(&self, id: PartitionId, rng: &mut dyn ordain::io::RngStream) -> Option<()> {
        let (_, partitions) = self.leader(id).await?;
        let stats = self.soon(partitions.stats(Some(vec![id]))).await?.ok()?;
        let (start, end) = stats.first().map(|one| (one.log_start.0, one.high_watermark.0))?;
        let room = u64::try_from((end - start) / 2).unwrap_or(0) + 1;
        let to = Offset((start + i64::try_from(rng.below(room)).unwrap_or(0)).min(end));
        self.world.asks_to_delete(id, to);
        let start = self.soon(partitions.delete_records(vec![(id, Some(to))])).await?.ok()?.pop()?.ok()?;
        self.world.deleted(id, start);
        Some(())
    }
}

/// What a producer's record of this number holds.
pub(super) fn value_of(producer: i64, number: u64, bytes: usize) -> Bytes {
    let mut value = format!("{producer}/{number}/").into_bytes();
    value.resize(bytes.max(value.len()), b'.');
    value.into()
}

/// Producer and number of a value.
pub(super) fn origin_of(value: &[u8]) -> Option<(i64, u64)> {
    let text = std::str::from_utf8(value).ok()?;
    let mut parts = text.split('/');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// The records of a producer from this number on.
pub(super) fn batch(producer: i64, first: u64, values: &[Bytes]) -> ValidatedBatch {
    let sequence = i32::try_from(first - 1).expect("a run has few records");
    let stamp = ProducerStamp { id: ProducerId(producer), epoch: ProducerEpoch(0), base_sequence: sequence };
    let bytes_max: usize = values.iter().map(|value| value.len() + 1024).sum();
    let options = BatchOptions { producer: stamp, ..BatchOptions::plain(bytes_max) };
    let mut builder = BatchBuilder::new(options);
    for value in values {
        let timestamp = Timestamp(1_700_000_000_000);
        let record = NewRecord { timestamp, key: None, value: Some(value), headers: &[] };
        builder.append(record).expect("it fits");
    }
    builder.build()
}

/// What batches hold.
pub(super) struct Fetched {
    /// Without those of control batches.
    pub(super) records: Vec<(Offset, Bytes)>,
    /// Where the batches end, if there is one.
    pub(super) next: Option<Offset>,
}

/// Takes batches apart. What readers are given is whole, and can be read (I14).
pub(super) fn records_of(pieces: Vec<Bytes>) -> Result<Fetched, Violation> {
    let unreadable = |error: BatchError| Violation::new("I14-damage-served", error.to_string());
    let mut fetched = Fetched { records: Vec::new(), next: None };
    for batch in BatchIterator::new(pieces.concat().into(), BatchCheck::Verify) {
        let batch = batch.map_err(unreadable)?;
        fetched.next = Some(batch.header().next_offset());
        if batch.header().attributes.is_control() {
            continue;
        }
        let mut inside = batch.records(1 << 20).map_err(unreadable)?;
        while let Some(record) = inside.next() {
            let record = record.map_err(unreadable)?;
            let offset = inside.offset_of(&record);
            fetched.records.push((offset, record.value.unwrap_or_default()));
        }
    }
    Ok(fetched)
}
