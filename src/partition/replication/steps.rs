use bytes::Bytes;
use tokio::sync::oneshot;

use crate::io::Io;
use crate::log::ReadError;
use crate::peers::{Direction, FetchRow, MessageRow, ReplyRow, Wanted};
use crate::raft::{Event, Position};
use crate::types::{NodeId, PartitionId};

/// What the hub tells a shard, or asks of it.
pub(in crate::partition) enum PeerStep {
    /// A connection is there: what was told on the one before does not count.
    Up {
        peer: NodeId,
        direction: Direction,
    },
    /// A connection that the other node made is gone.
    Down {
        peer: NodeId,
    },
    /// A node is silent, or heard again: [`Event::NodeUnproven`], [`Event::NodeSilent`] or [`Event::NodeHeard`].
    Contact(Event),
    /// The nodes that are known now, all of them.
    Known {
        nodes: Vec<NodeId>,
    },
    /// Rows of a request, which had seen the reply of that number.
    Fetches {
        peer: NodeId,
        seen: i64,
        rows: Vec<FetchRow>,
        forgotten: Vec<PartitionId>,
    },
    /// Rows of a reply.
    Replies {
        peer: NodeId,
        rows: Vec<ReplyRow>,
    },
    Messages {
        peer: NodeId,
        rows: Vec<MessageRow>,
    },
    /// The rows of a request that is sent now, and whether there will be more.
    TakeFetches {
        peer: NodeId,
        reply: oneshot::Sender<(Wanted, bool)>,
    },
    /// The rows of the reply with this number, which is sent now, and whether there will be more.
    TakeReplies {
        peer: NodeId,
        number: i64,
        /// Of the rows, at most.
        bytes: usize,
        reply: oneshot::Sender<(Vec<ReplyRow>, bool)>,
    },
    /// What was read of a partition for a follower.
    Read {
        peer: NodeId,
        partition: PartitionId,
        after: Position,
        outcome: Result<Vec<Bytes>, ReadError>,
    },
}

/// Runs a stored read beside the shard, and tells it.
pub(in crate::partition) fn read_beside(
    io: &Io,
    shard: &tokio::sync::mpsc::WeakSender<PeerStep>,
    (peer, partition, after): (NodeId, PartitionId, Position),
    plan: crate::log::StoredRead,
) {
    let shard = shard.clone();
    let reading = async move {
        let outcome = plan.run().await;
        // A hub that is gone needs nothing for its followers.
        if let Some(shard) = shard.upgrade() {
            drop(shard.send(PeerStep::Read { peer, partition, after, outcome }).await);
        }
    };
    drop(io.spawn.spawn("replica-read", Box::pin(reading)));
}
