//! The seam between Ordain and the world: five traits of bytes and time.
//!
//! `real` holds their operating-system twins and is the only place that may name a clock, a socket, a file
//! or entropy; the simulator has the other twins, and both pass one set of contract tests
//! (`io::contract`). The traits are object-safe on purpose: the broker is compiled once and handed an
//! [`Io`]; the cost of one boxed future per transfer vanishes beside the transfer.
//!
//! Absent here: protocols, retries, policies.
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

mod alarm;
mod aligned;
mod clock;
pub mod contract;
mod disk;
mod net;
#[cfg(feature = "runtime")]
pub mod real;
mod rng;
mod shutdown;
mod spawn;

pub use alarm::Alarm;
pub use aligned::AlignedBuffer;
pub use clock::{Clock, Elapsed, timeout};
pub use disk::{
    Access, DirEntry, Disk, DiskSpace, Durability, File, FileWrite, FilesWritten, OpenOptions, join_all,
    sync_each, write_in_turn,
};
pub use net::{
    Connection, Listener, Net, ReadHalf, WriteHalf, read_exact, read_some, write_all, write_all_vectored,
};
pub use rng::{Rng, RngStream};
pub use shutdown::Shutdown;
pub use spawn::{JoinError, Spawn, TaskHandle, catch_panic};

/// A future that owns what it needs and may move between threads.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// One node's access to the world. Cheap to clone.
#[derive(Clone)]
pub struct Io {
    pub clock: Arc<dyn Clock>,
    pub net: Arc<dyn Net>,
    pub disk: Arc<dyn Disk>,
    pub rng: Arc<dyn Rng>,
    pub spawn: Arc<dyn Spawn>,
}

/// Whether a file could not be opened because the process, or the system, has as many open as it may (EMFILE, ENFILE): that
/// passes, and says nothing of the file.
#[must_use]
pub fn lacks_descriptors(error: &std::io::Error) -> bool {
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    matches!(os_code(error), Some(ENFILE | EMFILE))
}

/// The operating system's number of an error, also where that was given a path.
#[must_use]
pub fn os_code(error: &std::io::Error) -> Option<i32> {
    let inner = error.get_ref().and_then(|given| given.source());
    let of_system = inner.and_then(|source| source.downcast_ref::<std::io::Error>());
    error.raw_os_error().or_else(|| of_system?.raw_os_error())
}
