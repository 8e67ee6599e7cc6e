//! Partitions that move from brokers to others.
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use comfy_table::Cell;
use ordain::client::admin::Target;
use ordain::client::{AutoCreate, Client, ClientError, ClusterMetadata, TopicPartition};
use ordain::types::{ErrorCode, NodeId};
use serde_json::json;

use crate::connect;
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::progress;
use plan::{Brokers, Move, moves};

mod plan;

/// How often it is asked what is under way.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// What is done with a plan.
#[derive(clap::Args, Clone, Copy, Debug)]
pub struct Manner {
    /// Only show what would move.
    #[arg(long)]
    dry_run: bool,
    /// Do not wait until everything has moved.
    #[arg(long, conflicts_with = "dry_run")]
    no_wait: bool,
}

#[derive(clap::Args, Clone, Debug)]
pub struct Topics {
    #[arg(required = true)]
    topics: Vec<String>,
    /// The brokers that shall hold them, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "ID", required_unless_present = "cancel")]
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
            return Err(super::topic::unknown(topic, ClientError::UnknownTopic { topic: topic.clone() }));
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
    let known = cluster.brokers();
    let mut allowed = Brokers::new();
    for &node in &asked.to {
        let rack = known.get(&NodeId(node)).ok_or_else(|| {
            let there: Vec<String> = known.keys().map(ToString::to_string).collect();
            Failure::Usage(format!("--to: there is no broker {node}; there are {}", there.join(", ")))
        })?;
        allowed.insert(NodeId(node), rack.clone());
    }
    let factor = asked.replication_factor.map(usize::from);
    let moves = moves(&partitions, &allowed, factor, &cluster.held()).ok_or_else(|| {
        let most = partitions.iter().map(|(_, replicas)| replicas.len()).max().unwrap_or(0);
        Failure::Usage(format!(
            "--to: {} for {}; name more, or give fewer replicas with --replication-factor",
            output::plural(allowed.len(), "broker"),
            output::plural(factor.unwrap_or(most), "replica"),
        ))
    })?;
    carry_out(client, format, &moves, asked.manner).await
}

/// What one broker holds goes to the others.
pub async fn evacuate(client: &Client, format: Format, asked: Evacuation) -> Result<(), Failure> {
    let (cluster, node) = (Present::look(client).await?, NodeId(asked.node));
    let mut allowed = cluster.brokers();
    allowed.remove(&node);
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
    carry_out(client, format, &moves, asked.manner).await
}

/// How it is now.
struct Present {
    metadata: ClusterMetadata,
    /// Every partition, with those that shall hold it.
    partitions: Vec<(TopicPartition, Vec<NodeId>)>,
}

impl Present {
    async fn look(client: &Client) -> Result<Present, Failure> {
        let metadata = connect::with_retries(client, || client.describe(None, AutoCreate::No)).await?;
        let ongoing = client.reassignments().await?;
        let mut partitions = Vec::new();
        for topic in metadata.topics.values() {
            for one in &topic.partitions {
                let at = TopicPartition::new(topic.name.clone(), one.index.0);
                let removing = ongoing.get(&at).map_or(&[][..], |ongoing| &ongoing.removing);
                let stays = |node: &NodeId| !removing.contains(node);
                partitions.push((at, one.replicas.iter().copied().filter(stays).collect()));
            }
        }
        Ok(Present { metadata, partitions })
    }

    fn of_topic(&self, topic: &str) -> Vec<(TopicPartition, Vec<NodeId>)> {
        self.partitions.iter().filter(|(at, _)| at.topic == topic).cloned().collect()
    }

    fn brokers(&self) -> Brokers {
        self.metadata.brokers.values().map(|broker| (broker.id, broker.rack.clone())).collect()
    }

    fn held(&self) -> BTreeMap<NodeId, usize> {
        let mut held = BTreeMap::new();
        for node in self.partitions.iter().flat_map(|(_, replicas)| replicas) {
            *held.entry(*node).or_insert(0) += 1;
        }
        held
    }
}

async fn carry_out(client: &Client, format: Format, moves: &[Move], manner: Manner) -> Result<(), Failure> {
    let mut outcomes = BTreeMap::new();
    if !manner.dry_run && !moves.is_empty() {
        let targets: BTreeMap<TopicPartition, Target> =
            moves.iter().map(|one| (one.at.clone(), Some(one.to.clone()))).collect();
        outcomes = client.reassign(&targets).await?;
    }
    let taken: BTreeSet<TopicPartition> =
        outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).map(|(at, _)| at.clone()).collect();
    if !manner.no_wait {
        wait(client, &taken).await?;
    }
    let state = |one: &Move| match outcomes.get(&one.at) {
        None => "would move".to_owned(),
        Some(Ok(())) if manner.no_wait => "moves".to_owned(),
        Some(Ok(())) => "moved".to_owned(),
        Some(Err(error)) => error.to_string(),
    };
    match format {
        Format::Json => output::json(&document(moves, &outcomes, manner))?,
        Format::Human if moves.is_empty() => output::line("Every partition is where it shall be.")?,
        Format::Human => {
            let mut table = output::table(&["PARTITION", "FROM", "TO", ""]);
            for one in moves {
                table.add_row([
                    Cell::new(&one.at),
                    Cell::new(ids(&one.from)),
                    Cell::new(ids(&one.to)),
                    Cell::new(state(one)),
                ]);
            }
            output::print_table(&table)?;
        }
    }
    if outcomes.values().all(Result::is_ok) { Ok(()) } else { Err(Failure::Told) }
}

fn document(
    moves: &[Move],
    outcomes: &BTreeMap<TopicPartition, Result<(), ClientError>>,
    manner: Manner,
) -> serde_json::Value {
    let numbers = |nodes: &[NodeId]| nodes.iter().map(|node| node.0).collect::<Vec<_>>();
    let moves: Vec<_> = moves
        .iter()
        .map(|one| {
            let error = outcomes.get(&one.at).and_then(|outcome| outcome.as_ref().err());
            json!({
                "topic": one.at.topic, "partition": one.at.partition.0, "from": numbers(&one.from),
                "to": numbers(&one.to), "error": error.map(ToString::to_string),
            })
        })
        .collect();
    json!({ "dry_run": manner.dry_run, "waited": !manner.dry_run && !manner.no_wait, "partitions": moves })
}

/// Waits until none of these is under way any more.
async fn wait(client: &Client, moving: &BTreeSet<TopicPartition>) -> Result<(), Failure> {
    if moving.is_empty() {
        return Ok(());
    }
    let bar = progress::bar(Some(moving.len() as u64), "partitions moved");
    loop {
        let ongoing = client.reassignments().await?;
        let left = moving.iter().filter(|at| ongoing.contains_key(at)).count();
        bar.set_position((moving.len() - left) as u64);
        if left == 0 {
            bar.finish_and_clear();
            return Ok(());
        }
        tokio::time::sleep(LOOK_AGAIN).await;
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

fn ids(nodes: &[NodeId]) -> String {
    nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}
