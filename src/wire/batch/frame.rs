use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Batches below this size are not worth keeping a frame for, in bytes: who keeps one of them copies it.
pub const SHARED_BYTES_MIN: usize = 16 << 10;

/// The memory of one received frame, named by every batch that is a slice of it: a slice, however short, keeps all of
/// its frame. Who keeps such batches for long counts the frame, once. Batches that share a frame are what they are
/// without it, so that no comparison tells them apart.
#[derive(Clone, Default)]
pub struct FrameMemory(Option<Arc<Frame>>);

struct Frame {
    bytes: usize,
    /// How many of its batches are kept where it is counted.
    kept: AtomicUsize,
}

impl FrameMemory {
    /// Of a frame of `bytes` bytes; of none, if no batch in it can be worth keeping it.
    #[must_use]
    pub fn of(bytes: usize) -> FrameMemory {
        let frame = || Arc::new(Frame { bytes, kept: AtomicUsize::new(0) });
        FrameMemory((bytes >= SHARED_BYTES_MIN).then(frame))
    }

    /// The frame's length in bytes; `None` without one.
    #[must_use]
    pub fn bytes(&self) -> Option<usize> {
        self.0.as_ref().map(|frame| frame.bytes)
    }

    /// One more batch of it is kept: the first one counts the whole frame in `counter`. False without a frame: then there
    /// is nothing to count.
    pub fn keep(&self, counter: &AtomicUsize) -> bool {
        let Some(frame) = &self.0 else { return false };
        if frame.kept.fetch_add(1, Ordering::AcqRel) == 0 {
            counter.fetch_add(frame.bytes, Ordering::Relaxed);
        }
        true
    }

    /// One that was kept is let go of: the last one takes the frame out of the same `counter`.
    pub fn let_go(&self, counter: &AtomicUsize) {
        let Some(frame) = &self.0 else { return };
        let kept = frame.kept.fetch_sub(1, Ordering::AcqRel);
        assert!(kept > 0, "a batch of {self:?} was let go of that was not kept");
        if kept == 1 {
            counter.fetch_sub(frame.bytes, Ordering::Relaxed);
        }
    }
}

impl PartialEq for FrameMemory {
    fn eq(&self, _other: &FrameMemory) -> bool {
        true
    }
}

impl Eq for FrameMemory {}

impl fmt::Debug for FrameMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bytes() {
            Some(bytes) => write!(f, "FrameMemory({bytes} bytes)"),
            None => f.write_str("FrameMemory(none)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_counts_once_and_as_long_as_a_batch_of_it_is_kept() {
        let counter = AtomicUsize::new(7);
        let used = || counter.load(Ordering::Relaxed) - 7;
        let frame = FrameMemory::of(1 << 20);
        let other = frame.clone();
        assert!(frame.keep(&counter) && other.keep(&counter));
        assert_eq!(used(), 1 << 20);
        frame.let_go(&counter);
        assert_eq!(used(), 1 << 20, "the other slice keeps all of it");
        other.let_go(&counter);
        assert_eq!(used(), 0, "whoever else has a batch of it");
        assert!(frame.keep(&counter));
        assert_eq!(used(), 1 << 20);
    }

    #[test]
    fn what_has_no_frame_counts_nothing() {
        let counter = AtomicUsize::new(7);
        for none in [FrameMemory::default(), FrameMemory::of(SHARED_BYTES_MIN - 1)] {
            assert!(!none.keep(&counter));
            none.let_go(&counter);
        }
        assert_eq!(counter.load(Ordering::Relaxed), 7);
    }
}
