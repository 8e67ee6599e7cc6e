use std::sync::Arc;

use bytes::Bytes;

use super::{Held, PartitionLog};
use crate::log::stored_read::{ReadError, StoredRead, StoredTimestampRead};
use crate::log::tail::pieces;
use crate::probe::{Condition, Mutant, mutant, sometimes};
use crate::types::{Offset, Timestamp};
use crate::wire::batch::RecordBatch;

/// How many segments a read looks at: what it gives comes from one of them, and what is read ahead from the next.
const SEGMENTS_PER_READ: usize = 4;

/// What to read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadRequest {
    /// Where to begin: the batch that holds it is given whole, from its start.
    pub offset: Offset,
    /// How many bytes to give at most.
    pub max_bytes: usize,
    /// Only batches that end at or below it: the high watermark, the last stable offset, the log's end.
    pub up_to: Offset,
    /// Whether the first batch is given even if it is longer than `max_bytes`.
    pub min_one_batch: bool,
}

/// Where the answer comes from.
pub enum Read {
    /// Whole batches, in pieces. Empty if there is nothing between the offset and the limit.
    Memory(Vec<Bytes>),
    /// To be run outside of the shard.
    Stored(StoredRead),
}

/// Where the answer to a search by time comes from.
pub enum TimestampRead {
    /// No batch has such a time.
    None,
    Memory(RecordBatch),
    /// To be run outside of the shard.
    Stored(StoredTimestampRead),
}

/// What a log says of its greatest timestamp without looking at records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MaxTimestamp {
    /// No record has a greater one, and some record has or had it: one before the log's start, perhaps.
    pub claimed: Timestamp,
    /// The greatest of which a record is there for sure.
    pub sure: Option<Timestamp>,
}

impl PartitionLog {
    /// Plans a read.
    ///
    /// # Errors
    /// If the offset is not in the log, or the log is damaged.
    pub fn read(&self, request: ReadRequest) -> Result<Read, ReadError> {
        let ReadRequest { offset, max_bytes, up_to, min_one_batch } = request;
        if let Some(damage) = &self.damage {
            return Err(ReadError::Damaged(damage.what.clone()));
        }
        if offset < self.log_start || offset > self.log_end {
            return Err(ReadError::OutOfRange { offset, log_start: self.log_start, log_end: self.log_end });
        }
        let up_to = up_to.min(self.log_end);
        if offset >= up_to {
            return Ok(Read::Memory(Vec::new()));
        }
        let in_memory = self.tail.start().is_some_and(|start| start <= offset);
        let segments = match in_memory {
            true => Vec::new(),
            false => self.segments_from(offset, up_to).take(SEGMENTS_PER_READ).map(Held::view).collect(),
        };
        if segments.is_empty() {
            // In memory, or in a gap between the last segment and the tail.
            return Ok(Read::Memory(self.read_tail(request, up_to)));
        }
        if self.flushed_end < up_to {
            sometimes(Condition::ReadCrossedToMemory);
        }
        let cache = Arc::clone(&self.cache);
        Ok(Read::Stored(StoredRead {
            cache,
            epochs: self.epochs.clone(),
            segments,
            offset,
            max_bytes,
            up_to,
            at_least_one: min_one_batch,
        }))
    }

    fn read_tail(&self, request: ReadRequest, up_to: Offset) -> Vec<Bytes> {
        let mut read = Vec::new();
        let mut bytes = 0;
        for held in self.tail.from(request.offset) {
            if held.header().base_offset < request.offset {
                sometimes(Condition::FetchInsideBatchInMemory);
                if mutant(Mutant::BatchAfterOffset) {
                    continue;
                }
            }
            let length = held.batch.len();
            let fits = bytes + length <= request.max_bytes || (request.min_one_batch && read.is_empty());
            if held.header().next_offset() > up_to || !fits {
                break;
            }
            bytes += length;
            read.extend(pieces(&held.batch));
        }
        read
    }

    /// The segments that may hold batches from `offset` up to a limit.
    fn segments_from(&self, offset: Offset, up_to: Offset) -> impl Iterator<Item = &Held> {
        let first = self.segments.partition_point(|held| held.state.end <= offset);
        self.segments[first..].iter().take_while(move |held| held.state.base < up_to)
    }

    /// The first batch at or after `from`, and below `up_to`, that may hold a record at or after `timestamp`:
    /// the caller looks inside, and asks again from the batch's end if there is none.
    ///
    /// # Errors
    /// If the log is damaged.
    pub fn find_timestamp(
        &self,
        timestamp: Timestamp,
        from: Offset,
        up_to: Offset,
    ) -> Result<TimestampRead, ReadError> {
        if let Some(damage) = &self.damage {
            return Err(ReadError::Damaged(damage.what.clone()));
        }
        let from = from.max(self.log_start);
        let may_hold = |held: &&Held| held.state.max_timestamp >= timestamp;
        let segments: Vec<_> = self.segments_from(from, up_to).filter(may_hold).map(Held::view).collect();
        // The tail repeats batches of the segments: what it holds of them is not looked at again.
        let tail = self
            .tail
            .from(from.max(self.flushed_end))
            .take_while(|held| held.header().next_offset() <= up_to)
            .find(|held| held.header().max_timestamp >= timestamp)
            .map(|held| held.batch.clone());
        if segments.is_empty() {
            return Ok(tail.map_or(TimestampRead::None, TimestampRead::Memory));
        }
        let cache = Arc::clone(&self.cache);
        let epochs = self.epochs.clone();
        Ok(TimestampRead::Stored(StoredTimestampRead {
            cache,
            epochs,
            segments,
            timestamp,
            from,
            up_to,
            tail,
        }))
    }

    /// The greatest timestamp below `up_to`. `None` for a log without timestamps. With `up_to` inside the segments, the answer is of
    /// those segments that begin below it.
    #[must_use]
    pub fn max_timestamp(&self, up_to: Offset) -> Option<MaxTimestamp> {
        // What begins before the log may have it from a record that is deleted.
        let is_whole = |base: Offset| base >= self.log_start;
        let stored = self
            .segments
            .iter()
            .take_while(|held| held.state.base < up_to)
            .map(|held| (held.state.max_timestamp, is_whole(held.state.base)));
        let tail = self
            .tail
            .from(self.flushed_end)
            .map(super::super::tail::TailBatch::header)
            .take_while(|header| header.next_offset() <= up_to)
            .map(|header| (header.max_timestamp, is_whole(header.base_offset)));
        let claims = stored.chain(tail).filter(|(timestamp, _)| timestamp.0 >= 0);
        claims.fold(None, |best: Option<MaxTimestamp>, (timestamp, whole)| {
            let (claimed, sure) =
                best.map_or((timestamp, None), |best| (best.claimed.max(timestamp), best.sure));
            Some(MaxTimestamp { claimed, sure: sure.max(whole.then_some(timestamp)) })
        })
    }
}
