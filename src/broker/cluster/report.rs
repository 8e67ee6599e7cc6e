use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{ANSWER_PATIENCE, Cluster, Member, NoController, ask};
use crate::broker::Context;
use crate::metadata::MetadataImage;
use crate::metadata::controller::METADATA_PARTITION;
use crate::partition::PartitionStats;
use crate::probe::{Mutant, mutant};
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
    let mut isr = caught_up(stats, marks.get(&stats.id).copied(), &known.isr);
    if mutant(Mutant::ClusterAllInSync) {
        isr.clone_from(&known.replicas);
    }
    // A voter that is to go at once is no replica any more to anybody else.
    isr.retain(|node| known.replicas.contains(node));
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

/// The voters that hold what the leader's log held when it was last looked at in this epoch. If it was not, those that hold all that
/// is committed, and those of `before` that are heard: most have not said yet to the new leader what they hold.
fn caught_up(stats: &PartitionStats, mark: Option<(LeaderEpoch, Offset)>, before: &[NodeId]) -> Vec<NodeId> {
    let mark = mark.filter(|(epoch, _)| *epoch == stats.epoch);
    let enough = mark.map_or(stats.high_watermark, |(_, end)| end).min(stats.log_end);
    let counts = |node: NodeId, end: Offset| end >= enough || (mark.is_none() && before.contains(&node));
    let heard = stats.acknowledged.iter().filter(|&&(node, end)| counts(node, end));
    heard.map(|&(node, _)| node).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];

    #[test]
    fn a_follower_has_caught_up_if_it_holds_what_there_was_a_look_ago() {
        let seen = PartitionStats::led(&[(1, 100), (2, 95), (3, 89)]);
        assert_eq!(caught_up(&seen, Some((LeaderEpoch(4), Offset(90))), &ALL), [NodeId(1), NodeId(2)]);
    }

    #[test]
    fn whoever_was_in_sync_stays_so_until_a_new_leader_has_heard_what_it_holds() {
        let (seen, before) =
            (PartitionStats::led(&[(1, 100), (2, 80), (3, 0)]), Some((LeaderEpoch(3), Offset(90))));
        assert_eq!(caught_up(&seen, before, &ALL), ALL);
        assert_eq!(caught_up(&seen, None, &ALL[..2]), [NodeId(1), NodeId(2)], "the third was not in sync");
        let silent = PartitionStats::led(&[(1, 100), (2, 80)]);
        assert_eq!(caught_up(&silent, None, &ALL), [NodeId(1), NodeId(2)], "the third is silent");
    }
}
