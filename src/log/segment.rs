use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use super::indexes::{offset_row, time_row};
use super::journal::LogId;
use crate::io::Disk;
use crate::types::{Offset, PartitionId, Timestamp};
use crate::wire::batch::BatchHeader;

/// The directory that holds all logs, relative to the data directory.
pub(crate) const LOGS: &str = "logs";

/// The directory of one log.
pub(crate) fn log_directory(partition: PartitionId) -> String {
    format!("{LOGS}/{partition}")
}

/// What tells a segment from all others for as long as the process lives, whatever its files are called.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct SegmentId {
    pub(crate) log: LogId,
    pub(crate) number: u64,
}

/// One of a segment's files.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum FileKind {
    Log,
    OffsetIndex,
    TimeIndex,
}

impl FileKind {
    pub(crate) const ALL: [FileKind; 3] = [FileKind::Log, FileKind::OffsetIndex, FileKind::TimeIndex];

    fn suffix(self) -> &'static str {
        match self {
            FileKind::Log => "log",
            FileKind::OffsetIndex => "index",
            FileKind::TimeIndex => "timeindex",
        }
    }
}

/// A segment as its readers see it: a name, and whether its files are still there.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) id: SegmentId,
    pub(crate) partition: PartitionId,
    pub(crate) base: Offset,
    pub(crate) cleaning: u32,
    removed: AtomicBool,
    /// A checkpoint names it.
    named: AtomicBool,
}

impl Segment {
    pub(crate) fn new(id: SegmentId, partition: PartitionId, base: Offset, cleaning: u32) -> Segment {
        let (removed, named) = (AtomicBool::new(false), AtomicBool::new(false));
        Segment { id, partition, base, cleaning, removed, named }
    }

    /// A checkpoint that names it is durable.
    pub(crate) fn mark_named(&self) {
        self.named.store(true, Ordering::Release);
    }

    pub(crate) fn is_named(&self) -> bool {
        self.named.load(Ordering::Acquire)
    }

    pub(crate) fn file_name(&self, kind: FileKind) -> String {
        file_name(self.base, self.cleaning, kind)
    }

    pub(crate) fn path(&self, kind: FileKind) -> String {
        file_path(self.partition, self.base, self.cleaning, kind)
    }

    /// Removes its files, which nothing names, as far as they are there.
    pub(crate) async fn remove_files(&self, disk: &dyn Disk) {
        for kind in FileKind::ALL {
            let path = self.path(kind);
            match disk.remove(&path).await {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    tracing::warn!(%path, %error, "a file that nothing names stays until the next start");
                }
            }
        }
    }

    pub(crate) fn mark_removed(&self) {
        self.removed.store(true, Ordering::Release);
    }

    pub(crate) fn is_removed(&self) -> bool {
        self.removed.load(Ordering::Acquire)
    }
}

/// One of a segment's files, relative to the data directory.
pub(crate) fn file_path(partition: PartitionId, base: Offset, cleaning: u32, kind: FileKind) -> String {
    format!("{}/{}", log_directory(partition), file_name(base, cleaning, kind))
}

pub(crate) fn file_name(base: Offset, cleaning: u32, kind: FileKind) -> String {
    match cleaning {
        0 => format!("{:020}.{}", base.0, kind.suffix()),
        _ => format!("{:020}.{cleaning}.{}", base.0, kind.suffix()),
    }
}

/// What the checkpoint keeps of a segment. Sizes in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SegmentState {
    pub base: Offset,
    /// Part of its file names if not 0: another one for each compaction of the log, and after each reset.
    pub cleaning: u32,
    /// The offset after its last batch.
    pub end: Offset,
    pub bytes: u64,
    pub offset_index_bytes: u64,
    pub time_index_bytes: u64,
    pub max_timestamp: Timestamp,
    /// Last offset of the batch that carries `max_timestamp`.
    pub max_timestamp_offset: Offset,
    /// The greatest timestamp of its first batch.
    pub first_timestamp: Timestamp,
    /// The wall clock when it was begun.
    pub created: Timestamp,
    pub bytes_since_index_row: u64,
    /// Whether its batches follow one another without a gap from `base` on: then a reader can hold each base
    /// offset, which no checksum covers, against its neighbours.
    pub dense: bool,
}

/// Index rows that a run of batches adds.
#[derive(Default, Debug)]
pub(crate) struct IndexRows {
    pub(crate) offsets: Vec<u8>,
    pub(crate) times: Vec<u8>,
}

impl SegmentState {
    pub(crate) fn begin(base: Offset, cleaning: u32, created: Timestamp) -> SegmentState {
        SegmentState {
            base,
            cleaning,
            end: base,
            bytes: 0,
            offset_index_bytes: 0,
            time_index_bytes: 0,
            max_timestamp: Timestamp::NONE,
            max_timestamp_offset: Offset::NONE,
            first_timestamp: Timestamp::NONE,
            created,
            bytes_since_index_row: 0,
            dense: true,
        }
    }

    /// The greatest timestamp, or when it was begun if no batch carries one: what retention goes by.
    pub(crate) fn newest(&self) -> Timestamp {
        if self.max_timestamp.0 >= 0 { self.max_timestamp } else { self.created }
    }

    /// Takes in the next batch and the index rows that it makes.
    pub(crate) fn add(&mut self, header: &BatchHeader, bytes: u64, interval: u64, rows: &mut IndexRows) {
        assert!(header.base_offset >= self.end, "batches are written in order");
        let relative = u32::try_from(header.last_offset().since(self.base))
            .expect("a segment's offsets are within 31 bits of its base");
        if self.bytes == 0 {
            self.first_timestamp = header.max_timestamp;
        }
        self.dense &= header.base_offset == self.end;
        let newer = header.max_timestamp > self.max_timestamp;
        if newer {
            self.max_timestamp = header.max_timestamp;
            self.max_timestamp_offset = header.last_offset();
        }
        if self.bytes_since_index_row > interval {
            let position = u32::try_from(self.bytes).expect("a segment is shorter than 4 GiB");
            let row = offset_row(relative, position);
            rows.offsets.extend_from_slice(&row);
            self.offset_index_bytes += row.len() as u64;
            let time_relative = self.max_timestamp_offset.since(self.base);
            if let Ok(time_relative) = u32::try_from(time_relative)
                && self.max_timestamp.0 >= 0
            {
                let row = time_row(self.max_timestamp, time_relative);
                rows.times.extend_from_slice(&row);
                self.time_index_bytes += row.len() as u64;
            }
            self.bytes_since_index_row = 0;
        }
        self.bytes += bytes;
        self.bytes_since_index_row += bytes;
        self.end = header.next_offset();
    }
}
