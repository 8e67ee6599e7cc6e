//! A cluster that has lost a majority: what the surviving nodes hold is surveyed, a plan says which of them goes on with what, and
//! each is told so while it is stopped (docs/cluster.md, "Lost majority"). All of it works on data directories alone.
mod apply;
mod loss;
mod plan;
#[cfg(test)]
mod plan_tests;
mod survey;
#[cfg(test)]
mod tests;

pub use apply::{apply, rehearse};
pub use loss::Offsets;
pub use plan::{Choice, Gone, Plan, PlanError, Unnamed, plan};
pub use survey::{Assigned, EpochBegin, Survey, SurveyedLog, survey};

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::node::{StartError, open_directory};
use crate::config::BrokerConfig;
use crate::io::Io;
use crate::log::{JournalFailed, LogError, PartitionLog, Storage, StorageError};
use crate::partition::{ReplicaKey, VoterSet};
use crate::peers::forming::{FoundingError, load as load_founding};
use crate::types::NodeId;

/// The name under which the metadata log stands in surveys and plans.
pub const METADATA_NAME: &str = "@metadata";
/// How long the journal may take for what a plan says.
const JOURNAL_PATIENCE: Duration = Duration::from_secs(30);

/// Why a survey or a plan comes to nothing. A data directory is as it was then, unless the journal failed.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Founding(#[from] FoundingError),
    #[error("this data directory belongs to no cluster yet: there is nothing to recover")]
    NoCluster,
    #[error(
        "node {0} is named as lost: never start it with this directory. Another node goes on with what it held; a new one in its place begins with an empty directory"
    )]
    NamedLost(i32),
    #[error("the plan was made without a survey of node {0}: survey it, and plan anew")]
    NotSurveyed(i32),
    #[error(
        "by the plan nobody goes on with the cluster's metadata, and without them no node serves anything: nothing was changed. Restore the metadata of one surviving node from a copy of its disk, survey it, and plan anew"
    )]
    MetadataGone,
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

/// A replica's node and memory.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Debug)]
pub struct VoterKey {
    pub node: i32,
    pub directory: String,
}

impl VoterKey {
    fn of(key: ReplicaKey) -> VoterKey {
        VoterKey { node: key.node.0, directory: key.directory.to_string() }
    }
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

/// The key under which this node votes, or would, on a partition.
fn own_key(node: NodeId, storage: &Storage, log: &PartitionLog) -> ReplicaKey {
    log.replica_key(node, storage.directory_id())
}
