//! The roofline: what a run computes and moves → operations per byte, attained and attainable.
//!
//! A multiply-accumulate of the GEMM core is two operations; resets and the ALU do none. Bytes are what went over the
//! buses, so a row that is widened to whole beats counts as widened, and the instructions themselves count.
//!
//! Reads and writes have ways of their own to memory. Their bandwidth together therefore depends on the mix: it is all
//! bytes over the cycles of whichever of the two takes longer. With it, attained never exceeds attainable.

use super::bound::Bound;
use crate::cycles::{NEVER, Tables, Timing};
use tilewright_isa::{Config, Insn, Op};

/// What keeps a run below its peak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    Compute,
    Memory,
    /// Neither roof is reached: it waits.
    Neither,
}

/// The share of a roof from which on it counts as reached.
const REACHED: f64 = 0.9;

/// A run under the roofs of its machine. Per cycle, unless it says otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Roofline {
    pub operations: u64,
    pub bytes_read: u64,
    pub bytes_written: u64,
    /// Operations per byte; 0 without bytes.
    pub intensity: f64,
    /// Bytes per cycle that the two ways to memory carry of this mix.
    pub bandwidth: f64,
    /// Operations per cycle of a GEMM core that never waits.
    pub peak: f64,
    pub attained: f64,
    /// The lower of the two roofs.
    pub attainable: f64,
    /// Which of the roofs is lower, as [`Limit::Compute`] or [`Limit::Memory`].
    pub roof: Limit,
}

impl Roofline {
    /// Of a run with these tables, bound and cycles.
    pub fn of(
        config: &Config,
        insns: &[Insn],
        tables: &Tables,
        timing: &Timing,
        bound: &Bound,
        cycles: u64,
    ) -> Roofline {
        let per_uop = 2 * (config.batch() * config.block_in() * config.block_out()) as u64;
        let done = insns.iter().zip(&tables.insns).filter(|(_, times)| times.done != NEVER);
        let uops: u64 = done.map(|(insn, _)| products(insn)).sum();
        let written = tables.writes.iter().filter(|write| write.acknowledged != NEVER).map(|write| write.beats);
        let (bytes_read, bytes_written) = (bound.read * timing.bus_bytes, written.sum::<u64>() * timing.bus_bytes);
        let (operations, bytes) = (uops * per_uop, (bytes_read + bytes_written) as f64);
        let intensity = ratio(operations as f64, bytes);
        let bandwidth = ratio(bytes, bound.read.max(bound.store) as f64);
        let peak = per_uop as f64 / timing.gemm_interval as f64;
        let memory = intensity * bandwidth;
        let attained = ratio(operations as f64, cycles as f64);
        let roof = if peak <= memory { Limit::Compute } else { Limit::Memory };
        let attainable = peak.min(memory);
        Roofline { operations, bytes_read, bytes_written, intensity, bandwidth, peak, attained, attainable, roof }
    }

    /// The share of the attainable that was attained; 0 where nothing is.
    pub fn share(&self) -> f64 {
        ratio(self.attained, self.attainable)
    }

    /// The roof that holds the run down, if it comes near to it.
    pub fn limit(&self) -> Limit {
        if self.share() >= REACHED { self.roof } else { Limit::Neither }
    }
}

/// Micro-ops with products.
fn products(insn: &Insn) -> u64 {
    match &insn.op {
        Op::Gemm(gemm) if !gemm.reset => gemm.uop_executions(),
        _ => 0,
    }
}

fn ratio(dividend: f64, divisor: f64) -> f64 {
    if divisor == 0.0 { 0.0 } else { dividend / divisor }
}
