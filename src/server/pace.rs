//! How slow a client may be with what is large.
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::pipeline::WriteError;
use crate::broker::ByteBudget;
use crate::io::{Clock, WriteHalf, timeout, write_all_vectored};
use crate::types::Instant;

/// The slowest that a frame may come or go on the whole, in bytes a second, after [`ConnectionLimits::transfer`].
///
/// [`ConnectionLimits::transfer`]: super::ConnectionLimits::transfer
pub(super) const BYTES_PER_SECOND_MIN: u64 = 16 * 1024;
/// While others wait for memory, so much of a large frame must come or go in so long a time.
pub(super) const WINDOW_BYTES_MIN: usize = 128 * 1024;
pub(super) const WINDOW: Duration = Duration::from_secs(2);

/// Since when the speed of something large is looked at, and how much of it had moved by then.
pub(super) struct Window {
    since: Instant,
    before: usize,
}

impl Window {
    pub(super) fn begin(now: Instant, moved: usize) -> Window {
        Window { since: now, before: moved }
    }

    /// Whether what has `moved` by now is too little for others who wait for its memory, once a window is over; the next one begins then.
    pub(super) fn is_too_slow(
        &mut self,
        now: Instant,
        moved: usize,
        is_short: impl FnOnce() -> bool,
    ) -> bool {
        if now.since(self.since) < WINDOW {
            return false;
        }
        let before = std::mem::replace(self, Window::begin(now, moved)).before;
        moved - before < WINDOW_BYTES_MIN && is_short()
    }
}

/// How long so many bytes may take at the slowest.
pub(super) fn slowest(bytes: usize) -> Duration {
    Duration::from_secs(bytes as u64 / BYTES_PER_SECOND_MIN)
}

/// How slow a client may be with its replies.
pub(super) struct Pace {
    /// For a reply of any size, and how long none of it may be taken.
    pub(super) transfer: Duration,
    /// What large replies hold.
    pub(super) memory: ByteBudget,
}

impl Pace {
    /// Writes all segments.
    pub(super) async fn write(
        &self,
        write: &mut dyn WriteHalf,
        clock: &Arc<dyn Clock>,
        segments: &mut [Bytes],
    ) -> Result<(), WriteError> {
        let total = bytes_of(segments);
        let began = clock.now();
        let deadline = began.after(self.transfer + slowest(total));
        if total < WINDOW_BYTES_MIN {
            let written = timeout(&**clock, deadline, write_all_vectored(write, segments)).await;
            return Ok(written.map_err(|_| WriteError::Slow(self.transfer.as_millis()))??);
        }
        let (mut moved, mut moved_at) = (0, began);
        let mut window = Window::begin(began, 0);
        loop {
            let look = clock.now().after(WINDOW.min(self.transfer)).min(deadline);
            if let Ok(written) = timeout(&**clock, look, write_all_vectored(write, segments)).await {
                return Ok(written?);
            }
            let now = clock.now();
            let before = std::mem::replace(&mut moved, total - bytes_of(segments));
            if moved > before {
                moved_at = now;
            }
            if now >= deadline || now.since(moved_at) >= self.transfer {
                return Err(WriteError::Slow(self.transfer.as_millis()));
            }
            if window.is_too_slow(now, moved, || self.memory.is_short()) {
                return Err(WriteError::InTheWay);
            }
        }
    }
}

fn bytes_of(segments: &[Bytes]) -> usize {
    segments.iter().map(Bytes::len).sum()
}
