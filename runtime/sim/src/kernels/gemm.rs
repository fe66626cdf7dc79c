//! GEMM on blocks: tables of offsets and packed operands → ACC with all the products added.
//!
//! A block is three tables: positions `p` (rows of INP and ACC that share weights), columns `c` (groups of 16 output
//! channels that share inputs) and the reduction `k`:
//!
//! ```text
//! for each p, c, k: acc[p.dst + c.dst][0..16] += Σ ci in 0..16: inp[p.src + k.src][ci] · wgt[c.wgt + k.wgt][..][ci]
//! ```
//!
//! Offsets count groups of 16 ACC lanes, groups of 16 INP values and 16×16 WGT tiles. Addition wraps, so the order of
//! the products is free; the destinations `p.dst + c.dst` of a block must differ from one another, because a kernel
//! keeps several of them in registers at once.

#[cfg(target_arch = "x86_64")]
use super::{avx_vnni, avx2, avx512};

/// Two of the offsets `dst`, `src` and `wgt`, in this order.
pub(crate) type Pair = (i32, i32);

/// The tables of a block.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    /// `(dst, src)`.
    p: Vec<Pair>,
    /// `(dst, wgt)`.
    c: Vec<Pair>,
    /// `(src, wgt)`.
    k: Vec<Pair>,
    /// The least and the greatest of all sums of offsets into ACC, INP and WGT.
    reach: [(i64, i64); 3],
    /// For each position, what its accumulators start with beside their old values. Storage, reused for each base.
    bias: Vec<i32>,
}

#[cfg(target_arch = "x86_64")]
impl Tables {
    /// Fills `p`, `c` and `k`, each of which holds one entry of zeros before.
    pub fn fill(&mut self, fill: impl FnOnce(&mut Vec<Pair>, &mut Vec<Pair>, &mut Vec<Pair>)) {
        let Tables { p, c, k, .. } = self;
        for table in [&mut *p, &mut *c, &mut *k] {
            table.clear();
            table.push((0, 0));
        }
        fill(p, c, k);
        let sum = |a: (i64, i64), b: (i64, i64)| (a.0 + b.0, a.1 + b.1);
        self.reach = [
            sum(range(p, |at| at.0), range(c, |at| at.0)),
            sum(range(p, |at| at.1), range(k, |at| at.0)),
            sum(range(c, |at| at.1), range(k, |at| at.1)),
        ];
        self.bias.clear();
        self.bias.resize(self.p.len(), 0);
    }
}

/// Where the tables' offsets count from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Base {
    pub dst: i64,
    pub src: i64,
    pub wgt: i64,
}

/// What a kernel works on. The pointers are those of the block's base.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block<'a, Inp, Wgt> {
    pub acc: *mut i32,
    pub inp: *const Inp,
    pub wgt: *const Wgt,
    pub p: &'a [Pair],
    /// As many as `p`, where the kernel takes a bias.
    pub bias: &'a [i32],
    pub c: &'a [Pair],
    pub k: &'a [Pair],
}

/// A function that executes a block of up to so many positions and columns as its `limits` allow.
type Kernel<Inp, Wgt> = unsafe fn(Block<'_, Inp, Wgt>);

/// How many positions and columns a level's registers hold at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Most positions with 1, 2, 4 and 8 columns.
    pub positions: [usize; 4],
    /// Columns to take when there are more positions than any choice holds.
    pub columns_for_many: usize,
}

impl Limits {
    /// The number of columns to take at once: the most that leaves room for all positions, if there is any.
    fn columns(&self, positions: usize, columns: usize) -> usize {
        let candidates = (0..4).rev().filter(|log| 1 << log <= columns);
        let fits = |&log: &usize| positions <= self.positions[log];
        let many = self.columns_for_many.min(columns);
        candidates.clone().find(fits).map_or(many, |log| 1 << log)
    }
}

/// Operands packed for the int8 dot product; see [`super::pack`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quads<'a> {
    pub inp: &'a [i8],
    /// One for each row of BLOCK_IN values.
    pub sums: &'a [i32],
    pub wgt: &'a [u8],
}

/// Operands widened to 16 bits; see [`super::pack`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pairs<'a> {
    pub inp: &'a [i16],
    pub wgt: &'a [i16],
}

/// Executes a block with an int8 dot product, of 512 bits if `wide`. The host must have it.
#[cfg(target_arch = "x86_64")]
pub(crate) fn quads(wide: bool, acc: &mut [i32], operands: Quads<'_>, tables: &mut Tables, base: Base) {
    check(tables, base, [acc.len() / 16, operands.inp.len() / 16, operands.wgt.len() / 256]);
    // The groups of a row stand side by side in the reduction, so their number is that of groups per row.
    let row = operands.inp.len() / 16 / operands.sums.len();
    sum_bias(tables, operands.sums, base.src, row);
    let block = Block {
        acc: acc.as_mut_ptr().wrapping_offset(base.dst as isize * 16),
        inp: operands.inp.as_ptr().wrapping_offset(base.src as isize * 16),
        wgt: operands.wgt.as_ptr().wrapping_offset(base.wgt as isize * 256),
        p: &tables.p,
        bias: &tables.bias,
        c: &tables.c,
        k: &tables.k,
    };
    if wide { split(block, &avx512::LIMITS, avx512::block) } else { split(block, &avx_vnni::LIMITS, avx_vnni::block) }
}

/// Adds up, for each position, the `sums` of the INP rows that it multiplies; `row` is the number of groups in one.
#[cfg(target_arch = "x86_64")]
fn sum_bias(tables: &mut Tables, sums: &[i32], base: i64, row: usize) {
    let Tables { p, k, bias, .. } = tables;
    let k = k.iter().step_by(row);
    if let ([(_, first)], [bias]) = (&p[..], &mut bias[..]) {
        let at = |src: &i32| sums[(base + i64::from(*first) + i64::from(*src)) as usize / row];
        *bias = k.fold(0, |bias: i32, (src, _)| bias.wrapping_add(at(src)));
        return;
    }
    bias.fill(0);
    let (mut p, mut bias) = (&p[..], &mut bias[..]);
    // Positions that are neighbours in INP are added as vectors.
    while let Some(&(_, first)) = p.first() {
        let next = (first..).step_by(row);
        let neighbours = p.iter().zip(next).take_while(|&(&(_, src), next)| src == next).count();
        let (run, rest) = bias.split_at_mut(neighbours);
        for &(src, _) in k.clone() {
            let sums = &sums[(base + i64::from(first) + i64::from(src)) as usize / row..];
            for (bias, sum) in run.iter_mut().zip(sums) {
                *bias = bias.wrapping_add(*sum);
            }
        }
        (p, bias) = (&p[neighbours..], rest);
    }
}

/// Executes a block with 16-bit products. The host must have AVX2.
#[cfg(target_arch = "x86_64")]
pub(crate) fn pairs(acc: &mut [i32], operands: Pairs<'_>, tables: &Tables, base: Base) {
    check(tables, base, [acc.len() / 16, operands.inp.len() / 16, operands.wgt.len() / 256]);
    let block = Block {
        acc: acc.as_mut_ptr().wrapping_offset(base.dst as isize * 16),
        inp: operands.inp.as_ptr().wrapping_offset(base.src as isize * 16),
        wgt: operands.wgt.as_ptr().wrapping_offset(base.wgt as isize * 256),
        p: &tables.p,
        bias: &[],
        c: &tables.c,
        k: &tables.k,
    };
    split(block, &avx2::LIMITS, avx2::block);
}

/// Cuts a block into what the registers hold. The columns' weights stay in the cache while positions pass.
#[inline]
fn split<Inp, Wgt>(whole: Block<'_, Inp, Wgt>, limits: &Limits, kernel: Kernel<Inp, Wgt>) {
    if whole.p.len() == 1 && whole.c.len() == 1 {
        // SAFETY: as below; every kernel takes one position and one column.
        return unsafe { kernel(whole) };
    }
    let mut c = whole.c;
    while !c.is_empty() {
        let columns = limits.columns(whole.p.len(), c.len());
        let limit = limits.positions[columns.trailing_zeros() as usize];
        // Even shares: 14 positions are 7 and 7, not 8 and 6.
        let share = whole.p.len().div_ceil(whole.p.len().div_ceil(limit));
        for (index, p) in whole.p.chunks(share).enumerate() {
            let bias = whole.bias.get(index * share..index * share + p.len()).unwrap_or(&[]);
            // SAFETY: `check` has shown that every combination of the tables' offsets lies in the three slices that
            // the pointers were made from, and the level's features were found when the simulator was made.
            unsafe { kernel(Block { p, bias, c: &c[..columns], ..whole }) };
        }
        c = &c[columns..];
    }
}

/// Asserts that all combinations of offsets lie in memories of so many groups of ACC and INP and tiles of WGT.
#[cfg(target_arch = "x86_64")]
#[inline]
fn check(tables: &Tables, base: Base, groups: [usize; 3]) {
    for ((base, (least, most)), count) in [base.dst, base.src, base.wgt].into_iter().zip(tables.reach).zip(groups) {
        assert!(base + least >= 0 && base + most < count as i64);
    }
}

#[cfg(target_arch = "x86_64")]
fn range(table: &[Pair], of: impl Fn(&Pair) -> i32) -> (i64, i64) {
    let offsets = table.iter().map(|at| i64::from(of(at)));
    offsets.fold((i64::MAX, i64::MIN), |(least, most), at| (least.min(at), most.max(at)))
}
