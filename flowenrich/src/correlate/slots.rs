//! Places for entries, in blocks, and lists that lead through them: of those that are free, and of those whose keys share a bucket.
//!
//! Growing moves nothing and never needs twice the room. The list of blocks has its final size from the beginning.

use std::ops::Range;

use super::wheel::{NONE, Timer, Timers};

/// Places in a block.
const BLOCK: usize = 64;

/// A place.
#[derive(Debug)]
pub(super) struct Slot<K, V> {
    /// None while the place is free.
    pub(super) held: Option<(K, V)>,
    pub(super) generation: u32,
    /// Whose list it is in while it holds something.
    pub(super) bucket: u32,
    next: u32,
    before: u32,
    timer: Timer,
}

impl<K, V> Slot<K, V> {
    pub(super) const FREE: Self = Self { held: None, generation: 0, bucket: 0, next: NONE, before: NONE, timer: Timer::OFF };

    /// The next of its list.
    pub(super) const fn next(&self) -> u32 {
        self.next
    }
}

/// The ends of a list. A place is in one list at most.
#[derive(Debug, Clone, Copy)]
pub(super) struct List {
    pub(super) first: u32,
    last: u32,
}

impl List {
    pub(super) const EMPTY: Self = Self { first: NONE, last: NONE };
}

#[derive(Debug)]
pub(super) struct Slots<K, V> {
    blocks: Vec<Box<[Slot<K, V>]>>,
    free: List,
}

impl<K, V> Slots<K, V> {
    /// None yet, and so many at most.
    pub(super) fn new(most: usize) -> Self {
        Self { blocks: Vec::with_capacity(most.div_ceil(BLOCK)), free: List::EMPTY }
    }

    /// Octets allocated.
    pub(super) fn bytes(&self) -> usize {
        let blocks = self.blocks.len().saturating_mul(BLOCK).saturating_mul(size_of::<Slot<K, V>>());
        blocks.saturating_add(self.blocks.capacity().saturating_mul(size_of::<Box<[Slot<K, V>]>>()))
    }

    #[cfg(test)]
    pub(super) const fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Octets that the next [`take`](Self::take) allocates.
    pub(super) const fn growth(&self) -> usize {
        if self.free.first == NONE { BLOCK * size_of::<Slot<K, V>>() } else { 0 }
    }

    pub(super) fn get(&self, place: u32) -> Option<&Slot<K, V>> {
        let place = usize::try_from(place).ok()?;
        self.blocks.get(place / BLOCK)?.get(place % BLOCK)
    }

    pub(super) fn get_mut(&mut self, place: u32) -> Option<&mut Slot<K, V>> {
        let place = usize::try_from(place).ok()?;
        self.blocks.get_mut(place / BLOCK)?.get_mut(place % BLOCK)
    }

    /// A place that was free: the one that was given last.
    pub(super) fn take(&mut self) -> Option<u32> {
        if self.free.first == NONE {
            self.grow()?;
        }
        let place = self.free.first;
        self.take_free(place);
        Some(place)
    }

    fn grow(&mut self) -> Option<()> {
        let first = u32::try_from(self.blocks.len().saturating_mul(BLOCK)).ok()?;
        let last = first.checked_add(u32::try_from(BLOCK).ok()?)?.checked_sub(1)?;
        let block = (first..=last).map(|place| Slot {
            next: if place == last { NONE } else { place.wrapping_add(1) },
            before: if place == first { NONE } else { place.wrapping_sub(1) },
            ..Slot::FREE
        });
        self.blocks.push(block.collect());
        self.free = List { first, last };
        Some(())
    }

    /// Takes this place, if it is free.
    pub(super) fn take_free(&mut self, place: u32) {
        if self.get(place).is_some_and(|slot| slot.held.is_none()) {
            let mut free = self.free;
            self.unlink(&mut free, place);
            self.free = free;
        }
    }

    /// Gives a place back that is in no list.
    pub(super) fn give(&mut self, place: u32) {
        let first = self.free.first;
        let Some(slot) = self.get_mut(place) else { return };
        (slot.next, slot.before) = (first, NONE);
        match self.get_mut(first) {
            Some(slot) => slot.before = place,
            None => self.free.last = place,
        }
        self.free.first = place;
    }

    /// Puts a place at the end of a list.
    pub(super) fn link(&mut self, list: &mut List, place: u32) {
        let Some(slot) = self.get_mut(place) else { return };
        (slot.next, slot.before) = (NONE, list.last);
        match self.get_mut(list.last) {
            Some(slot) => slot.next = place,
            None => list.first = place,
        }
        list.last = place;
    }

    /// Takes a place out of its list.
    pub(super) fn unlink(&mut self, list: &mut List, place: u32) {
        let Some(&Slot { next, before, .. }) = self.get(place) else { return };
        match self.get_mut(before) {
            Some(slot) => slot.next = next,
            None => list.first = next,
        }
        match self.get_mut(next) {
            Some(slot) => slot.before = before,
            None => list.last = before,
        }
    }

    /// What is in a list stands here now: its neighbours are told.
    pub(super) fn moved(&mut self, list: &mut List, place: u32) {
        let Some(&Slot { next, before, .. }) = self.get(place) else { return };
        match self.get_mut(before) {
            Some(slot) => slot.next = place,
            None => list.first = place,
        }
        match self.get_mut(next) {
            Some(slot) => slot.before = place,
            None => list.last = place,
        }
    }

    /// The places of the last block, if so many entries have room in the others.
    pub(super) fn spare(&self, entries: usize) -> Option<Range<u32>> {
        let first = self.blocks.len().checked_sub(1)?.saturating_mul(BLOCK);
        let range = u32::try_from(first).ok()?..u32::try_from(first.saturating_add(BLOCK)).ok()?;
        (entries <= first).then_some(range)
    }

    /// Gives the last block back, of which no place may be in a list.
    pub(super) fn shrink(&mut self) {
        self.blocks.pop();
    }
}

impl<K, V> Timers for Slots<K, V> {
    fn timer(&mut self, entry: u32) -> Option<&mut Timer> {
        self.get_mut(entry).map(|slot| &mut slot.timer)
    }
}
