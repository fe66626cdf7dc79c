//! Chains of ALU instructions: operations on the same neighbouring elements, one after the other → the same results,
//! block by block.
//!
//! ACC is larger than the host's innermost cache, and schedules shift, add and clip the same elements in instructions
//! of their own. A chain holds such instructions back until something else wants to run and then takes a block of
//! elements through all of them. That is exact: an operation only joins if the elements it reads beside its own are
//! none that the chain writes, so blocks do not depend on each other.

use crate::kernels::Level;
use crate::kernels::alu::{self, Operand, Run};
use smallvec::SmallVec;
use std::ops::Range;
use tilewright_isa::AluOpcode;

/// Values that a block has at most: 8 KiB, and as much again where there is a second operand.
const BLOCK_VALUES: usize = 2048;
/// Operations that are held back at most.
const MAX_LENGTH: usize = 64;

/// Operations that have been checked and not yet been executed. Whoever looks at ACC must call [`Chain::flush`] first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chain {
    /// The elements that each operation writes, all of them once.
    dst: Range<i64>,
    lanes: usize,
    operations: SmallVec<[(AluOpcode, Operand); 8]>,
}

impl Chain {
    /// Executes the run, or holds it back. In the caller's frame, since passing the run through memory takes longer than
    /// holding it back.
    #[inline(always)]
    pub fn push(&mut self, level: Level, acc: &mut [i32], opcode: AluOpcode, run: Run) {
        let dst = run.dst..run.dst + run.count;
        if dst != self.dst || self.operations.len() == MAX_LENGTH {
            self.flush(level, acc);
        }
        if !joins(&run, &dst) {
            self.flush(level, acc);
            return alu::run(level, opcode, acc, run);
        }
        self.dst = dst;
        self.lanes = run.lanes;
        self.operations.push((opcode, run.operand));
    }

    /// Executes what was held back.
    #[inline]
    pub fn flush(&mut self, level: Level, acc: &mut [i32]) {
        if !self.operations.is_empty() {
            self.execute(level, acc);
        }
    }

    #[inline(never)]
    fn execute(&mut self, level: Level, acc: &mut [i32]) {
        let Range { start, end } = self.dst;
        // A single operation gains nothing from blocks.
        let whole = self.operations.len() == 1;
        let block = if whole { end - start } else { (BLOCK_VALUES / self.lanes).max(1) as i64 };
        let mut dst = start;
        while dst < end {
            let count = block.min(end - dst);
            for &(opcode, operand) in &self.operations {
                let operand = match operand {
                    Operand::Imm(_) => operand,
                    Operand::Elements { src, step } => Operand::Elements { src: src + (dst - start) * step, step },
                };
                alu::run(level, opcode, acc, Run { dst, dst_step: 1, count, operand, lanes: self.lanes });
            }
            dst += count;
        }
        self.operations.clear();
        self.dst = 0..0;
    }
}

/// Whether the run writes neighbours and reads nothing that it writes, beside each element itself.
#[inline]
fn joins(run: &Run, dst: &Range<i64>) -> bool {
    let apart = match run.operand {
        Operand::Imm(_) => true,
        Operand::Elements { src, step } => {
            let last = src + step * (run.count - 1);
            (src == dst.start && step == 1) || src.max(last) < dst.start || src.min(last) >= dst.end
        }
    };
    apart && (run.dst_step == 1 || run.count == 1)
}
