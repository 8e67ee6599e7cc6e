//! Start of a node's storage: the checkpoint, the journal behind it, and only then a look at the files.
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::checkpoint::{Checkpoint, Outdated, PATHS};
use super::config::LogConfig;
use super::file_cache::FileCache;
use super::journal::{
    Entry, EntryBody, JournalReader, JournalReport, LogId, LogKey, LostEntry, Origin, PlacedBatch, Position,
    Step,
};
use super::partition::PartitionLog;
use super::places::Places;
use super::segment::{FileKind, LOGS, SegmentState, file_name, log_directory};
use super::storage::StorageError;
use super::tail::TailBudget;
use crate::io::{Disk, OpenOptions};
use crate::probe::{Condition, sometimes};
use crate::types::{Offset, PartitionId};

/// A log that lost something it may have acknowledged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogDamage {
    pub partition: PartitionId,
    pub what: String,
}

/// What the start found. Everything in it is worth a line in the node's log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RecoveryReport {
    /// The node had no data before.
    pub is_new: bool,
    pub journal: JournalReport,
    /// What was wrong with one of the two copies of the checkpoint.
    pub checkpoint_copy: Option<String>,
    pub damaged: Vec<LogDamage>,
    /// Segment files that were cut back to what the checkpoint says.
    pub files_cut: usize,
    /// Files and directories that nothing named.
    pub removed: Vec<String>,
    /// Indexes that are shorter than they should be: look-ups walk further until they have been made again.
    pub indexes_short: Vec<String>,
    /// Names below the data directory that are none of ours, left alone.
    pub ignored: Vec<String>,
}

/// What recovery hands its caller beside the report.
pub(super) struct Recovered {
    pub(super) logs: BTreeMap<LogId, PartitionLog>,
    pub(super) reader: JournalReader,
    pub(super) next_log_id: u64,
    pub(super) report: RecoveryReport,
}

/// What is given to each log.
pub(super) struct Parts<'a> {
    pub(super) disk: &'a Arc<dyn Disk>,
    pub(super) cache: &'a Arc<FileCache>,
    pub(super) budget: &'a Arc<TailBudget>,
    pub(super) config_of: &'a (dyn Fn(PartitionId) -> Arc<LogConfig> + Send + Sync),
}

/// Rebuilds all logs from a checkpoint and the journal behind it, and settles their files.
pub(super) async fn recover(
    parts: &Parts<'_>,
    checkpoint: Checkpoint,
    outdated: &Outdated,
    mut reader: JournalReader,
) -> Result<Recovered, StorageError> {
    let first_new_id = checkpoint.next_log_id;
    let mut next_log_id = first_new_id;
    let mut logs = BTreeMap::new();
    let mut places = Places::new(Arc::clone(parts.disk));
    for state in checkpoint.logs {
        let config = (parts.config_of)(state.log.partition);
        let state = Arc::unwrap_or_clone(state);
        let log = PartitionLog::restore(state, config, Arc::clone(parts.cache), Arc::clone(parts.budget));
        logs.insert(log.key().id, log);
    }
    loop {
        let position = reader.position();
        match reader.next().await? {
            Step::Commit(commit) => {
                let lost = || format!("an entry in journal commit {} is lost", commit.number);
                let damaged = that_need(&logs, &commit.lost);
                for &key in &damaged {
                    next_log_id = next_log_id.max(key.id.0 + 1);
                    damage(parts, &mut logs, key, first_new_id, lost());
                }
                for mut entry in commit.entries {
                    next_log_id = next_log_id.max(entry.log.id.0 + 1);
                    read_placed(&mut places, &mut logs, &mut entry).await;
                    replay(parts, &mut logs, entry, position, first_new_id);
                }
                count(&mut logs, &commit.lost);
                // What is lost may have stood behind a reset that made the log sound.
                for key in &damaged {
                    if let Some(log) = logs.get_mut(&key.id)
                        && log.damage().is_none()
                    {
                        log.mark_damaged(lost());
                    }
                }
            }
            Step::AllDamaged => {
                for log in logs.values_mut() {
                    log.mark_damaged(
                        "a commit of the journal is lost that may have held entries of it".to_owned(),
                    );
                }
            }
            Step::End => break,
        }
    }
    let mut report = RecoveryReport { journal: reader.report.clone(), ..RecoveryReport::default() };
    for log in logs.values_mut() {
        log.finish_replay();
    }
    places.tell(&logs);
    if reader.origin() == Origin::Found {
        outdated.replace(&**parts.disk).await?;
        reader.settle().await?;
        settle_files(&**parts.disk, &mut logs, &mut report).await?;
    }
    for log in logs.values() {
        if let Some(what) = log.damage() {
            let damage = LogDamage { partition: log.key().partition, what: what.to_owned() };
            report.damaged.push(damage);
        }
    }
    Ok(Recovered { logs, reader, next_log_id, report })
}

/// The logs that lack something without these entries.
fn that_need(logs: &BTreeMap<LogId, PartitionLog>, lost: &[LostEntry]) -> Vec<LogKey> {
    let is_covered = |lost: &LostEntry| logs.get(&lost.log.id).is_some_and(|log| log.has(*lost));
    let needed = lost.iter().filter(|lost| !is_covered(lost));
    needed.map(|lost| lost.log).collect()
}

/// Nobody gets the numbers of these entries again.
fn count(logs: &mut BTreeMap<LogId, PartitionLog>, lost: &[LostEntry]) {
    for entry in lost {
        if let Some(log) = logs.get_mut(&entry.log.id) {
            log.count(entry.number);
        }
    }
}

/// Reads a batch that the journal only names from its place, if its log wants it. If it is lost, the log is told.
async fn read_placed(places: &mut Places, logs: &mut BTreeMap<LogId, PartitionLog>, entry: &mut Entry) {
    let EntryBody::Placed(placed) = &entry.body else { return };
    let Some(log) = logs.get_mut(&entry.log.id).filter(|log| log.wants_batch(entry.number)) else { return };
    match places.read(entry.log, placed).await {
        Ok(batch) => {
            sometimes(Condition::PlacedBatchReplayed);
            entry.body = EntryBody::Placed(Box::new(PlacedBatch::clone(placed).with(batch)));
        }
        Err(what) => {
            log.note_lost(placed.header().base_offset, what);
            places.note_lost(entry.log.id);
        }
    }
}

/// Marks a log as damaged. One that nobody knows was either deleted before the checkpoint, or its creation is
/// lost: then it comes into being damaged, so that nobody takes its partition for new.
fn damage(
    parts: &Parts<'_>,
    logs: &mut BTreeMap<LogId, PartitionLog>,
    key: LogKey,
    first_new_id: u64,
    what: String,
) {
    if let Some(log) = logs.get_mut(&key.id) {
        log.mark_damaged(what);
    } else if key.id.0 >= first_new_id {
        let config = (parts.config_of)(key.partition);
        let (cache, budget) = (Arc::clone(parts.cache), Arc::clone(parts.budget));
        let mut log = PartitionLog::new(key, Offset::ZERO, config, cache, budget);
        log.mark_damaged(what);
        logs.insert(key.id, log);
    }
}

fn replay(
    parts: &Parts<'_>,
    logs: &mut BTreeMap<LogId, PartitionLog>,
    entry: Entry,
    position: Position,
    first_new_id: u64,
) {
    let key = entry.log;
    match (&entry.body, logs.get_mut(&key.id)) {
        (EntryBody::LogDeleted, _) => {
            logs.remove(&key.id);
        }
        (EntryBody::LogCreated { log_start }, None) if entry.number.0 == 1 => {
            let config = (parts.config_of)(key.partition);
            let (cache, budget) = (Arc::clone(parts.cache), Arc::clone(parts.budget));
            logs.insert(key.id, PartitionLog::new(key, *log_start, config, cache, budget));
        }
        (_, None) => damage(parts, logs, key, first_new_id, "its creation is lost".to_owned()),
        (_, Some(log)) => {
            if entry.number > log.number().next() && log.damage().is_none() {
                let what = format!("entries {} to {} are missing", log.number().next(), entry.number.0 - 1);
                log.mark_damaged(what);
            }
            // What the log held is not followed any further, up to a reset that drops it.
            let is_content = matches!(
                entry.body,
                EntryBody::Batch(_)
                    | EntryBody::BatchAgain(_)
                    | EntryBody::Placed(_)
                    | EntryBody::EpochStart { .. }
                    | EntryBody::Truncated { .. }
            );
            if log.damage().is_some() && is_content {
                log.count(entry.number);
                return;
            }
            if let Err(error) = log.replay(entry, position) {
                log.mark_damaged(format!("replay: {error}"));
            }
        }
    }
}

fn io_error(action: &'static str, path: &str) -> impl FnOnce(io::Error) -> StorageError {
    let path = path.to_owned();
    move |source| StorageError::Io { action, path, source }
}

/// Compares what lies below `logs/` with what the logs name: cuts, removes, and finds damage.
async fn settle_files(
    disk: &dyn Disk,
    logs: &mut BTreeMap<LogId, PartitionLog>,
    report: &mut RecoveryReport,
) -> Result<(), StorageError> {
    for path in PATHS {
        let temporary = format!("{path}.tmp");
        match disk.remove(&temporary).await {
            Ok(()) => report.removed.push(temporary),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(io_error("removing", &temporary)(error)),
        }
    }
    let by_name: BTreeMap<String, LogId> =
        logs.iter().map(|(&id, log)| (log.key().partition.to_string(), id)).collect();
    let directories = disk.list(LOGS).await.map_err(io_error("listing", LOGS))?;
    let mut seen = Vec::new();
    for directory in directories {
        match by_name.get(&directory.name) {
            Some(&id) => {
                let log = logs.get_mut(&id).expect("the name was made from the logs");
                settle_log(disk, log, report).await?;
                seen.push(id);
            }
            None if directory.is_dir && is_log_directory(&directory.name) => {
                let path = format!("{LOGS}/{}", directory.name);
                disk.remove_dir_all(&path).await.map_err(io_error("removing", &path))?;
                report.removed.push(path);
            }
            None => report.ignored.push(format!("{LOGS}/{}", directory.name)),
        }
    }
    // After a crash of the process alone a directory may be there and not durable; and a removal is durable
    // before anything of the same name is made.
    disk.sync_dir(LOGS).await.map_err(io_error("syncing", LOGS))?;
    for (id, log) in logs {
        if !seen.contains(id) {
            log.check_segments(|_| None);
        }
    }
    Ok(())
}

/// Whether a name is one that [`log_directory`] makes.
fn is_log_directory(name: &str) -> bool {
    let Some((topic, index)) = name.split_at_checked(22) else { return false };
    crate::types::TopicId::parse(topic).is_some()
        && index.strip_prefix('-').is_some_and(|digits| digits.parse::<u32>().is_ok())
}

async fn settle_log(
    disk: &dyn Disk,
    log: &mut PartitionLog,
    report: &mut RecoveryReport,
) -> Result<(), StorageError> {
    let directory = log_directory(log.key().partition);
    let entries = disk.list(&directory).await.map_err(io_error("listing", &directory))?;
    let mut sizes: BTreeMap<String, u64> =
        entries.iter().filter(|entry| !entry.is_dir).map(|entry| (entry.name.clone(), entry.size)).collect();
    let named = log.segment_states();
    log.found_directory();
    log.check_segments(|name| sizes.get(name).copied());
    for segment in &named {
        for (kind, bytes) in files_of(segment) {
            let name = file_name(segment.base, segment.cleaning, kind);
            let path = format!("{directory}/{name}");
            let size = sizes.remove(&name).unwrap_or(0);
            // The journal may name what stands behind it.
            let bytes = match kind {
                FileKind::Log => bytes.max(log.referenced_bytes(segment.base, segment.cleaning)),
                FileKind::OffsetIndex | FileKind::TimeIndex => bytes,
            };
            if size > bytes {
                let options = OpenOptions { write: true, ..OpenOptions::default() };
                let file = disk.open(&path, options).await.map_err(io_error("opening", &path))?;
                file.set_len(bytes).await.map_err(io_error("cutting", &path))?;
                sometimes(Condition::SegmentCutBack);
                report.files_cut += 1;
            } else if size < bytes && kind != FileKind::Log {
                report.indexes_short.push(path);
                log.suspect_indexes(segment.base);
            }
        }
    }
    for name in sizes.into_keys() {
        let path = format!("{directory}/{name}");
        if log.references_file(&name) {
            continue;
        }
        if is_segment_file(&name) {
            if is_cleaned(&name) {
                sometimes(Condition::CompactionInterrupted);
            }
            disk.remove(&path).await.map_err(io_error("removing", &path))?;
            report.removed.push(path);
        } else {
            report.ignored.push(path);
        }
    }
    Ok(())
}

fn files_of(segment: &SegmentState) -> [(FileKind, u64); 3] {
    [
        (FileKind::Log, segment.bytes),
        (FileKind::OffsetIndex, segment.offset_index_bytes),
        (FileKind::TimeIndex, segment.time_index_bytes),
    ]
}

/// Whether a name is one that [`file_name`] makes.
fn is_segment_file(name: &str) -> bool {
    let suffix = [".log", ".index", ".timeindex", ".cleaned"].iter().any(|suffix| name.ends_with(suffix));
    let base = name.get(..20).is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
    suffix && base
}

/// Whether a segment file's name is of one that compaction made.
fn is_cleaned(name: &str) -> bool {
    name.split('.').count() == 3
}
