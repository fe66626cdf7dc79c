//! Puts GEMM instructions of one micro-op in the place of tensorized products.
//!
//! ```text
//! before   for jo { @gemm for ii { for ji { for ri { C[...] = C[...] + i32(X_buf[...]) * i32(W_buf[...]) } } } }
//! after    for jo { gemm C[jo] += X_buf[0] * W_buf[jo] }
//! ```

use crate::gemm::{Accesses, Match, TileLoop, match_tile};
use crate::legalize::tiles::{LaneLoop, NotWhole, has_tiles, strip, tile_ref};
use crate::legalize::{Cx, LegalizeError};
use crate::loops::ir::{Gemm, Insn, InsnLoop, Leaf, Load, LoopId, LoopProgram, Mark, MicroOp, Scope, Stmt, Store};
use crate::loops::nest::{Nest, NestLoop, rewrite_stores, wrap};
use crate::scalar::{BinaryOp, DType, Scalar};

pub fn run(program: &mut LoopProgram, cx: &Cx) -> Result<(), LegalizeError> {
    let body = std::mem::take(&mut program.body);
    program.body = rewrite_stores(body, &mut |nest| {
        Ok::<_, LegalizeError>(match product(program, cx, &nest)? {
            Some(found) if has_tiles(program, cx.core(), &nest.store) => vec![gemm(program, &nest, &found)?],
            _ => vec![nest.into_stmt()],
        })
    })?;
    Ok(())
}

/// A product that is one micro-op.
#[derive(Clone, Debug)]
pub struct Product {
    pub dst: Load,
    pub src: Load,
    pub wgt: Load,
    pub tile: Match<LoopId>,
    /// How many of the nest's loops stand outside of the tile.
    pub outer: usize,
}

/// Recognises a tensorized nest that accumulates products; None for any other nest.
pub fn product(program: &LoopProgram, cx: &Cx, nest: &Nest) -> Result<Option<Product>, LegalizeError> {
    let Some(outer) = nest.loops.iter().position(|l| l.mark == Some(Mark::Gemm)) else { return Ok(None) };
    let Some((dst, left, right)) = accumulated(program, &nest.store) else { return Ok(None) };
    let loops: Vec<TileLoop<LoopId>> =
        nest.loops[outer..].iter().map(|l| TileLoop { var: l.var, extent: program.loop_var(l.var).extent }).collect();
    let orders = [(left, right), (right, left)];
    let weights_first = scope(program, left) == Scope::Wgt || scope(program, right) == Scope::Inp;
    let orders = if weights_first { [orders[1], orders[0]] } else { orders };
    for (src, wgt) in orders {
        let accesses = Accesses { dst: &dst.indices, src: &src.indices, wgt: &wgt.indices };
        if let Ok(tile) = match_tile(cx.core(), &loops, &accesses) {
            for (load, expected, operand) in
                [(&dst, Scope::Acc, "its result"), (src, Scope::Inp, "its input"), (wgt, Scope::Wgt, "its weights")]
            {
                operand_scope(program, nest, load, expected, operand, src.buffer == wgt.buffer)?;
            }
            return Ok(Some(Product { dst, src: src.clone(), wgt: wgt.clone(), tile, outer }));
        }
    }
    Err(LegalizeError::Shape {
        buffer: program.buffer(dst.buffer).name.clone(),
        what: "micro-ops of the GEMM core",
        reason: "their extents or indices are not those of a tile".to_string(),
        origin: nest.origin(),
        help: "the loops over BATCH, BLOCK_OUT and BLOCK_IN have to be innermost".to_string(),
    })
}

fn scope(program: &LoopProgram, load: &Load) -> Scope {
    program.buffer(load.buffer).scope
}

/// The accumulator and the factors of `D[..] = D[..] + i32(A[..]) * i32(B[..])`.
fn accumulated<'a>(program: &LoopProgram, store: &'a Store) -> Option<(Load, &'a Load, &'a Load)> {
    let Scalar::Binary { op: BinaryOp::Add, left, right } = &store.value else { return None };
    let Scalar::Leaf(Leaf::Load(sum)) = &**left else { return None };
    if sum.buffer != store.buffer || sum.indices != store.indices {
        return None;
    }
    let Scalar::Binary { op: BinaryOp::Mul, left: a, right: b } = &**right else { return None };
    Some((sum.clone(), factor(program, a)?, factor(program, b)?))
}

/// `i32(A[..])` of an `i8` buffer.
fn factor<'a>(program: &LoopProgram, value: &'a Scalar<Leaf>) -> Option<&'a Load> {
    match value {
        Scalar::Cast { to: DType::I32, value, .. } => match &**value {
            Scalar::Leaf(Leaf::Load(l)) if program.buffer(l.buffer).dtype == DType::I8 => Some(l),
            _ => None,
        },
        _ => None,
    }
}

fn operand_scope(
    program: &LoopProgram,
    nest: &Nest,
    load: &Load,
    expected: Scope,
    operand: &'static str,
    both: bool,
) -> Result<(), LegalizeError> {
    let buffer = program.buffer(load.buffer);
    match buffer.scope == expected {
        true => Ok(()),
        false => Err(LegalizeError::OperandScope {
            operand,
            buffer: buffer.name.clone(),
            scope: buffer.scope,
            expected,
            both: both && expected != Scope::Acc,
            origin: nest.origin(),
            definition: buffer.origin.tensor,
        }),
    }
}

fn gemm(program: &mut LoopProgram, nest: &Nest, p: &Product) -> Result<Stmt, LegalizeError> {
    let mut lanes: Vec<LaneLoop> = Vec::new();
    for lane in p.tile.dst.iter().chain(&p.tile.src).chain(&p.tile.wgt) {
        let lane = LaneLoop { var: lane.var, size: lane.size };
        if !lanes.contains(&lane) {
            lanes.push(lane);
        }
    }
    strip(program, &lanes).expect("a tile's loops have the core's extents");
    let place = |load: &Load| {
        tile_ref(program, load.buffer, &load.indices, &lanes).map_err(|e| not_whole(program, nest, load, &e))
    };
    let (dst, src, wgt) = (place(&p.dst)?, place(&p.src)?, place(&p.wgt)?);
    let outer: Vec<NestLoop> = nest.loops[..p.outer].to_vec();
    Ok(wrap(
        &outer,
        Stmt::Insn(Insn::Gemm(Gemm {
            dst,
            operands: Some((src, wgt)),
            outer: InsnLoop::ONCE,
            inner: InsnLoop::ONCE,
            uops: vec![MicroOp { dst: 0, src: 0, wgt: 0 }],
            origin: nest.store.origin,
        })),
    ))
}

/// The error for an access that starts inside a tile.
pub fn not_whole(program: &LoopProgram, nest: &Nest, load: &Load, e: &NotWhole) -> LegalizeError {
    let name = &program.buffer(load.buffer).name;
    LegalizeError::PartialTile {
        buffer: name.clone(),
        reason: format!(
            "in dimension {} of `{name}` an access does not start at a multiple of {}, the size of a tile there",
            e.dim, e.size
        ),
        origin: nest.origin(),
        help: format!(
            "let it start at a multiple of {}, or compute at a loop whose iterations take whole tiles",
            e.size
        ),
    }
}
