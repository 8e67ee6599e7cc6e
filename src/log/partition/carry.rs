//! Batches that are not committed hold the journal from their entries on. Before they hold too much of it they are written to it
//! anew, at its end (docs/journal-format.md, "Batches that stay").
use super::{LogError, PartitionLog};
use crate::log::journal::{Entry, EntryBody, EntryNumber, Position};
use crate::probe::{Condition, Mutant, mutant, sometimes};
use crate::types::Offset;
use crate::wire::batch::RecordBatch;

/// The entries of all batches that were in no segment then, written anew, one behind the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct CarriedOver {
    /// No batch whose entry has a higher number is among them.
    upto: EntryNumber,
    /// The new entries.
    first: EntryNumber,
    last: EntryNumber,
    /// No new entry stands in the journal before this place.
    journal: Position,
}

impl PartitionLog {
    /// From where the journal is held by batches that wait for nothing but being committed, and how many bytes they have.
    /// `None` if there are none, or they are being written anew already.
    #[must_use]
    pub fn holds_journal_from(&self) -> Option<(Position, usize)> {
        let first = self.tail.unflushed().next()?;
        let waits = first.header().next_offset() > self.high_watermark;
        let idle = self.flush.carried.is_none() && self.damage.is_none();
        (waits && idle).then(|| (first.journal, self.tail.unflushed_bytes()))
    }

    /// Writes all batches that are in no segment to the journal anew: once that is durable, and a checkpoint says so, it need not keep
    /// their former entries. The entries are to be journaled in this order. `journal` is
    /// [`super::super::JournalHandle::durable_position`] at any time before they are queued.
    #[must_use = "the entries are to be journaled"]
    pub fn carry_over(&mut self, journal: Position) -> Vec<Entry> {
        let upto = self.number;
        let batches: Vec<RecordBatch> = self.tail.unflushed().map(|batch| batch.batch.clone()).collect();
        let again = batches.into_iter().map(EntryBody::BatchAgain);
        let entries: Vec<Entry> = again.map(|body| self.entry(body, journal)).collect();
        if let (Some(first), Some(last)) = (entries.first(), entries.last()) {
            let (first, last) = (first.number, last.number);
            self.flush.carried = Some(Box::new(CarriedOver { upto, first, last, journal }));
        }
        entries
    }

    /// The first entry that a start has to take a batch from, if the segments reach to `end`. A batch that was taken back counts until
    /// that is durable.
    pub(super) fn batches_needed_from(&self, end: Offset) -> EntryNumber {
        let kept = self.tail.unflushed().find(|batch| batch.header().next_offset() > end);
        let kept = kept.map(|batch| batch.number);
        // Former and new entries are not mixed: one of the former alone would leave a gap where the others come again.
        let counts = |number| match self.carried_by(self.durable.number) {
            Some(carried) if number <= carried.upto => carried.first,
            _ => number,
        };
        // After a crash other entries have the numbers of those that were not durable.
        let next = self.durable.number.next();
        let needed = [kept, self.pending.first_dropped()].into_iter().flatten().map(counts);
        needed.fold(next, EntryNumber::min)
    }

    /// What is written anew, if all of it is: a start that had some of the new entries only would lack the other batches.
    fn carried_by(&self, durable: EntryNumber) -> Option<CarriedOver> {
        let partly = mutant(Mutant::ReplicaReliesOnHalfCarried);
        let carried = self.flush.carried.as_deref().copied();
        carried.filter(|carried| carried.last <= durable || (partly && carried.first <= durable))
    }

    /// The log's state after the entry `number` is durable: from now on the new entries are those that count.
    pub(super) fn rely_on_carried(&mut self, number: EntryNumber) {
        if let Some(carried) = self.carried_by(number) {
            self.flush.carried = None;
            let CarriedOver { upto, first, journal, .. } = carried;
            self.pending.carried_over(upto, first);
            if self.tail.carried_over(upto, first, journal) {
                sometimes(Condition::ReplicaBatchesCarriedOver);
            }
        }
    }

    /// Takes in a batch that was written anew, unless its former entry was replayed as well.
    pub(super) fn replay_again(
        &mut self,
        batch: RecordBatch,
        number: EntryNumber,
        known: bool,
        journal: Position,
    ) -> Result<(), LogError> {
        let base = batch.header().base_offset;
        if base < self.log_end && !self.begins_with(batch.header()) {
            return Ok(());
        }
        if !known {
            return Err(LogError::OutOfOrder { base, log_end: self.log_end });
        }
        sometimes(Condition::ReplicaCarriedBatchReplayed);
        // The checkpoint's epochs and voters tell what became of it.
        self.take_in(batch, number, journal)
    }
}
