//! The tiles that a statement touches, relative to its operands' addresses: exact sets, no hulls.
//!
//! Computed once for each statement and shared by all its executions.

use std::ops::Range;

use crate::loops::ir::{Alu, AluOperand, Direction, Dma, Gemm, InsnLoop, LoopProgram, MicroOp, Scope, Stmt};

/// `len` consecutive tiles, from `start` tiles behind the operand's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    pub start: i64,
    pub len: i64,
}

impl Run {
    /// The tiles themselves, where the operand has this address.
    pub fn at(self, address: u32) -> Range<usize> {
        let start = i64::from(address) + self.start;
        start as usize..(start + self.len) as usize
    }
}

/// A memory that instructions of different modules share. The micro-op buffer is none: compute alone uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Space {
    Inp,
    Wgt,
    /// Also what STORE reads: OUT is a view of it.
    Acc,
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
}

/// What one execution of a statement touches.
pub fn footprint(program: &LoopProgram, stmt: &Stmt) -> Vec<Touch> {
    match stmt {
        Stmt::Dma(dma) => transfer(program, dma),
        Stmt::Gemm(gemm) => product(gemm),
        Stmt::Alu(alu) => elementwise(alu),
        Stmt::For(_) | Stmt::Alloc { .. } | Stmt::Store(_) => Vec::new(),
    }
}

fn transfer(program: &LoopProgram, dma: &Dma) -> Vec<Touch> {
    let Dma { y_size, x_size, x_stride, .. } = *dma;
    let sram_tiles = dma.sram_tiles();
    let loads = dma.direction == Direction::Load;
    let space = match program.buffer(dma.sram.buffer).scope {
        Scope::Inp => Space::Inp,
        Scope::Wgt => Space::Wgt,
        Scope::Acc | Scope::Dram => Space::Acc,
    };
    let dense = vec![Run { start: 0, len: sram_tiles }];
    let rows = (0..y_size).map(|y| Run { start: y * x_stride, len: x_size });
    vec![
        Touch { space, write: loads, operand: 0, runs: dense },
        Touch { space: Space::Dram(dma.dram.buffer.0), write: !loads, operand: 1, runs: rows.collect() },
    ]
}

fn product(gemm: &Gemm) -> Vec<Touch> {
    let runs = |displacement: fn(&MicroOp) -> i64, factor: fn(&InsnLoop) -> i64| {
        strided(
            &gemm.uops,
            displacement,
            [(gemm.inner.extent, factor(&gemm.inner)), (gemm.outer.extent, factor(&gemm.outer))],
        )
    };
    let mut touches = vec![Touch { space: Space::Acc, write: true, operand: 0, runs: runs(|u| u.dst, |l| l.dst) }];
    if gemm.operands.is_some() {
        touches.push(Touch { space: Space::Inp, write: false, operand: 1, runs: runs(|u| u.src, |l| l.src) });
        touches.push(Touch { space: Space::Wgt, write: false, operand: 2, runs: runs(|u| u.wgt, |l| l.wgt) });
    }
    touches
}

fn elementwise(alu: &Alu) -> Vec<Touch> {
    let runs = |displacement: fn(&MicroOp) -> i64, factor: fn(&InsnLoop) -> i64| {
        strided(
            &alu.uops,
            displacement,
            [(alu.inner.extent, factor(&alu.inner)), (alu.outer.extent, factor(&alu.outer))],
        )
    };
    let mut touches = vec![Touch { space: Space::Acc, write: true, operand: 0, runs: runs(|u| u.dst, |l| l.dst) }];
    if matches!(alu.operand, AluOperand::Tile(_)) {
        touches.push(Touch { space: Space::Acc, write: false, operand: 1, runs: runs(|u| u.src, |l| l.src) });
    }
    touches
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
