//! A timer wheel: when which entry is due. Setting, moving and taking a timer cost the same however many there are.
//!
//! Six levels of 64 slots. A slot of the lowest level is a millisecond, of each further one 64 times as long; together 2.2 years. An
//! entry moves down a level at most five times. Slots are lists through the entries themselves, so the wheel allocates nothing, and
//! entries that are due in the same millisecond come in the order they were set.

use flowcodec::Timestamp;

const LEVELS: usize = 6;
const SLOTS: usize = 64;
const BITS: u32 = 6;
const TICK_NANOS: i64 = 1_000_000;
/// The longest delay, in ticks: 63 slots of the highest level. A whole turn would lead to the slot that it is now.
const LONGEST: u64 = 63 << 30;

/// No entry.
pub(super) const NONE: u32 = u32::MAX;

/// The wheel's part of an entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timer {
    next: u32,
    before: u32,
    /// Which list it is in: level and slot, or [`OFF`].
    place: u16,
    at: u64,
}

const OFF: u16 = u16::MAX;

impl Timer {
    /// Not set.
    pub(super) const OFF: Self = Self { next: NONE, before: NONE, place: OFF, at: 0 };
}

/// Where the wheel's parts of the entries are.
pub(super) trait Timers {
    fn timer(&mut self, entry: u32) -> Option<&mut Timer>;
}

#[derive(Debug, Clone, Copy)]
struct List {
    first: u32,
    last: u32,
}

#[derive(Debug)]
pub(super) struct Wheel {
    lists: Box<[List]>,
    /// A bit for each slot that holds something.
    occupied: [u64; LEVELS],
    /// The tick it is; what is due before has been taken.
    tick: u64,
    /// What tick 0 is: the first moment told.
    origin: Option<Timestamp>,
}

impl Wheel {
    pub(super) fn new() -> Self {
        let lists = vec![List { first: NONE, last: NONE }; LEVELS.saturating_mul(SLOTS)].into_boxed_slice();
        Self { lists, occupied: [0; LEVELS], tick: 0, origin: None }
    }

    /// Octets allocated.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.lists)
    }

    /// The tick that has wholly begun at `now`.
    fn tick_of(&mut self, now: Timestamp) -> u64 {
        let origin = *self.origin.get_or_insert(now);
        u64::try_from(now.since(origin) / TICK_NANOS).unwrap_or(0)
    }

    /// Sets the timer of an entry, or moves it: due at `at`, or within a millisecond after it.
    pub(super) fn set(&mut self, timers: &mut impl Timers, entry: u32, at: Timestamp, now: Timestamp) {
        self.unset(timers, entry);
        self.origin.get_or_insert(now);
        let tick = self.tick_of(at.offset(TICK_NANOS.saturating_sub(1)));
        self.link(timers, entry, tick.clamp(self.tick, self.tick.saturating_add(LONGEST)));
    }

    /// Takes an entry off the wheel.
    pub(super) fn unset(&mut self, timers: &mut impl Timers, entry: u32) {
        let Some(timer) = timers.timer(entry) else { return };
        let Timer { next, before, place, .. } = std::mem::replace(timer, Timer::OFF);
        let Some(list) = self.lists.get_mut(usize::from(place)) else { return };
        match timers.timer(before) {
            Some(timer) => timer.next = next,
            None => list.first = next,
        }
        match timers.timer(next) {
            Some(timer) => timer.before = before,
            None => list.last = before,
        }
        if list.first == NONE
            && let Some(bits) = self.occupied.get_mut(usize::from(place) / SLOTS)
        {
            *bits &= !(1 << (usize::from(place) % SLOTS));
        }
    }

    /// Keeps the turn of an entry that is now at `entry`, its timer with it, and was elsewhere.
    pub(super) fn moved(&mut self, timers: &mut impl Timers, entry: u32) {
        let Some(&mut Timer { next, before, place, .. }) = timers.timer(entry) else { return };
        let Some(list) = self.lists.get_mut(usize::from(place)) else { return };
        match timers.timer(before) {
            Some(timer) => timer.next = entry,
            None => list.first = entry,
        }
        match timers.timer(next) {
            Some(timer) => timer.before = entry,
            None => list.last = entry,
        }
    }

    /// Takes an entry that is due at `now` off the wheel, the earliest first. Time does not go back.
    pub(super) fn due(&mut self, timers: &mut impl Timers, now: Timestamp) -> Option<u32> {
        let now = self.tick_of(now);
        while let Some((level, slot, begins)) = self.earliest_slot() {
            if begins > now {
                break;
            }
            self.tick = self.tick.max(begins);
            let entry = self.first_of(level, slot)?;
            if level == 0 {
                self.unset(timers, entry);
                return Some(entry);
            }
            self.spread(timers, level, slot);
        }
        self.tick = self.tick.max(now);
        None
    }

    /// The entry that is due next, or one of those that are due within the same slot.
    pub(super) fn next(&self) -> Option<u32> {
        let (level, slot, _) = self.earliest_slot()?;
        self.first_of(level, slot)
    }

    /// When something is due next: exact within the same level, else not later than it.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let (_, _, begins) = self.earliest_slot()?;
        let nanos = i64::try_from(begins).unwrap_or(i64::MAX).saturating_mul(TICK_NANOS);
        Some(self.origin?.offset(nanos))
    }

    fn first_of(&self, level: usize, slot: usize) -> Option<u32> {
        let list = self.lists.get(level.saturating_mul(SLOTS).saturating_add(slot))?;
        (list.first != NONE).then_some(list.first)
    }

    /// Level, slot and first tick of the earliest slot that holds something. Lower levels are always earlier.
    fn earliest_slot(&self) -> Option<(usize, usize, u64)> {
        let (level, bits) = self.occupied.iter().enumerate().find(|(_, bits)| **bits != 0)?;
        let width = BITS.saturating_mul(u32::try_from(level).unwrap_or(0));
        let here = (self.tick >> width) % 64;
        let ahead = u64::from(bits.rotate_right(u32::try_from(here).unwrap_or(0)).trailing_zeros());
        let slot = (here.saturating_add(ahead)) % 64;
        let begins = ((self.tick >> width).saturating_add(ahead)) << width;
        Some((level, usize::try_from(slot).unwrap_or(0), begins))
    }

    /// Puts an entry into the slot of its tick.
    fn link(&mut self, timers: &mut impl Timers, entry: u32, at: u64) {
        // The level is that of the highest digit, to the base 64, that differs from now.
        let level = ((self.tick ^ at) | 63).ilog2() / BITS;
        let level = level.min(5);
        let slot = usize::try_from((at >> BITS.saturating_mul(level)) % 64).unwrap_or(0);
        let level = usize::try_from(level).unwrap_or(0);
        let place = level.saturating_mul(SLOTS).saturating_add(slot);
        let Some(list) = self.lists.get_mut(place) else { return };
        let before = list.last;
        list.last = entry;
        match timers.timer(before) {
            Some(timer) => timer.next = entry,
            None => list.first = entry,
        }
        if let Some(timer) = timers.timer(entry) {
            *timer = Timer { next: NONE, before, place: u16::try_from(place).unwrap_or(OFF), at };
        }
        if let Some(bits) = self.occupied.get_mut(level) {
            *bits |= 1 << slot;
        }
    }

    /// Moves what is in a slot to lower levels, in order.
    fn spread(&mut self, timers: &mut impl Timers, level: usize, slot: usize) {
        let place = level.saturating_mul(SLOTS).saturating_add(slot);
        let Some(list) = self.lists.get_mut(place) else { return };
        let mut entry = std::mem::replace(list, List { first: NONE, last: NONE }).first;
        if let Some(bits) = self.occupied.get_mut(level) {
            *bits &= !(1 << slot);
        }
        while let Some(timer) = timers.timer(entry) {
            let Timer { next, at, .. } = *timer;
            self.link(timers, entry, at.max(self.tick));
            entry = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    impl Timers for Vec<Timer> {
        fn timer(&mut self, entry: u32) -> Option<&mut Timer> {
            self.get_mut(usize::try_from(entry).unwrap())
        }
    }

    fn ms(ms: u64) -> Timestamp {
        Timestamp::from_seconds(1_795_000_000).offset(i64::try_from(ms).unwrap() * TICK_NANOS)
    }

    proptest! {
        /// Against an ordered map: the same entries, at the same times, in the same order.
        #[test]
        fn as_an_ordered_map(steps in prop::collection::vec((0_u32..40, 0_u32..30, any::<bool>()), 1..200)) {
            let (mut wheel, mut timers) = (Wheel::new(), vec![Timer::OFF; 40]);
            let mut model: BTreeMap<(u64, u64), u32> = BTreeMap::new();
            let (mut now, mut turn) = (0_u64, 0_u64);
            for (entry, size, forward) in steps {
                // Delays and steps of every magnitude.
                let far = (u64::from(entry) + 1).wrapping_mul(0x9e37_79b9) % (1 << size);
                if forward {
                    now += far;
                    let mut due = Vec::new();
                    while let Some(entry) = wheel.due(&mut timers, ms(now)) {
                        due.push(entry);
                    }
                    let later = model.split_off(&(now + 1, 0));
                    let wanted: Vec<_> = std::mem::replace(&mut model, later).into_iter().collect();
                    let mut of_model: Vec<_> = wanted.iter().map(|(_, entry)| *entry).collect();
                    of_model.sort_unstable();
                    let mut sorted = due.clone();
                    sorted.sort_unstable();
                    prop_assert_eq!(sorted, of_model);
                    // In the order of their times.
                    let at = |entry: &u32| wanted.iter().find(|(_, it)| it == entry).unwrap().0.0;
                    prop_assert!(due.iter().map(at).is_sorted());
                } else {
                    turn += 1;
                    model.retain(|_, it| *it != entry);
                    model.insert((now + far, turn), entry);
                    wheel.set(&mut timers, entry, ms(now + far), ms(now));
                    let told = wheel.next_due().unwrap();
                    prop_assert!(told <= ms(model.first_key_value().unwrap().0.0));
                    prop_assert!(wheel.next().is_some());
                }
            }
        }
    }

    #[test]
    fn a_moment_that_is_not_a_tick_is_not_early() {
        let (mut wheel, mut timers) = (Wheel::new(), vec![Timer::OFF; 2]);
        wheel.set(&mut timers, 0, ms(7).offset(1), ms(0));
        assert_eq!(wheel.due(&mut timers, ms(7).offset(2)), None);
        assert_eq!(wheel.due(&mut timers, ms(8)), Some(0));
        // What is set for the past is due at once, and time does not go back.
        wheel.set(&mut timers, 1, ms(3), ms(8));
        assert_eq!(wheel.due(&mut timers, ms(2)), None);
        assert_eq!(wheel.due(&mut timers, ms(8)), Some(1));
        assert_eq!((wheel.next(), wheel.next_due()), (None, None));
    }
}
