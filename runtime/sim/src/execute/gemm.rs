//! GEMM: two loops over micro-ops that multiply INP and WGT elements into ACC, or reset ACC.
//!
//! The loops of the instruction, those of its micro-op list and those inside an element (batch rows, halves of a wide
//! block) are alike here: each is a step in the three index spaces. A loop that leaves the destination where it is
//! reduces; one that leaves the weights visits positions that share them; one that leaves the input visits columns
//! that share it. Such loops become tables for a kernel, the others are walked around it.

use super::bounds::{self, IndexField, Loops};
use super::nest::{Loop, Nest, Step, UopList, walk};
use super::{Context, Depths, Engine};
#[cfg(target_arch = "x86_64")]
use crate::kernels::gemm::{self, Pairs, Quads};
use crate::kernels::gemm::{Base, Tables};
use crate::kernels::{pack::TILE, portable};
use crate::report::Cause;
use crate::scratchpad::{Operands, Scratchpads};
use tilewright_isa::{Config, Gemm, MemoryType};

/// Entries of a table at most; loops beyond it are walked around the kernel.
const MAX_TABLE: usize = 4096;

/// Storage for the plan of an instruction, kept from one to the next.
#[derive(Clone, Debug, Default)]
pub(super) struct GemmPlan {
    tables: Tables,
    /// All loops, then those that are left for walking.
    loops: Vec<Loop>,
}

/// Executes a GEMM.
pub(super) fn run(engine: &mut Engine, gemm: &Gemm, cx: &mut Context<'_>) -> Result<(), Cause> {
    let count = gemm.uop_executions();
    cx.spend(count, cx.config.batch() * cx.config.block_in() * cx.config.block_out())?;
    *if gemm.reset { &mut cx.report.reset_uops } else { &mut cx.report.gemm_uops } += count;
    if count == 0 {
        return Ok(());
    }
    let Engine { codec, pads, uops, plan, .. } = engine;
    let (value, limit) = (u64::from(gemm.uop_end), pads.uop.len() as u64);
    let list = uops.get(codec, &pads.uop, gemm.uop_bgn, gemm.uop_end).ok_or(Cause::UopOverrun { value, limit })?;
    check(gemm, list, cx.depths)?;
    for nest in &list.nests {
        match &pads.operands {
            _ if gemm.reset => reset(&mut pads.acc, gemm, nest, plan, cx.config),
            Operands::Natural { inp, wgt } => natural(&mut pads.acc, inp, wgt, gemm, nest, plan, cx.config),
            #[cfg(target_arch = "x86_64")]
            _ => packed(pads, gemm, nest, plan, cx.config),
        }
    }
    Ok(())
}

/// Sets the destinations to zero, in runs as long as possible.
fn reset(acc: &mut [i32], gemm: &Gemm, nest: &Nest, plan: &mut GemmPlan, config: &Config) {
    let lanes = config.batch() * config.block_out();
    collect(&mut plan.loops, gemm, nest, Step { dst: 1, src: 0, wgt: 0 }, &[]);
    plan.loops.retain(|of| of.step.dst != 0);
    plan.loops.sort_by_key(|of| of.step.dst.abs());
    let mut run = 1;
    let merged = plan.loops.iter().take_while(|of| {
        let follows = of.step.dst == run;
        run *= if follows { of.count } else { 1 };
        follows
    });
    let merged = merged.count();
    walk(&plan.loops[merged..], nest.base, &mut |at| {
        acc[at.dst as usize * lanes..][..run as usize * lanes].fill(0);
    });
}

/// One element after the other.
fn natural(acc: &mut [i32], inp: &[i8], wgt: &[i8], gemm: &Gemm, nest: &Nest, plan: &mut GemmPlan, config: &Config) {
    let (batch, block_in, block_out) = (config.batch(), config.block_in(), config.block_out());
    let (acc_len, inp_len, wgt_len) = (batch * block_out, batch * block_in, block_out * block_in);
    collect(&mut plan.loops, gemm, nest, Step { dst: 1, src: 1, wgt: 1 }, &[]);
    walk(&plan.loops, nest.base, &mut |at| {
        let acc = &mut acc[at.dst as usize * acc_len..][..acc_len];
        let inp = &inp[at.src as usize * inp_len..][..inp_len];
        let wgt = &wgt[at.wgt as usize * wgt_len..][..wgt_len];
        portable::gemm(acc, inp, wgt, block_in, block_out);
    });
}

/// In blocks, on packed operands.
#[cfg(target_arch = "x86_64")]
fn packed(pads: &mut Scratchpads, gemm: &Gemm, nest: &Nest, plan: &mut GemmPlan, config: &Config) {
    let tile = TILE as i64;
    let (rows_in, rows_out) = (config.block_in() as i64 / tile, config.block_out() as i64 / tile);
    let batch = config.batch() as i64;
    let units = Step { dst: batch * rows_out, src: batch * rows_in, wgt: rows_in * rows_out };
    let inside = [
        Loop { count: rows_in, step: Step { dst: 0, src: 1, wgt: 1 } },
        Loop { count: rows_out, step: Step { dst: 1, src: 0, wgt: rows_in } },
        Loop { count: batch, step: Step { dst: rows_out, src: rows_in, wgt: 0 } },
    ];
    collect(&mut plan.loops, gemm, nest, units, &inside);
    let GemmPlan { tables, loops } = plan;
    tabulate(tables, loops);
    let acc = &mut pads.acc[..];
    walk(loops, nest.base.scale(units), &mut |at| {
        let base = Base { dst: at.dst, src: at.src, wgt: at.wgt };
        match &pads.operands {
            Operands::Quads { inp, sums, wgt, wide } => {
                gemm::quads(*wide, acc, Quads { inp, sums, wgt }, tables, base);
            }
            Operands::Pairs { inp, wgt } => gemm::pairs(acc, Pairs { inp, wgt }, tables, base),
            Operands::Natural { .. } => {}
        }
    });
}

/// All loops that run more than once, innermost first: those inside an element, the list's and the instruction's.
fn collect(loops: &mut Vec<Loop>, gemm: &Gemm, nest: &Nest, units: Step, inside: &[Loop]) {
    let inner = Step { dst: gemm.dst_factor_in.into(), src: gemm.src_factor_in.into(), wgt: gemm.wgt_factor_in.into() };
    let outer =
        Step { dst: gemm.dst_factor_out.into(), src: gemm.src_factor_out.into(), wgt: gemm.wgt_factor_out.into() };
    let own = [Loop { count: gemm.iter_in.into(), step: inner }, Loop { count: gemm.iter_out.into(), step: outer }];
    let elements = nest.loops.iter().chain(&own);
    let elements = elements.map(|of| Loop { count: of.count, step: of.step.scale(units) });
    loops.clear();
    loops.extend(inside.iter().copied().chain(elements).filter(|of| of.count > 1));
}

#[cfg(target_arch = "x86_64")]
/// Turns loops into tables as far as they can be, and leaves the others.
///
/// The destinations of a block must differ. They do if each loop steps further than all the smaller ones reach.
fn tabulate(tables: &mut Tables, loops: &mut Vec<Loop>) {
    let Tables { p, c, k, .. } = tables;
    for table in [&mut *p, &mut *c, &mut *k] {
        table.clear();
        table.push((0, 0));
    }
    loops.sort_by_key(|of| of.step.dst.abs());
    let mut reach = 0;
    loops.retain(|of| {
        let Step { dst, src, wgt } = of.step;
        if dst == 0 {
            return !extend(k, of.count, (src, wgt));
        }
        let tabled = dst.abs() > reach
            && match (wgt, src) {
                (0, _) => extend(p, of.count, (dst, src)),
                (_, 0) => extend(c, of.count, (dst, wgt)),
                _ => false,
            };
        if tabled {
            reach += dst.abs() * (of.count - 1);
        }
        !tabled
    });
}

#[cfg(target_arch = "x86_64")]
/// Repeats the table's entries for each iteration of a loop. Refuses if it would become too long.
fn extend(table: &mut Vec<(i32, i32)>, count: i64, step: (i64, i64)) -> bool {
    let len = table.len();
    if len as i64 * count > MAX_TABLE as i64 {
        return false;
    }
    for i in 1..count {
        for entry in 0..len {
            let (first, second) = table[entry];
            table.push((first + (i * step.0) as i32, second + (i * step.1) as i32));
        }
    }
    true
}

/// A reset reads neither INP nor WGT, so only its destinations matter.
fn check(gemm: &Gemm, list: &UopList, depths: &Depths) -> Result<(), Cause> {
    let limit = |memory| depths.of(memory);
    let fields = [
        IndexField {
            name: "dst",
            memory: MemoryType::Acc,
            limit: limit(MemoryType::Acc),
            factor_out: gemm.dst_factor_out.into(),
            factor_in: gemm.dst_factor_in.into(),
            base: |uop| uop.dst,
        },
        IndexField {
            name: "src",
            memory: MemoryType::Inp,
            limit: limit(MemoryType::Inp),
            factor_out: gemm.src_factor_out.into(),
            factor_in: gemm.src_factor_in.into(),
            base: |uop| uop.src,
        },
        IndexField {
            name: "wgt",
            memory: MemoryType::Wgt,
            limit: limit(MemoryType::Wgt),
            factor_out: gemm.wgt_factor_out.into(),
            factor_in: gemm.wgt_factor_in.into(),
            base: |uop| uop.wgt,
        },
    ];
    let loops = Loops { iter_out: gemm.iter_out.into(), iter_in: gemm.iter_in.into(), uop_bgn: gemm.uop_bgn.into() };
    let fields = if gemm.reset { &fields[..1] } else { &fields[..] };
    bounds::check(&loops, fields, &list.largest, &list.uops)
}
