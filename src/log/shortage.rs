//! Whether the disk has room: which writes it refused for lack of room, and has not taken since.
//!
//! Owns no file and writes nothing. Whoever writes tells it; whoever has to explain why nothing moves asks it.
use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::journal::LogKey;

/// Who wanted to write.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Writer {
    /// The journal, its files.
    Journal,
    /// A log, its segments.
    Log(LogKey),
    /// The checkpoint, or what comes with it.
    Checkpoint,
}

/// What was refused: each writer's last attempt, if that failed for lack of room. At most one for each log and two more.
#[derive(Default)]
pub(crate) struct Shortage {
    refused: Mutex<BTreeMap<Writer, Refused>>,
}

struct Refused {
    path: String,
    bytes: u64,
}

/// The disk has no room for what is to be written. What was acknowledged is safe, and it is tried again each second.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the disk is full ({path}): free some space, {} MiB at least; it is tried again each second", mebibytes(*.bytes))]
pub struct DiskFull {
    /// One of the files that could not be written, relative to the data directory.
    pub path: String,
    /// What waits to be written, in bytes; the journal's own files included.
    pub bytes: u64,
}

fn mebibytes(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 20).max(1)
}

/// Whether an error says that there is no room.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

impl Shortage {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Writer, Refused>> {
        // Nothing panics while it holds this lock half-way through a change.
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A writer found no room for `bytes`.
    pub(crate) fn refused(&self, writer: Writer, path: String, bytes: u64) {
        self.lock().insert(writer, Refused { path, bytes });
    }

    /// A writer's attempt did not fail for lack of room, or it wants nothing any more.
    pub(crate) fn passed(&self, writer: Writer) {
        self.lock().remove(&writer);
    }

    /// What is refused now.
    pub(crate) fn now(&self) -> Option<DiskFull> {
        let refused = self.lock();
        let first = refused.values().next()?;
        let bytes = refused.values().map(|one| one.bytes).fold(0, u64::saturating_add);
        Some(DiskFull { path: first.path.clone(), bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::journal::LogId;
    use crate::types::{PartitionId, PartitionIndex, TopicId};

    #[test]
    fn it_lasts_until_each_writer_has_got_through() {
        let shortage = Shortage::default();
        assert_eq!(shortage.now(), None);
        let partition = PartitionId { topic: TopicId([1; 16]), index: PartitionIndex(0) };
        let log = Writer::Log(LogKey { id: LogId(7), partition });
        shortage.refused(log, "logs/a".to_owned(), 3 << 20);
        shortage.refused(Writer::Journal, "journal/b".to_owned(), 1);
        shortage.refused(Writer::Journal, "journal/b".to_owned(), 2);
        let full = shortage.now().expect("two lack room");
        assert_eq!(full, DiskFull { path: "journal/b".to_owned(), bytes: (3 << 20) + 2 });
        assert_eq!(
            full.to_string(),
            "the disk is full (journal/b): free some space, 4 MiB at least; it is tried again each second"
        );
        shortage.passed(Writer::Journal);
        shortage.passed(Writer::Checkpoint);
        assert_eq!(shortage.now().map(|full| full.path), Some("logs/a".to_owned()));
        shortage.passed(log);
        assert_eq!(shortage.now(), None);
    }

    #[test]
    fn a_quota_is_a_full_disk_and_an_error_of_the_device_is_none() {
        assert!(is_full(&io::ErrorKind::StorageFull.into()) && is_full(&io::ErrorKind::QuotaExceeded.into()));
        assert!(!is_full(&io::Error::other("device")));
    }
}
