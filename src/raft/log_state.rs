use super::voters::VoterHistory;
use super::{Position, Slice, VoterSet};
use crate::types::{EpochHistory, LeaderEpoch, Offset};

/// What a replica knows of its own log: everything but the records.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct LogState {
    epochs: EpochHistory,
    start: Offset,
    /// Of the last entry before the start.
    base_epoch: LeaderEpoch,
    start_durable: Offset,
    /// Where another replica's log begins: this one's shall, too, as soon as its high watermark is there.
    start_wanted: Offset,
    /// The start follows no further than here.
    start_limit: Offset,
    end: Position,
    durable: Position,
    high_watermark: Position,
    voters: VoterHistory,
}

/// How another log, that ends at a position, relates to this one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Relation {
    /// It is a prefix of this one.
    Prefix,
    /// It left this one at or before this position: the end of the largest epoch here that is not above its last.
    Diverging(Position),
    /// This one begins after it.
    BeforeStart,
}

impl LogState {
    /// A log as recovery found it: all of it is durable.
    ///
    /// # Panics
    /// If the parts contradict each other: recovery read them from one log.
    pub(super) fn recovered(
        epochs: EpochHistory,
        start: Offset,
        end: Offset,
        high_watermark: Offset,
        voters: Vec<(Position, VoterSet)>,
    ) -> LogState {
        let last_epoch = epochs.last().map_or(LeaderEpoch::NONE, |last| last.epoch);
        let end = Position { epoch: last_epoch, end };
        let before_start = epochs.entries().first().filter(|_| start > Offset::ZERO).map(|first| first.epoch);
        // A log that was founded at 0 begins with an epoch, which its voters' position tells.
        let founded = voters.first().map(|(at, _)| *at).filter(|at| at.end == start).map(|at| at.epoch);
        let mut log = LogState {
            epochs,
            start,
            base_epoch: before_start.or(founded).unwrap_or(LeaderEpoch::NONE),
            start_durable: start,
            start_wanted: start,
            start_limit: Offset(i64::MAX),
            end,
            durable: end,
            high_watermark: end,
            voters: VoterHistory::new(voters),
        };
        assert!(start <= high_watermark && high_watermark <= end.end, "what is committed is in the log");
        log.high_watermark = log.position_at(high_watermark);
        log
    }

    pub(super) fn start(&self) -> Offset {
        self.start
    }

    pub(super) fn start_durable(&self) -> Offset {
        self.start_durable
    }

    pub(super) fn end(&self) -> Position {
        self.end
    }

    pub(super) fn durable(&self) -> Position {
        self.durable
    }

    pub(super) fn high_watermark(&self) -> Position {
        self.high_watermark
    }

    pub(super) fn epochs(&self) -> &EpochHistory {
        &self.epochs
    }

    pub(super) fn voters(&self) -> &VoterHistory {
        &self.voters
    }

    /// The position up to which the log is gone.
    pub(super) fn base(&self) -> Position {
        Position { epoch: self.base_epoch, end: self.start }
    }

    /// The shortest prefix that holds every record before `offset`.
    pub(super) fn position_at(&self, offset: Offset) -> Position {
        let entries = self.epochs.entries();
        match entries.partition_point(|entry| entry.start < offset).checked_sub(1) {
            Some(at) if offset > self.start => Position { epoch: entries[at].epoch, end: offset },
            Some(_) | None => self.base(),
        }
    }

    /// Whether the position names a prefix of this log.
    pub(super) fn contains(&self, position: Position) -> bool {
        self.relation(position) == Relation::Prefix
    }

    /// How a log that ends at `position` relates to this one (KIP-595).
    pub(super) fn relation(&self, position: Position) -> Relation {
        if position == self.base() {
            return Relation::Prefix;
        }
        if position.end < self.start {
            return Relation::BeforeStart;
        }
        match self.epochs.end_of(position.epoch, self.end.end) {
            None if self.base() == Position::ORIGIN => Relation::Diverging(Position::ORIGIN),
            None => Relation::BeforeStart,
            Some((epoch, end)) if epoch == position.epoch && position.end <= end => {
                let starts = self.epochs.entries().iter().find(|entry| entry.epoch == epoch);
                match starts {
                    Some(starts) if position.end < starts.start => {
                        Relation::Diverging(self.position_at(position.end))
                    }
                    Some(_) | None => Relation::Prefix,
                }
            }
            Some((epoch, end)) => Relation::Diverging(Position { epoch, end }),
        }
    }

    /// How much of this log may be in the log of a leader that answered `diverging`; `None` if that cannot be
    /// told from this log.
    pub(super) fn common_with(&self, diverging: Position) -> Option<Position> {
        let common = match self.epochs.end_of(diverging.epoch, self.end.end) {
            Some((epoch, end)) if epoch == diverging.epoch => Position { epoch, end: end.min(diverging.end) },
            Some((epoch, end)) => Position { epoch, end },
            None => self.base(),
        };
        self.contains(common).then_some(common)
    }

    /// What of this log lies between the prefix `after` and the offset `up_to`, without the records.
    pub(super) fn slice(&self, after: Position, up_to: Offset) -> Slice {
        let last = if up_to >= self.end.end { self.end } else { self.position_at(up_to).max(after) };
        let among =
            |entry: &&crate::types::EpochStart| entry.epoch > after.epoch && entry.epoch <= last.epoch;
        let epoch_starts = self.epochs.entries().iter().filter(among).copied().collect();
        Slice { last, epoch_starts, voters: Vec::new() }
    }

    /// Whether these entries can follow the log's end, in the epoch of the leader that sent them.
    pub(super) fn takes(&self, slice: &Slice, leader_epoch: LeaderEpoch) -> bool {
        let mut at = self.end;
        for starts in &slice.epoch_starts {
            if starts.epoch <= at.epoch || starts.start < at.end {
                return false;
            }
            at = Position { epoch: starts.epoch, end: starts.start };
        }
        let voters_lie_within =
            slice.voters.iter().all(|(at, _)| (self.end.end..slice.last.end).contains(at));
        let voters_rise = slice.voters.windows(2).all(|pair| pair[0].0 < pair[1].0);
        slice.last.epoch == at.epoch
            && slice.last.end >= at.end
            && at.epoch <= leader_epoch
            && voters_lie_within
            && voters_rise
    }

    /// Takes entries in that [`LogState::takes`].
    pub(super) fn append(&mut self, slice: &Slice) {
        for starts in &slice.epoch_starts {
            self.epochs.assign(starts.epoch, starts.start);
        }
        for (at, voters) in &slice.voters {
            let epoch = self.epochs.epoch_at(*at).unwrap_or(self.end.epoch);
            self.voters.push(Position { epoch, end: at.plus(1) }, voters.clone());
        }
        self.end = slice.last;
    }

    /// The leader's own records moved the end.
    pub(super) fn extend(&mut self, end: Position) {
        assert!(end > self.end && end.epoch == self.end.epoch, "an append moves the end: {end:?}");
        self.end = end;
    }

    pub(super) fn start_epoch(&mut self, epoch: LeaderEpoch) {
        assert!(epoch > self.end.epoch, "an epoch is above those before it: {epoch}");
        self.epochs.assign(epoch, self.end.end);
        self.end.epoch = epoch;
    }

    /// Appends a voter set, which takes one offset.
    pub(super) fn append_voters(&mut self, voters: VoterSet) {
        self.end.end = self.end.end.plus(1);
        self.voters.push(self.end, voters);
    }

    /// # Panics
    /// If `to` is no prefix of this log.
    pub(super) fn truncate(&mut self, to: Position) {
        assert!(self.contains(to), "{to} is no prefix of the log");
        self.epochs.truncate(to.end, to.epoch);
        self.voters.truncate(to);
        self.end = to;
        self.durable = self.durable.min(to);
    }

    /// Drops everything and begins at `to`, which others have committed.
    pub(super) fn reset(&mut self, to: Position, voters: VoterSet) {
        self.epochs = EpochHistory::default();
        if to.epoch != LeaderEpoch::NONE {
            self.epochs.assign(to.epoch, to.end);
        }
        self.voters = VoterHistory::new(vec![(to, voters)]);
        (self.start, self.base_epoch) = (to.end, to.epoch);
        self.start_wanted = self.start_wanted.max(to.end);
        (self.end, self.high_watermark) = (to, to);
        // Until the reset is durable, the disk holds the old log: nothing is said of it any more.
        self.durable = Position::ORIGIN;
    }

    /// Notes what is durable. What was cut off since is none of this log's; true if there is news.
    pub(super) fn note_durable(&mut self, position: Position) -> bool {
        let news = position > self.durable && position <= self.end && self.contains(position);
        if news {
            self.durable = position;
        }
        news
    }

    pub(super) fn note_start_durable(&mut self, start: Offset) -> bool {
        let news = start > self.start_durable && start <= self.start;
        if news {
            self.start_durable = start;
        }
        news
    }

    /// Everything up to `position` is committed; true if that is news.
    pub(super) fn commit(&mut self, position: Position) -> bool {
        let news = position > self.high_watermark;
        if news {
            self.high_watermark = position;
        }
        news
    }

    pub(super) fn want_start(&mut self, start: Offset) {
        self.start_wanted = self.start_wanted.max(start);
    }

    pub(super) fn limit_start(&mut self, offset: Offset) {
        self.start_limit = offset;
    }

    /// Moves the start to where it is wanted, as far as the log is committed; where it is then, if it moved.
    pub(super) fn follow_start(&mut self) -> Option<Offset> {
        let to = self.start_wanted.min(self.high_watermark.end).min(self.start_limit);
        if to <= self.start {
            return None;
        }
        self.move_start(to);
        Some(to)
    }

    pub(super) fn move_start(&mut self, to: Offset) {
        assert!(to <= self.high_watermark.end, "only what is committed is deleted");
        if to <= self.start {
            return;
        }
        self.epochs.advance_start(to);
        self.start = to;
        self.base_epoch = self.epochs.entries().first().map_or(LeaderEpoch::NONE, |first| first.epoch);
        self.voters.advance_start(self.base());
    }

    pub(super) fn assert_invariants(&self) {
        assert!(self.high_watermark <= self.end, "what is committed is in the log: {self:?}");
        assert!(self.durable <= self.end, "what is durable is in the log: {self:?}");
        assert!(self.start <= self.high_watermark.end, "what is deleted was committed: {self:?}");
        assert!(self.start_durable <= self.start, "{self:?}");
        let last = self.epochs.last().map_or(LeaderEpoch::NONE, |last| last.epoch);
        assert_eq!(last, self.end.epoch, "the last epoch is the end's: {self:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::NodeId;

    fn at(epoch: i32, end: i64) -> Position {
        Position { epoch: LeaderEpoch(epoch), end: Offset(end) }
    }

    fn log(epochs: &[(i32, i64)], start: i64, end: i64) -> LogState {
        let mut history = EpochHistory::default();
        for &(epoch, start) in epochs {
            history.assign(LeaderEpoch(epoch), Offset(start));
        }
        let voters = vec![(Position::ORIGIN, VoterSet::new([NodeId(1)]))];
        LogState::recovered(history, Offset(start), Offset(end), Offset(start), voters)
    }

    #[test]
    fn a_prefix_is_told_from_what_diverged() {
        let leader = log(&[(1, 0), (3, 10), (4, 10), (7, 25)], 0, 30);
        for prefix in [at(-1, 0), at(1, 0), at(1, 10), at(3, 10), at(4, 10), at(4, 25), at(7, 25), at(7, 30)]
        {
            assert_eq!(leader.relation(prefix), Relation::Prefix, "{prefix}");
        }
        assert_eq!(leader.relation(at(1, 11)), Relation::Diverging(at(1, 10)));
        assert_eq!(leader.relation(at(2, 10)), Relation::Diverging(at(1, 10)));
        assert_eq!(leader.relation(at(3, 12)), Relation::Diverging(at(3, 10)));
        assert_eq!(leader.relation(at(6, 20)), Relation::Diverging(at(4, 25)));
        assert_eq!(leader.relation(at(7, 31)), Relation::Diverging(at(7, 30)));
        assert_eq!(leader.relation(at(0, 2)), Relation::Diverging(at(-1, 0)));
    }

    #[test]
    fn what_lies_before_the_start_is_reset_and_the_start_itself_is_not() {
        let mut leader = log(&[(1, 0), (3, 10)], 0, 30);
        leader.commit(at(3, 20));
        leader.want_start(Offset(10));
        assert_eq!(leader.follow_start(), Some(Offset(10)));
        assert_eq!(leader.base(), at(1, 10));
        assert_eq!(leader.relation(at(1, 10)), Relation::Prefix);
        assert_eq!(leader.relation(at(3, 10)), Relation::Prefix);
        assert_eq!(leader.relation(at(1, 9)), Relation::BeforeStart);
        assert_eq!(leader.relation(at(0, 12)), Relation::BeforeStart);
        assert_eq!(leader.relation(at(1, 12)), Relation::Diverging(at(1, 10)));
        leader.want_start(Offset(25));
        assert_eq!(leader.follow_start(), Some(Offset(20)), "not above the high watermark");
        assert_eq!(leader.base(), at(3, 20));
    }

    #[test]
    fn a_founded_log_is_another_than_an_empty_one() {
        let mut founded = log(&[], 0, 0);
        founded.reset(at(0, 0), VoterSet::new([NodeId(1), NodeId(2)]));
        assert_eq!(founded.base(), at(0, 0));
        assert_eq!(founded.relation(at(-1, 0)), Relation::BeforeStart);
        assert_eq!(founded.relation(at(0, 0)), Relation::Prefix);
        let mut epochs = EpochHistory::default();
        epochs.assign(LeaderEpoch(0), Offset(0));
        let voters = vec![(at(0, 0), founded.voters().current().clone())];
        let recovered = LogState::recovered(epochs, Offset(0), Offset(0), Offset(0), voters);
        assert_eq!(recovered.base(), at(0, 0));
    }

    #[test]
    fn the_common_part_is_the_lesser_end_of_the_same_epoch() {
        let follower = log(&[(1, 0), (2, 8)], 0, 12);
        assert_eq!(follower.common_with(at(1, 10)), Some(at(1, 8)));
        assert_eq!(follower.common_with(at(1, 5)), Some(at(1, 5)));
        assert_eq!(follower.common_with(at(2, 8)), Some(at(2, 8)), "the zero-width start alone");
        assert_eq!(follower.common_with(at(0, 3)), Some(at(-1, 0)));
    }

    #[test]
    fn a_slice_names_the_epochs_without_a_record() {
        let leader = log(&[(1, 0), (3, 10), (4, 10), (7, 25)], 0, 25);
        let slice = leader.slice(at(1, 5), Offset(12));
        assert_eq!(slice.last, at(4, 12));
        assert_eq!(slice.epoch_starts.iter().map(|starts| starts.epoch.0).collect::<Vec<_>>(), [3, 4]);
        let mut follower = log(&[(1, 0)], 0, 5);
        assert!(follower.takes(&slice, LeaderEpoch(7)));
        assert!(!follower.takes(&slice, LeaderEpoch(3)), "no leader writes for a later one");
        follower.append(&slice);
        assert_eq!(follower.end(), at(4, 12));
        let rest = leader.slice(follower.end(), Offset(25));
        assert_eq!(rest.last, at(7, 25));
        follower.append(&rest);
        follower.assert_invariants();
        assert!(!follower.takes(&rest, LeaderEpoch(7)), "not twice");
    }

    #[test]
    fn durability_of_what_was_cut_off_is_no_news() {
        let mut follower = log(&[(1, 0), (2, 8)], 0, 8);
        follower.append(&Slice { last: at(2, 12), epoch_starts: Vec::new(), voters: Vec::new() });
        assert_eq!(follower.durable(), at(2, 8));
        follower.truncate(at(1, 6));
        assert_eq!(follower.durable(), at(1, 6), "a prefix of what was durable is durable");
        assert!(!follower.note_durable(at(2, 12)));
        follower.assert_invariants();
    }
}
