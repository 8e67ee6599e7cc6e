use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// A signal that is given once and stays given. Cheap to clone.
#[derive(Clone, Default)]
pub struct Shutdown {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    given: AtomicBool,
    waiting: Notify,
}

impl Shutdown {
    #[must_use]
    pub fn new() -> Shutdown {
        Shutdown::default()
    }

    /// Gives the signal.
    pub fn begin(&self) {
        self.inner.given.store(true, Ordering::SeqCst);
        self.inner.waiting.notify_waiters();
    }

    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.inner.given.load(Ordering::SeqCst)
    }

    /// Completes once the signal has been given.
    pub async fn begun(&self) {
        loop {
            let notified = self.inner.waiting.notified();
            tokio::pin!(notified);
            // Registered before the flag is read, so that a signal in between is not missed.
            notified.as_mut().enable();
            if self.has_begun() {
                return;
            }
            notified.await;
        }
    }
}
