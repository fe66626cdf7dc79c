//! The tiles that a statement touches, relative to its operands' addresses: exact sets, no hulls.
//!
//! Computed once for each statement and shared by all its executions.

use std::ops::Range;

use tilewright_isa::MemoryType;

use crate::loops::ir::{Direction, Dma, Insn, InsnLoop, LoopProgram, MicroOp, Operand, Stmt, TileRef};

/// `len` consecutive tiles, from `start` tiles behind the operand's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    pub start: i64,
    pub len: i64,
}

impl Run {
    /// The places of the tiles, where the operand has this address.
    pub fn at(self, address: u32, places: i64) -> Range<usize> {
        let start = i64::from(address) + self.start;
        (start * places) as usize..((start + self.len) * places) as usize
    }
}

/// A memory that instructions of different modules share. The micro-op buffer is none: compute alone uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Space {
    /// One with a buffer of its own: what STORE reads is in ACC.
    Scratchpad(MemoryType),
    /// The segment of the DRAM buffer with this number.
    Dram(u32),
}

/// One operand's accesses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touch {
    pub space: Space,
    pub write: bool,
    /// Which of [`super::walk::Operation::at`] the runs count from.
    pub operand: usize,
    pub runs: Vec<Run>,
    /// How many places of the memory a tile takes: tiles of several sizes may lie in one segment of DRAM.
    pub places: i64,
}

/// What one execution of a statement touches.
pub fn footprint(program: &LoopProgram, stmt: &Stmt) -> Vec<Touch> {
    let Stmt::Insn(insn) = stmt else { return Vec::new() };
    match (insn, insn.walk()) {
        (Insn::Dma(dma), _) => transfer(program, dma),
        (_, Some(walk)) => executed(program, insn, walk),
        (_, None) => Vec::new(),
    }
}

fn transfer(program: &LoopProgram, dma: &Dma) -> Vec<Touch> {
    let Dma { y_size, x_size, x_stride, .. } = *dma;
    let sram_tiles = dma.sram_tiles();
    let loads = dma.direction == Direction::Load;
    let space = space(program, &dma.sram);
    let dense = vec![Run { start: 0, len: sram_tiles }];
    let rows = (0..y_size).map(|y| Run { start: y * x_stride, len: x_size });
    let dram = Space::Dram(dma.dram.buffer.0);
    let elements = program.buffer(dma.sram.buffer).lane_count();
    vec![
        Touch { space, write: loads, operand: 0, runs: dense, places: 1 },
        Touch { space: dram, write: !loads, operand: 1, runs: rows.collect(), places: elements },
    ]
}

/// What moves an operand: its displacement in a micro-op, and its step in a loop.
type Moves = (fn(&MicroOp) -> i64, fn(&InsnLoop) -> i64);

/// By the position of the operand.
const MOVES: [Moves; 3] = [(|u| u.dst, |l| l.dst), (|u| u.src, |l| l.src), (|u| u.wgt, |l| l.wgt)];

fn executed(program: &LoopProgram, insn: &Insn, walk: (&InsnLoop, &InsnLoop, &[MicroOp])) -> Vec<Touch> {
    let (outer, inner, uops) = walk;
    let touch = |(position, (operand, (displacement, step))): (usize, (Operand<'_>, Moves))| {
        let loops = [(inner.extent, step(inner)), (outer.extent, step(outer))];
        let runs = strided(uops, displacement, loops);
        Touch { space: space(program, operand.tile), write: operand.written, operand: position, runs, places: 1 }
    };
    insn.operands().zip(MOVES).enumerate().map(touch).collect()
}

/// The memory of tiles in a scratchpad.
fn space(program: &LoopProgram, tile: &TileRef) -> Space {
    match program.buffer(tile.buffer).scope.memory() {
        Some(memory) => Space::Scratchpad(memory),
        None => unreachable!("operands of instructions are in scratchpads"),
    }
}

/// `displacement + inner + outer`, over all micro-ops and both loops, each tile once. A loop that moves nothing is left
/// out, and the tiles are merged after each loop, so the work is bounded by tiles and not by micro-ops executed.
fn strided(uops: &[MicroOp], displacement: fn(&MicroOp) -> i64, loops: [(i64, i64); 2]) -> Vec<Run> {
    let mut tiles: Vec<i64> = uops.iter().map(displacement).collect();
    merge(&mut tiles);
    for (extent, factor) in loops {
        if factor != 0 && extent > 1 {
            tiles = (0..extent).flat_map(|i| tiles.iter().map(move |t| t + i * factor)).collect();
            merge(&mut tiles);
        }
    }
    let mut runs: Vec<Run> = Vec::new();
    for tile in tiles {
        match runs.last_mut() {
            Some(run) if run.start + run.len == tile => run.len += 1,
            _ => runs.push(Run { start: tile, len: 1 }),
        }
    }
    runs
}

fn merge(tiles: &mut Vec<i64>) {
    tiles.sort_unstable();
    tiles.dedup();
}
