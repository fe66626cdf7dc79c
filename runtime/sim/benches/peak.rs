//! The host's own peak: a loop of the level's multiply-add instructions on registers, nothing else.

use tilewright_sim::Level;

/// Rounds of the loop.
const ROUNDS: u64 = 10_000;

/// Multiply-accumulates of the loop and the loop. `None` where the level has no such instruction.
pub fn loop_of(level: Level) -> Option<(u64, fn())> {
    #[cfg(target_arch = "x86_64")]
    match level {
        Level::Portable => None,
        Level::Avx2 => Some((ROUNDS * 12 * 16, || x86::avx2(ROUNDS))),
        Level::AvxVnni => Some((ROUNDS * 12 * 32, || x86::avx_vnni(ROUNDS))),
        Level::Avx512Vnni => Some((ROUNDS * 24 * 64, || x86::avx512(ROUNDS))),
    }
    #[cfg(not(target_arch = "x86_64"))]
    None
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::asm;
    use std::arch::x86_64::*;
    use std::hint::black_box;

    /// Keeps a register's value from being known, so that the loop cannot be shortened.
    macro_rules! opaque {
        ($class:ident, $value:expr) => {
            // SAFETY: the assembly is empty.
            unsafe { asm!("/* {0} */", inout($class) $value, options(nomem, nostack, preserves_flags)) }
        };
    }

    pub fn avx512(rounds: u64) {
        // SAFETY: the caller has found the level to be available.
        unsafe { avx512_loop(rounds) }
    }

    #[target_feature(enable = "avx512f,avx512vnni")]
    fn avx512_loop(rounds: u64) {
        let (weights, inputs) = (_mm512_set1_epi8(black_box(3)), _mm512_set1_epi8(black_box(5)));
        let mut sums = [_mm512_setzero_si512(); 24];
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = _mm512_dpbusd_epi32(*sum, weights, inputs);
                opaque!(zmm_reg, *sum);
            }
        }
        black_box(sums);
    }

    pub fn avx_vnni(rounds: u64) {
        // SAFETY: as above.
        unsafe { avx_vnni_loop(rounds) }
    }

    #[target_feature(enable = "avx2,avxvnni")]
    fn avx_vnni_loop(rounds: u64) {
        let (weights, inputs) = (_mm256_set1_epi8(black_box(3)), _mm256_set1_epi8(black_box(5)));
        let mut sums = [_mm256_setzero_si256(); 12];
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = _mm256_dpbusd_avx_epi32(*sum, weights, inputs);
                opaque!(ymm_reg, *sum);
            }
        }
        black_box(sums);
    }

    pub fn avx2(rounds: u64) {
        // SAFETY: as above.
        unsafe { avx2_loop(rounds) }
    }

    #[target_feature(enable = "avx2")]
    fn avx2_loop(rounds: u64) {
        let (mut weights, inputs) = (_mm256_set1_epi16(black_box(3)), _mm256_set1_epi16(black_box(5)));
        let mut sums = [_mm256_setzero_si256(); 12];
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(weights, inputs));
                opaque!(ymm_reg, *sum);
                opaque!(ymm_reg, weights);
            }
        }
        black_box(sums);
    }
}
