use std::collections::BTreeSet;

use super::rotation::Rotation;
use super::rows::{FetchRow, ROWS_MAX};
use super::{METADATA, is_metadata};
use crate::raft::Fetch;
use crate::types::PartitionId;

/// The follower's side of a fetch session, for the partitions of one owner: which of those that it follows at one node
/// have a fetch state that this node was not told yet.
///
/// A row is sent once for each connection and change: connections deliver, or end. The others cost nothing.
#[derive(Debug)]
pub struct Wants {
    followed: BTreeSet<PartitionId>,
    changed: Rotation<PartitionId>,
    forgotten: BTreeSet<PartitionId>,
}

/// What goes into a request.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Wanted {
    pub rows: Vec<FetchRow>,
    pub forgotten: Vec<PartitionId>,
}

impl Default for Wants {
    fn default() -> Wants {
        Wants { followed: BTreeSet::new(), changed: Rotation::new(), forgotten: BTreeSet::new() }
    }
}

impl Wants {
    /// The fetch state of a partition that is followed at this node has changed, or it is followed from now on
    /// ([`crate::raft::Effect::Fetch`]).
    pub fn changed(&mut self, partition: PartitionId) {
        self.followed.insert(partition);
        self.forgotten.remove(&partition);
        self.mark(partition);
    }

    /// The partition is not followed at this node any more.
    pub fn forget(&mut self, partition: PartitionId) {
        if self.followed.remove(&partition) {
            self.changed.remove(partition);
            self.forgotten.insert(partition);
        }
    }

    /// There is a new connection: the node knows of nothing.
    pub fn restart(&mut self) {
        self.changed.clear();
        self.forgotten.clear();
        for &partition in &self.followed {
            self.changed.push(partition);
        }
        if self.followed.contains(&METADATA) {
            self.changed.remove(METADATA);
            self.changed.push_front(METADATA);
        }
    }

    fn mark(&mut self, partition: PartitionId) {
        if is_metadata(partition) {
            self.changed.push_front(partition);
        } else {
            self.changed.push(partition);
        }
    }

    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.forgotten.is_empty()
    }

    /// How many partitions have something to tell.
    #[must_use]
    pub fn len(&self) -> usize {
        self.changed.len() + self.forgotten.len()
    }

    /// What is to be told now, for a request that is sent: it will not be told again on this connection. `fetch` is the
    /// present state of a partition's replica; `None` if it does not follow this node after all.
    pub fn take(&mut self, mut fetch: impl FnMut(PartitionId) -> Option<Fetch>) -> Wanted {
        let mut wanted = Wanted::default();
        while wanted.forgotten.len() < ROWS_MAX
            && let Some(partition) = self.forgotten.pop_first()
        {
            wanted.forgotten.push(partition);
        }
        while wanted.rows.len() < ROWS_MAX
            && let Some(partition) = self.changed.pop()
        {
            match fetch(partition) {
                Some(fetch) => wanted.rows.push(FetchRow { partition, fetch }),
                None => self.forget(partition),
            }
        }
        wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::tests::{fetch, partition};

    fn partitions(rows: &[FetchRow]) -> Vec<PartitionId> {
        rows.iter().map(|row| row.partition).collect()
    }

    #[test]
    fn a_change_is_told_once_and_the_latest_state_of_it() {
        let mut wants = Wants::default();
        wants.changed(partition(2));
        wants.changed(partition(1));
        wants.changed(METADATA);
        wants.changed(partition(2));
        let wanted = wants.take(|_| Some(fetch(3, 7)));
        assert_eq!(partitions(&wanted.rows), [METADATA, partition(2), partition(1)]);
        assert!(wanted.rows.iter().all(|row| row.fetch == fetch(3, 7)));
        assert!(wants.is_empty());
        assert_eq!(wants.take(|_| panic!("nothing has changed")), Wanted::default());
        wants.changed(partition(1));
        assert_eq!(partitions(&wants.take(|_| Some(fetch(3, 8))).rows), [partition(1)]);
    }

    #[test]
    fn a_new_connection_is_told_all_and_nothing_of_what_is_forgotten() {
        let mut wants = Wants::default();
        for index in 0..3 {
            wants.changed(partition(index));
        }
        wants.changed(METADATA);
        wants.take(|_| Some(fetch(1, 0)));
        wants.forget(partition(1));
        wants.forget(partition(9));
        assert_eq!(wants.len(), 1);
        assert_eq!(wants.take(|_| None).forgotten, [partition(1)]);
        wants.restart();
        let wanted = wants.take(|_| Some(fetch(1, 0)));
        assert_eq!(partitions(&wanted.rows), [METADATA, partition(0), partition(2)]);
        assert_eq!(wanted.forgotten, []);
        // Followed again before it was told.
        wants.forget(partition(0));
        wants.changed(partition(0));
        let wanted = wants.take(|_| Some(fetch(1, 0)));
        assert_eq!((partitions(&wanted.rows), wanted.forgotten), (vec![partition(0)], vec![]));
    }

    #[test]
    fn a_request_is_bounded() {
        let mut wants = Wants::default();
        let all = i32::try_from(ROWS_MAX).expect("it fits") + 5;
        for index in 0..all {
            wants.changed(partition(index));
        }
        assert_eq!(wants.take(|_| Some(fetch(1, 0))).rows.len(), ROWS_MAX);
        assert_eq!(wants.take(|_| Some(fetch(1, 0))).rows.len(), 5);
        wants.changed(partition(3));
        assert_eq!(wants.take(|_| None), Wanted::default(), "its replica follows another node");
        assert_eq!(wants.take(|_| None).forgotten, [partition(3)]);
    }
}
