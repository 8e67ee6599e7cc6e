//! The operating system's twins of the five traits: the one place that names a clock, a socket, a file, a
//! thread or entropy.
//!
//! Invariants:
//! - No call blocks a worker of the async runtime for long: disk operations run on a pool of I/O threads of their own
//!   (`pool`), except small durable writes to a disk that has been quick with the last of them (`quick`). A disk
//!   operation that has begun runs to its end even if its future is dropped.
//! - Whether transfers pass the page cache is found out once, at the start, by trying (`probe`), and logged.
//! - Every path stays below the data directory (`path`).
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "the seam's real side")]
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Clock, Io, Net, Rng, Spawn};

mod bulk;
mod clock;
mod disk;
mod file;
mod lock;
mod net;
mod path;
mod pool;
mod precedence;
mod probe;
mod quick;
mod recycled;
mod rng;
mod spawn;
mod sys;

pub use lock::{DataDirLock, LockError, lock_data_dir};
pub use net::resolves;
pub use probe::{Transfer, probe};

/// How to build the real twins.
#[derive(Clone, Debug)]
pub struct Options {
    /// The data directory; created if it is missing.
    pub data_dir: PathBuf,
    /// How many threads run disk operations other than aligned writes, large writes and large reads (which have two each of their own):
    /// as many can be under way at once.
    pub io_threads: usize,
    /// Whether direct I/O is tried at all.
    pub direct_io: DirectIo,
}

/// Whether files opened for direct access may pass the page cache.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DirectIo {
    /// If the file system can; found out at the start.
    Probe,
    /// Never.
    Off,
}

impl Options {
    /// The defaults, for this data directory: direct I/O where it works, 8 I/O threads.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Options {
        Options { data_dir: data_dir.into(), io_threads: 8, direct_io: DirectIo::Probe }
    }
}

/// The real clock alone: clients need no disk.
#[must_use]
pub fn clock() -> Arc<dyn Clock> {
    Arc::new(clock::RealClock::new())
}

/// The real network alone.
#[must_use]
pub fn net() -> Arc<dyn Net> {
    Arc::new(net::RealNet::new())
}

/// The operating system's entropy alone.
#[must_use]
pub fn rng() -> Arc<dyn Rng> {
    Arc::new(rng::RealRng)
}

/// Tasks on the current tokio runtime.
///
/// # Panics
/// Outside a tokio runtime.
#[must_use]
pub fn spawn() -> Arc<dyn Spawn> {
    Arc::new(spawn::RealSpawn::new(tokio::runtime::Handle::current()))
}

/// The real twins. Call it from within a tokio runtime with its I/O and time drivers enabled: tasks, timers
/// and sockets belong to that runtime.
///
/// # Errors
/// If the data directory cannot be created, opened or written.
///
/// # Panics
/// Outside a tokio runtime.
pub fn io(options: Options) -> io::Result<Io> {
    let runtime = tokio::runtime::Handle::current();
    Ok(Io {
        clock: Arc::new(clock::RealClock::new()),
        net: Arc::new(net::RealNet::new()),
        disk: Arc::new(disk::RealDisk::open(options)?),
        rng: Arc::new(rng::RealRng),
        spawn: Arc::new(spawn::RealSpawn::new(runtime)),
    })
}
