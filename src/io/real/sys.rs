//! The system calls that the standard library does not have.
use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Buf, Bytes};

use crate::io::DiskSpace;
use crate::types::limits::DISK_BLOCK_BYTES;

/// The most segments that one call of `pwritev` takes (Linux's UIO_MAXIOV).
const SEGMENTS_PER_CALL_MAX: usize = 1024;

fn offset_of(offset: u64) -> io::Result<libc::off_t> {
    libc::off_t::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput.into())
}

/// A transfer's result: the bytes moved, `None` if a signal came first.
fn moved(result: libc::ssize_t) -> io::Result<Option<usize>> {
    if let Ok(count) = usize::try_from(result) {
        return Ok(Some(count));
    }
    let error = io::Error::last_os_error();
    if error.kind() == io::ErrorKind::Interrupted { Ok(None) } else { Err(error) }
}

/// Reads at `offset` into memory that need not be initialised, until it is full or the file ends; says how
/// many bytes were read.
pub(super) fn read_at(file: &File, offset: u64, start: *mut u8, length: usize) -> io::Result<usize> {
    let mut done = 0;
    while done < length {
        // SAFETY: the caller vouches for `length` writable bytes at `start`; `done` stays below it.
        let result = unsafe {
            libc::pread(
                file.as_raw_fd(),
                start.add(done).cast(),
                length - done,
                offset_of(offset + done as u64)?,
            )
        };
        match moved(result)? {
            None => {}
            Some(0) => break,
            Some(count) => done += count,
        }
    }
    Ok(done)
}

/// From how many bytes on a write leaves nothing in the page cache: what is smaller is gathered there.
const UNCACHED_BYTES_MIN: usize = 256 * 1024;

/// Linux 6.14's flag for writes that go through the page cache and leave it when they are on the disk.
const RWF_DONTCACHE: libc::c_int = 0x80;

/// Whether this system has refused [`RWF_DONTCACHE`] before.
static DONTCACHE_REFUSED: AtomicBool = AtomicBool::new(false);

/// Writes all segments in order at `offset`. Large writes do not stay in the page cache where the system can
/// do that: they are of no use there, since new records are served from memory, and cost twice.
pub(super) fn write_segments(file: &File, offset: u64, mut segments: Vec<Bytes>) -> io::Result<()> {
    segments.retain(|segment| !segment.is_empty());
    let bytes: usize = segments.iter().map(Bytes::len).sum();
    let mut flags = if bytes >= UNCACHED_BYTES_MIN && !DONTCACHE_REFUSED.load(Ordering::Relaxed) {
        RWF_DONTCACHE
    } else {
        0
    };
    let (mut first, mut position) = (0, offset);
    while first < segments.len() {
        let vectors: Vec<libc::iovec> = segments[first..]
            .iter()
            .take(SEGMENTS_PER_CALL_MAX)
            .map(|segment| libc::iovec {
                iov_base: segment.as_ptr().cast_mut().cast(),
                iov_len: segment.len(),
            })
            .collect();
        let count = libc::c_int::try_from(vectors.len()).expect("at most 1,024 segments");
        let at = offset_of(position)?;
        // SAFETY: the vectors point into `segments`, which live on; pwritev2 only reads them.
        let result = unsafe { libc::pwritev2(file.as_raw_fd(), vectors.as_ptr(), count, at, flags) };
        let mut written = match moved(result) {
            Ok(Some(written)) => written,
            Ok(None) => continue,
            Err(error) if flags != 0 && error.raw_os_error() == Some(libc::EOPNOTSUPP) => {
                DONTCACHE_REFUSED.store(true, Ordering::Relaxed);
                flags = 0;
                continue;
            }
            Err(error) => return Err(error),
        };
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        position += written as u64;
        while written > 0 {
            let taken = written.min(segments[first].len());
            segments[first].advance(taken);
            written -= taken;
            if segments[first].is_empty() {
                first += 1;
            }
        }
    }
    Ok(())
}

/// Writes whole blocks at `offset`. With `dsync`, each call returns only when its bytes are on stable
/// storage (RWF_DSYNC).
pub(super) fn write_blocks(file: &File, offset: u64, blocks: &[u8], dsync: bool) -> io::Result<()> {
    let mut done = 0;
    while done < blocks.len() {
        let rest = &blocks[done..];
        let vector = libc::iovec { iov_base: rest.as_ptr().cast_mut().cast(), iov_len: rest.len() };
        let flags = if dsync { libc::RWF_DSYNC } else { 0 };
        let position = offset_of(offset + done as u64)?;
        // SAFETY: the one vector points into `rest`; pwritev2 only reads it.
        let result = unsafe { libc::pwritev2(file.as_raw_fd(), &raw const vector, 1, position, flags) };
        let Some(written) = moved(result)? else { continue };
        // A direct transfer goes on from a whole block; the part of one that was written is written again.
        let whole =
            if written == rest.len() { written } else { written / DISK_BLOCK_BYTES * DISK_BLOCK_BYTES };
        if whole == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        done += whole;
    }
    Ok(())
}

/// The room on the device that holds `path`.
pub(super) fn space(path: &Path) -> io::Result<DiskSpace> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut stat = std::mem::MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: `path` ends in a zero byte and `stat` is writable.
    if unsafe { libc::statvfs(path.as_ptr(), stat.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: statvfs succeeded, so it filled `stat`.
    let stat = unsafe { stat.assume_init() };
    Ok(DiskSpace { total: stat.f_blocks * stat.f_frsize, available: stat.f_bavail * stat.f_frsize })
}

/// Writes back everything of the file system that holds `file`, and says if any of it failed since the last
/// call on this very descriptor (from Linux 5.8 on; before, errors were not reported).
pub(super) fn sync_file_system(file: &File) -> io::Result<()> {
    // SAFETY: a plain call on an open descriptor.
    if unsafe { libc::syncfs(file.as_raw_fd()) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Whether [`sync_file_system`] reports errors: Linux 5.8 or later.
pub(super) fn syncfs_reports_errors() -> bool {
    let Ok(release) = std::fs::read_to_string("/proc/sys/kernel/osrelease") else { return false };
    let mut parts = release.split(|c: char| !c.is_ascii_digit()).map_while(|part| part.parse::<u32>().ok());
    matches!((parts.next(), parts.next()), (Some(major), Some(minor)) if (major, minor) >= (5, 8))
}

/// Raises the bound on open files as far as the process may, and says what it is.
pub(super) fn raise_open_files_max() -> io::Result<usize> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid place for what the call writes.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    if limit.rlim_cur < limit.rlim_max {
        let raised = libc::rlimit { rlim_cur: limit.rlim_max, ..limit };
        // SAFETY: the call reads `raised` alone. Where the system does not let us, the old bound stays.
        if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const raised) } == 0 {
            limit = raised;
        }
    }
    Ok(usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX))
}
