//! What a checkpoint says of the journal, by `docs/segment-format.md`: where a start begins to replay it, and which of its
//! entries stand in the checkpoint and the segments, too.
use std::collections::BTreeMap;

use super::journal::Payload;

const MAGIC: &[u8] = b"ORDNCKPT";
/// Kinds of entries that say nothing of batches: the checkpoint's state tells what they said, up to its entry number.
const FACTS: [u8; 5] = [2, 3, 4, 6, 8];
/// A segment in a checkpoint.
const SEGMENT_BYTES: usize = 85;

/// A place in the journal: a file's sequence number, and an offset in it.
pub(super) type Place = (u64, u64);

/// A whole checkpoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Checkpoint {
    pub(super) generation: u64,
    pub(super) replay_from: Place,
    next_log_id: u64,
    logs: BTreeMap<u64, Covered>,
}

/// Which entries of a log a start does not need.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Covered {
    /// Facts up to this entry.
    number: u64,
    /// All before this entry.
    batches_from: u64,
}

impl Checkpoint {
    /// `None` if it is none, or cut short. Its checksum is not looked at.
    pub(super) fn parse(content: &[u8]) -> Option<Checkpoint> {
        let rest = content.strip_prefix(MAGIC)?;
        let mut take = Take { rest: rest.get(16..)? };
        let generation = take.u64()?;
        take.skip(16)?;
        let replay_from = (take.u64()?, take.u64()?);
        take.skip(12)?;
        let next_log_id = take.u64()?;
        take.skip(20)?;
        let mut logs = BTreeMap::new();
        for _ in 0..take.u32()? {
            take.skip(20)?;
            let id = take.u64()?;
            logs.insert(id, Covered { number: take.u64()?, batches_from: take.u64()? });
            take.skip(1 + 5 * 8 + 2 * 4 + 2 * 16)?;
            let epochs = take.u32()?;
            take.skip(usize::try_from(epochs).ok()? * 12)?;
            for _ in 0..take.u32()? {
                take.skip(12)?;
                let voters = take.u32()?;
                take.skip(usize::try_from(voters).ok()? * 20)?;
            }
            let segments = take.u32()?;
            take.skip(usize::try_from(segments).ok()? * SEGMENT_BYTES)?;
            let producers = take.u32()?;
            take.skip(usize::try_from(producers).ok()?)?;
        }
        Some(Checkpoint { generation, replay_from, next_log_id, logs })
    }

    /// Whether a start from it needs an entry of the commit that stands there.
    pub(super) fn needs(&self, commit: Place, payload: &Payload) -> bool {
        let is_covered = match self.logs.get(&payload.log) {
            // It was deleted.
            None => payload.log < self.next_log_id,
            Some(covered) => {
                payload.number <= covered.number
                    && (FACTS.contains(&payload.kind) || payload.number < covered.batches_from)
            }
        };
        commit >= self.replay_from && !is_covered
    }
}

struct Take<'a> {
    rest: &'a [u8],
}

impl Take<'_> {
    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.rest = self.rest.get(bytes..)?;
        Some(())
    }

    fn u32(&mut self) -> Option<u32> {
        let (number, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(u32::from_be_bytes(*number))
    }

    fn u64(&mut self) -> Option<u64> {
        let (number, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(u64::from_be_bytes(*number))
    }
}

#[cfg(test)]
mod tests {
    use ordain::types::{PartitionId, PartitionIndex, TopicId};

    use super::*;

    fn checkpoint() -> Vec<u8> {
        let mut content = MAGIC.to_vec();
        content.extend([0; 16]);
        content.extend(9_u64.to_be_bytes());
        content.extend([0; 16]);
        content.extend(7_u64.to_be_bytes());
        content.extend(4096_u64.to_be_bytes());
        content.extend([0; 12]);
        content.extend(30_u64.to_be_bytes());
        content.extend([0; 20]);
        content.extend(2_u32.to_be_bytes());
        for (id, number, batches_from) in [(11_u64, 40_u64, 41_u64), (12, 40, 35)] {
            content.extend([0; 20]);
            content.extend([id, number, batches_from].map(u64::to_be_bytes).concat());
            content.extend([0; 81]);
            // Two epochs, a voter set of three, a segment, a producer snapshot.
            content.extend([&2_u32.to_be_bytes()[..], &[0; 24]].concat());
            content.extend([&1_u32.to_be_bytes()[..], &[0; 12], &3_u32.to_be_bytes()[..], &[0; 60]].concat());
            content.extend([&1_u32.to_be_bytes()[..], &[0; SEGMENT_BYTES]].concat());
            content.extend([&5_u32.to_be_bytes()[..], &[0; 5]].concat());
        }
        content
    }

    #[test]
    fn a_checkpoint_is_read() {
        let content = checkpoint();
        let read = Checkpoint::parse(&content).unwrap();
        assert_eq!((read.generation, read.replay_from, read.next_log_id), (9, (7, 4096), 30));
        assert_eq!(read.logs[&12], Covered { number: 40, batches_from: 35 });
        assert_eq!(Checkpoint::parse(&content[..content.len() - 1]), None, "cut short");
        assert_eq!(Checkpoint::parse(b"ORDNJRNL"), None);
    }

    #[test]
    fn what_stands_elsewhere_is_not_needed() {
        let read = Checkpoint::parse(&checkpoint()).unwrap();
        let whose = PartitionId { topic: TopicId([7; 16]), index: PartitionIndex(0) };
        let needs = |log, number, kind| {
            let payload = Payload { place: 0..1, whose, log, number, kind };
            assert!(!read.needs((7, 0), &payload), "before the replay");
            read.needs((7, 4096), &payload)
        };
        assert_eq!([needs(11, 40, 1), needs(11, 41, 1)], [false, true], "a batch");
        assert_eq!([needs(12, 34, 1), needs(12, 35, 1)], [false, true], "it is in no segment");
        assert_eq!([needs(12, 40, 3), needs(12, 41, 3)], [false, true], "a vote");
        assert_eq!([needs(29, 1, 1), needs(30, 1, 4)], [false, true], "one deleted, one made since");
    }
}
