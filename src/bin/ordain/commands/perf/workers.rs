//! Threads that each run a part of a measurement on a runtime of their own: what one part does in order stays
//! in order.
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use super::figures::Cpu;
use crate::connect;
use crate::failure::Failure;

/// What all parts share: since when they measure, how far they are, and whether to stop.
#[derive(Default)]
pub struct Progress {
    pub records: AtomicU64,
    stop: AtomicBool,
    ready: AtomicUsize,
    began: OnceLock<Beginning>,
}

/// When a measurement began, and what this process had used by then.
#[derive(Clone, Copy)]
pub struct Beginning {
    pub at: Instant,
    pub cpu: Cpu,
}

impl Beginning {
    fn now() -> Beginning {
        Beginning { at: Instant::now(), cpu: Cpu::now() }
    }
}

/// How often a part that is ready looks whether the others are.
const READY_LOOK: Duration = Duration::from_micros(200);

impl Progress {
    pub fn must_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// One of `of` parts has its connections. The measurement begins when all have: then this returns.
    pub fn begin(&self, of: usize) {
        if self.ready.fetch_add(1, Ordering::AcqRel) + 1 == of {
            self.began.get_or_init(Beginning::now);
        }
        while self.began.get().is_none() && !self.must_stop() {
            std::thread::sleep(READY_LOOK);
        }
    }

    /// The measurement's beginning, which is now if it has not begun.
    pub fn began(&self) -> Beginning {
        *self.began.get_or_init(Beginning::now)
    }

    /// Whether it has been going on for so long.
    fn lasts(&self, long: Duration) -> bool {
        self.began.get().is_some_and(|began| began.at.elapsed() >= long)
    }

    /// Whether so many records have been taken.
    pub fn has(&self, records: u64) -> bool {
        self.records.load(Ordering::Relaxed) >= records
    }

    /// Takes `count` records of `limit` in all; false if they are used up.
    pub fn take(&self, count: u64, limit: Option<u64>) -> bool {
        self.take_up_to(count, limit) > 0
    }

    /// Takes `count` records of `limit` in all, or what is left of them; gives how many these are.
    pub fn take_up_to(&self, count: u64, limit: Option<u64>) -> u64 {
        let before = self.records.fetch_add(count, Ordering::Relaxed);
        limit.map_or(count, |limit| count.min(limit.saturating_sub(before)))
    }
}

/// Runs `part` on each of `count` threads; gives what they found, in order. Ctrl-C and the end of `within`, which
/// begins when all of them have called [`Progress::begin`], stop them by [`Progress::must_stop`].
pub fn run<T, F>(
    count: usize,
    progress: &Arc<Progress>,
    within: Option<Duration>,
    bar: &ProgressBar,
    part: impl Fn(usize) -> F + Send + Sync,
) -> Result<Vec<T>, Failure>
where
    T: Send,
    F: Future<Output = Result<T, Failure>>,
{
    let part = &part;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..count)
            .map(|index| {
                let progress = Arc::clone(progress);
                scope.spawn(move || {
                    let outcome = connect::run(part(index));
                    if outcome.is_err() {
                        progress.stop();
                    }
                    outcome
                })
            })
            .collect();
        let waited = connect::run(async {
            let mut interrupted = std::pin::pin!(connect::interrupted());
            loop {
                tokio::select! {
                    biased;
                    () = &mut interrupted => {
                        progress.stop();
                        return Err(Failure::Interrupted);
                    }
                    () = tokio::time::sleep(Duration::from_millis(50)) => {}
                }
                bar.set_position(progress.records.load(Ordering::Relaxed));
                if within.is_some_and(|within| progress.lasts(within)) {
                    progress.stop();
                }
                if threads.iter().all(std::thread::ScopedJoinHandle::is_finished) {
                    return Ok(());
                }
            }
        });
        bar.finish_and_clear();
        let found = threads.into_iter().map(|thread| match thread.join() {
            Ok(outcome) => outcome,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        let found: Result<Vec<T>, Failure> = found.collect();
        // An interrupted measurement still tells what it found so far.
        match waited {
            Ok(()) | Err(Failure::Interrupted) => found,
            Err(failure) => Err(failure),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measurement_begins_when_all_parts_are_ready() {
        let shared = Progress::default();
        std::thread::scope(|scope| {
            scope.spawn(|| shared.begin(2));
            assert!(!shared.lasts(Duration::ZERO), "the other part has no connections yet");
            shared.begin(2);
        });
        assert!(shared.lasts(Duration::ZERO) && !shared.lasts(Duration::from_secs(3600)));
        assert_eq!(shared.began().at, shared.began().at);
    }

    #[test]
    fn a_part_that_is_ready_waits_no_longer_once_another_has_failed() {
        let shared = Progress::default();
        shared.stop();
        shared.begin(2);
        assert!(!shared.lasts(Duration::ZERO));
    }

    #[test]
    fn no_more_is_taken_than_there_is() {
        let shared = Progress::default();
        assert_eq!([(); 4].map(|()| shared.take_up_to(40, Some(100))), [40, 40, 20, 0]);
        assert!(!shared.take(1, Some(100)) && shared.take(1, None));
    }
}
