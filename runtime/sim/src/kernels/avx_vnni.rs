//! GEMM blocks with the int8 dot product of 256 bits: two vectors hold the 16 lanes of an ACC group.
//!
//! As in `avx512`, the weights are the unsigned side and the bias of a position takes back their 128.

use super::gemm::{Block, Limits};
use std::arch::x86_64::*;

pub(super) const LIMITS: Limits = Limits { positions: [6, 3, 1, 0], columns_for_many: 1 };

/// Executes a block of at most [`LIMITS`].
///
/// # Safety
/// The host must have AVX2 and AVX-VNNI, and every combination of the block's offsets must lie in its operands.
pub(super) unsafe fn block(block: Block<'_, i8, u8>) {
    macro_rules! tiles {
        ($(($p:literal, $c:literal, $split:literal))*) => {
            match (block.p.len(), block.c.len()) {
                // SAFETY: the caller's promise.
                $(($p, $c) => unsafe { tile::<$p, $c, $split>(block) },)*
                (positions, columns) => unreachable!("no kernel for {positions} × {columns}"),
            }
        };
    }
    tiles! {
        (1, 1, 4) (2, 1, 2) (3, 1, 2) (4, 1, 1) (5, 1, 1) (6, 1, 1)
        (1, 2, 2) (2, 2, 1) (3, 2, 1)
        (1, 4, 1)
    }
}

/// `P` positions × `C` columns in registers; the four quads of a tile are spread over `S` sums.
///
/// # Safety
/// As [`block`]; the block must have `P` positions and `C` columns.
#[allow(clippy::needless_range_loop, reason = "the register block is indexed by two tables at once")]
#[target_feature(enable = "avx2,avxvnni")]
unsafe fn tile<const P: usize, const C: usize, const S: usize>(block: Block<'_, i8, u8>) {
    // SAFETY: all offsets lie in the operands, by the caller's promise; loads and stores need no alignment.
    unsafe {
        let dst = |p: usize, c: usize, half: usize| {
            block.acc.offset((block.p[p].0 + block.c[c].0) as isize * 16).add(half * 8).cast::<__m256i>()
        };
        let mut sums = [[[[_mm256_setzero_si256(); S]; 2]; C]; P];
        for p in 0..P {
            for c in 0..C {
                for half in 0..2 {
                    let bias = _mm256_set1_epi32(block.bias[p]);
                    sums[p][c][half][0] = _mm256_add_epi32(_mm256_loadu_si256(dst(p, c, half)), bias);
                }
            }
        }
        let inp: [*const i8; P] = std::array::from_fn(|p| block.inp.offset(block.p[p].1 as isize * 16));
        let wgt: [*const u8; C] = std::array::from_fn(|c| block.wgt.offset(block.c[c].1 as isize * 256));
        for &(src, tile) in block.k {
            for quad in 0..4 {
                for c in 0..C {
                    let weights = wgt[c].offset(tile as isize * 256 + quad as isize * 64).cast::<__m256i>();
                    let weights = [_mm256_loadu_si256(weights), _mm256_loadu_si256(weights.add(1))];
                    for p in 0..P {
                        let inputs = inp[p].offset(src as isize * 16 + quad as isize * 4).cast::<i32>();
                        let inputs = _mm256_set1_epi32(inputs.read_unaligned());
                        for half in 0..2 {
                            let sum = &mut sums[p][c][half][quad % S];
                            *sum = _mm256_dpbusd_avx_epi32(*sum, weights[half], inputs);
                        }
                    }
                }
            }
        }
        for p in 0..P {
            for c in 0..C {
                for half in 0..2 {
                    let mut sum = sums[p][c][half][0];
                    for part in &sums[p][c][half][1..] {
                        sum = _mm256_add_epi32(sum, *part);
                    }
                    _mm256_storeu_si256(dst(p, c, half), sum);
                }
            }
        }
    }
}
