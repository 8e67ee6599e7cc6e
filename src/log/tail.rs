use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use super::journal::{EntryNumber, Position};
use crate::types::Offset;
use crate::wire::batch::{BatchHeader, RecordBatch};

/// Batches below this size are copied, in bytes: a slice would keep the whole request frame in memory. One
/// exact allocation per batch, not a shared chunk: eviction then frees what the budget counts.
const COPIED_BYTES_MAX: usize = 16 << 10;

/// How much all tails of a node hold together, in bytes.
#[derive(Debug)]
pub struct TailBudget {
    limit: usize,
    used: AtomicUsize,
}

impl TailBudget {
    #[must_use]
    pub fn new(limit: usize) -> Arc<TailBudget> {
        Arc::new(TailBudget { limit, used: AtomicUsize::new(0) })
    }

    #[must_use]
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Whether flushed batches should be dropped from memory.
    #[must_use]
    pub fn is_exceeded(&self) -> bool {
        self.used() > self.limit
    }
}

/// One batch in memory.
#[derive(Clone, Debug)]
pub(crate) struct TailBatch {
    pub(crate) batch: RecordBatch,
    /// Its entry's number.
    pub(crate) number: EntryNumber,
    /// No entry of the batch stands in the journal before this place.
    pub(crate) journal: Position,
}

impl TailBatch {
    pub(crate) fn header(&self) -> &BatchHeader {
        self.batch.header()
    }
}

/// The newest batches of a log: all that are not in segments yet, and some that are.
pub(crate) struct Tail {
    batches: VecDeque<TailBatch>,
    /// How many at the front are in segments.
    flushed: usize,
    bytes: usize,
    unflushed_bytes: usize,
    budget: Arc<TailBudget>,
}

impl Tail {
    pub(crate) fn new(budget: Arc<TailBudget>) -> Tail {
        Tail { batches: VecDeque::new(), flushed: 0, bytes: 0, unflushed_bytes: 0, budget }
    }

    pub(crate) fn push(&mut self, batch: RecordBatch, number: EntryNumber, journal: Position) {
        let bytes = batch.len();
        let batch = if bytes < COPIED_BYTES_MAX {
            RecordBatch::new(*batch.header(), &batch.to_bytes())
        } else {
            batch
        };
        self.batches.push_back(TailBatch { batch, number, journal });
        self.bytes += bytes;
        self.unflushed_bytes += bytes;
        self.budget.used.fetch_add(bytes, Ordering::Relaxed);
        if self.budget.is_exceeded() {
            self.evict();
        }
    }

    /// The first offset in memory; `None` if there is no batch.
    pub(crate) fn start(&self) -> Option<Offset> {
        self.batches.front().map(|batch| batch.header().base_offset)
    }

    /// The batches from the one that holds `offset` (or the first after it) on.
    pub(crate) fn from(&self, offset: Offset) -> impl Iterator<Item = &TailBatch> {
        let first = self.batches.partition_point(|batch| batch.header().next_offset() <= offset);
        self.batches.range(first..)
    }

    pub(crate) fn unflushed(&self) -> impl Iterator<Item = &TailBatch> {
        self.batches.range(self.flushed..)
    }

    pub(crate) fn unflushed_bytes(&self) -> usize {
        self.unflushed_bytes
    }

    /// Notes that all batches below `end` are in segments.
    pub(crate) fn flushed_to(&mut self, end: Offset) {
        while let Some(batch) = self.batches.get(self.flushed)
            && batch.header().next_offset() <= end
        {
            self.unflushed_bytes -= batch.batch.len();
            self.flushed += 1;
        }
        if self.budget.is_exceeded() {
            self.evict();
        }
    }

    /// Entries up to `upto` of batches that are in no segment have been written anew, from `first` on, and not before `journal`. False
    /// if there are none.
    pub(crate) fn carried_over(&mut self, upto: EntryNumber, first: EntryNumber, journal: Position) -> bool {
        let mut any = false;
        for batch in self.batches.range_mut(self.flushed..).take_while(|batch| batch.number <= upto) {
            (batch.number, batch.journal) = (first, journal);
            any = true;
        }
        any
    }

    /// Drops flushed batches, oldest first, while the node is over its budget.
    pub(crate) fn evict(&mut self) {
        while self.flushed > 0 && self.budget.is_exceeded() {
            self.pop_front();
        }
    }

    /// Drops all flushed batches.
    pub(crate) fn release(&mut self) {
        while self.flushed > 0 {
            self.pop_front();
        }
    }

    /// Drops batches that reach beyond `end`.
    pub(crate) fn truncate(&mut self, end: Offset) {
        while let Some(batch) = self.batches.back()
            && batch.header().next_offset() > end
        {
            let bytes = batch.batch.len();
            self.batches.pop_back();
            if self.flushed > self.batches.len() {
                self.flushed -= 1;
            } else {
                self.unflushed_bytes -= bytes;
            }
            self.forget(bytes);
        }
    }

    /// Drops all.
    pub(crate) fn clear(&mut self) {
        self.batches.clear();
        self.flushed = 0;
        self.unflushed_bytes = 0;
        self.forget(self.bytes);
    }

    fn pop_front(&mut self) {
        if let Some(batch) = self.batches.pop_front() {
            let bytes = batch.batch.len();
            match self.flushed.checked_sub(1) {
                Some(flushed) => self.flushed = flushed,
                None => self.unflushed_bytes -= bytes,
            }
            self.forget(bytes);
        }
    }

    fn forget(&mut self, bytes: usize) {
        self.bytes -= bytes;
        self.budget.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A batch's pieces, without empty ones.
pub(crate) fn pieces(batch: &RecordBatch) -> impl Iterator<Item = Bytes> {
    batch.segments().into_iter().filter(|piece| !piece.is_empty())
}
