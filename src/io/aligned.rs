use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use crate::types::limits::DISK_BLOCK_BYTES;

/// A fixed piece of memory that direct I/O can use: its address and its length are multiples of
/// [`DISK_BLOCK_BYTES`]. Meant to be kept and used again: the first touch of fresh memory is slower than
/// the disk.
pub struct AlignedBuffer {
    start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: the buffer owns its memory alone, like a `Vec<u8>`.
unsafe impl Send for AlignedBuffer {}
// SAFETY: shared references only read.
unsafe impl Sync for AlignedBuffer {}

impl AlignedBuffer {
    /// A zeroed buffer of at least `length` bytes, rounded up to whole blocks (at least one).
    ///
    /// # Panics
    /// If the length leaves the address space.
    #[must_use]
    pub fn zeroed(length: usize) -> AlignedBuffer {
        let length = length.max(1).next_multiple_of(DISK_BLOCK_BYTES);
        let layout =
            Layout::from_size_align(length, DISK_BLOCK_BYTES).expect("a buffer fits the address space");
        // SAFETY: the layout's size is not zero.
        let start = unsafe { alloc_zeroed(layout) };
        let Some(start) = NonNull::new(start) else { handle_alloc_error(layout) };
        AlignedBuffer { start, layout }
    }

    /// A buffer of no bytes, which takes no memory: stands where one was taken away.
    #[must_use]
    pub fn empty() -> AlignedBuffer {
        AlignedBuffer { start: NonNull::dangling(), layout: Layout::new::<()>() }
    }
}

impl Deref for AlignedBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: `start` points to `size` bytes that were initialised by `alloc_zeroed`, or dangles and they are none.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.layout.size()) }
    }
}

impl DerefMut for AlignedBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`, and `&mut self` is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.layout.size()) }
    }
}

impl Drop for AlignedBuffer {
    fn drop(&mut self) {
        if self.layout.size() > 0 {
            // SAFETY: allocated in `zeroed` with this very layout.
            unsafe { dealloc(self.start.as_ptr(), self.layout) }
        }
    }
}

impl fmt::Debug for AlignedBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlignedBuffer").field("length", &self.len()).finish_non_exhaustive()
    }
}
