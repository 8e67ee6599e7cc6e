use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Counts what has begun on a connection and is not done. Cheap to clone.
#[derive(Clone, Default)]
pub struct InFlight {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    count: AtomicUsize,
    none_left: Notify,
}

/// Something that is not done until this is dropped.
pub struct InFlightGuard {
    inner: Arc<Inner>,
}

impl InFlight {
    #[must_use]
    pub fn begin(&self) -> InFlightGuard {
        self.inner.count.fetch_add(1, Ordering::SeqCst);
        InFlightGuard { inner: Arc::clone(&self.inner) }
    }

    /// Completes once nothing is under way.
    pub async fn finished(&self) {
        loop {
            if self.inner.count.load(Ordering::SeqCst) == 0 {
                return;
            }
            let none_left = self.inner.none_left.notified();
            tokio::pin!(none_left);
            // Registered before the count is read, so that a last end in between is not missed.
            none_left.as_mut().enable();
            if self.inner.count.load(Ordering::SeqCst) == 0 {
                return;
            }
            none_left.await;
        }
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        if self.inner.count.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.inner.none_left.notify_waiters();
        }
    }
}
