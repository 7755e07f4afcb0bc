//! Decoding a message allocates nothing, whatever is read of it.
#![cfg(test)]
#![deny(unsafe_code)]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use vanflow::message::{Content, Message};

use common::recordings;

/// Counts the allocations of each thread, so that tests may run side by side.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call is handed to the system's allocator as it is; the counter is a plain number of the thread, which has no destructor
// and allocates nothing. `realloc` is the provided one, which calls `alloc`.
#[expect(unsafe_code, reason = "an allocator cannot be written without; this one only counts")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promises about `layout` are the ones the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: `block` came from `alloc` above with this layout, so from the system's allocator.
        unsafe { System.dealloc(block, layout) }
    }
}

#[test]
fn decoding() {
    for (name, messages) in recordings() {
        let before = ALLOCATIONS.get();
        let mut attributes = 0;
        for message in &messages {
            let message = Message::parse(&message.octets).unwrap();
            black_box((message.id, message.to));
            if let Content::Record(updates) = message.content {
                for update in updates {
                    for attribute in update.unwrap().attributes() {
                        black_box(attribute);
                        attributes += 1;
                    }
                }
            }
        }
        assert_eq!(ALLOCATIONS.get() - before, 0, "{name}");
        assert!(attributes > 1_000, "and they were read");
    }
}
