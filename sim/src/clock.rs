//! Clocks: each node has its own, which may run fast or slow, stand still, and (the wall clock) jump.
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ordain::io::{BoxFuture, Clock};
use ordain::types::{Instant, Timestamp};

use crate::time::SimTime;
use crate::timers::{Action, TimerKey};
use crate::world::{Incarnation, Node, World, lock};

/// The wall clock of a node without an offset at the simulation's start: 2026-01-01 00:00 UTC, in ms.
pub const WALL_START_MS: i64 = 1_767_225_600_000;

const MILLION: u64 = 1_000_000;

/// A machine's clock, as a line through its last adjustment.
#[derive(Debug)]
pub(crate) struct ClockState {
    /// When the clock was last adjusted, and what it showed then.
    adjusted: SimTime,
    shown_nanos: u64,
    wall_offset_ms: i64,
    /// How much faster than the world, in millionths; negative: slower.
    drift_ppm: i32,
    frozen: bool,
    /// When it last went on again.
    thawed: Option<SimTime>,
    sleepers: BTreeMap<u64, (Option<TimerKey>, Waker)>,
    next_sleeper: u64,
}

impl Default for ClockState {
    fn default() -> ClockState {
        ClockState {
            adjusted: SimTime(0),
            shown_nanos: 0,
            wall_offset_ms: 0,
            drift_ppm: 0,
            frozen: false,
            thawed: None,
            sleepers: BTreeMap::new(),
            next_sleeper: 0,
        }
    }
}

impl ClockState {
    /// What is wrong with it, for who looks at a failure.
    pub(crate) fn standing(&self) -> Option<String> {
        match (self.frozen, self.drift_ppm) {
            (true, _) => Some("has clocks that stand still".to_owned()),
            (false, 0) => None,
            (false, ppm) => Some(format!("has clocks that run {ppm} ppm fast")),
        }
    }

    fn rate(&self) -> u64 {
        if self.frozen { 0 } else { MILLION.saturating_add_signed(i64::from(self.drift_ppm)) }
    }

    /// What the machine's monotonic clock shows. Asked at every step: without a division of 128 bits.
    fn shown(&self, now: SimTime) -> u64 {
        let elapsed = now.0.saturating_sub(self.adjusted.0);
        let ran = match self.rate() {
            MILLION => elapsed,
            // Whole millionths and the rest: neither product is larger than its result by more than a million.
            rate => {
                (elapsed / MILLION).saturating_mul(rate).saturating_add(elapsed % MILLION * rate / MILLION)
            }
        };
        self.shown_nanos.saturating_add(ran)
    }

    /// When the clock will show `nanos`; `None` while it stands still.
    fn when(&self, now: SimTime, nanos: u64) -> Option<SimTime> {
        let missing = nanos.saturating_sub(self.shown(now));
        // Rounded up.
        let wait = match self.rate() {
            0 => return None,
            MILLION => missing,
            rate => {
                let wait = (u128::from(missing) * u128::from(MILLION)).div_ceil(u128::from(rate));
                u64::try_from(wait).unwrap_or(u64::MAX)
            }
        };
        // And a nanosecond for what `shown` cut off.
        Some(SimTime(now.0.saturating_add(wait).saturating_add(1)))
    }

    /// When it showed `nanos`, or a moment before that; `None` for what it may have shown before it was last adjusted, when it may
    /// have stood still.
    fn when_shown(&self, nanos: u64) -> Option<SimTime> {
        let ran = nanos.checked_sub(self.shown_nanos).filter(|ran| *ran > 0)?;
        // Rounded down.
        let elapsed = match self.rate() {
            0 => return None,
            MILLION => ran,
            rate => u64::try_from(u128::from(ran) * u128::from(MILLION) / u128::from(rate)).ok()?,
        };
        Some(SimTime(self.adjusted.0.saturating_add(elapsed)))
    }

    fn wall(&self, now: SimTime) -> Timestamp {
        let shown_ms = i64::try_from(self.shown(now) / 1_000_000).unwrap_or(i64::MAX);
        Timestamp(WALL_START_MS.saturating_add(shown_ms).saturating_add(self.wall_offset_ms))
    }
}

/// Adjusts a node's clocks, and lets all its sleepers look at them again.
fn adjust(world: &World, node: &Node, what: impl FnOnce(&mut ClockState)) {
    let now = world.now();
    let mut clock = lock(&node.clock);
    clock.shown_nanos = clock.shown(now);
    clock.adjusted = now;
    what(&mut clock);
    let sleepers = std::mem::take(&mut clock.sleepers);
    drop(clock);
    for (timer, waker) in sleepers.into_values() {
        if let Some(key) = timer {
            world.timers.cancel(key);
        }
        waker.wake();
    }
}

/// What can go wrong with a node's clocks.
pub struct ClockControl {
    pub(crate) world: Arc<World>,
    pub(crate) node: Arc<Node>,
}

impl ClockControl {
    /// Moves the wall clock by so many milliseconds, forward or back.
    pub fn jump(&self, ms: i64) {
        self.world.event(&self.node.name, format_args!("clock jump {ms} ms"));
        self.world.count_fault();
        adjust(&self.world, &self.node, |clock| {
            clock.wall_offset_ms = clock.wall_offset_ms.saturating_add(ms);
        });
    }

    /// Lets both clocks run faster (slower if negative) than the world, in millionths. At most half off.
    ///
    /// # Panics
    /// If it is more than half off.
    pub fn drift(&self, ppm: i32) {
        assert!(ppm.unsigned_abs() <= 500_000, "a drift of {ppm} ppm is no clock");
        self.world.event(&self.node.name, format_args!("clock drift {ppm} ppm"));
        if ppm != 0 {
            self.world.count_fault();
        }
        adjust(&self.world, &self.node, |clock| clock.drift_ppm = ppm);
    }

    /// What the monotonic clock shows, from the simulation's start on.
    #[must_use]
    pub fn shown(&self) -> Duration {
        Duration::from_nanos(lock(&self.node.clock).shown(self.world.now()))
    }

    /// When the monotonic clock showed so much less than now, or a moment before that; `None` if nobody can tell, as it was adjusted
    /// since, or stands still.
    pub(crate) fn when_it_showed(&self, less: Duration) -> Option<SimTime> {
        let less = u64::try_from(less.as_nanos()).ok()?;
        let clock = lock(&self.node.clock);
        clock.when_shown(clock.shown(self.world.now()).checked_sub(less)?)
    }

    /// Stops both clocks, or lets them go on from where they stand.
    pub fn freeze(&self, frozen: bool) {
        self.world.event(&self.node.name, format_args!("clock frozen: {frozen}"));
        if frozen {
            self.world.count_fault();
        }
        let now = self.world.now();
        adjust(&self.world, &self.node, |clock| {
            if clock.frozen && !frozen {
                clock.thawed = Some(now);
            }
            clock.frozen = frozen;
        });
    }

    /// When both clocks last stood still; `None` if they never have.
    #[must_use]
    pub fn last_stood_still(&self) -> Option<SimTime> {
        let clock = lock(&self.node.clock);
        if clock.frozen { Some(self.world.now()) } else { clock.thawed }
    }
}

/// A node's clock as one run of its process sees it: instants count from the process's start.
pub(crate) struct SimClock {
    world: Arc<World>,
    node: Arc<Node>,
    incarnation: Incarnation,
    origin_nanos: u64,
}

impl SimClock {
    pub(crate) fn new(world: Arc<World>, node: Arc<Node>, incarnation: Incarnation) -> SimClock {
        let origin_nanos = lock(&node.clock).shown(world.now());
        SimClock { world, node, incarnation, origin_nanos }
    }
}

impl Clock for SimClock {
    fn now(&self) -> Instant {
        Instant(lock(&self.node.clock).shown(self.world.now()) - self.origin_nanos)
    }

    fn wall(&self) -> Timestamp {
        lock(&self.node.clock).wall(self.world.now())
    }

    fn sleep_until(&self, deadline: Instant) -> BoxFuture<()> {
        Box::pin(ClockSleep {
            world: self.world.clone(),
            node: self.node.clone(),
            incarnation: self.incarnation,
            until_nanos: self.origin_nanos.saturating_add(deadline.0),
            registered: None,
        })
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<()> {
        self.sleep_until(self.now().after(duration))
    }
}

struct ClockSleep {
    world: Arc<World>,
    node: Arc<Node>,
    incarnation: Incarnation,
    until_nanos: u64,
    registered: Option<u64>,
}

impl ClockSleep {
    /// Whether a timer that is still to come will wake this task: nothing has to be done then. A sleep stands in
    /// many a select, and is polled far more often than it ends.
    fn is_registered(&self, now: SimTime, waker: &Waker) -> bool {
        let Some(id) = self.registered else { return false };
        let clock = lock(&self.node.clock);
        clock
            .sleepers
            .get(&id)
            .is_some_and(|(timer, known)| known.will_wake(waker) && timer.is_none_or(|(time, _)| time > now))
    }

    fn unregister(&mut self) {
        let Some(id) = self.registered.take() else { return };
        let sleeper = lock(&self.node.clock).sleepers.remove(&id);
        if let Some((Some(key), _waker)) = sleeper {
            self.world.timers.cancel(key);
        }
    }
}

impl Future for ClockSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if !self.node.is_alive(self.incarnation) {
            return Poll::Pending;
        }
        let now = self.world.now();
        let waker = context.waker();
        let is_up = lock(&self.node.clock).shown(now) >= self.until_nanos;
        if !is_up && self.is_registered(now, waker) {
            return Poll::Pending;
        }
        self.unregister();
        if is_up {
            return Poll::Ready(());
        }
        let node = self.node.clone();
        let mut clock = lock(&node.clock);
        let timer = clock
            .when(now, self.until_nanos)
            .map(|time| self.world.timers.at(time, Action::Wake(waker.clone())));
        let id = clock.next_sleeper;
        clock.next_sleeper += 1;
        clock.sleepers.insert(id, (timer, waker.clone()));
        self.registered = Some(id);
        Poll::Pending
    }
}

impl Drop for ClockSleep {
    fn drop(&mut self) {
        self.unregister();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_is_the_inverse_of_shown() {
        for drift_ppm in [-500_000, -1, 0, 1, 333_333, 500_000] {
            let clock =
                ClockState { drift_ppm, adjusted: SimTime(77), shown_nanos: 5, ..ClockState::default() };
            for nanos in [6, 1_000, 123_456_789] {
                let when = clock.when(SimTime(100), nanos).unwrap();
                assert!(clock.shown(when) >= nanos, "{drift_ppm} {nanos}");
                assert!(
                    clock.shown(SimTime(when.0.saturating_sub(5))) <= nanos.max(clock.shown(SimTime(100)))
                );
            }
        }
        let frozen = ClockState { frozen: true, ..ClockState::default() };
        assert_eq!(frozen.when(SimTime(0), 1), None);
        assert_eq!(frozen.shown(SimTime(1_000_000)), 0);
    }

    #[test]
    fn what_it_showed_tells_when_unless_it_was_adjusted_since() {
        for drift_ppm in [-500_000, 0, 333_333] {
            let clock =
                ClockState { drift_ppm, adjusted: SimTime(77), shown_nanos: 5, ..ClockState::default() };
            for time in [1_000, 123_456_789].map(SimTime) {
                let when = clock.when_shown(clock.shown(time)).unwrap();
                assert!(when <= time && time.0 - when.0 <= 2, "{drift_ppm} {time}: {when}");
            }
            assert_eq!(clock.when_shown(5), None, "it may have stood there until then");
            assert_eq!(clock.when_shown(4), None);
        }
        let frozen = ClockState { frozen: true, shown_nanos: 9, ..ClockState::default() };
        assert_eq!(frozen.when_shown(frozen.shown(SimTime(1_000))), None);
    }
}
