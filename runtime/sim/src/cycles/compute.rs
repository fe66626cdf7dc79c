//! How long the instructions take that do not touch memory: their micro-ops, one per interval, and the pipeline.

use super::Timing;
use tilewright_isa::{Alu, Gemm};

/// Cycles in which a GEMM issues micro-ops.
pub(super) fn gemm_issue_cycles(gemm: &Gemm, timing: &Timing) -> u64 {
    gemm.uop_executions() * timing.gemm_interval
}

/// Cycles in which an ALU instruction issues micro-ops.
pub(super) fn alu_issue_cycles(alu: &Alu, timing: &Timing) -> u64 {
    alu.uop_executions() * if alu.use_imm { timing.alu_imm_interval } else { timing.alu_reg_interval }
}
