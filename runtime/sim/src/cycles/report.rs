//! The figures of a run in time, and on what they rest.

use super::Timing;
use crate::report::Overflow;
use crate::tokens::TokenCounts;
use std::fmt;
use tilewright_isa::{Alu, Config, Gemm, Insn, Mem, MemoryType, Op, Params};

/// Cycles in which the machine's resources were used, by instructions that have started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Cycles in which GEMM issued micro-ops, resets not included.
    pub gemm: u64,
    /// The same for resets.
    pub reset: u64,
    /// Cycles in which ALU issued micro-ops.
    pub alu: u64,
    /// Cycles in which a STORE ran.
    pub store: u64,
    /// Beats of granted reads, in the order of [`super::Client::ALL`].
    pub read_beats: [u64; super::CLIENTS],
    pub write_beats: u64,
}

/// A run that ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CycleReport {
    /// The cycle in which FINISH was done; without FINISH, that in which the last instruction was.
    pub cycles: u64,
    /// The FINISH that ended the run, if one did.
    pub finish: Option<usize>,
    /// Instructions that were done.
    pub executed: usize,
    pub work: Work,
    /// Tokens in the counters at the end.
    pub tokens_left: TokenCounts,
    /// Posts that a full counter lost: the first of each queue.
    pub overflows: Vec<Overflow>,
}

impl CycleReport {
    /// The share of the cycles in which GEMM issued micro-ops, resets not included; 0 for a run without cycles.
    pub fn gemm_utilisation(&self) -> f64 {
        self.work.gemm as f64 / self.cycles.max(1) as f64
    }
}

/// On what cycles rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The hardware can be built like this and was measured.
    Rtl,
    /// The same rules, applied to what the hardware cannot be built for or does otherwise.
    Extrapolated,
}

impl Basis {
    /// The word for it in reports.
    pub fn name(self) -> &'static str {
        match self {
            Basis::Rtl => "measured",
            Basis::Extrapolated => "extrapolated",
        }
    }
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Basis::Rtl => "rtl",
            Basis::Extrapolated => "extrapolated",
        })
    }
}

/// Whether the hardware itself would take the cycles that are simulated.
pub fn basis(config: &Config, insns: &[Insn], timing: &Timing) -> Basis {
    let preset = Timing { clock_mhz: Timing::DE10.clock_mhz, ..*timing }.name().is_some();
    if preset && has_core(config.params()) && insns.iter().all(|insn| is_measured(&insn.op)) {
        Basis::Rtl
    } else {
        Basis::Extrapolated
    }
}

/// Only batch 1 with 16×16 blocks of the default widths can be built; the buffers' sizes are free.
fn has_core(params: &Params) -> bool {
    let Params { log_inp_width, log_wgt_width, log_acc_width, log_batch, log_block_in, log_block_out, .. } = *params;
    [log_inp_width, log_wgt_width, log_acc_width, log_batch, log_block_in, log_block_out] == [3, 3, 5, 0, 4, 4]
}

/// Whether hardware has the instruction. Where there is nothing to do, its counters wrap.
fn is_measured(op: &Op) -> bool {
    match op {
        Op::Load(Mem { memory_type: MemoryType::Acc8Bit, .. }) => false,
        Op::Load(mem) | Op::Store(mem) => mem.is_noop() || mem.y_size > 0,
        Op::Gemm(gemm) => Gemm::uop_executions(gemm) > 0,
        Op::Alu(alu) => alu.alu_opcode.is_in_rtl() && Alu::uop_executions(alu) > 0,
        Op::Finish => true,
    }
}
