//! Names held once: pods, policies, labels and whatever else repeats from record to record.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;

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

#[derive(Debug, Default)]
struct Held {
    octets: Box<[u8]>,
    uses: u32,
    /// The next of its bucket.
    next: u32,
}

/// No text, or no block.
const NONE: u32 = u32::MAX;

/// Texts in a block: a bit of a word for each.
const BLOCK: usize = 64;

/// Places for texts. A block that nothing is in has none.
#[derive(Debug)]
struct Block {
    places: Option<Box<[Held]>>,
    /// A bit for each place in use.
    used: u64,
    /// Of the blocks with free places, or of those without places.
    next: u32,
    before: u32,
}

/// Texts by their octets. Each goes when its last use is released; what all of them take is told by [`bytes`](Self::bytes), and whoever
/// holds them keeps that under a cap.
///
/// The tables have their final size from the beginning, so that one text more never costs more than a block, and blocks that are empty
/// are given back.
#[derive(Debug)]
pub(super) struct Texts {
    blocks: Vec<Block>,
    /// The first block with free places.
    roomy: u32,
    /// The first block without places.
    vacant: u32,
    buckets: Box<[u32]>,
    hasher: RandomState,
    octets: usize,
    given: usize,
}

impl Texts {
    /// For what fits into so many octets.
    pub(super) fn new(bytes: usize) -> Self {
        let buckets = (bytes / 256).clamp(16, 1 << 24);
        let buckets = 1_usize << buckets.ilog2();
        let most = (bytes / (BLOCK * size_of::<Held>())).clamp(1, 1 << 20);
        Self {
            blocks: Vec::with_capacity(most),
            roomy: NONE,
            vacant: NONE,
            buckets: vec![NONE; buckets].into_boxed_slice(),
            hasher: RandomState::default(),
            octets: 0,
            given: 0,
        }
    }

    /// Holds a text once more. `None` after four thousand million of them.
    pub(super) fn hold(&mut self, octets: &[u8]) -> Option<TextId> {
        let bucket = self.bucket(octets);
        let first = *self.buckets.get(bucket)?;
        let mut id = first;
        while let Some(held) = self.held_mut(id) {
            if *held.octets == *octets {
                held.uses = held.uses.checked_add(1)?;
                return Some(TextId(id));
            }
            id = held.next;
        }
        let id = self.place()?;
        *self.held_mut(id)? = Held { octets: octets.into(), uses: 1, next: first };
        *self.buckets.get_mut(bucket)? = id;
        self.octets = self.octets.saturating_add(octets.len());
        Some(TextId(id))
    }

    /// Gives one use back.
    pub(super) fn release(&mut self, id: TextId) {
        let Some(held) = self.held_mut(id.0) else { return };
        held.uses = held.uses.saturating_sub(1);
        if held.uses > 0 {
            return;
        }
        let Held { octets, next, .. } = std::mem::take(held);
        self.octets = self.octets.saturating_sub(octets.len());
        let bucket = self.bucket(&octets);
        let Some(first) = self.buckets.get_mut(bucket) else { return };
        if *first == id.0 {
            *first = next;
        } else {
            let mut before = *first;
            while let Some(held) = self.held_mut(before) {
                if held.next == id.0 {
                    held.next = next;
                    break;
                }
                before = held.next;
            }
        }
        self.leave(id.0);
    }

    /// Its octets.
    pub(super) fn get(&self, id: TextId) -> &[u8] {
        let (block, place) = split(id.0);
        let held = self.blocks.get(block).and_then(|block| block.places.as_ref()?.get(place));
        held.map_or(&[], |held| &held.octets)
    }

    /// Octets allocated.
    pub(super) fn bytes(&self) -> usize {
        let places = self.given.saturating_mul(BLOCK * size_of::<Held>());
        let list = self.blocks.capacity().saturating_mul(size_of::<Block>());
        self.octets.saturating_add(places).saturating_add(list).saturating_add(size_of_val(&*self.buckets))
    }

    fn bucket(&self, octets: &[u8]) -> usize {
        // A power of two of buckets, and fewer than 2^32.
        let mask = u64::try_from(self.buckets.len().saturating_sub(1)).unwrap_or(0);
        usize::try_from(self.hasher.hash_one(octets) & mask).unwrap_or(0)
    }

    fn held_mut(&mut self, id: u32) -> Option<&mut Held> {
        let (block, place) = split(id);
        self.blocks.get_mut(block)?.places.as_mut()?.get_mut(place)
    }

    fn block_mut(&mut self, number: u32) -> Option<&mut Block> {
        self.blocks.get_mut(usize::try_from(number).ok()?)
    }

    /// A free place, in use from now on.
    fn place(&mut self) -> Option<u32> {
        if self.roomy == NONE {
            self.grow()?;
        }
        let number = self.roomy;
        let block = self.block_mut(number)?;
        let place = block.used.trailing_ones();
        block.used |= 1_u64.checked_shl(place)?;
        if block.used == u64::MAX {
            self.unlink(number);
        }
        number.checked_mul(u32::BITS * 2)?.checked_add(place)
    }

    /// Gives a place back; its block, when it is empty and another has room.
    fn leave(&mut self, id: u32) {
        let (number, place) = (id / (u32::BITS * 2), id % (u32::BITS * 2));
        let Some(block) = self.block_mut(number) else { return };
        let was_full = block.used == u64::MAX;
        block.used &= !1_u64.checked_shl(place).unwrap_or(0);
        let empty = block.used == 0;
        if was_full {
            self.link(number);
        }
        let alone = self.roomy == number && self.block_mut(number).is_some_and(|block| block.next == NONE);
        if empty && !alone {
            self.unlink(number);
            let vacant = self.vacant;
            if let Some(block) = self.block_mut(number) {
                (block.places, block.next) = (None, vacant);
            }
            self.vacant = number;
            self.given = self.given.saturating_sub(1);
        }
    }

    /// A block more with free places.
    fn grow(&mut self) -> Option<()> {
        let places = Some(std::iter::repeat_with(Held::default).take(BLOCK).collect());
        let number = self.vacant;
        let number = if let Some(block) = self.block_mut(number) {
            let next = block.next;
            block.places = places;
            self.vacant = next;
            number
        } else {
            // Each number is that of 64 texts, all of them below `NONE`.
            let number = u32::try_from(self.blocks.len()).ok().filter(|number| *number < NONE / (u32::BITS * 2))?;
            self.blocks.push(Block { places, used: 0, next: NONE, before: NONE });
            number
        };
        self.given = self.given.saturating_add(1);
        self.link(number);
        Some(())
    }

    /// Puts a block before the others with free places.
    fn link(&mut self, number: u32) {
        let first = std::mem::replace(&mut self.roomy, number);
        if let Some(block) = self.block_mut(first) {
            block.before = number;
        }
        if let Some(block) = self.block_mut(number) {
            (block.next, block.before) = (first, NONE);
        }
    }

    fn unlink(&mut self, number: u32) {
        let Some(Block { next, before, .. }) = self.block_mut(number) else { return };
        let (next, before) = (*next, *before);
        match self.block_mut(before) {
            Some(block) => block.next = next,
            None => self.roomy = next,
        }
        if let Some(block) = self.block_mut(next) {
            block.before = before;
        }
    }
}

fn split(id: u32) -> (usize, usize) {
    let id = usize::try_from(id).unwrap_or(usize::MAX);
    (id / BLOCK, id % BLOCK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_once_and_gone_with_the_last_use() {
        let mut texts = Texts::new(1 << 20);
        let (a, b) = (texts.hold(b"shop").unwrap(), texts.hold(b"shop").unwrap());
        let other = texts.hold(b"").unwrap();
        assert!(a == b && a != other);
        assert_eq!((texts.get(a), texts.get(other), texts.octets), (&b"shop"[..], &b""[..], 4));
        texts.release(a);
        assert_eq!(texts.get(b), b"shop");
        texts.release(b);
        assert_eq!((texts.octets, texts.get(other)), (0, &b""[..]));
        // Its place is used again, and it is found anew.
        let c = texts.hold(b"data").unwrap();
        assert_eq!(c, a);
        assert_eq!(texts.hold(b"data"), Some(c));
        let (before, blocks) = (texts.bytes(), texts.given);
        let mut told = before;
        let mut many = Vec::new();
        for n in 0..5_000_u32 {
            many.push(texts.hold(&n.to_be_bytes()).unwrap());
            assert!(texts.bytes() - told <= 4 + 64 * size_of::<Held>(), "a block more at most");
            told = texts.bytes();
        }
        assert!(told > before + 5_000 * (4 + size_of::<Held>()) - 64 * size_of::<Held>());
        assert!((0..5_000_u32).zip(&many).all(|(n, id)| texts.get(*id) == n.to_be_bytes()));
        // Every second, then the rest: from the ends of chains and from their midst.
        for id in many.iter().step_by(2).chain(many.iter().skip(1).step_by(2)) {
            texts.release(*id);
        }
        assert_eq!((texts.octets, texts.get(c)), (4, &b"data"[..]));
        assert!(texts.given <= blocks + 1 && texts.bytes() <= before + 64 * size_of::<Held>(), "blocks are given back");
        // They come again.
        let again: Vec<_> = (0..5_000_u32).map(|n| texts.hold(&n.to_be_bytes()).unwrap()).collect();
        assert!((0..5_000_u32).zip(&again).all(|(n, id)| texts.get(*id) == n.to_be_bytes()));
        assert_eq!(texts.bytes(), told);
        assert!(texts.buckets.iter().filter(|first| **first != NONE).count() > texts.buckets.len() / 2);
    }
}
