//! Every bound that is not configuration, in one place; constant assertions relate them.

/// The least a direct transfer moves: offsets and lengths of direct I/O are multiples of it, in bytes.
pub const DISK_BLOCK_BYTES: usize = 4096;

/// The largest request frame where nothing is configured, in bytes, as the table of keys has it
/// (`socket.request.max.bytes`).
pub const FRAME_BYTES_MAX_DEFAULT_TEXT: &str = "104857600";
/// The same as a number.
pub const FRAME_BYTES_MAX_DEFAULT: usize = decimal(FRAME_BYTES_MAX_DEFAULT_TEXT);

const fn decimal(text: &str) -> usize {
    let (digits, mut at, mut number) = (text.as_bytes(), 0, 0);
    while at < digits.len() {
        assert!(digits[at].is_ascii_digit(), "a decimal number");
        number = number * 10 + (digits[at] - b'0') as usize;
        at += 1;
    }
    number
}

/// Longest topic name, in bytes (Kafka's rule: it must fit a directory name with its partition).
pub const TOPIC_NAME_BYTES_MAX: usize = 249;

/// How many batches per producer the duplicate check remembers (KIP-98; clients keep at most five in flight).
pub const PRODUCER_BATCHES_REMEMBERED: usize = 5;

/// How many partitions a cluster may have.
pub const PARTITIONS_MAX: usize = 200_000;

/// How many values of configurations, or replicas of partitions, one request may change, as in Kafka.
pub const CHANGES_AT_ONCE_MAX: usize = 10_000;

/// How many topics have traffic counters of their own in the metrics of a node.
pub const METRIC_TOPICS_MAX: usize = 1_000;

/// How many nodes may found a cluster. Each of them has to acknowledge, so more make it slower, not safer.
pub const QUORUM_SERVERS_MAX: usize = 7;

/// The largest snapshot of the metadata that a node takes from another one, in bytes.
pub const METADATA_SNAPSHOT_BYTES_MAX: u64 = 1 << 30;

/// The most bytes of a snapshot in one answer between nodes: less than the smallest frame that a node takes.
pub const METADATA_SNAPSHOT_PIECE_BYTES_MAX: usize = 4 << 20;

/// The most elements that one array of a message may have.
pub const ARRAY_ELEMENTS_MAX: usize = 1 << 20;

/// The most memory that the arrays of one decoded message may take, in bytes. A few bytes on the wire can
/// stand for a large structure, so a frame's size alone does not bound what it becomes.
pub const DECODED_BYTES_MAX: usize = 256 << 20;

/// The most tagged fields that one structure may carry.
pub const TAGGED_FIELDS_MAX: usize = 1024;

/// What an answer may say again because its request names the same thing more than once, in bytes: as much as a request may be.
pub const REPEATED_BYTES_MAX: usize = FRAME_BYTES_MAX_DEFAULT;

/// How many partitions one OffsetFetch may name, for all groups in it: of each it takes four bytes, and the answer very many more.
pub const OFFSETS_PER_FETCH_MAX: usize = 1 << 20;

const _: () = assert!(OFFSETS_PER_FETCH_MAX >= PARTITIONS_MAX, "of one group all offsets can be asked for");

/// The longest string of the protocol, in bytes; its length was 16 bits wide once.
pub const STRING_BYTES_MAX: usize = i16::MAX as usize;

/// What one batch's records may decompress to, in bytes. No smaller than a frame, so that what may be sent
/// plain may be sent compressed; compaction reads what validation let in, so both go by it.
pub const BATCH_DECOMPRESSED_BYTES_MAX: usize = 128 << 20;

const _: () = assert!(BATCH_DECOMPRESSED_BYTES_MAX >= FRAME_BYTES_MAX_DEFAULT);
const _: () = assert!(DISK_BLOCK_BYTES.is_power_of_two());
/// Bytes of records in one batch of the metadata log at most; a single record may take more.
pub const METADATA_BATCH_BYTES_MAX: usize = 1 << 20;

/// How many producers a partition remembers at most.
pub const PRODUCERS_MAX: usize = 100_000;

/// The most bytes that say what a partition remembers of its producers (`docs/producer-snapshot.md`).
pub const PRODUCER_STATE_BYTES_MAX: usize = 16 << 20;
