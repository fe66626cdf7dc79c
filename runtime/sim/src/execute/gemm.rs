//! GEMM: two loops over micro-ops that multiply INP and WGT elements into ACC, or reset ACC.
//!
//! The loops of the instruction, those of its micro-op list and those inside an element (batch rows, halves of a wide
//! block) are alike here: each is a step in the three index spaces. A loop that leaves the destination where it is
//! reduces; one that leaves the weights visits positions that share them; one that leaves the input visits columns
//! that share it. Such loops become tables for a kernel, the others are walked around it.

use super::bounds::{self, IndexField};
use super::nest::{Loop, Nest, Step, UopList, walk};
use super::{Context, Depths, Engine};
#[cfg(target_arch = "x86_64")]
use crate::kernels::gemm::{self, Pairs, Quads};
use crate::kernels::gemm::{Base, Pair, Tables};
use crate::kernels::{pack::TILE, portable};
use crate::report::Cause;
use crate::scratchpad::{Operands, Scratchpads};
use smallvec::SmallVec;
use tilewright_isa::{Config, Gemm, MemoryType};

/// Entries of a table at most; loops beyond it are walked around the kernel.
const MAX_TABLE: usize = 4096;

/// Loops without an allocation: those inside an element, of a list and of the instruction.
type ElementLoops = SmallVec<[Loop; 13]>;

/// Plans of recent instructions. A plan does not depend on where in the buffers an instruction starts, so instructions
/// that differ in nothing else share one.
#[derive(Clone, Debug)]
pub(super) struct GemmPlans(Vec<GemmPlan>);

impl Default for GemmPlans {
    fn default() -> GemmPlans {
        GemmPlans(vec![GemmPlan::default(); GemmPlans::SLOTS])
    }
}

/// What a kernel is told about the loops of an instruction and of one nest of its micro-ops.
#[derive(Clone, Debug, Default)]
struct GemmPlan {
    /// The instruction's own loops and the nest's.
    own: [Loop; 2],
    loops: Vec<Loop>,
    tables: Tables,
    /// The loops that are walked around the kernel.
    around: Vec<Loop>,
}

/// Executes a GEMM.
pub(super) fn run(engine: &mut Engine, gemm: &Gemm, cx: &mut Context<'_>) -> Result<(), Cause> {
    let count = gemm.uop_executions();
    cx.work.spend(count, cx.config.batch() * cx.config.block_in() * cx.config.block_out())?;
    *if gemm.reset { &mut cx.report.reset_uops } else { &mut cx.report.gemm_uops } += count;
    if count == 0 {
        return Ok(());
    }
    let Engine { codec, pads, uops, plans, .. } = engine;
    let (value, limit) = (u64::from(gemm.uop_end), pads.uop.len() as u64);
    let list = uops.get(codec, &pads.uop, gemm.uop_bgn, gemm.uop_end).ok_or(Cause::UopOverrun { value, limit })?;
    check(gemm, list, cx.depths)?;
    let own = instruction_loops(gemm);
    for nest in &list.nests {
        match &pads.operands {
            _ if gemm.reset => reset(&mut pads.acc, &own, nest, cx.config),
            Operands::Natural { inp, wgt } => natural(&mut pads.acc, inp, wgt, &own, nest, cx.config),
            #[cfg(target_arch = "x86_64")]
            _ => packed(pads, &own, nest, plans, cx.config),
        }
    }
    Ok(())
}

/// The loops of the instruction, the inner one first.
fn instruction_loops(gemm: &Gemm) -> [Loop; 2] {
    let inner = Step { dst: gemm.dst_factor_in.into(), src: gemm.src_factor_in.into(), wgt: gemm.wgt_factor_in.into() };
    let outer =
        Step { dst: gemm.dst_factor_out.into(), src: gemm.src_factor_out.into(), wgt: gemm.wgt_factor_out.into() };
    [Loop { count: gemm.iter_in.into(), step: inner }, Loop { count: gemm.iter_out.into(), step: outer }]
}

/// Sets the destinations to zero, in runs as long as possible.
fn reset(acc: &mut [i32], own: &[Loop; 2], nest: &Nest, config: &Config) {
    let lanes = config.batch() * config.block_out();
    let mut loops = element_loops(own, &nest.loops, Step { dst: 1, src: 0, wgt: 0 }, &[]);
    loops.retain(|of| of.step.dst != 0);
    loops.sort_by_key(|of| of.step.dst.abs());
    let mut run = 1;
    let merged = loops.iter().take_while(|of| {
        let follows = of.step.dst == run;
        run *= if follows { of.count } else { 1 };
        follows
    });
    let merged = merged.count();
    walk(&loops[merged..], nest.base, &mut |at| {
        acc[at.dst as usize * lanes..][..run as usize * lanes].fill(0);
    });
}

/// One element after the other.
fn natural(acc: &mut [i32], inp: &[i8], wgt: &[i8], own: &[Loop; 2], nest: &Nest, config: &Config) {
    let (batch, block_in, block_out) = (config.batch(), config.block_in(), config.block_out());
    let (acc_len, inp_len, wgt_len) = (batch * block_out, batch * block_in, block_out * block_in);
    let loops = element_loops(own, &nest.loops, Step { dst: 1, src: 1, wgt: 1 }, &[]);
    walk(&loops, nest.base, &mut |at| {
        let acc = &mut acc[at.dst as usize * acc_len..][..acc_len];
        let inp = &inp[at.src as usize * inp_len..][..inp_len];
        let wgt = &wgt[at.wgt as usize * wgt_len..][..wgt_len];
        portable::gemm(acc, inp, wgt, block_in, block_out);
    });
}

/// In blocks, on packed operands.
#[cfg(target_arch = "x86_64")]
fn packed(pads: &mut Scratchpads, own: &[Loop; 2], nest: &Nest, plans: &mut GemmPlans, config: &Config) {
    let units = Units::new(config);
    let GemmPlan { tables, around, .. } = plans.get(own, &nest.loops, &units);
    let acc = &mut pads.acc[..];
    walk(around, nest.base.scale(units.of_element), &mut |at| {
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

/// The units of the kernels, groups of 16 lanes and tiles of 16×16, in an element.
#[cfg(target_arch = "x86_64")]
struct Units {
    of_element: Step,
    rows_in: i64,
    rows_out: i64,
    batch: i64,
}

#[cfg(target_arch = "x86_64")]
impl Units {
    #[inline]
    fn new(config: &Config) -> Units {
        let tile = TILE as i64;
        let (rows_in, rows_out) = (config.block_in() as i64 / tile, config.block_out() as i64 / tile);
        let batch = config.batch() as i64;
        let of_element = Step { dst: batch * rows_out, src: batch * rows_in, wgt: rows_in * rows_out };
        Units { of_element, rows_in, rows_out, batch }
    }

    /// The loops inside an element.
    fn loops(&self) -> [Loop; 3] {
        let Units { rows_in, rows_out, batch, .. } = *self;
        [
            Loop { count: rows_in, step: Step { dst: 0, src: 1, wgt: 1 } },
            Loop { count: rows_out, step: Step { dst: 1, src: 0, wgt: rows_in } },
            Loop { count: batch, step: Step { dst: rows_out, src: rows_in, wgt: 0 } },
        ]
    }
}

#[cfg(target_arch = "x86_64")]
impl GemmPlans {
    const SLOTS: usize = 16;

    /// The plan for loops of an instruction and of a nest.
    #[inline]
    fn get(&mut self, own: &[Loop; 2], loops: &[Loop], units: &Units) -> &mut GemmPlan {
        let [inner, outer] = own;
        let hash = [inner.count, outer.count, inner.step.src, outer.step.dst, outer.step.src, loops.len() as i64];
        let hash = hash.iter().fold(0i64, |hash, &part| hash.wrapping_mul(31).wrapping_add(part));
        let plan = &mut self.0[hash as usize % GemmPlans::SLOTS];
        if plan.own != *own || plan.loops != loops {
            plan.make(own, loops, units);
        }
        plan
    }
}

#[cfg(target_arch = "x86_64")]
impl GemmPlan {
    fn make(&mut self, own: &[Loop; 2], loops: &[Loop], units: &Units) {
        self.own = *own;
        self.loops.clear();
        self.loops.extend_from_slice(loops);
        let all = element_loops(own, loops, units.of_element, &units.loops());
        self.around.clear();
        self.tables.fill(|p, c, k| tabulate([p, c, k], all, &mut self.around));
    }
}

/// All loops that run more than once, innermost first: those inside an element, the list's and the instruction's.
fn element_loops(own: &[Loop; 2], loops: &[Loop], units: Step, inside: &[Loop]) -> ElementLoops {
    let elements = loops.iter().chain(own).map(|of| Loop { count: of.count, step: of.step.scale(units) });
    inside.iter().copied().chain(elements).filter(|of| of.count > 1).collect()
}

#[cfg(target_arch = "x86_64")]
/// Turns loops into tables as far as they can be, and leaves the others to `around`.
///
/// The destinations of a block must differ. They do if each loop steps further than all the smaller ones reach.
fn tabulate([p, c, k]: [&mut Vec<Pair>; 3], mut loops: ElementLoops, around: &mut Vec<Loop>) {
    loops.sort_by_key(|of| of.step.dst.abs());
    let mut reach = 0;
    for of in loops {
        let Step { dst, src, wgt } = of.step;
        let tabled = match (dst, wgt, src) {
            (0, ..) => extend(k, of.count, (src, wgt)),
            _ if dst.abs() <= reach => false,
            (_, 0, _) => extend(p, of.count, (dst, src)),
            (_, _, 0) => extend(c, of.count, (dst, wgt)),
            _ => false,
        };
        if !tabled {
            around.push(of);
        } else if dst != 0 {
            reach += dst.abs() * (of.count - 1);
        }
    }
}

#[cfg(target_arch = "x86_64")]
/// Repeats the table's entries for each iteration of a loop. Refuses if it would become too long.
fn extend(table: &mut Vec<Pair>, count: i64, step: (i64, i64)) -> bool {
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
    let loops =
        bounds::Loops { iter_out: gemm.iter_out.into(), iter_in: gemm.iter_in.into(), uop_bgn: gemm.uop_bgn.into() };
    let fields = if gemm.reset { &fields[..1] } else { &fields[..] };
    bounds::check(&loops, fields, &list.largest, &list.uops)
}
