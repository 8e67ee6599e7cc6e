use std::collections::VecDeque;

use crate::probe::{Mutant, mutant};
use crate::types::limits::PRODUCER_BATCHES_REMEMBERED;
use crate::types::{Offset, ProducerEpoch, Timestamp};
use crate::wire::batch::{BatchHeader, NO_SEQUENCE, sequence_plus};

/// The coordinator epoch of a producer that has ended no transaction.
pub const NO_COORDINATOR_EPOCH: i32 = -1;

/// What is remembered of one batch, enough to answer its repetition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RememberedBatch {
    pub last_sequence: i32,
    pub last_offset: Offset,
    /// Last offset less base offset.
    pub offset_delta: i32,
    /// The batch's maximum timestamp.
    pub timestamp: Timestamp,
}

impl RememberedBatch {
    pub(super) fn of(header: &BatchHeader) -> RememberedBatch {
        RememberedBatch {
            last_sequence: header.last_sequence(),
            last_offset: header.last_offset(),
            offset_delta: header.last_offset_delta,
            timestamp: header.max_timestamp,
        }
    }

    #[must_use]
    pub fn base_offset(&self) -> Offset {
        Offset(self.last_offset.0 - i64::from(self.offset_delta))
    }

    #[must_use]
    pub fn first_sequence(&self) -> i32 {
        sequence_plus(self.last_sequence, -self.offset_delta)
    }
}

/// What a partition knows of one producer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProducerEntry {
    pub(super) epoch: ProducerEpoch,
    pub(super) last_timestamp: Timestamp,
    /// Offset of the last batch or marker; what eviction goes by.
    pub(super) updated_at: Offset,
    pub(super) coordinator_epoch: i32,
    pub(super) transaction_first_offset: Option<Offset>,
    /// The last batches of the current epoch, oldest first.
    pub(super) batches: VecDeque<RememberedBatch>,
}

impl ProducerEntry {
    pub(super) fn new(epoch: ProducerEpoch) -> ProducerEntry {
        ProducerEntry {
            epoch,
            last_timestamp: Timestamp::NONE,
            updated_at: Offset::NONE,
            coordinator_epoch: NO_COORDINATOR_EPOCH,
            transaction_first_offset: None,
            batches: VecDeque::new(),
        }
    }

    #[must_use]
    pub fn epoch(&self) -> ProducerEpoch {
        self.epoch
    }

    /// Sequence of the last record; −1 if the epoch has written none.
    #[must_use]
    pub fn last_sequence(&self) -> i32 {
        self.batches.back().map_or(NO_SEQUENCE, |batch| batch.last_sequence)
    }

    /// Offset of the last record that is remembered, markers aside.
    #[must_use]
    pub fn last_data_offset(&self) -> Option<Offset> {
        self.batches.back().map(|batch| batch.last_offset)
    }

    #[must_use]
    pub fn last_timestamp(&self) -> Timestamp {
        self.last_timestamp
    }

    /// Epoch of the coordinator that wrote the last transaction marker, −1 if there is none.
    #[must_use]
    pub fn coordinator_epoch(&self) -> i32 {
        self.coordinator_epoch
    }

    /// Where the open transaction begins in this partition.
    #[must_use]
    pub fn transaction_first_offset(&self) -> Option<Offset> {
        self.transaction_first_offset
    }

    /// The remembered batch that `header` repeats, if any: same epoch, same sequences.
    pub(super) fn repeated_by(&self, header: &BatchHeader) -> Option<RememberedBatch> {
        if header.producer_epoch != self.epoch || header.base_sequence == NO_SEQUENCE {
            return None;
        }
        let (first, last) = (header.base_sequence, header.last_sequence());
        self.batches.iter().find(|b| b.first_sequence() == first && b.last_sequence == last).copied()
    }

    /// Takes on `epoch`; the sequences of another are forgotten.
    pub(super) fn move_to(&mut self, epoch: ProducerEpoch) {
        if self.epoch != epoch {
            self.batches.clear();
            self.epoch = epoch;
        }
    }

    pub(super) fn remember(&mut self, header: &BatchHeader) {
        self.move_to(header.producer_epoch);
        if self.batches.len() == PRODUCER_BATCHES_REMEMBERED {
            self.batches.pop_front();
        }
        if mutant(Mutant::RememberOneBatch) {
            self.batches.clear();
        }
        self.batches.push_back(RememberedBatch::of(header));
        self.last_timestamp = header.max_timestamp;
        self.updated_at = header.last_offset();
        if header.attributes.is_transactional() && self.transaction_first_offset.is_none() {
            self.transaction_first_offset = Some(header.base_offset);
        }
    }

    /// What is known of the state as of `offset`, for a replay of the batches from there on; `None` if nothing is.
    pub(super) fn before(&self, offset: Offset) -> Option<ProducerEntry> {
        if self.updated_at < offset {
            return Some(self.clone());
        }
        let mut entry = self.clone();
        entry.batches.retain(|batch| batch.last_offset < offset);
        entry.transaction_first_offset = self.transaction_first_offset.filter(|&first| first < offset);
        // Its marker may be the one that lies behind: then it is replayed, and tells the same.
        let ended_some = self.coordinator_epoch != NO_COORDINATOR_EPOCH && offset > Offset::ZERO;
        match entry.batches.back() {
            Some(last) => (entry.updated_at, entry.last_timestamp) = (last.last_offset, last.timestamp),
            // Where it last wrote before is forgotten, and not needed: it has written since.
            None if ended_some || entry.transaction_first_offset.is_some() => {
                entry.updated_at = Offset(offset.0 - 1);
            }
            None => return None,
        }
        Some(entry)
    }

    pub(super) fn is_expired(&self, now: Timestamp, expiration_ms: i64) -> bool {
        let idle_ms = now.0.saturating_sub(self.last_timestamp.0);
        self.transaction_first_offset.is_none() && idle_ms >= expiration_ms
    }
}
