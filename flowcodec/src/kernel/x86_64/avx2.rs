//! A row is six halves of a line, 32 octets each. A half is put together from windows of 16 octets of the record, two at a time, each
//! shuffled by a mask of its own.

use core::arch::x86_64::{
    __m256i, _mm_loadu_si128, _mm256_add_epi64, _mm256_blendv_epi8, _mm256_cmpgt_epi64, _mm256_loadu_si256, _mm256_mul_epi32,
    _mm256_mul_epu32, _mm256_or_si256, _mm256_set_epi64x, _mm256_set_m128i, _mm256_set1_epi32, _mm256_set1_epi64x,
    _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_slli_epi64, _mm256_srli_epi64, _mm256_storeu_si256, _mm256_sub_epi32,
    _mm256_sub_epi64,
};

use super::{Clock, Move, PAIR, Pair, ROW, windows};

/// Octets of a register, and of a window.
const HALF: usize = 32;
const WINDOW: usize = 16;

/// Windows of each half but the first, which the message gives. Loops whose counts the compiler knows are twice as fast, so a template
/// takes the first of these shapes that it fits.
const SHAPES: [[usize; 5]; 4] = [[0, 1, 1, 1, 2], [0, 1, 1, 1, 3], [1, 1, 2, 2, 3], [3, 1, 6, 2, 11]];

/// Moves as shuffles of windows. There is one only where the processor has AVX2.
#[derive(Debug, Clone)]
pub(crate) struct Avx2 {
    // At least a window.
    length: usize,
    // As many as the shape says, half by half.
    windows: Box<[Windows]>,
    shape: usize,
    pair: Pair,
}

/// One window for the lower 16 octets of a half and one for the upper, and which octets go where.
#[derive(Debug, Clone, Copy)]
struct Windows {
    // Not above `length - WINDOW` of the kernel they belong to.
    at: [usize; 2],
    mask: [u8; HALF],
}

impl Windows {
    /// Takes nothing from the first octets of a record.
    const NONE: Self = Self { at: [0; 2], mask: [0x80; HALF] };
}

impl Avx2 {
    /// `None` where the processor lacks AVX2, or records are shorter than a window.
    pub(super) fn new(length: usize, moves: &[Move], pair: Pair) -> Option<Self> {
        if !is_x86_feature_detected!("avx2") || length < WINDOW {
            return None;
        }
        let halves = moves_of_halves(moves, length)?;
        let fits = |shape: &[usize; 5]| halves.iter().zip(shape).all(|(half, most)| half.len() <= *most);
        let shape = SHAPES.iter().position(fits)?;
        let mut windows = Vec::new();
        for (half, &count) in halves.iter().zip(SHAPES.get(shape)?) {
            windows.extend(half);
            windows.extend(core::iter::repeat_n(Windows::NONE, count.saturating_sub(half.len())));
        }
        Some(Self { length, windows: windows.into_boxed_slice(), shape, pair })
    }

    /// Heap octets it holds.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.windows)
    }

    #[inline]
    pub(super) fn run<'a>(
        &self,
        octets: &[u8],
        clock: Option<Clock>,
        prototype: &[u8; ROW],
        rows: impl Iterator<Item = &'a mut [u8; ROW]>,
    ) {
        let run = match self.shape {
            0 => fill::<_, 0, 1, 1, 1, 2>,
            1 => fill::<_, 0, 1, 1, 1, 3>,
            2 => fill::<_, 1, 1, 2, 2, 3>,
            _ => fill::<_, 3, 1, 6, 2, 11>,
        };
        #[expect(unsafe_code, reason = "a call that needs a feature of the processor")]
        // SAFETY: `new` makes a value of this type only after it has found AVX2 in this processor, the only feature that `fill` is
        // compiled with.
        unsafe {
            run(self, octets, clock, prototype, rows);
        }
    }
}

/// The windows of each half but the first; `None` when a move goes to the first half.
fn moves_of_halves(moves: &[Move], length: usize) -> Option<[Vec<Windows>; 5]> {
    let mut halves: [Vec<Windows>; 5] = Default::default();
    for lane in 0..ROW / WINDOW {
        let of_lane = || moves.iter().copied().filter(|step| step.to / WINDOW == lane);
        let starts = windows(of_lane(), WINDOW, length);
        if starts.is_empty() {
            continue;
        }
        let half = halves.get_mut((lane / 2).checked_sub(1)?)?;
        half.resize(half.len().max(starts.len()), Windows::NONE);
        for step in of_lane() {
            let covers =
                |start: &usize| *start <= step.from && step.from.saturating_add(step.len) <= start.saturating_add(WINDOW);
            let number = starts.iter().position(covers)?;
            let (start, windows) = (*starts.get(number)?, half.get_mut(number)?);
            *windows.at.get_mut(lane % 2)? = start;
            for (from, to) in step.octets() {
                *windows.mask.get_mut(to % HALF)? = u8::try_from(from.checked_sub(start)?).ok()?;
            }
        }
    }
    Some(halves)
}

#[target_feature(enable = "avx2")]
fn fill<
    'a,
    I: Iterator<Item = &'a mut [u8; ROW]>,
    const B: usize,
    const C: usize,
    const D: usize,
    const E: usize,
    const F: usize,
>(
    kernel: &Avx2,
    octets: &[u8],
    clock: Option<Clock>,
    prototype: &[u8; ROW],
    rows: I,
) {
    let ([first, second, third, fourth, fifth, sixth], _) = prototype.as_chunks::<HALF>() else { return };
    let [first, second, third, fourth, fifth, sixth] = [first, second, third, fourth, fifth, sixth].map(|half| load(half));
    let arithmetic = Arithmetic::new(kernel.pair, clock);
    let Some((b, rest)) = kernel.windows.split_first_chunk::<B>() else { return };
    let Some((c, rest)) = rest.split_first_chunk::<C>() else { return };
    let Some((d, rest)) = rest.split_first_chunk::<D>() else { return };
    let Some((e, rest)) = rest.split_first_chunk::<E>() else { return };
    let Some(f) = rest.first_chunk::<F>() else { return };
    for (row, record) in rows.zip(octets.chunks_exact(kernel.length)) {
        let taken = |windows: &[Windows]| {
            #[expect(unsafe_code, reason = "a call that leaves the bounds to its caller")]
            // SAFETY: `record` is `kernel.length` octets, and the windows are the kernel's: `new` lets none begin above `length - WINDOW`.
            unsafe {
                taken(record, windows)
            }
        };
        let numbers = taken(e);
        let numbers = match kernel.pair {
            Pair::Plain => numbers,
            Pair::Scale(_) => arithmetic.scale(numbers),
            Pair::Ago(_) => arithmetic.ago(numbers),
        };
        let ([place_1, place_2, place_3, place_4, place_5, place_6], _) = row.as_chunks_mut::<HALF>() else { return };
        store(place_1, first);
        store(place_2, _mm256_or_si256(second, taken(b)));
        store(place_3, _mm256_or_si256(third, taken(c)));
        store(place_4, _mm256_or_si256(fourth, taken(d)));
        store(place_5, _mm256_or_si256(fifth, numbers));
        store(place_6, _mm256_or_si256(sixth, taken(f)));
    }
}

/// What the windows bring from one record.
///
/// # Safety
/// No window begins above `record.len() - WINDOW`.
#[expect(unsafe_code, reason = "the bounds are the caller's: checked here they take half of the time")]
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn taken(record: &[u8], windows: &[Windows]) -> __m256i {
    let mut taken = _mm256_setzero_si256();
    for both in windows {
        let [lower, upper] = both.at.map(|at| {
            let place = record.as_ptr().wrapping_add(at);
            // SAFETY: an unaligned load of 16 octets, which lie within `record`, as the caller promises.
            unsafe { _mm_loadu_si128(place.cast()) }
        });
        taken = _mm256_or_si256(taken, _mm256_shuffle_epi8(_mm256_set_m128i(upper, lower), load(&both.mask)));
    }
    taken
}

/// The arithmetic of [`Pair`], for the half that the pair is in.
struct Arithmetic {
    lanes: __m256i,
    by: __m256i,
    /// The largest number whose product fits.
    most: __m256i,
    from: __m256i,
    now: __m256i,
}

impl Arithmetic {
    #[target_feature(enable = "avx2")]
    fn new(pair: Pair, clock: Option<Clock>) -> Self {
        let numbers = |[first, second]: [i64; 2]| {
            if PAIR.is_multiple_of(HALF) {
                _mm256_set_epi64x(0, 0, second, first)
            } else {
                _mm256_set_epi64x(second, first, 0, 0)
            }
        };
        let zero = _mm256_setzero_si256();
        let mut this = Self { lanes: zero, by: zero, most: zero, from: zero, now: zero };
        match pair {
            Pair::Plain => {}
            Pair::Scale(factors) => {
                let most = |factor: u32| i64::MAX.checked_div(i64::from(factor)).unwrap_or(0);
                this.lanes = numbers(factors.map(|factor| if factor == 0 { 0 } else { -1 }));
                this.by = numbers(factors.map(i64::from));
                this.most = numbers(factors.map(most));
            }
            Pair::Ago(told) => {
                this.lanes = numbers(told.map(|told| if told { -1 } else { 0 }));
                // Without a clock all three stay zero, and so does the result.
                if let Some(clock) = clock {
                    this.by = _mm256_set1_epi64x(Clock::MILLI);
                    this.from = _mm256_set1_epi64x(clock.from);
                    this.now = _mm256_set1_epi32(clock.now.cast_signed());
                }
            }
        }
        this
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn scale(&self, numbers: __m256i) -> __m256i {
        // There is no comparison of unsigned numbers: those of 2^63 and more are negative here.
        let negative = _mm256_cmpgt_epi64(_mm256_setzero_si256(), numbers);
        let over = _mm256_or_si256(negative, _mm256_cmpgt_epi64(numbers, self.most));
        let high = _mm256_mul_epu32(_mm256_srli_epi64::<32>(numbers), self.by);
        let product = _mm256_add_epi64(_mm256_mul_epu32(numbers, self.by), _mm256_slli_epi64::<32>(high));
        let product = _mm256_blendv_epi8(product, _mm256_set1_epi64x(i64::MAX), over);
        _mm256_blendv_epi8(numbers, product, self.lanes)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn ago(&self, numbers: __m256i) -> __m256i {
        // The lower halves as signed numbers: a flow may end a little after the message was made.
        let ago = _mm256_mul_epi32(_mm256_sub_epi32(self.now, numbers), self.by);
        _mm256_blendv_epi8(numbers, _mm256_sub_epi64(self.from, ago), self.lanes)
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(octets: &[u8; HALF]) -> __m256i {
    #[expect(unsafe_code, reason = "a load")]
    // SAFETY: an unaligned load of 32 octets, through a reference to as many.
    unsafe {
        _mm256_loadu_si256(octets.as_ptr().cast())
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(place: &mut [u8; HALF], half: __m256i) {
    #[expect(unsafe_code, reason = "a store")]
    // SAFETY: an unaligned store of 32 octets, through a unique reference to as many.
    unsafe {
        _mm256_storeu_si256(place.as_mut_ptr().cast(), half);
    }
}
