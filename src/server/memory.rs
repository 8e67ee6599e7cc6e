use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A budget of bytes. Whoever asks for more than is free waits, first come first served.
#[derive(Clone)]
pub(super) struct ByteBudget {
    units: Arc<Semaphore>,
    total_units: u32,
    waiting: Arc<AtomicUsize>,
}

/// A share of a budget; given back when dropped.
pub struct MemoryShare {
    permit: Option<OwnedSemaphorePermit>,
}

/// A budget is counted in units of this many bytes.
const UNIT_BYTES: usize = 1024;

impl MemoryShare {
    /// Gives it back before the end: others account for what remains of the request.
    pub(super) fn release(&mut self) {
        self.permit = None;
    }
}

/// Somebody who waits for a budget.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn begin(count: &'a AtomicUsize) -> Waiting<'a> {
        count.fetch_add(1, Ordering::Relaxed);
        Waiting(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl ByteBudget {
    /// A budget of `bytes` (at least one unit).
    pub(super) fn new(bytes: usize) -> ByteBudget {
        let total_units = u32::try_from(bytes.div_ceil(UNIT_BYTES).max(1)).unwrap_or(u32::MAX >> 3);
        ByteBudget {
            units: Arc::new(Semaphore::new(total_units as usize)),
            total_units,
            waiting: Arc::default(),
        }
    }

    /// Waits for `bytes`. What is larger than the whole budget gets all of it: the frame limit, not this budget, decides
    /// what is too large.
    pub(super) async fn take(&self, bytes: usize) -> MemoryShare {
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX).clamp(1, self.total_units);
        if let Ok(permit) = Arc::clone(&self.units).try_acquire_many_owned(units) {
            return MemoryShare { permit: Some(permit) };
        }
        let _waiting = Waiting::begin(&self.waiting);
        let permit = Arc::clone(&self.units).acquire_many_owned(units).await;
        MemoryShare { permit: Some(permit.expect("the semaphore is never closed")) }
    }

    fn is_short(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    fn available_bytes(&self) -> usize {
        self.units.available_permits() * UNIT_BYTES
    }
}

/// The node's memory for request frames that are being read or handled (`queued.max.request.bytes`): overload slows
/// readers instead of allocating.
///
/// Small frames have an eighth of it for themselves. They are counted when they are there, so whoever holds back the rest
/// of large frames does not keep the others from heartbeats, metadata or small records.
#[derive(Clone)]
pub struct RequestMemory {
    small: ByteBudget,
    large: ByteBudget,
}

/// The longest frame that counts as small, in bytes: what a connection's own buffer holds.
pub(super) const SMALL_FRAME_BYTES_MAX: usize = 64 * 1024;
/// The share of the memory that is for small frames alone.
const SMALL_SHARE: usize = 8;

impl RequestMemory {
    /// A budget of `bytes`.
    #[must_use]
    pub fn new(bytes: usize) -> RequestMemory {
        let small = bytes / SMALL_SHARE;
        RequestMemory { small: ByteBudget::new(small), large: ByteBudget::new(bytes - small) }
    }

    /// Waits for room for a frame of `bytes`.
    pub(super) async fn take(&self, bytes: usize) -> MemoryShare {
        let budget = if bytes <= SMALL_FRAME_BYTES_MAX { &self.small } else { &self.large };
        budget.take(bytes).await
    }

    /// Whether somebody waits with a large frame.
    pub(super) fn is_short(&self) -> bool {
        self.large.is_short()
    }

    /// How many bytes are free.
    #[must_use]
    pub fn available_bytes(&self) -> usize {
        self.small.available_bytes() + self.large.available_bytes()
    }
}
