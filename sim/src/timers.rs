use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::net;
use crate::time::SimTime;
use crate::world::World;

/// Where an event stands in the order of all events.
pub(crate) type TimerKey = (SimTime, u64);

/// A piece of the world's own work.
pub(crate) type Job = Box<dyn FnOnce(&Arc<World>) + Send>;

/// What happens when its time has come.
pub(crate) enum Action {
    Wake(Waker),
    Net(net::Event),
    Run(Job),
}

/// The queue of everything that is to happen, ordered by time and then by arrival. One task (`drive`) takes
/// the events out; only that task uses the executor's timers, and never more than one per distinct time,
/// because those cannot be cancelled.
#[derive(Default)]
pub(crate) struct Timers {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    queue: BTreeMap<TimerKey, Action>,
    next: u64,
    /// Times for which the executor has a timer that will wake the driver.
    armed: BTreeSet<SimTime>,
    driver: Option<Waker>,
}

impl Timers {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an event.
    pub(crate) fn at(&self, time: SimTime, action: Action) -> TimerKey {
        let mut state = self.lock();
        let key = (time, state.next);
        state.next += 1;
        state.queue.insert(key, action);
        let is_first = state.queue.first_key_value().is_some_and(|(first, _)| *first == key);
        let driver = if is_first { state.driver.take() } else { None };
        drop(state);
        if let Some(driver) = driver {
            driver.wake();
        }
        key
    }

    /// Takes an event back; nothing if it has happened.
    pub(crate) fn cancel(&self, key: TimerKey) {
        let action = self.lock().queue.remove(&key);
        // Dropped without the lock: with it may go a task, and with that its own timers.
        drop(action);
    }

    fn pop_due(&self, now: SimTime) -> Option<Action> {
        let mut state = self.lock();
        let (key, _) = state.queue.first_key_value()?;
        if key.0 > now {
            return None;
        }
        state.queue.pop_first().map(|(_, action)| action)
    }

    /// Makes sure that the driver is woken at the first event's time.
    fn arm(&self, world: &World, context: &mut Context<'_>) {
        let mut state = self.lock();
        let now = world.now();
        if !state.driver.as_ref().is_some_and(|driver| driver.will_wake(context.waker())) {
            state.driver = Some(context.waker().clone());
        }
        while state.armed.first().is_some_and(|armed| *armed <= now) {
            state.armed.pop_first();
        }
        let Some(((time, _), _)) = state.queue.first_key_value() else { return };
        let time = *time;
        if state.armed.first().is_some_and(|armed| *armed <= time) {
            return;
        }
        state.armed.insert(time);
        drop(state);
        // Polled once and dropped: the executor keeps the timer and the waker.
        let sleep = pin!(world.executor_sleep(time.since(now)));
        if sleep.poll(context).is_ready() {
            context.waker().wake_by_ref();
        }
    }
}

/// Runs the events of the world in order, for ever.
pub(crate) async fn drive(world: Arc<World>) {
    poll_fn(|context| {
        while let Some(action) = world.timers.pop_due(world.now()) {
            match action {
                Action::Wake(waker) => waker.wake(),
                Action::Net(event) => net::happen(&world, event),
                Action::Run(run) => run(&world),
            }
        }
        world.timers.arm(&world, context);
        Poll::Pending
    })
    .await
}

/// Waits in the world's own time; takes its timer back when dropped.
pub(crate) struct WorldSleep {
    world: Arc<World>,
    until: SimTime,
    timer: Option<TimerKey>,
}

impl WorldSleep {
    pub(crate) fn new(world: Arc<World>, duration: Duration) -> WorldSleep {
        let until = world.now().after(duration);
        WorldSleep { world, until, timer: None }
    }

    fn cancel(&mut self) {
        if let Some(key) = self.timer.take() {
            self.world.timers.cancel(key);
        }
    }
}

impl Future for WorldSleep {
    type Output = ();

    fn poll(mut self: std::pin::Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.cancel();
        if self.world.now() >= self.until {
            return Poll::Ready(());
        }
        let key = self.world.timers.at(self.until, Action::Wake(context.waker().clone()));
        self.timer = Some(key);
        Poll::Pending
    }
}

impl Drop for WorldSleep {
    fn drop(&mut self) {
        self.cancel();
    }
}
