use metrics::{Counter, counter};

use super::names;

/// Traffic of the whole broker, as Kafka's `BrokerTopicMetrics` without a topic.
#[derive(Clone, Debug)]
pub struct TopicMetrics {
    messages_in: Counter,
    bytes_in: Counter,
    bytes_out: Counter,
    bytes_rejected: Counter,
    produce_requests: Counter,
    fetch_requests: Counter,
    failed_produce: Counter,
    failed_fetch: Counter,
}

impl TopicMetrics {
    #[must_use]
    pub fn new() -> TopicMetrics {
        TopicMetrics {
            messages_in: counter!(names::MESSAGES_IN),
            bytes_in: counter!(names::BYTES_IN),
            bytes_out: counter!(names::BYTES_OUT),
            bytes_rejected: counter!(names::BYTES_REJECTED),
            produce_requests: counter!(names::PRODUCE_REQUESTS),
            fetch_requests: counter!(names::FETCH_REQUESTS),
            failed_produce: counter!(names::FAILED_PRODUCE),
            failed_fetch: counter!(names::FAILED_FETCH),
        }
    }

    /// A partition took a batch.
    pub fn appended(&self, records: u64, bytes: u64) {
        self.messages_in.increment(records);
        self.bytes_in.increment(bytes);
    }

    /// A batch of so many bytes was refused.
    pub fn rejected(&self, bytes: u64) {
        self.bytes_rejected.increment(bytes);
    }

    /// Records of so many bytes went to a consumer.
    pub fn fetched(&self, bytes: u64) {
        self.bytes_out.increment(bytes);
    }

    /// One partition of a Produce request was handled.
    pub fn produce_handled(&self, outcome: Result<(), ()>) {
        self.produce_requests.increment(1);
        if outcome.is_err() {
            self.failed_produce.increment(1);
        }
    }

    /// One partition of a Fetch request was handled.
    pub fn fetch_handled(&self, outcome: Result<(), ()>) {
        self.fetch_requests.increment(1);
        if outcome.is_err() {
            self.failed_fetch.increment(1);
        }
    }
}

impl Default for TopicMetrics {
    fn default() -> TopicMetrics {
        TopicMetrics::new()
    }
}
