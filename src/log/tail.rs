use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;

use super::journal::{EntryNumber, Position};
use crate::types::Offset;
use crate::wire::batch::{BatchHeader, RecordBatch, SHARED_BYTES_MIN};

/// How much all tails of a node hold together, in bytes, and what else is common to them.
#[derive(Debug)]
pub struct TailBudget {
    limit: usize,
    /// With the frames that batches are slices of, each of them once.
    used: AtomicUsize,
    /// Of the batches in no segment, those whose entries only name them: a start reads them beside the journal.
    placed: AtomicUsize,
    place_bytes_min: usize,
    /// A log waits for a round of maintenance, so that it can write its large batches once.
    wants_round: AtomicBool,
}

impl TailBudget {
    #[must_use]
    pub fn new(limit: usize, place_bytes_min: usize) -> Arc<TailBudget> {
        Arc::new(TailBudget {
            limit,
            used: AtomicUsize::new(0),
            placed: AtomicUsize::new(0),
            place_bytes_min,
            wants_round: AtomicBool::new(false),
        })
    }

    /// From how many bytes on a batch is written once, if it can be.
    pub(crate) fn place_bytes_min(&self) -> usize {
        self.place_bytes_min
    }

    /// Bytes of batches that a start would read from where they stand in segments beyond what the checkpoint says.
    #[must_use]
    pub fn placed(&self) -> usize {
        self.placed.load(Ordering::Relaxed)
    }

    pub(crate) fn want_round(&self) {
        self.wants_round.store(true, Ordering::Relaxed);
    }

    /// Whether a log waits for a round of maintenance; asked once, it does no more.
    pub fn take_wish(&self) -> bool {
        self.wants_round.swap(false, Ordering::Relaxed)
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
    /// It goes to the active segment, whatever else may begin a new one.
    pub(crate) stays: bool,
    /// Its whole blocks stand in the active segment.
    pub(crate) placed: bool,
    /// Its entry only names it.
    named: bool,
    /// What it takes of the budget, in bytes; `None` if its frame is counted, as a whole.
    counted: Option<usize>,
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
    unflushed_bytes: usize,
    /// Of the unflushed ones whose entries only name them.
    named_bytes: usize,
    budget: Arc<TailBudget>,
}

impl Tail {
    pub(crate) fn new(budget: Arc<TailBudget>) -> Tail {
        Tail { batches: VecDeque::new(), flushed: 0, unflushed_bytes: 0, named_bytes: 0, budget }
    }

    pub(crate) fn push(&mut self, batch: RecordBatch, number: EntryNumber, journal: Position) {
        let bytes = batch.len();
        // A slice would keep the whole frame in memory. One exact allocation per batch, not a shared chunk: eviction then
        // frees what the budget counts. Of a longer one the frame is counted, all of it.
        let batch = if bytes < SHARED_BYTES_MIN {
            RecordBatch::new(*batch.header(), &batch.to_bytes())
        } else {
            batch
        };
        let counted = self.count(&batch);
        self.batches.push_back(TailBatch {
            batch,
            number,
            journal,
            stays: false,
            placed: false,
            named: false,
            counted,
        });
        self.unflushed_bytes += bytes;
        if self.budget.is_exceeded() {
            self.evict();
        }
    }

    /// Counts a batch that is kept from now on, or its frame.
    fn count(&self, batch: &RecordBatch) -> Option<usize> {
        if batch.frame().keep(&self.budget.used) {
            return None;
        }
        self.budget.used.fetch_add(batch.len(), Ordering::Relaxed);
        Some(batch.len())
    }

    fn forget(&self, batch: &TailBatch) {
        match batch.counted {
            Some(bytes) => drop(self.budget.used.fetch_sub(bytes, Ordering::Relaxed)),
            None => batch.batch.frame().let_go(&self.budget.used),
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

    pub(crate) fn budget(&self) -> &TailBudget {
        &self.budget
    }

    /// The batch that was pushed last.
    pub(crate) fn last(&self) -> Option<&TailBatch> {
        self.batches.back()
    }

    /// All unflushed batches go to the active segment, and the whole blocks of the last one stand there; its entry names it.
    pub(crate) fn place_last(&mut self) {
        for batch in self.batches.range_mut(self.flushed..) {
            batch.stays = true;
        }
        if let Some(last) = self.batches.back_mut() {
            last.placed = true;
        }
        self.name_last();
    }

    /// The entry of the last batch only names it.
    pub(crate) fn name_last(&mut self) {
        if let Some(last) = self.batches.back_mut().filter(|last| !last.named) {
            last.named = true;
            self.named_bytes += last.batch.len();
            self.budget.placed.fetch_add(last.batch.len(), Ordering::Relaxed);
        }
    }

    /// Whether the journal only names some unflushed batch.
    pub(crate) fn names_any(&self) -> bool {
        self.named_bytes > 0
    }

    /// No unflushed batch has a place: they are written as a whole.
    pub(crate) fn unplace(&mut self) {
        for batch in self.batches.range_mut(self.flushed..) {
            (batch.stays, batch.placed) = (false, false);
        }
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
            if batch.named {
                self.named_bytes -= batch.batch.len();
                self.budget.placed.fetch_sub(batch.batch.len(), Ordering::Relaxed);
            }
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

    /// Drops all flushed batches. Of what cannot be, a slice of a frame that is more than twice as long is copied, so that the
    /// frame can go: segments that cannot be written must not keep more than what stands in them.
    pub(crate) fn release(&mut self) {
        while self.flushed > 0 {
            self.pop_front();
        }
        for at in 0..self.batches.len() {
            let held = &self.batches[at];
            let frame_bytes = held.batch.frame().bytes().unwrap_or(0);
            if frame_bytes > 2 * held.batch.len() {
                self.forget(held);
                let batch = RecordBatch::new(*held.header(), &held.batch.to_bytes());
                let counted = self.count(&batch);
                (self.batches[at].batch, self.batches[at].counted) = (batch, counted);
            }
        }
    }

    /// Drops flushed batches that end at or below `end`: what is in segments there is no longer the same.
    pub(crate) fn release_below(&mut self, end: Offset) {
        while self.flushed > 0 && self.batches[0].header().next_offset() <= end {
            self.pop_front();
        }
    }

    /// Drops batches that reach beyond `end`.
    pub(crate) fn truncate(&mut self, end: Offset) {
        while let Some(batch) = self.batches.back()
            && batch.header().next_offset() > end
        {
            let (bytes, named) = (batch.batch.len(), batch.named);
            self.forget(batch);
            self.batches.pop_back();
            if self.flushed > self.batches.len() {
                self.flushed -= 1;
            } else {
                self.unflushed_bytes -= bytes;
                if named {
                    self.named_bytes -= bytes;
                    self.budget.placed.fetch_sub(bytes, Ordering::Relaxed);
                }
            }
        }
    }

    /// Drops all.
    pub(crate) fn clear(&mut self) {
        self.forget_all();
        self.batches.clear();
        self.flushed = 0;
        self.unflushed_bytes = 0;
        self.budget.placed.fetch_sub(std::mem::take(&mut self.named_bytes), Ordering::Relaxed);
    }

    fn pop_front(&mut self) {
        if let Some(batch) = self.batches.pop_front() {
            match self.flushed.checked_sub(1) {
                Some(flushed) => self.flushed = flushed,
                None => self.unflushed_bytes -= batch.batch.len(),
            }
            self.forget(&batch);
        }
    }

    fn forget_all(&self) {
        self.batches.iter().for_each(|batch| self.forget(batch));
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.forget_all();
        self.budget.placed.fetch_sub(self.named_bytes, Ordering::Relaxed);
    }
}

/// A batch's pieces, without empty ones.
pub(crate) fn pieces(batch: &RecordBatch) -> impl Iterator<Item = Bytes> {
    batch.segments().into_iter().filter(|piece| !piece.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::journal::{CommitNumber, FileSequence};
    use crate::types::{LeaderEpoch, Timestamp};
    use crate::wire::batch::{BatchBuilder, BatchOptions, FrameMemory, NewRecord};

    const FRAME_BYTES: usize = 8 << 20;

    /// A batch of a record of so many bytes, read from a frame of [`FRAME_BYTES`].
    fn batch(base: i64, bytes: usize, frame: &FrameMemory) -> RecordBatch {
        let mut builder = BatchBuilder::new(BatchOptions::plain(2 * bytes + 1_000));
        let value = vec![7; bytes];
        let record = NewRecord { timestamp: Timestamp(1), key: None, value: Some(&value), headers: &[] };
        builder.append(record).expect("it fits");
        let records = builder.build().into_batch().placed_at(Offset(base), LeaderEpoch(1)).to_bytes();
        let header = BatchHeader::parse(&records).expect("a whole header");
        RecordBatch::new(header, &records).sharing(&records, frame)
    }

    fn push(tail: &mut Tail, batch: RecordBatch) {
        let place = Position { file: FileSequence(1), offset: 0, next: CommitNumber(1), previous_crc: 0 };
        tail.push(batch, EntryNumber(1), place);
    }

    #[test]
    fn a_slice_counts_its_whole_frame_until_the_last_one_is_gone() {
        let budget = TailBudget::new(usize::MAX, usize::MAX);
        let [mut one, mut other] = [(); 2].map(|()| Tail::new(Arc::clone(&budget)));
        let frame = FrameMemory::of(FRAME_BYTES);
        push(&mut one, batch(0, 20 << 10, &frame));
        push(&mut other, batch(0, 20 << 10, &frame));
        drop(frame);
        assert_eq!(budget.used(), FRAME_BYTES, "both hold the same frame");
        assert!(one.unflushed_bytes() < 21 << 10, "the log is no longer for it");
        one.truncate(Offset(0));
        assert_eq!(budget.used(), FRAME_BYTES);
        other.flushed_to(Offset(1));
        other.release();
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn who_reads_a_batch_keeps_no_room_from_those_that_come() {
        let budget = TailBudget::new(usize::MAX, usize::MAX);
        let mut tail = Tail::new(Arc::clone(&budget));
        push(&mut tail, batch(0, 20 << 10, &FrameMemory::of(FRAME_BYTES)));
        let read = tail.from(Offset(0)).next().cloned();
        tail.flushed_to(Offset(1));
        tail.release();
        assert!(read.is_some());
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn what_cannot_be_flushed_lets_its_frame_go_when_memory_is_short() {
        let budget = TailBudget::new(FRAME_BYTES, usize::MAX);
        let mut tail = Tail::new(Arc::clone(&budget));
        for base in 0..10 {
            push(&mut tail, batch(base, 20 << 10, &FrameMemory::of(FRAME_BYTES)));
        }
        assert_eq!(budget.used(), 10 * FRAME_BYTES);
        let before: Vec<Bytes> = tail.unflushed().map(|one| one.batch.to_bytes()).collect();
        tail.release();
        assert!(budget.used() < 220 << 10, "{}", budget.used());
        assert_eq!(tail.unflushed().map(|one| one.batch.to_bytes()).collect::<Vec<_>>(), before);
        tail.clear();
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn what_is_copied_or_was_written_anew_keeps_no_frame() {
        let budget = TailBudget::new(usize::MAX, usize::MAX);
        let mut tail = Tail::new(Arc::clone(&budget));
        let frame = FrameMemory::of(FRAME_BYTES);
        push(&mut tail, batch(0, 100, &frame));
        assert!(budget.used() < 1 << 10);
        let elsewhere = Bytes::from(vec![0; 20 << 10]);
        let rewritten = batch(1, 20 << 10, &FrameMemory::default()).sharing(&elsewhere, &frame);
        push(&mut tail, rewritten);
        assert!(budget.used() < 22 << 10);
        drop(tail);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn flushed_slices_of_large_frames_leave_when_the_frames_exceed_the_budget() {
        let budget = TailBudget::new(2 * FRAME_BYTES, usize::MAX);
        let mut tail = Tail::new(Arc::clone(&budget));
        for base in 0..10 {
            push(&mut tail, batch(base, 20 << 10, &FrameMemory::of(FRAME_BYTES)));
            tail.flushed_to(Offset(base + 1));
        }
        assert_eq!(tail.start(), Some(Offset(8)), "two frames fit");
        assert_eq!(budget.used(), 2 * FRAME_BYTES);
    }
}
