//! The kernels in plain Rust: one element at a time, any block sizes. The other kernels must give the same bits.

use tilewright_isa::AluOpcode;

/// `acc[b][co] += Σ ci: inp[b][ci] · wgt[co][ci]`, wrapping, for one element of each.
pub(crate) fn gemm(acc: &mut [i32], inp: &[i8], wgt: &[i8], block_in: usize, block_out: usize) {
    for (acc, inp) in acc.chunks_exact_mut(block_out).zip(inp.chunks_exact(block_in)) {
        for (acc, wgt) in acc.iter_mut().zip(wgt.chunks_exact(block_in)) {
            let products = inp.iter().zip(wgt).map(|(&x, &w)| i32::from(x) * i32::from(w));
            *acc = products.fold(*acc, i32::wrapping_add);
        }
    }
}

/// One ALU operation on one lane.
///
/// SHR shifts by any amount: 32 or more to the right leaves the sign, to the left zero, which is what shifting one bit
/// at a time gives.
pub(crate) fn alu(opcode: AluOpcode, x: i32, y: i32) -> i32 {
    match opcode {
        AluOpcode::Min => x.min(y),
        AluOpcode::Max => x.max(y),
        AluOpcode::Add => x.wrapping_add(y),
        AluOpcode::Mul => x.wrapping_mul(y),
        AluOpcode::Shr if y >= 0 => x >> y.min(31),
        AluOpcode::Shr => x.checked_shl(y.unsigned_abs()).unwrap_or(0),
    }
}
