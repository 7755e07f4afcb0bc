//! What waits: entries by key, each with a timer, bounded in number.
//!
//! Everything here costs the same for one entry held and for a million. Several entries may have one key; they are found in the order
//! they came. Nothing depends on the order of a hash table, so the same calls give the same results.

use std::hash::{BuildHasher, Hash};

use flowcodec::Timestamp;
use foldhash::fast::RandomState;

use super::slots::{List, Slot, Slots};
use super::wheel::Wheel;

/// An entry. Not valid any more once it was removed, even when its place is used again, or once [`Pending::give_back`] moved it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Handle {
    place: u32,
    generation: u32,
}

/// What an entry has allocated beside itself.
pub(super) trait Heap {
    fn heap(&self) -> usize;
}

/// Entries of one kind.
#[derive(Debug)]
pub(super) struct Pending<K, V> {
    slots: Slots<K, V>,
    /// The entries whose keys share a hash, as far as the table goes, in the order they came.
    buckets: Box<[List]>,
    hasher: RandomState,
    wheel: Wheel,
    most: usize,
    len: usize,
    /// The generation of the next entry.
    turn: u32,
    heap: usize,
}

impl<K: Hash + Eq, V: Heap> Pending<K, V> {
    /// Room for `most` entries. The table of keys has its final size from the beginning (16 octets an entry at most); entries are
    /// allocated as they come.
    pub(super) fn new(most: usize) -> Self {
        let most = most.clamp(1, 1 << 28);
        let buckets = most.next_power_of_two().max(16);
        Self {
            slots: Slots::new(most),
            buckets: vec![List::EMPTY; buckets].into_boxed_slice(),
            hasher: RandomState::default(),
            wheel: Wheel::new(),
            most,
            len: 0,
            turn: 0,
            heap: 0,
        }
    }

    /// Entries held.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Whether one more would be too many.
    pub(super) const fn is_full(&self) -> bool {
        self.len >= self.most
    }

    /// Octets allocated, all told.
    pub(super) fn bytes(&self) -> usize {
        let fixed = size_of_val(&*self.buckets).saturating_add(self.wheel.bytes());
        self.slots.bytes().saturating_add(fixed).saturating_add(self.heap)
    }

    /// Octets that one more entry may allocate before it holds anything.
    pub(super) const fn growth(&self) -> usize {
        self.slots.growth()
    }

    /// Adds an entry, whose timer is not set yet. It comes back when it would be one too many.
    pub(super) fn insert(&mut self, key: K, value: V) -> Result<Handle, (K, V)> {
        if self.is_full() {
            return Err((key, value));
        }
        let (bucket, generation) = (self.bucket(&key), self.turn);
        let Some(place) = self.slots.take() else { return Err((key, value)) };
        let Some(slot) = self.slots.get_mut(place) else { return Err((key, value)) };
        self.heap = self.heap.saturating_add(value.heap());
        (slot.held, slot.bucket, slot.generation) = (Some((key, value)), bucket, generation);
        if let Some(list) = list(&mut self.buckets, bucket) {
            self.slots.link(list, place);
        }
        self.turn = self.turn.wrapping_add(1);
        self.len = self.len.saturating_add(1);
        Ok(Handle { place, generation })
    }

    fn bucket(&self, key: &K) -> u32 {
        // The table has a power of two of buckets, and fewer than 2^32.
        let mask = u64::try_from(self.buckets.len().saturating_sub(1)).unwrap_or(0);
        u32::try_from(self.hasher.hash_one(key) & mask).unwrap_or(0)
    }

    /// Takes an entry out.
    pub(super) fn remove(&mut self, handle: Handle) -> Option<(K, V)> {
        self.slots.get(handle.place).filter(|slot| slot.generation == handle.generation)?;
        self.wheel.unset(&mut self.slots, handle.place);
        let slot = self.slots.get_mut(handle.place)?;
        let (held, bucket) = (slot.held.take()?, slot.bucket);
        if let Some(list) = list(&mut self.buckets, bucket) {
            self.slots.unlink(list, handle.place);
        }
        self.slots.give(handle.place);
        self.len = self.len.saturating_sub(1);
        self.heap = self.heap.saturating_sub(held.1.heap());
        Some(held)
    }

    /// Gives a block of places back, if the others have room for its entries; they move, so no handle is valid any more. Whether it did.
    /// As a block is given back for as many entries that were removed, that is at most one move for each of them.
    pub(super) fn give_back(&mut self) -> bool {
        let Some(last) = self.slots.spare(self.len) else { return false };
        for place in last.clone() {
            self.slots.take_free(place);
        }
        for place in last {
            self.move_down(place);
        }
        self.slots.shrink();
        true
    }

    /// Moves an entry to a free place, with its turn in its bucket and on the wheel.
    fn move_down(&mut self, from: u32) {
        if self.slots.get(from).is_none_or(|slot| slot.held.is_none()) {
            return;
        }
        let Some(to) = self.slots.take() else { return };
        let Some(slot) = self.slots.get_mut(from) else { return };
        let moved = std::mem::replace(slot, Slot::FREE);
        let bucket = moved.bucket;
        if let Some(slot) = self.slots.get_mut(to) {
            *slot = moved;
        }
        self.wheel.moved(&mut self.slots, to);
        if let Some(list) = list(&mut self.buckets, bucket) {
            self.slots.moved(list, to);
        }
    }

    /// The entries of a key, in the order they came.
    pub(super) fn find<'t>(&'t self, key: &'t K) -> impl Iterator<Item = (Handle, &'t V)> {
        let bucket = usize::try_from(self.bucket(key)).ok().and_then(|bucket| self.buckets.get(bucket));
        let mut place = bucket.unwrap_or(&List::EMPTY).first;
        std::iter::from_fn(move || {
            loop {
                let here = place;
                let slot = self.slots.get(here)?;
                place = slot.next();
                let (of, value) = slot.held.as_ref()?;
                if of == key {
                    return Some((Handle { place: here, generation: slot.generation }, value));
                }
            }
        })
    }

    /// One entry.
    pub(super) fn get(&self, handle: Handle) -> Option<&V> {
        let slot = self.slots.get(handle.place).filter(|slot| slot.generation == handle.generation)?;
        slot.held.as_ref().map(|(_, value)| value)
    }

    /// Changes one entry; what it allocates by that is counted.
    pub(super) fn edit<R>(&mut self, handle: Handle, change: impl FnOnce(&K, &mut V) -> R) -> Option<R> {
        let slot = self.slots.get_mut(handle.place).filter(|slot| slot.generation == handle.generation)?;
        let (key, value) = slot.held.as_mut()?;
        let before = value.heap();
        let result = change(key, value);
        self.heap = self.heap.saturating_sub(before).saturating_add(value.heap());
        Some(result)
    }

    /// Sets or moves the timer of an entry; what is in the past is due at once.
    pub(super) fn set_timer(&mut self, handle: Handle, at: Timestamp, now: Timestamp) {
        if self.get(handle).is_some() {
            self.wheel.set(&mut self.slots, handle.place, at.max(now), now);
        }
    }

    /// Lets an entry wait for nothing.
    pub(super) fn unset_timer(&mut self, handle: Handle) {
        if self.get(handle).is_some() {
            self.wheel.unset(&mut self.slots, handle.place);
        }
    }

    /// An entry whose time has come; its timer is off then.
    pub(super) fn due(&mut self, now: Timestamp) -> Option<Handle> {
        let place = self.wheel.due(&mut self.slots, now)?;
        self.handle(place)
    }

    /// The entry whose time comes next, as near as the wheel knows.
    pub(super) fn next(&self) -> Option<Handle> {
        self.handle(self.wheel.next()?)
    }

    /// Not later than the next timer.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.wheel.next_due()
    }

    fn handle(&self, place: u32) -> Option<Handle> {
        self.slots.get(place).map(|slot| Handle { place, generation: slot.generation })
    }
}

fn list(buckets: &mut [List], bucket: u32) -> Option<&mut List> {
    buckets.get_mut(usize::try_from(bucket).ok()?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl Heap for Vec<u8> {
        fn heap(&self) -> usize {
            self.capacity()
        }
    }

    #[test]
    fn entries_of_one_key_in_order_and_handles_that_go_stale() {
        let mut table: Pending<u8, Vec<u8>> = Pending::new(200);
        let start = table.bytes();
        let handles: Vec<_> = (0_u8..200).map(|n| table.insert(n % 3, vec![n]).unwrap()).collect();
        assert!(table.is_full() && table.insert(9, Vec::new()) == Err((9, Vec::new())));
        let of = |table: &Pending<u8, Vec<u8>>, key: u8| table.find(&key).map(|(_, value)| value[0]).collect::<Vec<_>>();
        assert_eq!(of(&table, 1), (0..200).filter(|n| n % 3 == 1).collect::<Vec<_>>());
        let full = table.bytes();
        table.edit(handles[1], |_, value| value.reserve_exact(1_000)).unwrap();
        assert_eq!(table.bytes(), full + table.get(handles[1]).unwrap().capacity() - 1);
        assert_eq!(table.remove(handles[4]).unwrap(), (1, vec![4]));
        assert!(table.remove(handles[4]).is_none() && table.get(handles[4]).is_none());
        assert_eq!(of(&table, 1)[..3], [1, 7, 10]);
        let again = table.insert(1, vec![255]).unwrap();
        assert_eq!(again.place, handles[4].place);
        assert!(table.get(handles[4]).is_none());
        assert_eq!(of(&table, 1).last(), Some(&255));
        for handle in handles.into_iter().chain([again]) {
            table.remove(handle);
        }
        assert_eq!((table.len(), table.heap), (0, 0));
        assert!(table.bytes() > start, "places are kept for the next");
        while table.give_back() {}
        assert_eq!(table.bytes(), start);
    }

    proptest! {
        /// Entries that move for a block to be given back keep their order of key and of time, and what they hold.
        #[test]
        fn as_a_list_while_blocks_are_given_back(steps in prop::collection::vec((0_u8..4, any::<u16>()), 1..1_500)) {
            let mut table: Pending<u16, Vec<u8>> = Pending::new(1_000);
            let (start, mut model) = (table.bytes(), Vec::<(u16, u16)>::new());
            let at = |n: u16| Timestamp::from_seconds(u64::from(n));
            for (n, (what, pick)) in (0_u16..).zip(steps) {
                match what {
                    0..=1 => {
                        let handle = table.insert(pick % 5, n.to_be_bytes().to_vec()).unwrap();
                        table.set_timer(handle, at(n), at(0));
                        model.push((pick % 5, n));
                    }
                    2 if !model.is_empty() => {
                        let (key, n) = model.remove(usize::from(pick) % model.len());
                        let (handle, _) = table.find(&key).find(|(_, value)| ***value == n.to_be_bytes()).unwrap();
                        prop_assert_eq!(table.remove(handle), Some((key, n.to_be_bytes().to_vec())));
                        prop_assert_eq!(table.remove(handle), None);
                    }
                    // A burst that goes, so that there is something to give back.
                    _ if pick % 50 == 0 => {
                        let burst: Vec<_> = (0..200).map_while(|_| table.insert(pick % 5, vec![0]).ok()).collect();
                        for handle in burst {
                            table.remove(handle);
                        }
                    }
                    _ => {
                        while table.give_back() {}
                        prop_assert_eq!(table.slots.blocks(), model.len().div_ceil(64));
                    }
                }
                prop_assert_eq!(table.len(), model.len());
            }
            for key in 0..5 {
                let held: Vec<_> = table.find(&key).map(|(_, value)| value.clone()).collect();
                let wanted: Vec<_> = model.iter().filter(|(of, _)| *of == key).map(|(_, n)| n.to_be_bytes().to_vec()).collect();
                prop_assert_eq!(held, wanted);
            }
            for (key, n) in model {
                let handle = table.due(at(2_000)).unwrap();
                prop_assert_eq!(table.remove(handle), Some((key, n.to_be_bytes().to_vec())));
            }
            prop_assert_eq!(table.due(at(2_000)), None);
            while table.give_back() {}
            prop_assert_eq!((table.bytes(), table.growth() > 0), (start, true), "no place is free any more");
        }
    }

    #[test]
    fn timers_go_with_their_entries() {
        let mut table: Pending<u8, Vec<u8>> = Pending::new(4);
        let at = Timestamp::from_seconds;
        assert!(table.due(at(0)).is_none());
        let (a, b) = (table.insert(1, vec![]).unwrap(), table.insert(2, vec![]).unwrap());
        table.set_timer(a, at(10), at(0));
        table.set_timer(b, at(5), at(0));
        assert_eq!(table.next(), Some(b));
        table.remove(b);
        assert_eq!(table.due(at(9)), None);
        assert_eq!(table.due(at(10)), Some(a));
        assert_eq!(table.due(at(100)), None);
        assert_eq!(table.next_due(), None);
    }
}
