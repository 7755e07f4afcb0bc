//! Rows and tiles on x86-64: by AVX-512 with byte permutes across 64 octets, or by AVX2 with shuffles of 16.

mod avx2;
mod avx512;
mod shape;

use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

use super::{Arena, Cell, Move, Number, PAIR, ROW, TILE};

/// Sends for the cache line that a value begins in, and does not wait for it: for who is about to look up many.
#[inline]
#[expect(unsafe_code, reason = "an instruction that takes a raw address")]
pub fn prefetch<T>(place: &T) {
    // SAFETY: nothing is read that a program could see, and the place is one of a value that lives. The instruction needs SSE, which every
    // x86-64 processor has.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(core::ptr::from_ref(place).cast()) }
}

/// A template's rows, compiled for the processor this runs on.
#[derive(Debug, Clone)]
pub(crate) enum Rows {
    Avx512(Box<avx512::Rows>),
    Avx2(Box<avx2::Rows>),
}

impl Rows {
    /// Compiles `moves` out of records of `length` octets. Of the two numbers at [`PAIR`] both are scaled, or both count back, where any
    /// does. `None` where the processor has neither, or a record is too short for a window.
    pub(crate) fn compile(length: usize, moves: &[Move], pair: [Number; 2]) -> Option<Self> {
        let wide = avx512::Rows::new(length, moves, pair).map(Box::new).map(Self::Avx512);
        wide.or_else(|| avx2::Rows::new(length, moves, pair).map(Box::new).map(Self::Avx2))
    }

    /// Heap octets that one of so many moves holds at most, for records of `length`.
    pub(crate) fn most_bytes(length: usize, moves: usize) -> usize {
        let wide = size_of::<avx512::Rows>();
        if avx512::takes(length) { wide } else { wide.max(avx2::Rows::most_bytes(moves)) }
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

/// Columns, compiled for the processor this runs on.
#[derive(Debug, Clone)]
pub(crate) enum Tiles {
    Avx512(avx512::Tiles),
    Avx2(avx2::Tiles),
}

impl Tiles {
    /// Compiles columns of an arena of so many octets out of records, or runs of fields in them. `None` where the processor has neither,
    /// there are no columns, or one has cells of a width that tiles do not know.
    pub(crate) fn compile(cells: &[Cell], octets: usize) -> Option<Self> {
        avx512::Tiles::new(cells, octets).map(Self::Avx512).or_else(|| avx2::Tiles::new(cells, octets).map(Self::Avx2))
    }

    /// Fills rows of the arena from `row` on with the cells of so many records, one every `length` octets. What would be read behind the
    /// end of `octets` is zero. Without a `clock` the times that need one are zero. Up to [`TILE`] rows behind the last one are written
    /// too; nothing is done where some column has no room for them.
    #[inline]
    pub(crate) fn run(&self, octets: &[u8], records: usize, length: usize, clock: Option<Clock>, arena: &mut Arena, row: usize) {
        match self {
            Self::Avx512(tiles) => tiles.run(octets, records, length, clock, arena, row),
            Self::Avx2(tiles) => tiles.run(octets, records, length, clock, arena, row),
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

/// The moment that [`Number::Ago`] counts back from.
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

    use super::super::ALIGNMENT;
    use super::*;

    /// Reckons with whole numbers.
    fn reckoned(number: Number, raw: u64, clock: Option<Clock>) -> u64 {
        let value = match number {
            Number::Plain => return raw,
            Number::Scale(factor) => i64::try_from(u128::from(raw) * u128::from(factor)).unwrap_or(i64::MAX),
            Number::Ago => clock.map_or(0, |clock| {
                let ago = clock.now.wrapping_sub(u32::try_from(raw & 0xffff_ffff).unwrap()).cast_signed();
                clock.from - i64::from(ago) * 1_000_000
            }),
        };
        value.cast_unsigned()
    }

    /// Moves octet by octet.
    fn naive(moves: &[Move], pair: [Number; 2], clock: Option<Clock>, record: &[u8], prototype: &[u8; ROW]) -> [u8; ROW] {
        let mut row = *prototype;
        for step in moves {
            for at in 0..step.len {
                let from = if step.reversed { step.from + step.len - 1 - at } else { step.from + at };
                row[step.to + at] = record[from];
            }
        }
        for (place, number) in [PAIR, PAIR + 8].into_iter().zip(pair) {
            let raw = u64::from_le_bytes(row[place..place + 8].try_into().unwrap());
            row[place..place + 8].copy_from_slice(&reckoned(number, raw, clock).to_le_bytes());
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

    fn factor() -> impl Strategy<Value = Number> {
        prop_oneof![Just(1_000_000_u32), Just(1_000_000_000), 1..u32::MAX].prop_map(Number::Scale)
    }

    fn pairs() -> impl Strategy<Value = [Number; 2]> {
        prop_oneof![
            Just([Number::Plain; 2]),
            [factor(), factor()],
            factor().prop_map(|factor| [factor, Number::Plain]),
            Just([Number::Ago; 2]),
            Just([Number::Plain, Number::Ago]),
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
            if let Some(kernel) = avx512::Rows::new(length, &moves, pair) {
                kernel.run(records, clock, &prototype, rows.iter_mut());
                prop_assert_eq!(&rows, &expected, "avx512");
            }
            rows.fill([0xaa; ROW]);
            if let Some(kernel) = avx2::Rows::new(length, &moves, pair) {
                kernel.run(records, clock, &prototype, rows.iter_mut());
                prop_assert_eq!(&rows, &expected, "avx2");
            }
        }
    }

    fn cells() -> impl Strategy<Value = Vec<Cell>> {
        let cell = (0..8_usize, any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<bool>(), factor());
        let cell = cell.prop_map(|(kind, from, len, reversed, factor)| {
            let (width, mapped, number) = [
                (1, false, Number::Plain),
                (2, false, Number::Plain),
                (4, false, Number::Plain),
                (8, false, Number::Plain),
                (16, false, Number::Plain),
                (16, true, Number::Plain),
                (8, false, factor),
                (8, false, Number::Ago),
            ][kind];
            let (to, len) = if mapped { (12, 4) } else { (0, 1 + len.index(width)) };
            Cell { octets: Move { from: 200 + from.index(229 - len), to, len, reversed }, width, mapped, number, column: 0 }
        });
        proptest::collection::vec(cell, 1..30)
    }

    proptest! {
        /// Both kernels fill the cells that the moves say, however long the records are, and read nothing behind the end.
        #[test]
        fn tiles_agree_with_the_moves(
            cells in cells(),
            clock in proptest::option::of((any::<i64>(), any::<u32>())),
            octets in proptest::collection::vec(prop_oneof![Just(0_u8), any::<u8>()], 800),
            (count, length) in (1_usize..35, prop_oneof![0_usize..200, 0_usize..40]),
        ) {
            let starts: Vec<usize> = (0..count).map(|number| number * length).collect();
            let clock = clock.and_then(|(from, now)| Clock::new(from, now));
            let octet = |at: usize| octets.get(at).copied().unwrap_or(0);
            let naive = |cell: &Cell, start: usize| {
                let mut octets = [0; 16];
                if cell.mapped {
                    octets[10..12].fill(0xff);
                }
                for at in 0..cell.octets.len {
                    let from = if cell.octets.reversed { cell.octets.len - 1 - at } else { at };
                    octets[cell.octets.to + at] = octet(start + cell.octets.from + from);
                }
                if cell.number != Number::Plain {
                    let raw = u64::from_le_bytes(octets[..8].try_into().unwrap());
                    octets[..8].copy_from_slice(&reckoned(cell.number, raw, clock).to_le_bytes());
                }
                octets[..cell.width].to_vec()
            };
            // Columns one behind the other, from some row on; behind each a row that nobody may touch.
            let (row, rows) = (starts.len() % 3, starts.len() + TILE);
            let (mut columns, mut end) = (cells.clone(), 0);
            for cell in &mut columns {
                cell.column = end;
                end += ((row + rows + 1) * cell.width).next_multiple_of(ALIGNMENT);
            }
            let check = |tiles: &Tiles, name: &str| {
                let mut arena = Arena::new(Vec::new(), end);
                arena.cells_mut::<u8>(0, end).fill(0xaa);
                tiles.run(&octets, count, length, clock, &mut arena, row);
                for cell in &columns {
                    let found = arena.cells::<u8>(cell.column, (row + rows + 1) * cell.width);
                    let (before, found) = found.split_at(row * cell.width);
                    let (found, behind) = found.split_at(rows * cell.width);
                    for (number, &start) in starts.iter().enumerate() {
                        let found = &found[number * cell.width..][..cell.width];
                        assert_eq!(found, naive(cell, start), "{name}: {cell:?} of record {number} at {start}");
                    }
                    assert!(before.iter().chain(behind).all(|octet| *octet == 0xaa), "{name}: {cell:?} is written elsewhere");
                }
                // An arena that is too small, and a row that is too far behind, are left alone.
                let mut small = Arena::new(Vec::new(), end - 1);
                tiles.run(&octets, count, length, clock, &mut small, row);
                tiles.run(&octets, count, length, clock, &mut arena, 1 << 40);
                assert!(small.cells::<u8>(0, end - 1).iter().all(|octet| *octet == 0));
            };
            if let Some(tiles) = avx512::Tiles::new(&columns, end) {
                check(&Tiles::Avx512(tiles), "avx512");
            }
            if let Some(tiles) = avx2::Tiles::new(&columns, end) {
                check(&Tiles::Avx2(tiles), "avx2");
            }
        }
    }

    #[test]
    fn columns_far_apart_are_tiles_too() {
        let octets = |from| Move { from, to: 0, len: 8, reversed: true };
        let cell = |from| Cell { octets: octets(from), width: 8, mapped: false, number: Number::Plain, column: 0 };
        assert!(Tiles::compile(&[], 1 << 10).is_none());
        for far in [88, 95, 96, 120, 121, 5_000] {
            let tiles = Tiles::compile(&[cell(7), cell(far)], 1 << 10);
            assert_eq!(tiles.is_some(), is_x86_feature_detected!("avx2"), "at {far}");
        }
    }

    #[test]
    fn what_each_kernel_cannot_do() {
        let far = [0, 70, 140].map(|from| Move { from, to: 64 + from / 70 * 16, len: 4, reversed: false });
        assert!(avx512::Rows::new(144, &far, [Number::Plain; 2]).is_none(), "three windows");
        assert!(avx2::Rows::new(15, &[], [Number::Plain; 2]).is_none(), "shorter than a window");
        assert!(
            avx2::Rows::new(16, &[Move { from: 0, to: 8, len: 8, reversed: false }], [Number::Plain; 2]).is_none(),
            "the first half"
        );
        let here = is_x86_feature_detected!("avx2");
        assert_eq!(avx2::Rows::new(144, &far, [Number::Plain; 2]).is_some(), here);
        assert_eq!(avx2::Rows::new(16, &[], [Number::Plain; 2]).is_some(), here);
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
