//! One tile: a frame of each of 8 records in a register, and the 8 registers transposed.
//!
//! That takes three steps: those of two records are laid side by side, which the shuffle that picks the octets does as well; then those of
//! four, and those of eight.

use core::arch::x86_64::{
    __m128i, __m512i, _mm_storel_epi64, _mm_storeu_si128, _mm_unpackhi_epi64, _mm256_loadu_si256, _mm256_setzero_si256,
    _mm256_storeu_si256, _mm512_castsi256_si512, _mm512_castsi512_si128, _mm512_castsi512_si256, _mm512_extracti32x4_epi32,
    _mm512_extracti64x4_epi64, _mm512_loadu_epi8, _mm512_maskz_loadu_epi8, _mm512_maskz_permutex2var_epi8, _mm512_or_si512,
    _mm512_permutexvar_epi8, _mm512_setzero_si512, _mm512_shuffle_i64x2, _mm512_storeu_epi8, _mm512_unpackhi_epi64,
    _mm512_unpacklo_epi64,
};

use super::super::shape::{Times, quads};
use super::tiles::Line;
use super::{Clocks, LINE, load, scaled};

/// Fills one tile.
///
/// # Safety
/// Of 8 records, or of 4 for `half` a tile, one every `length` octets, all but the last are followed by as many octets as the windows cover.
/// `arena` is that of an arena in which each column of the line's slots has room for 8 rows from `row` on.
#[expect(unsafe_code, reason = "the bounds are the caller's: checked for each load and store they take half of the time")]
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vbmi")]
pub(super) unsafe fn tile<const WIDE: bool, const TWO: bool>(
    line: &Line,
    clocks: &Clocks,
    octets: &[u8],
    length: usize,
    half: bool,
    arena: *mut u8,
    row: usize,
) {
    let window = |number: usize, behind: usize| octets.as_ptr().wrapping_add(length.wrapping_mul(number)).wrapping_add(behind);
    let whole = |number: usize| {
        // SAFETY: an unaligned load of 64 octets of a window, which can be read, as the caller promises.
        let first = unsafe { _mm512_loadu_epi8(window(number, 0).cast()) };
        // SAFETY: and of the 32 behind, where the windows are two.
        let second = if TWO { unsafe { _mm256_loadu_si256(window(number, LINE).cast()) } } else { _mm256_setzero_si256() };
        [first, _mm512_castsi256_si512(second)]
    };
    let last = |number: usize| {
        let left = octets.len().saturating_sub(length.wrapping_mul(number));
        let part = |behind: usize| {
            let left = u32::try_from(left.saturating_sub(behind)).unwrap_or(u32::MAX);
            // SAFETY: a masked load touches no octets but those whose bits are set, and no more are set than are left.
            unsafe { _mm512_maskz_loadu_epi8(!u64::MAX.unbounded_shl(left), window(number, behind).cast()) }
        };
        [part(0), if TWO { part(LINE) } else { _mm512_setzero_si512() }]
    };
    let pair = |a, b| if TWO { line.pair_of_both::<WIDE>(a, b) } else { line.pair(a, b) };
    let ab = pair(whole(0), whole(1));
    let (cd, ef, gh) = if half {
        // Nobody asks what the other rows hold.
        let cd = pair(whole(2), last(3));
        (cd, ab, cd)
    } else {
        (pair(whole(2), whole(3)), pair(whole(4), whole(5)), pair(whole(6), last(7)))
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
    fn pair(&self, [a, _]: [__m512i; 2], [b, _]: [__m512i; 2]) -> (__m512i, __m512i) {
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
        let [third, fourth] = &self.arrange;
        let third = _mm512_permutexvar_epi8(load(third), upper(lanes_26));
        let fourth = _mm512_permutexvar_epi8(load(fourth), upper(lanes_37));
        let pair = |column: usize, cells: __m128i| {
            // SAFETY: an unaligned store of 8 cells of 2 octets, for which the caller promises room.
            unsafe { _mm_storeu_si128(place(column, 2).cast(), cells) };
        };
        let octets = |column: usize, cells: __m128i| {
            // SAFETY: an unaligned store of 8 cells of an octet, for which the caller promises room.
            unsafe { _mm_storel_epi64(place(column, 1).cast(), cells) };
        };
        let small = &self.slots.small;
        // One way through for each number of pairs, so that nothing is asked of each quarter but whether it is the last. Not functions: a
        // register of 64 octets is handed over in memory.
        macro_rules! quarters {
            ($pairs:literal: $($number:literal $cells:expr),*) => {'quarters: {$(
                if $number >= small.quarters {
                    break 'quarters;
                }
                let ([first, second], cells) = (small.columns[$number], $cells);
                if $number < $pairs {
                    pair(first, cells);
                } else {
                    // The first comes last: where there is no second, it is the same column.
                    octets(second, _mm_unpackhi_epi64(cells, cells));
                    octets(first, cells);
                }
            )*}};
        }
        macro_rules! ways {
            ($($pairs:literal)*) => {
                match small.pairs {$(
                    $pairs => quarters!(
                        $pairs: 0 _mm512_castsi512_si128(third),
                        1 _mm512_extracti32x4_epi32::<1>(third),
                        2 _mm512_extracti32x4_epi32::<2>(third),
                        3 _mm512_extracti32x4_epi32::<3>(third),
                        4 _mm512_castsi512_si128(fourth),
                        5 _mm512_extracti32x4_epi32::<1>(fourth),
                        6 _mm512_extracti32x4_epi32::<2>(fourth),
                        7 _mm512_extracti32x4_epi32::<3>(fourth)
                    ),
                )*
                    _ => {}
                }
            };
        }
        ways!(0 1 2 3 4 5 6 7 8);
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
