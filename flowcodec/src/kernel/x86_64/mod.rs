//! Rows by shuffle on x86-64: AVX-512 with byte permutes across 64 octets, or AVX2 with shuffles of 16.

mod avx2;
mod avx512;

use super::{Move, PAIR, Pair, ROW};
use avx2::Avx2;
use avx512::Avx512;

/// A template's moves, compiled for the processor this runs on.
#[derive(Debug, Clone)]
pub(crate) enum Rows {
    Avx512(Box<Avx512>),
    Avx2(Box<Avx2>),
}

impl Rows {
    /// Compiles `moves` out of records of `length` octets. `None` where the processor has neither, or a record is too short for a window.
    pub(crate) fn compile(length: usize, moves: &[Move], pair: Pair) -> Option<Self> {
        let wide = Avx512::new(length, moves, pair).map(Box::new).map(Self::Avx512);
        wide.or_else(|| Avx2::new(length, moves, pair).map(Box::new).map(Self::Avx2))
    }

    /// Heap octets it holds.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Avx512(rows) => size_of_val(&**rows),
            Self::Avx2(rows) => size_of_val(&**rows).saturating_add(rows.bytes()),
        }
    }

    /// Fills one row for each whole record of `octets`: what the moves bring over what `prototype` has for all of them. The prototype is
    /// zero where a move goes. Without a `clock` the times that need one stay zero.
    #[inline]
    pub(crate) fn run<'a>(
        &self,
        octets: &[u8],
        clock: Option<Clock>,
        prototype: &[u8; ROW],
        rows: impl Iterator<Item = &'a mut [u8; ROW]>,
    ) {
        match self {
            Self::Avx512(kernel) => kernel.run(octets, clock, prototype, rows),
            Self::Avx2(kernel) => kernel.run(octets, clock, prototype, rows),
        }
    }
}

impl Move {
    /// Pairs of places, in the record and in the row.
    fn octets(self) -> impl Iterator<Item = (usize, usize)> {
        (0..self.len).map(move |at| {
            let from = if self.reversed { self.len.wrapping_sub(at).wrapping_sub(1) } else { at };
            (self.from.wrapping_add(from), self.to.wrapping_add(at))
        })
    }
}

/// The moment that [`Pair::Ago`] counts back from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clock {
    /// Nanoseconds; further from both ends of `i64` than [`Clock::REACH`].
    from: i64,
    now: u32,
}

impl Clock {
    /// What half the range of the counter makes in nanoseconds.
    const REACH: i64 = (1 << 31) * Self::MILLI;
    /// Nanoseconds in a tick.
    const MILLI: i64 = 1_000_000;

    /// `None` where counting back might leave the range: the portable executor holds such times at the end.
    pub(crate) const fn new(from: i64, now: u32) -> Option<Self> {
        if from.checked_add(Self::REACH).is_none() || from.checked_sub(Self::REACH).is_none() {
            return None;
        }
        Some(Self { from, now })
    }
}

/// The fewest windows of `size` octets, all within `length`, that cover `moves`: where each begins. Greedy from the front, which is
/// the best there is for windows of one size.
fn windows(moves: impl Iterator<Item = Move>, size: usize, length: usize) -> Vec<usize> {
    let mut moves: Vec<Move> = moves.collect();
    moves.sort_unstable_by_key(|step| step.from);
    let last = length.saturating_sub(size);
    let mut windows: Vec<usize> = Vec::new();
    for step in moves {
        let end = step.from.saturating_add(step.len);
        if windows.last().is_none_or(|&start| end > start.saturating_add(size)) {
            windows.push(step.from.min(last));
        }
    }
    windows
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Moves octet by octet, and reckons with whole numbers.
    fn naive(moves: &[Move], pair: Pair, clock: Option<Clock>, record: &[u8], prototype: &[u8; ROW]) -> [u8; ROW] {
        let mut row = *prototype;
        for step in moves {
            for at in 0..step.len {
                let from = if step.reversed { step.from + step.len - 1 - at } else { step.from + at };
                row[step.to + at] = record[from];
            }
        }
        for number in 0..2 {
            let place = PAIR + 8 * number;
            let raw = u64::from_le_bytes(row[place..place + 8].try_into().unwrap());
            let value = match pair {
                Pair::Scale(factors) if factors[number] != 0 => {
                    i64::try_from(u128::from(raw) * u128::from(factors[number])).unwrap_or(i64::MAX)
                }
                Pair::Ago(told) if told[number] => clock.map_or(0, |clock| {
                    let ago = clock.now.wrapping_sub(u32::try_from(raw & 0xffff_ffff).unwrap()).cast_signed();
                    clock.from - i64::from(ago) * 1_000_000
                }),
                _ => continue,
            };
            row[place..place + 8].copy_from_slice(&value.to_le_bytes());
        }
        row
    }

    /// Places a plan may fill, apart from one another.
    const PLACES: [(usize, usize); 20] = [
        (48, 6),
        (54, 6),
        (60, 4),
        (64, 16),
        (80, 16),
        (96, 16),
        (112, 2),
        (114, 1),
        (117, 1),
        (128, 8),
        (136, 8),
        (144, 8),
        (152, 8),
        (160, 4),
        (164, 4),
        (168, 4),
        (176, 2),
        (178, 2),
        (186, 1),
        (191, 1),
    ];

    fn pairs() -> impl Strategy<Value = Pair> {
        let factor = || prop_oneof![Just(0_u32), Just(1_000_000), Just(1_000_000_000), 2..u32::MAX];
        prop_oneof![
            Just(Pair::Plain),
            (factor(), factor()).prop_map(|(start, end)| Pair::Scale([start, end])),
            any::<[bool; 2]>().prop_map(Pair::Ago),
        ]
    }

    proptest! {
        /// Both kernels do what the moves say, for any of them, over any number of records at any address.
        #[test]
        fn kernels_agree_with_the_moves(
            length in 1_usize..200,
            picks in proptest::collection::vec((0..PLACES.len(), 1_usize..=16, any::<prop::sample::Index>(), any::<bool>()), 0..20),
            pair in pairs(),
            clock in proptest::option::of((any::<i64>(), any::<u32>())),
            octets in proptest::collection::vec(prop_oneof![Just(0_u8), any::<u8>()], 200 * 34 + 64),
            (count, shift) in (0_usize..34, 0_usize..64),
        ) {
            let mut moves: Vec<Move> = Vec::new();
            for (place, len, from, reversed) in picks {
                let (to, width) = PLACES[place];
                let len = len.min(width).min(length);
                if !moves.iter().any(|step| step.to == to) {
                    moves.push(Move { from: from.index(length - len + 1), to, len, reversed });
                }
            }
            let clock = clock.and_then(|(from, now)| Clock::new(from, now));
            let records = &octets[shift..shift + length * count];
            let mut prototype = [0; ROW];
            prototype[8..48].copy_from_slice(&octets[..40]);
            let expected: Vec<[u8; ROW]> =
                records.chunks_exact(length).map(|record| naive(&moves, pair, clock, record, &prototype)).collect();
            let mut rows = vec![[0xaa; ROW]; count];
            if let Some(kernel) = Avx512::new(length, &moves, pair) {
                kernel.run(records, clock, &prototype, rows.iter_mut());
                prop_assert_eq!(&rows, &expected, "avx512");
            }
            rows.fill([0xaa; ROW]);
            if let Some(kernel) = Avx2::new(length, &moves, pair) {
                kernel.run(records, clock, &prototype, rows.iter_mut());
                prop_assert_eq!(&rows, &expected, "avx2");
            }
        }
    }

    #[test]
    fn what_each_kernel_cannot_do() {
        let far = [0, 70, 140].map(|from| Move { from, to: 64 + from / 70 * 16, len: 4, reversed: false });
        assert!(Avx512::new(144, &far, Pair::Plain).is_none(), "three windows");
        assert!(Avx2::new(15, &[], Pair::Plain).is_none(), "shorter than a window");
        assert!(Avx2::new(16, &[Move { from: 0, to: 8, len: 8, reversed: false }], Pair::Plain).is_none(), "the first half");
        let here = is_x86_feature_detected!("avx2");
        assert_eq!(Avx2::new(144, &far, Pair::Plain).is_some(), here);
        assert_eq!(Avx2::new(16, &[], Pair::Plain).is_some(), here);
    }

    fn step(from: usize, len: usize) -> Move {
        Move { from, to: 0, len, reversed: false }
    }

    #[test]
    fn windows_are_few_and_inside() {
        let starts = |moves: &[Move], size, length| windows(moves.iter().copied(), size, length);
        assert_eq!(starts(&[step(8, 4), step(0, 4), step(12, 4)], 16, 48), [0]);
        // The first window reaches to 16; the octets at 14 are split, and so begin the next.
        assert_eq!(starts(&[step(0, 4), step(14, 4), step(26, 4)], 16, 48), [0, 14]);
        // Moved back, so that nothing behind the record is read.
        assert_eq!(starts(&[step(44, 4)], 16, 48), [32]);
        assert_eq!(starts(&[], 16, 48), [0; 0]);
        assert_eq!(starts(&[step(3, 4)], 64, 48), [0], "the record is shorter than a window");
    }

    #[test]
    fn clocks_near_the_ends_are_refused() {
        assert!(Clock::new(0, 7).is_some());
        assert!(Clock::new(i64::MAX - Clock::REACH, 7).is_some());
        assert!(Clock::new(i64::MAX - Clock::REACH + 1, 7).is_none());
        assert!(Clock::new(i64::MIN, 7).is_none());
    }
}
