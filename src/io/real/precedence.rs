use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What a large read takes at once beside durable writes, in bytes: one that comes meanwhile waits no longer than for as much from each
/// thread.
const PIECE_BYTES: usize = 256 * 1024;
/// A read need not be cut into pieces once there was no durable write for so long.
const QUIET: Duration = Duration::from_millis(100);

/// For a durable write that takes longer than this nobody waits: the disk is not what it was.
const WAIT_MAX: Duration = Duration::from_millis(10);

/// Durable writes before large reads. Somebody waits for each of those writes, and a disk answers in about the order in which it is
/// asked: a piece of a read is not asked for while a write is under way that began before. A later write does not hold it up
/// again, so that reads go on beside writes without a pause.
#[derive(Default)]
pub(super) struct Precedence {
    writes: Mutex<Writes>,
    ended: Condvar,
}

/// How many have begun, and ended, and when the last one began.
#[derive(Default)]
struct Writes {
    begun: u64,
    ended: u64,
    last: Option<Instant>,
}

struct UnderWay<'a>(&'a Precedence);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.lock().ended += 1;
        self.0.ended.notify_all();
    }
}

impl Precedence {
    fn lock(&self) -> MutexGuard<'_, Writes> {
        self.writes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a durable write.
    pub(super) fn first<T>(&self, write: impl FnOnce() -> T) -> T {
        {
            let mut writes = self.lock();
            writes.begun += 1;
            writes.last = Some(Instant::now());
        }
        let _under_way = UnderWay(self);
        write()
    }

    /// Waits for as many writes to end as are under way. Gives how many bytes may be read before the next ones are let pass.
    pub(super) fn let_pass(&self) -> usize {
        let writes = self.lock();
        let begun = writes.begun;
        let is_quiet = writes.last.is_none_or(|last| last.elapsed() > QUIET);
        drop(self.ended.wait_timeout_while(writes, WAIT_MAX, |writes| writes.ended < begun));
        if is_quiet { usize::MAX } else { PIECE_BYTES }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_read_waits_for_the_write_under_way_and_for_no_later_one() {
        let precedence = Precedence::default();
        assert_eq!(precedence.let_pass(), usize::MAX, "there was no write");
        std::thread::scope(|scope| {
            let (end, may_end) = mpsc::channel::<()>();
            let (begun, has_begun) = mpsc::channel();
            let writes = &precedence;
            scope.spawn(move || {
                for _ in 0..2 {
                    writes.first(|| {
                        begun.send(()).unwrap();
                        may_end.recv().unwrap();
                    });
                }
            });
            has_begun.recv().unwrap();
            let (passed, has_passed) = mpsc::channel();
            scope.spawn(move || {
                writes.let_pass();
                passed.send(()).unwrap();
            });
            end.send(()).unwrap();
            has_begun.recv().unwrap();
            has_passed.recv().unwrap();
            // One that does not end is not waited for.
            assert_eq!(precedence.let_pass(), PIECE_BYTES);
            end.send(()).unwrap();
        });
        let writes = precedence.lock();
        assert_eq!((writes.begun, writes.ended), (2, 2));
    }

    #[test]
    fn a_write_that_panics_has_ended() {
        let precedence = Precedence::default();
        let panicked =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| precedence.first(|| panic!("planted"))));
        assert!(panicked.is_err());
        assert_eq!(precedence.lock().ended, 1);
    }
}
