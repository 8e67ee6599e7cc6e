//! Groups and committed offsets: what a coordinator finds in the log of a partition is what the one before it has handed over, up to some
//! write, and all that was committed.
//!
//! ```text
//! found by the last load    committed since         handed over since, in order
//! ────────────────────────┬───────────────────────┬────────┬────────┬────────
//!                                                 │ a load of the same epoch or a later one finds what one of these places makes
//! ```
//!
//! Writes of one epoch are in the log in the order in which they were handed over, those of an earlier one come no more once a later one has
//! been loaded (the new leader held all that could be committed when it began). Nothing is undone: a coordinator whose write failed loads
//! anew.
use std::collections::VecDeque;
use std::sync::Arc;

use ordain::coordinator::group::{Durable, GroupId, GroupMetadata, GroupRecord};

use super::where_unlike;

/// What the log of one partition may make.
#[derive(Default)]
pub(super) struct Groups {
    /// In which it was loaded last.
    epoch: i32,
    /// What is known to be committed.
    committed: Durable,
    /// What was handed to the log behind that, in order.
    written: VecDeque<(u64, Arc<Vec<GroupRecord>>)>,
}

impl Groups {
    /// A coordinator has found this in the log.
    pub(super) fn loaded(&mut self, epoch: i32, found: &Durable) -> Result<(), String> {
        if epoch < self.epoch {
            // It leads no more, and does not know that yet.
            return Ok(());
        }
        self.may_be(found)?;
        *self = Groups { epoch, committed: found.clone(), written: VecDeque::new() };
        Ok(())
    }

    /// The coordinator of an epoch hands records to the log.
    pub(super) fn written(&mut self, epoch: i32, write: u64, records: Arc<Vec<GroupRecord>>) {
        if epoch == self.epoch {
            self.written.push_back((write, records));
        }
    }

    /// They are committed, and all before them.
    pub(super) fn committed(&mut self, epoch: i32, write: u64) {
        while epoch == self.epoch && self.written.front().is_some_and(|(first, _)| *first <= write) {
            let (_, records) = self.written.pop_front().expect("there is a front");
            records.iter().for_each(|record| self.committed.apply(record));
        }
    }

    /// Whether the log may make this.
    pub(super) fn may_be(&self, found: &Durable) -> Result<(), String> {
        if same(&self.committed, found) {
            return Ok(());
        }
        let mut state = self.committed.clone();
        for (_, records) in &self.written {
            records.iter().for_each(|record| state.apply(record));
            if same(&state, found) {
                return Ok(());
            }
        }
        let (known, told) = where_unlike(&self.committed, found);
        Err(format!(
            "what was committed by epoch {} makes …{known}…, and the log makes …{told}… ({} writes more were on their way to it)",
            self.epoch,
            self.written.len()
        ))
    }
}

/// Whether two states hold the same. A group of which nothing is left but its name may be missing where compaction has taken what named it.
fn same(one: &Durable, other: &Durable) -> bool {
    fn has_metadata((_, metadata): &(&GroupId, Option<&GroupMetadata>)) -> bool {
        metadata.is_some()
    }
    one.groups().filter(has_metadata).eq(other.groups().filter(has_metadata))
        && one.offsets().eq(other.offsets())
}

#[cfg(test)]
pub(super) mod testing {
    use ordain::coordinator::group::{CommittedOffset, OffsetKey, TopicName};
    use ordain::types::{LeaderEpoch, Offset, PartitionIndex, Timestamp, TopicId};

    use super::*;

    fn key(partition: usize) -> OffsetKey {
        let partition = PartitionIndex(i32::try_from(partition).expect("a few"));
        OffsetKey { group: GroupId::from("g"), topic: TopicName::from("t"), partition }
    }

    /// Commits of these offsets, in a partition each.
    pub(in crate::scenarios::fleet::states) fn commits(offsets: &[i64]) -> Vec<GroupRecord> {
        let commit = |(partition, &offset): (usize, &i64)| GroupRecord::OffsetCommit {
            key: key(partition),
            value: Some(CommittedOffset {
                offset: Offset(offset),
                leader_epoch: LeaderEpoch::NONE,
                metadata: Default::default(),
                commit_timestamp: Timestamp(offset),
                expire_timestamp: None,
                topic_id: TopicId::ZERO,
            }),
        };
        offsets.iter().enumerate().map(commit).collect()
    }

    /// What takes the first of them back.
    pub(in crate::scenarios::fleet::states) fn tombstone() -> GroupRecord {
        GroupRecord::OffsetCommit { key: key(0), value: None }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{commits, tombstone};
    use super::*;

    fn made(all: &[&[i64]]) -> Durable {
        let mut durable = Durable::default();
        all.iter().flat_map(|offsets| commits(offsets)).for_each(|record| durable.apply(&record));
        durable
    }

    /// Loaded in epoch 1, then three writes, of which one is committed.
    fn under_way() -> Groups {
        let mut groups = Groups::default();
        groups.loaded(1, &Durable::default()).expect("nothing was written before");
        for (write, offset) in [(1, 5), (2, 7), (3, 9)] {
            groups.written(1, write, Arc::new(commits(&[offset])));
        }
        groups.committed(1, 1);
        groups
    }

    #[test]
    fn what_is_loaded_was_handed_over_and_all_that_is_committed_is_there() {
        for offset in [5, 7, 9] {
            assert_eq!(under_way().loaded(2, &made(&[&[offset]])), Ok(()), "{offset}");
        }
        let wrong = under_way().loaded(2, &Durable::default()).unwrap_err();
        assert!(wrong.contains("by epoch 1") && wrong.contains("2 writes more"), "{wrong}");
        assert!(under_way().loaded(2, &made(&[&[6]])).is_err(), "nobody wrote it");
        assert!(under_way().loaded(2, &made(&[&[5, 5]])).is_err(), "nor another partition");
        assert!(Groups::default().loaded(0, &made(&[&[5]])).is_err(), "the first finds nothing");
    }

    #[test]
    fn what_a_later_epoch_has_not_found_comes_no_more() {
        let mut groups = under_way();
        assert_eq!(groups.loaded(3, &made(&[&[7]])), Ok(()));
        assert_eq!(groups.loaded(2, &Durable::default()), Ok(()), "who leads no more may find anything");
        groups.written(1, 4, Arc::new(commits(&[11])));
        groups.committed(1, 4);
        for offset in [9, 11] {
            assert!(groups.may_be(&made(&[&[offset]])).is_err(), "{offset}");
        }
        groups.written(3, 1, Arc::new(commits(&[8])));
        assert_eq!(groups.may_be(&made(&[&[7]])), Ok(()));
        groups.committed(3, 1);
        assert!(groups.may_be(&made(&[&[7]])).is_err(), "it is committed");
        assert_eq!(groups.loaded(3, &made(&[&[8]])), Ok(()), "a coordinator loads anew after a failure");
    }

    #[test]
    fn a_group_of_which_its_name_is_left_may_be_missing() {
        let mut named = made(&[&[5]]);
        named.apply(&tombstone());
        assert_eq!((named.group_count(), named.offset_count()), (1, 0));
        assert!(same(&named, &Durable::default()));
        assert!(!same(&named, &made(&[&[5]])));
    }
}
