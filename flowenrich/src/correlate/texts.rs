//! Names held once: pods, policies, labels and whatever else repeats from record to record.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// A text that is held, and counted as often as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TextId(u32);

impl TextId {
    pub(super) const fn number(self) -> u32 {
        self.0
    }

    pub(super) const fn from_number(number: u32) -> Self {
        Self(number)
    }
}

#[derive(Debug)]
struct Held {
    octets: Box<[u8]>,
    uses: u32,
}

/// Texts by their octets. Each goes when its last use is released; what all of them take is told by [`bytes`](Self::bytes), and whoever
/// holds them keeps that under a cap.
#[derive(Debug, Default)]
pub(super) struct Texts {
    held: Vec<Held>,
    free: Vec<u32>,
    index: HashTable<u32>,
    hasher: RandomState,
    octets: usize,
}

impl Texts {
    /// Holds a text once more. `None` after four thousand million of them.
    pub(super) fn hold(&mut self, octets: &[u8]) -> Option<TextId> {
        let hash = self.hasher.hash_one(octets);
        let same = |id: &u32| self.held.get(index(*id)).is_some_and(|held| &*held.octets == octets);
        if let Some(id) = self.index.find(hash, same).copied() {
            let held = self.held.get_mut(index(id))?;
            held.uses = held.uses.checked_add(1)?;
            return Some(TextId(id));
        }
        let new = Held { octets: octets.into(), uses: 1 };
        let id = match self.free.pop() {
            Some(id) => {
                *self.held.get_mut(index(id))? = new;
                id
            }
            None => {
                let id = u32::try_from(self.held.len()).ok()?;
                self.held.push(new);
                id
            }
        };
        self.octets = self.octets.saturating_add(octets.len());
        let (held, hasher) = (&self.held, &self.hasher);
        let hash_of = |id: &u32| held.get(index(*id)).map_or(0, |held| hasher.hash_one(&*held.octets));
        self.index.insert_unique(hash, id, hash_of);
        Some(TextId(id))
    }

    /// Gives one use back.
    pub(super) fn release(&mut self, id: TextId) {
        let Some(held) = self.held.get_mut(index(id.0)) else { return };
        held.uses = held.uses.saturating_sub(1);
        if held.uses > 0 {
            return;
        }
        let octets = std::mem::take(&mut held.octets);
        self.octets = self.octets.saturating_sub(octets.len());
        if let Ok(entry) = self.index.find_entry(self.hasher.hash_one(&*octets), |other| *other == id.0) {
            entry.remove();
        }
        self.free.push(id.0);
    }

    /// Its octets.
    pub(super) fn get(&self, id: TextId) -> &[u8] {
        self.held.get(index(id.0)).map_or(&[], |held| &held.octets)
    }

    /// Octets allocated, and what a table that grows needs beside its old self.
    pub(super) fn bytes(&self) -> usize {
        let held = self.held.capacity().saturating_mul(size_of::<Held>());
        let free = self.free.capacity().saturating_mul(size_of::<u32>());
        let tables = held.saturating_add(free).saturating_add(self.index.allocation_size());
        self.octets.saturating_add(tables).saturating_add(tables / 2)
    }
}

fn index(id: u32) -> usize {
    usize::try_from(id).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_once_and_gone_with_the_last_use() {
        let mut texts = Texts::default();
        let (a, b) = (texts.hold(b"shop").unwrap(), texts.hold(b"shop").unwrap());
        let other = texts.hold(b"").unwrap();
        assert!(a == b && a != other);
        assert_eq!((texts.get(a), texts.get(other), texts.octets), (&b"shop"[..], &b""[..], 4));
        texts.release(a);
        assert_eq!(texts.get(b), b"shop");
        texts.release(b);
        assert_eq!((texts.octets, texts.index.len()), (0, 1));
        // Its place is used again, and it is found anew.
        let c = texts.hold(b"data").unwrap();
        assert_eq!(c, a);
        assert_eq!(texts.hold(b"data"), Some(c));
        let before = texts.bytes();
        let many: Vec<_> = (0..5_000_u32).map(|n| texts.hold(&n.to_be_bytes()).unwrap()).collect();
        assert!(texts.bytes() > before + 5_000 * 4);
        for id in many {
            texts.release(id);
        }
        assert_eq!((texts.octets, texts.index.len()), (4, 2));
    }
}
