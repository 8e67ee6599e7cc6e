use std::pin::pin;
use std::time::Duration;

use crate::broker::Context;
use crate::io::timeout;
use crate::metadata::MetadataImage;
use crate::probe::{Condition, sometimes};
use crate::types::{Instant, NodeId, PartitionId};

/// How long after a node came into doubt its followers may take to elect: a client that asks meanwhile is answered then.
const ELECTION: Duration = Duration::from_millis(250);
/// Leaderships come in bursts: how soon all are looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
const LOOK_AGAIN_AT_LATEST: Duration = Duration::from_millis(25);

/// Waits, while nodes have just come into doubt, until the partitions that they lead have other leaders. Whoever is told of a leader that is
/// gone asks again only when it has seen that, after a time of its own; some clients take a second.
pub(in crate::broker) async fn await_leaders(context: &Context, ids: impl FnOnce() -> Vec<PartitionId>) {
    let Some(cluster) = &context.cluster else { return };
    if cluster.doubts.are_none() {
        return;
    }
    let clock = &*context.io.clock;
    let leaderships = context.partitions.leaderships();
    let mut left: Vec<PartitionId> = ids();
    loop {
        let (mut elected, mut trusted) = (pin!(leaderships.changed()), pin!(cluster.doubts.changed()));
        elected.as_mut().enable();
        trusted.as_mut().enable();
        let (image, now) = (context.metadata(), clock.now());
        let mut until: Option<Instant> = None;
        left.retain(|&id| {
            let since = leader_at_last(context, &image, id).and_then(|leader| cluster.doubts.since(leader));
            let end = since.map(|since| since.after(ELECTION)).filter(|end| *end > now);
            until = until.max(end);
            end.is_some()
        });
        let Some(until) = until else { return };
        // Of partitions without a replica here the metadata tells.
        let until = until.min(now.after(LOOK_AGAIN_AT_LATEST));
        sometimes(Condition::ClusterLeaderAwaited);
        let either = async {
            tokio::select! {
                biased;
                () = elected => {}
                () = trusted => {}
            }
        };
        if timeout(clock, until, either).await.is_ok() {
            clock.sleep(LOOK_AGAIN).await;
        }
    }
}

/// Who leads a partition as far as this node knows; while its replica here knows of nobody, who did as was told last.
fn leader_at_last(context: &Context, image: &MetadataImage, id: PartitionId) -> Option<NodeId> {
    let partition = image.partition(id)?;
    match context.partitions.leaderships().of(id) {
        Some(here) if here.epoch >= partition.leader_epoch => here.leader.or(partition.leader),
        Some(_) | None => partition.leader,
    }
}
