//! One piece of memory for many columns.

use super::Plain;

/// Octets that columns begin at multiples of: a line of the cache.
pub(crate) const ALIGNMENT: usize = 64;

/// Memory for columns of plain cells, zeroed; pages that nobody writes to cost nothing.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    words: Vec<u128>,
    /// Words in front of the first octet.
    skipped: usize,
    /// So many lie within the words behind those: [`new`](Self::new) makes it so, and nothing changes it.
    octets: usize,
}

impl Arena {
    /// Room for so many octets, in `words` where they are enough; what they hold stays there.
    pub(crate) fn new(words: Vec<u128>, octets: usize) -> Self {
        let needed = octets.div_ceil(WORD).saturating_add(ALIGNMENT / WORD);
        let words = if words.len() >= needed { words } else { vec![0; needed] };
        // The words are aligned to their own size, so the next multiple is a whole number of them away.
        let skipped = words.as_ptr().addr().wrapping_neg() % ALIGNMENT / WORD;
        Self { words, skipped, octets }
    }

    /// Octets in it.
    pub(crate) const fn len(&self) -> usize {
        self.octets
    }

    /// The memory, and the words in front of its first octet.
    pub(crate) fn into_words(self) -> (Vec<u128>, usize) {
        (self.words, self.skipped)
    }

    /// `count` cells from octet `at` on; none when they are not within the arena, or not aligned.
    #[inline]
    pub(crate) fn cells<T: Plain>(&self, at: usize, count: usize) -> &[T] {
        if !self.has::<T>(at, count) {
            return &[];
        }
        let place = self.words.as_ptr().cast::<u8>().wrapping_add(self.begin(at)).cast();
        #[expect(unsafe_code, reason = "octets are read as values of another type")]
        // SAFETY: `has` says that the octets of the cells are among those of the arena, which lie within the words, and begin at a multiple
        // of the alignment of `T`. Any octets are values of a `Plain` type, and they are borrowed as long as the arena is.
        unsafe {
            core::slice::from_raw_parts(place, count)
        }
    }

    /// The same, to be written.
    #[inline]
    pub(crate) fn cells_mut<T: Plain>(&mut self, at: usize, count: usize) -> &mut [T] {
        if !self.has::<T>(at, count) {
            return &mut [];
        }
        let place = self.place().wrapping_add(at).cast();
        #[expect(unsafe_code, reason = "octets are written as values of another type")]
        // SAFETY: as for `cells`; and the octets of a `Plain` value are words again.
        unsafe {
            core::slice::from_raw_parts_mut(place, count)
        }
    }

    /// Where its first octet is; `len` octets may be written from there on, as long as the arena is borrowed.
    #[inline]
    pub(super) fn place(&mut self) -> *mut u8 {
        let begin = self.begin(0);
        self.words.as_mut_ptr().cast::<u8>().wrapping_add(begin)
    }

    const fn begin(&self, at: usize) -> usize {
        self.skipped.wrapping_mul(WORD).wrapping_add(at)
    }

    /// Whether so many cells lie within the arena and are aligned. The arena begins at a multiple of [`ALIGNMENT`].
    #[inline]
    fn has<T: Plain>(&self, at: usize, count: usize) -> bool {
        let end = count.checked_mul(size_of::<T>()).and_then(|octets| octets.checked_add(at));
        end.is_some_and(|end| end <= self.octets) && at.is_multiple_of(align_of::<T>()) && align_of::<T>() <= WORD
    }
}

/// Octets of a word.
const WORD: usize = size_of::<u128>();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_aligned_and_inside() {
        let mut arena = Arena::new(Vec::new(), 100);
        assert_eq!(arena.place().addr() % ALIGNMENT, 0);
        arena.cells_mut::<u32>(64, 9).copy_from_slice(&[7; 9]);
        assert_eq!(arena.cells::<u32>(60, 2), [0, 7]);
        assert_eq!(arena.cells::<u8>(99, 1).len(), 1);
        assert!(arena.cells::<u8>(100, 1).is_empty() && arena.cells::<u64>(96, 1).is_empty(), "behind the end");
        assert!(arena.cells::<u32>(2, 1).is_empty() && arena.cells::<u16>(usize::MAX, 2).is_empty(), "not aligned");
        assert_eq!(arena.cells::<[u8; 6]>(3, 1), [[0; 6]]);
        let (words, skipped) = arena.into_words();
        assert!(skipped < 4 && words.len() >= 100 / 16 + 4);
        assert_eq!(Arena::new(words, 80).cells::<u32>(64, 2), [7, 7], "the same memory");
    }
}
