//! What a stopped node holds.
use serde::{Deserialize, Serialize};

use super::{METADATA_NAME, Opened, RecoveryError, VoterKey, open, own_key};
use crate::config::BrokerConfig;
use crate::io::Io;
use crate::log::PartitionLog;
use crate::metadata::MetadataImage;
use crate::metadata::controller::{METADATA_PARTITION, OnDisk, image_on_disk};
use crate::types::{EpochHistory, NodeId};

/// What a stopped node holds.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Survey {
    pub cluster: String,
    pub node: i32,
    pub directory: String,
    /// Up to where it knows the cluster's metadata, an offset of their log.
    pub metadata_end: i64,
    /// Why its disk does not give all that it held of the metadata. What the survey takes from them (names, nodes, who is to hold what) is
    /// as old as `metadata_end` then, and this node cannot go on with the metadata alone.
    #[serde(default)]
    pub metadata_damage: Option<String>,
    /// The nodes that are registered, as far as that tells.
    #[serde(default)]
    pub nodes: Vec<i32>,
    /// All partitions of the cluster, as far as that tells.
    pub assigned: Vec<Assigned>,
    pub logs: Vec<SurveyedLog>,
}

/// Which nodes are to hold a partition.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Assigned {
    pub topic: String,
    pub topic_id: String,
    pub partition: i32,
    pub replicas: Vec<i32>,
    /// Who votes on it where its log has no voter set of its own.
    #[serde(default)]
    pub founders: Vec<VoterKey>,
}

/// What it holds of one partition.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct SurveyedLog {
    /// `None`: this node's metadata do not name it. The topic was deleted, or they are too old to know it.
    pub topic: Option<String>,
    pub topic_id: String,
    pub partition: i32,
    pub replica: VoterKey,
    /// Who votes on it, as far as this log says, or else this node's metadata; empty: neither does.
    pub voters: Vec<VoterKey>,
    /// The highest epoch that was heard of, and that of the last entry; −1: none.
    pub seen_epoch: i32,
    pub last_epoch: i32,
    /// Which epoch begins where in it.
    #[serde(default)]
    pub epochs: Vec<EpochBegin>,
    pub log_start: i64,
    pub log_end: i64,
    /// Up to where this node knows the log to be committed: at least.
    pub committed: i64,
    /// What of it is lost on this node's disk.
    pub damage: Option<String>,
    /// The number of the log's last journal entry.
    pub entry: u64,
}

/// The beginning of an epoch.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct EpochBegin {
    pub epoch: i32,
    pub start: i64,
}

impl Survey {
    /// What it holds of the cluster's metadata.
    #[must_use]
    pub fn metadata_log(&self) -> Option<&SurveyedLog> {
        self.logs.iter().find(|log| log.is_metadata())
    }

    /// The logs that this node's metadata do not name.
    pub fn unnamed(&self) -> impl Iterator<Item = &SurveyedLog> {
        self.logs.iter().filter(|log| log.topic.is_none())
    }

    /// The logs that have lost something.
    pub fn damaged(&self) -> impl Iterator<Item = (&SurveyedLog, &str)> {
        self.logs.iter().filter_map(|log| Some((log, log.damage.as_deref()?)))
    }
}

impl SurveyedLog {
    /// Whether it is the cluster's metadata log.
    #[must_use]
    pub fn is_metadata(&self) -> bool {
        self.topic.as_deref() == Some(METADATA_NAME)
    }

    /// The partition's name, with the topic's id where no name is known.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}-{}", self.called(), self.partition)
    }

    /// The topic's name, or else its id.
    fn called(&self) -> &str {
        self.topic.as_ref().unwrap_or(&self.topic_id)
    }

    /// What a voter compares: the later epoch, and in one epoch the longer log.
    pub(super) fn position(&self) -> (i32, i64) {
        (self.last_epoch, self.log_end)
    }
}

/// Looks at what a stopped node holds. Recovers its data directory as a start would, and changes nothing else. Metadata that cannot be read do
/// not stand in the way: what the node holds of partitions may be nowhere else.
///
/// # Errors
/// If it belongs to no cluster, or cannot be read.
pub async fn survey(io: &Io, config: &BrokerConfig) -> Result<Survey, RecoveryError> {
    let Opened { node, storage, logs, cluster, founders } = open(io, config).await?;
    let metadata = logs.iter().find(|log| log.key().partition == METADATA_PARTITION);
    let on_disk = image_on_disk(io, metadata).await;
    let metadata_damage = metadata_damage(metadata, &on_disk);
    let OnDisk { image, end, .. } = on_disk;
    let founders: Vec<VoterKey> = founders.keys().iter().copied().map(VoterKey::of).collect();
    let logs = logs.iter().map(|log| {
        let replica = VoterKey::of(own_key(node, &storage, log));
        surveyed(log, replica, &image, &founders)
    });
    let mut logs: Vec<SurveyedLog> = logs.collect();
    logs.sort_by(|a, b| (a.called(), a.partition).cmp(&(b.called(), b.partition)));
    let survey = Survey {
        cluster,
        node: node.0,
        directory: storage.directory_id().to_string(),
        metadata_end: end.0,
        metadata_damage,
        nodes: image.registrations().map(|(node, _)| node.0).collect(),
        assigned: assigned(&image),
        logs,
    };
    storage.close().await?;
    Ok(survey)
}

/// Why this node cannot go on with the metadata alone, if it cannot.
fn metadata_damage(log: Option<&PartitionLog>, on_disk: &OnDisk) -> Option<String> {
    if let Some(unreadable) = &on_disk.unreadable {
        return Some(unreadable.to_string());
    }
    let log = log?;
    if let Some(damage) = log.damage() {
        return Some(format!("the metadata log is damaged: {damage}"));
    }
    (on_disk.end > log.log_end()).then(|| {
        let (log_end, end) = (log.log_end(), on_disk.end);
        format!("the metadata log ends at offset {log_end}, before the snapshot that covers all up to {end}")
    })
}

fn surveyed(
    log: &PartitionLog,
    replica: VoterKey,
    image: &MetadataImage,
    founders: &[VoterKey],
) -> SurveyedLog {
    let id = log.key().partition;
    let is_metadata = id == METADATA_PARTITION;
    let topic = match image.topic_by_id(id.topic) {
        _ if is_metadata => Some(METADATA_NAME.to_owned()),
        Some(topic) => Some(topic.name.to_string()),
        None => None,
    };
    let voters = match (log.voters().last(), image.partition(id)) {
        (Some((_, voters)), _) => voters.keys().iter().copied().map(VoterKey::of).collect(),
        (None, _) if is_metadata => founders.to_vec(),
        (None, Some(partition)) => partition.founders.iter().copied().map(VoterKey::of).collect(),
        (None, None) => Vec::new(),
    };
    SurveyedLog {
        topic,
        topic_id: id.topic.to_string(),
        partition: id.index.0,
        replica,
        voters,
        seen_epoch: log.vote().map_or(-1, |vote| vote.epoch.0),
        last_epoch: log.epochs().last().map_or(-1, |last| last.epoch.0),
        epochs: epochs(log.epochs()),
        log_start: log.log_start().0,
        log_end: log.log_end().0,
        committed: log.high_watermark().0,
        damage: log.damage().map(ToOwned::to_owned),
        entry: log.number().0,
    }
}

fn epochs(history: &EpochHistory) -> Vec<EpochBegin> {
    let begins = history.entries().iter();
    begins.map(|begin| EpochBegin { epoch: begin.epoch.0, start: begin.start.0 }).collect()
}

fn assigned(image: &MetadataImage) -> Vec<Assigned> {
    let nodes = |nodes: &[NodeId]| nodes.iter().map(|node| node.0).collect();
    let partitions = image.topics().flat_map(|topic| {
        topic.partitions.iter().map(|(index, partition)| Assigned {
            topic: topic.name.to_string(),
            topic_id: topic.id.to_string(),
            partition: index.0,
            replicas: nodes(&partition.replicas),
            founders: partition.founders.iter().copied().map(VoterKey::of).collect(),
        })
    });
    partitions.collect()
}
