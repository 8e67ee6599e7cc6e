use std::collections::BTreeMap;

use crate::client::metadata::TopicPartition;
use crate::types::{LeaderEpoch, Offset, TopicId};

/// An incremental fetch session with one node (KIP-227), as the client keeps it: what the node already knows
/// that this side wants, so that a request names changes only.
///
/// ```text
///   new ──first answer with an id──► kept ──answer──► kept
///    ▲                                │
///    └────── error, or no id ─────────┘
/// ```
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct FetchSession {
    id: i32,
    /// Of the next request; 0 asks for a session.
    epoch: i32,
    known: BTreeMap<TopicPartition, Wanted>,
}

/// What is wanted of a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Wanted {
    pub(super) topic: TopicId,
    pub(super) offset: Offset,
    /// In which epoch its leader leads, as far as this client knows.
    pub(super) epoch: LeaderEpoch,
}

/// What a request says of its session and its partitions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct SessionPlan {
    pub(super) session_id: i32,
    pub(super) session_epoch: i32,
    /// New, or wanted from another offset, or of another epoch.
    pub(super) fetch: Vec<(TopicPartition, Wanted)>,
    /// No longer wanted.
    pub(super) forget: Vec<(TopicPartition, Wanted)>,
}

/// The epoch that ends a session.
const FINAL_EPOCH: i32 = -1;

impl FetchSession {
    /// The next request, and what the session knows once it is answered.
    pub(super) fn plan(&self, wanted: &BTreeMap<TopicPartition, Wanted>) -> SessionPlan {
        let is_news = |(at, want): &(&TopicPartition, &Wanted)| self.known.get(*at) != Some(*want);
        let is_gone = |(at, _): &(&TopicPartition, &Wanted)| !wanted.contains_key(*at);
        let owned = |(at, want): (&TopicPartition, &Wanted)| (at.clone(), *want);
        SessionPlan {
            session_id: self.id,
            session_epoch: self.epoch,
            fetch: wanted.iter().filter(is_news).map(owned).collect(),
            forget: self.known.iter().filter(is_gone).map(owned).collect(),
        }
    }

    /// The session after a request for `wanted` was answered under this id; 0 gives none.
    pub(super) fn answered(self, id: i32, wanted: BTreeMap<TopicPartition, Wanted>) -> FetchSession {
        if id == 0 || (self.id != 0 && self.id != id) {
            return FetchSession::default();
        }
        // 0 and what is below it are for new and ended sessions.
        let epoch = if self.epoch == i32::MAX { 1 } else { self.epoch + 1 };
        FetchSession { id, epoch, known: wanted }
    }

    /// The request that ends the session, if there is one.
    pub(super) fn end(self) -> Option<SessionPlan> {
        (self.id != 0).then(|| SessionPlan {
            session_id: self.id,
            session_epoch: FINAL_EPOCH,
            fetch: Vec::new(),
            forget: Vec::new(),
        })
    }

    /// Whether the node may have lost it: a new one can be asked for then.
    pub(super) fn is_kept(&self) -> bool {
        self.id != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(partitions: &[(i32, i64)]) -> BTreeMap<TopicPartition, Wanted> {
        let wanted =
            |offset| Wanted { topic: TopicId([1; 16]), offset: Offset(offset), epoch: LeaderEpoch(3) };
        partitions.iter().map(|&(at, offset)| (TopicPartition::new("t", at), wanted(offset))).collect()
    }

    fn told(plan: &SessionPlan) -> (i32, i32, Vec<(i32, i64)>, Vec<i32>) {
        let fetch = plan.fetch.iter().map(|(at, want)| (at.partition.0, want.offset.0)).collect();
        let forget = plan.forget.iter().map(|(at, _)| at.partition.0).collect();
        (plan.session_id, plan.session_epoch, fetch, forget)
    }

    #[test]
    fn only_changes_are_named_once_there_is_a_session() {
        let session = FetchSession::default();
        let first = wanted(&[(0, 5), (1, 6)]);
        assert_eq!(told(&session.plan(&first)), (0, 0, vec![(0, 5), (1, 6)], vec![]));
        let session = session.answered(9, first);
        let second = wanted(&[(0, 5), (2, 0)]);
        assert_eq!(told(&session.plan(&second)), (9, 1, vec![(2, 0)], vec![1]));
        let session = session.answered(9, second);
        let third = wanted(&[(0, 8), (2, 0)]);
        assert_eq!(told(&session.plan(&third)), (9, 2, vec![(0, 8)], vec![]));
        let end = session.answered(9, third).end().expect("there is one");
        assert_eq!(told(&end), (9, -1, vec![], vec![]));
    }

    #[test]
    fn a_topic_made_anew_is_named_again() {
        let session = FetchSession::default().answered(9, wanted(&[(0, 5)]));
        let mut anew = wanted(&[(0, 5)]);
        anew.values_mut().for_each(|want| want.topic = TopicId([2; 16]));
        assert_eq!(told(&session.plan(&anew)).2, [(0, 5)]);
    }

    #[test]
    fn a_node_that_gives_no_session_is_asked_for_everything_again() {
        let all = wanted(&[(0, 5)]);
        let session = FetchSession::default().answered(0, all.clone());
        assert_eq!((session.is_kept(), told(&session.plan(&all)).2), (false, vec![(0, 5)]));
        let kept = FetchSession::default().answered(9, all.clone());
        assert_eq!(kept.answered(8, all), FetchSession::default(), "another session is nobody's");
        assert_eq!(FetchSession::default().end(), None);
    }

    #[test]
    fn the_epoch_wraps_to_one() {
        let session = FetchSession { id: 9, epoch: i32::MAX, known: BTreeMap::new() };
        assert_eq!(session.answered(9, BTreeMap::new()).epoch, 1);
    }
}
