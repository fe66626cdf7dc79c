//! GEMM blocks with the int8 dot product of AVX-512: one vector holds the 16 lanes of an ACC group.
//!
//! The dot product is unsigned × signed. The weights are the unsigned side, 128 too large each; the bias of a position
//! takes back what that adds.

use super::gemm::{Block, Limits};
use std::arch::x86_64::*;

pub(super) const LIMITS: Limits = Limits { positions: [12, 8, 6, 2], columns_for_many: 2 };

/// Executes a block of at most [`LIMITS`].
///
/// # Safety
/// The host must have AVX-512 F and VNNI, and every combination of the block's offsets must lie in its operands.
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
        (1, 1, 4) (2, 1, 4) (3, 1, 4) (4, 1, 2) (5, 1, 2) (6, 1, 2) (7, 1, 2) (8, 1, 1) (9, 1, 1) (10, 1, 1)
        (11, 1, 1) (12, 1, 1)
        (1, 2, 4) (2, 2, 4) (3, 2, 2) (4, 2, 1) (5, 2, 1) (6, 2, 1) (7, 2, 1) (8, 2, 1)
        (1, 4, 2) (2, 4, 1) (3, 4, 1) (4, 4, 1) (5, 4, 1) (6, 4, 1)
        (1, 8, 1) (2, 8, 1)
    }
}

/// `P` positions × `C` columns in registers; the four quads of a tile are spread over `S` sums, so that enough of
/// them are under way at once.
///
/// # Safety
/// As [`block`]; the block must have `P` positions and `C` columns.
#[allow(clippy::needless_range_loop, reason = "the register block is indexed by two tables at once")]
#[target_feature(enable = "avx512f,avx512vnni")]
unsafe fn tile<const P: usize, const C: usize, const S: usize>(block: Block<'_, i8, u8>) {
    // SAFETY: all offsets lie in the operands, by the caller's promise; loads and stores need no alignment.
    unsafe {
        let dst = |p: usize, c: usize| block.acc.offset((block.p[p].0 + block.c[c].0) as isize * 16);
        let mut sums = [[[_mm512_setzero_si512(); S]; C]; P];
        for p in 0..P {
            for c in 0..C {
                let bias = _mm512_set1_epi32(block.bias[p]);
                sums[p][c][0] = _mm512_add_epi32(_mm512_loadu_si512(dst(p, c).cast()), bias);
            }
        }
        let inp: [*const i8; P] = std::array::from_fn(|p| block.inp.offset(block.p[p].1 as isize * 16));
        let wgt: [*const u8; C] = std::array::from_fn(|c| block.wgt.offset(block.c[c].1 as isize * 256));
        for &(src, tile) in block.k {
            for quad in 0..4 {
                let at = tile as isize * 256 + quad as isize * 64;
                let mut weights = [_mm512_setzero_si512(); C];
                for c in 0..C {
                    weights[c] = _mm512_loadu_si512(wgt[c].offset(at).cast());
                }
                for p in 0..P {
                    let inputs = inp[p].offset(src as isize * 16 + quad as isize * 4).cast::<i32>();
                    let inputs = _mm512_set1_epi32(inputs.read_unaligned());
                    for c in 0..C {
                        let sum = &mut sums[p][c][quad % S];
                        *sum = _mm512_dpbusd_epi32(*sum, weights[c], inputs);
                    }
                }
            }
        }
        for p in 0..P {
            for c in 0..C {
                let mut sum = sums[p][c][0];
                for part in &sums[p][c][1..] {
                    sum = _mm512_add_epi32(sum, *part);
                }
                _mm512_storeu_si512(dst(p, c).cast(), sum);
            }
        }
    }
}
