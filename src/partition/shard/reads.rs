//! What is read of segments for the followers of one node: a few partitions at a time, the others wait.
use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::peers::{News, Room};
use crate::raft::Position;
use crate::types::PartitionId;

/// Partitions that are read from segments for one follower node at a time; what was read waits here for its turn.
const READS_MAX: usize = 8;

/// What is read of segments for a follower.
#[derive(Default)]
pub(super) struct Reads {
    slots: BTreeMap<PartitionId, Slot>,
    /// Partitions that wait for a slot.
    waiting: BTreeSet<PartitionId>,
}

enum Slot {
    UnderWay(Position),
    There(Position, Vec<Bytes>),
}

impl Reads {
    /// What was read after this position, if it fits; a slot for it may be free afterwards.
    pub(super) fn take(&mut self, partition: PartitionId, after: Position, room: Room) -> Option<Taken> {
        match self.slots.get(&partition)? {
            Slot::UnderWay(at) if *at == after => Some(Taken::NotYet),
            Slot::There(at, pieces) if *at == after => {
                let bytes: usize = pieces.iter().map(Bytes::len).sum();
                if bytes > room.bytes && !room.first_may_exceed {
                    return Some(Taken::NoRoom);
                }
                match self.slots.remove(&partition) {
                    Some(Slot::There(_, pieces)) => Some(Taken::Pieces(pieces)),
                    Some(Slot::UnderWay(_)) | None => None,
                }
            }
            // The follower stands somewhere else by now.
            Slot::UnderWay(_) | Slot::There(..) => {
                self.slots.remove(&partition);
                None
            }
        }
    }

    /// Whether a read may begin; else the partition is told once one may.
    pub(super) fn begin(&mut self, partition: PartitionId, after: Position) -> bool {
        if self.slots.len() >= READS_MAX {
            self.waiting.insert(partition);
            return false;
        }
        self.slots.insert(partition, Slot::UnderWay(after));
        true
    }

    pub(super) fn is_under_way(&self, partition: PartitionId, after: Position) -> bool {
        matches!(self.slots.get(&partition), Some(Slot::UnderWay(at)) if *at == after)
    }

    /// Lets those that wait be looked at again, if there is a slot; whether any was.
    pub(super) fn wake(&mut self, news: &mut News) -> bool {
        let woken =
            if self.slots.len() < READS_MAX { std::mem::take(&mut self.waiting) } else { BTreeSet::new() };
        woken.iter().for_each(|&id| news.changed(id));
        !woken.is_empty()
    }

    /// What was read is there.
    pub(super) fn there(&mut self, partition: PartitionId, after: Position, pieces: Vec<Bytes>) {
        self.slots.insert(partition, Slot::There(after, pieces));
    }

    /// A read came to nothing.
    pub(super) fn gone(&mut self, partition: PartitionId) {
        self.slots.remove(&partition);
    }

    /// The partition is not followed here any more.
    pub(super) fn forget(&mut self, partition: PartitionId) {
        self.slots.remove(&partition);
        self.waiting.remove(&partition);
    }
}

/// What there is of a read.
pub(super) enum Taken {
    NotYet,
    NoRoom,
    Pieces(Vec<Bytes>),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::Budget;
    use crate::raft::{Fetch, ReplicaKey};
    use crate::types::{LeaderEpoch, NodeId, Offset, PartitionIndex, TopicId, Uuid};

    const ROOM: Room = Room { bytes: 100, first_may_exceed: false };

    fn partition(index: usize) -> PartitionId {
        PartitionId { topic: TopicId([1; 16]), index: PartitionIndex(i32::try_from(index).unwrap()) }
    }

    fn at(end: i64) -> Position {
        Position { epoch: LeaderEpoch(1), end: Offset(end) }
    }

    /// As many as may be read at once are read, and one more waits; a follower asks for all of them.
    fn busy() -> (Reads, News) {
        let (mut reads, mut news) = (Reads::default(), News::new(Budget::default()));
        let replica = ReplicaKey { node: NodeId(2), directory: Uuid([2; 16]) };
        let fetch =
            Fetch { epoch: LeaderEpoch(1), replica, log_end: at(5), durable: at(5), log_start: Offset(0) };
        for index in 0..=READS_MAX {
            news.fetched(partition(index), &fetch, 0);
            assert_eq!(reads.begin(partition(index), at(5)), index < READS_MAX);
        }
        assert!(!reads.wake(&mut news) && news.is_empty(), "no slot is free");
        (reads, news)
    }

    #[test]
    fn whoever_waits_is_looked_at_again_once_a_slot_is_free() {
        let (mut reads, mut news) = busy();
        reads.there(partition(0), at(5), vec![Bytes::from_static(b"batch")]);
        assert!(
            matches!(reads.take(partition(0), at(5), ROOM), Some(Taken::Pieces(pieces)) if pieces.len() == 1)
        );
        assert!(reads.wake(&mut news));
        assert_eq!(news.len(), 1);
        assert!(!reads.wake(&mut news), "it was told");
        assert!(reads.begin(partition(READS_MAX), at(5)));
    }

    #[test]
    fn a_slot_is_free_too_when_its_follower_stands_elsewhere_or_has_gone() {
        let (mut reads, mut news) = busy();
        assert!(reads.take(partition(0), at(7), ROOM).is_none());
        assert!(!reads.is_under_way(partition(0), at(5)), "what comes of it is nobody's");
        assert!(reads.wake(&mut news) && news.len() == 1);
        let (mut reads, mut news) = busy();
        reads.forget(partition(1));
        assert!(reads.wake(&mut news) && news.len() == 1);
        let (mut reads, mut news) = busy();
        reads.gone(partition(1));
        assert!(reads.wake(&mut news) && news.len() == 1);
        let (mut reads, mut news) = busy();
        reads.forget(partition(READS_MAX));
        reads.forget(partition(1));
        assert!(!reads.wake(&mut news), "the one that waited has gone");
    }

    #[test]
    fn what_does_not_fit_stays() {
        let (mut reads, _news) = busy();
        reads.there(partition(0), at(5), vec![Bytes::from_static(&[0; 101])]);
        assert!(matches!(reads.take(partition(0), at(5), ROOM), Some(Taken::NoRoom)));
        assert!(matches!(reads.take(partition(1), at(5), ROOM), Some(Taken::NotYet)));
        let first = Room { first_may_exceed: true, ..ROOM };
        assert!(matches!(reads.take(partition(0), at(5), first), Some(Taken::Pieces(_))));
    }
}
