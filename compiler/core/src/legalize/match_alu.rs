//! Puts instructions of the vector ALU in the place of elementwise nests in the accumulator, and resets in the place of
//! constant fills.
//!
//! ```text
//! before   for i { for j in 0..64 { C[i, j] = max(C[i, j] >> 8, 0) } }
//! after    for i { for j in 0..4 { alu shr C[i * 4 + j], 8 } }
//!          for i { for j in 0..4 { alu max C[i * 4 + j], 0 } }
//! ```
//!
//! `select` chooses the operations. The nest runs once for each, over whole tiles.

use tilewright_isa::AluOpcode;

use crate::affine::Interval;
use crate::legalize::match_gemm::not_whole;
use crate::legalize::tiles::{LaneLoop, has_tiles, strip_walker, tile_ref};
use crate::legalize::{Cx, LegalizeError};
use crate::loops::ir::{
    Alu, AluOperand, Gemm, Insn, InsnLoop, Leaf, Load, LoopId, LoopProgram, MicroOp, Scope, Stmt, Store, TileRef,
};
use crate::loops::nest::{Nest, NestLoop, accumulation, rewrite_stores, wrap};
use crate::scalar::{BinaryOp, DType, Scalar};
use crate::select::{OpOperand, Refusal, Request, SelectedOp, Selection, Selections, Start};

pub fn run(program: &mut LoopProgram, cx: &Cx, selections: &mut Selections) -> Result<(), LegalizeError> {
    let body = std::mem::take(&mut program.body);
    program.body = rewrite_stores(body, &mut |nest| match elementwise(program, cx, &nest)? {
        Some(operands) if has_tiles(program, cx.core(), &nest.store) => {
            let target = Load { buffer: nest.store.buffer, indices: nest.store.indices.clone() };
            let selection = selection(program, cx, selections, (&operands, &target))
                .map_err(|refusal| refused(program, &nest, refusal))?;
            lower(program, cx, nest, (operands, target, selection))
        }
        _ => Ok(vec![nest.into_stmt()]),
    })?;
    Ok(())
}

/// The value of a nest over numbered operands, if it computes in the accumulator from the accumulator.
pub(super) struct Operands {
    pub value: Scalar<u32>,
    pub loads: Vec<Load>,
    /// What is known of an operand besides the type of its buffer.
    fits: Vec<Option<DType>>,
}

fn elementwise(program: &LoopProgram, cx: &Cx, nest: &Nest) -> Result<Option<Operands>, LegalizeError> {
    let target = program.buffer(nest.store.buffer);
    let mut has_index = false;
    let operands = operands_of(&nest.store, &mut has_index);
    let Operands { value, loads, .. } = &operands;
    let is_transfer =
        matches!(value, Scalar::Leaf(_)) && loads.iter().any(|l| program.buffer(l.buffer).scope != Scope::Acc);
    if target.scope != Scope::Acc || is_transfer {
        return Ok(None);
    }
    if has_index {
        let (buffer, origin) = (target.name.clone(), nest.origin());
        let reason = "the value of an axis is not in the accumulator".to_string();
        return Err(LegalizeError::NotSelected { buffer, reason, origin });
    }
    if let Some(foreign) = loads.iter().find(|l| program.buffer(l.buffer).scope != Scope::Acc) {
        return Err(foreign_operand(program, cx, nest, foreign));
    }
    Ok(Some(operands))
}

/// The stored value over numbered loads. An index in the place of a load is noted.
pub(super) fn operands_of(store: &Store, has_index: &mut bool) -> Operands {
    let mut loads: Vec<Load> = Vec::new();
    let value = store.value.map(&mut |leaf| match leaf {
        Leaf::Load(l) => {
            let at = loads.iter().position(|known| known == l).unwrap_or_else(|| {
                loads.push(l.clone());
                loads.len() - 1
            });
            at as u32
        }
        Leaf::Index(_) => {
            *has_index = true;
            0
        }
    });
    let mut fits = vec![None; loads.len()];
    value.fitting_leaves(&mut |k, dtype| fits[*k as usize] = Some(dtype));
    Operands { value, loads, fits }
}

/// Whether a store adds products up, which is what the GEMM core is for.
fn sums_products(store: &Store) -> bool {
    accumulation(store) == Some(BinaryOp::Add)
        && matches!(&store.value, Scalar::Binary { right, .. } if matches!(**right, Scalar::Binary { op: BinaryOp::Mul, .. }))
}

/// The error for an operand that the ALU cannot reach.
pub fn foreign_operand(program: &LoopProgram, cx: &Cx, nest: &Nest, foreign: &Load) -> LegalizeError {
    let (target, operand) = (program.buffer(nest.store.buffer), program.buffer(foreign.buffer));
    let help = match sums_products(&nest.store) {
        true => format!("sums of products run on the GEMM core: `{}.tensorize(AXIS, gemm)`", target.name),
        false if operand.dtype == DType::I8 && !cx.config.capabilities().acc_8bit => format!(
            "the ALU reads only `acc`, into which only `i32` is loaded: make `{}` an `i32` tensor",
            operand.name
        ),
        false => format!("copy `{0}` there: `{0}_acc = {0}.cache_read(acc)`", operand.name),
    };
    LegalizeError::NoUnit {
        buffer: target.name.clone(),
        scope: target.scope,
        operand: Some((operand.name.clone(), operand.scope)),
        origin: nest.origin(),
        help,
    }
}

fn lower(
    program: &mut LoopProgram,
    cx: &Cx,
    nest: Nest,
    (operands, target, selection): (Operands, Load, Selection),
) -> Result<Vec<Stmt>, LegalizeError> {
    order_is_free(program, &nest, &operands, &target, &selection)?;
    let lanes = lanes(program, cx, &nest)?;
    let place = |program: &LoopProgram, load: &Load| {
        tile_ref(program, load.buffer, &load.indices, &lanes).map_err(|e| not_whole(program, &nest, load, &e))
    };
    let dst = place(program, &target)?;
    let tiles = operands.loads.iter().map(|l| place(program, l)).collect::<Result<Vec<_>, _>>()?;
    let mut stmts = Vec::new();
    let mut push = |program: &mut LoopProgram, stmt: Stmt| {
        let (loops, renamed) = fresh_loops(program, &nest.loops, stmts.is_empty());
        stmts.push(wrap(&loops, rename_loops(stmt, &renamed)));
    };
    if selection.start == Start::Zero {
        push(program, reset(&dst, &nest));
    }
    for op in &selection.ops {
        let operand = match op.operand {
            OpOperand::Imm(value) => AluOperand::Imm(value),
            OpOperand::Operand(k) => AluOperand::Tile(tiles[k as usize].clone()),
            OpOperand::Own => AluOperand::Tile(dst.clone()),
        };
        push(program, alu(op.opcode, &dst, operand, &nest));
    }
    Ok(stmts)
}

/// Refuses what the whole nest, run once for each operation, would compute differently: a target that is read at other
/// elements than the one written, and an element that several iterations write, unless they only add to it, or only raise
/// or lower it.
fn order_is_free(
    program: &LoopProgram,
    nest: &Nest,
    operands: &Operands,
    target: &Load,
    selection: &Selection,
) -> Result<(), LegalizeError> {
    let elsewhere = reads_elsewhere(program, nest, &operands.loads);
    let joins = |op: &SelectedOp, with: AluOpcode| {
        let is_own = match op.operand {
            OpOperand::Imm(_) => false,
            OpOperand::Operand(k) => operands.loads[k as usize] == *target,
            OpOperand::Own => true,
        };
        op.opcode == with && !is_own
    };
    let accumulates = matches!(selection.start, Start::Operand(_))
        && AluOpcode::ALL
            .into_iter()
            .filter(|op| op.accumulates())
            .any(|with| selection.ops.iter().all(|op| joins(op, with)));
    let repeats = !nest.carrying_loops(program).is_empty() && !accumulates;
    let reason = match (elsewhere, repeats) {
        (true, _) => "it reads elements of itself that other iterations write",
        (false, true) => "several iterations write one element",
        (false, false) => return Ok(()),
    };
    let buffer = program.buffer(target.buffer).name.clone();
    Err(LegalizeError::NotSelected { buffer, reason: reason.to_string(), origin: nest.origin() })
}

/// Whether a nest reads its target at elements that other iterations write.
pub(super) fn reads_elsewhere(program: &LoopProgram, nest: &Nest, loads: &[Load]) -> bool {
    let store = &nest.store;
    let own = |l: &&Load| l.buffer == store.buffer && l.indices != store.indices;
    loads.iter().filter(own).any(|l| !nest.never_writes(program, &l.indices))
}

/// The error for a value without a selection.
fn refused(program: &LoopProgram, nest: &Nest, refusal: Refusal) -> LegalizeError {
    let origin = nest.origin();
    match refusal {
        Refusal::Error(error) => LegalizeError::Select { error, origin },
        Refusal::Parts => {
            let buffer = program.buffer(nest.store.buffer).name.clone();
            let reason = "it reads elements of itself that other iterations write".to_string();
            LegalizeError::NotSelected { buffer, reason, origin }
        }
    }
}

/// Whether some sequence of operations computes a value by overwriting an operand. Such a sequence does not read the
/// operand again.
pub fn begins_with(
    program: &LoopProgram,
    cx: &Cx,
    selections: &mut Selections,
    (store, operand): (&Store, &Load),
) -> bool {
    let mut has_index = false;
    let operands = operands_of(store, &mut has_index);
    let starts = |s: &Selection| matches!(s.start, Start::Operand(k) if operands.loads[k as usize] == *operand);
    !has_index && candidates(program, cx, selections, &operands).is_ok_and(|found| found.iter().any(starts))
}

/// The cheapest selection for a target that may itself be an operand.
fn selection(
    program: &LoopProgram,
    cx: &Cx,
    selections: &mut Selections,
    (operands, target): (&Operands, &Load),
) -> Result<Selection, Refusal> {
    let found = candidates(program, cx, selections, operands)?;
    found.iter().find(|s| is_usable(s, &operands.loads, target)).cloned().ok_or(Refusal::Parts)
}

/// Whether a selection leaves all but the target as it is, and does not clear the target where it is read afterwards.
pub(super) fn is_usable(selection: &Selection, loads: &[Load], target: &Load) -> bool {
    let is_target = |k: u32| loads.get(k as usize) == Some(target);
    let reads_target = |op: &SelectedOp| matches!(op.operand, OpOperand::Operand(k) if is_target(k));
    match selection.start {
        Start::Operand(k) => is_target(k),
        Start::Zero => !selection.ops.iter().any(reads_target),
    }
}

/// The cheapest selection from each start, cheapest first.
fn candidates<'s>(
    program: &LoopProgram,
    cx: &Cx,
    selections: &'s mut Selections,
    operands: &Operands,
) -> Result<&'s [Selection], Refusal> {
    with_request(program, cx, operands, |request| selections.candidates(request))
}

/// Asks for the value of a nest.
pub(super) fn with_request<T>(
    program: &LoopProgram,
    cx: &Cx,
    operands: &Operands,
    ask: impl FnOnce(&Request) -> T,
) -> T {
    let buffer = |k: u32| program.buffer(operands.loads[k as usize].buffer);
    let range = |k: u32| {
        let (min, max) = operands.fits[k as usize].unwrap_or(buffer(k).dtype).limits();
        Interval::new(min, max)
    };
    let name = |k: u32| buffer(k).name.clone();
    let multiplier = cx.config.capabilities().mul;
    ask(&Request { value: &operands.value, range: &range, name: &name, low_bits: false, multiplier })
}

/// The loops that walk the target's lanes. They are shortened to count tiles.
fn lanes(program: &mut LoopProgram, cx: &Cx, nest: &Nest) -> Result<Vec<LaneLoop>, LegalizeError> {
    let buffer = program.buffer(nest.store.buffer);
    let layout = buffer.layout.clone().unwrap_or_default();
    let name = buffer.name.clone();
    let mut lanes = Vec::new();
    for lane in &layout.lanes {
        let index = &nest.store.indices[lane.dim];
        let stripped = strip_walker(program, &nest.loops, index, lane.size, (nest.store.buffer, &nest.store.indices));
        lanes.push(stripped.map_err(|extent| LegalizeError::PartialTile {
            buffer: name.clone(),
            reason: match extent {
                None => format!("no loop here runs over dimension {} of `{name}`", lane.dim),
                Some(n) => format!("a loop of {n} elements is not a whole number of tiles of {}", lane.size),
            },
            origin: nest.origin(),
            help: format!("the core works on {} x {} tiles", cx.core().batch, cx.core().block_out),
        })?);
    }
    Ok(lanes)
}

fn reset(dst: &TileRef, nest: &Nest) -> Stmt {
    Stmt::Insn(Insn::Gemm(Gemm {
        dst: dst.clone(),
        operands: None,
        outer: InsnLoop::ONCE,
        inner: InsnLoop::ONCE,
        uops: vec![MicroOp { dst: 0, src: 0, wgt: 0 }],
        origin: nest.store.origin,
    }))
}

fn alu(opcode: AluOpcode, dst: &TileRef, operand: AluOperand, nest: &Nest) -> Stmt {
    Stmt::Insn(Insn::Alu(Alu {
        opcode,
        dst: dst.clone(),
        operand,
        outer: InsnLoop::ONCE,
        inner: InsnLoop::ONCE,
        uops: vec![MicroOp { dst: 0, src: 0, wgt: 0 }],
        origin: nest.store.origin,
    }))
}

/// The old variables of a nest and the new ones.
type Renamed = Vec<(LoopId, LoopId)>;

/// The loops of a nest for one more statement: each `For` has a variable of its own, so all but the first get new ones.
fn fresh_loops(program: &mut LoopProgram, loops: &[NestLoop], first: bool) -> (Vec<NestLoop>, Renamed) {
    if first {
        return (loops.to_vec(), Vec::new());
    }
    let mut renamed = Vec::new();
    let fresh = loops
        .iter()
        .map(|l| {
            let var = program.fresh_loop(l.var);
            renamed.push((l.var, var));
            NestLoop { var, ..*l }
        })
        .collect();
    (fresh, renamed)
}

fn rename_loops(mut stmt: Stmt, renamed: &Renamed) -> Stmt {
    if let Stmt::Insn(insn) = &mut stmt {
        for tile in insn.tiles_mut() {
            tile.offset = renamed.iter().fold(tile.offset.clone(), |e, (from, to)| e.rename(*from, *to));
        }
    }
    stmt
}
