use super::{LeaderEpoch, Offset};

/// Which leader epoch begins at which offset (KIP-101). Epochs rise; offsets do not fall: an epoch's start
/// takes no offset, so several may begin at one place.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct EpochHistory {
    entries: Entries,
}

/// Most logs have one epoch, and there may be very many of them: it needs no memory of its own.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Entries {
    One(EpochStart),
    /// None, or several.
    Others(Vec<EpochStart>),
}

impl Default for Entries {
    fn default() -> Entries {
        Entries::Others(Vec::new())
    }
}

/// The beginning of one epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EpochStart {
    pub epoch: LeaderEpoch,
    pub start: Offset,
}

impl EpochHistory {
    pub(crate) fn from_entries(entries: Vec<EpochStart>) -> EpochHistory {
        let entries = match entries.as_slice() {
            &[one] => Entries::One(one),
            _ => Entries::Others(entries),
        };
        EpochHistory { entries }
    }

    /// Of a log that begins at `start` with nothing but the epoch before it; none if that is no epoch.
    pub(crate) fn beginning(epoch: LeaderEpoch, start: Offset) -> EpochHistory {
        if epoch == LeaderEpoch::NONE {
            return EpochHistory::default();
        }
        EpochHistory { entries: Entries::One(EpochStart { epoch, start }) }
    }

    #[must_use]
    pub fn entries(&self) -> &[EpochStart] {
        match &self.entries {
            Entries::One(one) => std::slice::from_ref(one),
            Entries::Others(entries) => entries,
        }
    }

    fn change(&mut self, change: impl FnOnce(&mut Vec<EpochStart>)) {
        let mut entries = match std::mem::take(&mut self.entries) {
            Entries::One(one) => vec![one],
            Entries::Others(entries) => entries,
        };
        change(&mut entries);
        *self = EpochHistory::from_entries(entries);
    }

    /// The newest epoch.
    #[must_use]
    pub fn last(&self) -> Option<EpochStart> {
        self.entries().last().copied()
    }

    /// The epoch in which the record at `offset` was (or would be) written.
    #[must_use]
    pub fn epoch_at(&self, offset: Offset) -> Option<LeaderEpoch> {
        let entries = self.entries();
        let after = entries.partition_point(|entry| entry.start <= offset);
        after.checked_sub(1).map(|i| entries[i].epoch)
    }

    /// Notes that `epoch` begins at `start`. An epoch that is not above the last is already known.
    ///
    /// # Panics
    /// If a new epoch would begin before the last one.
    pub(crate) fn assign(&mut self, epoch: LeaderEpoch, start: Offset) {
        if let Some(last) = self.last() {
            if epoch <= last.epoch {
                return;
            }
            assert!(start >= last.start, "epoch {epoch} begins at {start}, before the one at {}", last.start);
        }
        self.change(|entries| entries.push(EpochStart { epoch, start }));
    }

    /// Forgets what lies behind a truncation: epochs above `last_epoch`, and those that begin beyond `end`.
    pub(crate) fn truncate(&mut self, end: Offset, last_epoch: LeaderEpoch) {
        self.change(|entries| entries.retain(|entry| entry.epoch <= last_epoch && entry.start <= end));
    }

    /// Forgets epochs that ended before `log_start`. The epoch of the record before `log_start` stays in front
    /// and begins there from now on: together they are the position up to which the log is gone.
    pub(crate) fn advance_start(&mut self, log_start: Offset) {
        let after = self.entries().partition_point(|entry| entry.start < log_start);
        if after > 0 {
            self.change(|entries| {
                entries.drain(..after - 1);
                entries[0].start = log_start;
            });
        }
    }

    /// Where `epoch` ends: the largest known epoch that is not above it, and the start of the one after
    /// (`log_end` for the last), as OffsetForLeaderEpoch answers. `None` if all known epochs are above.
    #[must_use]
    pub fn end_of(&self, epoch: LeaderEpoch, log_end: Offset) -> Option<(LeaderEpoch, Offset)> {
        let entries = self.entries();
        let after = entries.partition_point(|entry| entry.epoch <= epoch);
        let known = entries[after.checked_sub(1)?].epoch;
        Some((known, entries.get(after).map_or(log_end, |next| next.start)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(entries: &[(i32, i64)]) -> EpochHistory {
        let mut history = EpochHistory::default();
        for &(epoch, start) in entries {
            history.assign(LeaderEpoch(epoch), Offset(start));
        }
        history
    }

    #[test]
    fn one_epoch_is_no_larger_than_room_for_many_and_the_same_however_it_came_to_be() {
        assert_eq!(size_of::<EpochHistory>(), size_of::<Vec<EpochStart>>());
        let one = history(&[(3, 10)]);
        let mut left = history(&[(3, 10), (4, 12)]);
        left.truncate(Offset(12), LeaderEpoch(3));
        let (epoch, start) = (LeaderEpoch(3), Offset(10));
        let entry = EpochStart { epoch, start };
        for same in [left, EpochHistory::from_entries(vec![entry]), EpochHistory::beginning(epoch, start)] {
            assert_eq!((&same, same.entries()), (&one, &[entry][..]));
        }
        let mut none = one;
        none.truncate(Offset(12), LeaderEpoch(2));
        assert_eq!(none, EpochHistory::default());
    }

    #[test]
    fn an_epoch_ends_where_the_next_begins() {
        let history = history(&[(1, 0), (3, 10), (4, 10), (7, 25)]);
        let end = |epoch| history.end_of(LeaderEpoch(epoch), Offset(30)).map(|(e, o)| (e.0, o.0));
        assert_eq!(end(0), None);
        assert_eq!(end(1), Some((1, 10)));
        assert_eq!(end(2), Some((1, 10)));
        assert_eq!(end(3), Some((3, 10)));
        assert_eq!(end(5), Some((4, 25)));
        assert_eq!(end(9), Some((7, 30)));
        assert_eq!(history.epoch_at(Offset(9)), Some(LeaderEpoch(1)));
        assert_eq!(history.epoch_at(Offset(10)), Some(LeaderEpoch(4)));
    }

    #[test]
    fn a_truncation_may_keep_one_of_two_starts_at_one_offset() {
        let mut kept = history(&[(1, 0), (3, 10), (4, 10)]);
        kept.truncate(Offset(10), LeaderEpoch(3));
        assert_eq!(kept, history(&[(1, 0), (3, 10)]));
        kept.truncate(Offset(9), LeaderEpoch(3));
        assert_eq!(kept, history(&[(1, 0)]));
    }

    #[test]
    fn the_start_moves_within_its_epoch() {
        let mut moved = history(&[(1, 0), (3, 10), (7, 25)]);
        moved.advance_start(Offset(12));
        assert_eq!(moved, history(&[(3, 12), (7, 25)]));
        moved.advance_start(Offset(25));
        assert_eq!(moved, history(&[(3, 25), (7, 25)]), "the last record that is gone was of epoch 3");
        moved.advance_start(Offset(26));
        assert_eq!(moved, history(&[(7, 26)]));
    }
}
