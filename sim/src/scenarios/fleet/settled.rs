//! Whether all replicas of a partition hold the same.
use std::collections::BTreeMap;

use ordain::partition::PartitionStats;
use ordain::types::{NodeId, PartitionId, TopicId};

/// How the replicas on each node that runs stand; with the node the number of its run.
pub(in crate::scenarios) type Stats = BTreeMap<(NodeId, u64), Vec<PartitionStats>>;

/// How many replicas a partition has, and how many of them vote at least.
#[derive(Clone, Copy)]
pub(in crate::scenarios) struct Replicas {
    pub(in crate::scenarios) count: usize,
    pub(in crate::scenarios) voters_min: usize,
}

impl Replicas {
    /// Each of so many votes.
    pub(in crate::scenarios) fn voting(count: usize) -> Replicas {
        Replicas { count, voters_min: count }
    }
}

/// Why the replicas of a partition do not all hold the same, durably, as voters, and know it; `None` if they do. The metadata log may
/// have observers, and each replica lets go of its beginning when a snapshot of its own node stands for it.
pub(in crate::scenarios) fn unlike(stats: &Stats, id: PartitionId, wanted: Replicas) -> Option<String> {
    let replicas: Vec<&PartitionStats> = stats.values().flatten().filter(|one| one.id == id).collect();
    let leader = replicas.iter().find(|one| one.leader && one.serving);
    let is_metadata = id.topic == TopicId::METADATA;
    let same = leader.is_some_and(|leader| {
        replicas.len() == wanted.count
            && (is_metadata || (wanted.voters_min..=wanted.count).contains(&leader.voters.keys().len()))
            && replicas.iter().all(|one| {
                one.epoch == leader.epoch
                    && one.log_end == leader.log_end
                    && one.durable_end == leader.log_end
                    && one.high_watermark == leader.log_end
                    && (is_metadata || one.log_start == leader.log_start)
                    && one.durable_start == one.log_start
                    && !one.damaged
                    && !one.wounded
            })
    });
    if same {
        return None;
    }
    let told = |((node, _), stats): (&(NodeId, u64), &Vec<PartitionStats>)| {
        let one = stats.iter().find(|one| one.id == id)?;
        let PartitionStats { epoch, durable_start, log_start, high_watermark, .. } = one;
        let PartitionStats { durable_end, log_end, .. } = one;
        let start = if durable_start == log_start { String::new() } else { format!("{durable_start}..") };
        let (voters, serves) = (&one.voters, if one.serving { " (serving)" } else { "" });
        let of = one
            .leader_node
            .filter(|&leader| leader != *node)
            .map_or(String::new(), |leader| format!(" of n{leader}"));
        let lost = match (one.damaged, one.wounded) {
            (true, _) => " (damaged)",
            (false, true) => " (wounded)",
            (false, false) => "",
        };
        let role = format!("{}{of}{serves}{lost}", one.role);
        Some(format!(
            "n{node} {role} {epoch} {start}{log_start}..{high_watermark}..{durable_end}..{log_end} of {voters}"
        ))
    };
    let told: Vec<String> = stats.iter().filter_map(told).collect();
    Some(told.join(", "))
}
