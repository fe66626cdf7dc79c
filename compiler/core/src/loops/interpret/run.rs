//! Executes resolved nodes on the buffers' memories.

use tilewright_isa::AluOpcode;

use super::memory::Memory;
use super::resolve::{Address, Node, Op, Operand, Tiles, Walk};
use crate::gemm::Core;
use crate::loops::ir::{Direction, Dma, Pad};
use crate::scalar::{CastMode, DType, cast};

/// A read of a cell that was not written.
#[derive(Debug)]
pub(super) struct Fault {
    pub buffer: usize,
    pub cell: usize,
    /// Slots and values of the enclosing loops, innermost first.
    pub loops: Vec<(usize, i64)>,
}

/// A fault is rare and a result is returned for each statement, so it is boxed.
type Outcome<T = ()> = Result<T, Box<Fault>>;

#[derive(Debug)]
pub(super) struct Machine {
    core: Core,
    pub memories: Vec<Memory>,
    /// The loop variables' values, by slot.
    env: Vec<i64>,
    /// Operands of the value that is being computed; empty between statements.
    stack: Vec<i32>,
}

/// One execution of a micro-op: displacements of its operands in tiles.
#[derive(Clone, Copy)]
struct Point {
    dst: i64,
    src: i64,
    wgt: i64,
}

impl Machine {
    pub fn new(core: Core, memories: Vec<Memory>, loops: usize) -> Machine {
        Machine { core, memories, env: vec![0; loops], stack: Vec::new() }
    }

    pub fn run(&mut self, block: &[Node]) -> Outcome {
        block.iter().try_for_each(|node| self.step(node))
    }

    fn step(&mut self, node: &Node) -> Outcome {
        match node {
            Node::For { slot, extent, body } => self.for_loop(*slot, *extent, body),
            Node::Alloc { buffer } => {
                self.memories[*buffer].forget();
                Ok(())
            }
            Node::Store { buffer, cell, value } => {
                let value = self.value(value)?;
                let cell = cell.eval(&self.env) as usize;
                self.memories[*buffer].write(cell, value);
                Ok(())
            }
            Node::Dma { sram, dram, dtype, rows } => self.dma(sram, dram, *dtype, rows),
            Node::Gemm { dst, operands: None, walk } => {
                self.reset(dst, walk);
                Ok(())
            }
            Node::Gemm { dst, operands: Some((src, wgt)), walk } => self.gemm(dst, src, wgt, walk),
            Node::Alu { opcode, dst, operand, walk } => self.alu(*opcode, dst, operand, walk),
        }
    }

    fn dma(&mut self, sram: &Tiles, dram: &Tiles, dtype: DType, rows: &Dma) -> Outcome {
        let (sram_at, dram_at) = (sram.offset.eval(&self.env), dram.offset.eval(&self.env));
        let lanes = self.memories[sram.buffer].lanes;
        if rows.pad != Pad::default() {
            let zeros = vec![0; rows.sram_tiles() as usize * lanes];
            self.memories[sram.buffer].write_all(sram_at as usize * lanes, &zeros);
        }
        (0..rows.y_size).try_for_each(|y| {
            let sram_at = sram_at + (rows.pad.y[0] + y) * rows.width() + rows.pad.x[0];
            let dram_at = dram_at + y * rows.x_stride;
            let count = (rows.x_size, lanes);
            match rows.direction {
                Direction::Load => self.copy((dram, dram_at), (sram, sram_at), count, DType::I32),
                Direction::Store => self.copy((sram, sram_at), (dram, dram_at), count, dtype),
            }
        })
    }

    fn for_loop(&mut self, slot: usize, extent: i64, body: &[Node]) -> Outcome {
        for i in 0..extent {
            self.env[slot] = i;
            if let Err(mut fault) = self.run(body) {
                fault.loops.push((slot, i));
                return Err(fault);
            }
        }
        Ok(())
    }

    fn value(&mut self, ops: &[Op]) -> Outcome<i32> {
        self.stack.clear();
        for op in ops {
            let value = match op {
                Op::Const(value) => *value,
                Op::Load { buffer, cell } => self.load(*buffer, cell)?,
                Op::Guarded { buffer, cell, indices, outside } => {
                    match indices.iter().all(|(index, n)| (0..*n).contains(&index.eval(&self.env))) {
                        true => self.load(*buffer, cell)?,
                        false => *outside,
                    }
                }
                Op::Index(index) => index.eval(&self.env) as i32,
                Op::Binary(op) => {
                    let (right, left) = (self.pop(), self.pop());
                    op.eval(left, right)
                }
                Op::Cast(to, mode) => cast(*to, *mode, self.pop()),
                Op::Select(op) => {
                    let (no, yes, right, left) = (self.pop(), self.pop(), self.pop(), self.pop());
                    if op.eval(left, right) { yes } else { no }
                }
            };
            self.stack.push(value);
        }
        Ok(self.pop())
    }

    fn load(&self, buffer: usize, cell: &Address) -> Outcome<i32> {
        let cell = cell.eval(&self.env) as usize;
        self.memories[buffer].read(cell).ok_or_else(|| fault(buffer, cell))
    }

    /// Postfix order has an operand for each pop.
    fn pop(&mut self) -> i32 {
        self.stack.pop().unwrap_or(0)
    }

    /// Copies consecutive tiles of so many lanes and keeps the low bits that `dtype` has.
    fn copy(&mut self, from: (&Tiles, i64), to: (&Tiles, i64), (count, lanes): (i64, usize), dtype: DType) -> Outcome {
        let mut row = vec![0; count as usize * lanes];
        let cell = from.1 as usize * lanes;
        self.memories[from.0.buffer].read_all(cell, &mut row).map_err(|cell| fault(from.0.buffer, cell))?;
        row.iter_mut().for_each(|v| *v = cast(dtype, CastMode::Wrap, *v));
        self.memories[to.0.buffer].write_all(to.1 as usize * lanes, &row);
        Ok(())
    }

    fn read_tiles(&self, buffer: usize, tile: i64, values: &mut [i32]) -> Outcome {
        let memory = &self.memories[buffer];
        memory.read_all(tile as usize * memory.lanes, values).map_err(|cell| fault(buffer, cell))
    }

    fn reset(&mut self, dst: &Tiles, walk: &Walk) {
        let start = dst.offset.eval(&self.env);
        let zeros = vec![0; self.memories[dst.buffer].lanes];
        for p in points(walk) {
            self.memories[dst.buffer].write_all((start + p.dst) as usize * zeros.len(), &zeros);
        }
    }

    fn gemm(&mut self, dst: &Tiles, src: &Tiles, wgt: &Tiles, walk: &Walk) -> Outcome {
        let [d_start, s_start, w_start] = [dst, src, wgt].map(|t| t.offset.eval(&self.env));
        let [mut d, mut s, mut w] = [dst, src, wgt].map(|t| vec![0; self.memories[t.buffer].lanes]);
        for p in points(walk) {
            self.read_tiles(dst.buffer, d_start + p.dst, &mut d)?;
            self.read_tiles(src.buffer, s_start + p.src, &mut s)?;
            self.read_tiles(wgt.buffer, w_start + p.wgt, &mut w)?;
            multiply(self.core, &mut d, &s, &w);
            self.memories[dst.buffer].write_all((d_start + p.dst) as usize * d.len(), &d);
        }
        Ok(())
    }

    fn alu(&mut self, opcode: AluOpcode, dst: &Tiles, operand: &Operand, walk: &Walk) -> Outcome {
        let lanes = self.memories[dst.buffer].lanes;
        let start = dst.offset.eval(&self.env);
        let mut d = vec![0; lanes];
        let (mut s, source) = match operand {
            Operand::Imm(imm) => (vec![*imm; lanes], None),
            Operand::Tiles(tiles) => (vec![0; lanes], Some((tiles.buffer, tiles.offset.eval(&self.env)))),
        };
        for p in points(walk) {
            if let Some((buffer, start)) = source {
                self.read_tiles(buffer, start + p.src, &mut s)?;
            }
            self.read_tiles(dst.buffer, start + p.dst, &mut d)?;
            d.iter_mut().zip(&s).for_each(|(a, b)| *a = opcode.eval(*a, *b));
            self.memories[dst.buffer].write_all((start + p.dst) as usize * lanes, &d);
        }
        Ok(())
    }
}

fn fault(buffer: usize, cell: usize) -> Box<Fault> {
    Box::new(Fault { buffer, cell, loops: Vec::new() })
}

/// The micro-ops of an instruction in the order of their execution.
fn points(walk: &Walk) -> impl Iterator<Item = Point> + '_ {
    let Walk { outer, inner, uops } = walk;
    (0..outer.extent).flat_map(move |o| {
        (0..inner.extent).flat_map(move |i| {
            uops.iter().map(move |u| Point {
                dst: u.dst + o * outer.dst + i * inner.dst,
                src: u.src + o * outer.src + i * inner.src,
                wgt: u.wgt + o * outer.wgt + i * inner.wgt,
            })
        })
    })
}

/// `dst[b][co] += Σ_ci src[b][ci] · wgt[co][ci]`, wrapping.
fn multiply(core: Core, dst: &mut [i32], src: &[i32], wgt: &[i32]) {
    let (block_in, block_out) = (core.block_in as usize, core.block_out as usize);
    for (row, inputs) in dst.chunks_exact_mut(block_out).zip(src.chunks_exact(block_in)) {
        for (sum, weights) in row.iter_mut().zip(wgt.chunks_exact(block_in)) {
            let products = inputs.iter().zip(weights).map(|(a, b)| a.wrapping_mul(*b));
            *sum = products.fold(*sum, i32::wrapping_add);
        }
    }
}
