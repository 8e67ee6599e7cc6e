use std::sync::Arc;

use bytes::Bytes;

use super::WriteFailed;
use crate::io::{Disk, File, OpenOptions};
use crate::log::indexes::OFFSET_ROW_BYTES;
use crate::log::names::{Names, NamesSince};
use crate::log::segment::{FileKind, IndexRows, SegmentState, file_name, log_directory};
use crate::log::tail::pieces;
use crate::types::{Offset, PartitionId, Timestamp};
use crate::wire::batch::{BatchHeader, RecordBatch};

/// How much is gathered for one write, in bytes.
const WRITE_BYTES: usize = 1 << 20;

/// How long the written segments may get.
#[derive(Clone, Copy, Debug)]
pub(in crate::log) struct OutputLimits {
    pub(in crate::log) segment_bytes: u64,
    pub(in crate::log) segment_index_bytes: u64,
    pub(in crate::log) index_interval_bytes: u64,
}

/// Writes batches to new segments.
pub(in crate::log) struct Output<'a> {
    disk: &'a dyn Disk,
    names: &'a Names,
    /// Before the first file was made.
    since: NamesSince,
    partition: PartitionId,
    cleaning: u32,
    limits: OutputLimits,
    current: Option<Current>,
    finished: Vec<SegmentState>,
    /// The bases of all files that may be there.
    begun: Vec<Offset>,
}

struct Current {
    file: Arc<dyn File>,
    state: SegmentState,
    rows: IndexRows,
    /// Bytes of `state.bytes` that are in the file.
    written: u64,
    waiting: Vec<Bytes>,
}

impl<'a> Output<'a> {
    pub(in crate::log) fn new(
        disk: &'a dyn Disk,
        names: &'a Names,
        partition: PartitionId,
        cleaning: u32,
        limits: OutputLimits,
    ) -> Output<'a> {
        let (since, finished, begun) = (names.now(), Vec::new(), Vec::new());
        Output { disk, names, since, partition, cleaning, limits, current: None, finished, begun }
    }

    /// Takes the next batch. `created` is when its segment was begun: a segment is as old as the youngest of
    /// those it replaces.
    pub(in crate::log) async fn add(
        &mut self,
        batch: &RecordBatch,
        created: Timestamp,
    ) -> Result<(), WriteFailed> {
        let (header, bytes) = (batch.header(), batch.len() as u64);
        if self.current.as_ref().is_some_and(|current| self.limits.are_passed(&current.state, header, bytes))
        {
            self.finish_segment().await?;
        }
        let mut current = match self.current.take() {
            Some(current) => current,
            None => self.begin(header.base_offset, created).await?,
        };
        current.state.created = current.state.created.max(created);
        current.state.add(header, bytes, self.limits.index_interval_bytes, &mut current.rows);
        current.waiting.extend(pieces(batch));
        if current.state.bytes - current.written >= WRITE_BYTES as u64 {
            let path = self.path(current.state.base, FileKind::Log);
            current.write(&path).await?;
        }
        self.current = Some(current);
        Ok(())
    }

    async fn begin(&mut self, base: Offset, created: Timestamp) -> Result<Current, WriteFailed> {
        self.begun.push(base);
        let file = self.create(&self.path(base, FileKind::Log)).await?;
        Ok(Current {
            file,
            state: SegmentState::begin(base, self.cleaning, created),
            rows: IndexRows::default(),
            written: 0,
            waiting: Vec::new(),
        })
    }

    async fn create(&self, path: &str) -> Result<Arc<dyn File>, WriteFailed> {
        let options = OpenOptions { write: true, create: true, truncate: true, ..OpenOptions::default() };
        self.disk.open(path, options).await.map_err(failed("creating", path))
    }

    fn path(&self, base: Offset, kind: FileKind) -> String {
        format!("{}/{}", log_directory(self.partition), file_name(base, self.cleaning, kind))
    }

    async fn finish_segment(&mut self) -> Result<(), WriteFailed> {
        let Some(mut current) = self.current.take() else { return Ok(()) };
        let base = current.state.base;
        let path = self.path(base, FileKind::Log);
        current.write(&path).await?;
        let mut files = vec![current.file];
        let rows = [(FileKind::OffsetIndex, current.rows.offsets), (FileKind::TimeIndex, current.rows.times)];
        for (kind, rows) in rows {
            let path = self.path(base, kind);
            let file = self.create(&path).await?;
            if !rows.is_empty() {
                file.write_at(0, vec![Bytes::from(rows)]).await.map_err(failed("writing", &path))?;
            }
            files.push(file);
        }
        self.disk.sync_files(files).await.map_err(failed("syncing", &path))?;
        self.finished.push(current.state);
        Ok(())
    }

    /// Makes everything durable, names included; gives the segments in order.
    pub(in crate::log) async fn finish(&mut self) -> Result<Vec<SegmentState>, WriteFailed> {
        self.finish_segment().await?;
        let directory = log_directory(self.partition);
        let synced = self.names.sync(self.disk, &directory, self.since).await;
        synced.map_err(failed("syncing", &directory))?;
        Ok(std::mem::take(&mut self.finished))
    }

    /// The bases of all segments that were begun.
    pub(in crate::log) fn into_begun(self) -> Vec<Offset> {
        self.begun
    }
}

impl Current {
    async fn write(&mut self, path: &str) -> Result<(), WriteFailed> {
        let waiting = std::mem::take(&mut self.waiting);
        if !waiting.is_empty() {
            self.file.write_at(self.written, waiting).await.map_err(failed("writing", path))?;
            self.written = self.state.bytes;
        }
        Ok(())
    }
}

impl OutputLimits {
    /// Whether a batch has no place in a segment any more.
    fn are_passed(&self, segment: &SegmentState, header: &BatchHeader, bytes: u64) -> bool {
        segment.bytes + bytes > self.segment_bytes
            || segment.offset_index_bytes + OFFSET_ROW_BYTES as u64 > self.segment_index_bytes
                && segment.offset_index_bytes > 0
            || header.last_offset().since(segment.base) > i64::from(i32::MAX)
    }
}

fn failed(action: &'static str, path: &str) -> impl FnOnce(std::io::Error) -> WriteFailed {
    let path = path.to_owned();
    move |source| WriteFailed { action, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::testing::{TestDisk, TestFault, TestRuntime};
    use crate::types::{PartitionIndex, TopicId};

    #[test]
    fn files_whose_names_another_may_have_lost_are_not_handed_out() {
        let (disk, names) = (TestDisk::new(), Names::default());
        let partition = PartitionId { topic: TopicId([3; 16]), index: PartitionIndex(0) };
        let limits =
            OutputLimits { segment_bytes: 1 << 20, segment_index_bytes: 1 << 10, index_interval_bytes: 100 };
        let directory = log_directory(partition);
        TestRuntime::new().block_on(async {
            disk.create_dir_all(&directory).await.unwrap();
            let mut output = Output::new(&disk, &names, partition, 1, limits);
            disk.inject(TestFault::FailSyncDir(directory.clone()));
            names.sync(&disk, &directory, names.now()).await.expect_err("a flush of the log");
            let failed = output.finish().await.unwrap_err();
            assert_eq!((failed.action, failed.path), ("syncing", directory.clone()));
            let mut output = Output::new(&disk, &names, partition, 2, limits);
            assert!(output.finish().await.unwrap().is_empty());
        });
    }
}
