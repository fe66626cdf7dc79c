//! ALU runs in vectors of 512 and of 256 bits. Both are the same loop over different intrinsics.

use super::alu::{Operand, Run};
use std::arch::x86_64::*;
use tilewright_isa::AluOpcode;

/// SHR by an amount that is not negative.
const SHIFT_RIGHT: u8 = 0x10;
/// SHR by a negative amount, given as its magnitude.
const SHIFT_LEFT: u8 = 0x11;

/// Makes the loop for one vector type. `$shr` computes SHR of `x` by `y`.
macro_rules! vector_loop {
    ($run:ident, $body:ident, $feature:literal, $vector:ty, $width:literal, $load:ident, $store:ident, $splat:ident,
     $min:ident, $max:ident, $add:ident, $mul:ident, $right:ident, $left:ident, $shr:ident) => {
        /// Executes a run.
        ///
        /// # Safety
        /// The host must have the vectors, elements be whole vectors, and all elements of the run lie behind `acc`.
        pub(super) unsafe fn $run(opcode: AluOpcode, acc: *mut i32, run: Run) {
            // SAFETY: the caller's promise.
            unsafe {
                match opcode {
                    AluOpcode::Min => $body::<{ AluOpcode::Min as u8 }>(acc, run),
                    AluOpcode::Max => $body::<{ AluOpcode::Max as u8 }>(acc, run),
                    AluOpcode::Add => $body::<{ AluOpcode::Add as u8 }>(acc, run),
                    AluOpcode::Shr => match run.operand {
                        Operand::Imm(amount) if amount >= 0 => $body::<SHIFT_RIGHT>(acc, run),
                        Operand::Imm(amount) => {
                            let operand = Operand::Imm(amount.wrapping_neg());
                            $body::<SHIFT_LEFT>(acc, Run { operand, ..run })
                        }
                        Operand::Elements { .. } => $body::<{ AluOpcode::Shr as u8 }>(acc, run),
                    },
                    AluOpcode::Mul => $body::<{ AluOpcode::Mul as u8 }>(acc, run),
                }
            }
        }

        /// # Safety
        /// As above.
        #[target_feature(enable = $feature)]
        unsafe fn $body<const OP: u8>(acc: *mut i32, run: Run) {
            let op = |x: $vector, y: $vector| match OP {
                op if op == AluOpcode::Min as u8 => $min(x, y),
                op if op == AluOpcode::Max as u8 => $max(x, y),
                op if op == AluOpcode::Add as u8 => $add(x, y),
                op if op == AluOpcode::Shr as u8 => $shr(x, y),
                SHIFT_RIGHT => $right(x, y),
                SHIFT_LEFT => $left(x, y),
                _ => $mul(x, y),
            };
            let lanes = run.lanes as isize;
            // SAFETY: the caller promises that every element lies behind `acc`; nothing needs alignment.
            unsafe {
                match run.operand {
                    Operand::Imm(imm) => {
                        let y = $splat(imm);
                        let (dst_step, whole) = (run.dst_step as isize, run.dst_step == 1);
                        // Elements side by side are one long element.
                        let (count, lanes) = if whole { (1, lanes * run.count as isize) } else { (run.count, lanes) };
                        let mut dst = acc.offset(run.dst as isize * run.lanes as isize);
                        for _ in 0..count {
                            for lane in (0..lanes).step_by($width) {
                                let at = dst.offset(lane).cast::<$vector>();
                                $store(at, op($load(at), y));
                            }
                            dst = dst.wrapping_offset(dst_step * lanes);
                        }
                    }
                    Operand::Elements { src, step } => {
                        let mut dst = acc.offset(run.dst as isize * lanes);
                        let mut src = acc.offset(src as isize * lanes);
                        let (dst_step, src_step) = (run.dst_step as isize * lanes, step as isize * lanes);
                        let whole = run.dst_step == 1 && step == 1;
                        let (count, lanes) = if whole { (1, lanes * run.count as isize) } else { (run.count, lanes) };
                        for _ in 0..count {
                            for lane in (0..lanes).step_by($width) {
                                let at = dst.offset(lane).cast::<$vector>();
                                $store(at, op($load(at), $load(src.offset(lane).cast())));
                            }
                            dst = dst.wrapping_offset(dst_step);
                            src = src.wrapping_offset(src_step);
                        }
                    }
                }
            }
        }
    };
}

vector_loop!(
    run_512,
    body_512,
    "avx512f",
    __m512i,
    16,
    _mm512_loadu_si512,
    _mm512_storeu_si512,
    _mm512_set1_epi32,
    _mm512_min_epi32,
    _mm512_max_epi32,
    _mm512_add_epi32,
    _mm512_mullo_epi32,
    _mm512_srav_epi32,
    _mm512_sllv_epi32,
    shr_512
);
vector_loop!(
    run_256,
    body_256,
    "avx2",
    __m256i,
    8,
    _mm256_loadu_si256,
    _mm256_storeu_si256,
    _mm256_set1_epi32,
    _mm256_min_epi32,
    _mm256_max_epi32,
    _mm256_add_epi32,
    _mm256_mullo_epi32,
    _mm256_srav_epi32,
    _mm256_sllv_epi32,
    shr_256
);

/// Amounts of 32 or more leave the sign or zero: that is what these shifts do with them.
#[inline]
#[target_feature(enable = "avx512f")]
fn shr_512(x: __m512i, y: __m512i) -> __m512i {
    let zero = _mm512_setzero_si512();
    let left = _mm512_sllv_epi32(x, _mm512_sub_epi32(zero, y));
    _mm512_mask_srav_epi32(left, _mm512_cmpge_epi32_mask(y, zero), x, y)
}

/// As [`shr_512`].
#[inline]
#[target_feature(enable = "avx2")]
fn shr_256(x: __m256i, y: __m256i) -> __m256i {
    let left = _mm256_sllv_epi32(x, _mm256_sub_epi32(_mm256_setzero_si256(), y));
    _mm256_blendv_epi8(_mm256_srav_epi32(x, y), left, _mm256_srai_epi32(y, 31))
}
