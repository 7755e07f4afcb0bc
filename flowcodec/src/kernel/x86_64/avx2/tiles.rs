//! Cells of columns for 4 records at a time: a frame of each record in two registers, and those of the 4 records transposed.

use core::arch::x86_64::{
    __m256i, _mm_storeu_si128, _mm256_castsi256_si128, _mm256_extract_epi64, _mm256_extracti128_si256, _mm256_or_si256,
    _mm256_permute2x128_si256, _mm256_permute4x64_epi64, _mm256_set1_epi64x, _mm256_shuffle_epi8, _mm256_storeu_si256,
    _mm256_unpackhi_epi64, _mm256_unpacklo_epi64,
};
use core::ops::Range;

use super::super::shape::{Frame, Room, Slots, Times, quads};
use super::super::{Arena, Cell, Clock, Move};
use super::{Clocks, HALF, WINDOW, Windows, able, load, scaled, taken, windows_of};

/// Records of a tile.
const RECORDS: usize = 4;

/// Octets of a record, from the first that is moved on, at most.
const REACH: usize = 128;

/// Columns as frames. There is one only where the processor has AVX2.
#[derive(Debug, Clone)]
pub(crate) struct Tiles {
    frames: Box<[Lines]>,
    room: Room,
}

/// A frame as two registers of each record.
#[derive(Debug, Clone)]
struct Lines {
    /// Where in a record the moved octets begin, and how many there are: at least a window, at most [`REACH`].
    first: usize,
    length: usize,
    // Within those octets.
    windows: [Box<[Windows]>; 2],
    /// What stands in wide cells beside what is moved.
    prefix: [[u8; HALF]; 2],
    wide: bool,
    times: Times,
    arrange: [Arrangement; 2],
    slots: Slots,
}

/// Which octets of a register its octets become: those from the same half, and from the other.
#[derive(Debug, Clone, Copy)]
struct Arrangement {
    same: [u8; HALF],
    other: [u8; HALF],
}

impl Tiles {
    /// `None` where the processor lacks AVX2, or the moves reach too far.
    pub(in super::super) fn new(cells: &[Cell], octets: usize) -> Option<Self> {
        if !able() || cells.is_empty() {
            return None;
        }
        let frames = Frame::pack(cells, REACH)?.iter().map(|frame| Lines::new(frame, cells)).collect::<Option<_>>()?;
        Some(Self { frames, room: Room::new(cells, octets)? })
    }

    #[inline]
    pub(in super::super) fn run(
        &self,
        octets: &[u8],
        records: usize,
        length: usize,
        clock: Option<Clock>,
        arena: &mut Arena,
        row: usize,
    ) {
        if records == 0 || !self.room.holds(arena, row, records.max(RECORDS)) {
            return;
        }
        #[expect(unsafe_code, reason = "a call that needs a feature of the processor, and leaves the bounds to its caller")]
        // SAFETY: `new` makes a value of this type only where `able` has found in this processor what `fill` is compiled with. The arena
        // has room for these rows, and for a tile.
        unsafe {
            fill(self, octets, records, length, clock, arena.place(), row);
        }
    }
}

impl Lines {
    fn new(frame: &Frame, cells: &[Cell]) -> Option<Self> {
        let Range { start: first, end } = frame.span(cells)?;
        let length = end.checked_sub(first)?.max(WINDOW);
        if length > REACH {
            return None;
        }
        let mut moves: [Vec<Move>; 2] = Default::default();
        let mut prefix = [[0; HALF]; 2];
        for (cell, at) in frame.cells(cells) {
            let (half, at) = (at / HALF, at % HALF);
            if cell.mapped {
                prefix.get_mut(half)?.get_mut(at..)?.get_mut(10..12)?.fill(0xff);
            }
            let from = cell.octets.from.checked_sub(first)?;
            moves.get_mut(half)?.push(Move { from, to: cell.octets.to.checked_add(at)?, ..cell.octets });
        }
        let [lower, upper] = &moves;
        Some(Self {
            first,
            length,
            windows: [windows_of(lower, length)?.into(), windows_of(upper, length)?.into()],
            prefix,
            wide: frame.wide,
            times: frame.times,
            arrange: [0, 1].map(|lane| Arrangement::new(&frame.arrangement(cells, lane))),
            slots: frame.slots(cells),
        })
    }
}

impl Arrangement {
    const fn new(from: &[u8; HALF]) -> Self {
        let mut this = Self { same: [0x80; HALF], other: [0x80; HALF] };
        let mut to = 0;
        while to < HALF {
            #[expect(clippy::as_conversions, clippy::indexing_slicing, reason = "below 32, and widening")]
            if to / WINDOW == from[to] as usize / WINDOW {
                this.same[to] = from[to] % 16;
            } else {
                this.other[to] = from[to] % 16;
            }
            to = to.wrapping_add(1);
        }
        this
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn of(&self, octets: __m256i) -> __m256i {
        let crossed = _mm256_permute4x64_epi64::<0b01_00_11_10>(octets);
        let same = _mm256_shuffle_epi8(octets, load(&self.same));
        _mm256_or_si256(same, _mm256_shuffle_epi8(crossed, load(&self.other)))
    }
}

/// Fills all tiles of so many records.
///
/// # Safety
/// `place` is that of an arena in which each column has room for the rows from `row` on, and for a tile from there on.
#[expect(unsafe_code, reason = "the bounds are the caller's")]
#[target_feature(enable = "avx2")]
unsafe fn fill(kernel: &Tiles, octets: &[u8], records: usize, length: usize, clock: Option<Clock>, place: *mut u8, row: usize) {
    let clocks = Clocks::new(clock);
    let mut copies = [[0_u8; REACH]; RECORDS];
    for lines in &kernel.frames {
        let mut next = 0_usize;
        while next < records {
            // The last tile begins early enough to be a whole one; of fewer records the last stands again.
            let number = next.min(records.saturating_sub(RECORDS));
            let last = records.saturating_sub(1);
            let mut from: [&[u8]; RECORDS] = [&[]; RECORDS];
            for (number, (record, copy)) in (number..).zip(from.iter_mut().zip(&mut copies)) {
                let start = number.min(last).saturating_mul(length).saturating_add(lines.first);
                *record = match octets.get(start..start.saturating_add(lines.length)) {
                    Some(record) => record,
                    None => copied(copy, octets.get(start..).unwrap_or_default()),
                };
            }
            // SAFETY: a record is `lines.length` octets, or the `REACH` octets of a copy, which are not fewer. The tile ends with the last
            // record, or is the only one; the caller promises room for both.
            unsafe {
                tile(lines, &clocks, from, place, row.wrapping_add(number));
            }
            next = next.saturating_add(RECORDS);
        }
    }
}

/// A copy of the last octets of a set, behind which there are zeros.
#[inline(never)]
fn copied<'c>(copy: &'c mut [u8; REACH], octets: &[u8]) -> &'c [u8] {
    *copy = [0; REACH];
    copy.iter_mut().zip(octets).for_each(|(to, from)| *to = *from);
    copy
}

/// Fills one tile.
///
/// # Safety
/// Records have at least `lines.length` octets. `arena` is that of an arena in which each column of the lines' slots has room for 4 rows
/// from `row` on.
#[expect(unsafe_code, reason = "the bounds are the caller's: checked for each load and store they take half of the time")]
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn tile(lines: &Lines, clocks: &Clocks, records: [&[u8]; RECORDS], arena: *mut u8, row: usize) {
    let registers = |windows: &[Windows], prefix: &[u8; HALF]| {
        let take = |record: &[u8]| {
            // SAFETY: the record has at least `lines.length` octets, as the caller promises, and `windows_of` lets no window begin above
            // `length - WINDOW`.
            let taken = unsafe { taken(record, windows) };
            _mm256_or_si256(load(prefix), taken)
        };
        let [a, b, c, d] = records;
        [take(a), take(b), take(c), take(d)]
    };
    let place = |column: usize, width: usize| arena.wrapping_add(column).wrapping_add(row.wrapping_mul(width));
    let ([lower, upper], [of_lower, of_upper]) = (&lines.windows, &lines.prefix);
    if lines.wide {
        let put = |column: Option<usize>, first, last| {
            let Some(place) = column.map(|column| place(column, 16)) else { return };
            // SAFETY: an unaligned store of the first 32 octets of 4 cells of 16, for which the caller promises room.
            unsafe { _mm256_storeu_si256(place.cast(), first) };
            // SAFETY: and of the last 32.
            unsafe { _mm256_storeu_si256(place.wrapping_add(HALF).cast(), last) };
        };
        let both = |first, second, [a, b, c, d]: [__m256i; 4]| {
            put(first, halves::<LOWER>(a, b), halves::<LOWER>(c, d));
            put(second, halves::<UPPER>(a, b), halves::<UPPER>(c, d));
        };
        let [first, second, third, fourth] = lines.slots.wide;
        both(first, second, registers(lower, of_lower));
        both(third, fourth, registers(upper, of_upper));
        return;
    }
    let [first, second, mut start, mut end] = transposed(registers(lower, of_lower));
    match lines.times {
        Times::Plain => {}
        Times::Scale([of_start, of_end]) => {
            (start, end) = (scaled_by(start, of_start), scaled_by(end, of_end));
        }
        Times::Ago => (start, end) = (clocks.times(start), clocks.times(end)),
    }
    for (column, numbers) in lines.slots.longs.into_iter().zip([first, second, start, end]) {
        let Some(column) = column else { continue };
        // SAFETY: an unaligned store of 4 cells of 8 octets, for which the caller promises room.
        unsafe { _mm256_storeu_si256(place(column, 8).cast(), numbers) };
    }
    let [first, second, third, fourth] = transposed(registers(upper, of_upper));
    let (first, second) = (QUADS.of(first), QUADS.of(second));
    let quads = [
        _mm256_castsi256_si128(first),
        _mm256_extracti128_si256::<1>(first),
        _mm256_castsi256_si128(second),
        _mm256_extracti128_si256::<1>(second),
    ];
    for (column, cells) in lines.slots.quads.into_iter().zip(quads) {
        let Some(column) = column else { continue };
        // SAFETY: an unaligned store of 4 cells of 4 octets, for which the caller promises room.
        unsafe { _mm_storeu_si128(place(column, 4).cast(), cells) };
    }
    let [of_third, of_fourth] = &lines.arrange;
    let (third, fourth) = (of_third.of(third), of_fourth.of(fourth));
    let quarters = [
        _mm256_extract_epi64::<0>(third),
        _mm256_extract_epi64::<1>(third),
        _mm256_extract_epi64::<2>(third),
        _mm256_extract_epi64::<3>(third),
        _mm256_extract_epi64::<0>(fourth),
        _mm256_extract_epi64::<1>(fourth),
        _mm256_extract_epi64::<2>(fourth),
        _mm256_extract_epi64::<3>(fourth),
    ];
    let small = &lines.slots.small;
    for (number, ([first, second], cells)) in small.columns.into_iter().zip(quarters).take(small.quarters).enumerate() {
        let octets = |column: usize, cells: [u8; 4]| {
            // SAFETY: an unaligned store of 4 cells of an octet, for which the caller promises room.
            unsafe { place(column, 1).cast::<[u8; 4]>().write_unaligned(cells) };
        };
        if number < small.pairs {
            // SAFETY: an unaligned store of 4 cells of 2 octets, for which the caller promises room.
            unsafe { place(first, 2).cast::<i64>().write_unaligned(cells) };
        } else {
            // The first comes last: where there is no second, it is the same column.
            let [a, b, c, d, e, f, g, h] = cells.to_ne_bytes();
            octets(second, [e, f, g, h]);
            octets(first, [a, b, c, d]);
        }
    }
}

/// Two cells of 4 octets in a lane.
const QUADS: Arrangement = Arrangement::new(&quads());

/// Numbers times a factor, held at the end.
#[inline]
#[target_feature(enable = "avx2")]
fn scaled_by(numbers: __m256i, factor: u32) -> __m256i {
    let most = i64::MAX.checked_div(i64::from(factor)).unwrap_or(i64::MAX);
    scaled(numbers, _mm256_set1_epi64x(i64::from(factor)), _mm256_set1_epi64x(most))
}

/// Takes 4 registers of 4 numbers for a square, and turns it on its diagonal.
#[inline]
#[target_feature(enable = "avx2")]
fn transposed([a, b, c, d]: [__m256i; 4]) -> [__m256i; 4] {
    // Pairs of records: the numbers 0 and 2 of both, and 1 and 3.
    let (ab_even, ab_odd) = (_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
    let (cd_even, cd_odd) = (_mm256_unpacklo_epi64(c, d), _mm256_unpackhi_epi64(c, d));
    [
        halves::<LOWER>(ab_even, cd_even),
        halves::<LOWER>(ab_odd, cd_odd),
        halves::<UPPER>(ab_even, cd_even),
        halves::<UPPER>(ab_odd, cd_odd),
    ]
}

/// A half of each of two registers.
#[inline]
#[target_feature(enable = "avx2")]
fn halves<const WHICH: i32>(a: __m256i, b: __m256i) -> __m256i {
    _mm256_permute2x128_si256::<WHICH>(a, b)
}

/// The lower halves, and the upper.
const LOWER: i32 = 0x20;
const UPPER: i32 = 0x31;
