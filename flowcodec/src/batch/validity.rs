//! Which cells of a column are there.

/// One bit a row, the lowest of an octet first, as Arrow has them. There are no bits as long as no cell is missing.
#[derive(Debug, Default)]
pub(super) struct Validity {
    bits: Vec<u8>,
    /// Rows that are settled; the cells of later ones are missing, if nobody says otherwise.
    filled: usize,
    nulls: usize,
}

impl Validity {
    pub(super) const fn filled(&self) -> usize {
        self.filled
    }

    /// Whether any cell is there.
    pub(super) const fn any(&self) -> bool {
        self.nulls < self.filled
    }

    /// The bits, `None` where no cell is missing.
    pub(super) fn bits(&self) -> Option<&[u8]> {
        (self.nulls != 0).then(|| self.bits.get(..self.filled.div_ceil(8)).unwrap_or_default())
    }

    /// Whether the cell of a settled row is there.
    #[inline]
    pub(super) fn get(&self, row: usize) -> bool {
        row < self.filled && (self.nulls == 0 || self.bits.get(row / 8).is_some_and(|octet| octet >> (row % 8) & 1 == 1))
    }

    /// Settles the next `count` rows: all there, or all missing.
    pub(super) fn extend(&mut self, count: usize, there: bool) {
        if count == 0 {
            return;
        }
        if !there {
            self.need_bits();
        }
        let to = self.filled.saturating_add(count);
        if self.nulls != 0 || !there {
            let octets = self.filled / 8..to.div_ceil(8);
            self.reach(octets.end);
            // The octet that the run begins in keeps what stands below it.
            let kept = u8::MAX.unbounded_shl(u32::try_from(self.filled % 8).unwrap_or(0));
            let mut octets = self.bits.get_mut(octets).unwrap_or_default().iter_mut();
            if let Some(first) = octets.next() {
                *first = if there { *first | kept } else { *first & !kept };
            }
            octets.for_each(|octet| *octet = if there { u8::MAX } else { 0 });
        }
        self.nulls = self.nulls.saturating_add(if there { 0 } else { count });
        self.filled = to;
    }

    /// Settles the next row as there.
    #[inline]
    pub(super) fn there(&mut self) {
        if self.nulls == 0 {
            self.filled = self.filled.saturating_add(1);
            return;
        }
        let (octet, bit) = (self.filled / 8, self.filled % 8);
        match self.bits.get_mut(octet) {
            // What stands above is of a longer use before.
            Some(octet) => *octet = *octet & !u8::MAX.unbounded_shl(u32::try_from(bit).unwrap_or(0)) | 1 << bit,
            None => self.bits.push(1 << bit),
        }
        self.filled = self.filled.saturating_add(1);
    }

    /// Settles the next `count` rows, 64 at most, by a bit each.
    pub(super) fn push(&mut self, mask: u64, count: usize) {
        let all = u64::MAX.unbounded_shr(64_u32.saturating_sub(u32::try_from(count).unwrap_or(0)));
        let mask = mask & all;
        if mask == all {
            return self.extend(count, true);
        }
        self.need_bits();
        let (from, to) = (self.filled, self.filled.saturating_add(count));
        self.reach(to.div_ceil(8));
        let shifted = u128::from(mask) << (from % 8);
        let kept = u8::MAX.unbounded_shl(u32::try_from(from % 8).unwrap_or(0));
        let octets = self.bits.get_mut(from / 8..to.div_ceil(8)).unwrap_or_default();
        for (number, (octet, bits)) in octets.iter_mut().zip(shifted.to_le_bytes()).enumerate() {
            *octet = if number == 0 { (*octet & !kept) | bits } else { bits };
        }
        let there = usize::try_from(mask.count_ones()).unwrap_or(0);
        self.nulls = self.nulls.saturating_add(count.saturating_sub(there));
        self.filled = to;
    }

    /// Starts over; keeps what is allocated.
    pub(super) const fn clear(&mut self) {
        (self.filled, self.nulls) = (0, 0);
    }

    /// Writes down that all rows so far are there, where that was not needed yet.
    fn need_bits(&mut self) {
        if self.nulls == 0 {
            let octets = self.filled.div_ceil(8);
            self.reach(octets);
            self.bits.get_mut(..octets).unwrap_or_default().fill(u8::MAX);
        }
    }

    fn reach(&mut self, octets: usize) {
        if self.bits.len() < octets {
            self.bits.resize(octets, 0);
        }
    }

    /// Takes memory for bits; of none.
    pub(super) fn reuse(&mut self, bits: Option<Vec<u8>>) {
        if let Some(bits) = bits.filter(|bits| self.bits.capacity() < bits.capacity()) {
            self.bits = bits;
        }
        self.clear();
    }

    pub(super) fn into_parts(self) -> (Option<Vec<u8>>, usize) {
        let Self { mut bits, filled, nulls } = self;
        bits.truncate(filled.div_ceil(8));
        ((nulls != 0).then_some(bits), nulls)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a list of truths.
        #[test]
        fn bits_say_what_was_told(steps in proptest::collection::vec((any::<bool>(), any::<u64>(), 0_usize..=64), 0..40)) {
            let (mut validity, mut told) = (Validity::default(), Vec::new());
            for round in 0..2 {
                for &(run, mask, count) in &steps {
                    if count == 1 && mask % 4 == 1 {
                        validity.there();
                        told.push(true);
                    } else if run {
                        validity.extend(count, mask % 2 == 0);
                        told.extend(std::iter::repeat_n(mask % 2 == 0, count));
                    } else {
                        validity.push(mask, count);
                        told.extend((0..count).map(|at| mask >> at & 1 == 1));
                    }
                }
                prop_assert_eq!(validity.filled(), told.len());
                prop_assert_eq!(validity.nulls, told.iter().filter(|there| !**there).count());
                prop_assert!(told.iter().enumerate().all(|(row, there)| validity.get(row) == *there), "round {}", round);
                prop_assert!(!validity.get(told.len()));
                prop_assert_eq!(validity.bits().is_none(), told.iter().all(|there| *there));
                prop_assert_eq!(validity.any(), told.iter().any(|there| *there));
                validity.clear();
                told.clear();
            }
        }
    }
}
