use super::reads::Reads;
use crate::peers::{News, Wants};
use crate::probe::{Mutant, mutant};
use crate::types::PartitionId;

/// What a shard keeps of another node.
#[derive(Default)]
pub(super) struct Peer {
    /// Of the partitions that are followed there.
    pub(super) wants: Wants,
    /// Of those that are followed here, while that node has a connection to this one.
    pub(super) news: Option<News>,
    pub(super) reads: Reads,
}

impl Peer {
    /// A partition is not followed there any more; whether others have something to be told, in whose way it was.
    pub(super) fn stop_following(&mut self, partition: PartitionId) -> bool {
        self.reads.forget(partition);
        let Some(news) = &mut self.news else { return false };
        news.forget(partition);
        self.reads.wake(news) || !news.is_empty()
    }

    /// A partition is gone from here; whether those that followed it, or others, have something to be told.
    pub(super) fn has_lost(&mut self, partition: PartitionId) -> bool {
        if let Some(news) = self.news.as_mut().filter(|_| !mutant(Mutant::ClusterSaysAbsentAside))
            && news.gone(partition)
        {
            self.reads.forget(partition);
            self.reads.wake(news);
            return true;
        }
        self.stop_following(partition)
    }

    /// Why its session has to begin anew, if more waits to be told of what is not here than is kept: whoever was not told asks again.
    pub(super) fn overrun(&self) -> Option<String> {
        let is_overrun = self.news.as_ref().is_some_and(News::is_overrun);
        is_overrun
            .then(|| "it fetches more partitions that are not here than it takes answers for".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::Budget;
    use crate::raft::{Fetch, Position, ReplicaKey};
    use crate::types::{LeaderEpoch, NodeId, Offset, PartitionIndex, TopicId, Uuid};

    fn partition(index: i32) -> PartitionId {
        PartitionId { topic: TopicId([1; 16]), index: PartitionIndex(index) }
    }

    /// A follower of as many partitions as are read for it at once, and of one more; nothing is to be told.
    fn busy() -> (Peer, PartitionId) {
        let after = Position { epoch: LeaderEpoch(1), end: Offset(5) };
        let replica = ReplicaKey { node: NodeId(2), directory: Uuid([2; 16]) };
        let fetch =
            Fetch { epoch: after.epoch, replica, log_end: after, durable: after, log_start: Offset::ZERO };
        let mut peer = Peer { news: Some(News::new(Budget::default())), ..Peer::default() };
        for index in 0.. {
            peer.news.as_mut().expect("it was made").fetched(partition(index), &fetch, 0);
            if !peer.reads.begin(partition(index), after) {
                return (peer, partition(index));
            }
        }
        unreachable!("some have to wait")
    }

    fn told(peer: &Peer) -> usize {
        peer.news.as_ref().map_or(0, News::len)
    }

    #[test]
    fn where_one_is_not_followed_any_more_those_that_waited_for_its_read_are_told_of() {
        let (mut peer, _) = busy();
        assert_eq!(told(&peer), 0);
        assert!(peer.stop_following(partition(0)), "somebody has to tell the hub");
        assert_eq!(told(&peer), 1);
        let (mut peer, waits) = busy();
        assert!(!peer.stop_following(waits), "the others are being read");
        assert_eq!(told(&peer), 0);
    }

    #[test]
    fn where_one_is_gone_its_follower_is_told_and_those_that_waited_for_its_read() {
        let (mut peer, _) = busy();
        assert!(peer.has_lost(partition(0)));
        assert_eq!(told(&peer), 2);
        assert!(!busy().0.has_lost(partition(77)), "it does not follow that one");
        assert_eq!(Peer::default().overrun(), None);
        assert!(!Peer::default().has_lost(partition(0)), "nothing is kept of a node without a connection");
    }
}
