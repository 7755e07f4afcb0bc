//! AVX2: a register is 32 octets, and a shuffle takes each of its halves from 16 octets.

mod rows;
mod tiles;

use core::arch::x86_64::{
    __m256i, _mm_loadu_si128, _mm256_add_epi64, _mm256_blendv_epi8, _mm256_cmpgt_epi64, _mm256_loadu_si256, _mm256_mul_epi32,
    _mm256_mul_epu32, _mm256_or_si256, _mm256_set_m128i, _mm256_set1_epi32, _mm256_set1_epi64x, _mm256_setzero_si256,
    _mm256_shuffle_epi8, _mm256_slli_epi64, _mm256_srli_epi64, _mm256_storeu_si256, _mm256_sub_epi32, _mm256_sub_epi64,
};

use super::{Clock, Move, windows};

pub(super) use rows::Rows;
pub(super) use tiles::Tiles;

/// Octets of a register, and of a window.
const HALF: usize = 32;
const WINDOW: usize = 16;

/// Whether this processor has AVX2.
fn able() -> bool {
    is_x86_feature_detected!("avx2")
}

/// One window for the lower half of a register and one for the upper, and which octets go where.
#[derive(Debug, Clone, Copy)]
struct Windows {
    // Not above `length - WINDOW` of the kernel they belong to.
    at: [u16; 2],
    mask: [u8; HALF],
}

impl Windows {
    /// Takes nothing from the first octets of a record.
    const NONE: Self = Self { at: [0; 2], mask: [0x80; HALF] };
}

/// The windows that bring `moves` into one register; `None` when there are moves that cross the middle, or run past `length`.
fn windows_of(moves: &[Move], length: usize) -> Option<Vec<Windows>> {
    let mut of_register: Vec<Windows> = Vec::new();
    for half in 0..HALF / WINDOW {
        let of_half = || moves.iter().copied().filter(|step| step.to / WINDOW == half);
        let starts = windows(of_half(), WINDOW, length);
        of_register.resize(of_register.len().max(starts.len()), Windows::NONE);
        for (start, windows) in starts.iter().zip(&mut of_register) {
            *windows.at.get_mut(half)? = u16::try_from(*start).ok()?;
        }
        for step in of_half() {
            let covers =
                |start: &usize| *start <= step.from && step.from.saturating_add(step.len) <= start.saturating_add(WINDOW);
            let number = starts.iter().position(covers)?;
            let windows = of_register.get_mut(number)?;
            for (from, to) in step.octets() {
                *windows.mask.get_mut(to).filter(|_| to / WINDOW == half)? =
                    u8::try_from(from.checked_sub(*starts.get(number)?)?).ok()?;
            }
        }
    }
    Some(of_register)
}

/// Numbers times `by`; those above `most` are held at the end.
#[inline]
#[target_feature(enable = "avx2")]
fn scaled(numbers: __m256i, by: __m256i, most: __m256i) -> __m256i {
    // There is no comparison of unsigned numbers: those of 2^63 and more are negative here.
    let negative = _mm256_cmpgt_epi64(_mm256_setzero_si256(), numbers);
    let over = _mm256_or_si256(negative, _mm256_cmpgt_epi64(numbers, most));
    let high = _mm256_mul_epu32(_mm256_srli_epi64::<32>(numbers), by);
    let product = _mm256_add_epi64(_mm256_mul_epu32(numbers, by), _mm256_slli_epi64::<32>(high));
    _mm256_blendv_epi8(product, _mm256_set1_epi64x(i64::MAX), over)
}

/// A [`Clock`] in every number of a register.
#[derive(Clone, Copy)]
struct Clocks {
    by: __m256i,
    from: __m256i,
    now: __m256i,
}

impl Clocks {
    #[target_feature(enable = "avx2")]
    fn new(clock: Option<Clock>) -> Self {
        // Without a clock the factor is zero too, and so are the times.
        let (by, from, now) = clock.map_or((0, 0, 0), |clock| (Clock::MILLI, clock.from, clock.now.cast_signed()));
        Self { by: _mm256_set1_epi64x(by), from: _mm256_set1_epi64x(from), now: _mm256_set1_epi32(now) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn times(&self, numbers: __m256i) -> __m256i {
        // The lower halves as signed numbers: a flow may end a little after the message was made.
        let ago = _mm256_mul_epi32(_mm256_sub_epi32(self.now, numbers), self.by);
        _mm256_sub_epi64(self.from, ago)
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
            let place = record.as_ptr().wrapping_add(usize::from(at));
            // SAFETY: an unaligned load of 16 octets, which lie within `record`, as the caller promises.
            unsafe { _mm_loadu_si128(place.cast()) }
        });
        taken = _mm256_or_si256(taken, _mm256_shuffle_epi8(_mm256_set_m128i(upper, lower), load(&both.mask)));
    }
    taken
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
