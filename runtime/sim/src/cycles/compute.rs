//! How long the instructions take that do not touch memory: their micro-ops, one per interval, and the pipeline.

use super::timing::Timing;
use tilewright_isa::{Alu, Gemm};

/// Cycles of a GEMM, from its start until it is done.
pub(super) fn gemm_cycles(gemm: &Gemm, timing: &Timing) -> u64 {
    gemm.uop_executions() * timing.gemm_interval + timing.gemm_depth
}

/// Cycles in which an ALU instruction issues micro-ops.
pub(super) fn alu_issue_cycles(alu: &Alu, timing: &Timing) -> u64 {
    alu.uop_executions() * if alu.use_imm { timing.alu_imm_interval } else { timing.alu_reg_interval }
}
