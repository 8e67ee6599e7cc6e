//! What is lost of a partition that goes on with one log of several.
//!
//! What lies below a high watermark was committed, in the log that knows it, and in every log as far as it agrees with that one. So an offset is
//! lost for certain if it lies below a high watermark and behind where the log that was chosen agrees with the one that knows it.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::SurveyedLog;

/// Offsets, from the first to the last.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Offsets {
    pub first: i64,
    pub last: i64,
}

impl Offsets {
    /// Those from `first` on, below `end`; none if there are none.
    #[must_use]
    pub fn between(first: i64, end: i64) -> Option<Offsets> {
        (first < end).then(|| Offsets { first, last: end - 1 })
    }

    /// How many there are.
    #[must_use]
    pub fn count(self) -> i64 {
        self.last - self.first + 1
    }
}

/// The committed offsets that a survivor knows of and the chosen log does not have.
pub(super) fn lost_for_certain<'a>(
    chosen: &SurveyedLog,
    others: impl Iterator<Item = &'a SurveyedLog>,
) -> Option<Offsets> {
    let missing = others.filter_map(|other| Offsets::between(agreed_end(chosen, other), other.committed));
    // What is committed is the same in all that know it, so these lie side by side, or one in another.
    missing.reduce(|a, b| Offsets { first: a.first.min(b.first), last: a.last.max(b.last) })
}

/// Up to where the chosen log holds what another one holds, or would hold if it were longer: its own end, unless their epochs tell that they part before.
fn agreed_end(chosen: &SurveyedLog, other: &SurveyedLog) -> i64 {
    let (ours, theirs) = (ends(chosen), ends(other));
    let apart = other.log_end <= chosen.log_start || chosen.log_end <= other.log_start;
    if apart || ours.is_empty() || theirs.is_empty() {
        // There is nothing to compare.
        return chosen.log_end;
    }
    let common = ours.iter().rev().find_map(|(epoch, end)| Some((*end, *theirs.get(epoch)?)));
    let (our_end, their_end) = common.unwrap_or((chosen.log_start, other.log_start));
    let parted = match common {
        Some(_) => our_end.min(their_end),
        None => our_end.max(their_end),
    };
    if parted == other.log_end { chosen.log_end } else { parted }
}

/// Where each epoch of a log ends in it.
fn ends(log: &SurveyedLog) -> BTreeMap<i32, i64> {
    let next = log.epochs.iter().skip(1).map(|next| next.start).chain(std::iter::once(log.log_end));
    log.epochs.iter().map(|begin| begin.epoch).zip(next).collect()
}

/// The offsets before the chosen log's start that another log still has: deleted by retention, or by a client's wish, or gone with this choice.
pub(super) fn held_before_start<'a>(
    chosen: &SurveyedLog,
    others: impl Iterator<Item = &'a SurveyedLog>,
) -> Option<Offsets> {
    // A log that holds nothing may begin anywhere.
    let held = others.filter(|other| other.log_start < other.log_end);
    let first = held.map(|other| other.log_start).min()?;
    Offsets::between(first, chosen.log_start)
}

#[cfg(test)]
mod tests {
    use super::super::{EpochBegin, VoterKey};
    use super::*;

    fn log(epochs: &[(i32, i64)], log_start: i64, log_end: i64, committed: i64) -> SurveyedLog {
        let epochs: Vec<_> = epochs.iter().map(|&(epoch, start)| EpochBegin { epoch, start }).collect();
        let last_epoch = epochs.last().map_or(-1, |last| last.epoch);
        SurveyedLog {
            topic: Some("t".to_owned()),
            topic_id: "id".to_owned(),
            partition: 0,
            replica: VoterKey { node: 1, directory: "d".to_owned() },
            voters: Vec::new(),
            seen_epoch: last_epoch,
            last_epoch,
            epochs,
            log_start,
            log_end,
            committed,
            damage: None,
            entry: 1,
        }
    }

    fn lost(chosen: &SurveyedLog, other: &SurveyedLog) -> Option<(i64, i64)> {
        let lost = lost_for_certain(chosen, [chosen, other].into_iter());
        lost.map(|lost| (lost.first, lost.last))
    }

    #[test]
    fn what_is_committed_behind_the_end_is_lost() {
        let chosen = log(&[(1, 0), (3, 50)], 0, 100, 40);
        assert_eq!(lost(&chosen, &log(&[(1, 0), (3, 50)], 0, 150, 120)), Some((100, 119)));
        assert_eq!(lost(&chosen, &log(&[(1, 0), (3, 50)], 0, 150, 100)), None);
        assert_eq!(
            lost(&chosen, &log(&[(1, 0), (3, 50)], 0, 80, 80)),
            None,
            "it is the beginning of the chosen one"
        );
        assert_eq!(lost(&chosen, &log(&[(1, 0)], 0, 50, 120)), Some((100, 119)), "cut, and knows of more");
        assert_eq!(lost(&chosen, &log(&[], 0, 150, 120)), Some((100, 119)), "its epochs are not told");
    }

    #[test]
    fn where_the_logs_part_the_chosen_one_has_other_records_than_those_that_were_committed() {
        let chosen = log(&[(1, 0), (3, 50)], 0, 100, 40);
        let other = log(&[(1, 0), (3, 50), (4, 80)], 0, 150, 120);
        assert_eq!(lost(&chosen, &other), Some((80, 119)));
        let other = log(&[(1, 0), (2, 45)], 0, 150, 70);
        assert_eq!(lost(&chosen, &other), Some((45, 69)));
        let other = log(&[(1, 0), (2, 45)], 0, 150, 45);
        assert_eq!(lost(&chosen, &other), None, "they part behind what is known as committed");
        let other = log(&[(5, 20)], 20, 150, 110);
        assert_eq!(lost(&chosen, &other), Some((20, 109)), "no epoch is in both");
        let other = log(&[(5, 100)], 100, 150, 110);
        assert_eq!(lost(&chosen, &other), Some((100, 109)), "no offset is in both");
    }

    #[test]
    fn of_several_that_know_more_all_counts() {
        let chosen = log(&[(1, 0)], 0, 100, 0);
        let (one, two) = (log(&[(1, 0)], 0, 150, 110), log(&[(1, 0), (2, 90)], 0, 150, 140));
        let lost = lost_for_certain(&chosen, [&one, &two].into_iter());
        assert_eq!(lost, Some(Offsets { first: 90, last: 139 }));
        assert_eq!(lost.map(Offsets::count), Some(50));
    }

    #[test]
    fn what_another_holds_before_the_start_is_told() {
        let chosen = log(&[(1, 0)], 30, 100, 0);
        let empty = log(&[], 0, 0, 0);
        assert_eq!(held_before_start(&chosen, [&chosen, &empty].into_iter()), None);
        let longer = log(&[(1, 10)], 10, 60, 0);
        let held = held_before_start(&chosen, [&chosen, &empty, &longer].into_iter());
        assert_eq!(held, Some(Offsets { first: 10, last: 29 }));
    }
}
