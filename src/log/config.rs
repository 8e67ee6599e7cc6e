use std::sync::Arc;
use std::time::Duration;

use crate::types::limits::DISK_BLOCK_BYTES;

/// A partition log's limits, with Kafka's topic-level names and defaults. Times in milliseconds, sizes in
/// bytes; −1 means "no limit" where Kafka allows it.
#[derive(Clone, PartialEq, Debug)]
pub struct LogConfig {
    pub segment_bytes: u64,
    pub segment_ms: i64,
    /// The most by which a segment may end before `segment_ms` is over.
    pub segment_jitter_ms: i64,
    pub segment_index_bytes: u64,
    pub index_interval_bytes: u64,
    pub retention_ms: i64,
    pub retention_bytes: i64,
    pub max_message_bytes: usize,
    /// Whether old segments are deleted (`cleanup.policy` contains `delete`).
    pub delete: bool,
    /// Whether keys are compacted (`cleanup.policy` contains `compact`).
    pub compact: bool,
    pub min_cleanable_dirty_ratio: f64,
    pub min_compaction_lag_ms: i64,
    pub max_compaction_lag_ms: i64,
    pub delete_retention_ms: i64,
    pub producer_id_expiration_ms: i64,
}

impl Default for LogConfig {
    fn default() -> LogConfig {
        LogConfig {
            segment_bytes: 1 << 30,
            segment_ms: 7 * 24 * 3_600_000,
            segment_jitter_ms: 0,
            segment_index_bytes: 10 << 20,
            index_interval_bytes: 4096,
            retention_ms: 7 * 24 * 3_600_000,
            retention_bytes: -1,
            max_message_bytes: 1_048_588,
            delete: true,
            compact: false,
            min_cleanable_dirty_ratio: 0.5,
            min_compaction_lag_ms: 0,
            max_compaction_lag_ms: i64::MAX,
            delete_retention_ms: 24 * 3_600_000,
            producer_id_expiration_ms: 24 * 3_600_000,
        }
    }
}

/// The limits of many logs. Most have the same, and there may be very many of them: those that come one after the other and are equal are
/// shared.
#[derive(Default, Debug)]
pub struct SharedConfigs {
    last: Option<Arc<LogConfig>>,
}

impl SharedConfigs {
    /// These limits, as they are kept.
    pub fn share(&mut self, config: &LogConfig) -> Arc<LogConfig> {
        match &self.last {
            Some(last) if **last == *config => Arc::clone(last),
            Some(_) | None => Arc::clone(self.last.insert(Arc::new(config.clone()))),
        }
    }
}

/// A node's storage limits.
#[derive(Clone, PartialEq, Debug)]
pub struct StorageOptions {
    /// Length of one journal file in bytes: a multiple of the disk block, at least four of them. The
    /// largest batch must fit: see [`StorageOptions::entry_bytes_max`].
    pub journal_file_bytes: u64,
    /// How many journal files there are: at least two.
    pub journal_files: usize,
    /// How much of a journal file is zeroed at a time, ahead of its use, in bytes: a multiple of the disk block.
    pub journal_fill_bytes: u64,
    /// How much of the journal may wait for a checkpoint, in bytes: a start holds as much in memory, so it should
    /// not be above `tail_budget_bytes`.
    pub journal_replay_bytes: u64,
    /// Bytes that wait for the next commit before [`super::JournalHandle::room`] holds callers back.
    pub journal_queue_bytes: usize,
    /// How long the journal is idle before the vouch file is written.
    pub journal_vouch_idle: Duration,
    /// After how many bytes of commits the last one is vouched for, also if the journal is never idle.
    pub journal_vouch_bytes: u64,
    /// Bytes of batches that all partitions together keep in memory, before flushed ones are dropped.
    pub tail_budget_bytes: usize,
    /// From how many bytes on a batch is written once, to its segment, and only named in the journal: at least two disk blocks.
    /// `usize::MAX`: none is.
    pub place_bytes_min: usize,
    /// How many files readers keep open.
    pub fd_cache_files: usize,
    /// How many bytes of offset indexes readers keep in memory.
    pub index_cache_bytes: usize,
    /// How many bytes all readers together are read ahead of; 0 to read nothing before it is asked for.
    pub read_ahead_bytes: usize,
    /// What to do about damage in the journal that cannot be laid to single logs.
    pub unattributed_damage: UnattributedDamage,
}

impl Default for StorageOptions {
    fn default() -> StorageOptions {
        StorageOptions {
            journal_file_bytes: 128 << 20,
            journal_files: 8,
            journal_fill_bytes: 4 << 20,
            journal_replay_bytes: 256 << 20,
            journal_queue_bytes: 16 << 20,
            journal_vouch_idle: Duration::from_millis(5),
            journal_vouch_bytes: 8 << 20,
            tail_budget_bytes: 256 << 20,
            place_bytes_min: 256 << 10,
            fd_cache_files: 512,
            index_cache_bytes: 64 << 20,
            read_ahead_bytes: 32 << 20,
            unattributed_damage: UnattributedDamage::Refuse,
        }
    }
}

impl StorageOptions {
    /// The largest payload of one journal entry, in bytes: what fits in one file as the only entry.
    #[must_use]
    pub fn entry_bytes_max(&self) -> u64 {
        self.journal_file_bytes.saturating_sub(super::journal::COMMIT_OVERHEAD_BYTES)
    }

    /// What is wrong with the options, if anything.
    ///
    /// # Errors
    /// [`OptionsInvalid`] names the option and its rule.
    pub fn check(&self) -> Result<(), OptionsInvalid> {
        let block = DISK_BLOCK_BYTES as u64;
        if !self.journal_file_bytes.is_multiple_of(block) || self.journal_file_bytes < 4 * block {
            return Err(OptionsInvalid {
                option: "journal_file_bytes",
                value: self.journal_file_bytes,
                rule: "a multiple of 4096, at least 16384",
            });
        }
        if self.journal_files < 2 {
            return Err(OptionsInvalid {
                option: "journal_files",
                value: self.journal_files as u64,
                rule: "at least 2",
            });
        }
        if self.journal_fill_bytes == 0 || !self.journal_fill_bytes.is_multiple_of(block) {
            return Err(OptionsInvalid {
                option: "journal_fill_bytes",
                value: self.journal_fill_bytes,
                rule: "a multiple of 4096 above 0",
            });
        }
        if self.place_bytes_min < 2 * DISK_BLOCK_BYTES {
            return Err(OptionsInvalid {
                option: "place_bytes_min",
                value: self.place_bytes_min as u64,
                rule: "at least 8192",
            });
        }
        if self.fd_cache_files == 0 {
            return Err(OptionsInvalid { option: "fd_cache_files", value: 0, rule: "at least 1" });
        }
        Ok(())
    }
}

/// An option that breaks its rule.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("storage option {option} is {value}, it must be {rule}")]
pub struct OptionsInvalid {
    pub option: &'static str,
    pub value: u64,
    pub rule: &'static str,
}

/// What happens when the journal is damaged in a way that does not tell which logs it concerns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnattributedDamage {
    /// The node does not start; the error names the place and the ways out.
    Refuse,
    /// The node starts with what can be read; every log is marked as damaged.
    DamageAllLogs,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_limits_that_come_one_after_the_other_are_shared() {
        let mut configs = SharedConfigs::default();
        let (usual, short) = (LogConfig::default(), LogConfig { segment_ms: 1, ..LogConfig::default() });
        let first = configs.share(&usual);
        assert!(Arc::ptr_eq(&first, &configs.share(&usual)));
        assert_eq!(*configs.share(&short), short);
        assert_eq!(configs.share(&usual), first);
    }
}
