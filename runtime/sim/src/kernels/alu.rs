//! ALU on runs: one operation applied to ACC elements a constant distance apart, in order.
//!
//! A later element of a run may read what an earlier one wrote, so elements follow one another; lanes of one element
//! do not depend on each other, whether or not source and destination are the same element.

use super::Level;
#[cfg(target_arch = "x86_64")]
use super::alu_x86;
use tilewright_isa::AluOpcode;

/// Lanes of which elements are made where vectors are used.
const LANES: usize = 16;

/// Elements of ACC: `count` destinations from `dst` on, `dst_step` apart, and as many sources. Counts are elements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub dst: i64,
    pub dst_step: i64,
    pub count: i64,
    pub operand: Operand,
    /// Lanes of an element.
    pub lanes: usize,
}

/// The second operand of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operand {
    Imm(i32),
    Elements { src: i64, step: i64 },
}

/// Applies the operation to the run.
pub(crate) fn run(level: Level, opcode: AluOpcode, acc: &mut [i32], run: Run) {
    #[cfg(target_arch = "x86_64")]
    if level != Level::Portable && run.lanes.is_multiple_of(LANES) {
        check(acc.len(), &run);
        let acc = acc.as_mut_ptr();
        return match level {
            // SAFETY: a simulator's level is available, elements are whole vectors, and `check` has seen the ends.
            Level::Avx512Vnni => unsafe { alu_x86::run_512(opcode, acc, run) },
            // SAFETY: as above.
            _ => unsafe { alu_x86::run_256(opcode, acc, run) },
        };
    }
    let _ = level;
    scalar(opcode, acc, &run);
}

/// Asserts that the first and the last element of the run lie in so many values, and so all between them.
#[cfg(target_arch = "x86_64")]
fn check(len: usize, run: &Run) {
    let depth = (len / run.lanes) as i64;
    let within = |first: i64, step: i64| {
        let last = first + step * (run.count - 1);
        first >= 0 && first < depth && last >= 0 && last < depth
    };
    assert!(within(run.dst, run.dst_step));
    if let Operand::Elements { src, step } = run.operand {
        assert!(within(src, step));
    }
}

fn scalar(opcode: AluOpcode, acc: &mut [i32], run: &Run) {
    // Apart from one another, so that each loop is compiled for its operation.
    match opcode {
        AluOpcode::Min => each(acc, run, |x, y| AluOpcode::Min.eval(x, y)),
        AluOpcode::Max => each(acc, run, |x, y| AluOpcode::Max.eval(x, y)),
        AluOpcode::Add => each(acc, run, |x, y| AluOpcode::Add.eval(x, y)),
        AluOpcode::Shr => each(acc, run, |x, y| AluOpcode::Shr.eval(x, y)),
        AluOpcode::Mul => each(acc, run, |x, y| AluOpcode::Mul.eval(x, y)),
    }
}

#[inline(always)]
fn each(acc: &mut [i32], run: &Run, op: impl Fn(i32, i32) -> i32) {
    for i in 0..run.count {
        let dst = (run.dst + i * run.dst_step) as usize * run.lanes;
        match run.operand {
            Operand::Imm(imm) => acc[dst..dst + run.lanes].iter_mut().for_each(|x| *x = op(*x, imm)),
            Operand::Elements { src, step } => {
                let src = (src + i * step) as usize * run.lanes;
                for lane in 0..run.lanes {
                    acc[dst + lane] = op(acc[dst + lane], acc[src + lane]);
                }
            }
        }
    }
}
