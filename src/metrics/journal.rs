use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use super::names;

/// The journal of one shard or node.
#[derive(Clone, Debug)]
pub struct JournalMetrics {
    commits: Counter,
    entries: Counter,
    bytes: Counter,
    padding: Counter,
    commit_time: Histogram,
    failures: Counter,
    used: Gauge,
}

impl JournalMetrics {
    #[must_use]
    pub fn new() -> JournalMetrics {
        JournalMetrics {
            commits: counter!(names::JOURNAL_COMMITS),
            entries: counter!(names::JOURNAL_ENTRIES),
            bytes: counter!(names::JOURNAL_BYTES),
            padding: counter!(names::JOURNAL_PADDING),
            commit_time: histogram!(names::JOURNAL_COMMIT_TIME),
            failures: counter!(names::JOURNAL_FAILURES),
            used: gauge!(names::JOURNAL_USED),
        }
    }

    /// One durable write of `bytes` in all, of which `padding_bytes` only fill the last block, made
    /// `entries` entries durable after `took`.
    pub fn committed(&self, entries: u64, bytes: u64, padding_bytes: u64, took: Duration) {
        self.commits.increment(1);
        self.entries.increment(entries);
        self.bytes.increment(bytes);
        self.padding.increment(padding_bytes);
        self.commit_time.record(took.as_secs_f64());
    }

    /// A write or sync failed: the journal is poisoned.
    pub fn failed(&self) {
        self.failures.increment(1);
    }

    /// Bytes between the trim point and the end.
    pub fn used(&self, bytes: u64) {
        self.used.set(bytes as f64);
    }
}

impl Default for JournalMetrics {
    fn default() -> JournalMetrics {
        JournalMetrics::new()
    }
}
