use std::fmt::{Display, Write};

use super::names;
use crate::types::{NodeId, Offset, PartitionIndex};

/// What a node knows of the cluster at one moment, to be written out for a scrape.
#[derive(Clone, Default, Debug)]
pub struct ClusterFigures {
    pub brokers: Vec<BrokerFigures>,
    /// Whether this node leads the metadata log.
    pub is_active_controller: bool,
    /// Topics and partitions of the cluster, whether or not this node holds a replica.
    pub topic_count: usize,
    pub partition_count: usize,
    pub offline_partition_count: usize,
    /// The partitions this node holds, those of one topic together.
    pub partitions: Vec<PartitionFigures>,
    /// The groups this node coordinates.
    pub groups: Vec<GroupFigures>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BrokerFigures {
    pub id: NodeId,
    /// As clients reach it, `host:port`.
    pub address: String,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartitionFigures {
    pub topic: String,
    pub index: PartitionIndex,
    pub leader: Option<NodeId>,
    /// This node leads it.
    pub is_leader: bool,
    /// The first replica leads.
    pub leader_is_preferred: bool,
    pub replica_count: usize,
    pub in_sync_count: usize,
    pub log_start_offset: Offset,
    pub high_watermark: Offset,
    /// Where the next record goes; what lies between is not committed yet.
    pub log_end: Offset,
    pub size_bytes: u64,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupFigures {
    pub group_id: String,
    pub member_count: usize,
    pub offsets: Vec<GroupOffset>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupOffset {
    pub topic: String,
    pub partition: PartitionIndex,
    pub committed: Offset,
    /// Records between the committed offset and the high watermark, where this node knows it.
    pub lag: Option<i64>,
}

impl ClusterFigures {
    /// The figures in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = Exposition::default();
        self.render_cluster(&mut out);
        self.render_topics(&mut out);
        self.render_groups(&mut out);
        out.0
    }

    fn render_cluster(&self, out: &mut Exposition) {
        out.gauge(names::BROKERS, "Brokers of the cluster");
        out.sample(names::BROKERS, &[], self.brokers.len());
        out.gauge(names::BROKER_INFO, "Brokers, by id and address");
        for broker in &self.brokers {
            out.sample(names::BROKER_INFO, &[("id", &broker.id), ("address", &broker.address)], 1);
        }
        let held = &self.partitions;
        let under_replicated = held.iter().filter(|p| p.is_leader && p.is_under_replicated()).count();
        for (name, help, value) in [
            (names::ACTIVE_CONTROLLERS, "1 on the active controller", usize::from(self.is_active_controller)),
            (names::GLOBAL_TOPICS, "Topics of the cluster", self.topic_count),
            (names::GLOBAL_PARTITIONS, "Partitions of the cluster", self.partition_count),
            (names::OFFLINE_PARTITIONS, "Partitions without a leader", self.offline_partition_count),
            (names::PARTITION_COUNT, "Partitions this node holds", held.len()),
            (names::LEADER_COUNT, "Partitions this node leads", held.iter().filter(|p| p.is_leader).count()),
            (names::UNDER_REPLICATED, "Partitions led here that lack an in-sync replica", under_replicated),
        ] {
            out.gauge(name, help);
            out.sample(name, &[], value);
        }
    }

    fn render_topics(&self, out: &mut Exposition) {
        out.gauge(names::TOPIC_PARTITIONS, "Partitions of this topic that this node holds");
        for topic in self.partitions.chunk_by(|a, b| a.topic == b.topic) {
            out.sample(names::TOPIC_PARTITIONS, &[("topic", &topic[0].topic)], topic.len());
        }
        type Figure = fn(&PartitionFigures) -> i64;
        let figures: [(&str, &str, Figure); 10] = [
            (names::PARTITION_CURRENT_OFFSET, "High watermark", |p| p.high_watermark.0),
            (names::PARTITION_OLDEST_OFFSET, "Log start offset", |p| p.log_start_offset.0),
            (names::PARTITION_LEADER, "Leader's node id, -1 for none", |p| {
                p.leader.map_or(-1, |id| id.0.into())
            }),
            (names::PARTITION_PREFERRED, "1 if the first replica leads", |p| p.leader_is_preferred.into()),
            (names::PARTITION_REPLICAS, "Replicas", |p| p.replica_count as i64),
            (names::PARTITION_IN_SYNC, "In-sync replicas", |p| p.in_sync_count as i64),
            (names::PARTITION_UNDER_REPLICATED, "1 if a replica is not in sync", |p| {
                p.is_under_replicated().into()
            }),
            (names::PARTITION_SIZE, "Bytes of the log", |p| i64::try_from(p.size_bytes).unwrap_or(i64::MAX)),
            (names::LOG_START_OFFSET, "Log start offset", |p| p.log_start_offset.0),
            (names::LOG_END_OFFSET, "Log end offset: where the next record goes", |p| p.log_end.0),
        ];
        for (name, help, figure) in figures {
            out.gauge(name, help);
            for p in &self.partitions {
                out.sample(name, &[("topic", &p.topic), ("partition", &p.index)], figure(p));
            }
        }
    }

    fn render_groups(&self, out: &mut Exposition) {
        out.gauge(names::GROUP_MEMBERS, "Members of the group");
        for group in &self.groups {
            out.sample(names::GROUP_MEMBERS, &[("consumergroup", &group.group_id)], group.member_count);
        }
        out.gauge(names::GROUP_CURRENT_OFFSET, "Committed offset");
        self.each_offset(|group, offset| {
            out.sample(names::GROUP_CURRENT_OFFSET, &offset.labels(group), offset.committed.0);
        });
        out.gauge(names::GROUP_LAG, "Records between the committed offset and the high watermark");
        self.each_offset(|group, offset| {
            if let Some(lag) = offset.lag {
                out.sample(names::GROUP_LAG, &offset.labels(group), lag);
            }
        });
        type Sum = fn(&GroupOffset) -> i64;
        let sums: [(&str, &str, Sum); 2] = [
            (names::GROUP_OFFSET_SUM, "Sum of a topic's committed offsets", |o| o.committed.0),
            (names::GROUP_LAG_SUM, "Sum of a topic's lags", |o| o.lag.unwrap_or(0)),
        ];
        for (name, help, sum) in sums {
            out.gauge(name, help);
            for group in &self.groups {
                for topic in group.offsets.chunk_by(|a, b| a.topic == b.topic) {
                    let labels: [(&str, &dyn Display); 2] =
                        [("consumergroup", &group.group_id), ("topic", &topic[0].topic)];
                    out.sample(name, &labels, topic.iter().map(sum).sum::<i64>());
                }
            }
        }
    }

    fn each_offset(&self, mut each: impl FnMut(&GroupFigures, &GroupOffset)) {
        for group in &self.groups {
            for offset in &group.offsets {
                each(group, offset);
            }
        }
    }
}

impl PartitionFigures {
    fn is_under_replicated(&self) -> bool {
        self.in_sync_count < self.replica_count
    }
}

impl GroupOffset {
    fn labels<'a>(&'a self, group: &'a GroupFigures) -> [(&'static str, &'a dyn Display); 3] {
        [("consumergroup", &group.group_id), ("topic", &self.topic), ("partition", &self.partition)]
    }
}

/// Prometheus' text format, being written.
#[derive(Default)]
pub(super) struct Exposition(pub(super) String);

impl Exposition {
    pub(super) fn counter(&mut self, name: &str, help: &str) {
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} counter"));
    }

    pub(super) fn gauge(&mut self, name: &str, help: &str) {
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} gauge"));
    }

    pub(super) fn sample(&mut self, name: &str, labels: &[(&str, &dyn Display)], value: impl Display) {
        self.0.push_str(name);
        for (i, (label, text)) in labels.iter().enumerate() {
            self.0.push_str(if i == 0 { "{" } else { "," });
            self.0.push_str(label);
            self.0.push_str("=\"");
            for c in text.to_string().chars() {
                match c {
                    '\\' => self.0.push_str("\\\\"),
                    '"' => self.0.push_str("\\\""),
                    '\n' => self.0.push_str("\\n"),
                    other => self.0.push(other),
                }
            }
            self.0.push('"');
        }
        self.line(format_args!("{} {value}", if labels.is_empty() { "" } else { "}" }));
    }

    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        writeln!(self.0, "{text}").expect("a String takes any text");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_text_that_prometheus_reads() {
        let figures = ClusterFigures {
            brokers: vec![BrokerFigures { id: NodeId(1), address: "127.0.0.1:9092".to_owned() }],
            is_active_controller: true,
            topic_count: 1,
            partition_count: 2,
            offline_partition_count: 0,
            partitions: (0..2)
                .map(|index| PartitionFigures {
                    topic: "a".to_owned(),
                    index: PartitionIndex(index),
                    leader: Some(NodeId(1)),
                    is_leader: true,
                    leader_is_preferred: true,
                    replica_count: 3,
                    in_sync_count: 3 - index as usize,
                    log_start_offset: Offset(5),
                    log_end: Offset(17),
                    high_watermark: Offset(15),
                    size_bytes: 100,
                })
                .collect(),
            groups: vec![GroupFigures {
                group_id: "g\"\\\n".to_owned(),
                member_count: 2,
                offsets: vec![GroupOffset {
                    topic: "a".to_owned(),
                    partition: PartitionIndex(0),
                    committed: Offset(7),
                    lag: Some(8),
                }],
            }],
        };
        let text = figures.render();
        for line in [
            "kafka_brokers 1",
            "kafka_broker_info{id=\"1\",address=\"127.0.0.1:9092\"} 1",
            "kafka_topic_partitions{topic=\"a\"} 2",
            "kafka_topic_partition_current_offset{topic=\"a\",partition=\"1\"} 15",
            "kafka_topic_partition_oldest_offset{topic=\"a\",partition=\"0\"} 5",
            "kafka_topic_partition_under_replicated_partition{topic=\"a\",partition=\"1\"} 1",
            "kafka_server_replicamanager_underreplicatedpartitions 1",
            "kafka_consumergroup_lag{consumergroup=\"g\\\"\\\\\\n\",topic=\"a\",partition=\"0\"} 8",
            "kafka_consumergroup_lag_sum{consumergroup=\"g\\\"\\\\\\n\",topic=\"a\"} 8",
            "kafka_consumergroup_members{consumergroup=\"g\\\"\\\\\\n\"} 2",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is missing in:\n{text}");
        }
    }

    #[test]
    fn nothing_known_is_still_well_formed() {
        let text = ClusterFigures::default().render();
        assert!(text.lines().any(|l| l == "kafka_brokers 0"));
        assert!(text.lines().all(|l| l.starts_with('#') || l.split(' ').count() == 2), "{text}");
    }
}
