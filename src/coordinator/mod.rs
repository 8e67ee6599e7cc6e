//! Coordinators: groups, transactions and queues as pure state machines over internal topics.
//!
//! Every coordinator's durable state is the replay of its topic's partition, always; [`decision`] holds the
//! words in which they tell their runtime what to write and whom to answer, [`runtime`] is that runtime.
pub mod decision;
pub mod group;
pub mod runtime;

pub use runtime::{CoordinatorError, GroupCoordinators};
