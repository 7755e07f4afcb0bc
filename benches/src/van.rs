//! The ways through `vanflow`: messages decoded, and merged into what a collector holds.

use core::hint::black_box;

use flowcodec::Timestamp;
use vanflow::collector::{Collector, Settings};
use vanflow::message::{Content, Message};

use crate::paths::Ours;
use crate::workload::van::{BATCH, message};
use crate::workload::{Shape, Workload};

/// The link that all messages come by.
pub(crate) const LINK: &str = "mc/sfe.w3st0:0.flows";

/// Every attribute of every update of every message. Gives a checksum.
#[must_use]
pub fn decode(_: &mut Ours, workload: &Workload) -> u64 {
    let mut sum = 0_u64;
    for datagram in workload.data() {
        let Ok(Message { content: Content::Record(updates), .. }) = Message::parse(datagram.octets) else { continue };
        for update in updates.flatten() {
            for (_, value) in update.attributes() {
                sum = sum.wrapping_add(black_box(value).number().unwrap_or(1));
            }
        }
    }
    sum
}

/// Every update into a collector that holds its record. Gives the number of updates.
#[must_use]
pub fn merge(ours: &mut Ours, workload: &Workload) -> u64 {
    let (collector, now) = (ours.collector(), workload.received());
    let merged = |octets: &[u8]| collector.message(now, LINK, octets).map_or(0, |outcome| u64::from(outcome.updates));
    workload.data().map(|datagram| datagram.octets).map(merged).sum()
}

/// A collector that holds what the updates of a workload are of; nothing for other shapes.
pub(crate) fn collector(shape: Shape, now: Timestamp) -> Collector {
    let Shape::VanUpdates(held) = shape else { return Collector::default() };
    let mut settings = Settings::default();
    (settings.flows, settings.total_bytes, settings.changes) = (2_000_000, 8 << 30, 0);
    let mut collector = Collector::new(settings);
    for first in (0..held).step_by(usize::try_from(BATCH).unwrap_or(1)) {
        let _ = collector.message(now, LINK, &message(first, 0, true));
    }
    collector
}
