//! What the broker counts, under the names that Kafka dashboards already use: those of the Prometheus JMX
//! exporter's Kafka rules for counts and times, those of `kafka_exporter` for topics and groups, and
//! `ordain_*` for what Kafka has no word for.
//!
//! Owns names, handles and the text of the scrape-time part; owns no registry and no listener. Invariants:
//! - Recording is lock-free and allocates nothing, except the first time an error code is met; without an
//!   installed recorder it does nothing.
//! - What exists per partition or per group is not kept as series: it is written out at scrape time
//!   ([`ClusterFigures`]), so nothing is left behind by a deleted topic.
mod describe;
mod exposition;
mod journal;
mod names;
mod network;
mod request;
mod topic;

pub use describe::describe;
pub use exposition::{BrokerFigures, ClusterFigures, GroupFigures, GroupOffset, PartitionFigures};
pub use journal::JournalMetrics;
pub use network::{ConnectionMetrics, RequestMemory};
pub use request::{RequestMetrics, RequestTimes};
pub use topic::TopicMetrics;
