use std::time::Instant;

use super::super::figures::Latencies;

/// What one thread has done.
pub struct Outcome {
    pub records: u64,
    pub bytes: u64,
    pub requests: u64,
    pub errors: u64,
    pub first_error: Option<String>,
    /// Of produce requests, from when each was sent or due.
    pub latencies: Latencies,
    /// From when a record was due until a consumer had it.
    pub end_to_end: Latencies,
    /// How many marked records consumers got.
    pub marks: u64,
    /// How late the generator itself sent what was due.
    pub lateness: Latencies,
    /// When the last answer that counts came.
    pub last: Option<Instant>,
}

impl Outcome {
    pub fn new() -> Outcome {
        Outcome {
            records: 0,
            bytes: 0,
            requests: 0,
            errors: 0,
            first_error: None,
            latencies: Latencies::new(),
            end_to_end: Latencies::new(),
            marks: 0,
            lateness: Latencies::new(),
            last: None,
        }
    }

    pub fn failed(&mut self, error: String) {
        self.errors += 1;
        self.first_error.get_or_insert(error);
    }

    pub fn merge(&mut self, other: Outcome) {
        self.records += other.records;
        self.bytes += other.bytes;
        self.requests += other.requests;
        self.errors += other.errors;
        self.first_error = self.first_error.take().or(other.first_error);
        self.latencies.merge(&other.latencies);
        self.end_to_end.merge(&other.end_to_end);
        self.marks += other.marks;
        self.lateness.merge(&other.lateness);
        self.last = self.last.max(other.last);
    }

    pub fn merged(all: Vec<Outcome>) -> Outcome {
        let mut merged = Outcome::new();
        all.into_iter().for_each(|outcome| merged.merge(outcome));
        merged
    }
}
