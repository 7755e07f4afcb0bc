//! Things in places that do not move, found by typed keys; and chains through them.

use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::marker::PhantomData;

/// A place in a [`Slab`] of `T`. Places are used again.
pub(super) struct Key<T> {
    index: u32,
    marker: PhantomData<fn() -> T>,
}

impl<T> Key<T> {
    /// The lowest key, for ranges.
    pub(super) const MIN: Self = Self { index: 0, marker: PhantomData };
    /// The highest key, which no slab gives.
    pub(super) const MAX: Self = Self { index: u32::MAX, marker: PhantomData };

    pub(super) const fn index(self) -> u32 {
        self.index
    }

    pub(super) const fn at(index: u32) -> Self {
        Self { index, marker: PhantomData }
    }

    fn place(self) -> usize {
        usize::try_from(self.index).unwrap_or(usize::MAX)
    }
}

impl<T> Clone for Key<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Key<T> {}

impl<T> PartialEq for Key<T> {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index
    }
}

impl<T> Eq for Key<T> {}

impl<T> PartialOrd for Key<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Key<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.index.cmp(&other.index)
    }
}

impl<T> Hash for Key<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.index.hash(state);
    }
}

impl<T> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.index)
    }
}

/// Things in places that do not move.
#[derive(Debug)]
pub(super) struct Slab<T> {
    places: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    pub(super) const fn new() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }

    pub(super) fn insert(&mut self, thing: T) -> Key<T> {
        if let Some(index) = self.free.pop() {
            let key = Key::at(index);
            if let Some(place) = self.places.get_mut(key.place()) {
                *place = Some(thing);
            }
            return key;
        }
        let index = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        self.places.push(Some(thing));
        Key::at(index)
    }

    pub(super) fn remove(&mut self, key: Key<T>) -> Option<T> {
        let thing = self.places.get_mut(key.place())?.take()?;
        self.free.push(key.index);
        Some(thing)
    }

    #[inline]
    pub(super) fn get(&self, key: Key<T>) -> Option<&T> {
        self.places.get(key.place())?.as_ref()
    }

    #[inline]
    pub(super) fn get_mut(&mut self, key: Key<T>) -> Option<&mut T> {
        self.places.get_mut(key.place())?.as_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Key<T>, &T)> {
        (0_u32..).zip(&self.places).filter_map(|(index, place)| Some((Key::at(index), place.as_ref()?)))
    }

    pub(super) const fn len(&self) -> usize {
        self.places.len().saturating_sub(self.free.len())
    }
}

/// Neighbours of a thing in a [`Chain`].
#[derive(Debug)]
pub(super) struct Link<T> {
    before: Option<Key<T>>,
    behind: Option<Key<T>>,
}

impl<T> Link<T> {
    pub(super) const LOOSE: Self = Self { before: None, behind: None };
}

/// A thing that can stand in several chains at once, one a lane.
pub(super) trait Linked: Sized {
    fn link(&mut self, lane: Lane) -> &mut Link<Self>;
    fn link_of(&self, lane: Lane) -> &Link<Self>;
}

/// Which of a thing's links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// Among its class, by age.
    Class,
    /// Among its epoch.
    Epoch,
}

/// A chain through things of a slab, in the order they were put in. Every operation takes constant time.
#[derive(Debug)]
pub(super) struct Chain<T> {
    first: Option<Key<T>>,
    last: Option<Key<T>>,
    len: usize,
    lane: Lane,
}

impl<T: Linked> Chain<T> {
    pub(super) const fn new(lane: Lane) -> Self {
        Self { first: None, last: None, len: 0, lane }
    }

    pub(super) const fn first(&self) -> Option<Key<T>> {
        self.first
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn push(&mut self, slab: &mut Slab<T>, key: Key<T>) {
        let last = self.last.replace(key);
        if let Some(thing) = slab.get_mut(key) {
            *thing.link(self.lane) = Link { before: last, behind: None };
        }
        match last.and_then(|last| slab.get_mut(last)) {
            Some(thing) => thing.link(self.lane).behind = Some(key),
            None => self.first = Some(key),
        }
        self.len = self.len.saturating_add(1);
    }

    pub(super) fn unlink(&mut self, slab: &mut Slab<T>, key: Key<T>) {
        let Some(thing) = slab.get_mut(key) else { return };
        let Link { before, behind } = core::mem::replace(thing.link(self.lane), Link::LOOSE);
        match before.and_then(|before| slab.get_mut(before)) {
            Some(thing) => thing.link(self.lane).behind = behind,
            None => self.first = behind,
        }
        match behind.and_then(|behind| slab.get_mut(behind)) {
            Some(thing) => thing.link(self.lane).before = before,
            None => self.last = before,
        }
        self.len = self.len.saturating_sub(1);
    }

    pub(super) fn iter<'a>(&self, slab: &'a Slab<T>) -> impl Iterator<Item = (Key<T>, &'a T)> + use<'a, T> {
        let lane = self.lane;
        let mut at = self.first;
        core::iter::from_fn(move || {
            let key = at?;
            let thing = slab.get(key)?;
            at = thing.link_of(lane).behind;
            Some((key, thing))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug)]
    struct Thing(u32, [Link<Self>; 2]);

    impl Linked for Thing {
        fn link(&mut self, lane: Lane) -> &mut Link<Self> {
            &mut self.1[usize::from(lane == Lane::Epoch)]
        }
        fn link_of(&self, lane: Lane) -> &Link<Self> {
            &self.1[usize::from(lane == Lane::Epoch)]
        }
    }

    proptest! {
        /// Against a plain list: put in at the end, taken out anywhere, places used again.
        #[test]
        fn a_chain_is_a_list(steps in proptest::collection::vec((any::<bool>(), any::<u16>()), 0..200)) {
            let (mut slab, mut chain) = (Slab::new(), Chain::new(Lane::Epoch));
            let mut list: Vec<(Key<Thing>, u32)> = Vec::new();
            for (number, (put, pick)) in (0_u32..).zip(steps) {
                if put || list.is_empty() {
                    let key = slab.insert(Thing(number, [Link::LOOSE, Link::LOOSE]));
                    chain.push(&mut slab, key);
                    list.push((key, number));
                } else {
                    let (key, _) = list.remove(usize::from(pick) % list.len());
                    chain.unlink(&mut slab, key);
                    slab.remove(key);
                }
                let chained: Vec<_> = chain.iter(&slab).map(|(key, thing)| (key, thing.0)).collect();
                prop_assert_eq!(&chained, &list);
                prop_assert_eq!((chain.len(), slab.len()), (list.len(), list.len()));
                prop_assert_eq!(chain.first(), list.first().map(|(key, _)| *key));
            }
        }
    }
}
