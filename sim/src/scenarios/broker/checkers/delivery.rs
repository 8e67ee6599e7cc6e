//! I26: what is committed never runs ahead of what was delivered (seen broken in Bufstream's auto-commit): every
//! record below a committed offset has been handed to a member of the group.
use std::collections::BTreeMap;

use ordain::client::TopicPartition;
use ordain::types::Offset;

use crate::scenarios::broker::history::{Commit, CommitFate, Committer, Events};
use crate::scenarios::broker::is_member;

pub(super) fn commits_follow_deliveries(events: &Events) -> Result<(), String> {
    let delivered = delivered(events);
    let of_member = |commit: &&Commit| commit.by == Committer::Member && commit.fate != CommitFate::Refused;
    for commit in events.commits.iter().filter(of_member) {
        let reached = delivered.get(&commit.at).and_then(|all| {
            // The first delivery beyond it ended when?
            all.iter().find(|(end, _)| *end >= commit.offset).map(|(_, time)| *time)
        });
        match reached {
            Some(time) if time <= commit.began => {}
            // Nothing to deliver: the group committed where it began, or records were deleted.
            _ if commit.offset <= first(events, &commit.at) => {}
            _ if events.deleted.get(&commit.at).is_some_and(|deleted| commit.offset <= *deleted) => {}
            Some(_) | None => {
                return Err(format!(
                    "{}: {} was committed at {}, before the records below it were delivered",
                    commit.at, commit.offset, commit.began
                ));
            }
        }
    }
    Ok(())
}

/// Where the group's members find the partition's first record.
fn first(events: &Events, at: &TopicPartition) -> Offset {
    let reads = events.reads.iter().filter(|read| is_member(read.reader) && read.at == *at);
    reads.map(|read| read.from).min().unwrap_or_default()
}

/// How far each partition was delivered without a gap, and when; ascending. What was deleted needs no delivery, nor
/// what the broker said it cannot read.
fn delivered(events: &Events) -> BTreeMap<TopicPartition, Vec<(Offset, crate::time::SimTime)>> {
    let mut found: BTreeMap<TopicPartition, Vec<(Offset, crate::time::SimTime)>> = BTreeMap::new();
    for read in events.reads.iter().filter(|read| is_member(read.reader)) {
        let reached = found.entry(read.at.clone()).or_default();
        let end = reached.last().map_or(read.from, |(end, _)| *end);
        if read.from <= end.max(read.log_start) && read.next > end {
            reached.push((read.next, read.time));
            let lost = || events.unreadable.get(&read.at).into_iter().flatten();
            while let Some((end, _)) = reached.last()
                && let Some(lost) = lost().find(|lost| lost.contains(end))
            {
                reached.push((lost.end, read.time));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::testing::{at, events, read};
    use super::*;
    use crate::scenarios::broker::history::Reader;
    use crate::time::SimTime;

    fn check(offset: i64, began: u64) -> Result<(), String> {
        check_with(offset, began, None)
    }

    fn check_with(offset: i64, began: u64, lost: Option<std::ops::Range<Offset>>) -> Result<(), String> {
        let mut history = events(&[], &[]);
        history.unreadable.insert(at(), lost.into_iter().collect());
        history.reads.clear();
        for (time, from, log) in [(10, 0, &[1, 2][..]), (20, 2, &[3][..]), (30, 4, &[5][..])] {
            let mut read = read(1, from, log);
            (read.reader, read.time) = (Reader { reader: 100, session: 1 }, SimTime(time));
            history.reads.push(read);
        }
        let (by, began, ended) = (Committer::Member, SimTime(began), SimTime(began + 1));
        history.commits =
            vec![Commit { by, at: at(), offset: Offset(offset), fate: CommitFate::Unknown, began, ended }];
        commits_follow_deliveries(&history)
    }

    #[test]
    fn a_commit_ahead_of_delivery_is_found() {
        assert_eq!(check(0, 5), Ok(()), "where it began");
        assert_eq!(check(2, 11), Ok(()));
        assert_eq!(check(3, 25), Ok(()));
        assert!(check(3, 15).unwrap_err().contains("3 was committed"), "delivered only later");
        assert!(check(5, 40).is_err(), "offset 3 was never delivered");
        assert_eq!(check_with(5, 40, Some(Offset(3)..Offset(4))), Ok(()), "it was destroyed");
    }
}
