use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::lost_replicas::LostReplicas;
use super::{ANSWER_PATIENCE, Cluster, Member, NoController, ask};
use crate::broker::Context;
use crate::metadata::MetadataImage;
use crate::metadata::controller::METADATA_PARTITION;
use crate::partition::PartitionStats;
use crate::probe::{Condition, Mutant, mutant, sometimes};
use crate::types::{LeaderEpoch, NodeId, Offset, PartitionId, TopicId};
use crate::wire::messages::AlterPartitionRequest;
use crate::wire::messages::alter_partition_request::{
    BrokerState, PartitionData, TopicData, UnledPartition, UnledTopic,
};

const VERSION: i16 = 3;
/// Partitions in one report; more take several.
const PARTITIONS_MAX: usize = 5_000;

/// Tells the controller which partitions this node leads, and which of their voters have caught up; and of which the metadata name it
/// the leader, or name nobody, and nobody leads them.
#[derive(Default)]
pub(super) struct Reporter {
    /// Where the logs that this node leads ended when they were last looked at, by their epochs.
    marks: BTreeMap<PartitionId, (LeaderEpoch, Offset)>,
    /// Those that nobody led when they were last looked at, with whether their replicas here have lost what they held. An election is
    /// over by the next look.
    unled: BTreeMap<PartitionId, bool>,
    lost: LostReplicas,
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
        let image = context.metadata();
        let now_unled = unled(&image, member.broker.node, &stats);
        let mut before = std::mem::replace(&mut self.unled, now_unled);
        before.retain(|id, lost| self.unled.get(id) == Some(lost));
        self.lost.tell(
            context.io.clock.now(),
            &image,
            before.iter().filter(|(_, lost)| **lost).map(|(id, _)| *id),
        );
        self.tell(context, cluster, member, &marks, stats).await?;
        tell_unled(context, cluster, member, before).await
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
        let rows = stats.iter().filter_map(|stats| row(&image, member.broker.node, marks, stats)).collect();
        let topic = |(topic_id, partitions)| TopicData { topic_id, partitions, ..TopicData::default() };
        tell_rows(context, cluster, member, rows, |rows, request| {
            request.topics = rows.into_iter().map(topic).collect();
        })
        .await
    }
}

/// Sends rows, as many at once as one report takes; `fill` puts them into it, by topic.
async fn tell_rows<P>(
    context: &Arc<Context>,
    cluster: &Cluster,
    member: &Member,
    mut rows: Vec<(TopicId, P)>,
    fill: impl Fn(BTreeMap<TopicId, Vec<P>>, &mut AlterPartitionRequest),
) -> Result<(), NoController> {
    while !rows.is_empty() {
        let rest = rows.split_off(rows.len().min(PARTITIONS_MAX));
        let mut topics: BTreeMap<TopicId, Vec<P>> = BTreeMap::new();
        for (topic, partition) in rows {
            topics.entry(topic).or_default().push(partition);
        }
        let mut request = AlterPartitionRequest {
            broker_id: member.broker.node.0,
            broker_epoch: member.epoch,
            ..AlterPartitionRequest::default()
        };
        fill(topics, &mut request);
        let deadline = context.io.clock.now().after(ANSWER_PATIENCE);
        // What was refused is told again with the next look, from a newer image.
        ask(context, cluster, VERSION, &request, deadline).await?;
        rows = rest;
    }
    Ok(())
}

/// The partitions of this node that nobody leads, as far as it knows, and whether its replicas of them have lost what they held: of those
/// that another node is named the leader of, that one tells.
fn unled(image: &MetadataImage, own: NodeId, stats: &[PartitionStats]) -> BTreeMap<PartitionId, bool> {
    let held: BTreeSet<PartitionId> = stats.iter().map(|stats| stats.id).collect();
    let is_ours = |leader: Option<NodeId>| leader.is_none_or(|leader| leader == own);
    let nobody_leads = |stats: &&PartitionStats| {
        let is_known = image.partition(stats.id).is_some_and(|known| is_ours(known.leader));
        let leads = stats.leader && !stats.damaged;
        is_known && !leads && is_ours(stats.leader_node)
    };
    let without_leader = stats.iter().filter(nobody_leads).map(|stats| (stats.id, stats.has_lost()));
    let missing = image.topics().flat_map(|topic| {
        let named = topic.partitions.iter().filter(|(_, known)| known.leader == Some(own));
        named.map(|(&index, _)| PartitionId { topic: topic.id, index })
    });
    let missing = missing.filter(|id| !held.contains(id)).map(|id| (id, false));
    without_leader.chain(missing).collect()
}

/// Tells of which partitions nobody is known to be the leader, where the metadata have it otherwise.
async fn tell_unled(
    context: &Arc<Context>,
    cluster: &Cluster,
    member: &Member,
    unled: BTreeMap<PartitionId, bool>,
) -> Result<(), NoController> {
    let (image, own) = (context.metadata(), member.broker.node);
    let news = unled.into_iter().filter_map(|(id, lost)| unled_row(&image, own, id, lost));
    let topic = |(topic_id, partitions)| UnledTopic { topic_id, partitions, ..UnledTopic::default() };
    tell_rows(context, cluster, member, news.collect(), |rows, request| {
        sometimes(Condition::ClusterLeaderDenied);
        request.unled = rows.into_iter().map(topic).collect();
    })
    .await
}

/// What the metadata do not have yet of a partition that nobody leads.
fn unled_row(
    image: &MetadataImage,
    own: NodeId,
    id: PartitionId,
    lost: bool,
) -> Option<(TopicId, UnledPartition)> {
    let known = image.partition(id)?;
    let is_told = known.leader.is_none() && known.lost.contains(&own) == lost;
    let is_led_by_another = known.leader.is_some_and(|leader| leader != own);
    let (partition_index, leader_epoch) = (id.index.0, known.leader_epoch.0);
    let row = UnledPartition { partition_index, leader_epoch, lost, ..UnledPartition::default() };
    (!is_told && !is_led_by_another).then_some((id.topic, row))
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
    let led_already = (known.leader, known.leader_epoch) == (Some(own), stats.epoch);
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
    fn a_node_tells_of_what_nobody_leads_where_it_is_named_or_nobody() {
        use crate::partition::ReplicaKey;
        use crate::types::{PartitionIndex, Uuid};
        use crate::wire::messages::{PartitionRecord, TopicRecord};
        let own = NodeId(1);
        let (mut image, topic_id) = (MetadataImage::default(), TopicId([7; 16]));
        let topic = TopicRecord { name: "t".into(), topic_id, ..TopicRecord::default() };
        image.apply(&topic.into()).expect("it fits");
        for (partition_id, leader) in [(0, 1), (1, 2), (2, -1), (3, 1), (4, 1), (5, 1)] {
            let replicas = vec![1, 2, 3];
            let record =
                PartitionRecord { topic_id, partition_id, replicas, leader, ..PartitionRecord::default() };
            image.apply(&record.into()).expect("it fits");
        }
        let id = |index| PartitionId { topic: topic_id, index: PartitionIndex(index) };
        let key = |directory| ReplicaKey { node: own, directory: Uuid([directory; 16]) };
        // Another directory than the voter's: what it held is lost.
        let lost = |index| PartitionStats {
            id: id(index),
            leader: false,
            serving: false,
            leader_node: None,
            key: key(9),
            ..PartitionStats::led(&[])
        };
        let stats = [
            lost(0),
            lost(1),
            PartitionStats { key: key(0), ..lost(2) },
            PartitionStats { leader_node: Some(NodeId(2)), ..lost(3) },
            PartitionStats { id: id(4), ..PartitionStats::led(&[]) },
        ];
        let found = unled(&image, own, &stats);
        let expected = [(id(0), true), (id(2), false), (id(5), false)];
        assert_eq!(found.into_iter().collect::<Vec<_>>(), expected, "5 has no replica here");
        let row = |index, lost| unled_row(&image, own, id(index), lost).map(|(_, row)| row.lost);
        assert_eq!((row(0, true), row(1, true)), (Some(true), None));
        assert_eq!((row(2, false), row(2, true)), (None, Some(true)), "nobody is named, and nothing lost");
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
