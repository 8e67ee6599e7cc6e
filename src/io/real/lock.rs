use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

const LOCK_NAME: &str = ".lock";

/// The data directory is this process's alone as long as this lives.
#[derive(Debug)]
pub struct DataDirLock {
    _file: File,
}

/// Why a data directory cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error(
        "the data directory {} is in use by process {holder}: stop that process, or start this one with another data directory (--data DIR)",
        .path.display()
    )]
    InUse { path: PathBuf, holder: String },
    #[error("cannot lock the data directory {}: {source}; check that it is a directory this user may write, or name another with --data DIR", .path.display())]
    Io { path: PathBuf, source: io::Error },
}

/// Takes the data directory for this process, creating it if it is missing. The lock ends with the process,
/// however that ends: a file left behind locks nothing.
///
/// # Errors
/// [`LockError::InUse`] if another process holds it.
pub fn lock_data_dir(path: &Path) -> Result<DataDirLock, LockError> {
    let failed = |source| LockError::Io { path: path.to_path_buf(), source };
    std::fs::create_dir_all(path).map_err(failed)?;
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path.join(LOCK_NAME))
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Who holds it is only for the message; the number may be half written or missing.
            if file.read_to_string(&mut holder).is_err() || holder.trim().is_empty() {
                holder = "(unknown)".to_owned();
            }
            return Err(LockError::InUse { path: path.to_path_buf(), holder: holder.trim().to_owned() });
        }
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    file.set_len(0).map_err(failed)?;
    file.rewind().map_err(failed)?;
    writeln!(file, "{}", std::process::id()).map_err(failed)?;
    Ok(DataDirLock { _file: file })
}
