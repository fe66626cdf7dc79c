//! Exact sets of elements that an instruction touches in one memory: loops over one index → runs of neighbours.
//!
//! Loops are merged where together they leave no gap: steps of 1 over 28 and of 1 over 3 reach 30 neighbours, and a
//! further loop with a step of at most 30 extends them. What cannot be merged is walked.

use smallvec::SmallVec;
use std::ops::Range;

/// `start + Σ i·step + 0..run` for all iterations of the loops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Footprint {
    start: i64,
    /// Neighbouring elements at each position.
    run: i64,
    /// Count and step of the loops that are left, all steps positive.
    loops: SmallVec<[(i64, i64); 2]>,
}

impl Footprint {
    /// The places that loops, given as count and step, reach from `start`.
    pub fn new(start: i64, loops: impl Iterator<Item = (i64, i64)>) -> Footprint {
        let mut all: SmallVec<[(i64, i64); 4]> = loops.filter(|&(count, step)| count > 1 && step != 0).collect();
        let mut footprint = Footprint { start, run: 1, loops: SmallVec::new() };
        for (count, step) in &mut all {
            if *step < 0 {
                footprint.start += *step * (*count - 1);
                *step = -*step;
            }
        }
        all.sort_unstable_by_key(|&(_, step)| step);
        for (count, step) in all {
            let (inner, inner_step) = match footprint.loops.last_mut() {
                Some((inner, inner_step)) => (inner, *inner_step),
                None => (&mut footprint.run, 1),
            };
            // A multiple of the inner step that does not leave the inner loop's reach fills without a gap.
            if step % inner_step == 0 && step / inner_step <= *inner {
                *inner += step / inner_step * (count - 1);
            } else {
                footprint.loops.push((count, step));
            }
        }
        footprint
    }

    /// Calls `visit` for each run of neighbours.
    pub fn for_each_run(&self, mut visit: impl FnMut(Range<usize>)) {
        walk(&self.loops, self.start, &mut |start| visit(start as usize..(start + self.run) as usize));
    }
}

fn walk(loops: &[(i64, i64)], start: i64, visit: &mut dyn FnMut(i64)) {
    let Some((&(count, step), inner)) = loops.split_last() else { return visit(start) };
    for i in 0..count {
        walk(inner, start + i * step, visit);
    }
}

/// The loops of an instruction and its micro-ops, seen in one index.
pub(super) mod projection {
    use super::Footprint;
    use crate::execute::nest::{Nest, Step};
    use tilewright_isa::{Alu, Gemm};

    /// Elements of ACC that are written.
    pub fn gemm_dst(gemm: &Gemm, nest: &Nest) -> Footprint {
        let own = [(gemm.iter_in, gemm.dst_factor_in), (gemm.iter_out, gemm.dst_factor_out)];
        project(nest.base.dst, nest, |step| step.dst, own)
    }

    /// Elements of INP that are read.
    pub fn gemm_src(gemm: &Gemm, nest: &Nest) -> Footprint {
        let own = [(gemm.iter_in, gemm.src_factor_in), (gemm.iter_out, gemm.src_factor_out)];
        project(nest.base.src, nest, |step| step.src, own)
    }

    /// Elements of WGT that are read.
    pub fn gemm_wgt(gemm: &Gemm, nest: &Nest) -> Footprint {
        let own = [(gemm.iter_in, gemm.wgt_factor_in), (gemm.iter_out, gemm.wgt_factor_out)];
        project(nest.base.wgt, nest, |step| step.wgt, own)
    }

    /// Elements of ACC that are written.
    pub fn alu_dst(alu: &Alu, nest: &Nest) -> Footprint {
        let own = [(alu.iter_in, alu.dst_factor_in), (alu.iter_out, alu.dst_factor_out)];
        project(nest.base.dst, nest, |step| step.dst, own)
    }

    /// The loops of the nest and the instruction's own, given as count and step.
    #[inline]
    fn project(start: i64, nest: &Nest, of: impl Fn(&Step) -> i64, own: [(u32, u32); 2]) -> Footprint {
        let own = own.map(|(count, step)| (i64::from(count), i64::from(step)));
        Footprint::new(start, nest.loops.iter().map(|each| (each.count, of(&each.step))).chain(own))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn places_are_exact(start in 0..50i64, loops in prop::collection::vec((1..6i64, -9..40i64), 0..5)) {
            let mut expected = BTreeSet::from([start]);
            for &(count, step) in &loops {
                expected = expected.iter().flat_map(|at| (0..count).map(move |i| at + i * step)).collect();
            }
            // Indices are never negative in a stream.
            let shift = -expected.first().copied().unwrap_or(0).min(0);
            let mut found = BTreeSet::new();
            Footprint::new(start + shift, loops.into_iter()).for_each_run(|run| found.extend(run));
            prop_assert_eq!(found, expected.into_iter().map(|at| (at + shift) as usize).collect::<BTreeSet<_>>());
        }
    }
}
