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
use super::super::{Arena, Cell, Clock, Starts};
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
        starts: Starts<'_>,
        clock: Option<Clock>,
        arena: &mut Arena,
        row: usize,
    ) {
        if records == 0 || !self.room.holds(arena, row, records.max(RECORDS)) {
            return;
        }
        #[expect(unsafe_code, reason = "a call that needs features of the processor, and leaves the bounds to its caller")]
        // SAFETY: `new` makes a value of this type only where `able` has found in this processor what `fill` is compiled with. The arena
        // has room for these rows, and for a tile.
        unsafe {
            fill(self, octets, records, starts, clock, arena.place(), row);
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

    /// Octets of a record that its windows cover.
    const fn reach(&self) -> usize {
        if self.two { REACH } else { LINE }
    }
}

/// Fills all tiles of so many records.
///
/// # Safety
/// `place` is that of an arena in which each column has room for the rows from `row` on, and for a tile from there on.
#[expect(unsafe_code, reason = "the bounds are the caller's")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vbmi")]
unsafe fn fill(
    kernel: &Tiles,
    octets: &[u8],
    records: usize,
    starts: Starts<'_>,
    clock: Option<Clock>,
    place: *mut u8,
    row: usize,
) {
    let clocks = Clocks::new(clock);
    for line in &kernel.frames {
        let mut next = 0_usize;
        while next < records {
            // The last tile begins early enough to be a whole one.
            let number = next.min(records.saturating_sub(RECORDS));
            let near = if records < RECORDS { None } else { near(line, octets, starts, number) };
            let (places, left) = match near {
                Some(places) => (places, None),
                None => edge(line, octets, starts, number..records),
            };
            // SAFETY: `near` gives places that are followed by as many octets as the windows cover, and `edge` says of each how many are.
            // The tile ends with the last record, or is the only one; the caller promises room for both.
            unsafe {
                tile(line, &clocks, places, left, place, row.wrapping_add(number));
            }
            next = next.saturating_add(RECORDS);
        }
    }
}

/// Where in 8 records the windows begin, if all of them lie within `octets`.
#[inline]
fn near(line: &Line, octets: &[u8], starts: Starts<'_>, number: usize) -> Option<[*const u8; RECORDS]> {
    match starts {
        Starts::Every(length) => {
            let first = number.saturating_mul(length).saturating_add(line.first);
            let all = length.saturating_mul(RECORDS - 1).saturating_add(line.reach());
            if first.saturating_add(all) > octets.len() {
                return None;
            }
            let place = octets.as_ptr().wrapping_add(first);
            let step = |count: usize| place.wrapping_add(length.wrapping_mul(count));
            Some([step(0), step(1), step(2), step(3), step(4), step(5), step(6), step(7)])
        }
        Starts::Noted(..) => {
            let mut places = [octets.as_ptr(); RECORDS];
            for (at, place) in places.iter_mut().enumerate() {
                let start = starts.at(number.wrapping_add(at)).saturating_add(line.first);
                if start.saturating_add(line.reach()) > octets.len() {
                    return None;
                }
                *place = place.wrapping_add(start);
            }
            Some(places)
        }
    }
}

/// Where in 8 records the windows begin, and how many octets there are. Behind the last record it stands again.
#[inline(never)]
fn edge(
    line: &Line,
    octets: &[u8],
    starts: Starts<'_>,
    records: Range<usize>,
) -> ([*const u8; RECORDS], Option<[usize; RECORDS]>) {
    let last = records.end.saturating_sub(1);
    let (mut places, mut left) = ([octets.as_ptr(); RECORDS], [0; RECORDS]);
    for (number, (place, left)) in (records.start..).zip(places.iter_mut().zip(&mut left)) {
        if let Some(rest) = octets.get(starts.at(number.min(last)).saturating_add(line.first)..) {
            (*place, *left) = (rest.as_ptr(), rest.len());
        }
    }
    (places, Some(left))
}

/// Fills one tile.
///
/// # Safety
/// Behind each place as many octets can be read as the windows cover ([`Line::reach`]), or as many as are `left`. `arena` is that of an arena
/// in which each column of the line's slots has room for 8 rows from `row` on.
#[expect(unsafe_code, reason = "the bounds are the caller's: checked for each load and store they take half of the time")]
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vbmi")]
unsafe fn tile(
    line: &Line,
    clocks: &Clocks,
    places: [*const u8; RECORDS],
    left: Option<[usize; RECORDS]>,
    arena: *mut u8,
    row: usize,
) {
    let [a, b, c, d, e, f, g, h] = places;
    let (ab, cd, ef, gh) = match left {
        None => {
            // SAFETY: an unaligned load of 64 octets of a window, which can be read, as the caller promises.
            let take = |place: *const u8| unsafe { _mm512_loadu_epi8(place.cast()) };
            let pair = |a: *const u8, b: *const u8| {
                if line.two {
                    line.pair_of_both([take(a), take(a.wrapping_add(LINE)), take(b), take(b.wrapping_add(LINE))])
                } else {
                    line.pair(take(a), take(b))
                }
            };
            (pair(a, b), pair(c, d), pair(e, f), pair(g, h))
        }
        Some([of_a, of_b, of_c, of_d, of_e, of_f, of_g, of_h]) => {
            let take = |place: *const u8, left: usize| {
                let mask = !u64::MAX.unbounded_shl(u32::try_from(left).unwrap_or(u32::MAX));
                // SAFETY: a masked load touches no octets but those whose bits are set, and no more are set than are left.
                unsafe { _mm512_maskz_loadu_epi8(mask, place.cast()) }
            };
            let both =
                |place: *const u8, left: usize| [take(place, left), take(place.wrapping_add(LINE), left.saturating_sub(LINE))];
            let pair = |a, of_a, b, of_b| {
                if line.two {
                    let ([a, behind_a], [b, behind_b]) = (both(a, of_a), both(b, of_b));
                    line.pair_of_both([a, behind_a, b, behind_b])
                } else {
                    line.pair(take(a, of_a), take(b, of_b))
                }
            };
            (pair(a, of_a, b, of_b), pair(c, of_c, d, of_d), pair(e, of_e, f, of_f), pair(g, of_g, h, of_h))
        }
    };
    // Of the first and of the last four records: every other lane or wide cell.
    let even = |ab, cd, ef, gh| [halves::<EVEN>(ab, cd), halves::<EVEN>(ef, gh)];
    let odd = |ab, cd, ef, gh| [halves::<ODD>(ab, cd), halves::<ODD>(ef, gh)];
    let fours =
        [even(ab.0, cd.0, ef.0, gh.0), odd(ab.0, cd.0, ef.0, gh.0), even(ab.1, cd.1, ef.1, gh.1), odd(ab.1, cd.1, ef.1, gh.1)];
    // SAFETY: the caller promises room for 8 rows from `row` on.
    unsafe {
        line.put(clocks, &fours, arena, row);
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
    fn pair_of_both(&self, [a, behind_a, b, behind_b]: [__m512i; 4]) -> (__m512i, __m512i) {
        let ([from, _], [taken, _]) = (self.from.each_ref(), self.taken);
        let a = _mm512_maskz_permutex2var_epi8(taken, a, load(from), behind_a);
        let b = _mm512_maskz_permutex2var_epi8(taken, b, load(from), behind_b);
        if self.wide {
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
    unsafe fn put(&self, clocks: &Clocks, fours: &[[__m512i; 2]; 4], arena: *mut u8, row: usize) {
        let place = |column: usize, width: usize| arena.wrapping_add(column).wrapping_add(row.wrapping_mul(width));
        if self.wide {
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
        let put = |quarter: Quarter, cells: __m128i| {
            let octets = |column: usize, cells| {
                // SAFETY: an unaligned store of 8 cells of an octet, for which the caller promises room.
                unsafe { _mm_storel_epi64(place(column, 1).cast(), cells) };
            };
            match quarter {
                Quarter::Free => {}
                // SAFETY: an unaligned store of 8 cells of 2 octets, for which the caller promises room.
                Quarter::Pair(column) => unsafe { _mm_storeu_si128(place(column, 2).cast(), cells) },
                Quarter::Octets(first, second) => {
                    octets(first, cells);
                    if let Some(second) = second {
                        octets(second, _mm_unpackhi_epi64(cells, cells));
                    }
                }
            }
        };
        let all = |arrange: &[u8; LINE], [a, b, c, d]: [Quarter; 4], cells| {
            let cells = _mm512_permutexvar_epi8(load(arrange), cells);
            put(a, _mm512_castsi512_si128(cells));
            put(b, _mm512_extracti32x4_epi32::<1>(cells));
            put(c, _mm512_extracti32x4_epi32::<2>(cells));
            put(d, _mm512_extracti32x4_epi32::<3>(cells));
        };
        let [a, b, c, d, e, f, g, h] = self.slots.quarters;
        let [third, fourth] = &self.arrange;
        all(third, [a, b, c, d], upper(lanes_26));
        all(fourth, [e, f, g, h], upper(lanes_37));
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
