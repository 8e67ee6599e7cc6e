//! Partitions that move from brokers to others.
use std::collections::BTreeMap;

use ordain::client::admin::{OngoingReassignment, Target};
use ordain::client::{Client, ClientError, TopicPartition};
use ordain::types::{ErrorCode, NodeId};
use serde_json::json;

use super::cluster_health::drain::draining;
use super::cluster_health::look::{Look, QuorumLook, look_at_brokers, look_at_nodes};
use crate::failure::Failure;
use crate::output::{self, Format};
use carry_out::carry_out;
use plan::{Brokers, Candidate, Move, moves};

mod carry_out;
mod plan;
pub mod waiting;

/// What is done with a plan.
#[derive(clap::Args, Clone, Copy, Debug)]
pub struct Manner {
    /// Only show what would move.
    #[arg(long)]
    dry_run: bool,
    /// Do not wait until everything has moved.
    #[arg(long, conflicts_with_all = ["dry_run", "wait"])]
    no_wait: bool,
    /// How long to wait until everything has moved, in seconds; what is left goes on moving afterwards.
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    wait: u64,
}

#[derive(clap::Args, Clone, Debug)]
pub struct Topics {
    #[arg(required = true)]
    topics: Vec<String>,
    /// The brokers that shall hold them, separated by commas; with --replication-factor and without this, all that are not fenced, and those that hold them now.
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "ID",
        required_unless_present_any = ["cancel", "replication_factor"]
    )]
    to: Vec<i32>,
    /// How many replicas each partition shall have; without it, as many as it has.
    #[arg(long, short, value_parser = clap::value_parser!(u8).range(1..))]
    replication_factor: Option<u8>,
    /// These partitions, for example 0,2,5-7; without it, all.
    #[arg(long, value_parser = crate::parse::partitions)]
    partitions: Option<crate::parse::Partitions>,
    /// Take back what is under way.
    #[arg(long, conflicts_with_all = ["to", "replication_factor"])]
    cancel: bool,
    #[command(flatten)]
    manner: Manner,
}

#[derive(clap::Args, Clone, Copy, Debug)]
pub struct Evacuation {
    /// The broker's id.
    #[arg(value_name = "ID", value_parser = clap::value_parser!(i32).range(0..))]
    node: i32,
    #[command(flatten)]
    manner: Manner,
}

/// The partitions of some topics go to some brokers.
pub async fn topics(client: &Client, format: Format, asked: &Topics) -> Result<(), Failure> {
    let cluster = Present::look(client).await?;
    let mut partitions = Vec::new();
    for topic in &asked.topics {
        let of_topic = cluster.of_topic(topic);
        if of_topic.is_empty() {
            return Err(super::topic::absent(topic, ClientError::UnknownTopic { topic: topic.clone() }));
        }
        partitions.extend(of_topic);
    }
    if let Some(only) = &asked.partitions {
        if let Some(missing) = only.0.iter().find(|&&index| {
            asked
                .topics
                .iter()
                .any(|topic| !partitions.iter().any(|(at, _)| at.topic == *topic && at.partition.0 == index))
        }) {
            return Err(Failure::Usage(format!(
                "--partitions: there is no partition {missing} in each of the topics"
            )));
        }
        partitions.retain(|(at, _)| only.0.contains(&at.partition.0));
    }
    if asked.cancel {
        return cancel(client, format, &partitions, asked.manner).await;
    }
    let (allowed, under_way) =
        (allowed(cluster.brokers(), &asked.to, &partitions)?, cluster.under_way(&partitions));
    let factor = asked.replication_factor.map(usize::from);
    let moves = moves(&partitions, &allowed, factor, &cluster.held()).ok_or_else(|| {
        let most = partitions.iter().map(|(_, replicas)| replicas.len()).max().unwrap_or(0);
        let few = format!(
            "{} for {}",
            output::plural(allowed.len(), "broker"),
            output::plural(factor.unwrap_or(most), "replica"),
        );
        Failure::Usage(match asked.to.is_empty() {
            true => format!("--replication-factor: {few}; start more brokers, or ask for fewer replicas"),
            false => format!("--to: {few}; name more, or give fewer replicas with --replication-factor"),
        })
    })?;
    carry_out(client, format, &cluster, &Plan { moves, under_way }, asked.manner).await
}

/// The brokers that were named. If none were, all that are not fenced, and those that hold the partitions: who is away for a moment
/// keeps what it holds, and gets what no other broker can hold.
fn allowed(
    mut known: Brokers,
    named: &[i32],
    partitions: &[(TopicPartition, Vec<NodeId>)],
) -> Result<Brokers, Failure> {
    if named.is_empty() {
        for node in partitions.iter().flat_map(|(_, replicas)| replicas) {
            known.entry(*node).or_insert(Candidate { rack: None, is_last: true });
        }
        return Ok(known);
    }
    let mut allowed = Brokers::new();
    for &node in named {
        let broker = known.get(&NodeId(node)).ok_or_else(|| {
            let there: Vec<String> = known.keys().map(ToString::to_string).collect();
            Failure::Usage(format!("--to: there is no broker {node}; there are {}", there.join(", ")))
        })?;
        allowed.insert(NodeId(node), broker.clone());
    }
    Ok(allowed)
}

/// What one broker holds goes to the others.
pub async fn evacuate(client: &Client, format: Format, asked: Evacuation) -> Result<(), Failure> {
    let (cluster, node) = (Present::look(client).await?, NodeId(asked.node));
    cluster.look.check_known(node)?;
    let mut allowed = cluster.brokers();
    allowed.remove(&node);
    let leaves =
        |at: &TopicPartition| cluster.ongoing.get(at).is_some_and(|one| one.removing.contains(&node));
    let leaving: Vec<_> = cluster.partitions.iter().filter(|(at, _)| leaves(at)).cloned().collect();
    let under_way = cluster.under_way(&leaving);
    let partitions: Vec<_> =
        cluster.partitions.iter().filter(|(_, replicas)| replicas.contains(&node)).cloned().collect();
    let moves = moves(&partitions, &allowed, None, &cluster.held()).ok_or_else(|| {
        let most = partitions.iter().map(|(_, replicas)| replicas.len()).max().unwrap_or(0);
        Failure::Message(format!(
            "broker {node} cannot be evacuated: partitions have {}, and there would be {}; start another broker, or \
             give the topics fewer replicas",
            output::plural(most, "replica"),
            output::plural(allowed.len(), "broker"),
        ))
    })?;
    carry_out(client, format, &cluster, &Plan { moves, under_way }, asked.manner).await
}

/// What is to move, and what of it is moving already.
struct Plan {
    moves: Vec<Move>,
    under_way: Vec<Move>,
}

/// How it is now.
struct Present {
    look: Look,
    /// Every partition, with those that shall hold it.
    partitions: Vec<(TopicPartition, Vec<NodeId>)>,
    ongoing: BTreeMap<TopicPartition, OngoingReassignment>,
}

impl Present {
    async fn look(client: &Client) -> Result<Present, Failure> {
        let quorum = look_at_nodes(client).await?.quorum;
        if let QuorumLook::Silent(why) = &quorum {
            return Err(Failure::Message(format!(
                "the metadata quorum has no leader that answers ({why}), and nothing moves without one: start a majority of its \
                 voters; `ordain cluster health` names them"
            )));
        }
        // Before the partitions: what ends between the two shall not pass for what is to be.
        let ongoing = client.reassignments().await?;
        let look = look_at_brokers(client).await?;
        let draining = draining(client, look.there()).await?;
        let look = Look { quorum, draining, ..look };
        let mut partitions = Vec::new();
        for (at, one) in look.partitions() {
            let target = match ongoing.get(&at) {
                Some(OngoingReassignment { replicas, removing, .. }) => {
                    replicas.iter().filter(|node| !removing.contains(node)).copied().collect()
                }
                None => one.replicas.clone(),
            };
            partitions.push((at, target));
        }
        Ok(Present { look, partitions, ongoing })
    }

    fn of_topic(&self, topic: &str) -> Vec<(TopicPartition, Vec<NodeId>)> {
        self.partitions.iter().filter(|(at, _)| at.topic == topic).cloned().collect()
    }

    /// What is under way of these.
    fn under_way(&self, partitions: &[(TopicPartition, Vec<NodeId>)]) -> Vec<Move> {
        let ongoing = |(at, to): &(TopicPartition, Vec<NodeId>)| {
            let OngoingReassignment { replicas, adding, .. } = self.ongoing.get(at)?;
            let from = replicas.iter().filter(|node| !adding.contains(node)).copied().collect();
            Some(Move { at: at.clone(), from, to: to.clone() })
        };
        partitions.iter().filter_map(ongoing).collect()
    }

    fn brokers(&self) -> Brokers {
        let candidate = |node: NodeId, rack: &Option<String>| {
            let is_last = self.look.draining.contains(&node) || !self.look.is_there(node);
            (node, Candidate { rack: rack.clone(), is_last })
        };
        self.look.metadata.brokers.values().map(|broker| candidate(broker.id, &broker.rack)).collect()
    }

    fn held(&self) -> BTreeMap<NodeId, usize> {
        let mut held = BTreeMap::new();
        for node in self.partitions.iter().flat_map(|(_, replicas)| replicas) {
            *held.entry(*node).or_insert(0) += 1;
        }
        held
    }
}

async fn cancel(
    client: &Client,
    format: Format,
    partitions: &[(TopicPartition, Vec<NodeId>)],
    manner: Manner,
) -> Result<(), Failure> {
    let ongoing = client.reassignments().await?;
    let open: Vec<&TopicPartition> =
        partitions.iter().map(|(at, _)| at).filter(|at| ongoing.contains_key(at)).collect();
    let mut outcomes = BTreeMap::new();
    if !manner.dry_run && !open.is_empty() {
        let targets: BTreeMap<TopicPartition, Target> = open.iter().map(|at| ((*at).clone(), None)).collect();
        outcomes = client.reassign(&targets).await?;
    }
    // One that ended before it was taken back is over, too.
    let ended = |error: &ClientError| error.code() == Some(ErrorCode::NoReassignmentInProgress);
    let failed = |at: &TopicPartition| {
        outcomes.get(at).and_then(|outcome| outcome.as_ref().err()).filter(|error| !ended(error))
    };
    match format {
        Format::Json => {
            let documents: Vec<_> = open
                .iter()
                .map(|at| {
                    json!({
                        "topic": at.topic, "partition": at.partition.0,
                        "error": failed(at).map(ToString::to_string),
                    })
                })
                .collect();
            output::json(&json!({ "dry_run": manner.dry_run, "cancelled": documents }))?;
        }
        Format::Human if open.is_empty() => output::line("Nothing is under way.")?,
        Format::Human => {
            let done = if manner.dry_run { "would be taken back" } else { "taken back" };
            for at in &open {
                match failed(at) {
                    Some(error) => output::line(format_args!("{at}  {error}"))?,
                    None => output::line(format_args!("{at}  {done}"))?,
                }
            }
        }
    }
    if open.iter().all(|at| failed(at).is_none()) { Ok(()) } else { Err(Failure::Told) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_names_every_broker_may_hold_them_that_is_not_fenced_or_holds_them_now() {
        let known = || Brokers::from([1, 2, 4].map(|node| (NodeId(node), Candidate::default())));
        let held = [(TopicPartition::new("t", 0), [1, 3].map(NodeId).to_vec())];
        let all = allowed(known(), &[], &held).unwrap();
        assert_eq!(all.keys().copied().collect::<Vec<_>>(), [1, 2, 3, 4].map(NodeId));
        let two = moves(&held, &all, Some(3), &BTreeMap::new()).expect("there are enough");
        assert_eq!(two[0].to, [1, 3, 2].map(NodeId), "who is away for a moment keeps it");
        let two = allowed(known(), &[4, 1], &held).unwrap();
        assert_eq!(two.keys().copied().collect::<Vec<_>>(), [1, 4].map(NodeId));
        let refused = allowed(known(), &[1, 3], &held).unwrap_err();
        assert!(matches!(refused, Failure::Usage(_)), "{refused}");
        assert_eq!(refused.to_string(), "--to: there is no broker 3; there are 1, 2, 4");
    }
}
