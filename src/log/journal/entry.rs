use std::fmt;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::placed::PlacedBatch;
use crate::log::checksum::{crc32c, crc32c_of_two};
use crate::log::voters;
use crate::raft::{self, ReplicaKey, VoterSet};
use crate::types::{LeaderEpoch, NodeId, Offset, PartitionId, Uuid};
use crate::wire::batch::{BatchHeader, RecordBatch};

/// Payload of a vote: epoch, node, directory id.
const VOTE_BYTES: usize = 24;
/// Payload of a vote as it was before candidates had directory ids.
const VOTE_WITHOUT_DIRECTORY_BYTES: usize = 8;
/// A reset's payload before its voters: log start, epoch.
const RESET_POSITION_BYTES: usize = 12;

/// A log's number on its node, drawn when it is created and never again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LogId(pub u64);

/// The place of an entry among its log's entries, from 1 (the log's creation), without gaps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct EntryNumber(pub u64);

impl EntryNumber {
    /// The number of the entry after this one.
    #[must_use]
    pub fn next(self) -> EntryNumber {
        EntryNumber(self.0 + 1)
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for EntryNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which log an entry belongs to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct LogKey {
    pub id: LogId,
    pub partition: PartitionId,
}

/// One durable fact of one log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    pub log: LogKey,
    pub number: EntryNumber,
    pub body: EntryBody,
}

/// An entry whose payload is lost: what the directory tells of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LostEntry {
    pub log: LogKey,
    pub number: EntryNumber,
    /// Its kind's number.
    pub kind: u8,
}

impl LostEntry {
    /// Whether it says something of the log's position, its promises or its start, and nothing of its batches. A kind that this
    /// release does not know may say anything.
    #[must_use]
    pub fn is_fact(self) -> bool {
        matches!(self.kind, EPOCH_START | VOTE | LOG_CREATED | LOG_START_MOVED | REPLICA_DIRECTORY)
    }
}

const EPOCH_START: u8 = 2;
const VOTE: u8 = 3;
const LOG_CREATED: u8 = 4;
const LOG_START_MOVED: u8 = 6;
const REPLICA_DIRECTORY: u8 = 8;

/// What an entry says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EntryBody {
    /// A record batch at its place in the log.
    Batch(RecordBatch),
    /// A leader epoch begins at an offset; takes no offset itself.
    EpochStart { epoch: LeaderEpoch, start_offset: Offset },
    /// The node has voted (`candidate`) or only seen (`None`) an epoch.
    Vote { epoch: LeaderEpoch, candidate: Option<ReplicaKey> },
    /// The log exists from here on; it starts, empty, at an offset.
    LogCreated { log_start: Offset },
    /// The log is gone.
    LogDeleted,
    /// Records below the offset are no longer part of the log.
    LogStartMoved { log_start: Offset },
    /// Records from the offset on, and epochs above `last_epoch`, were taken back.
    Truncated { log_end: Offset, last_epoch: LeaderEpoch },
    /// The log's replica has this directory id from here on: what it promised before, another one did.
    ReplicaDirectory { directory: Uuid },
    /// All that the log held is gone. It begins at `to`, with this voter set and this producer state
    /// (`docs/producer-snapshot.md`; no bytes: no producer).
    LogReset { to: raft::Position, voters: VoterSet, producers: Bytes },
    /// A batch that the log holds already, written anew so that the journal need not keep its first entry.
    BatchAgain(RecordBatch),
    /// A record batch at its place in the log, whose whole blocks stand in its segment already.
    Placed(Box<PlacedBatch>),
}

/// An entry's payload does not follow the format although its CRC is right: a bug, or a newer release.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EntryInvalid {
    #[error("entry kind {kind} is not known to this release")]
    UnknownKind { kind: u8 },
    #[error("the payload of an entry of kind {kind} is {found} bytes long, not {expected}")]
    Length { kind: u8, found: usize, expected: usize },
    #[error("the payload of an entry of kind {kind}, {found} bytes long, is cut short or names no voter set")]
    Voters { kind: u8, found: usize },
    #[error("the entry holds a record batch whose header says {header:?} bytes, it has {found}")]
    Batch { found: usize, header: Option<usize> },
    #[error(
        "the entry of {found} bytes, of a batch that stands in its segment, names no place that a batch can have"
    )]
    Placed { found: usize },
}

impl Entry {
    /// Length of the payload in bytes.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        match &self.body {
            EntryBody::Batch(batch) | EntryBody::BatchAgain(batch) => batch.len(),
            EntryBody::EpochStart { .. } | EntryBody::Truncated { .. } => 12,
            EntryBody::Vote { .. } => VOTE_BYTES,
            EntryBody::LogCreated { .. } | EntryBody::LogStartMoved { .. } => 8,
            EntryBody::LogDeleted => 0,
            EntryBody::ReplicaDirectory { .. } => 16,
            EntryBody::LogReset { voters, producers, .. } => EntryBody::reset_bytes(voters, producers),
            EntryBody::Placed(placed) => placed.payload_bytes(),
        }
    }

    /// How much memory the entry holds, and how long its payload can become, in bytes: more than the payload's length
    /// where a batch stands in its segment.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        match &self.body {
            EntryBody::Placed(placed) => placed.batch_bytes().max(placed.payload_bytes()),
            _ => self.payload_bytes(),
        }
    }
}

impl EntryBody {
    /// The header of the batch that it brings, if it does.
    pub(crate) fn header(&self) -> Option<&BatchHeader> {
        match self {
            EntryBody::Batch(batch) | EntryBody::BatchAgain(batch) => Some(batch.header()),
            EntryBody::Placed(placed) => Some(placed.header()),
            _ => None,
        }
    }

    /// Length of a reset's payload in bytes.
    pub(crate) fn reset_bytes(voters: &VoterSet, producers: &Bytes) -> usize {
        RESET_POSITION_BYTES + voters::put_bytes(voters) + producers.len()
    }

    /// The kind's number in the directory.
    pub(crate) fn kind(&self) -> u8 {
        match self {
            EntryBody::Batch(_) => 1,
            EntryBody::EpochStart { .. } => EPOCH_START,
            EntryBody::Vote { .. } => VOTE,
            EntryBody::LogCreated { .. } => LOG_CREATED,
            EntryBody::LogDeleted => 5,
            EntryBody::LogStartMoved { .. } => LOG_START_MOVED,
            EntryBody::Truncated { .. } => 7,
            EntryBody::ReplicaDirectory { .. } => REPLICA_DIRECTORY,
            EntryBody::LogReset { .. } => 9,
            EntryBody::BatchAgain(_) => 10,
            EntryBody::Placed(_) => 11,
        }
    }

    /// The payload in its pieces (the second may be empty), and its CRC.
    pub(crate) fn payload(&self) -> ([Bytes; 2], u32) {
        let mut small = BytesMut::with_capacity(VOTE_BYTES);
        match self {
            EntryBody::Batch(batch) | EntryBody::BatchAgain(batch) => {
                let pieces = batch.segments();
                let crc = crc32c_of_two(&pieces[0], &pieces[1]);
                return (pieces, crc);
            }
            EntryBody::EpochStart { epoch, start_offset } => {
                small.put_i32(epoch.0);
                small.put_i64(start_offset.0);
            }
            EntryBody::Vote { epoch, candidate } => {
                small.put_i32(epoch.0);
                small.put_i32(candidate.map_or(-1, |key| key.node.0));
                small.put_slice(&candidate.map_or(Uuid::ZERO, |key| key.directory).0);
            }
            EntryBody::LogCreated { log_start } | EntryBody::LogStartMoved { log_start } => {
                small.put_i64(log_start.0);
            }
            EntryBody::LogDeleted => {}
            EntryBody::Truncated { log_end, last_epoch } => {
                small.put_i64(log_end.0);
                small.put_i32(last_epoch.0);
            }
            EntryBody::ReplicaDirectory { directory } => small.put_slice(&directory.0),
            EntryBody::Placed(placed) => placed.put(&mut small),
            EntryBody::LogReset { to, voters, producers } => {
                small.put_i64(to.end.0);
                small.put_i32(to.epoch.0);
                voters::put(&mut small, voters);
                let pieces = [small.freeze(), producers.clone()];
                let crc = crc32c_of_two(&pieces[0], &pieces[1]);
                return (pieces, crc);
            }
        }
        let crc = crc32c(&small);
        ([small.freeze(), Bytes::new()], crc)
    }

    /// Reads a payload whose CRC has been checked.
    pub(crate) fn parse(kind: u8, payload: &Bytes) -> Result<EntryBody, EntryInvalid> {
        let sized = |expected: usize| {
            if payload.len() == expected {
                Ok(payload.clone())
            } else {
                Err(EntryInvalid::Length { kind, found: payload.len(), expected })
            }
        };
        match kind {
            1 | 10 => {
                let length = payload.len();
                let header = BatchHeader::parse(payload)
                    .map_err(|_| EntryInvalid::Batch { found: length, header: None })?;
                if header.total_bytes() != Some(length) {
                    return Err(EntryInvalid::Batch { found: length, header: header.total_bytes() });
                }
                let batch = RecordBatch::new(header, payload);
                Ok(if kind == 1 { EntryBody::Batch(batch) } else { EntryBody::BatchAgain(batch) })
            }
            2 => {
                let mut b = sized(12)?;
                Ok(EntryBody::EpochStart {
                    epoch: LeaderEpoch(b.get_i32()),
                    start_offset: Offset(b.get_i64()),
                })
            }
            3 => {
                let is_old = payload.len() == VOTE_WITHOUT_DIRECTORY_BYTES;
                let mut b = if is_old { payload.clone() } else { sized(VOTE_BYTES)? };
                let epoch = LeaderEpoch(b.get_i32());
                let node = NodeId(b.get_i32());
                let directory = if is_old { Uuid::ZERO } else { voters::get_uuid(&mut b) };
                let candidate = (node.0 >= 0).then_some(ReplicaKey { node, directory });
                Ok(EntryBody::Vote { epoch, candidate })
            }
            4 => Ok(EntryBody::LogCreated { log_start: Offset(sized(8)?.get_i64()) }),
            5 => sized(0).map(|_| EntryBody::LogDeleted),
            6 => Ok(EntryBody::LogStartMoved { log_start: Offset(sized(8)?.get_i64()) }),
            7 => {
                let mut b = sized(12)?;
                Ok(EntryBody::Truncated {
                    log_end: Offset(b.get_i64()),
                    last_epoch: LeaderEpoch(b.get_i32()),
                })
            }
            8 => Ok(EntryBody::ReplicaDirectory { directory: voters::get_uuid(&mut sized(16)?) }),
            9 => {
                let invalid = || EntryInvalid::Voters { kind, found: payload.len() };
                let mut b = payload.clone();
                let end = Offset(b.try_get_i64().map_err(|_| invalid())?);
                let epoch = LeaderEpoch(b.try_get_i32().map_err(|_| invalid())?);
                let voters = voters::get(&mut b).ok_or_else(invalid)?;
                Ok(EntryBody::LogReset { to: raft::Position { epoch, end }, voters, producers: b })
            }
            11 => PlacedBatch::parse(payload)
                .map(|placed| EntryBody::Placed(Box::new(placed)))
                .ok_or(EntryInvalid::Placed { found: payload.len() }),
            unknown => Err(EntryInvalid::UnknownKind { kind: unknown }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(node: i32, directory: u8) -> ReplicaKey {
        ReplicaKey { node: NodeId(node), directory: Uuid([directory; 16]) }
    }

    /// The documents' bytes of a kind, and what they say.
    fn assert_bytes(kind: u8, bytes: &[&[u8]], body: &EntryBody) {
        let bytes = bytes.concat();
        let (pieces, crc) = body.payload();
        assert_eq!((body.kind(), pieces.concat()), (kind, bytes.clone()));
        assert_eq!(crc, crc32c(&bytes));
        let partition =
            PartitionId { topic: crate::types::TopicId::ZERO, index: crate::types::PartitionIndex(0) };
        let entry =
            Entry { log: LogKey { id: LogId(1), partition }, number: EntryNumber(1), body: body.clone() };
        assert_eq!(entry.payload_bytes(), bytes.len());
        assert_eq!(EntryBody::parse(kind, &Bytes::from(bytes)).as_ref(), Ok(body));
    }

    #[test]
    fn replication_s_entries_are_the_documents_to_the_byte() {
        let epoch = LeaderEpoch(5);
        let vote = EntryBody::Vote { epoch, candidate: Some(key(2, 0xAB)) };
        assert_bytes(3, &[&[0, 0, 0, 5, 0, 0, 0, 2], &[0xAB; 16]], &vote);
        let seen = EntryBody::Vote { epoch, candidate: None };
        assert_bytes(3, &[&[0, 0, 0, 5, 255, 255, 255, 255], &[0; 16]], &seen);
        assert_bytes(8, &[&[0xCD; 16]], &EntryBody::ReplicaDirectory { directory: Uuid([0xCD; 16]) });
        let reset = EntryBody::LogReset {
            to: raft::Position { epoch, end: Offset(258) },
            voters: VoterSet::of([key(1, 0x11), key(3, 0x33)]).unwrap(),
            producers: Bytes::from_static(b"state"),
        };
        let position = [0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 5];
        let first: &[u8] = &[0, 0, 0, 1];
        let pieces = [&position, &[0, 0, 0, 2][..], first, &[0x11; 16], &[0, 0, 0, 3], &[0x33; 16], b"state"];
        assert_bytes(9, &pieces, &reset);
    }

    #[test]
    fn the_word_of_a_batch_that_is_written_once_is_the_documents_to_the_byte() {
        use crate::log::journal::{BatchPlace, Series};
        let header = BatchHeader {
            base_offset: Offset(7),
            batch_length: 10_000 - 12,
            partition_leader_epoch: LeaderEpoch(3),
            magic: 2,
            crc: 0,
            attributes: crate::wire::batch::Attributes(0),
            last_offset_delta: 1,
            base_timestamp: crate::types::Timestamp(1),
            max_timestamp: crate::types::Timestamp(2),
            producer_id: crate::types::ProducerId::NONE,
            producer_epoch: crate::types::ProducerEpoch::NONE,
            base_sequence: -1,
            record_count: 2,
        };
        let mut bytes = BytesMut::new();
        let body: Vec<u8> = (0..10_000 - 61).map(|n| (n % 251) as u8).collect();
        header.write(&mut bytes);
        bytes.put_slice(&body);
        let crc = crc32c(&bytes[21..]);
        bytes[17..21].copy_from_slice(&crc.to_be_bytes());
        let whole = bytes.freeze();
        let batch = RecordBatch::new(BatchHeader { crc, ..header }, &whole);
        // From 4,000 to 14,000: the blocks from 4,096 to 12,288.
        let place = BatchPlace { segment: Offset(5), cleaning: 2, position: 4_000 };
        let placed = PlacedBatch::new(batch.clone(), place, Series::default());
        assert_eq!(placed.blocks(), 4_096..12_288);
        let fixed = [0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0x0f, 0xa0];
        let pieces: [&[u8]; 4] = [&fixed, &whole[..61], &whole[..96], &whole[8_288..]];
        let entry = EntryBody::Placed(Box::new(placed));
        assert_bytes(11, &pieces, &entry);
        let EntryBody::Placed(read) = EntryBody::parse(11, &pieces.concat().into()).unwrap() else {
            panic!("kind 11")
        };
        assert_eq!(read.restored(&whole[96..8_288]), Some(batch));
        let mut rotten = whole[96..8_288].to_vec();
        rotten[100] ^= 1;
        assert_eq!(read.restored(&rotten), None);
        assert_eq!(read.restored(&whole[96..8_287]), None);
        // Cut short, too long, a place that no segment has, another length.
        let good = pieces.concat();
        let mut bad: Vec<Vec<u8>> = (0..good.len()).map(|length| good[..length].to_vec()).collect();
        bad.push([&good[..], &[0]].concat());
        for at in [12, 31] {
            let mut changed = good.clone();
            changed[at] += 1;
            bad.push(changed);
        }
        for payload in bad {
            let found = payload.len();
            assert_eq!(EntryBody::parse(11, &payload.into()), Err(EntryInvalid::Placed { found }));
        }
    }

    #[test]
    fn a_vote_without_a_directory_id_is_read() {
        let parse = |bytes: &'static [u8]| EntryBody::parse(3, &Bytes::from_static(bytes));
        let vote = EntryBody::Vote { epoch: LeaderEpoch(5), candidate: Some(key(2, 0)) };
        assert_eq!(parse(&[0, 0, 0, 5, 0, 0, 0, 2]), Ok(vote));
        let seen = EntryBody::Vote { epoch: LeaderEpoch(5), candidate: None };
        assert_eq!(parse(&[0, 0, 0, 5, 255, 255, 255, 255]), Ok(seen));
        assert_eq!(parse(&[0; 9]), Err(EntryInvalid::Length { kind: 3, found: 9, expected: 24 }));
    }

    #[test]
    fn a_reset_that_is_cut_short_or_has_no_voters_is_refused() {
        let voters = VoterSet::of([key(1, 1), key(2, 2)]).unwrap();
        let to = raft::Position { epoch: LeaderEpoch(1), end: Offset(9) };
        let whole = EntryBody::LogReset { to, voters, producers: Bytes::new() }.payload().0.concat();
        for length in 0..whole.len() {
            let cut = Bytes::copy_from_slice(&whole[..length]);
            assert_eq!(EntryBody::parse(9, &cut), Err(EntryInvalid::Voters { kind: 9, found: length }));
        }
        let mut many = whole.clone();
        many[12..16].copy_from_slice(&u32::MAX.to_be_bytes());
        assert!(EntryBody::parse(9, &many.into()).is_err());
        let mut twice = whole;
        twice[36..40].copy_from_slice(&[0, 0, 0, 1]);
        assert!(EntryBody::parse(9, &twice.into()).is_err(), "one node, twice");
    }
}
