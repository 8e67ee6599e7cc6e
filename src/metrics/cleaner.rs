use metrics::{Gauge, gauge};

use super::names;

/// How compaction fares, as Kafka's `LogCleaner` and `LogCleanerManager` tell it.
#[derive(Clone, Debug)]
pub struct CleanerMetrics {
    max_clean_time_secs: Gauge,
    recopy_percent: Gauge,
    buffer_utilization_percent: Gauge,
    max_dirty_percent: Gauge,
    time_since_last_run_ms: Gauge,
    uncleanable_partitions: Gauge,
    dead_threads: Gauge,
}

/// What one pass over a partition did.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Cleaned {
    pub seconds: f64,
    pub bytes_before: u64,
    pub bytes_after: u64,
    /// Memory that its keys took, and what they may take.
    pub key_bytes: u64,
    pub key_bytes_max: u64,
}

#[expect(clippy::cast_precision_loss, reason = "a percentage needs no last digit")]
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 }
}

impl CleanerMetrics {
    #[must_use]
    pub fn new() -> CleanerMetrics {
        CleanerMetrics {
            max_clean_time_secs: gauge!(names::CLEANER_MAX_CLEAN_TIME),
            recopy_percent: gauge!(names::CLEANER_RECOPY_PERCENT),
            buffer_utilization_percent: gauge!(names::CLEANER_BUFFER_UTILIZATION),
            max_dirty_percent: gauge!(names::CLEANER_MAX_DIRTY),
            time_since_last_run_ms: gauge!(names::CLEANER_SINCE_LAST_RUN),
            uncleanable_partitions: gauge!(names::CLEANER_UNCLEANABLE_PARTITIONS),
            dead_threads: gauge!(names::CLEANER_DEAD_THREADS),
        }
    }

    /// The task runs, or has ended.
    pub fn set_running(&self, tasks: u32, wanted: u32) {
        self.dead_threads.set(f64::from(wanted.saturating_sub(tasks)));
    }

    /// A partition of which so much (0 to 1) is dirty is the dirtiest that is due; none at all: 0.
    pub fn dirtiest(&self, ratio: f64) {
        self.max_dirty_percent.set(100.0 * ratio);
    }

    /// A pass came to its end.
    pub fn cleaned(&self, cleaned: Cleaned) {
        self.max_clean_time_secs.set(cleaned.seconds);
        self.recopy_percent.set(percent(cleaned.bytes_after, cleaned.bytes_before));
        self.buffer_utilization_percent.set(percent(cleaned.key_bytes, cleaned.key_bytes_max));
    }

    /// How many partitions could not be cleaned when it was last tried.
    pub fn uncleanable(&self, partitions: usize) {
        self.uncleanable_partitions.set(f64::from(u32::try_from(partitions).unwrap_or(u32::MAX)));
    }

    /// How long ago the task last looked for work.
    #[expect(clippy::cast_precision_loss, reason = "a time since the last look is short")]
    pub fn since_last_run(&self, ms: u64) {
        self.time_since_last_run_ms.set(ms as f64);
    }
}

impl Default for CleanerMetrics {
    fn default() -> Self {
        CleanerMetrics::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_of_nothing_are_zero() {
        assert_eq!([percent(5, 10), percent(0, 7), percent(3, 0)], [50.0, 0.0, 0.0]);
    }
}
