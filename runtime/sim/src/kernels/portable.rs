//! The kernels in plain Rust: one element at a time, any block sizes. The other kernels must give the same bits.

/// `acc[b][co] += Σ ci: inp[b][ci] · wgt[co][ci]`, wrapping, for one element of each.
pub(crate) fn gemm(acc: &mut [i32], inp: &[i8], wgt: &[i8], block_in: usize, block_out: usize) {
    for (acc, inp) in acc.chunks_exact_mut(block_out).zip(inp.chunks_exact(block_in)) {
        for (acc, wgt) in acc.iter_mut().zip(wgt.chunks_exact(block_in)) {
            let products = inp.iter().zip(wgt).map(|(&x, &w)| i32::from(x) * i32::from(w));
            *acc = products.fold(*acc, i32::wrapping_add);
        }
    }
}
