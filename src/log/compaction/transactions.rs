use std::collections::{BTreeMap, BTreeSet};

use crate::types::{Offset, ProducerId};
use crate::wire::batch::{BatchError, BatchHeader, EndMarker, RecordBatch, TransactionResult};

/// An aborted transaction of a partition, as its transaction index tells.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct AbortedTransaction {
    pub first_offset: Offset,
    pub producer_id: ProducerId,
    /// Offset of the marker.
    pub last_offset: Offset,
}

/// Follows the transactions while batches pass in order: which data was aborted, and which markers have lost
/// the last batch they speak of.
#[derive(Clone, Debug)]
pub struct CleanedTransactions {
    /// Aborted transactions that have not begun yet, by first offset.
    ahead: BTreeSet<AbortedTransaction>,
    /// Aborted transactions that are open at this point, and whether a batch of theirs is still there.
    aborted: BTreeMap<ProducerId, (AbortedTransaction, bool)>,
    /// Producers with a batch of a committed transaction that is still there.
    committed: BTreeSet<ProducerId>,
    still_aborted: Vec<AbortedTransaction>,
}

impl CleanedTransactions {
    /// Begins at the first batch to pass; `aborted` are all aborted transactions that reach into the batches.
    #[must_use]
    pub fn new(aborted: impl IntoIterator<Item = AbortedTransaction>) -> CleanedTransactions {
        CleanedTransactions {
            ahead: aborted.into_iter().collect(),
            aborted: BTreeMap::new(),
            committed: BTreeSet::new(),
            still_aborted: Vec::new(),
        }
    }

    /// Passes a data batch; says whether it belongs to an aborted transaction.
    pub fn pass_data(&mut self, header: &BatchHeader) -> bool {
        self.begin_up_to(header.last_offset());
        if !header.attributes.is_transactional() {
            return false;
        }
        if let Some((_, has_data)) = self.aborted.get_mut(&header.producer_id) {
            *has_data = true;
            return true;
        }
        self.committed.insert(header.producer_id);
        false
    }

    /// Passes a control batch; says whether nothing is left that its marker speaks of.
    ///
    /// # Errors
    /// The [`BatchError`] of a control record that cannot be read.
    pub fn pass_control(&mut self, batch: &RecordBatch) -> Result<bool, BatchError> {
        let header = batch.header();
        self.begin_up_to(header.last_offset());
        if header.record_count == 0 {
            return Ok(true);
        }
        let Some(marker) = EndMarker::of_batch(batch)? else { return Ok(false) };
        Ok(match marker.result {
            TransactionResult::Commit => !self.committed.remove(&header.producer_id),
            TransactionResult::Abort => match self.aborted.remove(&header.producer_id) {
                Some((transaction, true)) => {
                    self.still_aborted.push(transaction);
                    false
                }
                Some((_, false)) | None => true,
            },
        })
    }

    /// The aborted transactions that still had data when their marker passed: the transaction index of what
    /// has been cleaned so far, in the order of the markers. They are given once.
    pub fn take_still_aborted(&mut self) -> Vec<AbortedTransaction> {
        std::mem::take(&mut self.still_aborted)
    }

    fn begin_up_to(&mut self, offset: Offset) {
        while let Some(next) = self.ahead.first().copied()
            && next.first_offset <= offset
        {
            self.ahead.pop_first();
            self.aborted.entry(next.producer_id).or_insert((next, false));
        }
    }
}
