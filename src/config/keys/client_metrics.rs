//! The configuration keys of a subscription to clients' metrics (KIP-714): facts about Kafka 4.3.
use super::reasons::PUSHED;
use crate::config::key::key_table;

key_table! {
    pub(super) const KEYS;

    "interval.ms": Int = Some("300000"), Any, Medium, ClusterWide, PUSHED,
        "How often the clients push their metrics, between 100 and 3600000.";
    "match": List = Some(""), Any, Medium, ClusterWide, PUSHED,
        "Which clients are meant, as attribute=pattern pairs; none means all.";
    "metrics": List = Some(""), Any, Medium, ClusterWide, PUSHED,
        "The beginnings of the names of the metrics that are wanted; * means all.";
}
