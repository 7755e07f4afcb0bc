//! What a collector says it holds is no less than what it has allocated, also while its tables grow.
#![cfg(test)]
#![deny(unsafe_code)]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use vanflow::collector::{Collector, Settings};

use common::recordings;

/// Counts the octets each thread has allocated and not given back, so that tests may run side by side.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn note(octets: isize) {
    HELD.set(HELD.get() + octets);
}

// SAFETY: every call is handed to the system's allocator as it is; the counter is a plain number of the thread, which has no destructor
// and allocates nothing. `realloc` is the provided one, which calls `alloc` and `dealloc`.
#[expect(unsafe_code, reason = "an allocator cannot be written without; this one only counts")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size().cast_signed());
        // SAFETY: the caller's promises about `layout` are the ones the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        note(-layout.size().cast_signed());
        // SAFETY: `block` came from `alloc` above with this layout, so from the system's allocator.
        unsafe { System.dealloc(block, layout) }
    }
}

#[test]
fn the_account_is_not_below_what_is_allocated() {
    for (name, messages) in recordings() {
        let before = HELD.get();
        let mut settings = Settings::default();
        settings.changes = 0;
        let mut collector = Collector::new(settings);
        let (mut most, mut last) = (0.0_f64, 0.0);
        for message in &messages {
            collector.message(message.at, &message.link, &message.octets).unwrap();
            while collector.poll_command().is_some() {}
            let (allocated, said) = ((HELD.get() - before).cast_unsigned(), collector.bytes_held());
            // Sources and what finds them are not in the account: their number has a cap of its own.
            let sources = 12_000 * collector.sources().count() + 4_000;
            assert!(allocated <= said + sources, "{name}: {allocated} allocated, {said} said");
            last = f64::from(u32::try_from(allocated).unwrap()) / f64::from(u32::try_from(said + sources).unwrap());
            most = most.max(last);
        }
        println!("{name}: {} octets said, at most {most:.2} of it allocated, {last:.2} at the end", collector.bytes_held());
    }
}
