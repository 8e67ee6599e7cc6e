use bytes::Bytes;

use crate::log;
use crate::probe::{Mutant, mutant};
use crate::raft::{FetchOutcome, FetchReply, Position, Slice, VoterSet};
use crate::types::{EpochStart, LeaderEpoch, Offset};
use crate::wire::Records;
use crate::wire::batch::{BatchCheck, BatchError, BatchIterator, FrameMemory, RecordBatch};

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
    /// Only for a reply to what the replica asks now: the batches are checked byte by byte. `empty_at` is the replica's
    /// [`log::PartitionLog::empty_at`].
    pub(in crate::partition) fn read(
        reply: &mut FetchReply,
        records: Records,
        producer_state: Bytes,
        frame: &FrameMemory,
        empty_at: Option<Offset>,
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
        let records = records.into_bytes();
        for batch in BatchIterator::new(records.clone(), BatchCheck::Verify) {
            let batch = batch?.sharing(&records, frame);
            let header = batch.header();
            let (base, epoch) = (header.base_offset, header.partition_leader_epoch);
            while let Some(start) = starts.next_if(|start| start.start <= base) {
                at = Position { epoch: start.epoch, end: at.end.max(start.start) };
            }
            let ends_before_the_next = starts.peek().is_none_or(|next| header.next_offset() <= next.start);
            // A log that was reset may begin inside a batch: that is committed and whole wherever it is held, be it that the log of
            // whoever leads by now begins before it. One that holds a batch goes on where that ends, wherever it and its leader's begin.
            let may_begin_inside = match mutant(Mutant::ReplicaBeginsWithItsLeader) {
                true => at.end <= reply.log_start,
                false => empty_at == Some(at.end),
            };
            let begins_inside = batches.is_empty()
                && may_begin_inside
                && (Offset::ZERO..at.end).contains(&base)
                && header.next_offset() > at.end;
            let follows = base >= at.end || begins_inside;
            if epoch != at.epoch || !follows || header.last_offset() < base || !ends_before_the_next {
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

    /// Takes it apart into answers of at most so many bytes of batches each, or one batch, which follow one another.
    pub(in crate::partition) fn in_parts(
        self,
        reply: FetchReply,
        bytes_max: usize,
    ) -> Vec<(FetchReply, Incoming)> {
        let total: usize = self.batches.iter().map(RecordBatch::len).sum();
        let FetchOutcome::Entries(slice) = &reply.outcome else { return vec![(reply, self)] };
        if total <= bytes_max {
            return vec![(reply, self)];
        }
        let (mut parts, mut asked, mut part, mut bytes) = (Vec::new(), reply.asked, Vec::new(), 0);
        let mut batches = self.batches.into_iter().peekable();
        while let Some(batch) = batches.next() {
            bytes += batch.len();
            let header = batch.header();
            let last = match batches.peek() {
                Some(_) => Position { epoch: header.partition_leader_epoch, end: header.next_offset() },
                None => slice.last,
            };
            part.push(batch);
            let is_full = batches.peek().is_none_or(|next| bytes + next.len() > bytes_max);
            if !is_full {
                continue;
            }
            let begins_here = |start: &&EpochStart| start.epoch > asked.epoch && start.epoch <= last.epoch;
            let epoch_starts: Vec<EpochStart> =
                slice.epoch_starts.iter().filter(begins_here).copied().collect();
            let lies_here = |voters: &&(Offset, VoterSet)| (asked.end..last.end).contains(&voters.0);
            let voters = slice.voters.iter().filter(lies_here).cloned().collect();
            let outcome = FetchOutcome::Entries(Slice { last, epoch_starts: epoch_starts.clone(), voters });
            let incoming =
                Incoming { batches: std::mem::take(&mut part), epoch_starts, producer_state: Bytes::new() };
            parts.push((FetchReply { asked, outcome, ..reply.clone() }, incoming));
            (asked, bytes) = (last, 0);
        }
        parts
    }

    /// The largest of the batches, in bytes.
    pub(in crate::partition) fn largest_batch_bytes(&self) -> usize {
        self.batches.iter().map(RecordBatch::len).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::ReplicaKey;
    use crate::types::{NodeId, Timestamp, Uuid};
    use crate::wire::batch::{BatchBuilder, BatchOptions, NewRecord};

    fn at(epoch: i32, end: i64) -> Position {
        Position { epoch: LeaderEpoch(epoch), end: Offset(end) }
    }

    fn starts(starts: &[(i32, i64)]) -> Vec<EpochStart> {
        let start = |&(epoch, start)| EpochStart { epoch: LeaderEpoch(epoch), start: Offset(start) };
        starts.iter().map(start).collect()
    }

    /// A batch of `records` records at `base`.
    fn batch(epoch: i32, base: i64, records: usize) -> RecordBatch {
        let mut builder = BatchBuilder::new(BatchOptions::plain(10_000));
        for _ in 0..records {
            let value: Option<&[u8]> = Some(b"value");
            let record = NewRecord { timestamp: Timestamp(1), key: None, value, headers: &[] };
            builder.append(record).expect("it fits");
        }
        builder.build().into_batch().placed_at(Offset(base), LeaderEpoch(epoch))
    }

    fn voters() -> VoterSet {
        VoterSet::of([ReplicaKey { node: NodeId(7), directory: Uuid([7; 16]) }]).expect("a set")
    }

    fn reply(asked: Position, last: Position, epoch_starts: &[(i32, i64)]) -> FetchReply {
        let slice = Slice { last, epoch_starts: starts(epoch_starts), voters: Vec::new() };
        FetchReply {
            epoch: LeaderEpoch(9),
            asked,
            high_watermark: asked,
            log_start: Offset::ZERO,
            outcome: FetchOutcome::Entries(slice),
        }
    }

    fn records(batches: &[RecordBatch]) -> Records {
        let mut records = Records::default();
        batches.iter().for_each(|batch| records.push(batch.to_bytes()));
        records
    }

    fn read(
        reply: &mut FetchReply,
        batches: &[RecordBatch],
        empty_at: Option<Offset>,
    ) -> Result<Incoming, IncomingError> {
        Incoming::read(reply, records(batches), Bytes::new(), &FrameMemory::default(), empty_at)
    }

    fn slice(reply: &FetchReply) -> &Slice {
        match &reply.outcome {
            FetchOutcome::Entries(slice) => slice,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn entries_are_taken_apart_where_batches_end_and_lose_nothing() {
        let set = log::voters::batch(&voters(), Offset(16), LeaderEpoch(4), Timestamp(1));
        // Epoch 2 goes on, 3 has no record, 4 begins behind a gap, and 5 comes after everything.
        let batches = [batch(2, 10, 2), batch(2, 12, 1), batch(4, 15, 1), set, batch(4, 20, 3)];
        let mut whole = reply(at(2, 10), at(5, 23), &[(3, 14), (4, 14), (5, 23)]);
        let incoming = read(&mut whole, &batches, None).expect("sound entries");
        assert_eq!(slice(&whole).voters, [(Offset(16), voters())]);
        assert_eq!(incoming.largest_batch_bytes(), batches.iter().map(RecordBatch::len).max().unwrap_or(0));
        let parts = incoming.in_parts(whole, 1);
        assert_eq!(parts.len(), 5, "one batch each");
        let mut end = at(2, 10);
        for ((reply, incoming), batch) in parts.iter().zip(&batches) {
            assert_eq!((reply.asked, &incoming.batches), (end, &vec![batch.clone()]));
            assert_eq!(incoming.epoch_starts, slice(reply).epoch_starts);
            end = slice(reply).last;
        }
        assert_eq!(end, at(5, 23));
        let begun: Vec<Vec<EpochStart>> = parts.iter().map(|part| part.1.epoch_starts.clone()).collect();
        assert_eq!(
            begun,
            [starts(&[]), starts(&[]), starts(&[(3, 14), (4, 14)]), starts(&[]), starts(&[(5, 23)])]
        );
        let with_voters: Vec<usize> = parts.iter().map(|(reply, _)| slice(reply).voters.len()).collect();
        assert_eq!(with_voters, [0, 0, 0, 1, 0]);
    }

    #[test]
    fn a_log_may_begin_inside_its_first_batch_and_nowhere_else() {
        let (asked, last) = (at(2, 11), at(2, 15));
        let begins = |empty_at: Option<i64>, leaders_start: i64, batches: &[RecordBatch]| {
            let mut reply = FetchReply { log_start: Offset(leaders_start), ..reply(asked, last, &[]) };
            read(&mut reply, batches, empty_at.map(Offset)).map(|incoming| incoming.batches.len())
        };
        let (whole, own) = ([batch(2, 10, 3), batch(2, 13, 2)], Some(11));
        assert_eq!(begins(own, 11, &whole), Ok(2));
        // Whoever moved the start may have lost its leadership before anybody else had heard of that.
        assert_eq!(begins(own, 0, &whole), Ok(2), "its leader's begins earlier");
        let out_of_place = |base, expected| {
            Err(IncomingError::OutOfPlace { base: Offset(base), epoch: LeaderEpoch(2), expected })
        };
        assert_eq!(begins(None, 11, &whole), out_of_place(10, asked), "it holds something");
        assert_eq!(begins(Some(10), 11, &whole), out_of_place(10, asked), "another log's");
        assert_eq!(begins(own, 11, &[batch(2, 9, 2)]), out_of_place(9, asked), "it ends before that");
        assert_eq!(begins(own, 11, &[batch(2, -1, 16)]), out_of_place(-1, asked), "no log begins there");
        assert_eq!(begins(own, 11, &[batch(2, 10, 3), batch(2, 12, 3)]), out_of_place(12, at(2, 13)));
    }

    #[test]
    fn what_cannot_be_a_leaders_entries_is_refused() {
        let read =
            |mut reply: FetchReply, batches: &[RecordBatch]| read(&mut reply, batches, None).map(|_| ());
        let (asked, last) = (at(2, 10), at(2, 12));
        assert_eq!(read(reply(asked, last, &[]), &[batch(2, 10, 2)]), Ok(()));
        let out_of_place = |base, epoch, expected| {
            let (base, epoch) = (Offset(base), LeaderEpoch(epoch));
            Err(IncomingError::OutOfPlace { base, epoch, expected })
        };
        assert_eq!(read(reply(asked, last, &[]), &[batch(2, 9, 3)]), out_of_place(9, 2, asked));
        assert_eq!(read(reply(asked, last, &[]), &[batch(3, 10, 2)]), out_of_place(10, 3, asked));
        assert_eq!(
            read(reply(asked, at(3, 12), &[(3, 11)]), &[batch(2, 10, 2)]),
            out_of_place(10, 2, asked),
            "it reaches into the next epoch"
        );
        let short = Err(IncomingError::End { end: Offset(11), last });
        assert_eq!(read(reply(asked, last, &[]), &[batch(2, 10, 1)]), short);
        assert_eq!(read(reply(asked, last, &[]), &[]), Err(IncomingError::End { end: Offset(10), last }));
        let mut rotten = batch(2, 10, 2).to_bytes().to_vec();
        *rotten.last_mut().expect("bytes") ^= 1;
        let rotten = Incoming::read(
            &mut reply(asked, last, &[]),
            Bytes::from(rotten).into(),
            Bytes::new(),
            &FrameMemory::default(),
            None,
        );
        assert!(matches!(rotten, Err(IncomingError::Batch(BatchError::Crc { .. }))), "{rotten:?}");
    }
}
