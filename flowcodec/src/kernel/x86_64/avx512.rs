//! A row is three lines of 64 octets, and a line one permute: out of one window of the record, or out of two.

use core::arch::x86_64::{
    __m512i, _mm512_loadu_epi8, _mm512_mask_cmpgt_epu64_mask, _mm512_mask_mov_epi64, _mm512_mask_mullo_epi64,
    _mm512_mask_sub_epi64, _mm512_maskz_loadu_epi8, _mm512_maskz_permutex2var_epi8, _mm512_maskz_permutexvar_epi8,
    _mm512_mul_epi32, _mm512_or_si512, _mm512_set1_epi32, _mm512_set1_epi64, _mm512_storeu_epi8, _mm512_sub_epi32,
};

use super::{Clock, Move, PAIR, Pair, ROW, windows};

/// Octets of a register.
const LINE: usize = 64;

/// Moves as permutes of whole lines. There is one only where the processor has AVX-512 F, BW, DQ and VBMI.
#[derive(Debug, Clone)]
pub(crate) struct Avx512 {
    length: usize,
    /// Where the windows begin; twice the same when there is one.
    windows: [usize; 2],
    /// Which octet of the windows each octet of a line is, and which octets come from the record at all.
    from: [[u8; LINE]; 3],
    taken: [u64; 3],
    pair: Pair,
    // The pair among the numbers of the last line, its factors there, and the largest numbers whose products fit.
    lanes: u8,
    by: [u8; LINE],
    most: [u8; LINE],
}

impl Avx512 {
    /// `None` where the processor lacks a feature, or two windows do not cover the moves.
    pub(super) fn new(length: usize, moves: &[Move], pair: Pair) -> Option<Self> {
        let able = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vbmi");
        let starts = windows(moves.iter().copied(), LINE, length);
        let [first, second] = match *starts {
            [] => [0, 0],
            [first] => [first, first],
            [first, second] => [first, second],
            _ => return None,
        };
        if !able || length == 0 {
            return None;
        }
        let (windows, nothing) = ([first, second], [0; LINE]);
        let mut kernel = Self { length, windows, from: [nothing; 3], taken: [0; 3], pair, lanes: 0, by: nothing, most: nothing };
        let (factors, told) = match pair {
            Pair::Plain => ([0; 2], [false; 2]),
            Pair::Scale(factors) => (factors, factors.map(|factor| factor != 0)),
            Pair::Ago(told) => ([0; 2], told),
        };
        for (number, (factor, _)) in (PAIR % LINE / 8..).zip(factors.into_iter().zip(told)).filter(|(_, (_, told))| *told) {
            kernel.lanes |= 1 << number;
            let most = i64::MAX.checked_div(i64::from(factor)).unwrap_or(0);
            *kernel.by.as_chunks_mut().0.get_mut(number)? = u64::from(factor).to_ne_bytes();
            *kernel.most.as_chunks_mut().0.get_mut(number)? = most.to_ne_bytes();
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
    pub(super) fn run<'a>(
        &self,
        octets: &[u8],
        clock: Option<Clock>,
        prototype: &[u8; ROW],
        rows: impl Iterator<Item = &'a mut [u8; ROW]>,
    ) {
        let [first, second] = self.windows;
        let run = match (first != second, self.pair) {
            (false, Pair::Plain) => fill::<_, false, PLAIN>,
            (false, Pair::Scale(_)) => fill::<_, false, SCALE>,
            (false, Pair::Ago(_)) => fill::<_, false, AGO>,
            (true, Pair::Plain) => fill::<_, true, PLAIN>,
            (true, Pair::Scale(_)) => fill::<_, true, SCALE>,
            (true, Pair::Ago(_)) => fill::<_, true, AGO>,
        };
        #[expect(unsafe_code, reason = "a call that needs features of the processor")]
        // SAFETY: `new` makes a value of this type only after it has found AVX-512 F, BW, DQ and VBMI in this processor, and these are
        // the features that `fill` is compiled with.
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
    kernel: &Avx512,
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
    // Without a clock the factor is zero too, and so are the times.
    let (by, start, now) = match clock {
        Some(clock) => (Clock::MILLI, clock.from, clock.now),
        None => (0, 0, 0),
    };
    let (by, start, now) = (_mm512_set1_epi64(by), _mm512_set1_epi64(start), _mm512_set1_epi32(now.cast_signed()));
    for (row, record) in rows.zip(octets.chunks_exact(kernel.length)) {
        let lower = window(record.get(first..).unwrap_or_default());
        let upper = if TWO { window(record.get(second..).unwrap_or_default()) } else { lower };
        let pick = |taken, from| {
            if TWO {
                _mm512_maskz_permutex2var_epi8(taken, lower, from, upper)
            } else {
                _mm512_maskz_permutexvar_epi8(taken, from, lower)
            }
        };
        let numbers = pick(taken_2, from_2);
        let numbers = match ARITHMETIC {
            SCALE => {
                let over = _mm512_mask_cmpgt_epu64_mask(kernel.lanes, numbers, load(&kernel.most));
                let products = _mm512_mask_mullo_epi64(numbers, kernel.lanes, numbers, load(&kernel.by));
                _mm512_mask_mov_epi64(products, over, _mm512_set1_epi64(i64::MAX))
            }
            AGO => {
                // The lower halves as signed numbers: a flow may end a little after the message was made.
                let ago = _mm512_mul_epi32(_mm512_sub_epi32(now, numbers), by);
                _mm512_mask_sub_epi64(numbers, kernel.lanes, start, ago)
            }
            _ => numbers,
        };
        let ([place_0, place_1, place_2], _) = row.as_chunks_mut::<LINE>() else { return };
        store(place_0, _mm512_or_si512(line_0, pick(taken_0, from_0)));
        store(place_1, _mm512_or_si512(line_1, pick(taken_1, from_1)));
        store(place_2, _mm512_or_si512(line_2, numbers));
    }
}

/// The first 64 octets; of fewer, those and zeros.
#[inline]
#[target_feature(enable = "avx512bw")]
fn window(octets: &[u8]) -> __m512i {
    match octets.first_chunk() {
        Some(octets) => load(octets),
        None => load_tail(octets),
    }
}

#[inline]
#[target_feature(enable = "avx512bw")]
fn load_tail(octets: &[u8]) -> __m512i {
    let missing = LINE.saturating_sub(octets.len());
    let mask = u64::MAX.unbounded_shr(u32::try_from(missing).unwrap_or(u32::MAX));
    #[expect(unsafe_code, reason = "a load")]
    // SAFETY: `mask` has no bit at or above `octets.len()`, and what a masked load does not take it does not touch.
    unsafe {
        _mm512_maskz_loadu_epi8(mask, octets.as_ptr().cast())
    }
}

#[inline]
#[target_feature(enable = "avx512bw")]
fn load(octets: &[u8; LINE]) -> __m512i {
    #[expect(unsafe_code, reason = "a load")]
    // SAFETY: an unaligned load of 64 octets, through a reference to as many.
    unsafe {
        _mm512_loadu_epi8(octets.as_ptr().cast())
    }
}

#[inline]
#[target_feature(enable = "avx512bw")]
fn store(place: &mut [u8; LINE], line: __m512i) {
    #[expect(unsafe_code, reason = "a store")]
    // SAFETY: an unaligned store of 64 octets, through a unique reference to as many.
    unsafe {
        _mm512_storeu_epi8(place.as_mut_ptr().cast(), line);
    }
}
