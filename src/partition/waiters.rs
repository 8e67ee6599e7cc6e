use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::Notify;

use crate::probe::{Mutant, mutant};

/// A fetch that found too little and waits for more, on any number of partitions and shards at once.
pub struct FetchWaiter {
    missing_bytes: AtomicU64,
    satisfied: AtomicBool,
    /// Whatever more is committed is enough, though it be no batch.
    any: bool,
    wake: Notify,
}

impl FetchWaiter {
    /// Waits for `missing_bytes` more.
    #[must_use]
    pub fn new(missing_bytes: u64) -> Arc<FetchWaiter> {
        FetchWaiter::of(missing_bytes, false)
    }

    /// Waits until anything more is known to be committed: also what was there before.
    #[must_use]
    pub fn for_progress() -> Arc<FetchWaiter> {
        FetchWaiter::of(1, true)
    }

    fn of(missing_bytes: u64, any: bool) -> Arc<FetchWaiter> {
        Arc::new(FetchWaiter {
            missing_bytes: AtomicU64::new(missing_bytes),
            satisfied: AtomicBool::new(false),
            any,
            wake: Notify::new(),
        })
    }

    /// A partition it waits on got this many readable bytes more.
    pub(super) fn gained(&self, bytes: u64) {
        let before = self
            .missing_bytes
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |missing| Some(missing.saturating_sub(bytes)))
            .unwrap_or_else(|unchanged| unchanged);
        if before <= bytes || (bytes > 0 && mutant(Mutant::AnswerFetchEarly)) {
            self.satisfy();
        }
    }

    /// There is something to say at once: an error, a change of leader, a shutdown.
    pub fn satisfy(&self) {
        self.satisfied.store(true, Ordering::SeqCst);
        self.wake.notify_one();
    }

    /// Whether it waits no longer.
    fn is_satisfied(&self) -> bool {
        self.satisfied.load(Ordering::SeqCst)
    }

    /// Completes once enough was gained. For one waiting task.
    pub async fn satisfied(&self) {
        while !self.is_satisfied() {
            self.wake.notified().await;
        }
    }
}

/// The fetches that wait on one partition.
#[derive(Default)]
pub(super) struct Waiters {
    waiting: Vec<Arc<FetchWaiter>>,
}

impl Waiters {
    pub(super) fn add(&mut self, waiter: Arc<FetchWaiter>) {
        // Fetches that gave up hold the only other reference no more.
        self.waiting.retain(|known| Arc::strong_count(known) > 1 && !known.is_satisfied());
        self.waiting.push(waiter);
    }

    pub(super) fn gained(&mut self, bytes: u64) {
        if self.waiting.is_empty() {
            return;
        }
        for waiter in &self.waiting {
            waiter.gained(bytes);
        }
        self.waiting.retain(|known| Arc::strong_count(known) > 1 && !known.is_satisfied());
    }

    /// More is committed.
    pub(super) fn progressed(&mut self) {
        for waiter in self.waiting.iter().filter(|waiter| waiter.any) {
            waiter.satisfy();
        }
    }

    pub(super) fn satisfy_all(&mut self) {
        for waiter in self.waiting.drain(..) {
            waiter.satisfy();
        }
    }
}
