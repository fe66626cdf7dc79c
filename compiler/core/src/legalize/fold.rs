//! Draws the loops around a GEMM or ALU instruction into it: two become its own loops, others its micro-ops.
//!
//! ```text
//! before   for io { for jo in 0..16 { gemm C[jo] += X_buf[0] * W_buf[jo] } }
//! after    gemm C[0] += X_buf[0] * W_buf[0] outer 1 inner 16 (dst 1, src 0, wgt 1)
//! ```
//!
//! The machine has no branches: a loop that stays outside is walked when the stream is emitted, at 7 cycles an instruction
//! and, as bases stand in the micro-ops, with a micro-op sequence of its own for each iteration. The cheapest choice of
//! the two loops wins; sums wrap, and greatest and least values do not depend on order, so the order inside a nest is free
//! unless one iteration reads what another one writes, which leaves the loops as they are.
//!
//! The ALU's pipeline reads a tile before the two micro-ops ahead have written theirs. Its instructions therefore never write
//! a tile again within two micro-ops: the reduced loops of an accumulation run around the loops over tiles, inside of the
//! instruction where there are enough tiles, and else outside of it.

use tilewright_isa::limits::MAX_ITER;

use crate::affine::Interval;
use crate::costs::CYCLES_PER_INSTRUCTION;
use crate::legalize::{Cx, LegalizeError};
use crate::loops::dependence::{Direction, Place, dependence};
use crate::loops::ir::{Alu, AluOperand, For, Insn, InsnLoop, LoopId, LoopProgram, Mark, MicroOp, Stmt, TileRef};
use crate::loops::nest::{NestLoop, wrap};

/// Micro-ops beyond this are better walked as instructions: their loads would stall the compute module.
const MICRO_OP_LIMIT: i64 = 1024;

pub fn run(program: &mut LoopProgram, cx: &Cx) -> Result<(), LegalizeError> {
    let depth = cx.config.depth(tilewright_isa::MemoryType::Uop) as i64;
    let body = std::mem::take(&mut program.body);
    program.body = fold_block(program, body, depth.min(MICRO_OP_LIMIT));
    crate::loops::canonicalize(program);
    Ok(())
}

fn fold_block(program: &LoopProgram, block: Vec<Stmt>, uop_limit: i64) -> Vec<Stmt> {
    block.into_iter().map(|stmt| fold(program, stmt, Vec::new(), uop_limit)).collect()
}

/// Descends through single-statement loops, collecting them, and folds them into the instruction found inside.
fn fold(program: &LoopProgram, stmt: Stmt, mut around: Vec<NestLoop>, uop_limit: i64) -> Stmt {
    match stmt {
        Stmt::For(mut f) if f.body.len() == 1 && f.mark != Some(Mark::Serial) => {
            around.push(NestLoop { var: f.var, mark: f.mark, origin: f.origin });
            fold(program, f.body.remove(0), around, uop_limit)
        }
        Stmt::For(f) => {
            let body = fold_block(program, f.body, uop_limit);
            wrap(&around, Stmt::For(For { body, ..f }))
        }
        Stmt::Insn(insn) if is_unfolded(&insn) && !is_ordered(program, &insn, &around) => {
            fold_instruction(program, insn, &around, uop_limit)
        }
        other => wrap(&around, other),
    }
}

/// Whether an instruction has neither loops nor a list of micro-ops; one that was read back may have them.
fn is_unfolded(insn: &Insn) -> bool {
    insn.walk().is_some_and(|(outer, inner, uops)| {
        *outer == InsnLoop::ONCE && *inner == InsnLoop::ONCE && uops == [MicroOp { dst: 0, src: 0, wgt: 0 }]
    })
}

/// Whether an ALU instruction reads what other iterations of its loops write, as those of a program that is read back may.
fn is_ordered(program: &LoopProgram, insn: &Insn, around: &[NestLoop]) -> bool {
    let Insn::Alu(Alu { dst, operand: AluOperand::Tile(src), .. }) = insn else { return false };
    if dst.buffer != src.buffer {
        return false;
    }
    fn place(t: &TileRef) -> Place<'_> {
        Place::Tiles { offset: &t.offset, reach: Interval::new(0, 0), of: t.buffer }
    }
    let loops: Vec<(LoopId, Direction)> = around.iter().map(|l| (l.var, Direction::Any)).collect();
    dependence(program, place(dst), place(src), &loops).is_some_and(|d| !d.is_loop_independent())
}

/// A loop with the steps that it makes in each operand, in tiles.
#[derive(Clone, Copy)]
struct Step {
    at: NestLoop,
    by: InsnLoop,
}

fn fold_instruction(program: &LoopProgram, insn: Insn, around: &[NestLoop], uop_limit: i64) -> Stmt {
    let (mut steps, mut outside) = (Vec::new(), Vec::new());
    for l in around {
        match step(program, &insn, l.var) {
            Some(by) if by.extent == 1 => {}
            Some(by) => steps.push(Step { at: *l, by }),
            None => outside.push(*l),
        }
    }
    let mut plan = plan(&merge(steps), uop_limit, matches!(insn, Insn::Alu(_)));
    // What stays outside keeps its order, so that folding what was folded changes nothing.
    plan.outside.sort_by_key(|s| around.iter().position(|l| l.var == s.at.var));
    // Loops of one iteration stand at zero and are dropped with those that were drawn in.
    let kept: Vec<LoopId> = outside.iter().map(|l| l.var).chain(plan.outside.iter().map(|s| s.at.var)).collect();
    let gone: Vec<LoopId> = around.iter().map(|l| l.var).filter(|v| !kept.contains(v)).collect();
    let mut inner = Stmt::Insn(apply(insn, &plan, &gone));
    for s in plan.outside.iter().rev() {
        inner = outer_loop(program, s, inner);
    }
    wrap(&outside, inner)
}

fn outer_loop(program: &LoopProgram, s: &Step, inner: Stmt) -> Stmt {
    debug_assert_eq!(program.loop_var(s.at.var).extent, s.by.extent, "merged loops are never left outside");
    // An unrolled loop says so still, so that folding what was folded changes nothing.
    wrap(&[NestLoop { mark: s.at.mark.filter(|m| *m == Mark::Unroll), ..s.at }], inner)
}

fn step(program: &LoopProgram, insn: &Insn, l: LoopId) -> Option<InsnLoop> {
    let mut steps = [0; 3];
    for (step, operand) in steps.iter_mut().zip(insn.operands()) {
        *step = operand.tile.offset.coefficient(l).filter(|c| *c >= 0)?;
    }
    let [dst, src, wgt] = steps;
    Some(InsnLoop { extent: program.loop_var(l).extent, dst, src, wgt })
}

/// Joins loops that continue each other in every operand. A joined loop keeps its parts, since only they can be walked.
fn merge(steps: Vec<Step>) -> Vec<Vec<Step>> {
    let mut groups: Vec<Vec<Step>> = steps.into_iter().map(|s| vec![s]).collect();
    loop {
        let pair = (0..groups.len()).find_map(|a| {
            let joins = |b: &usize| a != *b && continues(&total(&groups[a]), &total(&groups[*b]));
            (0..groups.len()).filter(|b| ![a, *b].iter().any(|g| is_unrolled(&groups[*g]))).find(joins).map(|b| (a, b))
        });
        let Some((a, b)) = pair else { return groups };
        let inner = groups[b].clone();
        groups[a].extend(inner);
        groups.remove(b);
    }
}

/// Whether a loop is to be no loop of an instruction.
fn is_unrolled(group: &[Step]) -> bool {
    group.iter().any(|s| s.at.mark == Some(Mark::Unroll))
}

/// Whether `outer` takes up where `inner` ends, in all operands.
fn continues(outer: &InsnLoop, inner: &InsnLoop) -> bool {
    let next = |step: i64| step * inner.extent;
    outer.dst == next(inner.dst)
        && outer.src == next(inner.src)
        && outer.wgt == next(inner.wgt)
        && outer.extent * inner.extent <= i64::from(MAX_ITER)
}

/// The one loop that a group makes: the steps of its innermost part.
fn total(group: &[Step]) -> InsnLoop {
    let innermost = group.last().expect("groups are not empty").by;
    InsnLoop { extent: group.iter().map(|s| s.by.extent).product(), ..innermost }
}

/// Which loops become what.
struct Plan {
    outer: InsnLoop,
    inner: InsnLoop,
    uops: Vec<MicroOp>,
    outside: Vec<Step>,
}

/// The cheapest plan; for the ALU, of those that keep writes of one tile apart.
fn plan(groups: &[Vec<Step>], uop_limit: i64, is_alu: bool) -> Plan {
    let fits = |g: &Vec<Step>| total(g).extent <= i64::from(MAX_ITER) && !is_unrolled(g);
    let candidates: Vec<Option<usize>> =
        std::iter::once(None).chain((0..groups.len()).filter(|g| fits(&groups[*g])).map(Some)).collect();
    let mut best: Option<(i64, Plan)> = None;
    for outer in &candidates {
        for inner in &candidates {
            if outer.is_some() && (outer == inner || inner.is_none()) {
                continue;
            }
            let limits: &[UopLimit] = match is_alu {
                true => &[UopLimit { all: uop_limit, reduced: uop_limit }, UopLimit { all: uop_limit, reduced: 1 }],
                false => &[UopLimit { all: uop_limit, reduced: uop_limit }],
            };
            for limit in limits {
                let draft = draft(groups, *outer, *inner, *limit, is_alu);
                if best.as_ref().is_some_and(|(least, _)| draft.cost >= *least) {
                    continue;
                }
                let (cost, plan) = (draft.cost, draft.plan());
                if !is_alu || writes_apart(&plan) {
                    best = Some((cost, plan));
                }
            }
        }
    }
    best.expect("the plan without loops over one tile is always there").1
}

/// How many micro-ops an instruction may have after a loop, any or a reduced one, has become a part of them.
#[derive(Clone, Copy)]
struct UopLimit {
    all: i64,
    reduced: i64,
}

/// A plan before its micro-ops are listed.
struct Draft {
    outer: InsnLoop,
    inner: InsnLoop,
    /// The loops that become micro-ops, from the innermost.
    unrolled: Vec<Step>,
    outside: Vec<Step>,
    /// In cycles, without what all plans have in common.
    cost: i64,
}

impl Draft {
    fn plan(self) -> Plan {
        let mut uops = vec![MicroOp { dst: 0, src: 0, wgt: 0 }];
        for s in &self.unrolled {
            uops = unrolled(&uops, &s.by);
        }
        Plan { outer: self.outer, inner: self.inner, uops, outside: self.outside }
    }
}

/// The plan with given instruction loops: the smallest of the others become micro-ops as far as these fit, for the ALU
/// the loops over tiles before those over values of one tile.
fn draft(groups: &[Vec<Step>], outer: Option<usize>, inner: Option<usize>, limit: UopLimit, is_alu: bool) -> Draft {
    let others = (0..groups.len()).filter(|g| Some(*g) != outer && Some(*g) != inner);
    let mut rest: Vec<Step> = others.flat_map(|g| groups[g].iter().copied()).collect();
    let is_reduced = |s: &Step| is_alu && s.by.dst == 0;
    rest.sort_by_key(|s| (is_reduced(s), s.at.mark != Some(Mark::Unroll), s.by.extent));
    let mut uops = 1;
    let (mut unrolled, mut outside) = (Vec::new(), Vec::new());
    for s in rest {
        let most = if is_reduced(&s) { limit.reduced } else { limit.all };
        match uops * s.by.extent <= most {
            true => {
                uops *= s.by.extent;
                unrolled.push(s);
            }
            false => outside.push(s),
        }
    }
    let instructions: i64 = outside.iter().map(|s| s.by.extent).product();
    let chosen = |g: Option<usize>| g.map_or(InsnLoop::ONCE, |g| total(&groups[g]));
    let cost = instructions.saturating_mul(CYCLES_PER_INSTRUCTION + uops);
    Draft { outer: chosen(outer), inner: chosen(inner), unrolled, outside, cost }
}

/// Whether no tile is written twice within two micro-ops.
///
/// The micro-op `ahead` behind number `u` is of the same iteration, or of one or two inner iterations later; the latter
/// may also lie in a later outer iteration.
fn writes_apart(plan: &Plan) -> bool {
    let Plan { outer, inner, uops, .. } = plan;
    let count = uops.len();
    let apart = |u: usize, ahead: usize| {
        let (next, inner_steps) = (&uops[(u + ahead) % count], ((u + ahead) / count) as i64);
        let distance = next.dst - uops[u].dst;
        if inner_steps == 0 {
            return distance != 0;
        }
        let stays = inner_steps >= inner.extent || distance + inner_steps * inner.dst != 0;
        let mut wraps = (inner.extent - inner_steps).max(0)..inner.extent;
        stays
            && wraps.all(|i| {
                let (later, outer_steps) = ((i + inner_steps) % inner.extent, (i + inner_steps) / inner.extent);
                outer_steps >= outer.extent || distance + (later - i) * inner.dst + outer_steps * outer.dst != 0
            })
    };
    (0..count).all(|u| apart(u, 1) && apart(u, 2))
}

/// Micro-ops for each iteration of a loop.
fn unrolled(uops: &[MicroOp], by: &InsnLoop) -> Vec<MicroOp> {
    let at = |n: i64| {
        uops.iter().map(move |u| MicroOp { dst: u.dst + n * by.dst, src: u.src + n * by.src, wgt: u.wgt + n * by.wgt })
    };
    (0..by.extent).flat_map(at).collect()
}

fn apply(mut insn: Insn, plan: &Plan, gone: &[LoopId]) -> Insn {
    for tile in insn.tiles_mut() {
        tile.offset = gone.iter().fold(tile.offset.clone(), |e, l| e.without(*l));
    }
    insn.set_walk((plan.outer, plan.inner), plan.uops.clone());
    insn
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::legalize::testing::printed_after;

    fn folded(operand: &str) -> String {
        let text = format!(
            "program p {{
    alloc C: i32[128, 16] @acc tile(1: 16)
    alloc S: i32[128, 16] @acc tile(1: 16)
    for a in 0..2 {{
        for b in 0..8 {{
            for c in 0..7 {{
                alu add C[a * 64 + b * 8 + c], {operand}
            }}
        }}
    }}
}}
"
        );
        printed_after(&text, run)
    }

    #[test]
    fn loops_that_read_what_others_write_keep_their_order() {
        assert_eq!(folded("C[b * 8 + c + 1]").matches("for ").count(), 3);
    }

    #[test]
    fn loops_over_tiles_of_their_own_go_into_the_instruction() {
        for operand in ["S[b * 8 + c + 1]", "C[a * 64 + b * 8 + c]", "C[a * 64 + b * 8 + 7]", "3"] {
            assert_eq!(folded(operand).matches("for ").count(), 0, "{operand}");
        }
    }
}
