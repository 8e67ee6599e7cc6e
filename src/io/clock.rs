use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::BoxFuture;
use crate::types::{Instant, Timestamp};

/// A node's clocks. The monotonic one never goes back; the wall clock may jump either way.
pub trait Clock: Send + Sync + 'static {
    /// The monotonic time.
    fn now(&self) -> Instant;

    /// The wall-clock time, in milliseconds since 1970 (UTC).
    fn wall(&self) -> Timestamp;

    /// Completes once [`Clock::now`] has reached `deadline`; at once if it has already.
    fn sleep_until(&self, deadline: Instant) -> BoxFuture<()>;

    /// Completes after `duration`.
    fn sleep(&self, duration: Duration) -> BoxFuture<()> {
        self.sleep_until(self.now().after(duration))
    }
}

/// The deadline passed before the future was ready.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the deadline passed")]
pub struct Elapsed;

/// Drives `future` until it is ready or `deadline` has passed, asking the future first.
///
/// # Errors
/// [`Elapsed`] if the deadline came first; the future is dropped then.
pub async fn timeout<F: Future>(
    clock: &dyn Clock,
    deadline: Instant,
    future: F,
) -> Result<F::Output, Elapsed> {
    let mut future = pin!(future);
    // What is ready at once needs no wake-up.
    let mut sleep = None;
    poll_fn(|context| {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(Ok(output));
        }
        let sleep = sleep.get_or_insert_with(|| clock.sleep_until(deadline));
        sleep.as_mut().poll(context).map(|()| Err(Elapsed))
    })
    .await
}
