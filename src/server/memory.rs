use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A budget of bytes: the node's for request frames that are being read or handled, and each connection's for
/// replies that wait. Whoever asks for more than is free waits, first come first served: overload slows readers
/// instead of allocating.
#[derive(Clone)]
pub struct RequestMemory {
    units: Arc<Semaphore>,
    total_units: u32,
}

/// A share of the budget; given back when dropped.
pub struct MemoryShare {
    permit: OwnedSemaphorePermit,
}

/// The budget is counted in units of this many bytes.
const UNIT_BYTES: usize = 1024;

impl MemoryShare {
    /// Adds another share of the same budget to this one.
    pub(super) fn add(&mut self, other: MemoryShare) {
        self.permit.merge(other.permit);
    }
}

impl RequestMemory {
    /// A budget of `bytes` (at least one unit).
    #[must_use]
    pub fn new(bytes: usize) -> RequestMemory {
        let total_units = u32::try_from(bytes.div_ceil(UNIT_BYTES).max(1)).unwrap_or(u32::MAX >> 3);
        RequestMemory { units: Arc::new(Semaphore::new(total_units as usize)), total_units }
    }

    /// Waits for room for a frame of `bytes`. A frame larger than the whole budget gets all of it: the
    /// frame limit, not this budget, decides what is too large.
    pub async fn take(&self, bytes: usize) -> MemoryShare {
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX).clamp(1, self.total_units);
        let permit = Arc::clone(&self.units).acquire_many_owned(units).await;
        MemoryShare { permit: permit.expect("the semaphore is never closed") }
    }

    /// How many bytes are free.
    #[must_use]
    pub fn available_bytes(&self) -> usize {
        self.units.available_permits() * UNIT_BYTES
    }
}
