use std::sync::{Arc, Mutex, PoisonError};

use crate::io::AlignedBuffer;

/// Shorter buffers are not kept, in bytes.
const LENGTH_MIN: usize = 256 * 1024;
/// Those that are come in multiples of this length, so that one fits many reads, in bytes.
const CLASS_BYTES: usize = 64 * 1024;
/// What is kept at most, in bytes.
const KEPT_BYTES_MAX: usize = 16 << 20;

/// Memory of large direct reads, used again and again: the first touch of fresh memory is slower than the disk.
pub(super) struct Recycled {
    free: Mutex<Free>,
}

#[derive(Default)]
struct Free {
    buffers: Vec<AlignedBuffer>,
    bytes: usize,
}

/// What a direct read hands out: aligned memory that goes back where it came from once nobody holds it.
pub(super) struct Block {
    /// There until the block is dropped.
    buffer: Option<AlignedBuffer>,
    /// How much of it was read.
    pub(super) length: usize,
    home: Arc<Recycled>,
}

impl Recycled {
    pub(super) fn new() -> Arc<Recycled> {
        Arc::new(Recycled { free: Mutex::default() })
    }

    /// A buffer of at least `length` bytes. What it holds is of an earlier read: only what was read into it may be
    /// handed on.
    pub(super) fn take(self: &Arc<Self>, length: usize) -> Block {
        let length = if length < LENGTH_MIN { length } else { length.next_multiple_of(CLASS_BYTES) };
        let found = {
            let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            let place = free.buffers.iter().position(|buffer| buffer.len() == length);
            place.map(|place| {
                free.bytes -= length;
                free.buffers.swap_remove(place)
            })
        };
        let buffer = found.unwrap_or_else(|| AlignedBuffer::zeroed(length));
        Block { buffer: Some(buffer), length: 0, home: Arc::clone(self) }
    }
}

impl Block {
    /// The memory to read into.
    pub(super) fn memory(&mut self) -> &mut [u8] {
        self.buffer.as_mut().expect("it goes when the block is dropped")
    }
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        &self.buffer.as_ref().expect("it goes when the block is dropped")[..self.length]
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let Some(buffer) = self.buffer.take().filter(|buffer| buffer.len() >= LENGTH_MIN) else { return };
        let mut free = self.home.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.bytes + buffer.len() <= KEPT_BYTES_MAX {
            free.bytes += buffer.len();
            free.buffers.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_buffers_come_back_and_what_is_kept_is_bounded() {
        let recycled = Recycled::new();
        let kept = || recycled.free.lock().unwrap().bytes;
        drop(recycled.take(4096));
        assert_eq!(kept(), 0, "small ones are the allocator's");
        let mut first = recycled.take(1_040_000);
        first.memory()[..5].copy_from_slice(b"stale");
        first.length = 5;
        assert_eq!(first.as_ref(), b"stale");
        drop(first);
        assert_eq!(kept(), 1 << 20);
        let again = recycled.take((1 << 20) - 4096);
        assert_eq!((kept(), again.as_ref().len()), (0, 0));
        drop(again);
        let many: Vec<Block> = (0..40).map(|_| recycled.take(1 << 20)).collect();
        drop(many);
        assert_eq!(kept(), KEPT_BYTES_MAX);
    }
}
