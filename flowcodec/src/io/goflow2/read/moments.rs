//! When a flow was received, began and ended: v1 says it in seconds and in milliseconds, v2 in nanoseconds.

use crate::io::goflow2::table::{Moment, Scale};
use crate::time::Timestamp;

/// The moments of a message, in each unit; 0 is what is not known.
#[derive(Debug, Default)]
pub(super) struct Moments {
    received: Units,
    start: Units,
    end: Units,
    /// Whether milliseconds count only beside their second: their numbers in protobuf are other fields in goflow.
    pub(super) doubts_millis: bool,
}

#[derive(Debug, Default)]
struct Units {
    seconds: u64,
    millis: u64,
    nanos: u64,
}

impl Moments {
    /// Takes a moment; `None` when it is too far away. 0 is what is not known.
    pub(super) fn put(&mut self, moment: Moment, scale: Scale, number: u64) -> Option<()> {
        in_nanos(number, scale)?;
        if number == 0 {
            return Some(());
        }
        let units = match moment {
            Moment::Received => &mut self.received,
            Moment::Start => &mut self.start,
            Moment::End => &mut self.end,
        };
        match scale {
            Scale::Seconds => units.seconds = number,
            Scale::Millis => units.millis = number,
            Scale::Nanos => units.nanos = number,
        }
        Some(())
    }

    /// The finest that is there of each, in the order of the fields.
    pub(super) fn known(&self) -> [Option<Timestamp>; 3] {
        [&self.received, &self.start, &self.end].map(|units| units.known(self.doubts_millis))
    }

    /// How many of them are left out.
    pub(super) fn doubtful(&self) -> u64 {
        [&self.received, &self.start, &self.end].into_iter().map(|units| u64::from(units.is_doubtful(self.doubts_millis))).sum()
    }

    /// How many others say another moment than the one that is known.
    pub(super) fn lost(&self) -> u64 {
        [&self.received, &self.start, &self.end].into_iter().map(|units| units.lost(self.doubts_millis)).sum()
    }
}

impl Units {
    /// What is there and not left out, in nanoseconds and with its unit: the finest first.
    fn there(&self, doubts_millis: bool) -> impl Iterator<Item = (i64, Scale)> {
        let millis = if self.is_doubtful(doubts_millis) { 0 } else { self.millis };
        let units = [(self.nanos, Scale::Nanos), (millis, Scale::Millis), (self.seconds, Scale::Seconds)];
        units.into_iter().filter(|(number, _)| *number != 0).filter_map(|(number, scale)| Some((in_nanos(number, scale)?, scale)))
    }

    fn known(&self, doubts_millis: bool) -> Option<Timestamp> {
        self.there(doubts_millis).next().map(|(nanos, _)| Timestamp::from_nanos(nanos))
    }

    fn lost(&self, doubts_millis: bool) -> u64 {
        let mut there = self.there(doubts_millis);
        let Some((known, _)) = there.next() else { return 0 };
        there.map(|(nanos, scale)| u64::from(!agree(known, nanos, scale))).sum()
    }

    fn is_doubtful(&self, doubts_millis: bool) -> bool {
        let [seconds, millis] = [(self.seconds, Scale::Seconds), (self.millis, Scale::Millis)]
            .map(|(number, scale)| Some(number).filter(|number| *number != 0).and_then(|number| in_nanos(number, scale)));
        doubts_millis && millis.is_some_and(|millis| !seconds.is_some_and(|seconds| agree(millis, seconds, Scale::Seconds)))
    }
}

/// Whether a moment in a coarser unit is this one, rounded down or up: goflow2 1.x rounds the uptime that it takes from a second, and so
/// its seconds of NetFlow 5 and 9 are mostly one more than its milliseconds.
fn agree(nanos: i64, coarser: i64, scale: Scale) -> bool {
    nanos.abs_diff(coarser) < u64::from(scale.nanos())
}

fn in_nanos(number: u64, scale: Scale) -> Option<i64> {
    i64::try_from(number.checked_mul(u64::from(scale.nanos()))?).ok()
}
