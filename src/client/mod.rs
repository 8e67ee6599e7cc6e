//! A client of any Kafka broker, written against `io`: the same bytes leave it on real sockets and in the
//! simulator.
//!
//! Owns connections, version negotiation, routing and retries, and on top of them a producer, a consumer and
//! administration. Owns no terminal and no configuration file. Invariants:
//! - Requests on one connection are pipelined, and answers match them in order; a request that passed its
//!   deadline takes its connection down with it.
//! - A version is used only if both sides know it.
//! - Every wait has a deadline, every queue a bound.
//! - An idempotent producer's batches reach a partition in the order they were sealed, whatever fails.
mod address;
pub mod admin;
mod broker;
mod cluster;
mod connection;
pub mod consumer;
mod error;
pub mod group;
mod metadata;
mod options;
mod partitioner;
pub mod producer;
mod retry;
mod turn;

pub use address::{AddressError, BrokerAddress, parse_addresses};
pub use broker::{Broker, Expects, Feature, InFlight};
pub use cluster::{AutoCreate, Client, Lane};
pub use error::ClientError;
pub use metadata::{BrokerNode, ClusterMetadata, PartitionMetadata, TopicMetadata, TopicPartition};
pub use options::{ClientIo, ClientOptions};
pub use partitioner::{murmur2, partition_for_key};
pub use retry::Retry;

/// Clients, producers and consumers move between tasks and are shared by them.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Client>();
    shared::<producer::Producer>();
    shared::<consumer::Consumer>();
};
