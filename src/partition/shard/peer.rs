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
