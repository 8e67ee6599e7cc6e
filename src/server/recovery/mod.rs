//! A cluster that has lost a majority: what the surviving nodes hold is surveyed, a plan says which of them goes on with what, and
//! each is told so while it is stopped (docs/cluster.md, "Lost majority"). All of it works on data directories alone.
mod plan;

pub use plan::{Assigned, Choice, Gone, Plan, PlanError, Survey, SurveyedLog, VoterKey, plan};

use std::collections::BTreeMap;
use std::time::Duration;

use super::node::{StartError, open_directory};
use crate::config::BrokerConfig;
use crate::io::{Io, timeout};
use crate::log::{JournalFailed, LogError, PartitionLog, Storage, StorageError, Vote, voters};
use crate::metadata::controller::{ControllerUnavailable, METADATA_PARTITION, image_on_disk};
use crate::partition::{ReplicaKey, VoterSet};
use crate::peers::forming::{FoundingError, load as load_founding};
use crate::types::{LeaderEpoch, NodeId, PartitionId, PartitionIndex, Timestamp, TopicId};

/// The name under which the metadata log stands in surveys and plans.
pub const METADATA_NAME: &str = "@metadata";
/// How long the journal may take for what a plan says.
const JOURNAL_PATIENCE: Duration = Duration::from_secs(30);

/// Why a survey or a plan comes to nothing. A data directory is as it was then, unless the journal failed.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("the metadata on the disk cannot be read: {0}")]
    Metadata(#[from] ControllerUnavailable),
    #[error(transparent)]
    Founding(#[from] FoundingError),
    #[error("this data directory belongs to no cluster yet: there is nothing to recover")]
    NoCluster,
    #[error(
        "node {0} is named as lost: never start it with this directory. Another node goes on with what it held; a new one in its place begins with an empty directory"
    )]
    NamedLost(i32),
    #[error("the plan is one of cluster {plan}, and this data directory belongs to cluster {found}")]
    OtherCluster { plan: String, found: String },
    #[error(
        "the plan was made for another data directory of node {node} ({plan}, this one is {found}): survey this one, and plan anew"
    )]
    OtherDirectory { node: i32, plan: String, found: String },
    #[error(
        "{partition} has changed since it was surveyed (entry {found}, not {surveyed}): the node has run meanwhile; survey it again, and plan anew"
    )]
    Changed { partition: String, surveyed: u64, found: u64 },
    #[error("{partition} is not here any more: survey this node again, and plan anew")]
    Missing { partition: String },
    #[error("{partition}: {source}")]
    Log { partition: String, source: LogError },
    #[error(transparent)]
    Journal(#[from] JournalFailed),
    #[error(
        "the journal did not take it within {} s: it is full, perhaps of batches that wait to be committed; give it more files (ordain.journal.files)",
        JOURNAL_PATIENCE.as_secs()
    )]
    JournalFull,
    #[error("{0}")]
    Storage(#[from] StorageError),
}

/// A stopped node's data directory, open.
struct Opened {
    /// Whose directory it is.
    node: NodeId,
    storage: Storage,
    logs: Vec<PartitionLog>,
    cluster: String,
    founders: VoterSet,
}

async fn open(io: &Io, config: &BrokerConfig) -> Result<Opened, RecoveryError> {
    let founding = load_founding(&*io.disk).await?.ok_or(RecoveryError::NoCluster)?.founding;
    // Without a list of others, the directory says whose it is.
    let is_named = config.quorum.is_some();
    let (node, opened) = match open_directory(io, config, config.node_id).await {
        Err(StorageError::OtherNode { owner, .. }) if !is_named => {
            (owner, open_directory(io, config, owner).await)
        }
        other => (config.node_id, other),
    };
    let (storage, logs, _) = opened?;
    Ok(Opened { node, storage, logs, cluster: founding.cluster.to_string(), founders: founding.voters })
}

/// Looks at what a stopped node holds. Recovers its data directory as a start would, and changes nothing else.
///
/// # Errors
/// If it belongs to no cluster, or cannot be read.
pub async fn survey(io: &Io, config: &BrokerConfig) -> Result<Survey, RecoveryError> {
    let Opened { node, storage, logs, cluster, founders } = open(io, config).await?;
    let metadata = logs.iter().find(|log| log.key().partition == METADATA_PARTITION);
    let (image, image_end) = image_on_disk(io, metadata).await?;
    let mut surveyed = Vec::new();
    for log in &logs {
        let id = log.key().partition;
        let name = if id == METADATA_PARTITION {
            METADATA_NAME.to_owned()
        } else {
            // What the metadata do not name was deleted, or goes at the next start.
            let Some(topic) = image.topic_by_id(id.topic) else { continue };
            topic.name.to_string()
        };
        let voters = match log.voters().last() {
            Some((_, voters)) => voters.keys().to_vec(),
            None if id == METADATA_PARTITION => founders.keys().to_vec(),
            None => image.partition(id).map(|partition| partition.founders.clone()).unwrap_or_default(),
        };
        surveyed.push(SurveyedLog {
            topic: name,
            topic_id: id.topic.to_string(),
            partition: id.index.0,
            replica: VoterKey::of(own_key(node, &storage, log)),
            voters: voters.into_iter().map(VoterKey::of).collect(),
            seen_epoch: log.vote().map_or(-1, |vote| vote.epoch.0),
            last_epoch: log.epochs().last().map_or(-1, |last| last.epoch.0),
            log_start: log.log_start().0,
            log_end: log.log_end().0,
            committed: log.high_watermark().0,
            damage: log.damage().map(ToOwned::to_owned),
            entry: log.number().0,
        });
    }
    surveyed.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
    let assigned = image.topics().flat_map(|topic| {
        topic.partitions.iter().map(|(index, partition)| Assigned {
            topic: topic.name.to_string(),
            topic_id: topic.id.to_string(),
            partition: index.0,
            replicas: partition.replicas.iter().map(|node| node.0).collect(),
        })
    });
    let survey = Survey {
        assigned: assigned.collect(),
        cluster,
        node: node.0,
        nodes: image.registrations().map(|(node, _)| node.0).collect(),
        directory: storage.directory_id().to_string(),
        metadata_end: image_end.0,
        logs: surveyed,
    };
    storage.close().await?;
    Ok(survey)
}

/// The key under which this node votes, or would, on a partition.
fn own_key(node: NodeId, storage: &Storage, log: &PartitionLog) -> ReplicaKey {
    log.replica_key(node, storage.directory_id())
}

/// Makes this stopped node go on alone with what the plan chose it for: in each of these logs an epoch begins that is above all that were
/// seen, with this node's replica as the only voter. Durable on return. Doing it twice changes nothing. Gives the node and how many logs were changed.
///
/// # Errors
/// If the plan is of another cluster or directory, calls this node lost, or the node has run since it was surveyed: nothing was changed then.
pub async fn apply(
    io: &Io,
    config: &BrokerConfig,
    plan: &Plan,
    now: Timestamp,
) -> Result<(NodeId, usize), RecoveryError> {
    let Opened { node, storage, mut logs, cluster, founders: _ } = open(io, config).await?;
    if plan.cluster != cluster {
        return Err(RecoveryError::OtherCluster { plan: plan.cluster.clone(), found: cluster });
    }
    let found = storage.directory_id().to_string();
    if plan.lost.contains(&node.0) {
        return Err(RecoveryError::NamedLost(node.0));
    }
    let chosen: Vec<&Choice> = plan.of_node(node.0).collect();
    if let Some(other) = plan.directory_of(node.0).filter(|planned| **planned != found) {
        return Err(RecoveryError::OtherDirectory { node: node.0, plan: other.to_owned(), found });
    }
    let mut by_id: BTreeMap<PartitionId, &mut PartitionLog> =
        logs.iter_mut().map(|log| (log.key().partition, log)).collect();
    let mut due = Vec::new();
    for choice in chosen {
        let missing = || RecoveryError::Missing { partition: choice.name() };
        let topic = TopicId::parse(&choice.topic_id).ok_or_else(missing)?;
        let id = PartitionId { topic, index: PartitionIndex(choice.partition) };
        let log = by_id.remove(&id).ok_or_else(missing)?;
        if log.epochs().last().is_some_and(|last| last.epoch.0 >= choice.epoch) {
            continue;
        }
        let (surveyed, found) = (choice.entry, log.number().0);
        if surveyed != found {
            return Err(RecoveryError::Changed { partition: choice.name(), surveyed, found });
        }
        due.push((choice, log));
    }
    let journal = storage.journal();
    let mut entries = Vec::new();
    let changed = due.len();
    for (choice, log) in due {
        let key = own_key(node, &storage, log);
        let failed = |source| RecoveryError::Log { partition: choice.name(), source };
        let (epoch, at) = (LeaderEpoch(choice.epoch), journal.durable_position());
        entries.push(log.record_vote(Vote { epoch, candidate: Some(key) }, at));
        entries.push(log.start_epoch(epoch, at).map_err(failed)?);
        let alone = VoterSet::of([key]).expect("one voter is a set");
        entries.push(log.append(voters::batch(&alone, log.log_end(), epoch, now), at).map_err(failed)?);
    }
    let until = io.clock.now().after(JOURNAL_PATIENCE);
    match timeout(&*io.clock, until, journal.append(entries)).await {
        Ok(written) => written?,
        Err(_) => return Err(RecoveryError::JournalFull),
    }
    storage.close().await?;
    Ok((node, changed))
}
