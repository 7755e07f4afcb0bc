//! What one side said of a flow: counters that do not depend on the order of records.

use std::cmp::Ordering;
use std::hash::BuildHasher;

use flowcodec::Timestamp;

use super::fields::COUNTERS;
use super::rule::Facts;
use crate::correlate::input::Interval;

/// One counter. Records say how much it was since the flow began, how much since the last record, or both.
///
/// Where both are said, growth is the greatest total less the total before the earliest record: so it is the same in any order, doubles
/// add nothing, and what a lost record said is in the next.
#[derive(Debug, Clone, Copy, Default)]
struct Meter {
    total: Option<u64>,
    /// The total before the earliest record.
    base: Option<u64>,
    /// The sum of what records without totals said.
    sum: Option<u64>,
    /// How much of the growth was given out.
    told: u64,
}

impl Meter {
    fn take(&mut self, total: Option<u64>, delta: Option<u64>, again: bool) {
        match (total, delta) {
            (Some(total), delta) => {
                self.total = self.total.max(Some(total));
                // A counter that went backwards makes some exporters send 2^64 less the difference: more than there ever was.
                if let Some(before) = delta.and_then(|delta| total.checked_sub(delta)) {
                    self.base = Some(self.base.map_or(before, |base| base.min(before)));
                }
            }
            (None, Some(delta)) if !again => self.sum = Some(self.sum.unwrap_or(0).saturating_add(delta)),
            (None, _) => {}
        }
    }

    fn growth(&self) -> Option<u64> {
        self.total.zip(self.base).map(|(total, base)| total.saturating_sub(base)).or(self.sum)
    }
}

/// One side.
#[derive(Debug, Clone, Default)]
pub(super) struct Side {
    seen: Option<Seen>,
    meters: [Meter; COUNTERS],
    /// Something came since the last time it was given out.
    fresh: bool,
    /// The last records without totals.
    recent: Vec<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    when: Interval,
    last: At,
    before: Option<At>,
}

/// The totals at the end of a record: of the two directions.
#[derive(Debug, Clone, Copy)]
struct At {
    end: Timestamp,
    octets: [u64; 2],
}

/// What a record turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// Something new.
    New,
    /// What was known already: the same record again, or a late one that adds nothing.
    Known,
    /// A total that is lower than before: the counter began anew within a flow.
    Reset,
}

/// As many records without totals are remembered, to know them when they come again.
const RECENT: usize = 16;

impl Side {
    pub(super) fn when(&self) -> Option<Interval> {
        self.seen.map(|seen| seen.when)
    }

    pub(super) const fn is_fresh(&self) -> bool {
        self.fresh
    }

    pub(super) const fn heap(&self) -> usize {
        self.recent.capacity().saturating_mul(size_of::<u64>())
    }

    pub(super) fn take(&mut self, when: Interval, facts: &Facts, hasher: &impl BuildHasher) -> Taken {
        let again = !facts.has_totals() && !self.remember(when, facts, hasher);
        let before = (self.meters.map(|meter| (meter.growth(), meter.total)), self.seen.map(|seen| seen.when));
        for ((meter, total), delta) in self.meters.iter_mut().zip(facts.totals).zip(facts.deltas) {
            meter.take(total, delta, again);
        }
        let [octets, _, reverse, _] = facts.totals;
        let at = At { end: when.end, octets: [octets.unwrap_or(0), reverse.unwrap_or(0)] };
        let reset =
            self.seen.is_some_and(|seen| at.end > seen.last.end && octets.is_some_and(|it| seen.last.octets.first() > Some(&it)));
        self.see(when, at);
        if reset {
            self.fresh = true;
            return Taken::Reset;
        }
        if before == (self.meters.map(|meter| (meter.growth(), meter.total)), self.when()) {
            return Taken::Known;
        }
        self.fresh = true;
        Taken::New
    }

    /// Keeps the two records that ended last.
    fn see(&mut self, when: Interval, at: At) {
        let Some(seen) = &mut self.seen else {
            self.seen = Some(Seen { when, last: at, before: None });
            return;
        };
        seen.when.join(when);
        let most = |a: At, b: At| At {
            end: a.end,
            octets: std::array::from_fn(|n| a.octets.get(n).max(b.octets.get(n)).copied().unwrap_or(0)),
        };
        match at.end.cmp(&seen.last.end) {
            Ordering::Equal => seen.last = most(seen.last, at),
            Ordering::Greater => seen.before = Some(std::mem::replace(&mut seen.last, at)),
            Ordering::Less => {
                seen.before = Some(match seen.before {
                    Some(before) if before.end > at.end => before,
                    Some(before) if before.end == at.end => most(before, at),
                    _ => at,
                });
            }
        }
    }

    /// Notes a record without totals; `false` when it is among the last ones already.
    fn remember(&mut self, when: Interval, facts: &Facts, hasher: &impl BuildHasher) -> bool {
        let mark = hasher.hash_one((when.start, when.end, facts.deltas));
        if self.recent.contains(&mark) {
            return false;
        }
        if self.recent.len() >= RECENT {
            self.recent.remove(0);
        } else if self.recent.capacity() == 0 {
            self.recent.reserve_exact(RECENT);
        }
        self.recent.push(mark);
        true
    }

    pub(super) fn totals(&self) -> [Option<u64>; COUNTERS] {
        self.meters.map(|meter| meter.total)
    }

    pub(super) fn growths(&self) -> [Option<u64>; COUNTERS] {
        self.meters.map(|meter| meter.growth())
    }

    /// What came since the last call.
    pub(super) fn tell(&mut self) -> [Option<u64>; COUNTERS] {
        self.fresh = false;
        let mut deltas = [None; COUNTERS];
        for (delta, meter) in deltas.iter_mut().zip(&mut self.meters) {
            let growth = meter.growth();
            *delta = growth.map(|growth| growth.saturating_sub(meter.told));
            meter.told = meter.told.max(growth.unwrap_or(0));
        }
        deltas
    }

    /// Bits per second of the two directions, between the two records that ended last; of the first one over the whole flow. Nothing
    /// when nothing came since it was told last.
    pub(super) fn throughputs(&self) -> Option<[u64; 2]> {
        let Seen { when, last, before } = self.seen?;
        if self.totals().iter().all(Option::is_none) {
            return None;
        }
        if !self.fresh {
            return Some([0, 0]);
        }
        let (since, octets) = before.map_or((when.start, [0; 2]), |before| (before.end, before.octets));
        let nanos = u128::try_from(last.end.since(since)).unwrap_or(0);
        let rate = |now: u64, then: u64| {
            let bits = u128::from(now.saturating_sub(then)).saturating_mul(8_000_000_000);
            u64::try_from(bits.checked_div(nanos).unwrap_or(0)).unwrap_or(u64::MAX)
        };
        let ([a, b], [c, d]) = (last.octets, octets);
        Some([rate(a, c), rate(b, d)])
    }
}
