use std::time::{Duration, Instant};

use bytes::Bytes;

use super::super::template::Template;
use super::super::workers::Progress;
use super::fetching::Taker;
use super::outcome::Outcome;

/// Counts what is fetched.
pub struct Counting<'a> {
    pub outcome: &'a mut Outcome,
    pub shared: &'a Progress,
    pub records_max: Option<u64>,
}

impl Taker for Counting<'_> {
    fn batch(&mut self, batch: &Bytes, records: u64) {
        self.outcome.bytes += batch.len() as u64;
        self.outcome.records += records;
    }

    fn answered(&mut self, sent: Instant, records: u64) {
        let now = Instant::now();
        self.outcome.requests += 1;
        self.outcome.latencies.record(now.duration_since(sent));
        self.outcome.last = Some(now);
        if !self.shared.take(records, self.records_max) {
            self.shared.stop();
        }
    }
}

/// Beside producers: times what is fetched by the mark that each record carries, the time when it was due.
pub struct Marks<'a> {
    pub outcome: &'a mut Outcome,
    pub template: &'a Template,
    /// From when marks count.
    pub began: Instant,
    /// What was due before is not measured.
    pub measured_after: Duration,
}

impl Taker for Marks<'_> {
    fn batch(&mut self, batch: &Bytes, _records: u64) {
        let Some(mark) = self.template.mark_of(batch) else { return };
        let after = Duration::from_nanos(mark);
        self.outcome.marks += 1;
        if after >= self.measured_after {
            self.outcome.end_to_end.record(Instant::now().saturating_duration_since(self.began + after));
        }
    }

    fn answered(&mut self, _sent: Instant, _records: u64) {}
}
