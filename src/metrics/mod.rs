//! What the broker counts, under the names that Kafka dashboards already use: those of the Prometheus JMX
//! exporter's Kafka rules for counts and times, those of `kafka_exporter` for topics and groups, and
//! `ordain_*` for what Kafka has no word for.
//!
//! Owns names, handles and the text of the scrape-time part; owns no registry and no listener. Invariants:
//! - Recording waits for nobody and allocates nothing, except the first time that an error code or a topic is met;
//!   without an installed recorder it does nothing but count by topic.
//! - The number of series is bounded: labels come from tables (APIs, error codes, listeners), from what this node holds
//!   anyway (partitions, groups), or from at most `METRIC_TOPICS_MAX` topics.
//! - What the node counts anyway, and what exists per partition or per group, is not kept as series: it is
//!   written out at scrape time ([`ClusterFigures`], [`NodeFigures`]), so nothing is left behind by a deleted
//!   topic.
mod cleaner;
mod describe;
mod exposition;
mod names;
mod node;
mod request;
mod topic;

pub use cleaner::{Cleaned, CleanerMetrics};
pub use describe::describe;
pub use exposition::{BrokerFigures, ClusterFigures, GroupFigures, GroupOffset, PartitionFigures};
pub use node::{JournalFigures, ListenerFigures, NodeFigures};
pub use request::RequestMetrics;
pub use topic::{OTHER_TOPICS, TopicMetrics, TopicTraffic};
