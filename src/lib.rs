//! Ordain: a replicated message broker that unmodified Kafka clients use.
//!
//! The library is written against the five traits of [`io`]; nothing outside `io::real` names a clock, a
//! socket, a file or entropy. `docs/architecture.md` is the map.
pub mod broker;
pub mod client;
pub mod config;
pub mod coordinator;
pub mod io;
pub mod log;
pub mod metadata;
pub mod metrics;
pub mod partition;
pub mod peers;
pub mod probe;
pub mod raft;
pub mod server;
pub mod types;
pub mod wire;
