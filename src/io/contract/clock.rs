use std::future::{pending, poll_fn, ready};
use std::task::Poll;
use std::time::Duration;

use super::{Stage, soon};
use crate::io::{Elapsed, timeout};
use crate::types::{Instant, Timestamp};

pub(super) async fn monotone(stage: &Stage) {
    let clock = &stage.client.clock;
    let mut last = clock.now();
    for _ in 0..1000 {
        let now = clock.now();
        assert!(now >= last, "the clock went back from {last:?} to {now:?}");
        last = now;
    }
}

pub(super) async fn sleeps_at_least(stage: &Stage) {
    let clock = &stage.client.clock;
    for milliseconds in [0, 1, 3, 20] {
        let duration = Duration::from_millis(milliseconds);
        let before = clock.now();
        soon(&stage.client, "the end of a sleep", clock.sleep(duration)).await;
        assert!(clock.now().since(before) >= duration, "a sleep of {duration:?} was short");
    }
}

pub(super) async fn a_past_deadline_is_ready(stage: &Stage) {
    let clock = &stage.client.clock;
    let mut sleep = clock.sleep_until(Instant(0));
    let ready = poll_fn(|context| Poll::Ready(sleep.as_mut().poll(context).is_ready())).await;
    assert!(ready, "a deadline that has passed was waited for");
}

pub(super) async fn a_timeout_ends_the_wait(stage: &Stage) {
    let clock = &stage.client.clock;
    let deadline = clock.now().after(Duration::from_millis(5));
    let result = soon(&stage.client, "a timeout", timeout(clock.as_ref(), deadline, pending::<()>())).await;
    assert_eq!(result, Err(Elapsed));
    assert!(clock.now() >= deadline, "the timeout came early");
}

pub(super) async fn a_timeout_asks_the_future_first(stage: &Stage) {
    let clock = &stage.client.clock;
    assert_eq!(timeout(clock.as_ref(), Instant(0), ready(7)).await, Ok(7));
}

pub(super) async fn wall_time_is_of_our_age(stage: &Stage) {
    let wall = stage.client.clock.wall();
    // 2020 and 2100.
    assert!(wall > Timestamp(1_577_836_800_000) && wall < Timestamp(4_102_444_800_000), "{wall}");
}
