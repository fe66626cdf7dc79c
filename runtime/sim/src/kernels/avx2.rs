//! GEMM blocks with AVX2: products of 16-bit pairs, two vectors for the 16 lanes of an ACC group.
//!
//! AVX2 has an instruction that multiplies bytes, but it saturates; widening is what keeps every bit.

use super::gemm::{Block, Limits};
use std::arch::x86_64::*;

pub(super) const LIMITS: Limits = Limits { positions: [6, 3, 1, 0], columns_for_many: 1 };

/// Executes a block of at most [`LIMITS`].
///
/// # Safety
/// The host must have AVX2, and every combination of the block's offsets must lie in its operands.
pub(super) unsafe fn block(block: Block<'_, i16, i16>) {
    macro_rules! tiles {
        ($(($p:literal, $c:literal))*) => {
            match (block.p.len(), block.c.len()) {
                // SAFETY: the caller's promise.
                $(($p, $c) => unsafe { tile::<$p, $c>(block) },)*
                (positions, columns) => unreachable!("no kernel for {positions} × {columns}"),
            }
        };
    }
    tiles! {
        (1, 1) (2, 1) (3, 1) (4, 1) (5, 1) (6, 1)
        (1, 2) (2, 2) (3, 2)
        (1, 4)
    }
}

/// `P` positions × `C` columns in registers.
///
/// # Safety
/// As [`block`]; the block must have `P` positions and `C` columns.
#[allow(clippy::needless_range_loop, reason = "the register block is indexed by two tables at once")]
#[target_feature(enable = "avx2")]
unsafe fn tile<const P: usize, const C: usize>(block: Block<'_, i16, i16>) {
    // SAFETY: all offsets lie in the operands, by the caller's promise; loads and stores need no alignment.
    unsafe {
        let dst = |p: usize, c: usize, half: usize| {
            block.acc.offset((block.p[p].0 + block.c[c].0) as isize * 16).add(half * 8).cast::<__m256i>()
        };
        let mut sums = [[[_mm256_setzero_si256(); 2]; C]; P];
        for p in 0..P {
            for c in 0..C {
                for half in 0..2 {
                    sums[p][c][half] = _mm256_loadu_si256(dst(p, c, half));
                }
            }
        }
        let inp: [*const i16; P] = std::array::from_fn(|p| block.inp.offset(block.p[p].1 as isize * 16));
        let wgt: [*const i16; C] = std::array::from_fn(|c| block.wgt.offset(block.c[c].1 as isize * 256));
        for &(src, tile) in block.k {
            for pair in 0..8 {
                for c in 0..C {
                    let weights = wgt[c].offset(tile as isize * 256 + pair as isize * 32).cast::<__m256i>();
                    let weights = [_mm256_loadu_si256(weights), _mm256_loadu_si256(weights.add(1))];
                    for p in 0..P {
                        let inputs = inp[p].offset(src as isize * 16 + pair as isize * 2).cast::<i32>();
                        let inputs = _mm256_set1_epi32(inputs.read_unaligned());
                        for half in 0..2 {
                            let sum = &mut sums[p][c][half];
                            *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(weights[half], inputs));
                        }
                    }
                }
            }
        }
        for p in 0..P {
            for c in 0..C {
                for half in 0..2 {
                    _mm256_storeu_si256(dst(p, c, half), sums[p][c][half]);
                }
            }
        }
    }
}
