use std::time::Duration;

use super::cluster::Client;
use super::error::ClientError;
use crate::types::Instant;

/// How often and how long one operation is tried again.
pub struct Retry {
    client: Client,
    deadline: Instant,
    backoff: Duration,
}

impl Retry {
    pub(super) fn new(client: Client, timeout: Duration) -> Retry {
        let deadline = client.io().clock.now().after(timeout);
        let backoff = client.options().retry_backoff;
        Retry { client, deadline, backoff }
    }

    /// Waits before the next attempt, longer each time. Where metadata may be outdated it is fetched anew, from another broker: by what
    /// comes next, too, if this was the last attempt.
    ///
    /// # Errors
    /// `error` itself, if it does not pass with time or the time is up. A cluster that was never reached is
    /// not waited for.
    pub async fn pause(&mut self, error: ClientError) -> Result<(), ClientError> {
        if !error.is_retriable() || !self.client.was_reached() {
            return Err(error);
        }
        if error.is_stale_metadata() {
            self.client.doubt();
        }
        // Half to all of the back-off, so that clients do not come in step.
        let half = u64::try_from(self.backoff.as_nanos() / 2).unwrap_or(u64::MAX);
        let wait = Duration::from_nanos(half + self.client.random_below(half.max(1)));
        let clock = &self.client.io().clock;
        if clock.now().after(wait) >= self.deadline {
            return Err(error);
        }
        tracing::debug!(%error, "trying again");
        clock.sleep(wait).await;
        self.backoff = (self.backoff * 2).min(self.client.options().retry_backoff_max);
        Ok(())
    }
}
