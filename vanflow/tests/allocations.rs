//! Decoding a message allocates nothing, whatever is read of it and however broken it is; merging it allocates by what it holds.
#![cfg(test)]
#![deny(unsafe_code)]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use vanflow::collector::{Collector, Settings};
use vanflow::message::{Content, Message};

use common::{recording, recordings};

/// Counts the allocations of each thread, so that tests may run side by side.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static OCTETS: Cell<usize> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call is handed to the system's allocator as it is; the counter is a plain number of the thread, which has no destructor
// and allocates nothing. `realloc` is the provided one, which calls `alloc`.
#[expect(unsafe_code, reason = "an allocator cannot be written without; this one only counts")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        OCTETS.set(OCTETS.get() + layout.size());
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
        let attributes: usize = messages.iter().map(|message| read(&message.octets)).sum();
        assert_eq!(ALLOCATIONS.get() - before, 0, "{name}");
        assert!(attributes > 1_000, "and they were read");
    }
}

/// Every prefix, and every octet changed in four ways: whatever is broken, decoding allocates nothing.
#[test]
fn decoding_what_is_broken() {
    let messages = recording("v2-main").unwrap();
    let mut octets = vec![0; 1 << 16];
    let (before, mut attributes) = (ALLOCATIONS.get(), 0);
    for message in &messages {
        let octets = &mut octets[..message.octets.len()];
        octets.copy_from_slice(&message.octets);
        for at in 0..octets.len() {
            attributes += read(&octets[..at]);
            let kept = octets[at];
            for changed in [kept ^ 0x01, kept ^ 0x80, 0x00, 0xff] {
                octets[at] = changed;
                attributes += read(octets);
            }
            octets[at] = kept;
        }
    }
    assert_eq!(ALLOCATIONS.get() - before, 0);
    assert!(attributes > 1_000_000, "{attributes}");
}

/// The same into a collector that knows their source: nothing that a message says of its own size makes room for more than it holds. What
/// is allowed is what a table takes when it grows, and thirty octets for each of the message's.
#[test]
fn merging_what_is_broken() {
    let messages = recording("v2-main").unwrap();
    let mut settings = Settings::default();
    settings.changes = 0;
    let (mut most, mut tried) = (0.0_f64, 0_u32);
    for (number, message) in messages.iter().enumerate() {
        // A collector as it was when the message came, for each kind of what is broken.
        let known = || {
            let mut collector = Collector::new(settings.clone());
            for message in &messages[..number] {
                let _ = collector.message(message.at, &message.link, &message.octets);
            }
            collector
        };
        let mut collector = known();
        let mut give = |octets: &[u8]| {
            let before = OCTETS.get();
            let _ = collector.message(message.at, &message.link, octets);
            while collector.poll_command().is_some() {}
            let allocated = OCTETS.get() - before;
            let room = collector.bytes_held() / 2 + 16_000 + 30 * octets.len();
            assert!(allocated <= room, "{allocated} octets for a message of {}, {} held", octets.len(), collector.bytes_held());
            most = most.max(f64::from(u32::try_from(allocated).unwrap()) / f64::from(u32::try_from(room).unwrap()));
            tried += 1;
        };
        let mut octets = message.octets.clone();
        for at in (0..octets.len()).step_by(7) {
            give(&message.octets[..at]);
            let kept = octets[at];
            for changed in [kept ^ 0x01, kept ^ 0x80, 0x00, 0xff] {
                octets[at] = changed;
                give(&octets);
            }
            octets[at] = kept;
        }
    }
    println!("{tried} messages, at most {most:.2} of what is allowed");
}

/// Reads every attribute, and counts them.
fn read(octets: &[u8]) -> usize {
    let Ok(message) = Message::parse(octets) else { return 0 };
    black_box((message.id, message.to));
    let Content::Record(updates) = message.content else { return 0 };
    let mut attributes = 0;
    for update in updates.flatten() {
        for attribute in update.attributes() {
            black_box(attribute);
            attributes += 1;
        }
    }
    attributes
}
