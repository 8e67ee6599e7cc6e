use std::collections::BTreeSet;
use std::ops::Range;

use bytes::{Buf, Bytes};

use super::options::Isolation;
use crate::client::address::BrokerAddress;
use crate::client::error::ClientError;
use crate::client::metadata::TopicPartition;
use crate::types::{Instant, NodeId, Offset, ProducerId, Timestamp};
use crate::wire::batch::{BatchCheck, BatchError, BatchIterator, Record, RecordBatch, RecordHeader};
use crate::wire::messages::fetch_response::AbortedTransaction;

/// A record as it was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConsumedRecord {
    pub offset: Offset,
    pub timestamp: Timestamp,
    pub key: Option<Bytes>,
    pub value: Option<Bytes>,
    pub headers: Vec<RecordHeader>,
}

/// What one fetch brought from one partition: whole batches, checked, without control batches and without what
/// was aborted.
#[derive(Clone, Debug)]
pub struct Fetched {
    pub at: TopicPartition,
    /// The records begin here; the first batch may hold earlier ones.
    pub from: Offset,
    /// Where the next fetch goes on.
    pub next: Offset,
    /// Who has answered.
    pub node: NodeId,
    /// When it was asked, by this client's clock.
    pub asked: Instant,
    pub high_watermark: Offset,
    pub log_start: Offset,
    /// Whom the leader says to ask from now on.
    pub(super) nearby: Option<NodeId>,
    pub batches: Vec<RecordBatch>,
    /// The offsets of control batches among what came: no record stands there.
    pub controls: Vec<Range<Offset>>,
    /// All bytes that came, in bytes.
    pub bytes: usize,
    pub(super) address: BrokerAddress,
    pub(super) decompressed_bytes_max: usize,
}

impl Fetched {
    /// How many records the batches state, those before `from` included.
    #[must_use]
    pub fn record_count(&self) -> u64 {
        self.batches.iter().map(|batch| u64::try_from(batch.header().record_count).unwrap_or(0)).sum()
    }

    /// The records from `from` on, in order.
    ///
    /// # Errors
    /// [`ClientError::Batch`] for the first that cannot be read.
    pub fn records(&self) -> Result<Vec<ConsumedRecord>, ClientError> {
        let mut all = Vec::new();
        for batch in &self.batches {
            let records =
                batch.records(self.decompressed_bytes_max).map_err(|error| self.unreadable(error))?;
            let header = *batch.header();
            for record in records {
                let Record { timestamp_delta, offset_delta, key, value, headers } =
                    record.map_err(|error| self.unreadable(error))?;
                let offset = header.record_offset(offset_delta);
                if offset >= self.from {
                    let timestamp = header.record_timestamp(timestamp_delta);
                    all.push(ConsumedRecord { offset, timestamp, key, value, headers });
                }
            }
        }
        Ok(all)
    }

    fn unreadable(&self, source: BatchError) -> ClientError {
        unreadable(&self.address, &self.at, source)
    }
}

pub(super) fn unreadable(address: &BrokerAddress, at: &TopicPartition, source: BatchError) -> ClientError {
    ClientError::Batch { address: address.clone(), subject: at.to_string(), source }
}

/// What a consumer gets to see of `bytes`.
pub(super) struct Visible {
    pub(super) batches: Vec<RecordBatch>,
    /// After the last whole batch.
    pub(super) next: Offset,
    /// The offsets of control batches.
    pub(super) controls: Vec<Range<Offset>>,
}

/// The batches among `bytes` that a consumer gets to see, and where the others lie.
pub(super) fn visible_batches(
    bytes: Bytes,
    from: Offset,
    check: BatchCheck,
    isolation: Isolation,
    aborted: &[AbortedTransaction],
) -> Result<Visible, BatchError> {
    let mut visible = Visible { batches: Vec::new(), next: from, controls: Vec::new() };
    let mut aborted = Aborted::new(isolation, aborted);
    for batch in BatchIterator::new(bytes, check) {
        let batch = batch?;
        let header = *batch.header();
        visible.next = visible.next.max(header.next_offset());
        let hidden = aborted.hides(&batch)?;
        if header.last_offset() < from {
            continue;
        }
        if header.attributes.is_control() {
            visible.controls.push(header.base_offset..header.next_offset());
        } else if !hidden {
            visible.batches.push(batch);
        }
    }
    Ok(visible)
}

/// Which producers' batches are aborted, walking forward through a partition (KIP-98).
struct Aborted {
    /// Not begun yet, by first offset, the next one last.
    ahead: Vec<(Offset, ProducerId)>,
    open: BTreeSet<ProducerId>,
}

/// How far into a decompressed control record a consumer looks, in bytes.
const CONTROL_BYTES_MAX: usize = 64 << 10;

impl Aborted {
    fn new(isolation: Isolation, listed: &[AbortedTransaction]) -> Aborted {
        let mut ahead: Vec<_> = match isolation {
            Isolation::ReadUncommitted => Vec::new(),
            Isolation::ReadCommitted => {
                listed.iter().map(|t| (Offset(t.first_offset), ProducerId(t.producer_id))).collect()
            }
        };
        ahead.sort_unstable_by(|a, b| b.cmp(a));
        Aborted { ahead, open: BTreeSet::new() }
    }

    /// Whether the batch belongs to an aborted transaction.
    fn hides(&mut self, batch: &RecordBatch) -> Result<bool, BatchError> {
        let header = batch.header();
        while self.ahead.last().is_some_and(|(first, _)| *first <= header.last_offset()) {
            self.open.extend(self.ahead.pop().map(|(_, producer)| producer));
        }
        if !header.attributes.is_transactional() || !self.open.contains(&header.producer_id) {
            return Ok(false);
        }
        if header.attributes.is_control() && is_abort(batch)? {
            self.open.remove(&header.producer_id);
        }
        Ok(true)
    }
}

/// Whether a control batch is the marker of an abort: its key is a version and a type, 0 for abort.
fn is_abort(batch: &RecordBatch) -> Result<bool, BatchError> {
    let Some(record) = batch.records(CONTROL_BYTES_MAX)?.next().transpose()? else { return Ok(false) };
    let Some(mut key) = record.key.filter(|key| key.len() >= 4) else { return Ok(false) };
    let _version = key.get_i16();
    Ok(key.get_i16() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{LeaderEpoch, ProducerEpoch};
    use crate::wire::batch::{BatchBuilder, BatchKind, BatchOptions, NewRecord, ProducerStamp};
    use crate::wire::compression::Codec;

    fn batch(offset: i64, producer: i64, kind: BatchKind, key: &[u8], records: usize) -> Vec<u8> {
        let producer = match kind {
            BatchKind::Data => ProducerStamp::NONE,
            BatchKind::Transactional | BatchKind::Control | BatchKind::TransactionMarker => {
                ProducerStamp { id: ProducerId(producer), epoch: ProducerEpoch(0), base_sequence: 0 }
            }
        };
        let mut builder =
            BatchBuilder::new(BatchOptions { codec: Codec::None, producer, kind, bytes_max: 10_000 });
        for _ in 0..records {
            let record =
                NewRecord { timestamp: Timestamp(5), key: Some(key), value: Some(b"v"), headers: &[] };
            builder.append(record).unwrap();
        }
        builder.build().into_batch().placed_at(Offset(offset), LeaderEpoch(0)).to_bytes().to_vec()
    }

    #[test]
    fn aborted_transactions_and_markers_are_hidden() {
        const ABORT: &[u8] = &[0, 0, 0, 0];
        let bytes: Vec<u8> = [
            batch(0, 7, BatchKind::Transactional, b"aborted", 2),
            batch(2, 8, BatchKind::Transactional, b"committed", 1),
            batch(3, 0, BatchKind::Data, b"plain", 1),
            batch(4, 7, BatchKind::TransactionMarker, ABORT, 1),
            batch(5, 7, BatchKind::Transactional, b"later", 1),
        ]
        .concat();
        let aborted =
            [AbortedTransaction { producer_id: 7, first_offset: 0, ..AbortedTransaction::default() }];
        let offsets = |isolation, from| {
            let Visible { batches, next, controls } = visible_batches(
                Bytes::from(bytes.clone()),
                Offset(from),
                BatchCheck::Verify,
                isolation,
                &aborted,
            )
            .unwrap();
            let controls: Vec<_> = controls.iter().map(|control| control.start.0).collect();
            (batches.iter().map(|batch| batch.header().base_offset.0).collect::<Vec<_>>(), next.0, controls)
        };
        assert_eq!(offsets(Isolation::ReadCommitted, 0), (vec![2, 3, 5], 6, vec![4]));
        assert_eq!(offsets(Isolation::ReadUncommitted, 0), (vec![0, 2, 3, 5], 6, vec![4]));
        assert_eq!(offsets(Isolation::ReadUncommitted, 1), (vec![0, 2, 3, 5], 6, vec![4]), "inside a batch");
        assert_eq!(offsets(Isolation::ReadCommitted, 3), (vec![3, 5], 6, vec![4]));
    }

    #[test]
    fn a_batch_cut_short_waits_for_the_next_fetch() {
        let mut bytes = batch(0, 0, BatchKind::Data, b"a", 3);
        bytes.extend(&batch(3, 0, BatchKind::Data, b"b", 1)[..20]);
        let Visible { batches, next, controls } =
            visible_batches(Bytes::from(bytes), Offset(1), BatchCheck::Verify, Isolation::ReadCommitted, &[])
                .unwrap();
        assert_eq!((batches.len(), next), (1, Offset(3)));
        let fetched = Fetched {
            at: TopicPartition::new("t", 0),
            from: Offset(1),
            next,
            node: NodeId(1),
            asked: Instant(0),
            high_watermark: Offset(4),
            log_start: Offset(0),
            nearby: None,
            batches,
            controls,
            bytes: 0,
            address: BrokerAddress { host: "h".to_owned(), port: 1 },
            decompressed_bytes_max: 1000,
        };
        let offsets: Vec<_> = fetched.records().unwrap().iter().map(|r| r.offset.0).collect();
        assert_eq!(offsets, [1, 2], "what lies before the position is left out");
    }
}
