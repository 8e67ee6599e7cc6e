use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::exposition::Exposition;
use super::names;
use crate::types::TopicId;
use crate::types::limits::METRIC_TOPICS_MAX;

/// Traffic of clients: of the whole broker, and of single topics, as Kafka's `BrokerTopicMetrics` without and with a topic.
///
/// The first [`METRIC_TOPICS_MAX`] topics that have traffic are counted one by one, all others together under
/// [`OTHER_TOPICS`]; a topic that is deleted makes room at the next scrape. So a page has a bounded number of series,
/// and the sum over its topics, beside those of topics that are gone, is the figure without a topic.
#[derive(Debug, Default)]
pub struct TopicMetrics {
    all: Counters,
    others: Counters,
    by_topic: RwLock<BTreeMap<TopicId, Arc<Counters>>>,
}

/// The label of topics that are not counted one by one; no topic has such a name.
pub const OTHER_TOPICS: &str = "(others)";

/// What is counted, in the order of [`FIGURES`].
const RECORDS_IN: usize = 0;
const BYTES_IN: usize = 1;
const BYTES_OUT: usize = 2;
const BYTES_REJECTED: usize = 3;
const PRODUCED: usize = 4;
const FETCHED: usize = 5;
const PRODUCE_FAILED: usize = 6;
const FETCH_FAILED: usize = 7;

const FIGURES: [(&str, &str); 8] = [
    (names::MESSAGES_IN, "Records appended"),
    (names::BYTES_IN, "Bytes of record batches appended"),
    (names::BYTES_OUT, "Bytes of record batches sent to consumers"),
    (names::BYTES_REJECTED, "Bytes of record batches refused"),
    (names::PRODUCE_REQUESTS, "Partitions handled in Produce requests"),
    (names::FETCH_REQUESTS, "Partitions handled in Fetch requests"),
    (names::FAILED_PRODUCE, "Partitions of Produce requests that failed"),
    (names::FAILED_FETCH, "Partitions of Fetch requests that failed"),
];

/// What one request did to one topic.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct TopicTraffic([u64; FIGURES.len()]);

impl TopicTraffic {
    /// A partition took a batch.
    pub fn appended(&mut self, records: u64, bytes: u64) {
        *self += &[(PRODUCED, 1), (RECORDS_IN, records), (BYTES_IN, bytes)];
    }

    /// A partition did not take a batch of so many bytes.
    pub fn rejected(&mut self, bytes: u64) {
        *self += &[(PRODUCED, 1), (PRODUCE_FAILED, 1), (BYTES_REJECTED, bytes)];
    }

    /// A partition was read for a consumer, who gets so many bytes of records.
    pub fn fetched(&mut self, bytes: u64) {
        *self += &[(FETCHED, 1), (BYTES_OUT, bytes)];
    }

    /// A partition could not be read for a consumer.
    pub fn fetch_failed(&mut self) {
        *self += &[(FETCHED, 1), (FETCH_FAILED, 1)];
    }
}

impl<const N: usize> AddAssign<&[(usize, u64); N]> for TopicTraffic {
    fn add_assign(&mut self, rows: &[(usize, u64); N]) {
        for (figure, more) in rows {
            self.0[*figure] += more;
        }
    }
}

#[derive(Debug, Default)]
struct Counters([AtomicU64; FIGURES.len()]);

impl Counters {
    fn add(&self, traffic: &TopicTraffic) {
        for (counter, more) in self.0.iter().zip(traffic.0).filter(|(_, more)| *more > 0) {
            counter.fetch_add(more, Ordering::Relaxed);
        }
    }

    fn get(&self, figure: usize) -> u64 {
        self.0[figure].load(Ordering::Relaxed)
    }
}

impl TopicMetrics {
    /// Counts what a request did to a topic; `None` if there is no such topic: that counts for the broker alone.
    pub fn count(&self, topic: Option<TopicId>, traffic: &TopicTraffic) {
        if *traffic == TopicTraffic::default() {
            return;
        }
        self.all.add(traffic);
        let Some(topic) = topic else { return };
        if let Some(counters) = self.by_topic.read().unwrap_or_else(PoisonError::into_inner).get(&topic) {
            return counters.add(traffic);
        }
        let mut topics = self.by_topic.write().unwrap_or_else(PoisonError::into_inner);
        if topics.len() < METRIC_TOPICS_MAX || topics.contains_key(&topic) {
            topics.entry(topic).or_default().add(traffic);
        } else {
            self.others.add(traffic);
        }
    }

    /// The counters in Prometheus' text format. `name_of` gives the name of a topic, and `None` for one that is deleted:
    /// it is counted no more.
    #[must_use]
    pub fn render<'a>(&self, name_of: impl Fn(TopicId) -> Option<&'a str>) -> String {
        let topics: Vec<(&str, Arc<Counters>)> = {
            let mut topics = self.by_topic.write().unwrap_or_else(PoisonError::into_inner);
            topics.retain(|topic, _| name_of(*topic).is_some());
            topics.iter().filter_map(|(topic, own)| Some((name_of(*topic)?, Arc::clone(own)))).collect()
        };
        let mut out = Exposition::default();
        for (figure, (name, help)) in FIGURES.iter().enumerate() {
            out.counter(name, help);
            out.sample(name, &[], self.all.get(figure));
            for (topic, own) in &topics {
                out.sample(name, &[("topic", topic)], own.get(figure));
            }
            if topics.len() >= METRIC_TOPICS_MAX || self.others.get(figure) > 0 {
                out.sample(name, &[("topic", &OTHER_TOPICS)], self.others.get(figure));
            }
        }
        out.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(number: usize) -> TopicId {
        TopicId((number as u128).to_be_bytes())
    }

    fn traffic(of: impl FnOnce(&mut TopicTraffic)) -> TopicTraffic {
        let mut traffic = TopicTraffic::default();
        of(&mut traffic);
        traffic
    }

    fn figure<'a>(text: &'a str, series: &str) -> Option<&'a str> {
        text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))
    }

    #[test]
    fn a_topic_is_counted_beside_the_whole() {
        let metrics = TopicMetrics::default();
        metrics.count(Some(topic(1)), &traffic(|t| t.appended(3, 50)));
        metrics.count(Some(topic(1)), &traffic(|t| t.fetched(40)));
        metrics.count(Some(topic(2)), &traffic(|t| t.rejected(7)));
        metrics.count(None, &traffic(TopicTraffic::fetch_failed));
        let text = metrics.render(|id| Some(if id == topic(1) { "a" } else { "b" }));
        for (series, value) in [
            ("kafka_server_brokertopicmetrics_messagesin_total", "3"),
            ("kafka_server_brokertopicmetrics_messagesin_total{topic=\"a\"}", "3"),
            ("kafka_server_brokertopicmetrics_bytesin_total{topic=\"a\"}", "50"),
            ("kafka_server_brokertopicmetrics_bytesout_total{topic=\"a\"}", "40"),
            ("kafka_server_brokertopicmetrics_totalfetchrequests_total", "2"),
            ("kafka_server_brokertopicmetrics_totalfetchrequests_total{topic=\"a\"}", "1"),
            ("kafka_server_brokertopicmetrics_failedfetchrequests_total", "1"),
            ("kafka_server_brokertopicmetrics_bytesrejected_total{topic=\"b\"}", "7"),
            ("kafka_server_brokertopicmetrics_failedproducerequests_total{topic=\"b\"}", "1"),
            ("kafka_server_brokertopicmetrics_totalproducerequests_total{topic=\"b\"}", "1"),
        ] {
            assert_eq!(figure(&text, series), Some(value), "{series} in:\n{text}");
        }
        let types = text.lines().filter(|line| line.starts_with("# TYPE ")).count();
        assert_eq!(types, FIGURES.len(), "each name is declared once");
        assert!(!text.contains(OTHER_TOPICS));
    }

    #[test]
    fn series_are_bounded_and_a_deleted_topic_makes_room() {
        let metrics = TopicMetrics::default();
        for number in 0..METRIC_TOPICS_MAX + 5 {
            metrics.count(Some(topic(number)), &traffic(|t| t.appended(1, 10)));
        }
        let names: Vec<String> = (0..METRIC_TOPICS_MAX + 5).map(|number| format!("t{number}")).collect();
        let name_of = |id: TopicId| names.get(u128::from_be_bytes(id.0) as usize).map(String::as_str);
        let text = metrics.render(name_of);
        let series = "kafka_server_brokertopicmetrics_messagesin_total{topic=";
        assert_eq!(text.matches(series).count(), METRIC_TOPICS_MAX + 1);
        assert_eq!(figure(&text, &format!("{series}\"(others)\"}}")), Some("5"));

        let text = metrics.render(|id| name_of(id).filter(|name| *name != "t0"));
        assert!(!text.contains("\"t0\""), "it is deleted");
        metrics.count(Some(topic(METRIC_TOPICS_MAX)), &traffic(|t| t.appended(2, 10)));
        let text = metrics.render(name_of);
        let late = format!("{series}\"t{METRIC_TOPICS_MAX}\"}}");
        assert_eq!(
            figure(&text, &late),
            Some("2"),
            "its place is taken; what it had before stays with the others"
        );
        assert_eq!(
            figure(&text, "kafka_server_brokertopicmetrics_messagesin_total"),
            Some((METRIC_TOPICS_MAX + 7).to_string().as_str()),
        );
    }
}
