//! How well an exporter, or one of its domains, is proven: the least proven goes first when something has to go.
//!
//! One forged datagram can carry a good record, and sources are forged by the hundred thousand. What a flood cannot do is to come back:
//! a step up takes another record, after a time that grows from step to step.

use serde::{Deserialize, Serialize};

use super::super::list::{Index, List, Slab};
use crate::time::Timestamp;

const SECOND: i64 = 1_000_000_000;

/// Time from the first record to the one that earns the next level: the second of them makes an exporter that speaks once a minute
/// safer than any that spoke once.
const SPANS: [i64; 3] = [0, 10 * SECOND, 600 * SECOND];

/// Levels: no record yet, then one for each of [`SPANS`].
const TOP: u8 = 3;

/// How well something is proven.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Standing {
    level: u8,
    /// When the first record came.
    first: Timestamp,
    /// From when on a record earns the next level.
    due: Timestamp,
}

impl Standing {
    /// No record was decoded.
    pub(crate) const NEW: Self = Self { level: 0, first: Timestamp::from_nanos(i64::MIN), due: Timestamp::from_nanos(i64::MIN) };

    /// A record came: `true` if that earns a level.
    #[inline]
    pub(super) fn earns(&self, received: Timestamp) -> bool {
        (received >= self.due && self.level < TOP) || received < self.first
    }

    /// What it is after a record that [`earns`](Self::earns).
    pub(super) fn earned(self, received: Timestamp) -> Self {
        // The receiver's clock was put back: the time is counted anew.
        let back = received < self.first;
        let first = if self.level == 0 || back { received } else { self.first };
        let level = if back { self.level } else { self.level.saturating_add(1) };
        let due = match SPANS.get(usize::from(level)) {
            // Always another message.
            Some(&span) => first.offset(span).max(received.offset(1)),
            None => Timestamp::from_nanos(i64::MAX),
        };
        Self { level, first, due }
    }

    /// The better of two.
    pub(super) fn or(self, other: Self) -> Self {
        let other = Self { level: other.level.min(TOP), ..other };
        if other.level > self.level { other } else { self }
    }

    pub(super) const fn level(self) -> u8 {
        self.level
    }
}

/// Entries of a slab by how well they are proven; in each level the oldest first, unless they are used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ranks([List; 4]);

impl Ranks {
    pub(super) const EMPTY: Self = Self([List::EMPTY; 4]);

    /// The list of this standing.
    #[inline]
    pub(super) const fn list(&mut self, standing: Standing) -> &mut List {
        let [none, one, some, many] = &mut self.0;
        match standing.level {
            0 => none,
            1 => one,
            2 => some,
            _ => many,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|list| usize::try_from(list.len()).unwrap_or(usize::MAX)).fold(0, usize::saturating_add)
    }

    /// The entry to go first of those below `level`, but not `keep`.
    pub(super) fn least<T>(&mut self, slab: &mut Slab<T>, level: u8, keep: Option<Index>) -> Option<Index> {
        self.0.iter_mut().take(usize::from(level)).find_map(|list| slab.oldest(list, keep))
    }

    /// Any entry.
    pub(super) fn first(&self) -> Option<Index> {
        self.0.iter().find_map(|list| list.front())
    }

    /// All entries, in the order they would go.
    pub(super) fn walk<T>(self, slab: &Slab<T>) -> impl Iterator<Item = (Index, &T)> {
        self.0.into_iter().flat_map(|list| slab.walk(list))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(1_700_000_000 + seconds)
    }

    fn after(records: &[u64]) -> Standing {
        records.iter().fold(
            Standing::NEW,
            |standing, &seconds| {
                if standing.earns(at(seconds)) { standing.earned(at(seconds)) } else { standing }
            },
        )
    }

    #[test]
    fn a_level_takes_time_and_another_message() {
        for (records, level) in [
            (&[][..], 0),
            (&[0], 1),
            (&[0, 0, 0, 9], 1),
            (&[0, 10], 2),
            (&[0, 60, 60, 120, 599], 2),
            (&[0, 700], 2),
            (&[0, 700, 700], 2),
            (&[0, 60, 600], 3),
            (&[0, 700, 701, 702], 3),
        ] {
            assert_eq!(after(records).level(), level, "{records:?}");
        }
    }

    #[test]
    fn a_clock_that_is_put_back_takes_nothing_away_and_locks_nobody_out() {
        let forward = after(&[900_000_000, 900_000_060]);
        assert_eq!(forward.level(), 2);
        assert!(forward.earns(at(0)));
        let back = forward.earned(at(0));
        assert_eq!((back.level(), back.earns(at(599)), back.earns(at(600))), (2, false, true));
        assert_eq!(back.earned(at(600)).level(), 3);
    }
}
