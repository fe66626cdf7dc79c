//! Packing into quads and sums with vectors.

use super::pack::{TILE, TILE_VALUES, sums_scalar};
use std::arch::x86_64::*;

/// Rows `first..first + 8` of a tile, whose rows lie `stride` bytes apart, as quads: vector `q` holds values
/// `4q..4q + 4` of each row.
///
/// # Safety
/// The host must have AVX2, and the 8 rows of 16 bytes must lie behind `tile`.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn quads_of_rows(tile: *const u8, first: usize, stride: usize) -> [__m256i; 4] {
    // Rows r and r + 4 in one vector, so that a transposition within 128 bits gives quads of 8 rows in order.
    let row = |r: usize| {
        // SAFETY: the caller's promise; nothing needs alignment.
        let (low, high) = unsafe {
            let at = tile.add((first + r) * stride);
            (_mm_loadu_si128(at.cast()), _mm_loadu_si128(at.add(4 * stride).cast()))
        };
        _mm256_set_m128i(high, low)
    };
    let (a, b, c, d) = (row(0), row(1), row(2), row(3));
    let (ab_low, ab_high) = (_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
    let (cd_low, cd_high) = (_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
    [
        _mm256_unpacklo_epi64(ab_low, cd_low),
        _mm256_unpackhi_epi64(ab_low, cd_low),
        _mm256_unpacklo_epi64(ab_high, cd_high),
        _mm256_unpackhi_epi64(ab_high, cd_high),
    ]
}

/// Where the tiles of `len` values in rows of `block_in` start, packed and in the rows.
fn tiles(len: usize, block_in: usize) -> impl Iterator<Item = (usize, usize)> {
    let row_blocks = (0..len / (TILE * block_in)).map(move |rows| rows * TILE * block_in);
    row_blocks
        .flat_map(move |first| (0..block_in / TILE).map(move |tile| (first + tile * TILE_VALUES, first + tile * TILE)))
}

/// Packs whole elements of `block_in` columns into quads.
#[target_feature(enable = "avx2")]
pub(super) fn quads(to: &mut [u8], from: &[u8], block_in: usize) {
    let bias = _mm256_set1_epi8(-128);
    for (packed, tile) in tiles(to.len().min(from.len()), block_in) {
        for half in 0..2 {
            // SAFETY: `tiles` gives tiles whose 16 rows, `block_in` apart, and whose packed form lie inside.
            unsafe {
                let quads = quads_of_rows(from.as_ptr().add(tile), half * 8, block_in);
                for (quad, &rows) in quads.iter().enumerate() {
                    let at = to.as_mut_ptr().add(packed + quad * 64 + half * 32);
                    _mm256_storeu_si256(at.cast(), _mm256_xor_si256(rows, bias));
                }
            }
        }
    }
}

/// Packs whole elements of `block_in` columns into pairs.
#[target_feature(enable = "avx2")]
pub(super) fn pairs(to: &mut [i16], from: &[u8], block_in: usize) {
    // Each byte moves to the upper half of 16 bits, from where an arithmetic shift widens it.
    let even = _mm_setr_epi8(-1, 0, -1, 1, -1, 4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13);
    let even = _mm256_broadcastsi128_si256(even);
    let odd = _mm_setr_epi8(-1, 2, -1, 3, -1, 6, -1, 7, -1, 10, -1, 11, -1, 14, -1, 15);
    let odd = _mm256_broadcastsi128_si256(odd);
    for (packed, tile) in tiles(to.len().min(from.len()), block_in) {
        for half in 0..2 {
            // SAFETY: as in `quads`; the packed form has as many values as the tile.
            unsafe {
                let quads = quads_of_rows(from.as_ptr().add(tile), half * 8, block_in);
                for (quad, &rows) in quads.iter().enumerate() {
                    let at = to.as_mut_ptr().add(packed + quad * 64 + half * 16);
                    let first = _mm256_srai_epi16::<8>(_mm256_shuffle_epi8(rows, even));
                    let second = _mm256_srai_epi16::<8>(_mm256_shuffle_epi8(rows, odd));
                    _mm256_storeu_si256(at.cast(), first);
                    _mm256_storeu_si256(at.add(32).cast(), second);
                }
            }
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
