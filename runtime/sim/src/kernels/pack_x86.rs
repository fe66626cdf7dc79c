//! Packing into quads and sums with vectors.

use super::pack::{TILE, TILE_VALUES, sums_scalar};
use std::arch::x86_64::*;

/// Packs one tile, whose rows lie `stride` bytes apart, into quads.
///
/// # Safety
/// The host must have AVX2; 16 rows of 16 bytes must lie at `from`, and 256 bytes at `to`.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) unsafe fn quads_tile(to: *mut u8, from: *const u8, stride: usize) {
    // SAFETY: the caller's promise; nothing needs alignment.
    unsafe {
        let bias = _mm256_set1_epi8(-128);
        for half in 0..2 {
            // Rows r and r + 4 in one vector, so that a transposition within 128 bits gives quads of 8 rows in order.
            let row = |r: usize| {
                let at = from.add((half * 8 + r) * stride);
                let (low, high) = (_mm_loadu_si128(at.cast()), _mm_loadu_si128(at.add(4 * stride).cast()));
                _mm256_xor_si256(_mm256_set_m128i(high, low), bias)
            };
            let (a, b, c, d) = (row(0), row(1), row(2), row(3));
            let (ab_low, ab_high) = (_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
            let (cd_low, cd_high) = (_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
            let quads = [
                _mm256_unpacklo_epi64(ab_low, cd_low),
                _mm256_unpackhi_epi64(ab_low, cd_low),
                _mm256_unpacklo_epi64(ab_high, cd_high),
                _mm256_unpackhi_epi64(ab_high, cd_high),
            ];
            for (quad, &rows) in quads.iter().enumerate() {
                _mm256_storeu_si256(to.add(quad * 64 + half * 32).cast(), rows);
            }
        }
    }
}

/// Packs whole elements of `block_in` columns into quads.
#[target_feature(enable = "avx2")]
pub(super) fn quads(to: &mut [u8], from: &[u8], block_in: usize) {
    let tiles_in = block_in / TILE;
    for (to, rows) in to.chunks_exact_mut(TILE * block_in).zip(from.chunks_exact(TILE * block_in)) {
        for tile in 0..tiles_in {
            // SAFETY: both chunks hold `tiles_in` tiles; the rows of one start 16 bytes behind those of the one before.
            unsafe { quads_tile(to[tile * TILE_VALUES..].as_mut_ptr(), rows[tile * TILE..].as_ptr(), block_in) };
        }
    }
}

/// −128 times the sum of each row of `block_in` values, which are whole tiles.
#[target_feature(enable = "avx2")]
pub(super) fn sums(to: &mut [i32], from: &[i8], block_in: usize) {
    if block_in > TILE {
        for (to, row) in to.iter_mut().zip(from.chunks_exact(block_in)) {
            *to = row_sum(row);
        }
        return;
    }
    let (fours, last) = from.as_chunks::<{ 4 * TILE }>();
    let (to_fours, to_last) = to.as_chunks_mut::<4>();
    for (to, from) in to_fours.iter_mut().zip(fours) {
        let (first, second) = from.split_at(2 * TILE);
        // Lanes: rows 0 and 2 in the low half, 1 and 3 in the high one, each as two partial sums, then one.
        let partial = _mm256_hadd_epi32(partial_sums(first), partial_sums(second));
        let whole = _mm256_hadd_epi32(partial, partial);
        let (low, high) = (_mm256_castsi256_si128(whole), _mm256_extracti128_si256::<1>(whole));
        // SAFETY: four sums are 128 bits.
        unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), _mm_unpacklo_epi32(low, high)) };
    }
    sums_scalar(to_last, last, block_in);
}

/// −128 times the sums of four values each, of 32.
#[inline]
#[target_feature(enable = "avx2")]
fn partial_sums(values: &[i8]) -> __m256i {
    debug_assert_eq!(values.len(), 2 * TILE);
    let values = &values[..2 * TILE];
    // SAFETY: the slice holds 32 bytes.
    let values = unsafe { _mm256_loadu_si256(values.as_ptr().cast()) };
    _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_set1_epi8(1), values), _mm256_set1_epi16(-128))
}

#[inline]
#[target_feature(enable = "avx2")]
fn row_sum(row: &[i8]) -> i32 {
    let mut total = _mm256_setzero_si256();
    for values in row.chunks_exact(2 * TILE) {
        total = _mm256_add_epi32(total, partial_sums(values));
    }
    let halves = _mm_add_epi32(_mm256_castsi256_si128(total), _mm256_extracti128_si256::<1>(total));
    let pairs = _mm_hadd_epi32(halves, halves);
    _mm_cvtsi128_si32(_mm_hadd_epi32(pairs, pairs))
}
