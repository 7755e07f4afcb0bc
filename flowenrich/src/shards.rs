//! A hash table in pieces that are shared until somebody changes one: cheap to keep as it is while a writer goes on.

use std::fmt;
use std::sync::Arc;

use hashbrown::HashTable;

/// Pieces of a table; a power of two.
const PIECES: usize = 128;

/// A table of `T` by hashes that the caller makes. A clone shares all pieces; a change copies the one piece it falls into, and only if
/// it is shared.
#[derive(Clone)]
pub(crate) struct Shards<T>(Arc<[Arc<HashTable<T>>]>);

impl<T: Clone> Shards<T> {
    pub(crate) fn new() -> Self {
        let empty = Arc::new(HashTable::new());
        Self(vec![empty; PIECES].into())
    }

    #[inline]
    pub(crate) fn find(&self, hash: u64, is: impl FnMut(&T) -> bool) -> Option<&T> {
        self.0.get(piece(hash))?.find(hash, is)
    }

    /// Puts `value` in the place of the one that `is` it, or beside the others; gives back the one that was there.
    pub(crate) fn insert(&mut self, hash: u64, value: T, is: impl FnMut(&T) -> bool, rehash: impl Fn(&T) -> u64) -> Option<T> {
        let table = self.piece_mut(hash)?;
        if let Some(old) = table.find_mut(hash, is) {
            return Some(std::mem::replace(old, value));
        }
        table.insert_unique(hash, value, rehash);
        None
    }

    pub(crate) fn remove(&mut self, hash: u64, mut is: impl FnMut(&T) -> bool) -> Option<T> {
        // Looked for first, so that nothing is copied for what is not there.
        self.find(hash, &mut is)?;
        let entry = self.piece_mut(hash)?.find_entry(hash, is).ok()?;
        Some(entry.remove().0)
    }

    /// Gives back what pieces hold that have become sparse.
    pub(crate) fn shrink(&mut self, rehash: impl Fn(&T) -> u64) {
        let sparse = |table: &HashTable<T>| table.capacity() > table.len().saturating_mul(4).max(8);
        if self.0.iter().any(|table| sparse(table)) {
            for table in Arc::make_mut(&mut self.0).iter_mut().filter(|table| sparse(table)) {
                Arc::make_mut(table).shrink_to_fit(&rehash);
            }
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flat_map(|table| table.iter())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(|table| table.len()).sum()
    }

    fn piece_mut(&mut self, hash: u64) -> Option<&mut HashTable<T>> {
        Arc::make_mut(&mut self.0).get_mut(piece(hash)).map(Arc::make_mut)
    }
}

/// The piece is chosen by bits that the table itself uses last: it takes buckets from the lower end and tags from the upper.
#[expect(clippy::as_conversions, reason = "reduced below the number of pieces")]
const fn piece(hash: u64) -> usize {
    (hash >> 40) as usize & (PIECES - 1)
}

impl<T: Clone> fmt::Debug for Shards<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} entries", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_keeps_what_it_had() {
        let mut live: Shards<(u64, u64)> = Shards::new();
        let spread = |key: u64| key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for key in 0..1000 {
            assert_eq!(live.insert(spread(key), (key, 1), |(k, _)| *k == key, |(k, _)| spread(*k)), None);
        }
        let before = live.clone();
        assert_eq!(live.insert(spread(7), (7, 2), |(k, _)| *k == 7, |(k, _)| spread(*k)), Some((7, 1)));
        assert_eq!(live.remove(spread(8), |(k, _)| *k == 8), Some((8, 1)));
        assert_eq!(live.remove(spread(8), |(k, _)| *k == 8), None);
        assert_eq!(live.insert(spread(9), (9, 3), |(k, _)| *k == 9, |(k, _)| spread(*k)), Some((9, 1)));
        assert_eq!((before.len(), live.len(), live.iter().count()), (1000, 999, 999));
        for key in 0..1000 {
            assert_eq!(before.find(spread(key), |(k, _)| *k == key), Some(&(key, 1)));
        }
        assert_eq!(live.find(spread(9), |(k, _)| *k == 9), Some(&(9, 3)));
        let shared = before.0.iter().zip(live.0.iter()).filter(|(a, b)| Arc::ptr_eq(a, b)).count();
        assert!(shared >= PIECES - 3, "only what was changed was copied");
    }
}
