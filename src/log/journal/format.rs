use std::fmt;

use bytes::{Buf, BufMut};

use super::entry::{Entry, EntryNumber, LogId, LogKey};
use crate::io::AlignedBuffer;
use crate::log::checksum::{crc32c, crc32c_of_header, seal_header};
use crate::types::limits::DISK_BLOCK_BYTES;
use crate::types::{PartitionId, PartitionIndex, TopicId};

pub(crate) const HEADER_BYTES: usize = 80;
pub(crate) const ROW_BYTES: usize = 48;
/// What a commit of one entry takes beyond that entry's payload.
pub(crate) const COMMIT_OVERHEAD_BYTES: u64 = (HEADER_BYTES + ROW_BYTES) as u64;
const MAGIC: &[u8; 8] = b"ORDNJRNL";
const VERSION: u32 = 2;
/// The version before the header's CRC covered all of it: read as well.
const VERSION_COVERED_IN_PART: u32 = 1;
/// Behind magic, version and CRC.
const BODY_AT: usize = 16;

/// What tells one node's journal from all others: random, never sent anywhere.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Incarnation(pub [u8; 16]);

impl fmt::Debug for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Only the beginning: whoever knows it all could forge a commit.
        write!(f, "{:02x}{:02x}…", self.0[0], self.0[1])
    }
}

/// A journal file's number, from 1, in the order of use.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct FileSequence(pub u64);

impl FileSequence {
    #[must_use]
    pub fn next(self) -> FileSequence {
        FileSequence(self.0 + 1)
    }

    /// The file's path relative to the data directory.
    #[must_use]
    pub fn path(self) -> String {
        format!("{}/{:020}.journal", super::DIRECTORY, self.0)
    }

    /// The number in a file name, if it is a journal file's.
    pub(crate) fn parse(name: &str) -> Option<FileSequence> {
        let digits = name.strip_suffix(".journal")?;
        if digits.len() != 20 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        digits.parse().ok().map(FileSequence)
    }
}

/// A commit's number, from 1, without gaps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct CommitNumber(pub u64);

impl fmt::Display for CommitNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A place between two commits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Position {
    pub file: FileSequence,
    pub offset: u64,
    /// The number of the commit that is expected here.
    pub next: CommitNumber,
    /// The header CRC of the commit before; 0 before the first.
    pub previous_crc: u32,
}

impl Position {
    /// The one of the two that comes first.
    #[must_use]
    pub fn earlier(self, other: Position) -> Position {
        if other.next < self.next { other } else { self }
    }

    /// Where a new journal begins.
    pub(crate) const START: Position =
        Position { file: FileSequence(1), offset: 0, next: CommitNumber(1), previous_crc: 0 };
}

/// The fixed part of a commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CommitHeader {
    pub(crate) incarnation: Incarnation,
    pub(crate) file: FileSequence,
    pub(crate) offset: u64,
    pub(crate) number: CommitNumber,
    pub(crate) previous_crc: u32,
    pub(crate) entries: u32,
    pub(crate) payload_bytes: u64,
    pub(crate) directory_crc: u32,
    /// The header's own CRC: with the number, the commit's identity.
    pub(crate) crc: u32,
}

/// What the first bytes of a block are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum HeaderFound {
    Whole(CommitHeader),
    /// A header with a right CRC of a format that this release cannot read.
    OtherVersion(u32),
    /// Anything else: zeros, the inside of a commit, a damaged header.
    None,
}

impl CommitHeader {
    pub(crate) fn parse(block: &[u8]) -> HeaderFound {
        if block.len() < HEADER_BYTES || !block.starts_with(MAGIC) {
            return HeaderFound::None;
        }
        let mut b = &block[8..HEADER_BYTES];
        let version = b.get_u32();
        let crc = b.get_u32();
        let covered = match version {
            VERSION_COVERED_IN_PART => crc32c(&block[BODY_AT..HEADER_BYTES]),
            _ => crc32c_of_header(&block[..HEADER_BYTES]),
        };
        if covered != crc {
            return HeaderFound::None;
        }
        if ![VERSION, VERSION_COVERED_IN_PART].contains(&version) {
            return HeaderFound::OtherVersion(version);
        }
        let mut incarnation = [0; 16];
        b.copy_to_slice(&mut incarnation);
        HeaderFound::Whole(CommitHeader {
            incarnation: Incarnation(incarnation),
            file: FileSequence(b.get_u64()),
            offset: b.get_u64(),
            number: CommitNumber(b.get_u64()),
            previous_crc: b.get_u32(),
            entries: b.get_u32(),
            payload_bytes: b.get_u64(),
            directory_crc: b.get_u32(),
            crc,
        })
    }

    /// The whole commit's length in bytes, padding included; `None` if it cannot be one.
    pub(crate) fn total_bytes(&self) -> Option<u64> {
        let directory = u64::from(self.entries).checked_mul(ROW_BYTES as u64)?;
        let plain = self.payload_bytes.checked_add(directory)?.checked_add(HEADER_BYTES as u64)?;
        plain.checked_next_multiple_of(DISK_BLOCK_BYTES as u64)
    }

    fn write(&self, out: &mut [u8]) -> u32 {
        {
            let mut covered = &mut out[BODY_AT..HEADER_BYTES];
            covered.put_slice(&self.incarnation.0);
            covered.put_u64(self.file.0);
            covered.put_u64(self.offset);
            covered.put_u64(self.number.0);
            covered.put_u32(self.previous_crc);
            covered.put_u32(self.entries);
            covered.put_u64(self.payload_bytes);
            covered.put_u32(self.directory_crc);
            covered.put_u32(0);
        }
        let mut front = &mut out[..BODY_AT];
        front.put_slice(MAGIC);
        front.put_u32(VERSION);
        seal_header(&mut out[..HEADER_BYTES])
    }
}

/// One row of a commit's directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Row {
    pub(crate) kind: u8,
    pub(crate) log: LogKey,
    pub(crate) number: EntryNumber,
    pub(crate) length: u32,
    pub(crate) crc: u32,
}

impl Row {
    fn write(&self, out: &mut Vec<u8>) {
        out.put_u8(self.kind);
        out.put_bytes(0, 3);
        out.put_i32(self.log.partition.index.0);
        out.put_slice(&self.log.partition.topic.0);
        out.put_u64(self.log.id.0);
        out.put_u64(self.number.0);
        out.put_u32(self.length);
        out.put_u32(self.crc);
    }

    pub(crate) fn parse(mut b: &[u8]) -> Row {
        assert!(b.len() >= ROW_BYTES, "the directory was cut into whole rows");
        let kind = b.get_u8();
        b.advance(3);
        let index = PartitionIndex(b.get_i32());
        let mut topic = [0; 16];
        b.copy_to_slice(&mut topic);
        let id = LogId(b.get_u64());
        Row {
            kind,
            log: LogKey { id, partition: PartitionId { topic: TopicId(topic), index } },
            number: EntryNumber(b.get_u64()),
            length: b.get_u32(),
            crc: b.get_u32(),
        }
    }
}

/// Where a commit is to be written, and what it follows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) incarnation: Incarnation,
    pub(crate) position: Position,
}

/// A commit being put together in memory that is used again and again.
pub(crate) struct CommitBuilder {
    buffer: AlignedBuffer,
    /// Where the next payload goes.
    end: usize,
    directory: Vec<u8>,
    entries: u32,
}

impl CommitBuilder {
    pub(crate) fn new(capacity: usize) -> CommitBuilder {
        CommitBuilder {
            buffer: AlignedBuffer::zeroed(capacity),
            end: HEADER_BYTES,
            directory: Vec::new(),
            entries: 0,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries == 0
    }

    pub(crate) fn entries(&self) -> u32 {
        self.entries
    }

    /// Length of the commit in bytes if an entry with such a payload were added.
    pub(crate) fn length_with(&self, payload_bytes: usize) -> u64 {
        (self.end + payload_bytes + self.directory.len() + ROW_BYTES).next_multiple_of(DISK_BLOCK_BYTES)
            as u64
    }

    /// Length of the commit in bytes, padding included.
    pub(crate) fn length(&self) -> u64 {
        (self.end + self.directory.len()).next_multiple_of(DISK_BLOCK_BYTES) as u64
    }

    pub(crate) fn push(&mut self, entry: &Entry) {
        let (pieces, crc) = entry.body.payload();
        let length = pieces[0].len() + pieces[1].len();
        self.reserve(self.end + length);
        for piece in &pieces {
            self.buffer[self.end..self.end + piece.len()].copy_from_slice(piece);
            self.end += piece.len();
        }
        let row = Row {
            kind: entry.body.kind(),
            log: entry.log,
            number: entry.number,
            length: u32::try_from(length).expect("an entry's payload fits a journal file's length field"),
            crc,
        };
        row.write(&mut self.directory);
        self.entries += 1;
    }

    /// Completes the commit for its place. Returns its length in bytes and its header CRC.
    pub(crate) fn seal(&mut self, place: &Place) -> (usize, u32) {
        let payload_bytes = (self.end - HEADER_BYTES) as u64;
        let plain = self.end + self.directory.len();
        let length = plain.next_multiple_of(DISK_BLOCK_BYTES);
        self.reserve(length);
        self.buffer[self.end..plain].copy_from_slice(&self.directory);
        self.buffer[plain..length].fill(0);
        let header = CommitHeader {
            incarnation: place.incarnation,
            file: place.position.file,
            offset: place.position.offset,
            number: place.position.next,
            previous_crc: place.position.previous_crc,
            entries: self.entries,
            payload_bytes,
            directory_crc: crc32c(&self.directory),
            crc: 0,
        };
        let crc = header.write(&mut self.buffer);
        (length, crc)
    }

    /// Lends the sealed bytes to a write; [`CommitBuilder::restore`] gives them back.
    pub(crate) fn take_buffer(&mut self) -> AlignedBuffer {
        std::mem::replace(&mut self.buffer, AlignedBuffer::empty())
    }

    /// Takes the memory back and begins an empty commit in it.
    pub(crate) fn restore(&mut self, buffer: AlignedBuffer) {
        self.buffer = buffer;
        self.end = HEADER_BYTES;
        self.directory.clear();
        self.entries = 0;
    }

    fn reserve(&mut self, needed: usize) {
        if needed > self.buffer.len() {
            let mut larger = AlignedBuffer::zeroed(needed.max(2 * self.buffer.len()));
            larger[..self.end].copy_from_slice(&self.buffer[..self.end]);
            self.buffer = larger;
        }
    }
}
