//! Committed offsets: an acknowledged commit is seen by whoever asks later, and is only ever replaced by a
//! later one.
use crate::scenarios::broker::history::{CommitFate, CommittedRead, Events};

/// The members commit growing offsets, so what is committed never goes back; except that a commit whose fate
/// nobody was told may still take effect at any later time.
pub(super) fn commits_stay(events: &Events) -> Result<(), String> {
    events.committed.iter().try_for_each(|read| one(events, read))
}

/// Whether what is told to be committed may be.
pub(super) fn one(events: &Events, read: &CommittedRead) -> Result<(), String> {
    let of = |fate: CommitFate| {
        events.commits.iter().filter(move |commit| commit.at == read.at && commit.fate == fate)
    };
    let least = of(CommitFate::Acknowledged)
        .filter(|commit| commit.ended <= read.began)
        .map(|commit| commit.offset)
        .max();
    let is_late = |offset| of(CommitFate::Unknown).any(|c| c.began <= read.ended && c.offset == offset);
    let is_known = |offset| of(CommitFate::Acknowledged).any(|c| c.began <= read.ended && c.offset == offset);
    match (least, read.offset) {
        (Some(least), None) => {
            Err(format!("{}: {least} was committed, and at {} nothing is", read.at, read.ended))
        }
        (_, Some(offset)) if !is_late(offset) && !is_known(offset) => {
            Err(format!("{}: {offset} is committed at {}, which nobody did", read.at, read.ended))
        }
        (Some(least), Some(offset)) if offset < least && !is_late(offset) => {
            Err(format!("{}: {least} was committed, and at {} it is {offset}", read.at, read.ended))
        }
        (_, _) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use ordain::types::Offset;

    use super::super::testing::at;
    use super::*;
    use crate::scenarios::broker::history::{Commit, Committer};
    use crate::time::SimTime;

    fn commit(offset: i64, time: u64, fate: CommitFate) -> Commit {
        let (began, ended) = (SimTime(time), SimTime(time + 1));
        Commit { by: Committer::Member, at: at(), offset: Offset(offset), fate, began, ended }
    }

    fn check(commits: Vec<Commit>, offset: Option<i64>, time: u64) -> Result<(), String> {
        let read = CommittedRead {
            at: at(),
            offset: offset.map(Offset),
            began: SimTime(time),
            ended: SimTime(time + 1),
        };
        commits_stay(&Events { commits, committed: vec![read], ..Events::default() })
    }

    #[test]
    fn a_commit_that_goes_back_is_found() {
        use CommitFate::{Acknowledged, Refused, Unknown};
        let commits = || vec![commit(5, 10, Acknowledged), commit(9, 20, Acknowledged)];
        assert_eq!(check(commits(), Some(9), 30), Ok(()));
        assert!(check(commits(), Some(5), 30).unwrap_err().contains("it is 5"));
        assert!(check(commits(), None, 30).unwrap_err().contains("nothing is"));
        assert_eq!(check(commits(), Some(5), 20), Ok(()), "before the second was answered");
        assert!(check(commits(), Some(7), 30).unwrap_err().contains("nobody did"));
        let with = |fate| [commits(), vec![commit(7, 15, fate)]].concat();
        assert_eq!(check(with(Unknown), Some(7), 30), Ok(()), "it was late");
        assert!(check(with(Refused), Some(7), 30).is_err());
    }
}
