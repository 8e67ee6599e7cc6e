use std::collections::BTreeMap;

use super::offset_map::OffsetMap;
use super::transactions::CleanedTransactions;
use crate::log::producers::LastWritten;
use crate::probe::{Mutant, mutant};
use crate::types::{Offset, ProducerId, Timestamp};
use crate::wire::batch::{BatchError, BatchHeader, Record, RecordBatch};

/// Fills an [`OffsetMap`] from the dirty batches, in order.
pub struct MapBuilder<'a> {
    pub map: &'a mut OffsetMap,
    pub transactions: CleanedTransactions,
    /// Where the dirty part of the log begins; the first batch may begin before it.
    pub first_dirty_offset: Offset,
    pub decompressed_bytes_max: usize,
}

/// Whether the map has taken a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MapProgress {
    Taken,
    /// The map is full; it ends before this batch.
    Full,
}

impl MapBuilder<'_> {
    /// Notes the keys of `batch`.
    ///
    /// # Errors
    /// The [`BatchError`] of a batch that cannot be read.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<MapProgress, BatchError> {
        let header = batch.header();
        if header.attributes.is_control() {
            self.transactions.pass_control(batch)?;
        } else if !self.transactions.pass_data(header) {
            // What was aborted is no record's successor.
            let records = batch.records(self.decompressed_bytes_max)?;
            for record in records {
                let record = record?;
                let offset = header.record_offset(record.offset_delta);
                let Some(key) = record.key.filter(|_| offset >= self.first_dirty_offset) else { continue };
                if self.map.note(&key, offset).is_err() {
                    return Ok(MapProgress::Full);
                }
            }
        }
        self.map.covers(header.next_offset());
        Ok(MapProgress::Taken)
    }
}

/// What a round of cleaning goes by.
pub struct CleanRules<'a> {
    pub map: &'a OffsetMap,
    /// Each active producer's last write, whose batch stays, if need be without records.
    pub last_written: &'a BTreeMap<ProducerId, LastWritten>,
    pub now: Timestamp,
    /// `delete.retention.ms`: how long a tombstone stays after it was first seen by a round.
    pub delete_retention_ms: i64,
    /// The offset after the last batch of the round, which stays, if need be without records, so that the log
    /// still tells its end.
    pub round_end: Offset,
    pub decompressed_bytes_max: usize,
}

/// What became of a batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cleaned {
    /// The batch to write: the same, one with fewer records, an empty one, or none.
    pub batch: Option<RecordBatch>,
    pub records_read: i32,
    pub records_kept: i32,
}

/// Cleans one batch after the other, in order.
pub struct Cleaner<'a> {
    rules: CleanRules<'a>,
    transactions: CleanedTransactions,
}

impl<'a> Cleaner<'a> {
    #[must_use]
    pub fn new(rules: CleanRules<'a>, transactions: CleanedTransactions) -> Cleaner<'a> {
        Cleaner { rules, transactions }
    }

    /// The transactions as far as the batches have passed, for the transaction index.
    pub fn transactions(&mut self) -> &mut CleanedTransactions {
        &mut self.transactions
    }

    /// Cleans the next batch. Its offsets, its producer's sequences and its codec stay as they are.
    ///
    /// # Errors
    /// The [`BatchError`] of a batch that cannot be read; it is to be kept as it is.
    pub fn clean(&mut self, batch: &RecordBatch) -> Result<Cleaned, BatchError> {
        let header = *batch.header();
        let is_control = header.attributes.is_control();
        let is_obsolete = match is_control {
            true => self.transactions.pass_control(batch)?,
            false => self.transactions.pass_data(&header),
        };
        let horizon_passed = header.delete_horizon().is_some_and(|horizon| horizon <= self.rules.now);
        // An obsolete marker waits as a tombstone does; aborted data goes at once.
        let drop_records = is_obsolete && (!is_control || horizon_passed);
        let must_stay = self.is_last_of_producer(&header) || header.next_offset() == self.rules.round_end;
        let read = header.record_count;
        if drop_records {
            let batch = must_stay.then(|| batch.emptied());
            return Ok(Cleaned { batch, records_read: read, records_kept: 0 });
        }
        let mut kept = Vec::new();
        let mut has_tombstone = false;
        for record in batch.records(self.rules.decompressed_bytes_max)? {
            let record = record?;
            if is_control || self.keeps(&header, &record, horizon_passed) {
                has_tombstone |= record.value.is_none();
                kept.push(record);
            }
        }
        let records_kept = i32::try_from(kept.len()).expect("no more than the batch's own count");
        let batch = if kept.is_empty() {
            must_stay.then(|| batch.emptied())
        } else {
            // The horizon is set by the first round that sees the tombstone, or the marker without data.
            let wants_horizon = has_tombstone || (is_control && is_obsolete);
            let new_horizon = (wants_horizon && header.delete_horizon().is_none())
                .then(|| self.rules.now.plus_ms(self.rules.delete_retention_ms));
            match (records_kept == read, new_horizon) {
                (true, None) => Some(batch.clone()),
                (_, new_horizon) => Some(batch.retaining(&kept, new_horizon)?),
            }
        };
        Ok(Cleaned { batch, records_read: read, records_kept })
    }

    fn keeps(&self, header: &BatchHeader, record: &Record, horizon_passed: bool) -> bool {
        let offset = header.record_offset(record.offset_delta);
        if offset >= self.rules.map.end_offset() {
            return true;
        }
        let Some(key) = &record.key else { return false };
        let drops_latest = mutant(Mutant::CompactionDropsLatest);
        let is_latest = self
            .rules
            .map
            .latest(key)
            .is_none_or(|latest| offset >= latest && !(drops_latest && offset == latest));
        let horizon_passed = horizon_passed || mutant(Mutant::TombstonesDroppedEarly);
        is_latest && (record.value.is_some() || !horizon_passed)
    }

    fn is_last_of_producer(&self, header: &BatchHeader) -> bool {
        let Some(last) = self.rules.last_written.get(&header.producer_id) else { return false };
        match last.last_data_offset {
            Some(offset) => header.has_producer_id() && header.last_offset() == offset,
            None => header.attributes.is_control() && header.producer_epoch == last.epoch,
        }
    }
}
