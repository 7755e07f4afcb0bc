//! When a wait is over, and when it ends before its time for want of room.

use flowcodec::model::Flow;

use super::Join;
use super::held::{Endpoint, Held};
use crate::correlate::pending::Handle;

impl Join {
    /// Legs of one source are looked through one by one: there are never more than a few.
    pub(super) fn keep_few(&mut self, at: &Endpoint, out: &mut impl FnMut(Flow)) {
        let mut legs = self.table.entries.find(at).map(|(handle, _)| handle);
        if let (Some(oldest), Some(_)) = (legs.next(), legs.nth(MOST_LEGS.saturating_sub(2))) {
            drop(legs);
            self.evict(oldest, out);
        }
    }

    pub(super) fn make_room(&mut self, out: &mut impl FnMut(Flow)) {
        while let Some(next) = self.table.crowded() {
            self.evict(next, out);
        }
    }

    pub(super) fn room(&self) -> bool {
        !self.table.is_hopeless()
    }

    pub(super) fn shrink(&mut self, out: &mut impl FnMut(Flow)) {
        while let Some(next) = self.table.excess() {
            self.evict(next, out);
        }
    }

    fn evict(&mut self, handle: Handle, out: &mut impl FnMut(Flow)) {
        self.stats.evicted = self.stats.evicted.saturating_add(1);
        self.decide(handle, out);
    }

    /// Ends the wait of a flow or leg.
    pub(super) fn decide(&mut self, handle: Handle, out: &mut impl FnMut(Flow)) {
        if let Some(Held::Flow(flow)) = self.table.entries.get(handle) {
            let found = self.legs_of(flow);
            let row = self.joined(flow, &found);
            let one = found.len() == 1;
            for (leg, _) in &found {
                self.table.entries.edit(*leg, |_, held| {
                    if let Held::Leg(leg) = held {
                        leg.matched |= one;
                        leg.ambiguous |= !one;
                    }
                });
            }
            let counter = match found.len() {
                0 => &mut self.stats.unmatched,
                1 => &mut self.stats.matched,
                _ => &mut self.stats.ambiguous,
            };
            *counter = counter.saturating_add(1);
            out(row);
        }
        let Some((at, held)) = self.table.entries.remove(handle) else { return };
        if let Held::Leg(leg) = &held {
            let counter = match (leg.matched, leg.ambiguous) {
                (true, _) => &mut self.stats.legs_matched,
                (false, true) => &mut self.stats.legs_ambiguous,
                (false, false) => &mut self.stats.legs_alone,
            };
            *counter = counter.saturating_add(1);
            if !leg.matched && !leg.ambiguous {
                out(self.alone(at, leg));
            }
        }
        held.release(&mut self.table.texts);
    }
}

/// As many legs of one source are held at once: one for each time that its port was used.
const MOST_LEGS: usize = 16;
