//! Counts what a decode reserves, on the thread that asks.
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static RESERVED: Cell<usize> = const { Cell::new(0) };
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = RESERVED.try_with(|r| r.set(r.get() + layout.size()));
        let _ = LARGEST.try_with(|l| l.set(l.get().max(layout.size())));
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Runs `f` and tells how many bytes it reserved in all, and the largest piece.
pub fn reserved<T>(f: impl FnOnce() -> T) -> (T, usize, usize) {
    RESERVED.set(0);
    LARGEST.set(0);
    let value = f();
    (value, RESERVED.get(), LARGEST.get())
}
