//! ALU: two loops over micro-ops that combine ACC elements with one another or with an immediate.
//!
//! Micro-ops follow one another: a source may be an earlier one's destination. Loops are only exchanged where no
//! element is written twice or read at all, which makes the long one the inner one.

use super::alu_chain::Chain;
use super::bounds::{self, IndexField};
use super::nest::{Loop, Step, UopList, walk};
use super::{Context, Depths, Engine};
use crate::kernels::Level;
use crate::kernels::alu::{Operand, Run};
use crate::report::Cause;
use smallvec::SmallVec;
use tilewright_isa::{Alu, MemoryType};

/// Loops without an allocation: those of a list and of the instruction.
type Loops = SmallVec<[Loop; 10]>;

/// Executes an ALU instruction.
pub(super) fn run(engine: &mut Engine, alu: &Alu, cx: &mut Context<'_>) -> Result<(), Cause> {
    let count = alu.uop_executions();
    let lanes = cx.config.batch() * cx.config.block_out();
    cx.work.spend(count, lanes)?;
    cx.report.alu_uops += count;
    if count == 0 {
        return Ok(());
    }
    let Engine { codec, pads, uops, level, chain, .. } = engine;
    let (value, limit) = (u64::from(alu.uop_end), pads.uop.len() as u64);
    let list = uops.get(codec, &pads.uop, alu.uop_bgn, alu.uop_end).ok_or(Cause::UopOverrun { value, limit })?;
    check(alu, list, cx.depths)?;
    let (inner, outer) = instruction_loops(alu);
    match &list.nests[..] {
        // One micro-op in at most one loop: nothing to arrange.
        [nest] if nest.loops.is_empty() && (inner.count == 1 || outer.count == 1) => {
            let only = if inner.count == 1 { outer } else { inner };
            chain.push(*level, &mut pads.acc, alu.alu_opcode, one_run(alu, nest.base, &only, lanes));
        }
        [nest] => {
            let mut loops = Loops::from_slice(&nest.loops);
            loops.extend([inner, outer]);
            run_loops(*level, &mut pads.acc, chain, alu, nest.base, loops, lanes);
        }
        // The list is a sequence of nests, which comes round in every iteration of the instruction's loops.
        nests => walk(&[inner, outer], Step::default(), &mut |at| {
            for nest in nests {
                let loops = Loops::from_slice(&nest.loops);
                run_loops(*level, &mut pads.acc, chain, alu, nest.base.plus(at), loops, lanes);
            }
        }),
    }
    Ok(())
}

fn instruction_loops(alu: &Alu) -> (Loop, Loop) {
    let inner = Step { dst: alu.dst_factor_in.into(), src: alu.src_factor_in.into(), wgt: 0 };
    let outer = Step { dst: alu.dst_factor_out.into(), src: alu.src_factor_out.into(), wgt: 0 };
    (Loop { count: alu.iter_in.into(), step: inner }, Loop { count: alu.iter_out.into(), step: outer })
}

/// Executes loops over the operation, innermost first.
fn run_loops(level: Level, acc: &mut [i32], chain: &mut Chain, alu: &Alu, base: Step, loops: Loops, lanes: usize) {
    let loops = simplify(loops, alu.use_imm, base);
    let once = Loop { count: 1, step: Step::default() };
    let (inner, outer) = loops.split_first().unwrap_or((&once, &[]));
    walk(outer, base, &mut |at| chain.push(level, acc, alu.alu_opcode, one_run(alu, at, inner, lanes)));
}

/// One loop from a position on.
#[inline]
fn one_run(alu: &Alu, at: Step, inner: &Loop, lanes: usize) -> Run {
    let operand = match alu.use_imm {
        true => Operand::Imm(alu.imm.into()),
        false => Operand::Elements { src: at.src, step: inner.step.src },
    };
    Run { dst: at.dst, dst_step: inner.step.dst, count: inner.count, operand, lanes }
}

/// The same loops with as long an innermost one as the order of execution permits.
fn simplify(mut loops: Loops, use_imm: bool, base: Step) -> Loops {
    for of in &mut loops {
        of.step = Step { dst: of.step.dst, src: if use_imm { 0 } else { of.step.src }, wgt: 0 };
    }
    loops.retain(|of| of.count > 1);
    if loops.len() < 2 {
        return loops;
    }
    if is_order_free(&loops, use_imm, base) {
        loops.sort_by_key(|of| of.step.dst.abs());
    }
    let mut merged = Loops::new();
    for of in loops {
        match merged.last_mut() {
            Some(inner) if of.step == inner.step.times(inner.count) => inner.count *= of.count,
            _ => merged.push(of),
        }
    }
    if is_order_free(&merged, use_imm, base) {
        // Long before short, but elements side by side before any other.
        merged.sort_by_key(|of| (of.step.dst != 1 || of.count < 8, -of.count));
    }
    merged
}

/// Whether no element is written twice, and none that is written is read as a source.
fn is_order_free(loops: &[Loop], use_imm: bool, base: Step) -> bool {
    let mut steps: SmallVec<[&Loop; 10]> = loops.iter().collect();
    steps.sort_by_key(|of| of.step.dst.abs());
    let mut reach = 0;
    let distinct = steps.into_iter().all(|of| {
        let beyond = of.step.dst.abs() > reach;
        reach += of.step.dst.abs() * (of.count - 1);
        beyond
    });
    let hull = |base: i64, step: fn(&Loop) -> i64| {
        let ends = loops.iter().map(|of| step(of) * (of.count - 1));
        ends.fold((base, base), |(least, most), end| (least + end.min(0), most + end.max(0)))
    };
    let (dst, src) = (hull(base.dst, |of| of.step.dst), hull(base.src, |of| of.step.src));
    distinct && (use_imm || dst.1 < src.0 || src.1 < dst.0)
}

/// With an immediate no source is read, so only the destinations matter.
fn check(alu: &Alu, list: &UopList, depths: &Depths) -> Result<(), Cause> {
    let limit = depths.of(MemoryType::Acc);
    let fields = [
        IndexField {
            name: "dst",
            memory: MemoryType::Acc,
            limit,
            factor_out: alu.dst_factor_out.into(),
            factor_in: alu.dst_factor_in.into(),
            base: |uop| uop.dst,
        },
        IndexField {
            name: "src",
            memory: MemoryType::Acc,
            limit,
            factor_out: alu.src_factor_out.into(),
            factor_in: alu.src_factor_in.into(),
            base: |uop| uop.src,
        },
    ];
    let loops =
        bounds::Loops { iter_out: alu.iter_out.into(), iter_in: alu.iter_in.into(), uop_bgn: alu.uop_bgn.into() };
    let fields = if alu.use_imm { &fields[..1] } else { &fields[..] };
    bounds::check(&loops, fields, &list.largest, &list.uops)
}
