//! The checkpoint: what the node knew when the journal was last trimmed. Format and crash cases are in
//! `docs/segment-format.md`.
use std::cmp::Ordering;
use std::io;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::checksum::{crc32c, crc32c_of_header, seal_header};
use super::journal::{CommitNumber, EntryNumber, FileSequence, Incarnation, LogId, LogKey, Position};
use super::segment::SegmentState;
use super::state::{LogState, Vote};
use super::voters::{self, VoterSets, get_uuid};
use crate::io::{Disk, File, OpenOptions};
use crate::probe::{Condition, sometimes};
use crate::raft::{self, ReplicaKey};
use crate::types::{EpochHistory, EpochStart};
use crate::types::{LeaderEpoch, NodeId, Offset, PartitionId, PartitionIndex, Timestamp, TopicId, Uuid};

/// Both names, in the order in which they are written.
pub(crate) const PATHS: [&str; 2] = ["checkpoint", "checkpoint.copy"];
const MAGIC: &[u8; 8] = b"ORDNCKPT";
const VERSION: u32 = 4;
/// The version before the CRC covered magic and version: read as well.
const VERSION_COVERED_IN_PART: u32 = 3;
/// The version before a log said from which entry on its batches are replayed: read as well.
const VERSION_WITHOUT_BATCHES_FROM: u32 = 2;
/// The version before directories had an owner and an id: it is read, and written anew as the present one.
const VERSION_WITHOUT_OWNER: u32 = 1;
const OLD_HEADER_BYTES: usize = 88;
const OWNER_BYTES: usize = 20;
/// Behind magic, version and CRC; the length.
const BODY_AT: usize = 16;
const FLAG_DAMAGED: u8 = 1;
const FLAG_RENEWED: u8 = 2;

/// A node's checkpoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Checkpoint {
    pub(crate) generation: u64,
    pub(crate) incarnation: Incarnation,
    /// Where replay begins.
    pub(crate) position: Position,
    pub(crate) next_log_id: u64,
    /// `None` in one of version 1.
    pub(crate) owner: Option<Owner>,
    pub(crate) logs: Vec<Arc<LogState>>,
}

/// Whose data directory it is: a node, and its memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Owner {
    pub(crate) node: NodeId,
    pub(crate) directory: Uuid,
}

/// Why a checkpoint cannot be used or written.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    #[error("{path} cannot be used: {what}")]
    Invalid { path: String, what: &'static str },
    #[error(
        "{path} has format version {version}, this release reads versions up to {VERSION}: start the newer release again"
    )]
    OtherVersion { path: String, version: u32 },
    #[error("{action} {path} failed: {source}")]
    Io { action: &'static str, path: String, source: io::Error },
}

/// What reading both copies gave.
#[derive(Debug)]
pub(crate) enum Found {
    /// Neither exists.
    Nothing,
    Checkpoint {
        checkpoint: Checkpoint,
        /// What is wrong with the other copy, if anything.
        other: Option<String>,
        /// The copies that are not this checkpoint.
        outdated: Outdated,
    },
}

/// Copies that a start did not choose: bad, missing, older, or not to be read that time. Each was safe to start from
/// when it was written; once files are changed by what another says it is not, so it has to go before that. It might
/// be read again at the next start.
#[derive(Debug, Default)]
pub(crate) struct Outdated {
    paths: Vec<&'static str>,
    /// The copy that counts.
    chosen: Bytes,
}

impl Checkpoint {
    /// # Panics
    /// If nobody owns it: it was read from the former version and is given its owner before it is written.
    pub(crate) fn encode(&self) -> Bytes {
        let owner = self.owner.expect("a data directory has an owner before anything is written to it");
        let mut out = BytesMut::new();
        out.put_slice(MAGIC);
        out.put_u32(VERSION);
        // CRC and length: put in at the end.
        out.put_u32(0);
        out.put_u64(0);
        out.put_u64(self.generation);
        out.put_slice(&self.incarnation.0);
        out.put_u64(self.position.file.0);
        out.put_u64(self.position.offset);
        out.put_u64(self.position.next.0);
        out.put_u32(self.position.previous_crc);
        out.put_u64(self.next_log_id);
        out.put_i32(owner.node.0);
        out.put_slice(&owner.directory.0);
        out.put_u32(count(self.logs.len()));
        debug_assert_eq!(out.len(), OLD_HEADER_BYTES + OWNER_BYTES);
        for log in &self.logs {
            put_log(&mut out, log);
        }
        let length = out.len() as u64;
        out[BODY_AT..BODY_AT + 8].copy_from_slice(&length.to_be_bytes());
        seal_header(&mut out);
        out.freeze()
    }

    /// Reads a checkpoint.
    ///
    /// # Errors
    /// [`CheckpointError::Invalid`] for whatever [`Checkpoint::encode`] has not written.
    pub(crate) fn decode(path: &str, bytes: &[u8]) -> Result<Checkpoint, CheckpointError> {
        let invalid = |what| CheckpointError::Invalid { path: path.to_owned(), what };
        if bytes.len() < OLD_HEADER_BYTES || !bytes.starts_with(MAGIC) {
            return Err(invalid("it is too short or does not begin as one"));
        }
        let mut b = &bytes[8..];
        let version = b.get_u32();
        let crc = b.get_u32();
        let length = b.get_u64();
        let covered = match version {
            ..=VERSION_COVERED_IN_PART => crc32c(&bytes[BODY_AT..]),
            _ => crc32c_of_header(bytes),
        };
        if length != bytes.len() as u64 || covered != crc {
            return Err(invalid("its length or checksum is wrong"));
        }
        let has_owner = match version {
            VERSION | VERSION_COVERED_IN_PART | VERSION_WITHOUT_BATCHES_FROM => true,
            VERSION_WITHOUT_OWNER => false,
            _ => return Err(CheckpointError::OtherVersion { path: path.to_owned(), version }),
        };
        if has_owner && bytes.len() < OLD_HEADER_BYTES + OWNER_BYTES {
            return Err(invalid("it is too short"));
        }
        let generation = b.get_u64();
        let mut incarnation = [0; 16];
        b.copy_to_slice(&mut incarnation);
        let position = Position {
            file: FileSequence(b.get_u64()),
            offset: b.get_u64(),
            next: CommitNumber(b.get_u64()),
            previous_crc: b.get_u32(),
        };
        let next_log_id = b.get_u64();
        let owner = has_owner.then(|| Owner { node: NodeId(b.get_i32()), directory: get_uuid(&mut b) });
        let logs = b.get_u32();
        let mut checkpoint = Checkpoint {
            generation,
            incarnation: Incarnation(incarnation),
            position,
            next_log_id,
            owner,
            logs: Vec::new(),
        };
        for _ in 0..logs {
            let log =
                get_log(&mut b, version).ok_or_else(|| invalid("a log in it is cut short, or cannot be"))?;
            checkpoint.logs.push(Arc::new(log));
        }
        if b.has_remaining() {
            return Err(invalid("bytes are left over"));
        }
        Ok(checkpoint)
    }

    /// Writes both copies, durably, one after the other.
    pub(crate) async fn write(&self, disk: &dyn Disk) -> Result<(), CheckpointError> {
        let bytes = self.encode();
        for path in PATHS {
            write_copy(disk, path, &bytes).await?;
        }
        Ok(())
    }

    /// Writes both copies of a node's first checkpoint, under names that do not count. They are to be synced, then
    /// [`name_first`] makes them count.
    pub(crate) async fn begin_first(&self, disk: &dyn Disk) -> Result<Vec<Arc<dyn File>>, CheckpointError> {
        let bytes = self.encode();
        let [first, second] = PATHS;
        let (first, second) = tokio::join!(begin_copy(disk, first, &bytes), begin_copy(disk, second, &bytes));
        Ok(vec![first?, second?])
    }
}

/// Gives both copies of a node's first checkpoint their names, durably. There is no former one that could be lost,
/// so one sync does for both.
pub(crate) async fn name_first(disk: &dyn Disk) -> Result<(), CheckpointError> {
    for path in PATHS {
        name_copy(disk, path).await?;
    }
    disk.sync_dir("").await.map_err(failed("syncing the directory of", PATHS[0]))
}

async fn write_copy(disk: &dyn Disk, path: &str, bytes: &Bytes) -> Result<(), CheckpointError> {
    let file = begin_copy(disk, path, bytes).await?;
    file.sync().await.map_err(failed("syncing", path))?;
    name_copy(disk, path).await?;
    disk.sync_dir("").await.map_err(failed("syncing the directory of", path))
}

async fn begin_copy(disk: &dyn Disk, path: &str, bytes: &Bytes) -> Result<Arc<dyn File>, CheckpointError> {
    let options = OpenOptions { write: true, create: true, truncate: true, ..OpenOptions::default() };
    let file = disk.open(&format!("{path}.tmp"), options).await.map_err(failed("creating", path))?;
    file.write_at(0, vec![bytes.clone()]).await.map_err(failed("writing", path))?;
    Ok(file)
}

async fn name_copy(disk: &dyn Disk, path: &str) -> Result<(), CheckpointError> {
    disk.rename(&format!("{path}.tmp"), path).await.map_err(failed("renaming", path))
}

fn failed(action: &'static str, path: &str) -> impl FnOnce(io::Error) -> CheckpointError {
    let path = path.to_owned();
    move |source| CheckpointError::Io { action, path, source }
}

/// Reads the newer of the two copies that is whole.
pub(crate) async fn read(disk: &dyn Disk) -> Result<Found, CheckpointError> {
    let mut best: Option<(Checkpoint, Bytes)> = None;
    let mut other: Option<String> = None;
    let mut error: Option<CheckpointError> = None;
    let mut missing = 0;
    let mut equal = Vec::new();
    for path in PATHS {
        let result = match read_one(disk, path).await {
            Ok(Some(bytes)) => Checkpoint::decode(path, &bytes).map(|found| (found, bytes)),
            Ok(None) => {
                missing += 1;
                other.get_or_insert(format!("{path} is missing"));
                continue;
            }
            Err(source) => Err(CheckpointError::Io { action: "reading", path: path.to_owned(), source }),
        };
        match result {
            Ok((found, bytes)) => {
                let than = best.as_ref().map(|(best, _)| best.generation.cmp(&found.generation));
                match than {
                    Some(Ordering::Equal) => equal.push(path),
                    Some(Ordering::Greater) => sometimes(Condition::CheckpointCopiesDiffered),
                    Some(Ordering::Less) | None => {
                        if path != PATHS[0] {
                            sometimes(Condition::CheckpointCopyUsed);
                        }
                        best = Some((found, bytes));
                        equal = vec![path];
                    }
                }
            }
            Err(newer @ CheckpointError::OtherVersion { .. }) => return Err(newer),
            Err(problem) => {
                other = Some(problem.to_string());
                error = Some(problem);
            }
        }
    }
    match (best, error) {
        (Some((checkpoint, chosen)), _) => {
            let paths = PATHS.into_iter().filter(|path| !equal.contains(path)).collect();
            Ok(Found::Checkpoint { checkpoint, other, outdated: Outdated { paths, chosen } })
        }
        (None, Some(error)) => Err(error),
        (None, None) => {
            assert_eq!(missing, PATHS.len(), "a copy is whole, bad or missing");
            Ok(Found::Nothing)
        }
    }
}

impl Outdated {
    /// Puts the checkpoint that counts in their place, durably; where there is no room for it, takes them away.
    pub(crate) async fn replace(&self, disk: &dyn Disk) -> Result<(), CheckpointError> {
        for path in &self.paths {
            if let Err(error) = write_copy(disk, path, &self.chosen).await {
                tracing::warn!(%error, path, "a copy of the checkpoint that is not to be used is removed");
                match disk.remove(path).await {
                    Err(source) if source.kind() != io::ErrorKind::NotFound => {
                        return Err(failed("removing", path)(source));
                    }
                    Ok(()) | Err(_) => {}
                }
                disk.sync_dir("").await.map_err(failed("syncing the directory of", path))?;
            }
        }
        Ok(())
    }
}

/// Makes durable what was read: after a crash of the process alone, the last rename may not be.
pub(crate) async fn settle(disk: &dyn Disk) -> Result<(), CheckpointError> {
    let sync_copy = async |path: &str| {
        match disk.open(path, OpenOptions { write: true, ..OpenOptions::default() }).await {
            Ok(file) => file.sync().await,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
        .map_err(failed("syncing", path))
    };
    let [first, second] = PATHS;
    let (first, second) = tokio::join!(sync_copy(first), sync_copy(second));
    first.and(second)?;
    disk.sync_dir("").await.map_err(failed("syncing", "the data directory"))
}

async fn read_one(disk: &dyn Disk, path: &str) -> io::Result<Option<Bytes>> {
    let file = match disk.open(path, OpenOptions::default()).await {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let size = usize::try_from(file.size().await?).unwrap_or(usize::MAX);
    file.read_at(0, size).await.map(Some)
}

fn count(length: usize) -> u32 {
    u32::try_from(length).expect("the checkpoint's lists are shorter than 2³²")
}

fn put_log(out: &mut BytesMut, log: &LogState) {
    out.put_slice(&log.log.partition.topic.0);
    out.put_i32(log.log.partition.index.0);
    out.put_u64(log.log.id.0);
    out.put_u64(log.number.0);
    out.put_u64(log.batches_from.0);
    let flags = [(log.damaged, FLAG_DAMAGED), (log.renewed, FLAG_RENEWED)];
    out.put_u8(flags.iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| flag).sum());
    out.put_i64(log.log_start.0);
    out.put_i64(log.end.0);
    out.put_i64(log.log_end.0);
    out.put_i64(log.high_watermark.0);
    out.put_i64(log.cleaned_to.0);
    out.put_i32(log.vote.map_or(-1, |vote| vote.epoch.0));
    let candidate = log.vote.and_then(|vote| vote.candidate);
    out.put_i32(candidate.map_or(-1, |key| key.node.0));
    out.put_slice(&candidate.map_or(Uuid::ZERO, |key| key.directory).0);
    out.put_slice(&log.directory.unwrap_or(Uuid::ZERO).0);
    out.put_u32(count(log.epochs.entries().len()));
    for entry in log.epochs.entries() {
        out.put_i32(entry.epoch.0);
        out.put_i64(entry.start.0);
    }
    out.put_u32(count(log.voters.entries().len()));
    for (at, set) in log.voters.entries() {
        out.put_i32(at.epoch.0);
        out.put_i64(at.end.0);
        voters::put(out, set);
    }
    out.put_u32(count(log.segments.len()));
    for segment in &log.segments {
        out.put_i64(segment.base.0);
        out.put_u32(segment.cleaning);
        out.put_i64(segment.end.0);
        out.put_u64(segment.bytes);
        out.put_u64(segment.offset_index_bytes);
        out.put_u64(segment.time_index_bytes);
        out.put_i64(segment.max_timestamp.0);
        out.put_i64(segment.max_timestamp_offset.0);
        out.put_i64(segment.first_timestamp.0);
        out.put_i64(segment.created.0);
        out.put_u64(segment.bytes_since_index_row);
        out.put_u8(u8::from(segment.dense));
    }
    out.put_u32(count(log.producers.len()));
    out.put_slice(&log.producers);
}

fn get_log(b: &mut &[u8], version: u32) -> Option<LogState> {
    let is_old = version == VERSION_WITHOUT_OWNER;
    let mut topic = [0; 16];
    b.try_copy_to_slice(&mut topic).ok()?;
    let index = PartitionIndex(b.try_get_i32().ok()?);
    let partition = PartitionId { topic: TopicId(topic), index };
    let log = LogKey { id: LogId(b.try_get_u64().ok()?), partition };
    let number = EntryNumber(b.try_get_u64().ok()?);
    let batches_from =
        EntryNumber(if version <= VERSION_WITHOUT_BATCHES_FROM { 0 } else { b.try_get_u64().ok()? });
    let flags = b.try_get_u8().ok()?;
    let log_start = Offset(b.try_get_i64().ok()?);
    let end = Offset(b.try_get_i64().ok()?);
    // What lay behind the segments had no gap that a batch in the journal would not tell.
    let log_end = if is_old { end } else { Offset(b.try_get_i64().ok()?) };
    let high_watermark = Offset(b.try_get_i64().ok()?);
    let cleaned_to = Offset(b.try_get_i64().ok()?);
    let epoch = b.try_get_i32().ok()?;
    let node = NodeId(b.try_get_i32().ok()?);
    let (mut candidate_directory, mut directory) = (Uuid::ZERO, Uuid::ZERO);
    if !is_old {
        b.try_copy_to_slice(&mut candidate_directory.0).ok()?;
        b.try_copy_to_slice(&mut directory.0).ok()?;
    }
    let candidate = (node.0 >= 0).then_some(ReplicaKey { node, directory: candidate_directory });
    let vote = (epoch >= 0).then_some(Vote { epoch: LeaderEpoch(epoch), candidate });
    let mut epochs = Vec::new();
    for _ in 0..b.try_get_u32().ok()? {
        let epoch = LeaderEpoch(b.try_get_i32().ok()?);
        epochs.push(EpochStart { epoch, start: Offset(b.try_get_i64().ok()?) });
    }
    let voters = if is_old { VoterSets::default() } else { get_voters(b)? };
    let mut segments = Vec::new();
    for _ in 0..b.try_get_u32().ok()? {
        segments.push(get_segment(b)?);
    }
    let producers = usize::try_from(b.try_get_u32().ok()?).ok()?;
    if b.remaining() < producers {
        return None;
    }
    let producers = b.copy_to_bytes(producers);
    Some(LogState {
        log,
        number,
        batches_from,
        damaged: flags & FLAG_DAMAGED != 0,
        renewed: flags & FLAG_RENEWED != 0,
        log_start,
        end,
        log_end,
        high_watermark,
        cleaned_to,
        vote,
        directory: (directory != Uuid::ZERO).then_some(directory),
        epochs: EpochHistory::from_entries(epochs),
        voters,
        segments,
        producers,
    })
}

fn get_voters(b: &mut &[u8]) -> Option<VoterSets> {
    let mut sets = Vec::new();
    for _ in 0..b.try_get_u32().ok()? {
        let epoch = LeaderEpoch(b.try_get_i32().ok()?);
        let end = Offset(b.try_get_i64().ok()?);
        sets.push((raft::Position { epoch, end }, voters::get(b)?));
    }
    VoterSets::from_entries(sets)
}

fn get_segment(b: &mut &[u8]) -> Option<SegmentState> {
    Some(SegmentState {
        base: Offset(b.try_get_i64().ok()?),
        cleaning: b.try_get_u32().ok()?,
        end: Offset(b.try_get_i64().ok()?),
        bytes: b.try_get_u64().ok()?,
        offset_index_bytes: b.try_get_u64().ok()?,
        time_index_bytes: b.try_get_u64().ok()?,
        max_timestamp: Timestamp(b.try_get_i64().ok()?),
        max_timestamp_offset: Offset(b.try_get_i64().ok()?),
        first_timestamp: Timestamp(b.try_get_i64().ok()?),
        created: Timestamp(b.try_get_i64().ok()?),
        bytes_since_index_row: b.try_get_u64().ok()?,
        dense: b.try_get_u8().ok()? != 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::producers::{ProducerLimits, Producers};
    use crate::raft::VoterSet;

    /// What the release before wrote.
    const VERSION_1: &[&str] = &[
        "4f52444e434b5054000000011f2dd59900000000000001300000000000000007a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1",
        "00000000000000030000000000002000000000000000002cdeadbeef000000000000000c00000001b2b2b2b2b2b2b2b2",
        "b2b2b2b2b2b2b2b200000004000000000000000b0000000000000015000000000000000003000000000000000a000000",
        "000000000a00000000000000030000000600000002000000020000000200000000000000030000000500000000000000",
        "0900000001000000000000000300000001000000000000000a0000000000000309000000000000000800000000000000",
        "0c00000000000003e800000000000000090000000000000384000000000000032000000000000000210100000012f3fc",
        "db5d0001000000000000000a00000000",
    ];

    fn from_hex(text: &str) -> Vec<u8> {
        let digits = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
        digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
    }

    fn log() -> LogState {
        let mut epochs = EpochHistory::default();
        epochs.assign(LeaderEpoch(2), Offset(3));
        epochs.assign(LeaderEpoch(5), Offset(9));
        let limits = ProducerLimits { producers_max: 10, expiration_ms: 1 };
        LogState {
            log: LogKey {
                id: LogId(11),
                partition: PartitionId { topic: TopicId([0xB2; 16]), index: PartitionIndex(4) },
            },
            number: EntryNumber(21),
            batches_from: EntryNumber(0),
            damaged: false,
            renewed: false,
            log_start: Offset(3),
            end: Offset(10),
            log_end: Offset(10),
            high_watermark: Offset(10),
            cleaned_to: Offset(3),
            vote: Some(Vote {
                epoch: LeaderEpoch(6),
                candidate: Some(ReplicaKey { node: NodeId(2), directory: Uuid::ZERO }),
            }),
            directory: None,
            epochs,
            voters: VoterSets::default(),
            segments: vec![SegmentState {
                base: Offset(3),
                cleaning: 1,
                end: Offset(10),
                bytes: 777,
                offset_index_bytes: 8,
                time_index_bytes: 12,
                max_timestamp: Timestamp(1_000),
                max_timestamp_offset: Offset(9),
                first_timestamp: Timestamp(900),
                created: Timestamp(800),
                bytes_since_index_row: 33,
                dense: true,
            }],
            producers: Producers::new(limits, Offset(10)).snapshot(),
        }
    }

    fn checkpoint(owner: Option<Owner>, log: LogState) -> Checkpoint {
        Checkpoint {
            generation: 7,
            incarnation: Incarnation([0xA1; 16]),
            position: Position {
                file: FileSequence(3),
                offset: 8192,
                next: CommitNumber(44),
                previous_crc: 0xDEAD_BEEF,
            },
            next_log_id: 12,
            owner,
            logs: vec![Arc::new(log)],
        }
    }

    #[test]
    fn one_of_version_1_is_read_and_has_no_owner() {
        let bytes = from_hex(&VERSION_1.concat());
        assert_eq!(Checkpoint::decode("checkpoint", &bytes).unwrap(), checkpoint(None, log()));
    }

    #[test]
    fn what_is_written_is_read_and_nothing_shorter() {
        let key = |node, directory| ReplicaKey { node: NodeId(node), directory: Uuid([directory; 16]) };
        let at = |epoch, end| raft::Position { epoch: LeaderEpoch(epoch), end: Offset(end) };
        let sets = vec![
            (at(2, 3), VoterSet::of([key(1, 1)]).unwrap()),
            (at(5, 10), VoterSet::of([key(1, 1), key(2, 0xFF)]).unwrap()),
        ];
        let log = LogState {
            damaged: true,
            renewed: true,
            log_end: Offset(19),
            batches_from: EntryNumber(18),
            vote: Some(Vote { epoch: LeaderEpoch(6), candidate: Some(key(2, 0x22)) }),
            directory: Some(Uuid([0x33; 16])),
            voters: VoterSets::from_entries(sets).unwrap(),
            ..log()
        };
        let owner = Owner { node: NodeId(258), directory: Uuid([0x44; 16]) };
        let whole = checkpoint(Some(owner), log);
        let bytes = whole.encode();
        assert_eq!(bytes[8..12], [0, 0, 0, 4]);
        assert_eq!(bytes[84..88], [0, 0, 1, 2]);
        assert_eq!(bytes[88..104], [0x44; 16]);
        assert_eq!(Checkpoint::decode("checkpoint", &bytes).unwrap(), whole);
        for length in 0..bytes.len() {
            // As a writer that ended early would seal it.
            let mut cut = bytes[..length].to_vec();
            if length >= OLD_HEADER_BYTES {
                cut[BODY_AT..BODY_AT + 8].copy_from_slice(&(length as u64).to_be_bytes());
                seal_header(&mut cut);
            }
            assert!(Checkpoint::decode("checkpoint", &cut).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn each_flipped_bit_is_damage_and_no_other_release() {
        let owner = Owner { node: NodeId(1), directory: Uuid([0x44; 16]) };
        let nothing = Checkpoint { logs: Vec::new(), ..checkpoint(Some(owner), log()) };
        for whole in [nothing, checkpoint(Some(owner), log())] {
            let bytes = whole.encode();
            for bit in 0..bytes.len() * 8 {
                let mut flipped = bytes.to_vec();
                flipped[bit / 8] ^= 1 << (bit % 8);
                let told = Checkpoint::decode("checkpoint", &flipped);
                assert!(matches!(told, Err(CheckpointError::Invalid { .. })), "bit {bit}: {told:?}");
            }
        }
    }

    #[test]
    fn one_of_version_3_is_read_and_a_newer_one_is_told() {
        let owner = Owner { node: NodeId(1), directory: Uuid([0x44; 16]) };
        let whole = checkpoint(Some(owner), log());
        let mut bytes = whole.encode().to_vec();
        bytes[11] = 3;
        let crc = crc32c(&bytes[BODY_AT..]);
        bytes[12..16].copy_from_slice(&crc.to_be_bytes());
        assert_eq!(Checkpoint::decode("checkpoint", &bytes).unwrap(), whole);
        bytes[11] = 9;
        seal_header(&mut bytes);
        let told = Checkpoint::decode("checkpoint", &bytes);
        assert!(matches!(told, Err(CheckpointError::OtherVersion { version: 9, .. })), "{told:?}");
    }
}
