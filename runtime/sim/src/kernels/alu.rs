//! ALU on runs: one operation applied to ACC elements a constant distance apart, in order.
//!
//! A later element of a run may read what an earlier one wrote, so elements follow one another; lanes of one element
//! do not depend on each other, whether or not source and destination are the same element.

use super::{Level, dispatch, portable};
use tilewright_isa::AluOpcode;

/// Lanes that are computed at once; element sizes below it go through [`portable`].
const LANES: usize = 16;

/// Elements of ACC: `count` destinations from `dst` on, `dst_step` apart, and as many sources. Counts are elements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub dst: i64,
    pub dst_step: i64,
    pub count: i64,
    /// First source and step, or the immediate that stands for all of them.
    pub operand: Operand,
    /// Lanes of an element.
    pub lanes: usize,
}

/// See [`Run::operand`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operand {
    Imm(i32),
    Elements { src: i64, step: i64 },
}

/// Applies the operation to the run.
pub(crate) fn run(level: Level, opcode: AluOpcode, acc: &mut [i32], run: Run) {
    if run.lanes % LANES != 0 {
        return narrow(opcode, acc, &run);
    }
    // A match on the operation outside the loops lets each of them be compiled for one operation.
    match opcode {
        AluOpcode::Min => dispatch!(level, wide_min(acc: &mut [i32], run: Run)),
        AluOpcode::Max => dispatch!(level, wide_max(acc: &mut [i32], run: Run)),
        AluOpcode::Add => dispatch!(level, wide_add(acc: &mut [i32], run: Run)),
        AluOpcode::Shr => dispatch!(level, wide_shr(acc: &mut [i32], run: Run)),
        AluOpcode::Mul => dispatch!(level, wide_mul(acc: &mut [i32], run: Run)),
    }
}

#[inline(always)]
fn wide_min(acc: &mut [i32], run: Run) {
    wide(acc, run, |x, y| x.min(y));
}

#[inline(always)]
fn wide_max(acc: &mut [i32], run: Run) {
    wide(acc, run, |x, y| x.max(y));
}

#[inline(always)]
fn wide_add(acc: &mut [i32], run: Run) {
    wide(acc, run, i32::wrapping_add);
}

#[inline(always)]
fn wide_mul(acc: &mut [i32], run: Run) {
    wide(acc, run, i32::wrapping_mul);
}

#[inline(always)]
fn wide_shr(acc: &mut [i32], run: Run) {
    match run.operand {
        // One direction and amount for all lanes.
        Operand::Imm(by) if by >= 0 => {
            let by = by.min(31);
            wide(acc, run, |x, _| x >> by);
        }
        Operand::Imm(by) => {
            let by = by.unsigned_abs();
            wide(acc, run, |x, _| x.checked_shl(by).unwrap_or(0));
        }
        Operand::Elements { .. } => wide(acc, run, |x, y| {
            let left = if y > -32 { x.wrapping_shl(y.wrapping_neg() as u32) } else { 0 };
            if y >= 0 { x >> y.min(31) } else { left }
        }),
    }
}

#[inline(always)]
fn wide(acc: &mut [i32], run: Run, op: impl Fn(i32, i32) -> i32) {
    let groups = run.lanes / LANES;
    let acc = acc.as_chunks_mut::<LANES>().0;
    match run.operand {
        Operand::Imm(imm) if run.dst_step == 1 => {
            let first = run.dst as usize * groups;
            for x in &mut acc[first..first + run.count as usize * groups] {
                *x = x.map(|x| op(x, imm));
            }
        }
        Operand::Imm(imm) => {
            for i in 0..run.count {
                let dst = (run.dst + i * run.dst_step) as usize * groups;
                for x in &mut acc[dst..dst + groups] {
                    *x = x.map(|x| op(x, imm));
                }
            }
        }
        Operand::Elements { src, step } => {
            for i in 0..run.count {
                let dst = (run.dst + i * run.dst_step) as usize * groups;
                let src = (src + i * step) as usize * groups;
                for group in 0..groups {
                    let y = acc[src + group];
                    let x = &mut acc[dst + group];
                    *x = std::array::from_fn(|lane| op(x[lane], y[lane]));
                }
            }
        }
    }
}

/// Elements whose lanes are no multiple of [`LANES`].
fn narrow(opcode: AluOpcode, acc: &mut [i32], run: &Run) {
    for i in 0..run.count {
        let dst = (run.dst + i * run.dst_step) as usize * run.lanes;
        for lane in 0..run.lanes {
            let y = match run.operand {
                Operand::Imm(imm) => imm,
                Operand::Elements { src, step } => acc[(src + i * step) as usize * run.lanes + lane],
            };
            acc[dst + lane] = portable::alu(opcode, acc[dst + lane], y);
        }
    }
}
