//! Writing tails to segments: outside of the shard, many logs at a time, one sync for a group.
use std::collections::BTreeSet;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;

use super::journal::{BatchPlace, LogKey, parts};
use super::names::{Names, NamesSince};
use super::segment::{FileKind, IndexRows, LOGS, Segment, SegmentState, log_directory};
use super::shortage::is_full;
use super::state::LogState;
use super::tail::pieces;
use crate::io::{Disk, File, FileWrite, FilesWritten, OpenOptions, join_all};
use crate::probe::{Mutant, mutant};
use crate::wire::batch::RecordBatch;

/// Into about how many groups a round is divided, each written side by side and synced together. One sync for many logs is what keeps
/// up with many thousands of them, and with what has piled up.
const GROUPS_PER_ROUND: usize = 128;
/// How many logs are a group, at least and at most. Bounds the open files, and what durable writes beside it wait for: of small
/// requests to 1,000 partitions, the slowest in a hundred took twice as long with 32.
const LOGS_PER_GROUP: (usize, usize) = (8, 32);
/// A round's part or so many bytes, whichever is more, are written side by side, and one log's however many they are: what goes past
/// the page cache keeps the disk busy one at a time.
const GROUP_BYTES: usize = 512 << 10;

/// What a log's writes have touched, to be made durable.
#[derive(Default)]
struct Touched {
    files: Vec<Arc<dyn File>>,
    directories: BTreeSet<String>,
}

/// What one log wants written. Made by [`super::PartitionLog::take_flush`].
#[must_use = "a flush that was taken must be run and its outcome told to the log"]
pub struct FlushWork {
    /// The log's state once the work is done.
    pub(super) state: Arc<LogState>,
    pub(super) appends: Vec<FileAppend>,
    /// Segments that the state no longer names.
    pub(super) garbage: Vec<Arc<Segment>>,
    pub(super) new_directory: bool,
    /// A sync has failed since the last attempt that succeeded: names that it was to make durable count for nothing.
    pub(super) names_unsure: bool,
}

/// What is added to one segment.
pub(super) struct FileAppend {
    pub(super) segment: Arc<Segment>,
    pub(super) before: SegmentState,
    pub(super) after: SegmentState,
    /// What is to be written of batches: from where on, and the pieces that follow one another there.
    runs: Vec<(u64, Vec<Bytes>)>,
    /// Where the last run ends.
    runs_end: u64,
    pub(super) rows: IndexRows,
}

impl FileAppend {
    pub(super) fn new(segment: Arc<Segment>, state: SegmentState) -> FileAppend {
        let (runs, runs_end, rows) = (Vec::new(), 0, IndexRows::default());
        FileAppend { segment, before: state, after: state, runs, runs_end, rows }
    }

    /// A batch at its position: behind all that were added.
    pub(super) fn write_whole(&mut self, position: u64, batch: &RecordBatch) {
        self.write(position, batch.len(), pieces(batch));
    }

    /// The same for a batch whose whole blocks are there.
    pub(super) fn write_ends(&mut self, position: u64, batch: &RecordBatch) {
        let (segment, cleaning) = (self.after.base, self.after.cleaning);
        let blocks = BatchPlace { segment, cleaning, position }.blocks(batch.len());
        let within = |at: u64| usize::try_from(at - position).expect("it lies within the batch");
        let ends = [0..within(blocks.start), within(blocks.end)..batch.len()];
        for (at, range) in [position, blocks.end].into_iter().zip(ends) {
            self.write(at, range.len(), parts(batch, range));
        }
    }

    fn write(&mut self, position: u64, bytes: usize, pieces: impl Iterator<Item = Bytes>) {
        if bytes == 0 {
            return;
        }
        if self.runs.is_empty() || self.runs_end != position {
            self.runs.push((position, Vec::new()));
        }
        self.runs_end = position + bytes as u64;
        self.runs.last_mut().expect("it is there").1.extend(pieces);
    }
}

/// A log's flush is durable.
#[must_use = "tell the log, then the checkpoint"]
pub struct FlushDone {
    pub(super) state: Arc<LogState>,
    pub(super) segments: Vec<(Arc<Segment>, SegmentState)>,
    pub(super) garbage: Vec<Arc<Segment>>,
}

/// A log's flush failed. Nothing is lost: the batches are in memory and in the journal.
#[derive(Debug, thiserror::Error)]
#[error("flushing log {log} failed: {reason}")]
#[must_use = "tell the log"]
pub struct FlushFailed {
    pub log: String,
    pub key: LogKey,
    #[source]
    pub reason: FlushFailure,
    pub(super) garbage: Vec<Arc<Segment>>,
}

/// Why a flush failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FlushFailure {
    #[error("the disk is full ({path})")]
    DiskFull { path: String },
    #[error("writing {path}: {message}")]
    Write { path: String, message: String },
    /// What was written since the last good sync is in an unknown state for ever: it goes to other files.
    #[error("syncing the segments of {logs} logs: {message}")]
    Sync { logs: usize, message: String },
}

impl FlushWork {
    /// Which log it is about.
    #[must_use]
    pub fn log(&self) -> LogKey {
        self.state.log
    }

    /// How many bytes of batches it writes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.appends.iter().map(|append| append.after.bytes - append.before.bytes).sum()
    }

    /// How many bytes of batches it has yet to put into files: all but those that the journal's writes have placed.
    fn bytes_written(&self) -> usize {
        let runs = self.appends.iter().flat_map(|append| &append.runs);
        runs.flat_map(|(_, pieces)| pieces).map(Bytes::len).sum()
    }

    fn failed(self, reason: FlushFailure) -> FlushFailed {
        let key = self.state.log;
        FlushFailed { log: key.partition.to_string(), key, reason, garbage: self.garbage }
    }

    fn done(self) -> FlushDone {
        let segments = self.appends.into_iter().map(|append| (append.segment, append.after)).collect();
        FlushDone { state: self.state, segments, garbage: self.garbage }
    }
}

impl FlushDone {
    /// Which log it is about.
    #[must_use]
    pub fn log(&self) -> LogKey {
        self.state.log
    }
}

impl FlushFailed {
    /// Whether there was no room for what it writes.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        matches!(self.reason, FlushFailure::DiskFull { .. })
    }

    /// Which log it is about.
    #[must_use]
    pub fn log_key(&self) -> LogKey {
        self.key
    }
}

/// Writes and syncs the work of many logs. The outcomes stand in the order of the works.
pub(super) async fn flush_all(
    disk: &dyn Disk,
    names: &Names,
    works: Vec<FlushWork>,
) -> Vec<Result<FlushDone, FlushFailed>> {
    let mut outcomes = Vec::with_capacity(works.len());
    for group in groups(works, FlushWork::bytes_written) {
        flush_group(disk, names, group, &mut outcomes).await;
    }
    outcomes
}

/// A round's works in their order, in groups that are written side by side.
fn groups<T>(works: Vec<T>, bytes_of: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let (least, most) = LOGS_PER_GROUP;
    let logs_max = (works.len() / GROUPS_PER_ROUND).clamp(least, most);
    let round_bytes: usize = works.iter().map(&bytes_of).sum();
    let bytes_max = (round_bytes / GROUPS_PER_ROUND).max(GROUP_BYTES);
    let mut groups: Vec<Vec<T>> = Vec::new();
    let mut bytes = 0;
    for work in works {
        let more = bytes_of(&work);
        match groups.last_mut() {
            Some(group) if group.len() < logs_max && bytes + more <= bytes_max => {
                bytes += more;
                group.push(work);
            }
            _ => {
                bytes = more;
                groups.push(vec![work]);
            }
        }
    }
    groups
}

async fn flush_group(
    disk: &dyn Disk,
    names: &Names,
    group: Vec<FlushWork>,
    outcomes: &mut Vec<Result<FlushDone, FlushFailed>>,
) {
    let since = names.now();
    // The disk has several requests at a time to choose from, instead of each waiting for the one before.
    let writes = group.iter().map(|work| -> Pin<Box<dyn Future<Output = _> + Send + '_>> {
        Box::pin(async move {
            let mut touched = Touched::default();
            let result = write(disk, work, &mut touched).await;
            (result, touched)
        })
    });
    let mut all = Touched::default();
    let results: Vec<Result<(), FlushFailure>> = join_all(writes.collect())
        .await
        .into_iter()
        .map(|(result, touched)| {
            all.files.extend(touched.files);
            all.directories.extend(touched.directories);
            result
        })
        .collect();
    let written: Vec<_> = group.into_iter().zip(results).collect();
    let synced = sync(disk, (names, since), all).await;
    if synced.is_err() && !mutant(Mutant::NamesNotMadeAnew) {
        for (work, _) in &written {
            if let Err(failure) = remove_new(disk, work).await {
                tracing::warn!(%failure, "a name that may not be durable stays until the next attempt");
            }
        }
    }
    let logs = written.len();
    for (work, result) in written {
        let path = log_directory(work.state.log.partition);
        outcomes.push(match (&synced, result) {
            // Whatever else failed: what was written is in an unknown state.
            (Err(error), _) => Err(work.failed(FlushFailure::Sync { logs, message: error.to_string() })),
            (Ok(_), Err(reason)) => Err(work.failed(reason)),
            (Ok(missing), Ok(())) if missing.contains(&path) => {
                let message = "the directory is not there any more".to_owned();
                Err(work.failed(FlushFailure::Write { path, message }))
            }
            (Ok(_), Ok(())) => Ok(work.done()),
        });
    }
}

/// Gives the directories of logs that are not there any more: these logs were deleted meanwhile, which says nothing of the others.
async fn sync(
    disk: &dyn Disk,
    (names, since): (&Names, NamesSince),
    touched: Touched,
) -> io::Result<BTreeSet<String>> {
    let Touched { files, directories } = touched;
    if !files.is_empty() && !mutant(Mutant::SegmentsNotSynced) {
        disk.sync_files(files).await?;
    }
    let mut missing = BTreeSet::new();
    if mutant(Mutant::NamesNotSynced) {
        return Ok(missing);
    }
    // Deepest first: a directory's name comes after what it holds.
    for directory in directories.into_iter().rev() {
        match names.sync(disk, &directory, since).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound && directory != LOGS => {
                missing.insert(directory);
            }
            synced => synced?,
        }
    }
    Ok(missing)
}

/// Removes what a flush is to make anew. A directory whose sync failed may have forgotten that these names are not durable yet, and a later
/// sync of it promise nothing: they are made once more.
async fn remove_new(disk: &dyn Disk, work: &FlushWork) -> Result<(), FlushFailure> {
    if work.new_directory {
        let directory = log_directory(work.state.log.partition);
        return gone(disk.remove_dir_all(&directory).await, &directory);
    }
    for append in work.appends.iter().filter(|append| append.before.bytes == 0) {
        for kind in FileKind::ALL {
            let path = append.segment.path(kind);
            gone(disk.remove(&path).await, &path)?;
        }
    }
    Ok(())
}

fn gone(removed: io::Result<()>, path: &str) -> Result<(), FlushFailure> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failure(path, &error)),
        _ => Ok(()),
    }
}

async fn write(disk: &dyn Disk, work: &FlushWork, touched: &mut Touched) -> Result<(), FlushFailure> {
    if work.appends.is_empty() {
        return Ok(());
    }
    // Whatever the attempt before has left: nothing is relied on that was there.
    if work.names_unsure && !mutant(Mutant::NamesNotMadeAnew) {
        remove_new(disk, work).await?;
    }
    let directory = log_directory(work.state.log.partition);
    if work.new_directory {
        disk.create_dir_all(&directory).await.map_err(|error| failure(&directory, &error))?;
        touched.directories.insert(LOGS.to_owned());
        touched.directories.insert(directory.clone());
    }
    let mut writes = Vec::new();
    for append in &work.appends {
        let is_new = append.before.bytes == 0;
        if is_new {
            touched.directories.insert(directory.clone());
        }
        let before = &append.before;
        let files = [
            (FileKind::Log, append.runs.clone()),
            (FileKind::OffsetIndex, run(before.offset_index_bytes, &append.rows.offsets)),
            (FileKind::TimeIndex, run(before.time_index_bytes, &append.rows.times)),
        ];
        for (kind, runs) in files {
            // What was placed is durable; the file is synced all the same, for the length that it has now.
            let has_grown = kind == FileKind::Log && append.after.bytes > before.bytes;
            if runs.is_empty() && !is_new && !has_grown {
                continue;
            }
            // What an attempt that failed has left in a file of this name counts for nothing.
            let options =
                OpenOptions { write: true, create: is_new, truncate: is_new, ..OpenOptions::default() };
            let strays = |offset| mutant(Mutant::SegmentOffByOne) && kind == FileKind::Log && offset % 7 == 3;
            let runs = runs.into_iter().map(|(offset, pieces)| (offset + u64::from(strays(offset)), pieces));
            writes.push(FileWrite { path: append.segment.path(kind), options, runs: runs.collect() });
        }
    }
    let FilesWritten { files, failed } = disk.write_files(writes).await;
    touched.files.extend(files);
    failed.map_or(Ok(()), |(path, error)| Err(failure(&path, &error)))
}

fn run(offset: u64, rows: &[u8]) -> Vec<(u64, Vec<Bytes>)> {
    if rows.is_empty() { Vec::new() } else { vec![(offset, vec![Bytes::copy_from_slice(rows)])] }
}

fn failure(path: &str, error: &io::Error) -> FlushFailure {
    let path = path.to_owned();
    if is_full(error) {
        FlushFailure::DiskFull { path }
    } else {
        FlushFailure::Write { path, message: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many works each group of a round has.
    fn lengths(works: &[usize]) -> Vec<usize> {
        let grouped = groups(works.to_vec(), |bytes| *bytes);
        assert_eq!(grouped.concat(), works, "none is lost, and they stay in order");
        grouped.iter().map(Vec::len).collect()
    }

    #[test]
    fn a_round_is_written_in_small_groups() {
        assert_eq!(lengths(&[]), [0; 0]);
        assert_eq!(lengths(&[1; 20]), [8, 8, 4]);
        assert_eq!(lengths(&[100 << 10; 7]), [5, 2]);
    }

    #[test]
    fn a_log_with_much_to_write_is_a_group_of_its_own() {
        assert_eq!(lengths(&[5 << 20; 3]), [1, 1, 1]);
        assert_eq!(lengths(&[0, 5 << 20, 0, 0]), [1, 1, 2]);
    }

    #[test]
    fn a_round_of_many_logs_or_bytes_has_larger_groups() {
        assert_eq!(lengths(&[1; 1_024]), [8; 128]);
        assert_eq!(lengths(&[1; 2_048]), [16; 128]);
        assert_eq!(lengths(&[1 << 10; 5_120]), [32; 160]);
        // 320 MB of it: what has piled up makes the groups no smaller.
        assert_eq!(lengths(&[64 << 10; 5_120]), [32; 160]);
    }
}
