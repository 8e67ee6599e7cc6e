use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::{DirectIo, path, sys};
use crate::io::AlignedBuffer;
use crate::types::limits::DISK_BLOCK_BYTES;

/// What the data directory's file system can do, as tried at the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transfer {
    /// Whether files opened for direct access pass the page cache.
    pub direct: bool,
    /// Whether one call can write durably (`pwritev2` with RWF_DSYNC); else a write and an `fdatasync`.
    pub dsync: bool,
}

const PROBE_NAME: &str = ".ordain-probe";

/// Tries a direct and a durable write in the directory `root`, in a file that is removed again, and logs what
/// was found.
///
/// # Errors
/// If the directory cannot be written at all.
pub fn probe(root: &Path, direct_io: DirectIo) -> io::Result<Transfer> {
    let name = root.join(PROBE_NAME);
    let result = try_both(&name, direct_io);
    match std::fs::remove_file(&name) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(path::at(&name, error)),
    }
    result
}

fn try_both(name: &Path, direct_io: DirectIo) -> io::Result<Transfer> {
    let direct = match direct_io {
        DirectIo::Off => {
            tracing::info!("direct I/O is switched off: using the page cache and fdatasync");
            false
        }
        DirectIo::Probe => match round_trip(name, libc::O_DIRECT, false) {
            Ok(()) => true,
            // A disk that is full now says nothing of what it can do once it is not.
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOSPC | libc::EDQUOT)) => {
                return Err(path::at(name, error));
            }
            Err(error) => {
                tracing::warn!(%error, "the file system refuses direct I/O: using the page cache and fdatasync");
                false
            }
        },
    };
    let flags = if direct { libc::O_DIRECT } else { 0 };
    let dsync = match round_trip(name, flags, true) {
        Ok(()) => true,
        Err(error)
            if matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::ENOSYS | libc::EINVAL)) =>
        {
            // Whether the directory can be written at all is still to be shown.
            round_trip(name, flags, false).map_err(|error| path::at(name, error))?;
            false
        }
        Err(error) => return Err(path::at(name, error)),
    };
    tracing::info!(direct, dsync, "disk transfers");
    Ok(Transfer { direct, dsync })
}

fn round_trip(name: &Path, flags: libc::c_int, dsync: bool) -> io::Result<()> {
    let file: File = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .custom_flags(flags)
        .open(name)?;
    let mut block = AlignedBuffer::zeroed(DISK_BLOCK_BYTES);
    block.fill(0xA5);
    sys::write_blocks(&file, 0, &block, dsync)?;
    block.fill(0);
    let length = block.len();
    let read = sys::read_at(&file, 0, block.as_mut_ptr(), length)?;
    if read == length && block.iter().all(|byte| *byte == 0xA5) {
        Ok(())
    } else {
        Err(io::Error::other("a block that was written reads back otherwise"))
    }
}
