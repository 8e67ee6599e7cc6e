//! What a partition remembers of its idempotent producers (KIP-98, KIP-360), pure.
//!
//! Owns the window of each producer's last five batches and what follows from it: repetitions are answered
//! with the original, gaps and old epochs are refused. Owns no file and no log.
//! Invariants: the state is a function of the log's batches up to `end_offset` in order, apart from expiry;
//! `check` changes nothing, `apply` refuses nothing; the number of producers is bounded, and one with an open
//! transaction is never evicted or expired.
mod entry;
mod snapshot;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub use entry::{NO_COORDINATOR_EPOCH, ProducerEntry, RememberedBatch};
pub use snapshot::SnapshotError;

use crate::types::{Offset, ProducerEpoch, ProducerId, Timestamp};
use crate::wire::batch::{BatchError, BatchHeader, EndMarker, NO_SEQUENCE, RecordBatch};

/// How much is remembered, and for how long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProducerLimits {
    /// Producers remembered at most; beyond it the one that wrote least recently is forgotten.
    pub producers_max: usize,
    /// `producer.id.expiration.ms`: how long a producer that writes nothing is remembered.
    pub expiration_ms: i64,
}

/// What to do with a producer's batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    Append,
    /// The batch has been appended before, and this is where: append nothing, and answer with it as soon as
    /// its last offset is as durable as the request asks (the original may still be on its way).
    Duplicate(RememberedBatch),
}

/// Why a producer's batch may not be appended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ProducerError {
    #[error("producer {producer_id} writes in epoch {epoch}, its epoch is {current}")]
    FencedEpoch { producer_id: ProducerId, epoch: ProducerEpoch, current: ProducerEpoch },
    #[error("producer {producer_id} writes sequence {found} after {last}")]
    OutOfOrder { producer_id: ProducerId, last: i32, found: i32 },
    #[error("producer {producer_id} begins epoch {epoch} with sequence {found}, not with 0")]
    NewEpoch { producer_id: ProducerId, epoch: ProducerEpoch, found: i32 },
    #[error(
        "producer {producer_id} writes outside its transaction, which is open since offset {first_offset}"
    )]
    OutsideTransaction { producer_id: ProducerId, first_offset: Offset },
    #[error("producer {producer_id} is one too many: {producers} producers have open transactions")]
    TooMany { producer_id: ProducerId, producers: usize },
}

/// A transaction that a marker has ended in this partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EndedTransaction {
    pub producer_id: ProducerId,
    pub first_offset: Offset,
    /// Offset of the marker.
    pub last_offset: Offset,
    pub marker: EndMarker,
}

/// The last that an active producer wrote, which compaction keeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LastWritten {
    /// `None` if a transaction marker is all that is left.
    pub last_data_offset: Option<Offset>,
    pub epoch: ProducerEpoch,
}

/// A partition's producers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Producers {
    limits: ProducerLimits,
    /// `None` if there is none: most partitions have none, and there may be very many of them.
    known: Option<Box<Known>>,
    end_offset: Offset,
}

/// The producers of a partition that has some.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
struct Known {
    entries: BTreeMap<ProducerId, ProducerEntry>,
    /// Producers without an open transaction, by their last write: the first is the first to be evicted.
    evictable: BTreeSet<(Offset, ProducerId)>,
}

impl Producers {
    /// No producers, for a log that begins at `start_offset`.
    ///
    /// # Panics
    /// If the limits allow no producer.
    #[must_use]
    pub fn new(limits: ProducerLimits, start_offset: Offset) -> Producers {
        assert!(limits.producers_max > 0, "a partition remembers at least one producer");
        Producers { limits, known: None, end_offset: start_offset }
    }

    /// The offset up to which the log's batches are applied.
    #[must_use]
    pub fn end_offset(&self) -> Offset {
        self.end_offset
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.known.as_ref().map_or(0, |known| known.entries.len())
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_none()
    }

    #[must_use]
    pub fn get(&self, producer_id: ProducerId) -> Option<&ProducerEntry> {
        self.known.as_ref()?.entries.get(&producer_id)
    }

    /// The producers in the order of their ids, as DescribeProducers lists them.
    pub fn iter(&self) -> impl Iterator<Item = (ProducerId, &ProducerEntry)> {
        let entries = self.known.iter().flat_map(|known| &known.entries);
        entries.map(|(&producer_id, entry)| (producer_id, entry))
    }

    /// What compaction has to keep for each producer.
    #[must_use]
    pub fn last_written(&self) -> BTreeMap<ProducerId, LastWritten> {
        self.iter()
            .map(|(id, entry)| {
                (id, LastWritten { last_data_offset: entry.last_data_offset(), epoch: entry.epoch })
            })
            .collect()
    }

    /// Decides on a client's batch before it has an offset. A batch without a producer id is appended; so is,
    /// whatever its sequence, one of a producer that is not known: its batches may have been deleted with the
    /// log's start (KIP-360).
    ///
    /// # Errors
    /// The [`ProducerError`] that says which of epoch, sequence and transaction does not fit.
    pub fn check(&self, header: &BatchHeader) -> Result<Decision, ProducerError> {
        let producer_id = header.producer_id;
        if !header.has_producer_id() {
            return Ok(Decision::Append);
        }
        let Some(entry) = self.get(producer_id) else {
            let producers = self.len();
            let may_evict = self.known.as_ref().is_some_and(|known| !known.evictable.is_empty());
            if producers >= self.limits.producers_max && !may_evict {
                return Err(ProducerError::TooMany { producer_id, producers });
            }
            return Ok(Decision::Append);
        };
        if let Some(original) = entry.repeated_by(header) {
            return Ok(Decision::Duplicate(original));
        }
        let (epoch, current, found) = (header.producer_epoch, entry.epoch, header.base_sequence);
        if epoch < current {
            return Err(ProducerError::FencedEpoch { producer_id, epoch, current });
        }
        if found == NO_SEQUENCE {
            // A coordinator's own batch for the producer (an offset commit in a transaction); clients' batches
            // have been held to a sequence before.
            return self.check_transaction(header, entry);
        }
        if epoch > current && found != 0 {
            return Err(ProducerError::NewEpoch { producer_id, epoch, found });
        }
        if epoch == current && !follows(entry.last_sequence(), found) {
            return Err(ProducerError::OutOfOrder { producer_id, last: entry.last_sequence(), found });
        }
        self.check_transaction(header, entry)
    }

    fn check_transaction(
        &self,
        header: &BatchHeader,
        entry: &ProducerEntry,
    ) -> Result<Decision, ProducerError> {
        match entry.transaction_first_offset {
            Some(first_offset) if !header.attributes.is_transactional() => {
                Err(ProducerError::OutsideTransaction { producer_id: header.producer_id, first_offset })
            }
            Some(_) | None => Ok(Decision::Append),
        }
    }

    /// Takes in a batch that is in the log at the header's base offset: one just appended, one replicated, or
    /// one replayed. Control batches need their marker: they go through [`Producers::replay`].
    ///
    /// # Panics
    /// If the batch ends before [`Producers::end_offset`], or is a control batch of a producer.
    pub fn apply(&mut self, header: &BatchHeader) {
        if header.has_producer_id() {
            assert!(!header.attributes.is_control(), "a transaction's marker ends it: use replay");
            self.update(header.producer_id, header.producer_epoch, |entry| entry.remember(header));
        }
        self.advance(header);
    }

    /// Takes in any batch of the log, transaction markers included; gives the transaction that it ended.
    ///
    /// # Errors
    /// The [`BatchError`] of a control batch whose record cannot be read; nothing has changed then.
    ///
    /// # Panics
    /// If the batch ends before [`Producers::end_offset`].
    pub fn replay(&mut self, batch: &RecordBatch) -> Result<Option<EndedTransaction>, BatchError> {
        let header = batch.header();
        if !(header.attributes.is_control() && header.has_producer_id()) {
            self.apply(header);
            return Ok(None);
        }
        let marker = EndMarker::of_batch(batch)?;
        // A marker batch that compaction has emptied tells nothing any more.
        let ended = marker.and_then(|marker| self.end_transaction(header, marker));
        self.advance(header);
        Ok(ended)
    }

    fn end_transaction(&mut self, header: &BatchHeader, marker: EndMarker) -> Option<EndedTransaction> {
        let mut first_offset = None;
        self.update(header.producer_id, header.producer_epoch, |entry| {
            entry.move_to(header.producer_epoch);
            entry.coordinator_epoch = marker.coordinator_epoch;
            entry.last_timestamp = header.max_timestamp;
            entry.updated_at = header.last_offset();
            first_offset = entry.transaction_first_offset.take();
        });
        first_offset.map(|first_offset| EndedTransaction {
            producer_id: header.producer_id,
            first_offset,
            last_offset: header.last_offset(),
            marker,
        })
    }

    /// Changes one producer's entry, made if need be, and keeps the order of eviction and the bound.
    fn update(&mut self, id: ProducerId, epoch: ProducerEpoch, change: impl FnOnce(&mut ProducerEntry)) {
        let Known { entries, evictable } = &mut **self.known.get_or_insert_default();
        let entry = entries.entry(id).or_insert_with(|| ProducerEntry::new(epoch));
        evictable.remove(&(entry.updated_at, id));
        change(entry);
        if entry.transaction_first_offset.is_none() {
            evictable.insert((entry.updated_at, id));
        }
        while entries.len() > self.limits.producers_max {
            // Those with open transactions stay: a leader refuses new producers before it comes to that, and
            // a follower takes what its leader has taken.
            let oldest = evictable.iter().find(|(_, other)| *other != id).copied();
            let Some(oldest) = oldest else { break };
            evictable.remove(&oldest);
            entries.remove(&oldest.1);
        }
    }

    fn advance(&mut self, header: &BatchHeader) {
        // A log may begin inside its first batch, so only the end is held against the state's.
        let (last, end) = (header.last_offset(), self.end_offset);
        assert!(last >= end, "a batch that ends at {last} is applied once, the state is at {end}");
        self.end_offset = header.next_offset();
    }

    /// The log goes on at `end_offset`, without a batch before it.
    pub(crate) fn skip_to(&mut self, end_offset: Offset) {
        self.end_offset = self.end_offset.max(end_offset);
    }

    /// The state as of `offset`, as far as it can still be told: of each producer what it wrote before. The batches
    /// from there on give the rest again.
    #[must_use]
    pub fn before(&self, offset: Offset) -> Producers {
        let mut before = Producers::new(self.limits, offset);
        for (id, entry) in self.iter() {
            if let Some(entry) = entry.before(offset) {
                before.update(id, entry.epoch, |new| *new = entry);
            }
        }
        before
    }

    /// Takes other limits; what they forbid now goes at the next append or expiry.
    pub fn set_limits(&mut self, limits: ProducerLimits) {
        assert!(limits.producers_max > 0, "a partition remembers at least one producer");
        self.limits = limits;
    }

    /// Forgets producers that have written nothing for `producer.id.expiration.ms`; gives how many.
    pub fn expire(&mut self, now: Timestamp) -> usize {
        let Some(known) = &mut self.known else { return 0 };
        let Known { entries, evictable } = &mut **known;
        let before = entries.len();
        let expiration_ms = self.limits.expiration_ms;
        entries.retain(|&id, entry| {
            let expired = entry.is_expired(now, expiration_ms);
            if expired {
                evictable.remove(&(entry.updated_at, id));
            }
            !expired
        });
        let left = entries.len();
        if left == 0 {
            self.known = None;
        }
        before - left
    }

    /// Whether the log may be cut back to `end_offset` without touching this state. If not, the state is
    /// rebuilt: from a snapshot at or before that offset, and the batches between.
    #[must_use]
    pub fn covers_only(&self, end_offset: Offset) -> bool {
        self.end_offset <= end_offset
    }

    /// Checks the invariants of the module header.
    ///
    /// # Panics
    /// If one does not hold.
    pub fn assert_invariants(&self) {
        let Some(known) = &self.known else { return };
        let Known { entries, evictable } = &**known;
        assert!(!entries.is_empty(), "without a producer nothing is kept");
        for (id, entry) in entries {
            let evictable = evictable.contains(&(entry.updated_at, *id));
            assert_eq!(evictable, entry.transaction_first_offset.is_none(), "producer {id}: evictable");
            assert!(entry.updated_at < self.end_offset, "producer {id} wrote beyond {}", self.end_offset);
        }
        let idle = entries.values().filter(|entry| entry.transaction_first_offset.is_none()).count();
        assert_eq!(evictable.len(), idle, "every evictable producer is known");
        assert!(entries.len() <= self.limits.producers_max || idle <= 1, "the bound is kept");
    }
}

/// Whether `next` is the sequence after `last`: 0 follows −1 and the greatest one.
fn follows(last: i32, next: i32) -> bool {
    if last == i32::MAX { next == 0 } else { next == last + 1 }
}
