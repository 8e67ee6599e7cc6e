//! I26: what is committed never runs ahead of what was delivered (seen broken in Bufstream's auto-commit): every record
//! below a committed offset has been handed to a member of the group. Held against what a member asks to be committed,
//! against what anybody is told is committed, and against where a member goes on that is given a partition: neither beyond
//! what was delivered, nor before what had been committed.
use ordain::client::TopicPartition;
use ordain::types::Offset;

use super::reads::beyond_damage;
use crate::scenarios::broker::history::{CommitFate, Committer, Events, Read, Resumed};

/// How far a partition was delivered to the group's members without a gap.
#[derive(Default)]
pub(super) struct Delivered {
    end: Offset,
}

impl Delivered {
    /// A member fetched.
    ///
    /// # Errors
    /// If it went on beyond what the group had been given.
    pub(super) fn read(&mut self, events: &Events, read: &Read) -> Result<(), String> {
        if read.from > read.log_start && self.is_ahead(events, &read.at, read.from) {
            return Err(format!(
                "a member goes on in {} at {} at {}, and the group was given it up to {}",
                read.at, read.from, read.time, self.end
            ));
        }
        self.end = self.end.max(read.next);
        Ok(())
    }

    /// Somebody commits an offset, or is told that it is committed.
    ///
    /// # Errors
    /// If that is beyond what was delivered.
    pub(super) fn hold(&self, events: &Events, at: &TopicPartition, offset: Offset) -> Result<(), String> {
        match self.is_ahead(events, at, offset) {
            true => {
                Err(format!("{at}: {offset} is committed, and the group was given it up to {}", self.end))
            }
            false => Ok(()),
        }
    }

    /// What was destroyed, and what was deleted, is never delivered; and whoever is no member commits what they want.
    fn is_ahead(&self, events: &Events, at: &TopicPartition, offset: Offset) -> bool {
        let by_others = |offset: Offset| {
            let foreign = |commit: &&crate::scenarios::broker::history::Commit| {
                commit.by == Committer::Administrator && commit.at == *at && commit.offset == offset
            };
            events.commits.iter().any(|commit| foreign(&commit))
        };
        let deleted = events.deleted.get(at).copied().unwrap_or_default();
        offset > beyond_damage(events, at, self.end.max(deleted)) && !by_others(offset)
    }
}

/// A member that is given a partition goes on where the group had come to: not before an offset whose commit had been
/// acknowledged before it asked. As ever, a commit whose fate nobody was told may take effect at any later time.
pub(super) fn goes_on_where_it_was(events: &Events, resumed: &Resumed) -> Result<(), String> {
    let of = |fate: CommitFate| {
        events.commits.iter().filter(move |commit| commit.at == resumed.at && commit.fate == fate)
    };
    let acknowledged = of(CommitFate::Acknowledged).filter(|commit| commit.ended <= resumed.since);
    let Some(least) = acknowledged.map(|commit| commit.offset).max() else { return Ok(()) };
    let is_late = of(CommitFate::Unknown).any(|commit| commit.offset == resumed.from);
    if resumed.from >= least || is_late {
        return Ok(());
    }
    Err(format!(
        "{} was given {} after {}, and goes on at {}, though {least} had been committed",
        resumed.member, resumed.at, resumed.since, resumed.from
    ))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{at, events, read};
    use super::*;
    use crate::scenarios::broker::history::{Commit, Reader};
    use crate::time::SimTime;

    /// The group was given 0 to 3, and then goes on at this offset.
    fn given(history: &Events, from: i64) -> Result<Delivered, String> {
        let mut delivered = Delivered::default();
        for (from, log) in [(0, &[1, 2][..]), (2, &[3][..]), (from, &[9][..])] {
            let mut read = read(1, from, log);
            read.reader = Reader { reader: 100, session: 1 };
            delivered.read(history, &read)?;
        }
        Ok(delivered)
    }

    #[test]
    fn a_commit_ahead_of_delivery_is_found() {
        let mut history = events(&[], &[]);
        let delivered = given(&history, 3).unwrap();
        assert_eq!(delivered.hold(&history, &at(), Offset(4)), Ok(()));
        assert!(delivered.hold(&history, &at(), Offset(5)).unwrap_err().contains("up to 4"));
        history.unreadable.insert(at(), vec![Offset(4)..Offset(5)]);
        assert_eq!(delivered.hold(&history, &at(), Offset(5)), Ok(()), "it was destroyed");
        assert!(delivered.hold(&history, &at(), Offset(6)).is_err());
        history.deleted.insert(at(), Offset(6));
        assert_eq!(delivered.hold(&history, &at(), Offset(6)), Ok(()), "it was deleted");
    }

    #[test]
    fn a_member_that_goes_on_ahead_of_delivery_is_found() {
        let mut history = events(&[], &[]);
        assert!(given(&history, 3).is_ok() && given(&history, 1).is_ok());
        assert!(given(&history, 4).err().unwrap().contains("up to 3"));
        let (fate, began) = (CommitFate::Unknown, SimTime(1));
        let commit = |by| Commit { by, at: at(), offset: Offset(4), fate, began, ended: began };
        history.commits.push(commit(Committer::Member));
        assert!(given(&history, 4).is_err(), "a member's own commit is no excuse");
        history.commits.push(commit(Committer::Administrator));
        assert!(given(&history, 4).is_ok());
    }

    #[test]
    fn a_member_that_goes_on_before_what_was_committed_is_found() {
        let check = |fate: CommitFate, from: i64, since: u64| {
            let commit = |offset, fate| {
                let (by, began, ended) = (Committer::Member, SimTime(5), SimTime(6));
                Commit { by, at: at(), offset: Offset(offset), fate, began, ended }
            };
            let commits = vec![commit(9, CommitFate::Acknowledged), commit(5, fate)];
            let resumed =
                Resumed { member: "m".to_owned(), at: at(), from: Offset(from), since: SimTime(since) };
            goes_on_where_it_was(&Events { commits, ..Events::default() }, &resumed)
        };
        assert_eq!(check(CommitFate::Refused, 9, 10), Ok(()));
        assert!(check(CommitFate::Refused, 5, 10).unwrap_err().contains("9 had been committed"));
        assert_eq!(check(CommitFate::Refused, 5, 5), Ok(()), "it was not acknowledged then");
        assert_eq!(check(CommitFate::Unknown, 5, 10), Ok(()), "a late commit came");
        assert!(check(CommitFate::Unknown, 6, 10).is_err());
    }
}
