//! Reading a journal back: what is whole is handed out in order, a torn tail is told from corruption.
//! The rules stand in `docs/journal-format.md`, section "Recovery".
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::sync::{Notify, mpsc};

use super::DIRECTORY;
use super::committer::{Committer, Start};
use super::entry::{Entry, EntryBody, EntryInvalid, LogKey, LostEntry};
use super::files::{self, FileSet, JournalFile, Shape};
use super::fill::fill_files;
use super::format::{CommitHeader, CommitNumber, FileSequence, HeaderFound, Incarnation, Position, Row};
use super::handle::{Counters, JournalHandle, Shared, entry_bytes_max};
use super::reading::{Found, check_commit, read_block, read_readable};
use super::times::CommitTimes;
use super::vouch::{PATH as VOUCH_PATH, Vouch, VouchFile};
use crate::io::{AlignedBuffer, Disk, Durability, Io};
use crate::log::checksum::crc32c;
use crate::log::config::{StorageOptions, UnattributedDamage};
use crate::log::shortage::Shortage;
use crate::log::tail::TailBudget;
use crate::probe::{Condition, Mutant, mutant, sometimes};
use crate::types::limits::DISK_BLOCK_BYTES;

const BLOCK: u64 = DISK_BLOCK_BYTES as u64;
/// How much one read takes while the journal is walked, in bytes.
const WINDOW_BYTES: u64 = 1 << 20;
/// How many times the bytes between two vouchings are searched.
const SEARCHED_VOUCHES: u64 = 3;
/// What a start may add to a journal that is as full as it may be, before its first checkpoint, in bytes.
const REPLAY_RESERVE_BYTES: u64 = 16 << 20;

/// The journal cannot be read back in a way that is certain to lose nothing.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("journal: {action} {path} failed: {source}")]
    Io { action: &'static str, path: String, source: io::Error },
    #[error(
        "the journal needs {needed} bytes ({} MiB) and the disk has {available}: free some space, or set ordain.journal.file.bytes or ordain.journal.files lower",
        .needed.div_ceil(1 << 20)
    )]
    NoRoom { needed: u64, available: u64 },
    #[error("{0}. {WAY_OUT}")]
    Damaged(CommitDamage),
    #[error(
        "journal file {file} cannot be read at offset {offset}, where the last commit may stand: {source}. If another start fails in the same way, the disk has lost that block. {WAY_OUT}"
    )]
    Unreadable { file: String, offset: u64, source: io::Error },
    #[error(
        "journal file {expected} is missing although {evidence}: it was removed or the directory is incomplete. {WAY_OUT}"
    )]
    FileMissing { expected: String, evidence: String },
    #[error(
        "journal file {file} holds commits of another journal at offset {offset}: two data directories were mixed. {WAY_OUT}"
    )]
    Foreign { file: String, offset: u64 },
    #[error(
        "journal file {file} holds a commit of format version {version} at offset {offset}, this release reads version 1: start the newer release again"
    )]
    OtherVersion { file: String, offset: u64, version: u32 },
    #[error("journal file {file}, commit {commit}: {source}; start the newer release that wrote it")]
    Entry { file: String, commit: CommitNumber, source: EntryInvalid },
}

const WAY_OUT: &str = "Nothing was changed. Restore the journal's files from a copy of the disk, or give up what this node \
     holds by starting it with an empty data directory";

/// A commit that was durable and cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommitDamage {
    pub file: String,
    pub offset: u64,
    /// The file at whose beginning it stands if the other had no room for it.
    pub or_begins: Option<String>,
    pub commit: CommitNumber,
    pub what: &'static str,
    pub evidence: String,
}

impl std::fmt::Display for CommitDamage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "journal file {}, offset {}", self.file, self.offset)?;
        if let Some(other) = &self.or_begins {
            write!(f, ", or {other}, offset 0")?;
        }
        write!(
            f,
            ": commit {} {}, although {}: it was durable once and may hold acknowledged records",
            self.commit, self.what, self.evidence
        )
    }
}

/// A commit that was being written when the node went down: never acknowledged, cut.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TornTail {
    pub file: String,
    pub offset: u64,
    pub commit: CommitNumber,
}

/// What reading the journal found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct JournalReport {
    pub commits: u64,
    pub entries: u64,
    pub bytes: u64,
    pub torn_tail: Option<TornTail>,
    /// Damage laid to single logs.
    pub attributed: Vec<(LogKey, CommitDamage)>,
    /// Damage that concerns all logs (only with [`UnattributedDamage::DamageAllLogs`]).
    pub unattributed: Vec<CommitDamage>,
    /// Whether the vouch file was missing or neither slot could be read.
    pub vouch_lost: bool,
    /// Names in the directory that are none of ours.
    pub ignored: Vec<String>,
}

/// One commit, replayed.
#[derive(Debug)]
pub struct Replayed {
    pub number: CommitNumber,
    pub entries: Vec<Entry>,
    /// The entries of this commit that are lost.
    pub lost: Vec<LostEntry>,
}

/// The next thing the journal holds.
#[derive(Debug)]
pub(crate) enum Step {
    Commit(Replayed),
    /// Commits are missing here and nobody can tell whose: every log is concerned.
    AllDamaged,
    End,
}

pub(super) fn io_error(
    action: &'static str,
    path: impl Into<String>,
) -> impl FnOnce(io::Error) -> JournalError {
    let path = path.into();
    move |source| JournalError::Io { action, path, source }
}

/// The journal files by number with their lengths; other names go to `ignored`.
pub(super) async fn list(
    disk: &dyn Disk,
    ignored: &mut Vec<String>,
) -> Result<BTreeMap<FileSequence, u64>, JournalError> {
    let entries = match disk.list(DIRECTORY).await {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(io_error("listing", DIRECTORY)(error)),
    };
    let mut found = BTreeMap::new();
    for entry in entries {
        match FileSequence::parse(&entry.name) {
            Some(sequence) => {
                found.insert(sequence, entry.size);
            }
            None if entry.name == "vouch" => {}
            None => ignored.push(entry.name),
        }
    }
    Ok(found)
}

/// Where a journal comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    /// It was found at the start: what is read may not be durable yet.
    Found,
    /// This very process has just made it, durably: it is empty.
    Made,
}

/// Walks a journal from the replay position to its end.
pub(crate) struct JournalReader {
    disk: Arc<dyn Disk>,
    incarnation: Incarnation,
    files: BTreeMap<FileSequence, JournalFile>,
    start: FileSequence,
    replay_from: Position,
    position: Position,
    vouch_file: VouchFile,
    vouch: Option<Vouch>,
    policy: UnattributedDamage,
    origin: Origin,
    vouch_bytes: u64,
    window: Window,
    torn_header: Option<(FileSequence, u64)>,
    /// Where the last whole commit begins.
    last_whole: Option<(FileSequence, u64)>,
    pub(crate) report: JournalReport,
}

/// The piece of a file that was read last.
struct Window {
    file: FileSequence,
    offset: u64,
    bytes: Bytes,
}

impl JournalReader {
    /// Opens the journal of `incarnation` at the checkpoint's replay position.
    pub(crate) async fn open(
        disk: Arc<dyn Disk>,
        incarnation: Incarnation,
        position: Position,
        origin: Origin,
        options: &StorageOptions,
    ) -> Result<JournalReader, JournalError> {
        let mut report = JournalReport::default();
        let mut names = Vec::new();
        let listed = list(&*disk, &mut names).await?;
        // Before anything is changed: without the directory nothing else could be opened either.
        if !listed.contains_key(&position.file) {
            return Err(JournalError::FileMissing {
                expected: position.file.path(),
                evidence: "the checkpoint's replay position lies in it".to_owned(),
            });
        }
        for name in names {
            if name.ends_with(".journal.tmp") {
                let path = format!("{DIRECTORY}/{name}");
                disk.remove(&path).await.map_err(io_error("removing", path))?;
            } else {
                report.ignored.push(name);
            }
        }
        let mut files = BTreeMap::new();
        for (sequence, length) in listed {
            let path = sequence.path();
            let file = disk.open(&path, files::open_options()).await.map_err(io_error("opening", &path))?;
            // A piece of a block at the end cannot be used.
            let length = length - length % BLOCK;
            files.insert(sequence, JournalFile::new(sequence, length, file, length));
        }
        let (vouch_file, vouch, existed) =
            VouchFile::open(&*disk, incarnation).await.map_err(io_error("opening", VOUCH_PATH))?;
        report.vouch_lost = vouch.is_none() && (!existed || position.next > Position::START.next);
        let window = Window { file: position.file, offset: 0, bytes: Bytes::new() };
        let start = position.file;
        let reader = JournalReader {
            disk,
            incarnation,
            files,
            start,
            replay_from: position,
            position,
            vouch_file,
            vouch,
            policy: options.unattributed_damage,
            origin,
            vouch_bytes: options.journal_vouch_bytes,
            window,
            torn_header: None,
            last_whole: None,
            report,
        };
        reader.check_files().await?;
        Ok(reader)
    }

    pub(crate) fn origin(&self) -> Origin {
        self.origin
    }

    /// Where the next commit is expected.
    pub(crate) fn position(&self) -> Position {
        self.position
    }

    /// Refuses when a file between two that were written is missing.
    async fn check_files(&self) -> Result<(), JournalError> {
        let mut expected = self.start;
        for &sequence in self.files.range(self.start..).map(|(sequence, _)| sequence) {
            if sequence > expected
                && let HeaderFound::Whole(header) = self.header_at(sequence, 0).await
                && self.is_ours(&header, sequence, 0)
            {
                return Err(JournalError::FileMissing {
                    expected: expected.path(),
                    evidence: format!(
                        "the later file {} begins with commit {}",
                        sequence.path(),
                        header.number
                    ),
                });
            }
            if sequence == expected {
                expected = expected.next();
            }
        }
        Ok(())
    }

    fn is_ours(&self, header: &CommitHeader, file: FileSequence, offset: u64) -> bool {
        header.incarnation == self.incarnation && header.file == file && header.offset == offset
    }

    async fn header_at(&self, sequence: FileSequence, offset: u64) -> HeaderFound {
        let Some(file) = self.files.get(&sequence) else { return HeaderFound::None };
        if offset + BLOCK > file.length {
            return HeaderFound::None;
        }
        // A block that cannot be read holds no header; what vouches for it is found elsewhere.
        match read_block(file, offset, DISK_BLOCK_BYTES).await {
            Ok(block) => CommitHeader::parse(&block),
            Err(_) => HeaderFound::None,
        }
    }

    /// The next commit, or what stands in its stead.
    pub(crate) async fn next(&mut self) -> Result<Step, JournalError> {
        let (sequence, offset) = (self.position.file, self.position.offset);
        match self.examine(sequence, offset).await? {
            Found::Whole { header, rows, payloads } => {
                if self.contradicts_vouch(&header) {
                    return self.damaged("is not the one that was vouched for").await;
                }
                self.last_whole = Some((sequence, offset));
                self.replay(&header, &rows, &payloads, None)
            }
            Found::PayloadDamaged { header, rows, payloads } => {
                match self.evidence(header.number, sequence, offset).await {
                    Some(evidence) => {
                        let damage = CommitDamage {
                            file: sequence.path(),
                            offset,
                            or_begins: None,
                            commit: header.number,
                            what: "has a damaged payload",
                            evidence,
                        };
                        self.replay(&header, &rows, &payloads, Some(damage))
                    }
                    None => self.torn(sequence, offset, header.total_bytes()).await,
                }
            }
            Found::Damaged(what) => match self.evidence(self.position.next, sequence, offset).await {
                Some(_) => self.damaged(what).await,
                None => {
                    let length = match self.header_at(sequence, offset).await {
                        HeaderFound::Whole(header) => header.total_bytes(),
                        HeaderFound::OtherVersion(_) | HeaderFound::None => None,
                    };
                    self.torn(sequence, offset, length).await
                }
            },
            Found::Contradiction(what) => self.damaged(what).await,
            Found::Nothing => self.nothing_here().await,
        }
    }

    /// No commit stands at the position: the file had no room for it, or this is the end.
    async fn nothing_here(&mut self) -> Result<Step, JournalError> {
        let (sequence, offset) = (self.position.file, self.position.offset);
        let next_file = sequence.next();
        if offset > 0
            && let HeaderFound::Whole(header) = self.header_at(next_file, 0).await
            && self.is_ours(&header, next_file, 0)
            && header.number == self.position.next
        {
            sometimes(Condition::JournalReplayedOverFiles);
            self.position = Position { file: next_file, offset: 0, ..self.position };
            return Box::pin(self.next()).await;
        }
        match self.evidence(self.position.next, sequence, offset).await {
            Some(evidence) => {
                let length = self.files.get(&sequence).map_or(0, |file| file.length);
                let has_room = offset + BLOCK <= length;
                let damage = CommitDamage {
                    file: if has_room { sequence.path() } else { next_file.path() },
                    offset: if has_room { offset } else { 0 },
                    or_begins: (has_room && offset > 0).then(|| next_file.path()),
                    commit: self.position.next,
                    what: "cannot be read",
                    evidence,
                };
                self.lost(damage).await
            }
            None => {
                self.must_be_readable(sequence, offset, BLOCK).await?;
                if offset > 0 {
                    self.must_be_readable(next_file, 0, BLOCK).await?;
                }
                Ok(Step::End)
            }
        }
    }

    async fn torn(
        &mut self,
        sequence: FileSequence,
        offset: u64,
        length: Option<u64>,
    ) -> Result<Step, JournalError> {
        self.must_be_readable(sequence, offset, length.unwrap_or(BLOCK)).await?;
        sometimes(Condition::TornTailCut);
        self.report.torn_tail = Some(TornTail { file: sequence.path(), offset, commit: self.position.next });
        self.torn_header = Some((sequence, offset));
        Ok(Step::End)
    }

    /// The journal is not taken to end where a block cannot be read: the last commit may stand in it.
    async fn must_be_readable(
        &self,
        sequence: FileSequence,
        offset: u64,
        length: u64,
    ) -> Result<(), JournalError> {
        let Some(file) = self.files.get(&sequence) else { return Ok(()) };
        let mut at = offset;
        while at < (offset + length).min(file.length) {
            read_block(file, at, DISK_BLOCK_BYTES).await.map_err(|source| JournalError::Unreadable {
                file: sequence.path(),
                offset: at,
                source,
            })?;
            at += BLOCK;
        }
        Ok(())
    }

    fn contradicts_vouch(&self, header: &CommitHeader) -> bool {
        self.vouch.is_some_and(|vouch| vouch.commit == header.number && vouch.commit_crc != header.crc)
    }

    /// A commit that was durable is lost at the position and cannot be laid to single logs.
    async fn damaged(&mut self, what: &'static str) -> Result<Step, JournalError> {
        let (sequence, offset) = (self.position.file, self.position.offset);
        let commit = self.position.next;
        let evidence = self
            .evidence(commit, sequence, offset)
            .await
            .unwrap_or_else(|| "it follows the others".to_owned());
        let file = sequence.path();
        self.lost(CommitDamage { file, offset, or_begins: None, commit, what, evidence }).await
    }

    async fn lost(&mut self, damage: CommitDamage) -> Result<Step, JournalError> {
        let (sequence, offset) = (self.position.file, self.position.offset);
        let commit = damage.commit;
        match self.policy {
            UnattributedDamage::Refuse => return Err(JournalError::Damaged(damage)),
            UnattributedDamage::DamageAllLogs => self.report.unattributed.push(damage),
        }
        // Go on with the next commit that can be found; behind the vouched one if there is none.
        match self.later_header(commit, sequence, offset).await {
            Some(header) => {
                self.position = Position {
                    file: header.file,
                    offset: header.offset,
                    next: header.number,
                    previous_crc: header.previous_crc,
                };
            }
            None => {
                let vouched = self.vouch.map_or(commit, |vouch| vouch.commit.max(commit));
                let next_file = sequence.next();
                let length = self.files.get(&sequence).map_or(0, |file| file.length);
                self.position = Position {
                    // Nothing is known of the rest of this file: leave it alone if there is another.
                    file: if self.files.contains_key(&next_file) { next_file } else { sequence },
                    offset: if self.files.contains_key(&next_file) { 0 } else { length },
                    next: CommitNumber(vouched.0 + 1),
                    previous_crc: self.vouch.map_or(0, |vouch| vouch.commit_crc),
                };
            }
        }
        Ok(Step::AllDamaged)
    }

    /// What proves that `commit`, expected at a place, was durable once; `None` if nothing does.
    async fn evidence(&self, commit: CommitNumber, file: FileSequence, offset: u64) -> Option<String> {
        if mutant(Mutant::TruncateAtCorruptCommit) {
            return None;
        }
        if let Some(vouch) = self.vouch
            && vouch.commit >= commit
        {
            sometimes(Condition::VouchWasTheEvidence);
            return Some(format!("{VOUCH_PATH} vouches for commit {}", vouch.commit));
        }
        let header = self.later_header(commit, file, offset).await?;
        Some(format!(
            "commit {} follows it in {} at offset {}",
            header.number,
            header.file.path(),
            header.offset
        ))
    }

    /// How far behind the place of a commit that nothing vouches for a later one may begin: none was written when
    /// so many bytes were not vouched for, and one of the two slots may be damaged. Everything if both are.
    fn search_bytes(&self) -> u64 {
        if self.vouch.is_some() { self.vouch_bytes.saturating_mul(SEARCHED_VOUCHES) } else { u64::MAX }
    }

    /// The first header with a number above `commit`, from a place on: in the rest of this file and in the next,
    /// as far as one may stand there, at the beginning of the later ones.
    async fn later_header(
        &self,
        commit: CommitNumber,
        file: FileSequence,
        offset: u64,
    ) -> Option<CommitHeader> {
        for (&sequence, candidate) in self.files.range(file..) {
            let from = if sequence == file { offset } else { 0 };
            let reach = if sequence <= file.next() { self.search_bytes() } else { BLOCK };
            let to = from.saturating_add(reach).min(candidate.length);
            let mut at = from;
            while at < to {
                let length = (to - at).min(WINDOW_BYTES);
                let bytes = read_readable(candidate, at, length).await;
                for (i, block) in bytes.chunks_exact(DISK_BLOCK_BYTES).enumerate() {
                    let block_offset = at + i as u64 * BLOCK;
                    if let HeaderFound::Whole(header) = CommitHeader::parse(block)
                        && self.is_ours(&header, sequence, block_offset)
                        && header.number > commit
                    {
                        return Some(header);
                    }
                }
                at += length;
            }
        }
        None
    }

    /// Reads what stands at a place and compares it with what is expected there.
    async fn examine(&mut self, sequence: FileSequence, offset: u64) -> Result<Found, JournalError> {
        let Some(file) = self.files.get(&sequence).cloned() else { return Ok(Found::Nothing) };
        if offset + BLOCK > file.length {
            return Ok(Found::Nothing);
        }
        let block = self.bytes(&file, offset, BLOCK).await;
        let header = match CommitHeader::parse(&block) {
            HeaderFound::None => return Ok(Found::Nothing),
            HeaderFound::OtherVersion(version) => {
                return Err(JournalError::OtherVersion { file: sequence.path(), offset, version });
            }
            HeaderFound::Whole(header) => header,
        };
        if header.incarnation != self.incarnation {
            return Err(JournalError::Foreign { file: sequence.path(), offset });
        }
        if !self.is_ours(&header, sequence, offset) || header.number < self.position.next {
            return Ok(Found::Nothing);
        }
        if header.number > self.position.next {
            return Ok(Found::Damaged("is missing: a later one stands in its place"));
        }
        if header.previous_crc != self.position.previous_crc {
            return Ok(Found::Contradiction("does not follow the commit before it"));
        }
        let Some(total) = header.total_bytes().filter(|total| offset + total <= file.length) else {
            return Ok(Found::Damaged("claims more bytes than its file has"));
        };
        let commit = self.bytes(&file, offset, total).await;
        Ok(check_commit(header, &commit))
    }

    /// `length` bytes of a file, through the window.
    async fn bytes(&mut self, file: &JournalFile, offset: u64, length: u64) -> Bytes {
        let held = self.window.bytes.len() as u64;
        let inside = self.window.file == file.sequence
            && offset >= self.window.offset
            && offset + length <= self.window.offset + held;
        if !inside {
            let length = length.max(WINDOW_BYTES).min(file.length - offset);
            let bytes = read_readable(file, offset, length).await;
            self.window = Window { file: file.sequence, offset, bytes };
        }
        let from = usize::try_from(offset - self.window.offset).expect("the window is in memory");
        let length = usize::try_from(length).expect("the window is in memory");
        self.window.bytes.slice(from..from + length)
    }

    fn replay(
        &mut self,
        header: &CommitHeader,
        rows: &[Row],
        payloads: &Bytes,
        damage: Option<CommitDamage>,
    ) -> Result<Step, JournalError> {
        let mut entries = Vec::with_capacity(rows.len());
        let mut lost = Vec::new();
        let mut at = 0;
        for row in rows {
            let payload = payloads.slice(at..at + row.length as usize);
            at += row.length as usize;
            if damage.is_some() && crc32c(&payload) != row.crc {
                lost.push(LostEntry { log: row.log, number: row.number, kind: row.kind });
                continue;
            }
            let body = EntryBody::parse(row.kind, &payload).map_err(|source| JournalError::Entry {
                file: header.file.path(),
                commit: header.number,
                source,
            })?;
            entries.push(Entry { log: row.log, number: row.number, body });
        }
        if let Some(damage) = damage {
            sometimes(Condition::JournalDamageAttributed);
            let mut damaged: Vec<LogKey> = lost.iter().map(|lost: &LostEntry| lost.log).collect();
            damaged.dedup();
            self.report.attributed.extend(damaged.into_iter().map(|log| (log, damage.clone())));
        }
        let length = header.total_bytes().expect("the length was checked when the commit was read");
        self.report.commits += 1;
        self.report.entries += entries.len() as u64;
        self.report.bytes += length;
        self.position = Position {
            file: header.file,
            offset: header.offset + length,
            next: CommitNumber(header.number.0 + 1),
            previous_crc: header.crc,
        };
        Ok(Step::Commit(Replayed { number: header.number, entries, lost }))
    }

    /// Makes durable what was read. Before that nothing may be done because of it: after a crash of the
    /// process alone, the last commit may not have reached the device yet. It is written once more, for if its
    /// write had failed, it is in the page cache alone, and a sync that succeeds now proves nothing. Those before
    /// it were durable before it was written.
    pub(crate) async fn settle(&self) -> Result<(), JournalError> {
        if let Some((sequence, offset)) = self.torn_header {
            self.erase(sequence, offset).await?;
        }
        if mutant(Mutant::JournalNotSettled) {
            return Ok(());
        }
        if let Some((sequence, offset)) = self.last_whole
            && sequence == self.position.file
        {
            self.write_again(sequence, offset, self.position.offset).await?;
        }
        let active =
            self.files.get(&self.position.file).expect("the position lies in a file that was opened");
        active.file.sync().await.map_err(io_error("syncing", active.sequence.path()))
    }

    /// Makes the end that was found the place where the journal goes on, and starts its task. After
    /// [`JournalReader::settle`].
    pub(crate) async fn finish(
        self,
        io: &Io,
        options: &StorageOptions,
        budget: Arc<TailBudget>,
    ) -> Result<(JournalHandle, JournalReport), JournalError> {
        let (live, spare) = self.settle_files(options).await?;
        let files = FileSet::new(live, spare, Shape::of(options), self.replay_from);
        let found = files.replay_bytes(self.position).saturating_add(budget.placed() as u64);
        let shared = Arc::new(Shared {
            failed: std::sync::OnceLock::new(),
            queued_bytes: std::sync::atomic::AtomicUsize::new(0),
            room: Notify::new(),
            durable: Mutex::new(self.position),
            found: self.position,
            files,
            counters: Counters::default(),
            times: CommitTimes::default(),
            // An entry counts from where the journal ended when it was queued. If more files than are spare were
            // written before its turn comes, none could be freed, and it would wait for ever.
            queue_bytes_max: options
                .journal_queue_bytes
                .min(queue_bytes_of(options.journal_file_bytes))
                .max(1),
            entry_bytes_max: entry_bytes_max(options.journal_file_bytes),
            // What was found cannot be freed before the logs have owners, who need to write for that.
            replay_bytes_max: options.journal_replay_bytes.max(found.saturating_add(REPLAY_RESERVE_BYTES)),
            shortage: Shortage::default(),
            poisoned: Notify::new(),
            placed: Notify::new(),
            budget,
        });
        let (sender, receiver) = mpsc::unbounded_channel();
        let start = Start {
            incarnation: self.incarnation,
            position: self.position,
            vouch: self.vouch_file,
            vouch_idle: options.journal_vouch_idle,
            vouch_bytes: options.journal_vouch_bytes,
        };
        let committer = Committer::new(Arc::clone(&shared), receiver, Arc::clone(&io.clock), start);
        // The task ends by itself when the journal is closed or nobody holds a handle.
        drop(io.spawn.spawn("journal", Box::pin(committer.run())));
        let filling = fill_files(Arc::clone(&shared), Arc::clone(&io.disk), Arc::clone(&io.clock));
        drop(io.spawn.spawn("journal-files", Box::pin(filling)));
        Ok((JournalHandle::new(sender, shared, Arc::clone(&io.disk), Arc::clone(&io.spawn)), self.report))
    }

    /// Writes durably what stands in a file from one place to another.
    async fn write_again(&self, sequence: FileSequence, from: u64, to: u64) -> Result<(), JournalError> {
        let file = self.files.get(&sequence).expect("the commit was read from a file that is open");
        let length = usize::try_from(to - from).expect("a commit fits in memory");
        let bytes = file.file.read_at(from, length).await.map_err(io_error("reading", sequence.path()))?;
        let mut buffer = AlignedBuffer::zeroed(length);
        buffer[..length].copy_from_slice(&bytes);
        let (result, _) = file.file.write_aligned_at(from, buffer, length, Durability::Now).await;
        result.map_err(io_error("making durable the end of", sequence.path()))
    }

    /// Zeroes the header of a torn commit, so that the next commit of its number is the only one.
    async fn erase(&self, sequence: FileSequence, offset: u64) -> Result<(), JournalError> {
        let file = self.files.get(&sequence).expect("the torn commit was read from a file that is open");
        let zeros = AlignedBuffer::zeroed(DISK_BLOCK_BYTES);
        let (result, _) = file.file.write_aligned_at(offset, zeros, DISK_BLOCK_BYTES, Durability::Now).await;
        result.map_err(io_error("cutting the torn tail of", sequence.path()))
    }

    /// The live files, and the spare ones with numbers that follow without a gap; renamed and removed as needed,
    /// durable on return. Those that are missing, and the rest of those that are not filled, come later.
    async fn settle_files(
        &self,
        options: &StorageOptions,
    ) -> Result<(Vec<JournalFile>, Vec<JournalFile>), JournalError> {
        let disk = &*self.disk;
        let shape = Shape::of(options);
        let becomes = |file: &JournalFile, sequence: FileSequence, used: u64| {
            let filled = match self.origin {
                Origin::Found => files::filled_after_restart(file.length, used, shape),
                Origin::Made => file.length,
            };
            let length = file.length.max(shape.file_bytes);
            JournalFile::new(sequence, length, Arc::clone(&file.file), filled)
        };
        let mut live = Vec::new();
        let mut surplus = Vec::new();
        for (&sequence, file) in &self.files {
            if sequence == self.position.file {
                live.push(becomes(file, sequence, self.position.offset));
            } else if sequence >= self.start && sequence < self.position.file {
                live.push(file.clone());
            } else {
                surplus.push(file.clone());
            }
        }
        // Files above the position first: they may already have the right numbers.
        surplus.sort_by_key(|file| (file.sequence < self.start, file.sequence));
        let wanted = options.journal_files.saturating_sub(live.len()).max(1);
        let mut next = self.position.file;
        let mut spare: Vec<JournalFile> = Vec::new();
        for file in surplus {
            let path = file.sequence.path();
            if spare.len() >= wanted || file.length > shape.file_bytes {
                disk.remove(&path).await.map_err(io_error("removing", path))?;
                continue;
            }
            next = next.next();
            if file.sequence != next {
                disk.rename(&path, &next.path()).await.map_err(io_error("renaming", path))?;
            }
            spare.push(becomes(&file, next, 0));
        }
        if self.origin == Origin::Found {
            disk.sync_dir(DIRECTORY).await.map_err(io_error("syncing", DIRECTORY))?;
        }
        Ok((live, spare))
    }
}

/// What may wait for a journal with files of that length, in bytes.
fn queue_bytes_of(file_bytes: u64) -> usize {
    usize::try_from(file_bytes / 4).unwrap_or(usize::MAX)
}
