use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use crate::io::{BoxFuture, Clock, JoinError, Spawn, TaskHandle};
use crate::types::{Instant, Timestamp};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

struct Task {
    future: BoxFuture<()>,
    flag: Arc<Flag>,
    aborted: Arc<AtomicBool>,
}

/// A clock that moves only when nothing else can.
#[derive(Default)]
pub struct TestClock {
    state: Mutex<ClockState>,
}

#[derive(Default)]
struct ClockState {
    now: Instant,
    wall_ms: i64,
    timers: Vec<(Instant, Waker)>,
}

impl TestClock {
    /// Moves the wall clock on (or back) by `ms`.
    pub fn move_wall(&self, ms: i64) {
        lock(&self.state).wall_ms += ms;
    }

    /// Jumps to the next timer. False if there is none.
    fn advance(&self) -> bool {
        let mut state = lock(&self.state);
        let Some(next) = state.timers.iter().map(|(deadline, _)| *deadline).min() else { return false };
        state.now = state.now.max(next);
        let now = state.now;
        let (due, later) = std::mem::take(&mut state.timers).into_iter().partition(|(at, _)| *at <= now);
        state.timers = later;
        drop(state);
        let due: Vec<(Instant, Waker)> = due;
        for (_, waker) in due {
            waker.wake();
        }
        true
    }
}

struct ClockHandle(Arc<TestClock>);

impl Clock for ClockHandle {
    fn now(&self) -> Instant {
        lock(&self.0.state).now
    }

    fn wall(&self) -> Timestamp {
        let state = lock(&self.0.state);
        Timestamp(state.wall_ms + i64::try_from(state.now.0 / 1_000_000).unwrap_or(i64::MAX))
    }

    fn sleep_until(&self, deadline: Instant) -> BoxFuture<()> {
        let clock = Arc::clone(&self.0);
        Box::pin(std::future::poll_fn(move |context| {
            let mut state = lock(&clock.state);
            if state.now >= deadline {
                return Poll::Ready(());
            }
            state.timers.push((deadline, context.waker().clone()));
            Poll::Pending
        }))
    }
}

/// Runs tasks on the calling thread, in turn. Cheap to clone.
#[derive(Clone, Default)]
pub struct TestRuntime {
    tasks: Arc<Mutex<Vec<Task>>>,
    clock: Arc<TestClock>,
}

impl TestRuntime {
    #[must_use]
    pub fn new() -> TestRuntime {
        let runtime = TestRuntime::default();
        runtime.clock.move_wall(1_700_000_000_000);
        runtime
    }

    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(ClockHandle(Arc::clone(&self.clock)))
    }

    #[must_use]
    pub fn test_clock(&self) -> &TestClock {
        &self.clock
    }

    /// Drives `future` and all tasks until it is ready.
    ///
    /// # Panics
    /// If nothing can make progress any more.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&flag));
        loop {
            if flag.0.swap(false, Ordering::AcqRel)
                && let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker))
            {
                return output;
            }
            let progressed = self.turn();
            if !progressed && !flag.0.load(Ordering::Acquire) && !self.clock.advance() {
                panic!("deadlock: nothing can make progress");
            }
        }
    }

    /// Polls every task that was woken, once. False if there was none.
    fn turn(&self) -> bool {
        let tasks = std::mem::take(&mut *lock(&self.tasks));
        let mut progressed = false;
        let mut kept = Vec::new();
        for mut task in tasks {
            if task.aborted.load(Ordering::Acquire) {
                continue;
            }
            if task.flag.0.swap(false, Ordering::AcqRel) {
                progressed = true;
                let waker = Waker::from(Arc::clone(&task.flag));
                if task.future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                    continue;
                }
            }
            kept.push(task);
        }
        let mut tasks = lock(&self.tasks);
        kept.append(&mut tasks);
        *tasks = kept;
        progressed
    }

    /// Drops all tasks where they stand, as a killed process does.
    pub fn kill(&self) {
        let tasks = std::mem::take(&mut *lock(&self.tasks));
        drop(tasks);
        lock(&self.clock.state).timers.clear();
    }
}

impl Spawn for TestRuntime {
    fn spawn(&self, _name: &'static str, future: BoxFuture<()>) -> TaskHandle {
        let aborted = Arc::new(AtomicBool::new(false));
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        lock(&self.tasks).push(Task { future, flag, aborted: Arc::clone(&aborted) });
        let abort = Arc::new(move || aborted.store(true, Ordering::Release));
        // Nothing in the log joins a task.
        TaskHandle::new(abort, Box::pin(async { Err(JoinError::Aborted) }))
    }
}
