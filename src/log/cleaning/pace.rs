use std::sync::Arc;
use std::time::Duration;

use crate::io::Clock;
use crate::types::Instant;

/// Above it a limit is none, in bytes per second.
const UNLIMITED: f64 = 1e12;
/// How long one wait is at most.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// Keeps reads and writes together below a rate.
pub(super) struct Pace {
    clock: Arc<dyn Clock>,
    bytes_per_second_max: f64,
    /// When what has been spent is paid for.
    paid: Instant,
}

impl Pace {
    pub(super) fn new(clock: Arc<dyn Clock>, bytes_per_second_max: f64) -> Pace {
        let paid = clock.now();
        Pace { clock, bytes_per_second_max, paid }
    }

    /// Notes bytes that were moved, and waits until the rate allows more.
    pub(super) async fn spend(&mut self, bytes: usize) {
        if self.bytes_per_second_max >= UNLIMITED {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "a rate needs no last digit")]
        let seconds = bytes as f64 / self.bytes_per_second_max;
        let cost = Duration::try_from_secs_f64(seconds).map_or(WAIT_MAX, |cost| cost.min(WAIT_MAX));
        self.paid = self.paid.max(self.clock.now()).after(cost);
        self.clock.sleep_until(self.paid).await;
    }
}
