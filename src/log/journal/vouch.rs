use std::io;
use std::sync::Arc;

use bytes::{Buf, BufMut};

use super::format::{CommitNumber, Incarnation};
use crate::io::{Access, AlignedBuffer, Disk, Durability, File, OpenOptions};
use crate::log::checksum::{crc32c, crc32c_of_header, seal_header};
use crate::types::limits::DISK_BLOCK_BYTES;

pub(crate) const PATH: &str = "journal/vouch";
const MAGIC: &[u8; 8] = b"ORDNVOUC";
const VERSION: u32 = 2;
/// The version before the CRC covered magic and version: read as well.
const VERSION_COVERED_IN_PART: u32 = 1;
const SLOT_BYTES: usize = 52;
/// Behind magic, version and CRC.
const BODY_AT: usize = 16;

/// That a commit was durable, said away from the commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Vouch {
    pub(crate) turn: u64,
    pub(crate) commit: CommitNumber,
    pub(crate) commit_crc: u32,
}

/// The vouch file, open: two slots, written in turn.
pub(crate) struct VouchFile {
    file: Arc<dyn File>,
    incarnation: Incarnation,
    next_turn: u64,
    buffer: Option<AlignedBuffer>,
}

impl VouchFile {
    /// Opens the file, making it (durably, its name too) if it is missing. Also the newest vouching that is
    /// whole and of this journal, and whether the file was there.
    pub(crate) async fn open(
        disk: &dyn Disk,
        incarnation: Incarnation,
    ) -> io::Result<(VouchFile, Option<Vouch>, bool)> {
        let file = disk.open(PATH, open_options()).await?;
        let existed = file.size().await? >= 2 * DISK_BLOCK_BYTES as u64;
        let mut newest: Option<Vouch> = None;
        if existed {
            for slot in 0..2 {
                let offset = slot * DISK_BLOCK_BYTES as u64;
                // A slot that cannot be read is as good as a torn one.
                let Ok(block) = file.read_at(offset, DISK_BLOCK_BYTES).await else { continue };
                if let Some(vouch) = parse(&block, incarnation)
                    && newest.is_none_or(|other| other.turn < vouch.turn)
                {
                    newest = Some(vouch);
                }
            }
        } else {
            make(disk).await?.sync().await?;
            disk.sync_dir(super::DIRECTORY).await?;
        }
        let next_turn = newest.map_or(0, |vouch| vouch.turn + 1);
        let buffer = Some(AlignedBuffer::zeroed(DISK_BLOCK_BYTES));
        Ok((VouchFile { file, incarnation, next_turn, buffer }, newest, existed))
    }

    /// Vouches for a durable commit. Durable on return.
    pub(crate) async fn write(&mut self, commit: CommitNumber, commit_crc: u32) -> io::Result<()> {
        let turn = self.next_turn;
        let mut buffer = self.buffer.take().unwrap_or_else(|| AlignedBuffer::zeroed(DISK_BLOCK_BYTES));
        buffer.fill(0);
        {
            let mut covered = &mut buffer[BODY_AT..SLOT_BYTES];
            covered.put_slice(&self.incarnation.0);
            covered.put_u64(turn);
            covered.put_u64(commit.0);
            covered.put_u32(commit_crc);
        }
        {
            let mut front = &mut buffer[..BODY_AT];
            front.put_slice(MAGIC);
            front.put_u32(VERSION);
        }
        seal_header(&mut buffer[..SLOT_BYTES]);
        let offset = (turn % 2) * DISK_BLOCK_BYTES as u64;
        let (result, buffer) =
            self.file.write_aligned_at(offset, buffer, DISK_BLOCK_BYTES, Durability::Now).await;
        self.buffer = Some(buffer);
        result?;
        self.next_turn += 1;
        Ok(())
    }
}

/// Makes the file, or fills it: two slots that say nothing. They need a sync, its name one of the directory.
pub(super) async fn make(disk: &dyn Disk) -> io::Result<Arc<dyn File>> {
    let file = disk.open(PATH, open_options()).await?;
    let zeros = AlignedBuffer::zeroed(2 * DISK_BLOCK_BYTES);
    let (result, _) = file.write_aligned_at(0, zeros, 2 * DISK_BLOCK_BYTES, Durability::Later).await;
    result?;
    Ok(file)
}

fn open_options() -> OpenOptions {
    OpenOptions { write: true, create: true, access: Access::Direct, ..Default::default() }
}

fn parse(block: &[u8], incarnation: Incarnation) -> Option<Vouch> {
    if block.len() < SLOT_BYTES || !block.starts_with(MAGIC) {
        return None;
    }
    let mut b = &block[8..SLOT_BYTES];
    let version = b.get_u32();
    let crc = b.get_u32();
    let covered = match version {
        VERSION => crc32c_of_header(&block[..SLOT_BYTES]),
        VERSION_COVERED_IN_PART => crc32c(&block[BODY_AT..SLOT_BYTES]),
        _ => return None,
    };
    if covered != crc {
        return None;
    }
    let mut found = [0; 16];
    b.copy_to_slice(&mut found);
    if found != incarnation.0 {
        return None;
    }
    Some(Vouch { turn: b.get_u64(), commit: CommitNumber(b.get_u64()), commit_crc: b.get_u32() })
}
