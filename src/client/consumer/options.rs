use std::time::Duration;

use crate::wire::batch::BatchCheck;

/// Whether records of open and aborted transactions are given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Isolation {
    ReadUncommitted,
    ReadCommitted,
}

/// Where to go on where there is no position, or none that the partition still holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OffsetReset {
    Earliest,
    Latest,
    /// Nowhere: it is an error.
    Fail,
}

/// How a consumer fetches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConsumerOptions {
    /// What a broker waits for before it answers, and how long.
    pub fetch_bytes_min: usize,
    pub fetch_wait_max: Duration,
    /// The most that one answer brings, and of that for one partition, in bytes. A first batch comes whole.
    pub fetch_bytes_max: usize,
    pub partition_bytes_max: usize,
    pub isolation: Isolation,
    pub offset_reset: OffsetReset,
    /// Where the consumer is: brokers may send it to replicas there (KIP-392).
    pub rack: Option<String>,
    /// Whether the CRC of each batch is checked.
    pub check: BatchCheck,
    /// How large one batch may become when it is decompressed, in bytes.
    pub decompressed_bytes_max: usize,
}

impl Default for ConsumerOptions {
    fn default() -> ConsumerOptions {
        ConsumerOptions {
            fetch_bytes_min: 1,
            fetch_wait_max: Duration::from_millis(500),
            fetch_bytes_max: 50 << 20,
            partition_bytes_max: 1 << 20,
            isolation: Isolation::ReadCommitted,
            offset_reset: OffsetReset::Latest,
            rack: None,
            check: BatchCheck::Verify,
            decompressed_bytes_max: 256 << 20,
        }
    }
}
