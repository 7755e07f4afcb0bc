//! Cells of columns for 8 records at a time: a frame of each record in a register, and the 8 registers transposed.
//!
//! That takes three steps: those of two records are laid side by side, which the shuffle that picks the octets does as well; then those of
//! four, and those of eight.

use core::arch::x86_64::{
    __m128i, __m512i, _mm_storel_epi64, _mm_storeu_si128, _mm_unpackhi_epi64, _mm256_storeu_si256, _mm512_castsi512_si128,
    _mm512_castsi512_si256, _mm512_extracti32x4_epi32, _mm512_extracti64x4_epi64, _mm512_loadu_epi8, _mm512_maskz_loadu_epi8,
    _mm512_maskz_permutex2var_epi8, _mm512_or_si512, _mm512_permutexvar_epi8, _mm512_shuffle_i64x2, _mm512_storeu_epi8,
    _mm512_unpackhi_epi64, _mm512_unpacklo_epi64,
};
use core::ops::Range;

use super::super::shape::{Frame, Quarter, Room, Slots, Times, quads};
use super::super::{Arena, Cell, Clock};
use super::{Clocks, LINE, able, load, scaled};

/// Records of a tile.
const RECORDS: usize = 8;

/// Octets that the windows of a frame cover at most.
const REACH: usize = 2 * LINE;

/// Columns as frames. There is one only where the processor has AVX-512 F, BW, DQ and VBMI.
#[derive(Debug, Clone)]
pub(crate) struct Tiles {
    frames: Box<[Line]>,
    room: Room,
}

/// A frame as one register of each record.
#[derive(Debug, Clone)]
struct Line {
    /// Where in a record the window begins, or the two that stand one behind the other.
    first: usize,
    two: bool,
    /// Of one window: which octets of two records are laid side by side, in the two registers that these make. Of two windows: which
    /// octets of a record its register takes, twice.
    from: [[u8; LINE]; 2],
    taken: [u64; 2],
    /// What stands in wide cells beside that: of each of them in four records.
    prefix: [[u8; LINE]; 4],
    wide: bool,
    times: Times,
    factors: [[u8; LINE]; 2],
    most: [[u8; LINE]; 2],
    arrange: [[u8; LINE]; 2],
    slots: Slots,
}

impl Tiles {
    /// `None` where the processor lacks a feature, or the moves reach too far.
    pub(in super::super) fn new(cells: &[Cell], octets: usize) -> Option<Self> {
        if !able() || cells.is_empty() {
            return None;
        }
        let first = cells.iter().map(|cell| cell.octets.from).min()?;
        let frames = Frame::pack(cells)?.iter().map(|frame| Line::new(frame, cells, first)).collect::<Option<_>>()?;
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
        for line in &self.frames {
            let fill = match (line.wide, line.two) {
                (true, false) => fill::<true, false>,
                (true, true) => fill::<true, true>,
                (false, false) => fill::<false, false>,
                (false, true) => fill::<false, true>,
            };
            #[expect(unsafe_code, reason = "a call that needs features of the processor, and leaves the bounds to its caller")]
            // SAFETY: `new` makes a value of this type only where `able` has found in this processor what `fill` is compiled with. The
            // arena has room for these rows, and for a tile.
            unsafe {
                fill(line, clock, octets, records, length, arena.place(), row);
            }
        }
    }
}

impl Line {
    /// `earliest` is where the moved octets of any frame begin.
    fn new(frame: &Frame, cells: &[Cell], earliest: usize) -> Option<Self> {
        let Range { start: begin, end } = frame.span(cells)?;
        let two = end.checked_sub(begin)? > LINE;
        // Moved back, so that no more is read behind the last octet than needs be.
        let first = begin.min(end.saturating_sub(if two { REACH } else { LINE }).max(earliest));
        let numbers = |of: fn(u32) -> i64| match frame.times {
            Times::Scale(factors) => factors.map(|factor| {
                let mut line = [0; LINE];
                line.as_chunks_mut().0.fill(of(factor).to_ne_bytes());
                line
            }),
            Times::Plain | Times::Ago => [[0; LINE]; 2],
        };
        let mut line = Self {
            first,
            two,
            from: [[0; LINE]; 2],
            taken: [0; 2],
            prefix: [[0; LINE]; 4],
            wide: frame.wide,
            times: frame.times,
            factors: numbers(i64::from),
            most: numbers(|factor| i64::MAX.checked_div(i64::from(factor)).unwrap_or(i64::MAX)),
            arrange: [frame.arrangement(cells, 0), frame.arrangement(cells, 1)],
            slots: frame.slots(cells),
        };
        for (cell, at) in frame.cells(cells) {
            if cell.mapped {
                line.prefix.get_mut(at / 16)?.as_chunks_mut::<16>().0.iter_mut().for_each(|cell| cell[10..12].fill(0xff));
            }
            for (from, to) in cell.octets.octets() {
                let (from, to) = (from.checked_sub(first)?, to.checked_add(at)?);
                if two {
                    line.take(0, from, to)?;
                    line.take(1, from, to)?;
                    continue;
                }
                // Of the first record, and of the second behind it.
                let (register, to, step) = if frame.wide { (to / 32, to % 32, 32) } else { (to / 8 % 2, to & !0b1000, 8) };
                line.take(register, from, to)?;
                line.take(register, from.checked_add(LINE)?, to.checked_add(step)?)?;
            }
        }
        Some(line)
    }

    fn take(&mut self, register: usize, from: usize, to: usize) -> Option<()> {
        *self.from.get_mut(register)?.get_mut(to)? = u8::try_from(from).ok().filter(|from| *from < 128)?;
        *self.taken.get_mut(register)? |= 1_u64.checked_shl(u32::try_from(to).ok()?)?;
        Some(())
    }
}

/// Fills the columns of a frame for so many records: `WIDE` and `TWO` are the line's, so that they are not asked for tile by tile.
///
/// # Safety
/// `place` is that of an arena in which each column of the line's slots has room for the rows from `row` on, and for a tile from there on.
#[expect(unsafe_code, reason = "the bounds are the caller's")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vbmi")]
unsafe fn fill<const WIDE: bool, const TWO: bool>(
    line: &Line,
    clock: Option<Clock>,
    octets: &[u8],
    records: usize,
    length: usize,
    place: *mut u8,
    row: usize,
) {
    let clocks = Clocks::new(clock);
    // All but the last record of a tile have whole windows, which may reach into the records behind.
    let whole = length.saturating_mul(RECORDS - 2).saturating_add(if TWO { REACH } else { LINE });
    let mut next = 0_usize;
    while next < records {
        // The last tile begins early enough to be a whole one.
        let number = next.min(records.saturating_sub(RECORDS));
        let start = number.saturating_mul(length).saturating_add(line.first);
        let copies;
        let (from, step) = match octets.get(start..) {
            Some(rest) if records >= RECORDS && rest.len() >= whole => (rest, length),
            _ => {
                copies = copied(octets, start, length, records.saturating_sub(number));
                (copies.as_flattened(), REACH)
            }
        };
        // SAFETY: behind all but the last of 8 records there are the octets of a window: so many of `rest`, and all of the copies. The tile
        // ends with the last record, or is the only one; the caller promises room for both.
        unsafe {
            tile::<WIDE, TWO>(line, &clocks, from, step, place, row.wrapping_add(number));
        }
        next = next.saturating_add(RECORDS);
    }
}

/// What the windows of some records cover from `start` on, behind the end of `octets` zeros; when there are fewer than a tile takes, the
/// last stands again.
#[cold]
#[inline(never)]
fn copied(octets: &[u8], start: usize, length: usize, records: usize) -> [[u8; REACH]; RECORDS] {
    let mut copies = [[0; REACH]; RECORDS];
    for (number, copy) in copies.iter_mut().enumerate() {
        let start = number.min(records.saturating_sub(1)).saturating_mul(length).saturating_add(start);
        copy.iter_mut().zip(octets.get(start..).unwrap_or_default()).for_each(|(to, from)| *to = *from);
    }
    copies
}

/// Fills one tile.
///
/// # Safety
/// Of 8 records, one every `length` octets, all but the last are followed by as many octets as the windows cover. `arena` is that of an arena
/// in which each column of the line's slots has room for 8 rows from `row` on.
#[expect(unsafe_code, reason = "the bounds are the caller's: checked for each load and store they take half of the time")]
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vbmi")]
unsafe fn tile<const WIDE: bool, const TWO: bool>(
    line: &Line,
    clocks: &Clocks,
    octets: &[u8],
    length: usize,
    arena: *mut u8,
    row: usize,
) {
    let window = |number: usize, behind: usize| octets.as_ptr().wrapping_add(length.wrapping_mul(number)).wrapping_add(behind);
    // SAFETY: an unaligned load of 64 octets of a window, which can be read, as the caller promises.
    let take = |number, behind| unsafe { _mm512_loadu_epi8(window(number, behind).cast()) };
    let left = octets.len().saturating_sub(length.saturating_mul(RECORDS - 1));
    let last = |behind: usize| {
        let left = u32::try_from(left.saturating_sub(behind)).unwrap_or(u32::MAX);
        // SAFETY: a masked load touches no octets but those whose bits are set, and no more are set than are left.
        unsafe { _mm512_maskz_loadu_epi8(!u64::MAX.unbounded_shl(left), window(RECORDS - 1, behind).cast()) }
    };
    let (ab, cd, ef, gh) = if TWO {
        let both = |number| [take(number, 0), take(number, LINE)];
        (
            line.pair_of_both::<WIDE>(both(0), both(1)),
            line.pair_of_both::<WIDE>(both(2), both(3)),
            line.pair_of_both::<WIDE>(both(4), both(5)),
            line.pair_of_both::<WIDE>(both(6), [last(0), last(LINE)]),
        )
    } else {
        (
            line.pair(take(0, 0), take(1, 0)),
            line.pair(take(2, 0), take(3, 0)),
            line.pair(take(4, 0), take(5, 0)),
            line.pair(take(6, 0), last(0)),
        )
    };
    // Of the first and of the last four records: every other lane or wide cell.
    let even = |ab, cd, ef, gh| [halves::<EVEN>(ab, cd), halves::<EVEN>(ef, gh)];
    let odd = |ab, cd, ef, gh| [halves::<ODD>(ab, cd), halves::<ODD>(ef, gh)];
    let fours =
        [even(ab.0, cd.0, ef.0, gh.0), odd(ab.0, cd.0, ef.0, gh.0), even(ab.1, cd.1, ef.1, gh.1), odd(ab.1, cd.1, ef.1, gh.1)];
    // SAFETY: the caller promises room for 8 rows from `row` on.
    unsafe {
        line.put::<WIDE, TWO>(clocks, &fours, arena, row);
    }
}

impl Line {
    /// Two records, of a window each, side by side.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vbmi")]
    fn pair(&self, a: __m512i, b: __m512i) -> (__m512i, __m512i) {
        let ([low, high], [of_low, of_high]) = (self.from.each_ref(), self.taken);
        let lower = _mm512_maskz_permutex2var_epi8(of_low, a, load(low), b);
        (lower, _mm512_maskz_permutex2var_epi8(of_high, a, load(high), b))
    }

    /// The same of two windows each.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vbmi")]
    fn pair_of_both<const WIDE: bool>(&self, [a, behind_a]: [__m512i; 2], [b, behind_b]: [__m512i; 2]) -> (__m512i, __m512i) {
        let ([from, _], [taken, _]) = (self.from.each_ref(), self.taken);
        let a = _mm512_maskz_permutex2var_epi8(taken, a, load(from), behind_a);
        let b = _mm512_maskz_permutex2var_epi8(taken, b, load(from), behind_b);
        if WIDE {
            (halves::<LOWER>(a, b), halves::<UPPER>(a, b))
        } else {
            (_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b))
        }
    }

    /// Writes the cells of 8 records.
    ///
    /// # Safety
    /// `arena` is that of an arena in which each column of the slots has room for 8 rows from `row` on.
    #[expect(unsafe_code, reason = "the bounds are the caller's")]
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vbmi")]
    unsafe fn put<const WIDE: bool, const TWO: bool>(
        &self,
        clocks: &Clocks,
        fours: &[[__m512i; 2]; 4],
        arena: *mut u8,
        row: usize,
    ) {
        let place = |column: usize, width: usize| arena.wrapping_add(column).wrapping_add(row.wrapping_mul(width));
        if WIDE {
            for ((column, prefix), [first, last]) in self.slots.wide.into_iter().zip(&self.prefix).zip(*fours) {
                let Some(column) = column else { continue };
                let (place, prefix) = (place(column, 16), load(prefix));
                let (first, last) = (_mm512_or_si512(prefix, first), _mm512_or_si512(prefix, last));
                // SAFETY: an unaligned store of the first 64 octets of 8 cells of 16, for which the caller promises room.
                unsafe { _mm512_storeu_epi8(place.cast(), first) };
                // SAFETY: and of the last 64.
                unsafe { _mm512_storeu_epi8(place.wrapping_add(LINE).cast(), last) };
            }
            return;
        }
        let [lanes_04, lanes_26, lanes_15, lanes_37] = *fours;
        let lower = |[first, last]: [__m512i; 2]| halves::<EVEN>(first, last);
        let upper = |[first, last]: [__m512i; 2]| halves::<ODD>(first, last);
        let times = self.times(clocks, lower(lanes_26), lower(lanes_37));
        let put = |column: Option<usize>, numbers| {
            let Some(column) = column else { return };
            // SAFETY: an unaligned store of 8 cells of 8 octets, for which the caller promises room.
            unsafe { _mm512_storeu_epi8(place(column, 8).cast(), numbers) };
        };
        let [first, second, start, end] = self.slots.longs;
        put(first, lower(lanes_04));
        put(second, lower(lanes_15));
        put(start, times.0);
        put(end, times.1);
        let put = |[first, second]: [Option<usize>; 2], cells| {
            let cells = _mm512_permutexvar_epi8(load(&QUADS), cells);
            let halves = [_mm512_castsi512_si256(cells), _mm512_extracti64x4_epi64::<1>(cells)];
            for (column, cells) in [first, second].into_iter().zip(halves) {
                let Some(column) = column else { continue };
                // SAFETY: an unaligned store of 8 cells of 4 octets, for which the caller promises room.
                unsafe { _mm256_storeu_si256(place(column, 4).cast(), cells) };
            }
        };
        let [a, b, c, d] = self.slots.quads;
        put([a, b], upper(lanes_04));
        put([c, d], upper(lanes_15));
        let octets = |column: usize, cells: __m128i| {
            // SAFETY: an unaligned store of 8 cells of an octet, for which the caller promises room.
            unsafe { _mm_storel_epi64(place(column, 1).cast(), cells) };
        };
        // Not functions: eight calls are too many to be inlined, and a register of 64 octets is handed over in memory.
        macro_rules! quarter {
            ($quarter:expr, $cells:expr) => {
                match $quarter {
                    Quarter::Free => {}
                    // SAFETY: an unaligned store of 8 cells of 2 octets, for which the caller promises room.
                    Quarter::Pair(column) => unsafe { _mm_storeu_si128(place(column, 2).cast(), $cells) },
                    Quarter::Octets(first, second) => {
                        octets(first, $cells);
                        if let Some(second) = second {
                            octets(second, _mm_unpackhi_epi64($cells, $cells));
                        }
                    }
                }
            };
        }
        macro_rules! quarters {
            ($quarters:expr, $cells:expr) => {
                let ([a, b, c, d], cells) = ($quarters, $cells);
                quarter!(a, _mm512_castsi512_si128(cells));
                quarter!(b, _mm512_extracti32x4_epi32::<1>(cells));
                quarter!(c, _mm512_extracti32x4_epi32::<2>(cells));
                quarter!(d, _mm512_extracti32x4_epi32::<3>(cells));
            };
        }
        let [a, b, c, d, e, f, g, h] = self.slots.quarters;
        let [third, fourth] = &self.arrange;
        quarters!([a, b, c, d], _mm512_permutexvar_epi8(load(third), upper(lanes_26)));
        quarters!([e, f, g, h], _mm512_permutexvar_epi8(load(fourth), upper(lanes_37)));
    }

    /// What becomes of the numbers that may be times.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vbmi")]
    fn times(&self, clocks: &Clocks, starts: __m512i, ends: __m512i) -> (__m512i, __m512i) {
        match self.times {
            Times::Plain => (starts, ends),
            Times::Scale(_) => {
                let ([of_start, of_end], [most_start, most_end]) = (self.factors.each_ref(), self.most.each_ref());
                let starts = scaled(starts, u8::MAX, load(of_start), load(most_start));
                (starts, scaled(ends, u8::MAX, load(of_end), load(most_end)))
            }
            Times::Ago => (clocks.times(starts, u8::MAX), clocks.times(ends, u8::MAX)),
        }
    }
}

/// Two cells of 4 octets in a lane.
const QUADS: [u8; LINE] = quads();

/// Two quarters of each of two registers.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vbmi")]
fn halves<const WHICH: i32>(a: __m512i, b: __m512i) -> __m512i {
    _mm512_shuffle_i64x2::<WHICH>(a, b)
}

/// The quarters 0 and 1, 2 and 3, 0 and 2, 1 and 3.
const LOWER: i32 = 0b01_00_01_00;
const UPPER: i32 = 0b11_10_11_10;
const EVEN: i32 = 0b10_00_10_00;
const ODD: i32 = 0b11_01_11_01;
