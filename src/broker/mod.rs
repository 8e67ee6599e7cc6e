//! What requests mean: one handler per API, and the only place where Kafka's error codes are decided.
//!
//! A handler takes a decoded request and gives a response; it reaches partitions, metadata and groups
//! through the handles in [`Context`] and never touches their state. Authorisation, when it comes, sits in
//! `dispatch`, before every handler.
mod authorized_operations;
mod changes;
mod client;
mod cluster;
mod cluster_view;
mod config_changes;
mod context;
mod dispatch;
mod errors;
mod fetch_sessions;
mod group_requests;
mod handlers;
mod in_flight;
mod internal_topics;
mod loggers;
mod memory;
mod not_served;
mod once_each;
mod producer_ids;
mod repeats;
mod voters;

pub use client::Caller;
pub use cluster::{
    Claims, Cluster, Member, balance_leaders, fence_silent, follow_reassignments, forget_deleted_topics,
    hand_over_when_due, join_quorum, keep_membership, register,
};
pub use cluster_view::leader_there;
pub use context::{Context, Parts};
pub use dispatch::{Outcome, Peer, dispatch, dispatch_from_node};
pub use handlers::{feature_ranges, features};
pub use in_flight::{InFlight, InFlightGuard};
pub use loggers::{ApplyLevels, LogLevel, LoggerChanges, LoggerError, Loggers};
pub use memory::{ByteBudget, MemoryShare};
pub use producer_ids::ProducerIds;
