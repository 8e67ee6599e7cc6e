//! Large transfers of files that are otherwise written and read through the page cache.
//!
//! Writes: what fills whole blocks goes past the page cache, through memory that is used again and again; the two
//! ends, which do not, go through it. No byte is written that was not asked for, so what was durable before is
//! touched no more than by a write through the page cache. Reads: the blocks that hold what is asked for, so that
//! whoever reads what is old pushes nothing out of the page cache.
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;

use bytes::Bytes;

use super::precedence::Precedence;
use super::recycled::Recycled;
use super::sys;
use crate::io::AlignedBuffer;
use crate::types::limits::DISK_BLOCK_BYTES;

/// From how many bytes on a transfer is large: opening the file a second time is then nothing beside it.
pub(super) const BYTES_MIN: usize = 256 * 1024;

/// What one system call writes, in bytes: little enough that a durable write beside it does not wait long.
const CHUNK_BYTES: usize = 1 << 20;

thread_local! {
    /// Kept for the life of the thread: the first touch of fresh memory is slower than the disk.
    static CHUNK: RefCell<Option<AlignedBuffer>> = const { RefCell::new(None) };
}

/// Writes all segments in order at `offset`. They need a sync.
///
/// # Errors
/// Those of the writes. What of the bytes was written is not known then.
pub(super) fn write(file: &File, offset: u64, segments: Vec<Bytes>) -> io::Result<()> {
    let block = DISK_BLOCK_BYTES as u64;
    let bytes: u64 = segments.iter().map(|segment| segment.len() as u64).sum();
    let (first, last) = (offset.next_multiple_of(block), (offset + bytes) / block * block);
    let Some(direct) = (first < last)
        .then(|| reopen(file, File::options().write(true)))
        .transpose()
        .unwrap_or_else(|error| {
            tracing::debug!(%error, "no second, direct handle: writing through the page cache");
            None
        })
    else {
        return sys::write_segments(file, offset, segments);
    };
    let mut segments = VecDeque::from(segments);
    sys::write_segments(file, offset, take(&mut segments, first - offset))?;
    let mut position = first;
    while position < last {
        let length = usize::try_from(last - position).map_or(CHUNK_BYTES, |rest| rest.min(CHUNK_BYTES));
        let pieces = take(&mut segments, length as u64);
        CHUNK.with_borrow_mut(|chunk| {
            let chunk = chunk.get_or_insert_with(|| AlignedBuffer::zeroed(CHUNK_BYTES));
            let mut filled = 0;
            for piece in pieces {
                chunk[filled..filled + piece.len()].copy_from_slice(&piece);
                filled += piece.len();
            }
            assert_eq!(filled, length, "the pieces are what was asked for");
            sys::write_blocks(&direct, position, &chunk[..length], false)
        })?;
        position += length as u64;
    }
    sys::write_segments(file, last, segments.into())
}

/// Reads `length` bytes at `offset`, fewer only where the file ends. Durable writes go before each piece.
///
/// # Errors
/// Those of the reads.
pub(super) fn read(
    file: &File,
    offset: u64,
    length: usize,
    (recycled, precedence): (&Arc<Recycled>, &Precedence),
) -> io::Result<Bytes> {
    let block = DISK_BLOCK_BYTES as u64;
    let (first, last) = (offset / block * block, (offset + length as u64).next_multiple_of(block));
    let blocks_bytes = usize::try_from(last - first).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut blocks = recycled.take(blocks_bytes);
    let direct = reopen(file, File::options().read(true));
    let handle = direct.as_ref().unwrap_or_else(|error| {
        tracing::debug!(%error, "no second, direct handle: reading through the page cache");
        file
    });
    while blocks.length < blocks_bytes {
        let begin = blocks.length;
        let piece = precedence.let_pass().min(blocks_bytes - begin);
        let memory = &mut blocks.memory()[begin..begin + piece];
        let read = sys::read_at(handle, first + begin as u64, memory.as_mut_ptr(), piece)?;
        blocks.length += read;
        if read < piece {
            break;
        }
    }
    let bytes = Bytes::from_owner(blocks);
    let from = usize::try_from(offset - first).map_or(bytes.len(), |from| from.min(bytes.len()));
    Ok(bytes.slice(from..bytes.len().min(from + length)))
}

/// A second handle of the same file, for going past the page cache. By the descriptor: the name may be
/// another file's by now.
fn reopen(file: &File, options: &mut OpenOptions) -> io::Result<File> {
    options.custom_flags(libc::O_DIRECT).open(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// Takes the first `bytes` off the segments.
fn take(segments: &mut VecDeque<Bytes>, bytes: u64) -> Vec<Bytes> {
    let mut left = usize::try_from(bytes).unwrap_or(usize::MAX);
    let mut taken = Vec::new();
    while left > 0
        && let Some(mut segment) = segments.pop_front()
    {
        let rest = segment.split_off(segment.len().min(left));
        left -= segment.len();
        taken.push(segment);
        if !rest.is_empty() {
            segments.push_front(rest);
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes at all kinds of offsets read back as they were written, and touch nothing else.
    #[test]
    fn what_is_written_is_there_and_nothing_else() {
        let path = std::env::temp_dir().join(format!("ordain-bulk-{}", std::process::id()));
        let file = std::fs::OpenOptions::new().read(true).write(true).create_new(true).open(&path).unwrap();
        let (recycled, precedence) = (Recycled::new(), Precedence::default());
        let mut expected: Vec<u8> = vec![0xEE; 5_000];
        sys::write_segments(&file, 0, vec![Bytes::from(expected.clone())]).unwrap();
        for (turn, bytes) in [300_000, 4_096, 1, 3 << 20, 8_191, 70_001].into_iter().enumerate() {
            let offset = expected.len();
            let new: Vec<u8> = (0..bytes).map(|i| (i * 31 + turn * 7 + i / 4096) as u8).collect();
            let cut = [bytes / 3, bytes / 2];
            let segments = [&new[..cut[0]], &new[cut[0]..cut[0]], &new[cut[0]..cut[1]], &new[cut[1]..]];
            let segments = segments.iter().map(|piece| Bytes::copy_from_slice(piece)).collect();
            write(&file, offset as u64, segments).unwrap();
            expected.extend(new);
            assert_eq!(std::fs::read(&path).unwrap(), expected, "after write {turn}");
            for (from, length) in [(0, 1 << 23), (4_095, 4_098), (offset, bytes), (1 << 40, 10)] {
                let end = expected.len().min(from + length);
                let read = read(&file, from as u64, length, (&recycled, &precedence)).unwrap();
                assert!(read == expected[from.min(end)..end], "{length} bytes at {from} after write {turn}");
            }
        }
        // In the middle of what is there.
        write(&file, 4_000, vec![Bytes::from(vec![0x11; 600_000])]).unwrap();
        expected[4_000..604_000].fill(0x11);
        let read = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(read == expected);
    }
}
