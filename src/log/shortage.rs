//! Whether the disk takes what is to be written: which writes it refused for lack of room or failed, and has not taken since.
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

/// What was not taken: each writer's last attempt, if that failed. At most one for each log and two more.
#[derive(Default)]
pub(crate) struct Shortage {
    refused: Mutex<BTreeMap<Writer, Refusal>>,
}

/// Why a writer did not get through.
enum Refusal {
    /// There is no room for so many bytes.
    NoRoom { path: String, bytes: u64 },
    /// The disk failed; for people.
    Failed(String),
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

/// The disk fails, though it has room. What was acknowledged is in the journal, and it is tried again each second.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "the disk fails ({reason}): what {} to write stays in memory and in the journal, and is tried again each second; look at \
     the disk",
    who(*.logs, *.checkpoint)
)]
pub struct DiskFails {
    /// What the disk answered one of them.
    pub reason: String,
    /// How many partitions' records do not get to their segments.
    pub logs: usize,
    /// Whether the checkpoint is among what cannot be written: then the journal grows.
    pub checkpoint: bool,
}

fn who(logs: usize, checkpoint: bool) -> String {
    match (logs, checkpoint) {
        (0, _) => "the checkpoint has".to_owned(),
        (1, false) => "1 partition has".to_owned(),
        (logs, false) => format!("{logs} partitions have"),
        (logs, true) => format!("{logs} partitions and the checkpoint have"),
    }
}

fn mebibytes(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 20).max(1)
}

/// Whether an error says that there is no room.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

impl Shortage {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Writer, Refusal>> {
        // Nothing panics while it holds this lock half-way through a change.
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A writer found no room for `bytes`.
    pub(crate) fn refused(&self, writer: Writer, path: String, bytes: u64) {
        self.lock().insert(writer, Refusal::NoRoom { path, bytes });
    }

    /// A writer's attempt failed, and not for lack of room.
    pub(crate) fn failed(&self, writer: Writer, reason: String) {
        self.lock().insert(writer, Refusal::Failed(reason));
    }

    /// A writer's attempt did not fail, or it wants nothing any more.
    pub(crate) fn passed(&self, writer: Writer) {
        self.lock().remove(&writer);
    }

    /// What has no room now.
    pub(crate) fn now(&self) -> Option<DiskFull> {
        let refused = self.lock();
        let mut without_room = refused.values().filter_map(|one| match one {
            Refusal::NoRoom { path, bytes } => Some((path, *bytes)),
            Refusal::Failed(_) => None,
        });
        let (path, first) = without_room.next()?;
        let bytes = without_room.map(|(_, bytes)| bytes).fold(first, u64::saturating_add);
        Some(DiskFull { path: path.clone(), bytes })
    }

    /// What the disk fails to take now, though there may be room.
    pub(crate) fn failing(&self) -> Option<DiskFails> {
        let refused = self.lock();
        let mut fails: Option<DiskFails> = None;
        for (writer, refusal) in refused.iter() {
            let Refusal::Failed(reason) = refusal else { continue };
            let fails =
                fails.get_or_insert_with(|| DiskFails { reason: reason.clone(), logs: 0, checkpoint: false });
            match writer {
                Writer::Log(_) => fails.logs += 1,
                Writer::Checkpoint => fails.checkpoint = true,
                // It has an end of its own: nothing is acknowledged any more.
                Writer::Journal => {}
            }
        }
        fails
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
    fn what_fails_is_told_apart_from_what_has_no_room() {
        let shortage = Shortage::default();
        let partition = PartitionId { topic: TopicId([1; 16]), index: PartitionIndex(0) };
        let log = |id| Writer::Log(LogKey { id: LogId(id), partition });
        assert_eq!(shortage.failing(), None);
        shortage.failed(log(1), "writing a: EIO".to_owned());
        let fails = shortage.failing().expect("one fails");
        assert_eq!(
            fails.to_string(),
            "the disk fails (writing a: EIO): what 1 partition has to write stays in memory and in the journal, and is tried \
             again each second; look at the disk"
        );
        assert_eq!(shortage.now(), None, "there is room");
        shortage.failed(log(2), "writing b: EIO".to_owned());
        shortage.failed(Writer::Checkpoint, "checkpoint: EIO".to_owned());
        shortage.refused(log(3), "logs/c".to_owned(), 1);
        let fails = shortage.failing().expect("three fail");
        assert_eq!((fails.logs, fails.checkpoint, &*fails.reason), (2, true, "writing a: EIO"));
        assert_eq!(shortage.now().map(|full| full.path), Some("logs/c".to_owned()));
        // A disk that fails is full by now: the last attempt counts.
        shortage.refused(log(1), "logs/a".to_owned(), 1);
        shortage.passed(log(2));
        let fails = shortage.failing().expect("the checkpoint fails");
        assert!(fails.to_string().contains("what the checkpoint has to write"), "{fails}");
        shortage.passed(Writer::Checkpoint);
        assert_eq!(shortage.failing(), None);
    }

    #[test]
    fn a_quota_is_a_full_disk_and_an_error_of_the_device_is_none() {
        assert!(is_full(&io::ErrorKind::StorageFull.into()) && is_full(&io::ErrorKind::QuotaExceeded.into()));
        assert!(!is_full(&io::Error::other("device")));
    }
}
