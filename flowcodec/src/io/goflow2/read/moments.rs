//! When a flow was received, began and ended: v1 says it in seconds and in milliseconds, v2 in nanoseconds.

use crate::io::goflow2::table::{Moment, Scale};
use crate::time::Timestamp;

/// The moments of a message, in each unit; 0 is what is not known.
#[derive(Debug, Default)]
pub(super) struct Moments {
    received: Units,
    start: Units,
    end: Units,
    /// Whether milliseconds count only beside the same second: their numbers in protobuf are other fields in goflow.
    pub(super) doubts_millis: bool,
}

#[derive(Debug, Default)]
struct Units {
    seconds: u64,
    millis: u64,
    nanos: u64,
}

impl Moments {
    /// Takes a moment; `None` when it is too far away.
    pub(super) fn put(&mut self, moment: Moment, scale: Scale, number: u64) -> Option<()> {
        in_nanos(number, scale)?;
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
}

impl Units {
    fn known(&self, doubts_millis: bool) -> Option<Timestamp> {
        let millis = if self.is_doubtful(doubts_millis) { 0 } else { self.millis };
        let finest = [(self.nanos, Scale::Nanos), (millis, Scale::Millis), (self.seconds, Scale::Seconds)];
        let (number, scale) = finest.into_iter().find(|(number, _)| *number != 0)?;
        in_nanos(number, scale).map(Timestamp::from_nanos)
    }

    const fn is_doubtful(&self, doubts_millis: bool) -> bool {
        doubts_millis && self.millis != 0 && (self.seconds == 0 || self.millis / 1_000 != self.seconds)
    }
}

fn in_nanos(number: u64, scale: Scale) -> Option<i64> {
    i64::try_from(number.checked_mul(u64::from(scale.nanos()))?).ok()
}
