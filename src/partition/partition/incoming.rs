use bytes::Bytes;

use crate::log;
use crate::raft::{FetchOutcome, FetchReply, Position};
use crate::types::{EpochStart, LeaderEpoch, Offset};
use crate::wire::Records;
use crate::wire::batch::{BatchCheck, BatchError, BatchIterator, RecordBatch};

/// What travels beside a leader's answer to a fetch.
#[derive(Default, Debug)]
pub(in crate::partition) struct Incoming {
    /// The record batches among the entries, checked.
    pub(super) batches: Vec<RecordBatch>,
    /// The epochs that begin among them.
    pub(super) epoch_starts: Vec<EpochStart>,
    /// With a reset.
    pub(super) producer_state: Bytes,
}

/// Batches that are not the entries which the reply names: no sound node sends them.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(in crate::partition) enum IncomingError {
    #[error(transparent)]
    Batch(#[from] BatchError),
    #[error("a batch at {base} of epoch {epoch} where {expected} goes on")]
    OutOfPlace { base: Offset, epoch: LeaderEpoch, expected: Position },
    #[error("the batches end at {end}, the entries at {last}")]
    End { end: Offset, last: Position },
    #[error("a voter set cannot be read: {0}")]
    Voters(String),
}

impl Incoming {
    /// Takes apart what came with `reply`, and puts the voter sets among the batches into it: they travel in batches alone.
    /// Only for a reply to what the replica asks now: the batches are checked byte by byte.
    pub(in crate::partition) fn read(
        reply: &mut FetchReply,
        records: Records,
        producer_state: Bytes,
    ) -> Result<Incoming, IncomingError> {
        let asked = reply.asked;
        let slice = match &mut reply.outcome {
            FetchOutcome::Entries(slice) => slice,
            FetchOutcome::Reset { .. } => return Ok(Incoming { producer_state, ..Incoming::default() }),
            FetchOutcome::Diverging(_) => return Ok(Incoming::default()),
        };
        let mut batches = Vec::new();
        let mut at = asked;
        let mut starts = slice.epoch_starts.iter().peekable();
        for batch in BatchIterator::new(records.into_bytes(), BatchCheck::Verify) {
            let batch = batch?;
            let header = batch.header();
            let (base, epoch) = (header.base_offset, header.partition_leader_epoch);
            while let Some(start) = starts.next_if(|start| start.start <= base) {
                at = Position { epoch: start.epoch, end: at.end.max(start.start) };
            }
            let ends_before_the_next = starts.peek().is_none_or(|next| header.next_offset() <= next.start);
            if epoch != at.epoch || base < at.end || header.last_offset() < base || !ends_before_the_next {
                return Err(IncomingError::OutOfPlace { base, epoch, expected: at });
            }
            at.end = header.next_offset();
            if header.attributes.is_control()
                && let Some(voters) =
                    log::voters::read(&batch).map_err(|error| IncomingError::Voters(error.to_string()))?
            {
                slice.voters.push((base, voters));
            }
            batches.push(batch);
        }
        let end = starts.fold(at.end, |end, start| end.max(start.start));
        if end != slice.last.end {
            return Err(IncomingError::End { end, last: slice.last });
        }
        let epoch_starts = slice.epoch_starts.clone();
        Ok(Incoming { batches, epoch_starts, producer_state: Bytes::new() })
    }

    /// The largest of the batches, in bytes.
    pub(in crate::partition) fn largest_batch_bytes(&self) -> usize {
        self.batches.iter().map(RecordBatch::len).max().unwrap_or(0)
    }
}
