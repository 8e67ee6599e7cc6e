use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Writes up to this length may be made where they are asked for, in bytes.
pub(super) const WRITE_BYTES_MAX: usize = 64 * 1024;

/// What takes longer is better waited for by a thread of its own: the way there and back, two wake-ups of another
/// core, is then small beside it.
const QUICK: Duration = Duration::from_micros(500);
/// How many quick writes in a row it takes to trust the disk, at the start and after one that was not quick. So of
/// the writes to a slow disk, one in as many holds up more than itself.
const TRUST_AFTER: u32 = 64;

/// Whether the disk makes small writes durable so quickly that a worker of the async runtime may wait for one itself.
pub(super) struct Quickness {
    /// How many quick writes are missing.
    missing: AtomicU32,
}

impl Quickness {
    pub(super) fn new() -> Quickness {
        Quickness { missing: AtomicU32::new(TRUST_AFTER) }
    }

    pub(super) fn is_trusted(&self) -> bool {
        self.missing.load(Ordering::Relaxed) == 0
    }

    /// Makes a durable write of `length` bytes, and takes note of how long it takes.
    pub(super) fn watch<T>(&self, length: usize, write: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let result = write();
        if length <= WRITE_BYTES_MAX {
            self.note(began.elapsed());
        }
        result
    }

    fn note(&self, took: Duration) {
        // Two writes that end together may both count: nothing depends on the exact number.
        let missing = self.missing.load(Ordering::Relaxed);
        let now_missing = if took > QUICK { TRUST_AFTER } else { missing.saturating_sub(1) };
        if now_missing != missing {
            self.missing.store(now_missing, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_trusted_after_a_run_of_quick_writes_and_not_after_a_slow_one() {
        let quickness = Quickness::new();
        for _ in 0..TRUST_AFTER {
            assert!(!quickness.is_trusted());
            quickness.note(QUICK);
        }
        assert!(quickness.is_trusted());
        quickness.note(QUICK + Duration::from_micros(1));
        assert!(!quickness.is_trusted());
        (0..TRUST_AFTER).for_each(|_| quickness.note(Duration::ZERO));
        assert!(quickness.is_trusted());
        // A large write says nothing of small ones.
        let began = Instant::now();
        quickness.watch(WRITE_BYTES_MAX + 1, || while began.elapsed() < QUICK * 2 {});
        assert!(quickness.is_trusted());
    }
}
