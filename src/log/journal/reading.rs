//! Reading pieces of a journal file, block by block where need be, and the check of a commit that was read.
use std::io;

use bytes::{Bytes, BytesMut};

use super::files::JournalFile;
use super::format::{CommitHeader, HEADER_BYTES, ROW_BYTES, Row};
use crate::log::checksum::crc32c;
use crate::probe::{Mutant, mutant};
use crate::types::limits::DISK_BLOCK_BYTES;

/// What stands at a place where a commit is expected.
pub(super) enum Found {
    Whole {
        header: CommitHeader,
        rows: Vec<Row>,
        payloads: Bytes,
    },
    /// Header and directory are whole.
    PayloadDamaged {
        header: CommitHeader,
        rows: Vec<Row>,
        payloads: Bytes,
    },
    Damaged(&'static str),
    /// The commit before it, as it reads now, is not the one that it was written behind.
    Contradiction(&'static str),
    /// No header of this use of the file: it ends here, unless something vouches for more.
    Nothing,
}

/// The bytes of a piece of a file; blocks that cannot be read are zeros, which no checksum of ours accepts.
pub(super) async fn read_readable(file: &JournalFile, offset: u64, length: u64) -> Bytes {
    let whole = usize::try_from(length).expect("a commit fits in memory");
    if let Ok(bytes) = file.file.read_at(offset, whole).await
        && bytes.len() == whole
    {
        return bytes;
    }
    let mut bytes = BytesMut::zeroed(whole);
    for (i, slot) in bytes.chunks_mut(DISK_BLOCK_BYTES).enumerate() {
        let at = offset + (i * DISK_BLOCK_BYTES) as u64;
        if let Ok(block) = read_block(file, at, slot.len()).await
            && block.len() == slot.len()
        {
            slot.copy_from_slice(&block);
        }
    }
    bytes.freeze()
}

/// How often a block is asked for before it counts as lost: an error may pass.
const READ_ATTEMPTS: u32 = 8;

pub(super) async fn read_block(file: &JournalFile, offset: u64, length: usize) -> io::Result<Bytes> {
    let mut result = file.file.read_at(offset, length).await;
    for _ in 1..READ_ATTEMPTS {
        if result.is_ok() {
            break;
        }
        result = file.file.read_at(offset, length).await;
    }
    result
}

pub(super) fn check_commit(header: CommitHeader, commit: &Bytes) -> Found {
    let payload_bytes = usize::try_from(header.payload_bytes).expect("the commit is in memory");
    let directory_at = HEADER_BYTES + payload_bytes;
    let directory = &commit[directory_at..directory_at + header.entries as usize * ROW_BYTES];
    let checks = !mutant(Mutant::SkipCrcOnRecovery);
    if checks && crc32c(directory) != header.directory_crc {
        return Found::Damaged("has a damaged directory");
    }
    let rows: Vec<Row> = directory.chunks_exact(ROW_BYTES).map(Row::parse).collect();
    let described: u64 = rows.iter().map(|row| u64::from(row.length)).sum();
    if described != header.payload_bytes {
        return Found::Damaged("has a directory that does not match its payloads");
    }
    let payloads = commit.slice(HEADER_BYTES..directory_at);
    let mut at = 0;
    for row in &rows {
        let end = at + row.length as usize;
        if checks && crc32c(&payloads[at..end]) != row.crc {
            return Found::PayloadDamaged { header, rows, payloads };
        }
        at = end;
    }
    Found::Whole { header, rows, payloads }
}
