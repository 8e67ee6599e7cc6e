use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A budget of bytes. Whoever asks for more than is free waits, first come first served.
#[derive(Clone)]
pub struct ByteBudget {
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
    pub fn release(&mut self) {
        self.permit = None;
    }

    /// Gives back what `bytes` do not need.
    pub fn shrink_to(&mut self, bytes: usize) {
        let Some(permit) = &mut self.permit else { return };
        let excess = permit.num_permits().saturating_sub(units_of(bytes) as usize);
        drop(permit.split(excess));
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
    #[must_use]
    pub fn new(bytes: usize) -> ByteBudget {
        let total_units = u32::try_from(bytes.div_ceil(UNIT_BYTES).max(1)).unwrap_or(u32::MAX >> 3);
        ByteBudget {
            units: Arc::new(Semaphore::new(total_units as usize)),
            total_units,
            waiting: Arc::default(),
        }
    }

    /// `bytes` if they are free and nobody waits.
    #[must_use]
    pub fn try_take(&self, bytes: usize) -> Option<MemoryShare> {
        let permit = Arc::clone(&self.units).try_acquire_many_owned(self.units_of(bytes)).ok()?;
        Some(MemoryShare { permit: Some(permit) })
    }

    /// Waits for `bytes`. What is larger than the whole budget gets all of it: the frame limit, not this budget, decides
    /// what is too large.
    pub async fn take(&self, bytes: usize) -> MemoryShare {
        if let Some(share) = self.try_take(bytes) {
            return share;
        }
        let _waiting = Waiting::begin(&self.waiting);
        let permit = Arc::clone(&self.units).acquire_many_owned(self.units_of(bytes)).await;
        MemoryShare { permit: Some(permit.expect("the semaphore is never closed")) }
    }

    /// Whether somebody waits for some.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    #[must_use]
    pub fn total_bytes(&self) -> usize {
        self.total_units as usize * UNIT_BYTES
    }

    /// How many bytes are free.
    #[must_use]
    pub fn available_bytes(&self) -> usize {
        self.units.available_permits() * UNIT_BYTES
    }

    fn units_of(&self, bytes: usize) -> u32 {
        units_of(bytes).clamp(1, self.total_units)
    }
}

fn units_of(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_gives_back_what_it_does_not_need() {
        let budget = ByteBudget::new(10 * UNIT_BYTES);
        let mut share = budget.try_take(8 * UNIT_BYTES).expect("it is free");
        assert!(budget.try_take(3 * UNIT_BYTES).is_none());
        share.shrink_to(UNIT_BYTES + 1);
        assert_eq!(budget.available_bytes(), 8 * UNIT_BYTES);
        share.shrink_to(9 * UNIT_BYTES);
        assert_eq!(budget.available_bytes(), 8 * UNIT_BYTES, "it takes no more");
        drop(share);
        assert_eq!(budget.available_bytes(), budget.total_bytes());
    }

    #[test]
    fn what_is_larger_than_all_gets_all() {
        let budget = ByteBudget::new(10 * UNIT_BYTES);
        let share = budget.try_take(usize::MAX).expect("all of it");
        assert_eq!((budget.available_bytes(), budget.is_short()), (0, false));
        drop(share);
        assert_eq!(budget.available_bytes(), 10 * UNIT_BYTES);
    }
}
