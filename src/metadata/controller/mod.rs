//! What the cluster decides about itself: pure functions from the image and a command to records and a reply.
//!
//! Nothing changes here. The records of a [`Decision`] take effect when they are committed in the metadata
//! log and applied to the image; the reply is sent then, not before.
mod brokers;
mod configs;
mod features;
mod holding;
mod offline;
mod quorum;
mod reader;
mod reassignments;
mod snapshotting;
mod taking_over;
mod task;
#[cfg(test)]
mod task_tests;
mod topics;
mod transfer;
mod writer;

pub use brokers::{
    BrokerState, LeaderReport, Led, NewBroker, Unled, allocate_producer_ids, bootstrap, change_broker,
    note_leaders, register_broker, unknown_level, unregister_broker,
};
pub use configs::{ConfigChange, ConfigChanges, ConfigOp, ConfigRules, alter_configs, dynamic_configs};
pub use features::{FeatureChange, FeatureUpdate, SupportedFeature, update_features};
pub use offline::{OnDisk, Unreadable, image_on_disk};
pub use quorum::{Suffrage, note_voter, quorum_nodes};
pub use reader::LogReader;
pub use reassignments::{Reassignment, ReportedVoters, Scope, note_voters, reassign, under_way};
pub use task::{
    Controller, ControllerConfig, ControllerHandle, ControllerUnavailable, METADATA_PARTITION, Quorum,
};
pub use topics::{
    CreatedTopic, DeletedTopic, NewPartitions, NewTopic, TopicRules, TopicSelector, create_partitions,
    create_topics, delete_topics,
};

use crate::types::{NodeId, TopicId};
use crate::wire::MetadataRecord;

/// What is to be written, and what is to be answered once it is.
#[derive(Clone, PartialEq, Debug)]
pub struct Decision<R> {
    pub records: Vec<MetadataRecord>,
    pub reply: R,
}

impl<R> Decision<R> {
    /// An answer that changes nothing.
    pub fn reply(reply: R) -> Decision<R> {
        Decision { records: Vec::new(), reply }
    }
}

/// Why the controller refuses. The text is for the client's user.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ControllerError {
    #[error("topic {0:?} is named twice in the request; name it once")]
    NamedTwice(String),
    #[error("topic {0:?} exists already")]
    TopicExists(String),
    #[error("{0}")]
    InvalidTopic(String),
    #[error("topic {name:?} would collide with topic {existing:?}: '.' and '_' are the same in metric names")]
    NameCollision { name: String, existing: String },
    #[error("The topic '{0}' does not exist.")]
    UnknownTopic(String),
    #[error("no topic has the id {0}")]
    UnknownTopicId(TopicId),
    #[error("{0}")]
    InvalidPartitions(String),
    #[error("{0}")]
    InvalidReplicationFactor(String),
    #[error("{0}")]
    InvalidAssignment(String),
    #[error("There is no partition reassignment in progress.")]
    NoReassignment,
    #[error("Unable to find a topic named {0}.")]
    NoTopicToReassign(String),
    #[error("Unable to find partition {topic}:{index}.")]
    NoPartitionToReassign { topic: String, index: i32 },
    #[error("{0}")]
    InvalidConfig(String),
    #[error("{0}")]
    InvalidRequest(String),
    #[error("topics cannot be deleted here: delete.topic.enable is false")]
    DeletionDisabled,
    #[error("Invalid update version {level} for feature {name}. {why}")]
    InvalidFeatureLevel { name: String, level: i16, why: String },
    #[error("broker {0} is not registered")]
    UnknownBroker(NodeId),
    #[error("broker {node}'s registration {epoch} was followed by {known}")]
    StaleBroker { node: NodeId, epoch: i64, known: i64 },
    #[error("there are no producer ids left")]
    ProducerIdsExhausted,
    #[error("the request would make {wanted} partitions on this cluster; the limit is {limit}")]
    TooManyPartitions { wanted: usize, limit: usize },
    #[error(
        "the request would make {wanted} partitions at once; the limit is {limit}: make several requests"
    )]
    TooManyAtOnce { wanted: usize, limit: usize },
    #[error("the request would make more than {limit} changes; this one is not made: make several requests")]
    TooManyChanges { limit: usize },
}
