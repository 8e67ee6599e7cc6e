use std::future::poll_fn;
use std::task::Poll;

use super::{BoxFuture, Clock};
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
}
