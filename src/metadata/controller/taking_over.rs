//! What a snapshot means for this node: which of its log need not be there, and, if it came from another node, what the image
//! and the partitions are from now on.
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tracing::{debug, info, warn};

use super::reader::LogReader;
use super::snapshotting::{is_let_go, is_of_disk};
use super::task::{Controller, METADATA_PARTITION};
use super::transfer::receive;
use super::{ControllerUnavailable, quorum_nodes};
use crate::metadata::{Loaded, MetadataImage};
use crate::partition::{FetchWaiter, PartitionsClosed, PeerCalls, SnapshotWanted};
use crate::probe::{Condition, sometimes};
use crate::types::limits::METADATA_SNAPSHOT_PIECE_BYTES_MAX;
use crate::types::{LeaderEpoch, NodeId, Offset, PartitionId};

/// How soon a snapshot is asked for again after none came.
const AGAIN: Duration = Duration::from_millis(500);

impl Controller {
    /// Whether the metadata's leader has nothing left of what this node's log lacks, and it is time to ask for a snapshot.
    pub(super) fn wants_snapshot(&self) -> bool {
        self.ask_again.is_none() && self.partitions.leaderships().snapshot_wanted().is_some()
    }

    /// Gets the leader's snapshot, and lets this node be what it says. A failure leaves all as it was.
    pub(super) async fn take_over_snapshot(&mut self) {
        let wanted = self.partitions.leaderships().snapshot_wanted();
        let Some((wanted, (calls, _))) = wanted.zip(self.quorum.clone()) else { return };
        let clock = Arc::clone(&self.io.clock);
        let has_it = self.snapshots.files().newest().is_some_and(|newest| newest.end >= wanted.covering);
        if !has_it && let Err(failure) = self.receive_from(&calls, wanted).await {
            if self.told.as_ref() != Some(&failure) {
                warn!(node = %wanted.from, %failure, "the metadata of another node is not taken over yet; it is tried again");
                self.told = Some(failure);
            }
            self.ask_again = Some(clock.now().after(AGAIN));
            return;
        }
        if self.tell_snapshots().await.is_err() {
            info!("the metadata log does not begin anew: the node stops");
        }
    }

    /// What this node's disk cannot give back of the metadata log is repaired from the others, unless these have let go of it: then their
    /// snapshots stand for it, and one is taken over. True if that got the image on.
    pub(super) async fn get_past(&mut self, failure: &ControllerUnavailable) -> bool {
        let next = self.reader.next();
        let is_lost = match failure {
            ControllerUnavailable::Read(error) => is_of_disk(error),
            ControllerUnavailable::Partition(error) => is_let_go(error, next),
            _ => false,
        };
        if !is_lost {
            return false;
        }
        let before = self.unreadable.filter(|(at, _)| *at == next).map_or(0, |(_, times)| times);
        self.unreadable = Some((next, before + 1));
        let Some((calls, founders)) = self.quorum.clone().filter(|_| before > 0) else { return false };
        let this = self.config.start.node_id;
        // The image may be older than the voters.
        let leader = self.partitions.leaderships().of(METADATA_PARTITION).and_then(|known| known.leader);
        let nodes = leader.into_iter().chain(quorum_nodes(&self.image, &founders));
        let others: Vec<NodeId> = nodes.filter(|node| *node != this).collect();
        // Another one each time; all that is behind what cannot be read will do.
        let Some(&from) = others.get(before % others.len().max(1)) else { return false };
        let wanted = SnapshotWanted { from, covering: Offset(next.0 + 1) };
        match self.receive_from(&calls, wanted).await {
            Ok(()) => {
                self.unreadable = None;
                self.tell_snapshots().await.is_ok()
            }
            Err(failure) => {
                debug!(node = %from, %failure, "no snapshot of the metadata gets past what cannot be read");
                false
            }
        }
    }

    async fn receive_from(&mut self, calls: &PeerCalls, wanted: SnapshotWanted) -> Result<(), String> {
        let clock = Arc::clone(&self.io.clock);
        let most = u32::try_from(METADATA_SNAPSHOT_PIECE_BYTES_MAX).unwrap_or(u32::MAX);
        let piece_bytes = self.config.start.metadata.snapshot_piece_bytes.min(most);
        let received = receive(&*clock, calls, self.snapshots.files(), wanted, piece_bytes).await;
        let loaded = received.map_err(|failure| failure.to_string())?;
        self.take_over(loaded).await.map_err(|failure| failure.to_string())
    }

    /// The metadata is what a snapshot says from now on, unless more is known.
    async fn take_over(&mut self, loaded: Loaded) -> Result<(), ControllerUnavailable> {
        let Loaded { id, image } = loaded;
        sometimes(Condition::ClusterSnapshotTaken);
        info!(
            end = id.end.0,
            topics = image.topic_count(),
            "the metadata was taken over from a snapshot of another node"
        );
        self.told = None;
        self.snapshots.received(self.io.clock.now());
        if id.end <= self.reader.end() {
            return Ok(());
        }
        let previous = std::mem::replace(&mut self.image, Arc::new(image));
        self.reader = LogReader::at(id.end);
        self.is_ahead_of_log = true;
        self.reconfigure();
        self.drop_deleted(&previous).await?;
        self.follow_all().await?;
        self.configure_all().await?;
        self.follow_quorum(None).await?;
        self.publish();
        Ok(())
    }

    /// Removes the partitions of topics that were there and are no more.
    async fn drop_deleted(&mut self, previous: &MetadataImage) -> Result<(), ControllerUnavailable> {
        let gone = previous.topics().filter(|topic| self.image.topic_by_id(topic.id).is_none());
        let partitions = gone
            .flat_map(|topic| topic.partitions.keys().map(|&index| PartitionId { topic: topic.id, index }));
        let deleted: Vec<PartitionId> = partitions.collect();
        if !deleted.is_empty() {
            for id in &deleted {
                self.postponed.remove(id);
            }
            self.partitions.delete(deleted).await?;
        }
        Ok(())
    }

    /// Tells the metadata log's replica up to where snapshots stand for it.
    pub(super) async fn tell_snapshots(&mut self) -> Result<(), PartitionsClosed> {
        let files = self.snapshots.files();
        let (newest, limit) = (files.newest(), files.spare_end());
        *self.newest.0.lock().unwrap_or_else(PoisonError::into_inner) = newest;
        if self.quorum.is_none() {
            return Ok(());
        }
        let covered = newest.map_or(Offset::ZERO, |newest| newest.end);
        self.partitions.snapshot_covers(METADATA_PARTITION, covered, limit).await
    }

    /// Tells the metadata log's replica whose replicas are to vote; with the epoch that this node leads, if the image has all that
    /// earlier ones committed.
    pub(super) async fn follow_quorum(&self, as_of: Option<LeaderEpoch>) -> Result<(), PartitionsClosed> {
        let Some((_, founders)) = &self.quorum else { return Ok(()) };
        let nodes: Vec<NodeId> = quorum_nodes(&self.image, founders).into_iter().collect();
        self.partitions.set_nodes(METADATA_PARTITION, nodes, as_of).await
    }

    /// As the active controller: follows the metadata log to its end as of now, and tells its replica, once in an epoch, who is to
    /// vote.
    pub(super) async fn catch_up_and_lead(
        &mut self,
        more: &Arc<FetchWaiter>,
    ) -> Result<(), ControllerUnavailable> {
        let epoch = self.active_epoch();
        self.catch_up(Some(more)).await?;
        if epoch.is_some() && epoch != self.quorum_told {
            self.end_what_is_begun(epoch).await?;
            self.follow_quorum(epoch).await?;
            self.quorum_told = epoch;
        }
        Ok(())
    }
}
