use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::io::{BoxFuture, Clock};
use crate::types::{Instant, Timestamp};

/// The system's clocks; instants count from the clock's creation. Timers are tokio's, with a grain of 1 ms.
pub(super) struct RealClock {
    origin: std::time::Instant,
}

impl RealClock {
    pub(super) fn new() -> RealClock {
        RealClock { origin: std::time::Instant::now() }
    }
}

fn since(origin: std::time::Instant) -> Instant {
    Instant(0).after(origin.elapsed())
}

impl Clock for RealClock {
    fn now(&self) -> Instant {
        since(self.origin)
    }

    fn wall(&self) -> Timestamp {
        // A system clock before 1970 is told as 1970.
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }

    fn sleep_until(&self, deadline: Instant) -> BoxFuture<()> {
        let origin = self.origin;
        Box::pin(async move {
            loop {
                let now = since(origin);
                if now >= deadline {
                    return;
                }
                tokio::time::sleep(deadline.since(now)).await;
            }
        })
    }
}
