//! AVX-512 with byte permutes (VBMI): a register is 64 octets, and one permute takes each of them from anywhere in one or two others.

mod rows;
mod tile;
mod tiles;

use core::arch::x86_64::{
    __m512i, __mmask8, _mm512_loadu_epi8, _mm512_mask_cmpgt_epu64_mask, _mm512_mask_mov_epi64, _mm512_mask_mullo_epi64,
    _mm512_mask_sub_epi64, _mm512_maskz_loadu_epi8, _mm512_mul_epi32, _mm512_set1_epi32, _mm512_set1_epi64, _mm512_storeu_epi8,
    _mm512_sub_epi32,
};

use super::Clock;

pub(super) use rows::Rows;
pub(super) use tiles::Tiles;

/// Octets of a register.
const LINE: usize = 64;

/// Whether this processor has AVX-512 F, BW, DQ and VBMI, and may use it: with `--cfg flowcodec_no_avx512` it does what others do.
fn able() -> bool {
    !cfg!(flowcodec_no_avx512)
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vbmi")
}

/// Whether it takes any moves of records of `length`: two windows cover all of them, though a move of 16 octets may be cut by the first.
pub(super) fn takes(length: usize) -> bool {
    able() && length != 0 && length <= 2 * LINE - 16
}

/// Of the numbers that `lanes` has a bit for: their product with `by`; those above `most` are held at the end.
#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn scaled(numbers: __m512i, lanes: __mmask8, by: __m512i, most: __m512i) -> __m512i {
    let over = _mm512_mask_cmpgt_epu64_mask(lanes, numbers, most);
    let products = _mm512_mask_mullo_epi64(numbers, lanes, numbers, by);
    _mm512_mask_mov_epi64(products, over, _mm512_set1_epi64(i64::MAX))
}

/// A [`Clock`] in every number of a register.
#[derive(Clone, Copy)]
struct Clocks {
    by: __m512i,
    from: __m512i,
    now: __m512i,
}

impl Clocks {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn new(clock: Option<Clock>) -> Self {
        // Without a clock the factor is zero too, and so are the times.
        let (by, from, now) = clock.map_or((0, 0, 0), |clock| (Clock::MILLI, clock.from, clock.now.cast_signed()));
        Self { by: _mm512_set1_epi64(by), from: _mm512_set1_epi64(from), now: _mm512_set1_epi32(now) }
    }

    /// The times of the numbers that `lanes` has a bit for.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn times(&self, numbers: __m512i, lanes: __mmask8) -> __m512i {
        // The lower halves as signed numbers: a flow may end a little after the message was made.
        let ago = _mm512_mul_epi32(_mm512_sub_epi32(self.now, numbers), self.by);
        _mm512_mask_sub_epi64(numbers, lanes, self.from, ago)
    }
}

/// The 64 octets at `at`; behind the end zeros.
#[inline]
#[target_feature(enable = "avx512bw")]
fn window(octets: &[u8], at: usize) -> __m512i {
    match octets.get(at..).and_then(|rest| rest.first_chunk()) {
        Some(octets) => load(octets),
        None => load_tail(octets.get(at..).unwrap_or_default()),
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
