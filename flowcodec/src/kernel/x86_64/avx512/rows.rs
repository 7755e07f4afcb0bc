//! A row is three lines of 64 octets, and a line one permute: out of one window of the record, or out of two.

use core::arch::x86_64::{_mm512_maskz_permutex2var_epi8, _mm512_maskz_permutexvar_epi8, _mm512_or_si512};

use super::super::{Clock, Move, Number, PAIR, ROW, windows};
use super::{Clocks, LINE, able, load, scaled, store, window};

/// Moves as permutes of whole lines. There is one only where the processor has AVX-512 F, BW, DQ and VBMI.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    length: usize,
    /// Where the windows begin; twice the same when there is one.
    windows: [usize; 2],
    /// Which octet of the windows each octet of a line is, and which octets come from the record at all.
    from: [[u8; LINE]; 3],
    taken: [u64; 3],
    arithmetic: u8,
    // The pair among the numbers of the last line, its factors there, and the largest numbers whose products fit.
    lanes: u8,
    by: [u8; LINE],
    most: [u8; LINE],
}

impl Rows {
    /// `None` where the processor lacks a feature, two windows do not cover the moves, or the two numbers need different arithmetic.
    pub(in super::super) fn new(length: usize, moves: &[Move], pair: [Number; 2]) -> Option<Self> {
        let starts = windows(moves.iter().copied(), LINE, length);
        let [first, second] = match *starts {
            [] => [0, 0],
            [first] => [first, first],
            [first, second] => [first, second],
            _ => return None,
        };
        if !able() || length == 0 {
            return None;
        }
        let (windows, nothing) = ([first, second], [0; LINE]);
        let mut kernel =
            Self { length, windows, from: [nothing; 3], taken: [0; 3], arithmetic: PLAIN, lanes: 0, by: nothing, most: nothing };
        for (lane, number) in (PAIR % LINE / 8..).zip(pair) {
            let (arithmetic, factor) = match number {
                Number::Plain => continue,
                Number::Scale(factor) => (SCALE, factor),
                Number::Ago => (AGO, 0),
            };
            if kernel.arithmetic != PLAIN && kernel.arithmetic != arithmetic {
                return None;
            }
            kernel.arithmetic = arithmetic;
            kernel.lanes |= 1 << lane;
            let most = i64::MAX.checked_div(i64::from(factor)).unwrap_or(0);
            *kernel.by.as_chunks_mut().0.get_mut(lane)? = u64::from(factor).to_ne_bytes();
            *kernel.most.as_chunks_mut().0.get_mut(lane)? = most.to_ne_bytes();
        }
        for (from, to) in moves.iter().flat_map(|step| step.octets()) {
            let lower = from.checked_sub(first).filter(|&at| at < LINE);
            let upper = || from.checked_sub(second).filter(|&at| at < LINE)?.checked_add(LINE);
            *kernel.from.as_flattened_mut().get_mut(to)? = u8::try_from(lower.or_else(upper)?).ok()?;
            *kernel.taken.get_mut(to / LINE)? |= 1 << (to % LINE);
        }
        Some(kernel)
    }

    #[inline]
    pub(in super::super) fn run<'a>(
        &self,
        octets: &[u8],
        clock: Option<Clock>,
        prototype: &[u8; ROW],
        rows: impl Iterator<Item = &'a mut [u8; ROW]>,
    ) {
        let [first, second] = self.windows;
        let run = match (first != second, self.arithmetic) {
            (false, PLAIN) => fill::<_, false, PLAIN>,
            (false, SCALE) => fill::<_, false, SCALE>,
            (false, _) => fill::<_, false, AGO>,
            (true, PLAIN) => fill::<_, true, PLAIN>,
            (true, SCALE) => fill::<_, true, SCALE>,
            (true, _) => fill::<_, true, AGO>,
        };
        #[expect(unsafe_code, reason = "a call that needs features of the processor")]
        // SAFETY: `new` makes a value of this type only where `able` has found in this processor what `fill` is compiled with.
        unsafe {
            run(self, octets, clock, prototype, rows);
        }
    }
}

const PLAIN: u8 = 0;
const SCALE: u8 = 1;
const AGO: u8 = 2;

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vbmi")]
fn fill<'a, I: Iterator<Item = &'a mut [u8; ROW]>, const TWO: bool, const ARITHMETIC: u8>(
    kernel: &Rows,
    octets: &[u8],
    clock: Option<Clock>,
    prototype: &[u8; ROW],
    rows: I,
) {
    let ([line_0, line_1, line_2], _) = prototype.as_chunks::<LINE>() else { return };
    let [line_0, line_1, line_2] = [line_0, line_1, line_2].map(|line| load(line));
    let [from_0, from_1, from_2] = kernel.from.each_ref().map(|line| load(line));
    let [taken_0, taken_1, taken_2] = kernel.taken;
    let [first, second] = kernel.windows;
    let clocks = Clocks::new(clock);
    let mut rest = octets;
    for row in rows {
        let Some(behind) = rest.get(kernel.length..) else { return };
        // A window may reach into the records behind: what is not of this one is not taken.
        let lower = window(rest, first);
        let upper = if TWO { window(rest, second) } else { lower };
        rest = behind;
        let pick = |taken, from| {
            if TWO {
                _mm512_maskz_permutex2var_epi8(taken, lower, from, upper)
            } else {
                _mm512_maskz_permutexvar_epi8(taken, from, lower)
            }
        };
        let numbers = pick(taken_2, from_2);
        let numbers = match ARITHMETIC {
            SCALE => scaled(numbers, kernel.lanes, load(&kernel.by), load(&kernel.most)),
            AGO => clocks.times(numbers, kernel.lanes),
            _ => numbers,
        };
        let ([place_0, place_1, place_2], _) = row.as_chunks_mut::<LINE>() else { return };
        store(place_0, _mm512_or_si512(line_0, pick(taken_0, from_0)));
        store(place_1, _mm512_or_si512(line_1, pick(taken_1, from_1)));
        store(place_2, _mm512_or_si512(line_2, numbers));
    }
}
