//! A row is six halves of a line, 32 octets each. A half is put together from windows of 16 octets of the record, two at a time, each
//! shuffled by a mask of its own.

use core::arch::x86_64::{__m256i, _mm256_blendv_epi8, _mm256_or_si256, _mm256_set_epi64x};

use super::super::{Clock, Move, Number, PAIR, ROW};
use super::{Clocks, HALF, WINDOW, Windows, able, load, scaled, store, taken, windows_of};

/// Windows of each half but the first, which the message gives. Loops whose counts the compiler knows are twice as fast, so a template
/// takes the first of these shapes that it fits.
const SHAPES: [[usize; 5]; 4] = [[0, 1, 1, 1, 2], [0, 1, 1, 1, 3], [1, 1, 2, 2, 3], [3, 1, 6, 2, 11]];

/// The shapes for so many moves: few have to do without the largest, whose windows would be more memory than all else of their template.
fn shapes(moves: usize) -> &'static [[usize; 5]] {
    const FEW: usize = 12;
    let [small @ .., _] = &SHAPES;
    if moves <= FEW { small } else { &SHAPES }
}

/// Moves as shuffles of windows. There is one only where the processor has AVX2.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    // At least a window.
    length: usize,
    // As many as the shape says, half by half.
    windows: Box<[Windows]>,
    shape: usize,
    pair: [Number; 2],
}

impl Rows {
    /// `None` where the processor lacks AVX2, records are shorter than a window, or a move goes to the first half.
    pub(in super::super) fn new(length: usize, moves: &[Move], pair: [Number; 2]) -> Option<Self> {
        if !able() || length < WINDOW {
            return None;
        }
        let half = |number: usize| {
            let moves = moves.iter().filter(|step| step.to / HALF == number);
            let moves: Vec<Move> = moves.map(|step| Move { to: step.to % HALF, ..*step }).collect();
            windows_of(&moves, length)
        };
        if !half(0)?.is_empty() {
            return None;
        }
        let halves = (1..ROW / HALF).map(half).collect::<Option<Vec<_>>>()?;
        let fits = |shape: &[usize; 5]| halves.iter().zip(shape).all(|(half, most)| half.len() <= *most);
        let shape = shapes(moves.len()).iter().position(fits)?;
        let mut windows = Vec::new();
        for (half, &count) in halves.iter().zip(SHAPES.get(shape)?) {
            windows.extend(half);
            windows.extend(core::iter::repeat_n(Windows::NONE, count.saturating_sub(half.len())));
        }
        Some(Self { length, windows: windows.into_boxed_slice(), shape, pair })
    }

    /// Octets that one of so many moves takes at most, its windows too: those of the largest shape that it may have.
    pub(in super::super) fn most_bytes(moves: usize) -> usize {
        let windows = shapes(moves).iter().map(|shape| shape.iter().sum::<usize>()).max().unwrap_or(0);
        size_of::<Self>().saturating_add(windows.saturating_mul(size_of::<Windows>()))
    }

    #[inline]
    pub(in super::super) fn run<'a>(
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
        // SAFETY: `new` makes a value of this type only where `able` has found in this processor what `fill` is compiled with.
        unsafe {
            run(self, octets, clock, prototype, rows);
        }
    }
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
    kernel: &Rows,
    octets: &[u8],
    clock: Option<Clock>,
    prototype: &[u8; ROW],
    rows: I,
) {
    let ([first, second, third, fourth, fifth, sixth], _) = prototype.as_chunks::<HALF>() else { return };
    let [first, second, third, fourth, fifth, sixth] = [first, second, third, fourth, fifth, sixth].map(|half| load(half));
    let arithmetic = Arithmetic::new(kernel.pair, clock);
    let scale = kernel.pair.iter().any(|number| matches!(number, Number::Scale(_)));
    let ago = kernel.pair.contains(&Number::Ago);
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
        let mut numbers = taken(e);
        if scale {
            let scaled = scaled(numbers, arithmetic.by, arithmetic.most);
            numbers = _mm256_blendv_epi8(numbers, scaled, arithmetic.scaled);
        }
        if ago {
            numbers = _mm256_blendv_epi8(numbers, arithmetic.clocks.times(numbers), arithmetic.ago);
        }
        let ([place_1, place_2, place_3, place_4, place_5, place_6], _) = row.as_chunks_mut::<HALF>() else { return };
        store(place_1, first);
        store(place_2, _mm256_or_si256(second, taken(b)));
        store(place_3, _mm256_or_si256(third, taken(c)));
        store(place_4, _mm256_or_si256(fourth, taken(d)));
        store(place_5, _mm256_or_si256(fifth, numbers));
        store(place_6, _mm256_or_si256(sixth, taken(f)));
    }
}

/// What the two numbers need, for the half they are in.
struct Arithmetic {
    /// All bits of those that are scaled, and of those that count back.
    scaled: __m256i,
    ago: __m256i,
    by: __m256i,
    most: __m256i,
    clocks: Clocks,
}

impl Arithmetic {
    #[target_feature(enable = "avx2")]
    fn new(pair: [Number; 2], clock: Option<Clock>) -> Self {
        let numbers = |of: fn(Number) -> i64| {
            let [first, second] = pair.map(of);
            if PAIR.is_multiple_of(HALF) {
                _mm256_set_epi64x(0, 0, second, first)
            } else {
                _mm256_set_epi64x(second, first, 0, 0)
            }
        };
        let factor = |number| match number {
            Number::Scale(factor) => i64::from(factor),
            _ => 0,
        };
        Self {
            scaled: numbers(|number| if matches!(number, Number::Scale(_)) { -1 } else { 0 }),
            ago: numbers(|number| if number == Number::Ago { -1 } else { 0 }),
            by: numbers(factor),
            most: numbers(|number| match number {
                Number::Scale(factor) => i64::MAX.checked_div(i64::from(factor)).unwrap_or(0),
                _ => 0,
            }),
            clocks: Clocks::new(clock),
        }
    }
}
