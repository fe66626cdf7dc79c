//! Streams that the tests of profiles are made of.

use tilewright_isa::{Config, Gemm, Insn, Mem, MemoryType, Op, Tokens};
use tilewright_sim::TokenCounts;
use tilewright_sim::cycles::{CycleOptions, Timing};
use tilewright_sim::profile::{Profile, TimedStream, profile};

pub const NONE: Tokens = Tokens { pop_prev: false, pop_next: false, push_prev: false, push_next: false };

/// A row of elements from device memory.
pub fn load(memory_type: MemoryType, x_size: u16, tokens: Tokens) -> Insn {
    Insn { tokens, op: Op::Load(Mem { x_size, y_size: 1, x_stride: x_size, ..Mem::noop(memory_type) }) }
}

/// A product of so many micro-ops, all on the same elements.
pub fn gemm(executions: u32, tokens: Tokens) -> Insn {
    let gemm = Gemm {
        reset: false,
        uop_bgn: 0,
        uop_end: 1,
        iter_out: executions,
        iter_in: 1,
        dst_factor_out: 0,
        dst_factor_in: 0,
        src_factor_out: 0,
        src_factor_in: 0,
        wgt_factor_out: 0,
        wgt_factor_in: 0,
    };
    Insn { tokens, op: Op::Gemm(gemm) }
}

pub fn finish(tokens: Tokens) -> Insn {
    Insn { tokens, op: Op::Finish }
}

/// Profiles on the default machine; the stream must end.
pub fn profiled(insns: &[Insn], timing: &Timing, tokens_before: TokenCounts) -> Profile {
    let config = Config::default();
    let insn_base = CycleOptions::default().insn_base;
    profile(&TimedStream { config: &config, insns, tokens_before, insn_base }, timing).expect("the stream ends")
}
