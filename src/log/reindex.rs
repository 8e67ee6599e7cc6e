//! Indexes made again from their segment: those that a start found short or missing, and those that led a reader
//! astray.
use std::sync::Arc;

use bytes::Bytes;

use super::file_cache::FileCache;
use super::journal::LogKey;
use super::segment::{FileKind, IndexRows, SegmentId, SegmentState, log_directory};
use super::stored_read::ReadError;
use super::walker::{SegmentView, Walker};
use crate::io::{Disk, OpenOptions};
use crate::types::EpochHistory;
use crate::types::Timestamp;

/// How much is read at a time, in bytes.
const READ_BYTES: usize = 1 << 20;

/// One segment whose indexes are to be made again. Made by [`super::PartitionLog::take_reindex`]; nothing is added to
/// the segment any more.
pub struct ReindexWork {
    pub(super) key: LogKey,
    pub(super) cache: Arc<FileCache>,
    pub(super) epochs: EpochHistory,
    pub(super) view: SegmentView,
    pub(super) index_interval_bytes: u64,
    /// While it lives, its log's files are worked on.
    pub(super) _at_work: Arc<()>,
}

/// The indexes are there again, durably.
#[must_use = "tell the log"]
#[derive(Debug)]
pub struct ReindexDone {
    pub(super) key: LogKey,
    pub(super) segment: SegmentId,
    pub(super) offset_index_bytes: u64,
    pub(super) time_index_bytes: u64,
}

/// Why indexes stay as they are: look-ups in the segment walk.
#[derive(Debug, thiserror::Error)]
pub enum ReindexFailed {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("{action} {path}: {source}")]
    Write { action: &'static str, path: String, source: std::io::Error },
}

impl ReindexDone {
    /// Which log it is about.
    #[must_use]
    pub fn log(&self) -> LogKey {
        self.key
    }
}

impl ReindexWork {
    /// Which log it is about.
    #[must_use]
    pub fn log(&self) -> LogKey {
        self.key
    }

    /// The segment's file, for a message.
    #[must_use]
    pub fn path(&self) -> String {
        self.view.segment.path(FileKind::Log)
    }

    /// Reads the segment and writes its indexes.
    ///
    /// # Errors
    /// [`ReindexFailed`] if the segment cannot be read or an index not written.
    pub async fn run(self, disk: &dyn Disk) -> Result<ReindexDone, ReindexFailed> {
        let segment = &self.view.segment;
        let mut state = SegmentState::begin(segment.base, segment.cleaning, Timestamp::NONE);
        let mut rows = IndexRows::default();
        let mut walker = Walker::new(&self.cache, &self.epochs, &self.view, None, READ_BYTES);
        while let Some(batch) = walker.next_or_wound().await? {
            state.add(batch.header(), batch.len() as u64, self.index_interval_bytes, &mut rows);
        }
        let names = self.cache.names();
        let since = names.now();
        let mut files = Vec::new();
        for (kind, rows) in [(FileKind::OffsetIndex, rows.offsets), (FileKind::TimeIndex, rows.times)] {
            let path = segment.path(kind);
            let failed = |action| {
                let path = path.clone();
                move |source| ReindexFailed::Write { action, path, source }
            };
            let options = OpenOptions { write: true, create: true, truncate: true, ..OpenOptions::default() };
            let file = disk.open(&path, options).await.map_err(failed("creating"))?;
            if !rows.is_empty() {
                file.write_at(0, vec![Bytes::from(rows)]).await.map_err(failed("writing"))?;
            }
            files.push(file);
        }
        let directory = log_directory(self.key.partition);
        let failed = |action| {
            let path = directory.clone();
            move |source| ReindexFailed::Write { action, path, source }
        };
        disk.sync_files(files).await.map_err(failed("syncing the indexes in"))?;
        names.sync(disk, &directory, since).await.map_err(failed("syncing"))?;
        self.cache.forget_indexes(segment);
        Ok(ReindexDone {
            key: self.key,
            segment: segment.id,
            offset_index_bytes: state.offset_index_bytes,
            time_index_bytes: state.time_index_bytes,
        })
    }
}
