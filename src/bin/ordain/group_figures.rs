//! The groups of this node for a scrape: members, committed offsets and how far they lag.
use std::collections::BTreeMap;

use ordain::broker::Context;
use ordain::coordinator::group::GroupId;
use ordain::coordinator::group::command::{
    DescribeGroups, GroupCommand, GroupResponse, ListGroups, OffsetFetch,
};
use ordain::metrics::{GroupFigures, GroupOffset};
use ordain::partition::PartitionStats;
use ordain::types::{Offset, PartitionId};

/// How many groups one scrape tells of, in the order of their names: a scrape is bounded, whatever clients name.
const GROUPS_PER_SCRAPE_MAX: usize = 1000;

/// Asks the coordinators of this node. One that does not answer is left out of this scrape.
pub async fn collect(context: &Context, stats: &BTreeMap<PartitionId, &PartitionStats>) -> Vec<GroupFigures> {
    let mut ids: Vec<GroupId> = Vec::new();
    for answer in context.groups.request_all(&GroupCommand::ListGroups(ListGroups::default())).await {
        if let Ok(GroupResponse::ListGroups(listed)) = answer {
            ids.extend(listed.into_iter().map(|group| group.group_id));
        }
    }
    ids.sort();
    ids.truncate(GROUPS_PER_SCRAPE_MAX);
    let mut figures = Vec::with_capacity(ids.len());
    for id in ids {
        figures.extend(group(context, stats, id).await);
    }
    figures
}

async fn group(
    context: &Context,
    stats: &BTreeMap<PartitionId, &PartitionStats>,
    id: GroupId,
) -> Option<GroupFigures> {
    let name = id.as_str().to_owned();
    let describe = DescribeGroups { groups: vec![id.clone()], knows_group_id_not_found: true };
    let described = context.groups.request(&name, GroupCommand::DescribeGroups(describe)).await.ok()?;
    let GroupResponse::DescribeGroups(described) = described else { return None };
    let fetch = OffsetFetch { group_id: id, topics: None, require_stable: false };
    let fetched = context.groups.request(&name, GroupCommand::FetchOffsets(fetch)).await.ok()?;
    let GroupResponse::FetchOffsets(fetched) = fetched else { return None };
    let image = context.metadata();
    let mut offsets = Vec::new();
    for topic in &fetched.topics {
        let known = image.topic(topic.topic.as_str());
        for partition in topic.partitions.iter().filter(|partition| partition.offset >= Offset::ZERO) {
            let of_partition = known
                .and_then(|topic| stats.get(&PartitionId { topic: topic.id, index: partition.partition }));
            offsets.push(GroupOffset {
                topic: topic.topic.as_str().to_owned(),
                partition: partition.partition,
                committed: partition.offset,
                lag: of_partition.map(|stats| stats.high_watermark.since(partition.offset).max(0)),
            });
        }
    }
    let member_count = described.first().map_or(0, |group| group.members.len());
    Some(GroupFigures { group_id: name, member_count, offsets })
}
