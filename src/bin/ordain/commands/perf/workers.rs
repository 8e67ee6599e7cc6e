//! Threads that each run a part of a measurement on a runtime of their own: what one part does in order stays
//! in order.
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use indicatif::ProgressBar;

use crate::connect;
use crate::failure::Failure;

/// What all parts share: how far they are, and whether to stop.
#[derive(Default)]
pub struct Progress {
    pub records: AtomicU64,
    stop: AtomicBool,
}

impl Progress {
    pub fn must_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
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

/// Runs `part` on each of `count` threads; gives what they found, in order. Ctrl-C and the end of `within` stop
/// them by [`Progress::must_stop`].
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
            let began = tokio::time::Instant::now();
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
                if within.is_some_and(|within| began.elapsed() >= within) {
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
    fn no_more_is_taken_than_there_is() {
        let shared = Progress::default();
        assert_eq!([(); 4].map(|()| shared.take_up_to(40, Some(100))), [40, 40, 20, 0]);
        assert!(!shared.take(1, Some(100)) && shared.take(1, None));
    }
}
