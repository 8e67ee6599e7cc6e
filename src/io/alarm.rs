use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Poll, ready};

use super::{BoxFuture, Clock, Elapsed};
use crate::types::Instant;

/// A wake-up that is kept while its time stays the same, so that waiting again costs nothing.
#[derive(Default)]
pub struct Alarm {
    set: Option<(Instant, BoxFuture<()>)>,
}

impl Alarm {
    /// Completes once `deadline` has come; never without one. May be dropped and asked again.
    pub async fn at(&mut self, clock: &dyn Clock, deadline: Option<Instant>) {
        let Some(deadline) = deadline else {
            self.set = None;
            return std::future::pending().await;
        };
        if self.set.as_ref().is_none_or(|(at, _)| *at != deadline) {
            self.set = Some((deadline, clock.sleep_until(deadline)));
        }
        poll_fn(|context| match &mut self.set {
            Some((_, sleep)) => sleep.as_mut().poll(context),
            None => Poll::Ready(()),
        })
        .await;
        // A future that has completed must not be asked again.
        self.set = None;
    }

    /// Drives `future` until it is ready or `deadline` has passed, as [`super::timeout`] does, for a caller that does
    /// so again and again with deadlines that move on: a wake-up that was set for an earlier one is kept until it
    /// comes, and only then set anew.
    ///
    /// # Errors
    /// [`Elapsed`] if the deadline came first; the future is dropped then.
    pub async fn limit<F: Future>(
        &mut self,
        clock: &dyn Clock,
        deadline: Instant,
        future: F,
    ) -> Result<F::Output, Elapsed> {
        let mut future = pin!(future);
        poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Ok(output));
            }
            loop {
                if self.set.as_ref().is_none_or(|(at, _)| *at > deadline) {
                    self.set = Some((deadline, clock.sleep_until(deadline)));
                }
                let (at, sleep) = self.set.as_mut().expect("it was just set");
                ready!(sleep.as_mut().poll(context));
                let at = *at;
                self.set = None;
                if at == deadline {
                    return Poll::Ready(Err(Elapsed));
                }
            }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::log::testing::TestRuntime;
    use crate::types::Timestamp;

    /// Counts the wake-ups that are set.
    struct Counting {
        clock: Arc<dyn Clock>,
        set: AtomicUsize,
    }

    impl Clock for Counting {
        fn now(&self) -> Instant {
            self.clock.now()
        }

        fn wall(&self) -> Timestamp {
            self.clock.wall()
        }

        fn sleep_until(&self, deadline: Instant) -> BoxFuture<()> {
            self.set.fetch_add(1, Ordering::Relaxed);
            self.clock.sleep_until(deadline)
        }
    }

    #[test]
    fn a_deadline_that_moves_on_sets_few_wake_ups_and_passes_when_it_is_due() {
        let runtime = TestRuntime::new();
        let clock = Counting { clock: runtime.clock(), set: AtomicUsize::new(0) };
        let second = Duration::from_secs(1);
        runtime.block_on(async {
            let mut alarm = Alarm::default();
            let start = clock.now();
            // Each within two seconds of its begin, and all after half a second: nothing is late.
            for _ in 0..8 {
                let work = clock.clock.sleep(second / 2);
                assert_eq!(alarm.limit(&clock, clock.now().after(second * 2), work).await, Ok(()));
            }
            assert_eq!(clock.now().since(start), second * 4);
            assert!(clock.set.load(Ordering::Relaxed) <= 3, "{:?}", clock.set);
            let never = std::future::pending::<()>();
            assert_eq!(alarm.limit(&clock, clock.now().after(second), never).await, Err(Elapsed));
            assert_eq!(clock.now().since(start), second * 5, "an earlier deadline counts as well");
            assert_eq!(
                alarm.limit(&clock, clock.now(), async { 7 }).await,
                Ok(7),
                "the future is asked first"
            );
        });
    }
}
