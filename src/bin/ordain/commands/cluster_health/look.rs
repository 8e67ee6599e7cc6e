//! What the tools see of a cluster at one moment, and what follows from it for single nodes and partitions.
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ordain::client::admin::{LogDir, Quorum, QuorumVoter};
use ordain::client::{
    AutoCreate, Client, ClientError, ClusterMetadata, Lane, PartitionMetadata, TopicPartition,
};
use ordain::types::{NodeId, Offset};
use tokio::task::JoinSet;

use super::findings::ids;
use crate::connect;
use crate::failure::Failure;

/// The broker's key that drains it.
pub const DRAIN_KEY: &str = ordain::metadata::DRAIN_KEY;
/// How long a broker may take to say that it is there.
const PROBE_MAX: Duration = Duration::from_secs(3);
/// How long the active controller is waited for: a node that has none keeps the question for longer.
const QUORUM_MAX: Duration = Duration::from_secs(5);
/// A voter that lacks what was committed so long ago lags.
const LAG_PATIENCE: Duration = Duration::from_millis(500);
/// A voter that has not fetched for so long, where the leader tells when, is not there.
const FETCH_AGE_MAX_MS: i64 = 10_000;
/// By how much later a node was heard in a second look, at the least, if it runs: clocks are read twice for it.
const HEARD_AGAIN_MS: i64 = 500;

/// A cluster as it was seen.
#[derive(Clone, Debug)]
pub struct Look {
    pub metadata: ClusterMetadata,
    /// Brokers that the metadata names and that do not answer, and what came instead.
    pub silent: BTreeMap<NodeId, String>,
    pub quorum: QuorumLook,
    /// `min.insync.replicas` of each topic.
    pub min_insync: BTreeMap<String, usize>,
    /// Brokers that a person drains.
    pub draining: BTreeSet<NodeId>,
    /// Partitions whose replicas are being changed: their metadata name more replicas than vote. `None` if nobody told.
    pub moving: Option<BTreeSet<TopicPartition>>,
    /// The data directories of the brokers that tell of them, after [`look_with_disks`].
    pub disks: BTreeMap<NodeId, Vec<LogDir>>,
}

#[derive(Clone, PartialEq, Debug)]
pub enum QuorumLook {
    /// What the active controller told; and what was committed a moment before.
    Told { quorum: Quorum, committed_before: Offset },
    /// The broker has no such thing, or does not tell of it.
    NotServed,
    /// Nobody told.
    Silent(String),
}

/// How a voter of the metadata log stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VoterState {
    KeepsUp,
    Lags,
    NotThere,
}

impl Look {
    pub fn is_there(&self, node: NodeId) -> bool {
        self.metadata.brokers.contains_key(&node) && !self.silent.contains_key(&node)
    }

    /// How long a commit took of late, in ms, on a broker whose disk is too slow for it to lead.
    pub fn slow_commit_ms(&self, node: NodeId) -> Option<u32> {
        self.disks.get(&node)?.iter().filter_map(|dir| dir.slow_commit_ms).max()
    }

    /// The brokers that answer.
    pub fn there(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.metadata.brokers.keys().copied().filter(|node| self.is_there(*node))
    }

    /// Whether it answers, or the metadata's leader hears it: clients do not see a controller that is no broker.
    pub fn runs(&self, node: NodeId) -> bool {
        let QuorumLook::Told { quorum, committed_before } = &self.quorum else { return self.is_there(node) };
        let replica = quorum.voters.iter().chain(&quorum.observers).find(|replica| replica.id == node);
        let fetches = |replica| self.voter_state(quorum, *committed_before, replica) != VoterState::NotThere;
        self.is_there(node) || replica.is_some_and(fetches)
    }

    /// Forgets that the metadata's leader has heard a node, if it has not since an earlier look: one that runs is heard many times
    /// in a second.
    pub fn hear_anew(&mut self, node: NodeId, before: &Look) {
        let QuorumLook::Told { quorum: earlier, .. } = &before.quorum else { return };
        let QuorumLook::Told { quorum, .. } = &mut self.quorum else { return };
        let replicas = |quorum: &Quorum| [&quorum.voters[..], &quorum.observers].concat();
        let heard = replicas(earlier).into_iter().find(|replica| replica.id == node);
        let heard = heard.and_then(|replica| replica.last_fetch_ms);
        for replica in quorum.voters.iter_mut().chain(&mut quorum.observers).filter(|one| one.id == node) {
            let since =
                heard.zip(replica.last_fetch_ms).is_none_or(|(then, last)| last - then > HEARD_AGAIN_MS);
            replica.last_fetch_ms = replica.last_fetch_ms.filter(|_| since);
        }
    }

    pub fn partitions(&self) -> impl Iterator<Item = (TopicPartition, &PartitionMetadata)> {
        self.metadata.topics.values().flat_map(|topic| {
            topic.partitions.iter().map(|p| (TopicPartition::new(topic.name.clone(), p.index.0), p))
        })
    }

    /// The leader, if it is one that answers.
    pub fn leader(&self, partition: &PartitionMetadata) -> Option<NodeId> {
        partition.leader.filter(|leader| self.is_there(*leader))
    }

    /// The replicas that are in sync and there.
    pub fn in_sync(&self, partition: &PartitionMetadata) -> BTreeSet<NodeId> {
        let holds = |node: &&NodeId| {
            partition.replicas.contains(node) && !partition.offline.contains(node) && self.is_there(**node)
        };
        partition.in_sync.iter().filter(holds).copied().collect()
    }

    /// What `min.insync.replicas` asks for: all replicas, if those are fewer.
    pub fn min_insync(&self, topic: &str, partition: &PartitionMetadata) -> usize {
        self.min_insync.get(topic).copied().unwrap_or(1).min(partition.replicas.len())
    }

    /// How many replicas in sync a partition needs to be written with `acks=all`.
    pub fn needed(&self, at: &TopicPartition, partition: &PartitionMetadata) -> usize {
        majority(partition.replicas.len()).max(self.min_insync(&at.topic, partition))
    }

    /// Whether as many replicas vote on a partition as its metadata name.
    pub fn all_vote(&self, at: &TopicPartition) -> bool {
        self.moving.as_ref().is_some_and(|moving| !moving.contains(at))
    }

    /// Every node that anything names.
    pub fn nodes(&self) -> BTreeSet<NodeId> {
        let mut nodes: BTreeSet<NodeId> = self.metadata.brokers.keys().copied().collect();
        nodes.extend(self.partitions().flat_map(|(_, p)| &p.replicas));
        if let QuorumLook::Told { quorum, .. } = &self.quorum {
            nodes.extend(quorum.voters.iter().chain(&quorum.observers).map(|replica| replica.id));
            nodes.extend(&quorum.nodes);
        }
        nodes
    }

    /// # Errors
    /// If nothing names this node.
    pub fn check_known(&self, node: NodeId) -> Result<(), Failure> {
        let known: Vec<NodeId> = self.nodes().into_iter().collect();
        match known.contains(&node) {
            true => Ok(()),
            false => {
                Err(Failure::Usage(format!("there is no node {node}; the cluster knows {}", ids(&known))))
            }
        }
    }

    pub fn voter_state(&self, quorum: &Quorum, committed_before: Offset, voter: &QuorumVoter) -> VoterState {
        let leader = quorum.voters.iter().find(|other| Some(other.id) == quorum.leader);
        let fetched_at = |voter: &QuorumVoter| voter.last_fetch_ms;
        let fetches = match (leader.and_then(fetched_at), voter.last_fetch_ms) {
            // A controller that is no broker is seen by nobody else.
            (Some(now), Some(last)) => now - last <= FETCH_AGE_MAX_MS,
            (_, _) => false,
        };
        let is_leader = quorum.leader == Some(voter.id);
        if !is_leader && !self.is_there(voter.id) && !fetches {
            return VoterState::NotThere;
        }
        match voter.log_end {
            Some(end) if is_leader || end >= committed_before => VoterState::KeepsUp,
            Some(_) | None => VoterState::Lags,
        }
    }
}

/// The least number of `count` that is more than half of them.
pub fn majority(count: usize) -> usize {
    count / 2 + 1
}

/// All but the disks.
pub async fn look(client: &Client) -> Result<Look, Failure> {
    let mut look = look_at_topics(client).await?;
    look.quorum = look_at_quorum(client).await?;
    Ok(look)
}

/// Brokers, partitions and the metadata quorum: nothing that takes a question for each topic or broker.
pub async fn look_at_nodes(client: &Client) -> Result<Look, Failure> {
    let mut look = look_at_brokers(client).await?;
    look.quorum = look_at_quorum(client).await?;
    Ok(look)
}

/// All of it.
pub async fn look_with_disks(client: &Client) -> Result<Look, Failure> {
    let mut look = look_at_topics(client).await?;
    let told = told_by_each(client, &look).await;
    take_leaders_word(&mut look.metadata, &told);
    look.disks = disks(client, look.there()).await?;
    // Last: a question that nobody answers takes the connection down.
    look.quorum = look_at_quorum(client).await?;
    Ok(look)
}

async fn look_at_topics(client: &Client) -> Result<Look, Failure> {
    let mut look = look_at_brokers(client).await?;
    let topics: Vec<String> = look.metadata.topics.keys().cloned().collect();
    for (topic, value) in client.topics_config(&topics, "min.insync.replicas").await? {
        let count = value.parse().map_err(|_| {
            Failure::Message(format!("topic {topic}: min.insync.replicas is {value:?}, which is no number"))
        })?;
        look.min_insync.insert(topic, count);
    }
    look.draining = super::drain::draining(client, look.there()).await?;
    // Without a controller nobody tells, and the rest can be told all the same.
    let asked = tokio::time::timeout(QUORUM_MAX, client.reassignments()).await;
    look.moving = asked.ok().and_then(Result::ok).map(|ongoing| ongoing.into_keys().collect());
    Ok(look)
}

/// Brokers and partitions alone.
pub async fn look_at_brokers(client: &Client) -> Result<Look, Failure> {
    let metadata = connect::with_retries(client, || client.describe(None, AutoCreate::No)).await?;
    let within = client.options().request_timeout.min(PROBE_MAX);
    let mut probes = JoinSet::new();
    for (id, node) in &metadata.brokers {
        let (id, address, client) = (*id, node.address.clone(), client.clone());
        probes.spawn(async move {
            let why = match tokio::time::timeout(within, client.connection(&address, Lane::Admin)).await {
                Ok(Ok(_)) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some(format!("{address} did not answer within {within:?}")),
            };
            (id, why)
        });
    }
    let mut silent = BTreeMap::new();
    while let Some(probed) = probes.join_next().await {
        let (id, why) =
            probed.map_err(|error| Failure::Message(format!("a broker could not be asked: {error}")))?;
        silent.extend(why.map(|why| (id, why)));
    }
    Ok(Look {
        metadata,
        silent,
        quorum: QuorumLook::NotServed,
        min_insync: BTreeMap::new(),
        draining: BTreeSet::new(),
        moving: None,
        disks: BTreeMap::new(),
    })
}

/// What each broker that leads something says of the cluster, as far as it does.
async fn told_by_each(client: &Client, look: &Look) -> BTreeMap<NodeId, ClusterMetadata> {
    let within = client.options().request_timeout.min(PROBE_MAX);
    let leaders: BTreeSet<NodeId> = look.partitions().filter_map(|(_, p)| look.leader(p)).collect();
    let mut told = BTreeMap::new();
    for node in leaders {
        let Some(broker) = look.metadata.brokers.get(&node) else { continue };
        let asked = async {
            let connection = client.connection(&broker.address, Lane::Admin).await?;
            client.described_by(&connection, None, AutoCreate::No).await
        };
        // It was there a moment ago: the next look tells.
        if let Ok(Ok(metadata)) = tokio::time::timeout(within, asked).await {
            told.insert(node, metadata);
        }
    }
    told
}

/// A broker that is said to lead a partition, and knows that it does not and that nobody else does, is right.
pub fn take_leaders_word(metadata: &mut ClusterMetadata, told: &BTreeMap<NodeId, ClusterMetadata>) {
    for (name, topic) in &mut metadata.topics {
        for partition in &mut topic.partitions {
            let at = TopicPartition::new(name.clone(), partition.index.0);
            let of_leader = partition.leader.and_then(|leader| told.get(&leader)?.partition(&at));
            if let Some(own) = of_leader.filter(|own| own.leader.is_none()) {
                *partition = own.clone();
            }
        }
    }
}

/// What the brokers tell of their disks, as far as they do.
async fn disks(
    client: &Client,
    nodes: impl Iterator<Item = NodeId>,
) -> Result<BTreeMap<NodeId, Vec<LogDir>>, Failure> {
    let mut disks = BTreeMap::new();
    for node in nodes {
        match client.disks(node).await {
            Ok(dirs) => drop(disks.insert(node, dirs)),
            Err(ClientError::UnsupportedApi { .. }) => {}
            // It was there a moment ago: the next look tells.
            Err(error) if error.is_retriable() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(disks)
}

/// The metadata quorum, asked for again if a voter is behind: what is under way is no lag.
pub async fn look_at_quorum(client: &Client) -> Result<QuorumLook, Failure> {
    let within = client.options().request_timeout.min(QUORUM_MAX);
    let quorum = match client.describe_quorum(within).await {
        Ok(quorum) => quorum,
        Err(ClientError::UnsupportedApi { .. }) => return Ok(QuorumLook::NotServed),
        Err(error) if error.is_retriable() => return Ok(QuorumLook::Silent(error.to_string())),
        Err(error) => return Err(error.into()),
    };
    let committed_before = quorum.high_watermark;
    if quorum.voters.iter().all(|voter| voter.log_end >= Some(committed_before)) {
        return Ok(QuorumLook::Told { quorum, committed_before });
    }
    // What is under way is no lag.
    tokio::time::sleep(LAG_PATIENCE).await;
    match client.describe_quorum(within).await {
        Ok(quorum) => Ok(QuorumLook::Told { quorum, committed_before }),
        Err(error) if error.is_retriable() => Ok(QuorumLook::Silent(error.to_string())),
        Err(error) => Err(error.into()),
    }
}
