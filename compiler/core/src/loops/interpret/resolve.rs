//! Loop program → nodes with loop variables as slots, indices as one physical address each, values in postfix order.
//! Nothing is looked up by name or id when the nodes run.

use tilewright_isa::AluOpcode;

use crate::affine::{Affine, Atom, Interval};
use crate::loops::ir::{
    Alu, AluOperand, BufferId, Dma, Gemm, Index, Insn, InsnLoop, Leaf, Load, LoopProgram, MicroOp, Stmt, Store, TileRef,
};
use crate::scalar::{BinaryOp, CastMode, CompareOp, DType, Scalar};

/// An index over slots of the environment.
#[derive(Debug)]
pub(super) struct Address {
    constant: i64,
    terms: Box<[(usize, i64)]>,
    divided: Box<[(Divided, i64)]>,
}

#[derive(Debug)]
enum Divided {
    Div(Address, i64),
    Mod(Address, i64),
    Clip(Address, Interval),
}

impl Address {
    fn of(index: &Index) -> Address {
        let (mut terms, mut divided) = (Vec::new(), Vec::new());
        for (atom, c) in index.terms() {
            match atom {
                Atom::Var(v) => terms.push((v.0 as usize, *c)),
                Atom::Div(e, d) => divided.push((Divided::Div(Address::of(e), *d), *c)),
                Atom::Mod(e, d) => divided.push((Divided::Mod(Address::of(e), *d), *c)),
                Atom::Clip(e, within) => divided.push((Divided::Clip(Address::of(e), *within), *c)),
            }
        }
        Address { constant: index.offset(), terms: terms.into(), divided: divided.into() }
    }

    /// The value. Sums wrap: verified indices fit in the end, whatever their partial sums do.
    #[inline]
    pub fn eval(&self, env: &[i64]) -> i64 {
        let term = |sum: i64, (slot, c): &(usize, i64)| sum.wrapping_add(c.wrapping_mul(env[*slot]));
        let sum = self.terms.iter().fold(self.constant, term);
        self.divided.iter().fold(sum, |sum, (part, c)| sum.wrapping_add(c.wrapping_mul(part.eval(env))))
    }
}

impl Divided {
    fn eval(&self, env: &[i64]) -> i64 {
        match self {
            Divided::Div(e, d) => e.eval(env).div_euclid(*d),
            Divided::Mod(e, d) => e.eval(env).rem_euclid(*d),
            Divided::Clip(e, within) => within.nearest(e.eval(env)),
        }
    }
}

/// A step of a value in postfix order.
#[derive(Debug)]
pub(super) enum Op {
    Const(i32),
    Load {
        buffer: usize,
        cell: Address,
    },
    /// A read that may lie outside of its buffer: indices with their extents, and what it yields there.
    Guarded {
        buffer: usize,
        cell: Address,
        indices: Box<[(Address, i64)]>,
        outside: i32,
    },
    Index(Address),
    Binary(BinaryOp),
    Cast(DType, CastMode),
    /// Takes what is compared and the two values to choose from.
    Select(CompareOp),
}

/// Tiles of a buffer from an offset on.
#[derive(Debug)]
pub(super) struct Tiles {
    pub buffer: usize,
    pub offset: Address,
}

/// The two loops and the micro-ops of an instruction.
#[derive(Debug)]
pub(super) struct Walk {
    pub outer: InsnLoop,
    pub inner: InsnLoop,
    pub uops: Vec<MicroOp>,
}

#[derive(Debug)]
pub(super) enum Operand {
    Imm(i32),
    Tiles(Tiles),
}

#[derive(Debug)]
pub(super) enum Node {
    For { slot: usize, extent: i64, body: Vec<Node> },
    Alloc { buffer: usize },
    Store { buffer: usize, cell: Address, value: Vec<Op> },
    Dma { sram: Tiles, dram: Tiles, dtype: DType, rows: Dma },
    Gemm { dst: Tiles, operands: Option<(Tiles, Tiles)>, walk: Walk },
    Alu { opcode: AluOpcode, dst: Tiles, operand: Operand, walk: Walk },
}

/// The nodes of a verified program, and the number of steps that a run takes.
pub(super) fn resolve(program: &LoopProgram) -> (Vec<Node>, u64) {
    block(program, &program.body)
}

fn block(program: &LoopProgram, stmts: &[Stmt]) -> (Vec<Node>, u64) {
    let mut total = 0u64;
    let mut nodes = Vec::new();
    for stmt in stmts {
        let (node, steps) = node(program, stmt);
        total = total.saturating_add(steps);
        // A loop around nothing would still count.
        if steps > 0 {
            nodes.push(node);
        }
    }
    (nodes, total)
}

fn node(program: &LoopProgram, stmt: &Stmt) -> (Node, u64) {
    match stmt {
        Stmt::For(s) => {
            let (body, steps) = block(program, &s.body);
            let extent = program.loop_var(s.var).extent;
            (Node::For { slot: s.var.0 as usize, extent, body }, steps.saturating_mul(extent as u64))
        }
        Stmt::Alloc { buffer, .. } => (Node::Alloc { buffer: buffer.0 as usize }, 1),
        Stmt::Store(s) => (store(program, s), 1),
        Stmt::Insn(Insn::Dma(s)) => (dma(program, s), s.sram_tiles() as u64),
        Stmt::Insn(Insn::Gemm(s)) => gemm(s),
        Stmt::Insn(Insn::Alu(s)) => alu(s),
    }
}

fn store(program: &LoopProgram, s: &Store) -> Node {
    let mut value = Vec::new();
    postfix(program, &s.value, &mut value);
    Node::Store { buffer: s.buffer.0 as usize, cell: cell(program, s.buffer, &s.indices), value }
}

fn postfix(program: &LoopProgram, value: &Scalar<Leaf>, ops: &mut Vec<Op>) {
    match value {
        Scalar::Const { value, .. } => ops.push(Op::Const(*value)),
        Scalar::Leaf(Leaf::Load(l)) => {
            ops.push(load(program, l));
        }
        Scalar::Leaf(Leaf::Index(index)) => ops.push(Op::Index(Address::of(index))),
        Scalar::Binary { op, left, right } => {
            postfix(program, left, ops);
            postfix(program, right, ops);
            ops.push(Op::Binary(*op));
        }
        Scalar::Approx { .. } => postfix(program, &value.expanded(), ops),
        Scalar::Select { op, parts } => {
            parts.each().into_iter().for_each(|part| postfix(program, part, ops));
            ops.push(Op::Select(*op));
        }
        Scalar::Cast { to, mode, value } => {
            postfix(program, value, ops);
            // Every value is an `i32` already.
            if *to != DType::I32 {
                ops.push(Op::Cast(*to, *mode));
            }
        }
    }
}

fn load(program: &LoopProgram, l: &Load) -> Op {
    let (b, buffer) = (program.buffer(l.buffer), l.buffer.0 as usize);
    let cell = cell(program, l.buffer, &l.indices);
    match &b.outside {
        None => Op::Load { buffer, cell },
        Some(outside) => {
            let indices = l.indices.iter().zip(&b.shape).map(|(index, n)| (Address::of(index), *n)).collect();
            Op::Guarded { buffer, cell, indices, outside: outside.value }
        }
    }
}

/// The physical address of an element: affine forms carry the layout, and the loops' ranges simplify it.
fn cell(program: &LoopProgram, buffer: BufferId, indices: &[Index]) -> Address {
    let b = program.buffer(buffer);
    let ranges = |v| program.loop_range(v);
    let layout = b.layout.clone().unwrap_or_default();
    let steps = layout.steps(&b.shape);
    let mut tile = Affine::constant(0);
    for (d, index) in indices.iter().enumerate() {
        tile = tile.plus(&index.div(layout.lane_size(d), &ranges).times(steps[d]));
    }
    let lane = layout
        .lanes
        .iter()
        .fold(Affine::constant(0), |at, l| at.times(l.size).plus(&indices[l.dim].modulo(l.size, &ranges)));
    Address::of(&tile.times(layout.lane_count()).plus(&lane))
}

fn tiles(tile: &TileRef) -> Tiles {
    Tiles { buffer: tile.buffer.0 as usize, offset: Address::of(&tile.offset) }
}

fn dma(program: &LoopProgram, s: &Dma) -> Node {
    let dtype = program.buffer(s.dram.buffer).dtype;
    Node::Dma { sram: tiles(&s.sram), dram: tiles(&s.dram), dtype, rows: s.clone() }
}

fn gemm(s: &Gemm) -> (Node, u64) {
    let (walk, steps) = walk(s.outer, s.inner, &s.uops);
    let operands = s.operands.as_ref().map(|(src, wgt)| (tiles(src), tiles(wgt)));
    (Node::Gemm { dst: tiles(&s.dst), operands, walk }, steps)
}

fn alu(s: &Alu) -> (Node, u64) {
    let (walk, steps) = walk(s.outer, s.inner, &s.uops);
    let operand = match &s.operand {
        AluOperand::Imm(imm) => Operand::Imm((*imm).into()),
        AluOperand::Tile(tile) => Operand::Tiles(tiles(tile)),
    };
    (Node::Alu { opcode: s.opcode, dst: tiles(&s.dst), operand, walk }, steps)
}

fn walk(outer: InsnLoop, inner: InsnLoop, uops: &[MicroOp]) -> (Walk, u64) {
    let steps = (outer.extent as u64).saturating_mul(inner.extent as u64).saturating_mul(uops.len() as u64);
    (Walk { outer, inner, uops: uops.to_vec() }, steps)
}
