use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{ANSWER_PATIENCE, Cluster, Member, NoController, ask};
use crate::broker::Context;
use crate::metadata::MetadataImage;
use crate::metadata::controller::METADATA_PARTITION;
use crate::partition::PartitionStats;
use crate::types::{LeaderEpoch, NodeId, Offset, PartitionId, TopicId};
use crate::wire::messages::AlterPartitionRequest;
use crate::wire::messages::alter_partition_request::{BrokerState, PartitionData, TopicData};

const VERSION: i16 = 3;
/// Partitions in one report; more take several.
const PARTITIONS_MAX: usize = 5_000;

/// Tells the controller which partitions this node leads, and which of their voters have caught up.
#[derive(Default)]
pub(super) struct Reporter {
    /// Where the logs that this node leads ended when they were last looked at, by their epochs.
    marks: BTreeMap<PartitionId, (LeaderEpoch, Offset)>,
}

impl Reporter {
    /// Tells what differs from the image of all that this node leads.
    pub(super) async fn report_all(
        &mut self,
        context: &Arc<Context>,
        cluster: &Cluster,
        member: &Member,
    ) -> Result<(), NoController> {
        // A node that shuts down has nothing to tell.
        let Ok(stats) = context.partitions.stats(None).await else { return Ok(()) };
        let marks = std::mem::take(&mut self.marks);
        let led = stats.iter().filter(|stats| stats.serving && stats.id != METADATA_PARTITION);
        self.marks = led.map(|stats| (stats.id, (stats.epoch, stats.log_end))).collect();
        self.tell(context, cluster, member, &marks, stats).await
    }

    /// Tells what differs from the image of some of the partitions.
    pub(super) async fn report(
        &mut self,
        context: &Arc<Context>,
        cluster: &Cluster,
        member: &Member,
        ids: BTreeSet<PartitionId>,
    ) -> Result<(), NoController> {
        let Ok(stats) = context.partitions.stats(Some(ids.into_iter().collect())).await else {
            return Ok(());
        };
        let marks = self.marks.clone();
        self.tell(context, cluster, member, &marks, stats).await
    }

    async fn tell(
        &self,
        context: &Arc<Context>,
        cluster: &Cluster,
        member: &Member,
        marks: &BTreeMap<PartitionId, (LeaderEpoch, Offset)>,
        stats: Vec<PartitionStats>,
    ) -> Result<(), NoController> {
        let image = context.metadata();
        let mut rows: Vec<(TopicId, PartitionData)> =
            stats.iter().filter_map(|stats| row(&image, member.broker.node, marks, stats)).collect();
        while !rows.is_empty() {
            let rest = rows.split_off(rows.len().min(PARTITIONS_MAX));
            let request = AlterPartitionRequest {
                broker_id: member.broker.node.0,
                broker_epoch: member.epoch,
                topics: by_topic(rows),
                ..AlterPartitionRequest::default()
            };
            let deadline = context.io.clock.now().after(ANSWER_PATIENCE);
            // What was refused is told again with the next look, from a newer image.
            ask(context, cluster, VERSION, &request, deadline).await?;
            rows = rest;
        }
        Ok(())
    }
}

/// What is new of a partition that this node leads.
fn row(
    image: &MetadataImage,
    own: NodeId,
    marks: &BTreeMap<PartitionId, (LeaderEpoch, Offset)>,
    stats: &PartitionStats,
) -> Option<(TopicId, PartitionData)> {
    if !stats.serving || stats.id == METADATA_PARTITION {
        return None;
    }
    let known = image.partition(stats.id)?;
    let isr = caught_up(stats, marks.get(&stats.id).copied());
    let led_already = (known.leader, known.leader_epoch) == (own, stats.epoch);
    let same: BTreeSet<NodeId> = known.isr.iter().copied().collect();
    if known.leader_epoch > stats.epoch || (led_already && same == isr.iter().copied().collect()) {
        return None;
    }
    let data = PartitionData {
        partition_index: stats.id.index.0,
        leader_epoch: stats.epoch.0,
        new_isr_with_epochs: isr
            .iter()
            .map(|node| BrokerState { broker_id: node.0, broker_epoch: -1, ..BrokerState::default() })
            .collect(),
        partition_epoch: known.partition_epoch,
        ..PartitionData::default()
    };
    Some((stats.id.topic, data))
}

/// The voters that hold what the leader's log held when it was last looked at in this epoch, or all that is committed if it was
/// not.
fn caught_up(stats: &PartitionStats, mark: Option<(LeaderEpoch, Offset)>) -> Vec<NodeId> {
    let enough = match mark {
        Some((epoch, end)) if epoch == stats.epoch => end,
        Some(_) | None => stats.high_watermark,
    };
    let enough = enough.min(stats.log_end);
    stats.acknowledged.iter().filter(|(_, end)| *end >= enough).map(|&(node, _)| node).collect()
}

fn by_topic(rows: Vec<(TopicId, PartitionData)>) -> Vec<TopicData> {
    let mut topics: BTreeMap<TopicId, Vec<PartitionData>> = BTreeMap::new();
    for (topic, data) in rows {
        topics.entry(topic).or_default().push(data);
    }
    topics
        .into_iter()
        .map(|(topic_id, partitions)| TopicData { topic_id, partitions, ..TopicData::default() })
        .collect()
}
