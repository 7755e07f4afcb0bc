//! An allocator that counts what is held.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is held by all threads, and the most that was.
pub(crate) struct Counting {
    held: AtomicUsize,
    most: AtomicUsize,
}

#[global_allocator]
pub(crate) static ALLOCATOR: Counting = Counting { held: AtomicUsize::new(0), most: AtomicUsize::new(0) };

/// Octets held now.
pub(crate) fn held() -> usize {
    ALLOCATOR.held.load(Ordering::Relaxed)
}

/// The most that was held since this was called last.
pub(crate) fn most() -> usize {
    ALLOCATOR.most.swap(held(), Ordering::Relaxed)
}

// SAFETY: every call goes to `System` with the arguments it came with, so the promises of `GlobalAlloc` are those of `System`; the counters
// are atomics, and neither allocate nor unwind.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = self.held.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        self.most.fetch_max(held, Ordering::Relaxed);
        // SAFETY: the caller keeps the promises of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        self.held.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: `place` came from `alloc` above, which is `System`'s, with this layout.
        unsafe { System.dealloc(place, layout) }
    }
}
