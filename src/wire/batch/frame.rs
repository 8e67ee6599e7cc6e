use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// Batches below this size are not worth keeping a frame for, in bytes: who keeps one of them copies it.
pub const SHARED_BYTES_MIN: usize = 16 << 10;

/// The memory of one received frame, held by every batch that is a slice of it: a slice, however short, keeps all of
/// its frame. Batches that share a frame are what they are without it, so that no comparison tells them apart.
#[derive(Clone, Default)]
pub struct FrameMemory(Option<Arc<Frame>>);

struct Frame {
    bytes: usize,
    /// Where it is counted, if it is.
    counter: OnceLock<Arc<AtomicUsize>>,
}

impl FrameMemory {
    /// Of a frame of `bytes` bytes; of none, if no batch in it can be worth keeping it.
    #[must_use]
    pub fn of(bytes: usize) -> FrameMemory {
        let frame = || Arc::new(Frame { bytes, counter: OnceLock::new() });
        FrameMemory((bytes >= SHARED_BYTES_MIN).then(frame))
    }

    /// Counts the whole frame in `counter`, once however often it is asked for, until nothing holds it any more. False
    /// without a frame: then there is nothing to count.
    pub fn count_in(&self, counter: &Arc<AtomicUsize>) -> bool {
        let Some(frame) = &self.0 else { return false };
        frame.counter.get_or_init(|| {
            counter.fetch_add(frame.bytes, Ordering::Relaxed);
            Arc::clone(counter)
        });
        true
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        if let Some(counter) = self.counter.get() {
            counter.fetch_sub(self.bytes, Ordering::Relaxed);
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
        match &self.0 {
            Some(frame) => write!(f, "FrameMemory({} bytes)", frame.bytes),
            None => f.write_str("FrameMemory(none)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_counts_once_and_as_long_as_anything_holds_it() {
        let counter = Arc::new(AtomicUsize::new(0));
        let used = || counter.load(Ordering::Relaxed);
        let frame = FrameMemory::of(1 << 20);
        let other = frame.clone();
        assert!(frame.count_in(&counter) && other.count_in(&counter));
        assert_eq!(used(), 1 << 20);
        drop(frame);
        assert_eq!(used(), 1 << 20, "the other slice keeps all of it");
        drop(other);
        assert_eq!(used(), 0);
    }

    #[test]
    fn what_has_no_frame_or_was_never_counted_counts_nothing() {
        let counter = Arc::new(AtomicUsize::new(7));
        assert!(!FrameMemory::default().count_in(&counter));
        drop(FrameMemory::of(1 << 20));
        assert!(!FrameMemory::of(SHARED_BYTES_MIN - 1).count_in(&counter));
        assert_eq!(counter.load(Ordering::Relaxed), 7);
    }
}
