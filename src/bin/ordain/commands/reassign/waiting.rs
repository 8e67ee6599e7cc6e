//! Waiting for partitions that move, and what keeps them from it.
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use ordain::client::admin::OngoingReassignment;
use ordain::client::{Client, PartitionMetadata, TopicPartition};
use ordain::types::NodeId;

use crate::commands::cluster_health::findings::{ids, named};
use crate::commands::cluster_health::look::{Look, look_at_brokers, majority};
use crate::failure::Failure;
use crate::progress;

/// How often it is asked what is under way.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// How often it is looked at what keeps the rest from moving.
const LOOK_WHY: Duration = Duration::from_secs(2);
/// If all that is left has had no majority for so long, nothing is waited for any more: an election, or a restart, may take as much.
const STUCK_FOR: Duration = Duration::from_secs(10);

/// What keeps a partition from moving.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Hindrance {
    /// Of those that hold it, so many of these have to come back, or it has no majority.
    NoMajority {
        needed: usize,
        away: Vec<NodeId>,
    },
    NoLeader,
    /// Those that shall hold it are not there.
    Newcomers(Vec<NodeId>),
}

impl Hindrance {
    pub fn text(&self) -> String {
        match self {
            Hindrance::NoMajority { needed, away } => {
                let back = match &away[..] {
                    [one] => format!("node {one} is back"),
                    many if *needed == many.len() => format!("nodes {} are back", ids(many)),
                    many if *needed == 1 => format!("1 of nodes {} is back", ids(many)),
                    many => format!("{needed} of nodes {} are back", ids(many)),
                };
                format!("cannot move until {back}, or by `ordain cluster recover`")
            }
            Hindrance::NoLeader => "has no leader now; its replicas elect one by themselves".to_owned(),
            Hindrance::Newcomers(nodes) => match &nodes[..] {
                [one] => format!("cannot move until node {one} is there"),
                many => format!("cannot move until nodes {} are there", ids(many)),
            },
        }
    }
}

/// What keeps this partition, to which these come, from moving; `None` if nothing is known to.
pub fn hindrance(look: &Look, partition: &PartitionMetadata, adding: &[NodeId]) -> Option<Hindrance> {
    let old: Vec<NodeId> = partition.replicas.iter().filter(|node| !adding.contains(node)).copied().collect();
    let away: Vec<NodeId> = old.iter().filter(|node| !look.is_there(**node)).copied().collect();
    let needed = majority(old.len()).saturating_sub(old.len() - away.len());
    if needed > 0 {
        return Some(Hindrance::NoMajority { needed, away });
    }
    if look.leader(partition).is_none() {
        return Some(Hindrance::NoLeader);
    }
    let missing: Vec<NodeId> = adding.iter().filter(|node| !look.is_there(**node)).copied().collect();
    (!missing.is_empty()).then_some(Hindrance::Newcomers(missing))
}

/// What did not move in time, and why, as far as that is known.
pub struct Left {
    pub partitions: BTreeMap<TopicPartition, Option<Hindrance>>,
    /// Whether waiting longer would not have helped.
    pub stuck: bool,
}

/// Waits until none of these is under way any more, for so many seconds at most; less if nothing that is left can move.
pub async fn wait(client: &Client, moving: &BTreeSet<TopicPartition>, seconds: u64) -> Result<Left, Failure> {
    let began = Instant::now();
    let bar = progress::bar(u64::try_from(moving.len()).ok(), "partitions moved");
    let (mut looked, mut stuck_since) = (began, None);
    loop {
        let ongoing: BTreeMap<TopicPartition, OngoingReassignment> = match moving.is_empty() {
            true => BTreeMap::new(),
            false => {
                client.reassignments().await?.into_iter().filter(|(at, _)| moving.contains(at)).collect()
            }
        };
        bar.set_position(u64::try_from(moving.len() - ongoing.len()).unwrap_or(0));
        let is_over = ongoing.is_empty() || began.elapsed() >= Duration::from_secs(seconds);
        if is_over || looked.elapsed() >= LOOK_WHY {
            looked = Instant::now();
            let partitions = why(client, &ongoing).await?;
            let is_stuck = partitions.values().all(|why| matches!(why, Some(Hindrance::NoMajority { .. })));
            stuck_since = is_stuck.then(|| stuck_since.unwrap_or(looked));
            let stuck = stuck_since.is_some_and(|since| since.elapsed() >= STUCK_FOR);
            if is_over || stuck {
                bar.finish_and_clear();
                return Ok(Left { partitions, stuck });
            }
            let left: Vec<TopicPartition> = partitions.into_keys().collect();
            bar.set_message(format!("partitions moved; left: {}", named(&left)));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

async fn why(
    client: &Client,
    ongoing: &BTreeMap<TopicPartition, OngoingReassignment>,
) -> Result<BTreeMap<TopicPartition, Option<Hindrance>>, Failure> {
    if ongoing.is_empty() {
        return Ok(BTreeMap::new());
    }
    let look = look_at_brokers(client).await?;
    let known: BTreeMap<TopicPartition, &PartitionMetadata> = look.partitions().collect();
    let why = |(at, one): (&TopicPartition, &OngoingReassignment)| {
        let hindrance = known.get(at).and_then(|partition| hindrance(&look, partition, &one.adding));
        (at.clone(), hindrance)
    };
    Ok(ongoing.iter().map(why).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(needed: usize, away: &[i32]) -> String {
        Hindrance::NoMajority { needed, away: away.iter().copied().map(NodeId).collect() }.text()
    }

    #[test]
    fn whoever_has_to_come_back_is_named() {
        let way_out = ", or by `ordain cluster recover`";
        for (needed, away, back) in [
            (1, &[3][..], "node 3 is back"),
            (1, &[2, 3], "1 of nodes 2, 3 is back"),
            (2, &[2, 3], "nodes 2, 3 are back"),
            (2, &[2, 3, 5], "2 of nodes 2, 3, 5 are back"),
        ] {
            assert_eq!(texts(needed, away), format!("cannot move until {back}{way_out}"));
        }
        let missing = Hindrance::Newcomers(vec![NodeId(4)]);
        assert_eq!(missing.text(), "cannot move until node 4 is there");
    }
}
