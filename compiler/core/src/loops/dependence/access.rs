//! The accesses of statements, in the order in which they are made: statements → each buffer that they touch, where, and the
//! loops around.

use std::rc::Rc;

use crate::affine::Interval;
use crate::loops::ir::{Alu, Gemm, Insn, MicroOp};
use crate::loops::ir::{
    AluOperand, BufferId, Direction as Transfer, Dma, Index, InsnLoop, Leaf, LoopId, Stmt, TileRef,
};

/// One access.
#[derive(Clone, Debug)]
pub struct Access<'a> {
    pub buffer: BufferId,
    pub place: Place<'a>,
    pub write: bool,
    /// The loops around it, from the outermost.
    pub loops: Rc<[LoopId]>,
    /// Its number in the order of the text. A store reads before it writes.
    pub position: usize,
}

impl Access<'_> {
    /// How many of the outer loops are around another access as well.
    pub fn common_loops(&self, other: &Access) -> usize {
        self.loops.iter().zip(other.loops.iter()).take_while(|(a, b)| a == b).count()
    }
}

/// What an access touches of its buffer in one iteration of the loops around it.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    Element(&'a [Index]),
    /// Tiles between the first and the last that an instruction touches, counted from an offset, and in those of a buffer.
    Tiles {
        offset: &'a Index,
        reach: Interval,
        of: BufferId,
    },
}

/// Visits the accesses of statements, in order.
pub fn accesses<'a>(stmts: &'a [Stmt], visit: &mut dyn FnMut(Access<'a>)) {
    Collector { visit, loops: Vec::new(), position: 0 }.block(stmts);
}

struct Collector<'v, 'a> {
    visit: &'v mut dyn FnMut(Access<'a>),
    loops: Vec<LoopId>,
    position: usize,
}

impl<'a> Collector<'_, 'a> {
    fn block(&mut self, stmts: &'a [Stmt]) {
        let mut around: Option<Rc<[LoopId]>> = None;
        for stmt in stmts {
            match stmt {
                Stmt::For(f) => {
                    self.loops.push(f.var);
                    self.block(&f.body);
                    self.loops.pop();
                }
                leaf => {
                    let loops = around.get_or_insert_with(|| self.loops.as_slice().into()).clone();
                    let Collector { visit, position, .. } = self;
                    touched(leaf, &mut |buffer, place, write| {
                        visit(Access { buffer, place, write, loops: loops.clone(), position: *position });
                        *position += 1;
                    });
                }
            }
        }
    }
}

/// Visits what a statement that is no loop reads, and then what it writes.
fn touched<'a>(stmt: &'a Stmt, visit: &mut dyn FnMut(BufferId, Place<'a>, bool)) {
    match stmt {
        Stmt::For(_) | Stmt::Alloc { .. } => {}
        Stmt::Store(s) => {
            s.value.leaves(&mut |leaf| {
                if let Leaf::Load(l) = leaf {
                    visit(l.buffer, Place::Element(&l.indices), false);
                }
            });
            visit(s.buffer, Place::Element(&s.indices), true);
        }
        Stmt::Insn(Insn::Dma(d)) => {
            let [(source, read), (target, written)] = transferred(d);
            let of = d.sram.buffer;
            visit(source.buffer, Place::Tiles { offset: &source.offset, reach: read, of }, false);
            visit(target.buffer, Place::Tiles { offset: &target.offset, reach: written, of }, true);
        }
        Stmt::Insn(Insn::Gemm(Gemm { dst, operands, outer, inner, uops, .. })) => {
            let walk = [outer, inner];
            if let Some((src, wgt)) = operands {
                visit(src.buffer, tiles(src, walk, uops, |l| l.src, |u| u.src), false);
                visit(wgt.buffer, tiles(wgt, walk, uops, |l| l.wgt, |u| u.wgt), false);
                visit(dst.buffer, tiles(dst, walk, uops, |l| l.dst, |u| u.dst), false);
            }
            visit(dst.buffer, tiles(dst, walk, uops, |l| l.dst, |u| u.dst), true);
        }
        Stmt::Insn(Insn::Alu(Alu { dst, operand, outer, inner, uops, .. })) => {
            let walk = [outer, inner];
            if let AluOperand::Tile(src) = operand {
                visit(src.buffer, tiles(src, walk, uops, |l| l.src, |u| u.src), false);
            }
            visit(dst.buffer, tiles(dst, walk, uops, |l| l.dst, |u| u.dst), false);
            visit(dst.buffer, tiles(dst, walk, uops, |l| l.dst, |u| u.dst), true);
        }
    }
}

/// Both sides of a transfer, what is read first, with the tiles that it reaches.
fn transferred(d: &Dma) -> [(&TileRef, Interval); 2] {
    let rows = d.x_stride.saturating_mul(d.y_size - 1);
    let dram = Interval::new(rows.min(0), rows.max(0).saturating_add(d.x_size - 1));
    let sram = Interval::below(d.sram_tiles());
    match d.direction {
        Transfer::Load => [(&d.dram, dram), (&d.sram, sram)],
        Transfer::Store => [(&d.sram, sram), (&d.dram, dram)],
    }
}

/// What one operand of an instruction reaches with its loops and micro-ops.
fn tiles<'a>(
    at: &'a TileRef,
    walk: [&InsnLoop; 2],
    uops: &[MicroOp],
    step: fn(&InsnLoop) -> i64,
    own: fn(&MicroOp) -> i64,
) -> Place<'a> {
    let ops = uops.iter().map(own);
    let mut reach = Interval::new(ops.clone().min().unwrap_or(0), ops.max().unwrap_or(0));
    for l in walk {
        let last = step(l).saturating_mul(l.extent - 1);
        reach = Interval::new(reach.min.saturating_add(last.min(0)), reach.max.saturating_add(last.max(0)));
    }
    Place::Tiles { offset: &at.offset, reach, of: at.buffer }
}
